import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import type { TableSource } from '../../io/index.ts';
import { runStream } from './analyze-stream.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

test.each(['listen', 'listen+http', 'netflow'])('%s:// ends after its duration though nobody sends', async (scheme) => {
  const names: string[] = [];
  const code = await runStream(`${scheme}://127.0.0.1:${await freePort()}`, {
    out: 'nowhere',
    signal: new AbortController().signal,
    durationMs: 20,
    quiet: true,
    records: false,
    analyze: async (_folder: string, name: string, rows: TableSource) => {
      names.push(name);
      expect(await rows.read()).toBeUndefined();
      return 0;
    },
  });
  expect(code).toBe(0);
  expect(names).toHaveLength(1);
});

test('tcp:// ends after its duration though the server that it reached says nothing', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  try {
    const code = await runStream(`tcp://127.0.0.1:${address.port}`, {
      out: 'nowhere',
      signal: new AbortController().signal,
      durationMs: 50,
      quiet: true,
      records: false,
      analyze: async (_folder: string, _name: string, rows: TableSource) => {
        expect(await rows.read()).toBeUndefined();
        return 0;
      },
    });
    expect(code).toBe(0);
  } finally {
    server.close();
  }
});
