import { existsSync, readdirSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowRecord } from '../../../flow/index.ts';
import { OddityCounter } from '../../../wire/index.ts';
import { type ByteSource, openInput } from '../input.ts';
import type { Reject, TableSource } from '../table-source.ts';
import { openZeekFlows } from './flow.ts';
import { looksLikeZeekJson, openZeekJsonFlows, zeekJsonPath } from './json.ts';
import type { ZeekLog } from './log.ts';

function log(name: string, text: string, chunk = 65_536): ZeekLog {
  const bytes = Buffer.from(text);
  return {
    name,
    open: async () => {
      let at = 0;
      const source: ByteSource = {
        name,
        compression: '',
        totalBytes: bytes.length,
        bytesTaken: () => at,
        read(into) {
          const n = Math.min(into.length, chunk, bytes.length - at);
          into.set(bytes.subarray(at, at + n));
          at += n;
          return n;
        },
        close: () => undefined,
      };
      return source;
    },
  };
}

async function readAll(source: TableSource): Promise<FlowRecord[]> {
  const flows: FlowRecord[] = [];
  for (let table = await source.read(); table !== undefined; table = await source.read())
    for (let row = 0; row < table.rowCount; row++) flows.push(flowRecord(table, row));
  source.close();
  return flows;
}

async function read(logs: readonly ZeekLog[]) {
  const rejects: Reject[] = [];
  const source = await openZeekJsonFlows(logs, { oddities: new OddityCounter(), onReject: (r) => rejects.push(r) });
  return { flows: await readAll(source), source, rejects };
}

const CONN = {
  ts: 1575413096.052279,
  uid: 'CH1',
  'id.orig_h': '10.18.20.97',
  'id.orig_p': 49_187,
  'id.resp_h': '10.18.20.8',
  'id.resp_p': 443,
  proto: 'tcp',
  service: 'ssl',
  duration: 0.5,
  orig_bytes: 242,
  resp_bytes: 283,
  conn_state: 'SF',
  missed_bytes: 0,
  history: 'ShADdFaf',
  orig_pkts: 4,
  orig_ip_bytes: 414,
  resp_pkts: 4,
  resp_ip_bytes: 455,
};
const SSL = {
  ts: 1575413096.1,
  uid: 'CH1',
  'id.orig_h': '10.18.20.97',
  'id.orig_p': 49_187,
  'id.resp_h': '10.18.20.8',
  'id.resp_p': 443,
  version: 'TLSv12',
  cipher: 'x',
  server_name: 'www.example.org',
  established: true,
};
const lines = (...records: object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');

const FLOW = {
  startMs: 1575413096052.279,
  durationMs: 500,
  initiator: '10.18.20.97',
  initiatorPort: 49_187,
  responderPort: 443,
  initiatorPackets: 4,
  initiatorBytes: 414,
  initiatorPayloadBytes: 242,
  tcpState: 'SF',
  outcome: 'answered',
  serverName: 'www.example.org',
  tlsVersion: 'TLS 1.2',
};

describe('Zeek logs in JSON', () => {
  it('become the flows that the same logs in tabs become', async () => {
    const tsv = (path: string, record: object): string =>
      [
        '#separator \\x09',
        '#set_separator\t,',
        '#empty_field\t(empty)',
        '#unset_field\t-',
        `#path\t${path}`,
        `#fields\t${Object.keys(record).join('\t')}`,
        Object.values(record)
          .map((value) => (value === true ? 'T' : String(value)))
          .join('\t'),
        '',
      ].join('\n');
    const inTabs = await openZeekFlows([log('conn.log', tsv('conn', CONN)), log('ssl.log', tsv('ssl', SSL))], {
      oddities: new OddityCounter(),
    });
    const expected = await readAll(inTabs);
    for (const chunk of [1, 7, 65_536]) {
      const { flows, source } = await read([log('conn.log', lines(CONN), chunk), log('ssl.log', lines(SSL), chunk)]);
      expect(flows).toEqual(expected);
      expect([...inTabs.gives].filter((name) => !source.gives.has(name))).toEqual([]);
      expect(source.status()).toEqual({ rows: 1, rejected: 0, rejects: [], state: 'whole' });
    }
    expect(expected[0]).toMatchObject(FLOW);
    const mixed = await read([log('conn.log', lines(CONN)), log('ssl.log', tsv('ssl', SSL))]);
    expect(mixed.flows).toEqual(expected);
  });

  it.each<[string, object]>([
    ['ISO 8601', { ...CONN, ts: '2019-12-03T22:44:56.052279Z' }],
    ['epoch milliseconds', { ...CONN, ts: 1575413096052.279 }],
    [
      'objects instead of dots',
      {
        ...Object.fromEntries(Object.entries(CONN).filter(([key]) => !key.startsWith('id.'))),
        id: { orig_h: '10.18.20.97', orig_p: 49_187, resp_h: '10.18.20.8', resp_p: 443 },
      },
    ],
    ['the name of the log in the record', { _path: 'conn', ...CONN }],
  ])('times and layouts: %s', async (_, record) => {
    const { flows } = await read([log('x.json', lines(record)), log('y.json', lines(SSL))]);
    expect(flows).toHaveLength(1);
    expect(flows[0]).toMatchObject(FLOW);
  });

  it('fields that come later are read, and missing ones are missing', async () => {
    const first = { ...CONN, uid: 'A', service: undefined, history: undefined };
    const later = Array.from({ length: 600 }, (_, i) => ({ ...first, uid: `B${i}` }));
    const { flows, source } = await read([log('conn.log', lines(...later, { ...CONN, vlan: 7 }))]);
    expect(flows).toHaveLength(601);
    expect(flows[0]?.serviceBasis).toBe('port');
    expect(flows[600]).toMatchObject({ initiatorFlags: 'ASF', serviceBasis: 'content' });
    expect(source.status().rejected).toBe(0);
  });

  it('tabs, line ends, commas and marks in values stay what they are', async () => {
    const dns = {
      ...SSL,
      version: undefined,
      cipher: undefined,
      server_name: undefined,
      established: undefined,
      'id.resp_p': 53,
      proto: 'udp',
      trans_id: 1,
      query: 'a\tb\nc\\d',
      qtype_name: 'TXT',
      rcode_name: '-',
      answers: ['TXT 5 hello', 'x'],
      TTLs: [60.0, 30.0],
    };
    const { flows } = await read([log('dns.log', lines(dns))]);
    expect(flows[0]).toMatchObject({
      dnsQuery: 'a\tb\nc\\d',
      dnsType: 'TXT',
      dnsRcode: '-',
      dnsAnswers: 'TXT 5 hello,x',
      dnsTtl: 30,
    });
  });

  it('what is rejected has the line of the JSON, whichever part rejects it', async () => {
    const { rejects, source, flows } = await read([
      log(
        'conn.log',
        `${lines(CONN)}\n{"ts":1,\n${lines({ ...CONN, uid: 'X', 'id.orig_h': 'nobody' }, { ...CONN, uid: 'Y' })}{"ts":2`,
      ),
    ]);
    expect(flows).toHaveLength(2);
    expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [3, 'column 9: ends within an object'],
      [6, 'column 8: ends within an object'],
      [4, 'column id.orig_h holds no address'],
    ]);
    expect(source.status()).toMatchObject({
      rejected: 3,
      state: 'cut',
      message: 'the input ends within a record, in line 6',
    });
  });

  it('which log it is, is told from the record, the name or the fields', () => {
    const path = (record: object, name?: string): string | undefined => zeekJsonPath(Buffer.from(lines(record)), name);
    expect(path({ _path: 'dns', ts: 1 })).toBe('dns');
    expect(path({ ts: 1, uid: 'x' }, '/logs/smb_files.00:00:00-01:00:00.log.gz')).toBe('smb_files');
    expect(path({ ts: 1, uid: 'x' }, 'kerberos_20230105.json')).toBe('kerberos');
    expect(path(CONN)).toBe('conn');
    expect(path(SSL)).toBe('ssl');
    expect(path({ ts: 1, level: 'info' }, 'http.log')).toBeUndefined();
    expect(path({ uid: 'x' }, 'http.log')).toBeUndefined();
    expect(looksLikeZeekJson(Buffer.from('#separator \\x09\n'))).toBe(false);
    expect(looksLikeZeekJson(Buffer.from(JSON.stringify([CONN])))).toBe(true);
  });

  it('a log or a field that is called as what every object has is none that is known', async () => {
    const { flows, source } = await read([
      log('a.log', lines({ ...CONN, _path: 'constructor' })),
      log('b.log', lines({ ...CONN, _path: 'conn', constructor: 'x', toString: 'y' })),
    ]);
    expect(flows.map(({ responderPort }) => responderPort)).toEqual([443]);
    expect(source.status().message).toContain('left aside, because they hold no connections: constructor');
  });

  it('a file that is none of these is an error', async () => {
    await expect(read([log('x.json', '{"a":1}')])).rejects.toMatchObject({
      message:
        "x.json is no Zeek log: it is neither JSON with a field 'ts' and fields of Zeek, nor does it begin with #separator",
      hint: 'name the file as Zeek does (conn.log, dns.log ...), or keep the field _path',
    });
  });

  it('any values and every truncation are read without an exception', async () => {
    const text = lines(CONN);
    for (let n = text.indexOf('proto'); n < text.length; n += 5) await read([log('conn.log', text + text.slice(0, n))]);
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...Object.keys(CONN), 'TTLs', 'answers', 'a\tb', '#x'), fc.jsonValue()),
        async (more) => {
          await read([log('conn.log', lines(CONN, { ...CONN, ...more }))]);
        },
      ),
    );
  });

  const REAL = '../shared/data/zat-zeek/data/json';
  it.skipIf(!existsSync(REAL))(
    'a set of real logs: connections are joined with what other logs know of them (skipped without ../shared/data)',
    async () => {
      const names = readdirSync(REAL).map((name) => `${REAL}/${name}`);
      const { flows, source } = await read(names.map((name) => ({ name, open: () => openInput(name) })));
      expect(source.status().rejected).toBe(0);
      expect(flows.length).toBeGreaterThan(100);
      expect(
        flows.some(({ serverName, initiatorPackets }) => serverName !== undefined && initiatorPackets !== undefined),
      ).toBe(true);
      expect(flows.some(({ certificateSubject }) => certificateSubject !== undefined)).toBe(true);
    },
  );
});
