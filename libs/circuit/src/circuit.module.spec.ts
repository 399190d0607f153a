import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SimClock } from '@app/time';
import { describe, expect, it, vi } from 'vitest';
import { CircuitModule, type CircuitModuleOptions } from './circuit.module.js';
import { CircuitRegistry } from './circuit-registry.js';
import { SMALL_POLICY, begin } from './testing/circuit-scene.js';

@Injectable()
class FilmsService {
  constructor(readonly circuits: CircuitRegistry) {}
}

@Module({ providers: [FilmsService] })
class FilmsModule {}

async function application(options: Partial<CircuitModuleOptions>) {
  const testing = await Test.createTestingModule({
    imports: [CircuitModule.forRoot({ machine: 'own', policies: { films: SMALL_POLICY }, ...options }), FilmsModule],
  }).compile();
  const app = await testing.init();
  return { app, films: app.get(FilmsService).circuits.circuit('films') };
}

describe('the Nest module', () => {
  it.each(['own', 'opossum'] as const)('gives any module the registry, with %s circuits, and stops it with the process', async (machine) => {
    const { app, films } = await application({ machine });
    const before = begin(films);
    expect(before.diary.lines).toEqual([]);
    await app.close();
    expect(begin(films).diary.lines).toEqual(['CIRCUIT_OPEN']);
    before.call.answer();
    expect(before.diary.lines).toEqual(['answer', 'complete']);
  });

  it('runs its own circuits on the clock it is given', async () => {
    const clock = new SimClock();
    const { app, films } = await application({ clock });
    const { diary } = begin(films);
    clock.advance(SMALL_POLICY.timeoutMs);
    expect(diary.lines).toEqual(['CIRCUIT_TIMEOUT']);
    await app.close();
  });

  it('uses opossum where it is told to', async () => {
    const { default: CircuitBreaker } = await import('opossum');
    const fire = vi.spyOn(CircuitBreaker.prototype, 'fire');
    const own = await application({ machine: 'own' });
    begin(own.films).call.answer();
    expect(fire).not.toHaveBeenCalled();
    const opossum = await application({ machine: 'opossum' });
    begin(opossum.films).call.answer();
    expect(fire).toHaveBeenCalledTimes(1);
    fire.mockRestore();
    await Promise.all([own.app.close(), opossum.app.close()]);
  });
});
