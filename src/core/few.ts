/**
 * Sets and counts that mostly hold nothing or very little, of which a detector keeps tens of thousands: a `Set` of one text takes 200 bytes, a text by itself none. What these
 * functions give back stands for what they were given, which must not be used any more. Members come in the order in which they were added.
 */

/** A set: nothing, one member by itself, up to `MOST_LISTED` as a list, more as a `Set`. */
export type Few<T extends string | number> = T | T[] | Set<T> | undefined;

/** As many are looked through as quickly as they are hashed. */
const MOST_LISTED = 8;

export function fewHas<T extends string | number>(few: Few<T>, member: T): boolean {
  if (typeof few !== 'object') return few === member;
  return Array.isArray(few) ? few.includes(member) : few.has(member);
}

/** The set with a member that it may hold already. */
export function fewAdd<T extends string | number>(few: Few<T>, member: T): Few<T> {
  if (few === undefined) return member;
  if (typeof few !== 'object') return few === member ? few : [few, member];
  if (!Array.isArray(few)) return few.add(member);
  if (few.includes(member)) return few;
  // Not `push`, which makes room for seventeen.
  return few.length < MOST_LISTED ? [...few, member] : new Set(few).add(member);
}

export function fewSize(few: Few<string | number>): number {
  if (typeof few !== 'object') return few === undefined ? 0 : 1;
  return Array.isArray(few) ? few.length : few.size;
}

export function fewMembers<T extends string | number>(few: Few<T>): Iterable<T> {
  if (typeof few !== 'object') return few === undefined ? [] : [few];
  return few;
}

/** A number for each key, most often how often it came: nothing, up to `MOST_LISTED` keys and numbers by turns in a list, or a `Map`. */
export type FewCounts<T extends string | number = string> = (T | number)[] | Map<T, number> | undefined;

/** The number of a key; 0 for one that is not there. */
export function fewCount<T extends string | number>(counts: FewCounts<T>, key: T): number {
  if (counts === undefined) return 0;
  if (!Array.isArray(counts)) return counts.get(key) ?? 0;
  for (let i = 0; i < counts.length; i += 2) if (counts[i] === key) return counts[i + 1] as number;
  return 0;
}

/** The counts with `by` more for a key, which is there from then on. */
export function fewCounted<T extends string | number>(counts: FewCounts<T>, key: T, by = 1): FewCounts<T> {
  if (counts === undefined) return [key, by];
  if (fewRaised(counts, key, by)) return counts;
  if (!Array.isArray(counts)) return counts.set(key, by);
  return counts.length < 2 * MOST_LISTED ? [...counts, key, by] : new Map(fewEntries(counts)).set(key, by);
}

/** Adds to the number of a key that is there. False, and nothing is changed, where it is not. */
export function fewRaised<T extends string | number>(counts: FewCounts<T>, key: T, by = 1): boolean {
  if (counts === undefined) return false;
  if (!Array.isArray(counts)) {
    const count = counts.get(key);
    if (count !== undefined) counts.set(key, count + by);
    return count !== undefined;
  }
  for (let i = 0; i < counts.length; i += 2) {
    if (counts[i] !== key) continue;
    counts[i + 1] = (counts[i + 1] as number) + by;
    return true;
  }
  return false;
}

/** Whether a key is there, with whatever number. */
export function fewKnows<T extends string | number>(counts: FewCounts<T>, key: T): boolean {
  if (counts === undefined) return false;
  if (!Array.isArray(counts)) return counts.has(key);
  for (let i = 0; i < counts.length; i += 2) if (counts[i] === key) return true;
  return false;
}

/** Number of different keys. */
export function fewKeys(counts: FewCounts<string | number>): number {
  if (counts === undefined) return 0;
  return Array.isArray(counts) ? counts.length / 2 : counts.size;
}

export function fewEntries<T extends string | number>(counts: FewCounts<T>): Iterable<[T, number]> {
  if (counts === undefined) return [];
  return Array.isArray(counts) ? listed(counts) : counts;
}

function* listed<T extends string | number>(counts: readonly (T | number)[]): Generator<[T, number]> {
  for (let i = 0; i < counts.length; i += 2) yield [counts[i] as T, counts[i + 1] as number];
}
