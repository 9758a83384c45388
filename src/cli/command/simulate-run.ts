import * as fs from 'node:fs';
import * as path from 'node:path';
import { counted, EXIT, humanBytes, humanCount, nearest, safeText, type Table, UserError } from '../../core/index.ts';
import { flowRecord } from '../../flow/index.ts';
import { captureFormatOf, describeFileError, OutputFile } from '../../io/index.ts';
import {
  ATTACK_KINDS,
  type FlowLabel,
  LABEL_FORMATS,
  type LabelFormat,
  labelHeader,
  labelLine,
  markPcap,
  mixRecords,
  parseAttackArgument,
  parseScenario,
  plainRecord,
  recordLabelHeader,
  recordLabelLine,
  type Scenario,
  SHIPPED_SCENARIOS,
  SIMULATED_APPLICATION,
  Simulation,
  scenarioFields,
  simulatedComment,
} from '../../simulate/index.ts';
import { CapturePcapngWriter, CapturePcapWriter, type CaptureWriter } from '../../wire/index.ts';
import { catchInterrupt, INTERRUPTED } from '../interrupt.ts';
import { note, print, terminalWidth } from '../terminal.ts';
import type { Format, SimulateFlags } from './simulate.ts';
import { parseListen, serveLines } from './simulate-server.ts';

/** What `simulate` does. Returns the exit code. */
export async function runSimulate(flags: SimulateFlags): Promise<number> {
  if (flags.list === true) {
    await print(listing());
    return EXIT.done;
  }
  if (flags.show !== undefined) {
    await print(shipped(flags.show, '--show').yaml);
    return EXIT.done;
  }
  if (flags.keys === true) {
    await print(`${scenarioFields().join('\n')}\n`);
    return EXIT.done;
  }
  const scenario = scenarioOf(flags);
  const tell = (text: string): void => {
    if (flags.quiet !== true) note(safeText(text, 1000));
  };
  if (flags.serve !== undefined) return await serve(scenario, flags, tell);
  return scenario.records === undefined
    ? await writeNetwork(scenario, flags, tell)
    : await writeMix(scenario, flags, tell);
}

function listing(): string {
  const width = Math.max(...SHIPPED_SCENARIOS.map(({ name }) => name.length));
  return `Scenarios (--scenario):\n${SHIPPED_SCENARIOS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}\n\nAttacks (--attack, settings with --keys):\n${ATTACK_KINDS.map((kind) => `  ${kind}`).join('\n')}\n`;
}

function shipped(name: string, flag: string): (typeof SHIPPED_SCENARIOS)[number] {
  const found = SHIPPED_SCENARIOS.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  const names = SHIPPED_SCENARIOS.map((entry) => entry.name);
  const near = nearest(name, names);
  throw new UserError(
    `${flag} ${name}: there is no such scenario`,
    near === undefined ? `scenarios that come with the program: ${names.join(', ')}` : `did you mean '${near}'?`,
  );
}

/** Longest scenario file that is read. */
const MAX_SCENARIO_BYTES = 4 << 20;

function scenarioOf(flags: SimulateFlags): Scenario {
  const { scenario: name, attack = [] } = flags;
  let text: string;
  if (/[./\\]/.test(name)) {
    try {
      const { size } = fs.statSync(name);
      if (size > MAX_SCENARIO_BYTES)
        throw new UserError(`${name}: ${humanBytes(size)} are more than a scenario has`, 'name a YAML file');
      text = fs.readFileSync(name, 'utf8');
    } catch (error) {
      throw error instanceof UserError ? error : describeFileError(error, name, 'read');
    }
  } else text = shipped(name, '--scenario').yaml;
  const read = parseScenario(text, /[./\\]/.test(name) ? name : `scenario ${name}`, attack.map(parseAttackArgument));
  if (read.records !== undefined && read.attacks.length > 0)
    throw new UserError(
      `scenario ${read.name}: plain records have no network that an attack could happen on`,
      'leave attacks out, or choose another scenario',
    );
  if (flags.start !== undefined && !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(flags.start))
    throw new UserError(`--start ${flags.start}: expected a time`, 'for example --start 2026-03-02T09:00:00');
  if (flags.start !== undefined && Number.isNaN(Date.parse(`${flags.start}Z`)))
    throw new UserError(`--start ${flags.start}: no calendar has this time`, 'for example --start 2026-03-02T09:00:00');
  return {
    ...read,
    ...(flags.start === undefined ? {} : { start: flags.start }),
    ...(flags.duration === undefined ? {} : { duration: flags.duration }),
  };
}

const ENDINGS: Readonly<Record<Format, string>> = {
  pcapng: '.pcapng',
  pcap: '.pcap',
  flows: '.flows.ndjson',
  records: '.records.ndjson',
};

function formatOf(flags: SimulateFlags, isMix: boolean): Format {
  const { format, out } = flags;
  if (isMix) {
    if (format !== undefined && format !== 'records')
      throw new UserError(`--format ${format}: this scenario has plain records only`, 'leave --format out');
    return 'records';
  }
  if (format !== undefined) return format;
  if (out === undefined || out === '-') return 'pcapng';
  return /\.(ndjson|jsonl)$/i.test(out) ? 'flows' : captureFormatOf(out);
}

/** A place for bytes: a file that has its name when it is whole, or standard output. */
interface Place {
  readonly name: string;
  write(bytes: Uint8Array | string): Promise<void> | undefined;
  finish(): void;
  discard(): void;
}

function placeOf(file: string): Place {
  if (file !== '-') {
    const output = new OutputFile(path.dirname(file), path.basename(file));
    return {
      name: file,
      write: (bytes) => {
        output.write(bytes);
        return undefined;
      },
      finish: () => output.finish(),
      discard: () => output.discard(),
    };
  }
  return {
    name: 'standard output',
    write: (bytes) => {
      // The bytes are the writer's; a slow pipe holds them longer.
      const isTaken = process.stdout.write(typeof bytes === 'string' ? bytes : Buffer.from(bytes));
      return isTaken ? undefined : new Promise((resolve) => process.stdout.once('drain', resolve));
    },
    finish: () => undefined,
    discard: () => undefined,
  };
}

function labelsPlace(
  flags: SimulateFlags,
  out: string,
  format: Format,
): { place: Place; format: LabelFormat } | undefined {
  if (flags.labels === false || (flags.labels === undefined && out === '-')) return undefined;
  const file =
    flags.labels ??
    `${out.slice(0, out.length - (out.endsWith(ENDINGS[format]) ? ENDINGS[format] : path.extname(out)).length)}.labels.csv`;
  const ending = path.extname(file).slice(1).toLowerCase().replace('jsonl', 'ndjson');
  const labelFormat = LABEL_FORMATS.find((entry) => entry === ending);
  if (labelFormat === undefined && file !== '-')
    throw new UserError(`--labels ${file}: the name does not say which format`, 'name it .csv or .ndjson');
  if (file === '-' && out === '-')
    throw new UserError('--labels -: standard output has the data already', 'name a file for one of the two');
  return { place: placeOf(file), format: labelFormat ?? 'csv' };
}

/** The writer of a capture that says it is simulated. */
function captureWriter(
  format: 'pcap' | 'pcapng',
  scenario: Scenario,
  seed: number,
  snapLength: number | undefined,
): CaptureWriter {
  return format === 'pcap'
    ? new CapturePcapWriter({ linkType: 1 })
    : new CapturePcapngWriter({
        application: SIMULATED_APPLICATION,
        comment: simulatedComment(scenario.name, seed),
        interfaces: [{ linkType: 1, name: 'simulated', ...(snapLength === undefined ? {} : { snapLength }) }],
      });
}

const REDRAW_MS = 200;

/** A line about a long run that is redrawn; nothing where standard error is no terminal. Gives what to call now and then, and at the end. */
function progressLine(simulation: Simulation, isWanted: boolean): { update(): void; end(): void } {
  const started = performance.now();
  let last = started;
  let isDrawn = false;
  return {
    update: () => {
      const now = performance.now();
      if (!isWanted || now - last < REDRAW_MS) return;
      last = now;
      const { progress, wire } = simulation;
      const elapsed = now - started;
      const left = progress > 0 ? Math.ceil(((elapsed / progress) * (1 - progress)) / 1000) : undefined;
      const text = `simulating  ${Math.floor(progress * 100)} %  ${humanCount(wire.frames)} frames  ${humanBytes(wire.wireBytes)}  ${humanCount((wire.frames / elapsed) * 1000)} frames/s${left === undefined ? '' : `  ${left} s left`}`;
      process.stderr.write(`\r\u001b[2K${text.slice(0, terminalWidth(process.stderr) - 1)}`);
      isDrawn = true;
    },
    end: () => {
      if (isDrawn) process.stderr.write('\r\u001b[2K');
      isDrawn = false;
    },
  };
}

async function writeNetwork(scenario: Scenario, flags: SimulateFlags, tell: (text: string) => void): Promise<number> {
  const { seed } = flags;
  const format = formatOf(flags, false);
  const out = flags.out ?? `simulated-${scenario.name}-${seed}${ENDINGS[format]}`;
  const interrupt = catchInterrupt(flags.quiet === true ? undefined : 'stopping: nothing is written');
  const writer =
    format === 'pcap' || format === 'pcapng' ? captureWriter(format, scenario, seed, flags.snaplen) : undefined;
  const lines: string[] = [];
  const labelLines: string[] = [];
  let records = 0;
  let progress: ReturnType<typeof progressLine> | undefined;
  const place = placeOf(out);
  let labels: ReturnType<typeof labelsPlace>;
  try {
    labels = labelsPlace(flags, out, format);
  } catch (error) {
    place.discard();
    interrupt.end();
    throw error;
  }
  const origin = { scenario: scenario.name, seed };
  const onFlows = (table: Table, truth: readonly FlowLabel[]): void => {
    for (let row = 0; row < table.rowCount; row++) {
      const label = truth[row];
      if (label === undefined) throw new Error('a flow has a label');
      if (format === 'records') {
        const record = plainRecord(flowRecord(table, row));
        if (record === undefined) continue;
        lines.push(`${JSON.stringify(record)}\n`);
        records++;
        if (labels !== undefined) labelLines.push(recordLabelLine(records, label.label, origin, labels.format));
        continue;
      }
      if (format === 'flows') lines.push(`${JSON.stringify({ ...flowRecord(table, row), simulated: true })}\n`);
      if (labels !== undefined) labelLines.push(labelLine(label, origin, labels.format));
    }
  };
  try {
    const simulation = new Simulation(scenario, seed, {
      ...(flags.snaplen === undefined ? {} : { snapLength: flags.snaplen }),
      ...(writer === undefined
        ? {}
        : {
            onFrames: (batch, base) => {
              for (let i = 0; i < batch.count; i++) writer.add(batch, i, base);
            },
          }),
      ...(labels === undefined && writer !== undefined ? {} : { onFlows }),
    });
    if (labels !== undefined)
      await labels.place.write(format === 'records' ? recordLabelHeader(labels.format) : labelHeader(labels.format));
    progress = progressLine(simulation, flags.quiet !== true && process.stderr.isTTY);
    let isFirst = true;
    for (let goesOn = true; goesOn; ) {
      goesOn = simulation.run();
      if (writer !== undefined) {
        const bytes = writer.take();
        if (isFirst && format === 'pcap') markPcap(bytes);
        isFirst = false;
        if (bytes.length > 0) await place.write(bytes);
      }
      if (lines.length > 0) await place.write(lines.splice(0).join(''));
      if (labelLines.length > 0) await labels?.place.write(labelLines.splice(0).join(''));
      progress.update();
      if (interrupt.signal.aborted) return INTERRUPTED;
      // A signal is heard between two pieces only when the loop lets it.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    progress.end();
    place.finish();
    labels?.place.finish();
    const { wire, flowsByLabel, engine } = simulation;
    tell(
      `simulated ${counted(wire.frames, 'frame')} (${humanBytes(wire.wireBytes)}) of ${safeText(scenario.name)}, seed ${seed}: ${place.name}`,
    );
    if (flowsByLabel.size > 0)
      tell(
        `flows: ${[...flowsByLabel].map(([label, n]) => `${humanCount(n)} ${label}`).join(', ')}${labels === undefined ? '' : `; labels: ${labels.place.name}`}`,
      );
    if (engine.refused > 0)
      tell(`warning: ${counted(engine.refused, 'conversation')} did not begin, because too many were under way`);
    return EXIT.done;
  } finally {
    progress?.end();
    place.discard();
    labels?.place.discard();
    interrupt.end();
  }
}

/** Plain records of a scenario with their labels, one after the other; those of a network are its flows with ports, when they end. */
function* plainRecords(
  scenario: Scenario,
  seed: number,
): Generator<{ readonly record: object; readonly label: string }, void, undefined> {
  if (scenario.records !== undefined) {
    yield* mixRecords(scenario.records, seed);
    return;
  }
  const ready: { readonly record: object; readonly label: string }[] = [];
  const simulation = new Simulation(scenario, seed, {
    flow: { batchRows: 64 },
    onFlows: (table, truth) => {
      for (let row = 0; row < table.rowCount; row++) {
        const record = plainRecord(flowRecord(table, row));
        if (record !== undefined) ready.push({ record, label: truth[row]?.label ?? 'benign' });
      }
    },
  });
  for (let goesOn = true; goesOn; ) {
    goesOn = simulation.run();
    yield* ready.splice(0);
  }
}

async function writeMix(scenario: Scenario, flags: SimulateFlags, tell: (text: string) => void): Promise<number> {
  const format = formatOf(flags, true);
  const { seed, count = scenario.records?.count ?? 0 } = flags;
  const out = flags.out ?? `simulated-${scenario.name}-${seed}${ENDINGS[format]}`;
  const place = placeOf(out);
  let labels: ReturnType<typeof labelsPlace>;
  try {
    labels = labelsPlace(flags, out, format);
    if (labels !== undefined) await labels.place.write(recordLabelHeader(labels.format));
    const byLabel = new Map<string, number>();
    const source = plainRecords(scenario, seed);
    for (let line = 1; line <= count; line++) {
      const step = source.next();
      if (step.done === true) break;
      const { record, label } = step.value;
      byLabel.set(label, (byLabel.get(label) ?? 0) + 1);
      await place.write(`${JSON.stringify(record)}\n`);
      if (labels !== undefined)
        await labels.place.write(recordLabelLine(line, label, { scenario: scenario.name, seed }, labels.format));
    }
    place.finish();
    labels?.place.finish();
    tell(
      `simulated ${counted(count, 'record')} of ${safeText(scenario.name)}, seed ${seed}: ${place.name} (${[...byLabel].map(([label, n]) => `${humanCount(n)} ${label}`).join(', ')})${labels === undefined ? '' : `; labels: ${labels.place.name}`}`,
    );
    return EXIT.done;
  } finally {
    place.discard();
    labels?.place.discard();
  }
}

async function serve(scenario: Scenario, flags: SimulateFlags, tell: (text: string) => void): Promise<number> {
  const { host, port } = parseListen(flags.serve ?? '');
  if (flags.out !== undefined)
    throw new UserError('--serve and --out: records are served or written, not both', 'leave one of the two out');
  if (flags.format !== undefined && flags.format !== 'records')
    throw new UserError(`--format ${flags.format}: plain records are what is served`, 'leave --format out');
  const { seed, count = Number.POSITIVE_INFINITY } = flags;
  const interrupt = catchInterrupt(flags.quiet === true ? undefined : 'stopping');
  const labels = flags.labels === undefined ? undefined : labelsPlace(flags, '', 'records');
  const source = plainRecords(scenario, seed);
  let line = 0;
  try {
    if (labels !== undefined) await labels.place.write(recordLabelHeader(labels.format));
    const lines = await serveLines({
      host,
      port,
      rate: flags.rate,
      onNote: tell,
      signal: interrupt.signal,
      next: () => {
        const step = line >= count ? undefined : source.next();
        if (step === undefined || step.done === true) return undefined;
        line++;
        void labels?.place.write(
          recordLabelLine(line, step.value.label, { scenario: scenario.name, seed }, labels.format),
        );
        return `${JSON.stringify(step.value.record)}\n`;
      },
    });
    labels?.place.finish();
    tell(`${counted(lines, 'record')} served`);
    return EXIT.done;
  } finally {
    labels?.place.discard();
    interrupt.end();
  }
}
