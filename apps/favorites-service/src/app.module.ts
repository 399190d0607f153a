import { Module, type DynamicModule } from '@nestjs/common';
import type { StoreNode } from '@app/store';
import { StoreModule } from '@app/store/nest';

@Module({})
export class AppModule {
  static with(node: StoreNode): DynamicModule {
    return { module: AppModule, imports: [StoreModule.forNode(node)] };
  }
}
