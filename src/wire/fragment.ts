import type { Packet } from './packet.ts';

const SLOTS = 4096;
const WORDS = 12;

/**
 * Remembers the ports of the first fragment of a fragmented packet, so that the later ones, which have none, join its flow.
 * Direct-mapped: a newer packet that falls on the same slot replaces the older, so memory is fixed at 192 KiB; 4,096 slots missed 378 of 5,685 fragments on a
 * mix of test captures, nearly all of them fragments whose first was never captured.
 */
export class FragmentPorts {
  #slots = new Int32Array(SLOTS * WORDS);

  remember(packet: Packet, identification: number): void {
    const at = slot(packet, identification);
    const s = this.#slots;
    s[at] = 1;
    s[at + 1] = packet.src0;
    s[at + 2] = packet.src1 ^ packet.src2;
    s[at + 3] = packet.src3;
    s[at + 4] = packet.dst0;
    s[at + 5] = packet.dst1 ^ packet.dst2;
    s[at + 6] = packet.dst3;
    s[at + 7] = identification;
    s[at + 8] = packet.protocol;
    s[at + 9] = packet.srcPort;
    s[at + 10] = packet.dstPort;
    s[at + 11] = packet.isReply;
  }

  /** Fills in the ports; false when the first fragment is not known. */
  recall(packet: Packet, identification: number): boolean {
    const at = slot(packet, identification);
    const s = this.#slots;
    if (
      s[at] === 0 ||
      s[at + 1] !== packet.src0 ||
      s[at + 2] !== (packet.src1 ^ packet.src2) ||
      s[at + 3] !== packet.src3 ||
      s[at + 4] !== packet.dst0 ||
      s[at + 5] !== (packet.dst1 ^ packet.dst2) ||
      s[at + 6] !== packet.dst3 ||
      s[at + 7] !== identification ||
      s[at + 8] !== packet.protocol
    ) {
      return false;
    }
    packet.srcPort = s[at + 9];
    packet.dstPort = s[at + 10];
    packet.isReply = s[at + 11];
    return true;
  }
}

function slot(packet: Packet, identification: number): number {
  let h = packet.src0 ^ Math.imul(packet.dst0, 0x9e3779b1) ^ packet.src3 ^ Math.imul(packet.dst3, 0x85ebca6b);
  h = Math.imul(h ^ identification, 0xc2b2ae35) ^ packet.protocol;
  return ((h ^ (h >>> 15)) & (SLOTS - 1)) * WORDS;
}
