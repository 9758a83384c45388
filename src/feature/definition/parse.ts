import { type Expression, ExpressionError, nearest, parseExpression, TIME_UNITS, UserError } from '../../core/index.ts';
import {
  callOf,
  columnOf,
  type Definitions,
  type FeatureDefinition,
  type FilterDefinition,
  type FlagDefinition,
} from './definition.ts';
import { type Formula, type Path, YamlFile } from './document.ts';
import type { FlagFunction, FunctionTable } from './function-table.ts';
import { isLegacyDefinitions, isLegacySystem, readLegacyDefinitions } from './legacy.ts';
import { type DefinitionsFile, definitionsShape } from './schema.ts';

const SHAPE_HINT = 'docs/features.md shows the layout';

/** Reads definitions of either layout. See `parseDefinitions` of index.ts. */
export function readDefinitions(text: string, file: string, functions: FunctionTable): Definitions {
  const source = new YamlFile(text, file);
  const { value } = source;
  if (value === null || value === undefined)
    source.fail([], 'the file is empty', 'it names features, filters and flags: docs/features.md');
  if (typeof value !== 'object' || Array.isArray(value))
    source.fail([], 'the file is no mapping of keys to values', SHAPE_HINT);
  if (isLegacySystem(value))
    source.fail(
      [],
      'this is a system file, which names the file of features rather than holding them',
      'give the file that stands in features.path',
    );
  if (isLegacyDefinitions(value)) return readLegacyDefinitions(source, functions);
  const shape = source.check(definitionsShape, SHAPE_HINT);
  const features = (shape.features ?? []).map((feature, i) => readFeature(source, feature, ['features', i], functions));
  const filters = (shape.filters ?? []).map((filter, i) => readFilter(source, filter, ['filters', i]));
  const flags = (shape.flags ?? []).map((flag, i) => readFlag(source, flag, ['flags', i], functions));
  distinct(source, features, 'features');
  distinct(source, flags, 'flags');
  if (features.length === 0 && flags.length === 0 && filters.length === 0)
    source.fail([], 'there are neither features nor filters nor flags', SHAPE_HINT);
  const { cuts } = shape.cluster ?? {};
  return {
    source,
    layout: 'anomalyst',
    time: shape.time,
    entity: shape.entity,
    zone: shape.zone,
    types: shape.types ?? {},
    features,
    filters,
    flags,
    cuts: typeof cuts === 'number' ? [cuts] : cuts,
    functions,
    notes: [],
  };
}

/** Names are how weights, columns and reports speak of features. */
export function distinct(source: YamlFile, items: readonly { readonly name: string }[], key: string): void {
  const seen = new Map<string, number>();
  for (const [i, { name }] of items.entries()) {
    const before = seen.get(name);
    if (before !== undefined)
      source.fail([key, i, 'name'], `'${name}' is the name of ${key}[${before}] already`, 'every name stands once');
    seen.set(name, i);
  }
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}

function readFeature(
  source: YamlFile,
  feature: NonNullable<DefinitionsFile['features']>[number],
  path: Path,
  functions: FunctionTable,
): FeatureDefinition {
  const { name, expression, column, metric, of, params, transform, weight = 1, unit, meaning } = feature;
  one(source, path, { expression, column, metric }, 'what it measures');
  if (metric === undefined && (of !== undefined || params !== undefined))
    source.fail([...path, of === undefined ? 'params' : 'of'], "this belongs to 'metric'", 'take it away', true);
  const common = { path, name, weight, unit, meaning };
  const columns = listOf(of);
  let formula: Formula;
  if (expression !== undefined) formula = source.formula([...path, 'expression'], expression);
  else if (column !== undefined) formula = source.made([...path, 'column'], columnOf(column));
  else if (metric?.includes('.') === true && !Object.hasOwn(functions.functions, metric.toLowerCase())) {
    if (columns.length > 0 || params !== undefined || transform !== undefined)
      source.fail(
        [...path, 'metric'],
        'a feature of a pack takes neither columns nor parameters nor a transform',
        'name it alone',
      );
    return { ...common, formula: undefined, pack: metric };
  } else
    formula = source.made(
      [...path, 'metric'],
      metricCall(source, path, metric ?? '', columns, params ?? {}, functions),
    );
  return { ...common, formula: transform === undefined ? formula : transformed(formula, transform), pack: undefined };
}

/** The same formula inside of a function; mistakes inside keep their places. */
function transformed(formula: Formula, name: string): Formula {
  const { tree } = formula;
  return { ...formula, tree: { kind: 'call', name, values: [tree], span: tree.span } };
}

/** The call of a metric with its columns and, in the order in which the function takes them, its parameters. */
export function metricCall(
  source: YamlFile,
  path: Path,
  metric: string,
  columns: readonly string[],
  params: Readonly<Record<string, unknown>>,
  { functions, refused }: FunctionTable,
  keys: { readonly name: string; readonly columns: string } = { name: 'metric', columns: 'of' },
): Expression {
  const name = metric.toLowerCase();
  if (!Object.hasOwn(functions, name)) {
    if (Object.hasOwn(refused, name))
      source.fail([...path, keys.name], `'${metric}' ${refused[name].reason}`, refused[name].hint);
    const near = nearest(metric, Object.keys(functions));
    source.fail(
      [...path, keys.name],
      `there is no function '${metric}'`,
      near === undefined ? `functions: ${Object.keys(functions).join(', ')}` : `did you mean '${near}'?`,
    );
  }
  const { takes } = functions[name];
  const constants = takes.filter(({ constant }) => constant === true);
  const wanted = takes.filter(({ constant }) => constant !== true);
  const least = wanted.filter(({ optional }) => optional !== true).length;
  if (columns.length < least || (columns.length > wanted.length && wanted.at(-1)?.repeated !== true))
    source.fail(
      [...path, keys.columns],
      `'${metric}' takes ${least === 1 ? '1 column' : `${least} columns`}, and here ${columns.length === 1 ? 'is 1' : `are ${columns.length}`}`,
      `it takes ${wanted.map((one) => one.name).join(', ')}`,
    );
  for (const key of Object.keys(params))
    if (!constants.some((one) => one.name === key)) {
      const near = nearest(
        key,
        constants.map((one) => one.name),
      );
      source.fail(
        [...path, 'params', key],
        `'${metric}' has no parameter '${key}'`,
        near !== undefined
          ? `did you mean '${near}'?`
          : constants.length === 0
            ? 'it has none'
            : `it has ${constants.map((one) => one.name).join(', ')}`,
        true,
      );
    }
  const values: (string | number | boolean)[] = [];
  for (const one of constants) {
    const value = params[one.name];
    if (value === undefined) {
      if (one.optional === true) {
        const later = constants.slice(constants.indexOf(one)).find(({ name: key }) => params[key] !== undefined);
        if (later === undefined) break;
        source.fail(
          [...path, 'params'],
          `'${metric}' takes '${one.name}' before '${later.name}', and it is missing`,
          `params: {${one.name}: ..., ${later.name}: ...}`,
        );
      }
      source.fail(path, `'${metric}' wants the parameter '${one.name}'`, `params: {${one.name}: ...}`);
    }
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      source.fail([...path, 'params', one.name], 'expected one value', 'a text, a number, true or false');
    values.push(value);
  }
  return callOf(name, columns, values);
}

/** Exactly one of several keys. */
function one(source: YamlFile, path: Path, keys: Readonly<Record<string, unknown>>, what: string): void {
  const given = Object.keys(keys).filter((key) => keys[key] !== undefined);
  const names = Object.keys(keys).join(', ');
  if (given.length === 0) source.fail(path, `nothing says ${what}`, `one of ${names} does`);
  if (given.length > 1)
    source.fail([...path, given[1]], `'${given[0]}' says ${what} already`, `only one of ${names} may stand here`, true);
}

function readFilter(
  source: YamlFile,
  filter: NonNullable<DefinitionsFile['filters']>[number],
  path: Path,
): FilterDefinition {
  const { include, exclude, name } = filter;
  one(source, path, { include, exclude }, 'which rows it is about');
  const kind = include === undefined ? 'exclude' : 'include';
  const text = include ?? exclude ?? '';
  return { name: name ?? `${kind}: ${text.slice(0, 100)}`, kind, formula: source.formula([...path, kind], text) };
}

function readFlag(
  source: YamlFile,
  flag: NonNullable<DefinitionsFile['flags']>[number],
  path: Path,
  functions: FunctionTable,
): FlagDefinition {
  const { name, when, having, by, over, of, params, severity, message, description = '', technique } = flag;
  one(source, path, { when, having, function: flag.function }, 'what it is about');
  for (const [key, value] of Object.entries({ by, over }))
    if (value !== undefined && having === undefined)
      source.fail([...path, key], "this belongs to 'having'", 'take it away', true);
  for (const [key, value] of Object.entries({ of, params }))
    if (value !== undefined && flag.function === undefined)
      source.fail([...path, key], "this belongs to 'function'", 'take it away', true);
  const common = { path, name, severity, description, technique };
  if (flag.function !== undefined)
    return {
      ...common,
      message: [],
      test: flagFunction(source, path, flag.function, listOf(of), params ?? {}, functions, {
        name: 'function',
        columns: 'of',
      }),
    };
  if (message === undefined) source.fail(path, "the key 'message' is missing", SHAPE_HINT);
  const parts = messageParts(source, [...path, 'message'], message);
  if (when !== undefined)
    return { ...common, message: parts, test: { kind: 'row', when: source.formula([...path, 'when'], when) } };
  return {
    ...common,
    message: parts,
    test: {
      kind: 'group',
      having: source.formula([...path, 'having'], having ?? ''),
      by: listOf(by).map((text, i) =>
        source.formula(typeof by === 'string' ? [...path, 'by'] : [...path, 'by', i], text),
      ),
      overMs: over === undefined ? undefined : duration(source, [...path, 'over'], over),
    },
  };
}

/** A flag that a function raises, its parameters checked but for the columns. */
export function flagFunction(
  source: YamlFile,
  path: Path,
  functionName: string,
  columns: readonly string[],
  given: Readonly<Record<string, unknown>>,
  { flags, refused }: FunctionTable,
  keys: { readonly name: string; readonly columns: string },
): { kind: 'function'; function: FlagFunction; params: Record<string, unknown> } {
  const name = functionName.toLowerCase();
  if (!Object.hasOwn(flags, name)) {
    if (Object.hasOwn(refused, name))
      source.fail([...path, keys.name], `'${functionName}' ${refused[name].reason}`, refused[name].hint);
    const near = nearest(functionName, Object.keys(flags));
    source.fail(
      [...path, keys.name],
      `there is no function '${functionName}' that raises flags`,
      near === undefined ? `there is ${Object.keys(flags).join(', ')}` : `did you mean '${near}'?`,
    );
  }
  const found = flags[name];
  const params: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    const parameter = found.takes.find((one) => one.name === key);
    const at = [...path, 'params', key];
    if (parameter === undefined) {
      const names = found.takes.map((one) => one.name);
      const near = nearest(key, names);
      source.fail(
        at,
        `'${functionName}' has no parameter '${key}'`,
        near === undefined ? `it has ${names.join(', ')}` : `did you mean '${near}'?`,
        true,
      );
    }
    const wanted = parameter.type === 'column' ? 'string' : parameter.type;
    if (typeof value !== wanted)
      source.fail(
        at,
        `expected ${parameter.type === 'column' ? 'the name of a column' : `a ${wanted}`}`,
        parameter.meaning,
      );
    const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = parameter;
    if (typeof value === 'number' && (value < least || value > most))
      source.fail(at, `expected a number from ${least} to ${most}`, parameter.meaning);
    params[key] = value;
  }
  for (const [i, column] of columns.entries()) {
    const key = found.positional[i];
    if (key !== undefined && params[key] === undefined) params[key] = column;
  }
  for (const parameter of found.takes) {
    if (params[parameter.name] !== undefined) continue;
    if (parameter.required === true)
      source.fail(path, `'${functionName}' wants the parameter '${parameter.name}'`, parameter.meaning);
    if (parameter.default !== undefined) params[parameter.name] = parameter.default;
  }
  return { kind: 'function', function: found, params };
}

/** `over: 10m` in ms. */
function duration(source: YamlFile, path: Path, text: string): number {
  try {
    const tree = parseExpression(`count() over ${text}`, { formula: true });
    if (tree.kind === 'call' && tree.over !== undefined && tree.by === undefined) {
      let ms = 0;
      for (const { value, unit } of tree.over.parts) {
        if (!Object.hasOwn(TIME_UNITS, unit)) break;
        ms += value * TIME_UNITS[unit];
      }
      if (ms > 0) return ms;
    }
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
  }
  return source.fail(path, `'${text}' is no duration`, 'as in 500ms, 5s, 10m, 1h30m, 2d');
}

/** A message in literal texts and expressions in braces; `{{` and `}}` are braces. */
function messageParts(source: YamlFile, path: Path, message: string): (string | Formula)[] {
  const parts: (string | Formula)[] = [];
  let text = '';
  for (let i = 0; i < message.length; i++) {
    const ch = message[i];
    if ((ch === '{' || ch === '}') && message[i + 1] === ch) {
      text += ch;
      i++;
    } else if (ch === '}') source.fail(path, 'a } closes nothing', 'a brace itself is written twice: }}');
    else if (ch === '{') {
      const end = message.indexOf('}', i);
      if (end < 0) source.fail(path, 'a { is not closed', 'a brace itself is written twice: {{');
      if (text !== '') parts.push(text);
      text = '';
      parts.push(placeholder(source, path, message.slice(i + 1, end)));
      i = end;
    } else text += ch;
  }
  if (text !== '') parts.push(text);
  return parts;
}

function placeholder(source: YamlFile, path: Path, text: string): Formula {
  const fail = (error: unknown): never => {
    if (!(error instanceof ExpressionError)) throw error;
    throw new UserError(`${source.prefix(path)}in {${text}}: ${error.reason}`, error.hint);
  };
  try {
    return { text, tree: parseExpression(text, { formula: true, what: 'placeholder' }), fail };
  } catch (error) {
    return fail(error);
  }
}
