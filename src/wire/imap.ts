import { wireText } from './bytes.ts';
import {
  decimal,
  encodeLines,
  LineReader,
  type Run,
  Runs,
  runAt,
  runText,
  skipSpace,
  startsWith,
  upperWord,
  wordEnd,
} from './line.ts';
import { type LoginAttempt, type LoginOutcome, type LoginSession, MAX_LOGINS, withOutcomes } from './login.ts';
import { SaslExchange } from './sasl.ts';

/** IMAP: RFC 9051 (and 3501), literals as in section 4.3, RFC 7888 (non-synchronising literals), RFC 4959 (initial responses). */

const COMMANDS = new Set(
  (
    'CAPABILITY NOOP LOGOUT STARTTLS AUTHENTICATE LOGIN ENABLE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB XLIST NAMESPACE STATUS ' +
    'APPEND IDLE CHECK CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY MOVE UID ID GETQUOTA GETQUOTAROOT SETQUOTA SORT THREAD COMPRESS GETACL SETACL MYRIGHTS NOTIFY'
  ).split(' '),
);
/** Commands that may open a connection: those without and those with arguments. */
const PLAIN_OPENERS = new Set(['CAPABILITY', 'NOOP', 'LOGOUT', 'STARTTLS']);
const OPENERS = new Set(['AUTHENTICATE', 'LOGIN', 'SELECT', 'ENABLE']);
const MAX_TAG = 20;
const MAX_USER = 128;
const MAX_BANNER = 200;

export interface ImapClient {
  /** Commands in order, equal neighbours as one run; '?' for a word that is no IMAP command. Tags, literals and responses are no commands. */
  readonly commands: readonly Run<string>[];
  readonly attempts: readonly LoginAttempt[];
  readonly asksTls: boolean;
  /** Where in `bytes` a TLS record begins instead of a command. */
  readonly tlsAt: number | undefined;
}

export interface ImapServer {
  /** Text of the greeting; undefined when the bytes begin later. */
  readonly banner: string | undefined;
  /** The greeting says that the connection is logged in already (section 7.1.4). */
  readonly isPreauthenticated: boolean;
  /** Completions of commands in order. */
  readonly replies: readonly Run<'OK' | 'NO' | 'BAD'>[];
  readonly tlsAt: number | undefined;
}

/** The commands in [at, end), the client's side; undefined when none of its first lines is an IMAP command. */
export function decodeImapClient(bytes: Uint8Array, at: number, end: number): ImapClient | undefined {
  const lines = new LineReader(bytes, at, end);
  const commands = new Runs<string>();
  const attempts: LoginAttempt[] = [];
  let asksTls = false;
  let known = 0;
  let exchange: SaslExchange | undefined;
  const respond = (from: number): void => {
    if (exchange === undefined) return;
    exchange.respond(bytes, from, lines.to, lines.isCut);
    const attempt = attempts.at(-1);
    if (attempt !== undefined && exchange.user !== undefined)
      attempts[attempts.length - 1] = { ...attempt, user: exchange.user };
    if (exchange.isDone) exchange = undefined;
  };
  while (!lines.isAtTls() && lines.read()) {
    const tagEnd = wordEnd(bytes, lines.from, lines.to);
    const word = tagEnd - lines.from > MAX_TAG ? '' : upperWord(bytes, Math.min(tagEnd + 1, lines.to), lines.to, 16);
    const isCommand = COMMANDS.has(word);
    if (exchange !== undefined && !isCommand) {
      if (lines.to - lines.from === 1 && bytes[lines.from] === 0x2a) exchange = undefined;
      else respond(lines.from);
      continue;
    }
    exchange = undefined;
    // DONE has no tag and no completion: it ends IDLE (RFC 2177).
    if (!isCommand && startsWith(bytes, lines.from, lines.to, 'DONE') && lines.to - lines.from === 4) continue;
    if (lines.isCut && !isCommand) break;
    if (isCommand) known++;
    else if (known === 0 && commands.total >= 2) return undefined;
    const command = commands.total;
    commands.add(isCommand ? word : '?');
    const argument = skipSpace(bytes, tagEnd + 1 + word.length, lines.to);
    if (word === 'LOGIN') {
      const user = decodeAstring(bytes, argument, lines);
      if (attempts.length < MAX_LOGINS) attempts.push({ user, method: 'LOGIN', isCleartext: true, command });
    } else if (word === 'AUTHENTICATE' && attempts.length < MAX_LOGINS) {
      const mechanism = wordEnd(bytes, argument, lines.to);
      exchange = new SaslExchange(
        lines.isCut && mechanism === lines.to ? '' : upperWord(bytes, argument, mechanism, 24),
      );
      attempts.push({ user: undefined, method: exchange.method, isCleartext: exchange.isCleartext, command });
      const initial = skipSpace(bytes, mechanism, lines.to);
      if (initial < lines.to) respond(initial);
    } else if (word === 'STARTTLS') asksTls = true;
    skipLiterals(lines);
  }
  if (known === 0) return undefined;
  return { commands: commands.list, attempts, asksTls, tlsAt: lines.isAtTls() ? lines.next : undefined };
}

/** Length of the literal that the line ends with, '{n}' or '{n+}', or -1. */
function literalBytes(lines: LineReader): number {
  const { bytes, from, to, isCut } = lines;
  if (isCut || to - from < 3 || bytes[to - 1] !== 0x7d) return -1;
  const open = bytes.subarray(from, to).lastIndexOf(0x7b);
  const stop = bytes[to - 2] === 0x2b || bytes[to - 2] === 0x2d ? to - 2 : to - 1;
  return open < 0 ? -1 : decimal(bytes, from + open + 1, stop);
}

/** Goes to the last line of a command that goes on behind literals. */
function skipLiterals(lines: LineReader): void {
  for (let size = literalBytes(lines); size >= 0; size = literalBytes(lines)) {
    lines.next = Math.min(lines.end, lines.next + size);
    if (!lines.read()) return;
  }
}

/** The atom, quoted string or literal (section 4) at `at`, when it is whole. */
function decodeAstring(bytes: Uint8Array, at: number, lines: LineReader): string | undefined {
  if (at >= lines.to) return undefined;
  if (bytes[at] === 0x22) {
    const text: number[] = [];
    for (let i = at + 1; i < lines.to; i++) {
      if (bytes[i] === 0x22) return wireText(Uint8Array.from(text), 0, text.length, MAX_USER);
      if (bytes[i] === 0x5c) i++;
      if (text.length < 4 * MAX_USER && i < lines.to) text.push(bytes[i]);
    }
    return undefined;
  }
  if (bytes[at] === 0x7b) {
    const size = literalBytes(lines);
    // Only when the literal of the line's end is this one.
    if (size < 0 || bytes.subarray(at + 1, lines.to).includes(0x7b) || lines.next + size > lines.end) return undefined;
    return wireText(bytes, lines.next, lines.next + size, MAX_USER);
  }
  const stop = wordEnd(bytes, at, lines.to);
  return lines.isCut && stop === lines.to ? undefined : wireText(bytes, at, stop, MAX_USER);
}

/** The responses in [at, end), the server's side; undefined when the first line is none. */
export function decodeImapServer(bytes: Uint8Array, at: number, end: number): ImapServer | undefined {
  const lines = new LineReader(bytes, at, end);
  const replies = new Runs<'OK' | 'NO' | 'BAD'>();
  let banner: string | undefined;
  let isPreauthenticated = false;
  for (let isFirst = true; !lines.isAtTls() && lines.read(); isFirst = false) {
    const tagEnd = wordEnd(bytes, lines.from, lines.to);
    const word = tagEnd - lines.from > MAX_TAG ? '' : upperWord(bytes, Math.min(tagEnd + 1, lines.to), lines.to, 8);
    const isUntagged = tagEnd - lines.from === 1 && bytes[lines.from] === 0x2a;
    if (isUntagged) {
      if (isFirst && (word === 'OK' || word === 'PREAUTH' || word === 'BYE')) {
        isPreauthenticated = word === 'PREAUTH';
        banner = wireText(bytes, skipSpace(bytes, tagEnd + 1 + word.length, lines.to), lines.to, MAX_BANNER);
      }
      skipLiterals(lines);
    } else if (word === 'OK' || word === 'NO' || word === 'BAD') replies.add(word);
    else if (isFirst && bytes[lines.from] !== 0x2b) return undefined;
  }
  if (replies.total === 0 && banner === undefined) return undefined;
  return { banner, isPreauthenticated, replies: replies.list, tlsAt: lines.isAtTls() ? lines.next : undefined };
}

/** Logins with their outcome: every command has one completion, and clients wait for that of a login before they go on. */
export function joinImap(client: ImapClient | undefined, server: ImapServer | undefined): LoginSession {
  const outcome = (command: number): LoginOutcome => {
    const reply = server?.banner === undefined ? undefined : runAt(server.replies, command);
    return reply === undefined ? 'unknown' : reply === 'OK' ? 'accepted' : 'refused';
  };
  const isTls = client?.tlsAt !== undefined || server?.tlsAt !== undefined;
  return { logins: withOutcomes(client?.attempts ?? [], outcome), isTls };
}

/** True where IMAP shows itself: the greeting, or a tag (with a digit in it, or '.') and a command that may come first. */
export function looksLikeImap(bytes: Uint8Array, at: number, end: number): boolean {
  if (['* OK ', '* PREAUTH ', '* BYE '].some((greeting) => startsWith(bytes, at, end, greeting))) return true;
  const lines = new LineReader(bytes, at, end);
  if (!lines.read()) return false;
  const tagEnd = wordEnd(bytes, lines.from, lines.to);
  if (tagEnd === lines.from || tagEnd - lines.from > MAX_TAG || tagEnd >= lines.to) return false;
  let hasDigit = tagEnd - lines.from === 1 && bytes[lines.from] === 0x2e;
  for (let i = lines.from; i < tagEnd; i++) {
    const b = bytes[i];
    if (b >= 0x30 && b <= 0x39) hasDigit = true;
    else if (!((b >= 0x41 && b <= 0x5a) || (b >= 0x61 && b <= 0x7a) || b === 0x2e)) return false;
  }
  const word = upperWord(bytes, tagEnd + 1, lines.to, 16);
  const stop = tagEnd + 1 + word.length;
  if (!hasDigit) return false;
  if (PLAIN_OPENERS.has(word)) return stop === lines.to && !lines.isCut;
  // ID has a list or NIL (RFC 2971).
  if (word === 'ID') return startsWith(bytes, stop + 1, lines.to, '(') || startsWith(bytes, stop + 1, lines.to, 'NIL');
  return OPENERS.has(word) && stop + 1 < lines.to;
}

/** The client's side, line by line as given; a literal is a line that ends in {n} and its bytes at the front of the next. */
export function encodeImapClient(lines: readonly string[]): Uint8Array {
  return encodeLines(lines);
}

/** The server's side, line by line as given. */
export function encodeImapServer(lines: readonly string[]): Uint8Array {
  return encodeLines(lines);
}

export function summarizeImap(side: ImapClient | ImapServer): string {
  const tls = side.tlsAt === undefined ? '' : ', then TLS';
  if ('commands' in side) return `IMAP commands ${runText(side.commands)}${tls}`;
  return `IMAP completions ${runText(side.replies)}${side.banner === undefined ? '' : ` from "${side.banner}"`}${tls}`;
}
