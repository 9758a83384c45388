/**
 * How often a detector is right when it leads an incident: a share, kept as two counts so that labels can move it (Beta-Bernoulli). The prior is what
 * was measured on captures and logs whose truth is known (docs/incidents.md has the counts and the command), smoothed by one right and one wrong, and worth
 * `PRIOR_LABELS` labels, so that a handful of labels is felt and no single one turns a detector round.
 */
export interface Reliability {
  readonly detector: string;
  /** Share that was measured before any label; 0 to 1. */
  readonly prior: number;
  /** The share with the labels; equal to `prior` where there are none. */
  readonly now: number;
  /** Labelled incidents that it led or had a part in. */
  readonly malicious: number;
  readonly benign: number;
}

/** What the measured share weighs, in labels. */
export const PRIOR_LABELS = 8;
/** Labels of one detector that count; of more the latest. */
export const MAX_COUNTED_LABELS = 40;
/** Of what nobody has measured (plugins, flags, other sensors). */
const UNKNOWN_PRIOR = 0.5;

/**
 * Incidents that the detector led, of those of which the truth is known: right (of the attack that the capture is known for), wrong (low or more, in benign
 * traffic). What happened by chance beside a known attack counts as neither.
 */
export const MEASURED: Readonly<Record<string, readonly [right: number, wrong: number]>> = {
  beacon: [4, 5],
  'brute-force': [1, 0],
  'cleartext-login': [0, 4],
  dga: [2, 0],
  'dns-tunnel': [2, 0],
  exfiltration: [1, 0],
  flood: [1, 0],
  'lateral-movement': [5, 0],
  'long-connection': [8, 12],
  mining: [3, 0],
  'protocol-mismatch': [1, 0],
  scan: [12, 0],
  'suspicious-tls': [1, 0],
};

/** The measured share of a detector, smoothed: (right + 1) / (right + wrong + 2). */
export function priorReliability(detector: string): number {
  const counts = MEASURED[detector];
  if (counts === undefined) return UNKNOWN_PRIOR;
  const [right, wrong] = counts;
  return (right + 1) / (right + wrong + 2);
}

/** @param labels of incidents in which the detector had a part, latest last. */
export function reliabilityOf(detector: string, labels: readonly ('malicious' | 'benign')[]): Reliability {
  const prior = priorReliability(detector);
  const counted = labels.slice(-MAX_COUNTED_LABELS);
  const malicious = counted.filter((label) => label === 'malicious').length;
  const benign = counted.length - malicious;
  const now = (PRIOR_LABELS * prior + malicious) / (PRIOR_LABELS + counted.length);
  return { detector, prior, now, malicious, benign };
}

/** Points that labels give or take: 40 x (share now - share measured), as the score has them, at least -20 and at most 10. */
export function reliabilityPoints({ prior, now }: Reliability): number {
  return Math.max(-20, Math.min(10, Math.round(40 * (now - prior)))) + 0;
}
