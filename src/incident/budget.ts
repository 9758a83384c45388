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
  /** The lowest urgency that is shown as an alert, and the highest that was held back; absent where there is none. */
  readonly leastShown?: number;
  readonly mostHeldBack?: number;
}

const UNITS: Readonly<Record<string, number>> = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000 };
/** Times of alerts that are remembered from one window of a stream to the next. */
const MAX_REMEMBERED = 100_000;

/** '3/week'; undefined for what is none. */
export function parseAlertBudget(text: string): AlertBudget | undefined {
  const match = /^(\d{1,5})\/(hour|day|week)$/.exec(text.trim());
  const count = Number(match?.[1]);
  const perMs = UNITS[match?.[2] ?? ''];
  if (match === null || perMs === undefined || count < 1 || count > 10_000) return undefined;
  return { count, perMs, text: text.trim() };
}

/**
 * Keeps a budget of alerts across all detectors. Incidents of medium severity or more are taken in order of urgency while no stretch of the budget's length
 * holds more than its number; the rest are held back: they keep rank and severity, and are listed, but are no alerts. Time is that of the traffic, so the
 * same input gives the same choice. One keeper for all windows of a stream remembers the alerts before.
 */
export class AlertKeeper {
  readonly #budget: AlertBudget;
  #times: number[] = [];

  /** @param before times of alerts that were shown already. */
  constructor(budget: AlertBudget, before: readonly number[] = []) {
    this.#budget = budget;
    this.#times = [...before];
  }

  get budget(): AlertBudget {
    return this.#budget;
  }

  /** Times of the alerts that still count. */
  get times(): readonly number[] {
    return this.#times;
  }

  /** @param incidents most urgent first. */
  apply<T extends Incident>(
    incidents: readonly T[],
  ): { readonly incidents: readonly T[]; readonly outcome: BudgetOutcome } {
    const { count, perMs, text } = this.#budget;
    const shown: number[] = [];
    const held: number[] = [];
    const marked = incidents.map((incident): T => {
      if (severityRank(incident.severity) < severityRank('medium')) return incident;
      if (this.#fits(incident.firstMs, count, perMs)) {
        this.#times.push(incident.firstMs);
        shown.push(incident.urgency);
        return incident;
      }
      held.push(incident.urgency);
      return { ...incident, heldBack: true };
    });
    const latest = this.#times.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    this.#times = this.#times.filter((time) => time > latest - 2 * perMs).slice(-MAX_REMEMBERED);
    return {
      incidents: marked,
      outcome: {
        budget: text,
        alerts: shown.length,
        heldBack: held.length,
        ...(shown.length === 0 ? {} : { leastShown: Math.min(...shown) }),
        ...(held.length === 0 ? {} : { mostHeldBack: Math.max(...held) }),
      },
    };
  }

  /** Whether no stretch of time with one more alert holds more than the budget. */
  #fits(time: number, count: number, perMs: number): boolean {
    const near = this.#times.filter((other) => Math.abs(other - time) < perMs);
    if (near.length < count) return true;
    const sorted = [...near, time].sort((a, b) => a - b);
    return sorted.every((from, i) => (sorted[i + count] ?? Number.POSITIVE_INFINITY) - from >= perMs);
  }
}
