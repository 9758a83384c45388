import { type Packet, TUNNEL } from './packet.ts';

/** GENEVE, RFC 8926. */

const OPTIONS = 0;
const FLAGS = 1;
const PROTOCOL = 2;
const VNI = 4;
const RESERVED = 7;
const HEADER_BYTES = 8;
const CONTROL = 0x80;
const RESERVED_FLAGS = 0x3f;

export const PORT_GENEVE = 6081;

/** Decodes the header at `at` when it is one of version 0: sets tunnel, VNI and `packet.other`, the EtherType of the data, and returns where they begin behind the options. */
export function decodeGeneve(view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < HEADER_BYTES) return -1;
  const first = view.getUint8(at + OPTIONS);
  if (first >> 6 !== 0) return -1;
  const flags = view.getUint8(at + FLAGS);
  if ((flags & (CONTROL | RESERVED_FLAGS)) !== 0 || view.getUint8(at + RESERVED) !== 0) return -1;
  const here = at + HEADER_BYTES + ((first & 0x3f) << 2);
  if (here >= end) return -1;
  packet.tunnel = TUNNEL.geneve;
  packet.tunnelId = view.getUint32(at + VNI) >>> 8;
  packet.other = view.getUint16(at + PROTOCOL);
  return here;
}

/** A header with options, already encoded to a multiple of 4 bytes, and the payload. */
export function encodeGeneve(fields: {
  vni: number;
  protocol: number;
  payload: Uint8Array;
  options?: Uint8Array;
}): Uint8Array {
  const { vni, protocol, payload, options = new Uint8Array() } = fields;
  const out = new Uint8Array(HEADER_BYTES + options.length + payload.length);
  const view = new DataView(out.buffer);
  view.setUint8(OPTIONS, options.length >> 2);
  view.setUint16(PROTOCOL, protocol);
  view.setUint32(VNI, (vni << 8) >>> 0);
  out.set(options, HEADER_BYTES);
  out.set(payload, HEADER_BYTES + options.length);
  return out;
}

/** 'VNI 100'. */
export function summarizeGeneve(vni: number): string {
  return `VNI ${vni}`;
}
