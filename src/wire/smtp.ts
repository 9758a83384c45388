import { wireText } from './bytes.ts';
import { replyCode } from './ftp.ts';
import {
  addOnce,
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

/** SMTP and LMTP: RFC 5321, RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 3030 (BDAT), RFC 2033 (LHLO). */

const COMMANDS = new Set(
  'EHLO HELO LHLO MAIL RCPT DATA BDAT RSET VRFY EXPN HELP NOOP QUIT AUTH STARTTLS ETRN TURN ATRN SEND SOML SAML XCLIENT XFORWARD BURL'.split(
    ' ',
  ),
);
/** Replies that SMTP has and FTP does not (RFC 5321 section 4.2.3, RFC 4954). */
const SMTP_REPLIES = new Set([235, 251, 252, 334, 354, 454, 455, 535, 554, 555]);
const MAX_DOMAINS = 32;
const MAX_DOMAIN = 255;
const MAX_BANNER = 200;

export interface SmtpClient {
  /** Commands in order, equal neighbours as one run; '?' for a word that is no SMTP command. Responses within AUTH and mail text are no commands. */
  readonly commands: readonly Run<string>[];
  /** What the client calls itself (EHLO, HELO, LHLO). */
  readonly helo: string | undefined;
  readonly attempts: readonly LoginAttempt[];
  /** Domains of MAIL FROM, lower case, each once, at most 32; '' is the empty return path or an address without domain. */
  readonly senderDomains: readonly string[];
  readonly senders: number;
  readonly recipientDomains: readonly string[];
  readonly recipients: number;
  /** Bytes of mail text (DATA, BDAT) seen. */
  readonly mailBytes: number;
  readonly asksTls: boolean;
  /** Where in `bytes` a TLS record begins instead of a command. */
  readonly tlsAt: number | undefined;
}

export interface SmtpServer {
  /** Text of the 220 greeting, its first line; undefined when the bytes begin later. */
  readonly banner: string | undefined;
  /** Reply codes in order, multi-line replies counted once. */
  readonly replies: readonly Run<number>[];
  readonly tlsAt: number | undefined;
}

/** The commands in [at, end), the client's side; undefined when none of its first lines is an SMTP command. */
export function decodeSmtpClient(bytes: Uint8Array, at: number, end: number): SmtpClient | undefined {
  const lines = new LineReader(bytes, at, end);
  const commands = new Runs<string>();
  const attempts: LoginAttempt[] = [];
  const senderDomains: string[] = [];
  const recipientDomains: string[] = [];
  let helo: string | undefined;
  let senders = 0;
  let recipients = 0;
  let mailBytes = 0;
  let known = 0;
  let asksTls = false;
  let isMail = false;
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
    const word = upperWord(bytes, lines.from, lines.to, 8);
    if (isMail) {
      if (lines.to - lines.from === 1 && bytes[lines.from] === 0x2e) isMail = false;
      else mailBytes += lines.next - lines.from;
      continue;
    }
    if (exchange !== undefined && !COMMANDS.has(word)) {
      // '*' takes the exchange back (RFC 4954 section 4).
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
    switch (name) {
      case 'EHLO':
      case 'HELO':
      case 'LHLO':
        if (!lines.isCut) helo = wireText(bytes, argument, wordEnd(bytes, argument, lines.to), MAX_DOMAIN);
        break;
      case 'MAIL':
        senders++;
        if (!lines.isCut) addOnce(senderDomains, domainOf(bytes, argument, lines.to), MAX_DOMAINS);
        break;
      case 'RCPT':
        recipients++;
        if (!lines.isCut) addOnce(recipientDomains, domainOf(bytes, argument, lines.to), MAX_DOMAINS);
        break;
      case 'STARTTLS':
        asksTls = true;
        break;
      case 'DATA':
        isMail = true;
        break;
      case 'BDAT': {
        const size = decimal(bytes, argument, wordEnd(bytes, argument, lines.to));
        if (size > 0 && !lines.isCut) {
          mailBytes += Math.min(size, lines.end - lines.next);
          lines.next = Math.min(lines.end, lines.next + size);
        }
        break;
      }
      case 'AUTH': {
        if (attempts.length >= MAX_LOGINS) break;
        const mechanism = wordEnd(bytes, argument, lines.to);
        exchange = new SaslExchange(
          lines.isCut && mechanism === lines.to ? '' : upperWord(bytes, argument, mechanism, 24),
        );
        attempts.push({ user: undefined, method: exchange.method, isCleartext: exchange.isCleartext, command });
        const initial = skipSpace(bytes, mechanism, lines.to);
        if (initial < lines.to) respond(initial);
        break;
      }
      default:
        break;
    }
  }
  if (known === 0) return undefined;
  const tlsAt = lines.isAtTls() ? lines.next : undefined;
  return {
    commands: commands.list,
    helo,
    attempts,
    senderDomains,
    senders,
    recipientDomains,
    recipients,
    mailBytes,
    asksTls,
    tlsAt,
  };
}

/** The domain of the path in 'FROM:<local@domain> SIZE=1' (RFC 5321 section 4.1.2), lower case. */
function domainOf(bytes: Uint8Array, from: number, to: number): string {
  const open = bytes.subarray(from, to).indexOf(0x3c);
  const colon = bytes.subarray(from, to).indexOf(0x3a);
  const start = open >= 0 ? from + open + 1 : skipSpace(bytes, from + colon + 1, to);
  let stop = start;
  while (stop < to && bytes[stop] !== 0x3e && (open >= 0 || bytes[stop] !== 0x20)) stop++;
  // The last '@': a local part may hold one in quotes.
  const sign = bytes.subarray(start, stop).lastIndexOf(0x40);
  return sign < 0 ? '' : wireText(bytes, start + sign + 1, stop, MAX_DOMAIN).toLowerCase();
}

/** The replies in [at, end), the server's side; undefined when the first line is none. */
export function decodeSmtpServer(bytes: Uint8Array, at: number, end: number): SmtpServer | undefined {
  const lines = new LineReader(bytes, at, end);
  const replies = new Runs<number>();
  let banner: string | undefined;
  while (!lines.isAtTls() && lines.read()) {
    if (lines.isCut && lines.to - lines.from < 4) break;
    const code = replyCode(bytes, lines.from, lines.to);
    if (code < 0) {
      if (replies.total === 0 && banner === undefined) return undefined;
      continue;
    }
    if (code === 220 && replies.total === 0 && banner === undefined)
      banner = wireText(bytes, Math.min(lines.from + 4, lines.to), lines.to, MAX_BANNER);
    // Every line of a reply has the code; the last has no '-' behind it (RFC 5321 section 4.2.1).
    if (bytes[lines.from + 3] !== 0x2d || lines.to - lines.from === 3) replies.add(code);
  }
  if (replies.total === 0 && banner === undefined) return undefined;
  return { banner, replies: replies.list, tlsAt: lines.isAtTls() ? lines.next : undefined };
}

/** Logins with their outcome: every command has one reply other than 334 and 354, in order, behind the greeting. */
export function joinSmtp(client: SmtpClient | undefined, server: SmtpServer | undefined): LoginSession {
  const finals = (server?.replies ?? []).filter(({ name }) => name !== 334 && name !== 354 && name >= 200);
  const outcome = (command: number): LoginOutcome => {
    const code = server?.banner === undefined ? undefined : runAt(finals, command + 1);
    if (code === undefined) return 'unknown';
    return code === 235 ? 'accepted' : code >= 400 ? 'refused' : 'unknown';
  };
  const isTls = client?.tlsAt !== undefined || server?.tlsAt !== undefined;
  return { logins: withOutcomes(client?.attempts ?? [], outcome), isTls };
}

/** True where SMTP shows itself: EHLO, HELO, LHLO or MAIL FROM, or a greeting that says SMTP or is followed by replies that FTP does not have. */
export function looksLikeSmtp(bytes: Uint8Array, at: number, end: number): boolean {
  const lines = new LineReader(bytes, at, end);
  if (!lines.read()) return false;
  if (replyCode(bytes, lines.from, lines.to) === 220) {
    if (wireText(bytes, lines.from, lines.to).toUpperCase().includes('SMTP')) return true;
    const server = decodeSmtpServer(bytes, at, Math.min(end, at + 1024));
    return server?.replies.some(({ name }) => SMTP_REPLIES.has(name)) ?? false;
  }
  return ['EHLO ', 'HELO ', 'LHLO ', 'MAIL FROM:'].some((opener) => startsWith(bytes, lines.from, lines.to, opener));
}

/** The client's side, line by line as given. */
export function encodeSmtpClient(lines: readonly string[]): Uint8Array {
  return encodeLines(lines);
}

/** The server's side: replies of one or more lines, each with its code (RFC 5321 section 4.2.1). */
export function encodeSmtpServer(replies: readonly (readonly [code: number, ...text: string[]])[]): Uint8Array {
  return encodeLines(
    replies.flatMap(([code, ...text]) => text.map((line, i) => `${code}${i < text.length - 1 ? '-' : ' '}${line}`)),
  );
}

export function summarizeSmtp(side: SmtpClient | SmtpServer): string {
  const tls = side.tlsAt === undefined ? '' : ', then TLS';
  if ('commands' in side) {
    const mail = side.senders > 0 ? `, mail from ${side.senders} to ${side.recipients}` : '';
    return `SMTP commands ${runText(side.commands)}${side.helo === undefined ? '' : ` as ${side.helo}`}${mail}${tls}`;
  }
  return `SMTP replies ${runText(side.replies)}${side.banner === undefined ? '' : ` from "${side.banner}"`}${tls}`;
}
