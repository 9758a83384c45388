import { type NumberColumn, PackedTextColumn, type StringColumn, type Table, TextHashes } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { PROTO, serviceByPort } from '../wire/index.ts';
import type { Feature, FeatureMatrix } from './matrix.ts';
import { SourceWindows, WINDOW_BUCKET_MS } from './window.ts';

/**
 * The flow pack: the numbers that models see of one flow and of what its initiator did in the minute before.
 *
 * Nothing here depends on the rest of the file: a row measures the same whatever came before it, but for the four `source.*` windows. How rare a
 * port or a name is must be learned by a model. A value is missing (NaN) only where the thing it is made of is missing; the `source.*` values
 * also where the caps of `window.ts` left no room. No value is infinite.
 */

/**
 * A feature of the flow pack with the words that a person needs to read its value back.
 * Every unit that begins with 'ln ' holds ln(1 + x) of the plain quantity. `classes` names the values 0, 1, 2 ... of a feature that is a class.
 */
export interface FlowFeature extends Feature {
  readonly classes?: readonly string[];
}

const FEATURES = [
  { name: 'flow.duration', unit: 'ln ms', meaning: 'How long the flow lasted.' },
  { name: 'flow.initiator-packets', unit: 'ln packets', meaning: 'Packets from the initiator.' },
  { name: 'flow.responder-packets', unit: 'ln packets', meaning: 'Packets from the responder.' },
  { name: 'flow.initiator-bytes', unit: 'ln bytes', meaning: 'Bytes of whole frames from the initiator.' },
  { name: 'flow.responder-bytes', unit: 'ln bytes', meaning: 'Bytes of whole frames from the responder.' },
  { name: 'flow.initiator-payload', unit: 'ln bytes', meaning: 'Payload bytes from the initiator.' },
  { name: 'flow.responder-payload', unit: 'ln bytes', meaning: 'Payload bytes from the responder.' },
  {
    name: 'flow.bytes-ratio',
    unit: 'ratio -1..1',
    meaning: 'Balance of the bytes, from -1 (all from the initiator) over 0 (even) to 1 (all from the responder).',
  },
  { name: 'flow.initiator-packet-size', unit: 'bytes', meaning: "Mean size of the initiator's frames." },
  { name: 'flow.responder-packet-size', unit: 'bytes', meaning: "Mean size of the responder's frames." },
  {
    name: 'flow.payload-fraction',
    unit: 'ratio 0..1',
    meaning: 'Share of the bytes that was payload and not headers.',
  },
  { name: 'flow.packet-rate', unit: 'ln packets/s', meaning: 'Packets per second, both directions together.' },
  { name: 'flow.iat-mean', unit: 'ln ms', meaning: 'Mean time between one packet and the next.' },
  { name: 'flow.iat-sd', unit: 'ln ms', meaning: 'Standard deviation of the times between packets.' },
  { name: 'flow.iat-min', unit: 'ln ms', meaning: 'Shortest time between packets.' },
  { name: 'flow.iat-max', unit: 'ln ms', meaning: 'Longest time between packets.' },
  {
    name: 'flow.iat-variation',
    unit: 'ratio',
    meaning: 'Unevenness of the times between packets, their standard deviation divided by their mean.',
  },
  {
    name: 'flow.port-class',
    unit: 'class',
    meaning: 'Range of the responder port.',
    classes: ['well-known', 'registered', 'ephemeral'],
  },
  {
    name: 'flow.service-known',
    unit: 'class',
    meaning: 'Whether the content showed which application protocol was spoken.',
    classes: ['not shown by content', 'shown by content'],
  },
  {
    name: 'flow.service-mismatch',
    unit: 'class',
    meaning: 'Whether the content was of another application protocol than the responder port promises.',
    classes: ['as the port promises', 'not what the port promises'],
  },
  {
    name: 'flow.protocol',
    unit: 'class',
    meaning: 'Protocol under the application.',
    classes: ['neither ICMP, UDP nor TCP', 'ICMP', 'UDP', 'TCP'],
  },
  {
    name: 'flow.outcome',
    unit: 'class',
    meaning: 'How the first packet of the flow was met.',
    classes: ['answered', 'unanswered', 'refused'],
  },
  {
    name: 'flow.reset',
    unit: 'class',
    meaning: 'Whether a side of the TCP connection broke it off with a reset.',
    classes: ['no reset', 'reset'],
  },
  {
    name: 'flow.direction',
    unit: 'class',
    meaning: 'Which way the flow crossed the border of the home network.',
    classes: ['inside to inside', 'inside to outside', 'outside to inside', 'outside to outside'],
  },
  {
    name: 'flow.name-length',
    unit: 'characters',
    meaning: 'Length of the name that was asked for (DNS question, TLS server name or HTTP host).',
  },
  { name: 'flow.name-digits', unit: 'ratio 0..1', meaning: 'Share of digits in the name that was asked for.' },
  {
    name: 'flow.hour-sin',
    unit: 'sine',
    meaning: 'Time of day (UTC) as the sine of its angle on a 24 h clock, 1 at 06:00 and -1 at 18:00.',
  },
  {
    name: 'flow.hour-cos',
    unit: 'cosine',
    meaning: 'Time of day (UTC) as the cosine of its angle on a 24 h clock, 1 at 00:00 and -1 at 12:00.',
  },
  {
    name: 'source.destinations',
    unit: 'ln addresses',
    meaning: 'Different addresses that the initiator contacted within 60 s.',
  },
  {
    name: 'source.ports',
    unit: 'ln ports',
    meaning: 'Different responder ports that the initiator contacted within 60 s.',
  },
  { name: 'source.flows', unit: 'ln flows', meaning: 'Flows that the initiator started within 60 s.' },
  {
    name: 'source.failed-ratio',
    unit: 'ratio 0..1',
    meaning: "Share of the initiator's flows within 60 s that were refused or not answered.",
  },
] as const satisfies readonly FlowFeature[];

export type FlowFeatureName = (typeof FEATURES)[number]['name'];

export const FLOW_FEATURES: readonly FlowFeature[] = FEATURES;

const F = Object.fromEntries(FEATURES.map((f, i) => [f.name, i])) as Record<FlowFeatureName, number>;
// Look-ups by name take time that the loop over the rows has not.
const F_FLOW_DURATION = F['flow.duration'];
const F_FLOW_INITIATOR_PACKETS = F['flow.initiator-packets'];
const F_FLOW_RESPONDER_PACKETS = F['flow.responder-packets'];
const F_FLOW_INITIATOR_BYTES = F['flow.initiator-bytes'];
const F_FLOW_RESPONDER_BYTES = F['flow.responder-bytes'];
const F_FLOW_INITIATOR_PAYLOAD = F['flow.initiator-payload'];
const F_FLOW_RESPONDER_PAYLOAD = F['flow.responder-payload'];
const F_FLOW_BYTES_RATIO = F['flow.bytes-ratio'];
const F_FLOW_PAYLOAD_FRACTION = F['flow.payload-fraction'];
const F_FLOW_INITIATOR_PACKET_SIZE = F['flow.initiator-packet-size'];
const F_FLOW_RESPONDER_PACKET_SIZE = F['flow.responder-packet-size'];
const F_FLOW_PACKET_RATE = F['flow.packet-rate'];
const F_FLOW_IAT_MEAN = F['flow.iat-mean'];
const F_FLOW_IAT_SD = F['flow.iat-sd'];
const F_FLOW_IAT_MIN = F['flow.iat-min'];
const F_FLOW_IAT_MAX = F['flow.iat-max'];
const F_FLOW_IAT_VARIATION = F['flow.iat-variation'];
const F_FLOW_PORT_CLASS = F['flow.port-class'];
const F_FLOW_PROTOCOL = F['flow.protocol'];
const F_FLOW_SERVICE_KNOWN = F['flow.service-known'];
const F_FLOW_SERVICE_MISMATCH = F['flow.service-mismatch'];
const F_FLOW_OUTCOME = F['flow.outcome'];
const F_FLOW_RESET = F['flow.reset'];
const F_FLOW_DIRECTION = F['flow.direction'];
const F_FLOW_NAME_LENGTH = F['flow.name-length'];
const F_FLOW_NAME_DIGITS = F['flow.name-digits'];
const F_FLOW_HOUR_SIN = F['flow.hour-sin'];
const F_FLOW_HOUR_COS = F['flow.hour-cos'];
const F_SOURCE_DESTINATIONS = F['source.destinations'];
const F_SOURCE_PORTS = F['source.ports'];
const F_SOURCE_FLOWS = F['source.flows'];
const F_SOURCE_FAILED_RATIO = F['source.failed-ratio'];

/** Services that ride on another one: what content may show on a port without breaking its promise. */
const CARRIED: Readonly<Record<string, readonly string[]>> = {
  smtps: ['tls', 'smtp'],
  imaps: ['tls', 'imap'],
  pop3s: ['tls', 'pop3'],
  ldaps: ['tls'],
  'ldaps-gc': ['tls'],
  ftps: ['tls', 'ftp'],
  sips: ['tls', 'sip'],
  'dns-tls': ['tls'],
  'mqtt-tls': ['tls', 'mqtt'],
  'winrm-tls': ['tls'],
  winrm: ['http'],
  ipp: ['http', 'tls'],
  docker: ['http', 'tls'],
  kibana: ['http', 'tls'],
  elasticsearch: ['http', 'tls'],
  vmware: ['tls'],
  printer: ['http'],
  'http-proxy': ['http', 'tls'],
  'dcerpc-http': ['http', 'dcerpc'],
  'windows-delivery': ['http'],
  'netbios-ssn': ['smb'],
  'netbios-ns': ['dns'],
  'ldap-gc': ['ldap'],
  // Syslog over TCP took the port of rsh long before it had one of its own.
  rsh: ['syslog'],
  // Ports where a plain and an encrypted variant of the same service are both usual.
  http: ['tls'],
  rdp: ['tls'],
  xmpp: ['tls'],
  quic: ['tls', 'stun', 'dtls'],
};

const PORT_CLASS_REGISTERED = 1024;
const PORT_CLASS_EPHEMERAL = 49_152;
const TWO_PI = 2 * Math.PI;
const DAY_MS = 86_400_000;

/** What was refused at a cap, for the report. */
export interface FeatureSaturation {
  readonly what: string;
  readonly cap: number;
  readonly refused: number;
}

export interface FlowFeatureContext {
  /** True for addresses of the home network. */
  readonly isHome: (address: string) => boolean;
}

export interface FlowFeatureOptions {
  /** Sources with a window, at most. Default 65,536, at most 131,070; each takes 50 to 80 bytes, 170 where it has many flows. */
  readonly maxSources?: number;
  /** (source, destination) pairs, and as many (source, port) pairs. Default 200,000; each takes about 15 bytes. */
  readonly maxPairs?: number;
}

/**
 * Measures flow tables, batch after batch, in the order in which flows ended; the `source.*` windows go on from one batch to the next.
 * A flow counts in the windows at its end time (its start time where the end is missing), and it counts itself. Rows whose end is older than the
 * window of their source don't count and see the window as it is (see `window.ts`). Two addresses whose 64-bit hashes agree count as one.
 */
export class FlowFeatureMeasurer {
  readonly features: readonly Feature[] = FLOW_FEATURES;
  #isHome: (address: string) => boolean;
  #windows: SourceWindows;
  #maxPairs: number;
  #quantities = new Quantities();

  constructor(context: FlowFeatureContext, options: FlowFeatureOptions = {}) {
    const { maxSources = 65_536, maxPairs = 200_000 } = options;
    this.#isHome = context.isHome;
    this.#maxPairs = maxPairs;
    this.#windows = new SourceWindows({ maxSources, maxPairs });
  }

  /**
   * Throws where the table is not a flow table; whatever is in the rows is measured. Row i of the matrix is row i of the table.
   * @param order the order in which the rows happened, for the windows: a permutation of the row numbers. Without it, as they stand.
   * @param into where the values go, when it is large enough; else a new array is made.
   */
  measure(table: Table, order?: Int32Array, into?: Float32Array): FeatureMatrix {
    const flows = bindFlows(table);
    const n = flows.rowCount;
    const width = FEATURES.length;
    const room =
      into !== undefined && into.length >= n * width ? into.subarray(0, n * width) : new Float32Array(n * width);
    const values = room.fill(Number.NaN);
    const batch = new BatchMeasurer(flows, values, this.#quantities, this.#isHome, this.#windows);
    for (let k = 0; k < n; k++) batch.measure(order === undefined ? k : order[k]);

    // A cell can hold what no wire can carry (1e300 bytes in somebody's CSV): beyond the range of a float32 it is not a number to learn from.
    for (let i = 0; i < values.length; i++)
      if (Math.abs(values[i]) === Number.POSITIVE_INFINITY) values[i] = Number.NaN;
    return { features: this.features, rowCount: n, values };
  }

  /** Caps of the windows that refused something. */
  saturations(): FeatureSaturation[] {
    const w = this.#windows;
    return [
      { what: 'sources with a window', cap: w.maxSources, refused: w.refusedSources },
      { what: 'pairs of source and destination', cap: this.#maxPairs, refused: w.destinationPairs.refused },
      { what: 'pairs of source and port', cap: this.#maxPairs, refused: w.portPairs.refused },
    ].filter((s) => s.refused > 0);
  }

  /** How much the windows hold now; bounded by the options. */
  held(): { sources: number; destinationPairs: number; portPairs: number } {
    const w = this.#windows;
    return { sources: w.sourceCount, destinationPairs: w.destinationPairs.size, portPairs: w.portPairs.size };
  }
}

/** Measures the rows of one batch. */
class BatchMeasurer {
  readonly #values: Float32Array;
  readonly #flows: FlowBatch;
  readonly #windows: SourceWindows;
  readonly #durations: Float64Array;
  readonly #packetsA: Float64Array;
  readonly #packetsB: Float64Array;
  readonly #bytesA: Float64Array;
  readonly #bytesB: Float64Array;
  readonly #payloadA: Float64Array;
  readonly #payloadB: Float64Array;
  readonly #iatMeans: Float64Array;
  readonly #iatSds: Float64Array;
  readonly #ports: Float64Array;
  readonly #startsMs: Float64Array;
  readonly #endsMs: Float64Array;
  readonly #lnDurations: Float64Array;
  readonly #lnPacketsA: Float64Array;
  readonly #lnPacketsB: Float64Array;
  readonly #lnBytesA: Float64Array;
  readonly #lnBytesB: Float64Array;
  readonly #lnPayloadA: Float64Array;
  readonly #lnPayloadB: Float64Array;
  readonly #lnIatMeans: Float64Array;
  readonly #lnIatSds: Float64Array;
  readonly #lnIatMins: Float64Array;
  readonly #lnIatMaxs: Float64Array;
  readonly #protocols: Classes;
  readonly #outcomes: Classes;
  readonly #initiatorResets: Classes;
  readonly #responderResets: Classes;
  readonly #byContent: Classes;
  readonly #initiatorHome: HomeFlags;
  readonly #responderHome: HomeFlags;
  readonly #queries: NameShapes;
  readonly #serverNames: NameShapes;
  readonly #httpHosts: NameShapes;
  readonly #initiatorHashes: TextHashes;
  readonly #responderHashes: TextHashes;
  /** Of responders the second word of their hash, 0 where it was not made. */
  readonly #secondHashes: Int32Array;
  /** Of initiators their number in the windows, -1 where it was not asked for, in the era. */
  readonly #sources: Int32Array;
  #era: number;

  constructor(
    flows: FlowBatch,
    values: Float32Array,
    quantities: Quantities,
    isHome: (address: string) => boolean,
    windows: SourceWindows,
  ) {
    this.#values = values;
    this.#flows = flows;
    this.#windows = windows;
    quantities.begin(flows.rowCount);
    this.#durations = quantities.of(flows.durationMs);
    this.#packetsA = quantities.of(flows.initiatorPackets);
    this.#packetsB = quantities.of(flows.responderPackets);
    this.#bytesA = quantities.of(flows.initiatorBytes);
    this.#bytesB = quantities.of(flows.responderBytes);
    this.#payloadA = quantities.of(flows.initiatorPayloadBytes);
    this.#payloadB = quantities.of(flows.responderPayloadBytes);
    this.#iatMeans = quantities.of(flows.iatMeanMs);
    this.#iatSds = quantities.of(flows.iatSdMs);
    this.#ports = quantities.of(flows.responderPort);
    this.#startsMs = quantities.any(flows.startMs);
    this.#endsMs = quantities.any(flows.endMs);
    this.#lnDurations = quantities.ln(this.#durations);
    this.#lnPacketsA = quantities.ln(this.#packetsA);
    this.#lnPacketsB = quantities.ln(this.#packetsB);
    this.#lnBytesA = quantities.ln(this.#bytesA);
    this.#lnBytesB = quantities.ln(this.#bytesB);
    this.#lnPayloadA = quantities.ln(this.#payloadA);
    this.#lnPayloadB = quantities.ln(this.#payloadB);
    this.#lnIatMeans = quantities.ln(this.#iatMeans);
    this.#lnIatSds = quantities.ln(this.#iatSds);
    this.#lnIatMins = quantities.ln(quantities.of(flows.iatMinMs));
    this.#lnIatMaxs = quantities.ln(quantities.of(flows.iatMaxMs));
    this.#protocols = new Classes(flows.protocol, protocolClass);
    this.#outcomes = new Classes(flows.outcome, outcomeClass);
    this.#initiatorResets = new Classes(flows.initiatorFlags, hasReset);
    this.#responderResets = new Classes(flows.responderFlags, hasReset);
    this.#byContent = new Classes(flows.serviceBasis, isContent);
    this.#initiatorHome = new HomeFlags(flows.initiator, isHome);
    this.#responderHome = new HomeFlags(flows.responder, isHome);
    this.#queries = new NameShapes(flows.dnsQuery);
    this.#serverNames = new NameShapes(flows.serverName);
    this.#httpHosts = new NameShapes(flows.httpHost);
    this.#initiatorHashes = new TextHashes(flows.initiator);
    this.#responderHashes = new TextHashes(flows.responder);
    this.#secondHashes = new Int32Array(flows.responder.dictionary.length);
    this.#sources = new Int32Array(flows.initiator.dictionary.length).fill(-1);
    this.#era = windows.era;
  }

  measure(row: number): void {
    const at = row * FEATURES.length;
    this.#measureSizes(row, at);
    this.#measureTimes(row, at);
    const protocol = this.#protocols.at(row);
    const outcome = this.#outcomes.at(row);
    this.#measureClasses(row, at, protocol, outcome);
    const names = this.#queries.has(row)
      ? this.#queries
      : this.#serverNames.has(row)
        ? this.#serverNames
        : this.#httpHosts.has(row)
          ? this.#httpHosts
          : undefined;
    if (names !== undefined) {
      this.#values[at + F_FLOW_NAME_LENGTH] = names.length(row);
      this.#values[at + F_FLOW_NAME_DIGITS] = names.digits(row);
    }
    this.#measureWindows(row, at, protocol, outcome);
  }

  #measureSizes(row: number, at: number): void {
    const values = this.#values;
    const initiatorBytes = this.#bytesA[row];
    const responderBytes = this.#bytesB[row];
    const initiatorPackets = this.#packetsA[row];
    const responderPackets = this.#packetsB[row];
    const bytes = initiatorBytes + responderBytes;
    values[at + F_FLOW_INITIATOR_PACKETS] = this.#lnPacketsA[row];
    values[at + F_FLOW_RESPONDER_PACKETS] = this.#lnPacketsB[row];
    values[at + F_FLOW_INITIATOR_BYTES] = this.#lnBytesA[row];
    values[at + F_FLOW_RESPONDER_BYTES] = this.#lnBytesB[row];
    values[at + F_FLOW_INITIATOR_PAYLOAD] = this.#lnPayloadA[row];
    values[at + F_FLOW_RESPONDER_PAYLOAD] = this.#lnPayloadB[row];
    if (bytes > 0) {
      values[at + F_FLOW_BYTES_RATIO] = (responderBytes - initiatorBytes) / bytes;
      values[at + F_FLOW_PAYLOAD_FRACTION] = Math.min(1, (this.#payloadA[row] + this.#payloadB[row]) / bytes);
    }
    if (initiatorPackets > 0) values[at + F_FLOW_INITIATOR_PACKET_SIZE] = initiatorBytes / initiatorPackets;
    if (responderPackets > 0) values[at + F_FLOW_RESPONDER_PACKET_SIZE] = responderBytes / responderPackets;
    const durationMs = this.#durations[row];
    if (durationMs > 0)
      values[at + F_FLOW_PACKET_RATE] = ln1p((initiatorPackets + responderPackets) / (durationMs / 1000));
  }

  #measureTimes(row: number, at: number): void {
    const values = this.#values;
    const iatMean = this.#iatMeans[row];
    values[at + F_FLOW_DURATION] = this.#lnDurations[row];
    values[at + F_FLOW_IAT_MEAN] = this.#lnIatMeans[row];
    values[at + F_FLOW_IAT_SD] = this.#lnIatSds[row];
    values[at + F_FLOW_IAT_MIN] = this.#lnIatMins[row];
    values[at + F_FLOW_IAT_MAX] = this.#lnIatMaxs[row];
    if (iatMean > 0) values[at + F_FLOW_IAT_VARIATION] = this.#iatSds[row] / iatMean;
    const angle = ((this.#startsMs[row] % DAY_MS) / DAY_MS) * TWO_PI;
    values[at + F_FLOW_HOUR_SIN] = Math.sin(angle);
    values[at + F_FLOW_HOUR_COS] = Math.cos(angle);
  }

  #measureClasses(row: number, at: number, protocol: number, outcome: number): void {
    const values = this.#values;
    const port = this.#ports[row];
    if (port >= 0)
      values[at + F_FLOW_PORT_CLASS] = port < PORT_CLASS_REGISTERED ? 0 : port < PORT_CLASS_EPHEMERAL ? 1 : 2;
    if (protocol >= 0) values[at + F_FLOW_PROTOCOL] = protocol;
    const byContent = this.#byContent.at(row) === 1;
    values[at + F_FLOW_SERVICE_KNOWN] = byContent ? 1 : 0;
    if (byContent) {
      const { codes, dictionary } = this.#flows.service;
      if (codes[row] >= 0) values[at + F_FLOW_SERVICE_MISMATCH] = breaksPromise(protocol, port, dictionary[codes[row]]);
    }
    if (outcome >= 0) values[at + F_FLOW_OUTCOME] = outcome;
    const resetA = this.#initiatorResets.at(row);
    const resetB = this.#responderResets.at(row);
    if (resetA >= 0 || resetB >= 0) values[at + F_FLOW_RESET] = resetA === 1 || resetB === 1 ? 1 : 0;
    const fromHome = this.#initiatorHome.at(row);
    const toHome = this.#responderHome.at(row);
    if (fromHome >= 0 && toHome >= 0) values[at + F_FLOW_DIRECTION] = directionClass(fromHome, toHome);
  }

  #measureWindows(row: number, at: number, protocol: number, outcome: number): void {
    const { initiator, responder } = this.#flows;
    const windows = this.#windows;
    const endMs = this.#endsMs[row];
    const bucket = Math.floor((Number.isNaN(endMs) ? this.#startsMs[row] : endMs) / WINDOW_BUCKET_MS);
    const sourceCode = initiator.codes[row];
    if (sourceCode < 0 || bucket !== (bucket | 0)) return;
    const source = this.#sourceOf(sourceCode, bucket);
    if (source < 0) return;
    const counts = windows.advance(source, bucket);
    let destinationSeen = true;
    let portSeen = true;
    if (counts) {
      windows.countFlow(source, bucket, outcome < 0 ? -1 : outcome === 0 ? 0 : 1);
      const target = responder.codes[row];
      if (target >= 0) {
        if (this.#secondHashes[target] === 0) this.#secondHashes[target] = secondHash(responder.dictionary[target]);
        const first = this.#responderHashes.of(target) | 0;
        destinationSeen = windows.countDestination(source, first, this.#secondHashes[target], bucket);
      }
      const port = this.#ports[row];
      if (port >= 0) portSeen = windows.countPort(source, port, protocol, bucket);
    }
    const values = this.#values;
    if (destinationSeen) values[at + F_SOURCE_DESTINATIONS] = ln1p(windows.destinations(source));
    if (portSeen) values[at + F_SOURCE_PORTS] = ln1p(windows.ports(source));
    values[at + F_SOURCE_FLOWS] = ln1p(windows.flows(source));
    const judged = windows.judged(source);
    if (judged > 0) values[at + F_SOURCE_FAILED_RATIO] = windows.failed(source) / judged;
  }

  /** The number of an initiator in the windows; -1 where they have no room for it. */
  #sourceOf(code: number, bucket: number): number {
    const windows = this.#windows;
    if (this.#era !== windows.era) {
      this.#sources.fill(-1);
      this.#era = windows.era;
    }
    let source = this.#sources[code];
    if (source >= 0) return source;
    const second = secondHash(this.#flows.initiator.dictionary[code]);
    source = windows.source(this.#initiatorHashes.of(code) | 0, second, bucket);
    if (source >= 0 && this.#era === windows.era) this.#sources[code] = source;
    return source;
  }
}

/**
 * The columns of quantities of a batch, all as doubles with NaN where a value is missing, negative or not finite: the loop over the rows then reads arrays of one kind.
 * Arrays are used again for the next batch.
 */
class Quantities {
  #arrays: Float64Array[] = [];
  #used = 0;
  #rows = 0;

  begin(rows: number): void {
    this.#used = 0;
    this.#rows = rows;
  }

  /** A column that is missing in every row, as most are that a log can't give. */
  #nothing = new Float64Array(0);

  #missing(): Float64Array {
    if (this.#nothing.length < this.#rows) this.#nothing = new Float64Array(this.#rows).fill(Number.NaN);
    return this.#nothing;
  }

  #next(): Float64Array {
    let out = this.#arrays[this.#used];
    if (out === undefined || out.length < this.#rows) {
      // Each a line of the processor's cache behind the place of the one before, see `ColumnRoom`.
      const begin = LINE_BYTES * this.#used;
      out = new Float64Array(new ArrayBuffer(begin + 8 * this.#rows), begin, this.#rows);
      this.#arrays[this.#used] = out;
    }
    this.#used++;
    return out;
  }

  /** The values as they are, NaN where missing. */
  any(column: NumberColumn): Float64Array {
    const n = this.#rows;
    const { values, valid } = column;
    if (valid !== undefined && hasNone(valid, n)) return this.#missing();
    const out = this.#next();
    if (values instanceof Int32Array) for (let row = 0; row < n; row++) out[row] = values[row];
    else for (let row = 0; row < n; row++) out[row] = values[row];
    if (valid === undefined) return out;
    for (let row = 0; row < n; row++) if ((valid[row >> 3] & (1 << (row & 7))) === 0) out[row] = Number.NaN;
    return out;
  }

  of(column: NumberColumn): Float64Array {
    const out = this.any(column);
    if (out === this.#nothing) return out;
    for (let row = 0; row < this.#rows; row++)
      if (!(out[row] >= 0 && out[row] < Number.POSITIVE_INFINITY)) out[row] = Number.NaN;
    return out;
  }

  /** ln(1 + x) of each. */
  ln(of: Float64Array): Float64Array {
    if (of === this.#nothing) return of;
    const out = this.#next();
    for (let row = 0; row < this.#rows; row++) {
      const x = of[row];
      out[row] = x < LN1P.length && x === (x | 0) ? LN1P[x] : Math.log1p(x);
    }
    return out;
  }
}

const LINE_BYTES = 64;

function hasNone(valid: Uint8Array, rows: number): boolean {
  for (let i = (rows + 7) >> 3; i > 0; i--) if (valid[i - 1] !== 0) return false;
  return true;
}

/** ln(1 + x) of the whole numbers that most counts and sizes are, by table; the values are those of Math.log1p. */
const LN1P = Float64Array.from({ length: 4096 }, (_, i) => Math.log1p(i));

function ln1p(x: number): number {
  return x < LN1P.length && x === (x | 0) && x >= 0 ? LN1P[x] : Math.log1p(x);
}

/** A small number per dictionary entry. */
class Classes {
  readonly #codes: Int32Array;
  readonly #classes: Int8Array;

  constructor({ codes, dictionary }: StringColumn, classOf: (text: string) => number) {
    this.#codes = codes;
    this.#classes = new Int8Array(dictionary.length);
    for (let i = 0; i < dictionary.length; i++) this.#classes[i] = classOf(dictionary[i]);
  }

  /** -1 where the cell is missing. */
  at(row: number): number {
    const code = this.#codes[row];
    return code < 0 ? -1 : this.#classes[code];
  }
}

function isContent(basis: string): number {
  return basis === 'content' ? 1 : 0;
}

function protocolClass(protocol: string): number {
  return protocol === 'tcp' ? 3 : protocol === 'udp' ? 2 : protocol === 'icmp' || protocol === 'icmpv6' ? 1 : 0;
}

/** -1 for `unknown`. */
function outcomeClass(outcome: string): number {
  return outcome === 'answered' ? 0 : outcome === 'unanswered' ? 1 : outcome === 'refused' ? 2 : -1;
}

function hasReset(flags: string): number {
  return flags.includes('R') ? 1 : 0;
}

function directionClass(fromHome: number, toHome: number): number {
  return fromHome === 1 ? (toHome === 1 ? 0 : 1) : toHome === 1 ? 2 : 3;
}

/** 1 where the content is of another service than the port promises; 0 where it keeps the promise or the port makes none. */
function breaksPromise(protocol: number, port: number, service: string): number {
  const number = protocol === 3 ? PROTO.tcp : protocol === 2 ? PROTO.udp : -1;
  const promised = number < 0 ? undefined : serviceByPort(number, port | 0);
  if (promised === undefined || promised === service) return 0;
  return CARRIED[promised]?.includes(service) ? 0 : 1;
}

/** What makes 64 bits of `hash32`: FNV-1a over UTF-16 code units with MurmurHash3's finaliser as well, from another start. */
function secondHash(text: string): number {
  let h = 0x2c1b3c6d;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Whether addresses are of the home network, asked once per address and batch. */
class HomeFlags {
  readonly #codes: Int32Array;
  readonly #dictionary: readonly string[];
  readonly #isHome: (address: string) => boolean;
  readonly #known: Int8Array;

  constructor({ codes, dictionary }: StringColumn, isHome: (address: string) => boolean) {
    this.#codes = codes;
    this.#dictionary = dictionary;
    this.#isHome = isHome;
    this.#known = new Int8Array(dictionary.length).fill(-1);
  }

  /** 1 home, 0 not, -1 missing. */
  at(row: number): number {
    const code = this.#codes[row];
    if (code < 0) return -1;
    const known = this.#known[code];
    return known < 0 ? this.#ask(code) : known;
  }

  #ask(code: number): number {
    const answer = this.#isHome(this.#dictionary[code]) ? 1 : 0;
    this.#known[code] = answer;
    return answer;
  }
}

/** Length and share of digits of the names in a column. */
class NameShapes {
  readonly #codes: Int32Array;
  readonly #length: Float64Array;
  readonly #digits: Float64Array;

  constructor(column: StringColumn) {
    this.#codes = column.codes;
    if (column instanceof PackedTextColumn) {
      const { bytes, ends } = column;
      this.#length = new Float64Array(ends.length);
      this.#digits = new Float64Array(ends.length);
      for (let i = 0, at = 0; i < ends.length; i++) {
        let length = 0;
        let digits = 0;
        for (; at < ends[i]; at++) {
          // The first byte of each character, and no other, is none of these.
          if ((bytes[at] & 0xc0) !== 0x80) length++;
          if (isDigit(bytes[at])) digits++;
        }
        this.#put(i, length, digits);
      }
      return;
    }
    const { dictionary } = column;
    this.#length = new Float64Array(dictionary.length);
    this.#digits = new Float64Array(dictionary.length);
    for (let i = 0; i < dictionary.length; i++) this.#put(i, dictionary[i].length, countDigits(dictionary[i]));
  }

  #put(code: number, length: number, digits: number): void {
    this.#length[code] = length;
    this.#digits[code] = length === 0 ? Number.NaN : digits / length;
  }

  has(row: number): boolean {
    return this.#codes[row] >= 0;
  }

  length(row: number): number {
    return this.#length[this.#codes[row]];
  }

  digits(row: number): number {
    return this.#digits[this.#codes[row]];
  }
}

function countDigits(text: string): number {
  let digits = 0;
  for (let i = 0; i < text.length; i++) if (isDigit(text.charCodeAt(i))) digits++;
  return digits;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
