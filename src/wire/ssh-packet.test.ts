import { describe, expect, it } from 'vitest';
import {
  decodeSshKexInit,
  encodeSshKexInit,
  isSshSuccess,
  type SshFraming,
  type SshKexInit,
  sshFramingToClient,
  sshPacketBytes,
} from './index.ts';

function proposal(ciphers: string[], macs: string[] = [], compression: string[] = ['none']): SshKexInit {
  const bytes = encodeSshKexInit({ encryptionToClient: ciphers, macToClient: macs, compressionToClient: compression });
  const decoded = decodeSshKexInit(bytes, 0, bytes.length);
  if (decoded === undefined) throw new Error('the proposal cannot be read');
  return decoded;
}

const framing = (cipher: string, mac: string): SshFraming | undefined =>
  sshFramingToClient(proposal([cipher], [mac]), proposal(['other', cipher], ['other', mac]));

describe('the length of an encrypted SSH packet', () => {
  // Segments of OpenSSH 9.2's sshd on loopback: SSH_MSG_USERAUTH_SUCCESS (1 byte of payload), SSH_MSG_SERVICE_ACCEPT (17), and a refusal with 'publickey,password,keyboard-interactive' (44).
  it.each([
    ['chacha20-poly1305@openssh.com', 'hmac-sha2-256', 28, 44, 76],
    ['aes128-gcm@openssh.com', 'hmac-sha2-256', 36, 52, 84],
    ['aes128-ctr', 'hmac-sha1', 36, 52, 84],
    ['aes128-ctr', 'hmac-sha2-512', 80, 96, 128],
    ['aes256-ctr', 'hmac-sha2-256-etm@openssh.com', 52, 68, 100],
    ['aes128-cbc', 'hmac-md5', 32, 48, 80],
    ['3des-cbc', 'hmac-sha1-96', 28, 44, 68],
    ['aes192-ctr', 'umac-64-etm@openssh.com', 28, 44, 76],
    ['aes192-ctr', 'umac-128@openssh.com', 32, 48, 80],
  ])('with %s and %s is what sshd sends', (cipher, mac, success, accept, refusal) => {
    const found = framing(cipher, mac);
    if (found === undefined) throw new Error('unknown');
    expect([1, 17, 44].map((payload) => sshPacketBytes(found, payload))).toEqual([success, accept, refusal]);
    expect(isSshSuccess(found, success)).toBe(true);
    expect(isSshSuccess(found, accept)).toBe(false);
    expect(isSshSuccess(found, refusal)).toBe(false);
  });

  it('is at least 16 bytes and the MAC where the server keeps to RFC 4253, as Dropbear does', () => {
    const found = framing('chacha20-poly1305@openssh.com', '');
    if (found === undefined) throw new Error('unknown');
    expect(sshPacketBytes(found, 1, 16)).toBe(36);
    expect(isSshSuccess(found, 36)).toBe(true);
  });

  it('follows from the first algorithm of the client that the server has as well', () => {
    const client = proposal(['aes256-ctr', '3des-cbc'], ['hmac-sha2-512', 'hmac-md5']);
    const server = proposal(['3des-cbc', 'aes256-ctr'], ['hmac-md5', 'hmac-sha2-512']);
    expect(sshFramingToClient(client, server)).toEqual({ blockBytes: 16, macBytes: 64, isLengthOutside: false });
  });

  it.each([
    ['nothing in common', proposal(['aes256-ctr'], ['hmac-sha1']), proposal(['3des-cbc'], ['hmac-sha1'])],
    ['a cipher that is not known', proposal(['rot13'], ['hmac-sha1']), proposal(['rot13'], ['hmac-sha1'])],
    ['a MAC that is not known', proposal(['aes256-ctr'], ['crc']), proposal(['aes256-ctr'], ['crc'])],
    [
      'compression from the first packet on',
      proposal(['aes256-ctr'], ['hmac-sha1'], ['zlib', 'none']),
      proposal(['aes256-ctr'], ['hmac-sha1'], ['none', 'zlib']),
    ],
  ])('is not told for %s', (_, client, server) => {
    expect(sshFramingToClient(client, server)).toBeUndefined();
  });

  it('is told where compression begins with the session', () => {
    const both = proposal(['aes256-ctr'], ['hmac-sha1'], ['zlib@openssh.com']);
    expect(sshFramingToClient(both, both)).toEqual({ blockBytes: 16, macBytes: 20, isLengthOutside: false });
  });
});
