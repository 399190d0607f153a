import { circuitContract } from './testing/circuit-contract.js';
import { ownWorld } from './testing/worlds.js';

circuitContract('own circuit in virtual time', ownWorld);
