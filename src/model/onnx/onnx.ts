import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { canonicalJson, counted, humanBytes, type Json, safeText } from '../../core/index.ts';
import type { Feature } from '../../feature/index.ts';
import { ecodKernel } from '../ecod.ts';
import type { EnsemblePart } from '../ensemble.ts';
import { readModel } from '../file.ts';
import { FittedModel, type FittedPart } from '../fit.ts';
import { IsolationForest } from '../isolation-forest.ts';
import { knnKernel } from '../knn.ts';
import { lodaKernel } from '../loda.ts';
import { type Model, ModelError } from '../model.ts';
import { type FeatureStatistics, STATISTICS, type TrainingSummary } from '../training.ts';
import { GraphBuilder, type Ref } from './graph.ts';
import {
  calibrated,
  cleanRecords,
  copodRaw,
  ecodRaw,
  ensembleRaw,
  extendedForestRaw,
  halfSpaceRaw,
  hbosRaw,
  isolationForestRaw,
  kitNetRaw,
  knnRaw,
  lodaRaw,
  lofRaw,
  minimumCovarianceRaw,
  oneClassSvmRaw,
  pcaRaw,
  transformed,
} from './part.ts';
import { ELEMENT, type OnnxModel, writeGraph, writeOnnx } from './protobuf.ts';

/**
 * A saved model as a graph that other programs run: ONNX, IR version 7, operator set 13 (onnxruntime 1.7 of 2021 and later; nothing but the default
 * operators).
 *
 *     features  float32 [rows, features]     in the order of `feature_names`; NaN is missing, infinities count as the largest numbers
 *     raw       float64 [rows]               as `Model.rawScore`
 *     score     float64 [rows]               as `Model.score`: 0 ordinary to 1 strange, calibration inside
 *
 * Results are float64 because a calibrated score has its meaning in how far it is below 1, which a float32 loses beyond one in ten million. What stands in for
 * missing values, scales and guards are in the graph. A row is scored by itself, so any number of rows may be given at once; distances to neighbours
 * take rows x points numbers of memory.
 *
 * Against `Model.score` differences come of the last digits of logarithms, powers and matrix products: within 1e-9, but for rare cases. Where many calibration rows
 * have the same raw score (repeated records) and another group has one that differs from it in the last digits alone, the two steps of the score may be
 * taken for each other. And random features of a one-class SVM see a value far outside the fitted range at an angle of many turns. Transforms of features
 * (`transform.ts`) end in a float32, whose last digit may be another once in some hundred million values.
 */
export interface OnnxOptions {
  /** Units and meanings of the model's features, by name, for the metadata; features that the model has not are passed over. */
  readonly features?: readonly Feature[];
}

/** Larger ones come near the 2 GB that a protocol buffer may have; a forest of usual size has half a megabyte. */
const MAX_BYTES = 512 * 1024 * 1024;
const IR_VERSION = 7;
const OPSET = 13;
const BUDGETS = [0.1, 0.01, 0.001, 0.0001];

type Graph = (g: GraphBuilder, features: Ref, model: Model) => Ref;

/** The graph of a kind whose part of a `FittedModel` is a P: only that kind's entry is ever given its model. */
function ofPart<P extends FittedPart>(raw: (g: GraphBuilder, x: Ref, part: P) => Ref): Graph {
  return (g, features, model) => {
    if (!(model instanceof FittedModel)) throw new Error(`a model of kind '${model.kind}' is not what it says it is`);
    return raw(g, recordsOf(g, features, model), model.part as P);
  };
}

/** The records as the part of a model sees them. */
function recordsOf(g: GraphBuilder, features: Ref, { part, transforms }: FittedModel<FittedPart>): Ref {
  if (transforms === undefined) return cleanRecords(g, features, part.statistics);
  return transformed(g, cleanRecords(g, features, transforms.statistics), transforms);
}

/** What an ensemble's members are is in its file: each is read from its own part of it. */
const ensemble: Graph = (g, features, model) => {
  if (!(model instanceof FittedModel)) throw new Error(`a model of kind '${model.kind}' is not what it says it is`);
  const { members, calibrations, statistics } = model.part as EnsemblePart;
  const file = readModel(model.save());
  const x = recordsOf(g, features, model);
  const raws = members.map((member) => {
    const { parameters, tensors } = member.save();
    const own = { ...file, statistics, parameters, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
    if (member.kind === knnKernel.kind) return knnRaw(g, x, knnKernel.load(own));
    if (member.kind === lodaKernel.kind) return lodaRaw(g, x, lodaKernel.load(own));
    return ecodRaw(g, x, ecodKernel.load(own));
  });
  return ensembleRaw(
    g,
    x,
    statistics,
    raws.map((raw, m) => ({ raw, calibration: calibrations[m] })),
  );
};

function statisticsOf({ features }: TrainingSummary): FeatureStatistics {
  const of = (name: (typeof STATISTICS)[number]): Float64Array =>
    Float64Array.from(features, (feature) => feature[name]);
  return Object.fromEntries(STATISTICS.map((name) => [name, of(name)])) as FeatureStatistics;
}

const isolationForest: Graph = (g, features, model) => {
  if (!(model instanceof IsolationForest)) throw new Error(`a model of kind '${model.kind}' is not what it says it is`);
  const { forest, rangeGuard, transforms } = model;
  if (transforms !== undefined) {
    const x = transformed(g, cleanRecords(g, features, transforms.statistics), transforms);
    return isolationForestRaw(g, x, { forest, statistics: transforms.transformed, rangeGuard });
  }
  const statistics = statisticsOf(model.training);
  // Its trees see a feature never seen as it comes, and medians as float32.
  const observed = statistics.observed.map(() => 1);
  const median = statistics.median.map(Math.fround);
  const records = cleanRecords(g, features, { ...statistics, observed, median });
  return isolationForestRaw(g, records, { forest, statistics, rangeGuard });
};

/** Every kind that has a graph. */
const GRAPHS: ReadonlyMap<string, Graph> = new Map([
  ['ensemble', ensemble],
  ['isolation-forest', isolationForest],
  ['extended-isolation-forest', ofPart(extendedForestRaw)],
  ['half-space-trees', ofPart(halfSpaceRaw)],
  ['ecod', ofPart(ecodRaw)],
  ['copod', ofPart(copodRaw)],
  ['hbos', ofPart(hbosRaw)],
  ['loda', ofPart(lodaRaw)],
  ['knn', ofPart(knnRaw)],
  ['lof', ofPart(lofRaw)],
  ['pca', ofPart(pcaRaw)],
  ['minimum-covariance-determinant', ofPart(minimumCovarianceRaw)],
  ['one-class-svm', ofPart(oneClassSvmRaw)],
  ['kitnet', ofPart(kitNetRaw)],
]);

/** The kinds of models that can be written as ONNX. */
export const onnxKinds: readonly string[] = [...GRAPHS.keys()];

/** The graph of a model, before it becomes bytes. Throws as `toOnnx`. */
export function onnxGraph(model: Model, options: OnnxOptions = {}): OnnxModel {
  const graph = GRAPHS.get(model.kind);
  if (graph === undefined)
    throw new ModelError(
      `A model of kind '${safeText(model.kind, 60)}' can't be written as ONNX: it has no graph.`,
      `These kinds have one: ${onnxKinds.join(', ')}.`,
    );
  const g = new GraphBuilder();
  const input = 'features';
  const raw = graph(g, input, model);
  g.op('Identity', [raw], {}, 'raw');
  g.op('Identity', [calibrated(g, raw, model.calibration)], {}, 'score');
  if (g.size > MAX_BYTES)
    throw new ModelError(
      `The model is too large for ONNX: its graph would hold ${humanBytes(g.size)} of numbers.`,
      `Fit a smaller one (fewer trees, members or features); a graph may hold ${humanBytes(MAX_BYTES)}.`,
    );
  return {
    nodes: g.nodes,
    tensors: g.tensors,
    inputs: [{ name: input, element: ELEMENT.float, shape: ['rows', model.featureNames.length] }],
    outputs: ['raw', 'score'].map((name) => ({ name, element: ELEMENT.double, shape: ['rows'] })),
    name: 'anomalyst',
    description:
      `Anomalyst ${model.kind}, fitted on ${counted(model.training.rows, 'row')}. features: float32 [rows, ${model.featureNames.length}], NaN is missing. ` +
      'score: 0 ordinary to 1 strange; 0.99: one ordinary row in a hundred looks this strange. raw: the same order on the own axis of the model.',
    metadata: metadataOf(model, options),
    opset: OPSET,
    irVersion: IR_VERSION,
  };
}

function metadataOf(model: Model, { features = [] }: OnnxOptions): { [key: string]: string } {
  const known = new Map(features.map((feature) => [feature.name, feature]));
  const { training, calibration } = model;
  const json = (value: Json): string => canonicalJson(value);
  return {
    kind: model.kind,
    schema_version: model.schemaVersion,
    seed: String(model.seed),
    source_sha256: model.checksum,
    feature_names: json(model.featureNames),
    features: json(
      training.features.map(({ name, median }) => {
        const feature = known.get(name);
        return { name, unit: feature?.unit, meaning: feature?.meaning, median };
      }),
    ),
    training: json({
      rows: training.rows,
      fittedRows: training.fittedRows,
      calibrationRows: training.calibrationRows,
      calibration: training.calibration,
      cautions: training.cautions,
    }),
    thresholds: json(
      BUDGETS.filter((rate) => rate > calibration.tail.floor).map((rate) => ({
        rate,
        ...calibration.thresholdFor(rate),
      })),
    ),
  };
}

/**
 * A model as the bytes of an ONNX file. Equal models give equal bytes. Throws a `ModelError` for a kind without a graph, and for a model whose graph would
 * hold more than 512 MB.
 */
export function toOnnx(model: Model, options: OnnxOptions = {}): Uint8Array {
  return writeOnnx(onnxGraph(model, options));
}

/** The first 16 hex digits of the SHA-256 of a model's graph, without its metadata: the same for models that compute the same. */
export function onnxFingerprint(model: Model): string {
  return bytesToHex(sha256(writeGraph(onnxGraph(model)))).slice(0, 16);
}
