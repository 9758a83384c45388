import { Salt, widened } from '../../core/index.ts';
import { moreRows } from './number-column.ts';

/** The number is not there, or there is no room for it. */
export const NO_PLACE = -1;
/** The longest way through the table. Chance does not come near it at half load; where numbers were made to collide, another salt is taken. */
const MAX_PROBES = 256;

/** Different signed 32-bit numbers, each with its place in the order in which they came: 12 to 16 bytes each, where a `Map` takes three times as much. */
export class NumberIndex {
  size = 0;
  #values = new Int32Array(0);
  /** Place + 1; 0 is empty. Its length is a power of two, at least one and a half times the number of values. Linear probing. */
  #table = new Int32Array(128);
  readonly #salt = new Salt();

  /** Whoever keeps columns by place needs so many. */
  get capacity(): number {
    return this.#values.length;
  }

  /** `NO_PLACE` where the number is not there. */
  find(value: number): number {
    const mask = this.#table.length - 1;
    const from = mixed(value ^ this.#salt.value);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const place = (this.#table[(from + probe) & mask] as number) - 1;
      if (place < 0 || this.#values[place] === value) return place;
    }
    return NO_PLACE;
  }

  /** The place of a number that is not there yet; `NO_PLACE` where its way through the table would be too long. */
  add(value: number): number {
    if (this.size === this.#values.length) this.#grow();
    let slot = this.#vacant(value);
    if (slot === NO_PLACE && this.#salt.change()) {
      this.#rebuild();
      slot = this.#vacant(value);
    }
    if (slot === NO_PLACE) return NO_PLACE;
    this.#salt.added();
    const place = this.size++;
    this.#table[slot] = place + 1;
    this.#values[place] = value;
    return place;
  }

  /** The number at a place. */
  value(place: number): number {
    return this.#values[place] as number;
  }

  #vacant(value: number): number {
    const mask = this.#table.length - 1;
    const from = mixed(value ^ this.#salt.value);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (from + probe) & mask;
      if (this.#table[slot] === 0) return slot;
    }
    return NO_PLACE;
  }

  #grow(): void {
    this.#values = widened(this.#values, moreRows(this.size));
    let slots = this.#table.length;
    while (slots < 1.5 * this.#values.length) slots *= 2;
    if (slots === this.#table.length) return;
    this.#table = new Int32Array(slots);
    this.#rebuild();
  }

  /** A number that finds no place with any salt is found no more: only collisions by design come to that. */
  #rebuild(): void {
    this.#table.fill(0);
    let isWhole = true;
    for (let place = 0; place < this.size; place++) {
      const slot = this.#vacant(this.#values[place] as number);
      if (slot === NO_PLACE) isWhole = false;
      else this.#table[slot] = place + 1;
    }
    if (!isWhole && this.#salt.change()) this.#rebuild();
  }
}

/** The finaliser of MurmurHash3 (Appleby). */
function mixed(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
