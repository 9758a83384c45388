import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BaselineFile } from '../../detect/index.ts';
import { main } from '../main.ts';

let folder = '';

const at = (name: string): string => path.join(folder, name);

/** A small office for twenty minutes. */
const OFFICE = `name: tiny
start: 2026-03-02T09:00:00
duration: 20m
network:
  hosts:
    - { name: pc, role: workstation, count: 2 }
    - { name: nas, role: nas }
    - { name: printer, role: printer }
behavior: { callsPerDay: 0 }
`;

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const take =
    (where: 'out' | 'err') =>
    (text: unknown, done?: unknown): boolean => {
      said[where] += String(text).replaceAll(`${folder}/`, '');
      if (typeof done === 'function') done();
      return true;
    };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(take('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(take('err')),
  ];
  vi.stubEnv('NO_COLOR', '1');
  try {
    return { code: await main(args), ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
}

interface Found {
  readonly kind: string;
  readonly title: string;
  readonly severity: string;
}

async function analyze(capture: string, ...flags: string[]): Promise<Found[]> {
  expect((await run('analyze', capture, '--out', at('out'), '--quiet', ...flags)).code).toBe(0);
  return (JSON.parse(fs.readFileSync(at('out/incidents.json'), 'utf8')) as { incidents: Found[] }).incidents;
}

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'baseline-'));
  fs.writeFileSync(at('tiny.yaml'), OFFICE);
  const simulate = ['simulate', '--quiet', '--no-labels', '--scenario', at('tiny.yaml'), '--seed', '5'];
  await run(...simulate, '--out', at('usual.pcapng'));
  await run(...simulate, '--attack', 'new-device:scans=false,start=2m', '--out', at('strange.pcapng'));
  await run('baseline', 'learn', at('usual.pcapng'), '--out', at('learned.yaml'), '--quiet');
  fs.copyFileSync(at('learned.yaml'), at('b.yaml'));
  await run('baseline', 'approve', at('b.yaml'), '--all', '--quiet');
}, 60_000);

afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

describe('baseline', () => {
  it('learns proposals only: devices with names, addresses, roles, services and partners, and protocols by their names', () => {
    const { content } = BaselineFile.parse(fs.readFileSync(at('learned.yaml'), 'utf8'), 'learned.yaml');
    const { devices = [], protocols } = content;
    expect(devices.every(({ status, mac }) => status === 'proposed' && mac !== undefined)).toBe(true);
    expect(devices.map(({ name, role }) => `${name ?? '-'} ${role ?? '-'}`)).toEqual([
      '- router',
      'PC-01 computer',
      'PC-02 computer',
      'nas nas',
      'printer printer',
    ]);
    expect(devices.find(({ name }) => name === 'nas')?.services).toContain('smb/445');
    expect(protocols?.network).toEqual([{ name: 'IPv4', status: 'proposed' }]);
    expect(protocols?.application).toContainEqual({ name: 'TLS', status: 'proposed' });
    expect(protocols?.link).toEqual([{ name: 'ARP', status: 'proposed' }]);
  });

  it('is silent on the traffic that it was learned from, and proposals silence nothing', async () => {
    const kinds = (found: readonly Found[]): string[] =>
      found.map(({ kind }) => kind).filter((kind) => /^(?:new-|policy)/.test(kind));
    expect(kinds(await analyze(at('usual.pcapng'), '--baseline', at('b.yaml')))).toEqual([]);
    expect(fs.existsSync(at('out/anomalies.csv'))).toBe(false);
    expect(kinds(await analyze(at('strange.pcapng')))).toEqual([]);
    // Nothing is approved in it, so nothing is judged.
    expect(kinds(await analyze(at('strange.pcapng'), '--baseline', at('learned.yaml')))).toEqual([]);
  });

  it('finds a new device first, says what it is, and writes the sheet of anomalies with the conditions that fired', async () => {
    const [first] = await analyze(at('strange.pcapng'), '--baseline', at('b.yaml'));
    expect(first).toMatchObject({ kind: 'new-device.station', severity: 'medium' });
    expect(first?.title).toMatch(/ is a device that the baseline does not know; it talked to /);
    const [head, row] = fs.readFileSync(at('out/anomalies.csv'), 'utf8').split('\n');
    expect(head).toBe('PROTOCOL,SRCMAC,SRCMFG,SRCIP,SRCPORT,DSTMAC,DSTMFG,DSTIP,DSTPORT,CNT,NOTES');
    expect(row).toMatch(/,Raspberry Pi Foundation,.*source unknown/);
  });

  it('learns again into a file that was edited, and adds nothing that it knows', async () => {
    fs.writeFileSync(at('edited.yaml'), `# Mine.\n${fs.readFileSync(at('b.yaml'), 'utf8')}`);
    expect(await run('baseline', 'learn', at('usual.pcapng'), '--out', at('edited.yaml'))).toMatchObject({ code: 0 });
    expect(fs.readFileSync(at('edited.yaml'), 'utf8')).toMatch(/^# Mine\./);
    expect((await run('baseline', 'diff', at('b.yaml'), at('edited.yaml'))).out).toBe('No difference in meaning.\n');
    await run('baseline', 'learn', at('strange.pcapng'), '--out', at('edited.yaml'), '--quiet');
    const { code, out } = await run('baseline', 'diff', at('b.yaml'), at('edited.yaml'), '--exit-code');
    expect(code).toBe(3);
    expect(out).toMatch(/^\+ device kali \(b8:27:eb:/m);
    expect((await run('baseline', 'show', at('edited.yaml'), '--proposed')).out).toMatch(/^ {2}kali \| b8:27:eb/m);
    expect((await run('baseline', 'approve', at('edited.yaml'), 'kalli')).err).toBe(
      "error: edited.yaml: no proposal is called 'kalli'\n  did you mean 'kali'?\n",
    );
    expect((await run('baseline', 'approve', at('edited.yaml'), 'kali', '--reject')).err).toBe(
      '1 proposal taken away in edited.yaml\n',
    );
    const zone = ['--time-zone', 'Europe/Berlin'];
    expect((await run('baseline', 'learn', at('usual.pcapng'), '--out', at('edited.yaml'), ...zone)).err).toBe(
      'error: --time-zone Europe/Berlin: the hours in edited.yaml are of UTC\n  leave it out, or change timeZone in the file\n',
    );
  });

  it('exports nothing over what it reads', async () => {
    const before = fs.readFileSync(at('usual.pcapng'));
    for (const [out, flags] of [
      ['b.yaml', []],
      ['usual.pcapng', ['--anomalies-of', at('usual.pcapng')]],
    ] as const)
      expect(await run('baseline', 'export', at('b.yaml'), ...flags, '--out', at(out))).toMatchObject({
        code: 2,
        err: `error: --out ${out}: this is one of the inputs, and would be overwritten\n  give another name\n`,
      });
    expect(fs.readFileSync(at('usual.pcapng')).equals(before)).toBe(true);
  });

  it('shows all that an entry says, and what has expired by a day', async () => {
    fs.writeFileSync(
      at('shown.yaml'),
      `version: 1
devices:
  - {ip: 10.0.0.8, owner: lab, expires: '2026-12-31'}
  - {name: nas, ip: 10.0.0.9, services: [ssh/22], uses: [dns], peers: [], hours: 'mon-fri 07:00-19:00'}
protocols:
  application: [DNS, {name: SSH, expires: '2026-06-30'}, {name: FTP, reason: 'tried, never answered', status: proposed}]
`,
    );
    const show = async (...flags: string[]): Promise<string> =>
      (await run('baseline', 'show', at('shown.yaml'), ...flags)).out;
    expect(await show('--at', '2027-01-01')).toContain(
      `
Devices
  10.0.0.8 | owner lab | until 2026-12-31  EXPIRED
  nas | 10.0.0.9 | offers ssh/22 | uses dns | contacts nobody | mon-fri 07:00-19:00
Protocols
  application: DNS, SSH (until 2026-06-30) EXPIRED, FTP (proposed: tried, never answered)
`,
    );
    expect(await show('--at', '2026-12-31')).toContain('until 2026-12-31\n');
    expect(await show()).not.toContain('EXPIRED');
  });

  it('exports the content, devices a line each, the lists of older tools, and the connections that break it', async () => {
    fs.writeFileSync(
      at('small.yaml'),
      "version: 1\ndevices:\n  - {name: '=cmd', mac: 'b8:27:eb:01:02:03', ip: [10.0.0.1, 10.0.0.2]}\n  - {ip: 10.0.0.9, status: proposed}\nprotocols: {network: [ICMPv6], transport: [TCP]}\n",
    );
    expect((await run('baseline', 'export', at('small.yaml'), '--format', 'csv')).out.split('\n').slice(0, 2)).toEqual([
      'name,mac,vendorPrefix,ip,owner,role,importance,expires,services,uses,peers,hours,status,note',
      "'=cmd,b8:27:eb:01:02:03,,10.0.0.1 10.0.0.2,,,,,,,,,approved,",
    ]);
    expect((await run('baseline', 'export', at('small.yaml'), '--format', 'ouis')).out).toBe('B827EB\t=cmd\n');
    expect((await run('baseline', 'export', at('small.yaml'), '--format', 'protocols')).out).toBe('IPV6-ICMP\nTCP\n');
    const { code, err } = await run(
      'baseline',
      'export',
      at('b.yaml'),
      '--anomalies-of',
      at('strange.pcapng'),
      '--out',
      at('a.csv'),
    );
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/flows: source unknown\n(.|\n)* flows of \d[\d,]* in a\.csv\n$/),
    ]);
    expect(fs.readFileSync(at('a.csv'), 'utf8').split('\n')[0]).toBe(
      'PROTOCOL,SRCMAC,SRCMFG,SRCIP,SRCPORT,DSTMAC,DSTMFG,DSTIP,DSTPORT,CNT',
    );
    // The sheet is an input like any other.
    await run('baseline', 'learn', at('a.csv'), '--out', at('sheet.yaml'), '--quiet');
    const { devices = [] } = BaselineFile.parse(fs.readFileSync(at('sheet.yaml'), 'utf8'), 'sheet.yaml').content;
    expect(devices.map(({ mac }) => String(mac))).toContainEqual(expect.stringMatching(/^b8:27:eb/));
  });

  it('makes a table of vendors that devices and lookup take', async () => {
    fs.writeFileSync(at('manuf'), 'B8:27:EB\tRasp\tMy own board\n# comment\nnonsense\n');
    expect(
      (
        await run(
          'baseline',
          'oui',
          'update',
          at('manuf'),
          '--out',
          at('vendors.txt'),
          '--date',
          '2026-03-01',
          '--verbose',
        )
      ).err,
    ).toBe(
      'skipped: manuf:3\n2 lines: 1 block added, 1 skipped, 0 given twice; 1 block of 1 vendor in vendors.txt, as of 2026-03-01\n',
    );
    expect((await run('baseline', 'oui', 'lookup', 'B827EB010203', '--vendors', at('vendors.txt'))).out).toBe(
      'b8:27:eb:01:02:03\tMy own board\t/24\n',
    );
    expect((await run('baseline', 'oui', 'lookup', '70-b3-d5-f2-f1-23')).out).toBe(
      '70:b3:d5:f2:f1:23\tTELEPLATFORMS\t/36\n',
    );
    expect((await run('baseline', 'oui', 'lookup', 'zz')).err).toBe(
      'error: zz: no hardware address\n  for example 3c:52:82:01:02:03\n',
    );
    const { out } = await run(
      'devices',
      at('strange.pcapng'),
      '--vendors',
      at('vendors.txt'),
      '--baseline',
      at('b.yaml'),
      '--quiet',
    );
    expect(out).toMatch(/^kali\n {2}hardware {4}b8:27:eb:[0-9a-f:]{8}, My own board\n/m);
    expect(out).toContain('  baseline    not in it\n');
    expect(out).toContain('  baseline    approved: nas, importance 4\n');
  });
});

describe('devices', () => {
  it('prints the inventory as it stands in incidents.json', async () => {
    const { devices, deviceCount } = JSON.parse(
      (await run('devices', at('usual.pcapng'), '--json', '--quiet')).out,
    ) as {
      devices: { mac?: string; roles: { role: string }[] }[];
      deviceCount: number;
    };
    expect(deviceCount).toBe(5);
    expect(devices.map(({ roles }) => roles[0]?.role)).toEqual(['router', 'computer', 'computer', 'nas', 'printer']);
    await analyze(at('usual.pcapng'));
    expect((JSON.parse(fs.readFileSync(at('out/incidents.json'), 'utf8')) as { devices: unknown }).devices).toEqual(
      devices,
    );
  });

  it('says what is wrong with a baseline, with its place', async () => {
    fs.writeFileSync(at('bad.yaml'), 'version: 1\ndevices:\n  - mac: 12\n');
    expect(await run('devices', at('usual.pcapng'), '--baseline', at('bad.yaml'))).toMatchObject({
      code: 2,
      err: "error: bad.yaml:3:10: devices[0].mac: expected text, and this is a number\n  put it in quotes, as in '001122334455'\n",
    });
  });
});
