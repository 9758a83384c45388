/**
 * Discrete-event simulation: processes that sleep and wake in time order. A process is a generator that yields how many microseconds it sleeps; whatever it emits, it emits now,
 * so the traffic of any number of processes comes out in time order with no more memory than one heap entry for each that lives.
 */

/** Yields microseconds to sleep, 0 or more. */
export type Process = Generator<number, void, undefined>;
/** A part of a process that gives its caller a result. */
export type Step<T = void> = Generator<number, T, undefined>;

interface Task {
  at: number;
  readonly id: number;
  readonly origin: number;
  readonly routine: Process;
}

/** Live processes of one origin at most; one more is refused and counted. Per origin, so that a storm of one leaves the others as they are. */
export const MAX_PROCESSES = 100_000;

export class Engine {
  /** Microseconds since the start of the scenario, a whole number. */
  now = 0;
  /** On whose account the running process acts: 0 is ordinary traffic, others are the scenario's attacks from 1. */
  origin = 0;
  /** Processes that were not begun because their origin had `MAX_PROCESSES`. */
  refused = 0;
  /** Live processes now, and the most there ever were. */
  get live(): number {
    return this.#heap.length;
  }
  peak = 0;
  #heap: Task[] = [];
  #next = 0;
  #byOrigin: number[] = [];

  /** Begins a process `delayUs` from now, on the account of whoever runs now unless told otherwise. */
  spawn(routine: Process, delayUs = 0, origin = this.origin): void {
    const live = this.#byOrigin[origin] ?? 0;
    if (live >= MAX_PROCESSES) {
      this.refused++;
      return;
    }
    this.#byOrigin[origin] = live + 1;
    this.#push({ at: this.now + Math.max(0, Math.round(delayUs)), id: this.#next++, origin, routine });
    if (this.#heap.length > this.peak) this.peak = this.#heap.length;
  }

  /** Runs processes until `endUs`, or until `pause` says so after one of them. False when nothing is left before the end. */
  run(endUs: number, pause: () => boolean): boolean {
    for (;;) {
      const task = this.#heap[0];
      if (task === undefined || task.at >= endUs) return false;
      this.now = task.at;
      this.origin = task.origin;
      const step = task.routine.next();
      if (step.done === true) {
        this.#byOrigin[task.origin] = (this.#byOrigin[task.origin] ?? 1) - 1;
        const last = this.#heap.pop();
        if (last !== undefined && this.#heap.length > 0) {
          this.#heap[0] = last;
          this.#sink();
        }
      } else {
        task.at = this.now + (step.value > 0 ? Math.round(step.value) : 0);
        this.#sink();
      }
      if (pause()) return true;
    }
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(task);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !before(task, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = task;
  }

  /** Moves the first task down to its place. */
  #sink(): void {
    const heap = this.#heap;
    const task = heap[0];
    if (task === undefined) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let child = heap[down];
      if (child === undefined) break;
      const right = heap[down + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        down++;
      }
      if (!before(child, task)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = task;
  }
}

/** By time, then by age: ties go the same way whatever else lives. */
function before(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.id < b.id);
}
