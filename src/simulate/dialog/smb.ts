import type { Random } from '../../core/index.ts';
import { encodeNtlm, encodeSmb, encodeSmb2, encodeSmb2Body, encodeSpnegoNtlm, LittleWriter } from '../../wire/index.ts';
import { exponential, randomHex } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { MS, SECOND, type World } from '../world.ts';
import { NO_BYTES } from './bytes.ts';

/** SMB2 (MS-SMB2). */

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
    if (/^0+$/.test(this.#session)) this.#session = `0000${randomHex(this.#random, 6)}`;
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
    this.#file = randomHex(this.#random, 16);
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
