import { wireText } from './bytes.ts';
import {
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

/** POP3: RFC 1939, RFC 2449 (CAPA), RFC 2595 (STLS), RFC 5034 (AUTH). */

const COMMANDS = new Set(
  'USER PASS APOP AUTH CAPA STLS STAT LIST RETR DELE NOOP RSET TOP UIDL QUIT UTF8 LANG XTND'.split(' '),
);
const MAX_USER = 128;
const MAX_BANNER = 200;

export interface Pop3Client {
  /** Commands in order, equal neighbours as one run; '?' for a word that is no POP3 command. Responses within AUTH are no commands. */
  readonly commands: readonly Run<string>[];
  readonly attempts: readonly LoginAttempt[];
  readonly asksTls: boolean;
  /** Where in `bytes` a TLS record begins instead of a command. */
  readonly tlsAt: number | undefined;
}

export interface Pop3Server {
  /** Text of the greeting; undefined when the first line is no '+OK' with a text. */
  readonly banner: string | undefined;
  /** '+OK' and '-ERR' in order, the greeting among them. */
  readonly replies: readonly Run<'+OK' | '-ERR'>[];
  readonly tlsAt: number | undefined;
}

/** The commands in [at, end), the client's side; undefined when none of its first lines is a POP3 command. */
export function decodePop3Client(bytes: Uint8Array, at: number, end: number): Pop3Client | undefined {
  const lines = new LineReader(bytes, at, end);
  const commands = new Runs<string>();
  const attempts: LoginAttempt[] = [];
  let asksTls = false;
  let known = 0;
  let user: string | undefined;
  let userCommand = -1;
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
    const word = upperWord(bytes, lines.from, lines.to, 4);
    if (exchange !== undefined && !COMMANDS.has(word)) {
      if (lines.to - lines.from === 1 && bytes[lines.from] === 0x2a) exchange = undefined;
      else respond(lines.from);
      continue;
    }
    exchange = undefined;
    if (lines.isCut && !COMMANDS.has(word)) break;
    const name = COMMANDS.has(word) ? word : '?';
    if (name !== '?') known++;
    else if (known === 0 && commands.total >= 2) return undefined;
    const command = commands.total;
    commands.add(name);
    const argument = skipSpace(bytes, wordEnd(bytes, lines.from, lines.to), lines.to);
    const add = (attempt: LoginAttempt): void => {
      if (attempts.length < MAX_LOGINS) attempts.push(attempt);
    };
    if (name === 'USER') {
      user = lines.isCut || argument === lines.to ? undefined : wireText(bytes, argument, lines.to, MAX_USER);
      userCommand = command;
      add({ user, method: 'USER', isCleartext: false, command });
    } else if (name === 'PASS') {
      const attempt = { user, method: 'PASS', isCleartext: true, command };
      if (userCommand >= 0 && attempts.at(-1)?.command === userCommand) attempts[attempts.length - 1] = attempt;
      else add(attempt);
    } else if (name === 'APOP') {
      // The name has no space; the digest is behind it (RFC 1939 section 7).
      const stop = wordEnd(bytes, argument, lines.to);
      const isWhole = stop > argument && stop < lines.to;
      add({
        user: isWhole ? wireText(bytes, argument, stop, MAX_USER) : undefined,
        method: 'APOP',
        isCleartext: false,
        command,
      });
    } else if (name === 'AUTH' && argument < lines.to && attempts.length < MAX_LOGINS) {
      const mechanism = wordEnd(bytes, argument, lines.to);
      exchange = new SaslExchange(
        lines.isCut && mechanism === lines.to ? '' : upperWord(bytes, argument, mechanism, 24),
      );
      add({ user: undefined, method: exchange.method, isCleartext: exchange.isCleartext, command });
      const initial = skipSpace(bytes, mechanism, lines.to);
      if (initial < lines.to) respond(initial);
    } else if (name === 'STLS') asksTls = true;
  }
  if (known === 0) return undefined;
  return { commands: commands.list, attempts, asksTls, tlsAt: lines.isAtTls() ? lines.next : undefined };
}

/** The replies in [at, end), the server's side; undefined when the first line is none. */
export function decodePop3Server(bytes: Uint8Array, at: number, end: number): Pop3Server | undefined {
  const lines = new LineReader(bytes, at, end);
  const replies = new Runs<'+OK' | '-ERR'>();
  let banner: string | undefined;
  /** Within the lines that follow a multi-line reply, which end with a '.' (RFC 1939 section 3). */
  let isList = false;
  while (!lines.isAtTls() && lines.read()) {
    if (isList) {
      if (lines.to - lines.from === 1 && bytes[lines.from] === 0x2e) isList = false;
      continue;
    }
    const isOk = startsWith(bytes, lines.from, lines.to, '+OK');
    if (isOk || startsWith(bytes, lines.from, lines.to, '-ERR')) {
      if (replies.total === 0 && isOk && lines.to - lines.from > 4)
        banner = wireText(bytes, lines.from + 4, lines.to, MAX_BANNER);
      replies.add(isOk ? '+OK' : '-ERR');
    } else if (replies.total === 0) return undefined;
    // '+ ' asks for the next response of AUTH; anything else is what a reply lists.
    else if (bytes[lines.from] !== 0x2b) isList = lines.to - lines.from !== 1 || bytes[lines.from] !== 0x2e;
  }
  if (replies.total === 0) return undefined;
  return { banner, replies: replies.list, tlsAt: lines.isAtTls() ? lines.next : undefined };
}

/** Logins with their outcome: every command has one reply, in order, behind the greeting. */
export function joinPop3(client: Pop3Client | undefined, server: Pop3Server | undefined): LoginSession {
  const outcome = (command: number, method: string): LoginOutcome => {
    const reply = server === undefined ? undefined : runAt(server.replies, command + 1);
    if (reply === undefined) return 'unknown';
    // '+OK' to USER alone only asks for the password.
    return reply === '-ERR' ? 'refused' : method === 'USER' ? 'unknown' : 'accepted';
  };
  const isTls = client?.tlsAt !== undefined || server?.tlsAt !== undefined;
  return { logins: withOutcomes(client?.attempts ?? [], outcome), isTls };
}

/**
 * True where POP3 shows itself: a '+OK' greeting with a text, CAPA, STLS, or APOP with a digest, or USER and PASS with a command behind them that FTP does not
 * have. '+OK' alone is Redis's too.
 */
export function looksLikePop3(bytes: Uint8Array, at: number, end: number): boolean {
  const lines = new LineReader(bytes, at, end);
  if (!lines.read()) return false;
  const length = lines.to - lines.from;
  if (startsWith(bytes, lines.from, lines.to, '+OK '))
    return length > 4 && lines.to - skipSpace(bytes, lines.from + 4, lines.to) > 0;
  if (lines.isCut) return false;
  const first = upperWord(bytes, lines.from, lines.to, 4);
  if (first === 'CAPA' || first === 'STLS') return length === 4;
  if (first === 'APOP') {
    const user = wordEnd(bytes, lines.from + 5, lines.to);
    return lines.to - user === 33;
  }
  if (first !== 'USER') return false;
  for (let i = 0; i < 6 && lines.read(); i++) {
    const word = upperWord(bytes, lines.from, lines.to, 4);
    if (!lines.isCut && (word === 'UIDL' || word === 'TOP' || word === 'CAPA')) return true;
  }
  return false;
}

/** The client's side, line by line as given. */
export function encodePop3Client(lines: readonly string[]): Uint8Array {
  return encodeLines(lines);
}

/** The server's side: each reply with its text and, for a multi-line reply, the lines behind it. */
export function encodePop3Server(
  replies: readonly (readonly [status: '+OK' | '-ERR', text: string, ...list: string[]])[],
): Uint8Array {
  return encodeLines(
    replies.flatMap(([status, text, ...list]) => [
      text === '' ? status : `${status} ${text}`,
      ...list.map((line) => (line.startsWith('.') ? `.${line}` : line)),
      ...(list.length > 0 ? ['.'] : []),
    ]),
  );
}

export function summarizePop3(side: Pop3Client | Pop3Server): string {
  const tls = side.tlsAt === undefined ? '' : ', then TLS';
  if ('commands' in side) return `POP3 commands ${runText(side.commands)}${tls}`;
  return `POP3 replies ${runText(side.replies)}${side.banner === undefined ? '' : ` from "${side.banner}"`}${tls}`;
}
