import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventBatch, MicroBatcher } from './micro-batch.ts';

const S = 1000;
const show = (batch: EventBatch<unknown> | undefined): string =>
  batch === undefined
    ? 'none'
    : `${batch.source} ${batch.kind} ${batch.startMs}-${batch.endMs} by ${batch.closedBy}: ${batch.items.join(' ')}`;

function drain(batcher: MicroBatcher<unknown>): string[] {
  const out: string[] = [];
  for (let batch = batcher.take(); batch !== undefined; batch = batcher.take()) out.push(show(batch));
  return out;
}

describe('windows of event time', () => {
  it('close when the watermark reaches their end, and take what is out of order till then', () => {
    const b = new MicroBatcher<string>({ windowMs: 10 * S, latenessMs: 2 * S });
    b.add('a', 'x', 1, 1 * S, 1 * S);
    b.add('a', 'y', 1, 11 * S, 11 * S);
    b.add('a', 'z', 1, 9 * S, 11 * S);
    expect(drain(b)).toEqual([]);
    b.add('a', 'w', 1, 12 * S, 12 * S);
    expect(drain(b)).toEqual(['a window 0-10000 by watermark: x z']);
    b.end();
    expect(drain(b)).toEqual(['a window 10000-20000 by end: y w']);
    expect(b.heldItems).toBe(0);
  });

  it('keep late records apart, in a batch of their own', () => {
    const b = new MicroBatcher<string>({ windowMs: 10 * S, latenessMs: 0, idleMs: 1e9 });
    b.add('a', 'x', 1, 25 * S, 25 * S);
    expect(b.add('a', 'late', 1, 3 * S, 26 * S)).toBe('late');
    expect(b.add('a', 'later', 1, 1 * S, 26 * S)).toBe('late');
    expect(b.add('a', 'in', 1, 21 * S, 26 * S)).toBe('taken');
    b.tick(36 * S);
    expect(drain(b)).toEqual(['a late 1000-3001 by silence: late later']);
    expect(b.counts()).toMatchObject({ taken: 2, late: 2 });
  });

  it('may leave late records to the caller', () => {
    const b = new MicroBatcher<string>({ windowMs: 10 * S, latenessMs: 0, late: 'return' });
    b.add('a', 'x', 1, 25 * S, 25 * S);
    expect(b.add('a', 'late', 1, 3 * S, 26 * S)).toBe('late');
    b.end();
    expect(drain(b)).toEqual(['a window 20000-30000 by end: x']);
  });

  it('are not closed by a record that claims to come from the future', () => {
    const b = new MicroBatcher<string>({ windowMs: 10 * S, latenessMs: 0 });
    b.add('a', 'x', 1, 5 * S, 5 * S);
    expect(b.add('a', 'future', 1, 1e12, 5 * S)).toBe('ahead');
    expect(b.add('a', 'y', 1, 6 * S, 6 * S)).toBe('taken');
    b.end();
    expect(drain(b)).toEqual(['a window 0-10000 by end: x y', 'a late 1000000000000-1000000000001 by end: future']);
  });

  it('of one source do not wait for another, nor hurry it', () => {
    const b = new MicroBatcher<string>({ windowMs: 10 * S, latenessMs: 0 });
    b.add('slow', 'x', 1, 1 * S, 50 * S);
    b.add('fast', 'y', 1, 1 * S, 50 * S);
    b.add('fast', 'z', 1, 45 * S, 50 * S);
    expect(drain(b)).toEqual(['fast window 0-10000 by watermark: y']);
    expect(b.add('slow', 'w', 1, 2 * S, 51 * S)).toBe('taken');
  });

  it('of a source that fell silent are closed by the clock, and the source goes on after', () => {
    const b = new MicroBatcher<string>({ windowMs: 10 * S, latenessMs: 5 * S });
    b.add('a', 'x', 1, 4 * S, 100 * S);
    b.tick(114 * S);
    expect(drain(b)).toEqual([]);
    b.tick(115 * S);
    expect(drain(b)).toEqual(['a window 0-10000 by silence: x']);
    expect(b.add('a', 'y', 1, 14 * S, 120 * S)).toBe('taken');
    expect(b.add('a', 'z', 1, 5 * S, 120 * S)).toBe('late');
  });

  it('take records without a time by their arrival', () => {
    const b = new MicroBatcher<string>({ windowMs: 10 * S });
    b.add('a', 'x', 1, undefined, 42 * S);
    b.end();
    expect(drain(b)).toEqual(['a window 40000-50000 by end: x']);
  });
});

describe('the memory of windows', () => {
  it('is bounded: the oldest closes early, and at the bound items are refused until somebody takes', () => {
    const b = new MicroBatcher<number>({ windowMs: 10 * S, latenessMs: 1e9, maxItems: 8 });
    for (let i = 0; i < 6; i++) expect([b.full, b.add('a', i, 1, i * 5 * S, 50 * S)]).toEqual([false, 'taken']);
    expect(b.full).toBe(true);
    expect(b.add('a', 6, 1, 30 * S, 50 * S)).toBe('taken');
    expect(b.add('a', 7, 1, 35 * S, 50 * S)).toBe('taken');
    expect(b.add('a', 8, 1, 40 * S, 50 * S)).toBe('refused');
    expect(b.heldItems).toBe(8);
    expect(drain(b)).toEqual(['a window 0-10000 by memory: 0 1']);
    expect(b.add('a', 8, 1, 40 * S, 50 * S)).toBe('taken');
    expect(b.counts()).toMatchObject({ closedEarly: 2, refused: 1 });
  });

  it('is bounded in bytes and in sources, and a long silent source makes room', () => {
    const forgotten: string[] = [];
    const b = new MicroBatcher<string>({
      maxBytes: 100,
      maxSources: 2,
      forgetMs: 60 * S,
      onForget: (s) => forgotten.push(s),
    });
    expect(b.add('a', 'x', 101, 0, 0)).toBe('refused');
    expect(b.add('b', 'x', 50, 0, 0)).toBe('taken');
    expect(b.add('c', 'x', 1, 0, 1 * S)).toBe('refused');
    expect(b.add('c', 'x', 1, 70 * S, 70 * S)).toBe('taken');
    expect(forgotten).toEqual(['a']);
    expect(b.counts()).toMatchObject({ sourcesRefused: 1 });
  });

  it('loses no item and gives none twice, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: -50, max: 400 }), fc.nat(20)), {
          maxLength: 300,
        }),
        (events) => {
          const b = new MicroBatcher<number>({ windowMs: 7, latenessMs: 3, idleMs: 30, maxItems: 40, maxAheadMs: 100 });
          const seen: number[] = [];
          const taken: number[] = [];
          let now = 0;
          const empty = (): void => {
            for (let batch = b.take(); batch !== undefined; batch = b.take()) {
              seen.push(...batch.items);
              if (batch.kind === 'window') {
                for (const i of batch.items) {
                  const time = events[i]?.[1] ?? Number.NaN;
                  expect(time >= batch.startMs && time < batch.endMs).toBe(true);
                }
              }
            }
          };
          events.forEach(([source, time, pause], i) => {
            now += pause;
            if (b.add(source, i, 1, time, now) !== 'refused') taken.push(i);
            expect(b.heldItems).toBeLessThanOrEqual(40);
            if (pause % 3 === 0) b.tick(now);
            if (pause % 5 === 0) empty();
          });
          b.end();
          empty();
          expect(seen.sort((x, y) => x - y)).toEqual(taken);
          expect(b.heldItems).toBe(0);
          expect(b.heldBytes).toBe(0);
        },
      ),
    );
  });
});
