import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowsFrom, hexBytes, tcp, udp } from '../../test/support/frames.ts';
import { showableLength } from './first-bytes.ts';

const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const shown = (s: string): string => s.slice(0, showableLength(text(s), 0, Math.min(16, s.length)));

describe('the first bytes of a side', () => {
  it('end before a password in the clear', () => {
    expect(
      [
        'PASS hunter2\r\n',
        'pass hunter2\r\n',
        'USER b\r\nPASS hu',
        'AUTH hunter2\r\n',
        'HELLO 3 AUTH u p',
        'a1 LOGIN bob pw\r\n',
        '. authenticate x',
        '0 LOGIN bob pw\r\n',
      ].map(shown),
    ).toEqual([
      'PASS ',
      'pass ',
      'USER b\r\nPASS ',
      'AUTH ',
      'HELLO 3 AUTH ',
      'a1 LOGIN ',
      '. authenticate ',
      '0 LOGIN ',
    ]);
  });

  it('end before the community of SNMP', () => {
    // snmpget -v1 -c public and -v2c -c private; lengths in short and long form.
    for (const [hex, n] of [
      ['302902010004067075626c6963a01c02', 7],
      ['308129020101048107707269766174', 9],
      ['30820029020100040770726976617465', 9],
    ] as const)
      expect(showableLength(hexBytes(hex), 0, hex.length / 2)).toBe(n);
    // Version 3 has none, and LDAP begins alike.
    for (const hex of ['303e020103301102040a', '300c020101600702010304008000'])
      expect(showableLength(hexBytes(hex), 0, hex.length / 2)).toBe(hex.length / 2);
  });

  it('are all shown where no secret follows', () => {
    for (const line of ['GET /pass HTTP/1', 'PASSWORD is long', 'PASV\r\n', 'SSH-2.0-OpenSSH_', 'AUTH', '0'])
      expect(shown(line)).toBe(line);
  });

  it('of a flow hold neither password nor community', () => {
    const frames = [
      tcp(0, '10.0.0.1:40000', '10.0.0.2:21', 'PA', { payload: 'PASS hunter2\r\n' }),
      udp(1, '10.0.0.1:40001', '10.0.0.2:161', hexBytes('302902010104067075626c6963a01c020400000001020100020100300e')),
    ];
    expect(flowsFrom(frames).map((flow) => flow.initiatorFirstBytes)).toEqual(['5041535320', '30290201010406']);
  });

  it('whatever they are, some of them are shown and none beyond', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 16 }), fc.nat(3), (bytes, before) => {
        const buffer = new Uint8Array(before + bytes.length);
        buffer.set(bytes, before);
        const n = showableLength(buffer, before, bytes.length);
        expect(n).toBeGreaterThan(0);
        expect(n).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
