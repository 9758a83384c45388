import { fingerprint } from '../core/index.ts';
import { type Incident, severityRank } from './incident.ts';

/** At most so many alerts in any stretch of so much time. */
export interface AlertBudget {
  /** 1 to 10,000. */
  readonly count: number;
  readonly perMs: number;
  /** As the user wrote it: '3/week'. */
  readonly text: string;
}

export interface BudgetOutcome {
  readonly budget: string;
  /** Incidents of medium severity or more that are shown as alerts, and those that were held back. */
  readonly alerts: number;
  readonly heldBack: number;
  /** Alerts of earlier runs that lie near enough to count; absent where there is none. */
  readonly earlier?: number;
  /** The lowest urgency that is shown as an alert, and the highest that was held back; absent where there is none. */
  readonly leastShown?: number;
  readonly mostHeldBack?: number;
}

const UNITS: Readonly<Record<string, number>> = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000 };
/** Alerts that are remembered, the latest by the time of the traffic. */
export const MAX_PAST_ALERTS = 100_000;

/** An alert that was shown. */
export interface PastAlert {
  /** Beginning of its incident: epoch ms of the traffic. */
  readonly ms: number;
  /** Id of the incident, for people: an incident that goes on has another one when more of it was seen. */
  readonly incident: string;
  /** What stays the same of it: kind, first actor and beginning. */
  readonly story: string;
  /** What was analysed (`AlertKeeper.apply`): the same again decides anew. */
  readonly run: string;
}

/** '3/week'; undefined for what is none. */
export function parseAlertBudget(text: string): AlertBudget | undefined {
  const match = /^(\d{1,5})\/(hour|day|week)$/.exec(text.trim());
  const count = Number(match?.[1]);
  const perMs = UNITS[match?.[2] ?? ''];
  if (match === null || perMs === undefined || count < 1 || count > 10_000) return undefined;
  return { count, perMs, text: text.trim() };
}

/**
 * Keeps a budget of alerts across all detectors and across runs. Incidents of medium severity or more are taken in order of urgency while no stretch of the budget's length
 * holds more than its number; the rest are held back: they keep rank and severity, and are listed, but are no alerts. Time is that of the traffic, so the same input and the same past give the
 * same choice. One keeper for all windows of a stream remembers the alerts before.
 *
 * An incident that was an alert in an earlier run stays one and takes no further room. What the same run said before is forgotten when it runs again, so that the same input can be analysed twice with one result.
 */
export class AlertKeeper {
  readonly #budget: AlertBudget;
  #past: readonly PastAlert[];
  #latest: { readonly run: string; readonly alerts: readonly PastAlert[] } | undefined;

  /** @param before alerts that were shown already. */
  constructor(budget: AlertBudget, before: readonly PastAlert[] = []) {
    this.#budget = budget;
    this.#past = before;
  }

  get budget(): AlertBudget {
    return this.#budget;
  }

  /** The alerts that were shown, in order of time. */
  get past(): readonly PastAlert[] {
    return this.#past;
  }

  /** What the latest run added; undefined before one. */
  get latest(): { readonly run: string; readonly alerts: readonly PastAlert[] } | undefined {
    return this.#latest;
  }

  /**
   * @param incidents most urgent first.
   * @param run what says which traffic this is.
   */
  apply<T extends Incident>(
    incidents: readonly T[],
    run: string,
  ): { readonly incidents: readonly T[]; readonly outcome: BudgetOutcome } {
    const { count, perMs, text } = this.#budget;
    const others = this.#past.filter((alert) => alert.run !== run);
    const known = new Set(others.map(({ story }) => story));
    const near = nearTo(incidents, perMs);
    const times = others.flatMap(({ ms }) => (near(ms) ? [ms] : []));
    const earlier = times.length;
    const alerts: PastAlert[] = [];
    const shown: number[] = [];
    const held: number[] = [];
    const marked = incidents.map((incident): T => {
      if (severityRank(incident.severity) < severityRank('medium')) return incident;
      const { id, firstMs, urgency } = incident;
      const story = storyKey(incident);
      const wasShown = known.has(story);
      if (!wasShown && !fits(times, firstMs, count, perMs)) {
        held.push(urgency);
        return { ...incident, heldBack: true };
      }
      if (!wasShown) {
        times.push(firstMs);
        // Rows without a time have 0 for it: what of them was shown says nothing of others.
        if (firstMs !== 0) alerts.push({ ms: firstMs, incident: id, story, run });
      }
      shown.push(urgency);
      return incident;
    });
    this.#latest = { run, alerts };
    this.#past = withAlerts(others, this.#latest);
    return {
      incidents: marked,
      outcome: {
        budget: text,
        alerts: shown.length,
        heldBack: held.length,
        ...(earlier === 0 ? {} : { earlier }),
        ...(shown.length === 0 ? {} : { leastShown: Math.min(...shown) }),
        ...(held.length === 0 ? {} : { mostHeldBack: Math.max(...held) }),
      },
    };
  }
}

/** Alerts of a run in the place of those that it had before. */
export function withAlerts(
  past: readonly PastAlert[],
  { run, alerts }: NonNullable<AlertKeeper['latest']>,
): readonly PastAlert[] {
  return [...past.filter((alert) => alert.run !== run), ...alerts]
    .sort((a, b) => a.ms - b.ms || compare(a.incident, b.incident))
    .slice(-MAX_PAST_ALERTS);
}

/** Those that a budget of this length can have to do with, where the traffic is of this span. */
export function alertsNear(
  past: readonly PastAlert[],
  { perMs }: AlertBudget,
  firstMs: number,
  lastMs: number,
): readonly PastAlert[] {
  return past.filter(({ ms }) => ms > firstMs - perMs && ms < lastMs + perMs);
}

function storyKey({ kind, actors, firstMs }: Incident): string {
  return fingerprint([kind, actors[0]?.address ?? '', firstMs]);
}

/** Whether a time lies less than the budget's length from some incident, by the first and the last of them. */
function nearTo(incidents: readonly Incident[], perMs: number): (ms: number) => boolean {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const { firstMs } of incidents) {
    from = Math.min(from, firstMs - perMs);
    to = Math.max(to, firstMs + perMs);
  }
  return (ms) => ms > from && ms < to;
}

/** Whether no stretch of time with one more alert holds more than the budget. */
function fits(times: readonly number[], time: number, count: number, perMs: number): boolean {
  const near = times.filter((other) => Math.abs(other - time) < perMs);
  if (near.length < count) return true;
  const sorted = [...near, time].sort((a, b) => a - b);
  return sorted.every((from, i) => (sorted[i + count] ?? Number.POSITIVE_INFINITY) - from >= perMs);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
