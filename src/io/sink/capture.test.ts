import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { encodePcapHeader, encodePcapRecord, FrameBatch, TimeBase } from '../../wire/index.ts';
import { CaptureFile, captureFormatOf } from '../index.ts';

const folder = temporaryFolder();

function batchOf(...frames: readonly { readonly bytes: Uint8Array; readonly linkType?: number }[]): FrameBatch {
  const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
  const batch = new FrameBatch(frames.length, new Uint8Array(bytes));
  let at = 0;
  frames.forEach((frame, i) => {
    batch.offset[i] = at;
    batch.captureLength[i] = frame.bytes.length;
    batch.wireLength[i] = frame.bytes.length;
    batch.linkType[i] = frame.linkType ?? 1;
    batch.timeNs[i] = i * 1e9;
    at += frame.bytes.length;
  });
  batch.count = frames.length;
  return batch;
}

const base = new TimeBase();
base.seconds = 1_700_000_000;
const FRAME = new Uint8Array(60).fill(7);

describe('a capture file', () => {
  it('has its name only when it is whole', () => {
    const name = path.join(folder, 'whole.pcap');
    const file = new CaptureFile(name);
    const batch = batchOf({ bytes: FRAME }, { bytes: FRAME });
    file.add(batch, 0, base);
    file.add(batch, 1, base);
    expect(fs.existsSync(name)).toBe(false);
    file.finish();
    expect(new Uint8Array(fs.readFileSync(name))).toEqual(
      new Uint8Array(
        Buffer.concat([
          encodePcapHeader(),
          encodePcapRecord(1_700_000_000, 0, FRAME),
          encodePcapRecord(1_700_000_001, 0, FRAME),
        ]),
      ),
    );
  });

  it('goes to the disk in pieces while frames come', () => {
    const pieces: number[] = [];
    const file = new CaptureFile(
      'x.pcapng',
      {},
      { write: (b) => pieces.push(b.length), finish: () => {}, discard: () => {} },
    );
    const batch = batchOf({ bytes: new Uint8Array(1500) });
    for (let i = 0; i < 1000; i++) file.add(batch, 0, base);
    expect(pieces.length).toBeGreaterThan(4);
    expect(Math.max(...pieces)).toBeLessThan(300_000);
    file.finish();
    expect(pieces.reduce((a, b) => a + b, 0)).toBe(28 + 32 + 1000 * 1532);
  });

  it('leaves nothing behind when it is given up, or when a frame does not fit', () => {
    const place = fs.mkdtempSync(path.join(folder, 'none-'));
    const given = new CaptureFile(path.join(place, 'a.pcap'));
    given.add(batchOf({ bytes: FRAME }), 0, base);
    given.discard();
    const mixed = new CaptureFile(path.join(place, 'b.pcap'));
    const batch = batchOf({ bytes: FRAME }, { bytes: FRAME, linkType: 113 });
    mixed.add(batch, 0, base);
    expect(() => mixed.add(batch, 1, base)).toThrow('a pcap file holds frames of one link type');
    expect(fs.readdirSync(place)).toEqual([]);
  });

  it.each([
    ['a.pcap', 'pcap'],
    ['a.CAP', 'pcap'],
    ['a.pcapng', 'pcapng'],
    ['-', 'pcapng'],
  ])('takes its format from its name: %s is %s', (name, format) => {
    expect(captureFormatOf(name)).toBe(format);
  });

  it.each([
    ['a.pcapnng', "name it .pcap or .pcapng; did you mean '.pcapng'?"],
    ['a.pcap.gz', 'captures are written without compression: name it .pcap or .pcapng and compress it behind'],
    ['a', 'name it .pcap or .pcapng'],
  ])('refuses a name that asks for none: %s', (name, hint) => {
    expect(() => captureFormatOf(name)).toThrow(
      expect.objectContaining({ message: `${name}: the name does not say which capture format it should have`, hint }),
    );
  });
});
