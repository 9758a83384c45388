/**
 * The client for language models against a real server, not against our doubles: `node bench/llm-services.ts`.
 *
 * Without arguments it runs llama.cpp's own server on loopback, from the Python package that brings it built (xllamacpp; installed into .bench/llm-services, 100 MB, once), with a model that it writes
 * itself (bench/tiny-gguf.ts): random weights, but the schema is enforced, so the answers have the right shape. Then the same against a real Ollama, built from its Go module (into the same folder,
 * once, some minutes), which is given that model by `ollama create`. What is not to be had here is told as skipped, with the reason; that is no failure.
 *
 *     node bench/llm-services.ts --gguf model.gguf                                    another model in that server
 *     node bench/llm-services.ts --provider ollama --model qwen2.5:3b                 an Ollama that runs already
 *     node bench/llm-services.ts --provider openai-compatible --url http://127.0.0.1:8000/v1 --model NAME
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LanguageOutcome, LanguageRequest } from '../src/analyst/index.ts';
import { LANGUAGE_PROVIDERS, LanguageQueue, openLanguageModel, type ServedModel } from '../src/io/index.ts';
import { writeTinyModel } from './tiny-gguf.ts';

const PACKAGE = 'xllamacpp==2026.10.11549';
const CONTEXT = 4096;
const FOLDER = fileURLToPath(new URL('../.bench/llm-services', import.meta.url));
const SERVER = `
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ['127.0.0.1']
params.port = int(sys.argv[2])
params.n_ctx = ${CONTEXT}
params.n_parallel = 1
params.cpuparams.n_threads = 2
server = xllamacpp.Server(params)
sys.stdin.read()
`;
const OLLAMA = 'github.com/ollama/ollama@v0.17.4';
/** Debian packages of headers that Ollama's sources have in a folder called vendor, which modules of Go come without; a third header is in a Go module. */
const HEADER_PACKAGES = ['nlohmann-json3-dev', 'libstb-dev'];
const MINIAUDIO = 'github.com/gen2brain/malgo@v0.11.23';
const BUILD_MS = 1_200_000;
const WORDS = ['malicious', 'suspicious', 'benign', 'unsure'];

const { values } = parseArgs({
  options: {
    provider: { type: 'string' },
    url: { type: 'string' },
    model: { type: 'string' },
    gguf: { type: 'string' },
  },
});
const provider = LANGUAGE_PROVIDERS.find((name) => name === values.provider);
if (values.provider !== undefined && provider === undefined)
  throw new Error(`--provider ${values.provider}: expected ${LANGUAGE_PROVIDERS.join(' or ')}`);

/** A server of our own: where it listens, and how it is ended. */
interface OwnServer {
  readonly process: ChildProcess;
  readonly url: string;
}

let failures = 0;
/** Why llama.cpp's server can't be had. */
let skipped = '';
if (provider === undefined) {
  await tryOwn('llama.cpp', startLlamaCpp, 'openai-compatible');
  await tryOwn('Ollama', startOllama, 'ollama');
} else
  await run(
    await openLanguageModel({ provider, url: values.url, model: values.model ?? 'tiny' }, { env: process.env }),
  );
console.log(failures === 0 ? 'all held' : `${failures} did not hold`);
process.exitCode = failures === 0 ? 0 : 1;

/** Starts a server, tries the client against it, and ends it. @param start gives the server, or why there is none */
async function tryOwn(
  title: string,
  start: () => Promise<OwnServer | string>,
  kind: (typeof LANGUAGE_PROVIDERS)[number],
): Promise<void> {
  const begun = performance.now();
  const server = await start();
  if (typeof server === 'string') {
    console.log(`${title}: skipped: ${server}`);
    return;
  }
  console.log(`${title}: started after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  const stop = (): void => {
    end(server.process);
    process.exit(130);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const open = (model: string, more: { keepAlive?: string } = {}): Promise<ServedModel> =>
      openLanguageModel({ provider: kind, url: server.url, model, ...more }, { env: {} });
    if (kind === 'ollama') await runOllama(server.url, open);
    await run(await open('tiny'), server.process);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    end(server.process);
  }
}

/** Ends a server and what it started: Ollama runs its models in processes of their own, which outlive it. */
function end(child: ChildProcess): void {
  child.kill('SIGKILL');
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It leads no group, or nobody of the group is left.
  }
}

function request(text: string, more: Partial<LanguageRequest> = {}): LanguageRequest {
  return {
    system: 'You judge incidents of a network, and answer with one word of the list.',
    messages: [{ role: 'user', text }],
    schema: {
      type: 'object',
      properties: { assessment: { type: 'string', enum: WORDS } },
      required: ['assessment'],
      additionalProperties: false,
    },
    maxOutputTokens: 100,
    estimatedInputTokens: Math.ceil(text.length / 2) + 40,
    seed: 1,
    ...more,
  };
}

/** What Ollama's own API has beyond answers: the size of the context, how long a model is kept, a model that is not there. */
async function runOllama(
  url: string,
  open: (model: string, more?: { keepAlive?: string }) => Promise<ServedModel>,
): Promise<void> {
  const loaded = async (): Promise<{ context_length?: number; expires_at?: string } | undefined> => {
    const answer = (await (await fetch(`${url}/api/ps`)).json()) as { models?: { context_length?: number }[] };
    return answer.models?.[0];
  };
  const model = await open('tiny', { keepAlive: '7m' });
  const small = await model.answer(request('One login failed.'));
  const first = await loaded();
  check('num_ctx is that of a short prompt', isFit(small) && first?.context_length === 2048, first);
  const minutes = (Date.parse(first?.expires_at ?? '') - Date.now()) / 60_000;
  check('the model is kept as long as keep_alive says', minutes > 6 && minutes <= 7.1, first);
  const longer = await model.answer(request('One login failed. '.repeat(70)));
  const second = await loaded();
  check('num_ctx grows with the prompt', isFit(longer) && (second?.context_length ?? 0) === 4096, [longer, second]);
  const absent = await (await open('tinny')).answer(request('Judge.'));
  check(
    'a model that is not there is told, with what to type',
    absent.kind === 'no-such-model' && /tiny|ollama pull/.test(`${absent.message} ${absent.hint}`),
    absent,
  );
  if (absent.kind === 'no-such-model') console.log(`     ${absent.message}; ${absent.hint ?? ''}`);
}

async function run(model: ServedModel, server?: ChildProcess): Promise<void> {
  let list = await model.models();
  // It may still be loading.
  for (let tries = 0; tries < 60 && list.kind === 'timeout'; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    list = await model.models();
  }
  check('the server lists its models', list.kind === 'models' && list.models.length > 0, list);

  const first = await model.answer(request('One host tried 254 addresses at port 445 within a minute.'));
  check('an answer fits the schema', isFit(first), first);
  const { promptTokens = 0, completionTokens = 0, tokensPerSecond = 0, firstTokenMs, durationMs } = first.usage;
  check('tokens are told', promptTokens > 20 && completionTokens > 0 && tokensPerSecond > 0, first.usage);
  console.log(
    `     ${promptTokens} and ${completionTokens} tokens, first after ${Math.round(firstTokenMs ?? 0)} ms, ${tokensPerSecond.toFixed(1)} tokens/s, ${Math.round(durationMs)} ms`,
  );
  const again = await model.answer(request('One host tried 254 addresses at port 445 within a minute.'));
  check(
    'the same question has the same answer',
    first.kind === 'answer' && again.kind === 'answer' && first.text === again.text,
    again,
  );

  const queue = new LanguageQueue({ model, concurrency: 3 });
  const many = await Promise.all(
    Array.from({ length: 9 }, (_, i) =>
      queue.submit({
        request: request(`Incident ${i % 8}: ${i % 8} failed logins.`),
        severity: 'low',
        fingerprint: String(i % 8),
      }),
    ),
  );
  check(
    'nine calls in a queue, two of them equal, are answered with eight',
    many.every(isFit) && queue.statistics().asked === 8,
    queue.statistics(),
  );

  const short = await model.answer(request('Judge.', { maxOutputTokens: 2 }));
  check('an answer that is cut off is not taken for whole', short.kind === 'truncated', short);

  if (server !== undefined) {
    const long = await model.answer(request('a scan, and then another one. '.repeat(CONTEXT)));
    check('a prompt longer than the context is no answer', long.kind === 'truncated', long);
  }

  const abort = new AbortController();
  const free = request('Tell a long story.', {
    maxOutputTokens: 2000,
    schema: {
      type: 'object',
      properties: { story: { type: 'string' } },
      required: ['story'],
      additionalProperties: false,
    },
  });
  const running = model.answer(free, abort.signal);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const began = performance.now();
  abort.abort();
  const cancelled = await running;
  const took = performance.now() - began;
  check('a cancelled call is over within a second', cancelled.kind === 'cancelled' && took < 1000, cancelled);
  const after = await model.answer(request('One login failed.'));
  check('the next call is answered as if nothing had been', isFit(after), after);

  if (server !== undefined) {
    server.kill('SIGKILL');
    await new Promise((resolve) => server.once('close', resolve));
    const gone = await model.answer(request('Is anybody there?'));
    check('a server that is gone is told as such', gone.kind === 'unreachable', gone);
    if (gone.kind === 'unreachable') console.log(`     ${gone.message}; ${gone.hint ?? ''}`);
  }
  console.log(`     ${JSON.stringify(model.statistics())}`);
}

function isFit(outcome: LanguageOutcome): boolean {
  if (outcome.kind !== 'answer') return false;
  const value = JSON.parse(outcome.text) as { readonly assessment?: unknown };
  return Object.keys(value).length === 1 && WORDS.some((word) => word === value.assessment);
}

function check(what: string, holds: boolean, seen: unknown): void {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  if (holds) return;
  failures++;
  console.log(`     ${JSON.stringify(seen)}`);
}

/** llama.cpp's server, or why it can't be had. */
async function startLlamaCpp(): Promise<OwnServer | string> {
  const python = installed();
  if (python === undefined) return skipped;
  const port = await freePort();
  return {
    process: await startServer(python, values.gguf ?? tinyModel(), port),
    url: `http://127.0.0.1:${port}/v1`,
  };
}

/** The Python that has the server, installed if need be; undefined, with the reason in `skipped`, where it can't be had. */
function installed(): string | undefined {
  const python = path.join(FOLDER, 'venv', 'bin', 'python');
  const has = (): boolean => spawnSync(python, ['-c', 'import xllamacpp'], { stdio: 'ignore' }).status === 0;
  if (existsSync(python) && has()) return python;
  mkdirSync(FOLDER, { recursive: true });
  const venv = spawnSync('python3', ['-m', 'venv', path.join(FOLDER, 'venv')], { encoding: 'utf8' });
  if (venv.status !== 0) {
    skipped = `no Python with venv here (${(venv.error?.message ?? venv.stderr).trim().slice(0, 100)})`;
    return undefined;
  }
  const pip = spawnSync(
    python,
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '--no-deps', PACKAGE],
    { encoding: 'utf8', timeout: 600_000 },
  );
  if (pip.status === 0 && has()) return python;
  skipped = `${PACKAGE} can't be installed here (${(pip.stderr ?? '').trim().split('\n').at(-1)?.slice(0, 200) ?? ''})`;
  return undefined;
}

function tinyModel(): string {
  const file = path.join(FOLDER, 'tiny.gguf');
  writeTinyModel(file);
  return file;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

// ------------------------------------------------------------------------------------------------------------------------- Ollama

/** Ollama with the tiny model, or why it can't be had. */
async function startOllama(): Promise<OwnServer | string> {
  const program = builtOllama();
  if (typeof program !== 'string') return program.missing;
  const home = path.join(FOLDER, 'ollama', 'home');
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    ...process.env,
    HOME: home,
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: path.join(home, 'models'),
  };
  const child = await waited(
    spawn(program, ['serve'], { stdio: ['ignore', 'ignore', 'pipe'], env, detached: true }),
    port,
  );
  const file = path.join(home, 'Modelfile');
  writeFileSync(file, `FROM ${values.gguf ?? tinyModel()}\n`);
  const made = spawnSync(program, ['create', 'tiny', '-f', file], { encoding: 'utf8', env, timeout: 120_000 });
  if (made.status === 0) return { process: child, url };
  end(child);
  throw new Error(`ollama create failed: ${made.stderr}`);
}

/** The program, built where it is not there yet. */
function builtOllama(): string | { readonly missing: string } {
  const folder = path.join(FOLDER, 'ollama');
  const program = path.join(folder, 'bin', 'ollama');
  if (existsSync(program)) return program;
  const go = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (go.status !== 0) return { missing: 'no Go here, of which Ollama is built' };
  if (spawnSync('g++', ['--version']).status !== 0) return { missing: 'no g++ here, which Ollama is built with' };
  const include = path.join(folder, 'include');
  mkdirSync(include, { recursive: true });
  const inFolder = (command: string, args: readonly string[], timeout = 120_000) =>
    spawnSync(command, args, { cwd: folder, encoding: 'utf8', timeout });
  for (const name of HEADER_PACKAGES) {
    const got = inFolder('apt-get', ['download', name]);
    const file = readdirSync(folder).find((one) => one.startsWith(`${name}_`) && one.endsWith('.deb'));
    if (file === undefined || inFolder('dpkg', ['-x', file, include]).status !== 0)
      return { missing: `the Debian package ${name} can't be had here (${(got.stderr ?? '').trim().slice(0, 100)})` };
  }
  const module = inFolder('go', ['mod', 'download', '-json', MINIAUDIO]);
  const { Dir: at } = (module.status === 0 ? JSON.parse(module.stdout) : {}) as { readonly Dir?: string };
  if (at === undefined) return { missing: `${MINIAUDIO} can't be had here (${module.stderr.trim().slice(0, 100)})` };
  const headers = path.join(include, 'usr', 'include');
  mkdirSync(path.join(headers, 'miniaudio'), { recursive: true });
  copyFileSync(path.join(at, 'miniaudio.h'), path.join(headers, 'miniaudio', 'miniaudio.h'));
  console.log(`building ${OLLAMA} with ${go.stdout.trim()}: some minutes, once`);
  const built = spawnSync('go', ['install', OLLAMA], {
    cwd: folder,
    encoding: 'utf8',
    timeout: BUILD_MS,
    env: {
      ...process.env,
      GOBIN: path.join(folder, 'bin'),
      GOTOOLCHAIN: 'local',
      CGO_ENABLED: '1',
      CGO_CFLAGS: `-O2 -I${headers}`,
      CGO_CXXFLAGS: `-O2 -I${headers}`,
    },
  });
  if (built.status === 0 && existsSync(program)) return program;
  const why = (built.stderr ?? '').split('\n').find((line) => /error|cannot|requires/i.test(line));
  return {
    missing: `${OLLAMA} can't be built here (${(why ?? built.error?.message ?? 'go install failed').slice(0, 200)})`,
  };
}

/** Resolves when the server listens; it may still be loading its model. */
function startServer(python: string, gguf: string, port: number): Promise<ChildProcess> {
  return waited(spawn(python, ['-c', SERVER, gguf, String(port)], { stdio: ['pipe', 'ignore', 'pipe'] }), port);
}

async function waited(child: ChildProcess, port: number): Promise<ChildProcess> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4000);
  });
  const end = performance.now() + 60_000;
  while (child.exitCode === null && performance.now() < end) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGKILL');
  throw new Error(`the server did not start: ${said}`);
}
