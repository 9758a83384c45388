import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { sidesOf, survives } from '../../test/support/sides.ts';
import { BER_SEQUENCE, encodeBer, encodeBerInteger, encodeBerText } from './ber.ts';
import { decodeLdap, encodeLdap, type LdapMessage, ldapResultName, summarizeLdap, walkLdap } from './ldap.ts';

const ldap = (bytes: Uint8Array) => decodeLdap(bytes, 0, bytes.length);
const walk = (bytes: Uint8Array, at = 0, end = bytes.length) => {
  const messages: LdapMessage[] = [];
  const next = walkLdap(bytes, at, end, (message) => messages.push(message));
  return { messages, read: next - at };
};

/** A search with this filter. */
const search = (filter: Uint8Array) =>
  encodeBer(
    BER_SEQUENCE,
    encodeBerInteger(1),
    encodeBer(
      99,
      encodeBerText('dc=x'),
      hexBytes('0a0102 0a0100 020100 020100 010100'),
      filter,
      encodeBer(BER_SEQUENCE),
    ),
  );

// tshark -r covenant_dcsync*.cap -Y cldap -T fields -e udp.payload: a Windows client pings a domain controller.
const CLDAP =
  '3084000000d202012d6384000000c904000a01000a0100020100020100010100a084000000a2a3840000001b0409446e73446f6d61696e040e54484553484952452e4c4f43414ca384000000140404486f7374040c574f524b53544154494f4e35a3840000001e040a446f6d61696e4775696404105dc633397fac794cb5b7ad0fb941333ca3840000000d04054e74566572040416000020a3840000002a040b446e73486f73744e616d65041b574f524b53544154494f4e352e74686573686972652e6c6f63616c30840000000a04084e65746c6f676f6e';

describe('LDAP', () => {
  it('a CLDAP ping from hex', () => {
    const message = ldap(hexBytes(CLDAP))!;
    expect(message).toMatchObject({
      operation: 'search-request',
      id: 45,
      name: '',
      scope: 'base',
      filter:
        '(&(DnsDomain=THESHIRE.LOCAL)(Host=WORKSTATION5)(DomainGuid=]\\c639\\7f\\acyL\\b5\\b7\\ad\\0f\\b9A3<)(NtVer=\\16\\00\\00 )(DnsHostName=WORKSTATION5.theshire.local))',
      attributes: ['Netlogon'],
      isCut: false,
    });
    expect(summarizeLdap(message)).toMatch(/^search-request base \(&\(DnsDomain=THESHIRE.LOCAL\)/);
  });

  it('a Sicily bind and a search, as tshark reads them', () => {
    // tshark -r aduser1-ntlm.pcap -Y ldap -T fields -e ldap.messageID -e ldap.protocolOp; filter and names from -V
    const { client, server } = sidesOf('ldap-sicily');
    const asked = walk(client);
    expect(asked.read).toBe(client.length);
    expect(asked.messages.map(({ id, operation }) => [id, operation])).toEqual([
      [173945320, 'bind-request'],
      [1489001992, 'bind-request'],
      [1673297393, 'search-request'],
    ]);
    expect(asked.messages[1]).toMatchObject({
      method: 'sicily',
      name: 'User1',
      token: { ntlm: { type: 'authenticate', user: 'User1', domain: 'ADHACKING.LOCAL', response: 'ntlmv2' } },
    });
    expect(asked.messages[2]).toMatchObject({
      name: 'dc=ADHACKING,dc=LOCAL',
      scope: 'subtree',
      filter: '(&(sAMAccountName=*)(mail=*)(!(UserAccountControl:1.2.840.113556.1.4.803:=2)))',
      attributes: ['sAMAccountName', 'pwdLastSet', 'mail', 'lastLogon'],
      controls: ['1.2.840.113556.1.4.319'],
    });
    const answered = walk(server);
    expect(answered.read).toBe(server.length);
    expect(answered.messages.map(({ operation }) => operation)).toEqual([
      'bind-response',
      'bind-response',
      'search-entry',
      'search-entry',
      'search-entry',
      'search-reference',
      'search-reference',
      'search-reference',
      'search-done',
    ]);
    expect(answered.messages[0]).toMatchObject({
      result: 0,
      name: undefined,
      token: { ntlm: { type: 'challenge', dnsComputer: 'WIN-VGO56I95EAK.ADHACKING.local', osVersion: '10.0.20348' } },
    });
    expect(answered.messages[2].name).toBe('CN=User0,CN=Users,DC=ADHACKING,DC=local');
  });

  it('messages that a security layer only signs are read through it', () => {
    // tshark -r missing_krbtgt_ldap_request.pcapng -Y ldap -V: message ids and base objects
    const { client } = sidesOf('ldap-signed');
    const { messages, read } = walk(client);
    expect(read).toBe(client.length);
    expect(messages.map(({ id, operation, isSigned }) => [id, operation, isSigned])).toEqual([
      [1, 'search-request', false],
      [3, 'bind-request', false],
      [4, 'search-request', true],
      [6, 'search-request', true],
      [8, 'search-request', true],
      [9, 'unbind', true],
    ]);
    expect(messages[1]).toMatchObject({
      method: 'sasl',
      mechanism: 'GSS-SPNEGO',
      token: {
        mechanism: 'kerberos',
        kerberos: { type: 'AP-REQ', service: 'ldap/DC01-Zion.matrix.local/matrix.local' },
      },
    });
    expect(messages[4]).toMatchObject({ name: 'DC=matrix,DC=local', filter: '(samaccountname=krbtgt)' });
  });

  it('messages that a security layer hides are told as wrapped', () => {
    const { client, server } = sidesOf('ldap-sealed');
    expect(walk(client).messages.map(({ operation }) => operation)).toEqual([
      'search-request',
      'bind-request',
      'wrapped',
    ]);
    expect(walk(client).read).toBe(client.length);
    expect(walk(server).messages.map(({ operation }) => operation)).toEqual([
      'search-entry',
      'search-done',
      'bind-response',
    ]);
  });

  it('a simple bind names its method and never its password', () => {
    const bind = (name: string, password: string) =>
      ldap(encodeLdap({ operation: 'bind-request', id: 1, name, password }))!;
    expect(bind('cn=admin,dc=x', 'hunter2')).toMatchObject({ method: 'simple', name: 'cn=admin,dc=x', version: 3 });
    expect(JSON.stringify(bind('cn=admin,dc=x', 'hunter2'))).not.toContain('hunter2');
    expect(bind('', '').method).toBe('anonymous');
    expect(bind('cn=admin,dc=x', '').method).toBe('unauthenticated');
  });

  it('encode, then decode, is identity', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019.-=,é'), minLength: 1, maxLength: 30 });
    const id = fc.integer({ min: 0, max: 0x7fffffff });
    fc.assert(
      fc.property(
        id,
        word,
        fc.integer({ min: 0, max: 2 }),
        fc.array(word, { maxLength: 8 }),
        (n, name, scope, attributes) => {
          expect(
            ldap(encodeLdap({ operation: 'search-request', id: n, name, scope, equals: ['cn', 'x'], attributes })),
          ).toMatchObject({
            id: n,
            name,
            scope: ['base', 'one', 'subtree'][scope],
            filter: '(cn=x)',
            attributes,
            isCut: false,
          });
          expect(ldap(encodeLdap({ operation: 'bind-response', id: n, result: 49, diagnostic: name }))).toMatchObject({
            operation: 'bind-response',
            id: n,
            result: 49,
            diagnostic: name,
          });
          expect(ldap(encodeLdap({ operation: 'delete-request', id: n, name }))).toMatchObject({ id: n, name });
          expect(ldap(encodeLdap({ operation: 'bind-request', id: n, name, mechanism: 'EXTERNAL' }))).toMatchObject({
            method: 'sasl',
            mechanism: 'EXTERNAL',
            name,
          });
        },
      ),
    );
  });

  it('every kind of filter is written as RFC 4515 text', () => {
    const equality = (tag: number, type: string, value: string) =>
      encodeBer(tag, encodeBerText(type), encodeBerText(value));
    const text = (filter: Uint8Array) => ldap(search(filter))?.filter;
    expect(text(equality(0xa3, 'cn', 'a*(b)\\'))).toBe('(cn=a\\2a\\28b\\29\\5c)');
    expect(text(equality(0xa5, 'n', '5'))).toBe('(n>=5)');
    expect(text(equality(0xa6, 'n', '5'))).toBe('(n<=5)');
    expect(text(equality(0xa8, 'n', 'x'))).toBe('(n~=x)');
    expect(text(encodeBerText('objectClass', 0x87))).toBe('(objectClass=*)');
    expect(text(encodeBer(0xa2, equality(0xa3, 'a', 'b')))).toBe('(!(a=b))');
    expect(text(encodeBer(0xa1, equality(0xa3, 'a', 'b'), equality(0xa3, 'c', 'd')))).toBe('(|(a=b)(c=d))');
    const pieces = (...list: Uint8Array[]) => encodeBer(0xa4, encodeBerText('cn'), encodeBer(BER_SEQUENCE, ...list));
    expect(text(pieces(encodeBerText('a', 0x80), encodeBerText('b', 0x81), encodeBerText('c', 0x82)))).toBe(
      '(cn=a*b*c)',
    );
    expect(text(pieces(encodeBerText('b', 0x81)))).toBe('(cn=*b*)');
    expect(text(pieces(encodeBerText('c', 0x82)))).toBe('(cn=*c)');
    const rule = encodeBer(
      0xa9,
      encodeBerText('1.2.3', 0x81),
      encodeBerText('cn', 0x82),
      encodeBerText('x', 0x83),
      encodeBer(0x84, Uint8Array.of(255)),
    );
    expect(text(rule)).toBe('(cn:dn:1.2.3:=x)');
  });

  it('a filter that is deep or long is bounded', () => {
    let deep = encodeBerText('x', 0x87);
    for (let i = 0; i < 5000; i++) deep = encodeBer(0xa2, deep);
    expect(ldap(search(deep))?.filter).toBe(`${'(!'.repeat(25)}(…)${')'.repeat(25)}`);
    const wide = encodeBer(
      0xa1,
      ...Array.from({ length: 64 }, () => encodeBer(0xa3, encodeBerText('cn'), encodeBerText('v'.repeat(200)))),
    );
    expect(ldap(search(wide))?.filter).toHaveLength(1025);
  });

  it('results have names', () => {
    expect(ldapResultName(49)).toBe('invalidCredentials');
    expect(ldapResultName(4096)).toBe('result-4096');
    expect(summarizeLdap(ldap(encodeLdap({ operation: 'bind-response', id: 1, result: 49 }))!)).toBe(
      'bind-response invalidCredentials',
    );
  });

  it('what is no LDAP is none', () => {
    // An SNMP message begins like one: a SEQUENCE with an INTEGER.
    expect(ldap(hexBytes('302602010104067075626c6963a019020101'))).toBeUndefined();
    expect(walk(hexBytes('16030100'))).toEqual({ messages: [], read: 0 });
    expect(walk(new Uint8Array())).toEqual({ messages: [], read: 0 });
  });

  it('truncated, changed and random messages never throw and are read within their bounds', () => {
    const lines = (b: Uint8Array, at: number, end: number) => {
      const { messages, read } = walk(b, at, end);
      return [...messages.map((message) => JSON.stringify(message)), String(read)];
    };
    survives(hexBytes(CLDAP), lines);
    survives(sidesOf('ldap-sicily').client, lines);
    survives(sidesOf('ldap-signed').client, lines);
    survives(sidesOf('ldap-sicily').server, lines);
  });
});
