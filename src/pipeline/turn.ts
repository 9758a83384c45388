/** The event loop gets its turn at least so often in long work, for progress, signals and streams. */
export const TURN_MS = 40;

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
