import type { StringColumn } from '../../core/index.ts';
import { dgaLabelOf, dgaLabelScore } from '../dga.ts';
import { domainParts, normalName, ownLabels, partsLabelEntropy } from '../domain.ts';
import { type PopularList, shippedPopularList } from '../popular.ts';
import { digitRatio, looksBase32, looksBase64, looksHex, shannonEntropy } from '../text-shape.ts';

/** What the packs for DNS, TLS and HTTP measure of a name. */
export interface NameFacts {
  readonly length: number;
  readonly labels: number;
  readonly longestLabel: number;
  readonly digits: number;
  readonly labelEntropy: number;
  /** Of the label that was registered. */
  readonly domainEntropy: number;
  readonly subdomainLength: number;
  readonly subdomainEntropy: number;
  /** Index into `ENCODED_CLASSES`. */
  readonly encoded: number;
  readonly dga: number;
  /** NaN where the domain is not on the list. */
  readonly rank: number;
  /** Who can put names below it: the registrable domain with the private suffixes counted; undefined where there is none. */
  readonly owner: string | undefined;
  /** What stands before the owner's domain. */
  readonly owned: string;
}

export const ENCODED_CLASSES = ['no encoded data', 'hexadecimal', 'Base32', 'Base64'] as const;

/** Undefined for what is no name, as an address. */
export function nameFacts(text: string, popular: PopularList = shippedPopularList()): NameFacts | undefined {
  const parts = domainParts(text);
  if (parts === undefined) return undefined;
  const owner = domainParts(text, { privateSuffixes: true });
  const labels = parts.name.split('.');
  const label = dgaLabelOf(parts);
  return {
    length: parts.name.length,
    labels: labels.length,
    longestLabel: labels.reduce((most, one) => Math.max(most, one.length), 0),
    digits: digitRatio(parts.name),
    labelEntropy: partsLabelEntropy(parts),
    domainEntropy: parts.label === undefined ? Number.NaN : shannonEntropy(parts.label),
    subdomainLength: parts.subdomain.length,
    subdomainEntropy: parts.subdomain === '' ? Number.NaN : shannonEntropy(parts.subdomain),
    encoded: encodedClass(ownLabels(parts), text),
    dga: label === undefined ? Number.NaN : dgaLabelScore(label),
    rank: (parts.domain === undefined ? undefined : popular.rankOfDomain(parts.domain)) ?? Number.NaN,
    owner: owner?.domain,
    owned: owner?.subdomain ?? '',
  };
}

/** A tunnel cuts its data into labels, so they are looked at one by one and joined. `text` still has the case that a normalised name has lost. */
function encodedClass(labels: readonly string[], text: string): number {
  const joined = labels.slice(0, -1).join('');
  const cased = text.split('.').slice(0, labels.length);
  if (labels.some((one) => looksHex(one)) || looksHex(joined)) return 1;
  if (labels.some((one) => looksBase32(one)) || looksBase32(joined)) return 2;
  return cased.some((one) => looksBase64(one)) ? 3 : 0;
}

/** The facts of a column of names, made once per name and batch. */
export class NameColumn {
  #column: StringColumn;
  #popular: PopularList;
  #facts: (NameFacts | null | undefined)[];

  constructor(column: StringColumn, popular: PopularList) {
    this.#column = column;
    this.#popular = popular;
    this.#facts = new Array(column.dictionary.length);
  }

  has(row: number): boolean {
    return this.#column.codes[row] >= 0;
  }

  text(row: number): string {
    return this.#column.dictionary[this.#column.codes[row]];
  }

  /** Undefined where the cell is missing or holds no name. */
  at(row: number): NameFacts | undefined {
    const code = this.#column.codes[row];
    if (code < 0) return undefined;
    let facts = this.#facts[code];
    if (facts === undefined) {
      facts = nameFacts(this.#column.dictionary[code], this.#popular) ?? null;
      this.#facts[code] = facts;
    }
    return facts ?? undefined;
  }
}

/** True for text that is an IPv4 or IPv6 address, with or without brackets and a port, as hosts and server names should not be. */
export function isAddressText(text: string): boolean {
  return (
    (/^\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?$/.test(text) || /^\[?[0-9a-f]*:[0-9a-f:.]*\]?(?::\d{1,5})?$/i.test(text)) &&
    (text.includes('.') || text.split(':').length > 2) &&
    normalName(text) === undefined
  );
}
