import { ODDITY, type OddityCounter } from './oddity.ts';
import type { Packet } from './packet.ts';
import { Reassembly } from './reassembly.ts';

const SLOTS = 4096;
const WORDS = 16;
const LIFETIME_SECONDS = 30;
/** What stands in a slot that is taken: 1, or this where the first fragment showed no TCP flags. */
const FLAGLESS = 2;

/**
 * What decoding remembers between frames: the ports of first fragments, so that the later ones, which have none, join their flow, and the datagrams whose
 * fragments are being put together.
 *
 * Ports are direct-mapped: a newer packet that falls on the same slot replaces the older, so memory is fixed at 256 KiB; 4,096 slots missed 378 of
 * 5,685 fragments on a mix of test captures, nearly all of them fragments whose first was never captured. An entry is good for 30 s of packet time, since
 * identifications come round again: 65,536 packets of IPv4 are a second's worth.
 */
export class Fragments {
  /** Time of the frame that is being decoded, in ns since the run's TimeBase. The caller of `decodeFrame` sets it. */
  timeNs = 0;
  /** Set by `recall`: the first fragment showed no TCP flags, as it was too short for them, or had none. */
  isFlagless = false;
  #slots = new Int32Array(SLOTS * WORDS);
  #reassembly: Reassembly | undefined;

  /** Keeps the ports and the protocol of the first fragment in `packet`; `keyProtocol` as for `Reassembly.add`. */
  remember(packet: Packet, identification: number, keyProtocol: number): void {
    const at = slot(packet, identification, keyProtocol);
    const s = this.#slots;
    s[at] = packet.tcpFlags === 0 ? FLAGLESS : 1;
    s[at + 1] = packet.src0;
    s[at + 2] = packet.src1;
    s[at + 3] = packet.src2;
    s[at + 4] = packet.src3;
    s[at + 5] = packet.dst0;
    s[at + 6] = packet.dst1;
    s[at + 7] = packet.dst2;
    s[at + 8] = packet.dst3;
    s[at + 9] = identification;
    s[at + 10] = keyProtocol | (packet.isV6 << 9);
    s[at + 11] = packet.protocol;
    s[at + 12] = packet.srcPort;
    s[at + 13] = packet.dstPort;
    s[at + 14] = packet.isReply;
    s[at + 15] = this.timeNs / 1e9;
  }

  /** Fills in protocol and ports; false when the first fragment is not known. */
  recall(packet: Packet, identification: number, keyProtocol: number): boolean {
    this.isFlagless = false;
    const at = slot(packet, identification, keyProtocol);
    const s = this.#slots;
    if (
      s[at] === 0 ||
      s[at + 1] !== packet.src0 ||
      s[at + 2] !== packet.src1 ||
      s[at + 3] !== packet.src2 ||
      s[at + 4] !== packet.src3 ||
      s[at + 5] !== packet.dst0 ||
      s[at + 6] !== packet.dst1 ||
      s[at + 7] !== packet.dst2 ||
      s[at + 8] !== packet.dst3 ||
      s[at + 9] !== identification ||
      s[at + 10] !== (keyProtocol | (packet.isV6 << 9)) ||
      Math.abs(((this.timeNs / 1e9) | 0) - s[at + 15]) > LIFETIME_SECONDS
    ) {
      return false;
    }
    packet.protocol = s[at + 11];
    packet.srcPort = s[at + 12];
    packet.dstPort = s[at + 13];
    packet.isReply = s[at + 14];
    this.isFlagless = s[at] === FLAGLESS;
    return true;
  }

  /**
   * Takes the fragment whose `length` bytes at `at` of `bytes` stand at `offset` of their datagram. When that completes it, `packet.bytes` and
   * `packet.view` become its buffer, `packet.protocol` what it begins with, and its length is returned: it lies at REASSEMBLY_HEAD. Else -1.
   */
  complete(
    bytes: Uint8Array,
    at: number,
    length: number,
    offset: number,
    more: boolean,
    packet: Packet,
    identification: number,
    keyProtocol: number,
    protocol: number,
    oddities: OddityCounter,
  ): number {
    this.#reassembly ??= new Reassembly();
    const reassembly = this.#reassembly;
    const { timeNs } = this;
    if (
      !reassembly.add(bytes, at, length, offset, more, packet, identification, keyProtocol, protocol, timeNs, oddities)
    )
      return -1;
    const datagram = reassembly.bytes;
    if (packet.destinationMac >= 0) {
      // The addresses come along, so that every offset of the packet is one into `packet.bytes`.
      for (let i = 0; i < 6; i++) {
        datagram[i] = bytes[packet.destinationMac + i];
        datagram[6 + i] = bytes[packet.sourceMac + i];
      }
      packet.destinationMac = 0;
      packet.sourceMac = 6;
    }
    packet.bytes = datagram;
    packet.view = reassembly.view;
    packet.protocol = reassembly.protocol;
    return reassembly.length;
  }

  /** The input has ended; datagrams that lack fragments are counted. */
  finish(oddities: OddityCounter): void {
    this.#reassembly?.finish(oddities);
  }
}

/**
 * Joins a fragment's packet to its datagram: the first leaves its ports (`packet` has been decoded), a later one takes them. When it was the last to come, and
 * every fragment was captured whole, true: then `packet.bytes` holds the datagram at REASSEMBLY_HEAD, `packet.payloadCaptured` long, for the caller to
 * decode before it calls `keepFragment`.
 */
export function joinFragment(
  bytes: Uint8Array,
  at: number,
  stop: number,
  length: number,
  offset: number,
  more: boolean,
  packet: Packet,
  identification: number,
  keyProtocol: number,
  protocol: number,
  fragments: Fragments,
  oddities: OddityCounter,
): boolean {
  if (offset === 0) {
    fragments.remember(packet, identification, keyProtocol);
  } else {
    packet.isLaterFragment = 1;
    packet.payload = at;
    packet.payloadLength = length > 0 ? length : 0;
    packet.payloadCaptured = stop > at ? stop - at : 0;
    if (!fragments.recall(packet, identification, keyProtocol))
      oddities.count(ODDITY[packet.isV6 !== 0 ? 'ipv6.fragment-without-first' : 'ipv4.fragment-without-first']);
  }
  if (stop - at !== length) return false;
  const whole = fragments.complete(
    bytes,
    at,
    length,
    offset,
    more,
    packet,
    identification,
    keyProtocol,
    protocol,
    oddities,
  );
  if (whole < 0) return false;
  packet.isFirstFragment = packet.isLaterFragment = 0;
  packet.payload = 0;
  packet.payloadCaptured = whole;
  return true;
}

/**
 * The whole datagram has been decoded into the packet of the fragment that came last. What that fragment was on its own frame is put back: then lengths add
 * up, and flags count once: with the first fragment, or here where that was too short to show them, as scanners make it to pass filters (RFC 1858).
 */
export function keepFragment(packet: Packet, payloadLength: number, isLater: boolean, fragments: Fragments): void {
  packet.isReassembled = 1;
  packet.payloadLength = payloadLength;
  if (isLater) {
    packet.isLaterFragment = 1;
    if (!fragments.isFlagless) packet.tcpFlags = 0;
    packet.quoted = 0;
  } else packet.isFirstFragment = 1;
}

function slot(packet: Packet, identification: number, keyProtocol: number): number {
  let h = packet.src0 ^ Math.imul(packet.dst0, 0x9e3779b1) ^ packet.src3 ^ Math.imul(packet.dst3, 0x85ebca6b);
  h = Math.imul(h ^ identification, 0xc2b2ae35) ^ keyProtocol;
  return ((h ^ (h >>> 15)) & (SLOTS - 1)) * WORDS;
}
