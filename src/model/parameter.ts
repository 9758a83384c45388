import { nearest, safeText } from '../core/index.ts';
import { ModelError } from './model.ts';
import { TRANSFORM_METHODS } from './transform.ts';

/**
 * What can be set of each kind of model: one table for `--set`, configuration, search, help and the reference page. The functions that fit check again what they are given; a test holds the defaults and
 * the ranges of this table to what they do.
 */
export type Parameter = {
  /** As in the options of the kind's `fit` function. */
  readonly name: string;
  /** One sentence. */
  readonly meaning: string;
} & (
  | {
      readonly type: 'whole' | 'number';
      /** Undefined where it depends on the rows; `otherwise` says how. */
      readonly standard: number | undefined;
      readonly otherwise?: string;
      readonly min: number;
      readonly max: number;
      /** `min` itself is not allowed. */
      readonly above?: true;
      /** Where a search looks; the parameter is left at its default without it. */
      readonly search?: {
        readonly min: number;
        readonly max: number /** Even steps of the logarithm. */;
        readonly log?: true;
      };
    }
  | { readonly type: 'choice'; readonly standard: string; readonly choices: readonly string[]; readonly search?: true }
  | { readonly type: 'switch'; readonly standard: boolean; readonly search?: true }
);

/** A value of a parameter. */
export type ParameterValue = number | string | boolean;

/** Values by name, as they are handed to `fitModel` beside seed and encoding. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

const footing = {
  name: 'footing',
  type: 'choice',
  standard: 'robust',
  choices: ['robust', 'standard', 'log', 'none'],
  meaning:
    'How features are put on one scale: median and spread, mean and deviation, the same of logarithms, or as they are.',
  search: true,
} as const satisfies Parameter;
const rangeGuard = {
  name: 'rangeGuard',
  type: 'switch',
  standard: true,
  meaning: 'Whether values beyond the fitted range add to the score.',
} as const satisfies Parameter;
const members = {
  name: 'members',
  type: 'whole',
  standard: 2048,
  min: 1,
  max: 100_000,
  meaning: 'Rows kept, drawn at random where there are more.',
  search: { min: 256, max: 8192, log: true },
} as const satisfies Parameter;

const OWN: Readonly<Record<string, readonly Parameter[]>> = {
  ensemble: [
    {
      name: 'members',
      type: 'whole',
      standard: 512,
      min: 50,
      max: 100_000,
      meaning: 'Rows that its kNN keeps, drawn at random where there are more.',
      search: { min: 256, max: 4096, log: true },
    },
    {
      name: 'projections',
      type: 'whole',
      standard: 100,
      min: 1,
      max: 1000,
      meaning: 'Random projections of its LODA.',
      search: { min: 50, max: 400, log: true },
    },
  ],
  'isolation-forest': [
    {
      name: 'trees',
      type: 'whole',
      standard: 100,
      min: 1,
      max: 10_000,
      meaning: 'How many trees are grown.',
      search: { min: 50, max: 400, log: true },
    },
    {
      name: 'subsample',
      type: 'whole',
      standard: 256,
      min: 1,
      max: 4096,
      meaning: 'Rows that a tree is grown on.',
      search: { min: 64, max: 2048, log: true },
    },
    rangeGuard,
  ],
  ecod: [
    {
      name: 'sides',
      type: 'choice',
      standard: 'each',
      choices: ['each', 'whole'],
      meaning: 'The longer tail of each feature, or the largest of three sums over all of them.',
      search: true,
    },
    rangeGuard,
  ],
  copod: [rangeGuard],
  hbos: [
    {
      name: 'bins',
      type: 'whole',
      standard: 10,
      min: 2,
      max: 1000,
      meaning: 'Bins of each feature.',
      search: { min: 5, max: 100, log: true },
    },
    {
      name: 'alpha',
      type: 'number',
      standard: 0.1,
      min: 0,
      above: true,
      max: 1,
      meaning: 'What is added to each density, so that an empty bin is finite.',
      search: { min: 0.001, max: 1, log: true },
    },
    {
      name: 'unit',
      type: 'choice',
      standard: 'robust',
      choices: ['robust', 'value'],
      meaning: 'Density per robust spread, or per unit of the value as it comes.',
      search: true,
    },
    {
      name: 'smooth',
      type: 'switch',
      standard: true,
      meaning: 'Whether terms are joined between bins.',
      search: true,
    },
    rangeGuard,
  ],
  knn: [
    {
      name: 'neighbours',
      type: 'whole',
      standard: undefined,
      otherwise: '2 % of the rows kept, at least 5',
      min: 1,
      max: 2000,
      meaning: 'Rows in a neighbourhood.',
      search: { min: 1, max: 100, log: true },
    },
    members,
    {
      name: 'distance',
      type: 'choice',
      standard: 'mean',
      choices: ['mean', 'largest'],
      meaning: 'Mean distance to the neighbourhood, or the distance to its farthest row.',
      search: true,
    },
    footing,
  ],
  lof: [
    {
      name: 'neighbours',
      type: 'whole',
      standard: undefined,
      otherwise: '5 % of the rows kept, at least 20',
      min: 1,
      max: 2000,
      meaning: 'Rows in a neighbourhood.',
      search: { min: 5, max: 200, log: true },
    },
    members,
    footing,
  ],
  pca: [
    {
      name: 'components',
      type: 'whole',
      standard: undefined,
      otherwise: 'as many as `variance` asks for',
      min: 0,
      max: 500,
      meaning: 'Directions kept; more than are there leave no error at all.',
    },
    {
      name: 'variance',
      type: 'number',
      standard: 0.9,
      min: 0,
      above: true,
      max: 1,
      meaning: 'Share of the variance that the kept directions hold at least.',
      search: { min: 0.5, max: 0.995 },
    },
    {
      name: 'centre',
      type: 'switch',
      standard: true,
      meaning: 'Whether the distance from the middle counts beside the error.',
      search: true,
    },
    footing,
  ],
  loda: [
    {
      name: 'projections',
      type: 'whole',
      standard: 100,
      min: 1,
      max: 1000,
      meaning: 'Random projections.',
      search: { min: 50, max: 500, log: true },
    },
    {
      name: 'bins',
      type: 'whole',
      standard: 25,
      min: 2,
      max: 1000,
      meaning: 'Bins of each histogram.',
      search: { min: 10, max: 100, log: true },
    },
    footing,
  ],
  'extended-isolation-forest': [
    {
      name: 'trees',
      type: 'whole',
      standard: 100,
      min: 1,
      max: 10_000,
      meaning: 'How many trees are grown.',
      search: { min: 50, max: 400, log: true },
    },
    {
      name: 'subsample',
      type: 'whole',
      standard: 256,
      min: 1,
      max: 4096,
      meaning: 'Rows that a tree is grown on.',
      search: { min: 64, max: 2048, log: true },
    },
    {
      name: 'combined',
      type: 'whole',
      standard: 3,
      min: 1,
      max: 32,
      meaning: 'Features that a cut combines, fewer where there are fewer; 1 is a plain isolation forest.',
      search: { min: 1, max: 8 },
    },
  ],
  'one-class-svm': [
    {
      name: 'kernel',
      type: 'choice',
      standard: 'rbf',
      choices: ['rbf', 'linear'],
      meaning: 'Closeness by a Gaussian, or by the angle.',
      search: true,
    },
    {
      name: 'nu',
      type: 'number',
      standard: 0.5,
      min: 0,
      above: true,
      max: 1,
      meaning: 'Share of the rows that decides.',
      search: { min: 0.01, max: 0.8, log: true },
    },
    {
      name: 'gamma',
      type: 'number',
      standard: undefined,
      otherwise: '1 / features',
      min: 0,
      above: true,
      max: 10_000,
      meaning: 'Width of the Gaussian on standardised features.',
      search: { min: 0.001, max: 1, log: true },
    },
    {
      name: 'frequencies',
      type: 'whole',
      standard: 256,
      min: 1,
      max: 4096,
      meaning: 'Random frequencies that stand for the kernel.',
    },
  ],
  'minimum-covariance-determinant': [
    {
      name: 'support',
      type: 'number',
      standard: 0.75,
      min: 0.5,
      max: 1,
      meaning: 'Share of the rows that the best subset holds.',
      search: { min: 0.5, max: 1 },
    },
  ],
  kitnet: [
    {
      name: 'groupSize',
      type: 'whole',
      standard: 10,
      min: 1,
      max: 100,
      meaning: 'Features in a group at most.',
      search: { min: 3, max: 30, log: true },
    },
    {
      name: 'rate',
      type: 'number',
      standard: 0.1,
      min: 0,
      above: true,
      max: 1,
      meaning: 'Learning rate.',
      search: { min: 0.01, max: 0.5, log: true },
    },
  ],
  'half-space-trees': [
    {
      name: 'trees',
      type: 'whole',
      standard: 50,
      min: 1,
      max: 1000,
      meaning: 'How many trees there are.',
      search: { min: 25, max: 200, log: true },
    },
    {
      name: 'depth',
      type: 'whole',
      standard: 10,
      min: 1,
      max: 15,
      meaning: 'Levels of cuts.',
      search: { min: 5, max: 15 },
    },
    {
      name: 'window',
      type: 'whole',
      standard: 500,
      min: 10,
      max: 60_000,
      meaning: 'Records in a window.',
      search: { min: 100, max: 5000, log: true },
    },
  ],
  'robust-random-cut-forest': [
    {
      name: 'trees',
      type: 'whole',
      standard: 50,
      min: 1,
      max: 1000,
      meaning: 'How many trees there are.',
      search: { min: 25, max: 200, log: true },
    },
    {
      name: 'size',
      type: 'whole',
      standard: 256,
      min: 2,
      max: 4096,
      meaning: 'Records that a tree holds.',
      search: { min: 64, max: 1024, log: true },
    },
  ],
};

/** What is done to features first. An ensemble does what suits each unless told otherwise, any other kind nothing. */
function transformOf(kind: string): Parameter {
  return {
    name: 'transform',
    type: 'choice',
    standard: kind === 'ensemble' ? 'auto' : 'none',
    choices: [...TRANSFORM_METHODS, 'auto'],
    meaning: 'What is done to each feature first, learned on the fitted rows; auto chooses by the shape of each.',
    search: true,
  };
}

/** By kind of model. */
export const PARAMETERS: Readonly<Record<string, readonly Parameter[]>> = Object.fromEntries(
  Object.entries(OWN).map(([kind, list]) => [kind, [...list, transformOf(kind)]]),
);

/** What can be set of a kind; empty for one that is not known. */
export function parametersOf(kind: string): readonly Parameter[] {
  return Object.hasOwn(PARAMETERS, kind) ? (PARAMETERS[kind] ?? []) : [];
}

/** A parameter's default and range as a cell of a table. */
export function describeParameter(parameter: Parameter): { readonly standard: string; readonly range: string } {
  if (parameter.type === 'switch') return { standard: String(parameter.standard), range: 'true, false' };
  if (parameter.type === 'choice') return { standard: parameter.standard, range: parameter.choices.join(', ') };
  const { standard, otherwise = '', min, max, above } = parameter;
  return {
    standard: standard === undefined ? otherwise : String(standard),
    range: `${above === true ? `above ${min}` : min} to ${max}`,
  };
}

/**
 * Reads `name=value` pairs for a kind. @param what the option, as a message begins.
 * Throws a `ModelError` for a name that the kind has not, a value of another type or out of range, and a name given twice.
 */
export function parseParameters(kind: string, pairs: readonly string[], what = '--set'): Parameters {
  const found = new Map<string, ParameterValue>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const shown = safeText(pair, 80);
    if (at <= 0)
      throw new ModelError(`${what} ${shown}: expected name=value`, `for example ${what} ${exampleOf(kind)}`);
    const name = pair.slice(0, at).trim();
    const text = pair.slice(at + 1).trim();
    if (found.has(name)) throw new ModelError(`${what} ${shown}: '${safeText(name, 40)}' is set twice`, 'set it once');
    found.set(name, checkParameter(kind, name, plainValue(text), `${what} ${shown}`));
  }
  return Object.fromEntries(found);
}

function exampleOf(kind: string): string {
  const [first] = parametersOf(kind);
  return first === undefined ? 'trees=200' : `${first.name}=${describeParameter(first).standard.split(' ')[0]}`;
}

function plainValue(text: string): ParameterValue {
  if (text === 'true') return true;
  if (text === 'false') return false;
  const number = Number(text.replace(/(?<=\d)_(?=\d)/g, ''));
  return text !== '' && Number.isFinite(number) ? number : text;
}

/**
 * Checks values by name, as a configuration has them. @param what where they stand, as a message begins.
 * Throws a `ModelError` as `parseParameters` does.
 */
export function checkParameters(kind: string, values: Readonly<Record<string, unknown>>, what = kind): Parameters {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      checkParameter(kind, name, value, `${what}: ${safeText(name, 40)}`),
    ]),
  );
}

function checkParameter(kind: string, name: string, value: unknown, what: string): ParameterValue {
  const parameters = parametersOf(kind);
  const parameter = parameters.find((one) => one.name === name);
  if (parameter === undefined) {
    const names = parameters.map((one) => one.name);
    const near = nearest(name, names);
    throw new ModelError(
      `${what}: a model of kind '${safeText(kind, 60)}' has no '${safeText(name, 40)}'`,
      near !== undefined
        ? `did you mean '${near}'?`
        : names.length === 0
          ? 'it has nothing to set'
          : `it has ${names.join(', ')}`,
    );
  }
  const { range } = describeParameter(parameter);
  if (parameter.type === 'switch') {
    if (typeof value === 'boolean') return value;
    throw new ModelError(`${what}: expected true or false`, parameter.meaning);
  }
  if (parameter.type === 'choice') {
    if (typeof value === 'string' && parameter.choices.includes(value)) return value;
    const near = nearest(String(value), parameter.choices);
    throw new ModelError(
      `${what}: expected one of ${range}`,
      near === undefined ? parameter.meaning : `did you mean '${near}'?`,
    );
  }
  const { type, min, max, above } = parameter;
  const fits =
    typeof value === 'number' &&
    (type === 'number' || Number.isInteger(value)) &&
    (above === true ? value > min : value >= min) &&
    value <= max;
  if (!fits)
    throw new ModelError(
      `${what}: expected a ${type === 'whole' ? 'whole number' : 'number'} from ${range}`,
      parameter.meaning,
    );
  return value;
}
