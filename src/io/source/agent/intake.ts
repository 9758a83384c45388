import { createHash, timingSafeEqual } from 'node:crypto';
import { counted, type Table, UserError } from '../../../core/index.ts';
import { SYSTEM_TIMING, type Timing } from '../../timing.ts';
import { type EventBatch, MicroBatcher } from '../micro-batch.ts';
import { type ArrivedRecord, eventTime, type JsonObject, RecordTyper, shallowJson } from '../record/index.ts';
import { MAX_REJECTS_SHOWN, type Reject } from '../table-source.ts';
import { LISTEN_TOKEN_VARIABLE, type ListenerOptions, type ListenerStatus, type RecordBatch } from './option.ts';
import { PeerLimiter } from './peer.ts';

/** Records from whatever brought them, to tables of event-time windows: who may send, what was taken, what was refused. */

const MIN_TOKEN = 16;
const TICK_MS = 1000;

/** A name that an agent may give itself. */
export const SOURCE_NAME = /^[\w.:@/-]{1,128}$/;

export class Intake {
  readonly options: ListenerOptions;
  readonly timing: Timing;
  /** Records a second that a peer may send. */
  readonly rate: number;
  readonly limiter: PeerLimiter;
  /** Ten wrong tokens at once, then one a second. */
  readonly wrong = new PeerLimiter(1, 10);
  /** Those who wait until there is room again. */
  readonly waiting = new Set<() => void>();
  counts = {
    received: 0,
    rejected: 0,
    unauthorized: 0,
    throttled: 0,
    pauses: 0,
    connections: 0,
    connectionsRefused: 0,
    bytes: 0,
  };
  ended = false;
  readonly #onBroken: () => void;
  readonly #token: Buffer | undefined;
  readonly #batcher: MicroBatcher<ArrivedRecord>;
  readonly #typers = new Map<string, RecordTyper>();
  readonly #rejects: Reject[] = [];
  #reader: (() => void) | undefined;
  readonly #cancels = new Set<() => void>();

  /** @param onBroken the dead letters can't be written. */
  constructor(options: ListenerOptions, onBroken: () => void) {
    this.#onBroken = onBroken;
    this.options = options;
    this.timing = options.timing ?? SYSTEM_TIMING;
    this.rate = options.maxRecordsPerSecond ?? 10_000;
    this.limiter = new PeerLimiter(this.rate, 2 * this.rate);
    this.#batcher = new MicroBatcher({
      ...options.window,
      onForget: (source) => {
        this.#typers.delete(source);
        options.window?.onForget?.(source);
      },
    });
    const token = (options.env ?? process.env)[LISTEN_TOKEN_VARIABLE];
    if (token !== undefined && token !== '' && token.length < MIN_TOKEN)
      throw new UserError(
        `the token in ${LISTEN_TOKEN_VARIABLE} has ${counted(token.length, 'character')}`,
        `give ${MIN_TOKEN} or more, as from: openssl rand -hex 16`,
      );
    this.#token = token === undefined || token === '' ? undefined : digest(token);
  }

  /** Whether agents have to show a token. */
  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** Whether there is no room until the reader has taken a batch. */
  get full(): boolean {
    return this.#batcher.full;
  }

  matches(token: string): boolean {
    return this.#token === undefined || timingSafeEqual(digest(token), this.#token);
  }

  after(ms: number, run: () => void): () => void {
    const cancel = this.timing.after(ms, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  /** Lets time pass for windows that nothing comes for. */
  tick(): void {
    this.after(TICK_MS, () => {
      this.#batcher.tick(this.timing.now());
      this.#wake();
      this.tick();
    });
  }

  /** Takes a record; false where there is no room for it or its source, which is a dead letter then. */
  take(peer: string, record: JsonObject, bytes: number, line: number): boolean {
    if (this.ended) return false;
    const source = this.options.schemaOf === 'all' ? 'agents' : peer;
    const now = this.timing.now();
    const taken = this.#batcher.add(
      source,
      { record, arrivalMs: now, line, agent: peer },
      // What a parsed record takes beside its text.
      2 * bytes + 200,
      eventTime(record, this.options.timeField),
      now,
    );
    this.counts.received++;
    if (taken === 'refused')
      this.#bury(peer, line, Buffer.from(shallowJson(record)), 'no room for more records or sources');
    else if (taken !== 'taken' && this.options.window?.late === 'return')
      this.#bury(
        peer,
        line,
        Buffer.from(shallowJson(record)),
        `its time is ${taken === 'late' ? 'too late' : 'in the future'}`,
      );
    this.#wake();
    return taken !== 'refused';
  }

  reject(source: string, line: number, bytes: Uint8Array, reason: string): void {
    this.counts.rejected++;
    if (this.#rejects.length < MAX_REJECTS_SHOWN) this.#rejects.push({ line, reason, bytes: bytes.slice(0, 1024) });
    this.#bury(source, line, bytes, reason);
  }

  #bury(source: string, line: number, bytes: Uint8Array, reason: string): void {
    const { deadLetter, onNote } = this.options;
    if (deadLetter === undefined) return;
    try {
      deadLetter.add({ timeMs: this.timing.now(), source, line, reason, bytes });
    } catch (error) {
      onNote?.(error instanceof Error ? error.message : String(error));
      this.#onBroken();
    }
  }

  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }

  async next(): Promise<RecordBatch | undefined> {
    for (;;) {
      const batch = this.#batcher.take();
      if (batch !== undefined) {
        const table = this.#tableOf(batch);
        if (!this.#batcher.full) {
          const waiting = [...this.waiting];
          this.waiting.clear();
          for (const resume of waiting) resume();
        }
        if (table.rowCount === 0) continue;
        const { source, kind, startMs, endMs, closedBy } = batch;
        return { source, kind, startMs, endMs, closedBy, table };
      }
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#reader = resolve;
      });
    }
  }

  #tableOf(batch: EventBatch<ArrivedRecord>): Table {
    let typer = this.#typers.get(batch.source);
    if (typer === undefined) {
      typer = new RecordTyper(this.options);
      this.#typers.set(batch.source, typer);
    }
    return typer.tableOf(batch.items, ({ record, line }, reason) =>
      this.reject(batch.source, line, Buffer.from(shallowJson(record)), reason),
    );
  }

  status(): ListenerStatus {
    let lateValues = 0;
    let misfits = 0;
    for (const typer of this.#typers.values()) {
      const counts = typer.counts();
      lateValues += counts.lateValues;
      misfits += counts.misfits;
    }
    return { ...this.#batcher.counts(), ...this.counts, rejects: this.#rejects, lateValues, misfits };
  }

  /** Takes no more; what is there still comes out of `next`. */
  end(): void {
    this.ended = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#batcher.end();
    this.#wake();
  }
}

/** SHA-256, so that texts of any length are compared in the same time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
