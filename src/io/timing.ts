/** The world that waiting code is handed: clock, timers, chance. */

/** What those that wait for others take from the world: the clock, timers and chance. Tests hand in their own. */
export interface Timing {
  /** Epoch ms. */
  now(): number;
  /** Uniform over [0, 1). */
  random(): number;
  /** Runs once after so many ms; the returned function calls it off. */
  after(ms: number, run: () => void): () => void;
}

export const SYSTEM_TIMING: Timing = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
