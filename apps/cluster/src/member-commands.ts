/**
 * Store nodes that come and go while the cluster serves: what an administrator says in one word is here the processes that have
 * to start and stop, and the change of the members in between. A new process runs before it is a member; one that leaves
 * stops when it is none any more and has handed over what it kept for others. Nothing is taken back by itself: a change that
 * cannot be ended waits, and `cancel` calls it off.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { userInfo } from 'node:os';
import { nodeId, type RingMember } from '@app/contracts';
import type { MemberChange } from '@app/store';
import type { ProcessRecord } from './cluster-file.js';
import { ClusterRefused } from './cluster-refused.js';
import { askForChange, callOffChange, readMembers, type MembersState, type StoreNodes } from './member-admin.js';

export type MemberCommand =
  | { readonly kind: 'add'; readonly zone: string }
  | { readonly kind: 'remove'; readonly node: string }
  | { readonly kind: 'replace'; readonly node: string }
  | { readonly kind: 'drain'; readonly node: string }
  | { readonly kind: 'weight'; readonly node: string; readonly weight: number }
  | { readonly kind: 'cancel' };

/** The supervisor, as far as it is needed here. */
export interface MemberHost extends StoreNodes {
  addStore(zone: string): Promise<ProcessRecord>;
  removeStore(name: string): Promise<void>;
}

const POLL_MS = 200;
/** Of one that has just started, or of members that have yet to hear of the change before. */
const BEGIN_TIMEOUT_MS = 30_000;
const HANDOVER_TIMEOUT_MS = 30_000;
/** A refusal that may not hold a moment later. */
const NOT_YET = /not known to have left|no majority of the members|has not heard of its cluster/;

/** @throws ClusterRefused with the reason; what was begun stays as it is */
export async function changeMembers(host: MemberHost, command: MemberCommand, say: (line: string) => void, ending: AbortSignal): Promise<void> {
  switch (command.kind) {
    case 'add': {
      const added = await host.addStore(command.zone);
      say(`${added.name} runs (pid ${added.pid}) and asks to join`);
      await begun(host, { kind: 'join', member: memberOf(added) }, added.name, say, ending);
      await over(host, say, ending);
      say(`${added.name} is a member`);
      return;
    }
    case 'replace': {
      const replaced = storeNamed(host, command.node);
      const added = await host.addStore(replaced.zone ?? '');
      say(`${added.name} runs (pid ${added.pid}) and is to replace ${replaced.name}`);
      await begun(host, { kind: 'replace', node: nodeId(replaced.name), member: memberOf(added) }, added.name, say, ending, replaced.name);
      await over(host, say, ending);
      await leave(host, replaced, say, ending);
      say(`${added.name} has taken over from ${replaced.name}`);
      return;
    }
    case 'remove': {
      const leaving = storeNamed(host, command.node);
      await begun(host, { kind: 'leave', node: nodeId(leaving.name) }, null, say, ending, leaving.name);
      await over(host, say, ending);
      return leave(host, leaving, say, ending);
    }
    case 'drain':
    case 'weight': {
      const weight = command.kind === 'drain' ? 0 : command.weight;
      await begun(host, { kind: 'weigh', node: nodeId(storeNamed(host, command.node).name), weight }, null, say, ending);
      await over(host, say, ending);
      say(weight === 0 ? `${command.node} holds no rows any more` : `${command.node} has weight ${weight}`);
      return;
    }
    case 'cancel': {
      const { next, members } = await readMembers(host);
      await callOffChange(host);
      await over(host, say, ending);
      // A process that was to join is of no use now.
      for (const { node } of next ?? []) if (!members.some((member) => member.node === node)) await host.removeStore(node);
      say('the change is called off');
      return;
    }
    default:
      throw new ClusterRefused('no such change of the members');
  }
}

/** @param newcomer the process that was started for it: stopped again when it is refused */
async function begun(host: MemberHost, change: MemberChange, newcomer: string | null, say: (line: string) => void, ending: AbortSignal, about: string | null = null): Promise<void> {
  const untilMs = performance.now() + BEGIN_TIMEOUT_MS;
  for (;;) {
    try {
      await askForChange(host, change, userInfo().username, about ?? newcomer);
      say('a majority of the members has agreed');
      return;
    } catch (error) {
      const mayWait = error instanceof ClusterRefused && NOT_YET.test(error.message) && performance.now() < untilMs && !ending.aborted;
      if (!mayWait) {
        if (newcomer !== null) await host.removeStore(newcomer);
        throw error;
      }
      await delay(POLL_MS);
    }
  }
}

/** Waits until the change is over, saying how far it is. */
async function over(host: MemberHost, say: (line: string) => void, ending: AbortSignal): Promise<void> {
  let said = '';
  for (;;) {
    if (ending.aborted) throw new ClusterRefused('the cluster is being stopped; the change goes on at its next start');
    const state = await readMembers(host).catch((): MembersState | null => null);
    if (state?.phase === 'stable' && state.members.every(({ node }) => state.adopted.includes(node) || !isRunning(host, node))) return;
    const waiting = Object.entries(state?.slotsLeft ?? {}).filter(([, slots]) => slots > 0);
    const line = waiting.map(([node, slots]) => `${node} waits for ${slots} slots of the ring`).join(', ');
    if (line !== '' && line !== said) say((said = line));
    await delay(POLL_MS);
  }
}

/** Stops a process that is no member any more, when it has passed on what it kept for others. */
async function leave(host: MemberHost, leaving: ProcessRecord, say: (line: string) => void, ending: AbortSignal): Promise<void> {
  const untilMs = performance.now() + HANDOVER_TIMEOUT_MS;
  while (isRunning(host, leaving.name) && !ending.aborted) {
    const hints = (await readMembers(host, leaving.name).catch(() => null))?.waiting.hints ?? 0;
    if (hints === 0) break;
    if (performance.now() > untilMs) {
      say(`${leaving.name} still keeps ${hints} operations for others, which repair has to bring them`);
      break;
    }
    await delay(POLL_MS);
  }
  await host.removeStore(leaving.name);
  say(`${leaving.name} is no member any more, and stopped`);
}

function storeNamed({ stores }: StoreNodes, name: string): ProcessRecord {
  const found = stores.find((store) => store.name === name);
  if (found === undefined) throw new ClusterRefused(`there is no store node ${JSON.stringify(name)} here: choose one of ${stores.map((store) => store.name).join(', ')}`);
  return found;
}

const isRunning = ({ stores }: StoreNodes, name: string): boolean => stores.some((store) => store.name === name && store.state === 'running');

function memberOf({ name, zone, region, host, port }: ProcessRecord): RingMember {
  if (zone === null) throw new ClusterRefused(`${name} is in no zone`);
  return { node: nodeId(name), zone, region, host, port, weight: 1 };
}
