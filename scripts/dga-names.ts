/**
 * Scores names from the standard input, one per line, by their registrable domains: how many reach 0.5, and which.
 *
 *     <names> | node scripts/dga-names.ts [--list]
 */
import { readFileSync } from 'node:fs';
import { safeText } from '../src/core/index.ts';
import { dgaScore } from '../src/feature/dga.ts';
import { registrableDomain } from '../src/feature/domain.ts';

const scores = new Map<string, number>();
for (const line of readFileSync(0, 'utf8').split('\n')) {
  const domain = registrableDomain(line.trim());
  const score = domain === undefined ? Number.NaN : dgaScore(line.trim());
  if (domain !== undefined && !Number.isNaN(score)) scores.set(domain, Math.max(score, scores.get(domain) ?? 0));
}
const high = [...scores].filter(([, score]) => score >= 0.5).sort((a, b) => b[1] - a[1]);
console.log(
  `${scores.size} domains judged, ${high.length} (${((100 * high.length) / scores.size).toFixed(1)} %) at 0.5 or above`,
);
for (const threshold of [0.9, 0.7, 0.3, 0.2, 0.1])
  console.log(`  at ${threshold}: ${[...scores.values()].filter((score) => score >= threshold).length}`);
if (process.argv.includes('--list'))
  for (const [domain, score] of high) console.log(`${score.toFixed(3)} ${safeText(domain)}`);
