import {
  type Claim,
  type JudgedIncident,
  type Opinion,
  proposeRules,
  References,
  resolveReferences,
} from '../analyst/index.ts';
import { counted, safeText } from '../core/index.ts';
import { type Html, html, type Part } from './escape.ts';
import { network, separated } from './html-part.ts';
import { opinionAuthor, opinionSummary } from './opinion-text.ts';
import { keepUnits } from './words.ts';

/**
 * What language models think of an incident, below the verdict of the rules: who wrote it, where they differ, and what was left out. References become
 * the text of the network that they stand for here, escaped and isolated.
 *
 * @param anchors where each piece of evidence stands in the page
 */
export function opinionParts(incident: JudgedIncident, anchors: ReadonlyMap<string, string>): Part {
  const { opinions = [] } = incident.verdict;
  if (opinions.length === 0) return undefined;
  const references = new References(incident);
  return opinions.map((opinion) => opinionPart(opinion, references, anchors));
}

function opinionPart(opinion: Opinion, references: References, anchors: ReadonlyMap<string, string>): Html {
  const { verdict, disagreements, context, claimsDropped } = opinion;
  const differs = disagreements.length > 0;
  const summary = html`<p>${differs ? html`<strong>${opinionSummary(opinion)}</strong>` : opinionSummary(opinion)}</p>`;
  if (verdict === undefined)
    return html`
<details class="opinion"><summary>Language model <span class="note">${opinionAuthor(opinion)}: no opinion</span></summary>${summary}${
      opinion.hint !== undefined && html`<p class="note">${opinion.hint}</p>`
    }</details>`;
  const known = new Map(context.map(({ id, text }) => [id, text]));
  const line = (claim: Claim): Html =>
    html`<p>${words(claim.text, references)} <span class="cites">${separated(
      claim.cites.map((id) => cite(id, anchors, known)),
      ' ',
    )}</span></p>`;
  const part = (heading: string, claims: readonly Claim[]): Part =>
    claims.length > 0 &&
    html`
<section class="part"><h4>${heading}</h4><div>${claims.map(line)}</div></section>`;
  return html`
<details class="opinion"${differs && html` open`}><summary>Language model <span class="note">${opinionAuthor(opinion)}: ${verdict.assessment}, confidence ${Math.round(
    verdict.confidence * 100,
  )} %; looks like ${verdict.hypothesis}; advice: ${verdict.action}${differs && html`; <strong>differs from the rules</strong>`}</span></summary>
${summary}<p class="note">Written by a language model; every claim was checked against the evidence. The severity and the judgement above are those of the rules.</p>
<div class="verdict">${part('What happened', verdict.whatHappened)}${part('Why it matters', verdict.whyItMatters)}${part('What to do first', verdict.whatToDoFirst)}${part(
    'What to do next',
    verdict.whatToDoNext,
  )}${part('What would make it innocent', verdict.whatWouldMakeItInnocent)}${verdict.sections.map(({ id, claims }) =>
    part(title(id), claims),
  )}${
    verdict.questions.length > 0 &&
    html`
<section class="part"><h4>Questions for the owner</h4><div>${verdict.questions.map((question) => html`<p>${words(question, references)}</p>`)}</div></section>`
  }</div>${
    context.length > 0 &&
    html`<ul class="list">${context.map(({ id, text }) => html`<li><span class="mono">${safeText(id, 12)}</span> ${keepUnits(text)}</li>`)}</ul>`
  }${
    claimsDropped > 0 &&
    html`<p class="note">${counted(claimsDropped, 'claim')} of the model ${claimsDropped === 1 ? 'was' : 'were'} left out, because the evidence does not show what ${claimsDropped === 1 ? 'it says' : 'they say'}.</p>`
  }</details>`;
}

/** 'Attack path' for 'attack-path'. */
function title(id: string): string {
  const text = safeText(id.replaceAll('-', ' '), 60);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function words(text: string, references: References): Part {
  return resolveReferences(text, references).map((piece) =>
    piece.type === 'words'
      ? keepUnits(piece.text)
      : piece.reference === undefined
        ? '(an unknown name)'
        : html`<span class="mono">${network(piece.reference.text, 80)}</span>`,
  );
}

function cite(id: string, anchors: ReadonlyMap<string, string>, context: ReadonlyMap<string, string>): Html {
  const anchor = anchors.get(id);
  if (anchor !== undefined) return html`<a class="cite" href="#${anchor}">${safeText(id, 12)}</a>`;
  return context.has(id)
    ? html`<span class="cite">${safeText(id, 12)}</span>`
    : html`<span class="cite">${safeText(id, 12)} is not in the evidence</span>`;
}

/** Rules that code proposes for firewalls and Suricata; nothing runs them. */
export function proposalParts(incident: JudgedIncident): Part {
  const proposals = proposeRules(incident, incident.verdict);
  if (proposals.length === 0) return undefined;
  return html`
<details class="proposals"><summary>Proposed rules <span class="note">to read and change before use; nothing has been done with them</span></summary>${proposals.map(
    ({ tool, purpose, text, cites }) => html`
<p>${purpose} <span class="note">${tool}; ${cites.join(' ')}</span></p><p class="mono rule">${separated(text.split('\n'), html`<br>`)}</p>`,
  )}</details>`;
}
