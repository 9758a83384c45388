import type { Table } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import type { ArpView, FlowColumnName, FlowRecord } from '../flow/index.ts';
import type { Baseline } from './baseline/baseline.ts';
import type { ThreatLists } from './threat/parse.ts';

/**
 * One number that speaks for a detection, with what it was compared with. A reason is computed by code and becomes an evidence item of its own,
 * so that every sentence about the detection can cite it.
 */
export interface Reason {
  /** Dotted and stable: `scan.targets`, `beacon.interval-median`. */
  readonly name: string;
  readonly value: number | string;
  /** 'hosts', 'ms', 'ratio', ... '' where none. */
  readonly unit: string;
  /** What the value was compared with, where there is such a bound. */
  readonly threshold?: number;
  /** Share of the score that this reason carried, where the score is a sum of shares. */
  readonly contribution?: number;
  /** A plain sentence, e.g. "It tried 64 different hosts on port 445 within 12.8 s." Text from the network never enters here. */
  readonly sentence: string;
}

/** A flow kept as evidence, bounded per detection; the flows are the ones a person would want to look at first. */
export type EvidenceFlow = FlowRecord;

/**
 * What a detector found: who did what to whom, when, how sure, and why.
 * `kind` is dotted, `<detector>.<what>`, and chooses the words of the analyst and the ATT&CK technique.
 */
export interface Detection {
  readonly kind: string;
  readonly detector: string;
  /** Address of the host whose behaviour this is. */
  readonly actor: string;
  /** Addresses on the other side, most involved first, at most 50. */
  readonly peers: readonly string[];
  /** How many there are in truth. */
  readonly peerCount: number;
  /** The responder port the behaviour is about, where it is about one. */
  readonly port?: number;
  readonly protocol?: string;
  readonly service?: string;
  /** Epoch ms of the first and the last flow involved. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** 0 ordinary to 1 strange, finite: how sure the detector is, see its header for how it is computed. */
  readonly score: number;
  readonly reasons: readonly Reason[];
  /** Ids of ATT&CK techniques that the author of a flag, or of another sensor's rule, names: T1046, T1110.001. */
  readonly techniques?: readonly string[];
  /** At most `MAX_EVIDENCE_FLOWS`, in order of start time then id. */
  readonly flows: readonly EvidenceFlow[];
  /** How many flows are involved in truth. */
  readonly flowCount: number;
  /** What the detection rests on where that is rows of a table and no flows: at most `MAX_EVIDENCE_FLOWS`, in order of the rows. */
  readonly records?: readonly EvidenceRecord[];
  /** How many rows are involved in truth; absent with `records`. */
  readonly recordCount?: number;
}

/** A row of a table that is no flow, kept as evidence: its columns by name, missing ones absent. Texts are from outside. */
export interface EvidenceRecord {
  /** Number of the row in the run, from 1, in the order in which rows were read. */
  readonly row: number;
  readonly values: Readonly<Record<string, number | string>>;
}

export const MAX_EVIDENCE_FLOWS = 20;
export const MAX_PEERS = 50;

/** A state map that reached its cap while the detector ran: what was refused, and how often. Reported under "what could not be seen". */
export interface Saturation {
  readonly detector: string;
  readonly what: string;
  readonly cap: number;
  readonly refused: number;
}

/** What a detector is told about the network. */
export interface NetworkContext {
  /** True for addresses of the home network. */
  readonly isHome: (address: string) => boolean;
  /** Who claims which address by ARP, where packets are read; it fills while they are. */
  readonly arp?: ArpView;
  /** What the network is supposed to hold, where somebody has written it down. */
  readonly baseline?: Baseline;
  /** Lists of what others know to be hostile, where the user gave any. */
  readonly threats?: ThreatLists;
}

/**
 * A detector sees every flow batch once, in the order in which flows ended, with the features of the same rows, and says at the end what it found.
 * State is bounded whatever the traffic does. `finish` may be called once; its result is in a stable order.
 */
export interface Detector {
  readonly id: string;
  observe(flows: Table, features: FeatureMatrix): void;
  finish(): Detection[];
  /** Caps that were reached, for the report. */
  saturations(): Saturation[];
}

/** One line of the table in `detect/index.ts`: what `anomalyst explain` and the reference page show. */
export interface DetectorInfo {
  readonly id: string;
  readonly kinds: readonly string[];
  /** Flow columns without which it sees nothing: from a source that can't give one of them it does not run. */
  readonly needs: readonly FlowColumnName[];
  /** Flow columns of which one is enough: from a source that gives none of them it does not run. */
  readonly needsOneOf?: readonly FlowColumnName[];
  /** True where it sees nothing without a baseline: without one it does not run. */
  readonly needsBaseline?: true;
  /** True where it sees nothing without threat lists: without any it does not run. */
  readonly needsLists?: true;
  /** What it sees, in one sentence. */
  readonly sees: string;
  /** What fools it. */
  readonly fooledBy: string;
  /** Cost in time and memory. */
  readonly cost: string;
  /** Paper, tool or measurement that it follows. */
  readonly source: string;
}
