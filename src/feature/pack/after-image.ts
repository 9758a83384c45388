import type { Table } from '../../core/index.ts';
import { bindFlows } from '../../flow/index.ts';
import type { FeatureSaturation, FlowFeature } from '../flow.ts';
import type { FeatureMatrix } from '../matrix.ts';
import { DampedStreams } from './damped.ts';
import { dropInfinities, emptyMatrix, eventTimeAt, numberOr, quantityAt } from './part.ts';
import { Cap, Hashes, mix53, saturationsOf } from './state.ts';

/**
 * The after-image pack: what the flows of an initiator, of a pair of addresses and of a service looked like lately, by the damped statistics of
 * AfterImage (Mirsky et al.: Kitsune, NDSS 2018) at five rates of forgetting. The paper takes packets and forgets within a hundred seconds; here an
 * event is a flow, so half-lives go from 1 s to 10,000 s, and sizes are ln(1 + bytes), as flows differ in size by decades. The features of one
 * stream go together closely; they are meant for the model 'kitnet'.
 */
export const HALF_LIVES = [1, 10, 100, 1000, 10_000] as const;

const SOLO = [
  ['weight', 'flows', 'Count of flows, the older the less they count,'],
  ['mean', 'ln bytes', 'Mean size'],
  ['deviation', 'ln bytes', 'Standard deviation of the size'],
] as const;
const BOTH = [
  ['magnitude', 'ln bytes', 'Length of the vector of the mean sizes there and back'],
  ['radius', 'ln bytes ^ 2', 'Length of the vector of the variances there and back'],
  ['covariance', 'ln bytes ^ 2', 'Covariance of the sizes there and back'],
  ['correlation', 'ratio -1..1', 'Correlation of the sizes there and back'],
] as const;
const INTERVAL = [
  ['weight', 'flows', 'Count of intervals, the older the less they count,'],
  ['mean', 'ln ms', 'Mean interval between flows'],
  ['deviation', 'ln ms', 'Standard deviation of the interval between flows'],
] as const;

/** What is kept a stream of, and the statistics of it, in the order of the columns. */
const STREAMS = [
  { name: 'source', of: 'sent by the initiator', statistics: SOLO },
  { name: 'pair', of: 'between initiator and responder', statistics: [...SOLO, ...BOTH] },
  { name: 'interval', of: 'between initiator and responder', statistics: INTERVAL },
  { name: 'service', of: 'between initiator and responder on this port', statistics: [...SOLO, ...BOTH] },
] as const;

export const AFTER_IMAGE_FEATURES: readonly FlowFeature[] = STREAMS.flatMap(({ name, of, statistics }) =>
  HALF_LIVES.flatMap((seconds) =>
    statistics.map(
      ([statistic, unit, meaning]): FlowFeature => ({
        name: `damped.${name}-${statistic}-${seconds}s`,
        unit,
        meaning: `${meaning} ${of}; half forgotten after ${seconds} s.`,
      }),
    ),
  ),
);

export interface AfterImageOptions {
  /** Initiators at most. Default 16,384, of 130 bytes each. */
  readonly maxSources?: number;
  /** Pairs of addresses at most. Default 32,768, of 550 bytes each. */
  readonly maxPairs?: number;
  /** Triples of initiator, responder and port at most. Default 32,768, of 410 bytes each. */
  readonly maxServices?: number;
}

export class AfterImageMeasurer {
  readonly features: readonly FlowFeature[] = AFTER_IMAGE_FEATURES;
  readonly #sources: DampedStreams;
  readonly #pairs: DampedStreams;
  readonly #intervals: DampedStreams;
  readonly #services: DampedStreams;

  constructor(options: AfterImageOptions = {}) {
    const { maxSources = 16_384, maxPairs = 32_768, maxServices = 32_768 } = options;
    const streams = (what: string, cap: number, paired: boolean): DampedStreams =>
      new DampedStreams({ halfLives: HALF_LIVES, paired, cap: new Cap(what, cap) });
    this.#sources = streams('initiators with damped statistics', maxSources, false);
    this.#pairs = streams('pairs of addresses with damped statistics', maxPairs, true);
    this.#intervals = streams('pairs of addresses with damped intervals', maxPairs, false);
    this.#services = streams('services with damped statistics', maxServices, true);
  }

  /** Row i of the matrix is row i of the table; see `FeatureMeasurer`. Throws where the table is not a flow table. */
  measure(table: Table, order?: Int32Array, into?: Float32Array): FeatureMatrix {
    const flows = bindFlows(table);
    const matrix = emptyMatrix(AFTER_IMAGE_FEATURES, flows.rowCount, into);
    const { values } = matrix;
    const sources = new Hashes(flows.initiator.dictionary);
    const targets = new Hashes(flows.responder.dictionary);
    for (let k = 0; k < flows.rowCount; k++) {
      const row = order === undefined ? k : order[k];
      const time = eventTimeAt(flows.startMs, flows.endMs, row);
      const sourceCode = flows.initiator.codes[row];
      if (sourceCode < 0 || Number.isNaN(time)) continue;
      const out = Math.log1p(quantityAt(flows.initiatorBytes, row));
      const back = Math.log1p(quantityAt(flows.responderBytes, row));
      let at = row * AFTER_IMAGE_FEATURES.length;
      const source = this.#sources.obtain(sources.at(sourceCode), time);
      if (source >= 0) this.#sources.add(source, time, out);
      at = writeSolo(this.#sources, source, values, at);
      const targetCode = flows.responder.codes[row];
      if (targetCode < 0) continue;
      const pairKey = mix53(sources.at(sourceCode), targets.at(targetCode));
      const pair = this.#pairs.obtain(pairKey, time);
      const interval = this.#intervals.obtain(pairKey, time);
      if (interval >= 0) {
        const since = this.#intervals.sinceLast(interval, time);
        this.#intervals.add(interval, time, Math.log1p(since));
      }
      if (pair >= 0) this.#pairs.add(pair, time, out, back);
      at = writeBoth(this.#pairs, pair, values, at);
      at = writeSolo(this.#intervals, interval, values, at);
      const port = numberOr(flows.responderPort, row);
      if (!(port >= 0 && port <= 65_535)) continue;
      const service = this.#services.obtain(mix53(pairKey, Math.trunc(port)), time);
      if (service >= 0) this.#services.add(service, time, out, back);
      writeBoth(this.#services, service, values, at);
    }
    dropInfinities(values);
    return matrix;
  }

  /** Caps that refused something. */
  saturations(): FeatureSaturation[] {
    return saturationsOf([this.#sources.cap, this.#pairs.cap, this.#intervals.cap, this.#services.cap]);
  }

  /** How much it holds now; bounded by the options. */
  held(): { sources: number; pairs: number; services: number } {
    return { sources: this.#sources.size, pairs: this.#pairs.size, services: this.#services.size };
  }
}

/** Three columns a rate; they stay missing where there is no slot. Returns the next column. */
function writeSolo(streams: DampedStreams, slot: number, values: Float32Array, at: number): number {
  for (let rate = 0; rate < HALF_LIVES.length && slot >= 0; rate++) {
    const o = at + rate * SOLO.length;
    values[o] = streams.weight(slot, rate);
    values[o + 1] = streams.mean(slot, rate);
    values[o + 2] = Math.sqrt(streams.variance(slot, rate));
  }
  return at + HALF_LIVES.length * SOLO.length;
}

/** Seven columns a rate, of a stream there with one back. */
function writeBoth(streams: DampedStreams, slot: number, values: Float32Array, at: number): number {
  const width = SOLO.length + BOTH.length;
  for (let rate = 0; rate < HALF_LIVES.length && slot >= 0; rate++) {
    const o = at + rate * width;
    const there = streams.variance(slot, rate);
    const back = streams.variance(slot, rate, 1);
    const covariance = streams.covariance(slot, rate);
    values[o] = streams.weight(slot, rate);
    values[o + 1] = streams.mean(slot, rate);
    values[o + 2] = Math.sqrt(there);
    values[o + 3] = Math.hypot(streams.mean(slot, rate), streams.mean(slot, rate, 1));
    values[o + 4] = Math.hypot(there, back);
    if (back >= 0) values[o + 5] = covariance;
    // Of a constant side there is none.
    if (there > 0 && back > 0) values[o + 6] = Math.max(-1, Math.min(1, covariance / Math.sqrt(there * back)));
  }
  return at + HALF_LIVES.length * width;
}
