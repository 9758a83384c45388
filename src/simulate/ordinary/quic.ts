import type { Random } from '../../core/index.ts';
import { ByteWriter, encodeQuicCrypto, encodeQuicInitial } from '../../wire/index.ts';
import { exponential, integer, randomBytes, randomHex } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { browserOf, clientHello } from '../tls-talk.ts';
import { MS, type World } from '../world.ts';

/** A visit over QUIC version 1, RFC 9000 and 9001: two protected Initials, then packets that nobody can read. */
export function* quicVisit(
  world: World,
  host: Host,
  server: Host,
  name: string,
  requests: number,
  sizes: () => number,
  random: Random,
  isV6: boolean,
): Step {
  yield* world.resolve(host, server, random, isV6);
  const port = world.port(host);
  const destinationId = randomHex(random, 8);
  const serverId = randomHex(random, 8);
  const up = (head: Uint8Array, filler = 0): void =>
    world.udp(host, port, server, 443, head, filler, random.below(65_536), isV6);
  const down = (head: Uint8Array, filler = 0): void =>
    world.udp(server, 443, host, port, head, filler, random.below(65_536), isV6);
  const parameters = Uint8Array.from([1, 4, 0x80, 0, 0x75, 0x30, 3, 2, 0x45, 0xc0, 4, 4, 0x80, 0xf0, 0, 0, 15, 0]);
  const hello = clientHello(browserOf(host), name, ['h3'], random, parameters);
  up(encodeQuicInitial({ destinationId, frames: encodeQuicCrypto(0, hello), frameBytes: 1200 }));
  yield world.answerUs(server, random) + exponential(random, 2 * MS);
  const answer = new ByteWriter()
    .u8(2)
    .u8(0)
    .u8(0)
    .u8(86)
    .u16(0x0303)
    .bytes(randomBytes(random, 32))
    .u8(0)
    .u16(0x1301)
    .u8(0)
    .u16(46)
    .u16(51)
    .u16(36)
    .u16(0x1d)
    .u16(32)
    .bytes(randomBytes(random, 32))
    .u16(43)
    .u16(2)
    .u16(0x0304)
    .finish();
  const frames = new ByteWriter().bytes([2, 0, 0x40, 0x64, 0, 0]).bytes(encodeQuicCrypto(0, answer)).finish();
  down(
    encodeQuicInitial({
      destinationId: '',
      sourceId: serverId,
      frames,
      frameBytes: 1150,
      fromClient: false,
      keyId: destinationId,
    }),
  );
  // Handshake packets: long header, ids, the length of what is sealed.
  const handshake = (toId: string, fromId: string, sealed: number): Uint8Array => {
    const out = new ByteWriter().u8(0xe3).u32(1);
    for (const id of [toId, fromId])
      out
        .u8(id.length / 2)
        .bytes(Array.from({ length: id.length / 2 }, (_, i) => Number.parseInt(id.slice(2 * i, 2 * i + 2), 16)));
    return out.u16(0x4000 | sealed).finish();
  };
  for (let i = 0; i < 3; i++) {
    yield 30 + exponential(random, 60);
    const sealed = i < 2 ? 1160 : 400;
    down(handshake('', serverId, sealed), sealed);
  }
  yield world.answerUs(host, random) + 300;
  up(handshake(serverId, '', 80), 80);
  const shortHead = Uint8Array.from([
    0x41,
    ...Array.from({ length: 8 }, (_, i) => Number.parseInt(serverId.slice(2 * i, 2 * i + 2), 16)),
  ]);
  const toClient = Uint8Array.of(0x49);
  for (let i = 0; i < requests; i++) {
    up(shortHead, integer(random, 60, 520));
    yield world.answerUs(server, random) + exponential(random, 20 * MS);
    let n = 0;
    for (let left = sizes(); left > 0; left -= 1200) {
      down(toClient, Math.min(1215, Math.max(24, Math.round(left))));
      yield 100 + 20 * random.float();
      if (++n % 10 === 0) up(shortHead, 30);
      if (n % 40 === 0) yield world.answerUs(server, random);
    }
    up(shortHead, 32);
    yield exponential(random, 150 * MS);
  }
}
