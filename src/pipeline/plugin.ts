import { type Schema, safeText, type Table } from '../core/index.ts';
import { type Detection, type EvidenceRecord, MAX_EVIDENCE_FLOWS, MAX_PEERS, recordOf } from '../detect/index.ts';
import { type Definitions, TIME_UNIT } from '../feature/index.ts';
import { type FlowRecord, flowRecord } from '../flow/index.ts';
import { WHOLE_TABLE } from '../incident/index.ts';
import type { PluginHost } from '../io/index.ts';
import type { FlowStore } from './store.ts';
import { timeReader } from './table/measure.ts';
import type { TablePlan } from './table/plan.ts';

/** A plan whose definitions name functions and flags of plugins: they are asked before each batch. Throws UserError where one can't stand where it stands. */
export function pluginPlan(plan: TablePlan, plugins: PluginHost, definitions: Definitions, schema: Schema): TablePlan {
  const sites = plugins.sites(definitions, schema);
  return {
    ...plan,
    prepare: async (table) => {
      await plugins.drain();
      await sites.prepare(table);
    },
    settle: () => plugins.settle(),
  };
}

/** What could not be seen because of plugins, each one sentence. */
export function pluginBlindSpots(plugins: PluginHost | undefined, table: 'flows' | 'rows', schema: Schema): string[] {
  if (plugins === undefined) return [];
  return [
    ...plugins
      .failures()
      .map(
        ({ plugin, reason }) =>
          `The plugin ${safeText(plugin, 100)} ${reason.replace(/\.$/, '')}; the run went on without it, and what it adds is missing from there on.`,
      ),
    ...plugins
      .detectors(table, schema)
      .lacking.map(({ plugin, reason }) => `The plugin ${safeText(plugin, 100)} ${reason}.`),
  ];
}

interface Gathered {
  firstMs: number;
  lastMs: number;
  readonly records: EvidenceRecord[];
  readonly flows: FlowRecord[];
  readonly ends: Set<string>;
}

/** The detectors of plugins on their way through the batches of a run. */
export class PluginLooks {
  #detectors: ReturnType<PluginHost['detectors']>['able'];
  #ofFlows: boolean;
  #time: string | undefined;
  #rows = 0;

  /** @param time column of the time, where the run knows it; else the first column of times */
  constructor(plugins: PluginHost, table: 'flows' | 'rows', schema: Schema, time: string | undefined) {
    this.#detectors = plugins.detectors(table, schema).able;
    this.#ofFlows = table === 'flows';
    this.#time = time ?? schema.columns.find(({ unit }) => unit === TIME_UNIT)?.name;
  }

  /** @param rowNumbers number of each row in the run, from 1; counted on where absent */
  async observe(table: Table, rowNumbers?: Float64Array): Promise<void> {
    if (this.#detectors.length === 0) return;
    const numbers = rowNumbers ?? Float64Array.from({ length: table.rowCount }, (_, row) => this.#rows + row + 1);
    this.#rows += table.rowCount;
    for (const detector of this.#detectors) await detector.observe(table, numbers);
  }

  /** What they found, with the rows looked up in the store that held what was observed, in the same order. */
  async finish(store: FlowStore, rowNumbers?: Float64Array): Promise<Detection[]> {
    const found: { readonly id: string; readonly finding: PluginFound; readonly gathered: Gathered }[] = [];
    for (const detector of this.#detectors)
      for (const finding of await detector.finish())
        found.push({
          id: detector.id,
          finding,
          gathered: {
            firstMs: Number.POSITIVE_INFINITY,
            lastMs: Number.NEGATIVE_INFINITY,
            records: [],
            flows: [],
            ends: new Set(),
          },
        });
    if (found.length === 0) return [];
    const wanted = new Map<number, Gathered[]>();
    for (const { finding, gathered } of found)
      for (const row of finding.rows) {
        const list = wanted.get(row);
        if (list === undefined) wanted.set(row, [gathered]);
        else list.push(gathered);
      }
    let done = 0;
    for (const { table } of store.chunks()) {
      for (let row = 0; row < table.rowCount; row++) {
        const number = rowNumbers === undefined ? done + row + 1 : (rowNumbers[done + row] ?? 0);
        for (const gathered of wanted.get(number) ?? []) this.#gather(gathered, table, row, number);
      }
      done += table.rowCount;
    }
    return found.map(({ id, finding, gathered }) => this.#detection(id, finding, gathered));
  }

  #gather(gathered: Gathered, table: Table, row: number, number: number): void {
    if (this.#ofFlows) {
      const flow = flowRecord(table, row);
      if (flow.startMs !== undefined && flow.startMs < gathered.firstMs) gathered.firstMs = flow.startMs;
      if (flow.endMs !== undefined && flow.endMs > gathered.lastMs) gathered.lastMs = flow.endMs;
      for (const end of [flow.initiator, flow.responder])
        if (end !== undefined && gathered.ends.size <= MAX_PEERS) gathered.ends.add(end);
      if (gathered.flows.length < MAX_EVIDENCE_FLOWS) gathered.flows.push(flow);
      return;
    }
    const time = timeReader(table, this.#time)(row);
    if (time !== undefined && Number.isFinite(time)) {
      if (time < gathered.firstMs) gathered.firstMs = time;
      if (time > gathered.lastMs) gathered.lastMs = time;
    }
    if (gathered.records.length < MAX_EVIDENCE_FLOWS) gathered.records.push(recordOf(table, row, number));
  }

  #detection(id: string, { entity, score, message, reasons, rows }: PluginFound, gathered: Gathered): Detection {
    const { flows, records, ends } = gathered;
    const timed = gathered.firstMs <= gathered.lastMs;
    const said = 'The words of the plugin stand beside this line.';
    // The host of a finding in flows is one that stands in them.
    const actor = this.#ofFlows
      ? entity !== undefined && ends.has(entity)
        ? entity
        : (flows[0]?.initiator ?? '')
      : (entity ?? WHOLE_TABLE);
    const peers = [...ends].filter((end) => end !== actor).slice(0, MAX_PEERS);
    return {
      kind: `plugin.${id}`,
      detector: `plugin.${id}`,
      actor,
      peers,
      peerCount: peers.length,
      firstMs: timed ? gathered.firstMs : 0,
      lastMs: timed ? gathered.lastMs : 0,
      score,
      reasons: [
        { name: 'plugin.detector', value: id, unit: '', sentence: 'A detector of a plugin names these rows.' },
        ...(message === '' ? [] : [{ name: 'plugin.message', value: message, unit: '', sentence: said }]),
        ...reasons.map(({ name, value, unit }) => ({
          name: `plugin.${name}`,
          value,
          unit,
          sentence: 'A measure of the detector stands beside this line, by the name that its author gave it.',
        })),
        {
          name: 'plugin.rows',
          value: rows.length,
          unit: this.#ofFlows ? 'flows' : 'rows',
          sentence: `It rests on ${rows.length} of them.`,
        },
      ],
      ...(this.#ofFlows
        ? { flows, flowCount: rows.length }
        : {
            flows: [],
            flowCount: 0,
            records: records.sort((a, b) => a.row - b.row),
            recordCount: rows.length,
          }),
    };
  }
}

type PluginFound = Awaited<ReturnType<ReturnType<PluginHost['detectors']>['able'][number]['finish']>>[number];
