import type { Command } from 'commander';
import { counted, EXIT, humanBytes, humanCount, isoTime, safeText } from '../../core/index.ts';
import { type Baseline, BaselineFile } from '../../detect/index.ts';
import { shippedVendors, VendorTable } from '../../flow/index.ts';
import { expandInputs, parseDuration } from '../../io/index.ts';
import { type Config, type Inventory, summarizeDevice, takeInventory } from '../../pipeline/index.ts';
import { type DeviceSummary, devicesJson, timesOfAddresses } from '../../report/index.ts';
import { catchInterrupt, INTERRUPTED } from '../interrupt.ts';
import { collectHomeNetworks, configOf, flowOptionsOf, tellInputs } from '../option.ts';
import { ProgressLine } from '../progress.ts';
import { note, print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';
import { readTextFile } from '../text-file.ts';

interface DevicesFlags {
  readonly as?: string;
  readonly json?: boolean;
  readonly baseline?: string;
  readonly vendors?: string;
  readonly silentFor?: number;
  readonly homeNet?: string[];
  readonly config?: string;
  readonly quiet?: boolean;
  readonly progress?: boolean;
}

/** Declares `devices`: who is on the network, told from traffic. */
export function addDevicesCommand(program: Command, done: (code: number) => void): void {
  program
    .command('devices')
    .summary('captures or logs in, an inventory of devices out')
    .description(
      'Lists the devices of the home network: hardware address and vendor, addresses over time, names, what they probably are and why, what they offer and use, when they were seen. Made-up hardware addresses are told apart from those of virtual machines, and joined where they are one device.',
    )
    .argument('<input...>', 'captures or logs of flows, or folders of them; - is standard input')
    .option(
      '--as <format>',
      'what the inputs are, where that should not be told from their content (see anomalyst formats)',
    )
    .option('--baseline <yaml>', 'say how each device stands in this baseline')
    .option(
      '--vendors <file>',
      'table of vendors that anomalyst baseline oui update made, instead of the one that ships',
    )
    .option('--silent-for <time>', 'only devices that were silent for so long at the end, as in 7d', (text: string) =>
      parseDuration('--silent-for', text),
    )
    .option(
      '--home-net <networks>',
      'your networks in CIDR notation, comma-separated (default: private addresses)',
      collectHomeNetworks,
    )
    .option('--config <yaml>', 'configuration file: home networks, timeouts of flows, baseline, vendors')
    .option('--json', 'print as JSON, as devices in incidents.json')
    .option('-q, --quiet', 'print nothing but devices and errors')
    .option('--progress', 'show progress also when standard error is no terminal')
    .option('--no-progress', 'show no progress')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst devices office.pcap\n  anomalyst devices captures/ --json | jq ".devices[] | select(.macKind == \\"randomised\\")"\n  anomalyst devices monday.pcap --baseline baseline.yaml',
    )
    .action(async (inputs: string[], flags: DevicesFlags) => {
      done(await runDevices(inputs, flags));
    });
}

async function runDevices(inputs: readonly string[], flags: DevicesFlags): Promise<number> {
  const config = configOf(flags.config);
  const baseline = baselineOf(flags.baseline, config);
  const quiet = flags.quiet === true;
  const { inventory, aborted } = await inventoryOf(inputs, flags, config);
  const { lastMs } = inventory;
  const shown = inventory.devices
    .filter(
      (device) => flags.silentFor === undefined || (lastMs !== undefined && lastMs - device.lastMs >= flags.silentFor),
    )
    .map((device) => summarizeDevice(device, baseline));
  tellInputs(inventory.read.inputs, quiet);
  if (flags.json === true) await print(devicesJson(shown, shown.length));
  else
    await print(
      shown.length === 0
        ? inventory.devices.length > 0
          ? `None of ${counted(inventory.devices.length, 'device')} was silent for so long at the end.\n`
          : 'No device of the home network was seen (--home-net says which that is).\n'
        : deviceTable(shown, terminalWidth(process.stdout)),
    );
  if (!quiet) {
    for (const { what, cap, refused } of inventory.saturations)
      note(
        `note: the table of ${what} was full at ${humanCount(cap)}; ${counted(refused, 'entry', 'entries')} more could not be followed`,
      );
    note(`${counted(shown.length, 'device')} from ${counted(inventory.read.flows, 'flow')}`);
  }
  return aborted ? INTERRUPTED : EXIT.done;
}

/** Reads inputs for an inventory with the options that several commands take; Ctrl-C ends the reading. */
export async function inventoryOf(
  inputs: readonly string[],
  flags: {
    readonly as?: string;
    readonly homeNet?: readonly string[];
    readonly vendors?: string;
    readonly timeZone?: string;
    readonly quiet?: boolean;
    readonly progress?: boolean;
  },
  config: Config,
): Promise<{ readonly inventory: Inventory; readonly aborted: boolean }> {
  const files = expandInputs(inputs, { rows: true });
  const vendors = await vendorsOf(flags.vendors, config);
  const quiet = flags.quiet === true;
  const interrupt = catchInterrupt(quiet ? undefined : 'stopping: what was read until now counts');
  const progress = !quiet && (flags.progress ?? process.stderr.isTTY) ? new ProgressLine(process.stderr) : undefined;
  try {
    const inventory = await takeInventory({
      inputs: files,
      as: flags.as,
      homeNet: flags.homeNet ?? config.homeNet,
      flow: flowOptionsOf(config),
      vendors,
      timeZone: flags.timeZone ?? config.timeZone,
      onProgress: progress === undefined ? undefined : (state) => progress.update(state),
      signal: interrupt.signal,
    });
    return { inventory, aborted: interrupt.signal.aborted };
  } finally {
    progress?.end();
    interrupt.end();
  }
}

/** The baseline of `--baseline` or of the configuration; undefined without either. Throws UserError. */
export function baselineOf(file: string | undefined, config: Config): Baseline | undefined {
  const name = file ?? config.baseline;
  return name === undefined ? undefined : BaselineFile.parse(readTextFile(name), name).baseline;
}

/** The table of vendors of `--vendors` or of the configuration, or the one that ships. Throws UserError. */
export async function vendorsOf(file: string | undefined, config: Config): Promise<VendorTable> {
  const name = file ?? config.vendors;
  return name === undefined ? shippedVendors() : VendorTable.parse(readTextFile(name), name);
}

const KIND_WORDS: Readonly<Record<string, string>> = {
  virtual: 'virtual',
  derived: "another interface's address",
  randomised: 'made-up address',
};

/** A block of lines for each device. */
function deviceTable(devices: readonly DeviceSummary[], width: number): string {
  return devices.map((device) => `${deviceLines(device, width).join('\n')}\n`).join('\n');
}

function deviceLines(device: DeviceSummary, width: number): string[] {
  const { mac, macKind, macOrigin, vendor, addresses, names, roles, baseline } = device;
  const [name] = names;
  const [first] = addresses;
  const title = name?.name ?? first?.address ?? mac ?? 'unknown';
  const [role] = roles;
  const lines = [`${safeText(title, 80)}${role === undefined ? '' : `  (${role.role})`}`];
  const add = (label: string, text: string): void => {
    if (text === '') return;
    const wrapped = wrap(text, width, ' '.repeat(14)).trimStart();
    lines.push(`  ${label.padEnd(12)}${wrapped}`);
  };
  const kind = KIND_WORDS[macKind ?? ''];
  const times = timesOfAddresses(device);
  add(
    'hardware',
    mac === undefined
      ? `none seen${device.behind === undefined ? '' : `; behind ${device.behind}`}`
      : [
          mac,
          ...(vendor === undefined ? [] : [safeText(vendor, 80)]),
          ...(kind === undefined ? [] : [kind + (macOrigin === undefined ? '' : ` (${macOrigin})`)]),
        ].join(', '),
  );
  add(
    'addresses',
    addresses
      .slice(0, 8)
      .map(({ address, claimed }, i) => {
        const said = [times[i] ?? '', claimed ? '' : 'seen, not claimed'].filter((text) => text !== '').join('; ');
        return `${safeText(address, 45)}${said === '' ? '' : ` (${said})`}`;
      })
      .join(', '),
  );
  add(
    'names',
    names
      .slice(0, 6)
      .map((one) => `${safeText(one.name, 80)} (${one.source})`)
      .join(', '),
  );
  add('role', roles.map(({ role: is, reasons }) => `${is}: ${reasons.join(' ')}`).join(' '));
  add(
    'software',
    device.software
      .slice(0, 3)
      .map((text) => safeText(text, 80))
      .join('; '),
  );
  add('offers', device.offers.map((text) => safeText(text, 40)).join(', '));
  add('uses', device.uses.map((text) => safeText(text, 40)).join(', '));
  add('frames', device.frames.join(', '));
  for (const { mac: before, score, evidence } of device.joined.slice(0, 8))
    add('before', `${before} (sure to ${Math.round(100 * score)} %). ${evidence.join(' ')}`);
  add(
    'seen',
    `${Number.isFinite(device.firstMs) ? `${isoTime(device.firstMs)} to ${isoTime(device.lastMs)}` : 'at no known time'}, ${counted(device.flows, 'flow')}${device.bytes > 0 ? `, ${humanBytes(device.bytes)}` : ''}`,
  );
  if (baseline !== undefined) {
    const { standing, name: known, owner, importance } = baseline;
    add(
      'baseline',
      standing === 'unknown'
        ? 'not in it'
        : [
            `${standing}: ${safeText(known ?? '', 80)}`,
            ...(owner === undefined ? [] : [`owner ${safeText(owner, 60)}`]),
            ...(importance === undefined ? [] : [`importance ${importance}`]),
          ].join(', '),
    );
  }
  return lines;
}
