import type { Detection } from '../detect/index.ts';
import { type GroupSettings, groupDetections } from './group.ts';
import type { Incident, IncidentLabel } from './incident.ts';
import { type Reliability, reliabilityOf } from './reliability.ts';
import { describeRule, type SuppressionRule, Suppressor } from './suppression.ts';

/** What a person said of incidents, and the rules that follow from it. */
export interface Feedback {
  readonly rules: readonly SuppressionRule[];
  /** One for each incident, latest last. */
  readonly labels: readonly LabelledIncident[];
}

export interface LabelledIncident {
  readonly incident: string;
  readonly label: IncidentLabel;
  /** The detectors that had a part in it. */
  readonly detectors: readonly string[];
  /** Epoch ms of the day it was labelled. */
  readonly atMs?: number;
  readonly reason?: string;
}

export const NO_FEEDBACK: Feedback = { rules: [], labels: [] };

/** What one rule did in a run. */
export interface RuleOutcome {
  readonly rule: string;
  /** What it speaks of, in words. */
  readonly meaning: string;
  readonly reason?: string;
  readonly createdMs?: number;
  readonly expiresMs?: number;
  /** Detections that it hid, and incidents of which nothing is left. */
  readonly hidden: number;
  readonly incidents: number;
  /** Detections within its scope that it did not hide: because the behaviour changed, because they are later than its expiry. */
  readonly changed: number;
  readonly expired: number;
}

export interface FeedbackOutcome {
  readonly rules: readonly RuleOutcome[];
  /** Detections that were hidden, and incidents that went with them. */
  readonly hidden: number;
  readonly hiddenIncidents: number;
  /** Detectors that labels speak of. */
  readonly reliability: readonly Reliability[];
}

export interface FeedbackResult {
  readonly incidents: readonly Incident[];
  /** Absent where there is no feedback at all. */
  readonly outcome?: FeedbackOutcome;
}

/**
 * Groups detections as `groupDetections` does, with what a person said: detections that a rule hides make no incident, and labels move what their detectors weigh.
 * The severity that a rule's limit is compared with is that of the incident with nothing hidden, so that a hidden part can't make the rest look harmless
 * enough to be hidden, too. An incident that was labelled malicious is never hidden. Every hidden detection is counted for the first rule that hides it.
 */
export function groupWithFeedback(
  detections: readonly Detection[],
  feedback: Feedback,
  settings: GroupSettings,
): FeedbackResult {
  const { rules, labels } = feedback;
  if (rules.length === 0 && labels.length === 0) return { incidents: groupDetections(detections, settings) };
  const reliability = new Map(reliabilityByLabels(labels).map((one) => [one.detector, one]));
  const weighted: GroupSettings = {
    ...settings,
    weights: { ...settings.weights, reliabilityOf: (detector) => reliability.get(detector) },
  };
  const labelOf = new Map(labels.map(({ incident, label }) => [incident, label]));

  const counts = rules.map(() => ({ hidden: 0, incidents: 0, changed: 0, expired: 0 }));
  const suppressors = rules.map((rule) => new Suppressor(rule));
  const hidden = new Set<Detection>();
  const notes = new Map<Detection, { readonly rule: string; readonly changes: readonly string[] }[]>();
  let hiddenIncidents = 0;
  const before = groupDetections(detections, {
    ...weighted,
    onGroup: (incident, members) => {
      const isMalicious = labelOf.get(incident.id) === 'malicious';
      const last = { rule: -1, left: 0 };
      for (const detection of members) {
        const by = isMalicious ? -1 : ask(detection, incident);
        if (by < 0) last.left++;
        else last.rule = by;
      }
      const one = counts[last.rule];
      if (last.left > 0 || one === undefined) return;
      one.incidents++;
      hiddenIncidents++;
    },
  });

  function ask(detection: Detection, incident: Incident): number {
    for (const [i, suppressor] of suppressors.entries()) {
      const said = suppressor.ask(detection, incident.severity);
      const count = counts[i];
      if (count === undefined || said.answer === 'elsewhere') continue;
      if (said.answer === 'hidden') {
        count.hidden++;
        hidden.add(detection);
        return i;
      }
      count[said.answer]++;
      if (said.answer !== 'changed') continue;
      const known = notes.get(detection) ?? [];
      known.push({ rule: suppressor.rule.id, changes: said.changes });
      notes.set(detection, known);
    }
    return -1;
  }

  const membersOf = new Map<string, readonly Detection[]>();
  const left = hidden.size === 0 ? detections : detections.filter((detection) => !hidden.has(detection));
  const after = groupDetections(left, {
    ...weighted,
    onGroup: (incident, members) => {
      membersOf.set(incident.id, members);
      settings.onGroup?.(incident, members);
    },
  });
  const incidents = after.map((incident): Incident => {
    const label = labelOf.get(incident.id);
    const changes = (membersOf.get(incident.id) ?? []).flatMap((detection) => notes.get(detection) ?? []);
    const byRule = Map.groupBy(changes, ({ rule }) => rule);
    const notHidden = [...byRule]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([rule, all]) => ({ rule, changes: [...new Set(all.flatMap((one) => one.changes))].sort().slice(0, 5) }));
    return {
      ...incident,
      ...(label === undefined ? {} : { label }),
      ...(notHidden.length === 0 ? {} : { notHidden }),
    };
  });
  return {
    incidents,
    outcome: {
      rules: rules.map(({ id, reason, createdMs, expiresMs, ...rule }, i) => ({
        rule: id,
        meaning: describeRule({ ...rule, ...(expiresMs === undefined ? {} : { expiresMs }) }),
        ...(reason === undefined ? {} : { reason }),
        ...(createdMs === undefined ? {} : { createdMs }),
        ...(expiresMs === undefined ? {} : { expiresMs }),
        ...(counts[i] ?? { hidden: 0, incidents: 0, changed: 0, expired: 0 }),
      })),
      hidden: hidden.size,
      hiddenIncidents: Math.min(hiddenIncidents, before.length),
      reliability: [...reliability.values()],
    },
  };
}

/** By detector, in order of name. */
export function reliabilityByLabels(labels: readonly LabelledIncident[]): Reliability[] {
  const byDetector = new Map<string, IncidentLabel[]>();
  for (const { detectors, label } of labels)
    for (const detector of detectors) byDetector.set(detector, [...(byDetector.get(detector) ?? []), label]);
  return [...byDetector].sort(([a], [b]) => (a < b ? -1 : 1)).map(([detector, list]) => reliabilityOf(detector, list));
}
