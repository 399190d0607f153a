/** The generator, as the drill sees it: calls that are answered by promises, and live figures. */
import { fork, type ChildProcess } from 'node:child_process';
import type { FromGenerator, GeneratorCalls, ToGenerator } from './load/generator-calls.js';
import type { LiveFigures } from './load/live-figures.js';

export interface GeneratorProcess extends GeneratorCalls {
  onLive(listener: (figures: readonly LiveFigures[]) => void): void;
  end(): void;
}

/** @param entry the built generator, an absolute path */
export function startGenerator(entry: string): GeneratorProcess {
  const child: ChildProcess = fork(entry, { serialization: 'advanced', execArgv: ['--max-old-space-size=2048'] });
  const waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  let onLive: (figures: readonly LiveFigures[]) => void = () => {};
  child.on('message', (message: FromGenerator) => {
    if ('live' in message) return onLive(message.live);
    const { resolve, reject } = waiting.get(message.call)!;
    waiting.delete(message.call);
    if ('error' in message) reject(new Error(message.error));
    else resolve(message.answer);
  });
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`the generator ended: ${signal ?? `code ${code}`}`));
    waiting.clear();
  });
  const call = <T>(name: keyof GeneratorCalls, argument?: unknown): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const number = ++calls;
      waiting.set(number, { resolve: resolve as (answer: unknown) => void, reject });
      child.send({ call: number, name, argument } satisfies ToGenerator);
    });
  return {
    prepare: (plan) => call('prepare', plan),
    peak: (options) => call('peak', options),
    run: () => call('run'),
    readLists: (level) => call('readLists', level),
    history: () => call('history'),
    onLive: (listener) => (onLive = listener),
    end: () => void child.kill('SIGKILL'),
  };
}
