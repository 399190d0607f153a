/**
 * All that a gateway needs of the world, in one place: what it is (zone, id), what it talks to (a `ListStore`), and what
 * it may not reach for itself (time, chance, secrets). main.ts fills it with real things, tests with doubles.
 */
import type { AccessPolicy, TriptychError, ZoneId } from '@app/contracts';
import type { ListStore, SealSecret } from '@app/favorites-client';
import type { Services } from '@app/services';
import type { Clock, Random } from '@app/time';
import type { Logger } from 'pino';

export interface GatewayPorts {
  readonly gatewayId: string;
  readonly zone: ZoneId;
  readonly listStore: ListStore;
  /** What endpoints are composed of. */
  readonly services: Services;
  /** Why requests cannot be served at this moment (no ring known, no quorum in reach); null when they can. */
  readonly obstacle: () => TriptychError | null;
  /** What the connection to the store knows, for an administrator: the ring's epoch, the state of each circuit. */
  readonly storeState: () => Readonly<Record<string, unknown>>;
  readonly accessPolicy: AccessPolicy;
  /** Seal retry tokens and cursors: the first seals, all open. The same in every gateway of a cluster. */
  readonly secrets: readonly SealSecret[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long a device's request may take, ms: what every call made for it is given as its deadline. */
  readonly requestTimeoutMs: number;
}

export const GATEWAY_PORTS = Symbol('GatewayPorts');
