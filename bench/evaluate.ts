/**
 * What the product finds in real captures whose truth is known, and what it says about benign ones: `anomalyst analyze` on each, nothing else.
 *
 *     npm run evaluate -- [--only <text in the path>] [--json] [--markdown] [--check] [--no-build]
 *
 * The truth is that of the captures' own documentation (README.md beside them) and lives in this file alone; the product never reads it.
 * A case is found when one incident has a detection of the expected kind, the expected host among its actors (or on either side, for a flood's
 * victim), the expected peer and the expected port in its detections or evidence. --markdown writes docs/evaluation.md. --check exits with 1 when a
 * required case is not found at rank 1, or something benign has an incident of severity high or critical.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { SEVERITIES, type Severity, severityRank } from '../src/incident/index.ts';
import type { IncidentsDocument } from '../src/report/index.ts';
import { ANOMALYST, build, DATA, eachOf, has, measure, ROOT, textTable } from './child.ts';

/**
 * required: must be found, at rank 1. quiet: hostile or odd traffic that must not be mistaken for something else. wanted: reported, not required:
 * no detector for it exists yet, or the capture holds too little of it.
 */
type Need = 'required' | 'quiet' | 'wanted';

interface Case {
  readonly path: string;
  /** What is in it, from its documentation. */
  readonly truth: string;
  readonly need: Need;
  /** Beginnings of the kinds that name it rightly. */
  readonly kinds?: readonly string[];
  /** One of these must be an actor. */
  readonly actors?: readonly string[];
  /** One of these must be a peer. */
  readonly peers?: readonly string[];
  /** This one must be on either side. */
  readonly host?: string;
  readonly port?: number;
  /** For quiet: kinds that must not be there at all, and the highest severity that may be. */
  readonly never?: readonly string[];
  readonly atMost?: Severity;
}

const SIMPLE_SCAN = 'malcolm/pcaps/plugins/bro-simple-scan';
const OTRF = 'otrf/datasets/atomic/windows';
const OTRF_AGENTS = ['172.18.39.5', '172.18.39.6'];
const LATERAL = ['lateral', 'beacon.', 'long-connection.'];

const CASES: readonly Case[] = [
  {
    path: 'slips/dataset/test8-malicious.pcap',
    truth: 'ARP scan by 192.168.1.247',
    need: 'required',
    kinds: ['scan.arp'],
    actors: ['192.168.1.247'],
  },
  {
    path: 'slips/dataset/test12-icmp-portscan.pcap',
    truth: 'ICMP sweep from 192.168.1.109',
    need: 'required',
    kinds: ['scan.icmp'],
    actors: ['192.168.1.109'],
  },
  {
    path: 'slips/dataset/test19-malicious-ssh/malicious-ssh-bruteforce.pcap',
    truth: 'SSH brute force 147.32.80.40 -> 147.32.80.37, port 902',
    need: 'required',
    kinds: ['brute-force.'],
    actors: ['147.32.80.40'],
    peers: ['147.32.80.37'],
    port: 902,
  },
  {
    path: 'slips/dataset/test-cc/test-cc-capture-2.pcap',
    truth: 'C&C over TLS 147.32.80.37 -> 141.193.213.20:443, 22 connections',
    need: 'required',
    kinds: ['beacon.'],
    actors: ['147.32.80.37'],
    peers: ['141.193.213.20'],
    port: 443,
  },
  {
    path: `${SIMPLE_SCAN}/445_scan.pcap`,
    truth: '176.192.150.3 scans port 445 on many hosts',
    need: 'required',
    kinds: ['scan.horizontal'],
    actors: ['176.192.150.3'],
    port: 445,
  },
  {
    path: `${SIMPLE_SCAN}/multiport_scan.pcap`,
    truth: '125.27.226.209 scans web ports on many hosts',
    need: 'required',
    kinds: ['scan.'],
    actors: ['125.27.226.209'],
  },
  {
    path: `${SIMPLE_SCAN}/port_scan.pcap`,
    truth: '192.168.2.154 scans the ports of 192.168.2.22',
    need: 'required',
    kinds: ['scan.vertical'],
    actors: ['192.168.2.154'],
    peers: ['192.168.2.22'],
  },
  {
    path: `${SIMPLE_SCAN}/scan_with_zero_windows.pcap`,
    truth: '10.0.0.1 scans port 23 on many hosts',
    need: 'required',
    kinds: ['scan.horizontal'],
    actors: ['10.0.0.1'],
    port: 23,
  },
  {
    path: 'stopddos/pkt.TCP.DOMINATE.syn.ecn.cwr.pcapng',
    truth: 'spoofed SYN flood on 10.10.10.10:30120',
    need: 'required',
    kinds: ['flood.'],
    host: '10.10.10.10',
    port: 30120,
  },
  {
    path: `${SIMPLE_SCAN}/backscatter.trace`,
    truth: 'backscatter: 202.229.120.98:80 gets the RSTs of a flood with spoofed sources; nobody scans',
    need: 'quiet',
    never: ['scan.'],
    atMost: 'low',
  },
  {
    path: 'malcolm/pcaps/plugins/zeek-asyncrat-detector/30a385ed-171e-4f15-ac3f-08c96be7bfd1.pcap',
    truth: 'AsyncRAT 192.168.100.20 -> 186.169.47.11:7084',
    need: 'wanted',
    kinds: ['beacon.', 'long-connection.', 'strange-flow.', 'c2.'],
    actors: ['192.168.100.20'],
    peers: ['186.169.47.11'],
    port: 7084,
  },
  {
    path: 'malcolm/pcaps/plugins/zeek-agenttesla-detector/db9f075c-7879-4957-923a-f79fac957a2d.pcap',
    truth: 'AgentTesla sends what it stole by mail, 192.168.100.122 -> 208.91.198.143:587',
    need: 'wanted',
    kinds: ['exfiltration', 'strange-flow.', 'c2.'],
    actors: ['192.168.100.122'],
    peers: ['208.91.198.143'],
    port: 587,
  },
  {
    path: 'dns-tunnel/tunnel/dnscat2-cname/dnscat2-cname_00001_20230903170247.pcap',
    truth: 'dnscat2 tunnel in CNAME queries of 192.168.68.62',
    need: 'wanted',
    kinds: ['dns'],
    actors: ['192.168.68.62'],
  },
  {
    path: 'dns-tunnel/tunnel/iodine-cname.pcap',
    truth: 'iodine tunnel in CNAME queries of 192.168.117.128',
    need: 'wanted',
    kinds: ['dns'],
    actors: ['192.168.117.128'],
  },
  {
    path: 'wireshark-samples/dns-remoteshell.pcap',
    truth: 'a shell on port 53, which is no DNS: 192.168.1.3 -> 192.168.1.2:53',
    need: 'wanted',
    kinds: ['mismatch', 'protocol', 'strange-flow.', 'c2.', 'service'],
    host: '192.168.1.2',
    port: 53,
  },
  {
    path: 'cryptomining/PCAPs/cgminer.s0.pcapng',
    truth: '192.168.1.100 mines, pools on port 25 and 443',
    need: 'wanted',
    kinds: ['mining', 'beacon.', 'long-connection.'],
    actors: ['192.168.1.100'],
  },
  {
    path: 'cryptomining/PCAPs/xmr-eu1.nanopool.org.pcapng',
    truth: '147.229.13.222 mines at 185.71.66.20:14444',
    need: 'wanted',
    kinds: ['mining', 'beacon.', 'long-connection.'],
    actors: ['147.229.13.222'],
    peers: ['185.71.66.20'],
    port: 14444,
  },
  {
    path: 'cryptomining/PCAPs/xmr.suprnova.cc.pcapng',
    truth: '147.229.13.222 mines at 37.59.21.58:5222',
    need: 'wanted',
    kinds: ['mining', 'beacon.', 'long-connection.'],
    actors: ['147.229.13.222'],
    peers: ['37.59.21.58'],
    port: 5222,
  },
  {
    path: `${OTRF}/credential_access/network/covenant_dcsync_dcerpc_drsuapi_DsGetNCChanges.zip`,
    truth: 'DCSync from 172.18.39.5 (T1003.006)',
    need: 'wanted',
    kinds: LATERAL,
    actors: OTRF_AGENTS,
  },
  {
    path: `${OTRF}/discovery/network/empire_getsession_dcerpc_smb_srvsvc_NetSessEnum.zip`,
    truth: 'session enumeration from 172.18.39.5 (T1049)',
    need: 'wanted',
    kinds: LATERAL,
    actors: OTRF_AGENTS,
  },
  {
    path: `${OTRF}/lateral_movement/network/covenant_psremoting_command.zip`,
    truth: 'PowerShell remoting 172.18.39.5 -> 172.18.39.6 (T1021.006)',
    need: 'wanted',
    kinds: LATERAL,
    actors: OTRF_AGENTS,
  },
  {
    path: `${OTRF}/lateral_movement/network/empire_smbexec_dcerpc_smb_svcctl.zip`,
    truth: 'SMBExec 172.18.39.5 -> 172.18.39.6 (T1021.002)',
    need: 'wanted',
    kinds: LATERAL,
    actors: OTRF_AGENTS,
  },
  {
    path: `${OTRF}/lateral_movement/network/empire_wmi_dcerpc_wmi_IWbemServices_ExecMethod.zip`,
    truth: 'WMI execution 172.18.39.5 -> 172.18.39.6 (T1047)',
    need: 'wanted',
    kinds: LATERAL,
    actors: OTRF_AGENTS,
  },
];

/** Benign by their documentation: folder, and a name for the group. */
const BENIGN: readonly (readonly [string, string])[] = [
  ['iot-sentinel', 'IoT Sentinel: six kinds of device set up'],
  ['elcabezzonn', 'ordinary use of Windows (presumed benign)'],
  ['dns-tunnel/normal', 'ordinary DNS of one client'],
];

type Incident = IncidentsDocument['incidents'][number];
type Counts = Readonly<Record<Severity, number>>;

interface Outcome {
  /** Why it could not be run. */
  readonly failed?: string;
  readonly incidents: readonly Incident[];
  readonly counts: Counts;
  readonly hours: number;
}

interface CaseResult {
  readonly case: Case;
  readonly outcome: Outcome;
  /** The matching incident that ranks first. */
  readonly match: Incident | undefined;
  readonly verdict: 'found first' | 'found' | 'not found' | 'quiet' | 'wrong' | 'failed' | 'skipped';
  readonly note: string;
}

interface BenignResult {
  readonly path: string;
  readonly group: string;
  readonly outcome: Outcome;
}

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
  },
});
if (!existsSync(DATA)) {
  console.log(`skipped: the captures are not there (${DATA})`);
  process.exit(0);
}
if (!flags['no-build']) build();
const work = mkdtempSync(join(tmpdir(), 'anomalyst-evaluate-'));

function benignCaptures(): { readonly path: string; readonly group: string }[] {
  return BENIGN.flatMap(([folder, group]) =>
    existsSync(join(DATA, folder))
      ? readdirSync(join(DATA, folder), { recursive: true, encoding: 'utf8' })
          .filter((name) => /\.(pcap|pcapng|cap)(\.gz)?$/.test(name))
          .sort()
          .map((name) => ({ path: join(folder, name), group }))
      : [],
  );
}

/** One run of the product, with its defaults. */
async function analyze(inputs: readonly string[]): Promise<Outcome> {
  const out = mkdtempSync(join(work, 'out-'));
  const nothing = { incidents: [], counts: countBySeverity([]), hours: 0 };
  const cost = await measure(
    [process.execPath, ANOMALYST, 'analyze', ...inputs, '--out', out, '--quiet', '--no-progress'],
    { limitMs: 120_000 },
  );
  if (cost.tookTooLong) return { ...nothing, failed: 'took more than two minutes' };
  if (cost.code !== 0)
    return { ...nothing, failed: `exit code ${cost.code}: ${cost.stderr.trim().split('\n')[0] ?? ''}` };
  const document: IncidentsDocument = JSON.parse(readFileSync(join(out, 'incidents.json'), 'utf8'));
  rmSync(out, { recursive: true, force: true });
  const { first, last } = document.run;
  const hours =
    typeof first === 'string' && typeof last === 'string' ? (Date.parse(last) - Date.parse(first)) / 3.6e6 : 0;
  return { incidents: document.incidents, counts: countBySeverity(document.incidents), hours };
}

function countBySeverity(incidents: readonly Incident[]): Counts {
  const counts: Record<Severity, number> = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  for (const incident of incidents) counts[incident.severity]++;
  return counts;
}

async function evaluate(one: Case): Promise<CaseResult> {
  const skipped = (note: string): CaseResult => ({
    case: one,
    outcome: { incidents: [], counts: countBySeverity([]), hours: 0 },
    match: undefined,
    verdict: 'skipped',
    note,
  });
  const path = join(DATA, one.path);
  if (!existsSync(path)) return skipped('the capture is not there');
  const inputs = path.endsWith('.zip') ? unzip(path) : [path];
  if (typeof inputs === 'string') return skipped(inputs);
  const outcome = await analyze(inputs);
  if (outcome.failed !== undefined)
    return { case: one, outcome, match: undefined, verdict: 'failed', note: outcome.failed };
  if (one.need === 'quiet') {
    const wrong = outcome.incidents.find(
      (incident) =>
        (one.never ?? []).some((kind) => kindsOf(incident).some((is) => is.startsWith(kind))) ||
        severityRank(incident.severity) > severityRank(one.atMost ?? 'medium'),
    );
    return {
      case: one,
      outcome,
      match: wrong,
      verdict: wrong === undefined ? 'quiet' : 'wrong',
      note: wrong?.title ?? '',
    };
  }
  const match = outcome.incidents.find((incident) => matches(one, incident));
  const verdict = match === undefined ? 'not found' : match.rank === 1 ? 'found first' : 'found';
  return { case: one, outcome, match, verdict, note: match?.title ?? nearest(one, outcome.incidents) };
}

const kindsOf = (incident: Incident): string[] => [
  incident.kind,
  ...incident.detections.map((detection) => detection.kind),
];

function matches(one: Case, incident: Incident): boolean {
  const actors = incident.actors.map((host) => host.address);
  const peers = [
    ...incident.peers.map((host) => host.address),
    ...incident.detections.flatMap((detection) => detection.peers),
  ];
  const ports = [
    ...incident.detections.map((detection) => detection.port),
    ...incident.evidence.map((item) => (item.type === 'flow' ? item.flow.responderPort : undefined)),
  ];
  return (
    (one.kinds ?? ['']).some((kind) => kindsOf(incident).some((is) => is.startsWith(kind))) &&
    (one.actors === undefined || one.actors.some((address) => actors.includes(address))) &&
    (one.peers === undefined || one.peers.some((address) => peers.includes(address))) &&
    (one.host === undefined || [...actors, ...peers].includes(one.host)) &&
    (one.port === undefined || ports.includes(one.port))
  );
}

/** What was said instead, for a case that was not found. */
function nearest(one: Case, incidents: readonly Incident[]): string {
  const about = incidents.find((incident) =>
    incident.actors.some((host) => one.actors?.includes(host.address) === true || host.address === one.host),
  );
  const first = about ?? incidents[0];
  return first === undefined ? 'no incident at all' : `rank ${first.rank}, ${first.kind}: ${first.title}`;
}

/** The captures in a zip file, or why they can't be had. */
function unzip(path: string): string[] | string {
  const folder = mkdtempSync(join(work, 'zip-'));
  const [program, args] = has('unzip')
    ? (['unzip', ['-qo', path, '-d', folder]] as const)
    : (['python3', ['-m', 'zipfile', '-e', path, folder]] as const);
  if (!has(program)) return 'zip: neither unzip nor python3 is there';
  const run = spawnSync(program, args, { encoding: 'utf8' });
  if (run.status !== 0) return `zip: ${program} ended with ${run.status ?? 'a signal'}`;
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(pcap|pcapng|cap)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

interface Alerts {
  readonly captures: number;
  readonly hours: number;
  readonly counts: Counts;
  /** Captures with at least one incident of medium or above, and of high or above. */
  readonly withMedium: number;
  readonly withHigh: number;
}

interface Summary {
  readonly required: number;
  readonly found: number;
  readonly first: number;
  readonly wanted: number;
  readonly wantedFound: number;
  readonly groups: Readonly<Record<string, Alerts>>;
  readonly allBenign: Alerts;
  /** What --check fails for. */
  readonly violations: readonly string[];
  readonly skipped: readonly string[];
}

function summarize(cases: readonly CaseResult[], benign: readonly BenignResult[]): Summary {
  const required = cases.filter((one) => one.case.need === 'required' && one.verdict !== 'skipped');
  const wanted = cases.filter((one) => one.case.need === 'wanted' && one.verdict !== 'skipped');
  const isFound = (one: CaseResult): boolean => one.match !== undefined;
  const groups: Record<string, Alerts> = {};
  for (const [, group] of BENIGN) groups[group] = alerts(benign.filter((one) => one.group === group));
  return {
    required: required.length,
    found: required.filter(isFound).length,
    first: required.filter((one) => one.verdict === 'found first').length,
    wanted: wanted.length,
    wantedFound: wanted.filter(isFound).length,
    groups,
    allBenign: alerts(benign),
    violations: [
      ...required
        .filter((one) => one.verdict !== 'found first')
        .map(
          (one) =>
            `${one.case.path}: ${one.case.truth}: ${one.verdict}${one.match === undefined ? '' : ` at rank ${one.match.rank}`} (${one.note})`,
        ),
      ...cases
        .filter((one) => one.case.need === 'quiet' && one.verdict !== 'quiet' && one.verdict !== 'skipped')
        .map((one) => `${one.case.path}: ${one.verdict}: ${one.note}`),
      ...cases
        .filter((one) => one.case.need === 'wanted' && one.verdict === 'failed')
        .map((one) => `${one.case.path}: ${one.note}`),
      ...benign.flatMap((one) => [
        ...(one.outcome.failed === undefined ? [] : [`${one.path}: ${one.outcome.failed}`]),
        ...one.outcome.incidents
          .filter((incident) => severityRank(incident.severity) >= severityRank('high'))
          .map((incident) => `${one.path}: ${incident.severity}: ${incident.title}`),
      ]),
    ],
    skipped: cases.filter((one) => one.verdict === 'skipped').map((one) => `${one.case.path}: ${one.note}`),
  };
}

function alerts(results: readonly BenignResult[]): Alerts {
  const counts: Record<Severity, number> = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  for (const { outcome } of results) for (const severity of SEVERITIES) counts[severity] += outcome.counts[severity];
  const withAtLeast = (least: Severity): number =>
    results.filter(({ outcome }) =>
      outcome.incidents.some((incident) => severityRank(incident.severity) >= severityRank(least)),
    ).length;
  return {
    captures: results.length,
    hours: results.reduce((sum, { outcome }) => sum + outcome.hours, 0),
    counts,
    withMedium: withAtLeast('medium'),
    withHigh: withAtLeast('high'),
  };
}

function caseNode(result: CaseResult): object {
  return {
    path: result.case.path,
    truth: result.case.truth,
    need: result.case.need,
    verdict: result.verdict,
    ...(result.match && { rank: result.match.rank, severity: result.match.severity, kind: result.match.kind }),
    note: result.note,
    counts: result.outcome.counts,
  };
}

function benignNode(result: BenignResult): object {
  return {
    path: result.path,
    hours: result.outcome.hours,
    counts: result.outcome.counts,
    ...(result.outcome.failed !== undefined && { failed: result.outcome.failed }),
    incidents: result.outcome.incidents.map(({ rank, severity, kind, title }) => ({ rank, severity, kind, title })),
  };
}

const CASE_HEAD = ['capture', 'truth', 'need', 'result', 'rank', 'severity', 'kind', 'incidents c/h/m/l/i'];
const BENIGN_HEAD = [
  'benign captures',
  'files',
  'hours',
  'c/h/m/l/i',
  'with medium+',
  'with high+',
  'medium+ per file',
  'medium+ per hour',
  'all per hour',
];

function caseRow(result: CaseResult): string[] {
  const { match } = result;
  return [
    basename(result.case.path),
    result.case.truth,
    result.case.need,
    result.verdict,
    match === undefined ? '-' : String(match.rank),
    match?.severity ?? '-',
    match?.kind ?? '-',
    inOneCell(result.outcome.counts),
  ];
}

const inOneCell = (counts: Counts): string =>
  [...SEVERITIES]
    .reverse()
    .map((severity) => counts[severity])
    .join('/');

function benignRow(name: string, { captures, hours, counts, withMedium, withHigh }: Alerts): string[] {
  const medium = counts.medium + counts.high + counts.critical;
  const all = medium + counts.low + counts.info;
  const per = (n: number, of: number): string => (of === 0 ? '-' : (n / of).toFixed(2));
  return [
    name,
    String(captures),
    hours.toFixed(2),
    inOneCell(counts),
    String(withMedium),
    String(withHigh),
    per(medium, captures),
    per(medium, hours),
    per(all, hours),
  ];
}

function benignRows(summary: Summary): string[][] {
  return [...Object.entries(summary.groups), ['all benign', summary.allBenign] as const]
    .filter(([, group]) => group.captures > 0)
    .map(([name, group]) => benignRow(name, group));
}

function conclusions(summary: Summary): string[] {
  return [
    `required cases: found ${summary.found} of ${summary.required}, ranked first ${summary.first} of ${summary.required}`,
    `wanted cases: found ${summary.wantedFound} of ${summary.wanted}`,
    `benign captures with high or critical: ${summary.allBenign.withHigh} of ${summary.allBenign.captures}`,
  ];
}

function print(cases: readonly CaseResult[], benign: readonly BenignResult[], summary: Summary): void {
  console.log(textTable(CASE_HEAD, cases.map(caseRow), [0, 1, 2, 3, 5, 6]));
  const unsure = cases.filter((one) => one.verdict !== 'found first' && one.note !== '');
  if (unsure.length > 0)
    console.log(
      `\nWhere it is not found first:\n${unsure.map((one) => `  ${basename(one.case.path)}: ${one.verdict}: ${one.note}`).join('\n')}`,
    );
  console.log(`\n${textTable(BENIGN_HEAD, benignRows(summary), [0])}`);
  const loud = benign.flatMap((one) =>
    one.outcome.incidents
      .filter((incident) => severityRank(incident.severity) >= severityRank('medium'))
      .map(
        (incident) =>
          `  ${join(basename(dirname(one.path)), basename(one.path))}: ${incident.severity}: ${incident.kind}: ${incident.title}`,
      ),
  );
  if (loud.length > 0) console.log(`\nMedium or above on benign captures:\n${loud.join('\n')}`);
  console.log(`\n${conclusions(summary).join('\n')}`);
  for (const line of summary.skipped) console.log(`skipped: ${line}`);
  if (summary.violations.length > 0)
    console.log(`\nNot as it should be:\n${summary.violations.map((line) => `  ${line}`).join('\n')}`);
}

function markdown(cases: readonly CaseResult[], benign: readonly BenignResult[], summary: Summary): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
    [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');
  const kinds = new Map<string, number>();
  for (const { outcome } of benign)
    for (const incident of outcome.incidents) {
      const key = `${incident.kind} (${incident.severity})`;
      kinds.set(key, (kinds.get(key) ?? 0) + 1);
    }
  const kindRows = [...kinds].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([kind, n]) => [kind, String(n)]);
  return `<!-- Written by \`npm run evaluate -- --markdown\`; do not edit. -->

# What it finds, and what it does not

\`anomalyst analyze\` with its defaults on real captures, one at a time. The truth is what the captures' own documentation says; the product does not know
it. "Required" cases must be found at rank 1; "quiet" ones must not be mistaken for something else; "wanted" ones are reported to show what is still
missed. Counts of incidents are critical/high/medium/low/info.

${table(CASE_HEAD, cases.map(caseRow))}

${conclusions(summary)
  .map((line) => `- ${line}`)
  .join('\n')}

## Benign captures

There is no long capture of a normal office among them, so a rate per hour speaks for these captures alone: the set-up of devices is busier and odder
than a day of their ordinary work.

${table(BENIGN_HEAD, benignRows(summary))}

${kindRows.length === 0 ? 'No incident of any severity.' : table(['incident on a benign capture', 'how often'], kindRows)}
`;
}

try {
  const cases = await eachOf(
    CASES.filter((one) => one.path.includes(flags.only)),
    2,
    evaluate,
  );
  const benign = await eachOf(
    benignCaptures().filter(({ path }) => path.includes(flags.only)),
    2,
    async ({ path, group }) => ({
      path,
      group,
      outcome: await analyze([join(DATA, path)]),
    }),
  );
  const summary = summarize(cases, benign);
  if (flags.json)
    console.log(JSON.stringify({ summary, cases: cases.map(caseNode), benign: benign.map(benignNode) }, null, 2));
  else print(cases, benign, summary);
  if (flags.markdown) {
    if (flags.only !== '') throw new Error('--markdown writes about all captures; leave --only out');
    writeFileSync(join(ROOT, 'docs', 'evaluation.md'), markdown(cases, benign, summary));
  }
  if (flags.check && summary.violations.length > 0) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
