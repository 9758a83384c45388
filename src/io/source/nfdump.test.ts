import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Table } from '../../core/index.ts';
import { flowRecord } from '../../flow/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import { bytesSource } from './delimited.ts';
import { looksLikeNfdump, looksLikeNfdumpJson, nfdumpJsonError, openNfdump } from './nfdump.ts';

const OLD = 'ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt';
const NEW = 'firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows';

async function flowsOf(text: string | Uint8Array) {
  const source = await openNfdump(bytesSource(Buffer.from(text), 'x.csv'), { oddities: new OddityCounter() });
  const rows = [];
  for (let t: Table | undefined = await source.read(); t !== undefined; t = await source.read())
    for (let row = 0; row < t.rowCount; row++) rows.push(flowRecord(t, row));
  return { rows, status: source.status(), gives: source.gives };
}

/** A record of version 1.6, at second `s` of a minute. */
const record = (
  s: number,
  from: string,
  to: string,
  protocol: string,
  flags: string,
  packets: number,
  bytes: number,
) => {
  const [sa, sp] = from.split(' ');
  const [da, dp] = to.split(' ');
  const time = (at: number): string =>
    `2024-01-01 10:${String(Math.floor(at / 60)).padStart(2, '0')}:${(at % 60).toFixed(3).padStart(6, '0')}`;
  return `${time(s)},${time(s + 1)},1.000,${sa},${da},${sp},${dp},${protocol},${flags},0,0,${packets},${bytes},0,0`;
};
const file = (...records: string[]): string => `${[OLD, ...records].join('\n')}\n`;

describe('openNfdump', () => {
  it('joins the two directions of a conversation into one flow', async () => {
    const { rows, status } = await flowsOf(
      file(
        record(0.005, '192.0.2.9 443', '10.0.0.1 50000', 'TCP', '...AP.SF', 8, 9000),
        record(0, '10.0.0.1 50000', '192.0.2.9 443', 'TCP', '...AP.SF', 10, 1200),
      ),
    );
    const at = Date.UTC(2024, 0, 1, 10);
    expect(rows).toEqual([
      {
        id: 1,
        startMs: at,
        endMs: at + 1005,
        durationMs: 1005,
        protocol: 'tcp',
        initiator: '10.0.0.1',
        initiatorPort: 50000,
        responder: '192.0.2.9',
        responderPort: 443,
        initiatorPackets: 10,
        responderPackets: 8,
        initiatorBytes: 1200,
        responderBytes: 9000,
        initiatorFlags: 'APSF',
        responderFlags: 'APSF',
        tcpState: 'SF',
        closeReason: 'fin',
        outcome: 'answered',
        service: 'tls',
        serviceBasis: 'port',
        portService: 'tls',
      },
    ]);
    expect(status).toMatchObject({ rows: 1, rejected: 0, message: 'times without a zone are taken as UTC' });
  });

  it('says who began by flags, then by the port of a service, then by time, then by the higher port', async () => {
    const initiatorOf = async (...records: string[]) => (await flowsOf(file(...records))).rows[0]?.initiator;
    const a = '10.0.0.1 4444';
    const b = '10.0.0.2 5555';
    expect(
      await initiatorOf(record(0, b, a, 'TCP', '...A.R..', 1, 40), record(0, a, b, 'TCP', '......S.', 1, 40)),
    ).toBe('10.0.0.1');
    expect(
      await initiatorOf(
        record(0, '10.0.0.53 53', a, 'UDP', '', 1, 90),
        record(0.2, a, '10.0.0.53 53', 'UDP', '', 1, 60),
      ),
    ).toBe('10.0.0.1');
    expect(await initiatorOf(record(0.2, a, b, 'UDP', '', 1, 90), record(0.1, b, a, 'UDP', '', 1, 60))).toBe(
      '10.0.0.2',
    );
    expect(await initiatorOf(record(0, a, b, 'UDP', '', 1, 90), record(0, b, a, 'UDP', '', 1, 60))).toBe('10.0.0.2');
  });

  it('takes a lone record from the port of a service for an answer, and is sure of silence only where others answered or flags show it', async () => {
    const lone = file(
      record(0, '10.0.0.53 53', '10.0.0.1 4000', 'UDP', '', 1, 90),
      record(1, '10.0.0.1 4001', '10.0.0.9 22', 'TCP', '......S.', 1, 40),
      record(1, '10.0.0.1 4003', '10.0.0.7 9000', 'UDP', '', 1, 40),
      record(1, '10.0.0.1 4004', '10.0.0.6 22', 'TCP', '...AP.S.', 5, 700),
      record(1, '10.0.0.1 4005', '10.0.0.5 22', 'TCP', '.....RS.', 2, 80),
      record(1, '10.0.0.1 4006', '10.0.0.4 22', 'TCP', '...AP...', 2, 80),
    );
    const { rows, status } = await flowsOf(lone);
    expect(rows).toMatchObject([
      { initiator: '10.0.0.1', responder: '10.0.0.53', initiatorPackets: 0, responderPackets: 1, outcome: 'unknown' },
      { initiator: '10.0.0.1', responder: '10.0.0.9', initiatorPackets: 1, responderPackets: 0, outcome: 'unanswered' },
      { responder: '10.0.0.7', outcome: 'unknown' },
      { responder: '10.0.0.6', outcome: 'answered' },
      { responder: '10.0.0.5', outcome: 'answered' },
      { responder: '10.0.0.4', outcome: 'unknown' },
    ]);
    expect(status.message).toBe(
      '6 records without the other direction, and not one with it; times without a zone are taken as UTC',
    );
    const answered = [
      record(2, '10.0.0.1 4002', '10.0.0.8 22', 'TCP', '...AP.SF', 3, 200),
      record(2, '10.0.0.8 22', '10.0.0.1 4002', 'TCP', '...AP.SF', 3, 200),
    ];
    const both = await flowsOf(lone + answered.map((line) => `${line}\n`).join(''));
    expect(both.rows.find((row) => row.responder === '10.0.0.9')).toMatchObject({
      outcome: 'unanswered',
      tcpState: 'S0',
    });
  });

  it('does not join records that are further apart than two seconds', async () => {
    const { rows } = await flowsOf(
      file(
        record(0, '10.0.0.1 4000', '10.0.0.2 53', 'UDP', '', 1, 60),
        record(30, '10.0.0.2 53', '10.0.0.1 4000', 'UDP', '', 1, 90),
      ),
    );
    expect(rows).toHaveLength(2);
  });

  it("lets a record go that has waited five minutes of the records' own time", async () => {
    const { rows } = await flowsOf(
      file(
        record(0, '10.0.0.1 4000', '10.0.0.2 53', 'UDP', '', 1, 60),
        record(400, '10.0.0.3 4000', '10.0.0.2 53', 'UDP', '', 1, 60),
        record(400, '10.0.0.2 53', '10.0.0.3 4000', 'UDP', '', 1, 60),
      ),
    );
    expect(rows.map((row) => row.initiator)).toEqual(['10.0.0.1', '10.0.0.3']);
  });

  it('reads the names of version 1.7, ICMP types, numbers of protocols and flags, and stops at the summary', async () => {
    const { rows, gives, status } = await flowsOf(
      `${NEW}\n2024-01-01 10:00:00.000,0.500,ICMP,10.0.0.1,0,10.0.0.2,8.0,2,168,1\n2024-01-01 10:00:00.100,0,47,10.0.0.1,0,10.0.0.2,0,5,700,1\nSummary\nflows,bytes\n2,868\n`,
    );
    expect(rows).toMatchObject([
      { protocol: 'icmp', icmpType: 8, icmpCode: 0, durationMs: 500, initiatorBytes: 168 },
      { protocol: 'gre', durationMs: 0 },
    ]);
    expect(rows[0]).not.toHaveProperty('responderPort');
    expect(gives.has('tcpState')).toBe(false);
    expect(status.rejected).toBe(0);
  });

  it('takes a record of both directions as it is', async () => {
    const { rows } = await flowsOf(
      `${OLD}\n2024-01-01 10:00:00,2024-01-01 10:00:01,1,10.0.0.1,10.0.0.2,4000,53,UDP,0x00,0,0,1,60,2,180\n`,
    );
    expect(rows[0]).toMatchObject({
      initiatorPackets: 1,
      responderPackets: 2,
      responderBytes: 180,
      outcome: 'answered',
    });
  });

  it('turns a record of both directions that the answering side leads, with packets and bytes of both', async () => {
    const whole = (flags: string, packets: number, back: number, dp: number) =>
      `2024-01-01 10:00:00,2024-01-01 10:00:01,1,10.0.0.2,10.0.0.1,${dp},50000,TCP,${flags},0,0,${packets},${packets * 40},${back},${back * 44}`;
    const { rows } = await flowsOf(
      file(
        whole('...A.R..', 1, 1, 256),
        whole('...AP.SF', 10, 12, 22),
        whole('...A.R..', 1, 2, 25),
        whole('...APR..', 4, 4, 80),
      ),
    );
    expect(
      rows.map((r) =>
        [r.initiator, r.responderPort, r.initiatorPackets, r.initiatorBytes, r.responderPackets, r.outcome].join(' '),
      ),
    ).toEqual([
      '10.0.0.1 256 1 44 1 refused',
      '10.0.0.1 22 12 528 10 answered',
      '10.0.0.1 25 2 88 1 answered',
      '10.0.0.1 80 4 176 4 answered',
    ]);
  });

  it('joins the directions also after a record with a time far ahead, and where an end lies before the start', () => {
    const early = (line: string): string => line.replace(/^([^,]*),[^,]*,/, '$1,2024-01-01 09:59:59,');
    const far = record(0, '10.0.0.8 50001', '192.0.2.9 443', 'TCP', '...AP.SF', 5, 500).replaceAll('2024', '2031');
    return flowsOf(
      file(
        far,
        early(record(10, '10.0.0.1 50000', '192.0.2.9 443', 'TCP', '...AP.SF', 10, 1200)),
        early(record(10, '192.0.2.9 443', '10.0.0.1 50000', 'TCP', '...AP.SF', 8, 9000)),
        record(20, '10.0.0.1 50002', '192.0.2.9 443', 'TCP', '...AP.SF', 10, 1200),
        record(21, '192.0.2.9 443', '10.0.0.1 50002', 'TCP', '...AP.SF', 8, 9000),
      ),
    ).then(({ rows }) =>
      expect(rows.map((r) => [r.initiatorPort, r.responderPackets, r.durationMs, r.outcome].join(' ')).sort()).toEqual([
        '50000 8 0 answered',
        '50001 0 1000 unanswered',
        '50002 8 2000 answered',
      ]),
    );
  });

  it('knows the JSON of nfdump, which is refused with what to do', () => {
    const json = (text: string): boolean => looksLikeNfdumpJson(Buffer.from(text));
    expect(json('[\n{\n\t"type" : "FLOW",\n\t"first" : "2024-01-01T10:00:00.1",\n')).toBe(true);
    expect(json('{"type":"FLOW","sampled":0,"src4_addr":"10.0.0.1"}')).toBe(true);
    expect(json('{"type":"flow","src_ip":"10.0.0.1"}')).toBe(false);
    expect(nfdumpJsonError('x.json').message).toBe('x.json is JSON of nfdump, of which the CSV is read as flows');
  });

  it('rejects what is no record with line and column', async () => {
    const { rows, status } = await flowsOf(
      file(
        'soon,2024-01-01 10:00:01,1,10.0.0.1,10.0.0.2,4000,53,UDP,,0,0,1,60,0,0',
        '2024-01-01 10:00:00,2024-01-01 10:00:01,1,here,10.0.0.2,4000,53,UDP,,0,0,1,60,0,0',
        '2024-01-01 10:00:00,2024-01-01 10:00:01,1,10.0.0.1,10.0.0.2,4000,53,UDP,,0,0,one,60,0,0',
        '2024-01-01 10:00:00,1',
      ),
    );
    expect(rows).toEqual([]);
    expect(status.rejects.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      "2: column ts is 'soon', which is no time",
      "3: column sa is 'here', which is no address",
      "4: column ipkt is 'one', which is no number",
      '5: 2 fields, where the header has 15',
    ]);
  });

  it('holds a bounded number of records that wait, and gives every one of them', async () => {
    const lines = Array.from({ length: 500 }, (_, i) =>
      record(i / 1000, '10.0.0.1 4000', '10.0.0.2 9999', 'UDP', '', 1, 60),
    );
    expect((await flowsOf(file(...lines))).rows).toHaveLength(500);
  });

  it('knows its header, and refuses a file without it', async () => {
    expect([OLD, NEW, 'a,b', ''].map((line) => looksLikeNfdump(Buffer.from(`${line}\n`)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    await expect(flowsOf('a,b\n1,2\n')).rejects.toThrow('x.csv: the first line is no header of nfdump');
  });

  it('never throws but for an operator, whatever is changed in a file', async () => {
    const text = Buffer.from(
      file(
        record(0, '10.0.0.1 4000', '10.0.0.2 53', 'UDP', '', 1, 60),
        record(0, '10.0.0.2 53', '10.0.0.1 4000', 'TCP', '...A..S.', 1, 60),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length),
        fc.array(fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 5 }),
        async (end, changes) => {
          const bytes = Uint8Array.from(text);
          for (const [at, byte] of changes) bytes[at] = byte;
          await flowsOf(bytes.slice(0, end)).catch((error) => expect(error.name).toBe('UserError'));
        },
      ),
      { numRuns: 300 },
    );
  });
});
