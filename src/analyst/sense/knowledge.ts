import type { FlowRecord } from '../../flow/index.ts';
import { type Evidence, type Incident, type IncidentDetection, roleOf } from '../../incident/index.ts';
import { judgeByRules } from '../rules.ts';
import { countsIn, nounOf } from './count.ts';
import { outcomesIn } from './outcome.ts';
import { stem } from './stem.ts';
import { HEDGES } from './verb-list.ts';
import { normal, wordsOf } from './words.ts';

export interface Knowledge {
  readonly kinds: readonly string[];
  /** Addresses, in one form, to whether they are at home. */
  readonly home: ReadonlyMap<string, boolean>;
  /** 'a>b': a acted on b. */
  readonly forward: ReadonlySet<string>;
  /** 'a>b': a answered b. */
  readonly backward: ReadonlySet<string>;
  readonly sources: ReadonlySet<string>;
  readonly targets: ReadonlySet<string>;
  /** Stems of the words that code used of the incident. */
  readonly stems: ReadonlySet<string>;
  /** Those of sentences that only state. */
  readonly sureStems: ReadonlySet<string>;
  /** Words with a capital that code used of it. */
  readonly capitals: ReadonlySet<string>;
  /** What code said of how things went, as '150 unanswered'. */
  readonly outcomes: ReadonlySet<string>;
  /** The number of the targets that answered, where it was counted. */
  readonly answered: number | undefined;
  /** Classes of nouns, with the numbers that they may go with. */
  readonly counts: ReadonlyMap<string, ReadonlySet<number>>;
  readonly threats: readonly string[];
  /** Names of the techniques, the longest first. */
  readonly techniqueNames: readonly string[];
  /** Numbers of those that gave no answer. */
  readonly silent: ReadonlySet<number>;
  /** Share of what was tried that gave no answer, where it was counted. */
  readonly silentShare: number | undefined;
  /** Addresses that were tried in flows of the incident, to whether any of these was answered. */
  readonly answeredBy: ReadonlyMap<string, boolean>;
  readonly flowCount: number;
  /** Some login was accepted. */
  readonly accepted: boolean;
}

/** How code says how many gave no answer. */
const SILENT = /(?<![\w.,])(\d[\d,]*) (?:stayed without an answer|stayed unanswered|got no answer|unanswered)/g;

const KNOWLEDGE = new WeakMap<Incident, Knowledge>();

export function knowledgeOf(incident: Incident): Knowledge {
  const known = KNOWLEDGE.get(incident);
  if (known !== undefined) return known;
  const made = gather(incident);
  KNOWLEDGE.set(incident, made);
  return made;
}

function gather(incident: Incident): Knowledge {
  const home = new Map<string, boolean>();
  for (const host of [...incident.actors, ...incident.peers]) home.set(normal(host.address), host.home);
  const forward = new Set<string>();
  const backward = new Set<string>();
  const sources = new Set<string>();
  const targets = new Set<string>();
  const acted = (from: string | undefined, to: string | undefined): void => {
    if (from === undefined || to === undefined) return;
    forward.add(`${normal(from)}>${normal(to)}`);
    sources.add(normal(from));
    targets.add(normal(to));
  };
  const measures = incident.evidence.filter((item): item is MeasureEvidence => item.type === 'measure');
  for (const detection of incident.detections) {
    const role = roleOf({ reasons: measures.filter((item) => item.detection === detection.id) });
    const reversed = role === 'target' || REVERSED.some((prefix) => detection.kind.startsWith(prefix));
    for (const peer of detection.peers) {
      if (reversed) acted(peer, detection.actor);
      else acted(detection.actor, peer);
    }
    if (detection.peers.length === 0) sources.add(normal(detection.actor));
  }
  for (const item of incident.evidence) {
    if (item.type !== 'flow') continue;
    acted(item.flow.initiator, item.flow.responder);
    if (answeredFlow(item.flow))
      backward.add(`${normal(item.flow.responder ?? '')}>${normal(item.flow.initiator ?? '')}`);
  }
  const said = [
    ...judgeByRules(incident).whatHappened.map((claim) => claim.text),
    ...measures.map((item) => item.sentence),
  ];
  const counts = new Map<string, Set<number>>();
  const count = (noun: string, value: number | undefined): void => {
    if (value === undefined || !Number.isFinite(value)) return;
    const own = counts.get(noun) ?? new Set<number>();
    counts.set(noun, own.add(value));
  };
  count('host', incident.peerCount);
  count('host', incident.actors.length);
  const ports = new Set(incident.detections.flatMap(({ port }) => port ?? []));
  if (ports.size > 1) count('port', ports.size);
  // 'between the two hosts'
  if (incident.actors.length === 1 && incident.peerCount === 1) count('host', 2);
  count('event', incident.flowCount);
  count('row', incident.recordCount);
  count('detection', incident.detections.length);
  for (const text of said) for (const { noun, value } of countsIn(text)) count(noun, value);
  for (const { unit, value } of measures)
    if (typeof value === 'number' && unit !== '')
      count(`${nounOf(unit.split(/[ /]/)[0] ?? '') ?? unit}${/ per |\//.test(unit) ? ' rate' : ''}`, value);
  const outcomes = new Set(said.flatMap(outcomesIn));
  for (const entry of outcomes) count('event', Number(entry.split(' ')[0]));
  const answered = measures.find((item) => item.name === 'scan.answered')?.value;
  const tried = measures.find((item) => /^scan\.(?:targets|ports)$/.test(item.name))?.value;
  const silent = new Set<number>();
  for (const text of said)
    for (const [, digits = ''] of text.matchAll(SILENT)) silent.add(Number(digits.replaceAll(',', '')));
  if (typeof answered === 'number' && typeof tried === 'number') silent.add(tried - answered);
  for (const number of silent) {
    count('host', number);
    count('event', number);
  }
  const answeredBy = new Map<string, boolean>();
  for (const item of incident.evidence) {
    if (item.type !== 'flow' || item.flow.responder === undefined) continue;
    const key = normal(item.flow.responder);
    answeredBy.set(key, answeredBy.get(key) === true || answeredFlow(item.flow));
  }
  return {
    kinds: incident.detections.map((detection) => detection.kind),
    home,
    forward,
    backward,
    sources,
    targets,
    stems: new Set(said.flatMap((text) => wordsOf(text).map(stem))),
    sureStems: new Set(
      said
        .flatMap((text) => text.split(/(?<=[.:;])\s/))
        .filter((text) => !wordsOf(text).some((word) => HEDGES.has(word.toLowerCase())))
        .flatMap((text) => wordsOf(text).map(stem)),
    ),
    capitals: new Set(
      [...said, ...incident.techniques.flatMap(({ name, tactic }) => [name, tactic])].flatMap((text) =>
        wordsOf(text).filter((word) => /^[A-Z]/.test(word)),
      ),
    ),
    outcomes,
    answered: typeof answered === 'number' ? answered : undefined,
    counts,
    techniqueNames: [
      ...new Set(
        incident.techniques.flatMap(({ name }) => [name, ...name.split(/: /)]).filter((name) => name.includes(' ')),
      ),
    ].sort((a, b) => b.length - a.length),
    silent,
    silentShare:
      typeof answered === 'number' && typeof tried === 'number' && tried > 0 ? 1 - answered / tried : undefined,
    answeredBy,
    flowCount: incident.flowCount,
    accepted:
      said.some((text) => /\baccepted (?:its account|\d+ logins?|1 login)\b/.test(text)) ||
      incident.evidence.some((item) => item.type === 'flow' && item.flow.login === 'accepted'),
    threats: measures.flatMap((item) =>
      (item.name === 'threat-list.group' || item.name === 'threat-list.label') && typeof item.value === 'string'
        ? wordsOf(item.value)
        : [],
    ),
  };
}

export type MeasureEvidence = Extract<Evidence, { type: 'measure' }>;

/** Kinds whose actor is the one that something was done to. */
const REVERSED: readonly string[] = ['policy.unknown-destination', 'threat-list.came'];

export function answeredFlow(flow: FlowRecord): boolean {
  return flow.outcome === 'answered' || (flow.responderPackets ?? 0) > 0 || (flow.responderBytes ?? 0) > 0;
}

/** The flows, detections and measures that a claim cites. */
export class Cited {
  readonly flows: readonly FlowRecord[];
  readonly detections: readonly IncidentDetection[];

  constructor(incident: Incident, cites: readonly string[]) {
    const ids = new Set(cites);
    this.flows = incident.evidence.flatMap((item) => (item.type === 'flow' && ids.has(item.id) ? [item.flow] : []));
    const owners = new Set(
      incident.evidence.flatMap((item) => (item.type === 'measure' && ids.has(item.id) ? [item.detection] : [])),
    );
    this.detections = incident.detections.filter(({ id }) => ids.has(id) || owners.has(id));
  }
}
