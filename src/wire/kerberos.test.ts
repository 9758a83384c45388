import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { sidesOf, survives } from '../../test/support/sides.ts';
import {
  decodeKerberos,
  encodeKerberos,
  encodeKerberosTcp,
  isWeakKerberosEncryption,
  type KerberosMessage,
  kerberosEncryptionName,
  kerberosErrorName,
  kerberosOptionNames,
  kerberosPreauthenticationName,
  provesKerberosKey,
  summarizeKerberos,
  walkKerberos,
} from './kerberos.ts';

const krb = (bytes: Uint8Array) => decodeKerberos(bytes, 0, bytes.length);
const walk = (bytes: Uint8Array, at = 0, end = bytes.length) => {
  const messages: KerberosMessage[] = [];
  const next = walkKerberos(bytes, at, end, (message) => messages.push(message));
  return { messages, read: next - at };
};

// tshark -r kinit.pcap -Y frame.number==1 -V (Zeek, krb): AS-REQ of valid_client_principal without proof of a key.
const AS_REQ =
  '6a81af3081aca103020105a20302010aa30e300c300aa10402020095a2020400a4818f30818ca00703050000000010a1233021a003020101a11a30181b1676616c69645f636c69656e745f7072696e636970616ca20b1b09564c4144472e4e4554a31e301ca003020102a11530131b066b72627467741b09564c4144472e4e4554a511180f32303135303131393232353435395aa70602047805a1eba814301202011202011102011002011702011902011a';

// tshark -r krb5-udp.pcap -V (Arkime): AS-REQ of a machine account, encrypted timestamp of type 3.
const AS_REQ_TIMESTAMP =
  '6a81f83081f5a103020105a20302010aa35c305a304ca103020102a24504433041a003020112a23a0438ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff300aa10402020095a2020400a4818a308187a00703050040000000a1163014a003020101a10d300b1b09787878787878787824a2121b1078782e7878782e78787878782e4e4554a3253023a003020102a11c301a1b066b72627467741b1078782e7878782e78787878782e4e4554a511180f32303136303631383232313431355aa70602042c2cf0b0a80e300c020112020111020110020117';

describe('Kerberos', () => {
  it('an AS-REQ from hex', () => {
    const message = krb(hexBytes(AS_REQ))!;
    expect(message).toEqual({
      type: 'AS-REQ',
      client: 'valid_client_principal',
      realm: 'VLADG.NET',
      service: 'krbtgt/VLADG.NET',
      options: 0x10,
      encryptionTypes: [18, 17, 16, 23, 25, 26],
      ticketEncryption: undefined,
      replyEncryption: undefined,
      preauthentication: [149],
      timestampEncryption: undefined,
      forUser: undefined,
      till: '20150119225459Z',
      errorCode: undefined,
      errorText: undefined,
      isCut: false,
    });
    expect(provesKerberosKey(message)).toBe(false);
    expect(kerberosOptionNames(message.options!)).toEqual(['renewable-ok']);
    expect(summarizeKerberos(message)).toBe(
      'AS-REQ valid_client_principal@VLADG.NET for krbtgt/VLADG.NET aes256-cts-hmac-sha1-96,aes128-cts-hmac-sha1-96,des3-cbc-sha1-kd,rc4-hmac,camellia128-cts-cmac,camellia256-cts-cmac',
    );
  });

  it('an AS-REQ with an encrypted timestamp says the kind of its key', () => {
    const message = krb(hexBytes(AS_REQ_TIMESTAMP))!;
    expect(message).toMatchObject({
      client: 'xxxxxxxx$',
      preauthentication: [2, 149],
      timestampEncryption: 18,
      encryptionTypes: [18, 17, 16, 23],
    });
    expect(provesKerberosKey(message)).toBe(true);
    expect(message.preauthentication.map(kerberosPreauthenticationName)).toEqual([
      'PA-ENC-TIMESTAMP',
      'PA-REQ-ENC-PA-REP',
    ]);
    expect(kerberosOptionNames(message.options!)).toEqual(['forwardable']);
  });

  it('a service ticket over TCP, as tshark reads it', () => {
    // tshark -r covenant_dcsync*.cap -Y kerberos -V, tcp.stream 3
    const { client, server } = sidesOf('kerberos-tgs');
    expect(walk(client)).toMatchObject({
      read: client.length,
      messages: [
        {
          type: 'TGS-REQ',
          client: undefined,
          realm: 'THESHIRE.LOCAL',
          service: 'ldap/MORDORDC',
          preauthentication: [1, 167],
          ticketEncryption: 18,
          till: '20370913024805Z',
          encryptionTypes: [18, 17, 23, 24, -135],
          isCut: false,
        },
      ],
    });
    expect(walk(server)).toMatchObject({
      read: server.length,
      messages: [
        {
          type: 'TGS-REP',
          client: 'pgustavo',
          realm: 'THESHIRE.LOCAL',
          service: 'ldap/MORDORDC',
          ticketEncryption: 18,
          replyEncryption: 18,
        },
      ],
    });
  });

  it('encode, then decode, is identity', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019.-$_'), minLength: 1, maxLength: 20 });
    const etype = fc.integer({ min: -140, max: 30 });
    fc.assert(
      fc.property(
        word,
        word,
        word,
        fc.array(etype, { maxLength: 12 }),
        etype,
        (client, realm, host, encryptionTypes, ticket) => {
          const service = `cifs/${host}`;
          for (const type of ['AS-REQ', 'TGS-REQ'] as const)
            expect(
              krb(encodeKerberos({ type, client, realm, service, encryptionTypes, options: 0x40810010 })),
            ).toMatchObject({
              type,
              client,
              realm,
              service,
              encryptionTypes,
              options: 0x40810010,
              isCut: false,
            });
          for (const type of ['AS-REP', 'TGS-REP'] as const)
            expect(
              krb(encodeKerberos({ type, client, realm, service, ticketEncryption: ticket, replyEncryption: 17 })),
            ).toMatchObject({ type, client, realm, service, ticketEncryption: ticket, replyEncryption: 17 });
          const error = { type: 'KRB-ERROR', client, realm, service, errorCode: 24, errorText: realm } as const;
          expect(krb(encodeKerberos(error))).toMatchObject(error);
        },
      ),
    );
  });

  it('a TGS-REQ says the encryption of the ticket it presents', () => {
    const request = encodeKerberos({
      type: 'TGS-REQ',
      realm: 'CORP',
      service: 'MSSQLSvc/db1',
      encryptionTypes: [23],
      ticketEncryption: 18,
    });
    const message = krb(request)!;
    expect(message).toMatchObject({ preauthentication: [1], ticketEncryption: 18, encryptionTypes: [23] });
    expect(summarizeKerberos(message)).toBe('TGS-REQ for MSSQLSvc/db1 rc4-hmac');
    expect(message.encryptionTypes.every(isWeakKerberosEncryption)).toBe(true);
    expect([17, 18, 19, 20].some(isWeakKerberosEncryption)).toBe(false);
  });

  it('errors have names', () => {
    const message = krb(
      encodeKerberos({ type: 'KRB-ERROR', client: 'bob', realm: 'CORP', service: 'krbtgt/CORP', errorCode: 24 }),
    )!;
    expect(summarizeKerberos(message)).toBe('KRB-ERROR KDC_ERR_PREAUTH_FAILED bob@CORP for krbtgt/CORP');
    expect(kerberosErrorName(6)).toBe('KDC_ERR_C_PRINCIPAL_UNKNOWN');
    expect(kerberosErrorName(77)).toBe('error-77');
    expect(kerberosEncryptionName(99)).toBe('etype-99');
  });

  it('several messages on one connection, the last one cut', () => {
    const one = encodeKerberosTcp(hexBytes(AS_REQ));
    const bytes = Uint8Array.from([...one, ...one, ...one.subarray(0, 120)]);
    const { messages, read } = walk(bytes);
    expect(messages.map((message) => message.isCut)).toEqual([false, false, true]);
    expect(messages[2].client).toBe('valid_client_principal');
    expect(read).toBe(bytes.length);
  });

  it('requests nested in requests are not followed', () => {
    let request = encodeKerberos({ type: 'TGS-REQ', realm: 'R' });
    for (let i = 0; i < 200; i++) {
      const inner = request;
      // [2] value of a PA-TGS-REQ that holds a TGS-REQ again.
      request = hexBytes(
        wrap(
          '6c',
          wrap(
            '30',
            `a103020105a20302010c${wrap('a3', wrap('30', wrap('30', `a103020101${wrap('a2', wrap('04', Buffer.from(inner).toString('hex')))}`)))}`,
          ),
        ),
      );
    }
    expect(krb(request)).toMatchObject({ type: 'TGS-REQ', preauthentication: [1], ticketEncryption: undefined });
  });

  it('what is no Kerberos is none', () => {
    expect(krb(hexBytes('6a03020105'))).toBeUndefined();
    expect(krb(hexBytes('6a0c300aa103020104a20302010a'))).toBeUndefined();
    expect(walk(hexBytes('00000000 6a'))).toEqual({ messages: [], read: 0 });
    expect(walk(hexBytes('ffffffff 6a81af3081aca103020105a20302010a'))).toEqual({ messages: [], read: 0 });
  });

  it('truncated, changed and random messages never throw and are read within their bounds', () => {
    for (const hex of [AS_REQ, AS_REQ_TIMESTAMP])
      survives(hexBytes(hex), (b, at, end) => [JSON.stringify(decodeKerberos(b, at, end) ?? null)]);
    survives(sidesOf('kerberos-tgs').server, (b, at, end) => {
      const { messages, read } = walk(b, at, end);
      return [...messages.map((message) => JSON.stringify(message)), String(read)];
    });
  });
});

function wrap(tag: string, content: string): string {
  const length = content.length / 2;
  return `${tag}84${length.toString(16).padStart(8, '0')}${content}`;
}
