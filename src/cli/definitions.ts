import * as fs from 'node:fs';
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
import { describeFileError } from '../io/index.ts';
import { type AnalyzeTableOptions, type Config, definitionPlan } from '../pipeline/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../wire/index.ts';

/** Reads the file of `--features`: definitions in either layout, or a system file of Anomal, which names the file of its features. Rejects with UserError. */
export async function readDefinitions(file: string, config: Config): Promise<Definitions> {
  const text = readText(file);
  if (!(await isLegacySystemFile(text, file))) return parseDefinitions(text, file, { functions: functions(config) });
  const { featuresPath } = await parseLegacySystem(text, file);
  const features = path.isAbsolute(featuresPath) ? featuresPath : path.join(path.dirname(file), featuresPath);
  return parseDefinitions(readText(features), features, { functions: functions(config) });
}

const FLOW_TIME = 'startMs';
const FLOW_ENTITY = 'initiator';

/** What they make of the analysis of a table. */
export function planOptions(
  definitions: Definitions,
  config: Config,
  homeNet: readonly string[] = DEFAULT_HOME_NETWORKS,
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
      return definitionPlan(bindDefinitions(known, schema, { packs: FEATURE_PACKS, context }), encoding);
    },
  };
}

function functions(config: Config): ReturnType<typeof standardFunctions> {
  const list = popularList(config);
  return standardFunctions({ popularRank: (name) => popularRank(name, list), dgaScore });
}

/** The list of `popular:`, or the one that ships. Throws UserError. */
function popularList({ popular }: Config): PopularList {
  return popular === undefined ? shippedPopularList() : PopularList.parse(readText(popular), popular);
}

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(fs.readFileSync(file));
  } catch (error) {
    if (error instanceof TypeError) throw new UserError(`${file}: not UTF-8 text`, 'save it as UTF-8');
    throw describeFileError(error, file, 'read');
  }
}
