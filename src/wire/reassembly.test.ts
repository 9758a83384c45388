import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import { Random } from '../core/index.ts';
import {
  decodeFrame,
  encodeEthernet,
  encodeGtp,
  encodeIpv4,
  encodeIpv6,
  encodeTcp,
  encodeUdp,
  Fragments,
  formatMac,
  OddityCounter,
  Packet,
  PROTO,
  REASSEMBLY_HEAD,
  Reassembly,
} from './index.ts';

interface Part {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly more: boolean;
}

/** Cuts a datagram at the given multiples of 8. */
function cut(datagram: Uint8Array, ...places: number[]): Part[] {
  const ends = [...places, datagram.length];
  return ends.map((end, i) => {
    const offset = i === 0 ? 0 : ends[i - 1]!;
    return { offset, bytes: datagram.slice(offset, end), more: i < ends.length - 1 };
  });
}

/** A pool alone, fed with parts of datagrams between the same two hosts. */
class Pool {
  readonly reassembly = new Reassembly();
  readonly oddities = new OddityCounter();
  readonly #packet = new Packet();

  /** The datagram, when the part completes it. */
  add(part: Part, identification = 1, atMs = 0): Uint8Array | undefined {
    const { bytes, offset, more } = part;
    const done = this.reassembly.add(
      bytes,
      0,
      bytes.length,
      offset,
      more,
      this.#packet,
      identification,
      17,
      17,
      atMs * 1e6,
      this.oddities,
    );
    return done ? this.reassembly.bytes.slice(REASSEMBLY_HEAD, REASSEMBLY_HEAD + this.reassembly.length) : undefined;
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.oddities.list().map(({ name, count }) => [name, count]));
  }
}

const numbers = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => from + i);

describe('the pool', () => {
  it('puts any cut together in any order, once the last part is there', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 3000 }),
        fc.array(fc.integer({ min: 1, max: 370 }), { maxLength: 12 }),
        fc.integer(),
        (datagram, eighths, seed) => {
          const places = [...new Set(eighths.map((n) => 8 * n))]
            .filter((n) => n < datagram.length)
            .sort((a, b) => a - b);
          const parts = cut(datagram, ...places);
          const random = new Random(seed);
          const pool = new Pool();
          for (let i = parts.length - 1; i > 0; i--) {
            const j = random.below(i + 1);
            [parts[i], parts[j]] = [parts[j]!, parts[i]!];
          }
          parts.forEach((part, i) => {
            const whole = pool.add(part);
            if (i < parts.length - 1) expect(whole).toBeUndefined();
            else expect(whole).toEqual(datagram);
          });
          expect(pool.counts()).toEqual({});
        },
      ),
    );
  });

  it('datagrams are kept apart by identification', () => {
    const pool = new Pool();
    const [a1, a2] = cut(numbers(20), 8);
    const [b1, b2] = cut(numbers(20, 100), 8);
    expect([pool.add(a1!, 1), pool.add(b2!, 2), pool.add(a2!, 1), pool.add(b1!, 2)]).toEqual([
      undefined,
      undefined,
      numbers(20),
      numbers(20, 100),
    ]);
  });

  it('where parts overlap the first wins; the same bytes are an overlap, others are inconsistent', () => {
    const pool = new Pool();
    const datagram = numbers(32);
    pool.add({ offset: 0, bytes: datagram.slice(0, 16), more: true });
    pool.add({ offset: 8, bytes: datagram.slice(8, 24), more: true });
    expect(pool.counts()).toEqual({ 'ip.fragment-overlap': 1 });
    expect(pool.add({ offset: 16, bytes: new Uint8Array(16).fill(255), more: false })).toEqual(
      Uint8Array.from([...numbers(24), ...new Array(8).fill(255)]),
    );
    expect(pool.counts()).toEqual({ 'ip.fragment-overlap': 1, 'ip.fragment-inconsistent': 1 });
  });

  it('parts that disagree on the end are inconsistent, and left out', () => {
    const pool = new Pool();
    pool.add({ offset: 16, bytes: numbers(8), more: false });
    pool.add({ offset: 24, bytes: numbers(8), more: false });
    pool.add({ offset: 16, bytes: numbers(16), more: true });
    expect(pool.counts()).toEqual({ 'ip.fragment-inconsistent': 2 });
    pool.add({ offset: 32, bytes: numbers(8), more: true }, 2);
    pool.add({ offset: 16, bytes: numbers(8), more: false }, 2);
    expect(pool.counts()).toEqual({ 'ip.fragment-inconsistent': 3 });
    expect(pool.add({ offset: 0, bytes: numbers(16), more: true })).toEqual(
      Uint8Array.from([...numbers(16), ...numbers(8)]),
    );
  });

  it('empty parts, and parts that leave a gap no other can fill, are left out; so is what ends beyond 65,535', () => {
    const pool = new Pool();
    pool.add({ offset: 8, bytes: new Uint8Array(), more: true });
    pool.add({ offset: 0, bytes: numbers(9), more: true });
    pool.add({ offset: 65_528, bytes: numbers(8), more: false });
    expect(pool.counts()).toEqual({ 'ip.fragment-bad-length': 2, 'ip.fragment-too-large': 1 });
    expect(pool.reassembly.waiting).toBe(0);
    pool.add({ offset: 65_528, bytes: numbers(7), more: false });
    expect(pool.reassembly.waiting).toBe(1);
  });

  it('gives up after 30 seconds of packet time, and begins anew', () => {
    const pool = new Pool();
    const [first, last] = cut(numbers(20), 8);
    pool.add(first!, 1, 0);
    expect(pool.add(last!, 1, 30_000)).toEqual(numbers(20));
    pool.add(first!, 1, 40_000);
    expect(pool.add(last!, 1, 70_001)).toBeUndefined();
    expect(pool.counts()).toEqual({ 'ip.fragment-incomplete': 1 });
    pool.reassembly.finish(pool.oddities);
    expect(pool.counts()).toEqual({ 'ip.fragment-incomplete': 2 });
  });

  it('a flood reaches a plateau of 256 datagrams and 4 MiB, each given up is counted, and a datagram of the present comes through', () => {
    const pool = new Pool();
    const large = { offset: 40_000, bytes: new Uint8Array(1480), more: true };
    for (let i = 0; i < 5000; i++) pool.add(large, i, i);
    expect(pool.reassembly.heldBytes).toBeLessThanOrEqual(4 << 20);
    expect(pool.reassembly.waiting).toBeLessThanOrEqual(256);
    expect(pool.counts()['ip.fragment-pool-full']).toBe(5000 - pool.reassembly.waiting);
    const small = { offset: 0, bytes: new Uint8Array(8), more: true };
    for (let i = 0; i < 5000; i++) pool.add(small, 10_000 + i, 5000 + i);
    expect(pool.reassembly.heldBytes).toBeLessThanOrEqual(4 << 20);
    expect(pool.reassembly.waiting).toBe(256);
    const [first, last] = cut(numbers(20), 8);
    pool.add(first!, 99_999, 10_000);
    expect(pool.add(last!, 99_999, 10_000)).toEqual(numbers(20));
  });

  it('keeps 512 KiB at most for datagrams to come, once those of a burst are over', () => {
    const pool = new Pool();
    const large = numbers(30_000);
    const [first, last] = cut(large, 16_000);
    for (let i = 0; i < 100; i++) pool.add(first!, i, 0);
    expect(pool.reassembly.heldBytes).toBeGreaterThan(2 << 20);
    for (let i = 0; i < 50; i++) expect(pool.add(last!, i, 1)).toEqual(large);
    // The others are over when their time is.
    for (let i = 200; i < 203; i++) {
      pool.add(first!, i, 31_000);
      expect(pool.add(last!, i, 31_000)).toEqual(large);
    }
    // That of the last one is held beside.
    expect(pool.reassembly.heldBytes).toBeLessThanOrEqual((512 + 64) << 10);
    expect(pool.counts()).toEqual({ 'ip.fragment-incomplete': 50 });
  });

  it('random parts end in the same datagrams as laying them down byte by byte', () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = new Random(seed);
      const pool = new Pool();
      const laid = new Map<number, number>();
      let total = -1;
      let furthest = 0;
      for (let i = 0; i < 40; i++) {
        const offset = 8 * random.below(12);
        const more = random.below(6) !== 0;
        const length = more ? 8 * (1 + random.below(6)) : 1 + random.below(30);
        const bytes = numbers(length, random.below(200));
        const end = offset + length;
        const whole = pool.add({ offset, bytes, more });
        const refused = total >= 0 ? end > total || (!more && end !== total) : !more && furthest > end;
        if (!refused) {
          for (let at = 0; at < length; at++) if (!laid.has(offset + at)) laid.set(offset + at, bytes[at]!);
          if (!more) total = end;
          furthest = Math.max(furthest, end);
        }
        const complete = total >= 0 && laid.size === total;
        expect(whole !== undefined, `seed ${seed}`).toBe(complete);
        if (whole !== undefined) {
          expect([...whole], `seed ${seed}`).toEqual([...laid].sort(([a], [b]) => a - b).map(([, b]) => b));
          laid.clear();
          total = -1;
          furthest = 0;
        }
      }
    }
  });
});

/** Frames one after the other, as a capture has them. */
class Wire {
  readonly fragments = new Fragments();
  readonly oddities = new OddityCounter();
  readonly packet = new Packet();

  take(payload: Uint8Array, atMs = 0, wireLength = payload.length + 14): Packet {
    const isV6 = payload[0]! >> 4 === 6;
    const frame = encodeEthernet({
      destination: hexBytes('020000000001'),
      source: hexBytes('020000000002'),
      etherType: isV6 ? 0x86dd : 0x0800,
      payload,
    });
    this.fragments.timeNs = atMs * 1e6;
    const view = new DataView(frame.buffer);
    decodeFrame(frame, view, 0, frame.length, wireLength, 1, this.packet, this.fragments, this.oddities);
    return this.packet;
  }

  names(): string[] {
    return this.oddities.list().map(({ name }) => name);
  }
}

function text({ bytes, payload, payloadCaptured }: Packet): string {
  return String.fromCharCode(...bytes.subarray(payload, payload + payloadCaptured));
}

function fragments4(protocol: number, datagram: Uint8Array, identification: number, ...places: number[]): Uint8Array[] {
  return cut(datagram, ...places).map(({ offset, bytes, more }) =>
    encodeIpv4({
      source: 1,
      destination: 2,
      protocol,
      payload: bytes,
      identification,
      fragmentOffset: offset / 8,
      moreFragments: more,
    }),
  );
}

/** Fragments of IPv6 that claim to carry `next`; `before` are headers between the IPv6 header and the fragment header, the first a destination option. */
function fragments6(next: number, datagram: Uint8Array, identification: number, ...places: number[]): Uint8Array[] {
  return cut(datagram, ...places).map(({ offset, bytes, more }) => {
    const payload = new Uint8Array(8 + bytes.length);
    const view = new DataView(payload.buffer);
    payload[0] = next;
    view.setUint16(2, offset | (more ? 1 : 0));
    view.setUint32(4, identification);
    payload.set(bytes, 8);
    return encodeIpv6({ source: [1, 0, 0, 1], destination: [2, 0, 0, 2], nextHeader: 44, payload });
  });
}

const syn = encodeTcp({ srcPort: 4000, dstPort: 22, flags: 2, payload: asciiBytes('x'.repeat(20)) });

describe('fragmented packets', () => {
  it.each([
    ['IPv4', (places: number[]) => fragments4(PROTO.tcp, syn, 7, ...places)],
    ['IPv6', (places: number[]) => fragments6(PROTO.tcp, syn, 7, ...places)],
  ] as const)(
    'TCP flags count once: with the first fragment, or with the last where it was too short to show them (%s)',
    (_, frames) => {
      const flagsOf = (places: number[]): number[] => {
        const wire = new Wire();
        return frames(places).map((frame) => wire.take(frame).tcpFlags);
      };
      expect(flagsOf([8, 16])).toEqual([0, 0, 2]);
      expect(flagsOf([16])).toEqual([2, 0]);
      expect(flagsOf([24])).toEqual([2, 0]);
    },
  );

  const message = `begin ${'x'.repeat(60)} end`;
  const datagram = encodeUdp(4000, 53, asciiBytes(message));

  it.each([
    ['IPv4', fragments4(PROTO.udp, datagram, 5, 32, 56)],
    ['IPv6', fragments6(PROTO.udp, datagram, 5, 32, 56)],
  ])('the last to come shows the whole payload, lengths stay those of the fragments (%s)', (_, frames) => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [0, 2, 1],
    ]) {
      const wire = new Wire();
      let bytes = 0;
      order.forEach((n, i) => {
        const packet = wire.take(frames[n]!);
        bytes += packet.payloadLength;
        expect(packet).toMatchObject({
          isFirstFragment: n === 0 ? 1 : 0,
          isLaterFragment: n === 0 ? 0 : 1,
          isReassembled: i === 2 ? 1 : 0,
          protocol: PROTO.udp,
        });
        if (n === 0 || i === 2 || order[0] === 0) expect(packet).toMatchObject({ srcPort: 4000, dstPort: 53 });
      });
      expect(text(wire.packet)).toBe(message);
      expect(bytes).toBe(message.length);
      expect(formatMac(wire.packet.bytes, wire.packet.sourceMac)).toBe('02:00:00:00:00:02');
      expect(formatMac(wire.packet.bytes, wire.packet.destinationMac)).toBe('02:00:00:00:00:01');
      const name = frames[0]![0]! >> 4 === 6 ? 'ipv6.fragment-without-first' : 'ipv4.fragment-without-first';
      expect(wire.names()).toEqual(order[0] === 0 ? [] : [name]);
      expect(wire.take(frames[0]!)).toMatchObject({ isReassembled: 0, payloadCaptured: 24 });
    }
  });

  it('TCP flags count once, with the first', () => {
    const segment = encodeTcp({ srcPort: 1, dstPort: 2, flags: 0x1b, sequence: 9, payload: asciiBytes('hello world') });
    const [first, last] = fragments4(PROTO.tcp, segment, 5, 24);
    const wire = new Wire();
    expect(wire.take(first!).tcpFlags).toBe(0x1b);
    expect(wire.take(last!)).toMatchObject({ tcpFlags: 0, tcpSequence: 9, srcPort: 1, dstPort: 2, isReassembled: 1 });
    expect(text(wire.packet)).toBe('hello world');
    const other = new Wire();
    expect(other.take(last!).tcpFlags).toBe(0);
    expect(other.take(first!).tcpFlags).toBe(0x1b);
  });

  it('extension headers behind the fragment header do not hide the ports from any of the fragments', () => {
    const options = new Uint8Array(8 + datagram.length);
    options[0] = PROTO.udp;
    options.set(datagram, 8);
    const wire = new Wire();
    for (const frame of fragments6(60, options, 5, 32, 56)) {
      expect(wire.take(frame)).toMatchObject({ protocol: PROTO.udp, srcPort: 4000, dstPort: 53 });
    }
    expect(text(wire.packet)).toBe(message);
    expect(wire.names()).toEqual([]);
  });

  it('a fragment inside of a fragmented IPv6 packet is refused', () => {
    const inner = new Uint8Array(8 + datagram.length);
    inner[0] = PROTO.udp;
    inner[3] = 1;
    inner.set(datagram, 8);
    const wire = new Wire();
    for (const frame of fragments6(44, inner, 5, 32)) wire.take(frame);
    expect(wire.names()).toContain('ipv6.nested-fragment');
  });

  it('ports of a first fragment are forgotten after 30 seconds: identifications come round', () => {
    const [first, middle] = fragments4(PROTO.udp, datagram, 5, 32, 56);
    const wire = new Wire();
    wire.take(first!, 0);
    expect(wire.take(middle!, 30_000).srcPort).toBe(4000);
    expect(wire.take(middle!, 31_001).srcPort).toBe(0);
    expect(wire.names()).toContain('ipv4.fragment-without-first');
  });

  it('a fragment that was cut at capture time is not put together', () => {
    const [first, last] = fragments4(PROTO.udp, datagram, 5, 32);
    const wire = new Wire();
    wire.take(first!.subarray(0, 40), 0, first!.length + 14);
    expect(wire.take(last!).isReassembled).toBe(0);
    wire.fragments.finish(wire.oddities);
    expect(wire.names()).toEqual(['ip.fragment-incomplete']);
  });

  it('a fragmented tunnel is looked into when it is whole, fragments inside of it too', () => {
    const inner = encodeIpv4({ source: 3, destination: 4, protocol: PROTO.udp, payload: datagram });
    const outer = encodeUdp(2152, 2152, encodeGtp({ teid: 7, payload: inner }));
    const wire = new Wire();
    const [first, last] = fragments4(PROTO.udp, outer, 5, 48);
    expect(wire.take(first!)).toMatchObject({ depth: 0, srcPort: 2152, payloadLength: 40 });
    expect(wire.take(last!)).toMatchObject({
      depth: 1,
      src0: 3,
      srcPort: 4000,
      outerSrc0: 1,
      payloadLength: message.length,
      isReassembled: 0,
      isLaterFragment: 0,
    });
    expect(text(wire.packet)).toBe(message);

    // Each fragment of the inner packet comes in an outer one that is fragmented itself.
    const pieces = fragments4(PROTO.udp, datagram, 9, 40);
    pieces.forEach((piece, i) => {
      const carried = encodeUdp(2152, 2152, encodeGtp({ teid: 7, payload: piece }));
      for (const part of fragments4(PROTO.udp, carried, 20 + i, 24)) wire.take(part);
    });
    expect(wire.packet).toMatchObject({ depth: 1, srcPort: 4000, isReassembled: 1, isLaterFragment: 1 });
    expect(text(wire.packet)).toBe(message);
    expect(wire.names()).toEqual([]);
  });

  it('random fragments on both kinds of IP never throw, and payload stays inside of its buffer', () => {
    const wire = new Wire();
    const random = new Random(5);
    for (let i = 0; i < 20_000; i++) {
      const payload = Uint8Array.from({ length: random.below(80) }, () => random.below(256));
      const offset = random.below(10);
      const more = random.below(2) === 1;
      const identification = random.below(4);
      const isV6 = random.below(2) === 1;
      const protocol = [6, 17, 1, 4, 41, 47, 44, 60, 0][random.below(9)]!;
      const part = new Uint8Array(8 + payload.length);
      part[0] = protocol;
      new DataView(part.buffer).setUint16(2, (offset << 3) | (more ? 1 : 0));
      part[7] = identification;
      part.set(payload, 8);
      const packet = wire.take(
        isV6
          ? encodeIpv6({ source: [1, 0, 0, 1], destination: [2, 0, 0, 2], nextHeader: 44, payload: part })
          : encodeIpv4({
              source: 1,
              destination: 2,
              protocol,
              payload,
              identification,
              fragmentOffset: offset,
              moreFragments: more,
            }),
        i,
      );
      if (packet.payloadCaptured > 0 && packet.payload + packet.payloadCaptured > packet.bytes.length)
        expect.fail(`round ${i}`);
    }
    const seen = wire.names();
    for (const name of ['ip.fragment-inconsistent', 'ip.fragment-bad-length', 'ipv6.nested-fragment'])
      expect(seen).toContain(name);
  });
});
