import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

// The launcher with an application of our own behind it: what is tried here is the way in and out, not the commands.

const launcher = fileURLToPath(new URL('../bin/anomalyst.mjs', import.meta.url));
let folder: string;
let bin: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'anomalyst-bin-')));
  mkdirSync(join(folder, 'bin'));
  bin = join(folder, 'bin/anomalyst.mjs');
  cpSync(launcher, bin);
});

afterEach(() => rmSync(folder, { recursive: true }));

function application(body: string): void {
  mkdirSync(join(folder, 'dist/app'), { recursive: true });
  writeFileSync(join(folder, 'dist/app/main.js'), `export async function main(argv) { ${body} }`);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
}

function run(args: readonly string[], nodeArgs: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, bin, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('close', resolve));
}

/** Arguments for Node.js that make it say that it is another version. */
function pretend(version: string): string[] {
  const path = join(folder, 'pretend.cjs');
  writeFileSync(
    path,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
     Object.defineProperty(process, 'version', { value: 'v${version}' });`,
  );
  return ['--require', path];
}

test('the arguments reach the application and its exit code comes back', () => {
  application("console.log(argv.join('|')); return 3;");
  expect(run(['analyze', 'a b.pcap', '--json'])).toEqual({
    status: 3,
    stdout: 'analyze|a b.pcap|--json\n',
    stderr: '',
  });
});

test.each(['12.22.12', '20.20.2', '22.12.0'])('Node.js %s is told what is needed', (version) => {
  application('return 0;');
  expect(run([], pretend(version))).toEqual({
    status: 2,
    stdout: '',
    stderr: `anomalyst needs Node.js 22.13 or newer; this is v${version} at ${process.execPath}.\nInstall Node.js 24 (https://nodejs.org/en/download, your package manager, or \`nvm install 24\`) and run the same command again.\n`,
  });
});

test.each(['22.13.0', '23.0.0', '24.1.0'])('Node.js %s is new enough', (version) => {
  application('return 0;');
  expect(run([], pretend(version))).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('the launcher asks for the Node.js that package.json asks for', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string };
  };
  const text = readFileSync(launcher, 'utf8');
  const constant = (name: string) => new RegExp(`const ${name} = (\\d+);`).exec(text)?.[1];
  expect(engines.node).toBe(`>=${constant('MAJOR')}.${constant('MINOR')}`);
});

test('the launcher has no syntax that a Node.js 12 could not read', () => {
  const code = readFileSync(launcher, 'utf8').replace(/^\s*(\/\/|#!).*$/gm, '');
  expect(code).not.toMatch(/\?\.|\?\?|\bawait\b|^import\b|\|\|=|#\w/m);
});

test('a clone that was not built says how to build it', () => {
  expect(run(['--version'])).toEqual({
    status: 2,
    stdout: '',
    stderr: `anomalyst is not built: ${join(folder, 'dist/app/main.js')} is missing.\nIn a clone of the repository, run \`npm run build\` first.\n`,
  });
});

test('a fault of ours shows its stack and exits with 1', () => {
  application("throw new Error('our bug');");
  const { status, stderr } = run([]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/Error: our bug\n {4}at .*main\.js:1:/);
});

test('all output arrives at a reader that is slower than we are', async () => {
  application("for (let i = 0; i < 50_000; i++) process.stdout.write('0123456789'); return 0;");
  const child = spawn(process.execPath, [bin], { stdio: ['ignore', 'pipe', 'inherit'] });
  let bytes = 0;
  for await (const chunk of child.stdout) {
    bytes += (chunk as Uint8Array).length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(bytes).toBe(500_000);
});

test('a reader that closes the pipe ends the run at once and without a word', async () => {
  application(
    "const more = () => { process.stdout.write('x'.repeat(65536)); setImmediate(more); }; more(); return new Promise(() => {});",
  );
  const child = spawn(process.execPath, [bin], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += String(chunk);
  });
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await ended(child)).toBe(141);
  expect(complaint).toBe('');
});
