import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Doing,
  type DoubleOptions,
  type ModelDouble,
  startModelDouble,
} from '../../../test/double/model-server.ts';
import { selfSigned } from '../../../test/support/certificate.ts';
import { ManualTiming, until } from '../../../test/support/timing.ts';
import type { LanguageFailure, LanguageOutcome, LanguageRequest } from '../../analyst/index.ts';
import { EgressLedger } from './egress.ts';
import { type CallPolicy, retryAfter, type ServedModel } from './served-model.ts';
import { type LanguageSettings, openLanguageModel } from './settings.ts';

const GOOD = '{"assessment":"suspicious","claims":[]}';
const SCHEMA = {
  type: 'object',
  properties: { assessment: { type: 'string' }, claims: { type: 'array' } },
  required: ['assessment', 'claims'],
  additionalProperties: false,
};
const SYSTEM = 'You judge incidents of a network. '.repeat(20);

const request = (more: Partial<LanguageRequest> = {}): LanguageRequest => ({
  system: SYSTEM,
  messages: [{ role: 'user', text: 'Judge this incident: a scan of 254 addresses. '.repeat(10) }],
  schema: SCHEMA,
  maxOutputTokens: 200,
  estimatedInputTokens: 600,
  seed: 7,
  ...more,
});

const doubles: ModelDouble[] = [];
afterEach(async () => {
  for (const double of doubles.splice(0)) await double.close();
});

interface Setting extends LanguageSettings {
  readonly env?: Readonly<Record<string, string>>;
  readonly policy?: Partial<CallPolicy>;
  readonly timing?: ManualTiming;
  readonly egress?: EgressLedger;
}

async function serve(
  options: DoubleOptions,
  setting: Setting = {},
): Promise<{ double: ModelDouble; model: ServedModel }> {
  const double = await startModelDouble(options);
  doubles.push(double);
  const { env = {}, policy, timing, egress, ...settings } = setting;
  const model = await openLanguageModel(
    {
      provider: options.api === 'ollama' ? 'ollama' : 'openai-compatible',
      url: double.url,
      model: 'qwen2.5:3b',
      ...settings,
    },
    { env, egress, timing, policy: { backOffMs: 1, maxBackOffMs: 2, ...policy } },
  );
  return { double, model };
}

const ollama = (script: Doing | readonly Doing[], more: Partial<DoubleOptions> = {}, setting: Setting = {}) =>
  serve({ api: 'ollama', script, ...more }, setting);
const openai = (script: Doing | readonly Doing[], more: Partial<DoubleOptions> = {}, setting: Setting = {}) =>
  serve({ api: 'openai', script, ...more }, setting);

/** Without what differs from run to run. */
function plain(outcome: LanguageOutcome, double: ModelDouble): unknown {
  const { usage: _, ...rest } = outcome;
  return JSON.parse(JSON.stringify(rest).replaceAll(`:${double.port}`, ':PORT'));
}

function failed(outcome: LanguageOutcome): LanguageFailure {
  if (outcome.kind === 'answer') throw new Error(`it answered: ${outcome.text}`);
  return outcome;
}

const good: Doing = { does: 'answer', text: GOOD };

describe('Ollama', () => {
  test('is asked by its native API, with the schema, the size of the context and a seed, and tells tokens and speed', async () => {
    const { double, model } = await ollama(good);
    const outcome = await model.answer(request());
    expect(outcome).toMatchObject({ kind: 'answer', text: GOOD });
    expect(double.asked[0]?.body).toMatchObject({
      model: 'qwen2.5:3b',
      stream: true,
      format: SCHEMA,
      keep_alive: '10m',
      options: { num_ctx: 2048, num_predict: 200, temperature: 0, seed: 7 },
    });
    expect(double.asked[0]?.body).not.toHaveProperty('think');
    // 13 tokens at 20 ms each.
    expect(outcome.usage).toMatchObject({ promptTokens: 380, completionTokens: 13, tokensPerSecond: 50, attempts: 1 });
    expect(outcome.usage.firstTokenMs).toBeGreaterThanOrEqual(0);
  });

  test('gets a context that grows in steps with the prompt and never shrinks, because each size loads the model anew', async () => {
    const { double, model } = await ollama(good, { contextTokens: 32_768 });
    await model.answer(request());
    await model.answer(request({ messages: [{ role: 'user', text: 'flow '.repeat(6000) }] }));
    await model.answer(request());
    expect(double.asked.map(({ body }) => (body.options as { num_ctx: number }).num_ctx)).toEqual([
      2048, 16_384, 16_384,
    ]);
  });

  test('is not asked what its model cannot hold', async () => {
    const { double, model } = await ollama(good, { contextTokens: 4096 });
    const outcome = await model.answer(request({ messages: [{ role: 'user', text: 'flow '.repeat(6000) }] }));
    expect(plain(outcome, double)).toEqual({
      kind: 'truncated',
      message: 'the prompt and its answer need about 15,796 tokens, and qwen2.5:3b is given 4,096',
      hint: 'take a model with a longer context',
    });
    expect(double.asked).toHaveLength(0);
  });

  test('is not asked beyond the context that the operator allows', async () => {
    const { double, model } = await ollama(good, { contextTokens: 100_000 }, { maxContextTokens: 8192 });
    const outcome = await model.answer(request({ messages: [{ role: 'user', text: 'flow '.repeat(6000) }] }));
    expect(plain(outcome, double)).toEqual({
      kind: 'truncated',
      message: 'the prompt and its answer need about 15,796 tokens, and qwen2.5:3b is given 8,192',
      hint: 'set analyst.maxContextTokens: 16384',
    });
  });

  test('that read a prompt only in part is found out by its own count', async () => {
    const { double, model } = await ollama({ does: 'truncate', tokens: 60, text: GOOD });
    const outcome = await model.answer(request());
    expect(plain(outcome, double)).toEqual({
      kind: 'truncated',
      message: 'qwen2.5:3b read 60 tokens, not the whole prompt of about 600: the server cut it',
      hint: 'give the server a longer context, or take a model that has one',
    });
  });

  test('that cuts less is found out once its usual count is known', async () => {
    const { model } = await ollama([good, good, good, { does: 'truncate', tokens: 200, text: GOOD }]);
    for (let i = 0; i < 3; i++) expect((await model.answer(request())).kind).toBe('answer');
    expect((await model.answer(request())).kind).toBe('truncated');
  });

  test('whose tokens are shorter than thought is asked again with a larger context', async () => {
    const { double, model } = await ollama(good, { charsPerToken: 0.55 });
    expect((await model.answer(request())).kind).toBe('answer');
    expect(double.asked.map(({ body }) => (body.options as { num_ctx: number }).num_ctx)).toEqual([2048, 4096]);
  });

  test('counts of earlier answers say how many tokens a text has', async () => {
    const { model } = await ollama(good);
    expect(model.estimateTokens(3000)).toBe(1500);
    await model.answer(request());
    expect(model.estimateTokens(3000)).toBe(1000);
  });

  test('is told not to think aloud where the model would', async () => {
    const { double, model } = await ollama(good, { thinks: true });
    await model.answer(request());
    expect(double.asked[0]?.body.think).toBe(false);
  });

  test('without the model says what to type and what it has', async () => {
    const { double, model } = await ollama(good, {}, { model: 'qwen2.5:3bb' });
    const outcome = await model.answer(request());
    expect(plain(outcome, double)).toEqual({
      kind: 'no-such-model',
      message: "http://127.0.0.1:PORT has no model 'qwen2.5:3bb'",
      hint: "ollama pull qwen2.5:3bb; or did you mean 'qwen2.5:3b'?",
    });
    const { model: bare } = await ollama(good, { models: [] });
    expect(failed(await bare.answer(request())).hint).toBe('ollama pull qwen2.5:3b; it has no model at all');
  });

  test('that does not hold its model to the schema is asked again with the schema in the text', async () => {
    const { double, model } = await ollama({ does: 'ignore-schema', text: '{"answer":"yes"}', obedient: GOOD });
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', text: GOOD, usage: { attempts: 2 } });
    expect(double.asked[1]?.system).toContain(JSON.stringify(SCHEMA));
    // From then on at once.
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', usage: { attempts: 1 } });
    expect(model.statistics()).toEqual({ calls: 2, requests: 3, retries: 0, looser: 1, outcomes: { answer: 2 } });
  });

  test('lists its models', async () => {
    const { model } = await ollama(good);
    expect(await model.models()).toEqual({ kind: 'models', models: ['qwen2.5:3b', 'llama3.2:1b'] });
  });

  test('that has too little memory is not asked again', async () => {
    const body = JSON.stringify({ error: 'model requires more system memory (5.5 GiB) than is available (3.1 GiB)' });
    const { double, model } = await ollama({ does: 'status', status: 500, body });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'server-error',
      message: 'http://127.0.0.1:PORT: model requires more system memory (5.5 GiB) than is available (3.1 GiB) (500)',
    });
    expect(double.asked).toHaveLength(1);
  });
});

describe('an OpenAI-compatible server', () => {
  test('is asked for an answer by the schema, as a stream with counts', async () => {
    const { double, model } = await openai(good, { key: 'sk-right' }, { env: { ANOMALYST_LLM_KEY: 'sk-right' } });
    const outcome = await model.answer(request({ temperature: 0.3 }));
    expect(outcome).toMatchObject({ kind: 'answer', text: GOOD, usage: { promptTokens: 380, completionTokens: 13 } });
    expect(double.asked[0]?.body).toMatchObject({
      max_tokens: 200,
      temperature: 0.3,
      seed: 7,
      stream: true,
      stream_options: { include_usage: true },
      response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: SCHEMA } },
    });
  });

  test('that refuses the schema is asked for any object, and then for text, with the schema in the prompt', async () => {
    const { double, model } = await openai({
      does: 'refuse-members',
      members: ['response_format'],
      text: `Sure!\n\`\`\`json\n${GOOD}\n\`\`\``,
    });
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', text: GOOD, usage: { attempts: 3 } });
    expect(double.asked.map(({ body }) => (body.response_format as { type?: string } | undefined)?.type)).toEqual([
      'json_schema',
      'json_object',
      undefined,
    ]);
    expect(double.asked[2]?.system).toContain('It must fit this JSON Schema:');
    await model.answer(request());
    expect(double.asked).toHaveLength(4);
  });

  test('gets the length of answers and the temperature that the operator set, in the configuration or by the older variables', async () => {
    const env = { MAX_TOKENS: '300', TEMPERATURE: '0.3' };
    const old = await openai(good, {}, { env });
    await old.model.answer(request());
    expect(old.double.asked[0]?.body).toMatchObject({ max_tokens: 300, temperature: 0.3 });
    const set = await openai(good, {}, { env, maxOutputTokens: 700, temperature: 0 });
    await set.model.answer(request());
    expect(set.double.asked[0]?.body).toMatchObject({ max_tokens: 700, temperature: 0 });
  });

  test('that refuses one schema is still asked for others by the schema', async () => {
    const { double, model } = await openai([
      { does: 'status', status: 400, body: '{"error":{"message":"failed to parse grammar"}}' },
      good,
    ]);
    await model.answer(request());
    await model.answer(request({ schema: { ...SCHEMA, title: 'another' } }));
    expect(double.asked.map(({ schema }) => schema !== undefined)).toEqual([true, false, true]);
  });

  test('that does not know a member of the request is asked without it from then on', async () => {
    const { double, model } = await openai({
      does: 'refuse-members',
      members: ['stream_options', 'seed', 'temperature'],
      text: GOOD,
    });
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', usage: { attempts: 4 } });
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', usage: { attempts: 1 } });
    expect(double.asked.at(-1)?.body).not.toHaveProperty('seed');
  });

  test('that ignores the schema is asked in a looser way', async () => {
    const { model } = await openai({ does: 'ignore-schema', text: 'It is a scan, I think.', obedient: GOOD });
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', text: GOOD, usage: { attempts: 2 } });
  });

  test('whose objects never have the shape asked for gives what it says, for the checker to judge', async () => {
    const { model } = await openai({ does: 'answer', text: '{"verdict":"bad"}' });
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', text: '{"verdict":"bad"}' });
  });

  test('may answer in a code fence, in one piece, or without counts', async () => {
    const fenced = await openai({ does: 'answer', text: GOOD, fenced: true });
    expect(await fenced.model.answer(request())).toMatchObject({ kind: 'answer', text: GOOD });
    const whole = await openai({ does: 'answer', text: GOOD, unstreamed: true });
    expect(await whole.model.answer(request())).toMatchObject({
      kind: 'answer',
      text: GOOD,
      usage: { promptTokens: 380, completionTokens: 13 },
    });
    const bare = await openai({ does: 'answer', text: GOOD, usage: false });
    const outcome = await bare.model.answer(request());
    expect(outcome).toMatchObject({ kind: 'answer', text: GOOD });
    expect(outcome.usage).not.toHaveProperty('promptTokens');
  });

  test('that cuts prompts in silence is found out', async () => {
    const { model } = await openai(good, { contextTokens: 60 });
    expect((await model.answer(request())).kind).toBe('truncated');
  });

  test('that says that a prompt is too long is taken at its word', async () => {
    const body = JSON.stringify({
      error: { message: "This model's maximum context length is 4096 tokens.", code: 400 },
    });
    const { double, model } = await openai({ does: 'status', status: 400, body });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'truncated',
      message:
        "http://127.0.0.1:PORT: the prompt is too long for qwen2.5:3b: This model's maximum context length is 4096 tokens.",
      hint: 'give the server a longer context, or take a model that has one',
    });
  });

  test('without the model says which it has', async () => {
    const { double, model } = await openai(good, {}, { model: 'gpt-9' });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'no-such-model',
      message: "http://127.0.0.1:PORT has no model 'gpt-9'",
      hint: 'name one that the server has: analyst.model; it has qwen2.5:3b, llama3.2:1b',
    });
  });

  test('that refuses in its own word has refused', async () => {
    const { double, model } = await openai({ does: 'refuse' });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'refused',
      message: 'qwen2.5:3b refused to answer',
    });
  });
});

describe('failures, whichever the server', () => {
  const both = [
    ['ollama', ollama],
    ['openai', openai],
  ] as const;

  test.each(both)('%s: 429 and 500 are tried again, and what came of it is counted', async (_, start) => {
    const { double, model } = await start([{ does: 'status', status: 429 }, { does: 'status', status: 500 }, good]);
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', usage: { attempts: 3 } });
    expect(double.asked).toHaveLength(3);
    expect(model.statistics()).toMatchObject({ calls: 1, requests: 3, retries: 2, outcomes: { answer: 1 } });
  });

  test.each(both)('%s: tries end, and the last failure is told', async (_, start) => {
    const body = JSON.stringify({ error: { message: 'the graphics card is on fire' } });
    const { double, model } = await start({ does: 'status', status: 502, body });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'server-error',
      message: 'http://127.0.0.1:PORT: the graphics card is on fire (502)',
    });
    expect(double.asked).toHaveLength(4);
  });

  test.each(both)('%s: a broken connection is tried again, before and in the middle of an answer', async (_, start) => {
    const { model } = await start([{ does: 'cut' }, { does: 'cut', after: 'first' }, good]);
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', text: GOOD, usage: { attempts: 3 } });
  });

  test.each(both)('%s: an error in the middle of a stream is tried again', async (_, start) => {
    const { model } = await start([
      { does: 'fail-midway', message: 'an error was encountered while running the model' },
      good,
    ]);
    expect(await model.answer(request())).toMatchObject({ kind: 'answer', text: GOOD, usage: { attempts: 2 } });
  });

  test.each(both)('%s: prose is no answer, and a refusal in words is a refusal', async (_, start) => {
    const prose = await start({ does: 'nonsense' });
    expect(plain(await prose.model.answer(request()), prose.double)).toEqual({
      kind: 'not-json',
      message: 'qwen2.5:3b did not answer with a JSON object',
    });
    const refusal = await start({ does: 'answer', text: "I'm sorry, but I can't help with that." });
    expect((await refusal.model.answer(request())).kind).toBe('refused');
  });

  test.each(both)('%s: an answer that ends at the limit is not taken for whole', async (_, start) => {
    const { double, model } = await start({ does: 'answer', text: GOOD, limitChars: 20 });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'truncated',
      message: 'the answer of qwen2.5:3b was not at its end after 200 tokens',
      hint: 'set analyst.maxOutputTokens: 400',
    });
  });

  test.each(both)('%s: an answer without end is cut off', async (_, start) => {
    const { double, model } = await start({ does: 'flood' }, {}, { policy: { maxAnswerBytes: 200_000 } });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'server-error',
      message: 'http://127.0.0.1:PORT: the answer is longer than 200 kB',
    });
    await until(() => double.open === 0);
  });

  test.each(both)('%s: bytes that are no protocol are told as such', async (_, start) => {
    for (const bytes of [
      new Uint8Array(0),
      Uint8Array.of(0xff, 0xfe, 0, 10, 0x7b),
      new TextEncoder().encode('[]\n3\nnull\n"x"\n'),
    ]) {
      const { model } = await start({ does: 'garbage', bytes });
      expect((await model.answer(request())).kind).toBe('server-error');
    }
  });

  test('a web page is no model server, and the hint says what to type', async () => {
    const page = await ollama(good, { isWebServer: true });
    expect(plain(await page.model.answer(request()), page.double)).toEqual({
      kind: 'server-error',
      message: 'http://127.0.0.1:PORT does not answer as Ollama does',
      hint: 'give the address of Ollama itself: analyst.url: http://127.0.0.1:11434',
    });
    const other = await openai({ does: 'html' });
    expect(plain(await other.model.answer(request()), other.double)).toEqual({
      kind: 'server-error',
      message: 'http://127.0.0.1:PORT does not answer as an OpenAI-compatible server does',
      hint: 'give the address of its API, mostly with /v1 at the end: analyst.url: http://127.0.0.1:8080/v1',
    });
    // One API asked by the other's rules.
    const wrong = await startModelDouble({ api: 'ollama', script: good });
    doubles.push(wrong);
    const model = await openLanguageModel(
      { provider: 'openai-compatible', url: wrong.url, model: 'qwen2.5:3b' },
      { env: {} },
    );
    expect(failed(await model.answer(request())).message).toBe(
      `http://127.0.0.1:${wrong.port} does not answer as an OpenAI-compatible server does`,
    );
  });

  test('nobody there is told at once, with what to type', async () => {
    const { double, model } = await ollama(good);
    await double.close();
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'unreachable',
      message: 'http://127.0.0.1:PORT: connection refused (ECONNREFUSED)',
      hint: 'start it with: ollama serve',
    });
    expect(model.statistics().requests).toBe(1);
  });

  test('a wrong key is told without the key, and what the server says of it is not repeated', async () => {
    const secret = 'sk-wrong-8d1f55';
    const { double, model } = await openai(good, { key: 'sk-right' }, { env: { ANOMALYST_LLM_KEY: secret } });
    const outcome = await model.answer(request());
    expect(plain(outcome, double)).toEqual({
      kind: 'unauthorized',
      message: 'http://127.0.0.1:PORT does not accept the key (401)',
      hint: 'check the key in the environment or .env (ANOMALYST_LLM_KEY, or the variable that analyst.keyFrom names)',
    });
    const none = await openai(good, { key: 'sk-right' });
    expect(failed(await none.model.answer(request())).hint).toBe(
      'put the key into the environment or .env: ANOMALYST_LLM_KEY=...',
    );
    const echo = await openai(
      { does: 'status', status: 400, body: JSON.stringify({ error: { message: `bad token ${secret}\u001b[2J` } }) },
      {},
      { env: { ANOMALYST_LLM_KEY: secret } },
    );
    expect(failed(await echo.model.answer(request())).message).toBe(
      `http://127.0.0.1:${echo.double.port}: bad token [key]\\u{1b}[2J (400)`,
    );
  });

  test('a redirect is not followed', async () => {
    const elsewhere = await startModelDouble({ api: 'openai', script: good });
    doubles.push(elsewhere);
    const headers = { location: `http://localhost:${elsewhere.port}/v1/chat/completions` };
    const { double, model } = await openai({ does: 'status', status: 307, headers });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'server-error',
      message: `http://127.0.0.1:PORT: it sends us on to http://localhost:${elsewhere.port}/v1/chat/completions (307), and nobody is followed elsewhere`,
      hint: 'put the right address into analyst.url',
    });
    expect(elsewhere.requests).toHaveLength(0);
  });

  test('a used-up quota is not asked for again', async () => {
    const body = JSON.stringify({ error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } });
    const { double, model } = await openai({ does: 'status', status: 429, body });
    expect((await model.answer(request())).kind).toBe('rate-limited');
    expect(double.asked).toHaveLength(1);
  });
});

describe('a server behind TLS', () => {
  test('with a certificate that nobody vouches for gets neither the key nor the incident', async () => {
    const { cert, key } = selfSigned();
    let heard = 0;
    const server = https.createServer({ cert, key }, () => heard++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const model = await openLanguageModel(
        { provider: 'openai-compatible', url: `https://127.0.0.1:${port}/v1`, model: 'm' },
        { env: { ANOMALYST_LLM_KEY: 'sk-secret' } },
      );
      expect(await model.answer(request())).toMatchObject({
        kind: 'unreachable',
        message: `https://127.0.0.1:${port}: its certificate is self-signed and not among the trusted ones (DEPTH_ZERO_SELF_SIGNED_CERT)`,
        hint: 'check whether it is http:// or https://, and the certificate',
        usage: { attempts: 1 },
      });
      expect(heard).toBe(0);
    } finally {
      server.close();
    }
  });

  test('that is asked for without TLS, and the other way round, is told as such', async () => {
    const { double } = await openai(good);
    const model = await openLanguageModel(
      { provider: 'openai-compatible', url: double.url.replace('http:', 'https:'), model: 'm' },
      { env: {} },
    );
    expect(await model.answer(request())).toMatchObject({
      kind: 'unreachable',
      hint: 'check whether it is http:// or https://, and the certificate',
    });
  });
});

describe('time', () => {
  test('Retry-After is waited for, and not waited for where the call would be over before', async () => {
    const timing = new ManualTiming();
    const { double, model } = await openai(
      [{ does: 'status', status: 429, headers: { 'retry-after': '7' } }, good],
      {},
      { timing },
    );
    const answer = model.answer(request());
    await until(() => timing.asked.includes(7000));
    timing.advance(6999);
    expect(double.asked).toHaveLength(1);
    timing.advance(1);
    expect(await answer).toMatchObject({ kind: 'answer', usage: { attempts: 2, durationMs: 7000 } });
    const late = await openai({ does: 'status', status: 429, headers: { 'retry-after': '3600' } });
    expect(plain(await late.model.answer(request()), late.double)).toEqual({
      kind: 'rate-limited',
      message: 'http://127.0.0.1:PORT asks for fewer calls (429)',
      hint: 'it can be asked again in 1 h',
    });
    expect(late.double.asked).toHaveLength(1);
  });

  test('a server that loads its model is waited for, as long as a first word may take', async () => {
    const timing = new ManualTiming();
    const body = JSON.stringify({ error: { message: 'Loading model', type: 'unavailable_error', code: 503 } });
    const loading: Doing = { does: 'status', status: 503, body };
    const { double, model } = await openai([...Array<Doing>(8).fill(loading), good], {}, { timing });
    const answer = model.answer(request());
    for (let i = 1; i <= 8; i++) {
      await until(() => double.asked.length === i && timing.asked.filter((ms) => ms === 1000).length === i);
      timing.advance(1000);
    }
    expect(await answer).toMatchObject({ kind: 'answer', usage: { attempts: 9 } });
    const stuck = await openai(loading, {}, { policy: { firstTokenMs: 100 } });
    expect(plain(await stuck.model.answer(request()), stuck.double)).toEqual({
      kind: 'timeout',
      message: 'http://127.0.0.1:PORT: it loaded its model for longer than 100 ms',
      hint: 'the model may be too large for the machine: take a smaller one, or set a longer analyst.timeouts.firstTokenMs',
    });
  });

  test('a server that loads its model and is asked for a list says just that', async () => {
    const server = http.createServer((_, response) => {
      response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":{"message":"Loading model"}}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const model = await openLanguageModel(
        { provider: 'openai-compatible', url: `http://127.0.0.1:${port}`, model: 'm' },
        { env: {} },
      );
      expect(await model.models()).toMatchObject({
        kind: 'timeout',
        message: `http://127.0.0.1:${port}: it is still loading its model`,
        hint: 'try again in a moment',
      });
    } finally {
      server.close();
    }
  });

  test('Retry-After is seconds or a date', () => {
    const now = Date.parse('2026-11-21T12:00:00Z');
    expect(retryAfter('2.5', now)).toBe(2500);
    expect(retryAfter('Sat, 21 Nov 2026 12:00:30 GMT', now)).toBe(30_000);
    expect(retryAfter('Sat, 21 Nov 2026 11:00:30 GMT', now)).toBe(0);
    expect(retryAfter('soon', now)).toBeUndefined();
    expect(retryAfter(undefined, now)).toBeUndefined();
  });

  test('pauses between tries grow, with chance in them', async () => {
    const timing = new ManualTiming(0, 0.5);
    const { double, model } = await openai(
      { does: 'status', status: 500 },
      {},
      {
        timing,
        policy: { backOffMs: 500, maxBackOffMs: 30_000 },
      },
    );
    const answer = model.answer(request());
    const pauses = [375, 750, 1500];
    for (const [i, pause] of pauses.entries()) {
      await until(() => double.asked.length === i + 1 && timing.asked.includes(pause));
      timing.advance(pause);
    }
    expect((await answer).kind).toBe('server-error');
    expect(timing.pending).toBe(0);
  });

  test.each([
    ['request', 180_000, 'not a word within 3 min'],
    ['headers', 180_000, 'not a word within 3 min'],
    ['first', 60_000, 'silent for 1 min in the middle of its answer'],
  ] as const)('a server that hangs after %s is given up twice, and then for good', async (after, ms, why) => {
    const timing = new ManualTiming();
    const { double, model } = await openai({ does: 'hang', after }, {}, { timing });
    const answer = model.answer(request());
    await until(() => double.asked.length === 1 && timing.asked.at(-1) === ms);
    timing.advance(ms);
    await until(() => timing.asked.at(-1) === 2 * 0.75 || timing.asked.at(-1) === 0.75);
    timing.advance(1);
    await until(() => double.asked.length === 2 && timing.asked.at(-1) === ms);
    timing.advance(ms);
    const outcome = failed(await answer);
    expect(outcome.kind).toBe('timeout');
    expect(outcome.message).toBe(`http://127.0.0.1:${double.port}: ${why}`);
    await until(() => double.open === 0);
    expect(timing.pending).toBe(0);
  });

  test('a call is over at its deadline, whatever it is doing', async () => {
    const timing = new ManualTiming();
    const { double, model } = await ollama({ does: 'hang' }, {}, { timing, policy: { totalMs: 30_000 } });
    const answer = model.answer(request());
    await until(() => double.asked.length === 1);
    timing.advance(30_000);
    expect(plain(await answer, double)).toEqual({
      kind: 'timeout',
      message: 'http://127.0.0.1:PORT: not done within 30 s',
      hint: 'take a smaller model, or set a longer analyst.timeouts.totalMs',
    });
  });

  test('a host that takes no connection is given up', async () => {
    const timing = new ManualTiming();
    // The name is never found: as long as connecting goes, nothing is there.
    const never = new Promise<readonly string[]>(() => undefined);
    let asked = 0;
    const model = await openLanguageModel(
      { url: 'http://model.test:11434', model: 'm' },
      {
        env: {},
        timing,
        policy: { attempts: 1 },
        resolve: () => (asked++ === 0 ? Promise.resolve(['127.0.0.1']) : never),
      },
    );
    const answer = model.answer(request());
    // First the facts of the model are asked for, then the answer.
    for (const n of [2, 3]) {
      await until(() => asked === n);
      timing.advance(5000);
    }
    expect(await answer).toMatchObject({
      kind: 'timeout',
      message: 'http://model.test:11434: no connection within 5 s',
    });
  });
});

describe('Ctrl-C', () => {
  test.each(['request', 'headers', 'first'] as const)('ends a call at once that hangs after %s', async (after) => {
    const { double, model } = await openai({ does: 'hang', after });
    const abort = new AbortController();
    const answer = model.answer(request(), abort.signal);
    await until(() => double.asked.length === 1);
    const began = performance.now();
    abort.abort();
    expect(await answer).toMatchObject({ kind: 'cancelled', message: 'the call was cancelled' });
    expect(performance.now() - began).toBeLessThan(1000);
    await until(() => double.open === 0);
  });

  test('ends a call at once while the name is looked up, in a pause, and before it began', async () => {
    let asked = 0;
    const never = new Promise<readonly string[]>(() => undefined);
    const model = await openLanguageModel(
      { provider: 'openai-compatible', url: 'http://model.test/v1', model: 'm' },
      { env: {}, resolve: () => (asked++ === 0 ? Promise.resolve(['127.0.0.1']) : never) },
    );
    const abort = new AbortController();
    const answer = model.answer(request(), abort.signal);
    await until(() => asked === 2);
    abort.abort();
    expect((await answer).kind).toBe('cancelled');
    expect((await model.answer(request(), abort.signal)).kind).toBe('cancelled');

    const timing = new ManualTiming();
    const { model: busy } = await openai(
      { does: 'status', status: 429, headers: { 'retry-after': '60' } },
      {},
      { timing },
    );
    const second = new AbortController();
    const waiting = busy.answer(request(), second.signal);
    await until(() => timing.asked.includes(60_000));
    second.abort();
    expect((await waiting).kind).toBe('cancelled');
    expect(timing.pending).toBe(0);
  });
});

describe('a server that keeps failing', () => {
  test('is left alone for a while, then tried once, and asked again when that went well', async () => {
    const timing = new ManualTiming();
    const bad: Doing = { does: 'status', status: 500, body: '{"error":"broken"}' };
    const { double, model } = await openai(
      [bad, bad, bad, bad, good],
      {},
      {
        timing,
        attempts: 1,
        policy: { breakerFailures: 3, breakerPauseMs: 60_000 },
      },
    );
    for (let i = 0; i < 3; i++) expect((await model.answer(request())).kind).toBe('server-error');
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'unreachable',
      message: '127.0.0.1:PORT was not asked, because the last 3 calls failed: http://127.0.0.1:PORT: broken (500)',
      hint: 'it is asked again in 1 min',
    });
    expect(double.asked).toHaveLength(3);
    timing.advance(60_000);
    // The trial fails: another pause.
    const [trial, other] = await Promise.all([model.answer(request()), model.answer(request())]);
    expect(trial.kind).toBe('server-error');
    expect(failed(other)).toMatchObject({ kind: 'unreachable', hint: 'one call is trying it just now' });
    expect((await model.answer(request())).kind).toBe('unreachable');
    timing.advance(60_000);
    expect((await model.answer(request())).kind).toBe('answer');
    expect((await model.answer(request())).kind).toBe('answer');
    expect(model.statistics().outcomes).toEqual({ 'server-error': 4, unreachable: 3, answer: 2 });
  });
});

describe('what leaves the house', () => {
  test('is counted by server, and said in a sentence', async () => {
    const egress = new EgressLedger();
    egress.note({ to: '127.0.0.1:1', place: 'machine', bytes: 1, systemBytes: 0, messageBytes: 0, schemaBytes: 0 });
    expect(egress.lines()).toEqual([]);
    for (let i = 0; i < 2; i++)
      egress.note({
        to: 'api.together.xyz',
        place: 'remote',
        bytes: 3000,
        systemBytes: 900,
        messageBytes: 1500,
        schemaBytes: 500,
      });
    egress.note({
      to: '192.168.1.5:11434',
      place: 'network',
      bytes: 500,
      systemBytes: 1,
      messageBytes: 2,
      schemaBytes: 3,
    });
    expect(egress.lines(['addresses as pseudonyms', 'counts'])).toEqual([
      '6 kB in 2 requests went to api.together.xyz (outside this network): instructions 1.8 kB, incidents 3 kB, answer schema 1 kB; of the incidents: addresses as pseudonyms, counts',
      '500 B in 1 request went to 192.168.1.5:11434 (in this network): instructions 1 B, incidents 2 B, answer schema 3 B; of the incidents: addresses as pseudonyms, counts',
    ]);
  });

  test('is not counted for a model on this machine', async () => {
    const egress = new EgressLedger();
    const { model } = await ollama(good, {}, { egress });
    await model.answer(request());
    expect(model.place).toBe('machine');
    expect(egress.entries()).toEqual([]);
  });

  test('does not go by way of an Ollama that passes it on, unless that is allowed, and is counted then', async () => {
    const remoteHost = 'https://ollama.com:443';
    const { double, model } = await ollama(good, { remoteHost });
    expect(plain(await model.answer(request()), double)).toEqual({
      kind: 'unreachable',
      message:
        'Ollama does not run qwen2.5:3b itself but passes incidents on to https://ollama.com:443; nothing was sent',
      hint: 'take a model that runs here; to allow it, set analyst.allowRemote: true',
    });
    expect(double.asked).toHaveLength(0);
    const egress = new EgressLedger();
    const allowed = await ollama(good, { remoteHost }, { allowRemote: true, egress });
    expect((await allowed.model.answer(request())).kind).toBe('answer');
    expect(egress.entries()).toMatchObject([
      { to: `https://ollama.com:443 by way of 127.0.0.1:${allowed.double.port}`, place: 'remote', requests: 1 },
    ]);
  });

  test('is counted when it went out, and not when nobody was there', async () => {
    const double = await startModelDouble({ api: 'openai', script: [{ does: 'status', status: 500 }, good] });
    doubles.push(double);
    const egress = new EgressLedger();
    let asked = 0;
    // A server of this network by its name, whose connections come to the double.
    const model = await openLanguageModel(
      { provider: 'openai-compatible', url: `http://model.test:${double.port}/v1`, model: 'qwen2.5:3b' },
      {
        env: {},
        egress,
        policy: { backOffMs: 1 },
        resolve: () => Promise.resolve(asked++ === 0 ? ['192.168.1.9'] : ['127.0.0.1']),
      },
    );
    expect((await model.answer(request())).kind).toBe('answer');
    const [entry] = egress.entries();
    expect(entry).toMatchObject({ to: `model.test:${double.port}`, place: 'network', requests: 2 });
    expect(entry?.bytes).toBe(2 * Buffer.byteLength(double.requests[0]?.body ?? ''));
    await double.close();
    expect((await model.answer(request())).kind).toBe('unreachable');
    expect(egress.entries()).toEqual([entry]);
  });

  test('goes nowhere when the name leads elsewhere by the time of the call', async () => {
    let asked = 0;
    const model = await openLanguageModel(
      { provider: 'openai-compatible', url: 'http://model.test/v1', model: 'm' },
      { env: {}, resolve: () => Promise.resolve(asked++ === 0 ? ['192.168.1.9'] : ['192.168.1.9', '203.0.113.9']) },
    );
    expect(model.place).toBe('network');
    expect(await model.answer(request())).toMatchObject({
      kind: 'unreachable',
      message: 'http://model.test leads to 203.0.113.9, which is outside this network; nothing was sent there',
      hint: 'check the name, or give the address of the server in analyst.url',
    });
  });
});
