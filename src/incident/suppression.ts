import { counted, humanCount, isoTime, safeText } from '../core/index.ts';
import { type Detection, hoursOf } from '../detect/index.ts';
import { registrableDomain } from '../feature/index.ts';
import { NetworkSet } from '../wire/index.ts';
import { type Severity, severityRank } from './incident.ts';

/**
 * What a person has called ordinary, and how far that goes. A rule hides a detection that lies within its scope, before its expiry, as long as the behaviour
 * is what it was when it was labelled: not more flows an hour, not more peers, no other ports, no other kind, no other names, not larger flows, not more severe. What lies within the scope and
 * beyond these limits is shown, and the incident says which limit it broke. So a rule for a nightly backup never hides that the backup server begins to scan.
 */
export interface SuppressionScope {
  /** Any of these detectors. An absent part of the scope fits everything. */
  readonly detector?: readonly string[];
  /** The actor is one of these addresses or lies in one of these networks. */
  readonly source?: readonly string[];
  /** Every peer is one of these addresses or lies in one of these networks; a list of peers that is cut never fits. */
  readonly destination?: readonly string[];
  /** Everything that is asked for belongs to one of these registrable domains. */
  readonly organisation?: readonly string[];
  /** The responder port that the detection is about. */
  readonly port?: readonly number[];
  /** Hours in UTC, as in 'mon-fri 22:00-06:00': begin and end of the detection and its flows lie within. */
  readonly schedule?: readonly string[];
}

/** The behaviour as it was, with headroom; an absent limit does not bind. */
export interface SuppressionLimits {
  readonly flowsPerHour?: number;
  readonly peers?: number;
  /** Responder ports that may be seen. */
  readonly ports?: readonly number[];
  /** Kinds of detections, as in 'lateral-movement.enumeration', or what stands before the point for all of them: 'scan'. */
  readonly kinds?: readonly string[];
  /** Registrable domains that may be asked for; what asks for no name is not held against them. */
  readonly organisations?: readonly string[];
  /** Hardware addresses that the actor may have, lower case with colons: an address may go to another device. What shows none is not held against them. */
  readonly hardware?: readonly string[];
  /** Bytes of the largest flow among the evidence, both directions. */
  readonly bytesPerFlow?: number;
  /** The most severe that an incident with it may be. */
  readonly severity?: Severity;
}

export interface SuppressionRule {
  /** 's' and a number that is never given again. */
  readonly id: string;
  /** The incident that was labelled. */
  readonly incident?: string;
  /** Epoch ms of the day that the rule was made, and of the traffic up to which it holds. */
  readonly createdMs?: number;
  readonly expiresMs?: number;
  readonly reason?: string;
  readonly scope: SuppressionScope;
  readonly limits: SuppressionLimits;
}

export const SCOPE_PARTS = ['detector', 'source', 'destination', 'organisation', 'port', 'schedule'] as const;
export type ScopePart = (typeof SCOPE_PARTS)[number];

/** Detectors that say who a device is: what is said of one is not said of another that has its address. */
const OF_A_DEVICE = new Set(['new-device', 'new-edge', 'new-service', 'policy']);
const MAX_HARDWARE = 8;

/** What limits are measured on. */
export interface Behaviour {
  readonly flowsPerHour: number;
  readonly peers: number;
  /** As far as its evidence shows them. */
  readonly ports: readonly number[];
  /** False where a measure of it tells of more ports than these: a search of a thousand shows twenty. */
  readonly hasAllPorts: boolean;
  /** Undefined where the flows tell no bytes. */
  readonly bytesPerFlow: number | undefined;
}

const HOUR_MS = 3_600_000;
/** What lasted shorter counts as so long: the rate of a burst says little, and that of a regular call shows after a few minutes. */
const LEAST_SPAN_MS = 600_000;
/** A rule lists so many ports; a behaviour with more is told by its peers and its rate. */
const MAX_PORTS = 64;
/** A behaviour that asks for names of more domains than this asks for others tomorrow. */
const MAX_ORGANISATIONS = 3;
/** Detectors whose kinds are one behaviour seen in different lengths and shapes; of others each kind is one of its own. */
const ONE_BEHAVIOUR = new Set(['beacon', 'dga', 'new-device', 'scan']);

export function behaviourOf(detection: Detection): Behaviour {
  const { flows, firstMs, lastMs, flowCount, recordCount = 0, peerCount, port, reasons } = detection;
  const hours = Math.max(LEAST_SPAN_MS, Math.abs(lastMs - firstMs)) / HOUR_MS;
  const ports = new Set(port === undefined ? [] : [port]);
  let bytes: number | undefined;
  for (const flow of flows) {
    if (flow.responderPort !== undefined) ports.add(flow.responderPort);
    if (flow.initiatorBytes === undefined && flow.responderBytes === undefined) continue;
    bytes = Math.max(bytes ?? 0, (flow.initiatorBytes ?? 0) + (flow.responderBytes ?? 0));
  }
  return {
    flowsPerHour: Math.max(flowCount, recordCount) / hours,
    peers: peerCount,
    ports: [...ports].sort((a, b) => a - b),
    hasAllPorts: !reasons.some(
      ({ unit, value }) => unit === 'ports' && typeof value === 'number' && value > ports.size,
    ),
    bytesPerFlow: bytes,
  };
}

/**
 * Limits that hold the behaviour of all these detections with headroom: twice the rate and the bytes, half as many peers again. Kinds are limited where the scope names detectors: a rule for anything that a host
 * does is one for all of them.
 */
export function limitsOf(
  detections: readonly Detection[],
  severity: Severity,
  scope: SuppressionScope,
): SuppressionLimits {
  const all = detections.map(behaviourOf);
  const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), 0);
  const ports = [...new Set(all.flatMap((one) => one.ports))].sort((a, b) => a - b);
  const named = detections.map(domainsOf);
  const organisations = [...new Set(named.flat())].sort();
  const hardware = [
    ...new Set(detections.filter(({ detector }) => OF_A_DEVICE.has(detector)).flatMap(hardwareOf)),
  ].sort();
  const bytes = all.flatMap(({ bytesPerFlow }) => (bytesPerFlow === undefined ? [] : [bytesPerFlow]));
  return {
    flowsPerHour: Math.ceil(2 * most(all.map((one) => one.flowsPerHour))),
    peers: Math.ceil(1.5 * most(all.map((one) => one.peers))),
    ...(ports.length <= MAX_PORTS && all.every(({ hasAllPorts }) => hasAllPorts) ? { ports } : {}),
    ...(scope.detector === undefined
      ? {}
      : {
          kinds: [
            ...new Set(detections.map(({ detector, kind }) => (ONE_BEHAVIOUR.has(detector) ? detector : kind))),
          ].sort(),
        }),
    ...(scope.organisation === undefined &&
    organisations.length > 0 &&
    named.every((list) => list.length <= MAX_ORGANISATIONS)
      ? { organisations }
      : {}),
    ...(hardware.length > 0 && hardware.length <= MAX_HARDWARE ? { hardware } : {}),
    ...(bytes.length === 0 ? {} : { bytesPerFlow: 2 * most(bytes) }),
    severity,
  };
}

/** What a rule says of a detection: not within its scope; too late; hidden; or within its scope and changed, each change a clause. */
export type RuleAnswer =
  | { readonly answer: 'elsewhere' | 'expired' | 'hidden' }
  | { readonly answer: 'changed'; readonly changes: readonly string[] };

/** A rule made ready to be asked often. */
export class Suppressor {
  readonly rule: SuppressionRule;
  readonly #sources: NetworkSet | undefined;
  readonly #destinations: NetworkSet | undefined;
  readonly #hours: readonly Uint8Array[] | undefined;
  readonly #ports: ReadonlySet<number> | undefined;

  constructor(rule: SuppressionRule) {
    this.rule = rule;
    const { source, destination, schedule } = rule.scope;
    this.#sources = source === undefined ? undefined : NetworkSet.parse(source);
    this.#destinations = destination === undefined ? undefined : NetworkSet.parse(destination);
    this.#hours = schedule?.flatMap((text) => hoursOf(text) ?? []);
    this.#ports = rule.limits.ports === undefined ? undefined : new Set(rule.limits.ports);
  }

  /** @param severity of the incident that the detection would be in if nothing were hidden. */
  ask(detection: Detection, severity: Severity): RuleAnswer {
    if (!this.#isWithin(detection)) return { answer: 'elsewhere' };
    const { expiresMs, limits } = this.rule;
    if (expiresMs !== undefined && detection.lastMs >= expiresMs) return { answer: 'expired' };
    const behaviour = behaviourOf(detection);
    const changes: string[] = [];
    if (limits.flowsPerHour !== undefined && behaviour.flowsPerHour > limits.flowsPerHour)
      changes.push(
        `${humanCount(Math.round(behaviour.flowsPerHour))} flows an hour instead of at most ${humanCount(limits.flowsPerHour)}`,
      );
    if (limits.peers !== undefined && behaviour.peers > limits.peers)
      changes.push(`${counted(behaviour.peers, 'peer')} instead of at most ${humanCount(limits.peers)}`);
    const ports = behaviour.ports.filter((port) => this.#ports?.has(port) === false);
    if (ports.length > 0)
      changes.push(
        `other ports (${ports.slice(0, 3).join(', ')}${ports.length > 3 ? ` and ${humanCount(ports.length - 3)} more` : ''})`,
      );
    const { kinds, organisations, hardware } = limits;
    if (kinds?.some((kind) => detection.kind === kind || detection.kind.startsWith(`${kind}.`)) === false)
      changes.push(`another kind (${detection.kind})`);
    const others =
      organisations === undefined ? 0 : domainsOf(detection).filter((one) => !organisations.includes(one)).length;
    if (others > 0) changes.push(`names of ${others === 1 ? 'another domain' : `${humanCount(others)} other domains`}`);
    const device = hardware === undefined ? undefined : hardwareOf(detection).find((mac) => !hardware.includes(mac));
    if (device !== undefined) changes.push(`another hardware address (${safeText(device, 17)})`);
    if (
      limits.bytesPerFlow !== undefined &&
      behaviour.bytesPerFlow !== undefined &&
      behaviour.bytesPerFlow > limits.bytesPerFlow
    )
      changes.push(
        `a flow of ${humanCount(behaviour.bytesPerFlow)} bytes instead of at most ${humanCount(limits.bytesPerFlow)}`,
      );
    if (limits.severity !== undefined && severityRank(severity) > severityRank(limits.severity))
      changes.push(`severity ${severity} instead of at most ${limits.severity}`);
    return changes.length === 0 ? { answer: 'hidden' } : { answer: 'changed', changes };
  }

  #isWithin(detection: Detection): boolean {
    const { detector, organisation, port } = this.rule.scope;
    const { actor, peers, peerCount } = detection;
    if (detector !== undefined && !detector.includes(detection.detector)) return false;
    if (this.rule.scope.source !== undefined && !isOf(actor, this.rule.scope.source, this.#sources)) return false;
    const { destination } = this.rule.scope;
    if (
      destination !== undefined &&
      (peerCount > peers.length || !peers.every((peer) => isOf(peer, destination, this.#destinations)))
    )
      return false;
    if (port !== undefined && (detection.port === undefined || !port.includes(detection.port))) return false;
    if (organisation !== undefined) {
      const domains = organisationsOf(detection);
      if (domains.length === 0 || !domains.every((domain) => organisation.includes(domain))) return false;
    }
    return (
      this.#hours === undefined || timesOf(detection).every((ms) => this.#hours?.some((set) => set[hourUtc(ms)] === 1))
    );
  }
}

function isOf(address: string, list: readonly string[], networks: NetworkSet | undefined): boolean {
  return list.includes(address) || networks?.has(address) === true;
}

/** Names that the detection is about, else those that its flows ask for; undefined for a flow that asks for none. */
function namesOf({ reasons, flows }: Detection): (string | undefined)[] {
  const named = reasons.find(({ name }) => name === 'beacon.name' || name === 'dns-tunnel.domain')?.value;
  return typeof named === 'string' ? [named] : flows.map((flow) => flow.serverName ?? flow.httpHost ?? flow.dnsQuery);
}

/** Their registrable domains, as far as there are any, each once. */
function domainsOf(detection: Detection): string[] {
  const domains = namesOf(detection).map((name) => (name === undefined ? undefined : registrableDomain(name)));
  return [...new Set(domains.flatMap((domain) => domain ?? []))].sort();
}

/** As `domainsOf`; none where a flow asks for nothing. */
export function organisationsOf(detection: Detection): string[] {
  const isWhole = namesOf(detection).every((name) => name !== undefined && registrableDomain(name) !== undefined);
  return isWhole ? domainsOf(detection) : [];
}

/** Hardware addresses of the actor in the flows that are kept. */
function hardwareOf({ actor, flows }: Detection): string[] {
  const macs = flows.flatMap((flow) =>
    flow.initiator === actor ? (flow.initiatorMac ?? []) : flow.responder === actor ? (flow.responderMac ?? []) : [],
  );
  return [...new Set(macs)];
}

function timesOf({ firstMs, lastMs, flows }: Detection): number[] {
  return [firstMs, lastMs, ...flows.flatMap(({ startMs }) => (startMs === undefined ? [] : [startMs]))];
}

/** Hour of the week in UTC, 0 to 167 from Monday 00:00; 1970-01-01 was a Thursday. */
function hourUtc(epochMs: number): number {
  return (((Math.floor(epochMs / HOUR_MS) + 72) % 168) + 168) % 168;
}

const DAY_NAMES = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** The hours that the detections lie in, an hour added on either side: daily ones, or of one day of the week where all lie on it; undefined where that is most of the day. */
function scheduleOf(detections: readonly Detection[]): string | undefined {
  const hours = detections.flatMap(timesOf).map(hourUtc);
  const days = new Set(hours.map((hour) => Math.floor(hour / 24)));
  const ofDay = new Uint8Array(24);
  for (const { firstMs, lastMs } of detections)
    for (let ms = firstMs, n = 0; n < 25; n++, ms += HOUR_MS) {
      ofDay[hourUtc(Math.min(ms, lastMs)) % 24] = 1;
      if (ms >= lastMs) break;
    }
  // The longest silence of the clock is what lies outside.
  let best = { from: 0, length: -1 };
  for (let from = 0; from < 24; from++) {
    let length = 0;
    while (length < 24 && ofDay[(from + length) % 24] === 0) length++;
    if (length > best.length) best = { from, length };
  }
  if (best.length < 4) return undefined;
  const from = (best.from + best.length + 23) % 24;
  const to = (best.from + 1) % 24;
  const [day] = days;
  const name = days.size === 1 && day !== undefined && from < to ? DAY_NAMES[day] : 'daily';
  return `${name ?? 'daily'} ${two(from)}:00-${two(to === 0 ? 24 : to)}:00`;
}

function two(hour: number): string {
  return String(hour).padStart(2, '0');
}

/** What of a wanted scope the detections can fill, and which parts they can't, with why. */
export function scopeOf(
  detections: readonly Detection[],
  wanted: readonly ScopePart[],
): {
  readonly scope: SuppressionScope;
  readonly missing: readonly { readonly part: ScopePart; readonly why: string }[];
} {
  const missing: { part: ScopePart; why: string }[] = [];
  const scope: { -readonly [K in keyof SuppressionScope]: SuppressionScope[K] } = {};
  const unique = (list: readonly string[]): string[] => [...new Set(list)].sort();
  for (const part of wanted) {
    if (part === 'detector') scope.detector = unique(detections.map((d) => d.detector));
    else if (part === 'source') scope.source = unique(detections.map((d) => d.actor));
    else if (part === 'destination') {
      if (detections.some((d) => d.peerCount > d.peers.length))
        missing.push({ part, why: 'it has more peers than are listed' });
      else if (detections.some((d) => d.peers.length === 0)) missing.push({ part, why: 'it has no peer' });
      else scope.destination = unique(detections.flatMap((d) => d.peers));
    } else if (part === 'organisation') {
      const all = detections.map(organisationsOf);
      if (all.some((list) => list.length === 0)) missing.push({ part, why: 'not all of its flows ask for a name' });
      else scope.organisation = unique(all.flat());
    } else if (part === 'port') {
      const ports = detections.map((d) => d.port);
      if (ports.includes(undefined)) missing.push({ part, why: 'it is about no single port' });
      else scope.port = [...new Set(ports.flatMap((port) => port ?? []))].sort((a, b) => a - b);
    } else {
      const schedule = scheduleOf(detections);
      if (schedule === undefined) missing.push({ part, why: 'it lasts for most of the day' });
      else scope.schedule = [schedule];
    }
  }
  return { scope, missing };
}

/** 'beacon of 10.0.0.5 to 192.0.2.1, port 443, until 2026-12-21'. */
export function describeRule({ scope, expiresMs }: Pick<SuppressionRule, 'scope' | 'expiresMs'>): string {
  const list = (values: readonly (string | number)[]): string =>
    values.length <= 3
      ? values.join(', ')
      : `${values.slice(0, 2).join(', ')} and ${humanCount(values.length - 2)} more`;
  const { detector, source, destination, organisation, port, schedule } = scope;
  const to = [...(destination ?? []), ...(organisation ?? [])];
  return [
    `${detector === undefined ? 'anything' : list(detector)} of ${source === undefined ? 'any host' : list(source)}${to.length === 0 ? '' : ` to ${list(to)}`}`,
    ...(port === undefined ? [] : [`port ${list(port)}`]),
    ...(schedule === undefined ? [] : [list(schedule)]),
    ...(expiresMs === undefined ? [] : [`until ${isoTime(expiresMs).slice(0, 10)}`]),
  ].join(', ');
}
