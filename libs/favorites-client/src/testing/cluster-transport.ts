/**
 * The way from a client to the nodes of a simulated cluster. Calls take their time, and a node can be made to fail as real
 * ones do: a dead process refuses, one that dies takes its calls with it, and a stopped one (SIGSTOP) takes requests in
 * and answers nobody, until it goes on and does all that it was asked in the meantime, whether the callers are still
 * there or not.
 */
import { type CallContext, type NodeId, PATTERNS, TriptychError } from '@app/contracts';
import { answerOf, type TestCluster } from '@app/store/testing';
import { Observable, type Subscriber } from 'rxjs';
import type { NodeAddress, StoreTransport } from '../store-transport.js';

interface Call {
  readonly node: NodeId;
  readonly subscriber: Subscriber<unknown>;
  readonly serve: () => void;
}

const ONE_WAY_MS = 0.5;

export class ClusterTransport implements StoreTransport {
  readonly #calls = new Set<Call>();
  readonly #stopped = new Map<string, Call[]>();
  readonly #dead = new Set<string>();
  /** Calls made, as "a1 store.commit". */
  readonly log: string[] = [];
  /** Loses the answer of a call (true), or the call itself (false), with its connection; null lets it be. */
  lose: (pattern: string, payload: unknown) => boolean | null = () => null;

  constructor(readonly cluster: TestCluster) {}

  isDown({ node }: NodeAddress): boolean {
    return this.#dead.has(node!);
  }

  call(to: NodeAddress, pattern: string, payload: unknown, context: CallContext): Observable<unknown> {
    return new Observable((subscriber) => {
      const node = to.node!;
      this.log.push(`${node} ${pattern}`);
      const losing = this.lose(pattern, payload);
      const call: Call = { node, subscriber, serve: () => this.#serve(call, pattern, payload, context, losing === true) };
      this.#calls.add(call);
      subscriber.add(() => this.#calls.delete(call));
      this.#later(() => {
        if (losing === false) return this.#fail(call, 'WIRE_CONNECTION_LOST');
        if (this.#dead.has(node)) return this.#fail(call, 'WIRE_UNREACHABLE');
        const waiting = this.#stopped.get(node);
        if (waiting !== undefined) waiting.push(call);
        else call.serve();
      });
    });
  }

  /** SIGKILL. */
  crash(node: string): void {
    this.#dead.add(node);
    this.#stopped.delete(node);
    this.cluster.crash(node);
    for (const call of [...this.#calls]) if (call.node === node) this.#fail(call, 'WIRE_CONNECTION_LOST');
  }

  start(node: string): void {
    this.cluster.start(node);
    this.#dead.delete(node);
  }

  /** SIGSTOP, towards clients: what peers ask of it is still answered. */
  stop(node: string): void {
    if (!this.#dead.has(node) && !this.#stopped.has(node)) this.#stopped.set(node, []);
  }

  /** SIGCONT. */
  goOn(node: string): void {
    const waiting = this.#stopped.get(node) ?? [];
    this.#stopped.delete(node);
    for (const call of waiting) call.serve();
  }

  #serve(call: Call, pattern: string, payload: unknown, context: CallContext, loseAnswer: boolean): void {
    const answering = answerOf(this.cluster.node(call.node), pattern, payload, context).subscribe({
      next: (value) =>
        this.#later(() => {
          if (loseAnswer) return this.#fail(call, 'WIRE_CONNECTION_LOST');
          if (pattern === PATTERNS.watch) return this.#emit(call, value);
          call.subscriber.next(value);
          call.subscriber.complete();
        }),
      error: (error: unknown) => this.#later(() => call.subscriber.error(error)),
    });
    call.subscriber.add(answering);
  }

  /** A stream goes on; what a stopped process had to say waits with it. */
  #emit(call: Call, value: unknown): void {
    const waiting = this.#stopped.get(call.node);
    if (waiting === undefined) call.subscriber.next(value);
    else waiting.push({ ...call, serve: () => call.subscriber.next(value) });
  }

  #fail({ subscriber, node }: Call, code: 'WIRE_UNREACHABLE' | 'WIRE_CONNECTION_LOST'): void {
    subscriber.error(new TriptychError(code, `the connection to ${node}`, { node }));
  }

  #later(task: () => void): void {
    this.cluster.clock.after(ONE_WAY_MS, task);
  }
}
