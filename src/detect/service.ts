import { textAt } from '../core/index.ts';
import type { FlowBatch } from '../flow/index.ts';
import { PROTO, serviceByPort } from '../wire/index.ts';
import { type Told, toldOf } from './told.ts';

/** The line by which a side of SSH says what it is takes so much at most (RFC 4253, 4.2): monitors that read the server's send theirs and leave. */
export const SSH_GREETING_BYTES = 255;

/**
 * What detectors know about services: which of them ask for a login, and what one failed login looks like from outside.
 *
 * The limits are payload bytes of one connection in each direction, both well above what a failed login takes and below what ordinary use
 * of the service takes. They follow from the handshakes: SSH exchanges about 2 to 5 kB each way before the first password (the post-quantum key
 * exchanges of OpenSSH 9 and later are the long ones), RDP and the mail services over TLS carry a certificate chain, a database greets with
 * some 100 bytes and refuses with fewer.
 */
export interface LoginService {
  readonly name: string;
  /** Payload bytes from the client of one attempt, at most. */
  readonly clientBytes: number;
  /** Payload bytes from the client that give no login yet: with no more than these it only looked whether the service is there. 0 where any may. */
  readonly idleClientBytes?: number;
  /** Payload bytes from the server of one attempt, at most. */
  readonly serverBytes: number;
  /** True where ordinary programs log in again and again with equal shape (connection per query, bind per user): the shape proves less. */
  readonly chatty: boolean;
}

const LOGIN_SERVICES: readonly LoginService[] = [
  { name: 'ssh', clientBytes: 8_000, idleClientBytes: SSH_GREETING_BYTES, serverBytes: 8_000, chatty: false },
  { name: 'rdp', clientBytes: 12_000, serverBytes: 12_000, chatty: false },
  { name: 'smb', clientBytes: 8_000, serverBytes: 8_000, chatty: true },
  { name: 'ftp', clientBytes: 1_000, serverBytes: 4_000, chatty: false },
  { name: 'telnet', clientBytes: 2_000, serverBytes: 4_000, chatty: false },
  { name: 'vnc', clientBytes: 1_000, serverBytes: 2_000, chatty: false },
  { name: 'imap', clientBytes: 4_000, serverBytes: 10_000, chatty: true },
  { name: 'pop3', clientBytes: 4_000, serverBytes: 10_000, chatty: true },
  { name: 'smtp', clientBytes: 4_000, serverBytes: 10_000, chatty: true },
  { name: 'ldap', clientBytes: 4_000, serverBytes: 10_000, chatty: true },
  { name: 'mysql', clientBytes: 500, serverBytes: 500, chatty: true },
  { name: 'postgresql', clientBytes: 400, serverBytes: 400, chatty: true },
  { name: 'mssql', clientBytes: 4_000, serverBytes: 6_000, chatty: true },
];

/** Services whose use says nothing by its shape, as a connection for a query is their ordinary one; a login that is seen to be refused counts. */
const READ_SERVICES: readonly LoginService[] = ['redis', 'mqtt', 'irc', 'socks'].map((name) => ({
  name,
  clientBytes: 0,
  serverBytes: 0,
  chatty: true,
}));

const BY_NAME = new Map(LOGIN_SERVICES.map((service) => [service.name, service]));
const READ_BY_NAME = new Map(READ_SERVICES.map((service) => [service.name, service]));

/** Other names of the same services, as flow sources and port lists write them. */
const ALIASES: Readonly<Record<string, string>> = {
  'ms-wbt-server': 'rdp',
  'netbios-ssn': 'smb',
  'microsoft-ds': 'smb',
  ftps: 'ftp',
  telnets: 'telnet',
  rfb: 'vnc',
  imaps: 'imap',
  pop3s: 'pop3',
  smtps: 'smtp',
  submission: 'smtp',
  ldaps: 'ldap',
  postgres: 'postgresql',
  pgsql: 'postgresql',
  'ms-sql-s': 'mssql',
  tds: 'mssql',
};

/** Services whose content is TLS first, so that only the port says what is inside. */
const INSIDE_TLS: Readonly<Record<number, string>> = {
  465: 'smtp',
  587: 'smtp',
  636: 'ldap',
  990: 'ftp',
  992: 'telnet',
  993: 'imap',
  995: 'pop3',
  3389: 'rdp',
};

/**
 * The login service that a flow talks to, content first: a flow whose content says ssh is ssh on any port, and one whose content says http
 * is no login on port 22. Undefined where it asks for no login that flow shape could show.
 */
export function loginService(service: string | undefined, port: number | undefined): LoginService | undefined {
  if (service === undefined || service === 'tls') {
    const inside = port === undefined ? undefined : INSIDE_TLS[port];
    return inside === undefined ? undefined : BY_NAME.get(inside);
  }
  return BY_NAME.get(Object.hasOwn(ALIASES, service) ? (ALIASES[service] ?? service) : service);
}

/** As `loginService`, of a flow in which a login was read. */
export function readLoginService(service: string | undefined, port: number | undefined): LoginService | undefined {
  return loginService(service, port) ?? (service === undefined ? undefined : READ_BY_NAME.get(service));
}

/** 'port 445/tcp (smb)'; without the service where the port has no usual one. */
export function portText(port: number, protocol: string): string {
  const service = serviceByPort(protocol === 'udp' ? PROTO.udp : PROTO.tcp, port);
  return service === undefined ? `port ${port}/${protocol}` : `port ${port}/${protocol} (${service})`;
}

/** 'ports 80, 88 and 8080/tcp', at most `limit` of them, in the order given, the rest as a number. */
export function portsText(ports: readonly number[], protocol: string, limit = 8): string {
  const [only] = ports;
  if (ports.length === 1 && only !== undefined) return portText(only, protocol);
  const shown = ports.slice(0, limit);
  const rest = ports.length - shown.length;
  if (rest > 0) return `ports ${shown.join(', ')} and ${rest} more (${protocol})`;
  return `ports ${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}/${protocol}`;
}

/** True for an IPv4 or IPv6 group address, and for the IPv4 addresses that are a broadcast in any network or in every /24. */
export function isGroupOrBroadcast(address: string): boolean {
  if (address.includes(':')) return /^ff/i.test(address);
  if (address.endsWith('.255')) return true;
  const first = Number(address.slice(0, address.indexOf('.')));
  return first >= 224 && first < 240;
}

/** True for an Ethernet group address (broadcast or multicast): the lowest bit of the first byte. */
export function isGroupMac(mac: string | undefined): boolean {
  return mac !== undefined && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/** Which rows of a batch have a group or broadcast address on a side, by network address or by MAC; every text is looked at once, when it is asked for. */
export class GroupAddresses {
  readonly #initiator: Told;
  readonly #responder: Told;
  readonly #initiatorMac: Told;
  readonly #responderMac: Told;

  constructor(flows: FlowBatch) {
    this.#initiator = toldOf(flows.initiator, isGroupOrBroadcast);
    this.#responder = toldOf(flows.responder, isGroupOrBroadcast);
    this.#initiatorMac = toldOf(flows.initiatorMac, isGroupMac);
    this.#responderMac = toldOf(flows.responderMac, isGroupMac);
  }

  isInitiator(row: number, macs = true): boolean {
    return this.#initiator.at(row) || (macs && this.#initiatorMac.at(row));
  }

  /** `macs` false: by network address alone. */
  isResponder(row: number, macs = true): boolean {
    return this.#responder.at(row) || (macs && this.#responderMac.at(row));
  }
}

/** The service of a connection whose first bytes are not what its port says. `incident/words.ts` has words for it. */
export const UNLIKE_ITS_PORT = 'unlike-its-port';

/** How clients of the two services begin by whose ports most programs hide: a method of HTTP in capitals, a record of TLS or a hello of SSL 2. */
const BEGINS: Readonly<Record<string, RegExp>> = {
  http: /^[45]/,
  tls: /^(?:16|80)/,
};

/**
 * The service of a row, but where only the port says it and the first bytes of the client, of a connection that was seen from its beginning, contradict: what speaks a
 * protocol of its own on port 443 is no TLS.
 */
export function shownService(flows: FlowBatch, row: number): string | undefined {
  const service = textAt(flows.service, row);
  if ((service !== 'http' && service !== 'tls') || textAt(flows.serviceBasis, row) !== 'port') return service;
  const first = textAt(flows.initiatorFirstBytes, row);
  if (first === undefined || first === '' || textAt(flows.outcome, row) !== 'answered') return service;
  return textAt(flows.protocol, row) === 'tcp' && BEGINS[service]?.test(first) === false ? UNLIKE_ITS_PORT : service;
}
