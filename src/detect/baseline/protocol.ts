import { nearest } from '../../core/index.ts';
import { PEEKS } from '../../flow/index.ts';
import { otherFrameKind, PROTO, protocolName, serviceByPort } from '../../wire/index.ts';
import type { BaselineLayer } from './schema.ts';

/**
 * Protocols under the names that people use, at every layer, and the same names told from flows: what a baseline allows and what is seen are compared as text that both sides have
 * brought into one form (`protocolKey`).
 *
 * Where a protocol stands: what rides on Ethernet beside IP is link (ARP, LLDP); IP itself and what belongs to it or is carried by it without being a transport is network (ICMP,
 * ICMPv6, IGMP, GRE, OSPF); TCP, UDP, SCTP and UDP-Lite are transport; all that they carry is application.
 */

/** The form in which names are compared: lower case, without blanks and hyphens but for those of a range of ports, other spellings brought to one. */
export function protocolKey(name: string): string {
  const key = name.toLowerCase().replace(/[\s_]+|(?<!\d)-|-(?!\d)/g, '');
  return ALIASES.get(key) ?? key;
}

const LINK_NAMES = [
  'ARP',
  'RARP',
  'LLDP',
  '802.1X',
  'LACP',
  'spanning tree',
  'CDP',
  'VTP',
  'DTP',
  'PPPoE discovery',
  'MACsec',
  'PROFINET',
  'EtherCAT',
  'POWERLINK',
  'GOOSE',
  'PTP',
  'HomePlug',
  'HomePlug AV',
  'IPX',
  'AppleTalk',
  '1905.1',
  'MVRP',
  'MMRP',
];

const NETWORK_NAMES = [
  'IPv4',
  'IPv6',
  'ICMP',
  'ICMPv6',
  'IGMP',
  'GRE',
  'ESP',
  'AH',
  'OSPF',
  'PIM',
  'VRRP',
  'EIGRP',
  'L2TP',
  'EtherIP',
];

const TRANSPORT_NAMES = ['TCP', 'UDP', 'SCTP', 'UDP-Lite'];

/** Application protocols that are not written in capitals, or not as our service ids have them. */
const APPLICATION_NAMES: Readonly<Record<string, string>> = {
  bittorrent: 'BitTorrent',
  mdns: 'mDNS',
  rpcbind: 'rpcbind',
  kerberos: 'Kerberos',
  modbus: 'Modbus',
  opcua: 'OPC UA',
  openvpn: 'OpenVPN',
  wireguard: 'WireGuard',
  stratum: 'Stratum',
  redis: 'Redis',
  mysql: 'MySQL',
  postgresql: 'PostgreSQL',
  mongodb: 'MongoDB',
  memcached: 'Memcached',
  elasticsearch: 'Elasticsearch',
  docker: 'Docker',
  kafka: 'Kafka',
  kibana: 'Kibana',
  oracle: 'Oracle',
  printer: 'printer',
  syslog: 'syslog',
  telnet: 'Telnet',
  rsync: 'rsync',
  radius: 'RADIUS',
  netflow: 'NetFlow',
  sflow: 'sFlow',
  vxlan: 'VXLAN',
  geneve: 'Geneve',
  teredo: 'Teredo',
  dhcpv6: 'DHCPv6',
  winrm: 'WinRM',
  'netbios-ns': 'NetBIOS-NS',
  'netbios-dgm': 'NetBIOS-DGM',
  'netbios-ssn': 'NetBIOS-SSN',
  bacnet: 'BACnet',
  vmware: 'VMware',
};

/** What others write for the same, by key. */
const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ipv6icmp: 'icmpv6',
    icmp6: 'icmpv6',
    icmp4: 'icmp',
    icmpv4: 'icmp',
    ndp: 'icmpv6',
    mld: 'icmpv6',
    mldv2: 'icmpv6',
    igmpv1: 'igmp',
    igmpv2: 'igmp',
    igmpv3: 'igmp',
    ospfv2: 'ospf',
    ospfv3: 'ospf',
    ip: 'ipv4',
    ip4: 'ipv4',
    ip6: 'ipv6',
    eap: '802.1x',
    eapol: '802.1x',
    dot1x: '802.1x',
    stp: 'spanningtree',
    rstp: 'spanningtree',
    mstp: 'spanningtree',
    bpdu: 'spanningtree',
    'slowprotocols(lacp)': 'lacp',
    ciscopervlanspanningtree: 'spanningtree',
    profinetio: 'profinet',
    https: 'tls',
    ssl: 'tls',
    http3: 'quic',
    http2: 'http',
    'http/2': 'http',
    'http/1.1': 'http',
    'http/3': 'quic',
    'ssl/tls': 'tls',
    bonjour: 'mdns',
    zeroconf: 'mdns',
    bootp: 'dhcp',
    dhcpv4: 'dhcp',
    upnp: 'ssdp',
    cifs: 'smb',
    microsoftds: 'smb',
    mswbtserver: 'rdp',
    remotedesktop: 'rdp',
    ipsec: 'esp',
    udplite: 'udplite',
    unknown: 'unrecognised',
    unrecognized: 'unrecognised',
  }),
);

/** The entry that stands for all applications that nobody recognises. */
export const UNRECOGNISED = 'unrecognised';

const NAMES: Readonly<Record<Exclude<BaselineLayer, 'application'>, readonly string[]>> = {
  link: LINK_NAMES,
  network: NETWORK_NAMES,
  transport: TRANSPORT_NAMES,
};

let applications: Map<string, string> | undefined;

/** Every application protocol that flows can carry, by key. */
function applicationNames(): ReadonlyMap<string, string> {
  if (applications !== undefined) return applications;
  const ids = new Set<string>(PEEKS.keys());
  for (let port = 0; port < 65_536; port++) {
    for (const transport of [PROTO.tcp, PROTO.udp]) {
      const service = serviceByPort(transport, port);
      if (service !== undefined) ids.add(service);
    }
  }
  applications = new Map([...ids].map((id) => [protocolKey(id), APPLICATION_NAMES[id] ?? id.toUpperCase()]));
  applications.set(UNRECOGNISED, UNRECOGNISED);
  return applications;
}

const BY_KEY: ReadonlyMap<string, string> = new Map(
  [...LINK_NAMES, ...NETWORK_NAMES, ...TRANSPORT_NAMES].map((name) => [protocolKey(name), name]),
);

/** The name that is shown for a key: 'ICMPv6', 'DNS'; the key itself where nobody has named it. */
export function protocolLabel(key: string): string {
  const known = BY_KEY.get(key) ?? applicationNames().get(key);
  return known ?? key.replace(/^ip(?=\d{1,3}$)/, 'ip-');
}

const PORT_KEY = /^(?:tcp|udp|sctp)\/\d{1,5}(?:-\d{1,5})?$/;
const NUMBER_KEY = /^(?:ip\d{1,3}|(?:ethertype)?0x[0-9a-f]{4}|llc0x[0-9a-f]{2})$/;

/** What is wrong with a name at a layer, and what would be right; undefined where nothing is. */
export function protocolFault(
  layer: BaselineLayer,
  name: string,
): { readonly message: string; readonly hint: string } | undefined {
  const key = protocolKey(name);
  if (layerNames(layer).has(key)) return undefined;
  const elsewhere = (['link', 'network', 'transport', 'application'] as const).find(
    (other) => other !== layer && layerNames(other).has(key),
  );
  if (elsewhere !== undefined)
    return {
      message: `'${name}' is no protocol of the layer ${layer}`,
      hint: `write it under protocols.${elsewhere}`,
    };
  if (layer === 'application' ? PORT_KEY.test(key) && portsOf(key) !== undefined : NUMBER_KEY.test(key))
    return undefined;
  const names = [...layerNames(layer).values()];
  const near = nearest(name, names);
  if (near !== undefined) return { message: `unknown protocol '${name}'`, hint: `did you mean '${near}'?` };
  // Decoders of plugins bring names of their own; and not every EtherType has one.
  if (layer === 'application' || layer === 'link') return undefined;
  return { message: `unknown protocol '${name}'`, hint: `known here: ${names.join(', ')}, or a number as in ip-253` };
}

function layerNames(layer: BaselineLayer): ReadonlyMap<string, string> {
  if (layer === 'application') return applicationNames();
  return new Map(NAMES[layer].map((name) => [protocolKey(name), name]));
}

/** The layer that a name belongs to, for lists that do not say; application where nobody knows the name. */
export function layerOfProtocol(name: string): BaselineLayer {
  const key = protocolKey(name);
  for (const layer of ['link', 'network', 'transport'] as const) if (layerNames(layer).has(key)) return layer;
  if (/^ip\d{1,3}$/.test(key)) return 'network';
  return NUMBER_KEY.test(key) ? 'link' : 'application';
}

/** Whether a name is that of a protocol at any layer, or a number that stands for one. */
export function isKnownProtocol(name: string): boolean {
  const key = protocolKey(name);
  return (
    (['link', 'network', 'transport', 'application'] as const).some((layer) => layerNames(layer).has(key)) ||
    NUMBER_KEY.test(key) ||
    (PORT_KEY.test(key) && portsOf(key) !== undefined)
  );
}

/** 'tcp/5000-5010' as its parts; undefined for what is none. */
export function portsOf(
  key: string,
): { readonly transport: string; readonly from: number; readonly to: number } | undefined {
  const match = /^([a-z0-9*.+-]+)\/(\d{1,5})(?:-(\d{1,5}))?$/.exec(key);
  if (match === null) return undefined;
  const from = Number(match[2]);
  const to = Number(match[3] ?? match[2]);
  return from > to || to > 65_535 ? undefined : { transport: match[1] ?? '', from, to };
}

const TRANSPORTS = new Set(['tcp', 'udp', 'sctp', 'udplite']);

/** Layer and key of a flow's own protocol, as its column has it: 'tcp', 'icmpv6', 'arp', 'ip-253'. */
export function flowProtocol(protocol: string): { readonly layer: BaselineLayer; readonly key: string } {
  const key = protocolKey(protocol);
  if (key === 'arp') return { layer: 'link', key };
  // What is carried whole inside of IP is IP.
  if (key === 'ipip') return { layer: 'network', key: 'ipv4' };
  return { layer: TRANSPORTS.has(key) ? 'transport' : 'network', key };
}

/** Key of a frame that belongs to no flow, by `Packet.other`. */
export function frameProtocol(other: number): string {
  return protocolKey(otherFrameKind(other)).replace(/^ethertype/, '');
}

/** Name of an IP protocol by number: 'ICMPv6', 'ip-253'. */
export function ipProtocolLabel(number: number): string {
  return protocolLabel(protocolKey(protocolName(number)));
}
