import { VERBS, type VerbGroup } from './verb-list.ts';
import { wordsOf } from './words.ts';

/** How a thing went, under one word. */
export const OUTCOME: Readonly<Partial<Record<VerbGroup, string>>> = {
  answer: 'answered',
  refuse: 'refused',
  fail: 'failed',
};

/** '150 unanswered', '98.1 failed': numbers and how what they count went. */
export function outcomesIn(text: string): string[] {
  return [...failuresIn(text), ...clauseOutcomes(text)];
}

/** 'N stayed without an answer, M were refused': what both did is to fail. */
function failuresIn(text: string): string[] {
  const found = /(?<![\w.,])(\d[\d,]*) (?:stayed without an answer|got no answer), (\d[\d,]*) were refused/.exec(text);
  const [, percent] = /(?<![\w.,])(\d+(?:\.\d+)?) % of these first contacts failed/.exec(text) ?? [];
  const rest = percent === undefined ? [] : [`${100 - Number(percent)} answered`];
  if (found === null) return rest;
  const [silent, refused] = [found[1], found[2]].map((digits) => Number((digits ?? '').replaceAll(',', ''))) as [
    number,
    number,
  ];
  return [...rest, ...[silent, refused, silent + refused].map((number) => `${number} failed`)];
}

function clauseOutcomes(text: string): string[] {
  return text.split(/[,;:.](?=\s|$)|\band\b/).flatMap((clause) => {
    const found = /(?<![\w.])(\d[\d,]*(?:\.\d+)?)/.exec(clause);
    if (found === null) return [];
    return Object.entries(OUTCOME).flatMap(([group, outcome]) =>
      wordsOf(clause).some((word) => VERBS.get(word.toLowerCase())?.group === group)
        ? [`${Number((found[1] ?? '').replaceAll(',', ''))} ${outcome}`]
        : [],
    );
  });
}
