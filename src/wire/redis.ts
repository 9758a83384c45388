import { utf8Bytes, wireText } from './bytes.ts';
import { decimal, LineReader, type Run, Runs, runAt, runText, skipSpace, upperWord, wordEnd } from './line.ts';
import { type LoginAttempt, type LoginOutcome, type LoginSession, MAX_LOGINS, withOutcomes } from './login.ts';

/** Redis: the serialization protocol RESP 2 and 3, and the commands that say who logs in and who takes over a server. */

const COMMANDS = new Set(
  (
    'AUTH HELLO PING ECHO SELECT QUIT RESET COMMAND CLIENT INFO CONFIG KEYS SCAN GET SET SETEX SETNX MGET MSET DEL EXISTS EXPIRE TTL TYPE INCR DECR APPEND HGET HSET ' +
    'HGETALL HMSET HMGET LPUSH RPUSH LPOP RPOP BLPOP BRPOP LRANGE SADD SREM SMEMBERS ZADD ZRANGE PUBLISH SUBSCRIBE PSUBSCRIBE UNSUBSCRIBE MULTI EXEC DISCARD WATCH EVAL ' +
    'EVALSHA SCRIPT FUNCTION FCALL MODULE SLAVEOF REPLICAOF SYNC PSYNC REPLCONF MIGRATE DUMP RESTORE SAVE BGSAVE BGREWRITEAOF LASTSAVE FLUSHALL FLUSHDB DBSIZE MONITOR ' +
    'SHUTDOWN DEBUG ACL CLUSTER ROLE SENTINEL SLOWLOG LATENCY MEMORY OBJECT RENAME RANDOMKEY XADD XREAD XREADGROUP TIME WAIT GETSET UNLINK READONLY ASKING'
  ).split(' '),
);
/** Commands that change the server itself: what takes over an open Redis goes through one of them. */
const CONTROL = new Set([
  'CONFIG SET',
  'SLAVEOF',
  'REPLICAOF',
  'MODULE LOAD',
  'MODULE LOADEX',
  'EVAL',
  'DEBUG',
  'SHUTDOWN',
  'FLUSHALL',
  'FLUSHDB',
  'SAVE',
  'BGSAVE',
  'MIGRATE',
  'ACL SETUSER',
]);
/** Parameters of CONFIG SET by which a file is written where the attacker wants it. */
const PARAMETERS = new Set([
  'DIR',
  'DBFILENAME',
  'SLAVE-READ-ONLY',
  'REPLICA-READ-ONLY',
  'REQUIREPASS',
  'PROTECTED-MODE',
  'RDBCOMPRESSION',
]);
const WITH_SUBCOMMAND = new Set([
  'CONFIG',
  'CLIENT',
  'MODULE',
  'ACL',
  'SCRIPT',
  'FUNCTION',
  'CLUSTER',
  'DEBUG',
  'COMMAND',
]);
const MAX_ARGUMENTS = 1024;
const MAX_USER = 128;
const MAX_DEPTH = 8;
const MAX_REPLIES = 4096;

export interface RedisClient {
  /** Commands in order, with their subcommand where they have one ('CONFIG SET dir'); '?' for what is no command. */
  readonly commands: readonly Run<string>[];
  readonly attempts: readonly LoginAttempt[];
  /** Commands among them that change the server itself. */
  readonly control: number;
}

export interface RedisServer {
  /** Kinds of reply in order: 'ok', 'value', or the word of an error ('NOAUTH', 'WRONGPASS', 'ERR'). */
  readonly replies: readonly Run<string>[];
  /** A password is wanted (NOAUTH). */
  readonly needsLogin: boolean;
}

interface Argument {
  readonly from: number;
  readonly to: number;
}

/** The commands in [at, end), the client's side; undefined when the first is none. The last one may be cut. */
export function decodeRedisClient(bytes: Uint8Array, at: number, end: number): RedisClient | undefined {
  const stop = Math.min(end, bytes.length);
  const commands = new Runs<string>();
  const attempts: LoginAttempt[] = [];
  let control = 0;
  let known = 0;
  let here = at;
  while (here < stop) {
    const read = bytes[here] === 0x2a ? readArray(bytes, here, stop) : readInline(bytes, here, stop);
    if (read === undefined) break;
    here = read.next;
    if (read.words.length === 0) continue;
    const name = commandName(bytes, read.words);
    if (name !== '?') known++;
    else if (known === 0) return undefined;
    const command = commands.total;
    commands.add(name);
    if (CONTROL.has(name) || name.startsWith('CONFIG SET')) control++;
    const user = loginUser(bytes, name, read.words, read.isWhole);
    if (user !== undefined && attempts.length < MAX_LOGINS)
      attempts.push({ user: user === '' ? undefined : user, method: name, isCleartext: true, command });
  }
  return known === 0 ? undefined : { commands: commands.list, attempts, control };
}

/** AUTH [user] password; HELLO 3 AUTH user password. '' where a login is there and its name is not. */
function loginUser(bytes: Uint8Array, name: string, words: readonly Argument[], isWhole: boolean): string | undefined {
  const text = (i: number): string => wireText(bytes, words[i].from, words[i].to, MAX_USER);
  // A password alone is that of the user 'default'. Which one a cut command has is not known.
  if (name === 'AUTH') return !isWhole ? '' : words.length === 3 ? text(1) : words.length === 2 ? 'default' : '';
  if (name !== 'HELLO') return undefined;
  for (let i = 2; i < words.length; i++)
    if (upperWord(bytes, words[i].from, words[i].to) === 'AUTH') return i + 2 < words.length ? text(i + 1) : '';
  return undefined;
}

function commandName(bytes: Uint8Array, words: readonly Argument[]): string {
  const name = upperWord(bytes, words[0].from, words[0].to);
  if (!COMMANDS.has(name)) return '?';
  if (!WITH_SUBCOMMAND.has(name) || words.length < 2) return name;
  const sub = upperWord(bytes, words[1].from, words[1].to);
  if (
    !/^(?:SET|GET|LOAD|LOADEX|LIST|SETUSER|SETNAME|SETINFO|RESETSTAT|REWRITE|DOCS|KILL|EVAL|SLEEP|NODES|INFO)$/.test(
      sub,
    )
  )
    return name;
  const parameter = name === 'CONFIG' && words.length > 2 ? upperWord(bytes, words[2].from, words[2].to, 24) : '';
  return `${name} ${sub}${PARAMETERS.has(parameter) ? ` ${parameter.toLowerCase()}` : ''}`;
}

interface Command {
  readonly words: readonly Argument[];
  readonly next: number;
  readonly isWhole: boolean;
}

/** '*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n'. Of many arguments the first eight are kept. */
function readArray(bytes: Uint8Array, at: number, end: number): Command | undefined {
  const lines = new LineReader(bytes, at, end);
  if (!lines.read() || lines.isCut) return undefined;
  const count = decimal(bytes, lines.from + 1, lines.to);
  if (count < 1 || count > MAX_ARGUMENTS) return undefined;
  const words: Argument[] = [];
  for (let i = 0; i < count; i++) {
    if (!lines.read() || lines.isCut) return { words, next: end, isWhole: false };
    const length = bytes[lines.from] === 0x24 ? decimal(bytes, lines.from + 1, lines.to) : -1;
    if (length < 0) return undefined;
    const from = lines.next;
    if (from + length + 2 > end) return { words, next: end, isWhole: false };
    if (bytes[from + length] !== 0x0d || bytes[from + length + 1] !== 0x0a) return undefined;
    if (words.length < 8) words.push({ from, to: from + length });
    lines.next = from + length + 2;
  }
  return { words, next: lines.next, isWhole: true };
}

/** 'AUTH secret\r\n': a line of words. */
function readInline(bytes: Uint8Array, at: number, end: number): Command | undefined {
  const lines = new LineReader(bytes, at, end);
  if (!lines.read()) return undefined;
  const words: Argument[] = [];
  for (let from = skipSpace(bytes, lines.from, lines.to); from < lines.to && words.length < 8; ) {
    const to = wordEnd(bytes, from, lines.to);
    words.push({ from, to });
    from = skipSpace(bytes, to, lines.to);
  }
  return { words, next: lines.next, isWhole: !lines.isCut };
}

/** The replies in [at, end), the server's side; undefined when the first is none. What a reply holds is not kept. */
export function decodeRedisServer(bytes: Uint8Array, at: number, end: number): RedisServer | undefined {
  const lines = new LineReader(bytes, at, end);
  const replies = new Runs<string>();
  let needsLogin = false;
  for (let i = 0; i < MAX_REPLIES && lines.next < lines.end; i++) {
    const kind = readReply(bytes, lines);
    if (kind === undefined) break;
    if (kind === 'NOAUTH') needsLogin = true;
    // RESP 3 pushes are nobody's answer.
    if (kind !== 'push') replies.add(kind);
  }
  return replies.total === 0 ? undefined : { replies: replies.list, needsLogin };
}

/** Reads one reply with all that it holds; undefined when it is malformed or cut. */
function readReply(bytes: Uint8Array, lines: LineReader): string | undefined {
  let kind: string | undefined;
  /** How many values are still open at each depth. */
  const open = [1];
  for (let i = 0; open.length > 0; i++) {
    if (i > MAX_REPLIES || open.length > MAX_DEPTH || !lines.read() || lines.isCut) return undefined;
    const { from, to } = lines;
    if (from === to) return undefined;
    open[open.length - 1]--;
    let nested = 0;
    switch (bytes[from]) {
      case 0x2b: // +
        kind ??= 'ok';
        break;
      case 0x2d: // -
        kind ??= errorWord(bytes, from + 1, to);
        break;
      case 0x3a: // :
      case 0x5f: // _
      case 0x23: // #
      case 0x2c: // ,
      case 0x28: // (
        kind ??= 'value';
        break;
      case 0x24: // $
      case 0x3d: // =
      case 0x21: {
        // !
        kind ??= 'value';
        const length = decimal(bytes, from + 1, to);
        if (length < 0) {
          if (to - from !== 3 || bytes[from + 1] !== 0x2d) return undefined;
          break;
        }
        if (lines.next + length + 2 > lines.end) return undefined;
        lines.next += length + 2;
        break;
      }
      case 0x2a: // *
      case 0x7e: // ~
      case 0x3e: // >
      case 0x25: {
        // %
        kind ??= bytes[from] === 0x3e ? 'push' : 'value';
        const count = decimal(bytes, from + 1, to);
        if (count < 0 && (to - from !== 3 || bytes[from + 1] !== 0x2d)) return undefined;
        nested = Math.max(0, bytes[from] === 0x25 ? 2 * count : count);
        break;
      }
      default:
        return undefined;
    }
    if (nested > 0) open.push(nested);
    while (open.length > 0 && open[open.length - 1] === 0) open.pop();
  }
  return kind;
}

const ERRORS = new Set([
  'ERR',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
  'DENIED',
  'WRONGTYPE',
  'MOVED',
  'ASK',
  'READONLY',
  'LOADING',
  'BUSY',
  'MISCONF',
  'OOM',
  'NOSCRIPT',
  'EXECABORT',
  'NOPROTO',
]);

/** Only words that Redis itself has: the text behind them may repeat what the client sent. */
function errorWord(bytes: Uint8Array, from: number, to: number): string {
  const word = upperWord(bytes, from, to);
  return ERRORS.has(word) ? word : 'error';
}

/** Logins with their outcome: every command has one reply, in order. */
export function joinRedis(client: RedisClient | undefined, server: RedisServer | undefined): LoginSession {
  const outcome = (command: number): LoginOutcome => {
    const reply = server === undefined ? undefined : runAt(server.replies, command);
    return reply === undefined ? 'unknown' : reply === 'ok' || reply === 'value' ? 'accepted' : 'refused';
  };
  return { logins: withOutcomes(client?.attempts ?? [], outcome), isTls: false };
}

/** True for an array of bulk strings that begins with a Redis command, an inline PING or INFO, or a reply that only Redis has. '+OK' alone is POP3's too. */
export function looksLikeRedis(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 6) return false;
  if (bytes[at] === 0x2a) {
    const read = readArray(bytes, at, end);
    return read !== undefined && read.words.length > 0 && commandName(bytes, read.words) !== '?';
  }
  const lines = new LineReader(bytes, at, Math.min(end, at + 256));
  if (!lines.read() || lines.isCut) return false;
  const text = wireText(bytes, lines.from, lines.to, 64);
  if (text === 'PING' || text === 'INFO' || text === '+PONG') return true;
  return /^-(?:NOAUTH|WRONGPASS|DENIED|NOPERM|WRONGTYPE|LOADING|MISCONF|ERR unknown command|ERR invalid password|ERR Client sent AUTH)\b/.test(
    text,
  );
}

/** Commands as arrays of bulk strings. */
export function encodeRedis(commands: readonly (readonly string[])[]): Uint8Array {
  return utf8Bytes(
    commands
      .map(
        (words) => `*${words.length}\r\n${words.map((word) => `$${utf8Bytes(word).length}\r\n${word}\r\n`).join('')}`,
      )
      .join(''),
  );
}

export function summarizeRedis(side: RedisClient | RedisServer): string {
  return 'commands' in side ? `Redis commands ${runText(side.commands)}` : `Redis replies ${runText(side.replies)}`;
}
