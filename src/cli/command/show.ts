import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Command } from 'commander';
import { counted, EXIT, humanCount, isoTime, safeText, UserError } from '../../core/index.ts';
import { CaptureFile, captureFormatOf, makeOutputFolder, writeOutput } from '../../io/index.ts';
import { cutFlows, productVersion } from '../../pipeline/index.ts';
import { type IncidentsDocument, type ShownIncident, showIncident } from '../../report/index.ts';
import { reportFolder } from '../feedback-file.ts';
import { findIncident, incidentFilter, readReport } from '../incident-filter.ts';
import { catchInterrupt, INTERRUPTED } from '../interrupt.ts';
import { configOf, filterOf, flowOptionsOf, homeNetworks } from '../option.ts';
import { note, print, terminalWidth, wantsColor } from '../terminal.ts';

interface ShowFlags {
  readonly report: string;
  readonly out?: string;
  readonly pcap?: string;
  readonly json?: boolean;
  readonly config?: string;
  readonly quiet?: boolean;
}

/** Declares `show`; its action reports the exit code through `done`. */
export function addShowCommand(program: Command, done: (code: number) => void): void {
  program
    .command('show')
    .summary('one incident of a report in full: why, how severe, every piece of evidence, its packets')
    .description(
      'Prints an incident as the report has it: what happened and what to do, the sum that made its severity, techniques with their reasons, detections, and all its evidence. With --pcap it cuts the packets of its flows out of the captures that were analysed.',
    )
    .argument('<incident>', 'an incident by its id or rank in the report')
    .option('--report <folder>', 'folder of the report', './anomalyst-out')
    .option(
      '-o, --out <path>',
      'write it into a file (.txt, .json), or into a folder: incident.txt, incident.json and, where the captures are there, packets.pcapng',
    )
    .option('--pcap <file>', 'write the packets of its flows: .pcap or .pcapng; - is standard output, in pcapng')
    .option('--json', 'print it as JSON, as in incidents.json')
    .option('--config <yaml>', 'the configuration of the analysis, where it set timeouts of flows')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst show 1\n  anomalyst show inc-26550e03ff93 --pcap calls.pcapng\n  anomalyst show 1 --out ticket/\n  anomalyst show 1 --json | jq .severitySteps',
    )
    .action(async (incident: string, flags: ShowFlags) => {
      done(await runShow(incident, flags));
    });
}

async function runShow(wanted: string, flags: ShowFlags): Promise<number> {
  const folder = reportFolder(flags.report);
  const file = path.join(folder, 'incidents.json');
  const incident = findIncident(file, wanted);
  const report = readReport(file);
  const json = `${JSON.stringify(incident, null, 2)}\n`;
  const text = (color: boolean, width: number): string => showIncident(incident, report, { color, width });
  const { out } = flags;
  const packets: string[] = flags.pcap === undefined ? [] : [flags.pcap];
  if (out === undefined) {
    // A capture on standard output has it for itself.
    if (flags.quiet !== true && flags.pcap !== '-')
      await print(flags.json === true ? json : text(wantsColor(process.stdout), terminalWidth(process.stdout)));
  } else if (isFile(out)) {
    writeOutput(path.dirname(path.resolve(out)), path.basename(out), /\.json$/i.test(out) ? json : text(false, 100));
    if (flags.quiet !== true) note(`written: ${safeText(out, 1000)}`);
  } else {
    makeOutputFolder(out);
    writeOutput(out, 'incident.json', json);
    writeOutput(out, 'incident.txt', text(false, 100));
    const missing = capturesOf(report).find((name) => fs.statSync(name, { throwIfNoEntry: false })?.isFile() !== true);
    const hasPackets = report.run.packets > 0;
    if (flags.pcap === undefined && hasPackets && missing === undefined) packets.push(path.join(out, 'packets.pcapng'));
    else if (flags.pcap === undefined && hasPackets && flags.quiet !== true)
      note(`note: no packets were cut, because ${safeText(missing ?? '', 1000)} is not there`);
    if (flags.quiet !== true) note(`written: incident.txt and incident.json in ${safeText(out, 1000)}`);
  }
  let code: number = EXIT.done;
  for (const target of packets) code = Math.max(code, await cutPackets(incident, report, target, flags));
  return code;
}

/** A path with an ending that we write is a file; everything else is a folder. */
function isFile(out: string): boolean {
  const stat = fs.statSync(out, { throwIfNoEntry: false });
  return stat === undefined ? /\.(?:txt|json)$/i.test(out) : stat.isFile();
}

function capturesOf(report: IncidentsDocument): string[] {
  return report.run.inputs
    .filter(({ status, rows }) => status !== 'failed' && rows === undefined)
    .map(({ name }) => name);
}

async function cutPackets(
  incident: ShownIncident,
  report: IncidentsDocument,
  target: string,
  flags: ShowFlags,
): Promise<number> {
  const inputs = capturesOf(report);
  if (inputs.length === 0)
    throw new UserError('the report is of no capture, so there are no packets to cut', 'leave --pcap out');
  for (const name of inputs) {
    const stat = fs.statSync(name, { throwIfNoEntry: false });
    if (stat?.isFile() !== true)
      throw new UserError(
        `${name === '-' ? 'standard input' : name} is not there any more, so its packets can't be cut`,
        'run the command where the captures are, as anomalyst analyze was; or use anomalyst cut <captures> --incident',
      );
    const there = target === '-' ? undefined : fs.statSync(target, { throwIfNoEntry: false });
    if (there !== undefined && there.ino === stat.ino && there.dev === stat.dev)
      throw new UserError(
        `${target} is one of the captures, and would be overwritten`,
        'give the packets another name',
      );
  }
  const config = configOf(flags.config);
  const home = homeNetworks(report.run.homeNet.length === 0 ? undefined : report.run.homeNet, config);
  const format = captureFormatOf(target);
  const interrupt = catchInterrupt(flags.quiet === true ? undefined : 'stopping: no packets are written');
  try {
    const result = await cutFlows({
      inputs,
      filter: filterOf(incidentFilter(incident), home),
      flow: flowOptionsOf(config),
      open: (nanoseconds) =>
        new CaptureFile(
          target,
          { format, nanoseconds, application: `anomalyst ${productVersion()}` },
          target === '-'
            ? {
                // The bytes are the writer's and are overwritten when it goes on.
                write: (bytes) => void process.stdout.write(Buffer.from(bytes)),
                finish: () => undefined,
                discard: () => undefined,
              }
            : undefined,
        ),
      signal: interrupt.signal,
    });
    if (flags.quiet !== true && !result.stopped)
      note(
        `${counted(result.written, 'packet')} of ${counted(result.chosen, 'flow')} (out of ${humanCount(result.flows)}) written to ${safeText(target === '-' ? 'standard output' : target, 1000)}`,
      );
    const changed = result.inputs.find((now) => {
      const then = report.run.inputs.find(({ name }) => name === now.name);
      return (
        then !== undefined &&
        (now.packets < then.packets || (now.firstMs === undefined ? null : isoTime(now.firstMs)) !== then.first)
      );
    });
    if (changed !== undefined && !result.stopped)
      throw new UserError(
        `${safeText(changed.name, 1000)} is not what it was when the report was made, so these need not be the packets of the incident`,
        'put the capture back that was analysed, or analyze again',
      );
    return result.stopped ? INTERRUPTED : EXIT.done;
  } finally {
    interrupt.end();
  }
}
