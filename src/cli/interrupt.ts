import { note } from './terminal.ts';

/** What a shell gives for a command that Ctrl-C ended: a gate must not take half-done work for clean. */
export const INTERRUPTED = 130;
/** Some senders signal twice at once, to the process and to its group. */
const TWICE_MS = 500;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives Ctrl-C its usual meaning back. */
  end(): void;
}

/** Turns the first Ctrl-C (or SIGTERM, SIGHUP) into an abort, with a line that says what happens now, undefined for none; the second one leaves at once. */
export function catchInterrupt(meaning: string | undefined): Interrupt {
  const abort = new AbortController();
  let first = 0;
  const onSignal = (): void => {
    if (abort.signal.aborted) {
      if (performance.now() - first > TWICE_MS) process.exit(INTERRUPTED);
      return;
    }
    first = performance.now();
    abort.abort();
    if (meaning !== undefined) note(`\n${meaning} (Ctrl-C again to leave at once)`);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: abort.signal,
    end: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
