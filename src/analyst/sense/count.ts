import { humanCount } from '../../core/index.ts';
import type { FlowRecord } from '../../flow/index.ts';
import type { Cited, Knowledge } from './knowledge.ts';
import { ADDRESS, type Add, NUMBER_WORDS, numberOf } from './words.ts';

/** Nouns that mean the same thing when things are counted. */
const NOUN_CLASSES: Readonly<Record<string, string>> = {
  host: 'host machine computer device system target peer destination victim endpoint node receiver sender neighbour client server source hosts address addresse ip',
  port: 'port',
  event: 'connection flow session attempt try trie time contact call login guess guesse conversation',
  packet: 'packet frame datagram',
  row: 'row record',
  detection: 'detection finding',
  question: 'question query querie request',
  name: 'name domain',
  interval: 'interval gap pause',
  answer: 'answer reply replie response',
};

const NOUN_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(NOUN_CLASSES).flatMap(([noun, words]) =>
    words.split(' ').map((word): [string, string] => [word, noun]),
  ),
);

export function nounOf(word: string): string | undefined {
  const lower = word.toLowerCase();
  return NOUN_OF.get(lower) ?? NOUN_OF.get(lower.replace(/s$/, '')) ?? NOUN_OF.get(lower.replace(/es$/, ''));
}

/** What may stand between a number and its noun. */
const ADJECTIVES: ReadonlySet<string> = new Set(
  'different distinct unique new other short long failed further more separate single individual internal external remote home inside outside small large further strange refused unanswered successful such open closed various network alike similar echo syn tcp udp tls dns ssh smb http login dhcp arp icmp of the its these those possible ip login larger longer lasting generated'.split(
    ' ',
  ),
);
const ABOUT = /(?:\babout|\baround|\bnearly|\balmost|\broughly|\bapproximately|\bsome|\bover|\bclose to|~)\s*$/i;

/** Counts of a text: a whole number, the class of what is counted, and whether it is only about that many. */
export function countsIn(
  text: string,
): { readonly value: number; readonly noun: string; readonly word: string; readonly about: boolean }[] {
  const clean = text
    .replace(ADDRESS, ' ')
    .replace(/\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?/g, ' ')
    .replace(/\bports? \d+(?:(?:, | and )\d+)*/gi, ' port ');
  const found: { value: number; noun: string; word: string; about: boolean }[] = [];
  for (const match of clean.matchAll(
    new RegExp(`(?<![\\w.,-])(\\d[\\d,]*|${NUMBER_WORDS.join('|')})(?![\\w.%]*\\d)(?=\\s([^.;:()%]{0,60}))`, 'gi'),
  )) {
    const value = numberOf((match[1] ?? '').replace(/,$/, ''));
    if (value === undefined) continue;
    const words = (match[2] ?? '').trim().split(/\s+/);
    for (const raw of words.slice(0, 4)) {
      const word = raw.replace(/[,'’].*$/, '').toLowerCase();
      const noun = nounOf(word);
      // 'login attempts', 'host names': the last of two nouns is what is counted.
      if (noun !== undefined) {
        const after = (words[words.indexOf(raw) + 1] ?? '').replace(/[,'’].*$/, '');
        const last = raw.includes(',') ? undefined : nounOf(after);
        found.push({
          value,
          noun: last ?? noun,
          word: last === undefined ? word : after,
          about: ABOUT.test(clean.slice(0, match.index)),
        });
        break;
      }
      if (!ADJECTIVES.has(word)) break;
    }
  }
  return found;
}

export function checkCounts(
  sentence: string,
  knowledge: Knowledge,
  cited: Cited,
  told: readonly { readonly noun: string; readonly value: number }[],
  add: Add,
): void {
  for (const { value, noun, word, about } of countsIn(sentence)) {
    if (value === 1 && /\bone\b/i.test(sentence)) continue;
    const known = new Set(knowledge.counts.get(noun));
    for (const one of told) if (one.noun === noun) known.add(one.value);
    for (const { peerCount, flowCount, recordCount, peers } of cited.detections) {
      if (noun === 'host') for (const n of [peerCount, peers.length]) known.add(n);
      if (noun === 'event') known.add(flowCount);
      if (noun === 'row' && recordCount !== undefined) known.add(recordCount);
    }
    // Beside a detection its flows are a choice of all; 'these 2 flows' are those that are cited.
    if (cited.detections.length === 0 || /\b(?:these|cited|shown|listed)\b/i.test(sentence))
      for (const n of citedCounts(noun, cited.flows)) known.add(n);
    else if (noun === 'packet') for (const n of citedCounts(noun, cited.flows)) known.add(n);
    if (known.size === 0) continue;
    const fits = [...known].some((fact) => Math.round(fact) === value || (about && isRounding(value, fact)));
    if (!fits) add('claim.count', `'${humanCount(value)} ${word}' is a count that the evidence does not show.`);
  }
}

function isRounding(value: number, fact: number): boolean {
  return [1, 2, 3].some((digits) => Number(fact.toPrecision(digits)) === value);
}

/** Sums of the cited flows that a claim may have made. */
function citedCounts(noun: string, flows: readonly FlowRecord[]): number[] {
  if (flows.length === 0) return [];
  const sum = (column: 'initiatorPackets' | 'responderPackets'): number =>
    flows.reduce((total, flow) => total + (flow[column] ?? 0), 0);
  const distinct = (column: 'initiator' | 'responder' | 'responderPort'): number =>
    new Set(flows.flatMap((flow) => flow[column] ?? [])).size;
  switch (noun) {
    case 'event':
      return [flows.length];
    case 'host':
      return [distinct('initiator'), distinct('responder')];
    case 'port':
      return [distinct('responderPort')];
    case 'packet':
      return [
        sum('initiatorPackets'),
        sum('responderPackets'),
        sum('initiatorPackets') + sum('responderPackets'),
        ...flows.flatMap((flow) => [flow.initiatorPackets ?? 0, flow.responderPackets ?? 0]),
      ];
    default:
      return [];
  }
}
