import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCapture } from '../../../test/support/capture.ts';
import { expectHarmlessDialog } from '../../../test/support/damaged-dialog.ts';
import { cutAt, cutEvery, dialog, type Turn } from '../../../test/support/dialog.ts';
import { flowsFrom, hexBytes } from '../../../test/support/frames.ts';
import { readStream } from '../../../test/support/stream.ts';
import { encodeSshBanner, encodeSshKexInit } from '../../wire/index.ts';
import type { FlowRecord } from '../index.ts';

const COLUMNS = ['service', 'serviceBasis', 'client', 'server', 'user', 'login', 'operations'] as const;

function told(flow: FlowRecord | undefined): Record<string, unknown> {
  return Object.fromEntries(COLUMNS.flatMap((name) => (flow?.[name] === undefined ? [] : [[name, flow[name]]])));
}

const one = (port: number, turns: readonly Turn[], options: Parameters<typeof dialog>[2] = {}) =>
  told(flowsFrom(dialog(port, turns, options))[0]);

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

  it('damaged conversations do no harm', () => expectHarmlessDialog(22, turns));
});

describe('how an SSH login went', () => {
  const lists = {
    encryptionToClient: ['chacha20-poly1305@openssh.com', 'aes128-ctr'],
    macToClient: ['hmac-sha2-256'],
    compressionToClient: ['none'],
  };
  const KEYS = hexBytes('0000000c0a1500000000000000000000');
  const keyExchange = (message: number, length: number): Uint8Array => {
    const packet = new Uint8Array(4 + length).fill(0x11);
    packet.set([0, 0, length >> 8, length & 255, 6, message]);
    return packet;
  };
  const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
  const sealed = (length: number): Uint8Array => new Uint8Array(length).fill(0xa5);
  const opening = (fields: Parameters<typeof encodeSshKexInit>[0] = lists): Turn[] => [
    ['>', encodeSshBanner('client')],
    ['<', encodeSshBanner('server')],
    ['>', encodeSshKexInit({ kex: ['x'.repeat(900)], ...fields })],
    ['<', encodeSshKexInit(fields)],
    ['>', keyExchange(30, 1204)],
    // Behind its keys the server tells of extensions.
    ['<', joined(keyExchange(31, 900), KEYS, sealed(116))],
    ['>', KEYS],
  ];
  /** Lengths by turns, the client's first: '44/44 68/76'; several of the server in one turn as '68/60+76'. */
  const login = (lengths: string, before: Turn[] = opening()): Record<string, unknown> => {
    const turns = lengths.split(' ').flatMap((turn): Turn[] => {
      const [request, answers] = turn.split('/');
      const said = answers === undefined || answers === '' ? [] : answers.split('+');
      return [['>', sealed(Number(request))], ...said.map((length): Turn => ['<', sealed(Number(length))])];
    });
    const { login, operations } = one(22, [...before, ...turns]);
    return { ...(login === undefined ? {} : { login }), ...(operations === undefined ? {} : { operations }) };
  };

  it('is accepted where an answer is the shortest packet there is', () => {
    expect(login('44/44 68/76 148/28 112/788')).toEqual({ login: 'accepted' });
    // Dropbear keeps to at least 16 bytes.
    expect(login('44/44 68/52 148/36 52/44')).toEqual({ login: 'accepted' });
    // By key: a question whether it will do, then the signature.
    expect(login('44/44 68/76 140/100 308/28 112/788')).toEqual({ login: 'accepted' });
    // Without anything to prove.
    expect(login('44/44 68/28 112/72')).toEqual({ login: 'accepted' });
  });

  it('is refused where the same answer comes again, and passwords that were refused are counted', () => {
    expect(login('44/44 68/76 84/76')).toEqual({ login: 'refused' });
    expect(login('44/44 68/76 84/76 76/76 84/76')).toEqual({ login: 'refused', operations: '3 logins refused' });
    // As libssh2, which asks for a password at once.
    expect(login('64/64 96/80 96/80 80/80')).toEqual({ login: 'refused', operations: '3 logins refused' });
  });

  it('counts the one after which the server says that it has had enough', () => {
    expect(login('44/44 68/52 84/52 84/52 84/76')).toEqual({ login: 'refused', operations: '3 logins refused' });
    // By questions and answers, the last of which stays open.
    expect(login('44/44 68/76 92/60 84/76 92/60')).toEqual({ login: 'refused' });
  });

  it('is refused once however many keys were offered', () => {
    expect(login('44/44 68/76 140/76 140/76 364/76 140/76 140/76')).toEqual({ login: 'refused' });
  });

  it('says what was refused before a password was accepted, but not of keys', () => {
    expect(login('44/44 68/76 84/76 76/76 84/28 112/500')).toEqual({
      login: 'accepted',
      operations: '2 logins refused',
    });
    expect(login('44/44 68/76 140/76 140/76 140/76 140/100 308/28 112/500')).toEqual({ login: 'accepted' });
  });

  it('is not told where a client asks without a password and goes, or the answer was not seen', () => {
    expect(login('44/44 68/76')).toEqual({});
    expect(login('44/44 68/76 52/')).toEqual({});
    expect(login('44/44')).toEqual({});
  });

  it('is told by the last that the server says to a request: notices and packets to be ignored stand before it', () => {
    expect(login('44/44 68/300+76 84/76 84/76')).toEqual({ login: 'refused', operations: '2 logins refused' });
    // AsyncSSH with AES: 5 bytes to be ignored take as much as a yes.
    const aes = { ...lists, encryptionToClient: ['aes128-ctr'] };
    expect(login('64/48+64 80/48+80 112/48+80', opening(aes))).toEqual({ login: 'refused' });
    expect(login('64/48+64 80/48+80 112/48+48 64/48+90', opening(aes))).toEqual({ login: 'accepted' });
  });

  it('is not guessed from a session whose beginning was missed', () => {
    expect(login('44/44 68/76 140/76 140/100 308/600 36/76 112/90 36/52')).toEqual({});
    expect(login('44/44 68/76 148/300 36/44 36/52 36/76 36/60 36/92 36/76 36/52 36/108')).toEqual({});
  });

  it('is not told with compression from the start, unknown algorithms, or version 1', () => {
    const refused = '44/44 68/76 84/76 84/76';
    expect(login(refused, opening({ ...lists, compressionToClient: ['zlib'] }))).toEqual({});
    expect(login(refused, opening({ ...lists, encryptionToClient: ['rot13'] }))).toEqual({});
    const [first, second, ...rest] = opening();
    if (first === undefined || second === undefined) throw new Error('no opening');
    expect(login(refused, [first, ['<', encodeSshBanner('server', { protocol: '1.5' })], ...rest])).toEqual({});
  });

  it('is told wherever the key exchange is cut into segments', () => {
    for (const at of [1, 5, 20, 300, 1000]) {
      const before = opening().flatMap(([from, payload]): Turn[] =>
        cutEvery(at)(payload as Uint8Array).map((part): Turn => [from, part]),
      );
      expect(login('44/44 68/76 148/28 112/788', before), `every ${at}`).toEqual({ login: 'accepted' });
    }
  });

  it('in the demo is what the tools there did: guesses that were refused, and sessions', () => {
    const file = new URL('../../../test/fixture/demo/office.pcap', import.meta.url);
    const flows = runCapture(readFileSync(file)).flows.filter(({ client }) => client?.startsWith('SSH-') === true);
    const count = (client: string, login: string | undefined): number =>
      flows.filter((flow) => flow.client === client && flow.login === login).length;
    expect(count('SSH-2.0-libssh_0.10.6', 'refused')).toBe(22);
    // 58, as the log of the server says.
    const guesses = flows.flatMap(({ operations, login }) =>
      login === 'refused' ? [Number(/^(\d+) logins refused$/.exec(operations ?? '')?.[1] ?? 1)] : [],
    );
    expect(guesses.reduce((sum, n) => sum + n, 0)).toBe(58);
    expect(count('SSH-2.0-libssh_0.10.6', 'accepted')).toBe(0);
    expect(count('SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10', 'accepted')).toBe(7);
    expect(count('SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10', 'refused')).toBe(0);
  });
});
