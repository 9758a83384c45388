/**
 * The packet path alone, as a process of its own: file to reader to flow table, rows thrown away.
 *
 *     node bench/packet-path.ts <capture> [<capture> ...] [--read sync|ahead] [--workers]
 *
 * It runs what `npm run build` made, with the compiler settings of bin/anomalyst.mjs. --read ahead has one piece of the file read by another thread while the one before is
 * worked on; --workers gives every capture a thread of its own.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import v8 from 'node:v8';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const flow: typeof import('../src/flow/index.ts') = await import(
  new URL('../dist/flow/index.js', import.meta.url).href
);
const wire: typeof import('../src/wire/index.ts') = await import(
  new URL('../dist/wire/index.js', import.meta.url).href
);

interface Result {
  readonly packets: number;
  readonly flows: number;
  readonly peakLive: number;
}

interface Task {
  readonly path: string;
  readonly ahead: boolean;
}

async function run({ path, ahead }: Task): Promise<Result> {
  const base = new wire.TimeBase();
  const oddities = new wire.OddityCounter();
  const reader = new wire.CaptureReader(base, oddities);
  const table = new flow.FlowTable(base, oddities);
  table.onTable = (flows) => table.recycle(flows);
  const take = (): void => {
    while (reader.next() > 0) table.process(reader.batch);
  };
  if (ahead) {
    const file = await open(path);
    const buffers = [new Uint8Array(1 << 20), new Uint8Array(1 << 20)] as const;
    let which = 0;
    let coming = file.read(buffers[0], 0, 1 << 20);
    while (!reader.done) {
      const { bytesRead } = await coming;
      const ready = buffers[which & 1].subarray(0, bytesRead);
      which++;
      if (bytesRead > 0) coming = file.read(buffers[which & 1], 0, 1 << 20);
      let at = 0;
      do {
        const space = reader.space();
        const part = ready.subarray(at, at + space.length);
        space.set(part);
        at += part.length;
        reader.fill(part.length);
        take();
      } while (at < ready.length && !reader.done);
    }
    await file.close();
  } else {
    const fd = openSync(path, 'r');
    while (!reader.done) {
      reader.fill(readSync(fd, reader.space()));
      take();
    }
    closeSync(fd);
  }
  table.finish();
  return { packets: reader.status().packets, flows: table.rows, peakLive: table.peakLive };
}

if (isMainThread) {
  v8.setFlagsFromString('--invocation-count-for-maglev=1000');
  v8.setFlagsFromString('--invocation-count-for-maglev-osr=1000');
  v8.setFlagsFromString('--invocation-count-for-turbofan=300000');
  v8.setFlagsFromString('--max-inlined-bytecode-size-cumulative=300');
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { read: { type: 'string', default: 'sync' }, workers: { type: 'boolean', default: false } },
  });
  if (positionals.length === 0) {
    console.error('usage: node bench/packet-path.ts <capture> [<capture> ...] [--read sync|ahead] [--workers]');
    process.exit(2);
  }
  const tasks = positionals.map((path): Task => ({ path, ahead: values.read === 'ahead' }));
  const results: Result[] = [];
  if (values.workers) {
    const inThread = (task: Task): Promise<Result> =>
      new Promise((resolve, reject) => {
        const worker = new Worker(fileURLToPath(import.meta.url), { workerData: task });
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    results.push(...(await Promise.all(tasks.map(inThread))));
  } else for (const task of tasks) results.push(await run(task));
  for (const result of results) console.log(JSON.stringify(result));
} else parentPort?.postMessage(await run(workerData as Task));
