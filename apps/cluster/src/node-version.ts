/** The oldest Node under which a cluster runs; `npm start` brings its own, newer one. */
const OLDEST_NODE_MAJOR = 24;

/** What is wrong with this Node, or null. @param version as `process.versions.node` has it */
export function tooOldNode(version: string): string | null {
  if (Number.parseInt(version, 10) >= OLDEST_NODE_MAJOR) return null;
  return `Node ${OLDEST_NODE_MAJOR} or newer is needed to run a cluster, and this is Node ${version}: npm start uses the one that package.json pins`;
}
