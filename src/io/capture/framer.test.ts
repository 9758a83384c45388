import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodePcapHeader, encodePcapRecord } from '../../wire/index.ts';
import { PcapFramer } from './framer.ts';

interface Seen {
  readonly headers: number[];
  readonly records: {
    readonly hex: string;
    readonly seconds: number;
    readonly nanoseconds: number;
    readonly wire: number;
  }[];
}

function frame(pieces: readonly Uint8Array[]): { readonly seen: Seen; readonly framer: PcapFramer } {
  const seen: Seen = { headers: [], records: [] };
  const framer = new PcapFramer({
    header: (_bytes, header) => seen.headers.push(header.linkType),
    record: (bytes, at, end, seconds, nanoseconds, wire) =>
      seen.records.push({ hex: Buffer.from(bytes.subarray(at + 16, end)).toString('hex'), seconds, nanoseconds, wire }),
  });
  for (const piece of pieces) framer.push(piece);
  return { seen, framer };
}

test('a stream cut anywhere gives the same records as in one piece', () => {
  const record = fc.record({
    seconds: fc.nat(2 ** 31),
    micros: fc.nat(999_999),
    bytes: fc.uint8Array({ maxLength: 90 }),
  });
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      (records, cuts) => {
        const stream = Buffer.concat([
          encodePcapHeader({ linkType: 1 }),
          ...records.map((r) => encodePcapRecord(r.seconds, r.micros, r.bytes, r.bytes.length + 7)),
        ]);
        const pieces: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const length = cuts[i % cuts.length] ?? 1;
          pieces.push(stream.subarray(at, at + length));
          at += length;
        }
        const { seen, framer } = frame(pieces);
        expect(seen.headers).toEqual([1]);
        expect(seen.records).toEqual(
          records.map((r) => ({
            hex: Buffer.from(r.bytes).toString('hex'),
            seconds: r.seconds,
            nanoseconds: r.micros * 1000,
            wire: r.bytes.length + 7,
          })),
        );
        expect(framer.pendingBytes).toBe(0);
        expect(framer.records).toBe(records.length);
      },
    ),
  );
});

test('of a record that is not whole nothing is handed on', () => {
  const whole = Buffer.concat([
    encodePcapHeader(),
    encodePcapRecord(1, 2, new Uint8Array(30)),
    encodePcapRecord(3, 4, new Uint8Array(30)),
  ]);
  for (let end = 70; end < whole.length; end++) {
    const { seen, framer } = frame([whole.subarray(0, end)]);
    expect(seen.records.length).toBe(1);
    expect(framer.pendingBytes).toBe(end - 70);
  }
});

test('a record of the largest size comes through, one byte more is damage', () => {
  const { seen, framer } = frame([encodePcapHeader(), encodePcapRecord(1, 2, new Uint8Array(262_144))]);
  expect(seen.records.length).toBe(1);
  framer.push(encodePcapRecord(1, 2, new Uint8Array(262_145)).subarray(0, 16));
  expect(framer.damage).toBe('packet 2 claims 262,145 captured bytes, which cannot be');
  framer.push(encodePcapRecord(1, 2, new Uint8Array(4)));
  expect(seen.records.length).toBe(1);
  expect(framer.pendingBytes).toBe(0);
});

test('a big-endian stream with nanoseconds is read as such', () => {
  const bytes = Buffer.from(
    'a1b23c4d000200040000000000000000000400000000000165540f80000000070000000200000005abcd',
    'hex',
  );
  expect(frame([bytes]).seen.records).toEqual([{ hex: 'abcd', seconds: 0x65540f80, nanoseconds: 7, wire: 5 }]);
});

test('what is no pcap is damage, in any pieces, and random bytes never throw', () => {
  const text = Buffer.from('Segmentation fault. This is no capture at all.');
  expect(frame([text]).framer.damage).toBe('it does not write pcap');
  expect(frame([...text].map((byte) => Uint8Array.of(byte))).framer.damage).toBe('it does not write pcap');
  const longHeaders = Buffer.from(encodePcapHeader());
  longHeaders.writeUInt32LE(0xa1b2cd34, 0);
  expect(frame([longHeaders]).framer.damage).toBe('it does not write pcap');
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (pieces) => {
      frame([encodePcapHeader(), ...pieces]);
      frame(pieces);
    }),
  );
});
