/** Floor 4: numbers to scores. Knows nothing of networks. */
import { nearest, safeText } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitCopod, loadCopod } from './copod.ts';
import { fitEcod, loadEcod } from './ecod.ts';
import { fitEnsemble, loadEnsemble } from './ensemble.ts';
import { fitExtendedIsolationForest, loadExtendedIsolationForest } from './extended-isolation-forest.ts';
import { readModel } from './file.ts';
import { fitHalfSpaceTrees, loadHalfSpaceTrees, streamHalfSpaceTrees } from './half-space-trees.ts';
import { fitHbos, loadHbos } from './hbos.ts';
import { inspectFile, type ModelInspection } from './inspect.ts';
import { fitIsolationForest, loadIsolationForest } from './isolation-forest.ts';
import { fileOfJson, isJsonModel } from './json-file.ts';
import { fitKitNet, loadKitNet } from './kitnet.ts';
import { fitKnn, loadKnn } from './knn.ts';
import { fitLoda, loadLoda } from './loda.ts';
import { fitLof, loadLof } from './lof.ts';
import { fitMinimumCovariance, loadMinimumCovariance } from './minimum-covariance-determinant.ts';
import { type FitOptions, type Model, type ModelEntry, ModelError } from './model.ts';
import { fitOneClassSvm, loadOneClassSvm } from './one-class-svm.ts';
import { fitPca, loadPca } from './pca.ts';
import {
  fitRobustRandomCutForest,
  loadRobustRandomCutForest,
  streamRobustRandomCutForest,
} from './robust-random-cut-forest.ts';

export * from './budget.ts';
export { Calibration, fitTail, type Tail, type Threshold } from './calibration.ts';
export {
  type Cluster,
  type Clustering,
  type ClusterOptions,
  type Cut,
  clusterRows,
  Gower,
  type GowerColumn,
  type Merge,
  suspectCluster,
} from './cluster/index.ts';
export * from './convention.ts';
export { type CopodOptions, fitCopod, loadCopod } from './copod.ts';
export {
  changeSentence,
  type SmallestChange,
  type SmallestChangeOptions,
  smallestChange,
  type ValueChange,
} from './counterfactual.ts';
export {
  type Change,
  compareScores,
  diffModels,
  type FeatureMove,
  type ModelDiff,
  type ModelName,
  type ScoreDiff,
  type Stability,
} from './diff.ts';
export {
  Adwin,
  type AdwinOptions,
  type KolmogorovSmirnov,
  kolmogorovSmirnov,
  type StabilityIndex,
  stabilityIndex,
  stabilityOfCounts,
} from './drift.ts';
export { type EcodOptions, fitEcod, loadEcod } from './ecod.ts';
export { type EnsembleOptions, type EnsemblePart, fitEnsemble, loadEnsemble } from './ensemble.ts';
export { assertExact, EXACTNESS } from './explanation.ts';
export {
  type ExtendedForest,
  type ExtendedIsolationForestOptions,
  fitExtendedIsolationForest,
  loadExtendedIsolationForest,
} from './extended-isolation-forest.ts';
export { FORMAT_VERSION } from './file.ts';
export {
  fitHalfSpaceTrees,
  type HalfSpaceOptions,
  type HalfSpaceTrees,
  loadHalfSpaceTrees,
  streamHalfSpaceTrees,
} from './half-space-trees.ts';
export { fitHbos, type HbosOptions, loadHbos } from './hbos.ts';
export {
  type ArraySummary,
  type BudgetThreshold,
  type FeatureTransform,
  type ModelInspection,
  thresholdsOf,
  USUAL_BUDGETS,
} from './inspect.ts';
export {
  fitIsolationForest,
  IsolationForest,
  type IsolationForestOptions,
  loadIsolationForest,
  scoreSamples,
} from './isolation-forest.ts';
export { fileOfJson, isJsonModel, jsonOfFile, toJson } from './json-file.ts';
export { type Autoencoder, fitKitNet, type KitNet, type KitNetOptions, loadKitNet } from './kitnet.ts';
export { fitKnn, type KnnOptions, loadKnn } from './knn.ts';
export { fitLoda, type LodaOptions, loadLoda } from './loda.ts';
export { fitLof, type LofOptions, loadLof } from './lof.ts';
export * from './metric.ts';
export {
  fitMinimumCovariance,
  loadMinimumCovariance,
  type MinimumCovariance,
  type MinimumCovarianceOptions,
} from './minimum-covariance-determinant.ts';
export {
  alignFeatures,
  type Contribution,
  type Explanation,
  type FitOptions,
  type Model,
  type ModelEntry,
  ModelError,
} from './model.ts';
export { fitOneClassSvm, loadOneClassSvm, type OneClassSvm, type OneClassSvmOptions } from './one-class-svm.ts';
export { OnlineScaler } from './online-scaling.ts';
export { type OnnxOptions, onnxFingerprint, onnxKinds, toOnnx } from './onnx/onnx.ts';
export * from './parameter.ts';
export { fitPca, loadPca, type PcaOptions } from './pca.ts';
export { refitOptions } from './refit.ts';
export {
  type CutForest,
  type CutForestOptions,
  type CutForestStreamOptions,
  fitRobustRandomCutForest,
  loadRobustRandomCutForest,
  streamRobustRandomCutForest,
} from './robust-random-cut-forest.ts';
export type { StreamingModel, StreamLook, StreamOptions } from './streaming.ts';
export type { CalibrationMethod, FeatureSummary, TrainingSummary } from './training.ts';
export { type Anchor, countBins, type TrainingReference } from './training-reference.ts';
export {
  TRANSFORM_METHODS,
  type TransformChoice,
  type TransformMethod,
  type TransformOption,
  type TransformSummary,
  Transforms,
} from './transform.ts';
export { averagePathLength, type Forest } from './tree/forest.ts';
export { explainPathLength, type PathLengthShares } from './tree/tree-shap.ts';

/** Every model there is. A new one is a file and an entry here; the contract suite then holds for it as for the others. */
export const models: readonly ModelEntry[] = [
  {
    kind: 'ensemble',
    summary:
      'Distance to the nearest tenth of the rows, random projections and the tails of each feature, in one score: what to take without a reason for another.',
    blindTo:
      'Attacks that make a tenth or more of what it was fitted on, and what only one of its members sees weakly.',
    source: 'Members: Ramaswamy et al. 2000, Pevny 2016, Li et al. 2022; combined as Fisher 1932',
    fit: fitEnsemble,
    load: loadEnsemble,
  },
  {
    kind: 'isolation-forest',
    summary: 'Strange is what few random splits set apart: quick, needs no scaling, explains itself exactly.',
    blindTo: 'Records that are strange only as a combination of common values, and many strange records alike.',
    source: 'Liu, Ting, Zhou: Isolation Forest, ICDM 2008; semantics of scikit-learn',
    fit: fitIsolationForest,
    load: loadIsolationForest,
  },
  {
    kind: 'ecod',
    summary:
      'How far out each value lies among the fitted ones, added up: nothing to choose, the quickest, its terms are its explanation.',
    blindTo: 'Values in a gap between heaps, and strange combinations of common values.',
    source: 'Li, Zhao, Hu et al.: ECOD, TKDE 2022; semantics of PyOD',
    fit: fitEcod,
    load: loadEcod,
  },
  {
    kind: 'copod',
    summary: 'As ECOD, but the tail that a feature is skewed to counts in full, the other about half.',
    blindTo:
      'Values in a gap between heaps, strange combinations of common values, and much of what lies on the short side of a skewed feature.',
    source: 'Li, Zhao, Botta et al.: COPOD, ICDM 2020; semantics of PyOD',
    fit: fitCopod,
    load: loadCopod,
  },
  {
    kind: 'hbos',
    summary:
      'How thinly populated the surroundings of each value are, added up: sees rare values also in gaps between common ones.',
    blindTo: 'Strange combinations of common values, and all that one wild value squeezes into one bin.',
    source: 'Goldstein, Dengel: Histogram-based outlier score, KI 2012',
    fit: fitHbos,
    load: loadHbos,
  },
  {
    kind: 'knn',
    summary:
      'How far it is to the rows most like this one: sees strange combinations too, and copies of an attack do not hide it.',
    blindTo: 'Attacks that make more than 2 % of what it was fitted on, and differences of density between groups.',
    source: 'Ramaswamy, Rastogi, Shim 2000; Angiulli, Pizzuti 2002; Pang, Ting, Albrecht: LeSiNN, 2015',
    fit: fitKnn,
    load: loadKnn,
  },
  {
    kind: 'lof',
    summary: 'How much thinner it is around a record than around its neighbours: sees the rim of dense groups.',
    blindTo: 'Strange records alike that make more than 5 % of what it was fitted on.',
    source: 'Breunig, Kriegel, Ng, Sander: LOF, SIGMOD 2000; semantics of scikit-learn',
    fit: fitLof,
    load: loadLof,
  },
  {
    kind: 'pca',
    summary:
      'How badly a record fits the linear relations among the features, and how far it is from the middle of all.',
    blindTo:
      'What lies between heaps, relations that are not linear, and attacks that are common enough to be a relation.',
    source: 'Jackson, Mudholkar 1979; Shyu, Chen, Sarinnapakorn, Chang 2003',
    fit: fitPca,
    load: loadPca,
  },
  {
    kind: 'loda',
    summary:
      'Histograms of a hundred random projections: sees records that are off to a side along no axis, at little cost.',
    blindTo: 'Among many features, what is strange in one alone.',
    source: 'Pevny: Loda, Machine Learning 2016',
    fit: fitLoda,
    load: loadLoda,
  },
  {
    kind: 'extended-isolation-forest',
    summary: 'An isolation forest whose cuts combine features: sees records beside a diagonal and in empty corners.',
    blindTo: 'Strangeness in one of many features that say nothing, and many strange records alike.',
    source: 'Hariri, Carrasco Kind, Brunner: Extended Isolation Forest, IEEE TKDE 2021',
    fit: fitExtendedIsolationForest,
    load: loadExtendedIsolationForest,
  },
  {
    kind: 'one-class-svm',
    summary:
      'Strange is what lies away from where the data is dense, in all features together; or linear, what lacks the usual.',
    blindTo: 'What few of many features show, and the order of records that are all far away.',
    source: 'Schoelkopf, Platt, Shawe-Taylor, Smola, Williamson 2001; random features of Rahimi and Recht 2007',
    fit: fitOneClassSvm,
    load: loadOneClassSvm,
  },
  {
    kind: 'minimum-covariance-determinant',
    summary:
      'Distance from the middle of the closest part of the rows, along the directions in which features go together.',
    blindTo: 'Ordinary data that is several clusters, and features that are mostly one value.',
    source: 'Rousseeuw, Van Driessen: FAST-MCD, Technometrics 1999; corrections of scikit-learn',
    fit: fitMinimumCovariance,
    load: loadMinimumCovariance,
  },
  {
    kind: 'kitnet',
    summary:
      'Strange is what an ensemble of small autoencoders, each over features that go together, cannot draw again.',
    blindTo: 'What it was shown while learning, and single features far out.',
    source: 'Mirsky, Doitshman, Elovici, Shabtai: Kitsune, NDSS 2018',
    fit: fitKitNet,
    load: loadKitNet,
  },
  {
    kind: 'half-space-trees',
    summary: 'Strange is what falls where few recent records fell; learns as it scores, in constant room.',
    blindTo: 'Few telling features among many, and bursts longer than its window.',
    source: 'Tan, Ting, Liu: Fast Anomaly Detection for Streaming Data, IJCAI 2011',
    fit: fitHalfSpaceTrees,
    load: loadHalfSpaceTrees,
    stream: streamHalfSpaceTrees,
  },
  {
    kind: 'robust-random-cut-forest',
    summary: 'Strange is what would move many others in trees cut where the data is wide; learns as it scores.',
    blindTo: 'Bursts larger than its memory, and strangeness in few of very many noisy features.',
    source: 'Guha, Mishra, Roy, Schrijvers: Robust Random Cut Forest Based Anomaly Detection on Streams, ICML 2016',
    fit: fitRobustRandomCutForest,
    load: loadRobustRandomCutForest,
    stream: streamRobustRandomCutForest,
  },
];

/** Fits the model of that kind. Throws a `ModelError` when there is no such kind, or when there is nothing to fit on. */
export function fitModel(kind: string, matrix: FeatureMatrix, options: FitOptions = {}): Model {
  return entryOf(kind).fit(matrix, options);
}

/** What the caller expects of a file; each is checked where given. */
export interface Expected {
  readonly kind?: string;
  readonly schemaVersion?: string;
  /** The features that the input will have, in any order; the model may have been fitted on fewer. */
  readonly featureNames?: readonly string[];
}

/**
 * Reads a model of any kind that `save` or `toJson` wrote. Throws a `ModelError` for a file that is damaged, cut, newer, of a kind that is not known or not
 * expected, or fitted on features that the input will not have.
 */
export function loadModel(given: Uint8Array, expected: Expected = {}): Model {
  const bytes = isJsonModel(given) ? fileOfJson(given) : given;
  const { kind, schemaVersion, featureNames } = readModel(bytes);
  if (expected.kind !== undefined && kind !== expected.kind) {
    throw new ModelError(
      `The model file holds a model of kind '${safeText(kind, 60)}', but '${expected.kind}' was asked for.`,
      `Give a file of kind '${expected.kind}', or fit a new model.`,
    );
  }
  if (expected.schemaVersion !== undefined && schemaVersion !== expected.schemaVersion) {
    throw new ModelError(
      `The model was fitted on features of schema version '${safeText(schemaVersion, 60)}'; the input has version '${expected.schemaVersion}'.`,
      'Fit a new model with this version of the feature definitions.',
    );
  }
  if (expected.featureNames !== undefined) {
    const there = new Set(expected.featureNames);
    const absent = featureNames.find((name) => !there.has(name));
    if (absent !== undefined) {
      throw new ModelError(
        `The model was fitted on other features: the input has no '${safeText(absent, 100)}'.`,
        'Give a model that was fitted with these feature definitions, or fit a new one.',
      );
    }
  }
  return entryOf(kind).load(bytes);
}

/** Reads a model from the text that `toJson` wrote, with every check of `loadModel`. */
export function modelFromJson(text: string, expected: Expected = {}): Model {
  return loadModel(fileOfJson(text), expected);
}

/** Describes what a model file holds, safetensors or JSON, once it passed every check of `loadModel`; throws as that does. */
export function inspectModel(bytes: Uint8Array): ModelInspection {
  return inspectFile(bytes, loadModel);
}

function entryOf(kind: string): ModelEntry {
  const entry = models.find((candidate) => candidate.kind === kind);
  if (entry !== undefined) return entry;
  const kinds = models.map((candidate) => candidate.kind);
  throw new ModelError(
    `There is no model of kind '${safeText(kind, 60)}'.`,
    `Did you mean '${nearest(kind, kinds) ?? kinds[0]}'?`,
  );
}
