import { afterEach, describe, expect, it, vi } from 'vitest';
import { Heap } from './heap.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function heapOf(...used: number[]): void {
  const memory = process.memoryUsage();
  const usage = vi.spyOn(process, 'memoryUsage');
  for (const heapUsed of used) usage.mockReturnValueOnce({ ...memory, heapUsed });
}

describe('Heap', () => {
  it('collects at first, and again when twenty-five million bytes have come since', () => {
    const gc = vi.fn();
    vi.stubGlobal('gc', gc);
    const heap = new Heap();
    heapOf(60e6, 40e6, 64e6, 66e6, 41e6);
    heap.collect();
    expect(gc).toHaveBeenCalledTimes(1);
    heap.collect();
    expect(gc).toHaveBeenCalledTimes(1);
    heap.collect();
    expect(gc).toHaveBeenCalledTimes(2);
  });

  it('does nothing where V8 does not collect on demand', () => {
    vi.stubGlobal('gc', undefined);
    expect(() => new Heap().collect()).not.toThrow();
  });
});
