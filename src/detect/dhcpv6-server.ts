import { counted, type Few, fewAdd, fewHas, fewMembers, fewSize, numberAt, textAt } from '../core/index.ts';
import type { FlowBatch } from '../flow/index.ts';
import { Case, CaseBook, operationsOf } from './case.ts';
import { type Detection, MAX_PEERS, type Reason, type Saturation } from './detection.ts';
import type { Gateways } from './gateway.ts';
import { classesOf } from './told.ts';

const SERVER_PORT = 547;
const CLIENT_PORT = 546;
/** Addresses and clients that are kept of one server. */
const MOST_KEPT = 256;
/** fe80::/10, addresses that every host makes for itself and that no server gives. */
const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

const STRANGER_SCORE = 0.7;
const LOCAL_SCORE = 0.95;

class Server extends Case {
  macs: Few<string>;
  dns: Few<string>;
  clients: Few<string>;
  /** Leases of link-local addresses. */
  local: Few<string>;
}

/**
 * Servers of DHCPv6 that draw the names of a wire to themselves, as mitm6 does: computers ask for a DHCPv6 server all day, prefer IPv6, and take the DNS server that they are told, also in a network that has only IPv4.
 *
 * One is found that names itself as DNS server, and either leases link-local addresses, which no server does as every host has one of its own, or does so by its link-local address while the traffic to outside
 * goes through other hardware addresses.
 *
 * Innocent, and left alone: routers that serve DHCPv6 and names; servers of names with an address of the network, as domain controllers and filters have; relays (port 547 to 547).
 * Innocent, and found: a server of names beside the router that is set up to be asked by its link-local address.
 *
 * Source: RFC 8415; 'mitm6: compromising IPv4 networks via IPv6', Dirk-jan Mollema, Fox-IT, 2018.
 */
export class Dhcpv6Servers {
  readonly #book: CaseBook<Server>;

  constructor(maxServers: number) {
    this.#book = new CaseBook('DHCPv6 servers', maxServers, Server);
  }

  observe(flows: FlowBatch): void {
    if (!flows.service.dictionary.includes('dhcpv6')) return;
    const isDhcp = classesOf(flows.service, (service) => service === 'dhcpv6');
    const services = flows.service.codes;
    for (let row = 0; row < flows.rowCount; row++)
      if (isDhcp[(services[row] as number) + 1] === 1) this.#take(flows, row);
  }

  #take(flows: FlowBatch, row: number): void {
    if (numberAt(flows.initiatorPort, row) !== SERVER_PORT || numberAt(flows.responderPort, row) !== CLIENT_PORT)
      return;
    const address = textAt(flows.initiator, row);
    const client = textAt(flows.responder, row);
    if (address === undefined || client === undefined) return;
    const operations = operationsOf(textAt(flows.operations, row) ?? '');
    if (!operations.includes('REPLY')) return;
    const server = this.#book.obtain(numberAt(flows.vlan, row) ?? '-', address);
    if (server === undefined) return;
    const mac = textAt(flows.initiatorMac, row);
    if (mac !== undefined) server.macs = kept(server.macs, mac);
    server.clients = kept(server.clients, client);
    for (const operation of operations) {
      const [word = '', ...addresses] = operation.split(' ');
      for (const one of addresses) {
        if (word === 'dns') server.dns = kept(server.dns, one);
        else if (word === 'lease' && LINK_LOCAL.test(one)) server.local = kept(server.local, one);
      }
    }
    this.#book.saw(server, flows.table, row, {
      peer: client,
      startMs: numberAt(flows.startMs, row),
      endMs: numberAt(flows.endMs, row),
    });
  }

  /** @param gateways through which the traffic to outside goes. */
  detections(detector: string, gateways: Gateways): Detection[] {
    return this.#book.entries().flatMap(([key, server]): Detection[] => {
      const address = key.slice(key.indexOf(' ') + 1);
      if (!fewHas(server.dns, address)) return [];
      const isLocal = fewSize(server.local) > 0;
      const isRouter = [...fewMembers(server.macs)].some((mac) => gateways.isGateway(mac));
      const isStranger = LINK_LOCAL.test(address) && fewSize(server.macs) > 0 && gateways.isKnown && !isRouter;
      return isLocal || isStranger ? [this.#detection(detector, address, server, isStranger)] : [];
    });
  }

  #detection(detector: string, address: string, server: Server, isStranger: boolean): Detection {
    const isLocal = fewSize(server.local) > 0;
    const clients = [...fewMembers(server.clients)].sort();
    const [lease = ''] = [...fewMembers(server.local)].sort();
    const reasons: Reason[] = [
      {
        name: 'rogue-dhcp.answers',
        value: server.flowCount,
        unit: 'flows',
        sentence: `It answered ${counted(clients.length, 'client')} by DHCPv6 in ${counted(server.flowCount, 'flow')}.`,
      },
      {
        name: 'rogue-dhcp.itself',
        value: address,
        unit: '',
        sentence: `It names itself, ${address}, as DNS server, so that its clients ask it for names.`,
      },
    ];
    if (isLocal)
      reasons.push({
        name: 'rogue-dhcp.local',
        value: lease,
        unit: '',
        sentence: `It gives addresses such as ${lease}, which hold on this wire alone and which every host makes for itself; no server does that.`,
      });
    if (isStranger)
      reasons.push({
        name: 'rogue-dhcp.stranger',
        value: [...fewMembers(server.macs)].sort()[0] ?? '',
        unit: '',
        sentence: 'Traffic to the Internet goes through other hardware addresses than its own: it is no router.',
      });
    const { firstMs, lastMs, known } = server.span;
    return {
      kind: 'rogue-dhcp.resolver',
      detector,
      actor: address,
      peers: clients.slice(0, MAX_PEERS),
      peerCount: clients.length,
      protocol: 'udp',
      service: 'dhcpv6',
      firstMs: known ? firstMs : 0,
      lastMs: known ? lastMs : 0,
      score: isLocal ? LOCAL_SCORE : STRANGER_SCORE,
      reasons,
      flows: this.#book.flows(server),
      flowCount: server.flowCount,
    };
  }

  saturations(detector: string): Saturation[] {
    return this.#book.saturations(detector);
  }
}

function kept(set: Few<string>, text: string): Few<string> {
  return fewSize(set) < MOST_KEPT ? fewAdd(set, text) : set;
}
