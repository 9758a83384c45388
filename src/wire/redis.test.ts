import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import {
  decodeRedisClient,
  decodeRedisServer,
  encodeRedis,
  joinRedis,
  looksLikeRedis,
  summarizeRedis,
} from './redis.ts';

const client = (commands: readonly (readonly string[])[] | string) => {
  const bytes = typeof commands === 'string' ? asciiBytes(commands) : encodeRedis(commands);
  return decodeRedisClient(bytes, 0, bytes.length);
};
const server = (text: string) => decodeRedisServer(asciiBytes(text), 0, text.length);

describe('Redis', () => {
  it('commands with what they change, without what they hold', () => {
    const side = client([
      ['CONFIG', 'SET', 'dir', '/var/spool/cron'],
      ['config', 'set', 'requirepass', 'hunter2'],
      ['SET', 'x', 'hunter2\r\n*1\r\n'],
      ['SAVE'],
      ['PING'],
      ['PING'],
      ['hunter2'],
    ])!;
    expect(side).toEqual({
      commands: [
        { name: 'CONFIG SET dir', count: 1 },
        { name: 'CONFIG SET requirepass', count: 1 },
        { name: 'SET', count: 1 },
        { name: 'SAVE', count: 1 },
        { name: 'PING', count: 2 },
        { name: '?', count: 1 },
      ],
      attempts: [],
      control: 3,
    });
    expect(summarizeRedis(side)).toBe('Redis commands CONFIG SET dir, CONFIG SET requirepass, SET, SAVE, PING x2, ?');
    expect(JSON.stringify(side)).not.toContain('hunter2');
  });

  it('logins with and without a name', () => {
    const up = client([
      ['PING'],
      ['AUTH', 'hunter2'],
      ['AUTH', 'bob', 'hunter2'],
      ['HELLO', '3', 'AUTH', 'alice', 'hunter2', 'SETNAME', 'x'],
    ])!;
    const down = server(
      '-NOAUTH Authentication required.\r\n-WRONGPASS hunter2\r\n+OK\r\n%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n',
    );
    expect(down).toEqual({
      replies: ['NOAUTH', 'WRONGPASS', 'ok', 'value'].map((name) => ({ name, count: 1 })),
      needsLogin: true,
    });
    expect(joinRedis(up, down).logins.map(({ user, method, outcome }) => `${user} ${method} ${outcome}`)).toEqual([
      'default AUTH refused',
      'bob AUTH accepted',
      'alice HELLO accepted',
    ]);
    expect(JSON.stringify([up, down])).not.toContain('hunter2');
    expect(joinRedis(up, undefined).logins[0]?.outcome).toBe('unknown');
  });

  it('a cut command does not turn its password into a name', () => {
    const whole = encodeRedis([['AUTH', 'hunter2', 'hunter3']]);
    for (let n = 0; n < whole.length; n++) {
      const side = decodeRedisClient(whole, 0, n);
      expect(side?.attempts[0]?.user).toBeUndefined();
    }
    expect(client('AUTH hunter2 hunt')?.attempts[0]?.user).toBeUndefined();
    expect(client('AUTH hunter2\r\nINFO\r\n')?.attempts[0]?.user).toBe('default');
  });

  it('replies within replies count once; what is malformed ends the reading', () => {
    expect(server('*2\r\n*1\r\n:1\r\n$-1\r\n+OK\r\n>2\r\n+a\r\n+b\r\n_\r\n')?.replies).toEqual([
      { name: 'value', count: 1 },
      { name: 'ok', count: 1 },
      { name: 'value', count: 1 },
    ]);
    expect(server(`+OK\r\n${'*1\r\n'.repeat(50)}:1\r\n`)?.replies).toEqual([{ name: 'ok', count: 1 }]);
    for (const text of ['', 'HTTP/1.1 200 OK\r\n', '$5\r\nab', '*99999999999\r\n', '$x\r\n'])
      expect(server(text), text).toBeUndefined();
  });

  it('shows itself by its first command or an answer of its own', () => {
    const looks = (text: string) => looksLikeRedis(asciiBytes(text), 0, text.length);
    for (const text of [
      '*1\r\n$4\r\nPING\r\n',
      '*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$900\r\nabc',
      'PING\r\n',
      '+PONG\r\n',
      '-NOAUTH x\r\n',
    ])
      expect(looks(text), text).toBe(true);
    for (const text of [
      '+OK\r\n',
      '-ERR x\r\n',
      '*1\r\n$4\r\nFROB\r\n',
      '* OK hi\r\n',
      '*1\r\n:5\r\n',
      'INFOX\r\n',
      '',
    ])
      expect(looks(text), text).toBe(false);
  });

  it('is none of it', () => {
    for (const text of ['', 'GET', 'FROB x\r\n', '*0\r\n', '*2\r\n$-5\r\n'])
      expect(client(text === 'GET' ? '\r\n' : text), text).toBeUndefined();
  });
});
