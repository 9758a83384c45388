import { stem } from './stem.ts';

/** What a verb says: who acts on whom, and what must be so for it to be true. */
export interface Verb {
  readonly stem: string;
  /** 'act': the subject to the object; 'answer': the object began; 'receive': from the object to the subject; 'state': of one alone. */
  readonly way: 'act' | 'answer' | 'receive' | 'state';
  readonly participle: boolean;
  readonly group: VerbGroup;
}

export type VerbGroup =
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
  send: 'sent transmitted transferred',
  upload: 'uploaded exfiltrated leaked copied pushed smuggled',
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
  neutral:
    'began made handed behaved started kept told claimed announced offered read submitted delivered issued relayed posted streamed forwarded emailed mailed directed aimed pinged polled hammered typed entered',
};

/** Present, participle and infinitive of verbs that do not go by the rule. */
const FORMS: Readonly<Record<string, readonly string[]>> = {
  swept: ['sweep', 'sweeps', 'sweeping'],
  sought: ['seek', 'seeks', 'seeking'],
  reached: ['reach', 'reaches', 'reaching'],
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
export const VERBS: ReadonlyMap<string, Verb> = new Map(
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
      return [
        [past, make(true)],
        ...forms.map((form): [string, Verb] => [form, make(/^(?:spoken|stolen)$/.test(form))]),
      ];
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
export const SUPPORTED: readonly (readonly [prefix: string, groups: readonly VerbGroup[]])[] = [
  ['scan.', ['try', 'scan', 'attack', 'send', 'ask']],
  ['brute-force.', ['try', 'guess', 'attack', 'connect', 'send']],
  ['flood.', ['flood', 'attack', 'send', 'try']],
  ['flood.backscatter', ['answer', 'send']],
  ['beacon.', ['beacon', 'connect', 'send', 'try', 'ask']],
  ['long-connection.', ['connect', 'send', 'ask']],
  ['suspicious-tls.', ['connect', 'send', 'ask']],
  ['dynamic-name.', ['connect', 'send', 'ask']],
  ['dns-tunnel.', ['tunnel', 'ask', 'send', 'upload', 'try']],
  ['icmp-tunnel.', ['tunnel', 'send', 'upload', 'connect']],
  ['dga.', ['ask', 'try', 'scan']],
  ['exfiltration.', ['upload', 'send', 'connect', 'ask']],
  ['mining.', ['mine', 'connect', 'send', 'try']],
  ['protocol-mismatch.', ['connect', 'send']],
  ['protocol-mismatch.shell', ['run', 'tunnel']],
  ['cleartext-login.', ['login', 'connect', 'send', 'ask']],
  ['lateral-movement.', ['connect', 'run', 'ask', 'try', 'send']],
  ['lateral-movement.enumeration', ['scan']],
  ['arp-spoof.', ['spoof', 'send']],
  ['name-poison.', ['answer', 'send', 'spoof']],
  ['dhcp-starvation.', ['ask', 'send', 'answer']],
  ['rogue-dhcp.', ['answer', 'send', 'spoof']],
  ['new-', ['connect', 'send', 'try', 'ask']],
  ['policy.', ['connect', 'send', 'try', 'ask']],
  ['threat-list.', ['connect', 'send', 'ask', 'try']],
  ['strange-flow.', ['connect', 'send', 'try', 'ask']],
];

export const HEDGES: ReadonlySet<string> = new Set(
  `may might could can if whether would should perhaps possibly probably likely suggests suggest potentially unless seems seem appears appear maybe suspect suspected
possible assume until or like as how why look looks find check ask see before verify confirm ensure determine prove review inspect examine investigate`.split(
    /\s+/,
  ),
);
/** These colour the verb that they stand before, not all that follows. */
export const MODALS: ReadonlySet<string> = new Set([
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
export const NEGATIONS: ReadonlySet<string> = new Set([
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
export const ATTEMPTS: ReadonlySet<string> = new Set([
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
export const AUXILIARIES: ReadonlySet<string> = new Set([
  'was',
  'were',
  'is',
  'are',
  'been',
  'being',
  'be',
  'got',
  'gets',
]);
/** Of these only the first in front of a noun counts: 'failed attempts', 'refused connections'. */
export const BEFORE_NOUN =
  /^(?:attempt|login|connection|try|tries|connections|attempts|logins|flows|requests|guesses|contacts|ports|hosts|port|host|data)$/;

export const NOUN_BEFORE: ReadonlySet<string> = new Set([
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
  'whole',
  'entire',
  'same',
  'these',
  'those',
]);
export const ARTICLES: ReadonlySet<string> = new Set(['a', 'an', 'the', 'its', 'their', 'any', 'each', 'every']);

export const CLAUSE_BREAKS: ReadonlySet<string> = new Set([
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
