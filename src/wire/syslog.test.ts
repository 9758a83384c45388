import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import { decodeSyslog, encodeSyslog, looksLikeSyslog, summarizeSyslog } from './syslog.ts';

const syslog = (text: string) => decodeSyslog(asciiBytes(text), 0, text.length);

describe('syslog', () => {
  it.each([
    // tcpdump's syslog_udp.pcap; tshark -e syslog.facility -e syslog.level says 0 5, 1 1, 1 5.
    ['<5>Sep 12 19:16:12 through logger: test message 21\0', 'syslog kern.notice from through by logger'],
    ['<9>Sep 12 19:16:18 through logger: test message 22\0', 'syslog user.alert from through by logger'],
    [
      '<13>2013-09-12T19:16:34.457849+04:00 localhost through rsyslog: test message 23',
      'syslog user.notice from localhost',
    ],
    // RFC 3164 section 5.4 and RFC 5424 section 6.5.
    [
      "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
      'syslog auth.crit from mymachine by su',
    ],
    [
      '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [x y="z"] An event',
      'syslog local4.notice from mymachine.example.com by evntslog',
    ],
    ['83 <34>1 - - su - - - x', 'syslog auth.crit by su'],
    ['<86>Nov  2 10:00:00 sshd[123]: Failed password', 'syslog authpriv.info by sshd'],
    ['<30>dhcpd: DHCPACK', 'syslog daemon.info by dhcpd'],
    ['<189>Mar  1 2020 00:01:02: %SYS-5-CONFIG_I: Configured', 'syslog local7.notice by %SYS-5-CONFIG_I'],
  ])('%s', (text, summary) => {
    expect(summarizeSyslog(syslog(text)!)).toBe(summary);
    expect(looksLikeSyslog(asciiBytes(text), 0, text.length)).toBe(true);
  });

  it('encode, then decode, is identity', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcdefgh.-019'), minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 191 }), word, word, (priority, host, application) => {
        const bytes = encodeSyslog({ priority, host, application, message: 'x' });
        expect(decodeSyslog(bytes, 0, bytes.length)).toMatchObject({ priority, host, application, format: 'rfc5424' });
      }),
      { numRuns: 100, seed: 12 },
    );
  });

  it.each(['<192>x: y', '<>x: y', '<07>x: y', '<1', '<a>x: y', '<html>x', '1<34>x: y', ''])('%j is none', (text) => {
    expect(syslog(text)).toBeUndefined();
  });

  it('a priority with nothing that fits behind it is not enough', () => {
    for (const text of ['<13>', '<13>hello world', '<13>1 x y'])
      expect(looksLikeSyslog(asciiBytes(text), 0, text.length), text).toBe(false);
  });
});
