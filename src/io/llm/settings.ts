import { open, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { nearest, safeText, UserError } from '../../core/index.ts';
import { describeSocketError } from '../source/stream-client.ts';
import type { Timing } from '../timing.ts';
import type { EgressLedger } from './egress.ts';
import { ollamaDialect } from './ollama.ts';
import { openaiDialect } from './openai.ts';
import { type Place, placeOfAddresses, type Resolver, systemResolver } from './place.ts';
import { type CallPolicy, ServedModel } from './served-model.ts';

export const LANGUAGE_PROVIDERS = ['ollama', 'openai-compatible'] as const;
export type LanguageProvider = (typeof LANGUAGE_PROVIDERS)[number];

/** What the operator says of a model server: the keys of `analyst:` in the configuration. */
export interface LanguageSettings {
  /** Default 'ollama'. */
  readonly provider?: LanguageProvider | undefined;
  /** Default http://127.0.0.1:11434 for Ollama; others have none. */
  readonly url?: string | undefined;
  readonly model?: string | undefined;
  /** A server outside this network may be spoken to. */
  readonly allowRemote?: boolean | undefined;
  /** The environment's variable that holds the key. */
  readonly keyFrom?: string | undefined;
  readonly temperature?: number | undefined;
  /** How long Ollama keeps the model in memory after a call: '10m', '1h'. */
  readonly keepAlive?: string | undefined;
  readonly maxContextTokens?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly attempts?: number | undefined;
  readonly timeouts?:
    | {
        readonly connectMs?: number | undefined;
        readonly firstTokenMs?: number | undefined;
        readonly idleMs?: number | undefined;
        readonly totalMs?: number | undefined;
      }
    | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LanguageWorld {
  /** With `.env` in it: see `languageEnvironment`. */
  readonly env: Environment;
  /** Takes account of what leaves this machine. */
  readonly egress?: EgressLedger | undefined;
  readonly timing?: Timing | undefined;
  readonly resolve?: Resolver | undefined;
  /** Limits that no setting changes, for tests and trials. */
  readonly policy?: Partial<CallPolicy> | undefined;
}

const OLLAMA_URL = 'http://127.0.0.1:11434';
/** How Ollama names models that it does not run itself. Those with other names are told by what it says of them. */
const CLOUD_MODEL = /[:-]cloud$/;
const DEFAULT_KEEP_ALIVE = '10m';
/** Variables that are read, and nothing else of a `.env`. */
const KNOWN_VARIABLES = [
  'ANOMALYST_LLM_KEY',
  'OLLAMA_HOST',
  'TOGETHER_API_URL',
  'TOGETHER_API_KEY',
  'OPENAI_API_KEY',
  'MODEL_NAME',
  'MAX_TOKENS',
  'TEMPERATURE',
] as const;
const MAX_ENV_BYTES = 65_536;
/** Keys that are sent to their own service alone, wherever `url` points. */
const KEYS_OF_SERVICES: readonly (readonly [variable: string, host: RegExp])[] = [
  ['TOGETHER_API_KEY', /(?:^|\.)together\.(?:xyz|ai)$/],
  ['OPENAI_API_KEY', /^api\.openai\.com$/],
];

/**
 * The environment with the variables for language models that `.env` in `folder` sets; what the environment has already wins. Only variables that are known, or that `keyFrom` names, are taken from the
 * file. A file that is not there is none; one that can't be read is a UserError.
 */
export async function languageEnvironment(folder: string, env: Environment, keyFrom?: string): Promise<Environment> {
  const path = join(folder, '.env');
  let text: string;
  try {
    const kind = await stat(path);
    // A virtual environment of Python has that name, too.
    if (kind.isDirectory()) return env;
    // A pipe would be waited for.
    if (!kind.isFile())
      throw new UserError(`${safeText(path)} is no plain file`, 'make it one, or set the variables otherwise');
    const file = await open(path);
    try {
      const bytes = new Uint8Array(MAX_ENV_BYTES + 1);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      if (bytesRead > MAX_ENV_BYTES)
        throw new UserError(`${safeText(path)} is larger than 64 KiB`, 'keep in it only the variables that are needed');
      text = new TextDecoder().decode(bytes.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return env;
    throw new UserError(
      `${safeText(path)} can't be read (${code})`,
      'make it readable, or set the variables otherwise',
    );
  }
  const set = parseEnv(text);
  const names = [...KNOWN_VARIABLES, ...(keyFrom === undefined ? [] : [keyFrom])];
  const taken = names.filter((name) => set[name] !== undefined && set[name] !== '');
  return { ...Object.fromEntries(taken.map((name) => [name, set[name]])), ...env };
}

/** 'ollama:qwen2.5:3b', 'openai-compatible:NAME', or the name of a model alone. */
export function parseModelName(text: string): { readonly provider?: LanguageProvider; readonly model: string } {
  const [, head = '', rest = ''] = /^([^:]*):(.*)$/s.exec(text) ?? [];
  const provider = LANGUAGE_PROVIDERS.find((name) => name === head);
  if (provider !== undefined) {
    if (rest === '')
      throw new UserError(`'${safeText(text, 80)}' names no model`, `for example ${provider}:qwen2.5:3b`);
    return { provider, model: rest };
  }
  if (text === '') throw new UserError('no model is named', 'for example ollama:qwen2.5:3b');
  // Names of models have a colon too ('llama3:8b'): only with a second one is what is nearly a provider taken for a slip.
  const near = rest.includes(':') ? nearest(head, LANGUAGE_PROVIDERS) : undefined;
  if (near !== undefined)
    throw new UserError(
      `'${safeText(head, 40)}' is no way to reach a model`,
      `did you mean '${near}:${safeText(rest, 80)}'?`,
    );
  return { model: text };
}

/** Answer tokens and the model's name that the environment asks for where the configuration does not: MAX_TOKENS, TEMPERATURE, MODEL_NAME. Throws UserError for what is no number. */
export function settingsOfEnvironment(env: Environment): {
  readonly model?: string;
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
} {
  const number = (name: string, low: number, high: number): number | undefined => {
    const text = env[name];
    if (text === undefined || text === '') return undefined;
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high))
      throw new UserError(
        `${name} in the environment is '${safeText(text, 40)}'`,
        `give a number from ${low} to ${high}, or take it out`,
      );
    return value;
  };
  const maxOutputTokens = number('MAX_TOKENS', 16, 100_000);
  const temperature = number('TEMPERATURE', 0, 2);
  const model = env.MODEL_NAME;
  return {
    ...(model === undefined || model === '' ? {} : { model }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens: Math.round(maxOutputTokens) }),
    ...(temperature === undefined ? {} : { temperature }),
  };
}

/**
 * Makes a model ready to be asked: settles its address, looks up where it stands, and chooses the key. Nothing is sent yet. Rejects with UserError where the settings can't be followed: no model, no
 * address, a host that does not exist, a server outside this network without leave or without TLS, a key that is not there.
 */
export async function openLanguageModel(settings: LanguageSettings, world: LanguageWorld): Promise<ServedModel> {
  const { env } = world;
  const provider = settings.provider ?? 'ollama';
  const fromEnv = settingsOfEnvironment(env);
  const model = settings.model ?? fromEnv.model;
  if (model === undefined || model === '')
    throw new UserError(
      'no language model is named',
      provider === 'ollama'
        ? 'for example analyst.model: qwen2.5:3b, after: ollama pull qwen2.5:3b'
        : 'set analyst.model to a name that the server knows',
    );
  const base = baseAddress(settings, provider, env);
  const host = base.hostname.replace(/^\[|\]$/g, '');
  const place = await placeOf(host, world.resolve ?? systemResolver);
  const key = chooseKey(settings, base, env);
  const isPassedOn = provider === 'ollama' && CLOUD_MODEL.test(model);
  if (isPassedOn && settings.allowRemote !== true)
    throw new UserError(
      `Ollama does not run ${safeText(model, 80)} itself but passes it on to ollama.com, and incidents would be sent there`,
      'take a model that runs here; to allow it, set analyst.allowRemote: true',
    );
  if (place === 'remote') {
    if (settings.allowRemote !== true)
      throw new UserError(
        `${base.origin} is outside this network, and incidents would be sent there`,
        'to allow it, set analyst.allowRemote: true; without it models run here or in this network',
      );
    if (base.protocol !== 'https:')
      throw new UserError(
        `${base.origin} is outside this network, and http:// would show incidents${key === undefined ? '' : ' and the key'} to everyone on the way`,
        `write https://${base.host}`,
      );
  }
  const { timeouts = {} } = settings;
  const temperature = settings.temperature ?? fromEnv.temperature;
  return new ServedModel({
    dialect:
      provider === 'ollama' ? ollamaDialect({ keepAlive: settings.keepAlive ?? DEFAULT_KEEP_ALIVE }) : openaiDialect(),
    base,
    model,
    place: isPassedOn ? 'remote' : place,
    reach: place,
    allowRemote: settings.allowRemote,
    key,
    temperature,
    maxContextTokens: settings.maxContextTokens,
    maxOutputTokens: settings.maxOutputTokens ?? fromEnv.maxOutputTokens,
    policy: {
      ...without({ ...timeouts, attempts: settings.attempts }),
      ...world.policy,
    },
    egress: world.egress,
    timing: world.timing,
    resolve: world.resolve,
  });
}

/** Without members that are undefined, which would hide defaults. */
function without<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Where the API begins, with a slash at the end. */
function baseAddress(settings: LanguageSettings, provider: LanguageProvider, env: Environment): URL {
  const text = settings.url ?? (provider === 'ollama' ? ollamaHost(env) : env.TOGETHER_API_URL);
  if (text === undefined || text === '')
    throw new UserError(
      'analyst.url is missing: OpenAI-compatible servers have no common address',
      'for example http://127.0.0.1:8080/v1 (llama.cpp), http://127.0.0.1:1234/v1 (LM Studio), http://127.0.0.1:8000/v1 (vLLM)',
    );
  // Without what could be a password.
  const shown = safeText(text.replace(/\/\/[^/?#]*@/, '//'), 100);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new UserError(
      `'${shown}' is no address of a model server`,
      `it begins with http:// or https://, as in ${provider === 'ollama' ? OLLAMA_URL : 'http://127.0.0.1:8080/v1'}`,
    );
  if (url.username !== '' || url.password !== '')
    throw new UserError(
      `'${shown}': an address holds no user name and no password`,
      'the key is taken from the environment: ANOMALYST_LLM_KEY=...',
    );
  if (url.search !== '' || url.hash !== '')
    throw new UserError(`'${shown}': nothing may stand behind the path`, `write ${url.origin}${url.pathname}`);
  let path = url.pathname.replace(/\/+$/, '');
  if (provider === 'ollama') path = path.replace(/\/(?:api(?:\/chat)?|v1)$/, '');
  else {
    path = path.replace(/\/(?:chat\/)?completions$/, '');
    if (path === '') path = '/v1';
  }
  return new URL(`${url.origin}${path}/`);
}

/** OLLAMA_HOST as Ollama's own client reads it: host, host:port or an address; an address to listen on everywhere means this machine. */
function ollamaHost(env: Environment): string {
  const text = env.OLLAMA_HOST?.trim();
  if (text === undefined || text === '') return OLLAMA_URL;
  const isFull = /^https?:\/\//i.test(text);
  const isBareV6 = isIP(text) === 6;
  const url = isFull ? text : `http://${isBareV6 ? `[${text}]` : text.startsWith(':') ? `127.0.0.1${text}` : text}`;
  if (!URL.canParse(url)) return text;
  const parsed = new URL(url);
  // In a full address the protocol's own port is meant.
  if (!isFull && parsed.port === '' && !/:80$/.test(text)) parsed.port = '11434';
  if (parsed.hostname === '0.0.0.0' || parsed.hostname === '[::]') parsed.hostname = '127.0.0.1';
  return parsed.href;
}

async function placeOf(host: string, resolve: Resolver): Promise<Place> {
  try {
    return placeOfAddresses(await resolve(host));
  } catch (error) {
    throw new UserError(
      `the model server ${safeText(host, 80)} can't be looked up: ${describeSocketError(error)}`,
      'check the name in analyst.url',
    );
  }
}

function chooseKey(settings: LanguageSettings, base: URL, env: Environment): string | undefined {
  const { keyFrom } = settings;
  if (keyFrom !== undefined) {
    const key = env[keyFrom];
    if (key === undefined || key === '')
      throw new UserError(
        `the variable ${safeText(keyFrom, 60)}, which analyst.keyFrom names, is not set`,
        `put ${safeText(keyFrom, 60)}=... into the environment or .env`,
      );
    return checkKey(key, keyFrom);
  }
  const own = env.ANOMALYST_LLM_KEY;
  if (own !== undefined && own !== '') return checkKey(own, 'ANOMALYST_LLM_KEY');
  for (const [variable, host] of KEYS_OF_SERVICES) {
    const key = env[variable];
    if (key !== undefined && key !== '' && host.test(base.hostname)) return checkKey(key, variable);
  }
  // The older variables belong together: the key is for the address beside it.
  const { TOGETHER_API_URL: pairUrl, TOGETHER_API_KEY: pairKey } = env;
  if (pairKey !== undefined && pairKey !== '' && pairUrl !== undefined && URL.canParse(pairUrl))
    if (new URL(pairUrl).origin === base.origin) return checkKey(pairKey, 'TOGETHER_API_KEY');
  return undefined;
}

/** A key goes into a header, which holds printable ASCII and nothing else. The key itself is in no message. */
function checkKey(key: string, variable: string): string {
  const bare = key.trim();
  if (/^[\x21-\x7e]{1,4096}$/.test(bare)) return bare;
  throw new UserError(
    `the key in ${safeText(variable, 60)} has characters that no key has`,
    'copy it again, without spaces and line breaks inside',
  );
}
