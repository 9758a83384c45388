import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import {
  decodePostgresqlClient,
  decodePostgresqlServer,
  encodePostgresqlMessage,
  encodePostgresqlStartup,
  joinPostgresql,
  looksLikePostgresql,
  summarizePostgresql,
} from './postgresql.ts';

const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const client = (...parts: readonly Uint8Array[]) => decodePostgresqlClient(join(...parts), 0, join(...parts).length);
const server = (...parts: readonly Uint8Array[]) => decodePostgresqlServer(join(...parts), 0, join(...parts).length);
const looks = (bytes: Uint8Array) => looksLikePostgresql(bytes, 0, bytes.length);
const SSL = hexBytes('0000000804d2162f');
const MD5 = hexBytes('520000000c00000005ca521115');
const DENIED = encodePostgresqlMessage(
  'E',
  asciiBytes('SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "foo"\0\0'),
);

describe('PostgreSQL', () => {
  it('a login behind a refused request for TLS', () => {
    // arkime's postgres-good.pcap, frames 4 to 10: its .test has the user cooluser, the database dbdbdbdb and the application.
    const side = client(
      SSL,
      hexBytes(
        '00000050000300007573657200636f6f6c75736572006461746162617365006462646264626462006170706c69636174696f6e5f6e616d6500706741646d696e20494949202d2042726f777365720000',
      ),
      encodePostgresqlMessage('p', asciiBytes('hunter2\0')),
    )!;
    expect(side).toEqual({
      user: 'cooluser',
      database: 'dbdbdbdb',
      application: 'pgAdmin III - Browser',
      asksTls: true,
      isCancel: false,
      tlsAt: undefined,
    });
    expect(JSON.stringify(side)).not.toContain('hunter2');
    const answer = server(
      asciiBytes('N'),
      MD5,
      encodePostgresqlMessage('R', [0, 0, 0, 0]),
      encodePostgresqlMessage('S', asciiBytes('server_version\x008.4.17\0')),
    )!;
    expect(answer).toEqual({
      method: 'md5',
      login: 'accepted',
      sqlState: undefined,
      version: '8.4.17',
      tls: 'refused',
      tlsAt: undefined,
    });
    expect(joinPostgresql(side, answer)).toEqual({
      user: 'cooluser',
      method: 'md5',
      isCleartext: false,
      outcome: 'accepted',
    });
    expect(summarizePostgresql(answer)).toBe('PostgreSQL server 8.4.17 login accepted by md5');
  });

  it('a wrong password, and one in the clear', () => {
    const answer = server(encodePostgresqlMessage('R', [0, 0, 0, 3]), DENIED)!;
    expect(answer).toMatchObject({ method: 'password', login: 'refused', sqlState: '28P01' });
    expect(JSON.stringify(answer)).not.toContain('foo');
    expect(joinPostgresql(client(encodePostgresqlStartup([['user', 'foo']])), answer)).toMatchObject({
      isCleartext: true,
      outcome: 'refused',
    });
    expect(summarizePostgresql(answer)).toBe('PostgreSQL server login refused by password error 28P01');
  });

  it('TLS that is granted, and a cancel request', () => {
    expect(client(SSL, hexBytes('160301'))).toMatchObject({ asksTls: true, user: undefined });
    expect(client(SSL, hexBytes('16030102000100'), hexBytes('fc'))).toMatchObject({ tlsAt: 8 });
    expect(server(asciiBytes('S\x16\x03\x03'))).toMatchObject({ tls: 'accepted', tlsAt: 1 });
    expect(server(asciiBytes('S'))).toMatchObject({ tls: 'accepted', tlsAt: undefined });
    expect(client(hexBytes('00000010 04d2162e 00000001 00000002'))?.isCancel).toBe(true);
  });

  it('encode, then decode, is identity', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcdefgh_0123 '), minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(text, text, text, (user, database, application) => {
        const bytes = encodePostgresqlStartup([
          ['user', user],
          ['database', database],
          ['application_name', application],
        ]);
        expect(client(bytes)).toEqual({
          user,
          database,
          application,
          asksTls: false,
          isCancel: false,
          tlsAt: undefined,
        });
        expect(looks(bytes)).toBe(true);
      }),
      { numRuns: 100, seed: 10 },
    );
  });

  it('shows itself by its start messages and answers', () => {
    for (const bytes of [SSL, MD5, DENIED]) expect(looks(bytes)).toBe(true);
    for (const hex of [
      '0000000804d21631',
      '0000001000030000757365',
      '520000000c000000ff00000000',
      '52000000ff00000000',
      '4e',
      '',
    ])
      expect(looks(hexBytes(hex)), hex).toBe(false);
    // A start without a user is none.
    expect(client(encodePostgresqlStartup([['x', 'y']]))).toBeUndefined();
    expect(server(asciiBytes('HTTP/1.1 200 OK\r\n'))).toBeUndefined();
  });
});
