import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../core/index.ts';
import { BaselineFile, diffBaselines } from './file.ts';
import { baselineJsonSchemaText } from './schema.ts';

const OFFICE = `# The office, kept by Ada.
version: 1
timeZone: Europe/Berlin
devices:
  # In the corridor.
  - name: printer
    mac: 3C-2A-F4-11-22-33   # on the label
    role: printer
    services: [ipp/631, tcp/9100]
    peers: [home]
  - {vendorPrefix: 'b8:27:eb', ip: 192.168.10.0/24, owner: lab, expires: '2026-12-31'}
protocols:
  network: [IPv4, ICMPv6]
  application:
    - DNS # of the router
    - {name: TLS, reason: web}
`;

function message(text: string): string {
  try {
    BaselineFile.parse(text, 'b.yaml');
    return 'no error';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.message} | ${error.hint}`;
  }
}

test.each([
  ['version: 2', 'b.yaml:1:10: version: expected 1 | see docs/baseline.md'],
  ['devices: []', "b.yaml:1:1: the key 'version' is missing | see docs/baseline.md"],
  ['version: 1\ndevises: []', "b.yaml:2:1: devises: unknown key | did you mean 'devices'?"],
  [
    'version: 1\ndevices:\n  - nmae: x\n    ip: 10.0.0.1',
    "b.yaml:3:5: devices[0].nmae: unknown key | did you mean 'name'?",
  ],
  [
    'version: 1\ndevices:\n  - name: x',
    'b.yaml:3:5: devices[0]: a device needs mac, vendorPrefix or ip | see docs/baseline.md',
  ],
  [
    'version: 1\ndevices:\n  - mac: 001122334455',
    "b.yaml:3:10: devices[0].mac: expected text, and this is a number | put it in quotes, as in '001122334455'",
  ],
  [
    'version: 1\ndevices:\n  - mac: 3c:52:82:01:02',
    "b.yaml:3:10: devices[0].mac: expected a MAC, as in '3c:52:82:01:02:03' | see docs/baseline.md",
  ],
  [
    'version: 1\ndevices:\n  - ip: [10.0.0.1, 10.0.0.0/64]',
    "b.yaml:3:20: devices[0].ip[1]: '10.0.0.0/64' is neither an address nor a network | as in '192.168.10.5' or '192.168.10.0/24'",
  ],
  [
    'version: 1\ndevices:\n  - ip: 10.0.0.1\n    expires: 2026-02-30',
    "b.yaml:4:14: devices[0].expires: no calendar has this day | for example '2026-12-31'",
  ],
  [
    'version: 1\ndevices:\n  - ip: 10.0.0.1\n    services: [shh]',
    "b.yaml:4:16: devices[0].services[0]: unknown protocol 'shh' | did you mean 'SSH'?",
  ],
  [
    'version: 1\ndevices:\n  - { name: nas, ip: 10.0.0.1 }\n  - { ip: 10.0.0.2, peers: [nsa] }',
    "b.yaml:4:29: devices[1].peers[0]: 'nsa' is no address, no device of this baseline and no domain | did you mean 'nas'?",
  ],
  [
    'version: 1\ndevices:\n  - { ip: 10.0.0.2, hours: mon-fri 8-17 }',
    "b.yaml:3:28: devices[0].hours: expected days, whole hours or both, as in 'mon-fri 07:00-19:00', 'sat' or '22:00-06:00' | see docs/baseline.md",
  ],
  [
    'version: 1\nprotocols: { network: [DNS] }',
    "b.yaml:2:24: protocols.network[0]: 'DNS' is no protocol of the layer network | write it under protocols.application",
  ],
  [
    'version: 1\nprotocols: { application: [{ name: QIUC }] }',
    "b.yaml:2:36: protocols.application[0].name: unknown protocol 'QIUC' | did you mean 'QUIC'?",
  ],
  [
    'version: 1\ntimeZone: Europe/Berln',
    "b.yaml:2:11: timeZone: 'Europe/Berln' is no time zone | did you mean 'Europe/Berlin'?",
  ],
  [
    'version: [1',
    'b.yaml:1:12: Flow sequence in block collection must be sufficiently indented and end with a ] | mend the YAML there',
  ],
])('a mistake is told with its place and what would be right: %j', (text, expected) => {
  expect(message(text)).toBe(expected);
});

test('names of older tools and of people mean the same protocols', () => {
  expect(
    message('version: 1\nprotocols: { network: [ipv6-icmp, ICMP6, igmp, ip-253], link: [EAPOL, STP, lldp, "0x88cc"] }'),
  ).toBe('no error');
  expect(
    message("version: 1\nprotocols: { application: [https, HTTP/2, http/3, 'tcp/9100', udp/5000-5010, unrecognised] }"),
  ).toBe('no error');
  expect(message('version: 1\nprotocols: { application: [http/9] }')).toContain('http/9');
});

test('whatever the text, the answer is a baseline or a sentence', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.nat({ max: OFFICE.length }), (noise, at) => {
      message(noise);
      message(OFFICE.slice(0, at) + noise + OFFICE.slice(at));
      message(OFFICE.slice(0, at));
    }),
    { numRuns: 200 },
  );
});

test('deep nesting and aliases that unfold end in a sentence', () => {
  expect(message(`version: ${'['.repeat(20_000)}`)).toMatch(/^b\.yaml/);
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: *z`;
  expect(message(bomb)).toMatch(/^b\.yaml/);
});

test('what was learned is added as proposals, and what stands in the file stays as it was written', () => {
  const file = BaselineFile.parse(OFFICE, 'b.yaml');
  const change = file.propose({
    version: 1,
    devices: [
      {
        name: 'printer',
        mac: '3c:2a:f4:11:22:33',
        services: ['ipp/631', 'ssh/22'],
        peers: ['10.9.9.9'],
        status: 'proposed',
      },
      {
        name: 'cam',
        mac: '00:11:22:33:44:55',
        ip: '192.168.10.7',
        services: ['rtsp/554'],
        peers: [],
        status: 'proposed',
      },
    ],
    protocols: { link: [{ name: 'LLDP', status: 'proposed' }], application: [{ name: 'dns', status: 'proposed' }] },
  });
  expect(change).toEqual({ added: 3, widened: 0 });
  // Every line of the old file is there, in its order.
  let at = -1;
  for (const line of OFFICE.trimEnd()
    .split('\n')
    .filter((text) => !text.includes('#') || text.startsWith('#'))) {
    const next = file.text.indexOf(line.trim(), at);
    expect([line, next >= Math.max(0, at)]).toEqual([line, true]);
    at = next;
  }
  expect(file.text).toContain('# on the label');
  expect(file.text).toContain('# of the router');
  expect(file.content.devices?.slice(2)).toEqual([
    { name: 'printer', mac: '3c:2a:f4:11:22:33', services: ['ssh/22'], peers: ['10.9.9.9'], status: 'proposed' },
    {
      name: 'cam',
      mac: '00:11:22:33:44:55',
      ip: '192.168.10.7',
      services: ['rtsp/554'],
      peers: [],
      status: 'proposed',
    },
  ]);
  expect(BaselineFile.parse(file.text, 'b.yaml').content).toEqual(file.content);
});

test('a second run of the same learning changes nothing', () => {
  const learned = {
    version: 1 as const,
    devices: [{ mac: '00:11:22:33:44:55', services: ['rtsp/554'], peers: ['home'], status: 'proposed' as const }],
    protocols: { link: [{ name: 'ARP', status: 'proposed' as const }] },
  };
  const file = BaselineFile.parse(OFFICE, 'b.yaml');
  file.propose(learned);
  const text = file.text;
  expect(file.propose(learned)).toEqual({ added: 0, widened: 0 });
  expect(file.text).toBe(text);
  expect(
    file.propose({ ...learned, devices: [{ mac: '00:11:22:33:44:55', services: ['http/80'], status: 'proposed' }] }),
  ).toEqual({
    added: 0,
    widened: 1,
  });
  expect(file.content.devices?.at(-1)?.services).toEqual(['rtsp/554', 'http/80']);
});

test('an approved proposal of a known device is joined to its entry, a stranger becomes an entry', () => {
  const file = BaselineFile.parse(OFFICE, 'b.yaml');
  file.propose({
    version: 1,
    devices: [
      { mac: '3c:2a:f4:11:22:33', services: ['ssh/22'], peers: ['10.9.9.9'], status: 'proposed' },
      { name: 'cam', mac: '00:11:22:33:44:55', status: 'proposed' },
    ],
    protocols: { link: [{ name: 'LLDP', status: 'proposed' }] },
  });
  expect(file.approve(['3C2A.F411.2233', 'CAM', 'lldp'])).toEqual([
    'device 3c:2a:f4:11:22:33',
    'device cam',
    'protocol LLDP',
  ]);
  const { devices = [], protocols } = file.content;
  expect(devices.length).toBe(3);
  expect(devices[0]?.services).toEqual(['ipp/631', 'tcp/9100', 'ssh/22']);
  expect(devices[0]?.peers).toEqual(['home', '10.9.9.9']);
  expect(devices[2]).toEqual({ name: 'cam', mac: '00:11:22:33:44:55' });
  expect(protocols?.link).toEqual(['LLDP']);
  expect(file.text).toContain('# In the corridor.');
});

test('a name that is no proposal is refused with the nearest one', () => {
  const file = BaselineFile.parse(OFFICE, 'b.yaml');
  file.propose({ version: 1, devices: [{ name: 'camera-1', mac: '00:11:22:33:44:55', status: 'proposed' }] });
  expect(() => file.approve(['camera1'])).toThrow("b.yaml: no proposal is called 'camera1'");
  expect(() => file.reject(['camera1'])).toThrow("b.yaml: no proposal is called 'camera1'");
  expect(file.reject(['CAMERA-1'])).toBe(1);
  expect(file.content).toEqual(BaselineFile.parse(OFFICE, 'b.yaml').content);
});

test('what is approved already is neither approved nor taken away again', () => {
  const file = BaselineFile.parse(OFFICE, 'b.yaml');
  const refused = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return error instanceof UserError ? [error.message, error.hint] : error;
    }
  };
  expect(refused(() => file.reject(['3C:2A:F4:11:22:33']))).toEqual([
    "b.yaml: '3C:2A:F4:11:22:33' is approved, and nothing about it waits",
    'take its entry out of the file to forget it',
  ]);
  expect(refused(() => file.approve(['icmpv6']))).toEqual([
    "b.yaml: 'icmpv6' is approved, and nothing about it waits",
    'there is nothing to do',
  ]);
});

test('a difference is one of meaning, by device and by key', () => {
  const a = BaselineFile.parse(OFFICE, 'a.yaml').content;
  const same = OFFICE.replace('3C-2A-F4-11-22-33', '3c:2a:f4:11:22:33')
    .replace('[ipp/631, tcp/9100]', '[tcp/9100, IPP/631]')
    .replace('# The office', '# Another');
  expect(diffBaselines(a, BaselineFile.parse(same, 'b.yaml').content)).toEqual([]);
  const b = BaselineFile.parse(
    OFFICE.replace('tcp/9100', 'ssh/22')
      .replace('role: printer', 'role: server')
      .replace('ICMPv6', 'IGMP')
      .replace(/ {2}- \{vendor.*\n/, ''),
    'b.yaml',
  ).content;
  expect(diffBaselines(a, b)).toEqual([
    {
      change: 'changed',
      what: 'device printer',
      details: ['role: printer -> server', 'services: ssh/22 added; tcp/9100 removed'],
    },
    {
      change: 'removed',
      what: 'device b8:27:eb',
      details: ['prefix b8:27:eb, 192.168.10.0/24, owner lab, until 2026-12-31, approved'],
    },
    { change: 'added', what: 'protocol IGMP (network)', details: ['approved'] },
    { change: 'removed', what: 'protocol ICMPv6 (network)', details: [] },
  ]);
});

test('the schema in the repository is the one that files are checked with', () => {
  expect(readFileSync(new URL('../../../schema/baseline.schema.json', import.meta.url), 'utf8')).toBe(
    baselineJsonSchemaText(),
  );
});
