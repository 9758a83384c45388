import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import { decodeTelnet, encodeTelnet, looksLikeTelnet, summarizeTelnet, telnetLogins } from './telnet.ts';

const NEGOTIATION = '\xff\xfd\x18\xff\xfd\x20\xff\xfb\x01';
const logins = (server: string, client?: string) => {
  const part = (text: string) => {
    const bytes = asciiBytes(text);
    return { bytes, at: 0, end: bytes.length };
  };
  return telnetLogins(client === undefined ? undefined : part(client), part(NEGOTIATION + server)).map(
    ({ user, outcome }) => `${user} ${outcome}`,
  );
};

describe('Telnet', () => {
  it('negotiation of a real client', () => {
    // arkime's mpls-basic.pcap, frames 35 to 40; tshark -Y telnet -O telnet says the same commands and a window of 80 by 24.
    const bytes = hexBytes('fffd03 fffb1f fffb21 fffd01 fffc18 fffa1f00500018fff0');
    const side = decodeTelnet(bytes, 0, bytes.length)!;
    expect(side).toEqual({
      options: [
        { verb: 'DO', option: 'suppress-go-ahead' },
        { verb: 'WILL', option: 'window-size' },
        { verb: 'WILL', option: 'flow-control' },
        { verb: 'DO', option: 'echo' },
        { verb: 'WONT', option: 'terminal-type' },
      ],
      terminal: undefined,
      window: { columns: 80, rows: 24 },
      environmentUser: undefined,
      textBytes: 0,
    });
    expect(summarizeTelnet(side)).toBe(
      'Telnet DO suppress-go-ahead, WILL window-size, WILL flow-control, DO echo, WONT terminal-type',
    );
  });

  it('encode, then decode, is identity', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ-019'), minLength: 1, maxLength: 20 });
    const option = fc.constantFrom('echo', 'terminal-type', 'new-environment', 'option-77');
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ verb: fc.constantFrom('WILL', 'WONT', 'DO', 'DONT'), option }), {
          minLength: 1,
          maxLength: 8,
          selector: ({ verb, option: o }) => verb + o,
        }),
        text,
        text,
        fc.integer({ min: 1, max: 254 }),
        (options, terminal, environmentUser, rows) => {
          const window = { columns: 80, rows };
          const bytes = encodeTelnet({ options, terminal, window, environmentUser, text: 'hi' });
          expect(decodeTelnet(bytes, 0, bytes.length)).toEqual({
            options,
            terminal,
            window,
            environmentUser,
            textBytes: 2,
          });
        },
      ),
      { numRuns: 100, seed: 3 },
    );
  });

  it('a login that is refused, then accepted, with the names that the server echoes', () => {
    expect(
      logins(
        'Debian GNU/Linux 12\r\nhost login: root\r\nPassword: \r\n\r\nLogin incorrect\r\nhost login: bob\r\nPassword: \r\nLast login: Mon Nov 2 10:00:00 from 10.0.0.1\r\nbob@host:~$ ',
      ),
    ).toEqual(['root refused', 'bob accepted']);
  });

  it.each([
    ['Cisco IOS', '\r\nUser Access Verification\r\n\r\nUsername: admin\r\nPassword: \r\nrouter>', ['admin accepted']],
    ['Cisco IOS without names', '\r\nUser Access Verification\r\n\r\nPassword: \r\nrouter>', ['undefined accepted']],
    [
      'BusyBox',
      '\r\n(none) login: root\r\nPassword: \r\n\r\nBusyBox v1.12 built-in shell (ash)\r\n# ',
      ['root accepted'],
    ],
    [
      'Windows',
      'Welcome to Microsoft Telnet Service\n\rlogin: bob\r\r\npassword: \r\r\n*===\r\nMicrosoft Telnet Server.\r\nC:\\Users\\bob>',
      ['bob accepted'],
    ],
    ['no answer yet', 'login: bob\r\nPassword: ', ['bob unknown']],
    ['a prompt for the name again', 'login: bob\r\nPassword: \r\nlogin: ', ['bob refused']],
    ['both prompts in one line', 'login: bob Password: \r\nLogin incorrect\r\n', ['bob refused']],
    ['a password that is echoed', 'login: bob\r\nPassword: hunter2\r\nLogin incorrect\r\n', ['bob refused']],
    ['corrected typing', 'login: bov\x08 \x08b\r\nPassword: \r\nWelcome\r\n', ['bob accepted']],
    ['no login at all', '\r\nPassword required, but none set\r\n', []],
  ])('%s', (_, text, expected) => {
    expect(logins(text)).toEqual(expected);
    expect(JSON.stringify(logins(text))).not.toContain('hunter2');
  });

  it('without an echo the first line of the client is the name, if a name was asked for first', () => {
    expect(logins('login: \r\nPassword: \r\nLogin incorrect\r\n', 'root\r\nhunter2\r\n')).toEqual(['root refused']);
    expect(logins('Password: \r\nrouter>', 'hunter2\r\n')).toEqual(['undefined accepted']);
    expect(logins('login: \r\nPassword: \r\nlogin: \r\nPassword: \r\n# ', 'root\r\na\r\nhunter2\r\nb\r\n')).toEqual([
      'root refused',
      'undefined accepted',
    ]);
    expect(logins('PIN: \r\nPassword: \r\n# ', 'hunter2\r\nx\r\n')).toEqual(['undefined accepted']);
  });

  it('a name in the environment needs no prompt', () => {
    const client = encodeTelnet({ environmentUser: '-f root' });
    expect(telnetLogins({ bytes: client, at: 0, end: client.length }, undefined)).toEqual([
      { user: '-f root', method: 'environment', isCleartext: false, outcome: 'unknown' },
    ]);
  });

  it('shows itself by two commands, or one before text', () => {
    const looks = (text: string) => looksLikeTelnet(asciiBytes(text), 0, text.length);
    for (const text of [NEGOTIATION, '\xff\xfb\x01login: ', '\xff\xfd\x18']) expect(looks(text), text).toBe(true);
    for (const text of ['\xff\xfd', '\xff\xfd\x18\x00\x01', '\xff\xfd\xc8\xff\xfd\x18', '\xff\xfaA', 'login: ', ''])
      expect(looks(text), text).toBe(false);
  });
});
