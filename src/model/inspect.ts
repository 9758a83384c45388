import type { Json } from '../core/index.ts';
import type { Threshold } from './calibration.ts';
import { FORMAT_VERSION, type LoadedModel, readModel } from './file.ts';
import { FittedModel } from './fit.ts';
import { IsolationForest } from './isolation-forest.ts';
import { type DType, fileOfJson, isJsonModel, type RawArray, takeApart } from './json-file.ts';
import type { Model } from './model.ts';
import { onnxKinds } from './onnx/onnx.ts';
import type { CalibrationMethod, FeatureSummary } from './training.ts';
import type { TransformMethod } from './transform.ts';

/** One array of a model file. */
export interface ArraySummary {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Of its content; what is missing (NaN) is left out. Undefined where no number is left. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly missing: number;
}

/** What is done to a feature before distances or projections are measured: (shape of x - centre) / scale. */
export interface FeatureTransform {
  readonly feature: string;
  /**
   * A method of `transform.ts`, of a model that was fitted with transforms; else `scaled`, or `log scaled` where sign(x) ln(1 + |x|) is taken first, of a kind that scales inside.
   */
  readonly method: TransformMethod | 'scaled' | 'log scaled';
  readonly centre: number;
  /** Infinity where no value was ever seen. */
  readonly scale: number;
}

/** A false-positive budget and the threshold that spends it; undefined where the model was calibrated on too few rows to tell so rare a thing. */
export interface BudgetThreshold {
  /** Alarms per record like those of the calibration. */
  readonly rate: number;
  readonly threshold: Threshold | undefined;
}

/** What a model file holds, without the model itself. Names of features and texts come from the file: they are hostile until they are escaped. */
export interface ModelInspection {
  readonly container: 'safetensors' | 'json';
  /** Bytes of the file as given. */
  readonly bytes: number;
  readonly formatVersion: number;
  /** The latest that this program reads and writes. */
  readonly latestFormatVersion: number;
  readonly kind: string;
  readonly schemaVersion: string;
  readonly seed: number;
  /** SHA-256, verified. */
  readonly checksum: string;
  readonly features: readonly FeatureSummary[];
  readonly transforms: readonly FeatureTransform[];
  readonly training: {
    readonly rows: number;
    readonly fittedRows: number;
    readonly cautions: readonly string[];
    /** Training rows that are kept in the file, as they were given. */
    readonly anchorRows: number;
  };
  readonly calibration: {
    readonly method: CalibrationMethod;
    readonly rows: number;
    readonly tail: { readonly scale: number; readonly shape: number; readonly floor: number };
    readonly thresholds: readonly BudgetThreshold[];
    /** Raw scores of the calibration rows in bins of equal width; the last bin holds its upper end too. */
    readonly histogram: { readonly from: number; readonly to: number; readonly counts: readonly number[] };
  };
  /** Of this kind alone. */
  readonly parameters: { readonly [key: string]: Json };
  /** What its features were measured with, as whoever measured them saved it. */
  readonly encoding: Json | undefined;
  readonly arrays: readonly ArraySummary[];
  /** Whether `toOnnx` takes it. */
  readonly hasOnnx: boolean;
}

/** Shares of false positives that are asked for: one in ten records to one in a hundred thousand. */
export const USUAL_BUDGETS: readonly number[] = [0.1, 0.01, 0.001, 0.0001, 0.00001];
const BINS = 60;

/** The thresholds of a model for false-positive budgets. */
export function thresholdsOf({ calibration }: Pick<Model, 'calibration'>, rates = USUAL_BUDGETS): BudgetThreshold[] {
  return rates.map((rate) => ({
    rate,
    threshold: rate > calibration.tail.floor && rate <= 1 ? calibration.thresholdFor(rate) : undefined,
  }));
}

/** Counts ascending scores in bins of equal width; one bin where all are the same. */
function histogramOf(scores: Float64Array): ModelInspection['calibration']['histogram'] {
  const from = scores[0];
  const to = scores[scores.length - 1];
  const width = (to - from) / BINS;
  if (!(width > 0)) return { from, to, counts: [scores.length] };
  const counts = new Array<number>(BINS).fill(0);
  for (const score of scores) counts[Math.min(BINS - 1, Math.floor((score - from) / width))]++;
  return { from, to, counts };
}

function summarise({ name, dtype, shape, values }: RawArray): ArraySummary {
  let min: number | undefined;
  let max: number | undefined;
  let missing = 0;
  for (const v of values) {
    if (Number.isNaN(v)) missing++;
    else {
      if (min === undefined || v < min) min = v;
      if (max === undefined || v > max) max = v;
    }
  }
  return { name, dtype, shape, min, max, missing };
}

/**
 * Describes a model file, safetensors or JSON, all of whose checks it passed. `load` reads the model itself, so that what its kind checks is checked too.
 * Throws a `ModelError` for a file that is damaged, newer or of a kind that is not known.
 */
export function inspectFile(given: Uint8Array, load: (bytes: Uint8Array) => Model): ModelInspection {
  const container = isJsonModel(given) ? 'json' : 'safetensors';
  const bytes = container === 'json' ? fileOfJson(given) : given;
  const file = readModel(bytes);
  const model = load(bytes);
  const { calibration, training } = model;
  const { metadata, arrays } = takeApart(bytes);
  return {
    container,
    bytes: given.length,
    formatVersion: Number(metadata.format_version),
    latestFormatVersion: FORMAT_VERSION,
    kind: file.kind,
    schemaVersion: file.schemaVersion,
    seed: file.seed,
    checksum: file.checksum,
    features: training.features,
    transforms: transformsOf(file, model),
    training: {
      rows: training.rows,
      fittedRows: training.fittedRows,
      cautions: training.cautions,
      anchorRows: training.reference?.anchor?.rowCount ?? 0,
    },
    calibration: {
      method: training.calibration,
      rows: training.calibrationRows,
      tail: { ...calibration.tail },
      thresholds: thresholdsOf({ calibration }),
      histogram: histogramOf(calibration.scores()),
    },
    parameters: parametersOf(file.parameters),
    encoding: file.encoding,
    arrays: arrays.map(summarise),
    hasOnnx: onnxKinds.includes(file.kind),
  };
}

function transformsOf({ featureNames, tensors }: LoadedModel, model: Model): FeatureTransform[] {
  if ((model instanceof FittedModel || model instanceof IsolationForest) && model.transforms !== undefined)
    return model.transforms.summaries(featureNames);
  const centre = tensors.get('scale.centre')?.data;
  const scale = tensors.get('scale.scale')?.data;
  if (centre === undefined || scale === undefined) return [];
  const method = tensors.get('scale.log')?.data[0] === 1 ? 'log scaled' : 'scaled';
  return featureNames.map((feature, j) => ({ feature, method, centre: centre[j], scale: scale[j] }));
}

/** The kind's loader found them sound. */
export function parametersOf(parameters: unknown): { readonly [key: string]: Json } {
  return typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters)
    ? (parameters as { readonly [key: string]: Json })
    : {};
}
