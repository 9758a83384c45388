import {
  MAX_SMB_PATH,
  SMB_DELETE_ON_CLOSE,
  SMB_DISPOSITIONS,
  type SmbMessage,
  type SmbVisitor,
  setSmbData,
  setSmbToken,
} from './smb-message.ts';
import { LittleWriter, u16le, u32le, utf16Bytes, utf16Text } from './windows-bytes.ts';

/** SMB2 and SMB3, MS-SMB2 section 2.2: header, compounds, transforms, and the commands that name a share, a file or a pipe. */

const CREDIT_CHARGE_END = 8;
const STATUS = 8;
const COMMAND = 12;
const FLAGS = 16;
const NEXT_COMMAND = 20;
const MESSAGE_ID = 24;
const TREE_ID = 36;
const SESSION_ID = 40;
const HEADER_BYTES = 64;

const FLAG_RESPONSE = 0x1;
const FLAG_ASYNC = 0x2;
const FLAG_RELATED = 0x4;
const FLAG_SIGNED = 0x8;

const TRANSFORM_BYTES = 52;
const TRANSFORM_SESSION = 44;
const COMPRESSION_BYTES = 16;

const NEGOTIATE = 0;
const SESSION_SETUP = 1;
const TREE_CONNECT = 3;
const CREATE = 5;
const CLOSE = 6;
const READ = 8;
const WRITE = 9;
const IOCTL = 11;
const QUERY_DIRECTORY = 14;
const QUERY_INFO = 16;
const SET_INFO = 17;

const FILE_RENAME = 10;
const FILE_DISPOSITION = 13;
const FILE_DISPOSITION_EX = 64;

const MAX_DIALECTS = 32;
const MAX_CONTEXTS = 16;
/** Windows sends at most a handful of commands in one compound; the bound is against crafted chains. */
const MAX_COMPOUND = 64;

const COMMANDS: readonly string[] = [
  'negotiate',
  'session-setup',
  'logoff',
  'tree-connect',
  'tree-disconnect',
  'create',
  'close',
  'flush',
  'read',
  'write',
  'lock',
  'ioctl',
  'cancel',
  'echo',
  'query-directory',
  'change-notify',
  'query-info',
  'set-info',
  'oplock-break',
  'server-to-client-notification',
];

/** 'session-setup', ... or 'command-0x40'. */
export function smb2CommandName(command: number): string {
  return COMMANDS[command] ?? `command-0x${command.toString(16).padStart(2, '0')}`;
}

const DIALECTS: ReadonlyMap<number, string> = new Map([
  [0x0202, '2.0.2'],
  [0x0210, '2.1'],
  [0x02ff, '2.???'],
  [0x0300, '3.0'],
  [0x0302, '3.0.2'],
  [0x0311, '3.1.1'],
]);

/** '3.1.1', ... or '0x0999'. '2.???' is the answer to an SMB1 negotiate: the client shall negotiate again. */
export function smb2DialectName(dialect: number): string {
  return DIALECTS.get(dialect) ?? `0x${dialect.toString(16).padStart(4, '0')}`;
}

const CIPHERS: ReadonlyMap<number, string> = new Map([
  [1, 'AES-128-CCM'],
  [2, 'AES-128-GCM'],
  [3, 'AES-256-CCM'],
  [4, 'AES-256-GCM'],
]);

const COMPRESSIONS: readonly string[] = ['none', 'LZNT1', 'LZ77', 'LZ77+Huffman', 'Pattern_V1', 'LZ4'];

/** Control codes, MS-SMB2 2.2.31 and MS-FSCC 2.3. */
const CONTROLS: ReadonlyMap<number, string> = new Map([
  [0x00060194, 'FSCTL_DFS_GET_REFERRALS'],
  [0x000601b0, 'FSCTL_DFS_GET_REFERRALS_EX'],
  [0x00090028, 'FSCTL_IS_VOLUME_MOUNTED'],
  [0x000900a4, 'FSCTL_SET_REPARSE_POINT'],
  [0x000900a8, 'FSCTL_GET_REPARSE_POINT'],
  [0x000900c0, 'FSCTL_CREATE_OR_GET_OBJECT_ID'],
  [0x000900c4, 'FSCTL_SET_SPARSE'],
  [0x000980c8, 'FSCTL_SET_ZERO_DATA'],
  [0x0009009c, 'FSCTL_GET_OBJECT_ID'],
  [0x00098344, 'FSCTL_DUPLICATE_EXTENTS_TO_FILE'],
  [0x000940cf, 'FSCTL_QUERY_ALLOCATED_RANGES'],
  [0x00110018, 'FSCTL_PIPE_WAIT'],
  [0x0011400c, 'FSCTL_PIPE_PEEK'],
  [0x0011c017, 'FSCTL_PIPE_TRANSCEIVE'],
  [0x00140078, 'FSCTL_SRV_REQUEST_RESUME_KEY'],
  [0x001401d4, 'FSCTL_LMR_REQUEST_RESILIENCY'],
  [0x001401fc, 'FSCTL_QUERY_NETWORK_INTERFACE_INFO'],
  [0x00140204, 'FSCTL_VALIDATE_NEGOTIATE_INFO'],
  [0x00144064, 'FSCTL_SRV_ENUMERATE_SNAPSHOTS'],
  [0x001440f2, 'FSCTL_SRV_COPYCHUNK'],
  [0x001480f2, 'FSCTL_SRV_COPYCHUNK_WRITE'],
  [0x001441bb, 'FSCTL_SRV_READ_HASH'],
]);

const SHARE_TYPES: readonly (string | undefined)[] = [undefined, 'disk', 'pipe', 'printer'];
const INFO_TYPES: readonly string[] = ['0', 'file', 'filesystem', 'security', 'quota'];

/** Control code of a pipe transaction: writes a request and reads its answer in one. */
export const PIPE_TRANSCEIVE = 'FSCTL_PIPE_TRANSCEIVE';
/** The file id that stands for 'the file of the command before' in a related compound. */
export const SMB2_SAME_FILE = 'f'.repeat(32);

/** True where an SMB2 header, or the transform header of an encrypted or compressed message, stands at `at`. */
export function isSmb2(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    end - at >= 4 &&
    bytes[at] >= 0xfc &&
    bytes[at] <= 0xfe &&
    bytes[at + 1] === 0x53 &&
    bytes[at + 2] === 0x4d &&
    bytes[at + 3] === 0x42
  );
}

/**
 * Reads the message at `at` into `message`, once for each command of a compound, and calls `visit` after each. `messageEnd` is where the message ends
 * by its NetBIOS length, which may lie behind `end`.
 * @returns false when no SMB2 header stands there.
 */
export function decodeSmb2(
  bytes: Uint8Array,
  at: number,
  end: number,
  messageEnd: number,
  message: SmbMessage,
  visit: SmbVisitor,
): boolean {
  if (!isSmb2(bytes, at, end)) return false;
  const limit = Math.min(end, messageEnd);
  let here = at;
  for (let chain = 0; chain < MAX_COMPOUND; chain++) {
    message.clear();
    message.version = 2;
    message.at = here;
    message.chainIndex = chain;
    message.isCut = messageEnd > end;
    message.end = limit;
    if (bytes[here] !== 0xfe) {
      readTransform(bytes, here, limit, message);
      visit(message);
      return true;
    }
    if (limit - here < HEADER_BYTES || u16le(bytes, here + 4) !== HEADER_BYTES) {
      message.isMalformed = messageEnd <= end || limit - here >= HEADER_BYTES;
      visit(message);
      return true;
    }
    const next = u32le(bytes, here + NEXT_COMMAND);
    const commandEnd = next === 0 ? messageEnd : here + next;
    const isBad = next !== 0 && (next < HEADER_BYTES || commandEnd > messageEnd);
    message.isMalformed = isBad;
    message.end = Math.min(limit, isBad ? messageEnd : commandEnd);
    message.isCut = (isBad ? messageEnd : commandEnd) > end;
    readHeader(bytes, here, message);
    readCommand(bytes, here + HEADER_BYTES, message);
    visit(message);
    if (next === 0 || isBad || !isSmb2(bytes, here + next, limit)) return true;
    here += next;
  }
  return true;
}

function readHeader(bytes: Uint8Array, at: number, into: SmbMessage): void {
  const flags = u32le(bytes, at + FLAGS);
  into.command = u16le(bytes, at + COMMAND);
  into.isResponse = (flags & FLAG_RESPONSE) !== 0;
  into.isSigned = (flags & FLAG_SIGNED) !== 0;
  into.isRelated = (flags & FLAG_RELATED) !== 0;
  into.status = into.isResponse ? u32le(bytes, at + STATUS) : 0;
  // Ids count up from 0 on each connection; the top bits are set only in the server's own oplock breaks.
  into.messageId = u32le(bytes, at + MESSAGE_ID) + (u32le(bytes, at + MESSAGE_ID + 4) & 0x1fffff) * 0x1_0000_0000;
  into.treeId = (flags & FLAG_ASYNC) !== 0 ? 0 : u32le(bytes, at + TREE_ID);
  into.sessionId = hexNumber(bytes, at + SESSION_ID);
}

function readTransform(bytes: Uint8Array, at: number, limit: number, into: SmbMessage): void {
  const isEncrypted = bytes[at] === 0xfd;
  into.kind = isEncrypted ? 'encrypted' : 'compressed';
  if (isEncrypted) {
    if (limit - at < TRANSFORM_BYTES) return;
    into.sessionId = hexNumber(bytes, at + TRANSFORM_SESSION);
    into.dataBytes = u32le(bytes, at + 36);
    return;
  }
  if (limit - at < COMPRESSION_BYTES) return;
  into.dataBytes = u32le(bytes, at + 4);
  const algorithm = u16le(bytes, at + 8);
  into.subcommand = COMPRESSIONS[algorithm] ?? `algorithm-${algorithm}`;
}

/** `at` is the structure behind the header; its first two bytes are its size, the lowest bit of which means 'and a variable part'. */
function readCommand(bytes: Uint8Array, at: number, into: SmbMessage): void {
  const room = into.end - at;
  // An error response of any command has size 9 (2.2.2), and so has a session setup response, which is told by its status.
  const size = room >= 2 ? u16le(bytes, at) : 0;
  const isRequest = !into.isResponse;
  switch (into.command) {
    case NEGOTIATE:
      if (isRequest && size === 36 && room >= 36) readNegotiate(bytes, at, into);
      else if (!isRequest && size === 65 && room >= 64) readNegotiateResponse(bytes, at, into);
      break;
    case SESSION_SETUP:
      if (isRequest && size === 25 && room >= 24) {
        into.requiresSigning = (bytes[at + 3] & 2) !== 0;
        readToken(bytes, at + 12, into);
      } else if (!isRequest && size === 9 && room >= 8 && isSetupAnswer(into.status)) {
        const flags = u16le(bytes, at + 2);
        into.isGuest = (flags & 1) !== 0;
        into.isAnonymous = (flags & 2) !== 0;
        into.isEncryptionRequired = (flags & 4) !== 0;
        readToken(bytes, at + 4, into);
      }
      break;
    case TREE_CONNECT:
      if (isRequest && size === 9 && room >= 8) into.share = textAt(bytes, at + 4, into);
      else if (!isRequest && size === 16 && room >= 16) {
        into.shareType = SHARE_TYPES[bytes[at + 2]];
        into.isEncryptionRequired = (u32le(bytes, at + 4) & 0x8000) !== 0;
      }
      break;
    case CREATE:
      if (isRequest && size === 57 && room >= 56) {
        into.access = u32le(bytes, at + 24);
        into.disposition = SMB_DISPOSITIONS[u32le(bytes, at + 36)];
        into.deletes = (u32le(bytes, at + 40) & SMB_DELETE_ON_CLOSE) !== 0;
        into.fileName = textAt(bytes, at + 44, into);
      } else if (!isRequest && size === 89 && room >= 80) {
        into.fileSize = u32le(bytes, at + 48) + u32le(bytes, at + 52) * 0x1_0000_0000;
        into.fileId = hexBytes(bytes, at + 64);
      }
      break;
    case CLOSE:
      if (isRequest && size === 24 && room >= 24) into.fileId = hexBytes(bytes, at + 8);
      break;
    case READ:
      if (isRequest && size === 49 && room >= 32) into.fileId = hexBytes(bytes, at + 16);
      else if (!isRequest && size === 17 && room >= 16)
        setSmbData(into, into.at + bytes[at + 2], u32le(bytes, at + 4), into.end);
      break;
    case WRITE:
      if (isRequest && size === 49 && room >= 48) {
        into.fileId = hexBytes(bytes, at + 16);
        setSmbData(into, into.at + u16le(bytes, at + 2), u32le(bytes, at + 4), into.end);
      }
      break;
    case IOCTL:
      if (size === (isRequest ? 57 : 49) && room >= 40) {
        const control = u32le(bytes, at + 4);
        into.subcommand = CONTROLS.get(control) ?? `FSCTL_0x${control.toString(16).padStart(8, '0')}`;
        into.fileId = hexBytes(bytes, at + 8);
        // A request carries input; what counts in a response is the output.
        const field = at + (isRequest ? 24 : 32);
        const length = u32le(bytes, field + 4);
        if (length > 0) setSmbData(into, into.at + u32le(bytes, field), length, into.end);
      }
      break;
    case QUERY_DIRECTORY:
      if (isRequest && size === 33 && room >= 32) {
        into.fileId = hexBytes(bytes, at + 8);
        into.fileName = textAt(bytes, at + 24, into);
      } else if (!isRequest && size === 9 && room >= 8)
        setSmbData(into, into.at + u16le(bytes, at + 2), u32le(bytes, at + 4), into.end);
      break;
    case QUERY_INFO:
      if (isRequest && size === 41 && room >= 40) {
        into.subcommand = infoName(bytes[at + 2], bytes[at + 3]);
        into.fileId = hexBytes(bytes, at + 24);
      }
      break;
    case SET_INFO:
      if (isRequest && size === 33 && room >= 32) readSetInfo(bytes, at, into);
      break;
  }
}

function isSetupAnswer(status: number): boolean {
  return status === 0 || status === 0xc0000016;
}

function readNegotiate(bytes: Uint8Array, at: number, into: SmbMessage): void {
  const count = u16le(bytes, at + 2);
  into.requiresSigning = (u16le(bytes, at + 4) & 2) !== 0;
  let has311 = false;
  for (let i = 0; i < count && i < MAX_DIALECTS && at + 38 + 2 * i <= into.end; i++) {
    const dialect = u16le(bytes, at + 36 + 2 * i);
    has311 ||= dialect === 0x0311;
    into.dialects.push(smb2DialectName(dialect));
  }
  // Only a client that offers 3.1.1 sends contexts; older ones send a time in their place.
  if (has311) readContexts(bytes, into.at + u32le(bytes, at + 28), u16le(bytes, at + 32), into);
}

function readNegotiateResponse(bytes: Uint8Array, at: number, into: SmbMessage): void {
  const dialect = u16le(bytes, at + 4);
  into.requiresSigning = (u16le(bytes, at + 2) & 2) !== 0;
  into.dialect = smb2DialectName(dialect);
  readToken(bytes, at + 56, into);
  if (dialect === 0x0311) readContexts(bytes, into.at + u32le(bytes, at + 60), u16le(bytes, at + 6), into);
}

/** Negotiate contexts, 2.2.3.1: type(2) length(2) reserved(4) data, each on an 8-byte boundary. */
function readContexts(bytes: Uint8Array, from: number, count: number, into: SmbMessage): void {
  let here = from;
  for (let i = 0; i < count && i < MAX_CONTEXTS && here + 8 <= into.end; i++) {
    const type = u16le(bytes, here);
    const data = here + 8;
    const next = data + u16le(bytes, here + 2);
    if (next > into.end) return;
    if (type === 5) into.serverName = utf16Text(bytes, data, next);
    else if (type === 2 && into.isResponse && next - data >= 4) {
      const cipher = u16le(bytes, data + 2);
      into.cipher = cipher === 0 ? undefined : (CIPHERS.get(cipher) ?? `cipher-${cipher}`);
    }
    here = into.at + ((next - into.at + 7) & ~7);
  }
}

/** The token behind the offset(2) length(2) at `field`. */
function readToken(bytes: Uint8Array, field: number, into: SmbMessage): void {
  const length = u16le(bytes, field + 2);
  if (length > 0) setSmbToken(into, into.at + u16le(bytes, field), length, into.end);
}

/** The UTF-16 text behind the offset(2) length(2) at `field`; '' has no place. */
function textAt(bytes: Uint8Array, field: number, into: SmbMessage): string | undefined {
  const length = u16le(bytes, field + 2);
  if (length === 0) return '';
  const from = into.at + u16le(bytes, field);
  if (from + length > into.end) {
    if (!into.isCut) into.isMalformed = true;
    if (from >= into.end) return undefined;
  }
  return utf16Text(bytes, from, Math.min(from + length, into.end), MAX_SMB_PATH);
}

function readSetInfo(bytes: Uint8Array, at: number, into: SmbMessage): void {
  into.subcommand = infoName(bytes[at + 2], bytes[at + 3]);
  into.fileId = hexBytes(bytes, at + 16);
  if (bytes[at + 2] !== 1) return;
  const kind = bytes[at + 3];
  const from = into.at + u16le(bytes, at + 8);
  const to = Math.min(from + u32le(bytes, at + 4), into.end);
  // FILE_RENAME_INFORMATION_TYPE_2 (MS-FSCC 2.4.42.2): replace(1) reserved(7) root(8) length(4) name.
  if (kind === FILE_RENAME && from + 20 <= to)
    into.newName = utf16Text(bytes, from + 20, Math.min(from + 20 + u32le(bytes, from + 16), to), MAX_SMB_PATH);
  else if ((kind === FILE_DISPOSITION || kind === FILE_DISPOSITION_EX) && from < to)
    into.deletes = (bytes[from] & 1) !== 0;
}

function infoName(type: number, kind: number): string {
  return `${INFO_TYPES[type] ?? type}/${kind}`;
}

function hexBytes(bytes: Uint8Array, at: number): string {
  let out = '';
  for (let i = 0; i < 16; i++) out += HEX[bytes[at + i]];
  return out;
}

/** 8 bytes as a little-endian number in 16 hex digits. */
function hexNumber(bytes: Uint8Array, at: number): string {
  let out = '';
  for (let i = 7; i >= 0; i--) out += HEX[bytes[at + i]];
  return out;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, b) => b.toString(16).padStart(2, '0'));

export interface Smb2Fields {
  command: number;
  isResponse?: boolean;
  isSigned?: boolean;
  isRelated?: boolean;
  status?: number;
  messageId?: number;
  treeId?: number;
  /** 16 hex digits. */
  sessionId?: string;
  /** The structure behind the header; `encodeSmb2Body` makes the usual ones. */
  body?: Uint8Array;
  /** More commands of the same compound. */
  next?: Smb2Fields;
}

/** A message, or a compound, without its NetBIOS header. */
export function encodeSmb2(fields: Smb2Fields): Uint8Array {
  const { body = new Uint8Array(0), sessionId = '0'.repeat(16), next } = fields;
  const out = new LittleWriter()
    .u8(0xfe)
    .text('SMB')
    .u16(HEADER_BYTES)
    .zeros(CREDIT_CHARGE_END - 6)
    .u32(fields.status ?? 0)
    .u16(fields.command)
    .u16(1)
    .u32(
      (fields.isResponse ? FLAG_RESPONSE : 0) |
        (fields.isSigned ? FLAG_SIGNED : 0) |
        (fields.isRelated ? FLAG_RELATED : 0),
    )
    .u32(0)
    .u32(fields.messageId ?? 0)
    .zeros(8)
    .u32(fields.treeId ?? 0)
    .u32(Number.parseInt(sessionId.slice(8), 16))
    .u32(Number.parseInt(sessionId.slice(0, 8), 16))
    .zeros(16)
    .bytes(body);
  if (next === undefined) return out.finish();
  out.align(8);
  return out.setU32(NEXT_COMMAND, out.length).bytes(encodeSmb2(next)).finish();
}

/** Bodies for `encodeSmb2`. File ids are 32 hex digits. */
export const encodeSmb2Body = {
  negotiate(dialects: readonly number[]): Uint8Array {
    const out = new LittleWriter().u16(36).u16(dialects.length).u16(1).zeros(30);
    for (const dialect of dialects) out.u16(dialect);
    return out.finish();
  },
  negotiateResponse(dialect: number, token: Uint8Array): Uint8Array {
    return new LittleWriter()
      .u16(65)
      .u16(1)
      .u16(dialect)
      .zeros(50)
      .u16(HEADER_BYTES + 64)
      .u16(token.length)
      .u32(0)
      .bytes(token)
      .finish();
  },
  sessionSetup(token: Uint8Array): Uint8Array {
    return new LittleWriter()
      .u16(25)
      .zeros(10)
      .u16(HEADER_BYTES + 24)
      .u16(token.length)
      .zeros(8)
      .bytes(token)
      .finish();
  },
  sessionSetupResponse(token: Uint8Array, flags = 0): Uint8Array {
    return new LittleWriter()
      .u16(9)
      .u16(flags)
      .u16(HEADER_BYTES + 8)
      .u16(token.length)
      .bytes(token)
      .finish();
  },
  treeConnect(path: string): Uint8Array {
    return new LittleWriter()
      .u16(9)
      .u16(0)
      .u16(HEADER_BYTES + 8)
      .u16(2 * path.length)
      .utf16(path)
      .finish();
  },
  /** Type 1 disk, 2 pipe, 3 printer. */
  treeConnectResponse(type: number): Uint8Array {
    return new LittleWriter().u16(16).u8(type).u8(0).zeros(12).finish();
  },
  create(name: string, disposition = 1): Uint8Array {
    return new LittleWriter()
      .u16(57)
      .zeros(22)
      .u32(0x0012019f)
      .zeros(8)
      .u32(disposition)
      .u32(0)
      .u16(HEADER_BYTES + 56)
      .u16(2 * name.length)
      .zeros(8)
      .utf16(name)
      .finish();
  },
  createResponse(fileId: string): Uint8Array {
    return new LittleWriter().u16(89).zeros(62).bytes(idBytes(fileId)).zeros(8).finish();
  },
  close(fileId: string): Uint8Array {
    return new LittleWriter().u16(24).zeros(6).bytes(idBytes(fileId)).finish();
  },
  write(fileId: string, data: Uint8Array): Uint8Array {
    return new LittleWriter()
      .u16(49)
      .u16(HEADER_BYTES + 48)
      .u32(data.length)
      .zeros(8)
      .bytes(idBytes(fileId))
      .zeros(16)
      .bytes(data)
      .finish();
  },
  read(fileId: string, length: number): Uint8Array {
    return new LittleWriter().u16(49).u16(0).u32(length).zeros(8).bytes(idBytes(fileId)).zeros(17).finish();
  },
  readResponse(data: Uint8Array): Uint8Array {
    return new LittleWriter()
      .u16(17)
      .u16(HEADER_BYTES + 16)
      .u32(data.length)
      .zeros(8)
      .bytes(data)
      .finish();
  },
  /** A pipe transaction. */
  transceive(fileId: string, data: Uint8Array): Uint8Array {
    return new LittleWriter()
      .u16(57)
      .u16(0)
      .u32(0x0011c017)
      .bytes(idBytes(fileId))
      .u32(HEADER_BYTES + 56)
      .u32(data.length)
      .zeros(24)
      .bytes(data)
      .finish();
  },
  transceiveResponse(fileId: string, data: Uint8Array): Uint8Array {
    return new LittleWriter()
      .u16(49)
      .u16(0)
      .u32(0x0011c017)
      .bytes(idBytes(fileId))
      .zeros(8)
      .u32(HEADER_BYTES + 48)
      .u32(data.length)
      .zeros(8)
      .bytes(data)
      .finish();
  },
  rename(fileId: string, newName: string): Uint8Array {
    const name = utf16Bytes(newName);
    return new LittleWriter()
      .u16(33)
      .u8(1)
      .u8(FILE_RENAME)
      .u32(20 + name.length)
      .u16(HEADER_BYTES + 32)
      .zeros(6)
      .bytes(idBytes(fileId))
      .zeros(16)
      .u32(name.length)
      .bytes(name)
      .finish();
  },
} as const;

function idBytes(fileId: string): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(fileId.slice(2 * i, 2 * i + 2), 16));
}
