/** What a case of the evaluation is, how one is run, and when it counts as found. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type Severity, severityRank } from '../src/incident/index.ts';
import type { IncidentsDocument } from '../src/report/index.ts';
import { ANOMALYST, DATA, measure } from './child.ts';

/**
 * required: must be found, at rank 1. quiet: hostile or odd traffic that must not be mistaken for something else. wanted: reported, not required:
 * no detector for it exists yet, or the capture holds too little of it.
 */
export type Need = 'required' | 'quiet' | 'wanted';

export interface Case {
  /** Below ../shared/data: a file, a zip file of captures, or a folder of logs. */
  readonly path: string;
  /** What is in it, from its documentation. */
  readonly truth: string;
  readonly need: Need;
  /** Beginnings of the kinds that name it rightly. */
  readonly kinds?: readonly string[];
  /** One of these must be an actor. */
  readonly actors?: readonly string[];
  /** One of these must be a peer. */
  readonly peers?: readonly string[];
  /** This one must be on either side. */
  readonly host?: string;
  readonly port?: number;
  /** This server name (TLS SNI or HTTP Host) must be in its evidence. */
  readonly name?: string;
  /** These ATT&CK techniques must be among its own. */
  readonly techniques?: readonly string[];
  /** For quiet: kinds that must not be there at all, and the highest severity that may be. */
  readonly never?: readonly string[];
  readonly atMost?: Severity;
}

export type Incident = IncidentsDocument['incidents'][number];
export type Counts = Readonly<Record<Severity, number>>;

export interface Outcome {
  /** Why it could not be run. */
  readonly failed?: string;
  readonly incidents: readonly Incident[];
  readonly counts: Counts;
  readonly hours: number;
}

export interface CaseResult {
  readonly case: Case;
  readonly outcome: Outcome;
  /** The matching incident that ranks first. */
  readonly match: Incident | undefined;
  readonly verdict: 'found first' | 'found' | 'not found' | 'quiet' | 'wrong' | 'failed' | 'skipped';
  readonly note: string;
}

export function countBySeverity(incidents: readonly Incident[]): Counts {
  const counts: Record<Severity, number> = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  for (const incident of incidents) counts[incident.severity]++;
  return counts;
}

export const NOTHING: Outcome = { incidents: [], counts: countBySeverity([]), hours: 0 };

/** One run of the product, with its defaults. `look` sees the folder of results before it goes. */
export async function analyze(
  inputs: readonly string[],
  work: string,
  look?: (results: string) => void,
): Promise<Outcome> {
  const out = mkdtempSync(join(work, 'out-'));
  const cost = await measure(
    [process.execPath, ANOMALYST, 'analyze', ...inputs, '--out', out, '--quiet', '--no-progress'],
    { limitMs: 120_000 },
  );
  if (cost.tookTooLong) return { ...NOTHING, failed: 'took more than two minutes' };
  if (cost.code !== 0)
    return { ...NOTHING, failed: `exit code ${cost.code}: ${cost.stderr.trim().split('\n')[0] ?? ''}` };
  const outcome = readOutcome(out);
  look?.(out);
  rmSync(out, { recursive: true, force: true });
  return outcome;
}

export function readOutcome(results: string): Outcome {
  const document: IncidentsDocument = JSON.parse(readFileSync(join(results, 'incidents.json'), 'utf8'));
  const { first, last } = document.run;
  const hours =
    typeof first === 'string' && typeof last === 'string' ? (Date.parse(last) - Date.parse(first)) / 3.6e6 : 0;
  return { incidents: document.incidents, counts: countBySeverity(document.incidents), hours };
}

/** The inputs of a case that are not the file itself, or why they can't be had. */
export type Opener = (path: string) => readonly string[] | string;

export async function evaluate(
  one: Case,
  work: string,
  open: Opener = (path) => [path],
  look?: (results: string) => void,
): Promise<CaseResult> {
  const skipped = (note: string): CaseResult => ({
    case: one,
    outcome: NOTHING,
    match: undefined,
    verdict: 'skipped',
    note,
  });
  const path = join(DATA, one.path);
  if (!existsSync(path)) return skipped('it is not there');
  const inputs = open(path);
  if (typeof inputs === 'string') return skipped(inputs);
  const outcome = await analyze(inputs, work, look);
  if (outcome.failed !== undefined)
    return { case: one, outcome, match: undefined, verdict: 'failed', note: outcome.failed };
  if (one.need === 'quiet') {
    const wrong = outcome.incidents.find(
      (incident) =>
        (one.never ?? []).some((kind) => kindsOf(incident).some((is) => is.startsWith(kind))) ||
        severityRank(incident.severity) > severityRank(one.atMost ?? 'medium'),
    );
    return {
      case: one,
      outcome,
      match: wrong,
      verdict: wrong === undefined ? 'quiet' : 'wrong',
      note: wrong?.title ?? '',
    };
  }
  const match = outcome.incidents.find((incident) => matches(one, incident));
  const verdict = match === undefined ? 'not found' : match.rank === 1 ? 'found first' : 'found';
  return { case: one, outcome, match, verdict, note: match?.title ?? nearest(one, outcome.incidents) };
}

export const kindsOf = (incident: Incident): string[] => [
  incident.kind,
  ...incident.detections.map((detection) => detection.kind),
];

export function matches(one: Case, incident: Incident): boolean {
  const actors = incident.actors.map((host) => host.address);
  const peers = [
    ...incident.peers.map((host) => host.address),
    ...incident.detections.flatMap((detection) => detection.peers),
  ];
  const ports = [
    ...incident.detections.map((detection) => detection.port),
    ...incident.evidence.map((item) => (item.type === 'flow' ? item.flow.responderPort : undefined)),
  ];
  const names = incident.evidence.flatMap((item) =>
    item.type === 'flow' ? [item.flow.serverName, item.flow.httpHost] : [],
  );
  return (
    (one.kinds ?? ['']).some((kind) => kindsOf(incident).some((is) => is.startsWith(kind))) &&
    (one.actors === undefined || one.actors.some((address) => actors.includes(address))) &&
    (one.peers === undefined || one.peers.some((address) => peers.includes(address))) &&
    (one.host === undefined || [...actors, ...peers].includes(one.host)) &&
    (one.port === undefined || ports.includes(one.port)) &&
    (one.name === undefined || names.includes(one.name)) &&
    (one.techniques ?? []).every((id) => incident.techniques.some((technique) => technique.id === id))
  );
}

/** What was said instead, for a case that was not found. */
function nearest(one: Case, incidents: readonly Incident[]): string {
  const about = incidents.find((incident) =>
    incident.actors.some((host) => one.actors?.includes(host.address) === true || host.address === one.host),
  );
  const first = about ?? incidents[0];
  return first === undefined ? 'no incident at all' : `rank ${first.rank}, ${first.kind}: ${first.title}`;
}
