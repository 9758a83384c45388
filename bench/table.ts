/**
 * Logs instead of packets: rows a second of processor time and peak memory from a file to a table and to the matrix of flow features, beside other readers on the same file in the same run.
 *
 *     node bench/table.ts [--kind csv|zeek] [--mb 100] [--runs 3]
 *
 * The input is made of the real logs in ../shared/data, repeated with other addresses and times, and lies in .bench. Every reader is a process of its own on one core; seconds are those
 * of processor time that reading takes, without the start of the program, so that a busy machine changes them little. The runs are interleaved, the best of each counts. The others are DuckDB (python3 with the duckdb wheel: pip install --target .bench/python duckdb==1.5.6), which reads into a table of its own in memory, and the csv module
 * of Python, which makes a list of strings of every row and types nothing.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random, type Table } from '../src/core/index.ts';
import { FlowFeatureMeasurer } from '../src/feature/index.ts';
import { openInput } from '../src/io/index.ts';
import { openCsv } from '../src/io/source/csv/index.ts';
import type { TableSource } from '../src/io/source/table-source.ts';
import { openZeekFlows } from '../src/io/source/zeek/index.ts';
import { OddityCounter } from '../src/wire/index.ts';
import { DATA, has, measure, WORK } from './child.ts';

interface Kind {
  /** Writes an input of about so many bytes. */
  readonly make: (file: string, bytes: number) => void;
  readonly open: (file: string) => Promise<TableSource>;
  /** Whether the table is of flows, so that the features can be measured. */
  readonly flows: boolean;
  /** DuckDB's words for the rows of the file. */
  readonly sql: (file: string) => string;
  /** Python's words for its csv reader. */
  readonly reader: string;
}

const ZEEK_FIELDS =
  'ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents'.split(
    ' ',
  );
const ZEEK_TYPES =
  'time string addr port addr port enum string interval count count string bool bool count string count count count count set[string]';
const ZEEK_LOGS = [
  'strato-testing/008-zeek-mixed/data/conn.log.labeled',
  'strato-testing/010-zeek-mixed/data/conn.log.labeled',
  'rita/proxy/conn.log',
];

const KINDS: Readonly<Record<string, Kind>> = {
  zeek: {
    make: (file, bytes) => {
      const head = [
        '#separator \\x09',
        '#set_separator\t,',
        '#empty_field\t(empty)',
        '#unset_field\t-',
        '#path\tconn',
        `#fields\t${ZEEK_FIELDS.join('\t')}`,
        `#types\t${ZEEK_TYPES.replaceAll(' ', '\t')}`,
      ];
      write(file, bytes, head, (row) => row.join('\t'));
    },
    open: (file) => openZeekFlows([{ name: file, open: () => openInput(file) }], { oddities: new OddityCounter() }),
    flows: true,
    sql: (file) =>
      `read_csv('${file}', delim='\\t', comment='#', nullstr='-', header=false, quote='', names=[${ZEEK_FIELDS.map((f) => `'${f}'`).join(', ')}])`,
    reader: "csv.reader(f, delimiter='\\t', quoting=csv.QUOTE_NONE)",
  },
  csv: {
    make: (file, bytes) =>
      write(file, bytes, [`time,${ZEEK_FIELDS.slice(1, 20).join(',')},note`], (row) =>
        [
          new Date(Number(row[0]) * 1000).toISOString(),
          ...row.slice(1, 20).map((cell) => (cell === '-' ? '' : cell.includes(',') ? `"${cell}"` : cell)),
          `"state ${row[11]}, said ""${row[15]}"""`,
        ].join(','),
      ),
    open: async (file) => openCsv(await openInput(file), { oddities: new OddityCounter() }),
    flows: false,
    sql: (file) => `read_csv('${file}')`,
    reader: 'csv.reader(f)',
  },
};

/** Repeats the rows of the real logs, each time with other hosts and a later time. */
function write(file: string, bytes: number, head: readonly string[], line: (row: string[]) => string): void {
  const rows = ZEEK_LOGS.flatMap((log) => {
    const text = readFileSync(join(DATA, log), 'utf8').split('\n');
    const fields = (text.find((l) => l.startsWith('#fields')) ?? '').split('\t').slice(1);
    const order = ZEEK_FIELDS.map((name) => fields.indexOf(name));
    return text
      .filter((l) => l !== '' && !l.startsWith('#'))
      .map((l) => {
        const cells = l.split('\t');
        return order.map((i) => cells[i] ?? '-');
      });
  }).sort((a, b) => Number(a[0]) - Number(b[0]));
  const first = Number(rows[0]?.[0]);
  const random = new Random(7);
  const fd = openSync(file, 'w');
  let written = writeSync(fd, `${head.join('\n')}\n`);
  for (let round = 0; written < bytes; round++) {
    const out: string[] = [];
    const shift = 3 + round * 17;
    for (const row of rows) {
      const next = [...row];
      // Four days of logs go by in half an hour, so that a host has as many flows a minute as on a busy line.
      next[0] = (1_700_000_000 + round * 1800 + ((Number(row[0]) - first) % 345_600) / 192).toFixed(6);
      next[1] = `C${Math.floor(random.float() * 2 ** 52)
        .toString(36)
        .padEnd(16, '0')}`;
      next[2] = moved(row[2] ?? '', shift);
      next[4] = moved(row[4] ?? '', shift >> 2);
      out.push(line(next));
      if (out.length % 1000 === 0 && written + out.length * 150 > bytes) break;
    }
    written += writeSync(fd, `${out.join('\n')}\n`);
  }
  closeSync(fd);
}

/** Another address of the same network. */
function moved(address: string, by: number): string {
  const octets = address.split('.');
  if (octets.length !== 4) return address;
  octets[3] = String((Number(octets[3]) + by) % 254);
  return octets.join('.');
}

const { values: options } = parseArgs({
  options: {
    kind: { type: 'string', default: 'zeek' },
    mb: { type: 'string', default: '100' },
    runs: { type: 'string', default: '3' },
    child: { type: 'string' },
    file: { type: 'string', default: '' },
  },
});
const kind = KINDS[options.kind];
if (kind === undefined) {
  console.error(`--kind is one of ${Object.keys(KINDS).join(', ')}`);
  process.exit(2);
}

/** The measured process: prints rows and seconds of the reading, without the start of Node.js. */
async function read({ open }: Kind, file: string, features: boolean): Promise<void> {
  const began = performance.now();
  const cpu = process.cpuUsage();
  const source = await open(file);
  const measurer = features
    ? new FlowFeatureMeasurer({ isHome: (address) => /^(10|147\.32|192\.168)\./.test(address) })
    : undefined;
  let rows = 0;
  let into: Float32Array | undefined;
  for (let table: Table | undefined = await source.read(); table !== undefined; table = await source.read()) {
    rows += table.rowCount;
    if (measurer !== undefined) into = measurer.measure(table, undefined, into).values;
  }
  const wallSeconds = (performance.now() - began) / 1000;
  const used = process.cpuUsage(cpu);
  const seconds = (used.user + used.system) / 1e6;
  source.close();
  console.log(JSON.stringify({ rows, rejected: source.status().rejected, seconds, wallSeconds }));
}

const DUCKDB = `
import sys, time, json
try:
    import duckdb
except ImportError:
    sys.exit("no duckdb")
con = duckdb.connect(config={"threads": 1})
began = time.process_time()
con.execute("CREATE TABLE t AS SELECT * FROM " + sys.argv[1])
seconds = time.process_time() - began
print(json.dumps({"rows": con.execute("SELECT count(*) FROM t").fetchone()[0], "seconds": seconds, "version": duckdb.__version__}))
`;

const PYTHON = `
import csv, json, sys, time
began = time.process_time()
rows = 0
with open(sys.argv[1], newline="") as f:
    for row in READER:
        if not row[0].startswith("#"):
            rows += 1
print(json.dumps({"rows": rows, "seconds": time.process_time() - began}))
`;

async function compare(name: string, { make, flows, sql, reader }: Kind, mb: number, runs: number): Promise<void> {
  if (!existsSync(DATA)) {
    console.log('skipped: ../shared/data is not there');
    return;
  }
  mkdirSync(WORK, { recursive: true });
  const file = join(WORK, `table-${mb}.${name}`);
  if (!existsSync(file)) make(file, mb * 1e6);
  writeFileSync(join(WORK, 'duckdb-reader.py'), DUCKDB);
  writeFileSync(join(WORK, 'csv-reader.py'), PYTHON.replace('READER', reader));
  const self = [process.execPath, fileURLToPath(import.meta.url), '--kind', name, '--file', file];
  const contenders: [string, string[]][] = [['file to table', [...self, '--child', 'table']]];
  if (flows) contenders.push(['file to features', [...self, '--child', 'features']]);
  if (has('python3')) {
    process.env.PYTHONPATH = join(WORK, 'python');
    contenders.push(['DuckDB, 1 thread', ['python3', join(WORK, 'duckdb-reader.py'), sql(file)]]);
    contenders.push(["Python's csv", ['python3', join(WORK, 'csv-reader.py'), file]]);
  }
  const best = new Map<string, { rows: number; seconds: number; peakMB: number; version?: string }>();
  for (let run = 0; run < runs; run++) {
    for (const [label, command] of contenders) {
      const cost = await measure(command, { core: 0 });
      if (cost.code !== 0) {
        if (run === 0) console.error(`${label}: ${cost.stderr.trim().split('\n').at(-1)}`);
        continue;
      }
      const result = { ...JSON.parse(cost.stdout), peakMB: cost.peakMB ?? Number.NaN };
      if (result.seconds < (best.get(label)?.seconds ?? Number.POSITIVE_INFINITY)) best.set(label, result);
    }
  }
  const size = statSync(file).size;
  console.log(
    `${new Date().toISOString()}  ${cpus()[0]?.model ?? 'unknown processor'}, Node.js ${process.version}, one core, best of ${runs}`,
  );
  console.log(`${name}: ${(size / 1e6).toFixed(1)} MB\n`);
  const own = best.get('file to table')?.seconds ?? Number.NaN;
  for (const [label, { rows, seconds, peakMB, version }] of best) {
    console.log(
      `${`${label}${version === undefined ? '' : ` ${version}`}`.padEnd(26)}${Math.round(rows / seconds)
        .toLocaleString('en-US')
        .padStart(
          12,
        )} rows/s${(size / 1e6 / seconds).toFixed(0).padStart(6)} MB/s${peakMB.toFixed(0).padStart(7)} MB peak${(seconds / own).toFixed(2).padStart(8)} x the time of file to table   (${rows.toLocaleString('en-US')} rows)`,
    );
  }
}

if (options.child === undefined) await compare(options.kind, kind, Number(options.mb), Number(options.runs));
else await read(kind, options.file, options.child === 'features');
