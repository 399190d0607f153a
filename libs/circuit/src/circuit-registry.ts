/**
 * One circuit per dependency and instance: a dead node must not close the way to its siblings. Circuits are made when
 * first asked for and kept until retired, so memory is bounded by the instances that are members, not by calls.
 */
import { assert } from '@app/contracts';
import { Subject, type Observable } from 'rxjs';
import { assertPolicy, type CircuitPolicy } from './circuit-policy.js';
import type { Circuit, Transition } from './circuit.js';

/** Policies by the name of the dependency they are for. */
export type CircuitPolicies = Readonly<Record<string, CircuitPolicy>>;

/** Chooses the state machine: `ownCircuit` on a clock, or `opossumCircuit`. */
export type CircuitMaker = (name: string, policy: CircuitPolicy) => Circuit;

export class CircuitRegistry {
  readonly #circuits = new Map<string, Circuit>();
  readonly #transitions = new Subject<Transition>();
  /** Changes of state of all circuits, those made later too; hot, completes at `stop`. */
  readonly transitions$: Observable<Transition> = this.#transitions.asObservable();
  #stopped = false;

  /** @throws InvariantViolation when a policy means nothing, or a name could be taken for dependency/instance */
  constructor(
    private readonly policies: CircuitPolicies,
    private readonly make: CircuitMaker,
  ) {
    for (const [dependency, policy] of Object.entries(policies)) {
      assert(!dependency.includes('/'), `the name of the dependency ${dependency} has a slash in it`);
      assertPolicy(policy);
    }
  }

  /**
   * The circuit of a dependency, or of one instance of it; the same one each time.
   * @throws InvariantViolation when the dependency has no policy, or the registry has stopped
   */
  circuit(dependency: string, instance?: string): Circuit {
    const name = nameOf(dependency, instance);
    const known = this.#circuits.get(name);
    if (known !== undefined) return known;
    assert(!this.#stopped, `the registry has stopped and makes no circuit ${name}`);
    const policy = Object.hasOwn(this.policies, dependency) ? this.policies[dependency] : undefined;
    assert(policy !== undefined, `no circuit policy for the dependency ${dependency}`);
    const circuit = this.make(name, policy);
    this.#circuits.set(name, circuit);
    circuit.transitions$.subscribe((transition) => this.#transitions.next(transition));
    return circuit;
  }

  /** The instance is gone for good: its circuit stops and is forgotten. Retiring what is not there does nothing. */
  retire(dependency: string, instance?: string): void {
    const name = nameOf(dependency, instance);
    this.#circuits.get(name)?.stop();
    this.#circuits.delete(name);
  }

  /** Those that exist now, in the order in which they were made. */
  all(): readonly Circuit[] {
    return [...this.#circuits.values()];
  }

  stop(): void {
    this.#stopped = true;
    for (const circuit of this.#circuits.values()) circuit.stop();
    this.#circuits.clear();
    this.#transitions.complete();
  }
}

const nameOf = (dependency: string, instance?: string): string =>
  instance === undefined ? dependency : `${dependency}/${instance}`;
