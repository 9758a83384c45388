import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSimulated } from '../../simulate/index.ts';
import { main } from '../main.ts';
import { parseListen, serveLines } from './simulate-server.ts';

let folder = '';

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simulate-'));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

/** A branch of four hosts for a few minutes. */
const BRANCH = `name: tiny
start: 2026-03-02T09:00:00
duration: 4m
network:
  hosts: [{ name: pc, role: workstation, count: 2 }, { name: nas, role: nas }]
behavior: { callsPerDay: 0 }
`;

async function simulate(...flags: string[]): Promise<number> {
  const scenario = path.join(folder, 'tiny.yaml');
  fs.writeFileSync(scenario, BRANCH);
  return await main(['simulate', '--quiet', '--scenario', scenario, ...flags]);
}

const lines = (name: string): string[] => fs.readFileSync(path.join(folder, name), 'utf8').trimEnd().split('\n');

describe('simulate', () => {
  it('writes a capture that says it is simulated, and its labels beside it', async () => {
    const out = path.join(folder, 'a.pcapng');
    expect(await simulate('--out', out, '--attack', 'beacon:period=20s,start=30s', '--seed', '5')).toBe(0);
    expect(isSimulated(fs.readFileSync(out))).toBe(true);
    const [header, ...rows] = lines('a.labels.csv');
    expect(header).toBe(
      'firstFrame,startMs,endMs,protocol,initiator,initiatorPort,responder,responderPort,communityId,packets,attackPackets,label,attack,scenario,seed,simulated',
    );
    expect(rows.filter((row) => row.endsWith(',beacon,beacon-1,tiny,5,true')).length).toBeGreaterThan(8);
    expect(rows.every((row) => row.endsWith(',tiny,5,true'))).toBe(true);
  });

  it('writes a pcap by its name, marked too, with frames cut to the snap length', async () => {
    const out = path.join(folder, 'a.pcap');
    expect(await simulate('--out', out, '--snaplen', '96', '--no-labels')).toBe(0);
    const bytes = fs.readFileSync(out);
    expect(isSimulated(bytes)).toBe(true);
    expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4);
    const captured: number[] = [];
    for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8))
      captured.push(bytes.readUInt32LE(at + 8));
    expect(Math.max(...captured)).toBe(96);
    expect(fs.readdirSync(folder).sort()).toEqual(['a.pcap', 'tiny.yaml']);
  });

  it('writes flows with labels as NDJSON, each line of them simulated', async () => {
    expect(await simulate('--out', path.join(folder, 'a.ndjson'), '--labels', path.join(folder, 'truth.ndjson'))).toBe(
      0,
    );
    const flows = lines('a.ndjson').map((line) => JSON.parse(line) as Record<string, unknown>);
    const labels = lines('truth.ndjson').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(flows.length).toBeGreaterThan(20);
    expect(labels.map(({ firstFrame }) => firstFrame)).toEqual(flows.map(({ firstFrame }) => firstFrame));
    expect([...flows, ...labels].every(({ simulated }) => simulated === true)).toBe(true);
  });

  it('writes the plain records of a mix, one label for each line', async () => {
    const out = path.join(folder, 'r.ndjson');
    expect(await main(['simulate', '-q', '--scenario', 'record-mix', '--count', '50', '--out', out])).toBe(0);
    expect(lines('r.ndjson').map((line) => Object.keys(JSON.parse(line) as object).join())).toEqual(
      new Array(50).fill('src_port,dst_port,packet_size,duration_ms,protocol'),
    );
    const labels = lines('r.labels.csv');
    expect(labels[0]).toBe('line,label,scenario,seed,simulated');
    expect(labels).toHaveLength(51);
    expect(labels[50]).toMatch(/^50,(benign|port|packet|duration|protocol),record-mix,1,true$/);
  });

  it.each([
    [['--format', 'pcapng', '--scenario', 'record-mix'], 2],
    [['--scenario', 'no-such-day'], 2],
    [['--attack', 'beakon'], 2],
    [['--start', 'tomorrow'], 2],
    [['--rate', '-1'], 2],
  ])('%j is the operator’s mistake', async (flags, code) => {
    expect(await main(['simulate', '-q', '--out', path.join(folder, 'x.pcapng'), ...flags])).toBe(code);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it('leaves nothing behind when an attack does not fit', async () => {
    expect(await simulate('--out', path.join(folder, 'x.pcapng'), '--attack', 'beacon:from=nobody')).toBe(2);
    expect(fs.readdirSync(folder)).toEqual(['tiny.yaml']);
  });
});

describe('the stream of records', () => {
  /** Serves the numbers from 1 to `most`; gives the port once it listens. */
  async function serving(
    most: number,
    rate: number,
  ): Promise<{ port: number; done: Promise<number>; stop: AbortController }> {
    const stop = new AbortController();
    let n = 0;
    let listening: (port: number) => void = () => undefined;
    const port = new Promise<number>((resolve) => {
      listening = resolve;
    });
    const done = serveLines({
      host: '127.0.0.1',
      port: 0,
      rate,
      next: () => (n < most ? `${++n}\n` : undefined),
      onNote: (text) => {
        const match = /^serving simulated records on 127\.0\.0\.1:(\d+)/.exec(text);
        if (match !== null) listening(Number(match[1]));
      },
      signal: stop.signal,
    });
    return { port: await port, done, stop };
  }

  function readAll(port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = '';
      const socket = net.connect(port, '127.0.0.1');
      socket.on('data', (part) => {
        text += part.toString();
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
  }

  it('reaches every client from when it came, and ends with the records', async () => {
    const { port, done } = await serving(400, 2000);
    const [first, second] = await Promise.all([readAll(port), readAll(port)]);
    expect(await done).toBe(400);
    for (const text of [first, second]) {
      const numbers = text.trimEnd().split('\n').map(Number);
      expect(numbers.at(-1)).toBe(400);
      numbers.forEach((number, i) => {
        expect(number).toBe((numbers[0] ?? 0) + i);
      });
    }
    expect(first.startsWith('1\n') || second.startsWith('1\n')).toBe(true);
  });

  it('makes no record while nobody listens', async () => {
    const { done, stop } = await serving(400, 2000);
    stop.abort();
    expect(await done).toBe(0);
  });

  it.each([
    ['127.0.0.1:9999', { host: '127.0.0.1', port: 9999 }],
    [':9999', { host: '127.0.0.1', port: 9999 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
  ])('%s is a place to listen', (text, expected) => {
    expect(parseListen(text)).toEqual(expected);
  });

  it.each([
    ['0.0.0.0:9999', '--serve 0.0.0.0:9999: simulated records are served to this machine alone'],
    ['9999', '--serve 9999: expected an address and a port'],
    ['127.0.0.1:99999', '--serve 127.0.0.1:99999: expected an address and a port'],
  ])('%s is none', (text, message) => {
    expect(() => parseListen(text)).toThrow(message);
  });
});
