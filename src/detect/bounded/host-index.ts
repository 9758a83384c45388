import type { Cap } from './bounded.ts';
import { NO_PLACE, NumberIndex } from './number-index.ts';
import { NO_BITS, NO_NUMBER, TextNumbers } from './text-number.ts';

/**
 * Addresses, each with its place in the order in which they came: 12 to 16 bytes each where they are of IPv4. A `BoundedMap` without values: at its cap it refuses what is new, and counts that; whoever
 * wants values keeps them in columns by place.
 */
export class HostIndex {
  readonly cap: Cap;
  readonly #texts = new TextNumbers();
  readonly #places = new NumberIndex();

  constructor(cap: Cap) {
    this.cap = cap;
  }

  get size(): number {
    return this.#places.size;
  }

  /** The place of an address, of which `bits` is `ipv4Bits`; `NO_PLACE` where it is not known. */
  find(address: string, bits: number): number {
    const number = this.#texts.find(address, bits);
    return bits === NO_BITS && number === NO_NUMBER ? NO_PLACE : this.#places.find(number);
  }

  /** The place of an address, new where it is not known; `NO_PLACE` where there is no room for it. */
  obtain(address: string, bits: number): number {
    const known = this.find(address, bits);
    if (known !== NO_PLACE) return known;
    if (this.size < this.cap.cap) {
      const number = this.#texts.take(address, bits);
      const place = this.#places.add(number);
      if (place !== NO_PLACE) return place;
      this.#texts.drop(number);
    }
    this.cap.refused++;
    return NO_PLACE;
  }
}
