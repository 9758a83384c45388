import { counted, humanCount, humanDuration, numberAt, type Table, textAt } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { PROTO, parseAddress, serviceByPort } from '../wire/index.ts';
import { byScore, Case, CaseBook, CaseDetector, compareText } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason, Saturation } from './detection.ts';
import { DynamicAddresses, isDynamicName } from './dns/dynamic-dns.ts';
import { DnsNames, IS_DYNAMIC } from './dns/name.ts';
import { classesOf } from './told.ts';

/**
 * TLS with a server outside whose certificate nobody vouches for, in circumstances in which no web page, mail or update is fetched: remote-control tools (AsyncRAT, Quasar, Cobalt Strike,
 * Metasploit ...) make a certificate of their own when they are set up.
 *
 * What it sees. Connections of a host inside to a host outside whose server shows a private certificate in clear (TLS 1.2 and below). Private is one whose issuer is its own subject, or
 * that is valid for longer than any public authority may make it (CA/Browser Forum, Baseline Requirements 6.3.2: 60 months from July 2012 on, 39 months from April 2015, 825 days from
 * March 2018, 398 from September 2020, 200 from March 2026, 100 from March 2027, 47 from March 2029). That alone is common and never reported. Points are added up, at most 0.99:
 *
 *   0.25  subject and issuer are the same
 *   0.15  valid for longer than a public authority may make it; 0.25 beyond five years, which none has been allowed since 2012. Together with the former at most 0.40
 *   0.15  a port that no usual service over TLS has
 *   0.10  the client asked for no server name
 *   0.10  the subject is neither a host name nor an address
 *   0.05  a version of TLS that was given up (RFC 8996), a month or more after that
 *   0.15  the address was found, or the server asked for, by a name of dynamic DNS or of a tunnel
 *   0.60  the subject or the issuer is the one that a remote-control tool gives its certificates unless told otherwise, as such names are published
 *  -0.15  the client offers HTTP/2, as browsers do
 *
 * From 0.55 on it is reported, one detection per client, server and port, with the certificate of the most points. A server of one's own that is looked at with a browser stays below it on the port of
 * HTTPS and somewhat above it elsewhere; what an implant does usually comes to 0.65 or more.
 *
 * What fools it: TLS 1.3, where the certificate is hidden; a certificate of a free public authority; a stolen or a carefully made one on port 443 with a name; connections that resume
 * an earlier session, which show no certificate and are not counted. Innocent and found: appliances, VPN gateways, remote-support programs and smart devices with a maker's own certificate on a port of their own.
 *
 * Cost: two look-ups per flow in small tables; 1 kB per client, server and port with a private certificate, capped.
 * Source: ATT&CK T1573 (Encrypted Channel), T1571 (Non-Standard Port); CA/Browser Forum Baseline Requirements; RFC 5280, RFC 8996.
 */
export const suspiciousTlsInfo: DetectorInfo = {
  id: 'suspicious-tls',
  kinds: ['suspicious-tls.certificate'],
  needs: [
    'initiator',
    'responder',
    'responderPort',
    'service',
    'startMs',
    'certificateSubject',
    'certificateIssuer',
    'serverName',
  ],
  sees: 'TLS from inside to a server outside with a certificate that nobody vouches for, on an odd port, without a server name, by a dynamic name, with an absurd validity or under the name of a known tool.',
  fooledBy:
    'TLS 1.3, which hides the certificate; certificates of public authorities; resumed sessions. Appliances, VPN gateways and smart devices with a certificate of their own are found too.',
  cost: 'Two look-ups per flow; about 1 kB per client, server and port with a private certificate.',
  source:
    'CA/Browser Forum Baseline Requirements 6.3.2 (validity); RFC 8996 (versions given up); ATT&CK T1573 (Encrypted Channel).',
};

export interface SuspiciousTlsOptions {
  /** Weaker findings are not reported. Default 0.55: a certificate of one's own that is valid for many years needs another 0.15. */
  readonly minScore: number;
  /** Clients with a server and a port. */
  readonly maxCases: number;
  /** Addresses remembered that a dynamic name led to. */
  readonly maxAddresses: number;
}

export const DEFAULT_SUSPICIOUS_TLS_OPTIONS: SuspiciousTlsOptions = {
  minScore: 0.55,
  maxCases: 8192,
  maxAddresses: 4096,
};

const DAY_MS = 86_400_000;
/** Longest validity of a certificate by the day from which it is valid, in days, two and more of them lenient for how months and last seconds are counted. Before the first one there was no bound. */
const PUBLIC_DAYS: readonly (readonly [fromMs: number, days: number])[] = [
  [Date.UTC(2029, 2, 15), 49],
  [Date.UTC(2027, 2, 15), 102],
  [Date.UTC(2026, 2, 15), 202],
  [Date.UTC(2020, 8, 1), 400],
  [Date.UTC(2018, 2, 1), 827],
  [Date.UTC(2015, 3, 1), 1190],
  [Date.UTC(2012, 6, 1), 1830],
];
const FIVE_YEARS_DAYS = 1830;
/** RFC 8996 is of March 2021. */
const GIVEN_UP_MS = Date.UTC(2021, 3, 1);
const GIVEN_UP: ReadonlySet<string> = new Set(['SSL 2.0', 'SSL 3.0', 'TLS 1.0', 'TLS 1.1']);

/** Points in hundredths, so that their sums are exact. */
const SELF_ISSUED = 25;
const TOO_LONG = 15;
const FAR_TOO_LONG = 25;
const MOST_PRIVATE = 40;
const ODD_PORT = 15;
const NO_NAME = 10;
const NO_HOST_NAME = 10;
const OLD_VERSION = 5;
const DYNAMIC = 15;
const TOOL = 60;
const BROWSER = -15;
const MOST_POINTS = 99;

/** Services over TLS from the first byte on, by the names of `serviceByPort`. */
const TLS_SERVICES: ReadonlySet<string> = new Set([
  'tls',
  'smtps',
  'imaps',
  'pop3s',
  'ldaps',
  'ldaps-gc',
  'ftps',
  'sips',
  'dns-tls',
  'mqtt-tls',
  'winrm-tls',
]);
/** Ports beside 443 at which web pages and gateways are customarily put (IANA or their makers' default), and the push services of phones. */
const CUSTOMARY_PORTS: ReadonlySet<number> = new Set([
  2083, 2087, 2096, 4433, 4443, 5223, 5228, 5671, 6443, 7443, 8843, 9443, 10_443,
]);

/** Common names that remote-control tools give the certificates they make, unless their operator thinks of another one; lower case. */
const TOOLS: ReadonlyMap<string, string> = new Map([
  ['asyncrat server', 'AsyncRAT'],
  ['asyncrat server ca', 'AsyncRAT'],
  ['bitrat', 'BitRAT'],
  ['covenant', 'Covenant'],
  ['dcrat', 'DcRat'],
  ['dcrat server', 'DcRat'],
  ['major cobalt strike', 'Cobalt Strike'],
  ['metasploitselfsignedca', 'Metasploit'],
  ['orcus server', 'Orcus'],
  ['p18055077', 'PoshC2'],
  ['quasar server ca', 'Quasar'],
  ['venomrat', 'VenomRAT'],
  ['venomrat server', 'VenomRAT'],
]);

/** What one connection shows, in points and facts. */
interface Showing {
  readonly points: number;
  readonly startMs: number;
  readonly subject: string;
  readonly issuer: string;
  readonly isSelfIssued: boolean;
  /** Days of validity, where they are more than a public authority may give. */
  readonly days: number | undefined;
  readonly isOddPort: boolean;
  readonly hasName: boolean;
  readonly isHostName: boolean;
  readonly oldVersion: string | undefined;
  readonly isDynamic: boolean;
  readonly tool: string | undefined;
  readonly isBrowser: boolean;
}

class Server extends Case {
  best: Showing | undefined;
}

export function createSuspiciousTlsDetector(
  context: NetworkContext,
  options: Partial<SuspiciousTlsOptions> = {},
): Detector {
  const settings = { ...DEFAULT_SUSPICIOUS_TLS_OPTIONS, ...options };
  const book = new CaseBook('clients of servers with private certificates', settings.maxCases, Server);
  return new SuspiciousTlsDetector(context, settings, book);
}

class SuspiciousTlsDetector extends CaseDetector<Server, SuspiciousTlsOptions> {
  readonly id = suspiciousTlsInfo.id;
  readonly #dynamic = new DynamicAddresses(this.options.maxAddresses);

  observe(table: Table): void {
    const flows = bindFlows(table);
    const names = DnsNames.of(flows.dnsQuery);
    const { certificateSubject, certificateIssuer, dnsQuery, service } = flows;
    const isTls = classesOf(service, (name) => name === 'tls');
    const { codes: queries } = dnsQuery;
    for (let row = 0; row < flows.rowCount; row++) {
      if ((queries[row] as number) >= 0) {
        if ((names.marksAt(row) & IS_DYNAMIC) !== 0) this.#dynamic.learn(flows, row);
      } else if (
        (certificateSubject.codes[row] ?? -1) >= 0 &&
        (certificateIssuer.codes[row] ?? -1) >= 0 &&
        isTls[(service.codes[row] as number) + 1] === 1
      )
        this.#take(flows, row);
    }
  }

  #take(flows: FlowBatch, row: number): void {
    const showing = showingOf(flows, row);
    const port = numberAt(flows.responderPort, row);
    if (showing === undefined || port === undefined) return;
    const client = textAt(flows.initiator, row);
    const server = textAt(flows.responder, row);
    if (client === undefined || server === undefined) return;
    if (!this.context.isHome(client) || this.context.isHome(server)) return;
    const one = this.book.obtain(client, server, port);
    if (one === undefined) return;
    if (one.best === undefined || compareShowings(showing, one.best) < 0) one.best = showing;
    const times = { peer: server, startMs: numberAt(flows.startMs, row), endMs: numberAt(flows.endMs, row) };
    this.book.saw(one, flows.table, row, times, MOST_POINTS - showing.points);
  }

  override saturations(): Saturation[] {
    return this.book.saturations(this.id, [this.#dynamic.cap]);
  }

  finish(): Detection[] {
    const found: Detection[] = [];
    const clients = new Map<string, number>();
    for (const [key] of this.book.entries()) {
      const place = key.slice(key.indexOf(' ') + 1);
      clients.set(place, (clients.get(place) ?? 0) + 1);
    }
    for (const [key, one] of this.book.entries()) {
      const { best } = one;
      const [client = '', server = '', port = ''] = key.split(' ');
      if (best === undefined) continue;
      const isDynamic = best.isDynamic || this.#dynamic.has(server);
      const points = best.points + (isDynamic && !best.isDynamic ? DYNAMIC : 0);
      const score = Math.min(MOST_POINTS, points) / 100;
      if (score < this.options.minScore) continue;
      const { firstMs, lastMs, known } = one.span;
      found.push({
        kind: 'suspicious-tls.certificate',
        detector: this.id,
        actor: client,
        peers: [server],
        peerCount: 1,
        port: Number(port),
        protocol: 'tcp',
        service: 'tls',
        firstMs: known ? firstMs : 0,
        lastMs: known ? lastMs : 0,
        score,
        reasons: reasonsOf({ ...best, isDynamic }, one, Number(port), clients.get(`${server} ${port}`) ?? 1),
        flows: this.book.flows(one),
        flowCount: one.flowCount,
      });
    }
    return found.sort(byScore);
  }
}

/** Most points first; ties by time and by the names in the certificate. */
function compareShowings(a: Showing, b: Showing): number {
  return (
    b.points - a.points || a.startMs - b.startMs || compareText(a.subject, b.subject) || compareText(a.issuer, b.issuer)
  );
}

/** Undefined where the certificate may be one of a public authority. */
function showingOf(flows: FlowBatch, row: number): Showing | undefined {
  const subject = textAt(flows.certificateSubject, row) ?? '';
  const issuer = textAt(flows.certificateIssuer, row) ?? '';
  const isSelfIssued = subject === issuer;
  const tool = TOOLS.get(subject.toLowerCase()) ?? TOOLS.get(issuer.toLowerCase());
  const days = tooManyDays(numberAt(flows.certificateFromMs, row), numberAt(flows.certificateToMs, row));
  if (!isSelfIssued && days === undefined && tool === undefined) return undefined;
  const port = numberAt(flows.responderPort, row);
  const startMs = numberAt(flows.startMs, row) ?? Number.POSITIVE_INFINITY;
  const serverName = textAt(flows.serverName, row);
  const version = textAt(flows.tlsVersion, row);
  // Where the beginning was not seen the name may have been asked for before.
  const hasName = serverName !== undefined || textAt(flows.outcome, row) === 'unknown';
  const isDynamic = serverName !== undefined && isDynamicName(serverName);
  const isOddPort = port !== undefined && !isPortOfTls(port);
  const isHostName = looksLikeHost(subject);
  const oldVersion =
    version !== undefined && GIVEN_UP.has(version) && startMs >= GIVEN_UP_MS && Number.isFinite(startMs)
      ? version
      : undefined;
  const isBrowser = (textAt(flows.alpn, row) ?? '').split(',').includes('h2');
  const isPrivate =
    (isSelfIssued ? SELF_ISSUED : 0) + (days === undefined ? 0 : days > FIVE_YEARS_DAYS ? FAR_TOO_LONG : TOO_LONG);
  const points =
    Math.min(MOST_PRIVATE, isPrivate) +
    (isOddPort ? ODD_PORT : 0) +
    (hasName ? 0 : NO_NAME) +
    (isHostName ? 0 : NO_HOST_NAME) +
    (oldVersion === undefined ? 0 : OLD_VERSION) +
    (isDynamic ? DYNAMIC : 0) +
    (tool === undefined ? 0 : TOOL) +
    (isBrowser ? BROWSER : 0);
  return {
    points,
    startMs,
    subject,
    issuer,
    isSelfIssued,
    days,
    isOddPort,
    hasName,
    isHostName,
    oldVersion,
    isDynamic,
    tool,
    isBrowser,
  };
}

/** The days of validity where no public authority may give so many; undefined where one may, or where a time is not known. */
function tooManyDays(fromMs: number | undefined, toMs: number | undefined): number | undefined {
  if (fromMs === undefined || toMs === undefined) return undefined;
  const days = (toMs - fromMs) / DAY_MS;
  const most = PUBLIC_DAYS.find(([beginMs]) => fromMs >= beginMs)?.[1];
  return most !== undefined && days > most ? days : undefined;
}

/** Whether a usual service over TLS has a port, or it is a customary one beside 443. */
export function isPortOfTls(port: number): boolean {
  return CUSTOMARY_PORTS.has(port) || TLS_SERVICES.has(serviceByPort(PROTO.tcp, port) ?? '');
}

/** A host name with a dot, a wildcard of one, or an address. */
function looksLikeHost(subject: string): boolean {
  const name = subject.replace(/^\*\./, '').replace(/\.$/, '');
  return (
    /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+$/i.test(name) ||
    parseAddress(name) !== undefined
  );
}

/** From so many hosts inside with the same server on, it is said. */
const MIN_COMMON_CLIENTS = 5;

/** The contributions add up to the score, but for sums above 0.99. */
function reasonsOf(shown: Showing, one: Server, port: number, clients: number): Reason[] {
  const reasons: Reason[] = [
    {
      name: 'suspicious-tls.connections',
      value: one.flowCount,
      unit: 'connections',
      sentence: `On ${counted(one.flowCount, 'connection')} within ${humanDuration(one.span.lengthMs)} the server showed a certificate that no public authority vouches for; resumed sessions show none and are not counted.`,
    },
  ];
  const say = (
    is: boolean,
    name: string,
    value: Reason['value'],
    unit: string,
    points: number,
    sentence: string,
  ): void => {
    if (is)
      reasons.push({
        name: `suspicious-tls.${name}`,
        value,
        unit,
        contribution: Number((points / 100).toFixed(2)),
        sentence,
      });
  };
  say(
    shown.tool !== undefined,
    'tool',
    shown.tool ?? '',
    '',
    TOOL,
    `The certificate bears the name that the remote-control tool ${shown.tool ?? ''} gives to its own, unless its operator chooses another.`,
  );
  say(
    shown.isSelfIssued,
    'self-issued',
    shown.subject,
    'name',
    SELF_ISSUED,
    'Whoever the certificate is for has issued it as well, so nobody else vouches for it; the name stands beside this line.',
  );
  const { days } = shown;
  const room = MOST_PRIVATE - (shown.isSelfIssued ? SELF_ISSUED : 0);
  say(
    days !== undefined,
    'lifetime',
    Math.round(days ?? 0),
    'days',
    Math.min(room, (days ?? 0) > FIVE_YEARS_DAYS ? FAR_TOO_LONG : TOO_LONG),
    `The certificate is valid for ${humanCount(Math.round(days ?? 0))} days, longer than a public authority may make it.`,
  );
  say(shown.isOddPort, 'port', port, 'port', ODD_PORT, `Port ${port} is none that a usual service over TLS has.`);
  say(
    shown.isDynamic,
    'dynamic-name',
    1,
    '',
    DYNAMIC,
    'The server was reached by a name of dynamic DNS or of a tunnel, which anybody gets at once; the flows show it, or the look-up before them.',
  );
  say(
    !shown.hasName,
    'no-name',
    0,
    'names',
    NO_NAME,
    'The client did not say which server name it wants, as browsers and most programs do.',
  );
  say(
    !shown.isHostName,
    'subject',
    shown.subject,
    'name',
    NO_HOST_NAME,
    'The certificate is made out to what is neither a host name nor an address; the name stands beside this line.',
  );
  say(
    shown.oldVersion !== undefined,
    'version',
    shown.oldVersion ?? '',
    '',
    OLD_VERSION,
    `They speak ${shown.oldVersion ?? ''}, which was given up in 2021.`,
  );
  say(
    shown.isBrowser,
    'browser',
    'h2',
    '',
    BROWSER,
    'The client offers HTTP/2, as browsers do: a person may look at a page.',
  );
  if (clients >= MIN_COMMON_CLIENTS)
    reasons.push({
      name: 'suspicious-tls.clients',
      value: clients,
      unit: 'hosts',
      threshold: MIN_COMMON_CLIENTS,
      sentence: `${counted(clients, 'host')} of the home network use the same server and port.`,
    });
  return reasons;
}
