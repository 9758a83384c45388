import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { runCli, temporaryFolder } from './support/cli.ts';
import { arpRequest, pcapOf, portSweep } from './support/traffic.ts';

const folder = temporaryFolder();
const sweep = pcapOf(portSweep({ source: '192.168.1.66', network: '192.168.1', port: 445, count: 40 }));
const file = (name: string, bytes: Uint8Array | string): string => {
  const full = path.join(folder, name);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, bytes);
  return full;
};
const sweepFile = file('sweep.pcap', sweep);
let outs = 0;
const freshOut = (): string => path.join(folder, `out-${outs++}`);

interface Document {
  readonly run: {
    readonly packets: number;
    readonly emptyBecause?: string;
    readonly inputs: { readonly status: string; readonly message?: string; readonly compression: string }[];
  };
  readonly incidents: {
    readonly id: string;
    readonly kind: string;
    readonly severity: string;
    readonly actors: { readonly address: string }[];
  }[];
}
const documentIn = (out: string): Document =>
  JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')) as Document;

test('a capture with a port sweep ends with the scanner named first and a report that can be opened', async () => {
  const out = freshOut();
  const run = await runCli(['analyze', sweepFile, '--out', out]);
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  expect(run.stdout).toContain('192.168.1.66');
  expect(run.stdout).toContain('report.html');
  expect(fs.readdirSync(out).sort()).toEqual([
    'archive.ndjson.gz',
    'flows.csv',
    'incidents.csv',
    'incidents.json',
    ...(typeof zlib.zstdCompressSync === 'function' ? ['records.zst'] : []),
    'report.html',
  ]);
  const { incidents } = documentIn(out);
  expect(incidents[0]?.kind).toBe('scan.horizontal');
  expect(incidents[0]?.actors.map((actor) => actor.address)).toEqual(['192.168.1.66']);
  expect(fs.readFileSync(path.join(out, 'report.html'), 'utf8')).toContain(incidents[0]?.id ?? 'no incident');
});

test('the same capture gives the same bytes, in plain, gzip and zstd and by standard input', async () => {
  const plain = freshOut();
  await runCli(['analyze', 'sweep.pcap', '--out', plain, '--quiet'], { cwd: folder });
  const again = freshOut();
  await runCli(['analyze', 'sweep.pcap', '--out', again, '--quiet'], { cwd: folder });
  for (const name of [
    'incidents.json',
    'report.html',
    'flows.csv',
    'incidents.csv',
    'archive.ndjson.gz',
    'records.zst',
  ]) {
    expect(fs.readFileSync(path.join(again, name)), name).toEqual(fs.readFileSync(path.join(plain, name)));
  }
  const ids = documentIn(plain).incidents.map((incident) => incident.id);
  const zipped = freshOut();
  await runCli(['analyze', file('sweep.pcap.gz', zlib.gzipSync(sweep)), '--out', zipped, '--quiet']);
  expect(documentIn(zipped).incidents.map((incident) => incident.id)).toEqual(ids);
  expect(documentIn(zipped).run.inputs[0]?.compression).toBe('gzip');
  if (typeof zlib.zstdCompressSync === 'function') {
    const zstd = freshOut();
    await runCli(['analyze', file('sweep.zst', zlib.zstdCompressSync(sweep)), '--out', zstd, '--quiet']);
    expect(documentIn(zstd).incidents.map((incident) => incident.id)).toEqual(ids);
    // Several frames, cut anywhere, with a skippable one in front, as appending and parallel compressors write them.
    const skippable = Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 104, 105]);
    const frames = [
      skippable,
      zlib.zstdCompressSync(sweep.subarray(0, 1000)),
      zlib.zstdCompressSync(sweep.subarray(1000)),
    ];
    const several = freshOut();
    await runCli(['analyze', file('frames.zst', Buffer.concat(frames)), '--out', several, '--quiet']);
    expect(documentIn(several).incidents.map((incident) => incident.id)).toEqual(ids);
  }
  const piped = freshOut();
  const run = await runCli(['analyze', '-', '--out', piped, '--json'], { input: sweep });
  expect(run.code).toBe(0);
  const printed = JSON.parse(run.stdout) as Document;
  expect(printed.incidents.map((incident) => incident.id)).toEqual(ids);
});

test('--fail-on exits with 3 when an incident is at least that severe, and with 0 when none is', async () => {
  const severe = await runCli(['analyze', sweepFile, '--out', freshOut(), '--quiet', '--fail-on', 'low']);
  expect(severe).toMatchObject({ code: 3, stdout: '', stderr: '' });
  const calm = file('calm.pcap', pcapOf([arpRequest(1_700_000_000, '10.0.0.1', '10.0.0.2')]));
  expect((await runCli(['analyze', calm, '--out', freshOut(), '--quiet', '--fail-on', 'info'])).code).toBe(0);
});

test('an empty result says why it is empty', async () => {
  const calm = file('one.pcap', pcapOf([arpRequest(1_700_000_000, '10.0.0.1', '10.0.0.2')]));
  const out = freshOut();
  const run = await runCli(['analyze', calm, '--out', out]);
  // How many detectors there are is not this test's business.
  expect(documentIn(out).run.emptyBecause?.replace(/by [1-9]\d* detectors/, 'by N detectors')).toBe(
    '1 flow of 1 host was looked at by N detectors, and nothing reached a threshold. No model of the usual was fitted: that takes 100 flows.',
  );
  expect(run.stdout.replace(/\s+/g, ' ')).toContain('nothing reached a threshold');
});

test('a capture that is cut keeps what came before, says where it ends, and is no failure', async () => {
  const out = freshOut();
  const cut = file('cut.pcap', sweep.subarray(0, sweep.length - 30));
  // Long ago, or it would be taken for one that is being written.
  fs.utimesSync(cut, 1_700_000_000, 1_700_000_000);
  const run = await runCli(['analyze', cut, '--out', out]);
  expect(run.code).toBe(0);
  expect(documentIn(out).run.packets).toBe(79);
  expect(documentIn(out).run.inputs[0]).toMatchObject({
    status: 'cut',
    message: `ends in the middle of a packet, at byte ${sweep.length - 70}; the 79 packets before it were kept`,
  });
  expect(run.stdout.replace(/\s+/g, ' ')).toContain('ends in the middle of a packet');
});

test('a capture whose last packet is cut because it is still being written is told so, and is no damage', async () => {
  const out = freshOut();
  const run = await runCli(['analyze', file('growing.pcap', sweep.subarray(0, sweep.length - 30)), '--out', out]);
  expect(run.code).toBe(0);
  const { inputs, blindSpots } = JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')).run as {
    inputs: { status: string; message?: string }[];
    blindSpots: string[];
  };
  expect(inputs[0]).toMatchObject({
    status: 'complete',
    message: 'is still being written: its last packet is not whole yet; the 79 packets before it were kept',
  });
  expect(blindSpots).toContain('1 input is still being written, or cut a moment ago: what comes after was not there.');
  expect(documentIn(out)).toMatchObject({ run: { packets: 79 } });
});

const mistakes: readonly { readonly what: string; readonly args: () => string[]; readonly says: () => string }[] = [
  {
    what: 'a file that does not exist',
    args: () => ['analyze', '/nowhere/x.pcap'],
    says: () => 'error: cannot read /nowhere/x.pcap: no such file or folder (ENOENT)\n  check the path\n',
  },
  {
    what: 'a folder without captures',
    args: () => ['analyze', path.dirname(file('notes/readme.txt', 'nothing'))],
    says: () =>
      `error: ${path.join(folder, 'notes')}: no capture files and no logs in this folder\n  anomalyst looks for pcap and pcapng files, and for logs and tables by their names (.log, .csv, .json ...), plain or compressed with gzip, zstd or lz4\n`,
  },
  {
    what: 'a text file',
    args: () => ['analyze', file('hello.txt', 'hello, this is text\n')],
    says: () =>
      `error: ${path.join(folder, 'hello.txt')}: of no known format: it begins with text ("hello, this is text\\n")\n  anomalyst formats lists what can be read, plain or compressed with gzip, zstd or lz4\n`,
  },
  {
    what: 'an empty file',
    args: () => ['analyze', file('empty.pcap', '')],
    says: () =>
      `error: ${path.join(folder, 'empty.pcap')}: the input is empty (0 bytes)\n  give a capture, a log or a table\n`,
  },
  {
    what: 'a misspelt flag',
    args: () => ['analyze', sweepFile, '--jsn'],
    says: () => "error: unknown option '--jsn'\n(Did you mean --json?)\n",
  },
  {
    what: 'a misspelt command',
    args: () => ['analyz', sweepFile],
    says: () => "error: unknown command 'analyz'\n(Did you mean analyze?)\n",
  },
  {
    what: 'a severity that does not exist',
    args: () => ['analyze', sweepFile, '--fail-on', 'hihg'],
    says: () =>
      "error: option '--fail-on <severity>' argument 'hihg' is invalid. Allowed choices are info, low, medium, high, critical.\n",
  },
  {
    what: 'a number that is none',
    args: () => ['analyze', sweepFile, '--top', 'many'],
    says: () => 'error: --top many: expected a whole number above 0\n  for example --top 10\n',
  },
  {
    what: 'a network that is none',
    args: () => ['analyze', sweepFile, '--home-net', '10.0.0.0/99'],
    says: () =>
      'error: --home-net 10.0.0.0/99: not all of these are networks\n  give networks in CIDR notation, as in 192.168.0.0/16,fd00::/8\n',
  },
  {
    what: 'a configuration with an unknown key',
    args: () => ['analyze', sweepFile, '--config', file('a.yaml', 'seed: 1\nflow:\n  maxFlow: 5000\n')],
    says: () => `error: ${path.join(folder, 'a.yaml')}:3:3: unknown key 'maxFlow'\n  did you mean 'maxFlows'?\n`,
  },
  {
    what: 'a configuration with an unknown detector',
    args: () => ['analyze', sweepFile, '--config', file('b.yaml', 'detect:\n  scann: false\n')],
    says: () => `error: ${path.join(folder, 'b.yaml')}:2:3: unknown key 'scann'\n  did you mean 'scan'?\n`,
  },
  {
    what: 'a configuration that is no YAML',
    args: () => ['analyze', sweepFile, '--config', file('c.yaml', 'seed: [1\n')],
    says: () => `error: ${path.join(folder, 'c.yaml')}:2:1: `,
  },
];

for (const { what, args, says } of mistakes) {
  test(`${what} is an error with a hint and exit code 2`, async () => {
    const run = await runCli([...args(), '--out', freshOut()].slice(0, args()[0] === 'analyz' ? 2 : undefined));
    expect(run.stderr.slice(0, says().length)).toBe(says());
    expect(run.stderr).not.toContain('    at ');
    expect(run.code).toBe(2);
    expect(run.stdout).toBe('');
  });
}

test('among several inputs an unreadable one is told and the others are read, in order of time', async () => {
  const early = file(
    'ring/b.pcap',
    pcapOf(portSweep({ source: '192.168.1.66', network: '192.168.1', port: 445, count: 20, start: 1_700_000_000 })),
  );
  const late = file(
    'ring/a.pcap',
    pcapOf(portSweep({ source: '192.168.1.66', network: '192.168.2', port: 445, count: 20, start: 1_700_000_100 })),
  );
  const bad = file('bad.txt', 'no capture');
  const out = freshOut();
  const run = await runCli(['analyze', bad, path.dirname(early), '--out', out]);
  expect(run.code).toBe(0);
  const document = JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')) as {
    run: { inputs: { name: string; status: string }[] };
  };
  expect(document.run.inputs.map(({ name, status }) => [name, status])).toEqual([
    [early, 'complete'],
    [late, 'complete'],
    [bad, 'failed'],
  ]);
  expect(run.stdout).toContain('bad.txt');
});

test('a saved model scores another capture, and a damaged one is refused', async () => {
  const many = pcapOf([...portSweep({ source: '192.168.1.66', network: '192.168.1', port: 445, count: 120 })]);
  const out = freshOut();
  expect((await runCli(['analyze', file('many.pcap', many), '--out', out, '--quiet'])).code).toBe(0);
  const model = path.join(out, 'model.safetensors');
  const next = freshOut();
  const run = await runCli(['analyze', sweepFile, '--model', model, '--out', next, '--quiet']);
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  expect(JSON.parse(fs.readFileSync(path.join(next, 'incidents.json'), 'utf8'))).toMatchObject({
    run: { model: { fittedOn: model, rows: 120 } },
  });
  const bytes = fs.readFileSync(model);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 255;
  const damaged = await runCli([
    'analyze',
    sweepFile,
    '--model',
    file('damaged.safetensors', bytes),
    '--out',
    freshOut(),
  ]);
  expect(damaged.code).toBe(2);
  expect(damaged.stderr).toContain('error: ');
});

test('fields, explain, doctor, version, help and completion answer on standard output', async () => {
  const fields = await runCli(['fields', '--json']);
  expect((JSON.parse(fields.stdout) as { columns: { name: string }[] }).columns.map((column) => column.name)).toContain(
    'communityId',
  );
  expect((await runCli(['explain', 'scan'])).stdout).toContain('Fooled by');
  for (const [asked, told] of [
    ['sni', 'serverName (flow column)'],
    ['conn_state', 'tcpState (flow column)'],
    ['JA3', 'ja3 (flow column)'],
    ['bytes', 'responderBytes (flow column)'],
  ] as const)
    expect((await runCli(['explain', asked])).stdout).toContain(told);
  const unknown = await runCli(['explain', 'scna']);
  expect(unknown).toMatchObject({ code: 2, stderr: "error: there is nothing named 'scna'\n  did you mean 'scan'?\n" });
  const doctor = JSON.parse((await runCli(['doctor', '--json'])).stdout) as {
    checks: { name: string; state: string }[];
  };
  expect(doctor.checks.find((check) => check.name === 'Node.js')?.state).toBe('ok');
  const { version } = JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect((await runCli(['--version'])).stdout).toBe(`${version}\n`);
  expect((await runCli(['--help'])).stdout).toContain('anomalyst analyze office.pcap');
  expect((await runCli(['completion', 'bash'])).stdout).toContain('anomalyst');
});

test.runIf(process.platform === 'linux')(
  'an output folder that cannot be made, where its parent exists, is refused at once',
  async () => {
    const run = await runCli(['analyze', '--out', '/proc/anomalyst-out', sweepFile]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('error: cannot write /proc/anomalyst-out');
  },
);

test('lines of many widths are a table where the name says CSV, and those that do not fit are kept beside it', async () => {
  const out = path.join(folder, 'uneven');
  const run = await runCli(['analyze', file('uneven.csv', 'a,b,a\n1,2,3\n4,5\n6,7,8,9\n'), '--out', out]);
  expect(run.code).toBe(0);
  expect(run.stdout).toContain('2 lines could not be read');
  expect(fs.readFileSync(path.join(out, 'rejected.csv'), 'utf8')).toBe(
    `input,line,reason,text\n${path.join(folder, 'uneven.csv')},3,"2 fields, where the header has 3","4,5\\u{a}"\n${path.join(folder, 'uneven.csv')},4,"4 fields, where the header has 3","6,7,8,9\\u{a}"\n`,
  );
});
