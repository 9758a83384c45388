import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { decodeClientHello, encodeClientHello } from '../wire/index.ts';
import { PLACE_ADD, PLACE_NONE, STITCH_MOST, STITCH_USUAL, Stitcher } from './stitch.ts';

const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const read = (stitcher: Stitcher, ref: number, d: number): string =>
  String.fromCharCode(...stitcher.contiguous(ref, d));
/** Byte `i` of an endless stream that has no short period. */
const streamByte = (i: number): number => (Math.imul(i + 1, 2_654_435_761) >>> 13) & 255;
const stream = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, i) => streamByte(from + i));

describe('the place of a segment', () => {
  it('is its beginning when it is the next of its side, so that it is decoded from the packet', () => {
    const stitcher = new Stitcher(4);
    stitcher.start(2, 0, 999);
    expect(stitcher.place(2, 0, 1000, 300)).toBe(0);
    stitcher.consume(2, 0, 300);
    expect(stitcher.place(2, 0, 1300, 50)).toBe(0);
    // The other side and other records know nothing of it; their first payload is their beginning.
    expect(stitcher.place(2, 1, 77, 5)).toBe(0);
    expect(stitcher.place(1, 0, 5, 5)).toBe(0);
    expect(stitcher.open).toBe(0);
  });

  it('leaves out what was read before, and is none when nothing else is in it', () => {
    const stitcher = new Stitcher(1);
    stitcher.start(0, 0, 999);
    stitcher.consume(0, 0, 100);
    expect(stitcher.place(0, 0, 1000, 100)).toBe(PLACE_NONE);
    expect(stitcher.place(0, 0, 1050, 100)).toBe(50);
    expect(stitcher.place(0, 0, 1100, 0)).toBe(PLACE_NONE);
    expect(stitcher.place(0, 0, 1101, 10)).toBe(PLACE_ADD);
  });

  it('is none for a finished side, until the record begins anew', () => {
    const stitcher = new Stitcher(1);
    stitcher.start(0, 1, 10);
    stitcher.finish(0, 1);
    expect(stitcher.place(0, 1, 11, 10)).toBe(PLACE_NONE);
    expect(stitcher.begin(0, 1, 11, text('abc'), 0, 3)).toBe(false);
    stitcher.start(0, 1, 10);
    expect(stitcher.isFinished(0, 1)).toBe(true);
    stitcher.release(0);
    expect(stitcher.isFinished(0, 1)).toBe(false);
    expect(stitcher.place(0, 1, 500, 10)).toBe(0);
  });

  it('goes by the latest SYN as long as nothing was kept', () => {
    const stitcher = new Stitcher(1);
    stitcher.start(0, 0, 10);
    stitcher.start(0, 0, 5000);
    expect(stitcher.place(0, 0, 5001, 10)).toBe(0);
    stitcher.begin(0, 0, 5001, text('abc'), 0, 3);
    stitcher.start(0, 0, 10);
    expect(stitcher.add(0, 0, 5004, text('def'), 0, 3)).toBe(true);
    expect(read(stitcher, 0, 0)).toBe('abcdef');
  });

  it('is not moved by a SYN that comes again, or is forged, once bytes were read', () => {
    for (const syn of [10, 5000]) {
      const stitcher = new Stitcher(1);
      stitcher.start(0, 0, 10);
      stitcher.consume(0, 0, 100);
      stitcher.start(0, 0, syn);
      expect(stitcher.place(0, 0, 11, 100)).toBe(PLACE_NONE);
      expect(stitcher.place(0, 0, 111, 10)).toBe(0);
      // The same when the bytes were read from a buffer that is closed again.
      stitcher.begin(0, 0, 111, text('abc'), 0, 3);
      stitcher.consume(0, 0, 3);
      stitcher.start(0, 0, syn);
      expect(stitcher.place(0, 0, 114, 10)).toBe(0);
    }
  });
});

describe('kept bytes', () => {
  it('a ClientHello in three segments, the last first, is decoded whole', () => {
    const hello = encodeClientHello({ serverName: `${'a'.repeat(200)}.example.com`, alpn: ['h2', 'http/1.1'] });
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [0, 2, 1],
    ]) {
      const stitcher = new Stitcher(1);
      const isn = 0xffff_ff80 | 0;
      stitcher.start(0, 0, isn);
      const cut = [0, 100, 201, hello.length];
      let names: (string | undefined)[] = [];
      for (const i of order) {
        const at = cut[i]!;
        const end = cut[i + 1]!;
        const sequence = (isn + 1 + at) | 0;
        const skip = stitcher.place(0, 0, sequence, end - at);
        if (skip >= 0) {
          expect(decodeClientHello(hello, at + skip, end)?.state).toBe('cut');
          expect(stitcher.begin(0, 0, sequence, hello, at, end)).toBe(true);
        } else if (stitcher.add(0, 0, sequence, hello, at, end)) {
          const from = stitcher.at(0, 0);
          const found = decodeClientHello(stitcher.bytes, from, from + stitcher.length(0, 0));
          names = [...names, found?.state === 'complete' ? found.serverName : undefined];
        }
      }
      expect(names.at(-1), order.join()).toBe(`${'a'.repeat(200)}.example.com`);
    }
  });

  it('where segments overlap the first wins', () => {
    const stitcher = new Stitcher(1);
    stitcher.begin(0, 0, 100, text('abcdef'), 0, 6);
    expect(stitcher.add(0, 0, 103, text('XXXghi'), 0, 6)).toBe(true);
    expect(read(stitcher, 0, 0)).toBe('abcdefghi');
    expect(stitcher.add(0, 0, 115, text('pqr'), 0, 3)).toBe(false);
    expect(stitcher.add(0, 0, 107, text('YYjklmnoYYYs'), 0, 12)).toBe(true);
    expect(read(stitcher, 0, 0)).toBe('abcdefghijklmnopqrs');
    expect(stitcher.add(0, 0, 100, text('ZZZZ'), 0, 4)).toBe(false);
  });

  it('end at 4 KiB unless more is allowed, and 16 KiB is the most', () => {
    const stitcher = new Stitcher(2);
    const all = stream(0, 40_000);
    stitcher.begin(0, 0, 0, all, 0, 4000);
    expect(stitcher.isFull(0, 0)).toBe(false);
    expect(stitcher.add(0, 0, 4000, all, 4000, 6000)).toBe(true);
    expect(stitcher.length(0, 0)).toBe(STITCH_USUAL);
    expect(stitcher.isFull(0, 0)).toBe(true);
    expect(stitcher.add(0, 0, 6000, all, 6000, 7000)).toBe(false);
    expect(stitcher.allow(0, 0, STITCH_MOST)).toBe(false);

    stitcher.begin(1, 0, 0, all, 0, 4000);
    expect(stitcher.allow(1, 0, 1e9)).toBe(true);
    for (let at = 4000; at < 40_000; at += 1500) stitcher.add(1, 0, at, all, at, at + 1500);
    expect(stitcher.length(1, 0)).toBe(STITCH_MOST);
    expect(stitcher.contiguous(1, 0)).toEqual(all.subarray(0, STITCH_MOST));
    expect(stitcher.contiguous(0, 0)).toEqual(all.subarray(0, STITCH_USUAL));
    expect(stitcher.givenUp).toBe(0);
  });

  it('one segment of 64 kB, joined by the network card, fills the buffer at once', () => {
    const stitcher = new Stitcher(1);
    const all = stream(0, 64_000);
    expect(stitcher.begin(0, 0, 7, all, 0, 64_000, STITCH_MOST)).toBe(true);
    expect(stitcher.contiguous(0, 0)).toEqual(all.subarray(0, STITCH_MOST));
  });

  it('consumed, make room for the next message; an empty buffer is closed', () => {
    const stitcher = new Stitcher(1);
    stitcher.begin(0, 0, 1, text('first sec'), 0, 9);
    stitcher.add(0, 0, 13, text(' third'), 0, 6);
    stitcher.consume(0, 0, 6);
    expect(read(stitcher, 0, 0)).toBe('sec');
    expect(stitcher.add(0, 0, 10, text('ond'), 0, 3)).toBe(true);
    expect(read(stitcher, 0, 0)).toBe('second third');
    stitcher.consume(0, 0, 12);
    expect([stitcher.open, stitcher.at(0, 0), stitcher.length(0, 0)]).toEqual([0, -1, 0]);
    expect(stitcher.place(0, 0, 19, 4)).toBe(0);
    // A body of 1,000 bytes that nobody wants.
    stitcher.begin(0, 0, 19, text('head'), 0, 4);
    stitcher.consume(0, 0, 1004);
    expect(stitcher.place(0, 0, 23, 900)).toBe(PLACE_NONE);
    expect(stitcher.place(0, 0, 923, 900)).toBe(100);
  });

  it('keep four islands; a fifth is dropped, and fits when it comes again later', () => {
    const stitcher = new Stitcher(1);
    const all = stream(0, 12);
    stitcher.begin(0, 0, 0, all, 0, 1);
    for (const at of [2, 4, 6, 8, 10]) expect(stitcher.add(0, 0, at, all, at, at + 1)).toBe(false);
    for (const at of [1, 3, 5, 7]) expect(stitcher.add(0, 0, at, all, at, at + 1)).toBe(true);
    expect(stitcher.length(0, 0)).toBe(9);
    stitcher.add(0, 0, 9, all, 9, 10);
    expect(stitcher.length(0, 0)).toBe(10);
    expect(stitcher.add(0, 0, 10, all, 10, 12)).toBe(true);
    expect(stitcher.contiguous(0, 0)).toEqual(all);
  });

  it('an early segment opens a buffer by itself, when it is near', () => {
    const stitcher = new Stitcher(1);
    stitcher.start(0, 0, 0);
    expect(stitcher.add(0, 0, 1 + STITCH_MOST, text('x'), 0, 1)).toBe(false);
    expect(stitcher.open).toBe(0);
    expect(stitcher.add(0, 0, 4, text('def'), 0, 3)).toBe(false);
    expect([stitcher.open, stitcher.length(0, 0)]).toEqual([1, 0]);
    expect(stitcher.place(0, 0, 1, 3)).toBe(PLACE_ADD);
    expect(stitcher.add(0, 0, 1, text('abc'), 0, 3)).toBe(true);
    expect(read(stitcher, 0, 0)).toBe('abcdef');
  });
});

describe('the pool', () => {
  it('gives up the buffers that were begun first when it is full, and counts them', () => {
    const stitcher = new Stitcher(20, { poolBytes: 2 * STITCH_MOST, leastBytes: 4096 });
    const half = text('half a message');
    for (let ref = 0; ref < 12; ref++) stitcher.begin(ref, 1, 0, half, 0, half.length);
    expect(stitcher.givenUp).toBe(4);
    expect([stitcher.open, stitcher.peakOpen]).toEqual([8, 8]);
    for (let ref = 0; ref < 12; ref++) {
      expect(stitcher.isFinished(ref, 1)).toBe(ref < 4);
      expect(read(stitcher, ref, 1)).toBe(ref < 4 ? '' : 'half a message');
    }
  });

  it('a buffer that grows takes the place of the oldest others, and never its own', () => {
    const stitcher = new Stitcher(20, { poolBytes: 2 * STITCH_MOST, leastBytes: 4096 });
    const all = stream(0, STITCH_MOST);
    for (let ref = 0; ref < 8; ref++) stitcher.begin(ref, 0, 0, all, 0, 100 + ref, STITCH_MOST);
    // Record 1 lies in the block of the oldest, record 0: so the other block gives way.
    stitcher.add(1, 0, 101, all, 101, STITCH_MOST);
    expect(stitcher.contiguous(1, 0)).toEqual(all);
    expect(stitcher.givenUp).toBe(4);
    expect([0, 2, 3].map((ref) => stitcher.length(ref, 0))).toEqual([100, 102, 103]);
    // The only block there is: all others in it give way.
    const one = new Stitcher(20, { poolBytes: 1, leastBytes: 4096 });
    for (let ref = 0; ref < 4; ref++) one.begin(ref, 0, 0, all, 0, 100 + ref, STITCH_MOST);
    one.add(2, 0, 102, all, 102, STITCH_MOST);
    expect(one.contiguous(2, 0)).toEqual(all);
    expect([one.open, one.givenUp]).toEqual([1, 3]);
    one.begin(9, 0, 0, all, 0, 10);
    expect([one.open, one.givenUp, one.length(9, 0)]).toEqual([1, 4, 10]);
  });

  it('a buffer whose own flow is finished to make room for it is gone, and the pool stays whole', () => {
    for (const blocks of [1, 2]) {
      const stitcher = new Stitcher(20, { poolBytes: blocks * STITCH_MOST, leastBytes: 4096 });
      stitcher.onGiveUp = (ref) => {
        for (const d of [0, 1]) stitcher.finish(ref, d);
      };
      const all = stream(0, STITCH_MOST);
      // One side in the first block, the other in the last; the first is the oldest of all.
      stitcher.begin(0, 0, 0, all, 0, 100);
      for (let ref = 1; ref < 4 * blocks - 1; ref++) stitcher.begin(ref, 0, 0, all, 0, 100);
      stitcher.begin(0, 1, 0, all, 0, 100, STITCH_MOST);
      expect(stitcher.add(0, 1, 100, all, 100, STITCH_MOST)).toBe(false);
      expect([0, 1].map((d) => stitcher.isFinished(0, d))).toEqual([true, true]);
      // A new buffer for which the oldest, the other side of its flow, must give way.
      stitcher.release(0);
      for (let ref = 1; ref < 20; ref++) stitcher.release(ref);
      expect(stitcher.open).toBe(0);
      for (let ref = 0; ref < 4 * blocks; ref++) stitcher.begin(ref, 0, 0, all, 0, 100);
      expect(stitcher.begin(0, 1, 0, all, 0, 100)).toBe(false);
      expect([0, 1].map((d) => stitcher.isFinished(0, d))).toEqual([true, true]);
      expect(stitcher.open).toBe(4 * blocks - 1);
      // All of the pool is there once, and no more than that.
      for (let ref = 0; ref < 20; ref++) stitcher.release(ref);
      const before = stitcher.givenUp;
      for (let ref = 0; ref < 4 * blocks; ref++) stitcher.begin(ref, 0, 0, all, ref, ref + 100);
      for (let ref = 0; ref < 4 * blocks; ref++)
        expect(stitcher.contiguous(ref, 0)).toEqual(all.subarray(ref, ref + 100));
      expect([stitcher.open, stitcher.givenUp - before]).toEqual([4 * blocks, 0]);
      stitcher.begin(10, 0, 0, all, 0, 100);
      expect([stitcher.open, stitcher.givenUp - before]).toEqual([4 * blocks, 1]);
    }
  });

  it('a buffer moves to the next size as it grows, and its room serves others again', () => {
    const stitcher = new Stitcher(40, { poolBytes: 3 * STITCH_MOST });
    const all = stream(0, STITCH_MOST);
    // Sixteen in the first block; then one of them needs 4 KiB, and at last a block.
    for (let ref = 0; ref < 16; ref++) stitcher.begin(ref, 0, 0, all, 0, 1024, STITCH_MOST);
    stitcher.add(3, 0, 1024, all, 1024, 1025);
    stitcher.add(3, 0, 1025, all, 1025, 4096);
    expect(stitcher.at(3, 0)).toBe(STITCH_MOST);
    stitcher.add(3, 0, 4096, all, 4096, 5000);
    expect(stitcher.at(3, 0)).toBe(2 * STITCH_MOST);
    stitcher.begin(20, 0, 0, all, 0, 10);
    expect(stitcher.at(20, 0)).toBe(3 * 1024);
    // What is known to need more begins with that.
    stitcher.begin(21, 0, 0, all, 0, 3000);
    expect(stitcher.at(21, 0)).toBe(STITCH_MOST);
    expect([stitcher.open, stitcher.givenUp]).toEqual([18, 0]);
    for (const ref of [0, 15]) expect(stitcher.contiguous(ref, 0)).toEqual(all.subarray(0, 1024));
    expect(stitcher.contiguous(3, 0)).toEqual(all.subarray(0, 5000));
    expect(stitcher.contiguous(20, 0)).toEqual(all.subarray(0, 10));
    expect(stitcher.contiguous(21, 0)).toEqual(all.subarray(0, 3000));
  });

  it('clears the block of the oldest where there is no room of the size that is needed', () => {
    const stitcher = new Stitcher(40, { poolBytes: 2 * STITCH_MOST });
    const all = stream(0, STITCH_MOST);
    for (let ref = 0; ref < 32; ref++) stitcher.begin(ref, 0, 0, all, 0, 100);
    expect([stitcher.open, stitcher.givenUp]).toEqual([32, 0]);
    stitcher.begin(32, 0, 0, all, 0, 2000);
    expect([stitcher.open, stitcher.givenUp]).toEqual([17, 16]);
    stitcher.begin(33, 0, 0, all, 0, 100);
    expect([stitcher.open, stitcher.givenUp]).toEqual([17, 17]);
    expect(stitcher.contiguous(32, 0)).toEqual(all.subarray(0, 2000));
    expect(stitcher.length(16, 0)).toBe(0);
  });

  it('a flood of half messages on 65,536 flows stays within it, and the newest are kept', () => {
    const stitcher = new Stitcher(65_536);
    const half = text('GET / HTTP/1.1\r\nHost: ');
    for (let ref = 0; ref < 65_536; ref++)
      for (const d of [0, 1]) stitcher.begin(ref, d, ref, half, 0, half.length, STITCH_MOST);
    expect(stitcher.bytes.length).toBe(8 * 1024 * 1024);
    expect([stitcher.open, stitcher.peakOpen, stitcher.givenUp]).toEqual([8192, 8192, 131_072 - 8192]);
    expect(stitcher.length(65_535, 1)).toBe(half.length);
    for (let ref = 0; ref < 65_536; ref++) stitcher.release(ref);
    expect(stitcher.open).toBe(0);
  });
});

/** The same without pages, lists and copies: what of [0, limit) was seen first, and how many islands that makes. */
class Plain {
  limit: number;
  bytes: Int16Array;
  constructor(limit: number) {
    this.limit = limit;
    this.bytes = new Int16Array(STITCH_MOST).fill(-1);
  }
  get length(): number {
    const n = this.bytes.indexOf(-1);
    return n < 0 ? STITCH_MOST : n;
  }
  add(from: number, to: number, value: (i: number) => number): void {
    const end = Math.min(to, this.limit);
    const start = Math.max(from, this.length);
    if (start >= end) return;
    const at = (i: number): number => (i < 0 || i >= STITCH_MOST ? -1 : this.bytes[i]!);
    let touches = start === this.length;
    for (let i = start - 1; i <= end && !touches; i++) touches = at(i) >= 0;
    let islands = 0;
    for (let i = this.length; i < STITCH_MOST; i++) if (at(i) >= 0 && at(i - 1) < 0) islands++;
    if (!touches && islands === 4) return;
    for (let i = start; i < end; i++) if (this.bytes[i]! < 0) this.bytes[i] = value(i);
  }
  consume(n: number): void {
    this.bytes.copyWithin(0, n);
    this.bytes.fill(-1, STITCH_MOST - n);
  }
}

describe('whatever the order', () => {
  it('holds what a plain list of bytes holds', () => {
    const step = fc.record({
      from: fc.oneof(fc.integer({ min: -20, max: 120 }), fc.integer({ min: -20, max: 20_000 })),
      length: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 6000 })),
      consume: fc.constantFrom(0, 0, 0, 1, 5, 200),
      fill: fc.nat(255),
    });
    const steps = fc.array(step, { maxLength: 25 });
    fc.assert(
      fc.property(steps, fc.integer(), fc.constantFrom(60, STITCH_USUAL, STITCH_MOST), (list, base, limit) => {
        const stitcher = new Stitcher(1);
        stitcher.start(0, 0, (base - 1) | 0);
        // One byte that stays, so that the buffer is open throughout.
        stitcher.begin(0, 0, base, text('!'), 0, 1, limit);
        const plain = new Plain(limit);
        plain.add(0, 1, () => 33);
        let front = base;
        for (const { from, length, consume, fill } of list) {
          const held = new Uint8Array(length + 40).fill(99);
          for (let i = 0; i < length; i++) held[20 + i] = (fill + i) & 255;
          const before = plain.length;
          const grew = stitcher.add(0, 0, (front + from) | 0, held, 20, 20 + length);
          plain.add(from, from + length, (i) => (fill + i - from) & 255);
          expect(grew).toBe(plain.length > before);
          expect(stitcher.length(0, 0)).toBe(plain.length);
          if (consume > 0 && consume < plain.length) {
            stitcher.consume(0, 0, consume);
            plain.consume(consume);
            front = (front + consume) | 0;
          }
          expect([...stitcher.contiguous(0, 0)]).toEqual([...plain.bytes.subarray(0, plain.length)]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('flows that come and go in a small pool never see bytes of one another', () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = new Random(seed);
      const flows = 40;
      const leastBytes = seed < 30 ? 1024 : 4096;
      const most = (3 * STITCH_MOST) / leastBytes;
      const stitcher = new Stitcher(flows, { poolBytes: 3 * STITCH_MOST, leastBytes });
      // Sides of one flow may end together, as they do where a session must give way.
      if (seed % 2 === 1) stitcher.onGiveUp = (ref) => stitcher.finish(ref, ref % 2);
      const sent = new Int32Array(flows);
      const check = (ref: number): void => {
        const kept = stitcher.contiguous(ref, 1);
        expect(
          kept.length === 0 || Buffer.compare(kept, stream(ref * 100_000, ref * 100_000 + kept.length)) === 0,
        ).toBe(true);
      };
      let open = 0;
      for (let i = 0; i < 600; i++) {
        const ref = random.below(flows);
        const what = random.below(12);
        if (what === 0) {
          stitcher.release(ref);
          sent[ref] = 0;
        } else if (what === 1) stitcher.finish(ref, 1);
        else {
          const from = sent[ref]! + (random.below(4) === 0 ? random.below(3000) : 0);
          const length = 1 + random.below(random.below(5) === 0 ? 9000 : 400);
          const payload = stream(ref * 100_000 + from, ref * 100_000 + from + length);
          if (sent[ref] === 0) stitcher.start(ref, 1, 999);
          if (stitcher.place(ref, 1, 1000 + from, length) === 0)
            stitcher.begin(ref, 1, 1000 + from, payload, 0, length, STITCH_MOST);
          else stitcher.add(ref, 1, 1000 + from, payload, 0, length);
          if (from === sent[ref]) sent[ref] = from + length;
        }
        check(ref);
        open = Math.max(open, stitcher.open);
      }
      for (let ref = 0; ref < flows; ref++) check(ref);
      expect(stitcher.givenUp, `seed ${seed}`).toBeGreaterThan(0);
      expect(open).toBeLessThanOrEqual(most);
      for (let ref = 0; ref < flows; ref++) stitcher.release(ref);
      expect(stitcher.open).toBe(0);
      // Every page is free again: the pool takes as many as at first.
      const given = stitcher.givenUp;
      for (let ref = 0; ref < Math.min(most, flows); ref++) stitcher.begin(ref, 0, 0, stream(0, 4), 0, 4);
      expect([stitcher.open, stitcher.givenUp]).toEqual([Math.min(most, flows), given]);
    }
  });
});
