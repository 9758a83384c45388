import { ByteWriter, utf8Bytes, wireText } from './bytes.ts';
import { addOnce, type Run, Runs, runText } from './line.ts';
import type { Login } from './login.ts';

/** MQTT 3.1, 3.1.1 and 5 (OASIS): connection, publish and subscribe; section numbers are those of MQTT 5. */

const TYPES = [
  '?',
  'CONNECT',
  'CONNACK',
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'PINGREQ',
  'PINGRESP',
  'DISCONNECT',
  'AUTH',
] as const;
export type MqttType = (typeof TYPES)[number];

const CONNECT = 1;
const CONNACK = 2;
const PUBLISH = 3;
const SUBSCRIBE = 8;
const FLAG_CLEAN = 0x02;
const FLAG_WILL = 0x04;
const FLAG_PASSWORD = 0x40;
const FLAG_USER = 0x80;
const MAX_TOPICS = 64;
const MAX_TOPIC = 200;
const MAX_NAME = 128;
const MAX_PACKETS = 10_000;

export interface MqttConnect {
  /** 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5; bit 7 marks a bridge in 3.1 and 3.1.1. */
  readonly level: number;
  readonly clientId: string;
  /** A clean session (clean start in MQTT 5) was asked for. */
  readonly isClean: boolean;
  readonly keepAliveS: number;
  readonly willTopic: string | undefined;
  readonly user: string | undefined;
  /** A password was sent; it is never returned. */
  readonly hasPassword: boolean;
}

export interface MqttSide {
  /** Packets in order, equal neighbours as one run. */
  readonly packets: readonly Run<MqttType>[];
  readonly connect: MqttConnect | undefined;
  /** Return or reason code of CONNACK (section 3.2.2.2): 0 accepted, 4 and 5 (MQTT 3) or 0x80 and above (MQTT 5) refused. */
  readonly connackCode: number | undefined;
  /** Topics of PUBLISH, each once, at most 64 of 200 characters. */
  readonly published: readonly string[];
  /** Filters of SUBSCRIBE. */
  readonly subscribed: readonly string[];
}

/** The packets in [at, end), one side; undefined when the first is none. The last one may be cut. */
export function decodeMqtt(bytes: Uint8Array, at: number, end: number): MqttSide | undefined {
  const stop = Math.min(end, bytes.length);
  const packets = new Runs<MqttType>();
  const published: string[] = [];
  const subscribed: string[] = [];
  let connect: MqttConnect | undefined;
  let connackCode: number | undefined;
  let here = at;
  while (here < stop && packets.total < MAX_PACKETS) {
    const type = bytes[here] >> 4;
    const flags = bytes[here] & 15;
    const length = variableInteger(bytes, here + 1, stop);
    if (type === 0 || !flagsFit(type, flags) || length === undefined) break;
    const body = length.next;
    const bodyEnd = Math.min(stop, body + length.value);
    const isWhole = body + length.value <= stop;
    if (type === CONNECT) {
      const found = decodeConnect(bytes, body, bodyEnd, isWhole);
      if (found === undefined) break;
      connect ??= found;
    } else if (type === CONNACK && isWhole && length.value >= 2) connackCode ??= bytes[body + 1];
    else if (type === PUBLISH) {
      const topic = text16(bytes, body, bodyEnd);
      if (topic === undefined) break;
      // With a topic alias (MQTT 5) the topic may be empty.
      if (topic.to > topic.from) addOnce(published, wireText(bytes, topic.from, topic.to, MAX_TOPIC), MAX_TOPICS);
    } else if (type === SUBSCRIBE && isWhole) {
      const filters =
        connect?.level === 5
          ? decodeFilters(bytes, body, bodyEnd, true)
          : (decodeFilters(bytes, body, bodyEnd, false) ?? decodeFilters(bytes, body, bodyEnd, true));
      if (filters === undefined) break;
      for (const filter of filters) addOnce(subscribed, filter, MAX_TOPICS);
    }
    packets.add(TYPES[type]);
    here = body + length.value;
  }
  if (packets.total === 0) return undefined;
  return { packets: packets.list, connect, connackCode, published, subscribed };
}

/** Reserved flags of the fixed header (section 2.1.3); PUBLISH has flags of its own, with QoS 3 forbidden. */
function flagsFit(type: number, flags: number): boolean {
  if (type === PUBLISH) return (flags & 6) !== 6;
  return flags === (type === 6 || type === SUBSCRIBE || type === 10 ? 2 : 0);
}

/** A variable byte integer (section 1.5.5): at most four bytes, seven bits each, least significant first. */
function variableInteger(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  for (let i = 0; i < 4 && at + i < end; i++) {
    value |= (bytes[at + i] & 127) << (7 * i);
    if (bytes[at + i] < 128) return { value, next: at + i + 1 };
  }
  return undefined;
}

/** Where a text behind its two-byte length lies; undefined when it is not whole. */
function text16(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly from: number; readonly to: number } | undefined {
  if (at + 2 > end) return undefined;
  const to = at + 2 + ((bytes[at] << 8) | bytes[at + 1]);
  return to > end ? undefined : { from: at + 2, to };
}

/** Section 3.1: name, level, flags, keep alive, then client id, will, user name and password. What lies behind a cut is missing. */
function decodeConnect(bytes: Uint8Array, body: number, end: number, isWhole: boolean): MqttConnect | undefined {
  const protocol = text16(bytes, body, end);
  if (protocol === undefined || protocol.to + 4 > end) return undefined;
  const name = wireText(bytes, protocol.from, protocol.to, 8);
  if (name !== 'MQTT' && name !== 'MQIsdp') return undefined;
  const level = bytes[protocol.to];
  const version = level & 0x7f;
  if (version < 3 || version > 5 || (name === 'MQIsdp') !== (version === 3)) return undefined;
  const flags = bytes[protocol.to + 1];
  const keepAliveS = (bytes[protocol.to + 2] << 8) | bytes[protocol.to + 3];
  let here = protocol.to + 4;
  const skipProperties = (): boolean => {
    if (version !== 5) return true;
    const length = variableInteger(bytes, here, end);
    if (length === undefined || length.next + length.value > end) return false;
    here = length.next + length.value;
    return true;
  };
  const take = (max: number): string | undefined => {
    const text = text16(bytes, here, end);
    if (text === undefined) return undefined;
    here = text.to;
    return wireText(bytes, text.from, text.to, max);
  };
  const hasPassword = (flags & FLAG_PASSWORD) !== 0;
  const common = { level, isClean: (flags & FLAG_CLEAN) !== 0, keepAliveS, hasPassword };
  const nothing = { ...common, clientId: '', willTopic: undefined, user: undefined };
  if (!skipProperties()) return isWhole ? undefined : nothing;
  const clientId = take(MAX_NAME);
  if (clientId === undefined) return isWhole ? undefined : nothing;
  let willTopic: string | undefined;
  if ((flags & FLAG_WILL) !== 0) {
    if (!skipProperties()) return isWhole ? undefined : { ...nothing, clientId };
    willTopic = take(MAX_TOPIC);
    const will = text16(bytes, here, end);
    if (willTopic === undefined || will === undefined) return isWhole ? undefined : { ...nothing, clientId, willTopic };
    here = will.to;
  }
  const user = (flags & FLAG_USER) !== 0 ? take(MAX_NAME) : undefined;
  return { ...common, clientId, willTopic, user };
}

/** Section 3.8: packet id, properties in MQTT 5, then filters with an options byte each; undefined when that is not what the bytes are. */
function decodeFilters(bytes: Uint8Array, body: number, end: number, isVersion5: boolean): string[] | undefined {
  let here = body + 2;
  if (isVersion5) {
    const length = variableInteger(bytes, here, end);
    if (length === undefined) return undefined;
    here = length.next + length.value;
  }
  const filters: string[] = [];
  while (here < end) {
    const filter = text16(bytes, here, end);
    if (filter === undefined || filter.to === filter.from || filter.to >= end) return undefined;
    const options = bytes[filter.to];
    if ((options & 3) === 3 || (options & 0xc0) !== 0 || (!isVersion5 && options > 2)) return undefined;
    if (filters.length < MAX_TOPICS) filters.push(wireText(bytes, filter.from, filter.to, MAX_TOPIC));
    here = filter.to + 1;
  }
  return filters.length > 0 ? filters : undefined;
}

/** The login that CONNECT asks for and CONNACK answers; undefined without CONNECT. */
export function joinMqtt(client: MqttSide | undefined, server: MqttSide | undefined): Login | undefined {
  const connect = client?.connect;
  if (connect === undefined) return undefined;
  const code = server?.connackCode;
  const outcome = code === undefined ? 'unknown' : code === 0 ? 'accepted' : 'refused';
  return { user: connect.user, method: 'CONNECT', isCleartext: connect.hasPassword, outcome };
}

/** True for CONNECT with the protocol's name, or a CONNACK of MQTT 3 alone or before another packet. */
export function looksLikeMqtt(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 4) return false;
  if (bytes[at] === CONNECT << 4) return decodeMqtt(bytes, at, end)?.connect !== undefined;
  if (bytes[at] !== CONNACK << 4 || bytes[at + 1] !== 2 || bytes[at + 2] > 1 || bytes[at + 3] > 5) return false;
  if (end - at === 4) return true;
  const next = decodeMqtt(bytes, at + 4, end);
  return next?.packets.some(({ name }) => name === 'SUBACK' || name === 'PUBLISH' || name === 'PUBACK') ?? false;
}

function encodePacket(first: number, body: ByteWriter): Uint8Array {
  const bytes = body.finish();
  const out = new ByteWriter().u8(first);
  writeVariable(out, bytes.length);
  return out.bytes(bytes).finish();
}

function writeVariable(out: ByteWriter, value: number): void {
  let left = value;
  do {
    out.u8((left & 127) | (left > 127 ? 128 : 0));
    left >>= 7;
  } while (left > 0);
}

function writeText(out: ByteWriter, text: string): void {
  const bytes = utf8Bytes(text);
  out.u16(bytes.length).bytes(bytes);
}

/** A CONNECT; the will message is empty. */
export function encodeMqttConnect(fields: {
  level?: number;
  clientId: string;
  isClean?: boolean;
  keepAliveS?: number;
  willTopic?: string | undefined;
  user?: string | undefined;
  password?: string | undefined;
}): Uint8Array {
  const { level = 4, clientId, isClean = true, keepAliveS = 60, willTopic, user, password } = fields;
  const body = new ByteWriter();
  writeText(body, level === 3 ? 'MQIsdp' : 'MQTT');
  body.u8(level);
  body.u8(
    (isClean ? FLAG_CLEAN : 0) |
      (willTopic === undefined ? 0 : FLAG_WILL) |
      (user === undefined ? 0 : FLAG_USER) |
      (password === undefined ? 0 : FLAG_PASSWORD),
  );
  body.u16(keepAliveS);
  if (level === 5) body.u8(0);
  writeText(body, clientId);
  if (willTopic !== undefined) {
    if (level === 5) body.u8(0);
    writeText(body, willTopic);
    body.u16(0);
  }
  if (user !== undefined) writeText(body, user);
  if (password !== undefined) writeText(body, password);
  return encodePacket(CONNECT << 4, body);
}

/** A CONNACK; MQTT 5 has an empty list of properties. */
export function encodeMqttConnack(code: number, level = 4): Uint8Array {
  const body = new ByteWriter().u8(0).u8(code);
  if (level === 5) body.u8(0);
  return encodePacket(CONNACK << 4, body);
}

/** A PUBLISH of QoS 0. */
export function encodeMqttPublish(topic: string, payload: Uint8Array, level = 4): Uint8Array {
  const body = new ByteWriter();
  writeText(body, topic);
  if (level === 5) body.u8(0);
  return encodePacket(PUBLISH << 4, body.bytes(payload));
}

/** A SUBSCRIBE of QoS 0 filters. */
export function encodeMqttSubscribe(filters: readonly string[], level = 4): Uint8Array {
  const body = new ByteWriter().u16(1);
  if (level === 5) body.u8(0);
  for (const filter of filters) {
    writeText(body, filter);
    body.u8(0);
  }
  return encodePacket((SUBSCRIBE << 4) | 2, body);
}

export function summarizeMqtt(side: MqttSide): string {
  const { connect } = side;
  const who =
    connect === undefined
      ? ''
      : ` client ${connect.clientId === '' ? '(no id)' : connect.clientId}${connect.user === undefined ? '' : ` user ${connect.user}`}`;
  const topics = [...side.published, ...side.subscribed].slice(0, 4).join(' ');
  return `MQTT ${runText(side.packets)}${who}${topics === '' ? '' : ` topics ${topics}`}`;
}
