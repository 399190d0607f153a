/** The code of the error that it throws; 'none' where it throws none. */
export function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
}
