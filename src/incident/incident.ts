import type { Detection, EvidenceRecord, Reason } from '../detect/index.ts';
import type { FlowRecord } from '../flow/index.ts';

/** Least to most urgent. */
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Position in SEVERITIES, 0 to 4. */
export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** An ATT&CK technique (Enterprise matrix): `id` as in T1046 or T1110.001. */
export interface Technique {
  readonly id: string;
  readonly name: string;
  readonly tactic: string;
  /** In an incident: why it was chosen, one sentence. */
  readonly reason?: string;
  /** In an incident: first and last time that its detections were seen, epoch ms. */
  readonly firstMs?: number;
  readonly lastMs?: number;
}

/** A host in an incident, with what is known of it from the traffic alone. */
export interface HostReference {
  readonly address: string;
  readonly home: boolean;
  /** MAC seen with the address, where one was seen. */
  readonly mac?: string;
}

/**
 * What every sentence of a verdict must cite. Ids are unique within the incident: f1, f2 ... for flows, r1, r2 ... for rows of tables,
 * m1, m2 ... for measures, d1, d2 ... for detections.
 */
export type Evidence =
  | { readonly id: string; readonly type: 'flow'; readonly flow: FlowRecord }
  | ({ readonly id: string; readonly type: 'record' } & EvidenceRecord)
  | ({ readonly id: string; readonly type: 'measure'; readonly detection: string } & Reason);

/** A detection inside an incident, with its id and the ids of its evidence instead of the things themselves. */
export type IncidentDetection = Omit<Detection, 'reasons' | 'flows' | 'records' | 'techniques'> & {
  readonly id: string;
  readonly evidence: readonly string[];
};

/** One line of the sum that made the severity, so that a person can follow it. */
export interface SeverityStep {
  /** The rule in plain words. */
  readonly rule: string;
  /** Points that the rule gave or took. */
  readonly points: number;
}

/** Another incident of the same host, or that rests on the same flows, as an incident refers to it. */
export interface RelatedIncident {
  readonly id: string;
  readonly rank: number;
  /** What it is in a few words: 'port scan'. */
  readonly label: string;
  /** What the two have in common: an actor, or flows alone, as where what a client asked for is one incident and that a server answered it is another. */
  readonly shares: 'actor' | 'flow';
}

/** Detections that tell one story: the same actor, the same behaviour, close in time. */
export interface Incident {
  /** Stable: a fingerprint of what happened, so the same capture gives the same ids. `inc-` and 12 hex digits. */
  readonly id: string;
  /** 1 is the most urgent. */
  readonly rank: number;
  readonly severity: Severity;
  /** The sum of the severity steps; what `severity` is read from, and the order within one severity. */
  readonly urgency: number;
  readonly severitySteps: readonly SeverityStep[];
  /** The kind of its leading detection, as in `scan.horizontal`. */
  readonly kind: string;
  /** One plain sentence with the hosts and the reason. No text from the network but addresses. */
  readonly title: string;
  readonly actors: readonly HostReference[];
  /** At most 50, most involved first. */
  readonly peers: readonly HostReference[];
  readonly peerCount: number;
  /**
   * Incidents with an actor in common, at overlapping times or no further apart than what is still one story, and those that show a flow which this one shows, too; most urgent first, at most
   * 10. Absent where there is none. They change nothing but what a reader should look at together.
   */
  readonly related?: readonly RelatedIncident[];
  /** How many there are in truth; absent with `related`. */
  readonly relatedCount?: number;
  readonly techniques: readonly Technique[];
  readonly firstMs: number;
  readonly lastMs: number;
  readonly detections: readonly IncidentDetection[];
  readonly evidence: readonly Evidence[];
  readonly flowCount: number;
  /** How many rows of tables are involved, where the incident rests on such; else absent. */
  readonly recordCount?: number;
  /** What a person said of this very incident. */
  readonly label?: IncidentLabel;
  /** Rules that speak of it and did not hide it, because the behaviour has changed; absent where there is none. */
  readonly notHidden?: readonly { readonly rule: string; readonly changes: readonly string[] }[];
  /** True where the alert budget was used up by more urgent incidents: it is listed, and is no alert. */
  readonly heldBack?: true;
}

export type IncidentLabel = 'benign' | 'malicious';
