import { NarrowColumn } from '../bounded/number-column.ts';
import { NONE } from '../bounded/pair.ts';

/** The identifier of a flow that has none: those are counted from 1. */
const NO_ID = -(2 ** 31);
/** Rows of a page: a power of two. */
const PAGE_BITS = 12;
const PAGE_ROWS = 1 << PAGE_BITS;
const ROW_MASK = PAGE_ROWS - 1;

/**
 * Connections of all pairs in columns, 22 bytes each. The columns are cut into pages, so that nothing is copied when there are more. The connections of a pair are a list; those that were given up are
 * used again.
 */
export class BeaconConnections {
  readonly #hasManyNames: boolean;
  readonly #pages: Page[] = [];
  #used = 0;
  #free = NONE;

  /** @param names how many names there are at the most. */
  constructor(names: number) {
    this.#hasManyNames = names >= 2 ** 16;
  }

  /** A connection that is the last of its list: its number. `bytes` and `id` are NaN where missing, `name` is -1 where there is none. */
  add(startMs: number, bytes: number, id: number, name: number): number {
    let i = this.#free;
    if (i !== NONE) this.#free = this.next(i);
    else {
      i = this.#used++;
      if (i >> PAGE_BITS === this.#pages.length) this.#pages.push(new Page(this.#hasManyNames));
    }
    const page = this.#page(i);
    const row = i & ROW_MASK;
    page.next[row] = NONE;
    page.startMs[row] = startMs;
    page.bytes.set(row, bytes);
    page.id[row] = Number.isNaN(id) ? NO_ID : id;
    page.name[row] = name + 1;
    return i;
  }

  /** Gives up a connection and those behind it. */
  drop(first: number): void {
    for (let i = first; i !== NONE; ) {
      const page = this.#page(i);
      const row = i & ROW_MASK;
      const next = page.next[row] as number;
      page.bytes.clear(row);
      page.next[row] = this.#free;
      this.#free = i;
      i = next;
    }
  }

  /** The one behind a connection in its list, or NONE. */
  next(i: number): number {
    return this.#page(i).next[i & ROW_MASK] as number;
  }

  setNext(i: number, next: number): void {
    this.#page(i).next[i & ROW_MASK] = next;
  }

  startMs(i: number): number {
    return this.#page(i).startMs[i & ROW_MASK] as number;
  }

  bytes(i: number): number {
    return this.#page(i).bytes.get(i & ROW_MASK);
  }

  id(i: number): number {
    const id = this.#page(i).id[i & ROW_MASK] as number;
    return id === NO_ID ? Number.NaN : id;
  }

  name(i: number): number {
    return (this.#page(i).name[i & ROW_MASK] as number) - 1;
  }

  #page(i: number): Page {
    return this.#pages[i >> PAGE_BITS] as Page;
  }
}

class Page {
  readonly next = new Int32Array(PAGE_ROWS);
  readonly startMs = new Float64Array(PAGE_ROWS);
  readonly bytes = new NarrowColumn();
  readonly id = new Int32Array(PAGE_ROWS);
  /** Number of the name + 1; 0 where there is none. */
  readonly name: Uint16Array | Int32Array;

  constructor(hasManyNames: boolean) {
    this.bytes.widen(PAGE_ROWS);
    this.name = hasManyNames ? new Int32Array(PAGE_ROWS) : new Uint16Array(PAGE_ROWS);
  }
}
