import { describe, expect, it } from 'vitest';
import { bindFlows, type FlowRecord, flowTable } from '../flow/index.ts';
import { Case, CaseBook, Judged, operationsOf } from './case.ts';
import { Gateways } from './gateway.ts';

describe('a book of cases', () => {
  const rows: FlowRecord[] = [
    { id: 1, startMs: 1000, responder: '10.0.0.1' },
    { id: 2, startMs: 500, responder: '10.0.0.2' },
  ];

  it('gathers span, peers, count and evidence of a case', () => {
    const table = flowTable(rows);
    const book = new CaseBook('cases', 2, Case);
    const one = book.obtain('a');
    if (one === undefined) throw new Error('no room');
    for (const [row, { startMs, responder = '' }] of rows.entries())
      book.saw(one, table, row, { peer: responder, startMs, endMs: undefined });
    expect(book.obtain('a')).toBe(one);
    expect([one.flowCount, one.span.firstMs, one.span.lastMs, one.peers.count]).toEqual([2, 500, 1000, 2]);
    expect(book.flows(one).map(({ id }) => id)).toEqual([2, 1]);
  });

  it('counts a peer that comes again before others come, as if each flow had been counted at once', () => {
    const table = flowTable(rows);
    const book = new CaseBook('cases', 2, Case);
    const one = book.obtain('a', 1);
    if (one === undefined) throw new Error('no room');
    expect([one.span.known, one.peers.count, one.flowCount]).toEqual([false, 0, 0]);
    for (const peer of ['x', 'x', 'x', 'y', 'x', 'z', 'z'])
      book.saw(one, table, 0, { peer, startMs: undefined, endMs: undefined });
    expect(book.obtain('a', 1)).toBe(one);
    expect([one.peers.total, one.peers.weight('x'), one.peers.weight('z'), one.peers.top()]).toEqual([
      7,
      4,
      2,
      ['x', 'z', 'y'],
    ]);
    expect([one.span.known, one.flowCount]).toEqual([false, 7]);
  });

  it('refuses new keys at its cap, counts them, and knows its own', () => {
    const book = new CaseBook('cases', 2, Case);
    const kept = Array.from({ length: 100 }, (_, i) => book.obtain(`key ${i}`));
    expect(kept.filter((one) => one !== undefined)).toHaveLength(2);
    expect(book.obtain('key 1')).toBe(kept[1]);
    expect(book.entries().map(([key]) => key)).toEqual(['key 0', 'key 1']);
    expect(book.saturations('detector')).toEqual([{ detector: 'detector', what: 'cases', cap: 2, refused: 98 }]);
  });
});

it('texts of a column are judged once each, and a missing one has an answer of its own', () => {
  const flows = bindFlows(flowTable([{ service: 'ssh' }, {}, { service: 'ssh' }, { service: 'dns' }]));
  const asked: string[] = [];
  const judged = new Judged(
    flows.service,
    (text) => {
      asked.push(text);
      return text.length;
    },
    -1,
  );
  expect([0, 1, 2, 3, 0].map((row) => judged.at(row))).toEqual([3, -1, 3, 3, 3]);
  expect(asked).toEqual(['ssh', 'dns']);
});

it('operations are told apart', () => {
  expect(operationsOf('')).toEqual([]);
  expect(operationsOf('USER, RETR a,b.txt')).toEqual(['USER', 'RETR a,b.txt']);
});

describe('gateways', () => {
  const out = (mac: string, more: FlowRecord = {}): FlowRecord => ({
    initiator: '10.0.0.5',
    responder: '203.0.113.1',
    responderMac: mac,
    ...more,
  });
  const gateways = (records: readonly FlowRecord[], most?: number): Gateways => {
    const made = new Gateways({ isHome: (address) => address.startsWith('10.') }, most);
    made.observe(flowTable(records));
    return made;
  };

  it('are the hardware addresses through which a fifth of the flows to outside go, or more', () => {
    const told = gateways([
      ...Array.from({ length: 8 }, () => out('02:00:00:00:00:01')),
      out('02:00:00:00:00:02'),
      out('02:00:00:00:00:02'),
    ]);
    expect(told.isGateway('02:00:00:00:00:01')).toBe(true);
    expect(told.isGateway('02:00:00:00:00:02')).toBe(true);
    const rarely = gateways([...Array.from({ length: 9 }, () => out('02:00:00:00:00:01')), out('02:00:00:00:00:02')]);
    expect(rarely.isGateway('02:00:00:00:00:02')).toBe(false);
    expect(rarely.isGateway(undefined)).toBe(false);
  });

  it('are none by flows that stay inside, come from outside, or go to groups', () => {
    const mac = '02:00:00:00:00:01';
    const told = gateways([
      out(mac, { responder: '10.0.0.9' }),
      out(mac, { initiator: '203.0.113.7' }),
      out(mac, { responder: '239.255.255.250' }),
      out('ff:ff:ff:ff:ff:ff'),
    ]);
    expect([told.isGateway(mac), told.isGateway('ff:ff:ff:ff:ff:ff')]).toEqual([false, false]);
  });

  it('stay bounded', () => {
    const told = gateways(
      Array.from({ length: 50 }, (_, i) => out(`02:00:00:00:01:${i.toString(16).padStart(2, '0')}`)),
      10,
    );
    expect([told.cap.cap, told.cap.refused]).toEqual([10, 40]);
  });
});
