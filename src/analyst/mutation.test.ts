import { describe, expect, it } from 'vitest';
import { modelSentences } from '../../test/support/model-sentences.ts';
import { TEMPLATE_COUNT, TOLD_INCIDENTS, toldClaims } from '../../test/support/paraphrase.ts';
import { isoTime, Random } from '../core/index.ts';
import type { Incident } from '../incident/index.ts';
import { CLAIM_SECTIONS, type ContextFact } from './check.ts';
import { checkStatement } from './check-sense.ts';
import { References } from './reference.ts';
import { judgeByRules } from './rules.ts';

/**
 * How many wrong facts the checker finds in claims that were true, and how many true ones it drops. The true claims: all that the rules write on an
 * incident of each kind, and more than 200 paraphrases; and, measured apart, more than 400 sentences in the manner of language models on incidents of real captures.
 */

interface True {
  readonly incident: Incident;
  readonly section: string;
  readonly text: string;
  readonly cites: readonly string[];
  readonly kind: string;
  readonly context?: readonly ContextFact[];
}

const WRITTEN: readonly True[] = [
  ...[...TOLD_INCIDENTS].flatMap(([kind, incident]) => {
    const verdict = judgeByRules(incident);
    return CLAIM_SECTIONS.flatMap((section) =>
      verdict[section].map(({ text, cites }) => ({ kind, incident, section, text, cites })),
    );
  }),
  ...toldClaims(),
];

const TOLD: readonly True[] = modelSentences().map(({ fixture: _name, ...one }) => ({
  ...one,
  kind: one.incident.detections[0]?.kind ?? '',
}));

function passes({ incident, section, text, cites, context = [] }: True): boolean {
  const options = { section, context, references: new References(incident) };
  return checkStatement(incident, { text, cites }, section, options).length === 0;
}

const generator = new Random(20_240_514);
const random = (): number => generator.float();
const below = (n: number): number => generator.below(n);
function pick<T>(list: readonly T[]): T {
  const one = list[below(list.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
}

const ADDRESS = /(?<![\w.:])(?:\d+\.){3}\d+(?![\w])/g;
const NUMBER_WORDS =
  'two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  );
const COUNTED =
  'hosts?|machines?|addresses|targets?|ports?|connections?|attempts?|times|flows?|packets|names|domains|questions|servers|sessions|pools|contacts|queries';
const COUNT = new RegExp(
  `(?<![\\w.,:-])(?:\\d[\\d,]*|(?:${NUMBER_WORDS.join('|')})(?![- ](?:two|eight|five)))(?! quarters)(?=(?: (?!and|or|to|in|on|of|at|the|with|per|from|B|kB|MB|s|ms|min|h|million)[a-zA-Z-]+| of the(?: \\d+)?){0,3} (?:${COUNTED})\\b)`,
  'gi',
);
const PORT = /(?<=\b[Pp]orts? (?:\d+,? (?:and )?)*)\d+/g;
const CLOCK = /\d{2}:\d{2}:\d{2}/g;

/** The text with one match of the pattern replaced; undefined where there is none. */
function changed(text: string, pattern: RegExp, make: (token: string) => string): string | undefined {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return undefined;
  const match = pick(matches);
  return text.slice(0, match.index) + make(match[0]) + text.slice(match.index + match[0].length);
}

/** Two hosts change places, where they stood on different sides and the sentence tells them apart. */
function swapped({ incident, text, kind }: True): string | undefined {
  const found = [...new Set([...text.matchAll(ADDRESS)].map(([token]) => token))];
  const actor = incident.detections[0]?.actor ?? '';
  const peer = found.find((token) => token !== actor && incident.peers.some(({ address }) => address === token));
  if (!found.includes(actor) || peer === undefined) return undefined;
  // These say the same of both: 'between A and B', 'A and another device both use B', 'whom'.
  if (/\bbetween\b|\bboth\b|as does|where \S+ does|\bexchanged\b/.test(text) || kind === 'arp-spoof.conflict')
    return undefined;
  return text.replace(ADDRESS, (token) => (token === actor ? peer : token === peer ? actor : token));
}

const SYLLABLES = 'ka zu ro mi ter vo lan dex qua bri nox tal fen sha gor pli'.split(' ');
const GROUPS = [
  'Lazarus',
  'Emotet',
  'APT28',
  'Cobalt Strike',
  'FIN7',
  'Mirai',
  'Fancy Bear',
  'LockBit',
  'Sandworm',
  'TA505',
  'Turla',
  'mimikatz',
  'Qakbot',
  'UNC2452',
];
const madeUp = (): string => {
  const name = Array.from({ length: 2 + below(2) }, () => pick(SYLLABLES)).join('');
  return name.charAt(0).toUpperCase() + name.slice(1);
};

function accused({ text }: True): string {
  const name = random() < 0.5 ? pick(GROUPS) : madeUp();
  const stripped = text.replace(/\.$/, '');
  return pick([
    `${stripped}, which points to ${name}.`,
    `${name} is behind this: ${text}`,
    `${stripped}, as ${name} does.`,
    `${text} This is typical of ${name}.`,
    `${text} The ${name} group works like this.`,
    `${stripped} (${name}).`,
  ]);
}

/** Deeds with the beginnings of the kinds that they would be true of. */
const DEEDS: readonly (readonly [phrase: string, ...kinds: string[]])[] = [
  ['compromised'],
  ['infected'],
  ['encrypted'],
  ['wiped'],
  ['hacked'],
  ['disabled'],
  ['stole data from'],
  ['broke into and crashed'],
  ['flooded', 'flood.'],
  ['uploaded files to', 'exfiltration.', 'dns-tunnel.', 'icmp-tunnel.'],
  ['guessed passwords on', 'brute-force.'],
  ['poisoned', 'arp-spoof.', 'name-poison.', 'rogue-dhcp.'],
];
const FLIPS: readonly (readonly [RegExp, string])[] = [
  [/\bfailed\b/, 'succeeded'],
  [/\b(?:answered|responded|replied)\b/, 'succeeded'],
  [/\bwere refused\b/, 'were compromised'],
  [/\bmay have worked\b/, 'worked'],
  [/\bNone of the targets answered\b/, 'All of the targets were infected'],
];
const MAIN_VERB =
  /(?<!\b(?:the|from|of|among|by|pinged) )\b(?:scanned|probed|swept|tried to connect to|tried|contacted|connected to|attacked|flooded|guessed passwords on|sprayed passwords over|beaconed to|called|talked to|uploaded|sent|asked|pinged|enumerated|tunnelled|spoke|logged in to|opened|spoofed)\b/;

function misdone({ section, text, kind }: True): string | undefined {
  if (section !== 'whatHappened') return undefined;
  // That none succeeded is no other fact than that none answered.
  const flips = /\b(?:no|none|not|never|nobody)\b/i.test(text) ? [] : FLIPS.filter(([pattern]) => pattern.test(text));
  if (flips.length > 0 && random() < 0.5) {
    const [pattern, other] = pick(flips);
    return text.replace(pattern, other);
  }
  // What may be is no claim that it is.
  if (!MAIN_VERB.test(text) || /\b(?:may|might|could|probably)\b/.test(text)) return undefined;
  const [phrase] = pick(DEEDS.filter(([, ...kinds]) => !kinds.some((prefix) => kind.startsWith(prefix))));
  return text.replace(MAIN_VERB, phrase);
}

function mistimed({ text, incident }: True): string | undefined {
  const wrong = changed(text, CLOCK, (token) => {
    const [h = 0, m = 0, s = 0] = token.split(':').map(Number);
    const seconds = (h * 3600 + m * 60 + s + pick([1, -1, 7, 60, -60, 3600, -3600, 5400]) + 86_400) % 86_400;
    return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
      .map((part) => String(part).padStart(2, '0'))
      .join(':');
  });
  // Where a sentence speaks of neither beginning nor end, the other end of the incident is a true time, too.
  const ends = [incident.firstMs, incident.lastMs].map((time) => isoTime(time).slice(11, 19));
  const told = /\b(?:began|started|seen|ended|between|until)\b/.test(text);
  return told || [...(wrong ?? '').matchAll(CLOCK)].some(([token]) => !ends.includes(token)) ? wrong : undefined;
}

const MUTATIONS: readonly (readonly [name: string, share: number, make: (claim: True) => string | undefined])[] = [
  ['swapped direction', 200, swapped],
  [
    'count off by one',
    200,
    ({ text }) =>
      changed(text, COUNT, (token) => {
        const step = random() < 0.5 ? -1 : 1;
        const word = NUMBER_WORDS.indexOf(token.toLowerCase());
        if (word >= 0) return NUMBER_WORDS[word + step] ?? 'thirteen';
        const value = Number(token.replaceAll(',', ''));
        return (value > 1 ? value + step : 2).toLocaleString('en-US');
      }),
  ],
  [
    'foreign address',
    140,
    ({ text }) => changed(text, ADDRESS, () => `${pick([10, 172, 8, 45])}.${below(250)}.${below(250)}.${below(250)}`),
  ],
  ['wrong port', 120, ({ text }) => changed(text, PORT, (token) => String((Number(token) + 1 + below(900)) % 65_536))],
  ['invented group', 140, accused],
  ['wrong verb', 140, misdone],
  ['wrong time', 140, mistimed],
];

const RANDOM_TRIES = 100_000;

interface Measured {
  readonly rows: readonly { readonly name: string; readonly wrong: number; readonly found: number }[];
  readonly found: number;
  readonly wrong: number;
  readonly dropped: number;
}

/** Both rates over some true claims, told on standard output with every sentence that went wrong. */
function measure(title: string, claims: readonly True[]): Measured {
  const dropped = claims.filter((claim) => !passes(claim));
  const pool = claims.filter(passes);
  const rows: { name: string; wrong: number; found: number; missed: string[] }[] = [];
  for (const [name, share, make] of MUTATIONS) {
    const row = { name, wrong: 0, found: 0, missed: [] as string[] };
    for (let tries = 0; row.wrong < share && tries < RANDOM_TRIES; tries++) {
      const claim = pick(pool);
      const text = make(claim);
      if (text === undefined || text === claim.text) continue;
      row.wrong++;
      if (passes({ ...claim, text })) row.missed.push(`${claim.kind}: ${text}`);
      else row.found++;
    }
    rows.push(row);
  }
  const wrong = rows.reduce((sum, row) => sum + row.wrong, 0);
  const found = rows.reduce((sum, row) => sum + row.found, 0);
  console.log(
    [
      title,
      ...rows.map((row) => `${row.name.padEnd(20)} ${row.found} of ${row.wrong} found`),
      `${'all'.padEnd(20)} ${found} of ${wrong} found, ${((100 * found) / wrong).toFixed(2)} %`,
      `true claims dropped  ${dropped.length} of ${claims.length}, ${((100 * dropped.length) / claims.length).toFixed(2)} %`,
      ...rows.flatMap(({ name, missed }) => missed.map((text) => `missed, ${name}: ${text}`)),
      ...dropped.map((one) => `dropped: ${one.kind}: ${one.text}`),
    ].join('\n'),
  );
  return { rows, wrong, found, dropped: dropped.length };
}

describe('the checker of what a model writes', () => {
  for (const [title, claims] of [
    ['claims of the rules, and templates', WRITTEN],
    ['sentences in the manner of models on real captures', TOLD],
  ] as const)
    it(`of ${title} finds at least 99.5 % of 1,000 wrong facts and drops at most 2 % of the true ones`, () => {
      expect(TEMPLATE_COUNT).toBeGreaterThanOrEqual(200);
      expect(TOLD.length).toBeGreaterThanOrEqual(300);
      const { rows, wrong, found, dropped } = measure(title, claims);
      expect(rows.map((row) => row.wrong)).toEqual(MUTATIONS.map(([, share]) => share));
      expect(wrong).toBeGreaterThanOrEqual(1000);
      expect(found / wrong).toBeGreaterThanOrEqual(0.995);
      expect(dropped / claims.length).toBeLessThanOrEqual(0.02);
    });
});
