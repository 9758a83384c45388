import { counted, type Few, fewAdd, fewHas, fewMembers, fewSize, numberAt, type Table, textAt } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { byScore, Case, CaseBook, compareText, operationsOf } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason, Saturation } from './detection.ts';
import { Dhcpv6Servers } from './dhcpv6-server.ts';
import { Gateways } from './gateway.ts';
import { classesOf } from './told.ts';

/**
 * A second DHCP server that sends clients another way: with itself as router or DNS server their traffic goes through it.
 *
 * What it sees. Whoever answers DHCP (offers and leases, told by content, from port 67) is a server; what it tells of routers and DNS servers is noted. Two servers of one VLAN that
 * serve the same wire (they broadcast both, answer the same client, lease addresses of one /24, or one has an address of a /24 that the other leases) and name no router, or no DNS server, in common contradict each other: one is
 * `rogue-dhcp.server`.
 *
 * Which of the two: the one whose router is not the way out, where the hardware address of exactly one of the named routers is that of a gateway (see `gateway.ts`); else the one that answered later
 * for the first time. Score 0.7; 0.9 where the way out decided, or where the server names itself as router or DNS server and the other does not; 0.95 where both.
 *
 * Innocent, and left alone: two servers that tell the same (a failover pair); one server with two addresses (the same hardware address); relays (port 67 to port 67), and what they
 * bring from another network; servers of different VLANs; a server whose answers name neither router nor DNS server.
 * Innocent, and found: a home router that somebody plugged in; a virtual machine with a DHCP server of its own.
 * DHCPv6 (`dhcpv6-server.ts`): a server that makes itself the DNS server of the wire with leases that no server gives, or beside the way out, is `rogue-dhcp.resolver`.
 *
 * What fools it: a rogue that tells router and DNS server of the true one and lies elsewhere (routes, proxy, boot server); one that answers where the capture does not see it; a rogue
 * alone on the wire.
 *
 * Cost: one look-up per flow in a small table, and 1 kB per server, capped.
 * Source: RFC 2131, RFC 2132, RFC 8415; ATT&CK T1557.003 (DHCP Spoofing).
 */
export const rogueDhcpInfo: DetectorInfo = {
  id: 'rogue-dhcp',
  kinds: ['rogue-dhcp.server', 'rogue-dhcp.resolver'],
  needs: ['initiator', 'responder', 'initiatorPort', 'responderPort', 'service', 'operations', 'initiatorMac'],
  sees: 'A second server that answers DHCP on the same wire and names another router or DNS server than the first; a DHCPv6 server that makes itself the DNS server of computers and is not their router.',
  fooledBy:
    'A rogue that copies router and DNS server of the true one, or answers out of sight. A home router plugged in by mistake is found too.',
  cost: 'One look-up per flow; about 1 kB per DHCP server.',
  source: 'RFC 2131, RFC 2132, RFC 8415; ATT&CK T1557.003 (DHCP Spoofing).',
};

export interface RogueDhcpOptions {
  /** Flows with answers of a server, from which on it counts. Default 1. */
  readonly minAnswers: number;
  readonly maxServers: number;
}

export const DEFAULT_ROGUE_DHCP_OPTIONS: RogueDhcpOptions = { minAnswers: 1, maxServers: 1024 };

const LATER_SCORE = 0.7;
const CLEAR_SCORE = 0.9;
const CLEAREST_SCORE = 0.95;

/** Addresses, clients or names that are kept of one server. */
const MOST_KEPT = 256;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const BROADCAST = '255.255.255.255';
const ADDRESS = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;

class Server extends Case {
  macs: Few<string>;
  routers: Few<string>;
  dns: Few<string>;
  /** Networks of /24 that it leases addresses of. */
  networks: Few<string>;
  clients: Few<string>;
  broadcasts = false;
}

interface Known {
  readonly address: string;
  readonly vlan: string;
  readonly server: Server;
}

export function createRogueDhcpDetector(context: NetworkContext, options: Partial<RogueDhcpOptions> = {}): Detector {
  return new RogueDhcpDetector(context, { ...DEFAULT_ROGUE_DHCP_OPTIONS, ...options });
}

class RogueDhcpDetector implements Detector {
  readonly id = rogueDhcpInfo.id;
  readonly #context: NetworkContext;
  readonly #options: RogueDhcpOptions;
  readonly #book: CaseBook<Server>;
  readonly #gateways: Gateways;
  readonly #sixth: Dhcpv6Servers;
  /** Hardware address of routers that were named, as the flows show it. */
  readonly #macs = new Map<string, string>();

  constructor(context: NetworkContext, options: RogueDhcpOptions) {
    this.#context = context;
    this.#options = options;
    this.#book = new CaseBook('DHCP servers', options.maxServers, Server);
    this.#gateways = new Gateways(context);
    this.#sixth = new Dhcpv6Servers(options.maxServers);
  }

  observe(table: Table): void {
    const flows = bindFlows(table);
    this.#gateways.observe(table);
    this.#sixth.observe(flows);
    if (!flows.service.dictionary.includes('dhcp')) return;
    const isDhcp = classesOf(flows.service, (service) => service === 'dhcp');
    const services = flows.service.codes;
    for (let row = 0; row < flows.rowCount; row++)
      if (isDhcp[(services[row] as number) + 1] === 1) this.#take(flows, row);
  }

  #take(flows: FlowBatch, row: number): void {
    const from = numberAt(flows.initiatorPort, row);
    const to = numberAt(flows.responderPort, row);
    const isFromServer = from === SERVER_PORT && to === CLIENT_PORT;
    if (!isFromServer && !(from === CLIENT_PORT && to === SERVER_PORT)) return;
    const address = textAt(isFromServer ? flows.initiator : flows.responder, row);
    const client = textAt(isFromServer ? flows.responder : flows.initiator, row);
    const operations = operationsOf(textAt(flows.operations, row) ?? '');
    if (address === undefined || client === undefined || address === BROADCAST) return;
    if (!operations.includes('OFFER') && !operations.includes('ACK')) return;
    const server = this.#book.obtain(numberAt(flows.vlan, row) ?? '-', address);
    if (server === undefined) return;
    const mac = textAt(isFromServer ? flows.initiatorMac : flows.responderMac, row);
    if (mac !== undefined) {
      server.macs = kept(server.macs, mac);
      if (this.#macs.size < MOST_KEPT) this.#macs.set(address, mac);
    }
    if (client === BROADCAST) server.broadcasts = true;
    else server.clients = kept(server.clients, client);
    for (const operation of operations) {
      const [word = '', first = '', ...more] = operation.split(' ');
      if (!ADDRESS.test(first)) continue;
      if (word === 'router') server.routers = kept(server.routers, first);
      else if (word === 'dns') {
        for (const one of [first, ...more]) if (ADDRESS.test(one)) server.dns = kept(server.dns, one);
      } else if (word === 'offered' || word === 'lease') {
        server.networks = kept(server.networks, networkOf(first));
        server.clients = kept(server.clients, first);
      }
    }
    const times = { peer: client, startMs: numberAt(flows.startMs, row), endMs: numberAt(flows.endMs, row) };
    this.#book.saw(server, flows.table, row, times);
  }

  saturations(): Saturation[] {
    return [...this.#book.saturations(this.id, [this.#gateways.cap]), ...this.#sixth.saturations(this.id)];
  }

  finish(): Detection[] {
    const servers = this.#book
      .entries()
      .map(([key, server]): Known => {
        const [vlan = '', address = ''] = key.split(' ');
        return { vlan, address, server };
      })
      .filter(({ server }) => server.flowCount >= this.#options.minAnswers)
      .sort((a, b) => a.server.span.firstMs - b.server.span.firstMs || compareText(a.address, b.address));
    const accused = new Map<Known, Known[]>();
    for (let i = 0; i < servers.length; i++)
      for (let j = i + 1; j < servers.length; j++) {
        const first = servers[i];
        const second = servers[j];
        if (first === undefined || second === undefined || !contradict(first, second)) continue;
        const rogue = this.#rogueOf(first, second);
        const others = accused.get(rogue) ?? [];
        if (others.length === 0) accused.set(rogue, others);
        others.push(rogue === first ? second : first);
      }
    const found = [...accused].map(([rogue, others]) => this.#detection(rogue, others));
    return [...found, ...this.#sixth.detections(this.id, this.#gateways)].sort(byScore);
  }

  /** Of two that contradict each other, the first of which answered first. */
  #rogueOf(first: Known, second: Known): Known {
    const isFirstOut = this.#isWayOut(first);
    return isFirstOut !== this.#isWayOut(second) && !isFirstOut ? first : second;
  }

  /** Whether a router that it names is the way out by its hardware address. */
  #isWayOut({ server }: Known): boolean {
    return [...fewMembers(server.routers)].some((router) =>
      this.#gateways.isGateway(this.#context.arp?.macOf(router) ?? this.#macs.get(router)),
    );
  }

  #detection(rogue: Known, others: readonly Known[]): Detection {
    const { server, address } = rogue;
    const isDecided = !this.#isWayOut(rogue) && others.some((other) => this.#isWayOut(other));
    const isItself = namesItself(rogue);
    // The true server of a small network is its router, and names itself as well.
    const isAlone = isItself && !others.some(namesItself);
    const score = isDecided && isItself ? CLEAREST_SCORE : isDecided || isAlone ? CLEAR_SCORE : LATER_SCORE;
    const told = (of: (one: Server) => Few<string>): string =>
      list(new Set(others.flatMap((other) => [...fewMembers(of(other.server))])));
    const reasons: Reason[] = [
      {
        name: 'rogue-dhcp.answers',
        value: server.flowCount,
        unit: 'flows',
        threshold: this.#options.minAnswers,
        sentence: `It answered DHCP in ${counted(server.flowCount, 'flow')}, beside ${counted(others.length, 'other server')} on the same wire.`,
      },
    ];
    if (fewSize(server.routers) > 0)
      reasons.push({
        name: 'rogue-dhcp.router',
        value: list(server.routers),
        unit: '',
        sentence: `As router it names ${list(server.routers)}; beside it ${told((one) => one.routers)} is named.`,
      });
    if (fewSize(server.dns) > 0)
      reasons.push({
        name: 'rogue-dhcp.dns',
        value: list(server.dns),
        unit: '',
        sentence: `As DNS server it names ${list(server.dns)}; beside it ${told((one) => one.dns)} is named.`,
      });
    if (isItself)
      reasons.push({
        name: 'rogue-dhcp.itself',
        value: address,
        unit: '',
        sentence: `It names itself, ${address}, so that the traffic of its clients comes to it.`,
      });
    reasons.push(
      isDecided
        ? {
            name: 'rogue-dhcp.gateway',
            value: told((one) => one.routers),
            unit: '',
            sentence: `Traffic to the Internet goes through ${told((one) => one.routers)}, which the other server names.`,
          }
        : {
            name: 'rogue-dhcp.first',
            value: others[0]?.address ?? '',
            unit: '',
            sentence: `${others[0]?.address ?? 'Another server'} answered before it; which of the two is the right one the traffic does not say.`,
          },
    );
    const { firstMs, lastMs, known } = server.span;
    return {
      kind: 'rogue-dhcp.server',
      detector: this.id,
      actor: address,
      peers: others.map((other) => other.address),
      peerCount: others.length,
      protocol: 'udp',
      service: 'dhcp',
      firstMs: known ? firstMs : 0,
      lastMs: known ? lastMs : 0,
      score,
      reasons,
      flows: this.#book.flows(server),
      flowCount: server.flowCount,
    };
  }
}

/** Two devices on one wire that name no router, or no DNS server, in common. */
function contradict(a: Known, b: Known): boolean {
  if (a.vlan !== b.vlan || a.address === b.address || shares(a.server.macs, b.server.macs)) return false;
  const isOneWire =
    (a.server.broadcasts && b.server.broadcasts) ||
    shares(a.server.networks, b.server.networks) ||
    fewHas(a.server.networks, networkOf(b.address)) ||
    fewHas(b.server.networks, networkOf(a.address)) ||
    shares(a.server.clients, b.server.clients);
  return isOneWire && (differ(a.server.routers, b.server.routers) || differ(a.server.dns, b.server.dns));
}

/** The /24 of an IPv4 address. */
function networkOf(address: string): string {
  return address.slice(0, address.lastIndexOf('.'));
}

function differ(a: Few<string>, b: Few<string>): boolean {
  return fewSize(a) > 0 && fewSize(b) > 0 && !shares(a, b);
}

function shares(a: Few<string>, b: Few<string>): boolean {
  for (const one of fewMembers(a)) if (fewHas(b, one)) return true;
  return false;
}

function namesItself({ address, server }: Known): boolean {
  return fewHas(server.routers, address) || fewHas(server.dns, address);
}

function kept(set: Few<string>, text: string): Few<string> {
  return fewSize(set) < MOST_KEPT ? fewAdd(set, text) : set;
}

/** At most three, in order. */
function list(addresses: Few<string>): string {
  const sorted = [...fewMembers(addresses)].sort();
  if (sorted.length === 0) return 'none';
  return sorted.length > 3 ? `${sorted.slice(0, 3).join(', ')} and others` : sorted.join(', ');
}
