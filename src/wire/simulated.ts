import { decodeSection } from './pcapng.ts';

/**
 * How simulated data says that it is: a capture in its header, every label in a column, every file in its name. pcapng carries a comment and the application's name. Classic pcap has no
 * place for text; its second reserved word, which writers should leave 0 and readers must ignore (draft-ietf-opsawg-pcap section 4), holds 'SIMU' instead. A marker packet
 * would have changed what is counted; a refusal to write pcap would have kept older tools out.
 */

export const SIMULATED_APPLICATION = 'anomalyst simulate';
const COMMENT_START = 'simulated traffic';
/** 'SIMU' as a number. */
const PCAP_MARK = 0x53494d55;
const PCAP_RESERVED = 12;
const PCAP_HEADER_BYTES = 24;
const SECTION_BLOCK = 0x0a0d0d0a;

/** What the section header of a simulated pcapng says. */
export function simulatedComment(scenario: string, seed: number): string {
  return `${COMMENT_START}: scenario ${scenario}, seed ${seed}; no network was captured`;
}

/** Marks the header of a classic pcap file, in place. @param head its first 24 bytes or more. */
export function markPcap(head: Uint8Array): void {
  if (head.length < PCAP_HEADER_BYTES) throw new RangeError('a pcap header has 24 bytes');
  new DataView(head.buffer, head.byteOffset).setUint32(PCAP_RESERVED, PCAP_MARK, true);
}

/**
 * Whether a capture says of itself that it was simulated by this program.
 * @param head its first bytes, not compressed: 24 of a pcap, the first block of a pcapng (1 KiB is plenty). Fewer, or bytes of anything else, are false.
 */
export function isSimulated(head: Uint8Array): boolean {
  if (head.length < PCAP_HEADER_BYTES) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0, true);
  if (magic === 0xa1b2c3d4 || magic === 0xa1b23c4d) return view.getUint32(PCAP_RESERVED, true) === PCAP_MARK;
  if (magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1) return view.getUint32(PCAP_RESERVED, false) === PCAP_MARK;
  if (magic !== SECTION_BLOCK) return false;
  const order = view.getUint32(8, true);
  if (order !== 0x1a2b3c4d && order !== 0x4d3c2b1a) return false;
  const littleEndian = order === 0x1a2b3c4d;
  const length = view.getUint32(4, littleEndian);
  const end = Math.min(head.length, length) - 4;
  if (end < 8) return false;
  const { application, comment } = decodeSection(view, 8, end, littleEndian);
  return application === SIMULATED_APPLICATION || comment?.startsWith(`${COMMENT_START}:`) === true;
}
