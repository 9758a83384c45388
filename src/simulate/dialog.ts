import type { Random } from '../core/index.ts';
import {
  ByteWriter,
  encodeFtpClient,
  encodeFtpServer,
  encodeHttpRequest,
  encodeHttpResponse,
  encodeMqttConnack,
  encodeMqttConnect,
  encodeMqttPublish,
  encodeNtlm,
  encodeRdpConnect,
  encodeRpc,
  encodeSmb,
  encodeSmb2,
  encodeSmb2Body,
  encodeSpnegoNtlm,
  encodeSshBanner,
  encodeSshKexInit,
  LittleWriter,
} from '../wire/index.ts';
import { exponential, integer, pick, randomBytes } from './chance.ts';
import type { Step } from './engine.ts';
import type { Host } from './network.ts';
import { TcpTalk } from './tcp-talk.ts';
import { systemClient, TlsTalk } from './tls-talk.ts';
import { MS, SECOND, type World } from './world.ts';

/** Conversations of application protocols, message by message. */

const TEXT = new TextEncoder();
const NO_BYTES = new Uint8Array();

export function utf8(text: string): Uint8Array {
  return TEXT.encode(text);
}

// ---- HTTP ----

const USER_AGENTS: Readonly<Record<string, string>> = {
  windows:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  macos:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
  linux: 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0',
  ios: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  android:
    'Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36',
  embedded: 'simulated-device/1.4',
};

export function userAgent(host: Host): string {
  return USER_AGENTS[host.os] ?? 'simulated';
}

export interface HttpExchange {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly agent: string;
  readonly status?: number;
  readonly reason?: string;
  /** Bytes of the two bodies that nobody looks into. */
  readonly up?: number;
  readonly down?: number;
  readonly type?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly thinkMs?: number;
  /** Texts of the two bodies, before the bytes. */
  readonly upText?: string;
  readonly downText?: string;
}

/** A request and its answer, RFC 9110. */
export function* httpExchange(talk: TcpTalk, random: Random, fields: HttpExchange): Step {
  const {
    method,
    target,
    host,
    agent,
    status = 200,
    reason = 'OK',
    up = 0,
    down = 0,
    type = 'text/html',
    headers = [],
    thinkMs = 12,
    upText = '',
    downText = '',
  } = fields;
  const upLength = up + upText.length;
  const request = encodeHttpRequest(method, target, [
    ['Host', host],
    ['User-Agent', agent],
    ['Accept', '*/*'],
    ...headers,
    ...(upLength > 0 ? ([['Content-Length', String(upLength)]] as const) : []),
  ]);
  yield* talk.send(true, upText === '' ? request : new ByteWriter().bytes(request).bytes(utf8(upText)).finish(), up);
  yield* talk.wait(false, exponential(random, thinkMs * MS));
  const response = encodeHttpResponse(status, reason, [
    ['Server', 'simulated'],
    ['Content-Type', type],
    ['Content-Length', String(down + downText.length)],
  ]);
  yield* talk.send(
    false,
    downText === '' ? response : new ByteWriter().bytes(response).bytes(utf8(downText)).finish(),
    down,
  );
  yield* talk.wait(true);
}

// ---- SMB2 (MS-SMB2) ----

const NEGOTIATE = 0;
const SESSION_SETUP = 1;
const LOGOFF = 2;
const TREE_CONNECT = 3;
const TREE_DISCONNECT = 4;
const CREATE = 5;
const CLOSE = 6;
const READ = 8;
const WRITE = 9;
const IOCTL = 11;
const STATUS_MORE = 0xc0000016;
const STATUS_LOGON_FAILURE = 0xc000006d;

export interface SmbLogin {
  readonly user: string;
  readonly domain: string;
  readonly succeeds?: boolean;
}

/** An SMB session over a connection. */
export class SmbTalk {
  readonly tcp: TcpTalk;
  #random: Random;
  #message = 0;
  #session = '0'.repeat(16);
  #tree = 0;
  #trees = 0;
  #file = '';

  constructor(tcp: TcpTalk, random: Random) {
    this.tcp = tcp;
    this.#random = random;
  }

  *#call(
    command: number,
    request: Uint8Array,
    response: Uint8Array,
    fields: { status?: number; up?: number; down?: number; thinkMs?: number } = {},
  ): Step {
    const { status = 0, up = 0, down = 0, thinkMs = 0.4 } = fields;
    const common = { command, messageId: this.#message++, sessionId: this.#session, treeId: this.#tree };
    yield* this.tcp.send(true, grown(encodeSmb(encodeSmb2({ ...common, body: request })), up), up);
    yield* this.tcp.wait(false, exponential(this.#random, thinkMs * MS));
    // A server tells the session and the tree in its answer.
    const told = command === SESSION_SETUP && status !== STATUS_LOGON_FAILURE ? this.#newSession() : this.#session;
    const treeId = command === TREE_CONNECT && status === 0 ? ++this.#trees : this.#tree;
    yield* this.tcp.send(
      false,
      grown(
        encodeSmb(
          encodeSmb2({
            ...common,
            treeId,
            sessionId: told,
            status,
            isResponse: true,
            body: status !== 0 && status !== STATUS_MORE ? Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0) : response,
          }),
        ),
        down,
      ),
      down,
    );
    this.#tree = treeId;
    yield* this.tcp.wait(true);
  }

  #newSession(): string {
    if (/^0+$/.test(this.#session)) this.#session = `0000${hexText(this.#random, 6)}`;
    return this.#session;
  }

  /** Negotiates SMB 3.0.2 and logs in by NTLM. True when the server lets the user in. */
  *login(world: World, client: Host, server: Host, { user, domain, succeeds = true }: SmbLogin): Step<boolean> {
    yield* this.#call(
      NEGOTIATE,
      encodeSmb2Body.negotiate([0x0202, 0x0210, 0x0300, 0x0302]),
      encodeSmb2Body.negotiateResponse(0x0302, encodeSpnegoNtlm(encodeNtlm({ type: 'negotiate' }))),
    );
    const names = {
      netbiosComputer: server.name.toUpperCase().slice(0, 15),
      netbiosDomain: domain,
      dnsComputer: `${server.name}.${world.network.domain}`,
      dnsDomain: world.network.domain,
    };
    yield* this.#call(
      SESSION_SETUP,
      encodeSmb2Body.sessionSetup(encodeSpnegoNtlm(encodeNtlm({ type: 'negotiate', osVersion: [10, 0, 19_041] }))),
      encodeSmb2Body.sessionSetupResponse(
        encodeNtlm({ type: 'challenge', target: domain, osVersion: [10, 0, 20_348], ...names }),
      ),
      { status: STATUS_MORE },
    );
    yield* this.#call(
      SESSION_SETUP,
      encodeSmb2Body.sessionSetup(
        encodeNtlm({
          type: 'authenticate',
          user,
          domain,
          workstation: client.name.toUpperCase().slice(0, 15),
          ...names,
        }),
      ),
      encodeSmb2Body.sessionSetupResponse(NO_BYTES),
      { status: succeeds ? 0 : STATUS_LOGON_FAILURE, thinkMs: 4 },
    );
    return succeeds;
  }

  *connect(server: Host, share: string): Step {
    yield* this.#call(
      TREE_CONNECT,
      encodeSmb2Body.treeConnect(`\\\\${server.name}\\${share}`),
      encodeSmb2Body.treeConnectResponse(share === 'IPC$' ? 2 : 1),
    );
  }

  *open(name: string, isNew = false): Step {
    this.#file = hexText(this.#random, 16);
    yield* this.#call(CREATE, encodeSmb2Body.create(name, isNew ? 5 : 1), encodeSmb2Body.createResponse(this.#file));
  }

  *read(bytes: number): Step {
    for (let left = bytes; left > 0; left -= 65_536) {
      const size = Math.min(65_536, left);
      yield* this.#call(
        READ,
        encodeSmb2Body.read(this.#file, size),
        withDataLength(encodeSmb2Body.readResponse(NO_BYTES), size),
        { down: size },
      );
    }
  }

  *write(bytes: number): Step {
    for (let left = bytes; left > 0; left -= 65_536) {
      const size = Math.min(65_536, left);
      // The answer: structure size 17, count of bytes, nothing more (MS-SMB2 section 2.2.22).
      const answer = new LittleWriter().u16(17).u16(0).u32(size).zeros(9).finish();
      yield* this.#call(WRITE, withDataLength(encodeSmb2Body.write(this.#file, NO_BYTES), size), answer, { up: size });
    }
  }

  *close(): Step {
    yield* this.#call(CLOSE, encodeSmb2Body.close(this.#file), new LittleWriter().u16(60).zeros(58).finish());
  }

  /** A DCE-RPC call through the pipe that is open: bytes up, bytes down. */
  *pipe(request: Uint8Array, response: Uint8Array): Step {
    yield* this.#call(
      IOCTL,
      encodeSmb2Body.transceive(this.#file, request),
      encodeSmb2Body.transceiveResponse(this.#file, response),
      { thinkMs: 3 },
    );
  }

  *end(): Step {
    const empty = Uint8Array.of(4, 0, 0, 0);
    yield* this.#call(TREE_DISCONNECT, empty, empty);
    yield* this.#call(LOGOFF, empty, empty);
    yield* this.tcp.close();
  }
}

/** Makes the NetBIOS length of a message count bytes that follow it. */
function grown(message: Uint8Array, more: number): Uint8Array {
  if (more === 0) return message;
  const length = message.length - 4 + more;
  message[1] = length >> 16;
  message[2] = (length >> 8) & 255;
  message[3] = length & 255;
  return message;
}

/** Sets the length of the data of a READ answer or a WRITE request, which both have at byte 4 of their body. */
function withDataLength(body: Uint8Array, length: number): Uint8Array {
  new DataView(body.buffer, body.byteOffset).setUint32(4, length, true);
  return body;
}

function hexText(random: Random, bytes: number): string {
  return Array.from(randomBytes(random, bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A file opened from, or saved to, a share: what SMB does all day. */
export function* fileDialog(
  world: World,
  client: Host,
  server: Host,
  random: Random,
  files: readonly { readonly name: string; readonly bytes: number; readonly isWrite: boolean }[],
  share = 'team',
): Step {
  const tcp = new TcpTalk(world, client, server, 445, random);
  yield* tcp.open();
  const smb = new SmbTalk(tcp, random);
  yield* smb.login(world, client, server, { user: `user${client.index}`, domain: 'OFFICE' });
  yield* smb.connect(server, share);
  for (const file of files) {
    yield* smb.open(file.name, file.isWrite);
    if (file.isWrite) yield* smb.write(file.bytes);
    else yield* smb.read(file.bytes);
    yield* smb.close();
    yield* tcp.pause(exponential(random, 20 * SECOND));
  }
  yield* smb.end();
}

// ---- service control over SMB (MS-SCMR) ----

const SVCCTL = '367abb81-9844-35f1-ad32-98f038001003';

/** A string of NDR: conformant and varying, UTF-16 with its zero (C706 section 14.3.4). */
function ndrString(out: LittleWriter, text: string): LittleWriter {
  const units = text.length + 1;
  out.u32(units).u32(0).u32(units).utf16(`${text}\0`);
  return out.align(4);
}

/** Installs and starts a service on another host, as remote execution over SMB does: copy by ADMIN$, then the service control manager. */
export function* remoteServiceDialog(
  world: World,
  client: Host,
  server: Host,
  random: Random,
  login: SmbLogin,
  service: string,
  bytes: number,
): Step {
  const tcp = new TcpTalk(world, client, server, 445, random);
  yield* tcp.open();
  const smb = new SmbTalk(tcp, random);
  if (!(yield* smb.login(world, client, server, login))) {
    tcp.reset();
    return;
  }
  yield* smb.connect(server, 'ADMIN$');
  yield* smb.open(`${service}.exe`, true);
  yield* smb.write(bytes);
  yield* smb.close();
  yield* smb.connect(server, 'IPC$');
  yield* smb.open('svcctl');
  yield* smb.pipe(
    encodeRpc({ type: 'bind', callId: 1, contexts: [{ id: 0, uuid: SVCCTL, version: 2 }] }),
    encodeRpc({
      type: 'bind_ack',
      callId: 1,
      contexts: [{ id: 0, uuid: SVCCTL, version: 2 }],
      secondaryAddress: '\\PIPE\\ntsvcs',
    }),
  );
  let callId = 2;
  const manager = randomBytes(random, 20);
  const handle = randomBytes(random, 20);
  const calls: readonly [number, Uint8Array, Uint8Array][] = [
    // OpenSCManagerW
    [
      15,
      ndrString(new LittleWriter().u32(0x20000), server.name).u32(0).u32(0xf003f).finish(),
      new LittleWriter().bytes(manager).u32(0).finish(),
    ],
    // CreateServiceW
    [
      12,
      ndrString(
        ndrString(ndrString(new LittleWriter().bytes(manager), service).u32(0x20004), service)
          .u32(0xf01ff)
          .u32(0x10)
          .u32(3)
          .u32(0),
        `%SystemRoot%\\${service}.exe`,
      )
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .finish(),
      new LittleWriter().u32(0).bytes(handle).u32(0).finish(),
    ],
    // StartServiceW
    [19, new LittleWriter().bytes(handle).u32(0).u32(0).finish(), new LittleWriter().u32(0).finish()],
    // QueryServiceStatus
    [6, new LittleWriter().bytes(handle).finish(), new LittleWriter().u32(0x10).u32(4).zeros(20).u32(0).finish()],
    // CloseServiceHandle
    [0, new LittleWriter().bytes(handle).finish(), new LittleWriter().zeros(20).u32(0).finish()],
  ];
  for (const [operation, request, response] of calls) {
    yield* smb.pipe(
      encodeRpc({ type: 'request', callId, operation, stub: request }),
      encodeRpc({ type: 'response', callId, stub: response }),
    );
    callId++;
  }
  yield* smb.close();
  // What the service says comes over a pipe of its own.
  yield* smb.open(service);
  for (let i = integer(random, 2, 6); i > 0; i--) {
    yield* smb.write(integer(random, 40, 200));
    yield* smb.read(integer(random, 100, 4000));
    yield* tcp.pause(exponential(random, 3 * SECOND));
  }
  yield* smb.close();
  yield* smb.end();
}

// ---- DCE-RPC over TCP: WMI (MS-DCOM, MS-WMI) ----

const ACTIVATOR = '000001a0-0000-0000-c000-000000000046';
const LOGIN_CLIENT = 'd4781cd6-e5d3-44df-ad94-930efe48a887';
const SERVICES = '9556dc99-828c-11cf-a37e-00aa003240c7';

/** Activates WMI on another host and calls it over a port of its own. */
export function* wmiDialog(world: World, client: Host, server: Host, random: Random): Step {
  const dynamic = integer(random, 49_664, 49_700);
  const token = encodeNtlm({ type: 'negotiate', osVersion: [10, 0, 19_041] });
  const auth = { type: 10, level: 6, token };
  const call = function* (
    tcp: TcpTalk,
    callId: number,
    operation: number,
    contextId: number,
    up: number,
    down: number,
  ): Step {
    const verifier = { type: 10, level: 6, token: randomBytes(random, 16) };
    yield* tcp.send(
      true,
      encodeRpc({ type: 'request', callId, operation, contextId, stub: randomBytes(random, up), auth: verifier }),
    );
    yield* tcp.wait(false, exponential(random, 4 * MS));
    yield* tcp.send(
      false,
      encodeRpc({ type: 'response', callId, contextId, stub: randomBytes(random, down), auth: verifier }),
    );
    yield* tcp.wait(true);
  };
  const bind = function* (tcp: TcpTalk, uuid: string, version: number): Step {
    const contexts = [{ id: 0, uuid, version }];
    yield* tcp.send(true, encodeRpc({ type: 'bind', callId: 1, contexts, auth }));
    yield* tcp.wait(false);
    const challenge = encodeNtlm({
      type: 'challenge',
      target: 'OFFICE',
      netbiosComputer: server.name.toUpperCase().slice(0, 15),
    });
    yield* tcp.send(
      false,
      encodeRpc({
        type: 'bind_ack',
        callId: 1,
        contexts,
        secondaryAddress: '135',
        auth: { type: 10, level: 6, token: challenge },
      }),
    );
    yield* tcp.wait(true);
  };
  const first = new TcpTalk(world, client, server, 135, random);
  yield* first.open();
  yield* bind(first, ACTIVATOR, 0);
  yield* call(first, 2, 4, 0, 760, 980);
  const second = new TcpTalk(world, client, server, dynamic, random);
  yield* second.open();
  yield* bind(second, LOGIN_CLIENT, 0);
  yield* call(second, 2, 6, 0, 180, 220);
  yield* first.close();
  const third = new TcpTalk(world, client, server, dynamic, random);
  yield* third.open();
  yield* bind(third, SERVICES, 0);
  yield* call(third, 2, 6, 0, 140, 1900);
  yield* call(third, 3, 24, 0, 620, 420);
  yield* third.pause(exponential(random, 2 * SECOND));
  yield* call(third, 4, 6, 0, 140, 900);
  yield* third.close();
  yield* second.close();
}

// ---- remote desktop (MS-RDPBCGR) ----

/** Connection request, TLS, and a session of so many seconds; without seconds it ends where the login fails. */
export function* rdpDialog(
  world: World,
  client: Host,
  server: Host,
  random: Random,
  user: string,
  seconds: number,
): Step {
  const tls = new TlsTalk(world, client, server, 3389, random, {
    client: systemClient(client),
    alpn: [],
    version: '1.2',
    isSelfSigned: true,
    serverName: `${server.name}.${world.network.domain}`,
  });
  const { tcp } = tls;
  yield* tcp.open();
  yield* tcp.send(true, encodeRdpConnect({ kind: 'request', user, requestedProtocols: 3 }));
  yield* tcp.wait(false, exponential(random, 3 * MS));
  yield* tcp.send(false, encodeRdpConnect({ kind: 'confirm', selectedProtocol: 2 }));
  yield* tcp.wait(true);
  yield* tls.handshake();
  // CredSSP: three tokens up, two down.
  yield* tls.exchange(58, 220, 800);
  yield* tls.exchange(560, 110, 3 * MS);
  if (seconds <= 0) {
    tcp.reset(false);
    return;
  }
  yield* tls.exchange(120, 180, 2 * MS);
  yield* tls.exchange(470, 380, 4 * MS);
  yield* tls.send(false, 60_000);
  const end = world.engine.now + seconds * SECOND;
  while (world.engine.now < end) {
    yield* tls.send(true, integer(random, 30, 120));
    yield* tcp.wait(false);
    yield* tls.send(false, Math.round(200 + exponential(random, 2500)));
    yield* tls.pause(exponential(random, 900 * MS));
  }
  yield* tls.close();
}

// ---- SSH (RFC 4253) ----

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

// ---- FTP (RFC 959) ----

/** A login in the clear, and a listing or a file when it succeeds. @param bytes of the file that is fetched. */
export function* ftpDialog(
  world: World,
  client: Host,
  server: Host,
  random: Random,
  user: string,
  password: string,
  succeeds: boolean,
  bytes = 0,
): Step {
  const tcp = new TcpTalk(world, client, server, 21, random);
  yield* tcp.open();
  const reply = function* (code: number, text: string, think = 2): Step {
    yield* tcp.wait(false, exponential(random, think * MS));
    yield* tcp.send(false, encodeFtpServer([[code, text]]));
    yield* tcp.wait(true);
  };
  const command = function* (name: string, argument: string | undefined, code: number, text: string, think = 2): Step {
    yield* tcp.send(true, encodeFtpClient([argument === undefined ? [name] : [name, argument]]));
    yield* reply(code, text, think);
  };
  yield* reply(220, 'simulated FTP server ready');
  yield* command('USER', user, 331, 'Password required');
  yield* command(
    'PASS',
    password,
    succeeds ? 230 : 530,
    succeeds ? 'Logged in' : 'Login incorrect',
    succeeds ? 5 : 900,
  );
  if (succeeds && bytes > 0) {
    const port = integer(random, 30_000, 32_000);
    yield* command('TYPE', 'I', 200, 'Type set to I');
    yield* command('EPSV', undefined, 229, `Entering Extended Passive Mode (|||${port}|)`);
    const data = new TcpTalk(world, client, server, port, random);
    yield* data.open();
    yield* tcp.send(true, encodeFtpClient([['RETR', 'report.zip']]));
    yield* reply(150, 'Opening data connection');
    yield* data.send(false, NO_BYTES, bytes);
    yield* data.close(false);
    yield* reply(226, 'Transfer complete');
  }
  yield* command('QUIT', undefined, 221, 'Goodbye');
  yield* tcp.close(false);
}

// ---- MQTT (OASIS 3.1.1) ----

/** A connection that publishes telemetry every so often until the simulation ends. */
export function* mqttDialog(world: World, client: Host, server: Host, random: Random, everySeconds: number): Step {
  const tcp = new TcpTalk(world, client, server, 1883, random);
  yield* tcp.open();
  yield* tcp.send(true, encodeMqttConnect({ clientId: client.name, keepAliveS: 60 }));
  yield* tcp.wait(false);
  yield* tcp.send(false, encodeMqttConnack(0));
  yield* tcp.wait(true);
  for (;;) {
    yield* tcp.pause(everySeconds * SECOND * (0.98 + 0.04 * random.float()));
    if (random.below(3) === 0) {
      const reading = `{"temperature":${(18 + 6 * random.float()).toFixed(1)},"humidity":${integer(random, 30, 60)}}`;
      yield* tcp.send(true, encodeMqttPublish(`site/${client.name}/state`, utf8(reading)));
    } else {
      yield* tcp.send(true, Uint8Array.of(0xc0, 0));
      yield* tcp.wait(false);
      yield* tcp.send(false, Uint8Array.of(0xd0, 0));
    }
  }
}

/** Words of a name, for files and pages. */
export const WORDS = [
  'report',
  'invoice',
  'minutes',
  'offer',
  'plan',
  'contract',
  'budget',
  'draft',
  'photo',
  'summary',
  'order',
  'list',
] as const;

export function fileName(random: Random): string {
  return `${pick(random, WORDS)}-${integer(random, 1, 400)}.${pick(random, ['docx', 'xlsx', 'pdf', 'pptx', 'jpg'])}`;
}
