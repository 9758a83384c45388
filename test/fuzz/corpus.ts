/**
 * What is mutated: conversations of the committed captures, of the committed streams, and one message of every encoder of `wire`, as frames.
 */
import { readdirSync, readFileSync } from 'node:fs';
import * as wire from '../../src/wire/index.ts';
import { OddityCounter, TimeBase } from '../../src/wire/index.ts';
import { hexBytes, tcp, udp } from '../support/frames.ts';
import { ENCODED } from './encoded/index.ts';

export interface CorpusFrame {
  readonly bytes: Uint8Array;
  readonly linkType: number;
  readonly wireLength: number;
  /** Since the beginning of its conversation. */
  readonly timeNs: number;
}

export interface Conversation {
  /** The file and, for one of several, its number; or the name of the encoder. */
  readonly name: string;
  readonly frames: readonly CorpusFrame[];
}

const FIXTURES = new URL('../fixture/', import.meta.url);
/** The first frames of a conversation tell all that is looked at; few conversations of a capture are of a new kind. */
const MOST_FRAMES = 10;
const MOST_CONVERSATIONS = 16;
const MOST_FRAME_BYTES = 2000;

/** All conversations, in the same order on every machine. */
export function readCorpus(): Conversation[] {
  return [...captures(), ...streams(), ...encoded()];
}

function captures(): Conversation[] {
  const found: Conversation[] = [];
  const files = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(pcap|pcapng)$/.test(name))
    .map((name) => name.replaceAll('\\', '/'))
    .sort();
  for (const file of files) {
    const groups = new Map<string, CorpusFrame[]>();
    eachFrame(readFileSync(new URL(file, FIXTURES)), (frame, key) => {
      let group = groups.get(key);
      if (group === undefined && groups.size < MOST_CONVERSATIONS) {
        group = [];
        groups.set(key, group);
      }
      if (group !== undefined && group.length < MOST_FRAMES && frame.bytes.length <= MOST_FRAME_BYTES)
        group.push(frame);
    });
    let i = 0;
    for (const frames of groups.values()) if (frames.length > 0) found.push({ name: `${file} ${++i}`, frames });
  }
  return found;
}

function eachFrame(bytes: Uint8Array, visit: (frame: CorpusFrame, key: string) => void): void {
  const oddities = new OddityCounter();
  const reader = new wire.CaptureReader(new TimeBase(), oddities);
  const packet = new wire.Packet();
  const fragments = new wire.Fragments();
  for (let at = 0; !reader.done; ) {
    if (reader.next() > 0) {
      const { batch } = reader;
      for (let i = 0; i < batch.count; i++) {
        const [offset, captured, wireLength, linkType] = [
          batch.offset[i],
          batch.captureLength[i],
          batch.wireLength[i],
          batch.linkType[i],
        ];
        const timeNs = batch.timeNs[i];
        fragments.timeNs = timeNs;
        const p = packet;
        const belongs = wire.decodeFrame(
          batch.bytes,
          batch.view,
          offset,
          captured,
          wireLength,
          linkType,
          p,
          fragments,
          oddities,
        );
        const ends = [
          `${p.src0},${p.src1},${p.src2},${p.src3},${p.srcPort}`,
          `${p.dst0},${p.dst1},${p.dst2},${p.dst3},${p.dstPort}`,
        ].sort();
        const key = belongs ? `${p.protocol} ${ends.join(' ')}` : `${p.other}`;
        visit({ bytes: batch.bytes.slice(offset, offset + captured), linkType, wireLength, timeNs }, key);
      }
    } else if (!reader.done) {
      const space = reader.space();
      const n = Math.min(space.length, bytes.length - at);
      space.set(bytes.subarray(at, at + n));
      reader.fill(n);
      at += n;
    }
  }
}

/** Port of the server by the beginning of the file's name. */
const STREAM_PORTS: readonly (readonly [string, number])[] = [
  ['dtls', 4433],
  ['quic', 443],
  ['ssh', 22],
  ['smb', 445],
  ['ldap', 389],
  ['kerberos', 88],
  ['rpc', 135],
  ['rdp', 3389],
  ['vnc', 5900],
];

function streams(): Conversation[] {
  const found: Conversation[] = [];
  for (const folder of ['stream', 'windows'])
    for (const file of readdirSync(new URL(`${folder}/`, FIXTURES))
      .filter((name) => name.endsWith('.txt'))
      .sort()) {
      const port = STREAM_PORTS.find(([start]) => file.startsWith(start))?.[1] ?? 443;
      const said = readFileSync(new URL(`${folder}/${file}`, FIXTURES), 'latin1')
        .split('\n')
        .map((line) => /^(client|server) ([0-9a-f]+)$/.exec(line))
        .filter((match) => match !== null)
        .map(([, side, hex = '']) => ({ fromClient: side === 'client', bytes: hexBytes(hex) }));
      found.push({ name: `${folder}/${file}`, frames: dialogue(said, port, /^(dtls|quic)/.test(file)) });
    }
  return found;
}

function dialogue(
  said: readonly { fromClient: boolean; bytes: Uint8Array }[],
  port: number,
  isUdp: boolean,
): CorpusFrame[] {
  const [client, server] = ['10.1.0.1:40000', `10.1.0.2:${port}`];
  const frames = isUdp
    ? []
    : [tcp(0, client, server, 'S', { sequence: 999 }), tcp(1, server, client, 'SA', { sequence: 999 })];
  const sequence = { client: 1000, server: 1000 };
  let at = 2;
  for (const { fromClient, bytes } of said) {
    const from = fromClient ? client : server;
    const to = fromClient ? server : client;
    const side = fromClient ? 'client' : 'server';
    if (isUdp) frames.push(udp(at++, from, to, bytes));
    else
      for (let here = 0; here < bytes.length && here < 3 * 1400; here += 1400) {
        const payload = bytes.subarray(here, here + 1400);
        frames.push(tcp(at++, from, to, 'PA', { sequence: sequence[side], payload }));
        sequence[side] += payload.length;
      }
  }
  return frames.slice(0, MOST_FRAMES).map(plain);
}

function plain({
  bytes,
  atMs,
  linkType = 1,
  wireLength = bytes.length,
}: {
  bytes: Uint8Array;
  atMs: number;
  linkType?: number;
  wireLength?: number;
}): CorpusFrame {
  return { bytes, linkType, wireLength, timeNs: atMs * 1e6 };
}

function encoded(): Conversation[] {
  return Object.entries(ENCODED).map(([name, made]) => {
    if ('frames' in made)
      return {
        name,
        frames: made.frames.map((bytes, i) =>
          plain({ bytes, atMs: i, ...(made.linkType === undefined ? {} : { linkType: made.linkType }) }),
        ),
      };
    const isUdp = 'udp' in made;
    const client = (made.client ?? []).map((bytes) => ({ fromClient: true, bytes }));
    const server = (made.server ?? []).map((bytes) => ({ fromClient: false, bytes }));
    return { name, frames: dialogue([...client, ...server], isUdp ? made.udp : made.tcp, isUdp) };
  });
}
