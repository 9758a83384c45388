import type { Schema, Table } from '../../../core/index.ts';
import { SYSTEM_TIMING, type Timing } from '../../timing.ts';
import { DEFAULT_BATCH_ROWS } from '../table-source.ts';
import { type ArrivedRecord, RecordTyper, type RecordTyperOptions } from './typer.ts';

/** Records that come one by one, as batches for one reader. */

export interface RecordIntakeOptions extends RecordTyperOptions {
  /** Rows of a batch, default 8,192. */
  readonly batchRows?: number | undefined;
  /** A batch is given at the latest so long after its first record came. Default 1,000 ms. */
  readonly batchMs?: number | undefined;
  /** A batch is given when its records took so many bytes. Default 16 MiB. */
  readonly batchBytes?: number | undefined;
  /** Finished batches that wait to be read; with as many the intake is full. Default 4. */
  readonly maxWaiting?: number | undefined;
  readonly timing?: Timing | undefined;
  /** Told of a record that breaks the schema. */
  readonly onFault?: ((arrived: ArrivedRecord, reason: string) => void) | undefined;
  /** Told when an intake that was full has room again. */
  readonly onRoom?: (() => void) | undefined;
}

/**
 * Records on one side, batches of one schema on the other, bounded between: at most `maxWaiting` finished batches and the one that fills. `add` always takes the record; whoever adds asks `full` and stops
 * its sender. One reader at a time.
 */
export class RecordIntake {
  readonly typer: RecordTyper;
  /** Rows given to the reader so far. */
  rows = 0;
  readonly #batchRows: number;
  readonly #batchMs: number;
  readonly #batchBytes: number;
  readonly #maxWaiting: number;
  readonly #timing: Timing;
  readonly #onFault: (arrived: ArrivedRecord, reason: string) => void;
  readonly #onRoom: () => void;
  #open: ArrivedRecord[] = [];
  #openBytes = 0;
  #waiting: Table[] = [];
  #ended = false;
  #cancelTimer: (() => void) | undefined;
  #reader: (() => void) | undefined;
  #due = false;

  constructor(options: RecordIntakeOptions = {}) {
    const {
      batchRows = DEFAULT_BATCH_ROWS,
      batchMs = 1000,
      batchBytes = 1 << 24,
      maxWaiting = 4,
      timing = SYSTEM_TIMING,
    } = options;
    this.typer = new RecordTyper(options);
    this.#batchRows = batchRows;
    this.#batchMs = batchMs;
    this.#batchBytes = batchBytes;
    this.#maxWaiting = maxWaiting;
    this.#timing = timing;
    this.#onFault = options.onFault ?? ((): void => undefined);
    this.#onRoom = options.onRoom ?? ((): void => undefined);
  }

  get full(): boolean {
    return this.#waiting.length >= this.#maxWaiting;
  }

  /** Takes a record that took `bytes` on its way. */
  add(arrived: ArrivedRecord, bytes: number): void {
    if (this.#ended) return;
    this.#open.push(arrived);
    this.#openBytes += bytes;
    if (this.#open.length >= this.#batchRows || this.#openBytes >= this.#batchBytes) this.#close();
    else this.#cancelTimer ??= this.#timing.after(this.#batchMs, () => this.#close());
  }

  #close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    // With no room, the batch that fills may go on filling until the reader comes: the sender is stopped by then.
    if (this.#open.length === 0) return;
    if (this.full && !this.#ended && this.#open.length < this.#batchRows && this.#openBytes < this.#batchBytes) {
      this.#due = true;
      return;
    }
    const open = this.#open;
    this.#open = [];
    this.#openBytes = 0;
    this.#due = false;
    const table = this.typer.tableOf(open, this.#onFault);
    if (table.rowCount > 0) this.#waiting.push(table);
    this.#wake();
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }

  /** No more records come; what waits is still given. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#close();
    this.#wake();
  }

  /** Resolves when a first batch waits, or the end came: then the schema is known, undefined when nothing came at all. */
  async opened(): Promise<Schema | undefined> {
    while (this.typer.schema === undefined && !this.#ended) await this.#news();
    return this.typer.schema;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  /** The next batch, undefined at the end. */
  async take(): Promise<Table | undefined> {
    for (;;) {
      const wasFull = this.full;
      const table = this.#waiting.shift();
      if (table !== undefined) {
        this.rows += table.rowCount;
        if (this.#due) this.#close();
        if (wasFull && !this.full) this.#onRoom();
        return table;
      }
      if (this.#ended) return undefined;
      await this.#news();
    }
  }
}
