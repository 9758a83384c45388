/** A thread of a `ScorePool`: scores chunks of rows until none is left. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { loadModel, type Model } from '../../model/index.ts';
import { type Answer, CHUNK_ROWS, type Task } from './message.ts';

let model: Model | undefined;

function work(task: Task): void {
  if (task.model !== undefined) model = loadModel(task.model);
  if (model === undefined) throw new Error('no model was sent');
  const { names, rowCount, kind } = task;
  const features = names.map((name) => ({ name, unit: '', meaning: '' }));
  const d = names.length;
  const values = new Float32Array(task.values, 4 * task.from, rowCount * d);
  const scores = new Float64Array(task.scores);
  const taken = new Int32Array(task.taken);
  for (;;) {
    const from = Atomics.add(taken, 0, CHUNK_ROWS);
    if (from >= rowCount) return;
    const count = Math.min(CHUNK_ROWS, rowCount - from);
    const chunk = { features, rowCount: count, values: values.subarray(from * d, (from + count) * d) };
    scores.set(kind === 'raw' ? model.rawScore(chunk) : model.score(chunk), from);
  }
}

if (!isMainThread) {
  parentPort?.on('message', (task: Task) => {
    let failure: string | undefined;
    try {
      work(task);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    const answer: Answer = { failure };
    parentPort?.postMessage(answer);
  });
}
