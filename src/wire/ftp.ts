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

/** FTP control connections: RFC 959 sections 4 and 5, RFC 2428 (EPRT, EPSV), RFC 3659 (MLSD, SIZE, MDTM), RFC 4217 (AUTH TLS). */

const COMMANDS = new Set(
  (
    'USER PASS ACCT CWD CDUP SMNT QUIT REIN PORT PASV TYPE STRU MODE RETR STOR STOU APPE ALLO REST RNFR RNTO ABOR DELE RMD MKD PWD LIST NLST SITE SYST ' +
    'STAT HELP NOOP AUTH ADAT PBSZ PROT CCC MIC CONF ENC EPRT EPSV FEAT OPTS LANG MLSD MLST SIZE MDTM MFMT HOST CLNT XCWD XCUP XMKD XRMD XPWD XCRC XMD5 XSHA1'
  ).split(' '),
);
/** Commands that no other protocol of this floor opens with. */
const OPENERS = new Set([
  'FEAT',
  'SYST',
  'PASV',
  'EPSV',
  'PBSZ',
  'PROT',
  'PORT',
  'EPRT',
  'TYPE',
  'CWD',
  'MLSD',
  'CLNT',
]);
/** Replies that FTP has and SMTP does not (RFC 959 section 4.2, RFC 2428, RFC 4217). */
const FTP_REPLIES = new Set([125, 150, 200, 215, 226, 227, 228, 229, 230, 232, 234, 257, 331, 332, 350, 425, 426, 530]);
const FILE_COMMANDS = new Set(['RETR', 'STOR', 'APPE', 'DELE', 'RNFR', 'RNTO', 'MKD', 'RMD', 'SIZE']);
const MAX_FILES = 32;
const MAX_ENDPOINTS = 32;
const MAX_PATH = 200;
const MAX_USER = 128;

/** Where a data connection is about to go (RFC 959 section 3.2). */
export interface FtpDataEndpoint {
  /** 'active': the server connects to the client (PORT, EPRT); 'passive': the client connects to the server (PASV, EPSV). */
  readonly mode: 'active' | 'passive';
  /** As text; undefined for EPSV, which means the address of the control connection. */
  readonly address: string | undefined;
  readonly port: number;
}

export interface FtpClient {
  /** Commands in order, equal neighbours as one run; '?' for a word that is no FTP command. */
  readonly commands: readonly Run<string>[];
  readonly attempts: readonly LoginAttempt[];
  /** What files were named for, at most 32 of 200 characters. */
  readonly files: readonly { readonly command: string; readonly path: string }[];
  readonly dataEndpoints: readonly FtpDataEndpoint[];
  /** AUTH TLS or AUTH SSL was asked for. */
  readonly asksTls: boolean;
  /** Where in `bytes` a TLS record begins instead of a command. */
  readonly tlsAt: number | undefined;
}

export interface FtpServer {
  /** Text of the 220 greeting, its first line; undefined when the bytes begin later. */
  readonly banner: string | undefined;
  /** Reply codes in order, multi-line replies counted once. */
  readonly replies: readonly Run<number>[];
  readonly dataEndpoints: readonly FtpDataEndpoint[];
  readonly tlsAt: number | undefined;
}

/** The commands in [at, end), the client's side; undefined when none of its first lines is an FTP command. */
export function decodeFtpClient(bytes: Uint8Array, at: number, end: number): FtpClient | undefined {
  const lines = new LineReader(bytes, at, end);
  const commands = new Runs<string>();
  const attempts: LoginAttempt[] = [];
  const files: { command: string; path: string }[] = [];
  const dataEndpoints: FtpDataEndpoint[] = [];
  let asksTls = false;
  let known = 0;
  let user: string | undefined;
  let userCommand = -1;
  while (!lines.isAtTls() && lines.read()) {
    // A client sends Telnet's interrupt (IAC IP IAC DM) before ABOR (RFC 959 section 4.1.3).
    let from = lines.from;
    while (from < lines.to && bytes[from] >= 0xf0) from++;
    from = skipSpace(bytes, from, lines.to);
    const word = upperWord(bytes, from, lines.to, 5);
    if (lines.isCut && !COMMANDS.has(word)) break;
    const name = COMMANDS.has(word) ? word : '?';
    if (name !== '?') known++;
    else if (known === 0 && commands.total >= 2) return undefined;
    const command = commands.total;
    commands.add(name);
    const argument = skipSpace(bytes, wordEnd(bytes, from, lines.to), lines.to);
    if (name === 'USER') {
      user = lines.isCut || argument === lines.to ? undefined : wireText(bytes, argument, lines.to, MAX_USER);
      userCommand = command;
      if (attempts.length < MAX_LOGINS) attempts.push({ user, method: 'USER', isCleartext: false, command });
    } else if (name === 'PASS') {
      const attempt = { user, method: 'PASS', isCleartext: true, command };
      if (userCommand >= 0 && attempts.at(-1)?.command === userCommand) attempts[attempts.length - 1] = attempt;
      else if (attempts.length < MAX_LOGINS) attempts.push(attempt);
    } else if (name === 'AUTH') {
      const method = upperWord(bytes, argument, lines.to);
      if (method.startsWith('TLS') || method.startsWith('SSL')) asksTls = true;
    } else if (lines.isCut) continue;
    else if (name === 'PORT' || name === 'EPRT') {
      const endpoint =
        name === 'PORT'
          ? decodeHostPort(bytes, argument, lines.to, 'active')
          : decodeExtended(bytes, argument, lines.to, 'active');
      if (endpoint !== undefined && dataEndpoints.length < MAX_ENDPOINTS) dataEndpoints.push(endpoint);
    } else if (FILE_COMMANDS.has(name) && files.length < MAX_FILES)
      files.push({ command: name, path: wireText(bytes, argument, lines.to, MAX_PATH) });
  }
  if (known === 0) return undefined;
  const tlsAt = lines.isAtTls() ? lines.next : undefined;
  return { commands: commands.list, attempts, files, dataEndpoints, asksTls, tlsAt };
}

/** The replies in [at, end), the server's side; undefined when the first line is none. */
export function decodeFtpServer(bytes: Uint8Array, at: number, end: number): FtpServer | undefined {
  const lines = new LineReader(bytes, at, end);
  const replies = new Runs<number>();
  const dataEndpoints: FtpDataEndpoint[] = [];
  let banner: string | undefined;
  /** The code of the multi-line reply that is open (RFC 959 section 4.2): it ends at a line with the same code and a space. */
  let open = 0;
  while (!lines.isAtTls() && lines.read()) {
    const code = replyCode(bytes, lines.from, lines.to);
    const goesOn = bytes[lines.from + 3] === 0x2d && lines.to - lines.from > 3;
    if (open === 0) {
      if (code < 0) {
        if (replies.total === 0) return undefined;
        continue;
      }
      if (lines.isCut && lines.to - lines.from < 4) break;
      if (code === 220 && replies.total === 0)
        banner = wireText(bytes, Math.min(lines.from + 4, lines.to), lines.to, MAX_PATH);
      replies.add(code);
      if (goesOn) open = code;
      if (code === 227 || code === 229) {
        const endpoint = decodePassive(bytes, lines.from + 3, lines.to, code);
        if (endpoint !== undefined && dataEndpoints.length < MAX_ENDPOINTS) dataEndpoints.push(endpoint);
      }
    } else if (code === open && !goesOn) open = 0;
  }
  if (replies.total === 0) return undefined;
  return { banner, replies: replies.list, dataEndpoints, tlsAt: lines.isAtTls() ? lines.next : undefined };
}

/** Three digits of a reply, then space, '-' or the end of the line (RFC 959 section 4.2, RFC 5321 section 4.2); -1 when there is none. */
export function replyCode(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < 3 || (to - from > 3 && bytes[from + 3] !== 0x20 && bytes[from + 3] !== 0x2d)) return -1;
  const code = decimal(bytes, from, from + 3);
  return code >= 100 && code < 600 ? code : -1;
}

/** 'h1,h2,h3,h4,p1,p2' (RFC 959 section 5.3.2). */
function decodeHostPort(
  bytes: Uint8Array,
  from: number,
  to: number,
  mode: FtpDataEndpoint['mode'],
): FtpDataEndpoint | undefined {
  const parts: number[] = [];
  for (let at = from; parts.length < 6; ) {
    let stop = at;
    while (stop < to && bytes[stop] >= 0x30 && bytes[stop] <= 0x39) stop++;
    const n = decimal(bytes, at, stop);
    if (n < 0 || n > 255) return undefined;
    parts.push(n);
    if (parts.length < 6 && bytes[stop] !== 0x2c) return undefined;
    at = stop + 1;
  }
  return { mode, address: parts.slice(0, 4).join('.'), port: 256 * parts[4] + parts[5] };
}

/** '|1|132.235.1.2|6275|' or '|||6446|' (RFC 2428 sections 2 and 3): the first character is the delimiter. */
function decodeExtended(
  bytes: Uint8Array,
  from: number,
  to: number,
  mode: FtpDataEndpoint['mode'],
): FtpDataEndpoint | undefined {
  const delimiter = bytes[from];
  const stops: number[] = [];
  for (let at = from; at < to && stops.length < 4; at++) if (bytes[at] === delimiter) stops.push(at);
  if (stops.length < 4) return undefined;
  const port = decimal(bytes, stops[2] + 1, stops[3]);
  if (port < 0 || port > 65_535) return undefined;
  const address = stops[2] > stops[1] + 1 ? wireText(bytes, stops[1] + 1, stops[2], 45) : undefined;
  return { mode, address, port };
}

function decodePassive(bytes: Uint8Array, from: number, to: number, code: number): FtpDataEndpoint | undefined {
  // The text around the numbers is free; they stand in parentheses, or for 227 behind the last word.
  const open = bytes.subarray(from, to).indexOf(0x28);
  if (open >= 0)
    return code === 227
      ? decodeHostPort(bytes, from + open + 1, to, 'passive')
      : decodeExtended(bytes, from + open + 1, to, 'passive');
  if (code === 229) return undefined;
  for (let at = from; at < to; at++)
    if (bytes[at] >= 0x30 && bytes[at] <= 0x39 && (at === from || bytes[at - 1] === 0x20)) {
      const endpoint = decodeHostPort(bytes, at, to, 'passive');
      if (endpoint !== undefined) return endpoint;
    }
  return undefined;
}

/** Logins with their outcome: every command has one reply that is not preliminary (1xx), in order, behind the greeting. */
export function joinFtp(client: FtpClient | undefined, server: FtpServer | undefined): LoginSession {
  const finals = (server?.replies ?? []).filter(({ name }) => name >= 200);
  const outcome = (command: number): LoginOutcome => {
    const code = server?.banner === undefined ? undefined : runAt(finals, command + 1);
    if (code === undefined || code === 331 || code === 332) return 'unknown';
    return code === 230 || code === 232 ? 'accepted' : code >= 400 ? 'refused' : 'unknown';
  };
  const isTls = client?.tlsAt !== undefined || server?.tlsAt !== undefined || hasCode(server, 234);
  return { logins: withOutcomes(client?.attempts ?? [], outcome), isTls };
}

function hasCode(server: FtpServer | undefined, code: number): boolean {
  return server?.replies.some(({ name }) => name === code) ?? false;
}

/**
 * True where an FTP control connection shows itself: a greeting that says so, replies that SMTP does not have behind a greeting, or commands that no other
 * protocol has. 'USER x' alone is POP3's too, and '220 hello' SMTP's: they say nothing.
 */
export function looksLikeFtp(bytes: Uint8Array, at: number, end: number): boolean {
  const lines = new LineReader(bytes, at, end);
  if (!lines.read() || lines.isCut) return false;
  if (replyCode(bytes, lines.from, lines.to) === 220) {
    const greeting = wireText(bytes, lines.from, lines.to).toUpperCase();
    if (greeting.includes('SMTP')) return false;
    if (/\bFTP|FTPD?\b/.test(greeting)) return true;
    const server = decodeFtpServer(bytes, at, Math.min(end, at + 1024));
    return server?.replies.some(({ name }) => FTP_REPLIES.has(name)) ?? false;
  }
  const first = upperWord(bytes, lines.from, lines.to, 5);
  if (first === 'AUTH')
    return startsWith(bytes, lines.from, lines.to, 'AUTH TLS') || startsWith(bytes, lines.from, lines.to, 'AUTH SSL');
  if (first !== 'USER' && !OPENERS.has(first)) return false;
  if (OPENERS.has(first) && lines.to - lines.from === first.length) return true;
  for (let i = 0; i < 8 && lines.read(); i++)
    if (!lines.isCut && OPENERS.has(upperWord(bytes, lines.from, lines.to, 5))) return true;
  return false;
}

/** The client's side: one line for each command with its argument. */
export function encodeFtpClient(commands: readonly (readonly [name: string, argument?: string])[]): Uint8Array {
  return encodeLines(commands.map(([name, argument]) => (argument === undefined ? name : `${name} ${argument}`)));
}

/** The server's side: replies of one or more lines (RFC 959 section 4.2). */
export function encodeFtpServer(replies: readonly (readonly [code: number, ...text: string[]])[]): Uint8Array {
  return encodeLines(
    replies.flatMap(([code, ...text]) =>
      text.map(
        (line, i) => `${i === 0 || i === text.length - 1 ? `${code}${i < text.length - 1 ? '-' : ' '}` : ''}${line}`,
      ),
    ),
  );
}

export function summarizeFtp(side: FtpClient | FtpServer): string {
  const tls = side.tlsAt === undefined ? '' : ', then TLS';
  if ('commands' in side) return `FTP commands ${runText(side.commands)}${tls}`;
  return `FTP replies ${runText(side.replies)}${side.banner === undefined ? '' : ` from "${side.banner}"`}${tls}`;
}
