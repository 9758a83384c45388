import { counted, humanCount, humanDuration } from '../../../core/index.ts';
import type { TableStatus } from '../table-source.ts';
import { type Domain, nameOf } from './exporter.ts';
import type { CollectorKind } from './kind.ts';

/** What there is to tell of a collector: by exporter and domain, and in sentences. */

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

/** @param lost data sets that were given up at the end, by template. */
export function domainStatus(domain: Domain, lostSets: DomainStatus['waiting'] | undefined): DomainStatus {
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
      lostSets ??
      [...domain.waiting]
        .filter(([, { sets, given }]) => sets > given)
        .map(([template, { sets, given }]) => ({ template, sets, given })),
  };
}

/** What a reader must know of the rows, in sentences; of many exporters the first few. */
export function messageOf(
  domains: readonly Domain[],
  told: Pick<CollectorStatus, 'domains' | 'leftAside' | 'refused' | 'refusedTemplates'>,
  seenTwice: number,
): string {
  const sentences: string[] = [];
  const add = (text: string): void => {
    if (sentences.length < MAX_SENTENCES) sentences.push(text);
  };
  for (const [i, status] of told.domains.entries()) {
    const name = nameOf(domains[i] as Domain);
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
  const aside = Object.entries(told.leftAside).map(([what, n]) => `${humanCount(n)} ${what}`);
  if (aside.length > 0) add(`left aside: ${aside.join(', ')}`);
  if (told.refused > 0) add(`${counted(told.refused, 'datagram')} refused: too many exporters or domains`);
  if (told.refusedTemplates > 0) add(`${counted(told.refusedTemplates, 'template')} refused: too many`);
  if (seenTwice > 0) add(`${counted(seenTwice, 'record')} of flows seen both coming in and going out, counted once`);
  return sentences.join('; ');
}

const MAX_SENTENCES = 12;
const CLOCK_TOLD_MS = 300_000;
