import { humanBytes } from '../../core/index.ts';
import type { Cited, Knowledge } from './knowledge.ts';
import { AUXILIARIES, type Verb } from './verb-list.ts';
import { ADDRESS, type Add, normal, type Token } from './words.ts';

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

export function checkDirections(
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
    const isPassive =
      verb.participle &&
      (words[i + 1]?.word === 'by' || words.slice(Math.max(0, i - 3), i).some((one) => AUXILIARIES.has(one.word)));
    const next = words.findIndex(
      (one, k) => k > i && (HARD_BREAKS.has(one.word) || (one.verb !== undefined && words[k - 1]?.word !== 'to')),
    );
    const end = next < 0 ? words.length : next;
    const before = lastAddress(words, i, objects);
    const after = addressList(words, i + 1, end);
    if (isPassive && !(verb.group === 'connect' && words[i + 1]?.word === 'to')) {
      const by = words.findIndex(
        (one, k) =>
          k > i &&
          k < end &&
          ((one.word === 'by' && words[k - 1]?.word !== 'followed') || (one.word === 'from' && verb.way === 'act')),
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
      return (
        (forward.has(back) && !hasOtherWay(object, agent, cited, sentence)) || sentBack(object, agent, cited, sentence)
      );
    default:
      if (forward.has(there)) return verb.group !== 'send' || !hasOtherWay(agent, object, cited, sentence);
      return verb.group === 'send' && sentBack(agent, object, cited, sentence);
  }
}

/** Whether the sentence has the size of what went the other way between the two, and none that went this way. */
function hasOtherWay(from: Token, to: Token, cited: Cited, sentence: string): boolean {
  const isTold = (bytes: number | undefined): boolean =>
    bytes !== undefined &&
    bytes > 0 &&
    [humanBytes(bytes), `${bytes} bytes`].some((text) => sentence.includes(` ${text}`));
  let isOther = false;
  for (const flow of cited.flows) {
    const there = normal(flow.initiator ?? '') === from.address && normal(flow.responder ?? '') === to.address;
    const back = normal(flow.responder ?? '') === from.address && normal(flow.initiator ?? '') === to.address;
    if (!there && !back) continue;
    const out = [flow.initiatorBytes, flow.initiatorPayloadBytes];
    const home = [flow.responderBytes, flow.responderPayloadBytes];
    if ((there ? out : home).some(isTold)) return false;
    if ((there ? home : out).some(isTold)) isOther = true;
  }
  return isOther;
}

/** Whether the responder `from` of a cited flow sent as many bytes back to `to` as the sentence says. */
function sentBack(from: Token, to: Token, cited: Cited, sentence: string): boolean {
  return cited.flows.some(
    (flow) =>
      normal(flow.responder ?? '') === from.address &&
      normal(flow.initiator ?? '') === to.address &&
      [flow.responderBytes, flow.responderPayloadBytes].some(
        (bytes) =>
          bytes !== undefined &&
          bytes > 0 &&
          [humanBytes(bytes), `${bytes} bytes`].some((text) => sentence.includes(text)),
      ),
  );
}

const ROLE_NOUNS =
  'attacker|scanner|source|sender|caller|client|initiator|guesser|culprit|offender|aggressor|miner|target|victim|receiver|recipient|responder';
const TARGET_NOUN = /^(?:target|victim|receiver|recipient|responder)$/;
const AT = ADDRESS.source;

/** Deeds that go the other way, or either way. */
const ANSWERING =
  /\b(?:answer|repl|respon|accept|refus|reject|receiv|return|back|acknowledg|download|fetch|retriev|pull|obtain|follow)/i;

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
  each(`\\bfrom\\s+(${AT})(?::\\d+)?\\s+(?:to|towards?|into|at|on|against)\\s+(${AT})`, ([from, to]) =>
    pairOf(from, to),
  );
  each(`(${AT})(?::\\d+)?\\s*(?:->|→|>|=>)\\s*(${AT})`, ([from, to]) => pairOf(from, to));
  // Who did it by 'by' and 'from', whatever the verb, unless what was done is to answer or to fetch.
  const passive = (pattern: string): void =>
    each(pattern, ([object, between = '', doer]) => {
      if (!ANSWERING.test(between)) pairOf(doer, object);
    });
  passive(`\\b(?:at|against|to|towards|of|on) (${AT})([^.;]*?)\\bby (${AT})`);
  passive(`(${AT})((?: \\([^)]*\\))? (?:was|were|is|are|has been|have been|had been)\\b[^.;]*?)\\bby (${AT})`);
  passive(`\\b(?:at|of|on) (${AT})( (?:was|were|is|are|has been|have been|had been)\\b[^.;]*?)\\bfrom (${AT})`);
  each(
    `\\b(?:was|were|is|are|been)\\b([^.;]*?)\\bby (${AT})[^.;]*?\\b(?:to|against|on|at|towards) (${AT})`,
    ([between = '', doer, object]) => {
      if (!ANSWERING.test(between)) pairOf(doer, object);
    },
  );
  each(
    `(${AT})[^.;]{0,60}?\\b(?:access|control|connection|connections|login|logins) (?:to|over) (${AT})`,
    ([from, to]) => pairOf(from, to),
  );
  each(`(${AT}) (?:let|allowed|permitted) (${AT})`, ([to, from]) => pairOf(from, to));
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
