import { parseAddress } from '../../wire/index.ts';
import type { ProblemKind } from '../check.ts';
import { VERBS, type Verb } from './verb-list.ts';

/** How a check of a sentence tells what it found. */
export type Add = (kind: ProblemKind, message: string) => void;

export const ADDRESS =
  /(?<![\w:.-])(?:[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}|\d+\.\d+\.\d+\.\d+|(?=[0-9a-f:.]*:[0-9a-f]*:)(?!\d{1,2}:\d{2}:\d{2}(?![0-9a-f:]))[0-9a-f:][0-9a-f:.]*[0-9a-f:])(?![\w])/gi;

export function normal(text: string): string {
  const parsed = parseAddress(text);
  return parsed === undefined
    ? text.toLowerCase().replaceAll('-', ':')
    : parsed.words.map((word) => word >>> 0).join('.');
}

export function wordsOf(text: string): string[] {
  return text.match(/[\p{L}][\p{L}\p{N}&'’/-]*/gu) ?? [];
}

export interface Token {
  readonly word: string;
  /** In one form, where it is an address of the incident. */
  readonly address?: string;
  readonly verb?: Verb;
  readonly comma: boolean;
}

export function tokens(sentence: string, { home }: { readonly home: ReadonlyMap<string, boolean> }): Token[] {
  const marked = sentence.replace(ADDRESS, (token) => ` @${token}@ `);
  const found = [...marked.matchAll(/@[^@\s]+@|[\p{L}\p{N}%][\p{L}\p{N}.'’&/%-]*|->|→|>|[,()]/gu)].map(
    ([word]): Token => {
      if (word.startsWith('@')) {
        const address = normal(word.slice(1, -1));
        return home.has(address)
          ? { word: word.slice(1, -1), address, comma: false }
          : { word: word.slice(1, -1), comma: false };
      }
      const plain = word.replace(/[.]+$/, '').toLowerCase();
      const verb = VERBS.get(plain);
      return { word: plain, ...(verb === undefined ? {} : { verb }), comma: /^[,()]$/.test(word) };
    },
  );
  return found.map((token, i) => {
    const { verb, ...noun } = token;
    return verb === undefined || !isNoun(verb, token.word, found[i - 1]?.word ?? '') ? token : noun;
  });
}

export const NUMBER_WORDS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  );

export function numberOf(word: string): number | undefined {
  const index = NUMBER_WORDS.indexOf(word.toLowerCase());
  if (index >= 0) return index;
  const plain = word.replace(/[.%]+$/, '').replaceAll(',', '');
  return /^\d+(?:\.\d+)?$/.test(plain) ? Number(plain) : undefined;
}

/** 'the queries of A', '840 queries', 'DNS requests': things, and no deeds. */
function isNoun(verb: Verb, word: string, before: string): boolean {
  return !verb.participle && !word.endsWith('ing') && (BEFORE_THING.has(before) || /^\d[\d,]*$/.test(before));
}

const BEFORE_THING: ReadonlySet<string> = new Set(
  'the a an no its their his of for by with whole entire same these those each any such other many several more further unique distinct different dns http arp snmp ldap smb icmp echo'.split(
    ' ',
  ),
);
