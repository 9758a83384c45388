import { ntStatusName } from './nt-status.ts';

/** What the readers of SMB1 and of SMB2/3 have in common: the message they fill, the names of its parts. */

/** What stands behind the NetBIOS header: a plain message, or a transform that hides it (MS-SMB2 2.2.41, 2.2.42), or a NetBIOS session packet without SMB (RFC 1002 4.3). */
export type SmbKind = 'message' | 'encrypted' | 'compressed' | 'netbios';

/**
 * One SMB message; the object is reused for every message of a walk, so a visitor copies what it keeps. Fields that the message does not have are
 * undefined (numbers: as said). Names come without judgement from the network, made printable and bounded.
 */
export class SmbMessage {
  /** 1, or 2 for SMB2 and 3 (the dialect tells them apart); 0 for a NetBIOS packet. */
  version: 0 | 1 | 2 = 0;
  kind: SmbKind = 'message';
  /** Where the SMB header begins in the buffer. */
  at = 0;
  /** End of the message as far as it is there. */
  end = 0;
  /** True where the message claims more bytes than are there. What was readable is filled in. */
  isCut = false;
  /** True where the message contradicts its own lengths. */
  isMalformed = false;
  /** Command number; of SMB1 for version 1, of SMB2 for version 2; NetBIOS packet type for version 0. -1 where it cannot be seen. */
  command = -1;
  /** 0 for the first of a compound or AndX chain, then 1, 2, ... */
  chainIndex = 0;
  isResponse = false;
  isSigned = false;
  /** SMB2: belongs to the message before it in the compound and shares its file (MS-SMB2 2.2.1.2). */
  isRelated = false;
  /** NT status of a response; with `isDosError`, DOS class in the low byte and code in the high half (MS-CIFS 2.2.3.1). 0 in requests. */
  status = 0;
  isDosError = false;
  /** SMB2 message id (its low 53 bits), SMB1 multiplex id. */
  messageId = 0;
  /** SMB1 process id; 0 in SMB2. */
  processId = 0;
  /** Tree id; 0 where there is none. */
  treeId = 0;
  /** SMB2 session id as 16 hex digits, SMB1 user id as 4; '' where there is none. */
  sessionId = '';
  /** Dialects offered in a negotiate request, as names: 'NT LM 0.12', '2.0.2', '3.1.1'. At most 32. */
  dialects: string[] = [];
  /** Dialect of a negotiate response; in SMB1 only its index in the request is sent, see `dialectIndex`. */
  dialect: string | undefined;
  dialectIndex = -1;
  /** The sender demands signatures; undefined where it does not say. */
  requiresSigning: boolean | undefined;
  /** 'AES-128-GCM' ...: what the server chose (3.1.1). */
  cipher: string | undefined;
  /** SMB1 session setup and negotiate without NTLMSSP: account, and the domain that comes with it. */
  account: string | undefined;
  domain: string | undefined;
  /** Name of the server as the client calls it (3.1.1 netname context), or as an SMB1 server calls itself. */
  serverName: string | undefined;
  /** 'Unix', 'Windows 5.1', ...: operating system and LAN manager of an SMB1 session setup. */
  nativeOs: string | undefined;
  nativeLanManager: string | undefined;
  /** The server let the client in as guest, or as nobody. */
  isGuest = false;
  isAnonymous = false;
  /** The session or share demands encryption. */
  isEncryptionRequired = false;
  /** Security token (GSS, SPNEGO or raw NTLMSSP) of a negotiate response or session setup, for `decodeGss`; empty where there is none. */
  tokenAt = 0;
  tokenEnd = 0;
  /** Path of a tree connect: '\\host\IPC$'. */
  share: string | undefined;
  /** 'disk', 'pipe', 'printer' of a tree connect response; the SMB1 service of a request: 'A:', 'IPC', '?????'. */
  shareType: string | undefined;
  /** File or pipe name of a create, open, delete, rename, search or transaction: 'svcctl', '\PIPE\srvsvc', 'Windows\Temp\x.exe'. */
  fileName: string | undefined;
  /** New name of a rename. */
  newName: string | undefined;
  /** Marks the file for deletion: SMB1 delete, delete on close, SMB2 disposition. */
  deletes = false;
  /** Desired access mask of a create request (MS-SMB2 2.2.13.1); 0 elsewhere. */
  access = 0;
  /** What a create asks for: 'supersede', 'open', 'create', 'open-if', 'overwrite', 'overwrite-if'. */
  disposition: string | undefined;
  /** Size in bytes of the file that a create response opened; -1 where not said. */
  fileSize = -1;
  /** File handle: 32 hex digits in SMB2, 4 in SMB1; undefined where the message has none. SMB2 'ffff...' is the file of the message before it. */
  fileId: string | undefined;
  /** Sub-command: of a transaction, trans2, NT transact ('TRANS2_FIND_FIRST2'), an ioctl ('FSCTL_PIPE_TRANSCEIVE'), a query or set. */
  subcommand: string | undefined;
  /** Data of a read response, write request, ioctl or pipe transaction, as far as it is there: [dataAt, dataEnd) of the buffer. */
  dataAt = 0;
  dataEnd = 0;
  /** Bytes that the message says it carries as data; larger than dataEnd - dataAt in a cut one. */
  dataBytes = 0;
  /** NetBIOS session request (version 0): called and calling names, 'SERVER<20>'. */
  calledName: string | undefined;
  callingName: string | undefined;

  clear(): void {
    this.version = 0;
    this.kind = 'message';
    this.at = 0;
    this.end = 0;
    this.isCut = false;
    this.isMalformed = false;
    this.command = -1;
    this.chainIndex = 0;
    this.isResponse = false;
    this.isSigned = false;
    this.isRelated = false;
    this.status = 0;
    this.isDosError = false;
    this.messageId = 0;
    this.processId = 0;
    this.treeId = 0;
    this.sessionId = '';
    this.dialects.length = 0;
    this.dialect = undefined;
    this.dialectIndex = -1;
    this.requiresSigning = undefined;
    this.cipher = undefined;
    this.account = undefined;
    this.domain = undefined;
    this.serverName = undefined;
    this.nativeOs = undefined;
    this.nativeLanManager = undefined;
    this.isGuest = false;
    this.isAnonymous = false;
    this.isEncryptionRequired = false;
    this.tokenAt = 0;
    this.tokenEnd = 0;
    this.share = undefined;
    this.shareType = undefined;
    this.fileName = undefined;
    this.newName = undefined;
    this.deletes = false;
    this.access = 0;
    this.disposition = undefined;
    this.fileSize = -1;
    this.fileId = undefined;
    this.subcommand = undefined;
    this.dataAt = 0;
    this.dataEnd = 0;
    this.dataBytes = 0;
    this.calledName = undefined;
    this.callingName = undefined;
  }
}

export type SmbVisitor = (message: SmbMessage) => void;

/** Longest path that is taken from a message, in characters. */
export const MAX_SMB_PATH = 512;

/** Create dispositions, MS-SMB2 2.2.13 and MS-CIFS 2.2.4.64. */
export const SMB_DISPOSITIONS: readonly string[] = [
  'supersede',
  'open',
  'create',
  'open-if',
  'overwrite',
  'overwrite-if',
];

/** Create option: delete when the last handle is closed. */
export const SMB_DELETE_ON_CLOSE = 0x1000;

/** Notes where the data of a message lies, clipped to what is there. */
export function setSmbData(message: SmbMessage, from: number, length: number, end: number): void {
  message.dataBytes = length;
  message.dataAt = Math.min(from, end);
  message.dataEnd = Math.min(from + length, end);
  if (from + length > end) message.isCut = true;
}

/** Notes where the security token lies, clipped to what is there. */
export function setSmbToken(message: SmbMessage, from: number, length: number, end: number): void {
  message.tokenAt = Math.min(from, end);
  message.tokenEnd = Math.min(from + length, end);
  if (from + length > end) message.isCut = true;
}

/** 'STATUS_LOGON_FAILURE', 'ERRDOS/2', ...: the outcome of a response. */
export function smbStatusName(message: SmbMessage): string {
  if (!message.isDosError) return ntStatusName(message.status);
  if (message.status === 0) return ntStatusName(0);
  const kind = message.status & 255;
  return `${kind === 1 ? 'ERRDOS' : kind === 2 ? 'ERRSRV' : kind === 3 ? 'ERRHRD' : `class${kind}`}/${message.status >>> 16}`;
}
