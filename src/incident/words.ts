import { counted, humanDuration } from '../core/index.ts';
import { UNLIKE_ITS_PORT } from '../detect/index.ts';
import { PROTO, parseAddress, serviceByPort } from '../wire/index.ts';

/**
 * How hosts, ports and services are written in titles, rules and verdicts. Nothing passes through here that the network chose: what is no address and
 * no service of the tables is not repeated.
 */

/** Names of services as people write them. A service that is neither here nor in the port table is not named at all. */
const SERVICE_LABELS: Readonly<Record<string, string>> = {
  'dns-tls': 'DNS over TLS',
  'ftp-data': 'FTP data',
  'http-proxy': 'HTTP proxy',
  'mqtt-tls': 'MQTT over TLS',
  'netbios-ns': 'NetBIOS names',
  'netbios-ssn': 'NetBIOS sessions',
  'winrm-tls': 'WinRM over TLS',
  'apple-remote-desktop': 'Apple Remote Desktop',
  'dvr-discovery': 'video recorder discovery',
  'mssql-browser': 'SQL Server browser',
  'plex-discovery': 'Plex discovery',
  'ubiquiti-discovery': 'Ubiquiti discovery',
  'ws-discovery': 'WS-Discovery',
  bittorrent: 'BitTorrent',
  chargen: 'chargen',
  cldap: 'CLDAP',
  coap: 'CoAP',
  dcerpc: 'Windows RPC',
  dhcp: 'DHCP',
  dns: 'DNS',
  docker: 'Docker',
  dtls: 'DTLS',
  elasticsearch: 'Elasticsearch',
  ftp: 'FTP',
  ftps: 'FTP over TLS',
  http: 'HTTP',
  ike: 'IKE',
  imap: 'IMAP',
  imaps: 'IMAP over TLS',
  ipmi: 'IPMI',
  ipp: 'IPP',
  irc: 'IRC',
  kerberos: 'Kerberos',
  ldap: 'LDAP',
  ldaps: 'LDAP over TLS',
  mdns: 'mDNS',
  memcached: 'Memcached',
  modbus: 'Modbus',
  mongodb: 'MongoDB',
  mqtt: 'MQTT',
  mssql: 'SQL Server',
  mysql: 'MySQL',
  nfs: 'NFS',
  ntp: 'NTP',
  openvpn: 'OpenVPN',
  oracle: 'Oracle',
  pop3: 'POP3',
  pop3s: 'POP3 over TLS',
  postgresql: 'PostgreSQL',
  printer: 'printing',
  qotd: 'quote of the day',
  quic: 'QUIC',
  rdp: 'Remote Desktop',
  redis: 'Redis',
  rpcbind: 'RPC portmapper',
  rtsp: 'RTSP',
  sip: 'SIP',
  smb: 'Windows file sharing',
  smtp: 'SMTP',
  smtps: 'SMTP over TLS',
  snmp: 'SNMP',
  socks: 'SOCKS proxy',
  ssdp: 'SSDP',
  ssh: 'SSH',
  stratum: 'cryptocurrency mining',
  stun: 'STUN',
  syslog: 'syslog',
  telnet: 'Telnet',
  tftp: 'TFTP',
  tls: 'TLS',
  [UNLIKE_ITS_PORT]: 'another protocol',
  vnc: 'VNC',
  winrm: 'WinRM',
  wireguard: 'WireGuard',
};

/** Other names of the same services, as the port table and other flow sources write them. */
const SERVICE_ALIASES: Readonly<Record<string, string>> = {
  'microsoft-ds': 'smb',
  'ms-wbt-server': 'rdp',
  https: 'tls',
  ssl: 'tls',
  submission: 'smtp',
};

const LABELS: ReadonlyMap<string, string> = new Map(Object.entries(SERVICE_LABELS));
const ALIASES: ReadonlyMap<string, string> = new Map(Object.entries(SERVICE_ALIASES));

/** 'Remote Desktop' for `rdp`; undefined for a service that no table knows, whose name may have come from the network. */
export function serviceLabel(service: string | undefined): string | undefined {
  return service === undefined ? undefined : LABELS.get(ALIASES.get(service) ?? service);
}

/** The service that usually listens on a port of 'tcp' or 'udp', under the name that the tables use. */
export function usualService(port: number | undefined, protocol: string | undefined): string | undefined {
  if (port === undefined) return undefined;
  const name = serviceByPort(protocol === 'udp' ? PROTO.udp : PROTO.tcp, port);
  return name === undefined ? undefined : (ALIASES.get(name) ?? name);
}

/** The service under the name that the tables use; undefined where no table knows it. */
export function knownService(service: string | undefined): string | undefined {
  const name = service === undefined ? undefined : (ALIASES.get(service) ?? service);
  return name !== undefined && LABELS.has(name) ? name : undefined;
}

/** 'port 445 (Windows file sharing)'; the content's service before the port's, the port alone where neither is known; 'port 443 (not TLS)' where the content contradicts the port. */
export function portLabel(port: number, protocol?: string, service?: string): string {
  const usual = serviceLabel(usualService(port, protocol));
  const isUnlike = service === UNLIKE_ITS_PORT && usual !== undefined;
  const label = isUnlike ? `not ${usual}` : (serviceLabel(service) ?? usual);
  const transport = protocol === 'udp' ? 'UDP port' : 'port';
  return label === undefined ? `${transport} ${port}` : `${transport} ${port} (${label})`;
}

const MAC = /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i;

/** The address as it is, when it is one (IP or MAC); a fixed phrase when it is other text, which nobody should read as part of a sentence. */
export function addressLabel(address: string): string {
  return isAddress(address) ? address : 'a host without a valid address';
}

export function isAddress(text: string): boolean {
  return text.length <= 45 && (parseAddress(text) !== undefined || MAC.test(text));
}

/** 'A', 'A and B', or '251 hosts (A, B and others)', where `total` says how many there are in truth. */
export function addressList(addresses: readonly string[], total: number, noun: 'host' | 'address' = 'host'): string {
  const all = Math.max(total, addresses.length);
  const shown = addresses.slice(0, 2).map(addressLabel);
  const number = counted(all, noun, noun === 'address' ? 'addresses' : 'hosts');
  if (shown.length === 0) return all === 0 ? `an unknown ${noun}` : number;
  return all <= shown.length ? shown.join(' and ') : `${number} (${shown.join(', ')} and others)`;
}

/** ' in 10.2 s', nothing of what is told of one moment. */
export function spanText(firstMs: number, lastMs: number): string {
  return lastMs > firstMs ? ` in ${humanDuration(lastMs - firstMs)}` : '';
}

/** '98.1 %'. */
export function percent(ratio: number): string {
  return `${Number((100 * ratio).toFixed(1))} %`;
}

/** A kind or detector name when it is written as ours are; 'unnamed' otherwise. */
export function nameLabel(name: string): string {
  return /^[a-z][a-z.-]{0,60}$/.test(name) ? name : 'unnamed';
}
