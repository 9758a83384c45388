import type { Table } from '../../core/index.ts';
import { bindFlows } from '../../flow/index.ts';
import type { FeatureSaturation, FlowFeature } from '../flow.ts';
import type { FeatureMatrix } from '../matrix.ts';
import { dropInfinities, emptyMatrix, eventTimeAt, positionsOf, quantityAt } from './part.ts';
import { Cap, Hashes, HashSet, mix53, Rings, saturationsOf } from './state.ts';

/**
 * The source pack: what the initiator of a flow did in the 10 minutes before, as numbers of the flow. The flow pack has its last minute; slow scans and
 * uploads in small pieces show only over a longer time.
 */
const FEATURES = [
  {
    name: 'source.new-destination',
    unit: 'class',
    meaning: 'Whether the initiator contacted the responder for the first time in this run.',
    classes: ['contacted before', 'first contact'],
  },
  { name: 'source.flows-10-min', unit: 'ln flows', meaning: 'Flows that the initiator had within 10 minutes.' },
  {
    name: 'source.new-destinations-10-min',
    unit: 'ln addresses',
    meaning: 'Addresses that the initiator contacted for the first time in this run within 10 minutes.',
  },
  {
    name: 'source.services-10-min',
    unit: 'ln services',
    meaning: 'Different application protocols that the initiator spoke within 10 minutes.',
  },
  {
    name: 'source.failed-ratio-10-min',
    unit: 'ratio 0..1',
    meaning: "Share of the initiator's flows within 10 minutes that were refused or not answered.",
  },
  {
    name: 'source.bytes-out-10-min',
    unit: 'ln bytes',
    meaning: 'Bytes that the initiator sent in its flows within 10 minutes.',
  },
  {
    name: 'source.bytes-ratio-10-min',
    unit: 'ratio -1..1',
    meaning: "Balance of the bytes of the initiator's flows within 10 minutes, from -1 (all out) to 1 (all in).",
  },
] as const satisfies readonly FlowFeature[];

export type SourceFeatureName = (typeof FEATURES)[number]['name'];
export const SOURCE_FEATURES: readonly FlowFeature[] = FEATURES;
const F = positionsOf<SourceFeatureName>(FEATURES);

const BUCKET_MS = 60_000;
const BUCKETS = 10;
const FLOWS = 0;
const NEW = 1;
const SERVICES = 2;
const JUDGED = 3;
const FAILED = 4;
const OUT = 5;
const IN = 6;
const COUNTERS = 7;

export interface SourceFeatureOptions {
  /** Sources with a window, at most. Default 32,768; each takes about 1 kB. */
  readonly maxSources?: number;
  /** Services in the windows of all sources together. Default 200,000. */
  readonly maxServices?: number;
  /** (source, destination) pairs that are remembered as known. Default 500,000 of about 20 bytes. */
  readonly maxKnown?: number;
}

export class SourceFeatureMeasurer {
  readonly features: readonly FlowFeature[] = SOURCE_FEATURES;
  #sources: Cap;
  #services: Cap;
  #pairs: Cap;
  #rings: Rings;
  #known: HashSet;

  constructor(options: SourceFeatureOptions = {}) {
    const { maxSources = 32_768, maxServices = 200_000, maxKnown = 500_000 } = options;
    this.#sources = new Cap('sources with a window of 10 minutes', maxSources);
    this.#services = new Cap('services of sources', maxServices);
    this.#pairs = new Cap('known pairs of source and destination', maxKnown);
    this.#known = new HashSet(this.#pairs);
    this.#rings = new Rings({
      bucketMs: BUCKET_MS,
      buckets: BUCKETS,
      counters: COUNTERS,
      cap: this.#sources,
      things: this.#services,
    });
  }

  /** Row i of the matrix is row i of the table; see `FeatureMeasurer`. Throws where the table is not a flow table. */
  measure(table: Table, order?: Int32Array, into?: Float32Array): FeatureMatrix {
    const flows = bindFlows(table);
    const matrix = emptyMatrix(FEATURES, flows.rowCount, into);
    const { values } = matrix;
    const sources = new Hashes(flows.initiator.dictionary);
    const targets = new Hashes(flows.responder.dictionary);
    const services = new Hashes(flows.service.dictionary);
    for (let k = 0; k < flows.rowCount; k++) {
      const row = order === undefined ? k : order[k];
      const at = row * FEATURES.length;
      const sourceCode = flows.initiator.codes[row];
      if (sourceCode < 0) continue;
      const source = flows.initiator.dictionary[sourceCode];
      const targetCode = flows.responder.codes[row];
      const first = targetCode < 0 ? undefined : this.#known.add(mix53(sources.at(sourceCode), targets.at(targetCode)));
      if (first !== undefined) values[at + F['source.new-destination']] = first ? 1 : 0;
      const bucket = this.#rings.bucketOf(eventTimeAt(flows.startMs, flows.endMs, row));
      if (Number.isNaN(bucket)) continue;
      const ring = this.#rings.obtain(source, bucket);
      if (ring === undefined) continue;
      let servicesKnown = true;
      if (this.#rings.advance(ring, bucket)) {
        const outcomeCode = flows.outcome.codes[row];
        const outcome = outcomeCode < 0 ? '' : flows.outcome.dictionary[outcomeCode];
        const bad = outcome === 'refused' || outcome === 'unanswered';
        ring.add(FLOWS, bucket, 1);
        if (first === true) ring.add(NEW, bucket, 1);
        if (bad || outcome === 'answered') ring.add(JUDGED, bucket, 1);
        if (bad) ring.add(FAILED, bucket, 1);
        const serviceCode = flows.service.codes[row];
        if (serviceCode >= 0) servicesKnown = ring.see(SERVICES, bucket, services.at(serviceCode), this.#services);
        const out = quantityAt(flows.initiatorBytes, row);
        const back = quantityAt(flows.responderBytes, row);
        // Sums of what a float64 holds whole come apart again without a rest.
        if (out <= MAX_BYTES) ring.add(OUT, bucket, Math.round(out));
        if (back <= MAX_BYTES) ring.add(IN, bucket, Math.round(back));
      }
      const { sums } = ring;
      values[at + F['source.flows-10-min']] = Math.log1p(sums[FLOWS]);
      if (this.#pairs.refused === 0) values[at + F['source.new-destinations-10-min']] = Math.log1p(sums[NEW]);
      if (servicesKnown) values[at + F['source.services-10-min']] = Math.log1p(sums[SERVICES]);
      if (sums[JUDGED] > 0) values[at + F['source.failed-ratio-10-min']] = sums[FAILED] / sums[JUDGED];
      values[at + F['source.bytes-out-10-min']] = Math.log1p(sums[OUT]);
      const bytes = sums[OUT] + sums[IN];
      if (bytes > 0) values[at + F['source.bytes-ratio-10-min']] = (sums[IN] - sums[OUT]) / bytes;
    }
    dropInfinities(values);
    return matrix;
  }

  /** Caps that refused something. */
  saturations(): FeatureSaturation[] {
    return saturationsOf([this.#sources, this.#services, this.#pairs]);
  }

  /** How much it holds now; bounded by the options. */
  held(): { sources: number; services: number; pairs: number } {
    return { sources: this.#rings.size, services: this.#services.held, pairs: this.#known.size };
  }
}

/** No flow carries a pebibyte: what claims so is damage. */
const MAX_BYTES = 2 ** 50;
