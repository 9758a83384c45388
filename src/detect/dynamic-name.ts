import { counted, humanDuration, numberAt, type Table, textAt } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { PROTO, serviceByPort } from '../wire/index.ts';
import { byScore, Case, CaseBook, CaseDetector } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason, Saturation } from './detection.ts';
import { DynamicAddresses } from './dns/dynamic-dns.ts';
import { DnsNames, IS_DYNAMIC } from './dns/name.ts';
import { isPortOfTls } from './suspicious-tls.ts';
import { classesOf } from './told.ts';

/**
 * Connections that cannot be read to a host with a name of dynamic DNS or of a tunnel: where remote-control tools that speak a protocol of their own (NjRAT, XWorm, Remcos ...) have their operators, who
 * move from one line to the next and pay for no name.
 *
 * What it sees. TCP from a host inside to one outside to which such a name led, by the DNS answers in the same input, with payload both ways, whose content nobody recognises, or which is TLS that asks for no
 * server name and shows no certificate (one that is shown is for `suspicious-tls`). Points are added up:
 *
 *   0.50  the name, and content that is hidden
 *   0.15  a port that no usual service has
 *   0.10  it stays: one connection of five minutes, or five connections
 *
 * From 0.60 on it is reported, one detection per client, server and port. It is weak evidence by itself, and stays low; a rhythm or a lasting connection to the same host joins it. A page, a camera or a store of
 * files of one's own under such a name speaks what can be read, and is left alone.
 *
 * What fools it: a name of its own; web traffic; look-ups that the input does not show (DNS over HTTPS). Innocent and found: game servers of friends, a remote desktop or a control of heating at home whose protocol
 * nobody decodes.
 *
 * Cost: two look-ups per flow in small tables; 1 kB per client, server and port with hidden content, capped: the look-up may come to light after the connection, as a flow is told when it ends.
 * Source: ATT&CK T1568 (Dynamic Resolution), T1095 (Non-Application Layer Protocol), T1571 (Non-Standard Port).
 */
export const dynamicNameInfo: DetectorInfo = {
  id: 'dynamic-name',
  kinds: ['dynamic-name.contact'],
  needs: ['initiator', 'responder', 'responderPort', 'protocol', 'service', 'startMs', 'dnsQuery', 'dnsAnswers'],
  sees: 'Connections from inside that nobody can read, to a host outside that is reached by a name of dynamic DNS or of a tunnel.',
  fooledBy:
    'A name of its own; web traffic; look-ups by DNS over HTTPS. Game servers of friends and devices at home with a protocol of their own are found too.',
  cost: 'Two look-ups per flow; about 1 kB per client, server outside and port whose content is hidden.',
  source: 'ATT&CK T1568 (Dynamic Resolution), T1095 (Non-Application Layer Protocol).',
};

export interface DynamicNameOptions {
  /** Weaker findings are not reported. Default 0.60: the port must be odd, or the contact a lasting one. */
  readonly minScore: number;
  /** A connection so long is a lasting one; so many connections are, too. */
  readonly minLastingMs: number;
  readonly minConnections: number;
  /** Clients with a server and a port. */
  readonly maxCases: number;
  /** Addresses remembered that a dynamic name led to. */
  readonly maxAddresses: number;
}

export const DEFAULT_DYNAMIC_NAME_OPTIONS: DynamicNameOptions = {
  minScore: 0.6,
  minLastingMs: 300_000,
  minConnections: 5,
  maxCases: 8192,
  maxAddresses: 4096,
};

/** Points in hundredths, so that their sums are exact. */
const HIDDEN = 50;
const ODD_PORT = 15;
const LASTING = 10;

class Contact extends Case {
  longestMs = 0;
  isTls = false;
}

export function createDynamicNameDetector(
  context: NetworkContext,
  options: Partial<DynamicNameOptions> = {},
): Detector {
  const settings = { ...DEFAULT_DYNAMIC_NAME_OPTIONS, ...options };
  const book = new CaseBook('clients of hosts outside with hidden content', settings.maxCases, Contact);
  return new DynamicNameDetector(context, settings, book);
}

class DynamicNameDetector extends CaseDetector<Contact, DynamicNameOptions> {
  readonly id = dynamicNameInfo.id;
  readonly #dynamic = new DynamicAddresses(this.options.maxAddresses);

  observe(table: Table): void {
    const flows = bindFlows(table);
    const { dnsQuery, protocol, service, serviceBasis } = flows;
    const names = DnsNames.of(dnsQuery);
    const isTcp = classesOf(protocol, (name) => name === 'tcp');
    const isTls = classesOf(service, (name) => name === 'tls');
    const isContent = classesOf(serviceBasis, (name) => name === 'content');
    const { codes: queries } = dnsQuery;
    const { codes: protocols } = protocol;
    const { codes: services } = service;
    const { codes: bases } = serviceBasis;
    for (let row = 0; row < flows.rowCount; row++) {
      if ((queries[row] as number) >= 0) {
        if ((names.marksAt(row) & IS_DYNAMIC) !== 0) this.#dynamic.learn(flows, row);
      } else if (isTcp[(protocols[row] as number) + 1] === 1) {
        const tls = isTls[(services[row] as number) + 1] === 1;
        if (tls ? isNameless(flows, row) : isContent[(bases[row] as number) + 1] === 0) this.#take(flows, row, tls);
      }
    }
  }

  #take(flows: FlowBatch, row: number, isTls: boolean): void {
    if (!((numberAt(flows.initiatorPayloadBytes, row) ?? 0) > 0)) return;
    if (!((numberAt(flows.responderPayloadBytes, row) ?? 0) > 0)) return;
    const client = textAt(flows.initiator, row);
    const server = textAt(flows.responder, row);
    const port = numberAt(flows.responderPort, row);
    if (client === undefined || server === undefined || port === undefined) return;
    if (!this.context.isHome(client) || this.context.isHome(server)) return;
    const one = this.book.obtain(client, server, port);
    if (one === undefined) return;
    one.isTls ||= isTls;
    one.longestMs = Math.max(one.longestMs, numberAt(flows.durationMs, row) ?? 0);
    const times = { peer: server, startMs: numberAt(flows.startMs, row), endMs: numberAt(flows.endMs, row) };
    this.book.saw(one, flows.table, row, times);
  }

  override saturations(): Saturation[] {
    return this.book.saturations(this.id, [this.#dynamic.cap]);
  }

  finish(): Detection[] {
    const found: Detection[] = [];
    for (const [key, one] of this.book.entries()) {
      const [client = '', server = '', portText = ''] = key.split(' ');
      if (!this.#dynamic.has(server)) continue;
      const port = Number(portText);
      const { minScore, minLastingMs, minConnections } = this.options;
      const isOdd = serviceByPort(PROTO.tcp, port) === undefined && !isPortOfTls(port);
      const isLasting = one.longestMs >= minLastingMs || one.flowCount >= minConnections;
      const score = (HIDDEN + (isOdd ? ODD_PORT : 0) + (isLasting ? LASTING : 0)) / 100;
      if (score < minScore) continue;
      const { firstMs, lastMs, known } = one.span;
      found.push({
        kind: 'dynamic-name.contact',
        detector: this.id,
        actor: client,
        peers: [server],
        peerCount: 1,
        port,
        protocol: 'tcp',
        ...(one.isTls ? { service: 'tls' } : {}),
        firstMs: known ? firstMs : 0,
        lastMs: known ? lastMs : 0,
        score,
        reasons: reasonsOf(one, port, isOdd, isLasting),
        flows: this.book.flows(one),
        flowCount: one.flowCount,
      });
    }
    return found.sort(byScore);
  }
}

/** TLS whose client says no server name, and whose server shows no certificate. */
function isNameless(flows: FlowBatch, row: number): boolean {
  return (
    (flows.serverName.codes[row] ?? -1) < 0 &&
    (flows.certificateSubject.codes[row] ?? -1) < 0 &&
    textAt(flows.outcome, row) !== 'unknown'
  );
}

/** The contributions add up to the score. */
function reasonsOf(one: Contact, port: number, isOdd: boolean, isLasting: boolean): Reason[] {
  const reasons: Reason[] = [
    {
      name: 'dynamic-name.connections',
      value: one.flowCount,
      unit: 'connections',
      contribution: HIDDEN / 100,
      sentence: `${counted(one.flowCount, 'connection')} went to a host to which a name of dynamic DNS or of a tunnel led, as anybody gets at once; what was said is ${one.isTls ? 'TLS that asks for no server name' : 'in no protocol that is known here'}.`,
    },
  ];
  if (isOdd)
    reasons.push({
      name: 'dynamic-name.port',
      value: port,
      unit: 'port',
      contribution: ODD_PORT / 100,
      sentence: `Port ${port} is none that a usual service has.`,
    });
  if (isLasting)
    reasons.push({
      name: 'dynamic-name.lasting',
      value: Math.round(one.longestMs),
      unit: 'ms',
      contribution: LASTING / 100,
      sentence: `It stays: the longest connection lasted ${humanDuration(one.longestMs)}, and there were ${counted(one.flowCount, 'connection')} within ${humanDuration(one.span.lengthMs)}.`,
    });
  return reasons;
}
