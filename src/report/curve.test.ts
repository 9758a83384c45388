import { expect, it } from 'vitest';
import { rankingCurve } from '../model/index.ts';
import { curveSpark, renderCurves } from './curve.ts';

const points = rankingCurve([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [1, 1, 0, 1, 0, 0, 0, 0, 0, 0]);

it('draws both curves as one picture that loads nothing, with hostile names made harmless', () => {
  const svg = renderCurves('a <b> & c', [{ name: '<script>x</script>\u0000', note: 'AUROC 0.9', points }], 0.3);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 960 500"/);
  expect(svg).toContain('a &lt;b&gt; &amp; c');
  expect(svg).toContain('&lt;script&gt;x&lt;/script&gt;\\u{0}: AUROC 0.9');
  expect(svg).not.toMatch(/<script|href|url\(|NaN|undefined/);
  expect(svg.match(/<polyline/g)).toHaveLength(4);
});

it('draws the curve as steps: what lies between two thresholds is reached by neither', () => {
  // Two of three strange rows before the first false alarm: at 0.01 % the height is two thirds, at the first false alarm of seven all of them follow.
  expect(curveSpark(points, 5)).toBe('▆▆▆▆█');
  expect(curveSpark(points, 9)).toHaveLength(9);
});
