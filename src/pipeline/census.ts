import { numberAt, type Table, textAt } from '../core/index.ts';
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
    for (let row = 0; row < table.rowCount; row++) {
      c.flows++;
      const protocol = textAt(f.protocol, row) ?? '';
      const service = textAt(f.service, row);
      if (protocol === 'tcp') {
        c.tcp++;
        const initiator = numberAt(f.initiatorPackets, row) ?? 0;
        const responder = numberAt(f.responderPackets, row) ?? 0;
        const flags = textAt(f.initiatorFlags, row) ?? '';
        if (initiator === 0 || (responder === 0 && flags.includes('A'))) c.tcpOneWay++;
        if (!flags.includes('S') && numberAt(f.continued, row) !== 1) c.tcpMidStream++;
      }
      if (service === 'tls') c.tls++;
      else if (service === 'quic') c.quic++;
      else if (service === 'dns') c.dns++;
      else if (service === 'dns-tls') c.encryptedDns++;
      if (TUNNEL_PROTOCOLS.has(protocol) || (service !== undefined && TUNNEL_SERVICES.has(service))) c.tunnels++;
    }
  }

  finish(): CensusCounts {
    return this.#counts;
  }
}
