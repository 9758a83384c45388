import {
  counted,
  type Few,
  fewAdd,
  fewHas,
  fewSize,
  humanDuration,
  numberAt,
  type Table,
  textAt,
} from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { byScore, Case, CaseBook, CaseDetector, compareText, Judged, operationsOf } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { classesOf } from './told.ts';

/**
 * Passwords that anyone on the way can read: FTP, Telnet, POP3, IMAP, SMTP, HTTP Basic, LDAP simple bind, IRC, Redis, MQTT, SOCKS, databases, and the community of SNMP
 * versions 1 and 2c, which is a password too.
 *
 * What it sees. The decoders say of a login whether the password itself stood on the wire (`password in clear` in the column `operations`; `bind simple` of LDAP; a version of
 * SNMP). They keep the user's name and never the password. One detection per client, server and protocol; those of one server and protocol become one incident.
 *
 * Score 0.9 where a login was accepted: the password is right; 0.75 where the answer was not seen, or says only that the server wants TLS; 0.5 for an SNMP community, which gives less. Logins that were all refused
 * are not reported: what crossed the wire opens nothing there, and guessing is another detector's.
 *
 * Innocent, and left alone: anonymous FTP; logins behind STARTTLS, STLS or AUTH TLS, which cannot be read; challenge and response (CRAM-MD5, APOP, NTLM, Kerberos, Digest), where
 * no password crosses the wire; user names without a password; mining pools, whose password is a dummy; a host that talks to itself.
 * What fools it: logins in web forms over HTTP, which no decoder reads; the second login of a connection; protocols on ports where their content does not show.
 *
 * Cost: one look-up per flow in a small table; the operations of login protocols only; 1 kB per client, server and protocol, capped.
 * Source: ATT&CK T1040 (Network Sniffing), T1552 (Unsecured Credentials); RFC 959, 1939, 3501, 4513, 4954, 7617, 854, 1157.
 */
export const cleartextLoginInfo: DetectorInfo = {
  id: 'cleartext-login',
  kinds: ['cleartext-login.password', 'cleartext-login.community'],
  needs: ['initiator', 'responder', 'service', 'startMs', 'operations'],
  sees: 'Logins whose password could be read on the wire, by server and protocol; SNMP communities.',
  fooledBy:
    'Logins in web forms; protocols that nobody decodes. What is meant to be public under a name and password is found too.',
  cost: 'One look-up per flow; about 1 kB per client, server and protocol.',
  source: 'ATT&CK T1040 (Network Sniffing); the RFCs of the protocols.',
};

export interface CleartextLoginOptions {
  /** Logins of one client at one server from which on they are reported. Default 1: one is enough to lose a password. */
  readonly minLogins: number;
  /** Flows with SNMP communities from which on they are reported. Default 1. */
  readonly minCommunities: number;
  readonly maxCases: number;
}

export const DEFAULT_CLEARTEXT_LOGIN_OPTIONS: CleartextLoginOptions = {
  minLogins: 1,
  minCommunities: 1,
  maxCases: 8192,
};

/** What the decoders note where a password itself was sent in clear. */
const CLEAR = 'password in clear';

const ACCEPTED_SCORE = 0.9;
const UNKNOWN_SCORE = 0.75;
const COMMUNITY_SCORE = 0.5;

/** Answers of LDAP to a simple bind (RFC 4511 appendix A): strongerAuthRequired and confidentialityRequired. */
const WANTS_TLS = /(^|, )bind (strongerAuthRequired|confidentialityRequired)\b/;

const NONE = 0;
const PASSWORD = 1;
const COMMUNITY = 2;

/** Services in which somebody logs in, by what they show. A pool's password is a dummy ('x'), so Stratum is none of them. */
const LOGIN_SERVICES: ReadonlyMap<string, number> = new Map([
  ...[
    'ftp',
    'smtp',
    'imap',
    'pop3',
    'telnet',
    'irc',
    'redis',
    'mysql',
    'postgresql',
    'socks',
    'mqtt',
    'http',
    'ldap',
    'ldap-gc',
    'rtsp',
    'sip',
  ].map((service): [string, number] => [service, PASSWORD]),
  ['snmp', COMMUNITY],
]);

/** Names under which everybody may log in to FTP (RFC 1635); the password is an address by custom. */
const ANONYMOUS: ReadonlySet<string> = new Set(['anonymous', 'ftp', 'guest']);

class Logins extends Case {
  accepted = 0;
  refused = 0;
  unknown = 0;
  users: Few<string>;
  /** More names than are counted. */
  moreUsers = false;
  port: number | undefined;
}

const MOST_USERS = 64;

export function createCleartextLoginDetector(
  context: NetworkContext,
  options: Partial<CleartextLoginOptions> = {},
): Detector {
  const settings = { ...DEFAULT_CLEARTEXT_LOGIN_OPTIONS, ...options };
  const book = new CaseBook('clients and servers of logins in clear', settings.maxCases, Logins);
  return new CleartextLoginDetector(context, settings, book);
}

class CleartextLoginDetector extends CaseDetector<Logins, CleartextLoginOptions> {
  readonly id = cleartextLoginInfo.id;

  observe(table: Table): void {
    const flows = bindFlows(table);
    const kinds = classesOf(flows.service, (service) => LOGIN_SERVICES.get(service) ?? NONE);
    const services = flows.service.codes;
    const isClear = new Judged(flows.operations, tellsPassword, false);
    const isCommunity = new Judged(flows.operations, tellsCommunity, false);
    for (let row = 0; row < flows.rowCount; row++) {
      const kind = kinds[(services[row] as number) + 1] ?? NONE;
      if (kind === NONE) continue;
      if (kind === PASSWORD ? isClear.at(row) : isCommunity.at(row)) this.#take(flows, row, kind);
    }
  }

  #take(flows: FlowBatch, row: number, kind: number): void {
    const client = textAt(flows.initiator, row);
    const server = textAt(flows.responder, row);
    const service = textAt(flows.service, row);
    if (client === undefined || server === undefined || service === undefined || client === server) return;
    const user = textAt(flows.user, row);
    if (kind === PASSWORD && service === 'ftp' && user !== undefined && ANONYMOUS.has(user.toLowerCase())) return;
    // Whom nobody answers has still told the password, but a broadcast of SNMP is a search for printers.
    if (kind === COMMUNITY && (numberAt(flows.responderPackets, row) ?? 0) === 0) return;
    const one = this.book.obtain(kind, client, server, service);
    if (one === undefined) return;
    const login = this.#outcomeOf(flows, row);
    if (login === 'accepted') one.accepted++;
    else if (login === 'refused') one.refused++;
    else one.unknown++;
    if (user !== undefined) {
      if (fewHas(one.users, user) || fewSize(one.users) < MOST_USERS) one.users = fewAdd(one.users, user);
      else one.moreUsers = true;
    }
    const port = numberAt(flows.responderPort, row);
    if (port !== undefined && (one.port === undefined || port < one.port)) one.port = port;
    const times = { peer: server, startMs: numberAt(flows.startMs, row), endMs: numberAt(flows.endMs, row) };
    this.book.saw(one, flows.table, row, times, login === 'accepted' ? 0 : login === 'refused' ? 2 : 1);
  }

  /** A directory that wants TLS says so before it looks at the password, which may be right. */
  #outcomeOf(flows: FlowBatch, row: number): string | undefined {
    const login = textAt(flows.login, row);
    return login === 'refused' && WANTS_TLS.test(textAt(flows.operations, row) ?? '') ? undefined : login;
  }

  finish(): Detection[] {
    const found: Detection[] = [];
    for (const [key, one] of this.book.entries()) {
      const [kind, client = '', server = '', service = ''] = key.split(' ');
      const isCommunity = Number(kind) === COMMUNITY;
      const told = one.accepted + one.unknown;
      if (told < (isCommunity ? this.options.minCommunities : this.options.minLogins)) continue;
      const { firstMs, lastMs, known } = one.span;
      found.push({
        kind: isCommunity ? 'cleartext-login.community' : 'cleartext-login.password',
        detector: this.id,
        actor: client,
        peers: [server],
        peerCount: 1,
        ...(one.port === undefined ? {} : { port: one.port }),
        protocol: isCommunity ? 'udp' : 'tcp',
        service,
        firstMs: known ? firstMs : 0,
        lastMs: known ? lastMs : 0,
        score: isCommunity ? COMMUNITY_SCORE : one.accepted > 0 ? ACCEPTED_SCORE : UNKNOWN_SCORE,
        reasons: isCommunity ? communityReasons(one) : this.#reasons(one, client, server),
        flows: this.book.flows(one),
        flowCount: one.flowCount,
      });
    }
    return found.sort((a, b) => byScore(a, b) || compareText(a.service ?? '', b.service ?? ''));
  }

  #reasons(one: Logins, client: string, server: string): Reason[] {
    const reasons: Reason[] = [
      {
        name: 'cleartext-login.logins',
        value: one.flowCount,
        unit: 'logins',
        threshold: this.options.minLogins,
        sentence: `On ${counted(one.flowCount, 'connection')} within ${humanDuration(one.span.lengthMs)} a password was sent that anyone on the way can read.`,
      },
      {
        name: 'cleartext-login.accepted',
        value: one.accepted,
        unit: 'logins',
        sentence:
          one.accepted > 0
            ? `The server accepted ${counted(one.accepted, 'login')}: the password is right.`
            : 'Whether the server accepted it was not seen.',
      },
    ];
    const users = fewSize(one.users);
    if (users > 0)
      reasons.push({
        name: 'cleartext-login.users',
        value: users,
        unit: 'names',
        sentence: `${one.moreUsers ? 'At least ' : ''}${counted(users, 'user name')} ${users === 1 ? 'was' : 'were'} given; the flows show which.`,
      });
    reasons.push({
      name: 'cleartext-login.scope',
      value: `${this.#placeOf(client)} to ${this.#placeOf(server)}`,
      unit: '',
      sentence: `The client is ${this.#placeOf(client)} the home network, the server ${this.#placeOf(server)}.`,
    });
    return reasons;
  }

  #placeOf(address: string): 'inside' | 'outside' {
    return this.context.isHome(address) ? 'inside' : 'outside';
  }
}

function communityReasons(one: Logins): Reason[] {
  return [
    {
      name: 'cleartext-login.communities',
      value: one.flowCount,
      unit: 'flows',
      sentence: `${counted(one.flowCount, 'flow')} carried the community of SNMP version 1 or 2c, which is its password, for anyone to read; the device answered.`,
    },
  ];
}

function tellsPassword(text: string): boolean {
  if (!text.includes(CLEAR) && !text.includes('bind simple')) return false;
  const operations = operationsOf(text);
  return operations.includes(CLEAR) || operations.includes('bind simple');
}

function tellsCommunity(text: string): boolean {
  return /(^|, )v(1|2c) (get|set|getnext|getbulk|get-next|get-bulk)/.test(text);
}
