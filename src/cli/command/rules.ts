import * as fs from 'node:fs';
import type { Command } from 'commander';
import { counted, EXIT, nearest, safeText, UserError } from '../../core/index.ts';
import { RULE_SETS, ruleSet } from '../../detect/index.ts';
import type { Definitions } from '../../feature/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import type { PluginHost } from '../../io/index.ts';
import type { Config } from '../../pipeline/index.ts';
import { type DefinitionText, definitionsOf, planOptions, readDefinitionText } from '../definitions.ts';
import { print } from '../terminal.ts';

/** Declares `rules`: sets of rules that are asked of flows beside the detectors. */
export function addRulesCommand(program: Command, done: (code: number) => void): void {
  const rules = program
    .command('rules')
    .summary('rules that are asked of flows: list, show, check')
    .description(
      'Rules in YAML that analyze --rules asks of every flow beside the detectors: the sets that ship, and your own, in the language of docs/features.md.',
    );
  rules
    .command('list', { isDefault: true })
    .summary('the sets that ship')
    .action(async () => {
      await print(RULE_SETS.map(({ name, summary }) => `${name}  ${summary}\n`).join(''));
      done(EXIT.done);
    });
  rules
    .command('show')
    .summary('print a set, to copy and edit')
    .argument('<name>', 'a set that ships')
    .addHelpText('after', '\nExample:\n  anomalyst rules show classic > mine.yaml')
    .action(async (name: string) => {
      const set = ruleSet(name);
      if (set === undefined) throw unknownSet(name);
      await print(set.yaml);
      done(EXIT.done);
    });
  rules
    .command('check')
    .summary('whether a file of rules can be asked of flows')
    .argument('<yaml>', 'a file, or a set that ships')
    .action(async (given: string) => {
      const definitions = await readRules(given, {});
      const names = definitions.flags.map(({ name }) => `  ${safeText(name, 100)}\n`).join('');
      await print(`${safeText(given, 200)}: ${counted(definitions.flags.length, 'rule')}\n${names}`);
      done(EXIT.done);
    });
}

/**
 * The rules that `--rules` means: a set that ships by its name, else a file.
 * Rejects with UserError for a name that nobody knows, for what is wrong in a file, and where it names what flows have not or has no flag.
 */
export async function readRules(given: string, config: Config, plugins?: PluginHost): Promise<Definitions> {
  const text = await readRuleText(given);
  const definitions = await definitionsOf(text, config, plugins);
  if (definitions.flags.length === 0)
    throw new UserError(`${given}: there is no rule in it`, 'rules are flags: see docs/features.md');
  // Columns that flows have not are told here, with line and column.
  planOptions(definitions, config, undefined, plugins).plan?.(FLOW_SCHEMA, undefined);
  return definitions;
}

function unknownSet(given: string): UserError {
  const names = RULE_SETS.map(({ name }) => name);
  const near = nearest(given, names);
  return new UserError(
    `there is no set of rules '${safeText(given, 60)}'`,
    near === undefined ? `sets that ship: ${names.join(', ')}; or give a file` : `did you mean '${near}'?`,
  );
}

/** The text of what `--rules` means. Rejects with UserError for a name that nobody knows. */
export async function readRuleText(given: string): Promise<DefinitionText> {
  const set = ruleSet(given);
  if (set === undefined && !/[./\\]/.test(given) && !fs.existsSync(given)) throw unknownSet(given);
  return set === undefined ? await readDefinitionText(given) : { file: given, text: set.yaml };
}
