import * as fs from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes, toHex } from '../../test/support/frames.ts';
import {
  CapturePcapngWriter,
  CapturePcapWriter,
  CaptureReader,
  type CaptureStatus,
  type CaptureWriter,
  decodeInterface,
  decodeSection,
  encodeEnhancedPacket,
  encodeInterface,
  encodeSection,
  type FrameBatch,
  OddityCounter,
  TimeBase,
} from './index.ts';

interface Frame {
  readonly hex: string;
  readonly wire: number;
  readonly link: number;
  /** Epoch nanoseconds. */
  readonly ns: bigint;
}

interface Seen {
  readonly frames: Frame[];
  readonly status: CaptureStatus;
}

/** Reads a capture from memory; `onFrame` sees every frame where it lies. */
function read(bytes: Uint8Array, onFrame: (batch: FrameBatch, i: number, base: TimeBase) => void = () => {}): Seen {
  const base = new TimeBase();
  const reader = new CaptureReader(base, new OddityCounter(), { batchFrames: 7 });
  const frames: Frame[] = [];
  let from = 0;
  while (!reader.done) {
    if (reader.next() > 0) {
      const { batch } = reader;
      for (let i = 0; i < batch.count; i++) {
        const at = batch.offset[i];
        frames.push({
          hex: toHex(batch.bytes.subarray(at, at + batch.captureLength[i])),
          wire: batch.wireLength[i],
          link: batch.linkType[i],
          ns: BigInt(base.seconds) * 1_000_000_000n + BigInt(batch.timeNs[i]),
        });
        onFrame(batch, i, base);
      }
    } else if (!reader.done) {
      const space = reader.space();
      const n = Math.min(space.length, bytes.length - from);
      space.set(bytes.subarray(from, from + n));
      reader.fill(n);
      from += n;
    }
  }
  return { frames, status: reader.status() };
}

function rewrite(bytes: Uint8Array, writer: CaptureWriter): Uint8Array {
  const parts: Uint8Array[] = [];
  read(bytes, (batch, i, base) => {
    writer.add(batch, i, base);
    if (i % 3 === 0) parts.push(writer.take().slice());
  });
  parts.push(writer.take().slice());
  return new Uint8Array(Buffer.concat(parts));
}

const fixture = (name: string): Uint8Array =>
  new Uint8Array(fs.readFileSync(new URL(`../../test/fixture/capture/${name}`, import.meta.url)));

const FIXTURES = [
  'tcp-handshake-nano.pcap',
  'linux_dlt_sll2.pcap',
  'q-in-q.pcap',
  'fragmented-1.pcap',
  'snap-arp.pcapng',
  'be-test102.pcapng',
];

const FRAME = hexBytes('ffffffffffff 020000000001 0806 0001 0800');

describe('a capture that is written', () => {
  it.each(FIXTURES)('again as pcapng has the same frames, times, lengths and link types: %s', (name) => {
    const bytes = fixture(name);
    const before = read(bytes);
    const after = read(rewrite(bytes, new CapturePcapngWriter()));
    expect(before.frames.length).toBeGreaterThan(0);
    expect(after.frames).toEqual(before.frames);
    expect(after.status).toMatchObject({ format: 'pcapng', state: 'complete', packets: before.frames.length });
  });

  it.each(FIXTURES.filter((name) => !name.startsWith('be-')))(
    'again as pcap in nanoseconds has them too: %s',
    (name) => {
      const bytes = fixture(name);
      const after = read(rewrite(bytes, new CapturePcapWriter({ nanoseconds: true })));
      expect(after.frames).toEqual(read(bytes).frames);
      expect(after.status.format).toBe('pcap (nanoseconds)');
    },
  );

  it('in microseconds loses the nanoseconds, and counts where it does', () => {
    const writer = new CapturePcapWriter();
    const before = read(fixture('tcp-handshake-nano.pcap')).frames;
    const after = read(rewrite(fixture('tcp-handshake-nano.pcap'), writer)).frames;
    expect(after.map((frame) => frame.ns)).toEqual(before.map((frame) => (frame.ns / 1000n) * 1000n));
    expect(writer.coarsenedTimes).toBe(before.filter((frame) => frame.ns % 1000n !== 0n).length);
    expect(writer.coarsenedTimes).toBeGreaterThan(0);
  });

  it('byte for byte: one frame as pcap and as pcapng', () => {
    const pcap = new CapturePcapWriter();
    pcap.frame(FRAME, 0, FRAME.length, 60, 1, 1_700_000_000, 123_456_789);
    expect(toHex(pcap.take())).toBe(
      'd4c3b2a1 02000400 00000000 00000000 00000400 01000000 00f15365 40e20100 12000000 3c000000 ffffffffffff02000000000108060001 0800'.replaceAll(
        ' ',
        '',
      ),
    );
    const pcapng = new CapturePcapngWriter();
    pcapng.frame(FRAME, 0, FRAME.length, 60, 1, 1_700_000_000, 123_456_789);
    expect(toHex(pcapng.take())).toBe(
      [
        '0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000',
        '01000000 20000000 01000000 00000000 09000100 09000000 00000000 20000000',
        // 1,700,000,000,123,456,789 ns = 0x1797 9cfe 3d85 cd15
        '06000000 34000000 00000000 fe9c9717 15cd853d 12000000 3c000000 ffffffffffff02000000000108060001 0800 0000 34000000',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  it('without frames is a whole file all the same', () => {
    expect(read(new CapturePcapWriter({ linkType: 101 }).take()).status).toMatchObject({
      state: 'complete',
      packets: 0,
    });
    expect(read(new CapturePcapngWriter().take()).status).toMatchObject({ state: 'complete', packets: 0 });
  });

  it('as pcap refuses a second link type with words, as pcapng describes an interface for each', () => {
    const pcap = new CapturePcapWriter();
    pcap.frame(FRAME, 0, 18, 18, 1, 1, 0);
    expect(() => pcap.frame(FRAME, 0, 18, 18, 113, 1, 0)).toThrow(
      'a pcap file holds frames of one link type, and these are of Ethernet (link type 1) and Linux cooked (link type 113)',
    );
    const pcapng = new CapturePcapngWriter();
    for (const link of [1, 113, 1, 147]) pcapng.frame(FRAME, 0, 18, 18, link, 1, 0);
    expect(read(pcapng.take()).frames.map((frame) => frame.link)).toEqual([1, 113, 1, 147]);
  });

  it('moves times that the format has no room for to the nearest that it has, and counts them', () => {
    for (const [seconds, ns, moved] of [
      [0, -1, 0n],
      [2 ** 32, 0, 4_294_967_295_999_999_000n],
      [Number.NaN, 0, 0n],
    ] as const) {
      const pcap = new CapturePcapWriter();
      pcap.frame(FRAME, 0, 18, 18, 1, seconds, ns);
      expect(pcap.clampedTimes).toBe(1);
      expect(read(pcap.take()).frames.map((frame) => frame.ns)).toEqual([moved]);
    }
    const pcapng = new CapturePcapngWriter();
    pcapng.frame(FRAME, 0, 18, 18, 1, 2 ** 32, 5);
    pcapng.frame(FRAME, 0, 18, 18, 1, -5, 5);
    expect(pcapng.clampedTimes).toBe(1);
    expect(read(pcapng.take()).frames.map((frame) => frame.ns)).toEqual([4_294_967_296_000_000_005n, 0n]);
  });

  it('keeps microseconds exact years after the first packet of the run, where a clock of nanoseconds is not', () => {
    const writer = new CapturePcapngWriter();
    for (const seconds of [0, 1_700_000_000, -300_000_000])
      writer.frame(FRAME, 0, 18, 18, 1, 1_000_000_000, seconds * 1e9 + 123_457_000);
    expect(Math.round(1_700_000_000 * 1e9 + 123_457_000) % 1e9).not.toBe(123_457_000);
    const view = new DataView(writer.take().slice().buffer);
    const times = [0, 1, 2].map((i) => {
      const at = 28 + 32 + i * 52 + 12;
      return (BigInt(view.getUint32(at, true)) << 32n) | BigInt(view.getUint32(at + 4, true));
    });
    expect(times).toEqual([1_000_000_000_123_457_000n, 2_700_000_000_123_457_000n, 700_000_000_123_457_000n]);
  });

  it('cuts what no reader takes, and keeps the length on the wire', () => {
    for (const writer of [new CapturePcapWriter(), new CapturePcapngWriter()]) {
      const frame = new Uint8Array(300_000);
      writer.frame(frame, 0, frame.length, frame.length, 1, 1, 0);
      expect(writer.shortened).toBe(1);
      const [seen] = read(writer.take()).frames;
      expect([(seen?.hex.length ?? 0) / 2, seen?.wire]).toEqual([262_144, 300_000]);
    }
  });

  it('gives back any frames at any time, in whatever pieces it is taken', () => {
    const frame = fc.record({
      data: fc.uint8Array({ maxLength: 200 }),
      more: fc.nat(2000),
      link: fc.constantFrom(1, 101, 113),
      // The reader's clock is exact for 104 days from the first frame.
      later: fc.integer({ min: -4_000_000, max: 4_000_000 }),
      ns: fc.integer({ min: 0, max: 999_999_999 }),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 20 }),
        fc.integer({ min: 4_000_000, max: 4_290_000_000 }),
        fc.boolean(),
        fc.boolean(),
        (frames, start, isPcapng, nanoseconds) => {
          const writer = isPcapng ? new CapturePcapngWriter() : new CapturePcapWriter({ nanoseconds });
          const parts: Uint8Array[] = [];
          for (const { data, more, link, later, ns } of frames) {
            writer.frame(data, 0, data.length, data.length + more, isPcapng ? link : 1, start + later, ns);
            if (more % 2 === 0) parts.push(writer.take().slice());
          }
          parts.push(writer.take().slice());
          expect(writer.frames).toBe(frames.length);
          const unit = isPcapng || nanoseconds ? 1n : 1000n;
          expect(read(new Uint8Array(Buffer.concat(parts))).frames).toEqual(
            frames.map(({ data, more, link, later, ns }) => ({
              hex: toHex(data),
              wire: data.length + more,
              link: isPcapng ? link : 1,
              ns: BigInt(start + later) * 1_000_000_000n + (BigInt(ns) / unit) * unit,
            })),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the options of pcapng', () => {
  it('come back as they were written', () => {
    const section = { comment: 'cut by hand', hardware: 'x86', os: 'Linux 6', application: 'anomalyst 0.1.0' };
    const bytes = encodeSection(section);
    expect(decodeSection(new DataView(bytes.buffer), 8, bytes.length - 4, true)).toEqual(section);
    const iface = encodeInterface({ linkType: 113, name: 'eth0', description: 'Büro', tsresol: 9, tsoffset: 5n });
    expect(decodeInterface(new DataView(iface.buffer), 8, iface.length - 4, true)).toMatchObject({
      linkType: 113,
      name: 'eth0',
      description: 'Büro',
      unitsPerSecond: 1_000_000_000n,
      offsetSeconds: 5n,
    });
  });

  it('name the interfaces of a written capture by link type', () => {
    const writer = new CapturePcapngWriter({ application: 'anomalyst', interfaces: [{ linkType: 1, name: 'eth0' }] });
    writer.frame(FRAME, 0, 18, 18, 113, 1, 0);
    const bytes = writer.take();
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).toContain('eth0');
    expect(text).toContain('anomalyst');
    expect(read(bytes.slice()).frames.map((frame) => frame.link)).toEqual([113]);
  });

  it('carry a comment behind a frame of any length', () => {
    for (const length of [15, 16, 17, 18]) {
      const packet = encodeEnhancedPacket(0, 7n, FRAME.subarray(0, length), length, 'flow 12');
      const file = Buffer.concat([encodeSection(), encodeInterface({ tsresol: 9 }), packet]);
      expect(file.toString('latin1')).toContain('flow 12');
      expect(read(new Uint8Array(file)).frames).toEqual([
        { hex: toHex(FRAME.subarray(0, length)), wire: length, link: 1, ns: 7n },
      ]);
    }
  });

  it('are cut where the length field ends, and shown without what a terminal would obey', () => {
    const bytes = encodeSection({ comment: '€'.repeat(40_000) });
    expect(decodeSection(new DataView(bytes.buffer), 8, bytes.length - 4, true).comment).toMatch(/^€{256}/);
    const iface = encodeInterface({ name: 'a\u001b[31m' });
    expect(decodeInterface(new DataView(iface.buffer), 8, iface.length - 4, true)?.name).toBe('a\\u{1b}[31m');
  });

  it('never throw, cut anywhere or made of anything', () => {
    const whole = encodeSection({ comment: 'x'.repeat(30), os: 'y' });
    for (let to = 8; to <= whole.length; to++)
      expect(() => decodeSection(new DataView(whole.buffer), 8, to, true)).not.toThrow();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, little) => {
        const view = new DataView(bytes.slice().buffer);
        decodeSection(view, 0, view.byteLength, little);
        decodeInterface(view, 0, view.byteLength, little);
      }),
    );
  });
});
