import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { runCli, temporaryFolder } from '../../../test/support/cli.ts';
import type { IncidentsDocument } from '../../report/index.ts';

const demo = fileURLToPath(new URL('../../../test/fixture/demo/office.pcap', import.meta.url));
const analysed = temporaryFolder();
let out: string;

function report(): IncidentsDocument {
  return JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')) as IncidentsDocument;
}

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli([...args, '--report', out]);
  const shown = `${stdout}${stderr}`.replaceAll(out, 'OUT').replace(/\d{4}-\d\d-\d\d(?= \()/g, 'DAY');
  return `${shown}exit ${code}\n`;
}

const calls = (): string => report().incidents.find(({ kind }) => kind === 'beacon.interval')?.id ?? '';

beforeEach(async () => {
  if (!fs.existsSync(path.join(analysed, 'incidents.json')))
    await runCli(['analyze', demo, '--out', analysed, '--quiet']);
  out = temporaryFolder();
  fs.cpSync(analysed, out, { recursive: true });
}, 60_000);

describe('feedback', () => {
  it('shows what it would hide, and writes nothing unless somebody says yes', async () => {
    const id = calls();
    expect(
      await run('feedback', id, 'benign'),
    ).toBe(`Incident 2 (${id}): 192.168.20.66 called 198.51.100.77 on port 443 (TLS) about every 10 s, 64 times in 10 min 33 s.
Rule s1: beacon of 192.168.20.66 to 198.51.100.77, port 443, until 2026-12-22.
It holds up to 728 flows an hour, 2 peers, ports 443, kinds beacon, names of example.org, 6330 bytes a flow, severity medium; beyond that, or from 2026-12-22 on, it hides nothing.
Gone from the report (1 incident):
  medium ${id} 192.168.20.66 called 198.51.100.77 on port 443 (TLS) about every 10 s, 64 times in 10 min 33 s.
Hidden in all: 1 detection; incidents: 2 before, 1 after.
nobody is there to ask: --yes says yes
nothing was written
exit 2
`);
    expect(fs.existsSync(path.join(out, 'suppressions.yaml'))).toBe(false);
    expect(report().incidents).toHaveLength(2);
  }, 60_000);

  it('rewrites the report at once, and the next analysis into the folder says what was hidden by which rule', async () => {
    const id = calls();
    expect(await run('feedback', id, 'benign', '--reason', 'time service', '--yes')).toContain(
      'written: OUT/suppressions.yaml, and the report in OUT\nexit 0\n',
    );
    const after = report();
    expect(after.incidents.map(({ kind }) => kind)).toEqual(['scan.block']);
    expect(after.run.feedback?.rules[0]).toMatchObject({ rule: 's1', reason: 'time service', hidden: 1, incidents: 1 });
    const html = fs.readFileSync(path.join(out, 'report.html'), 'utf8');
    expect(html).toContain('Rule s1 of ');
    expect(await run('replay', '1')).toContain('identical, byte for byte\nexit 0\n');
    const rewritten = fs.readFileSync(path.join(out, 'incidents.json'), 'utf8');
    const { stdout } = await runCli(['analyze', demo, '--out', out]);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      '(beacon of 192.168.20.66 to 198.51.100.77, port 443, until 2026-12-22; time service): hidden: 1 detection, 1 incident whole.',
    );
    expect(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')).toBe(rewritten);
    // What was hidden can be named again, and taken back.
    expect(await run('feedback', id, 'malicious', '--yes')).toContain('Labelled malicious: no rule hides it.');
    expect(report().incidents.find((one) => one.id === id)?.label).toBe('malicious');
  }, 60_000);

  it('takes a rule away again, lists what there is, and names what is wrong', async () => {
    await run('feedback', calls(), 'benign', '--yes', '--scope', 'detector,source', '--expires', '7d');
    expect(await run('feedback')).toContain('  s1  beacon of 192.168.20.66, until 2026-11-29\n');
    expect(await run('feedback', '--remove', 's2')).toBe(
      "error: OUT/suppressions.yaml has no rule s2\n  did you mean 's1'?\nexit 2\n",
    );
    expect(await run('feedback', '--remove', 's1', '--yes')).toContain('New in the report (1 incident):');
    expect(report().incidents).toHaveLength(2);
    // The search of the first incident has hundreds of peers, the guessing beside it one.
    expect(await run('feedback', '1', 'benign')).toContain(
      `Rule s2: brute-force of 192.168.20.66 to 192.168.20.10, port 22, until 2026-12-22.
It holds up to 276 flows an hour, 2 peers, ports 22, kinds brute-force.login,`,
    );
    expect(await run('feedback', '1', 'bening')).toBe(
      "error: unknown label 'bening'\n  for example anomalyst feedback 1 benign; labels are benign and malicious\nexit 2\n",
    );
    expect(await run('feedback', '1', 'benign', '--scope', 'detector,source,port')).toBe(
      "error: --scope port: the incident can't be bound to it, because it is about no single port\n  leave it out\nexit 2\n",
    );
    expect(await run('feedback', calls(), 'benign', '--scope', 'detector')).toBe(
      'error: the scope names no host: the rule would hide this of everybody\n  add source, destination or organisation to --scope\nexit 2\n',
    );
  }, 60_000);
});

describe('show', () => {
  it('prints an incident in full, writes it into a folder with its packets, and gives it as JSON', async () => {
    const text = await run('show', '1');
    for (const heading of ['What happened', 'What to do first', 'How severe', 'ATT&CK', 'Detections', 'Evidence'])
      expect(text).toContain(`\n${heading}\n`);
    expect(text).toContain('   +30  A search for open ports of several hosts\n');
    expect(text).toContain('=97  critical (low from 20, medium from 40, high from 60, critical from 85)\n');
    const ticket = path.join(out, 'ticket');
    expect(await run('show', '2', '--out', ticket)).toContain(
      'written: incident.txt and incident.json in OUT/ticket\n',
    );
    expect(fs.readdirSync(ticket).sort()).toEqual(['incident.json', 'incident.txt', 'packets.pcapng']);
    const { stdout } = await runCli(['flows', path.join(ticket, 'packets.pcapng'), '--format', 'ndjson', '--quiet']);
    const pairs = new Set(
      stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { responder: string }).responder),
    );
    expect([...pairs]).toEqual(['198.51.100.77']);
    const { stdout: json } = await runCli(['show', '2', '--json', '--report', out]);
    expect(JSON.parse(json)).toEqual(report().incidents[1]);
  }, 60_000);

  it('says that a capture is not the one that was analysed', async () => {
    const capture = path.join(out, 'some.pcap');
    fs.copyFileSync(demo, capture);
    await runCli(['analyze', capture, '--out', out, '--quiet']);
    fs.copyFileSync(path.join(path.dirname(demo), '..', 'tunnel', 'gre-pptp.pcap'), capture);
    expect(await run('show', '2', '--pcap', path.join(out, 'calls.pcap'), '--quiet')).toBe(
      'error: OUT/some.pcap is not what it was when the report was made, so these need not be the packets of the incident\n  put the capture back that was analysed, or analyze again\nexit 2\n',
    );
  }, 60_000);
});

describe('an alert budget', () => {
  it('holds back what is beyond it, and says so', async () => {
    const { stdout } = await runCli(['analyze', demo, '--out', out, '--alert-budget', '1/week']);
    expect(stdout).toContain('Held back by the alert budget: it is no alert.');
    expect(report().run.alerts).toEqual({ budget: '1/week', alerts: 1, heldBack: 1, leastShown: 97, mostHeldBack: 56 });
    expect(report().incidents.map(({ heldBack }) => heldBack)).toEqual([undefined, true]);
    const { code, stderr } = await runCli(['analyze', demo, '--out', out, '--alert-budget', '3/month']);
    expect([code, stderr]).toEqual([
      2,
      'error: --alert-budget 3/month: expected a number of alerts and a time\n  for example --alert-budget 3/week; also /day and /hour\n',
    ]);
  }, 60_000);
});
