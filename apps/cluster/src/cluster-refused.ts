/** A refusal that one line explains: what is wrong and how to go on. Shown without a stack; the process exits with 1. */
export class ClusterRefused extends Error {
  override readonly name = 'ClusterRefused';
}
