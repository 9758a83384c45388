import { NO_ROW, numberAt, type Table, textAt } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { PROTO, serviceByPort } from '../wire/index.ts';
import { saturationsOf } from './bounded/bounded.ts';
import { AddressBits } from './bounded/text-number.ts';
import { compareText } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Saturation } from './detection.ts';
import { FloodJudge, HANDSHAKES } from './flood/judge.ts';
import { reflectorOn } from './flood/reflector.ts';
import { FloodTargets, type Hit, type HostTargets, type Target, type Targets } from './flood/target.ts';
import { GroupAddresses } from './service.ts';
import { classesOf, codeCount } from './told.ts';

/**
 * Floods: far more packets at one target than it could have asked for.
 *
 * What it sees. Packets per target in slices of ten seconds, from flow rows whose packets are spread evenly over their duration.
 * - `flood.syn`: connection attempts that never get further than SYN (whatever the target answers, the initiator sends no ACK and no data), at
 *   least 500 in a slice and at least half of all attempts on that host and port in the slice. Attempts spread over many ports of one
 *   host count together from 1,000 on, unless one source sends nearly all of them, because that is a scan, or each of several tries each port once or twice: a scan with decoys.
 * - `flood.udp`: packets that are never answered, at least 5,000 in a slice, over 50 flows or more; or at least 50,000 over fewer flows, where the
 *   score is multiplied by 0.7, because a one-way stream looks like that; a fifth of the first where most come from the port of one service that amplifies (`reflector.ts`), but the DNS. Ports of telemetry and tunnels, which never answer, are left out.
 * - `flood.icmp`: echo requests, or echo replies, errors and other messages that nobody asked for, at least 1,000 in a slice.
 * - `flood.ack`: packets of no connection: TCP flows without the beginning of one, to which nobody answers but by RST, each counted once: ACKs, single packets with payload, combinations of flags that no connection has, and
 *   SYN-ACKs to one host that never asked, with which servers reflect attempts in its name. At least `minSynPackets` in a slice, four times as many where all are RSTs or FINs, which may be what is left of connections; where one source sends nearly all, they must go to one port, because an ACK scan goes to many, and where
 *   each of several tries each port once or twice it is a scan with decoys.
 * - `flood.ip`: packets of other IP protocols (ESP, GRE that holds nothing known, ...) that are never answered, as many as of UDP, over 50 flows or more.
 * - `flood.slow`: connections to a web server that go on for ten seconds and more with a request that never ends, or an answer that the client does not take (its window is shut), at least 100 begun in a slice: they cost the client
 *   nothing and the server one of its places each (slowloris, slow read).
 * - `flood.backscatter`: one address sends SYN-ACKs (to 25 hosts or more) or bare RSTs (to 100 or more) to hosts whose SYN the capture does not show,
 *   and no payload: it answers forged addresses, so it is itself the victim of a flood somewhere else.
 *
 * Score: x / (x + 1), x being the busiest slice over its threshold, times the share of unfinished attempts for SYN floods; for backscatter n / (n + 25)
 * over the hosts, times 0.6 when only RSTs are seen.
 *
 * Actor: the source where one source sent at least 90 % of the packets, or each of at most 16 that are all of the home network; else the target, as the many sources are forged or hired. For
 * backscatter the sender. The reason `flood.role` says which of these it is.
 *
 * What does not count: finished connections (a crowd of real clients, downloads), answered UDP (a busy name server), scans (many targets or ports, few packets each),
 * clients that retry at a server that is down (their rate is low).
 *
 * What fools it: a server that breaks down under thousands of real clients can't be told from a SYN flood by shape; floods of finished
 * connections and requests (HTTP floods); slow requests over TLS, where the handshake is an answer; a flood cut in two by a slice needs up to twice the packets; ICMP errors to forged addresses are not
 * counted as backscatter, because a flow row does not carry the packet that an error quotes.
 *
 * Cost: one look-up per flow, two for a host with several ports; while a host has one port only, its state stands for the port as well. Targets, time
 * slices and the sources of all targets together are bounded by dropping the lightest half when full, so a flood of other targets can't hide a
 * heavy one. Sources per target are exact up to 256, then the heavy ones and an estimated number.
 *
 * Source: half-open counting as in Wang, Zhang, Shin, "Detecting SYN Flooding Attacks", INFOCOM 2002; backscatter after Moore, Voelker, Savage,
 * "Inferring Internet Denial-of-Service Activity", USENIX Security 2001; heavy hitters after Misra and Gries 1982.
 */
export interface FloodOptions {
  readonly sliceMs: number;
  /** Packets in a slice. */
  readonly minSynPackets: number;
  readonly minUdpPackets: number;
  readonly minUdpFlows: number;
  readonly minIcmpPackets: number;
  /** Connections in a slice that keep a web server waiting. */
  readonly minSlowFlows: number;
  /** Share of attempts in the slice that never got further than SYN. */
  readonly minHalfOpen: number;
  readonly minBackscatterHosts: number;
  readonly minResetHosts: number;
  /** A source with this share of the packets is the actor. */
  readonly dominantShare: number;
  readonly maxTargets: number;
  readonly maxSlices: number;
  /** Sources, ports and receivers counted for all targets together. */
  readonly maxPeers: number;
}

export const DEFAULT_FLOOD_OPTIONS: FloodOptions = {
  sliceMs: 10_000,
  minSynPackets: 500,
  minUdpPackets: 5_000,
  minUdpFlows: 50,
  minIcmpPackets: 1_000,
  minSlowFlows: 100,
  minHalfOpen: 0.5,
  minBackscatterHosts: 25,
  minResetHosts: 100,
  dominantShare: 0.9,
  maxTargets: 8_192,
  maxSlices: 32_768,
  maxPeers: 65_536,
};

export const floodInfo: DetectorInfo = {
  id: 'flood',
  kinds: ['flood.syn', 'flood.udp', 'flood.icmp', 'flood.ack', 'flood.ip', 'flood.slow', 'flood.backscatter'],
  needs: ['initiator', 'responder', 'protocol', 'startMs', 'initiatorPackets', 'outcome'],
  sees: 'Far more half-open connections, packets of no connection, unanswered UDP, ICMP or packets of other IP protocols at one target within ten seconds than it could have asked for; connections that keep a web server waiting; and the victims of such floods elsewhere by their replies to forged addresses.',
  fooledBy: 'A server that breaks down under thousands of real clients; floods of finished connections or requests.',
  cost: 'One or two look-ups per flow; at most 8,192 targets per kind, 32,768 time slices and 65,536 sources of targets.',
  source:
    'Wang, Zhang, Shin: Detecting SYN Flooding Attacks, 2002; Moore, Voelker, Savage: Inferring Internet Denial-of-Service Activity, 2001.',
};

const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'icmp', 'icmpv6'];
const TCP = 0;
const UDP = 1;
const ICMP = 2;
const OTHER = 4;
/** Of other protocols, those by which routers and receivers of multicast speak to each other, and what is none of IP. */
const LEFT_OUT = new Set(['arp', 'igmp', 'ospf', 'pim', 'vrrp', 'eigrp', 'hopopt']);
const UNKNOWN = 0;
const ANSWERED = 1;
const UNMET = 2;
/** Bits of a combination of TCP flags: SYN and no more than that; flags beside SYN that are rarely needed. */
const BARE = 1;
const ODD = 2;
const KNOWN = 4;
const PORT_OTHER = 1;
const PORT_ONE_WAY = 2;
/** A SYN with ECN set-up, URG or PSH: the first is rare in floods of real systems, the others are never needed. */
const ODD_SYN = /[CEUP]/;
/** A connection that keeps a web server waiting lasts so long at least, and carries no more of a side. */
const SLOW_MS = 10_000;
const SLOW_BYTES = 4096;
/** Flags of single packets that may be what is left of connections that went on before; where all are such, it takes so many times as many. */
const FAREWELLS = ['R', 'AR', 'AF', 'APF'];
const FAREWELL_FACTOR = 4;
/** Services that never answer, and tunnels whose two directions are separate flows. */
const ONE_WAY = new Set(['syslog', 'snmp-trap', 'netflow', 'ipfix', 'sflow', 'vxlan', 'geneve', 'gtp-u', 'rtp']);
export function createFloodDetector(context: NetworkContext, options: Partial<FloodOptions> = {}): Detector {
  const settings = { ...DEFAULT_FLOOD_OPTIONS, ...options };
  const { minSynPackets, minUdpPackets, minIcmpPackets, minSlowFlows, minHalfOpen } = settings;
  const targets = new FloodTargets(settings);
  const { pool, syn, udp, icmp, stray, other, slow, answerers } = targets;
  const judge = new FloodJudge(context, settings, targets);
  const portClasses = new Uint8Array(65_536);

  /** What the UDP port of a target or of a sender says, told once per port. */
  function portClass(port: number): number {
    const known = portClasses[port];
    if (known !== undefined && known > 0) return known;
    const service = serviceByPort(PROTO.udp, port) ?? '';
    const found = ONE_WAY.has(service) ? PORT_ONE_WAY : PORT_OTHER;
    portClasses[port] = found;
    return found;
  }

  function observe(table: Table, _features: FeatureMatrix): void {
    const flows = bindFlows(table);
    const protocols = classesOf(flows.protocol, (name) => {
      const known = PROTOCOLS.indexOf(name);
      return known >= 0 ? known + 1 : LEFT_OUT.has(name) ? 0 : OTHER + 1;
    });
    const outcomes = classesOf(flows.outcome, (name) =>
      name === 'unknown' ? UNKNOWN : name === 'answered' ? ANSWERED : UNMET,
    );
    const flagClasses = classesOf(
      flows.initiatorFlags,
      (flags) => KNOWN | (flags.includes('S') && !/[AF]/.test(flags) ? BARE : 0) | (ODD_SYN.test(flags) ? ODD : 0),
    );
    const isWeb = classesOf(flows.service, (service) => service === 'http');
    const serviceCodes = flows.service.codes;
    const protocolCodes = flows.protocol.codes;
    const outcomeCodes = flows.outcome.codes;
    const flagCodes = flows.initiatorFlags.codes;
    const responders = flows.responder.codes;
    const groups = new GroupAddresses(flows);
    const initiatorBits = AddressBits.of(flows.initiator);
    const responderBits = AddressBits.of(flows.responder);
    /** By responder: what TCP attempts and UDP packets went to, as far as it was asked for since hosts were dropped. */
    const hosts = new Int32Array(codeCount(flows.responder)).fill(NO_ROW);
    const receivers = hosts.slice();
    let synDrops = syn.rows.drops;
    let udpDrops = udp.rows.drops;
    /** Counts what the initiator sent for the responder; where it sent nothing, what came back for the initiator. */
    const hitReceiver = (kind: HostTargets, hit: Hit, sent: number, returned: number): void => {
      const [from, to, bits] =
        sent > 0
          ? ([flows.initiator, flows.responder, responderBits] as const)
          : ([flows.responder, flows.initiator, initiatorBits] as const);
      const host = textAt(to, hit.row);
      if (host === undefined) return;
      hit.packets = sent > 0 ? sent : returned;
      hit.source = textAt(from, hit.row) ?? '';
      const target = kind.obtain(host, bits.at(hit.row));
      if (target !== NO_ROW) targets.hit(kind, target, hit);
    };
    const h: Hit = { table, row: 0, source: '', packets: 0, startMs: 0, endMs: 0, isNew: false };
    for (let row = 0; row < flows.rowCount; row++) {
      const protocol = (protocols[(protocolCodes[row] as number) + 1] as number) - 1;
      if (protocol < 0) continue;
      const initiator = textAt(flows.initiator, row);
      const responder = textAt(flows.responder, row);
      const startMs = numberAt(flows.startMs, row);
      if (initiator === undefined || responder === undefined || startMs === undefined) continue;
      const endMs = Math.max(startMs, numberAt(flows.endMs, row) ?? startMs);
      const sent = numberAt(flows.initiatorPackets, row) ?? 1;
      const returned = numberAt(flows.responderPackets, row) ?? 0;
      h.row = row;
      h.startMs = startMs;
      h.endMs = endMs;
      h.isNew = numberAt(flows.continued, row) !== 1;
      if (protocol === TCP) {
        const port = numberAt(flows.responderPort, row);
        if (port === undefined) continue;
        const outcome = outcomes[(outcomeCodes[row] as number) + 1];
        const sentPayload = numberAt(flows.initiatorPayloadBytes, row);
        const payload = (sentPayload ?? 0) + (numberAt(flows.responderPayloadBytes, row) ?? 0);
        if (outcome === UNKNOWN) {
          if (sent + returned === 1 ? observeSingle(flows, row, h, sent, port) : payload > 0) continue;
          if (isStray(flows, row)) {
            // Once, however many packets it has: of a long download the capture may show the acknowledgements alone.
            h.packets = h.isNew ? 1 : 0;
            h.source = initiator;
            const target = stray.obtain(responder, responderBits.at(row));
            if (target === NO_ROW) continue;
            targets.hit(stray, target, h);
            stray.ports.add(target, port, h.packets);
          } else observeAnswer(flows, row, initiator, responder, startMs, endMs);
          continue;
        }
        if (h.isNew && isWeb[(serviceCodes[row] as number) + 1] === 1 && isSlow(flows, row, endMs - startMs)) {
          h.packets = 1;
          h.source = initiator;
          h.endMs = startMs;
          const target = slow.obtain(responder, responderBits.at(row));
          if (target !== NO_ROW) {
            targets.hit(slow, target, h);
            slow.ports.add(target, port, 1);
          }
          h.endMs = endMs;
        }
        const flagClass = flagClasses[(flagCodes[row] as number) + 1] as number;
        const bare = payload === 0 && (flagClass === 0 ? outcome !== ANSWERED : (flagClass & BARE) !== 0);
        if (!bare && !h.isNew) continue;
        const code = responders[row] as number;
        if (syn.rows.drops !== synDrops) {
          synDrops = syn.rows.drops;
          hosts.fill(NO_ROW);
        }
        let host = hosts[code] as number;
        if (host === NO_ROW) {
          host = syn.obtain(responder, responderBits.at(row));
          if (host === NO_ROW) continue;
          hosts[code] = host;
        }
        const several = targets.isOnlyPort(host, port) ? NO_ROW : targets.portOf(host, port);
        if (bare) {
          // Without flags and payload a long one-way stream looks like a SYN that is repeated for ever: it counts once.
          h.packets = flagClass !== 0 || sentPayload !== undefined ? sent : 1;
          h.source = initiator;
          const flags = (flagClass & ODD) === 0 ? undefined : (textAt(flows.initiatorFlags, row) ?? '');
          if (several !== NO_ROW) {
            targets.hit(syn.ofPorts, several, h);
            if (flags !== undefined) syn.ofPorts.addFlags(several, flags, h.packets);
          }
          targets.hit(syn, host, h);
          if (flags !== undefined) syn.addFlags(host, flags, h.packets);
          if (!targets.isOnlyPort(host, port)) syn.ports.add(host, port, h.packets);
        } else {
          if (several !== NO_ROW) targets.met(syn.ofPorts, several, startMs);
          targets.met(syn, host, startMs);
        }
      } else if (protocol === UDP) {
        if (sent > 0 && returned > 0) continue;
        // Who sends may stand on either side: an answer that nobody asked for is turned round by its port.
        const turned = sent === 0 && returned > 0;
        if (turned ? groups.isInitiator(row) : groups.isResponder(row)) continue;
        const port = numberAt(turned ? flows.initiatorPort : flows.responderPort, row);
        const from = numberAt(turned ? flows.responderPort : flows.initiatorPort, row);
        if (port !== undefined && portClass(port) === PORT_ONE_WAY) continue;
        if (udp.rows.drops !== udpDrops) {
          udpDrops = udp.rows.drops;
          receivers.fill(NO_ROW);
        }
        let state = turned ? NO_ROW : (receivers[responders[row] as number] as number);
        if (state === NO_ROW) {
          state = turned ? udp.obtain(initiator, initiatorBits.at(row)) : udp.obtain(responder, responderBits.at(row));
          if (state === NO_ROW) continue;
          if (!turned) receivers[responders[row] as number] = state;
        }
        h.packets = turned ? returned : sent;
        h.source = turned ? responder : initiator;
        targets.hit(udp, state, h);
        if (port !== undefined) udp.ports.add(state, port, h.packets);
        const reflector = from === undefined ? undefined : reflectorOn(from);
        if (reflector !== undefined) udp.addReflector(state, reflector, h.packets);
      } else if (protocol === OTHER) {
        const isOneWay = sent > 0 !== returned > 0;
        if (isOneWay && !groups.isResponder(row) && !groups.isInitiator(row)) hitReceiver(other, h, sent, returned);
      } else {
        const type = numberAt(flows.icmpType, row);
        const request = type === 8 || type === 128;
        // Answers, errors and anything else: where nobody asked. What an error quotes of a known flow is no row of its own.
        const unasked = sent === 0 || returned === 0;
        if (
          (!request && (!unasked || type === undefined || isNeighbourTalk(protocol, type))) ||
          groups.isResponder(row, false)
        )
          continue;
        hitReceiver(icmp, h, sent, returned);
      }
    }
    targets.boundPeers();
  }

  /** Messages by which IPv6 hosts find each other and groups are kept (RFC 4861, RFC 3810): types 130 to 137 and 143. */
  function isNeighbourTalk(protocol: number, type: number): boolean {
    return protocol !== ICMP && ((type >= 130 && type <= 137) || type === 143);
  }

  /** Whether a client keeps a web server waiting: for the rest of its request, or with a window that is shut. */
  function isSlow(flows: FlowBatch, row: number, lastedMs: number): boolean {
    if (lastedMs < SLOW_MS) return false;
    const asked = numberAt(flows.initiatorPayloadBytes, row) ?? 0;
    const given = numberAt(flows.responderPayloadBytes, row);
    if (asked === 0 || asked > SLOW_BYTES || given === undefined) return false;
    return given === 0 || (given <= SLOW_BYTES && (numberAt(flows.initiatorZeroWindows, row) ?? 0) > 0);
  }

  /**
   * A TCP flow of a single packet that begins nothing, unless it is an ACK, which is looked at elsewhere. Counts it for whom it came to.
   * @returns whether the flow is done with; a SYN-ACK and a RST also tell of who sent it
   */
  function observeSingle(flows: FlowBatch, row: number, h: Hit, sent: number, port: number): boolean {
    const turned = sent === 0;
    const flags = textAt(turned ? flows.responderFlags : flows.initiatorFlags, row);
    const payload = numberAt(turned ? flows.responderPayloadBytes : flows.initiatorPayloadBytes, row);
    const source = textAt(turned ? flows.responder : flows.initiator, row);
    const host = textAt(turned ? flows.initiator : flows.responder, row);
    // Samples of packets have no payload.
    if (flags === undefined || payload === undefined || flags === 'A') return false;
    if (source === undefined || host === undefined) return false;
    const isSynAck = flags === 'AS';
    const isDone = !isSynAck && !flags.endsWith('R');
    h.packets = h.isNew ? 1 : 0;
    h.source = source;
    const target = stray.obtain(host, AddressBits.of(turned ? flows.initiator : flows.responder).at(row));
    if (target === NO_ROW) return isDone;
    targets.hit(stray, target, h);
    const to = turned ? numberAt(flows.initiatorPort, row) : port;
    if (to !== undefined) stray.ports.add(target, to, h.packets);
    stray.addFlags(target, flags, h.packets);
    if (isSynAck) stray.addReflector(target, HANDSHAKES, h.packets);
    return isDone;
  }

  /** A TCP flow without a SYN and without payload: is it ACKs that are answered by RST or not at all? */
  function isStray(flows: FlowBatch, row: number): boolean {
    if (textAt(flows.initiatorFlags, row) !== 'A') return false;
    const back = textAt(flows.responderFlags, row) ?? '';
    return back === 'R' || back === '' || back === 'AR';
  }

  /** A TCP flow without a SYN and without payload: is it an answer to somebody who never asked? */
  function observeAnswer(
    flows: FlowBatch,
    row: number,
    initiator: string,
    responder: string,
    startMs: number,
    endMs: number,
  ): void {
    const from = textAt(flows.initiatorFlags, row) ?? '';
    const back = textAt(flows.responderFlags, row) ?? '';
    if (/[PF]/.test(from + back)) return;
    const isSynAck = (flags: string): boolean => flags.includes('S') && flags.includes('A');
    const isReset = (flags: string): boolean => /^A?R$/.test(flags);
    let byResponder: boolean;
    let reset = false;
    if (isSynAck(back) && !/[SA]/.test(from.replace(/AR/, ''))) byResponder = true;
    else if (isSynAck(from) && !/[SA]/.test(back.replace(/AR/, ''))) byResponder = false;
    else if (isReset(from) && back === '') {
      byResponder = false;
      reset = true;
    } else if (isReset(back) && from === '') {
      byResponder = true;
      reset = true;
    } else return;
    const host = byResponder ? responder : initiator;
    const receiver = byResponder ? initiator : responder;
    const port = numberAt(byResponder ? flows.responderPort : flows.initiatorPort, row);
    const bits = AddressBits.of(byResponder ? flows.responder : flows.initiator).at(row);
    const answerer = answerers.obtain(host, bits);
    if (answerer === NO_ROW) return;
    answerers.saw(answerer, startMs, endMs);
    (reset ? answerers.resetTo : answerers.synAckTo).add(answerer, receiver);
    if (port !== undefined) answerers.ports.add(answerer, port);
    pool.offer(answerers.evidenceOf(answerer), flows.table, row, reset ? 1 : 0, receiver);
  }

  function targetAt(kind: Targets, row: number, host: string): Target {
    targets.unfold(kind, row);
    return kind.target(row, host);
  }

  function finish(): Detection[] {
    const detections: Detection[] = [];
    const named = new Set<string>();
    const { ofPorts } = syn;
    const hosts = [...syn.rows.rows()];
    const ofOnePort = hosts.filter((row) => syn.portOf(row) >= 0).map((host) => ({ kind: syn, host, row: host }));
    const ofSeveral = Array.from(targets.ports(), ({ host, row }) => ({ kind: ofPorts, host, row }));
    for (const { kind, host, row } of [...ofSeveral, ...ofOnePort]) {
      if (kind.weightOf(row) < minSynPackets) continue;
      const target = targetAt(kind, row, syn.rows.text(host));
      const found = judge.judge('flood.syn', target, minSynPackets, minHalfOpen);
      if (found === undefined) continue;
      detections.push(...judge.bySource(found, target));
      named.add(target.host);
    }
    for (const row of hosts) {
      const host = syn.rows.text(row);
      if (syn.portOf(row) >= 0 || syn.weightOf(row) < 2 * minSynPackets || named.has(host)) continue;
      const target = targetAt(syn, row, host);
      if (judge.dominant(target) !== undefined || isSharedScan(target)) continue;
      const found = judge.judge('flood.syn', target, 2 * minSynPackets, minHalfOpen);
      if (found !== undefined) detections.push(...judge.bySource(found, target));
    }
    for (const [kind, kindOf, least] of [
      ['flood.udp', udp, minUdpPackets],
      ['flood.icmp', icmp, minIcmpPackets],
      ['flood.ip', other, minUdpPackets],
      ['flood.slow', slow, minSlowFlows],
    ] as const)
      for (const row of kindOf.rows.rows()) {
        const fewest = kind === 'flood.udp' ? least / REFLECTED_FACTOR : least;
        if (kindOf.weightOf(row) < fewest) continue;
        const target = targetAt(kindOf, row, kindOf.rows.text(row));
        const reflector = judge.reflector(target);
        // Answers of name servers may be all that a capture of one direction shows.
        const found = judge.judge(kind, target, reflector === undefined || reflector === 'dns' ? least : fewest, 0);
        if (found !== undefined) detections.push(...judge.bySource(found, target));
      }
    for (const row of stray.rows.rows()) {
      if (stray.weightOf(row) < minSynPackets) continue;
      const target = targetAt(stray, row, stray.rows.text(row));
      if (judge.dominant(target) !== undefined && judge.onePort(target) === undefined) continue;
      if (isSharedScan(target)) continue;
      const found = judge.judge(
        'flood.ack',
        target,
        minSynPackets * (1 + (FAREWELL_FACTOR - 1) * farewells(target)),
        0,
      );
      if (found !== undefined) detections.push(...judge.bySource(found, target));
    }
    for (const row of answerers.rows.rows()) {
      const found = judge.judgeAnswerer(answerers.answerer(row));
      if (found !== undefined) detections.push(found);
    }
    return detections.sort(
      (a, b) =>
        b.score - a.score ||
        compareText(a.kind, b.kind) ||
        compareText(a.actor, b.actor) ||
        compareText(a.peers[0] ?? '', b.peers[0] ?? '') ||
        (a.port ?? 0) - (b.port ?? 0),
    );
  }

  return {
    id: floodInfo.id,
    observe,
    finish,
    saturations: (): Saturation[] => saturationsOf(floodInfo.id, targets.caps()),
  };
}

/** Answers that nobody asked for, from servers that are misused for that, are a flood at so much fewer. */
const REFLECTED_FACTOR = 5;

/** Share of the packets that may be what is left of connections. */
function farewells({ sources, flags }: Target): number {
  const count = FAREWELLS.reduce((sum, one) => sum + (flags?.weight(one) ?? 0), 0);
  return count / Math.max(1, sources.total);
}

/** Attempts for each source and port of a scan that several take part in, or one and its decoys: one, or two where nobody answers. A flood has far more on few ports, and on random ones far fewer. */
const LEAST_TRIES = 0.8;
const MOST_TRIES = 2.5;
const MOST_SCANNERS = 64;

function isSharedScan({ sources, ports }: Target): boolean {
  const places = sources.count * (ports?.count ?? 0);
  const isShared = sources.count <= MOST_SCANNERS && (ports?.count ?? 0) >= 20;
  return isShared && sources.total >= LEAST_TRIES * places && sources.total <= MOST_TRIES * places;
}
