/**
 * The client for language models against a real server, not against our doubles: `node bench/llm-services.ts`.
 *
 * Without arguments it runs llama.cpp's own server on loopback, from the Python package that brings it built (xllamacpp; installed into .bench/llm-services, 100 MB, once), with a model that it writes
 * itself (bench/tiny-gguf.ts): random weights, but the schema is enforced, so the answers have the right shape. Where Python or the package is not to be had, it says so and exits with 0.
 *
 *     node bench/llm-services.ts --gguf model.gguf                                    another model in that server
 *     node bench/llm-services.ts --provider ollama --model qwen2.5:3b                 an Ollama that runs already
 *     node bench/llm-services.ts --provider openai-compatible --url http://127.0.0.1:8000/v1 --model NAME
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
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
const isOwn = provider === undefined;
if (values.provider !== undefined && isOwn)
  throw new Error(`--provider ${values.provider}: expected ${LANGUAGE_PROVIDERS.join(' or ')}`);

let server: ChildProcess | undefined;
let failures = 0;
let skipped: string | undefined;
try {
  let url = values.url;
  if (isOwn) {
    const python = installed();
    if (python !== undefined) {
      const port = await freePort();
      url = `http://127.0.0.1:${port}/v1`;
      server = await startServer(python, values.gguf ?? tinyModel(), port);
    }
  }
  if (skipped === undefined) {
    const model = await openLanguageModel(
      { provider: provider ?? 'openai-compatible', url, model: values.model ?? 'tiny' },
      { env: process.env },
    );
    await run(model);
  }
} finally {
  server?.kill('SIGKILL');
}
if (skipped !== undefined) console.log(`skipped: ${skipped}`);
else console.log(failures === 0 ? 'all held' : `${failures} did not hold`);
process.exitCode = failures === 0 ? 0 : 1;

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

async function run(model: ServedModel): Promise<void> {
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

  if (isOwn) {
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
    await new Promise((resolve) => server?.once('close', resolve));
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

/** Resolves when the server listens; it may still be loading its model. */
async function startServer(python: string, gguf: string, port: number): Promise<ChildProcess> {
  const child = spawn(python, ['-c', SERVER, gguf, String(port)], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
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
