/**
 * Names of things, branded so that one never stands for another. An id is 1 to 128 characters of A-Z a-z 0-9 . _ ~ -
 * and neither "." nor "..", so that it survives in a URL path, a file name and a log line as it is.
 */
export type NodeId = string & { readonly __brand: 'NodeId' };
export type ZoneId = string & { readonly __brand: 'ZoneId' };

export const ID_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}$/;

export const nodeId = (text: string): NodeId => text as NodeId;
export const zoneId = (text: string): ZoneId => text as ZoneId;
