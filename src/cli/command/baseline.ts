import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Command, Option } from 'commander';
import { counted, EXIT, humanCount, safeText, UserError } from '../../core/index.ts';
import {
  BASELINE_LAYERS,
  type BaselineChange,
  type BaselineDevice,
  type BaselineDocument,
  BaselineFile,
  diffBaselines,
  listOf,
  protocolKey,
  protocolOf,
} from '../../detect/index.ts';
import { shippedVendors, VendorTable } from '../../flow/index.ts';
import { expandInputs, writeConnectionSheet, writeOutput } from '../../io/index.ts';
import { AnomalySheet, proposeBaseline, streamFlows } from '../../pipeline/index.ts';
import { textCell } from '../../report/index.ts';
import { collectHomeNetworks, configOf, flowOptionsOf, tellInputs } from '../option.ts';
import { refuseOverwriting } from '../output.ts';
import { note, print } from '../terminal.ts';
import { readTextFile } from '../text-file.ts';
import { inventoryOf, vendorsOf } from './devices.ts';

/** Declares `baseline`: what a network is supposed to hold, learned, approved by a person, compared. */
export function addBaselineCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('baseline')
    .summary('known devices and allowed protocols: learn, show, approve, compare, export')
    .description(
      'Keeps a baseline: known devices with their services, partners and hours, and allowed protocols, in YAML that a person edits. What is learned is a proposal until somebody approves it, and silences nothing until then. analyze --baseline uses it (docs/baseline.md).',
    );
  addLearn(command, done);
  addShow(command, done);
  addApprove(command, done);
  addDiff(command, done);
  addExport(command, done);
  addOui(command, done);
}

interface LearnFlags {
  readonly out: string;
  readonly as?: string;
  readonly homeNet?: string[];
  readonly timeZone?: string;
  readonly vendors?: string;
  readonly config?: string;
  readonly quiet?: boolean;
  readonly progress?: boolean;
}

function addLearn(command: Command, done: (code: number) => void): void {
  command
    .command('learn')
    .summary('propose a baseline from captures or logs')
    .description(
      'Proposes devices and protocols from what is seen. A file that is there keeps what stands in it, comments included: only what it does not know is added, as proposals.',
    )
    .argument('<input...>', 'captures or logs of flows, sheets of connections, or folders of them')
    .option('-o, --out <yaml>', 'the baseline to write, or to add to', 'baseline.yaml')
    .option('--as <format>', 'what the inputs are, where that should not be told from their content')
    .option(
      '--home-net <networks>',
      'your networks in CIDR notation, comma-separated (default: private addresses)',
      collectHomeNetworks,
    )
    .option('--time-zone <zone>', 'zone of usual hours, as in Europe/Berlin (default: that of the file, or UTC)')
    .option('--vendors <file>', 'table of vendors that oui update made')
    .option('--config <yaml>', 'configuration file: home networks, timeouts of flows')
    .option('-q, --quiet', 'print nothing but errors')
    .option('--progress', 'show progress also when standard error is no terminal')
    .option('--no-progress', 'show no progress')
    .addHelpText(
      'after',
      '\nExample:\n  anomalyst baseline learn week/ --out office.yaml && anomalyst baseline show office.yaml --proposed',
    )
    .action(async (inputs: string[], flags: LearnFlags) => {
      done(await learn(inputs, flags));
    });
}

async function learn(inputs: readonly string[], flags: LearnFlags): Promise<number> {
  const { out } = flags;
  const quiet = flags.quiet === true;
  const known = fs.existsSync(out) ? BaselineFile.parse(readTextFile(out), out) : undefined;
  const config = configOf(flags.config);
  const zone = known?.content.timeZone ?? 'UTC';
  // Hours of another zone beside those of the file would be judged as if they were of its zone.
  if (known !== undefined && flags.timeZone !== undefined && flags.timeZone !== zone)
    throw new UserError(
      `--time-zone ${safeText(flags.timeZone, 60)}: the hours in ${safeText(out, 200)} are of ${safeText(zone, 60)}`,
      'leave it out, or change timeZone in the file',
    );
  const timeZone = known === undefined ? (flags.timeZone ?? config.timeZone) : zone;
  const { inventory } = await inventoryOf(
    inputs,
    { ...flags, ...(timeZone === undefined ? {} : { timeZone }) },
    config,
  );
  tellInputs(inventory.read.inputs, quiet);
  const proposed = proposeBaseline(inventory, timeZone);
  const file = known ?? BaselineFile.of(proposed, out);
  const change = known === undefined ? { added: countEntries(proposed), widened: 0 } : known.propose(proposed);
  write(out, file.text);
  if (quiet) return EXIT.done;
  for (const { what, cap, refused } of inventory.saturations)
    note(
      `note: the table of ${what} was full at ${humanCount(cap)}; ${counted(refused, 'entry', 'entries')} more could not be followed`,
    );
  if (inventory.devices.length === 0)
    note('note: no device of the home network was seen (--home-net says which that is)');
  if (change.added === 0 && change.widened === 0) {
    note(`nothing new: ${safeText(out, 200)} has all of it already`);
    return EXIT.done;
  }
  note(
    `${counted(change.added, 'proposal')} added${change.widened > 0 ? `, ${counted(change.widened, 'proposal')} widened` : ''} in ${safeText(out, 200)}; a proposal counts once it is approved (anomalyst baseline approve)`,
  );
  return EXIT.done;
}

function countEntries({ devices = [], protocols = {} }: BaselineDocument): number {
  return devices.length + BASELINE_LAYERS.reduce((n, layer) => n + (protocols[layer]?.length ?? 0), 0);
}

function addShow(command: Command, done: (code: number) => void): void {
  command
    .command('show')
    .summary('what a baseline holds')
    .argument('<yaml>', 'a baseline')
    .option('--proposed', 'only what waits for approval')
    .option('--at <day>', 'say which entries have expired by this day, as in 2026-12-31')
    .option('--json', 'print as JSON')
    .action(
      async (name: string, flags: { readonly proposed?: boolean; readonly at?: string; readonly json?: boolean }) => {
        const { content, baseline } = BaselineFile.parse(readTextFile(name), name);
        const atMs = flags.at === undefined ? Number.NEGATIVE_INFINITY : Date.parse(flags.at);
        if (Number.isNaN(atMs))
          throw new UserError(`--at ${safeText(flags.at ?? '', 40)}: no day`, 'for example --at 2026-12-31');
        const wanted = (status: string | undefined): boolean => flags.proposed !== true || status === 'proposed';
        const devices = (content.devices ?? []).filter(({ status }) => wanted(status));
        const protocols = Object.fromEntries(
          BASELINE_LAYERS.map((layer) => [
            layer,
            (content.protocols?.[layer] ?? []).map(protocolOf).filter(({ status }) => wanted(status)),
          ]),
        );
        if (flags.json === true) {
          await print(`${JSON.stringify({ ...content, devices, protocols }, null, 2)}\n`);
          done(EXIT.done);
          return;
        }
        const lines = (content.devices ?? []).flatMap((device, i) => {
          if (!wanted(device.status)) return [];
          const { expiresMs } = baseline.entries[i] ?? {};
          return [`  ${deviceLine(device)}${expiresMs !== undefined && expiresMs <= atMs ? '  EXPIRED' : ''}`];
        });
        const layers = BASELINE_LAYERS.flatMap((layer) => {
          const list = (protocols[layer] ?? []).map(({ name: protocol, status, reason, expires }) => {
            const said = [
              ...(status === 'proposed' ? [`proposed${reason === undefined ? '' : `: ${reason}`}`] : []),
              ...(expires === undefined ? [] : [`until ${expires}`]),
            ];
            const ended = baseline.protocol(layer, protocolKey(protocol), atMs) === 'expired';
            return safeText(
              `${protocol}${said.length === 0 ? '' : ` (${said.join(', ')})`}${ended ? ' EXPIRED' : ''}`,
              160,
            );
          });
          return list.length === 0 ? [] : [`  ${layer}: ${list.join(', ')}`];
        });
        const approved = (content.devices ?? []).filter(({ status }) => status !== 'proposed').length;
        await print(
          [
            `${safeText(name, 200)}: ${counted(approved, 'approved device')}, ${humanCount((content.devices ?? []).length - approved)} proposed`,
            ...(lines.length > 0 ? ['Devices', ...lines] : []),
            ...(layers.length > 0 ? ['Protocols', ...layers] : []),
            '',
          ].join('\n'),
        );
        done(EXIT.done);
      },
    );
}

function deviceLine(device: BaselineDevice): string {
  const identity = [
    ...listOf(device.mac),
    ...listOf(device.vendorPrefix).map((prefix) => `${prefix}...`),
    ...listOf(device.ip),
  ];
  const parts = [
    ...(device.name === undefined ? [] : [device.name]),
    identity.slice(0, 4).join(' '),
    ...(device.role === undefined ? [] : [device.role]),
    ...(device.owner === undefined ? [] : [`owner ${device.owner}`]),
    ...(device.importance === undefined ? [] : [`importance ${device.importance}`]),
    ...(device.expires === undefined ? [] : [`until ${device.expires}`]),
    ...(device.services === undefined ? [] : [`offers ${device.services.join(', ') || 'nothing'}`]),
    ...(device.uses === undefined ? [] : [`uses ${device.uses.join(', ') || 'nothing'}`]),
    ...(device.peers === undefined ? [] : [`contacts ${device.peers.join(', ') || 'nobody'}`]),
    ...(device.hours === undefined ? [] : [listOf(device.hours).join(', ')]),
    ...(device.status === 'proposed' ? ['proposed'] : []),
  ];
  return safeText(parts.join(' | '), 400);
}

function addApprove(command: Command, done: (code: number) => void): void {
  command
    .command('approve')
    .summary('turn proposals into what is known and allowed, or take them away')
    .argument('<yaml>', 'a baseline')
    .argument('[proposal...]', 'name, hardware address or address of a device; name of a protocol')
    .option('--all', 'all proposals')
    .option('--reject', 'take them away instead')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst baseline approve office.yaml printer 3c:2a:f4:11:22:33 LLDP\n  anomalyst baseline approve office.yaml --all',
    )
    .action(
      async (
        name: string,
        proposals: string[],
        flags: { readonly all?: boolean; readonly reject?: boolean; readonly quiet?: boolean },
      ) => {
        const file = BaselineFile.parse(readTextFile(name), name);
        if (flags.all === true && proposals.length > 0)
          throw new UserError('--all and names of proposals at once', 'give one or the other');
        if (flags.all !== true && proposals.length === 0)
          throw new UserError(
            'no proposal is named',
            'name some, or give --all; anomalyst baseline show --proposed lists them',
          );
        const chosen = flags.all === true ? 'all' : proposals;
        const words =
          flags.reject === true
            ? `${counted(file.reject(chosen), 'proposal')} taken away`
            : approved(file.approve(chosen));
        write(name, file.text);
        if (flags.quiet !== true) note(`${words} in ${safeText(name, 200)}`);
        done(EXIT.done);
      },
    );
}

function approved(what: readonly string[]): string {
  const shown = what.slice(0, 10).map((text) => safeText(text, 100));
  return `${counted(what.length, 'proposal')} approved${shown.length > 0 ? ` (${shown.join(', ')}${what.length > shown.length ? ' ...' : ''})` : ''}`;
}

function addDiff(command: Command, done: (code: number) => void): void {
  command
    .command('diff')
    .summary('what differs between two baselines, in meaning')
    .description('Compares what two files mean: order, comments and spelling of equal things do not count.')
    .argument('<before>', 'a baseline')
    .argument('<after>', 'another one')
    .option('--json', 'print as JSON')
    .option('--exit-code', 'exit with 3 when they differ')
    .action(async (before: string, after: string, flags: { readonly json?: boolean; readonly exitCode?: boolean }) => {
      const changes = diffBaselines(
        BaselineFile.parse(readTextFile(before), before).content,
        BaselineFile.parse(readTextFile(after), after).content,
      );
      if (flags.json === true) await print(`${JSON.stringify({ changes }, null, 2)}\n`);
      else await print(changes.length === 0 ? 'No difference in meaning.\n' : changes.map(changeText).join(''));
      done(flags.exitCode === true && changes.length > 0 ? EXIT.findings : EXIT.done);
    });
}

const SIGNS: Readonly<Record<BaselineChange['change'], string>> = { added: '+', removed: '-', changed: '~' };

function changeText({ change, what, details }: BaselineChange): string {
  return `${SIGNS[change]} ${what}${change === 'changed' || details.length === 0 ? '' : ` (${details.join('; ')})`}\n${
    change === 'changed' ? details.map((text) => `    ${text}\n`).join('') : ''
  }`;
}

interface ExportFlags {
  readonly format?: string;
  readonly out?: string;
  readonly anomaliesOf?: string[];
  readonly notes?: boolean;
  readonly homeNet?: string[];
  readonly vendors?: string;
  readonly config?: string;
  readonly quiet?: boolean;
}

const EXPORT_FORMATS = ['json', 'csv', 'ouis', 'protocols'] as const;

function addExport(command: Command, done: (code: number) => void): void {
  command
    .command('export')
    .summary('a baseline for other programs, or the connections that break it')
    .argument('<yaml>', 'a baseline')
    .addOption(
      new Option(
        '--format <format>',
        'json: the content; csv: one device a line; ouis, protocols: the plain lists of older tools, one entry a line',
      ).choices(EXPORT_FORMATS),
    )
    .option(
      '--anomalies-of <input...>',
      'write the connections of these captures or logs that break it, as a sheet (PROTOCOL ... CNT)',
    )
    .option('--notes', 'with --anomalies-of: a column NOTES with the conditions that fired')
    .option('-o, --out <file>', 'write to this file; a sheet needs one that ends in .csv or .xlsx')
    .option(
      '--home-net <networks>',
      'your networks in CIDR notation, comma-separated (default: private addresses)',
      collectHomeNetworks,
    )
    .option('--vendors <file>', 'table of vendors that oui update made')
    .option('--config <yaml>', 'configuration file: home networks, timeouts of flows')
    .option('-q, --quiet', 'print nothing but what was asked for and errors')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst baseline export office.yaml --format csv\n  anomalyst baseline export office.yaml --anomalies-of monday.pcap --out anomalies.csv',
    )
    .action(async (name: string, flags: ExportFlags) => {
      if (flags.out !== undefined) refuseOverwriting(flags.out, [name, ...(flags.anomaliesOf ?? [])]);
      const file = BaselineFile.parse(readTextFile(name), name);
      if (flags.anomaliesOf !== undefined) {
        done(await exportAnomalies(file, flags.anomaliesOf, flags));
        return;
      }
      const text = exportText(file.content, flags.format ?? 'json');
      if (flags.out === undefined) await print(text);
      else write(flags.out, text);
      done(EXIT.done);
    });
}

function exportText(content: BaselineDocument, format: string): string {
  const devices = content.devices ?? [];
  if (format === 'json') return `${JSON.stringify(content, null, 2)}\n`;
  if (format === 'ouis') {
    const vendors = new Map<string, string>();
    for (const device of devices.filter(({ status }) => status !== 'proposed'))
      for (const text of [...listOf(device.mac), ...listOf(device.vendorPrefix)]) {
        const oui = text.replace(/[:.-]/g, '').slice(0, 6).toUpperCase();
        if (!vendors.has(oui)) vendors.set(oui, device.name ?? '');
      }
    return [...vendors]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([oui, device]) => `${oui}${device === '' ? '' : `\t${safeText(device, 100)}`}\n`)
      .join('');
  }
  if (format === 'protocols')
    return BASELINE_LAYERS.flatMap((layer) => (content.protocols?.[layer] ?? []).map(protocolOf))
      .filter(({ status }) => status !== 'proposed')
      .map(({ name }) => `${name === 'ICMPv6' ? 'IPV6-ICMP' : safeText(name, 100).toUpperCase()}\n`)
      .join('');
  const columns = [
    'name',
    'mac',
    'vendorPrefix',
    'ip',
    'owner',
    'role',
    'importance',
    'expires',
    'services',
    'uses',
    'peers',
    'hours',
    'status',
    'note',
  ] as const;
  const rows = devices.map((device) =>
    columns
      .map((column) => {
        const value = column === 'status' ? (device.status ?? 'approved') : device[column];
        return value === undefined ? '' : textCell(typeof value === 'number' ? String(value) : listOf(value).join(' '));
      })
      .join(','),
  );
  return `${[columns.join(','), ...rows].join('\n')}\n`;
}

async function exportAnomalies(file: BaselineFile, inputs: readonly string[], flags: ExportFlags): Promise<number> {
  const out = flags.out ?? '';
  if (!/\.(?:csv|xlsx)$/i.test(out))
    throw new UserError(
      `--out ${safeText(out, 200)}: a sheet ends in .csv or .xlsx`,
      'for example --out anomalies.csv',
    );
  const config = configOf(flags.config);
  const sheet = new AnomalySheet(file.baseline, {
    homeNet: flags.homeNet ?? config.homeNet,
    vendors: await vendorsOf(flags.vendors, config),
    notes: flags.notes === true,
  });
  const result = await streamFlows({
    inputs: expandInputs(inputs, { rows: true }),
    flow: flowOptionsOf(config),
    onFlows: (table) => sheet.add(table),
  });
  tellInputs(result.inputs, flags.quiet === true);
  const tell = (text: string): void => {
    if (flags.quiet !== true) note(text);
  };
  for (const [condition, flows] of [...sheet.conditions].sort((a, b) => b[1] - a[1]))
    tell(`${counted(flows, 'flow')}: ${safeText(condition, 100)}`);
  if (sheet.flows === 0) {
    tell(`none of ${counted(result.flows, 'flow')} breaks the baseline; no sheet was written`);
    return EXIT.done;
  }
  await writeConnectionSheet(sheet.finish(), out);
  if (sheet.refused > 0) tell(`note: the sheet is full; ${counted(sheet.refused, 'flow')} did not come into it`);
  tell(`${counted(sheet.flows, 'flow')} of ${humanCount(result.flows)} in ${safeText(out, 200)}`);
  return EXIT.done;
}

function addOui(command: Command, done: (code: number) => void): void {
  const oui = command.command('oui').summary('vendors of hardware addresses: look up, bring up to date');
  oui
    .command('lookup')
    .summary('whose block a hardware address is from')
    .argument('<mac...>', 'hardware addresses')
    .option('--vendors <file>', 'a table that oui update made, instead of the one that ships')
    .action(async (macs: string[], flags: { readonly vendors?: string }) => {
      const vendors =
        flags.vendors === undefined
          ? await shippedVendors()
          : VendorTable.parse(readTextFile(flags.vendors), flags.vendors);
      const lines = macs.map((text) => {
        const mac = macOf(text);
        const vendor = vendors.lookup(mac);
        return `${mac}\t${vendor === undefined ? 'no block' : `${safeText(vendor.name, 120)}\t/${vendor.bits}`}\n`;
      });
      await print(lines.join(''));
      done(EXIT.done);
    });
  oui
    .command('update')
    .summary("make a table of vendors from the IEEE's CSV files or Wireshark's manuf")
    .argument('<registry...>', 'oui.csv, mam.csv, oui36.csv, iab.csv of the IEEE; manuf of Wireshark')
    .requiredOption(
      '-o, --out <file>',
      'where the table goes; --vendors and the key vendors of the configuration take it',
    )
    .option('--date <day>', 'day of the registries (default: that of the newest file)')
    .option('-v, --verbose', 'name the lines that were skipped')
    .option('-q, --quiet', 'print nothing but errors')
    .action(
      async (
        names: string[],
        flags: { readonly out: string; readonly date?: string; readonly verbose?: boolean; readonly quiet?: boolean },
      ) => {
        refuseOverwriting(flags.out, names);
        const date = flags.date ?? newest(names);
        if (!/^\d{4}-\d{2}-\d{2}$/.test(date))
          throw new UserError(`--date ${safeText(date, 40)}: no day`, 'for example --date 2026-03-01');
        const { table, report } = VendorTable.fromRegistries(
          names.map((name) => ({ name: path.basename(name), text: readTextFile(name, { latin: true }) })),
          date,
        );
        write(flags.out, table.encode());
        if (flags.verbose === true) for (const place of report.examples) note(`skipped: ${safeText(place, 200)}`);
        if (flags.quiet !== true)
          note(
            `${counted(report.lines, 'line')}: ${counted(report.added, 'block')} added, ${humanCount(report.skipped)} skipped, ${humanCount(report.duplicates)} given twice; ${counted(table.size, 'block')} of ${counted(table.vendors, 'vendor')} in ${safeText(flags.out, 200)}, as of ${date}`,
          );
        done(EXIT.done);
      },
    );
}

function macOf(text: string): string {
  // In groups each digit has its place: '0:1b:21' is 00:1b:21.
  const groups = /[:-]/.test(text) ? text.split(/[:-]/).map((group) => group.padStart(2, '0')) : [text];
  const digits = groups.join('').toLowerCase().replace(/\./g, '');
  if (!/^[0-9a-f]{6,12}$/.test(digits) || (groups.length > 1 && groups.some((group) => group.length !== 2)))
    throw new UserError(`${safeText(text, 60)}: no hardware address`, 'for example 3c:52:82:01:02:03');
  return (digits.padEnd(12, '0').match(/../g) ?? []).join(':');
}

/** Day of the newest of some files. */
function newest(names: readonly string[]): string {
  const times = names.map((name) => fs.statSync(name, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return new Date(Math.max(...times)).toISOString().slice(0, 10);
}

function write(name: string, text: string): void {
  if (name === '') throw new UserError('--out is empty', 'give a file, for example --out baseline.yaml');
  writeOutput(path.dirname(name), path.basename(name), text);
}
