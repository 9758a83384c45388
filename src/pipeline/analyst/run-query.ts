import * as path from 'node:path';
import type { QueryRunner, StoreQuery, StoreRow } from '../../analyst/index.ts';
import { numberAt, type Table, textAt } from '../../core/index.ts';
import { isAddress } from '../../incident/index.ts';
import { openCsv, openInput } from '../../io/index.ts';
import type { AnalysisResult } from '../../report/index.ts';
import { OddityCounter } from '../../wire/index.ts';

/** The flows of a run, beside its report. */
export const RUN_FLOWS_FILE = 'flows.csv';

/** What the queries need of a report. */
export type StoredRun = Pick<AnalysisResult, 'incidents' | 'devices'>;

export interface RunQueriesOptions {
  /** Hosts of incidents that are followed; further ones can't be asked about. Default 10,000. */
  readonly maxHosts?: number;
  /** Pairs of a host and a peer over all hosts. Beyond them only pairs of hosts of incidents are told apart. Default 1,000,000. */
  readonly maxPeers?: number;
  /** Hours of a host; of what lies later nothing is told. Default 2,200, a quarter of a year. */
  readonly maxHours?: number;
}

const DEFAULTS = { maxHosts: 10_000, maxPeers: 1_000_000, maxHours: 2200 };
/** Rows of an answer at most; what it becomes is one sentence. */
const MAX_ROWS = 40;
const HOUR_MS = 3_600_000;
const COLUMNS = {
  startMs: 'number',
  endMs: 'number',
  initiator: 'text',
  responder: 'text',
  initiatorBytes: 'number',
  responderBytes: 'number',
  service: 'text',
} as const;

interface Sums {
  flows: number;
  out: number;
  back: number;
}

interface HostSums {
  readonly peers: Map<string, Sums>;
  readonly hours: Map<number, Sums>;
  readonly services: Map<string, Sums>;
  firstMs: number;
  lastMs: number;
  flows: number;
}

/**
 * Answers the fixed queries of staged mode from what a run left on disk: its flows (flows.csv, read through once, when the first query comes), its incidents and its devices. A query names a host of
 * an incident and nothing else; there is no language of queries that anybody could write something into. Memory is bounded by `RunQueriesOptions`, whatever the file holds.
 */
export class RunQueries implements QueryRunner {
  readonly #result: StoredRun;
  readonly #file: string;
  readonly #options: Required<RunQueriesOptions>;
  readonly #wanted: ReadonlySet<string>;
  #hosts: Promise<ReadonlyMap<string, HostSums>> | undefined;

  /** @param folder where the report of `result` lies */
  constructor(result: StoredRun, folder: string, options: RunQueriesOptions = {}) {
    this.#result = result;
    this.#file = path.join(folder, RUN_FLOWS_FILE);
    this.#options = { ...DEFAULTS, ...options };
    const wanted = new Set<string>();
    for (const { actors, peers } of result.incidents)
      for (const { address } of [...actors, ...peers])
        if (isAddress(address) && wanted.size < this.#options.maxHosts) wanted.add(address);
    this.#wanted = wanted;
  }

  /** Rejects with UserError where the flows of the run are not there, and after the signal. */
  async run(query: StoreQuery, signal?: AbortSignal): Promise<readonly StoreRow[]> {
    const { name, host, peer } = query;
    if (name === 'other-incidents') return this.#otherIncidents(host);
    if (name === 'device') return this.#device(host);
    const one = (await this.#read(signal)).get(host);
    if (one === undefined) return [];
    const rowOf = ({ flows, out, back }: Sums): StoreRow => ({ flows, bytesOut: out, bytesIn: back });
    const most = (map: ReadonlyMap<string, Sums>, weight: (sums: Sums) => number): [string, Sums][] =>
      [...map].sort(([a, x], [b, y]) => weight(y) - weight(x) || (a < b ? -1 : 1)).slice(0, MAX_ROWS);
    switch (name) {
      case 'top-peers':
        return most(one.peers, ({ out, back }) => out + back).map(([address, sums]) => ({ address, ...rowOf(sums) }));
      case 'services':
        return most(one.services, ({ flows }) => flows).map(([service, sums]) => ({ service, flows: sums.flows }));
      case 'bytes-by-hour':
        return [...one.hours]
          .sort(([a], [b]) => a - b)
          .slice(0, MAX_ROWS)
          .map(([hour, sums]) => ({ firstMs: hour * HOUR_MS, ...rowOf(sums) }));
      case 'first-seen':
        return [{ firstMs: one.firstMs, lastMs: one.lastMs, flows: one.flows }];
      case 'between': {
        const sums = peer === undefined ? undefined : one.peers.get(peer);
        return sums === undefined ? [] : [rowOf(sums)];
      }
    }
  }

  #otherIncidents(host: string): StoreRow[] {
    return this.#result.incidents
      .filter(({ actors, peers }) => [...actors, ...peers].some(({ address }) => address === host))
      .slice(0, MAX_ROWS)
      .map(({ verdict, id, firstMs }) => ({ id, label: verdict.hypothesis, ...(firstMs === 0 ? {} : { firstMs }) }));
  }

  #device(host: string): StoreRow[] {
    const device = (this.#result.devices ?? []).find(({ addresses }) =>
      addresses.some(({ address }) => address === host),
    );
    if (device === undefined) return [];
    const role = device.baseline?.role ?? device.roles[0]?.role;
    const others = device.addresses.map(({ address }) => address).filter((address) => address !== host);
    return [
      {
        ...(role === undefined ? {} : { label: role }),
        ...(device.firstMs === 0 ? {} : { firstMs: device.firstMs }),
        flows: device.flows,
      },
      ...others
        .filter(isAddress)
        .slice(0, MAX_ROWS - 1)
        .map((address) => ({ address })),
    ];
  }

  #read(signal: AbortSignal | undefined): Promise<ReadonlyMap<string, HostSums>> {
    this.#hosts ??= this.#sum(signal).catch((error: unknown) => {
      // Whoever stopped it may come again; what is broken stays broken.
      if (signal?.aborted === true) this.#hosts = undefined;
      throw error;
    });
    return this.#hosts;
  }

  async #sum(signal: AbortSignal | undefined): Promise<ReadonlyMap<string, HostSums>> {
    const hosts = new Map<string, HostSums>();
    const source = await openCsv(await openInput(this.#file), {
      oddities: new OddityCounter(),
      types: COLUMNS,
      header: true,
      separator: ',',
      ...(signal === undefined ? {} : { signal }),
    });
    try {
      let pairs = 0;
      for (;;) {
        signal?.throwIfAborted();
        const table = await source.read();
        if (table === undefined) return hosts;
        pairs = this.#take(table, hosts, pairs);
      }
    } finally {
      source.close();
    }
  }

  #take(table: Table, hosts: Map<string, HostSums>, before: number): number {
    const { maxPeers, maxHours } = this.#options;
    let pairs = before;
    const [initiator, responder, service] = ['initiator', 'responder', 'service'].map((name) => table.strings(name));
    const [startMs, endMs, initiatorBytes, responderBytes] = [
      'startMs',
      'endMs',
      'initiatorBytes',
      'responderBytes',
    ].map((name) => table.numbers(name));
    if (!initiator || !responder || !service || !startMs || !endMs || !initiatorBytes || !responderBytes) return pairs;
    const add = (map: Map<string, Sums> | Map<number, Sums>, key: string | number, out: number, back: number): void => {
      const sums = (map as Map<string | number, Sums>).get(key);
      if (sums === undefined) (map as Map<string | number, Sums>).set(key, { flows: 1, out, back });
      else {
        sums.flows++;
        sums.out += out;
        sums.back += back;
      }
    };
    for (let row = 0; row < table.rowCount; row++) {
      const from = textAt(initiator, row);
      const to = textAt(responder, row);
      if (from === undefined || to === undefined) continue;
      const start = numberAt(startMs, row);
      const end = numberAt(endMs, row) ?? start;
      const sent = numberAt(initiatorBytes, row) ?? 0;
      const got = numberAt(responderBytes, row) ?? 0;
      const kind = textAt(service, row);
      for (const [host, peer, out, back] of [
        [from, to, sent, got],
        [to, from, got, sent],
      ] as const) {
        if (!this.#wanted.has(host)) continue;
        let one = hosts.get(host);
        if (one === undefined) {
          one = {
            peers: new Map(),
            hours: new Map(),
            services: new Map(),
            firstMs: Infinity,
            lastMs: -Infinity,
            flows: 0,
          };
          hosts.set(host, one);
        }
        one.flows++;
        if (start !== undefined) one.firstMs = Math.min(one.firstMs, start);
        if (end !== undefined) one.lastMs = Math.max(one.lastMs, end);
        if (one.peers.has(peer)) add(one.peers, peer, out, back);
        else if (pairs < maxPeers || this.#wanted.has(peer)) {
          pairs++;
          add(one.peers, peer, out, back);
        }
        if (start !== undefined) {
          const hour = Math.floor(start / HOUR_MS);
          if (one.hours.has(hour) || one.hours.size < maxHours) add(one.hours, hour, out, back);
        }
        // Names of services are few, as code gives them; of another tool's file no more than a few are taken.
        if (kind !== undefined && host === from && (one.services.has(kind) || one.services.size < MAX_ROWS))
          add(one.services, kind, out, back);
        if (from === to) break;
      }
    }
    return pairs;
  }
}
