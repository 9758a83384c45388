import * as path from 'node:path';
import {
  comparePersonas,
  fivePartAnalysisOf,
  type Opinion,
  sessionVerdictOf,
  type Verdict,
} from '../../analyst/index.ts';
import { counted, humanCount, humanDuration, safeText, UserError } from '../../core/index.ts';
import { INCIDENTS_FILE, readReport } from '../../pipeline/index.ts';
import type { AnalysisResult } from '../../report/index.ts';
import { print } from '../terminal.ts';

type ReportIncident = AnalysisResult['incidents'][number];

/** Shapes of a verdict that older tools have. */
export const EXPORT_SHAPES = ['session', 'five-part'] as const;
export type ExportShape = (typeof EXPORT_SHAPES)[number];

export interface CompareFlags {
  readonly report: string;
  readonly json?: boolean;
}

export interface ExportFlags {
  readonly report: string;
  readonly shape: ExportShape;
  readonly incident?: string;
}

/** An incident by id or rank. Throws UserError where there is none such. */
export function incidentOf(result: AnalysisResult, wanted: string, where: string): ReportIncident {
  const found = result.incidents.find(({ id, rank }) => id === wanted || String(rank) === wanted);
  if (found !== undefined) return found;
  throw new UserError(
    `${safeText(where)} has no incident ${safeText(wanted, 80)}`,
    result.incidents.length === 0
      ? 'it has none at all'
      : `give an id such as ${result.incidents[0]?.id ?? ''}, or a rank from 1 to ${result.incidents.length}`,
  );
}

/** incidents.json of a folder, or the file itself. */
export function reportFile(name: string): string {
  return name.endsWith('.json') ? name : path.join(name, INCIDENTS_FILE);
}

/** Prints where the models and personas that were asked about an incident agree. Throws UserError where none was. */
export async function comparePersonasOf(wanted: string, flags: CompareFlags): Promise<void> {
  const file = reportFile(flags.report);
  const { id, severity, verdict } = incidentOf(readReport(file), wanted, file);
  const opinions = verdict.opinions ?? [];
  if (opinions.length === 0)
    throw new UserError(`no model was asked about ${id}`, `anomalyst analyst run --incident ${id} --persona ...`);
  const comparison = comparePersonas(opinions);
  if (flags.json === true) {
    await print(`${JSON.stringify({ incident: id, severity, rules: rulesOf(verdict), ...comparison }, null, 2)}\n`);
    return;
  }
  const { answered, failed, agreement, sharedEvidence, soleEvidence, answers, techniques } = comparison;
  const same = (['assessment', 'hypothesis', 'action'] as const).flatMap((key) => comparison[key] ?? []);
  const lines = [
    `${id}, ${severity}: ${humanCount(answered)} of ${counted(answered + failed, 'answer')}`,
    ...(agreement === undefined
      ? []
      : [`agreement ${Math.round(100 * agreement)} % over assessment, hypothesis and action`]),
    same.length === 0 ? 'they agree on nothing' : `all say: ${[...same, ...techniques].join('; ')}`,
    '',
    line('rules', { ...rulesOf(verdict) }),
    ...answers.map((answer) =>
      answer.assessment === undefined
        ? `  ${shown(answer.by, answer.persona)}  ${answer.outcome}`
        : line(
            shown(answer.by, answer.persona),
            answer,
            `, ${counted(answer.claimsKept, 'claim')} kept, ${humanCount(answer.claimsDropped)} left out, ${humanDuration(answer.durationMs)}`,
          ),
    ),
    '',
    `evidence that all rest on: ${sharedEvidence.join(', ') || 'none'}`,
    ...soleEvidence
      .filter(({ ids }) => ids.length > 0)
      .map(({ persona, ids }) => `evidence of ${safeText(persona, 60)} alone: ${ids.join(', ')}`),
  ];
  await print(`${lines.join('\n')}\n`);
}

function shown(by: string, persona: Opinion['persona']): string {
  return `${safeText(by, 60)} as ${safeText(persona, 60)}`;
}

function rulesOf({ assessment, hypothesis, action, confidence }: Verdict) {
  return { assessment, hypothesis, action, confidence };
}

function line(
  who: string,
  said: {
    readonly assessment?: string;
    readonly hypothesis?: string;
    readonly action?: string;
    readonly confidence?: number;
  },
  more = '',
): string {
  const { assessment = '', hypothesis = '', action = '', confidence } = said;
  return `  ${who}  ${assessment}, ${hypothesis}, ${action}${confidence === undefined ? '' : `, confidence ${confidence}`}${more}`;
}

/** Prints the verdicts of a report, those of the rules and those of models, in the shape of an older tool: one JSON object a line. */
export async function exportVerdicts(flags: ExportFlags): Promise<void> {
  const file = reportFile(flags.report);
  const result = readReport(file);
  const incidents = flags.incident === undefined ? result.incidents : [incidentOf(result, flags.incident, file)];
  const lines = incidents.flatMap((incident) => {
    const verdicts: readonly (readonly [by: string, persona: string | undefined, verdict: Verdict])[] = [
      [incident.verdict.by, undefined, incident.verdict],
      ...(incident.verdict.opinions ?? []).flatMap(({ by, persona, verdict }) =>
        verdict === undefined ? [] : [[by, persona, verdict] as const],
      ),
    ];
    return verdicts.map(([by, persona, verdict]) =>
      JSON.stringify({
        incident: incident.id,
        by,
        ...(persona === undefined ? {} : { persona }),
        ...(flags.shape === 'session' ? sessionVerdictOf(verdict) : fivePartAnalysisOf(incident, verdict)),
      }),
    );
  });
  await print(lines.map((one) => `${one}\n`).join(''));
}
