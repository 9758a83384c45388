import { numberAt, textAt } from '../core/index.ts';
import type { FlowBatch } from '../flow/index.ts';
import { PROTO, serviceByPort } from '../wire/index.ts';
import { GroupAddresses } from './service.ts';
import { classesOf } from './told.ts';

/** Periodic by design, or driven by other traffic: their rhythm and their length say nothing about whoever speaks them. */
const INFRASTRUCTURE: ReadonlySet<string> = new Set([
  'dns',
  'mdns',
  'llmnr',
  'ntp',
  'dhcp',
  'dhcpv6',
  'ssdp',
  'ws-discovery',
  'netbios-ns',
  'netbios-dgm',
  'snmp',
  'snmp-trap',
  'stun',
  'rip',
  'bgp',
  'syslog',
  'netflow',
  'ipfix',
  'sflow',
]);

/** Of these, what the content shows reliably: payload on the port that was not recognised is something else. */
const TOLD_BY_CONTENT: ReadonlySet<string> = new Set(['dns', 'mdns', 'llmnr', 'ntp', 'dhcp', 'ssdp', 'stun']);

const OUTCOMES: readonly string[] = ['refused', 'unanswered', 'unknown'];
const REFUSED = 1;
const UNANSWERED = 2;
const UNKNOWN = 3;

const UDP = 1;
const TCP = 2;

/** Classes of services; 0 where a flow tells none. */
const CHOSEN = 1;
const MACHINERY = 2;
const MACHINERY_BY_CONTENT = 3;

function serviceClass(service: string): number {
  if (!INFRASTRUCTURE.has(service)) return CHOSEN;
  return TOLD_BY_CONTENT.has(service) ? MACHINERY_BY_CONTENT : MACHINERY;
}

/** The class of the usual service of a port, by transport and port; 0 where nobody asked yet. */
const PORT_CLASSES = [new Uint8Array(0), new Uint8Array(65_536), new Uint8Array(65_536)] as const;

function portClass(transport: number, port: number): number {
  const classes = PORT_CLASSES[transport === TCP ? TCP : UDP];
  const known = classes[port];
  if (known !== undefined && known > 0) return known;
  const service = serviceByPort(transport === TCP ? PROTO.tcp : PROTO.udp, port);
  const found = service === undefined ? CHOSEN : serviceClass(service);
  classes[port] = found;
  return found;
}

/**
 * Which rows are conversations that somebody chose to have: TCP or UDP with one host that answered, of an application that is not part of the
 * network's own machinery. What is left out, by mechanism: every other protocol (ARP, ICMP, IGMP, neighbour discovery ...); group and broadcast
 * addresses; attempts that were refused or not answered; infrastructure protocols, told by content, or by port where no payload was seen that
 * says otherwise. A column that the source could not give leaves nothing out. Texts are judged once per batch,
 * and only where they decide.
 */
export class ConversationJudge {
  readonly #batch: FlowBatch;
  readonly #protocols: Int32Array;
  readonly #outcomes: Int32Array;
  readonly #services: Int32Array;
  /** 0 neither, or one of those above. */
  readonly #transport: Uint8Array;
  /** 0 answered or missing, or one of those above. */
  readonly #outcome: Uint8Array;
  readonly #service: Uint8Array;
  readonly #groups: GroupAddresses;

  constructor(batch: FlowBatch) {
    this.#batch = batch;
    this.#protocols = batch.protocol.codes;
    this.#outcomes = batch.outcome.codes;
    this.#services = batch.service.codes;
    this.#transport = classesOf(batch.protocol, (p) => (p === 'tcp' ? TCP : p === 'udp' ? UDP : 0));
    this.#outcome = classesOf(batch.outcome, (o) => OUTCOMES.indexOf(o) + 1);
    this.#service = classesOf(batch.service, serviceClass);
    this.#groups = new GroupAddresses(batch);
  }

  isTcp(row: number): boolean {
    return this.#transportAt(row) === TCP;
  }

  /** TCP or UDP: what is neither is no conversation. */
  hasTransport(row: number): boolean {
    return this.#transportAt(row) !== 0;
  }

  isConversation(row: number): boolean {
    const b = this.#batch;
    const transport = this.#transportAt(row);
    if (transport === 0) return false;
    const outcome = this.#outcomeAt(row);
    if (outcome === REFUSED) return false;
    // Seen from one side only: a TCP client that sends payload was let in, whatever the capture shows of the other side.
    if (outcome === UNANSWERED && !(transport === TCP && (numberAt(b.initiatorPayloadBytes, row) ?? 0) > 0))
      return false;
    return !this.#isInfrastructure(row, transport) && !this.#groups.isResponder(row);
  }

  /** A TCP connection to one host that was refused or never answered, of an application that is not part of the network's own machinery. */
  isAttempt(row: number): boolean {
    const outcome = this.#outcomeAt(row);
    if ((outcome !== REFUSED && outcome !== UNANSWERED) || this.#transportAt(row) !== TCP) return false;
    if (outcome === UNANSWERED && (numberAt(this.#batch.initiatorPayloadBytes, row) ?? 0) > 0) return false;
    return !this.#groups.isResponder(row) && !this.#isInfrastructure(row, TCP);
  }

  /** True for TCP whose first packet was not seen: its first row is not the start of a connection. */
  beganUnseen(row: number): boolean {
    return this.#outcomeAt(row) === UNKNOWN && this.isTcp(row);
  }

  #transportAt(row: number): number {
    return this.#transport[(this.#protocols[row] as number) + 1] as number;
  }

  #outcomeAt(row: number): number {
    return this.#outcome[(this.#outcomes[row] as number) + 1] as number;
  }

  #isInfrastructure(row: number, transport: number): boolean {
    const b = this.#batch;
    let service = this.#service[(this.#services[row] as number) + 1] as number;
    if (service === 0) {
      const port = numberAt(b.responderPort, row);
      service = port === undefined ? CHOSEN : portClass(transport, port);
    }
    if (service === CHOSEN) return false;
    if (service === MACHINERY || textAt(b.serviceBasis, row) === 'content') return true;
    return (b.initiatorFirstBytes.codes[row] as number) < 0;
  }
}
