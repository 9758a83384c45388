import type { Table } from '../../core/index.ts';
import type { TableSource } from './table-source.ts';

/**
 * A source without an end, cut into stretches of wall-clock time: each stretch is a source of its own, which ends when its time is over and leaves the rest to the next. A batch that comes in time belongs to
 * its stretch whole, and so does the one that is on its way when the time is over belong to the next. Counts, bytes and rejected lines are those of the stretch.
 */
export class SourceWindows {
  readonly #source: TableSource;
  readonly #now: () => number;
  #pending: Promise<Table | undefined> | undefined;
  #ended = false;

  /** @param now epoch ms */
  constructor(source: TableSource, now: () => number = Date.now) {
    this.#source = source;
    this.#now = now;
  }

  /** Whether the source itself has come to its end. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The rows that come until `endMs`. Closing the stretch does not close the source. */
  until(endMs: number): TableSource {
    const source = this.#source;
    const before = source.status();
    const bytesBefore = source.bytesTaken();
    let rows = 0;
    return {
      name: source.name,
      format: source.format,
      compression: source.compression,
      totalBytes: undefined,
      get rejectNoun() {
        return source.rejectNoun ?? 'line';
      },
      schema: source.schema,
      gives: source.gives,
      read: async () => {
        const table = await this.#next(endMs);
        rows += table?.rowCount ?? 0;
        return table;
      },
      bytesTaken: () => source.bytesTaken() - bytesBefore,
      status: () => {
        const status = source.status();
        return {
          ...status,
          rows,
          rejected: status.rejected - before.rejected,
          rejects: status.rejects.slice(before.rejects.length),
        };
      },
      ...(source.stop === undefined ? {} : { stop: async () => source.stop?.() }),
      close: () => undefined,
    };
  }

  close(): void {
    this.#source.close();
  }

  async #next(endMs: number): Promise<Table | undefined> {
    if (this.#ended) return undefined;
    const left = endMs - this.#now();
    // A source that always has something at hand would win every race.
    if (left <= 0) return undefined;
    this.#pending ??= this.#source.read();
    const pending = this.#pending;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<typeof OVER>((resolve) => {
      timer = setTimeout(() => resolve(OVER), left);
    });
    const first = await Promise.race([pending, over]);
    clearTimeout(timer);
    if (first === OVER) return undefined;
    this.#pending = undefined;
    if (first === undefined) this.#ended = true;
    return first;
  }
}

const OVER = Symbol('over');
