/** Slots of the wheel: what is due later than that is looked at early, and put where its time will be. */
const SLOTS = 512;
const LINK_WORDS = 4;
const NEXT = 0;
const PREVIOUS = 1;
const SLOT = 2;

/**
 * A timing wheel (Varghese and Lauck, 1987): which flows are due at which tick, by record number. A slot is a doubly linked list, the latest first. The links lie together and
 * apart from the records: a list can be walked without a look at any record.
 */
export class TimingWheel {
  #heads = new Int32Array(SLOTS).fill(-1);
  #links: Int32Array;

  /** @param maxFlows record numbers are below it. */
  constructor(maxFlows: number) {
    this.#links = new Int32Array(LINK_WORDS * maxFlows);
  }

  /** Puts a record that is in no slot into that of `tick`, or into the latest or earliest that there is as seen from `now`. */
  add(ref: number, tick: number, now: number): void {
    const slot = slotOf(tick <= now ? now + 1 : tick > now + SLOTS - 1 ? now + SLOTS - 1 : tick);
    const links = this.#links;
    const at = LINK_WORDS * ref;
    const head = this.#heads[slot];
    links[at + NEXT] = head;
    links[at + PREVIOUS] = -1;
    links[at + SLOT] = slot;
    if (head >= 0) links[LINK_WORDS * head + PREVIOUS] = ref;
    this.#heads[slot] = ref;
  }

  /** Takes a record out of its slot. */
  remove(ref: number): void {
    const links = this.#links;
    const at = LINK_WORDS * ref;
    const next = links[at + NEXT];
    const previous = links[at + PREVIOUS];
    if (previous >= 0) links[LINK_WORDS * previous + NEXT] = next;
    else this.#heads[links[at + SLOT]] = next;
    if (next >= 0) links[LINK_WORDS * next + PREVIOUS] = previous;
  }

  /** The first record of a tick's slot, -1 for none. */
  first(tick: number): number {
    return this.#heads[slotOf(tick)];
  }

  /** The record behind this one in its slot, -1 for none. */
  next(ref: number): number {
    return this.#links[LINK_WORDS * ref + NEXT];
  }
}

/** How many ticks the wheel takes to come round. */
export const WHEEL_TICKS = SLOTS;

/** The rest of the division by SLOTS, a power of two; a tick before 0 has one, too. */
function slotOf(tick: number): number {
  return tick & (SLOTS - 1);
}
