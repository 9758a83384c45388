/**
 * Runs the tests: `node scripts/test.mjs [--golden] [vitest arguments]`, e.g. `npm test -- src/wire`. --golden rewrites the expected output
 * of the golden cases instead of comparing with it; read the diff before you keep it.
 */
import { join } from 'node:path';
import { leave, ready, root, runNode } from './runtime.mjs';

await ready();
const args = process.argv.slice(2);
const golden = args.includes('--golden');
const rest = args.filter((arg) => arg !== '--golden');
const env = golden ? { ...process.env, UPDATE_GOLDEN: '1' } : process.env;
leave(
  await runNode([join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...(golden ? ['test/golden'] : []), ...rest], {
    env,
  }),
);
