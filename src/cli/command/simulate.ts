import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseBytes, parseDuration } from '../../io/index.ts';

export const FORMATS = ['pcapng', 'pcap', 'flows', 'records'] as const;
export type Format = (typeof FORMATS)[number];

export interface SimulateFlags {
  readonly scenario: string;
  readonly seed: number;
  readonly attack?: string[];
  readonly format?: Format;
  readonly out?: string;
  readonly labels?: string | false;
  readonly start?: string;
  readonly duration?: number;
  readonly count?: number;
  readonly snaplen?: number;
  readonly serve?: string;
  readonly rate: number;
  readonly list?: boolean;
  readonly show?: string;
  readonly keys?: boolean;
  readonly quiet?: boolean;
}

/** Declares `simulate`; its action reports the exit code through `done`. */
export function addSimulateCommand(program: Command, done: (code: number) => void): void {
  program
    .command('simulate')
    .summary('makes traffic of an office from a scenario and a seed, with attacks and the truth about every flow')
    .description(
      'Writes a capture, flows or plain records of a network that does not exist, and a label for every flow. The same scenario and seed make the same bytes. What is simulated says so: in the capture, in every label and in the name of the file.',
    )
    .option('-s, --scenario <name|yaml>', 'a scenario that comes with the program, or a file', 'office-day')
    .option('--seed <number>', 'seed of all chance', integerOf, 1)
    .option(
      '-a, --attack <kind[:settings]>',
      'add an attack, as in beacon:jitter=0.3,period=30s; several by repeating it',
      (text: string, before: string[] | undefined) => [...(before ?? []), text],
    )
    .addOption(
      new Option('-f, --format <format>', 'what to write (default: by the name of the file, else pcapng)').choices(
        FORMATS,
      ),
    )
    .option('-o, --out <file>', 'where to; - is standard output (default: simulated-<scenario>-<seed> and an ending)')
    .option('--labels <file>', 'labels as .csv or .ndjson (default: beside the output)')
    .option('--no-labels', 'write no labels')
    .option('--start <time>', "begin at this local time of the scenario's zone, as in 2026-03-02T09:00:00")
    .option('--duration <time>', 'simulate so long, as in 2h', (text: string) => parseDuration('--duration', text))
    .option('--count <number>', 'so many plain records', integerOf)
    .option('--snaplen <bytes>', 'keep so much of each frame (default: all)', (text: string) =>
      Math.min(Math.max(parseBytes('--snaplen', text), 60), 262_144),
    )
    .option('--serve <address:port>', 'stream records as JSON lines to clients of this machine instead of a file')
    .option('--rate <number>', 'records a second, with --serve', rateOf, 0.5)
    .option('--list', 'list the scenarios and the attacks')
    .option('--show <name>', 'print a scenario as YAML, to start from')
    .option('--keys', 'list all keys of a scenario with their defaults')
    .option('-q, --quiet', 'say nothing but errors')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst simulate --duration 2h --start 2026-03-02T09:00:00\n  anomalyst simulate --seed 7 --attack beacon:jitter=0.3 --attack scan:rate=0.5 --out day.pcapng\n  anomalyst simulate --scenario intrusion-day --out - --no-labels | anomalyst analyze -\n  anomalyst simulate --scenario record-mix --serve 127.0.0.1:9999 --rate 0.5\n  anomalyst simulate --show office-day > mine.yaml && anomalyst simulate --scenario mine.yaml',
    )
    .action(async (flags: SimulateFlags) => {
      // The simulator is loaded by who asks for it alone.
      const { runSimulate } = await import('./simulate-run.ts');
      done(await runSimulate(flags));
    });
}

function integerOf(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === '')
    throw new InvalidArgumentError('expected a whole number, not below 0');
  return value;
}

function rateOf(text: string): number {
  const value = Number(text);
  if (!(value > 0) || value > 100_000) throw new InvalidArgumentError('expected a number above 0, up to 100000');
  return value;
}
