import {
  type BerElement,
  berBoolean,
  berChildren,
  berInteger,
  berText,
  encodeBer,
  encodeBerInteger,
  encodeBerText,
  readBer,
} from './ber.ts';
import { decodeGss, type GssToken } from './gss.ts';

/**
 * LDAP messages, RFC 4511, and CLDAP, the same over UDP (MS-ADTS 6.3.3): who binds as what, and what is searched for or changed. Passwords and the
 * values of attributes are never returned. Behind a SASL security layer (RFC 4422 section 3.7) messages stand in a four-byte length and a wrapping token;
 * where that token only signs, as Kerberos and NTLM may, they are read through it.
 */

const CONTROLS = 0xa0;
const AUTH_SIMPLE = 0x80;
const AUTH_SASL = 0xa3;
/** Microsoft's own bind with NTLM (MS-ADTS 5.1.1.1.3): [9] asks for packages, [10] and [11] carry the token. */
const AUTH_SICILY_DISCOVERY = 0x89;
const AUTH_SICILY_NEGOTIATE = 0x8a;
const AUTH_SICILY_RESPONSE = 0x8b;
const SERVER_SASL = 0x87;
const EXTENDED_NAME = 0x80;
const EXTENDED_RESPONSE_NAME = 0x8a;
const NEW_SUPERIOR = 0x80;

const OPERATIONS = {
  96: 'bind-request',
  97: 'bind-response',
  66: 'unbind',
  99: 'search-request',
  100: 'search-entry',
  101: 'search-done',
  115: 'search-reference',
  102: 'modify-request',
  103: 'modify-response',
  104: 'add-request',
  105: 'add-response',
  74: 'delete-request',
  107: 'delete-response',
  108: 'modify-dn-request',
  109: 'modify-dn-response',
  110: 'compare-request',
  111: 'compare-response',
  80: 'abandon',
  119: 'extended-request',
  120: 'extended-response',
  121: 'intermediate-response',
} as const;

/** What a message does; 'wrapped' is one behind a security layer that hides it. */
export type LdapOperation = (typeof OPERATIONS)[keyof typeof OPERATIONS] | 'wrapped';

const BY_TAG: ReadonlyMap<number, LdapOperation> = new Map(
  Object.entries(OPERATIONS).map(([tag, name]) => [Number(tag), name]),
);

const SCOPES: readonly string[] = ['base', 'one', 'subtree', 'children'];

const MAX_NAME = 255;
const MAX_FILTER = 1024;
/** Directory servers refuse deeper ones; a crafted one must not exhaust the stack. */
const MAX_FILTER_DEPTH = 24;
const MAX_FILTER_PARTS = 64;
const MAX_ATTRIBUTES = 32;
const MAX_CONTROLS = 16;
/** A message larger than this is no message (Active Directory accepts 10 MiB). */
const MAX_MESSAGE = 0x2000000;

export interface LdapMessage {
  readonly operation: LdapOperation;
  /** Message id; -1 for a wrapped one. */
  readonly id: number;
  /** Name of a bind (DN, or in Active Directory also 'user@domain' or 'DOMAIN\user'), base of a search, entry of the others. */
  readonly name: string | undefined;
  /**
   * Of a bind: 'anonymous', 'unauthenticated' (a name without a password, RFC 4513 section 5.1.2: servers let it in as anonymous), 'simple' (a password
   * was sent, in clear unless under TLS), 'sasl' or 'sicily'.
   */
  readonly method: 'anonymous' | 'unauthenticated' | 'simple' | 'sasl' | 'sicily' | undefined;
  /** SASL mechanism: 'GSS-SPNEGO', 'GSSAPI', 'DIGEST-MD5', ... */
  readonly mechanism: string | undefined;
  /** Sign-on inside a SASL or Sicily bind, or in its answer. */
  readonly token: GssToken | undefined;
  /** Protocol version of a bind. */
  readonly version: number | undefined;
  /** 'base', 'one', 'subtree', 'children' of a search. */
  readonly scope: string | undefined;
  /** Filter of a search as text, RFC 4515; at most 1024 characters, then an ellipsis. */
  readonly filter: string | undefined;
  /** Attributes that a search asks for, that a modify changes, an add sets, or an entry answers with. At most 32. */
  readonly attributes: readonly string[];
  /** New name of a modify-dn. */
  readonly newName: string | undefined;
  /** Object identifier of an extended operation. */
  readonly oid: string | undefined;
  /** Object identifiers of the controls. At most 16. */
  readonly controls: readonly string[];
  /** Result code of a response; `ldapResultName` names it. */
  readonly result: number | undefined;
  /** Diagnostic text of a response: Active Directory writes the reason of a refused bind into it ('data 52e'). */
  readonly diagnostic: string | undefined;
  /** True where it came through a security layer that signs only. */
  readonly isSigned: boolean;
  /** True where the message goes on behind the bytes that are there. */
  readonly isCut: boolean;
}

type Draft = {
  -readonly [K in keyof LdapMessage]: LdapMessage[K] extends readonly string[] ? string[] : LdapMessage[K];
};

function draft(operation: LdapOperation, id: number): Draft {
  return {
    operation,
    id,
    name: undefined,
    method: undefined,
    mechanism: undefined,
    token: undefined,
    version: undefined,
    scope: undefined,
    filter: undefined,
    attributes: [],
    newName: undefined,
    oid: undefined,
    controls: [],
    result: undefined,
    diagnostic: undefined,
    isSigned: false,
    isCut: false,
  };
}

/** The message at [at, end), or undefined when it is none. For CLDAP hand in the datagram. */
export function decodeLdap(bytes: Uint8Array, at: number, end: number): LdapMessage | undefined {
  const outer = messageAt(bytes, at, end);
  return outer === undefined ? undefined : readMessage(bytes, outer);
}

function messageAt(bytes: Uint8Array, at: number, end: number): BerElement | undefined {
  if (at >= end || bytes[at] !== 0x30) return undefined;
  const outer = readBer(bytes, at, end);
  if (outer === undefined) return undefined;
  const id = readBer(bytes, outer.from, outer.to);
  if (id?.tag !== 2 || id.cut || id.to - id.from > 4 || id.to >= outer.to) return undefined;
  return BY_TAG.has(bytes[id.to]) ? outer : undefined;
}

/**
 * Reads the messages of one direction in [at, end), which begins at a message, and calls `visit` for each; the last may be cut. Behind a security layer
 * that hides its content one 'wrapped' message is told per token.
 * @returns where the first message begins that was not read: `at` when there is no LDAP.
 */
export function walkLdap(bytes: Uint8Array, at: number, end: number, visit: (message: LdapMessage) => void): number {
  let here = at;
  while (here < end) {
    const outer = messageAt(bytes, here, end);
    if (outer !== undefined) {
      const message = readMessage(bytes, outer);
      if (message === undefined) break;
      visit(message);
      if (outer.cut) return end;
      here = outer.to;
      continue;
    }
    const next = walkWrapped(bytes, here, end, visit);
    if (next < 0) break;
    here = next;
  }
  return Math.min(here, end);
}

/** length(4) token: a Kerberos wrap token (RFC 4121 section 4.2.6.2, old form RFC 1964) or an NTLM signature (MS-NLMP 2.2.2.9). Returns -1 when it is none. */
function walkWrapped(bytes: Uint8Array, at: number, end: number, visit: (message: LdapMessage) => void): number {
  const token = at + 4;
  if (token + 4 > end) return -1;
  const length = bytes[at] * 0x1000000 + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
  if (length < 16 || length > MAX_MESSAGE) return -1;
  const tokenEnd = Math.min(token + length, end);
  let plain = -1;
  if (bytes[token] === 5 && bytes[token + 1] === 4) {
    // Flag 2 is 'sealed'. A signed token is turned right by RRC bytes, so that its checksum stands before the text (4.2.5).
    if (token + 16 <= tokenEnd && (bytes[token + 2] & 2) === 0)
      plain = token + 16 + ((bytes[token + 6] << 8) | bytes[token + 7]);
  } else if (bytes[token] === 1 && bytes[token + 1] === 0 && bytes[token + 2] === 0 && bytes[token + 3] === 0)
    plain = token + 16;
  else if (bytes[token] !== 0x60) return -1;
  let isRead = false;
  while (plain >= 0 && plain < tokenEnd) {
    const outer = messageAt(bytes, plain, tokenEnd);
    const message = outer === undefined ? undefined : readMessage(bytes, outer);
    if (outer === undefined || message === undefined) break;
    visit({ ...message, isSigned: true });
    isRead = true;
    plain = outer.to;
  }
  if (!isRead) visit({ ...draft('wrapped', -1), isCut: token + length > end });
  return token + length;
}

function readMessage(bytes: Uint8Array, outer: BerElement): LdapMessage | undefined {
  const idElement = readBer(bytes, outer.from, outer.to);
  if (idElement === undefined) return undefined;
  const id = berInteger(bytes, idElement);
  const body = readBer(bytes, idElement.to, outer.to);
  const operation = BY_TAG.get(bytes[idElement.to]);
  if (operation === undefined || id === undefined || id < 0) return undefined;
  const message = draft(operation, id);
  message.isCut = outer.cut;
  if (body === undefined) {
    message.isCut = true;
    return message;
  }
  readOperation(bytes, body, message);
  const controls = readBer(bytes, body.to, outer.to);
  if (controls?.tag === CONTROLS)
    for (const control of berChildren(bytes, controls, MAX_CONTROLS)) {
      const oid = readBer(bytes, control.from, control.to);
      if (oid !== undefined) message.controls.push(berText(bytes, oid, 64));
    }
  return message;
}

function readOperation(bytes: Uint8Array, body: BerElement, into: Draft): void {
  if (into.operation === 'delete-request') {
    into.name = berText(bytes, body, MAX_NAME);
    return;
  }
  if (!body.constructed) return;
  const parts = berChildren(bytes, body, 16);
  switch (into.operation) {
    case 'bind-request':
      readBind(bytes, parts, into);
      break;
    case 'search-request':
      readSearch(bytes, parts, into);
      break;
    case 'search-entry':
    case 'add-request':
      into.name = name(bytes, parts[0]);
      if (parts[1] !== undefined) readAttributes(bytes, parts[1], into);
      break;
    case 'modify-request':
      into.name = name(bytes, parts[0]);
      // change: operation, then attribute and values.
      if (parts[1] !== undefined)
        for (const change of berChildren(bytes, parts[1], MAX_ATTRIBUTES)) {
          const attribute = berChildren(bytes, change, 2)[1];
          const type = attribute === undefined ? undefined : readBer(bytes, attribute.from, attribute.to);
          if (type !== undefined) into.attributes.push(berText(bytes, type, 64));
        }
      break;
    case 'modify-dn-request': {
      into.name = name(bytes, parts[0]);
      const superior = parts.find((element) => element.tag === NEW_SUPERIOR);
      const relative = name(bytes, parts[1]);
      into.newName = superior === undefined ? relative : `${relative ?? ''},${berText(bytes, superior, MAX_NAME)}`;
      break;
    }
    case 'compare-request': {
      into.name = name(bytes, parts[0]);
      const type = parts[1] === undefined ? undefined : readBer(bytes, parts[1].from, parts[1].to);
      if (type !== undefined) into.attributes.push(berText(bytes, type, 64));
      break;
    }
    case 'extended-request': {
      const oid = parts.find((element) => element.tag === EXTENDED_NAME);
      if (oid !== undefined) into.oid = berText(bytes, oid, 64);
      break;
    }
    case 'bind-response':
    case 'search-done':
    case 'modify-response':
    case 'add-response':
    case 'delete-response':
    case 'modify-dn-response':
    case 'compare-response':
    case 'extended-response':
      readResult(bytes, parts, into);
      break;
  }
}

function name(bytes: Uint8Array, element: BerElement | undefined): string | undefined {
  return element === undefined || element.constructed ? undefined : berText(bytes, element, MAX_NAME);
}

/** version, name, authentication (RFC 4511 section 4.2). */
function readBind(bytes: Uint8Array, parts: readonly BerElement[], into: Draft): void {
  const [version, who, auth] = parts;
  if (version !== undefined) into.version = berInteger(bytes, version);
  into.name = name(bytes, who);
  if (auth === undefined) return;
  if (auth.tag === AUTH_SIMPLE) {
    const hasPassword = auth.from < auth.to || auth.cut;
    into.method = hasPassword ? 'simple' : into.name === '' ? 'anonymous' : 'unauthenticated';
  } else if (auth.tag === AUTH_SASL) {
    into.method = 'sasl';
    const [mechanism, credentials] = berChildren(bytes, auth, 2);
    if (mechanism !== undefined) into.mechanism = berText(bytes, mechanism, 32);
    if (credentials !== undefined) into.token = decodeGss(bytes, credentials.from, credentials.to);
  } else if (auth.tag === AUTH_SICILY_NEGOTIATE || auth.tag === AUTH_SICILY_RESPONSE) {
    into.method = 'sicily';
    into.token = decodeGss(bytes, auth.from, auth.to);
  } else if (auth.tag === AUTH_SICILY_DISCOVERY) into.method = 'sicily';
}

/** base, scope, aliases, size limit, time limit, types only, filter, attributes (section 4.5.1). */
function readSearch(bytes: Uint8Array, parts: readonly BerElement[], into: Draft): void {
  into.name = name(bytes, parts[0]);
  const scope = parts[1] === undefined ? undefined : berInteger(bytes, parts[1]);
  if (scope !== undefined) into.scope = SCOPES[scope] ?? `scope-${scope}`;
  if (parts[6] !== undefined) into.filter = filterText(bytes, parts[6]);
  if (parts[7] !== undefined)
    for (const element of berChildren(bytes, parts[7], MAX_ATTRIBUTES))
      into.attributes.push(berText(bytes, element, 64));
}

/** SEQUENCE OF (type, SET OF value): the types alone. */
function readAttributes(bytes: Uint8Array, list: BerElement, into: Draft): void {
  for (const attribute of berChildren(bytes, list, MAX_ATTRIBUTES)) {
    const type = readBer(bytes, attribute.from, attribute.to);
    if (type !== undefined) into.attributes.push(berText(bytes, type, 64));
  }
}

/** result code, matched DN, diagnostic, ... (section 4.1.9). */
function readResult(bytes: Uint8Array, parts: readonly BerElement[], into: Draft): void {
  const [code, matched, diagnostic] = parts;
  if (code !== undefined) into.result = berInteger(bytes, code);
  into.name = name(bytes, matched);
  into.diagnostic = name(bytes, diagnostic);
  const sasl = parts.find((element) => element.tag === SERVER_SASL);
  if (sasl !== undefined) into.token = decodeGss(bytes, sasl.from, sasl.to);
  // Sicily answers carry the challenge where the matched DN stands.
  else if (into.operation === 'bind-response' && matched !== undefined && matched.to - matched.from > 8) {
    into.token = decodeGss(bytes, matched.from, matched.to);
    if (into.token !== undefined) into.name = undefined;
  }
  const oid = parts.find((element) => element.tag === EXTENDED_RESPONSE_NAME);
  if (into.operation === 'extended-response' && oid !== undefined) into.oid = berText(bytes, oid, 64);
}

/** A filter as RFC 4515 text, bounded in length and depth. */
function filterText(bytes: Uint8Array, filter: BerElement): string {
  const out: Text = { value: '' };
  writeFilter(bytes, filter, out, 0);
  return out.value.length > MAX_FILTER ? `${out.value.slice(0, MAX_FILTER)}…` : out.value;
}

interface Text {
  value: string;
}

function writeFilter(bytes: Uint8Array, filter: BerElement, out: Text, depth: number): void {
  if (out.value.length > MAX_FILTER) return;
  if (depth > MAX_FILTER_DEPTH) {
    out.value += '(…)';
    return;
  }
  const { number } = filter;
  out.value += '(';
  if (number <= 2) {
    out.value += '&|!'[number];
    for (const child of berChildren(bytes, filter, MAX_FILTER_PARTS)) writeFilter(bytes, child, out, depth + 1);
  } else if (number === 7) out.value += `${berText(bytes, filter, 64)}=*`;
  else if (number === 4) writeSubstrings(bytes, filter, out);
  else if (number === 9) writeExtensible(bytes, filter, out);
  else {
    const [type, value] = berChildren(bytes, filter, 2);
    const sign = number === 5 ? '>=' : number === 6 ? '<=' : number === 8 ? '~=' : '=';
    out.value += (type === undefined ? '' : berText(bytes, type, 64)) + sign;
    if (value !== undefined) writeValue(bytes, value, out);
  }
  out.value += ')';
}

/** type, then SEQUENCE OF initial [0], any [1], final [2]. */
function writeSubstrings(bytes: Uint8Array, filter: BerElement, out: Text): void {
  const [type, list] = berChildren(bytes, filter, 2);
  out.value += `${type === undefined ? '' : berText(bytes, type, 64)}=`;
  if (list === undefined) return;
  const pieces = berChildren(bytes, list, MAX_FILTER_PARTS);
  if (pieces[0]?.number !== 0) out.value += '*';
  for (const piece of pieces) {
    writeValue(bytes, piece, out);
    if (piece.number !== 2) out.value += '*';
  }
}

/** [1] rule, [2] type, [3] value, [4] with the DN's attributes too. */
function writeExtensible(bytes: Uint8Array, filter: BerElement, out: Text): void {
  const parts = berChildren(bytes, filter, 4);
  const rule = parts.find((element) => element.number === 1);
  const type = parts.find((element) => element.number === 2);
  const value = parts.find((element) => element.number === 3);
  const withDn = parts.find((element) => element.number === 4);
  if (type !== undefined) out.value += berText(bytes, type, 64);
  if (withDn !== undefined && berBoolean(bytes, withDn) === true) out.value += ':dn';
  if (rule !== undefined) out.value += `:${berText(bytes, rule, 64)}`;
  out.value += ':=';
  if (value !== undefined) writeValue(bytes, value, out);
}

/** RFC 4515 section 3: the five special characters and everything unprintable as \XX. Values above 128 bytes are cut. */
function writeValue(bytes: Uint8Array, value: BerElement, out: Text): void {
  const to = Math.min(value.to, value.from + 128);
  for (let i = value.from; i < to; i++) {
    const byte = bytes[i];
    out.value +=
      byte < 0x20 || byte > 0x7e || byte === 0x2a || byte === 0x28 || byte === 0x29 || byte === 0x5c
        ? `\\${byte.toString(16).padStart(2, '0')}`
        : String.fromCharCode(byte);
  }
  if (to < value.to) out.value += '…';
}

const RESULTS: ReadonlyMap<number, string> = new Map([
  [0, 'success'],
  [1, 'operationsError'],
  [2, 'protocolError'],
  [3, 'timeLimitExceeded'],
  [4, 'sizeLimitExceeded'],
  [5, 'compareFalse'],
  [6, 'compareTrue'],
  [7, 'authMethodNotSupported'],
  [8, 'strongerAuthRequired'],
  [10, 'referral'],
  [11, 'adminLimitExceeded'],
  [12, 'unavailableCriticalExtension'],
  [13, 'confidentialityRequired'],
  [14, 'saslBindInProgress'],
  [16, 'noSuchAttribute'],
  [17, 'undefinedAttributeType'],
  [18, 'inappropriateMatching'],
  [19, 'constraintViolation'],
  [20, 'attributeOrValueExists'],
  [21, 'invalidAttributeSyntax'],
  [32, 'noSuchObject'],
  [33, 'aliasProblem'],
  [34, 'invalidDNSyntax'],
  [36, 'aliasDereferencingProblem'],
  [48, 'inappropriateAuthentication'],
  [49, 'invalidCredentials'],
  [50, 'insufficientAccessRights'],
  [51, 'busy'],
  [52, 'unavailable'],
  [53, 'unwillingToPerform'],
  [54, 'loopDetect'],
  [64, 'namingViolation'],
  [65, 'objectClassViolation'],
  [66, 'notAllowedOnNonLeaf'],
  [67, 'notAllowedOnRDN'],
  [68, 'entryAlreadyExists'],
  [69, 'objectClassModsProhibited'],
  [71, 'affectsMultipleDSAs'],
  [80, 'other'],
]);

/** 'invalidCredentials', ... (RFC 4511 section 4.1.9) or 'result-<n>'. */
export function ldapResultName(result: number): string {
  return RESULTS.get(result) ?? `result-${result}`;
}

export type LdapFields =
  | {
      operation: 'bind-request';
      id: number;
      name: string;
      password?: string;
      mechanism?: string;
      credentials?: Uint8Array;
    }
  | { operation: 'bind-response' | 'search-done'; id: number; result: number; diagnostic?: string }
  | {
      operation: 'search-request';
      id: number;
      name: string;
      scope: number;
      equals: readonly [string, string];
      attributes?: readonly string[];
    }
  | { operation: 'delete-request'; id: number; name: string };

/** A message. A search has a filter of one equality. */
export function encodeLdap(fields: LdapFields): Uint8Array {
  return encodeBer(0x30, encodeBerInteger(fields.id), encodeOperation(fields));
}

function encodeOperation(fields: LdapFields): Uint8Array {
  switch (fields.operation) {
    case 'bind-request':
      return encodeBer(
        96,
        encodeBerInteger(3),
        encodeBerText(fields.name),
        fields.mechanism === undefined
          ? encodeBerText(fields.password ?? '', AUTH_SIMPLE)
          : encodeBer(
              AUTH_SASL,
              encodeBerText(fields.mechanism),
              encodeBer(4, fields.credentials ?? new Uint8Array(0)),
            ),
      );
    case 'bind-response':
    case 'search-done':
      return encodeBer(
        fields.operation === 'bind-response' ? 97 : 101,
        encodeBerInteger(fields.result, 0x0a),
        encodeBerText(''),
        encodeBerText(fields.diagnostic ?? ''),
      );
    case 'search-request':
      return encodeBer(
        99,
        encodeBerText(fields.name),
        encodeBerInteger(fields.scope, 0x0a),
        encodeBerInteger(0, 0x0a),
        encodeBerInteger(0),
        encodeBerInteger(0),
        encodeBer(1, Uint8Array.of(0)),
        encodeBer(0xa3, encodeBerText(fields.equals[0]), encodeBerText(fields.equals[1])),
        encodeBer(0x30, ...(fields.attributes ?? []).map((attribute) => encodeBerText(attribute))),
      );
    case 'delete-request':
      return encodeBerText(fields.name, 74);
  }
}

/** 'search-request dc=corp,dc=example subtree (objectClass=*)', 'bind-response invalidCredentials'. */
export function summarizeLdap(message: LdapMessage): string {
  const parts: string[] = [message.operation];
  if (message.result !== undefined) parts.push(ldapResultName(message.result));
  if (message.method !== undefined) parts.push(message.mechanism ?? message.method);
  for (const text of [message.name, message.scope, message.filter, message.newName, message.oid])
    if (text !== undefined && text !== '') parts.push(text);
  return parts.join(' ');
}
