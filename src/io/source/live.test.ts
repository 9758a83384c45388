import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { fakeProgram, LOOPBACK, until } from '../../../test/support/fake-capture.ts';
import { CaptureReader, OddityCounter, TimeBase } from '../../wire/index.ts';
import { listInterfaces } from '../capture/index.ts';
import type { ByteSource } from './input.ts';
import { type LiveOptions, type LiveSource, liveInterfaces, openLive } from './live.ts';

const folder = temporaryFolder();
const TIMING = { restartMs: 10, longestRestartMs: 40, statisticsMs: 50, drainMs: 200, killMs: 500 };

const open = (body: string, options: Partial<LiveOptions> = {}): Promise<LiveSource> =>
  openLive({ interfaces: [LOOPBACK], program: fakeProgram(folder, body), timing: TIMING, ...options });

interface Read {
  readonly numbers: number[];
  readonly ms: number[];
  readonly linkTypes: number[];
  readonly dropped: number;
  readonly cut: string | undefined;
}

/** Reads a source to its end as the pipeline does; `onPacket` is told how many there were. */
async function readAll(source: ByteSource, onPacket: (packets: number) => void = () => undefined): Promise<Read> {
  const base = new TimeBase();
  const oddities = new OddityCounter();
  const reader = new CaptureReader(base, oddities);
  const read = { numbers: [] as number[], ms: [] as number[], linkTypes: [] as number[] };
  while (!reader.done) {
    reader.fill(await source.read(reader.space()));
    while (reader.next() > 0) {
      const { batch } = reader;
      for (let i = 0; i < batch.count; i++) {
        read.numbers.push(batch.view.getUint32((batch.offset[i] ?? 0) + 14));
        read.ms.push(base.epochMs(batch.timeNs[i] ?? 0));
        read.linkTypes.push(batch.linkType[i] ?? -1);
      }
    }
    onPacket(read.numbers.length);
  }
  return { ...read, dropped: oddities.of('capture.dropped'), cut: reader.status().message };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

test('all packets come with their exact times, and after a stop the rest and then the end', async () => {
  const live = await open(
    'listening(); await header(); for (let n = 0; n < 1000; n++) await packet(n); await untilInterrupted(); goodbye();',
  );
  let stopped: Promise<void> | undefined;
  const read = await readAll(live, (packets) => {
    if (packets >= 500) stopped ??= live.stop();
  });
  await stopped;
  expect(read.numbers).toEqual(range(0, 1000));
  expect(read.ms[999]).toBe(1_700_000_000_999);
  expect(read.cut).toBeUndefined();
  expect(read.dropped).toBe(0);
  expect(live.ended).toBe(true);
  expect(live.name).toBe(`live:${LOOPBACK}`);
});

test('the drops of the capture program arrive in the stream as its own statistics', async () => {
  const live = await open('listening(); await header(); await packet(1); await untilInterrupted(); goodbye(17);');
  const read = await readAll(live, (packets) => {
    if (packets === 1) void live.stop();
  });
  expect(read.dropped).toBe(17);
  expect(live.statistics()[0]).toMatchObject({ kernelDropped: 17, packets: 1 });
});

test('a capture program that died is seen as an interruption and not in the stream', async () => {
  const live = await open(
    'listening(); await header(); for (let n = life * 10; n < life * 10 + 10; n++) await packet(n); if (life === 1) process.exit(1); await untilInterrupted(); goodbye();',
  );
  const read = await readAll(live, (packets) => {
    if (packets === 20) void live.stop();
  });
  expect(read.numbers).toEqual(range(10, 30));
  expect(read.cut).toBeUndefined();
  expect(live.remarks()[0]).toMatch(
    new RegExp(`^The capture on ${LOOPBACK} broke off once, for \\d.* in all; what passed then was not seen\\.$`),
  );
  expect(live.remarks()[1]).toContain('died without its last counters');
});

test('a restart with another link type gets a description of its own', async () => {
  const live = await open(
    'listening(); await header(life === 1 ? 1 : 276); await packet(life); if (life === 1) process.exit(1); await untilInterrupted(); goodbye();',
  );
  const read = await readAll(live, (packets) => {
    if (packets === 2) void live.stop();
  });
  expect(read.linkTypes).toEqual([1, 276]);
});

test('it ends by itself after so many packets, or after its time', async () => {
  const body =
    'listening(); await header(); for (let n = 0; n < 100; n++) await packet(n); await untilInterrupted(); goodbye();';
  expect((await readAll(await open(body, { count: 7 }))).numbers).toEqual(range(0, 7));
  const timed = await open(body, { durationMs: 300 });
  const began = performance.now();
  expect((await readAll(timed)).numbers).toEqual(range(0, 100));
  expect(performance.now() - began).toBeGreaterThan(200);
});

test('packets larger than what is read at once come whole', async () => {
  const live = await open(
    'listening(); await header(); for (let n = 0; n < 8; n++) await packet(n, 1700000000 + n, Buffer.alloc(200001, n)); await untilInterrupted(); goodbye();',
    { count: 8 },
  );
  const pieces: Uint8Array[] = [];
  for (;;) {
    const into = new Uint8Array(777);
    const n = await live.read(into);
    if (n === 0) break;
    pieces.push(into.subarray(0, n));
  }
  const bytes = Buffer.concat(pieces);
  let at = 0;
  const read = await readAll({
    name: 'again',
    compression: '',
    totalBytes: undefined,
    bytesTaken: () => at,
    read(into) {
      const n = Math.min(into.length, bytes.length - at);
      into.set(bytes.subarray(at, at + n));
      at += n;
      return n;
    },
    close: () => undefined,
  });
  expect(read.numbers).toEqual(range(0, 8));
  expect(read.cut).toBeUndefined();
});

test('a reader that never reads does not fill the memory, and closing ends the program', async () => {
  const live = await open(
    'listening(); await header(); for (let n = 0; n < 4000 && !interrupted; n++) await packet(n, 1700000000, Buffer.alloc(60000)); await untilInterrupted(); goodbye();',
    { timing: { ...TIMING, drainMs: 20 } },
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  // 240 MB were on offer; 32 MiB may wait, and one more piece of the stream.
  expect(live.statistics()[0]?.bytes ?? 0).toBeGreaterThan(30e6);
  expect(live.statistics()[0]?.bytes ?? 0).toBeLessThan(34e6);
  live.close();
  await until(() => live.statistics()[0]?.state === 'stopped');
});

test('windows part the packets by time, and together they are all of them', async () => {
  const start = Math.floor(Date.now() / 1000) - 3600;
  const live = await open(
    `listening(); await header(); for (let n = 0; n < 100; n++) await packet(n, ${start} + n); await untilInterrupted(); goodbye(5);`,
    { count: 100 },
  );
  await until(() => live.statistics()[0]?.state === 'stopped');
  const windows: number[][] = [];
  let dropped = 0;
  for (let end = (start + 30) * 1000; !live.ended; end += 30_000) {
    const read = await readAll(live.window(end));
    windows.push(read.numbers);
    dropped += read.dropped;
  }
  expect(windows).toEqual([range(0, 30), range(30, 60), range(60, 90), range(90, 100)]);
  expect(dropped).toBe(5);
});

test('a window in which nothing passes ends by the clock', async () => {
  const live = await open('listening(); await header(); await untilInterrupted(); goodbye();');
  const read = await readAll(live.window(Date.now() - 1450)).catch((error: unknown) => error);
  expect(read).toMatchObject({ numbers: [], cut: undefined });
  live.close();
});

const interfaces = (await listInterfaces()).filter((one) => one.kind !== 'any').map((one) => one.name);

test.skipIf(interfaces.length < 2)(
  'packets of several interfaces come in order of time, also from a slow one',
  // A program that a busy machine starts more than a second late is no longer waited for, and rightly.
  { retry: 3 },
  async () => {
    // Which of the two it is, a program knows from its arguments; the second is late by more than a piece of the stream.
    const now = Math.floor(Date.now() / 1000);
    const live = await open(
      `const second = args[1] === ${JSON.stringify(interfaces[1])};
    listening(); await header(); if (second) await sleep(100);
    for (let n = second ? 1 : 0; n < 200; n += 2) await packet(n, ${now} + n / 1000);
    await untilInterrupted(); goodbye();`,
      { interfaces: interfaces.slice(0, 2) },
    );
    const read = await readAll(live, (packets) => {
      if (packets >= 100) void live.stop();
    });
    expect(read.numbers).toEqual(range(0, 200));
  },
);

test.skipIf(interfaces.length < 2)('a silent interface holds the others back for a moment only', async () => {
  const live = await open(
    `const second = args[1] === ${JSON.stringify(interfaces[1])};
    listening(); await header(); if (!second) for (let n = 0; n < 10; n++) await packet(n, Date.now() / 1000);
    await untilInterrupted(); goodbye();`,
    { interfaces: interfaces.slice(0, 2) },
  );
  const began = performance.now();
  let tookMs = 0;
  await readAll(live, (packets) => {
    if (packets < 10) return;
    tookMs ||= performance.now() - began;
    void live.stop();
  });
  expect(tookMs).toBeGreaterThan(1000);
  expect(tookMs).toBeLessThan(4000);
});

test('a name that begins with live: means interfaces', () => {
  expect(liveInterfaces('live:eth0, eth1')).toEqual(['eth0', 'eth1']);
  expect(liveInterfaces('live.pcap')).toBeUndefined();
  expect(() => liveInterfaces('live:')).toThrow('live:: no interface given');
});
