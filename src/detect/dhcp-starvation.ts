import {
  counted,
  type Few,
  fewAdd,
  fewHas,
  fewMembers,
  fewSize,
  humanDuration,
  numberAt,
  type Table,
  textAt,
} from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { TimeSpan } from './bounded/bounded.ts';
import { byScore, Case, CaseBook, CaseDetector, operationsOf } from './case.ts';
import {
  type Detection,
  type DetectorInfo,
  type EvidenceFlow,
  MAX_EVIDENCE_FLOWS,
  type NetworkContext,
  type Reason,
} from './detection.ts';
import { mergeEvidence } from './evidence/pool.ts';
import { classesOf } from './told.ts';

/**
 * Starvation of DHCP: a program asks for addresses under hardware addresses that it makes up (yersinia, dhcpig, gobbler), until the server has none left for others; often so that a server of
 * its own can answer them.
 *
 * What it sees. Per VLAN and minute: DISCOVER messages, and REQUEST messages, by which a client takes what it was offered. `minDiscovers` or more in a minute, of which at most `maxTaken` went on to a
 * REQUEST, while a server did offer addresses (or ten times as many without), are no clients. Minutes of a VLAN are one detection. Score 0.6 + 0.1 x log2(n / 60), at most 0.95.
 *
 * Who it is the messages seldom say: where nine in ten come from one hardware address the actor is its owner, else the server that was asked.
 *
 * Innocent, and left alone: a school or an office that switches on in the morning (its clients take what they are offered); clients of a server that is down (nobody offers, and each asks
 * again some times a minute); relays, whose clients are elsewhere.
 * What fools it: fewer than one a second; a program that sends a REQUEST for each.
 *
 * Cost: one read per flow; 1 kB for every minute of a VLAN in which DHCP was spoken, at most `maxMinutes`.
 * Source: RFC 2131 section 3.1; ATT&CK T1557.003, which names exhaustion, and T1499.002 (Service Exhaustion Flood).
 */
export const dhcpStarvationInfo: DetectorInfo = {
  id: 'dhcp-starvation',
  kinds: ['dhcp-starvation.pool'],
  needs: ['initiator', 'responder', 'initiatorPort', 'responderPort', 'service', 'startMs', 'operations'],
  sees: 'Far more requests for addresses by DHCP than clients that take one: somebody uses the pool of addresses up.',
  fooledBy: 'Fewer than one request a second; programs that take each address that they are offered.',
  cost: 'One read per flow; about 1 kB per minute and VLAN with DHCP.',
  source: 'RFC 2131; ATT&CK T1557.003, T1499.002.',
};

export interface DhcpStarvationOptions {
  /** DISCOVER messages of a VLAN in a minute. */
  readonly minDiscovers: number;
  /** REQUEST messages over DISCOVER messages, at most. */
  readonly maxTaken: number;
  readonly maxMinutes: number;
}

export const DEFAULT_DHCP_STARVATION_OPTIONS: DhcpStarvationOptions = {
  minDiscovers: 60,
  maxTaken: 0.2,
  maxMinutes: 1440,
};

const MINUTE_MS = 60_000;
/** Without an offer it takes so many times more. */
const UNOFFERED = 10;
const DOMINANT = 0.9;
const MOST_KEPT = 32;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const NOBODY = '255.255.255.255';

class Minute extends Case {
  discovers = 0;
  requests = 0;
  offers = 0;
  servers: Few<string>;
  /** Hardware addresses that asked, and whether there were more. */
  macs: Few<string>;
  moreMacs = false;
  /** How many came from each of these. */
  readonly counts = new Map<string, number>();
}

export function createDhcpStarvationDetector(
  context: NetworkContext,
  options: Partial<DhcpStarvationOptions> = {},
): DhcpStarvationDetector {
  const settings = { ...DEFAULT_DHCP_STARVATION_OPTIONS, ...options };
  const book = new CaseBook('minutes with DHCP', settings.maxMinutes, Minute);
  return new DhcpStarvationDetector(context, settings, book);
}

class DhcpStarvationDetector extends CaseDetector<Minute, DhcpStarvationOptions> {
  readonly id = dhcpStarvationInfo.id;

  observe(table: Table): void {
    const flows = bindFlows(table);
    if (!flows.service.dictionary.includes('dhcp')) return;
    const isDhcp = classesOf(flows.service, (service) => service === 'dhcp');
    const services = flows.service.codes;
    for (let row = 0; row < flows.rowCount; row++)
      if (isDhcp[(services[row] as number) + 1] === 1) this.#take(flows, row);
  }

  #take(flows: FlowBatch, row: number): void {
    const from = numberAt(flows.initiatorPort, row);
    const to = numberAt(flows.responderPort, row);
    const startMs = numberAt(flows.startMs, row);
    const text = textAt(flows.operations, row);
    if (text === undefined || startMs === undefined) return;
    const isAsked = from === CLIENT_PORT && to === SERVER_PORT;
    if (!isAsked && !(from === SERVER_PORT && to === CLIENT_PORT)) return;
    const operations = operationsOf(text);
    const asks = operations.includes('DISCOVER');
    const takes = operations.includes('REQUEST');
    const offers = operations.includes('OFFER');
    if (!asks && !takes && !offers) return;
    const minute = this.book.obtain(numberAt(flows.vlan, row) ?? '-', Math.floor(startMs / MINUTE_MS));
    if (minute === undefined) return;
    const packets = Math.max(
      1,
      (isAsked ? numberAt(flows.initiatorPackets, row) : numberAt(flows.responderPackets, row)) ?? 1,
    );
    // A flow that asks and takes is one client, however often it asked.
    if (asks) minute.discovers += takes ? 1 : packets;
    if (takes) minute.requests++;
    const server = textAt(isAsked ? flows.responder : flows.initiator, row);
    if (offers) {
      minute.offers++;
      if (server !== undefined && server !== NOBODY) minute.servers = kept(minute.servers, server);
    }
    if (!asks) return;
    const mac = textAt(isAsked ? flows.initiatorMac : flows.responderMac, row);
    if (mac !== undefined) {
      if (!fewHas(minute.macs, mac) && fewSize(minute.macs) >= MOST_KEPT) minute.moreMacs = true;
      else {
        minute.macs = fewAdd(minute.macs, mac);
        minute.counts.set(mac, (minute.counts.get(mac) ?? 0) + packets);
      }
    }
    const times = { peer: server ?? NOBODY, startMs, endMs: numberAt(flows.endMs, row) };
    this.book.saw(minute, flows.table, row, times, takes ? 1 : 0);
  }

  finish(): Detection[] {
    const { minDiscovers, maxTaken } = this.options;
    const byVlan = new Map<string, Minute[]>();
    for (const [key, minute] of this.book.entries()) {
      const { discovers, requests, offers } = minute;
      if (discovers < minDiscovers * (offers > 0 ? 1 : UNOFFERED) || requests > maxTaken * discovers) continue;
      const vlan = key.slice(0, key.indexOf(' '));
      byVlan.set(vlan, [...(byVlan.get(vlan) ?? []), minute]);
    }
    return [...byVlan.values()].map((minutes) => this.#detection(minutes)).sort(byScore);
  }

  #detection(minutes: readonly Minute[]): Detection {
    const { minDiscovers } = this.options;
    const sum = (of: (minute: Minute) => number): number => minutes.reduce((total, minute) => total + of(minute), 0);
    const discovers = sum((minute) => minute.discovers);
    const requests = sum((minute) => minute.requests);
    const most = Math.max(...minutes.map((minute) => minute.discovers));
    const servers = [...new Set(minutes.flatMap((minute) => [...fewMembers(minute.servers)]))].sort();
    const macs = new Set(minutes.flatMap((minute) => [...fewMembers(minute.macs)]));
    const isMore = minutes.some((minute) => minute.moreMacs);
    const sender = this.#sender(minutes, discovers);
    const span = new TimeSpan();
    for (const { span: one } of minutes) span.add(one.firstMs, one.lastMs);
    const [server = NOBODY] = servers;
    const score = Math.min(0.95, 0.6 + 0.1 * Math.log2(most / minDiscovers));
    const reasons: Reason[] = [
      {
        name: 'dhcp-starvation.discovers',
        value: discovers,
        unit: 'messages',
        threshold: minDiscovers,
        sentence: `${counted(discovers, 'request')} for an address (DISCOVER) came within ${humanDuration(span.lengthMs)}, up to ${counted(most, 'request')} in a minute.`,
      },
      {
        name: 'dhcp-starvation.taken',
        value: requests,
        unit: 'messages',
        sentence: `${requests === 0 ? 'None' : counted(requests, 'client')} went on to take an address (REQUEST), as clients do at once.`,
      },
      {
        name: 'dhcp-starvation.hardware',
        value: macs.size,
        unit: 'addresses',
        sentence: `They came under ${isMore ? 'more than ' : ''}${counted(macs.size, 'hardware address', 'hardware addresses')}${sender === undefined ? ', none of which sent most of them: such addresses are made up' : ''}.`,
      },
    ];
    if (sender !== undefined)
      reasons.push({
        name: 'dhcp-starvation.sender',
        value: sender.mac,
        unit: '',
        sentence: `Nine in ten or more were sent by ${sender.mac}.`,
      });
    const flows: EvidenceFlow[] = mergeEvidence(minutes.map((minute) => this.book.flows(minute))).slice(
      0,
      MAX_EVIDENCE_FLOWS,
    );
    return {
      kind: 'dhcp-starvation.pool',
      detector: this.id,
      actor: sender?.address ?? server,
      peers: sender === undefined ? [...macs].sort().slice(0, 3) : [server],
      peerCount: sender === undefined ? macs.size : Math.max(1, servers.length),
      port: SERVER_PORT,
      protocol: 'udp',
      service: 'dhcp',
      firstMs: span.firstMs,
      lastMs: span.lastMs,
      score: Number(score.toFixed(2)),
      reasons,
      flows,
      flowCount: sum((minute) => minute.flowCount),
    };
  }

  /** The hardware address that sent nearly all, with its own network address where it has one. */
  #sender(
    minutes: readonly Minute[],
    discovers: number,
  ): { readonly mac: string; readonly address: string } | undefined {
    const counts = new Map<string, number>();
    for (const minute of minutes)
      for (const [mac, count] of minute.counts) counts.set(mac, (counts.get(mac) ?? 0) + count);
    for (const [mac, count] of counts)
      if (count >= DOMINANT * discovers) {
        const own = this.context.arp?.ownAddresses(mac) ?? [];
        return { mac, address: own.length === 1 ? (own[0] ?? mac) : mac };
      }
    return undefined;
  }
}

function kept(set: Few<string>, text: string): Few<string> {
  return fewHas(set, text) || fewSize(set) < MOST_KEPT ? fewAdd(set, text) : set;
}
