import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCapture } from '../../test/support/capture.ts';
import { toHex, udp } from '../../test/support/frames.ts';
import {
  CaptureReader,
  encodeBlock,
  encodeEnhancedPacket,
  encodeInterface,
  encodePcapHeader,
  encodePcapRecord,
  encodeSection,
  encodeSimplePacket,
  OddityCounter,
  TimeBase,
} from './index.ts';

const FRAME = udp(0, '10.0.0.1:5000', '10.0.0.2:53', 'abc').bytes;

interface SeenFrame {
  readonly bytes: string;
  readonly wireLength: number;
  readonly linkType: number;
  /** Epoch nanoseconds, exact. */
  readonly ns: bigint;
}

function read(bytes: Uint8Array, pieceBytes?: () => number, batchFrames = 4096) {
  const frames: SeenFrame[] = [];
  const times: number[] = [];
  const run = runCapture(bytes, {
    ...(pieceBytes === undefined ? {} : { pieceBytes }),
    batchFrames,
    onBatch: ({ batch }) => {
      for (let i = 0; i < batch.count; i++) {
        const at = batch.offset[i];
        frames.push({
          bytes: toHex(batch.bytes.subarray(at, at + batch.captureLength[i])),
          wireLength: batch.wireLength[i],
          linkType: batch.linkType[i],
          ns: 0n,
        });
        times.push(batch.timeNs[i]);
      }
    },
  });
  const base = BigInt(Number.isNaN(run.base.seconds) ? 0 : run.base.seconds) * 1_000_000_000n;
  return { ...run, frames: frames.map((frame, i) => ({ ...frame, ns: base + BigInt(Math.round(times[i]!)) })) };
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The same pcap file in big-endian byte order, with another magic number and version where given. */
function bigEndianPcap(
  records: readonly { seconds: number; fraction: number; captured: number; wire: number; data: Uint8Array }[],
  options: { magic?: number; minor?: number; extra?: number; littleEndian?: boolean; linkType?: number } = {},
): Uint8Array {
  const { magic = 0xa1b2c3d4, minor = 4, extra = 0, littleEndian = false, linkType = 1 } = options;
  const header = new Uint8Array(24);
  const view = new DataView(header.buffer);
  view.setUint32(0, magic, littleEndian);
  view.setUint16(4, 2, littleEndian);
  view.setUint16(6, minor, littleEndian);
  view.setUint32(16, 65_535, littleEndian);
  view.setUint32(20, linkType, littleEndian);
  return join(
    header,
    ...records.map(({ seconds, fraction, captured, wire, data }) => {
      const record = new Uint8Array(16 + extra + data.length);
      const fields = new DataView(record.buffer);
      fields.setUint32(0, seconds, littleEndian);
      fields.setUint32(4, fraction, littleEndian);
      fields.setUint32(8, captured, littleEndian);
      fields.setUint32(12, wire, littleEndian);
      record.set(data, 16 + extra);
      return record;
    }),
  );
}

/** A pcapng block in big-endian byte order. */
function bigEndianBlock(type: number, body: Uint8Array): Uint8Array {
  const length = 12 + ((body.length + 3) & ~3);
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  view.setUint32(0, type);
  view.setUint32(4, length);
  out.set(body, 8);
  view.setUint32(length - 4, length);
  return out;
}

function words(...values: readonly number[]): Uint8Array {
  const out = new Uint8Array(4 * values.length);
  const view = new DataView(out.buffer);
  values.forEach((value, i) => {
    view.setUint32(4 * i, value);
  });
  return out;
}

describe('pcap', () => {
  it('in both byte orders, in microseconds and nanoseconds', () => {
    const one = { captured: FRAME.length, wire: 99, data: FRAME };
    const seen = { bytes: toHex(FRAME), wireLength: 99, linkType: 1 };
    expect(read(join(encodePcapHeader(), encodePcapRecord(1_700_000_000, 123_456, FRAME, 99))).frames).toEqual([
      { ...seen, ns: 1_700_000_000_123_456_000n },
    ]);
    const nanoseconds = read(
      join(encodePcapHeader({ nanoseconds: true }), encodePcapRecord(1_700_000_000, 123_456_789, FRAME, 99)),
    );
    expect(nanoseconds.frames).toEqual([{ ...seen, ns: 1_700_000_000_123_456_789n }]);
    expect(nanoseconds.status.format).toBe('pcap (nanoseconds)');
    expect(read(bigEndianPcap([{ seconds: 5, fraction: 7, ...one }])).frames).toEqual([
      { ...seen, ns: 5_000_007_000n },
    ]);
    expect(read(bigEndianPcap([{ seconds: 5, fraction: 7, ...one }], { magic: 0xa1b23c4d })).frames).toEqual([
      { ...seen, ns: 5_000_000_007n },
    ]);
  });

  it('with the longer record headers of the modified format', () => {
    for (const littleEndian of [true, false]) {
      const file = bigEndianPcap(
        [1, 2].map((seconds) => ({ seconds, fraction: 0, captured: FRAME.length, wire: FRAME.length, data: FRAME })),
        { magic: 0xa1b2cd34, extra: 8, littleEndian },
      );
      expect(read(file).frames.map((f) => [f.bytes, f.ns])).toEqual([
        [toHex(FRAME), 1_000_000_000n],
        [toHex(FRAME), 2_000_000_000n],
      ]);
    }
  });

  it('of versions that wrote the two lengths the other way round', () => {
    const file = (minor: number, captured: number, wire: number): Uint8Array =>
      bigEndianPcap([{ seconds: 1, fraction: 0, captured, wire, data: FRAME }], { minor });
    for (const bytes of [file(2, 500, FRAME.length), file(3, 500, FRAME.length), file(3, FRAME.length, 500)])
      expect(read(bytes).frames).toMatchObject([{ bytes: toHex(FRAME), wireLength: 500 }]);
  });

  it('cut by the snap length keeps the length on the wire and counts it', () => {
    const run = read(join(encodePcapHeader(), encodePcapRecord(1, 0, FRAME.subarray(0, 40), 1500)));
    expect(run.frames).toMatchObject([{ wireLength: 1500, bytes: toHex(FRAME.subarray(0, 40)) }]);
    expect(run.oddities.of('capture.snapped')).toBe(1);
    expect(run.flows).toMatchObject([{ initiatorBytes: 1500 }]);
  });

  it('a record that holds more than the wire had counts what it holds; an absurd wire length is not believed', () => {
    const run = read(
      join(encodePcapHeader(), encodePcapRecord(1, 0, FRAME, 10), encodePcapRecord(1, 0, FRAME, 0xffffffff)),
    );
    expect(run.frames.map((f) => f.wireLength)).toEqual([FRAME.length, FRAME.length]);
    expect(run.oddities.of('capture.captured-more-than-wire')).toBe(1);
    expect(run.oddities.of('capture.impossible-wire-length')).toBe(1);
    const most = read(join(encodePcapHeader(), encodePcapRecord(1, 0, FRAME, 2 ** 24)));
    expect(most.frames.map((f) => f.wireLength)).toEqual([2 ** 24]);
    expect(most.oddities.of('capture.snapped')).toBe(1);
  });

  it('takes the link type without the bits above it', () => {
    const file = bigEndianPcap([{ seconds: 1, fraction: 0, captured: FRAME.length, wire: FRAME.length, data: FRAME }], {
      linkType: 0x24000001,
    });
    expect(read(file).frames[0]!.linkType).toBe(1);
  });
});

describe('pcapng', () => {
  it('with a time resolution and an offset for each interface', () => {
    const file = join(
      encodeSection(),
      encodeInterface({}),
      encodeInterface({ tsresol: 9, linkType: 101 }),
      encodeInterface({ tsresol: 0x80 | 20 }),
      encodeInterface({ tsresol: 3, tsoffset: 1_000_000n }),
      encodeEnhancedPacket(0, 1_700_000_000_000_001n, FRAME),
      encodeEnhancedPacket(1, 1_700_000_000_000_000_123n, FRAME.subarray(14)),
      encodeEnhancedPacket(2, (1_700_000_000n << 20n) + (1n << 19n), FRAME),
      encodeEnhancedPacket(3, 1_699_000_000_250n, FRAME),
    );
    const run = read(file);
    expect(run.frames.map((f) => [f.ns, f.linkType])).toEqual([
      [1_700_000_000_000_001_000n, 1],
      [1_700_000_000_000_000_123n, 101],
      [1_700_000_000_500_000_000n, 1],
      [1_700_000_000_250_000_000n, 1],
    ]);
    expect(run.status).toMatchObject({ format: 'pcapng', packets: 4, state: 'complete' });
  });

  it('time stamps of any resolution come out to the nanosecond', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.array(fc.integer({ min: 0, max: 86_400 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 999_999_999 }),
        (digits, start, offsets, fraction) => {
          const unit = 10n ** BigInt(9 - digits);
          const ns = offsets.map((s) => ((BigInt(start + s) * 1_000_000_000n + BigInt(fraction)) / unit) * unit);
          const file = join(
            encodeSection(),
            encodeInterface({ tsresol: digits }),
            ...ns.map((t) => encodeEnhancedPacket(0, t / unit, FRAME)),
          );
          expect(read(file).frames.map((f) => f.ns)).toEqual(ns);
        },
      ),
      { numRuns: 200, seed: 5 },
    );
  });

  it('with sections of different byte order, interfaces starting anew in each', () => {
    const big = [
      bigEndianBlock(0x0a0d0d0a, words(0x1a2b3c4d, 0x00010000, 0xffffffff, 0xffffffff)),
      bigEndianBlock(1, words(0x00650000, 0)),
      bigEndianBlock(6, join(words(0, 0, 3_000_000, FRAME.length - 14, 77), FRAME.subarray(14))),
    ];
    const file = join(
      encodeSection(),
      encodeInterface(),
      encodeInterface(),
      encodeEnhancedPacket(1, 2_000_000n, FRAME),
      ...big,
      encodeSection(),
      encodeInterface(),
      encodeEnhancedPacket(1, 2_000_000n, FRAME),
    );
    const run = read(file);
    expect(run.frames.map((f) => [f.ns, f.linkType, f.wireLength])).toEqual([
      [2_000_000_000n, 1, FRAME.length],
      [3_000_000_000n, 101, 77],
    ]);
    expect(run.oddities.of('capture.unknown-interface')).toBe(1);
  });

  it('a simple packet has the time of the packet before it, and its length bounded by block and snap length', () => {
    const run = read(
      join(
        encodeSection(),
        encodeInterface({ snapLength: 20 }),
        encodeSimplePacket(FRAME.subarray(0, 20), 500),
        encodeEnhancedPacket(0, 9_000_000n, FRAME),
        encodeEnhancedPacket(0, 4_000_000n, FRAME),
        encodeSimplePacket(FRAME),
      ),
    );
    expect(run.frames.map((f) => [f.bytes.length / 2, f.wireLength, f.ns])).toEqual([
      [20, 500, 0n],
      [FRAME.length, FRAME.length, 9_000_000_000n],
      [FRAME.length, FRAME.length, 4_000_000_000n],
      [20, FRAME.length, 4_000_000_000n],
    ]);
  });

  it('with the obsolete packet block', () => {
    const body = join(new Uint8Array(20), FRAME);
    const view = new DataView(body.buffer);
    view.setUint16(2, 12, true);
    view.setUint32(8, 6_000_000, true);
    view.setUint32(12, FRAME.length, true);
    view.setUint32(16, 100, true);
    expect(read(join(encodeSection(), encodeInterface(), encodeBlock(2, body))).frames).toEqual([
      { bytes: toHex(FRAME), wireLength: 100, linkType: 1, ns: 6_000_000_000n },
    ]);
  });

  it('skips unknown blocks, also one far larger than the buffer', () => {
    const huge = encodeBlock(0x0bad, new Uint8Array(5 << 20));
    const run = read(
      join(
        encodeSection(),
        encodeInterface(),
        encodeBlock(4, new Uint8Array(9)),
        huge,
        encodeEnhancedPacket(0, 1n, FRAME),
      ),
      () => 100_000,
    );
    expect(run.frames).toHaveLength(1);
    expect(run.status.state).toBe('complete');
  });

  it('reports the packets that the capture program dropped', () => {
    const body = new Uint8Array(12 + 24);
    const view = new DataView(body.buffer);
    view.setUint16(12, 5, true);
    view.setUint16(14, 8, true);
    view.setBigUint64(16, 17n, true);
    view.setUint16(24, 7, true);
    view.setUint16(26, 8, true);
    view.setBigUint64(28, 0xffff_ffff_ffff_ffffn, true);
    const run = read(join(encodeSection(), encodeInterface(), encodeBlock(5, body)));
    expect(run.oddities.of('capture.dropped')).toBe(17);
  });

  it('leaves out blocks that contradict themselves and goes on', () => {
    const lying = encodeEnhancedPacket(0, 1n, FRAME);
    new DataView(lying.buffer).setUint32(20, 5000, true);
    const run = read(
      join(
        encodeSection(),
        encodeInterface(),
        lying,
        encodeBlock(6, new Uint8Array(8)),
        encodeEnhancedPacket(0, 2n, FRAME),
      ),
    );
    expect(run.frames).toHaveLength(1);
    expect(run.oddities.of('capture.bad-block')).toBe(2);
  });
});

describe('an input that is still being written', () => {
  const whole = join(encodePcapHeader(), encodePcapRecord(1, 0, FRAME), encodePcapRecord(2, 0, FRAME));
  const blocks = join(encodeSection(), encodeInterface(), encodeEnhancedPacket(0, 1n, FRAME));

  it.each([
    ['pcap, in a packet', whole.subarray(0, whole.length - 3), 'packet', 'the 1 packet before it was kept'],
    ['pcap, in a record header', whole.subarray(0, 24 + 5), 'packet record header', 'no packet came before it'],
    ['pcapng, in a packet', blocks.subarray(0, blocks.length - 4), 'packet', 'no packet came before it'],
  ])('ends where its last record is not whole yet, without damage: %s', (_, bytes, what, rest) => {
    const oddities = new OddityCounter();
    const reader = new CaptureReader(new TimeBase(), oddities);
    reader.space().set(bytes);
    reader.fill(bytes.length);
    while (reader.next() > 0);
    reader.growing = true;
    reader.fill(0);
    expect(reader.next()).toBe(0);
    expect(reader.done).toBe(true);
    expect(reader.status()).toMatchObject({
      state: 'complete',
      message: `is still being written: its last ${what} is not whole yet; ${rest}`,
    });
    expect(oddities.list()).toEqual([]);
  });

  it('says nothing where it ends between two packets', () => {
    const reader = new CaptureReader(new TimeBase(), new OddityCounter());
    reader.space().set(whole);
    reader.fill(whole.length);
    while (reader.next() > 0);
    reader.growing = true;
    reader.fill(0);
    expect(reader.next()).toBe(0);
    expect(reader.status()).toMatchObject({ state: 'complete', message: undefined, packets: 2 });
  });
});

describe('messages', () => {
  const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
  const pcap = join(encodePcapHeader(), encodePcapRecord(1, 0, FRAME), encodePcapRecord(2, 0, FRAME));
  const pcapng = join(encodeSection(), encodeInterface(), encodeEnhancedPacket(0, 1n, FRAME));
  const message = (bytes: Uint8Array): string | undefined => {
    const run = runCapture(bytes);
    return run.refused ?? run.status.message;
  };

  it.each([
    ['an empty file', new Uint8Array(), 'the input is empty (0 bytes)'],
    [
      'a text file',
      ascii('timestamp,source,destination\n'),
      'of no known format: it begins with text ("timestamp,source,destina")',
    ],
    ['a short text', ascii('hi'), 'of no known format: it begins with text ("hi")'],
    [
      'other bytes',
      Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0),
      'of no known format: it begins with the bytes 7f 45 4c 46 02 01 01 00',
    ],
    ['a cut file header', pcap.subarray(0, 10), 'the capture ends inside its file header (10 of 24 bytes)'],
    ['a file header alone', pcap.subarray(0, 24), undefined],
    [
      'a cut record header',
      pcap.subarray(0, 24 + 16 + FRAME.length + 5),
      `ends in the middle of a packet record header, at byte ${24 + 16 + FRAME.length}; the 1 packet before it was kept`,
    ],
    [
      'a cut packet',
      pcap.subarray(0, pcap.length - 1),
      `ends in the middle of a packet, at byte ${24 + 16 + FRAME.length}; the 1 packet before it was kept`,
    ],
    [
      'a cut first packet',
      pcap.subarray(0, 50),
      'ends in the middle of a packet, at byte 24; no packet came before it',
    ],
    [
      'a cut pcapng packet',
      pcapng.subarray(0, pcapng.length - 1),
      'ends in the middle of a packet, at byte 52; no packet came before it',
    ],
    [
      'a cut pcapng block',
      pcapng.subarray(0, 40),
      'ends in the middle of a block, at byte 28; no packet came before it',
    ],
  ] as const)('%s', (_, bytes, expected) => {
    expect(message(bytes)).toBe(expected);
  });

  it('a record that claims too much', () => {
    const bad = pcap.slice();
    new DataView(bad.buffer).setUint32(24 + 16 + FRAME.length + 8, 1_000_000_000, true);
    expect(message(bad)).toBe(
      `packet 2 at byte ${24 + 16 + FRAME.length} claims 1,000,000,000 captured bytes, more than any capture program writes (262,144); the 1 packet before it was kept`,
    );
  });

  it('a pcapng block that lies about its length', () => {
    const short = pcapng.slice();
    new DataView(short.buffer).setUint32(56, 7, true);
    expect(message(short)).toBe(
      'the pcapng block at byte 52 (type 0x6) claims a length of 7 bytes, which cannot be; no packet came before it',
    );
    const unlike = pcapng.slice();
    new DataView(unlike.buffer).setUint32(unlike.length - 4, 64, true);
    expect(message(unlike)).toBe(
      'the pcapng block at byte 52 (type 0x6) ends with another length than it begins with; no packet came before it',
    );
    const order = pcapng.slice();
    new DataView(order.buffer).setUint32(8, 0x01020304, true);
    expect(message(order)).toBe('the section header at byte 0 has no valid byte-order mark; no packet came before it');
  });

  it('a reader that is cut from outside is finished and says why', () => {
    const run = runCapture(pcap, { batchFrames: 1, onBatch: (reader) => reader.cut('the gzip stream is damaged') });
    expect(run.status).toMatchObject({ packets: 1, state: 'cut', message: 'the gzip stream is damaged' });
  });
});

describe('pieces', () => {
  const frame = fc.uint8Array({ minLength: 0, maxLength: 200 });
  const capture = fc.oneof(
    fc
      .array(fc.tuple(fc.nat(1e6), fc.nat(999_999), frame), { maxLength: 20 })
      .map((records) =>
        join(encodePcapHeader(), ...records.map(([s, f, data]) => encodePcapRecord(s, f, data, data.length + (f % 7)))),
      ),
    fc
      .array(fc.tuple(fc.nat(4), fc.nat(1e9), frame), { maxLength: 20 })
      .map((blocks) =>
        join(
          encodeSection(),
          encodeInterface(),
          encodeInterface({ tsresol: 9, linkType: 101 }),
          ...blocks.map(([kind, t, data]) =>
            kind === 0
              ? encodeSimplePacket(data)
              : kind === 1
                ? encodeBlock(0x77, data)
                : kind === 2
                  ? join(encodeSection(), encodeInterface(), encodeInterface())
                  : encodeEnhancedPacket(kind - 3, BigInt(t), data),
          ),
        ),
      ),
  );

  it('a capture gives the same frames in one piece, byte by byte, in random pieces, and in batches of any size', () => {
    fc.assert(
      fc.property(
        capture,
        fc.infiniteStream(fc.integer({ min: 1, max: 60 })),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        (bytes, sizes, batch, cut) => {
          const file = cut % 3 === 0 ? bytes.subarray(0, Math.max(24, cut % (bytes.length + 1))) : bytes;
          const whole = read(file);
          for (const other of [
            read(file, () => 1),
            read(file, () => sizes.next().value),
            read(file, undefined, batch),
          ]) {
            expect(other.frames).toEqual(whole.frames);
            expect(other.status).toEqual(whole.status);
            expect(other.oddities.list()).toEqual(whole.oddities.list());
            expect(other.refused).toBe(whole.refused);
          }
        },
      ),
      { numRuns: 150, seed: 9 },
    );
  });
});
