/** Wires a node into Nest; holds no decision. */
import { Module, type DynamicModule } from '@nestjs/common';
import { StoreNode } from '../node/store-node.js';
import { StoreController } from './store.controller.js';

@Module({})
export class StoreModule {
  static forNode(node: StoreNode): DynamicModule {
    return { module: StoreModule, controllers: [StoreController], providers: [{ provide: StoreNode, useValue: node }], exports: [StoreNode] };
  }
}
