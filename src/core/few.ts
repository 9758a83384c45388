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

/** How often each text came: nothing, texts and numbers by turns in a list, or a `Map`. */
export type FewCounts = (string | number)[] | Map<string, number> | undefined;

/** Times that a text was counted; 0 for one that is not there. */
export function fewCount(counts: FewCounts, text: string): number {
  if (counts === undefined) return 0;
  if (!Array.isArray(counts)) return counts.get(text) ?? 0;
  for (let i = 0; i < counts.length; i += 2) if (counts[i] === text) return counts[i + 1] as number;
  return 0;
}

/** The counts with a text counted `times` more, above 0. */
export function fewCounted(counts: FewCounts, text: string, times = 1): FewCounts {
  if (counts === undefined) return [text, times];
  if (!Array.isArray(counts)) return counts.set(text, (counts.get(text) ?? 0) + times);
  for (let i = 0; i < counts.length; i += 2) {
    if (counts[i] !== text) continue;
    counts[i + 1] = (counts[i + 1] as number) + times;
    return counts;
  }
  return counts.length < MOST_LISTED ? [...counts, text, times] : new Map(fewEntries(counts)).set(text, times);
}

/** Number of different texts. */
export function fewTexts(counts: FewCounts): number {
  if (counts === undefined) return 0;
  return Array.isArray(counts) ? counts.length / 2 : counts.size;
}

export function fewEntries(counts: FewCounts): Iterable<[string, number]> {
  if (counts === undefined) return [];
  return Array.isArray(counts) ? listed(counts) : counts;
}

function* listed(counts: readonly (string | number)[]): Generator<[string, number]> {
  for (let i = 0; i < counts.length; i += 2) yield [counts[i] as string, counts[i + 1] as number];
}
