import { type RpcInterface, rpcInterface } from './rpc-interface.ts';
import { LittleWriter, oemText, utf16Text, uuidBytes, uuidText } from './windows-bytes.ts';

/**
 * Connection-oriented DCE-RPC, C706 chapter 12 and MS-RPCE section 2.2.2, as it runs over TCP and through SMB pipes: which interfaces are bound, which
 * operations are called, how they are authenticated. An operation number stays in clear even where the arguments are encrypted.
 */

const TYPE = 2;
const FLAGS = 3;
const DATA_REPRESENTATION = 4;
const FRAGMENT_LENGTH = 8;
const AUTH_LENGTH = 10;
const CALL_ID = 12;
const HEADER_BYTES = 16;
const AUTH_TRAILER_BYTES = 8;

const FLAG_FIRST = 0x01;
const FLAG_LAST = 0x02;
const FLAG_OBJECT = 0x80;

const REQUEST = 0;
const RESPONSE = 2;
const FAULT = 3;
const BIND = 11;
const BIND_ACK = 12;
const BIND_NAK = 13;
const ALTER_CONTEXT = 14;
const ALTER_CONTEXT_RESPONSE = 15;

const TYPES: readonly string[] = [
  'request',
  'ping',
  'response',
  'fault',
  'working',
  'nocall',
  'reject',
  'ack',
  'cl_cancel',
  'fack',
  'cancel_ack',
  'bind',
  'bind_ack',
  'bind_nak',
  'alter_context',
  'alter_context_resp',
  'auth3',
  'shutdown',
  'co_cancel',
  'orphaned',
  'rts',
];

/** Security providers, MS-RPCE 2.2.1.1.7. */
const AUTH_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'none'],
  [9, 'spnego'],
  [10, 'ntlm'],
  [14, 'schannel'],
  [16, 'kerberos'],
  [68, 'netlogon'],
  [255, 'default'],
]);

/** Authentication levels, MS-RPCE 2.2.1.1.8. From 'privacy' on, arguments are encrypted. */
const AUTH_LEVELS: readonly string[] = ['default', 'none', 'connect', 'call', 'packet', 'integrity', 'privacy'];

/** Fault status, C706 appendix E, MS-RPCE 3.3.3.5 and the Win32 codes that Windows services answer. */
const FAULTS: ReadonlyMap<number, string> = new Map([
  [0x00000005, 'rpc_s_access_denied'],
  [0x00000721, 'rpc_s_sec_pkg_error'],
  [0x000006a6, 'rpc_s_invalid_binding'],
  [0x000006bf, 'rpc_s_call_failed_dne'],
  [0x000006d1, 'rpc_s_procnum_out_of_range'],
  [0x000006e4, 'rpc_s_cannot_support'],
  [0x000006f7, 'rpc_x_bad_stub_data'],
  [0x1c000002, 'nca_s_fault_addr_error'],
  [0x1c000003, 'nca_s_fault_fp_div_zero'],
  [0x1c000006, 'nca_s_fault_invalid_tag'],
  [0x1c000007, 'nca_s_fault_invalid_bound'],
  [0x1c000008, 'nca_s_rpc_version_mismatch'],
  [0x1c000009, 'nca_s_unspec_reject'],
  [0x1c00000b, 'nca_s_who_are_you_failed'],
  [0x1c00000c, 'nca_s_manager_not_entered'],
  [0x1c00000d, 'nca_s_fault_cancel'],
  [0x1c000012, 'nca_s_fault_unspec'],
  [0x1c000013, 'nca_s_fault_remote_comm_failure'],
  [0x1c000017, 'nca_s_fault_user_defined'],
  [0x1c00001a, 'nca_s_fault_context_mismatch'],
  [0x1c00001b, 'nca_s_fault_remote_no_memory'],
  [0x1c010002, 'nca_s_op_rng_error'],
  [0x1c010003, 'nca_s_unk_if'],
  [0x1c010006, 'nca_s_wrong_boot_time'],
  [0x1c010009, 'nca_s_you_crashed'],
  [0x1c01000b, 'nca_s_proto_error'],
  [0x1c010013, 'nca_s_out_args_too_big'],
  [0x1c010014, 'nca_s_server_too_busy'],
  [0x1c010017, 'nca_s_unsupported_type'],
  [0x80010105, 'rpc_e_serverfault'],
  [0x80010108, 'rpc_e_disconnected'],
  [0x80070005, 'e_accessdenied'],
]);

/** 'rpc_s_access_denied', ... or '0x00000abc'. */
export function rpcFaultName(status: number): string {
  return FAULTS.get(status) ?? `0x${status.toString(16).padStart(8, '0')}`;
}

const REJECTIONS: readonly string[] = [
  'reason not specified',
  'temporary congestion',
  'local limit exceeded',
  'called address unknown',
  'protocol version not supported',
  'default context not supported',
  'user data not readable',
  'no PSAP available',
  'authentication type not recognized',
  'invalid checksum',
];

/** NDR in 32 and in 64 bits, and the pseudo-syntax of bind time feature negotiation (MS-RPCE 2.2.4.12 to 2.2.4.14). */
const NDR = '8a885d04-1ceb-11c9-9fe8-08002b104860';
const NDR64 = '71710533-beba-4937-8319-b5dbef9ccc36';

/** Presentation contexts, interface records and calls under way per connection. Windows uses a handful of each. */
const MAX_CONTEXTS = 32;
const MAX_BOUND = 64;
const MAX_CALLS = 64;
const MAX_ENDPOINTS = 16;
const MAX_STRINGS = 8;
const MAX_STRING = 256;

/** One presentation context of a bind or alter context. */
export interface RpcContext {
  readonly id: number;
  readonly uuid: string;
  /** '1.0': major and minor. */
  readonly version: string;
  /** Undefined when the interface is not in the table. */
  readonly known: RpcInterface | undefined;
  /** 'ndr', 'ndr64', 'feature negotiation', or the UUID of the first transfer syntax offered. */
  readonly transferSyntax: string;
}

/** One answer, or the question, of the endpoint mapper: an interface and where it listens (C706 appendix L, protocol towers). */
export interface RpcEndpoint {
  readonly uuid: string;
  readonly version: string;
  /** Name of the interface; the UUID where it is not in the table. */
  readonly interfaceName: string;
  /** 'tcp', 'udp', 'http', 'pipe' or 'other'. */
  readonly transport: string;
  /** TCP, UDP or HTTP port; -1 where there is none. A question has 135. */
  readonly port: number;
  /** IPv4 address, '' where there is none. */
  readonly address: string;
  /** Pipe name, '' where there is none. */
  readonly pipe: string;
}

/** One PDU; the object is reused for every PDU of a walk, so a visitor copies what it keeps. */
export class RpcMessage {
  /** Where the PDU begins and ends in the buffer; `end` as far as it is there. */
  at = 0;
  end = 0;
  isCut = false;
  isMalformed = false;
  /** PDU type number, `rpcTypeName` says its name. */
  type = 0;
  isFirst = false;
  isLast = false;
  isLittleEndian = true;
  callId = 0;
  fragmentBytes = 0;
  /** 'ntlm', 'spnego', ...; undefined where the PDU has no authentication trailer. */
  authType: string | undefined;
  /** 'connect', 'integrity', 'privacy', ... */
  authLevel: string | undefined;
  /** Token of the trailer in a bind, alter context or auth3, for `decodeGss`; empty where there is none. In requests it is a signature. */
  tokenAt = 0;
  tokenEnd = 0;
  /** Contexts that a bind or alter context asks for. */
  contexts: RpcContext[] = [];
  /** For each context of an answer: true where it was accepted. At most 32. */
  accepted: boolean[] = [];
  /** Address that the answer to a bind names: a port, or a pipe such as '\PIPE\svcctl'. */
  secondaryAddress: string | undefined;
  /** Why a bind was refused. */
  rejection: string | undefined;
  /** Context of a request, response or fault; -1 elsewhere. */
  contextId = -1;
  /** Operation number; of a response only where its request was seen, else -1. */
  operation = -1;
  /** UUID of the interface; undefined where its bind was not seen. */
  interfaceUuid: string | undefined;
  /** Name of the interface: from the table, else its UUID. */
  interfaceName: string | undefined;
  /** Name of the operation; 'operation-7' where the table has none. */
  operationName: string | undefined;
  /** UUID of the object called (DCOM: the interface pointer). */
  objectUuid: string | undefined;
  /** Status of a fault; 0 elsewhere. */
  status = 0;
  /** Arguments or results: [stubAt, stubEnd), without padding and trailer. */
  stubAt = 0;
  stubEnd = 0;
  /** True where the level is privacy: the stub is noise. */
  isEncrypted = false;
  /** What the endpoint mapper is asked for or answers. */
  endpoints: RpcEndpoint[] = [];

  clear(): void {
    this.at = 0;
    this.end = 0;
    this.isCut = false;
    this.isMalformed = false;
    this.type = 0;
    this.isFirst = false;
    this.isLast = false;
    this.isLittleEndian = true;
    this.callId = 0;
    this.fragmentBytes = 0;
    this.authType = undefined;
    this.authLevel = undefined;
    this.tokenAt = 0;
    this.tokenEnd = 0;
    this.contexts.length = 0;
    this.accepted.length = 0;
    this.secondaryAddress = undefined;
    this.rejection = undefined;
    this.contextId = -1;
    this.operation = -1;
    this.interfaceUuid = undefined;
    this.interfaceName = undefined;
    this.operationName = undefined;
    this.objectUuid = undefined;
    this.status = 0;
    this.stubAt = 0;
    this.stubEnd = 0;
    this.isEncrypted = false;
    this.endpoints.length = 0;
  }
}

/** 'request', 'bind_ack', ... or 'type-23'. */
export function rpcTypeName(type: number): string {
  return TYPES[type] ?? `type-${type}`;
}

/** True where a PDU of connection-oriented DCE-RPC plausibly begins. */
export function looksLikeRpc(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < HEADER_BYTES) return false;
  const length = u16(bytes, at + FRAGMENT_LENGTH, (bytes[at + DATA_REPRESENTATION] & 0xf0) !== 0);
  return (
    bytes[at] === 5 &&
    bytes[at + 1] <= 1 &&
    bytes[at + TYPE] < TYPES.length &&
    // Character set 0 or 1, byte order 0 or 1, floating point format 0 to 3, two bytes reserved (C706 14.1).
    (bytes[at + DATA_REPRESENTATION] & 0xee) === 0 &&
    bytes[at + DATA_REPRESENTATION + 1] <= 3 &&
    bytes[at + DATA_REPRESENTATION + 2] === 0 &&
    bytes[at + DATA_REPRESENTATION + 3] === 0 &&
    length >= HEADER_BYTES
  );
}

/**
 * What one connection, or one open pipe, has bound and called so far. Both directions may be given to it, in any pieces that begin at a PDU; the
 * client's side first, or answers are without names. State is bounded: beyond 64 contexts new ones are refused and counted in `refused`, beyond 64
 * calls without an answer the oldest is forgotten.
 */
export class RpcConnection {
  /** Contexts that were not remembered because the connection had too many. */
  refused = 0;
  #bound = new Map<number, RpcContext>();
  /** Call id to context id × 65536 + operation. */
  #calls = new Map<number, number>();
  #message = new RpcMessage();

  /**
   * Reads the PDUs in [at, end) and calls `visit` after each; the last may be cut.
   * @returns where the first PDU begins that was not read; `at` when there is none.
   */
  walk(bytes: Uint8Array, at: number, end: number, visit: (message: RpcMessage) => void): number {
    let here = at;
    while (looksLikeRpc(bytes, here, end)) {
      this.#read(bytes, here, end, this.#message);
      const next = here + this.#message.fragmentBytes;
      visit(this.#message);
      here = next;
    }
    return Math.min(here, end);
  }

  /** What is bound under a context id. */
  context(id: number): RpcContext | undefined {
    return this.#bound.get(id);
  }

  #read(bytes: Uint8Array, at: number, end: number, into: RpcMessage): void {
    into.clear();
    const isLittle = (bytes[at + DATA_REPRESENTATION] & 0xf0) !== 0;
    const length = u16(bytes, at + FRAGMENT_LENGTH, isLittle);
    into.at = at;
    into.end = Math.min(at + length, end);
    into.isCut = at + length > end;
    into.type = bytes[at + TYPE];
    into.isFirst = (bytes[at + FLAGS] & FLAG_FIRST) !== 0;
    into.isLast = (bytes[at + FLAGS] & FLAG_LAST) !== 0;
    into.isLittleEndian = isLittle;
    into.callId = u32(bytes, at + CALL_ID, isLittle);
    into.fragmentBytes = length;
    const bodyEnd = readTrailer(bytes, at, length, into);
    const body = at + HEADER_BYTES;
    switch (into.type) {
      case BIND:
      case ALTER_CONTEXT:
        this.#readBind(bytes, body, bodyEnd, into);
        break;
      case BIND_ACK:
      case ALTER_CONTEXT_RESPONSE:
        readBindAck(bytes, at, bodyEnd, into);
        break;
      case BIND_NAK:
        if (body + 2 <= bodyEnd) {
          const reason = u16(bytes, body, isLittle);
          into.rejection = REJECTIONS[reason] ?? `reason ${reason}`;
        }
        break;
      case REQUEST:
      case RESPONSE:
      case FAULT:
        this.#readCall(bytes, body, bodyEnd, into);
        break;
    }
  }

  /** max_xmit(2) max_recv(2) association(4) count(1) reserved(3), then the contexts: id(2) syntaxes(1) reserved(1) interface(20) syntaxes(n × 20). */
  #readBind(bytes: Uint8Array, body: number, end: number, into: RpcMessage): void {
    if (body + 12 > end) return;
    const isLittle = into.isLittleEndian;
    const count = bytes[body + 8];
    let here = body + 12;
    for (let i = 0; i < count && i < MAX_CONTEXTS && here + 24 <= end; i++) {
      const uuid = uuidText(bytes, here + 4, isLittle);
      const syntaxes = bytes[here + 2];
      const context: RpcContext = {
        id: u16(bytes, here, isLittle),
        uuid,
        version: versionText(bytes, here + 20, isLittle),
        known: rpcInterface(uuid),
        transferSyntax:
          syntaxes > 0 && here + 44 <= end ? transferSyntaxName(uuidText(bytes, here + 24, isLittle)) : 'none',
      };
      into.contexts.push(context);
      if (this.#bound.has(context.id) || this.#bound.size < MAX_BOUND) this.#bound.set(context.id, context);
      else this.refused++;
      here += 24 + 20 * syntaxes;
    }
    if (into.contexts.length > 0) {
      into.interfaceUuid = into.contexts[0].uuid;
      into.interfaceName = into.contexts[0].known?.name ?? into.contexts[0].uuid;
    }
  }

  /** Request: hint(4) context(2) operation(2) [object(16)]; response: hint(4) context(2) cancels(1) reserved(1); fault: the same and status(4) reserved(4). */
  #readCall(bytes: Uint8Array, body: number, end: number, into: RpcMessage): void {
    if (body + 8 > end) return;
    const isLittle = into.isLittleEndian;
    into.contextId = u16(bytes, body + 4, isLittle);
    let stub = body + 8;
    if (into.type === REQUEST) {
      into.operation = u16(bytes, body + 6, isLittle);
      if ((bytes[into.at + FLAGS] & FLAG_OBJECT) !== 0) {
        if (stub + 16 <= end) into.objectUuid = uuidText(bytes, stub, isLittle);
        stub += 16;
      }
      if (into.isFirst) this.#remember(into);
    } else {
      const call = this.#calls.get(into.callId);
      if (call !== undefined && Math.floor(call / 65536) === into.contextId) into.operation = call & 0xffff;
      if (into.isLast) this.#calls.delete(into.callId);
      if (into.type === FAULT) {
        if (stub + 4 <= end) into.status = u32(bytes, stub, isLittle);
        stub += 8;
      }
    }
    const context = this.#bound.get(into.contextId);
    if (context !== undefined) {
      into.interfaceUuid = context.uuid;
      into.interfaceName = context.known?.name ?? context.uuid;
      if (into.operation >= 0)
        into.operationName = context.known?.operations[into.operation] ?? `operation-${into.operation}`;
    }
    into.stubAt = Math.min(stub, end);
    into.stubEnd = end;
    into.isEncrypted = into.authLevel === 'privacy';
    if (context?.known?.name === 'epmapper' && into.operation === 3 && into.isFirst && !into.isEncrypted)
      readTowers(bytes, into.stubAt, end, into.endpoints);
  }

  #remember(call: RpcMessage): void {
    if (!this.#calls.has(call.callId) && this.#calls.size >= MAX_CALLS)
      for (const oldest of this.#calls.keys()) {
        this.#calls.delete(oldest);
        break;
      }
    this.#calls.set(call.callId, call.contextId * 65536 + call.operation);
  }
}

/** The authentication trailer: type(1) level(1) padding(1) reserved(1) context(4), then the token. Returns where the body ends. */
function readTrailer(bytes: Uint8Array, at: number, length: number, into: RpcMessage): number {
  const authLength = u16(bytes, at + AUTH_LENGTH, into.isLittleEndian);
  if (authLength === 0) return into.end;
  const trailer = at + length - authLength - AUTH_TRAILER_BYTES;
  if (trailer < at + HEADER_BYTES) {
    into.isMalformed = true;
    return into.end;
  }
  // A cut PDU has lost its trailer; its body may then hold the padding.
  if (trailer + AUTH_TRAILER_BYTES > into.end) return Math.min(into.end, trailer);
  const type = bytes[trailer];
  const level = bytes[trailer + 1];
  into.authType = AUTH_TYPES.get(type) ?? `type-${type}`;
  into.authLevel = AUTH_LEVELS[level] ?? `level-${level}`;
  into.tokenAt = trailer + AUTH_TRAILER_BYTES;
  into.tokenEnd = Math.min(into.tokenAt + authLength, into.end);
  return Math.max(at + HEADER_BYTES, trailer - bytes[trailer + 2]);
}

/** max_xmit(2) max_recv(2) association(4), secondary address: length(2) text, padding to 4, count(1) reserved(3), results: result(2) reason(2) syntax(20). */
function readBindAck(bytes: Uint8Array, at: number, end: number, into: RpcMessage): void {
  const isLittle = into.isLittleEndian;
  const address = at + HEADER_BYTES + 8;
  if (address + 2 > end) return;
  const length = u16(bytes, address, isLittle);
  if (address + 2 + length > end) return;
  if (length > 0) into.secondaryAddress = oemText(bytes, address + 2, address + 2 + length, 128);
  let here = at + ((address + 2 + length - at + 3) & ~3);
  if (here + 4 > end) return;
  const count = bytes[here];
  here += 4;
  for (let i = 0; i < count && i < MAX_CONTEXTS && here + 4 <= end; i++, here += 24)
    into.accepted.push(u16(bytes, here, isLittle) === 0);
}

function transferSyntaxName(uuid: string): string {
  if (uuid === NDR) return 'ndr';
  if (uuid === NDR64) return 'ndr64';
  // The first eight bytes are fixed, the last hold the features (MS-RPCE 2.2.2.14).
  return uuid.startsWith('6cb71c2c-9812-4540-') ? 'feature negotiation' : uuid;
}

function versionText(bytes: Uint8Array, at: number, isLittle: boolean): string {
  const version = u32(bytes, at, isLittle);
  return `${version & 0xffff}.${version >>> 16}`;
}

/**
 * The towers of an ept_map question or answer. They are found by the first bytes of their interface floor (left side of 19 bytes, protocol 0x0d), so
 * that the pointers around them, of which NDR and NDR64 have different ones, need not be followed. Towers are little-endian in any message.
 */
function readTowers(bytes: Uint8Array, from: number, end: number, into: RpcEndpoint[]): void {
  for (let at = from; at + 25 <= end && into.length < MAX_ENDPOINTS; ) {
    const floors = bytes[at] | (bytes[at + 1] << 8);
    const isTower = floors >= 3 && floors <= 8 && bytes[at + 2] === 19 && bytes[at + 3] === 0 && bytes[at + 4] === 0x0d;
    if (!isTower) {
      at++;
      continue;
    }
    at = readTower(bytes, at, floors, end, into);
  }
}

function readTower(bytes: Uint8Array, at: number, floors: number, end: number, into: RpcEndpoint[]): number {
  const uuid = uuidText(bytes, at + 5);
  // The minor version is the right side of the floor: length(2) value(2).
  const minor = at + 27 <= end ? u16(bytes, at + 25, true) : 0;
  const version = `${u16(bytes, at + 21, true)}.${minor}`;
  let transport = 'other';
  let port = -1;
  let address = '';
  let pipe = '';
  let here = at + 2;
  for (let i = 0; i < floors && here + 2 <= end; i++) {
    const left = here + 2;
    const right = left + u16(bytes, here, true) + 2;
    if (right > end || right === left + 2) break;
    const length = u16(bytes, right - 2, true);
    if (right + length > end) break;
    const protocol = bytes[left];
    if ((protocol === 0x07 || protocol === 0x08 || protocol === 0x1f) && length === 2) {
      transport = protocol === 0x07 ? 'tcp' : protocol === 0x08 ? 'udp' : 'http';
      port = (bytes[right] << 8) | bytes[right + 1];
    } else if (protocol === 0x09 && length === 4) {
      address = `${bytes[right]}.${bytes[right + 1]}.${bytes[right + 2]}.${bytes[right + 3]}`;
    } else if (protocol === 0x0f || protocol === 0x10) {
      transport = 'pipe';
      pipe = oemText(bytes, right, right + length, 128);
    }
    here = right + length;
  }
  into.push({ uuid, version, interfaceName: rpcInterface(uuid)?.name ?? uuid, transport, port, address, pipe });
  return Math.max(here, at + 25);
}

/**
 * The UTF-16 strings among the arguments of a call, in order, at most 8 of 256 characters: a service and its command line (CreateServiceW), a path
 * that a server is told to open (EfsRpcOpenFileRaw), a task and its XML (SchRpcRegisterTask). Found by the shape that NDR gives them without knowing the
 * interface (C706 14.3.4.2: maximum count, offset 0, actual count, on a 4-byte boundary; NDR64 the same in 8 bytes), so a chance match in binary data is
 * possible though rare: all characters must be printable, and where there is no NUL behind them (counted names, as in SAMR and LSA) come from one page of
 * 256 characters besides Latin-1, so counted names in Chinese are missed. Meaningless where `isEncrypted`.
 */
export function rpcStrings(bytes: Uint8Array, message: RpcMessage): string[] {
  const found: string[] = [];
  if (message.isEncrypted) return found;
  const { stubAt, stubEnd } = message;
  let here = stubAt;
  while (here + 14 <= stubEnd && found.length < MAX_STRINGS) {
    const next = stringAt(bytes, message, here, 4, found) || stringAt(bytes, message, here, 8, found);
    here = next === 0 ? here + 4 : stubAt + ((next - stubAt + 3) & ~3);
  }
  return found;
}

/** Adds the string whose counts of `width` bytes begin at `at` and returns where it ends, or returns 0. */
function stringAt(bytes: Uint8Array, message: RpcMessage, at: number, width: 4 | 8, into: string[]): number {
  const { isLittleEndian: isLittle, stubEnd: end } = message;
  const goesOn = message.isCut || (message.isFirst && !message.isLast);
  const text = at + 3 * width;
  if (text + 2 > end) return 0;
  const maximum = u32(bytes, at, isLittle);
  const actual = u32(bytes, at + 2 * width, isLittle);
  if (actual < 2 || maximum < actual || u32(bytes, at + width, isLittle) !== 0) return 0;
  if (
    width === 8 &&
    (u32(bytes, at + 4, isLittle) | u32(bytes, at + 12, isLittle) | u32(bytes, at + 20, isLittle)) !== 0
  )
    return 0;
  if (actual > 0x100000) return 0;
  // What goes on in the next fragment is told as far as it is here.
  const isWhole = text + 2 * actual <= end;
  if (!isWhole && !goesOn) return 0;
  let units = isWhole ? actual : (end - text) >> 1;
  const isTerminated = isWhole && u16(bytes, text + 2 * units - 2, isLittle) === 0;
  if (isTerminated) units--;
  const shown = Math.min(units, MAX_STRING);
  let page = -1;
  for (let i = 0; i < shown; i++) {
    const unit = u16(bytes, text + 2 * i, isLittle);
    if (unit < 9 || (unit > 13 && unit < 32) || unit === 0xffff || unit === 0xfffe) return 0;
    if (unit > 0xff && !isTerminated) {
      if (page >= 0 && unit >> 8 !== page) return 0;
      page = unit >> 8;
    }
  }
  const shownText = isLittle
    ? utf16Text(bytes, text, text + 2 * shown)
    : utf16Text(swapped(bytes, text, shown), 0, 2 * shown);
  into.push(isWhole ? shownText : `${shownText}…`);
  return text + 2 * actual;
}

function swapped(bytes: Uint8Array, from: number, units: number): Uint8Array {
  return Uint8Array.from({ length: 2 * units }, (_, i) => bytes[from + (i ^ 1)]);
}

function u16(bytes: Uint8Array, at: number, isLittle: boolean): number {
  return isLittle ? bytes[at] | (bytes[at + 1] << 8) : (bytes[at] << 8) | bytes[at + 1];
}

function u32(bytes: Uint8Array, at: number, isLittle: boolean): number {
  return isLittle
    ? (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
    : ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export interface RpcFields {
  type: 'bind' | 'bind_ack' | 'request' | 'response' | 'fault';
  callId?: number;
  /** Contexts of a bind; of a bind_ack their number is the number of results, all accepted. */
  contexts?: readonly { id: number; uuid: string; version?: number }[];
  contextId?: number;
  operation?: number;
  objectUuid?: string;
  status?: number;
  stub?: Uint8Array;
  secondaryAddress?: string;
  /** Number of the security provider (10 NTLM), level (6 privacy) and token of the trailer. */
  auth?: { type: number; level: number; token: Uint8Array };
  isFirst?: boolean;
  isLast?: boolean;
}

/** One PDU, little-endian. */
export function encodeRpc(fields: RpcFields): Uint8Array {
  const { type, contexts = [], stub = new Uint8Array(0), auth, isFirst = true, isLast = true } = fields;
  const out = new LittleWriter()
    .u8(5)
    .u8(0)
    .u8(TYPES.indexOf(type))
    .u8((isFirst ? FLAG_FIRST : 0) | (isLast ? FLAG_LAST : 0) | (fields.objectUuid === undefined ? 0 : FLAG_OBJECT))
    .u32(0x10)
    .u16(0)
    .u16(auth?.token.length ?? 0)
    .u32(fields.callId ?? 1);
  if (type === 'bind') {
    out.u16(4280).u16(4280).u32(0).u8(contexts.length).zeros(3);
    for (const context of contexts)
      out
        .u16(context.id)
        .u16(1)
        .bytes(uuidBytes(context.uuid))
        .u32(context.version ?? 1)
        .bytes(uuidBytes(NDR))
        .u32(2);
  } else if (type === 'bind_ack') {
    const address = fields.secondaryAddress ?? '';
    out.u16(4280).u16(4280).u32(1);
    out
      .u16(address.length + 1)
      .text(address)
      .u8(0)
      .align(4)
      .u8(contexts.length)
      .zeros(3);
    for (const _ of contexts) out.u32(0).bytes(uuidBytes(NDR)).u32(2);
  } else {
    out.u32(stub.length).u16(fields.contextId ?? 0);
    if (type === 'request') {
      out.u16(fields.operation ?? 0);
      if (fields.objectUuid !== undefined) out.bytes(uuidBytes(fields.objectUuid));
    } else {
      out.u16(0);
      if (type === 'fault') out.u32(fields.status ?? 0).u32(0);
    }
    out.bytes(stub);
  }
  if (auth !== undefined) {
    const padding = (4 - (out.length % 4)) % 4;
    out.zeros(padding).u8(auth.type).u8(auth.level).u8(padding).u8(0).u32(0).bytes(auth.token);
  }
  return out.setU16(FRAGMENT_LENGTH, out.length).finish();
}

/** 'request svcctl.CreateServiceW', 'bind drsuapi 4.0 (kerberos, privacy)', 'fault samr.SamrConnect5 rpc_s_access_denied'. */
export function summarizeRpc(message: RpcMessage): string {
  const parts = [rpcTypeName(message.type)];
  if (message.contexts.length > 0)
    parts.push(
      message.contexts.map((context) => `${context.known?.name ?? context.uuid} ${context.version}`).join(', '),
    );
  else if (message.operationName !== undefined) parts.push(`${message.interfaceName}.${message.operationName}`);
  else if (message.operation >= 0) parts.push(`operation ${message.operation} of context ${message.contextId}`);
  else if (message.contextId >= 0) parts.push(message.interfaceName ?? `context ${message.contextId}`);
  if (message.type === FAULT) parts.push(rpcFaultName(message.status));
  if (message.rejection !== undefined) parts.push(message.rejection);
  for (const endpoint of message.endpoints)
    parts.push(`${endpoint.interfaceName}${endpoint.port < 0 ? '' : ` ${endpoint.transport}/${endpoint.port}`}`);
  if (message.authType !== undefined) parts.push(`(${message.authType}, ${message.authLevel})`);
  return parts.join(' ');
}
