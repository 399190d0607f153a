/** Processes of their own for tests across processes: started, told things, listened to, and ended by pid. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export class TestProcess {
  readonly heard: Record<string, unknown>[] = [];
  readonly #child: ChildProcess;

  /** @param program a TypeScript file beside this one; its messages (process.send) are kept in `heard` */
  constructor(program: URL, argument: unknown) {
    const hooks = fileURLToPath(new URL('./typescript-hooks.mjs', program));
    this.#child = fork(fileURLToPath(program), [JSON.stringify(argument)], { execArgv: ['--import', hooks, '--enable-source-maps'] });
    this.#child.on('message', (message) => this.heard.push(message as Record<string, unknown>));
  }

  tell(message: object): void {
    this.#child.send(message);
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** The last value told under `key`. */
  last(key: string): unknown {
    return this.heard.findLast((message) => key in message)?.[key];
  }
}
