import {
  MAX_SMB_PATH,
  SMB_DELETE_ON_CLOSE,
  SMB_DISPOSITIONS,
  type SmbMessage,
  type SmbVisitor,
  setSmbData,
  setSmbToken,
} from './smb-message.ts';
import { LittleWriter, oemText, terminatorAt, u16le, u32le, utf16Text } from './windows-bytes.ts';

/** SMB1, MS-CIFS and its extensions in MS-SMB: header (MS-CIFS 2.2.3.1), AndX chains, and the commands that name an account, a share, a file or a pipe. */

const COMMAND = 4;
const STATUS = 5;
const FLAGS = 9;
const FLAGS2 = 10;
const PROCESS_HIGH = 12;
const TREE_ID = 24;
const PROCESS_LOW = 26;
const USER_ID = 28;
const MULTIPLEX_ID = 30;
const WORD_COUNT = 32;
const WORDS = 33;

const FLAG_RESPONSE = 0x80;
const FLAG2_SIGNED = 0x0004;
const FLAG2_EXTENDED_SECURITY = 0x0800;
const FLAG2_NT_STATUS = 0x4000;
const FLAG2_UNICODE = 0x8000;

const MAX_DIALECTS = 32;
const MAX_CHAIN = 8;
const NO_CHAIN = 0xff;

const CREATE_DIRECTORY = 0x00;
const DELETE_DIRECTORY = 0x01;
const OPEN = 0x02;
const CREATE = 0x03;
const CLOSE = 0x04;
const DELETE = 0x06;
const RENAME = 0x07;
const QUERY_INFORMATION = 0x08;
const CHECK_DIRECTORY = 0x10;
const TRANSACTION = 0x25;
const OPEN_ANDX = 0x2d;
const READ_ANDX = 0x2e;
const WRITE_ANDX = 0x2f;
const TRANSACTION2 = 0x32;
const TREE_CONNECT = 0x70;
const NEGOTIATE = 0x72;
const SESSION_SETUP_ANDX = 0x73;
const LOGOFF_ANDX = 0x74;
const TREE_CONNECT_ANDX = 0x75;
const NT_TRANSACT = 0xa0;
const NT_CREATE_ANDX = 0xa2;

const COMMANDS: ReadonlyMap<number, string> = new Map([
  [CREATE_DIRECTORY, 'create-directory'],
  [DELETE_DIRECTORY, 'delete-directory'],
  [OPEN, 'open'],
  [CREATE, 'create'],
  [CLOSE, 'close'],
  [0x05, 'flush'],
  [DELETE, 'delete'],
  [RENAME, 'rename'],
  [QUERY_INFORMATION, 'query-information'],
  [0x09, 'set-information'],
  [0x0a, 'read'],
  [0x0b, 'write'],
  [CHECK_DIRECTORY, 'check-directory'],
  [0x1d, 'write-raw'],
  [0x24, 'locking-andx'],
  [TRANSACTION, 'transaction'],
  [0x26, 'transaction-secondary'],
  [0x2b, 'echo'],
  [OPEN_ANDX, 'open-andx'],
  [READ_ANDX, 'read-andx'],
  [WRITE_ANDX, 'write-andx'],
  [TRANSACTION2, 'transaction2'],
  [0x33, 'transaction2-secondary'],
  [0x34, 'find-close2'],
  [TREE_CONNECT, 'tree-connect'],
  [0x71, 'tree-disconnect'],
  [NEGOTIATE, 'negotiate'],
  [SESSION_SETUP_ANDX, 'session-setup-andx'],
  [LOGOFF_ANDX, 'logoff-andx'],
  [TREE_CONNECT_ANDX, 'tree-connect-andx'],
  [0x80, 'query-information-disk'],
  [0x81, 'search'],
  [NT_TRANSACT, 'nt-transact'],
  [0xa1, 'nt-transact-secondary'],
  [NT_CREATE_ANDX, 'nt-create-andx'],
  [0xa4, 'nt-cancel'],
  [0xa5, 'nt-rename'],
  [0xc0, 'open-print-file'],
]);

/** 'session-setup-andx', ... or 'command-0x1f'. */
export function smb1CommandName(command: number): string {
  return COMMANDS.get(command) ?? `command-0x${command.toString(16).padStart(2, '0')}`;
}

/** Sub-commands of TRANSACTION on a named pipe, MS-CIFS 2.2.5. */
const PIPE_TRANSACTIONS: ReadonlyMap<number, string> = new Map([
  [0x01, 'TRANS_SET_NMPIPE_STATE'],
  [0x11, 'TRANS_RAW_READ_NMPIPE'],
  [0x21, 'TRANS_QUERY_NMPIPE_STATE'],
  [0x22, 'TRANS_QUERY_NMPIPE_INFO'],
  [0x23, 'TRANS_PEEK_NMPIPE'],
  [0x26, 'TRANS_TRANSACT_NMPIPE'],
  [0x31, 'TRANS_RAW_WRITE_NMPIPE'],
  [0x36, 'TRANS_READ_NMPIPE'],
  [0x37, 'TRANS_WRITE_NMPIPE'],
  [0x53, 'TRANS_WAIT_NMPIPE'],
  [0x54, 'TRANS_CALL_NMPIPE'],
]);

/** MS-CIFS 2.2.6. SESSION_SETUP is reserved and never sent by a real client: the DoublePulsar implant is spoken to in it. */
const TRANSACTIONS2: readonly string[] = [
  'TRANS2_OPEN2',
  'TRANS2_FIND_FIRST2',
  'TRANS2_FIND_NEXT2',
  'TRANS2_QUERY_FS_INFORMATION',
  'TRANS2_SET_FS_INFORMATION',
  'TRANS2_QUERY_PATH_INFORMATION',
  'TRANS2_SET_PATH_INFORMATION',
  'TRANS2_QUERY_FILE_INFORMATION',
  'TRANS2_SET_FILE_INFORMATION',
  'TRANS2_FSCTL',
  'TRANS2_IOCTL2',
  'TRANS2_FIND_NOTIFY_FIRST',
  'TRANS2_FIND_NOTIFY_NEXT',
  'TRANS2_CREATE_DIRECTORY',
  'TRANS2_SESSION_SETUP',
  'TRANS2_UNKNOWN_0F',
  'TRANS2_GET_DFS_REFERRAL',
  'TRANS2_REPORT_DFS_INCONSISTENCY',
];

/** Bytes of TRANS2 parameters before the file name, where the sub-command has one. */
const TRANS2_NAME_AT: ReadonlyMap<number, number> = new Map([
  [0x00, 28],
  [0x01, 12],
  [0x05, 6],
  [0x06, 6],
  [0x0d, 4],
  [0x10, 2],
]);

const NT_TRANSACTS: readonly string[] = [
  'NT_TRANSACT_0',
  'NT_TRANSACT_CREATE',
  'NT_TRANSACT_IOCTL',
  'NT_TRANSACT_SET_SECURITY_DESC',
  'NT_TRANSACT_NOTIFY_CHANGE',
  'NT_TRANSACT_RENAME',
  'NT_TRANSACT_QUERY_SECURITY_DESC',
];

/** True where an SMB1 header stands at `at`. */
export function isSmb1(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    end - at >= WORDS &&
    bytes[at] === 0xff &&
    bytes[at + 1] === 0x53 &&
    bytes[at + 2] === 0x4d &&
    bytes[at + 3] === 0x42
  );
}

/**
 * Reads the message at `at` into `message`, once for each command of its AndX chain, and calls `visit` after each. `messageEnd` is where the message
 * ends by its NetBIOS length, which may lie behind `end`.
 * @returns false when no SMB1 header stands there.
 */
export function decodeSmb1(
  bytes: Uint8Array,
  at: number,
  end: number,
  messageEnd: number,
  message: SmbMessage,
  visit: SmbVisitor,
): boolean {
  if (!isSmb1(bytes, at, end)) return false;
  const limit = Math.min(end, messageEnd);
  let command = bytes[at + COMMAND];
  let words = at + WORD_COUNT;
  for (let chain = 0; chain < MAX_CHAIN; chain++) {
    message.clear();
    message.version = 1;
    message.at = at;
    message.end = limit;
    message.isCut = messageEnd > end;
    message.command = command;
    message.chainIndex = chain;
    readHeader(bytes, at, message);
    const wordsEnd = words + 1 + 2 * bytes[words];
    if (wordsEnd + 2 > limit) {
      if (messageEnd <= end) message.isMalformed = true;
      visit(message);
      return true;
    }
    const body: Body = {
      bytes,
      at,
      words: words + 1,
      wordCount: bytes[words],
      from: wordsEnd + 2,
      // Readers of large writes ignore the byte count, which is too small for them; the message's own end holds.
      to: Math.min(wordsEnd + 2 + u16le(bytes, wordsEnd), limit),
      end: limit,
      width: (u16le(bytes, at + FLAGS2) & FLAG2_UNICODE) !== 0 ? 2 : 1,
    };
    readCommand(body, message);
    visit(message);
    if (!isAndX(command) || bytes[words] < 2) return true;
    const next = bytes[words + 1];
    const offset = u16le(bytes, words + 3);
    // The chain only goes forward, or a message could send its reader in circles.
    if (next === NO_CHAIN || at + offset <= words || at + offset >= limit) return true;
    command = next;
    words = at + offset;
  }
  return true;
}

/** Where the parts of one command lie. */
interface Body {
  readonly bytes: Uint8Array;
  /** SMB header, which offsets count from. */
  readonly at: number;
  readonly words: number;
  readonly wordCount: number;
  /** The data bytes. */
  readonly from: number;
  readonly to: number;
  /** End of the message as far as it is there. */
  readonly end: number;
  /** Bytes per character of its names. */
  readonly width: 1 | 2;
}

function readHeader(bytes: Uint8Array, at: number, into: SmbMessage): void {
  const flags2 = u16le(bytes, at + FLAGS2);
  into.isResponse = (bytes[at + FLAGS] & FLAG_RESPONSE) !== 0;
  into.isSigned = (flags2 & FLAG2_SIGNED) !== 0;
  into.isDosError = (flags2 & FLAG2_NT_STATUS) === 0;
  into.status = into.isResponse ? u32le(bytes, at + STATUS) : 0;
  into.treeId = u16le(bytes, at + TREE_ID);
  into.processId = u16le(bytes, at + PROCESS_HIGH) * 65536 + u16le(bytes, at + PROCESS_LOW);
  into.sessionId = hex4(u16le(bytes, at + USER_ID));
  into.messageId = u16le(bytes, at + MULTIPLEX_ID);
}

function isAndX(command: number): boolean {
  return (
    command === SESSION_SETUP_ANDX ||
    command === TREE_CONNECT_ANDX ||
    command === NT_CREATE_ANDX ||
    command === OPEN_ANDX ||
    command === READ_ANDX ||
    command === WRITE_ANDX ||
    command === LOGOFF_ANDX ||
    command === 0x24
  );
}

function readCommand(body: Body, into: SmbMessage): void {
  const { bytes, words, wordCount } = body;
  switch (into.command) {
    case NEGOTIATE:
      if (into.isResponse) readNegotiateResponse(body, into);
      else readDialects(body, into);
      break;
    case SESSION_SETUP_ANDX:
      if (into.isResponse) readSessionSetupResponse(body, into);
      else readSessionSetup(body, into);
      break;
    case TREE_CONNECT_ANDX:
      if (into.isResponse) into.shareType = text(body, body.from, 1, 16)?.value;
      else if (wordCount >= 4) {
        // Password(n) Path(STRING) Service(ASCII always).
        const path = text(body, body.from + u16le(bytes, words + 6), body.width, MAX_SMB_PATH);
        into.share = path?.value;
        if (path !== undefined) into.shareType = text(body, path.next, 1, 16)?.value;
      }
      break;
    case TREE_CONNECT:
      if (!into.isResponse) into.share = formatted(body, body.from)?.value;
      break;
    case OPEN:
    case CREATE:
    case DELETE:
    case CREATE_DIRECTORY:
    case DELETE_DIRECTORY:
    case QUERY_INFORMATION:
    case CHECK_DIRECTORY:
      if (!into.isResponse) {
        into.fileName = formatted(body, body.from)?.value;
        into.deletes = into.command === DELETE || into.command === DELETE_DIRECTORY;
      } else if ((into.command === OPEN || into.command === CREATE) && wordCount >= 1) into.fileId = fileId(body, 0);
      break;
    case RENAME:
      if (!into.isResponse) {
        const old = formatted(body, body.from);
        into.fileName = old?.value;
        if (old !== undefined) into.newName = formatted(body, old.next)?.value;
      }
      break;
    case NT_CREATE_ANDX:
      if (into.isResponse) {
        // andx(4) oplock(1) fid(2) disposition(4) times(32) attributes(4) allocation(8) end of file(8).
        if (wordCount >= 34) {
          into.fileId = fileId(body, 5);
          into.fileSize = u32le(bytes, words + 55) + u32le(bytes, words + 59) * 0x1_0000_0000;
        }
      } else if (wordCount >= 24) {
        const length = u16le(bytes, words + 5);
        into.access = u32le(bytes, words + 15);
        into.disposition = SMB_DISPOSITIONS[u32le(bytes, words + 35)];
        into.deletes = (u32le(bytes, words + 39) & SMB_DELETE_ON_CLOSE) !== 0;
        const from = aligned(body, body.from, body.width);
        into.fileName = counted(body, from, from + length);
      }
      break;
    case OPEN_ANDX:
      if (into.isResponse) {
        if (wordCount >= 15) into.fileId = fileId(body, 4);
      } else if (wordCount >= 15) into.fileName = text(body, body.from, body.width, MAX_SMB_PATH)?.value;
      break;
    case CLOSE:
      if (!into.isResponse && wordCount >= 3) into.fileId = fileId(body, 0);
      break;
    case READ_ANDX:
      if (!into.isResponse) {
        if (wordCount >= 10) into.fileId = fileId(body, 4);
      } else if (wordCount >= 12) {
        const length = u16le(bytes, words + 10) + u16le(bytes, words + 14) * 65536;
        setSmbData(into, body.at + u16le(bytes, words + 12), length, body.end);
      }
      break;
    case WRITE_ANDX:
      if (!into.isResponse && wordCount >= 12) {
        into.fileId = fileId(body, 4);
        const length = u16le(bytes, words + 18) * 65536 + u16le(bytes, words + 20);
        setSmbData(into, body.at + u16le(bytes, words + 22), length, body.end);
      }
      break;
    case TRANSACTION:
    case TRANSACTION2:
      readTransaction(body, into);
      break;
    case NT_TRANSACT:
      if (!into.isResponse && wordCount >= 19) {
        const kind = u16le(bytes, words + 36);
        into.subcommand = NT_TRANSACTS[kind] ?? `NT_TRANSACT_${kind}`;
      }
      break;
  }
}

/** Format byte 2, then a dialect name, as often as the bytes last. */
function readDialects(body: Body, into: SmbMessage): void {
  let here = body.from;
  while (here < body.to && body.bytes[here] === 2 && into.dialects.length < MAX_DIALECTS) {
    const stop = terminatorAt(body.bytes, here + 1, body.to, 1);
    if (stop < 0) return;
    into.dialects.push(oemText(body.bytes, here + 1, stop, 64));
    here = stop + 1;
  }
}

function readNegotiateResponse(body: Body, into: SmbMessage): void {
  const { bytes, words, wordCount, from, to } = body;
  if (wordCount < 1) return;
  into.dialectIndex = u16le(bytes, words);
  if (wordCount !== 17) return;
  into.requiresSigning = (bytes[words + 2] & 8) !== 0;
  const hasExtendedSecurity = (u32le(bytes, words + 19) & 0x8000_0000) !== 0;
  if (hasExtendedSecurity) {
    // The server's GUID stands before the token.
    if (to - from > 16) setSmbToken(into, from + 16, to - from - 16, body.end);
    return;
  }
  const isUnicode = (u32le(bytes, words + 19) & 4) !== 0;
  const names = from + bytes[words + 33];
  const domain = text(body, names, isUnicode ? 2 : 1, 64, false);
  into.domain = domain?.value;
  if (domain !== undefined) into.serverName = text(body, domain.next, isUnicode ? 2 : 1, 64, false)?.value;
}

function readSessionSetup(body: Body, into: SmbMessage): void {
  const { bytes, words, wordCount, from, width } = body;
  // Only the form with extended security has 12 words (MS-SMB 2.2.4.6.1).
  if (wordCount === 12) {
    const length = u16le(bytes, words + 14);
    setSmbToken(into, from, length, body.end);
    readNatives(body, from + length, into);
    return;
  }
  let here: number;
  if (wordCount === 13) here = from + u16le(bytes, words + 14) + u16le(bytes, words + 16);
  else if (wordCount === 10) here = from + u16le(bytes, words + 14);
  else return;
  const account = text(body, here, width, 128);
  into.account = account?.value;
  if (account === undefined) return;
  const domain = text(body, account.next, width, 128);
  into.domain = domain?.value;
  if (domain !== undefined) readNatives(body, domain.next, into);
}

function readSessionSetupResponse(body: Body, into: SmbMessage): void {
  const { bytes, words, wordCount, from } = body;
  if (wordCount < 3) return;
  into.isGuest = (u16le(bytes, words + 4) & 1) !== 0;
  let here = from;
  if (wordCount === 4) {
    const length = u16le(bytes, words + 6);
    setSmbToken(into, from, length, body.end);
    here += length;
  }
  const next = readNatives(body, here, into);
  if (next >= 0) into.domain = text(body, next, body.width, 128)?.value;
}

/** Native OS and native LAN manager; where the next string begins, or -1. */
function readNatives(body: Body, from: number, into: SmbMessage): number {
  const os = text(body, from, body.width, 128);
  into.nativeOs = os?.value;
  if (os === undefined) return -1;
  const manager = text(body, os.next, body.width, 128);
  into.nativeLanManager = manager?.value;
  return manager?.next ?? -1;
}

/** SMB_COM_TRANSACTION and TRANSACTION2, MS-CIFS 2.2.4.33 and 2.2.4.46. */
function readTransaction(body: Body, into: SmbMessage): void {
  const { bytes, at, words, wordCount, from } = body;
  if (into.isResponse) {
    if (wordCount >= 10) setSmbData(into, at + u16le(bytes, words + 14), u16le(bytes, words + 12), body.end);
    return;
  }
  if (wordCount < 14) return;
  setSmbData(into, at + u16le(bytes, words + 24), u16le(bytes, words + 22), body.end);
  const setup = bytes[words + 26] >= 1 && wordCount >= 15 ? u16le(bytes, words + 28) : -1;
  if (into.command === TRANSACTION) {
    into.fileName = text(body, from, body.width, MAX_SMB_PATH)?.value;
    if (setup >= 0 && /pipe/i.test(into.fileName ?? '')) {
      into.subcommand = PIPE_TRANSACTIONS.get(setup);
      if (into.subcommand !== undefined && wordCount >= 16) into.fileId = fileId(body, 30);
    }
    return;
  }
  if (setup < 0) return;
  into.subcommand = TRANSACTIONS2[setup] ?? `TRANS2_0x${setup.toString(16)}`;
  const nameAt = TRANS2_NAME_AT.get(setup);
  const parameters = at + u16le(bytes, words + 20);
  const parametersEnd = Math.min(parameters + u16le(bytes, words + 18), body.end);
  if (nameAt !== undefined && parameters >= from && parameters + nameAt < parametersEnd)
    into.fileName = counted(body, parameters + nameAt, parametersEnd);
}

function fileId(body: Body, offset: number): string {
  return hex4(u16le(body.bytes, body.words + offset));
}

function hex4(n: number): string {
  return n.toString(16).padStart(4, '0');
}

/** UTF-16 strings begin at an even distance from the header (MS-CIFS 2.2.1.1.1). */
function aligned(body: Body, from: number, width: number): number {
  return width === 2 && ((from - body.at) & 1) === 1 ? from + 1 : from;
}

/** The text at `from` up to its NUL, and where the next one begins; text that runs to the end without a NUL is taken as it is. */
function text(
  body: Body,
  from: number,
  width: 1 | 2,
  max: number,
  align = true,
): { value: string; next: number } | undefined {
  const start = align ? aligned(body, from, width) : from;
  if (start >= body.to) return undefined;
  const stop = terminatorAt(body.bytes, start, body.to, width);
  const to = stop < 0 ? body.to : stop;
  const value = width === 2 ? utf16Text(body.bytes, start, to, max) : oemText(body.bytes, start, to, max);
  return { value, next: stop < 0 ? body.to : stop + width };
}

/** A text behind its format byte 4 (MS-CIFS 2.2.1.1). */
function formatted(body: Body, from: number): { value: string; next: number } | undefined {
  return from < body.to && body.bytes[from] === 4 ? text(body, from + 1, body.width, MAX_SMB_PATH) : undefined;
}

function counted(body: Body, from: number, to: number): string | undefined {
  if (from > body.end) return undefined;
  const stop = Math.min(to, body.end);
  return body.width === 2
    ? utf16Text(body.bytes, from, stop, MAX_SMB_PATH)
    : oemText(body.bytes, from, stop, MAX_SMB_PATH);
}

export interface Smb1Fields {
  command: number;
  isResponse?: boolean;
  status?: number;
  treeId?: number;
  userId?: number;
  multiplexId?: number;
  isSigned?: boolean;
  /** Parameter words, an even number of bytes. */
  words?: Uint8Array;
  data?: Uint8Array;
}

/** A message with one command, Unicode, without its NetBIOS header. */
export function encodeSmb1(fields: Smb1Fields): Uint8Array {
  const { words = new Uint8Array(0), data = new Uint8Array(0), isResponse = false, isSigned = false } = fields;
  return new LittleWriter()
    .u8(0xff)
    .text('SMB')
    .u8(fields.command)
    .u32(fields.status ?? 0)
    .u8(0x18 | (isResponse ? FLAG_RESPONSE : 0))
    .u16(FLAG2_UNICODE | FLAG2_NT_STATUS | FLAG2_EXTENDED_SECURITY | (isSigned ? FLAG2_SIGNED : 0))
    .zeros(12)
    .u16(fields.treeId ?? 0)
    .u16(1)
    .u16(fields.userId ?? 0)
    .u16(fields.multiplexId ?? 0)
    .u8(words.length >> 1)
    .bytes(words)
    .u16(data.length)
    .bytes(data)
    .finish();
}

/** A negotiate request for these dialects. */
export function encodeSmb1Negotiate(dialects: readonly string[]): Uint8Array {
  const data = new LittleWriter();
  for (const dialect of dialects) data.u8(2).text(dialect).u8(0);
  return encodeSmb1({ command: NEGOTIATE, data: data.finish() });
}
