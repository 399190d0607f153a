/**
 * From evidence to figures: each with a name, so that a goal (slo.ts) can be set for it, a report can show it, and a test can
 * make up the evidence that breaks it. Nothing here knows what is good.
 *
 * Whose figures: `device` is a device that fails over by itself; `survivors` are the zones' own clients, each as long as its zone
 * is not the one that is harmed; `cutOff` are those of a zone that is cut off, while it is. A figure is null where there was
 * nothing to measure it by.
 */
import { checkClaims, checkConvergence, checkHistory, HistoryTooLarge, readAchieved, staleReads, type Claim, type Rule, type Violation } from '@app/history';
import type { FaultSpan } from '../faults/fault-injector.js';
import type { Sample } from '../load/sample.js';
import type { Evidence } from './evidence.js';
import { backWithinMs, longestDarkMs, unmeasuredShare, windowsOf, worstWindowMs, type Window } from './windows.js';

export type Figures = Readonly<Record<string, number | null>>;

export interface Verdict {
  readonly figures: Figures;
  readonly violations: readonly Violation[];
  /** Why the drill itself proves nothing: too little coverage, a generator that was late. Empty where it does. */
  readonly faultsOfTheDrill: readonly string[];
  /** What failed, after the warm-up: of whom, and what was said. The most frequent first. */
  readonly failures: readonly FailureCount[];
  /** Single operations that are worth a look: those that failed of devices that fail over and of surviving zones' clients, the slowest of a zone that is cut off. */
  readonly operations: readonly NotedOperation[];
}

export interface NotedOperation {
  readonly who: string;
  readonly kind: string;
  readonly level: string;
  /** When it was due, s from the start of the run. */
  readonly dueS: number;
  readonly tookMs: number;
  readonly ok: boolean;
  /** What each attempt was answered, and after how long: "zone-a 503 STORE_QUORUM_UNAVAILABLE in 61 ms". */
  readonly trail: readonly string[];
}

export interface FailureCount {
  readonly who: string;
  readonly kind: string;
  readonly said: string;
  readonly count: number;
}

/** Requests in flight when a fault strikes are hit by it as well; so is what comes while caches and connections are cold again. */
const SETTLE_MS = 1_000;
const UNMEASURED_MAX = 0.01;
const VIOLATIONS_KEPT = 50;
const FAILURES_NOTED = 40;
const SLOWEST_NOTED = 10;

export function judge(evidence: Evidence): Verdict {
  const { run, script, plan, spans } = evidence;
  const { samples, startMs } = run;
  const endMs = startMs + plan.durationMs;
  const warmMs = startMs + 1_000 * script.warmUpS;
  const faultMs = Math.min(endMs, ...spans.map((span) => span.startMs));
  const mendedMs = Math.max(faultMs, ...spans.map((span) => span.endMs));
  const counted = samples.filter(({ dueMs }) => dueMs >= warmMs);

  const devices = counted.filter(({ device }) => device === 'roaming');
  const clients = counted.filter(({ device }) => device === 'zone');
  const survivors = clients.filter((sample) => !isHarmed(sample, evidence));
  const cuts = spans.filter(({ fault }) => fault.kind === 'cut');
  const cutOff = clients.filter((sample) => cuts.some((span) => isIn(sample, span, evidence)));

  const windows = (of: readonly Sample[], fromMs: number, toMs: number): Window[] => windowsOf(of, { originMs: startMs, fromMs, toMs, standstills: run.standstills });
  const harmedZones = new Set(spans.flatMap((span) => span.harmedZones));
  const lasting = clients.filter(({ zone }) => !harmedZones.has(evidence.zones[zone]!) || harmedZones.size === evidence.zones.length);
  const baseline = worstWindowMs(windows(lasting, warmMs, faultMs));
  const during = windows(survivors, faultMs, mendedMs + SETTLE_MS);
  const deviceBaseline = worstWindowMs(windows(devices, warmMs, faultMs));
  const worst = worstWindowMs(during);
  const { violations, rules, tooLarge } = broken(evidence);
  const stale = staleReads(evidence.history);
  const failed = (of: readonly Sample[]): number => of.filter(({ ok }) => !ok).length;

  const figures: Record<string, number | null> = {
    'operations': counted.length,
    'operations.failed': failed(counted),
    'device.operations': devices.length,
    'device.failed': failed(devices),
    'device.slowestMs': slowest(measured(devices, run.standstills)),
    'device.longestDarkMs': longestDarkMs(windows(devices, warmMs, endMs)),
    'device.baselineWindowMs': deviceBaseline,
    'device.backWithinMs': deviceBaseline === null ? null : backWithinMs(windows(devices, faultMs, endMs), faultMs, 1.3 * deviceBaseline),
    'survivors.operations': survivors.length,
    'survivors.failed': failed(survivors),
    'survivors.slowestMs': slowest(measured(survivors, run.standstills)),
    'survivors.longestDarkMs': worstOf(evidence.zones.map((_, zone) => longestDarkMs(windows(survivors.filter((sample) => sample.zone === zone), warmMs, endMs)))),
    'survivors.baselineWindowMs': baseline,
    'survivors.worstWindowMs': worst,
    'survivors.worstWindowTimesBaseline': baseline === null || worst === null ? null : worst / baseline,
    'survivors.backWithinMs': baseline === null ? null : backWithinMs(windows(survivors, faultMs, endMs), faultMs, 1.3 * baseline),
    'cutOff.operations': cuts.length === 0 ? null : cutOff.length,
    'cutOff.unanswered': cuts.length === 0 ? null : cutOff.filter(({ ok, status }) => !ok && status === null).length,
    'cutOff.slowestMs': cuts.length === 0 ? null : slowest(measured(cutOff, run.standstills)),
    'cutOff.slowestPageMs': cuts.length === 0 ? null : slowest(measured(cutOff.filter(({ kind }) => kind === 'home'), run.standstills)),
    'cutOff.answeredShare': cutOff.length === 0 ? null : cutOff.filter(({ ok }) => ok).length / cutOff.length,
    'cutOff.backWithinMs': cuts.length === 0 ? null : backAfterHeal(evidence, clients, cuts, endMs),
    'promises.addsLost': rules.get('add-lost') ?? 0,
    'promises.removedReturned': rules.get('removed-came-back') ?? 0,
    'promises.readsWentBack': rules.get('read-went-back') ?? 0,
    'promises.ownWritesUnseen': rules.get('own-write-unseen') ?? 0,
    'promises.sessionsWentBack': rules.get('session-went-back') ?? 0,
    'promises.notLinearizable': rules.get('not-linearizable') ?? 0,
    'promises.fromNowhere': (rules.get('from-nowhere') ?? 0) + (rules.get('shown-twice') ?? 0),
    'promises.falseClaims': rules.get('false-claim') ?? 0,
    'divergence.lists': evidence.lists.length === 0 ? null : new Set([...divergent(evidence)]).size,
    'divergence.settledAfterMs': evidence.convergedAfterMs,
    'linearizable.notJudged': tooLarge,
    'reads.quorum.stale': stale.get('QUORUM')?.stale ?? 0,
    'reads.session.stale': stale.get('SESSION')?.stale ?? 0,
    'reads.one.stale': stale.get('ONE')?.stale ?? 0,
    'reads.one.staleShare': share(stale.get('ONE')?.stale, stale.get('ONE')?.reads),
    'reads.one.worstMs': stale.get('ONE')?.worstMs ?? 0,
    'home.degraded': counted.filter(({ degraded }) => degraded).length,
    'generator.unmeasuredShare': unmeasuredShare(run.standstills, warmMs, endMs),
    'undo.failures': evidence.notUndone.length,
    ...overload(evidence, counted),
    ...(evidence.volumes !== null && Object.fromEntries(Object.entries(evidence.volumes).map(([name, value]) => [`volumes.${name}`, value as number]))),
    ...(evidence.run.watchers !== null && { 'watchers.events': evidence.run.watchers.events, 'watchers.reconnects': evidence.run.watchers.reconnects }),
  };
  return { figures, violations: violations.slice(0, VIOLATIONS_KEPT), faultsOfTheDrill: faultsOfTheDrill(evidence, figures), failures: failuresIn(counted, evidence), operations: notedOf([...devices, ...survivors], cutOff, evidence) };
}

function notedOf(surviving: readonly Sample[], cutOff: readonly Sample[], evidence: Evidence): NotedOperation[] {
  const failed = surviving.filter(({ ok }) => !ok).sort((a, b) => a.dueMs - b.dueMs).slice(0, FAILURES_NOTED);
  const slowest = cutOff.toSorted((a, b) => b.endMs - b.dueMs - (a.endMs - a.dueMs)).slice(0, SLOWEST_NOTED);
  const { zones, run } = evidence;
  return [...failed, ...slowest].map((sample) => ({
    who: whoOf(sample, evidence),
    kind: sample.kind,
    level: sample.level,
    dueS: Math.round(sample.dueMs - run.startMs) / 1_000,
    tookMs: Math.round(sample.endMs - sample.dueMs),
    ok: sample.ok,
    trail: (sample.trail ?? []).map(({ gateway, said, sentMs, endMs }) => `${zones[gateway]} ${said ?? 'no answer'} in ${Math.round(endMs - sentMs)} ms`),
  }));
}

const whoOf = ({ device, zone }: Sample, { zones }: Evidence): string => (device === 'roaming' ? 'devices that fail over' : `clients of ${zones[zone]}`);

function failuresIn(samples: readonly Sample[], evidence: Evidence): FailureCount[] {
  const counts = new Map<string, FailureCount>();
  for (const sample of samples) {
    const { ok, device, kind, status, code } = sample;
    if (ok) continue;
    const who = `${whoOf(sample, evidence)}${device === 'zone' && isHarmed(sample, evidence) ? ', harmed' : ''}`;
    const said = status === null ? 'no answer' : `${status} ${code ?? ''}`.trim();
    const key = [who, kind, said].join('/');
    counts.set(key, { who, kind, said, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

/** Whether the sample was under way while its zone was harmed. */
const isHarmed = (sample: Sample, { spans, zones }: Evidence): boolean =>
  spans.some((span) => span.harmedZones.includes(zones[sample.zone]!) && sample.dueMs < span.endMs + SETTLE_MS && sample.endMs >= span.startMs);

/** Whether it was due while the span was in force for its zone. */
const isIn = (sample: Sample, span: FaultSpan, { zones }: Evidence): boolean =>
  span.harmedZones.includes(zones[sample.zone]!) && sample.dueMs >= span.inForceMs && sample.dueMs < span.healMs;

/** Null where there was nothing to measure. */
const slowest = (samples: readonly Sample[]): number | null => (samples.length === 0 ? null : samples.reduce((worst, { dueMs, endMs }) => Math.max(worst, endMs - dueMs), 0));

/** Those that no standstill of the generator lengthened. */
const measured = (samples: readonly Sample[], standstills: Evidence['run']['standstills']): Sample[] =>
  samples.filter(({ dueMs, endMs }) => !standstills.some((still) => still.fromMs < endMs && still.toMs > dueMs));

/** Null where one of them could not be measured. */
const worstOf = (values: readonly (number | null)[]): number | null => (values.includes(null) ? null : Math.max(0, ...(values as number[])));

const share = (part = 0, of = 0): number => (of === 0 ? 0 : part / of);

/** At worst, how long after a cut was healed it took until the cut-off zone's own clients were served again, every one of them for a second. */
function backAfterHeal({ zones }: Evidence, clients: readonly Sample[], cuts: readonly FaultSpan[], endMs: number): number | null {
  let worstMs = 0;
  for (const [index, span] of cuts.entries()) {
    const untilMs = cuts[index + 1]?.startMs ?? endMs;
    // Cut again before it could be judged.
    if (untilMs - span.endMs < 2_000) continue;
    const after = clients.filter(({ zone, dueMs }) => span.harmedZones.includes(zones[zone]!) && dueMs >= span.endMs && dueMs < untilMs).sort((a, b) => a.dueMs - b.dueMs);
    const lastFailure = after.findLast(({ ok }) => !ok);
    if (lastFailure !== undefined && untilMs - lastFailure.dueMs < 1_000) return null;
    worstMs = Math.max(worstMs, lastFailure === undefined ? 0 : lastFailure.dueMs - span.endMs);
  }
  return worstMs;
}

function broken(evidence: Evidence): { violations: Violation[]; rules: ReadonlyMap<Rule, number>; tooLarge: number } {
  const violations: Violation[] = [];
  let tooLarge = 0;
  for (const operations of Map.groupBy(evidence.history, ({ user }) => user).values()) {
    try {
      violations.push(...checkHistory(operations));
    } catch (error) {
      if (!(error instanceof HistoryTooLarge)) throw error;
      tooLarge++;
      // The other rules hold for it as well, and can be asked.
      violations.push(...checkHistory(operations.map((operation) => ({ ...operation, level: 'QUORUM' as const }))));
    }
  }
  violations.push(...checkClaims(claimsOf(evidence), evidence.absences));
  const rules = new Map<Rule, number>();
  for (const { rule } of violations) rules.set(rule, (rules.get(rule) ?? 0) + 1);
  return { violations, rules, tooLarge };
}

function claimsOf({ run }: Evidence): Claim[] {
  return run.claims.flatMap((answer, index) => {
    const achieved = readAchieved(answer.achieved);
    if (achieved === null) return [];
    const node = /node=([^;\s]+)/.exec(answer.servedBy)?.[1] ?? null;
    return [{ id: `${answer.kind}-${index}`, startMs: answer.sentMs, endMs: answer.endMs, asked: answer.asked, allowed: answer.fallback, node, ...achieved }];
  });
}

/** Users whose lists are not the same through every gateway. */
function divergent({ lists, zones }: Evidence): string[] {
  const replicas = new Map(lists.map(({ user, films }) => [user, new Map(films.map((list, gateway) => [zones[gateway]!, { digest: '', films: list ?? ['(not readable)'] }]))]));
  return checkConvergence(replicas).map(({ what }) => what.slice(0, what.indexOf(':')));
}

/** How much was answered in time while the rate was beyond what the cluster can do, and how soon all was well afterwards. */
function overload({ spans, peakPerS }: Evidence, samples: readonly Sample[]): Record<string, number | null> {
  const flood = spans.find(({ fault }) => fault.kind === 'load');
  if (flood === undefined || peakPerS === null) return {};
  const good = samples.filter(({ ok, dueMs }) => ok && dueMs >= flood.inForceMs && dueMs < flood.healMs).length;
  const perS = (1_000 * good) / (flood.healMs - flood.inForceMs);
  return { 'overload.goodputPerS': perS, 'overload.goodputTimesPeak': perS / peakPerS };
}

function faultsOfTheDrill(evidence: Evidence, figures: Figures): string[] {
  const faults: string[] = [];
  const { run, zones, nodes, history, plan } = evidence;
  const unmeasured = figures['generator.unmeasuredShare'] ?? 0;
  if (unmeasured > UNMEASURED_MAX) faults.push(`${(100 * unmeasured).toFixed(1)}% of the windows were not measured: the generator's own event loop was late; at most ${100 * UNMEASURED_MAX}% may be`);
  const planned = Object.entries(plan.mix).filter(([, weight]) => weight > 0).map(([kind]) => kind);
  for (const kind of planned) if (!run.samples.some((sample) => sample.kind === kind && sample.ok)) faults.push(`no ${kind} was answered`);
  for (const [gateway, zone] of zones.entries()) if (!run.claims.some((claim) => claim.gateway === gateway)) faults.push(`no request was answered through ${zone}`);
  const served = new Set(run.claims.map(({ servedBy }) => /node=([^;\s]+)/.exec(servedBy)?.[1]));
  for (const node of nodes) if (!served.has(node)) faults.push(`no request was coordinated by ${node}`);
  if (!history.some((operation) => operation.kind === 'read' && operation.session.startsWith('afterwards') && operation.outcome === 'acknowledged')) faults.push('no list was read at the end');
  return faults;
}
