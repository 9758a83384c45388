import {
  type BerElement,
  berBits,
  berChildren,
  berInteger,
  berText,
  encodeBer,
  encodeBerInteger,
  findBer,
  readBer,
} from './ber.ts';
import { ByteWriter, utf8Bytes } from './bytes.ts';

/**
 * Kerberos 5 messages, RFC 4120 section 5, with Microsoft's additions (MS-KILE, MS-SFU): who asks whom for a ticket to what, and with which ciphers. Over
 * UDP a message stands alone, over TCP behind a four-byte length (section 7.2.2). Tickets, authenticators and other secrets are never returned.
 */

const LENGTH_BYTES = 4;

/** Application tags of section 5.10 as identifier bytes. */
const TYPES: ReadonlyMap<number, KerberosType> = new Map([
  [0x6a, 'AS-REQ'],
  [0x6b, 'AS-REP'],
  [0x6c, 'TGS-REQ'],
  [0x6d, 'TGS-REP'],
  [0x6e, 'AP-REQ'],
  [0x6f, 'AP-REP'],
  [0x74, 'KRB-SAFE'],
  [0x75, 'KRB-PRIV'],
  [0x76, 'KRB-CRED'],
  [0x7e, 'KRB-ERROR'],
]);

export type KerberosType =
  | 'AS-REQ'
  | 'AS-REP'
  | 'TGS-REQ'
  | 'TGS-REP'
  | 'AP-REQ'
  | 'AP-REP'
  | 'KRB-SAFE'
  | 'KRB-PRIV'
  | 'KRB-CRED'
  | 'KRB-ERROR';

const TICKET = 0x61;
/** Context-specific and constructed: [0] to [30]. */
const CONTEXT = 0xa0;

const PA_TGS_REQ = 1;
const PA_ENC_TIMESTAMP = 2;
const PA_FOR_USER = 129;

const MAX_LIST = 32;
/** Principal names have two or three parts in practice. */
const MAX_PARTS = 8;
/** A KDC answers at most 64 KiB over UDP; authorization data may make a TCP answer larger. */
const MAX_MESSAGE = 0x100000;

export interface KerberosMessage {
  readonly type: KerberosType;
  /** cname, its parts joined by '/': 'alice', 'host/ws1.corp.example'. Undefined where the message has none, or keeps it encrypted. */
  readonly client: string | undefined;
  /** Realm of the client in replies and errors, of the KDC in requests, of the ticket in an AP-REQ. */
  readonly realm: string | undefined;
  /** sname of the request body, the ticket or the error: 'krbtgt/CORP.EXAMPLE', 'cifs/server'. */
  readonly service: string | undefined;
  /** KDC options of a request, AP options of an AP-REQ; bit 0 of the RFC is the highest. `kerberosOptionNames` names them. */
  readonly options: number | undefined;
  /** Encryption types that a request offers, most wanted first; those of ETYPE-INFO2 in an error. At most 32. `kerberosEncryptionName` names them. */
  readonly encryptionTypes: readonly number[];
  /** Encryption type of the ticket in a reply, or in an AP-REQ or TGS-REQ that presents one. */
  readonly ticketEncryption: number | undefined;
  /** Encryption type of a reply's own part: the client's long-term key in an AS-REP, the session key in a TGS-REP. */
  readonly replyEncryption: number | undefined;
  /** Types of the pre-authentication data, in order; of METHOD-DATA in an error. At most 32. */
  readonly preauthentication: readonly number[];
  /** Encryption type of an encrypted timestamp: the kind of key that the client proves to have. */
  readonly timestampEncryption: number | undefined;
  /** User on whose behalf a TGS-REQ asks: S4U2self (MS-SFU 2.2.1), 'alice@CORP.EXAMPLE'. */
  readonly forUser: string | undefined;
  /** Asked end of the ticket as sent: '20370913024805Z'. */
  readonly till: string | undefined;
  readonly errorCode: number | undefined;
  readonly errorText: string | undefined;
  /** True where the message goes on behind the bytes that are there; what came before is filled in. */
  readonly isCut: boolean;
}

type Draft = {
  -readonly [K in keyof KerberosMessage]: KerberosMessage[K] extends readonly number[] ? number[] : KerberosMessage[K];
};

/** What holds the fields of the message at [at, end), or undefined when it is none. */
function bodyOf(bytes: Uint8Array, at: number, end: number): BerElement | undefined {
  const type = at < end ? TYPES.get(bytes[at]) : undefined;
  if (type === undefined) return undefined;
  const outer = readBer(bytes, at, end);
  if (outer === undefined || outer.from >= outer.to || bytes[outer.from] !== 0x30) return undefined;
  const body = readBer(bytes, outer.from, outer.to);
  return body !== undefined && isVersion5(bytes, body, type) ? body : undefined;
}

/** Whether `decodeKerberos` takes [at, end) for a message. */
export function looksLikeKerberos(bytes: Uint8Array, at: number, end: number): boolean {
  return bodyOf(bytes, at, end) !== undefined;
}

/** The message at [at, end) without its TCP length, or undefined when it is none. */
export function decodeKerberos(bytes: Uint8Array, at: number, end: number): KerberosMessage | undefined {
  const body = bodyOf(bytes, at, end);
  const type = body === undefined ? undefined : TYPES.get(bytes[at]);
  if (body === undefined || type === undefined) return undefined;
  const message: Draft = {
    type,
    client: undefined,
    realm: undefined,
    service: undefined,
    options: undefined,
    encryptionTypes: [],
    ticketEncryption: undefined,
    replyEncryption: undefined,
    preauthentication: [],
    timestampEncryption: undefined,
    forUser: undefined,
    till: undefined,
    errorCode: undefined,
    errorText: undefined,
    isCut: body.cut || readBer(bytes, at, end)?.cut === true,
  };
  if (type === 'AS-REQ' || type === 'TGS-REQ') readRequest(bytes, body, message);
  else if (type === 'AS-REP' || type === 'TGS-REP') readReply(bytes, body, message);
  else if (type === 'AP-REQ') readApRequest(bytes, body, message);
  else if (type === 'KRB-ERROR') readError(bytes, body, message);
  else if (type === 'KRB-CRED') readCredential(bytes, body, message);
  return message;
}

/** pvno 5 comes first, then the message type, which repeats the tag: [1] and [2] in requests to a KDC, [0] and [1] elsewhere. */
function isVersion5(bytes: Uint8Array, body: BerElement, type: KerberosType): boolean {
  const base = type === 'AS-REQ' || type === 'TGS-REQ' ? 1 : 0;
  const version = integerOf(bytes, part(bytes, body, base));
  const number = integerOf(bytes, part(bytes, body, base + 1));
  return version === 5 && number !== undefined && TYPES.get(0x60 + number) === type;
}

/**
 * Reads the messages of one direction of a TCP connection in [at, end), which begins at a length, and calls `visit` for each; the last may be cut.
 * @returns where the first message begins that was not read: `at` when there is no Kerberos.
 */
export function walkKerberos(
  bytes: Uint8Array,
  at: number,
  end: number,
  visit: (message: KerberosMessage) => void,
): number {
  let here = at;
  while (here + LENGTH_BYTES < end) {
    const length = ((bytes[here] << 24) | (bytes[here + 1] << 16) | (bytes[here + 2] << 8) | bytes[here + 3]) >>> 0;
    if (length === 0 || length > MAX_MESSAGE) break;
    const from = here + LENGTH_BYTES;
    const message = decodeKerberos(bytes, from, Math.min(from + length, end));
    if (message === undefined) break;
    visit(message);
    here = from + length;
  }
  return Math.min(here, end);
}

function readRequest(bytes: Uint8Array, body: BerElement, into: Draft): void {
  readPreauthentication(bytes, part(bytes, body, 3), into);
  const fields = inner(bytes, part(bytes, body, 4));
  if (fields === undefined) return;
  const options = inner(bytes, part(bytes, fields, 0));
  if (options !== undefined) into.options = berBits(bytes, options);
  into.client = principal(bytes, part(bytes, fields, 1));
  into.realm = textOf(bytes, part(bytes, fields, 2));
  into.service = principal(bytes, part(bytes, fields, 3));
  into.till = textOf(bytes, part(bytes, fields, 5));
  const types = inner(bytes, part(bytes, fields, 8));
  if (types !== undefined)
    for (const element of berChildren(bytes, types, MAX_LIST)) {
      const type = berInteger(bytes, element);
      if (type !== undefined) into.encryptionTypes.push(type);
    }
}

function readReply(bytes: Uint8Array, body: BerElement, into: Draft): void {
  readPreauthentication(bytes, part(bytes, body, 2), into);
  into.realm = textOf(bytes, part(bytes, body, 3));
  into.client = principal(bytes, part(bytes, body, 4));
  readTicket(bytes, inner(bytes, part(bytes, body, 5)), into);
  into.replyEncryption = encryptionOf(bytes, part(bytes, body, 6));
}

function readApRequest(bytes: Uint8Array, body: BerElement, into: Draft): void {
  const options = inner(bytes, part(bytes, body, 2));
  if (options !== undefined) into.options = berBits(bytes, options);
  readTicket(bytes, inner(bytes, part(bytes, body, 3)), into);
}

function readCredential(bytes: Uint8Array, body: BerElement, into: Draft): void {
  const tickets = inner(bytes, part(bytes, body, 2));
  if (tickets !== undefined) readTicket(bytes, readBer(bytes, tickets.from, tickets.to), into);
}

function readError(bytes: Uint8Array, body: BerElement, into: Draft): void {
  into.errorCode = integerOf(bytes, part(bytes, body, 6));
  into.client = principal(bytes, part(bytes, body, 8));
  into.realm = textOf(bytes, part(bytes, body, 7)) ?? textOf(bytes, part(bytes, body, 9));
  into.service = principal(bytes, part(bytes, body, 10));
  into.errorText = textOf(bytes, part(bytes, body, 11));
  const data = inner(bytes, part(bytes, body, 12));
  // e-data of PREAUTH_REQUIRED and PREAUTH_FAILED is METHOD-DATA; of others it may be anything (5.9.1).
  if (data === undefined || (into.errorCode !== 24 && into.errorCode !== 25)) return;
  const methods = readBer(bytes, data.from, data.to);
  if (methods?.tag === 0x30) readMethods(bytes, methods, into);
}

/** [n] SEQUENCE OF PA-DATA. */
function readPreauthentication(bytes: Uint8Array, field: BerElement | undefined, into: Draft): void {
  const list = inner(bytes, field);
  if (list !== undefined) readMethods(bytes, list, into);
}

/** PA-DATA: [1] type, [2] value as an OCTET STRING. */
function readMethods(bytes: Uint8Array, list: BerElement, into: Draft): void {
  for (const element of berChildren(bytes, list, MAX_LIST)) {
    const type = integerOf(bytes, part(bytes, element, 1, 4));
    if (type === undefined) continue;
    into.preauthentication.push(type);
    const value = inner(bytes, part(bytes, element, 2, 4));
    if (value === undefined) continue;
    if (type === PA_ENC_TIMESTAMP) {
      const data = readBer(bytes, value.from, value.to);
      if (data?.tag === 0x30) into.timestampEncryption = integerOf(bytes, part(bytes, data, 0, 4));
    } else if (type === PA_TGS_REQ) {
      // Only an AP-REQ, which holds no further message: requests inside requests would never end.
      if (value.from < value.to && TYPES.get(bytes[value.from]) === 'AP-REQ')
        into.ticketEncryption = decodeKerberos(bytes, value.from, value.to)?.ticketEncryption;
    } else if (type === PA_FOR_USER) {
      // PA-FOR-USER: [0] userName PrincipalName, [1] userRealm, [2] checksum, [3] package.
      const user = readBer(bytes, value.from, value.to);
      if (user?.tag !== 0x30) continue;
      const name = principal(bytes, part(bytes, user, 0, 8));
      const realm = textOf(bytes, part(bytes, user, 1, 8));
      into.forUser = realm === undefined ? name : `${name ?? ''}@${realm}`;
    } else if (into.type === 'KRB-ERROR' && (type === 19 || type === 11)) readEncryptionInfo(bytes, value, into);
  }
}

/** ETYPE-INFO2 (19) or ETYPE-INFO (11), section 5.2.7.4 and 5.2.7.5: entries of [0] encryption type, [1] salt, .... */
function readEncryptionInfo(bytes: Uint8Array, value: BerElement, into: Draft): void {
  const list = readBer(bytes, value.from, value.to);
  if (list?.tag !== 0x30) return;
  for (const entry of berChildren(bytes, list, MAX_LIST)) {
    const type = integerOf(bytes, part(bytes, entry, 0, 4));
    if (type !== undefined && !into.encryptionTypes.includes(type) && into.encryptionTypes.length < MAX_LIST)
      into.encryptionTypes.push(type);
  }
}

/** Ticket, section 5.3: [APPLICATION 1] SEQUENCE of [0] version, [1] realm, [2] sname, [3] encrypted part. */
function readTicket(bytes: Uint8Array, ticket: BerElement | undefined, into: Draft): void {
  if (ticket?.tag !== TICKET) return;
  const body = readBer(bytes, ticket.from, ticket.to);
  if (body === undefined) return;
  into.realm ??= textOf(bytes, part(bytes, body, 1, 8));
  into.service = principal(bytes, part(bytes, body, 2, 8));
  into.ticketEncryption = encryptionOf(bytes, part(bytes, body, 3, 8));
}

/** Encryption type of the EncryptedData in a field. */
function encryptionOf(bytes: Uint8Array, field: BerElement | undefined): number | undefined {
  const data = inner(bytes, field);
  return data === undefined ? undefined : integerOf(bytes, part(bytes, data, 0, 4));
}

/** The field [number] among the first members of a SEQUENCE. */
function part(bytes: Uint8Array, parent: BerElement, number: number, max = MAX_LIST): BerElement | undefined {
  return findBer(bytes, parent, CONTEXT + number, max);
}

/** What stands inside an explicit tag. */
function inner(bytes: Uint8Array, field: BerElement | undefined): BerElement | undefined {
  return field === undefined ? undefined : readBer(bytes, field.from, field.to);
}

function integerOf(bytes: Uint8Array, field: BerElement | undefined): number | undefined {
  const element = inner(bytes, field);
  return element === undefined ? undefined : berInteger(bytes, element);
}

function textOf(bytes: Uint8Array, field: BerElement | undefined): string | undefined {
  const element = inner(bytes, field);
  return element === undefined || element.constructed ? undefined : berText(bytes, element);
}

/** PrincipalName, section 5.2.2: [0] type, [1] SEQUENCE OF string. */
function principal(bytes: Uint8Array, field: BerElement | undefined): string | undefined {
  const name = inner(bytes, field);
  if (name === undefined) return undefined;
  const strings = inner(bytes, part(bytes, name, 1, 4));
  if (strings === undefined) return undefined;
  let text: string | undefined;
  for (const element of berChildren(bytes, strings, MAX_PARTS)) {
    const one = berText(bytes, element);
    text = text === undefined ? one : `${text}/${one}`;
  }
  return text ?? '';
}

const ENCRYPTIONS: ReadonlyMap<number, string> = new Map([
  [0, 'null'],
  [1, 'des-cbc-crc'],
  [2, 'des-cbc-md4'],
  [3, 'des-cbc-md5'],
  [5, 'des3-cbc-md5'],
  [7, 'des3-cbc-sha1'],
  [16, 'des3-cbc-sha1-kd'],
  [17, 'aes128-cts-hmac-sha1-96'],
  [18, 'aes256-cts-hmac-sha1-96'],
  [19, 'aes128-cts-hmac-sha256-128'],
  [20, 'aes256-cts-hmac-sha384-192'],
  [23, 'rc4-hmac'],
  [24, 'rc4-hmac-exp'],
  [25, 'camellia128-cts-cmac'],
  [26, 'camellia256-cts-cmac'],
  [-128, 'rc4-md4'],
  [-133, 'rc4-hmac-old'],
  [-135, 'rc4-hmac-old-exp'],
]);

/** 'rc4-hmac', 'aes256-cts-hmac-sha1-96', ... (IANA Kerberos encryption type numbers) or 'etype-<n>'. */
export function kerberosEncryptionName(type: number): string {
  return ENCRYPTIONS.get(type) ?? `etype-${type}`;
}

/** True for the types whose tickets are quick to break offline: DES and RC4, which is what roasting asks for. */
export function isWeakKerberosEncryption(type: number): boolean {
  return (type >= 1 && type <= 3) || type === 23 || type === 24 || type === -128 || type === -133 || type === -135;
}

const PREAUTHENTICATIONS: ReadonlyMap<number, string> = new Map([
  [1, 'PA-TGS-REQ'],
  [2, 'PA-ENC-TIMESTAMP'],
  [3, 'PA-PW-SALT'],
  [11, 'PA-ETYPE-INFO'],
  [14, 'PA-PK-AS-REQ-OLD'],
  [15, 'PA-PK-AS-REP-OLD'],
  [16, 'PA-PK-AS-REQ'],
  [17, 'PA-PK-AS-REP'],
  [19, 'PA-ETYPE-INFO2'],
  [128, 'PA-PAC-REQUEST'],
  [129, 'PA-FOR-USER'],
  [130, 'PA-FOR-X509-USER'],
  [132, 'PA-AS-CHECKSUM'],
  [133, 'PA-FX-COOKIE'],
  [136, 'PA-FX-FAST'],
  [137, 'PA-FX-ERROR'],
  [138, 'PA-ENCRYPTED-CHALLENGE'],
  [147, 'PA-PKINIT-KX'],
  [149, 'PA-REQ-ENC-PA-REP'],
  [150, 'PA-AS-FRESHNESS'],
  [151, 'PA-SPAKE'],
  [161, 'KERB-KEY-LIST-REQ'],
  [162, 'KERB-KEY-LIST-REP'],
  [165, 'PA-SUPPORTED-ENCTYPES'],
  [166, 'PA-EXTENDED-ERROR'],
  [167, 'PA-PAC-OPTIONS'],
]);

/** 'PA-ENC-TIMESTAMP', ... or 'PA-<n>'. */
export function kerberosPreauthenticationName(type: number): string {
  return PREAUTHENTICATIONS.get(type) ?? `PA-${type}`;
}

/** True where an AS-REQ proves a key (timestamp, challenge, certificate, SPAKE) or hides the proof inside FAST. An AS-REP to one without it can be roasted. */
export function provesKerberosKey(message: KerberosMessage): boolean {
  return message.preauthentication.some((type) => [2, 14, 16, 136, 138, 151].includes(type));
}

/** Bit of the RFC, name. Sections 5.4.1 (KDC options), MS-SFU 2.2.3 (cname-in-addl-tkt). */
const OPTIONS: readonly (readonly [number, string])[] = [
  [1, 'forwardable'],
  [2, 'forwarded'],
  [3, 'proxiable'],
  [4, 'proxy'],
  [5, 'allow-postdate'],
  [6, 'postdated'],
  [8, 'renewable'],
  [14, 'cname-in-addl-tkt'],
  [15, 'canonicalize'],
  [16, 'request-anonymous'],
  [26, 'disable-transited-check'],
  [27, 'renewable-ok'],
  [28, 'enc-tkt-in-skey'],
  [30, 'renew'],
  [31, 'validate'],
];

/** Names of the KDC options that are set in a request. */
export function kerberosOptionNames(options: number): string[] {
  return OPTIONS.filter(([bit]) => ((options >>> (31 - bit)) & 1) === 1).map(([, name]) => name);
}

const ERRORS: ReadonlyMap<number, string> = new Map([
  [0, 'KDC_ERR_NONE'],
  [1, 'KDC_ERR_NAME_EXP'],
  [2, 'KDC_ERR_SERVICE_EXP'],
  [3, 'KDC_ERR_BAD_PVNO'],
  [4, 'KDC_ERR_C_OLD_MAST_KVNO'],
  [5, 'KDC_ERR_S_OLD_MAST_KVNO'],
  [6, 'KDC_ERR_C_PRINCIPAL_UNKNOWN'],
  [7, 'KDC_ERR_S_PRINCIPAL_UNKNOWN'],
  [8, 'KDC_ERR_PRINCIPAL_NOT_UNIQUE'],
  [9, 'KDC_ERR_NULL_KEY'],
  [10, 'KDC_ERR_CANNOT_POSTDATE'],
  [11, 'KDC_ERR_NEVER_VALID'],
  [12, 'KDC_ERR_POLICY'],
  [13, 'KDC_ERR_BADOPTION'],
  [14, 'KDC_ERR_ETYPE_NOSUPP'],
  [15, 'KDC_ERR_SUMTYPE_NOSUPP'],
  [16, 'KDC_ERR_PADATA_TYPE_NOSUPP'],
  [17, 'KDC_ERR_TRTYPE_NOSUPP'],
  [18, 'KDC_ERR_CLIENT_REVOKED'],
  [19, 'KDC_ERR_SERVICE_REVOKED'],
  [20, 'KDC_ERR_TGT_REVOKED'],
  [21, 'KDC_ERR_CLIENT_NOTYET'],
  [22, 'KDC_ERR_SERVICE_NOTYET'],
  [23, 'KDC_ERR_KEY_EXPIRED'],
  [24, 'KDC_ERR_PREAUTH_FAILED'],
  [25, 'KDC_ERR_PREAUTH_REQUIRED'],
  [26, 'KDC_ERR_SERVER_NOMATCH'],
  [27, 'KDC_ERR_MUST_USE_USER2USER'],
  [28, 'KDC_ERR_PATH_NOT_ACCEPTED'],
  [29, 'KDC_ERR_SVC_UNAVAILABLE'],
  [31, 'KRB_AP_ERR_BAD_INTEGRITY'],
  [32, 'KRB_AP_ERR_TKT_EXPIRED'],
  [33, 'KRB_AP_ERR_TKT_NYV'],
  [34, 'KRB_AP_ERR_REPEAT'],
  [35, 'KRB_AP_ERR_NOT_US'],
  [36, 'KRB_AP_ERR_BADMATCH'],
  [37, 'KRB_AP_ERR_SKEW'],
  [38, 'KRB_AP_ERR_BADADDR'],
  [39, 'KRB_AP_ERR_BADVERSION'],
  [40, 'KRB_AP_ERR_MSG_TYPE'],
  [41, 'KRB_AP_ERR_MODIFIED'],
  [42, 'KRB_AP_ERR_BADORDER'],
  [44, 'KRB_AP_ERR_BADKEYVER'],
  [45, 'KRB_AP_ERR_NOKEY'],
  [46, 'KRB_AP_ERR_MUT_FAIL'],
  [47, 'KRB_AP_ERR_BADDIRECTION'],
  [48, 'KRB_AP_ERR_METHOD'],
  [49, 'KRB_AP_ERR_BADSEQ'],
  [50, 'KRB_AP_ERR_INAPP_CKSUM'],
  [51, 'KRB_AP_PATH_NOT_ACCEPTED'],
  [52, 'KRB_ERR_RESPONSE_TOO_BIG'],
  [60, 'KRB_ERR_GENERIC'],
  [61, 'KRB_ERR_FIELD_TOOLONG'],
  [62, 'KDC_ERR_CLIENT_NOT_TRUSTED'],
  [63, 'KDC_ERR_KDC_NOT_TRUSTED'],
  [64, 'KDC_ERR_INVALID_SIG'],
  [65, 'KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED'],
  [66, 'KDC_ERR_CERTIFICATE_MISMATCH'],
  [67, 'KRB_AP_ERR_NO_TGT'],
  [68, 'KDC_ERR_WRONG_REALM'],
  [69, 'KRB_AP_ERR_USER_TO_USER_REQUIRED'],
  [70, 'KDC_ERR_CANT_VERIFY_CERTIFICATE'],
  [71, 'KDC_ERR_INVALID_CERTIFICATE'],
  [72, 'KDC_ERR_REVOKED_CERTIFICATE'],
  [73, 'KDC_ERR_REVOCATION_STATUS_UNKNOWN'],
  [75, 'KDC_ERR_CLIENT_NAME_MISMATCH'],
  [90, 'KDC_ERR_PREAUTH_EXPIRED'],
  [91, 'KDC_ERR_MORE_PREAUTH_DATA_REQUIRED'],
  [93, 'KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS'],
]);

/** 'KDC_ERR_PREAUTH_FAILED', ... (RFC 4120 section 7.5.9, RFC 4556, RFC 6113) or 'error-<n>'. */
export function kerberosErrorName(code: number): string {
  return ERRORS.get(code) ?? `error-${code}`;
}

export interface KerberosFields {
  type: 'AS-REQ' | 'AS-REP' | 'TGS-REQ' | 'TGS-REP' | 'AP-REQ' | 'KRB-ERROR';
  client?: string;
  realm?: string;
  service?: string;
  options?: number;
  encryptionTypes?: readonly number[];
  ticketEncryption?: number;
  replyEncryption?: number;
  /** Types other than the timestamp and the presented ticket, which follow from the fields above and below. */
  preauthentication?: readonly number[];
  timestampEncryption?: number;
  till?: string;
  errorCode?: number;
  errorText?: string;
}

/** A message with the named fields; what is encrypted is zero bytes. */
export function encodeKerberos(fields: KerberosFields): Uint8Array {
  const { type, client, realm = '', service, encryptionTypes = [], preauthentication = [] } = fields;
  const context = (number: number, ...content: Uint8Array[]): Uint8Array => encodeBer(CONTEXT + number, ...content);
  const sequence = (...content: Uint8Array[]): Uint8Array => encodeBer(0x30, ...content);
  const integer = (number: number, value: number): Uint8Array => context(number, encodeBerInteger(value));
  const text = (number: number, value: string, tag = 0x1b): Uint8Array =>
    context(number, encodeBer(tag, utf8Bytes(value)));
  const name = (number: number, value: string): Uint8Array =>
    context(
      number,
      sequence(
        integer(0, 1),
        context(1, sequence(...value.split('/').map((word) => encodeBer(0x1b, utf8Bytes(word))))),
      ),
    );
  const optional = (value: string | undefined, make: (value: string) => Uint8Array): Uint8Array[] =>
    value === undefined ? [] : [make(value)];
  const bits = (number: number, value: number): Uint8Array =>
    context(number, encodeBer(3, Uint8Array.of(0, value >>> 24, value >>> 16, value >>> 8, value)));
  const encrypted = (encryption: number): Uint8Array =>
    sequence(integer(0, encryption), context(2, encodeBer(4, new Uint8Array(16))));
  const ticket = (encryption: number): Uint8Array =>
    encodeBer(
      TICKET,
      sequence(integer(0, 5), text(1, realm), name(2, service ?? ''), context(3, encrypted(encryption))),
    );
  const number = { 'AS-REQ': 10, 'AS-REP': 11, 'TGS-REQ': 12, 'TGS-REP': 13, 'AP-REQ': 14, 'KRB-ERROR': 30 }[type];
  const whole = (...content: Uint8Array[]): Uint8Array => encodeBer(0x60 + number, sequence(...content));
  const method = (kind: number, value: Uint8Array): Uint8Array =>
    sequence(integer(1, kind), context(2, encodeBer(4, value)));
  const methods = preauthentication.map((kind) => method(kind, new Uint8Array(0)));
  if (fields.timestampEncryption !== undefined)
    methods.push(method(PA_ENC_TIMESTAMP, encrypted(fields.timestampEncryption)));
  if (type === 'TGS-REQ' && fields.ticketEncryption !== undefined)
    methods.push(
      method(
        PA_TGS_REQ,
        encodeKerberos({
          type: 'AP-REQ',
          realm,
          service: `krbtgt/${realm}`,
          ticketEncryption: fields.ticketEncryption,
        }),
      ),
    );
  if (type === 'AS-REQ' || type === 'TGS-REQ')
    return whole(
      integer(1, 5),
      integer(2, number),
      ...(methods.length > 0 ? [context(3, sequence(...methods))] : []),
      context(
        4,
        sequence(
          bits(0, fields.options ?? 0),
          ...optional(client, (value) => name(1, value)),
          text(2, realm),
          ...optional(service, (value) => name(3, value)),
          text(5, fields.till ?? '20370913024805Z', 0x18),
          integer(7, 1),
          context(8, sequence(...encryptionTypes.map((value) => encodeBerInteger(value)))),
        ),
      ),
    );
  if (type === 'AS-REP' || type === 'TGS-REP')
    return whole(
      integer(0, 5),
      integer(1, number),
      ...(methods.length > 0 ? [context(2, sequence(...methods))] : []),
      text(3, realm),
      name(4, client ?? ''),
      context(5, ticket(fields.ticketEncryption ?? 18)),
      context(6, encrypted(fields.replyEncryption ?? 18)),
    );
  if (type === 'AP-REQ')
    return whole(
      integer(0, 5),
      integer(1, number),
      bits(2, fields.options ?? 0),
      context(3, ticket(fields.ticketEncryption ?? 18)),
      context(4, encrypted(18)),
    );
  return whole(
    integer(0, 5),
    integer(1, number),
    text(4, '20370913024805Z', 0x18),
    integer(5, 0),
    integer(6, fields.errorCode ?? 60),
    ...optional(client, (value) => name(8, value)),
    text(9, realm),
    name(10, service ?? ''),
    ...optional(fields.errorText, (value) => text(11, value)),
  );
}

/** Puts the TCP length before a message. */
export function encodeKerberosTcp(message: Uint8Array): Uint8Array {
  return new ByteWriter().u32(message.length).bytes(message).finish();
}

/** 'TGS-REQ alice@CORP for cifs/server rc4-hmac', 'KRB-ERROR KDC_ERR_PREAUTH_FAILED alice@CORP'. */
export function summarizeKerberos(message: KerberosMessage): string {
  const parts: string[] = [message.type];
  if (message.errorCode !== undefined) parts.push(kerberosErrorName(message.errorCode));
  if (message.client !== undefined) parts.push(`${message.client}@${message.realm ?? '?'}`);
  if (message.service !== undefined) parts.push(`for ${message.service}`);
  if (message.forUser !== undefined) parts.push(`as ${message.forUser}`);
  if (message.type.endsWith('-REP') || message.type === 'AP-REQ') {
    if (message.ticketEncryption !== undefined)
      parts.push(`ticket ${kerberosEncryptionName(message.ticketEncryption)}`);
  } else if (message.encryptionTypes.length > 0)
    parts.push(message.encryptionTypes.map(kerberosEncryptionName).join(','));
  return parts.join(' ');
}
