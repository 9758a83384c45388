import { counted, type StringColumn } from '../../core/index.ts';
import type { Detection, NetworkContext, Reason } from '../detection.ts';
import { codeCount, textOf } from '../told.ts';

/**
 * Who is behind a search that comes from several addresses at a time.
 *
 * Decoys: a scanner sends each of its packets again with the source addresses of others (nmap -D), so that its own is one of many. These searches are equal: the same kind, the same hosts, as many
 * ports, begun and ended together. On the local network all of them come from one hardware address, and ARP tells which of the network addresses is its own: that one did it. From behind
 * a router they can't be told apart, and each says so.
 */

/** A search and the hardware address that most of its first packets came from. */
export interface Search {
  readonly detection: Detection;
  readonly mac: string | undefined;
}

/** What the beginnings, the ends and the sizes of equal searches may differ by. */
const TOGETHER_MS = 2000;
const TOGETHER_SHARE = 0.1;
const MOST_NAMED = 4;

export function foldDecoys(searches: readonly Search[], { arp }: Pick<NetworkContext, 'arp'>): Detection[] {
  const byLikeness = new Map<string, Search[]>();
  for (const search of searches) {
    const { kind, protocol, port, peers, peerCount } = search.detection;
    const key = `${kind} ${protocol} ${port} ${peerCount} ${peers.toSorted().join(' ')}`;
    const alike = byLikeness.get(key);
    if (alike === undefined) byLikeness.set(key, [search]);
    else alike.push(search);
  }
  return [...byLikeness.values()].flatMap((alike) => clusters(alike).flatMap((equal) => fold(equal, arp)));
}

/** Searches of one likeness, those together that are equal to the first of them. */
function clusters(alike: readonly Search[]): Search[][] {
  const ordered = alike.toSorted(
    (a, b) => a.detection.firstMs - b.detection.firstMs || compareText(a.detection.actor, b.detection.actor),
  );
  const found: Search[][] = [];
  for (const search of ordered) {
    const cluster = found.find(([first]) => first !== undefined && isEqual(first.detection, search.detection));
    if (cluster === undefined) found.push([search]);
    else cluster.push(search);
  }
  return found;
}

function isEqual(a: Detection, b: Detection): boolean {
  const tolerance = Math.max(TOGETHER_MS, TOGETHER_SHARE * (a.lastMs - a.firstMs));
  return (
    a.actor !== b.actor &&
    Math.abs(a.firstMs - b.firstMs) <= tolerance &&
    Math.abs(a.lastMs - b.lastMs) <= tolerance &&
    Math.abs(a.flowCount - b.flowCount) <= TOGETHER_SHARE * Math.max(a.flowCount, b.flowCount)
  );
}

function fold(equal: readonly Search[], arp: NetworkContext['arp']): Detection[] {
  if (equal.length === 1) return equal.map(({ detection }) => detection);
  const byMac = new Map<string | undefined, Search[]>();
  for (const search of equal) {
    const group = byMac.get(search.mac);
    if (group === undefined) byMac.set(search.mac, [search]);
    else group.push(search);
  }
  const found: Detection[] = [];
  const open: Detection[] = [];
  for (const [mac, group] of byMac) {
    const own = mac === undefined ? [] : (arp?.ownAddresses(mac) ?? []);
    const owners = group.filter(({ detection }) => own.includes(detection.actor));
    const [owner] = owners;
    if (mac === undefined || group.length === 1 || owners.length !== 1 || owner === undefined)
      open.push(...group.map(({ detection }) => detection));
    else found.push(withReason(owner.detection, forgedReason(group.filter((search) => search !== owner))));
  }
  // Two hosts that do the same in the same moment may well be two; of more, and where forging is seen, it is said.
  if (open.length < 3) return [...found, ...open];
  return [...found, ...open.map((detection) => withReason(detection, togetherReason(open.length)))];
}

function forgedReason(forged: readonly Search[]): Reason {
  const names = forged.map(({ detection }) => detection.actor);
  const shown = names.slice(0, MOST_NAMED).join(', ');
  return {
    name: 'scan.forged',
    value: names.length,
    unit: 'addresses',
    sentence: `The same search came with ${counted(names.length, 'other source address', 'other source addresses')} at the same time (${shown}${names.length > MOST_NAMED ? ' and others' : ''}), but from the hardware address of this host: they are forged, to hide it among them.`,
  };
}

function togetherReason(count: number): Reason {
  return {
    name: 'scan.decoys',
    value: count,
    unit: 'addresses',
    sentence: `${counted(count, 'address', 'addresses')} made the same search at the same time: all but one may be forged (decoys), and the traffic does not tell which one is not.`,
  };
}

function withReason(detection: Detection, reason: Reason): Detection {
  return { ...detection, reasons: [...detection.reasons, reason] };
}

/** The hardware addresses of the rows of a batch as numbers of 48 bits, each made when it is first asked for; NaN where there is none. */
export class MacNumbers {
  readonly #column: StringColumn;
  readonly #numbers: Float64Array;

  constructor(column: StringColumn) {
    this.#column = column;
    this.#numbers = new Float64Array(codeCount(column)).fill(-1);
  }

  at(row: number): number {
    const code = this.#column.codes[row] as number;
    if (code < 0) return Number.NaN;
    const known = this.#numbers[code] as number;
    if (known !== -1) return known;
    const text = textOf(this.#column, code);
    const number = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(text)
      ? Number.parseInt(text.replaceAll(':', ''), 16)
      : Number.NaN;
    this.#numbers[code] = number;
    return number;
  }
}

/** '02:00:00:00:00:01' of its number; undefined of NaN. */
export function macText(number: number): string | undefined {
  if (Number.isNaN(number)) return undefined;
  return number
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?!$)/g, '$&:');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
