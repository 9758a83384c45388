/** The kinds of error the design names: the operator's mistake, the world's failure. Anything else that throws is our own bug. */

/** Process exit codes, the same for every command. */
export const EXIT = { done: 0, ourFault: 1, yourMistake: 2, findings: 3 } as const;

/**
 * The operator asked for something that can't be done as asked. Shown without a stack.
 * `message` says what is wrong and where (file, line, column, key); `hint` says what would be right.
 */
export class UserError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UserError';
    this.hint = hint;
  }
}

/**
 * Something outside this process failed (disk, network, a model server). `code` is the system's own word for it (ENOSPC, ECONNREFUSED, ...);
 * `retryable` is decided where the status is known.
 */
export class RemoteError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly hint: string | undefined;
  constructor(message: string, options: { code: string; retryable: boolean; cause?: unknown; hint?: string }) {
    super(message, { cause: options.cause });
    this.name = 'RemoteError';
    this.code = options.code;
    this.retryable = options.retryable;
    this.hint = options.hint;
  }
}

/** The nearest of `names` to what was typed, or undefined when none is near enough to be a help (edit distance above a third of the word). */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(typed.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(typed.toLowerCase(), name.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = name;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), counted up to `cap` or somewhat beyond. */
function editDistance(a: string, b: string, cap: number): number {
  if (Math.abs(a.length - b.length) >= cap) return cap;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? before[j - 2] + 1 : substitution;
      current.push(Math.min(previous[j] + 1, current[j - 1] + 1, substitution, swap));
    }
    before = previous;
    previous = current;
  }
  return previous[b.length];
}
