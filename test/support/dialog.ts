import { asciiBytes, type TestFrame, tcp } from './frames.ts';

/** One TCP connection from what the two sides say, for tests of application protocols. */

/** '>' is the client's turn, '<' the server's. */
export type Turn = readonly [from: '>' | '<', payload: Uint8Array | string];

export interface DialogOptions {
  readonly client?: string;
  readonly server?: string;
  readonly atMs?: number;
  /** Cuts a turn into segments; one segment when absent. */
  readonly cut?: (payload: Uint8Array) => Uint8Array[];
  /** Without handshake: the capture began later. */
  readonly isLate?: boolean;
}

/** Handshake, turns, FINs; a millisecond between one frame and the next. */
export function dialog(port: number, turns: readonly Turn[], options: DialogOptions = {}): TestFrame[] {
  const {
    client = '10.0.0.1:40000',
    server = `10.0.0.2:${port}`,
    atMs = 0,
    cut = (x) => [x],
    isLate = false,
  } = options;
  let up = 1000;
  let down = 5000;
  const frames: TestFrame[] = [];
  const now = (): number => atMs + frames.length;
  if (!isLate) {
    frames.push(tcp(now(), client, server, 'S', { sequence: up }));
    frames.push(tcp(now(), server, client, 'SA', { sequence: down }));
    frames.push(tcp(now(), client, server, 'A', { sequence: up + 1 }));
  }
  up++;
  down++;
  for (const [from, payload] of turns) {
    for (const piece of cut(typeof payload === 'string' ? asciiBytes(payload) : payload)) {
      const isUp = from === '>';
      const sequence = isUp ? up : down;
      frames.push(tcp(now(), isUp ? client : server, isUp ? server : client, 'PA', { sequence, payload: piece }));
      if (isUp) up += piece.length;
      else down += piece.length;
    }
  }
  frames.push(tcp(now(), client, server, 'FA', { sequence: up }));
  frames.push(tcp(now(), server, client, 'FA', { sequence: down }));
  return frames;
}

/** Two segments, cut at `at` where the payload is that long. */
export function cutAt(at: number): (payload: Uint8Array) => Uint8Array[] {
  return (payload) => (at < payload.length ? [payload.subarray(0, at), payload.subarray(at)] : [payload]);
}

/** Segments of `size` bytes. */
export function cutEvery(size: number): (payload: Uint8Array) => Uint8Array[] {
  return (payload) =>
    Array.from({ length: Math.ceil(payload.length / size) }, (_, i) => payload.subarray(i * size, (i + 1) * size));
}
