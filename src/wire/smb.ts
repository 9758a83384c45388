import { looksLikeRpc, RpcConnection, type RpcMessage } from './dcerpc.ts';
import { SmbMessage, type SmbVisitor, smbStatusName } from './smb-message.ts';
import { decodeSmb1, isSmb1, smb1CommandName } from './smb1.ts';
import { decodeSmb2, isSmb2, PIPE_TRANSCEIVE, SMB2_SAME_FILE, smb2CommandName } from './smb2.ts';
import { u32le } from './windows-bytes.ts';

/**
 * SMB over TCP: the NetBIOS session service (RFC 1002 section 4.3) on port 139, and the same four-byte header without its session on port 445 (MS-SMB2
 * 2.1). Behind it stands SMB1, SMB2 or SMB3. What a connection means needs both of its sides, so `SmbConnection` keeps shares, files and pipes by their
 * numbers, and hands the DCE-RPC in pipes to its reader.
 */

const TYPE = 0;
const HEADER_BYTES = 4;
const SESSION_MESSAGE = 0x00;
const SESSION_REQUEST = 0x81;
const KEEP_ALIVE = 0x85;

const NETBIOS_TYPES: ReadonlyMap<number, string> = new Map([
  [SESSION_REQUEST, 'session-request'],
  [0x82, 'positive-session-response'],
  [0x83, 'negative-session-response'],
  [0x84, 'retarget-session-response'],
  [KEEP_ALIVE, 'keep-alive'],
]);

/** A NetBIOS name of 16 bytes in its wire form: a length of 32, then 32 letters, then 0 (RFC 1001 section 14.1). */
const ENCODED_NAME = 34;

/** An interim answer: the final one comes later under the same message id (MS-SMB2 3.3.4.2). */
const STATUS_PENDING = 0x103;

/** Whether `bytes[at, end)` begins with the four-byte header and an SMB message, or with a NetBIOS session request. */
export function looksLikeSmb(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < HEADER_BYTES + 4) return false;
  if (bytes[at + TYPE] === SESSION_REQUEST) return isSessionRequest(bytes, at, end);
  return bytes[at + TYPE] === SESSION_MESSAGE && hasMagic(bytes, at + HEADER_BYTES, end);
}

function hasMagic(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    isSmb2(bytes, at, end) ||
    (end - at >= 4 && bytes[at] === 0xff && bytes[at + 1] === 0x53 && bytes[at + 2] === 0x4d && bytes[at + 3] === 0x42)
  );
}

/** Two encoded names, each 34 bytes, whose letters are A to P. */
function isSessionRequest(bytes: Uint8Array, at: number, end: number): boolean {
  if (length24(bytes, at) !== 2 * ENCODED_NAME || end - at < HEADER_BYTES + 2) return false;
  return (
    bytes[at + HEADER_BYTES] === 32 && bytes[at + HEADER_BYTES + 1] >= 0x41 && bytes[at + HEADER_BYTES + 1] <= 0x50
  );
}

/**
 * Reads the messages of one direction in [at, end), which begins at a message, and calls `visit` for each command of each; the last may be cut. The
 * message is the same object each time.
 * @returns where the first message begins that was not read: `at` when there is no SMB; `end` when all was read.
 */
export function walkSmb(
  bytes: Uint8Array,
  at: number,
  end: number,
  visit: SmbVisitor,
  message: SmbMessage = new SmbMessage(),
): number {
  let here = at;
  while (here + HEADER_BYTES <= end) {
    const next = readOne(bytes, here, end, message, visit);
    if (next < 0) break;
    here = next;
  }
  return Math.min(here, end);
}

/** Reads the message whose four-byte header stands at `at`, with all its commands; where the next one begins, or -1 when it is no SMB. */
function readOne(bytes: Uint8Array, at: number, end: number, message: SmbMessage, visit: SmbVisitor): number {
  const type = bytes[at + TYPE];
  const body = at + HEADER_BYTES;
  const next = body + length24(bytes, at);
  if (type === SESSION_MESSAGE) return readMessage(bytes, body, end, next, message, visit) ? next : -1;
  if (!NETBIOS_TYPES.has(type) || next - body > 2 * ENCODED_NAME) return -1;
  readNetbios(bytes, at, Math.min(next, end), next > end, message);
  visit(message);
  return next;
}

function readMessage(
  bytes: Uint8Array,
  body: number,
  end: number,
  next: number,
  message: SmbMessage,
  visit: SmbVisitor,
): boolean {
  if (isSmb2(bytes, body, end)) return decodeSmb2(bytes, body, end, next, message, visit);
  if (isSmb1(bytes, body, end)) return decodeSmb1(bytes, body, end, next, message, visit);
  return false;
}

function readNetbios(bytes: Uint8Array, at: number, end: number, isCut: boolean, into: SmbMessage): void {
  into.clear();
  into.kind = 'netbios';
  into.at = at;
  into.end = end;
  into.isCut = isCut;
  into.command = bytes[at + TYPE];
  into.isResponse = into.command === 0x82 || into.command === 0x83 || into.command === 0x84;
  if (into.command !== SESSION_REQUEST) return;
  const called = at + HEADER_BYTES;
  into.calledName = netbiosName(bytes, called, end);
  into.callingName = netbiosName(bytes, called + ENCODED_NAME, end);
}

/** 'SERVER<20>': each byte is two letters from A, the last byte is the kind of service (RFC 1001 section 14.1). */
function netbiosName(bytes: Uint8Array, at: number, end: number): string | undefined {
  if (at + ENCODED_NAME > end || bytes[at] !== 32) return undefined;
  let name = '';
  for (let i = 0; i < 16; i++) {
    const high = bytes[at + 1 + 2 * i] - 0x41;
    const low = bytes[at + 2 + 2 * i] - 0x41;
    if (high < 0 || high > 15 || low < 0 || low > 15) return undefined;
    const byte = high * 16 + low;
    if (i === 15) return `${name.trimEnd()}<${byte.toString(16).padStart(2, '0')}>`;
    name += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return name;
}

function length24(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** 'session-setup', 'nt-create-andx', 'encrypted', 'keep-alive', ... */
export function smbCommandName(message: SmbMessage): string {
  if (message.kind === 'netbios') return NETBIOS_TYPES.get(message.command) ?? 'netbios';
  if (message.kind !== 'message' || message.command < 0) return message.kind;
  return message.version === 1 ? smb1CommandName(message.command) : smb2CommandName(message.command);
}

/** 'session-setup', 'session-setup-andx' and so on without the generation: what kind of step this is, for code that treats both alike. */
export function smbStep(message: SmbMessage): string {
  const name = smbCommandName(message);
  return message.version === 1 ? name.replace(/^nt-/, '').replace(/-andx$/, '') : name;
}

/** A file or pipe that was opened on a connection. */
export interface SmbFile {
  /** Name as the client gave it; undefined where its open was not seen. */
  name: string | undefined;
  /** Share it lies on; undefined where the tree connect was not seen. */
  share: string | undefined;
  /** What DCE-RPC has bound in it, once some was seen. */
  rpc: RpcConnection | undefined;
  /** Bytes still to come of a PDU that began in an earlier read or write: [client, server]. */
  readonly pending: [number, number];
}

/** How much one connection is remembered; at a bound the oldest is forgotten and counted. */
export interface SmbConnectionOptions {
  /** Shares. Default 64. */
  readonly trees: number;
  /** Open files and pipes. Default 256. */
  readonly files: number;
  /** Requests whose answer is awaited. Default 256. */
  readonly awaited: number;
}

/** What an open or tree connect and its answer know of each other; whichever is seen first waits for the other. */
interface Awaited {
  readonly file: SmbFile | undefined;
  readonly share: string | undefined;
  readonly id: string | undefined;
  readonly treeId: number;
}

export interface SmbVisit {
  /** Called for each message; `file` is the file or pipe it works on, `share` the share, where they are known. */
  readonly message: (message: SmbMessage, share: string | undefined, file: SmbFile | undefined) => void;
  /** Called for each DCE-RPC PDU in a pipe, after its message. */
  readonly rpc?: (pdu: RpcMessage, message: SmbMessage, file: SmbFile) => void;
}

/**
 * One SMB connection: gives both directions' messages their share, file and RPC interface by the numbers they carry. Directions may be interleaved as
 * they come, or given whole, the server's first: then a client's reads and writes find the names of their files.
 */
export class SmbConnection {
  /** Shares, files and requests that were forgotten because there were too many. */
  forgotten = 0;
  #trees = new Map<number, string>();
  #files = new Map<string, SmbFile>();
  #awaited = new Map<string, Awaited>();
  /** How often SMB1 used one multiplex id for an open or tree connect: it is used again and again, and the n-th answer belongs to the n-th request. */
  #uses = new Map<string, number>();
  /** Files of reads and ioctls that await their answer, by message. */
  #reads = new Map<number, SmbFile>();
  /** File of the command before, for related compounds: [client, server]. */
  #previous: [SmbFile | undefined, SmbFile | undefined] = [undefined, undefined];
  #message = new SmbMessage();
  #maxTrees: number;
  #maxFiles: number;
  #maxAwaited: number;

  constructor(options: Partial<SmbConnectionOptions> = {}) {
    const { trees = 64, files = 256, awaited = 256 } = options;
    this.#maxTrees = trees;
    this.#maxFiles = files;
    this.#maxAwaited = awaited;
  }

  /**
   * Reads the messages of one direction in [at, end), which begins at a message.
   * @returns where the first message begins that was not read.
   */
  walk(bytes: Uint8Array, at: number, end: number, visit: SmbVisit): number {
    return walkSmb(bytes, at, end, (message) => this.#tell(bytes, message, visit), this.#message);
  }

  /**
   * Reads both directions, each from a message on, in the order in which they belong together: every answer after its request. So requests and answers
   * alike find their share, file and RPC operation.
   */
  walkBoth(client: Uint8Array, server: Uint8Array, visit: SmbVisit): void {
    let there = 0;
    let asked = 0;
    for (let here = 0; here + HEADER_BYTES <= client.length; ) {
      const next = readOne(client, here, client.length, this.#message, (message) => {
        if (message.version === 2) asked = Math.max(asked, message.messageId);
        this.#tell(client, message, visit);
      });
      if (next < 0) break;
      here = next;
      // SMB2 counts its messages up, so an answer is due when its number was asked; of SMB1 and of what is encrypted one answer is due each time.
      for (let owed = 1; there + HEADER_BYTES <= server.length; ) {
        const id = smb2IdAt(server, there + HEADER_BYTES);
        if (id >= 0 ? id > asked && id < UNASKED : owed-- <= 0) break;
        const after = readOne(server, there, server.length, this.#message, (message) =>
          this.#tell(server, message, visit),
        );
        there = after < 0 ? server.length : after;
      }
    }
    this.walk(server, there, server.length, visit);
  }

  #tell(bytes: Uint8Array, message: SmbMessage, visit: SmbVisit): void {
    const file = message.kind === 'message' && !message.isMalformed ? this.#fileOf(message) : undefined;
    visit.message(message, message.share ?? this.#trees.get(message.treeId) ?? file?.share, file);
    if (file !== undefined && visit.rpc !== undefined) this.#readPipe(bytes, message, file, visit.rpc);
  }

  /** Files and pipes that are open, as far as seen. */
  files(): Iterable<SmbFile> {
    return this.#files.values();
  }

  #fileOf(message: SmbMessage): SmbFile | undefined {
    const step = smbStep(message);
    if (step === 'tree-connect') {
      this.#pairTree(message);
      return undefined;
    }
    const side = message.isResponse ? 1 : 0;
    if (message.chainIndex === 0) this.#previous[side] = undefined;
    let file: SmbFile | undefined;
    if (step === 'create' || step === 'open') file = this.#pairFile(message);
    else if (message.fileId === SMB2_SAME_FILE) file = this.#previous[side];
    else if (message.fileId !== undefined) {
      file =
        this.#files.get(message.fileId) ?? this.#remember(message.fileId, newFile(this.#trees.get(message.treeId)));
      if (!message.isResponse && step === 'close') this.#files.delete(message.fileId);
    }
    if (step === 'read' || step === 'ioctl' || step === 'transaction') {
      // Answers to these have the data, but not the file they come from.
      if (message.isResponse) {
        file = this.#reads.get(message.messageId) ?? file;
        if (message.status !== STATUS_PENDING) this.#reads.delete(message.messageId);
      } else if (file !== undefined) {
        this.#forgetOldest(this.#reads, this.#maxAwaited);
        this.#reads.set(message.messageId, file);
      }
    }
    this.#previous[side] = file ?? (message.isRelated ? this.#previous[side] : undefined);
    return file;
  }

  /** Joins a create request with the answer that says the file's number, in whichever order they are seen. */
  #pairFile(message: SmbMessage): SmbFile | undefined {
    const key = this.#pairKey(message);
    if (key === undefined) return undefined;
    const other = this.#awaited.get(key);
    if (!message.isResponse) {
      const share = this.#trees.get(message.treeId);
      const file = other?.file ?? newFile(share);
      file.name = message.fileName;
      file.share = share ?? file.share;
      if (other === undefined) this.#await(key, { file, share, id: undefined, treeId: message.treeId });
      else this.#awaited.delete(key);
      return file;
    }
    if (other !== undefined) this.#awaited.delete(key);
    if (message.fileId === undefined) return other?.file;
    const file = other?.file ?? newFile(this.#trees.get(message.treeId));
    this.#remember(message.fileId, file);
    if (other === undefined) this.#await(key, { file, share: undefined, id: message.fileId, treeId: message.treeId });
    return file;
  }

  #pairTree(message: SmbMessage): void {
    const key = this.#pairKey(message);
    if (key === undefined) return;
    const other = this.#awaited.get(key);
    if (other === undefined) {
      if (!message.isResponse || message.status === 0)
        this.#await(key, { file: undefined, share: message.share, id: undefined, treeId: message.treeId });
      return;
    }
    this.#awaited.delete(key);
    const share = message.share ?? other.share;
    const treeId = message.isResponse ? message.treeId : other.treeId;
    if (share === undefined || (message.isResponse && message.status !== 0)) return;
    this.#forgetOldest(this.#trees, this.#maxTrees);
    this.#trees.set(treeId, share);
  }

  /** Names a request and its answer alike; undefined for an interim answer, after which the final one comes. */
  #pairKey(message: SmbMessage): string | undefined {
    if (message.isResponse && message.status === STATUS_PENDING) return undefined;
    if (message.version === 2) return `${message.command}/${message.messageId}`;
    const base = `${message.command}/${message.processId}/${message.messageId}`;
    const side = `${message.isResponse ? 's' : 'c'}${base}`;
    const use = (this.#uses.get(side) ?? 0) + 1;
    if (use === 1) this.#forgetOldest(this.#uses, this.#maxAwaited);
    this.#uses.set(side, use);
    return `${base}/${use}`;
  }

  #await(key: string, awaited: Awaited): void {
    this.#forgetOldest(this.#awaited, this.#maxAwaited);
    this.#awaited.set(key, awaited);
  }

  #remember(id: string, file: SmbFile): SmbFile {
    this.#forgetOldest(this.#files, this.#maxFiles);
    this.#files.set(id, file);
    return file;
  }

  #forgetOldest<K, V>(map: Map<K, V>, bound: number): void {
    if (map.size < bound) return;
    for (const oldest of map.keys()) {
      map.delete(oldest);
      this.forgotten++;
      return;
    }
  }

  #readPipe(
    bytes: Uint8Array,
    message: SmbMessage,
    file: SmbFile,
    visit: (pdu: RpcMessage, message: SmbMessage, file: SmbFile) => void,
  ): void {
    if (message.dataAt >= message.dataEnd) return;
    // Only a pipe carries RPC: a file on a disk share may hold whatever bytes it likes. Where the share is unknown, the first bytes decide.
    if (file.share !== undefined && !/\\ipc\$$/i.test(file.share)) return;
    if (message.version === 2 && message.subcommand !== undefined && message.subcommand !== PIPE_TRANSCEIVE) return;
    const side = message.isResponse ? 1 : 0;
    // The rest of a PDU that was too large for one message: its beginning has been told.
    const skipped = Math.min(file.pending[side], message.dataBytes);
    file.pending[side] -= skipped;
    const from = message.dataAt + skipped;
    if (from >= message.dataEnd) return;
    if (file.rpc === undefined && !looksLikeRpc(bytes, from, message.dataEnd)) return;
    file.rpc ??= new RpcConnection();
    let over = 0;
    const end = message.dataEnd;
    file.rpc.walk(bytes, from, end, (pdu) => {
      over = pdu.at + pdu.fragmentBytes - (message.dataAt + message.dataBytes);
      visit(pdu, message, file);
    });
    if (over > 0) file.pending[side] = over;
  }
}

/** Oplock breaks come unasked under the highest id (MS-SMB2 2.2.23). */
const UNASKED = 2 ** 52;

/** Message id of the SMB2 header at `at`, -1 where there is none. */
function smb2IdAt(bytes: Uint8Array, at: number): number {
  if (at + 32 > bytes.length || bytes[at] !== 0xfe) return -1;
  return u32le(bytes, at + 24) + (u32le(bytes, at + 28) & 0x1fffff) * 0x1_0000_0000;
}

function newFile(share: string | undefined): SmbFile {
  return { name: undefined, share, rpc: undefined, pending: [0, 0] };
}

/** Puts the four-byte header before an SMB message. */
export function encodeSmb(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + message.length);
  out[1] = message.length >> 16;
  out[2] = message.length >> 8;
  out[3] = message.length;
  out.set(message, HEADER_BYTES);
  return out;
}

/** A NetBIOS session request; names of at most 15 characters, with their service byte. */
export function encodeNetbiosRequest(
  called: string,
  calledKind: number,
  calling: string,
  callingKind: number,
): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + 2 * ENCODED_NAME);
  out[TYPE] = SESSION_REQUEST;
  out[3] = 2 * ENCODED_NAME;
  const put = (at: number, name: string, kind: number): void => {
    out[at] = 32;
    for (let i = 0; i < 16; i++) {
      const byte = i === 15 ? kind : i < name.length ? name.charCodeAt(i) : 0x20;
      out[at + 1 + 2 * i] = 0x41 + (byte >> 4);
      out[at + 2 + 2 * i] = 0x41 + (byte & 15);
    }
  };
  put(HEADER_BYTES, called, calledKind);
  put(HEADER_BYTES + ENCODED_NAME, calling, callingKind);
  return out;
}

/** 'SMB2 tree-connect \\host\IPC$', 'SMB1 session-setup-andx response STATUS_LOGON_FAILURE'. */
export function summarizeSmb(message: SmbMessage): string {
  const parts = [message.version === 0 ? 'NetBIOS' : `SMB${message.version}`, smbCommandName(message)];
  if (message.isResponse && message.version !== 0) parts.push('response');
  if (message.isResponse && message.status !== 0) parts.push(smbStatusName(message));
  if (message.dialects.length > 0) parts.push(message.dialects.join(', '));
  for (const text of [
    message.dialect,
    message.share,
    message.shareType,
    message.subcommand,
    message.fileName,
    message.newName === undefined ? undefined : `to ${message.newName}`,
    message.account === undefined ? undefined : `${message.domain ?? ''}\\${message.account}`,
    message.calledName,
    message.callingName === undefined ? undefined : `from ${message.callingName}`,
  ])
    if (text !== undefined && text !== '') parts.push(text);
  return parts.join(' ');
}
