/** A promise that was broken, and what shows it. */
export interface Violation {
  readonly rule: Rule;
  readonly what: string;
  /** The operations that show it. */
  readonly operations: readonly string[];
}

export type Rule =
  // the two promises, and what quorum reads owe each other
  | 'add-lost'
  | 'removed-came-back'
  | 'read-went-back'
  // of every read
  | 'from-nowhere'
  | 'shown-twice'
  // of sessions with a token
  | 'own-write-unseen'
  | 'session-went-back'
  // of items whose value is set
  | 'overwritten-came-back'
  | 'not-a-register'
  // of lists that are only ever used at LINEARIZABLE
  | 'not-linearizable'
  // of what replies say of themselves
  | 'false-claim'
  // afterwards, when all is mended
  | 'order-differs'
  | 'replicas-differ'
  | 'context-grew'
  | 'no-progress'
  | 'leak'
  // of the run itself
  | 'broken-invariant';
