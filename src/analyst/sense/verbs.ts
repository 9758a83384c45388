import { humanCount } from '../../core/index.ts';
import type { FlowRecord } from '../../flow/index.ts';
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
  type VerbGroup,
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
    if (token.verb === undefined) continue;
    const verb = inContext(token.verb, words, i, knowledge);
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
    // But to speak of 'the infected hosts' says that they are.
    const isAttribute =
      verb.participle &&
      ARTICLES.has(before.at(-1) ?? '') &&
      !(
        facts &&
        !/^(?:an?|any)$/.test(before.at(-1) ?? '') &&
        ACCUSING.has(verb.group) &&
        HOST_NOUN.test(words[i + 1]?.word ?? '')
      );
    if (isThought || isNoun || isAttribute) continue;
    // 'Without encryption, A logged in': it did log in.
    const isNegated = before.some((word, k) =>
      word === 'without' ? before.length - k <= 2 : NEGATIONS.has(word) || word.endsWith("n't"),
    );
    const subject = words.slice(clauseStart(words, i), i).some(({ address }) => address !== undefined);
    if (!facts && !subject) continue;
    // In advice 'the port to which A is connected' tells where A is, not what it did.
    if (!facts && verb.group === 'connect' && AUXILIARIES.has(before.at(-1) ?? '')) continue;
    if (
      verb.group === 'answer' && isNegated
        ? !silenceShown(words, i, knowledge, cited)
        : !supported(verb, isNegated, knowledge, cited)
    )
      add('claim.verb', `Nothing shows that somebody ${isNegated ? 'never ' : ''}'${token.word}'.`);
    else if (OUTCOME[verb.group] !== undefined && !isAdjective) checkOutcome(words, i, verb, isNegated, knowledge, add);
  }
}

const ACCUSING: ReadonlySet<VerbGroup> = new Set(['harm', 'win', 'spoof', 'upload']);
const HOST_NOUN = /^(?:hosts?|machines?|addresses|ports?|systems?|devices?|servers?|computers?|files|targets?)$/;

/** A verb as it is meant here; undefined where it tells nothing that could be wrong. */
function inContext(verb: Verb, words: readonly Token[], i: number, { accepted, kinds }: Knowledge): Verb | undefined {
  const following = words.slice(i + 1, i + 5).map(({ word }) => word);
  const clause = words.slice(clauseStart(words, i), i).map(({ word }) => word);
  // 'It ran from 11:32 to 11:33': it lasted.
  if (verb.stem === 'run' && /^(?:from|for|until|between|over)$/.test(following[0] ?? '')) return undefined;
  // 'The attempts stopped at 22:47': nobody stopped them.
  if (verb.stem === 'stop' && /^(?:at|after|when|before|around|shortly|again)$/.test(following[0] ?? ''))
    return undefined;
  // 'a scan launched by A': who did it is looked at elsewhere.
  if (
    verb.group === 'run' &&
    /^(?:scan|scans|attack|attacks|flood|sweep|search|probe|probes|guessing|campaign)$/.test(words[i - 1]?.word ?? '')
  )
    return undefined;
  // To transfer files is to upload them; to transfer 1.7 kB is to send.
  if (
    verb.stem === 'transfer' &&
    following.some((word) =>
      /^(?:files?|documents?|passwords?|credentials|secrets|databases?|malware|payloads?)$/.test(word),
    )
  )
    return { ...verb, group: 'upload' };
  if (
    verb.group === 'win' &&
    verb.stem === 'succeed' &&
    accepted &&
    clause.some((word) => /^(?:logins?|log-in|authentication|account)$/.test(word))
  )
    return { ...verb, group: 'neutral' };
  // Who gets answers to what it never sent.
  if (
    kinds.some((kind) => kind.startsWith('flood.backscatter')) &&
    verb.group === 'connect' &&
    clause.some((word) => NEGATIONS.has(word))
  )
    return undefined;
  return verb;
}

/** Whether those of whom a sentence says that they did not answer did not: one by its address, a number of them, most, or all. */
function silenceShown(words: readonly Token[], i: number, knowledge: Knowledge, cited: Cited): boolean {
  const { answeredBy, silent, silentShare, answered } = knowledge;
  const subject = words.slice(clauseStart(words, i), i);
  const addresses = subject.flatMap(({ address }) => address ?? []);
  if (addresses.length > 0) return addresses.every((address) => answeredBy.get(address) === false);
  const numbers = subject.flatMap(({ word }) => (word.endsWith('%') ? [] : (numberOf(word) ?? [])));
  // 'None of the nine answered', 'no host answered': nobody did.
  const isNobody = subject.some(({ word }) => /^(?:no|none|nobody|nothing|neither|zero)$/.test(word));
  if (!isNobody && numbers.some((number) => silent.has(number))) return true;
  if (!isNobody && subject.some(({ word }) => /^(?:most|nearly|almost|majority|virtually|practically)$/.test(word)))
    return (silentShare ?? 0) > 0.5;
  if (!isNobody && numbers.length > 0) return false;
  if (answered !== undefined) return answered === 0;
  return !cited.flows.some(answeredFlow);
}

/** Where the clause of a word begins: after a mark or a conjunction. */
function clauseStart(words: readonly Token[], at: number): number {
  for (let i = at - 1; i >= 0; i--) {
    const { word } = words[i] ?? { word: '' };
    if (!CLAUSE_BREAKS.has(word)) continue;
    // 'Verify that it ran': what is asked for is not told.
    if (word === 'that' && HEDGES.has(words[i - 1]?.word ?? '')) return i - 1;
    // 'There is no evidence that it did': nothing shows it.
    if (word === 'that' && /^(?:evidence|indication|indications|sign|signs|proof)$/.test(words[i - 1]?.word ?? ''))
      return Math.max(0, i - 3);
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
    return (
      !isNegated ||
      group === 'answer' ||
      ((group === 'send' || group === 'upload') && cited.flows.length > 0 && cited.flows.every(isEmpty))
    );
  // 'Not one of the attempts succeeded': nothing answered.
  if (group === 'win' && isNegated) return knowledge.answered === 0 || knowledge.silentShare === 1;
  if (group === 'win' || group === 'harm' || group === 'block') return !isNegated && knowledge.sureStems.has(verb.stem);
  if (group === 'answer') {
    if (knowledge.answered !== undefined) return isNegated ? knowledge.answered === 0 : knowledge.answered > 0;
    return isNegated ? !cited.flows.some(answeredFlow) : knowledge.backward.size > 0 || knowledge.stems.has(verb.stem);
  }
  // 'No payload was transferred'
  if (isNegated && (group === 'send' || group === 'upload'))
    return knowledge.stems.has('payload') && cited.flows.every(isEmpty);
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
  if (group === 'login' && (knowledge.accepted || cited.flows.some(({ login }) => login !== undefined))) return true;
  if (group === 'download')
    return cited.flows.some((flow) => (flow.responderPayloadBytes ?? 0) > (flow.initiatorPayloadBytes ?? 0));
  return knowledge.stems.has(verb.stem);
}

function isEmpty({ initiatorPayloadBytes = 0, responderPayloadBytes = 0 }: FlowRecord): boolean {
  return initiatorPayloadBytes === 0 && responderPayloadBytes === 0;
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
  const shares = subject.flatMap(({ word }, i) =>
    subject[i + 1]?.word === '%' || word.endsWith('%') ? (numberOf(word) ?? []) : [],
  );
  // '4 of the 212 hosts': one of the numbers is that of those that answered.
  const value = values.at(-1);
  if (outcome === undefined || value === undefined || isNegated || outcomes.size === 0) return;
  const counted = [...outcomes]
    .filter((entry) => entry.endsWith(` ${outcome}`))
    .map((entry) => Number(entry.split(' ')[0]));
  if (
    counted.length > 0 &&
    !counted.some(
      (number) =>
        values.some((one) => Math.round(number) === Math.round(one)) ||
        // A share may be told roughly; how far is looked at elsewhere.
        shares.some((one) => Math.abs(one - number) <= 0.12 * number),
    )
  )
    add('claim.verb', `'${humanCount(value)}' is not how many ${outcome}.`);
}
