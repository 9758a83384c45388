/** One character per byte: network bytes are not assumed to be UTF-8. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  // One flat string: joined piece by piece it would stay a chain of pieces, many times its size, for as long as its flow lives.
  return from < to ? Reflect.apply(String.fromCharCode, null, bytes.subarray(from, to)) : '';
}
