import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Table } from '../../../core/index.ts';
import { flowRecord } from '../../../flow/index.ts';
import { OddityCounter } from '../../../wire/index.ts';
import { bytesSource } from '../delimited.ts';
import { openInput } from '../input.ts';
import { openZeekFlows, type ZeekFlowOptions } from './flow.ts';
import { rotationOf, zeekGivesFlows } from './log.ts';
import { looksLikeZeek, openZeekTable, zeekPathOf } from './tsv.ts';

const CONN_FIELDS =
  'ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents';
const CONN_TYPES =
  'time string addr port addr port enum string interval count count string bool bool count string count count count count set[string]';

/** A log with its head; cells are separated by spaces in the test. */
function log(path: string, fields: string, types: string, rows: readonly string[]): string {
  const tab = (text: string): string => text.replaceAll(' ', '\t');
  return `#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t${path}\n#open\t2024-01-01-00-00-00\n#fields\t${tab(fields)}\n#types\t${tab(types)}\n${rows.map((row) => `${tab(row)}\n`).join('')}#close\t2024-01-01-01-00-00\n`;
}

const conn = (...rows: string[]): string => log('conn', CONN_FIELDS, CONN_TYPES, rows);
const WEB =
  '1700000000.123456 C1 10.0.0.1 50000 192.0.2.7 443 tcp ssl 1.5 600 4000 SF T F 0 ShADadFf 12 1200 10 4600 -';

async function flowsOf(logs: Record<string, string | Uint8Array>, options: Partial<ZeekFlowOptions> = {}) {
  const source = await openZeekFlows(
    Object.entries(logs).map(([name, text]) => ({
      name,
      open: async () => bytesSource(typeof text === 'string' ? Buffer.from(text) : text, name),
    })),
    { oddities: new OddityCounter(), ...options },
  );
  const rows = [];
  for (let t: Table | undefined = await source.read(); t !== undefined; t = await source.read())
    for (let row = 0; row < t.rowCount; row++) {
      const record: Record<string, unknown> = { ...flowRecord(t, row) };
      for (const name of options.extra ?? []) record[name] = t.text(name, row);
      rows.push(record);
    }
  const status = source.status();
  source.close();
  return { rows, status, gives: source.gives, format: source.format };
}

describe('openZeekFlows', () => {
  it('gives a connection its flow: times, sides, counts, state, flags and service in our words', async () => {
    const { rows, gives, format } = await flowsOf({ 'conn.log': conn(WEB) });
    expect(format).toBe('zeek-conn');
    expect(rows).toEqual([
      {
        id: 1,
        startMs: 1700000000123.456,
        endMs: 1700000001623.456,
        durationMs: 1500,
        protocol: 'tcp',
        initiator: '10.0.0.1',
        initiatorPort: 50000,
        responder: '192.0.2.7',
        responderPort: 443,
        initiatorPackets: 12,
        responderPackets: 10,
        initiatorBytes: 1200,
        responderBytes: 4600,
        initiatorPayloadBytes: 600,
        responderPayloadBytes: 4000,
        initiatorMissingBytes: 0,
        responderMissingBytes: 0,
        initiatorFlags: 'ASF',
        responderFlags: 'ASF',
        tcpState: 'SF',
        closeReason: 'fin',
        outcome: 'answered',
        service: 'tls',
        serviceBasis: 'content',
        portService: 'tls',
      },
    ]);
    expect(gives.has('initiatorBytes')).toBe(true);
    for (const column of ['iatMeanMs', 'initiatorRetransmissions', 'serverName', 'dnsQuery'])
      expect(gives.has(column), column).toBe(false);
  });

  it.each([
    ['S0', 'unanswered', undefined],
    ['REJ', 'refused', 'rst'],
    ['RSTO', 'answered', 'rst'],
    ['RSTOS0', 'unanswered', 'rst'],
    ['S1', 'answered', undefined],
    ['OTH', 'unknown', undefined],
  ])('says of a connection in state %s that it was %s', async (state, outcome, closeReason) => {
    const { rows } = await flowsOf({ 'conn.log': conn(WEB.replace(' SF ', ` ${state} `)) });
    expect(rows[0]).toMatchObject({ tcpState: state, outcome });
    expect(rows[0]?.closeReason).toBe(closeReason);
  });

  it('says of UDP and ICMP by their packets whether they were answered, and never expects an answer of a group', async () => {
    const { rows } = await flowsOf({
      'conn.log': conn(
        '1 A 10.0.0.1 5000 10.0.0.2 53 udp dns 0.1 30 90 SF T T 0 Dd 1 58 1 118 -',
        '2 B 10.0.0.1 5001 10.0.0.2 123 udp - - - - S0 T T 0 D 1 76 0 0 -',
        '3 C 10.0.0.1 5353 224.0.0.251 5353 udp dns - - - S0 T F 0 D 1 76 0 0 -',
        '4 D 10.0.0.1 8 10.0.0.9 0 icmp - - - - OTH T T 0 - 1 84 0 0 -',
        '5 E 10.0.0.1 3 10.0.0.9 13 icmp - - - - OTH T T 0 - 1 84 0 0 -',
        '6 F fe80::1 135 ff02::1 136 icmp - - - - OTH T T 0 - 1 84 0 0 -',
      ),
    });
    expect(rows.map((row) => [row.protocol, row.outcome, row.service, row.durationMs])).toEqual([
      ['udp', 'answered', 'dns', 100],
      ['udp', 'unanswered', 'ntp', 0],
      ['udp', 'unknown', 'mdns', 0],
      ['icmp', 'unanswered', undefined, 0],
      ['icmp', 'unknown', undefined, 0],
      ['icmpv6', 'unknown', undefined, 0],
    ]);
    expect(rows[3]).toMatchObject({ icmpType: 8, initiatorPackets: 1, responderPayloadBytes: 0 });
    expect(rows[3]).not.toHaveProperty('icmpCode');
    expect(rows[3]).not.toHaveProperty('initiatorPort');
    expect(rows[4]).toMatchObject({ icmpType: 3, icmpCode: 13 });
  });

  it('leaves missing what is unset or has no column', async () => {
    const { rows, gives } = await flowsOf({
      'conn.log': log(
        'conn',
        'ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto',
        'time string addr port addr port enum',
        ['1700000000.5 C1 10.0.0.1 1 10.0.0.2 9999 tcp'],
      ),
    });
    expect(rows).toEqual([
      {
        id: 1,
        startMs: 1700000000500,
        protocol: 'tcp',
        initiator: '10.0.0.1',
        initiatorPort: 1,
        responder: '10.0.0.2',
        responderPort: 9999,
        outcome: 'unknown',
      },
    ]);
    expect(gives.has('durationMs')).toBe(false);
  });

  const DNS = log(
    'dns',
    'ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto query qtype qtype_name rcode_name answers TTLs',
    'time string addr port addr port enum string count string string vector[string] vector[interval]',
    [
      '1700000000.1 D1 10.0.0.1 4000 10.0.0.53 53 udp WWW.Example.org 1 A NOERROR 192.0.2.1,192.0.2.2 60.000000,30.000000',
      '1700000000.2 D1 10.0.0.1 4000 10.0.0.53 53 udp second.example 28 AAAA NXDOMAIN - -',
      '1700000009.0 D9 10.0.0.1 4001 10.0.0.53 53 udp lonely.example 65 query-65 - - -',
    ],
  );

  it('joins what other logs know of the same uid, and gives the rest as flows of their own', async () => {
    const { rows, status } = await flowsOf({
      'dns.log': DNS,
      'conn.log': conn('1700000000.0 D1 10.0.0.1 4000 10.0.0.53 53 udp dns 0.3 60 180 SF T T 0 Dd 2 116 2 236 -', WEB),
      'x509.log': log(
        'x509',
        'ts id certificate.subject certificate.issuer certificate.not_valid_before certificate.not_valid_after',
        'time string string string time time',
        ['1 F1 CN=www.example.org,O=Example\\,\u00a0Inc O=Some\u00a0CA 1600000000.000000 1800000000.000000'],
      ),
      'ssl.log': log(
        'ssl',
        'ts uid id.orig_h id.orig_p id.resp_h id.resp_p version server_name next_protocol cert_chain_fuids ja3',
        'time string addr port addr port string string string vector[string] string',
        ['1700000000.2 C1 10.0.0.1 50000 192.0.2.7 443 TLSv12 www.example.org h2 F1,F2 0123abcd'],
      ),
      'weird.log': log('weird', 'ts uid name', 'time string string', ['1 C1 odd']),
    });
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({
      dnsQuery: 'www.example.org',
      dnsType: 'A',
      dnsRcode: 'NOERROR',
      dnsAnswers: '192.0.2.1,192.0.2.2',
      dnsTtl: 30,
      operations: 'A www.example.org, AAAA second.example',
    });
    expect(rows[1]).toMatchObject({
      serverName: 'www.example.org',
      alpn: 'h2',
      tlsVersion: 'TLS 1.2',
      ja3: '0123abcd',
      certificateSubject: 'www.example.org',
      certificateIssuer: 'Some\u00a0CA',
      certificateFromMs: 1.6e12,
      certificateToMs: 1.8e12,
    });
    expect(rows[2]).toMatchObject({
      dnsQuery: 'lonely.example',
      dnsType: 'TYPE65',
      outcome: 'unknown',
      service: 'dns',
    });
    expect(rows[2]).not.toHaveProperty('initiatorPackets');
    expect(status.message).toBe(
      'left aside, because they hold no connections: weird; 1 connection of other logs in no conn.log, given as flows without packets and bytes',
    );
  });

  it('makes flows of logs without a conn.log, one per connection', async () => {
    const { rows, gives } = await flowsOf({ 'dns.log': DNS });
    expect(rows.map((row) => [row.dnsQuery, row.startMs, row.endMs])).toEqual([
      ['www.example.org', 1700000000100, 1700000000200],
      ['lonely.example', 1700000009000, undefined],
    ]);
    expect(gives.has('initiatorBytes')).toBe(false);
    expect(gives.has('dnsQuery')).toBe(true);
  });

  it('lets the oldest go when too many connections wait, and says how many', async () => {
    const { rows, status } = await flowsOf(
      {
        'dns.log': DNS,
        'conn.log': conn('1700000000.0 D1 10.0.0.1 4000 10.0.0.53 53 udp dns 0.3 60 180 SF T T 0 Dd 2 116 2 236 -'),
      },
      { maxJoined: 1 },
    );
    expect(rows[0]).not.toHaveProperty('dnsQuery');
    expect(status.message).toContain(
      'what other logs know of 1 connection was let go before conn.log told of them (1 may wait)',
    );
    // Without a conn.log nothing is lost at the bound.
    expect((await flowsOf({ 'dns.log': DNS }, { maxJoined: 1 })).rows).toHaveLength(2);
  });

  it('keeps the columns that are asked for', async () => {
    const labeled = log('conn', `${CONN_FIELDS} label detailed-label`, `${CONN_TYPES} string string`, [
      `${WEB} Malicious C&C`,
      `${WEB} Benign -`,
    ]);
    const { rows } = await flowsOf({ 'conn.log.labeled': labeled }, { extra: ['label', 'detailedlabel', 'uid'] });
    expect(rows.map(({ label, detailedlabel, uid }) => [label, detailedlabel, uid])).toEqual([
      ['Malicious', 'C&C', 'C1'],
      ['Benign', undefined, 'C1'],
    ]);
  });

  it('rejects rows that are none, with line and column, and keeps the others', async () => {
    const { rows, status } = await flowsOf({
      'conn.log': conn(
        WEB,
        WEB.replace('1700000000.123456', 'yesterday'),
        WEB.replace('10.0.0.1', 'localhost'),
        WEB.replace('10.0.0.1', 'localhost'),
        WEB.replace(' 12 1200 ', ' twelve 1200 '),
        '1700000000.1 C1 10.0.0.1',
        WEB,
      ),
    });
    expect(rows).toHaveLength(2);
    expect(status.rejects.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      '10: column ts holds no time',
      '11: column id.orig_h holds no address',
      '12: column id.orig_h holds no address',
      "13: column orig_pkts is 'twelve', which is no number",
      '14: 3 fields, where #fields names 21',
    ]);
  });

  it('follows a head that changes in the middle of a file', async () => {
    const narrow = log(
      'conn',
      'uid ts id.resp_h id.orig_h id.orig_p id.resp_p proto',
      'string time addr addr port port enum',
      ['C2 1700000001.0 10.0.0.2 10.0.0.9 7 8 udp'],
    );
    const { rows, status } = await flowsOf({ 'conn.log': conn(WEB) + narrow + conn(WEB) });
    expect(rows.map((row) => row.initiator)).toEqual(['10.0.0.1', '10.0.0.9', '10.0.0.1']);
    expect(rows[1]).toMatchObject({ startMs: 1700000001000, protocol: 'udp' });
    expect(status.rejected).toBe(0);
  });

  it('reads rotated logs hour by hour, protocols before connections', async () => {
    expect(rotationOf('2024-01-01/conn.00:00:00-01:00:00.log.gz')).toBe('2024-01-01/00:00:00-01:00:00');
    expect(rotationOf('/logs/conn.log')).toBe('/logs/');
    const hour = (h: number): string => conn(WEB.replace('1700000000', String(1700000000 + 3600 * h)));
    const { rows, status } = await flowsOf({
      'd/conn.01:00:00-02:00:00.log': hour(1).replace('#close\t2024-01-01-01-00-00\n', ''),
      'd/conn.00:00:00-01:00:00.log': hour(0),
      'd/dns.00:00:00-01:00:00.log': DNS,
    });
    expect(rows.map((row) => row.startMs)).toEqual([
      1700000000123.456, 1700003600123.456, 1700000000100, 1700000009000,
    ]);
    expect(status.state).toBe('whole');
  });

  it('counts a connection once that stands in two conn logs, as the log with more columns has it', async () => {
    const labelled = log('conn', `${CONN_FIELDS} label`, `${CONN_TYPES} string`, [
      `${WEB} bad`,
      `${WEB.replace('C1', 'C2')} good`,
    ]);
    const { rows, status } = await flowsOf(
      {
        'conn.log': conn(WEB, WEB.replace('C1', 'C3')),
        'dns.log': DNS.replaceAll('\tC2\t', '\tC1\t'),
        'labeled-conn.log': labelled,
      },
      { extra: ['uid', 'label'] },
    );
    expect(rows.map((row) => [row.uid, row.label])).toEqual(
      expect.arrayContaining([
        ['C1', 'bad'],
        ['C2', 'good'],
        ['C3', undefined],
      ]),
    );
    expect(rows.filter((row) => row.uid === 'C1')).toHaveLength(1);
    expect(status.rejected).toBe(0);
    expect(status.message).toContain('1 connection in more than one conn.log, counted once (left out of conn.log)');
  });

  it('keeps the lines of one conn log as they are, whatever their uid', async () => {
    const { rows, status } = await flowsOf({ 'conn.log': conn(WEB, WEB) });
    expect(rows).toHaveLength(2);
    expect(status.message).toBeUndefined();
  });

  it('rejects a record without a server where no conn.log tells of its connection', async () => {
    const dhcp = log('dhcp', 'ts uids client_addr server_addr mac msg_types', 'time set addr addr string vector', [
      '1 C1,C2 10.0.0.1 - 00:00:00:00:00:01 INFORM,ACK',
      '2 C3 10.0.0.1 10.0.0.9 00:00:00:00:00:01 REQUEST,ACK',
      '3 C4 - 10.0.0.9 00:00:00:00:00:01 DISCOVER',
      '4 - 10.0.0.1 10.0.0.9 00:00:00:00:00:01 DISCOVER',
    ]);
    const { rows, status } = await flowsOf({ 'dhcp.log': dhcp });
    expect(rows.map((row) => [row.startMs, row.initiator, row.responder])).toEqual([[2000, '10.0.0.1', '10.0.0.9']]);
    expect(status.rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [9, 'column server_addr holds no address'],
      [11, 'column client_addr holds no address'],
    ]);
    expect(status.message).toBe('1 record that names no connection, left out');
    const beside = await flowsOf({ 'dhcp.log': dhcp, 'conn.log': conn(WEB) });
    expect(beside.rows).toHaveLength(2);
    expect(beside.status.rejected).toBe(0);
    expect(beside.status.message).toContain(
      '2 connections of other logs in no conn.log and without two addresses and a protocol, left out',
    );
  });

  it('knows a log without #path by its name, and names one that is left aside', async () => {
    const bare = (text: string): string => text.replace(/^#path.*\n/m, '');
    const { rows, status } = await flowsOf({
      'conn.log': bare(conn(WEB)),
      'd/list.intel': log('', 'indicator indicator_type', 'string enum', ['a.example Intel::DOMAIN']),
    });
    expect(rows).toHaveLength(1);
    expect(status.message).toBe('left aside, because they hold no connections: list.intel');
  });

  it('takes fields that are called as what every object has for fields of which it knows nothing', async () => {
    const [first = '', ...more] = ['constructor', '__proto__', 'toString'];
    const { rows } = await flowsOf({
      'conn.log': log('conn', `${CONN_FIELDS} ${first} ${more.join(' ')}`, `${CONN_TYPES} string string string`, [
        `${WEB} a b c`,
      ]),
    });
    expect(rows.map(({ responderPort }) => responderPort)).toEqual([443]);
  });

  it('tells which logs give flows', () => {
    const gives = (name: string, text: string): boolean => zeekGivesFlows(Buffer.from(text), name);
    expect(gives('x.log', conn(WEB))).toBe(true);
    expect(gives('x.log', DNS)).toBe(true);
    expect(gives('conn.log', '#fields\tts\tuid\n')).toBe(true);
    for (const path of ['notice', 'weird', 'files', 'x509', 'stats', 'tunnel', 'constructor'])
      expect(gives('x.log', log(path, 'ts', 'time', [])), path).toBe(false);
    expect(gives('list.intel', '#fields\tindicator\n')).toBe(false);
  });

  it('says that a log ends within a line, and keeps what came before', async () => {
    const text = conn(WEB, WEB);
    const { rows, status } = await flowsOf({ 'conn.log': text.slice(0, text.indexOf('#close') - 30) });
    expect(rows).toHaveLength(1);
    expect(status).toMatchObject({
      state: 'cut',
      rejected: 1,
      message: 'the last line has no line end, so it may be incomplete',
    });
  });

  it('refuses what is no Zeek log, and a log whose head is missing', async () => {
    await expect(flowsOf({ 'x.log': 'a,b\n1,2\n' })).rejects.toMatchObject({
      message: 'x.log is no Zeek log: it does not begin with #separator',
    });
    await expect(flowsOf({ 'conn.log': '#separator \\x09\n1\t2\n' })).rejects.toMatchObject({
      message: 'conn.log: line 2 is a row, and no #fields line stands before it',
    });
  });

  it('never throws but for an operator, whatever is cut out of a log or changed in it', async () => {
    const text = Buffer.from(conn(WEB, WEB.replace(' 12 ', ' - '), WEB) + DNS);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length),
        fc.array(fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 5 }),
        async (end, changes) => {
          const bytes = Uint8Array.from(text);
          for (const [at, byte] of changes) bytes[at] = byte;
          try {
            const { rows, status } = await flowsOf({ 'conn.log': bytes.slice(0, end) }, { batchRows: 2 });
            expect(status.rows).toBe(rows.length);
          } catch (error) {
            expect((error as Error).name).toBe('UserError');
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('openZeekTable', () => {
  const tableOf = async (text: string) => {
    const source = await openZeekTable(bytesSource(Buffer.from(text), 'any.log'), { oddities: new OddityCounter() });
    const table = await source.read();
    const rows = Array.from({ length: table?.rowCount ?? 0 }, (_, row) =>
      Object.fromEntries(source.schema.columns.map((spec, i) => [spec.name, table?.value(i, row)])),
    );
    return { source, rows };
  };

  it('types columns by #types, undoes escapes, and leaves unset and empty fields missing', async () => {
    const { source, rows } = await tableOf(
      log('odd', 'ts took n ok names note port', 'time interval count bool set[string] string port', [
        '1.5 0.25 7 T a,b\\x2cc tab\\x09\\\\end 53',
        '- - - - (empty) - -',
      ]),
    );
    expect(source.format).toBe('zeek-odd');
    expect(source.schema.columns.map((c) => `${c.kind} ${c.unit}`)).toEqual([
      'float64 ms since 1970 UTC',
      'float64 ms',
      'float64 ',
      'int32 0 or 1',
      'string ',
      'string ',
      'int32 port',
    ]);
    expect(rows[0]).toEqual({ ts: 1500, took: 250, n: 7, ok: 1, names: 'a,b\\x2cc', note: 'tab\t\\end', port: 53 });
    expect(Object.values(rows[1] ?? {})).toEqual(Array(7).fill(undefined));
  });

  it('rejects a cell that is not of its type, with line and column', async () => {
    const { source, rows } = await tableOf(log('odd', 'ts n', 'time count', ['1 2', '1 many', 'x 2', '1']));
    expect(rows).toHaveLength(1);
    expect(source.status().rejects.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      "10: column n is 'many', which is no number",
      "11: column ts is 'x', which is no time",
      '12: 1 field, where #fields names 2',
    ]);
  });

  it('says which columns of a later head have no place', async () => {
    const { source, rows } = await tableOf(
      log('odd', 'a b', 'count count', ['1 2']) + log('odd', 'b c', 'count count', ['3 4']),
    );
    expect(rows).toEqual([
      { a: 1, b: 2 },
      { a: undefined, b: 3 },
    ]);
    expect(source.status().message).toBe('a later head names 1 column that the first has not, left out: c');
  });

  it('gives no rows of a log that has none', async () => {
    expect((await tableOf(log('http', 'ts uid', 'time string', []))).rows).toEqual([]);
  });
});

describe('looksLikeZeek', () => {
  it('knows the head of a log and its path', () => {
    const head = Buffer.from(conn(WEB));
    expect(looksLikeZeek(head)).toBe(true);
    expect(zeekPathOf(head)).toBe('conn');
    expect(looksLikeZeek(Buffer.from('a\tb\n1\t2\n'))).toBe(false);
  });
});

const DATA = fileURLToPath(new URL('../../../../shared/data', import.meta.url));

describe.skipIf(!existsSync(DATA))('logs in ../shared/data (skipped where the folder is absent)', () => {
  it('gives every labelled connection of a day with its label', async () => {
    const name = join(DATA, 'strato-testing/008-zeek-mixed/data/conn.log.labeled');
    const source = await openZeekFlows([{ name, open: () => openInput(name) }], {
      oddities: new OddityCounter(),
      extra: ['label'],
    });
    let malicious = 0;
    for (let t: Table | undefined = await source.read(); t !== undefined; t = await source.read())
      for (let row = 0; row < t.rowCount; row++) if (t.text('label', row) === 'Malicious') malicious++;
    expect(source.status()).toMatchObject({ rows: 5663, rejected: 0, state: 'whole' });
    expect(malicious).toBeGreaterThan(2000);
  });

  it('keeps the rows of a compressed log that is damaged at its end', async () => {
    const source = await openZeekTable(await openInput(join(DATA, 'zat-zeek/data/http.log.corrupt.gz')), {
      oddities: new OddityCounter(),
    });
    expect((await source.read())?.rowCount).toBe(150);
    await source.read();
    expect(source.status()).toMatchObject({ state: 'cut', message: 'the gzip data end early' });
  });
});
