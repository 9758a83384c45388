import { counted, humanBytes, humanCount, NumberSet, numberAt, type Table, textAt } from '../core/index.ts';
import { InformationCounter, popularRank } from '../feature/index.ts';
import { AnswersOf, bindFlows, type FlowBatch } from '../flow/index.ts';
import { Cap, hash32, saturationsOf } from './bounded/bounded.ts';
import { pairHash, TextHashes } from './bounded/pair.ts';
import { AddressBits } from './bounded/text-number.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { type Asked, AskedGroups, dayOf, MAX_ANSWERS, NO_GROUP } from './dns/asked.ts';
import {
  answerAddressHashes,
  type DnsName,
  DnsNames,
  dnsServices,
  FurtherQuestions,
  furtherQuestions,
  isDnsRow,
  isFailure,
  MOST_QUESTIONS_TOLD,
  type Questions,
  Resolvers,
} from './dns/name.ts';
import { EvidencePool } from './evidence/pool.ts';

/**
 * Data carried in questions to the DNS: a program puts what it has to say into names below a domain whose name server belongs to its operator (iodine, dnscat2, DNSExfiltrator,
 * the DNS channels of attack frameworks). It works from networks that let nothing out but DNS, as the resolver inside passes the questions on.
 *
 * What is measured. For every client, registered domain and day (UTC): the information content of the different names asked for, which bounds what can have left whatever the
 * encoding (Paxson et al., USENIX Security 2013; they alert above 4 kB a day). The names of one group are put in order and coded by a small LZW (`InformationCounter`), so the
 * order of the flows plays no part; of more names than are kept the rest is estimated by their number and length. Public suffixes in which companies let customers have names
 * count as suffixes: a customer of a content network is a domain of its own.
 *
 * From `minBytes` and `minNames` on the group is scored:
 *
 *   score = volume x (0.4 content + 0.25 once + 0.35 use)
 *   volume   0.5 at the threshold, 1 at sixteen times as much
 *   content  bits per name over 96; words and counters have 20 to 50, encoded data has more
 *   once     different names over questions: a tunnel repeats none, as a repeated name is answered from a cache
 *   use      share of questions of types by which nobody looks for an address (TXT, NULL, CNAME, MX ...); of questions for addresses, the share whose answers the client
 *            never connected to, where the input shows other traffic of the client at all
 *
 * Innocent twins, left alone by mechanism: reverse look-ups, service discovery, mDNS, LLMNR. Answers that say nothing (addresses in 127.0.0.0/8, one and the same answer, no such
 * name) are what reputation services and black lists give (a hash or an address goes in, yes or no comes out): eight times as much must be asked then, and as
 * much of a domain on the list of popular ones. Names of content networks are asked for, and then connected to. What a resolver asks for others (it is asked itself, or asks more
 * than eight servers) counts eight times less where it asks for addresses; where one of its clients is found with the same domain, the resolver is not named. A domain that
 * several hosts of the network ask in the same way belongs to its life (an antivirus on every machine): from three on the score is halved, so it stays below the report.
 *
 * One port for all questions: dnscat2 and iodine ask thousands of questions in one flow, of which a flow tells the first names. Where it tells as many as it can, the others are
 * taken to be like them, and their length follows from the bytes.
 *
 * What fools it: less than 4 kB a day and domain; a new domain for every few names; a tunnel behind DNS over HTTPS, which shows no names. Over TCP and TLS: plain DNS over TCP is
 * seen as over UDP, DNS over TLS not at all.
 *
 * Cost: rows without a question take two reads. A question takes a look-up, and a name is kept the first time. Bounds: groups (`maxPairs`, the lighter half makes room),
 * names per group and in all, contacts of clients.
 */
export const dnsTunnelInfo: DetectorInfo = {
  id: 'dns-tunnel',
  kinds: ['dns-tunnel.names'],
  needs: ['initiator', 'responder', 'dnsQuery'],
  sees: 'A host that asks for more and longer different names below one domain than names need: data carried in questions to the DNS.',
  fooledBy:
    'Less than 4 kB in names a day and domain, a new domain for every few names, DNS over HTTPS or TLS. Look-ups of reputation services and black lists carry data by design and are found when there are very many.',
  cost: 'Two reads per row without a question; a look-up per question; at most 1,024 names kept per client, domain and day.',
  source:
    'Paxson et al., Practical Comprehensive Bounds on Surreptitious Communication Over DNS (USENIX Security 2013); RITA 5 (subdomains per domain)',
};

export interface DnsTunnelOptions {
  /** Detection score from which a group is reported. */
  readonly minScore: number;
  /** Information in the names of a client, domain and day from which it is scored, bytes. */
  readonly minBytes: number;
  /** Different names at least. */
  readonly minNames: number;
  /** Clients of a domain from which on it belongs to the life of the network. */
  readonly minCommonClients: number;
  /** Groups of client, domain and day. */
  readonly maxPairs: number;
  /** Names kept of a group; of those beyond only the number is known. */
  readonly maxNamesPerPair: number;
  /** Names kept in all. */
  readonly maxNames: number;
  /** Connections of a client to an address that are remembered, to know which answers were used. */
  readonly maxContacts: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_DNS_TUNNEL_OPTIONS: DnsTunnelOptions = {
  minScore: 0.5,
  minBytes: 4096,
  minNames: 50,
  minCommonClients: 3,
  maxPairs: 20_000,
  maxNamesPerPair: 1024,
  maxNames: 200_000,
  maxContacts: 100_000,
  maxEvidence: 20_000,
};

/** How much more it takes where answers say nothing, or the domain is a popular one, or a resolver asks for others. */
const LENIENCE = 8;
/** Bits of a name that are as much as encoded data has. */
const FULL_BITS = 96;
/** Doublings above the threshold at which the volume counts in full. */
const FULL_DOUBLINGS = 4;
/** Different answers over answers below which they say nothing. */
const SAYING = 0.1;
const EVIDENCE_PER_PAIR = 10;
/** What is shorter before a domain carries nothing and is not counted: `www`, `api` and nothing at all are most of all names. */
const CARRYING_LENGTH = 4;
/** Names that are shorter carry next to nothing, and are no evidence. */
const TELLING_LENGTH = 8;
/** Addresses of one answer that are looked for among the contacts. */
const ADDRESSES_OF_ANSWER = 4;
/** Bytes of a question beside its name: header, type and class, the two ends of the name, and EDNS (RFC 1035, RFC 6891). */
const QUESTION_OVERHEAD = 12 + 4 + 2 + 11;
/** Questions by which programs look for an address, or resolvers for a zone: all others carry data, or are odd for a client to ask. */
const ADDRESS_TYPES: ReadonlySet<string> = new Set([
  'A',
  'AAAA',
  'HTTPS',
  'SVCB',
  'NS',
  'SOA',
  'DS',
  'DNSKEY',
  'PTR',
  'SRV',
  '?',
  '',
]);
/** 127.0.0.0/8 in an answer, with the type before it or without. */
const LOOPBACK = ['127.', 'A 127.'] as const;

export function createDnsTunnelDetector(context: NetworkContext, options: Partial<DnsTunnelOptions> = {}): Detector {
  const settings = { ...DEFAULT_DNS_TUNNEL_OPTIONS, ...options };
  const { minScore, minBytes, minNames, minCommonClients, maxNamesPerPair } = settings;
  const pairCap = new Cap('clients and domains of a day', settings.maxPairs);
  const nameCap = new Cap('names in all', settings.maxNames);
  const contactCap = new Cap('connections remembered', settings.maxContacts);
  const pool = new EvidencePool(settings.maxEvidence);
  const groups = new AskedGroups(pairCap, (evidence) => pool.release(evidence));
  const addresses = new Int32Array(ADDRESSES_OF_ANSWER);
  const resolvers = new Resolvers(settings.maxPairs);
  /** Hashes of (client, address) that had a connection, and of clients that had one at all. */
  const contacts = new NumberSet(settings.maxContacts + 1);

  function observe(flows: Table): void {
    const batch = bindFlows(flows);
    const isDns = dnsServices(batch);
    const parsed = DnsNames.of(batch.dnsQuery);
    const further = FurtherQuestions.of(batch.operations);
    const hashes = { initiator: new TextHashes(batch.initiator), responder: new TextHashes(batch.responder) };
    const looks = {
      client: AddressBits.of(batch.initiator),
      server: AddressBits.of(batch.responder),
      answers: AnswersOf.column(batch.dnsAnswers),
    };
    const initiators = batch.initiator.codes;
    const responders = batch.responder.codes;
    /** By initiator: whom it connected to, and which server it asked, last. Neighbours in a batch are often the same again. */
    const lastPeer = new Int32Array(batch.initiator.dictionary.length).fill(-1);
    const lastServer = lastPeer.slice();
    const queries = batch.dnsQuery.codes;
    for (let row = 0; row < batch.rowCount; row++) {
      const client = initiators[row] ?? -1;
      const peer = responders[row] ?? -1;
      if (client < 0 || peer < 0) continue;
      if ((queries[row] ?? -1) < 0) {
        if (lastPeer[client] === peer) continue;
        lastPeer[client] = peer;
        if (!isDnsRow(batch, row, isDns)) remember(hashes.initiator.at(row), hashes.responder.at(row));
      } else if (isDnsRow(batch, row, isDns)) {
        if (lastServer[client] !== peer) sawServer(batch, row);
        take(batch, row, hashes.initiator.at(row), looks, parsed, further);
        lastServer[client] = peer;
      }
    }
  }

  function remember(client: number, peer: number): void {
    const key = contactKey(client, peer);
    if (contacts.has(key)) return;
    if (contacts.size >= contactCap.cap) {
      contactCap.refused++;
      return;
    }
    contacts.add(key);
    contacts.add(contactKey(client, 0));
  }

  function sawServer(batch: FlowBatch, row: number): void {
    const client = textAt(batch.initiator, row);
    const server = textAt(batch.responder, row);
    if (client !== undefined && server !== undefined) resolvers.saw(client, server);
  }

  function take(
    batch: FlowBatch,
    row: number,
    clientHash: number,
    looks: BatchLooks,
    parsed: DnsNames,
    further: FurtherQuestions,
  ): void {
    const day = dayOf(numberAt(batch.startMs, row));
    const packets = numberAt(batch.initiatorPackets, row) ?? 1;
    if ((batch.operations.codes[row] ?? -1) < 0 || packets < 2) {
      if (parsed.lengthAt(row) < CARRYING_LENGTH) return;
      const name = parsed.at(row);
      // Sent again because no answer came, or for the other kind of address: the same name.
      const group = obtain(batch, row, clientHash, looks, name, day);
      if (group === NO_GROUP) return;
      ask(group, name, typeOf(textAt(batch.dnsType, row) ?? '', name), 1);
      saw(group, batch, row, looks, 1, name.length >= TELLING_LENGTH);
      return;
    }
    const told = further.at(row);
    const questions =
      told.names.length > 0
        ? told
        : furtherQuestions(`${textAt(batch.dnsType, row) ?? '?'} ${textAt(batch.dnsQuery, row) ?? ''}`);
    if (questions.names.length > 0) takeMany(batch, row, questions, clientHash, looks, day, packets);
  }

  /** A flow with many questions: those that it tells, and where it tells as many as it can, the others as more of the same. */
  function takeMany(
    batch: FlowBatch,
    row: number,
    questions: Questions,
    clientHash: number,
    looks: BatchLooks,
    day: number,
    packets: number,
  ): void {
    const payload = numberAt(batch.initiatorPayloadBytes, row);
    const { names, numbers, types } = questions;
    const meanName = questions.characters / names.length;
    // Over TCP packets are no questions.
    const isStream = textAt(batch.protocol, row) === 'tcp';
    const all = isStream ? Math.floor((payload ?? 0) / (meanName + QUESTION_OVERHEAD)) : packets;
    const isFull = names.length >= MOST_QUESTIONS_TOLD;
    // A row that goes on from an earlier one tells the questions of the first again.
    const further = isFull ? Math.max(0, all - (numberAt(batch.continued, row) === 1 ? 0 : names.length)) : 0;
    const length = payload === undefined || all === 0 ? meanName : payload / all - QUESTION_OVERHEAD;
    const each = Math.max(1, all / names.length);
    for (let i = 0; i < names.length; i++) {
      if ((numbers[2 * i + 1] as number) < CARRYING_LENGTH) continue;
      const name = names[i] as DnsName;
      const group = obtain(batch, row, clientHash, looks, name, day);
      if (group !== NO_GROUP) ask(group, name, typeOf(types[i] ?? '', name), each);
    }
    for (let i = 0; i < names.length; i++) {
      const count = (numbers[2 * i + 1] as number) < CARRYING_LENGTH ? 0 : carryingBelow(names, i);
      if (count === 0) continue;
      const name = names[i] as DnsName;
      const share = count / names.length;
      const group = obtain(batch, row, clientHash, looks, name, day);
      if (group === NO_GROUP) continue;
      groups.addUntold(group, share * further, share * further * Math.max(0, length - name.owner.length - 1));
      saw(group, batch, row, looks, share, true);
    }
  }

  function obtain(
    batch: FlowBatch,
    row: number,
    clientHash: number,
    looks: BatchLooks,
    { owner, ownerHash }: DnsName,
    day: number,
  ): number {
    const client = textAt(batch.initiator, row) ?? '';
    const clientBits = looks.client.at(row);
    const hash = pairHash(clientHash, ownerHash, day);
    const known = groups.find(hash, client, clientBits, owner, day);
    if (known !== NO_GROUP) return known;
    const evidence = pool.collector(EVIDENCE_PER_PAIR);
    const made = groups.add(hash, client, clientBits, owner, day, evidence);
    if (made === NO_GROUP) pool.release(evidence);
    return made;
  }

  function ask(group: number, name: DnsName, type: string, count: number): void {
    groups.asked(group, type, count);
    const { subdomainHash, before, length } = name;
    if (length === 0 || groups.hasName(group, subdomainHash, before, length)) return;
    if (groups.isCounting(group)) {
      groups.countName(group, name.subdomain);
      return;
    }
    const isFull = groups.names >= nameCap.cap;
    if (!isFull && groups.namesOf(group) < maxNamesPerPair && groups.addName(group, subdomainHash, before, length))
      return;
    if (isFull) nameCap.refused++;
    groups.countName(group, name.subdomain);
  }

  /** What a row says of the group beside its names. `share` of it belongs to the group. */
  function saw(
    group: number,
    batch: FlowBatch,
    row: number,
    looks: BatchLooks,
    share: number,
    isTelling: boolean,
  ): void {
    groups.sawFlow(group, textAt(batch.responder, row) ?? '', looks.server.at(row));
    groups.sawTime(group, numberAt(batch.startMs, row));
    groups.sawTime(group, numberAt(batch.endMs, row));
    groups.sawTransport(group, numberAt(batch.responderPort, row), textAt(batch.protocol, row));
    const sent = numberAt(batch.initiatorPayloadBytes, row);
    const returned = numberAt(batch.responderPayloadBytes, row);
    if (sent !== undefined && returned !== undefined)
      groups.sawAnswerBytes(group, share * Math.max(0, returned - sent));
    if (isTelling) pool.offer(groups.evidence(group), batch.table, row);
    const answers = looks.answers.at(row)?.text;
    if (answers === undefined) {
      // Without a text of the answer nobody knows whether there was one, but where the name does not exist.
      if (isFailure(textAt(batch.dnsRcode, row))) groups.sawFailure(group);
      return;
    }
    if (answers.startsWith(LOOPBACK[0]) || answers.startsWith(LOOPBACK[1])) groups.sawLoopback(group);
    else {
      groups.sawAnswer(group);
      if (groups.wantsAnswers(group)) groups.addAnswer(group, hash32(answers) | 0);
    }
    if (!isTelling || !groups.wantsAddresses(group)) return;
    const found = answerAddressHashes(answers, addresses);
    for (let i = 0; i < found; i++) groups.addAddress(group, addresses[i] as number);
  }

  function finish(): Detection[] {
    const judged: Judged[] = [];
    for (let group = 0; group < groups.size; group++) {
      if (groups.distinct(group) < minNames || !groups.hasTime(group)) continue;
      const one = judge(groups.at(group));
      if (one !== undefined) judged.push(one);
    }
    const clients = new Map<string, Set<string>>();
    for (const { asked } of judged) {
      const known = clients.get(asked.domain) ?? new Set();
      clients.set(asked.domain, known.add(asked.client));
    }
    const found: Detection[] = [];
    for (const one of judged) {
      const { asked } = one;
      const callers = [...(clients.get(asked.domain) ?? [])];
      // A resolver asks what its client has asked.
      const askers = callers.filter((client) => !resolvers.isResolver(client));
      if (askers.length > 0 && resolvers.isResolver(asked.client)) continue;
      const common = askers.length >= minCommonClients;
      const score = one.score * (common ? 0.5 : 1);
      if (score < minScore) continue;
      found.push(report(one, score, common ? askers.length : 0));
    }
    // Of several days the fullest speaks, and says when it began and ended.
    return joinDays(found).sort(
      (a, b) => b.score - a.score || compareText(a.actor, b.actor) || compareText(domainOf(a), domainOf(b)),
    );
  }

  function judge(asked: Asked): Judged | undefined {
    const { distinct, names } = asked;
    if (names.length === 0) return undefined;
    const perCharacter = sampleBits(names) / Math.max(1, asked.characters);
    const characters = (asked.characters / names.length) * asked.told + asked.untoldCharacters;
    const bytes = (perCharacter * characters) / 8;
    const bitsPerName = (8 * bytes) / distinct;
    const carrying = carryingShare(asked.types);
    const isResolver = resolvers.isResolver(asked.client);
    const mute = isMute(asked);
    const popular = popularRank(asked.domain) !== undefined;
    const factor = (mute ? LENIENCE : 1) * (popular ? LENIENCE : 1) * (isResolver && carrying < 0.5 ? LENIENCE : 1);
    const threshold = minBytes * factor;
    if (bytes < threshold) return undefined;
    const unused = isResolver ? undefined : unusedShare(asked);
    const use = carrying + (1 - carrying) * (isResolver ? 0 : mute ? 0.3 : (unused ?? 0.3));
    const once = Math.min(1, distinct / Math.max(1, asked.questions));
    const content = Math.min(1, bitsPerName / FULL_BITS);
    const volume = 0.5 + 0.5 * Math.min(1, Math.log2(bytes / threshold) / FULL_DOUBLINGS);
    const score = volume * (0.4 * content + 0.25 * once + 0.35 * use);
    return { asked, bytes, bitsPerName, carrying, unused, once, mute, popular, threshold, volume, content, use, score };
  }

  /** Share of the addresses in the answers that the client never connected to; undefined where no address was answered, or nothing else is known of the client. */
  function unusedShare(asked: Asked): number | undefined {
    const client = hash32(asked.client);
    const total = asked.addresses.length;
    if (total === 0 || !contacts.has(contactKey(client, 0))) return undefined;
    let unused = 0;
    for (const address of asked.addresses) if (!contacts.has(contactKey(client, address))) unused++;
    return unused / total;
  }

  function report(one: Judged, score: number, common: number): Detection {
    const { asked } = one;
    const isHome = context.isHome(asked.client);
    return {
      kind: 'dns-tunnel.names',
      detector: dnsTunnelInfo.id,
      actor: asked.client,
      peers: asked.servers,
      peerCount: asked.serverCount,
      ...(asked.port === undefined ? {} : { port: asked.port }),
      ...(asked.protocol === undefined ? {} : { protocol: asked.protocol }),
      service: 'dns',
      firstMs: asked.firstMs,
      lastMs: asked.lastMs,
      score,
      reasons: reasonsOf(one, score, common, isHome),
      flows: pool.flows(asked.evidence),
      flowCount: asked.flows,
    };
  }

  return {
    id: dnsTunnelInfo.id,
    observe,
    finish,
    saturations: () => saturationsOf(dnsTunnelInfo.id, [pairCap, nameCap, contactCap, pool.cap]),
  };
}

/** What is looked up of a row: `ipv4Bits` of both ends, and its answers. */
interface BatchLooks {
  readonly client: AddressBits;
  readonly server: AddressBits;
  readonly answers: AnswersOf;
}

interface Judged {
  readonly asked: Asked;
  readonly bytes: number;
  readonly bitsPerName: number;
  readonly carrying: number;
  readonly unused: number | undefined;
  readonly once: number;
  readonly mute: boolean;
  readonly popular: boolean;
  readonly threshold: number;
  readonly volume: number;
  readonly content: number;
  readonly use: number;
  readonly score: number;
}

/** How many names that carry something lie below the owner's domain of name `i`, which does; 0 where it is not the first of them. */
function carryingBelow(names: readonly DnsName[], i: number): number {
  const { owner, ownerHash } = names[i] as DnsName;
  let count = 1;
  for (let j = 0; j < names.length; j++) {
    const other = names[j] as DnsName;
    if (j === i || other.ownerHash !== ownerHash || other.length < CARRYING_LENGTH || other.owner !== owner) continue;
    if (j < i) return 0;
    count++;
  }
  return count;
}

/** The information of the names in order, so that it doesn't depend on who came first. */
function sampleBits(names: readonly string[]): number {
  const counter = new InformationCounter();
  let n = 0;
  for (const name of names.toSorted()) counter.add(name, n++);
  return counter.bits;
}

/** How a question for a service counts whose name is none. */
const SRV_ALONE = 'SRV-NO-SERVICE';

/** Names of services begin with an underscore (RFC 2782): of others a question for a service is none. */
function typeOf(type: string, { subdomain }: DnsName): string {
  return type === 'SRV' && !subdomain.startsWith('_') ? SRV_ALONE : type;
}

function carryingShare(types: Asked['types']): number {
  let all = 0;
  let carrying = 0;
  for (const [type, count] of types) {
    all += count;
    if (!ADDRESS_TYPES.has(type)) carrying += count;
  }
  return all === 0 ? 0 : carrying / all;
}

/** Whether the answers say no more than yes or no: no such name, an address in 127.0.0.0/8, or always the same few. */
function isMute(asked: Asked): boolean {
  const { answered, failed, loopback, answers } = asked;
  if (answered === 0) return false;
  const saying = answered - failed - loopback;
  if (saying < 0.2 * answered) return true;
  // A flow of many questions shows the answer of the first one only.
  return saying >= 20 && answers < SAYING * Math.min(saying, MAX_ANSWERS);
}

function contactKey(client: number, peer: number): number {
  return client * 2 ** 21 + (peer >>> 11);
}

function reasonsOf(one: Judged, score: number, common: number, isHome: boolean): Reason[] {
  const { asked, bytes, bitsPerName, carrying, unused, once, mute, popular, threshold, volume } = one;
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const shown = asked.types.toSorted((a, b) => b[1] - a[1] || compareText(a[0], b[0]))[0]?.[0] ?? '';
  const reasons: Reason[] = [
    {
      name: 'dns-tunnel.domain',
      value: asked.domain,
      unit: 'name',
      sentence: 'All names lie below one domain, which stands beside this line.',
    },
    {
      name: 'dns-tunnel.bytes',
      value: Math.round(bytes),
      unit: 'bytes',
      threshold,
      sentence: `As much as ${humanBytes(bytes)} can have left in the names asked for on one day, whatever the encoding.`,
    },
    {
      name: 'dns-tunnel.names',
      value: Math.round(asked.distinct),
      unit: 'names',
      sentence: `It asked for ${about(asked)}${counted(Math.round(asked.distinct), 'different name')} in ${counted(Math.round(asked.questions), 'question')}.`,
    },
    {
      name: 'dns-tunnel.content',
      value: Number(bitsPerName.toFixed(1)),
      unit: 'bits',
      contribution: volume * 0.4 * one.content,
      sentence: `A name carries ${Math.round(bitsPerName)} bits that the names before it do not; names that people gave carry 20 to 50.`,
    },
    {
      name: 'dns-tunnel.once',
      value: Number(once.toFixed(3)),
      unit: 'ratio 0..1',
      contribution: volume * 0.25 * once,
      sentence: `${percent(once)} of the questions were for a name that was not asked for before.`,
    },
    {
      name: 'dns-tunnel.carrying',
      value: Number(carrying.toFixed(3)),
      unit: 'ratio 0..1',
      contribution: volume * 0.35 * one.use,
      sentence: `${carrying === 0 ? 'All questions were of types by which programs look for addresses' : `${percent(carrying)} of the questions were of types by which nobody looks for an address`}${/^[A-Z0-9-]{1,16}$/.test(shown) ? `; the most common type is ${shown}` : ''}.`,
    },
    {
      name: 'dns-tunnel.answers',
      value: Math.round(asked.answerBytes),
      unit: 'bytes',
      sentence: `The answers were ${humanBytes(asked.answerBytes)} longer than the questions.`,
    },
  ];
  if (carrying < 0.5 && unused !== undefined && !mute)
    reasons.push({
      name: 'dns-tunnel.unused',
      value: Number(unused.toFixed(3)),
      unit: 'ratio 0..1',
      sentence: `It never connected to ${percent(unused)} of the addresses that it was given.`,
    });
  if (mute)
    reasons.push({
      name: 'dns-tunnel.mute',
      value: 1,
      unit: '',
      sentence:
        'The answers say no more than yes or no, as those of reputation services and black lists; much more was asked than these need.',
    });
  if (popular)
    reasons.push({
      name: 'dns-tunnel.popular',
      value: 1,
      unit: '',
      sentence: 'The domain is on the list of popular ones.',
    });
  if (common > 0)
    reasons.push({
      name: 'dns-tunnel.common',
      value: common,
      unit: 'hosts',
      contribution: -score,
      sentence: `${humanCount(common)} hosts ask below this domain in the same way; the score is halved by that.`,
    });
  reasons.push({
    name: 'dns-tunnel.scope',
    value: isHome ? 'inside' : 'outside',
    unit: '',
    sentence: `The client is ${isHome ? 'inside' : 'outside'} the home network.`,
  });
  return reasons;
}

function about(asked: Asked): string {
  return !asked.isEstimate && asked.untold === 0 ? '' : 'about ';
}

function domainOf(detection: Detection): string {
  const value = detection.reasons.find(({ name }) => name === 'dns-tunnel.domain')?.value;
  return typeof value === 'string' ? value : '';
}

/** One detection for each client and domain: that of the day with the highest score, over the whole time. */
function joinDays(found: readonly Detection[]): Detection[] {
  const best = new Map<string, Detection>();
  for (const one of found.toSorted((a, b) => b.score - a.score || a.firstMs - b.firstMs)) {
    const key = `${one.actor} ${domainOf(one)}`;
    const known = best.get(key);
    best.set(
      key,
      known === undefined
        ? one
        : {
            ...known,
            firstMs: Math.min(known.firstMs, one.firstMs),
            lastMs: Math.max(known.lastMs, one.lastMs),
            flowCount: known.flowCount + one.flowCount,
          },
    );
  }
  return [...best.values()];
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
