import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OddityCounter } from '../wire/index.ts';
import { NAME_CHARACTERS, NameBudget } from './names.ts';

const budget = (maxBytes?: number, maxFlows = 100) => {
  const oddities = new OddityCounter();
  return { oddities, names: new NameBudget(maxFlows, oddities, maxBytes === undefined ? {} : { maxBytes }) };
};

describe('the budget of names', () => {
  it('keeps a name as it is, and charges one byte a character or two beyond Latin-1', () => {
    const { names } = budget();
    expect(names.keep(3, 'www.example.com')).toBe('www.example.com');
    expect(names.bytes).toBe(32 + 15);
    expect(names.keep(3, 'bücher')).toBe('bücher');
    expect(names.bytes).toBe(32 + 15 + 32 + 6);
    expect(names.keep(3, 'пример')).toBe('пример');
    expect(names.bytes).toBe(32 + 15 + 32 + 6 + 32 + 12);
    expect(names.keep(3, '')).toBe('');
  });

  it('cuts what is longer than 1,024 characters, and not through a surrogate pair', () => {
    const { names } = budget();
    const exact = 'x'.repeat(NAME_CHARACTERS);
    expect(names.keep(0, exact)).toBe(exact);
    expect(names.keep(0, `${exact}y`)).toBe(`${exact}…`);
    names.release(0);
    expect(names.keep(0, `${exact}y`)?.length).toBe(1025);
    expect(names.bytes).toBe(32 + 2 * 1025);
    const pair = `${'x'.repeat(NAME_CHARACTERS - 1)}😀`;
    expect(names.keep(0, pair)).toBe(`${'x'.repeat(NAME_CHARACTERS - 1)}…`);
    expect(names.keep(0, `${'x'.repeat(NAME_CHARACTERS - 2)}😀`)).toBe(`${'x'.repeat(NAME_CHARACTERS - 2)}😀`);
  });

  it('refuses and counts names when it is used up, and takes names again when flows have ended', () => {
    const { names, oddities } = budget(1000);
    for (let ref = 0; ref < 20; ref++) names.keep(ref, 'x'.repeat(68));
    expect(names.bytes).toBe(1000);
    expect(names.refused).toBe(10);
    expect(oddities.of('flow.names-refused')).toBe(10);
    expect(names.keep(30, '')).toBeUndefined();
    names.release(4);
    expect(names.bytes).toBe(900);
    expect(names.keep(30, 'x'.repeat(68))).toBe('x'.repeat(68));
    names.release(4);
    expect(names.bytes).toBe(1000);
  });

  it('a flood of long request targets stays at the budget: 65,536 flows with 1 kB each', () => {
    const { names, oddities } = budget(undefined, 65_536);
    const target = `GET /${'a'.repeat(2000)}`;
    for (let ref = 0; ref < 65_536; ref++) names.keep(ref, target);
    expect(names.peakBytes).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(names.peakBytes).toBeGreaterThan(31 * 1024 * 1024);
    expect(oddities.of('flow.names-refused')).toBe(65_536 - Math.floor((32 * 1024 * 1024) / (32 + 2 * 1025)));
    for (let ref = 0; ref < 65_536; ref++) names.release(ref);
    expect(names.bytes).toBe(0);
  });

  it('what is kept is what is charged, whatever the order of keeping and releasing', () => {
    const step = fc.record({
      ref: fc.nat(9),
      text: fc.option(fc.string({ unit: 'binary', maxLength: 40 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { names } = budget(600);
        const kept = new Map<number, number>();
        for (const { ref, text } of steps) {
          if (text === undefined) {
            names.release(ref);
            kept.delete(ref);
            continue;
          }
          const before = names.bytes;
          const own = names.keep(ref, text);
          if (own !== undefined) expect(own).toBe(text);
          else expect(names.bytes).toBe(before);
          kept.set(ref, (kept.get(ref) ?? 0) + names.bytes - before);
          expect(names.bytes).toBeLessThanOrEqual(600);
        }
        expect(names.bytes).toBe([...kept.values()].reduce((a, b) => a + b, 0));
      }),
    );
  });
});
