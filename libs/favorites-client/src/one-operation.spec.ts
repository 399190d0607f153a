/**
 * One operation, many attempts (docs/row-model.md), from the client's side: whatever the nodes and the network do, and whenever
 * the caller leaves. Random scripts for every call; what was sent, and what took effect, is judged afterwards.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assert, type CommitRequest, type ErrorCode, ERRORS, type Operation, TriptychError } from '@app/contracts';
import { SeededRandom } from '@app/time';
import type { PendingWrite } from './list-store.js';
import { ClientScene, rowPlaced } from './testing/client-scene.js';
import { type Behaviour, itemsOf, type SentCall } from './testing/scripted-transport.js';

const ROW = rowPlaced(['a1', 'b1', 'c1']);
const value = Uint8Array.of(7);
/** Each changes the list a, b, c visibly. */
const CHANGES: readonly { item: string; operation: Operation; list: string[] }[] = [
  { item: 'new', operation: { kind: 'add', value }, list: ['a', 'b', 'c', 'new'] },
  { item: 'new', operation: { kind: 'add', value, placement: { before: 'c' } }, list: ['a', 'b', 'new', 'c'] },
  { item: 'b', operation: { kind: 'move', placement: 'first' }, list: ['b', 'a', 'c'] },
  { item: 'b', operation: { kind: 'remove' }, list: ['a', 'c'] },
];
const CODES = Object.keys(ERRORS) as ErrorCode[];
/** Errors that may come after a coordinator has sent a write on. */
const mayTakeEffect = (code: ErrorCode): boolean => ERRORS[code].applied === 'unknown' || code === 'STORE_ROW_DAMAGED' || code === 'STORE_RECORD_CORRUPT';

function randomBehaviour(random: SeededRandom, { pattern }: SentCall, trouble: number): Behaviour {
  const afterMs = random.pick([0, 1, 20, 70, 250, 900]);
  if (random.fraction() > trouble) return { afterMs };
  const takesEffectAfterMs = random.pick([0, 30, 400, 2_000, 'never'] as const);
  if (random.fraction() < 0.3) return { hangs: true, takesEffectAfterMs };
  // Codes that end everything at once are drawn seldom, or nothing else would ever be seen.
  const code = random.fraction() < 0.8 ? random.pick(CODES.filter((name) => /^(WIRE|CIRCUIT|STORE)/.test(name))) : random.pick(CODES);
  const effect = pattern === 'store.commit' && mayTakeEffect(code) ? takesEffectAfterMs : 'never';
  return { afterMs, error: new TriptychError(code, code), takesEffectAfterMs: effect };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

interface Outcomes {
  success: number;
  plain: number;
  uncertain: number;
  left: number;
}

function runOne(seed: number, outcomes: Outcomes): void {
  const random = new SeededRandom(seed);
  const scene = new ClientScene({ seed });
  const { clock, transport, store } = scene;
  for (const item of ['a', 'b', 'c']) scene.hear(store.write({ ...ROW, item, level: 'QUORUM', operation: { kind: 'add', value } }, scene.context()));
  transport.log.length = 0;
  const trouble = random.pick([0.3, 0.6, 0.9, 1]);
  transport.script = (call) => randomBehaviour(random, call, trouble);

  const change = random.pick(CHANGES);
  const request = { ...ROW, item: change.item, operation: change.operation, level: 'QUORUM' as const };
  const timeoutMs = random.pick([40, 200, 1_000, 3_000]);
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const heard = scene.hear(store.write(request, scene.context(timeoutMs)));
  const leavesAfterMs = random.fraction() < 0.2 ? random.below(timeoutMs) : Infinity;
  if (clock.runUntil(() => heard.what.length > 0, Math.min(leavesAfterMs, timeoutMs)) === false) heard.subscription.unsubscribe();
  const endedAtMs = clock.monotonicMs();
  const [timers, open] = [scene.timers, transport.open];
  clock.advance(10_000);

  const prepares = transport.sent('store.prepare');
  const commits = transport.sent('store.commit');
  const bytes = new Set(commits.map(({ payload }) => hexOf((payload as CommitRequest).delta)));
  assert(bytes.size <= 1, 'one delta');
  const firstCommit = transport.log.findIndex(({ pattern }) => pattern === 'store.commit');
  const afterCommit = firstCommit < 0 ? [] : transport.log.slice(firstCommit);
  assert(afterCommit.every(({ pattern }) => pattern === 'store.commit'), 'nothing but COMMIT is sent after a COMMIT');
  assert(prepares.length <= 3, 'at most one PREPARE at each replica');
  assert(commits.length <= 3 * scene.policy.commit.attemptsPerReplica, 'as many COMMITs as the policy allows');
  for (const [at, call] of transport.log.entries()) {
    const earlier = transport.log.slice(0, at).filter(({ node, pattern }) => node === call.node && pattern === call.pattern);
    assert(earlier.every(({ endedAtMs: endMs }) => endMs! <= call.atMs), 'one attempt at a replica at a time');
  }
  assert(timers === 0 && open === 0, `${timers} timers and ${open} calls are left behind`);
  assert(endedAtMs <= deadlineMs, 'over by the deadline');
  assert(heard.what.length <= (heard.error === undefined ? 2 : 1), 'one ending');

  const list = itemsOf(transport, ROW).join();
  const changed = change.list.join();
  const { error } = heard;
  if (heard.value !== undefined) {
    outcomes.success++;
    assert(commits.some(({ end }) => end === 'answered'), 'a success was acknowledged by somebody');
    assert(list === changed, `acknowledged, and the list is ${list}`);
  } else if (error === undefined) {
    outcomes.left++;
  } else if (error.pending === undefined) {
    outcomes.plain++;
    assert(error.applied === 'no', `a plain failure says that nothing was applied: ${error.code}`);
    assert(list === 'a,b,c', `a plain ${error.code}, and the list is ${list}`);
  } else {
    outcomes.uncertain++;
    const pending: PendingWrite = error.pending;
    assert(error.applied === 'unknown', `applied of ${error.code}`);
    assert(bytes.has(hexOf(pending.delta)), 'what is pending is what was committed');
    transport.script = () => ({});
    transport.log.length = 0;
    const again = scene.hear(store.write({ ...request, pending }, scene.context()));
    assert(again.value?.item === pending.result, 'carried on with, it has the result it was to have');
    assert(transport.log.every(({ pattern }) => pattern === 'store.commit'), 'carried on with, it is only committed');
    assert(itemsOf(transport, ROW).join() === changed, 'carried on with, it is in effect');
  }
}

it('one operation has one delta, however it is tried; a plain failure means nothing happened; nothing is left behind', { timeout: 600_000 }, () => {
  const outcomes: Outcomes = { success: 0, plain: 0, uncertain: 0, left: 0 };
  fc.assert(
    fc.property(fc.integer(), (seed) => runOne(seed, outcomes)),
    { numRuns: 1_000 },
  );
  // The search would prove nothing if it did not meet all of them.
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(50);
});
