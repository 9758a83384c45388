import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arp,
  FlowLab,
  flowsFrom,
  hexBytes,
  icmp,
  ipFrame,
  type TestFrame,
  tcp,
  udp,
} from '../../test/support/frames.ts';
import { encodeClientHello, encodeDns, encodeHttpRequest, encodeTcp, encodeUdp, PROTO } from '../wire/index.ts';
import type { FlowRecord } from './schema.ts';

const A = '10.0.0.1:40000';
const B = '10.0.0.2:80';

/** SYN, SYN-ACK, ACK at atMs, +1, +2. */
function handshake(atMs: number, from = A, to = B, isn = 1000): TestFrame[] {
  return [
    tcp(atMs, from, to, 'S', { sequence: isn }),
    tcp(atMs + 1, to, from, 'SA', { sequence: isn + 7 }),
    tcp(atMs + 2, from, to, 'A', { sequence: isn + 1 }),
  ];
}

function pick<K extends keyof FlowRecord>(flow: FlowRecord | undefined, ...keys: K[]): Pick<FlowRecord, K> {
  const out: Partial<FlowRecord> = {};
  for (const key of keys) if (flow?.[key] !== undefined) Object.assign(out, { [key]: flow[key] });
  return out as Pick<FlowRecord, K>;
}

/** Frames of other hosts that only move the clock. */
function clockAt(atMs: number): TestFrame {
  return udp(atMs, '192.0.2.1:9999', '192.0.2.2:9998');
}

describe('when a flow ends', () => {
  it('a flow closes when both sides have sent FIN, after lingering for stragglers', () => {
    const lab = new FlowLab();
    lab.take([...handshake(0), tcp(10, A, B, 'FA'), tcp(11, B, A, 'FA'), tcp(12, A, B, 'A'), clockAt(4000)]);
    expect(lab.ended()).toEqual([]);
    lab.take([clockAt(9000)]);
    const [flow, ...others] = lab.ended();
    expect(others).toEqual([]);
    expect(pick(flow, 'closeReason', 'tcpState', 'initiatorPackets', 'responderPackets', 'outcome')).toEqual({
      closeReason: 'fin',
      tcpState: 'SF',
      initiatorPackets: 4,
      responderPackets: 2,
      outcome: 'answered',
    });
  });

  it('one FIN is half a close and ends nothing', () => {
    const lab = new FlowLab();
    lab.take([...handshake(0), tcp(10, A, B, 'FA'), clockAt(100_000)]);
    expect(lab.ended().filter((f) => f.protocol === 'tcp')).toEqual([]);
  });

  it('a flow closes on RST', () => {
    const lab = new FlowLab();
    lab.take([...handshake(0), tcp(10, B, A, 'R'), clockAt(9000)]);
    expect(lab.ended().map((f) => pick(f, 'closeReason', 'tcpState'))).toEqual([
      { closeReason: 'rst', tcpState: 'RSTR' },
    ]);
  });

  it('a packet of a closed connection after the linger time begins a new row, wherever the seconds fall', () => {
    for (const phase of [0, 300, 999]) {
      const flows = flowsFrom([
        ...handshake(phase),
        tcp(phase + 10, A, B, 'RA'),
        tcp(phase + 10 + 5000, A, B, 'A'),
        tcp(phase + 10 + 5000 + 5001, A, B, 'A'),
      ]);
      expect(flows.map((f) => pick(f, 'closeReason', 'initiatorPackets'))).toEqual([
        { closeReason: 'rst', initiatorPackets: 4 },
        { closeReason: 'end', initiatorPackets: 1 },
      ]);
    }
  });

  it('an attempt that is nothing but SYNs falls silent after 60 s', () => {
    const lab = new FlowLab();
    lab.take([tcp(0, A, B, 'S'), tcp(1000, A, B, 'S'), clockAt(63_000)]);
    expect(lab.ended()).toMatchObject([{ tcpState: 'S0', closeReason: 'idle', initiatorPackets: 2 }]);
  });

  it('a connection that the active timeout cut still falls silent after 300 s', () => {
    const lab = new FlowLab({ activeTimeoutMs: 10_000 });
    lab.take([...handshake(0), clockAt(20_000), clockAt(62_000)]);
    expect(lab.ended().filter((f) => f.protocol === 'tcp')).toMatchObject([{ tcpState: 'S1', closeReason: 'active' }]);
    lab.take([clockAt(150_000), tcp(200_000, A, B, 'A')]);
    expect(lab.finish().filter((f) => f.initiatorPort === 40000)).toMatchObject([{ continued: 1 }]);
  });

  it('falls silent: TCP after 300 s, everything else after 60 s', () => {
    const lab = new FlowLab();
    lab.take([...handshake(0), udp(2, '10.0.0.1:5000', '10.0.0.2:5001'), clockAt(59_000)]);
    expect(lab.ended()).toEqual([]);
    lab.take([clockAt(63_000)]);
    expect(lab.ended().map((f) => pick(f, 'protocol', 'closeReason', 'initiatorPort'))).toEqual([
      { protocol: 'udp', closeReason: 'idle', initiatorPort: 5000 },
    ]);
    lab.take([clockAt(299_000)]);
    expect(lab.ended().filter((f) => f.protocol === 'tcp')).toEqual([]);
    lab.take([clockAt(303_000)]);
    expect(lab.ended().filter((f) => f.protocol === 'tcp')).toMatchObject([{ closeReason: 'idle', tcpState: 'S1' }]);
  });

  it('joins at exactly the idle timeout and splits one millisecond later', () => {
    const gap = (ms: number): number =>
      flowsFrom([udp(123, '10.0.0.1:5000', '10.0.0.2:5001'), udp(123 + ms, '10.0.0.1:5000', '10.0.0.2:5001')]).length;
    expect(gap(60_000)).toBe(1);
    expect(gap(60_001)).toBe(2);
  });

  it('an idle timeout longer than the timing wheel is kept exactly', () => {
    const run = (ms: number): number =>
      flowsFrom(
        [
          udp(0, '10.0.0.1:5000', '10.0.0.2:5001'),
          clockAt(511_000),
          clockAt(1_022_000),
          udp(ms, '10.0.0.1:5000', '10.0.0.2:5001'),
        ],
        { idleTimeoutMs: 1_022_000 },
      ).filter((f) => f.initiatorPort === 5000).length;
    expect(run(1_022_000)).toBe(1);
    expect(run(1_022_001)).toBe(2);
  });

  it('a clock that jumps ten years writes every flow as idle, at once', () => {
    const lab = new FlowLab();
    const year = 365 * 86_400_000;
    lab.take([
      ...handshake(0),
      udp(3, '10.0.0.1:5000', '10.0.0.2:5001'),
      clockAt(10 * year),
      tcp(10 * year + 1, A, B, 'A'),
    ]);
    expect(lab.ended().map((f) => pick(f, 'protocol', 'closeReason'))).toEqual(
      expect.arrayContaining([
        { protocol: 'tcp', closeReason: 'idle' },
        { protocol: 'udp', closeReason: 'idle' },
      ]),
    );
    expect(lab.table.live).toBe(2);
  });

  it('the active timeout cuts a flow, which goes on with its direction and names', () => {
    const hello = encodeClientHello({ serverName: 'example.org', alpn: ['h2'] });
    const frames = [
      ...handshake(0, A, '10.0.0.2:443'),
      tcp(5, A, '10.0.0.2:443', 'PA', { payload: hello, sequence: 1001 }),
    ];
    for (let s = 100; s <= 400; s += 100) frames.push(tcp(s * 1000, '10.0.0.2:443', A, 'A', { payload: 'x' }));
    const flows = flowsFrom(frames, { activeTimeoutMs: 250_000 });
    expect(
      flows.map((f) =>
        pick(
          f,
          'initiator',
          'continued',
          'closeReason',
          'serverName',
          'alpn',
          'service',
          'initiatorPackets',
          'responderPackets',
          'outcome',
          'startMs',
          'firstFrame',
        ),
      ),
    ).toEqual([
      {
        initiator: '10.0.0.1',
        continued: 0,
        closeReason: 'active',
        serverName: 'example.org',
        alpn: 'h2',
        service: 'tls',
        initiatorPackets: 3,
        responderPackets: 3,
        outcome: 'answered',
        startMs: 1_600_000_000_000,
        firstFrame: 1,
      },
      {
        initiator: '10.0.0.1',
        continued: 1,
        closeReason: 'end',
        serverName: 'example.org',
        alpn: 'h2',
        service: 'tls',
        initiatorPackets: 0,
        responderPackets: 2,
        outcome: 'unknown',
        startMs: 1_600_000_300_000,
        firstFrame: 7,
      },
    ]);
  });

  it('a flow that was cut and falls silent writes no empty row', () => {
    const lab = new FlowLab({ activeTimeoutMs: 10_000 });
    lab.take([...handshake(0), clockAt(20_000), clockAt(400_000), clockAt(800_000)]);
    const rows = [...lab.ended(), ...lab.finish()].filter((f) => f.protocol === 'tcp');
    expect(rows.map((f) => pick(f, 'closeReason', 'continued'))).toEqual([{ closeReason: 'active', continued: 0 }]);
    expect(lab.table.live).toBe(0);
  });

  it('what is live when the input ends is written with the reason end', () => {
    expect(flowsFrom(handshake(0))).toMatchObject([{ closeReason: 'end', id: 1 }]);
  });
});

describe('port reuse', () => {
  it('a SYN with another sequence number after the close begins a new row', () => {
    const flows = flowsFrom([
      ...handshake(0),
      tcp(10, A, B, 'FA'),
      tcp(11, B, A, 'FA'),
      tcp(12, A, B, 'A'),
      ...handshake(500, A, B, 9000),
    ]);
    expect(flows.map((f) => pick(f, 'closeReason', 'initiatorPackets', 'tcpState'))).toEqual([
      { closeReason: 'fin', initiatorPackets: 4, tcpState: 'SF' },
      { closeReason: 'end', initiatorPackets: 2, tcpState: 'S1' },
    ]);
  });

  it('tells those who have no address yet apart by their hardware addresses', () => {
    const asks = (atMs: number, last: number): TestFrame => {
      const frame = udp(atMs, '0.0.0.0:68', '255.255.255.255:67', `client ${last}`);
      frame.bytes[11] = last;
      return frame;
    };
    const flows = flowsFrom([asks(0, 1), asks(100, 1), asks(200, 2), asks(300, 1), asks(400, 1)]);
    expect(flows.map(({ initiatorMac, initiatorPackets }) => [initiatorMac?.slice(-2), initiatorPackets])).toEqual([
      ['01', 2],
      ['02', 1],
      ['01', 2],
    ]);
    // Whoever has an address is one conversation, whoever carries it.
    const carried = [udp(0, A, B, 'x'), udp(1, A, B, 'x')];
    carried[1]?.bytes.set([9], 11);
    expect(flowsFrom(carried)).toHaveLength(1);
  });

  it('splits a connection that was answered but never closed, too', () => {
    const flows = flowsFrom([...handshake(0), ...handshake(500, A, B, 9000)]);
    expect(flows.map((f) => f.closeReason)).toEqual(['reuse', 'end']);
  });

  it('splits where the beginning of the closed connection was not captured', () => {
    const flows = flowsFrom([tcp(0, A, B, 'FA'), tcp(1, B, A, 'FA'), tcp(2, A, B, 'A'), ...handshake(500)]);
    expect(flows.map((f) => pick(f, 'closeReason', 'tcpState'))).toEqual([
      { closeReason: 'fin', tcpState: 'OTH' },
      { closeReason: 'end', tcpState: 'S1' },
    ]);
  });

  it('splits a conversation that the active timeout had cut', () => {
    const frames = [...handshake(0), tcp(60_000, A, B, 'A'), ...handshake(61_000, A, B, 9000)];
    const flows = flowsFrom(frames, { activeTimeoutMs: 30_000 });
    expect(flows.map((f) => pick(f, 'closeReason', 'continued', 'tcpState'))).toEqual([
      { closeReason: 'active', continued: 0, tcpState: 'S1' },
      { closeReason: 'reuse', continued: 1, tcpState: 'OTH' },
      { closeReason: 'end', continued: 0, tcpState: 'S1' },
    ]);
  });

  it('a retransmitted SYN begins nothing', () => {
    expect(
      flowsFrom([
        tcp(0, A, B, 'S', { sequence: 5 }),
        tcp(1000, A, B, 'S', { sequence: 5 }),
        ...handshake(3000, A, B, 5),
      ]),
    ).toHaveLength(1);
  });

  it('the sequence number of a SYN whose header is cut is not mistaken for that of the packet before it', () => {
    const cut = (atMs: number): TestFrame => {
      const whole = tcp(atMs, A, B, 'S', { sequence: 1000 });
      return { ...whole, bytes: whole.bytes.subarray(0, 14 + 20 + 16), wireLength: whole.bytes.length };
    };
    const other = tcp(3, '10.9.9.9:1', '10.9.9.8:2', 'A', { sequence: 77 });
    expect(flowsFrom([...handshake(0), other, cut(4)])).toHaveLength(2);
  });
});

describe('direction', () => {
  it('A to B and B to A share a flow', () => {
    const endpoint = fc
      .tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }))
      .map(([address, port]) => `${address}:${port}`);
    const endpoint6 = fc
      .tuple(
        fc.array(fc.integer({ min: 0, max: 65_535 }), { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 1, max: 65_535 }),
      )
      .map(([groups, port]) => `[${groups.map((g) => g.toString(16)).join(':')}]:${port}`);
    fc.assert(
      fc.property(
        fc.oneof(fc.tuple(endpoint, endpoint), fc.tuple(endpoint6, endpoint6)),
        fc.boolean(),
        ([a, b], isTcp) => {
          fc.pre(a !== b);
          const frame = (at: number, from: string, to: string): TestFrame =>
            isTcp ? tcp(at, from, to, 'A') : udp(at, from, to);
          const flows = flowsFrom([frame(0, a, b), frame(1, b, a), frame(2, a, b)]);
          expect(flows).toHaveLength(1);
          expect([flows[0]!.initiatorPackets, flows[0]!.responderPackets].sort()).toEqual([1, 2]);
        },
      ),
      { numRuns: 300, seed: 7 },
    );
  });

  it('the sender of the SYN is the initiator, whatever the ports', () => {
    expect(flowsFrom([tcp(0, '10.0.0.9:80', '10.0.0.1:50000', 'S')])).toMatchObject([
      { initiator: '10.0.0.9', initiatorPort: 80, responder: '10.0.0.1', responderPort: 50000 },
    ]);
  });

  it('a SYN-ACK that comes first was sent by the responder', () => {
    expect(flowsFrom([tcp(0, B, A, 'SA'), tcp(1, A, B, 'A')])).toMatchObject([
      { initiator: '10.0.0.1', initiatorPackets: 1, responderPackets: 1, outcome: 'unknown' },
    ]);
  });

  it('a SYN that comes late corrects a guess', () => {
    const flows = flowsFrom([
      tcp(0, '10.0.0.9:50001', '10.0.0.1:50000', 'A'),
      tcp(1, '10.0.0.1:50000', '10.0.0.9:50001', 'S'),
    ]);
    expect(flows).toMatchObject([{ initiator: '10.0.0.1', initiatorPackets: 1, responderPackets: 1 }]);
  });

  it('the answer of a ping or an ARP request that comes first was sent by the responder', () => {
    expect(flowsFrom([icmp(0, '10.0.0.2', '10.0.0.1', { type: 0, identifier: 9 })])).toMatchObject([
      { initiator: '10.0.0.1', responder: '10.0.0.2', initiatorPackets: 0, responderPackets: 1, outcome: 'unknown' },
    ]);
    expect(flowsFrom([arp(0, 2, '10.0.0.2', '10.0.0.1')])).toMatchObject([
      { initiator: '10.0.0.1', responder: '10.0.0.2', responderMac: '02:00:0a:00:00:02' },
    ]);
  });

  it('in the middle of a connection the side with the better known port is the responder', () => {
    const first = (from: string, to: string): string | undefined => flowsFrom([tcp(0, from, to, 'A')])[0]?.initiator;
    expect(first('10.0.0.2:443', '10.0.0.1:8081')).toBe('10.0.0.1');
    expect(first('10.0.0.2:1000', '10.0.0.1:50000')).toBe('10.0.0.1');
    expect(first('10.0.0.2:50001', '10.0.0.1:50000')).toBe('10.0.0.2');
    expect(flowsFrom([udp(0, '10.0.0.2:53', '10.0.0.1:50000')])[0]?.initiator).toBe('10.0.0.1');
    expect(flowsFrom([udp(0, '10.0.0.2:68', '10.0.0.1:67')])[0]?.initiator).toBe('10.0.0.2');
  });

  it('a ping to oneself has two directions', () => {
    const flows = flowsFrom([
      icmp(0, '127.0.0.1', '127.0.0.1', { type: 8, identifier: 3 }),
      icmp(1, '127.0.0.1', '127.0.0.1', { type: 0, identifier: 3 }),
    ]);
    expect(flows).toMatchObject([{ initiatorPackets: 1, responderPackets: 1, outcome: 'answered' }]);
  });
});

describe('TCP states', () => {
  const S = tcp(0, A, B, 'S');
  const SA = tcp(1, B, A, 'SA');
  const ACK = tcp(2, A, B, 'A');
  const cases: [string, string, TestFrame[]][] = [
    ['S0', 'unanswered', [S]],
    ['S1', 'answered', [S, SA, ACK]],
    ['SF', 'answered', [S, SA, ACK, tcp(3, A, B, 'FA'), tcp(4, B, A, 'FA')]],
    ['REJ', 'refused', [S, tcp(1, B, A, 'RA')]],
    ['S2', 'answered', [S, SA, ACK, tcp(3, A, B, 'FA')]],
    ['S3', 'answered', [S, SA, ACK, tcp(3, B, A, 'FA')]],
    ['RSTO', 'answered', [S, SA, ACK, tcp(3, A, B, 'R')]],
    ['RSTR', 'answered', [S, SA, ACK, tcp(3, B, A, 'R')]],
    ['RSTOS0', 'unanswered', [S, tcp(1, A, B, 'R')]],
    ['RSTRH', 'unknown', [SA, tcp(2, B, A, 'R')]],
    ['SH', 'unanswered', [S, tcp(1, A, B, 'F')]],
    ['SHR', 'unknown', [SA, tcp(2, B, A, 'FA')]],
    ['OTH', 'unknown', [ACK, tcp(3, B, A, 'A')]],
  ];
  it.each(cases)('%s, %s', (state, outcome, frames) => {
    expect(flowsFrom(frames).map((f) => pick(f, 'tcpState', 'outcome'))).toEqual([{ tcpState: state, outcome }]);
  });

  it('flags of both sides are gathered in the order CEUAPRSF', () => {
    expect(
      flowsFrom([tcp(0, A, B, 'SEC'), tcp(1, B, A, 'SAE'), tcp(2, A, B, 'APU'), tcp(3, A, B, 'FA')]),
    ).toMatchObject([{ initiatorFlags: 'CEUAPSF', responderFlags: 'EAS' }]);
  });
});

describe('outcome beyond TCP', () => {
  const outcome = (...frames: TestFrame[]): string | undefined => flowsFrom(frames)[0]?.outcome;

  it('UDP is answered or unanswered; to a group address an answer is not expected', () => {
    expect(outcome(udp(0, '10.0.0.1:5000', '10.0.0.2:53'))).toBe('unanswered');
    expect(outcome(udp(0, '10.0.0.1:5000', '10.0.0.2:53'), udp(1, '10.0.0.2:53', '10.0.0.1:5000'))).toBe('answered');
    for (const group of ['224.0.0.251', '239.255.255.250', '255.255.255.255', '10.0.0.255'])
      expect(outcome(udp(0, '10.0.0.1:5353', `${group}:5353`))).toBe('unknown');
    expect(outcome(udp(0, '[fe80::1]:5353', '[ff02::fb]:5353'))).toBe('unknown');
  });

  it('an ICMP query is answered or unanswered, an error expects nothing', () => {
    expect(outcome(icmp(0, '10.0.0.1', '10.0.0.2', { type: 8, identifier: 1 }))).toBe('unanswered');
    expect(
      outcome(
        icmp(0, '10.0.0.1', '10.0.0.2', { type: 8, identifier: 1 }),
        icmp(1, '10.0.0.2', '10.0.0.1', { type: 0, identifier: 1 }),
      ),
    ).toBe('answered');
    expect(outcome(icmp(0, '10.0.0.1', '10.0.0.2', { type: 3, code: 3 }))).toBe('unknown');
    expect(outcome(icmp(0, 'fe80::1', 'fe80::2', { type: 128, identifier: 1 }))).toBe('unanswered');
  });

  it('an ARP request is answered or unanswered, an announcement expects nothing', () => {
    expect(outcome(arp(0, 1, '10.0.0.1', '10.0.0.2'))).toBe('unanswered');
    expect(outcome(arp(0, 1, '10.0.0.1', '10.0.0.2'), arp(1, 2, '10.0.0.2', '10.0.0.1'))).toBe('answered');
    expect(outcome(arp(0, 1, '10.0.0.1', '10.0.0.1'))).toBe('unknown');
    expect(outcome(arp(0, 1, '10.0.0.1', '10.0.0.1'), arp(1, 2, '10.0.0.1', '10.0.0.1'))).toBe('unknown');
    expect(outcome(arp(0, 1, '0.0.0.0', '10.0.0.1'))).toBe('unknown');
  });

  it('two pings with different identifiers are two flows, two kinds of error are two flows', () => {
    const ping = (identifier: number): TestFrame => icmp(0, '10.0.0.1', '10.0.0.2', { type: 8, identifier });
    const error = (code: number): TestFrame => icmp(0, '10.0.0.1', '10.0.0.2', { type: 3, code });
    expect(flowsFrom([ping(1), ping(2), ping(1), error(1), error(3)]).map((f) => [f.icmpType, f.icmpCode])).toEqual([
      [8, 0],
      [8, 0],
      [3, 1],
      [3, 3],
    ]);
  });
});

describe('time', () => {
  const at = (ms: number): TestFrame => udp(ms, '10.0.0.1:5000', '10.0.0.2:5001');

  it('statistics of the times between packets, worked by hand', () => {
    // Gaps 10, 20, 60: mean 30, squares 100 + 400 + 3600 = 4100, variance 4100 / 3 - 900 = 466.67.
    expect(flowsFrom([at(0), at(10), at(30), at(90)])).toMatchObject([
      {
        iatMeanMs: 30,
        iatSdMs: expect.closeTo(Math.sqrt(4100 / 3 - 900), 9),
        iatMinMs: 10,
        iatMaxMs: 60,
        durationMs: 90,
        startMs: 1_600_000_000_000,
        endMs: 1_600_000_000_090,
      },
    ]);
  });

  it('a single packet has a duration of 0 and no times between packets', () => {
    const [flow] = flowsFrom([at(5)]);
    expect(pick(flow, 'durationMs', 'iatMeanMs', 'iatSdMs', 'iatMinMs', 'iatMaxMs')).toEqual({ durationMs: 0 });
  });

  it('backwards time stamps are counted, gaps are clamped at 0, start and end are the extremes', () => {
    const lab = new FlowLab();
    lab.take([at(100), at(40), at(160)]);
    expect(lab.oddities.of('time.backwards')).toBe(1);
    expect(lab.finish()).toMatchObject([
      {
        startMs: 1_600_000_000_040,
        endMs: 1_600_000_000_160,
        durationMs: 120,
        iatMinMs: 0,
        iatMaxMs: 120,
        iatMeanMs: 60,
      },
    ]);
  });

  it('packets before the time base count like any other', () => {
    expect(flowsFrom([at(-5000), at(-4000)])).toMatchObject([{ startMs: 1_599_999_995_000, durationMs: 1000 }]);
  });

  it('one stamp far in the future does not stop the clock for good', () => {
    const lab = new FlowLab();
    const day = 86_400_000;
    lab.take([at(0), clockAt(365 * day)]);
    const late: TestFrame[] = [];
    for (let i = 0; i < 200; i++) late.push(udp(1000 + i, '10.0.0.1:5000', `10.0.1.${i}:5001`));
    lab.take(late);
    expect(lab.oddities.of('time.clock-reset')).toBe(1);
    // Flows from before the clock was set back fall silent like those after it.
    lab.take([clockAt(1000 + 60_000 + 600_000), clockAt(1000 + 60_000 + 1_200_000)]);
    expect(lab.table.live).toBe(1);
  });

  it('absurd times neither hang nor break the table', () => {
    const times = [0, 1e30, -1e30, 1.8e22, 5, 1e25, 0];
    const lab = new FlowLab({ maxFlows: 8 });
    let n = 0;
    for (const ms of times)
      for (let i = 0; i < 100; i++) lab.take([udp(ms, `10.1.${n >> 8}.${n++ & 255}:5000`, '10.0.0.2:5001')]);
    const rows = [...lab.ended(), ...lab.finish()];
    expect(rows.reduce((sum, f) => sum + f.initiatorPackets! + f.responderPackets!, 0)).toBe(700);
  });
});

describe('many flows at once', () => {
  it('are all found again, whatever their number', () => {
    const n = 3000;
    const lab = new FlowLab({ maxFlows: 4096, batchRows: 1000 });
    const client = (i: number): string => `10.1.${i >> 8}.${i & 255}:${1024 + i}`;
    const clients = Array.from({ length: n }, (_, i) => client(i));
    lab.take(clients.map((from) => udp(0, from, '10.0.0.2:123')));
    lab.take(clients.map((to) => udp(5, '10.0.0.2:123', to)));
    lab.take([clockAt(120_000)]);
    const flows = lab.ended();
    expect(flows).toHaveLength(n);
    expect(flows.every((flow) => flow.initiatorPackets === 1 && flow.responderPackets === 1)).toBe(true);
    expect(lab.table.peakLive).toBe(n);
    expect(new Set(flows.map((flow) => flow.initiator)).size).toBe(n);
  });
});

describe('at the cap', () => {
  const syn = (n: number, atMs: number): TestFrame =>
    tcp(atMs, `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}:${1024 + (n % 60_000)}`, '192.168.0.1:80', 'S');

  it('evicts flows without an answer first, counts them, and still accounts for every packet', () => {
    const lab = new FlowLab({ maxFlows: 16 });
    for (let i = 0; i < 8; i++) lab.take(handshake(i, `10.9.0.${i}:4000`, '10.8.0.1:443'));
    for (let i = 0; i < 100; i++) lab.take([syn(i, 100 + i)]);
    const early = lab.ended();
    expect(early.length).toBeGreaterThan(0);
    expect(new Set(early.map((f) => `${f.closeReason} ${f.tcpState}`))).toEqual(new Set(['evicted S0']));
    expect(lab.oddities.of('flow.evicted')).toBe(early.length);
    const rows = [...early, ...lab.finish()];
    expect(rows.reduce((n, f) => n + f.initiatorPackets! + f.responderPackets!, 0)).toBe(8 * 3 + 100);
    expect(lab.table.peakLive).toBe(16);
  });

  it('evicts the nearest to its timeout when all are answered', () => {
    const lab = new FlowLab({ maxFlows: 4 });
    for (let i = 0; i < 5; i++) lab.take(handshake(i * 2000, `10.9.0.${i}:4000`, '10.8.0.1:443'));
    expect(lab.ended().map((f) => pick(f, 'initiator', 'closeReason'))).toEqual([
      { initiator: '10.9.0.0', closeReason: 'evicted' },
    ]);
  });

  it('a conversation that waits after the active timeout is not taken for one without an answer', () => {
    const lab = new FlowLab({ maxFlows: 8, activeTimeoutMs: 10_000 });
    lab.take([...handshake(0), clockAt(15_000)]);
    for (let i = 0; i < 20; i++) lab.take([syn(i, 15_001 + i)]);
    lab.take([tcp(16_000, A, B, 'A')]);
    expect([...lab.ended(), ...lab.finish()].filter((f) => f.initiatorPort === 40000)).toMatchObject([
      { closeReason: 'active', continued: 0 },
      { closeReason: 'end', continued: 1 },
    ]);
  });

  it('a flood of a million SYNs ends in a plateau, and established flows come through unharmed', () => {
    const lab = new FlowLab({ maxFlows: 2048, batchRows: 4096 });
    const established = 50;
    for (let i = 0; i < established; i++) lab.take(handshake(i, `172.16.0.${i}:4000`, '172.16.1.1:443'));
    const template = syn(0, 0).bytes;
    const size = template.length;
    const chunk: { bytes: Uint8Array; atMs: number }[] = Array.from({ length: 4000 }, () => ({
      bytes: template.slice(),
      atMs: 0,
    }));
    let rows = 0;
    let packets = 0;
    const take = (): void => {
      for (const table of lab.table.takeTables()) {
        rows += table.rowCount;
        const a = table.numbers('initiatorPackets').values;
        const b = table.numbers('responderPackets').values;
        for (let i = 0; i < table.rowCount; i++) packets += a[i]! + b[i]!;
      }
    };
    let n = 0;
    for (let round = 0; round < 250; round++) {
      for (const frame of chunk) {
        const view = new DataView(frame.bytes.buffer);
        view.setUint32(26, 0x0a000000 + n);
        frame.atMs = 100 + n / 100;
        n++;
      }
      lab.take(chunk);
      if (round % 50 === 0)
        for (let i = 0; i < established; i++)
          lab.take([tcp(100 + n / 100, `172.16.0.${i}:4000`, '172.16.1.1:443', 'A')]);
      take();
    }
    expect(n).toBe(1_000_000);
    expect(size).toBe(54);
    expect(lab.table.peakLive).toBe(2048);
    const live = lab.table.live;
    lab.table.finish();
    const left = lab.ended();
    expect(lab.oddities.of('flow.evicted')).toBe(rows + left.length - live);
    const kept = left.filter((f) => f.responder === '172.16.1.1');
    expect(kept).toHaveLength(established);
    expect(new Set(kept.map((f) => `${f.tcpState} ${f.initiatorPackets} ${f.responderPackets}`))).toEqual(
      new Set(['S1 7 1']),
    );
    packets += left.reduce((sum, f) => sum + f.initiatorPackets! + f.responderPackets!, 0);
    expect(packets).toBe(1_000_000 + established * 8);
    expect(lab.table.packets).toBe(packets);
  });
});

describe('fragments', () => {
  const datagram = encodeUdp(5000, 53, new Uint8Array(32));
  const part = (from: number, to: number, more: boolean, identification = 77): TestFrame => ({
    atMs: from,
    bytes: ipFrame('10.0.0.1', '10.0.0.2', PROTO.udp, datagram.subarray(from, to), {
      identification,
      fragmentOffset: from / 8,
      moreFragments: more,
    }),
  });

  it('join the flow of their first', () => {
    const lab = new FlowLab();
    lab.take([part(0, 16, true), part(16, 32, true), part(32, 40, false)]);
    expect(lab.finish()).toMatchObject([
      {
        initiatorPort: 5000,
        responderPort: 53,
        initiatorPackets: 3,
        initiatorPayloadBytes: 8 + 16 + 8,
        outcome: 'unanswered',
      },
    ]);
    expect(lab.oddities.of('ipv4.fragment-without-first')).toBe(0);
    expect(lab.oddities.of('udp.bad-length')).toBe(0);
  });

  it('without their first have no ports, and say so', () => {
    const lab = new FlowLab();
    lab.take([part(16, 32, true), part(0, 16, true), part(32, 40, false, 78)]);
    expect(lab.finish().map((f) => pick(f, 'initiatorPort', 'responderPort', 'initiatorPackets'))).toEqual([
      { initiatorPackets: 2 },
      { initiatorPort: 5000, responderPort: 53, initiatorPackets: 1 },
    ]);
    expect(lab.oddities.of('ipv4.fragment-without-first')).toBe(2);
  });

  it('of ICMP without their first have no type', () => {
    const bytes = ipFrame('10.0.0.1', '10.0.0.2', PROTO.icmp, new Uint8Array(8), {
      identification: 1,
      fragmentOffset: 9,
    });
    const [flow] = flowsFrom([{ atMs: 0, bytes }]);
    expect(pick(flow, 'protocol', 'icmpType', 'icmpCode', 'outcome')).toEqual({ protocol: 'icmp', outcome: 'unknown' });
  });

  it('of IPv6 join the flow of their first', () => {
    const fragment = (offset: number, more: boolean, body: Uint8Array): TestFrame => {
      const payload = new Uint8Array(8 + body.length);
      const view = new DataView(payload.buffer);
      payload[0] = PROTO.tcp;
      view.setUint16(2, (offset << 3) | (more ? 1 : 0));
      view.setUint32(4, 4711);
      payload.set(body, 8);
      return { atMs: offset, bytes: ipFrame('2001:db8::1', '2001:db8::2', 44, payload) };
    };
    const segment = encodeTcp({ srcPort: 1000, dstPort: 80, flags: 16, payload: new Uint8Array(28) });
    const flows = flowsFrom([fragment(0, true, segment.subarray(0, 24)), fragment(3, false, segment.subarray(24))]);
    expect(flows).toMatchObject([
      { initiatorPort: 1000, responderPort: 80, initiatorPackets: 2, initiatorPayloadBytes: 28 },
    ]);
  });
});

describe('columns', () => {
  it('bytes are those of whole frames on the wire, payload is what the headers say', () => {
    const whole = tcp(0, A, B, 'A', { payload: 'x'.repeat(100) });
    const snapped = { ...whole, bytes: whole.bytes.subarray(0, 60), wireLength: whole.bytes.length };
    const padded = { ...tcp(1, B, A, 'A'), bytes: new Uint8Array(60) };
    padded.bytes.set(tcp(1, B, A, 'A').bytes);
    expect(flowsFrom([snapped, padded])).toMatchObject([
      { initiatorBytes: 154, initiatorPayloadBytes: 100, responderBytes: 60, responderPayloadBytes: 0 },
    ]);
  });

  it('VLAN and MAC addresses are those of the first packet, by side', () => {
    const flows = flowsFrom([
      tcp(0, B, A, 'SA', { vlans: [300, 7] }),
      tcp(1, A, B, 'A'),
      { atMs: 2, linkType: 101, bytes: udp(2, '10.0.0.1:5000', '10.0.0.2:5001').bytes.subarray(14) },
    ]);
    expect(flows.map((f) => pick(f, 'vlan', 'initiatorMac', 'responderMac'))).toEqual([
      { vlan: 300, initiatorMac: '02:00:0a:00:00:01', responderMac: '02:00:0a:00:00:02' },
      {},
    ]);
  });

  it('the first sixteen payload bytes of each side', () => {
    expect(
      flowsFrom([
        ...handshake(0),
        tcp(3, B, A, 'PA', { payload: 'hi' }),
        tcp(4, A, B, 'PA', { payload: 'abcdefghijklmnopqrst' }),
        tcp(5, A, B, 'PA', { payload: 'later' }),
      ]),
    ).toMatchObject([{ initiatorFirstBytes: '6162636465666768696a6b6c6d6e6f70', responderFirstBytes: '6869' }]);
    expect(pick(flowsFrom(handshake(0))[0], 'initiatorFirstBytes', 'responderFirstBytes')).toEqual({});
  });

  it('names from DNS, TLS and HTTP', () => {
    const query = encodeDns({ name: 'wWw.Example.ORG', type: 28 });
    const answer = encodeDns({ name: 'www.example.org', type: 28, isResponse: true, rcode: 3 });
    expect(
      flowsFrom([udp(0, '10.0.0.1:5000', '10.0.0.2:53', query), udp(1, '10.0.0.2:53', '10.0.0.1:5000', answer)]),
    ).toMatchObject([
      { dnsQuery: 'www.example.org', dnsType: 'AAAA', dnsRcode: 'NXDOMAIN', service: 'dns', serviceBasis: 'content' },
    ]);
    const framed = new Uint8Array(query.length + 2);
    new DataView(framed.buffer).setUint16(0, query.length);
    framed.set(query, 2);
    expect(flowsFrom([tcp(0, A, '10.0.0.2:53', 'PA', { payload: framed })])).toMatchObject([
      { dnsQuery: 'www.example.org', service: 'dns', serviceBasis: 'content' },
    ]);
    const hello = encodeClientHello({ serverName: 'Shop.Example', alpn: ['h2', 'http/1.1'] });
    expect(flowsFrom([tcp(0, A, '10.0.0.2:4443', 'PA', { payload: hello })])).toMatchObject([
      { serverName: 'shop.example', alpn: 'h2,http/1.1', service: 'tls', serviceBasis: 'content' },
    ]);
    const request = encodeHttpRequest('GET', '/a?b=1', [
      ['Accept', '*/*'],
      ['Host', 'EXAMPLE.org:8080'],
    ]);
    expect(flowsFrom([tcp(0, A, '10.0.0.2:9999', 'PA', { payload: request })])).toMatchObject([
      { httpHost: 'example.org:8080', httpRequest: 'GET /a?b=1', service: 'http', serviceBasis: 'content' },
    ]);
  });

  it('a service rests on the port where content says nothing', () => {
    expect(flowsFrom([tcp(0, A, '10.0.0.2:3389', 'S')])).toMatchObject([{ service: 'rdp', serviceBasis: 'port' }]);
    expect(pick(flowsFrom([tcp(0, A, '10.0.0.2:39999', 'S')])[0], 'service', 'serviceBasis')).toEqual({});
  });

  it('what is on a DNS port and is no DNS is an oddity', () => {
    const lab = new FlowLab();
    lab.take([udp(0, '10.0.0.1:5000', '10.0.0.2:53', 'not dns at all')]);
    expect(lab.finish()).toMatchObject([{ service: 'dns', serviceBasis: 'port' }]);
    expect(lab.oddities.list()).toMatchObject([{ name: 'dns.malformed', count: 1, firstFrame: 1 }]);
  });

  it('what shows itself on a DNS port is read as what it is, whole, in pieces or line by line', () => {
    const hello = encodeClientHello({ serverName: 'c2.example.com' });
    const to = '10.0.0.2:53';
    const part = (from: number, end: number): TestFrame =>
      tcp(from, A, to, 'PA', { payload: hello.subarray(from, end), sequence: 1 + from });
    const expected = [{ service: 'tls', serviceBasis: 'content', serverName: 'c2.example.com' }];
    expect(flowsFrom([part(0, hello.length)])).toMatchObject(expected);
    expect(flowsFrom([part(0, 50), part(50, hello.length)])).toMatchObject(expected);
    const get = encodeHttpRequest('GET', '/a', [['Host', 'example.org']]);
    expect(flowsFrom([tcp(0, A, to, 'PA', { payload: get })])).toMatchObject([
      { service: 'http', httpHost: 'example.org' },
    ]);
    const ftp = [
      tcp(0, to, A, 'PA', { payload: '220 ProFTPD 1.3.5 Server (Debian) [::ffff:10.0.0.2]\r\n', sequence: 1 }),
      tcp(1, A, to, 'PA', { payload: 'USER bob\r\n', sequence: 1 }),
      tcp(2, to, A, 'PA', { payload: '331 Password required for bob\r\n', sequence: 54 }),
    ];
    expect(flowsFrom(ftp)).toMatchObject([{ service: 'ftp', user: 'bob' }]);
  });

  it('other IP protocols have no ports', () => {
    const [flow] = flowsFrom([{ atMs: 0, bytes: ipFrame('10.0.0.1', '10.0.0.2', 253, hexBytes('01020304')) }]);
    expect(
      pick(flow, 'protocol', 'initiatorPort', 'responderPort', 'tcpState', 'initiatorFlags', 'initiatorPayloadBytes'),
    ).toEqual({
      protocol: 'ip-253',
      initiatorPayloadBytes: 4,
    });
  });

  it('frames that belong to no flow are counted by kind', () => {
    const lab = new FlowLab();
    const lldp = udp(0, '10.0.0.1:1', '10.0.0.2:2').bytes.slice();
    new DataView(lldp.buffer).setUint16(12, 0x88cc);
    lab.take([
      { atMs: 0, bytes: lldp },
      { atMs: 0, bytes: lldp },
      { atMs: 0, bytes: lldp.subarray(0, 5) },
      { atMs: 0, bytes: lldp, linkType: 195 },
    ]);
    expect(lab.finish()).toEqual([]);
    expect([...lab.table.otherFrames]).toEqual([
      [0x88cc, 2],
      [0, 1],
      [0x10000 + 195, 1],
    ]);
    expect(lab.table.wireBytes).toBe(3 * lldp.length + 5);
  });
});

describe('determinism', () => {
  const frames = fc.array(
    fc.record({
      gap: fc.integer({ min: -200, max: 40_000 }),
      from: fc.integer({ min: 0, max: 5 }),
      to: fc.integer({ min: 0, max: 5 }),
      port: fc.constantFrom(53, 80, 40000, 40001),
      flags: fc.constantFrom('S', 'SA', 'A', 'FA', 'R', 'PA'),
      isTcp: fc.boolean(),
    }),
    { minLength: 1, maxLength: 120 },
  );

  it('neither the hash seed nor the batch size nor the way frames are cut into batches changes a row', () => {
    fc.assert(
      fc.property(frames, fc.integer(), fc.integer({ min: 1, max: 50 }), (list, hashSeed, batchRows) => {
        let now = 0;
        const made = list.map(({ gap, from, to, port, flags, isTcp }, i) => {
          now += gap;
          const a = `10.0.0.${from}:${port}`;
          const b = `10.0.0.${to}:9`;
          return isTcp ? tcp(now, a, b, flags, { sequence: i }) : i % 2 === 0 ? udp(now, a, b) : udp(now, b, a);
        });
        const options = { maxFlows: 12, activeTimeoutMs: 100_000 };
        const expected = flowsFrom(made, options);
        expect(flowsFrom(made, { ...options, hashSeed, batchRows })).toEqual(expected);
        const lab = new FlowLab({ ...options, hashSeed: ~hashSeed });
        for (const frame of made) lab.take([frame]);
        expect(lab.finish()).toEqual(expected);
        expect(expected.reduce((n, f) => n + f.initiatorPackets! + f.responderPackets!, 0)).toBe(made.length);
        expect(expected.reduce((n, f) => n + f.initiatorBytes! + f.responderBytes!, 0)).toBe(
          made.reduce((n, f) => n + f.bytes.length, 0),
        );
        expect(expected.map((f) => f.id)).toEqual(expected.map((_, i) => i + 1));
      }),
      { numRuns: 200, seed: 11 },
    );
  });

  it('tables that were taken are not added to later', () => {
    const lab = new FlowLab();
    const taken = lab.table.takeTables();
    lab.take(handshake(0));
    lab.table.finish();
    expect(taken).toEqual([]);
    expect(lab.ended()).toHaveLength(1);
  });
});
