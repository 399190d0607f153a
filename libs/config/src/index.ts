export {
  clusterConfiguration,
  ConfigurationRefused,
  gatewayConfiguration,
  roundRobinConfiguration,
  storeConfiguration,
  type Address,
  type ClusterConfiguration,
  type Environment,
  type GatewayConfiguration,
  type LogLevel,
  type RoundRobinConfiguration,
  type StoreConfiguration,
} from './configuration.js';
export { createLogger, type LoggerIdentity } from './logger.js';
