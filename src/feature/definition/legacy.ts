import { UserError } from '../../core/index.ts';
import {
  columnOf,
  type Definitions,
  type FeatureDefinition,
  type FilterDefinition,
  type FlagDefinition,
} from './definition.ts';
import { type Path, YamlFile } from './document.ts';
import type { FunctionTable } from './function-table.ts';
import { distinct, flagFunction, metricCall } from './parse.ts';
import { legacyDefinitionsShape, legacySystemShape } from './schema.ts';

/**
 * The two YAML layouts of system 003 (the Anomal framework): the system file and the file of features. They run as they are, but for Python code in
 * `function_code`, which is refused, and for plug-ins, which are not fetched: the functions of its DNS plug-in are built in.
 */

const HINT = 'docs/features.md tells what of this layout is read';
const KEYS = { name: 'name', columns: 'data_needed' };

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isLegacySystem(value: unknown): boolean {
  return isRecord(value) && 'setup' in value && isRecord(value.features);
}

/** Told by what only this layout has: plug-ins, typed features and flags, columns in `data_needed`. */
export function isLegacyDefinitions(value: unknown): boolean {
  if (!isRecord(value)) return false;
  if ('plugins' in value) return true;
  const items = [value.features, value.filters, value.flags].flatMap((list) => (Array.isArray(list) ? list : []));
  return items.some(
    (item) =>
      isRecord(item) && ('data_needed' in item || 'function_code' in item || 'multiplier' in item || 'type' in item),
  );
}

export function readLegacyDefinitions(source: YamlFile, functions: FunctionTable): Definitions {
  refuseCode(source);
  const shape = source.check(legacyDefinitionsShape, HINT);
  const features = (shape.features ?? []).map((feature, i): FeatureDefinition => {
    const path = ['features', i];
    const { name, type, data_needed, params = {}, multiplier } = feature;
    const common = { path, name, weight: multiplier, unit: undefined, meaning: undefined, pack: undefined };
    if (type === 'field') {
      const column = data_needed ?? name;
      return {
        ...common,
        formula: source.made([...path, data_needed === undefined ? 'name' : 'data_needed'], columnOf(column)),
      };
    }
    const columns = columnsOf(source, path, data_needed);
    return {
      ...common,
      formula: source.made([...path, 'data_needed'], metricCall(source, path, name, columns, params, functions, KEYS)),
    };
  });
  const filters = (shape.filters ?? []).map((filter, i): FilterDefinition => {
    const path = ['filters', i];
    const { name, data_needed, params = {} } = filter;
    const columns = columnsOf(source, path, data_needed);
    const tree = metricCall(source, path, name, columns, params, functions, KEYS);
    return { name, kind: 'exclude', formula: source.made([...path, 'data_needed'], tree) };
  });
  let time: string | undefined;
  let entity: string | undefined;
  const flags = (shape.flags ?? []).map((flag, i): FlagDefinition => {
    const path = ['flags', i];
    const { name, type, data_needed, params = {}, severity, message, description = '' } = flag;
    const common = { path, name, severity, description, technique: undefined };
    const columns = columnsOf(source, path, data_needed);
    if (type === 'aggregation') {
      const test = flagFunction(source, path, name, columns, params, functions, KEYS);
      // What the function calls the time and who acts holds for the other flags as well: this layout has no other place for it.
      const { time: timeParameter = '', entity: entityParameter = '' } = test.function;
      time ??= test.params[timeParameter] as string | undefined;
      entity ??= test.params[entityParameter] as string | undefined;
      return { ...common, message: message === undefined ? [] : [message], test };
    }
    if (message === undefined) source.fail(path, "the key 'message' is missing", 'a direct flag says something');
    const when = source.made(
      [...path, 'data_needed'],
      metricCall(source, path, name, columns, params, functions, KEYS),
    );
    return { ...common, message: [message], test: { kind: 'row', when } };
  });
  distinct(source, features, 'features');
  if (features.length === 0 && filters.length === 0 && flags.length === 0)
    source.fail([], 'there are neither features nor filters nor flags', HINT);
  const plugins = shape.plugins ?? [];
  const notes =
    plugins.length === 0
      ? []
      : ['Plug-ins are not fetched and their code is not run; the functions of the DNS plug-in are built in.'];
  return {
    source,
    layout: '003',
    time,
    entity,
    zone: undefined,
    types: {},
    features,
    filters,
    flags: distinctNames(flags),
    cuts: undefined,
    functions,
    notes,
  };
}

/** Flags of this layout are named by their functions, so two may have the same one: the second is called 'name (2)'. */
function distinctNames(flags: readonly FlagDefinition[]): FlagDefinition[] {
  const seen = new Map<string, number>();
  return flags.map((flag) => {
    const n = (seen.get(flag.name) ?? 0) + 1;
    seen.set(flag.name, n);
    return n === 1 ? flag : { ...flag, name: `${flag.name} (${n})` };
  });
}

function columnsOf(source: YamlFile, path: Path, text: string | undefined): string[] {
  if (text === undefined)
    return source.fail(path, "the key 'data_needed' is missing", 'it names the columns, parted by commas');
  const columns = text.split(',').map((column) => column.trim());
  if (columns.includes('')) source.fail([...path, 'data_needed'], 'a column between the commas has no name', undefined);
  return columns;
}

/** What to write instead of code, by where the code stands. */
function refuseCode(source: YamlFile): void {
  if (!isRecord(source.value)) return;
  for (const key of ['filters', 'features', 'flags']) {
    const list = source.value[key];
    if (!Array.isArray(list)) continue;
    for (const [i, item] of (list as readonly unknown[]).entries()) {
      if (!isRecord(item) || !('function_code' in item)) continue;
      const columns = typeof item.data_needed === 'string' ? item.data_needed : '';
      const column = columns.split(',')[0]?.trim() || 'column';
      const name = /^[\w.@]+$/.test(column) && !/^\d/.test(column) ? column : `\`${column}\``;
      const instead =
        key === 'filters'
          ? `'exclude: ${name} == "..."'`
          : key === 'features'
            ? `'expression: length(${name})'`
            : item.type === 'aggregation'
              ? `'having: count() > 100' with 'by: ${name}'`
              : `'when: ${name} contains "..."'`;
      source.fail(
        [key, i, 'function_code'],
        'Python code in definitions is not run',
        `write what it computes as an expression, in the layout of docs/features.md, for example ${instead}`,
        true,
      );
    }
  }
}

/** What a system file of 003 says. */
export interface LegacySystem {
  readonly input:
    | { readonly driver: 'csv'; readonly path: string }
    | { readonly driver: 'tcp'; readonly host: string; readonly port: number; readonly collectionMs: number };
  readonly output: { readonly driver: string; readonly path: string | undefined };
  /** File of the features, relative to the system file. */
  readonly featuresPath: string;
  readonly engine: 'gower';
}

const DEFAULT_COLLECTION_S = 60;

/** Reads a system file. See `parseLegacySystem` of index.ts. */
export function readLegacySystem(text: string, file: string): LegacySystem {
  const source = new YamlFile(text, file);
  const { data, features, setup } = source.check(legacySystemShape, HINT);
  const engine = (setup.classification_engine ?? 'Gower').toLowerCase();
  if (engine !== 'gower')
    source.fail(
      ['setup', 'classification_engine'],
      `there is no classification engine '${setup.classification_engine}'`,
      "there is 'Gower'",
    );
  const driver = setup.input_driver.toLowerCase();
  const output = { driver: (setup.output_driver ?? 'CSV').toLowerCase(), path: data.out_path };
  const common = { output, featuresPath: features.path, engine: 'gower' } as const;
  if (driver === 'csv') {
    if (data.in_path === undefined)
      return source.fail(['data'], "the key 'in_path' is missing", 'it names the CSV file');
    return { input: { driver, path: data.in_path }, ...common };
  }
  if (driver !== 'tcp')
    throw new UserError(
      `${source.prefix(['setup', 'input_driver'])}there is no input driver '${setup.input_driver}'`,
      "there are 'CSV' and 'TCP'",
    );
  const seconds = Number(data.collection_time ?? DEFAULT_COLLECTION_S);
  const port = Number(data.port ?? 4141);
  if (port > 65_535) return source.fail(['data', 'port'], `${port} is no port`, 'a number up to 65535');
  return { input: { driver, host: data.host ?? 'localhost', port, collectionMs: seconds * 1000 }, ...common };
}
