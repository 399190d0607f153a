/**
 * Attributes: what a list can be filtered by. A table that has them (table-schema.ts) asks its writers for values of one
 * form: the byte 1, then a JSON object, whose members that are strings are the item's attributes. They are part of the
 * value, so whatever makes replicas agree on values makes them agree on attributes, and nothing else has to.
 *
 * Refused: a map beside the value in every version and every entry of the order, twice the bytes of what a favorite holds;
 * and an index per attribute, which every write would pay for and a list of some hundred items does not need.
 */
const FORM = 1;

export type Attributes = Readonly<Record<string, unknown>>;

/** A value of another form has no attributes: it matches nothing, and is no less in the list. */
export function attributesOf(value: Uint8Array): Attributes {
  if (value[0] !== FORM) return NONE;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value.buffer, value.byteOffset + 1, value.byteLength - 1).toString());
    return typeof parsed === 'object' && parsed !== null ? (parsed as Attributes) : NONE;
  } catch {
    return NONE;
  }
}

/** Whether an item has all these attributes, compared as they are. */
export function matches(value: Uint8Array, where: Readonly<Record<string, string>>): boolean {
  const attributes = attributesOf(value);
  return Object.entries(where).every(([name, wanted]) => Object.hasOwn(attributes, name) && attributes[name] === wanted);
}

const NONE: Attributes = {};
