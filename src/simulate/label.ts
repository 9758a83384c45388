/** Ground truth: what every flow of a simulation is, one line each. */

export interface FlowLabel {
  /** Number of the flow's first frame in the capture, from 1: column `firstFrame` of the flow table. No two flows share it. */
  readonly firstFrame: number;
  /** Milliseconds since 1970 of its first and last packet. */
  readonly startMs: number;
  readonly endMs: number;
  readonly protocol: string;
  readonly initiator: string;
  readonly initiatorPort: number | undefined;
  readonly responder: string;
  readonly responderPort: number | undefined;
  readonly communityId: string | undefined;
  readonly packets: number;
  /** Packets of it that an attack put there. */
  readonly attackPackets: number;
  /** 'benign', or the kind of the attack. A flow with a packet of an attack is that attack's. */
  readonly label: string;
  /** Id of the attack in the scenario; undefined of a benign flow. */
  readonly attack: string | undefined;
}

/** What all labels of a run say beside their own. */
export interface LabelOrigin {
  readonly scenario: string;
  readonly seed: number;
}

const COLUMNS = [
  'firstFrame',
  'startMs',
  'endMs',
  'protocol',
  'initiator',
  'initiatorPort',
  'responder',
  'responderPort',
  'communityId',
  'packets',
  'attackPackets',
  'label',
  'attack',
] as const satisfies readonly (keyof FlowLabel)[];

export const LABEL_FORMATS = ['csv', 'ndjson'] as const;
export type LabelFormat = (typeof LABEL_FORMATS)[number];

/** The first line of a file of labels; none in NDJSON. */
export function labelHeader(format: LabelFormat): string {
  return format === 'csv' ? `${[...COLUMNS, 'scenario', 'seed', 'simulated'].join(',')}\n` : '';
}

/** A label as a line. All its texts are addresses, numbers and names that the scenario's rules keep free of commas and quotes. */
export function labelLine(label: FlowLabel, { scenario, seed }: LabelOrigin, format: LabelFormat): string {
  if (format === 'ndjson') return `${JSON.stringify({ ...label, scenario, seed, simulated: true })}\n`;
  return `${[...COLUMNS.map((name) => label[name] ?? ''), scenario, seed, 'true'].join(',')}\n`;
}

/** Label of record number `line`, from 1. */
export function recordLabelLine(
  line: number,
  label: string,
  { scenario, seed }: LabelOrigin,
  format: LabelFormat,
): string {
  return format === 'ndjson'
    ? `${JSON.stringify({ line, label, scenario, seed, simulated: true })}\n`
    : `${line},${label},${scenario},${seed},true\n`;
}

export function recordLabelHeader(format: LabelFormat): string {
  return format === 'csv' ? 'line,label,scenario,seed,simulated\n' : '';
}
