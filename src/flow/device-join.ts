import { counted } from '../core/index.ts';

/**
 * Which made-up hardware addresses belong to one device. A phone that takes a new address each day is one phone; joining two phones into one is the worse mistake, so a name alone does not do.
 *
 * Both addresses must be made up and never active at the same time. Then signs add up: the client identifier that outlives the address (a DUID, RFC 4361) is enough; a name of its own counts most of the rest,
 * a name that every phone of a kind has counts little; the order of DHCP options, vendor class, TLS fingerprints and places called are those of a model or an owner and confirm. Only addresses with a name or
 * an identifier in common are compared at all, so the cost stays that of the names.
 */
export interface JoinCandidate {
  readonly mac: string;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Names that it gives itself, lower case. */
  readonly names: ReadonlySet<string>;
  /** Identifier in DHCP that is not the hardware address; undefined without one. */
  readonly clientId: string | undefined;
  readonly dhcpOptions: string | undefined;
  readonly vendorClass: string | undefined;
  readonly fingerprints: ReadonlySet<string>;
  /** Names of places that it called. */
  readonly places: ReadonlySet<string>;
}

export interface Join {
  /** Positions of the earlier and the later one. */
  readonly earlier: number;
  readonly later: number;
  /** 0.6 to 0.99. */
  readonly score: number;
  /** Sentences with fixed words and numbers; no text from the network. */
  readonly evidence: readonly string[];
}

/** What it takes. */
export const JOIN_SCORE = 0.6;
/** Identifiers are copied with images of disks, so nothing is certain. */
const MOST_SURE = 0.99;
/** The clocks of two flows of one moment may differ so far: the last answers to the old address. */
const OVERLAP_MS = 60_000;
/** Names with more holders than this are a kind's and no device's. */
const MAX_HOLDERS = 64;

const CLIENT_ID = 0.9;
const OWN_NAME = 0.5;
const COMMON_NAME = 0.15;
const OPTIONS = 0.1;
const VENDOR_CLASS = 0.05;
const FINGERPRINTS = 0.15;
const PLACES = 0.15;

/** Names that many devices have from the factory. */
const FACTORY_NAME =
  /^(?:localhost|android|iphone|ipad|ipod|phone|galaxy|pixel|macbook|macbookpro|macbook-?(?:pro|air)|imac|watch|apple-?watch|laptop|desktop|pc|unknown|dhcp|host|client|esp|espressif|raspberrypi|ubuntu|debian|openwrt|(?:galaxy|pixel|redmi|oneplus|huawei|xiaomi|moto|nokia)[-_ ]?[a-z0-9+]{0,12})(?:-\d{1,2})?(?:\.local)?$/;

/** Pairs of one device, best first; each candidate follows at most one earlier one. */
export function joinRotations(candidates: readonly JoinCandidate[]): Join[] {
  const holders = new Map<string, number[]>();
  for (const [i, { names, clientId }] of candidates.entries()) {
    for (const key of [
      ...[...names].map((name) => `name ${name}`),
      ...(clientId === undefined ? [] : [`id ${clientId}`]),
    ]) {
      const list = holders.get(key);
      if (list === undefined) holders.set(key, [i]);
      else list.push(i);
    }
  }
  const pairs = new Map<string, Join>();
  for (const list of holders.values()) {
    if (list.length > MAX_HOLDERS) continue;
    for (const [at, i] of list.entries()) {
      for (const j of list.slice(at + 1)) {
        const a = candidates[i];
        const b = candidates[j];
        if (a === undefined || b === undefined) continue;
        const [earlier, later] = a.firstMs < b.firstMs || (a.firstMs === b.firstMs && a.mac < b.mac) ? [i, j] : [j, i];
        const key = `${earlier} ${later}`;
        if (pairs.has(key)) continue;
        const join = compare(candidates, earlier, later);
        if (join !== undefined) pairs.set(key, join);
      }
    }
  }
  const sorted = [...pairs.values()].sort(
    (a, b) =>
      b.score - a.score || gap(candidates, a) - gap(candidates, b) || a.earlier - b.earlier || a.later - b.later,
  );
  // A device has one address at a time: each follows one, and is followed by one.
  const followed = new Set<number>();
  const follows = new Set<number>();
  return sorted.filter(({ earlier, later }) => {
    if (followed.has(earlier) || follows.has(later)) return false;
    followed.add(earlier);
    follows.add(later);
    return true;
  });
}

function gap(candidates: readonly JoinCandidate[], { earlier, later }: Join): number {
  return (candidates[later]?.firstMs ?? 0) - (candidates[earlier]?.lastMs ?? 0);
}

function compare(candidates: readonly JoinCandidate[], earlier: number, later: number): Join | undefined {
  const a = candidates[earlier];
  const b = candidates[later];
  if (a === undefined || b === undefined || b.firstMs < a.lastMs - OVERLAP_MS) return undefined;
  const evidence: string[] = [];
  let score = 0;
  const add = (points: number, sentence: string): void => {
    score += points;
    evidence.push(sentence);
  };
  if (a.clientId !== undefined && a.clientId === b.clientId)
    add(CLIENT_ID, 'Both give the same client identifier in DHCP, which outlives the hardware address.');
  else if (a.clientId !== undefined && b.clientId !== undefined) return undefined;
  const names = [...a.names].filter((name) => b.names.has(name));
  if (names.some((name) => !FACTORY_NAME.test(name)))
    add(OWN_NAME, 'Both give themselves the same name, which is no factory name.');
  else if (names.length > 0) add(COMMON_NAME, 'Both give themselves the same name, one that many devices have.');
  if (a.dhcpOptions !== undefined && a.dhcpOptions === b.dhcpOptions)
    add(OPTIONS, 'Both ask for the same DHCP options in the same order.');
  if (a.vendorClass !== undefined && a.vendorClass === b.vendorClass)
    add(VENDOR_CLASS, 'Both name the same DHCP client.');
  const prints = shared(a.fingerprints, b.fingerprints);
  if (prints.count >= 2 && prints.share >= 0.5)
    add(FINGERPRINTS, `They have ${counted(prints.count, 'TLS fingerprint')} in common.`);
  const places = shared(a.places, b.places);
  if (places.count >= 3 && places.share >= 0.3) add(PLACES, `They call ${counted(places.count, 'place')} in common.`);
  if (score < JOIN_SCORE) return undefined;
  evidence.push('The one fell silent before the other appeared.');
  return { earlier, later, score: Math.min(MOST_SURE, Number(score.toFixed(2))), evidence };
}

/** How many of two sets are in both, and what share of the smaller one that is. */
function shared(a: ReadonlySet<string>, b: ReadonlySet<string>): { readonly count: number; readonly share: number } {
  let count = 0;
  for (const text of a) if (b.has(text)) count++;
  const least = Math.min(a.size, b.size);
  return { count, share: least === 0 ? 0 : count / least };
}
