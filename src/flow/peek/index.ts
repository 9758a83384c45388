import { dnsPeek } from './name.ts';
import type { Peek } from './peek.ts';
import { httpPeek, tlsPeek } from './web.ts';

/** Peeks by service, as `serviceByContent` and `serviceByPort` name them. A new protocol is its file in `wire` and a line here. */
export const PEEKS: ReadonlyMap<string, Peek> = new Map<string, Peek>([
  ['dns', dnsPeek],
  ['mdns', dnsPeek],
  ['llmnr', dnsPeek],
  ['http', httpPeek],
  ['tls', tlsPeek],
]);

export * from './observer.ts';
export * from './peek.ts';
