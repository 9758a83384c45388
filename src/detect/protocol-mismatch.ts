import { counted, humanBytes, humanDuration, NumberSet, numberAt, type Table, textAt } from '../core/index.ts';
import { AnswersOf, bindFlows, type DnsAnswers, type FlowBatch } from '../flow/index.ts';
import { PROTO, serviceByPort } from '../wire/index.ts';
import { Cap, hash32 } from './bounded/bounded.ts';
import { HostIndex } from './bounded/host-index.ts';
import { NO_PLACE } from './bounded/number-index.ts';
import { AddressBits, ipv4Bits } from './bounded/text-number.ts';
import { byScore, Case, CaseBook, CaseDetector } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason, Saturation } from './detection.ts';
import { isPortOfTls } from './suspicious-tls.ts';
import { classesOf, codeCount, textOf } from './told.ts';

/**
 * Traffic that is not what its port says: a command shell on the port of DNS, SSH on the port of HTTPS, plain text where TLS belongs.
 *
 * Three kinds, one detection per initiator, responder and port.
 *
 * `protocol-mismatch.shell`: TCP of no protocol that is known, which shows the marks of a command shell. Points, reported from 0.6 on, at most 0.99:
 *   0.45  the first bytes of one side are the banner or prompt of a shell ("Microsoft Windows [Version", "C:\", "$ ", "uid=0("), or what its line editor tells a terminal
 *   0.35  those of the other side are a command that people type first (whoami, dir, id, ipconfig ...), with readable text in answer
 *   0.15  the pace of a person: small messages, tenths of a second to a minute apart, for some seconds at least
 *   0.15  the port is of another service, which this is not
 * Prompt or command must be there: pace alone is also a chat, a game, a device that reports.
 *
 * `protocol-mismatch.service`: the content is one known protocol, confirmed by the first bytes of the responder where that protocol has an answer to know it by, and the
 * port is another one's. 0.75 where the port is one that firewalls let out (DNS, web, mail, SSH), else 0.6; 0.5 for plain HTTP on a port of HTTPS and 0.45 for TLS on
 * port 80, which ordinary programs do too.
 * TLS on a port that no usual service has, from a host inside to one outside, is 0.45 where nobody asked for a name: neither in the handshake nor of the DNS, by whose answers in the same input no client reached
 * this address, though this client asks the DNS for others, and no certificate is in the clear. Services of makers and of companies have names, whatever their port.
 *
 * `protocol-mismatch.plain-text`: on a port of TLS both sides begin with readable text of no protocol that is known: 0.55.
 *
 * What is no mismatch: protocols that carry others (TLS on any port but those whose protocol begins without it; HTTP on ports of programs that speak HTTP; SMB on the
 * NetBIOS port; proxies; TLS on odd ports to a host that was asked for by name), STUN, RTP, BitTorrent and the like, which use any port; ports that say nothing; content that is not known and shows no shell, however strange;
 * an answer that is an error, or that of another protocol (a scanner that says HTTP to an SSH server).
 *
 * What fools it: TLS on an odd port to a name, or with one in the handshake (`suspicious-tls` looks at its certificate); an encrypted shell; a shell inside a protocol that fits its port (HTTPS on 443, DNS tunnels: see the other detectors); first bytes that are lost.
 *
 * Cost: one look-up by two small codes per flow; first bytes are read only of flows whose content nobody knows, and 1 kB is kept per finding, capped; each answer of the DNS once a batch, as 32 bits.
 * Source: ATT&CK T1571 (Non-Standard Port), T1059 (Command and Scripting Interpreter), T1572 (Protocol Tunneling).
 */
export const protocolMismatchInfo: DetectorInfo = {
  id: 'protocol-mismatch',
  kinds: ['protocol-mismatch.shell', 'protocol-mismatch.service', 'protocol-mismatch.plain-text'],
  needs: ['initiator', 'responder', 'responderPort', 'protocol', 'startMs', 'service', 'serviceBasis'],
  sees: 'A command shell in plain text on any port, content of one protocol on the port of another, readable text where TLS belongs.',
  fooledBy:
    'Encrypted shells; tunnels inside a protocol that fits its port. Administrators who move SSH to port 443 are found too.',
  cost: 'One look-up per flow; first bytes only where the content is not known.',
  source: 'ATT&CK T1571, T1059, T1572.',
};

export interface ProtocolMismatchOptions {
  /** Points from which a flow counts as a shell. Default 0.6: a banner or prompt with one more mark, or a command with two more. */
  readonly minShell: number;
  /** Weaker findings of the other kinds are not reported. Default 0.45: TLS on port 80. */
  readonly minScore: number;
  /** The pace of a person: mean time between packets, at least and at most. */
  readonly minPaceMs: number;
  readonly maxPaceMs: number;
  /** Payload bytes per packet of the side that types, on average, at most. */
  readonly maxTypedBytes: number;
  /** The pace says nothing of a conversation shorter than this. */
  readonly minShellMs: number;
  readonly maxCases: number;
  /** Addresses remembered that the DNS answered with; where there are more, TLS on odd ports is not reported. */
  readonly maxAddresses: number;
  /** Hosts remembered that asked the DNS. */
  readonly maxClients: number;
}

export const DEFAULT_PROTOCOL_MISMATCH_OPTIONS: ProtocolMismatchOptions = {
  minShell: 0.6,
  minScore: 0.45,
  minPaceMs: 50,
  maxPaceMs: 60_000,
  maxTypedBytes: 128,
  minShellMs: 2000,
  maxCases: 4096,
  maxAddresses: 65_536,
  maxClients: 10_000,
};

const BANNER_POINTS = 0.45;
const COMMAND_POINTS = 0.35;
const PACE_POINTS = 0.15;
const PORT_POINTS = 0.15;
const MOST_POINTS = 0.99;

const PLAIN_TEXT_SCORE = 0.55;
const HTTP_ON_TLS_SCORE = 0.5;
const TLS_ON_HTTP_SCORE = 0.45;
const ODD_PORT_SCORE = 0.45;
const LET_THROUGH_SCORE = 0.75;
const OTHER_PORT_SCORE = 0.6;

/** Content that shows itself surely enough to contradict a port. */
const SURE: ReadonlySet<string> = new Set([
  'ssh',
  'tls',
  'http',
  'smb',
  'rdp',
  'vnc',
  'ftp',
  'smtp',
  'imap',
  'pop3',
  'telnet',
  'irc',
  'redis',
  'ldap',
  'dcerpc',
  'mqtt',
]);

/** First bytes of a responder of these protocols, in hex; what has none here need not confirm itself. */
const ANSWER: Readonly<Record<string, RegExp>> = {
  ssh: /^5353482d/,
  tls: /^16(03|fe)/,
  http: /^485454502f/,
  smb: /^(.{8})?f[de]534d42|^(.{8})?ff534d42/,
  rdp: /^0300/,
  vnc: /^524642/,
  dcerpc: /^0500/,
};

/** Services that people's programs speak plain HTTP on, beside those of the port table called http. */
const SPEAKS_HTTP: ReadonlySet<string> = new Set([
  'http',
  'http-proxy',
  'socks',
  'winrm',
  'ipp',
  'elasticsearch',
  'kibana',
  'docker',
  'windows-delivery',
  'rtsp',
  'dcerpc-http',
  'vmware',
  'opcua',
  'xmpp',
  // Prometheus asks its node exporters on the port of raw printing.
  'printer',
]);

/** Services that begin without TLS, so that TLS from the first byte is something else. */
const NEVER_TLS: ReadonlySet<string> = new Set([
  'ssh',
  'ftp',
  'pop3',
  'imap',
  'telnet',
  'dns',
  'smb',
  'netbios-ssn',
  'dcerpc',
  'kerberos',
  'kpasswd',
  'rsh',
  'rlogin',
  'finger',
  'rpcbind',
]);

/** The same protocol, or one that the other is part of or is easily taken for (a mail server and a file server greet alike). */
const ALIKE: readonly (readonly string[])[] = [
  ['smb', 'netbios-ssn', 'dcerpc'],
  ['ldap', 'ldap-gc', 'cldap'],
  ['dcerpc', 'dcerpc-http'],
  ['ftp', 'smtp', 'ftp-data', 'nntp'],
  ['imap', 'pop3'],
  ['rdp', 'iso-tsap', 's7comm'],
  ['mqtt', 'amqp'],
  ['telnet', 'rlogin'],
  ['vnc', 'rfb'],
];

/** Ports that most firewalls let out: whoever wants to leave unseen takes one of these. */
const LET_THROUGH: ReadonlySet<string> = new Set(['dns', 'tls', 'http', 'ssh', 'smtp', 'ntp', 'quic']);

/** Only their first ports, 80 and 443, are let out nearly everywhere. */
const WEB: ReadonlySet<string> = new Set(['http', 'tls']);

/** Services whose ports begin with TLS. */
const BEGINS_WITH_TLS: ReadonlySet<string> = new Set([
  'tls',
  'imaps',
  'pop3s',
  'smtps',
  'ldaps',
  'ldaps-gc',
  'ftps',
  'dns-tls',
  'mqtt-tls',
  'sips',
]);

/** How strongly content contradicts the service that a port has; 0 where it does not. */
export function contradiction(portService: string, content: string): number {
  if (portService === content || !SURE.has(content)) return 0;
  if (ALIKE.some((names) => names.includes(portService) && names.includes(content))) return 0;
  if (content === 'tls') {
    if (portService === 'http') return TLS_ON_HTTP_SCORE;
    if (!NEVER_TLS.has(portService)) return 0;
  }
  if (content === 'http') {
    if (SPEAKS_HTTP.has(portService)) return 0;
    if (BEGINS_WITH_TLS.has(portService)) return HTTP_ON_TLS_SCORE;
  }
  // Behind the port of a proxy is whatever the proxy is asked for.
  if (portService === 'http-proxy' || portService === 'socks') return 0;
  return LET_THROUGH.has(portService) ? LET_THROUGH_SCORE : OTHER_PORT_SCORE;
}

/** Banner or prompt with which command shells begin, and what the first commands answer. Of 16 bytes there is no more than the beginning. */
const BANNER =
  /^(Microsoft Windo|Microsoft\(R\) Wi|\(c\) Microsoft|Windows PowerSh|PS [A-Z]:\\|[A-Z]:\\[^/]|uid=\d+\(|sh-\d\.\d|bash-\d|bash: |sh: \d|sh: [a-z]|\/bin\/(ba)?sh|Linux \S+ \d|Darwin \S|nt authority\\|[\w.-]{1,12}@[\w.-]{1,12}:|# $|\$ $|root@)/i;

/** Commands that people and their tools give first, whole. */
const COMMAND =
  /^(whoami|id|ls|dir|pwd|hostname|uname|ipconfig|ifconfig|ip a|netstat|tasklist|systeminfo|net (user|view|group|local|use)|arp -a|ver|cd|ps|cat \/|wget |curl |powershell|cmd|nltest|quser|query user|sudo|python\d? -c|export |cmd\.exe)([ \t\r\n;/&|-]|$)/;

/**
 * What a terminal is told beside text (ECMA-48): colours and modes, and the title of its window, of which the words stay; ␛ and ␇ stand for the control characters.
 * Bracketed paste is switched on by the line editors of shells (readline, zsh, fish) before every prompt.
 */
const CONTROL = /␛\[[0-?]*[ -/]*[@-~]?|␛\]\d*;?|␇/g;
const PASTE = '␛[?2004h';

/** The text of first bytes in hex; undefined where it is not readable throughout. */
export function readableText(hex: string | undefined): string | undefined {
  const text = terminalText(hex);
  return text === undefined || /[␛␇]/.test(text) ? undefined : text;
}

/** The same, where control sequences of a terminal may stand between. */
function terminalText(hex: string | undefined): string | undefined {
  if (hex === undefined || hex === '' || hex.length % 2 !== 0) return undefined;
  let text = '';
  for (let i = 0; i < hex.length; i += 2) {
    const byte = Number.parseInt(hex.slice(i, i + 2), 16);
    const isReadable = (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d;
    if (isReadable) text += String.fromCharCode(byte);
    else if (byte === 0x1b) text += '␛';
    else if (byte === 0x07) text += '␇';
    else return undefined;
  }
  return text;
}

/** What the first bytes of both sides say of a shell. */
interface ShellMarks {
  /** Which side the shell is on, as far as banner or command tell. */
  readonly side: 'initiator' | 'responder' | undefined;
  readonly hasBanner: boolean;
  readonly hasCommand: boolean;
}

/**
 * `talker` is the side that sent more, which decides where both look alike: a terminal echoes the command before it answers, so that both sides begin with the same words, and a
 * shell says more than it is told.
 */
export function shellMarks(
  initiator: string | undefined,
  responder: string | undefined,
  talker: 'initiator' | 'responder' = 'responder',
): ShellMarks {
  const atResponder = marks(responder, initiator);
  const atInitiator = marks(initiator, responder);
  const difference = pointsOf(atInitiator) - pointsOf(atResponder);
  if (difference > 0 || (difference === 0 && talker === 'initiator' && pointsOf(atInitiator) > 0))
    return { side: 'initiator', ...atInitiator };
  return { side: pointsOf(atResponder) > 0 ? 'responder' : undefined, ...atResponder };
}

function marks(shell: string | undefined, typed: string | undefined): { hasBanner: boolean; hasCommand: boolean } {
  const said = terminalText(shell);
  const given = readableText(typed);
  return {
    hasBanner: said !== undefined && (said.includes(PASTE) || BANNER.test(said.replace(CONTROL, ''))),
    hasCommand: given !== undefined && said !== undefined && COMMAND.test(given),
  };
}

function pointsOf({ hasBanner, hasCommand }: { hasBanner: boolean; hasCommand: boolean }): number {
  return (hasBanner ? BANNER_POINTS : 0) + (hasCommand ? COMMAND_POINTS : 0);
}

type Kind = 'shell' | 'service' | 'plain-text';

class Mismatch extends Case {
  score = 0;
  /** Content of a contradiction; the smallest name where several have the same score. */
  content: string | undefined;
  portService: string | undefined;
  side: 'initiator' | 'responder' | undefined;
  hasBanner = false;
  hasCommand = false;
  hasPace = false;
  sent = 0;
  returned = 0;
  protocol = 'tcp';
}

export function createProtocolMismatchDetector(
  context: NetworkContext,
  options: Partial<ProtocolMismatchOptions> = {},
): Detector {
  const settings = { ...DEFAULT_PROTOCOL_MISMATCH_OPTIONS, ...options };
  const book = new CaseBook('pairs with traffic unlike their port', settings.maxCases, Mismatch);
  return new ProtocolMismatchDetector(context, settings, book);
}

class ProtocolMismatchDetector extends CaseDetector<Mismatch, ProtocolMismatchOptions> {
  readonly id = protocolMismatchInfo.id;
  readonly #contradictions = new Map<string, number>();
  /** Addresses and names that the DNS answered with, as hashes. */
  readonly #answered = new NumberSet();
  readonly #answeredCap = new Cap('addresses that the DNS answered with', this.options.maxAddresses);
  readonly #clients = new HostIndex(new Cap('hosts that asked the DNS', this.options.maxClients));

  observe(table: Table): void {
    const flows = bindFlows(table);
    const transport = classesOf(flows.protocol, (protocol) =>
      protocol === 'tcp' ? TCP : protocol === 'udp' ? UDP : 0,
    );
    const byContent = classesOf(flows.serviceBasis, (basis) => basis === 'content');
    const answers = AnswersOf.column(flows.dnsAnswers);
    for (let code = 0; code < answers.count; code++) this.#learn(answers.of(code));
    const protocols = flows.protocol.codes;
    const bases = flows.serviceBasis.codes;
    const queries = flows.dnsQuery.codes;
    const initiators = flows.initiator.codes;
    const bits = AddressBits.of(flows.initiator);
    const isAsker = new Uint8Array(codeCount(flows.initiator));
    for (let row = 0; row < flows.rowCount; row++) {
      const protocol = transport[(protocols[row] as number) + 1] as number;
      if (protocol === 0) continue;
      const initiator = initiators[row] as number;
      if ((queries[row] as number) >= 0 && initiator >= 0 && isAsker[initiator] === 0)
        isAsker[initiator] = Number(
          this.#clients.obtain(textOf(flows.initiator, initiator), bits.of(initiator)) !== NO_PLACE,
        );
      if (byContent[(bases[row] as number) + 1] === 1) {
        // The usual case by two numbers: both columns have few texts, and a content that fits its port has the same one.
        const service = textAt(flows.service, row);
        if (service === undefined || service === textAt(flows.portService, row)) continue;
        const portService = responderService(flows, row, protocol);
        if (portService === undefined) {
          if (service === 'tls' && protocol === TCP) this.#oddPort(flows, row);
        } else if (service !== portService) this.#contradicts(flows, row, portService, service, protocol);
      } else if (protocol === TCP && (numberAt(flows.initiatorPayloadBytes, row) ?? 0) > 0) this.#unknown(flows, row);
    }
  }

  #contradicts(flows: FlowBatch, row: number, portService: string, service: string, protocol: number): void {
    // Over UDP calls, games and tunnels of users take any port; only that of DNS is looked at for others.
    if (protocol === UDP && portService !== 'dns') return;
    const key = `${portService} ${service}`;
    let score = this.#contradictions.get(key);
    if (score === undefined) {
      score = contradiction(portService, service);
      if (this.#contradictions.size < 4096) this.#contradictions.set(key, score);
    }
    const { minScore } = this.options;
    if (score < minScore || (numberAt(flows.responderPayloadBytes, row) ?? 0) === 0) return;
    // Of the further ports of the web, 8443 or 8080, nobody can say which of the two belongs there.
    const port = numberAt(flows.responderPort, row);
    if (portService === 'http' && service === 'tls' && port !== 80) return;
    if (portService === 'tls' && service === 'http' && port !== 443) return;
    if (WEB.has(portService) && port !== 80 && port !== 443) score = Math.min(score, OTHER_PORT_SCORE);
    if (score < minScore) return;
    const status = numberAt(flows.httpStatus, row);
    if (service === 'http' && status !== undefined && status >= 400) return;
    const answer = textAt(flows.responderFirstBytes, row);
    if (answer !== undefined && Object.hasOwn(ANSWER, service) && ANSWER[service]?.test(answer) === false) return;
    const one = this.#take(flows, row, 'service', score);
    if (one === undefined) return;
    if (one.content === undefined || score > one.score || (score === one.score && service < one.content))
      one.content = service;
    one.portService = portService;
    one.score = Math.max(one.score, score);
    one.protocol = protocol === TCP ? 'tcp' : 'udp';
  }

  #learn(answers: DnsAnswers): void {
    if (answers.heldBy === this) return;
    const { refused } = this.#answeredCap;
    for (const hash of answers.hashes) this.#remember(hash);
    if (this.#answeredCap.refused === refused) answers.heldBy = this;
  }

  #remember(answer: number): void {
    if (this.#answered.size < this.#answeredCap.cap) this.#answered.add(answer);
    else if (!this.#answered.has(answer)) this.#answeredCap.refused++;
  }

  #oddPort(flows: FlowBatch, row: number): void {
    const port = numberAt(flows.responderPort, row);
    const initiator = textAt(flows.initiator, row);
    const responder = textAt(flows.responder, row);
    if (port === undefined || initiator === undefined || responder === undefined || isPortOfTls(port)) return;
    if (textAt(flows.serverName, row) !== undefined || (numberAt(flows.responderPayloadBytes, row) ?? 0) === 0) return;
    // What a certificate in the clear says, `suspicious-tls` weighs.
    if (textAt(flows.certificateSubject, row) !== undefined) return;
    // Of a connection that was under way the name may have been asked for before.
    if (textAt(flows.outcome, row) === 'unknown') return;
    if (!this.context.isHome(initiator) || this.context.isHome(responder)) return;
    const answer = textAt(flows.responderFirstBytes, row);
    if (answer !== undefined && ANSWER.tls?.test(answer) === false) return;
    if (ODD_PORT_SCORE < this.options.minScore) return;
    const one = this.#take(flows, row, 'service', ODD_PORT_SCORE);
    if (one === undefined) return;
    one.content = 'tls';
    one.score = ODD_PORT_SCORE;
  }

  /** Whether a finding stands at the end: of TLS on an odd port, where no name led there and the client asks for names. */
  #stands(kind: string, initiator: string, responder: string, one: Mismatch): boolean {
    if (kind !== 'service' || one.portService !== undefined) return true;
    return (
      this.#answeredCap.refused === 0 &&
      this.#clients.find(initiator, ipv4Bits(initiator)) !== NO_PLACE &&
      !this.#answered.has(hash32(responder))
    );
  }

  override saturations(): Saturation[] {
    return this.book.saturations(this.id, [this.#answeredCap, this.#clients.cap]);
  }

  #unknown(flows: FlowBatch, row: number): void {
    const returned = numberAt(flows.responderPayloadBytes, row) ?? 0;
    if (returned === 0) return;
    const initiator = textAt(flows.initiatorFirstBytes, row);
    const responder = textAt(flows.responderFirstBytes, row);
    if (initiator === undefined || responder === undefined) return;
    const portService = responderService(flows, row, TCP);
    const isTold = (numberAt(flows.initiatorPayloadBytes, row) ?? 0) > returned;
    const marked = shellMarks(initiator, responder, isTold ? 'initiator' : 'responder');
    if (marked.side !== undefined) {
      const hasPace = this.#hasPace(flows, row, marked.side);
      // A port of Telnet has a shell by right, though not such a one.
      const isOther = portService !== undefined && portService !== 'telnet';
      const score = Math.min(MOST_POINTS, pointsOf(marked) + (hasPace ? PACE_POINTS : 0) + (isOther ? PORT_POINTS : 0));
      if (score >= this.options.minShell - 1e-9) {
        const one = this.#take(flows, row, 'shell', score);
        if (one === undefined) return;
        one.score = Math.max(one.score, score);
        one.portService = portService;
        if (one.side !== 'initiator') one.side = marked.side;
        one.hasBanner ||= marked.hasBanner;
        one.hasCommand ||= marked.hasCommand;
        one.hasPace ||= hasPace;
        return;
      }
    }
    if (portService === undefined || !BEGINS_WITH_TLS.has(portService)) return;
    const sides = [readableText(initiator), readableText(responder)];
    if (!sides.every((text) => text !== undefined && text.trim().length >= 4)) return;
    if (PLAIN_TEXT_SCORE < this.options.minScore) return;
    const one = this.#take(flows, row, 'plain-text', PLAIN_TEXT_SCORE);
    if (one === undefined) return;
    one.score = PLAIN_TEXT_SCORE;
    one.portService = portService;
  }

  #hasPace(flows: FlowBatch, row: number, side: 'initiator' | 'responder'): boolean {
    const { minPaceMs, maxPaceMs, maxTypedBytes, minShellMs } = this.options;
    const isTypedByInitiator = side === 'responder';
    const typed = numberAt(isTypedByInitiator ? flows.initiatorPayloadBytes : flows.responderPayloadBytes, row) ?? 0;
    const packets = numberAt(isTypedByInitiator ? flows.initiatorPackets : flows.responderPackets, row) ?? 0;
    const meanMs = numberAt(flows.iatMeanMs, row) ?? 0;
    return (
      (numberAt(flows.durationMs, row) ?? 0) >= minShellMs &&
      packets > 0 &&
      typed / packets <= maxTypedBytes &&
      meanMs >= minPaceMs &&
      meanMs <= maxPaceMs
    );
  }

  #take(flows: FlowBatch, row: number, kind: Kind, score: number): Mismatch | undefined {
    const initiator = textAt(flows.initiator, row);
    const responder = textAt(flows.responder, row);
    const port = numberAt(flows.responderPort, row);
    if (initiator === undefined || responder === undefined || port === undefined) return undefined;
    const one = this.book.obtain(kind, initiator, responder, port);
    if (one === undefined) return undefined;
    one.sent += numberAt(flows.initiatorPayloadBytes, row) ?? 0;
    one.returned += numberAt(flows.responderPayloadBytes, row) ?? 0;
    const times = { peer: responder, startMs: numberAt(flows.startMs, row), endMs: numberAt(flows.endMs, row) };
    this.book.saw(one, flows.table, row, times, -score);
    return one;
  }

  finish(): Detection[] {
    return this.book
      .entries()
      .flatMap(([key, one]) => {
        const [kind = '', initiator = '', responder = '', port = ''] = key.split(' ');
        if (!this.#stands(kind, initiator, responder, one)) return [];
        return [this.#detection(kind as Kind, initiator, responder, Number(port), one)];
      })
      .sort(byScore);
  }

  #detection(kind: Kind, initiator: string, responder: string, port: number, one: Mismatch): Detection {
    const reasons = kind === 'shell' ? shellReasons(port, one) : serviceReasons(kind, port, one);
    const { firstMs, lastMs, known, lengthMs } = one.span;
    reasons.push(
      {
        name: 'protocol-mismatch.flows',
        value: one.flowCount,
        unit: 'connections',
        sentence: `${counted(one.flowCount, 'connection')} within ${humanDuration(lengthMs)} carried ${humanBytes(one.sent)} from the initiator and ${humanBytes(one.returned)} from the responder.`,
      },
      {
        name: 'protocol-mismatch.scope',
        value: `${this.#placeOf(initiator)} to ${this.#placeOf(responder)}`,
        unit: '',
        sentence: `The initiator is ${this.#placeOf(initiator)} the home network, the responder ${this.#placeOf(responder)}.`,
      },
    );
    return {
      kind: `protocol-mismatch.${kind}`,
      detector: this.id,
      actor: initiator,
      peers: [responder],
      peerCount: 1,
      port,
      protocol: one.protocol,
      ...(one.content === undefined ? {} : { service: one.content }),
      firstMs: known ? firstMs : 0,
      lastMs: known ? lastMs : 0,
      score: Number(one.score.toFixed(2)),
      reasons,
      flows: this.book.flows(one),
      flowCount: one.flowCount,
    };
  }

  #placeOf(address: string): 'inside' | 'outside' {
    return this.context.isHome(address) ? 'inside' : 'outside';
  }
}

const TCP = 1;
const UDP = 2;

/** The service of the responder's port; the column `portService` takes the initiator's where that is the only one that says something. */
function responderService(flows: FlowBatch, row: number, protocol: number): string | undefined {
  const port = numberAt(flows.responderPort, row);
  return port === undefined ? undefined : serviceByPort(protocol === TCP ? PROTO.tcp : PROTO.udp, port);
}

function shellReasons(port: number, one: Mismatch): Reason[] {
  const reasons: Reason[] = [];
  const side = one.side ?? 'responder';
  const other = side === 'responder' ? 'initiator' : 'responder';
  reasons.push({
    name: 'protocol-mismatch.shell-side',
    value: side,
    unit: '',
    sentence:
      side === 'responder'
        ? 'The shell is at the responder: whoever connects to it can give commands.'
        : 'The shell is at the initiator: it called out and let the other side give commands.',
  });
  if (one.hasBanner)
    reasons.push({
      name: 'protocol-mismatch.banner',
      value: 'shell',
      unit: '',
      contribution: BANNER_POINTS,
      sentence: `The first bytes of the ${side} are those of a command shell: its banner, its prompt or the answer to a first command.`,
    });
  if (one.hasCommand)
    reasons.push({
      name: 'protocol-mismatch.command',
      value: 'command',
      unit: '',
      contribution: COMMAND_POINTS,
      sentence: `The first bytes of the ${other} are a command that people type to look around.`,
    });
  if (one.hasPace)
    reasons.push({
      name: 'protocol-mismatch.pace',
      value: 'interactive',
      unit: '',
      contribution: PACE_POINTS,
      sentence: `The ${other} sends little at a time, at the pace of a person who types and reads.`,
    });
  if (one.portService !== undefined && one.portService !== 'telnet')
    reasons.push({
      name: 'protocol-mismatch.port',
      value: one.portService,
      unit: '',
      contribution: PORT_POINTS,
      sentence: `Port ${port} is that of ${one.portService}, and this is not ${one.portService}.`,
    });
  return reasons;
}

function serviceReasons(kind: Kind, port: number, one: Mismatch): Reason[] {
  const { portService = '', content = '' } = one;
  if (kind === 'plain-text')
    return [
      {
        name: 'protocol-mismatch.text',
        value: portService,
        unit: '',
        contribution: PLAIN_TEXT_SCORE,
        sentence: `Both sides begin with readable text of no protocol that is known, and port ${port} is that of ${portService}, which begins with TLS.`,
      },
    ];
  return [
    {
      name: 'protocol-mismatch.content',
      value: content,
      unit: '',
      contribution: one.score,
      sentence:
        one.portService === undefined
          ? `The content is ${content}, port ${port} is of no usual service, and nobody asked for a name: neither in the handshake nor of the DNS.`
          : `The content is ${content}, and port ${port} is that of ${portService}.`,
    },
  ];
}
