import * as dgram from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { UserError } from '../../core/index.ts';
import { type FlowRecord, flowRecord } from '../../flow/index.ts';
import { encodeNetflow5, OddityCounter } from '../../wire/index.ts';
import type { CollectorKind } from './netflow/index.ts';
import {
  type CollectorOptions,
  type CollectorSource,
  describeCollector,
  kernelDrops,
  openCollector,
} from './udp-collector.ts';

const opened: CollectorSource[] = [];
afterEach(async () => {
  for (const source of opened.splice(0)) await source.stop();
});

async function open(options: Partial<CollectorOptions> = {}): Promise<CollectorSource> {
  const source = await openCollector({ oddities: new OddityCounter(), port: 0, batchMs: 10, ...options });
  opened.push(source);
  return source;
}

function datagram(sequence: number, records: number): Uint8Array {
  return encodeNetflow5({
    uptimeMs: 1000 + sequence,
    exportMs: Date.now(),
    sequence,
    records: Array.from({ length: records }, (_, i) => ({
      source: 0x0a000001 + sequence + i,
      destination: 0x0a630001,
      sourcePort: 40_000,
      destinationPort: 443,
      protocol: 6,
      flags: 0x1b,
      packets: 3,
      octets: 300,
      first: 0,
      last: 900,
    })),
  });
}

/** Sends to the collector, and waits until it has taken in all that came. */
async function send(source: CollectorSource, datagrams: readonly Uint8Array[]): Promise<void> {
  const socket = dgram.createSocket('udp4');
  let bytes = source.bytesTaken();
  for (const each of datagrams) {
    bytes += each.length;
    await new Promise<void>((resolve) => socket.send(each, source.port, '127.0.0.1', () => resolve()));
  }
  socket.close();
  for (let i = 0; i < 500 && source.bytesTaken() < bytes; i++) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(source.bytesTaken()).toBe(bytes);
}

async function readAll(source: CollectorSource): Promise<FlowRecord[]> {
  const rows: FlowRecord[] = [];
  for (let table = await source.read(); table !== undefined; table = await source.read())
    for (let row = 0; row < table.rowCount; row++) rows.push(flowRecord(table, row));
  return rows;
}

describe('a collector', () => {
  it('gives the flows of what arrived until it is stopped, and then the end', async () => {
    const source = await open();
    await send(source, [datagram(0, 20), datagram(20, 10), new TextEncoder().encode('hello')]);
    const reading = readAll(source);
    await source.stop();
    expect((await reading).length).toBe(30);
    const status = source.status();
    expect(status).toMatchObject({
      datagrams: 3,
      records: 30,
      rows: 30,
      rejected: 1,
      unreadDrops: 0,
      foreign: 0,
      state: 'whole',
    });
    expect(status.domains.map((d) => [d.exporter, d.kind, d.lost])).toEqual([['127.0.0.1', 'netflow-v5', 0]]);
    expect(describeCollector(status)).toBe('1 exporter, 3 datagrams, 30 records, 30 flows');
    expect(source.format).toBe('netflow-v5');
    expect(source.name).toBe(`collect:127.0.0.1:${source.port}`);
  });

  it('gives rows while it runs, as they become due', async () => {
    let clock = Date.now();
    const source = await open({ now: () => clock });
    await send(source, [datagram(0, 5)]);
    clock += 60_000;
    const table = await source.read();
    expect(table?.rowCount).toBe(5);
  });

  it('ends at the signal', async () => {
    const stop = new AbortController();
    const source = await open({ signal: stop.signal });
    await send(source, [datagram(0, 5)]);
    const reading = readAll(source);
    stop.abort();
    expect((await reading).length).toBe(5);
  });

  it('takes only the exporters and formats that it is told to', async () => {
    const strangers = await open({ exporters: ['192.0.2.1'] });
    await send(strangers, [datagram(0, 5)]);
    expect(strangers.status()).toMatchObject({
      datagrams: 0,
      foreign: 1,
      message: '1 datagram of addresses that are no exporters of ours',
    });
    const other = await open({ kinds: ['sflow'] });
    await send(other, [datagram(0, 5)]);
    expect(other.status().rejects.map((reject) => reject.reason)).toEqual([
      'NetFlow version 5 that is cut short or not asked for',
    ]);
  });

  it('drops and counts what nobody reads, in bounded memory', async () => {
    const source = await open({ maxTables: 1, pairing: { batchRows: 4, pairMs: 0, maxFlows: 4 } });
    await send(
      source,
      Array.from({ length: 40 }, (_, i) => datagram(20 * i, 20)),
    );
    const { unreadDrops, message } = source.status();
    expect(unreadDrops).toBeGreaterThan(20);
    expect(message).toContain(`${unreadDrops} datagrams dropped because the analysis did not keep up`);
  });

  it.each<[string, Partial<CollectorOptions>, string, string | undefined]>([
    [
      'no address',
      { host: 'router' },
      "'router' is no address to listen at",
      'give an IP address of this machine, as in 127.0.0.1 or 0.0.0.0',
    ],
    ['no port', { port: 70_000 }, '70000 is no UDP port', 'give a number from 1 to 65535, or 0 for a free one'],
    [
      'no format',
      { kinds: ['netflow-v8' as CollectorKind] },
      "there is no collector for 'netflow-v8'",
      'did you mean netflow-v5? there are netflow-v5, netflow-v9, ipfix, sflow',
    ],
    [
      'an address of another machine',
      { host: '192.0.2.77' },
      'cannot listen on 192.0.2.77 port 0: it is no address of this machine',
      'ip address lists them',
    ],
  ])('%s is the operator’s mistake', async (_, options, message, hint) => {
    const error = await open(options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ message, hint });
  });

  it('a port that another program has is said with how to find it', async () => {
    const first = await open();
    const error = await open({ port: first.port }).catch((e: unknown) => e);
    expect(error).toMatchObject({
      message: `cannot listen on 127.0.0.1 port ${first.port}: another program has it`,
      hint: `stop it (ss -lunp 'sport = :${first.port}' names it), or choose another port`,
    });
  });

  it('reads the kernel’s drops of its own socket', () => {
    const proc = [
      '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
      ' 1: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 42',
      ' 2: 0200007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 7',
      ' 3: 0100007F:0808 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 9',
    ].join('\n');
    expect(kernelDrops('127.0.0.1', 2055, () => proc)).toBe(42);
    expect(kernelDrops('127.0.0.1', 2057, () => proc)).toBeUndefined();
    expect(
      kernelDrops('127.0.0.1', 2055, () => {
        throw new Error('no such file');
      }),
    ).toBeUndefined();
  });
});
