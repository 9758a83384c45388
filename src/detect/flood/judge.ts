import { counted, humanCount, humanDuration } from '../../core/index.ts';
import type { FlowRecord } from '../../flow/index.ts';
import { type PeerCounter, TimeSpan } from '../bounded/bounded.ts';
import { type Detection, MAX_EVIDENCE_FLOWS, MAX_PEERS, type NetworkContext, type Reason } from '../detection.ts';
import type { FloodOptions } from '../flood.ts';
import { portText } from '../service.ts';
import { type Answerer, type FloodTargets, type Target, valueAt } from './target.ts';

export type FloodKind = 'flood.syn' | 'flood.udp' | 'flood.icmp' | 'flood.ack' | 'flood.ip' | 'flood.slow';

const WHAT: Readonly<Record<FloodKind, string>> = {
  'flood.syn': 'connection attempt',
  'flood.udp': 'unanswered UDP packet',
  'flood.icmp': 'ICMP packet',
  'flood.ack': 'stray TCP packet',
  'flood.ip': 'unanswered IP packet',
  'flood.slow': 'lingering connection',
};

/** In place of a service: SYN-ACKs, with which any TCP server reflects attempts of forged addresses. */
export const HANDSHAKES = 'handshake';

/** Sources that are not taken for forged, at most. */
const FEW_SOURCES = 16;

/** A one-way stream must be so much more than a flood of many flows. */
const FEW_FLOWS_FACTOR = 10;

/** Says of a target whether it was flooded, and of a host that answers nobody whether it is a victim elsewhere. */
export class FloodJudge {
  readonly #context: NetworkContext;
  readonly #options: FloodOptions;
  readonly #targets: FloodTargets;

  constructor(context: NetworkContext, options: FloodOptions, targets: FloodTargets) {
    this.#context = context;
    this.#options = options;
    this.#targets = targets;
  }

  /** The source that sent nearly all of it, where there is one. */
  dominant(target: Target): string | undefined {
    return leading(target.sources, this.#options.dominantShare * target.sources.total);
  }

  /** The service that most of it comes from the port of, where that is one that amplifies. */
  reflector(target: Target): string | undefined {
    return leading(target.reflectors, 0.5 * target.sources.total);
  }

  /** The port that nearly all of it went to, where there is one. */
  onePort(target: Target): number | undefined {
    return target.port >= 0 ? target.port : leading(target.ports, 0.9 * (target.ports?.total ?? 0));
  }

  judge(kind: FloodKind, target: Target, threshold: number, minShare: number): Detection | undefined {
    const { slices, pool } = this.#targets;
    const { minUdpFlows, minUdpPackets, dominantShare, sliceMs, minHalfOpen } = this.#options;
    const neededOfFew = FEW_FLOWS_FACTOR * Math.max(threshold, minUdpPackets);
    let packets = 0;
    let flowCount = 0;
    let ordinary = 0;
    let peak = 0;
    let peakRate = 0;
    let fewFlows = true;
    const span = new TimeSpan();
    for (const slice of target.slices) {
      const sent = valueAt(slices.packets, slice);
      const began = valueAt(slices.flows, slice);
      const met = valueAt(slices.ordinary, slice);
      const firstMs = valueAt(slices.firstMs, slice);
      const lastMs = valueAt(slices.lastMs, slice);
      const many = (kind !== 'flood.udp' && kind !== 'flood.ip') || began >= minUdpFlows;
      // One stream of another protocol is a tunnel of which the capture shows one side.
      if (kind === 'flood.ip' && !many) continue;
      const needed = many ? threshold : neededOfFew;
      const share = sent / Math.max(1e-9, sent + met);
      // Spread packets are fractions: forgive their rounding, not more.
      if (sent < needed - 1e-6 || share < minShare) continue;
      packets += sent;
      ordinary += met;
      flowCount += began;
      if (many) fewFlows = false;
      peak = Math.max(peak, sent / needed);
      peakRate = Math.max(peakRate, (1000 * sent) / Math.max(1000, lastMs - firstMs));
      span.add(firstMs, lastMs);
    }
    if (packets === 0) return undefined;
    packets = Math.round(packets);
    const share = packets / (packets + ordinary);
    const limited = kind === 'flood.udp' && fewFlows;
    const score = (peak / (peak + 1)) * (kind === 'flood.syn' ? share : 1) * (limited ? 0.7 : 1);
    const source = this.dominant(target);
    const sourceCount = target.sources.count;
    const about = target.sources.exact ? '' : 'about ';
    const onePort = this.onePort(target);
    const protocol =
      kind === 'flood.icmp'
        ? isV6(target.host)
          ? 'icmpv6'
          : 'icmp'
        : kind === 'flood.udp'
          ? 'udp'
          : kind === 'flood.ip'
            ? undefined
            : 'tcp';
    const what = WHAT[kind];
    const unit = unitOf(kind);
    const place =
      onePort === undefined || protocol === undefined ? 'the target' : `${portText(onePort, protocol)} of the target`;

    const reasons: Reason[] = [
      {
        name: 'flood.role',
        value: source === undefined ? 'target' : 'source',
        unit: '',
        sentence:
          source === undefined
            ? `The host named first is the target: the ${unit} come from ${about}${counted(sourceCount, 'address', 'addresses')}, and no single one sent ${percent(dominantShare)} of them.`
            : `The host named first is the source: it sent at least ${percent(dominantShare)} of the ${unit}; the other host is the target.`,
      },
      {
        name: 'flood.rate',
        value: round(peakRate),
        unit: `${unit}/s`,
        threshold: (limited ? neededOfFew : threshold) / (sliceMs / 1000),
        sentence: `At its busiest, ${counted(peakRate, what)} a second reached ${place}.`,
      },
      {
        name: 'flood.packets',
        value: packets,
        unit,
        sentence: `${counted(packets, what)} came within ${humanDuration(span.lengthMs)}.`,
      },
      {
        name: 'flood.sources',
        value: sourceCount,
        unit: 'addresses',
        sentence: `They came from ${about}${counted(sourceCount, 'address', 'addresses')}, ${Number((target.sources.total / Math.max(1, sourceCount)).toFixed(1))} ${unit} from each on average${sourceCount >= 100 && target.sources.total / sourceCount < 2 ? ': addresses seen hardly more than once are usually forged' : ''}.`,
      },
    ];
    if (kind === 'flood.syn') {
      reasons.push({
        name: 'flood.half-open',
        value: round(share),
        unit: 'ratio',
        threshold: minHalfOpen,
        sentence: `${percent(share)} of the attempts never got further than SYN; ${counted(ordinary, 'connection')} did in the same time.`,
      });
      const flags = leading(target.flags, 0.5 * target.sources.total);
      if (flags !== undefined) {
        reasons.push({
          name: 'flood.flags',
          value: flags,
          unit: 'TCP flags',
          sentence: `Most of them carry the same unusual flags beside SYN (${flags}), as attempts made by one program do.`,
        });
      }
    }
    const reflector = this.reflector(target);
    if (kind === 'flood.ack') {
      const flags = leading(target.flags, 0.5 * target.sources.total);
      if (flags !== undefined)
        reasons.push({
          name: 'flood.flags',
          value: flags,
          unit: 'TCP flags',
          sentence: `Most of them carry the flags ${flags}.`,
        });
    }
    if (reflector === HANDSHAKES) {
      reasons.push({
        name: 'flood.reflected',
        value: reflector,
        unit: 'service',
        sentence: 'They are answers of servers to connection attempts that were made in the name of the target.',
      });
    } else if (reflector !== undefined) {
      reasons.push({
        name: 'flood.reflected',
        value: reflector,
        unit: 'service',
        sentence: `They come from the port of ${reflector}: servers answer questions that were asked in the name of the target.`,
      });
    }
    if (limited) {
      reasons.push({
        name: 'flood.few-flows',
        value: flowCount,
        unit: 'flows',
        sentence: `It is one stream or few, as a one-way transmission has too; the score is lowered by that.`,
      });
    }
    if (onePort === undefined && target.ports !== undefined) {
      reasons.push({
        name: 'flood.ports',
        value: target.ports.count,
        unit: 'ports',
        sentence: `They go to ${target.ports.exact ? '' : 'about '}${counted(target.ports.count, 'port')}.`,
      });
    }
    reasons.push(this.#scopeReason('target', target.host));
    const within = pool
      .flows(target.evidence)
      .filter((f) => (f.startMs ?? 0) <= span.lastMs && (f.endMs ?? f.startMs ?? 0) >= span.firstMs);
    return {
      kind,
      detector: 'flood',
      actor: source ?? target.host,
      peers: source === undefined ? namedPeers(target.sources, within, target.host) : [target.host],
      peerCount: source === undefined ? sourceCount : 1,
      ...(onePort === undefined ? {} : { port: onePort }),
      ...(protocol === undefined ? {} : { protocol }),
      firstMs: span.firstMs,
      lastMs: span.lastMs,
      score,
      reasons,
      flows: within.slice(0, MAX_EVIDENCE_FLOWS),
      flowCount: Math.max(flowCount, Math.min(within.length, MAX_EVIDENCE_FLOWS)),
    };
  }

  /**
   * What was found of a target, told of its sources where these are few and all of the home network: who forges addresses takes many, and one's own hosts are what can be looked at.
   */
  bySource(found: Detection, target: Target): Detection[] {
    const { sources } = target;
    if (found.actor !== target.host || !sources.exact || sources.count < 2 || sources.count > FEW_SOURCES)
      return [found];
    const hosts = sources.top(FEW_SOURCES);
    if (!hosts.every((host) => this.#context.isHome(host))) return [found];
    return hosts
      .filter((host) => sources.weight(host) >= sources.total / (2 * hosts.length))
      .map((host): Detection => {
        const share = sources.weight(host) / sources.total;
        const flows = found.flows.filter((flow) => flow.initiator === host || flow.responder === host);
        return {
          ...found,
          actor: host,
          peers: [target.host],
          peerCount: 1,
          reasons: found.reasons.map((reason) =>
            reason.name === 'flood.role'
              ? {
                  ...reason,
                  value: 'source',
                  sentence: `The host named first is one of ${counted(hosts.length, 'source')}, all of the home network, and sent ${percent(share)} of the ${unitOf(found.kind)}; the other host is the target.`,
                }
              : reason,
          ),
          flows,
          flowCount: Math.max(flows.length, Math.round(share * found.flowCount)),
        };
      });
  }

  judgeAnswerer(answerer: Answerer): Detection | undefined {
    const { pool } = this.#targets;
    const { minBackscatterHosts, minResetHosts } = this.#options;
    const synAcks = answerer.synAckTo.count;
    const resets = answerer.resetTo.count;
    const strong = synAcks >= minBackscatterHosts;
    if (!strong && resets < minResetHosts) return undefined;
    const receivers = strong ? answerer.synAckTo : answerer.resetTo;
    const hosts = receivers.count;
    const mainPort = leading(answerer.ports, 0.9 * answerer.ports.total);
    const port = mainPort;
    const about = receivers.exact ? '' : 'about ';
    return {
      kind: 'flood.backscatter',
      detector: 'flood',
      actor: answerer.host,
      peers: namedPeers(receivers, pool.flows(answerer.evidence), answerer.host),
      peerCount: hosts,
      ...(port === undefined ? {} : { port }),
      protocol: 'tcp',
      firstMs: answerer.span.firstMs,
      lastMs: answerer.span.lastMs,
      score: (hosts / (hosts + 25)) * (strong ? 1 : 0.6),
      reasons: [
        {
          name: 'flood.role',
          value: 'victim',
          unit: '',
          sentence:
            'The host named first is probably the victim of a flood somewhere else: it answers connection attempts that the others never made, so somebody forges their addresses.',
        },
        {
          name: 'flood.receivers',
          value: hosts,
          unit: 'hosts',
          threshold: strong ? minBackscatterHosts : minResetHosts,
          sentence: `It sent ${strong ? 'SYN-ACKs' : 'RSTs'} to ${about}${counted(hosts, 'host')} whose SYN the input does not show${port === undefined ? '' : `, from ${portText(port, 'tcp')}`}.`,
        },
        {
          name: 'flood.answers',
          value: answerer.weight,
          unit: 'flows',
          sentence: `That is ${counted(answerer.weight, 'flow')} within ${humanDuration(answerer.span.lengthMs)}, none with payload.`,
        },
        this.#scopeReason('victim', answerer.host),
      ],
      flows: pool.flows(answerer.evidence),
      flowCount: answerer.weight,
    };
  }

  #scopeReason(role: string, host: string): Reason {
    const where = this.#context.isHome(host) ? 'inside' : 'outside';
    return { name: 'flood.scope', value: where, unit: '', sentence: `The ${role} is ${where} the home network.` };
  }
}

/** The heaviest key where it weighs at least `least`. */
function leading<K extends string | number>(counter: PeerCounter<K> | undefined, least: number): K | undefined {
  const first = counter?.top(1)[0];
  return counter !== undefined && first !== undefined && counter.weight(first) >= least ? first : undefined;
}

/** The heavy peers, then those of the evidence: of a million forged addresses, these are as good as any and the same in every run. */
function namedPeers(peers: PeerCounter, flows: readonly FlowRecord[], self: string): string[] {
  const named = new Set(peers.heavy(MAX_PEERS));
  for (const flow of flows) {
    const peer = flow.initiator === self ? flow.responder : flow.initiator;
    if (peer !== undefined && named.size < MAX_PEERS) named.add(peer);
  }
  return [...named];
}

/** What a flood of a kind is counted in. */
function unitOf(kind: string): 'connections' | 'packets' {
  return kind === 'flood.slow' ? 'connections' : 'packets';
}

function isV6(address: string): boolean {
  return address.includes(':');
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function percent(ratio: number): string {
  return `${humanCount(100 * ratio)} %`;
}
