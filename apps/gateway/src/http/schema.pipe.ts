/**
 * Nest's own Standard Schema validation, with two differences. A refusal is a `TriptychError`. And a key such as
 * `__proto__` or `constructor` is left in place for the strict schemas to refuse by name, where Nest would drop it and
 * carry on: a body that means something else than it says is not one to guess at.
 */
import { Injectable, StandardSchemaValidationPipe } from '@nestjs/common';
import { requestInvalid } from '@app/admin';

@Injectable()
export class SchemaPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: requestInvalid });
  }

  protected override stripProtoKeys(): void {}
}
