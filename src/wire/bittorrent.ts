import { ByteWriter, hexToBytes, wireHex, wireText } from './bytes.ts';

/** BitTorrent: BEP 3 (peers, trackers), BEP 5 (DHT), BEP 14 (local discovery), BEP 15 (UDP trackers), BEP 20 (peer ids), BEP 29 (uTP). */

const PROTOCOL = 'BitTorrent protocol';
const HANDSHAKE_BYTES = 68;
const HASH_BYTES = 20;
const TRACKER_MAGIC = [0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80];

const CLIENTS = new Map<string, string>([
  ['AZ', 'Vuze'],
  ['BC', 'BitComet'],
  ['BG', 'BTGetit'],
  ['BT', 'BitTorrent'],
  ['DE', 'Deluge'],
  ['FD', 'Free Download Manager'],
  ['KT', 'KTorrent'],
  ['LT', 'libtorrent (rakshasa)'],
  ['lt', 'libTorrent (rakshasa)'],
  ['LP', 'Lphant'],
  ['qB', 'qBittorrent'],
  ['SD', 'Xunlei'],
  ['TL', 'Tribler'],
  ['TR', 'Transmission'],
  ['UM', 'uTorrent for Mac'],
  ['UT', 'uTorrent'],
  ['UW', 'uTorrent Web'],
  ['WW', 'WebTorrent'],
  ['WD', 'WebTorrent Desktop'],
  ['XL', 'Xunlei'],
]);

export interface BitTorrentHandshake {
  /** 40 hex digits: which torrent. */
  readonly infoHash: string;
  /** Name and version from the peer id ('qBittorrent 4.6.2.0', or the two letters of a client that we don't know); undefined when the id follows no convention or is not there. */
  readonly client: string | undefined;
  /** Reserved bits: extension protocol (BEP 10), DHT (BEP 5), fast extension (BEP 6). */
  readonly extensions: { readonly extended: boolean; readonly dht: boolean; readonly fast: boolean };
}

/** The peer handshake at `at`; undefined when none begins there. It may end behind the info hash. */
export function decodeBitTorrent(bytes: Uint8Array, at: number, end: number): BitTorrentHandshake | undefined {
  if (!hasProtocolName(bytes, at, end) || end - at < HANDSHAKE_BYTES - HASH_BYTES) return undefined;
  const reserved = at + 20;
  return {
    infoHash: wireHex(bytes, at + 28, at + 48, HASH_BYTES),
    client: end - at >= HANDSHAKE_BYTES ? clientOf(bytes, at + 48) : undefined,
    extensions: {
      extended: (bytes[reserved + 5] & 0x10) !== 0,
      dht: (bytes[reserved + 7] & 1) !== 0,
      fast: (bytes[reserved + 7] & 4) !== 0,
    },
  };
}

function hasProtocolName(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= 20 && bytes[at] === PROTOCOL.length && matches(bytes, at + 1, end, PROTOCOL);
}

/** '-qB4620-...' (Azureus style), 'M7-10-5--...' (Mainline), 'S588-----...' (Shadow style). */
function clientOf(bytes: Uint8Array, at: number): string | undefined {
  if (bytes[at] === 0x2d && bytes[at + 7] === 0x2d) {
    const id = wireText(bytes, at + 1, at + 7);
    if (!/^[A-Za-z0-9~]{2}[0-9A-Za-z]{4}$/.test(id)) return undefined;
    const version = Array.from(id.slice(2), (c) => Number.parseInt(c, 36)).join('.');
    return `${CLIENTS.get(id.slice(0, 2)) ?? id.slice(0, 2)} ${version}`;
  }
  const text = wireText(bytes, at, at + 8);
  const mainline = /^M(\d{1,2})-(\d{1,2})-(\d{1,2})-/.exec(text);
  return mainline === null ? undefined : `BitTorrent ${mainline.slice(1).join('.')}`;
}

/** A DHT message (KRPC, BEP 5). */
export interface DhtMessage {
  readonly kind: 'query' | 'response' | 'error';
  /** 'ping', 'find_node', 'get_peers', 'announce_peer' ...; of a query only. */
  readonly query: string | undefined;
  /** 40 hex digits of the torrent that a query asks for. */
  readonly infoHash: string | undefined;
  /** Client and version ('v'), when printable. */
  readonly version: string | undefined;
}

const MAX_DEPTH = 8;
const MAX_ITEMS = 256;

/** The DHT message at [at, end); undefined when the bytes are no bencoded dictionary with a kind. A message that is cut tells what was read before. */
export function decodeDht(bytes: Uint8Array, at: number, end: number): DhtMessage | undefined {
  if (end - at < 12 || bytes[at] !== 0x64) return undefined;
  let kind: DhtMessage['kind'] | undefined;
  let query: string | undefined;
  let infoHash: string | undefined;
  let version: string | undefined;
  let queryArguments = -1;
  walkDictionary(bytes, at, end, (keyFrom, keyTo, value) => {
    if (keyTo - keyFrom !== 1) return;
    const text = bencodedString(bytes, value, end);
    switch (String.fromCharCode(bytes[keyFrom])) {
      case 'a':
        queryArguments = value;
        break;
      case 'q':
        if (text !== undefined) query = wireText(bytes, text.from, text.to, 32);
        break;
      case 'v':
        if (text !== undefined && text.to - text.from >= 2) version = clientVersion(bytes, text.from, text.to);
        break;
      case 'y': {
        const y = text !== undefined && text.to - text.from === 1 ? bytes[text.from] : 0;
        kind = y === 0x71 ? 'query' : y === 0x72 ? 'response' : y === 0x65 ? 'error' : undefined;
        break;
      }
      default:
        break;
    }
  });
  // Keys are sorted, so 'y' comes last: where the payload is cut, 'q' or 'r' alone says it.
  if (kind === undefined && query !== undefined) kind = 'query';
  if (kind === undefined) return undefined;
  if (queryArguments >= 0)
    walkDictionary(bytes, queryArguments, end, (from, to, value) => {
      const text = bencodedString(bytes, value, end);
      if (text === undefined || text.to - text.from !== HASH_BYTES) return;
      if (wireText(bytes, from, to, 16) === 'info_hash') infoHash = wireHex(bytes, text.from, text.to, HASH_BYTES);
    });
  return { kind, query: kind === 'query' ? query : undefined, infoHash, version };
}

/** Two letters of the client, then its version in two bytes, by convention. */
function clientVersion(bytes: Uint8Array, from: number, to: number): string | undefined {
  const id = wireText(bytes, from, Math.min(to, from + 2));
  return /^[A-Za-z]{2}$/.test(id) ? (CLIENTS.get(id) ?? id) : undefined;
}

function walkDictionary(
  bytes: Uint8Array,
  at: number,
  end: number,
  visit: (keyFrom: number, keyTo: number, value: number) => void,
): void {
  if (bytes[at] !== 0x64) return;
  let here = at + 1;
  for (let i = 0; i < MAX_ITEMS && here < end && bytes[here] !== 0x65; i++) {
    const key = bencodedString(bytes, here, end);
    if (key === undefined || key.to >= end) return;
    visit(key.from, key.to, key.to);
    const next = skipBencoded(bytes, key.to, end);
    if (next < 0) return;
    here = next;
  }
}

/** '4:spam' */
function bencodedString(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly from: number; readonly to: number } | undefined {
  let n = 0;
  let here = at;
  while (here < end && here < at + 5 && bytes[here] >= 0x30 && bytes[here] <= 0x39) n = 10 * n + bytes[here++] - 0x30;
  if (here === at || here >= end || bytes[here] !== 0x3a || here + 1 + n > end) return undefined;
  return { from: here + 1, to: here + 1 + n };
}

/** Behind the value at `at`, or -1 when it is malformed, cut, or nested deeper than 8. */
function skipBencoded(bytes: Uint8Array, at: number, end: number): number {
  let here = at;
  let depth = 0;
  for (let i = 0; i < 4 * MAX_ITEMS && here < end; i++) {
    const b = bytes[here];
    if (b === 0x65) {
      if (depth === 0) return -1;
      depth--;
      here++;
    } else if (b === 0x64 || b === 0x6c) {
      if (++depth > MAX_DEPTH) return -1;
      here++;
    } else if (b === 0x69) {
      const stop = here + 1 + bytes.subarray(here + 1, Math.min(end, here + 24)).indexOf(0x65);
      if (stop === here) return -1;
      here = stop + 1;
    } else {
      const text = bencodedString(bytes, here, end);
      if (text === undefined) return -1;
      here = text.to;
    }
    if (depth === 0) return here;
  }
  return -1;
}

const UTP_TYPES = ['data', 'fin', 'state', 'reset', 'syn'] as const;

/** A uTP header (BEP 29). */
export interface UtpHeader {
  readonly type: (typeof UTP_TYPES)[number];
  readonly connection: number;
  readonly sequence: number;
  readonly acknowledgement: number;
}

/** The uTP header at `at`, undefined when its fields contradict each other. The format has few fixed bits: by itself a header proves little. */
export function decodeUtp(bytes: Uint8Array, at: number, end: number): UtpHeader | undefined {
  if (end - at < 20 || (bytes[at] & 15) !== 1 || bytes[at] >> 4 > 4) return undefined;
  const type = UTP_TYPES[bytes[at] >> 4];
  // Extensions: 0 none, 1 selective acknowledgement (length a multiple of 4), 2 the older extension bits (8 bytes); each names the next.
  let extension = bytes[at + 1];
  let here = at + 20;
  for (let i = 0; extension !== 0; i++) {
    if (i > 3 || extension > 3 || here + 2 > end) return undefined;
    const length = bytes[here + 1];
    if (length === 0 || length % 4 !== 0 || here + 2 + length > end) return undefined;
    extension = bytes[here];
    here += 2 + length;
  }
  // Only data carries a payload.
  if (type !== 'data' && here !== end) return undefined;
  const u16 = (o: number): number => (bytes[at + o] << 8) | bytes[at + o + 1];
  return { type, connection: u16(2), sequence: u16(16), acknowledgement: u16(18) };
}

/** True for a uTP SYN as clients send it: sequence number 1, nothing acknowledged, a time stamp, no difference yet. */
export function looksLikeUtp(bytes: Uint8Array, at: number, end: number): boolean {
  const header = decodeUtp(bytes, at, end);
  if (header?.type !== 'syn' || header.sequence !== 1 || header.acknowledgement !== 0) return false;
  const difference = bytes[at + 8] | bytes[at + 9] | bytes[at + 10] | bytes[at + 11];
  const window = bytes[at + 12] | bytes[at + 13] | bytes[at + 14] | bytes[at + 15];
  return difference === 0 && window !== 0;
}

export interface TrackerAnnounce {
  readonly infoHash: string;
  readonly client: string | undefined;
  readonly event: 'started' | 'stopped' | 'completed' | undefined;
}

/** An announce to an HTTP tracker by its request target (BEP 3); undefined for other targets. The passkey that private trackers have in the path is not returned. */
export function decodeTrackerAnnounce(target: string): TrackerAnnounce | undefined {
  const question = target.indexOf('?');
  if (question < 0 || target.length > 4096) return undefined;
  let infoHash: string | undefined;
  let client: string | undefined;
  let event: TrackerAnnounce['event'];
  for (const pair of target.slice(question + 1).split('&', 64)) {
    const equals = pair.indexOf('=');
    const key = pair.slice(0, Math.max(0, equals));
    const value = pair.slice(equals + 1);
    if (key === 'info_hash') {
      const hash = percentBytes(value);
      if (hash.length === HASH_BYTES) infoHash = wireHex(hash, 0, HASH_BYTES, HASH_BYTES);
    } else if (key === 'peer_id') {
      const id = percentBytes(value);
      if (id.length === HASH_BYTES) client = clientOf(id, 0);
    } else if (key === 'event' && (value === 'started' || value === 'stopped' || value === 'completed')) event = value;
  }
  return infoHash === undefined ? undefined : { infoHash, client, event };
}

function percentBytes(text: string): Uint8Array {
  const out = new ByteWriter();
  for (let i = 0; i < text.length && out.length <= HASH_BYTES; i++) {
    const hex = text[i] === '%' ? Number.parseInt(text.slice(i + 1, i + 3), 16) : Number.NaN;
    if (Number.isNaN(hex)) out.u8(text.charCodeAt(i));
    else {
      out.u8(hex);
      i += 2;
    }
  }
  return out.finish();
}

/** Which of the protocols of the family begins at `at`: the peer handshake, a DHT message, local discovery, a connection to a UDP tracker, or a uTP SYN. */
export function bitTorrentKind(
  bytes: Uint8Array,
  at: number,
  end: number,
): 'peer' | 'dht' | 'local-discovery' | 'udp-tracker' | 'utp' | undefined {
  if (hasProtocolName(bytes, at, end)) return 'peer';
  // The first sorted key: 'ad' of arguments, 'rd' of a response, 'el' of an error, 'ip' of newer ones.
  const opensDht = ['d1:ad', 'd1:rd', 'd1:el', 'd2:ip'].some((key) => matches(bytes, at, end, key));
  if (opensDht && decodeDht(bytes, at, end) !== undefined) return 'dht';
  if (matches(bytes, at, end, 'BT-SEARCH * HTTP/1.1')) return 'local-discovery';
  if (end - at === 16 && TRACKER_MAGIC.every((b, i) => bytes[at + i] === b) && isZero(bytes, at + 8, at + 12))
    return 'udp-tracker';
  return looksLikeUtp(bytes, at, end) ? 'utp' : undefined;
}

export function looksLikeBitTorrent(bytes: Uint8Array, at: number, end: number): boolean {
  return bitTorrentKind(bytes, at, end) !== undefined;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

function matches(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** A peer handshake. The peer id is cut or filled up to 20 bytes. */
export function encodeBitTorrent(fields: {
  infoHash: string;
  peerId?: string;
  extensions?: Partial<BitTorrentHandshake['extensions']>;
}): Uint8Array {
  const { infoHash, peerId = '-qB4620-', extensions = {} } = fields;
  return new ByteWriter()
    .u8(PROTOCOL.length)
    .text(PROTOCOL)
    .zeros(5)
    .u8(extensions.extended === true ? 0x10 : 0)
    .u8(0)
    .u8((extensions.dht === true ? 1 : 0) | (extensions.fast === true ? 4 : 0))
    .bytes(hexToBytes(infoHash))
    .text(peerId.slice(0, HASH_BYTES).padEnd(HASH_BYTES, 'x'))
    .finish();
}

/** A DHT query. */
export function encodeDhtQuery(query: string, infoHash?: string): Uint8Array {
  const out = new ByteWriter().text('d1:ad2:id20:').zeros(HASH_BYTES);
  if (infoHash !== undefined) out.text('9:info_hash20:').bytes(hexToBytes(infoHash));
  return out.text(`e1:q${query.length}:${query}1:t2:aa1:v4:UT\x01\x021:y1:qe`).finish();
}

export function summarizeBitTorrent(message: BitTorrentHandshake | DhtMessage): string {
  if ('kind' in message) {
    const hash = message.infoHash === undefined ? '' : ` ${message.infoHash}`;
    return `BitTorrent DHT ${message.kind}${message.query === undefined ? '' : ` ${message.query}`}${hash}`;
  }
  return `BitTorrent handshake ${message.infoHash}${message.client === undefined ? '' : ` by ${message.client}`}`;
}
