import type { SshKexInit } from './ssh.ts';

/**
 * How long an encrypted SSH packet is on the wire: RFC 4253 section 6 (block, padding, MAC), RFC 4344 (counter modes), RFC 5647 and OpenSSH's PROTOCOL (AES-GCM,
 * encrypt-then-MAC, umac), PROTOCOL.chacha20poly1305. Nothing is decrypted: the algorithms are chosen in the clear, and with them the length of a message says which messages it can be.
 */

/** SSH_MSG_NEWKEYS: what the side says behind it is encrypted. */
export const SSH_NEWKEYS = 21;
/** SSH_MSG_KEXINIT. */
export const SSH_KEXINIT = 20;
/** Payload of SSH_MSG_USERAUTH_SUCCESS, its number alone (RFC 4252 section 5.1). Every other message that a server sends before it has 14 bytes or more, but SSH_MSG_IGNORE. */
export const SSH_SUCCESS_BYTES = 1;

/** How the packets of one direction are framed. */
export interface SshFraming {
  /** What a packet is padded to a multiple of, bytes. */
  readonly blockBytes: number;
  /** Bytes of the MAC or tag behind each packet. */
  readonly macBytes: number;
  /** Whether the four bytes of the length stand before what is padded: AEAD ciphers, encrypt-then-MAC. */
  readonly isLengthOutside: boolean;
}

/** Tag bytes and block of ciphers that need no MAC. */
const AEAD: ReadonlyMap<string, number> = new Map([
  ['chacha20-poly1305@openssh.com', 8],
  ['chacha20-poly1305', 8],
  ['aes128-gcm@openssh.com', 16],
  ['aes256-gcm@openssh.com', 16],
  ['AEAD_AES_128_GCM', 16],
  ['AEAD_AES_256_GCM', 16],
]);
const TAG_BYTES = 16;

/** Bytes of a MAC by its name without '-etm@openssh.com'. */
const MACS: ReadonlyMap<string, number> = new Map([
  ['hmac-sha2-256', 32],
  ['hmac-sha2-512', 64],
  ['hmac-sha2-256-96', 12],
  ['hmac-sha2-512-96', 12],
  ['hmac-sha1', 20],
  ['hmac-sha1-96', 12],
  ['hmac-md5', 16],
  ['hmac-md5-96', 12],
  ['hmac-ripemd160', 20],
  ['hmac-ripemd160@openssh.com', 20],
  ['umac-64@openssh.com', 8],
  ['umac-128@openssh.com', 16],
]);
const ETM = '-etm@openssh.com';

/** Block of a cipher with a MAC, bytes; stream ciphers are padded to 8 (RFC 4253 section 6). */
function blockOf(cipher: string): number | undefined {
  if (/^(?:aes|rijndael|twofish|serpent|camellia)/.test(cipher)) return 16;
  if (/^(?:3des|blowfish|cast128|des|idea|arcfour)/.test(cipher)) return 8;
  return undefined;
}

function macBytesOf(mac: string): number | undefined {
  if (!mac.endsWith(ETM)) return MACS.get(mac);
  const plain = mac.slice(0, -ETM.length);
  return MACS.get(plain) ?? MACS.get(`${plain}@openssh.com`);
}

/** The first name of the client's list that the server has too (RFC 4253 section 7.1). */
function chosen(client: readonly string[], server: readonly string[]): string | undefined {
  return client.find((name) => server.includes(name));
}

/**
 * How what the server says to the client is framed, by the proposals of both; undefined where it can't be told: an unknown algorithm, none in common, or
 * compression from the first packet on, so that lengths say nothing.
 */
export function sshFramingToClient(client: SshKexInit, server: SshKexInit): SshFraming | undefined {
  const cipher = chosen(client.encryptionToClient, server.encryptionToClient);
  const compression = chosen(client.compressionToClient, server.compressionToClient);
  // 'zlib@openssh.com' begins when the login has been accepted.
  if (cipher === undefined || (compression !== 'none' && compression !== 'zlib@openssh.com')) return undefined;
  const blockOfAead = AEAD.get(cipher);
  if (blockOfAead !== undefined) return { blockBytes: blockOfAead, macBytes: TAG_BYTES, isLengthOutside: true };
  const blockBytes = blockOf(cipher);
  const mac = chosen(client.macToClient, server.macToClient);
  const macBytes = mac === undefined ? undefined : macBytesOf(mac);
  if (mac === undefined || blockBytes === undefined || macBytes === undefined) return undefined;
  return { blockBytes, macBytes, isLengthOutside: mac.endsWith(ETM) };
}

/** Bytes on the wire of a packet with so much payload and the least padding. @param least bytes that length, padding and payload take together at least: 16 by RFC 4253, which OpenSSH leaves out. */
export function sshPacketBytes(
  { blockBytes, macBytes, isLengthOutside }: SshFraming,
  payloadBytes: number,
  least = 0,
): number {
  // Length of the padding (1), payload, at least 4 bytes of padding.
  const padded = (isLengthOutside ? 0 : 4) + 1 + payloadBytes + 4;
  const outside = isLengthOutside ? 4 : 0;
  return outside + Math.ceil(Math.max(padded, least - outside) / blockBytes) * blockBytes + macBytes;
}

/** Whether a packet of so many bytes is SSH_MSG_USERAUTH_SUCCESS, as far as lengths tell: nothing else that a server says in a login is as short, but SSH_MSG_IGNORE. */
export function isSshSuccess(framing: SshFraming, bytes: number): boolean {
  return (
    bytes === sshPacketBytes(framing, SSH_SUCCESS_BYTES) || bytes === sshPacketBytes(framing, SSH_SUCCESS_BYTES, 16)
  );
}
