export * from './call-context.js';
export type * from './console-messages.js';
export * from './errors.js';
export * from './ids.js';
export * from './store-messages.js';
