import { asciiText } from '../core/index.ts';

/** One character per byte: network bytes are not assumed to be UTF-8. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  return asciiText(bytes, from, to);
}
