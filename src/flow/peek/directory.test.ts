import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NO_TIMEOUTS, runCapture } from '../../../test/support/capture.ts';
import {
  type ConversationOptions,
  client,
  conversation,
  inTurn,
  server,
  type Turn,
} from '../../../test/support/conversation.ts';
import { FlowLab, flowsFrom, udp } from '../../../test/support/frames.ts';
import { sidesOf } from '../../../test/support/sides.ts';
import { Random } from '../../core/index.ts';
import {
  encodeBer,
  encodeBerInteger,
  encodeBerText,
  encodeKerberos,
  encodeKerberosTcp,
  encodeLdap,
  encodeNtlm,
  type KerberosFields,
  type LdapFields,
  readBer,
} from '../../wire/index.ts';
import type { FlowRecord } from '../schema.ts';

type Facts = Pick<FlowRecord, 'service' | 'user' | 'login' | 'hostname' | 'client' | 'server' | 'operations'>;

function facts(flow: FlowRecord | undefined): { [K in keyof Facts]: Facts[K] | undefined } {
  const { service, user, login, hostname, client: c, server: s, operations } = flow ?? {};
  return { service, user, login, hostname, client: c, server: s, operations };
}

const overTcp = (port: number, turns: readonly Turn[], options: ConversationOptions = {}) =>
  facts(flowsFrom(conversation(port, turns, options))[0]);

/** Datagrams of a client and a server in turn. */
const overUdp = (port: number, ...datagrams: Uint8Array[]) =>
  facts(
    flowsFrom(
      datagrams.map((bytes, i) =>
        i % 2 === 0
          ? udp(i, '10.0.0.5:40000', `10.0.0.1:${port}`, bytes)
          : udp(i, `10.0.0.1:${port}`, '10.0.0.5:40000', bytes),
      ),
    )[0],
  );

const realm = 'CORP.EXAMPLE';
const krbtgt = `krbtgt/${realm}`;
const krb = (fields: Omit<KerberosFields, 'realm'>): Uint8Array => encodeKerberos({ realm, ...fields });

describe('Kerberos', () => {
  const request = krb({ type: 'AS-REQ', client: 'alice', service: krbtgt, encryptionTypes: [18, 17, 23] });
  const proved = krb({
    type: 'AS-REQ',
    client: 'alice',
    service: krbtgt,
    encryptionTypes: [18, 17, 23],
    timestampEncryption: 18,
  });
  const error = (errorCode: number): Uint8Array => krb({ type: 'KRB-ERROR', errorCode, service: krbtgt });
  const reply = krb({ type: 'AS-REP', client: 'alice', service: krbtgt });

  it('a sign-on over UDP, asked for a proof first', () => {
    expect(overUdp(88, request, error(25), proved, reply)).toEqual({
      service: 'kerberos',
      user: 'alice',
      login: 'accepted',
      hostname: undefined,
      client: undefined,
      server: undefined,
      operations: `AS ${krbtgt}, KDC_ERR_PREAUTH_REQUIRED`,
    });
    expect(overUdp(88, request, error(25)).login).toBe('unknown');
  });

  it('a wrong password, a locked account and a user who does not exist are refusals', () => {
    for (const [code, name] of [
      [24, 'KDC_ERR_PREAUTH_FAILED'],
      [18, 'KDC_ERR_CLIENT_REVOKED'],
      [6, 'KDC_ERR_C_PRINCIPAL_UNKNOWN'],
    ] as const)
      expect(overUdp(88, proved, error(code))).toMatchObject({
        user: 'alice',
        login: 'refused',
        operations: `AS ${krbtgt}, ${name}`,
      });
  });

  it('an account that gives out its reply unasked can be roasted', () => {
    const weak = krb({ type: 'AS-REP', client: 'alice', service: krbtgt, replyEncryption: 23 });
    expect(overUdp(88, request, weak).operations).toBe(
      `AS ${krbtgt}, AS-REP without pre-authentication, reply rc4-hmac`,
    );
    expect(overUdp(88, proved, weak).operations).toBe(`AS ${krbtgt}, reply rc4-hmac`);
  });

  it('tickets to services over TCP, those with weak ciphers by name', () => {
    const ask = (service: string, encryptionTypes: readonly number[]): Turn =>
      client(encodeKerberosTcp(krb({ type: 'TGS-REQ', service, encryptionTypes, ticketEncryption: 18 })));
    const give = (service: string, ticketEncryption: number): Turn =>
      server(encodeKerberosTcp(krb({ type: 'TGS-REP', client: 'alice', service, ticketEncryption })));
    const turns = [ask('cifs/fs1', [18, 17, 23]), give('cifs/fs1', 18)];
    expect(overTcp(88, turns)).toMatchObject({ user: 'alice', login: undefined, operations: 'TGS cifs/fs1' });
    const roast = [...turns, ask('MSSQLSvc/db1:1433', [23]), give('MSSQLSvc/db1:1433', 23)];
    expect(overTcp(88, roast).operations).toBe('TGS cifs/fs1, TGS MSSQLSvc/db1:1433, rc4-hmac, ticket rc4-hmac');
    const whole = overTcp(88, roast);
    const longest = Math.max(...roast.map(({ bytes }) => bytes.length));
    for (let at = 1; at < longest; at += 3)
      expect(overTcp(88, roast, { cut: (length) => (at < length ? [at] : []) }), `cut at ${at}`).toEqual(whole);
  });

  it('a service that asks in the name of a user says so', () => {
    const context = (number: number, ...content: Uint8Array[]): Uint8Array => encodeBer(0xa0 + number, ...content);
    const sequence = (...content: Uint8Array[]): Uint8Array => encodeBer(0x30, ...content);
    const text = (value: string): Uint8Array => encodeBerText(value, 0x1b);
    const name = (value: string): Uint8Array =>
      sequence(context(0, encodeBerInteger(1)), context(1, sequence(text(value))));
    // PA-FOR-USER, MS-SFU 2.2.1.
    const forUser = sequence(context(0, name('bob')), context(1, text(realm)));
    const padata = sequence(sequence(context(1, encodeBerInteger(129)), context(2, encodeBer(4, forUser))));
    // Options with bit 14, cname-in-addl-tkt (MS-SFU 2.2.3).
    const body = sequence(
      context(0, encodeBer(3, Uint8Array.of(0, 0, 2, 0, 0))),
      context(2, text(realm)),
      context(3, name('web$')),
    );
    const message = encodeBer(
      0x6c,
      sequence(context(1, encodeBerInteger(5)), context(2, encodeBerInteger(12)), context(3, padata), context(4, body)),
    );
    expect(overUdp(88, message).operations).toBe('TGS web$, S4U2self bob@CORP.EXAMPLE, S4U2proxy');
  });

  it('a real ticket request over TCP, and a real sign-on over UDP', () => {
    const length = (bytes: Uint8Array, at: number): number =>
      4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
    // tshark -r covenant_dcsync*.cap -Y tcp.stream==3 -T fields -e kerberos.CNameString -e kerberos.SNameString: pgustavo; ldap,MORDORDC
    expect(overTcp(88, inTurn(sidesOf('kerberos-tgs'), length))).toMatchObject({
      service: 'kerberos',
      user: 'pgustavo',
      operations: 'TGS ldap/MORDORDC',
    });
    // tshark -r krb5-udp.pcap -V: as-req of xxxxxxxx$ for krbtgt/xx.xxx.xxxxx.NET with an encrypted timestamp; no answer
    const capture = readFileSync(new URL('../../../test/fixture/arkime/krb5-udp.pcap', import.meta.url));
    expect(facts(runCapture(capture).flows[0])).toMatchObject({
      service: 'kerberos',
      user: 'xxxxxxxx$',
      login: 'unknown',
      operations: 'AS krbtgt/xx.xxx.xxxxx.NET',
    });
  });

  it('damaged messages never throw', () => {
    const random = new Random(5);
    const lab = new FlowLab({ ...NO_TIMEOUTS, maxFlows: 2048 });
    let port = 10_000;
    for (const bytes of [request, proved, reply, error(25), sidesOf('kerberos-tgs').server.subarray(4)])
      for (let i = 0; i < 100; i++) {
        const copy = bytes.slice(0, random.below(3) === 0 ? random.below(bytes.length) : bytes.length);
        for (let n = random.below(6); n > 0 && copy.length > 0; n--)
          copy[random.below(copy.length)] = random.below(256);
        port++;
        lab.take([udp(port, `10.0.0.5:${port}`, '10.0.0.1:88', copy)]);
        lab.take(conversation(88, [client(encodeKerberosTcp(copy)), server(copy)], { port }));
      }
    const flows = lab.finish();
    expect(flows.length).toBe(1000);
    for (const { operations = '' } of flows) expect(operations.length).toBeLessThanOrEqual(16 * 82);
  });
});

describe('LDAP', () => {
  const ask = (fields: LdapFields): Turn => client(encodeLdap(fields));
  const answer = (fields: LdapFields): Turn => server(encodeLdap(fields));
  const bind = (name: string, password: string, result: number, diagnostic = ''): Turn[] => [
    ask({ operation: 'bind-request', id: 1, name, password }),
    answer({ operation: 'bind-response', id: 1, result, diagnostic }),
  ];
  const search = (name: string, equals: readonly [string, string], scope = 2): Turn =>
    ask({ operation: 'search-request', id: 2, name, scope, equals });
  const dn = 'cn=alice,dc=corp,dc=example';

  it('a bind with a password tells the name and the outcome, never the password', () => {
    const flow = overTcp(389, bind(dn, 'tops3cret', 0));
    expect(flow).toMatchObject({ service: 'ldap', user: dn, login: 'accepted', operations: 'bind simple' });
    expect(JSON.stringify(flow)).not.toContain('tops3cret');
  });

  it('a refused bind tells why, as Active Directory says it', () => {
    const why = '80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 52e, v3839';
    expect(overTcp(389, bind('alice@corp', 'x', 49, why))).toMatchObject({
      user: 'alice@corp',
      login: 'refused',
      operations: 'bind simple, bind invalidCredentials data 52e',
    });
    const spray = [...bind('alice', 'x', 49), ...bind('bob', 'x', 49), ...bind('carol', 'x', 0)];
    expect(overTcp(389, spray)).toMatchObject({
      user: 'alice',
      login: 'refused',
      operations: 'bind simple, bind invalidCredentials, bind bob invalidCredentials',
    });
  });

  it('without a password there is no login', () => {
    expect(overTcp(389, bind('', '', 0))).toMatchObject({
      user: undefined,
      login: undefined,
      operations: 'bind anonymous',
    });
    expect(overTcp(389, bind(dn, '', 0))).toMatchObject({
      user: undefined,
      login: undefined,
      operations: 'bind unauthenticated',
    });
  });

  it('a bind by SASL and NTLM tells user, computer and software', () => {
    const osVersion = [10, 0, 19041] as const;
    const sasl = (id: number, token: Uint8Array): Turn =>
      ask({ operation: 'bind-request', id, name: '', mechanism: 'GSS-SPNEGO', credentials: token });
    const turns = [
      sasl(1, encodeNtlm({ type: 'negotiate', osVersion })),
      answer({ operation: 'bind-response', id: 1, result: 14 }),
      sasl(2, encodeNtlm({ type: 'authenticate', domain: 'CORP', user: 'alice', workstation: 'WS1', osVersion })),
      answer({ operation: 'bind-response', id: 2, result: 0 }),
    ];
    expect(overTcp(389, turns)).toMatchObject({
      user: 'CORP\\alice',
      login: 'accepted',
      hostname: 'WS1',
      client: 'Windows 10.0.19041',
      operations: 'bind GSS-SPNEGO, bind GSS-SPNEGO ntlmv2',
    });
    expect(overTcp(389, turns.slice(0, 3)).login).toBe('unknown');
  });

  it('searches by base and filter, of each no more than four', () => {
    const turns = [
      search('', ['objectClass', '*'], 0),
      search('dc=corp,dc=example', ['servicePrincipalName', 'x']),
      answer({ operation: 'search-done', id: 2, result: 50 }),
      ...Array.from({ length: 20 }, (_, i) => search(`ou=${i}`, ['uid', `${i}`])),
      ask({ operation: 'delete-request', id: 9, name: dn }),
    ];
    expect(overTcp(389, turns).operations).toBe(
      `search rootDSE, filter (objectClass=\\2a), search dc=corp,dc=example, filter (servicePrincipalName=x), insufficientAccessRights, search ou=0, filter (uid=0), search ou=1, filter (uid=1), delete ${dn}`,
    );
  });

  it('changes tell which attributes, never their values', () => {
    const change = encodeBer(
      0x30,
      encodeBerInteger(2, 0x0a),
      encodeBer(0x30, encodeBerText('unicodePwd'), encodeBer(0x31, encodeBerText('tops3cret'))),
    );
    const modify = encodeBer(0x30, encodeBerInteger(3), encodeBer(102, encodeBerText(dn), encodeBer(0x30, change)));
    const flow = overTcp(389, [client(modify)]);
    expect(flow.operations).toBe(`modify unicodePwd of ${dn}`);
  });

  it('the search for a domain controller tells who asks', () => {
    const assert = (type: string, value: string): Uint8Array =>
      encodeBer(0xa3, encodeBerText(type), encodeBerText(value));
    const filter = encodeBer(0xa0, assert('DnsDomain', 'corp.example'), assert('Host', 'WS1'), assert('User', 'alice'));
    const ping = encodeBer(
      0x30,
      encodeBerInteger(7),
      encodeBer(
        99,
        encodeBerText(''),
        encodeBerInteger(0, 0x0a),
        encodeBerInteger(0, 0x0a),
        encodeBerInteger(0),
        encodeBerInteger(0),
        encodeBer(1, Uint8Array.of(0)),
        filter,
        encodeBer(0x30, encodeBerText('Netlogon')),
      ),
    );
    expect(overUdp(389, ping)).toMatchObject({
      service: 'cldap',
      hostname: 'WS1',
      user: undefined,
      operations: 'netlogon corp.example alice',
    });
  });

  it('results of any number are stepped over, and what is asked later is seen', () => {
    const entry = encodeBer(
      0x30,
      encodeBerInteger(2),
      encodeBer(100, encodeBerText('cn=x'), encodeBer(0x30, new Uint8Array(3000))),
    );
    const entries = Array.from({ length: 3 }, () => server(entry));
    const turns = [
      search('dc=a', ['uid', '1']),
      ...entries,
      answer({ operation: 'search-done', id: 2, result: 4 }),
      search('dc=b', ['uid', '1']),
    ];
    expect(overTcp(389, turns).operations).toBe('search dc=a, filter (uid=1), search dc=b');
  });

  const length = (bytes: Uint8Array, at: number): number =>
    bytes[at] === 0x30
      ? (readBer(bytes, at, Number.POSITIVE_INFINITY)?.to ?? bytes.length) - at
      : 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

  it('real connections: signed, sealed and by Sicily', () => {
    // tshark -r missing_krbtgt_ldap_request.pcapng -Y ldap -T fields -e _ws.col.Info: <ROOT>, bind sasl, CN=Schema,..., DC=matrix,DC=local (samaccountname=krbtgt)
    expect(overTcp(389, inTurn(sidesOf('ldap-signed'), length))).toMatchObject({
      login: 'accepted',
      operations: expect.stringMatching(
        /^search rootDSE, bind GSS-SPNEGO kerberos ldap\/DC01-Zion\.matrix\.local\/matrix\.local, search CN=Schema,CN=Configuration,DC=matrix,DC=local, .*search DC=matrix,DC=local, filter \(samaccountname=krbtgt\)$/,
      ),
    });
    // tshark -r krb5-sign-seal-01.pcap -Y ldap: the messages behind the bind are 'SASL GSS-API Privacy'
    expect(overTcp(389, inTurn(sidesOf('ldap-sealed'), length)).operations).toBe(
      'search rootDSE, bind GSS-SPNEGO kerberos ldap/w2k3-101.w2k3.vmnet1.vm.base/w2k3.vmnet1.vm.base, sealed',
    );
    // tshark -r aduser1-ntlm.pcap -T fields -e ntlmssp.auth.domain -e ntlmssp.auth.username -e ldap.baseObject
    expect(overTcp(389, inTurn(sidesOf('ldap-sicily'), length))).toMatchObject({
      user: 'ADHACKING.LOCAL\\User1',
      login: 'accepted',
      server: 'Windows 10.0.20348',
      operations: expect.stringMatching(/^bind sicily, bind sicily ntlmv2, search dc=ADHACKING,dc=LOCAL, filter /),
    });
  });

  it('is told alike wherever it is cut, and damaged ones never throw', () => {
    const turns = inTurn(sidesOf('ldap-sicily'), length);
    const whole = overTcp(389, turns);
    const longest = Math.max(...turns.map(({ bytes }) => bytes.length));
    const lab = new FlowLab({ ...NO_TIMEOUTS, maxFlows: 2048 });
    for (let at = 1; at < longest; at++)
      lab.take(conversation(389, turns, { port: 10_000 + at, cut: (n) => (at < n ? [at] : []) }));
    for (const flow of lab.finish()) expect(facts(flow)).toEqual(whole);
    const random = new Random(9);
    for (const name of ['ldap-sicily', 'ldap-signed', 'ldap-sealed'])
      for (let i = 0; i < 30; i++) {
        const changed = inTurn(sidesOf(name), length).map(({ from, bytes }) => {
          const copy = bytes.slice(0, random.below(8) === 0 ? random.below(bytes.length) : bytes.length);
          for (let n = random.below(4); n > 0 && copy.length > 0; n--)
            copy[random.below(copy.length)] = random.below(256);
          return { from, bytes: copy };
        });
        expect(overTcp(389, changed).operations?.length ?? 0).toBeLessThanOrEqual(16 * 82);
      }
  });
});
