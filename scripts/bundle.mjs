/**
 * Joins the command line and what it needs to start into a few files, dist/app: `node scripts/bundle.mjs`, called by the build. Six hundred modules of which every command would load most
 * take 0.25 s and 25 MB more than the same code in one file without comments and without what nobody calls. The modules stay beside it for those who import them.
 *
 * Names stay as they are, so that the stack of a fault can be read. Packages that only some commands load are not joined.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const app = join(dist, 'app');
const LICENCES = 'licences.txt';
/** What every command loads; other packages are found where npm put them. */
const JOINED = ['@noble/ciphers', '@noble/hashes', 'commander', 'tldts', 'tldts-core', 'yaml', 'zod'];

/**
 * What is a file of its own, the first with what it needs of the others. Beyond 1,031,912 bytes Node.js makes a text of two bytes for each character of a file, so none is larger; the vendors of devices, which few need, are not in.
 */
const PARTS = ['core', 'wire', 'flow', 'simulate', 'model', 'detect', 'incident'];
const MOST_BYTES = 1_030_000;

/** Whether nothing that went in is newer than what came out. */
function isCurrent() {
  const made = join(app, LICENCES);
  if (!existsSync(made)) return false;
  const { mtimeMs } = statSync(made);
  const inputs = [...modules(dist), fileURLToPath(import.meta.url), join(root, 'package-lock.json')];
  return inputs.every((path) => !existsSync(path) || statSync(path).mtimeMs < mtimeMs);
}

async function bundle() {
  const build = await rolldown({
    input: { main: join(dist, 'cli/main.js') },
    platform: 'node',
    external: (id) => /^[@a-z]/i.test(id) && !JOINED.some((name) => id === name || id.startsWith(`${name}/`)),
    // A module that warns is one that was written against the rules; the build says so and ends.
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  const part = `${app}.part`;
  const { output } = await build.generate({
    format: 'esm',
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: PARTS.map((name, i) => ({
        name,
        priority: PARTS.length - i,
        test: (id) => id.startsWith(join(dist, name) + sep) && !id.includes(`${sep}data${sep}vendor`),
      })),
    },
  });
  await build.close();
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  for (const { fileName, code } of output) {
    const text = inOneByte(code);
    if (text.length > MOST_BYTES)
      throw new Error(`${fileName} has ${text.length} bytes: see PARTS in scripts/bundle.mjs`);
    writeFileSync(join(part, fileName), text);
  }
  const joined = new Set(output.flatMap(({ moduleIds = [] }) => moduleIds.flatMap((id) => packageOf(id) ?? [])));
  const licences = [...joined].sort().map((folder) => {
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    if (file === undefined) throw new Error(`${folder} has no licence to pass on`);
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  writeFileSync(join(part, LICENCES), licences.join(`\n${'-'.repeat(80)}\n\n`));
  rmSync(app, { recursive: true, force: true });
  renameSync(part, app);
}

/**
 * V8 keeps a file with a single character beyond Latin-1 in two bytes for each; with such characters as escapes, half of that. They stand in texts and patterns alone, where an escape means the same (not so in String.raw, which
 * neither we nor what is joined use with them).
 */
function inOneByte(code) {
  return code.replace(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The folder of the package that a module comes from; undefined for our own. */
function packageOf(id) {
  const path = id.replaceAll('\\', '/');
  const at = path.lastIndexOf('/node_modules/');
  if (at < 0) return undefined;
  const [scope = '', name = ''] = path.slice(at + '/node_modules/'.length).split('/');
  return join(path.slice(0, at), 'node_modules', scope.startsWith('@') ? join(scope, name) : scope);
}

function modules(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${sep}${entry.name}`;
    if (!entry.isDirectory()) return path.endsWith('.js') ? [path] : [];
    return relative(dist, path).startsWith('app') ? [] : modules(path);
  });
}

if (!isCurrent()) await bundle();
