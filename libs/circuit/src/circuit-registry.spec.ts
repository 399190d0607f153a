import { InvariantViolation } from '@app/contracts';
import { SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { CircuitRegistry } from './circuit-registry.js';
import { storeRead } from './circuit-policy.js';
import { ownCircuit } from './own-circuit.js';
import { SMALL_POLICY, begin, open } from './testing/circuit-scene.js';

function makeRegistry() {
  const clock = new SimClock();
  return new CircuitRegistry({ store: SMALL_POLICY, films: storeRead }, (name, policy) => ownCircuit(name, policy, clock));
}

describe('the registry', () => {
  it('has one circuit per dependency and instance, made when first asked for, by the policy of the dependency', () => {
    const registry = makeRegistry();
    const a1 = registry.circuit('store', 'a1');
    expect(registry.circuit('store', 'a1')).toBe(a1);
    expect(registry.circuit('store', 'b1')).not.toBe(a1);
    expect(registry.circuit('films').policy).toBe(storeRead);
    expect(registry.all().map(({ name }) => name)).toEqual(['store/a1', 'store/b1', 'films']);
  });

  it('keeps a dead instance from closing the way to its siblings', () => {
    const registry = makeRegistry();
    open(registry.circuit('store', 'a1'));
    expect(registry.all().map(({ name, state }) => `${name} ${state}`)).toEqual(['store/a1 open']);
    expect(begin(registry.circuit('store', 'b1')).diary.lines).toEqual([]);
  });

  it('tells the transitions of all circuits, those made later too', () => {
    const registry = makeRegistry();
    const told: string[] = [];
    registry.transitions$.subscribe({
      next: ({ circuit, to }) => told.push(`${circuit} ${to}`),
      complete: () => told.push('complete'),
    });
    open(registry.circuit('store', 'a1'));
    open(registry.circuit('store', 'b1'));
    registry.stop();
    expect(told).toEqual(['store/a1 open', 'store/b1 open', 'complete']);
  });

  it('forgets a retired instance, stops its circuit, and makes a new one when it is back', () => {
    const registry = makeRegistry();
    const old = registry.circuit('store', 'a1');
    registry.retire('store', 'a1');
    registry.retire('store', 'never seen');
    expect(registry.all()).toEqual([]);
    expect(begin(old).diary.lines).toEqual(['CIRCUIT_OPEN']);
    expect(begin(registry.circuit('store', 'a1')).diary.lines).toEqual([]);
  });

  it('makes none for a dependency without a policy, nor after it stopped', () => {
    const registry = makeRegistry();
    expect(() => registry.circuit('unknown')).toThrow(InvariantViolation);
    expect(() => registry.circuit('toString')).toThrow(InvariantViolation);
    registry.circuit('films');
    registry.stop();
    expect(() => registry.circuit('films')).toThrow('has stopped');
    expect(registry.all()).toEqual([]);
  });

  it('is refused policies that mean nothing and names that could mean two things', () => {
    const make = () => {
      throw new Error('not called');
    };
    expect(() => new CircuitRegistry({ store: { ...storeRead, capacity: 0 } }, make)).toThrow('capacity');
    expect(() => new CircuitRegistry({ 'store/a1': storeRead }, make)).toThrow('slash');
  });
});
