/**
 * Why a node did not start, for whoever has to mend it: one line where it is something outside the program (a setting, a
 * file, a port, the data directory), the stack where it is a fault of ours.
 */
import { ConfigurationRefused, type StoreConfiguration } from '@app/config';
import { TriptychError } from '@app/contracts';

/** @param configuration null while it could not be read */
export function startFailure(error: unknown, configuration: Pick<StoreConfiguration, 'nodeId' | 'dataDirectory'> | null): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigurationRefused) return error.message;
  if (configuration === null) return error.stack ?? error.message;
  const { nodeId, dataDirectory } = configuration;
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall === 'listen') {
    return `${nodeId} cannot listen on ${address}:${port}: ${code === 'EADDRINUSE' ? 'the port is in use' : error.message}`;
  }
  if (error instanceof TriptychError) {
    return `${nodeId}: ${error.message}${error.message.includes(dataDirectory) ? '' : ` (${dataDirectory})`}`;
  }
  const isOutside = syscall !== undefined || error.name === 'Error';
  return isOutside ? `${nodeId}: ${error.message}` : (error.stack ?? error.message);
}
