/**
 * Compiles src to dist and joins the command line in dist/app: `node scripts/build.mjs [--release]`. Only what changed is compiled again; what src no longer has is removed from dist.
 * --release drops the compiler's bookkeeping as well, which has no place in a package (the next build then compiles everything).
 */
import { chmodSync, existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { alone, fail, leave, ready, root, runNode } from './runtime.mjs';

await ready();
const unknown = process.argv.slice(2).filter((flag) => flag !== '--release');
if (unknown.length > 0) fail(2, `build: unknown option '${unknown[0]}'. The only one is --release.`);
const code = await alone('building', build);
leave(code);

async function build() {
  const dist = join(root, 'dist');
  const wanted = new Set(outputs());
  const present = files(dist).map((path) => relative(dist, path));
  for (const path of present) {
    if (/\.(js|d\.ts)$/.test(path) && !wanted.has(path) && !path.startsWith(`app${sep}`)) rmSync(join(dist, path));
  }
  removeEmptyFolders(dist);
  // The compiler trusts its bookkeeping and never looks whether its outputs are still there.
  const have = new Set(present);
  const force = [...wanted].some((path) => !have.has(path)) ? ['--force'] : [];
  const result = await runNode([join(root, 'node_modules/typescript/bin/tsc'), '-b', 'tsconfig.main.json', ...force]);
  if (result !== 0) return result;
  const joined = await runNode([join(root, 'scripts/bundle.mjs')]);
  if (joined !== 0) return joined;
  if (process.argv.includes('--release')) {
    for (const path of files(dist)) if (path.endsWith('.tsbuildinfo')) rmSync(path);
  }
  if (process.platform !== 'win32') chmodSync(join(root, 'bin/anomalyst.mjs'), 0o755);
  return 0;
}

/** What the compiler makes of src, relative to dist. */
function* outputs() {
  const src = join(root, 'src');
  for (const path of files(src)) {
    if (!path.endsWith('.ts') || path.endsWith('.test.ts') || path.endsWith('.d.ts')) continue;
    const stem = relative(src, path).slice(0, -'.ts'.length);
    yield `${stem}.js`;
    yield `${stem}.d.ts`;
  }
}

function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${sep}${entry.name}`;
    return entry.isDirectory() ? files(path) : [path];
  });
}

function removeEmptyFolders(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name));
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
