import { capitalised, fingerprint } from '../core/index.ts';
import { type Detection, MAX_PEERS, type NetworkContext, plainRecord } from '../detect/index.ts';
import { distinctFlows, distinctRecords, nameEvidence } from './evidence.ts';
import { type HostReference, type Incident, type RelatedIncident, severityRank, type Technique } from './incident.ts';
import { kindInfo, networkOf, titleOf } from './kind.ts';
import {
  leadWeight,
  MIN_DISTRIBUTED_ACTORS,
  type RatingWeights,
  rateSeverity,
  type SeverityRating,
} from './severity.ts';
import { directionOf, hasReason, placeWords, roleOf, type Story } from './story.ts';
import { techniqueFact, techniquesOf } from './technique.ts';

/**
 * Detections to incidents: one story, one incident.
 *
 * 1. Detections of one behaviour (all scans are reconnaissance; beacons and lasting connections are command and control ...) are joined where they share
 *    what `kind.ts` says they must (the actor; for calls the actor and a peer; for floods the target or the source), and their spans overlap or
 *    lie no more than `gapMs` apart. The spans count, not the order of arrival, so slow scans stay whole and clocks that run backwards do no harm.
 * 2. Where at least five actors do the same to the same target in the same time, their groups become one incident with several actors: those inside and those
 *    outside apart, for who does it inside has been broken into or does it by order, and whoever is outside has nothing to do with that.
 * 3. What one host does to the same targets step by step is one story whatever its parts are called: a search, password guessing, sessions and movement from
 *    host to host (`INTRUSION`). Two parts are joined where they share a target, or, where a list of targets is cut, a network of targets, and no longer silence
 *    lies between them. Each part is rated as if it stood alone with the others beside it; the heaviest part leads and gives the severity, so that joining never
 *    lowers one.
 * 4. A model's opinion joins the group whose actor it shares, at an overlapping time, with most peers in common; otherwise opinions on one actor
 *    are grouped by themselves.
 *
 * Every detection ends in exactly one incident. The result does not depend on the order of the input: equal detections, equal bytes.
 * Cost: sorting, and one sweep over the detections per link.
 */
export interface GroupOptions {
  /** Silence that ends a story. Default one hour. */
  readonly gapMs?: number;
}

export interface GroupSettings {
  readonly context: Pick<NetworkContext, 'isHome'>;
  readonly options?: GroupOptions;
  /** What detectors and hosts are worth, where somebody has said so. */
  readonly weights?: RatingWeights;
  /** Told of every incident, before its rank is known, with the detections it was made of. */
  readonly onGroup?: (incident: Incident, detections: readonly Detection[]) => void;
}

const HOUR_MS = 3_600_000;
const MAX_RELATED = 10;
/** What a detection must weigh by kind and score for it to make other incidents of the same host more urgent: half of all updates are beacons. */
const SUPPORTING_WEIGHT = 40;

/** Most urgent first: by severity, urgency, beginning, id. Throws where a detection has no finite time or score, which is its detector's bug. */
export function groupDetections(detections: readonly Detection[], settings: GroupSettings): Incident[] {
  const { context, options: { gapMs = HOUR_MS } = {}, weights = {}, onGroup } = settings;
  const items = detections.map(toItem).sort(compareItems);
  const facts = items.filter((item) => !item.opinion);
  const groups = joinSteps(joinDistributed(joinLinked(facts, gapMs), gapMs, context), gapMs);
  const alone = attachOpinions(
    items.filter((item) => item.opinion),
    groups,
  );
  groups.push(...joinLinked(alone, gapMs));

  const known: Known = { behaviours: behavioursByActor(groups, context), alerts: alertsByActor(facts), gapMs };
  const incidents = groups
    .map((group) => {
      const incident = toIncident(group, context, known, weights);
      onGroup?.(
        incident,
        group.map(({ detection }) => detection),
      );
      return incident;
    })
    .sort(
      (a, b) =>
        severityRank(b.severity) - severityRank(a.severity) ||
        b.urgency - a.urgency ||
        a.firstMs - b.firstMs ||
        compareText(a.id, b.id),
    )
    .map((incident, i) => ({ ...incident, rank: i + 1 }));
  return relate(incidents, gapMs);
}

interface Item {
  readonly detection: Detection;
  readonly behaviour: string;
  readonly opinion: boolean;
  /** The span with its ends in order. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The actor and a digest of all content, worked out where two items of the same times are compared (`keyOf`). */
  key: string | undefined;
}

function toItem(detection: Detection): Item {
  const { kind, actor, firstMs, lastMs, score } = detection;
  if (!Number.isFinite(firstMs) || !Number.isFinite(lastMs)) throw new Error(`${kind} of ${actor} has no finite time`);
  if (!(score >= 0 && score <= 1)) throw new Error(`${kind} of ${actor} has a score of ${score}, outside 0..1`);
  const info = kindInfo(kind);
  return {
    detection,
    behaviour: info.behaviourOf?.(detection) ?? info.behaviour,
    opinion: info.opinion === true,
    fromMs: Math.min(firstMs, lastMs),
    toMs: Math.max(firstMs, lastMs),
    key: undefined,
  };
}

/** Equal detections have equal keys. */
function keyOf(item: Item): string {
  const { detection } = item;
  item.key ??= `${detection.actor} ${fingerprint(JSON.stringify(sortedEntries(detection)))}`;
  return item.key;
}

/** Content without the order of members: [name, value] pairs by name, at every depth. */
function sortedEntries(value: object): unknown[] {
  if (Array.isArray(value)) return value.map((member) => (isObject(member) ? sortedEntries(member) : member));
  return Object.entries(plainRecord(value))
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, member]) => [name, isObject(member) ? sortedEntries(member) : member]);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function compareItems(a: Item, b: Item): number {
  return a.fromMs - b.fromMs || a.toMs - b.toMs || compareText(keyOf(a), keyOf(b));
}

type Group = Item[];

/** Items joined where they share a link and no silence longer than the gap lies between them. Items must be sorted. */
function joinLinked(items: readonly Item[], gapMs: number): Group[] {
  const byLink = new Map<string, number[]>();
  for (const [i, { detection, behaviour }] of items.entries()) {
    const links = kindInfo(detection.kind).links?.(detection) ?? [`actor ${detection.actor}`];
    for (const link of links) append(byLink, `${behaviour} ${link}`, i);
  }
  const sets = new DisjointSets(items.length);
  for (const indexes of byLink.values()) {
    let previous: number | undefined;
    let reachedMs = Number.NEGATIVE_INFINITY;
    for (const i of indexes) {
      const item = items[i];
      if (item === undefined) continue;
      const isLasting = kindInfo(item.detection.kind).silenceEndsIt === false;
      if (previous !== undefined && (isLasting || item.fromMs - reachedMs <= gapMs)) sets.join(previous, i);
      previous = i;
      reachedMs = Math.max(reachedMs, item.toMs);
    }
  }
  return collect(items, sets);
}

/** Groups of different actors with one and the same aim, joined where the actors are many. */
function joinDistributed(groups: readonly Group[], gapMs: number, { isHome }: Pick<NetworkContext, 'isHome'>): Group[] {
  const byAim = new Map<string, number[]>();
  const spans = groups.map(spanOf);
  const order = groups.map((_, i) => i).sort((a, b) => (spans[a]?.fromMs ?? 0) - (spans[b]?.fromMs ?? 0) || a - b);
  for (const i of order) {
    const group = groups[i] ?? [];
    const aims = new Set(group.map(aimOf));
    const [aim] = aims;
    const isInside = group.every(({ detection }) => isHome(detection.actor));
    if (aims.size === 1 && aim !== undefined) append(byAim, `${aim} ${isInside ? 'inside' : 'outside'}`, i);
  }
  const sets = new DisjointSets(groups.length);
  for (const indexes of byAim.values()) {
    let run: number[] = [];
    let reachedMs = Number.NEGATIVE_INFINITY;
    const close = (): void => {
      const actors = new Set(run.flatMap((i) => (groups[i] ?? []).map((item) => item.detection.actor)));
      const [first] = run;
      const areDecoys = run.every((i) =>
        (groups[i] ?? []).every(({ detection }) => hasReason(detection, 'scan.decoys')),
      );
      if (first !== undefined && (actors.size >= MIN_DISTRIBUTED_ACTORS || (areDecoys && actors.size > 1)))
        for (const i of run) sets.join(first, i);
    };
    const kind = groups[indexes[0] ?? 0]?.[0]?.detection.kind ?? '';
    const longest = kindInfo(kind).timeless === true ? Number.POSITIVE_INFINITY : gapMs;
    for (const i of indexes) {
      const span = spans[i];
      if (span === undefined) continue;
      if (run.length > 0 && span.fromMs - reachedMs > longest) {
        close();
        run = [];
        reachedMs = Number.NEGATIVE_INFINITY;
      }
      run.push(i);
      reachedMs = Math.max(reachedMs, span.toMs);
    }
    close();
  }
  return collect(groups, sets).map((joined) => joined.flat().sort(compareItems));
}

/** What an intruder does to hosts one after the other; calls home and data that leave go to others, and stand beside it as related. */
const INTRUSION: ReadonlySet<string> = new Set(['reconnaissance', 'access', 'lateral movement']);

/** Groups of one and the same actor that are steps of one effort against the same targets. */
function joinSteps(groups: readonly Group[], gapMs: number): Group[] {
  const byActor = new Map<string, number[]>();
  for (const [i, group] of groups.entries()) {
    const actors = new Set(group.map(({ detection }) => detection.actor));
    const [actor] = actors;
    const [first] = group;
    if (actor !== undefined && actors.size === 1 && first !== undefined && INTRUSION.has(first.behaviour))
      append(byActor, actor, i);
  }
  const sets = new DisjointSets(groups.length);
  for (const indexes of byActor.values()) {
    if (indexes.length < 2) continue;
    const parts = indexes.map((i) => ({ i, behaviour: groups[i]?.[0]?.behaviour, ...targetsOf(groups[i] ?? []) }));
    // Parts of one behaviour lie apart in time, so that an actor has few of them: a pair each is cheap up to here.
    for (const [at, a] of parts.entries())
      for (const b of parts.slice(at + 1, at + 1 + MAX_PARTS)) {
        if (a.behaviour === b.behaviour) continue;
        if (Math.max(a.fromMs, b.fromMs) - Math.min(a.toMs, b.toMs) > gapMs) continue;
        const isCut = a.isCut || b.isCut;
        const shares = overlaps(a.targets, b.targets) || (isCut && overlaps(a.networks, b.networks));
        if (shares) sets.join(a.i, b.i);
      }
  }
  return collect(groups, sets).map((joined) => joined.flat().sort(compareItems));
}

/** Of a host with more parts than these each is compared with so many that follow it. */
const MAX_PARTS = 200;

function targetsOf(group: Group): {
  readonly targets: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
  /** True where a list of targets is not whole. */
  readonly isCut: boolean;
  readonly fromMs: number;
  readonly toMs: number;
} {
  const targets = new Set(group.flatMap(({ detection }) => detection.peers));
  const isCut = group.some(({ detection }) => detection.peerCount > detection.peers.length);
  return { targets, networks: new Set([...targets].map(networkOf)), isCut, ...spanOf(group) };
}

function overlaps(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  for (const member of small) if (large.has(member)) return true;
  return false;
}

function aimOf({ detection, behaviour }: Item): string | undefined {
  const aim = kindInfo(detection.kind).aim?.(detection);
  return aim === undefined ? undefined : `${behaviour} ${detection.kind} ${aim}`;
}

/** Adds opinions to the groups that they support; returns those that support none. */
function attachOpinions(opinions: readonly Item[], groups: readonly Group[]): Item[] {
  const byActor = new Map<string, number[]>();
  const spans = groups.map(spanOf);
  const peersOf = (group: Group, actor: string): Set<string> =>
    new Set(group.flatMap(({ detection }) => (detection.actor === actor ? detection.peers : [])));
  for (const [i, group] of groups.entries())
    for (const actor of new Set(group.map((item) => item.detection.actor))) append(byActor, actor, i);
  const found: [Group, Item][] = [];
  const alone: Item[] = [];
  for (const item of opinions) {
    let best: Group | undefined;
    let most = 0;
    for (const i of byActor.get(item.detection.actor) ?? []) {
      const group = groups[i];
      const span = spans[i];
      if (group === undefined || span === undefined || span.fromMs > item.toMs || span.toMs < item.fromMs) continue;
      const peers = peersOf(group, item.detection.actor);
      const shared = item.detection.peers.filter((peer) => peers.has(peer)).length;
      if (shared > most) {
        most = shared;
        best = group;
      }
    }
    if (best === undefined) alone.push(item);
    else found.push([best, item]);
  }
  for (const [group, item] of found) group.push(item);
  return alone;
}

/** Which behaviours an actor shows of its own accord, with weight. Regular calls from inside to inside are what monitors and programs of the house make. */
function behavioursByActor(
  groups: readonly Group[],
  { isHome }: Pick<NetworkContext, 'isHome'>,
): Map<string, Set<string>> {
  const behaviours = new Map<string, Set<string>>();
  for (const { detection, behaviour, opinion } of groups.flat()) {
    if (opinion || leadWeight(detection) < SUPPORTING_WEIGHT || roleOf(detection) !== 'source') continue;
    if (detection.kind.startsWith('beacon.') && [detection.actor, ...detection.peers].every(isHome)) continue;
    const known = behaviours.get(detection.actor) ?? new Set();
    behaviours.set(detection.actor, known.add(behaviour));
  }
  return behaviours;
}

/** What is known of actors beyond the group that is rated. */
interface Known {
  readonly behaviours: ReadonlyMap<string, ReadonlySet<string>>;
  /** Alerts of other sensors. */
  readonly alerts: ReadonlyMap<string, readonly Item[]>;
  readonly gapMs: number;
}

/** Alerts whose rule calls them more than information, by who set them off. */
function alertsByActor(items: readonly Item[]): Map<string, Item[]> {
  const alerts = new Map<string, Item[]>();
  for (const item of items)
    if (isAlert(item) && isWorthHearing(item.detection)) {
      const { actor } = item.detection;
      const known = alerts.get(actor);
      if (known === undefined) alerts.set(actor, [item]);
      else known.push(item);
    }
  return alerts;
}

function isAlert({ detection }: Item): boolean {
  return detection.kind.startsWith('alert.');
}

function isWorthHearing({ reasons }: Detection): boolean {
  return reasons.some(({ name, value }) => name === 'alert.severity' && value !== 'info');
}

/** Whether another sensor raised an alert about the actor and a peer of what we found ourselves, no longer apart than what is still one story. */
function isSeconded(found: Item, { alerts, gapMs }: Known): boolean {
  if (found.opinion || isAlert(found) || roleOf(found.detection) !== 'source') return false;
  const peers = new Set(found.detection.peers);
  return (alerts.get(found.detection.actor) ?? []).some(
    (alert) =>
      Math.max(alert.fromMs, found.fromMs) - Math.min(alert.toMs, found.toMs) <= gapMs &&
      alert.detection.peers.some((peer) => peers.has(peer)),
  );
}

function toIncident(
  group: Group,
  context: Pick<NetworkContext, 'isHome'>,
  known: Known,
  weights: RatingWeights,
): Incident {
  const steps = [...Map.groupBy(group, stepOf)].flatMap(([step, members], _, all) =>
    step === '' && all.length > 1 ? [] : [members],
  );
  const parts = steps
    .map((members) => ratePart(members, group, context, known, weights))
    .sort((a, b) => b.rating.urgency - a.rating.urgency || compareItems(a.leader, b.leader));
  const [first] = parts;
  if (first === undefined) throw new Error('a group without detections');
  const ordered =
    parts.length === 1
      ? first.ordered
      : [...first.ordered, ...inOrder(group.filter((item) => !first.ordered.includes(item)))];
  const detections = ordered.map((item) => item.detection);
  const { leader } = first;
  const { fromMs, toMs } = spanOf(group);
  const story = parts.length === 1 ? first.story : storyOf(ordered, context, first.story.alsoSeen);
  const { actors: actorReferences, peers: peerReferences } = story;
  const { severity, urgency, steps: severitySteps } = first.rating;
  const named = nameEvidence(detections);
  return {
    id: `inc-${incidentFingerprint([...new Set(ordered.filter(({ opinion }) => !opinion || leader.opinion).map(({ behaviour }) => behaviour))].sort(compareText).join('+'), ordered)}`,
    rank: 0,
    severity,
    urgency,
    severitySteps,
    kind: leader.detection.kind,
    title: capitalised(titleOf(story)),
    actors: actorReferences,
    peers: peerReferences,
    peerCount: story.peerCount,
    techniques: techniquesWithReasons(story, named.detections),
    firstMs: fromMs,
    lastMs: toMs,
    detections: named.detections,
    evidence: named.evidence,
    flowCount: flowCountOf(detections),
    ...recordCountOf(detections),
  };
}

/** A part of a story: what belongs to one behaviour, opinions with what they support. */
interface Part {
  readonly leader: Item;
  readonly ordered: readonly Item[];
  readonly story: Story;
  readonly rating: SeverityRating;
}

/** Each technique once, with the first detection that shows it, and the times of all that do. */
function techniquesWithReasons(story: Story, named: readonly { readonly id: string }[]): Technique[] {
  const reasons = new Map<string, string>();
  const spans = new Map<string, { firstMs: number; lastMs: number }>();
  const widen = (id: string, { firstMs, lastMs }: Detection): void => {
    const span = spans.get(id) ?? { firstMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY };
    spans.set(id, {
      firstMs: Math.min(span.firstMs, firstMs, lastMs),
      lastMs: Math.max(span.lastMs, firstMs, lastMs),
    });
  };
  for (const [i, detection] of story.detections.entries()) {
    const { rule, techniques } = kindInfo(detection.kind);
    const of = `(${named[i]?.id ?? ''})`;
    for (const id of techniques?.(story, detection) ?? []) {
      widen(id, detection);
      if (!reasons.has(id))
        reasons.set(
          id,
          `${techniqueFact(id)}; found: ${rule.charAt(0).toLowerCase()}${rule.slice(1)}, ${placeWords(story.direction)} ${of}.`,
        );
    }
    for (const id of detection.techniques ?? []) {
      widen(id, detection);
      if (!reasons.has(id)) reasons.set(id, `The author of the rule that fired names it ${of}.`);
    }
  }
  return techniquesOf(reasons.keys()).map((technique) => ({
    ...technique,
    reason: reasons.get(technique.id) ?? '',
    ...spans.get(technique.id),
  }));
}

function stepOf({ behaviour, opinion }: Item): string {
  return opinion ? '' : behaviour;
}

function ratePart(
  members: readonly Item[],
  group: readonly Item[],
  context: Pick<NetworkContext, 'isHome'>,
  known: Known,
  weights: RatingWeights,
): Part {
  const isOpinion = members.every(({ opinion }) => opinion);
  // Opinions speak for every step; by themselves they are a part only where there is nothing else.
  const opinions = isOpinion ? [] : group.filter(({ opinion }) => opinion);
  const ordered = inOrder([...members, ...opinions]);
  const [leader] = ordered;
  if (leader === undefined) throw new Error('a part without detections');
  const actors = [...new Set(ordered.map(({ detection }) => detection.actor))];
  const role = roleOf(leader.detection);
  const story = {
    ...storyOf(ordered, context, otherBehaviours(actors, leader.behaviour, role, known.behaviours)),
    seconded: isSeconded(leader, known),
  };
  return { leader, ordered, story, rating: rateSeverity(story, weights) };
}

/** The one that leads first. */
function inOrder(items: readonly Item[]): Item[] {
  return items.toSorted(
    (a, b) =>
      Number(a.opinion) - Number(b.opinion) ||
      leadWeight(b.detection) - leadWeight(a.detection) ||
      b.detection.peerCount - a.detection.peerCount ||
      compareItems(a, b),
  );
}

/** @param ordered the leading one first. */
function storyOf(
  ordered: readonly Item[],
  context: Pick<NetworkContext, 'isHome'>,
  alsoSeen: readonly string[],
): Story {
  const detections = ordered.map((item) => item.detection);
  const [lead] = detections;
  if (lead === undefined) throw new Error('a story without detections');
  const role = roleOf(lead);
  const { actors, peers } = sides(detections);
  const macs = macsOf(detections);
  const reference = (address: string): HostReference => {
    const home = context.isHome(address);
    const mac = home ? macs.get(address) : undefined;
    return { address, home, ...(mac === undefined ? {} : { mac }) };
  };
  const actorReferences = actors.map(reference);
  const { fromMs, toMs } = spanOf(ordered);
  return {
    detections,
    lead,
    actors: actorReferences,
    peers: peers.slice(0, MAX_PEERS).map(reference),
    peerCount: peerCountOf(detections, peers),
    firstMs: fromMs,
    lastMs: toMs,
    role,
    direction: directionOf(
      role,
      actorReferences,
      peers.map((address) => ({ home: context.isHome(address) })),
    ),
    alsoSeen,
  };
}

/**
 * Names to each incident the others of its actors, where no silence longer than the gap lies between the two, and those that show the same flows. A search, a guessed password and
 * calls to a host outside are three incidents with three severities, and one story of one host; a service that nobody knew and a protocol that is not allowed are two sides of one connection.
 */
function relate(incidents: readonly Incident[], gapMs: number): Incident[] {
  const byActor = new Map<string, Incident[]>();
  for (const incident of incidents) for (const { address } of incident.actors) append(byActor, address, incident);
  const byFlow = incidentsByFlow(incidents);
  return incidents.map((incident) => {
    const found = new Map<Incident, RelatedIncident['shares']>();
    for (const { address } of incident.actors)
      for (const other of byActor.get(address) ?? [])
        if (other !== incident && silence(incident, other) <= gapMs) found.set(other, 'actor');
    for (const flow of flowsOf(incident))
      for (const other of byFlow.get(flow) ?? []) if (other !== incident && !found.has(other)) found.set(other, 'flow');
    if (found.size === 0) return incident;
    const first = [...found].sort(([a], [b]) => a.rank - b.rank).slice(0, MAX_RELATED);
    const related = first.map(
      ([{ id, rank, kind }, shares]): RelatedIncident => ({ id, rank, label: kindInfo(kind).label, shares }),
    );
    return { ...incident, related, relatedCount: found.size };
  });
}

/** Incidents by the flows that more than one of them shows. */
function incidentsByFlow(incidents: readonly Incident[]): Map<number, Incident[]> {
  const seen = new Map<number, Incident>();
  const shared = new Map<number, Incident[]>();
  for (const incident of incidents)
    for (const flow of flowsOf(incident)) {
      const first = seen.get(flow);
      if (first === undefined) seen.set(flow, incident);
      else if (first !== incident) {
        if (!shared.has(flow)) shared.set(flow, [first]);
        append(shared, flow, incident);
      }
    }
  return shared;
}

/** The numbers, in the run, of the flows that an incident shows. */
function flowsOf({ evidence }: Incident): number[] {
  return evidence.flatMap((one) => (one.type === 'flow' && one.flow.id !== undefined ? [one.flow.id] : []));
}

/** Time between two incidents; negative where they overlap. */
function silence(a: Incident, b: Incident): number {
  return Math.max(a.firstMs, b.firstMs) - Math.min(a.lastMs, b.lastMs);
}

/** Of who did what, when, to whom; not of how sure anybody was, so that a better score does not make a new incident. */
function incidentFingerprint(behaviour: string, items: readonly Item[]): string {
  const members = items.map(({ detection, fromMs, toMs }) => ({
    kind: detection.kind,
    role: roleOf(detection),
    actor: detection.actor,
    peers: detection.peers.toSorted(compareText),
    port: detection.port ?? -1,
    protocol: detection.protocol ?? '',
    firstMs: fromMs,
    lastMs: toMs,
  }));
  const texts = members.map((member) => JSON.stringify(member)).sort(compareText);
  return fingerprint([behaviour, ...texts]);
}

/**
 * Actors and peers, most involved first: those of the leading detection, then those that most of the others name. A detection that sees the same
 * thing from the other end (the target of a flood, where the leader speaks of its source) adds its actor to the peers.
 */
function sides(detections: readonly Detection[]): { actors: string[]; peers: string[] } {
  const [lead] = detections;
  if (lead === undefined) return { actors: [], peers: [] };
  const role = roleOf(lead);
  const actors = new Set<string>();
  const counts = new Map<string, number>();
  const count = (address: string): unknown => counts.set(address, (counts.get(address) ?? 0) + 1);
  for (const address of lead.peers) counts.set(address, detections.length);
  for (const detection of detections) {
    if (roleOf(detection) === role) {
      actors.add(detection.actor);
      for (const peer of detection.peers) count(peer);
    } else count(detection.actor);
  }
  const peers = [...counts].sort((a, b) => b[1] - a[1]).map(([address]) => address);
  return { actors: [...actors], peers };
}

/** Exact where every list of peers is whole, else the largest that is known for certain. */
function peerCountOf(detections: readonly Detection[], peers: readonly string[]): number {
  return detections.reduce((most, detection) => Math.max(most, detection.peerCount), peers.length);
}

/** Detectors may count the same flow, one detector hardly does: the largest sum of one detector, or what the evidence shows if that is more. */
function flowCountOf(detections: readonly Detection[]): number {
  const sums = new Map<string, number>();
  for (const d of detections) sums.set(d.detector, (sums.get(d.detector) ?? 0) + d.flowCount);
  return Math.max(distinctFlows(detections), ...sums.values());
}

/** As with flows; absent where no detection rests on rows of tables. */
function recordCountOf(detections: readonly Detection[]): Pick<Incident, 'recordCount'> {
  const counts = detections.flatMap(({ recordCount }) => (recordCount === undefined ? [] : [recordCount]));
  return counts.length === 0 ? {} : { recordCount: Math.max(distinctRecords(detections), ...counts) };
}

function otherBehaviours(
  actors: readonly string[],
  own: string,
  role: Story['role'],
  behaviours: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  if (role !== 'source') return [];
  const counts = new Map<string, number>();
  for (const actor of actors)
    for (const behaviour of behaviours.get(actor) ?? []) counts.set(behaviour, (counts.get(behaviour) ?? 0) + 1);
  counts.delete(own);
  // Where many do the same, what one of them does beside says nothing of the others.
  const least = actors.length >= MIN_DISTRIBUTED_ACTORS ? actors.length / 2 : 1;
  return [...counts].flatMap(([behaviour, count]) => (count >= least ? [behaviour] : [])).sort(compareText);
}

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** The MAC that most of the flows show with an address, group addresses left out; ties by text. */
function macsOf(detections: readonly Detection[]): Map<string, string> {
  const counts = new Map<string, Map<string, number>>();
  const count = (address: string | undefined, mac: string | undefined): void => {
    if (address === undefined || mac === undefined || !MAC.test(mac) || isGroupMac(mac)) return;
    const known = counts.get(address) ?? new Map<string, number>();
    counts.set(address, known.set(mac, (known.get(mac) ?? 0) + 1));
  };
  for (const flow of detections.flatMap((detection) => detection.flows)) {
    count(flow.initiator, flow.initiatorMac);
    count(flow.responder, flow.responderMac);
  }
  const macs = new Map<string, string>();
  for (const [address, seen] of counts) {
    const [first] = [...seen].sort((a, b) => b[1] - a[1] || compareText(a[0], b[0]));
    if (first !== undefined) macs.set(address, first[0]);
  }
  return macs;
}

function isGroupMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

function spanOf(items: readonly Item[]): { fromMs: number; toMs: number } {
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  for (const item of items) {
    fromMs = Math.min(fromMs, item.fromMs);
    toMs = Math.max(toMs, item.toMs);
  }
  return { fromMs, toMs };
}

/** Union by index; the smallest index of a set stands for it, so that the result does not depend on the order of joining. */
class DisjointSets {
  #parents: number[];

  constructor(size: number) {
    this.#parents = Array.from({ length: size }, (_, i) => i);
  }

  find(i: number): number {
    let root = i;
    for (let parent = this.#parents[root] ?? root; parent !== root; parent = this.#parents[root] ?? root) root = parent;
    for (let node = i; node !== root; ) {
      const next = this.#parents[node] ?? root;
      this.#parents[node] = root;
      node = next;
    }
    return root;
  }

  join(a: number, b: number): void {
    const x = this.find(a);
    const y = this.find(b);
    this.#parents[Math.max(x, y)] = Math.min(x, y);
  }
}

/** The members of every set, in their order. */
function collect<T>(members: readonly T[], sets: DisjointSets): T[][] {
  const bySet = new Map<number, T[]>();
  for (const [i, member] of members.entries()) append(bySet, sets.find(i), member);
  return [...bySet.values()];
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
