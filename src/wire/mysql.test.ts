import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import {
  decodeMysqlClient,
  decodeMysqlServer,
  encodeMysqlGreeting,
  encodeMysqlLogin,
  joinMysql,
  looksLikeMysql,
  summarizeMysql,
} from './mysql.ts';

const client = (bytes: Uint8Array) => decodeMysqlClient(bytes, 0, bytes.length);
const server = (bytes: Uint8Array) => decodeMysqlServer(bytes, 0, bytes.length);
const looks = (bytes: Uint8Array) => looksLikeMysql(bytes, 0, bytes.length);

// arkime's mysql-allow.pcap and mysql-deny.pcap; tshark -T fields -e mysql.version -e mysql.user -e mysql.error_code says 5.5.35-0ubuntu0.12.04.2, user10; user0, 1045.
const GREETING =
  '5b0000000a352e352e33352d307562756e7475302e31322e30342e3200980000005d4521723c75583800fff70802000f8015000000000000000000004f6632632174494d29226e27006d7973716c5f6e61746976655f70617373776f726400';
const LOGIN =
  '5200000105a60f0000000001210000000000000000000000000000000000000000000000757365723130001455ee72f0c6694cbb3a104eb97f8ee32a6a91f8b16d7973716c5f6e61746976655f70617373776f726400';
const OK = '0700000200000002000000';
const DENIED =
  '4c000002ff15042332383030304163636573732064656e69656420666f72207573657220277573657230274027686f73743132332e6c6f63616c2720287573696e672070617373776f72643a204e4f29';

describe('MySQL', () => {
  it('a login that is accepted, and one that is not', () => {
    expect(client(hexBytes(LOGIN))).toEqual({
      user: 'user10',
      database: undefined,
      plugin: 'mysql_native_password',
      asksTls: false,
      tlsAt: undefined,
    });
    const accepted = server(hexBytes(GREETING + OK))!;
    expect(accepted).toEqual({
      version: '5.5.35-0ubuntu0.12.04.2',
      plugin: 'mysql_native_password',
      login: 'accepted',
      error: undefined,
      tlsAt: undefined,
    });
    const denied = server(hexBytes(GREETING + DENIED))!;
    expect(denied).toMatchObject({ login: 'refused', error: 1045 });
    expect(summarizeMysql(denied)).toBe('MySQL server 5.5.35-0ubuntu0.12.04.2 login refused error 1045');
    expect(joinMysql(client(hexBytes(LOGIN)), accepted)).toEqual({
      user: 'user10',
      method: 'mysql_native_password',
      isCleartext: false,
      outcome: 'accepted',
    });
    expect(server(hexBytes(GREETING))?.login).toBe('unknown');
  });

  it('encode, then decode, is identity, and the answer to the challenge never shows', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcdefgh_0123'), minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(text, fc.option(text, { nil: undefined }), (user, database) => {
        const response = new TextEncoder().encode('hunter2-hunter2');
        const bytes = encodeMysqlLogin({ user, database, response, plugin: 'mysql_clear_password' });
        const side = client(bytes)!;
        expect(side).toEqual({ user, database, plugin: 'mysql_clear_password', asksTls: false, tlsAt: undefined });
        expect(joinMysql(side, undefined)?.isCleartext).toBe(true);
        expect(looks(bytes)).toBe(true);
      }),
      { numRuns: 100, seed: 9 },
    );
    expect(server(encodeMysqlGreeting('8.0.36'))).toMatchObject({ version: '8.0.36', plugin: 'mysql_native_password' });
  });

  it('a request for TLS, and a host that is not allowed', () => {
    // arkime's mysql-tls.pcap: 32 bytes with the TLS capability, then a TLS record.
    const bytes = hexBytes(`20000001 05ae0f00 00000001 21 ${'00'.repeat(23)} 160301`);
    expect(client(bytes)).toMatchObject({ user: undefined, asksTls: true, tlsAt: 36 });
    expect(looks(bytes)).toBe(true);
    const refused = hexBytes('07000000 ff6a04 486f7374');
    expect(server(refused)).toMatchObject({ version: undefined, login: 'refused', error: 1130 });
    expect(looks(refused)).toBe(true);
  });

  it('the login of before 4.1', () => {
    expect(client(hexBytes('0d000001 8524 000000 6f6c6400 41424344'))?.user).toBe('old');
  });

  it('shows itself by its greeting', () => {
    expect(looks(hexBytes(GREETING))).toBe(true);
    for (const hex of [
      GREETING.replace('0a352e35', '0a612e35'),
      GREETING.slice(0, 20),
      `${OK}`,
      '0500000a0a352e3500',
      '',
    ])
      expect(looks(hexBytes(hex)), hex).toBe(false);
  });
});
