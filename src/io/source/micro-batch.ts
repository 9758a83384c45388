/**
 * Tumbling windows of event time over records that come out of order: what turns a stream of agents' records into batches that mean a stretch of time. Pure: it is told the time, and keeps no timer.
 *
 * Each source has a watermark of its own, the latest event time seen from it less `latenessMs` (Akidau et al. 2015, "The Dataflow Model"): the promise that nothing earlier is expected. A window closes when
 * the watermark reaches its end, so one agent with a slow clock holds nobody up. A source that falls silent is closed by the clock on the wall (`tick`). What comes after its window has closed is
 * late, and what claims to be from the future by more than `maxAheadMs` would close windows that are still filling; neither is lost: they gather in a batch of kind 'late', or go back to the caller.
 *
 * Memory is bounded by `maxItems` and `maxBytes` over everything held. At three quarters of that `full` says so, the oldest open window of all is closed early (counted), and senders should be made to
 * wait until somebody takes it; at the bound itself items are refused. New sources beyond `maxSources` take the place of one that was silent for `forgetMs`, and are refused where there is none.
 */
export interface MicroBatcherOptions {
  /** Length of a window. Default 10 s. Windows begin at multiples of it since 1970. */
  readonly windowMs?: number | undefined;
  /** How much later than the latest record an earlier one may come. Default 5 s. */
  readonly latenessMs?: number | undefined;
  /** A source that is silent for so long has its windows closed. Default windowMs + latenessMs. */
  readonly idleMs?: number | undefined;
  /** How far before the clock an event time may be. Default 5 minutes. */
  readonly maxAheadMs?: number | undefined;
  readonly maxItems?: number | undefined;
  readonly maxBytes?: number | undefined;
  readonly maxSources?: number | undefined;
  readonly forgetMs?: number | undefined;
  /** 'batch' (default) gathers late items in batches of their own; 'return' leaves them to the caller. */
  readonly late?: 'batch' | 'return' | undefined;
  /** Told of a source that was forgotten to make room. */
  readonly onForget?: ((source: string) => void) | undefined;
}

export interface EventBatch<T> {
  readonly source: string;
  readonly kind: 'window' | 'late';
  /** The window, epoch ms, end excluded; of a late batch, the times of its earliest item and just behind its latest. */
  readonly startMs: number;
  readonly endMs: number;
  /** What closed it: the watermark, the silence of the source, the bound of memory, or the end. */
  readonly closedBy: 'watermark' | 'silence' | 'memory' | 'end';
  /** In the order in which they came. */
  readonly items: readonly T[];
}

/** 'late' and 'ahead' were taken too where `late` is 'batch', and not where it is 'return'. */
export type BatchAnswer = 'taken' | 'late' | 'ahead' | 'refused';

export interface BatchCounts {
  readonly taken: number;
  readonly late: number;
  readonly ahead: number;
  readonly refused: number;
  /** Windows that memory closed before their time. */
  readonly closedEarly: number;
  readonly sourcesRefused: number;
}

interface Open<T> {
  startMs: number;
  endMs: number;
  items: T[];
  bytes: number;
}

interface SourceState<T> {
  readonly name: string;
  /** Latest event time, -Infinity before the first. */
  latestMs: number;
  /** Windows up to here are closed. */
  closedUntilMs: number;
  lastSeenMs: number;
  readonly windows: Map<number, Open<T>>;
  late: Open<T> | undefined;
  lateSinceMs: number;
}

export class MicroBatcher<T> {
  readonly windowMs: number;
  readonly latenessMs: number;
  readonly #idleMs: number;
  readonly #maxAheadMs: number;
  readonly #maxItems: number;
  readonly #maxBytes: number;
  readonly #maxSources: number;
  readonly #forgetMs: number;
  readonly #late: 'batch' | 'return';
  readonly #onForget: (source: string) => void;
  #sources = new Map<string, SourceState<T>>();
  #ready: { readonly batch: EventBatch<T>; readonly bytes: number }[] = [];
  #items = 0;
  #bytes = 0;
  #counts = { taken: 0, late: 0, ahead: 0, refused: 0, closedEarly: 0, sourcesRefused: 0 };

  constructor(options: MicroBatcherOptions = {}) {
    const { windowMs = 10_000, latenessMs = 5000 } = options;
    if (!(windowMs > 0) || !(latenessMs >= 0))
      throw new RangeError('a window is longer than 0 ms, a lateness at least 0');
    this.windowMs = windowMs;
    this.latenessMs = latenessMs;
    this.#idleMs = options.idleMs ?? windowMs + latenessMs;
    this.#maxAheadMs = options.maxAheadMs ?? 300_000;
    this.#maxItems = options.maxItems ?? 500_000;
    this.#maxBytes = options.maxBytes ?? 128 << 20;
    this.#maxSources = options.maxSources ?? 256;
    this.#forgetMs = options.forgetMs ?? 3_600_000;
    this.#late = options.late ?? 'batch';
    this.#onForget = options.onForget ?? ((): void => undefined);
  }

  /** Items held, in open windows and in batches that nobody took yet. */
  get heldItems(): number {
    return this.#items;
  }

  /** What they weigh. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** True when senders should wait until somebody takes what is ready. */
  get full(): boolean {
    return 4 * this.#items >= 3 * this.#maxItems || 4 * this.#bytes >= 3 * this.#maxBytes;
  }

  counts(): BatchCounts {
    return { ...this.#counts };
  }

  /**
   * Takes an item that weighs `bytes`.
   * @param timeMs event time; undefined takes the time of arrival.
   * @param nowMs time of arrival, epoch ms.
   */
  add(source: string, item: T, bytes: number, timeMs: number | undefined, nowMs: number): BatchAnswer {
    const state = this.#sourceOf(source, nowMs);
    if (state === undefined) {
      this.#counts.refused++;
      return 'refused';
    }
    state.lastSeenMs = nowMs;
    if (this.#items >= this.#maxItems || this.#bytes + bytes > this.#maxBytes) {
      this.#closeOldest();
      this.#counts.refused++;
      return 'refused';
    }
    const at = timeMs ?? nowMs;
    const start = Math.floor(at / this.windowMs) * this.windowMs;
    const ahead = at > nowMs + this.#maxAheadMs;
    if (ahead || start + this.windowMs <= state.closedUntilMs) {
      this.#counts[ahead ? 'ahead' : 'late']++;
      if (this.#late === 'batch') {
        if (state.late === undefined) {
          state.late = { startMs: at, endMs: at, items: [], bytes: 0 };
          state.lateSinceMs = nowMs;
        }
        state.late.startMs = Math.min(state.late.startMs, at);
        state.late.endMs = Math.max(state.late.endMs, at);
        this.#put(state.late, item, bytes);
      }
      return ahead ? 'ahead' : 'late';
    }
    let window = state.windows.get(start);
    if (window === undefined) {
      window = { startMs: start, endMs: start + this.windowMs, items: [], bytes: 0 };
      state.windows.set(start, window);
    }
    this.#put(window, item, bytes);
    this.#counts.taken++;
    if (at > state.latestMs) {
      state.latestMs = at;
      this.#closeUntil(state, at - this.latenessMs, 'watermark');
    }
    return 'taken';
  }

  #put(open: Open<T>, item: T, bytes: number): void {
    open.items.push(item);
    open.bytes += bytes;
    this.#items++;
    this.#bytes += bytes;
    if (this.full) this.#closeOldest();
  }

  #sourceOf(name: string, nowMs: number): SourceState<T> | undefined {
    let state = this.#sources.get(name);
    if (state !== undefined) return state;
    if (this.#sources.size >= this.#maxSources) {
      let oldest: SourceState<T> | undefined;
      for (const each of this.#sources.values())
        if (each.windows.size === 0 && each.late === undefined && each.lastSeenMs < (oldest?.lastSeenMs ?? Infinity))
          oldest = each;
      if (oldest === undefined || nowMs - oldest.lastSeenMs < this.#forgetMs) {
        this.#counts.sourcesRefused++;
        return undefined;
      }
      this.#sources.delete(oldest.name);
      this.#onForget(oldest.name);
    }
    state = {
      name,
      latestMs: -Infinity,
      closedUntilMs: -Infinity,
      lastSeenMs: nowMs,
      windows: new Map(),
      late: undefined,
      lateSinceMs: 0,
    };
    this.#sources.set(name, state);
    return state;
  }

  /** Closes the windows that end at `untilMs` or before, in order of time. */
  #closeUntil(state: SourceState<T>, untilMs: number, closedBy: EventBatch<T>['closedBy']): void {
    if (untilMs > state.closedUntilMs) state.closedUntilMs = untilMs;
    // Nearly always there is one window, or two.
    const due = [...state.windows.values()].filter(({ endMs }) => endMs <= untilMs);
    for (const window of due.sort((a, b) => a.startMs - b.startMs)) this.#close(state, window, closedBy);
  }

  #close(state: SourceState<T>, window: Open<T>, closedBy: EventBatch<T>['closedBy']): void {
    state.windows.delete(window.startMs);
    const { startMs, endMs, items, bytes } = window;
    if (endMs > state.closedUntilMs) state.closedUntilMs = endMs;
    this.#ready.push({ batch: { source: state.name, kind: 'window', startMs, endMs, closedBy, items }, bytes });
  }

  #closeLate(state: SourceState<T>, closedBy: EventBatch<T>['closedBy']): void {
    if (state.late === undefined) return;
    const { startMs, endMs, items, bytes } = state.late;
    state.late = undefined;
    this.#ready.push({
      batch: { source: state.name, kind: 'late', startMs, endMs: endMs + 1, closedBy, items },
      bytes,
    });
  }

  /** Closes the oldest of all windows where nothing is ready to be taken: whoever takes it makes room. */
  #closeOldest(): void {
    if (this.#ready.length > 0) return;
    let oldest: { state: SourceState<T>; window: Open<T> } | undefined;
    for (const state of this.#sources.values())
      for (const window of state.windows.values())
        if (oldest === undefined || window.startMs < oldest.window.startMs) oldest = { state, window };
    if (oldest !== undefined) {
      this.#close(oldest.state, oldest.window, 'memory');
      this.#counts.closedEarly++;
    } else for (const state of this.#sources.values()) this.#closeLate(state, 'memory');
  }

  /** Tells the clock on the wall: closes windows of sources that fell silent, and late batches that waited for a window's length. Call it about once a second. */
  tick(nowMs: number): void {
    for (const state of this.#sources.values()) {
      if (state.windows.size > 0 && nowMs - state.lastSeenMs >= this.#idleMs)
        this.#closeUntil(state, Infinity, 'silence');
      // Silence closed what there was; it must not make everything that comes now late.
      if (state.closedUntilMs === Infinity) state.closedUntilMs = this.#windowEnd(state.latestMs);
      if (state.late !== undefined && nowMs - state.lateSinceMs >= this.windowMs) this.#closeLate(state, 'silence');
    }
    if (this.full) this.#closeOldest();
  }

  #windowEnd(timeMs: number): number {
    return (Math.floor(timeMs / this.windowMs) + 1) * this.windowMs;
  }

  /** Closes everything. */
  end(): void {
    for (const state of this.#sources.values()) {
      this.#closeUntil(state, Infinity, 'end');
      this.#closeLate(state, 'end');
    }
  }

  /** The next closed batch, undefined where none is ready. */
  take(): EventBatch<T> | undefined {
    const next = this.#ready.shift();
    if (next === undefined) return undefined;
    this.#items -= next.batch.items.length;
    this.#bytes -= next.bytes;
    return next.batch;
  }
}
