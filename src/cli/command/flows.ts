import { type Command, Option } from 'commander';
import { counted, EXIT, humanCount, safeText } from '../../core/index.ts';
import type { FlowFilter } from '../../flow/index.ts';
import { expandInputs, type PluginHost, parseDuration } from '../../io/index.ts';
import { type Config, streamFlows } from '../../pipeline/index.ts';
import {
  defaultFlowFields,
  FLOW_ROW_FORMATS,
  type FlowRowFormat,
  FlowRowWriter,
  parseFlowFields,
} from '../../report/index.ts';
import { catchInterrupt, INTERRUPTED } from '../interrupt.ts';
import { collectHomeNetworks, configOf, filterOf, flowOptionsOf, homeNetworks, tellInputs } from '../option.ts';
import { openOutput } from '../output.ts';
import { startPlugins, tellPluginFailures } from '../plugin-host.ts';
import { ProgressLine } from '../progress.ts';
import { note } from '../terminal.ts';

interface FlowsFlags {
  readonly as?: string;
  readonly filter?: string;
  readonly format?: FlowRowFormat;
  readonly fields?: string;
  readonly out?: string;
  readonly homeNet?: string[];
  readonly config?: string;
  readonly follow?: boolean;
  readonly followFor?: number;
  readonly quiet?: boolean;
  readonly progress?: boolean;
}

/** Rows per batch while a capture is followed: few, so that a flow is seen soon after its end. */
const FOLLOWED_ROWS = 16;

/** Declares `flows`; its action reports the exit code through `done`. */
export function addFlowsCommand(program: Command, done: (code: number) => void): void {
  program
    .command('flows')
    .summary('captures in, flows out: CSV, NDJSON or a table, with a filter')
    .description(
      'Joins the packets of captures into flows and prints each when it ends, without models and detectors; the flows of logs (Zeek, Suricata ...) in the same columns. Columns are those of flows.csv (anomalyst fields lists them); a filter chooses among them.',
    )
    .argument('<input...>', 'captures or logs of flows, or folders of them; - is standard input')
    .option(
      '--as <format>',
      'what the inputs are, where that should not be told from their content (see anomalyst formats)',
    )
    .option('-f, --filter <filter>', "only flows that fit, as in 'tcp and dst.port in (22, 3389) and not src in home'")
    .addOption(
      new Option('--format <format>', 'how to print them (default: table on a terminal, csv elsewhere)').choices(
        FLOW_ROW_FORMATS,
      ),
    )
    .option('--fields <names>', 'fields to print, comma-separated, as in start,src,dst,dst.port,bytes (default: all)')
    .option('-o, --out <file>', 'write to this file instead of standard output')
    .option(
      '--home-net <networks>',
      'what home means in the filter, comma-separated (default: private addresses)',
      collectHomeNetworks,
    )
    .option('--config <yaml>', 'configuration file: home networks, timeouts of flows, decoders of plugins')
    .option('--follow', 'keep reading the last input as it grows, and the next files of its ring, until Ctrl-C')
    .option('--follow-for <time>', 'the same, until nothing came for so long, as in 10s', (text: string) =>
      parseDuration('--follow-for', text),
    )
    .option('-q, --quiet', 'print nothing but flows and errors')
    .option('--progress', 'show progress also when standard error is no terminal')
    .option('--no-progress', 'show no progress')
    .addHelpText(
      'after',
      "\nExamples:\n  anomalyst flows office.pcap\n  anomalyst flows office.pcap --filter 'dns and rcode == NXDOMAIN' --fields start,src,query\n  anomalyst flows captures/ --filter 'outbound and bytes > 100MB' --format ndjson | jq .responder\n  anomalyst flows ring/ --follow --filter 'refused' --fields start,src,dst,dst.port\n\nFilter: and or not ( ), == != < <= > >=, in (1..1024, 10.0.0.0/8, home), contains startswith endswith matches \"*.example.*\", is missing;\nwords such as tcp udp dns tls inbound outbound answered refused; units as in 10MB and 1h30m; times as in 2024-05-14T07:30 (UTC).",
    )
    .action(async (inputs: string[], flags: FlowsFlags) => {
      done(await runFlows(inputs, flags));
    });
}

async function runFlows(inputs: readonly string[], flags: FlowsFlags): Promise<number> {
  const config = configOf(flags.config);
  const filter = filterOf(flags.filter, homeNetworks(flags.homeNet, config));
  const format = flags.format ?? (flags.out === undefined && process.stdout.isTTY ? 'table' : 'csv');
  const fields = flags.fields === undefined ? defaultFlowFields(format) : parseFlowFields(flags.fields);
  const writer = new FlowRowWriter(format, fields);
  const files = expandInputs(inputs, { rows: true });
  const plugins = await startPlugins(config, flags.config);
  try {
    return await printFlows(files, flags, config, filter, writer, plugins);
  } finally {
    await plugins?.close();
  }
}

async function printFlows(
  files: readonly string[],
  flags: FlowsFlags,
  config: Config,
  filter: FlowFilter | undefined,
  writer: FlowRowWriter,
  plugins: PluginHost | undefined,
): Promise<number> {
  const follow = flags.follow === true || flags.followFor !== undefined;
  const output = flags.out === undefined ? undefined : openOutput(flags.out, files);
  const write = (text: string): void => {
    if (text === '') return;
    if (output === undefined) process.stdout.write(text);
    else output.write(text);
  };
  const interrupt = catchInterrupt(
    flags.quiet === true ? undefined : 'stopping: the flows that live now are written as they are',
  );
  // A line that is redrawn would stand between the rows.
  const wantsProgress = flags.progress ?? (process.stderr.isTTY && (output !== undefined || !process.stdout.isTTY));
  const progress = flags.quiet !== true && wantsProgress ? new ProgressLine(process.stderr) : undefined;
  // The header comes with the first row or the end: an input that can't be read leaves nothing behind.
  let isHeaded = false;
  const head = (): void => {
    if (!isHeaded) write(writer.header());
    isHeaded = true;
  };
  try {
    const result = await streamFlows({
      inputs: files,
      as: flags.as,
      filter,
      flow: { ...(follow ? { batchRows: FOLLOWED_ROWS } : {}), ...flowOptionsOf(config) },
      onFlows: (table, rows) => {
        const lines = writer.lines(table, rows);
        if (lines !== '') head();
        write(lines);
      },
      onWait: (message) => note(safeText(message, 1000)),
      // Who follows sees that it runs before a flow has ended.
      ...(follow ? { onBatch: head } : {}),
      onProgress: progress === undefined ? undefined : (state) => progress.update(state),
      plugins,
      follow: follow ? { silenceMs: flags.followFor } : undefined,
      signal: interrupt.signal,
    });
    progress?.end();
    head();
    output?.finish();
    tellInputs(result.inputs, flags.quiet === true);
    if (plugins !== undefined) tellPluginFailures(plugins);
    if (flags.quiet !== true) {
      if (result.evicted > 0)
        note(
          `note: ${counted(result.evicted, 'flow')} of ${humanCount(result.flows)} ${result.evicted === 1 ? 'was' : 'were'} written early, because more were live than the table holds (flow.maxFlows in the configuration)`,
        );
      for (const { what, cap, refused } of result.saturations)
        note(
          `note: ${counted(refused, 'flow')} ${refused === 1 ? 'was' : 'were'} not shown to decoders of plugins: there is room for ${humanCount(cap)} ${what}`,
        );
      if (result.shown === 0) note(`note: ${explainNothing(result.packets, result.flows, filter !== undefined)}`);
    }
    return interrupt.signal.aborted && !follow ? INTERRUPTED : EXIT.done;
  } finally {
    progress?.end();
    output?.discard();
    interrupt.end();
  }
}

function explainNothing(packets: number, flows: number, filtered: boolean): string {
  if (packets === 0) return 'no packet of the input belongs to a flow';
  return filtered ? `none of ${counted(flows, 'flow')} fits the filter` : 'there is no flow';
}
