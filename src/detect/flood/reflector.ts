import { PROTO, serviceByPort } from '../../wire/index.ts';

/**
 * Services over UDP whose answers are much larger than the questions, so that questions in somebody else's name become a flood of him: Rossow, "Amplification Hell", NDSS 2014,
 * CISA alert TA14-017A with its additions, and what was misused since.
 */
const REFLECTED = new Set([
  'chargen',
  'cldap',
  'coap',
  'dns',
  'ipmi',
  'mdns',
  'memcached',
  'mssql-browser',
  'netbios-ns',
  'ntp',
  'openvpn',
  'rpcbind',
  'sip',
  'snmp',
  'ssdp',
  'stun',
  'tftp',
  'ws-discovery',
]);

/** Ports for which the list of services has no name, or has the name for others as well that carry tunnels. */
const BY_PORT: ReadonlyMap<number, string> = new Map([
  [17, 'qotd'],
  [500, 'ike'],
  [3283, 'apple-remote-desktop'],
  [3389, 'rdp'],
  [10_001, 'ubiquiti-discovery'],
  [32_414, 'plex-discovery'],
  [37_810, 'dvr-discovery'],
]);

const NOT_ASKED = '';
const names = new Map<number, string>();

/** The service on a UDP port that is known to be misused as a reflector; undefined for all others. */
export function reflectorOn(port: number): string | undefined {
  let name = names.get(port);
  if (name === undefined) {
    const service = serviceByPort(PROTO.udp, port);
    name = service !== undefined && REFLECTED.has(service) ? service : (BY_PORT.get(port) ?? NOT_ASKED);
    names.set(port, name);
  }
  return name === NOT_ASKED ? undefined : name;
}
