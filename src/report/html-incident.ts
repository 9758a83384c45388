import type { Claim, JudgedIncident } from '../analyst/index.ts';
import { counted, humanBytes, humanCount, humanDuration, safeText } from '../core/index.ts';
import type { FlowRecord } from '../flow/index.ts';
import {
  type Evidence,
  type HostReference,
  type IncidentDetection,
  type RelatedIncident,
  type Role,
  roleOf,
  type Severity,
  type Technique,
  WHOLE_TABLE,
} from '../incident/index.ts';
import { type Html, html, type Part } from './escape.ts';
import { incidentRemarks } from './feedback-words.ts';
import { opinionParts, proposalParts } from './html-opinion.ts';
import { cardTable, code, network, separated } from './html-part.ts';
import type { RunSummary } from './result.ts';
import { saidOf } from './said.ts';
import { bar } from './svg.ts';
import {
  clock,
  day,
  endpoint,
  flowNames,
  isOfTable,
  isTimeless,
  keepUnits,
  measured,
  number,
  sameDay,
  span,
  timeOfDay,
} from './words.ts';

/** The incidents of the HTML report: the list of them, and each one with its verdict, its severity sum and its evidence. */

/** Incidents that are written out; those after them are listed. */
export const MAX_FULL_INCIDENTS = 200;
const MAX_LISTED_INCIDENTS = 1000;
const INDEX_ROWS = 25;
/** Incidents whose evidence stands open when the page is opened. */
const OPEN_INCIDENTS = 3;
/** Of the first incidents proposed rules are shown too; incidents.json has all. Flows shown per incident, for the first incidents and for those after them; flows that a sentence cites are always shown. */
const FIRST_INCIDENTS = 25;
const MAX_FLOWS_FIRST = 40;
const MAX_FLOWS_LATER = 6;
const MAX_PEERS_SHOWN = 8;
const MAX_NAME = 80;
const MAX_VALUES = 40;
const MAX_SAID = 5;

type MeasureEvidence = Extract<Evidence, { type: 'measure' }>;
type FlowEvidence = Extract<Evidence, { type: 'flow' }>;
type RecordEvidence = Extract<Evidence, { type: 'record' }>;

export function badge(severity: Severity): Html {
  return html`<span class="badge ${severity}">${severity}</span>`;
}

/** The table of incidents at the head of the section; a long one is folded after its first rows. */
export function incidentIndex(incidents: readonly JudgedIncident[], run: RunSummary): Html {
  const rows = incidents.map((incident, i) =>
    indexRow(incident, run, html`<a href="#incident-${i + 1}">${incident.title}</a>`),
  );
  const rest = rows.slice(INDEX_ROWS);
  return html`${cardTable('index', 'Incidents', rows.slice(0, INDEX_ROWS), { right: [0] })}${
    rest.length > 0 &&
    html`
<details><summary>${humanCount(rest.length)} more incidents</summary>${cardTable('index', 'More incidents', rest, { right: [0] })}</details>`
  }`;
}

/** Incidents that are too many to be written out. */
export function incidentsBeyond(incidents: readonly JudgedIncident[], run: RunSummary): Html {
  const beyond = incidents.slice(MAX_FULL_INCIDENTS);
  if (beyond.length === 0) return html``;
  const listed = beyond.slice(0, MAX_LISTED_INCIDENTS);
  const unlisted = beyond.length - listed.length;
  const caption = html`The ${counted(beyond.length, 'incident')} of lowest urgency, in short; incidents.json has all of them in full.${
    unlisted > 0 && ` The last ${humanCount(unlisted)} are not listed here.`
  }`;
  return html`<h3 id="incidents-beyond" class="plain">Incidents in short</h3>
${cardTable(
  'index',
  'Incidents in short',
  listed.map((incident) => indexRow(incident, run, html`${incident.title}`)),
  { right: [0], caption },
)}`;
}

function indexRow(incident: JudgedIncident, run: RunSummary, what: Html): Html {
  const oneDay = run.firstMs !== undefined && run.lastMs !== undefined && sameDay(run.firstMs, run.lastMs);
  const length = incident.lastMs - incident.firstMs;
  const known = oneDay ? timeOfDay(incident.firstMs) : clock(incident.firstMs);
  const [from, lasted] = isTimeless(incident)
    ? ['unknown', 'unknown']
    : [known, length >= 1 ? humanDuration(length) : 'a moment'];
  return html`
<tr><th scope="row" class="r">${incident.rank}</th><td>${badge(incident.severity)}</td><td><span>${what}</span></td><td><span>${separated(
    isOfTable(incident) ? ['the table'] : incident.actors.slice(0, 2).map((actor) => code(actor.address, 45)),
    ', ',
  )}${incident.actors.length > 2 && html` and ${humanCount(incident.actors.length - 2)} more`}</span></td><td><span class="nb">${from}</span></td><td><span class="nb">${
    lasted
  }</span></td><td>${incident.verdict.assessment}</td></tr>`;
}

/**
 * @param position of the incident in the report, from 1; ids of elements are made of it alone
 * @param positions of the incidents that are written out, by id
 */
export function incidentArticle(
  incident: JudgedIncident,
  position: number,
  run: RunSummary,
  positions: ReadonlyMap<string, number>,
): Html {
  const { verdict } = incident;
  const anchors = evidenceAnchors(incident, position);
  const cited = new Set(
    [verdict.whatHappened, verdict.whyItMatters, verdict.whatToDoFirst, verdict.whatWouldMakeItInnocent]
      .flat()
      .concat((verdict.opinions ?? []).flatMap((opinion) => opinion.verdict?.whatHappened ?? []))
      .flatMap((claim) => claim.cites),
  );
  const part = (heading: string, claims: readonly Claim[], className = '') =>
    claims.length > 0 &&
    html`
<section class="part${className}"><h4>${heading}</h4><div>${claims.map((claim) => claimLine(claim, anchors))}</div></section>`;
  return html`
<article id="incident-${position}" class="incident ${incident.severity}" aria-labelledby="incident-${position}-h">
<p class="kicker"><span class="rank">${incident.rank}</span>${badge(incident.severity)}<span class="mono">${incident.kind}</span><span class="id mono">${incident.id}</span></p>
<h3 id="incident-${position}-h">${keepUnits(incident.title)}</h3>
${facts(incident, positions)}
${incidentRemarks(incident).map((remark) => html`<p class="note"><bdi>${remark}</bdi></p>`)}<div class="verdict">${part('What happened', verdict.whatHappened)}${part('Why it matters', verdict.whyItMatters)}${part('What to do first', verdict.whatToDoFirst, ' act')}${part(
    'What would make it innocent',
    verdict.whatWouldMakeItInnocent,
  )}
</div>${opinionParts(incident, anchors)}${position <= FIRST_INCIDENTS && proposalParts(incident)}
${evidenceDetails(incident, position, anchors, cited, run)}
${severityDetails(incident)}
<p class="back"><a href="#incidents">All incidents</a></p>
</article>`;
}

/** Where each cited thing stands. The ids in the page are counted here, never taken from the data. */
type Anchors = ReadonlyMap<string, string>;

function evidenceAnchors(incident: JudgedIncident, position: number): Anchors {
  const anchors = new Map<string, string>();
  incident.evidence.forEach((item, i) => {
    anchors.set(item.id, `i${position}-e${i + 1}`);
  });
  incident.detections.forEach((detection, i) => {
    anchors.set(detection.id, `i${position}-d${i + 1}`);
  });
  return anchors;
}

function claimLine(claim: Claim, anchors: Anchors): Html {
  const cites = claim.cites.map((id) => {
    const anchor = anchors.get(id);
    return anchor === undefined
      ? html`<span class="cite">${safeText(id, 12)} is not in the evidence</span>`
      : html`<a class="cite" href="#${anchor}">${safeText(id, 12)}</a>`;
  });
  return html`<p>${keepUnits(claim.text)} <span class="cites">${separated(cites, ' ')}</span></p>`;
}

/** What the two sides are called: the actor of a flood may be the one that suffers it. */
const SIDES: Readonly<Record<Role, readonly [actor: string, peer: string]>> = {
  source: ['Actor', 'Peer'],
  target: ['Target', 'Source'],
  victim: ['Target', 'Peer'],
};

function facts(incident: JudgedIncident, positions: ReadonlyMap<string, number>): Html {
  const lead = incident.detections[0]?.id;
  const reasons = incident.evidence.filter(
    (item): item is MeasureEvidence => item.type === 'measure' && item.detection === lead,
  );
  const [actor, peer] = SIDES[roleOf({ reasons })];
  const { verdict } = incident;
  const peers = incident.peers.slice(0, MAX_PEERS_SHOWN);
  const morePeers = incident.peerCount - peers.length;
  const moreActors = incident.actors.length - MAX_PEERS_SHOWN;
  return html`<dl class="facts">
<dt>When</dt><dd>${span(incident.firstMs, incident.lastMs)}</dd>
<dt>${actor}${incident.actors.length !== 1 && 's'}</dt><dd>${separated(incident.actors.slice(0, MAX_PEERS_SHOWN).map(hostText), ' ')}${moreActors > 0 && ` and ${humanCount(moreActors)} more`}</dd>
${incident.recordCount !== undefined && incident.peerCount === 0 ? undefined : html`<dt>${peer}${incident.peerCount !== 1 && 's'}</dt><dd>${peers.length === 0 ? 'none' : separated(peers.map(hostText), ' ')}${morePeers > 0 && ` and ${humanCount(morePeers)} more`}</dd>`}
${saidRows(incident)}${related(incident, positions)}${
  incident.techniques.length > 0 &&
  html`<dt>ATT&amp;CK</dt><dd><ul>${incident.techniques.map((technique) => html`<li>${techniqueText(technique)}</li>`)}</ul></dd>
`
}<dt>Judgement</dt><dd><strong>${verdict.assessment}</strong>, confidence ${Math.round(verdict.confidence * 100)} %; looks like ${verdict.hypothesis}; advice: <strong>${verdict.action}</strong> <span class="note">(judged by ${verdict.by})</span></dd>
</dl>`;
}

/** The other incidents of the same host, so that they are read as one story, and those that show the same flows. */
function related(incident: JudgedIncident, positions: ReadonlyMap<string, number>): Part {
  const { related: others = [], relatedCount = others.length } = incident;
  if (others.length === 0) return undefined;
  const more = relatedCount - others.length;
  const items = (shares: RelatedIncident['shares']): Part[] =>
    others
      .filter((other) => other.shares === shares)
      .map(({ id, rank, label }) => {
        const position = positions.get(id);
        const words = html`incident ${rank}`;
        return html`${label} (${position === undefined ? words : html`<a href="#incident-${position}">${words}</a>`})`;
      });
  const further = more > 0 && ` and ${humanCount(more)} more`;
  const ofActor = items('actor');
  const ofFlow = items('flow');
  return html`${
    ofActor.length > 0 &&
    html`<dt>The same ${isOfTable(incident) ? 'table' : incident.actors.length === 1 ? 'host' : 'hosts'} also</dt><dd>${separated(ofActor, ', ')}${further}</dd>
`
  }${
    ofFlow.length > 0 &&
    html`<dt>The same flows also</dt><dd>${separated(ofFlow, ', ')}${ofActor.length === 0 && further}</dd>
`
  }`;
}

function hostText(host: HostReference): Html {
  if (isOfTable({ actors: [host] })) return html`<span class="host">the table</span>`;
  return html`<span class="host">${code(host.address, 45)} <span class="tag">${host.home ? 'home' : 'outside'}</span>${host.mac !== undefined && html` <span class="note">${code(host.mac, 17)}</span>`}</span>`;
}

function techniqueText(technique: Technique): Html {
  const known = /^T(\d{4})(?:\.(\d{3}))?$/.exec(technique.id);
  const { name, tactic, reason, firstMs, lastMs } = technique;
  const seen = firstMs !== undefined && lastMs !== undefined && lastMs !== 0 && html` ${span(firstMs, lastMs)}.`;
  const words = html`${name} <span class="note">${tactic}${reason !== undefined && html`${tactic !== '' && ': '}${reason}`}${seen}</span>`;
  if (known === null) return html`${technique.id} ${words}`;
  const path = known[2] === undefined ? `T${known[1]}` : `T${known[1]}/${known[2]}`;
  return html`<a href="https://attack.mitre.org/techniques/${path}/" rel="noreferrer">${technique.id}</a> ${words}`;
}

/** The sum that made the severity, each line with a bar from the sum before it to the sum after it. */
function severityDetails(incident: JudgedIncident): Html {
  const steps = incident.severitySteps;
  let low = 0;
  let high = 0;
  let sum = 0;
  for (const step of steps) {
    sum += step.points;
    low = Math.min(low, sum);
    high = Math.max(high, sum);
  }
  let before = 0;
  const rows = steps.map((step) => {
    const after = before + step.points;
    const row = html`
<tr><th scope="row">${step.rule}</th><td class="r">${signed(step.points)}</td><td class="r">${number(after)}</td><td class="w">${bar(before, after, low, high, step.points < 0 ? 'bar-minus' : 'bar-plus')}</td></tr>`;
    before = after;
    return row;
  });
  return html`<details><summary>How the severity was reached <span class="note">${number(incident.urgency)} points make it ${incident.severity}</span></summary>
<div class="scroll" role="region" tabindex="0" aria-label="Severity of incident ${incident.rank}"><table class="steps"><thead><tr><th scope="col">Rule</th><th scope="col" class="r">Points</th><th scope="col" class="r">Sum</th><th scope="col">From sum to sum</th></tr></thead>
<tbody>${rows}</tbody>
<tfoot><tr><th scope="row">Urgency</th><td></td><td class="r">${number(incident.urgency)}</td><td class="w">${bar(0, incident.urgency, low, high, 'bar-total')}</td></tr></tfoot></table></div></details>`;
}

function signed(points: number): string {
  return points < 0 ? `−${number(-points)}` : `+${number(points)}`;
}

function evidenceDetails(
  incident: JudgedIncident,
  position: number,
  anchors: Anchors,
  cited: ReadonlySet<string>,
  run: RunSummary,
): Html {
  const measures = incident.evidence.filter((item): item is MeasureEvidence => item.type === 'measure');
  const flows = incident.evidence.filter((item): item is FlowEvidence => item.type === 'flow');
  const records = incident.evidence.filter((item): item is RecordEvidence => item.type === 'record');
  const limit = position <= FIRST_INCIDENTS ? MAX_FLOWS_FIRST : MAX_FLOWS_LATER;
  const shown = flows.filter((item, i) => i < limit || cited.has(item.id));
  const shownRecords = records.filter((item, i) => i < limit || cited.has(item.id));
  const owners = new Set(incident.detections.map((detection) => detection.id));
  const orphans = measures.filter((measure) => !owners.has(measure.detection));
  return html`<details${position <= OPEN_INCIDENTS && html` open`}><summary>Evidence <span class="note">${counted(incident.detections.length, 'detection')}, ${counted(measures.length, 'measure')}, ${[
    ...(incident.recordCount === undefined || incident.flowCount > 0
      ? [portion(shown.length, incident.flowCount, 'flow')]
      : []),
    ...(incident.recordCount === undefined ? [] : [portion(shownRecords.length, incident.recordCount, 'row')]),
  ].join(', ')}</span></summary>${incident.detections.map((detection) =>
    detectionBlock(
      detection,
      measures.filter((measure) => measure.detection === detection.id),
      anchors,
    ),
  )}${orphans.length > 0 && measureTable(orphans, anchors, 'Measures')}
${shown.length > 0 && flowTable(shown, flows.length, incident, anchors, run)}${
  shownRecords.length > 0 && recordTable(shownRecords, records.length, incident, anchors)
}</details>`;
}

/** '20 flows', or '20 of 310 flows'. */
function portion(shown: number, total: number, noun: string): string {
  return shown === total ? counted(shown, noun) : `${humanCount(shown)} of ${counted(total, noun)}`;
}

/** Rows of a table: the number, and all that the row holds, column by column; tables have any columns, so they are not columns here. */
function recordTable(
  records: readonly RecordEvidence[],
  kept: number,
  incident: JudgedIncident,
  anchors: Anchors,
): Html {
  const hidden = kept - records.length;
  const caption = html`Rows${hidden > 0 && `; ${humanCount(hidden)} more are in incidents.json`}`;
  const rows = records.map(
    ({ id, row, values }) => html`
<tr id="${anchors.get(id) ?? ''}"><th scope="row" class="mono">${safeText(id, 12)}</th><td class="r">${humanCount(row)}</td><td><dl class="values">${Object.entries(
      values,
    )
      .slice(0, MAX_VALUES)
      .map(
        ([name, value]) =>
          html`<div><dt>${network(name, 40)}</dt><dd>${typeof value === 'number' ? number(value) : network(value, MAX_NAME * 2)}</dd></div>`,
      )}</dl></td></tr>`,
  );
  return cardTable('records', `Rows of incident ${incident.rank}`, rows, { right: [1], caption });
}

function detectionBlock(detection: IncidentDetection, measures: readonly MeasureEvidence[], anchors: Anchors): Html {
  const about: Part[] = [
    html`score ${number(detection.score)} of 1`,
    detection.actor === WHOLE_TABLE ? 'of the table' : html`by ${code(detection.actor, 45)}`,
  ];
  if (detection.port !== undefined) about.push(html`${detection.protocol ?? 'port'} ${detection.port}`);
  if (detection.service !== undefined) about.push(network(detection.service, 30));
  about.push(
    detection.recordCount === undefined ? counted(detection.flowCount, 'flow') : counted(detection.recordCount, 'row'),
    span(detection.firstMs, detection.lastMs),
  );
  return html`
<div class="detection" id="${anchors.get(detection.id) ?? ''}"><h4><span class="mono">${safeText(detection.id, 12)}</span> ${detection.kind}</h4>
<p class="note">${separated(about, ' · ')}</p>
${measures.length > 0 && measureTable(measures, anchors, `Measures of detection ${safeText(detection.id, 12)}`)}</div>`;
}

function measureTable(measures: readonly MeasureEvidence[], anchors: Anchors, label: string): Html {
  const shares = measures.flatMap((measure) => (measure.contribution === undefined ? [] : [measure.contribution]));
  const low = Math.min(0, ...shares);
  const high = Math.max(0, ...shares);
  const rows = measures.map((measure) => {
    const { contribution, threshold } = measure;
    return html`
<tr id="${anchors.get(measure.id) ?? ''}"><th scope="row" class="mono">${safeText(measure.id, 12)}</th><td><span>${keepUnits(measure.sentence)}<small class="mono">${measure.name}</small></span></td><td class="r">${network(
      measured(measure.value, measure.unit),
      60,
    )}</td><td class="r">${threshold !== undefined && measured(threshold, measure.unit)}</td>${
      shares.length > 0 &&
      html`<td>${
        contribution !== undefined &&
        html`<span class="share"><span class="r">${contribution.toFixed(2)}</span>${bar(0, contribution, low, high, contribution < 0 ? 'bar-minus' : 'bar-plus')}</span>`
      }</td>`
    }</tr>`;
  });
  return cardTable('measures', label, rows, { right: [2, 3], ...(shares.length === 0 && { columns: 4 }) });
}

function flowTable(
  flows: readonly FlowEvidence[],
  kept: number,
  incident: JudgedIncident,
  anchors: Anchors,
  run: RunSummary,
): Html {
  const times = flows.flatMap(({ flow }) => (flow.startMs === undefined ? [] : [flow.startMs]));
  const oneDay = times.every((time) => sameDay(time, incident.firstMs));
  const hidden = kept - flows.length;
  const caption = html`Flows${oneDay && ` of ${day(incident.firstMs)}`}${hidden > 0 && `; ${humanCount(hidden)} more are in incidents.json`}`;
  const rows = flows.map(({ id, flow }) => flowRow(id, flow, anchors, oneDay, run.inputs.length > 1));
  return cardTable('flows', `Flows of incident ${incident.rank}`, rows, { right: [4, 5, 8], caption });
}

function flowRow(id: string, flow: FlowRecord, anchors: Anchors, oneDay: boolean, manyInputs: boolean): Html {
  const start = flow.startMs === undefined ? '' : oneDay ? timeOfDay(flow.startMs, 3) : clock(flow.startMs, 3);
  const { service, serviceBasis, tcpState, outcome, communityId } = flow;
  const icmp = flow.icmpType === undefined ? '' : ` ${flow.icmpType}/${flow.icmpCode ?? 0}`;
  const protocol = html`${safeText(flow.protocol ?? '', 20)}${icmp}${
    service !== undefined && html`<small>${safeText(service, 20)}${serviceBasis === 'port' && ' by port'}</small>`
  }`;
  const ends = html`${code(endpoint(flow.initiator, flow.initiatorPort))}<br>→ ${code(endpoint(flow.responder, flow.responderPort))}${
    communityId !== undefined && html`<small class="mono">${safeText(communityId, 60)}</small>`
  }`;
  const state = [tcpState, outcome].flatMap((word) => (word === undefined ? [] : [safeText(word, 20)]));
  const stateCell =
    state.length > 0 && html`<span>${state[0]}${state[1] !== undefined && html`<small>${state[1]}</small>`}</span>`;
  const names = flowNames(flow, MAX_NAME).map(
    ({ label, text }) => html`<span><small>${label}</small>${network(text, MAX_NAME * 10)}</span>`,
  );
  const frame =
    flow.firstFrame !== undefined &&
    html`<span>${humanCount(flow.firstFrame)}${manyInputs && flow.input !== undefined && html`<small>input ${flow.input}</small>`}</span>`;
  const cells: Part[] = [
    html`<td><span class="nb">${start}</span></td>`,
    html`<td><span>${ends}</span></td>`,
    html`<td><span>${protocol}</span></td>`,
    html`<td class="r">${pair(flow.initiatorPackets, flow.responderPackets, humanCount)}</td>`,
    html`<td class="r">${pair(flow.initiatorBytes, flow.responderBytes, humanBytes)}</td>`,
    html`<td>${stateCell}</td>`,
    html`<td>${names}</td>`,
    html`<td class="r">${frame}</td>`,
  ];
  return html`
<tr id="${anchors.get(id) ?? ''}"><th scope="row" class="mono">${safeText(id, 12)}</th>${cells}</tr>`;
}

function pair(out: number | undefined, back: number | undefined, format: (value: number) => string): Part {
  if (out === undefined && back === undefined) return undefined;
  const text = (value: number | undefined) => (value === undefined ? '?' : format(value));
  return html`<span>${text(out)} / ${text(back)}</span>`;
}

/** What a flag, a rule of another sensor or a plugin says, in the words of its author: a line for each kind of author. */
function saidRows(incident: JudgedIncident): Html[] {
  const said = saidOf(incident);
  return [...new Set(said.map(({ by }) => by))].map((by) => {
    const texts = said.filter((one) => one.by === by).map(({ text }) => html`<li>${network(text, 300)}</li>`);
    const more = texts.length - MAX_SAID;
    return html`<dt>${by}${texts.length !== 1 && 's'}</dt><dd><ul>${texts.slice(0, MAX_SAID)}${more > 0 && html`<li>and ${humanCount(more)} more</li>`}</ul></dd>
`;
  });
}
