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
import { byScore, Case, CaseBook, CaseDetector, operationsOf } from './case.ts';
import type { Detection, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { classesOf } from './told.ts';

/**
 * False answers to names: a program that says "that is me" whatever name a neighbour asks for (Responder, Inveigh), so that the neighbour logs in to it.
 *
 * What it sees. Windows asks its neighbours for names that the DNS does not know: by LLMNR (UDP 5355, multicast) and by the name service of NetBIOS (UDP 137, broadcast). Only the host that has
 * the name answers (RFC 4795 section 2.3, RFC 1002 section 4.2), so a host answers for one name, perhaps for an alias or its domain. Who answers for `minNames` different names is
 * reported, or for one less where one of them is `wpad` or `isatap`, names that are looked for on their own and that hardly any host has.
 *
 * Score 0.6 + 0.1 x log2(names / 3), 0.1 more for such a name, 0.1 more where two hosts or more were answered; at most 0.95.
 *
 * Innocent, and left alone: a host that answers for its own name by both protocols, whatever the suffix of NetBIOS; WINS servers, which are asked and not overheard; the list of browsers; DNS.
 * What fools it: one that answers for one or two chosen names; answers by mDNS; a capture that does not show what goes from host to host.
 *
 * Cost: two reads of small tables per flow; a set of names per host that answers, at most 64 each.
 * Source: RFC 4795, RFC 1001, RFC 1002; ATT&CK T1557.001 (LLMNR/NBT-NS Poisoning and SMB Relay).
 */
export const namePoisonInfo: DetectorInfo = {
  id: 'name-poison',
  kinds: ['name-poison.answers'],
  needs: ['initiator', 'responder', 'protocol', 'service', 'startMs', 'dnsQuery', 'dnsAnswers', 'operations'],
  sees: 'A host that answers its neighbours for several different names by LLMNR or NetBIOS, as only a program does that wants their logins.',
  fooledBy: 'Answers for one or two chosen names alone, answers by mDNS, answers that go by where nothing is captured.',
  cost: 'Two reads per flow; at most 64 names for each host that answers.',
  source: 'RFC 4795, RFC 1002; ATT&CK T1557.001.',
};

export interface NamePoisonOptions {
  /** Different names that a host answers for, from which on it is reported. */
  readonly minNames: number;
  readonly maxHosts: number;
}

export const DEFAULT_NAME_POISON_OPTIONS: NamePoisonOptions = { minNames: 3, maxHosts: 1024 };

const MOST_NAMES = 64;
const BASE_SCORE = 0.6;
const STEP = 0.1;
const MOST_SCORE = 0.95;

/** Names that systems look for by themselves: web proxies and tunnels for IPv6. */
const LOOKED_FOR: ReadonlySet<string> = new Set(['wpad', 'isatap']);

const NONE = 0;
const LLMNR = 1;
const NETBIOS = 2;

class Answers extends Case {
  names: Few<string>;
  clients: Few<string>;
  byLlmnr = false;
  byNetBios = false;
}

export function createNamePoisonDetector(
  context: NetworkContext,
  options: Partial<NamePoisonOptions> = {},
): NamePoisonDetector {
  const settings = { ...DEFAULT_NAME_POISON_OPTIONS, ...options };
  const book = new CaseBook('hosts that answer for names', settings.maxHosts, Answers);
  return new NamePoisonDetector(context, settings, book);
}

class NamePoisonDetector extends CaseDetector<Answers, NamePoisonOptions> {
  readonly id = namePoisonInfo.id;

  observe(table: Table): void {
    const flows = bindFlows(table);
    const kinds = classesOf(flows.service, (service) =>
      service === 'llmnr' ? LLMNR : service === 'netbios-ns' ? NETBIOS : NONE,
    );
    const services = flows.service.codes;
    for (let row = 0; row < flows.rowCount; row++) {
      const kind = kinds[(services[row] as number) + 1] ?? NONE;
      if (kind === LLMNR) this.#llmnr(flows, row);
      else if (kind === NETBIOS) this.#netBios(flows, row);
    }
  }

  /** An answer goes from the port of LLMNR to the port that asked. */
  #llmnr(flows: FlowBatch, row: number): void {
    const name = textAt(flows.dnsQuery, row);
    if (name === undefined || textAt(flows.dnsAnswers, row) === undefined || textAt(flows.dnsType, row) === 'PTR')
      return;
    const host = textAt(flows.responder, row);
    const client = textAt(flows.initiator, row);
    if (host === undefined || client === undefined) return;
    this.#saw(flows, row, host, client, [name], true);
  }

  /** Both sides have port 137: who answers what it has overheard begins a flow of answers. Where a question stands in it, a server was asked. */
  #netBios(flows: FlowBatch, row: number): void {
    const operations = textAt(flows.operations, row);
    if (operations === undefined || !operations.startsWith(ANSWER)) return;
    const host = textAt(flows.initiator, row);
    const client = textAt(flows.responder, row);
    if (host === undefined || client === undefined) return;
    const names: string[] = [];
    for (const one of operationsOf(operations)) {
      if (!one.startsWith(ANSWER)) return;
      const name = NAME.exec(one.slice(ANSWER.length))?.[1];
      if (name !== undefined) names.push(name);
    }
    if (names.length > 0) this.#saw(flows, row, host, client, names, false);
  }

  #saw(flows: FlowBatch, row: number, host: string, client: string, names: readonly string[], byLlmnr: boolean): void {
    if (host === client) return;
    const one = this.book.obtain(numberAt(flows.vlan, row) ?? '-', host);
    if (one === undefined) return;
    for (const name of names) one.names = kept(one.names, shortOf(name));
    one.clients = kept(one.clients, client);
    if (byLlmnr) one.byLlmnr = true;
    else one.byNetBios = true;
    const times = { peer: client, startMs: numberAt(flows.startMs, row), endMs: numberAt(flows.endMs, row) };
    this.book.saw(one, flows.table, row, times);
  }

  finish(): Detection[] {
    const { minNames } = this.options;
    return this.book
      .entries()
      .flatMap(([key, one]) => {
        const names = fewSize(one.names);
        const lookedFor = [...fewMembers(one.names)].filter((name) => LOOKED_FOR.has(name)).sort();
        if (names < minNames - (lookedFor.length > 0 ? 1 : 0)) return [];
        return [this.#detection(key.split(' ')[1] ?? '', one, names, lookedFor)];
      })
      .sort(byScore);
  }

  #detection(host: string, one: Answers, names: number, lookedFor: readonly string[]): Detection {
    const { minNames } = this.options;
    const clients = fewSize(one.clients);
    const score =
      BASE_SCORE +
      STEP * Math.log2(Math.max(1, names / 3)) +
      (lookedFor.length > 0 ? STEP : 0) +
      (clients > 1 ? STEP : 0);
    const ways = [...(one.byLlmnr ? ['LLMNR'] : []), ...(one.byNetBios ? ['NetBIOS'] : [])].join(' and ');
    const reasons: Reason[] = [
      {
        name: 'name-poison.names',
        value: names,
        unit: 'names',
        threshold: minNames,
        sentence: `It answered for ${names >= MOST_NAMES ? 'at least ' : ''}${counted(names, 'different name')} by ${ways} within ${humanDuration(one.span.lengthMs)}; a host has one.`,
      },
      {
        name: 'name-poison.clients',
        value: clients,
        unit: 'hosts',
        sentence: `${clients >= MOST_NAMES ? 'At least ' : ''}${counted(clients, 'host')} that asked ${clients === 1 ? 'was' : 'were'} answered.`,
      },
    ];
    if (lookedFor.length > 0)
      reasons.push({
        name: 'name-poison.looked-for',
        value: lookedFor.join(' '),
        unit: 'name',
        sentence: `One of them is ${lookedFor.join(' and ')}, which systems look for by themselves: who answers becomes their proxy or their tunnel.`,
      });
    const { firstMs, lastMs, known } = one.span;
    const peers = [...fewMembers(one.clients)].sort();
    return {
      kind: 'name-poison.answers',
      detector: this.id,
      actor: host,
      peers,
      peerCount: clients,
      port: one.byLlmnr ? 5355 : 137,
      protocol: 'udp',
      service: one.byLlmnr ? 'llmnr' : 'netbios-ns',
      firstMs: known ? firstMs : 0,
      lastMs: known ? lastMs : 0,
      score: Number(Math.min(MOST_SCORE, score).toFixed(2)),
      reasons,
      flows: this.book.flows(one),
      flowCount: one.flowCount,
    };
  }
}

const ANSWER = 'query response ';
/** A name of NetBIOS with the suffix of a workstation or a file server; other suffixes are of domains and groups. */
const NAME = /^([^<*\s][^<*]*)<(?:00|20)>$/;

/** As it stands before the first dot, in small letters: NetBIOS knows no other ones. */
function shortOf(name: string): string {
  const dot = name.indexOf('.');
  return (dot > 0 ? name.slice(0, dot) : name).toLowerCase();
}

function kept(set: Few<string>, text: string): Few<string> {
  return fewHas(set, text) || fewSize(set) < MOST_NAMES ? fewAdd(set, text) : set;
}
