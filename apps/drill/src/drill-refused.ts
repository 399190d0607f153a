/** The drill cannot be run as asked; the message says why and what would help, for whoever asked. */
export class DrillRefused extends Error {
  override readonly name = 'DrillRefused';
}
