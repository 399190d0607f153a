/** What every process with an HTTP face shares: the admin port, problem+json, trace ids, and the files that hold secrets. */
export { ADMIN, ADMIN_HOST, adminServer, type AdminPage, type AdminPorts, type AdminRoute } from './admin-server.js';
export { faultRoutes, type FaultLog, type InjectableFaults } from './fault-routes.js';
export { type LoopDelay, loopDelayRoute } from './loop-delay.js';
export {
  PROBLEM_JSON,
  problemOf,
  PROBLEMS,
  refusalOf,
  refuse,
  requestInvalid,
  type ErrorLog,
  type Problem,
  type SchemaIssue,
} from './problem.js';
export { adminToken, clusterSecrets, type ClusterSecret } from './secret-file.js';
export { traceIds, type TraceIdOf } from './trace-id.js';
