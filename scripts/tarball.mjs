/**
 * Tries the package as its users get it: packs it, installs the tarball in an empty folder and uses it there, from the shell, from
 * JavaScript and from TypeScript. Prints one line for each thing that holds; the first that does not ends the run with exit code 1.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { leave, ready, root, say } from './runtime.mjs';

await ready();
const work = mkdtempSync(join(tmpdir(), 'anomalyst-tarball-'));
try {
  check();
  rmSync(work, { recursive: true });
} catch (error) {
  say(`FAILED: ${error.message}`, `The folder is kept: ${work}`);
  leave(1);
}

function check() {
  const own = readJson(join(root, 'package.json'));

  command(root, 'npm', 'pack', '--pack-destination', work);
  const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no .tgz');
  console.log(`packed    ${tarball}, ${kilobytes(statSync(join(work, tarball)).size)}`);

  const home = join(work, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n');
  command(home, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', join(work, tarball));
  const installed = join(home, 'node_modules', own.name);
  contents(installed, own);
  const dependencies = Object.keys(readJson(join(home, 'node_modules/.package-lock.json')).packages).length - 1;
  console.log(`installed in an empty folder with ${dependencies} dependencies`);

  const version = command(home, 'npx', '--no-install', own.name, '--version').trim();
  if (version !== own.version) throw new Error(`--version says '${version}', package.json ${own.version}`);
  console.log(`run       ${own.name} --version: ${version}`);
  analyze(home, own.name);
  command(home, 'npx', '--no-install', own.name, 'plugin', 'new', 'fresh');
  for (const folder of ['fresh', join(installed, 'plugin/fraud'), join(installed, 'plugin/dns-exotic')]) {
    const said = command(home, 'npx', '--no-install', own.name, 'plugin', 'check', folder);
    if (!said.includes('works:')) throw new Error(`the plugin in ${folder} adds nothing that works: ${said}`);
  }
  console.log(`run       ${own.name} plugin new, plugin check: a new one and those of the package work`);

  const entries = Object.keys(own.exports).map((path) => own.name + path.slice(1));
  const isJson = (entry) => entry.endsWith('.json');
  const code = entries.filter((entry) => !isJson(entry));
  const script = entries
    .map((entry) => `await import('${entry}'${isJson(entry) ? ", { with: { type: 'json' } }" : ''});\n`)
    .join('');
  writeFileSync(join(home, 'use.mjs'), script);
  command(home, process.execPath, 'use.mjs');
  console.log(`imported  ${entries.join(', ')}`);
  types(home, code);
  console.log(`typed     ${code.join(', ')}`);
}

/** Nothing but what users need: no sources, no tests (but those of the example plugins, which show how), no tools, nothing of the compiler's, and every entry point with its types. */
function contents(installed, own) {
  const paths = files(installed).map((path) => relative(installed, path).replaceAll('\\', '/'));
  const top = new Set(['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'bin', 'dist', 'schema', 'plugin']);
  const allowed = (path) => {
    if (!top.has(path.split('/')[0])) return false;
    if (path.startsWith('plugin/')) return true;
    if (/\.test\.|\.tsbuildinfo$/.test(path)) return false;
    return path.startsWith('dist/') && path !== 'dist/app/licences.txt' ? /\.(js|d\.ts)$/.test(path) : true;
  };
  const strangers = paths.filter((path) => !allowed(path));
  if (strangers.length > 0) throw new Error(`the package contains ${strangers.join(', ')}`);
  const present = new Set(paths);
  const targets = Object.values(own.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  for (const path of [
    ...targets,
    ...Object.values(own.bin),
    'LICENSE',
    'README.md',
    'dist/app/main.js',
    'dist/app/licences.txt',
  ]) {
    if (!present.has(path.replace(/^\.\//, ''))) throw new Error(`the package lacks ${path}`);
  }
  const bytes = paths.reduce((sum, path) => sum + statSync(join(installed, path)).size, 0);
  console.log(`contents  ${paths.length} files, ${kilobytes(bytes)}`);
}

function analyze(home, name) {
  const demo = join(root, 'test/fixture/demo');
  const capture = readdirSync(demo).find((file) => /\.(pcap|pcapng|cap)$/.test(file));
  if (capture === undefined) throw new Error(`no capture in ${demo}`);
  copyFileSync(join(demo, capture), join(home, capture));
  command(home, 'npx', '--no-install', name, 'analyze', capture, '--out', 'out');
  const out = join(home, 'out');
  const sizes = ['report.html', 'incidents.json', 'flows.csv'].map((file) => {
    const { size } = statSync(join(out, file));
    if (size === 0) throw new Error(`analyze wrote an empty ${file}`);
    return `${file} ${kilobytes(size)}`;
  });
  const incidents = readJson(join(out, 'incidents.json')).incidents.length;
  const flows = readFileSync(join(out, 'flows.csv'), 'utf8').trimEnd().split('\n').length - 1;
  if (flows === 0) throw new Error(`analyze found no flow in ${capture}`);
  console.log(`run       ${name} analyze ${capture}: ${flows} flows, ${incidents} incidents; ${sizes.join(', ')}`);
}

/**
 * A TypeScript user with Node's types and the strictest settings. `any` would accept everything, so each module is asked whether it is one.
 * The declarations themselves are checked too (skipLibCheck off).
 */
function types(home, entries) {
  const lines = entries.flatMap((entry, i) => [
    `import type * as module${i} from '${entry}';`,
    `export const known${i}: 0 extends 1 & typeof module${i} ? 'any' : 'known' = 'known';`,
  ]);
  writeFileSync(join(home, 'use.ts'), `${lines.join('\n')}\n`);
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    };
    writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
    command(home, process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json');
  }
}

/** Runs a program to its end and gives its stdout; throws with all it said when it fails. */
function command(cwd, program, ...args) {
  // The flags of an outer npm come down through the environment; a user's shell has none of them.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/.test(name)));
  const shell = process.platform === 'win32' && program !== process.execPath;
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env,
    shell,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with exit code ${status}:\n${stdout}${stderr}`);
  return stdout;
}

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
