import { humanCount } from '../../core/index.ts';
import type { FlowRecord } from '../../flow/index.ts';
import { bearsCount, type Lead, leadOf } from '../figures.ts';
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
  'different distinct unique new other short long failed further more separate single individual internal external remote home inside outside small large further strange refused unanswered successful such open closed various network alike similar echo syn tcp udp tls dns ssh smb http login dhcp arp icmp of the its these those possible ip login larger longer lasting generated made-up unusual ordinary regular failing existing requested queried probed target listed potential total individual repeated outgoing incoming encrypted unencrypted identical additional ssh-based whole tcp/udp mining'.split(
    ' ',
  ),
);

const ADJECTIVE_ENDING = /^[a-z-]{3,}(?:ing|ed|al|ive|ous|ible|able|ic|ary)$/;

/** Behind what is counted by the second or the minute. */
const RATE = /^(?:(?:on average|at most),? )?(?:per|an?|each|every) (?:second|minute|hour)\b/i;

/** Counts of a text: a whole number, the class of what is counted, and what the words before it make of it. */
export function countsIn(
  text: string,
): { readonly value: number; readonly noun: string; readonly word: string; readonly lead: Lead }[] {
  const clean = text
    .replace(ADDRESS, ' ')
    .replace(/\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?/g, ' ')
    .replace(/\bports? \d+(?:(?:, | and )\d+)*/gi, ' port ');
  const found: { value: number; noun: string; word: string; lead: Lead }[] = [];
  for (const match of clean.matchAll(
    new RegExp(`(?<![\\w.,-])(\\d[\\d,]*|${NUMBER_WORDS.join('|')})(?![\\w.%]*\\d)(?=\\s([^.;:()%]{0,60}))`, 'gi'),
  )) {
    const value = numberOf((match[1] ?? '').replace(/,$/, ''));
    if (value === undefined) continue;
    const words = (match[2] ?? '').trim().split(/\s+/);
    for (const raw of words.slice(0, 5)) {
      const word = raw.replace(/[,'’].*$/, '').toLowerCase();
      const noun = nounOf(word);
      // 'login attempts', 'host names': the last of two nouns is what is counted.
      if (noun !== undefined) {
        const after = (words[words.indexOf(raw) + 1] ?? '').replace(/[,'’].*$/, '');
        const last = raw.includes(',') ? undefined : nounOf(after);
        // '24 time slots': what is counted has no class.
        if (last === undefined && value !== 1 && /^[a-z]+$/.test(raw) && !/s$/.test(raw) && /^[a-z]{3,}s$/.test(after))
          break;
        const rest = words.slice(words.indexOf(raw) + (last === undefined ? 1 : 2)).join(' ');
        // A rate is no count, and 'and 7 more hosts' no count of all.
        const kind = RATE.test(rest)
          ? ' rate'
          : /^(?:more|others?|further|additional)$/i.test(words[0] ?? '')
            ? ' more'
            : '';
        found.push({
          value,
          noun: (last ?? noun) + kind,
          word: last === undefined ? word : after,
          lead: leadOf(clean.slice(Math.max(0, match.index - 30), match.index)),
        });
        break;
      }
      if (!ADJECTIVES.has(word) && !/^\d[\d,]*$/.test(word) && !ADJECTIVE_ENDING.test(word)) break;
    }
  }
  return found;
}

/** A count of a context fact. */
export interface ToldCount {
  readonly noun: string;
  readonly value: number;
  /** It is of the whole run, or of all that one host did in it, and says nothing of the incident. */
  readonly isBeside: boolean;
}

/** The counts of a context fact. */
export function toldCounts(text: string): ToldCount[] {
  const isBeside = OF_RUN.test(text) || new RegExp(`^${ADDRESS.source}: `, 'i').test(text);
  return countsIn(text).map(({ noun, value }) => ({ noun, value, isBeside }));
}

const IN_RUN = /\b(?:run|capture|overall|altogether|recording)\b/i;
const BY_RUN = /\b(?:in|of) (?:this|the) (?:run|capture|recording)\b/i;
/** Flows that are told as all that the incident is made of. */
const OF_INCIDENT = /\bflows (?:make up|belong to|are part of|form|constitute) (?:this|the) incident\b/i;
/** A sentence on all that was looked at. */
const OF_RUN =
  /\b(?:whole|entire|complete) (?:run|capture|recording)\b|\bthe (?:run|capture|recording) (?:has|contains|consists|comprises|includes|holds)\b/i;

/** 'N packets went out', 'N packets came back': each side of the cited flows has its own. */
function checkSides(sentence: string, { flows }: Cited, add: Add): void {
  if (flows.length === 0) return;
  const side = (pattern: RegExp, column: 'initiatorPackets' | 'responderPackets'): void => {
    for (const match of sentence.matchAll(pattern)) {
      const value = numberOf(match[1] ?? '');
      const values = flows.map((flow) => flow[column] ?? 0);
      const sum = values.reduce((total, one) => total + one, 0);
      if (value !== undefined && !values.includes(value) && sum !== value)
        add('claim.count', `'${humanCount(value)} packets' is not what this side sent.`);
    }
  };
  side(/(?<![\w.,])(\d[\d,]*) packets (?:went out|were sent)\b/g, 'initiatorPackets');
  side(/(?<![\w.,])(\d[\d,]*) packets (?:came back|were returned|in return)\b/g, 'responderPackets');
  side(
    /\bpackets were sent,? and (\d[\d,]*) (?:packets )?(?:came back|were received|were returned)\b/g,
    'responderPackets',
  );
}

export function checkCounts(
  sentence: string,
  knowledge: Knowledge,
  cited: Cited,
  told: readonly ToldCount[],
  add: Add,
): void {
  const isOfRun = OF_RUN.test(sentence);
  checkSides(sentence, cited, add);
  const counts = countsIn(sentence);
  for (const { value, noun, word, lead } of counts) {
    if (value === 1 && /\bone\b/i.test(sentence)) continue;
    const known = new Set(knowledge.counts.get(noun));
    const beside = told.filter((one) => one.noun === noun && (!one.isBeside || IN_RUN.test(sentence)));
    if (beside.length > 0 && (isOfRun || (counts.length === 1 && BY_RUN.test(sentence)))) {
      if (!beside.some((one) => bearsCount(lead, value, one.value)))
        add('claim.count', `'${humanCount(value)} ${word}' is a count that the evidence does not show.`);
      continue;
    }
    for (const one of beside) known.add(one.value);
    if (noun === 'event' && OF_INCIDENT.test(sentence) && !/\bof (?:all |the |these |those )+\d/i.test(sentence)) {
      known.clear();
      for (const n of [knowledge.flowCount, ...cited.detections.map(({ flowCount }) => flowCount)]) known.add(n);
    }
    for (const { peerCount, flowCount, recordCount } of cited.detections) {
      if (noun === 'host') known.add(peerCount);
      if (noun === 'event') known.add(flowCount);
      if (noun === 'row' && recordCount !== undefined) known.add(recordCount);
    }
    // Beside a detection its flows are a choice of all; 'these 2 flows' are those that are cited.
    if (cited.detections.length === 0 || /\b(?:these|cited|shown|listed)\b/i.test(sentence))
      for (const n of citedCounts(noun, cited.flows)) known.add(n);
    else if (noun === 'packet') for (const n of citedCounts(noun, cited.flows)) known.add(n);
    // A rate that code did not compute is one that nobody can look up.
    if (known.size === 0 && !noun.endsWith(' rate')) continue;
    const fits = [...known].some((fact) => bearsCount(lead, value, fact));
    if (!fits) add('claim.count', `'${humanCount(value)} ${word}' is a count that the evidence does not show.`);
  }
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
