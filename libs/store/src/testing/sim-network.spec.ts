/** The simulator's own faults: one that harms nothing would prove nothing. */
import { TriptychError } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { testCluster } from './test-cluster.js';
import { GOOD_LINK } from './sim-network.js';

const TIMEOUT_MS = 500;

describe('a stopped process', () => {
  it('answers nobody and does nothing; when it goes on it does all that it was asked', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.stop('b1');
    cluster.stop('c1');
    expect(() => cluster.list('ann', { via: 'a1', timeoutMs: TIMEOUT_MS })).toThrow(TriptychError);
    const { delta } = cluster.run(cluster.node('a1').prepare({ table: 'favorites', row: 'ann', item: 'y', operation: { kind: 'add', value: new Uint8Array(0) }, level: 'ONE' }, cluster.context()));
    const commit = cluster.commit('ann', delta!, { via: 'a1', level: 'ALL', timeoutMs: 20_000 });
    cluster.advance(5_000);
    expect([commit.error, cluster.locally('c1', 'ann')]).toMatchObject([{ code: 'STORE_WRITE_UNCERTAIN' }, ['x']]);
    cluster.goOn('b1');
    cluster.goOn('c1');
    cluster.advance(1_000);
    expect(cluster.locally('c1', 'ann')).toEqual(['x', 'y']);
  });

  it('that dies hears nothing more', () => {
    const cluster = testCluster();
    cluster.stop('c1');
    cluster.crash('c1');
    cluster.start('c1');
    cluster.advance(1_000);
    cluster.add('ann', 'x', { via: 'c1', level: 'ALL' });
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
  });
});

describe('an orderly end', () => {
  it('leaves a clean stop behind, and one that is cut short does not', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.shutDown('a1');
    cluster.advance(100);
    cluster.start('a1');
    expect(cluster.recovery('a1')).toMatchObject({ cleanStop: true, isNew: false });
    cluster.shutDown('b1');
    cluster.disk('b1').stall();
    cluster.advance(100);
    cluster.start('b1');
    expect(cluster.recovery('b1')).toMatchObject({ cleanStop: false, isNew: false });
  });
});

describe('links', () => {
  it('get worse one by one, in one direction', () => {
    const cluster = testCluster();
    cluster.network.degrade('a1', 'b1', { ...GOOD_LINK, loss: 1 });
    cluster.network.degrade('a1', 'c1', { ...GOOD_LINK, loss: 1 });
    expect(() => cluster.add('ann', 'x', { via: 'a1', timeoutMs: TIMEOUT_MS })).toThrow(TriptychError);
    cluster.add('ann', 'x', { via: 'b1', timeoutMs: TIMEOUT_MS });
    cluster.network.mend('a1', 'b1');
    cluster.add('ann', 'y', { via: 'a1', timeoutMs: TIMEOUT_MS });
  });

  it('lose on the doorstep what whoever listens answers false for', () => {
    const cluster = testCluster();
    cluster.network.onDelivery = ({ kind, isReply }) => !(isReply && kind === 'applied');
    expect(() => cluster.add('ann', 'x', { via: 'a1', timeoutMs: TIMEOUT_MS })).toThrow(TriptychError);
    expect(cluster.locally('b1', 'ann')).toEqual(['x']);
  });

  it('count the calls that are open, those of a dead caller until their deadline', () => {
    const cluster = testCluster();
    for (const name of cluster.nodes) cluster.node(name).stop();
    cluster.advance(20_000);
    expect(cluster.network.openCalls).toBe(0);
    cluster.isolate('a1');
    cluster.prepare('ann', 'x', { kind: 'remove' }, { via: 'a1', timeoutMs: TIMEOUT_MS });
    expect(cluster.network.openCalls).toBeGreaterThan(0);
    cluster.crash('a1');
    cluster.advance(20_000);
    expect(cluster.network.openCalls).toBe(0);
  });
});
