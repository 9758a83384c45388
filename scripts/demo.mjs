/** Shows the product at work, from a fresh clone: builds it, analyzes the bundled captures, says where the report is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail, leave, ready, root, runNode } from './runtime.mjs';

await ready();
const built = await runNode([join(root, 'scripts/build.mjs')]);
if (built !== 0) fail(1, 'demo: the build failed; the compiler says why above.');

const out = 'anomalyst-out';
const command = ['analyze', 'test/fixture/demo', '--out', out];
process.stdout.write(`$ anomalyst ${command.join(' ')}\n`);
const code = await runNode([join(root, 'bin/anomalyst.mjs'), ...command]);
if (code !== 0) fail(code, `demo: the analysis failed (exit code ${code}).`);
const report = join(root, out, 'report.html');
if (!existsSync(report)) fail(1, `demo: the analysis ended well but wrote no ${report}.`);
process.stdout.write(`\nOpen the report in a browser: ${pathToFileURL(report).href}\n`);
leave(0);
