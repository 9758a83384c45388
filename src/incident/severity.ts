import { humanCount } from '../core/index.ts';
import type { Detection } from '../detect/index.ts';
import type { Severity, SeverityStep } from './incident.ts';
import { kindInfo } from './kind.ts';
import { type Reliability, reliabilityPoints } from './reliability.ts';
import type { Story } from './story.ts';
import { addressLabel, nameLabel } from './words.ts';

/**
 * Severity: points that add up, and every one is shown.
 *
 *   level      points       reached, for instance, by
 *   info       below 20     an outside host that pings a few of ours; a weak model opinion
 *   low        20 to 39     a port scan from the Internet; a flow that a model finds strange; an echo of a flood elsewhere
 *   medium     40 to 59     a beacon of score 0.9 alone; an ARP sweep from inside; password guessing from the Internet; a host inside that calls
 *                           many addresses outside in vain, none of them on a port by which worms spread
 *   high       60 to 84     a port scan from inside; SSH guessing from inside; a nearly perfect beacon of 100 connections to a host outside
 *                           on a port that no usual service has
 *   critical   85 and more  a flood of 100 times the threshold with no ordinary connection left; a strong beacon with a lasting connection
 *                           to the same host, by a host that also scans
 *
 *   rule                                                                        points
 *   kind of the leading detection (`kind.ts`)                                   10 to 42
 *   how sure its detector is: 40 x (score - 0.5)                                -20 to 20
 *   who stands where (inside, outward, inward, outside; by kind)                -20 to 15
 *   scans: 20 targets, 100 targets; something answered; a lost web client       4, 8; 5 or 10; -30
 *   scans outward: nobody answered, on ports by which no worm spreads           -15
 *   logins: 100, 1,000 connections; a session; a service that is chatty         7, 10; 4 or 15; -20
 *   floods: 10, 100 times the threshold; nothing ordinary left; one stream      10, 20; 10; -15
 *   calls: 100 connections, unless both are inside; nearly perfect rhythm; port 8; 6; 8
 *   calls that half (five hosts, two) of the home network makes as well, or     -20 (-12, -6);
 *   for mail, which are never many; to a popular domain                         -10; -10
 *   calls to DNS over TLS in vain                                               -15
 *   calls inside, on the port of a usual service                                -11
 *   calls by name over TLS, by a device of one purpose (camera, smart thing)    -20
 *   alerts of another sensor: their rule's own level; set off from outside      0 to 50; -15
 *   other detectors agree, each (at most two); other kinds of the same, each    10; 4 (at most two)
 *   another sensor raised an alert about the same two hosts                     10
 *   a model's opinion in support                                                6
 *   five actors or more at one target                                           5
 *   the same host inside (outside) shows another behaviour as well              15 (5)
 *   importance of the most important device in it: 5 x (importance - 3)         -10 to 10
 *   labels moved the detector's reliability: 40 x (share now - share measured)  -20 to 10
 *   cap by kind: a model's opinion alone, echoes of floods                      at most low
 *
 * The kind's points stand for its detector as it was measured (`reliability.ts`); only what a person labels moves them. What a device is worth stands in the
 * baseline, for approved devices alone; without one the sum can't know it. It says how much the facts weigh, in the same way every time.
 */
const BANDS: readonly (readonly [least: number, severity: Severity])[] = [
  [85, 'critical'],
  [60, 'high'],
  [40, 'medium'],
  [20, 'low'],
];

/** From so many actors at one target on, they count as one distributed effort. */
export const MIN_DISTRIBUTED_ACTORS = 5;

export interface SeverityRating {
  readonly severity: Severity;
  readonly urgency: number;
  readonly steps: readonly SeverityStep[];
}

/** What detectors and hosts are worth, where somebody has said so. */
export interface RatingWeights {
  /** Of a detector that labels speak of. */
  readonly reliabilityOf?: (detector: string) => Reliability | undefined;
  /** What a device is worth, 1 to 5; undefined where nobody says. */
  readonly importanceOf?: (address: string, mac?: string) => number | undefined;
  /** What a device of the home network probably is (`guessRoles`); undefined where its traffic does not say. */
  readonly roleOf?: (address: string, mac?: string) => string | undefined;
}

/** The level of a sum of points. */
export function severityOf(points: number): Severity {
  return BANDS.find(([least]) => points >= least)?.[1] ?? 'info';
}

/** Points of the detector's sureness: 0 at a score of 0.5, a whole number. */
export function scorePoints(score: number): number {
  return Math.round(40 * (score - 0.5)) + 0;
}

/** What a detection weighs by itself; the heaviest leads its incident. */
export function leadWeight(detection: Detection): number {
  return kindInfo(detection.kind).base + scorePoints(detection.score);
}

/** Applies the table in the header. Rules that give nothing leave no step, but for the first two, which every incident has. */
export function rateSeverity(story: Story, weights: RatingWeights = {}): SeverityRating {
  const { lead } = story;
  const info = kindInfo(lead.kind);
  const steps: SeverityStep[] = [
    { rule: info.rule, points: info.base },
    { rule: `${sureness(lead.score)} (score ${lead.score.toFixed(2)})`, points: scorePoints(lead.score) },
  ];
  const direction = info.direction[info.place?.(story) ?? story.direction];
  if (direction !== undefined) steps.push({ rule: direction[1], points: direction[0] });
  steps.push(...(info.steps?.(story) ?? []), ...agreement(story));
  if (story.actors.length >= MIN_DISTRIBUTED_ACTORS && info.manyAreOrdinary !== true)
    steps.push({ rule: 'Many hosts do the same to the same target', points: 5 });
  if (story.alsoSeen.length > 0) {
    const inside = story.role === 'source' && story.actors.some((actor) => actor.home);
    steps.push({
      rule: `The same host also shows other behaviour (${story.alsoSeen.join(', ')})`,
      points: inside ? 15 : 5,
    });
  }
  steps.push(...purpose(story, weights), ...importance(story, weights), ...reliability(lead, weights));
  const sum = steps.reduce((total, step) => total + step.points, 0);
  if (info.cap !== undefined && sum > info.cap[0]) steps.push({ rule: info.cap[1], points: info.cap[0] - sum });
  const urgency = steps.reduce((total, step) => total + step.points, 0);
  return { severity: severityOf(urgency), urgency, steps };
}

/** Devices of one purpose, which keep in touch with their maker for as long as they are on. A computer may look like a printer, a telephone or a screen by what it offers, hardly like these. */
const THINGS: ReadonlySet<string> = new Set(['camera', 'iot']);

function purpose(story: Story, { roleOf }: RatingWeights): SeverityStep[] {
  const points = kindInfo(story.lead.kind).ofThings?.(story);
  if (points === undefined || roleOf === undefined || story.actors.length === 0) return [];
  if (!story.actors.every(({ address, mac }) => THINGS.has(roleOf(address, mac) ?? ''))) return [];
  return [{ rule: 'It is a device of one purpose, and such devices call their maker so all day', points }];
}

/** The most important device among actors and peers speaks for the incident; of kinds that say so, among the actors alone. */
function importance(story: Story, { importanceOf }: RatingWeights): SeverityStep[] {
  if (importanceOf === undefined) return [];
  let most: { readonly address: string; readonly worth: number } | undefined;
  const peers = kindInfo(story.lead.kind).worthOfActors === true ? [] : story.peers;
  for (const { address, mac } of [...story.actors, ...peers]) {
    const worth = importanceOf(address, mac);
    if (worth !== undefined && worth > (most?.worth ?? 0)) most = { address, worth };
  }
  if (most === undefined || most.worth === 3) return [];
  const { address, worth } = most;
  return [
    {
      rule: `${addressLabel(address)} has importance ${worth} of 5 in the baseline${worth < 3 ? ', and nothing more important takes part' : ''}`,
      points: 5 * (worth - 3),
    },
  ];
}

function reliability(lead: Detection, { reliabilityOf }: RatingWeights): SeverityStep[] {
  const known = reliabilityOf?.(lead.detector);
  const points = known === undefined ? 0 : reliabilityPoints(known);
  if (known === undefined || points === 0) return [];
  const { benign, malicious, prior, now } = known;
  const said = [
    ...(benign > 0 ? [`${humanCount(benign)} benign`] : []),
    ...(malicious > 0 ? [`${humanCount(malicious)} malicious`] : []),
  ].join(', ');
  return [
    {
      rule: `Incidents of detector ${nameLabel(lead.detector)} were labelled ${said}: its reliability is ${now.toFixed(2)}, and was ${prior.toFixed(2)}`,
      points,
    },
  ];
}

function sureness(score: number): string {
  if (score >= 0.9) return 'The detector is very sure';
  if (score >= 0.7) return 'The detector is sure';
  return score >= 0.5 ? 'The detector is fairly sure' : 'The detector is not sure';
}

/** Detectors that hold traffic against the baseline: what one of them says of a device the others say too, in their words. */
const BASELINE_DETECTORS = new Set(['new-device', 'new-edge', 'new-service', 'policy']);

/** Detectors that tell different things of the same hosts are worth more than one that repeats itself. */
function agreement(story: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  const facts = story.detections.filter((d) => kindInfo(d.kind).opinion !== true);
  const opinions = story.detections.length - facts.length;
  if (facts.length === 0) return [];
  const detectors = new Set(facts.map((d) => (BASELINE_DETECTORS.has(d.detector) ? 'baseline' : d.detector)));
  const others = Math.min(2, detectors.size - 1);
  if (others > 0)
    steps.push({
      rule: others === 1 ? 'Another detector found the same hosts' : 'Other detectors found the same hosts',
      points: 10 * others,
    });
  const kinds = new Set(facts.filter((d) => d.detector === story.lead.detector).map((d) => d.kind));
  const further = Math.min(2, kinds.size - 1);
  if (further > 0) steps.push({ rule: 'The same detector found more than one pattern', points: 4 * further });
  if (story.seconded === true) steps.push({ rule: 'Another sensor raised an alert about the same hosts', points: 10 });
  if (opinions > 0) steps.push({ rule: 'A model finds flows between these hosts strange, too', points: 6 });
  return steps;
}
