import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection, Detector } from './detection.ts';
import {
  contradiction,
  createProtocolMismatchDetector,
  type ProtocolMismatchOptions,
  readableText,
  shellMarks,
} from './protocol-mismatch.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const isHome = (address: string): boolean => address.startsWith('10.');
const hex = (text: string): string => Buffer.from(text.slice(0, 16), 'latin1').toString('hex');

function detector(options: Partial<ProtocolMismatchOptions> = {}): Detector {
  return createProtocolMismatchDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<ProtocolMismatchOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const summary = (found: readonly Detection[]): string[] =>
  found.map(
    (d) => `${d.kind.slice('protocol-mismatch.'.length)} ${d.actor} > ${d.peers.join(' ')}:${d.port} ${d.score}`,
  );

let nextId = 1;
const flow = (port: number, more: FlowRecord = {}): FlowRecord => ({
  id: nextId++,
  startMs: T0,
  endMs: T0 + 10_000,
  durationMs: 10_000,
  protocol: 'tcp',
  initiator: '10.0.0.5',
  initiatorPort: 50_000,
  responder: '203.0.113.7',
  responderPort: port,
  initiatorPackets: 10,
  responderPackets: 8,
  initiatorPayloadBytes: 100,
  responderPayloadBytes: 3000,
  iatMeanMs: 600,
  outcome: 'answered',
  ...more,
});
const content = (port: number, service: string, more: FlowRecord = {}): FlowRecord =>
  flow(port, { service, serviceBasis: 'content', ...more });
const unknown = (port: number, client: string, server: string, more: FlowRecord = {}): FlowRecord =>
  flow(port, { initiatorFirstBytes: hex(client), responderFirstBytes: hex(server), ...more });

describe('a command shell', () => {
  it('behind the port of DNS is found, with what gives it away', () => {
    const [found, ...others] = detect([unknown(53, 'dir\n', 'Microsoft Windows [Version 10.0]')]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'protocol-mismatch.shell',
      actor: '10.0.0.5',
      peers: ['203.0.113.7'],
      port: 53,
      protocol: 'tcp',
      score: 0.99,
      flowCount: 1,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'The shell is at the responder: whoever connects to it can give commands.',
      'The first bytes of the responder are those of a command shell: its banner, its prompt or the answer to a first command.',
      'The first bytes of the initiator are a command that people type to look around.',
      'The initiator sends little at a time, at the pace of a person who types and reads.',
      'Port 53 is that of dns, and this is not dns.',
      '1 connection within 10 s carried 100 B from the initiator and 3 kB from the responder.',
      'The initiator is inside the home network, the responder outside.',
    ]);
  });

  it('that called out itself is told as the initiator’s', () => {
    const reverse = unknown(443, 'Microsoft Windows [Version', 'whoami\n', {
      initiatorPayloadBytes: 9000,
      responderPayloadBytes: 80,
    });
    const [found] = detect([reverse]);
    expect(found?.reasons[0]).toMatchObject({ name: 'protocol-mismatch.shell-side', value: 'initiator' });
    expect(found?.score).toBe(0.99);
  });

  it.each([
    ['a prompt and a command', 4444, 'id\n', 'uid=0(root) gid=0', ['shell 10.0.0.5 > 203.0.113.7:4444 0.95']],
    [
      'a command, the pace and the port of another',
      80,
      'ls -la\n',
      'total 48\ndrwxr-x',
      ['shell 10.0.0.5 > 203.0.113.7:80 0.65'],
    ],
    ['a command and the pace on a port of nobody', 4444, 'ls -la\n', 'total 48\ndrwxr-x', []],
    ['a prompt alone', 9999, 'hello\n', '$ ', ['shell 10.0.0.5 > 203.0.113.7:9999 0.6']],
    [
      'a line editor that sets its terminal',
      9999,
      'whoami\n',
      '\x1b[?2004hroot@h4',
      ['shell 10.0.0.5 > 203.0.113.7:9999 0.95'],
    ],
    [
      'a prompt after the title of its window',
      9999,
      'x\n',
      '\x1b]0;root@h4: ~\x07',
      ['shell 10.0.0.5 > 203.0.113.7:9999 0.6'],
    ],
    ['colours of a game', 9999, 'look\n', '\x1b[2J\x1b[1;31mWelcome', []],
    ['words that only begin like a command', 80, 'idle now\n', 'fine\n', []],
    ['bytes that are no text', 53, 'id\n', '\x00\x01\x02\x03', []],
  ])('%s', (_what, port, client, server, expected) => {
    expect(summary(detect([unknown(port, client, server)]))).toEqual(expected);
  });

  it('that echoes what is typed stands where more is said', () => {
    const echoed = (sent: number, returned: number): FlowRecord =>
      unknown(8080, 'whoami\r\n', 'whoami\n', { initiatorPayloadBytes: sent, responderPayloadBytes: returned });
    const [found] = detect([echoed(6600, 80)]);
    expect(found?.reasons[0]).toMatchObject({ name: 'protocol-mismatch.shell-side', value: 'initiator' });
    expect(found?.score).toBe(0.65);
    expect(detect([echoed(80, 6600)])[0]?.reasons[0]).toMatchObject({ value: 'responder' });
  });

  it('needs the points that the option asks for', () => {
    const one = [unknown(9999, 'hello\n', '$ ')];
    expect(detect(one, { minShell: 0.6 })).toHaveLength(1);
    expect(detect(one, { minShell: 0.61 })).toEqual([]);
  });

  it.each([
    ['least pace', { iatMeanMs: 50 }, { iatMeanMs: 49 }],
    ['greatest pace', { iatMeanMs: 60_000 }, { iatMeanMs: 60_001 }],
    ['typed bytes', { initiatorPayloadBytes: 1280 }, { initiatorPayloadBytes: 1281 }],
    ['length', { durationMs: 2000 }, { durationMs: 1999 }],
  ])('has a limit for the %s', (_what, inside, outside) => {
    const make = (more: FlowRecord): FlowRecord => unknown(9999, 'hello\n', '$ ', more);
    expect(detect([make(inside)])).toHaveLength(1);
    expect(detect([make(outside)])).toEqual([]);
  });

  it('is not seen in a protocol that is known, nor where one side is silent', () => {
    expect(detect([unknown(23, 'dir\n', '$ ', { service: 'telnet', serviceBasis: 'content' })])).toEqual([]);
    expect(detect([unknown(53, 'dir\n', '', { responderPayloadBytes: 0 })])).toEqual([]);
  });
});

describe('TLS on a port of no usual service', () => {
  const lookup = (answers: string, more: FlowRecord = {}): FlowRecord =>
    flow(53, {
      protocol: 'udp',
      responder: '10.0.0.1',
      service: 'dns',
      serviceBasis: 'content',
      dnsQuery: 'www.example.org',
      dnsAnswers: answers,
      ...more,
    });

  it('is found where nobody asked for a name', () => {
    const [found, ...others] = detect([content(4444, 'tls'), lookup('A 192.0.2.80')]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ kind: 'protocol-mismatch.service', actor: '10.0.0.5', port: 4444, service: 'tls' });
    expect(found?.score).toBe(0.45);
    expect(found?.reasons[0]?.sentence).toBe(
      'The content is tls, port 4444 is of no usual service, and nobody asked for a name: neither in the handshake nor of the DNS.',
    );
    expect(detect([content(4444, 'tls'), lookup('A 192.0.2.80')], { minScore: 0.46 })).toEqual([]);
  });

  it.each([
    ['was answered by the DNS', [content(4444, 'tls'), lookup('CNAME c2.example, A 203.0.113.7')]],
    [
      'was answered by the DNS to another, in the way of logs',
      [content(4444, 'tls'), lookup('203.0.113.7', { initiator: '10.0.0.6' }), lookup('192.0.2.1')],
    ],
    ['is named in the handshake', [content(4444, 'tls', { serverName: 'api.example' }), lookup('A 192.0.2.80')]],
    ['may have been named before', [content(4444, 'tls', { outcome: 'unknown' }), lookup('A 192.0.2.80')]],
    ['shows a certificate', [content(4444, 'tls', { certificateSubject: 'c2' }), lookup('A 192.0.2.80')]],
    ['is inside', [content(4444, 'tls', { responder: '10.0.0.7' }), lookup('A 192.0.2.80')]],
    ['says nothing', [content(4444, 'tls', { responderPayloadBytes: 0 }), lookup('A 192.0.2.80')]],
    [
      'answers in another protocol',
      [content(4444, 'tls', { responderFirstBytes: hex('HTTP/1.1') }), lookup('A 192.0.2.80')],
    ],
    ['has a port that pages are put at', [content(9443, 'tls'), lookup('A 192.0.2.80')]],
  ])('is left alone where the server %s', (_what, flows) => {
    expect(detect(flows)).toEqual([]);
  });

  it('says nothing where the client asks for no names, or more answers came than are remembered', () => {
    expect(detect([content(4444, 'tls')])).toEqual([]);
    expect(detect([content(4444, 'tls'), lookup('A 192.0.2.80', { initiator: '10.0.0.6' })])).toEqual([]);
    const flows = [content(4444, 'tls'), lookup('A 192.0.2.80'), lookup('A 192.0.2.81')];
    expect(detect(flows, { maxAddresses: 2 })).toHaveLength(1);
    expect(detect(flows, { maxAddresses: 1 })).toEqual([]);
    expect(detect([...flows, lookup('', { initiator: '10.0.0.6' })], { maxClients: 1 })).toHaveLength(1);
  });
});

describe('content on the port of another', () => {
  it.each([
    ['ssh', 443, 0.75],
    ['ssh', 53, 0.75],
    ['ssh', 3306, 0.6],
    ['rdp', 443, 0.75],
    ['tls', 53, 0.75],
    ['tls', 22, 0.75],
    ['tls', 80, 0.45],
    ['http', 443, 0.5],
    ['http', 25, 0.75],
    ['telnet', 80, 0.75],
    ['smb', 443, 0.75],
    ['ssh', 8080, 0.6],
    ['irc', 8000, 0.6],
    ['irc', 80, 0.75],
  ])('%s on port %i', (service, port, score) => {
    expect(summary(detect([content(port, service)]))).toEqual([`service 10.0.0.5 > 203.0.113.7:${port} ${score}`]);
  });

  it('is told in words, and the least of it can be left out', () => {
    const [found] = detect([content(443, 'ssh', { responderFirstBytes: hex('SSH-2.0-OpenSSH') })]);
    expect(found?.reasons[0]?.sentence).toBe('The content is ssh, and port 443 is that of tls.');
    expect(found?.service).toBe('ssh');
    expect(detect([content(80, 'tls')], { minScore: 0.46 })).toEqual([]);
  });

  it.each([
    [
      'TLS on its other ports',
      [
        content(8443, 'tls'),
        content(993, 'tls'),
        content(853, 'tls'),
        content(5223, 'tls'),
        content(8080, 'tls'),
        content(3389, 'tls'),
        content(25, 'tls'),
      ],
    ],
    [
      'HTTP on ports of programs that speak it',
      [
        content(8080, 'http'),
        content(3128, 'http'),
        content(5985, 'http'),
        content(9200, 'http'),
        content(631, 'http'),
      ],
    ],
    ['ports that say nothing', [content(2222, 'ssh'), content(50_001, 'http'), content(31_337, 'tls')]],
    [
      'calls, games and peers',
      [
        content(443, 'stun', { protocol: 'udp' }),
        content(3478, 'dtls', { protocol: 'udp' }),
        content(80, 'bittorrent'),
      ],
    ],
    ['the same protocol under another name', [content(139, 'smb'), content(3268, 'ldap'), content(25, 'ftp')]],
    ['mining, which has a detector of its own', [content(443, 'stratum')]],
    ['a proxy', [content(1080, 'ssh'), content(3128, 'tls')]],
    [
      'a port of the initiator that is somebody’s',
      [content(40_000, 'ssh', { initiatorPort: 8080, portService: 'http' })],
    ],
  ])('leaves alone %s', (_what, records) => {
    expect(detect(records)).toEqual([]);
  });

  it('leaves alone scanners, whom the server answers in its own protocol or with an error, or not at all', () => {
    expect(detect([content(22, 'http', { responderFirstBytes: hex('SSH-2.0-OpenSSH') })])).toEqual([]);
    expect(detect([content(443, 'http', { responderFirstBytes: hex('HTTP/1.1 400 Bad'), httpStatus: 400 })])).toEqual(
      [],
    );
    expect(
      detect([content(443, 'http', { responderFirstBytes: hex('HTTP/1.1 200 OK '), httpStatus: 200 })]),
    ).toHaveLength(1);
    expect(detect([content(22, 'tls', { responderPayloadBytes: 0 })])).toEqual([]);
  });

  it('looks at UDP on the port of DNS alone', () => {
    expect(
      summary(detect([content(53, 'smb', { protocol: 'udp' }), content(123, 'smb', { protocol: 'udp' })])),
    ).toEqual(['service 10.0.0.5 > 203.0.113.7:53 0.75']);
  });

  it('knows what contradicts a port', () => {
    expect(contradiction('tls', 'tls')).toBe(0);
    // These begin in plain text, also where they go on with TLS.
    expect(['ftp', 'pop3', 'imap'].map((service) => contradiction(service, 'tls'))).toEqual([0.6, 0.6, 0.6]);
    expect(contradiction('ftps', 'tls')).toBe(0);
    expect(contradiction('tls', 'modbus')).toBe(0);
    expect(contradiction('imaps', 'tls')).toBe(0);
    expect(contradiction('imaps', 'http')).toBe(0.5);
    // Prometheus asks hosts on the port of raw printing.
    expect(contradiction('printer', 'http')).toBe(0);
    expect(contradiction('printer', 'ssh')).toBeGreaterThan(0);
  });
});

describe('readable text where TLS belongs', () => {
  it('is found when both sides begin with it', () => {
    const [found] = detect([unknown(443, 'HELLO bot7 x86\n', 'TASK 17 wait\n')]);
    expect(found).toMatchObject({ kind: 'protocol-mismatch.plain-text', port: 443, score: 0.55 });
    expect(found?.reasons[0]?.sentence).toBe(
      'Both sides begin with readable text of no protocol that is known, and port 443 is that of tls, which begins with TLS.',
    );
  });

  it('is left alone on other ports, and where one side is no text or next to none', () => {
    expect(detect([unknown(5000, 'HELLO bot7 x86\n', 'TASK 17 wait\n')])).toEqual([]);
    expect(detect([unknown(443, 'HELLO bot7 x86\n', '\x16\x03\x01\x00')])).toEqual([]);
    expect(detect([unknown(443, 'HELLO bot7 x86\n', 'ok\n')])).toEqual([]);
    expect(detect([unknown(443, 'HELLO bot7 x86\n', 'TASK 17 wait\n')], { minScore: 0.56 })).toEqual([]);
  });

  it('reads first bytes as they are', () => {
    expect(readableText('48690a')).toBe('Hi\n');
    for (const odd of [undefined, '', '4', '4869ff', '00']) expect(readableText(odd)).toBeUndefined();
    expect(shellMarks(undefined, undefined)).toEqual({ side: undefined, hasBanner: false, hasCommand: false });
  });
});

describe('its state', () => {
  it('refuses pairs beyond the cap and counts them', () => {
    const d = detector({ maxCases: 20 });
    for (let block = 0; block < 5; block++)
      d.observe(
        flowTable(Array.from({ length: 50 }, (_, i) => content(443, 'ssh', { responder: `198.51.${block}.${i}` }))),
        NO_FEATURES,
      );
    expect(d.finish()).toHaveLength(20);
    expect(d.saturations()).toEqual([
      { detector: 'protocol-mismatch', what: 'pairs with traffic unlike their port', cap: 20, refused: 230 },
    ]);
  });

  it('says the same in any order of the flows', () => {
    const records = [
      unknown(53, 'dir\n', 'Microsoft Windows'),
      unknown(53, 'ls\n', 'total 8\n', { startMs: T0 + 5000 }),
      unknown(53, '$ ', 'whoami\n'),
      content(443, 'ssh'),
      content(443, 'http'),
      unknown(443, 'HELLO bot7\n', 'TASK 17\n'),
    ];
    const expected = detect(records);
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
    );
  });

  it('takes any first bytes and rows with anything missing', () => {
    const whole = unknown(53, 'dir\n', 'Microsoft Windows');
    fc.assert(
      fc.property(
        fc.subarray(Object.keys(whole) as (keyof FlowRecord)[]),
        fc.string({ maxLength: 32 }),
        (kept, bytes) => {
          const row = { ...Object.fromEntries(kept.map((name) => [name, whole[name]])), responderFirstBytes: bytes };
          for (const one of detect([row])) expect(one.score).toBeGreaterThan(0);
        },
      ),
    );
  });
});
