import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { hexBytes } from '../../../test/support/frames.ts';
import { type ByteSource, compareNames, expandInputs, Follower, openInput, timeInName } from '../index.ts';

const folder = temporaryFolder();
const file = (name: string, bytes: Uint8Array | string): string => {
  const full = path.join(folder, name);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, bytes);
  return full;
};
const aged = (name: string, secondsAgo: number): string => {
  const then = Date.now() / 1000 - secondsAgo;
  fs.utimesSync(name, then, then);
  return name;
};

/** Everything that a source gives, as text. */
async function textOf(source: ByteSource, bufferBytes = 1000): Promise<string> {
  const buffer = new Uint8Array(bufferBytes);
  let text = '';
  for (;;) {
    const n = await source.read(buffer);
    if (n === 0) return text;
    text += Buffer.from(buffer.subarray(0, n)).toString('latin1');
  }
}

/** 'hello, hello, hello, hello!\n', by lz4 1.9.4. */
const LZ4 = hexBytes('04224d186440a7100000007c68656c6c6f2c200700506c6c6f210a000000002ef8164c');
const HELLO = 'hello, hello, hello, hello!\n';
const SKIPPABLE = hexBytes('502a4d18 03000000 010203');

describe('an input', () => {
  it.each<[string, Uint8Array, string]>([
    ['plain', Buffer.from(HELLO), ''],
    ['gzip', zlib.gzipSync(HELLO), 'gzip'],
    ['zstd', zlib.zstdCompressSync(HELLO), 'zstd'],
    ['zstd behind a skippable frame', Buffer.concat([SKIPPABLE, zlib.zstdCompressSync(HELLO)]), 'zstd'],
    ['lz4', LZ4, 'lz4'],
    ['lz4 behind skippable frames', Buffer.concat([SKIPPABLE, SKIPPABLE, LZ4]), 'lz4'],
    ['nothing', new Uint8Array(), ''],
  ])('is unpacked by its content, not by its name: %s', async (what, bytes, compression) => {
    const source = await openInput(file('misnamed.txt', bytes));
    expect(source.compression).toBe(compression);
    expect(await textOf(source)).toBe(what === 'nothing' ? '' : HELLO);
    expect(source.bytesTaken()).toBe(bytes.length);
    source.close();
  });

  it('in lz4 that is cut or damaged says so, and how to learn more', async () => {
    const cut = file('cut.lz4', LZ4.subarray(0, LZ4.length - 2));
    await expect(openInput(cut).then(textOf)).rejects.toMatchObject({
      message: `${cut}: the lz4 data end early`,
      hint: `lz4 -t ${cut} tells more`,
    });
    const bad = LZ4.slice();
    bad[12] = 0;
    const damaged = file('bad.lz4', bad);
    await expect(openInput(damaged).then(textOf)).rejects.toThrow(
      `${damaged}: the lz4 data are damaged (the checksum of their contents does not match)`,
    );
  });

  it('is found in a folder by name when it is compressed', () => {
    const lz4 = file('found/a.pcap.lz4', LZ4);
    file('found/b.lz4', LZ4);
    expect(expandInputs([path.dirname(lz4)])).toEqual([lz4]);
  });

  it('is found in a folder of labelled logs, and the same log without labels is taken instead where it is there', () => {
    const conn = file('labelled/conn.log.labeled', 'x');
    const dns = file('labelled/dns.log', 'x');
    file('labelled/dns.log.labeled', 'x');
    file('labelled/labels.config', 'x');
    expect(expandInputs([path.dirname(conn)], { rows: true })).toEqual([conn, dns]);
  });

  it('is growing when it was changed just now, and not when that is long ago', async () => {
    const name = file('grow.pcap', 'x');
    const source = await openInput(name);
    expect(source.growing?.()).toBe(true);
    aged(name, 60);
    expect(source.growing?.()).toBe(false);
    source.close();
  });
});

describe('a named pipe', () => {
  const fifo = (name: string): string => {
    const full = path.join(folder, name);
    execFileSync('mkfifo', [full]);
    return full;
  };

  it.skipIf(process.platform === 'win32')('is read to its end when a writer comes late and writes slowly', async () => {
    const name = fifo('late');
    const writer = spawn('sh', ['-c', 'sleep 0.1; (printf one; sleep 0.1; printf two) > "$0"', name]);
    const source = await openInput(name);
    expect(await textOf(source)).toBe('onetwo');
    source.close();
    writer.kill();
  });

  it.skipIf(process.platform === 'win32')('carries compressed data too', async () => {
    const name = fifo('packed');
    const writer = spawn('sh', ['-c', 'cat "$1" > "$0"', name, file('packed.gz', zlib.gzipSync(HELLO))]);
    const source = await openInput(name);
    expect(source.compression).toBe('gzip');
    expect(await textOf(source)).toBe(HELLO);
    source.close();
    writer.kill();
  });

  it.skipIf(process.platform === 'win32')('without a writer is told of and can be left', async () => {
    const name = fifo('silent');
    const abort = new AbortController();
    const told: string[] = [];
    const onWait = (message: string): void => {
      told.push(message);
      abort.abort();
    };
    await expect(openInput(name, { signal: abort.signal, onWait, patienceMs: 10 })).rejects.toMatchObject({
      message: `${name}: stopped while it was waiting for a writer`,
    });
    expect(told).toEqual([`${name} is a named pipe that nobody writes to yet; waiting for a writer (Ctrl-C to stop)`]);
  });
});

describe('a followed input', () => {
  const quick = { silenceMs: 150, pollMs: 5 };

  it('gives what is appended while it is read, and ends after the silence', async () => {
    const name = file('tail.pcap', 'one');
    const source = await openInput(name, { follow: new Follower([name], quick) });
    const timers = [20, 60].map((ms, i) => setTimeout(() => fs.appendFileSync(name, ['two', 'three'][i] ?? ''), ms));
    expect(await textOf(source)).toBe('onetwothree');
    expect(source.successor?.()).toBeUndefined();
    source.close();
    for (const timer of timers) clearTimeout(timer);
  });

  it('ends at once when it is told to stop', async () => {
    const name = file('stop.pcap', 'one');
    const abort = new AbortController();
    const source = await openInput(name, { follow: new Follower([name], { signal: abort.signal, pollMs: 60_000 }) });
    const text = textOf(source);
    setTimeout(() => abort.abort(), 20);
    expect(await text).toBe('one');
    source.close();
  });

  it('is followed by the next file of its ring, and what was still written to it comes first', async () => {
    const name = file('ring/x_00009_20240514.pcap', 'one');
    aged(file('ring/x_00001_20240513.pcap', 'old'), 1000);
    aged(name, 5);
    file('ring/notes.txt', 'no capture');
    const follower = new Follower([name], { ...quick, silenceMs: 2000 });
    const source = await openInput(name, { follow: follower });
    setTimeout(() => {
      fs.appendFileSync(name, 'two');
      file('ring/x_00010_20240515.pcap', 'next');
    }, 20);
    expect(await textOf(source)).toBe('onetwo');
    const next = source.successor?.();
    expect(next).toBe(path.join(folder, 'ring/x_00010_20240515.pcap'));
    source.close();
  });

  it.each([
    ['x.pcap', 'x.pcap1', true],
    ['x.pcap1', 'x.pcap2', true],
    ['x.pcap', 'x.pcapng', false],
    ['dump-20240514-0730.pcap', 'dump-20240514-0745.pcap', true],
    ['dump-20240514-0730.pcap', 'dump-20240514-0745.pcap.part', false],
    ['a.pcap', 'b.pcap', false],
    ['a+1.pcap', 'a+2.pcap', true],
    ['a+1.pcap', 'aa2.pcap', false],
  ])('after %s goes on in %s: %s', (name, next, isSame) => {
    const place = fs.mkdtempSync(path.join(folder, 'names-'));
    const first = aged(file(path.join(path.basename(place), name), '1'), 10);
    const stat = fs.statSync(first);
    const second = file(path.join(path.basename(place), next), '2');
    expect(new Follower([first]).successor(first, stat)).toBe(isSame ? second : undefined);
    expect(new Follower([first, second]).successor(first, stat)).toBeUndefined();
  });

  it('goes on in another file of the same name', () => {
    const name = file('rotated/x.pcap', 'one');
    const stat = fs.statSync(name);
    fs.renameSync(name, `${name}.old`);
    file('rotated/x.pcap', 'two');
    expect(new Follower([name]).successor(name, stat)).toBe(name);
  });
});

describe('names', () => {
  it.each([
    ['x_00001_20240514073000.pcap', Date.UTC(2024, 4, 14, 7, 30)],
    ['2024-05-14_07-30-15.pcap.gz', Date.UTC(2024, 4, 14, 7, 30, 15)],
    ['eth0-20240514-0730.pcapng', Date.UTC(2024, 4, 14, 7, 30)],
    ['2024-05-14.pcap', Date.UTC(2024, 4, 14)],
    ['trace-1715671800.pcap', 1_715_671_800_000],
    ['/20240101/office.pcap', undefined],
    ['x_99999999.pcap', undefined],
    ['20241399.pcap', undefined],
  ])('%s carries the time %s', (name, ms) => {
    expect(timeInName(name)).toBe(ms);
  });

  it('are ordered with numbers as numbers', () => {
    const names = ['x.pcap10', 'x.pcap9', 'x.pcap', 'x.pcap1', 'a2b10', 'a2b9', 'a10b1'];
    expect([...names].sort(compareNames)).toEqual([
      'a2b9',
      'a2b10',
      'a10b1',
      'x.pcap',
      'x.pcap1',
      'x.pcap9',
      'x.pcap10',
    ]);
  });
});
