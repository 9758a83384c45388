import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpressionError } from '../../core/index.ts';
import { NetworkSet } from '../../wire/index.ts';
import { compileFlowFilter, FLOW_FIELDS, FLOW_SCHEMA, type FlowRecord, flowRecord, flowTable } from '../index.ts';

const START = Date.UTC(2024, 4, 14, 7, 30);

const WEB: FlowRecord = {
  id: 1,
  startMs: START,
  endMs: START + 9_000,
  durationMs: 9_000,
  protocol: 'tcp',
  initiator: '192.168.1.7',
  initiatorPort: 50_000,
  responder: '93.184.216.34',
  responderPort: 443,
  vlan: 12,
  initiatorMac: '00:1b:21:0a:0b:0c',
  responderMac: '00:00:5e:00:01:01',
  initiatorPackets: 12,
  responderPackets: 20,
  initiatorBytes: 4_000,
  responderBytes: 12_000_000,
  initiatorPayloadBytes: 3_000,
  responderPayloadBytes: 11_500_000,
  iatMeanMs: 290,
  initiatorRetransmissions: 3,
  responderRetransmissions: 2,
  certificateToMs: Date.UTC(2024, 5, 15),
  initiatorFlags: 'APSF',
  responderFlags: 'APSF',
  tcpState: 'SF',
  outcome: 'answered',
  closeReason: 'fin',
  service: 'tls',
  serviceBasis: 'content',
  serverName: 'www.Example.com',
  communityId: '1:LQU9qZlK+B5F3KDmev6m5PMibrg=',
};
const DNS: FlowRecord = {
  id: 2,
  startMs: START + 60_000,
  endMs: START + 60_020,
  durationMs: 20,
  protocol: 'udp',
  initiator: 'fd00::7',
  initiatorPort: 443,
  responder: '2001:db8::53',
  responderPort: 53,
  initiatorPackets: 1,
  responderPackets: 1,
  initiatorBytes: 90,
  responderBytes: 150,
  outcome: 'answered',
  service: 'dns',
  serviceBasis: 'content',
  dnsQuery: 'www.example.com',
  dnsType: 'AAAA',
  dnsRcode: 'NXDOMAIN',
};
const PING: FlowRecord = {
  id: 3,
  startMs: START + 120_000,
  endMs: START + 120_000,
  durationMs: 0,
  protocol: 'icmp',
  initiator: '10.0.0.1',
  responder: '10.0.0.255',
  icmpType: 8,
  icmpCode: 0,
  initiatorPackets: 1,
  responderPackets: 0,
  initiatorBytes: 98,
  responderBytes: 0,
  outcome: 'unanswered',
};
const SCAN: FlowRecord = {
  id: 4,
  startMs: START + 180_000,
  endMs: START + 180_000,
  durationMs: 0,
  protocol: 'tcp',
  initiator: '203.0.113.9',
  initiatorPort: 40_000,
  responder: '192.168.1.7',
  responderPort: 3389,
  initiatorPackets: 1,
  responderPackets: 1,
  initiatorBytes: 60,
  responderBytes: 60,
  outcome: 'refused',
  tcpState: 'REJ',
  closeReason: 'rst',
  initiatorFlags: 'S',
  responderFlags: 'AR',
  service: 'rdp',
  serviceBasis: 'port',
};
const FLOWS = flowTable([WEB, DNS, PING, SCAN]);

/** Ids of the flows that a filter lets through. */
const ids = (filter: string): string =>
  [...compileFlowFilter(filter).rows(FLOWS)].map((row) => flowRecord(FLOWS, row).id).join(' ');

function mistake(filter: string): [string, string | undefined, string] {
  try {
    compileFlowFilter(filter);
  } catch (error) {
    if (error instanceof ExpressionError) return [error.message, error.hint, error.excerpt[1]];
    throw error;
  }
  throw new Error(`no mistake was found in ${filter}`);
}

describe('a flow filter', () => {
  it.each([
    ['tcp', '1 4'],
    ['udp or icmp', '2 3'],
    ['ipv6', '2'],
    ['ip4', '1 3 4'],
    ['ip', '1 3 4'],
    ['dns', '2'],
    ['ssl', '1'],
    ['service == "ssl"', '1'],
    ['service in (ssl, rdp)', '1 4'],
    ['service != ssl', '2 4'],
    ['rcode == 3', '2'],
    ['rcode != 0', '2'],
    ['rdp and refused', '4'],
    ['tcp and dst.port in (22, 3389) and not src in home', '4'],
    ['src in home', '1 2 3'],
    ['host in (home, 203.0.113.0/24)', '1 2 3 4'],
    ['outbound', '1 2'],
    ['inbound', '4'],
    ['internal', '3'],
    ['broadcast', '3'],
    ['src 192.168.1.7', '1'],
    ['host 192.168.1.7', '1 4'],
    ['ip.addr == 192.168.1.7', '1 4'],
    ['net 192.168.0.0/16 and not dst net 192.168.0.0/16', '1'],
    ['host != 192.168.1.7', '2 3'],
    ['host not in (192.168.1.7)', '2 3'],
    ['dst in (2001:db8::/32)', '2'],
    ['src in (10.0.0.0..10.0.0.9)', '3'],
    ['port 443', '1 2'],
    ['dst port 443', '1'],
    ['tcp.port == 443', '1'],
    ['udp.port != 53', ''],
    ['port != 443', '4'],
    ['port in (1..1024)', '1 2'],
    ['port in {53 3389}', '2 4'],
    ['id.resp_p == 53 && id.orig_h == fd00::7', '2'],
    ['3389 == dst.port', '4'],
    ['bytes > 10MB', '1'],
    ['bytes > 11MiB', '1'],
    ['bytes >= 12004000', '1'],
    ['bytes >= 12004001', ''],
    ['packets == 2', '2 4'],
    ['dst.bytes > 100 * src.bytes', '1'],
    ['bytes / packets > 1kB', '1'],
    ['duration > 5s', '1'],
    ['duration in (10ms..1m)', '1 2'],
    ['durationMs > 5', '1 2'],
    ['start >= 2024-05-14T07:31', '2 3 4'],
    ['start >= 2024-05-14T09:31+02:00 and end < "2024-05-14 07:32"', '2'],
    ['end - start == 9s', '1'],
    ['sni == www.example.com', '1'],
    ['sni contains EXAMPLE', '1'],
    ['name endswith .com', '1 2'],
    ['name startswith www', '1 2'],
    ['name matches "w?w.*.com"', '1 2'],
    ['sni matches example', ''],
    ['len(sni) == 15', '1'],
    ['sni is missing', '2 3 4'],
    ['sni', '1'],
    ['vlan is present', '1'],
    ['vlan 12', '1'],
    ['not vlan', '2 3 4'],
    ['state == sf', '1'],
    ['conn_state in (REJ, S0)', '4'],
    ['outcome != answered', '3 4'],
    ['service != tls', '2 4'],
    ['not service == tls', '2 3 4'],
    ['proto == 17', '2'],
    ['flags contains R', '4'],
    ['rcode nxdomain or true.field is missing', undefined],
    ['community_id == 1:LQU9qZlK+B5F3KDmev6m5PMibrg=', '1'],
    ['mac 00-1B-21-0A-0B-0C', '1'],
    ['eth.dst == 00:00:5e:00:01:01', '1'],
    ['icmp.type 8', '3'],
    ['retransmissions > 4', '1'],
    ['src.retransmissions == 3 and dst.retransmissions == 2', '1'],
    ['certToMs < 2025-01-01 and cert.to in (2024-06-01..2024-07-01)', undefined],
    ['cert.to < 2024-07-01', '1'],
    ['payloadBytes > 11MB', '1'],
    ['src.port > dst.port', '1 2 4'],
    ['src == dst', ''],
    ['src != dst', '1 2 3 4'],
    ['serverName == serverName', '1'],
    ['SNI contains example AND Tcp', '1'],
    ['(tcp or udp) and not (port 443 or port 53)', '4'],
    ['tcp or udp or icmp or arp', '1 2 3 4'],
    ['tcp and answered and port 443 and home_net is missing', undefined],
  ])('%s', (filter, wanted) => {
    if (wanted === undefined) expect(() => ids(filter)).toThrow(ExpressionError);
    else expect(ids(filter)).toBe(wanted);
  });

  it('takes home from the operator', () => {
    const home = NetworkSet.parse(['203.0.113.0/24']);
    expect(home).toBeDefined();
    const filter = compileFlowFilter('src in home', home === undefined ? {} : { home });
    expect([...filter.mask(FLOWS)]).toEqual([0, 0, 0, 1]);
  });

  it('lets nothing through by a comparison with a missing value, and by its negation all', () => {
    const empty = flowTable([{ id: 1 }]);
    for (const field of FLOW_FIELDS) {
      if (field.columns.includes('id')) continue;
      const value = { address: '10.0.0.1', mac: '00:1b:21:0a:0b:0c', port: '1', text: field.values?.[0] ?? 'tcp' };
      const literal = { ...value, number: '1', bytes: '1', duration: '1s', time: '2024-05-14' }[field.kind];
      for (const operator of ['==', '!=']) {
        expect([...compileFlowFilter(`${field.name} ${operator} ${literal}`).mask(empty)], field.name).toEqual([0]);
        expect([...compileFlowFilter(`not ${field.name} ${operator} ${literal}`).mask(empty)], field.name).toEqual([1]);
      }
      expect([...compileFlowFilter(`${field.name} is missing`).mask(empty)], field.name).toEqual([1]);
    }
  });

  it('knows every column of the flow table by its name in any spelling', () => {
    for (const { name } of FLOW_SCHEMA.columns) {
      for (const spelling of [name, name.toUpperCase(), name.replace(/[A-Z]/g, '_$&'), name.replace(/[A-Z]/g, '-$&')])
        expect(() => compileFlowFilter(`${spelling} is missing`), spelling).not.toThrow();
    }
  });

  it.each<[string, string, string | undefined, string]>([
    [
      'tcp and serivce == dns',
      "filter, column 9: there is no field 'serivce'",
      "did you mean 'service'?",
      `${' '.repeat(8)}^^^^^^^`,
    ],
    [
      'tpc',
      "filter, column 1: 'tpc' is no protocol, service, field or other word that is known here",
      "did you mean 'tcp'?",
      '^^^',
    ],
    [
      'duration > 5',
      'filter, column 12: the unit of this duration is missing',
      'as in 500ms, 5s, 10m, 1h30m, 2d',
      `${' '.repeat(11)}^`,
    ],
    [
      'start > 1715671800',
      'filter, column 9: this is no time',
      'as in 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone it is UTC',
      `${' '.repeat(8)}${'^'.repeat(10)}`,
    ],
    [
      'start > 2024-13-01',
      "filter, column 9: '2024-13-01' is no date that a calendar has",
      'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
      `${' '.repeat(8)}${'^'.repeat(10)}`,
    ],
    ['bytes > 5m', "filter, column 1: bytes and a duration can't be compared", undefined, '^'.repeat(10)],
    [
      'bytes > 5mbit',
      "filter, column 9: 'mbit' is no unit",
      "did you mean 'min'? Times: ns us ms s m h d w; sizes: B kB MB GB TB KiB MiB GiB TiB; text is put in quotes",
      `${' '.repeat(8)}^^^^^`,
    ],
    [
      'bytes contains 5',
      "filter, column 1: 'bytes' is a number, and 'contains' is for text",
      'use == != < <= > >= or in',
      '^'.repeat(16),
    ],
    [
      'sni > 5',
      "filter, column 1: 'sni' is no number, and '>' is for numbers",
      'use == != contains startswith endswith or matches',
      '^^^^^^^',
    ],
    [
      'src == 10.0.0.0/33',
      "filter, column 8: '10.0.0.0/33' is neither an address nor a network",
      'as in 192.168.1.7, 192.168.0.0/16, fe80::1 or fd00::/8',
      `${' '.repeat(7)}${'^'.repeat(11)}`,
    ],
    [
      'src == www.example.com',
      "filter, column 8: 'www.example.com' is no address",
      'as in 192.168.1.7, 192.168.0.0/16, fe80::1 or home; for a name use sni, query or http.host',
      `${' '.repeat(7)}${'^'.repeat(15)}`,
    ],
    [
      'src == 00:1b:21:0a:0b:0c',
      "filter, column 8: 'src' is an IP address, and this is an Ethernet address",
      "use 'mac', 'src.mac' or 'dst.mac'",
      `${' '.repeat(7)}${'^'.repeat(17)}`,
    ],
    [
      'state == SFF',
      "filter, column 10: 'state' is never 'SFF'",
      "did you mean 'SF'? It is one of S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, OTH",
      `${' '.repeat(9)}^^^`,
    ],
    ['proto == tpc', "filter, column 10: 'proto' is never 'tpc'", undefined, `${' '.repeat(9)}^^^`],
    [
      'port == 70000',
      'filter, column 9: this is not a port',
      'a whole number from 0 to 65535',
      `${' '.repeat(8)}^^^^^`,
    ],
    [
      'port in (8000-8010)',
      'filter, column 10: this is a difference',
      'a range is written with two dots, as in 8000..8010',
      `${' '.repeat(9)}^^^^^^^^^`,
    ],
    [
      'port in (1024..1)',
      'filter, column 10: the range ends before it begins',
      'turn it round',
      `${' '.repeat(9)}^^^^^^^`,
    ],
    [
      'port == http',
      "filter, column 9: 'http' is not a port",
      'ports are numbers; for the service: service == http',
      `${' '.repeat(8)}^^^^`,
    ],
    [
      'port 80 or 443',
      'filter, column 12: a value alone is no condition',
      "say which field it belongs to; for one of several: 'port in (80, 443)'",
      `${' '.repeat(11)}^^^`,
    ],
    [
      'home',
      "filter, column 1: 'home' is a set of addresses",
      "for example 'src in home', 'not dst in home', 'internal'",
      '^^^^',
    ],
    [
      'bytes / duration > 5',
      'filter, column 1: bytes / a duration means nothing',
      'bytes per second: bytes / (duration / 1s)',
      '^'.repeat(16),
    ],
    ['port + 1 > 5', "filter, column 1: 'port' stands for both sides", 'name one, as in src.port or dst.port', '^^^^'],
    [
      'size(sni) > 5',
      "filter, column 1: there is no function 'size'",
      'there is len(field), the number of characters of a text',
      '^^^^',
    ],
    [
      'dns == 5',
      "filter, column 1: 'dns' is a condition by itself, not a field",
      'leave the comparison away, or name the field: service, proto, outcome',
      '^^^',
    ],
    [
      'mac == 00:1b',
      'filter, column 8: "00:" is no number, address or time',
      'an address is written as 10.0.0.1, 10.0.0.0/8 or fe80::1; a time as 2024-05-14T07:30; text is put in quotes',
      `${' '.repeat(7)}^^^`,
    ],
  ])('%s is a mistake that is told with its place', (filter, message, hint, carets) => {
    const [told, advice, marks] = mistake(filter);
    expect(told).toBe(message);
    if (hint !== undefined) expect(advice).toBe(hint);
    expect(marks).toBe(carets);
  });

  it('says of every flow what plain code says', () => {
    const flow = fc.record(
      {
        protocol: fc.constantFrom('tcp', 'udp'),
        initiatorPort: fc.integer({ min: 0, max: 100 }),
        responderPort: fc.integer({ min: 0, max: 100 }),
        initiatorBytes: fc.integer({ min: 0, max: 2000 }),
        responderBytes: fc.integer({ min: 0, max: 2000 }),
        serverName: fc.constantFrom('a.example', 'b.example', 'c.test'),
        initiator: fc.constantFrom('10.0.0.1', '10.1.0.1', '8.8.8.8', 'fe80::1'),
      },
      { requiredKeys: [] },
    );
    const sum = (f: FlowRecord): number | undefined =>
      f.initiatorBytes === undefined && f.responderBytes === undefined
        ? undefined
        : (f.initiatorBytes ?? 0) + (f.responderBytes ?? 0);
    const cases: [string, (f: FlowRecord) => boolean][] = [
      [
        'tcp and not sni contains example',
        (f) => f.protocol === 'tcp' && !(f.serverName?.includes('example') ?? false),
      ],
      [
        'port in (10..50)',
        (f) => [f.initiatorPort, f.responderPort].some((p) => p !== undefined && p >= 10 && p <= 50),
      ],
      ['bytes > 1kB or udp', (f) => (sum(f) ?? -1) > 1000 || f.protocol === 'udp'],
      [
        'src in (10.0.0.0/16, fe80::/10) and sni',
        (f) => ['10.0.0.1', 'fe80::1'].includes(f.initiator ?? '') && f.serverName !== undefined,
      ],
      [
        'src.port <= dst.port',
        (f) => f.initiatorPort !== undefined && f.responderPort !== undefined && f.initiatorPort <= f.responderPort,
      ],
      ['sni != a.example', (f) => f.serverName !== undefined && f.serverName !== 'a.example'],
    ];
    const filters = cases.map(([text, test]) => ({ filter: compileFlowFilter(text), test, text }));
    fc.assert(
      fc.property(fc.array(flow, { minLength: 1, maxLength: 40 }), (records) => {
        const table = flowTable(records as FlowRecord[]);
        for (const { filter, test, text } of filters)
          expect([...filter.mask(table)], text).toEqual(records.map((record) => (test(record as FlowRecord) ? 1 : 0)));
      }),
    );
  });

  it('throws nothing but its own error, whatever is put together of its words', () => {
    const words = [
      'src',
      'port',
      'bytes',
      'sni',
      'start',
      'duration',
      'home',
      'tcp',
      'dns',
      '5',
      '5s',
      '5MB',
      '10.0.0.0/8',
      '"x"',
    ];
    const signs = [
      'and',
      'or',
      'not',
      '==',
      '!=',
      '<',
      'in',
      '(',
      ')',
      '..',
      ',',
      '+',
      '-',
      '/',
      'contains',
      'is',
      'missing',
      'len(',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words, ...signs), { maxLength: 10 }), (pieces) => {
        try {
          compileFlowFilter(pieces.join(' ')).mask(FLOWS);
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
  });
});
