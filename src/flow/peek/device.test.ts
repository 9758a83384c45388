import * as fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NO_TIMEOUTS, runCapture } from '../../../test/support/capture.ts';
import { cutAt, cutEvery, type DialogOptions, dialog, type Turn } from '../../../test/support/dialog.ts';
import { flowsFrom, hexBytes, type TestFrame, udp } from '../../../test/support/frames.ts';
import { Random } from '../../core/index.ts';
import {
  encodeBitTorrent,
  encodeDhtQuery,
  encodeModbus,
  encodeMqttConnack,
  encodeMqttConnect,
  encodeMqttPublish,
  encodeMqttSubscribe,
  encodeSip,
  encodeStratum,
  encodeSyslog,
  encodeTftpRequest,
} from '../../wire/index.ts';
import type { FlowRecord } from '../schema.ts';

const COLUMNS = ['service', 'serviceBasis', 'user', 'login', 'client', 'server', 'operations'] as const;
const HASH = '0123456789abcdef0123456789abcdef01234567';

function said(flow: FlowRecord | undefined): string {
  return COLUMNS.map((name) => flow?.[name] ?? '-').join(' | ');
}

function saidOf(port: number, turns: readonly Turn[], options: DialogOptions = {}): string {
  const flows = flowsFrom(dialog(port, turns, options));
  expect(flows.length).toBe(1);
  return said(flows[0]);
}

/** Datagrams between two hosts, the client's from a port of its own. */
function datagrams(port: number, turns: readonly Turn[]): TestFrame[] {
  const client = '10.0.0.1:40000';
  const server = `10.0.0.2:${port}`;
  return turns.map(([from, payload], i) =>
    udp(i, from === '>' ? client : server, from === '>' ? server : client, payload),
  );
}

function saidByDatagrams(port: number, turns: readonly Turn[]): string {
  const flows = flowsFrom(datagrams(port, turns));
  expect(flows.length).toBe(1);
  return said(flows[0]);
}

const register = (headers: readonly (readonly [string, string])[] = []): Uint8Array =>
  encodeSip('REGISTER sip:pbx.example SIP/2.0', [
    ['From', '<sip:201@pbx.example>;tag=1'],
    ['To', '<sip:201@pbx.example>'],
    ['CSeq', '1 REGISTER'],
    ['User-Agent', 'Phone 1.0'],
    ...headers,
    ['Content-Length', '0'],
  ]);
const CREDENTIALS = [
  ['Authorization', 'Digest username="201", realm="x", response="00112233445566778899aabbccddeeff"'],
] as const;
const answer = (line: string, method = 'REGISTER'): Uint8Array =>
  encodeSip(`SIP/2.0 ${line}`, [
    ['To', '<sip:201@pbx.example>'],
    ['CSeq', `1 ${method}`],
    ['Server', 'PBX 13'],
    ['Content-Length', '0'],
  ]);

const MODBUS: readonly Turn[] = [
  ['>', encodeModbus({ transaction: 1, function: 3, data: [0, 0, 0, 2] })],
  ['<', encodeModbus({ transaction: 1, function: 3, data: [4, 0, 1, 0, 2] })],
  ['>', encodeModbus({ transaction: 2, function: 3, data: [0, 0, 0, 2] })],
  ['<', encodeModbus({ transaction: 2, function: 3, data: [4, 0, 1, 0, 2] })],
  ['>', encodeModbus({ transaction: 3, function: 16, data: [0, 4, 0, 1, 2, 0, 9] })],
  ['<', encodeModbus({ transaction: 3, function: 16, data: [0, 4, 0, 1] })],
];
const MQTT: readonly Turn[] = [
  ['>', encodeMqttConnect({ clientId: 'sensor-7', user: 'iot', password: 'hunter2' })],
  ['<', encodeMqttConnack(0)],
  ['>', encodeMqttSubscribe(['cmd/#'])],
  ['>', encodeMqttPublish('temp/1', new Uint8Array(20))],
  ['>', encodeMqttPublish('temp/1', new Uint8Array(20))],
];
const INVITE = encodeSip(
  'INVITE sip:0044123@pbx.example SIP/2.0',
  [
    ['From', '<sip:201@pbx.example>'],
    ['To', '<sip:0044123@pbx.example>'],
    ['CSeq', '2 INVITE'],
    ['Content-Length', '34'],
  ],
  'v=0\r\nm=audio 4000 RTP/AVP 0\r\na=x\r\n',
);
const SIP: readonly Turn[] = [
  ['>', register()],
  ['<', answer('401 Unauthorized')],
  ['>', register(CREDENTIALS)],
  ['<', answer('200 OK')],
  ['>', INVITE],
  ['<', answer('603 Declined', 'INVITE')],
];
const STRATUM: readonly Turn[] = [
  ['>', encodeStratum([{ id: 1, method: 'mining.subscribe', params: ['cpuminer/2.5'] }])],
  ['<', encodeStratum([{ id: 1, result: [[['mining.notify', 'x']], 'abcd', 4], error: null }])],
  ['>', encodeStratum([{ id: 2, method: 'mining.authorize', params: ['wallet.rig1', 'hunter2'] }])],
  ['<', encodeStratum([{ id: 2, result: true, error: null }])],
  ['>', encodeStratum([{ id: 3, method: 'mining.submit', params: ['wallet.rig1', 'job', 'a', 'b', 'c'] }])],
];

const TALKS: readonly (readonly [name: string, port: number, turns: readonly Turn[], expected: string])[] = [
  [
    'MQTT',
    8899,
    MQTT,
    'mqtt | content | iot | accepted | sensor-7 | - | password in clear, SUBSCRIBE cmd/#, PUBLISH temp/1',
  ],
  [
    'MQTT that is refused',
    1883,
    [
      ['>', encodeMqttConnect({ clientId: 'x', user: 'root', password: 'hunter2' })],
      ['<', encodeMqttConnack(5)],
    ],
    'mqtt | content | root | refused | x | - | password in clear',
  ],
  ['Modbus', 5020, MODBUS, 'modbus | content | - | - | - | - | read-holding-registers, write-multiple-registers'],
  [
    'SIP over TCP',
    5060,
    SIP,
    'sip | content | 201 | accepted | Phone 1.0 | PBX 13 | REGISTER, INVITE sip:0044123@pbx.example',
  ],
  [
    'a mining pool',
    443,
    STRATUM,
    'stratum | content | wallet.rig1 | accepted | cpuminer/2.5 | - | mining.subscribe, mining.authorize, mining.submit',
  ],
  [
    'BitTorrent',
    6881,
    [
      ['>', encodeBitTorrent({ infoHash: HASH })],
      ['<', encodeBitTorrent({ infoHash: HASH, peerId: '-TR3000-' })],
      ['>', new Uint8Array(400)],
    ],
    `bittorrent | content | - | - | qBittorrent 4.6.2.0 | Transmission 3.0.0.0 | handshake ${HASH}`,
  ],
  [
    'syslog',
    601,
    [['>', '<34>Oct 11 22:14:15 host su: failed\n<35>Oct 11 22:14:16 host su: failed\n']],
    'syslog | content | - | - | su | - | auth.crit',
  ],
];

describe('what devices say of a flow', () => {
  it.each(TALKS)('%s', (_, port, turns, expected) => {
    expect(saidOf(port, turns)).toBe(expected);
  });

  it.each(TALKS)('%s, in segments of one byte, of three and of seven', (name, port, turns, expected) => {
    // A line of syslog has no end that every sender writes, so the first segment has to hold the header.
    const sizes = name === 'syslog' ? [40] : [1, 3, 7];
    for (const size of sizes) expect(saidOf(port, turns, { cut: cutEvery(size) }), `size ${size}`).toBe(expected);
  });

  it('Modbus and SIP are the same wherever their segments are cut', () => {
    for (let at = 1; at < 13; at++)
      expect(saidOf(502, MODBUS, { cut: cutAt(at) }), `at ${at}`).toBe(TALKS[2]?.[3].replace('5020', '502'));
    for (let at = 1; at < 300; at += 3) expect(saidOf(5060, SIP, { cut: cutAt(at) }), `at ${at}`).toBe(TALKS[3]?.[3]);
  });

  it('a write in the thousandth request of a long Modbus connection is told', () => {
    const turns: Turn[] = [];
    for (let i = 0; i < 999; i++) turns.push(['>', encodeModbus({ transaction: i, function: 3, data: [0, 0, 0, 2] })]);
    turns.push(['>', encodeModbus({ transaction: 1000, function: 5, data: [0, 1, 0xff, 0] })]);
    expect(saidOf(502, turns)).toBe('modbus | content | - | - | - | - | read-holding-registers, write-single-coil');
  });

  it('what is no Modbus on port 502 stays a guess', () => {
    expect(saidOf(502, [['>', new Uint8Array(200).fill(7)]])).toBe('modbus | port | - | - | - | - | -');
  });

  it('SIP over UDP, with what keeps the way open between the messages', () => {
    const turns: Turn[] = [['>', '\r\n\r\n'], ...SIP.slice(0, 2), ['>', hexBytes('00000000')], ...SIP.slice(2)];
    expect(saidByDatagrams(5060, turns)).toBe(TALKS[3]?.[3]);
    expect(saidByDatagrams(15060, SIP)).toBe(TALKS[3]?.[3]);
  });

  it('a registration is refused when credentials were sent and not when they were asked for', () => {
    expect(saidByDatagrams(5060, SIP.slice(0, 2))).toBe('sip | content | - | - | Phone 1.0 | PBX 13 | REGISTER');
    expect(saidByDatagrams(5060, [...SIP.slice(0, 3), ['<', answer('401 Unauthorized')]])).toBe(
      'sip | content | 201 | refused | Phone 1.0 | PBX 13 | REGISTER',
    );
    expect(
      saidByDatagrams(5060, [
        ['>', register()],
        ['<', answer('404 Not Found')],
      ]),
    ).toBe('sip | content | 201 | refused | Phone 1.0 | PBX 13 | REGISTER');
  });

  it('password guessing over SIP is followed to the one that succeeds', () => {
    const turns: Turn[] = [];
    for (let i = 0; i < 300; i++)
      turns.push(['>', register(CREDENTIALS)], ['<', answer(i === 290 ? '200 OK' : '403 No')]);
    expect(saidByDatagrams(5060, turns)).toMatch(/^sip \| content \| 201 \| accepted /);
  });

  it('TFTP tells files and whether they are read or written', () => {
    expect(saidByDatagrams(69, [['>', encodeTftpRequest({ operation: 'write', file: 'running-config' })]])).toBe(
      'tftp | content | - | - | - | - | write running-config',
    );
    expect(saidByDatagrams(69, [['>', 'hello']])).toBe('tftp | port | - | - | - | - | -');
  });

  it('syslog tells who logs, and facility and severity of the first messages', () => {
    const message = (priority: number): Turn => ['>', encodeSyslog({ priority, host: 'fw', application: 'sshd' })];
    expect(saidByDatagrams(514, [message(38), message(38), message(36)])).toBe(
      'syslog | content | - | - | sshd | - | auth.info, auth.warning',
    );
  });

  it('the distributed hash table of BitTorrent tells what is looked for', () => {
    expect(
      saidByDatagrams(51413, [
        ['>', encodeDhtQuery('ping')],
        ['>', encodeDhtQuery('get_peers', HASH)],
      ]),
    ).toBe(`bittorrent | content | - | - | uTorrent | - | ping, get_peers ${HASH}`);
  });

  it('no password is in any column', () => {
    for (const [name, port, turns] of TALKS) {
      const text = JSON.stringify(
        flowsFrom(dialog(port, turns)).map(({ initiatorFirstBytes: _, responderFirstBytes: __, ...flow }) => flow),
      );
      expect(text, name).not.toMatch(/hunter|00112233/);
    }
  });
});

describe('conversations that nobody means well with', () => {
  it('cut, mutated and mixed ones are told without an error, and within bounds', () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = new Random(seed);
      const [, port, turns] = TALKS[random.below(TALKS.length)]!;
      const [, , others] = TALKS[random.below(TALKS.length)]!;
      const mixed = turns.map((turn, i) => (random.below(6) === 0 ? (others[i] ?? turn) : turn));
      const isTcp = random.below(3) > 0;
      const frames = isTcp ? dialog(port, mixed, { cut: cutEvery(1 + random.below(60)) }) : datagrams(port, mixed);
      const head = isTcp ? 54 : 42;
      for (const frame of frames)
        for (let i = random.below(3); i > 0; i--)
          if (random.below(3) === 0 && frame.bytes.length > head)
            frame.bytes[head + random.below(frame.bytes.length - head)] = random.below(256);
      for (const flow of flowsFrom(frames.filter(() => random.below(20) !== 0)))
        for (const name of COLUMNS) expect((flow[name] ?? '').length, `seed ${seed}`).toBeLessThan(1400);
    }
  });

  it('topics without end fill their sixteen places and no more', () => {
    const turns: Turn[] = [['>', encodeMqttConnect({ clientId: 'x' })]];
    for (let i = 0; i < 300; i++) turns.push(['>', encodeMqttPublish(`${'t'.repeat(150)}/${i}`, new Uint8Array(1))]);
    const [flow] = flowsFrom(dialog(1883, turns));
    expect(flow?.operations?.split(', ').length).toBeLessThanOrEqual(16);
    expect(flow?.operations?.length).toBeLessThan(1400);
  });
});

describe('real connections, as tshark 4.0.17 sees them', () => {
  const flowsOf = (name: string): string[] => {
    const file = new URL(`../../../test/fixture/${name}`, import.meta.url);
    return runCapture(new Uint8Array(fs.readFileSync(file)), { flow: NO_TIMEOUTS }).flows.map(said);
  };

  it('MQTT: -Y mqtt -T fields -e mqtt.msgtype -e mqtt.clientid -e mqtt.username -e mqtt.conack.val -e mqtt.topic', () => {
    expect(flowsOf('session/mqtt.pcap').sort()).toEqual([
      'mqtt | content | - | - | - | - | PUBLISH topic1',
      'mqtt | content | - | - | - | - | PUBLISH topic3',
      'mqtt | content | - | - | - | - | SUBSCRIBE test/topic, PUBLISH topic4',
      'mqtt | content | - | - | xxx^666^xxx | - | PUBLISH topic2',
      'mqtt | content | username | refused | - | - | password in clear',
    ]);
  });

  it('SIP: nine REGISTER with sip.auth.username 6001, then 200 in frame 48', () => {
    expect(flowsOf('session/sip.pcap')).toContain(
      'sip | content | 6001 | accepted | friendly-scanner | - | INVITE sip:100@195.113.172.39, REGISTER',
    );
  });

  it('TFTP: -T fields -e tftp.opcode -e tftp.source_file', () => {
    expect(flowsOf('session/tftp.pcap')).toContain('tftp | content | - | - | - | - | read file1');
  });

  it('syslog: -T fields -e syslog.facility -e syslog.level', () => {
    expect(flowsOf('session/syslog_udp.pcap')).toEqual([
      'syslog | content | - | - | logger | - | kern.notice',
      'syslog | content | - | - | logger | - | user.alert',
      'syslog | content | - | - | - | - | user.notice, user.alert',
    ]);
  });

  it('BitTorrent: -Y bittorrent -T fields -e bittorrent.info_hash; BSYNC on the other port is another protocol', () => {
    expect(flowsOf('session/bt-tcp.pcap')).toEqual([
      `bittorrent | content | - | - | - | - | handshake ${'a'.repeat(40)}`,
      '- | - | - | - | - | - | -',
    ]);
    expect(flowsOf('arkime/bt-udp.pcap').sort()).toEqual([
      '- | - | - | - | - | - | -',
      'bittorrent | content | - | - | uTorrent | - | -',
      'bittorrent | content | - | - | uTorrent | - | find_node',
    ]);
  });
});
