import { numberAt, textAt } from '../core/index.ts';
import type { FlowBatch } from '../flow/index.ts';
import { PROTO, serviceByPort } from '../wire/index.ts';
import { GroupAddresses } from './service.ts';

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

/**
 * Which rows are conversations that somebody chose to have: TCP or UDP with one host that answered, of an application that is not part of the
 * network's own machinery. What is left out, by mechanism: every other protocol (ARP, ICMP, IGMP, neighbour discovery ...); group and broadcast
 * addresses; attempts that were refused or not answered; infrastructure protocols, told by content, or by port where no payload was seen that
 * says otherwise. A column that the source could not give leaves nothing out. Texts are judged once per batch,
 * and only where they decide.
 */
export class ConversationJudge {
  #batch: FlowBatch;
  /** 0 neither, 1 UDP, 2 TCP. */
  #transport: readonly number[];
  /** 0 answered or missing, or one of those below. */
  #outcome: readonly number[];
  #groups: GroupAddresses;

  constructor(batch: FlowBatch) {
    this.#batch = batch;
    this.#transport = batch.protocol.dictionary.map((p) => (p === 'tcp' ? 2 : p === 'udp' ? 1 : 0));
    this.#outcome = batch.outcome.dictionary.map((o) => OUTCOMES.indexOf(o) + 1);
    this.#groups = new GroupAddresses(batch);
  }

  isTcp(row: number): boolean {
    return this.#transportAt(row) === 2;
  }

  isConversation(row: number): boolean {
    const b = this.#batch;
    const transport = this.#transportAt(row);
    if (transport === 0) return false;
    const outcome = this.#outcomeAt(row);
    if (outcome === REFUSED) return false;
    // Seen from one side only: a TCP client that sends payload was let in, whatever the capture shows of the other side.
    if (outcome === UNANSWERED && !(transport === 2 && (numberAt(b.initiatorPayloadBytes, row) ?? 0) > 0)) return false;
    if (this.#groups.isResponder(row)) return false;
    return !this.#isInfrastructure(row, transport === 2);
  }

  /** A TCP connection to one host that was refused or never answered, of an application that is not part of the network's own machinery. */
  isAttempt(row: number): boolean {
    if (this.#transportAt(row) !== 2) return false;
    const outcome = this.#outcomeAt(row);
    if (outcome !== REFUSED && outcome !== UNANSWERED) return false;
    if (outcome === UNANSWERED && (numberAt(this.#batch.initiatorPayloadBytes, row) ?? 0) > 0) return false;
    return !this.#groups.isResponder(row) && !this.#isInfrastructure(row, true);
  }

  /** True for TCP whose first packet was not seen: its first row is not the start of a connection. */
  beganUnseen(row: number): boolean {
    return this.#outcomeAt(row) === UNKNOWN && this.isTcp(row);
  }

  #transportAt(row: number): number {
    const code = this.#batch.protocol.codes[row] ?? -1;
    return this.#transport[code] ?? 0;
  }

  #outcomeAt(row: number): number {
    return this.#outcome[this.#batch.outcome.codes[row] ?? -1] ?? 0;
  }

  #isInfrastructure(row: number, tcp: boolean): boolean {
    const b = this.#batch;
    const port = numberAt(b.responderPort, row);
    const service =
      textAt(b.service, row) ?? (port === undefined ? undefined : serviceByPort(tcp ? PROTO.tcp : PROTO.udp, port));
    if (service === undefined || !INFRASTRUCTURE.has(service)) return false;
    if (textAt(b.serviceBasis, row) === 'content') return true;
    return !TOLD_BY_CONTENT.has(service) || textAt(b.initiatorFirstBytes, row) === undefined;
  }
}
