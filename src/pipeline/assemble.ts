import { type Analyst, createRuleAnalyst, type JudgedIncident } from '../analyst/index.ts';
import { counted, fingerprint } from '../core/index.ts';
import type { Detection } from '../detect/index.ts';
import { type AlertKeeper, type Feedback, groupWithFeedback, NO_FEEDBACK, type Severity } from '../incident/index.ts';
import type { AnalysisResult } from '../report/index.ts';
import { nextTurn, TURN_MS } from './turn.ts';

/** What turns detections into the incidents of a report: all that must be the same for the same bytes. */
export interface AssembleSettings {
  readonly isHome: (address: string) => boolean;
  /** What a device is worth, 1 to 5, where a baseline says so. */
  readonly importanceOf?: ((address: string, mac?: string) => number | undefined) | undefined;
  readonly feedback?: Feedback | undefined;
  /** Keeps the alert budget, where there is one. */
  readonly keeper?: AlertKeeper | undefined;
  readonly analyst?: Analyst | undefined;
}

/**
 * The last step of every analysis: detections to incidents, feedback applied, budget kept, each judged. The first analysis, a changed suppression and a replay
 * all come through here, so they can't differ.
 * @param base the result as it would be without any incident, `emptyBecause` set.
 */
export async function assembleResult(
  base: AnalysisResult,
  detections: readonly Detection[],
  settings: AssembleSettings,
): Promise<AnalysisResult> {
  const { isHome, importanceOf, feedback = NO_FEEDBACK, keeper, analyst = createRuleAnalyst() } = settings;
  const grouped = groupWithFeedback(detections, feedback, {
    context: { isHome },
    weights: { roleOf: rolesIn(base), ...(importanceOf === undefined ? {} : { importanceOf }) },
  });
  const kept = keeper?.apply(grouped.incidents, trafficKey(base));
  const incidents: JudgedIncident[] = [];
  let turn = performance.now();
  for (const incident of kept?.incidents ?? grouped.incidents) {
    incidents.push({ ...incident, verdict: await analyst.judge(incident) });
    if (performance.now() - turn <= TURN_MS) continue;
    await nextTurn();
    turn = performance.now();
  }
  const severityCounts: Record<Severity, number> = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  for (const incident of incidents) severityCounts[incident.severity]++;
  const { emptyBecause, ...run } = base.run;
  const hidden = grouped.outcome?.hidden ?? 0;
  const why =
    hidden > 0
      ? `Nothing is left to show: ${counted(hidden, 'detection')} ${hidden === 1 ? 'is' : 'are'} hidden by rules of suppressions.`
      : emptyBecause;
  return {
    ...base,
    run: {
      ...run,
      severityCounts,
      ...(incidents.length > 0 || why === undefined ? {} : { emptyBecause: why }),
      ...(grouped.outcome === undefined ? {} : { feedback: grouped.outcome }),
      ...(kept === undefined ? {} : { alerts: kept.outcome }),
    },
    incidents,
  };
}

/** The role of each device of the report of which only one is likely, by its hardware address where it has one, else by its address. */
function rolesIn({ devices = [] }: AnalysisResult): (address: string, mac?: string) => string | undefined {
  const roles = new Map<string, string>();
  for (const { mac, addresses, roles: guesses } of devices) {
    const [guess, other] = guesses;
    if (guess === undefined || other !== undefined) continue;
    if (mac !== undefined) roles.set(mac, guess.role);
    else for (const { address } of addresses) roles.set(address, guess.role);
  }
  return (address, mac) => roles.get(mac ?? address);
}

/** What says which traffic a result is of: the same inputs with the same beginning and end. */
function trafficKey({ run: { inputs, firstMs, lastMs } }: AnalysisResult): string {
  return fingerprint([...inputs.map(({ name }) => name), firstMs ?? '', lastMs ?? '']);
}
