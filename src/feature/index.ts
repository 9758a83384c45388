/** Floor 3: tables to named numbers. */

import type { Table } from '../core/index.ts';
import type { FeatureSaturation } from './flow.ts';
import { FLOW_FEATURES, FlowFeatureMeasurer } from './flow.ts';
import type { Feature, FeatureMatrix } from './matrix.ts';
import { AFTER_IMAGE_FEATURES, AfterImageMeasurer } from './pack/after-image.ts';
import { DNS_FEATURES, DnsFeatureMeasurer } from './pack/dns.ts';
import { HOST_FEATURES, HOST_SCHEMA, HostFeatureMeasurer } from './pack/host.ts';
import { HTTP_FEATURES, HttpFeatureMeasurer } from './pack/http.ts';
import type { FeatureContext } from './pack/part.ts';
import { SOURCE_FEATURES, SourceFeatureMeasurer } from './pack/source.ts';
import { TIME_FEATURES, TimeFeatureMeasurer } from './pack/time.ts';
import { TLS_FEATURES, TlsFeatureMeasurer } from './pack/tls.ts';

export * from './auto.ts';
export * from './definition/index.ts';
export { dgaLabel, dgaLabelScore, dgaScore } from './dga.ts';
export {
  type DomainOptions,
  type DomainParts,
  domainParts,
  labelEntropy,
  labelsOf,
  normalName,
  ownerAndDomain,
  publicSuffix,
  registrableDomain,
  subdomainOf,
} from './domain.ts';
export * from './expression/index.ts';
export * from './flow.ts';
export * from './matrix.ts';
export * from './pack/after-image.ts';
export * from './pack/dns.ts';
export * from './pack/host.ts';
export * from './pack/http.ts';
export { InformationCounter } from './pack/information.ts';
export type { FeatureContext } from './pack/part.ts';
export * from './pack/source.ts';
export * from './pack/time.ts';
export * from './pack/tls.ts';
export { PopularList, popularRank, shippedPopularList } from './popular.ts';
export * from './scaling.ts';
export * from './text-shape.ts';
export * from './vocabulary.ts';

/** Measures batches of one kind of table. */
export interface FeatureMeasurer {
  readonly features: readonly Feature[];
  /**
   * @param order the order in which the rows happened, where that is another than theirs.
   * @param into where the values go, when it is large enough; else a new array is made.
   */
  measure(table: Table, order?: Int32Array, into?: Float32Array): FeatureMatrix;
  saturations(): FeatureSaturation[];
}

/** One line per pack: a new pack is one file and one line here. */
export interface FeaturePack {
  readonly id: string;
  /** Name of the schema that it measures. */
  readonly table: string;
  readonly meaning: string;
  readonly features: readonly Feature[];
  readonly create: (context: FeatureContext) => FeatureMeasurer;
}

export const FEATURE_PACKS: readonly FeaturePack[] = [
  {
    id: 'flow',
    table: 'flows',
    meaning: 'Size, time, shape and outcome of a flow, and what its initiator did within a minute.',
    features: FLOW_FEATURES,
    create: (context) => new FlowFeatureMeasurer(context),
  },
  {
    id: 'source',
    table: 'flows',
    meaning: 'What the initiator of a flow did in the 10 minutes before.',
    features: SOURCE_FEATURES,
    create: () => new SourceFeatureMeasurer(),
  },
  {
    id: 'dns',
    table: 'flows',
    meaning:
      'Question and answer of a DNS flow, what its source asked within 10 minutes, and of one domain within a day.',
    features: DNS_FEATURES,
    create: (context) => new DnsFeatureMeasurer(context),
  },
  {
    id: 'tls',
    table: 'flows',
    meaning: 'Server name, protocols, fingerprint and certificate of a TLS flow.',
    features: TLS_FEATURES,
    create: (context) => new TlsFeatureMeasurer(context),
  },
  {
    id: 'http',
    table: 'flows',
    meaning: 'The first request of an HTTP flow in clear text and its response.',
    features: HTTP_FEATURES,
    create: (context) => new HttpFeatureMeasurer(context),
  },
  {
    id: 'time',
    table: 'flows',
    meaning: 'Time of day and of the week as points on a circle, in the zone set.',
    features: TIME_FEATURES,
    create: (context) => new TimeFeatureMeasurer(context),
  },
  {
    id: 'after-image',
    table: 'flows',
    meaning:
      'Damped statistics of sizes and intervals by initiator, pair and service, at five rates of forgetting; for the model kitnet.',
    features: AFTER_IMAGE_FEATURES,
    create: () => new AfterImageMeasurer(),
  },
  {
    id: 'host',
    table: HOST_SCHEMA.name,
    meaning: 'What a source did in a window of 60 s or 10 min, one row per source and window.',
    features: HOST_FEATURES,
    create: () => new HostFeatureMeasurer(),
  },
];
