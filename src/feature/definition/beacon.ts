import {
  humanDuration,
  medianAbsoluteDeviation,
  medianSorted,
  type Schema,
  safeText,
  type Table,
} from '../../core/index.ts';
import { timeReader } from '../expression/apply.ts';
import { KeyIndex } from '../expression/key.ts';
import { Batch, type Vector } from '../expression/vector.ts';
import type { FlagFunction, FlagObserver, RaisedFlag } from './function-table.ts';

/**
 * Regular contact in a table of records: `beaconing_detector`.
 *
 * Sees a client that comes back to one destination at even intervals. Records are put together by client and destination, their times sorted, to the
 * millisecond; regularity is 1 - MAD / median of the intervals, clamped to 0: 1 for a clock, about 0.75 where every wait varies by half, 0.3 for a
 * Poisson process (Iglewicz and Hoaglin 1993 for the deviation; activecm/rita scores intervals by the same ratio). A pair is reported from `threshold`
 * on, with `min_count` records or more and a median interval of `min_interval_s` or more, so that a burst is no beacon.
 *
 * With `legacy: true` the ratio is that of the original function instead, on sorted times: the number of gap lengths (whole seconds) that occur exactly
 * once, divided by the number of gaps; below `threshold` is suspect. It takes any burst for a beacon and is there for comparison only.
 *
 * Fooled by: long random waits, two clients behind one address. Innocent: clocks, update services, monitoring.
 * Cost: 8 bytes per record. Bounds: 65,536 pairs, 4,096 times each, 2,097,152 in all; what is beyond is counted, and the first ones decide.
 */
export const BEACONING: FlagFunction = {
  meaning: 'A client that comes back to one destination at even intervals.',
  takes: [
    { name: 'client_ip', type: 'column', required: true, meaning: 'Who makes contact.' },
    { name: 'timestamp', type: 'column', required: true, meaning: 'When.' },
    {
      name: 'destination',
      type: 'column',
      meaning:
        'What is contacted; by default the name asked for in DNS records, else the address of the other side, where the table has one.',
    },
    {
      name: 'threshold',
      type: 'number',
      default: 0.7,
      least: 0,
      most: 1,
      meaning: 'Regularity from which on a pair is reported.',
    },
    { name: 'min_count', type: 'number', default: 10, least: 3, most: 4096, meaning: 'Records that a pair needs.' },
    {
      name: 'min_interval_s',
      type: 'number',
      default: 2,
      least: 0,
      most: 86_400,
      meaning: 'Shortest median interval, in seconds.',
    },
    { name: 'legacy', type: 'boolean', default: false, meaning: 'Judge by the ratio of the original function.' },
  ],
  positional: ['client_ip', 'timestamp'],
  time: 'timestamp',
  entity: 'client_ip',
  create: (params, schema) => new BeaconObserver(params, schema),
};

/** Columns that hold the other side, in order of preference: a resolver is the same for all names that are asked of it, so names come first. */
const DESTINATIONS = [
  'dns.question.name',
  'query',
  'dnsQuery',
  'destination.ip',
  'dst_ip',
  'dest_ip',
  'dst',
  'id.resp_h',
  'responder',
  'DstAddr',
];

const MAX_PAIRS = 65_536;
const MAX_TIMES = 4096;
const MAX_ALL_TIMES = 2_097_152;
const SHOWN_ROWS = 20;

class Pair {
  readonly times: number[] = [];
  readonly rows: number[] = [];
  count = 0;
}

class BeaconObserver implements FlagObserver {
  #keys = new KeyIndex(MAX_PAIRS);
  #pairs: Pair[] = [];
  #columns: readonly number[];
  #timesOf: (batch: Batch) => Float64Array;
  #threshold: number;
  #minCount: number;
  #minIntervalMs: number;
  #legacy: boolean;
  #held = 0;
  #refused = 0;

  constructor(params: Parameters<FlagFunction['create']>[0], schema: Schema) {
    const indexOf = (name: unknown): number => schema.columns.findIndex((column) => column.name === name);
    const destination = params.destination ?? DESTINATIONS.find((name) => indexOf(name) >= 0);
    this.#columns = [params.client_ip, destination].map(indexOf).filter((column) => column >= 0);
    this.#timesOf = timeReader(schema, indexOf(params.timestamp));
    this.#threshold = Number(params.threshold);
    this.#minCount = Number(params.min_count);
    this.#minIntervalMs = Number(params.min_interval_s) * 1000;
    this.#legacy = params.legacy === true;
  }

  observe(rows: Table, rowNumbers: ArrayLike<number>): void {
    const batch = new Batch(rows);
    const vectors = this.#columns.map(
      (column): Vector => (rows.columns[column].kind === 'string' ? batch.texts(column) : batch.numbers(column)),
    );
    const times = this.#timesOf(batch);
    this.#keys.begin(vectors, rows.rowCount);
    for (let row = 0; row < rows.rowCount; row++) {
      if (Number.isNaN(times[row])) continue;
      const id = this.#keys.group(row);
      if (id < 0) continue;
      let pair = this.#pairs[id];
      if (pair === undefined) {
        pair = new Pair();
        this.#pairs[id] = pair;
      }
      pair.count++;
      if (pair.rows.length < SHOWN_ROWS) pair.rows.push(rowNumbers[row]);
      if (pair.times.length >= MAX_TIMES || this.#held >= MAX_ALL_TIMES) {
        this.#refused++;
        continue;
      }
      this.#held++;
      pair.times.push(times[row]);
    }
  }

  finish(): RaisedFlag[] {
    return this.#pairs.flatMap((pair, id) => this.#judge(pair, this.#keys.values(id) ?? []) ?? []);
  }

  #judge(pair: Pair, [client, destination]: readonly unknown[]): RaisedFlag | undefined {
    const times = Float64Array.from(pair.times).sort();
    const gaps = new Float64Array(Math.max(0, times.length - 1));
    for (let i = 0; i < gaps.length; i++) gaps[i] = times[i + 1] - times[i];
    if (gaps.length === 0) return undefined;
    const median = medianSorted(Float64Array.from(gaps).sort(), 0, gaps.length);
    const regularity = median > 0 ? Math.max(0, 1 - medianAbsoluteDeviation(gaps) / median) : 0;
    const onesRate = onceOnly(gaps);
    const suspect = this.#legacy
      ? onesRate < this.#threshold
      : times.length >= this.#minCount && median >= this.#minIntervalMs && regularity >= this.#threshold;
    if (!suspect) return undefined;
    const who = safeText(String(client), 100);
    const whom = destination === undefined ? 'came back' : `went to ${safeText(String(destination), 100)}`;
    const ratio = this.#legacy
      ? `${onesRate.toFixed(2)} of its gaps occur once, below ${this.#threshold}`
      : `regularity ${regularity.toFixed(2)}, from ${this.#threshold} on`;
    return {
      entity: String(client),
      keys: { client: String(client), ...(destination === undefined ? {} : { destination: String(destination) }) },
      values: { count: pair.count, medianIntervalMs: median, regularity, onesRate },
      message: `${who} ${whom} ${pair.count} times, every ${humanDuration(median)} (${ratio}).`,
      rows: pair.rows,
      rowCount: pair.count,
      firstMs: times[0],
      lastMs: times[times.length - 1],
    };
  }

  refusals(): { what: string; cap: number; refused: number }[] {
    return [
      { what: 'pairs of client and destination', cap: MAX_PAIRS, refused: this.#keys.refused },
      { what: 'times of one pair', cap: MAX_TIMES, refused: this.#refused },
    ].filter(({ refused }) => refused > 0);
  }
}

/** The number of gap lengths in whole seconds that occur exactly once, divided by the number of gaps. */
function onceOnly(gaps: Float64Array): number {
  const counts = new Map<number, number>();
  for (const gap of gaps) {
    const seconds = Math.floor(gap / 1000);
    counts.set(seconds, (counts.get(seconds) ?? 0) + 1);
  }
  let once = 0;
  for (const count of counts.values()) if (count === 1) once++;
  return once / gaps.length;
}
