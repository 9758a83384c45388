/** Floor 3: tables to named numbers. */

import type { Table } from '../core/index.ts';
import type { FeatureSaturation } from './flow.ts';
import { FLOW_FEATURES, type FlowFeatureContext, FlowFeatureMeasurer } from './flow.ts';
import type { Feature, FeatureMatrix } from './matrix.ts';

export * from './flow.ts';
export * from './matrix.ts';

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
  readonly create: (context: FlowFeatureContext) => FeatureMeasurer;
}

export const FEATURE_PACKS: readonly FeaturePack[] = [
  {
    id: 'flow',
    table: 'flows',
    meaning: 'Size, time, shape and outcome of a flow, and what its initiator did within a minute.',
    features: FLOW_FEATURES,
    create: (context) => new FlowFeatureMeasurer(context),
  },
];
