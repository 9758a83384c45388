/**
 * Damped incremental statistics (Mirsky et al.: Kitsune, NDSS 2018, section IV): weight, mean and deviation of a stream in which what happened t
 * seconds ago counts 2^(-rate t), in constant room whatever the length of the stream.
 *
 *     decay = 2^(-rate (t - last)), 1 where time stands still or runs backwards
 *     w = decay w + 1,  linear = decay linear + v,  square = decay square + v^2
 *     mean = linear / w,  variance = |square / w - mean^2|
 *
 * Where a stream has a counterpart (there and back), the product of the deviations of both at the same moment is damped as well, which gives a
 * covariance. Otherwise than the reference implementation, covariance is updated once an event and keys are bounded.
 */
import type { Cap } from './state.ts';

/** How late an event may be and still belong to the same clock: a clock that falls back further starts its key anew. */
const SAME_CLOCK_MS = 3_600_000;
/** A key whose slowest weight has decayed below this is let go where room is wanted. */
const FADED = 0.01;

const WEIGHT = 0;
const LINEAR = 1;
const SQUARE = 2;
const SIDE = 3;
const PRODUCT = 6;
const PRODUCT_WEIGHT = 7;

/** Streams by key, each at several rates of decay, alone or in pairs of sides. Slots are reused; at the cap new keys are refused and counted. */
export class DampedStreams {
  readonly cap: Cap;
  /** Decay of each rate per millisecond, as an exponent of 2. */
  readonly #decays: Float64Array;
  readonly #paired: boolean;
  /** Numbers of one rate of one slot. */
  readonly #width: number;
  readonly #slots = new Map<number, number>();
  #free: number[] = [];
  #used = 0;
  #values = new Float64Array(0);
  /** Last event of each slot in ms, NaN before the first. */
  #last = new Float64Array(0);
  /** Last deviation of either side, rate by rate. */
  #deviations = new Float64Array(0);
  #sweptRefused = Number.NEGATIVE_INFINITY;

  /** @param halfLives in seconds, ascending: after that long an event counts half. */
  constructor(options: { halfLives: readonly number[]; paired: boolean; cap: Cap }) {
    this.cap = options.cap;
    this.#decays = Float64Array.from(options.halfLives, (seconds) => -1 / (1000 * seconds));
    this.#paired = options.paired;
    this.#width = options.paired ? 8 : 3;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The slot of a key, -1 where it is new and found no room. */
  obtain(key: number, timeMs: number): number {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    if (this.#slots.size >= this.cap.cap) {
      this.#sweep(timeMs);
      if (this.#slots.size >= this.cap.cap) {
        this.cap.refused++;
        return -1;
      }
    }
    const slot = this.#free.pop() ?? this.#used++;
    if (slot >= this.#last.length) this.#grow();
    this.#slots.set(key, slot);
    this.#clear(slot);
    return slot;
  }

  /** Time since the last event of the slot in ms, NaN where there was none or time did not go on. */
  sinceLast(slot: number, timeMs: number): number {
    const since = timeMs - this.#last[slot];
    return since >= 0 ? since : Number.NaN;
  }

  /** Takes an event in. `back` is the value of the other side, where there are two; NaN is no value, and leaves its side as it is but for the decay. */
  add(slot: number, timeMs: number, value: number, back: number = Number.NaN): void {
    const rates = this.#decays.length;
    const last = this.#last[slot];
    if (timeMs < last - SAME_CLOCK_MS) this.#clear(slot);
    const since = Math.max(0, timeMs - this.#last[slot]);
    // An event of the past does not turn the clock back.
    if (!(this.#last[slot] >= timeMs)) this.#last[slot] = timeMs;
    const values = this.#values;
    for (let rate = 0; rate < rates; rate++) {
      const at = (slot * rates + rate) * this.#width;
      const decay = since > 0 ? 2 ** (this.#decays[rate] * since) : 1;
      const residuals = 2 * (slot * rates + rate);
      for (let side = 0; side < (this.#paired ? 2 : 1); side++) {
        const v = side === 0 ? value : back;
        const o = at + side * SIDE;
        values[o + WEIGHT] *= decay;
        values[o + LINEAR] *= decay;
        values[o + SQUARE] *= decay;
        if (Number.isNaN(v)) continue;
        values[o + WEIGHT] += 1;
        values[o + LINEAR] += v;
        values[o + SQUARE] += v * v;
        if (this.#paired) this.#deviations[residuals + side] = v - values[o + LINEAR] / values[o + WEIGHT];
      }
      if (this.#paired) {
        values[at + PRODUCT] =
          decay * values[at + PRODUCT] + this.#deviations[residuals] * this.#deviations[residuals + 1];
        values[at + PRODUCT_WEIGHT] = decay * values[at + PRODUCT_WEIGHT] + 1;
      }
    }
  }

  weight(slot: number, rate: number, side: number = 0): number {
    return this.#values[this.#at(slot, rate, side) + WEIGHT];
  }

  /** NaN where there was no value. */
  mean(slot: number, rate: number, side: number = 0): number {
    const o = this.#at(slot, rate, side);
    return this.#values[o + LINEAR] / this.#values[o + WEIGHT];
  }

  /** NaN where there was no value. */
  variance(slot: number, rate: number, side: number = 0): number {
    const o = this.#at(slot, rate, side);
    const mean = this.#values[o + LINEAR] / this.#values[o + WEIGHT];
    const variance = Math.abs(this.#values[o + SQUARE] / this.#values[o + WEIGHT] - mean * mean);
    // What is left of a difference of like numbers is rounding.
    return variance > 1e-12 * mean * mean ? variance : variance >= 0 ? 0 : Number.NaN;
  }

  /** Of both sides. */
  covariance(slot: number, rate: number): number {
    const at = this.#at(slot, rate, 0);
    return this.#values[at + PRODUCT] / this.#values[at + PRODUCT_WEIGHT];
  }

  #at(slot: number, rate: number, side: number): number {
    return (slot * this.#decays.length + rate) * this.#width + side * SIDE;
  }

  #clear(slot: number): void {
    const rates = this.#decays.length;
    this.#last[slot] = Number.NaN;
    this.#values.fill(0, slot * rates * this.#width, (slot + 1) * rates * this.#width);
    if (this.#paired) this.#deviations.fill(0, 2 * slot * rates, 2 * (slot + 1) * rates);
  }

  #grow(): void {
    const slots = Math.min(this.cap.cap, Math.max(64, 2 * this.#last.length));
    const rates = this.#decays.length;
    const larger = (old: Float64Array, length: number): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(length);
      grown.set(old);
      return grown;
    };
    this.#last = larger(this.#last, slots);
    this.#values = larger(this.#values, slots * rates * this.#width);
    if (this.#paired) this.#deviations = larger(this.#deviations, 2 * slots * rates);
  }

  /** Lets go of what has faded. It reads every key, so it is done only when an eighth of the cap has been refused since the last time. */
  #sweep(timeMs: number): void {
    if (this.cap.refused - this.#sweptRefused < this.cap.cap / 8) return;
    this.#sweptRefused = this.cap.refused;
    const slowest = this.#decays.length - 1;
    for (const [key, slot] of this.#slots) {
      const since = Math.max(0, timeMs - this.#last[slot]);
      // A key that had no value yet still waits for its second event.
      const weight = Math.max(1, this.weight(slot, slowest));
      if (weight * 2 ** (this.#decays[slowest] * since) >= FADED) continue;
      this.#slots.delete(key);
      this.#free.push(slot);
    }
  }
}
