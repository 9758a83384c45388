import { utf8Bytes, wireText } from './bytes.ts';
import { addOnce, LineReader, type Run, Runs, runText } from './line.ts';
import type { Login } from './login.ts';

/**
 * Mining pools over line-delimited JSON-RPC: Stratum version 1 (mining.*), the CryptoNote dialect (login, job, submit), and the Ethereum proxies (eth_*), as
 * miners and pools publish them.
 */

/** Longer lines are not parsed. */
const MAX_LINE = 8192;
const MAX_LINES = 256;
const MAX_WORKERS = 16;
const MAX_WORKER = 160;
const MAX_AGENT = 100;

const METHODS = new Map<string, 'stratum' | 'cryptonote' | 'ethereum'>([
  ['mining.subscribe', 'stratum'],
  ['mining.authorize', 'stratum'],
  ['mining.submit', 'stratum'],
  ['mining.notify', 'stratum'],
  ['mining.set_difficulty', 'stratum'],
  ['mining.set_extranonce', 'stratum'],
  ['mining.set_target', 'stratum'],
  ['mining.extranonce.subscribe', 'stratum'],
  ['mining.suggest_difficulty', 'stratum'],
  ['mining.suggest_target', 'stratum'],
  ['mining.configure', 'stratum'],
  ['mining.set_version_mask', 'stratum'],
  ['mining.get_transactions', 'stratum'],
  ['mining.multi_version', 'stratum'],
  ['mining.hello', 'stratum'],
  ['client.get_version', 'stratum'],
  ['client.reconnect', 'stratum'],
  ['client.show_message', 'stratum'],
  ['login', 'cryptonote'],
  ['submit', 'cryptonote'],
  ['job', 'cryptonote'],
  ['keepalived', 'cryptonote'],
  ['getjob', 'cryptonote'],
  ['eth_submitLogin', 'ethereum'],
  ['eth_login', 'ethereum'],
  ['eth_getWork', 'ethereum'],
  ['eth_submitWork', 'ethereum'],
  ['eth_submitHashrate', 'ethereum'],
]);

export interface StratumSide {
  readonly dialect: 'stratum' | 'cryptonote' | 'ethereum';
  /** Methods of requests and notifications, and 'result' or 'error' of answers, in order; equal neighbours as one run. */
  readonly messages: readonly Run<string>[];
  /** Wallets or worker names, each once, at most 16. */
  readonly workers: readonly string[];
  /** What the miner calls itself. */
  readonly agent: string | undefined;
  /** Shares that the client submitted. */
  readonly submits: number;
  /** Jobs that the pool gave. */
  readonly jobs: number;
  /** What the pool answered to the login: of the client's side undefined. */
  readonly isAccepted: boolean | undefined;
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The messages in [at, end), one side; undefined when none of them is a mining message. Lines that are no JSON object are passed over; a last line that is cut is not read. */
export function decodeStratum(bytes: Uint8Array, at: number, end: number): StratumSide | undefined {
  const lines = new LineReader(bytes, at, end);
  const messages = new Runs<string>();
  const workers: string[] = [];
  let dialect: StratumSide['dialect'] | undefined;
  let agent: string | undefined;
  let submits = 0;
  let jobs = 0;
  let isAccepted: boolean | undefined;
  for (let i = 0; i < MAX_LINES && lines.read(); i++) {
    const message = parseLine(bytes, lines);
    if (message === undefined) {
      if (i === 0) return undefined;
      continue;
    }
    const { method, params, worker } = message;
    if (typeof method === 'string') {
      const kind = METHODS.get(method);
      if (kind === undefined || (kind === 'cryptonote' && !isCryptoNote(method, params))) {
        messages.add('?');
        continue;
      }
      dialect ??= kind;
      messages.add(method);
      if (method === 'mining.submit' || method === 'submit' || method === 'eth_submitWork') submits++;
      if (method === 'mining.notify' || method === 'job') jobs++;
      // Wallet or worker comes first, the password second: mining.authorize [worker, password], eth_submitLogin [wallet, password].
      const first = Array.isArray(params) ? (params as readonly Json[])[0] : undefined;
      if (method === 'mining.subscribe') agent ??= textOf(first, MAX_AGENT);
      else if (method === 'mining.authorize' || method === 'mining.submit' || kind === 'ethereum') {
        const isName = method !== 'eth_submitWork' && method !== 'eth_getWork' && method !== 'eth_submitHashrate';
        const name = isName ? textOf(first, MAX_WORKER) : undefined;
        if (name !== undefined) addOnce(workers, name, MAX_WORKERS);
        const rig = kind === 'ethereum' ? textOf(worker, MAX_WORKER) : undefined;
        if (rig !== undefined) addOnce(workers, rig, MAX_WORKERS);
      } else if (method === 'login') {
        const name = textOf(member(params, 'login'), MAX_WORKER);
        if (name !== undefined) addOnce(workers, name, MAX_WORKERS);
        agent ??= textOf(member(params, 'agent'), MAX_AGENT);
      }
      continue;
    }
    const { result, error } = message;
    if (result === undefined && error === undefined) {
      messages.add('?');
      continue;
    }
    const isError = error !== undefined && error !== null;
    messages.add(isError ? 'error' : 'result');
    if (member(member(result, 'job'), 'blob') !== undefined || member(member(result, 'job'), 'job_id') !== undefined) {
      dialect ??= 'cryptonote';
      jobs++;
      isAccepted ??= true;
    } else if (isSubscription(result)) dialect ??= 'stratum';
    else if (isWork(result)) {
      dialect ??= 'ethereum';
      jobs++;
    } else if (dialect !== undefined && isAccepted === undefined) {
      if (isError || result === false) isAccepted = false;
      else if (result === true) isAccepted = true;
    }
  }
  if (dialect === undefined) return undefined;
  return { dialect, messages: messages.list, workers, agent, submits, jobs, isAccepted };
}

function parseLine(bytes: Uint8Array, lines: LineReader): { readonly [key: string]: Json } | undefined {
  const { from, to } = lines;
  if (bytes[from] !== 0x7b || to - from > MAX_LINE || bytes[to - 1] !== 0x7d) return undefined;
  try {
    const value = JSON.parse(TEXT.decode(bytes.subarray(from, to))) as Json;
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { readonly [key: string]: Json })
      : undefined;
  } catch {
    // Not JSON: the line says nothing to us.
    return undefined;
  }
}

const TEXT = new TextDecoder();

function member(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, key) ? (value as { readonly [key: string]: Json })[key] : undefined;
}

function textOf(value: Json | undefined, max: number): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const bytes = utf8Bytes(value.slice(0, max));
  return wireText(bytes, 0, bytes.length, max);
}

/** 'login', 'submit' and 'job' are words that others use too: the parameters tell. */
function isCryptoNote(method: string, params: Json | undefined): boolean {
  const has = (key: string): boolean => member(params, key) !== undefined;
  switch (method) {
    case 'login':
      return has('login') && (has('pass') || has('agent'));
    case 'submit':
      return has('job_id') && has('nonce');
    case 'job':
      return has('job_id') && (has('blob') || has('header_hash'));
    default:
      return has('id');
  }
}

/** Answer to mining.subscribe: [[["mining.notify", id], ...], extranonce1 in hex, size of extranonce2]. */
function isSubscription(result: Json | undefined): boolean {
  if (!Array.isArray(result) || result.length < 3) return false;
  const [subscriptions, extraNonce, size] = result as readonly Json[];
  return Array.isArray(subscriptions) && typeof extraNonce === 'string' && typeof size === 'number';
}

/** Answer to eth_getWork: three or more hashes. */
function isWork(result: Json | undefined): boolean {
  return (
    Array.isArray(result) &&
    result.length >= 3 &&
    result.every((x) => typeof x === 'string' && /^0x[0-9a-f]{6,}$/i.test(x))
  );
}

/** The login of a miner; undefined when the client showed none. The password is most often 'x', and never read. */
export function joinStratum(client: StratumSide | undefined, server: StratumSide | undefined): Login | undefined {
  if (client === undefined || client.workers.length === 0) return undefined;
  const isAccepted = server?.isAccepted;
  const outcome = isAccepted === undefined ? 'unknown' : isAccepted ? 'accepted' : 'refused';
  return { user: client.workers[0], method: client.dialect, isCleartext: true, outcome };
}

/** True when the first line is whole and a mining message of either side. */
export function looksLikeStratum(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 16 || bytes[at] !== 0x7b) return false;
  const first = new LineReader(bytes, at, end);
  return first.read() && decodeStratum(bytes, at, first.next) !== undefined;
}

/** Messages, one line each. */
export function encodeStratum(messages: readonly object[]): Uint8Array {
  return utf8Bytes(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
}

export function summarizeStratum(side: StratumSide): string {
  const worker = side.workers.length === 0 ? '' : ` worker ${side.workers[0]}`;
  return `mining (${side.dialect}) ${runText(side.messages)}${worker}${side.agent === undefined ? '' : ` agent ${side.agent}`}`;
}
