/**
 * What clients ask of a node now and then, as Nest message handlers. Each returns the node's Observable: leaving tears it down.
 * What they ask all the time is answered before Nest's dispatch (apps/favorites-service, hot-handlers.ts).
 */
import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { PATTERNS, type CountReply, type CountRequest, type RingReply, type WatchEvent, type WatchRequest } from '@app/contracts';
import { WireContext } from '@app/wire';
import { StoreNode } from '../node/store-node.js';

@Controller()
export class StoreController {
  constructor(@Inject(StoreNode) private readonly node: StoreNode) {}

  @MessagePattern(PATTERNS.count)
  count(@Payload() request: CountRequest): CountReply {
    return this.node.count(request);
  }

  @MessagePattern(PATTERNS.watch)
  watch(@Payload() request: WatchRequest, @Ctx() wire: WireContext): Observable<WatchEvent> {
    return this.node.watch(request, wire.call, wire.demand);
  }

  @MessagePattern(PATTERNS.ring)
  ring(): RingReply {
    return this.node.ring();
  }
}
