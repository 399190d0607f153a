import { circuitContract } from './testing/circuit-contract.js';
import { opossumWorld } from './testing/worlds.js';

circuitContract('opossum circuit under fake timers', opossumWorld);
