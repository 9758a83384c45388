import * as fs from 'node:fs';
import * as path from 'node:path';

/** How long a followed capture may stay silent when nobody says otherwise: for ever. */
export interface FollowOptions {
  /** Ends the reading when nothing came for so long; undefined waits until `signal`. */
  readonly silenceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How often the disk is asked. Default 200 ms: a person does not notice, and a call costs microseconds. */
  readonly pollMs?: number | undefined;
}

const POLL_MS = 200;

/**
 * Waits for a capture that somebody is writing: for more bytes of one file, and for the next file of a ring (`dumpcap -b`, `tcpdump -C/-G/-W`, anomalyst capture).
 * It asks the disk again and again rather than being told, because network file systems tell nothing.
 */
export class Follower {
  readonly #silenceMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #pollMs: number;
  /** Files that were read, or are on the list to be. */
  readonly #known: Set<string>;
  #lastNews = performance.now();

  /** @param known files that are no successors: all inputs of the run. */
  constructor(known: Iterable<string>, options: FollowOptions = {}) {
    const { silenceMs = Number.POSITIVE_INFINITY, signal, pollMs = POLL_MS } = options;
    this.#silenceMs = silenceMs;
    this.#signal = signal;
    this.#pollMs = pollMs;
    this.#known = new Set([...known].map((name) => path.resolve(name)));
  }

  /** Something came: the silence begins anew. */
  news(): void {
    this.#lastNews = performance.now();
  }

  /** True when there is nothing more to wait for: stopped, or silent for too long. */
  get over(): boolean {
    return this.#signal?.aborted === true || performance.now() - this.#lastNews >= this.#silenceMs;
  }

  /** Waits a little. */
  pause(): Promise<void> {
    const signal = this.#signal;
    return new Promise((resolve) => {
      const timer = setTimeout(done, this.#pollMs);
      function done(): void {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      }
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  /**
   * The file that goes on after `name`, undefined while there is none: a sibling whose name differs only in its numbers (or has one more at its end, as tcpdump -C writes them) and
   * that was changed last after `name` was; the earliest of them. A file under the same name that is another one goes on too. What is returned is known from then on.
   * @param stat of the file as it was opened.
   */
  successor(name: string, stat: fs.Stats): string | undefined {
    const now = statOf(name);
    if (now !== undefined && (now.ino !== stat.ino || now.dev !== stat.dev)) return name;
    const folder = path.dirname(name);
    const pattern = siblingPattern(path.basename(name));
    let names: string[];
    try {
      names = fs.readdirSync(folder);
    } catch {
      // The folder went away or may not be listed: then there is no next file to be found in it.
      return undefined;
    }
    const since = (now ?? stat).mtimeMs;
    const found = names
      .filter((entry) => pattern.test(entry))
      .map((entry) => ({ entry, full: path.join(folder, entry) }))
      .filter(({ full }) => !this.#known.has(path.resolve(full)))
      .map(({ entry, full }) => ({ entry, full, stat: statOf(full) }))
      .filter((file) => file.stat?.isFile() === true && file.stat.mtimeMs >= since)
      .sort((a, b) => (a.stat?.mtimeMs ?? 0) - (b.stat?.mtimeMs ?? 0) || compareNames(a.entry, b.entry));
    const next = found[0]?.full;
    if (next !== undefined) {
      this.#known.add(path.resolve(next));
      this.news();
    }
    return next;
  }
}

/** What the file system says of a name; undefined where it says nothing: opening it tells why. */
export function statOf(name: string): fs.Stats | undefined {
  try {
    return fs.statSync(name);
  } catch {
    return undefined;
  }
}

/** Names that could be of the same ring: each run of digits may be another, and one may follow at the end. */
function siblingPattern(base: string): RegExp {
  const parts = base.split(/\d+/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('\\d+')}${/\d$/.test(base) ? '' : '\\d*'}$`);
}

/** Order of names in which numbers count as numbers: x9 before x10. */
export function compareNames(a: string, b: string): number {
  const x = a.split(/(\d+)/);
  const y = b.split(/(\d+)/);
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const left = x[i] ?? '';
    const right = y[i] ?? '';
    if (left === right) continue;
    if (i % 2 === 1) {
      const difference = Number(left) - Number(right);
      if (difference !== 0) return difference;
    }
    return left < right ? -1 : 1;
  }
  return x.length - y.length;
}

const DATED: readonly RegExp[] = [
  // 20240514073000, 20240514-073000, 2024-05-14_07-30-00, 2024-05-14T07.30.00, and the same without seconds or time of day.
  /(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?:[-_.T ]?(\d\d)[-_.:]?(\d\d)(?:[-_.:]?(\d\d))?)?(?!\d)/,
];
/** Seconds since 1970, as `tcpdump -G -w %s` writes them: from September 2001 to the year 2286. */
const EPOCH = /(?<!\d)([1-9]\d{9})(?!\d)/;

/** The time that a file's name carries, epoch ms (taken as UTC); undefined where there is none. It orders files, and says nothing more. */
export function timeInName(name: string): number | undefined {
  const base = path.basename(name);
  for (const pattern of DATED) {
    const match = pattern.exec(base);
    if (match === null) continue;
    const [, year, month, day, hour = '0', minute = '0', second = '0'] = match;
    const [m, d, h, n, s] = [month, day, hour, minute, second].map(Number);
    if ((m ?? 0) < 1 || (m ?? 0) > 12 || (d ?? 0) < 1 || (d ?? 0) > 31) continue;
    if ((h ?? 0) > 23 || (n ?? 0) > 59 || (s ?? 0) > 60) continue;
    return Date.UTC(Number(year), (m ?? 1) - 1, d, h, n, s);
  }
  const epoch = EPOCH.exec(base);
  return epoch === null ? undefined : Number(epoch[1]) * 1000;
}
