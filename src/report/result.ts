import type { JudgedIncident } from '../analyst/index.ts';
import type { Saturation } from '../detect/index.ts';
import type { Severity } from '../incident/index.ts';

/** Everything that a report shows. No wall-clock time and no machine name in it: the same input gives the same bytes. */
export interface AnalysisResult {
  readonly run: RunSummary;
  /** Oddities by name, most frequent first. */
  readonly oddities: readonly OdditySummary[];
  /** Most urgent first. */
  readonly incidents: readonly JudgedIncident[];
  /** Hosts with the most traffic first, at most 200. */
  readonly hosts: readonly HostSummary[];
  readonly timeline: Timeline;
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
  /** Why the list of incidents is empty, in one or two sentences; absent when it is not empty. */
  readonly emptyBecause?: string;
  /** What could not be seen in this traffic, each one sentence. */
  readonly blindSpots: readonly string[];
  readonly saturations: readonly Saturation[];
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
  /** Bytes and flows that began in each bucket. */
  readonly bytes: readonly number[];
  readonly flows: readonly number[];
}
