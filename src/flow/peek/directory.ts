import {
  decodeKerberos,
  decodeLdap,
  isWeakKerberosEncryption,
  type KerberosMessage,
  kerberosEncryptionName,
  kerberosErrorName,
  kerberosOptionNames,
  type LdapMessage,
  ldapResultName,
  PROTO,
  provesKerberosKey,
  readBer,
  walkLdap,
} from '../../wire/index.ts';
import { FACT, PEEK_DONE, PEEK_FOREIGN, PEEK_MORE, type PeekContext, type StreamPeek } from './peek.ts';
import { isFirstUser, noteLogin, noteToken, type SignOn } from './sign-on.ts';

/** Kerberos and LDAP: who asks for which ticket and with which ciphers, who binds to the directory, what is searched for and changed. */

/** The name of the service stands behind the ticket that a TGS-REQ presents, which has many kilobytes where the user is in many groups. */
const KERBEROS_FRONT = 16_384;
/** Longer ones exist in theory only (see `walkKerberos`). */
const MAX_KERBEROS = 0x100000;

class KerberosState {
  /** The last request was an AS-REQ, and whether it proved that the client has the key. */
  isSignOn = false;
  proves = false;
  begun = false;
}

/** Over UDP a message stands alone, over TCP behind its length (RFC 4120 section 7.2.2). */
export const kerberosPeek: StreamPeek = {
  kind: 'stream',
  keep: KERBEROS_FRONT,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    if (context.protocol !== PROTO.tcp) {
      const message = decodeKerberos(bytes, at, end);
      if (message === undefined) return PEEK_FOREIGN;
      tellKerberos(context, message);
      return end - at;
    }
    if (end - at < 5) return bytes[at] === 0 ? PEEK_MORE : PEEK_FOREIGN;
    const length = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
    // Application tags of RFC 4120 section 5.10: 10 (AS-REQ) to 30 (KRB-ERROR).
    const isPlausible = length > 0 && length <= MAX_KERBEROS && bytes[at + 4] >= 0x6a && bytes[at + 4] <= 0x7e;
    if (isPlausible && end - at < Math.min(4 + length, KERBEROS_FRONT)) return PEEK_MORE;
    const message = isPlausible ? decodeKerberos(bytes, at + 4, Math.min(at + 4 + length, end)) : undefined;
    if (message === undefined) return context.knownState(KerberosState)?.begun === true ? PEEK_DONE : PEEK_FOREIGN;
    tellKerberos(context, message);
    return context.isFull ? PEEK_DONE : 4 + length;
  },
};

function tellKerberos(context: PeekContext, message: KerberosMessage): void {
  const state = context.state(KerberosState);
  state.begun = true;
  const { type, service, errorCode } = message;
  context.note(FACT.user, message.client);
  switch (type) {
    case 'AS-REQ':
    case 'TGS-REQ':
      state.isSignOn = type === 'AS-REQ';
      state.proves = provesKerberosKey(message);
      context.operation(`${state.isSignOn ? 'AS' : 'TGS'} ${service ?? '?'}`);
      if (message.forUser !== undefined) context.operation(`S4U2self ${message.forUser}`);
      if (kerberosOptionNames(message.options ?? 0).includes('cname-in-addl-tkt')) context.operation('S4U2proxy');
      tellWeak(context, '', message.encryptionTypes[0]);
      if (state.isSignOn && !context.has(FACT.login)) context.word(FACT.login, 'unknown');
      break;
    case 'AS-REP':
      context.word(FACT.login, 'accepted');
      if (state.isSignOn && !state.proves) context.operation('AS-REP without pre-authentication');
      tellWeak(context, 'reply ', message.replyEncryption);
      tellWeak(context, 'ticket ', message.ticketEncryption);
      break;
    case 'TGS-REP':
      tellWeak(context, 'ticket ', message.ticketEncryption);
      break;
    case 'KRB-ERROR':
      if (errorCode === undefined) break;
      context.operation(kerberosErrorName(errorCode));
      if (state.isSignOn && !STEPS.has(errorCode)) context.word(FACT.login, 'refused');
      break;
    default:
      context.operation(type);
  }
}

/** Errors that only tell the client how to ask: pre-authentication required, answer too big for UDP, another realm, more pre-authentication data. */
const STEPS: ReadonlySet<number> = new Set([25, 52, 68, 91]);

/** Nearly every client offers RC4 among others, so a weak cipher is told only where it is the most wanted, or was used. */
function tellWeak(context: PeekContext, what: string, encryption: number | undefined): void {
  if (encryption !== undefined && isWeakKerberosEncryption(encryption))
    context.operation(`${what}${kerberosEncryptionName(encryption)}`);
}

/** Bases, filters and changes that are told of one flow, each. */
const MAX_BASES = 4;
const MAX_FILTERS = 4;
/** What is asked for stands in the front of a message; a token that is cut still shows its names. */
const LDAP_FRONT = 2048;
const SEARCH_ENTRY = 100;
const SEARCH_REFERENCE = 115;
const INTERMEDIATE = 121;
const SASL_BIND_IN_PROGRESS = 14;
const START_TLS = '1.3.6.1.4.1.1466.20037';

class LdapState {
  begun = false;
  /** What follows is encrypted. */
  isHidden = false;
  signOn: SignOn | undefined;
  bases = 0;
  filters = 0;
}

export const ldapPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    if (context.protocol !== PROTO.tcp) {
      const message = decodeLdap(bytes, at, end);
      if (message === undefined) return PEEK_FOREIGN;
      tellLdap(context, context.state(LdapState), message);
      return end - at;
    }
    if (end - at < 7) return bytes[at] === 0x30 || bytes[at] === 0 ? PEEK_MORE : foreign(context);
    // A message, or a length and a wrapped one. Where it ends is told by its first six bytes.
    const outer = bytes[at] === 0x30 ? readBer(bytes, at, Number.POSITIVE_INFINITY) : undefined;
    const wrapped = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
    const length = outer === undefined ? 4 + wrapped : outer.to - at;
    if (length > 0x2000000) return foreign(context);
    if (outer !== undefined && end - at >= Math.min(length, 16) && isEntry(bytes, outer.from, end)) return length;
    if (end - at < Math.min(length, LDAP_FRONT)) return PEEK_MORE;
    const state = context.state(LdapState);
    const read = walkLdap(bytes, at, Math.min(at + length, end), (message) => tellLdap(context, state, message));
    if (read === at) return foreign(context);
    state.begun = true;
    return state.isHidden || context.isFull ? PEEK_DONE : length;
  },
};

function foreign(context: PeekContext): number {
  return context.knownState(LdapState)?.begun === true ? PEEK_DONE : PEEK_FOREIGN;
}

/** The results of searches, of which there may be very many, are stepped over. */
function isEntry(bytes: Uint8Array, from: number, end: number): boolean {
  const id = readBer(bytes, from, end);
  if (id?.tag !== 2 || id.cut || id.to >= end) return false;
  const tag = bytes[id.to];
  return tag === SEARCH_ENTRY || tag === SEARCH_REFERENCE || tag === INTERMEDIATE;
}

function tellLdap(context: PeekContext, state: LdapState, message: LdapMessage): void {
  const name = message.name ?? '';
  switch (message.operation) {
    case 'bind-request':
      tellBind(context, state, message);
      break;
    case 'bind-response':
      tellBindResult(context, state, message);
      break;
    case 'search-request':
      tellSearch(context, state, message);
      break;
    case 'modify-request':
    case 'add-request': {
      const what =
        message.operation === 'add-request' ? 'add' : `modify ${message.attributes.slice(0, 4).join('+')} of`;
      context.operation(`${what} ${name}`);
      break;
    }
    case 'delete-request':
      context.operation(`delete ${name}`);
      break;
    case 'modify-dn-request':
      context.operation(`rename ${name} to ${message.newName ?? '?'}`);
      break;
    case 'compare-request':
      context.operation(`compare ${message.attributes.join('+')} of ${name}`);
      break;
    case 'extended-request':
      context.operation(message.oid === START_TLS ? 'StartTLS' : `extended ${message.oid ?? '?'}`);
      break;
    case 'extended-response':
      if (message.result === 0 && message.oid === START_TLS) state.isHidden = true;
      break;
    case 'wrapped':
      state.isHidden = true;
      context.operation('sealed');
      break;
    case 'search-done':
    case 'modify-response':
    case 'add-response':
    case 'delete-response':
    case 'modify-dn-response': {
      // Compare and referral results, and the sign that there is more, are answers.
      const { result = 0 } = message;
      if (result !== 0 && result !== 10 && result !== 4) context.operation(ldapResultName(result));
      break;
    }
  }
}

function tellBind(context: PeekContext, state: LdapState, message: LdapMessage): void {
  const { method, mechanism, name } = message;
  if (method === 'sasl' || method === 'sicily') {
    const kind = mechanism ?? 'sicily';
    const signOn = noteToken(context, message.token);
    context.operation(signOn === undefined ? `bind ${kind}` : `bind ${kind} ${signOn.how}`);
    state.signOn = signOn ?? state.signOn;
  } else {
    context.operation(`bind ${method ?? '?'}`);
    // A name without a password is let in as nobody (RFC 4513 section 5.1.2).
    const isLogin = method === 'simple';
    if (isLogin) context.note(FACT.user, name);
    state.signOn = { how: 'simple', user: name === '' ? undefined : name, isAnonymous: !isLogin };
  }
  noteLogin(context, state.signOn, 'unknown');
}

function tellBindResult(context: PeekContext, state: LdapState, message: LdapMessage): void {
  noteToken(context, message.token);
  const { result } = message;
  if (result === undefined || result === SASL_BIND_IN_PROGRESS) return;
  noteLogin(context, state.signOn, result === 0 ? 'accepted' : 'refused');
  if (result === 0) return;
  // Active Directory tells the reason as a Win32 code in hex: 525 no such user, 52e wrong password, 533 disabled, 775 locked.
  const reason = /\bdata ([0-9a-f]{1,8})\b/.exec(message.diagnostic ?? '')?.[0];
  const { signOn } = state;
  const who = signOn?.user === undefined || isFirstUser(context, signOn) ? '' : `${signOn.user} `;
  context.operation(`bind ${who}${ldapResultName(result)}${reason === undefined ? '' : ` ${reason}`}`);
}

function tellSearch(context: PeekContext, state: LdapState, message: LdapMessage): void {
  const { name = '', scope, filter = '' } = message;
  // How clients look for a domain controller (MS-ADTS 6.3.3): they tell their own name, and may ask for a user.
  if (message.attributes.some((attribute) => attribute.toLowerCase() === 'netlogon')) {
    context.note(FACT.hostname, assertion(filter, 'Host'));
    const words = ['netlogon', assertion(filter, 'DnsDomain'), assertion(filter, 'User')];
    context.operation(words.filter((word) => word !== undefined).join(' '));
    return;
  }
  const base = name !== '' ? name : scope === 'base' ? 'rootDSE' : '(all)';
  if (state.bases < MAX_BASES && context.operation(`search ${base}`)) state.bases++;
  if (filter === '' || /^\(objectClass=\*\)$/i.test(filter)) return;
  if (state.filters < MAX_FILTERS && context.operation(`filter ${filter}`)) state.filters++;
}

/** Value of the first '(type=value)' in a filter. */
function assertion(filter: string, type: string): string | undefined {
  const from = filter.toLowerCase().indexOf(`(${type.toLowerCase()}=`);
  if (from < 0) return undefined;
  const value = filter.slice(from + type.length + 2);
  const to = value.indexOf(')');
  return to <= 0 ? undefined : value.slice(0, to);
}
