import { utf8Bytes, wireText } from './bytes.ts';
import { addOnce, LineReader, startsWith } from './line.ts';
import { type Login, type LoginOutcome, MAX_LOGINS } from './login.ts';

/** Telnet: RFC 854 and 855, terminal type RFC 1091, window size RFC 1073, environment RFC 1572; and the login dialogue that most servers have behind it. */

const SE = 240;
const SB = 250;
const WILL = 251;
const DONT = 254;
const IAC = 255;
const OPTION_TERMINAL_TYPE = 24;
const OPTION_WINDOW_SIZE = 31;
const OPTION_NEW_ENVIRONMENT = 39;
const IS = 0;
const MAX_OPTIONS = 64;
const MAX_USER = 64;
/** Characters of the server's text that are looked through for prompts. */
const MAX_TEXT = 16_384;

const OPTIONS = new Map<number, string>([
  [0, 'binary'],
  [1, 'echo'],
  [3, 'suppress-go-ahead'],
  [5, 'status'],
  [6, 'timing-mark'],
  [10, 'naocrd'],
  [18, 'logout'],
  [23, 'send-location'],
  [24, 'terminal-type'],
  [25, 'end-of-record'],
  [31, 'window-size'],
  [32, 'terminal-speed'],
  [33, 'flow-control'],
  [34, 'linemode'],
  [35, 'x-display'],
  [36, 'environment'],
  [37, 'authentication'],
  [38, 'encryption'],
  [39, 'new-environment'],
  [40, 'tn3270e'],
  [42, 'charset'],
  [44, 'com-port'],
  [46, 'start-tls'],
]);
const VERBS = ['WILL', 'WONT', 'DO', 'DONT'] as const;

export interface TelnetOption {
  readonly verb: (typeof VERBS)[number];
  /** 'echo', 'terminal-type', ... or 'option-<n>'. */
  readonly option: string;
}

export interface TelnetSide {
  /** Negotiation in order, each once, at most 64. */
  readonly options: readonly TelnetOption[];
  /** What the client says its terminal is. */
  readonly terminal: string | undefined;
  /** Columns and rows. */
  readonly window: { readonly columns: number; readonly rows: number } | undefined;
  /** USER of the environment (RFC 1572): a login name that needs no prompt. */
  readonly environmentUser: string | undefined;
  /** Bytes that are no negotiation. */
  readonly textBytes: number;
}

/** One side of a connection, undefined when it does not begin with negotiation. Typed and printed text is counted, never returned: on the client's side it holds passwords. */
export function decodeTelnet(bytes: Uint8Array, at: number, end: number): TelnetSide | undefined {
  const stop = Math.min(end, bytes.length);
  if (stop - at < 3 || bytes[at] !== IAC || bytes[at + 1] < SB || bytes[at + 1] > DONT) return undefined;
  const options: TelnetOption[] = [];
  const seen: number[] = [];
  let terminal: string | undefined;
  let window: TelnetSide['window'];
  let environmentUser: string | undefined;
  let textBytes = 0;
  let here = at;
  while (here < stop) {
    if (bytes[here] !== IAC) {
      textBytes++;
      here++;
      continue;
    }
    const command = bytes[here + 1];
    if (here + 1 >= stop) break;
    if (command >= WILL && command <= DONT) {
      if (here + 2 >= stop) break;
      const option = bytes[here + 2];
      if (!seen.includes(256 * command + option) && seen.length < MAX_OPTIONS) {
        seen.push(256 * command + option);
        options.push({ verb: VERBS[command - WILL], option: optionName(option) });
      }
      here += 3;
    } else if (command === SB) {
      const close = subnegotiationEnd(bytes, here + 2, stop);
      if (close < 0) break;
      const option = bytes[here + 2];
      const from = here + 3;
      if (option === OPTION_TERMINAL_TYPE && bytes[from] === IS && close > from)
        terminal ??= wireText(bytes, from + 1, close, 40);
      else if (option === OPTION_WINDOW_SIZE && close - from === 4)
        window ??= { columns: 256 * bytes[from] + bytes[from + 1], rows: 256 * bytes[from + 2] + bytes[from + 3] };
      else if (option === OPTION_NEW_ENVIRONMENT && bytes[from] !== 1)
        environmentUser ??= decodeEnvironmentUser(bytes, from + 1, close);
      here = close + 2;
    } else {
      if (command === IAC) textBytes++;
      here += 2;
    }
  }
  return { options, terminal, window, environmentUser, textBytes };
}

/** Where the IAC SE behind a subnegotiation stands, or -1. A doubled IAC is data. */
function subnegotiationEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let i = from; i + 1 < end; i++) {
    if (bytes[i] !== IAC) continue;
    if (bytes[i + 1] === SE) return i;
    if (bytes[i + 1] === IAC) i++;
  }
  return -1;
}

/** VAR (0) or USERVAR (3) 'USER', VALUE (1), text up to the next marker. */
function decodeEnvironmentUser(bytes: Uint8Array, from: number, to: number): string | undefined {
  for (let i = from; i + 6 <= to; i++) {
    if ((bytes[i] !== 0 && bytes[i] !== 3) || !startsWith(bytes, i + 1, to, 'USER') || bytes[i + 5] !== 1) continue;
    let stop = i + 6;
    while (stop < to && bytes[stop] > 3) stop++;
    return wireText(bytes, i + 6, stop, MAX_USER);
  }
  return undefined;
}

function optionName(option: number): string {
  return OPTIONS.get(option) ?? `option-${option}`;
}

/** The bytes of [at, end) that are no negotiation, at most 16 KiB of them. */
function plainBytes(bytes: Uint8Array, at: number, end: number): Uint8Array {
  const stop = Math.min(end, bytes.length);
  const out = new Uint8Array(Math.max(0, Math.min(stop - at, MAX_TEXT)));
  let n = 0;
  let here = at;
  while (here < stop && n < out.length) {
    const b = bytes[here];
    if (b !== IAC) {
      out[n++] = b;
      here++;
    } else if (bytes[here + 1] === SB && here + 1 < stop) {
      const close = subnegotiationEnd(bytes, here + 2, stop);
      if (close < 0) break;
      here = close + 2;
    } else here += bytes[here + 1] >= WILL && bytes[here + 1] <= DONT ? 3 : 2;
  }
  return out.subarray(0, n);
}

const LOGIN_PROMPT = /(?:^|[\s\])}])(?:log ?in|user ?name|user|account|user id|userid)\s*:\s*$/i;
const PASSWORD_PROMPT = /pass(?:word|code|wd|phrase)\b[^:]{0,40}:\s*$/i;
const REFUSED =
  /login incorrect|incorrect login|login failed|login failure|authentication fail|access denied|permission denied|bad password|bad passwords|invalid (?:password|login|user)|wrong password|login invalid|incorrect password|unknown user|% ?authentication|% ?bad/i;
const ACCEPTED =
  /last login|welcome|successful|logged in|busybox v|microsoft windows|[\w\-@~:/ .[\]()]{0,60}[$#%>]\s*$/i;

/**
 * The logins that the dialogue of the two sides shows: prompts and answers of the server's side, lines of the client's. A name comes from what the server
 * echoes behind its prompt. Where it echoes nothing, the client's first line is taken if the server's first prompt asked for a name: later lines are not
 * taken, because a prompt that we do not know would make a password of the next one.
 */
export function telnetLogins(
  client: { readonly bytes: Uint8Array; readonly at: number; readonly end: number } | undefined,
  server: { readonly bytes: Uint8Array; readonly at: number; readonly end: number } | undefined,
): Login[] {
  const logins: Login[] = [];
  const add = (user: string | undefined, method: string, isCleartext: boolean, outcome: LoginOutcome): void => {
    if (logins.length < MAX_LOGINS) logins.push({ user, method, isCleartext, outcome });
  };
  const environmentUser =
    client === undefined ? undefined : decodeTelnet(client.bytes, client.at, client.end)?.environmentUser;
  const lines = server === undefined ? [] : textLines(plainBytes(server.bytes, server.at, server.end));
  let user: string | undefined;
  /** A password prompt is open and has not been answered. */
  let isAsked = false;
  let prompts = 0;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    const prompt = promptOf(line);
    if (prompt?.kind === 'password') {
      if (isAsked) add(user, 'telnet', true, 'refused');
      isAsked = true;
      prompts++;
      continue;
    }
    if (prompt?.kind === 'login') {
      if (isAsked) {
        add(user, 'telnet', true, 'refused');
      }
      isAsked = prompt.asksPassword;
      prompts++;
      user = prompt.answer === '' ? undefined : prompt.answer;
      if (user === undefined && prompts === 1) user = firstLine(client);
      continue;
    }
    if (!isAsked || line === '') continue;
    if (REFUSED.test(line)) {
      add(user, 'telnet', true, 'refused');
      isAsked = false;
    } else if (ACCEPTED.test(line)) {
      add(user, 'telnet', true, 'accepted');
      isAsked = false;
    }
  }
  if (isAsked) add(user, 'telnet', true, 'unknown');
  if (logins.length === 0 && environmentUser !== undefined) add(environmentUser, 'environment', false, 'unknown');
  return logins;
}

/** Lines as a terminal would show them: bounded, without their ends, escape sequences and NULs. */
function textLines(text: Uint8Array): string[] {
  const lines: string[] = [];
  const reader = new LineReader(text, 0, text.length);
  while (lines.length < 512 && reader.read()) {
    let line = '';
    for (let i = reader.from; i < Math.min(reader.to, reader.from + 400); i++) {
      const b = text[i];
      if (b === 8 || b === 0x7f) line = line.slice(0, -1);
      else if (b === 0x0d) line += '\r';
      else if (b === 0x1b && text[i + 1] === 0x5b) {
        i += 2;
        while (i < reader.to && (text[i] < 0x40 || text[i] > 0x7e)) i++;
      } else if (b >= 0x20) line += b < 0x7f ? String.fromCharCode(b) : `\\x${b.toString(16)}`;
    }
    // Carriage returns within a line begin it anew; some servers end lines with them alone.
    lines.push(...line.split('\r').filter((part, i, all) => part !== '' || i === all.length - 1));
  }
  return lines;
}

interface Prompt {
  readonly kind: 'login' | 'password';
  /** The name behind a login prompt; of a password prompt no answer is ever taken. */
  readonly answer: string;
  /** The password prompt stands on the same line as the login prompt, because the server echoes no line end. */
  readonly asksPassword: boolean;
}

/** 'login: bob' is the prompt with the echo of its answer. */
function promptOf(line: string): Prompt | undefined {
  for (let at = line.indexOf(':'); at >= 0; at = line.indexOf(':', at + 1)) {
    const head = line.slice(Math.max(0, at - 60), at + 1);
    if (PASSWORD_PROMPT.test(head)) return { kind: 'password', answer: '', asksPassword: true };
    // 'Last login: Mon ...' is no prompt.
    if (!LOGIN_PROMPT.test(head) || /last login:$/i.test(head)) continue;
    const rest = line.slice(at + 1);
    const password = rest.search(/pass(?:word|code|wd|phrase)/i);
    const answer = (password < 0 ? rest : rest.slice(0, password)).trim().slice(0, MAX_USER);
    return { kind: 'login', answer, asksPassword: password >= 0 };
  }
  return undefined;
}

function firstLine(
  client: { readonly bytes: Uint8Array; readonly at: number; readonly end: number } | undefined,
): string | undefined {
  if (client === undefined) return undefined;
  const text = plainBytes(client.bytes, client.at, client.end);
  let stop = 0;
  while (stop < text.length && text[stop] !== 0x0d && text[stop] !== 0x0a) stop++;
  return stop === 0 || stop === text.length ? undefined : wireText(text, 0, stop, MAX_USER);
}

/** True where Telnet negotiation begins: two commands with options that are assigned, or one with nothing but text behind it. */
export function looksLikeTelnet(bytes: Uint8Array, at: number, end: number): boolean {
  let here = at;
  let commands = 0;
  while (here + 3 <= end && bytes[here] === IAC && commands < 2) {
    const command = bytes[here + 1];
    if (command >= WILL && command <= DONT && (OPTIONS.has(bytes[here + 2]) || bytes[here + 2] < 50)) here += 3;
    else if (command === SB) {
      const close = subnegotiationEnd(bytes, here + 2, Math.min(end, here + 256));
      if (close < 0) return false;
      here = close + 2;
    } else return false;
    commands++;
  }
  if (commands >= 2) return true;
  if (commands === 0) return false;
  for (let i = here; i < end; i++)
    if ((bytes[i] < 0x20 || bytes[i] > 0x7e) && bytes[i] !== 0x0d && bytes[i] !== 0x0a) return false;
  return true;
}

const OPTION_NUMBERS = new Map([...OPTIONS].map(([number, text]) => [text, number]));

/** Negotiation, then text with every 255 doubled. */
export function encodeTelnet(fields: {
  options?: readonly TelnetOption[];
  terminal?: string;
  window?: { columns: number; rows: number };
  environmentUser?: string;
  text?: string;
}): Uint8Array {
  const { options = [], terminal, window, environmentUser, text = '' } = fields;
  const out: number[] = [];
  for (const { verb, option } of options)
    out.push(IAC, WILL + VERBS.indexOf(verb), OPTION_NUMBERS.get(option) ?? Number(option.slice('option-'.length)));
  if (terminal !== undefined) out.push(IAC, SB, OPTION_TERMINAL_TYPE, IS, ...utf8Bytes(terminal), IAC, SE);
  if (window !== undefined) {
    const size = [window.columns >> 8, window.columns & 255, window.rows >> 8, window.rows & 255];
    out.push(IAC, SB, OPTION_WINDOW_SIZE, ...size, IAC, SE);
  }
  if (environmentUser !== undefined)
    out.push(IAC, SB, OPTION_NEW_ENVIRONMENT, IS, 0, ...utf8Bytes('USER'), 1, ...utf8Bytes(environmentUser), IAC, SE);
  for (const byte of utf8Bytes(text)) out.push(byte);
  return Uint8Array.from(out);
}

export function summarizeTelnet(side: TelnetSide): string {
  const verbs: string[] = [];
  for (const { verb, option } of side.options) addOnce(verbs, `${verb} ${option}`, 8);
  const terminal = side.terminal === undefined ? '' : ` terminal ${side.terminal}`;
  const user = side.environmentUser === undefined ? '' : ` user ${side.environmentUser}`;
  return `Telnet ${verbs.join(', ')}${side.options.length > 8 ? ', ...' : ''}${terminal}${user}`;
}
