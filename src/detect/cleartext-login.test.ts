import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import { type CleartextLoginOptions, createCleartextLoginDetector } from './cleartext-login.ts';
import type { Detection, Detector } from './detection.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const isHome = (address: string): boolean => address.startsWith('10.');

function detector(options: Partial<CleartextLoginOptions> = {}): Detector {
  return createCleartextLoginDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<CleartextLoginOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const summary = (found: readonly Detection[]): string[] =>
  found.map(
    (d) => `${d.kind.slice('cleartext-login.'.length)} ${d.actor} > ${d.peers.join(' ')} ${d.service} ${d.score}`,
  );

let nextId = 1;
const login = (service: string, more: FlowRecord = {}): FlowRecord => ({
  id: nextId++,
  startMs: T0,
  endMs: T0 + 60_000,
  protocol: 'tcp',
  initiator: '10.0.0.5',
  initiatorPort: 50_000,
  responder: '203.0.113.7',
  responderPort: 21,
  responderPackets: 4,
  service,
  serviceBasis: 'content',
  user: 'bookkeeping',
  login: 'accepted',
  operations: 'password in clear, USER, PASS',
  ...more,
});
const snmp = (more: FlowRecord = {}): FlowRecord =>
  login('snmp', { protocol: 'udp', responderPort: 161, user: '', operations: 'v2c get 1.3.6.1.2.1.1.1.0', ...more });

describe('the detector of passwords in clear', () => {
  it('finds a password that a directory did not look at because it wants TLS, and leaves a wrong one alone', () => {
    const bind = (result: string): Detection[] =>
      detect([login('ldap', { responderPort: 389, login: 'refused', operations: `bind simple, bind ${result}` })]);
    expect(summary(bind('strongerAuthRequired'))).toEqual(['password 10.0.0.5 > 203.0.113.7 ldap 0.75']);
    expect(summary(bind('confidentialityRequired'))).toHaveLength(1);
    expect(bind('invalidCredentials data 52e')).toEqual([]);
  });

  it('finds a login by FTP, names the server, and never the password', () => {
    const [found, ...others] = detect([login('ftp'), login('ftp', { startMs: T0 + 300_000, endMs: T0 + 301_000 })]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'cleartext-login.password',
      actor: '10.0.0.5',
      peers: ['203.0.113.7'],
      port: 21,
      service: 'ftp',
      score: 0.9,
      flowCount: 2,
      firstMs: T0,
      lastMs: T0 + 301_000,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'On 2 connections within 5 min 1 s a password was sent that anyone on the way can read.',
      'The server accepted 2 logins: the password is right.',
      '1 user name was given; the flows show which.',
      'The client is inside the home network, the server outside.',
    ]);
  });

  it.each(['ftp', 'smtp', 'imap', 'pop3', 'telnet', 'http', 'irc', 'redis', 'mqtt', 'socks', 'mysql', 'postgresql'])(
    'knows %s',
    (service) => {
      expect(summary(detect([login(service)]))).toEqual([`password 10.0.0.5 > 203.0.113.7 ${service} 0.9`]);
    },
  );

  it('knows a simple bind of LDAP by its operation', () => {
    expect(detect([login('ldap', { operations: 'bind simple, search dc=example' })])).toHaveLength(1);
    expect(detect([login('ldap', { operations: 'bind GSS-SPNEGO kerberos, search dc=example' })])).toEqual([]);
  });

  it('is less sure where the answer was not seen, and says nothing where all were refused', () => {
    const [found] = detect([login('ftp', { login: 'unknown' }), login('ftp', { login: 'refused' })]);
    expect(found?.score).toBe(0.75);
    expect(found?.reasons[1]?.sentence).toBe('Whether the server accepted it was not seen.');
    expect(detect([login('ftp', { login: 'refused' })])).toEqual([]);
  });

  it('makes one detection of one client, server and protocol', () => {
    const records = [
      login('ftp'),
      login('ftp', { user: 'root' }),
      login('ftp', { initiator: '10.0.0.6' }),
      login('pop3'),
      login('ftp', { responder: '10.0.0.9' }),
    ];
    expect(summary(detect(records))).toEqual([
      'password 10.0.0.5 > 10.0.0.9 ftp 0.9',
      'password 10.0.0.5 > 203.0.113.7 ftp 0.9',
      'password 10.0.0.5 > 203.0.113.7 pop3 0.9',
      'password 10.0.0.6 > 203.0.113.7 ftp 0.9',
    ]);
    expect(detect(records)[1]?.reasons[2]?.value).toBe(2);
  });

  it('needs as many logins as the options ask for', () => {
    const two = [login('ftp'), login('ftp')];
    expect(detect(two, { minLogins: 2 })).toHaveLength(1);
    expect(detect(two, { minLogins: 3 })).toEqual([]);
    expect(detect([snmp(), snmp()], { minCommunities: 2 })).toHaveLength(1);
    expect(detect([snmp(), snmp()], { minCommunities: 3 })).toEqual([]);
  });

  it.each([
    ['anonymous FTP', login('ftp', { user: 'anonymous' })],
    ['FTP as guest', login('ftp', { user: 'Guest' })],
    ['a login behind STARTTLS', login('smtp', { user: '', operations: 'EHLO mx, STARTTLS' })],
    ['a challenge and its response', login('imap', { operations: 'AUTHENTICATE, SELECT' })],
    ['a mining pool', login('stratum')],
    ['a host that talks to itself', login('redis', { responder: '10.0.0.5' })],
    ['a file that is called like it', login('ftp', { operations: 'RETR password in clear.txt' })],
    ['no operations at all', login('ftp', { operations: '' })],
  ])('leaves alone %s', (_what, record) => {
    const present = Object.fromEntries(Object.entries(record).filter(([, value]) => value !== ''));
    expect(detect([present])).toEqual([]);
  });
});

describe('communities of SNMP', () => {
  it('are found in versions 1 and 2c, where the device answered', () => {
    const [found] = detect([snmp(), snmp({ operations: 'v1 get-next 1.3.6.1' })]);
    expect(found).toMatchObject({
      kind: 'cleartext-login.community',
      protocol: 'udp',
      port: 161,
      score: 0.5,
      flowCount: 2,
    });
    expect(found?.reasons[0]?.sentence).toBe(
      '2 flows carried the community of SNMP version 1 or 2c, which is its password, for anyone to read; the device answered.',
    );
    expect(detect([snmp({ operations: 'v3 encrypted' })])).toEqual([]);
    expect(detect([snmp({ responderPackets: 0 })])).toEqual([]);
  });
});

describe('its state', () => {
  it('refuses cases beyond the cap and counts them', () => {
    const d = detector({ maxCases: 30 });
    for (let block = 0; block < 5; block++)
      d.observe(
        flowTable(Array.from({ length: 40 }, (_, i) => login('ftp', { responder: `198.51.${block}.${i}` }))),
        NO_FEATURES,
      );
    expect(d.finish()).toHaveLength(30);
    expect(d.saturations()).toEqual([
      { detector: 'cleartext-login', what: 'clients and servers of logins in clear', cap: 30, refused: 170 },
    ]);
  });

  it('counts user names up to a bound and says so', () => {
    const [found] = detect(Array.from({ length: 100 }, (_, i) => login('ftp', { user: `user${i}` })));
    expect(found?.reasons[2]?.sentence).toBe('At least 64 user names were given; the flows show which.');
  });

  it('says the same in any order of the flows', () => {
    const records = [login('ftp'), login('ftp', { login: 'refused', responderPort: 2121 }), login('imap'), snmp()];
    const expected = detect(records);
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
    );
  });

  it('takes rows with anything missing', () => {
    const whole = login('ftp');
    fc.assert(
      fc.property(fc.subarray(Object.keys(whole) as (keyof FlowRecord)[]), (kept) => {
        for (const one of detect([Object.fromEntries(kept.map((name) => [name, whole[name]]))]))
          expect(Number.isFinite(one.firstMs)).toBe(true);
      }),
    );
  });
});
