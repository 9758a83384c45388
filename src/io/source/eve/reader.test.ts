import { existsSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowRecord } from '../../../flow/index.ts';
import { OddityCounter } from '../../../wire/index.ts';
import { type ByteSource, openInput } from '../input.ts';
import type { TableOpenOptions } from '../table-source.ts';
import { type EveSource, looksLikeEve, openEve } from './reader.ts';

function bytesSource(text: string, name = 'eve.json'): ByteSource {
  const bytes = Buffer.from(text);
  let at = 0;
  return {
    name,
    compression: '',
    totalBytes: bytes.length,
    bytesTaken: () => at,
    read(into) {
      const n = Math.min(into.length, bytes.length - at);
      into.set(bytes.subarray(at, at + n));
      at += n;
      return n;
    },
    close: () => undefined,
  };
}

async function readAll(source: EveSource): Promise<FlowRecord[]> {
  const flows: FlowRecord[] = [];
  for (let table = await source.read(); table !== undefined; table = await source.read())
    for (let row = 0; row < table.rowCount; row++) flows.push(flowRecord(table, row));
  return flows;
}

async function read(events: readonly object[] | string, options: Partial<TableOpenOptions> = {}) {
  const text = typeof events === 'string' ? events : events.map((event) => JSON.stringify(event)).join('\n');
  const source = await openEve([bytesSource(text)], { oddities: new OddityCounter(), ...options });
  return { flows: await readAll(source), source };
}

const TUPLE = {
  src_ip: '10.0.0.5',
  src_port: 50_000,
  dest_ip: '192.0.2.7',
  dest_port: 443,
  proto: 'TCP',
};
const AT = '2021-06-06T15:59:46.457984+0200';

const event = (event_type: string, more: object = {}): object => ({
  timestamp: AT,
  flow_id: 1_374_195_536_821_504,
  event_type,
  ...TUPLE,
  ...more,
});

const FLOW = event('flow', {
  app_proto: 'tls',
  vlan: [12, 13],
  community_id: '1:abc=',
  ether: { src_macs: ['AA:bb:cc:00:00:01'], dest_macs: ['aa:bb:cc:00:00:02'] },
  flow: {
    pkts_toserver: 12,
    pkts_toclient: 9,
    bytes_toserver: 1900,
    bytes_toclient: 5000,
    start: AT,
    end: '2021-06-06T15:59:48.000001+0200',
    age: 2,
    state: 'closed',
    reason: 'timeout',
    alerted: false,
  },
  tcp: { tcp_flags: '1b', tcp_flags_ts: '1b', tcp_flags_tc: '1b', syn: true, state: 'closed' },
});

const DNS = { ...TUPLE, dest_port: 53, proto: 'UDP' };
const dns = (more: object): object => event('dns', { ...DNS, dns: more });

describe('flow events', () => {
  it('become rows: counts, flags, state, times, addresses of every layer', async () => {
    const { flows, source } = await read([FLOW]);
    expect(flows).toEqual([
      {
        id: 1,
        startMs: 1622987986457.984,
        endMs: 1622987988000.001,
        durationMs: 1542.017,
        protocol: 'tcp',
        initiator: '10.0.0.5',
        initiatorPort: 50_000,
        responder: '192.0.2.7',
        responderPort: 443,
        vlan: 12,
        initiatorMac: 'aa:bb:cc:00:00:01',
        responderMac: 'aa:bb:cc:00:00:02',
        initiatorPackets: 12,
        responderPackets: 9,
        initiatorBytes: 1900,
        responderBytes: 5000,
        initiatorFlags: 'APSF',
        responderFlags: 'APSF',
        tcpState: 'SF',
        closeReason: 'fin',
        outcome: 'answered',
        service: 'tls',
        serviceBasis: 'content',
        portService: 'tls',
        communityId: '1:abc=',
      },
    ]);
    expect(source.status()).toEqual({ rows: 1, rejected: 0, rejects: [], state: 'whole' });
    expect(source.gives.has('initiatorBytes')).toBe(true);
    expect(source.gives.has('tcpState')).toBe(true);
    expect(source.gives.has('iatMeanMs')).toBe(false);
    expect(source.gives.has('initiatorPayloadBytes')).toBe(false);
  });

  const tcp = (ts: string, tc: string, down: number, state = 'closed', reason = 'timeout'): object =>
    event('flow', {
      flow: {
        pkts_toserver: 1,
        pkts_toclient: down,
        bytes_toserver: 60,
        bytes_toclient: 60,
        start: AT,
        end: AT,
        state,
        reason,
      },
      tcp: { tcp_flags_ts: ts, tcp_flags_tc: tc },
    });

  it.each<[string, object, string]>([
    ['a SYN without an answer', tcp('02', '00', 0, 'new'), 'S0 unanswered idle'],
    ['a SYN that is refused', tcp('02', '14', 1), 'REJ refused rst'],
    ['a connection cut by its client', tcp('16', '12', 3), 'RSTO answered rst'],
    ['one that goes on when Suricata stops', tcp('1a', '1a', 3, 'established', 'shutdown'), 'S1 answered end'],
    ['packets without a beginning', tcp('18', '18', 3, 'established'), 'OTH unknown idle'],
    ['one that Suricata let go early', tcp('12', '12', 3, 'established', 'forced'), 'S1 answered evicted'],
    ['a new connection on the same ports', tcp('1b', '1b', 3, 'closed', 'tcp_reuse'), 'SF answered reuse'],
  ])('%s', async (_, one, expected) => {
    const { flows } = await read([one]);
    const { tcpState, outcome, closeReason } = flows[0] ?? {};
    expect(`${tcpState} ${outcome} ${closeReason}`).toBe(expected);
  });

  it.each<[string, object, Partial<FlowRecord>]>([
    [
      'an ICMP echo without an answer',
      { proto: 'ICMP', icmp_type: 8, icmp_code: 0 },
      { protocol: 'icmp', icmpType: 8, icmpCode: 0, outcome: 'unanswered' },
    ],
    [
      'multicast, which nobody answers',
      { proto: 'UDP', dest_ip: '239.255.255.250', dest_port: 1900 },
      { outcome: 'unknown', service: 'ssdp', serviceBasis: 'port' },
    ],
    ['UDP without an answer', { proto: 'UDP', dest_port: 53 }, { outcome: 'unanswered' }],
    [
      'IPv6 in full',
      {
        proto: 'IPv6-ICMP',
        src_ip: '2001:0db8:0000:0000:0000:0000:0000:0001',
        dest_ip: 'ff02:0000:0000:0000:0000:0000:0000:0001',
        icmp_type: 135,
      },
      { protocol: 'icmpv6', initiator: '2001:db8::1', responder: 'ff02::1', outcome: 'unknown' },
    ],
    ['a protocol by its number', { proto: '253' }, { protocol: 'ip-253' }],
    ['an older VLAN field', { vlan: 7 }, { vlan: 7 }],
  ])('%s', async (_, more, expected) => {
    const flow = {
      pkts_toserver: 1,
      pkts_toclient: 0,
      bytes_toserver: 60,
      bytes_toclient: 0,
      start: AT,
      end: AT,
      state: 'new',
      reason: 'timeout',
    };
    const { flows } = await read([event('flow', { ...more, flow, app_proto: 'failed' })]);
    expect(flows[0]).toMatchObject(expected);
    if (flows[0]?.protocol !== 'tcp' && flows[0]?.protocol !== 'udp') expect(flows[0]?.initiatorPort).toBeUndefined();
  });
});

describe('events before the flow event', () => {
  it('go into its columns, whatever stands between', async () => {
    const tls = event('tls', {
      tls: {
        subject: 'C=US, ST=California, O=Example\\, Inc, CN=www.example.org',
        issuerdn: 'C=BE, O=GlobalSign nv-sa',
        sni: 'www.example.org',
        version: 'TLSv1',
        notbefore: '2020-03-19T09:44:08',
        notafter: '2022-03-20T09:44:08',
        ja3: { hash: 'b7202231ff2db28363c109cedc6d1642', string: '770' },
        ja3s: { hash: 'ad90cab724fafab2660fbf61673c91a9' },
        ja4: 't13d1516h2_8daaf6152771_b186095e22b6',
        client_alpns: ['h2', 'http/1.1'],
      },
    });
    const other = event('flow', { flow_id: 5, flow: { start: AT } });
    const { flows } = await read([tls, other, FLOW]);
    expect(flows).toHaveLength(2);
    expect(flows[0]?.serverName).toBeUndefined();
    expect(flows[1]).toMatchObject({
      serverName: 'www.example.org',
      tlsVersion: 'TLS 1.0',
      ja3: 'b7202231ff2db28363c109cedc6d1642',
      ja3s: 'ad90cab724fafab2660fbf61673c91a9',
      ja4: 't13d1516h2_8daaf6152771_b186095e22b6',
      alpn: 'h2,http/1.1',
      certificateSubject: 'www.example.org',
      certificateIssuer: 'GlobalSign nv-sa',
      certificateFromMs: Date.UTC(2020, 2, 19, 9, 44, 8),
      certificateToMs: Date.UTC(2022, 2, 20, 9, 44, 8),
      initiatorPackets: 12,
    });
  });

  const answered = {
    dnsQuery: 'www.suricata.io',
    dnsType: 'A',
    dnsRcode: 'NOERROR',
    dnsAnswers: 'CNAME suricata.io, A 192.0.78.24, A 192.0.78.25',
    service: 'dns',
  };
  const records = [
    { rrname: 'www.suricata.io', rrtype: 'CNAME', ttl: 3324, rdata: 'suricata.io' },
    { rrname: 'suricata.io', rrtype: 'A', ttl: 10, rdata: '192.0.78.24' },
    { rrname: 'suricata.io', rrtype: 'A', ttl: 12, rdata: '192.0.78.25' },
  ];
  it.each<[string, object[], object]>([
    [
      'DNS version 1: an event for each record, from the server',
      [
        dns({ type: 'query', id: 1, rrname: 'www.Suricata.io', rrtype: 'A', tx_id: 0 }),
        ...records.map((r) =>
          event('dns', {
            ...DNS,
            src_ip: DNS.dest_ip,
            src_port: 53,
            dest_ip: DNS.src_ip,
            dest_port: DNS.src_port,
            dns: { type: 'answer', id: 1, rcode: 'NOERROR', ...r },
          }),
        ),
      ],
      { ...answered, dnsTtl: 10, initiator: '10.0.0.5', responder: '192.0.2.7', responderPort: 53 },
    ],
    [
      'DNS version 2: detailed and grouped',
      [
        dns({ type: 'query', id: 1, rrname: 'www.suricata.io', rrtype: 'A', tx_id: 0 }),
        dns({
          version: 2,
          type: 'answer',
          id: 1,
          flags: '8180',
          qr: true,
          rcode: 'NOERROR',
          rrname: 'www.suricata.io',
          rrtype: 'A',
          answers: records,
          grouped: { A: ['192.0.78.24', '192.0.78.25'], CNAME: ['suricata.io'] },
        }),
      ],
      { ...answered, dnsTtl: 10 },
    ],
    [
      'DNS version 2: grouped alone, the answer alone',
      [
        dns({
          version: 2,
          type: 'answer',
          rcode: 'NOERROR',
          rrname: 'www.suricata.io',
          rrtype: 'A',
          grouped: { CNAME: ['suricata.io'], A: ['192.0.78.24', '192.0.78.25'] },
        }),
      ],
      answered,
    ],
    [
      'DNS version 3: questions in an array',
      [
        dns({ version: 3, type: 'request', tx_id: 0, id: 1, queries: [{ rrname: 'www.suricata.io', rrtype: 'A' }] }),
        dns({
          version: 3,
          type: 'response',
          id: 1,
          rcode: 'NOERROR',
          queries: [{ rrname: 'www.suricata.io', rrtype: 'A' }],
          answers: records,
        }),
      ],
      { ...answered, dnsTtl: 10 },
    ],
    [
      'a name that does not exist, then another question',
      [
        dns({ type: 'query', rrname: 'a.example', rrtype: 'TXT' }),
        dns({ version: 2, type: 'answer', rcode: 'NXDOMAIN', rrname: 'a.example', rrtype: 'TXT' }),
        dns({ type: 'query', rrname: 'b.example', rrtype: 'A' }),
        dns({
          version: 2,
          type: 'answer',
          rcode: 'NOERROR',
          rrname: 'b.example',
          rrtype: 'A',
          answers: [{ rrname: 'b.example', rrtype: 'A', ttl: 1, rdata: '192.0.2.1' }],
        }),
      ],
      {
        dnsQuery: 'a.example',
        dnsType: 'TXT',
        dnsRcode: 'NXDOMAIN',
        dnsAnswers: undefined,
        operations: 'TXT a.example, A b.example',
      },
    ],
    [
      'HTTP: the first request, the first status',
      [
        event('http', {
          http: {
            hostname: 'h.example',
            url: '/a?b',
            http_user_agent: 'curl/8',
            http_method: 'GET',
            status: '302',
            server: 'nginx',
          },
        }),
        event('http', { http: { hostname: 'other', url: '/c', http_method: 'POST', status: 200 } }),
      ],
      {
        httpHost: 'h.example',
        httpRequest: 'GET /a?b',
        httpStatus: 302,
        client: 'curl/8',
        server: 'nginx',
        service: 'http',
      },
    ],
    [
      'SSH',
      [
        event('ssh', {
          ssh: {
            client: { proto_version: '2.0', software_version: 'OpenSSH_6.7' },
            server: { software_version: 'dropbear' },
          },
        }),
      ],
      { service: 'ssh', client: 'OpenSSH_6.7', server: 'dropbear' },
    ],
    [
      'SMB: a sign-on that is refused, then one that is not; a share and a file',
      [
        event('smb', {
          smb: {
            command: 'SMB2_COMMAND_SESSION_SETUP',
            status: 'STATUS_LOGON_FAILURE',
            ntlmssp: { user: 'administrator', host: 'BLU' },
          },
        }),
        event('smb', {
          smb: { command: 'SMB2_COMMAND_TREE_CONNECT', status: 'STATUS_ACCESS_DENIED', share: '\\\\admin-pc\\c$' },
        }),
        event('smb', {
          smb: {
            command: 'SMB2_COMMAND_CREATE',
            status: 'STATUS_SUCCESS',
            filename: 'atsvc',
            disposition: 'FILE_OPEN',
          },
        }),
      ],
      {
        service: 'smb',
        user: 'administrator',
        hostname: 'BLU',
        login: 'refused',
        operations: 'session-setup STATUS_LOGON_FAILURE, tree \\\\admin-pc\\c$ STATUS_ACCESS_DENIED, open atsvc',
      },
    ],
    [
      'Kerberos: a wrong password',
      [
        event('krb5', {
          krb5: {
            msg_type: 'KRB_ERROR',
            failed_request: 'KRB_AS_REQ',
            cname: 'bob',
            sname: 'krbtgt/X',
            error_code: 'KDC_ERR_PREAUTH_FAILED',
          },
        }),
      ],
      { service: 'kerberos', user: 'bob', login: 'refused', operations: 'AS krbtgt/X, KDC_ERR_PREAUTH_FAILED' },
    ],
    [
      'Kerberos: a ticket in a weak cipher',
      [
        event('krb5', {
          krb5: {
            msg_type: 'KRB_TGS_REP',
            cname: 'bob',
            sname: 'MSSQLSvc/db1',
            encryption: 'rc4-hmac',
            weak_encryption: true,
          },
        }),
      ],
      { user: 'bob', login: undefined, operations: 'TGS MSSQLSvc/db1, rc4-hmac' },
    ],
    [
      'MQTT: never the password',
      [
        event('mqtt', {
          mqtt: { connect: { client_id: 'sensor-7', username: 'u', password: 'secret' }, connack: { return_code: 0 } },
        }),
        event('mqtt', { mqtt: { subscribe: { topics: [{ topic: 'cmd/#', qos: 0 }] } } }),
        event('mqtt', { mqtt: { publish: { topic: 'temp/1', message: 'secret' } } }),
      ],
      {
        service: 'mqtt',
        client: 'sensor-7',
        user: 'u',
        login: 'accepted',
        operations: 'SUBSCRIBE cmd/#, PUBLISH temp/1',
      },
    ],
    [
      'FTP: never the password',
      [
        event('ftp', { ftp: { command: 'USER', command_data: 'joe', completion_code: ['331'] } }),
        event('ftp', { ftp: { command: 'PASS', command_data: 'secret', completion_code: ['530'] } }),
        event('ftp', { ftp: { command: 'RETR', command_data: 'a.zip', completion_code: ['150', '226'] } }),
      ],
      { service: 'ftp', user: 'joe', login: 'refused', operations: 'USER, RETR a.zip' },
    ],
    [
      'DHCP',
      [
        event('dhcp', {
          dhcp: { type: 'request', dhcp_type: 'discover', hostname: 'laptop', vendor_class_identifier: 'MSFT 5.0' },
        }),
      ],
      { service: 'dhcp', hostname: 'laptop', client: 'MSFT 5.0', operations: 'discover' },
    ],
    [
      'QUIC',
      [
        event('quic', {
          proto: 'UDP',
          quic: { version: '1', sni: 'q.example', ja4: 'q13d0310h3_55b375c5d22e_cd85d2d88918' },
        }),
      ],
      { service: 'quic', serverName: 'q.example', ja4: 'q13d0310h3_55b375c5d22e_cd85d2d88918' },
    ],
    [
      'VNC',
      [event('rfb', { rfb: { authentication: { 'security-result': 'FAIL' } } })],
      { service: 'vnc', login: 'refused' },
    ],
    [
      'files',
      [event('fileinfo', { app_proto: 'http', fileinfo: { filename: '/a.exe', size: 4 } })],
      { service: 'http', operations: 'file /a.exe' },
    ],
  ])('%s', async (_, events, expected) => {
    const { flows } = await read(events);
    expect(flows).toHaveLength(1);
    const [flow = {}] = flows;
    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, flow[key as keyof FlowRecord]]))).toEqual(
      expected,
    );
    expect(JSON.stringify(flows)).not.toContain('secret');
  });

  it('no more than 65,536 flows wait: beyond, the oldest is a row where the log has no flow events', async () => {
    const events = Array.from({ length: 66_000 }, (_, i) => ({
      ...dns({ type: 'query', rrname: 'x.example', rrtype: 'A' }),
      flow_id: i,
    }));
    const { flows, source } = await read(events);
    expect(flows).toHaveLength(66_000);
    expect(source.status().message).toBeUndefined();
    const { flows: few, source: told } = await read([{ ...FLOW, flow_id: 1e9 }, ...events]);
    expect(few).toHaveLength(1 + 65_536);
    expect(told.status().message).toBe(
      'what 464 flows said was let go before the flow ended, to hold no more than 65,536',
    );
  }, 30_000);
});

describe('flows that have no flow event', () => {
  it('are rows of what was said, the client first, at the end', async () => {
    const alert = (more: object): object =>
      event('alert', {
        src_ip: TUPLE.dest_ip,
        src_port: TUPLE.dest_port,
        dest_ip: TUPLE.src_ip,
        dest_port: TUPLE.src_port,
        alert: { gid: 1, signature_id: 1, signature: 'x' },
        ...more,
      });
    const counts = {
      pkts_toserver: 7,
      pkts_toclient: 8,
      bytes_toserver: 708,
      bytes_toclient: 4091,
      start: '2021-06-06T15:59:40+0200',
    };
    for (const more of [
      { direction: 'to_client', flow: counts },
      {
        flow: {
          ...counts,
          src_ip: TUPLE.src_ip,
          src_port: TUPLE.src_port,
          dest_ip: TUPLE.dest_ip,
          dest_port: TUPLE.dest_port,
        },
      },
    ]) {
      const { flows, source } = await read([alert({ ...more, app_proto: 'tls' })]);
      expect(flows).toEqual([
        {
          id: 1,
          startMs: 1622987980000,
          endMs: 1622987986457.984,
          durationMs: 6457.984,
          protocol: 'tcp',
          initiator: '10.0.0.5',
          initiatorPort: 50_000,
          responder: '192.0.2.7',
          responderPort: 443,
          initiatorPackets: 7,
          responderPackets: 8,
          initiatorBytes: 708,
          responderBytes: 4091,
          outcome: 'answered',
          service: 'tls',
          serviceBasis: 'content',
          portService: 'tls',
        },
      ]);
      expect(source.gives.has('initiatorBytes')).toBe(true);
      expect(source.gives.has('tcpState')).toBe(false);
    }
  });

  it('a log of names alone does not claim to count packets', async () => {
    const { source } = await read([dns({ type: 'query', rrname: 'x.example', rrtype: 'A' })]);
    expect(source.gives.has('dnsQuery')).toBe(true);
    expect(source.gives.has('initiatorBytes')).toBe(false);
    expect(source.gives.has('outcome')).toBe(false);
  });

  it('two netflow events are one row, whatever stands between; beside flow events they are left out', async () => {
    const up = event('netflow', {
      netflow: { pkts: 5, bytes: 500, start: AT, end: '2021-06-06T15:59:47+0200' },
      tcp: { tcp_flags: '1b' },
    });
    const down = event('netflow', {
      src_ip: TUPLE.dest_ip,
      src_port: TUPLE.dest_port,
      dest_ip: TUPLE.src_ip,
      dest_port: TUPLE.src_port,
      netflow: { pkts: 4, bytes: 4000, start: AT, end: '2021-06-06T15:59:48+0200' },
      tcp: { tcp_flags: '1a' },
    });
    const { flows } = await read([event('tls', { tls: { sni: 'n.example' } }), up, down]);
    expect(flows).toHaveLength(1);
    expect(flows[0]).toMatchObject({
      initiator: '10.0.0.5',
      initiatorPackets: 5,
      responderPackets: 4,
      initiatorBytes: 500,
      responderBytes: 4000,
      initiatorFlags: 'APSF',
      responderFlags: 'APS',
      outcome: 'answered',
      serverName: 'n.example',
      endMs: 1622987988000,
    });
    const both = await read([up, down, FLOW]);
    expect(both.flows).toHaveLength(1);
    expect(both.flows[0]?.initiatorPackets).toBe(12);
    expect(both.source.status().message).toBe('2 netflow events left out, as flow events tell of the same flows');
    expect((await read([FLOW, up, down])).flows).toHaveLength(1);
    const many = Array.from({ length: 300 }, (_, i) => ({ ...up, flow_id: i + 1 }));
    expect((await read([up, down, ...many])).flows).toHaveLength(301);
  });
});

describe('alerts', () => {
  it('are kept by signature, addresses and port, counted, with their times and techniques', async () => {
    const alert = (timestamp: string, more: object = {}): object =>
      event('alert', {
        timestamp,
        ...more,
        alert: {
          action: 'allowed',
          gid: 1,
          signature_id: 2_001_219,
          rev: 20,
          signature: 'ET SCAN Potential SSH Scan',
          category: 'Attempted Information Leak',
          severity: 2,
          metadata: { mitre_technique_id: ['T1110', 'nonsense'], mitre_attack: ['t1021_004'] },
        },
      });
    const { source } = await read([alert(AT), alert('2021-06-06T16:00:00+0200'), alert(AT, { dest_port: 22 })]);
    expect(source.alerts()).toEqual([
      {
        gid: 1,
        sid: 2_001_219,
        rev: 20,
        signature: 'ET SCAN Potential SSH Scan',
        category: 'Attempted Information Leak',
        severity: 2,
        action: 'allowed',
        techniques: ['T1110', 'T1021.004'],
        protocol: 'tcp',
        src: '10.0.0.5',
        srcPort: 50_000,
        dst: '192.0.2.7',
        dstPort: 443,
        communityId: undefined,
        count: 2,
        firstMs: 1622987986457.984,
        lastMs: 1622988000000,
      },
      expect.objectContaining({ dstPort: 22, count: 1 }),
    ]);
    expect(source.events()).toEqual(new Map([['alert', 3]]));
  });

  it('of more than 10,000 kinds the further ones are counted', async () => {
    const events = Array.from({ length: 10_005 }, (_, i) =>
      event('alert', { flow_id: 1, alert: { signature_id: i, signature: 's' } }),
    );
    const { source } = await read(events);
    expect(source.alerts()).toHaveLength(10_000);
    expect(source.alertsLeftOut()).toBe(5);
    expect(source.status().message).toBe('5 alerts beyond 10,000 kinds left out');
  });
});

describe('what is no good', () => {
  it('events without a type, a time or addresses are told; those of the link layer are passed over', async () => {
    const { source, flows } = await read(
      [
        '{"timestamp":"2021-06-06T15:59:46Z"}',
        '{"event_type":"dns","src_ip":"1.1.1.1","dest_ip":"1.1.1.2"}',
        '{"event_type":"dns","timestamp":"soon","src_ip":"1.1.1.1","dest_ip":"1.1.1.2"}',
        '{"event_type":"flow","timestamp":"2021-06-06T15:59:46Z","flow":{}}',
        '{"event_type":"arp","timestamp":"2021-06-06T15:59:46Z","arp":{}}',
        '{"event_type":"stats","timestamp":"2021-06-06T15:59:46Z","stats":{"a":{"b":1}}}',
        '{"event_type":"flow"',
      ].join('\n'),
    );
    expect(flows).toEqual([]);
    expect(source.status().rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [1, "no 'event_type'"],
      [2, "no 'timestamp'"],
      [3, "the 'timestamp' is no time"],
      [4, "no 'src_ip' or no 'dest_ip'"],
      [7, 'column 21: ends within an object'],
    ]);
    expect(source.status().state).toBe('cut');
  });

  it('values of wrong types are missing, and the row stays', async () => {
    const { flows } = await read([
      event('flow', {
        src_port: 'x',
        dest_port: 70_000,
        vlan: {},
        flow: { pkts_toserver: -1, pkts_toclient: 1.5, bytes_toserver: '12', start: 5, end: [] },
        tcp: { tcp_flags_ts: 'zz' },
      }),
    ]);
    expect(flows).toEqual([
      {
        id: 1,
        startMs: 1622987986457.984,
        endMs: 1622987986457.984,
        durationMs: 0,
        protocol: 'tcp',
        initiator: '10.0.0.5',
        responder: '192.0.2.7',
        initiatorBytes: 12,
        closeReason: 'idle',
      },
    ]);
  });

  it('events and protocols that are called as what every object has are told as they are', async () => {
    const names = ['constructor', '__proto__', 'toString'];
    const { flows, source } = await read(
      names.flatMap((name, i) => [
        event(name, { flow_id: i + 1 }),
        event('flow', { flow_id: i + 1, app_proto: name, flow: { start: AT, end: AT } }),
      ]),
    );
    expect(flows.map(({ service }) => service)).toEqual(names);
    expect([...source.events()]).toEqual([
      ['constructor', 1],
      ['flow', 3],
      ['__proto__', 1],
      ['toString', 1],
    ]);
  });

  it('any event, cut or twisted, is read without an exception', async () => {
    const text = JSON.stringify(FLOW);
    for (let n = 0; n < text.length; n += 7) await read(text.slice(0, n));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('flow', 'netflow', 'dns', 'tls', 'alert', 'smb', 'mqtt', 'krb5', 'ftp', 'http', 'x'),
        fc.dictionary(
          fc.constantFrom(
            'flow',
            'dns',
            'tls',
            'alert',
            'smb',
            'vlan',
            'flow_id',
            'ether',
            'mqtt',
            'src_ip',
            'proto',
            'netflow',
          ),
          fc.jsonValue(),
        ),
        fc.dictionary(
          fc.constantFrom(
            'answers',
            'grouped',
            'queries',
            'rrname',
            'sni',
            'subject',
            'start',
            'signature_id',
            'ntlmssp',
            'type',
          ),
          fc.jsonValue(),
        ),
        async (type, more, inner) => {
          await read([event(type, { [type]: inner, ...more })]);
        },
      ),
    );
  });
});

it('several logs of one sensor are one source: what one said goes to the flow in the next', async () => {
  const source = await openEve(
    [
      bytesSource(JSON.stringify(event('tls', { tls: { sni: 's.example' } })), 'eve.1'),
      bytesSource(`[${JSON.stringify(FLOW)}]`, 'eve.2'),
    ],
    { oddities: new OddityCounter() },
  );
  expect(await readAll(source)).toMatchObject([{ serverName: 's.example', initiatorPackets: 12 }]);
  expect(source.name).toBe('eve.1 and 1 more');
});

it('EVE is told from other JSON by its first events', () => {
  expect(looksLikeEve(Buffer.from(JSON.stringify(FLOW)))).toBe(true);
  expect(looksLikeEve(Buffer.from(JSON.stringify([FLOW], null, 2)))).toBe(true);
  expect(looksLikeEve(Buffer.from('{"event_type":"x"}'))).toBe(false);
  expect(looksLikeEve(Buffer.from('event_type,timestamp\n'))).toBe(false);
  expect(looksLikeEve(Buffer.alloc(0))).toBe(false);
});

const SLIPS = '../shared/data/slips/dataset/test6-malicious.suricata.json';
it.skipIf(!existsSync(SLIPS))(
  'the log of a vertical scan: every flow event is a row, and DNS names are there (skipped without ../shared/data)',
  async () => {
    const source = await openEve([await openInput(SLIPS)], { oddities: new OddityCounter() });
    const flows = await readAll(source);
    source.close();
    expect(source.events().get('flow')).toBe(3512);
    expect(flows.length).toBeGreaterThanOrEqual(3512);
    expect(source.status().rejected).toBe(0);
    expect(flows.filter(({ outcome }) => outcome === 'refused').length).toBeGreaterThan(1000);
    expect(flows.some(({ dnsQuery, dnsAnswers }) => dnsQuery === 'www.myedimax.com' && dnsAnswers !== undefined)).toBe(
      true,
    );
    expect(source.alerts().length).toBeGreaterThan(0);
  },
);
