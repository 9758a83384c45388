import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { packetNumbers, until } from '../../../test/support/fake-capture.ts';
import { decodePcapHeader, encodePcapHeader, encodePcapRecord } from '../../wire/index.ts';
import { examinePart } from './repair.ts';
import { CaptureRing, checkRingPattern, RING_INDEX, type RingOptions, type RingWriter, ringName } from './ring.ts';

const base = temporaryFolder();
const START = 1_700_000_000;
let folders = 0;

function freshFolder(): string {
  const folder = path.join(base, `ring-${folders++}`);
  fs.mkdirSync(folder);
  return folder;
}

function open(folder: string, options: Partial<RingOptions> = {}) {
  const notes: string[] = [];
  const ring = new CaptureRing(
    {
      folder,
      pattern: '%i-%s.pcap',
      rotateBytes: 1e6,
      rotateMs: 900_000,
      quotaBytes: undefined,
      keep: undefined,
      retentionMs: undefined,
      compress: 'none',
      ...options,
    },
    (text) => notes.push(text),
  );
  return { ring, notes };
}

function writer(ring: CaptureRing, name = 'eth0', linkType = 1): RingWriter {
  const made = ring.writer(name);
  begin(made, linkType);
  return made;
}

function begin(made: RingWriter, linkType = 1): void {
  const bytes = encodePcapHeader({ linkType });
  const header = decodePcapHeader(new DataView(bytes.buffer));
  if (header === undefined) throw new Error('no header');
  made.header(bytes, header);
}

/** A packet that carries its number, 76 bytes on disk. */
function put(made: RingWriter, number: number, seconds = START): void {
  const frame = new Uint8Array(60);
  new DataView(frame.buffer).setUint32(14, number);
  const bytes = encodePcapRecord(seconds, 0, frame);
  made.record(bytes, 0, bytes.length, seconds, 0, 60);
}

const captures = (folder: string): string[] =>
  fs
    .readdirSync(folder)
    .filter((name) => /\.pcap(\.|$)/.test(name))
    .sort();
const numbersIn = (folder: string): number[][] =>
  captures(folder).map((name) => packetNumbers(fs.readFileSync(path.join(folder, name))));

test('a file begins before the size would be passed, and every packet is in one file', async () => {
  const folder = freshFolder();
  // 24 bytes of header and four packets of 76 make 328.
  const { ring } = open(folder, { rotateBytes: 330 });
  const made = writer(ring);
  for (let n = 0; n < 10; n++) put(made, n, START + n);
  await ring.close(false);
  expect(captures(folder)).toEqual([`eth0-${START}.pcap`, `eth0-${START + 4}.pcap`, `eth0-${START + 8}.pcap`]);
  expect(numbersIn(folder)).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ]);
  expect(ring.files.map(({ packets, bytes, firstMs, lastMs }) => [packets, bytes, firstMs, lastMs])).toEqual([
    [4, 328, START * 1000, (START + 3) * 1000],
    [4, 328, (START + 4) * 1000, (START + 7) * 1000],
    [2, 176, (START + 8) * 1000, (START + 9) * 1000],
  ]);
  expect(ring.bytes).toBe(328 + 328 + 176);
});

test("a file holds no more than its time, by the packets' own clock", async () => {
  const folder = freshFolder();
  const { ring } = open(folder, { rotateMs: 60_000 });
  const made = writer(ring);
  for (const at of [0, 59, 60, 119, 500]) put(made, at, START + at);
  await ring.close(false);
  expect(numbersIn(folder)).toEqual([[0, 59], [60, 119], [500]]);
});

test('a file whose time is over is closed though no packet comes', async () => {
  const folder = freshFolder();
  const { ring } = open(folder, { rotateMs: 60_000 });
  put(writer(ring), 1);
  ring.tick(Date.now() + 60_000);
  expect(ring.files.length).toBe(0);
  ring.tick(Date.now() + 62_000);
  await until(() => ring.files.length === 1);
  expect(captures(folder)).toEqual([`eth0-${START}.pcap`]);
  await ring.close(false);
});

test('a file has its name only when it is whole, and no packets make no file', async () => {
  const folder = freshFolder();
  const { ring } = open(folder);
  const made = writer(ring);
  writer(ring, 'eth1');
  put(made, 1);
  ring.tick(Date.now());
  await until(
    () => captures(folder).length === 1 && fs.statSync(path.join(folder, `eth0-${START}.pcap.part`)).size === 100,
  );
  expect(captures(folder)).toEqual([`eth0-${START}.pcap.part`]);
  await ring.close(false);
  expect(captures(folder)).toEqual([`eth0-${START}.pcap`]);
});

test('files of one second get names of their own, and none that is there is written over', async () => {
  const folder = freshFolder();
  fs.writeFileSync(path.join(folder, `eth0-${START}.pcap`), 'somebody else');
  fs.writeFileSync(path.join(folder, `eth0-${START}_2.pcap.gz`), 'somebody else');
  const { ring } = open(folder, { rotateBytes: 100 });
  const made = writer(ring);
  for (let n = 0; n < 3; n++) put(made, n);
  await ring.close(false);
  expect(ring.files.map((file) => file.name)).toEqual([3, 4, 5].map((n) => `eth0-${START}_${n}.pcap`));
  expect(fs.readFileSync(path.join(folder, `eth0-${START}.pcap`), 'utf8')).toBe('somebody else');
});

test('a stream of another link type gets a file of its own, one of the same goes on', async () => {
  const folder = freshFolder();
  const { ring } = open(folder);
  const made = writer(ring);
  put(made, 1);
  begin(made, 1);
  put(made, 2);
  begin(made, 276);
  put(made, 3, START + 1);
  await ring.close(false);
  expect(numbersIn(folder)).toEqual([[1, 2], [3]]);
});

test('the oldest files go when the quota is used up, also while they are written', async () => {
  const folder = freshFolder();
  const { ring } = open(folder, { rotateBytes: 180, quotaBytes: 600 });
  const made = writer(ring);
  for (let n = 0; n < 20; n++) put(made, n, START + n);
  await ring.close(false);
  // Two packets make 176 bytes; three such files are within 600, four are not.
  expect(numbersIn(folder)).toEqual([
    [14, 15],
    [16, 17],
    [18, 19],
  ]);
  expect(ring.deleted).toEqual({ files: 7, bytes: 7 * 176 });
  expect(ring.bytes).toBe(528);
});

test('each interface keeps its newest files, so that a busy one does not drive out a quiet one', async () => {
  const folder = freshFolder();
  const { ring } = open(folder, { rotateBytes: 100, keep: 2 });
  const busy = writer(ring, 'busy');
  const quiet = writer(ring, 'quiet');
  put(quiet, 100, START);
  for (let n = 0; n < 6; n++) put(busy, n, START + n);
  await ring.close(false);
  expect(ring.files.map((file) => file.name).sort()).toEqual([
    `busy-${START + 4}.pcap`,
    `busy-${START + 5}.pcap`,
    `quiet-${START}.pcap`,
  ]);
});

test('files whose last packet is too old are deleted', async () => {
  const folder = freshFolder();
  const now = Math.floor(Date.now() / 1000);
  const { ring } = open(folder, { rotateBytes: 100, retentionMs: 3_600_000 });
  const made = writer(ring);
  put(made, 1, now - 3000);
  put(made, 2, now);
  await ring.close(false);
  expect(ring.files.length).toBe(2);
  ring.enforce(now * 1000 + 3_599_000);
  expect(numbersIn(folder)).toEqual([[2]]);
});

test('only files of the ring are ever deleted', async () => {
  const folder = freshFolder();
  fs.writeFileSync(path.join(folder, 'evidence.pcap'), encodePcapHeader());
  const { ring } = open(folder, { rotateBytes: 100, keep: 1, quotaBytes: 200, retentionMs: 1 });
  const made = writer(ring);
  for (let n = 0; n < 5; n++) put(made, n, START + n);
  await ring.close(false);
  expect(captures(folder)).toEqual(['evidence.pcap']);
});

test.each(['gz', 'zstd'] as const)('closed files are compressed with %s, and the list follows', async (compress) => {
  const folder = freshFolder();
  const { ring } = open(folder, { rotateBytes: 180, compress });
  const made = writer(ring);
  for (let n = 0; n < 6; n++) put(made, n, START + n);
  await ring.close(true);
  const names = captures(folder);
  expect(names.length).toBe(3);
  const unpack = compress === 'gz' ? zlib.gunzipSync : zlib.zstdDecompressSync;
  expect(names.map((name) => packetNumbers(unpack(fs.readFileSync(path.join(folder, name)))))).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
  expect(ring.files.map((file) => file.name)).toEqual(names);
  expect(ring.bytes).toBe(names.reduce((sum, name) => sum + fs.statSync(path.join(folder, name)).size, 0));
});

test('compression that was given up is taken up by the next run', async () => {
  const folder = freshFolder();
  const first = open(folder, { rotateBytes: 180, compress: 'gz' });
  const made = writer(first.ring);
  for (let n = 0; n < 6; n++) put(made, n, START + n);
  await first.ring.close(false);
  const second = open(folder, { rotateBytes: 180, compress: 'gz' });
  await second.ring.close(true);
  expect(captures(folder)).toEqual([0, 2, 4].map((n) => `eth0-${START + n}.pcap.gz`));
});

test('what a crash left open is made whole by the next run, which goes on with the same ring', async () => {
  const folder = freshFolder();
  const crashed = open(folder, { rotateBytes: 180 });
  const made = writer(crashed.ring);
  for (let n = 0; n < 3; n++) put(made, n, START + n);
  crashed.ring.tick(Date.now());
  const part = path.join(folder, `eth0-${START + 2}.pcap.part`);
  await until(() => fs.existsSync(part) && fs.statSync(part).size === 100);
  fs.appendFileSync(part, encodePcapRecord(START + 3, 0, new Uint8Array(60)).subarray(0, 50));

  const { ring, notes } = open(folder, { keep: 2 });
  expect(numbersIn(folder)).toEqual([[0, 1], [2]]);
  expect(ring.repaired).toEqual([`eth0-${START + 2}.pcap`]);
  expect(notes).toEqual([
    `repaired eth0-${START + 2}.pcap, which an earlier capture had left open: 1 packet, 50 bytes of a half-written one cut off`,
  ]);
  put(writer(ring), 9, START + 9);
  await ring.close(false);
  expect(numbersIn(folder)).toEqual([[2], [9]]);
  await expect(crashed.ring.close(false)).rejects.toThrow('no such file');
});

test('every cut of a file that was left open keeps the whole packets', () => {
  const folder = freshFolder();
  const whole = Buffer.concat([
    encodePcapHeader(),
    ...[1, 2, 3].map((n) => encodePcapRecord(START + n, 0, new Uint8Array(20))),
  ]);
  const part = path.join(folder, 'x.pcap.part');
  for (let end = 0; end <= whole.length; end++) {
    fs.writeFileSync(part, whole.subarray(0, end));
    const packets = end < 24 ? undefined : Math.floor((end - 24) / 36);
    const found = examinePart(part);
    expect(found?.packets, `cut at ${end}`).toBe(packets);
    if (packets !== undefined) expect(found?.bytes).toBe(24 + packets * 36);
  }
});

test('zeros behind the last packet, as a power failure leaves them, are no packets', () => {
  const part = path.join(freshFolder(), 'x.pcap.part');
  fs.writeFileSync(
    part,
    Buffer.concat([encodePcapHeader(), encodePcapRecord(START, 0, new Uint8Array(20)), new Uint8Array(4096)]),
  );
  expect(examinePart(part)).toEqual({
    packets: 1,
    bytes: 60,
    cutBytes: 4096,
    firstMs: START * 1000,
    lastMs: START * 1000,
  });
});

test('a part larger than the buffer it is read with is examined to its end', () => {
  const part = path.join(freshFolder(), 'x.pcap.part');
  const record = encodePcapRecord(START, 0, new Uint8Array(200_000));
  fs.writeFileSync(
    part,
    Buffer.concat([encodePcapHeader(), ...Array.from({ length: 20 }, () => record), record.subarray(0, 99)]),
  );
  expect(examinePart(part)).toMatchObject({ packets: 20, bytes: 24 + 20 * 200_016, cutBytes: 99 });
});

test('a list that was damaged is set aside, and its files are left alone', async () => {
  const folder = freshFolder();
  fs.writeFileSync(path.join(folder, RING_INDEX), '{"version":1,"files":[{"name":"../../etc/passwd"');
  fs.writeFileSync(path.join(folder, 'eth0-1.pcap'), 'x');
  const { ring, notes } = open(folder, { keep: 1, quotaBytes: 1 });
  expect(notes[0]).toContain('it was set aside');
  expect(ring.files).toEqual([]);
  await ring.close(false);
  expect(fs.readdirSync(folder).sort()).toEqual(['eth0-1.pcap', RING_INDEX, `${RING_INDEX}.damaged`]);
});

test('a list that names files outside the folder is not believed', () => {
  const folder = freshFolder();
  const outside = path.join(base, 'outside.pcap');
  fs.writeFileSync(outside, 'x');
  const file = { name: '../outside.pcap', interface: 'eth0', bytes: 1, packets: 1, firstMs: 1, lastMs: 1 };
  fs.writeFileSync(
    path.join(folder, RING_INDEX),
    JSON.stringify({ version: 1, files: [file], open: [], compressing: [] }),
  );
  const { ring } = open(folder, { retentionMs: 1 });
  expect(ring.files).toEqual([]);
  expect(fs.existsSync(outside)).toBe(true);
});

test('a disk that fails is told with the folder, and the writing ends', async () => {
  const folder = freshFolder();
  const { ring } = open(folder);
  const made = writer(ring);
  fs.rmSync(folder, { recursive: true });
  fs.writeFileSync(folder, 'a file where the folder was');
  expect(() => put(made, 1)).toThrow(`cannot write ${folder}: a part of the path is a file, not a folder (ENOTDIR)`);
  await expect(made.close()).rejects.toThrow(`cannot write ${folder}: a part of the path is a file`);
  await expect(made.ready()).rejects.toThrow('a part of the path is a file');
});

test('names are made of the interface and the time of the first packet in UTC', () => {
  expect(ringName('%i-%Y%m%dT%H%M%SZ.pcap', 'eth0', 1_700_000_000_999)).toBe('eth0-20231114T221320Z.pcap');
  expect(ringName('out-%s-%%.pcap', 'eth0', 1_700_000_000_999)).toBe('out-1700000000-_.pcap');
  expect(ringName('%i.pcap', 'br/0:1', 0)).toBe('br_0_1.pcap');
});

test.each([
  ['%q.pcap', 1, 'means nothing here'],
  ['a/%i.pcap', 1, 'expected a file name'],
  ['.hidden.pcap', 1, 'expected a file name'],
  ['out-%s', 1, 'must end in .pcap'],
  ['out-%s.pcap', 2, 'with several interfaces it must hold %i'],
  ['out-%%i-%s.pcap', 2, 'with several interfaces it must hold %i'],
])('the pattern %s for %d interfaces is refused', (pattern, interfaces, why) => {
  expect(() => checkRingPattern(pattern, interfaces)).toThrow(why);
  expect(() => checkRingPattern('%%%i-%s.pcap', 2)).not.toThrow();
});
