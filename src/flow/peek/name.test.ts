import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCapture } from '../../../test/support/capture.ts';
import { client, conversation, server, type Turn } from '../../../test/support/conversation.ts';
import { FlowLab, flowsFrom, type TestFrame, udp } from '../../../test/support/frames.ts';
import { Random } from '../../core/index.ts';
import {
  type DnsMessageFields,
  encodeDhcp,
  encodeDhcpv6,
  encodeDnsMessage,
  encodeDnsStream,
  encodeNetbiosDatagram,
  encodeNetbiosName,
  encodeNtp,
  encodeNtpControl,
  encodeNtpPrivate,
  encodeSnmp,
  encodeSsdp,
} from '../../wire/index.ts';
import type { FlowRecord } from '../schema.ts';

const COLUMNS = [
  'service',
  'dnsQuery',
  'dnsType',
  'dnsRcode',
  'dnsAnswers',
  'dnsTtl',
  'client',
  'server',
  'hostname',
  'user',
  'login',
  'operations',
] as const;

/** The columns that these peeks fill, those that are missing left out. */
function facts(flow: FlowRecord | undefined): Partial<FlowRecord> {
  return Object.fromEntries(
    COLUMNS.flatMap((name) => (flow?.[name] === undefined ? [] : [[name, flow[name]]])),
  ) as Partial<FlowRecord>;
}

type Said = readonly [side: '>' | '<', payload: Uint8Array];

const HERE = '10.0.0.5';
const THERE = '10.0.0.1';

function datagrams(port: number, said: readonly Said[], ours = 40_000): TestFrame[] {
  return said.map(([side, payload], i) =>
    side === '>'
      ? udp(i, `${HERE}:${ours}`, `${THERE}:${port}`, payload)
      : udp(i, `${THERE}:${port}`, `${HERE}:${ours}`, payload),
  );
}

const over = (port: number, said: readonly Said[], ours = 40_000): Partial<FlowRecord> =>
  facts(flowsFrom(datagrams(port, said, ours))[0]);

const query = (name: string, type = 1, fields: DnsMessageFields = {}): Uint8Array =>
  encodeDnsMessage({ id: 7, recursionDesired: true, questions: [{ name, type }], ...fields });
const answer = (
  name: string,
  answers: NonNullable<DnsMessageFields['answers']>,
  type = 1,
  fields: DnsMessageFields = {},
) => encodeDnsMessage({ id: 7, isResponse: true, questions: [{ name, type }], answers, ...fields });

/** Every truncation and many changed bytes of each payload; the frames must be taken without an exception and every flow must come out. */
function harmless(port: number, said: readonly Said[], ours = 40_000): void {
  const random = new Random(port);
  const lab = new FlowLab({ maxFlows: 8192 });
  let n = 0;
  const take = (payload: Uint8Array, side: Said[0]): void => {
    // A flow of its own for each: only the address differs.
    const from = `10.1.${n >> 8}.${n & 255}:${ours}`;
    n++;
    lab.take([side === '>' ? udp(0, from, `${THERE}:${port}`, payload) : udp(0, `${THERE}:${port}`, from, payload)]);
  };
  for (const [side, payload] of said) {
    for (let length = 1; length < payload.length; length += payload.length > 300 ? 7 : 1)
      take(payload.slice(0, length), side);
    for (let i = 0; i < 60; i++) {
      const damaged = payload.slice();
      for (let j = 0; j <= i % 5; j++) damaged[random.below(damaged.length)] = random.below(256);
      take(damaged, side);
    }
  }
  expect(lab.finish()).toHaveLength(n);
}

const WWW = answer('www.example.org', [
  { name: 'www.example.org', type: 5, ttl: 300, data: 'Web.example.org' },
  { name: 'web.example.org', type: 1, ttl: 20, data: '192.0.2.1' },
  { name: 'web.example.org', type: 1, ttl: 60, data: '192.0.2.255' },
]);

describe('DNS', () => {
  it('more types in one batch than are usual, each told of its own flow', () => {
    const types = Array.from({ length: 200 }, (_, i) => 1000 + i);
    const frames = types.map((type, i) => udp(i, `${HERE}:${30_000 + i}`, `${THERE}:53`, query('a.example', type)));
    const told = flowsFrom(frames).map(({ initiatorPort, dnsType }) => [initiatorPort, dnsType]);
    expect(told.sort()).toEqual(types.map((type, i) => [30_000 + i, `TYPE${type}`]));
  });

  it('answers are told as text with the least time to live', () => {
    expect(
      over(53, [
        ['>', query('www.Example.org')],
        ['<', WWW],
      ]),
    ).toEqual({
      service: 'dns',
      dnsQuery: 'www.example.org',
      dnsType: 'A',
      dnsRcode: 'NOERROR',
      dnsAnswers: 'CNAME web.example.org, A 192.0.2.1, A 192.0.2.255',
      dnsTtl: 20,
    });
  });

  it('types of every form are told, signatures only when they are asked for', () => {
    const records = [
      { name: 'x.org', type: 28, ttl: 9, data: '2001:db8::1' },
      { name: 'x.org', type: 16, ttl: 9, data: '"v=spf1 -all"' },
      { name: 'x.org', type: 15, ttl: 9, data: '10 mail.x.org' },
      { name: 'x.org', type: 2, ttl: 9, data: '' },
      { name: 'x.org', type: 46, ttl: 1, data: new Uint8Array(30) },
      { name: 'x.org', type: 1, ttl: 2, data: new Uint8Array(5) },
    ];
    const all = over(53, [
      ['>', query('x.org', 255)],
      ['<', answer('x.org', records, 255)],
    ]);
    expect(all.dnsAnswers).toBe(
      `AAAA 2001:db8::1, TXT "v=spf1 -all", MX 10 mail.x.org, NS ., RRSIG TYPE0 0 0 0 0 0 0 . ${'00'.repeat(11)}`,
    );
    expect(all.dnsTtl).toBe(1);
    const mail = over(53, [
      ['>', query('x.org', 15)],
      ['<', answer('x.org', records, 15)],
    ]);
    expect(mail.dnsAnswers).toBe('AAAA 2001:db8::1, TXT "v=spf1 -all", MX 10 mail.x.org, NS .');
    expect(mail.dnsTtl).toBe(9);
  });

  it('the answers are those of the first question, whichever comes first', () => {
    const six = answer('a.org', [{ name: 'a.org', type: 28, ttl: 1, data: '2001:db8::6' }], 28);
    const other = answer('b.org', [{ name: 'b.org', type: 1, ttl: 1, data: '192.0.2.66' }]);
    const four = answer('a.org', [{ name: 'a.org', type: 1, ttl: 50, data: '192.0.2.4' }]);
    expect(
      over(53, [
        ['>', query('a.org')],
        ['>', query('a.org', 28)],
        ['<', six],
        ['<', other],
        ['<', four],
      ]),
    ).toEqual({
      service: 'dns',
      dnsQuery: 'a.org',
      dnsType: 'A',
      dnsRcode: 'NOERROR',
      dnsAnswers: 'A 192.0.2.4',
      dnsTtl: 50,
    });
  });

  it('a response alone, bytes that must be escaped and the root are told', () => {
    expect(over(53, [['<', WWW]])).toMatchObject({ dnsQuery: 'www.example.org', dnsTtl: 20 });
    const odd = 'a\\000\\255\\046b.org';
    const odder = answer(odd, [{ name: odd, type: 5, ttl: 5, data: 'c\\032d.org' }]);
    expect(
      over(53, [
        ['>', query(odd)],
        ['<', odder],
      ]),
    ).toMatchObject({ dnsQuery: odd, dnsAnswers: 'CNAME c\\032d.org' });
    const root = answer('', [{ name: '', type: 2, ttl: 5, data: 'a.root-servers.net' }], 2);
    expect(
      over(53, [
        ['>', query('', 2)],
        ['<', root],
      ]),
    ).toMatchObject({ dnsType: 'NS', dnsAnswers: 'NS a.root-servers.net' });
  });

  it('answers are cut at 1,024 characters', () => {
    const answers = Array.from({ length: 60 }, (_, i) => ({
      name: 'x.org',
      type: 16,
      ttl: 60 + i,
      data: `"${'t'.repeat(90)}"`,
    }));
    const text =
      over(53, [
        ['>', query('x.org', 16)],
        ['<', answer('x.org', answers, 16)],
      ]).dnsAnswers ?? '';
    expect(text).toHaveLength(1025);
    expect(text.endsWith('t…') || text.endsWith('"…')).toBe(true);
  });

  it('without an answer there is none, and the code is told', () => {
    const said: Said[] = [
      ['>', query('no.such.host')],
      ['<', answer('no.such.host', [], 1, { rcode: 3 })],
    ];
    expect(over(53, said)).toEqual({ service: 'dns', dnsQuery: 'no.such.host', dnsType: 'A', dnsRcode: 'NXDOMAIN' });
  });

  it('further names from the same UDP port are operations, the same name again and for its other address is none', () => {
    expect(
      over(53, [
        ['>', query('a.org')],
        ['>', query('a.org', 28)],
        ['>', query('a.org')],
      ]).operations,
    ).toBeUndefined();
    const said: Said[] = [
      ['>', query('a.org')],
      ['<', answer('a.org', [], 1)],
      ['>', query('b.org', 16)],
      ['>', query('b.org', 16)],
      ['>', query('c.org')],
    ];
    expect(over(53, said)).toMatchObject({ dnsQuery: 'a.org', operations: 'A a.org, TXT b.org, A c.org' });
  });

  it('of long names of one UDP port beginning and end are told, 16 of them, and no more than 32 questions are looked at', () => {
    const long = (i: number): string => `${String(i).padStart(4, '0')}${'x'.repeat(59)}.${'y'.repeat(40)}.t.example`;
    const many = Array.from({ length: 40 }, (_, i): Said => ['>', query(long(i % 3), 10)]);
    const told = (i: number): string => `NULL ${long(i).slice(0, 12)}…${long(i).slice(-62)}`;
    expect(over(53, many).operations).toBe([0, 1, 2].map(told).join(', '));
    const names = Array.from({ length: 100 }, (_, i): Said => ['>', query(`n${i}.org`, 1)]);
    expect(over(53, names).operations?.split(', ')).toEqual(Array.from({ length: 16 }, (_, i) => `A n${i}.org`));
    const late = [...Array.from({ length: 32 }, (): Said => ['>', query('a.org')]), ['>', query('b.org')] as Said];
    expect(over(53, late).operations).toBeUndefined();
  });

  it('updates and notices are operations', () => {
    expect(over(53, [['>', query('corp.local', 6, { opcode: 5 })]]).operations).toBe('update corp.local');
    expect(over(53, [['>', query('corp.local', 6, { opcode: 4 })]]).operations).toBe('notify corp.local');
  });

  it('several messages over TCP are told alike wherever they are cut', () => {
    const turns: Turn[] = [
      client(encodeDnsStream([query('www.example.org'), query('www.example.org', 28), query('www.example.org')])),
      server(encodeDnsStream([answer('www.example.org', [], 28), WWW])),
    ];
    const expected = {
      service: 'dns',
      dnsQuery: 'www.example.org',
      dnsType: 'A',
      dnsRcode: 'NOERROR',
      dnsAnswers: 'CNAME web.example.org, A 192.0.2.1, A 192.0.2.255',
      dnsTtl: 20,
      operations: 'A www.example.org, AAAA www.example.org',
    };
    expect(facts(flowsFrom(conversation(53, turns))[0])).toEqual(expected);
    const longest = Math.max(...turns.map(({ bytes }) => bytes.length));
    for (let at = 1; at < longest; at++)
      expect(facts(flowsFrom(conversation(53, turns, { cut: () => [at] }))[0]), `cut at ${at}`).toEqual(expected);
    const everyByte = (length: number): number[] => new Array<number>(length).fill(1);
    expect(facts(flowsFrom(conversation(53, turns, { cut: everyByte }))[0])).toEqual(expected);
  });

  it('of a zone transfer that is longer than what is kept the beginning is told', () => {
    const answers = Array.from({ length: 900 }, (_, i) => ({
      name: `h${i}.x.org`,
      type: 1,
      ttl: 60,
      data: '192.0.2.9',
    }));
    const turns = [
      client(encodeDnsStream([query('x.org', 252)])),
      server(encodeDnsStream([answer('x.org', answers, 252), answer('x.org', answers, 252)])),
    ];
    const flow = facts(
      flowsFrom(conversation(53, turns, { cut: (n) => new Array<number>(Math.ceil(n / 1400)).fill(1400) }))[0],
    );
    expect(flow).toMatchObject({ dnsQuery: 'x.org', dnsType: 'AXFR', dnsRcode: 'NOERROR', dnsTtl: 60 });
    expect(flow.dnsAnswers?.startsWith('A 192.0.2.9, A 192.0.2.9, ')).toBe(true);
  });

  it('what is no DNS on its port is none', () => {
    expect(over(53, [['>', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)]]).dnsQuery).toBeUndefined();
    const turns = [client(new Uint8Array(300).fill(0xee))];
    expect(facts(flowsFrom(conversation(53, turns))[0]).dnsQuery).toBeUndefined();
  });
});

describe('mDNS and LLMNR', () => {
  const MULTICAST = '224.0.0.251:5353';
  const announced = encodeDnsMessage({
    isResponse: true,
    answers: [
      { name: '_airplay._tcp.local', type: 12, ttl: 4500, data: "Bob's\\032TV._airplay._tcp.local" },
      { name: "Bob's\\032TV._airplay._tcp.local", type: 33, ttl: 120, data: '0 0 7000 bobs-tv.local' },
      { name: "Bob's\\032TV._device-info._tcp.local", type: 16, ttl: 120, data: '"model=J42dAP"' },
      { name: 'bobs-tv.local', type: 1, ttl: 120, data: '10.0.0.5' },
    ],
  });

  it('a host tells its name, its model and its services, and what it looks for', () => {
    const frames = [
      udp(0, `${HERE}:5353`, MULTICAST, query('_ipp._tcp.local', 12)),
      udp(1, `${HERE}:5353`, MULTICAST, announced),
    ];
    expect(facts(flowsFrom(frames)[0])).toEqual({
      service: 'mdns',
      dnsQuery: '_ipp._tcp.local',
      dnsType: 'PTR',
      dnsRcode: 'NOERROR',
      client: 'model=J42dAP',
      hostname: 'bobs-tv.local',
      operations: 'query _ipp._tcp.local, announce _airplay._tcp.local',
    });
  });

  it('a probe and a goodbye are told as such', () => {
    const probe = encodeDnsMessage({
      questions: [{ name: 'new.local', type: 255 }],
      authorities: [{ name: 'new.local', type: 1, ttl: 120, data: '10.0.0.5' }],
    });
    const goodbye = encodeDnsMessage({
      isResponse: true,
      answers: [{ name: 'old.local', type: 1, ttl: 0, data: '10.0.0.5' }],
    });
    const frames = [udp(0, `${HERE}:5353`, MULTICAST, probe), udp(1, `${HERE}:5353`, MULTICAST, goodbye)];
    expect(facts(flowsFrom(frames)[0])).toMatchObject({
      hostname: 'new.local',
      operations: 'probe new.local, goodbye old.local',
    });
  });

  it('from another port nothing is announced', () => {
    expect(facts(flowsFrom([udp(0, `${HERE}:40000`, MULTICAST, announced)])[0])).not.toHaveProperty('hostname');
  });

  it('LLMNR is told with its answer', () => {
    const said: Said[] = [
      ['>', query('fileserver')],
      ['<', answer('fileserver', [{ name: 'fileserver', ttl: 30, data: '10.0.0.1' }])],
    ];
    expect(over(5355, said)).toEqual({
      service: 'llmnr',
      dnsQuery: 'fileserver',
      dnsType: 'A',
      dnsRcode: 'NOERROR',
      dnsAnswers: 'A 10.0.0.1',
      dnsTtl: 30,
    });
  });
});

describe('NetBIOS', () => {
  it('queries and registrations are operations, and the registered name is the host', () => {
    const registration = (name: string, suffix: number, isGroup: boolean): Uint8Array =>
      encodeNetbiosName({
        operation: 'registration',
        question: { name, suffix },
        records: [{ name: { name, suffix }, addresses: [{ address: HERE, isGroup }] }],
      });
    const said: Said[] = [
      ['>', registration('WORKGROUP', 0, true)],
      ['>', registration('PC7', 0, false)],
      ['>', encodeNetbiosName({ question: { name: 'FILES', suffix: 0x20 } })],
      ['>', encodeNetbiosName({ question: { name: '*' }, isStatusRequest: true })],
    ];
    expect(over(137, said, 137)).toEqual({
      service: 'netbios-ns',
      hostname: 'PC7',
      operations: 'registration WORKGROUP<00>, registration PC7<00>, query FILES<20>, status *<00>',
    });
    harmless(137, said, 137);
  });

  it('an answer that nobody was seen to ask for is told', () => {
    const name = { name: 'WPAD', suffix: 0 };
    const response = encodeNetbiosName({ isResponse: true, records: [{ name, addresses: [{ address: THERE }] }] });
    expect(over(137, [['<', response]], 137).operations).toBe('query response WPAD<00>');
    expect(
      over(
        137,
        [
          ['>', encodeNetbiosName({ question: name })],
          ['<', response],
        ],
        137,
      ).operations,
    ).toBe('query WPAD<00>');
  });

  it('announcements tell name, software and workgroup', () => {
    const announce = (comment: string): Uint8Array =>
      encodeNetbiosDatagram({
        source: { name: 'PC7' },
        destination: { name: 'CORP', suffix: 0x1d },
        announcement: { host: 'PC7', osVersion: '6.1', comment },
      });
    expect(over(138, [['>', announce('Samba 4.9')]], 138)).toEqual({
      service: 'netbios-dgm',
      client: 'Samba 4.9',
      hostname: 'PC7',
      operations: 'host announcement CORP',
    });
    expect(over(138, [['>', announce('')]], 138).client).toBe('OS 6.1');
    harmless(138, [['>', announce('Samba 4.9')]], 138);
  });
});

describe('DHCP', () => {
  const discover = encodeDhcp({
    type: 'discover',
    hostname: 'bobs-pc',
    vendorClass: 'MSFT 5.0',
    parameterOrder: '1,3,6,15',
  });
  const ack = encodeDhcp({
    isReply: true,
    type: 'ack',
    yourAddress: '192.168.1.7',
    hostname: 'not-the-server',
    routers: ['192.168.1.1'],
    dnsServers: ['192.168.1.2', '192.168.1.3'],
    proxyUrl: 'http://wpad/wpad.dat',
  });

  it('the client tells its name and kind, the server what it gives', () => {
    expect(
      over(
        67,
        [
          ['>', discover],
          ['<', ack],
        ],
        68,
      ),
    ).toEqual({
      service: 'dhcp',
      client: 'MSFT 5.0',
      hostname: 'bobs-pc',
      operations:
        'DISCOVER, options 1,3,6,15, ACK, lease 192.168.1.7, router 192.168.1.1, dns 192.168.1.2 192.168.1.3, proxy http://wpad/wpad.dat',
    });
    harmless(
      67,
      [
        ['>', discover],
        ['<', ack],
      ],
      68,
    );
  });

  it("a server has not the client's name, and a relay neither", () => {
    expect(facts(flowsFrom([udp(0, '192.168.1.1:67', '192.168.1.7:68', ack)])[0])).not.toHaveProperty('hostname');
    const relayed = encodeDhcp({ type: 'request', hostname: 'bobs-pc', relayAddress: HERE });
    expect(over(67, [['>', relayed]], 67)).toEqual({ service: 'dhcp', operations: 'REQUEST, relayed for bobs-pc' });
  });

  it('DHCPv6 tells the same', () => {
    const solicit = encodeDhcpv6({
      fqdn: 'bobs-pc.corp',
      vendorClass: 'MSFT 5.0',
      vendorEnterprise: 311,
      requestOrder: '17,23,24',
    });
    const lease = { address: '2001:db8::7', preferredSeconds: 100, validSeconds: 200 };
    const reply = encodeDhcpv6({ type: 'reply', addresses: [lease], dnsServers: ['2001:db8::53'] });
    const frames = [
      udp(0, '[fe80::1]:546', '[ff02::1:2]:547', solicit),
      udp(1, '[fe80::2]:547', '[fe80::1]:546', reply),
    ];
    const told = flowsFrom(frames).map(facts);
    expect(told).toContainEqual({
      service: 'dhcpv6',
      client: 'MSFT 5.0',
      hostname: 'bobs-pc.corp',
      operations: 'SOLICIT, options 17,23,24',
    });
    expect(told).toContainEqual({ service: 'dhcpv6', operations: 'REPLY, lease 2001:db8::7, dns 2001:db8::53' });
    harmless(
      547,
      [
        ['>', solicit],
        ['<', reply],
      ],
      546,
    );
  });
});

describe('NTP, SSDP, SNMP', () => {
  it('modes and monlist are operations, and a server tells its version', () => {
    const said: Said[] = [
      ['>', encodeNtp({})],
      ['<', encodeNtp({ mode: 'server' })],
      ['>', encodeNtpControl({ operation: 'read variables' })],
      [
        '<',
        encodeNtpControl({ operation: 'read variables', isResponse: true, text: 'version="ntpd 4.2.8p15", leap=0' }),
      ],
      ['>', encodeNtpPrivate({ request: 42 })],
    ];
    expect(over(123, said)).toEqual({
      service: 'ntp',
      server: 'ntpd 4.2.8p15',
      operations: 'client, control read variables, monlist',
    });
    expect(over(123, [['<', encodeNtp({ mode: 'server' })]]).operations).toBe('server');
    harmless(123, said);
  });

  it('searches and announcements tell targets and software', () => {
    const search = encodeSsdp({
      userAgent: 'Chrome/120',
      target: 'urn:dial-multiscreen-org:service:dial:1',
      man: '"ssdp:discover"',
    });
    const found = encodeSsdp({ kind: 'response', server: 'Linux UPnP/1.0 Sonos/29.3', target: 'upnp:rootdevice' });
    const alive = encodeSsdp({ kind: 'notify', notification: 'ssdp:alive', target: 'upnp:rootdevice', server: 'TV/1' });
    expect(
      over(1900, [
        ['>', search],
        ['<', found],
      ]),
    ).toEqual({
      service: 'ssdp',
      client: 'Chrome/120',
      server: 'Linux UPnP/1.0 Sonos/29.3',
      operations: 'search urn:dial-multiscreen-org:service:dial:1',
    });
    expect(over(1900, [['>', alive]])).toEqual({
      service: 'ssdp',
      client: 'TV/1',
      operations: 'alive upnp:rootdevice',
    });
    harmless(1900, [
      ['>', search],
      ['<', found],
      ['>', alive],
    ]);
  });

  it('SNMP tells versions, requests and variables, and never a community', () => {
    const get = encodeSnmp({
      community: 'Geheim7',
      pdu: 'get',
      variables: [{ oid: '1.3.6.1.2.1.1.1.0' }, { oid: '1.3.6.1.2.1.1.5.0' }],
    });
    const response = encodeSnmp({
      community: 'Geheim7',
      pdu: 'response',
      variables: [{ oid: '1.3.6.1.2.1.1.1.0', value: 'RouterOS 7' }],
    });
    const flow = flowsFrom(
      datagrams(161, [
        ['>', get],
        ['<', response],
      ]),
    )[0];
    expect(facts(flow)).toEqual({
      service: 'snmp',
      server: 'RouterOS 7',
      operations: 'v2c get 1.3.6.1.2.1.1.1.0, v2c get 1.3.6.1.2.1.1.5.0',
    });
    expect(COLUMNS.map((name) => flow?.[name]).join(' ')).not.toContain('Geheim7');
    harmless(161, [
      ['>', get],
      ['<', response],
    ]);
  });

  it('the user of version 3 is accepted or refused', () => {
    const get = encodeSnmp({
      version: '3',
      security: { user: 'ops', isAuthenticated: true },
      pdu: 'get',
      variables: [{ oid: '1.3.6.1.2.1.1.5.0' }],
    });
    const reply = (pdu: 'response' | 'report', oid: string): Uint8Array =>
      encodeSnmp({
        version: '3',
        security: { user: 'ops', isAuthenticated: pdu === 'response' },
        pdu,
        variables: [{ oid, value: 1 }],
      });
    expect(over(161, [['>', get]])).toMatchObject({
      user: 'ops',
      login: 'unknown',
      operations: 'v3 get 1.3.6.1.2.1.1.5.0',
    });
    expect(
      over(161, [
        ['>', get],
        ['<', reply('response', '1.3.6.1.2.1.1.5.0')],
      ]).login,
    ).toBe('accepted');
    // usmStatsWrongDigests, and usmStatsNotInTimeWindows, which only sets the clock.
    expect(
      over(161, [
        ['>', get],
        ['<', reply('report', '1.3.6.1.6.3.15.1.1.5.0')],
      ]).login,
    ).toBe('refused');
    expect(
      over(161, [
        ['>', get],
        ['<', reply('report', '1.3.6.1.6.3.15.1.1.2.0')],
      ]).login,
    ).toBe('unknown');
  });
});

describe('hostile messages', () => {
  it('of DNS, mDNS and LLMNR are taken at every length and with changed bytes', () => {
    for (const port of [53, 5353, 5355])
      harmless(
        port,
        [
          ['>', query('www.example.org')],
          ['<', WWW],
        ],
        port === 5353 ? 5353 : 40_000,
      );
  });
});

describe('real captures', () => {
  const told = (name: string): Partial<FlowRecord>[] =>
    runCapture(readFileSync(new URL(`../../../test/fixture/arkime/${name}.pcap`, import.meta.url))).flows.map(facts);

  // tshark -r <name>.pcap -Y 'dns.flags.response==1' -T fields -e dns.qry.name -e dns.a -e dns.cname -e dns.resp.ttl
  it('DNS over UDP and TCP as tshark reads it', () => {
    const [first, second] = told('dns-udp');
    expect(first).toMatchObject({
      dnsQuery: 'www.github.com',
      dnsAnswers: 'CNAME github.com, A 192.30.252.128',
      dnsTtl: 4,
    });
    expect(second).toMatchObject({ dnsAnswers: 'CNAME github.com, A 192.30.252.130', dnsTtl: 30 });
    const [google, aol] = told('dns-tcp');
    const answers = ['46', '32', '33', '34', '35', '36', '37', '38', '39', '40', '41'].map(
      (last) => `A 74.125.228.${last}`,
    );
    expect(google).toMatchObject({ dnsQuery: 'google.com', dnsAnswers: answers.join(', '), dnsTtl: 166 });
    expect(aol?.dnsAnswers).toBe('A 205.188.100.58, A 205.188.101.58, A 207.200.74.38, A 64.12.79.57, A 64.12.89.186');
    expect(aol?.dnsTtl).toBe(10);
  });

  // tshark -r wireshark-dhcp.pcap -T fields -e dhcp.option.dhcp -e dhcp.option.request_list_item -e dhcp.ip.your
  // tshark -r wireshark-dhcpv6.pcap -T fields -e dhcpv6.msgtype -e dhcpv6.iaprefix.pref_addr -e dhcpv6.requested_option_code
  it('DHCP and DHCPv6 as tshark reads them', () => {
    expect(told('wireshark-dhcp').map(({ operations }) => operations)).toEqual([
      'DISCOVER, options 1,3,6,42, REQUEST',
      'OFFER, offered 192.168.0.10, ACK, lease 192.168.0.10',
    ]);
    const operations = told('wireshark-dhcpv6').map((flow) => flow.operations);
    expect(operations).toContain('SOLICIT, options 23,24, client-id 000100011c39cf88080027fe8f95, REQUEST, RELEASE');
    expect(operations).toContain('ADVERTISE, REPLY, lease 2001:0:0:fe00::/64');
  });

  // tshark -r nbns.pcap -T fields -e ip.dst -e nbns.name -e nbns.flags.opcode; -Y browser -V; tshark -r SNMPv2c_get_requests.pcap -T fields -e snmp.name -e snmp.version
  it('NetBIOS and SNMP as tshark reads them', () => {
    const flows = told('nbns');
    expect(flows.filter(({ hostname }) => hostname === 'MDJR98').map(({ service }) => service)).toContain('netbios-ns');
    expect(flows).toContainEqual({
      service: 'netbios-dgm',
      client: 'OS 4.0',
      hostname: 'MDJR98',
      operations: 'host announcement WORKGROUP, request announcement WORKGROUP, election announcement WORKGROUP',
    });
    expect(told('SNMPv2c_get_requests')[1]?.operations).toBe('v2c get 1.3.6.1.2.1.1.3.0');
  });
});
