import { safeText, UserError } from '../core/index.ts';
import { POPULAR_NAMES } from './data/popular-names.ts';
import { registrableDomain } from './domain.ts';

/**
 * How popular a domain is, by a ranked list: the one that ships (data/popular-names.ts; about 6,000 domains of sites and of what sites embed), or the
 * operator's own, which may have a million. A rank belongs to a registrable domain; what is not on the list has none, which says nothing against it: most
 * honest domains are not. Popular is not benign either: anybody can have a page at github.io.
 */

/** Domains that a list takes in at most. */
const MAX_NAMES = 1_000_000;

/**
 * A ranked list of domains. It lies in memory as sorted names end to end, with their ends and ranks: 22 MB for a million, exact, and found by bisection.
 * (A table of hashes would be half of that, but somebody could make a name that meets the hash of a popular one.)
 */
export class PopularList {
  /** Names that found no room, are no domains that can be registered, or are not of ASCII (write those in Punycode). */
  readonly skipped: number;
  #bytes: Uint8Array;
  #ends: Uint32Array;
  #ranks: Uint32Array;

  private constructor(ranks: ReadonlyMap<string, number>, skipped: number) {
    const names = [...ranks.keys()].sort();
    this.skipped = skipped;
    this.#bytes = new Uint8Array(names.reduce((n, name) => n + name.length, 0));
    this.#ends = new Uint32Array(names.length);
    this.#ranks = new Uint32Array(names.length);
    let at = 0;
    names.forEach((name, i) => {
      for (let c = 0; c < name.length; c++) this.#bytes[at++] = name.charCodeAt(c);
      this.#ends[i] = at;
      this.#ranks[i] = ranks.get(name) ?? 0;
    });
  }

  /** Domains on the list. */
  get size(): number {
    return this.#ends.length;
  }

  /** Rank of the registrable domain of a name, 1 the most popular; undefined where it is not on the list. */
  rank(name: string): number | undefined {
    const domain = registrableDomain(name);
    return domain === undefined ? undefined : this.rankOfDomain(domain);
  }

  /** The same for what is known to be a registrable domain in lower case. */
  rankOfDomain(domain: string): number | undefined {
    let low = 0;
    let high = this.#ends.length - 1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      const order = this.#compare(domain, mid);
      if (order === 0) return this.#ranks[mid];
      if (order < 0) high = mid - 1;
      else low = mid + 1;
    }
    return undefined;
  }

  #compare(domain: string, which: number): number {
    const from = which === 0 ? 0 : this.#ends[which - 1];
    const length = this.#ends[which] - from;
    const shorter = Math.min(length, domain.length);
    for (let i = 0; i < shorter; i++) {
      const difference = domain.charCodeAt(i) - this.#bytes[from + i];
      if (difference !== 0) return difference;
    }
    return domain.length - length;
  }

  /** From registrable domains of ASCII in lower case, the most popular first. */
  static of(domains: Iterable<string>): PopularList {
    const ranks = new Map<string, number>();
    for (const domain of domains) if (!ranks.has(domain)) ranks.set(domain, ranks.size + 1);
    return new PopularList(ranks, 0);
  }

  /**
   * Reads the text of a list in any of these layouts, told by its first line:
   *
   * - Tranco and Cisco Umbrella: `rank,name`, no header.
   * - Majestic Million: a header with `GlobalRank` and `Domain`.
   * - CrUX as CSV: a header with `origin` and `rank`; ranks there are sizes of the top group (1000, 10000, ...).
   * - One name per line: the line is the rank. Lines that begin with # are comments.
   *
   * Names are folded to their registrable domains, of which the best rank counts. Blank lines, a byte order mark and either line end are fine.
   * @param file its name, for errors.
   * @throws UserError for a line that is of no such layout, and for a list without any domain.
   */
  static parse(text: string, file: string, options: { readonly maxNames?: number } = {}): PopularList {
    const { maxNames = MAX_NAMES } = options;
    const ranks = new Map<string, number>();
    let skipped = 0;
    let layout: Layout | undefined;
    let position = 0;
    let lineNumber = 0;
    for (const line of linesOf(text)) {
      lineNumber++;
      const trimmed = line.trim();
      if (trimmed === '' || trimmed.startsWith('#')) continue;
      const cells = trimmed.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
      if (layout === undefined) {
        layout = layoutOf(cells);
        if (layout.header) continue;
      }
      const name = cells[layout.name] ?? '';
      position++;
      let rank = position;
      if (layout.rank >= 0) {
        rank = Number(cells[layout.rank]);
        if (!/^\d{1,9}$/.test(cells[layout.rank] ?? '') || rank < 1)
          throw new UserError(
            `${file}:${lineNumber}: '${safeText(cells[layout.rank] ?? '', 40)}' is not a rank.`,
            `Each line of this list should be like '${layout.example}'.`,
          );
      }
      const domain = registrableDomain(name.replace(/^https?:\/\//, '').replace(/\/.*$/, ''));
      const known = domain === undefined ? undefined : ranks.get(domain);
      if (domain === undefined || !/^[!-~]+$/.test(domain) || (known === undefined && ranks.size >= maxNames))
        skipped++;
      else if (known === undefined || rank < known) ranks.set(domain, rank);
    }
    if (ranks.size === 0)
      throw new UserError(
        `${file}: there is no domain in this list.`,
        "It should have lines like '1,example.com' (Tranco, Umbrella), Majestic's or CrUX's CSV, or one domain per line.",
      );
    return new PopularList(ranks, skipped);
  }
}

interface Layout {
  readonly header: boolean;
  readonly name: number;
  /** -1 where the line is the rank. */
  readonly rank: number;
  readonly example: string;
}

function layoutOf(cells: readonly string[]): Layout {
  const lower = cells.map((cell) => cell.toLowerCase());
  const name = ['domain', 'origin', 'name', 'host', 'hostname'].map((key) => lower.indexOf(key)).find((i) => i >= 0);
  const rank = ['globalrank', 'rank', 'position'].map((key) => lower.indexOf(key)).find((i) => i >= 0);
  if (name !== undefined)
    return {
      header: true,
      name,
      rank: rank ?? -1,
      example: lower.map((key, i) => (i === name ? 'example.com' : i === rank ? '1' : key)).join(','),
    };
  if (cells.length === 1) return { header: false, name: 0, rank: -1, example: 'example.com' };
  return { header: false, name: 1, rank: 0, example: '1,example.com' };
}

function* linesOf(text: string): Generator<string> {
  let from = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (from < text.length) {
    let to = text.indexOf('\n', from);
    if (to < 0) to = text.length;
    yield text.slice(from, to);
    from = to + 1;
  }
}

let shipped: PopularList | undefined;

/** The list that ships. */
export function shippedPopularList(): PopularList {
  shipped ??= PopularList.of(POPULAR_NAMES.split(' ').map((name) => (name.includes('.') ? name : `${name}.com`)));
  return shipped;
}

/** Rank of the registrable domain of a name on the list that ships (or on one given), 1 the most popular; undefined where it is not on it. */
export function popularRank(name: string, list: PopularList = shippedPopularList()): number | undefined {
  return list.rank(name);
}
