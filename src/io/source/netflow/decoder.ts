import { counted, type Table } from '../../../core/index.ts';
import {
  decodeIpfix,
  decodeNetflow5,
  decodeNetflow9,
  decodeRecords,
  decodeSflow,
  decodeTemplates,
  ExportedFlow,
  FIRST_DATA_SET,
  type FlowTemplate,
  Fragments,
  IPFIX_OPTIONS_TEMPLATES,
  IPFIX_TEMPLATES,
  NETFLOW9_OPTIONS_TEMPLATES,
  NETFLOW9_TEMPLATES,
  ODDITY,
  OddityCounter,
  Packet,
  PROTO,
  SflowSample,
  settleTimes,
  type TemplateKind,
  takeSflowSample,
  walkIpfix,
  walkNetflow5,
  walkNetflow9,
  walkSflow,
} from '../../../wire/index.ts';
import { MAX_REJECTS_SHOWN, type Reject } from '../table-source.ts';
import { factsOf, sampleFacts } from './application.ts';
import { FLOW_GIVES, SFLOW_GIVES } from './column.ts';
import { Domain, Exporter, nameOf } from './exporter.ts';
import type { RecordFacts } from './held.ts';
import { COLLECTOR_KINDS, type CollectorKind, describeUnknown } from './kind.ts';
import { FlowPairing, type PairingOptions } from './pairing.ts';
import { rateOf, takeOption, useOutCounts } from './sampling.ts';
import { type CollectorStatus, domainStatus, messageOf } from './status.ts';
import { TemplateStore } from './template.ts';

/**
 * NetFlow, IPFIX and sFlow datagrams to rows of the flow table: who exported, which templates they have, what they sample, what of theirs was lost. The bytes are read by `wire`, the records
 * joined to flows by `FlowPairing`.
 */

export interface NetflowOptions {
  /** Formats that are taken; the others are turned away. All by default. */
  readonly kinds?: readonly CollectorKind[] | undefined;
  /** One packet in so many is looked at by exporters that do not say so themselves. 1 by default. */
  readonly samplingInterval?: number | undefined;
  /** Templates and sequence numbers belong to the exporter's address and port, not to the address alone. For exporters behind one address. */
  readonly perPort?: boolean | undefined;
  readonly pairing?: Partial<PairingOptions> | undefined;
  readonly onReject?: ((reject: Reject) => void) | undefined;
  readonly maxExporters?: number | undefined;
  /** Observation domains of all exporters together. */
  readonly maxDomains?: number | undefined;
  /** Fields of all templates together. */
  readonly maxTemplateFields?: number | undefined;
  /** Bytes of data that wait for their templates. */
  readonly maxHeldBytes?: number | undefined;
}

const MAX_RATES = 16;
const MAX_REJECT_BYTES = 1024;
const DAY_MS = 86_400_000;

/** Decodes datagrams of any of the formats, told by their content. Never throws, whatever comes. */
export class NetflowDecoder {
  readonly pairing: FlowPairing;
  datagrams = 0;
  records = 0;

  #oddities: OddityCounter;
  #options: NetflowOptions;
  #kinds: ReadonlySet<string>;
  readonly #templateStore: TemplateStore;
  #exporters = new Map<string, Exporter>();
  #domains: Domain[] = [];
  #seenKinds = new Set<CollectorKind>();
  #refused = 0;
  #rejected = 0;
  /** Of them, data sets whose template never came; the others are datagrams. */
  #rejectedSets = 0;
  #rejects: Reject[] = [];
  #leftAside = new Map<string, number>();
  #skipped = { counterSamples: 0, otherSamples: 0 };
  #tables: Table[] = [];
  #flow = new ExportedFlow();
  #sample = new SflowSample();
  #packet = new Packet();
  #fragments = new Fragments();
  /** For sampled packets: what is cut there is cut on purpose. */
  #unheard = new OddityCounter();

  constructor(oddities: OddityCounter, options: NetflowOptions = {}) {
    this.#oddities = oddities;
    this.#options = options;
    this.#kinds = new Set(options.kinds ?? COLLECTOR_KINDS);
    this.#templateStore = new TemplateStore(options.maxTemplateFields ?? 500_000, options.maxHeldBytes ?? 8 << 20);
    this.pairing = new FlowPairing(oddities, options.pairing);
    this.pairing.onTable = (table) => this.#tables.push(table);
  }

  /**
   * Takes in the payload of one UDP datagram. The bytes are not needed afterwards.
   * @param timeMs when it arrived, epoch ms; NaN where nobody knows, then the export time stands for it. @param port the exporter's.
   */
  datagram(bytes: Uint8Array, exporter: string, timeMs: number, port = 0): void {
    this.datagrams++;
    const end = bytes.length;
    let at = 0;
    const before = this.#oddities.of('netflow.lying-length');
    // IPFIX messages may share a datagram.
    while (at < end) {
      const next = this.message(bytes, at, end, exporter, timeMs, port);
      if (next <= at) {
        this.#reject(bytes.subarray(at), at === 0 ? describeUnknown(bytes) : 'bytes behind the last message');
        break;
      }
      at = next;
    }
    if (this.#oddities.of('netflow.lying-length') > before)
      this.#reject(bytes, 'claims more than it holds; what was whole was read', false);
  }

  /** Takes in one message at `at` and returns where it ends, or `at` when there is none that is understood. */
  message(bytes: Uint8Array, at: number, end: number, exporter: string, timeMs: number, port = 0): number {
    if (end - at < 2) return at;
    switch ((bytes[at]! << 8) | bytes[at + 1]!) {
      case 1:
      case 5:
      case 7:
        return this.#netflow5(bytes, at, end, exporter, timeMs, port);
      case 9:
        return this.#netflow9(bytes, at, end, exporter, timeMs, port);
      case 10:
        return this.#ipfix(bytes, at, end, exporter, timeMs, port);
      case 0:
        return this.#sflow(bytes, at, end, exporter, timeMs, port);
      default:
        return at;
    }
  }

  /** Moves the clock when nothing comes: what is due is written. */
  advance(nowMs: number): void {
    this.pairing.advance(nowMs);
  }

  /** The input has ended: writes every flow, and counts the data whose templates never came. */
  finish(): void {
    for (const domain of this.#domains)
      for (const [template, waiting] of domain.waiting) {
        const lost = waiting.sets - waiting.given;
        if (lost === 0) continue;
        this.#oddities.count(ODDITY['netflow.no-template'], lost);
        this.#rejected += lost;
        this.#rejectedSets += lost;
        this.#show(
          waiting.held[0]?.bytes ?? new Uint8Array(),
          `${counted(lost, 'data set')} of ${nameOf(domain)} without template ${template}, which never came`,
        );
        waiting.held = [];
        waiting.given = waiting.sets;
        this.#lostSets.set(domain, [...(this.#lostSets.get(domain) ?? []), { template, sets: lost, given: 0 }]);
      }
    this.#templateStore.release();
    this.pairing.finish();
  }

  /** What `finish` gave up, for the status. */
  #lostSets = new Map<Domain, { template: number; sets: number; given: number }[]>();

  /** Gives the rows that are written so far to `takeTables`. */
  flush(): void {
    this.pairing.flush();
  }

  takeTables(): Table[] {
    const tables = this.#tables;
    this.#tables = [];
    return tables;
  }

  /** 'netflow-v9', 'ipfix' ..., joined with '+' where several came; 'netflow' before anything did. */
  format(): string {
    return this.#seenKinds.size === 0 ? 'netflow' : COLLECTOR_KINDS.filter((k) => this.#seenKinds.has(k)).join('+');
  }

  /** What the rejected ones are: datagrams, data sets without a template, or parts where there are both. */
  rejectNoun(): string {
    if (this.#rejectedSets === 0) return 'datagram';
    return this.#rejectedSets === this.#rejected ? 'data set' : 'part';
  }

  /** Columns that the formats can fill: of sampled packets alone, durations and TCP flags are nothing to rely on. */
  gives(): ReadonlySet<string> {
    const kinds = this.#seenKinds.size > 0 ? this.#seenKinds : this.#kinds;
    return kinds.size === 1 && kinds.has('sflow') ? SFLOW_GIVES : FLOW_GIVES;
  }

  status(): CollectorStatus {
    const domains = this.#domains.map((domain) => domainStatus(domain, this.#lostSets.get(domain)));
    const leftAside = Object.fromEntries(this.#leftAside);
    const refused = this.#refused;
    const refusedTemplates = this.#templateStore.refused;
    const told = { domains, leftAside, refused, refusedTemplates };
    const message = messageOf(this.#domains, told, this.pairing.seenTwice);
    return {
      rows: this.pairing.rows,
      rejected: this.#rejected,
      rejects: this.#rejects,
      state: 'whole',
      ...(message === '' ? {} : { message }),
      datagrams: this.datagrams,
      records: this.records,
      domains,
      leftAside,
      counterSamples: this.#skipped.counterSamples,
      refused,
      refusedTemplates,
    };
  }

  #reject(bytes: Uint8Array, reason: string, isUnknown = true): void {
    if (isUnknown) this.#oddities.count(ODDITY['netflow.unknown-format']);
    this.#rejected++;
    this.#show(bytes, reason);
  }

  #show(bytes: Uint8Array, reason: string): void {
    const reject = { line: this.datagrams, reason, bytes: bytes.slice(0, MAX_REJECT_BYTES) };
    if (this.#rejects.length < MAX_REJECTS_SHOWN) this.#rejects.push(reject);
    this.#options.onReject?.(reject);
  }

  #domain(address: string, port: number, kind: CollectorKind, name: string): Domain | undefined {
    const key = this.#options.perPort === true ? `${address} port ${port}` : address;
    let exporter = this.#exporters.get(key);
    if (exporter === undefined) {
      if (this.#exporters.size >= (this.#options.maxExporters ?? 4096)) {
        this.#refused++;
        return undefined;
      }
      exporter = new Exporter(this.#exporters.size + 1, key);
      this.#exporters.set(key, exporter);
    }
    const domainKey = `${kind} ${name}`;
    let domain = exporter.domains.get(domainKey);
    if (domain === undefined) {
      if (this.#domains.length >= (this.#options.maxDomains ?? 16_384)) {
        this.#refused++;
        return undefined;
      }
      domain = new Domain(exporter, kind, name);
      exporter.domains.set(domainKey, domain);
      this.#domains.push(domain);
    }
    this.#seenKinds.add(kind);
    return domain;
  }

  /** Counts the datagram for its domain. False when it came before and is to be left. */
  #arrived(domain: Domain, bytes: Uint8Array, at: number, end: number, exportMs: number, timeMs: number): boolean {
    if (domain.isDuplicate(fingerprint(bytes, at, end))) return false;
    domain.datagrams++;
    if (!Number.isNaN(timeMs) && !Number.isNaN(exportMs)) domain.clockAheadMs = exportMs - timeMs;
    return true;
  }

  #netflow5(bytes: Uint8Array, at: number, end: number, address: string, timeMs: number, port: number): number {
    const header = decodeNetflow5(bytes, at, end);
    if (header === undefined || !this.#kinds.has('netflow-v5')) return at;
    const next = Math.min(end, at + header.length);
    const domain = this.#domain(address, port, 'netflow-v5', `${header.engine}`);
    if (domain === undefined || !this.#arrived(domain, bytes, at, next, header.exportMs, timeMs)) return next;
    const arrival = Number.isNaN(timeMs) ? header.exportMs : timeMs;
    const rate = header.samplingInterval > 1 ? header.samplingInterval : (this.#options.samplingInterval ?? 1);
    walkNetflow5(header, bytes, at, next, this.#flow, this.#oddities, (flow) =>
      this.#take(domain, flow, header.exportMs, arrival, rate, undefined),
    );
    const isRestart = domain.isRestart(header.uptimeMs);
    // The header counts what was sent, whole or not.
    if (header.sequence !== undefined) domain.saw(header.sequence, header.count, isRestart);
    return next;
  }

  #netflow9(bytes: Uint8Array, at: number, end: number, address: string, timeMs: number, port: number): number {
    const header = decodeNetflow9(bytes, at, end);
    if (header === undefined || !this.#kinds.has('netflow-v9')) return at;
    const domain = this.#domain(address, port, 'netflow-v9', `${header.domain}`);
    const stop = walkNetflow9(bytes, at, end, this.#unheard, () => undefined);
    if (domain === undefined || !this.#arrived(domain, bytes, at, stop, header.exportMs, timeMs)) return stop;
    const arrival = Number.isNaN(timeMs) ? header.exportMs : timeMs;
    let records = 0;
    const next = walkNetflow9(bytes, at, end, this.#oddities, (id, from, to) => {
      if (id === NETFLOW9_TEMPLATES) this.#templates(domain, bytes, from, to, 'v9', arrival);
      else if (id === NETFLOW9_OPTIONS_TEMPLATES) this.#templates(domain, bytes, from, to, 'v9-options', arrival);
      else if (id >= FIRST_DATA_SET) {
        const n = this.#data(domain, id, bytes, from, to, header.uptimeMs, header.exportMs, arrival, true);
        records = n < 0 || records < 0 ? -1 : records + n;
      }
    });
    domain.saw(header.sequence, records, domain.isRestart(header.uptimeMs));
    return next;
  }

  #ipfix(bytes: Uint8Array, at: number, end: number, address: string, timeMs: number, port: number): number {
    const header = decodeIpfix(bytes, at, end);
    if (header === undefined || !this.#kinds.has('ipfix')) return at;
    const domain = this.#domain(address, port, 'ipfix', `${header.domain}`);
    const stop = Math.min(end, at + header.length);
    if (domain === undefined || !this.#arrived(domain, bytes, at, stop, header.exportMs, timeMs)) return stop;
    const arrival = Number.isNaN(timeMs) ? header.exportMs : timeMs;
    const optionsBefore = domain.optionRecords;
    let records = 0;
    const next = walkIpfix(bytes, at, end, this.#oddities, (id, from, to) => {
      if (id === IPFIX_TEMPLATES) this.#templates(domain, bytes, from, to, 'ipfix', arrival);
      else if (id === IPFIX_OPTIONS_TEMPLATES) this.#templates(domain, bytes, from, to, 'ipfix-options', arrival);
      else if (id >= FIRST_DATA_SET) {
        const n = this.#data(domain, id, bytes, from, to, Number.NaN, header.exportMs, arrival, false);
        records = n < 0 || records < 0 ? -1 : records + n;
      }
    });
    domain.saw(header.sequence, records, false, domain.optionRecords - optionsBefore);
    return next;
  }

  #templates(domain: Domain, bytes: Uint8Array, at: number, end: number, kind: TemplateKind, arrival: number): void {
    decodeTemplates(bytes, at, end, kind, this.#oddities, {
      template: (template) => this.#learn(domain, template, arrival),
      withdrawal: (id) => {
        if (id >= FIRST_DATA_SET) this.#templateStore.forget(domain, id);
        else
          for (const [other, { template }] of domain.templates)
            if (template.isOptions === (id === IPFIX_OPTIONS_TEMPLATES)) this.#templateStore.forget(domain, other);
      },
    });
  }

  #learn(domain: Domain, template: FlowTemplate, arrival: number): void {
    const waiting = this.#templateStore.learn(domain, template);
    if (waiting === undefined) return;
    for (const { bytes, uptimeMs, exportMs, isV9 } of waiting.held) {
      waiting.given++;
      this.#data(domain, template.id, bytes, 0, bytes.length, uptimeMs, exportMs, arrival, isV9);
    }
    const lost = waiting.sets - waiting.given;
    if (lost > 0) {
      this.#oddities.count(ODDITY['netflow.no-template'], lost);
      this.#rejected += lost;
      this.#show(
        new Uint8Array(),
        `${counted(lost, 'data set')} of ${nameOf(domain)} given up before template ${template.id} came`,
      );
    }
  }

  /** Records in the set, or -1 when it waits for its template. */
  #data(
    domain: Domain,
    id: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    uptimeMs: number,
    exportMs: number,
    arrival: number,
    isV9: boolean,
  ): number {
    const stored = domain.templates.get(id);
    if (stored === undefined) {
      if (!this.#templateStore.hold(domain, id, { bytes: bytes.slice(at, end), uptimeMs, exportMs, isV9 })) {
        this.#oddities.count(ODDITY['netflow.no-template']);
        this.#rejected++;
      }
      return -1;
    }
    const { template, outIsReverse } = stored;
    return decodeRecords(template, bytes, at, end, this.#flow, this.#oddities, (flow) => {
      if (template.isOptions) {
        this.records++;
        domain.records++;
        domain.optionRecords++;
        takeOption(domain, flow);
        return;
      }
      if (Number.isNaN(flow.systemInitMs)) flow.systemInitMs = domain.systemInitMs;
      settleTimes(flow, uptimeMs, exportMs);
      if (!Number.isNaN(flow.outOctets) || !Number.isNaN(flow.outPackets)) useOutCounts(flow, outIsReverse);
      const hasFacts = flow.hasText || flow.applicationId > 0 || flow.applicationLabel > 0;
      const facts = hasFacts ? factsOf(flow, domain.exporter) : undefined;
      this.#take(domain, flow, exportMs, arrival, rateOf(domain, flow, this.#options.samplingInterval ?? 1), facts);
    });
  }

  #take(
    domain: Domain,
    flow: ExportedFlow,
    exportMs: number,
    arrival: number,
    rate: number,
    facts: RecordFacts | undefined,
    isPacketSample = false,
  ): void {
    this.records++;
    domain.records++;
    if (!flow.hasSrc || !flow.hasDst || flow.protocol < 0) {
      this.#aside('records without addresses or protocol');
      return;
    }
    if (
      !(
        flow.packets > 0 ||
        flow.octets > 0 ||
        flow.reversePackets > 0 ||
        flow.reverseOctets > 0 ||
        flow.layer2Octets > 0
      )
    ) {
      this.#aside(
        flow.natEvent >= 0
          ? 'NAT events'
          : flow.firewallEvent === FIREWALL_DENIED
            ? 'connections that a firewall denied'
            : flow.firewallEvent >= 0
              ? 'firewall events without packets'
              : 'records without packets',
      );
      return;
    }
    // A clock that was never set, or rubbish: the time of the export is nearer.
    if (!(flow.startMs > DAY_MS && flow.startMs < exportMs + DAY_MS)) flow.startMs = Number.NaN;
    if (!(flow.endMs > DAY_MS && flow.endMs < exportMs + DAY_MS)) flow.endMs = Number.NaN;
    if (Number.isNaN(flow.startMs) && Number.isNaN(flow.endMs)) flow.startMs = flow.endMs = exportMs;
    if ((flow.protocol === PROTO.icmp || flow.protocol === PROTO.icmpv6) && flow.icmpType < 0 && flow.dstPort > 0) {
      // Where there is no field for it, the destination port holds type and code, as in version 5.
      flow.icmpType = flow.dstPort >> 8;
      flow.icmpCode = flow.dstPort & 255;
    }
    if (rate > 1 && domain.rates.size < MAX_RATES) domain.rates.add(Math.round(rate * 100) / 100);
    this.pairing.add(flow, domain.exporter, arrival, rate, facts, isPacketSample);
  }

  #aside(what: string): void {
    this.#leftAside.set(what, (this.#leftAside.get(what) ?? 0) + 1);
  }

  #sflow(bytes: Uint8Array, at: number, end: number, address: string, timeMs: number, port: number): number {
    const header = decodeSflow(bytes, at, end);
    // sFlow has no time of its own.
    if (header === undefined || !this.#kinds.has('sflow') || Number.isNaN(timeMs)) return at;
    const domain = this.#domain(address, port, 'sflow', `${header.agent}/${header.subAgent}`);
    if (domain === undefined || !this.#arrived(domain, bytes, at, end, Number.NaN, timeMs)) return end;
    this.#fragments.timeNs = (timeMs % DAY_MS) * 1e6;
    const flow = this.#flow;
    walkSflow(header, bytes, at, end, this.#sample, this.#skipped, this.#oddities, (sample) => {
      if (!takeSflowSample(sample, flow, this.#packet, this.#fragments, this.#unheard)) {
        this.records++;
        domain.records++;
        this.#aside('sampled packets that belong to no flow');
        return;
      }
      flow.startMs = flow.endMs = timeMs;
      const rate = sample.rate >= 1 ? sample.rate : (this.#options.samplingInterval ?? 1);
      this.#take(domain, flow, timeMs, timeMs, rate, sampleFacts(this.#packet), true);
    });
    domain.saw(header.sequence, 0, domain.isRestart(header.uptimeMs));
    return end;
  }
}

const FIREWALL_DENIED = 3;

/** 53 bits of what stands in [at, end), and its length: equal for equal datagrams, and hardly ever for others. */
function fingerprint(bytes: Uint8Array, at: number, end: number): number {
  let a = 0x811c9dc5 ^ (end - at);
  let b = 0x2f0b4c47;
  let i = at;
  for (; i + 4 <= end; i += 4) {
    const word = (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!;
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul(b ^ word, 0x85ebca6b) ^ (b >>> 13);
  }
  for (; i < end; i++) a = Math.imul(a ^ bytes[i]!, 0x01000193);
  return (a >>> 0) * 2 ** 21 + ((b ^ (b >>> 16)) & 0x1fffff);
}
