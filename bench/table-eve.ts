/**
 * Suricata's EVE to flows and their features, beside Python's json and DuckDB's JSON reader on the same file in the same run, by turns.
 *
 *     node bench/table-eve.ts [--mb 100] [--rounds 3] [--input eve.json]
 *
 * The input repeats a real EVE log with flow ids, addresses and times of its own in each copy (../shared/data, or --input); without one it is made up. Each contender runs alone in a process of its own:
 * seconds are those of processor time that reading takes, without the start of the program, so that a busy machine changes them little; memory is the most that the process had. The best round counts.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FlowFeatureMeasurer } from '../src/feature/index.ts';
import { openEve } from '../src/io/source/eve/index.ts';
import { openInput } from '../src/io/source/input.ts';
import { OddityCounter } from '../src/wire/index.ts';

const SELF = fileURLToPath(import.meta.url);
const REAL = path.join(path.dirname(SELF), '../../shared/data/slips/dataset/test6-malicious.suricata.json');

const { values } = parseArgs({
  options: {
    mb: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '3' },
    input: { type: 'string' },
    run: { type: 'string' },
    features: { type: 'boolean', default: false },
  },
});

interface Figure {
  readonly seconds: number;
  readonly rows: number;
  readonly rss: number;
}

async function measure(file: string, withFeatures: boolean): Promise<Figure> {
  const started = process.cpuUsage();
  const source = await openEve([await openInput(file)], { oddities: new OddityCounter() });
  const measurer = withFeatures
    ? new FlowFeatureMeasurer({ isHome: (address) => address.startsWith('192.168.') })
    : undefined;
  let rows = 0;
  for (let table = await source.read(); table !== undefined; table = await source.read()) {
    rows += table.rowCount;
    measurer?.measure(table);
  }
  source.close();
  const { user, system } = process.cpuUsage(started);
  return { seconds: (user + system) / 1e6, rows, rss: process.resourceUsage().maxRSS * 1024 };
}

/** The same flows in Python: one dict per line, times parsed, what the events of a flow say put to it. */
const PYTHON = `
import json, resource, sys, time
from datetime import datetime
t = time.process_time()
known, rows = {}, []
def ms(s): return datetime.strptime(s, '%Y-%m-%dT%H:%M:%S.%f%z').timestamp() * 1000
with open(sys.argv[1], 'rb') as f:
    for line in f:
        e = json.loads(line)
        kind = e['event_type']
        if kind == 'flow':
            flow, tcp = e['flow'], e.get('tcp', {})
            rows.append((ms(flow['start']), ms(flow['end']), e['proto'], e['src_ip'], e.get('src_port'), e['dest_ip'], e.get('dest_port'),
                flow['pkts_toserver'], flow['pkts_toclient'], flow['bytes_toserver'], flow['bytes_toclient'], flow['state'], flow['reason'],
                tcp.get('tcp_flags_ts'), tcp.get('tcp_flags_tc'), e.get('app_proto'), known.pop(e['flow_id'], None)))
        else:
            known.setdefault(e['flow_id'], []).append((ms(e['timestamp']), e.get(kind)))
print(json.dumps({'seconds': time.process_time() - t, 'rows': len(rows) + len(known), 'rss': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
`;

/** DuckDB reads all columns of all events, and makes the flow events a table. */
const DUCKDB = `
import json, resource, sys, time, duckdb
t = time.process_time()
db = duckdb.connect()
db.execute('set threads = 1')
db.execute("create table e as select * from read_json(?, format = 'newline_delimited', maximum_object_size = 1048576)", [sys.argv[1]])
n = db.execute('''select count(*) from (select epoch_ms(cast(flow.start as timestamptz)), epoch_ms(cast(flow."end" as timestamptz)), proto, src_ip, src_port, dest_ip, dest_port,
  flow.pkts_toserver, flow.bytes_toserver, tcp.tcp_flags_ts from e where event_type = 'flow')''').fetchone()[0]
print(json.dumps({'seconds': time.process_time() - t, 'rows': n, 'rss': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
`;

function compare(mb: number, rounds: number, input: string | undefined): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-bench-'));
  try {
    const file = path.join(folder, 'eve.json');
    const lines = makeInput(file, mb * 1e6, input);
    const size = fs.statSync(file).size;
    const from = input ?? (fs.existsSync(REAL) ? path.basename(REAL) : 'made up');
    console.log(`${(size / 1e6).toFixed(0)} MB of EVE, ${lines.toLocaleString('en-US')} events (${from}, repeated)`);
    console.log(
      `node ${process.version}, ${os.cpus()[0]?.model ?? 'unknown processor'}, ${os.availableParallelism()} cores`,
    );
    const contenders: Record<string, () => Figure | string> = {
      flows: () => run(process.execPath, [SELF, '--run', file]),
      'flows and features': () => run(process.execPath, [SELF, '--run', file, '--features']),
      'Python json': () => run('python3', ['-c', PYTHON, file]),
      'DuckDB, 1 thread': () => run('python3', ['-c', DUCKDB, file]),
    };
    const best = new Map<string, Figure | string>();
    for (let round = 0; round < rounds; round++)
      for (const [name, contender] of Object.entries(contenders)) {
        const figure = contender();
        const before = best.get(name);
        if (
          typeof figure === 'string' ||
          before === undefined ||
          typeof before === 'string' ||
          figure.seconds < before.seconds
        )
          best.set(name, figure);
      }
    const ours = best.get('flows');
    for (const [name, figure] of best) {
      if (typeof figure === 'string') {
        console.log(`${name.padEnd(20)} did not run: ${figure}`);
        continue;
      }
      const ratio = typeof ours === 'object' ? figure.seconds / ours.seconds : Number.NaN;
      console.log(
        `${name.padEnd(20)} ${figure.seconds.toFixed(2).padStart(7)} s ${(lines / figure.seconds / 1000).toFixed(0).padStart(6)} k events/s ${(size / figure.seconds / 1e6).toFixed(0).padStart(5)} MB/s ${(figure.rss / 1e6).toFixed(0).padStart(6)} MB, ${ratio.toFixed(2)} x the time of 'flows'`,
      );
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function run(command: string, args: readonly string[]): Figure | string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 20 });
  if (error !== undefined) return error.message;
  if (status !== 0) return stderr.trim().split('\n').at(-1) ?? `exit code ${status}`;
  return JSON.parse(stdout) as Figure;
}

/** Copies of the log until the file is large enough. Each copy has flow ids, first octets and days of its own. @returns events written */
function makeInput(file: string, bytes: number, input: string | undefined): number {
  const real = input ?? (fs.existsSync(REAL) ? REAL : undefined);
  const text = real === undefined ? madeUp() : fs.readFileSync(real, 'utf8');
  const events = text.split('\n').filter((line) => line.startsWith('{'));
  const out = fs.openSync(file, 'w');
  let written = 0;
  let count = 0;
  for (let copy = 0; written < bytes; copy++) {
    const day = String((copy % 28) + 1).padStart(2, '0');
    const chunk = events
      .map((line) =>
        line
          .replace(/"flow_id":(\d+)/, (_, id: string) => `"flow_id":${(Number(id) + copy * 7919) % 2 ** 52}`)
          .replaceAll(
            /"(src|dest)_ip":"\d+\./g,
            (whole, side: string) => `"${side}_ip":"${(whole.length * 37 + copy) % 223 || 1}.`,
          )
          .replaceAll(/-\d\dT/g, `-${day}T`),
      )
      .join('\n');
    written += fs.writeSync(out, `${chunk}\n`);
    count += events.length;
  }
  fs.closeSync(out);
  return count;
}

function madeUp(): string {
  const lines: string[] = [];
  for (let i = 0; i < 2000; i++) {
    const base = {
      timestamp: '2021-06-06T15:59:46.457984+0200',
      flow_id: 1_000_000 + i,
      src_ip: `10.0.${i % 4}.${i % 250}`,
      src_port: 1024 + i,
      dest_ip: `192.0.2.${i % 200}`,
      dest_port: i % 3 === 0 ? 53 : 443,
      proto: i % 3 === 0 ? 'UDP' : 'TCP',
    };
    if (i % 3 === 0)
      lines.push(
        JSON.stringify({
          ...base,
          event_type: 'dns',
          dns: { type: 'query', id: i, rrname: `h${i}.example.org`, rrtype: 'A' },
        }),
      );
    lines.push(
      JSON.stringify({
        ...base,
        event_type: 'flow',
        app_proto: i % 3 === 0 ? 'dns' : 'tls',
        flow: {
          pkts_toserver: i % 20,
          pkts_toclient: i % 17,
          bytes_toserver: i * 60,
          bytes_toclient: i * 90,
          start: '2021-06-06T15:59:46.457984+0200',
          end: '2021-06-06T15:59:47.457984+0200',
          age: 1,
          state: 'closed',
          reason: 'timeout',
          alerted: false,
        },
        ...(i % 3 === 0 ? {} : { tcp: { tcp_flags: '1b', tcp_flags_ts: '1b', tcp_flags_tc: '1b' } }),
      }),
    );
  }
  return lines.join('\n');
}

if (values.run !== undefined) console.log(JSON.stringify(await measure(values.run, values.features === true)));
else compare(Number(values.mb), Number(values.rounds), values.input);
