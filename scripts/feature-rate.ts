/**
 * How fast each feature pack measures: flows and features a second, packs interleaved, the median of five rounds, in seconds of CPU. The flows are made from a seed: 200,000
 * in batches of 4,096, from 500 sources to 5,000 servers within an hour, a third each DNS, TLS and HTTP, with 20,000 different names.
 *
 *     node scripts/feature-rate.ts
 */
import { median, Random, type Table } from '../src/core/index.ts';
import { FEATURE_PACKS, HostWindows } from '../src/feature/index.ts';
import { type FlowRecord, flowTable } from '../src/flow/index.ts';

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const ROWS = 200_000;
const BATCH = 4096;
const random = new Random(1);
const T0 = Date.UTC(2024, 0, 1);
const name = (): string =>
  `h${random.below(200)}.${'abcdefghijklmnopqrst'[random.below(20)]}${random.below(100)}example.com`;
const flow = (i: number): FlowRecord => {
  const start = T0 + (i * 3_600_000) / ROWS;
  const kind = i % 3;
  return {
    startMs: start,
    endMs: start + random.below(1000),
    durationMs: random.below(1000),
    protocol: kind === 0 ? 'udp' : 'tcp',
    initiator: `10.0.${random.below(2)}.${random.below(250)}`,
    responder: `192.0.${random.below(20)}.${random.below(250)}`,
    responderPort: [53, 443, 80][kind] ?? 0,
    initiatorPackets: 1 + random.below(9),
    responderPackets: random.below(9),
    initiatorBytes: random.below(5000),
    responderBytes: random.below(50_000),
    initiatorPayloadBytes: random.below(4000),
    responderPayloadBytes: random.below(40_000),
    outcome: random.below(20) === 0 ? 'refused' : 'answered',
    service: ['dns', 'tls', 'http'][kind] ?? '',
    serviceBasis: 'content',
    ...(kind === 0
      ? {
          dnsQuery: name(),
          dnsType: 'A',
          dnsRcode: random.below(20) === 0 ? 'NXDOMAIN' : 'NOERROR',
          dnsAnswers: 'A 192.0.2.1',
          dnsTtl: 300,
        }
      : kind === 1
        ? {
            serverName: name(),
            alpn: 'h2,http/1.1',
            ja4: `t13d1516h2_8daaf61527${random.below(90)}_b186095e22b6`,
            tlsVersion: 'TLS 1.3',
          }
        : {
            httpHost: name(),
            httpRequest: `GET /a/${random.below(1000)}?b=${random.below(1000)}`,
            httpStatus: 200,
            client: 'Mozilla/5.0',
          }),
  };
};
const batches: Table[] = [];
for (let from = 0; from < ROWS; from += BATCH)
  batches.push(flowTable(Array.from({ length: Math.min(BATCH, ROWS - from) }, (_, i) => flow(from + i))));

let windows = new HostWindows();
// Once before it counts, so that the code is compiled.
for (const batch of batches) windows.add(batch);
windows = new HostWindows();
const began = cpuSeconds();
const hostTables = [...batches.map((batch) => windows.add(batch)), windows.finish()];
const hostSeconds = cpuSeconds() - began;

const times = new Map<string, number[]>();
for (let round = 0; round < 5; round++)
  for (const pack of FEATURE_PACKS) {
    const measurer = pack.create({ isHome: (address) => address.startsWith('10.'), timeZone: 'Europe/Berlin' });
    const tables = pack.table === 'hosts' ? hostTables : batches;
    const room = new Float32Array(BATCH * pack.features.length);
    const start = cpuSeconds();
    for (const table of tables) measurer.measure(table, undefined, room);
    times.set(pack.id, [...(times.get(pack.id) ?? []), cpuSeconds() - start]);
  }
const millions = (n: number): string => `${(n / 1e6).toFixed(2)} M`;
for (const pack of FEATURE_PACKS) {
  const rows = pack.table === 'hosts' ? hostTables.reduce((n, table) => n + table.rowCount, 0) : ROWS;
  const seconds = median(times.get(pack.id) ?? []);
  console.log(
    `${pack.id.padEnd(7)} ${millions(rows / seconds)} rows/s, ${millions((rows * pack.features.length) / seconds)} features/s (${pack.features.length} features, ${rows} rows)`,
  );
}
console.log(`host windows ${millions(ROWS / hostSeconds)} flows/s`);
