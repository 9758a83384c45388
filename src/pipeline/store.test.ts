import { describe, expect, it } from 'vitest';
import { flowTable } from '../flow/index.ts';
import { FlowStore, type Scratch } from './store.ts';

describe('FlowStore', () => {
  it('keeps few rows in memory, and puts all on disk where there are more, in their order', () => {
    const scratch = new Blocks(99);
    const store = new FlowStore([], () => scratch, 4);
    store.append(chunk(1, 2));
    store.append(chunk(3, 4));
    expect([store.isOnDisk, scratch.blocks.length, idsOf(store)]).toEqual([false, 0, [1, 2, 3, 4]]);
    store.append(chunk(5));
    expect([store.isOnDisk, scratch.blocks.length, idsOf(store)]).toEqual([true, 3, [1, 2, 3, 4, 5]]);
  });

  it('loses nothing that it had where the disk fails', () => {
    for (const [room, kept] of [
      [0, [1, 2, 3]],
      [1, [1, 2, 3]],
      [2, [1, 2, 3]],
      [3, [1, 2, 3]],
      [4, [1, 2, 3, 4]],
    ] as const) {
      const store = new FlowStore([], () => new Blocks(room), 3);
      for (const id of [1, 2, 3, 4, 5]) store.append(chunk(id));
      expect([idsOf(store), store.refusedRows, store.failure?.message]).toEqual([kept, 5 - kept.length, 'disk full']);
    }
  });

  function chunk(...ids: number[]) {
    const table = flowTable(ids.map((id) => ({ id })));
    return { table, features: { features: [], rowCount: ids.length, values: new Float32Array() } };
  }

  function idsOf(store: FlowStore): (number | undefined)[] {
    const ids: (number | undefined)[] = [];
    for (const { table } of store.chunks())
      for (let row = 0; row < table.rowCount; row++) ids.push(table.number('id', row));
    return ids;
  }
});

class Blocks implements Scratch {
  readonly blocks: Uint8Array[] = [];
  readonly #room: number;

  constructor(room: number) {
    this.#room = room;
  }

  append(bytes: Uint8Array): void {
    if (this.blocks.length >= this.#room) throw new Error('disk full');
    this.blocks.push(bytes.slice());
  }

  read(): Iterable<Uint8Array> {
    return this.blocks;
  }

  close(): void {
    this.blocks.length = 0;
  }
}
