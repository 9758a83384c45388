import { humanBytes, humanCount, isoTime } from '../core/index.ts';
import type { FlowRecord } from '../flow/index.ts';
import { type Evidence, type Incident, type IncidentDetection, roleOf } from '../incident/index.ts';
import { parseAddress } from '../wire/index.ts';
import { type CheckOptions, checkClaim, type Problem, type ProblemKind, REFERENCE_TERMS } from './check.ts';
import { KNOWN_NAMES, PLAIN_ENDING, SENTENCE_STARTERS, TRADE_WORDS } from './plain-words.ts';
import { judgeByRules } from './rules.ts';
import type { Claim } from './verdict.ts';

/**
 * Checks what a claim says beyond its addresses and numbers: who did it to whom, what was done and how it went, whether a count is a count of that, whether
 * a time is the beginning or the end, which host is whose, and whether anybody is accused by name.
 *
 * It reads plain English sentences word by word and knows some 150 verbs. A verb that nothing in the incident supports (its kind, the sentences of its measures,
 * the outcomes of its flows, the rules' own verdict) is a problem unless the sentence only thinks of it ('may have', 'if', 'whether', 'tried to'). It errs
 * on the side of leaving a claim out. What it does not see: a false statement in words that it has no verb for, and irony.
 */
export interface SenseOptions extends CheckOptions {
  /** Names of groups, malware and tools that the operator's own intelligence gives. */
  readonly intelligence?: readonly string[];
  /** Where the claim stands: in advice, a verb is only judged where a host of the incident did it. Default 'whatHappened'. */
  readonly section?: string;
}

/** All checks of a claim that somebody other than code wrote. */
export function checkStatement(incident: Incident, claim: Claim, where: string, options: SenseOptions = {}): Problem[] {
  return [...checkClaim(incident, claim, where, options), ...checkSense(incident, claim, where, options)];
}

export function checkSense(incident: Incident, claim: Claim, where: string, options: SenseOptions = {}): Problem[] {
  if (incident.evidence.some((item) => item.type === 'measure' && item.sentence === claim.text)) return [];
  const knowledge = knowledgeOf(incident);
  const cited = new Cited(incident, claim.cites);
  const problems: Problem[] = [];
  const add = (kind: ProblemKind, message: string): void => {
    if (!problems.some((problem) => problem.message === message)) problems.push({ kind, where, message });
  };
  let text = claim.text.replace(/\{\{[^{}]*\}\}/g, ' REF ').replace(/[“”"]/g, ' ');
  for (const term of REFERENCE_TERMS) text = text.replaceAll(term, ' ');
  // Counts of the context facts that the claim cites.
  const told = (options.context ?? []).flatMap((fact) => (claim.cites.includes(fact.id) ? countsIn(fact.text) : []));
  const facts = options.section === undefined || options.section === 'whatHappened';
  for (const sentence of text.split(/(?<=[.!?;])\s+|\s+[–—]\s+/)) {
    const words = tokens(sentence, knowledge);
    checkPlaces(sentence, knowledge, add);
    checkDirections(words, sentence, knowledge, cited, add);
    checkVerbs(words, knowledge, cited, facts, add);
    checkCounts(sentence, knowledge, cited, told, add);
  }
  checkTimes(text, incident, cited, add);
  checkRetold(incident, claim.text, add);
  checkNames(text, knowledge, options, add);
  return problems;
}

type Add = (kind: ProblemKind, message: string) => void;

// ------------------------------------------------------------------------------------------------------------------------- the facts

interface Knowledge {
  readonly kinds: readonly string[];
  /** Addresses, in one form, to whether they are at home. */
  readonly home: ReadonlyMap<string, boolean>;
  /** 'a>b': a acted on b. */
  readonly forward: ReadonlySet<string>;
  /** 'a>b': a answered b. */
  readonly backward: ReadonlySet<string>;
  readonly sources: ReadonlySet<string>;
  readonly targets: ReadonlySet<string>;
  /** Stems of the words that code used of the incident. */
  readonly stems: ReadonlySet<string>;
  /** Those of sentences that only state. */
  readonly sureStems: ReadonlySet<string>;
  /** Words with a capital that code used of it. */
  readonly capitals: ReadonlySet<string>;
  /** What code said of how things went, as '150 unanswered'. */
  readonly outcomes: ReadonlySet<string>;
  /** The number of the targets that answered, where it was counted. */
  readonly answered: number | undefined;
  /** Classes of nouns, with the numbers that they may go with. */
  readonly counts: ReadonlyMap<string, ReadonlySet<number>>;
  readonly threats: readonly string[];
}

const KNOWLEDGE = new WeakMap<Incident, Knowledge>();

function knowledgeOf(incident: Incident): Knowledge {
  const known = KNOWLEDGE.get(incident);
  if (known !== undefined) return known;
  const made = gather(incident);
  KNOWLEDGE.set(incident, made);
  return made;
}

function gather(incident: Incident): Knowledge {
  const home = new Map<string, boolean>();
  for (const host of [...incident.actors, ...incident.peers]) home.set(normal(host.address), host.home);
  const forward = new Set<string>();
  const backward = new Set<string>();
  const sources = new Set<string>();
  const targets = new Set<string>();
  const acted = (from: string | undefined, to: string | undefined): void => {
    if (from === undefined || to === undefined) return;
    forward.add(`${normal(from)}>${normal(to)}`);
    sources.add(normal(from));
    targets.add(normal(to));
  };
  const measures = incident.evidence.filter((item): item is MeasureEvidence => item.type === 'measure');
  for (const detection of incident.detections) {
    const role = roleOf({ reasons: measures.filter((item) => item.detection === detection.id) });
    const reversed = role === 'target' || REVERSED.some((prefix) => detection.kind.startsWith(prefix));
    for (const peer of detection.peers) {
      if (reversed) acted(peer, detection.actor);
      else acted(detection.actor, peer);
    }
    if (detection.peers.length === 0) sources.add(normal(detection.actor));
  }
  for (const item of incident.evidence) {
    if (item.type !== 'flow') continue;
    acted(item.flow.initiator, item.flow.responder);
    if (answeredFlow(item.flow))
      backward.add(`${normal(item.flow.responder ?? '')}>${normal(item.flow.initiator ?? '')}`);
  }
  const said = [
    ...judgeByRules(incident).whatHappened.map((claim) => claim.text),
    ...measures.map((item) => item.sentence),
  ];
  const counts = new Map<string, Set<number>>();
  const count = (noun: string, value: number | undefined): void => {
    if (value === undefined || !Number.isFinite(value)) return;
    const own = counts.get(noun) ?? new Set<number>();
    counts.set(noun, own.add(value));
  };
  count('host', incident.peerCount);
  count('host', incident.actors.length);
  count('event', incident.flowCount);
  count('row', incident.recordCount);
  count('detection', incident.detections.length);
  for (const text of said) for (const { noun, value } of countsIn(text)) count(noun, value);
  for (const { unit, value } of measures)
    if (typeof value === 'number' && unit !== '') count(nounOf(unit.split(/[ /]/)[0] ?? '') ?? unit, value);
  const outcomes = new Set(said.flatMap(outcomesIn));
  for (const entry of outcomes) count('event', Number(entry.split(' ')[0]));
  const answered = measures.find((item) => item.name === 'scan.answered')?.value;
  return {
    kinds: incident.detections.map((detection) => detection.kind),
    home,
    forward,
    backward,
    sources,
    targets,
    stems: new Set(said.flatMap((text) => wordsOf(text).map(stem))),
    sureStems: new Set(
      said
        .flatMap((text) => text.split(/(?<=[.:;])\s/))
        .filter((text) => !wordsOf(text).some((word) => HEDGES.has(word.toLowerCase())))
        .flatMap((text) => wordsOf(text).map(stem)),
    ),
    capitals: new Set(
      [...said, ...incident.techniques.flatMap(({ name, tactic }) => [name, tactic])].flatMap((text) =>
        wordsOf(text).filter((word) => /^[A-Z]/.test(word)),
      ),
    ),
    outcomes,
    answered: typeof answered === 'number' ? answered : undefined,
    counts,
    threats: measures.flatMap((item) =>
      item.name.startsWith('threat-list.') && typeof item.value === 'string' ? wordsOf(item.value) : [],
    ),
  };
}

type MeasureEvidence = Extract<Evidence, { type: 'measure' }>;

/** Kinds whose actor is the one that something was done to. */
const REVERSED: readonly string[] = ['policy.unknown-destination', 'threat-list.came'];

function answeredFlow(flow: FlowRecord): boolean {
  return flow.outcome === 'answered' || (flow.responderPackets ?? 0) > 0 || (flow.responderBytes ?? 0) > 0;
}

/** The flows, detections and measures that a claim cites. */
class Cited {
  readonly flows: readonly FlowRecord[];
  readonly detections: readonly IncidentDetection[];

  constructor(incident: Incident, cites: readonly string[]) {
    const ids = new Set(cites);
    this.flows = incident.evidence.flatMap((item) => (item.type === 'flow' && ids.has(item.id) ? [item.flow] : []));
    const owners = new Set(
      incident.evidence.flatMap((item) => (item.type === 'measure' && ids.has(item.id) ? [item.detection] : [])),
    );
    this.detections = incident.detections.filter(({ id }) => ids.has(id) || owners.has(id));
  }
}

// ----------------------------------------------------------------------------------------------------------------------------- words

const ADDRESS =
  /(?<![\w:.-])(?:[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}|\d+\.\d+\.\d+\.\d+|(?=[0-9a-f:.]*:[0-9a-f]*:)(?!\d{1,2}:\d{2}:\d{2}(?![0-9a-f:]))[0-9a-f:][0-9a-f:.]*[0-9a-f:])(?![\w])/gi;

function normal(text: string): string {
  const parsed = parseAddress(text);
  return parsed === undefined
    ? text.toLowerCase().replaceAll('-', ':')
    : parsed.words.map((word) => word >>> 0).join('.');
}

function wordsOf(text: string): string[] {
  return text.match(/[\p{L}][\p{L}\p{N}&'’/-]*/gu) ?? [];
}

interface Token {
  readonly word: string;
  /** In one form, where it is an address of the incident. */
  readonly address?: string;
  readonly verb?: Verb;
  readonly comma: boolean;
}

function tokens(sentence: string, { home }: Knowledge): Token[] {
  const marked = sentence.replace(ADDRESS, (token) => ` @${token}@ `);
  return [...marked.matchAll(/@[^@\s]+@|[\p{L}\p{N}%][\p{L}\p{N}.'’&/%-]*|->|→|>|[,()]/gu)].map(([word]): Token => {
    if (word.startsWith('@')) {
      const address = normal(word.slice(1, -1));
      return home.has(address)
        ? { word: word.slice(1, -1), address, comma: false }
        : { word: word.slice(1, -1), comma: false };
    }
    const plain = word.replace(/[.]+$/, '').toLowerCase();
    const verb = VERBS.get(plain);
    return { word: plain, ...(verb === undefined ? {} : { verb }), comma: /^[,()]$/.test(word) };
  });
}

function stem(word: string): string {
  const lower = word.toLowerCase();
  const irregular = IRREGULAR[lower];
  if (irregular !== undefined) return irregular;
  return lower
    .replace(/(?:ies|ied)$/, 'y')
    .replace(/(?<=[a-z]{3})(?:ing|ed|es|e|s)$/, '')
    .replace(/([bdglmnprt])\1$/, '$1');
}

const IRREGULAR: Readonly<Record<string, string>> = {
  sent: 'send',
  spoke: 'speak',
  made: 'mak',
  told: 'tell',
  kept: 'keep',
  got: 'get',
  gave: 'giv',
  took: 'tak',
  stole: 'steal',
  stolen: 'steal',
  broke: 'break',
  broken: 'break',
  ran: 'run',
};

// ----------------------------------------------------------------------------------------------------------------------------- verbs

/** What a verb says: who acts on whom, and what must be so for it to be true. */
interface Verb {
  readonly stem: string;
  /** 'act': the subject to the object; 'answer': the object began; 'receive': from the object to the subject; 'state': of one alone. */
  readonly way: 'act' | 'answer' | 'receive' | 'state';
  readonly participle: boolean;
  readonly group: VerbGroup;
}

type VerbGroup =
  | 'try'
  | 'scan'
  | 'guess'
  | 'flood'
  | 'attack'
  | 'connect'
  | 'send'
  | 'upload'
  | 'download'
  | 'login'
  | 'answer'
  | 'refuse'
  | 'fail'
  | 'win'
  | 'harm'
  | 'spoof'
  | 'mine'
  | 'tunnel'
  | 'beacon'
  | 'run'
  | 'block'
  | 'ask'
  | 'receive'
  | 'neutral';

/** Verbs in the past tense, by group; further forms are made from them. */
const VERB_LIST: Readonly<Record<VerbGroup, string>> = {
  try: 'tried attempted sought',
  scan: 'scanned probed swept searched enumerated mapped fingerprinted portscanned explored',
  guess: 'guessed sprayed brute-forced bruteforced',
  flood: 'flooded overwhelmed bombarded swamped saturated',
  attack: 'attacked targeted assaulted',
  connect:
    'connected contacted called reached talked communicated dialled linked accessed visited approached spoke opened',
  send: 'sent transmitted',
  upload: 'uploaded exfiltrated leaked transferred copied pushed smuggled',
  download: 'downloaded fetched retrieved pulled',
  login: 'logged authenticated',
  answer: 'answered responded replied accepted',
  refuse: 'refused rejected',
  fail: 'failed',
  win: 'succeeded worked compromised breached infiltrated penetrated hacked cracked gained obtained',
  harm: 'infected encrypted deleted destroyed modified altered wiped disabled crashed damaged stole exploited hijacked installed dropped implanted elevated escalated defaced erased',
  spoof: 'spoofed poisoned impersonated intercepted diverted',
  mine: 'mined',
  tunnel: 'tunnelled tunneled',
  beacon: 'beaconed',
  run: 'ran launched executed',
  block: 'blocked stopped prevented quarantined dropped denied filtered',
  ask: 'asked queried requested resolved',
  receive: 'received',
  // These say little of what was done, but who did it to whom.
  neutral: 'began made handed behaved started kept told claimed announced offered read',
};

/** Present, participle and infinitive of verbs that do not go by the rule. */
const FORMS: Readonly<Record<string, readonly string[]>> = {
  swept: ['sweep', 'sweeps', 'sweeping'],
  sought: ['seek', 'seeks', 'seeking'],
  spoke: ['speak', 'speaks', 'speaking', 'spoken'],
  sent: ['send', 'sends', 'sending'],
  stole: ['steal', 'steals', 'stealing', 'stolen'],
  ran: ['run', 'runs', 'running'],
  tried: ['try', 'tries', 'trying'],
  copied: ['copy', 'copies', 'copying'],
  modified: ['modify', 'modifies', 'modifying'],
  replied: ['reply', 'replies', 'replying'],
  queried: ['query', 'queries', 'querying'],
  denied: ['deny', 'denies', 'denying'],
  began: ['begins', 'beginning'],
  made: ['makes', 'making'],
  kept: ['keeps', 'keeping'],
  told: ['tells', 'telling'],
  read: ['reads', 'reading'],
  started: ['starting'],
};

const WAYS: Readonly<Partial<Record<VerbGroup, Verb['way']>>> = {
  answer: 'answer',
  refuse: 'answer',
  receive: 'receive',
  fail: 'state',
  run: 'state',
  mine: 'state',
  block: 'state',
};

/** Nouns that look like a verb: '4 connections', 'the scan', 'requests'. They stay verbs after 'to' and as past forms. */
const VERBS: ReadonlyMap<string, Verb> = new Map(
  Object.entries(VERB_LIST).flatMap(([group, list]) =>
    list.split(' ').flatMap((past): [string, Verb][] => {
      const base = past.replace(/ed$/, '').replace(/([bdglmnpt])\1$/, '$1');
      const forms = FORMS[past] ?? [`${past.slice(0, -2)}ing`, ...NOUNLESS(base)];
      const make = (participle: boolean): Verb => ({
        stem: stem(past),
        way: WAYS[group as VerbGroup] ?? 'act',
        participle,
        group: group as VerbGroup,
      });
      return [[past, make(true)], ...forms.map((form): [string, Verb] => [form, make(form.endsWith('n'))])];
    }),
  ),
);

/** Present forms of verbs that are no nouns as well. */
function NOUNLESS(base: string): string[] {
  return /^(?:connect|contact|communicat|accept|infect|compromis|encrypt|delet|destroy|fail|succeed|exfiltrat|overwhelm|authenticat|respond|refus|reject|infiltrat|penetrat|intercept|impersonat|receiv|retriev)$/.test(
    base,
  )
    ? [base, `${base}e`, `${base}s`, `${base}es`]
    : [];
}

/** Groups that the kind of a detection supports by itself: what its detector looks for. */
const SUPPORTED: readonly (readonly [prefix: string, groups: readonly VerbGroup[]])[] = [
  ['scan.', ['try', 'scan', 'attack', 'send', 'ask']],
  ['brute-force.', ['try', 'guess', 'attack', 'connect', 'send']],
  ['flood.', ['flood', 'attack', 'send', 'try']],
  ['flood.backscatter', ['answer', 'send']],
  ['beacon.', ['beacon', 'connect', 'send', 'try', 'ask']],
  ['long-connection.', ['connect', 'send', 'ask']],
  ['dns-tunnel.', ['tunnel', 'ask', 'send', 'upload', 'try']],
  ['icmp-tunnel.', ['tunnel', 'send', 'upload', 'connect']],
  ['dga.', ['ask', 'try', 'scan']],
  ['exfiltration.', ['upload', 'send', 'connect', 'ask']],
  ['mining.', ['mine', 'connect', 'send']],
  ['protocol-mismatch.', ['connect', 'send']],
  ['protocol-mismatch.shell', ['run', 'tunnel']],
  ['cleartext-login.', ['login', 'connect', 'send', 'ask']],
  ['lateral-movement.', ['connect', 'run', 'ask', 'try', 'send']],
  ['lateral-movement.enumeration', ['scan']],
  ['arp-spoof.', ['spoof', 'send']],
  ['rogue-dhcp.', ['answer', 'send', 'spoof']],
  ['new-', ['connect', 'send', 'try', 'ask']],
  ['policy.', ['connect', 'send', 'try', 'ask']],
  ['threat-list.', ['connect', 'send', 'ask', 'try']],
  ['strange-flow.', ['connect', 'send', 'try', 'ask']],
];

const HEDGES: ReadonlySet<string> = new Set(
  `may might could can if whether would should perhaps possibly probably likely suggests suggest potentially unless seems seem appears appear maybe suspect suspected
possible assume until or like as how why look looks find check ask see before verify confirm ensure determine prove review inspect examine investigate`.split(
    /\s+/,
  ),
);
/** These colour the verb that they stand before, not all that follows. */
const MODALS: ReadonlySet<string> = new Set([
  'may',
  'might',
  'could',
  'can',
  'would',
  'should',
  'as',
  'like',
  'or',
  'likely',
  'possible',
]);
const NEGATIONS: ReadonlySet<string> = new Set([
  'no',
  'not',
  'none',
  'never',
  'nothing',
  'nobody',
  'without',
  'neither',
  'nor',
  'zero',
]);
const ATTEMPTS: ReadonlySet<string> = new Set([
  'tried',
  'tries',
  'try',
  'trying',
  'attempted',
  'attempts',
  'attempt',
  'attempting',
  'failed',
  'wants',
  'wanted',
]);
const AUXILIARIES: ReadonlySet<string> = new Set(['was', 'were', 'is', 'are', 'been', 'being', 'be', 'got', 'gets']);
/** Of these only the first in front of a noun counts: 'failed attempts', 'refused connections'. */
const BEFORE_NOUN =
  /^(?:attempt|login|connection|try|tries|connections|attempts|logins|flows|requests|guesses|contacts|ports|hosts|port|host|data)$/;

function checkVerbs(words: readonly Token[], knowledge: Knowledge, cited: Cited, facts: boolean, add: Add): void {
  for (const [i, token] of words.entries()) {
    const { verb } = token;
    if (verb === undefined) continue;
    const before = words.slice(Math.max(0, clauseStart(words, i)), i).map(({ word }) => word);
    const isAdjective = verb.participle && BEFORE_NOUN.test(words[i + 1]?.word ?? '') && verb.group !== 'connect';
    const isThought =
      before.some((word, k) => HEDGES.has(word) && (before.length - k <= 5 || !MODALS.has(word))) ||
      words.some(
        ({ word }, k) => word === 'it' && (words[k + 1]?.word === 'seems' || words[k + 1]?.word === 'appears'),
      ) ||
      (before.at(-1) === 'to' && before.some((word) => ATTEMPTS.has(word))) ||
      (before.at(-1) === 'to' && !before.some((word) => AUXILIARIES.has(word)) && !facts);
    // 'an encrypted one', 'the infected machine': said of a thing, not of what somebody did.
    // 'signs of compromise': a noun.
    const isNoun = !verb.participle && !token.word.endsWith('ing') && NOUN_BEFORE.has(before.at(-1) ?? '');
    if (isThought || isNoun || (verb.participle && ARTICLES.has(before.at(-1) ?? ''))) continue;
    const isNegated = before.some((word) => NEGATIONS.has(word) || word.endsWith("n't"));
    const subject = words.slice(clauseStart(words, i), i).some(({ address }) => address !== undefined);
    if (!facts && !subject) continue;
    if (!supported(verb, isNegated, knowledge, cited))
      add('claim.verb', `Nothing shows that somebody ${isNegated ? 'never ' : ''}'${token.word}'.`);
    else if (OUTCOME[verb.group] !== undefined && !isAdjective) checkOutcome(words, i, verb, isNegated, knowledge, add);
  }
}

const NOUN_BEFORE: ReadonlySet<string> = new Set([
  'of',
  'for',
  'by',
  'with',
  'the',
  'a',
  'an',
  'this',
  'that',
  'its',
  'their',
  'each',
  'any',
]);
const ARTICLES: ReadonlySet<string> = new Set(['a', 'an', 'the', 'its', 'their', 'any', 'each', 'every']);

/** Where the clause of a word begins: after a mark or a conjunction. */
function clauseStart(words: readonly Token[], at: number): number {
  for (let i = at - 1; i >= 0; i--) {
    const { word } = words[i] ?? { word: '' };
    if (!CLAUSE_BREAKS.has(word)) continue;
    // 'Verify that it ran': what is asked for is not told.
    if (word === 'that' && HEDGES.has(words[i - 1]?.word ?? '')) return i - 1;
    return i + (HEDGES.has(word) ? 0 : 1);
  }
  return 0;
}

const CLAUSE_BREAKS: ReadonlySet<string> = new Set([
  'and',
  'but',
  'while',
  'which',
  'who',
  'that',
  'because',
  'then',
  'when',
  'so',
  'if',
  'whether',
  'after',
  'before',
  'although',
  'though',
]);

function supported(verb: Verb, isNegated: boolean, knowledge: Knowledge, cited: Cited): boolean {
  const { group } = verb;
  if (
    SUPPORTED.some(
      ([prefix, groups]) => groups.includes(group) && knowledge.kinds.some((kind) => kind.startsWith(prefix)),
    )
  )
    return !isNegated || group === 'answer';
  if (group === 'win' || group === 'harm' || group === 'block') return !isNegated && knowledge.sureStems.has(verb.stem);
  if (group === 'answer') {
    if (knowledge.answered !== undefined) return isNegated ? knowledge.answered === 0 : knowledge.answered > 0;
    return isNegated ? !cited.flows.some(answeredFlow) : knowledge.backward.size > 0 || knowledge.stems.has(verb.stem);
  }
  if (isNegated) return group === 'neutral' || group === 'receive' || knowledge.stems.has(verb.stem);
  if (verb.stem === 'reach' && (knowledge.answered ?? 0) > 0) return true;
  if (
    group === 'connect' &&
    cited.flows.some(answeredFlow) &&
    !knowledge.kinds.some((kind) => kind.startsWith('scan.'))
  )
    return true;
  if (group === 'fail')
    return (
      knowledge.stems.has('fail') ||
      cited.flows.some(({ outcome }) => outcome === 'refused' || outcome === 'unanswered')
    );
  if (group === 'refuse')
    return knowledge.stems.has('refus') || cited.flows.some(({ outcome }) => outcome === 'refused');
  if (group === 'receive' || group === 'neutral') return true;
  if (group === 'download')
    return cited.flows.some((flow) => (flow.responderPayloadBytes ?? 0) > (flow.initiatorPayloadBytes ?? 0));
  return knowledge.stems.has(verb.stem);
}

/** How a thing went, under one word. */
const OUTCOME: Readonly<Partial<Record<VerbGroup, string>>> = { answer: 'answered', refuse: 'refused', fail: 'failed' };

/** A number of things that went in some way must be one that code counted for that way. */
function checkOutcome(
  words: readonly Token[],
  at: number,
  verb: Verb,
  isNegated: boolean,
  { outcomes }: Knowledge,
  add: Add,
): void {
  const outcome = OUTCOME[verb.group];
  const subject = words.slice(clauseStart(words, at), at);
  const values = subject.map(({ word }) => numberOf(word)).filter((number) => number !== undefined);
  // '4 of the 212 hosts': one of the numbers is that of those that answered.
  const value = values.at(-1);
  if (outcome === undefined || value === undefined || isNegated || outcomes.size === 0) return;
  const counted = [...outcomes]
    .filter((entry) => entry.endsWith(` ${outcome}`))
    .map((entry) => Number(entry.split(' ')[0]));
  if (counted.length > 0 && !counted.some((number) => values.some((one) => Math.round(number) === Math.round(one))))
    add('claim.verb', `'${humanCount(value)}' is not how many ${outcome}.`);
}

/** '150 unanswered', '98.1 failed': numbers and how what they count went. */
function outcomesIn(text: string): string[] {
  return text.split(/[,;:.](?=\s|$)|\band\b/).flatMap((clause) => {
    const found = /(?<![\w.])(\d[\d,]*(?:\.\d+)?)/.exec(clause);
    if (found === null) return [];
    return Object.entries(OUTCOME).flatMap(([group, outcome]) =>
      wordsOf(clause).some((word) => VERBS.get(word.toLowerCase())?.group === group)
        ? [`${Number((found[1] ?? '').replaceAll(',', ''))} ${outcome}`]
        : [],
    );
  });
}

// ------------------------------------------------------------------------------------------------------------------------- direction

const HARD_BREAKS: ReadonlySet<string> = new Set([
  'because',
  'after',
  'before',
  'if',
  'whether',
  'while',
  'when',
  'although',
  'though',
  'since',
  'where',
]);

function checkDirections(
  words: readonly Token[],
  sentence: string,
  knowledge: Knowledge,
  cited: Cited,
  add: Add,
): void {
  const wrong = (agent: Token, object: Token): void =>
    add('claim.direction', `Nothing shows that '${agent.word}' did this to '${object.word}'.`);
  const objects = new Set<number>();
  let agent: Token | undefined;
  for (const [i, { verb }] of words.entries()) {
    if (verb === undefined) continue;
    // 'tried ports of A': the words between a verb and what it is done to hold no other verb of doing; 'tried to connect to A' is one deed.
    const isPassive = verb.participle && words.slice(Math.max(0, i - 3), i).some((one) => AUXILIARIES.has(one.word));
    const next = words.findIndex(
      (one, k) => k > i && (HARD_BREAKS.has(one.word) || (one.verb !== undefined && words[k - 1]?.word !== 'to')),
    );
    const end = next < 0 ? words.length : next;
    const before = lastAddress(words, i, objects);
    const after = addressList(words, i + 1, end);
    if (isPassive && !(verb.group === 'connect' && words[i + 1]?.word === 'to')) {
      const by = words.findIndex(
        (one, k) => k > i && k < end && (one.word === 'by' || (one.word === 'from' && verb.way === 'act')),
      );
      const doer = by < 0 ? undefined : words.slice(by, end).find((one) => one.address !== undefined);
      if (doer === undefined) continue;
      const place = words.indexOf(doer);
      objects.add(place);
      const suffered = before === undefined ? addressList(words, place + 1, end) : [before];
      for (const object of suffered)
        if (doer.address !== object.address && !shown(verb, doer, object, knowledge, cited, sentence))
          wrong(doer, object);
      continue;
    }
    if (before !== undefined) agent = before;
    if (agent === undefined || after.length === 0) continue;
    const first = words.indexOf(after[0] as Token);
    const isFrom = words.slice(Math.max(i, first - 3), first).some((one) => one.word === 'from');
    for (const object of after) objects.add(words.indexOf(object));
    // What is sent back is an answer.
    const way: Verb = words.slice(i, first).some((one) => one.word === 'back') ? { ...verb, way: 'answer' } : verb;
    // 'A asked B to ...' and 'A waited for calls from B' are no deeds of A towards B by this verb.
    if (isFrom && verb.group !== 'receive' && verb.group !== 'download') continue;
    if (verb.group === 'receive' && !isFrom) continue;
    for (const object of after)
      if (object.address !== agent.address && !shown(way, agent, object, knowledge, cited, sentence))
        wrong(agent, object);
  }
  checkPhrases(sentence, knowledge, add);
}

function lastAddress(words: readonly Token[], at: number, objects: ReadonlySet<number>): Token | undefined {
  for (let i = at - 1; i >= 0; i--) {
    const token = words[i];
    if (token?.address === undefined || objects.has(i)) continue;
    return token;
  }
  return undefined;
}

/** The first address in [from, end), and those that are told in one list with it. */
function addressList(words: readonly Token[], from: number, end: number): Token[] {
  const list: Token[] = [];
  for (let i = from; i < end; i++) {
    const token = words[i];
    if (token?.address !== undefined) list.push(token);
    else if (list.length > 0 && !(token?.comma === true || token?.word === 'and')) break;
  }
  return list;
}

function shown(
  verb: Verb,
  agent: Token,
  object: Token,
  { forward, backward }: Knowledge,
  cited: Cited,
  sentence: string,
): boolean {
  const there = `${agent.address}>${object.address}`;
  const back = `${object.address}>${agent.address}`;
  switch (verb.way) {
    case 'answer':
      return forward.has(back) || backward.has(there);
    case 'receive':
      return forward.has(back) || sentBack(object, agent, cited, sentence);
    default:
      if (forward.has(there)) return true;
      return verb.group === 'send' && sentBack(agent, object, cited, sentence);
  }
}

/** Whether the responder `from` of a cited flow sent as many bytes back to `to` as the sentence says. */
function sentBack(from: Token, to: Token, cited: Cited, sentence: string): boolean {
  return cited.flows.some(
    (flow) =>
      normal(flow.responder ?? '') === from.address &&
      normal(flow.initiator ?? '') === to.address &&
      [flow.responderBytes, flow.responderPayloadBytes].some(
        (bytes) => bytes !== undefined && bytes > 0 && sentence.includes(humanBytes(bytes)),
      ),
  );
}

const ROLE_NOUNS =
  'attacker|scanner|source|sender|caller|client|initiator|guesser|culprit|offender|aggressor|miner|target|victim|receiver|recipient|responder';
const TARGET_NOUN = /^(?:target|victim|receiver|recipient|responder)$/;
const AT = ADDRESS.source;

/** Who is who by nouns and prepositions: 'the target A', 'logins from A', 'connections to B', 'A -> B'. */
function checkPhrases(sentence: string, knowledge: Knowledge, add: Add): void {
  const { sources, targets, forward, home } = knowledge;
  const each = (pattern: string, judge: (groups: readonly string[]) => void): void => {
    for (const match of sentence.matchAll(new RegExp(pattern, 'gi'))) judge(match.slice(1).map((group) => group ?? ''));
  };
  const role = (noun: string, address: string): void => {
    const key = normal(address);
    if (!home.has(key)) return;
    const list = TARGET_NOUN.test(noun.toLowerCase()) ? targets : sources;
    if (!list.has(key)) add('claim.direction', `Nothing shows that '${address}' is the ${noun.toLowerCase()}.`);
  };
  each(
    `\\b(?:the|its|an?|likely|probable)\\s+(${ROLE_NOUNS}),?\\s+(?:is\\s+|was\\s+|at\\s+|host\\s+)?(${AT})`,
    ([noun, address]) => role(noun ?? '', address ?? ''),
  );
  each(
    `(${AT}),?\\s+(?:is|was|as)\\s+(?:the|an?)\\s+(?:likely\\s+|probable\\s+)?(${ROLE_NOUNS})\\b`,
    ([address, noun]) => role(noun ?? '', address ?? ''),
  );
  each(`\\bfrom\\s+(${AT})(?::\\d+)?\\s+(?:to|towards|into|at|on|against)\\s+(${AT})`, ([from, to]) =>
    pairOf(from, to),
  );
  each(`(${AT})(?::\\d+)?\\s*(?:->|→|>|=>)\\s*(${AT})`, ([from, to]) => pairOf(from, to));
  each(`(${AT})[^.;]*?\\btowards (${AT})`, ([from, to]) => pairOf(from, to));
  each(
    `\\b(?:guessing|search|scan|scanning|probing|flood|flooding|attack|calls?|traffic|connections?|execution)\\s+(?:of|by|from)\\s+(${AT})\\s+(?:against|on|to|of|at)\\s+(${AT})`,
    ([from, to]) => pairOf(from, to),
  );
  each(`(${AT})[^.;]{0,40}?\\blogs? (?:in|on) (?:to|at)[^.;]{0,24}?(${AT})`, ([from, to]) => pairOf(from, to));
  function pairOf(from = '', to = ''): void {
    if (!home.has(normal(from)) || !home.has(normal(to)) || normal(from) === normal(to)) return;
    if (!forward.has(`${normal(from)}>${normal(to)}`))
      add('claim.direction', `Nothing shows that '${from}' did this to '${to}'.`);
  }
  const DEEDS =
    'logins?|requests?|connections?|attempts?|calls?|guesses|probes?|scans?|packets|questions|sessions?|flood|contacts?|tries|attack|traffic';
  each(`\\b(?:${DEEDS})\\s+(?:that\\s+)?(?:came\\s+)?(?:from|by)\\s+(${AT})`, ([address]) => {
    const key = normal(address ?? '');
    if (home.has(key) && !sources.has(key)) add('claim.direction', `Nothing shows that '${address}' did this.`);
  });
  each(
    `\\b(?:${DEEDS}|guessing|passwords?)\\s+(?:to|towards|against|at|on)\\s+(?:the\\s+\\w+\\s+)?(${AT})`,
    ([address]) => {
      const key = normal(address ?? '');
      if (home.has(key) && !targets.has(key))
        add('claim.direction', `Nothing shows that this was done to '${address}'.`);
    },
  );
}

// ---------------------------------------------------------------------------------------------------------------------------- places

/** Which host is whose, and advice that only makes sense for a host at home, or for one outside. */
function checkPlaces(sentence: string, { home }: Knowledge, add: Add): void {
  const mixed = new Set(home.values()).size === 2;
  const each = (pattern: string, isHome: boolean, message: (address: string) => string): void => {
    for (const match of sentence.matchAll(new RegExp(pattern, 'gi'))) {
      const address = match[1] ?? '';
      const known = home.get(normal(address));
      if (known !== undefined && known !== isHome) add('claim.place', message(address));
    }
  };
  const inside = (address: string): string => `'${address}' is not in the home network.`;
  const outside = (address: string): string => `'${address}' is in the home network.`;
  const NEAR = '(?:[^.;]{0,12}?)';
  each(
    `(${AT})[, (]+(?:is |was )?(?:an? )?(?:host|machine|computer|device|system|server|address)? ?(?:of|in|on|inside) (?:your|the home|our|the internal) network`,
    true,
    inside,
  );
  each(
    `(${AT})[, (]+(?:is |was )?(?:an? )?(?:internal|home|local) (?:host|machine|computer|device|system|server|address)`,
    true,
    inside,
  );
  each(
    `(${AT})[, (]+(?:is |was )?(?:an? )?(?:host |machine |computer |system |server |address )?outside`,
    false,
    outside,
  );
  each(
    `(${AT})[, (]+(?:is |was )?(?:an? )?(?:external|foreign|remote|outside) (?:host|machine|computer|system|server|address)`,
    false,
    outside,
  );
  each(
    `\\b(?:internal|home|local|inside) (?:host|machine|computer|device|system|server|address) (${AT})`,
    true,
    inside,
  );
  each(
    `\\b(?:external|foreign|outside) (?:host|machine|computer|device|system|server|address) (${AT})`,
    false,
    outside,
  );
  if (!mixed) return;
  each(
    `\\b(?:take|isolate|disconnect|unplug|remove)${NEAR}(${AT})${NEAR} (?:off|from) (?:the|your) network`,
    true,
    inside,
  );
  each(`\\bwho (?:uses|owns|sits at) (${AT})`, true, inside);
  each(`\\bon (${AT}),? (?:find|look|search|check|identify)`, true, inside);
  each(`\\bblock (${AT})(?!\\.\\d| (?:from|at the switch|at its))`, false, outside);
  each(`\\bkeep (${AT}) (?:as it is|running|switched on)`, true, inside);
  each(
    `(${AT})(?: itself)? (?:(?:may|might|could|can|is|was|has) )*(?:be |been )?(?:already )?(?:be )?(?:infected|controlled|taken over|under somebody)`,
    true,
    inside,
  );
  each(`\\bwhom (${AT})[^.]{0,40}belongs? to`, false, outside);
}

// ----------------------------------------------------------------------------------------------------------------------------- counts

/** Nouns that mean the same thing when things are counted. */
const NOUN_CLASSES: Readonly<Record<string, string>> = {
  host: 'host machine computer device system target peer destination victim endpoint node receiver sender neighbour client server source hosts address addresse ip',
  port: 'port',
  event: 'connection flow session attempt try trie time contact call login guess guesse conversation',
  packet: 'packet frame datagram',
  row: 'row record',
  detection: 'detection finding',
  question: 'question query querie request',
  name: 'name domain',
  interval: 'interval gap pause',
  answer: 'answer reply replie response',
};

const NOUN_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(NOUN_CLASSES).flatMap(([noun, words]) =>
    words.split(' ').map((word): [string, string] => [word, noun]),
  ),
);

function nounOf(word: string): string | undefined {
  const lower = word.toLowerCase();
  return NOUN_OF.get(lower) ?? NOUN_OF.get(lower.replace(/s$/, '')) ?? NOUN_OF.get(lower.replace(/es$/, ''));
}

const NUMBER_WORDS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  );

function numberOf(word: string): number | undefined {
  const index = NUMBER_WORDS.indexOf(word.toLowerCase());
  if (index >= 0) return index;
  const plain = word.replace(/[.%]+$/, '').replaceAll(',', '');
  return /^\d+(?:\.\d+)?$/.test(plain) ? Number(plain) : undefined;
}

/** What may stand between a number and its noun. */
const ADJECTIVES: ReadonlySet<string> = new Set(
  'different distinct unique new other short long failed further more separate single individual internal external remote home inside outside small large further strange refused unanswered successful such open closed various network alike similar echo syn tcp udp tls dns ssh smb http login dhcp arp icmp of the its these those possible ip login larger longer lasting generated'.split(
    ' ',
  ),
);
const ABOUT = /(?:\babout|\baround|\bnearly|\balmost|\broughly|\bapproximately|\bsome|\bover|\bclose to|~)\s*$/i;

/** Counts of a text: a whole number, the class of what is counted, and whether it is only about that many. */
function countsIn(
  text: string,
): { readonly value: number; readonly noun: string; readonly word: string; readonly about: boolean }[] {
  const clean = text
    .replace(ADDRESS, ' ')
    .replace(/\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?/g, ' ')
    .replace(/\bports? \d+(?:(?:, | and )\d+)*/gi, ' port ');
  const found: { value: number; noun: string; word: string; about: boolean }[] = [];
  for (const match of clean.matchAll(
    new RegExp(`(?<![\\w.,-])(\\d[\\d,]*|${NUMBER_WORDS.join('|')})(?![\\w.%]*\\d)(?=\\s([^.;:()%]{0,60}))`, 'gi'),
  )) {
    const value = numberOf((match[1] ?? '').replace(/,$/, ''));
    if (value === undefined) continue;
    const words = (match[2] ?? '').trim().split(/\s+/);
    for (const raw of words.slice(0, 4)) {
      const word = raw.replace(/[,'’].*$/, '').toLowerCase();
      const noun = nounOf(word);
      // 'login attempts', 'host names': the last of two nouns is what is counted.
      if (noun !== undefined) {
        const after = (words[words.indexOf(raw) + 1] ?? '').replace(/[,'’].*$/, '');
        const last = raw.includes(',') ? undefined : nounOf(after);
        found.push({
          value,
          noun: last ?? noun,
          word: last === undefined ? word : after,
          about: ABOUT.test(clean.slice(0, match.index)),
        });
        break;
      }
      if (!ADJECTIVES.has(word)) break;
    }
  }
  return found;
}

function checkCounts(
  sentence: string,
  knowledge: Knowledge,
  cited: Cited,
  told: readonly { readonly noun: string; readonly value: number }[],
  add: Add,
): void {
  for (const { value, noun, word, about } of countsIn(sentence)) {
    if (value === 1 && /\bone\b/i.test(sentence)) continue;
    const known = new Set(knowledge.counts.get(noun));
    for (const one of told) if (one.noun === noun) known.add(one.value);
    for (const { peerCount, flowCount, recordCount, peers } of cited.detections) {
      if (noun === 'host') for (const n of [peerCount, peers.length]) known.add(n);
      if (noun === 'event') known.add(flowCount);
      if (noun === 'row' && recordCount !== undefined) known.add(recordCount);
    }
    // Beside a detection its flows are a choice of all; 'these 2 flows' are those that are cited.
    if (cited.detections.length === 0 || /\b(?:these|cited|shown|listed)\b/i.test(sentence))
      for (const n of citedCounts(noun, cited.flows)) known.add(n);
    else if (noun === 'packet') for (const n of citedCounts(noun, cited.flows)) known.add(n);
    if (known.size === 0) continue;
    const fits = [...known].some((fact) => Math.round(fact) === value || (about && isRounding(value, fact)));
    if (!fits) add('claim.count', `'${humanCount(value)} ${word}' is a count that the evidence does not show.`);
  }
}

function isRounding(value: number, fact: number): boolean {
  return [1, 2, 3].some((digits) => Number(fact.toPrecision(digits)) === value);
}

/** Sums of the cited flows that a claim may have made. */
function citedCounts(noun: string, flows: readonly FlowRecord[]): number[] {
  if (flows.length === 0) return [];
  const sum = (column: 'initiatorPackets' | 'responderPackets'): number =>
    flows.reduce((total, flow) => total + (flow[column] ?? 0), 0);
  const distinct = (column: 'initiator' | 'responder' | 'responderPort'): number =>
    new Set(flows.flatMap((flow) => flow[column] ?? [])).size;
  switch (noun) {
    case 'event':
      return [flows.length];
    case 'host':
      return [distinct('initiator'), distinct('responder')];
    case 'port':
      return [distinct('responderPort')];
    case 'packet':
      return [
        sum('initiatorPackets'),
        sum('responderPackets'),
        sum('initiatorPackets') + sum('responderPackets'),
        ...flows.flatMap((flow) => [flow.initiatorPackets ?? 0, flow.responderPackets ?? 0]),
      ];
    default:
      return [];
  }
}

// ------------------------------------------------------------------------------------------------------------------------------ times

const CLOCK = '(?:(\\d{4}-\\d{2}-\\d{2})(?:[T ]| at ))?(\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?)';

/** A time that is told as the beginning must be one, and one told as the end, too. */
function checkTimes(sentence: string, incident: Incident, cited: Cited, add: Add): void {
  const spans =
    cited.detections.length > 0 || cited.flows.length === 0
      ? [incident, ...cited.detections]
      : [incident, ...cited.flows.map(({ startMs = 0, endMs = startMs }) => ({ firstMs: startMs, lastMs: endMs }))];
  const judge = (words: string, times: readonly number[], what: string): void => {
    for (const match of sentence.matchAll(new RegExp(`\\b(?:${words})\\b[^.;\\d]{0,24}${CLOCK}`, 'gi'))) {
      const clock = match[2] ?? '';
      const fits = times.some((time) => {
        const iso = isoTime(time);
        return iso.slice(11).startsWith(clock) && (match[1] === undefined || iso.startsWith(match[1]));
      });
      if (!fits) add('claim.time', `'${clock}' is not when it ${what}.`);
    }
  };
  judge(
    'began|begins|started|starts|first seen|first|since|starting|between|from',
    spans.map(({ firstMs }) => firstMs),
    'began',
  );
  judge(
    'ended|ends|stopped|finished|last seen|until|ending|lasted until|between[^.;]{0,40} and',
    spans.map(({ lastMs }) => lastMs),
    'ended',
  );
}

// ------------------------------------------------------------------------------------------------------------------------------ names

const NATIONS =
  /\b(?:russian|chinese|iranian|north[- ]korean|israeli|american|ukrainian|vietnamese|indian|pakistani|nation[- ]state|state[- ]sponsored|state[- ]backed|government[- ]backed)\b/i;
const ATTRIBUTION =
  /\b(?:attributed to|linked to the|associated with the|hallmark of|signature of|campaign by|work of|operated by)\b/i;
const GROUP_NOUN =
  /\b([\p{L}\p{N}-]+)\s+(?:group|gang|crew|ransomware|botnet|trojan|family|campaign|apt|worm|stealer|loader|implant)\b/giu;
const PLAIN_BEFORE_GROUP: ReadonlySet<string> = new Set(
  'a an the this that any some no same one malware threat hacker attack intrusion criminal of known work user users another each this its larger common typical computer or and device as by network like host management security system'.split(
    ' ',
  ),
);

/** Nobody is accused by name but whom the operator's own intelligence names. Any capitalised word that is no plain or trade word is such a name. */
function checkNames(text: string, knowledge: Knowledge, options: SenseOptions, add: Add): void {
  const allowed = new Set(
    [...(options.intelligence ?? []), ...knowledge.threats].flatMap((name) =>
      wordsOf(name).map((word) => word.toLowerCase()),
    ),
  );
  const context = new Set((options.context ?? []).flatMap((fact) => wordsOf(fact.text)));
  const accuse = (name: string): void =>
    add(
      'claim.attribution',
      `'${name.slice(0, 40)}' may be the name of a group, malware or tool that nothing here names.`,
    );
  const nation = NATIONS.exec(text);
  if (nation !== null) accuse(nation[0]);
  const phrase = ATTRIBUTION.exec(text);
  if (phrase !== null && allowed.size === 0) accuse(phrase[0]);
  for (const [, word = ''] of text.matchAll(GROUP_NOUN)) {
    const lower = word.toLowerCase();
    if (PLAIN_BEFORE_GROUP.has(lower) || allowed.has(lower) || isPlainStart(lower)) continue;
    if (knowledge.stems.has(stem(lower)) || /^(?:mining|backup|service|domain)$/.test(lower)) continue;
    accuse(word);
  }
  for (const match of text.matchAll(/[\p{L}][\p{L}\p{N}&'’/-]*/gu)) {
    const word = match[0].replace(/['’](?:s|re|ve|ll|t)?$/, '');
    const lower = word.toLowerCase();
    if (allowed.has(lower)) continue;
    if (KNOWN_NAMES.has(lower)) {
      accuse(word);
      continue;
    }
    if (!/^\p{Lu}/u.test(word) && !/^\p{L}+\p{Lu}/u.test(word)) continue;
    if (
      TRADE_WORDS.has(word) ||
      TRADE_WORDS.has(word.replace(/s$/, '')) ||
      knowledge.capitals.has(word) ||
      context.has(word)
    )
      continue;
    if (/^T\d{4}/.test(word)) continue;
    const parts = word.split(/[-/]/);
    if (parts.length > 1 && parts.every((part) => TRADE_WORDS.has(part) || !/^\p{Lu}/u.test(part))) continue;
    const rest = text.slice(match.index + match[0].length);
    const isFirst = /(?:^|[.!?:;]\s|\n)\s*[('‘]?$/.test(text.slice(0, match.index));
    if (
      isFirst &&
      /^\p{Lu}\p{Ll}*(?:[-'’]\p{Ll}+)*$/u.test(word) &&
      (isPlainStart(lower) || knowledge.stems.has(stem(lower)) || IMPERATIVE.test(rest))
    )
      continue;
    accuse(word);
  }
}

/** After the first word of a sentence: that was a verb in the imperative, 'Interview the user'. */
const IMPERATIVE =
  /^ (?:the|an?|all|any|every|each|your|its|their|this|these|those|whether|that|with|if|when|where|how|what)\b/;

const STARTER_STEMS: ReadonlySet<string> = new Set([...SENTENCE_STARTERS].map(stem));

function isPlainStart(lower: string): boolean {
  return SENTENCE_STARTERS.has(lower) || PLAIN_ENDING.test(lower) || STARTER_STEMS.has(stem(lower));
}

// -------------------------------------------------------------------------------------------------------------------------- retelling

/** A measure's sentence in which only addresses, numbers or times are others than in the measure. */
function checkRetold(incident: Incident, text: string, add: Add): void {
  const masked = mask(text);
  const same = incident.evidence.filter(
    (item): item is MeasureEvidence => item.type === 'measure' && mask(item.sentence) === masked,
  );
  if (same.length > 0 && masked !== text && !same.some(({ sentence }) => sentence === text))
    add('claim.number', 'The sentence is that of a measure, with other facts in it.');
}

function mask(text: string): string {
  return text.replace(ADDRESS, '#').replace(/\d[\d,.]*\d|\d/g, '#');
}
