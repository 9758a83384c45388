import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import { type BruteForceOptions, bruteForceInfo, createBruteForceDetector } from './brute-force.ts';
import type { Detection } from './detection.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = 1_600_000_000_000;
const context = { isHome: (address: string) => address.startsWith('10.') };
const chance = new Random(11);

function create(options: Partial<BruteForceOptions> = {}) {
  return createBruteForceDetector(context, options);
}

function detect(records: readonly FlowRecord[], options: Partial<BruteForceOptions> = {}): Detection[] {
  const detector = create(options);
  detector.observe(flowTable(records), NO_FEATURES);
  return detector.finish();
}

let nextId = 1;

function login(fields: FlowRecord): FlowRecord {
  const startMs = fields.startMs ?? T0;
  const durationMs = fields.durationMs ?? 1800;
  return {
    id: nextId++,
    protocol: 'tcp',
    initiator: '198.51.100.7',
    initiatorPort: 40_000 + (nextId % 20_000),
    responder: '10.0.0.22',
    responderPort: 22,
    service: 'ssh',
    startMs,
    endMs: startMs + durationMs,
    durationMs,
    initiatorPayloadBytes: 1700 + chance.below(200),
    responderPayloadBytes: 1800 + chance.below(200),
    outcome: 'answered',
    ...fields,
  };
}

function range<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

const summary = (found: readonly Detection[]): string[] =>
  found.map((d) => `${d.kind} ${d.actor} ${d.peerCount} ${d.service}:${d.port ?? '-'} ${d.score.toFixed(2)}`);

const guesses = range(60, (i) => login({ responderPort: 902, startMs: T0 + i * 200 }));

describe('guessing', () => {
  it('finds 60 short alike SSH connections on a port that is not 22', () => {
    const [found, ...rest] = detect(guesses);
    expect(rest).toEqual([]);
    expect(summary(detect(guesses))).toEqual(['brute-force.login 198.51.100.7 1 ssh:902 0.87']);
    expect(found?.reasons.map((r) => r.name)).toEqual([
      'brute-force.attempts',
      'brute-force.rate',
      'brute-force.alike',
      'brute-force.duration',
      'brute-force.scope',
    ]);
    expect(found?.reasons[0]?.sentence).toBe(
      'It opened 60 short connections to the ssh service on port 902 within 13.6 s.',
    );
    expect(found?.reasons[1]?.sentence).toBe('That is 265 a minute on average, and 60 in the busiest 5 min.');
    expect([found?.flows.length, found?.flowCount]).toEqual([20, 60]);
  });

  it('reckons payload from bytes and packets where the log counts none, and asks for more packets than a check of a port has', () => {
    const record = (i: number, client: number, server: number, sizes: FlowRecord = {}): FlowRecord => {
      const { initiatorPayloadBytes: _a, responderPayloadBytes: _b, ...rest } = login({ startMs: T0 + i * 200 });
      return {
        ...rest,
        initiatorPackets: client,
        responderPackets: server,
        initiatorBytes: 1744 + 52 * client,
        responderBytes: 1839 + 52 * server,
        ...sizes,
      };
    };
    const guessing = (client: number, server: number, sizes: FlowRecord = {}) =>
      summary(detect(range(60, (i) => record(i, client, server, sizes))));
    expect(guessing(12, 10)).toEqual(['brute-force.login 198.51.100.7 1 ssh:22 0.87']);
    expect(guessing(5, 4)).toHaveLength(1);
    expect(guessing(4, 4)).toEqual([]);
    expect(guessing(5, 3)).toEqual([]);
    expect(guessing(12, 10, { initiatorBytes: 12 * 52 })).toEqual([]);
    const unparted = (bytes: number) => {
      const records = range(60, (i) => record(i, 1, 1)).map(
        ({ initiatorPackets: _a, responderPackets: _b, ...rest }) => ({
          ...rest,
          initiatorBytes: bytes,
          responderBytes: bytes,
        }),
      );
      return detect(records).length;
    };
    expect([unparted(299), unparted(300)]).toEqual([0, 1]);
  });

  it('asks of connections that the end of the input cut off how many they are, and not how large', () => {
    const cut = (n: number, closeReason: string): FlowRecord[] =>
      range(n, (i) => login({ startMs: T0 + i, initiatorPayloadBytes: 24 + 90 * i, closeReason }));
    const found = (closeReason: string) =>
      detect([...guesses.slice(0, 12).map((g) => ({ ...g, responderPort: 22 })), ...cut(12, closeReason)]);
    expect(found('rst')).toEqual([]);
    expect(found('end').map((d) => d.flowCount)).toEqual([24]);
    // Where most are cut off, all must be alike.
    expect(detect([...guesses.slice(0, 11).map((g) => ({ ...g, responderPort: 22 })), ...cut(12, 'end')])).toEqual([]);
  });

  it('needs more from an SSH client than its greeting, a name or something unknown from others, and takes a guest for no success', () => {
    const found = (fields: FlowRecord): number =>
      detect(range(20, (i) => login({ startMs: T0 + i, ...fields }))).length;
    expect([255, 256].map((initiatorPayloadBytes) => found({ initiatorPayloadBytes }))).toEqual([0, 1]);
    const ftp = { service: 'ftp', responderPort: 21, initiatorPayloadBytes: 40, responderPayloadBytes: 120 };
    expect(found({ ...ftp, operations: 'QUIT' })).toBe(0);
    expect(found({ ...ftp, operations: 'QUIT', user: 'root' })).toBe(1);
    expect(found({ ...ftp, operations: 'QUIT', login: 'refused' })).toBe(1);
    expect(found({ ...ftp, operations: 'AUTH TLS, QUIT' })).toBe(1);
    expect(found(ftp)).toBe(1);
    const smb = { service: 'smb', responderPort: 445, login: 'accepted', user: 'bob' };
    expect(found({ ...smb, operations: 'session-setup NTLM, session-setup guest' })).toBe(1);
    expect(found({ ...smb, operations: 'session-setup NTLM' })).toBe(0);
  });

  it('stays silent at eight attempts and speaks at nine', () => {
    expect(detect(guesses.slice(0, 8))).toEqual([]);
    expect(summary(detect(guesses.slice(0, 9)))).toEqual(['brute-force.login 198.51.100.7 1 ssh:902 0.50']);
  });

  it('takes a connection of a minute for an attempt, one just longer for a session', () => {
    const lasting = (durationMs: number) => detect(range(9, (i) => login({ startMs: T0 + i * 1000, durationMs })));
    expect([lasting(60_000).length, lasting(60_001).length]).toEqual([1, 0]);
  });

  it('wants six in ten of them alike, and not just less', () => {
    const mixed = (alike: number) =>
      detect(
        range(50, (i) =>
          login({
            startMs: T0 + i * 1000,
            initiatorPayloadBytes: i < alike ? 1800 : 3000 + 90 * i,
            responderPayloadBytes: 1800,
          }),
        ),
      );
    expect([mixed(30).length, mixed(29).length]).toEqual([1, 0]);
    expect(mixed(30)[0]?.reasons.find((r) => r.name === 'brute-force.alike')?.value).toBe(0.6);
  });

  it('says when a larger session follows', () => {
    const session = login({
      responderPort: 902,
      startMs: T0 + 60_000,
      durationMs: 900_000,
      responderPayloadBytes: 90_000,
    });
    const [found] = detect([...guesses, session]);
    expect(found?.reasons.find((r) => r.name === 'brute-force.session')?.sentence).toBe(
      'The same hosts also had 1 larger or longer session, the latest after the first attempt: a login may have worked.',
    );
    expect(found?.flows.some((f) => f.id === session.id)).toBe(true);
    const [before] = detect([...guesses, { ...session, startMs: T0 - 60_000 }]);
    expect(before?.reasons.some((r) => r.name === 'brute-force.session')).toBe(false);
  });

  it('finds spraying over several hosts, each below the number for one', () => {
    const spray = (hosts: number, each: number) =>
      range(hosts * each, (i) => login({ responder: `10.0.0.${i % hosts}`, startMs: T0 + i * 1500 }));
    const [found] = detect(spray(6, 3));
    expect(summary(detect(spray(6, 3)))).toEqual(['brute-force.spray 198.51.100.7 6 ssh:22 0.67']);
    expect(found?.peers).toHaveLength(6);
    expect(detect(spray(7, 2))).toEqual([]);
    expect(detect(spray(2, 8))).toEqual([]);
    expect(detect(spray(40, 1))).toEqual([]);
  });

  it('is less sure of services where programs log in over and over', () => {
    const flows = range(100, (i) =>
      login({
        service: 'mysql',
        responderPort: 3306,
        initiatorPayloadBytes: 110,
        responderPayloadBytes: 170,
        startMs: T0 + i * 50,
      }),
    );
    const [found] = detect(flows);
    expect(found?.score).toBeCloseTo((100 / 109) * 0.7, 6);
    expect(found?.reasons.find((r) => r.name === 'brute-force.chatty')?.value).toBe('mysql');
  });
});

const web = (fields: FlowRecord = {}): FlowRecord =>
  login({
    service: 'http',
    responderPort: 80,
    durationMs: 80,
    httpRequest: 'POST /login',
    httpStatus: 401,
    initiatorPayloadBytes: 185 + chance.below(20),
    responderPayloadBytes: 574,
    ...fields,
  });
const webGuesses = (n: number, fields: FlowRecord = {}): FlowRecord[] =>
  range(n, (i) => web({ startMs: T0 + i * 500, ...fields }));

describe('guessing over HTTP', () => {
  it('finds logins that are handed in to one page again and again, and says how many were refused', () => {
    const [found, ...rest] = detect(webGuesses(40));
    expect(rest).toEqual([]);
    expect(summary(found === undefined ? [] : [found])).toEqual(['brute-force.login 198.51.100.7 1 http:80 0.82']);
    const said = (d: Detection | undefined): string | undefined =>
      d?.reasons.find((r) => r.name === 'brute-force.refused')?.sentence;
    expect(said(found)).toBe('Each handed in a login to a web page, or credentials; the server refused 40 of them.');
    expect(said(detect(webGuesses(40, { httpStatus: 200, responderPayloadBytes: 9_000 }))[0])).toBe(
      'Each handed in a login to a web page, or credentials; none was refused by its status, as pages often answer a wrong password with an ordinary page.',
    );
  });

  it('begins at twenty, on one host or sprayed', () => {
    expect([detect(webGuesses(19)).length, detect(webGuesses(20)).length]).toEqual([0, 1]);
    expect(detect(webGuesses(10), { minWebAttempts: 10 })).toHaveLength(1);
    const spray = (n: number) =>
      range(n, (i) => web({ startMs: T0 + i * 500, responder: `10.0.0.${i % 4}`, responderPort: 8080 }));
    expect([summary(detect(spray(19))), summary(detect(spray(20)))]).toEqual([
      [],
      ['brute-force.spray 198.51.100.7 4 http:8080 0.69'],
    ]);
  });

  it('finds credentials of HTTP itself that are refused', () => {
    const found = detect(webGuesses(30, { httpRequest: 'GET /admin/', login: 'refused', user: 'admin' }));
    expect(summary(found)).toEqual(['brute-force.login 198.51.100.7 1 http:80 0.77']);
  });

  it('takes a larger answer for a session only where it was no refusal', () => {
    const session = web({ startMs: T0 + 60_000, httpStatus: 302, responderPayloadBytes: 300_000 });
    const has = (flows: FlowRecord[]): boolean | undefined =>
      detect(flows)[0]?.reasons.some((r) => r.name === 'brute-force.session');
    expect(has([...webGuesses(40), session])).toBe(true);
    expect(has([...webGuesses(40), { ...session, httpStatus: 403 }])).toBe(false);
  });

  it.each([
    ['pages', { httpRequest: 'GET /index.html', httpStatus: 200 }],
    ['a login page that is only looked at, as a health check does', { httpRequest: 'GET /login', httpStatus: 200 }],
    ['a browser that is asked for credentials at every request', { httpRequest: 'GET /sites/', httpStatus: 401 }],
    ['remote PowerShell, which signs on at every connection', { httpRequest: 'POST /wsman', httpStatus: 401 }],
    ['questions for revoked certificates', { httpRequest: 'POST /ocsp', httpStatus: 200 }],
    ['reports of a program', { httpRequest: 'POST /api/v2/events', httpStatus: 204 }],
    ['credentials that are taken', { httpRequest: 'GET /feed', httpStatus: 200, login: 'accepted', user: 'reader' }],
    ['flows that tell of no request', { httpRequest: undefined }],
  ])('stays silent about %s', (_, fields) => {
    expect(detect(webGuesses(400, fields as FlowRecord))).toEqual([]);
  });

  it('stays silent about people who log in behind one address, a few in five minutes', () => {
    expect(detect(range(200, (i) => web({ startMs: T0 + i * 20_000, httpStatus: 302 })))).toEqual([]);
  });
});

describe('innocent twins', () => {
  it.each([
    [
      'an administrator with a few sessions of differing size',
      range(8, (i) =>
        login({ startMs: T0 + i * 20_000, initiatorPayloadBytes: 2500 * (i + 1), durationMs: 20_000 * (i + 1) }),
      ),
    ],
    [
      'git over SSH, many transfers of real size',
      range(200, (i) => login({ startMs: T0 + i * 1000, responderPayloadBytes: 9_000 + chance.below(90_000) })),
    ],
    [
      'automation whose short sessions differ',
      range(60, (i) =>
        login({
          startMs: T0 + i * 1000,
          initiatorPayloadBytes: 300 + chance.below(7600),
          responderPayloadBytes: 300 + chance.below(7600),
        }),
      ),
    ],
    [
      'a mail client that polls every two minutes',
      range(700, (i) =>
        login({
          service: 'tls',
          responderPort: 993,
          startMs: T0 + i * 120_000,
          initiatorPayloadBytes: 900,
          responderPayloadBytes: 4200,
        }),
      ),
    ],
    [
      'a port check every minute that says nothing',
      range(500, (i) => login({ startMs: T0 + i * 60_000, initiatorPayloadBytes: 0, responderPayloadBytes: 40 })),
    ],
    [
      'a port check every second that says nothing',
      range(500, (i) => login({ startMs: T0 + i * 1000, initiatorPayloadBytes: 0, responderPayloadBytes: 40 })),
    ],
    [
      'a file-share client that opens several connections',
      range(6, (i) => login({ service: 'smb', responderPort: 445, startMs: T0 + i * 100 })),
    ],
    [
      'a monitor that reads the greeting of the SSH servers of 40 hosts every minute, and leaves its own',
      range(400, (i) =>
        login({
          startMs: T0 + i * 1500,
          responder: `10.0.1.${i % 40}`,
          initiatorPayloadBytes: 255,
          responderPayloadBytes: 1100,
          durationMs: 20,
        }),
      ),
    ],
    [
      'checks of mail and file servers that greet and leave',
      ['HELO vm, QUIT', 'QUIT', 'LOGOUT'].flatMap((operations, k) =>
        range(60, (i) =>
          login({
            startMs: T0 + i * 2000,
            service: ['smtp', 'ftp', 'imap'][k] ?? '',
            responderPort: [25, 21, 143][k] ?? 0,
            initiatorPayloadBytes: 16,
            responderPayloadBytes: 120,
            operations,
          }),
        ),
      ),
    ],
    [
      'mail that a program hands over without a login',
      range(60, (i) =>
        login({
          startMs: T0 + i * 2000,
          service: 'smtp',
          responderPort: 25,
          initiatorPayloadBytes: 330,
          responderPayloadBytes: 220,
          operations: 'EHLO vm, MAIL office.example, RCPT office.example, DATA, QUIT',
        }),
      ),
    ],
    [
      'a script that lists shares without a name, and one that looks up a directory so',
      ['session-setup anonymous, session-setup guest, tree IPC$', 'bind anonymous, search dc=office'].flatMap(
        (operations, k) =>
          range(40, (i) =>
            login({
              startMs: T0 + i * 2000,
              service: ['smb', 'ldap'][k] ?? '',
              responderPort: [445, 389][k] ?? 0,
              initiatorPayloadBytes: 980,
              responderPayloadBytes: 820,
              operations,
            }),
          ),
      ),
    ],
    [
      'a program with the right password, again and again',
      range(60, (i) =>
        login({
          startMs: T0 + i * 2000,
          service: 'smb',
          responderPort: 445,
          login: 'accepted',
          operations: 'session-setup NTLM',
        }),
      ),
    ],
    ['web requests on the port of SSH', range(90, (i) => login({ service: 'http', startMs: T0 + i * 100 }))],
    ['later parts of cut flows', guesses.map((f) => ({ ...f, continued: 1 }))],
  ])('stays silent about %s', (_, flows) => {
    expect(detect(flows)).toEqual([]);
  });
});

describe('order, damage and bounds', () => {
  const many = range(700, (i) => login({ initiator: '10.0.0.9', startMs: T0 + i * 997 }));
  const spray = range(18, (i) =>
    login({ initiator: '10.0.0.8', responder: `10.0.1.${i % 6}`, startMs: T0 + i * 1500 }),
  );
  const mixed = [...guesses, ...many, ...spray];

  it('finds the same in any order and in any batches, also where attempts are sampled', () => {
    const options = { maxAttemptsPerPair: 100 };
    const expected = detect(mixed, options);
    expect(summary(expected)).toEqual([
      'brute-force.login 10.0.0.9 1 ssh:22 0.99',
      'brute-force.login 198.51.100.7 1 ssh:902 0.87',
      'brute-force.spray 10.0.0.8 6 ssh:22 0.67',
    ]);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(mixed, { minLength: mixed.length }),
        fc.integer({ min: 1, max: 300 }),
        (shuffled, size) => {
          const detector = create(options);
          for (let at = 0; at < shuffled.length; at += size)
            detector.observe(flowTable(shuffled.slice(at, at + size)), NO_FEATURES);
          expect(detector.finish()).toEqual(expected);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('takes no harm from rows in which columns are missing', () => {
    expect(
      detect([{}, { protocol: 'tcp' }, { protocol: 'tcp', service: 'ssh', initiator: 'a', responder: 'b' }]),
    ).toEqual([]);
    const bare = guesses.map(({ durationMs, endMs, initiatorPort, id, outcome, ...rest }) => rest) as FlowRecord[];
    expect(summary(detect(bare))).toEqual(['brute-force.login 198.51.100.7 1 ssh:902 0.87']);
  });

  it('reaches a plateau when clients flood it, and says what it refused', () => {
    const detector = create({ maxPairs: 20, maxAttempts: 50 });
    const flows = range(300, (i) => login({ initiator: `10.1.0.${i % 100}`, startMs: T0 + i }));
    detector.observe(flowTable([...guesses, ...flows]), NO_FEATURES);
    expect(detector.saturations()).toEqual([
      { detector: 'brute-force', what: 'pairs of client and login service', cap: 20, refused: 243 },
      { detector: 'brute-force', what: 'login attempts', cap: 50, refused: 67 },
    ]);
    expect(detector.finish()[0]?.actor).toBe('198.51.100.7');
  });

  it('announces its kinds', () => {
    expect(bruteForceInfo.kinds).toEqual(['brute-force.login', 'brute-force.spray']);
  });
});

describe('logins to Kerberos', () => {
  const ticket = (i: number, fields: FlowRecord): FlowRecord =>
    login({
      initiator: '10.0.0.66',
      responder: '10.0.0.10',
      responderPort: 88,
      service: 'kerberos',
      startMs: T0 + i * 200,
      durationMs: 4,
      user: 'alice',
      login: 'refused',
      operations: 'AS krbtgt/CORP, KDC_ERR_PREAUTH_FAILED',
      ...fields,
    });
  const step = (i: number): FlowRecord =>
    ticket(i, { login: 'unknown', operations: 'AS krbtgt/CORP, KDC_ERR_PREAUTH_REQUIRED' });
  const accepted = (i: number): FlowRecord => ticket(i, { login: 'accepted', operations: 'AS krbtgt/CORP' });
  const unknown = (i: number): FlowRecord =>
    ticket(i, { user: `user${i}`, operations: 'AS krbtgt/CORP, KDC_ERR_C_PRINCIPAL_UNKNOWN' });

  it('finds nine refused logins under several names, over UDP as well, by what the server says', () => {
    const found = detect([...range(9, unknown), ...range(9, step)].map((flow) => ({ ...flow, protocol: 'udp' })));
    expect(summary(found)).toEqual(['brute-force.login 10.0.0.66 1 kerberos:88 0.50']);
    expect(found[0]?.protocol).toBe('udp');
    expect(found[0]?.reasons.find(({ name }) => name === 'brute-force.refused')?.sentence).toBe(
      'The server said no to every one of them, under 9 names: there was no such name (9 times).',
    );
    expect(detect(range(8, unknown))).toEqual([]);
  });

  it('takes twenty for one name, as a program with an old password is refused as well', () => {
    expect(detect(range(19, (i) => ticket(i, {})))).toEqual([]);
    const [found] = detect(range(20, (i) => ticket(i, {})));
    expect(found?.reasons.find(({ name }) => name === 'brute-force.refused')?.sentence).toBe(
      'The server said no to every one of them, under 1 name: the password was wrong or the account locked (20 times).',
    );
  });

  it('leaves alone steps of a login, clocks that are wrong, and servers that log in for their users', () => {
    expect(detect(range(60, step))).toEqual([]);
    expect(detect(range(60, (i) => ticket(i, { operations: 'AS krbtgt/CORP, KRB_AP_ERR_SKEW' })))).toEqual([]);
    expect(detect(range(60, (i) => ticket(i, { operations: 'TGS cifs/x, KDC_ERR_C_PRINCIPAL_UNKNOWN' })))).toEqual([]);
    expect(detect(range(60, (i) => (i % 2 === 0 ? unknown(i) : accepted(i))))).toEqual([]);
    expect(detect(range(60, (i) => (i % 4 !== 0 ? unknown(i) : accepted(i))))).toHaveLength(1);
  });
});

describe('logins whose outcome can be read', () => {
  /** Logins to a database from one host inside, one every 100 ms. */
  const sql = (n: number, fields: FlowRecord | ((i: number) => FlowRecord) = {}): FlowRecord[] =>
    range(n, (i) =>
      login({
        initiator: '10.0.0.9',
        responderPort: 3306,
        service: 'mysql',
        startMs: T0 + 100 * i,
        initiatorPayloadBytes: 190,
        responderPayloadBytes: 180,
        durationMs: 5,
        user: 'app',
        login: 'refused',
        ...(typeof fields === 'function' ? fields(i) : fields),
      }),
    );
  const reasonOf = (found: Detection | undefined, name: string) => found?.reasons.find((r) => r.name === name);

  it('lets a program log in as often as it likes, as long as it is let in', () => {
    expect(detect(sql(200, { login: 'accepted' }))).toEqual([]);
    // A script that opens an SSH connection for each command has the shape of guessing.
    expect(detect(guesses)).toHaveLength(1);
    expect(detect(guesses.map((flow) => ({ ...flow, login: 'accepted' })))).toEqual([]);
    expect(detect([...sql(200, { login: 'accepted' }), ...sql(8)])).toEqual([]);
    expect(summary(detect([...sql(200, { login: 'accepted' }), ...sql(9)]))).toEqual([
      'brute-force.login 10.0.0.9 1 mysql:3306 0.35',
    ]);
  });

  it('counts refusals instead of shapes', () => {
    const mixed = sql(60, (i) => (i % 2 === 0 ? {} : { login: 'unknown', initiatorPayloadBytes: 5 }));
    const [found] = detect(mixed);
    expect(found?.score).toBeCloseTo(30 / 39);
    expect(reasonOf(found, 'brute-force.refusals')).toMatchObject({
      value: 30,
      sentence: 'The server refused 30 logins in them, all of one user name.',
    });
    expect(reasonOf(found, 'brute-force.chatty')).toBeUndefined();
  });

  it('takes few refusals of one user for what an old password may leave, and those of several users not', () => {
    expect(reasonOf(detect(sql(29))[0], 'brute-force.chatty')?.sentence).toBe(
      'Ordinary programs also log in to mysql again and again with equal shape; the score is lowered by that.',
    );
    expect(reasonOf(detect(sql(30))[0], 'brute-force.chatty')).toBeUndefined();
    const [found] = detect(sql(12, (i) => ({ user: `user${i}` })));
    expect(reasonOf(found, 'brute-force.chatty')).toBeUndefined();
    expect(reasonOf(found, 'brute-force.users')?.value).toBeGreaterThanOrEqual(10);
  });

  it('counts several refusals in one connection, however long it is, and of services that shapes say nothing of', () => {
    const batch = (n: number) =>
      sql(n, {
        service: 'redis',
        responderPort: 6379,
        durationMs: 90_000,
        operations: 'password in clear, 5 logins refused, AUTH',
      });
    expect(detect(batch(1))).toEqual([]);
    const [found] = detect(batch(2));
    expect(found).toMatchObject({ service: 'redis', flowCount: 2 });
    expect(reasonOf(found, 'brute-force.refusals')?.value).toBe(10);
    expect(detect(sql(100, { service: 'redis', login: 'unknown' }))).toEqual([]);
  });

  it('says that a login was accepted after the refusals, and not that one was before', () => {
    const accepted = (startMs: number) => sql(1, { login: 'accepted', startMs });
    expect(reasonOf(detect([...sql(20), ...accepted(T0 + 60_000)])[0], 'brute-force.accepted')).toMatchObject({
      value: 1,
      sentence:
        'The server also accepted 1 login of the same source, the latest after the first refusal: a password may have been found.',
    });
    expect(reasonOf(detect([...sql(20), ...accepted(T0 - 60_000)])[0], 'brute-force.accepted')).toBeUndefined();
  });

  it('leaves alone who mistypes a password four times, and refusals that are hours apart', () => {
    expect(detect(sql(4))).toEqual([]);
    expect(detect(sql(40, (i) => ({ startMs: T0 + 40_000 * i })))).toEqual([]);
  });
});

describe('guessing at several hosts', () => {
  const at = (host: number, fromMs: number) =>
    range(12, (i) => login({ responder: `10.0.0.${host}`, startMs: T0 + fromMs + i * 200 }));

  it('is one detection where it goes on from host to host', () => {
    expect(summary(detect([20, 21, 22].flatMap((host, i) => at(host, i * 60_000))))).toEqual([
      'brute-force.spray 198.51.100.7 3 ssh:22 0.80',
    ]);
  });

  it('is one each where they are two, or hours apart', () => {
    expect(detect([...at(20, 0), ...at(21, 0)]).map(({ kind }) => kind)).toEqual(Array(2).fill('brute-force.login'));
    const apart = detect([20, 21, 22].flatMap((host, i) => at(host, i * 7_200_000)));
    expect(apart.map(({ kind }) => kind)).toEqual(Array(3).fill('brute-force.login'));
  });
});
