import { counted, humanCount, humanDuration, NO_ROW, numberAt, type Table, textAt } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { bindFlows } from '../flow/index.ts';
import { Cap, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import { AddressBits, ipv4Bits } from './bounded/text-number.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  MAX_EVIDENCE_FLOWS,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
  type Saturation,
} from './detection.ts';
import { reflectorOn } from './flood/reflector.ts';
import { Gateways } from './gateway.ts';
import { foldDecoys, MacNumbers, macText } from './scan/author.ts';
import {
  ANSWERED,
  ARP,
  CONTACT_PROTOCOLS,
  type Contact,
  type ContactProtocol,
  ContactStore,
  DNS_PORT,
  ICMP,
  LATE,
  NAME,
  NONE,
  ODD,
  placeOf,
  REFUSED,
  TCP,
  UDP,
  UNANSWERED,
} from './scan/contact.ts';
import { flagClassOf, isBare, NULL_PROBE, PROBE_SHIFT, PROBES, SYN, wentOn, XMAS_PROBE } from './scan/probe.ts';
import {
  breadthScore,
  certainty,
  compare,
  compareText,
  countFailed,
  densest,
  distinct,
  foundBeside,
  groupBy,
  oddsText,
  percent,
  round,
  runAround,
  type Stretch,
  spanOf,
  type Unit,
  unitOf,
  usualPackets,
} from './scan/search.ts';
import { evidenceOf } from './scan/shown.ts';
import { looksOneWay, Sources, type Suspect, showsArpReplies } from './scan/source.ts';
import { GroupAddresses, portsText } from './service.ts';
import { classesOf, codeCount } from './told.ts';

/**
 * Scans: one host tries many others, or many ports of one, and mostly fails.
 *
 * What it sees. Every pair of (source, host, port) is one contact, however often it is repeated. A contact failed when none of its flows was
 * answered. The contacts of a source are grouped by port (horizontal) and by host (vertical), put in order of their first flow, and read as the
 * threshold random walk of Jung, Paxson, Berger and Balakrishnan (2004): a failure makes a scanner (1-theta1)/(1-theta0) = 4 times likelier,
 * a success theta1/theta0 = 4 times less likely. Where Jung stops at a bound, here the best stretch of the walk is taken, so that neither
 * a day of slow probes nor an hour of ordinary browsing before the scan hides it; its odds are divided by the number of places where
 * a stretch can begin (under "ordinary" the walk is a martingale, so that is Ville's bound), and must still reach beta/alpha = 99. Where the contacts
 * outside the stretch fail more often than theta0 allows (a mail server), their own success rate takes the place of theta0. No window of
 * time is needed, and the result does not depend on the order of the rows.
 *
 * What is told of a search is all of it: at a pace of 2 s a target or less, the targets right before and after the stretch and the other ports that answered on its hosts belong to it, though they add nothing to
 * the odds.
 *
 * The score is P x (1 - doubt): P = odds / (1 + odds), doubt = 4 / (targets + 4), halved for a scan that reaches 5 new targets a second,
 * which people and clients don't, doubled where a host inside (or any IPv6 host) fails at hosts outside on ports 80 and 443 only, as a browser
 * without a way out does. 5 slow targets give 0.55, 10 fast ones 0.86, 100 slow ones 0.96. The score is multiplied by the share of the stretch that failed over 1 - theta1,
 * where it is below 1 (half of the contacts failing makes a poor scanner); by 0.8 for UDP, where
 * silence is often normal; by the share of the failures that lie in the pattern where a source fails on more than 20 ports at random,
 * as peer-to-peer programs do; and bounded by 0.6 where the capture seems to show one direction only.
 *
 * ARP: different addresses asked for in vain, with at most 6 requests each (a router asks again and again for a host that is gone), at least 10 within a minute (20 where the capture shows nobody's ARP replies, as behind a switch),
 * or 32 at any pace where replies are seen and at least 80 % of the addresses stay silent. Score: n / (n + 10), times 0.8 without sight of
 * replies, times 0.6 for the slow kind. Echo requests are walked like the rest, from 8 silent hosts on. As a sweep of a live network is mostly
 * answered, 10 hosts asked within a minute, one to three packets each, count as well where a fifth of them is silent (score times 0.8), and
 * 30 where all answer (times 0.5); hosts that are asked again and again are watched, not searched.
 *
 * A router asks for those whom others send something through it. Where the one who asks is a way out of the home network, the actor is who turned to the hosts there at that time (`scan.routed`): 3 hosts or half of
 * those that answered, and twice as many as any other. Where nobody stands out, the score is halved. Decoys (nmap -D) are told by the hardware address, see `scan-author.ts`.
 *
 * Names of addresses: 64 addresses of a /24 inside within five minutes, half of them without a name, asked for by one query a flow (dnsrecon; resolvers that ask for many in one flow show its first alone).
 *
 * A list of addresses: a host inside that calls at least 20 hosts outside on one TCP port within a minute, of which so many fail that the odds below are reached, and that asked for fewer names than a quarter of them (but for
 * some, so that its questions are in the input). Who browses asks for names, and fails at one first contact in twenty; a list has dead addresses (0.4 is taken). Most of such hosts may answer, so the walk does not
 * decide. Bots that look for their masters do so; so do peer-to-peer programs, which is why the score stays at 0.45 at most.
 *
 * Probes that begin no connection (FIN, NULL, XMAS; ACK and FIN with ACK, as nmap names them): packets without SYN, one or two of them, bare, that are answered by a reset or by nothing. FIN, PSH and
 * URG without an ACK, or no flag at all, no connection shows: 6 ports of a host or 5 hosts on a port are a search. An ACK alone is also what is left of a connection that began before the capture, so
 * it takes 20 services of one host, on ports below 1024 or of a known service. An open port stays silent to the first kind, so it can't be told what was found.
 *
 * What does not count: flows otherwise whose beginning was not seen (so backscatter makes no scanner of its victim), flows whose initiator went on with
 * ACKs (an answer came that the capture doesn't show), multicast and broadcast, ICMP errors, ARP probes and announcements, later parts of
 * a cut flow, UDP that runs from a port below 1024 to a high one (a late reply), from the port of a service that is asked by multicast (SSDP, WS-Discovery, mDNS, LLMNR)
 * to a high one (its answer, a flow of its own), from a DHCP server to its clients or to the traceroute ports, and UDP silence of a host that
 * otherwise answers the same source (QUIC behind a firewall that drops it).
 *
 * What fools it: a scan spread over many sources, each below 5 targets; targets that are known to answer; a lost uplink under a busy client,
 * which fails everywhere at once; UDP probes sent from a low source port or one of these; peer-to-peer programs that all use one port.
 *
 * Cost: one look-up per flow, about 70 bytes per contact, capped; sorting at the end, for sources with enough contacts. Sources are weighed by their contacts: when
 * there are too many, the half with the fewest goes (forged addresses have one each), so a flood before a scan does not hide it. A scanner that
 * makes no second contact while 10,000 new sources appear is forgotten with them. When there are too many contacts, sources with fewer than
 * make a scan go; beyond that new contacts are refused.
 *
 * Source: Jung et al., "Fast Portscan Detection Using Sequential Hypothesis Testing", IEEE S&P 2004.
 */
export interface ScanOptions {
  /** Success rate of ordinary first contacts, of scanners, and the odds at which the walk decides. */
  readonly theta0: number;
  readonly theta1: number;
  readonly decisionOdds: number;
  /** Hosts that fail on a port before it is a horizontal scan; twice as many for UDP. */
  readonly minHosts: number;
  /** Ports that fail on a host before it is a vertical scan; twice as many for UDP. */
  readonly minPorts: number;
  /** Services of a host that are sent an ACK, or FIN and ACK, of connections that were never begun. */
  readonly minLatePorts: number;
  /** Hosts outside that are called on one TCP port within `listWindowMs`, hardly one of which was asked for by name. */
  readonly minListHosts: number;
  readonly listWindowMs: number;
  /** Hosts silent to echo requests. */
  readonly minEchoHosts: number;
  /** Hosts sent one to three echo requests within a minute, a fifth of them silent; three times as many where all answer. */
  readonly minSweepHosts: number;
  /** Addresses asked for in vain within `arpWindowMs`. */
  readonly minArpTargets: number;
  readonly arpWindowMs: number;
  /** Addresses of a /24 inside whose names the DNS is asked for within `reverseWindowMs`, half of which have none. */
  readonly minReverseNames: number;
  readonly reverseWindowMs: number;
  /** Weaker findings are not reported. */
  readonly minScore: number;
  readonly maxSources: number;
  readonly maxContacts: number;
  readonly maxContactsPerSource: number;
}

export const DEFAULT_SCAN_OPTIONS: ScanOptions = {
  theta0: 0.8,
  theta1: 0.2,
  decisionOdds: 99,
  minHosts: 5,
  minPorts: 6,
  minLatePorts: 20,
  minListHosts: 20,
  listWindowMs: 60_000,
  minEchoHosts: 8,
  minSweepHosts: 10,
  minArpTargets: 10,
  arpWindowMs: 60_000,
  minReverseNames: 64,
  reverseWindowMs: 300_000,
  minScore: 0.3,
  maxSources: 20_000,
  maxContacts: 150_000,
  maxContactsPerSource: 10_000,
};

export const scanInfo: DetectorInfo = {
  id: 'scan',
  kinds: ['scan.horizontal', 'scan.vertical', 'scan.block', 'scan.icmp', 'scan.arp', 'scan.routed', 'scan.reverse-dns'],
  needs: ['initiator', 'responder', 'protocol', 'startMs', 'outcome'],
  sees: 'One host that tries many hosts, or many ports of a host, and mostly fails, at any pace.',
  fooledBy:
    'Scans spread over many sources; targets known to answer; an uplink that goes down under a busy client; peer-to-peer programs that all use one port.',
  cost: 'One look-up per flow; about 70 bytes per (source, host, port), at most 150,000 of them.',
  source: 'Jung, Paxson, Berger, Balakrishnan: Fast Portscan Detection Using Sequential Hypothesis Testing, 2004.',
};

/** Positions are the classes of rows; up to ARP also those of `CONTACT_PROTOCOLS`, in which ODD, LATE and NAME come next. */
const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'icmp', 'arp', 'icmpv6'];
const OUTCOMES: readonly string[] = ['unanswered', 'refused', 'answered'];
const ECHO_V4 = 8;
const ECHO_V6 = 128;
const TRACEROUTE_FIRST = 33_434;
const TRACEROUTE_LAST = 33_534;

/** SSDP, WS-Discovery, mDNS and LLMNR are asked by multicast and answer by unicast, from their port to the asker's. */
function isAskedByMulticast(port: number): boolean {
  return port === 1900 || port === 3702 || port === 5353 || port === 5355;
}
const FEW_PORTS = 5;
const MANY_PORTS = 20;
const SWEEP_PACKETS = 3;
const MONITOR_PACKETS = 8;
const SLOW_ARP_TARGETS = 32;
const ARP_TRIES = 6;
/** Around the questions of a router: hosts that the author of a search meets, how far from them in time, and how long the search may last for that to say something. */
const MIN_ROUTED_HOSTS = 3;
const ROUTED_MS = 5000;
const MAX_ROUTED_SPAN_MS = 300_000;
/** Of the first contacts of who browses, and of a list of addresses. */
const BROWSER_FAILS = 0.05;
const LIST_FAILS = 0.4;
const LIST_SHARE = 0.25;
const MOST_OF_LIST = 0.45;

export function createScanDetector(context: NetworkContext, options: Partial<ScanOptions> = {}): Detector {
  const {
    theta0,
    theta1,
    decisionOdds,
    minHosts,
    minPorts,
    minLatePorts,
    minListHosts,
    listWindowMs,
    minEchoHosts,
    minSweepHosts,
    minArpTargets,
    arpWindowMs,
    minReverseNames,
    reverseWindowMs,
    minScore,
    maxSources,
    maxContacts,
    maxContactsPerSource,
  } = { ...DEFAULT_SCAN_OPTIONS, ...options };
  const store = new ContactStore(maxContacts);
  const gateways = new Gateways(context);
  const sources = new Sources(new Cap('sources of first contacts', maxSources), store);
  const contactCap = new Cap('first contacts', maxContacts);
  const perSourceCap = new Cap('first contacts of one source', maxContactsPerSource);
  /** No source with fewer contacts is a scanner. */
  const minContacts = Math.min(minHosts, minPorts, minEchoHosts, minSweepHosts, minArpTargets);
  /** Refusals before which it is not worth while to look for contacts to drop again. */
  let nextSweep = 0;

  function observe(table: Table, _features: FeatureMatrix): void {
    const flows = bindFlows(table);
    const outcomes = classesOf(flows.outcome, (name) => OUTCOMES.indexOf(name) + 1);
    const protocols = classesOf(flows.protocol, (name) => PROTOCOLS.indexOf(name) + 1);
    const flagClasses = flows.initiatorFlags.dictionary.map(flagClassOf);
    const wasReset = classesOf(flows.responderFlags, (flags) =>
      flags === 'R' || flags === 'AR' ? 1 : flags === '' ? 0 : 2,
    );
    const outcomeCodes = flows.outcome.codes;
    const protocolCodes = flows.protocol.codes;
    const flagCodes = flows.initiatorFlags.codes;
    const initiators = flows.initiator.codes;
    const groups = new GroupAddresses(flows);
    const macs = new MacNumbers(flows.initiatorMac);
    const isPtr = classesOf(flows.dnsType, (type) => type === 'PTR');
    gateways.observe(table);
    /** The source by initiator, as far as it was asked for since sources were dropped. */
    const known = new Int32Array(codeCount(flows.initiator)).fill(NO_ROW);
    let drops = sources.rows.drops;
    const addressBits = AddressBits.of(flows.initiator);
    const hostBits = AddressBits.of(flows.responder);
    for (let row = 0; row < flows.rowCount; row++) {
      let outcome = (outcomes[(outcomeCodes[row] as number) + 1] as number) - 1;
      const protocolClass = (protocols[(protocolCodes[row] as number) + 1] as number) - 1;
      if ((outcome < 0 && protocolClass !== TCP) || protocolClass < 0 || numberAt(flows.continued, row) === 1) continue;
      const address = textAt(flows.initiator, row);
      const host = textAt(flows.responder, row);
      if (address === undefined || host === undefined) continue;
      if (addressBits.at(row) === hostBits.at(row) && address === host) continue;
      let port = -1;
      let probes = 0;
      let protocol = protocolClass;
      if (protocolClass === TCP) {
        const flagCode = flagCodes[row] as number;
        const flagClass = flagCode < 0 ? undefined : flagClasses[flagCode];
        const isProbe = flagClass !== undefined && (flagClass & SYN) === 0;
        if (outcome < 0 && !isProbe) continue;
        port = numberAt(flows.responderPort, row) ?? -1;
        if (port < 0) continue;
        if (isProbe) {
          const probe = flagClass >> PROBE_SHIFT;
          const answer = wasReset[(flows.responderFlags.codes[row] as number) + 1] as number;
          if (probe === 0 || answer === 2 || !isBare(flows, row)) continue;
          // Without an answer, no flags at all may as well be a header that was cut.
          if (probe === 1 << NULL_PROBE && answer === 0) continue;
          protocol = probe >> (XMAS_PROBE + 1) === 0 ? ODD : LATE;
          // The ports of clients are called late by servers that let them go.
          if (protocol === LATE && port >= 1024 && textAt(flows.portService, row) === undefined) continue;
          outcome = answer === 1 ? REFUSED : UNANSWERED;
          probes = probe;
        } else if (outcome === UNANSWERED) {
          const payload = numberAt(flows.initiatorPayloadBytes, row);
          if (wentOn(flagClass, payload, numberAt(flows.initiatorPackets, row))) outcome = ANSWERED;
        }
      } else if (protocolClass === UDP) {
        port = numberAt(flows.responderPort, row) ?? -1;
        if (port < 0 || groups.isResponder(row)) continue;
        if (outcome !== ANSWERED) {
          const from = numberAt(flows.initiatorPort, row);
          if (
            from !== undefined &&
            (from < 1024 || isAskedByMulticast(from) || reflectorOn(from) !== undefined) &&
            (port >= 1024 || (port === 68 && from === 67))
          )
            continue;
          if (port === 546 && from === 547) continue;
          if (port >= TRACEROUTE_FIRST && port <= TRACEROUTE_LAST) continue;
        }
      } else if (protocolClass === ARP) {
        if (address === '0.0.0.0') continue;
      } else {
        const type = numberAt(flows.icmpType, row);
        if (type !== (protocolClass === ICMP ? ECHO_V4 : ECHO_V6) || groups.isResponder(row, false)) continue;
        protocol = ICMP;
      }
      const code = initiators[row] as number;
      if (sources.rows.drops !== drops) {
        drops = sources.rows.drops;
        known.fill(NO_ROW);
      }
      let source = known[code] as number;
      if (source === NO_ROW) {
        source = sources.obtain(address, addressBits.at(row));
        if (source === NO_ROW) continue;
        known[code] = source;
      }
      let asked: string | undefined;
      if (port === DNS_PORT && isPtr[(flows.dnsType.codes[row] as number) + 1] === 1)
        asked = addressAsked(textAt(flows.dnsQuery, row) ?? '');
      if (probes !== 0) sources.probes[source] = (sources.probes[source] as number) | probes;
      if (port === DNS_PORT) sources.questions[source] = (sources.questions[source] as number) + 1;
      const place = placeOf(protocol, port);
      if (asked !== undefined && context.isHome(asked)) {
        const named = slotOf(source, asked, ipv4Bits(asked), placeOf(NAME, -1), macs.at(row));
        if (named !== NONE) {
          const isNamed = textAt(flows.dnsRcode, row) === 'NOERROR';
          const startMs = numberAt(flows.startMs, row);
          store.saw(named, startMs, startMs, isNamed ? ANSWERED : UNANSWERED, 1);
          store.offer(
            named,
            startMs ?? Number.POSITIVE_INFINITY,
            numberAt(flows.id, row) ?? -1,
            numberAt(flows.initiatorPort, row) ?? -1,
          );
        }
      }
      const slot = slotOf(source, host, hostBits.at(row), place, macs.at(row));
      if (slot === NONE) continue;
      const startMs = numberAt(flows.startMs, row);
      const endMs = numberAt(flows.endMs, row) ?? startMs;
      store.saw(slot, startMs, endMs, outcome, numberAt(flows.initiatorPackets, row) ?? 1);
      if (outcome !== ANSWERED || protocol === ICMP) {
        const from = numberAt(flows.initiatorPort, row) ?? -1;
        store.offer(slot, startMs ?? Number.POSITIVE_INFINITY, numberAt(flows.id, row) ?? -1, from);
      }
    }
  }

  /** The slot of a contact, a new one where there is none; NONE, counted, where it is refused. */
  function slotOf(source: number, host: string, bits: number, place: number, mac: number): number {
    const known = sources.weightOf(source) === 0 ? NONE : store.find(source, host, bits, place);
    if (known !== NONE) return known;
    const slot = admit(source) ? store.add(source, host, bits, place, sources.headOf(source)) : NONE;
    if (slot === NONE) {
      if (sources.weightOf(source) >= maxContactsPerSource) perSourceCap.refused++;
      else contactCap.refused++;
      sources.cut[source] = 1;
      return NONE;
    }
    sources.head[source] = slot;
    sources.cameFrom(source, mac);
    sources.weight[source] = sources.weightOf(source) + 1;
    return slot;
  }

  /** Whether a source may have another contact; makes room where there is none. */
  function admit(source: number): boolean {
    const weight = sources.weightOf(source);
    if (weight >= maxContactsPerSource) return false;
    if (store.size < maxContacts) return true;
    if (contactCap.refused < nextSweep) return false;
    // The one that asks is not to be dropped itself.
    sources.weight[source] = Math.max(weight, minContacts);
    const before = store.size;
    sources.rows.dropBelow(minContacts);
    contactCap.refused += before - store.size;
    sources.weight[source] = weight;
    if (maxContacts - store.size < maxContacts / 32) nextSweep = contactCap.refused + maxContacts / 32;
    return store.size < maxContacts;
  }

  function suspectOf(source: number): Suspect {
    const contacts: Record<ContactProtocol, Contact[]> = {
      tcp: [],
      udp: [],
      icmp: [],
      arp: [],
      odd: [],
      late: [],
      name: [],
    };
    for (const slot of store.slots(sources.headOf(source))) {
      const contact = store.contactAt(slot);
      contacts[CONTACT_PROTOCOLS[contact.protocol] ?? 'tcp'].push(contact);
    }
    return {
      address: sources.rows.text(source),
      questions: sources.questions[source] as number,
      probes: sources.probes[source] as number,
      cut: sources.cut[source] === 1,
      contacts,
      sample: undefined,
    };
  }

  /** The stretch of a walk with the best odds, as the header says; undefined where it does not decide. */
  function walk(group: readonly Unit[]): Stretch | undefined {
    const units = group.toSorted((a, b) => compare(a.firstMs, b.firstMs) || compareText(a.label, b.label));
    const up = Math.log10((1 - theta1) / (1 - theta0));
    const down = Math.log10(theta1 / theta0);
    let best = 0;
    let from = 0;
    let to = 0;
    let run = 0;
    let runFrom = 0;
    units.forEach((unit, i) => {
      run += unit.failed ? up : down;
      if (run <= 0) {
        run = 0;
        runFrom = i + 1;
      } else if (run > best + 1e-9) {
        best = run;
        from = runFrom;
        to = i + 1;
      }
    });
    const stretch = units.slice(from, to);
    const failed = stretch.filter((unit) => unit.failed).length;
    const outside = units.length - stretch.length;
    const outsideAnswered = units.filter((unit) => !unit.failed).length - (stretch.length - failed);
    // The source's own success rate elsewhere, drawn towards theta0 by ten contacts' worth of belief.
    const own = Math.min(theta0, Math.max(0.3, (10 * theta0 + outsideAnswered) / (10 + outside)));
    const log10Odds =
      failed * Math.log10((1 - theta1) / (1 - own)) +
      (stretch.length - failed) * Math.log10(theta1 / own) -
      Math.log10(Math.max(1, units.length));
    if (log10Odds < Math.log10(decisionOdds)) return undefined;
    return { units: stretch, run: runAround(units, from, to), failed, log10Odds };
  }

  function finish(): Detection[] {
    const oneWay = looksOneWay(sources, store);
    const arpRepliesSeen = showsArpReplies(sources, store);
    const searches: { readonly detection: Detection; readonly mac: string | undefined; readonly source: number }[] = [];
    for (const source of sources.rows.rows()) {
      if (sources.weightOf(source) < minContacts) continue;
      const suspect = suspectOf(source);
      const detections: Detection[] = [];
      for (const protocol of ['tcp', 'udp'] as const) portScans(suspect, protocol, oneWay, detections);
      for (const protocol of ['odd', 'late'] as const) probeScans(suspect, protocol, detections);
      echoSweep(suspect, detections);
      arpSweep(suspect, arpRepliesSeen, detections);
      nameSweep(suspect, detections);
      const mac = macText(sources.mac[source] as number);
      for (const detection of detections) if (detection.score >= minScore) searches.push({ detection, mac, source });
    }
    const routed = searches.map((search) =>
      search.detection.kind === 'scan.arp' && gateways.isGateway(search.mac)
        ? { ...search, detection: routedSearch(search.detection, search.source) }
        : search,
    );
    return foldDecoys(routed, context).sort(
      (a, b) =>
        b.score - a.score || compareText(a.kind, b.kind) || compareText(a.actor, b.actor) || a.firstMs - b.firstMs,
    );
  }

  /**
   * A router asks by ARP for whoever sends something through it. Who that was shows where the search met hosts that are there: the one source that turned to more hosts of the same networks at that time than any other.
   * Where nobody stands out, the detection stays the router's and says that it may not be its own.
   */
  function routedSearch(detection: Detection, router: number): Detection {
    const asked = [...store.slots(sources.headOf(router))]
      .filter((slot) => store.protocolAt(slot) === ARP)
      .map((slot) => store.contactAt(slot));
    const answered = asked.filter((c) => c.outcome === ANSWERED).length;
    const networks = new Set(asked.map((c) => networkOf(c.host)));
    const isNear = (c: Contact): boolean =>
      c.firstMs >= detection.firstMs - ROUTED_MS && c.firstMs <= detection.lastMs + ROUTED_MS;
    let most = 0;
    let second = 0;
    let author = NO_ROW;
    for (const source of sources.rows.rows()) {
      if (source === router || sources.weightOf(source) < MIN_ROUTED_HOSTS) continue;
      const hosts = new Set<string>();
      for (const slot of store.slots(sources.headOf(source))) {
        if (!isTraffic(store.protocolAt(slot))) continue;
        const contact = store.contactAt(slot);
        if (isNear(contact) && networks.has(networkOf(contact.host))) hosts.add(contact.host);
      }
      if (hosts.size > most) {
        second = most;
        most = hosts.size;
        author = source;
      } else second = Math.max(second, hosts.size);
    }
    const routerAddress = detection.actor;
    if (
      author === NO_ROW ||
      detection.lastMs - detection.firstMs > MAX_ROUTED_SPAN_MS ||
      most < Math.max(MIN_ROUTED_HOSTS, answered / 2) ||
      most < 2 * second
    )
      return {
        ...detection,
        score: 0.5 * detection.score,
        reasons: [
          ...detection.reasons,
          {
            name: 'scan.router',
            value: 'yes',
            unit: '',
            sentence: `Traffic leaves the home network through ${routerAddress}, so it asks on behalf of others; who sent what it had to deliver does not show here.`,
          },
        ],
      };
    const suspect = suspectOf(author);
    const met = Object.values(suspect.contacts)
      .flat()
      .filter((c) => isTraffic(c.protocol) && isNear(c) && networks.has(networkOf(c.host)));
    const metHosts = [...new Set(met.map((c) => c.host))].sort(compareText);
    const silent = asked.filter((c) => c.outcome !== ANSWERED && !metHosts.includes(c.host)).map((c) => c.host);
    const total = metHosts.length + silent.length;
    const own = evidenceOf(suspect, met).slice(0, MAX_EVIDENCE_FLOWS / 2);
    return {
      ...detection,
      kind: 'scan.routed',
      actor: suspect.address,
      peers: [...metHosts, ...silent.sort(compareText)].slice(0, MAX_PEERS),
      peerCount: total,
      protocol: 'ip',
      reasons: [
        {
          name: 'scan.targets',
          value: total,
          unit: 'addresses',
          threshold: minArpTargets,
          sentence: `It turned to ${counted(total, 'address', 'addresses')} of networks behind the router ${routerAddress}: ${counted(metHosts.length, 'host')} that ${metHosts.length === 1 ? 'is' : 'are'} there, and ${humanCount(silent.length)} for which the router asked by ARP in vain.`,
        },
        {
          name: 'scan.routed',
          value: most,
          unit: 'hosts',
          threshold: MIN_ROUTED_HOSTS,
          sentence: `The router asks on behalf of others; while it did, no other source turned to more than ${counted(second, 'host')} there.`,
        },
        ...detection.reasons.filter((reason) => reason.name === 'scan.burst' || reason.name === 'scan.one-way'),
        scopeReason(suspect.address, new Set(metHosts)),
      ],
      flows: [...own, ...detection.flows.slice(0, MAX_EVIDENCE_FLOWS - own.length)].sort(
        (a, b) => (a.startMs ?? 0) - (b.startMs ?? 0) || (a.id ?? 0) - (b.id ?? 0),
      ),
    };
  }

  function portScans(source: Suspect, protocol: 'tcp' | 'udp', oneWay: boolean, out: Detection[]): void {
    let contacts = source.contacts[protocol];
    if (contacts.every((c) => c.outcome === ANSWERED)) return;
    if (protocol === 'udp') {
      const answering = new Set<string>();
      for (const c of [...contacts, ...source.contacts.tcp]) if (c.outcome === ANSWERED) answering.add(c.host);
      contacts = contacts.filter((c) => c.outcome === ANSWERED || !answering.has(c.host));
    }
    const strict = (protocol === 'udp' ? 2 : 1) * (oneWay && protocol === 'tcp' ? 3 : 1);

    const deep: { host: string; stretch: Stretch }[] = [];
    for (const [host, group] of groupBy(contacts, (c) => c.host)) {
      if (countFailed(group) < minPorts * strict) continue;
      const stretch = walk(group.map((c) => unitOf(`${c.port}`.padStart(5, '0'), [c])));
      if (stretch !== undefined && stretch.failed >= minPorts * strict) deep.push({ host, stretch });
    }
    deep.sort((a, b) => compareText(a.host, b.host));
    const deepHosts = new Set(deep.map((d) => d.host));

    const wide = contacts.filter((c) => !deepHosts.has(c.host));
    const failedPorts = new Set(wide.filter((c) => c.outcome !== ANSWERED).map((c) => c.port));
    let stretches: Stretch[] = [];
    for (const [, group] of groupBy(wide, (c) => c.port)) {
      if (countFailed(group) < minHosts * strict) continue;
      const stretch = walk(group.map((c) => unitOf(c.host, [c])));
      if (stretch !== undefined && stretch.failed >= minHosts * strict) stretches.push(stretch);
    }
    if (failedPorts.size > 1 && failedPorts.size <= FEW_PORTS) {
      // A few ports tried on many hosts are one search: each host is one step.
      const few = groupBy(
        wide.filter((c) => failedPorts.has(c.port)),
        (c) => c.host,
      );
      const joint = walk([...few].map(([host, group]) => unitOf(host, group)));
      if (joint !== undefined && joint.failed >= Math.max(minHosts * strict, 2 * failedPorts.size)) {
        const alone = Math.max(0, ...stretches.map((s) => s.failed));
        if (joint.failed >= alone) stretches = [joint];
      }
    }

    if (stretches.length === 0 && protocol === 'tcp' && !oneWay) {
      for (const [, group] of groupBy(wide, (c) => c.port)) {
        const list = listOf(source, group);
        if (list !== undefined)
          out.push(portDetection('scan.horizontal', source, protocol, [list], { oneWay, focus: 1, list: true }));
      }
    }
    if (stretches.length > 0) {
      const inPattern = stretches.reduce((n, s) => n + s.failed, 0);
      const allFailed = countFailed(wide);
      const focus = failedPorts.size > MANY_PORTS ? Math.min(1, inPattern / Math.max(1, allFailed)) : 1;
      const found = foundBeside(wide, stretches);
      out.push(portDetection('scan.horizontal', source, protocol, stretches, { oneWay, focus }, found));
    }
    if (deep.length > 0) {
      const kind = deep.length === 1 ? 'scan.vertical' : 'scan.block';
      const found = deep.map((d) => d.stretch);
      out.push(portDetection(kind, source, protocol, found, { oneWay, focus: 1 }));
    }
  }

  /** The contacts of one port that look like a list of addresses, as the header says. */
  function listOf(source: Suspect, group: readonly Contact[]): Stretch | undefined {
    if (group.length < minListHosts || !context.isHome(source.address)) return undefined;
    const contacts = densest(
      group.filter((c) => !context.isHome(c.host)),
      listWindowMs,
    );
    const failed = countFailed(contacts);
    if (contacts.length < minListHosts) return undefined;
    if (source.questions === 0 || source.questions >= LIST_SHARE * contacts.length) return undefined;
    const log10Odds =
      failed * Math.log10(LIST_FAILS / BROWSER_FAILS) +
      (contacts.length - failed) * Math.log10((1 - LIST_FAILS) / (1 - BROWSER_FAILS)) -
      Math.log10(group.length);
    if (log10Odds < Math.log10(decisionOdds)) return undefined;
    const units = contacts.map((c) => unitOf(c.host, [c]));
    return { units, run: units, failed, log10Odds };
  }

  function portDetection(
    kind: string,
    source: Suspect,
    protocol: 'tcp' | 'udp',
    stretches: readonly Stretch[],
    seen: { oneWay: boolean; focus: number; list?: boolean },
    found: readonly Contact[] = [],
  ): Detection {
    const core = distinct(stretches.flatMap((s) => s.units.flatMap((u) => u.contacts)));
    const contacts = distinct([...stretches.flatMap((s) => s.run.flatMap((u) => u.contacts)), ...found]);
    const hosts = new Set(contacts.map((c) => c.host));
    const portTotals = [...groupBy(contacts, (c) => c.port)]
      .map(([port, group]) => ({ port, n: group.length }))
      .sort((a, b) => b.n - a.n || a.port - b.port);
    const ports = portTotals.map((p) => p.port);
    const main = portTotals[0];
    const horizontal = kind === 'scan.horizontal';
    const targets = horizontal
      ? new Set(contacts.filter((c) => c.outcome !== ANSWERED).map((c) => c.host)).size
      : countFailed(contacts);
    const odds = stretches.reduce((most, s) => Math.max(most, s.log10Odds), 0);
    const oneWay = seen.oneWay && protocol === 'tcp';
    const { base, perSecond, span } = spanOf(contacts);
    // Nobody finds hosts in IPv6 space by trying addresses, so a source there had names, whoever's it is.
    const outward =
      (context.isHome(source.address) || source.address.includes(':')) &&
      [...hosts].every((host) => !context.isHome(host));
    const { list = false } = seen;
    const webClient =
      !list && horizontal && outward && protocol === 'tcp' && ports.every((port) => port === 80 || port === 443);
    const breadth = breadthScore(targets, perSecond, webClient);
    const purity = Math.min(1, countFailed(core) / core.length / (1 - theta1));
    let score = certainty(odds) * breadth * purity * (protocol === 'udp' ? 0.8 : 1) * seen.focus;
    if (oneWay) score = Math.min(score, 0.6);
    if (list) score = Math.min(score, MOST_OF_LIST);

    const within = span.lengthMs > 0 ? ` within ${humanDuration(span.lengthMs)}` : '';
    const least = source.cut ? 'at least ' : '';
    const reasons: Reason[] = [];
    if (horizontal) {
      reasons.push({
        name: 'scan.targets',
        value: hosts.size,
        unit: 'hosts',
        threshold: minHosts * (protocol === 'udp' ? 2 : 1),
        sentence: `It tried ${least}${counted(hosts.size, 'different host')} on ${portsText(ports, protocol)}${within}.`,
      });
    } else {
      reasons.push({
        name: 'scan.ports',
        value: ports.length,
        unit: 'ports',
        threshold: minPorts * (protocol === 'udp' ? 2 : 1),
        sentence: `It tried ${least}${counted(ports.length, 'different port')} of ${counted(hosts.size, 'host')}${within}: ${portsText(
          ports.toSorted((a, b) => a - b),
          protocol,
        )}.`,
      });
    }
    reasons.push(...commonReasons(contacts, odds, base, perSecond, { list, byHost: horizontal }));
    if (list) {
      reasons.push({
        name: 'scan.names',
        value: source.questions,
        unit: 'flows',
        threshold: round(LIST_SHARE * contacts.length),
        sentence: `It sent the DNS no more than ${counted(source.questions, 'flow')} in all, so it had most of these addresses from elsewhere: a list, of which a part is dead. Bots that look for their masters call like this, and so do peer-to-peer programs.`,
      });
    }
    if (horizontal && ports.length > 1) {
      reasons.push({
        name: 'scan.ports',
        value: ports.length,
        unit: 'ports',
        sentence: `It used ${counted(ports.length, 'port')}; the most tried is ${main?.port}/${protocol}, on ${counted(main?.n ?? 0, 'host')}.`,
      });
    }
    if (seen.focus < 1) {
      reasons.push({
        name: 'scan.focus',
        value: round(seen.focus),
        unit: 'ratio',
        sentence: `Only ${percent(seen.focus)} of its failed contacts follow this pattern, the others go to random ports, as those of peer-to-peer programs do; the score is lowered by that.`,
      });
    }
    if (webClient) {
      reasons.push({
        name: 'scan.web-client',
        value: 'yes',
        unit: '',
        sentence: 'A client that fails at web servers outside may only have lost its way out; the doubt counts twice.',
      });
    }
    if (oneWay) {
      reasons.push({
        name: 'scan.one-way',
        value: 'yes',
        unit: '',
        sentence:
          'Hardly any connection in the whole input is answered, so it may show one direction only; silence proves less there, and the score is bounded by 0.6.',
      });
    }
    reasons.push(scopeReason(source.address, hosts));
    const dominant = main !== undefined && main.n >= 0.9 * contacts.length ? main.port : undefined;
    return {
      ...detectionOf(kind, source, contacts, score, reasons),
      protocol,
      ...(horizontal && dominant !== undefined ? { port: dominant } : {}),
    };
  }

  /** Searches by packets that begin no connection. What is odd is one by itself; what only seems late has to be asked of many services of a host. */
  function probeScans(source: Suspect, protocol: 'odd' | 'late', out: Detection[]): void {
    const isOdd = protocol === 'odd';
    const most = isOdd ? minPorts : minLatePorts;
    if (source.contacts[protocol].length < Math.min(most, minHosts)) return;
    const connected = new Set(
      source.contacts.tcp.filter((c) => c.outcome === ANSWERED).map((c) => `${c.host} ${c.port}`),
    );
    const contacts = source.contacts[protocol].filter((c) => isOdd || !connected.has(`${c.host} ${c.port}`));
    const deep = [...groupBy(contacts, (c) => c.host).values()].filter((group) => group.length >= most);
    if (deep.length > 0)
      out.push(probeDetection(deep.length === 1 ? 'scan.vertical' : 'scan.block', source, protocol, deep.flat()));
    if (!isOdd) return;
    const deepHosts = new Set(deep.flat().map((c) => c.host));
    const wide = contacts.filter((c) => !deepHosts.has(c.host));
    const found = [...groupBy(wide, (c) => c.port).values()].filter((group) => group.length >= minHosts);
    if (found.length > 0) out.push(probeDetection('scan.horizontal', source, protocol, found.flat()));
  }

  function probeDetection(
    kind: string,
    source: Suspect,
    protocol: 'odd' | 'late',
    contacts: readonly Contact[],
  ): Detection {
    const hosts = new Set(contacts.map((c) => c.host));
    const ports = [...new Set(contacts.map((c) => c.port))].sort((a, b) => a - b);
    const { base, perSecond, span } = spanOf(contacts);
    const horizontal = kind === 'scan.horizontal';
    const within = span.lengthMs > 0 ? ` within ${humanDuration(span.lengthMs)}` : '';
    const least = source.cut ? 'at least ' : '';
    const refused = contacts.filter((c) => c.outcome === REFUSED).length;
    const isOdd = protocol === 'odd';
    const carried = PROBES.filter((_, i) => (source.probes & (1 << i)) !== 0 && i <= XMAS_PROBE === isOdd);
    const reasons: Reason[] = [
      horizontal
        ? {
            name: 'scan.targets',
            value: hosts.size,
            unit: 'hosts',
            threshold: minHosts,
            sentence: `It tried ${least}${counted(hosts.size, 'different host')} on ${portsText(ports, 'tcp')}${within}.`,
          }
        : {
            name: 'scan.ports',
            value: ports.length,
            unit: 'ports',
            threshold: isOdd ? minPorts : minLatePorts,
            sentence: `It tried ${least}${counted(ports.length, 'different port')} of ${counted(hosts.size, 'host')}${within}: ${portsText(ports, 'tcp')}.`,
          },
      {
        name: 'scan.probe',
        value: carried.map(({ name }) => name).join(', '),
        unit: '',
        sentence: `None of these packets begins a connection: they carry ${carried.map(({ carries }) => carries).join(', or ')}. ${
          isOdd
            ? 'Only tools that look for open ports send such packets, past filters and logs that look for SYNs.'
            : 'So many services of one host are asked like this by tools that look for what a filter lets through.'
        }`,
      },
      {
        name: 'scan.refused',
        value: refused,
        unit: 'targets',
        sentence: `${counted(refused, 'target')} sent a reset${isOdd ? ', as closed ports do' : ', so no filter stands before them'}; ${humanCount(contacts.length - refused)} stayed silent, as ${isOdd ? 'open ports and filters' : 'filters'} do.`,
      },
    ];
    if (base > 0) reasons.push(rateReason(perSecond));
    reasons.push(scopeReason(source.address, hosts));
    const [only] = ports;
    return {
      ...detectionOf(kind, source, contacts, breadthScore(contacts.length, perSecond), reasons),
      protocol: 'tcp',
      ...(horizontal && ports.length === 1 && only !== undefined ? { port: only } : {}),
    };
  }

  function echoSweep(source: Suspect, out: Detection[]): void {
    const all = source.contacts.icmp;
    const stretch = walk(all.map((c) => unitOf(c.host, [c])));
    const silent = stretch !== undefined && stretch.failed >= minEchoHosts ? stretch : undefined;
    let contacts = distinct(silent?.run.flatMap((u) => u.contacts) ?? []);
    let score =
      silent === undefined ? 0 : certainty(silent.log10Odds) * breadthScore(silent.failed, spanOf(contacts).perSecond);
    // Who pings the same hosts over and over watches them; a sweep asks once or twice.
    if (usualPackets(contacts) > MONITOR_PACKETS) score *= 0.5;
    const burst = densest(
      all.filter((c) => c.packets <= SWEEP_PACKETS),
      60_000,
    );
    const burstSilent = countFailed(burst) / Math.max(1, burst.length);
    const factor =
      burst.length >= minSweepHosts && burstSilent >= 0.2 ? 0.8 : burst.length >= 3 * minSweepHosts ? 0.5 : 0;
    const burstScore = factor * breadthScore(burst.length, spanOf(burst).perSecond);
    if (burstScore > score) {
      score = burstScore;
      contacts = burst;
    }
    if (score === 0) return;
    const odds = contacts === burst ? 0 : (silent?.log10Odds ?? 0);
    const usual = usualPackets(contacts);
    const { base, perSecond, span } = spanOf(contacts);
    const hosts = new Set(contacts.map((c) => c.host));
    const reasons: Reason[] = [
      {
        name: 'scan.targets',
        value: hosts.size,
        unit: 'hosts',
        threshold: minEchoHosts,
        sentence: `It sent echo requests to ${source.cut ? 'at least ' : ''}${counted(hosts.size, 'different host')}${span.lengthMs > 0 ? ` within ${humanDuration(span.lengthMs)}` : ''}, ${counted(usual, 'packet')} to the typical one.`,
      },
      ...commonReasons(contacts, odds, base, perSecond),
      scopeReason(source.address, hosts),
    ];
    const protocol = source.address.includes(':') ? 'icmpv6' : 'icmp';
    out.push({ ...detectionOf('scan.icmp', source, contacts, score, reasons), protocol });
  }

  function arpSweep(source: Suspect, repliesSeen: boolean, out: Detection[]): void {
    const all = source.contacts.arp;
    const unanswered = all.filter((c) => c.outcome !== ANSWERED);
    // An address asked for again and again is one that somebody wants to reach, not one that is searched for.
    const silent = unanswered.filter((c) => c.packets <= ARP_TRIES || unanswered.length >= 2 * SLOW_ARP_TARGETS);
    const burst = densest(silent, arpWindowMs).length;
    const ratio = silent.length / Math.max(1, all.length);
    let score = 0;
    if (burst >= minArpTargets * (repliesSeen ? 1 : 2)) score = (burst / (burst + 10)) * (repliesSeen ? 1 : 0.8);
    else if (repliesSeen && silent.length >= SLOW_ARP_TARGETS && ratio >= 0.8)
      score = 0.6 * (silent.length / (silent.length + 10));
    if (score === 0) return;
    const { base, perSecond, span } = spanOf(all);
    const reasons: Reason[] = [
      {
        name: 'scan.targets',
        value: all.length,
        unit: 'addresses',
        threshold: minArpTargets,
        sentence: `It asked by ARP for ${source.cut ? 'at least ' : ''}${counted(all.length, 'different address', 'different addresses')}${span.lengthMs > 0 ? ` within ${humanDuration(span.lengthMs)}` : ''}.`,
      },
      {
        name: 'scan.burst',
        value: burst,
        unit: 'addresses',
        threshold: minArpTargets * (repliesSeen ? 1 : 2),
        sentence: `At its busiest it asked for ${counted(burst, 'address', 'addresses')} in vain within ${humanDuration(arpWindowMs)}.`,
      },
      ...commonReasons(all, 0, base, perSecond),
    ];
    if (!repliesSeen) {
      reasons.push({
        name: 'scan.one-way',
        value: 'yes',
        unit: '',
        sentence:
          'The input shows no ARP reply to anybody, so silence proves less; twice as many addresses are required and the score is lowered.',
      });
    }
    out.push({ ...detectionOf('scan.arp', source, all, score, reasons), protocol: 'arp' });
  }

  /** Names of a network's addresses asked for one after the other, most of which have none: nobody connects to those. */
  function nameSweep(source: Suspect, out: Detection[]): void {
    if (source.contacts.name.length < minReverseNames) return;
    const swept = [...groupBy(source.contacts.name, (c) => networkOf(c.host)).values()]
      .map((group) => densest(group, reverseWindowMs))
      .filter((group) => group.length >= minReverseNames && countFailed(group) >= group.length / 2);
    const contacts = swept.flat();
    if (contacts.length === 0) return;
    const { perSecond, span } = spanOf(contacts);
    const named = contacts.length - countFailed(contacts);
    const reasons: Reason[] = [
      {
        name: 'scan.targets',
        value: contacts.length,
        unit: 'addresses',
        threshold: minReverseNames,
        sentence: `It asked the DNS for the names of ${counted(contacts.length, 'different address', 'different addresses')} of ${counted(swept.length, 'network')} inside${span.lengthMs > 0 ? ` within ${humanDuration(span.lengthMs)}` : ''}.`,
      },
      {
        name: 'scan.named',
        value: named,
        unit: 'addresses',
        sentence: `${counted(named, 'of them has a name', 'of them have names')}, the others have none, so nobody was sent to them by name.`,
      },
      rateReason(perSecond),
    ];
    const score = 0.8 * breadthScore(contacts.length, perSecond);
    out.push({ ...detectionOf('scan.reverse-dns', source, contacts, score, reasons), protocol: 'udp', port: DNS_PORT });
  }

  function commonReasons(
    contacts: readonly Contact[],
    odds: number,
    base: number,
    perSecond: number,
    { list = false, byHost = false } = {},
  ): Reason[] {
    const failed = countFailed(contacts);
    const refused = contacts.filter((c) => c.outcome === REFUSED).length;
    const answering = contacts.filter((c) => c.outcome === ANSWERED);
    // Of several hosts on several ports it is hosts that are counted, as those that were tried.
    const answered = byHost ? new Set(answering.map((c) => c.host)).size : answering.length;
    const places = answered < answering.length ? `, on ${counted(answering.length, 'port')} in all` : '';
    const ratio = failed / Math.max(1, contacts.length);
    const reasons: Reason[] = [
      {
        name: 'scan.failed-ratio',
        value: round(ratio),
        unit: 'ratio',
        sentence: `${percent(ratio)} of these first contacts failed: ${humanCount(failed - refused)} stayed without an answer, ${humanCount(refused)} were refused.`,
      },
    ];
    if (odds > 0) {
      reasons.push({
        name: 'scan.odds',
        value: round(odds),
        unit: 'log10 of odds',
        threshold: round(Math.log10(decisionOdds)),
        sentence: list
          ? `So many failures are ${oddsText(odds)} times likelier from a list of addresses than from who browses (decided at ${decisionOdds}).`
          : `Read as a random walk over first contacts, this is ${oddsText(odds)} times likelier from a scanner than from an ordinary client (decided at ${decisionOdds}).`,
      });
    }
    if (base > 0) reasons.push(rateReason(perSecond));
    reasons.push({
      name: 'scan.answered',
      value: answered,
      unit: 'targets',
      sentence:
        answered === 0
          ? 'None of the targets answered.'
          : `${counted(answered, byHost && places !== '' ? 'host' : 'target')} answered: that is what it found${places}${foundPorts(contacts)}.`,
    });
    return reasons;
  }

  function scopeReason(actor: string, hosts: ReadonlySet<string>): Reason {
    let home = 0;
    for (const host of hosts) if (context.isHome(host)) home++;
    const from = context.isHome(actor) ? 'inside' : 'outside';
    const to = home === hosts.size ? 'inside' : home === 0 ? 'outside' : 'both sides';
    const where = to === 'both sides' ? 'hosts inside and outside' : `hosts ${to}`;
    return {
      name: 'scan.scope',
      value: `${from} to ${to}`,
      unit: '',
      sentence: `The scanner is ${from} the home network and looks for ${where} it.`,
    };
  }

  function detectionOf(
    kind: string,
    source: Suspect,
    contacts: readonly Contact[],
    score: number,
    reasons: readonly Reason[],
  ): Detection {
    const weight = new Map<string, { answered: boolean; flows: number }>();
    for (const c of contacts) {
      const known = weight.get(c.host) ?? { answered: false, flows: 0 };
      weight.set(c.host, { answered: known.answered || c.outcome === ANSWERED, flows: known.flows + c.flows });
    }
    const peers = [...weight]
      .sort(([a, x], [b, y]) => Number(y.answered) - Number(x.answered) || y.flows - x.flows || compareText(a, b))
      .slice(0, MAX_PEERS)
      .map(([host]) => host);
    // A search lasts from its first contact to its last new one; what follows at a target that was found is another story.
    const span = new TimeSpan();
    for (const c of contacts) span.add(c.firstMs);
    return {
      kind,
      detector: scanInfo.id,
      actor: source.address,
      peers,
      peerCount: weight.size,
      firstMs: span.known ? span.firstMs : 0,
      lastMs: span.known ? span.lastMs : 0,
      score,
      reasons,
      flows: evidenceOf(source, contacts),
      flowCount: contacts.reduce((n, c) => n + c.flows, 0),
    };
  }

  return {
    id: scanInfo.id,
    observe,
    finish,
    saturations: (): Saturation[] =>
      saturationsOf(scanInfo.id, [sources.rows.cap, contactCap, perSourceCap, gateways.cap]),
  };
}

const REVERSE = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa\.?$/i;

/** The address of '4.3.2.1.in-addr.arpa' (RFC 1035, section 3.5); undefined of any other name. */
function addressAsked(name: string): string | undefined {
  const numbers = REVERSE.exec(name);
  return numbers === null ? undefined : `${numbers[4]}.${numbers[3]}.${numbers[2]}.${numbers[1]}`;
}

/** The first three numbers of an IPv4 address. */
function networkOf(address: string): string {
  return address.slice(0, address.lastIndexOf('.'));
}

/** ', on ports 22 and 80/tcp' of what answered, where all of it is one host; else nothing. */
function foundPorts(contacts: readonly Contact[]): string {
  const [first] = contacts;
  if (first === undefined || first.port < 0 || contacts.some((c) => c.host !== first.host)) return '';
  const ports = contacts.filter((c) => c.outcome === ANSWERED).map((c) => c.port);
  return `, on ${portsText(
    ports.sort((a, b) => a - b),
    CONTACT_PROTOCOLS[first.protocol] ?? 'tcp',
  )}`;
}

/** Whether a contact went to the host itself, and not to a question about it. */
function isTraffic(protocol: number): boolean {
  return protocol !== ARP && protocol !== NAME;
}

function rateReason(perSecond: number): Reason {
  return {
    name: 'scan.rate',
    value: round(perSecond),
    unit: 'targets/s',
    sentence:
      perSecond >= 1
        ? `It moved on at ${humanCount(perSecond)} new targets a second.`
        : `It took up a new target every ${humanDuration(1000 / perSecond)} on average.`,
  };
}
