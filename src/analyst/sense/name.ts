import type { ContextFact } from '../check.ts';
import { COMMON_WORDS, KNOWN_NAMES, PLAIN_ENDING, SENTENCE_STARTERS, TRADE_WORDS } from '../plain-words.ts';
import type { Knowledge } from './knowledge.ts';
import { stem } from './stem.ts';
import { type Add, wordsOf } from './words.ts';

/** What may be named. */
export interface NameOptions {
  /** Names of groups, malware and tools that the operator's own intelligence gives. */
  readonly intelligence?: readonly string[];
  /** Facts beside the evidence: their words may be said again. */
  readonly context?: readonly ContextFact[];
}

const NATIONS =
  /\b(?:russian|chinese|iranian|north[- ]korean|israeli|american|ukrainian|vietnamese|indian|pakistani|nation[- ]state|state[- ]sponsored|state[- ]backed|government[- ]backed)\b/i;
const ATTRIBUTION =
  /\b(?:attributed to|linked to the|associated with the|hallmark of|signature of|campaign by|work of|operated by(?! (?:your|our|the|its|an?|somebody|someone|whoever)\b))\b/i;
const GROUP_NOUN =
  /\b([\p{L}\p{N}-]+)\s+(?:group|gang|crew|ransomware|botnet|trojan|family|campaign|apt|worm|stealer|loader|implant)\b/giu;
const PLAIN_BEFORE_GROUP: ReadonlySet<string> = new Set(
  'a an the this that any some no same one malware threat hacker attack intrusion criminal of known work user users another each this its larger common typical computer or and device as by network like host management security system'.split(
    ' ',
  ),
);

/** Nobody is accused by name but whom the operator's own intelligence names. Any capitalised word that is no plain or trade word is such a name. */
export function checkNames(text: string, knowledge: Knowledge, options: NameOptions, add: Add): void {
  const allowed = new Set(
    [...(options.intelligence ?? []), ...knowledge.threats].flatMap((name) =>
      wordsOf(name).map((word) => word.toLowerCase()),
    ),
  );
  const context = new Set((options.context ?? []).flatMap((fact) => wordsOf(fact.text)));
  const accuse = (name: string): void =>
    add(
      'claim.attribution',
      `'${name.slice(0, 40)}' may be the name of a group, malware or tool that nothing here names.`,
    );
  const nation = NATIONS.exec(text);
  if (nation !== null) accuse(nation[0]);
  const phrase = ATTRIBUTION.exec(text);
  if (phrase !== null && allowed.size === 0) accuse(phrase[0]);
  for (const [, word = ''] of text.matchAll(GROUP_NOUN)) {
    const lower = word.toLowerCase();
    if (PLAIN_BEFORE_GROUP.has(lower) || allowed.has(lower) || isPlainStart(lower)) continue;
    if (knowledge.stems.has(stem(lower)) || /^(?:mining|backup|service|domain)$/.test(lower)) continue;
    accuse(word);
  }
  for (const match of text.matchAll(/[\p{L}][\p{L}\p{N}&'’/-]*/gu)) {
    const word = match[0].replace(/['’](?:s|re|ve|ll|t)?$/, '');
    const lower = word.toLowerCase();
    if (allowed.has(lower)) continue;
    if (KNOWN_NAMES.has(lower)) {
      accuse(word);
      continue;
    }
    if (!/^\p{Lu}/u.test(word) && !/^\p{L}+\p{Lu}/u.test(word)) continue;
    if (
      TRADE_WORDS.has(word) ||
      TRADE_WORDS.has(word.replace(/s$/, '')) ||
      knowledge.capitals.has(word) ||
      context.has(word)
    )
      continue;
    if (/^T\d{4}/.test(word) || /^[AP]M$/.test(word)) continue;
    const parts = word.split(/[-/]/);
    if (parts.length > 1 && parts.every((part) => TRADE_WORDS.has(part) || !/^\p{Lu}/u.test(part))) continue;
    const rest = text.slice(match.index + match[0].length);
    const isFirst = /(?:^|[.!?:;]\s|\n)\s*[('‘]?$/.test(text.slice(0, match.index));
    if (
      isFirst &&
      /^\p{Lu}\p{Ll}*(?:[-'’]\p{Ll}+)*$/u.test(word) &&
      (isPlainStart(lower) || knowledge.stems.has(stem(lower)) || IMPERATIVE.test(rest))
    )
      continue;
    accuse(word);
  }
}

/** After the first word of a sentence: that was a verb in the imperative, 'Interview the user'. */
const IMPERATIVE =
  /^ (?:the|an?|all|any|every|each|your|its|their|this|these|those|whether|that|with|if|when|where|how|what)\b/;

const STARTER_STEMS: ReadonlySet<string> = new Set([...SENTENCE_STARTERS].map(stem));

function isPlainStart(lower: string): boolean {
  // 'Reinstall', 'Unplug'
  const root = /^(?:re|un)-?(.{4,})$/.exec(lower)?.[1];
  if (root !== undefined && (SENTENCE_STARTERS.has(root) || COMMON_WORDS.has(root))) return true;
  return (
    SENTENCE_STARTERS.has(lower) ||
    COMMON_WORDS.has(lower) ||
    PLAIN_ENDING.test(lower) ||
    STARTER_STEMS.has(stem(lower))
  );
}
