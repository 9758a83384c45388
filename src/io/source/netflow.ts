import * as path from 'node:path';
import { counted, humanCount, humanDuration, safeText, type Table, UserError } from '../../core/index.ts';
import { FLOW_SCHEMA, type FlowColumnName } from '../../flow/index.ts';
import {
  CaptureReader,
  decodeDns,
  decodeFrame,
  decodeIpfix,
  decodeNetflow5,
  decodeNetflow9,
  decodeRecords,
  decodeSflow,
  decodeTemplates,
  dnsRcodeName,
  dnsTypeName,
  ExportedFlow,
  FIRST_DATA_SET,
  type FlowTemplate,
  Fragments,
  formatIpv4,
  formatIpv6,
  IPFIX_OPTIONS_TEMPLATES,
  IPFIX_TEMPLATES,
  isDnsPort,
  isNtopElement,
  NETFLOW9_OPTIONS_TEMPLATES,
  NETFLOW9_TEMPLATES,
  ODDITY,
  OddityCounter,
  Packet,
  PROTO,
  ROLE,
  SflowSample,
  sameTemplate,
  serviceByContent,
  serviceByPort,
  settleTimes,
  type TemplateKind,
  TimeBase,
  takeSflowSample,
  walkIpfix,
  walkNetflow5,
  walkNetflow9,
  walkSflow,
} from '../../wire/index.ts';
import type { RowFormat, RowInput } from './format.ts';
import type { ByteSource } from './input.ts';
import { peekHead } from './lines.ts';
import { FlowPairing, type PairingExporter, type PairingOptions, type RecordFacts } from './netflow-pairing.ts';
import { MAX_REJECTS_SHOWN, type Reject, type TableSource, type TableStatus } from './table-source.ts';

/**
 * NetFlow, IPFIX and sFlow datagrams to rows of the flow table: who exported, which templates they have, what they sample, what of theirs was lost. The bytes are read by `wire`, the records
 * joined to flows by `FlowPairing`.
 */

export const COLLECTOR_KINDS = ['netflow-v5', 'netflow-v9', 'ipfix', 'sflow'] as const;
/** 'netflow-v5' stands for versions 1 and 7 as well. */
export type CollectorKind = (typeof COLLECTOR_KINDS)[number];

/** Ports that exporters usually send to. */
export const COLLECTOR_PORTS: readonly number[] = [2055, 4739, 6343, 9995, 9996];

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

/** What is known of one exporter and one of its observation domains. */
export interface DomainStatus {
  readonly exporter: string;
  readonly kind: CollectorKind;
  /** Source id, observation domain, engine, or sub-agent. */
  readonly domain: string;
  readonly datagrams: number;
  readonly records: number;
  /** What its sequence numbers count, and how many of them never came. */
  readonly unit: 'datagrams' | 'records';
  readonly lost: number;
  readonly late: number;
  readonly duplicates: number;
  readonly restarts: number;
  readonly templates: number;
  readonly templateChanges: number;
  /** Sampling rates that counts were multiplied by; empty where there was none. */
  readonly samplingRates: readonly number[];
  /** Export time minus the time of arrival at the last datagram, ms; undefined where there is none to compare. */
  readonly clockAheadMs: number | undefined;
  /** Data sets without a template, by the template's number. */
  readonly waiting: readonly { readonly template: number; readonly sets: number; readonly given: number }[];
}

export interface CollectorStatus extends TableStatus {
  readonly datagrams: number;
  readonly records: number;
  readonly domains: readonly DomainStatus[];
  /** Records that are no flows, by why they were left aside. */
  readonly leftAside: Readonly<Record<string, number>>;
  readonly counterSamples: number;
  /** Datagrams of exporters beyond `maxExporters` and domains beyond `maxDomains`. */
  readonly refused: number;
  /** Templates beyond `maxTemplateFields`. */
  readonly refusedTemplates: number;
}

interface HeldSet {
  readonly bytes: Uint8Array;
  readonly uptimeMs: number;
  readonly exportMs: number;
  readonly isV9: boolean;
}

interface Waiting {
  sets: number;
  given: number;
  held: HeldSet[];
}

interface StoredTemplate {
  readonly template: FlowTemplate;
  /** OUT_BYTES beside IN_BYTES are the other direction. */
  readonly outIsReverse: boolean;
}

const RECENT = 32;

/** Sequence numbers of one domain, taken as counting one thing. */
class Sequence {
  readonly unit: 'datagrams' | 'records';
  expected = -1;
  inOrder = 0;
  lost = 0;
  late = 0;
  restarts = 0;

  /** The number counts the flows of the datagram itself as well, and no options. */
  readonly isInclusive: boolean;

  constructor(unit: 'datagrams' | 'records', isInclusive = false) {
    this.unit = unit;
    this.isInclusive = isInclusive;
  }

  /** @param count how far this datagram moves it; -1 where nobody knows. */
  saw(stated: number, count: number, isRestart: boolean): void {
    const sequence = this.isInclusive && count > 0 ? (stated - count) >>> 0 : stated;
    if (this.expected >= 0 && !isRestart) {
      const ahead = (sequence - this.expected) >>> 0;
      const behind = (this.expected - sequence) >>> 0;
      if (ahead === 0) this.inOrder++;
      else if (ahead <= MAX_GAP) this.lost += ahead;
      else if (behind <= MAX_LATE) {
        // It fills the gap that was counted when a later one came first.
        this.late++;
        this.lost = Math.max(0, this.lost - Math.max(0, count));
        return;
      } else this.restarts++;
    } else if (isRestart) this.restarts++;
    this.expected = count < 0 ? -1 : (sequence + count) >>> 0;
  }
}

/** A jump further than this is no loss but a new beginning; and datagrams overtake each other by less. */
const MAX_GAP = 1_000_000;
const MAX_LATE = 3_000;
/** Uptimes of datagrams that overtook each other differ by less. */
const UPTIME_BACK_MS = 10_000;
const UPTIME_WRAP_NEAR = 2 ** 32 - 86_400_000;

class Domain {
  readonly exporter: Exporter;
  readonly kind: CollectorKind;
  readonly name: string;
  readonly templates = new Map<number, StoredTemplate>();
  readonly waiting = new Map<number, Waiting>();
  readonly samplers = new Map<number, number>();
  readonly interfaceSampling = new Map<number, number>();
  readonly sequences: readonly [Sequence, ...Sequence[]];
  sampling = Number.NaN;
  systemInitMs = Number.NaN;
  datagrams = 0;
  records = 0;
  optionRecords = 0;
  duplicates = 0;
  templateChanges = 0;
  lastUptime = Number.NaN;
  clockAheadMs: number | undefined;
  readonly rates = new Set<number>();
  readonly #recent = new Float64Array(RECENT).fill(Number.NaN);
  #recentAt = 0;

  constructor(exporter: Exporter, kind: CollectorKind, name: string) {
    this.exporter = exporter;
    this.kind = kind;
    this.name = name;
    // NetFlow v9 counts datagrams and IPFIX the records before by the book; some exporters have it the other way round, and softflowd counts the flows of the message as well, and no options. So all are followed, and the one that fits is believed.
    this.sequences =
      kind === 'netflow-v9'
        ? [new Sequence('datagrams'), new Sequence('records')]
        : kind === 'ipfix'
          ? [new Sequence('records'), new Sequence('datagrams'), new Sequence('records', true)]
          : [new Sequence(kind === 'sflow' ? 'datagrams' : 'records')];
  }

  /** Whether the same datagram came a short time ago: the network doubles some. */
  isDuplicate(fingerprint: number): boolean {
    if (this.#recent.includes(fingerprint)) {
      this.duplicates++;
      return true;
    }
    this.#recent[this.#recentAt] = fingerprint;
    this.#recentAt = (this.#recentAt + 1) % RECENT;
    return false;
  }

  isRestart(uptimeMs: number): boolean {
    const back = this.lastUptime - uptimeMs;
    const restarted = back > UPTIME_BACK_MS && back < UPTIME_WRAP_NEAR;
    if (restarted || !(uptimeMs <= this.lastUptime)) this.lastUptime = uptimeMs;
    return restarted;
  }

  /** @param records records in the datagram, those of options among them; -1 where nobody knows. */
  saw(sequence: number, records: number, isRestart: boolean, options = 0): void {
    for (const each of this.sequences) {
      const counted = each.isInclusive && records >= 0 ? records - options : records;
      each.saw(sequence, each.unit === 'datagrams' ? 1 : counted, isRestart);
    }
  }

  sequence(): Sequence {
    return this.sequences.reduce((best, each) =>
      each.inOrder > best.inOrder || (each.inOrder === best.inOrder && each.lost < best.lost) ? each : best,
    );
  }
}

class Exporter implements PairingExporter {
  readonly number: number;
  readonly name: string;
  bothWays = 0;
  oneWay = 0;
  readonly domains = new Map<string, Domain>();
  /** Names of applications by their numbers, as option records tell them. */
  readonly applications = new Map<number, string>();

  constructor(number: number, name: string) {
    this.number = number;
    this.name = name;
  }
}

const MAX_TEMPLATES_PER_DOMAIN = 1024;
const MAX_WAITING_PER_DOMAIN = 64;
const MAX_SAMPLERS = 1024;
const MAX_APPLICATIONS = 8192;
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
  #exporters = new Map<string, Exporter>();
  #domains: Domain[] = [];
  #seenKinds = new Set<CollectorKind>();
  #fields = 0;
  #heldBytes = 0;
  #refused = 0;
  #refusedTemplates = 0;
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
    this.#heldBytes = 0;
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
    const message = this.#message();
    return {
      rows: this.pairing.rows,
      rejected: this.#rejected,
      rejects: this.#rejects,
      state: 'whole',
      ...(message === '' ? {} : { message }),
      datagrams: this.datagrams,
      records: this.records,
      domains: this.#domains.map((domain) => this.#domainStatus(domain)),
      leftAside: Object.fromEntries(this.#leftAside),
      counterSamples: this.#skipped.counterSamples,
      refused: this.#refused,
      refusedTemplates: this.#refusedTemplates,
    };
  }

  #domainStatus(domain: Domain): DomainStatus {
    const { unit, lost, late, restarts } = domain.sequence();
    return {
      exporter: domain.exporter.name,
      kind: domain.kind,
      domain: domain.name,
      datagrams: domain.datagrams,
      records: domain.records,
      unit,
      lost,
      late,
      duplicates: domain.duplicates,
      restarts,
      templates: domain.templates.size,
      templateChanges: domain.templateChanges,
      samplingRates: [...domain.rates].sort((a, b) => a - b),
      clockAheadMs: domain.clockAheadMs,
      waiting:
        this.#lostSets.get(domain) ??
        [...domain.waiting]
          .filter(([, { sets, given }]) => sets > given)
          .map(([template, { sets, given }]) => ({ template, sets, given })),
    };
  }

  /** What a reader must know of the rows, in sentences; of many exporters the first few. */
  #message(): string {
    const sentences: string[] = [];
    const add = (text: string): void => {
      if (sentences.length < MAX_SENTENCES) sentences.push(text);
    };
    for (const domain of this.#domains) {
      const status = this.#domainStatus(domain);
      const name = nameOf(domain);
      for (const { template, sets, given } of status.waiting)
        add(`${name}: ${counted(sets - given, 'data set')} can't be read, template ${template} has not come`);
      if (status.samplingRates.length > 0)
        add(
          `${name}: counts multiplied by ${status.samplingRates.map(humanCount).join(', ')} (1 in ${status.samplingRates.map(humanCount).join(', ')} sampling)`,
        );
      if (status.lost > 0) add(`${name}: ${humanCount(status.lost)} ${status.unit} were lost on the way`);
      if (Math.abs(status.clockAheadMs ?? 0) > CLOCK_TOLD_MS) {
        const ahead = status.clockAheadMs ?? 0;
        add(`${name}: its clock is ${humanDuration(Math.abs(ahead))} ${ahead > 0 ? 'ahead' : 'behind'}`);
      }
    }
    const aside = [...this.#leftAside].map(([what, n]) => `${humanCount(n)} ${what}`);
    if (aside.length > 0) add(`left aside: ${aside.join(', ')}`);
    if (this.#refused > 0) add(`${counted(this.#refused, 'datagram')} refused: too many exporters or domains`);
    if (this.#refusedTemplates > 0) add(`${counted(this.#refusedTemplates, 'template')} refused: too many`);
    if (this.pairing.seenTwice > 0)
      add(`${counted(this.pairing.seenTwice, 'record')} of flows seen both coming in and going out, counted once`);
    return sentences.join('; ');
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
        if (id >= FIRST_DATA_SET) this.#forget(domain, id);
        else
          for (const [other, { template }] of domain.templates)
            if (template.isOptions === (id === IPFIX_OPTIONS_TEMPLATES)) this.#forget(domain, other);
      },
    });
  }

  #forget(domain: Domain, id: number): void {
    const stored = domain.templates.get(id);
    if (stored === undefined) return;
    this.#fields -= stored.template.fields.length;
    domain.templates.delete(id);
  }

  #learn(domain: Domain, template: FlowTemplate, arrival: number): void {
    const known = domain.templates.get(template.id);
    if (known !== undefined && sameTemplate(known.template, template)) return;
    if (known !== undefined) domain.templateChanges++;
    this.#forget(domain, template.id);
    const most = this.#options.maxTemplateFields ?? 500_000;
    if (domain.templates.size >= MAX_TEMPLATES_PER_DOMAIN || this.#fields + template.fields.length > most) {
      this.#refusedTemplates++;
      return;
    }
    this.#fields += template.fields.length;
    // OUT_BYTES is the same direction, behind the device (RFC 7012: post counts; Cisco, FortiOS). nProbe alone, which shows itself by ntop's elements, means the way back.
    const outIsReverse = template.fields.some((field) => isNtopElement(field, template.isV9));
    domain.templates.set(template.id, { template, outIsReverse });
    const waiting = domain.waiting.get(template.id);
    if (waiting === undefined) return;
    for (const { bytes, uptimeMs, exportMs, isV9 } of waiting.held) {
      this.#heldBytes -= bytes.length;
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
    domain.waiting.delete(template.id);
  }

  /** Keeps a data set until its template comes; beyond the bound it is given up and counted when the template comes, or at the end. */
  #hold(domain: Domain, id: number, held: HeldSet): void {
    let waiting = domain.waiting.get(id);
    if (waiting === undefined) {
      if (domain.waiting.size >= MAX_WAITING_PER_DOMAIN) {
        this.#oddities.count(ODDITY['netflow.no-template']);
        this.#rejected++;
        return;
      }
      waiting = { sets: 0, given: 0, held: [] };
      domain.waiting.set(id, waiting);
    }
    waiting.sets++;
    if (this.#heldBytes + held.bytes.length > (this.#options.maxHeldBytes ?? 8 << 20)) return;
    this.#heldBytes += held.bytes.length;
    waiting.held.push(held);
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
      this.#hold(domain, id, { bytes: bytes.slice(at, end), uptimeMs, exportMs, isV9 });
      return -1;
    }
    const { template, outIsReverse } = stored;
    return decodeRecords(template, bytes, at, end, this.#flow, this.#oddities, (flow) => {
      if (template.isOptions) {
        this.#option(domain, flow);
        return;
      }
      if (Number.isNaN(flow.systemInitMs)) flow.systemInitMs = domain.systemInitMs;
      settleTimes(flow, uptimeMs, exportMs);
      if (!Number.isNaN(flow.outOctets) || !Number.isNaN(flow.outPackets)) useOutCounts(flow, outIsReverse);
      const hasFacts = flow.hasText || flow.applicationId > 0 || flow.applicationLabel > 0;
      const facts = hasFacts ? factsOf(flow, domain.exporter) : undefined;
      this.#take(domain, flow, exportMs, arrival, this.#rateOf(domain, flow), facts);
    });
  }

  #option(domain: Domain, flow: ExportedFlow): void {
    domain.records++;
    domain.optionRecords++;
    this.records++;
    const rate = flow.samplingRate();
    if (rate >= 1) {
      if (flow.samplerId >= 0) setBounded(domain.samplers, flow.samplerId, rate, MAX_SAMPLERS);
      else if (flow.scopeInterface >= 0) setBounded(domain.interfaceSampling, flow.scopeInterface, rate, MAX_SAMPLERS);
      else domain.sampling = rate;
    }
    if (!Number.isNaN(flow.systemInitMs)) domain.systemInitMs = flow.systemInitMs;
    if (flow.applicationId > 0) {
      const name = flow.text(ROLE.applicationName);
      if (name !== undefined) setBounded(domain.exporter.applications, flow.applicationId, name, MAX_APPLICATIONS);
    }
  }

  /** Packets of the wire for each that was looked at: by the record, its sampler, its interface, the exporter, or the operator. */
  #rateOf(domain: Domain, flow: ExportedFlow): number {
    const own = flow.samplingRate();
    if (own >= 1) return own;
    if (flow.samplerId >= 0) {
      const rate = domain.samplers.get(flow.samplerId);
      if (rate !== undefined) return rate;
    } else if (domain.samplers.size === 1) {
      // Records that do not name it have been through the only one there is.
      for (const rate of domain.samplers.values()) return rate;
    }
    const byInterface = domain.interfaceSampling.get(flow.input) ?? domain.interfaceSampling.get(flow.output);
    if (byInterface !== undefined) return byInterface;
    if (domain.sampling >= 1) return domain.sampling;
    return this.#options.samplingInterval ?? 1;
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
const MAX_SENTENCES = 12;
const CLOCK_TOLD_MS = 300_000;

function nameOf(domain: Domain): string {
  const plain = domain.exporter.name === '' ? 'the exporter' : domain.exporter.name;
  return domain.name === '0' ? plain : `${plain} (${domain.kind === 'sflow' ? 'agent' : 'domain'} ${domain.name})`;
}

function setBounded<V>(map: Map<number, V>, key: number, value: V, most: number): void {
  if (map.has(key) || map.size < most) map.set(key, value);
}

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

function useOutCounts(flow: ExportedFlow, isReverse: boolean): void {
  const hasNone = !(flow.octets > 0 || flow.packets > 0);
  if (hasNone && (flow.outOctets > 0 || flow.outPackets > 0)) {
    // Seen going out alone.
    flow.octets = flow.outOctets;
    flow.packets = flow.outPackets;
  } else if (isReverse && Number.isNaN(flow.reverseOctets) && Number.isNaN(flow.reversePackets)) {
    flow.reverseOctets = flow.outOctets;
    flow.reversePackets = flow.outPackets;
  }
}

/** What exporters call it, and what we do. */
const APPLICATION_NAMES: ReadonlyMap<string, string> = new Map([
  ['ssl', 'tls'],
  ['https', 'tls'],
  ['secure-http', 'tls'],
  ['http/ssl', 'tls'],
  ['web-browsing', 'http'],
  ['ms-rpc', 'dcerpc'],
  ['netbios-ns', 'netbios'],
  ['microsoft-ds', 'smb'],
  ['ms-smb', 'smb'],
  ['cifs', 'smb'],
]);
const NO_APPLICATION = new Set([
  'unknown',
  'unclassified',
  'incomplete',
  'insufficient-data',
  'not-applicable',
  'none',
  '0',
]);

function applicationOf(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  // nDPI says protocol and application in one, as in 'TLS.Google'.
  const plain = name.trim().toLowerCase().split('.')[0] ?? '';
  if (!/^[a-z0-9][a-z0-9 _/+-]{0,63}$/.test(plain) || NO_APPLICATION.has(plain)) return undefined;
  return APPLICATION_NAMES.get(plain) ?? plain;
}

/** Classification engine 3 says the port (RFC 6759 section 4.2). */
const ENGINE_IANA_L4 = 3;

function factsOf(flow: ExportedFlow, exporter: Exporter): RecordFacts {
  const { protocol, applicationId, applicationLabel } = flow;
  const byPort = (port: number): string | undefined =>
    serviceByPort(protocol, port) ?? serviceByPort(PROTO.tcp, port) ?? serviceByPort(PROTO.udp, port);
  const named =
    flow.text(ROLE.applicationName) ?? (applicationId > 0 ? exporter.applications.get(applicationId) : undefined);
  const isPortOnly = named === undefined && Math.floor(applicationId / 2 ** 24) === ENGINE_IANA_L4;
  const application =
    applicationOf(named) ??
    (applicationLabel > 0 && applicationLabel < 65_536 ? byPort(applicationLabel) : undefined) ??
    (isPortOnly ? byPort(applicationId & 0xffff) : undefined);
  const method = flow.text(ROLE.httpMethod);
  const target = flow.text(ROLE.httpTarget);
  const dnsQuery = flow.text(ROLE.dnsQuery)?.toLowerCase();
  const user = flow.text(ROLE.user);
  return {
    application,
    serverName: flow.text(ROLE.serverName),
    httpHost: flow.text(ROLE.httpHost),
    httpRequest: method !== undefined && target !== undefined ? `${method} ${target}`.slice(0, 256) : undefined,
    httpStatus: flow.httpStatus > 0 ? flow.httpStatus : undefined,
    client: flow.text(ROLE.userAgent),
    user: user === 'unknown' ? undefined : user,
    dnsQuery,
    dnsType: dnsQuery !== undefined && flow.dnsType > 0 ? dnsTypeName(flow.dnsType) : undefined,
    dnsRcode: dnsQuery !== undefined && flow.dnsRcode >= 0 ? dnsRcodeName(flow.dnsRcode) : undefined,
  };
}

/** What the payload of a sampled packet says of its protocol. */
function sampleFacts(packet: Packet): RecordFacts | undefined {
  const { protocol, bytes, payload, payloadCaptured, srcPort, dstPort } = packet;
  if (payloadCaptured < 3 || packet.isLaterFragment !== 0) return undefined;
  const end = payload + payloadCaptured;
  if (protocol === PROTO.udp && (isDnsPort(srcPort) || isDnsPort(dstPort))) {
    const message = decodeDns(bytes, payload, end);
    if (message === undefined) return undefined;
    return {
      application: 'dns',
      dnsQuery: message.name === '' ? undefined : message.name,
      dnsType: message.name === undefined ? undefined : dnsTypeName(message.type),
      dnsRcode: message.isResponse ? dnsRcodeName(message.rcode) : undefined,
    };
  }
  if (protocol !== PROTO.tcp && protocol !== PROTO.udp) return undefined;
  const application = serviceByContent(protocol, dstPort, bytes, payload, end);
  return application === undefined ? undefined : { application };
}

const SFLOW_COLUMNS: readonly FlowColumnName[] = [
  'id',
  'startMs',
  'endMs',
  'protocol',
  'initiator',
  'initiatorPort',
  'responder',
  'responderPort',
  'icmpType',
  'icmpCode',
  'vlan',
  'initiatorMac',
  'responderMac',
  'initiatorPackets',
  'responderPackets',
  'initiatorBytes',
  'responderBytes',
  'closeReason',
  'continued',
  'outcome',
  'service',
  'serviceBasis',
  'portService',
  'dnsQuery',
  'dnsType',
  'dnsRcode',
  'communityId',
  'input',
];
const FLOW_ONLY_COLUMNS: readonly FlowColumnName[] = [
  'durationMs',
  'initiatorFlags',
  'responderFlags',
  'tcpState',
  'serverName',
  'httpHost',
  'httpRequest',
  'httpStatus',
  'client',
  'user',
];
const SFLOW_GIVES: ReadonlySet<string> = new Set(SFLOW_COLUMNS);
const FLOW_GIVES: ReadonlySet<string> = new Set([...SFLOW_COLUMNS, ...FLOW_ONLY_COLUMNS]);

function describeUnknown(bytes: Uint8Array): string {
  const version = bytes.length >= 2 ? (bytes[0]! << 8) | bytes[1]! : -1;
  if (version === 8) return 'NetFlow version 8 (aggregates) is not read';
  if (version === 0 && bytes.length >= 8) {
    const sflow = (bytes[2]! << 8) | bytes[3]!;
    if (sflow === 2 || sflow === 4) return `sFlow version ${sflow} is not read, only version 5`;
    if (sflow === 5) return 'sFlow that is cut short, not asked for, or without a time of its own';
  }
  if (version === 1 || version === 5 || version === 7 || version === 9)
    return `NetFlow version ${version} that is cut short or not asked for`;
  if (version === 10) return 'IPFIX that is cut short or not asked for';
  return `no NetFlow, IPFIX or sFlow: it begins with ${hexOf(bytes)}`;
}

function hexOf(bytes: Uint8Array): string {
  return bytes.length === 0
    ? 'nothing'
    : Array.from(bytes.subarray(0, 4), (b) => b.toString(16).padStart(2, '0')).join(' ');
}

/** Before it, no exporter had a clock that was set: 2000-01-01. */
const EARLIEST_EXPORT_MS = 946_684_800_000;

/** Whether a file begins like datagrams of NetFlow or IPFIX, one after the other. */
export function looksLikeNetflow(head: Uint8Array): boolean {
  const header =
    decodeNetflow5(head, 0, head.length) ?? decodeNetflow9(head, 0, head.length) ?? decodeIpfix(head, 0, head.length);
  return header !== undefined && header.exportMs >= EARLIEST_EXPORT_MS;
}

/** Whether [at, end) is a whole datagram of one of the formats, by its content alone: its lengths must come out even. */
export function isCollectorDatagram(bytes: Uint8Array, at: number, end: number): boolean {
  const v5 = decodeNetflow5(bytes, at, end);
  if (v5 !== undefined) return v5.length === end - at && v5.exportMs >= EARLIEST_EXPORT_MS;
  const v9 = decodeNetflow9(bytes, at, end);
  if (v9 !== undefined) {
    if (v9.exportMs < EARLIEST_EXPORT_MS || end - at < 24) return false;
    const oddities = new OddityCounter();
    walkNetflow9(bytes, at, end, oddities, () => undefined);
    return oddities.of('netflow.lying-length') === 0;
  }
  const ipfix = decodeIpfix(bytes, at, end);
  if (ipfix !== undefined) {
    if (ipfix.exportMs < EARLIEST_EXPORT_MS || ipfix.length !== end - at) return false;
    const oddities = new OddityCounter();
    walkIpfix(bytes, at, end, oddities, () => undefined);
    return oddities.of('netflow.lying-length') === 0;
  }
  const sflow = decodeSflow(bytes, at, end);
  return sflow !== undefined && sflow.samples > 0 && sflow.samples <= 512;
}

/** Magic number of nfcapd's files (nfdump, nffile.h), in either byte order, and a layout that exists. */
export function looksLikeNfcapd(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const [a, b, c, d] = head;
  return (
    (a === 0x0c && b === 0xa5 && (c === 1 || c === 2) && d === 0) ||
    (a === 0xa5 && b === 0x0c && c === 0 && (d === 1 || d === 2))
  );
}

/** What to do with a file of nfcapd. */
export function nfcapdError(name: string): UserError {
  return new UserError(
    `${safeText(name)} is a file of nfcapd, which only nfdump reads`,
    `nfdump -r ${safeText(name)} -o csv > flows.csv, then read flows.csv`,
  );
}

/** A source of rows that decodes datagrams. */
export interface NetflowSource extends TableSource {
  status(): CollectorStatus;
}

export interface NetflowFileOptions extends NetflowOptions {
  readonly oddities: OddityCounter;
  readonly signal?: AbortSignal | undefined;
}

/** One input that is read into a decoder. */
interface Feed {
  /** Reads on; false at the end. Rejects with a UserError where nothing of it can be read. */
  step(): Promise<boolean>;
  status(): { readonly state: 'whole' | 'cut'; readonly message?: string | undefined };
}

type MakeFeed = (source: ByteSource, decoder: NetflowDecoder, options: NetflowCaptureOptions) => Feed;

/** Shared by the sources below: a decoder, and what feeds it until a table is there. */
function netflowSource(
  source: Pick<ByteSource, 'name' | 'compression' | 'totalBytes' | 'bytesTaken' | 'close'>,
  decoder: NetflowDecoder,
  feed: Feed,
): NetflowSource {
  const ready: Table[] = [];
  let isOver = false;
  return {
    name: source.name,
    get format() {
      return decoder.format();
    },
    compression: source.compression,
    totalBytes: source.totalBytes,
    get rejectNoun() {
      return decoder.rejectNoun();
    },
    schema: FLOW_SCHEMA,
    get gives() {
      return decoder.gives();
    },
    async read() {
      while (ready.length === 0 && !isOver) {
        if (!(await feed.step())) {
          isOver = true;
          decoder.finish();
        }
        ready.push(...decoder.takeTables());
      }
      return ready.shift();
    },
    bytesTaken: () => source.bytesTaken(),
    status() {
      const status = decoder.status();
      const { state, message } = feed.status();
      const all = [message, status.message].filter((part) => part !== undefined).join('; ');
      return { ...status, state, ...(all === '' ? {} : { message: all }) };
    },
    close: () => source.close(),
  };
}

const STOPPED = 'stopped by the operator; what came before was kept';

/** An input of several, after a look at its beginning. */
interface LookedAt {
  readonly name: string;
  open(): Promise<ByteSource>;
  readonly size: number | undefined;
  readonly compression: ByteSource['compression'];
  /** Time of the first datagram or packet, epoch ms; infinite where there is none. */
  readonly firstMs: number;
  /** What can't be opened again. */
  readonly stream: ByteSource | undefined;
}

/**
 * Rows of several inputs, in order of their first times: one decoder for all of them, so that templates, sampling rates and sequence numbers of an exporter go on from file to file as its
 * exports do, and a flow may be told of by two files. An input that can't be read is named in the status, and the others go on; rejects with its UserError where none can be.
 */
async function openTogether(
  inputs: readonly RowInput[],
  options: NetflowCaptureOptions,
  makeFeed: MakeFeed,
  timeOf: (head: Uint8Array) => number,
): Promise<NetflowSource> {
  const [first] = inputs;
  if (first === undefined) throw new Error('no input of datagrams');
  if (inputs.length === 1) {
    const decoder = new NetflowDecoder(options.oddities, options);
    const source = await first.open();
    return netflowSource(source, decoder, makeFeed(source, decoder, options));
  }
  const { onReject } = options;
  const decoder = new NetflowDecoder(options.oddities, {
    ...options,
    // Which of the files it is of; what waited for a template until the end is of none in hand.
    onReject: (reject) =>
      onReject?.(
        current === undefined
          ? reject
          : { ...reject, reason: `${safeText(path.basename(current.name), 100)}: ${reject.reason}` },
      ),
  });
  const queue: LookedAt[] = [];
  const notes: string[] = [];
  let failure: UserError | undefined;
  let isCut = false;
  const note = (name: string, text: string): void => {
    const said = text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
    if (notes.length < MAX_FILE_NOTES) notes.push(`${safeText(path.basename(name), 100)}: ${said}`);
    else if (notes.length === MAX_FILE_NOTES) notes.push('and more of the kind');
  };
  const failed = (name: string, error: unknown): void => {
    if (!(error instanceof UserError)) throw error;
    failure ??= error;
    isCut = true;
    note(name, error.message);
  };
  for (const { name, open } of inputs) {
    let opened: ByteSource | undefined;
    try {
      opened = await open();
      const { head, source } = await peekHead(opened);
      const { totalBytes: size, compression } = source;
      if (size !== undefined) source.close();
      queue.push({
        name,
        open,
        size,
        compression,
        firstMs: timeOf(head),
        stream: size === undefined ? source : undefined,
      });
    } catch (error) {
      opened?.close();
      failed(name, error);
    }
  }
  if (queue.length === 0 && failure !== undefined) throw failure;
  const totalBytes = queue.reduce<number | undefined>(
    (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
  const compression = queue.find((input) => input.compression !== '')?.compression ?? '';
  // Infinite ones keep the order in which they were given.
  queue.sort((a, b) => (a.firstMs === b.firstMs ? 0 : a.firstMs - b.firstMs));
  let current: { readonly name: string; readonly source: ByteSource; readonly feed: Feed } | undefined;
  let bytesDone = 0;
  const leave = (): void => {
    bytesDone += current?.source.bytesTaken() ?? 0;
    current?.source.close();
    current = undefined;
  };
  const step = async (): Promise<boolean> => {
    if (current === undefined) {
      const next = queue.shift();
      if (next === undefined) {
        if (decoder.datagrams === 0 && failure !== undefined) throw failure;
        return false;
      }
      try {
        const source = next.stream ?? (await next.open());
        current = { name: next.name, source, feed: makeFeed(source, decoder, options) };
      } catch (error) {
        failed(next.name, error);
        return true;
      }
    }
    const { name, feed } = current;
    try {
      if (await feed.step()) return true;
      const { state, message } = feed.status();
      isCut ||= state === 'cut';
      if (message !== undefined) note(name, message);
    } catch (error) {
      failed(name, error);
    }
    leave();
    return options.signal?.aborted !== true;
  };
  return netflowSource(
    {
      name: counted(inputs.length, 'export file'),
      compression,
      totalBytes,
      bytesTaken: () => bytesDone + (current?.source.bytesTaken() ?? 0),
      close: () => {
        leave();
        for (const { stream } of queue) stream?.close();
        queue.length = 0;
      },
    },
    decoder,
    {
      step,
      status: () => ({
        state: isCut ? 'cut' : 'whole',
        message: notes.length === 0 ? undefined : notes.join('; '),
      }),
    },
  );
}

const MAX_FILE_NOTES = 20;
const MOST_DATAGRAM = 65_535;

/** Rows of a file that holds the payloads of NetFlow or IPFIX datagrams one after the other. All of them count as one exporter's; times are those of the headers. */
export function netflowFromFile(source: ByteSource, options: NetflowFileOptions): NetflowSource {
  const decoder = new NetflowDecoder(options.oddities, options);
  return netflowSource(source, decoder, fileFeed(source, decoder, options));
}

function fileFeed(source: ByteSource, decoder: NetflowDecoder, { signal }: NetflowFileOptions): Feed {
  const buffer = new Uint8Array(1 << 18);
  let start = 0;
  let end = 0;
  let consumed = 0;
  let datagrams = 0;
  let isEnd = false;
  let cut: string | undefined;
  const step = async (): Promise<boolean> => {
    if (signal?.aborted === true) {
      cut = STOPPED;
      return false;
    }
    while (!isEnd && end - start < MOST_DATAGRAM) {
      buffer.copyWithin(0, start, end);
      consumed += start;
      end -= start;
      start = 0;
      const filled = source.read(buffer.subarray(end));
      let n: number;
      try {
        n = typeof filled === 'number' ? filled : await filled;
      } catch (error) {
        // Of damaged compression, what could be unpacked is data.
        if (!(error instanceof UserError) || datagrams === 0) throw error;
        cut = error.message.replace(`${source.name}: `, '');
        return false;
      }
      if (n === 0) isEnd = true;
      end += n;
    }
    if (start >= end) return false;
    const whole = buffer.subarray(start, Math.min(end, start + MOST_DATAGRAM));
    const header = decodeNetflow5(whole, 0, whole.length);
    const claimed = header?.length ?? decodeIpfix(whole, 0, whole.length)?.length ?? 0;
    decoder.datagrams++;
    datagrams++;
    const taken = decoder.message(whole, 0, whole.length, '', Number.NaN);
    if (taken === 0) {
      decoder.datagrams--;
      if (datagrams === 1)
        throw new UserError(
          `${source.name}: ${describeUnknown(whole)}`,
          'a file of datagrams holds NetFlow v5, v9 or IPFIX, one after the other; sFlow comes in a capture',
        );
      cut = `byte ${humanCount(consumed + start)} begins no datagram; what came before was kept`;
      return false;
    }
    if (claimed > whole.length) cut = 'the last datagram claims more than there is; what was whole was read';
    start += taken;
    return true;
  };
  return { step, status: () => ({ state: cut === undefined ? 'whole' : 'cut', message: cut }) };
}

/** When the first datagram of a file was exported. */
function exportTimeOf(head: Uint8Array): number {
  const header =
    decodeNetflow5(head, 0, head.length) ?? decodeNetflow9(head, 0, head.length) ?? decodeIpfix(head, 0, head.length);
  return header === undefined || Number.isNaN(header.exportMs) ? Number.POSITIVE_INFINITY : header.exportMs;
}

export interface NetflowCaptureOptions extends NetflowFileOptions {
  /** UDP ports whose datagrams are taken; `COLLECTOR_PORTS` by default. Datagrams to other ports are taken when their content leaves no doubt. */
  readonly ports?: readonly number[] | undefined;
}

/** Rows of the NetFlow, IPFIX and sFlow datagrams in a capture. The exporter is who sent them, the time is that of the packet. */
export function netflowFromCapture(source: ByteSource, options: NetflowCaptureOptions): NetflowSource {
  const decoder = new NetflowDecoder(options.oddities, options);
  return netflowSource(source, decoder, captureFeed(source, decoder, options));
}

function captureFeed(source: ByteSource, decoder: NetflowDecoder, options: NetflowCaptureOptions): Feed {
  const { oddities } = options;
  const ports = new Set(options.ports ?? COLLECTOR_PORTS);
  const base = new TimeBase();
  const reader = new CaptureReader(base, oddities, { input: oddities.input });
  const packet = new Packet();
  const fragments = new Fragments();
  const before = decoder.datagrams;
  let stopped: string | undefined;
  const step = async (): Promise<boolean> => {
    if (reader.done) return false;
    if (options.signal?.aborted === true) {
      stopped = STOPPED;
      return false;
    }
    const filled = source.read(reader.space());
    try {
      const n = typeof filled === 'number' ? filled : await filled;
      if (n === 0) reader.growing = source.growing?.() === true;
      reader.fill(n);
    } catch (error) {
      if (!(error instanceof UserError) || reader.status().packets === 0) throw error;
      reader.cut(`${error.message.replace(`${source.name}: `, '')}; the packets before it were kept`);
      return false;
    }
    while (reader.next() > 0) {
      const { batch } = reader;
      const { bytes, view, offset, captureLength, wireLength, linkType, timeNs } = batch;
      for (let i = 0; i < batch.count; i++) {
        oddities.frame = batch.firstFrame + i;
        fragments.timeNs = timeNs[i]!;
        const belongs = decodeFrame(
          bytes,
          view,
          offset[i]!,
          captureLength[i]!,
          wireLength[i]!,
          linkType[i]!,
          packet,
          fragments,
          oddities,
        );
        if (!belongs || packet.protocol !== PROTO.udp || packet.payloadCaptured === 0) continue;
        if (packet.isReassembled === 0 && (packet.isFirstFragment | packet.isLaterFragment) !== 0) continue;
        const { payload, payloadCaptured } = packet;
        if (!ports.has(packet.dstPort) && !isCollectorDatagram(packet.bytes, payload, payload + payloadCaptured))
          continue;
        decoder.datagram(
          packet.bytes.subarray(payload, payload + payloadCaptured),
          exporterOf(packet),
          base.epochMs(timeNs[i]!),
          packet.srcPort,
        );
      }
    }
    return true;
  };
  const ended = (): ReturnType<Feed['status']> => {
    const status = reader.status();
    if (stopped !== undefined) return { state: 'cut', message: stopped };
    const none =
      reader.done && decoder.datagrams === before
        ? `no NetFlow, IPFIX or sFlow in ${counted(status.packets, 'packet')}, on ports ${[...ports].join(', ')} or another`
        : undefined;
    return { state: status.state === 'cut' ? 'cut' : 'whole', message: status.message ?? none };
  };
  return { step, status: ended };
}

/** When the first packet of a capture came. */
function captureTimeOf(head: Uint8Array): number {
  const base = new TimeBase();
  const reader = new CaptureReader(base, new OddityCounter(), { batchFrames: 1 });
  let given = 0;
  try {
    while (!reader.done && given < head.length) {
      const space = reader.space();
      const n = Math.min(space.length, head.length - given);
      space.set(head.subarray(given, given + n));
      given += n;
      reader.fill(n);
      if (reader.next() > 0) return base.epochMs(reader.batch.timeNs[0] ?? 0);
    }
  } catch (error) {
    // What is no capture is refused where it is read.
    if (!(error instanceof UserError)) throw error;
  }
  return Number.POSITIVE_INFINITY;
}

function exporterOf(packet: Packet): string {
  return packet.isV6 === 1 ? formatIpv6(packet.src0, packet.src1, packet.src2, packet.src3) : formatIpv4(packet.src0);
}

/** Files of datagrams among the formats of rows. */
export const NETFLOW_FORMAT: RowFormat = {
  id: 'netflow',
  title: 'NetFlow v1, v5, v7, v9 and IPFIX datagrams, one after the other',
  flows: true,
  together: true,
  looksLike: (head) => looksLikeNetflow(head),
  openFlows: (inputs, options) => openTogether(inputs, options, fileFeed, exportTimeOf),
};

/** A capture of the traffic between exporters and a collector: only where the operator says so, for it is as well a capture of packets. */
export const NETFLOW_CAPTURE_FORMAT: RowFormat = {
  id: 'netflow-capture',
  title: 'captures of NetFlow, IPFIX and sFlow datagrams: the flows that they tell of, not the datagrams themselves',
  flows: true,
  together: true,
  looksLike: () => false,
  openFlows: (inputs, options) => openTogether(inputs, options, captureFeed, captureTimeOf),
};

/** Told so that it can be refused with what to do. */
export const NFCAPD_FORMAT: RowFormat = {
  id: 'nfcapd',
  title: 'files of nfcapd: not read; nfdump turns them into CSV',
  flows: false,
  looksLike: (head) => looksLikeNfcapd(head),
  openFlows: ([input]) => Promise.reject(nfcapdError(input?.name ?? 'the input')),
  openTable: (source) => Promise.reject(nfcapdError(source.name)),
};
