/** Bytes of messages. */

const TEXT = new TextEncoder();
export const NO_BYTES = new Uint8Array();

export function utf8(text: string): Uint8Array {
  return TEXT.encode(text);
}
