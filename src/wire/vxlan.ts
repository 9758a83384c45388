import { ETHERTYPE_ETHERNET } from './ethertype.ts';
import { type Packet, TUNNEL } from './packet.ts';

/** VXLAN (RFC 7348), with the group policy bit of draft-smith-vxlan-group-policy, and its generic extension VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe). */

const FLAGS = 0;
const GPE_NEXT = 3;
const VNI = 4;
const RESERVED = 7;
const HEADER_BYTES = 8;
const HAS_VNI = 0x08;
const GROUP_POLICY = 0x80;
const GPE_VERSION = 0x30;
const GPE_HAS_NEXT = 0x04;
const GPE_OAM = 0x01;
const GPE_TYPES = [0, 0x0800, 0x86dd, 0x6558, 0x894f, 0x8847];

/** UDP ports, by IANA. */
export const PORT_VXLAN = 4789;
export const PORT_VXLAN_GPE = 4790;

/** Decodes the header at `at` when it is one, by its flags and the bytes that are reserved: sets tunnel, VNI and `packet.other`, and returns where the frame begins. */
export function decodeVxlan(view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < HEADER_BYTES) return -1;
  const flags = view.getUint8(at + FLAGS);
  if ((flags & ~GROUP_POLICY) !== HAS_VNI || view.getUint8(at + RESERVED) !== 0) return -1;
  if ((flags & GROUP_POLICY) === 0 && (view.getUint32(at) & 0xffffff) !== 0) return -1;
  packet.tunnel = TUNNEL.vxlan;
  packet.tunnelId = view.getUint32(at + VNI) >>> 8;
  packet.other = ETHERTYPE_ETHERNET;
  return at + HEADER_BYTES;
}

/** The same for VXLAN-GPE, which says what it carries. */
export function decodeVxlanGpe(view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < HEADER_BYTES) return -1;
  const flags = view.getUint8(at + FLAGS);
  if ((flags & HAS_VNI) === 0 || (flags & (GPE_VERSION | GPE_OAM)) !== 0 || view.getUint8(at + RESERVED) !== 0)
    return -1;
  // Early drafts have the next protocol without the flag for it; without both it is Ethernet, as in VXLAN.
  const next = view.getUint8(at + GPE_NEXT);
  const type = next === 0 && (flags & GPE_HAS_NEXT) === 0 ? ETHERTYPE_ETHERNET : (GPE_TYPES[next] ?? 0);
  if (type === 0) return -1;
  packet.tunnel = TUNNEL.vxlan;
  packet.tunnelId = view.getUint32(at + VNI) >>> 8;
  packet.other = type;
  return at + HEADER_BYTES;
}

/** A header and the frame behind it. */
export function encodeVxlan(vni: number, frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + frame.length);
  const view = new DataView(out.buffer);
  view.setUint8(FLAGS, HAS_VNI);
  view.setUint32(VNI, (vni << 8) >>> 0);
  out.set(frame, HEADER_BYTES);
  return out;
}

/** 'VNI 100'. */
export function summarizeVxlan(vni: number): string {
  return `VNI ${vni}`;
}
