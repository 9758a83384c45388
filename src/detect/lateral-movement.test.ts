import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection, Detector } from './detection.ts';
import { createLateralMovementDetector, type LateralMovementOptions } from './lateral-movement.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const MIN = 60_000;
const isHome = (address: string): boolean => address.startsWith('10.');

function detector(options: Partial<LateralMovementOptions> = {}): Detector {
  return createLateralMovementDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<LateralMovementOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const summary = (found: readonly Detection[]): string[] =>
  found.map((d) => `${d.kind.slice('lateral-movement.'.length)} ${d.actor} > ${d.peers.join(' ')} ${d.score}`);
const value = (d: Detection | undefined, name: string): number | string | undefined =>
  d?.reasons.find((r) => r.name === `lateral-movement.${name}`)?.value;
const range = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

let nextId = 1;
const session = (service: string, more: FlowRecord = {}): FlowRecord => ({
  id: nextId++,
  startMs: T0,
  endMs: T0 + 5000,
  protocol: 'tcp',
  initiator: '10.0.0.5',
  initiatorPort: 50_000,
  responder: '10.0.0.20',
  responderPort: 445,
  initiatorPayloadBytes: 4000,
  responderPayloadBytes: 3000,
  service,
  serviceBasis: 'content',
  ...more,
});
const smb = (operations: string, more: FlowRecord = {}): FlowRecord => session('smb', { operations, ...more });
const rpc = (operations: string, more: FlowRecord = {}): FlowRecord =>
  session('dcerpc', { responderPort: 49_674, operations, ...more });
/** A flow that shows that a host was there. */
const seen = (initiator: string, startMs: number): FlowRecord => ({
  id: nextId++,
  startMs,
  endMs: startMs,
  protocol: 'udp',
  initiator,
  responder: '10.0.0.1',
  responderPort: 53,
  service: 'dns',
});

const SERVICE =
  'negotiate SMB 3.1.1, tree \\\\ws\\IPC$, pipe svcctl, svcctl:OpenSCManagerW, svcctl:CreateServiceW, service X, svcctl:StartServiceW';

describe('remote execution', () => {
  it('by a service is found, in words', () => {
    const [found, ...others] = detect([smb(SERVICE)]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'lateral-movement.execution',
      actor: '10.0.0.5',
      peers: ['10.0.0.20'],
      peerCount: 1,
      protocol: 'tcp',
      score: 0.9,
      flowCount: 1,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'It created a service on 1 host, by 1 connection.',
      'It started or changed a service on 1 host, by 1 connection.',
    ]);
  });

  it.each([
    ['service', smb('svcctl:CreateServiceA'), 0.9],
    ['service-start', smb('svcctl:StartServiceW'), 0.5],
    ['task', rpc('ITaskSchedulerService:SchRpcRegisterTask, task \\x'), 0.85],
    ['task', smb('atsvc:NetrJobAdd'), 0.9 - 0.05],
    ['wmi', rpc('IWbemServices:GetObject, IWbemServices:ExecMethod'), 0.85],
    ['dcom', rpc('IDispatch:GetIDsOfNames, IDispatch:Invoke'), 0.7],
    ['registry', smb('winreg:OpenLocalMachine, winreg:BaseRegSetValue'), 0.6],
    ['log', rpc('IEventService:EvtRpcClearLog'), 0.85],
    ['exploit', smb('tree \\\\ws\\IPC$, TRANS2_SESSION_SETUP'), 0.85],
    ['program', smb('tree \\\\ws\\ADMIN$, create ADMIN$\\Temp\\a.exe'), 0.6],
    ['powershell', session('http', { responderPort: 5985, httpRequest: 'POST /wsman?PSVersion=5.1.19041' }), 0.7],
  ])('by %s', (name, record, score) => {
    const [found] = detect([record]);
    expect(found?.kind).toBe('lateral-movement.execution');
    expect(found?.reasons.map((r) => r.name)).toContain(`lateral-movement.${name}`);
    expect(found?.score).toBe(score);
  });

  it('of more hosts weighs more', () => {
    const three = range(3, (i) => smb(SERVICE, { responder: `10.0.0.${20 + i}` }));
    expect(summary(detect(three))).toEqual(['execution 10.0.0.5 > 10.0.0.20 10.0.0.21 10.0.0.22 0.96']);
    expect(detect(range(3, (i) => smb(SERVICE, { responder: `10.0.0.${20 + i}` })))[0]?.score).toBe(0.96);
  });

  it('that was refused weighs less, and a refused file operation is known by its status', () => {
    const [found] = detect([smb('svcctl:CreateServiceW, svcctl:CreateServiceW ERROR_ACCESS_DENIED')]);
    expect(found?.score).toBe(0.63);
    expect(found?.reasons.at(-1)?.sentence).toBe(
      'All of it was refused, so that the score is lowered: it was tried and did not work.',
    );
    expect(detect([smb('create ADMIN$\\a.exe, create ADMIN$\\a.exe STATUS_ACCESS_DENIED')])).toEqual([]);
  });

  it.each([
    [
      'from outside, or to there',
      [smb(SERVICE, { initiator: '203.0.113.5' }), smb(SERVICE, { responder: '203.0.113.5' })],
    ],
    [
      'event collection over WinRM',
      [session('http', { responderPort: 5985, httpRequest: 'POST /wsman/SubscriptionManager/WEC' })],
    ],
    ['queries by WMI', [rpc('IWbemServices:ExecQuery')]],
    ['a document that is shared', [smb('tree \\\\nas\\team, create team\\setup.exe')]],
    ['work with files that are called like calls', [smb('open team\\svcctl:CreateServiceW')]],
    ['the shares of one server', [smb('srvsvc:NetrShareEnum')]],
    ['a web page on another port', [session('http', { responderPort: 80, httpRequest: 'POST /wsman?PSVersion=5.1' })]],
  ])('leaves alone %s', (_what, records) => {
    expect(detect(records)).toEqual([]);
  });

  it('is not reported below the least score', () => {
    expect(detect([smb(SERVICE)], { minScore: 0.9 })).toHaveLength(1);
    expect(detect([smb(SERVICE)], { minScore: 0.91 })).toEqual([]);
  });
});

describe('secrets', () => {
  it('of a domain, asked for by a host that is no domain controller', () => {
    const [found] = detect([rpc('drsuapi:DsBind, drsuapi:DsGetNCChanges')]);
    expect(found).toMatchObject({ kind: 'lateral-movement.credentials', score: 0.9 });
    expect(found?.reasons[0]?.sentence).toBe(
      'It asked for the secrets of the domain as a domain controller does on 1 host, by 1 connection.',
    );
  });

  it('are what domain controllers give one another', () => {
    const answers = session('kerberos', { initiator: '10.0.0.30', responder: '10.0.0.5', responderPort: 88 });
    expect(detect([rpc('drsuapi:DsGetNCChanges'), answers])).toEqual([]);
    expect(detect([rpc('drsuapi:DsGetNCChanges'), { ...answers, responderPayloadBytes: 0 }])).toHaveLength(1);
  });

  it.each([
    ['dcshadow', rpc('drsuapi:DsBind, drsuapi:DsReplicaAdd'), 0.9],
    ['lsa-secrets', smb('lsarpc:LsarOpenPolicy2, lsarpc:LsarRetrievePrivateData'), 0.8],
    ['hive', rpc('winreg:OpenLocalMachine, winreg:BaseRegSaveKey'), 0.8],
    ['database', smb('open C$\\Windows\\NTDS\\ntds.dit'), 0.85],
    ['database', smb('open C$\\Windows\\System32\\config\\SAM'), 0.85],
    ['coerced', smb('pipe lsarpc, efsrpc:EfsRpcOpenFileRaw, path \\\\10.0.0.66\\x'), 0.8],
    ['coerced', smb('spoolss:RpcRemoteFindFirstPrinterChangeNotificationEx'), 0.8],
  ])('by %s', (name, record, score) => {
    const [found] = detect([record]);
    expect([found?.kind, found?.score]).toEqual(['lateral-movement.credentials', score]);
    expect(value(found, name)).toBe(1);
  });
});

describe('looking around', () => {
  it('for sessions, accounts and shares', () => {
    expect(summary(detect([smb('srvsvc:NetrSessionEnum')]))).toEqual(['enumeration 10.0.0.5 > 10.0.0.20 0.7']);
    expect(summary(detect([smb('samr:SamrEnumerateUsersInDomain')]))).toEqual([
      'enumeration 10.0.0.5 > 10.0.0.20 0.55',
    ]);
    const shares = (n: number): FlowRecord[] =>
      range(n, (i) => smb('srvsvc:NetrShareEnum', { responder: `10.0.1.${i}` }));
    const kinds = (n: number): string[] => detect(shares(n), { minTargets: 99 }).map((d) => d.kind);
    expect([kinds(4), kinds(5)]).toEqual([[], ['lateral-movement.enumeration']]);
  });
});

describe('a fan-out', () => {
  const reach = (n: number, more: (i: number) => FlowRecord = () => ({})): FlowRecord[] =>
    range(n, (i) => session('ssh', { responderPort: 22, responder: `10.0.1.${i}`, startMs: T0 + i * MIN, ...more(i) }));
  const history = seen('10.0.0.5', T0 - 10 * MIN);

  it('to hosts that were not reached before is found', () => {
    const [found, ...others] = detect([history, ...reach(6)]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'lateral-movement.fan-out',
      actor: '10.0.0.5',
      peerCount: 6,
      service: 'ssh',
      score: 0.75,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'It reached 6 hosts by SSH within 5 min; hardly anybody else reaches them so.',
      'It had been seen for 10 min before without reaching them.',
    ]);
    expect(found?.flows).toHaveLength(6);
  });

  it('needs enough hosts, within the time, and enough history to be sure', () => {
    const scores = (records: FlowRecord[]): number[] => detect(records).map((d) => d.score);
    expect(scores([history, ...reach(4)])).toEqual([0.667]);
    expect(scores([history, ...reach(3)])).toEqual([]);
    expect(scores([history, ...reach(4, (i) => ({ startMs: T0 + i * 10 * MIN }))])).toEqual([0.667]);
    expect(scores([history, ...reach(4, (i) => ({ startMs: T0 + i * 10 * MIN + (i === 3 ? 1 : 0) }))])).toEqual([]);
    expect(scores([seen('10.0.0.5', T0 - 10 * MIN + 1), ...reach(4)])).toEqual([0.467]);
  });

  it('weighs less where the host has watched over half of them for as long as history takes', () => {
    const watch = (n: number, fields: FlowRecord, lengthMs = 10 * MIN): FlowRecord[] =>
      range(n, (i) => ({
        ...session('ssh', { responder: `10.0.1.${i}`, startMs: T0 - 10 * MIN, endMs: T0 - 10 * MIN + lengthMs }),
        responderPackets: 3,
        ...fields,
      }));
    const score = (...records: FlowRecord[][]): number | undefined =>
      detect([history, ...reach(6), ...records.flat()])[0]?.score;
    const greeting: FlowRecord = { initiatorPayloadBytes: 25, responderPort: 22 };
    const ways: FlowRecord[] = [
      { protocol: 'icmp', service: 'icmp', responderPort: 0 },
      { protocol: 'udp', service: 'snmp', responderPort: 161 },
      { service: 'http', responderPort: 9100 },
      greeting,
    ];
    expect(ways.map((way) => score(watch(3, way)))).toEqual([0.45, 0.45, 0.45, 0.45]);
    expect(score(watch(2, greeting))).toBe(0.75);
    expect(score(watch(3, { service: 'http', responderPort: 80 }))).toBe(0.75);
    expect(score(watch(3, { ...greeting, responderPackets: 0 }))).toBe(0.75);
    expect(score(watch(3, greeting, 10 * MIN - 1))).toBe(0.75);
    expect(score(watch(3, { ...greeting, startMs: T0 - 10 * MIN + 1 }))).toBe(0.75);
    expect(detect([history, ...reach(6), ...watch(6, greeting)])[0]?.reasons.at(-1)?.sentence).toBe(
      'It had watched over 6 of them for 10 min and more, as a server for management does: the score is lowered by that.',
    );
  });

  it('is no find where everybody goes there', () => {
    const others = (n: number): FlowRecord[] =>
      range(n, (k) => reach(6, () => ({ initiator: `10.0.2.${k}`, startMs: T0 - 8 * 60 * MIN }))).flat();
    expect(detect([history, ...reach(6), ...others(1)]).map((d) => d.actor)).toContain('10.0.0.5');
    expect(detect([history, ...reach(6), ...others(2)])).toEqual([]);
  });

  it('is no find where half of it happens again and again, as a server for management does', () => {
    const again = (n: number): FlowRecord[] => reach(n, (i) => ({ startMs: T0 + 60 * MIN + i * MIN }));
    expect(detect([history, ...reach(6), ...again(3)])).toEqual([]);
    expect(detect([history, ...reach(6), ...again(2)])).toHaveLength(1);
  });

  it('that is usual takes weight from what is called there', () => {
    const rounds = [0, 1, 2].flatMap((round) =>
      range(4, (i) => smb(SERVICE, { responder: `10.0.1.${i}`, startMs: T0 + round * 60 * MIN })),
    );
    const [found, ...others] = detect(rounds);
    expect(others).toEqual([]);
    expect(found?.score).toBe(0.588);
    expect(value(found, 'usual')).toBe(0.6);
  });

  it('counts sessions with payload both ways, of services of control, inside', () => {
    expect(detect([history, ...reach(6, () => ({ responderPayloadBytes: 0 }))])).toEqual([]);
    expect(detect([history, ...reach(6, () => ({ initiatorPayloadBytes: 0 }))])).toEqual([]);
    expect(detect([history, ...reach(6, () => ({ initiatorPayloadBytes: 255 }))])).toEqual([]);
    expect(detect([history, ...reach(6, () => ({ initiatorPayloadBytes: 256 }))])).toHaveLength(1);
    expect(detect([history, ...reach(6, () => ({ service: 'printer', responderPort: 9100 }))])).toEqual([]);
    expect(detect([history, ...reach(6, (i) => ({ responder: `203.0.113.${i}` }))])).toEqual([]);
    expect(
      detect([history, ...reach(6, () => ({ service: 'tls', responderPort: 3389 }))]).map((d) => d.service),
    ).toEqual(['rdp']);
  });
});

describe('its state', () => {
  it('refuses what is beyond the caps, and counts it', () => {
    const d = detector({ maxActors: 10, maxEdges: 20, maxHosts: 30 });
    for (let block = 0; block < 4; block++)
      d.observe(
        flowTable(
          range(50, (i) => smb(SERVICE, { initiator: `10.1.${block}.${i}` })).concat(
            range(50, (i) => session('ldap', { responder: `10.2.${block}.${i}`, responderPort: 389 })),
          ),
        ),
        NO_FEATURES,
      );
    expect(d.finish()).toHaveLength(10);
    expect(d.saturations()).toEqual([
      { detector: 'lateral-movement', what: 'hosts that call others to act', cap: 10, refused: 190 },
      { detector: 'lateral-movement', what: 'sessions of remote control by source and target', cap: 20, refused: 180 },
      { detector: 'lateral-movement', what: 'domain controllers', cap: 30, refused: 170 },
      { detector: 'lateral-movement', what: 'hosts that begin connections', cap: 30, refused: 174 },
    ]);
  });

  it('says the same in any order of the flows', () => {
    const records = [
      seen('10.0.0.5', T0 - 20 * MIN),
      ...range(5, (i) => smb(SERVICE, { responder: `10.0.1.${i}`, startMs: T0 + i * MIN })),
      rpc('drsuapi:DsGetNCChanges'),
      smb('srvsvc:NetrSessionEnum', { startMs: T0 + 70 * MIN }),
      smb('svcctl:CreateServiceW ERROR_ACCESS_DENIED', { initiator: '10.0.0.8' }),
    ];
    const expected = detect(records);
    expect(expected).toHaveLength(5);
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
    );
  });

  it('takes rows with anything missing', () => {
    const whole = smb(SERVICE);
    fc.assert(
      fc.property(fc.subarray(Object.keys(whole) as (keyof FlowRecord)[]), (kept) => {
        for (const one of detect([Object.fromEntries(kept.map((name) => [name, whole[name]]))]))
          expect(Number.isFinite(one.firstMs)).toBe(true);
      }),
    );
  });
});

describe('tickets of Kerberos', () => {
  const kerberos = (operations: string, more: FlowRecord = {}): FlowRecord =>
    session('kerberos', { responderPort: 88, responder: '10.0.0.2', operations, ...more });
  const roast = (i: number, more: FlowRecord = {}): FlowRecord =>
    kerberos(`TGS MSSQLSvc/sql${i}.corp, rc4-hmac, ticket rc4-hmac`, { startMs: T0 + i * 1000, ...more });
  const probe = (i: number, more: FlowRecord = {}): FlowRecord =>
    kerberos('AS krbtgt/CORP, rc4-hmac, KDC_ERR_PREAUTH_REQUIRED', { user: `user${i}`, startMs: T0 + i, ...more });
  const sentence = (d: Detection | undefined): string | undefined => d?.reasons[0]?.sentence;

  it('finds a host that asks for tickets in RC4 to services of three accounts, and not of two', () => {
    const found = detect(range(3, (i) => roast(i)));
    expect(summary(found)).toEqual(['credentials 10.0.0.5 > 10.0.0.2 0.8']);
    expect(sentence(found[0])).toBe(
      'It asked for tickets in RC4 to the services of 3 accounts at 1 host, by 3 connections: passwords can be guessed from such tickets elsewhere.',
    );
    expect(detect(range(2, (i) => roast(i)))).toEqual([]);
    expect(detect(range(3, (i) => roast(0, { startMs: T0 + i * 1000 })))).toEqual([]);
    expect(detect(range(3, (i) => roast(i, { startMs: T0 + i * 11 * MIN })))).toEqual([]);
  });

  it('lowers the score where the server gave none', () => {
    const refused = range(3, (i) => kerberos(`TGS CORP\\svc${i}, rc4-hmac, KRB_AP_ERR_INAPP_CKSUM`));
    expect(summary(detect(refused))).toEqual(['credentials 10.0.0.5 > 10.0.0.2 0.56']);
  });

  it('leaves alone clients that want AES, services of machines, delegation, and networks where all want RC4', () => {
    const services = (text: (i: number) => string): Detection[] => detect(range(6, (i) => kerberos(text(i))));
    expect(services((i) => `TGS HTTP/web${i}, ticket rc4-hmac`)).toEqual([]);
    expect(services((i) => `TGS cifs/fs${i}, rc4-hmac, ticket rc4-hmac`)).toEqual([]);
    expect(services((i) => `TGS PC${i}$, rc4-hmac`)).toEqual([]);
    expect(services((i) => `TGS HTTP/web${i}, S4U2self alice, rc4-hmac`)).toEqual([]);
    const old = ['10.0.0.5', '10.0.0.6', '10.0.0.7'].flatMap((initiator) => range(5, (i) => roast(i, { initiator })));
    expect(detect(old)).toEqual([]);
    expect(detect(old.slice(0, 10))).toHaveLength(2);
  });

  it('finds logins that are begun in RC4 under five names without a key, and not under four', () => {
    const found = detect([
      ...range(4, probe),
      probe(4, { operations: 'AS krbtgt/CORP, rc4-hmac, AS-REP without pre-authentication, reply rc4-hmac' }),
    ]);
    expect(summary(found)).toEqual(['credentials 10.0.0.5 > 10.0.0.2 0.75']);
    expect(sentence(found[0])).toBe(
      'It began logins in RC4 under 5 names at 1 host, by 5 connections, and mostly showed no key: accounts that need none are found so.',
    );
    expect(summary(detect(range(5, probe)))).toEqual(['credentials 10.0.0.5 > 10.0.0.2 0.525']);
    expect(detect(range(4, probe))).toEqual([]);
  });

  it('leaves alone a server whose users go on to show their key', () => {
    const login = (i: number): FlowRecord[] => [
      probe(i),
      kerberos('AS krbtgt/CORP, rc4-hmac, reply rc4-hmac', { user: `user${i}`, login: 'accepted' }),
    ];
    expect(detect(range(8, login).flat())).toEqual([]);
  });
});

describe('encryption of a share', () => {
  it('finds a host that gives documents one new ending, and tells it from other work with files', () => {
    const found = detect([smb('tree \\\\fs\\data, create data\\a.docx.locked, ending .locked on 10 files')]);
    expect(summary(found)).toEqual(['encryption 10.0.0.5 > 10.0.0.20 0.9']);
    expect(found[0]?.reasons[0]?.sentence).toBe(
      'It gave ten documents or more one same new ending, as ransomware does, on 1 host, by 1 connection.',
    );
    expect(
      detect([smb('tree \\\\fs\\data, create data\\a.docx.locked, rename data\\b.docx to b.docx.locked')]),
    ).toEqual([]);
    expect(detect([smb('create data\\ending .locked on 10 files')])).toEqual([]);
  });
});
