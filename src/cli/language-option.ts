import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import {
  builtInPersonas,
  type Persona,
  parsePersona,
  personaById,
  REDACTIONS,
  type Redaction,
} from '../analyst/index.ts';
import { safeText, UserError } from '../core/index.ts';
import { domainParts } from '../feature/index.ts';
import {
  describeFileError,
  type EgressLedger,
  languageEnvironment,
  openLanguageModel,
  parseModelName,
  type ServedModel,
} from '../io/index.ts';
import type { Config, ContextLists } from '../pipeline/index.ts';
import { popularList } from './definitions.ts';

/** Options of everything that speaks to a language model. */
export interface LanguageFlags {
  readonly llm?: string;
  readonly llmUrl?: string;
  readonly redact?: Redaction;
}

export function addLanguageOptions(command: Command): void {
  command
    .option('--llm <model>', 'the language model, as in ollama:qwen2.5:3b or openai-compatible:NAME')
    .option('--llm-url <url>', 'where its server listens (default: http://127.0.0.1:11434 for Ollama)');
}

export function redactOption(): Option {
  return new Option('--redact <what>', 'what the model sees as pseudonyms (default: none)').choices([...REDACTIONS]);
}

/** The model that the options and the configuration mean. Nothing is sent yet. Rejects with UserError. */
export async function languageModelOf(
  flags: LanguageFlags,
  config: Config,
  egress: EgressLedger,
): Promise<ServedModel> {
  const settings = config.analyst ?? {};
  const named = flags.llm === undefined ? {} : parseModelName(flags.llm);
  return openLanguageModel(
    { ...settings, ...named, ...(flags.llmUrl === undefined ? {} : { url: flags.llmUrl }) },
    { env: await languageEnvironment(process.cwd(), process.env, settings.keyFrom), egress },
  );
}

/**
 * The domains that a model may be told by name: those of `analyst.knownDomains`, and the list of `popular` where there is one. Throws UserError for what is no domain, and for a list that can't be read.
 */
export function contextListsOf(config: Config): ContextLists {
  const known = config.analyst?.knownDomains?.map((text, i) => {
    const domain = domainParts(text.trim().toLowerCase())?.domain;
    if (domain === undefined)
      throw new UserError(
        `analyst.knownDomains[${i}]: '${safeText(text, 80)}' is no domain that can be registered`,
        'expected a domain, as in office.example',
      );
    return domain;
  });
  return {
    ...(known === undefined ? {} : { knownDomains: new Set(known) }),
    ...(config.popular === undefined ? {} : { popular: popularList(config) }),
  };
}

const KEY_FILE = 'pseudonyms.key';

/**
 * The key of pseudonyms of an output folder, made where there is none: the same folder gives the same pseudonyms, and nobody without the file can turn them back.
 * Throws UserError.
 */
export function pseudonymKey(folder: string): string {
  const file = path.join(folder, KEY_FILE);
  try {
    const key = fs.readFileSync(file, 'utf8').trim();
    if (/^[0-9a-f]{32,64}$/.test(key)) return key;
    throw new UserError(
      `${file} holds no key of pseudonyms`,
      'remove it; a new one is made, and with it new pseudonyms',
    );
  } catch (error) {
    if (error instanceof UserError) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw describeFileError(error, file, 'read');
  }
  const key = randomBytes(16).toString('hex');
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(file, `${key}\n`, { mode: 0o600 });
  } catch (error) {
    throw describeFileError(error, file, 'write');
  }
  return key;
}

/** Templates in a folder at most. */
const MAX_TEMPLATES = 100;

/** The personas that ship and those of the operator's own folder (`analyst.templates`), which win over shipped ones of the same id. Throws UserError. */
export function allPersonas(config: Config): Persona[] {
  const folder = config.analyst?.templates;
  if (folder === undefined) return [...builtInPersonas()];
  let names: string[];
  try {
    names = fs.readdirSync(folder).filter((name) => name.endsWith('.md'));
  } catch (error) {
    throw describeFileError(error, folder, 'read');
  }
  if (names.length === 0)
    throw new UserError(
      `${safeText(folder)} has no templates`,
      'a template is a Markdown file, as in lawyer.md (docs/analyst.md)',
    );
  const own = names
    .sort()
    .slice(0, MAX_TEMPLATES)
    .map((name) => {
      const file = path.join(folder, name);
      try {
        return parsePersona(fs.readFileSync(file, 'utf8'), file);
      } catch (error) {
        if (error instanceof UserError) throw error;
        throw describeFileError(error, file, 'read');
      }
    });
  const replaced = new Set(own.map(({ id }) => id));
  return [...builtInPersonas().filter(({ id }) => !replaced.has(id)), ...own];
}

/** The personas that are asked for, by --persona or the configuration; without, the plain analyst. Throws UserError for one that is not there. */
export function personasOf(names: readonly string[] | undefined, config: Config): Persona[] {
  const all = allPersonas(config);
  return (names ?? config.analyst?.personas ?? ['analyst']).map((name) => personaById(name, all));
}
