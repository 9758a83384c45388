import type { JudgedIncident } from '../analyst/index.ts';
import type { Saturation } from '../detect/index.ts';
import type { BudgetOutcome, FeedbackOutcome, Severity } from '../incident/index.ts';
import type { DeviceSummary } from './device-summary.ts';
import type { DriftSummary } from './drift-summary.ts';

/** Everything that a report shows. No wall-clock time and no machine name in it: the same input gives the same bytes. */
export interface AnalysisResult {
  readonly run: RunSummary;
  /** Oddities by name, most frequent first. */
  readonly oddities: readonly OdditySummary[];
  /** Most urgent first. */
  readonly incidents: readonly JudgedIncident[];
  /** Hosts with the most traffic first, at most 200. */
  readonly hosts: readonly HostSummary[];
  /** Devices of the home network by address, at most 500, and how many there are; absent where nobody looked. */
  readonly devices?: readonly DeviceSummary[];
  readonly deviceCount?: number;
  readonly timeline: Timeline;
  /** What was found out about the table, where rows of a table were analysed and not flows alone. */
  readonly table?: TableSummary;
}

/** A table of any columns, with the features that were measured on it. */
export interface TableSummary {
  readonly rows: number;
  /** Rows that the filters left. */
  readonly kept: number;
  readonly columns: readonly TableColumn[];
  readonly features: readonly TableFeature[];
  readonly filters: readonly {
    readonly name: string;
    readonly mode: 'include' | 'exclude';
    readonly dropped: number;
  }[];
  readonly flags: readonly TableFlag[];
  /** The rows that the model finds strangest, strangest first, at most 20. */
  readonly strangest: readonly StrangeRow[];
  readonly clusters?: ClusterSummary;
}

export interface TableColumn {
  readonly name: string;
  readonly kind: 'float64' | 'int32' | 'string';
  readonly unit: string;
  readonly missing: number;
}

/** One feature over all kept rows; the numbers are absent where it has no value at all. */
export interface TableFeature {
  readonly name: string;
  readonly weight: number;
  readonly missing: number;
  readonly min?: number;
  readonly median?: number;
  readonly max?: number;
}

export interface TableFlag {
  readonly name: string;
  readonly severity: Severity;
  readonly description: string;
  readonly rows: number;
  /** How many of those who act it fired for; 0 where nobody said who acts. */
  readonly entities: number;
}

export interface StrangeRow {
  readonly row: number;
  readonly score: number;
  readonly values: Readonly<Record<string, number | string>>;
  /** What carried the score, largest share first, at most 5. */
  readonly contributions: readonly {
    readonly feature: string;
    readonly value?: number;
    readonly contribution: number;
  }[];
}

/** Groups of rows by Gower's distance and complete linkage. */
export interface ClusterSummary {
  /** Rows that were given a cluster, and those whose distances to each other were all measured. */
  readonly rows: number;
  readonly measured: number;
  /** The cut that is shown first: the widest mean silhouette. */
  readonly best: number;
  readonly cuts: readonly {
    readonly k: number;
    readonly silhouette: number;
    /** By falling size. */
    readonly clusters: readonly {
      readonly label: number;
      readonly size: number;
      readonly silhouette: number;
      /** The row that stands for it. */
      readonly medoid: number;
      readonly influence: readonly { readonly column: string; readonly share: number }[];
    }[];
  }[];
  /** Rows on a plane, at most 1,000: number, place within -0.5..0.5, and the cluster in each cut. */
  readonly map: {
    readonly stress: number;
    readonly points: readonly {
      readonly row: number;
      readonly x: number;
      readonly y: number;
      readonly labels: readonly number[];
    }[];
  };
  /** The upper part of the tree, at most 60 leaves: joins in order of height; leaves are 0 to leaves - 1, join i makes leaves + i. */
  readonly tree: {
    readonly leaves: readonly number[];
    readonly joins: readonly { readonly left: number; readonly right: number; readonly height: number }[];
  };
}

export interface InputSummary {
  /** As the user named it. */
  readonly name: string;
  /** 'pcap', 'pcap (nanoseconds)', 'pcapng', ... or 'unreadable'. */
  readonly format: string;
  /** '', 'gzip', 'zstd' or 'lz4'. */
  readonly compression: string;
  readonly bytes: number;
  readonly packets: number;
  /** Rows that were read, and lines or records that could not be, of an input that is no capture. */
  readonly rows?: number;
  readonly rejected?: number;
  /** True for an input that says of itself that it was made up (`anomalyst simulate`). */
  readonly simulated?: true;
  readonly firstMs?: number;
  readonly lastMs?: number;
  /** 'complete', 'cut' (ended early, what came before was kept), 'failed' (nothing of it could be used). */
  readonly status: 'complete' | 'cut' | 'failed';
  /** Why, where the status is not complete: what and where; for a complete one, that it is still being written. */
  readonly message?: string;
}

export interface RunSummary {
  readonly tool: { readonly name: string; readonly version: string };
  readonly inputs: readonly InputSummary[];
  readonly firstMs?: number;
  readonly lastMs?: number;
  readonly packets: number;
  readonly bytes: number;
  readonly flows: number;
  readonly hosts: number;
  /** Frames that belong to no flow (LLDP, STP, 802.11 management ...), by kind. */
  readonly otherFrames: readonly { readonly kind: string; readonly packets: number }[];
  readonly homeNet: readonly string[];
  readonly seed: number;
  readonly model?: ModelSummary;
  /** How far this input is from what a given model was fitted on; absent for a model that was fitted on the input itself. */
  readonly drift?: DriftSummary;
  /** Why the list of incidents is empty, in one or two sentences; absent when it is not empty. */
  readonly emptyBecause?: string;
  /** What could not be seen in this traffic, each one sentence. */
  readonly blindSpots: readonly string[];
  readonly saturations: readonly Saturation[];
  /** What rules and labels did; absent where there are none. */
  readonly feedback?: FeedbackOutcome;
  /** How the alert budget was used; absent without one. */
  readonly alerts?: BudgetOutcome;
  /** How many incidents there are of each severity. */
  readonly severityCounts: Readonly<Record<Severity, number>>;
}

export interface ModelSummary {
  readonly kind: string;
  /** 'this capture' or the file that was given with --model. */
  readonly fittedOn: string;
  readonly rows: number;
  readonly features: readonly string[];
  readonly checksum: string;
  /** Where it went on learning. */
  readonly learning?: LearningSummary;
}

/** Of a model that learns as it scores, over all windows so far. */
export interface LearningSummary {
  /** Rows that it was shown. */
  readonly rows: number;
  /** Rows that it did not learn because they were strange. */
  readonly leftOut: number;
  /** How often it was fitted anew, or brought to other scales. */
  readonly refits: number;
}

export interface OdditySummary {
  /** Dotted and stable, as in `ipv4.truncated-header`. */
  readonly name: string;
  readonly count: number;
  /** One sentence. */
  readonly meaning: string;
  /** Frame number and input of the first one, where it is a packet's. */
  readonly firstFrame?: number;
  readonly firstInput?: number;
}

export interface HostSummary {
  readonly address: string;
  readonly home: boolean;
  readonly mac?: string;
  readonly flowsOut: number;
  readonly flowsIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Services it answered on, most used first, at most 8, as in 'http/80'. */
  readonly services: readonly string[];
  /** Names it was called by (SNI, Host, DNS), at most 5. Text from the network. */
  readonly names: readonly string[];
}

/** Traffic and incidents over time, at most 240 buckets of equal width. */
export interface Timeline {
  readonly startMs: number;
  readonly bucketMs: number;
  /** What is counted under `flows`, where it is rows of a table; their bytes are all 0. */
  readonly of?: 'rows';
  /** Bytes and flows that began in each bucket. */
  readonly bytes: readonly number[];
  readonly flows: readonly number[];
}
