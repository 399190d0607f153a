/** For whoever starts, watches and balances: is the process up, and should it be sent requests? */
import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { TriptychError } from '@app/contracts';
import { GATEWAY_PORTS, type GatewayPorts } from '../gateway-ports.js';
import { Refusals } from '../http/openapi.js';
import { Drain } from '../http/drain.js';

const Health = z.strictObject({ status: z.enum(['live', 'ready']), zone: z.string(), gateway: z.string() }).meta({ id: 'Health' });
type Health = z.output<typeof Health>;

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(
    @Inject(GATEWAY_PORTS) private readonly ports: GatewayPorts,
    @Inject(Drain) private readonly drain: Drain,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process is up' })
  @ApiOkResponse({ standardSchema: Health })
  live(): Health {
    return this.health('live');
  }

  /** Not ready while the store cannot be used, and from the first moment of a drain, so that nothing new is sent here. */
  @Get('ready')
  @ApiOperation({ summary: 'Requests are welcome: the ring is known, a quorum is in reach, and no drain has begun' })
  @ApiOkResponse({ standardSchema: Health })
  @Refusals(503)
  ready(): Health {
    if (this.drain.begun) throw new TriptychError('STORE_DRAINING', 'this gateway is shutting down');
    const obstacle = this.ports.obstacle();
    if (obstacle !== null) throw obstacle;
    return this.health('ready');
  }

  private health(status: Health['status']): Health {
    return { status, zone: this.ports.zone, gateway: this.ports.gatewayId };
  }
}
