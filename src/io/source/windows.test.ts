import { describe, expect, it } from 'vitest';
import { type Schema, type Table, TableBuilder } from '../../core/index.ts';
import type { TableSource } from './table-source.ts';
import { SourceWindows } from './windows.ts';

const SCHEMA: Schema = { name: 't', version: 1, columns: [{ name: 'n', kind: 'float64', unit: '', meaning: '' }] };

function tableOf(rows: number): Table {
  const builder = new TableBuilder(SCHEMA, rows);
  for (let i = 0; i < rows; i++) builder.setNumber(0, builder.addRow(), i);
  return builder.finish();
}

/** A source that gives what it is told to, when it is told to. */
class Feed implements TableSource {
  readonly name = 'feed';
  readonly format = 'test';
  readonly compression = '';
  readonly totalBytes = undefined;
  readonly schema = SCHEMA;
  readonly gives = new Set<string>();
  closed = false;
  #rows = 0;
  #waiting: ((table: Table | undefined) => void)[] = [];
  #ready: (Table | undefined)[] = [];

  give(table: Table | undefined): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#ready.push(table);
    else next(table);
  }

  async read(): Promise<Table | undefined> {
    const table =
      this.#ready.length > 0
        ? this.#ready.shift()
        : await new Promise<Table | undefined>((resolve) => this.#waiting.push(resolve));
    this.#rows += table?.rowCount ?? 0;
    return table;
  }

  bytesTaken(): number {
    return 10 * this.#rows;
  }

  status(): ReturnType<TableSource['status']> {
    const reject = (line: number) => ({ line, reason: 'bad', bytes: new Uint8Array(0) });
    return {
      rows: this.#rows,
      rejected: this.#rows,
      rejects: Array.from({ length: this.#rows }, (_, i) => reject(i + 1)),
      state: 'whole',
    };
  }

  close(): void {
    this.closed = true;
  }
}

describe('an endless source in stretches', () => {
  it('gives a batch that comes after the end of a stretch to the next one', async () => {
    const feed = new Feed();
    let now = 0;
    const windows = new SourceWindows(feed, () => now);
    const first = windows.until(5);
    feed.give(tableOf(2));
    expect((await first.read())?.rowCount).toBe(2);
    const over = first.read();
    now = 5;
    expect(await over).toBeUndefined();
    expect([first.status().rows, windows.ended]).toEqual([2, false]);
    feed.give(tableOf(3));
    const second = windows.until(100);
    expect((await second.read())?.rowCount).toBe(3);
    feed.give(undefined);
    expect(await second.read()).toBeUndefined();
    expect(windows.ended).toBe(true);
    expect(await windows.until(1000).read()).toBeUndefined();
  });

  it('counts rows, bytes and rejected lines of the stretch alone', async () => {
    const feed = new Feed();
    const windows = new SourceWindows(feed, () => 0);
    feed.give(tableOf(2));
    await windows.until(100).read();
    const second = windows.until(200);
    feed.give(tableOf(3));
    await second.read();
    const { rows, rejected, rejects } = second.status();
    expect([rows, rejected, rejects.map(({ line }) => line), second.bytesTaken()]).toEqual([3, 3, [3, 4, 5], 30]);
  });

  it('ends a stretch in time though the source always has a batch at hand', async () => {
    const feed = new Feed();
    let now = 0;
    const stretch = new SourceWindows(feed, () => now++).until(3);
    for (let i = 0; i < 10; i++) feed.give(tableOf(1));
    let rows = 0;
    while ((await stretch.read()) !== undefined) rows++;
    expect(rows).toBe(3);
  });

  it('can be stopped only where the source can, and closes with it, not with a stretch', () => {
    const feed = new Feed();
    const windows = new SourceWindows(feed, () => 0);
    const stretch = windows.until(5);
    stretch.close();
    expect([stretch.stop, feed.closed]).toEqual([undefined, false]);
    windows.close();
    expect(feed.closed).toBe(true);
  });
});
