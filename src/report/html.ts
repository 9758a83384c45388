import { counted, humanBytes, humanCount, humanDuration, safeText } from '../core/index.ts';
import { type Html, html, trusted } from './escape.ts';
import { budgetSentence, feedbackSentences } from './feedback-words.ts';
import { devicesSection } from './html-device.ts';
import { driftSection } from './html-drift.ts';
import { incidentArticle, incidentIndex, incidentsBeyond, MAX_FULL_INCIDENTS } from './html-incident.ts';
import { network } from './html-part.ts';
import { hostsSection, howMadeSection, notSeenSection } from './html-rest.ts';
import { STYLE, styleHash } from './html-style.ts';
import { tableSection } from './html-table.ts';
import type { AnalysisResult } from './result.ts';
import { iconDataUrl, timelineChart } from './svg.ts';
import { fileName, SEVERITY_ORDER, severityWords, span } from './words.ts';

/**
 * The report as one HTML file that needs nothing else: no script, no font, no picture, no request of any kind, so it can be opened from a disk, sent by
 * mail or printed. Its content security policy allows its own style sheet by hash and nothing more, so that even a mistake in the escaping below would
 * find nothing to run it. The first 200 incidents are written out, those after them are listed, and everything is in incidents.json.
 */
export function renderHtml(result: AnalysisResult): string {
  return [...renderHtmlParts(result)].join('');
}

/** The same page in parts, an incident each. */
export function* renderHtmlParts(result: AnalysisResult): Generator<string> {
  const { run } = result;
  const policy = `default-src 'none'; style-src '${styleHash()}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const title = inputTitle(result);
  yield html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="generator" content="${run.tool.name} ${run.tool.version}">
<title>${title}: report by ${run.tool.name}</title>
<link rel="icon" href="${iconDataUrl()}">
<style>${trusted(STYLE)}</style>
</head>
<body>
<a class="skip" href="#incidents">Skip to the incidents</a>
<header class="page top">
<p class="brand">${run.tool.name} report</p>
<h1>${network(title, 160)}</h1>
<p>${run.firstMs !== undefined && run.lastMs !== undefined ? span(run.firstMs, run.lastMs) : result.table === undefined ? 'No packet with a time was read.' : 'The rows have no time.'}</p>
</header>
<nav aria-label="Sections"><ul class="page"><li><a href="#summary">Summary</a></li>${(result.table === undefined || run.firstMs !== undefined) && html`<li><a href="#timeline">Timeline</a></li>`}<li><a href="#incidents">Incidents</a></li>${
    result.table !== undefined && html`<li><a href="#table">Table</a></li>`
  }${(result.devices?.length ?? 0) > 0 && html`<li><a href="#devices">Devices</a></li>`}${(run.hosts > 0 || result.table === undefined) && html`<li><a href="#hosts">Hosts</a></li>`}${run.drift !== undefined && html`<li><a href="#drift">Whether the model still fits</a></li>`}<li><a href="#not-seen">What could not be seen</a></li><li><a href="#how-made">How this was made</a></li></ul></nav>
<main class="page">
${summarySection(result)}
${result.table === undefined || run.firstMs !== undefined ? timelineSection(result) : undefined}
`.text;
  for (const part of incidentsSection(result)) yield part.text;
  yield html`
${tableSection(result.table)}
${devicesSection(result)}
${run.hosts > 0 || result.table === undefined ? hostsSection(result) : undefined}
${driftSection(run.drift)}
${notSeenSection(result)}
${howMadeSection(result)}
</main>
<footer class="page"><p>Written by ${run.tool.name} ${run.tool.version}. This file contains no script and loads nothing from any network. All times are UTC.</p></footer>
</body>
</html>
`.text;
}

/** 'office.pcap' or 'office.pcap and 2 more inputs'. */
function inputTitle(result: AnalysisResult): string {
  const [first, ...others] = result.run.inputs;
  if (first === undefined) return 'No input';
  const name = safeText(fileName(first.name), 120);
  return others.length === 0 ? name : `${name} and ${counted(others.length, 'more input')}`;
}

function summarySection({ run, incidents }: AnalysisResult): Html {
  const total = SEVERITY_ORDER.reduce((sum, severity) => sum + run.severityCounts[severity], 0);
  const [top] = incidents;
  const bad = run.inputs.filter((input) => input.status !== 'complete');
  const lead =
    top === undefined
      ? html`<p class="lead"><strong>No incidents.</strong> ${run.emptyBecause ?? 'Nothing in this traffic reached a threshold.'}</p>`
      : html`<p class="lead"><strong>${counted(total, 'incident')}:</strong> ${severityWords(run.severityCounts)}.</p>
<p class="lead">Most urgent: <a href="#incident-1">${top.title}</a></p>`;
  const rows = run.inputs.reduce((sum, input) => sum + (input.rows ?? 0), 0);
  const ofRows = run.inputs.some((input) => input.rows !== undefined);
  const numbers: [string, string][] = [
    ...((run.packets > 0 || !ofRows ? [['Packets', humanCount(run.packets)]] : []) as [string, string][]),
    ...((ofRows ? [['Rows', humanCount(rows)]] : []) as [string, string][]),
    ...((run.bytes > 0 || !ofRows ? [['Traffic', humanBytes(run.bytes)]] : []) as [string, string][]),
    ...((run.flows > 0 || !ofRows
      ? [
          ['Flows', humanCount(run.flows)],
          ['Hosts', humanCount(run.hosts)],
        ]
      : []) as [string, string][]),
    ['Time', run.firstMs !== undefined && run.lastMs !== undefined ? humanDuration(run.lastMs - run.firstMs) : 'none'],
  ];
  return html`<section id="summary" aria-labelledby="summary-h"><h2 id="summary-h">Summary</h2>
${lead}
<ul class="counts">${SEVERITY_ORDER.map((severity) => html`<li class="count ${severity}${run.severityCounts[severity] === 0 && ' none'}"><b>${humanCount(run.severityCounts[severity])}</b> ${severity}</li>`)}</ul>
<dl class="numbers">${numbers.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${bad.length > 0 && html`<p class="card warn callout">${humanCount(bad.length)} of ${counted(run.inputs.length, 'input')} could not be read to the end, so this report may be incomplete. <a href="#not-seen">What could not be seen</a></p>`}
</section>`;
}

function timelineSection({ timeline, incidents, run, table }: AnalysisResult): Html {
  const flows = table === undefined || run.flows > 0;
  const wide = timelineChart(timeline, incidents, 'wide');
  const narrow = timelineChart(timeline, incidents, 'narrow');
  const body =
    wide === undefined
      ? html`<p class="card">There is no traffic with a time to draw.</p>`
      : html`<figure class="card">${wide}${narrow}<figcaption>${
          incidents.length > 0
            ? `Each bar below ${flows ? 'the traffic' : 'the rows'} is an incident, from its first to its last ${flows ? 'flow' : 'row'}; the number beside it is its rank.`
            : 'No incident is marked, because there is none.'
        }</figcaption></figure>`;
  return html`<section id="timeline" aria-labelledby="timeline-h"><h2 id="timeline-h">Timeline</h2>
${body}
</section>`;
}

/** What suppressions, labels and the alert budget did. */
function feedbackCard({ feedback, alerts }: AnalysisResult['run']): Html | undefined {
  const budget = budgetSentence(alerts);
  const said = [...feedbackSentences(feedback), ...(budget === undefined ? [] : [budget])];
  if (said.length === 0) return undefined;
  return html`<div class="card"><h3 class="plain">Hidden, labelled, held back</h3><ul class="list">${said.map((sentence) => html`<li><bdi>${sentence}</bdi></li>`)}</ul></div>`;
}

function* incidentsSection({ incidents, run }: AnalysisResult): Generator<Html> {
  if (incidents.length === 0) {
    yield html`<section id="incidents" aria-labelledby="incidents-h"><h2 id="incidents-h">Incidents</h2>
<p class="card">None. ${run.emptyBecause ?? ''}</p>
${feedbackCard(run)}
</section>`;
    return;
  }
  const full = incidents.slice(0, MAX_FULL_INCIDENTS);
  const positions = new Map(full.map((incident, i) => [incident.id, i + 1]));
  yield html`<section id="incidents" aria-labelledby="incidents-h"><h2 id="incidents-h">Incidents, most urgent first</h2>
${feedbackCard(run)}
${incidentIndex(full, run)}
`;
  for (const [i, incident] of full.entries()) yield incidentArticle(incident, i + 1, run, positions);
  yield html`
${incidentsBeyond(incidents, run)}
</section>`;
}
