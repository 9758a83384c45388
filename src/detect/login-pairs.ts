import { hash32 } from './bounded/bounded.ts';
import { NarrowColumn } from './bounded/number-column.ts';
import { NONE, type PairKey, PairTable } from './bounded/pair.ts';
import { compareText } from './case.ts';
import type { LoginService } from './service.ts';

export interface Attempt {
  readonly hash: number;
  readonly startMs: number;
  readonly clientBytes: number;
  readonly serverBytes: number;
  readonly durationMs: number;
  /** Logins that the server is seen to have refused in it. */
  readonly refused: number;
  /** The input ended before the connection did: its size is not its own. */
  readonly isCut: boolean;
}

/** One source, one target, one port, one service, as it is judged. */
export interface Pair {
  /** Its number in `Pairs`. */
  readonly number: number;
  readonly source: string;
  readonly host: string;
  readonly port: number;
  readonly service: LoginService;
  /** All attempts, also those that the sample left out. */
  readonly attemptCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Sessions with more in them than a failed login. */
  readonly sessions: number;
  readonly lastSessionMs: number;
  /** Logins that were refused, as far as that can be read. */
  readonly refused: number;
  /** Logins that were accepted, and when the last of them was. */
  readonly accepted: number;
  readonly lastAcceptedMs: number;
  /** Bits of the user names that were refused. */
  readonly users: readonly [number, number];
}

/** All pairs in columns, and the attempts that are remembered of them in columns of their own, linked by pair. */
export class Pairs {
  readonly table = new PairTable();
  /** Attempts remembered. */
  held = 0;
  readonly #services: LoginService[] = [];
  evidence = new Int32Array(0);
  sessionEvidence = new Int32Array(0);
  attemptCount = new Int32Array(0);
  refused = new Int32Array(0);
  /** Which of 64 bits the names of users fall on that were refused, 32 each. */
  #users: [Int32Array, Int32Array] = [new Int32Array(0), new Int32Array(0)];
  #accepted = new Int32Array(0);
  #lastAcceptedMs = new Float64Array(0);
  /** Attempts with a hash above this are not remembered. */
  ceiling = new Float64Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  #sessions = new Int32Array(0);
  #lastSessionMs = new Float64Array(0);
  #kept = new Int32Array(0);
  #head = new Int32Array(0);
  // Columns of attempts.
  #used = 0;
  #free = NONE;
  #next = new Int32Array(0);
  #hash = new Uint32Array(0);
  #startMs = new Float64Array(0);
  readonly #clientBytes = new NarrowColumn();
  readonly #serverBytes = new NarrowColumn();
  #refusedIn = new Uint8Array(0);
  #durationMs = new Float64Array(0);
  #isCut = new Uint8Array(0);

  add(key: PairKey, service: LoginService): number {
    const pair = this.table.add(key);
    if (pair === NONE) return NONE;
    if (this.table.capacity > this.#head.length) this.#growPairs(this.table.capacity);
    this.#services[pair] = service;
    this.ceiling[pair] = 2 ** 32;
    this.#firstMs[pair] = Number.POSITIVE_INFINITY;
    this.#lastMs[pair] = Number.NEGATIVE_INFINITY;
    this.#lastSessionMs[pair] = Number.NEGATIVE_INFINITY;
    this.#lastAcceptedMs[pair] = Number.NEGATIVE_INFINITY;
    this.#head[pair] = NONE;
    return pair;
  }

  addSession(pair: number, startMs: number): void {
    this.#sessions[pair] = at(this.#sessions, pair) + 1;
    if (startMs > at(this.#lastSessionMs, pair)) this.#lastSessionMs[pair] = startMs;
  }

  addAccepted(pair: number, startMs: number): void {
    this.#accepted[pair] = at(this.#accepted, pair) + 1;
    if (startMs > at(this.#lastAcceptedMs, pair)) this.#lastAcceptedMs[pair] = startMs;
  }

  /** Notes logins that were refused, and the user's name where one is known. */
  addRefused(pair: number, count: number, user: string | undefined): void {
    this.refused[pair] = at(this.refused, pair) + count;
    if (user === undefined) return;
    const bit = hash32(user) & 63;
    const column = this.#users[bit < 32 ? 0 : 1];
    column[pair] = at(column, pair) | (1 << (bit & 31));
  }

  /** Counts an attempt; `remember` keeps it. */
  countAttempt(pair: number, startMs: number, endMs: number): void {
    this.attemptCount[pair] = at(this.attemptCount, pair) + 1;
    for (const t of [startMs, endMs]) {
      if (!Number.isFinite(t)) continue;
      if (t < at(this.#firstMs, pair)) this.#firstMs[pair] = t;
      if (t > at(this.#lastMs, pair)) this.#lastMs[pair] = t;
    }
  }

  /** Where a pair then has more than `most`, half of its attempts are forgotten, chosen by their hash. */
  remember(
    pair: number,
    { hash, startMs, clientBytes, serverBytes, durationMs, refused, isCut }: Attempt,
    most: number,
  ): void {
    let i = this.#free;
    if (i !== NONE) this.#free = at(this.#next, i);
    else {
      i = this.#used++;
      if (i >= this.#next.length) this.#growAttempts();
    }
    this.#hash[i] = hash;
    this.#startMs[i] = startMs;
    this.#clientBytes.set(i, clientBytes);
    this.#serverBytes.set(i, serverBytes);
    this.#durationMs[i] = durationMs;
    this.#refusedIn[i] = refused;
    this.#isCut[i] = isCut ? 1 : 0;
    this.#next[i] = at(this.#head, pair);
    this.#head[pair] = i;
    this.#kept[pair] = at(this.#kept, pair) + 1;
    this.held++;
    while (at(this.#kept, pair) > most) {
      this.ceiling[pair] = at(this.ceiling, pair) / 2;
      this.#forget(pair, at(this.ceiling, pair));
    }
  }

  #forget(pair: number, ceiling: number): void {
    let previous = NONE;
    for (let i = at(this.#head, pair); i !== NONE; ) {
      const next = at(this.#next, i);
      if (at(this.#hash, i) < ceiling) previous = i;
      else {
        if (previous === NONE) this.#head[pair] = next;
        else this.#next[previous] = next;
        this.#next[i] = this.#free;
        this.#free = i;
        this.#kept[pair] = at(this.#kept, pair) - 1;
        this.held--;
      }
      i = next;
    }
  }

  /** The attempts remembered of a pair, the latest first. */
  attempts(pair: number): Attempt[] {
    const attempts: Attempt[] = [];
    for (let i = at(this.#head, pair); i !== NONE; i = at(this.#next, i))
      attempts.push({
        hash: at(this.#hash, i),
        startMs: at(this.#startMs, i),
        clientBytes: this.#clientBytes.get(i),
        serverBytes: this.#serverBytes.get(i),
        durationMs: at(this.#durationMs, i),
        refused: at(this.#refusedIn, i),
        isCut: at(this.#isCut, i) === 1,
      });
    return attempts;
  }

  /** Pairs of which an attempt is remembered, in an order that does not depend on arrival. */
  attempted(): Pair[] {
    return [...this.table.pairs()]
      .filter((pair) => at(this.#kept, pair) > 0)
      .map((number) => ({ number, name: this.table.name(number) }))
      .sort((a, b) => compareText(a.name, b.name))
      .map(({ number }) => ({
        number,
        source: this.table.initiator(number),
        host: this.table.responder(number),
        port: this.table.port(number),
        service: this.#services[number] as LoginService,
        attemptCount: at(this.attemptCount, number),
        firstMs: at(this.#firstMs, number),
        lastMs: at(this.#lastMs, number),
        sessions: at(this.#sessions, number),
        lastSessionMs: at(this.#lastSessionMs, number),
        refused: at(this.refused, number),
        accepted: at(this.#accepted, number),
        lastAcceptedMs: at(this.#lastAcceptedMs, number),
        users: [at(this.#users[0], number), at(this.#users[1], number)],
      }));
  }

  #growPairs(n: number): void {
    this.evidence = grown(this.evidence, new Int32Array(n));
    this.sessionEvidence = grown(this.sessionEvidence, new Int32Array(n));
    this.attemptCount = grown(this.attemptCount, new Int32Array(n));
    this.refused = grown(this.refused, new Int32Array(n));
    this.#users = [grown(this.#users[0], new Int32Array(n)), grown(this.#users[1], new Int32Array(n))];
    this.#accepted = grown(this.#accepted, new Int32Array(n));
    this.#lastAcceptedMs = grown(this.#lastAcceptedMs, new Float64Array(n));
    this.ceiling = grown(this.ceiling, new Float64Array(n));
    this.#firstMs = grown(this.#firstMs, new Float64Array(n));
    this.#lastMs = grown(this.#lastMs, new Float64Array(n));
    this.#sessions = grown(this.#sessions, new Int32Array(n));
    this.#lastSessionMs = grown(this.#lastSessionMs, new Float64Array(n));
    this.#kept = grown(this.#kept, new Int32Array(n));
    this.#head = grown(this.#head, new Int32Array(n));
  }

  #growAttempts(): void {
    // By half where it is much: at most `maxAttempts` are used.
    const before = this.#next.length;
    const n = Math.max(64, before < 16_384 ? 2 * before : before + (before >> 1));
    this.#next = grown(this.#next, new Int32Array(n));
    this.#hash = grown(this.#hash, new Uint32Array(n));
    this.#startMs = grown(this.#startMs, new Float64Array(n));
    this.#clientBytes.widen(n);
    this.#serverBytes.widen(n);
    this.#durationMs = grown(this.#durationMs, new Float64Array(n));
    this.#refusedIn = grown(this.#refusedIn, new Uint8Array(n));
    this.#isCut = grown(this.#isCut, new Uint8Array(n));
  }
}

/** An element that is known to be there. */
function at(values: Int32Array | Uint32Array | Uint8Array | Float64Array, i: number): number {
  return values[i] as number;
}

function grown<T extends Int32Array | Uint32Array | Uint8Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
