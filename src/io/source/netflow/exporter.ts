import type { FlowTemplate } from '../../../wire/index.ts';
import type { PairingExporter } from './held.ts';
import type { CollectorKind } from './kind.ts';

/** What is remembered of exporters and of their observation domains: templates, sampling rates, sequence numbers, clocks. */

export interface HeldSet {
  readonly bytes: Uint8Array;
  readonly uptimeMs: number;
  readonly exportMs: number;
  readonly isV9: boolean;
}

export interface Waiting {
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

export class Domain {
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

export class Exporter implements PairingExporter {
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

export function nameOf(domain: Domain): string {
  const plain = domain.exporter.name === '' ? 'the exporter' : domain.exporter.name;
  return domain.name === '0' ? plain : `${plain} (${domain.kind === 'sflow' ? 'agent' : 'domain'} ${domain.name})`;
}
