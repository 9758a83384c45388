import type { Random } from '../../core/index.ts';
import { ByteWriter, encodeSshBanner, encodeSshKexInit } from '../../wire/index.ts';
import { exponential, integer, randomBytes } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { MS, SECOND, type World } from '../world.ts';
import { NO_BYTES, utf8 } from './bytes.ts';

/** SSH (RFC 4253). */

const SSH_KEX = [
  'sntrup761x25519-sha512@openssh.com',
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group14-sha256',
];
const SSH_HOST_KEYS = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256'];
const SSH_CIPHERS = [
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
];
const SSH_MACS = [
  'umac-64-etm@openssh.com',
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
];

export interface SshSession {
  /** Password attempts that fail before the end, or before one gets in. */
  readonly failures: number;
  readonly succeeds: boolean;
  /** Key strokes and answers of the session. */
  readonly seconds?: number;
  /** Bytes of a file copied up. */
  readonly upload?: number;
  readonly software?: string;
}

export function* sshDialog(world: World, client: Host, server: Host, random: Random, session: SshSession): Step {
  const { failures, succeeds, seconds = 0, upload = 0, software = 'OpenSSH_9.6p1' } = session;
  const tcp = new TcpTalk(world, client, server, 22, random);
  yield* tcp.open();
  yield* tcp.send(true, encodeSshBanner(software));
  yield* tcp.wait(false, exponential(random, 6 * MS));
  yield* tcp.send(false, encodeSshBanner('OpenSSH_9.2p1', { comment: 'Debian-2+deb12u3' }));
  const kexInit = (isClient: boolean): Uint8Array => {
    const libssh = software.startsWith('libssh');
    const packet = encodeSshKexInit({
      kex: isClient && libssh ? SSH_KEX.slice(1, 4) : SSH_KEX,
      hostKey: SSH_HOST_KEYS,
      encryptionToServer: isClient && libssh ? SSH_CIPHERS.slice(0, 4) : SSH_CIPHERS,
      encryptionToClient: isClient && libssh ? SSH_CIPHERS.slice(0, 4) : SSH_CIPHERS,
      macToServer: SSH_MACS,
      macToClient: SSH_MACS,
      compressionToServer: ['none', 'zlib@openssh.com'],
      compressionToClient: ['none', 'zlib@openssh.com'],
    });
    packet.set(randomBytes(random, 16), 6);
    return packet;
  };
  yield* tcp.wait(true);
  yield* tcp.send(true, kexInit(true));
  yield* tcp.wait(false, 500);
  yield* tcp.send(false, kexInit(false));
  yield* tcp.wait(true);
  // Key exchange: the client's share, the server's with host key and signature, new keys on both sides.
  const isHybrid = !software.startsWith('libssh');
  yield* tcp.send(true, sshPacket(30, sshString(randomBytes(random, isHybrid ? 1190 : 32)), random));
  yield* tcp.wait(false, exponential(random, 4 * MS));
  yield* tcp.send(
    false,
    new ByteWriter()
      .bytes(sshKexReply(random, isHybrid ? 1071 : 32))
      .bytes(sshPacket(21, NO_BYTES, random))
      .finish(),
  );
  yield* tcp.wait(true);
  yield* tcp.send(true, sshPacket(21, NO_BYTES, random));
  const message = function* (fromClient: boolean, bytes: number, think = 0): Step {
    yield* tcp.send(fromClient, NO_BYTES, bytes);
    yield* tcp.wait(!fromClient, think);
  };
  yield* message(true, 44, 300);
  yield* message(false, 44);
  yield* message(true, 60, 3 * MS);
  yield* message(false, 52);
  for (let i = 0; i < failures; i++) {
    yield* message(true, 148, 1.8 * SECOND + exponential(random, 400 * MS));
    yield* message(false, 52);
  }
  if (!succeeds) {
    yield* tcp.close(failures < 6);
    return;
  }
  yield* message(true, 148, 40 * MS);
  yield* message(false, 28);
  yield* message(true, 112, 5 * MS);
  yield* message(false, 500);
  yield* message(true, 420, 60 * MS);
  yield* message(false, 1100);
  if (upload > 0) yield* tcp.send(true, NO_BYTES, upload);
  const end = world.engine.now + seconds * SECOND;
  while (world.engine.now < end) {
    yield* message(true, 36, exponential(random, 2 * MS));
    yield* message(false, random.below(6) === 0 ? 36 * integer(random, 2, 60) : 36);
    yield* tcp.pause(exponential(random, 350 * MS) + (random.below(25) === 0 ? exponential(random, 20 * SECOND) : 0));
  }
  yield* message(true, 36);
  yield* message(false, 176);
  yield* tcp.close();
}

/** A packet before encryption begins, RFC 4253 section 6: whole blocks of 8 bytes, at least 4 of padding. */
function sshPacket(type: number, body: Uint8Array, random: Random): Uint8Array {
  const least = 6 + body.length + 4;
  const padding = 4 + ((8 - (least % 8)) % 8);
  return new ByteWriter()
    .u32(2 + body.length + padding)
    .u8(padding)
    .u8(type)
    .bytes(body)
    .bytes(randomBytes(random, padding))
    .finish();
}

function sshString(bytes: Uint8Array): Uint8Array {
  return new ByteWriter().u32(bytes.length).bytes(bytes).finish();
}

/** The server's key, share and signature, RFC 8731 section 3.1, of the lengths of ed25519; the share is that of X25519, or with sntrup761 beside it. */
function sshKexReply(random: Random, shareBytes: number): Uint8Array {
  const named = (bytes: number): Uint8Array =>
    new ByteWriter()
      .bytes(sshString(utf8('ssh-ed25519')))
      .bytes(sshString(randomBytes(random, bytes)))
      .finish();
  const body = new ByteWriter()
    .bytes(sshString(named(32)))
    .bytes(sshString(randomBytes(random, shareBytes)))
    .bytes(sshString(named(64)))
    .finish();
  return sshPacket(31, body, random);
}
