/** What a pool and its threads say to each other. All numbers lie in shared memory; nothing is copied but a model that a thread does not have yet. */
export interface Task {
  /** A saved model, when it is another one than that of the task before. */
  readonly model: Uint8Array | undefined;
  readonly names: readonly string[];
  readonly rowCount: number;
  /** Row-major float32. */
  readonly values: SharedArrayBuffer;
  /** Float32 values before the first. */
  readonly from: number;
  /** A float64 for each row, written by whoever takes the row. */
  readonly scores: SharedArrayBuffer;
  /** One int32: rows that are taken. */
  readonly taken: SharedArrayBuffer;
  readonly kind: 'score' | 'raw';
}

/** Rows that a thread takes at a time: small beside the whole, so that all end together, and many of the models' blocks. */
export const CHUNK_ROWS = 4096;

/** What a thread answers when no row is left. */
export interface Answer {
  readonly failure: string | undefined;
}
