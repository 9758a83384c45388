import * as fs from 'node:fs';
import type { Command } from 'commander';
import { counted, EXIT, humanCount, safeText, UserError } from '../../core/index.ts';
import { CaptureFile, type CaptureOutput, captureFormatOf, expandInputs } from '../../io/index.ts';
import { cutFlows, productVersion } from '../../pipeline/index.ts';
import { findIncident, incidentFilter } from '../incident-filter.ts';
import { catchInterrupt, INTERRUPTED } from '../interrupt.ts';
import { collectHomeNetworks, configOf, filterOf, flowOptionsOf, homeNetworks, tellInputs } from '../option.ts';
import { ProgressLine } from '../progress.ts';
import { note } from '../terminal.ts';

interface CutFlags {
  readonly out: string;
  readonly filter?: string;
  readonly flow?: number[];
  readonly communityId?: string[];
  readonly incident?: string;
  readonly report: string;
  readonly homeNet?: string[];
  readonly config?: string;
  readonly quiet?: boolean;
  readonly progress?: boolean;
}

/** Declares `cut`; its action reports the exit code through `done`. */
export function addCutCommand(program: Command, done: (code: number) => void): void {
  program
    .command('cut')
    .summary('write the packets of chosen flows into a capture of their own')
    .description(
      'Reads captures twice, first for their flows and then for the packets of those that were chosen by a filter, by number (column id), by Community ID or by incident, and writes them, unchanged and in their order, as pcap or pcapng.',
    )
    .argument('<input...>', 'capture files or folders of them')
    .requiredOption('-o, --out <file>', 'the capture to write: .pcap or .pcapng; - is standard output, in pcapng')
    .option('-f, --filter <filter>', "flows that fit, as in 'host 10.0.0.7 and dns' (see anomalyst flows --help)")
    .option(
      '--flow <numbers>',
      'flows by number, comma-separated, as in flows.csv of the same inputs and settings',
      flowNumbers,
    )
    .option('--community-id <id>', 'flows by Community ID, several by repeating it', communityIds)
    .option('--incident <id>', 'flows of an incident, by its id or rank in the report')
    .option('--report <file>', 'where the incident stands', './anomalyst-out/incidents.json')
    .option(
      '--home-net <networks>',
      'what home means in the filter, comma-separated (default: private addresses)',
      collectHomeNetworks,
    )
    .option('--config <yaml>', 'configuration file: home networks and timeouts of flows')
    .option('-q, --quiet', 'print nothing but errors')
    .option('--progress', 'show progress also when standard error is no terminal')
    .option('--no-progress', 'show no progress')
    .addHelpText(
      'after',
      "\nExamples:\n  anomalyst cut office.pcap --filter 'host 192.168.1.66 and dst.port 445' -o sweep.pcapng\n  anomalyst cut captures/ --community-id 1:LQU9qZlK+B5F3KDmev6m5PMibrg= -o one.pcap\n  anomalyst cut office.pcap --incident 1 -o first.pcapng\n  anomalyst cut office.pcap --flow 12,13 -o - | tshark -r - -V",
    )
    .action(async (inputs: string[], flags: CutFlags) => {
      done(await runCut(inputs, flags));
    });
}

async function runCut(inputs: readonly string[], flags: CutFlags): Promise<number> {
  const { out } = flags;
  const config = configOf(flags.config);
  const chosen = [
    ...(flags.filter === undefined ? [] : [flags.filter]),
    ...(flags.incident === undefined ? [] : [incidentFilter(findIncident(flags.report, flags.incident))]),
  ];
  if (chosen.length === 0 && flags.flow === undefined && flags.communityId === undefined)
    throw new UserError('nothing says which flows to cut', 'give --filter, --flow, --community-id or --incident');
  const home = homeNetworks(flags.homeNet, config);
  // Each by itself first, so that a mistake is shown where it was typed.
  const filters = chosen.map((text) => filterOf(text, home));
  const filter = filters.length < 2 ? filters[0] : filterOf(chosen.map((text) => `(${text})`).join(' or '), home);
  const format = captureFormatOf(out);
  const files = expandInputs(inputs);
  refuseStreams(files);
  refuseOverwriting(files, out);
  const interrupt = catchInterrupt(flags.quiet === true ? undefined : 'stopping: nothing is written');
  const progress =
    flags.quiet !== true && (flags.progress ?? process.stderr.isTTY) ? new ProgressLine(process.stderr) : undefined;
  try {
    const result = await cutFlows({
      inputs: files,
      filter,
      ids: flags.flow ?? [],
      communityIds: flags.communityId ?? [],
      flow: flowOptionsOf(config),
      open: (nanoseconds) =>
        new CaptureFile(
          out,
          { format, nanoseconds, application: `anomalyst ${productVersion()}` },
          out === '-' ? standardOutput() : undefined,
        ),
      onProgress: progress === undefined ? undefined : (state) => progress.update(state),
      signal: interrupt.signal,
    });
    progress?.end();
    tellInputs(result.inputs, flags.quiet === true);
    for (const name of result.unknown)
      note(
        `${name.startsWith('1:') ? 'warning: no flow has the Community ID' : 'warning: there is no flow'} ${safeText(name)}`,
      );
    if (flags.incident !== undefined && result.chosen === 0 && !result.stopped)
      note(
        `warning: no flow of incident ${safeText(flags.incident)} of ${safeText(flags.report, 1000)} is in these inputs; was it another capture that was analysed?`,
      );
    if (flags.quiet !== true) {
      if (result.clampedTimes > 0)
        note(
          `note: ${counted(result.clampedTimes, 'packet')} had a time that ${format} can't hold, and carry the nearest that it can`,
        );
      if (!result.stopped)
        note(
          `${counted(result.written, 'packet')} of ${counted(result.chosen, 'flow')} (out of ${humanCount(result.flows)}) written to ${safeText(out === '-' ? 'standard output' : out, 1000)}`,
        );
    }
    return result.stopped ? INTERRUPTED : EXIT.done;
  } finally {
    progress?.end();
    interrupt.end();
  }
}

function refuseStreams(files: readonly string[]): void {
  for (const file of files) {
    const isStream = file === '-' || fs.statSync(file, { throwIfNoEntry: false })?.isFile() === false;
    if (isStream)
      throw new UserError(
        `${file === '-' ? 'standard input' : file} can be read once only, and cut reads its input twice`,
        'write it into a file first',
      );
  }
}

function refuseOverwriting(files: readonly string[], out: string): void {
  const target = out === '-' ? undefined : fs.statSync(out, { throwIfNoEntry: false });
  if (target === undefined) return;
  for (const file of files) {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat !== undefined && stat.ino === target.ino && stat.dev === target.dev)
      throw new UserError(`${out} is one of the inputs, and would be overwritten`, 'give the cut another name');
  }
}

function standardOutput(): CaptureOutput {
  return {
    // The bytes are the writer's and are overwritten when it goes on; a slow pipe may hold them longer.
    write: (bytes) => {
      process.stdout.write(Buffer.from(bytes));
    },
    finish: () => undefined,
    discard: () => undefined,
  };
}

function flowNumbers(text: string, before: number[] | undefined): number[] {
  const numbers = text.split(',').map((part) => part.trim());
  for (const number of numbers) {
    if (!/^\d{1,10}$/.test(number) || Number(number) === 0)
      throw new UserError(`--flow ${text}: expected numbers of flows`, 'for example --flow 12,13');
  }
  return [...(before ?? []), ...numbers.map(Number)];
}

function communityIds(text: string, before: string[] | undefined): string[] {
  const ids = text.split(',').map((part) => part.trim());
  for (const id of ids) {
    if (!/^1:[A-Za-z0-9+/]{27}=$/.test(id))
      throw new UserError(
        `--community-id ${text}: expected Community IDs of version 1`,
        'for example --community-id 1:LQU9qZlK+B5F3KDmev6m5PMibrg=',
      );
  }
  return [...(before ?? []), ...ids];
}
