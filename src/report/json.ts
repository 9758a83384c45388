import { type Claim, type JudgedIncident, type Opinion, proposeRules } from '../analyst/index.ts';
import { isoTime } from '../core/index.ts';
import { plainRecord } from '../detect/index.ts';
import { FLOW_COLUMN, FLOW_SCHEMA, type FlowRecord } from '../flow/index.ts';
import type { BudgetOutcome, Evidence, FeedbackOutcome, HostReference } from '../incident/index.ts';
import type { DeviceSummary } from './device-summary.ts';
import type { DriftSummary } from './drift-summary.ts';
import { usedReferences } from './opinion-text.ts';
import type { AnalysisResult, HostSummary, InputSummary, TableSummary } from './result.ts';
import { INCIDENTS_SCHEMA_VERSION, type IncidentsDocument } from './schema.ts';
import { isTimeless } from './words.ts';

type IncidentNode = IncidentsDocument['incidents'][number];

/**
 * incidents.json: two spaces of indent, members in the order of the schema, a newline at the end; the same result gives the same bytes.
 *
 * Strings are what came from the network. Beyond what JSON asks for, everything that a terminal or a line-based tool could act on is written as
 * an escape (C1 controls, line and paragraph separators, direction overrides, zero-width characters), which changes no value; lone surrogates,
 * which no UTF-8 file can hold, become U+FFFD. Throws on a number that is not finite: JSON has none, and the floors below promise none.
 */
export function renderJson(result: AnalysisResult): string {
  return [...renderJsonParts(result)].join('');
}

/** The same text in parts, an incident each: whole it can be larger than all that the run has remembered. */
export function* renderJsonParts(result: AnalysisResult): Generator<string> {
  const text = toText(toDocument({ ...result, incidents: [] }), '');
  const at = text.indexOf(NO_INCIDENTS);
  if (at < 0 || result.incidents.length === 0) {
    yield `${text}\n`;
    return;
  }
  let before = text.slice(0, at + NO_INCIDENTS.length - 1);
  for (const incident of result.incidents) {
    yield `${before}\n    ${toText(incidentNode(incident), '    ')}`;
    before = ',';
  }
  yield `\n  ${text.slice(at + NO_INCIDENTS.length - 1)}\n`;
}

/** One incident as it stands in incidents.json, byte for byte. */
export function incidentJson(incident: JudgedIncident): string {
  return toText(incidentNode(incident), '    ');
}

/** The line of the document's own member: a string has no line break in JSON, and members of members are further in. */
const NO_INCIDENTS = '\n  "incidents": []';

function toText(value: unknown, indent: string): string {
  const text = escapeJson(exactText(value));
  return indent === '' ? text : text.replaceAll('\n', `\n${indent}`);
}

/** JSON with everything in it as an escape that a terminal or a line-based tool could act on; no value changes. */
export function escapeJson(text: string): string {
  return text.replace(RISKY, escapeUnit);
}

const RISKY = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb]/g;

function escapeUnit(ch: string): string {
  return `\\u${ch.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** To look at each value takes most of the time, and hardly ever is there one to mend: only where the text has what such a value becomes. */
function exactText(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return text.includes('null') || text.includes('\\ud') ? JSON.stringify(value, exact, 2) : text;
}

function exact(key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new Error(`incidents.json cannot carry '${key}': the number is not finite`);
  return value;
}

/** Devices alone, as they stand in incidents.json. */
export function devicesJson(devices: readonly DeviceSummary[], deviceCount: number): string {
  return `${toText({ devices: devices.map(deviceNode), deviceCount }, '')}\n`;
}

/** The document as a value. Optional members that are missing are left out. */
export function toDocument(result: AnalysisResult): IncidentsDocument {
  const { run, timeline } = result;
  return {
    schemaVersion: INCIDENTS_SCHEMA_VERSION,
    run: {
      tool: { name: run.tool.name, version: run.tool.version },
      inputs: run.inputs.map(inputNode),
      first: iso(run.firstMs),
      last: iso(run.lastMs),
      packets: run.packets,
      bytes: run.bytes,
      flows: run.flows,
      hosts: run.hosts,
      otherFrames: run.otherFrames.map(({ kind, packets }) => ({ kind, packets })),
      homeNet: [...run.homeNet],
      seed: run.seed,
      ...(run.model && {
        model: {
          kind: run.model.kind,
          fittedOn: run.model.fittedOn,
          rows: run.model.rows,
          features: [...run.model.features],
          checksum: run.model.checksum,
          ...optional(
            'learning',
            run.model.learning && {
              rows: run.model.learning.rows,
              leftOut: run.model.learning.leftOut,
              refits: run.model.learning.refits,
            },
          ),
        },
      }),
      ...optional('drift', run.drift && driftNode(run.drift)),
      ...optional('emptyBecause', run.emptyBecause),
      blindSpots: [...run.blindSpots],
      saturations: run.saturations.map(({ detector, what, cap, refused }) => ({ detector, what, cap, refused })),
      ...optional('feedback', run.feedback && feedbackNode(run.feedback)),
      ...optional('alerts', run.alerts && alertsNode(run.alerts)),
      severityCounts: {
        critical: run.severityCounts.critical,
        high: run.severityCounts.high,
        medium: run.severityCounts.medium,
        low: run.severityCounts.low,
        info: run.severityCounts.info,
      },
    },
    oddities: result.oddities.map((oddity) => ({
      name: oddity.name,
      count: oddity.count,
      meaning: oddity.meaning,
      ...optional('firstFrame', oddity.firstFrame),
      ...optional('firstInput', oddity.firstInput),
    })),
    incidents: result.incidents.map(incidentNode),
    hosts: result.hosts.map(hostNode),
    ...optional('devices', result.devices?.map(deviceNode)),
    ...optional('deviceCount', result.deviceCount),
    timeline: {
      start: iso(timeline.startMs),
      bucketMs: timeline.bucketMs,
      ...optional('of', timeline.of),
      bytes: [...timeline.bytes],
      flows: [...timeline.flows],
    },
    ...(result.table === undefined ? {} : { table: tableNode(result.table) }),
  };
}

function feedbackNode(feedback: FeedbackOutcome): NonNullable<IncidentsDocument['run']['feedback']> {
  return {
    hidden: feedback.hidden,
    hiddenIncidents: feedback.hiddenIncidents,
    rules: feedback.rules.map(
      ({ rule, meaning, reason, createdMs, expiresMs, hidden, incidents, changed, expired }) => ({
        rule,
        meaning,
        ...optional('reason', reason),
        created: iso(createdMs),
        expires: iso(expiresMs),
        hidden,
        incidents,
        changed,
        expired,
      }),
    ),
    reliability: feedback.reliability.map(({ detector, prior, now, malicious, benign }) => ({
      detector,
      prior,
      now,
      malicious,
      benign,
    })),
  };
}

function alertsNode(alerts: BudgetOutcome): NonNullable<IncidentsDocument['run']['alerts']> {
  return {
    budget: alerts.budget,
    alerts: alerts.alerts,
    heldBack: alerts.heldBack,
    ...optional('earlier', alerts.earlier),
    ...optional('leastShown', alerts.leastShown),
    ...optional('mostHeldBack', alerts.mostHeldBack),
  };
}

function driftNode(drift: DriftSummary): NonNullable<IncidentsDocument['run']['drift']> {
  const { scores, features } = drift;
  return {
    rows: drift.rows,
    advice: drift.advice,
    reasons: [...drift.reasons],
    features: { compared: features.compared, moved: features.moved, movedFar: features.movedFar },
    worst: drift.worst.map(({ name, index, limit, place, missingBefore, missingNow }) => ({
      name,
      index,
      limit,
      ...optional('place', place),
      missingBefore,
      missingNow,
    })),
    ...optional(
      'scores',
      scores && {
        gap: scores.gap,
        limit: scores.limit,
        calibrationRows: scores.calibrationRows,
        rates: scores.rates.map(({ promised, achieved }) => ({ promised, achieved })),
        before: [...scores.before],
        now: [...scores.now],
      },
    ),
    changes: drift.changes.map(({ row, ms, before, after }) => ({ row, at: iso(ms), before, after })),
    changeCount: drift.changeCount,
  };
}

/** Members in the order of the schema, whatever the order in which they were put together. */
function tableNode(table: TableSummary): NonNullable<IncidentsDocument['table']> {
  const { clusters } = table;
  return {
    rows: table.rows,
    kept: table.kept,
    columns: table.columns.map(({ name, kind, unit, missing }) => ({ name, kind, unit, missing })),
    features: table.features.map(({ name, weight, missing, min, median, max }) => ({
      name,
      weight,
      missing,
      ...optional('min', min),
      ...optional('median', median),
      ...optional('max', max),
    })),
    filters: table.filters.map(({ name, mode, dropped }) => ({ name, mode, dropped })),
    flags: table.flags.map(({ name, severity, description, rows, entities }) => ({
      name,
      severity,
      description,
      rows,
      entities,
    })),
    strangest: table.strangest.map(({ row, score, values, contributions }) => ({
      row,
      score,
      values: { ...values },
      contributions: contributions.map(({ feature, value, contribution }) => ({
        feature,
        ...optional('value', value),
        contribution,
      })),
    })),
    ...(clusters === undefined
      ? {}
      : {
          clusters: {
            rows: clusters.rows,
            measured: clusters.measured,
            best: clusters.best,
            cuts: clusters.cuts.map((cut) => ({
              k: cut.k,
              silhouette: cut.silhouette,
              clusters: cut.clusters.map(({ label, size, silhouette, medoid, influence }) => ({
                label,
                size,
                silhouette,
                medoid,
                influence: influence.map(({ column, share }) => ({ column, share })),
              })),
            })),
            map: {
              stress: clusters.map.stress,
              points: clusters.map.points.map(({ row, x, y, labels }) => ({ row, x, y, labels: [...labels] })),
            },
            tree: {
              leaves: [...clusters.tree.leaves],
              joins: clusters.tree.joins.map(({ left, right, height }) => ({ left, right, height })),
            },
          },
        }),
  };
}

/** ISO 8601 with a year of four digits, as `format: date-time` wants it; null for what does not fit. */
/** Both null where there is no time. */
function times(of: { readonly firstMs: number; readonly lastMs: number }): {
  readonly first: string | null;
  readonly last: string | null;
} {
  return isTimeless(of) ? { first: null, last: null } : { first: iso(of.firstMs), last: iso(of.lastMs) };
}

function iso(epochMs: number | undefined): string | null {
  if (epochMs === undefined) return null;
  const text = isoTime(epochMs);
  return /^\d{4}-/.test(text) ? text : null;
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  const out: { [P in K]?: V } = {};
  if (value !== undefined) out[key] = value;
  return out;
}

function inputNode(input: InputSummary): IncidentsDocument['run']['inputs'][number] {
  return {
    name: input.name,
    format: input.format,
    compression: input.compression,
    bytes: input.bytes,
    packets: input.packets,
    ...optional('rows', input.rows),
    ...optional('rejected', input.rejected),
    ...optional('simulated', input.simulated),
    first: iso(input.firstMs),
    last: iso(input.lastMs),
    status: input.status,
    ...optional('message', input.message),
  };
}

function incidentNode(incident: JudgedIncident): IncidentNode {
  const { verdict } = incident;
  const claims = (list: typeof verdict.whatHappened) => list.map(({ text, cites }) => ({ text, cites: [...cites] }));
  return {
    id: incident.id,
    rank: incident.rank,
    severity: incident.severity,
    urgency: incident.urgency,
    severitySteps: incident.severitySteps.map(({ rule, points }) => ({ rule, points })),
    kind: incident.kind,
    title: incident.title,
    actors: incident.actors.map(hostReferenceNode),
    peers: incident.peers.map(hostReferenceNode),
    peerCount: incident.peerCount,
    ...optional(
      'related',
      incident.related?.map(({ id, rank, label, shares }) => ({ id, rank, label, shares })),
    ),
    ...optional('relatedCount', incident.relatedCount),
    techniques: incident.techniques.map(({ id, name, tactic, reason, firstMs, lastMs }) => ({
      id,
      name,
      tactic,
      ...optional('reason', reason),
      ...(firstMs === undefined || lastMs === undefined || isTimeless(incident)
        ? {}
        : { first: iso(firstMs), last: iso(lastMs) }),
    })),
    ...times(incident),
    flowCount: incident.flowCount,
    ...optional('recordCount', incident.recordCount),
    ...optional('label', incident.label),
    ...optional(
      'notHidden',
      incident.notHidden?.map(({ rule, changes }) => ({ rule, changes: [...changes] })),
    ),
    ...optional('heldBack', incident.heldBack),
    detections: incident.detections.map((detection) => ({
      id: detection.id,
      kind: detection.kind,
      detector: detection.detector,
      actor: detection.actor,
      peers: [...detection.peers],
      peerCount: detection.peerCount,
      ...optional('port', detection.port),
      ...optional('protocol', detection.protocol),
      ...optional('service', detection.service),
      ...times(detection),
      score: detection.score,
      flowCount: detection.flowCount,
      ...optional('recordCount', detection.recordCount),
      evidence: [...detection.evidence],
    })),
    evidence: incident.evidence.map(evidenceNode),
    ...optional('proposals', proposalNodes(incident)),
    verdict: {
      by: verdict.by,
      assessment: verdict.assessment,
      confidence: verdict.confidence,
      hypothesis: verdict.hypothesis,
      action: verdict.action,
      whatHappened: claims(verdict.whatHappened),
      whyItMatters: claims(verdict.whyItMatters),
      whatToDoFirst: claims(verdict.whatToDoFirst),
      whatWouldMakeItInnocent: claims(verdict.whatWouldMakeItInnocent),
      ...optional(
        'opinions',
        verdict.opinions?.map((opinion) => opinionNode(opinion, incident)),
      ),
    },
  };
}

function proposalNodes(incident: JudgedIncident): IncidentNode['proposals'] {
  const proposals = proposeRules(incident, incident.verdict);
  if (proposals.length === 0) return undefined;
  return proposals.map(({ tool, purpose, text, cites }) => ({ tool, purpose, text, cites: [...cites] }));
}

function opinionNode(
  opinion: Opinion,
  incident: JudgedIncident,
): NonNullable<IncidentNode['verdict']['opinions']>[number] {
  const { verdict, usage } = opinion;
  const claims = (list: readonly Claim[]) => list.map(({ text, cites }) => ({ text, cites: [...cites] }));
  return {
    by: opinion.by,
    provider: opinion.provider,
    place: opinion.place,
    persona: opinion.persona,
    outcome: opinion.outcome,
    ...optional('message', opinion.message),
    ...optional('hint', opinion.hint),
    ...optional(
      'verdict',
      verdict === undefined
        ? undefined
        : {
            assessment: verdict.assessment,
            confidence: verdict.confidence,
            hypothesis: verdict.hypothesis,
            action: verdict.action,
            techniques: [...verdict.techniques],
            whatHappened: claims(verdict.whatHappened),
            whyItMatters: claims(verdict.whyItMatters),
            whatToDoFirst: claims(verdict.whatToDoFirst),
            whatToDoNext: claims(verdict.whatToDoNext),
            whatWouldMakeItInnocent: claims(verdict.whatWouldMakeItInnocent),
            questions: [...verdict.questions],
            sections: verdict.sections.map((section) => ({ id: section.id, claims: claims(section.claims) })),
          },
    ),
    disagreements: [...opinion.disagreements],
    context: opinion.context.map(({ id, text }) => ({ id, text })),
    references: usedReferences(incident, opinion),
    claimsKept: opinion.claimsKept,
    claimsDropped: opinion.claimsDropped,
    problems: { ...opinion.problems },
    ...optional('schemaValid', opinion.schemaValid),
    asked: opinion.asked,
    estimatedInputTokens: opinion.estimatedInputTokens,
    usage: {
      ...optional('promptTokens', usage.promptTokens),
      ...optional('completionTokens', usage.completionTokens),
      ...optional('firstTokenMs', usage.firstTokenMs),
      durationMs: usage.durationMs,
      ...optional('tokensPerSecond', usage.tokensPerSecond),
      attempts: usage.attempts,
    },
  };
}

function hostReferenceNode(host: HostReference): IncidentNode['actors'][number] {
  return { address: host.address, home: host.home, ...optional('mac', host.mac) };
}

function evidenceNode(item: Evidence): IncidentNode['evidence'][number] {
  if (item.type === 'flow') return { id: item.id, type: 'flow', flow: inColumnOrder(plainRecord(item.flow)) };
  if (item.type === 'record') return { id: item.id, type: 'record', row: item.row, values: { ...item.values } };
  return {
    id: item.id,
    type: 'measure',
    detection: item.detection,
    name: item.name,
    value: item.value,
    unit: item.unit,
    ...optional('threshold', item.threshold),
    ...optional('contribution', item.contribution),
    sentence: item.sentence,
  };
}

/** The record with its members in the order of the columns, however it was put together. */
function inColumnOrder(flow: FlowRecord): FlowRecord {
  if (isInColumnOrder(flow)) return flow;
  const members: Readonly<Record<string, number | string | undefined>> = flow;
  const ordered: Record<string, number | string> = {};
  for (const { name } of FLOW_SCHEMA.columns) {
    const value = members[name];
    if (value !== undefined) ordered[name] = value;
  }
  return ordered;
}

function isInColumnOrder(flow: FlowRecord): boolean {
  const places: Readonly<Record<string, number | undefined>> = FLOW_COLUMN;
  let last = -1;
  for (const name in flow) {
    const place = places[name] ?? -1;
    if (place <= last) return false;
    last = place;
  }
  return true;
}

function deviceNode(device: DeviceSummary): NonNullable<IncidentsDocument['devices']>[number] {
  const { baseline } = device;
  return {
    ...optional('mac', device.mac),
    ...optional('macKind', device.macKind),
    ...optional('macOrigin', device.macOrigin),
    ...optional('vendor', device.vendor),
    addresses: device.addresses.map(({ address, claimed, ...seen }) => ({ address, ...times(seen), claimed })),
    names: device.names.map(({ name, source }) => ({ name, source })),
    roles: device.roles.map(({ role, reasons }) => ({ role, reasons: [...reasons] })),
    software: [...device.software],
    offers: [...device.offers],
    uses: [...device.uses],
    frames: [...device.frames],
    joined: device.joined.map(({ mac, score, evidence, ...seen }) => ({
      mac,
      ...times(seen),
      score,
      evidence: [...evidence],
    })),
    ...optional('behind', device.behind),
    ...times(device),
    flows: device.flows,
    bytes: device.bytes,
    ...optional(
      'baseline',
      baseline && {
        standing: baseline.standing,
        ...optional('name', baseline.name),
        ...optional('owner', baseline.owner),
        ...optional('role', baseline.role),
        ...optional('importance', baseline.importance),
      },
    ),
  };
}

function hostNode(host: HostSummary): IncidentsDocument['hosts'][number] {
  return {
    address: host.address,
    home: host.home,
    ...optional('mac', host.mac),
    flowsOut: host.flowsOut,
    flowsIn: host.flowsIn,
    bytesOut: host.bytesOut,
    bytesIn: host.bytesIn,
    first: iso(host.firstMs),
    last: iso(host.lastMs),
    services: [...host.services],
    names: [...host.names],
  };
}
