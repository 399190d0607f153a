/** What a Nest handler learns of its call beside the payload: `@Ctx() wire: WireContext`. */
import type { CallContext } from '@app/contracts';
import { BaseRpcContext } from '@nestjs/microservices';
import type { Demand } from '../credit.js';
import type { Peer } from '../handshake.js';

export class WireContext extends BaseRpcContext<[CallContext, Peer, Demand, string]> {
  /** Deadline, trace id, priority and principal, as the caller gave them. */
  get call(): CallContext {
    return this.args[0];
  }

  /** The process at the other end. */
  get peer(): Peer {
    return this.args[1];
  }

  /** For streams that emit only what the caller takes: credit.ts. */
  get demand(): Demand {
    return this.args[2];
  }

  getPattern(): string {
    return this.args[3];
  }
}
