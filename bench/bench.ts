/** What the parts of the bench share: sizes, where things are, and a cluster that is started for the first that asks and serves all. */
import type { BenchSize } from './bench-size.js';
import { fillShort, type Filled, startTriptych, type TriptychServer } from './targets.js';

export class Bench {
  #triptych: Promise<{ server: TriptychServer; filled: Filled }> | null = null;

  /**
   * @param root the project   @param programs where the built ones are   @param directory for whatever is kept during the run
   */
  constructor(
    readonly size: BenchSize,
    readonly root: string,
    readonly programs: string,
    readonly directory: string,
    readonly say: (line: string) => void,
  ) {}

  /** Its short lists are filled. */
  triptych(): Promise<{ server: TriptychServer; filled: Filled }> {
    this.#triptych ??= this.#start();
    return this.#triptych;
  }

  async #start(): Promise<{ server: TriptychServer; filled: Filled }> {
    const { programs, directory, size } = this;
    this.say(`starting a cluster of 3 zones x ${size.nodesPerZone} nodes, and filling ${size.users} lists`);
    const server = await startTriptych({ programs, directory, name: 'Triptych', nodesPerZone: size.nodesPerZone });
    try {
      return { server, filled: await fillShort(server, size.users) };
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Nobody needs the shared cluster any more: it is gone once this settles. */
  async release(): Promise<void> {
    const started = await this.#triptych?.catch(() => null);
    this.#triptych = null;
    await started?.server.stop();
  }
}
