/** Reads the table of docs/ERRORS.md, and says where it and the code disagree, in both directions. */

export interface ErrorRow {
  readonly applied: string;
  readonly breaker: string;
  readonly status: number;
}

/** Rows by code. A row that says nothing of what happened, or of what to do, is a fault. */
export function readErrorTable(markdown: string): { rows: Map<string, ErrorRow>; faults: string[] } {
  const rows = new Map<string, ErrorRow>();
  const faults: string[] = [];
  for (const line of markdown.split('\n').filter((candidate) => candidate.startsWith('| `'))) {
    const cells = line.split('|').slice(1, -1).map((cell) => cell.trim());
    const [code = '', meaning = '', applied = '', breaker = '', status = '', advice = ''] = cells;
    const name = code.replaceAll('`', '');
    if (cells.length !== 6 || meaning === '' || advice === '') faults.push(`${name}: a row has six cells, none empty`);
    if (rows.has(name)) faults.push(`${name}: has two rows`);
    rows.set(name, { applied, breaker, status: Number(status) });
  }
  return { rows, faults };
}

/** One line for each disagreement of the document with the code. */
export function disagreements(markdown: string, code: Readonly<Record<string, ErrorRow>>): string[] {
  const { rows, faults } = readErrorTable(markdown);
  const undocumented = Object.keys(code).filter((name) => !rows.has(name)).map((name) => `${name}: not documented`);
  const different = [...rows].flatMap(([name, row]) => {
    const real = code[name];
    if (real === undefined) return [`${name}: no such code`];
    return (['applied', 'breaker', 'status'] as const)
      .filter((column) => row[column] !== real[column])
      .map((column) => `${name}: ${column} is ${real[column]}, documented as ${row[column]}`);
  });
  return [...faults, ...undocumented, ...different];
}
