import {
  bitTorrentKind,
  decodeBitTorrent,
  decodeDht,
  decodeModbus,
  decodeMqtt,
  decodeSip,
  decodeStratum,
  decodeSyslog,
  decodeTftp,
  joinMqtt,
  joinStratum,
  looksLikeSip,
  type MqttSide,
  PROTO,
  type SipMessage,
  sipRegisterOutcome,
} from '../../wire/index.ts';
import { bothSides, tellLogin } from './login.ts';
import {
  FACT,
  PEEK_DONE,
  PEEK_FOREIGN,
  PEEK_MORE,
  type PeekContext,
  type SessionPeek,
  type StreamPeek,
} from './peek.ts';

/** Protocols of devices and of programs that talk to their like: things, controllers, telephones, miners, peers. */

/** A side that is MQTT beyond doubt: without the beginning of the connection a packet must name a topic. */
function isMqtt(side: MqttSide | undefined): boolean {
  if (side === undefined) return false;
  const { connect, connackCode, published, subscribed } = side;
  return connect !== undefined || connackCode !== undefined || published.length + subscribed.length > 0;
}

/** MQTT: client id, login, topics as in 'PUBLISH sensors/1' and 'SUBSCRIBE #', both as the client asks for them. */
export const mqttPeek: SessionPeek = {
  kind: 'session',
  finish(context: PeekContext, client: Uint8Array, server: Uint8Array): boolean {
    const up = decodeMqtt(client, 0, client.length);
    const down = decodeMqtt(server, 0, server.length);
    if (!isMqtt(up) && !isMqtt(down)) return false;
    context.note(FACT.client, up?.connect?.clientId);
    if (up?.connect?.user !== undefined) tellLogin(context, [joinMqtt(up, down)]);
    for (const { name } of up?.packets ?? []) {
      if (name === 'PUBLISH') for (const topic of up?.published ?? []) context.operation(`PUBLISH ${topic}`);
      else if (name === 'SUBSCRIBE')
        for (const filter of up?.subscribed ?? []) context.operation(`SUBSCRIBE ${filter}`);
    }
    return true;
  },
};

/** What was seen of a flow's functions: one bit for each code. */
class ModbusState {
  readonly seen = new Uint32Array(4);
}

const MODBUS_HEADER = 8;
const MODBUS_MOST = 254;

/**
 * Modbus/TCP: the functions that the client asks for. Connections to controllers last for weeks and repeat themselves, and a write in the thousandth request is
 * the one that matters: so that all of them are looked at up to 60,000 bytes, of a function that was seen nothing but its code.
 */
export const modbusPeek: StreamPeek = {
  kind: 'stream',
  most: 60_000,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    if (end - at < MODBUS_HEADER) return PEEK_MORE;
    const length = (bytes[at + 4] << 8) | bytes[at + 5];
    if (bytes[at + 2] !== 0 || bytes[at + 3] !== 0 || length < 2 || length > MODBUS_MOST) return PEEK_FOREIGN;
    if (!context.fromInitiator) return PEEK_DONE;
    const code = bytes[at + 7] & 127;
    const { seen } = context.state(ModbusState);
    const bit = 1 << (code & 31);
    if ((seen[code >> 5] & bit) === 0) {
      seen[code >> 5] |= bit;
      const request = decodeModbus(bytes, at, Math.min(end, at + 6 + length), 'request');
      if (request !== undefined) context.operation(request.messages[0].name);
    }
    // The rest of a long message may not be there yet; nothing in it is needed.
    return 6 + length;
  },
};

/** How the registrations of a flow go. */
class SipState {
  hasCredentials = false;
  isAccepted = false;
  messages = 0;
}

const SIP_HEAD = 4096;

/**
 * SIP over UDP and TCP: methods, who is called, software of both sides, registration. All that a telephone and its exchange say is one flow, and who guesses
 * passwords tries them in one: so that it is followed for long.
 */
export const sipPeek: StreamPeek = {
  kind: 'stream',
  most: 16_384,
  look(context: PeekContext): number {
    const { bytes, end } = context;
    let at = context.at;
    // Empty lines and zeros keep the way open (RFC 5626 section 3.5.1).
    while (at < end && (bytes[at] === 0x0d || bytes[at] === 0x0a || bytes[at] === 0)) at++;
    const skipped = at - context.at;
    if (at === end) return skipped;
    const overTcp = context.protocol === PROTO.tcp;
    const state = context.state(SipState);
    if (overTcp && !hasEmptyLine(bytes, at, end)) {
      const isLine = bytes.subarray(at, end).includes(0x0a);
      if (end - at < SIP_HEAD && (!isLine || looksLikeSip(bytes, at, end))) return PEEK_MORE;
    }
    const message = decodeSip(bytes, at, end);
    if (message === undefined) {
      if (state.messages === 0) return PEEK_FOREIGN;
      // The rest of a body that came in another segment.
      return overTcp ? skipped + nextSip(bytes, at, end) : end - context.at;
    }
    state.messages++;
    tellSip(context, state, message);
    return overTcp ? skipped + message.length : end - context.at;
  },
};

function tellSip(context: PeekContext, state: SipState, message: SipMessage): void {
  const { method, status, uri, agent, hasCredentials, credentialsUser } = message;
  context.note(context.fromInitiator ? FACT.client : FACT.server, agent);
  if (status === undefined) {
    // Either side may ask: a telephone registers and is called over the same flow.
    if (method !== undefined) context.operation(method === 'INVITE' && uri !== undefined ? `INVITE ${uri}` : method);
    if (!hasCredentials) return;
    context.note(FACT.user, credentialsUser);
    state.hasCredentials = true;
    if (!context.has(FACT.login)) context.word(FACT.login, 'unknown');
    return;
  }
  const outcome = sipRegisterOutcome(message);
  if (outcome === undefined || state.isAccepted) return;
  // A challenge to a request that had no credentials is how every registration begins.
  if (outcome === 'challenged' && !state.hasCredentials) return;
  if (outcome !== 'challenged') context.note(FACT.user, message.to?.user);
  state.isAccepted = outcome === 'accepted';
  context.word(FACT.login, outcome === 'accepted' ? 'accepted' : 'refused');
}

function hasEmptyLine(bytes: Uint8Array, at: number, end: number): boolean {
  const part = bytes.subarray(at, end);
  for (let i = part.indexOf(0x0a); i >= 0; i = part.indexOf(0x0a, i + 1))
    if (part[i + 1] === 0x0a || (part[i + 1] === 0x0d && part[i + 2] === 0x0a)) return true;
  return false;
}

/** How far it is to the next line that begins a message, or to the end. */
function nextSip(bytes: Uint8Array, at: number, end: number): number {
  const part = bytes.subarray(at, end);
  for (let i = part.indexOf(0x0a); i >= 0; i = part.indexOf(0x0a, i + 1))
    if (part[i + 1] >= 0x41 && part[i + 1] <= 0x5a && looksLikeSip(part, i + 1, part.length)) return i + 1;
  return end - at;
}

/** TFTP: 'read boot.cfg', 'write config.txt'. What is transferred goes over other ports, as flows of their own. */
export const tftpPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const message = decodeTftp(context.bytes, context.at, context.end);
    if (message === undefined) return PEEK_FOREIGN;
    if (message.file !== undefined) context.operation(`${message.operation} ${message.file}`);
    return PEEK_DONE;
  },
};

/** Syslog: who logs, and facility and severity as in 'auth.crit' of the first messages. What they say is not kept. */
export const syslogPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const message = decodeSyslog(bytes, at, end);
    if (message === undefined) return PEEK_FOREIGN;
    if (context.fromInitiator) context.note(FACT.client, message.application);
    context.operation(`${message.facility}.${message.severity}`);
    return context.protocol === PROTO.tcp ? PEEK_DONE : end - at;
  },
};

const HANDSHAKE_BYTES = 68;

/** BitTorrent: software of both sides, torrents by their hash: in the handshake of peers, and in what is asked of the distributed hash table. */
export const bittorrentPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const software = context.fromInitiator ? FACT.client : FACT.server;
    if (context.protocol === PROTO.tcp) {
      if (bitTorrentKind(bytes, at, end) !== 'peer')
        return end - at < 20 && bytes[at] === 0x13 ? PEEK_MORE : PEEK_FOREIGN;
      if (end - at < HANDSHAKE_BYTES) return PEEK_MORE;
      const handshake = decodeBitTorrent(bytes, at, end);
      context.note(software, handshake?.client);
      if (handshake !== undefined && context.fromInitiator) context.operation(`handshake ${handshake.infoHash}`);
      return PEEK_DONE;
    }
    const kind = bitTorrentKind(bytes, at, end);
    if (kind === 'dht') {
      const message = decodeDht(bytes, at, end);
      context.note(software, message?.version);
      if (context.fromInitiator && message?.query !== undefined)
        context.operation(message.infoHash === undefined ? message.query : `${message.query} ${message.infoHash}`);
    } else if (kind !== undefined && context.fromInitiator) context.operation(kind);
    return end - at;
  },
};

/** Mining pools: worker or wallet as user, software of the miner, methods of its messages. */
export const stratumPeek = bothSides(decodeStratum, decodeStratum, (context, client, server) => {
  context.note(FACT.client, client?.agent);
  // The password is a dummy, 'x' most often: that it can be read is nothing to tell.
  const login = joinStratum(client, server);
  tellLogin(context, login === undefined ? [] : [{ ...login, isCleartext: false }]);
  for (const { name } of client?.messages ?? [])
    if (name !== '?' && name !== 'result' && name !== 'error') context.operation(name);
});
