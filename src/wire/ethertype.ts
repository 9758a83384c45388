/** EtherTypes, as IEEE and IANA list them: the language in which one layer tells the next what it carries. */

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_QINQ = 0x88a8;
export const ETHERTYPE_QINQ_OLD = 0x9100;
/** Transparent Ethernet bridging: a whole Ethernet frame comes next. */
export const ETHERTYPE_ETHERNET = 0x6558;
export const ETHERTYPE_PPP = 0x880b;
export const ETHERTYPE_MPLS = 0x8847;
export const ETHERTYPE_MPLS_MULTICAST = 0x8848;
export const ETHERTYPE_PPPOE_DISCOVERY = 0x8863;
export const ETHERTYPE_PPPOE = 0x8864;
export const ETHERTYPE_MACSEC = 0x88e5;
export const ETHERTYPE_PBB = 0x88e7;
export const ETHERTYPE_CISCO_META = 0x8909;
export const ETHERTYPE_VNTAG = 0x8926;
export const ETHERTYPE_NSH = 0x894f;

const ETHERTYPE_NAMES = new Map<number, string>([
  [ETHERTYPE_IPV4, 'IPv4'],
  [ETHERTYPE_ARP, 'ARP'],
  [ETHERTYPE_IPV6, 'IPv6'],
  [0x0027, 'loop test'],
  [0x22f3, 'TRILL'],
  [0x2452, '802.11 in Ethernet (Intel Centrino)'],
  [0x22f4, 'IS-IS'],
  [0x6001, 'DEC MOP dump or load'],
  [0x6002, 'DEC MOP'],
  [0x6004, 'DEC LAT'],
  [ETHERTYPE_ETHERNET, 'bridged Ethernet'],
  [0x6559, 'Frame Relay'],
  [0x8035, 'RARP'],
  [0x809b, 'AppleTalk'],
  [0x80f3, 'AppleTalk ARP'],
  [0x8137, 'IPX'],
  [0x8808, 'Ethernet flow control'],
  [0x8809, 'slow protocols (LACP)'],
  [ETHERTYPE_PPP, 'PPP'],
  [ETHERTYPE_MPLS, 'MPLS'],
  [ETHERTYPE_MPLS_MULTICAST, 'MPLS multicast'],
  [ETHERTYPE_PPPOE_DISCOVERY, 'PPPoE discovery'],
  [ETHERTYPE_PPPOE, 'PPPoE session'],
  [0x886d, 'Intel probe'],
  [0x887b, 'HomePlug'],
  [0x888e, '802.1X'],
  [0x8899, 'Realtek loop detection'],
  [0x8892, 'PROFINET'],
  [0x88a4, 'EtherCAT'],
  [0x88a2, 'ATA over Ethernet'],
  [0x88ab, 'POWERLINK'],
  [0x88b8, 'GOOSE'],
  [0x88ba, 'IEC 61850 sampled values'],
  [0x88be, 'ERSPAN'],
  [0x88cc, 'LLDP'],
  [ETHERTYPE_MACSEC, 'MACsec'],
  [ETHERTYPE_PBB, '802.1ah backbone bridging'],
  [0x88e1, 'HomePlug AV'],
  [0x88f5, 'MVRP'],
  [0x88f6, 'MMRP'],
  [0x88f7, 'PTP'],
  [0x88fb, 'PRP supervision'],
  [0x8902, 'Ethernet CFM'],
  [0x8903, 'FabricPath'],
  [0x8906, 'Fibre Channel over Ethernet'],
  [ETHERTYPE_CISCO_META, 'Cisco metadata'],
  [0x8914, 'FCoE initialization'],
  [0x8915, 'RDMA over Ethernet'],
  [ETHERTYPE_VNTAG, 'VN-Tag'],
  [0x892f, 'HSR'],
  [0x893a, '1905.1'],
  [ETHERTYPE_NSH, 'NSH'],
  [0x9000, 'loopback test'],
]);

/** 'LLDP', 'MPLS', ... or 'EtherType 0x1234'. */
export function summarizeEtherType(type: number): string {
  return ETHERTYPE_NAMES.get(type) ?? `EtherType 0x${type.toString(16).padStart(4, '0')}`;
}
