import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TestFrame, tcp, udp } from '../../../../test/support/frames.ts';
import { UserError } from '../../../core/index.ts';
import { type FlowRecord, flowRecord } from '../../../flow/index.ts';
import {
  compileTemplate,
  encodeIpfix,
  encodeNetflow5,
  encodeNetflow9,
  encodePcapHeader,
  encodePcapRecord,
  encodeRecords,
  encodeSflow,
  encodeTemplates,
  type FieldValue,
  type FlowTemplate,
  type Netflow5Record,
  OddityCounter,
  parseAddress,
  type TemplateKind,
} from '../../../wire/index.ts';
import { bytesSource } from '../delimited.ts';
import { openInput } from '../input.ts';
import {
  looksLikeNetflow,
  looksLikeNfcapd,
  NETFLOW_CAPTURE_FORMAT,
  NETFLOW_FORMAT,
  NetflowDecoder,
  type NetflowOptions,
  netflowFromCapture,
  netflowFromFile,
  nfcapdError,
} from './index.ts';

const T0 = 1_700_000_000_000;
const FIXTURES = new URL('../../../../test/fixture/netflow/', import.meta.url);

const word = (address: string): number => parseAddress(address)?.words[0] ?? 0;

/** A record of version 5 from text: '10.0.0.1:40000 > 10.0.0.2:443'. Uptime is ms since T0. */
function record(ends: string, more: Partial<Netflow5Record> = {}): Netflow5Record {
  const [, from = '', fromPort, to = '', toPort] = /^([\d.]+):(\d+) > ([\d.]+):(\d+)$/.exec(ends) ?? [];
  return {
    source: word(from),
    destination: word(to),
    sourcePort: Number(fromPort),
    destinationPort: Number(toPort),
    protocol: 6,
    flags: 0x1b,
    packets: 10,
    octets: 1000,
    first: 0,
    last: 500,
    ...more,
  };
}

class Bench {
  readonly oddities = new OddityCounter();
  readonly decoder: NetflowDecoder;
  #sequence = 0;

  constructor(options: NetflowOptions = {}) {
    this.decoder = new NetflowDecoder(this.oddities, options);
  }

  /** A datagram of version 5 that arrives so many ms after T0. */
  v5(
    atMs: number,
    records: readonly Netflow5Record[],
    more: { sequence?: number; samplingInterval?: number } = {},
  ): this {
    const { sequence = this.#sequence } = more;
    const bytes = encodeNetflow5({ uptimeMs: atMs, exportMs: T0 + atMs, ...more, sequence, records });
    this.#sequence = sequence + records.length;
    this.decoder.datagram(bytes, '192.0.2.1', T0 + atMs);
    return this;
  }

  rows(): FlowRecord[] {
    this.decoder.finish();
    return this.decoder
      .takeTables()
      .flatMap((table) => Array.from({ length: table.rowCount }, (_, row) => flowRecord(table, row)));
  }
}

function template(kind: TemplateKind, id: number, fields: readonly [number, number][], scopeFields = 0): FlowTemplate {
  const made = compileTemplate(
    id,
    kind,
    fields.map(([element, length], i) => ({
      enterprise: kind === 'v9-options' && i < scopeFields ? -1 : element > 100_000 ? 29_305 : 0,
      element: element % 100_000,
      length,
    })),
    scopeFields,
  );
  if (made === undefined) throw new Error('no template');
  return made;
}

const BASIC = template('v9', 256, [
  [8, 4],
  [12, 4],
  [7, 2],
  [11, 2],
  [4, 1],
  [6, 1],
  [2, 4],
  [1, 4],
  [22, 4],
  [21, 4],
  [48, 1],
]);
const FORWARD: readonly FieldValue[] = [word('10.0.0.1'), word('10.0.0.2'), 40_000, 443, 6, 0x1b, 5, 500, 0, 900, 0];
const BACK: readonly FieldValue[] = [word('10.0.0.2'), word('10.0.0.1'), 443, 40_000, 6, 0x1b, 4, 4000, 10, 890, 0];

function v9(atMs: number, sequence: number, sets: readonly Uint8Array[], domain = 0): Uint8Array {
  return encodeNetflow9({ uptimeMs: atMs, exportMs: T0 + atMs, sequence, domain, sets });
}

describe('records to flows', () => {
  it('two records of opposite directions are one flow, begun by the one that came earlier', () => {
    const rows = new Bench()
      .v5(1000, [
        record('10.0.0.2:443 > 10.0.0.1:40000', { first: 20, last: 480, packets: 8, octets: 9000 }),
        record('10.0.0.1:40000 > 10.0.0.2:443'),
      ])
      .rows();
    expect(rows).toEqual([
      {
        id: 1,
        startMs: T0,
        endMs: T0 + 500,
        durationMs: 500,
        protocol: 'tcp',
        initiator: '10.0.0.1',
        initiatorPort: 40_000,
        responder: '10.0.0.2',
        responderPort: 443,
        initiatorPackets: 10,
        responderPackets: 8,
        initiatorBytes: 1000,
        responderBytes: 9000,
        initiatorFlags: 'APSF',
        responderFlags: 'APSF',
        tcpState: 'SF',
        closeReason: 'fin',
        continued: 0,
        outcome: 'answered',
        service: 'tls',
        serviceBasis: 'port',
        portService: 'tls',
        communityId: expect.stringMatching(/^1:/),
        input: 1,
      },
    ]);
  });

  it.each([
    ['a SYN without ACK', 0x02, 0x14, 'REJ', 'refused'],
    ['a reset of what never began', 0x02, 0x04, 'REJ', 'refused'],
    ['a SYN and its answer', 0x02, 0x12, 'S1', 'answered'],
  ])('%s tells who began, whatever the times and ports', (_, asks, answers, state, outcome) => {
    const [row] = new Bench()
      .v5(1000, [
        record('10.0.0.2:50000 > 10.0.0.1:80', { flags: asks, first: 5, packets: 1, octets: 40 }),
        record('10.0.0.1:80 > 10.0.0.2:50000', { flags: answers, first: 0, packets: 1, octets: 40 }),
      ])
      .rows();
    expect([row?.initiator, row?.tcpState, row?.outcome]).toEqual(['10.0.0.2', state, outcome]);
  });

  it('where time says nothing, the port that looks less like a server’s began', () => {
    const both = [
      record('10.0.0.2:443 > 10.0.0.1:40000', { flags: 0x18 }),
      record('10.0.0.1:40000 > 10.0.0.2:443', { flags: 0x18 }),
    ];
    for (const records of [both, both.toReversed(), both.slice(0, 1)]) {
      const [row] = new Bench().v5(1000, records).rows();
      expect([row?.initiator, row?.responderPort, row?.outcome]).toEqual(['10.0.0.1', 443, 'unknown']);
    }
  });

  it('a missing direction is an answer that was missing, unless the exporter shows one direction of what must have had two', () => {
    const query = record('10.0.0.9:50001 > 10.0.0.7:53', { protocol: 17, flags: 0, packets: 1, octets: 60 });
    const scan = record('10.0.0.9:50001 > 10.0.0.7:22', { flags: 0x02, packets: 1, octets: 40 });
    const half = record('10.0.0.1:40000 > 10.0.0.2:443', { flags: 0x1b });
    const outcomes = (records: readonly Netflow5Record[]): unknown[] =>
      new Bench()
        .v5(1000, records)
        .rows()
        .map((row) => [row.responderPort, row.outcome, row.responderPackets]);
    expect(outcomes([query, scan])).toEqual([
      [53, 'unanswered', 0],
      [22, 'unanswered', 0],
    ]);
    // Nobody acknowledges what never came: the exporter sees one direction alone. A SYN without anything after it was not answered all the same.
    expect(outcomes([half, query, scan])).toEqual([
      [443, 'answered', undefined],
      [53, 'unknown', undefined],
      [22, 'unanswered', undefined],
    ]);
    // Neither does sampling tell.
    expect(
      new Bench()
        .v5(1000, [query, scan], { samplingInterval: 10 })
        .rows()
        .map((row) => row.outcome),
    ).toEqual(['unknown', 'unknown']);
  });

  it('a flow that the exporter cut is joined again, and what is held too long goes on in a row of its own', () => {
    const bench = new Bench({ pairing: { holdMs: 150_000, joinMs: 90_000 } });
    for (let minute = 1; minute <= 4; minute++)
      bench.v5(60_000 * minute, [
        record('10.0.0.1:40000 > 10.0.0.2:22', {
          flags: 0x18,
          first: 60_000 * (minute - 1),
          last: 60_000 * minute - 10,
        }),
      ]);
    bench.decoder.advance(T0 + 1e6);
    expect(bench.rows().map((row) => [row.initiatorPackets, row.durationMs, row.closeReason, row.continued])).toEqual([
      [30, 179_990, 'active', 0],
      [10, 59_990, 'idle', 1],
    ]);
    expect(bench.decoder.pairing.joined).toBe(2);
  });

  it('a new connection on the same ports is another flow', () => {
    const bench = new Bench()
      .v5(1000, [record('10.0.0.1:40000 > 10.0.0.2:443')])
      .v5(3000, [record('10.0.0.1:40000 > 10.0.0.2:443', { first: 2000, last: 2500 })]);
    expect(bench.rows().map((row) => [row.startMs, row.initiatorPackets])).toEqual([
      [T0, 10],
      [T0 + 2000, 10],
    ]);
  });

  it('an echo and its reply are one flow of the one who asked; an ICMP error is a flow of its own', () => {
    const icmp = { protocol: 1, flags: 0, sourcePort: 0, packets: 3, octets: 252 };
    const rows = new Bench()
      .v5(1000, [
        record('10.0.0.2:0 > 10.0.0.1:0', { ...icmp, destinationPort: 0x0000, first: 0 }),
        record('10.0.0.1:0 > 10.0.0.2:0', { ...icmp, destinationPort: 0x0800, first: 1 }),
        record('10.0.0.2:0 > 10.0.0.1:0', { ...icmp, destinationPort: 0x0303, first: 1 }),
      ])
      .rows();
    expect(
      rows.map((r) => [r.initiator, r.icmpType, r.icmpCode, r.initiatorPackets, r.responderPackets, r.outcome]),
    ).toEqual([
      ['10.0.0.1', 8, 0, 3, 3, 'answered'],
      ['10.0.0.2', 3, 3, 3, 0, 'unknown'],
    ]);
  });

  it('the Community ID is the same as of packets', () => {
    // The example of the specification (Corelight, community-id-spec).
    const [row] = new Bench().v5(1000, [record('128.232.110.120:34855 > 66.35.250.204:80')]).rows();
    expect(row?.communityId).toBe('1:LQU9qZlK+B5F3KDmev6m5PMibrg=');
  });

  it('records held are bounded, and those beyond are written early', () => {
    const bench = new Bench({ pairing: { maxFlows: 100 } });
    for (let i = 0; i < 50; i++)
      bench.v5(
        i,
        Array.from({ length: 20 }, (_, k) =>
          record(`10.0.${i}.${k}:1000 > 10.9.9.9:80`, { flags: 0x18, first: 0, last: i }),
        ),
      );
    expect(bench.decoder.pairing.peakLive).toBe(100);
    expect(bench.rows().length).toBe(1000);
    expect(bench.oddities.of('flow.evicted')).toBe(900);
  });
});

describe('a decoder of datagrams', () => {
  it('multiplies counts by the sampling of the header, and says so', () => {
    const bench = new Bench().v5(1000, [record('10.0.0.1:40000 > 10.0.0.2:443')], { samplingInterval: 1000 });
    expect(bench.rows().map((r) => [r.initiatorPackets, r.initiatorBytes, r.outcome])).toEqual([
      [10_000, 1e6, 'unknown'],
    ]);
    expect(bench.decoder.status().message).toBe('192.0.2.1: counts multiplied by 1,000 (1 in 1,000 sampling)');
  });

  it('takes the sampling of the sampler that a record names from the options of the exporter', () => {
    const options = template(
      'v9-options',
      257,
      [
        [1, 4],
        [48, 1],
        [34, 4],
      ],
      1,
    );
    const bench = new Bench();
    const sampled = (id: number, port: number): FieldValue[] => [
      ...FORWARD.slice(0, 2),
      port,
      ...FORWARD.slice(3, 10),
      id,
    ];
    bench.decoder.datagram(
      v9(1000, 0, [
        encodeTemplates('v9-options', [options]),
        encodeRecords(options, [
          [0, 1, 100],
          [0, 2, 2000],
        ]),
        encodeTemplates('v9', [BASIC]),
        encodeRecords(BASIC, [sampled(1, 1001), sampled(2, 1002), sampled(9, 1009)]),
      ]),
      '192.0.2.1',
      T0 + 1000,
    );
    expect(bench.rows().map((r) => [r.initiatorPort, r.initiatorPackets])).toEqual([
      [1001, 500],
      [1002, 10_000],
      [1009, 5],
    ]);
  });

  it('data before its template wait for it', () => {
    const bench = new Bench();
    bench.decoder.datagram(v9(1000, 0, [encodeRecords(BASIC, [FORWARD])]), '192.0.2.1', T0 + 1000);
    expect(bench.decoder.status().message).toBe("192.0.2.1: 1 data set can't be read, template 256 has not come");
    bench.decoder.datagram(v9(2000, 1, [encodeTemplates('v9', [BASIC])]), '192.0.2.1', T0 + 2000);
    expect(bench.rows().map((r) => [r.startMs, r.initiatorPackets])).toEqual([[T0, 5]]);
    expect(bench.decoder.status()).toMatchObject({ rejected: 0, rows: 1 });
    expect(bench.oddities.list()).toEqual([]);
  });

  it('a template that never comes is said with its exporter, and what can be read is', () => {
    const other = template('v9', 300, [
      [8, 4],
      [12, 4],
    ]);
    const bench = new Bench();
    bench.decoder.datagram(
      v9(
        1000,
        0,
        [encodeTemplates('v9', [BASIC]), encodeRecords(other, [[1, 2]]), encodeRecords(BASIC, [FORWARD, BACK])],
        7,
      ),
      '192.0.2.1',
      T0 + 1000,
    );
    expect(bench.rows().length).toBe(1);
    const status = bench.decoder.status();
    expect(status.message).toBe("192.0.2.1 (domain 7): 1 data set can't be read, template 300 has not come");
    expect(status.rejects.map((reject) => reject.reason)).toEqual([
      '1 data set of 192.0.2.1 (domain 7) without template 300, which never came',
    ]);
    expect(bench.oddities.of('netflow.no-template')).toBe(1);
  });

  it('templates of one exporter and one domain are nobody else’s', () => {
    const bench = new Bench();
    bench.decoder.datagram(v9(1000, 0, [encodeTemplates('v9', [BASIC])], 1), '192.0.2.1', T0);
    bench.decoder.datagram(v9(1000, 0, [encodeRecords(BASIC, [FORWARD])], 2), '192.0.2.1', T0);
    bench.decoder.datagram(v9(1000, 0, [encodeRecords(BASIC, [FORWARD])], 1), '192.0.2.2', T0);
    bench.decoder.datagram(v9(1001, 1, [encodeRecords(BASIC, [FORWARD])], 1), '192.0.2.1', T0);
    expect(bench.decoder.status().domains.map((d) => [d.exporter, d.domain, d.records, d.waiting.length])).toEqual([
      ['192.0.2.1', '1', 1, 0],
      ['192.0.2.1', '2', 0, 1],
      ['192.0.2.2', '1', 0, 1],
    ]);
  });

  it('a template that changes is taken as it is now, and one that is withdrawn is gone', () => {
    const first = template('ipfix', 256, [
      [8, 4],
      [12, 4],
      [4, 1],
      [2, 4],
    ]);
    const second = template('ipfix', 256, [
      [12, 4],
      [8, 4],
      [4, 1],
      [2, 4],
    ]);
    const bench = new Bench();
    const row: FieldValue[] = [word('10.0.0.1'), word('10.0.0.2'), 50, 1];
    const send = (sequence: number, ...sets: Uint8Array[]): void =>
      bench.decoder.datagram(encodeIpfix({ exportMs: T0 + sequence, sequence, sets }), '192.0.2.1', T0);
    send(0, encodeTemplates('ipfix', [first]), encodeRecords(first, [row]));
    send(1, encodeTemplates('ipfix', [second]), encodeRecords(second, [row]));
    send(2, Uint8Array.of(0, 2, 0, 8, 1, 0, 0, 0), encodeRecords(first, [row]));
    expect(bench.decoder.status().domains[0]).toMatchObject({
      records: 2,
      templateChanges: 1,
      templates: 0,
      waiting: [{ template: 256, sets: 1, given: 0 }],
    });
    expect(bench.rows().map((r) => [r.initiator, r.initiatorPackets, r.responderPackets])).toEqual([
      ['10.0.0.1', 1, 1],
    ]);
  });

  it('a biflow is one row with both directions, from the side that the record says', () => {
    const biflow = template('ipfix', 256, [
      [8, 4],
      [12, 4],
      [7, 2],
      [11, 2],
      [4, 1],
      [2, 4],
      [1, 4],
      [100_002, 4],
      [100_001, 4],
      [152, 8],
      [153, 8],
      [136, 1],
      [239, 1],
    ]);
    const bench = new Bench();
    const row = (port: number, side: number): FieldValue[] => [
      word('10.0.0.2'),
      word('10.0.0.1'),
      443,
      port,
      6,
      5,
      500,
      7,
      7000,
      T0,
      T0 + 10,
      3,
      side,
    ];
    bench.decoder.datagram(
      encodeIpfix({
        exportMs: T0 + 1000,
        sequence: 0,
        sets: [encodeTemplates('ipfix', [biflow]), encodeRecords(biflow, [row(1, 1), row(2, 2)])],
      }),
      '192.0.2.1',
      T0 + 1000,
    );
    expect(
      bench
        .rows()
        .map((r) => [r.initiator, r.initiatorPackets, r.initiatorBytes, r.responderPackets, r.responderBytes]),
    ).toEqual([
      ['10.0.0.2', 5, 500, 7, 7000],
      ['10.0.0.1', 7, 7000, 5, 500],
    ]);
  });

  it('running totals of one flow are not added up', () => {
    const totals = template('ipfix', 256, [
      [8, 4],
      [12, 4],
      [4, 1],
      [86, 4],
      [85, 4],
      [152, 8],
      [153, 8],
    ]);
    const bench = new Bench();
    for (const [i, n] of [3, 8, 20].entries())
      bench.decoder.datagram(
        encodeIpfix({
          exportMs: T0 + 1000 * (i + 1),
          sequence: i,
          sets: [
            encodeTemplates('ipfix', [totals]),
            encodeRecords(totals, [[word('10.0.0.1'), word('10.0.0.2'), 50, n, 100 * n, T0, T0 + 900 * (i + 1)]]),
          ],
        }),
        '192.0.2.1',
        T0 + 1000 * (i + 1),
      );
    expect(bench.rows().map((r) => [r.initiatorPackets, r.initiatorBytes, r.durationMs])).toEqual([[20, 2000, 2700]]);
  });

  it('a flow that was seen coming in and going out is counted once', () => {
    const directed = template('ipfix', 256, [
      [8, 4],
      [12, 4],
      [4, 1],
      [2, 4],
      [61, 1],
    ]);
    const bench = new Bench();
    const row = (direction: number): FieldValue[] => [word('10.0.0.1'), word('10.0.0.2'), 50, 6, direction];
    bench.decoder.datagram(
      encodeIpfix({
        exportMs: T0,
        sequence: 0,
        sets: [encodeTemplates('ipfix', [directed]), encodeRecords(directed, [row(0), row(1), row(0)])],
      }),
      '192.0.2.1',
      T0,
    );
    expect(bench.rows().map((r) => r.initiatorPackets)).toEqual([12]);
    expect(bench.decoder.status().message).toBe('1 record of flows seen both coming in and going out, counted once');
  });

  it('counts what was lost, late, doubled and begun anew, by the sequence numbers', () => {
    const one = (i: number): Netflow5Record[] => [record(`10.0.0.1:${1000 + i} > 10.0.0.2:443`)];
    const bench = new Bench();
    bench.v5(1000, one(0), { sequence: 100 });
    bench.v5(2000, one(1), { sequence: 105 }); // 4 are missing
    bench.v5(1900, one(2), { sequence: 102 }); // one of them was late
    bench.v5(1900, one(2), { sequence: 102 }); // and doubled by the network
    bench.v5(3000, one(3), { sequence: 106 });
    const status = bench.decoder.status();
    expect(status.domains[0]).toMatchObject({
      lost: 3,
      late: 1,
      duplicates: 1,
      restarts: 0,
      datagrams: 4,
      unit: 'records',
    });
    expect(status.message).toBe('192.0.2.1: 3 records were lost on the way');
    // The exporter starts again: its uptime is small, and its sequence of no consequence.
    const again = new Bench()
      .v5(90_000_000, one(0), { sequence: 500_000 })
      .v5(5000, one(1), { sequence: 0 })
      .v5(6000, one(2), { sequence: 1 });
    expect(again.decoder.status().domains[0]).toMatchObject({ lost: 0, restarts: 1 });
  });

  it('believes the unit of sequence numbers that fits: some exporters count records where the book says datagrams', () => {
    const bench = new Bench();
    for (let i = 0; i < 10; i++)
      bench.decoder.datagram(
        v9(1000 + i, 2 * i, [encodeTemplates('v9', [BASIC]), encodeRecords(BASIC, [FORWARD, BACK])]),
        '192.0.2.1',
        T0 + i,
      );
    expect(bench.decoder.status().domains[0]).toMatchObject({ lost: 0, unit: 'records' });
  });

  it('softflowd’s numbers, which count the records of the message itself, are no losses', () => {
    const flows = template('ipfix', 256, [
      [8, 4],
      [12, 4],
      [4, 1],
      [2, 4],
    ]);
    const bench = new Bench();
    let sequence = 0;
    for (const n of [3, 5, 5, 2, 4]) {
      sequence += n;
      const records = Array.from({ length: n }, (_, i) => [sequence, i, 50, 1]);
      const sets = [encodeTemplates('ipfix', [flows]), encodeRecords(flows, records)];
      bench.decoder.datagram(encodeIpfix({ exportMs: T0 + sequence, sequence, sets }), '192.0.2.1', T0 + sequence);
    }
    expect(bench.decoder.status().domains[0]).toMatchObject({ lost: 0, records: 19, unit: 'records' });
  });

  it('records that are no flows are left aside and counted', () => {
    const nat = template('v9', 256, [
      [8, 4],
      [12, 4],
      [4, 1],
      [230, 1],
    ]);
    const event = template('v9', 257, [
      [8, 4],
      [12, 4],
      [4, 1],
      [233, 1],
    ]);
    const bare = template('v9', 258, [
      [10, 4],
      [1, 4],
    ]);
    const bench = new Bench();
    bench.decoder.datagram(
      v9(1000, 0, [
        encodeTemplates('v9', [nat, event, bare]),
        encodeRecords(nat, [[1, 2, 6, 1]]),
        encodeRecords(event, [
          [1, 2, 6, 1],
          [1, 2, 6, 3],
        ]),
        encodeRecords(bare, [[1, 100]]),
      ]),
      '192.0.2.1',
      T0,
    );
    expect(bench.rows()).toEqual([]);
    expect(bench.decoder.status().leftAside).toEqual({
      'NAT events': 1,
      'firewall events without packets': 1,
      'connections that a firewall denied': 1,
      'records without addresses or protocol': 1,
    });
  });

  it('sampled packets of sFlow become flows with scaled counts, and no durations or flags', () => {
    const frame = (from: string, to: string, flags: string): Uint8Array =>
      tcp(0, from, to, flags, { payload: new Uint8Array(400) }).bytes;
    const bytes = encodeSflow({
      agent: word('10.0.0.9'),
      sequence: 1,
      uptimeMs: 1000,
      counters: true,
      samples: [
        { rate: 500, frame: frame('10.0.0.1:40000', '10.0.0.2:443', 'PA') },
        { rate: 500, frame: frame('10.0.0.2:443', '10.0.0.1:40000', 'PA') },
        { rate: 500, frame: frame('10.0.0.2:443', '10.0.0.1:40000', 'PA') },
      ],
    });
    const bench = new Bench();
    bench.decoder.datagram(bytes, '192.0.2.1', T0);
    const [row, ...others] = bench.rows();
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      initiator: '10.0.0.1',
      initiatorPackets: 500,
      responderPackets: 1000,
      responderBytes: 1000 * 454,
      outcome: 'unknown',
    });
    expect(row).not.toHaveProperty('durationMs');
    expect(row).not.toHaveProperty('initiatorFlags');
    expect(bench.decoder.gives().has('durationMs')).toBe(false);
    expect(bench.decoder.status().counterSamples).toBe(1);
  });

  it('a sampled DNS query gives its name', () => {
    const query = udp(
      0,
      '10.0.0.1:5000',
      '10.0.0.2:53',
      Uint8Array.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 2, 0x64, 0x65, 0, 0, 1, 0, 1]),
    );
    const bench = new Bench();
    bench.decoder.datagram(
      encodeSflow({ agent: 1, sequence: 1, uptimeMs: 1, samples: [{ rate: 10, frame: query.bytes }] }),
      '192.0.2.1',
      T0,
    );
    expect(bench.rows()[0]).toMatchObject({ dnsQuery: 'a.de', dnsType: 'A', service: 'dns', serviceBasis: 'content' });
  });

  it.each([
    ['something else', [0x47, 0x45, 0x54, 0x20], 'no NetFlow, IPFIX or sFlow: it begins with 47 45 54 20'],
    ['nothing', [], undefined],
    ['version 8', [0, 8, 0, 1], 'NetFlow version 8 (aggregates) is not read'],
    ['sFlow version 4', [0, 0, 0, 4, 0, 0, 0, 1], 'sFlow version 4 is not read, only version 5'],
    ['a cut header', [0, 9, 0, 1], 'NetFlow version 9 that is cut short or not asked for'],
  ])('a datagram of %s is turned away with the reason', (_, bytes, reason) => {
    const bench = new Bench();
    bench.decoder.datagram(Uint8Array.from(bytes), '192.0.2.1', T0);
    expect(bench.decoder.status().rejects.map((reject) => reject.reason)).toEqual(reason === undefined ? [] : [reason]);
  });

  it('a datagram with a lying length is said, and its whole records are flows', () => {
    const bytes = encodeNetflow5({
      uptimeMs: 1000,
      exportMs: T0,
      sequence: 0,
      count: 30,
      records: [record('10.0.0.1:40000 > 10.0.0.2:443')],
    });
    const bench = new Bench();
    bench.decoder.datagram(bytes, '192.0.2.1', T0);
    expect(bench.rows().length).toBe(1);
    expect(bench.decoder.status()).toMatchObject({
      rejected: 1,
      rejects: [{ line: 1, reason: 'claims more than it holds; what was whole was read' }],
    });
  });

  it('exporters, templates and waiting data are bounded', () => {
    const bench = new Bench({ maxExporters: 10, maxTemplateFields: 50, maxHeldBytes: 1000 });
    for (let i = 0; i < 100; i++) {
      bench.decoder.datagram(v9(1000 + i, 0, [encodeRecords(BASIC, [FORWARD, BACK])]), `192.0.2.${i}`, T0);
      bench.decoder.datagram(
        v9(2000 + i, 1, [
          encodeTemplates('v9', [
            template('v9', 400 + i, [
              [8, 4],
              [12, 4],
            ]),
          ]),
        ]),
        '192.0.2.0',
        T0,
      );
    }
    const status = bench.decoder.status();
    expect(status.domains.length).toBe(10);
    expect(status.refused).toBe(90);
    expect(status.refusedTemplates).toBe(75);
    bench.decoder.finish();
    expect(bench.decoder.status().rejected).toBe(10);
  });

  it('random and broken datagrams never throw, and what came before them is there', () => {
    const good = readFileSync(new URL('v9-fortios.dat', FIXTURES));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 30 }),
        fc.array(fc.tuple(fc.constantFrom(0, 1, 5, 7, 9, 10), fc.uint8Array({ maxLength: 100 })), { maxLength: 5 }),
        (changes, noise) => {
          const bench = new Bench().v5(1000, [record('10.0.0.1:40000 > 10.0.0.2:443')]);
          const broken = new Uint8Array(good);
          for (const [at, value] of changes) broken[at] = value;
          bench.decoder.datagram(broken, '192.0.2.1', T0 + 2000);
          for (const [version, rest] of noise)
            bench.decoder.datagram(Uint8Array.of(0, version, ...rest), '192.0.2.1', T0 + 3000);
          const rows = bench.rows();
          expect(rows.some((r) => r.communityId !== undefined && r.initiatorPort === 40_000)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('files and captures', () => {
  const read = async (
    name: string,
  ): Promise<{ rows: FlowRecord[]; status: ReturnType<NetflowDecoder['status']>; format: string }> => {
    const source = netflowFromFile(await openInput(fileURLToPath(new URL(name, FIXTURES))), {
      oddities: new OddityCounter(),
    });
    const rows: FlowRecord[] = [];
    for (let table = await source.read(); table !== undefined; table = await source.read())
      for (let row = 0; row < table.rowCount; row++) rows.push(flowRecord(table, row));
    source.close();
    return { rows, status: source.status(), format: source.format };
  };

  it.each(['v5-softflowd', 'v9-softflowd', 'v9-streamcore', 'v9-cisco-asr1001x', 'ipfix-openbsd', 'ipfix-mikrotik'])(
    'the rows of %s have the packets and bytes of all records that tshark reads, each way',
    async (name) => {
      const { rows, status } = await read(`${name}.dat`);
      const expected = new Map<string, number[]>();
      for (const line of readFileSync(new URL(`${name}.txt`, FIXTURES), 'utf8').split('\n')) {
        const [from = '', to = '', , , , packets, octets] = line.split(' ');
        if (octets === undefined || line.startsWith('#')) continue;
        const [p = 0, o = 0] = expected.get(`${from} ${to}`) ?? [];
        expected.set(`${from} ${to}`, [p + Number(packets), o + Number(octets)]);
      }
      const found = new Map<string, number[]>();
      const add = (from = '', to = '', packets = 0, octets = 0): void => {
        if (packets === 0) return;
        const [p = 0, o = 0] = found.get(`${from} ${to}`) ?? [];
        found.set(`${from} ${to}`, [p + packets, o + octets]);
      };
      for (const r of rows) {
        add(r.initiator, r.responder, r.initiatorPackets, r.initiatorBytes);
        add(r.responder, r.initiator, r.responderPackets, r.responderBytes);
      }
      expect(found).toEqual(expected);
      expect(status.state).toBe('whole');
    },
  );

  it.each([
    ['v9-fortios.dat', 'netflow-v9'],
    ['ipfix-yaf.dat', 'ipfix'],
    ['ipfix-openbsd.dat', 'ipfix'],
  ])('%s is told by its content', async (name, format) => {
    expect(looksLikeNetflow(readFileSync(new URL(name, FIXTURES)))).toBe(true);
    expect((await read(name)).format).toBe(format);
  });

  it('the label of YAF says the protocol', async () => {
    const { rows } = await read('ipfix-yaf.dat');
    expect(rows.map((r) => [r.service, r.serviceBasis])).toEqual([['dns', 'content']]);
  });

  it('a capture of datagrams gives their flows, with the sender as exporter', async () => {
    const datagrams: TestFrame[] = [
      udp(
        0,
        '192.0.2.1:5000',
        '192.0.2.9:2055',
        encodeNetflow5({
          uptimeMs: 1000,
          exportMs: T0,
          sequence: 0,
          records: [record('10.0.0.1:40000 > 10.0.0.2:443')],
        }),
      ),
      udp(
        10,
        '192.0.2.2:5000',
        '192.0.2.9:45000',
        encodeNetflow5({
          uptimeMs: 1000,
          exportMs: T0,
          sequence: 0,
          records: [record('10.0.0.3:40000 > 10.0.0.2:443')],
        }),
      ),
      udp(20, '192.0.2.3:5000', '192.0.2.9:53', new Uint8Array(40)),
    ];
    const parts = [
      encodePcapHeader({ linkType: 1 }),
      ...datagrams.map(({ bytes, atMs }) => encodePcapRecord(1_700_000_000, atMs * 1000, bytes)),
    ];
    const capture = Buffer.concat(parts);
    let at = 0;
    const source = netflowFromCapture(
      {
        name: 'x.pcap',
        compression: '',
        totalBytes: capture.length,
        bytesTaken: () => at,
        read: (into) => {
          const n = capture.copy(into, 0, at);
          at += n;
          return n;
        },
        close: () => undefined,
      },
      { oddities: new OddityCounter() },
    );
    let rows = 0;
    for (let table = await source.read(); table !== undefined; table = await source.read()) rows += table.rowCount;
    expect(rows).toBe(2);
    expect(source.status().domains.map((d) => d.exporter)).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  const together = async (files: Readonly<Record<string, Uint8Array>>, format = NETFLOW_FORMAT) => {
    const source = await format.openFlows?.(
      Object.entries(files).map(([name, bytes]) => ({ name, open: async () => bytesSource(bytes, name) })),
      { oddities: new OddityCounter() },
    );
    if (source === undefined) throw new Error('no flows');
    const rows: FlowRecord[] = [];
    for (let table = await source.read(); table !== undefined; table = await source.read())
      for (let row = 0; row < table.rowCount; row++) rows.push(flowRecord(table, row));
    source.close();
    return { rows, source, status: source.status() };
  };
  const TEMPLATES = v9(1000, 0, [encodeTemplates('v9', [BASIC])]);
  const DATA = v9(2000, 1, [encodeRecords(BASIC, [FORWARD, BACK])]);

  it('files of one run are one exporter: what an earlier one says of templates reads a later one, in whichever order they are given', async () => {
    const { rows, status, source } = await together({ 'd/nf.2': DATA, 'd/nf.1': TEMPLATES });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ initiator: '10.0.0.1', initiatorPackets: 5, responderPackets: 4 });
    expect([status.rejected, status.state, status.message]).toEqual([0, 'whole', undefined]);
    expect([source.name, source.totalBytes]).toEqual(['2 export files', TEMPLATES.length + DATA.length]);
    expect(source.bytesTaken()).toBe(TEMPLATES.length + DATA.length);
  });

  it('data whose template is in no file are rejected as data sets', async () => {
    const { rows, status, source } = await together({ 'nf.1': DATA, 'nf.2': new Uint8Array() });
    expect([rows.length, status.rejected, source.rejectNoun]).toEqual([0, 1, 'data set']);
    expect(status.rejects[0]?.reason).toMatch(/^1 data set of .*without template 256, which never came$/);
  });

  it('a file that is none of datagrams is named, and the others are read; alone with its like it is refused', async () => {
    const noise = Buffer.from('no datagram at all');
    const { rows, status } = await together({ 'd/noise': noise, 'nf.1': TEMPLATES, 'nf.2': DATA });
    expect(rows).toHaveLength(1);
    expect([status.state, status.message]).toEqual([
      'cut',
      'noise: no NetFlow, IPFIX or sFlow: it begins with 6e 6f 20 64',
    ]);
    await expect(together({ a: noise, b: noise })).rejects.toThrow(
      'a: no NetFlow, IPFIX or sFlow: it begins with 6e 6f 20 64',
    );
  });

  it('captures of one run share their templates likewise', async () => {
    const captured = (atMs: number, payload: Uint8Array): Uint8Array =>
      Buffer.concat([
        encodePcapHeader({ linkType: 1 }),
        encodePcapRecord(1_700_000_000, atMs * 1000, udp(atMs, '192.0.2.1:5000', '192.0.2.9:2055', payload).bytes),
      ]);
    const files = { 'b.pcap': captured(20, DATA), 'a.pcap': captured(10, TEMPLATES) };
    const { rows, status } = await together(files, NETFLOW_CAPTURE_FORMAT);
    expect([rows.length, status.rejected, status.state]).toEqual([1, 0, 'whole']);
  });

  it('every cut of two files gives what was whole, and never throws but for an operator', async () => {
    for (let end = 0; end < DATA.length; end++) {
      const { rows, status } = await together({ 'nf.1': TEMPLATES, 'nf.2': DATA.subarray(0, end) });
      expect(rows.length, `${end}`).toBeLessThanOrEqual(1);
      expect(status.rows).toBe(rows.length);
    }
  });

  it('a file of nfcapd is known, and refused with what to do', () => {
    expect(looksLikeNfcapd(Uint8Array.of(0x0c, 0xa5, 2, 0, 0, 0))).toBe(true);
    expect(looksLikeNfcapd(Uint8Array.of(0, 9, 0, 1))).toBe(false);
    const error = nfcapdError('nfcapd.202601010000');
    expect(error).toBeInstanceOf(UserError);
    expect([error.message, error.hint]).toEqual([
      'nfcapd.202601010000 is a file of nfcapd, which only nfdump reads',
      'nfdump -r nfcapd.202601010000 -o csv > flows.csv, then read flows.csv',
    ]);
  });
});
