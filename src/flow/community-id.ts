import { sha1Block, writeDigestBase64 } from '../core/index.ts';
import { PROTO } from '../wire/index.ts';

/**
 * Community ID version 1, seed 0 (Corelight, community-id-spec): '1:' and the Base64 SHA-1 of seed, the smaller endpoint, the larger, protocol, a zero byte and the two ports.
 * ICMP types with a counterpart take type and counterpart as ports; others are one-way: type and code, never swapped. Protocols without ports leave them out.
 */

const COUNTERPART = new Map([
  [8, 0],
  [0, 8],
  [13, 14],
  [14, 13],
  [15, 16],
  [16, 15],
  [10, 9],
  [9, 10],
  [17, 18],
  [18, 17],
]);
const COUNTERPART_V6 = new Map([
  [128, 129],
  [129, 128],
  [133, 134],
  [134, 133],
  [135, 136],
  [136, 135],
  [130, 131],
  [131, 130],
  [144, 145],
  [145, 144],
]);

/** What is hashed, 40 bytes at most as big-endian words. The seed's two bytes come first, so everything lies across two words. */
const MESSAGE = new Int32Array(10);

/** Characters of a Community ID. */
export const COMMUNITY_ID_LENGTH = 30;

/**
 * Writes the ID as ASCII to `out[at, at + COMMUNITY_ID_LENGTH)`.
 * @param w words; the initiator's address begins at `from`, the responder's at `to` (4 words each, 1 used for IPv4).
 * @param icmp type << 8 | code of the first packet, -1 for other protocols.
 */
export function writeCommunityId(
  out: Uint8Array,
  at: number,
  w: Int32Array,
  from: number,
  to: number,
  isV6: boolean,
  protocol: number,
  fromPort: number,
  toPort: number,
  icmp: number,
): void {
  let p = fromPort;
  let q = toPort;
  let oneWay = false;
  if (icmp >= 0) {
    p = icmp >> 8;
    const counterpart = (protocol === PROTO.icmpv6 ? COUNTERPART_V6 : COUNTERPART).get(p);
    oneWay = counterpart === undefined;
    q = counterpart ?? icmp & 255;
  }
  const words = isV6 ? 4 : 1;
  let order = 0;
  for (let k = 0; k < words && order === 0; k++) order = (w[from + k] >>> 0) - (w[to + k] >>> 0);
  const isSwapped = !oneWay && (order > 0 || (order === 0 && p > q));
  const low = isSwapped ? to : from;
  const high = isSwapped ? from : to;
  const message = MESSAGE;
  let n = 0;
  // The upper half of each word ends the word before.
  let rest = 0;
  for (let k = 0; k < 2 * words; k++) {
    const word = k < words ? w[low + k] : w[high + k - words];
    message[n++] = rest | (word >>> 16);
    rest = word << 16;
  }
  message[n++] = rest | ((protocol & 255) << 8);
  const hasPorts = protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp || icmp >= 0;
  if (hasPorts) message[n++] = isSwapped ? (q << 16) | (p & 0xffff) : (p << 16) | (q & 0xffff);
  out[at] = 0x31;
  out[at + 1] = 0x3a;
  writeDigestBase64(sha1Block(message, 4 * n), out, at + 2);
}
