import {
  decodeGss,
  isLogonFailure,
  looksLikeRpc,
  RpcConnection,
  type RpcMessage,
  rpcFaultName,
  rpcStrings,
  rpcTypeName,
  SmbConnection,
  type SmbFile,
  type SmbMessage,
  smbStatusName,
  smbStep,
} from '../../wire/index.ts';
import { FACT, MAX_OPERATION, PEEK_DONE, PEEK_FOREIGN, PEEK_MORE, type PeekContext, type StreamPeek } from './peek.ts';
import { accountName, isFirstUser, noteLogin, noteToken, type SignOn } from './sign-on.ts';

/**
 * SMB and DCE-RPC: dialect, sign-on, shares, pipes, files, and the remote procedures that are called, in pipes and over TCP. Of a large message only the front
 * is read, so that a file transfer costs one look for each message, and what follows it (a service that starts the copied program) is still seen.
 */

/** Names, tokens and the head of a PDU stand within so many bytes of an SMB message. Together with a segment it fits in a page of the stitcher. */
const SMB_FRONT = 2048;
/** Headers of a write. */
const DATA_FRONT = 128;
/** Most bytes of a side that are read, bodies not counted. */
const MOST_BYTES = 49_152;
/** PDUs of Windows have at most 5,840 bytes; the token of a bind is its last part. */
const RPC_FRONT = 6000;
/** Of the operations of a flow, so many may be file names, refused sign-ons and other refusals: the rest is for shares, pipes and calls. */
const MAX_FILE_OPERATIONS = 5;
const MAX_SIGN_ON_FAILURES = 5;
const MAX_FAILURES = 3;
/** Files of one connection that get one same ending behind that of a document, from which on it is told. */
const MIN_ENDINGS = 10;
/** Such endings that are counted, each. */
const MAX_ENDINGS = 8;
/** Requests whose answer is awaited. */
const MAX_ASKED = 32;

const SESSION_MESSAGE = 0x00;
const SESSION_REQUEST = 0x81;
const NEGATIVE_RESPONSE = 0x83;
const KEEP_ALIVE = 0x85;
const NETBIOS_HEADER = 4;

const STATUS_PENDING = 0x103;
const STATUS_MORE_PROCESSING_REQUIRED = 0xc0000016;
/** Above are errors; below are successes and warnings, such as 'more data than fitted'. */
const FIRST_ERROR = 0xc0000000;
const NO_DIALECT = 0xffff;

/** What one SMB connection needs to know of earlier messages. */
class SmbState {
  readonly connection = new SmbConnection({ trees: 16, files: 32, awaited: 32 });
  begun = false;
  /** The session is encrypted from here on. */
  isHidden = false;
  /** Dialects that an SMB1 client offers: the answer is an index. */
  dialects: readonly string[] = [];
  signOn: SignOn | undefined;
  /** Operation of a request, by command and message id, for its refusal. */
  readonly asked = new Map<string, string>();
  readonly call = new CallState();
  /** The message carries data of a file, of which nothing behind the header is read. */
  isData = false;
  fileOperations = 0;
  /** How many files got an ending behind that of a document; the last of them, whose name comes more than once. */
  readonly endings = new Map<string, number>();
  lastEnded = '';
  signOnFailures = 0;
  failures = 0;
}

export const smbPeek: StreamPeek = {
  kind: 'stream',
  most: MOST_BYTES,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const type = bytes[at];
    const isMessage = type === SESSION_MESSAGE;
    if (!isMessage && (type < SESSION_REQUEST || type > KEEP_ALIVE)) return foreign(context, SmbState);
    if (end - at < NETBIOS_HEADER + (isMessage ? 4 : 0)) return PEEK_MORE;
    const magic = at + NETBIOS_HEADER;
    if (isMessage && !(bytes[magic] >= 0xfc && bytes[magic + 1] === 0x53 && bytes[magic + 2] === 0x4d))
      return foreign(context, SmbState);
    const length = NETBIOS_HEADER + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
    if (end - at < Math.min(length, SMB_FRONT)) return PEEK_MORE;

    const state = context.state(SmbState);
    state.isData = false;
    const read = state.connection.walk(bytes, at, Math.min(at + length, end), {
      message: (message, share, file) => tellSmb(context, state, message, share, file),
      rpc: (pdu) => tellCall(context, state.call, pdu),
    });
    if (read === at) return foreign(context, SmbState);
    state.begun = true;
    if (state.isData) context.looked = DATA_FRONT;
    return state.isHidden || context.isFull ? PEEK_DONE : length;
  },
};

/** After messages that were read, what is no message is a loss; before the first, it is another protocol. */
function foreign(context: PeekContext, type: new () => { begun: boolean }): number {
  return context.knownState(type)?.begun === true ? PEEK_DONE : PEEK_FOREIGN;
}

function tellSmb(
  context: PeekContext,
  state: SmbState,
  message: SmbMessage,
  share: string | undefined,
  file: SmbFile | undefined,
): void {
  if (message.kind === 'netbios') tellNetbios(context, message);
  else if (message.kind === 'encrypted') {
    state.isHidden = true;
    context.operation('encrypted');
  } else if (message.kind === 'message' && !message.isMalformed) {
    const step = smbStep(message);
    if (step === 'negotiate') tellNegotiate(context, state, message);
    else if (step === 'session-setup') tellSessionSetup(context, state, message);
    else if (message.isResponse) tellRefusal(context, state, message);
    else tellRequest(context, state, message, step, share, file);
  }
}

/** NetBIOS sessions, RFC 1002 section 4.3: the client calls the server's name and tells its own. */
function tellNetbios(context: PeekContext, message: SmbMessage): void {
  if (message.command === SESSION_REQUEST) {
    context.note(FACT.hostname, message.callingName?.replace(/<[0-9a-f]{2}>$/, ''));
    if (message.calledName !== undefined) context.operation(`session ${message.calledName}`);
  } else if (message.command === NEGATIVE_RESPONSE) context.operation('session refused');
}

function tellNegotiate(context: PeekContext, state: SmbState, message: SmbMessage): void {
  if (!message.isResponse) {
    if (message.version === 1) state.dialects = [...message.dialects];
    return;
  }
  if (isError(message)) context.operation(`negotiate ${smbStatusName(message)}`);
  else if (message.version === 1) {
    const name = state.dialects[message.dialectIndex];
    if (message.dialectIndex === NO_DIALECT) context.operation('negotiate refused');
    else context.operation(name === undefined ? 'negotiate SMB 1' : `negotiate SMB 1 (${name})`);
  } else if (message.dialect !== undefined && !message.dialect.includes('?'))
    context.operation(`negotiate SMB ${message.dialect}`);
}

function tellSessionSetup(context: PeekContext, state: SmbState, message: SmbMessage): void {
  const token = noteToken(context, decodeGss(context.bytes, message.tokenAt, message.tokenEnd));
  const natives = [message.nativeOs, message.nativeLanManager].filter((text) => text !== undefined && text !== '');
  if (!message.isResponse) {
    context.note(FACT.client, natives.join(', '));
    const user = accountName(message.domain, message.account);
    context.note(FACT.user, user);
    const isOld = message.version === 1 && message.account !== undefined;
    const signOn = isOld
      ? { how: user === undefined ? 'anonymous' : 'without NTLMSSP', user, isAnonymous: user === undefined }
      : token;
    if (signOn === undefined) return;
    state.signOn = signOn;
    const name = signOn.user === undefined || isFirstUser(context, signOn) ? '' : ` ${signOn.user}`;
    context.operation(`session-setup ${signOn.how}${name}`);
    noteLogin(context, signOn, 'unknown');
    return;
  }
  context.note(FACT.server, natives.join(', '));
  if (message.status === STATUS_MORE_PROCESSING_REQUIRED || message.status === STATUS_PENDING) return;
  const { signOn } = state;
  if (!isError(message)) {
    if (message.isGuest) context.operation('session-setup guest');
    noteLogin(context, signOn, 'accepted');
  } else {
    if (isLogonFailure(message.status) || signOn !== undefined) noteLogin(context, signOn, 'refused');
    if (state.signOnFailures >= MAX_SIGN_ON_FAILURES) return;
    const failure = withStatus(signOn?.user === undefined ? 'session-setup' : `session-setup ${signOn.user}`, message);
    if (context.operation(failure)) state.signOnFailures++;
  }
}

function tellRequest(
  context: PeekContext,
  state: SmbState,
  message: SmbMessage,
  step: string,
  share: string | undefined,
  file: SmbFile | undefined,
): void {
  const asked = requestText(message, step, share, file);
  if (asked === undefined) return;
  state.isData = asked.isFile && step === 'write';
  if (asked.becomes !== undefined) tellEnding(context, state, asked.becomes);
  // A refusal of what was asked often before is told as well.
  remember(state.asked, `${message.command}/${message.messageId}`, asked.text);
  if (!asked.isFile) context.operation(asked.text);
  else if (state.fileOperations < MAX_FILE_OPERATIONS && context.operation(asked.text)) state.fileOperations++;
}

/** Endings of documents, pictures and archives that people keep. */
const DOCUMENT_ENDING =
  /[^\\]\.(?:docx?|xlsx?|pptx?|od[tsp]|rtf|txt|pdf|csv|jpe?g|png|gif|tiff?|psd|dwg|mp3|mp4|avi|mov|mdb|accdb|pst|msg|vsdx?|zip|rar|7z|bak|sql|xml|html?)(\.[^\\.]{2,40}(?:\.[^\\.]{2,40}){0,3})$/i;
/** Endings that programs put behind a name for a time, or for a purpose that is known. */
const ORDINARY_ENDING =
  /\.(?:te?mp|bak|old|orig|new|part|partial|filepart|download|crdownload|lnk|url|gz|bz2|xz|zst|zip|7z|rar|tar|log|lock|swp|meta|sig|asc|sha\d*|md5|crc|idx|json|xml|txt|html?|pdf|docx?|xlsx?|pptx?|jpe?g|png|\d+)$/i;

/** What ransomware leaves: file after file has one new ending behind its own. */
function tellEnding(context: PeekContext, state: SmbState, name: string): void {
  const ending = DOCUMENT_ENDING.exec(name)?.[1]?.toLowerCase();
  if (ending === undefined || ORDINARY_ENDING.test(ending) || name === state.lastEnded) return;
  state.lastEnded = name;
  const known = state.endings.get(ending);
  if (known === undefined && state.endings.size >= MAX_ENDINGS) return;
  state.endings.set(ending, (known ?? 0) + 1);
  if (known === MIN_ENDINGS - 1) context.operation(`ending ${ending} on ${MIN_ENDINGS} files`);
}

/** What a request other than a sign-on asks for; undefined for what says nothing (reads, queries, closes). */
function requestText(
  message: SmbMessage,
  step: string,
  share: string | undefined,
  file: SmbFile | undefined,
): { text: string; isFile: boolean; becomes?: string } | undefined {
  const { fileName, subcommand } = message;
  if (step === 'tree-connect')
    return message.share === undefined ? undefined : { text: `tree ${message.share}`, isFile: false };
  // MS17-010 is looked for with one, and DoublePulsar spoken to in the other: no client of our days sends them.
  if (subcommand === 'TRANS_PEEK_NMPIPE' || subcommand === 'TRANS2_SESSION_SETUP')
    return { text: subcommand, isFile: false };
  if (step === 'create' || step === 'open') {
    if (fileName === undefined || /^\\?$/.test(fileName)) return undefined;
    const pipe = pipeName(share, fileName);
    if (pipe !== undefined) return { text: `pipe ${pipe}`, isFile: false };
    const isOld = message.disposition === 'open' || (message.disposition === undefined && step === 'open');
    const verb = message.deletes ? 'delete' : isOld ? 'open' : 'create';
    const text = `${verb} ${filePath(share, fileName)}`;
    return verb === 'create' ? { text, isFile: true, becomes: fileName } : { text, isFile: true };
  }
  const name = fileName ?? file?.name;
  if (name === undefined || name === '' || pipeName(share ?? file?.share, name) !== undefined) return undefined;
  const path = filePath(share ?? file?.share, name);
  if (message.newName !== undefined)
    return { text: `rename ${path} to ${message.newName}`, isFile: true, becomes: message.newName };
  if (message.deletes || step === 'delete') return { text: `delete ${path}`, isFile: true };
  if (step === 'write') return { text: `write ${path}`, isFile: true };
  return undefined;
}

/** Only what asked for something by name is told as refused: queries fail all the time. */
function tellRefusal(context: PeekContext, state: SmbState, message: SmbMessage): void {
  if (message.status === STATUS_PENDING) return;
  const key = `${message.command}/${message.messageId}`;
  const asked = state.asked.get(key);
  if (asked === undefined) return;
  state.asked.delete(key);
  if (!isError(message) || state.failures >= MAX_FAILURES) return;
  if (context.operation(withStatus(asked, message))) state.failures++;
}

function isError(message: SmbMessage): boolean {
  return message.isDosError ? message.status !== 0 : message.status >= FIRST_ERROR;
}

/** The status stands at the end whole, whatever the length of the name before it. */
function withStatus(text: string, message: SmbMessage): string {
  const status = smbStatusName(message);
  const room = MAX_OPERATION - status.length - 1;
  return `${text.length > room ? `${text.slice(0, room - 1)}…` : text} ${status}`;
}

/** 'svcctl' of 'svcctl', '\svcctl' and '\PIPE\svcctl' on IPC$; undefined for a file. */
function pipeName(share: string | undefined, name: string): string | undefined {
  if (share === undefined ? !/^\\?pipe\\/i.test(name) : !/(^|\\)ipc\$$/i.test(share)) return undefined;
  return name.replace(/^\\?(pipe\\)?/i, '');
}

/** 'ADMIN$\Temp\x.exe': the share without its server, which is the flow's responder. */
function filePath(share: string | undefined, name: string): string {
  const path = name.replace(/^\\+/, '');
  return share === undefined ? path : `${share.slice(share.lastIndexOf('\\') + 1)}\\${path}`;
}

function remember(map: Map<string, string>, key: string, value: string): void {
  if (map.size >= MAX_ASKED)
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  map.set(key, value);
}

/** What the calls of one connection or of the pipes of one need to know of earlier PDUs. */
class CallState {
  /** Interface that the last bind asked for. */
  bound: string | undefined;
  signOn: SignOn | undefined;
}

class RpcState {
  readonly connection = new RpcConnection();
  readonly call = new CallState();
  begun = false;
}

export const rpcPeek: StreamPeek = {
  kind: 'stream',
  most: MOST_BYTES,
  keep: 8192,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    if (end - at < 16)
      return bytes[at] === 5 && bytes[Math.min(at + 1, end - 1)] <= 5 ? PEEK_MORE : foreign(context, RpcState);
    if (!looksLikeRpc(bytes, at, end)) return foreign(context, RpcState);
    const isLittle = (bytes[at + 4] & 0xf0) !== 0;
    const length = isLittle ? bytes[at + 8] | (bytes[at + 9] << 8) : (bytes[at + 8] << 8) | bytes[at + 9];
    // Results are not read, and can be large.
    const front = rpcTypeName(bytes[at + 2]) === 'response' ? 24 : RPC_FRONT;
    if (end - at < Math.min(length, front)) return PEEK_MORE;
    const state = context.state(RpcState);
    state.begun = true;
    state.connection.walk(bytes, at, Math.min(at + length, end), (pdu) => {
      tellSignOn(context, state.call, pdu);
      tellCall(context, state.call, pdu);
    });
    return context.isFull ? PEEK_DONE : length;
  },
};

/** Win32 and NT codes with which a server answers the first call of a caller that it doesn't believe. */
const ACCESS_DENIED = 5;
const SECURITY_PACKAGE_ERROR = 0x721;

function tellSignOn(context: PeekContext, state: CallState, pdu: RpcMessage): void {
  switch (rpcTypeName(pdu.type)) {
    case 'bind':
    case 'bind_ack':
    case 'alter_context':
    case 'alter_context_resp':
    case 'auth3': {
      const signOn = noteToken(context, decodeGss(context.bytes, pdu.tokenAt, pdu.tokenEnd));
      if (signOn === undefined) break;
      state.signOn = signOn;
      noteLogin(context, signOn, 'unknown');
      break;
    }
    case 'bind_nak':
      noteLogin(context, state.signOn, 'refused');
      break;
    case 'response':
      // The first answer says that the caller was believed; what later calls are refused is no question of who calls.
      noteLogin(context, state.signOn, 'accepted');
      state.signOn = undefined;
      break;
    case 'fault':
      if (pdu.status === ACCESS_DENIED || pdu.status === SECURITY_PACKAGE_ERROR)
        noteLogin(context, state.signOn, 'refused');
      state.signOn = undefined;
      break;
  }
}

/** Calls that only give back what others have opened, and keep-alives. They would take the places of those that say something. */
const HOUSEKEEPING: ReadonlySet<string> = new Set([
  'CloseServiceHandle',
  'BaseRegCloseKey',
  'SamrCloseHandle',
  'LsarClose',
  'RpcClosePrinter',
  'RpcAsyncClosePrinter',
  'DsUnbind',
  'ept_lookup_handle_free',
  'EvtRpcClose',
  'RemAddRef',
  'RemRelease',
  'SimplePing',
  'ComplexPing',
]);

function tellCall(context: PeekContext, state: CallState, pdu: RpcMessage): void {
  const { interfaceName, operationName } = pdu;
  switch (rpcTypeName(pdu.type)) {
    case 'bind':
    case 'alter_context':
      state.bound = interfaceName;
      break;
    case 'bind_ack':
    case 'alter_context_resp':
      if (pdu.accepted.length > 0 && !pdu.accepted.includes(true) && state.bound !== undefined)
        context.operation(`bind ${state.bound} refused`);
      break;
    case 'bind_nak':
      context.operation(state.bound === undefined ? 'bind refused' : `bind ${state.bound} refused`);
      break;
    case 'request':
      if (operationName === undefined || !pdu.isFirst || HOUSEKEEPING.has(operationName)) break;
      // The interface that the endpoint mapper is asked for says what will be called on the port it names.
      context.operation(
        `${interfaceName}:${operationName}${pdu.endpoints.length > 0 ? ` ${pdu.endpoints[0].interfaceName}` : ''}`,
      );
      if (!pdu.isEncrypted) tellArguments(context, pdu);
      break;
    case 'fault':
      if (operationName !== undefined)
        context.operation(`${interfaceName}:${operationName} ${rpcFaultName(pdu.status)}`);
      break;
  }
}

/** Interfaces whose calls make a server sign on to a path that the caller names (coerced authentication). */
const COERCIBLE: ReadonlySet<string> = new Set(['efsrpc', 'fsrvp', 'netdfs', 'spoolss', 'IRemoteWinspool']);

/** The names in the arguments of the few calls where they say more than the call: the service and its program, the task, the path of a coerced sign-on. */
function tellArguments(context: PeekContext, pdu: RpcMessage): void {
  const { interfaceName = '', operationName = '' } = pdu;
  const isService = interfaceName === 'svcctl' && operationName.startsWith('CreateService');
  const isTask = operationName === 'SchRpcRegisterTask';
  if (!isService && !isTask && !COERCIBLE.has(interfaceName)) return;
  const strings = rpcStrings(context.bytes, pdu);
  if (isService && strings.length > 0) {
    context.operation(`service ${strings[0]}`);
    // A display name may stand between. Without the program's arguments: they can hold a password.
    const image = strings.slice(1).find((text) => /[\\/%.]/.test(text));
    const program = image === undefined ? undefined : /^"[^"]*"|^\S+/.exec(image)?.[0];
    if (program !== undefined) context.operation(`program ${program}`);
  } else if (isTask && strings[0]?.startsWith('\\')) context.operation(`task ${strings[0]}`);
  else if (!isTask && !isService) {
    const path = strings.find((text) => text.startsWith('\\\\'));
    if (path !== undefined) context.operation(`path ${path}`);
  }
}
