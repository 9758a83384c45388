import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethertype.ts';
import { OTHER_CISCO, OTHER_LLC, type Packet } from './packet.ts';

/** IEEE 802.2 logical link control and SNAP (RFC 1042; 802.1H; RFC 2684 for bridged frames). */

const DSAP = 0;
const SSAP = 1;
const CONTROL = 2;
const OUI = 3;
const PROTOCOL = 6;
const HEADER_BYTES = 3;
const SNAP_BYTES = 8;

const SAP_SNAP = 0xaa;
const SAP_IP = 0x06;
const SAP_OSI = 0xfe;
const UNNUMBERED = 0x03;
const OUI_ETHERNET = 0x000000;
const OUI_BRIDGE_TUNNEL = 0x0000f8;
const OUI_CISCO = 0x00000c;
const OUI_BRIDGED = 0x0080c2;
const NLPID_IPV4 = 0xcc;
const NLPID_IPV6 = 0x8e;

/**
 * Decodes the header at `at`: sets `packet.other` to the EtherType that a SNAP header holds, or that the access point stands for, and returns where its
 * data begin. -1 when there is nothing of the network layer inside, and then `packet.other` says what there is.
 */
export function decodeLlc(bytes: Uint8Array, view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < HEADER_BYTES) {
    packet.other = OTHER_LLC;
    return -1;
  }
  const sap = bytes[at + DSAP];
  packet.other = OTHER_LLC + sap;
  // IPX straight behind the 802.3 length begins with a checksum of all ones, where LLC would be.
  if (sap === 0xff && bytes[at + SSAP] === 0xff) packet.other = OTHER_LLC + 0xffff;
  if (bytes[at + SSAP] !== sap || bytes[at + CONTROL] !== UNNUMBERED) return -1;
  if (sap === SAP_SNAP) return decodeSnap(view, at, end, packet);
  if (sap === SAP_IP) {
    packet.other = ETHERTYPE_IPV4;
    return at + HEADER_BYTES;
  }
  if (sap === SAP_OSI && end - at > HEADER_BYTES) {
    const nlpid = bytes[at + HEADER_BYTES];
    if (nlpid !== NLPID_IPV4 && nlpid !== NLPID_IPV6) return -1;
    packet.other = nlpid === NLPID_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    return at + HEADER_BYTES + 1;
  }
  return -1;
}

function decodeSnap(view: DataView, at: number, end: number, packet: Packet): number {
  if (end - at < SNAP_BYTES) return -1;
  const oui = view.getUint32(at + CONTROL) & 0xffffff;
  const protocol = view.getUint16(at + PROTOCOL);
  if (oui === OUI_ETHERNET || oui === OUI_BRIDGE_TUNNEL) {
    packet.other = protocol;
    return at + SNAP_BYTES;
  }
  if (oui === OUI_CISCO) packet.other = OTHER_CISCO + protocol;
  // Bridged Ethernet with (1) and without (7) its checksum; on ATM two bytes of padding come first.
  if (oui === OUI_BRIDGED && (protocol === 1 || protocol === 7)) {
    packet.other = ETHERTYPE_ETHERNET;
    const padded = end - at >= SNAP_BYTES + 2 && view.getUint16(at + SNAP_BYTES) === 0;
    return at + SNAP_BYTES + (padded ? 2 : 0);
  }
  return -1;
}

/** A header with SNAP, and its payload. */
export function encodeLlc(etherType: number, payload: Uint8Array, oui = OUI_ETHERNET): Uint8Array {
  const out = new Uint8Array(SNAP_BYTES + payload.length);
  const view = new DataView(out.buffer);
  out[DSAP] = out[SSAP] = SAP_SNAP;
  out[CONTROL] = UNNUMBERED;
  out[OUI] = oui >>> 16;
  view.setUint16(OUI + 1, oui & 0xffff);
  view.setUint16(PROTOCOL, etherType);
  out.set(payload, SNAP_BYTES);
  return out;
}

const SAP_NAMES = new Map<number, string>([
  [0x00, 'LLC test or exchange'],
  [0x04, 'SNA'],
  [0x06, 'IP over LLC'],
  [0x42, 'spanning tree'],
  [0x43, 'spanning tree'],
  [0x7e, 'X.25 over LLC'],
  [0x98, 'ARP over LLC'],
  [SAP_SNAP, 'SNAP'],
  [0xbc, 'Vines'],
  [0xe0, 'IPX'],
  [0xf0, 'NetBIOS over LLC'],
  [0xf4, 'LAN management'],
  [SAP_OSI, 'OSI (IS-IS, ES-IS, CLNP)'],
  [0xff, 'LLC global'],
  [0xffff, 'IPX'],
]);

const CISCO_NAMES = new Map<number, string>([
  [0x0102, 'Cisco DRiP'],
  [0x0104, 'Cisco PAgP'],
  [0x0105, 'Cisco MLS hello'],
  [0x010b, 'Cisco per-VLAN spanning tree'],
  [0x010c, 'Cisco VLAN bridge'],
  [0x0111, 'Cisco UDLD'],
  [0x2000, 'CDP'],
  [0x2001, 'Cisco CGMP'],
  [0x2003, 'VTP'],
  [0x2004, 'DTP'],
  [0x200a, 'Cisco STP uplink fast'],
]);

/** 'spanning tree', 'IPX' ... of an access point, or 'LLC 0x12'. */
export function summarizeLlc(sap: number): string {
  return SAP_NAMES.get(sap) ?? `LLC 0x${sap.toString(16).padStart(2, '0')}`;
}

/** 'CDP', 'VTP' ... of a protocol number of Cisco's. */
export function summarizeCisco(protocol: number): string {
  return CISCO_NAMES.get(protocol) ?? `Cisco protocol 0x${protocol.toString(16).padStart(4, '0')}`;
}
