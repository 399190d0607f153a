/** The Nest shell: one `CircuitRegistry` for the process, stopped with it. Holds no decision. */
import { Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { systemClock, type Clock } from '@app/time';
import { CircuitRegistry, type CircuitMaker, type CircuitPolicies } from './circuit-registry.js';
import { opossumCircuit } from './opossum-circuit.js';
import { ownCircuit } from './own-circuit.js';

export interface CircuitModuleOptions {
  readonly policies: CircuitPolicies;
  /** Which state machine stands behind the circuits. */
  readonly machine: 'own' | 'opossum';
  /** For the machine `own` only; the system's by default. */
  readonly clock?: Clock;
}

@Module({})
export class CircuitModule implements OnApplicationShutdown {
  constructor(private readonly registry: CircuitRegistry) {}

  static forRoot({ policies, machine, clock = systemClock }: CircuitModuleOptions): DynamicModule {
    const make: CircuitMaker = machine === 'own' ? (name, policy) => ownCircuit(name, policy, clock) : opossumCircuit;
    return {
      module: CircuitModule,
      global: true,
      providers: [{ provide: CircuitRegistry, useFactory: () => new CircuitRegistry(policies, make) }],
      exports: [CircuitRegistry],
    };
  }

  /** After the last request has been answered: a drain still needs its circuits. */
  onApplicationShutdown(): void {
    this.registry.stop();
  }
}
