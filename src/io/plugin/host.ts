import * as fs from 'node:fs';
import * as path from 'node:path';
import { isValid, nearest, type Schema, safeText, type Table, UserError } from '../../core/index.ts';
import {
  type Definitions,
  type FlagFunction,
  type FlagParameter,
  type FunctionTable,
  type RaisedFlag,
  TIME_UNIT,
} from '../../feature/index.ts';
import {
  ADDED_KINDS,
  ColumnSender,
  type DecodedPayload,
  type FunctionSites,
  type Manifest,
  type ManifestParameters,
  namespaceOf,
  type PluginFile,
  type PluginFinding,
  PluginFunctions,
  readDecoded,
  readFiles,
  readFindings,
  readValues,
  type SentColumns,
  type Setting,
  settingsOf,
} from '../../plugin/index.ts';
import { type PluginPackage, readPlugin } from './package.ts';
import { PluginFailure, PluginProcess } from './process.ts';

/** One entry of `plugins:` in the configuration. */
export interface PluginConfig {
  /** A folder, relative to that of the configuration, or the name of a package in a `node_modules` seen from there. */
  readonly use: string;
  readonly version?: string | undefined;
  readonly integrity?: string | undefined;
  readonly grant?:
    | {
        readonly files?: readonly string[] | undefined;
        readonly writes?: readonly string[] | undefined;
        readonly network?: readonly string[] | undefined;
      }
    | undefined;
  /** Parameters of its detectors, decoders, sinks and reports, by their names. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, Setting>>>> | undefined;
  readonly timeoutMs?: number | undefined;
  readonly memoryMb?: number | undefined;
}

export const DEFAULT_PLUGIN_LIMITS = { timeoutMs: 10_000, memoryMb: 256 } as const;

/** A plugin that stopped, and why, in words that follow its name. */
export interface PluginFault {
  readonly plugin: string;
  readonly reason: string;
}

export interface PluginHostOptions {
  /** That of the configuration: paths start from it. */
  readonly folder: string;
  /** Run what is not pinned, for `plugin check` and tests. Default false. */
  readonly unpinned?: boolean;
  /** How long a plugin may take to start, where that is more than its `timeoutMs`. Default 10 s. */
  readonly startTimeoutMs?: number;
}

const START_MS = 10_000;

/** Batches of one flag or detector that wait to be sent; there is one after each step of a run that waits for them. */
const MAX_PENDING = 64;
/** Rows of which a flag remembers the time: 16 bytes each. */
const MAX_TIMES = 2_000_000;
const SHOWN_ROWS = 20;
/** Incidents in one call of a sink. */
const SINK_LINES = 200;
/** Payloads in one question to a decoder, which must be answered in the time of one answer. */
const DECODE_PAYLOADS = 64;

const SAMPLE = {
  number: [0, 12.5, -1000],
  text: ['a', 'www.example.com', 'Zoë 12'],
  boolean: [true, false, true],
  any: [1, 2, 3],
} as const;

/** Parameters as nobody set them: the defaults, and something small where there is none. */
export function sampleSettings(parameters: ManifestParameters): Record<string, Setting> {
  return Object.fromEntries(
    Object.entries(parameters ?? {}).map(([name, spec]) => [
      name,
      spec.default ??
        (spec.type === 'number' ? (spec.least ?? Math.min(1, spec.most ?? 1)) : spec.type === 'text' ? 'a' : true),
    ]),
  );
}

interface Running {
  readonly found: PluginPackage;
  readonly namespace: string;
  readonly process: PluginProcess;
  readonly settings: Readonly<Record<string, Readonly<Record<string, Setting>>>>;
  instances: number;
}

/**
 * The plugins of one run, each in a process of its own. What the operator must decide (a plugin that is not there, not pinned, changed, or not granted what it asks) is a
 * UserError of `start`; what a plugin does wrong from then on stops that plugin alone: it is named by `failures()`, its functions give missing values, and the run goes on.
 */
export class PluginHost {
  #running: readonly Running[];
  #functions: PluginFunctions;
  #failed = new Map<string, string>();
  #flags = new Set<FlagRun>();

  /** By `PluginHost.start`. */
  constructor(running: readonly Running[]) {
    this.#running = running;
    this.#functions = new PluginFunctions(
      running.map(({ found }) => found.manifest),
      async ({ plugin, kind, name, settings, gives, columns, rowCount }) => {
        const one = running.find(({ found }) => found.manifest.name === plugin);
        if (one === undefined) return undefined;
        const sender = new ColumnSender();
        for (const { name: column, values } of columns) sender.addValues(column, values);
        const { sent } = sender;
        return this.#try(one, async (process) => {
          const answer = await process.ask(
            { op: 'function', kind, name, settings, gives, rowCount, columns: sent.columns },
            sent.parts,
          );
          return process.checked(() => readValues(answer, gives, rowCount));
        });
      },
    );
  }

  /** Reads, checks and starts the plugins. Rejects with UserError. */
  static async start(configs: readonly PluginConfig[], options: PluginHostOptions): Promise<PluginHost> {
    const running: Running[] = [];
    for (const [i, config] of configs.entries()) {
      const found = readPlugin(config.use, options.folder);
      const namespace = namespaceOf(found.manifest.name);
      const where = `plugins[${i}]`;
      if (options.unpinned !== true) checkPin(config, found, where);
      const other = running.find((one) => one.namespace === namespace);
      if (other !== undefined)
        throw new UserError(
          `${where}: '${found.manifest.name}' and '${other.found.manifest.name}' both add what begins with '${namespace}.'`,
          'take one of them away',
        );
      const granted = grantsOf(config, found, where, options.folder);
      const { timeoutMs = DEFAULT_PLUGIN_LIMITS.timeoutMs, memoryMb = DEFAULT_PLUGIN_LIMITS.memoryMb } = config;
      const { adds, main } = found.manifest;
      running.push({
        found,
        namespace,
        settings: checkSettings(config, found.manifest, where),
        instances: 0,
        process: new PluginProcess({
          files: found.files,
          main,
          ...granted,
          timeoutMs,
          startTimeoutMs: Math.max(timeoutMs, options.startTimeoutMs ?? START_MS),
          memoryMb,
          wanted: ADDED_KINDS.flatMap((kind) => (adds[kind] ?? []).map(({ name }) => [kind, name] as const)),
        }),
      });
    }
    const host = new PluginHost(running);
    try {
      await Promise.all(running.map((one) => host.#try(one, (process) => process.start())));
    } catch (error) {
      await host.close();
      throw error;
    }
    return host;
  }

  /**
   * Has each thing that the plugins add do something small, for `plugin check`: functions with three rows, flags and detectors with one batch, decoders
   * with a few bytes, reports without an incident. Sinks are left out, for they may reach somebody. Stops at the first failure of each plugin.
   */
  async rehearse(): Promise<readonly string[]> {
    const done: string[] = [];
    for (const one of this.#running) {
      const { adds } = one.found.manifest;
      const settings = one.settings;
      const step = async (
        what: string,
        name: string,
        run: (process: PluginProcess) => Promise<unknown>,
      ): Promise<void> => {
        const worked = await this.#try(one, async (process) => {
          await run(process);
          return true;
        });
        if (worked === true) done.push(`${what} ${one.namespace}.${name}`);
      };
      const functions = [
        ...(adds.features ?? []).map((item) => ({ ...item, kind: 'features' as const })),
        ...(adds.filters ?? []).map((item) => ({ ...item, kind: 'filters' as const, gives: 'boolean' as const })),
      ];
      for (const { kind, name, takes, parameters, gives } of functions) {
        const sender = new ColumnSender();
        for (const { name: column, type } of takes) sender.addValues(column, SAMPLE[type]);
        const { columns, parts } = sender.sent;
        await step(kind === 'features' ? 'feature' : 'filter', name, async (process) => {
          const answer = await process.ask(
            { op: 'function', kind, name, settings: sampleSettings(parameters), gives, rowCount: 3, columns },
            parts,
          );
          process.checked(() => readValues(answer, gives, 3));
        });
      }
      for (const kind of ['flags', 'detectors'] as const)
        for (const item of adds[kind] ?? []) {
          const sender = new ColumnSender();
          if ('takes' in item) for (const { name, type } of item.takes) sender.addValues(name, SAMPLE[type]);
          else for (const name of item.needs) sender.addValues(name, SAMPLE.text);
          const instance = this.#instance(one, kind, item.name, settings[item.name] ?? sampleSettings(item.parameters));
          await step(kind === 'flags' ? 'flag' : 'detector', item.name, async () => {
            await instance.observe(sender.sent, Float64Array.of(1, 2, 3), 3);
            await instance.finish();
            const failure = this.#failed.get(one.found.manifest.name);
            if (failure !== undefined) throw new PluginFailure(failure);
          });
        }
      for (const { name, transport, ports } of adds.decoders ?? [])
        await step('decoder', name, async (process) => {
          const asked = { port: ports[0], from: 'initiator' };
          for (const payload of [new Uint8Array(0), new Uint8Array(3).fill(255), new Uint8Array(64)]) {
            const answer = await process.ask(
              { op: 'decode', kind: 'decoders', name, transport, payloads: [asked], settings: settings[name] ?? {} },
              [payload],
            );
            process.checked(() => readDecoded(answer, 1));
          }
        });
      for (const { name } of adds.reports ?? [])
        await step('report', name, async (process) => {
          const answer = await process.ask({ op: 'report', kind: 'reports', name, settings: settings[name] ?? {} }, [
            new TextEncoder().encode('{"incidents":[],"hosts":[],"oddities":[]}'),
          ]);
          process.checked(() => readFiles(answer));
        });
    }
    return done;
  }

  get manifests(): readonly Manifest[] {
    return this.#running.map(({ found }) => found.manifest);
  }

  /** Functions and flags to spread into a FunctionTable. */
  functions(): Pick<FunctionTable, 'functions' | 'flags'> {
    const flags: Record<string, FlagFunction> = {};
    for (const one of this.#running)
      for (const flag of one.found.manifest.adds.flags ?? [])
        flags[`${one.namespace}.${flag.name}`] = this.#flagFunction(one, flag);
    return { functions: this.#functions.functions, flags };
  }

  /** The places in definitions where functions of plugins stand. Throws UserError where one can't stand. */
  sites(definitions: Definitions, schema: Schema): FunctionSites {
    return this.#functions.sites(definitions, schema);
  }

  /** Sends what flags have seen since the last time. */
  async drain(): Promise<void> {
    for (const flag of this.#flags) await flag.drain();
  }

  /** Asks all flags what they have found; their observers know it afterwards. Once, before definitions are finished. */
  async settle(): Promise<void> {
    for (const flag of this.#flags) await flag.settle();
    this.#flags.clear();
  }

  /** Those that look at tables of this kind and find all they need in the schema; the others with what they lack. */
  detectors(
    table: 'flows' | 'rows',
    schema: Schema,
  ): { readonly able: PluginDetector[]; readonly lacking: PluginFault[] } {
    const names = new Set(schema.columns.map(({ name }) => name));
    const able: PluginDetector[] = [];
    const lacking: PluginFault[] = [];
    for (const one of this.#running)
      for (const { name, needs, description, table: wanted } of one.found.manifest.adds.detectors ?? []) {
        if (wanted !== table) continue;
        const id = `${one.namespace}.${name}`;
        const missing = needs.filter((column) => !names.has(column));
        if (missing.length > 0)
          lacking.push({
            plugin: one.found.manifest.name,
            reason: `did not look with ${id}: there is no column ${missing.map((column) => safeText(column, 60)).join(', ')}`,
          });
        else able.push(new PluginDetector(id, description, needs, this.#instance(one, 'detectors', name)));
      }
    return { able, lacking };
  }

  /** Decoders of payloads, in the order of the configuration. */
  decoders(): PluginDecoder[] {
    return this.#running.flatMap((one) =>
      (one.found.manifest.adds.decoders ?? []).map(({ name, transport, ports, recognised = false }) => ({
        id: `${one.namespace}.${name}`,
        namespace: one.namespace,
        transport,
        ports,
        recognised,
        decode: async (payloads: readonly AskedPayload[]) => {
          const decoded: (DecodedPayload | undefined)[] = [];
          for (let at = 0; at < payloads.length; at += DECODE_PAYLOADS) {
            const asked = payloads.slice(at, at + DECODE_PAYLOADS);
            const answers = await this.#try(one, async (process) => {
              const answer = await process.ask(
                {
                  op: 'decode',
                  kind: 'decoders',
                  name,
                  transport,
                  payloads: asked.map(({ port, from }) => ({ port, from })),
                  settings: one.settings[name] ?? {},
                },
                asked.map(({ bytes }) => bytes),
              );
              return process.checked(() => readDecoded(answer, asked.length));
            });
            for (let i = 0; i < asked.length; i++) decoded.push(answers?.[i]);
          }
          return decoded;
        },
      })),
    );
  }

  /** Hands incidents, each as one line of JSON, to every sink. */
  async sink(lines: readonly string[]): Promise<void> {
    for (const one of this.#running)
      for (const { name } of one.found.manifest.adds.sinks ?? [])
        for (let at = 0; at < lines.length; at += SINK_LINES)
          await this.#try(one, (process) =>
            process.ask({
              op: 'sink',
              kind: 'sinks',
              name,
              lines: lines.slice(at, at + SINK_LINES),
              settings: one.settings[name] ?? {},
            }),
          );
  }

  get hasSinks(): boolean {
    return this.#running.some(({ found }) => (found.manifest.adds.sinks ?? []).length > 0);
  }

  /** The files of every report. Their names begin with the namespace, so none is that of a file of ours. @param incidents incidents.json */
  async reports(incidents: string): Promise<PluginFile[]> {
    const files: PluginFile[] = [];
    for (const one of this.#running)
      for (const { name } of one.found.manifest.adds.reports ?? []) {
        const given = await this.#try(one, async (process) => {
          const answer = await process.ask(
            { op: 'report', kind: 'reports', name, settings: one.settings[name] ?? {} },
            [new TextEncoder().encode(incidents)],
          );
          return process.checked(() => readFiles(answer));
        });
        for (const { name: file, bytes } of given ?? []) files.push({ name: `${one.namespace}.${file}`, bytes });
      }
    return files;
  }

  /** The plugins that stopped, in the order of the configuration. */
  failures(): PluginFault[] {
    return this.#running.flatMap(({ found }) => {
      const reason = this.#failed.get(found.manifest.name);
      return reason === undefined ? [] : [{ plugin: found.manifest.name, reason }];
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map(({ process }) => process.close()));
  }

  /** Does a step with a plugin; undefined where it failed, now or before. */
  async #try<T>(one: Running, step: (process: PluginProcess) => Promise<T>): Promise<T | undefined> {
    const { name } = one.found.manifest;
    if (this.#failed.has(name)) return undefined;
    try {
      return await step(one.process);
    } catch (error) {
      if (!(error instanceof PluginFailure)) throw error;
      if (!this.#failed.has(name)) this.#failed.set(name, error.message);
      return undefined;
    }
  }

  /** Opened by its first batch. */
  #instance(
    one: Running,
    kind: 'flags' | 'detectors',
    name: string,
    own?: Readonly<Record<string, Setting>>,
  ): Instance {
    const settings = own ?? one.settings[name] ?? {};
    let instance: number | undefined;
    let most = 0;
    return {
      observe: (sent, rows, rowCount) =>
        this.#try(one, async (process) => {
          if (instance === undefined) {
            instance = ++one.instances;
            await process.ask({ op: 'open', kind, name, instance, settings });
          }
          for (const row of rows) if (row > most) most = row;
          await process.ask({ op: 'observe', instance, rowCount, columns: sent.columns, rows: sent.parts.length }, [
            ...sent.parts,
            rows,
          ]);
        }).then(() => undefined),
      finish: async () => {
        if (instance === undefined) return [];
        const found = await this.#try(one, async (process) => {
          const answer = await process.ask({ op: 'finish', instance });
          return process.checked(() => readFindings(answer, (row) => row >= 1 && row <= most));
        });
        return found ?? [];
      },
    };
  }

  #flagFunction(
    one: Running,
    { name, description, takes, parameters }: NonNullable<Manifest['adds']['flags']>[number],
  ): FlagFunction {
    const full = `${one.namespace}.${name}`;
    return {
      meaning: description,
      takes: [
        ...takes.map(
          (column): FlagParameter => ({
            name: column.name,
            type: 'column',
            required: true,
            meaning: `a column: ${column.name}`,
          }),
        ),
        ...Object.entries(parameters ?? {}).map(([key, spec]): FlagParameter => {
          if (spec.type === 'text') throw new Error('the manifest was not checked');
          return {
            name: key,
            type: spec.type,
            required: spec.default === undefined,
            meaning: spec.description,
            ...(spec.default === undefined ? {} : { default: spec.default }),
            ...(spec.type === 'number' && spec.least !== undefined ? { least: spec.least } : {}),
            ...(spec.type === 'number' && spec.most !== undefined ? { most: spec.most } : {}),
          };
        }),
      ],
      positional: takes.map((column) => column.name),
      create: (params, schema) => {
        const columns = takes.map(({ name: key, type }) => {
          const column = String(params[key]);
          const spec = schema.columns.find((entry) => entry.name === column);
          if (
            spec !== undefined &&
            (type === 'number' ? spec.kind === 'string' : type === 'text' && spec.kind !== 'string')
          )
            throw new UserError(
              `${full}: the column '${safeText(column, 60)}' holds ${spec.kind === 'string' ? 'text' : 'numbers'}, and '${key}' wants ${type === 'text' ? 'text' : 'numbers'}`,
              'name another column, or state its type under types:',
            );
          return { key, column };
        });
        const settings: Record<string, Setting> = {};
        for (const key of Object.keys(parameters ?? {})) {
          const value = params[key];
          if (value !== undefined) settings[key] = value;
        }
        const time = columns.find(
          ({ column }) => schema.columns.find((entry) => entry.name === column)?.unit === TIME_UNIT,
        );
        const run = new FlagRun(this.#instance(one, 'flags', name, settings), columns, time?.column);
        return {
          observe: (rows, numbers) => {
            this.#flags.add(run);
            run.observe(rows, numbers);
          },
          finish: () => run.raised,
          refusals: () => run.refusals(),
        };
      },
    };
  }
}

interface Instance {
  readonly observe: (sent: SentColumns, rows: Float64Array, rowCount: number) => Promise<void>;
  readonly finish: () => Promise<PluginFinding[]>;
}

/** The first bytes of one side of a flow. */
export interface AskedPayload {
  readonly bytes: Uint8Array;
  /** Of the responder. */
  readonly port: number;
  /** Who sent them. */
  readonly from: 'initiator' | 'responder';
}

export interface PluginDecoder {
  /** `<namespace>.<name>`. */
  readonly id: string;
  readonly namespace: string;
  readonly transport: 'tcp' | 'udp';
  /** Of responders. */
  readonly ports: readonly number[];
  /** Whether it is asked too where a decoder of ours has recognised the content. */
  readonly recognised: boolean;
  /** One answer for each payload; undefined where it is not of the decoder's protocol, and from the plugin's failure on. */
  readonly decode: (payloads: readonly AskedPayload[]) => Promise<readonly (DecodedPayload | undefined)[]>;
}

/** A detector of a plugin: all batches, then what it found. */
export class PluginDetector {
  /** `<namespace>.<name>`. */
  readonly id: string;
  readonly meaning: string;
  #needs: readonly string[];
  #instance: Instance;

  constructor(id: string, meaning: string, needs: readonly string[], instance: Instance) {
    this.id = id;
    this.meaning = meaning;
    this.#needs = needs;
    this.#instance = instance;
  }

  /** @param rowNumbers number of each row in the run, from 1 */
  async observe(table: Table, rowNumbers: Float64Array): Promise<void> {
    const sender = new ColumnSender();
    for (const column of this.#needs) sender.addColumn(column, table, column);
    await this.#instance.observe(sender.sent, rowNumbers.slice(), table.rowCount);
  }

  finish(): Promise<PluginFinding[]> {
    return this.#instance.finish();
  }
}

/** A flag on its way: what it sees waits here until there is time to send it. */
class FlagRun {
  raised: readonly RaisedFlag[] = [];
  #instance: Instance;
  #columns: readonly { readonly key: string; readonly column: string }[];
  #time: string | undefined;
  #pending: { readonly sent: SentColumns; readonly rows: Float64Array }[] = [];
  #dropped = 0;
  #times = new Map<number, number>();
  #timeless = 0;

  constructor(instance: Instance, columns: FlagRun['columns'], time: string | undefined) {
    this.#instance = instance;
    this.#columns = columns;
    this.#time = time;
  }

  get columns(): readonly { readonly key: string; readonly column: string }[] {
    return this.#columns;
  }

  observe(table: Table, rowNumbers: ArrayLike<number>): void {
    if (this.#pending.length >= MAX_PENDING) {
      this.#dropped += table.rowCount;
      return;
    }
    const sender = new ColumnSender();
    for (const { key, column } of this.#columns) sender.addColumn(key, table, column);
    this.#pending.push({
      sent: sender.sent,
      rows: Float64Array.from({ length: table.rowCount }, (_, row) => rowNumbers[row] ?? 0),
    });
    if (this.#time === undefined) return;
    const times = table.numbers(this.#time);
    for (let row = 0; row < table.rowCount; row++) {
      if (!isValid(times, row)) continue;
      if (this.#times.size >= MAX_TIMES) this.#timeless++;
      else this.#times.set(rowNumbers[row] ?? 0, times.values[row] ?? 0);
    }
  }

  async drain(): Promise<void> {
    for (const { sent, rows } of this.#pending.splice(0)) await this.#instance.observe(sent, rows, rows.length);
  }

  async settle(): Promise<void> {
    await this.drain();
    this.raised = (await this.#instance.finish()).map(({ entity, message, reasons, rows }): RaisedFlag => {
      let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const row of rows) {
        const time = this.#times.get(row);
        if (time === undefined) continue;
        if (time < firstMs) firstMs = time;
        if (time > lastMs) lastMs = time;
      }
      const timed = firstMs <= lastMs;
      return {
        entity,
        keys: {},
        values: Object.fromEntries(
          reasons.flatMap(({ name, value }) => (typeof value === 'number' ? [[name, value] as const] : [])),
        ),
        message,
        rows: rows.slice(0, SHOWN_ROWS),
        rowCount: rows.length,
        firstMs: timed ? firstMs : undefined,
        lastMs: timed ? lastMs : undefined,
      };
    });
    this.#times.clear();
  }

  refusals(): { what: string; cap: number; refused: number }[] {
    return [
      { what: 'times of rows', cap: MAX_TIMES, refused: this.#timeless },
      { what: 'rows on their way to a plugin', cap: MAX_PENDING, refused: this.#dropped },
    ].filter(({ refused }) => refused > 0);
  }
}

// ---------------------------------------------------------------------------------------------------------------------- what the operator decides

/** What the lock section says must be what lies on the disk. */
function checkPin(
  { use, version, integrity }: PluginConfig,
  { manifest, integrity: found }: PluginPackage,
  where: string,
): void {
  const lock = `anomalyst plugin lock ${safeText(use, 80)} prints the lines`;
  if (version === undefined || integrity === undefined)
    throw new UserError(
      `${where}: '${safeText(use, 80)}' is not pinned: ${version === undefined ? 'version' : 'integrity'} is missing`,
      lock,
    );
  if (version !== manifest.version)
    throw new UserError(
      `${where}: '${safeText(use, 80)}' is version ${manifest.version}, and the configuration pins ${safeText(version, 60)}`,
      `look at what changed, then ${lock}`,
    );
  if (integrity !== found)
    throw new UserError(
      `${where}: '${safeText(use, 80)}' is not what was pinned: its files give ${found}, and the configuration says ${safeText(integrity, 80)}`,
      `look at what changed, then ${lock}`,
    );
}

/** What a plugin asks for must be granted, all of it; nothing that it does not ask for is. */
function grantsOf(
  { grant = {}, use }: PluginConfig,
  { manifest, folder: own }: PluginPackage,
  where: string,
  folder: string,
): { readable: string[]; writable: string[]; hosts: string[] } {
  const { files, writes, network } = manifest.permissions ?? {};
  const asks: readonly (readonly ['files' | 'writes' | 'network', string | undefined, string])[] = [
    ['files', files?.why, 'grant: {files: [./folder]}'],
    ['writes', writes?.why, 'grant: {writes: [./folder]}'],
    ['network', network?.why, `grant: {network: [${network?.hosts.join(', ') ?? ''}]}`],
  ];
  for (const [key, why, example] of asks) {
    const given = grant[key] ?? [];
    if (why === undefined && given.length > 0)
      throw new UserError(`${where}.grant.${key}: '${safeText(use, 80)}' does not ask for it`, 'take it away');
    if (why !== undefined && given.length === 0)
      throw new UserError(
        `${where}: '${safeText(use, 80)}' asks for ${key}: ${safeText(why, 300)}`,
        `where you trust it with that: ${example}`,
      );
  }
  const hosts = [...(network?.hosts ?? [])];
  for (const host of grant.network ?? [])
    if (!hosts.includes(host)) {
      const near = nearest(host, hosts);
      throw new UserError(
        `${where}.grant.network: '${safeText(use, 80)}' does not ask for ${safeText(host, 80)}`,
        near === undefined ? `it asks for ${hosts.join(', ')}` : `did you mean '${near}'?`,
      );
    }
  const missing = hosts.find((host) => !(grant.network ?? []).includes(host));
  if (missing !== undefined)
    throw new UserError(
      `${where}.grant.network: '${safeText(use, 80)}' asks for ${missing} too: ${safeText(network?.why ?? '', 300)}`,
      `where you trust it with that: grant: {network: [${hosts.join(', ')}]}`,
    );
  const folders = (key: 'files' | 'writes'): string[] =>
    (grant[key] ?? []).map((one) => {
      const at = path.resolve(folder, one);
      if (!fs.existsSync(at) || !fs.statSync(at).isDirectory())
        throw new UserError(`${where}.grant.${key}: ${safeText(one, 200)} is no folder`, 'give a folder that is there');
      const real = fs.realpathSync(at);
      const wide = path.relative(real, own);
      if (key === 'writes' && (wide === '' || !(wide.startsWith('..') || path.isAbsolute(wide))))
        throw new UserError(
          `${where}.grant.writes: ${safeText(one, 200)} holds the plugin itself, which could then change its own code`,
          'give another folder',
        );
      return real;
    });
  return { readable: folders('files'), writable: folders('writes'), hosts };
}

function checkSettings(
  { settings = {} }: PluginConfig,
  { name: plugin, adds }: Manifest,
  where: string,
): Record<string, Record<string, Setting>> {
  const items = (['detectors', 'decoders', 'sinks', 'reports'] as const).flatMap((kind) => adds[kind] ?? []);
  for (const key of Object.keys(settings))
    if (!items.some(({ name }) => name === key)) {
      const names = items.map(({ name }) => name);
      const near = nearest(key, names);
      throw new UserError(
        `${where}.settings: '${plugin}' adds nothing that is set here and called '${safeText(key, 60)}'`,
        near !== undefined
          ? `did you mean '${near}'?`
          : names.length === 0
            ? 'take it away'
            : `there is ${names.join(', ')}`,
      );
    }
  return Object.fromEntries(
    items.map(({ name, parameters }) => [
      name,
      settingsOf(
        parameters,
        (Object.hasOwn(settings, name) ? settings[name] : undefined) ?? {},
        `${where}.settings.${name}`,
      ),
    ]),
  );
}
