/** Runs a script, TypeScript or JavaScript, on a good Node.js with the dependencies in place: `node scripts/run.mjs <file> [arguments]`. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fail, leave, ready, root, runNode } from './runtime.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail(2, 'run: no script named. Usage: node scripts/run.mjs <file> [arguments]');
await ready();
const path = resolve(root, file);
if (!existsSync(path)) fail(2, `run: there is no ${path}`);
leave(await runNode([path, ...args]));
