import { numberAt, type Table } from '../core/index.ts';
import { bindFlows } from '../flow/index.ts';

/** What kinds of flows there were, for saying what could not be seen in them. */
export interface CensusCounts {
  flows: number;
  tcp: number;
  /** TCP flows of which only one direction was captured although it was under way. */
  tcpOneWay: number;
  /** TCP flows whose beginning was not seen. */
  tcpMidStream: number;
  tls: number;
  quic: number;
  dns: number;
  encryptedDns: number;
  tunnels: number;
}

const TUNNEL_PROTOCOLS = new Set(['gre', 'ipip', 'ipv6', 'esp', 'ah', 'l2tp']);
const TUNNEL_SERVICES = new Set(['vxlan', 'geneve', 'gtp-u', 'teredo', 'wireguard', 'openvpn', 'l2tp', 'ike']);

const TCP = 1;
const TLS = 2;
const QUIC = 3;
const DNS = 4;
const DNS_TLS = 5;
const TUNNEL = 6;
const ACKNOWLEDGED = 1;
const SYN = 2;

function kindOfProtocol(protocol: string): number {
  return protocol === 'tcp' ? TCP : TUNNEL_PROTOCOLS.has(protocol) ? TUNNEL : 0;
}

function kindOfService(service: string): number {
  if (TUNNEL_SERVICES.has(service)) return TUNNEL;
  return service === 'tls'
    ? TLS
    : service === 'quic'
      ? QUIC
      : service === 'dns'
        ? DNS
        : service === 'dns-tls'
          ? DNS_TLS
          : 0;
}

export class FlowCensus {
  #counts: CensusCounts = {
    flows: 0,
    tcp: 0,
    tcpOneWay: 0,
    tcpMidStream: 0,
    tls: 0,
    quic: 0,
    dns: 0,
    encryptedDns: 0,
    tunnels: 0,
  };

  observe(table: Table): void {
    const f = bindFlows(table);
    const c = this.#counts;
    const protocols = f.protocol.dictionary.map(kindOfProtocol);
    const services = f.service.dictionary.map(kindOfService);
    const flags = f.initiatorFlags.dictionary.map(
      (text) => (text.includes('A') ? ACKNOWLEDGED : 0) | (text.includes('S') ? SYN : 0),
    );
    for (let row = 0; row < table.rowCount; row++) {
      c.flows++;
      const protocol = protocols[f.protocol.codes[row] ?? -1] ?? 0;
      const service = services[f.service.codes[row] ?? -1] ?? 0;
      if (protocol === TCP) {
        c.tcp++;
        const initiator = numberAt(f.initiatorPackets, row) ?? 0;
        const responder = numberAt(f.responderPackets, row) ?? 0;
        const seen = flags[f.initiatorFlags.codes[row] ?? -1] ?? 0;
        if (initiator === 0 || (responder === 0 && (seen & ACKNOWLEDGED) !== 0)) c.tcpOneWay++;
        if ((seen & SYN) === 0 && numberAt(f.continued, row) !== 1) c.tcpMidStream++;
      }
      if (service === TLS) c.tls++;
      else if (service === QUIC) c.quic++;
      else if (service === DNS) c.dns++;
      else if (service === DNS_TLS) c.encryptedDns++;
      if (protocol === TUNNEL || service === TUNNEL) c.tunnels++;
    }
  }

  finish(): CensusCounts {
    return this.#counts;
  }
}
