import type { Command } from 'commander';
import { Option } from 'commander';
import { UserError } from '../../core/index.ts';
import { addRunOptions, collectPairs, type ModelInputFlags, wholeFrom } from '../model-input.ts';
import { collectHomeNetworks } from '../option.ts';

export const TARGETS = ['json', 'safetensors', 'onnx', 'yaml'] as const;
export type Target = (typeof TARGETS)[number];

export interface ConvertFlags {
  readonly to?: Target;
  readonly out: string;
  readonly devices?: string[];
  readonly protocols?: string[];
  readonly proposed?: boolean;
  readonly quiet?: boolean;
}

export interface DiffFlags extends Omit<ModelInputFlags, 'without' | 'homeNet'> {
  readonly on?: string[];
  readonly budget?: string;
  readonly top: number;
  readonly homeNet?: string[];
}

/** Declares `model`: what model files hold, other forms of them, and what differs between two. */
export function addModelCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('model')
    .summary('look into model files, convert them, compare two')
    .description(
      'Model files are data: what they hold can be read, written as JSON or as an ONNX graph for other programs, and compared (docs/model-files.md).',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst model inspect anomalyst-out/model.safetensors\n  anomalyst model convert model.safetensors --to onnx --out model.onnx\n  anomalyst model diff monday.safetensors tuesday.safetensors --on tuesday.pcap',
    );
  command
    .command('inspect')
    .summary('what a model file holds, once every check of it is passed')
    .description(
      'Kind, training, calibration and thresholds, features with their ranges, parameters and arrays of a model file (safetensors or JSON). The checksum is verified.',
    )
    .argument('<file>', 'model file')
    .option('--json', 'print as JSON')
    .action(async (file: string, flags: { readonly json?: boolean }) => {
      const { runInspect } = await import('./model-inspect.ts');
      done(await runInspect(file, flags.json === true));
    });
  command
    .command('convert')
    .summary('a model file as JSON, safetensors or ONNX; allow-lists of older tools as a baseline')
    .description(
      'Writes a model file in another form: JSON and safetensors without loss, ONNX as a graph with which other programs compute the same scores. With --to yaml the inputs are text files that list known devices (MACs, beginnings of MACs, addresses, networks) or allowed protocols, as older tools have them, and the result is a baseline (docs/baseline.md). Nothing in any of them is run.',
    )
    .argument('[input...]', 'a model file; with --to yaml, lists')
    .addOption(new Option('--to <form>', 'what to write (default: by the ending of --out)').choices(TARGETS))
    .requiredOption('-o, --out <file>', 'where to, as in model.onnx')
    .option('--devices <file>', 'a list of known devices, where its text does not show it', collectPairs)
    .option('--protocols <file>', 'a list of allowed protocols, where its text does not show it', collectPairs)
    .option('--proposed', 'write entries of lists as proposals, which have to be approved')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst model convert model.safetensors --out model.json\n  anomalyst model convert model.json --out model.safetensors\n  anomalyst model convert known_devices.txt allowed_protocols.txt --to yaml --out baseline.yaml',
    )
    .action(async (inputs: string[], flags: ConvertFlags) => {
      const { runConvert } = await import('./model-convert.ts');
      done(runConvert(inputs, flags));
    });
  const diff = command
    .command('diff')
    .summary('what differs between two models, and between their scores')
    .description(
      'Compares two model files: kind, seed, parameters, features and how far they moved (population stability index), thresholds for the same false-positive budgets. With --on both score the same inputs: rank correlation, rows that change sides, and the rows whose scores differ most with their reasons.',
    )
    .argument('<a>', 'model file')
    .argument('<b>', 'model file')
    .option('--on <input>', 'captures, logs or a table to score with both; several by repeating it', collectPairs)
    .option('--budget <share>', "with --on: false alarms per ordinary record, as in 0.1% or '1 in 1000' (default: 1%)")
    .option('--top <n>', 'rows and features to show of each list', wholeFrom('--top', 0, 1000), 10)
    .option('--as <format>', 'with --on: what the inputs are (see anomalyst formats)')
    .option('--features <yaml>', 'with --on: definitions of features, where the model files do not hold them')
    .option('--home-net <networks>', 'with --on: your networks (default: those of each model)', collectHomeNetworks)
    .option('--config <yaml>', 'with --on: configuration file; flags win over it')
    .option('--json', 'print as JSON');
  addRunOptions(diff)
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst model diff monday.safetensors tuesday.safetensors\n  anomalyst model diff old.safetensors new.safetensors --on rows.csv --budget 0.1%',
    )
    .action(async (a: string, b: string, flags: DiffFlags) => {
      if (flags.on === undefined && flags.budget !== undefined)
        throw new UserError('--budget is of rows that both models score', 'give them with --on');
      const { runDiff } = await import('./model-diff.ts');
      done(await runDiff(a, b, flags));
    });
}
