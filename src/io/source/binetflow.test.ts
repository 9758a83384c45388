import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Table } from '../../core/index.ts';
import { flowRecord } from '../../flow/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import { argusError, type BinetflowOptions, looksLikeArgus, looksLikeBinetflow, openBinetflow } from './binetflow.ts';
import { bytesSource } from './delimited.ts';
import { openInput } from './input.ts';

const HEADER =
  'StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts,Label';

async function flowsOf(text: string | Uint8Array, options: Partial<BinetflowOptions> = {}) {
  const source = await openBinetflow(bytesSource(Buffer.from(text), 'x.binetflow'), {
    oddities: new OddityCounter(),
    ...options,
  });
  const rows = [];
  const labels: (string | undefined)[] = [];
  for (let t: Table | undefined = await source.read(); t !== undefined; t = await source.read())
    for (let row = 0; row < t.rowCount; row++) {
      rows.push(flowRecord(t, row));
      if (t.has('Label')) labels.push(t.text('Label', row));
    }
  return { rows, labels, status: source.status(), gives: source.gives };
}

const flow = async (line: string) => (await flowsOf(`${HEADER}\n${line}\n`)).rows[0];

describe('openBinetflow', () => {
  it('gives a record its flow with counts of both sides, flags and state', async () => {
    const { rows, labels, gives, status } = await flowsOf(
      `${HEADER}\n2018/12/18 14:00:00.527012,0.699716,tcp,216.73.23.146,52798,   ->,147.32.81.58,445,FSPA_FSPA,0,0,12,1340,700,7,flow=From-Botnet\n`,
      { extra: ['Label'] },
    );
    expect(rows).toEqual([
      {
        id: 1,
        startMs: Date.UTC(2018, 11, 18, 14, 0, 0, 527) + 0.012,
        endMs: Date.UTC(2018, 11, 18, 14, 0, 0, 527) + 0.012 + 699.716,
        durationMs: 699.716,
        protocol: 'tcp',
        initiator: '216.73.23.146',
        initiatorPort: 52798,
        responder: '147.32.81.58',
        responderPort: 445,
        initiatorPackets: 7,
        responderPackets: 5,
        initiatorBytes: 700,
        responderBytes: 640,
        initiatorFlags: 'APSF',
        responderFlags: 'APSF',
        tcpState: 'SF',
        closeReason: 'fin',
        outcome: 'answered',
        service: 'smb',
        serviceBasis: 'port',
        portService: 'smb',
      },
    ]);
    expect(labels).toEqual(['flow=From-Botnet']);
    expect(gives.has('initiatorPayloadBytes')).toBe(false);
    expect(status.message).toBe('times without a zone are taken as UTC');
  });

  it.each([
    ['tcp,1.1.1.1,5,   ->,2.2.2.2,80,S_,0,0,1,60,60,1,', 'unanswered', 'S0'],
    ['tcp,1.1.1.1,5,   ->,2.2.2.2,80,S_RA,0,0,2,114,60,1,', 'refused', 'REJ'],
    ['tcp,1.1.1.1,5,   ->,2.2.2.2,80,S_SA,0,0,2,114,60,1,', 'answered', 'S1'],
    ['tcp,1.1.1.1,5,   ->,2.2.2.2,80,REQ,0,0,1,60,60,1,', 'unanswered', 'S0'],
    ['tcp,1.1.1.1,5,  <?>,2.2.2.2,80,CON,0,0,9,900,400,4,', 'unknown', undefined],
    ['tcp,1.1.1.1,5,  <?>,2.2.2.2,80,PA_PA,0,0,9,900,400,4,', 'unknown', 'OTH'],
    ['tcp,1.1.1.1,5,   ->,2.2.2.2,80,FIN,0,0,9,900,400,4,', 'answered', undefined],
    ['tcp,1.1.1.1,5,   ->,2.2.2.2,80,CON,0,0,9,900,400,4,', 'unknown', undefined],
    ['tcp,1.1.1.1,80,   ->,2.2.2.2,5000,ACC,0,,1,60,60,1,', 'unknown', undefined],
    ['tcp,1.1.1.1,80,   ->,2.2.2.2,5000,FIN,0,,1,60,60,1,', 'unknown', undefined],
    ['udp,1.1.1.1,5,  <->,2.2.2.2,53,CON,0,0,2,142,63,1,', 'answered', undefined],
    ['udp,1.1.1.1,5,   ->,2.2.2.2,53,INT,0,,1,63,63,1,', 'unanswered', undefined],
    ['udp,1.1.1.1,5,   ->,255.255.255.255,67,INT,0,,1,344,344,1,', 'unknown', undefined],
    ['arp,1.1.1.1,,  who,1.1.1.9,,INT,,,2,120,120,2,', 'unanswered', undefined],
    ['arp,1.1.1.1,,  who,1.1.1.9,,CON,,,2,120,60,1,', 'answered', undefined],
    ['arp,1.1.1.1,,  who,1.1.1.1,,INT,,,1,60,60,1,', 'unknown', undefined],
    ['arp,0.0.0.0,,  who,1.1.1.9,,INT,,,1,60,60,1,', 'unknown', undefined],
    ['icmp,1.1.1.1,0x0008,   ->,2.2.2.2,0x1234,ECO,0,,3,294,294,3,', 'unanswered', undefined],
    ['icmp,1.1.1.1,0x0303,   ->,2.2.2.2,0x1234,URP,0,,1,70,70,1,', 'unknown', undefined],
    ['icmp,1.1.1.1,0x0303,   ->,2.2.2.2,0x1234,toString,0,,1,70,70,1,', 'unknown', undefined],
    ['tcp,1.1.1.1,5,   ->,2.2.2.2,80,constructor,0,0,1,60,60,1,', 'unknown', undefined],
  ])('says of %s that it was %s', async (rest, outcome, tcpState) => {
    const row = await flow(`2018/12/18 14:00:00.5,0.1,${rest}`);
    expect(row?.outcome).toBe(outcome);
    expect(row?.tcpState).toBe(tcpState);
  });

  it('turns a record round whose answer was seen first', async () => {
    expect(await flow('2018/12/18 14:00:00.5,0.1,tcp,2.2.2.2,80,  <-,1.1.1.1,5,SA_S,0,0,5,500,300,2,')).toMatchObject({
      initiator: '1.1.1.1',
      initiatorPort: 5,
      responder: '2.2.2.2',
      responderPort: 80,
      initiatorPackets: 3,
      responderPackets: 2,
      initiatorBytes: 200,
      responderBytes: 300,
      initiatorFlags: 'S',
      responderFlags: 'AS',
    });
  });

  it('gives the type of ICMP and no ports', async () => {
    const row = await flow('2018/12/18 14:00:00.5,0.1,icmp,1.1.1.1,0x0303,   ->,2.2.2.2,0x1234,URP,0,,1,70,70,1,');
    expect(row).toMatchObject({ icmpType: 3, icmpCode: 3, protocol: 'icmp' });
    expect(row).not.toHaveProperty('responderPort');
  });

  it('takes the names and the tab of other versions, and the packets that no column gives are missing', async () => {
    const { rows, gives } = await flowsOf(
      'stime\tdur\tproto\tsaddr\tsport\tdir\tdaddr\tdport\tstate\tpkts\tbytes\n1525949567.25\t1.5\tudp\t10.0.0.1\t0x0035\t  <->\t10.0.0.2\t5000\tCON\t2\t200\n',
    );
    expect(rows[0]).toMatchObject({ startMs: 1525949567250, durationMs: 1500, initiatorPort: 53, outcome: 'answered' });
    expect(rows[0]).not.toHaveProperty('initiatorPackets');
    expect(gives.has('initiatorPackets')).toBe(false);
  });

  it('parts a sum of packets by the bytes of each side, as far as they tell', async () => {
    const head = 'StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,TotPkts,TotBytes,SrcBytes';
    const counts = async (rest: string) => {
      const { rows, gives } = await flowsOf(`${head}\n2018/12/18 14:00:00.5,0.1,${rest}\n`);
      expect(gives.has('initiatorPackets')).toBe(true);
      return [rows[0]?.initiatorPackets, rows[0]?.responderPackets];
    };
    expect(await counts('tcp,1.1.1.1,5,   ->,2.2.2.2,80,REQ,3,180,180')).toEqual([3, 0]);
    expect(await counts('udp,1.1.1.1,5,  <->,2.2.2.2,53,CON,2,180,60')).toEqual([1, 1]);
    expect(await counts('udp,1.1.1.1,5,  <->,2.2.2.2,53,CON,3,180,60')).toEqual([undefined, undefined]);
    expect(await counts('tcp,2.2.2.2,80,  <-,1.1.1.1,5,ACC,2,120,120')).toEqual([0, 2]);
  });

  it('leaves out records of the probe and of other links, takes repeated headers, and rejects what is no record', async () => {
    const { rows, status } = await flowsOf(
      [
        HEADER,
        '2018/05/10 10:52:47.283479,0.0,man,0,0,,0,0,STA,,,0,0,0,0,',
        '2018/05/10 10:52:47.283479,0.0,llc,00:00:00:00:00:00,0,   ->,00:00:00:00:00:00,0,INT,,,1,60,60,1,',
        HEADER,
        'soon,0.0,udp,1.1.1.1,1,  <->,2.2.2.2,2,CON,0,0,2,142,63,1,',
        '2018/05/10 10:52:47,0.0,udp,nobody,1,  <->,2.2.2.2,2,CON,0,0,2,142,63,1,',
        '2018/05/10 10:52:47,0.0,udp,1.1.1.1,1,  <->,2.2.2.2,2,CON,0,0,two,142,63,1,',
        '2018/05/10 10:52:47,0.0,udp',
        '2018/05/10 10:52:47,0.0,udp,1.1.1.1,1,  <->,2.2.2.2,2,CON,0,0,2,142,63,1,',
        '',
      ].join('\n'),
    );
    expect(rows).toHaveLength(1);
    expect(status.rejects.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      "5: column starttime is 'soon', which is no time",
      '6: column srcaddr or dstaddr holds no address',
      "7: column totpkts is 'two', which is no number",
      '8: 3 fields, where the header has 16',
    ]);
    expect(status.message).toContain('2 records of the probe itself or without IP addresses left out');
  });

  it('refuses a file without such a header, and knows one', async () => {
    await expect(flowsOf('a,b\n1,2\n')).rejects.toThrow('x.binetflow: the first line names no fields of Argus');
    expect(looksLikeBinetflow(Buffer.from(`${HEADER}\n`))).toBe(true);
    expect(looksLikeBinetflow(Buffer.from('ts,te,td,sa,da,sp,dp,pr,flg,ipkt,ibyt\n'))).toBe(false);
  });

  it('never throws but for an operator, whatever is changed in a file', async () => {
    const text = Buffer.from(
      `${HEADER}\n2018/12/18 14:00:00.5,0.1,tcp,1.1.1.1,5,   ->,2.2.2.2,80,S_RA,0,0,2,114,60,1,x\n`.repeat(3),
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

const DATA = fileURLToPath(new URL('../../../../shared/data/slips/dataset', import.meta.url));

describe.skipIf(!existsSync(DATA))('binetflow in ../shared/data (skipped where the folder is absent)', () => {
  it.each([
    ['test2-malicious.binetflow', 6751],
    ['test3-mixed.binetflow', 89],
    ['test4-malicious.binetflow', 394],
    ['test5-mixed.binetflow', 298],
  ])('reads every record of %s', async (name, rows) => {
    const source = await openBinetflow(await openInput(join(DATA, name)), { oddities: new OddityCounter() });
    while ((await source.read()) !== undefined);
    expect(source.status()).toMatchObject({ rows, rejected: 0, state: 'whole' });
  });
});

describe('files of argus themselves, and times without a date', () => {
  it('are known by their cookie, and refused with what to do', () => {
    const head = Buffer.from('8310002000000000e5712dcb00000000', 'hex');
    expect(looksLikeArgus(head)).toBe(true);
    expect(looksLikeArgus(head.subarray(0, 11))).toBe(false);
    expect(looksLikeArgus(Buffer.from('0310002000000000e5712dcb', 'hex'))).toBe(false);
    expect(argusError('x.argus').message).toBe('x.argus is a file of argus, which only its clients read');
  });

  it('say that ra writes a date where it is asked to', async () => {
    const text =
      'StartTime,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,TotPkts,TotBytes,State\n09:10:31.860690,udp,10.0.0.1,1,<->,10.0.0.2,53,2,200,CON\n';
    const source = await openBinetflow(bytesSource(Buffer.from(text), 'x.csv'), { oddities: new OddityCounter() });
    while ((await source.read()) !== undefined);
    expect(source.status().rejects[0]?.reason).toBe(
      "column starttime is '09:10:31.860690', which is no time with a date (ra -u writes one)",
    );
  });

  it('and sums alone, as ra writes by itself, tell who was refused and who was let in', async () => {
    const row = (state: string, packets: number): string =>
      `1700000000.5,tcp,10.0.0.1,4000,->,10.0.0.2,25,${packets},${56 * packets},${state}`;
    const text = `StartTime,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,TotPkts,TotBytes,State\n${[row('RST', 2), row('RST', 3), row('FIN', 22), row('FIN', 4), row('REQ', 2)].join('\n')}\n`;
    const source = await openBinetflow(bytesSource(Buffer.from(text), 'x.csv'), { oddities: new OddityCounter() });
    const table = await source.read();
    expect(
      table === undefined ? [] : Array.from({ length: table.rowCount }, (_, i) => flowRecord(table, i).outcome),
    ).toEqual(['refused', 'unknown', 'answered', 'unknown', 'unanswered']);
  });
});
