/**
 * What every script here starts with: a Node.js that is new enough, and the dependencies that package-lock.json names.
 *
 * The product needs the Node.js of `engines` in package.json. A machine that has an older one is not turned away: a pinned Node.js is
 * installed from the npm registry into tools/runtime, for this folder alone, and the script that was asked for runs again under it.
 * Plain JavaScript that Node.js 18 can run, because it runs before either exists.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, hostname } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const tool = join(root, 'tools', 'runtime');
const modules = join(root, 'node_modules');
const stamp = join(modules, '.anomalyst-install');

/** Exit codes as everywhere in this product: 1 something failed, 2 the reader can put it right. */
const FAILED = 1;
const YOURS = 2;

/**
 * Returns when this process runs on a good Node.js and node_modules is what package-lock.json says. On an older Node.js it does not return:
 * it runs the same script under the packaged one, with that one first in PATH, and ends as that run ends.
 */
export async function ready() {
  const floor = readJson(join(root, 'package.json')).engines.node.replace(/^>=/, '');
  if (!atLeast(process.versions.node, floor)) {
    const node = await packagedNode(floor);
    putFirstInPath(dirname(node));
    return leave(await run(node, [...process.execArgv, ...process.argv.slice(1)], { cwd: process.cwd() }));
  }
  putFirstInPath(dirname(process.execPath));
  await install();
}

/**
 * Runs a program to its end with our standard streams and gives its exit code, 128 + n when signal n ended it. Signals that reach us are
 * passed on, so that nothing outlives an interrupted script.
 */
export function run(command, args, { cwd = root, env = process.env, stdio = 'inherit', shell = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio, shell });
    // A terminal sends its interrupt to the child as well; ours is only to stay until the child has ended.
    const passOn = (signal) => {
      if (signal !== 'SIGINT') child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, passOn);
    const done = () => {
      for (const signal of signals) process.off(signal, passOn);
    };
    child.on('error', (error) => {
      done();
      reject(error);
    });
    child.on('close', (code, signal) => {
      done();
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Runs a script under this Node.js. */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}

/** Ends the process at once: nothing here buffers output of its own. */
export function leave(code) {
  process.exit(code);
}

/** Ends the process with a message: what is wrong, then what would be right. */
export function fail(code, ...lines) {
  say(...lines);
  return leave(code);
}

/** A line about what the scripts do themselves. Always on stderr: stdout belongs to the program that is run. */
export function say(...lines) {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/**
 * Runs `work` while no other process of this folder does work under the lock. A second process says whom it waits for, waits, and then looks
 * again whether there is anything left to do. A lock whose owner is gone (killed, power cut) is taken over.
 */
export async function alone(what, work) {
  const path = join(tool, '.lock');
  const mine = `${process.pid} ${hostname()}`;
  for (let looks = 1; ; looks++) {
    try {
      writeFileSync(path, mine, { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = holder(path);
    if (owner === undefined) {
      rmSync(path, { force: true });
      continue;
    }
    if (looks === 5) say(`Waiting for another process (${owner}) before ${what}. If there is none, delete ${path}.`);
    await sleep(200);
  }
  const release = () => rmSync(path, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

/** Who holds the lock, in words; undefined when nobody does any more. */
function holder(path) {
  let text;
  let age;
  try {
    text = readFileSync(path, 'utf8');
    age = Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined; // released between our two looks
  }
  const [pid, host] = text.trim().split(' ');
  // Between its creation and its first byte a lock is empty for a moment; longer than that, its writer died there.
  if (host === undefined) return age < 10_000 ? 'just starting' : undefined;
  // Whether a process of another machine (a shared folder, an earlier container) still lives can't be seen from here; no work takes this long.
  if (host !== hostname()) return age < 30 * 60_000 ? `pid ${pid} on ${host}` : undefined;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code === 'ESRCH') return undefined;
  }
  return `pid ${pid}`;
}

/** The path of the packaged Node.js for this machine, installed first where it is missing. */
async function packagedNode(floor) {
  const kind = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const version = readJson(join(tool, 'package.json')).optionalDependencies[`node-${kind}`];
  const why = `Anomalyst needs Node.js ${floor} or newer; this is ${process.version} at ${process.execPath}`;
  // The packaged Linux binaries are linked against glibc; a C library that does not say its glibc version is another one (musl).
  const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
  if (version === undefined || musl) {
    return fail(
      YOURS,
      `${why}, and npm has no packaged Node.js for ${kind}${musl ? ' with musl' : ''} to fall back on.`,
      'Install Node.js 24 (https://nodejs.org/en/download, your package manager, or `nvm install 24`) and run the same command again.',
    );
  }
  const node = join(tool, 'node_modules', `node-${kind}`, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  // npm writes this file last, so it also tells a finished installation from one that was cut off.
  const complete = () =>
    existsSync(node) &&
    readJson(join(tool, 'node_modules', '.package-lock.json'), {}).packages?.[`node_modules/node-${kind}`]?.version ===
      version;
  if (complete()) return node;
  await alone(`installing Node.js ${version}`, async () => {
    if (complete()) return;
    say(
      `${why}.`,
      `Installing Node.js ${version} into tools/runtime from the npm registry, for this folder alone (once).`,
    );
    const code = await npm(['ci', '--include=optional'], tool);
    if (code !== 0 || !complete()) {
      return fail(
        FAILED,
        // npm passes over an optional package that it can't fetch, and ends well.
        code === 0
          ? `npm could not fetch Node.js ${version}.`
          : `npm ci failed (exit code ${code}); its own words are above.`,
        'Check that the npm registry can be reached, or install Node.js 24 yourself, and run the same command again.',
      );
    }
  });
  return node;
}

/** Makes node_modules what package-lock.json says, if it is not. */
async function install() {
  if (installProblem() === undefined) return;
  await alone('installing the dependencies', async () => {
    const problem = installProblem();
    if (problem === undefined) return;
    say(`Installing the dependencies (npm ci): ${problem}.`);
    // Everything the scripts need, whatever NODE_ENV or the user's npm settings leave out: tests are dev, native compilers optional.
    const code = await npm(['ci', '--include=dev', '--include=optional'], root);
    if (code !== 0) return fail(FAILED, `npm ci failed (exit code ${code}); its own words are above.`);
    writeFileSync(stamp, fingerprint());
  });
}

/**
 * Why node_modules is not what package-lock.json says, or undefined when it is. npm leaves its own record of what it put there
 * (node_modules/.package-lock.json), so an installation that the user made with npm counts as well as one made here.
 */
function installProblem() {
  const installed = readJson(join(modules, '.package-lock.json'), undefined)?.packages;
  if (installed === undefined)
    return existsSync(modules) ? 'node_modules was not finished by npm' : 'node_modules is missing';
  // After our own npm ci the record may lack a package that npm could not fetch for this platform: it is as good as it gets.
  const settled = existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
  for (const [path, wanted] of Object.entries(readJson(join(root, 'package-lock.json')).packages)) {
    if (path === '') continue;
    const found = installed[path];
    const name = path.replace(/^.*node_modules\//, '');
    if (found === undefined) {
      // An optional package is missed only where it names this platform; others come and go with the platform packages that want them.
      if (!settled && (!wanted.optional || fits(wanted))) return `${name} is missing`;
    } else if (!found.link && found.version !== wanted.version) {
      return `${name} is ${found.version}, package-lock.json says ${wanted.version}`;
    } else if (!existsSync(join(root, path, 'package.json'))) {
      return `${name} is missing`;
    }
  }
  return undefined;
}

function fits({ os, cpu, libc }) {
  if (os === undefined && cpu === undefined) return false;
  const family = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
  const allows = (list, value) => list === undefined || [list].flat().includes(value);
  return (
    allows(os, process.platform) && allows(cpu, process.arch) && (process.platform !== 'linux' || allows(libc, family))
  );
}

function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const path of [join(root, 'package-lock.json'), join(modules, '.package-lock.json')])
    hash.update(readFileSync(path));
  return hash.digest('hex');
}

/**
 * Runs npm in a folder. The npm that started us (`npm test`) is the one to use; otherwise the one in PATH. Install scripts stay off: no
 * dependency needs one. The outer npm hands its own flags down through the environment (`npm pack --dry-run` would make this a dry run), so
 * those that matter are set here.
 */
async function npm(args, cwd) {
  const flags = [
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    '--dry-run=false',
    '--global=false',
    '--package-lock-only=false',
  ];
  const outer = process.env.npm_execpath;
  const known = outer !== undefined && /^npm-cli\.c?js$/.test(basename(outer)) && existsSync(outer);
  const options = { cwd, stdio: ['ignore', 2, 2] };
  try {
    if (known) return await runNode([outer, ...args, ...flags], options);
    return await run('npm', [...args, ...flags], { ...options, shell: process.platform === 'win32' });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return fail(YOURS, 'npm is not in PATH. It comes with Node.js: https://nodejs.org/en/download');
  }
}

function putFirstInPath(folder) {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const rest = (process.env[key] ?? '').split(delimiter).filter((entry) => entry !== folder);
  process.env[key] = [folder, ...rest].join(delimiter);
}

function atLeast(version, floor) {
  const [have, want] = [version, floor].map((text) => text.split('.').map(Number));
  for (let i = 0; i < want.length; i++) {
    if (have[i] !== want[i]) return have[i] > want[i];
  }
  return true;
}

/** A JSON file's content; `otherwise`, where given, when the file is not there. */
function readJson(path, ...otherwise) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (otherwise.length > 0 && (error.code === 'ENOENT' || error instanceof SyntaxError)) return otherwise[0];
    throw error;
  }
}
