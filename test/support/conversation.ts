import { type TestFrame, tcp } from './frames.ts';

/** What one side of a TCP connection says at once. */
export interface Turn {
  readonly from: 'client' | 'server';
  readonly bytes: Uint8Array;
}

export const client = (bytes: Uint8Array): Turn => ({ from: 'client', bytes });
export const server = (bytes: Uint8Array): Turn => ({ from: 'server', bytes });

export interface ConversationOptions {
  /** Default 10.0.0.5. */
  readonly initiator?: string;
  /** Default 40000. */
  readonly port?: number;
  /** Default 10.0.0.1. */
  readonly responder?: string;
  /** Where a turn is cut into segments: called with its length, gives the lengths of all segments but the last. Default nowhere. */
  readonly cut?: (length: number) => readonly number[];
}

/** A TCP connection, SYN to ACK and then turn after turn. */
export function conversation(
  responderPort: number,
  turns: readonly Turn[],
  options: ConversationOptions = {},
): TestFrame[] {
  const { initiator = '10.0.0.5', port = 40_000, responder = '10.0.0.1', cut = () => [] } = options;
  const here = `${initiator}:${port}`;
  const there = `${responder}:${responderPort}`;
  const frames = [
    tcp(0, here, there, 'S', { sequence: 100 }),
    tcp(1, there, here, 'SA', { sequence: 900 }),
    tcp(2, here, there, 'A', { sequence: 101 }),
  ];
  const sequence = { client: 101, server: 901 };
  for (const { from, bytes } of turns) {
    let at = 0;
    for (const length of [...cut(bytes.length), Number.POSITIVE_INFINITY]) {
      if (at >= bytes.length) break;
      const payload = bytes.subarray(at, Math.min(bytes.length, at + length));
      const [a, b] = from === 'client' ? [here, there] : [there, here];
      frames.push(tcp(2 + frames.length, a, b, 'PA', { sequence: sequence[from] + at, payload }));
      at += payload.length;
    }
    sequence[from] += bytes.length;
  }
  return frames;
}

/** Both sides message by message, the client's first and then in turn, for connections of which the order was not kept. */
export function inTurn(
  sides: { readonly client: Uint8Array; readonly server: Uint8Array },
  lengthAt: (bytes: Uint8Array, at: number) => number,
): Turn[] {
  const turns: Turn[] = [];
  const at = { client: 0, server: 0 };
  const say = (from: 'client' | 'server'): void => {
    const bytes = sides[from];
    if (at[from] >= bytes.length) return;
    const end = Math.min(bytes.length, at[from] + lengthAt(bytes, at[from]));
    turns.push({ from, bytes: bytes.subarray(at[from], end) });
    at[from] = end;
  };
  while (at.client < sides.client.length || at.server < sides.server.length) {
    say('client');
    say('server');
  }
  return turns;
}
