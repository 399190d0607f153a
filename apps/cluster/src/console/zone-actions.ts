/**
 * What a person does to a zone from the console. Killing and pausing go to the supervisor, as they do from the command line;
 * a slow zone and a cut are rules on the wire, given to every process that the zone's traffic leaves from, by their admin
 * ports. All four are refused in a cluster that was not started with faults on. `heal` undoes them all and is always allowed.
 *
 * Rules live in a process's memory. Each is remembered with the pid that it was given to, so that healing never lifts a rule
 * that somebody else gave to a process started since.
 */
import { TriptychError, type ActionAnswer, type ZoneAction } from '@app/contracts';
import { adminCall } from '../admin-call.js';
import type { Action, ActionOutcome } from '../admin-socket.js';
import type { ProcessRecord } from '../cluster-file.js';

/** What is needed of the supervisor. */
export interface HarmedCluster {
  readonly processes: readonly ProcessRecord[];
  readonly adminTokenFile: string;
  act(action: Action, target: string): Promise<readonly ActionOutcome[]>;
}

interface WireRule {
  readonly peer: string;
  /** As @app/wire has them. */
  readonly fault: 'hold' | { readonly delayMs: number };
}

interface GivenRule {
  readonly process: string;
  readonly pid: number | null;
  readonly id: string;
}

interface Harm {
  readonly kind: 'slow' | 'cut';
  readonly rules: readonly GivenRule[];
}

/** What everything that a slow zone sends waits: a healthy answer takes one to five. */
const SLOW_MS = 40;
const CALL_TIMEOUT_MS = 5_000;

export class ZoneActions {
  readonly #harms = new Map<string, Harm>();

  /** @param faultsOn whether the store nodes of this cluster take rules */
  constructor(
    private readonly cluster: HarmedCluster,
    private readonly faultsOn: () => boolean,
  ) {}

  /** What was done to a zone on the wire, and not undone. */
  harmOf(zone: string): Harm['kind'] | null {
    return this.#harms.get(zone)?.kind ?? null;
  }

  /** @throws ACCESS_DENIED where faults are off; ROUTE_UNKNOWN; ClusterRefused */
  async act(action: ZoneAction, zone: string): Promise<ActionAnswer> {
    if (!this.cluster.processes.some((process) => process.zone === zone)) throw new TriptychError('ROUTE_UNKNOWN', 'there is no such zone', { zone });
    if (action === 'heal') return this.#heal(zone);
    if (!this.faultsOn()) throw new TriptychError('ACCESS_DENIED', 'this cluster was not started with --faults: no zone of it is harmed from here');
    if (action === 'kill' || action === 'pause') return answerOf(await this.cluster.act(action, zone));
    await this.#lift(zone);
    const rules = await this.#give(action === 'slow' ? this.#slowed(zone) : this.#cut(zone));
    this.#harms.set(zone, { kind: action, rules });
    return { done: true, text: `${zone} is ${action}: ${rules.length} rules on the wire` };
  }

  async #heal(zone: string): Promise<ActionAnswer> {
    // First, since a process that is stopped lifts nothing.
    const resumed = await this.cluster.act('resume', zone);
    const lifted = await this.#lift(zone);
    const started = await this.cluster.act('start', zone);
    const failed = started.filter(({ done }) => !done);
    if (failed.length > 0) return answerOf(failed);
    const count = (outcomes: readonly ActionOutcome[], text: string) => outcomes.filter((outcome) => outcome.text === text).length;
    return { done: true, text: `${zone} healed: ${count(started, 'started')} started, ${count(resumed, 'resumed')} resumed, ${lifted} rules lifted` };
  }

  /** What leaves the zone, and what goes from one process of it to another, waits. */
  #slowed(zone: string): [ProcessRecord, WireRule][] {
    return this.#ruled().flatMap((process): [ProcessRecord, WireRule][] => (process.zone === zone ? [[process, { peer: '*', fault: { delayMs: SLOW_MS } }]] : []));
  }

  /** Nothing goes from inside to outside or back; it waits, as it would in TCP, until the cut is healed or the connection is given up. */
  #cut(zone: string): [ProcessRecord, WireRule][] {
    const all = this.#ruled();
    return all.flatMap((process) =>
      all.flatMap((peer): [ProcessRecord, WireRule][] => ((process.zone === zone) !== (peer.zone === zone) ? [[process, { peer: peer.name, fault: 'hold' }]] : [])),
    );
  }

  /** All that have a wire. */
  #ruled(): ProcessRecord[] {
    return this.cluster.processes.filter(({ adminPort }) => adminPort !== null);
  }

  /** A process that does not run has no rules; what it is to send is not sent anyway. */
  async #give(rules: readonly [ProcessRecord, WireRule][]): Promise<GivenRule[]> {
    const given = await Promise.allSettled(
      rules.filter(([{ state }]) => state === 'running').map(async ([process, rule]): Promise<GivenRule> => {
        const { id } = await adminCall<{ id: string }>(this.cluster.adminTokenFile, process, { method: 'POST', path: 'faults', body: rule, timeoutMs: CALL_TIMEOUT_MS });
        return { process: process.name, pid: process.pid, id };
      }),
    );
    const kept = given.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failure = given.find((one) => one.status === 'rejected');
    if (failure === undefined) return kept;
    await Promise.allSettled(kept.map((rule) => this.#liftOne(rule)));
    throw failure.reason as Error;
  }

  /** @returns how many rules were lifted */
  async #lift(zone: string): Promise<number> {
    const rules = this.#harms.get(zone)?.rules ?? [];
    this.#harms.delete(zone);
    const lifted = await Promise.allSettled(rules.map((rule) => this.#liftOne(rule)));
    return lifted.filter((one) => one.status === 'fulfilled' && one.value).length;
  }

  async #liftOne({ process: name, pid, id }: GivenRule): Promise<boolean> {
    const process = this.cluster.processes.find((one) => one.name === name);
    if (process === undefined || process.pid !== pid || pid === null) return false;
    await adminCall(this.cluster.adminTokenFile, process, { method: 'DELETE', path: `faults/${id}`, timeoutMs: CALL_TIMEOUT_MS });
    return true;
  }
}

function answerOf(outcomes: readonly ActionOutcome[]): ActionAnswer {
  return { done: outcomes.every(({ done }) => done), text: outcomes.map(({ name, text }) => `${name} ${text}`).join(', ') };
}
