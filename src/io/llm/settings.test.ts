import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../core/index.ts';
import type { ServedModel } from './served-model.ts';
import {
  type LanguageSettings,
  languageEnvironment,
  openLanguageModel,
  parseModelName,
  settingsOfEnvironment,
} from './settings.ts';

const away = (): Promise<readonly string[]> => Promise.resolve(['203.0.113.9']);

const open = (settings: LanguageSettings, env: Readonly<Record<string, string>> = {}): Promise<ServedModel> =>
  openLanguageModel(settings, { env, resolve: away });

async function fault(action: () => unknown): Promise<readonly [string, string | undefined]> {
  try {
    await action();
  } catch (error) {
    if (error instanceof UserError) return [error.message, error.hint];
    throw error;
  }
  throw new Error('it went well');
}

describe('the address', () => {
  test.each([
    [{}, {}, '127.0.0.1:11434'],
    [{}, { OLLAMA_HOST: '0.0.0.0' }, '127.0.0.1:11434'],
    [{}, { OLLAMA_HOST: '0.0.0.0:9999' }, '127.0.0.1:9999'],
    [{}, { OLLAMA_HOST: ':9999' }, '127.0.0.1:9999'],
    [{}, { OLLAMA_HOST: '::1' }, '[::1]:11434'],
    [{}, { OLLAMA_HOST: 'http://127.0.0.1:8000/' }, '127.0.0.1:8000'],
    [{ url: 'http://127.0.0.1:5/api/chat' }, {}, '127.0.0.1:5'],
  ] as const)('of Ollama by %j and %j is %s', async (settings, env, server) => {
    const model = await openLanguageModel({ model: 'm', ...settings }, { env });
    expect(model.server).toBe(server);
    expect(model.place).toBe('machine');
  });

  test('of a server that is not known has to be given', async () => {
    expect(await fault(() => open({ provider: 'openai-compatible', model: 'm' }))).toEqual([
      'analyst.url is missing: OpenAI-compatible servers have no common address',
      'for example http://127.0.0.1:8080/v1 (llama.cpp), http://127.0.0.1:1234/v1 (LM Studio), http://127.0.0.1:8000/v1 (vLLM)',
    ]);
  });

  test.each([
    ['ftp://x', "'ftp://x' is no address of a model server"],
    ['localhost', "'localhost' is no address of a model server"],
    ['http://me:secret@127.0.0.1/v1', "'http://127.0.0.1/v1': an address holds no user name and no password"],
    ['http://127.0.0.1/v1?key=1', "'http://127.0.0.1/v1?key=1': nothing may stand behind the path"],
  ])('%s is refused', async (url, message) => {
    expect((await fault(() => open({ provider: 'openai-compatible', model: 'm', url })))[0]).toBe(message);
  });

  test('that cannot be looked up is the operator’s to mend', async () => {
    const resolve = (): Promise<readonly string[]> =>
      Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }));
    expect(
      await fault(() => openLanguageModel({ url: 'http://nowhere.test', model: 'm' }, { env: {}, resolve })),
    ).toEqual([
      "the model server nowhere.test can't be looked up: no such host (ENOTFOUND)",
      'check the name in analyst.url',
    ]);
  });
});

describe('a server outside this network', () => {
  test('needs leave, and TLS', async () => {
    const url = 'https://api.example.com/v1';
    expect(await fault(() => open({ provider: 'openai-compatible', url, model: 'm' }))).toEqual([
      'https://api.example.com is outside this network, and incidents would be sent there',
      'to allow it, set analyst.allowRemote: true; without it models run here or in this network',
    ]);
    expect(
      await fault(() =>
        open({ provider: 'openai-compatible', url: 'http://api.example.com/v1', model: 'm', allowRemote: true }),
      ),
    ).toEqual([
      'http://api.example.com is outside this network, and http:// would show incidents to everyone on the way',
      'write https://api.example.com',
    ]);
    const model = await open({ provider: 'openai-compatible', url, model: 'm', allowRemote: true });
    expect(model.place).toBe('remote');
  });

  test('that Ollama passes calls on to needs leave as well', async () => {
    expect(await fault(() => openLanguageModel({ model: 'gpt-oss:120b-cloud' }, { env: {} }))).toEqual([
      'Ollama does not run gpt-oss:120b-cloud itself but passes it on to ollama.com, and incidents would be sent there',
      'take a model that runs here; to allow it, set analyst.allowRemote: true',
    ]);
    const model = await openLanguageModel({ model: 'gpt-oss:120b-cloud', allowRemote: true }, { env: {} });
    expect(model.place).toBe('remote');
  });

  test('that only the environment names needs leave as well', async () => {
    const [message] = await fault(() => open({ model: 'm' }, { OLLAMA_HOST: 'https://model.example.com' }));
    expect(message).toBe('https://model.example.com is outside this network, and incidents would be sent there');
  });
});

describe('the environment', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anomalyst-env-'));
  });
  afterAll(async () => rm(folder, { recursive: true }));

  test('takes the known variables of .env and what keyFrom names, and nothing else; what is set already wins', async () => {
    await writeFile(
      join(folder, '.env'),
      '# older names\nTOGETHER_API_URL="https://api.together.xyz/v1/chat/completions"\nTOGETHER_API_KEY=k1\nMODEL_NAME=meta-llama/Llama-3-70b-chat-hf\nMAX_TOKENS=1000\nTEMPERATURE=0.3\nPATH=/evil\nNODE_OPTIONS=--evil\nMINE=k2\nOLLAMA_HOST=\n',
    );
    const env = await languageEnvironment(folder, { PATH: '/bin', MAX_TOKENS: '500' }, 'MINE');
    expect(env).toEqual({
      PATH: '/bin',
      MAX_TOKENS: '500',
      TOGETHER_API_URL: 'https://api.together.xyz/v1/chat/completions',
      TOGETHER_API_KEY: 'k1',
      MODEL_NAME: 'meta-llama/Llama-3-70b-chat-hf',
      TEMPERATURE: '0.3',
      MINE: 'k2',
    });
    expect(settingsOfEnvironment(env)).toEqual({
      model: 'meta-llama/Llama-3-70b-chat-hf',
      maxOutputTokens: 500,
      temperature: 0.3,
    });
    const model = await openLanguageModel({ provider: 'openai-compatible', allowRemote: true }, { env, resolve: away });
    expect([model.server, model.model, model.place]).toEqual([
      'api.together.xyz',
      'meta-llama/Llama-3-70b-chat-hf',
      'remote',
    ]);
  });

  test('is itself where there is no .env', async () => {
    const env = { A: '1' };
    expect(await languageEnvironment(join(folder, 'nothing'), env)).toBe(env);
  });

  test('is itself where .env is a folder, and a pipe is not waited for', async () => {
    const inner = join(folder, 'inner');
    await mkdir(join(inner, '.env'), { recursive: true });
    const env = { A: '1' };
    expect(await languageEnvironment(inner, env)).toBe(env);
    if (process.platform === 'win32') return;
    const other = join(folder, 'other');
    await mkdir(other);
    execFileSync('mkfifo', [join(other, '.env')]);
    expect(await fault(() => languageEnvironment(other, env))).toEqual([
      `${join(other, '.env')} is no plain file`,
      'make it one, or set the variables otherwise',
    ]);
  });

  test('with a .env that is no small file is told so', async () => {
    await writeFile(join(folder, '.env'), 'A=1\n'.repeat(20_000));
    expect((await fault(() => languageEnvironment(folder, {})))[1]).toBe(
      'keep in it only the variables that are needed',
    );
  });

  test('with a number that is none is told so', async () => {
    expect(await fault(() => settingsOfEnvironment({ MAX_TOKENS: 'many' }))).toEqual([
      "MAX_TOKENS in the environment is 'many'",
      'give a number from 16 to 100000, or take it out',
    ]);
    expect(settingsOfEnvironment({ MAX_TOKENS: '', TEMPERATURE: '' })).toEqual({});
  });
});

describe('the key', () => {
  const local = { provider: 'openai-compatible', url: 'http://127.0.0.1:8080/v1', model: 'm' } as const;

  test('that keyFrom names has to be there, and has to be a key', async () => {
    expect(await fault(() => open({ ...local, keyFrom: 'MINE' }))).toEqual([
      'the variable MINE, which analyst.keyFrom names, is not set',
      'put MINE=... into the environment or .env',
    ]);
    const [message, hint] = await fault(() => open({ ...local, keyFrom: 'MINE' }, { MINE: 'secret\r\nx-evil: 1' }));
    expect([message, hint]).toEqual([
      'the key in MINE has characters that no key has',
      'copy it again, without spaces and line breaks inside',
    ]);
  });
});

describe('the name of a model', () => {
  test.each([
    ['ollama:qwen2.5:3b', { provider: 'ollama', model: 'qwen2.5:3b' }],
    ['openai-compatible:meta/llama', { provider: 'openai-compatible', model: 'meta/llama' }],
    ['qwen2.5:3b', { model: 'qwen2.5:3b' }],
    ['hf.co/someone/thing-GGUF:Q4_K_M', { model: 'hf.co/someone/thing-GGUF:Q4_K_M' }],
  ])('%s', (text, expected) => {
    expect(parseModelName(text)).toEqual(expected);
  });

  test('that is nearly a provider, or nothing, is a slip', async () => {
    expect(await fault(() => parseModelName('olama:qwen2.5:3b'))).toEqual([
      "'olama' is no way to reach a model",
      "did you mean 'ollama:qwen2.5:3b'?",
    ]);
    expect(await fault(() => parseModelName('ollama:'))).toEqual([
      "'ollama:' names no model",
      'for example ollama:qwen2.5:3b',
    ]);
    expect(await fault(() => open({}))).toEqual([
      'no language model is named',
      'for example analyst.model: qwen2.5:3b, after: ollama pull qwen2.5:3b',
    ]);
  });

  test('may be an older way to write a model that is like a provider', () => {
    expect(parseModelName('llama3:8b')).toEqual({ model: 'llama3:8b' });
    expect(parseModelName('dolphin-llama3:8b')).toEqual({ model: 'dolphin-llama3:8b' });
  });
});
