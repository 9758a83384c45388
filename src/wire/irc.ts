import { wireText } from './bytes.ts';
import {
  addOnce,
  decimal,
  encodeLines,
  LineReader,
  type Run,
  Runs,
  runText,
  skipSpace,
  startsWith,
  upperWord,
  wordEnd,
} from './line.ts';
import type { Login, LoginOutcome } from './login.ts';
import { SaslExchange } from './sasl.ts';

/** IRC: RFC 1459 and 2812, message tags and capabilities of IRCv3, SASL as IRCv3 has it, STARTTLS. */

const COMMANDS = new Set(
  (
    'PASS NICK USER SERVER OPER SERVICE QUIT SQUIT JOIN PART MODE TOPIC NAMES LIST INVITE KICK VERSION STATS LINKS TIME CONNECT TRACE ADMIN INFO LUSERS MOTD ' +
    'PRIVMSG NOTICE WHO WHOIS WHOWAS KILL PING PONG ERROR AWAY REHASH ISON USERHOST WALLOPS CAP AUTHENTICATE STARTTLS ACCOUNT CHGHOST TAGMSG PROTOCTL SETNAME BATCH'
  ).split(' '),
);
const MAX_CHANNELS = 32;
const MAX_NAME = 64;
const MAX_REAL_NAME = 100;
/** Servers of the connection are looked at up to here. */
const MAX_PREFIX = 300;
const WELCOME = '001';
/** Refusals: wrong password (464), banned (465), SASL failed, too long, aborted (904 to 906). */
const REFUSALS = new Set(['464', '465', '904', '905', '906']);

export interface IrcSide {
  /** Commands and numeric replies in order, equal neighbours as one run; '?' for what is neither. */
  readonly commands: readonly Run<string>[];
  /** Last nickname that the client took (NICK), or that the server greeted (001). */
  readonly nick: string | undefined;
  /** User and real name of USER. */
  readonly user: string | undefined;
  readonly realName: string | undefined;
  /** Channels of JOIN, each once, at most 32; their keys are left out. */
  readonly channels: readonly string[];
  /** PRIVMSG and NOTICE; what they say is not kept. */
  readonly messages: number;
  /** Name of the server: who sent 001, or the first prefix that is no nickname. */
  readonly server: string | undefined;
  /** A password was sent (PASS). */
  readonly hasPassword: boolean;
  /** SASL exchange or OPER that this side began. */
  readonly login:
    | { readonly user: string | undefined; readonly method: string; readonly isCleartext: boolean }
    | undefined;
  /** 'accepted' once the server has welcomed the client (001), 'refused' for a refusal without welcome. */
  readonly outcome: LoginOutcome;
  /** Where in `bytes` a TLS record begins instead of a message. */
  readonly tlsAt: number | undefined;
}

/** One side of a connection, client or server; undefined when none of its first lines is a message. */
export function decodeIrc(bytes: Uint8Array, at: number, end: number): IrcSide | undefined {
  const lines = new LineReader(bytes, at, end);
  const commands = new Runs<string>();
  const channels: string[] = [];
  let nick: string | undefined;
  let user: string | undefined;
  let realName: string | undefined;
  let server: string | undefined;
  let messages = 0;
  let known = 0;
  let hasPassword = false;
  let login: { user: string | undefined; method: string; isCleartext: boolean } | undefined;
  let exchange: SaslExchange | undefined;
  let outcome: LoginOutcome = 'unknown';
  while (!lines.isAtTls() && lines.read()) {
    const { to } = lines;
    let from = lines.from;
    if (from === to) continue;
    // '@tags ' and ':prefix ' before the command.
    if (bytes[from] === 0x40) from = skipSpace(bytes, wordEnd(bytes, from, to), to);
    const prefix = bytes[from] === 0x3a ? from + 1 : -1;
    if (prefix >= 0) from = skipSpace(bytes, wordEnd(bytes, from, Math.min(to, from + MAX_PREFIX)), to);
    const word = upperWord(bytes, from, to, 12);
    const isNumeric = word.length === 3 && decimal(bytes, from, from + 3) >= 0;
    const isKnown = isNumeric ? prefix >= 0 : COMMANDS.has(word);
    if (lines.isCut && !isKnown) break;
    if (isKnown) known++;
    else if (known === 0 && commands.total >= 2) return undefined;
    commands.add(isKnown ? word : '?');
    if (prefix >= 0 && isKnown && server === undefined) {
      const stop = wordEnd(bytes, prefix, to);
      if (!bytes.subarray(prefix, stop).includes(0x21) && (isNumeric || word === 'NOTICE'))
        server = wireText(bytes, prefix, stop, MAX_NAME);
    }
    const first = skipSpace(bytes, wordEnd(bytes, from, to), to);
    const firstEnd = wordEnd(bytes, first, to);
    const isWhole = !lines.isCut || firstEnd < to;
    const parameter = bytes[first] === 0x3a ? first + 1 : first;
    if (word === WELCOME && isKnown) {
      outcome = 'accepted';
      if (isWhole) nick ??= wireText(bytes, first, firstEnd, MAX_NAME);
    } else if (REFUSALS.has(word) && isKnown && outcome === 'unknown') outcome = 'refused';
    else if (word === 'NICK' && prefix < 0 && isWhole) nick = wireText(bytes, parameter, firstEnd, MAX_NAME);
    else if (word === 'USER' && isWhole) {
      user = wireText(bytes, first, firstEnd, MAX_NAME);
      const colon = trailing(bytes, firstEnd, to);
      if (colon >= 0 && !lines.isCut) realName = wireText(bytes, colon, to, MAX_REAL_NAME);
    } else if (word === 'JOIN' && isWhole) {
      for (let at = parameter; at < firstEnd; ) {
        let stop = at;
        while (stop < firstEnd && bytes[stop] !== 0x2c) stop++;
        if (stop > at) addOnce(channels, wireText(bytes, at, stop, MAX_NAME), MAX_CHANNELS);
        at = stop + 1;
      }
    } else if (word === 'PRIVMSG' || word === 'NOTICE') messages++;
    else if (word === 'PASS') hasPassword = true;
    else if (word === 'OPER' && firstEnd < to)
      login = { user: wireText(bytes, first, firstEnd, MAX_NAME), method: 'OPER', isCleartext: true };
    else if (word === 'AUTHENTICATE' && prefix < 0 && first < to && bytes[first] !== 0x2b) {
      // The mechanism first, then its responses: 'AUTHENTICATE PLAIN', 'AUTHENTICATE <base64>'.
      if (exchange === undefined) {
        exchange = new SaslExchange(upperWord(bytes, first, to, 24));
        login = { user: undefined, method: exchange.method, isCleartext: exchange.isCleartext };
      } else if (login !== undefined) {
        exchange.respond(bytes, first, to, lines.isCut);
        login = { ...login, user: exchange.user };
        if (exchange.isDone) exchange = undefined;
      }
    }
  }
  if (known === 0) return undefined;
  const tlsAt = lines.isAtTls() ? lines.next : undefined;
  return {
    commands: commands.list,
    nick,
    user,
    realName,
    channels,
    messages,
    server,
    hasPassword,
    login,
    outcome,
    tlsAt,
  };
}

/** Where the trailing parameter (' :text') begins in [from, to), or -1. */
function trailing(bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i + 1 < to; i++) if (bytes[i] === 0x20 && bytes[i + 1] === 0x3a) return i + 2;
  return -1;
}

/** The login of a connection: by SASL, OPER or PASS where one was sent, else with the nickname alone. Undefined when the client showed none. */
export function joinIrc(client: IrcSide | undefined, server: IrcSide | undefined): Login | undefined {
  const outcome = server?.outcome ?? 'unknown';
  if (client?.login !== undefined) return { ...client.login, outcome };
  const user = client?.user ?? client?.nick;
  if (user === undefined) return undefined;
  const hasPassword = client?.hasPassword ?? false;
  return { user, method: hasPassword ? 'PASS' : 'NICK', isCleartext: hasPassword, outcome };
}

/**
 * True where IRC shows itself: 'NICK x' as a whole line or 'USER a b c :d' (FTP's and POP3's USER has one word), 'CAP LS', or a server's ':name 001 nick ',
 * ':name NOTICE ' or 'NOTICE AUTH :'.
 */
export function looksLikeIrc(bytes: Uint8Array, at: number, end: number): boolean {
  const lines = new LineReader(bytes, at, Math.min(end, at + 1024));
  for (let i = 0; i < 3 && lines.read(); i++) {
    const { from, to } = lines;
    if (startsWith(bytes, from, to, 'NOTICE AUTH :') || startsWith(bytes, from, to, 'NOTICE * :')) return true;
    if (bytes[from] === 0x3a) {
      const command = wordEnd(bytes, from, to) + 1;
      if (command <= from + 2 || command + 4 > to) return false;
      if (startsWith(bytes, command, to, 'NOTICE ') || startsWith(bytes, command, to, 'PRIVMSG #')) return true;
      const number = decimal(bytes, command, command + 3);
      return number >= 0 && bytes[command + 3] === 0x20 && command + 4 < to;
    }
    if (lines.isCut) return false;
    if (startsWith(bytes, from, to, 'CAP LS') || startsWith(bytes, from, to, 'CAP REQ :')) return true;
    const word = upperWord(bytes, from, to, 8);
    const argument = from + word.length + 1;
    if (word === 'NICK') {
      const stop = wordEnd(bytes, argument, to);
      return stop > argument && (stop === to || decimal(bytes, stop + 1, to) >= 0);
    }
    if (word === 'USER') {
      const colon = trailing(bytes, argument, to);
      let spaces = 0;
      for (let j = argument; j < colon; j++) if (bytes[j] === 0x20) spaces++;
      return spaces >= 3;
    }
    // PASS says nothing by itself; the line behind it does.
    if (word !== 'PASS') return false;
  }
  return false;
}

/** Messages, line by line as given. */
export function encodeIrc(lines: readonly string[]): Uint8Array {
  return encodeLines(lines);
}

export function summarizeIrc(side: IrcSide): string {
  const nick = side.nick === undefined ? '' : ` nick ${side.nick}`;
  const user = side.user === undefined ? '' : ` user ${side.user}`;
  const channels = side.channels.length === 0 ? '' : ` channels ${side.channels.slice(0, 6).join(' ')}`;
  const server = side.server === undefined ? '' : ` server ${side.server}`;
  return `IRC ${runText(side.commands)}${nick}${user}${channels}${server}${side.tlsAt === undefined ? '' : ', then TLS'}`;
}
