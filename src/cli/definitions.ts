import * as path from 'node:path';
import { UserError } from '../core/index.ts';
import {
  bindDefinitions,
  type Definitions,
  dgaScore,
  FEATURE_PACKS,
  type FeatureContext,
  isLegacySystemFile,
  PopularList,
  parseDefinitions,
  parseLegacySystem,
  popularRank,
  shippedPopularList,
  standardFunctions,
} from '../feature/index.ts';
import { FLOW_SCHEMA } from '../flow/index.ts';
import type { PluginHost } from '../io/index.ts';
import {
  type AnalyzeTableOptions,
  type Archive,
  type Config,
  definitionPlan,
  type GivenFile,
  pluginPlan,
} from '../pipeline/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../wire/index.ts';
import { readTextFile } from './text-file.ts';

/** Reads the file of `--features`: definitions in either layout, or a system file of Anomal, which names the file of its features. Rejects with UserError. */
export async function readDefinitions(file: string, config: Config, plugins?: PluginHost): Promise<Definitions> {
  return await definitionsOf(await readDefinitionText(file), config, plugins);
}

/** The text of definitions and the file that it stands in. */
export interface DefinitionText {
  readonly file: string;
  readonly text: string;
}

/** The text that `--features` means: of the file itself, or of the one that a system file of Anomal names. Rejects with UserError. */
export async function readDefinitionText(file: string): Promise<DefinitionText> {
  const text = readTextFile(file);
  if (!(await isLegacySystemFile(text, file))) return { file, text };
  const { featuresPath } = await parseLegacySystem(text, file);
  const features = path.isAbsolute(featuresPath) ? featuresPath : path.join(path.dirname(file), featuresPath);
  return { file: features, text: readTextFile(features) };
}

/** Definitions of a text that was read already, as of one that is saved with a model. Rejects with UserError. */
export function definitionsOf(
  { file, text }: DefinitionText,
  config: Config,
  plugins?: PluginHost,
): Promise<Definitions> {
  return parseDefinitions(text, file, { functions: functions(config, plugins) });
}

/** What a system file of Anomal says of its data, as `analyze` takes it. */
export interface SystemInput {
  /** The whole path of a file, or the address to listen on. */
  readonly input: string;
  /** How long to listen; undefined for a file. */
  readonly durationMs: number | undefined;
}

/** Undefined where `--features` is no system file. Rejects with UserError. */
export async function readSystemInput(file: string): Promise<SystemInput | undefined> {
  const text = readTextFile(file);
  if (!(await isLegacySystemFile(text, file))) return undefined;
  const { input } = await parseLegacySystem(text, file);
  // Whole, so that no name in the file is taken for an address, an interface or standard input.
  if (input.driver === 'csv') return { input: path.resolve(path.dirname(file), input.path), durationMs: undefined };
  const host = input.host.includes(':') ? `[${input.host}]` : input.host;
  return { input: `listen://${host}:${input.port}`, durationMs: input.collectionMs };
}

const FLOW_TIME = 'startMs';
const FLOW_ENTITY = 'initiator';

/** What they make of the analysis of a table. */
export function planOptions(
  definitions: Definitions,
  config: Config,
  homeNet: readonly string[] = DEFAULT_HOME_NETWORKS,
  plugins?: PluginHost,
): Pick<AnalyzeTableOptions, 'plan' | 'types'> {
  const home = NetworkSet.parse(homeNet);
  const context: FeatureContext = {
    isHome: (address) => home?.has(address) === true,
    popular: popularList(config),
    ...(config.timeZone === undefined ? {} : { timeZone: config.timeZone }),
  };
  return {
    types: definitions.types,
    plan: (schema, encoding) => {
      // Of flows it is known who acts and when.
      const known =
        schema === FLOW_SCHEMA
          ? {
              ...definitions,
              time: definitions.time ?? FLOW_TIME,
              entity: definitions.entity ?? FLOW_ENTITY,
            }
          : definitions;
      const plan = definitionPlan(bindDefinitions(known, schema, { packs: FEATURE_PACKS, context }), encoding);
      return plugins === undefined ? plan : pluginPlan(plan, plugins, known, schema);
    },
  };
}

/** The plan of definitions that were kept with the records of a report, as the analysis made it. Rejects with UserError where they are no longer understood. */
export async function storedPlan(
  { name, bytes }: GivenFile,
  { settings, parts }: Archive,
): Promise<NonNullable<AnalyzeTableOptions['plan']>> {
  const { homeNet } = parts.base.run;
  const config = settings.timeZone === undefined ? {} : { timeZone: settings.timeZone };
  const definitions = await definitionsOf({ file: name, text: new TextDecoder().decode(bytes) }, config);
  const { plan } = planOptions(definitions, config, homeNet.length === 0 ? undefined : homeNet);
  if (plan === undefined) throw new Error('definitions make a plan');
  return plan;
}

/** Whether definitions can be asked of flows: every column that they name is one of theirs. */
export function fitFlows(definitions: Definitions, config: Config, plugins: PluginHost | undefined): boolean {
  try {
    planOptions(definitions, config, undefined, plugins).plan?.(FLOW_SCHEMA, undefined);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

function functions(config: Config, plugins: PluginHost | undefined): ReturnType<typeof standardFunctions> {
  const list = popularList(config);
  const standard = standardFunctions({ popularRank: (name) => popularRank(name, list), dgaScore });
  if (plugins === undefined) return standard;
  const added = plugins.functions();
  return {
    ...standard,
    functions: { ...standard.functions, ...added.functions },
    flags: { ...standard.flags, ...added.flags },
  };
}

/** The list of `popular:`, or the one that ships. Throws UserError. */
export function popularList({ popular }: Config): PopularList {
  return popular === undefined ? shippedPopularList() : PopularList.parse(readTextFile(popular), popular);
}
