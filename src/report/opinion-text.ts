import {
  type JudgedIncident,
  type NetworkReference,
  type Opinion,
  REFERENCE_MEANINGS,
  References,
  resolveReferences,
} from '../analyst/index.ts';
import { safeText } from '../core/index.ts';

/** How an opinion of a language model is put into words that are the same wherever it is shown. */

const PLACES: Readonly<Record<Opinion['place'], string>> = {
  machine: 'on this machine',
  network: 'in this network',
  remote: 'outside this network',
};

/** 'qwen2.5:7b, on this machine, as analyst/1'. */
export function opinionAuthor({ by, place, persona }: Opinion): string {
  return `${safeText(by, 100)}, ${PLACES[place]}, as ${safeText(persona, 60)}`;
}

/** Where a model and the rules differ, or that they agree, or why there is nothing of it, in one or a few sentences. */
export function opinionSummary(opinion: Opinion): string {
  const { outcome, message, verdict, disagreements } = opinion;
  if (outcome !== 'answer' || verdict === undefined) return `No opinion (${outcome}): ${safeText(message ?? '', 300)}`;
  return disagreements.length > 0 ? disagreements.join(' ') : 'It agrees with the rules.';
}

/** A claim's text with each reference as the text it stands for, made safe, in the marks that are given. */
export function referenceText(
  text: string,
  references: References,
  show: (reference: NetworkReference) => string = ({ text: meant }) => `“${safeText(meant, 80)}”`,
): string {
  return resolveReferences(text, references)
    .map((piece) =>
      piece.type === 'words' ? piece.text : piece.reference === undefined ? '(an unknown name)' : show(piece.reference),
    )
    .join('');
}

/** The references of an incident that its opinions use, in the order in which they come. */
export function usedReferences(
  incident: JudgedIncident,
  opinion: Opinion,
): { mark: string; meaning: string; text: string }[] {
  const references = new References(incident);
  const { verdict } = opinion;
  if (verdict === undefined) return [];
  const texts = [
    ...[
      verdict.whatHappened,
      verdict.whyItMatters,
      verdict.whatToDoFirst,
      verdict.whatToDoNext,
      verdict.whatWouldMakeItInnocent,
    ]
      .flat()
      .map(({ text }) => text),
    ...verdict.sections.flatMap(({ claims }) => claims.map(({ text }) => text)),
    ...verdict.questions,
  ];
  const used = new Map<string, { mark: string; meaning: string; text: string }>();
  for (const piece of texts.flatMap((text) => resolveReferences(text, references)))
    if (piece.type === 'reference' && piece.reference !== undefined)
      used.set(piece.mark, {
        mark: piece.mark,
        meaning: REFERENCE_MEANINGS[piece.reference.kind],
        text: piece.reference.text,
      });
  return [...used.values()];
}
