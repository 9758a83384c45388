import * as fs from 'node:fs';
import type { Command } from 'commander';
import { counted, EXIT, safeText, takeRows, UserError } from '../../core/index.ts';
import {
  ConnectionSheetBuilder,
  expandInputs,
  looksLikeConnectionSheet,
  readConnectionSheet,
  writeConnectionSheet,
} from '../../io/index.ts';
import { streamFlows } from '../../pipeline/index.ts';
import { catchInterrupt } from '../interrupt.ts';
import { collectHomeNetworks, configOf, filterOf, flowOptionsOf, homeNetworks, tellInputs } from '../option.ts';
import { note } from '../terminal.ts';

interface SheetFlags {
  readonly out: string;
  readonly filter?: string;
  readonly keepPorts?: boolean;
  readonly homeNet?: string[];
  readonly config?: string;
  readonly quiet?: boolean;
}

/** Declares `sheet`: conversations as the table of connections that people keep, in either of its files. */
export function addSheetCommand(program: Command, done: (code: number) => void): void {
  program
    .command('sheet')
    .summary('connections as a sheet (CSV or XLSX): from captures and logs, or from one file of it to the other')
    .description(
      'Writes the sheet of connections (PROTOCOL ... CNT, groups of one pair of hosts parted by blank rows, EPH for ephemeral ports): of the conversations of captures and logs, or of a sheet that is there already, without loss.',
    )
    .argument('<input...>', 'captures, logs of flows, or one sheet (.csv, .xlsx)')
    .requiredOption('-o, --out <file>', 'where to: the name ends in .csv or .xlsx')
    .option('-f, --filter <filter>', 'only flows that fit, as for flows')
    .option('--keep-ports', 'write ephemeral ports as numbers instead of EPH')
    .option('--home-net <networks>', 'what home means in the filter, comma-separated', collectHomeNetworks)
    .option('--config <yaml>', 'configuration file: home networks and timeouts of flows')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst sheet office.pcap --out office.xlsx\n  anomalyst sheet connections.csv --out connections.xlsx',
    )
    .action(async (inputs: string[], flags: SheetFlags) => {
      done(await runSheet(inputs, flags));
    });
}

async function runSheet(inputs: readonly string[], flags: SheetFlags): Promise<number> {
  if (!/\.(csv|xlsx)$/i.test(flags.out))
    throw new UserError(
      `--out ${safeText(flags.out, 200)}: neither .csv nor .xlsx`,
      'for example --out connections.xlsx',
    );
  const tell = (text: string): void => {
    if (flags.quiet !== true) note(text);
  };
  const [only, ...others] = inputs;
  if (only !== undefined && others.length === 0 && isSheet(only)) {
    const sheet = await readConnectionSheet(only);
    await writeConnectionSheet(sheet, flags.out);
    for (const { line, column, reason } of sheet.problems.slice(0, 10))
      tell(`note: line ${line}, ${column}: ${reason}`);
    tell(`${counted(sheet.rows.length, 'row')} in ${safeText(flags.out, 200)}`);
    return EXIT.done;
  }
  const config = configOf(flags.config);
  const filter = filterOf(flags.filter, homeNetworks(flags.homeNet, config));
  const builder = new ConnectionSheetBuilder({ ports: flags.keepPorts === true ? 'keep' : 'collapse' });
  const interrupt = catchInterrupt(
    flags.quiet === true ? undefined : 'stopping: the flows that live now are written as they are',
  );
  try {
    const result = await streamFlows({
      inputs: expandInputs(inputs, { rows: true }),
      filter,
      flow: flowOptionsOf(config),
      onFlows: (table, rows) => builder.add(rows.length === table.rowCount ? table : takeRows(table, rows)),
      signal: interrupt.signal,
    });
    tellInputs(result.inputs, flags.quiet === true);
    await writeConnectionSheet(builder.finish(), flags.out);
    if (builder.refused > 0) tell(`note: the sheet is full; ${counted(builder.refused, 'flow')} did not come into it`);
    tell(`${counted(result.shown, 'flow')} in ${safeText(flags.out, 200)}`);
    return EXIT.done;
  } finally {
    interrupt.end();
  }
}

/** Whether a file is a sheet of connections already. */
function isSheet(name: string): boolean {
  if (/\.xlsx$/i.test(name)) return true;
  let fd: number | undefined;
  try {
    fd = fs.openSync(name, 'r');
    const head = new Uint8Array(65_536);
    const n = fs.readSync(fd, head, 0, head.length, 0);
    return looksLikeConnectionSheet(head.subarray(0, n));
  } catch {
    // Reading it as what it is tells why that can't be done.
    return false;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}
