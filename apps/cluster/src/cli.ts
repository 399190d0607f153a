/** `npm run cluster -- ...` */
import { ConfigurationRefused } from '@app/config';
import { runCommand } from './cluster-command.js';
import { ClusterRefused } from './cluster-refused.js';

try {
  process.exitCode = await runCommand(process.argv.slice(2), process.env, (line) => console.log(line));
} catch (error) {
  if (!(error instanceof ClusterRefused || error instanceof ConfigurationRefused)) throw error;
  console.error(`triptych: ${error.message}`);
  process.exitCode = 1;
}
