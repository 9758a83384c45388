import { type Schema, type Table, TableDecoder, TableEncoder, takeRows } from '../core/index.ts';
import type { Feature, FeatureMatrix } from '../feature/index.ts';
import { FLOW_SCHEMA } from '../flow/index.ts';

/** A scratch place for what does not fit into memory: `io` gives a file. */
export interface Scratch {
  append(bytes: Uint8Array): void;
  /** The blocks in order; each is valid until the next is asked for. */
  read(): Iterable<Uint8Array>;
  close(): void;
}

export interface FlowChunk {
  readonly table: Table;
  readonly features: FeatureMatrix;
  /** The arrays of the table are another's, who will write into them again: whoever keeps the table copies it. */
  readonly borrowed?: boolean;
  /** The table as `TableEncoder` wrote it, where it comes from the scratch place: valid as long as the chunk. */
  readonly encoded?: Uint8Array;
}

/** Room for one encoded chunk to begin with: most batches of flows fit. */
const ENCODE_BYTES = 2 << 20;

/**
 * Tables of one schema (flows, unless another is given) with their features, kept until the second pass: in memory up to `memoryRows` rows, where there are more all on disk, so that memory does not grow with the input.
 * When the disk fails, later chunks are refused and counted; what was kept stays readable.
 */
export class FlowStore {
  readonly features: readonly Feature[];
  /** Rows that were refused because the scratch place failed, and why. */
  refusedRows = 0;
  failure: Error | undefined;
  #memory: FlowChunk[] = [];
  #memoryRows = 0;
  #limit: number;
  #open: () => Scratch;
  #schema: Schema;
  #scratch: Scratch | undefined;
  #encoder: TableEncoder | undefined;

  constructor(
    features: readonly Feature[],
    openScratch: () => Scratch,
    memoryRows = 8_192,
    schema: Schema = FLOW_SCHEMA,
  ) {
    this.#schema = schema;
    this.features = features;
    this.#open = openScratch;
    this.#limit = memoryRows;
  }

  /** Whether there was more than fits into memory. */
  get isOnDisk(): boolean {
    return this.#scratch !== undefined;
  }

  /** Keeps a chunk. True when it was copied, so that the caller may use its arrays again; false when the arrays themselves are kept. */
  append(chunk: FlowChunk): boolean {
    if (
      this.#scratch === undefined &&
      this.failure === undefined &&
      this.#memoryRows + chunk.table.rowCount <= this.#limit
    ) {
      const { table, features, borrowed } = chunk;
      this.#memory.push(borrowed === true ? { table: copyOf(table), features } : chunk);
      this.#memoryRows += chunk.table.rowCount;
      return false;
    }
    if (this.failure === undefined) {
      try {
        this.#scratch ??= this.#open();
        this.#encoder ??= new TableEncoder(ENCODE_BYTES);
        for (let first = this.#memory[0]; first !== undefined; first = this.#memory[0]) {
          this.#write(first, this.#scratch, this.#encoder);
          this.#memory.shift();
        }
        this.#write(chunk, this.#scratch, this.#encoder);
        return true;
      } catch (error) {
        this.failure = error instanceof Error ? error : new Error(String(error));
      }
    }
    this.refusedRows += chunk.table.rowCount;
    return true;
  }

  /** One block: the features first, whose length the row count tells, then the table; both begin at multiples of 8. */
  #write({ table, features: { values } }: FlowChunk, scratch: Scratch, encoder: TableEncoder): void {
    const block = encoder.encode(table, 8 + align(values.byteLength));
    new Uint32Array(block.buffer, 0, 2).set([table.rowCount, 0]);
    new Float32Array(block.buffer, 8, values.length).set(values);
    scratch.append(block);
  }

  /** All chunks in the order in which they came. A chunk is valid until the next is asked for. */
  *chunks(): Generator<FlowChunk> {
    // What still lies in memory where there is a scratch place is what a failing disk did not take.
    if (this.#scratch !== undefined) yield* this.#stored(this.#scratch);
    yield* this.#memory;
  }

  *#stored(scratch: Scratch): Generator<FlowChunk> {
    this.#encoder = undefined;
    const decoder = new TableDecoder(this.#schema);
    for (const block of scratch.read()) {
      const rowCount = new Uint32Array(block.buffer, block.byteOffset, 2)[0] ?? 0;
      const values = new Float32Array(block.buffer, block.byteOffset + 8, rowCount * this.features.length);
      const encoded = block.subarray(8 + align(values.byteLength));
      const table = decoder.decode(encoded);
      yield { table, features: { features: this.features, rowCount, values }, borrowed: true, encoded };
    }
  }

  close(): void {
    this.#scratch?.close();
    this.#memory = [];
  }
}

/** The same rows in arrays of their own. */
export function copyOf(table: Table): Table {
  return takeRows(
    table,
    Int32Array.from({ length: table.rowCount }, (_, row) => row),
  );
}

function align(n: number): number {
  return (n + 7) & ~7;
}
