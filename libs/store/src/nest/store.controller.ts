/** What clients ask of a node, as Nest message handlers. Each returns the node's Observable: leaving tears it down. */
import { Controller, Inject } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { PATTERNS, type CommitReply, type CommitRequest, type CountReply, type CountRequest, type GetReply, type GetRequest, type ListReply, type ListRequest, type PrepareReply, type PrepareRequest, type RingReply, type WatchEvent, type WatchRequest } from '@app/contracts';
import { WireContext } from '@app/wire';
import { StoreNode } from '../node/store-node.js';

@Controller()
export class StoreController {
  constructor(@Inject(StoreNode) private readonly node: StoreNode) {}

  @MessagePattern(PATTERNS.list)
  list(@Payload() request: ListRequest, @Ctx() wire: WireContext): Observable<ListReply> {
    return this.node.list(request, wire.call);
  }

  @MessagePattern(PATTERNS.get)
  get(@Payload() request: GetRequest, @Ctx() wire: WireContext): Observable<GetReply> {
    return this.node.get(request, wire.call);
  }

  @MessagePattern(PATTERNS.prepare)
  prepare(@Payload() request: PrepareRequest, @Ctx() wire: WireContext): Observable<PrepareReply> {
    return this.node.prepare(request, wire.call);
  }

  @MessagePattern(PATTERNS.commit)
  commit(@Payload() request: CommitRequest, @Ctx() wire: WireContext): Observable<CommitReply> {
    return this.node.commit(request, wire.call);
  }

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
