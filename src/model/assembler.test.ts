import { describe, expect, it } from 'vitest';
import { assemble, get, op, reserve } from './assembler.ts';

describe('reserve', () => {
  it('keeps what is in the memory, leaves views of the old one whole, and runs on the new one', () => {
    // Stores 7 at the address that it is given.
    const kernel = assemble({ parameters: 1, locals: [], body: [...get(0), op.i32Const, 7, 0x36, 2, 0] });
    if (kernel === undefined) throw new Error('WebAssembly is not to be had here');
    const before = new Int32Array(kernel.memory.buffer);
    before[3] = 42;
    reserve(kernel, 200_000);
    expect(before[3]).toBe(42);
    expect(kernel.memory.buffer.byteLength).toBeGreaterThanOrEqual(200_000);
    kernel.run(160_000);
    const after = new Int32Array(kernel.memory.buffer);
    expect([after[3], after[40_000]]).toEqual([42, 7]);
  });

  it('changes nothing where there is room', () => {
    const kernel = assemble({ parameters: 0, locals: [], body: [] });
    if (kernel === undefined) throw new Error('WebAssembly is not to be had here');
    const { memory } = kernel;
    reserve(kernel, 65_536);
    expect(kernel.memory).toBe(memory);
  });
});
