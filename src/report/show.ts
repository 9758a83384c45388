import { counted, humanCount, safeText } from '../core/index.ts';
import type { FlowRecord } from '../flow/index.ts';
import { padEnd, painter, wrapText } from './ansi.ts';
import { incidentRemarks } from './feedback-words.ts';
import type { IncidentsDocument } from './schema.ts';
import { endpoint, flowNames, measured, number, span } from './words.ts';

/** An incident as it stands in incidents.json. */
export type ShownIncident = IncidentsDocument['incidents'][number];

export interface ShowOptions {
  readonly color: boolean;
  /** Columns; text is laid out within 40 to 120 of them. */
  readonly width: number;
}

const LABEL = 13;

/**
 * One incident in full, for a terminal or a text file: title, facts, verdict with the evidence that each sentence cites, the sum of the severity, techniques,
 * detections, and every piece of evidence. Nothing is cut but single texts from the network. Lines end with LF, the last one too.
 */
export function showIncident(incident: ShownIncident, report: IncidentsDocument, options: ShowOptions): string {
  const width = Math.min(120, Math.max(40, Math.floor(options.width) || 80));
  const paint = painter(options.color);
  const room = width - LABEL;
  const lines: string[] = [];
  const row = (label: string, text: readonly string[]): void => {
    text.forEach((line, i) => {
      lines.push(paint('quiet', padEnd(i === 0 ? label : '', LABEL)) + line);
    });
  };
  const part = (heading: string): void => {
    lines.push('', paint('strong', heading));
  };
  const listed = (text: string, mark = ''): void => {
    const indent = ' '.repeat(2 + mark.length);
    wrapText(text, width - indent.length).forEach((line, i) => {
      lines.push(i === 0 ? `  ${mark}${line}` : `${indent}${line}`);
    });
  };

  const badge = ` ${incident.severity.toUpperCase()} `;
  const [head = '', ...rest] = wrapText(
    `${incident.id}, ${incident.rank} of ${humanCount(report.incidents.length)} in the report`,
    width - badge.length - 1,
  );
  lines.push(
    `${paint(incident.severity, badge)} ${head}`,
    ...rest,
    ...wrapText(safeText(incident.title, 600), width).map((line) => paint('strong', line)),
    '',
  );
  const { first, last } = incident;
  row(
    'Time',
    wrapText(first === null || last === null ? 'unknown time' : span(Date.parse(first), Date.parse(last)), room),
  );
  row('Who', wrapText(hosts(incident.actors, incident.actors.length), room));
  if (incident.peers.length > 0) row('With', wrapText(hosts(incident.peers, incident.peerCount), room));
  row('Flows', [
    incident.recordCount === undefined ? humanCount(incident.flowCount) : counted(incident.recordCount, 'row'),
  ]);
  row(
    'Looks like',
    wrapText(
      `${safeText(incident.verdict.hypothesis, 120)}: ${safeText(incident.verdict.assessment, 40)}, confidence ${incident.verdict.confidence} (by ${safeText(incident.verdict.by, 60)}); ${safeText(incident.verdict.action, 40)}`,
      room,
    ),
  );
  for (const [shares, name] of [
    ['actor', 'Same host'],
    ['flow', 'Same flows'],
  ] as const) {
    const others = incident.related?.filter((other) => other.shares === shares) ?? [];
    for (const [i, { id, rank, label }] of others.entries())
      row(i === 0 ? name : '', wrapText(`${safeText(label, 60)} (incident ${rank}, ${id})`, room));
  }
  const remarks = incidentRemarks(incident);
  if (remarks.length > 0)
    row(
      'Feedback',
      remarks.flatMap((remark) => wrapText(remark, room)),
    );

  const { verdict } = incident;
  for (const [heading, claims] of [
    ['What happened', verdict.whatHappened],
    ['Why it matters', verdict.whyItMatters],
    ['What to do first', verdict.whatToDoFirst],
    ['What would make it innocent', verdict.whatWouldMakeItInnocent],
  ] as const) {
    if (claims.length === 0) continue;
    part(heading);
    for (const { text, cites } of claims) listed(`${safeText(text, 1000)} [${cites.join(', ')}]`, '- ');
  }

  part('How severe');
  for (const { rule, points } of incident.severitySteps)
    listed(safeText(rule, 400), `${(points >= 0 ? `+${points}` : String(points)).padStart(4)}  `);
  listed(
    `${incident.severity} (low from 20, medium from 40, high from 60, critical from 85)`,
    `${`=${number(incident.urgency)}`.padStart(4)}  `,
  );

  if (incident.techniques.length > 0) {
    part('ATT&CK');
    for (const technique of incident.techniques)
      listed(
        `${technique.id} ${safeText(technique.name, 120)}${technique.tactic === '' ? '' : ` (${safeText(technique.tactic, 60)})`}${technique.reason === undefined ? '' : `: ${safeText(technique.reason, 400)}`}${typeof technique.first !== 'string' || typeof technique.last !== 'string' ? '' : ` ${span(Date.parse(technique.first), Date.parse(technique.last))}.`}`,
      );
  }

  part('Detections');
  for (const detection of incident.detections) {
    const port = detection.port === undefined ? '' : `, port ${detection.port}`;
    const protocol = detection.protocol === undefined ? '' : `/${safeText(detection.protocol, 20)}`;
    listed(
      `${safeText(detection.kind, 80)} by ${safeText(detection.actor, 60)} with ${counted(detection.peerCount, 'host')}${port}${protocol}, score ${detection.score.toFixed(2)}, ${counted(detection.flowCount, 'flow')} [${detection.evidence.join(', ')}]`,
      `${detection.id}  `,
    );
  }

  part('Evidence');
  for (const item of incident.evidence) {
    const mark = `${item.id}  `;
    if (item.type === 'measure') {
      const bound =
        item.threshold === undefined ? '' : `, threshold ${safeText(measured(item.threshold, item.unit), 120)}`;
      listed(
        `${safeText(item.sentence, 600)} (${safeText(item.name, 80)} = ${safeText(measured(item.value, item.unit), 120)}${bound})`,
        mark,
      );
    } else if (item.type === 'flow') listed(flowText(item.flow as FlowRecord), mark);
    else
      listed(
        `row ${humanCount(item.row)}: ${Object.entries(item.values)
          .slice(0, 40)
          .map(
            ([name, value]) =>
              `${safeText(name, 60)} ${typeof value === 'number' ? number(value) : safeText(value, 120)}`,
          )
          .join(', ')}`,
        mark,
      );
  }
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

const MAX_HOSTS = 50;

function hosts(list: ShownIncident['actors'], total: number): string {
  const shown = list
    .slice(0, MAX_HOSTS)
    .map(
      ({ address, home, mac }) =>
        `${safeText(address, 60)}${mac === undefined ? '' : ` (${safeText(mac, 20)})`}${home ? '' : ' outside'}`,
    );
  const more = total - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${humanCount(more)} more` : shown.join(', ');
}

/** 'flow 12, 2026-11-21 05:26:02 to ..., tcp 10.0.0.1:50000 to 10.0.0.2:22 (ssh), 12 + 10 packets, 2.1 kB + 3 kB, frame 17'. */
function flowText(flow: FlowRecord): string {
  const { id, startMs, endMs, protocol, service, outcome, firstFrame } = flow;
  const pair = (a: number | undefined, b: number | undefined, noun: string): string[] =>
    a === undefined && b === undefined ? [] : [`${number(a ?? 0)} + ${number(b ?? 0)} ${noun}`];
  return [
    ...(id === undefined ? [] : [`flow ${id}`]),
    ...(startMs === undefined ? [] : [span(startMs, endMs ?? startMs)]),
    `${safeText(protocol ?? '', 20)} ${endpoint(flow.initiator, flow.initiatorPort)} to ${endpoint(flow.responder, flow.responderPort)}${service === undefined ? '' : ` (${safeText(service, 40)})`}`,
    ...pair(flow.initiatorPackets, flow.responderPackets, 'packets'),
    ...pair(flow.initiatorBytes, flow.responderBytes, 'bytes'),
    ...(outcome === undefined ? [] : [safeText(outcome, 40)]),
    ...flowNames(flow, 120).map(({ label, text }) => `${label} ${text}`),
    ...(firstFrame === undefined ? [] : [`first frame ${humanCount(firstFrame)}`]),
  ].join(', ');
}
