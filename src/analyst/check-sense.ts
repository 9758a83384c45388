import type { Incident } from '../incident/index.ts';
import { type CheckOptions, checkClaim, type Problem, type ProblemKind, REFERENCE_TERMS } from './check.ts';
import { plainFigures } from './figures.ts';
import { checkCounts, toldCounts } from './sense/count.ts';
import { checkDirections } from './sense/direction.ts';
import { Cited, knowledgeOf, type MeasureEvidence } from './sense/knowledge.ts';
import { checkNames, type NameOptions } from './sense/name.ts';
import { checkPlaces } from './sense/place.ts';
import { checkTimes } from './sense/time.ts';
import { checkVerbs } from './sense/verbs.ts';
import { ADDRESS, type Add, tokens } from './sense/words.ts';
import type { Claim } from './verdict.ts';

/**
 * Checks what a claim says beyond its addresses and numbers: who did it to whom, what was done and how it went, whether a count is a count of that, whether
 * a time is the beginning or the end, which host is whose, and whether anybody is accused by name.
 *
 * It reads plain English sentences word by word and knows some 150 verbs. A verb that nothing in the incident supports (its kind, the sentences of its measures,
 * the outcomes of its flows, the rules' own verdict) is a problem unless the sentence only thinks of it ('may have', 'if', 'whether', 'tried to'). It errs
 * on the side of leaving a claim out. What it does not see: a false statement in words that it has no verb for, and irony.
 */
export interface SenseOptions extends CheckOptions, NameOptions {
  /** Where the claim stands: in advice, a verb is only judged where a host of the incident did it. Default 'whatHappened'. */
  readonly section?: string;
}

/** All checks of a claim that somebody other than code wrote. */
export function checkStatement(incident: Incident, claim: Claim, where: string, options: SenseOptions = {}): Problem[] {
  return [...checkClaim(incident, claim, where, options), ...checkSense(incident, claim, where, options)];
}

export function checkSense(incident: Incident, claim: Claim, where: string, options: SenseOptions = {}): Problem[] {
  if (incident.evidence.some((item) => item.type === 'measure' && item.sentence === claim.text)) return [];
  const knowledge = knowledgeOf(incident);
  const cited = new Cited(incident, claim.cites);
  const problems: Problem[] = [];
  const add = (kind: ProblemKind, message: string): void => {
    if (!problems.some((problem) => problem.message === message)) problems.push({ kind, where, message });
  };
  let text = plainFigures(claim.text.replace(/\{\{[^{}]*\}\}/g, ' REF ').replace(/[“”"]/g, ' '));
  // What a technique is called says nothing of what was done.
  for (const name of knowledge.techniqueNames) text = text.replaceAll(name, 'technique');
  for (const term of REFERENCE_TERMS) text = text.replaceAll(term, ' ');
  // Counts of the context facts that the claim cites.
  const told = (options.context ?? []).flatMap((fact) => (claim.cites.includes(fact.id) ? toldCounts(fact.text) : []));
  const facts = options.section === undefined || options.section === 'whatHappened';
  for (const sentence of text.split(/(?<=[.!?;])\s+|\s+[–—]\s+/)) {
    const words = tokens(sentence, knowledge);
    checkPlaces(sentence, knowledge, add);
    checkDirections(words, sentence, knowledge, cited, add);
    checkVerbs(words, knowledge, cited, facts, add);
    checkCounts(sentence, knowledge, cited, told, add);
  }
  checkTimes(text, incident, cited, add);
  checkRetold(incident, claim.text, add);
  checkNames(text, knowledge, options, add);
  return problems;
}

/** A measure's sentence in which only addresses, numbers or times are others than in the measure. */
function checkRetold(incident: Incident, text: string, add: Add): void {
  const masked = mask(text);
  const same = incident.evidence.filter(
    (item): item is MeasureEvidence => item.type === 'measure' && mask(item.sentence) === masked,
  );
  if (same.length > 0 && masked !== text && !same.some(({ sentence }) => sentence === text))
    add('claim.number', 'The sentence is that of a measure, with other facts in it.');
}

function mask(text: string): string {
  return text.replace(ADDRESS, '#').replace(/\d[\d,.]*\d|\d/g, '#');
}
