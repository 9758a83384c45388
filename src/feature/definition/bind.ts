import { nearest, type Schema, safeText } from '../../core/index.ts';
import type { AggregateLimits } from '../expression/index.ts';
import { dimensionOf } from '../expression/node.ts';
import { nearestZone, zoneOf } from '../expression/time-part.ts';
import type { FeaturePack } from '../index.ts';
import type { Feature } from '../matrix.ts';
import type { FeatureContext } from '../pack/part.ts';
import type { Definitions } from './definition.ts';
import { columnHint } from './formula.ts';
import { DefinitionRun } from './run.ts';

/** Definitions checked against the columns of a table. */

export interface BindOptions {
  readonly limits?: AggregateLimits;
  /** Packs whose features may stand as `metric: flow.bytes-ratio`, on the table that they measure, with what they need. */
  readonly packs?: readonly FeaturePack[];
  readonly context?: FeatureContext;
}

/** A feature as it is measured. */
export interface BoundFeature extends Feature {
  /** A 'category' is a text: its values are numbers of the texts in order of their appearance, alike or not. */
  readonly kind: 'number' | 'category';
  readonly weight: number;
}

/** Checks every expression against the columns of a table. Throws UserError with file, line and column for the first that does not fit. */
export function bindDefinitions(definitions: Definitions, schema: Schema, options: BindOptions = {}): BoundDefinitions {
  return new BoundDefinitions(definitions, schema, options);
}

/** Definitions that fit a table. Weights are by name of the feature. */
export class BoundDefinitions {
  readonly definitions: Definitions;
  readonly schema: Schema;
  readonly features: readonly BoundFeature[];
  readonly weights: ReadonlyMap<string, number>;
  readonly time: string | undefined;
  readonly entity: string | undefined;
  /** True where all rows must be observed before the first is measured. */
  readonly needsFirstPass: boolean;
  #options: BindOptions;

  constructor(definitions: Definitions, schema: Schema, options: BindOptions) {
    this.definitions = definitions;
    this.schema = schema;
    this.#options = options;
    const { source, time, entity, zone } = definitions;
    const names = schema.columns.map(({ name }) => name);
    for (const [key, column] of Object.entries({ time, entity })) {
      if (column === undefined || names.includes(column)) continue;
      source.fail(
        definitions.layout === 'anomalyst' ? [key] : ['flags'],
        `there is no column '${safeText(column, 60)}'`,
        columnHint(column, schema.columns),
      );
    }
    const spec = schema.columns.find(({ name }) => name === time);
    if (spec !== undefined && spec.kind !== 'string' && dimensionOf(spec.unit) !== 'time')
      source.fail(
        ['time'],
        `'${safeText(spec.name, 60)}' holds numbers, and no times`,
        `say so, where it holds times: types: {${safeText(spec.name, 60)}: time}`,
      );
    for (const column of Object.keys(definitions.types))
      if (!names.includes(column)) {
        const near = nearest(column, names);
        source.fail(
          ['types', column],
          `there is no column '${safeText(column, 60)}'`,
          near === undefined ? undefined : `did you mean '${safeText(near, 60)}'?`,
          true,
        );
      }
    if (zone !== undefined && zoneOf(zone) === undefined) {
      const near = nearestZone(zone);
      source.fail(
        ['zone'],
        `'${safeText(zone, 60)}' is no time zone`,
        near === undefined ? 'as in Europe/Berlin, +02:00 or UTC' : `did you mean '${near}'?`,
      );
    }
    this.time = time;
    this.entity = entity;
    const run = this.createRun();
    this.features = run.features;
    this.weights = new Map(run.features.map(({ name, weight }) => [name, weight]));
    this.needsFirstPass = run.needsFirstPass;
  }

  /** A run over the rows of one table, with state of its own. */
  createRun(): DefinitionRun {
    return new DefinitionRun(this.definitions, this.schema, this.#options);
  }
}
