import { humanCount } from '../../core/index.ts';
import { answeredFlow, type Cited, type Knowledge } from './knowledge.ts';
import { OUTCOME } from './outcome.ts';
import {
  ARTICLES,
  ATTEMPTS,
  AUXILIARIES,
  BEFORE_NOUN,
  CLAUSE_BREAKS,
  HEDGES,
  MODALS,
  NEGATIONS,
  NOUN_BEFORE,
  SUPPORTED,
  type Verb,
} from './verb-list.ts';
import { type Add, numberOf, type Token } from './words.ts';

export function checkVerbs(
  words: readonly Token[],
  knowledge: Knowledge,
  cited: Cited,
  facts: boolean,
  add: Add,
): void {
  for (const [i, token] of words.entries()) {
    const { verb } = token;
    if (verb === undefined) continue;
    const before = words.slice(Math.max(0, clauseStart(words, i)), i).map(({ word }) => word);
    const isAdjective = verb.participle && BEFORE_NOUN.test(words[i + 1]?.word ?? '') && verb.group !== 'connect';
    const isThought =
      before.some((word, k) => HEDGES.has(word) && (before.length - k <= 5 || !MODALS.has(word))) ||
      words.some(
        ({ word }, k) => word === 'it' && (words[k + 1]?.word === 'seems' || words[k + 1]?.word === 'appears'),
      ) ||
      (before.at(-1) === 'to' && before.some((word) => ATTEMPTS.has(word))) ||
      (before.at(-1) === 'to' && !before.some((word) => AUXILIARIES.has(word)) && !facts);
    // 'an encrypted one', 'the infected machine': said of a thing, not of what somebody did.
    // 'signs of compromise': a noun.
    const isNoun = !verb.participle && !token.word.endsWith('ing') && NOUN_BEFORE.has(before.at(-1) ?? '');
    if (isThought || isNoun || (verb.participle && ARTICLES.has(before.at(-1) ?? ''))) continue;
    const isNegated = before.some((word) => NEGATIONS.has(word) || word.endsWith("n't"));
    const subject = words.slice(clauseStart(words, i), i).some(({ address }) => address !== undefined);
    if (!facts && !subject) continue;
    if (!supported(verb, isNegated, knowledge, cited))
      add('claim.verb', `Nothing shows that somebody ${isNegated ? 'never ' : ''}'${token.word}'.`);
    else if (OUTCOME[verb.group] !== undefined && !isAdjective) checkOutcome(words, i, verb, isNegated, knowledge, add);
  }
}

/** Where the clause of a word begins: after a mark or a conjunction. */
function clauseStart(words: readonly Token[], at: number): number {
  for (let i = at - 1; i >= 0; i--) {
    const { word } = words[i] ?? { word: '' };
    if (!CLAUSE_BREAKS.has(word)) continue;
    // 'Verify that it ran': what is asked for is not told.
    if (word === 'that' && HEDGES.has(words[i - 1]?.word ?? '')) return i - 1;
    return i + (HEDGES.has(word) ? 0 : 1);
  }
  return 0;
}

function supported(verb: Verb, isNegated: boolean, knowledge: Knowledge, cited: Cited): boolean {
  const { group } = verb;
  if (
    SUPPORTED.some(
      ([prefix, groups]) => groups.includes(group) && knowledge.kinds.some((kind) => kind.startsWith(prefix)),
    )
  )
    return !isNegated || group === 'answer';
  if (group === 'win' || group === 'harm' || group === 'block') return !isNegated && knowledge.sureStems.has(verb.stem);
  if (group === 'answer') {
    if (knowledge.answered !== undefined) return isNegated ? knowledge.answered === 0 : knowledge.answered > 0;
    return isNegated ? !cited.flows.some(answeredFlow) : knowledge.backward.size > 0 || knowledge.stems.has(verb.stem);
  }
  if (isNegated) return group === 'neutral' || group === 'receive' || knowledge.stems.has(verb.stem);
  if (verb.stem === 'reach' && (knowledge.answered ?? 0) > 0) return true;
  if (
    group === 'connect' &&
    cited.flows.some(answeredFlow) &&
    !knowledge.kinds.some((kind) => kind.startsWith('scan.'))
  )
    return true;
  if (group === 'fail')
    return (
      knowledge.stems.has('fail') ||
      cited.flows.some(({ outcome }) => outcome === 'refused' || outcome === 'unanswered')
    );
  if (group === 'refuse')
    return knowledge.stems.has('refus') || cited.flows.some(({ outcome }) => outcome === 'refused');
  if (group === 'receive' || group === 'neutral') return true;
  if (group === 'download')
    return cited.flows.some((flow) => (flow.responderPayloadBytes ?? 0) > (flow.initiatorPayloadBytes ?? 0));
  return knowledge.stems.has(verb.stem);
}

/** A number of things that went in some way must be one that code counted for that way. */
function checkOutcome(
  words: readonly Token[],
  at: number,
  verb: Verb,
  isNegated: boolean,
  { outcomes }: Knowledge,
  add: Add,
): void {
  const outcome = OUTCOME[verb.group];
  const subject = words.slice(clauseStart(words, at), at);
  const values = subject.map(({ word }) => numberOf(word)).filter((number) => number !== undefined);
  // '4 of the 212 hosts': one of the numbers is that of those that answered.
  const value = values.at(-1);
  if (outcome === undefined || value === undefined || isNegated || outcomes.size === 0) return;
  const counted = [...outcomes]
    .filter((entry) => entry.endsWith(` ${outcome}`))
    .map((entry) => Number(entry.split(' ')[0]));
  if (counted.length > 0 && !counted.some((number) => values.some((one) => Math.round(number) === Math.round(one))))
    add('claim.verb', `'${humanCount(value)}' is not how many ${outcome}.`);
}
