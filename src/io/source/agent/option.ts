import type { Table } from '../../../core/index.ts';
import type { DeadLetterFile } from '../../sink/dead-letter.ts';
import type { Timing } from '../../timing.ts';
import type { BatchCounts, EventBatch, MicroBatcherOptions } from '../micro-batch.ts';
import type { RecordTyperOptions } from '../record/index.ts';
import type { Reject } from '../table-source.ts';

/** What a listener is told, and what it tells. */

/** Where agents' token is read from. */
export const LISTEN_TOKEN_VARIABLE = 'ANOMALYST_LISTEN_TOKEN';

export interface ListenAddress {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface ListenerOptions extends Omit<RecordTyperOptions, 'name'> {
  /** JSON records over TCP, one a line. */
  readonly tcp?: ListenAddress | undefined;
  /** POST /records and GET /health. */
  readonly http?: ListenAddress | undefined;
  /** TLS on both, PEM. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** The environment, for the token in ANOMALYST_LISTEN_TOKEN. Default the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Records a second of one peer (an IPv4 address, an IPv6 /64), twice as many at once. Default 10,000. */
  readonly maxRecordsPerSecond?: number | undefined;
  /** Longest line, and record. Default 1 MiB. */
  readonly maxLineBytes?: number | undefined;
  /** Longest body of a request, before and after decompression. Default 8 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Connections in all, and of one peer. Defaults 256 and 32. */
  readonly maxConnections?: number | undefined;
  readonly maxPeerConnections?: number | undefined;
  /** A TCP connection with a token must show it within this time. Default 10 s. */
  readonly authMs?: number | undefined;
  /** A TCP connection that is silent for so long is closed. Default 5 minutes. */
  readonly idleMs?: number | undefined;
  /** A request must be there whole within this time. Default 30 s. */
  readonly requestMs?: number | undefined;
  readonly window?: MicroBatcherOptions | undefined;
  /** Each source has a schema of its own (default), or all records have one together. */
  readonly schemaOf?: 'source' | 'all' | undefined;
  /** Ends the listening by itself. */
  readonly durationMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly deadLetter?: DeadLetterFile | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  readonly timing?: Timing | undefined;
}

/** Records of one source and one stretch of event time, as a table of that source's schema. */
export interface RecordBatch {
  /** The name that the agent gave itself, else its address; 'agents' where all have one schema. */
  readonly source: string;
  readonly kind: 'window' | 'late';
  readonly startMs: number;
  readonly endMs: number;
  readonly closedBy: EventBatch<unknown>['closedBy'];
  readonly table: Table;
}

export interface ListenerStatus extends BatchCounts {
  readonly received: number;
  readonly rejected: number;
  readonly rejects: readonly Reject[];
  /** Requests and connections without the right token. */
  readonly unauthorized: number;
  /** Times that a peer was made to wait, or was told to come again, because of the rate. */
  readonly throttled: number;
  /** Times that a peer had to wait because the reader was slower. */
  readonly pauses: number;
  readonly connections: number;
  readonly connectionsRefused: number;
  readonly bytes: number;
  /** Values with no place in their source's schema: of keys that came later, and of another type. */
  readonly lateValues: number;
  readonly misfits: number;
}

export interface RecordListener extends AsyncIterable<RecordBatch> {
  /** Where it listens, with the port that was taken. */
  readonly tcp: { readonly host: string; readonly port: number } | undefined;
  readonly http: { readonly host: string; readonly port: number } | undefined;
  /** The next batch, undefined at the end. One reader at a time. */
  next(): Promise<RecordBatch | undefined>;
  status(): ListenerStatus;
  /** Takes no more records; what is there still comes. Resolves when the ports are free. */
  stop(): Promise<void>;
}

export const DEFAULT_HOST = '127.0.0.1';
