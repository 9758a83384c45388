import { type Schema, type Table, TableBuilder } from '../../core/index.ts';
import { bindFlows } from '../../flow/index.ts';
import type { FeatureSaturation, FlowFeature } from '../flow.ts';
import type { FeatureMatrix } from '../matrix.ts';
import { emptyMatrix, eventTimeAt, positionsOf, quantityAt } from './part.ts';
import { Cap, Distinct, Hashes, HashSet, mix53, saturationsOf } from './state.ts';

/**
 * What each source did in each window of time: a table of its own, one row per host, window length and window, and the pack that measures it. Windows
 * tumble: they begin at multiples of their length since 1970 (UTC). A flow belongs to the windows in which it ended.
 */
const COLUMNS = [
  { name: 'host', kind: 'string', unit: 'address', meaning: 'Who started the flows.' },
  { name: 'startMs', kind: 'float64', unit: 'ms since 1970 UTC', meaning: 'Beginning of the window.' },
  { name: 'windowMs', kind: 'float64', unit: 'ms', meaning: 'Length of the window.' },
  { name: 'flows', kind: 'float64', unit: 'flows', meaning: 'Flows of the host that ended in the window.' },
  {
    name: 'destinations',
    kind: 'float64',
    unit: 'addresses',
    meaning: 'Different addresses that it contacted; from 1,024 on an estimate with a standard error of 3.3 %.',
  },
  {
    name: 'ports',
    kind: 'float64',
    unit: 'ports',
    meaning: 'Different responder ports, per protocol; from 256 on an estimate with a standard error of 3.3 %.',
  },
  { name: 'services', kind: 'float64', unit: 'services', meaning: 'Different application protocols, at most 64.' },
  {
    name: 'failedRatio',
    kind: 'float64',
    unit: 'ratio 0..1',
    meaning: 'Share of the flows with a known outcome that were refused or not answered; missing without such a flow.',
  },
  {
    name: 'bytesOut',
    kind: 'float64',
    unit: 'bytes',
    meaning: 'Bytes that the host sent; missing where no flow tells.',
  },
  { name: 'bytesIn', kind: 'float64', unit: 'bytes', meaning: 'Bytes that came back; missing where no flow tells.' },
  {
    name: 'bytesRatio',
    kind: 'float64',
    unit: 'ratio -1..1',
    meaning: 'Balance of the bytes, from -1 (all out) over 0 (even) to 1 (all in); missing without a byte.',
  },
  { name: 'flowsPerSecond', kind: 'float64', unit: 'flows/s', meaning: 'Flows divided by the length of the window.' },
  {
    name: 'destinationEntropy',
    kind: 'float64',
    unit: 'bits',
    meaning:
      'Shannon entropy of the flows over the destinations: 0 for a single one, log2 of their number where all get alike.',
  },
  {
    name: 'newDestinations',
    kind: 'float64',
    unit: 'addresses',
    meaning:
      'Destinations that the host had never contacted before in this run; missing where the memory of them is full.',
  },
] as const;

export const HOST_SCHEMA: Schema = { name: 'hosts', version: 1, columns: COLUMNS };
const C = Object.fromEntries(COLUMNS.map((c, i) => [c.name, i])) as Record<(typeof COLUMNS)[number]['name'], number>;

export interface HostWindowOptions {
  /** Lengths of the windows. Default 60 s and 10 min. */
  readonly windowsMs?: readonly number[];
  /** How much later than the end of a window a host must have been seen before the window is written: flows are reported when they end or time out. Default 10 min. */
  readonly latenessMs?: number;
  /** Open windows of all hosts; beyond it those of the hosts that were silent longest are written early, and go on in a second row if they must. Default 50,000, of at least 500 bytes each. */
  readonly maxOpen?: number;
  /** Destinations that all open windows hold together; beyond it windows estimate. Default 500,000 of about 50 bytes. */
  readonly maxDestinations?: number;
  /** (host, destination) pairs that are remembered as known. Default 500,000 of about 20 bytes. */
  readonly maxKnown?: number;
}

const EXACT_DESTINATIONS = 1024;
const EXACT_PORTS = 256;
const MAX_SERVICES = 64;
const DAY_MS = 86_400_000;

class Window {
  readonly host: string;
  readonly startMs: number;
  readonly windowMs: number;
  flows = 0;
  judged = 0;
  failed = 0;
  bytesOut = Number.NaN;
  bytesIn = Number.NaN;
  fresh = 0;
  freshKnown = true;
  readonly destinations = new Map<number, number>();
  overflow = 0;
  sketch: Distinct | undefined;
  readonly ports = new Distinct(EXACT_PORTS);
  readonly services = new Set<string>();

  constructor(host: string, startMs: number, windowMs: number) {
    this.host = host;
    this.startMs = startMs;
    this.windowMs = windowMs;
  }

  meet(destination: number, pool: Cap): void {
    const known = this.destinations.get(destination);
    if (known !== undefined) {
      this.destinations.set(destination, known + 1);
      return;
    }
    if (this.destinations.size < EXACT_DESTINATIONS && pool.held < pool.cap) {
      this.destinations.set(destination, 1);
      pool.held++;
      return;
    }
    if (pool.held >= pool.cap) pool.refused++;
    if (this.sketch === undefined) {
      this.sketch = new Distinct(0);
      for (const one of this.destinations.keys()) this.sketch.add(one);
    }
    this.sketch.add(destination);
    this.overflow++;
  }

  get destinationCount(): number {
    const held = this.destinations.size;
    return this.sketch === undefined ? held : Math.min(held + this.overflow, Math.max(held + 1, this.sketch.count));
  }

  /** Flows to destinations that are not held are taken as spread evenly over them. NaN without a destination. */
  get entropy(): number {
    let total = this.overflow;
    for (const n of this.destinations.values()) total += n;
    if (total === 0) return Number.NaN;
    let bits = 0;
    for (const n of this.destinations.values()) bits += (n / total) * Math.log2(total / n);
    if (this.overflow > 0) {
      const each = this.overflow / (this.destinationCount - this.destinations.size);
      bits += (this.overflow / total) * Math.log2(total / each);
    }
    return bits;
  }
}

interface HostClock {
  /** Latest time at which the host was seen. */
  seenMs: number;
  /** Per window length: what begins before this was written. */
  readonly writtenMs: Float64Array;
  open: Window[];
}

/** Turns flow tables into host tables. Time belongs to each host alone, so captures with several clocks disturb nobody else. */
export class HostWindows {
  /** Flows that came when their window had been written. */
  lateFlows = 0;
  #windowsMs: readonly number[];
  #latenessMs: number;
  #hosts = new Map<string, HostClock>();
  #open = 0;
  #windows: Cap;
  #destinations: Cap;
  #pairs: Cap;
  #known: HashSet;

  constructor(options: HostWindowOptions = {}) {
    const {
      windowsMs = [60_000, 600_000],
      latenessMs = 600_000,
      maxOpen = 50_000,
      maxDestinations = 500_000,
      maxKnown = 500_000,
    } = options;
    if (windowsMs.length === 0 || windowsMs.some((ms) => !(ms > 0 && ms < Number.POSITIVE_INFINITY)))
      throw new Error('a window has a length above 0');
    this.#windowsMs = windowsMs;
    this.#latenessMs = latenessMs;
    this.#windows = new Cap(
      'open windows of hosts (some were written early, in parts)',
      Math.max(maxOpen, windowsMs.length),
    );
    this.#destinations = new Cap('destinations in windows of hosts', maxDestinations);
    this.#pairs = new Cap('known pairs of host and destination', maxKnown);
    this.#known = new HashSet(this.#pairs);
  }

  /** Takes in flows and returns the rows of the windows that are over, by start, length and host. */
  add(flowTable: Table, order?: Int32Array): Table {
    const flows = bindFlows(flowTable);
    const done: Window[] = [];
    const hosts = new Hashes(flows.initiator.dictionary);
    const targets = new Hashes(flows.responder.dictionary);
    const protocols = new Hashes(flows.protocol.dictionary);
    for (let k = 0; k < flows.rowCount; k++) {
      const row = order === undefined ? k : order[k];
      const code = flows.initiator.codes[row];
      const time = eventTimeAt(flows.startMs, flows.endMs, row);
      if (code < 0 || Number.isNaN(time)) continue;
      const host = flows.initiator.dictionary[code];
      const clock = this.#clock(host, time, done);
      const destinationCode = flows.responder.codes[row];
      const destination = destinationCode < 0 ? undefined : targets.at(destinationCode);
      const fresh = destination === undefined ? false : this.#known.add(mix53(hosts.at(code), destination));
      const out = quantityAt(flows.initiatorBytes, row);
      const into = quantityAt(flows.responderBytes, row);
      const port = quantityAt(flows.responderPort, row);
      const protocolCode = flows.protocol.codes[row];
      const protocol = protocolCode < 0 ? 0 : protocols.at(protocolCode);
      const serviceCode = flows.service.codes[row];
      const outcomeCode = flows.outcome.codes[row];
      const outcome = outcomeCode < 0 ? '' : flows.outcome.dictionary[outcomeCode];
      let late = false;
      for (let w = 0; w < this.#windowsMs.length; w++) {
        const window = this.#window(clock, host, time, w, done);
        if (window === undefined) {
          late = true;
          continue;
        }
        window.flows++;
        if (outcome === 'answered' || outcome === 'refused' || outcome === 'unanswered') window.judged++;
        if (outcome === 'refused' || outcome === 'unanswered') window.failed++;
        if (!Number.isNaN(out)) window.bytesOut = (Number.isNaN(window.bytesOut) ? 0 : window.bytesOut) + out;
        if (!Number.isNaN(into)) window.bytesIn = (Number.isNaN(window.bytesIn) ? 0 : window.bytesIn) + into;
        if (!Number.isNaN(port)) window.ports.add(mix53(protocol, port));
        if (serviceCode >= 0 && window.services.size < MAX_SERVICES)
          window.services.add(flows.service.dictionary[serviceCode]);
        if (destination !== undefined) window.meet(destination, this.#destinations);
        if (fresh === true) window.fresh++;
        else if (fresh === undefined) window.freshKnown = false;
      }
      if (late) this.lateFlows++;
    }
    return this.#table(done);
  }

  /** The rows of all windows that end before a time, of hosts that went silent as well: for live use. */
  closeBefore(timeMs: number): Table {
    const done: Window[] = [];
    for (const clock of this.#hosts.values()) this.#close(clock, timeMs, done);
    return this.#table(done);
  }

  /** The rows of all windows that are still open. */
  finish(): Table {
    const table = this.closeBefore(Number.POSITIVE_INFINITY);
    this.#hosts.clear();
    return table;
  }

  #clock(host: string, time: number, done: Window[]): HostClock {
    let clock = this.#hosts.get(host);
    if (clock === undefined) {
      if (this.#hosts.size >= this.#windows.cap) this.#forgetHosts(done);
      clock = {
        seenMs: time,
        writtenMs: new Float64Array(this.#windowsMs.length).fill(Number.NEGATIVE_INFINITY),
        open: [],
      };
      this.#hosts.set(host, clock);
      return clock;
    }
    if (time > clock.seenMs) {
      clock.seenMs = time;
      if (clock.open.length > 0) this.#close(clock, time - this.#latenessMs, done);
    } else if (time < clock.seenMs - DAY_MS - this.#latenessMs) {
      // Another clock: what was open of the old one is over.
      this.#close(clock, Number.POSITIVE_INFINITY, done);
      clock.writtenMs.fill(Number.NEGATIVE_INFINITY);
      clock.seenMs = time;
    }
    return clock;
  }

  /** Undefined where the window was written already. */
  #window(clock: HostClock, host: string, time: number, which: number, done: Window[]): Window | undefined {
    const windowMs = this.#windowsMs[which];
    const startMs = Math.floor(time / windowMs) * windowMs;
    const known = clock.open.find((one) => one.windowMs === windowMs && one.startMs === startMs);
    if (known !== undefined) return known;
    if (startMs < clock.writtenMs[which]) return undefined;
    if (this.#open >= this.#windows.cap) this.#closeOldest(done);
    const window = new Window(host, startMs, windowMs);
    clock.open.push(window);
    this.#open++;
    return window;
  }

  /** @param early the windows are not over: a flow that still comes begins another row of the same window. */
  #close(clock: HostClock, beforeMs: number, done: Window[], early: boolean = false): void {
    const stay: Window[] = [];
    for (const window of clock.open) {
      if (window.startMs + window.windowMs > beforeMs) {
        stay.push(window);
        continue;
      }
      const which = this.#windowsMs.indexOf(window.windowMs);
      if (!early) clock.writtenMs[which] = Math.max(clock.writtenMs[which], window.startMs + window.windowMs);
      this.#destinations.held -= window.destinations.size;
      this.#open--;
      done.push(window);
    }
    if (stay.length < clock.open.length) clock.open = stay;
  }

  /** Writes the older half of the open windows, by when their hosts were last seen. */
  #closeOldest(done: Window[]): void {
    const seen = Float64Array.from(
      [...this.#hosts.values()].filter((clock) => clock.open.length > 0),
      (c) => c.seenMs,
    );
    const cut = seen.sort()[seen.length >> 1];
    const before = done.length;
    for (const clock of this.#hosts.values()) {
      if (clock.seenMs > cut) continue;
      this.#close(clock, Number.POSITIVE_INFINITY, done, true);
      if (this.#open <= this.#windows.cap / 2) break;
    }
    this.#windows.refused += done.length - before;
  }

  /** Hosts whose windows are written are forgotten first; where all have open ones, the older half of those is written. */
  #forgetHosts(done: Window[]): void {
    const forget = (): void => {
      for (const [host, clock] of this.#hosts) if (clock.open.length === 0) this.#hosts.delete(host);
    };
    forget();
    if (this.#hosts.size < this.#windows.cap) return;
    this.#closeOldest(done);
    forget();
  }

  #table(done: Window[]): Table {
    done.sort(
      (a, b) => a.startMs - b.startMs || a.windowMs - b.windowMs || (a.host < b.host ? -1 : a.host > b.host ? 1 : 0),
    );
    const builder = new TableBuilder(HOST_SCHEMA, Math.max(1, done.length));
    for (const window of done) {
      const row = builder.addRow();
      const set = (column: number, value: number): void => {
        if (!Number.isNaN(value)) builder.setNumber(column, row, value);
      };
      const bytes = window.bytesOut + window.bytesIn;
      builder.setText(C.host, row, window.host);
      set(C.startMs, window.startMs);
      set(C.windowMs, window.windowMs);
      set(C.flows, window.flows);
      set(C.destinations, window.destinationCount);
      set(C.ports, window.ports.count);
      set(C.services, window.services.size);
      set(C.failedRatio, window.judged === 0 ? Number.NaN : window.failed / window.judged);
      set(C.bytesOut, window.bytesOut);
      set(C.bytesIn, window.bytesIn);
      set(C.bytesRatio, bytes > 0 ? (window.bytesIn - window.bytesOut) / bytes : Number.NaN);
      set(C.flowsPerSecond, window.flows / (window.windowMs / 1000));
      set(C.destinationEntropy, window.entropy);
      set(C.newDestinations, window.freshKnown ? window.fresh : Number.NaN);
    }
    return builder.finish();
  }

  /** Caps that refused something. */
  saturations(): FeatureSaturation[] {
    return saturationsOf([this.#windows, this.#destinations, this.#pairs]);
  }

  /** How much it holds now; bounded by the options. */
  held(): { hosts: number; windows: number; destinations: number; pairs: number } {
    return {
      hosts: this.#hosts.size,
      windows: this.#open,
      destinations: this.#destinations.held,
      pairs: this.#known.size,
    };
  }
}

const FEATURES = [
  { name: 'host.window', unit: 'ln s', meaning: 'Length of the window.' },
  { name: 'host.flows', unit: 'ln flows', meaning: 'Flows that the host started and that ended in the window.' },
  { name: 'host.flow-rate', unit: 'ln flows/s', meaning: 'Flows per second of the window.' },
  { name: 'host.destinations', unit: 'ln addresses', meaning: 'Different addresses that the host contacted.' },
  { name: 'host.ports', unit: 'ln ports', meaning: 'Different responder ports that the host contacted.' },
  { name: 'host.services', unit: 'services', meaning: 'Different application protocols that the host spoke.' },
  {
    name: 'host.failed-ratio',
    unit: 'ratio 0..1',
    meaning: "Share of the host's flows that were refused or not answered.",
  },
  { name: 'host.bytes-out', unit: 'ln bytes', meaning: 'Bytes that the host sent.' },
  { name: 'host.bytes-in', unit: 'ln bytes', meaning: 'Bytes that came back to the host.' },
  {
    name: 'host.bytes-ratio',
    unit: 'ratio -1..1',
    meaning: 'Balance of the bytes, from -1 (all out) over 0 (even) to 1 (all in).',
  },
  {
    name: 'host.destination-entropy',
    unit: 'bits',
    meaning: "Shannon entropy of the host's flows over their destinations.",
  },
  {
    name: 'host.new-destinations',
    unit: 'ln addresses',
    meaning: 'Destinations that the host had never contacted before in this run.',
  },
  {
    name: 'host.new-destination-ratio',
    unit: 'ratio 0..1',
    meaning: "Share of the host's destinations that it had never contacted before in this run.",
  },
] as const satisfies readonly FlowFeature[];

export type HostFeatureName = (typeof FEATURES)[number]['name'];
export const HOST_FEATURES: readonly FlowFeature[] = FEATURES;
const F = positionsOf<HostFeatureName>(FEATURES);

/** Measures host tables. Remembers nothing: every row by itself. */
export class HostFeatureMeasurer {
  readonly features: readonly FlowFeature[] = HOST_FEATURES;

  /** Row i of the matrix is row i of the table. Throws where the table is not a host table. */
  measure(table: Table, _order?: Int32Array, into?: Float32Array): FeatureMatrix {
    if (table.schema.name !== HOST_SCHEMA.name) throw new Error(`expected a host table, got '${table.schema.name}'`);
    const matrix = emptyMatrix(FEATURES, table.rowCount, into);
    const columns = COLUMNS.map((column) => (column.kind === 'string' ? undefined : table.numbers(column.name)));
    for (let row = 0; row < table.rowCount; row++) {
      const at = row * FEATURES.length;
      const put = (feature: HostFeatureName, value: number): void => {
        matrix.values[at + F[feature]] = value;
      };
      const read = (column: number): number => quantityAt(columns[column]!, row);
      put('host.window', Math.log1p(read(C.windowMs) / 1000));
      put('host.flows', Math.log1p(read(C.flows)));
      put('host.flow-rate', Math.log1p(read(C.flowsPerSecond)));
      put('host.destinations', Math.log1p(read(C.destinations)));
      put('host.ports', Math.log1p(read(C.ports)));
      put('host.services', read(C.services));
      put('host.failed-ratio', read(C.failedRatio));
      put('host.bytes-out', Math.log1p(read(C.bytesOut)));
      put('host.bytes-in', Math.log1p(read(C.bytesIn)));
      put('host.bytes-ratio', table.number('bytesRatio', row) ?? Number.NaN);
      put('host.destination-entropy', read(C.destinationEntropy));
      put('host.new-destinations', Math.log1p(read(C.newDestinations)));
      const destinations = read(C.destinations);
      if (destinations > 0) put('host.new-destination-ratio', Math.min(1, read(C.newDestinations) / destinations));
    }
    return matrix;
  }

  /** It has no caps: those of the windows are with `HostWindows`. */
  saturations(): FeatureSaturation[] {
    return [];
  }
}
