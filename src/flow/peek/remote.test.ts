import { describe, expect, it } from 'vitest';
import { expectHarmlessDialog } from '../../../test/support/damaged-dialog.ts';
import { cutAt, cutEvery, dialog, type Turn } from '../../../test/support/dialog.ts';
import { flowsFrom, hexBytes } from '../../../test/support/frames.ts';
import {
  encodeCertificateMessage,
  encodeClientHello,
  encodeRdpClientCore,
  encodeRdpConnect,
  encodeServerHelloMessage,
  encodeTlsRecords,
  encodeVnc,
  encodeX509,
} from '../../wire/index.ts';
import type { FlowRecord } from '../index.ts';

const COLUMNS = [
  'service',
  'serviceBasis',
  'serverName',
  'tlsVersion',
  'certificateSubject',
  'client',
  'server',
  'hostname',
  'user',
  'login',
  'operations',
] as const;

function told(flow: FlowRecord | undefined): Record<string, unknown> {
  return Object.fromEntries(COLUMNS.flatMap((name) => (flow?.[name] === undefined ? [] : [[name, flow[name]]])));
}

const one = (port: number, turns: readonly Turn[], options: Parameters<typeof dialog>[2] = {}) =>
  told(flowsFrom(dialog(port, turns, options))[0]);

describe('RDP', () => {
  const der = encodeX509({ subject: { commonName: 'DESKTOP-7' }, notBeforeMs: 0, notAfterMs: 1e12 });
  const flight = encodeTlsRecords(
    Uint8Array.from([...encodeServerHelloMessage({ cipher: 0xc02f }), ...encodeCertificateMessage([der])]),
  );
  const tls: Turn[] = [
    ['>', encodeRdpConnect({ kind: 'request', user: 'alice', requestedProtocols: 3 })],
    ['<', encodeRdpConnect({ kind: 'confirm', selectedProtocol: 2 })],
    ['>', encodeClientHello({ serverName: 'desktop-7' })],
    ['<', flight],
  ];
  const RDP = { service: 'rdp', serviceBasis: 'content' };

  it('the cookie, the security asked for and the names in TLS become columns', () => {
    const expected = {
      ...RDP,
      serverName: 'desktop-7',
      tlsVersion: 'TLS 1.2',
      certificateSubject: 'DESKTOP-7',
      user: 'alice',
      login: 'unknown',
      operations: 'security tls credssp',
    };
    for (const port of [3389, 33_890]) {
      expect(one(port, tls)).toEqual(expected);
      for (let at = 1; at < 60; at++) expect(one(port, tls, { cut: cutAt(at) }), `at ${at}`).toEqual(expected);
      expect(one(port, tls, { cut: cutEvery(3) })).toEqual(expected);
    }
  });

  it('restricted admin mode and a refusal are told', () => {
    const refused: Turn[] = [
      ['>', encodeRdpConnect({ kind: 'request', requestedProtocols: 1, isRestrictedAdmin: true })],
      ['<', encodeRdpConnect({ kind: 'confirm', failureCode: 5 })],
    ];
    expect(one(3389, refused)).toEqual({
      ...RDP,
      operations: 'security tls, restricted admin, refused credssp-required',
    });
  });

  it("with RDP's own security the client tells the name of its computer", () => {
    const core = encodeRdpClientCore({ clientName: 'ELTONS-DEV2', clientBuild: 3790, keyboardLayout: 0x409 });
    const turns: Turn[] = [
      ['>', encodeRdpConnect({ kind: 'request', user: 'eltons' })],
      ['<', encodeRdpConnect({ kind: 'confirm' })],
      ['>', core],
      ['<', hexBytes('0300000902f0807f66')],
    ];
    const expected = {
      ...RDP,
      client: 'RDP build 3790',
      hostname: 'ELTONS-DEV2',
      user: 'eltons',
      login: 'unknown',
    };
    for (const size of [1, 5, 50, 1000]) expect(one(3389, turns, { cut: cutEvery(size) })).toEqual(expected);
  });

  it('damaged conversations do no harm', () => expectHarmlessDialog(3389, tls));
});

describe('VNC', () => {
  const challenge = new Uint8Array(16).fill(0xc5);
  const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => Array.from(part)));
  const login = (result: string, version = '3.8'): Turn[] => [
    ['<', encodeVnc({ version }, true)],
    ['>', encodeVnc({ version }, false)],
    ['<', version === '3.3' ? hexBytes('00000002') : hexBytes('02 02 10')],
    ...(version === '3.3' ? [] : [['>', Uint8Array.of(2)] as Turn]),
    ['<', challenge],
    ['>', challenge],
    ['<', hexBytes(result)],
  ];
  const VNC = { service: 'vnc', serviceBasis: 'content', client: 'RFB 3.8', server: 'RFB 3.8' };

  it('versions, the security that was chosen, and how a login went become columns', () => {
    for (const port of [5900, 15_900]) {
      for (const size of [1, 2, 3, 13, 100]) {
        const cut = { cut: cutEvery(size) };
        expect(one(port, login('00000000'), cut)).toEqual({ ...VNC, login: 'accepted', operations: 'security vnc' });
        expect(one(port, login('00000001'), cut)).toEqual({ ...VNC, login: 'refused', operations: 'security vnc' });
      }
    }
    expect(one(5900, login('00000000', '3.3'))).toEqual({
      ...VNC,
      client: 'RFB 3.3',
      server: 'RFB 3.3',
      login: 'accepted',
      operations: 'security vnc',
    });
  });

  it('a server that wants no password has no login', () => {
    const turns: Turn[] = [
      ['<', encodeVnc({ version: '3.8' }, true)],
      ['>', encodeVnc({ version: '3.8' }, false)],
      ['<', hexBytes('01 01')],
      ['>', hexBytes('01')],
      ['<', hexBytes('00000000')],
      ['<', new Uint8Array(300)],
    ];
    expect(one(5900, turns)).toEqual({ ...VNC, operations: 'security none' });
  });

  it('a refusal is told', () => {
    const refusal = join(Uint8Array.of(0), hexBytes('00000003'), hexBytes('626164'));
    const turns: Turn[] = [
      ['<', encodeVnc({ version: '3.8' }, true)],
      ['>', encodeVnc({ version: '3.8' }, false)],
      ['<', refusal],
    ];
    expect(one(5900, turns)).toEqual({ ...VNC, operations: 'refused' });
  });

  it('the server speaks first, also where it is the one who connects', () => {
    const turns = login('00000001').map(([from, bytes]): Turn => [from === '<' ? '>' : '<', bytes]);
    expect(one(5500, turns)).toEqual({ ...VNC, login: 'refused', operations: 'security vnc' });
  });

  it('damaged conversations do no harm', () => expectHarmlessDialog(5900, login('00000000')));
});
