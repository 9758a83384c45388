import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { fakeProgram, until } from '../../../test/support/fake-capture.ts';
import { InterfaceCapture, type InterfaceCaptureOptions, type PacketSink } from './interface-capture.ts';

const folder = temporaryFolder();

/** A capture through a program that behaves as `body` says, and the numbers of the packets that came of it. */
function capture(
  body: string,
  options: Partial<InterfaceCaptureOptions> & {
    readonly ready?: () => Promise<void> | undefined;
    readonly most?: number;
  } = {},
) {
  const program = fakeProgram(folder, body);
  const numbers: number[] = [];
  const headers: number[] = [];
  const notes: string[] = [];
  const sink: PacketSink = {
    header: (_bytes, header) => headers.push(header.linkType),
    record(bytes, at) {
      if (numbers.length >= (options.most ?? Number.POSITIVE_INFINITY)) return false;
      numbers.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 30));
      return true;
    },
    ready: options.ready ?? (() => undefined),
  };
  const running = new InterfaceCapture(
    {
      interface: 'fake0',
      filter: '',
      snapLength: 0,
      bufferKib: 64,
      promiscuous: true,
      programs: [{ kind: 'tcpdump', path: program }],
      ownMacs: [],
      onNote: (text) => notes.push(text),
      ...options,
      timing: { restartMs: 10, longestRestartMs: 40, statisticsMs: 20, killMs: 500, ...options.timing },
    },
    sink,
  );
  return { running, numbers, headers, notes, program };
}

const TEN = 'listening(); await header(); for (let n = 0; n < 10; n++) await packet(n);';

test('all packets come, and the program is asked to end and heard out', async () => {
  const { running, numbers, headers, notes } = capture(`${TEN} await untilInterrupted(); goodbye(3);`);
  await running.start();
  await until(() => numbers.length === 10);
  await running.stop();
  const of = running.statistics();
  expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(headers).toEqual([1]);
  expect(of).toMatchObject({
    state: 'stopped',
    packets: 10,
    bytes: 600,
    received: 13,
    kernelDropped: 3,
    pipeDropped: 0,
    dropsKnown: true,
    restarts: 0,
    gapMs: 0,
    firstMs: 1_700_000_000_000,
    lastMs: 1_700_000_000_009,
    pid: undefined,
  });
  expect(notes).toEqual([]);
});

test('packets that were on their way when it is stopped still come', async () => {
  // The kernel has 5 packets that the program sees only when a block is over: it counts them as received before it can hand them on.
  const { running, numbers } = capture(`
    process.removeAllListeners('SIGUSR1');
    process.on('SIGUSR1', () => say('tcpdump: ' + captured + ' packets captured, 15 packets received by filter, 0 packets dropped by kernel\\n'));
    ${TEN}
    setTimeout(async () => { for (let n = 10; n < 15; n++) await packet(n); }, 300);
    await untilInterrupted(); goodbye();`);
  await running.start();
  await until(() => numbers.length === 10);
  await running.stop();
  expect(numbers.length).toBe(15);
});

test('a program that died is started again, and the time without it is counted and told', async () => {
  const { running, numbers, notes, headers } = capture(`
    if (life === 1) { ${TEN} say('tcpdump: pcap_loop: The interface disappeared\\n'); process.exit(1); }
    listening(); await header(); for (let n = 10; n < 20; n++) await packet(n); await untilInterrupted(); goodbye();`);
  await running.start();
  await until(() => numbers.length === 20);
  await running.stop();
  const of = running.statistics();
  expect(numbers).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(headers).toEqual([1, 1]);
  expect(of).toMatchObject({ packets: 20, restarts: 1, dropsKnown: false });
  expect(of.gaps.length).toBe(1);
  expect(of.gaps[0]).toMatchObject({ reason: 'pcap_loop: The interface disappeared' });
  expect(of.gapMs).toBeGreaterThanOrEqual(10);
  expect(of.gapMs).toBe((of.gaps[0]?.toMs ?? 0) - (of.gaps[0]?.fromMs ?? 0));
  expect(notes[0]).toBe('the capture on fake0 broke off (pcap_loop: The interface disappeared); starting it again');
  expect(notes[1]).toMatch(/^fake0 was not captured for \d.*; the capture goes on$/);
});

test('a program that is killed in the middle of a packet loses that packet alone', async () => {
  const { running, numbers } = capture(`
    listening(); await header();
    if (life === 1) { await packet(0); const half = Buffer.alloc(40); half.writeUInt32LE(60, 8); await write(half); process.kill(process.pid, 'SIGKILL'); }
    await packet(1); await untilInterrupted(); goodbye();`);
  await running.start();
  await until(() => numbers.length === 2);
  await running.stop();
  expect(numbers).toEqual([0, 1]);
  expect(running.statistics()).toMatchObject({ restarts: 1, dropsKnown: false });
});

test('one gap is one gap however often the program fails in it', async () => {
  const { running, numbers, notes } = capture(`
    if (life > 1 && life < 5) { say('tcpdump: fake0: No such device exists\\n'); process.exit(1); }
    listening(); await header(); await packet(life); if (life === 1) process.exit(1); await untilInterrupted(); goodbye();`);
  await running.start();
  await until(() => numbers.length === 2);
  await running.stop();
  expect(numbers).toEqual([1, 5]);
  expect(running.statistics()).toMatchObject({ restarts: 4 });
  expect(running.statistics().gaps.length).toBe(1);
  expect(notes.length).toBe(2);
});

test('a program that never captures is an error of the operator, with what it said', async () => {
  const { running } = capture(`say('tcpdump: fake0: No such device exists\\n'); process.exit(1);`);
  await expect(running.start()).rejects.toThrow('there is no interface fake0 to capture on');
});

test('a program that listens and dies, again and again without a packet, is given up with what it said', async () => {
  const { running } = capture(
    `listening(); await header(); say("tcpdump: Couldn't change to 'tcpdump' uid=104 gid=108: Invalid argument\\n"); process.exit(1);`,
  );
  await running.start();
  await expect(running.finished).rejects.toThrow("Couldn't change to 'tcpdump'");
  expect(running.statistics()).toMatchObject({ packets: 0, restarts: 2, state: 'stopped' });
});

test('a program that writes something else is told apart, at the start and later', async () => {
  const text = capture(`listening(); await write('I am no pcap, I am a text of some length'); await sleep(60000);`);
  await expect(text.running.start().then(() => text.running.finished)).rejects.toThrow('it does not write pcap');
  const garbage = capture(`
    ${TEN} if (life === 1) { await write(Buffer.alloc(64, 255)); await sleep(60000); } await untilInterrupted(); goodbye();`);
  await garbage.running.start();
  await until(() => garbage.numbers.length === 20);
  await garbage.running.stop();
  expect(garbage.running.statistics().gaps[0]?.reason).toContain(
    'packet 11 claims 4,294,967,295 captured bytes, which cannot be',
  );
});

test('where the first program may not capture the next is tried', async () => {
  const refused = fakeProgram(folder, `say("tcpdump: You don't have permission to capture\\n"); process.exit(1);`);
  const allowed = fakeProgram(
    folder,
    `say("Capturing on 'fake0'\\nFile: -\\n"); await header(); await packet(7); await untilInterrupted(); say("Packets received/dropped on interface 'fake0': 1/2 (pcap:2/dumpcap:0/flushed:0/ps_ifdrop:0) (33.3%)\\n"); process.exit(0);`,
    'dumpcap',
  );
  const { running, numbers, notes } = capture('', {
    programs: [
      { kind: 'tcpdump', path: refused },
      { kind: 'dumpcap', path: allowed },
    ],
  });
  await running.start();
  await until(() => numbers.length === 1);
  await running.stop();
  expect(running.statistics()).toMatchObject({ program: allowed, packets: 1, kernelDropped: 2, dropsKnown: true });
  expect(notes).toEqual([`${refused} may not capture on fake0; trying ${allowed}`]);
  const none = capture('', {
    programs: [
      { kind: 'tcpdump', path: refused },
      { kind: 'dumpcap', path: refused },
    ],
  });
  await expect(none.running.start()).rejects.toThrow(`${refused} and ${refused} may not capture on fake0`);
});

test('packets that the program counted and we never got are lost in the pipe', async () => {
  const { running, numbers } = capture(`${TEN} captured += 4; await untilInterrupted(); goodbye();`);
  await running.start();
  await until(() => numbers.length === 10);
  await running.stop();
  expect(running.statistics()).toMatchObject({ packets: 10, pipeDropped: 4 });
});

test('a reader that is slow holds the program back and loses nothing, also while stopping', async () => {
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { running, numbers, headers } = capture(
    `listening(); await header(); for (let n = 0; n < 5000; n++) await packet(n); await untilInterrupted(); goodbye();`,
    // Held for longer than a program has to end; the time to end is long enough for a busy machine.
    { ready: () => gate, timing: { drainMs: 50, killMs: 2000 } },
  );
  await running.start();
  await until(() => headers.length === 1);
  const stopped = running.stop();
  setTimeout(release, 2500);
  await stopped;
  expect(numbers.length).toBe(5000);
});

test('packets beyond those that are wanted do not count, and are not taken for lost', async () => {
  const { running, numbers } = capture(`${TEN} await untilInterrupted(); goodbye();`, { most: 4 });
  await running.start();
  await until(() => numbers.length === 4);
  await running.stop(true);
  expect(running.statistics()).toMatchObject({ packets: 4, pipeDropped: 0 });
});

test('a program that does not heed the interrupt is killed', async () => {
  const { running, numbers, program } = capture(`${TEN} process.on('SIGINT', () => {}); await sleep(60000);`, {
    timing: { killMs: 100, drainMs: 50 },
  });
  await running.start();
  await until(() => numbers.length === 10);
  await running.stop();
  expect(running.statistics()).toMatchObject({ state: 'stopped', packets: 10, dropsKnown: false });
  const pid = Number(fs.readFileSync(path.join(path.dirname(program), 'pid'), 'utf8'));
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('stopping while it waits to start the program again ends at once', async () => {
  const { running, numbers } = capture(`if (life > 1) await sleep(60000); ${TEN} process.exit(1);`, {
    timing: { restartMs: 60_000 },
  });
  await running.start();
  await until(() => numbers.length === 10 && running.statistics().state === 'waiting');
  const began = performance.now();
  await running.stop();
  expect(performance.now() - began).toBeLessThan(1000);
  expect(running.statistics()).toMatchObject({ state: 'stopped', restarts: 0 });
});

test("other hosts' unicast is counted", async () => {
  const { running, numbers } = capture(
    `listening(); await header();
    await packet(0, 1, Buffer.from('0a00000000010a00000000020800' + '00'.repeat(46), 'hex'));
    await packet(1, 1, Buffer.from('02fc000000010a00000000020800' + '00'.repeat(46), 'hex'));
    await untilInterrupted(); goodbye();`,
    { ownMacs: ['02fc00000001'] },
  );
  await running.start();
  await until(() => numbers.length === 2);
  await running.stop();
  expect(running.statistics()).toMatchObject({ unicast: 2, foreignUnicast: 1, linkType: 1 });
});
