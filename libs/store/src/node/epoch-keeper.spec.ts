import { nodeId, zoneId, type RingMember } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import type { Ballot, VoteAnswer } from '../core/membership/epoch-vote.js';
import { founded, type Membership } from '../core/membership/membership.js';
import { encodeMembership } from '../core/membership/membership-record.js';
import { openMemoryEngine, type OpenedMemoryEngine } from '../testing/memory-engine.js';
import { SimDisk } from '../testing/sim-disk.js';
import { EpochKeeper } from './epoch-keeper.js';

const memberOf = (node: string): RingMember => ({ node: nodeId(node), zone: zoneId(`zone-${node[0]}`), region: 'local', host: node, port: 1, weight: 1 });
const FIRST = founded(['a1', 'b1', 'c1'].map(memberOf), 3, 'zone');
const epochNumbered = (epoch: number): Membership => ({ ...FIRST, epoch });
const ballot = (round: number): Ballot => ({ round, attempt: '00'.repeat(8) });
const VALUE = new Uint8Array([1, 2, 3]);

/** One keeper on a machine that can lose its power. */
class Machine {
  readonly clock = new SimClock();
  readonly disk = new SimDisk(this.clock, new SeededRandom(4));
  opened!: OpenedMemoryEngine;
  keeper!: EpochKeeper;
  isDirectoryKnown = true;
  readonly adopted: number[] = [];

  constructor() {
    this.start();
  }

  start(): void {
    this.opened = openMemoryEngine({ disk: this.disk, clusterId: 'c', nodeId: 'a1' });
    const { engine } = this.opened;
    this.keeper = new EpochKeeper({
      engine,
      self: nodeId('a1'),
      founding: FIRST,
      isDirectoryKnown: () => this.isDirectoryKnown,
      store: (record, _from, _to, settled) => engine.write([record], settled),
      onAdopted: (_from, to) => this.adopted.push(to.epoch),
    });
  }

  powerLoss(): void {
    this.disk.crash();
    this.disk.powerLoss();
    this.start();
  }

  get follows(): { epoch: number; hash: string } {
    return { epoch: this.keeper.epoch, hash: this.keeper.known!.hash };
  }

  promise(round: number): VoteAnswer['kind'][] {
    const answers: VoteAnswer['kind'][] = [];
    this.keeper.promise(this.follows, ballot(round), ({ kind }) => answers.push(kind));
    return answers;
  }

  adopt(epoch: number): (Error | 'done')[] {
    const settled: (Error | 'done')[] = [];
    this.keeper.adopt(encodeMembership(epochNumbered(epoch)), (error) => settled.push(error ?? 'done'));
    return settled;
  }
}

describe('[M24] a vote', () => {
  it('is on disk before it is heard of, and is held to after a power loss', () => {
    const machine = new Machine();
    machine.clock.advance(100);
    const promised = machine.promise(5);
    expect(promised).toEqual([]); // not before it is durable
    machine.clock.advance(100);
    expect(promised).toEqual(['granted']);
    machine.powerLoss();
    expect(machine.promise(4)).toEqual(['refused']);
    const accepted: VoteAnswer['kind'][] = [];
    machine.keeper.accept(machine.follows, ballot(5), VALUE, ({ kind }) => accepted.push(kind));
    machine.clock.advance(100);
    expect(accepted).toEqual(['granted']);
    machine.powerLoss();
    expect(machine.keeper.vote).toEqual({ promised: ballot(5), accepted: { ballot: ballot(5), value: VALUE } });
  });

  it('that was never heard of binds nobody: a power loss before it was durable takes it away, and no answer was given', () => {
    const machine = new Machine();
    machine.clock.advance(100);
    const promised = machine.promise(5);
    machine.powerLoss();
    machine.clock.advance(100);
    expect(promised).toEqual([]);
  });

  it('is about the epoch after the node’s own, by number and by what it means', () => {
    const machine = new Machine();
    const answers: VoteAnswer['kind'][] = [];
    const note = ({ kind }: VoteAnswer): void => void answers.push(kind);
    machine.keeper.promise({ ...machine.follows, epoch: 2 }, ballot(1), note);
    machine.keeper.promise({ ...machine.follows, hash: 'another' }, ballot(1), note);
    machine.keeper.accept({ ...machine.follows, epoch: 0 }, ballot(1), VALUE, note);
    expect(answers).toEqual(['elsewhere', 'elsewhere', 'elsewhere']);
  });

  it('is not cast by a node that does not know whether its disk is the one it had, nor by one that may have forgotten', () => {
    const machine = new Machine();
    machine.isDirectoryKnown = false;
    expect(machine.promise(1)).toEqual(['abstains']);
    machine.isDirectoryKnown = true;
    machine.keeper.forgot();
    machine.clock.advance(100);
    expect(machine.promise(1)).toEqual(['abstains']);
    machine.powerLoss();
    expect(machine.promise(1)).toEqual(['abstains']);
    machine.keeper.heardVote(nodeId('b1'), false);
    machine.keeper.heardVote(nodeId('c1'), true);
    expect(machine.keeper.isInDoubt).toBe(true);
    machine.keeper.heardVote(nodeId('c1'), false);
    expect(machine.keeper.isInDoubt).toBe(false);
    const promised = machine.promise(1);
    machine.clock.advance(100);
    expect(promised).toEqual(['granted']);
    machine.powerLoss();
    expect(machine.keeper.isInDoubt).toBe(false);
  });
});

describe('[M25] an epoch', () => {
  it('is entered when it is on disk, never left for a lower one, and takes the vote of the one before away', () => {
    const machine = new Machine();
    machine.promise(3);
    machine.clock.advance(100);
    const settled = machine.adopt(2);
    expect([machine.keeper.epoch, settled]).toEqual([1, []]);
    machine.clock.advance(100);
    expect([machine.keeper.epoch, settled, machine.adopted]).toEqual([2, ['done'], [2]]);
    expect(machine.keeper.vote.promised).toBe(null);
    expect(machine.adopt(1)).toEqual(['done']);
    expect(machine.adopt(2)).toEqual(['done']);
    expect(machine.keeper.epoch).toBe(2);
    machine.powerLoss();
    expect(machine.keeper.epoch).toBe(2);
    // What founded the cluster is history.
    expect(machine.keeper.known?.membership).toEqual(epochNumbered(2));
  });

  it('several at once end in the highest', () => {
    const machine = new Machine();
    machine.clock.advance(100);
    const all = [machine.adopt(2), machine.adopt(5), machine.adopt(3)];
    machine.clock.advance(100);
    expect([machine.keeper.epoch, machine.adopted]).toEqual([5, [2, 5]]);
    expect(all).toEqual([['done'], ['done'], ['done']]);
  });

  it('is not entered when the disk fails', () => {
    const machine = new Machine();
    machine.clock.advance(100);
    machine.disk.failSyncs(new Error('EIO'));
    const settled = machine.adopt(2);
    machine.clock.advance(1_000);
    expect(settled).toHaveLength(1);
    expect(settled[0]).toBeInstanceOf(Error);
    expect([machine.keeper.epoch, machine.adopted]).toEqual([1, []]);
  });
});
