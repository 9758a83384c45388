import type { Schema, Table } from '../../core/index.ts';
import type { SensorAlert } from '../../detect/index.ts';
import type { OddityCounter } from '../../wire/index.ts';

/**
 * Rows of one input, in batches: what logs, tables, collectors and streams are read through, as `ByteSource` is for captures. Every batch has the same schema, known once the
 * source is open. A source that maps to flows gives `FLOW_SCHEMA`, and says in `gives` which of its columns it can fill at all; every other source has a schema of its own.
 */
export interface TableSource {
  /** As the user named it; '-' is standard input. */
  readonly name: string;
  /** What it turned out to be: 'csv', 'zeek-conn', 'eve', 'netflow-v9' ... */
  readonly format: string;
  /** '', 'gzip', 'zstd' or 'lz4'. */
  readonly compression: string;
  /** Size of the file on disk, undefined for a stream. */
  readonly totalBytes: number | undefined;
  /** What is counted as rejected, in the singular; 'line' without it. */
  readonly rejectNoun?: string;
  readonly schema: Schema;
  /** Names of the columns that this source can give. The others are missing in every row, and what depends on them does not run. */
  readonly gives: ReadonlySet<string>;
  /** The next batch, of one row or more, undefined at the end. Rejects with a UserError when the world fails before anything was read; what was read before damage is kept. */
  read(): Promise<Table | undefined>;
  /** Bytes taken from the input so far, before decompression. */
  bytesTaken(): number;
  /** What was read so far. */
  status(): TableStatus;
  /** What another sensor says in this input that it found, so far. */
  alerts?(): readonly SensorAlert[];
  /** Ends a source that has no end of its own; what is on its way still comes, then the end. */
  stop?(): Promise<void>;
  close(): void;
}

export interface TableStatus {
  /** Rows given so far, and lines or records that could not be read. */
  readonly rows: number;
  readonly rejected: number;
  /** The first of the rejected ones, at most `MAX_REJECTS_SHOWN`. */
  readonly rejects: readonly Reject[];
  /** 'whole', or 'cut' where the input ended within a record or in damage. */
  readonly state: 'whole' | 'cut';
  /** What there is to say about the state, in a sentence without the name of the input. */
  readonly message?: string;
}

/** A line or record that could not be read. */
export interface Reject {
  /** From 1: the line in the decompressed text, or the number of the record where there are no lines. */
  readonly line: number;
  /** Why, in a few words, with the column where it is about one. */
  readonly reason: string;
  /** The line itself, at most 1,024 bytes of it. Bytes from outside: escaped wherever it goes. */
  readonly bytes: Uint8Array;
}

export const MAX_REJECTS_SHOWN = 20;

/** Type of a column where the user states it instead of leaving it to inference. */
export type ColumnType = 'number' | 'integer' | 'text' | 'time' | 'boolean';

export interface TableOpenOptions {
  readonly oddities: OddityCounter;
  /** Told of every rejected line, so that it can be kept in a file. */
  readonly onReject?: ((reject: Reject) => void) | undefined;
  /** Types that the user states, by column name. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined;
  /** Rows of a batch, default 8,192. */
  readonly batchRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_BATCH_ROWS = 8192;
/** A longer line is rejected, whatever stands in it; it is never held whole. */
export const MAX_LINE_BYTES = 1 << 20;
