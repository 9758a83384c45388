/**
 * Makes src/feature/data/popular-names.ts, the list of popular domains that ships.
 *
 *     npm pack third-party-web@0.30.0            and unpack it
 *     pip download --no-deps whotracksme==2018.5.17   and unzip it
 *     node scripts/popular.ts <folder of third-party-web> <folder of whotracksme>
 *
 * Two sources whose licences let the result ship:
 *
 * - third-party-web (MIT, Copyright (c) 2019 Patrick Hulce), dist/domain-map.csv: hosts that pages of others embed, by how many pages of the HTTP
 *   Archive do.
 * - WhoTracks.me by Cliqz and Ghostery (CC BY 4.0), data/assets/2018-04/global/sites.csv: sites by how often people opened them, April 2018.
 *
 * Hosts are folded to registrable domains, the best rank counts, and the two lists are joined by Dowdall's rule as Tranco does (Le Pochat et al., NDSS
 * 2019): a domain scores the sum of 1 / rank over the lists. Of the first list only the upper 5,000 domains are taken: what few pages embed says little.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { registrableDomain } from '../src/feature/domain.ts';

const EMBEDDED = 5000;

const [thirdParty, whoTracksMe] = process.argv.slice(2);
if (thirdParty === undefined || whoTracksMe === undefined) {
  console.error('usage: node scripts/popular.ts <folder of third-party-web> <folder of whotracksme>');
  process.exit(2);
}

function ranked(names: Iterable<string>, most: number): Map<string, number> {
  const ranks = new Map<string, number>();
  for (const name of names) {
    const domain = registrableDomain(name);
    if (domain === undefined || !/^[a-z0-9.-]+$/.test(domain) || ranks.has(domain)) continue;
    ranks.set(domain, ranks.size + 1);
    if (ranks.size === most) break;
  }
  return ranks;
}

const embedded = ranked(
  readFileSync(`${thirdParty}/dist/domain-map.csv`, 'utf8')
    .split('\n')
    .map((line) => line.split(',')[0] ?? ''),
  EMBEDDED,
);
const [head = '', ...rows] = readFileSync(`${whoTracksMe}/whotracksme/data/assets/2018-04/global/sites.csv`, 'utf8')
  .trim()
  .split('\n');
const site = head.split(',').indexOf('site');
const popularity = head.split(',').indexOf('popularity');
const opened = ranked(
  rows
    .map((row) => row.split(','))
    .sort((a, b) => Number(b[popularity]) - Number(a[popularity]))
    .map((cells) => cells[site] ?? ''),
  Number.POSITIVE_INFINITY,
);

const score = (domain: string): number => {
  const a = embedded.get(domain);
  const b = opened.get(domain);
  return (a === undefined ? 0 : 1 / a) + (b === undefined ? 0 : 1 / b);
};
const domains = [...new Set([...embedded.keys(), ...opened.keys()])].sort(
  (a, b) => score(b) - score(a) || (a < b ? -1 : 1),
);
const text = domains.map((domain) => (/^[^.]+\.com$/.test(domain) ? domain.slice(0, -4) : domain)).join(' ');

writeFileSync(
  new URL('../src/feature/data/popular-names.ts', import.meta.url),
  `/**
 * ${domains.length.toLocaleString('en-US')} popular registrable domains, the most popular first; made by scripts/popular.ts, which says how. Not to be edited.
 *
 * Made from and adapted: WhoTracks.me site data of April 2018 by Cliqz and Ghostery (https://whotracks.me), licensed under Creative Commons
 * Attribution 4.0 (https://creativecommons.org/licenses/by/4.0/): names and their order were taken. And third-party-web 0.30.0:
 *
 * The MIT License (MIT). Copyright (c) 2019 Patrick Hulce.
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to
 * deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or
 * sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:
 * The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS
 * IN THE SOFTWARE.
 */

/** Separated by blanks; a name without a dot is one of .com. */
export const POPULAR_NAMES: string =
  '${text}';
`,
);
console.log(`${domains.length} domains, ${text.length} bytes`);
