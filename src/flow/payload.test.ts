import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowLab, type TestFrame, tcp, udp } from '../../test/support/frames.ts';
import { encodeDns, encodeHttpRequest } from '../wire/index.ts';
import { PAYLOAD_BYTES, PayloadKeeper, type PayloadPort } from './payload.ts';
import type { FlowTableOptions } from './table.ts';

const A = '10.0.0.1:40000';
const B = '10.0.0.2:4000';

const PORTS: readonly PayloadPort[] = [
  { transport: 'tcp', port: 4000, recognised: false },
  { transport: 'udp', port: 4000, recognised: false },
  { transport: 'udp', port: 5353, recognised: false },
  { transport: 'tcp', port: 8080, recognised: true },
];

interface Given {
  readonly id: number;
  readonly port: number;
  readonly initiator: string;
  readonly responder: string;
  readonly service: string | undefined;
}

function labOf(options: Partial<FlowTableOptions> = {}, capacity?: number) {
  const lab = new FlowLab(options);
  const given: Given[] = [];
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  const keeper = new PayloadKeeper(
    lab.table.options.maxFlows,
    PORTS,
    (id, _protocol, port, initiator, responder, service) =>
      given.push({ id, port, initiator: text(initiator), responder: text(responder), service }),
    capacity,
  );
  lab.table.payloads = keeper;
  return { lab, given, keeper };
}

function givenFrom(frames: readonly TestFrame[]): Given[] {
  const { lab, given } = labOf();
  lab.take(frames);
  lab.finish();
  return given;
}

const said = (frames: readonly TestFrame[]): readonly [string, string][] =>
  givenFrom(frames).map(({ initiator, responder }) => [initiator, responder]);

describe('the first payload of a flow on a chosen port', () => {
  it('is that of each side in order, whatever order its segments came in', () => {
    expect(
      said([
        tcp(0, A, B, 'S', { sequence: 99 }),
        tcp(1, B, A, 'SA', { sequence: 199 }),
        tcp(2, A, B, 'PA', { sequence: 104, payload: 'world' }),
        tcp(3, A, B, 'PA', { sequence: 100, payload: 'hell' }),
        tcp(4, A, B, 'PA', { sequence: 100, payload: 'hell' }),
        tcp(5, B, A, 'PA', { sequence: 200, payload: 'yes' }),
      ]),
    ).toEqual([['hellworld', 'yes']]);
  });

  it('ends before the first gap, and at 2,048 bytes', () => {
    const start = [tcp(0, A, B, 'S', { sequence: 99 }), tcp(1, B, A, 'SA', { sequence: 199 })];
    expect(
      said([
        ...start,
        tcp(2, A, B, 'PA', { sequence: 100, payload: 'one' }),
        tcp(3, A, B, 'PA', { sequence: 110, payload: 'far' }),
      ]),
    ).toEqual([['one', '']]);
    const many = Array.from({ length: 5 }, (_, i) =>
      tcp(2 + i, A, B, 'PA', { sequence: 100 + 1000 * i, payload: `${i}`.repeat(1000) }),
    );
    const [sides] = said([...start, ...many]);
    expect(sides).toEqual([`${'0'.repeat(1000)}${'1'.repeat(1000)}${'2'.repeat(48)}`, '']);
  });

  it('is the first datagram of each side of UDP, whole', () => {
    expect(said([udp(0, A, B, 'ask'), udp(1, A, B, 'again'), udp(2, B, A, 'answer')])).toEqual([['ask', 'answer']]);
  });

  it('comes with the id and the port of its row, and of every row of a conversation that goes on', () => {
    const { lab, given } = labOf({ activeTimeoutMs: 10_000 });
    lab.take([
      udp(0, '10.0.0.9:5000', '10.0.0.8:5001', 'other'),
      ...[0, 8, 16, 24].map((s) => udp(s * 1000, A, B, `at ${s}`)),
    ]);
    const rows = lab.finish().filter(({ responderPort }) => responderPort === 4000);
    expect(rows.map(({ continued }) => continued)).toEqual([0, 1]);
    expect(given).toEqual(
      rows.map(({ id }) => ({ id, port: 4000, initiator: 'at 0', responder: '', service: undefined })),
    );
  });

  it('is of another flow when its record is used again', () => {
    const { lab, given } = labOf();
    lab.take([udp(0, A, B, 'first'), udp(100_000, A, B, 'second'), udp(200_000, '10.0.0.7:41000', B, 'third')]);
    lab.finish();
    expect(given.map(({ initiator }) => initiator).sort()).toEqual(['first', 'second', 'third']);
  });

  it('is not kept on other ports, for the port of the initiator, and without payload', () => {
    expect(
      said([
        udp(0, '10.0.0.1:40000', '10.0.0.2:4001', 'x'),
        tcp(1, '10.0.0.1:4000', '10.0.0.2:4002', 'S', { sequence: 1 }),
        tcp(2, '10.0.0.1:4000', '10.0.0.2:4002', 'PA', { sequence: 2, payload: 'x' }),
        tcp(3, '10.0.0.5:4711', B, 'S'),
      ]),
    ).toEqual([]);
  });

  it('is left alone where the content was recognised, unless that is wanted too', () => {
    const request = encodeHttpRequest('GET', '/x', [['Host', 'a.example']]);
    const question = encodeDns({ id: 1, name: 'a.local' });
    const web = (to: string) => [
      tcp(0, A, to, 'S', { sequence: 99 }),
      tcp(1, A, to, 'PA', { sequence: 100, payload: request }),
    ];
    expect(givenFrom(web(B))).toEqual([]);
    expect(givenFrom([udp(0, A, '224.0.0.251:5353', question)])).toEqual([]);
    expect(givenFrom(web('10.0.0.2:8080')).map(({ service, initiator }) => [service, initiator.slice(0, 6)])).toEqual([
      ['http', 'GET /x'],
    ]);
  });

  it('ends before passwords, communities and credentials in headers', () => {
    const login = 'USER bob\r\nSYST\r\nFEAT\r\nPWD\r\nPASS hunter2\r\nLIST\r\n';
    const header = 'ACME /x\r\nHost: a\r\nauthorization:Bearer abc\r\nX: y\r\n';
    expect(said([udp(0, A, B, login), udp(1, B, A, header)])).toEqual([
      ['USER bob\r\nSYST\r\nFEAT\r\nPWD\r\nPASS ', 'ACME /x\r\nHost: a\r\nauthorization:'],
    ]);
  });
});

describe('room for first payloads', () => {
  it('is for so many live flows; later ones are refused and counted, and an end makes room', () => {
    const { lab, given, keeper } = labOf({}, 3);
    const from = (i: number): string => `10.0.0.${i}:40000`;
    lab.take(Array.from({ length: 5 }, (_, i) => udp(i, from(i + 10), B, `${i}`)));
    expect(keeper.refused).toBe(2);
    lab.take([udp(100_000, from(50), B, 'late')]);
    lab.finish();
    expect(given.map(({ initiator }) => initiator).sort()).toEqual(['0', '1', '2', 'late']);
    expect(keeper.refused).toBe(2);
  });

  it('a flow that is recognised gives its room back at once', () => {
    const { lab, given, keeper } = labOf({}, 1);
    const question = encodeDns({ id: 1, name: 'a.local' });
    lab.take([udp(0, A, '224.0.0.251:5353', question), udp(1, A, B, 'x')]);
    lab.finish();
    expect([keeper.refused, given.map(({ initiator }) => initiator)]).toEqual([0, ['x']]);
  });

  it('holds whatever comes: each side is a prefix of what was sent, bounded, once for each row', () => {
    const stream = Array.from({ length: 6000 }, (_, i) => 'abcdefghijklm\r\n'[(i * 7) % 15]).join('');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(5000), fc.nat(900), fc.boolean()), { maxLength: 60 }),
        (packets) => {
          const { lab, given } = labOf({ maxFlows: 4 }, 2);
          lab.take(
            packets.map(([host, at, length, back], i) => {
              const client = `10.0.0.${host}:40000`;
              const isSyn = !back && i % 9 === 0;
              // A SYN takes a number of its own.
              const fields = { sequence: 1000 + at - (isSyn ? 1 : 0), payload: stream.slice(at, at + length) };
              return back ? tcp(i, B, client, 'PA', fields) : tcp(i, client, B, isSyn ? 'S' : 'PA', fields);
            }),
          );
          lab.finish();
          expect(new Set(given.map(({ id }) => id)).size).toBe(given.length);
          for (const { initiator, responder } of given)
            for (const side of [initiator, responder]) {
              expect(side.length).toBeLessThanOrEqual(PAYLOAD_BYTES);
              expect(stream.includes(side)).toBe(true);
            }
        },
      ),
    );
  });
});

describe('rows', () => {
  it('are the same whether payloads are kept or not', () => {
    const frames = [
      tcp(0, A, B, 'S', { sequence: 99 }),
      tcp(1, A, B, 'PA', { sequence: 100, payload: 'PASS x' }),
      udp(2, A, B, 'hello'),
      udp(3, B, A, 'there'),
      udp(4, A, B, 'more'),
    ];
    const plain = new FlowLab();
    plain.take(frames);
    const { lab } = labOf();
    lab.take(frames);
    expect(lab.finish()).toEqual(plain.finish());
  });
});
