import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Command } from 'commander';
import { safeText, UserError } from '../core/index.ts';
import { describeFileError, expandInputs, type PluginHost } from '../io/index.ts';
import { loadModel, type Model } from '../model/index.ts';
import {
  type ClassifiedInput,
  type Config,
  classifyInputs,
  type FlowLabels,
  kindOf,
  type LabelOptions,
  type Recipe,
  type RowKind,
  type RowSetOptions,
  readFlowLabels,
  recipeOf,
} from '../pipeline/index.ts';
import type { InputSummary } from '../report/index.ts';
import { type DefinitionText, definitionsOf, fitFlows, planOptions, readDefinitionText } from './definitions.ts';
import { catchInterrupt, type Interrupt } from './interrupt.ts';
import { collectHomeNetworks, configOf, flowOptionsOf, tellInputs } from './option.ts';
import { startPlugins, tellPluginFailures } from './plugin-host.ts';
import { ProgressLine } from './progress.ts';
import { StepLine } from './step.ts';
import { note } from './terminal.ts';

/** What the commands of models have in common: which inputs, how they are measured, which rows are ordinary. */

export interface ModelInputFlags {
  readonly as?: string;
  readonly features?: string;
  readonly homeNet?: string[];
  readonly config?: string;
  readonly without?: string[];
  readonly seed?: number;
  readonly quiet?: boolean;
  readonly progress?: boolean;
  readonly json?: boolean;
}

export interface LabelFlags {
  readonly labelColumn?: string;
  readonly normal?: string[];
  readonly labels?: string[];
}

/** Options of every command that reads rows for a model. */
export function addRowOptions(command: Command, does: { readonly measures: boolean }): Command {
  command.option(
    '--as <format>',
    'what the inputs are, where that should not be told from their content (see anomalyst formats)',
  );
  command.option(
    '--features <yaml>',
    does.measures
      ? 'definitions of features and filters (docs/features.md) instead of what the input itself gives'
      : 'definitions of features, where the model file does not hold them',
  );
  if (does.measures)
    command.option('--without <columns>', 'columns of a table that are no features, comma-separated', collectNames);
  command.option(
    '--home-net <networks>',
    does.measures
      ? 'your networks in CIDR notation, comma-separated (default: private addresses)'
      : 'your networks in CIDR notation (default: those that the model was fitted with)',
    collectHomeNetworks,
  );
  return command.option('--config <yaml>', 'configuration file; flags win over it');
}

/** Options that say which rows are ordinary. */
export function addLabelOptions(command: Command): Command {
  return command
    .option('--label-column <column>', 'column that says what a row is: normal, or the name of an attack')
    .option(
      '--normal <labels>',
      'labels of ordinary rows, comma-separated (default: normal, benign, background, 0 ...)',
      collectNames,
    )
    .option(
      '--labels <file>',
      'labels of flows: what simulate wrote, a labelled conn.log, a table with endpoints and start',
      collectFiles,
    );
}

/** Options of every command that works a while. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--seed <n>', 'seed of all chance in the run (default: 42)', integer('--seed'))
    .option('-q, --quiet', 'print nothing but errors and what was asked for')
    .option('--progress', 'show progress also when standard error is no terminal')
    .option('--no-progress', 'show no progress');
}

function collectNames(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), ...text.split(',').map((part) => part.trim())].filter((part) => part !== '');
}

function collectFiles(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** `--set name=value`, given once or more. */
export function collectPairs(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}

export function integer(flag: string): (text: string) => number {
  return (text) => {
    if (!/^-?\d{1,15}$/.test(text))
      throw new UserError(`${flag} ${safeText(text, 40)}: expected a whole number`, `for example ${flag} 42`);
    return Number(text);
  };
}

export function wholeFrom(flag: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replace(/(?<=\d)[_,](?=\d)/g, ''));
    if (!/^[\d_,]{1,15}$/.test(text) || value < least || value > most)
      throw new UserError(`${flag} ${safeText(text, 40)}: expected a whole number from ${least} to ${most}`);
    return value;
  };
}

export function numberOf(flag: string, example: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value))
      throw new UserError(`${flag} ${safeText(text, 40)}: expected a number`, `for example ${flag} ${example}`);
    return value;
  };
}

export interface NamedModel {
  readonly name: string;
  readonly model: Model;
}

/** Reads a model file. Throws UserError with the file's name before what is wrong. */
export function readModelFile(file: string): NamedModel {
  let bytes: Uint8Array;
  try {
    bytes = fs.readFileSync(path.resolve(file));
  } catch (error) {
    throw describeFileError(error, file, 'read');
  }
  return { name: file, model: aboutFile(file, () => loadModel(bytes)) };
}

/** Puts a file's name before what is wrong with it. */
export function aboutFile<T>(file: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof UserError && !error.message.startsWith(`${file}: `))
      throw new UserError(`${file}: ${error.message}`, error.hint);
    throw error;
  }
}

/** What one run of a command works with. */
export interface ModelRun {
  readonly config: Config;
  readonly inputs: readonly ClassifiedInput[];
  readonly signal: AbortSignal;
  /** How the inputs are read for a new model. */
  readonly rows: RowSetOptions;
  /** What is saved beside a new model. */
  readonly recipe: Omit<Recipe, 'rows' | 'without'>;
  readonly labels: LabelOptions | undefined;
  readonly flowLabels: FlowLabels | undefined;
  readonly step: (text: string) => void;
  /** How the inputs are read for a model that is there already. */
  readonly rowsFor: (model: NamedModel) => Promise<RowSetOptions>;
}

/**
 * Runs `work` with everything that the flags name, and takes progress, plugins and the handling of Ctrl-C away again. @param kind what the rows must be, where a model says so
 */
export async function withModelRun<T>(
  names: readonly string[],
  flags: ModelInputFlags & LabelFlags,
  work: (run: ModelRun) => Promise<T>,
  kind?: RowKind,
): Promise<T> {
  const config = configOf(flags.config);
  const files = expandInputs(names, { rows: true });
  const plugins = await startPlugins(config, flags.config);
  const interrupt: Interrupt = catchInterrupt(flags.quiet === true ? undefined : 'stopping: nothing is written');
  const wantsProgress = flags.quiet !== true && (flags.progress ?? process.stderr.isTTY);
  const progress = wantsProgress ? new ProgressLine(process.stderr) : undefined;
  const steps = wantsProgress ? new StepLine(process.stderr) : undefined;
  try {
    const { signal } = interrupt;
    const inputs = await classifyInputs(files, { as: flags.as, signal, onWait: note });
    const given = flags.features === undefined ? undefined : await readDefinitionText(flags.features);
    const homeNet = flags.homeNet ?? config.homeNet;
    const common = {
      inputs,
      as: flags.as,
      flow: flowOptionsOf(config),
      scratchFolder: os.tmpdir(),
      seed: flags.seed ?? config.seed,
      signal,
      onProgress:
        progress === undefined ? undefined : (state: Parameters<ProgressLine['update']>[0]) => progress.update(state),
    };
    const own = await planned(given, config, homeNet, plugins, inputs, kind);
    const { column, flowLabels } = await labelsOf(flags, inputs, own.rows ?? kindOf(inputs), signal);
    const result = await work({
      config,
      inputs,
      signal,
      rows: { ...common, ...own, homeNet, without: flags.without },
      recipe: {
        homeNet,
        definitions: given,
        types: own.types !== undefined && Object.keys(own.types).length > 0 ? own.types : undefined,
        timeZone: config.timeZone,
      },
      labels: column,
      flowLabels,
      step: (text) => {
        progress?.end();
        steps?.update(text);
      },
      rowsFor: async ({ name, model }) => {
        const recipe = aboutFile(name, () => recipeOf(model, given !== undefined));
        const home = flags.homeNet ?? recipe.homeNet ?? config.homeNet;
        const zone = recipe.timeZone === undefined ? config : { ...config, timeZone: recipe.timeZone };
        const typed = recipe.types === undefined ? zone : { ...zone, types: { ...zone.types, ...recipe.types } };
        const plan = await planned(given ?? recipe.definitions, typed, home, plugins, inputs, recipe.rows);
        return { ...common, ...plan, homeNet: home, rows: recipe.rows };
      },
    });
    if (plugins !== undefined) tellPluginFailures(plugins);
    return result;
  } finally {
    progress?.end();
    steps?.end();
    interrupt.end();
    await plugins?.close();
  }
}

/** What definitions make of the reading of rows; what the inputs themselves say without them. */
async function planned(
  text: DefinitionText | undefined,
  config: Config,
  homeNet: readonly string[] | undefined,
  plugins: PluginHost | undefined,
  inputs: readonly ClassifiedInput[],
  kind: RowKind | undefined,
): Promise<Pick<RowSetOptions, 'plan' | 'types' | 'rows'>> {
  if (text === undefined) return { types: config.types, rows: kind };
  const definitions = await definitionsOf(text, config, plugins);
  const { plan } = planOptions(definitions, config, homeNet, plugins);
  const isTable =
    kindOf(inputs) === 'rows' ||
    (inputs.every(({ format }) => format?.openTable !== undefined) &&
      !(inputs.every(({ format }) => format?.flows === true) && fitFlows(definitions, config, plugins)));
  return { plan, types: { ...config.types, ...definitions.types }, rows: kind ?? (isTable ? 'rows' : 'flows') };
}

const DEFAULT_LABEL = 'label';

/** Where labels stand: in a column of a table, in a file beside flows, or in the columns that a log of flows has beyond those of flows. */
async function labelsOf(
  { labelColumn, normal, labels }: LabelFlags,
  inputs: readonly ClassifiedInput[],
  kind: RowKind,
  signal: AbortSignal,
): Promise<{ readonly column: LabelOptions | undefined; readonly flowLabels: FlowLabels | undefined }> {
  if (labels === undefined && labelColumn === undefined) {
    if (normal !== undefined)
      throw new UserError('--normal says what ordinary rows are called, but not where', 'give --label-column too');
    return { column: undefined, flowLabels: undefined };
  }
  const column = { column: labelColumn ?? DEFAULT_LABEL, normal };
  if (kind === 'rows') {
    if (labels !== undefined)
      throw new UserError(
        '--labels is for flows; a table has its labels in a column',
        'give --label-column with the name of the column',
      );
    return { column, flowLabels: undefined };
  }
  const capture = inputs.find(({ format }) => format?.openTable === undefined);
  if (capture?.unreadable !== undefined) throw capture.unreadable;
  if (labels === undefined && capture !== undefined)
    throw new UserError(
      `--label-column ${safeText(column.column, 60)}: flows of ${safeText(capture.name, 200)} have no columns of labels`,
      'give --labels with a table that says which flow is what',
    );
  const flowLabels = await readFlowLabels({
    files: labels ?? inputs.map(({ name }) => name),
    column: column.column,
    inputs: inputs.length,
    scratchFolder: os.tmpdir(),
    signal,
  });
  return { column, flowLabels };
}

/** What the operator should know of the inputs and of the rows. */
export function tellRows(inputs: readonly InputSummary[], notes: readonly string[], quiet: boolean): void {
  tellInputs(inputs, quiet);
  if (!quiet) for (const text of notes) note(`note: ${safeText(text, 1000)}`);
}
