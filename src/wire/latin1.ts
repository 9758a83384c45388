import { TextMemo } from '../core/index.ts';

/** Host names, header fields, products: the same come again and again. What is kept changes no result, so everybody shares it. */
const TEXTS = new TextMemo(4096);

/** One character per byte: network bytes are not assumed to be UTF-8. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  return TEXTS.of(bytes, from, to);
}
