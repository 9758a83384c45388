import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { createExfiltrationDetector, type ExfiltrationOptions } from './exfiltration.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const HOUR = 3_600_000;
const MB = 1_000_000;
const isHome = (address: string): boolean => address.startsWith('10.');

function detector(options: Partial<ExfiltrationOptions> = {}) {
  return createExfiltrationDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<ExfiltrationOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const value = (d: Detection | undefined, name: string): number | string | undefined =>
  d?.reasons.find((r) => r.name === `exfiltration.${name}`)?.value;

const flow = (sent: number, received: number, more: FlowRecord = {}): FlowRecord => ({
  id: 1,
  startMs: T0,
  endMs: T0 + 40_000,
  protocol: 'tcp',
  initiator: '10.0.0.5',
  responder: '203.0.113.7',
  responderPort: 443,
  initiatorPayloadBytes: sent,
  responderPayloadBytes: received,
  service: 'tls',
  serverName: 'upload.paste.example',
  ...more,
});

/** What people do: pages, more received than sent. */
const browsing = (host = '10.0.0.5'): FlowRecord[] =>
  range(20).map((i) =>
    flow(20_000, 2 * MB, {
      id: 100 + i,
      initiator: host,
      responder: `198.51.100.${i}`,
      serverName: `www.site${i}.example`,
    }),
  );

describe('the exfiltration detector', () => {
  it('finds much that goes to a place which nobody else knows', () => {
    const [found, ...others] = detect([...browsing(), flow(50 * MB, 2000)]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'exfiltration.upload',
      actor: '10.0.0.5',
      peers: ['203.0.113.7'],
      port: 443,
      protocol: 'tcp',
      service: 'tls',
      firstMs: T0,
      lastMs: T0 + 40_000,
      flowCount: 1,
    });
    expect(found?.score).toBeCloseTo(0.55 + (0.45 * Math.log10(5)) / 2, 10);
    expect(found?.reasons.map((r) => [r.name, r.value])).toEqual([
      ['exfiltration.place', 'paste.example'],
      ['exfiltration.bytes', 50 * MB],
      ['exfiltration.excess', 50 * MB],
      ['exfiltration.ratio', 1],
      ['exfiltration.shift', 1.98],
      ['exfiltration.callers', 1],
      ['exfiltration.rate', 10 * MB],
    ]);
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'The place is told by the domain in the server names, which stands beside this line.',
      'It sent 50 MB there and got 2 kB back, in 1 flow.',
      'What the host usually sends in an hour is not known: it was seen for fewer than six hours.',
      'Its ratio of sent to received is 1.00 there (1 is all sent, -1 all received), and usually -0.98 elsewhere.',
      'It gives there what it usually takes: the ratio is shifted.',
      'No other host inside has anything to do with that place.',
      'From first to last it took 40 s.',
    ]);
  });

  it('adds up what goes out slowly, in many connections and to many addresses of one name', () => {
    const slow = range(48).map((i) =>
      flow(MB / 2, 500, {
        id: i,
        startMs: T0 + (i * HOUR) / 4,
        responder: `203.0.113.${i}`,
        endMs: T0 + (i * HOUR) / 4,
      }),
    );
    const [found] = detect([...slow, ...browsing()]);
    expect([value(found, 'bytes'), found?.flowCount]).toEqual([24 * MB, 48]);
  });

  it('counts only what goes beyond the usual hour of the host, once that is known', () => {
    const usual = (hours: number): FlowRecord[] =>
      range(hours).map((h) =>
        flow(8 * MB, 9 * MB, {
          id: h,
          startMs: T0 + h * HOUR,
          serverName: `www.site${h}.example`,
          responder: '198.51.100.1',
        }),
      );
    const rows = (hours: number): FlowRecord[] => [...usual(hours), flow(17 * MB, 100, { startMs: T0 + 3 * HOUR })];
    expect(value(detect(rows(5))[0], 'excess')).toBe(17 * MB);
    expect(detect(rows(6))).toEqual([]);
    const more = [...usual(6), flow(20 * MB, 100, { startMs: T0 + 3 * HOUR })];
    expect(value(detect(more)[0], 'excess')).toBe(12 * MB);
  });

  describe('holds each hour against the same one of other weeks', () => {
    const MONDAY = Date.UTC(2024, 0, 1);
    /** Working hours: so much to many places in every hour from 8 to 18 o'clock, on the first so many days. */
    const office = (days: number, sent = 9 * MB): FlowRecord[] =>
      range(days * 10).map((i) =>
        flow(sent, 20 * MB, {
          id: 1000 + i,
          startMs: MONDAY + Math.floor(i / 10) * 24 * HOUR + (8 + (i % 10)) * HOUR,
          responder: `198.51.100.${i % 50}`,
          serverName: `www.site${i % 50}.example`,
        }),
      );
    const at = (day: number, hour: number, sent: number, n = 3): FlowRecord[] =>
      range(n).map((i) => flow(sent, 100, { id: i, startMs: MONDAY + (day * 24 + hour + i) * HOUR }));
    const excess = (rows: FlowRecord[], options: Partial<ExfiltrationOptions> = {}) =>
      detect(rows, options).map((d) => [
        value(d, 'excess'),
        d.reasons.find((r) => r.name === 'exfiltration.excess')?.sentence,
      ]);

    it('so that what leaves at night is not hidden by busy days', () => {
      expect(excess([...office(22), ...at(16, 2, 8 * MB)])).toEqual([
        [
          24 * MB,
          'In the same hours of other weeks it usually sends 0 B an hour to all other places; 24 MB went beyond that.',
        ],
      ]);
      // The same in working hours is less than what is usual then.
      expect(excess([...office(22), ...at(16, 11, 8 * MB)])).toEqual([]);
    });

    it('from three weeks on; of other days from four days on; else against all hours', () => {
      const words = (days: number, options = {}): (string | undefined)[] =>
        excess([...office(days), ...at(1, 2, 20 * MB)], options).map(([, sentence]) => String(sentence).slice(0, 42));
      // 21 days from 8 to 18 o'clock are ten and more hours short of three weeks, 4 of four days.
      expect(words(22)).toEqual(['In the same hours of other weeks it usuall']);
      expect(words(21)).toEqual(['In the same hours of other days it usually']);
      expect(words(21, { minWeeks: 2 })).toEqual(['In the same hours of other weeks it usuall']);
      expect(words(5)).toEqual(['In the same hours of other days it usually']);
      expect(words(4)).toEqual(['In an hour it usually sends 9 MB to all ot']);
      expect(words(4, { minDays: 3 })).toEqual(['In the same hours of other days it usually']);
    });

    it('a week in which the host was away says nothing of what is usual', () => {
      const away = office(29).filter(
        ({ startMs = 0 }) => startMs < MONDAY + 7 * 24 * HOUR || startMs >= MONDAY + 14 * 24 * HOUR,
      );
      expect(excess([...away, ...at(16, 11, 8 * MB)])).toEqual([]);
    });

    it('a clock that is wrong once does no harm', () => {
      const wrong = flow(1000, 10, { startMs: 0, serverName: 'a.example' });
      expect(excess([wrong, ...office(22), ...at(16, 2, 8 * MB)])).toHaveLength(1);
      expect(excess([wrong, ...office(22), ...at(16, 11, 8 * MB)])).toEqual([]);
    });
  });

  it('takes what goes out slowly night by night for a habit, unless the host did not have it for a week', () => {
    const nights = (from: number): FlowRecord[] =>
      range(5).flatMap((d) =>
        range(4).map((h) => flow(3 * MB, 20_000, { startMs: T0 + (from + d) * 24 * HOUR + (1 + h) * HOUR })),
      );
    const days = browsing().map((row, i) => ({ ...row, startMs: T0 + i * 24 * HOUR + 10 * HOUR }));
    // It is first seen on the first day at ten o'clock.
    expect(detect([...days, ...nights(7)])).toEqual([]);
    const [found] = detect([...days, ...nights(8)]);
    expect([value(found, 'excess'), value(found, 'habit')]).toEqual([60 * MB, 5]);
    expect(found?.score).toBeCloseTo(0.8 * (0.55 + (0.45 * Math.log10(6)) / 2), 10);
    expect(found?.reasons.find((r) => r.name === 'exfiltration.habit')?.sentence).toBe(
      'On 5 days it sent about as much there: it may be a habit, though one that it did not have when it was first seen.',
    );
    expect(detect([...days, ...nights(7)], { minDaysBefore: 6 })).toHaveLength(1);
  });

  it('weighs less where the host gives as much elsewhere: the ratio is not shifted', () => {
    const giving = (received: number): FlowRecord[] =>
      range(20).map((i) =>
        flow(2 * MB, received, {
          id: 100 + i,
          startMs: T0 - (i + 1) * 24 * HOUR + 7 * HOUR,
          responder: `198.51.100.${i}`,
          serverName: `www.site${i}.example`,
        }),
      );
    const scored = (received: number): (number | undefined)[] => {
      const [found] = detect([...giving(received), flow(900 * MB, 0)]);
      return [value(found, 'shift') as number | undefined, found?.score];
    };
    const full = 0.55 + (0.45 * Math.log10(90)) / 2;
    expect(scored(0)).toEqual([0, expect.closeTo(0.6 * full, 10)]);
    // A usual ratio of 0.5 is a shift in full, 0.51 just less.
    expect(scored((2 * MB) / 3)).toEqual([0.5, expect.closeTo(full, 6)]);
    expect(scored((2 * MB * 0.49) / 1.51)[1]).toBeLessThan(full);
  });

  it('begins at ten megabytes, and is silent just below', () => {
    const rows = (sent: number): FlowRecord[] => [...browsing(), flow(sent, 0)];
    expect([detect(rows(10 * MB)).length, detect(rows(10 * MB - 1)).length]).toEqual([1, 0]);
    expect(detect(rows(MB), { minBytes: MB })).toHaveLength(1);
  });

  it('reports at the score asked for, and nothing just below', () => {
    const rows = [...browsing(), flow(50 * MB, 0)];
    const score = detect(rows)[0]?.score ?? 0;
    expect([detect(rows, { minScore: score }).length, detect(rows, { minScore: score + 1e-9 }).length]).toEqual([1, 0]);
  });

  it('takes whole bytes where the source gives no payload, and addresses where there is no name', () => {
    const { initiatorPayloadBytes: _, responderPayloadBytes: __, serverName: ___, ...bare } = flow(0, 0);
    const [found] = detect([...browsing(), { ...bare, initiatorBytes: 30 * MB, responderBytes: 100 }]);
    expect([value(found, 'bytes'), value(found, 'place')]).toEqual([30 * MB, undefined]);
  });

  it('does not depend on the order of the rows, and is not harmed by missing columns', () => {
    const rows = [
      ...browsing(),
      ...range(30).map((i) =>
        flow(MB * (i % 4), 100, { id: 200 + i, startMs: T0 + i * HOUR, responder: `203.0.113.${i}` }),
      ),
    ];
    const expected = detect(rows);
    expect(expected).toHaveLength(1);
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
      { numRuns: 10 },
    );
    expect(
      detect([{}, { protocol: 'tcp' }, { protocol: 'tcp', initiator: '10.0.0.5', initiatorBytes: 90 * MB }]),
    ).toEqual([]);
  });
});

describe('innocent twins of exfiltration', () => {
  it('is a video call, which gets as much as it sends', () => {
    expect(detect([...browsing(), flow(400 * MB, 300 * MB, { protocol: 'udp', service: 'stun' })])).toEqual([]);
  });

  it('is the backup of every night to its usual place', () => {
    const nights = (n: number): FlowRecord[] =>
      range(n).map((day) =>
        flow(200 * MB, 5000, { id: day, startMs: T0 + 24 * day * HOUR, endMs: T0 + 24 * day * HOUR }),
      );
    expect(detect([...browsing(), ...nights(2)])).toHaveLength(1);
    expect(detect([...browsing(), ...nights(3)])).toEqual([]);
  });

  it('is a camera that does nothing else, all the time', () => {
    const camera = range(8).map((i) =>
      flow(5 * MB, 2000, { id: i, startMs: T0 + i * 600_000, endMs: T0 + i * 600_000 + 60_000 }),
    );
    const workplace = browsing('10.0.0.6').map((row, i) => ({
      ...row,
      startMs: T0 + (i * HOUR) / 10,
      endMs: T0 + (i * HOUR) / 10,
    }));
    expect(detect([...camera, ...workplace])).toEqual([]);
    // It may ask for the time and an update, but who goes to more places is a computer that does much of one thing.
    const elsewhere = (n: number): FlowRecord[] =>
      browsing()
        .slice(0, n)
        .map((row) => ({ ...row, responderPayloadBytes: 2000 }));
    expect(detect([...camera, ...elsewhere(7), ...workplace])).toEqual([]);
    expect(detect([...camera, ...elsewhere(8), ...workplace])).toHaveLength(1);
    // A host that does this once, as malware in a test machine does, is no camera.
    expect(detect([flow(40 * MB, 2000), ...workplace])).toHaveLength(1);
    // Neither is one whose pieces all leave within less than two minutes, however short the capture is.
    const pieces = (lastMs: number): FlowRecord[] =>
      range(8).map((i) =>
        flow(5 * MB, 2000, { id: i, startMs: T0 + (i * lastMs) / 8, endMs: T0 + ((i + 1) * lastMs) / 8 }),
      );
    expect(detect(pieces(119_000))).toHaveLength(1);
    expect(detect(pieces(120_000))).toEqual([]);
  });

  it('is cloud storage that many hosts of the office use', () => {
    const office = (n: number): FlowRecord[] =>
      range(n).flatMap((i) => [
        ...browsing(`10.0.0.${20 + i}`),
        flow(30 * MB, 5000, { initiator: `10.0.0.${20 + i}` }),
      ]);
    expect(detect(office(2))).toHaveLength(2);
    expect(detect(office(5))).toEqual([]);
  });

  it('is what stays inside, what comes in, and what goes to a group', () => {
    expect(
      detect([
        flow(500 * MB, 0, { responder: '10.0.0.9' }),
        flow(500 * MB, 0, { initiator: '203.0.113.9', responder: '10.0.0.9' }),
        flow(500 * MB, 0, { protocol: 'icmp' }),
      ]),
    ).toEqual([]);
  });
});

describe('what is handed over in clear', () => {
  const mail = (more: FlowRecord = {}): FlowRecord =>
    flow(884, 429, {
      responder: '203.0.113.25',
      responderPort: 587,
      service: 'smtp',
      serverName: undefined,
      operations: 'EHLO DESKTOP-1, AUTH, MAIL a.example, RCPT b.example, DATA, QUIT',
      ...more,
    } as FlowRecord);
  const asked = (atMs: number): FlowRecord =>
    flow(300, 900, { startMs: atMs, endMs: atMs, serverName: 'api.ipify.org', responder: '198.51.100.9' });

  it('is the mail of a thief of passwords', () => {
    const [found, ...others] = detect([asked(T0 - 60_000), mail()]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'exfiltration.mail',
      actor: '10.0.0.5',
      peers: ['203.0.113.25'],
      port: 587,
      protocol: 'tcp',
      service: 'smtp',
    });
    expect(found?.score).toBeCloseTo(0.85, 10);
    expect(found?.reasons.reduce((sum, r) => sum + (r.contribution ?? 0), 0)).toBeCloseTo(0.85, 10);
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'It logged in to a mail server outside without encryption and handed over 1 mail.',
      'It sent 884 B on these connections.',
      'Within an hour of that it asked a public service for the address by which it is seen outside.',
      'It greeted the server by a bare host name, as programs do that only send; mail programs and servers greet otherwise.',
      'The mail goes from one domain to another one.',
    ]);
  });

  it('is tied to the question for the public address within an hour, not beyond', () => {
    const score = (atMs: number): number => detect([asked(atMs), mail()])[0]?.score ?? 0;
    expect(score(T0 - HOUR)).toBeCloseTo(0.85, 10);
    expect(score(T0 - HOUR - 1)).toBeCloseTo(0.7, 10);
    expect(score(T0 + 40_000 + HOUR)).toBeCloseTo(0.85, 10);
    expect(score(T0 + 40_001 + HOUR)).toBeCloseTo(0.7, 10);
  });

  it('is a file stored with FTP, under a name', () => {
    const ftp = (user: string | undefined, operations: string): FlowRecord =>
      mail({ service: 'ftp', responderPort: 21, operations, ...(user === undefined ? {} : { user }) });
    const [found] = detect([ftp('drop', 'USER, PASS, STOR PW_pc1.html, STOR CO_pc1.zip, QUIT')]);
    expect(found).toMatchObject({ kind: 'exfiltration.ftp', score: 0.5 });
    expect(value(found, 'handed-over')).toBe(2);
    expect(detect([ftp('anonymous', 'USER, PASS, STOR a.txt')])).toEqual([]);
    expect(detect([ftp(undefined, 'USER, PASS, STOR a.txt')])).toEqual([]);
    expect(detect([ftp('drop', 'USER, PASS, RETR a.txt')])).toEqual([]);
  });

  it('is not mail that is encrypted, relayed without a login, sent inside, or come from outside', () => {
    expect(
      detect([
        mail({ operations: 'EHLO pc1, STARTTLS' }),
        mail({ operations: 'EHLO mx.a.example, MAIL a.example, RCPT b.example, DATA' }),
        mail({ responder: '10.0.0.25' }),
        mail({ initiator: '203.0.113.9', responder: '10.0.0.25' }),
      ]),
    ).toEqual([]);
  });

  it('weighs less where a mail program of the same domain sends', () => {
    expect(
      detect([mail({ operations: 'EHLO [10.0.0.5], AUTH, MAIL a.example, RCPT a.example, DATA' })])[0]?.score,
    ).toBe(0.5);
  });
});

it('keeps the pair that sent much where a flood of places comes, and counts what it let go', () => {
  const d = detector({ maxPairs: 10, maxPlaces: 100 });
  d.observe(flowTable([flow(50 * MB, 0)]), NO_FEATURES);
  d.observe(flowTable(range(1000).map((i) => flow(10, 10, { serverName: `www.n${i}.example` }))), NO_FEATURES);
  expect(d.finish().map((x) => value(x, 'place'))).toEqual(['paste.example']);
  expect(d.saturations()).toEqual([
    { detector: 'exfiltration', what: 'hosts and places outside', cap: 10, refused: 995 },
    { detector: 'exfiltration', what: 'places outside', cap: 100, refused: 901 },
  ]);
});
