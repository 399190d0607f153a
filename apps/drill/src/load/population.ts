/**
 * Who asks for what: of the users some far more than others, each with as many devices as act at the same moment. A device
 * does one thing after the other, so one that is busy is not given a second thing: the next of its user's devices is taken,
 * or a new one comes. So nobody waits in line, which would close the loop again.
 */
import type { Level } from '@app/history';
import type { SeededRandom } from '@app/time';
import { type Action, Device, type DeviceProfile, type DeviceWorld } from './device.js';
import { LINEARIZABLE_FILMS, LINEARIZABLE_SHARE, LINEARIZABLE_USERS, type LoadPlan, type Mix } from './load-plan.js';
import type { DeviceKind, OperationKind } from './sample.js';
import { Zipf } from './zipf.js';

/** One in so many adds is of a film that nobody ever removes: what is lost of those stays lost, and is seen at the end. */
const KEPT_SHARE = 0.2;

interface Habit {
  readonly weight: number;
  readonly readLevel: Level;
  readonly writeLevel: Level;
  readonly fallback: Level | null;
  readonly keepsToken: boolean;
}

const HABITS: readonly Habit[] = [
  { weight: 50, readLevel: 'QUORUM', writeLevel: 'QUORUM', fallback: null, keepsToken: false },
  { weight: 10, readLevel: 'QUORUM', writeLevel: 'QUORUM', fallback: null, keepsToken: true },
  { weight: 20, readLevel: 'SESSION', writeLevel: 'SESSION', fallback: null, keepsToken: true },
  { weight: 10, readLevel: 'ONE', writeLevel: 'QUORUM', fallback: null, keepsToken: false },
  { weight: 10, readLevel: 'QUORUM', writeLevel: 'QUORUM', fallback: 'ONE', keepsToken: false },
];
const LINEARIZABLE: Habit = { weight: 1, readLevel: 'LINEARIZABLE', writeLevel: 'LINEARIZABLE', fallback: null, keepsToken: false };

export interface Turn {
  readonly device: Device;
  readonly action: Action;
  /** Gives the device back: it may act again. */
  readonly release: () => void;
}

export class Population {
  readonly #users: Zipf;
  readonly #idle = new Map<string, Device[]>();
  #devices = 0;
  #kept = 0;

  constructor(
    private readonly plan: LoadPlan,
    private readonly world: DeviceWorld,
    private readonly random: SeededRandom,
  ) {
    this.#users = new Zipf(plan.users, plan.skew);
  }

  /** Every list there is. */
  get users(): string[] {
    return [...Array.from({ length: this.plan.users }, (_, index) => userName(this.plan, index)), ...linearizableUsers(this.plan)];
  }

  next(): Turn {
    const { plan, random } = this;
    const isLinearizable = random.fraction() < LINEARIZABLE_SHARE;
    const user = isLinearizable ? random.pick(linearizableUsers(plan)) : userName(plan, this.#users.draw(random));
    const kind: DeviceKind = random.fraction() < plan.roamingShare ? 'roaming' : 'zone';
    const home = random.below(plan.gateways.length);
    const action = this.#action(isLinearizable);
    const key = `${user}/${kind}/${kind === 'zone' ? home : ''}`;
    const idle = this.#idle.get(key) ?? [];
    this.#idle.set(key, idle);
    const habit = isLinearizable ? LINEARIZABLE : weighted(HABITS, random);
    const device = idle.length > 0 ? idle.splice(random.below(idle.length), 1)[0]! : new Device(this.#profile(user, kind, home, habit), this.world);
    return { device, action, release: () => void idle.push(device) };
  }

  #profile(user: string, kind: DeviceKind, home: number, habit: Habit): DeviceProfile {
    const { readLevel, writeLevel, fallback, keepsToken } = habit;
    return { name: `${kind}-${this.#devices++}`, user, kind, home, readLevel, writeLevel, fallback, keepsToken };
  }

  #action(isLinearizable: boolean): Action {
    const { plan, random } = this;
    const kind = weightedKind(isLinearizable ? { ...plan.mix, move: 0, home: 0 } : plan.mix, random);
    if (kind === 'list' || kind === 'home') return { kind };
    if (kind === 'add' && !isLinearizable && random.fraction() < KEPT_SHARE) return { kind, film: `kept-${this.#kept++}` };
    return { kind, film: filmName(random.below(isLinearizable ? LINEARIZABLE_FILMS : 2 * plan.listSize)) };
  }
}

type Names = Pick<LoadPlan, 'userPrefix'>;
export const userName = ({ userPrefix }: Names, index: number): string => `${userPrefix}${index}`;
export const filmName = (index: number): string => `film-${index}`;
export const linearizableUsers = ({ userPrefix }: Names): string[] => Array.from({ length: LINEARIZABLE_USERS }, (_, index) => `${userPrefix}one-${index}`);

function weighted<T extends { readonly weight: number }>(items: readonly T[], random: SeededRandom): T {
  let left = random.fraction() * items.reduce((sum, { weight }) => sum + weight, 0);
  return items.find(({ weight }) => (left -= weight) < 0) ?? items[0]!;
}

function weightedKind(mix: Mix, random: SeededRandom): OperationKind {
  const kinds = (Object.entries(mix) as [OperationKind, number][]).map(([kind, weight]) => ({ kind, weight }));
  return weighted(kinds, random).kind;
}
