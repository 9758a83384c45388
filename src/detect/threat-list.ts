import { counted, isoTime, numberAt, safeText, type Table, textAt } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { byScore, Case, CaseBook, Judged } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason, Saturation } from './detection.ts';
import { furtherQuestions, toldNames } from './dns/name.ts';
import { isGroupOrBroadcast } from './service.ts';
import { NO_ENTRY, type ThreatEntry, type ThreatIndex } from './threat/entries.ts';
import { type ThreatLists, urlKey } from './threat/parse.ts';

/**
 * Hosts, names, pages and TLS fingerprints that a list of the user's names: somebody else's knowledge of who is hostile.
 *
 * One detection per host and entry: a host inside that called a listed address, asked for or called a listed name (or one below it), fetched a listed page, or speaks TLS with a listed
 * fingerprint; or a listed address that came in. Addresses of the home network and groups match nothing, so that a list of addresses that should not be seen on the Internet does not accuse
 * everybody; where neither side is home, both are looked at. What a DNS answer leads to is not judged before somebody goes there.
 *
 * Score: 0.9 for an entry without a confidence, else 0.5 + 0.45 x confidence / 100, the best of all lists. At most 0.6 for a fingerprint, which ordinary programs may share, and for what
 * was last seen at work half a year before the flow; at most 0.45 for an entry that was not valid any more (or not yet) at the time of the flow. How much it matters who called whom,
 * and whether anybody answered, is left to the severity.
 *
 * What fools it: any address and name that is not on the list yet. Innocent and found: shared hosting and content networks that an old entry names, research scanners, resolvers that ask for others.
 * Cost: one look-up per different text and batch; about 1 kB a case.
 * Source: the user's lists; STIX 2.1 (OASIS), MISP core format; RITA's rule that a match of threat intelligence is high.
 */
export const threatListInfo: DetectorInfo = {
  id: 'threat-list',
  kinds: ['threat-list.match'],
  needs: ['initiator', 'responder', 'startMs'],
  needsLists: true,
  sees: 'Addresses, networks, names, pages and TLS fingerprints of threat lists that you give with --threat-list.',
  fooledBy: 'Whatever is not on a list yet. Shared hosting and research scanners may be on one and mean nothing.',
  cost: 'One look-up per different address and name of a batch; 60 bytes per entry of a list.',
  source: 'Your lists; STIX 2.1, MISP core format.',
};

export interface ThreatListOptions {
  /** Weaker findings are not reported. Default 0.3. */
  readonly minScore: number;
  /** An entry last seen at work longer before the flow than this is old. Default 180 days. */
  readonly oldAfterMs: number;
  readonly maxCases: number;
}

export const DEFAULT_THREAT_LIST_OPTIONS: ThreatListOptions = {
  minScore: 0.3,
  oldAfterMs: 180 * 86_400_000,
  maxCases: 8192,
};

const SURE = 0.9;
const OLD = 0.6;
const SHARED = 0.6;
const EXPIRED = 0.45;
const DAY_MS = 86_400_000;
const MAX_LISTS_SHOWN = 4;

/** How a flow met an entry. */
const WAYS = ['called', 'came', 'named', 'asked', 'fetched', 'client', 'server'] as const;
type Way = (typeof WAYS)[number];

class Match extends Case {
  answered = 0;
  port: number | undefined;
  protocol: string | undefined;
  service: string | undefined;
  head = NO_ENTRY;
  way: Way = 'called';
}

export function createThreatListDetector(context: NetworkContext, options: Partial<ThreatListOptions> = {}): Detector {
  return new ThreatListDetector(context, { ...DEFAULT_THREAT_LIST_OPTIONS, ...options });
}

class ThreatListDetector implements Detector {
  readonly id = threatListInfo.id;
  readonly #context: NetworkContext;
  readonly #lists: ThreatLists | undefined;
  readonly #options: ThreatListOptions;
  readonly #cases: CaseBook<Match>;

  constructor(context: NetworkContext, options: ThreatListOptions) {
    this.#context = context;
    this.#lists = context.threats;
    this.#options = options;
    this.#cases = new CaseBook('hosts that met an entry of a threat list', options.maxCases, Match);
  }

  observe(table: Table): void {
    const index = this.#lists?.index;
    if (index === undefined || index.size === 0) return;
    const flows = bindFlows(table);
    const { has } = index;
    const isHome = this.#context.isHome;
    const ofAddress = (address: string): number => {
      const head = index.findAddress(address);
      return head === NO_ENTRY || isHome(address) || isGroupOrBroadcast(address) ? NO_ENTRY : head;
    };
    const initiator = has.address ? new Judged(flows.initiator, ofAddress, NO_ENTRY) : NOTHING;
    const responder = has.address ? new Judged(flows.responder, ofAddress, NO_ENTRY) : NOTHING;
    const ofName = (name: string): number => index.findName(name);
    const serverName = has.name ? new Judged(flows.serverName, ofName, NO_ENTRY) : NOTHING;
    const httpHost = has.name ? new Judged(flows.httpHost, ofName, NO_ENTRY) : NOTHING;
    const query = has.name ? new Judged(flows.dnsQuery, ofName, NO_ENTRY) : NOTHING;
    const ja3 = has.ja3 ? new Judged(flows.ja3, (text) => index.findFingerprint('ja3', text), NO_ENTRY) : NOTHING;
    const ja3s = has.ja3 ? new Judged(flows.ja3s, (text) => index.findFingerprint('ja3', text), NO_ENTRY) : NOTHING;
    const ja4 = has.ja4 ? new Judged(flows.ja4, (text) => index.findFingerprint('ja4', text), NO_ENTRY) : NOTHING;
    for (let row = 0; row < flows.rowCount; row++) {
      this.#see(flows, row, responder.at(row), 'called');
      this.#see(flows, row, initiator.at(row), 'came');
      this.#see(flows, row, serverName.at(row), 'named');
      this.#see(flows, row, httpHost.at(row), 'named');
      const isQuestion = (flows.dnsQuery.codes[row] ?? -1) >= 0;
      if (isQuestion && has.name) {
        const asked = query.at(row);
        this.#see(flows, row, asked, 'asked');
        const { codes, dictionary } = flows.operations;
        const code = codes[row] ?? -1;
        const further = code < 0 ? undefined : dictionary[code];
        if (further !== undefined)
          for (const name of toldNames(furtherQuestions(further))) {
            const other = index.findName(name);
            if (other !== asked) this.#see(flows, row, other, 'asked');
          }
      }
      if (has.url) this.#see(flows, row, pageOf(flows, row, index), 'fetched');
      this.#see(flows, row, ja3.at(row), 'client');
      this.#see(flows, row, ja4.at(row), 'client');
      this.#see(flows, row, ja3s.at(row), 'server');
    }
  }

  #see(flows: FlowBatch, row: number, head: number, way: Way): void {
    const index = this.#lists?.index;
    if (head === NO_ENTRY || index === undefined) return;
    const port = numberAt(flows.responderPort, row);
    // Of who came the port that counts is one of ours, which a list cannot mean.
    if (way !== 'asked' && way !== 'came' && !index.holdsOn(head, port)) return;
    const actor = textAt(flows.initiator, row);
    const peer = textAt(flows.responder, row);
    if (actor === undefined || peer === undefined) return;
    const one = this.#cases.obtain(actor, head, way);
    if (one === undefined) return;
    const protocol = textAt(flows.protocol, row);
    const service = textAt(flows.service, row);
    if (one.flowCount === 0) {
      one.head = head;
      one.way = way;
      one.port = port;
      one.protocol = protocol;
      one.service = service;
    } else {
      if (one.port !== port) one.port = undefined;
      if (one.protocol !== protocol) one.protocol = undefined;
      if (one.service !== service) one.service = undefined;
    }
    const isAnswered = (numberAt(flows.responderPackets, row) ?? 0) > 0 && textAt(flows.outcome, row) !== 'refused';
    if (isAnswered) one.answered++;
    this.#cases.saw(
      one,
      flows.table,
      row,
      { peer, startMs: numberAt(flows.startMs, row), endMs: numberAt(flows.endMs, row) },
      isAnswered ? 0 : 1,
    );
  }

  saturations(): Saturation[] {
    return this.#cases.saturations(this.id);
  }

  finish(): Detection[] {
    const lists = this.#lists;
    if (lists === undefined) return [];
    const found: Detection[] = [];
    for (const [key, one] of this.#cases.entries()) {
      const entries = lists.index
        .entries(one.head)
        .filter(
          ({ port }) =>
            port === undefined ||
            port === one.port ||
            one.port === undefined ||
            one.way === 'asked' ||
            one.way === 'came',
        )
        .map((entry) => ({ entry, judged: this.#judge(entry, one) }))
        .sort((a, b) => b.judged.score - a.judged.score || a.entry.list - b.entry.list || a.entry.line - b.entry.line);
      const [best] = entries;
      if (best === undefined || best.judged.score < this.#options.minScore) continue;
      found.push({
        kind: 'threat-list.match',
        detector: this.id,
        actor: key.slice(0, key.indexOf(' ')),
        peers: one.peers.top(),
        peerCount: one.peers.count,
        ...(one.port === undefined ? {} : { port: one.port }),
        ...(one.protocol === undefined ? {} : { protocol: one.protocol }),
        ...(one.service === undefined ? {} : { service: one.service }),
        firstMs: one.span.known ? one.span.firstMs : 0,
        lastMs: one.span.known ? one.span.lastMs : 0,
        score: best.judged.score,
        reasons: this.#reasons(one, entries, lists),
        flows: this.#cases.flows(one),
        flowCount: one.flowCount,
      });
    }
    return found.sort(byScore);
  }

  /** How sure an entry is at the time of what was seen. */
  #judge(entry: ThreatEntry, { span, way }: Match): Judgement {
    const { confidence, untilMs, fromMs, seenMs } = entry;
    let score = confidence === undefined ? SURE : 0.5 + (0.45 * confidence) / 100;
    const [first, last] = [span.known ? span.firstMs : undefined, span.known ? span.lastMs : undefined];
    const isExpired = untilMs !== undefined && first !== undefined && first > untilMs;
    // A day of grace: lists date an entry when somebody writes it down.
    const isEarly = fromMs !== undefined && last !== undefined && last < fromMs - DAY_MS;
    const isOld = seenMs !== undefined && first !== undefined && first - seenMs > this.#options.oldAfterMs;
    if (way === 'client' || way === 'server') score = Math.min(score, SHARED);
    if (isOld) score = Math.min(score, OLD);
    if (isExpired || isEarly) score = Math.min(score, EXPIRED);
    return { score: Number(score.toFixed(2)), isExpired, isEarly, isOld };
  }

  #reasons(
    one: Match,
    entries: readonly { readonly entry: ThreatEntry; readonly judged: Judgement }[],
    lists: ThreatLists,
  ): Reason[] {
    const [best] = entries;
    if (best === undefined) return [];
    const { entry, judged } = best;
    const names = [...new Set(entries.map((other) => lists.lists[other.entry.list]?.name ?? ''))];
    const list = names[0] ?? '';
    const reasons: Reason[] = [
      { name: 'threat-list.way', value: one.way, unit: '', sentence: waySentence(one) },
      {
        name: 'threat-list.entry',
        value: entry.text,
        unit: '',
        sentence: `The entry is the ${TYPE_WORDS[entry.type]} ${safeText(entry.text, 120)}${entry.port === undefined ? '' : ` on port ${entry.port}`}, number ${entry.line} of the list ${list}.`,
      },
    ];
    if (names.length > 1)
      reasons.push({
        name: 'threat-list.lists',
        value: names.length,
        unit: 'lists',
        sentence: `It is on ${counted(names.length, 'list')}: ${names.slice(0, MAX_LISTS_SHOWN).join(', ')}${names.length > MAX_LISTS_SHOWN ? ' and others' : ''}.`,
      });
    const label = entries.find((other) => other.entry.label !== undefined)?.entry.label;
    if (label !== undefined)
      reasons.push({ name: 'threat-list.label', value: label, unit: '', sentence: `The list calls it: ${label}.` });
    const group = entries.find((other) => other.entry.group !== undefined)?.entry.group;
    if (group !== undefined)
      reasons.push({
        name: 'threat-list.group',
        value: group,
        unit: '',
        sentence: `The list says that the group behind it is ${group}; the traffic itself does not show who it is.`,
      });
    if (entry.confidence !== undefined)
      reasons.push({
        name: 'threat-list.confidence',
        value: entry.confidence,
        unit: '%',
        sentence: `The list gives it a confidence of ${entry.confidence} of 100.`,
      });
    if (judged.isExpired && entry.untilMs !== undefined)
      reasons.push({
        name: 'threat-list.expired',
        value: isoTime(entry.untilMs),
        unit: '',
        sentence: `The entry was valid until ${day(entry.untilMs)}, before this traffic.`,
      });
    else if (judged.isEarly && entry.fromMs !== undefined)
      reasons.push({
        name: 'threat-list.early',
        value: isoTime(entry.fromMs),
        unit: '',
        sentence: `The entry is valid from ${day(entry.fromMs)} on, after this traffic.`,
      });
    if (judged.isOld && entry.seenMs !== undefined)
      reasons.push({
        name: 'threat-list.old',
        value: isoTime(entry.seenMs),
        unit: '',
        sentence: `It was last seen at work on ${day(entry.seenMs)}, long before this traffic; addresses and names change hands.`,
      });
    reasons.push(
      one.answered > 0
        ? {
            name: 'threat-list.answered',
            value: one.answered,
            unit: 'connections',
            sentence: `${counted(one.answered, 'connection')} of ${one.flowCount} got an answer.`,
          }
        : {
            name: 'threat-list.unanswered',
            value: one.flowCount,
            unit: 'connections',
            sentence: `None of ${counted(one.flowCount, 'connection')} got an answer.`,
          },
    );
    return reasons;
  }
}

interface Judgement {
  readonly score: number;
  readonly isExpired: boolean;
  readonly isEarly: boolean;
  readonly isOld: boolean;
}

const NOTHING = { at: (_row: number): number => NO_ENTRY };

const TYPE_WORDS: Readonly<Record<ThreatEntry['type'], string>> = {
  address: 'address',
  network: 'network',
  name: 'name',
  url: 'page',
  ja3: 'TLS fingerprint',
  ja4: 'TLS fingerprint',
};

function waySentence({ way, flowCount }: Match): string {
  const connections = counted(flowCount, 'connection');
  switch (way) {
    case 'called':
      return `${connections} went to an address that a threat list has.`;
    case 'came':
      return `${connections} came from an address that a threat list has.`;
    case 'named':
      return `${connections} asked the other side by a name that a threat list has.`;
    case 'asked':
      return `${counted(flowCount, 'question')} to the DNS asked for a name that a threat list has.`;
    case 'fetched':
      return `${connections} fetched a page that a threat list has.`;
    case 'client':
      return `${connections} began TLS like a program that a threat list has; other programs may begin it alike.`;
    case 'server':
      return `${connections} got a TLS answer like that of a server that a threat list has; other servers may answer alike.`;
  }
}

function day(ms: number): string {
  return isoTime(ms).slice(0, 10);
}

/** The page that a row asked for, as its Host header and target name it. */
function pageOf(flows: FlowBatch, row: number, index: ThreatIndex): number {
  const host = textAt(flows.httpHost, row);
  const request = textAt(flows.httpRequest, row);
  if (request === undefined) return NO_ENTRY;
  const target = /^[A-Z]{3,10} (\S+)/.exec(request)?.[1];
  if (target === undefined) return NO_ENTRY;
  // A request to a proxy names the whole.
  const whole = /^https?:\/\/([^/?#]+)([/?].*)?$/i.exec(target);
  const key =
    whole === null ? (host === undefined ? undefined : urlKey(host, target)) : urlKey(whole[1] ?? '', whole[2] ?? '/');
  return key === undefined ? NO_ENTRY : index.findUrl(key);
}
