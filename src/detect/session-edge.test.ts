import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hash32 } from './bounded/bounded.ts';
import { NO_PORT, pairHash } from './bounded/pair.ts';
import { NO_EDGE, SessionEdges } from './session-edge.ts';

const WINDOW_MS = 100;

function edgeOf(edges: SessionEdges, source: string, target: string, family = 'ssh'): number {
  const hash = pairHash(hash32(source), hash32(target), NO_PORT);
  const known = edges.find(hash, source, target, family);
  return known === NO_EDGE ? edges.add(hash, source, target, family) : known;
}

/** Rounds of starts, told by all of them in order. */
function roundsOf(starts: readonly number[]): number {
  const ordered = starts.toSorted((a, b) => a - b);
  return ordered.filter((start, i) => i === 0 || start - (ordered[i - 1] ?? 0) > WINDOW_MS).length;
}

it('an edge has its span, its earliest start and its count, whatever the order of its flows', () => {
  const edges = new SessionEdges(WINDOW_MS);
  const edge = edgeOf(edges, '10.0.0.1', '10.0.0.2');
  edges.saw(edge, 50, 20);
  edges.saw(edge, 40, 90);
  expect(edges.sorted()).toEqual([
    {
      number: 0,
      source: '10.0.0.1',
      target: '10.0.0.2',
      family: 'ssh',
      firstStartMs: 40,
      firstMs: 20,
      lastMs: 90,
      flowCount: 2,
      hasRounds: false,
    },
  ]);
});

it('edges are told apart by source, target and family, and come in their order', () => {
  const edges = new SessionEdges(WINDOW_MS);
  for (let i = 0; i < 300; i++)
    for (const family of ['ssh', 'rdp']) edges.saw(edgeOf(edges, `s${i % 20}`, `t${i}`, family), i, i);
  for (let i = 0; i < 300; i++) edges.saw(edgeOf(edges, `s${i % 20}`, `t${i}`), i, i);
  expect(edges.size).toBe(600);
  const sorted = edges.sorted();
  expect(sorted.map(({ source, target, family }) => `${source} ${target} ${family}`)).toEqual(
    sorted.map(({ source, target, family }) => `${source} ${target} ${family}`).sort(),
  );
  expect(sorted.every(({ family, flowCount }) => flowCount === (family === 'ssh' ? 2 : 1))).toBe(true);
});

it('has rounds where a silence of more than the window parts its starts, in whatever order they come', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 12 }), (starts) => {
      const edges = new SessionEdges(WINDOW_MS);
      // Another edge between, so that rounds of several lie among one another.
      for (const start of starts) {
        edges.saw(edgeOf(edges, 'a', 'b'), start, start);
        edges.saw(edgeOf(edges, 'a', 'c'), 3 * start, 3 * start);
      }
      const [one, other] = edges.sorted();
      expect(one?.hasRounds).toBe(roundsOf(starts) > 1);
      expect(other?.hasRounds).toBe(roundsOf(starts.map((start) => 3 * start)) > 1);
    }),
  );
});

it('tells rounds by the first 64 starts', () => {
  const edges = new SessionEdges(WINDOW_MS);
  const edge = edgeOf(edges, 'a', 'b');
  for (let i = 0; i < 64; i++) edges.saw(edge, i, i);
  edges.saw(edge, 1000, 1000);
  expect(edges.sorted()).toMatchObject([{ hasRounds: false, lastMs: 1000, flowCount: 65 }]);
});
