import { nearest, safeText, type Table, UserError } from '../../core/index.ts';
import { bindFlows } from '../../flow/index.ts';
import type { FeatureSaturation, FlowFeature } from '../flow.ts';
import type { FeatureMatrix } from '../matrix.ts';
import { emptyMatrix, type FeatureContext, numberOr, positionsOf } from './part.ts';

/**
 * The time pack: time of day and day of the week as points on a circle, so that 23:59 lies beside 00:00 and Sunday beside Monday, in the zone of the
 * people whose habits they show, with its summer time. Time is that of the flow's start.
 */
const FEATURES = [
  {
    name: 'time.hour-sin',
    unit: 'sine',
    meaning: 'Time of day as the sine of its angle on a 24 h clock, 1 at 06:00 and -1 at 18:00 in the zone set.',
  },
  {
    name: 'time.hour-cos',
    unit: 'cosine',
    meaning: 'Time of day as the cosine of its angle on a 24 h clock, 1 at 00:00 and -1 at 12:00 in the zone set.',
  },
  {
    name: 'time.week-sin',
    unit: 'sine',
    meaning: 'Time of the week as the sine of its angle on a 7 day clock that starts on Monday at 00:00.',
  },
  {
    name: 'time.week-cos',
    unit: 'cosine',
    meaning: 'Time of the week as the cosine of its angle on a 7 day clock that starts on Monday at 00:00.',
  },
  {
    name: 'time.weekend',
    unit: 'class',
    meaning: 'Whether it was Saturday or Sunday in the zone set.',
    classes: ['Monday to Friday', 'Saturday or Sunday'],
  },
] as const satisfies readonly FlowFeature[];

export type TimeFeatureName = (typeof FEATURES)[number]['name'];
export const TIME_FEATURES: readonly FlowFeature[] = FEATURES;
const F = positionsOf<TimeFeatureName>(FEATURES);

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** 1970-01-01 was a Thursday: so much of its week had gone by. */
const EPOCH_IN_WEEK_MS = 3 * DAY_MS;
const QUARTER_MS = 900_000;
/** Offsets that are remembered; four years of quarters would be 140,000. */
const MAX_QUARTERS = 4096;

/**
 * Local time of a zone. Offsets are asked of the platform's time zone database once per quarter of an hour, at whose borders every change since 1973 lies.
 */
export class Zone {
  #format: Intl.DateTimeFormat | undefined;
  #fixedMs = 0;
  #offsets = new Map<number, number>();

  /**
   * @param zone 'UTC', a fixed offset (+02:00, -0530, +14), or an IANA name (Europe/Berlin).
   * @throws UserError for a zone that is none of these.
   */
  constructor(zone: string) {
    const fixed = /^([+-])(\d{1,2})(?::?([0-5]\d))?$/.exec(zone);
    if (fixed !== null) {
      const [, sign, hours, minutes = '0'] = fixed;
      const ms = Number(hours) * 3_600_000 + Number(minutes) * 60_000;
      if (ms > 18 * 3_600_000)
        throw new UserError(
          `'${zone}' is not an offset from UTC.`,
          'An offset lies between -18:00 and +18:00, as in +02:00.',
        );
      this.#fixedMs = sign === '-' ? -ms : ms;
      return;
    }
    if (zone === 'UTC' || zone === 'Z') return;
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        calendar: 'iso8601',
        numberingSystem: 'latn',
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
        era: 'short',
      });
    } catch {
      const near = nearest(zone, Intl.supportedValuesOf('timeZone'));
      throw new UserError(
        `'${safeText(zone, 60)}' is not a time zone.`,
        near === undefined
          ? 'Give an IANA name such as Europe/Berlin, an offset such as +02:00, or UTC.'
          : `Did you mean ${near}?`,
      );
    }
  }

  /** Local time as if it were UTC, in ms. Times that no calendar holds give NaN. */
  localMs(epochMs: number): number {
    if (!(Math.abs(epochMs) <= 8.64e15 - DAY_MS)) return Number.NaN;
    if (this.#format === undefined) return epochMs + this.#fixedMs;
    const quarter = Math.floor(epochMs / QUARTER_MS);
    let offset = this.#offsets.get(quarter);
    if (offset === undefined) {
      if (this.#offsets.size >= MAX_QUARTERS) this.#offsets.clear();
      offset = offsetAt(this.#format, quarter * QUARTER_MS);
      this.#offsets.set(quarter, offset);
    }
    return epochMs + offset;
  }
}

function offsetAt(format: Intl.DateTimeFormat, epochMs: number): number {
  const part: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(epochMs)) part[type] = value;
  const year = part.era === 'BC' || part.era === 'B' ? 1 - Number(part.year) : Number(part.year);
  const local = new Date(0);
  local.setUTCFullYear(year, Number(part.month) - 1, Number(part.day));
  local.setUTCHours(Number(part.hour), Number(part.minute), Number(part.second));
  return local.getTime() - epochMs;
}

/** Four cyclic numbers of a moment: sine and cosine of the hour, sine and cosine of the week (from Monday 00:00), and 1 on a weekend, all in a zone. */
export function cyclicTime(
  epochMs: number,
  zone: Zone,
): {
  readonly hourSin: number;
  readonly hourCos: number;
  readonly weekSin: number;
  readonly weekCos: number;
  readonly weekend: number;
} {
  const local = zone.localMs(epochMs);
  const hour = (2 * Math.PI * modulo(local, DAY_MS)) / DAY_MS;
  const inWeek = modulo(local + EPOCH_IN_WEEK_MS, WEEK_MS);
  const week = (2 * Math.PI * inWeek) / WEEK_MS;
  return {
    hourSin: Math.sin(hour),
    hourCos: Math.cos(hour),
    weekSin: Math.sin(week),
    weekCos: Math.cos(week),
    weekend: Number.isNaN(inWeek) ? Number.NaN : inWeek >= 5 * DAY_MS ? 1 : 0,
  };
}

function modulo(value: number, by: number): number {
  const rest = value % by;
  return rest < 0 ? rest + by : rest;
}

/** Remembers nothing: every row by itself. */
export class TimeFeatureMeasurer {
  readonly features: readonly FlowFeature[] = TIME_FEATURES;
  #zone: Zone;

  /** @throws UserError for a zone that is none. */
  constructor(context: FeatureContext) {
    this.#zone = new Zone(context.timeZone ?? 'UTC');
  }

  /** Row i of the matrix is row i of the table; see `FeatureMeasurer`. Throws where the table is not a flow table. */
  measure(table: Table, _order?: Int32Array, into?: Float32Array): FeatureMatrix {
    const flows = bindFlows(table);
    const matrix = emptyMatrix(FEATURES, flows.rowCount, into);
    for (let row = 0; row < flows.rowCount; row++) {
      const at = row * FEATURES.length;
      const time = cyclicTime(numberOr(flows.startMs, row), this.#zone);
      matrix.values[at + F['time.hour-sin']] = time.hourSin;
      matrix.values[at + F['time.hour-cos']] = time.hourCos;
      matrix.values[at + F['time.week-sin']] = time.weekSin;
      matrix.values[at + F['time.week-cos']] = time.weekCos;
      matrix.values[at + F['time.weekend']] = time.weekend;
    }
    return matrix;
  }

  /** It has no caps. */
  saturations(): FeatureSaturation[] {
    return [];
  }
}
