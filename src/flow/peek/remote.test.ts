import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCapture } from '../../../test/support/capture.ts';
import { cutAt, cutEvery, dialog, type Turn } from '../../../test/support/dialog.ts';
import { flowsFrom, hexBytes } from '../../../test/support/frames.ts';
import { readStream } from '../../../test/support/stream.ts';
import { Random } from '../../core/index.ts';
import {
  encodeCertificateMessage,
  encodeClientHello,
  encodeRdpClientCore,
  encodeRdpConnect,
  encodeServerHelloMessage,
  encodeSshBanner,
  encodeSshKexInit,
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

function expectHarmless(port: number, turns: readonly Turn[]): void {
  for (let seed = 0; seed < 80; seed++) {
    const random = new Random(seed);
    const damaged = turns.map(([from, payload]): Turn => {
      const bytes = (payload as Uint8Array).slice(0, 1 + random.below(payload.length));
      for (let i = random.below(5); i > 0; i--) bytes[random.below(Math.min(60, bytes.length))] = random.below(256);
      return [from, bytes];
    });
    const frames = dialog(port, damaged, { cut: cutEvery(1 + random.below(100)) });
    expect(flowsFrom(frames.filter(() => random.below(15) > 0)), `seed ${seed}`).toHaveLength(1);
  }
}

describe('SSH', () => {
  const kex = encodeSshKexInit({ kex: ['curve25519-sha256'] });
  const turns: Turn[] = [
    ['<', encodeSshBanner('OpenSSH_9.2p1', { comment: 'Debian-2+deb12u2' })],
    ['>', encodeSshBanner('PuTTY_Release_0.80')],
    ['<', kex],
    ['>', kex],
  ];
  const expected = {
    service: 'ssh',
    serviceBasis: 'content',
    client: 'SSH-2.0-PuTTY_Release_0.80',
    server: 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2',
  };

  it('both version lines become columns, on any port and wherever they are cut', () => {
    for (const port of [22, 40_022]) {
      expect(one(port, turns)).toEqual(expected);
      for (let at = 1; at < 42; at++) expect(one(port, turns, { cut: cutAt(at) }), `at ${at}`).toEqual(expected);
      expect(one(port, turns, { cut: cutEvery(1) })).toEqual(expected);
    }
  });

  it('a server may say other things first', () => {
    const welcome: Turn = ['<', 'Welcome.\r\nNo trespassing.\r\n'];
    expect(one(22, [welcome, ...turns])).toEqual(expected);
  });

  it('other text and other bytes on its port are none of it', () => {
    expect(
      one(22, [
        ['>', 'hello\r\n'],
        ['<', 'what?\r\n'],
      ]),
    ).toEqual({ service: 'ssh', serviceBasis: 'port' });
    expect(one(22, [['>', hexBytes('00010203'.repeat(20))]])).toEqual({ service: 'ssh', serviceBasis: 'port' });
  });

  // tshark -r ssh2.pcap (of tcpdump: ssh.pcap) -Y ssh.protocol -T fields -e ssh.protocol
  it.each([
    ['ssh', 'SSH-2.0-OpenSSH_7.8', 'SSH-2.0-OpenSSH_7.4p1 Debian-10+deb9u3'],
    ['ssh-1.99', 'SSH-2.0-OpenSSH_5.3', 'SSH-1.99-OpenSSH_3.9p1'],
  ])('of %s is what tshark says', (name, client, server) => {
    const said = readStream(name).map(({ fromClient, bytes }): Turn => [fromClient ? '>' : '<', bytes]);
    expect(one(22, said)).toEqual({ service: 'ssh', serviceBasis: 'content', client, server });
  });

  // tshark -r office.pcap -Y ssh.protocol -T fields -e ssh.protocol | sort | uniq -c
  it('of the demo is what tshark says', () => {
    const file = new URL('../../../test/fixture/demo/office.pcap', import.meta.url);
    const banner = 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10';
    const flows = runCapture(readFileSync(file)).flows.filter(({ client }) => client === banner);
    expect(flows.length).toBeGreaterThan(1);
    for (const flow of flows) expect(flow).toMatchObject({ service: 'ssh', server: banner });
  });

  it('damaged conversations do no harm', () => expectHarmless(22, turns));
});

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

  it('damaged conversations do no harm', () => expectHarmless(3389, tls));
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

  it('damaged conversations do no harm', () => expectHarmless(5900, login('00000000')));
});
