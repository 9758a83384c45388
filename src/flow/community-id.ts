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

const SCRATCH = new Uint8Array(40);
const VIEW = new DataView(SCRATCH.buffer);

/** Characters of a Community ID. */
export const COMMUNITY_ID_LENGTH = 30;

/**
 * Writes the ID as ASCII to the first `COMMUNITY_ID_LENGTH` bytes of `out`.
 * @param w words; the initiator's address begins at `from`, the responder's at `to` (4 words each, 1 used for IPv4).
 * @param icmp type << 8 | code of the first packet, -1 for other protocols.
 */
export function writeCommunityId(
  out: Uint8Array,
  w: Int32Array,
  from: number,
  to: number,
  isV6: boolean,
  protocol: number,
  fromPort: number,
  toPort: number,
  icmp: number,
): void {
  const hasPorts = protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp || icmp >= 0;
  let a = from;
  let b = to;
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
  if (!oneWay) {
    let order = 0;
    for (let k = 0; k < words && order === 0; k++) order = (w[a + k] >>> 0) - (w[b + k] >>> 0);
    if (order > 0 || (order === 0 && p > q)) {
      [a, b] = [b, a];
      [p, q] = [q, p];
    }
  }
  VIEW.setUint16(0, 0);
  let at = 2;
  for (let k = 0; k < words; k++, at += 4) VIEW.setInt32(at, w[a + k]);
  for (let k = 0; k < words; k++, at += 4) VIEW.setInt32(at, w[b + k]);
  SCRATCH[at++] = protocol;
  SCRATCH[at++] = 0;
  if (hasPorts) {
    VIEW.setUint16(at, p);
    VIEW.setUint16(at + 2, q);
    at += 4;
  }
  out[0] = 0x31;
  out[1] = 0x3a;
  writeDigestBase64(sha1Block(SCRATCH, at), out, 2);
}
