import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../core/index.ts';
import {
  bindDefinitions,
  type Definitions,
  dgaScore,
  FEATURE_PACKS,
  isLegacySystemFile,
  parseDefinitions,
  parseLegacySystem,
  popularRank,
  standardFunctions,
} from '../feature/index.ts';
import { FLOW_SCHEMA } from '../flow/index.ts';
import { describeFileError } from '../io/index.ts';
import { type AnalyzeTableOptions, definitionPlan } from '../pipeline/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../wire/index.ts';

/** Reads the file of `--features`: definitions in either layout, or a system file of Anomal, which names the file of its features. Rejects with UserError. */
export async function readDefinitions(file: string): Promise<Definitions> {
  const text = readText(file);
  if (!(await isLegacySystemFile(text, file))) return parseDefinitions(text, file, { functions: functions() });
  const { featuresPath } = await parseLegacySystem(text, file);
  const features = path.isAbsolute(featuresPath) ? featuresPath : path.join(path.dirname(file), featuresPath);
  return parseDefinitions(readText(features), features, { functions: functions() });
}

const FLOW_TIME = 'startMs';
const FLOW_ENTITY = 'initiator';

/** What they make of the analysis of a table. */
export function planOptions(
  definitions: Definitions,
  homeNet: readonly string[] = DEFAULT_HOME_NETWORKS,
): Pick<AnalyzeTableOptions, 'plan' | 'types'> {
  const home = NetworkSet.parse(homeNet);
  const context = { isHome: (address: string): boolean => home?.has(address) === true };
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

function functions(): ReturnType<typeof standardFunctions> {
  return standardFunctions({ popularRank, dgaScore });
}

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(fs.readFileSync(file));
  } catch (error) {
    if (error instanceof TypeError) throw new UserError(`${file}: not UTF-8 text`, 'save it as UTF-8');
    throw describeFileError(error, file, 'read');
  }
}
