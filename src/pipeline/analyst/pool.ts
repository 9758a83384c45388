/** Runs tasks in their order, so many at a time. Rejects with what the first task rejected with, when all that had begun are through; no further one is begun then. */
export async function runInOrder<T>(
  tasks: readonly T[],
  run: (task: T) => Promise<void>,
  options: { readonly concurrency: number },
): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < tasks.length && failure === undefined) {
      const task = tasks[next++];
      if (task === undefined) return;
      try {
        await run(task);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency, tasks.length) }, worker));
  if (failure !== undefined) throw failure.error;
}
