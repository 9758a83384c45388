import { humanBytes, humanCount, humanDuration, isoTime } from '../core/index.ts';
import type { FlowRecord } from '../flow/index.ts';
import { type Evidence, type Incident, type IncidentDetection, percent } from '../incident/index.ts';
import { parseAddress } from '../wire/index.ts';
import { bearsCount, bearsMeasure, leadOf, plainFigures } from './figures.ts';
import { HYPOTHESES } from './hypothesis.ts';
import type { References } from './reference.ts';
import { ACTIONS, ASSESSMENTS, type Claim, type Verdict } from './verdict.ts';

/**
 * Checks what can be checked mechanically of a verdict, whoever wrote it: its form, that every claim cites evidence of the incident, and that every
 * address, port, time and number in its text is a fact of the incident or a usual way to write one.
 *
 * A claim may state: facts of the incident as a whole (its hosts, how many there are, when it was, the ports and techniques of its detections);
 * facts of what it cites (a detection brings its own facts and its measures with what their sentences say; a flow brings its row). A number counts
 * together with its unit: "64 s" is not supported by 64 hosts. Numbers may be rounded to a whole number, to one, two or three decimals, or to two, three
 * or four digits; bytes, durations and ratios may be written as people write them ('1.2 MB', '4 min 5 s', '98.1 %').
 *
 * Names (anything like a domain, a path or an e-mail address), control and invisible characters, digits of other scripts and number words that no
 * fact can be held against ('dozens', 'thousands') are problems in themselves: names come from the network and may not pass as text.
 *
 * A claim that repeats the sentence of a measure that it cites, word for word, has nothing left to check.
 *
 * What it does not see: a true number in the wrong place, a wrong verb or direction, a false statement without numbers. `check-sense.ts` looks for these.
 */
export interface Problem {
  /** Dotted and stable, as in `claim.number`. */
  readonly kind: ProblemKind;
  /** Where: 'assessment', 'whatHappened[1]', ... */
  readonly where: string;
  /** One sentence. */
  readonly message: string;
}

export type ProblemKind =
  | 'verdict.field'
  | 'verdict.empty'
  | 'claim.empty'
  | 'claim.citation'
  | 'claim.characters'
  | 'claim.address'
  | 'claim.port'
  | 'claim.time'
  | 'claim.technique'
  | 'claim.number'
  | 'claim.name'
  | 'claim.reference'
  | 'claim.direction'
  | 'claim.place'
  | 'claim.verb'
  | 'claim.count'
  | 'claim.attribution';

/** What a text may refer to beyond the incident. */
export interface CheckOptions {
  /** References to text from the network; without them every reference is a problem. */
  readonly references?: References;
  /** Facts with ids c1, c2 ... that a claim may cite as well. */
  readonly context?: readonly ContextFact[];
}

/** A fact that is no evidence but helps to judge. Ids c1, c2 ... */
export interface ContextFact {
  readonly id: string;
  readonly text: string;
}

/** The lists of claims of a verdict, in the order in which they are read. */
export const CLAIM_SECTIONS = ['whatHappened', 'whyItMatters', 'whatToDoFirst', 'whatWouldMakeItInnocent'] as const;

/** General knowledge that an administrator needs and that has digits or dots in it: names of logs and of their entries, names of protocols. */
export const REFERENCE_TERMS = [
  'fail2ban',
  'Fail2ban',
  'Fail2Ban',
  'event 4624',
  'event 4625',
  'auth.log',
  'RITA 5',
  'IPv4',
  'IPv6',
  'DHCPv6',
  'POP3',
] as const;

/** All problems, in reading order; empty when nothing is wrong. */
export function checkVerdict(incident: Incident, verdict: Verdict): Problem[] {
  const problems: Problem[] = [];
  const field = (where: string, message: string): unknown => problems.push({ kind: 'verdict.field', where, message });
  if (!ASSESSMENTS.includes(verdict.assessment)) field('assessment', 'The assessment is none of the list.');
  if (!ACTIONS.includes(verdict.action)) field('action', 'The action is none of the list.');
  if (!HYPOTHESES.some((hypothesis) => hypothesis.name === verdict.hypothesis))
    field('hypothesis', 'The hypothesis is none of the list.');
  if (!(verdict.confidence >= 0 && verdict.confidence <= 1)) field('confidence', 'The confidence is not within 0..1.');
  for (const section of CLAIM_SECTIONS) {
    if (verdict[section].length === 0)
      problems.push({ kind: 'verdict.empty', where: section, message: 'The section has no claim.' });
    for (const [i, claim] of verdict[section].entries())
      problems.push(...checkClaim(incident, claim, `${section}[${i}]`));
  }
  return problems;
}

/** The problems of the citations alone: a claim without any, and ids that the incident does not have. */
export function checkCitations(
  incident: Incident,
  claim: Claim,
  where: string,
  context: readonly ContextFact[] = [],
): Problem[] {
  const known = new Set([...knownIds(incident), ...context.map((fact) => fact.id)]);
  if (claim.cites.length === 0) return [{ kind: 'claim.citation', where, message: 'The claim cites nothing.' }];
  return claim.cites
    .filter((id) => !known.has(id))
    .map((id) => ({
      kind: 'claim.citation',
      where,
      message: `The claim cites '${id}', which the incident does not have.`,
    }));
}

export function checkClaim(incident: Incident, claim: Claim, where: string, options: CheckOptions = {}): Problem[] {
  const { references, context = [] } = options;
  const problems = checkCitations(incident, claim, where, context);
  if (claim.text.trim() === '') problems.push({ kind: 'claim.empty', where, message: 'The claim has no text.' });
  if (HIDDEN.test(claim.text))
    problems.push({
      kind: 'claim.characters',
      where,
      message: 'The text has control or invisible characters, or digits of another script.',
    });
  if (isQuotation(incident, claim)) return problems;
  const facts = new Facts(incident, claim.cites, context);
  const add = (kind: ProblemKind, token: string, what: string): unknown =>
    problems.push({ kind, where, message: `'${token}' is ${what} that the cited evidence does not show.` });

  let text = ` ${shortUnits(plainFigures(claim.text.replace(HIDDEN_ALL, ' ')))} `;
  for (const term of REFERENCE_TERMS) text = text.replaceAll(term, ' ');
  // Every step takes out what it has judged, so that the parts of an address are not judged again as numbers.
  const take = (
    pattern: RegExp,
    judge: (token: string, groups: readonly (string | undefined)[], before: string) => void,
  ): void => {
    text = text.replace(pattern, (token: string, ...rest: unknown[]) => {
      const at = rest.find((part) => typeof part === 'number') as number;
      judge(
        token,
        rest.map((group) => (typeof group === 'string' ? group : undefined)),
        text.slice(Math.max(0, at - 30), at),
      );
      return ' ';
    });
  };
  take(/\{\{([^{}]*)\}\}|[{}]{2}/g, (token, [key = '']) => {
    if (references?.get(key) === undefined) add('claim.reference', token, 'a reference');
  });
  take(MAC_PATTERN, (token) => {
    if (!facts.addresses.has(normalAddress(token))) add('claim.address', token, 'an address');
  });
  take(IPV6_PATTERN, (token) => {
    const address = token.replace(/[.:]+$/, (end) => (end.startsWith('::') ? '::' : ''));
    if (!facts.addresses.has(normalAddress(address))) add('claim.address', address, 'an address');
  });
  take(BRACKET_PORT_PATTERN, (_token, [port = '']) => {
    if (!facts.ports.has(Number(port))) add('claim.port', port, 'a port');
  });
  take(IPV4_PATTERN, (token, [address = '', suffix]) => {
    if (suffix?.startsWith('/') === true) add('claim.address', token, 'a network');
    else if (!facts.addresses.has(normalAddress(address))) add('claim.address', address, 'an address');
    if (suffix?.startsWith(':') === true && !facts.ports.has(Number(suffix.slice(1))))
      add('claim.port', suffix.slice(1), 'a port');
  });
  take(TIME_PATTERN, (token, _groups, before) => {
    const time = token.trim();
    if (!facts.times.has(time) && !facts.isNearTime(time, before)) add('claim.time', time, 'a time');
  });
  take(DAY_PATTERN, (token) => {
    if (!facts.times.has(token.trim())) add('claim.time', token.trim(), 'a time');
  });
  take(TECHNIQUE_PATTERN, (token) => {
    if (!facts.techniques.has(token)) add('claim.technique', token, 'a technique');
  });
  take(NAME_PATTERN, (token) => add('claim.name', token, 'a name'));
  take(PORTS_PATTERN, (token) => {
    for (const number of token.match(/\d+/g) ?? [])
      if (!facts.ports.has(Number(number))) add('claim.port', number, 'a port');
  });
  // 'A, B and 7 others': what is left of the peers that are counted.
  const named = new Set((claim.text.match(IPV4_PATTERN) ?? []).map(normalAddress));
  take(REST_PATTERN, (token, [digits = '']) => {
    const word = NUMBER_WORDS.indexOf(digits.toLowerCase());
    const value = word >= 0 ? word : plainNumber(digits);
    const isList = new RegExp(`\\d(?:\\.\\d+){3},? (?:and|as well as|plus|along with) ${digits} `, 'i').test(
      claim.text,
    );
    if (!facts.isRest(value, named) && (isList || !facts.numbers.has(value)))
      add('claim.number', token.trim(), 'a number');
  });
  take(QUANTITY_PATTERN, (token, _groups, before) => {
    const quantity = quantityText(token);
    if (!facts.bearsQuantity(quantity, before)) add('claim.number', quantity, 'a quantity');
  });
  take(BYTES_PATTERN, (token, [digits = ''], before) => {
    const number = plainNumber(digits);
    if (!facts.bearsNumber(number, before) && !facts.bearsQuantity(`${number} B`, before))
      add('claim.number', token.trim(), 'a quantity');
  });
  take(MIXED_PATTERN, (token) => {
    if (!/^[cdfmr]\d+$/.test(token) || !facts.ids.has(token)) add('claim.number', token, 'a number');
  });
  take(NUMBER_PATTERN, (token, _groups, before) => {
    const number = token.trim();
    if (!facts.bearsNumber(plainNumber(number), before)) add('claim.number', number, 'a number');
  });
  take(NUMBER_WORD_PATTERN, (token, _groups, before) => {
    const value = NUMBER_WORDS.indexOf(token.toLowerCase());
    if (value < 0 ? !facts.words.has(token.toLowerCase()) : !facts.bearsNumber(value, before))
      add('claim.number', token, 'a number');
  });
  return problems;
}

/** A measure's own sentence, word for word, is what was computed. */
function isQuotation(incident: Incident, claim: Claim): boolean {
  return incident.evidence.some(
    (item) => item.type === 'measure' && item.sentence === claim.text && claim.cites.includes(item.id),
  );
}

// ------------------------------------------------------------------------------------------------------------------------- patterns

/** Control, format, private-use and unassigned characters, lone surrogates, and numerals other than 0 to 9. */
const HIDDEN = /[\p{C}\p{Nl}\p{No}\u2028\u2029]|(?![0-9])\p{Nd}/u;
const HIDDEN_ALL = new RegExp(HIDDEN.source, 'gu');

const MAC_PATTERN = /(?<![\w:-])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![\w:-])/gi;
/** At least two colons and a hex digit or '::'; what is no IPv6 address after all is no known address either. */
const IPV6_PATTERN = /(?<![\w:.])(?=[0-9a-f:.]*:[0-9a-f]*:)(?!\d{1,2}:\d{2}:\d{2}(?![0-9a-f:]))[0-9a-f:][0-9a-f:.]+/gi;
const IPV4_PATTERN = /(?<![\w.])(\d+\.\d+\.\d+\.\d+)([:/]\d+)?/g;
const TIME_PATTERN =
  /(?<![\w:.-])(?:\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(?![\d:-])/g;
/** A day without its year, as `plainFigures` writes it. */
const DAY_PATTERN = /(?<![\w:.-])\d{2}-\d{2}(?![\w:-])/g;
const TECHNIQUE_PATTERN = /(?<!\w)T\d{4}(?:\.\d{3})?(?!\w)/g;
/** A dot, slash, @ or backslash between letters or digits with a letter in it, as in 'a.example', 'c:\\x', 'who@where'; 'and/or' is none. */
const NAME_PATTERN =
  /(?<![\p{L}\p{N}_.@\\-])(?=[\p{L}\p{N}_.。．｡@\\-]*[\p{L}_])(?:[\p{L}\p{N}_-]+(?:[.。．｡@\\][\p{L}\p{N}_-]+)+|https?:\S+)/giu;
const PORTS_PATTERN = /(?<!\w)(?:port \d+|ports \d+(?:(?:, | and )\d+)*)/gi;
/** What is left of '[fe80::1]:443' when the address is out. */
const BRACKET_PORT_PATTERN = /\[ *\]:(\d+)/g;
const UNIT = '(?:ms|s|min|h|d|B|kB|MB|GB|TB|PB|%)(?!\\w)';
const DIGITS = '\\d[\\d,]*(?:\\.\\d+)?(?:e[+-]?\\d+)?';
const PAIR = '\\d+ d \\d+ h|\\d+ h \\d+ min|\\d+ min \\d+ s';
const QUANTITY_PATTERN = new RegExp(`(?<![\\w.,])-?(?:(?:${PAIR})(?!\\w)|${DIGITS} ?(?:${UNIT}|%))`, 'g');
/** Bytes in full: as a number, or as the sizes of facts. */
const BYTES_PATTERN = /(?<![\w.,-])(\d[\d,]*) bytes?(?!\w)/g;
const MIXED_PATTERN = /(?<!\w)(?=\w*\d)(?=\w*[a-z_])(?!\d[\d,.]*e[+-]?\d)\w+/gi;
const NUMBER_PATTERN = new RegExp(`(?<![\\w.,])-?${DIGITS}|\\d+`, 'g');

/** Index is value. 'One' is left out, as it hardly ever counts. */
const NUMBER_WORDS = [
  'zero',
  '',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
  'thirteen',
  'fourteen',
  'fifteen',
  'sixteen',
  'seventeen',
  'eighteen',
  'nineteen',
  'twenty',
];
/** A number of others than those that are named. */
const REST_PATTERN = new RegExp(
  `(?<![\\w.,])(\\d[\\d,]*|${NUMBER_WORDS.filter((word) => word !== '').join('|')}) (?=(?:others?|more|further|additional)\\b)`,
  'gi',
);
const VAGUE_WORDS = [
  'thirty',
  'forty',
  'fifty',
  'sixty',
  'seventy',
  'eighty',
  'ninety',
  'dozens?',
  'hundreds?',
  'thousands?',
  'millions?',
  'billions?',
];
const NUMBER_WORD_PATTERN = new RegExp(
  `(?<!\\w)(?:${[...NUMBER_WORDS.filter((word) => word !== ''), ...VAGUE_WORDS].join('|')})(?!\\w)`,
  'gi',
);

// ---------------------------------------------------------------------------------------------------------------------------- facts

const SUMMED = [
  ['Bytes', 'bytes'],
  ['PayloadBytes', 'bytes'],
  ['Packets', ''],
] as const;

/** What a claim with these citations may state. */
class Facts {
  readonly addresses = new Set<string>();
  readonly ports = new Set<number>();
  readonly times = new Set<string>();
  readonly techniques: ReadonlySet<string>;
  readonly ids: ReadonlySet<string>;
  /** Numbers without a unit, as values. */
  readonly numbers = new Set<number>();
  /** Numbers with a unit, as texts. */
  readonly quantities = new Set<string>();
  /** Vague number words that code used itself. */
  readonly words = new Set<string>();
  /** The values behind numbers and quantities: plain ones, ms, bytes, and shares of 100. */
  readonly #plainValues = new Set<number>();
  readonly #measured: Readonly<Record<'ms' | 'bytes' | 'share', Set<number>>> = {
    ms: new Set(),
    bytes: new Set(),
    share: new Set(),
  };
  /** Those on the other side, and how many they are in all. */
  readonly #peers = new Set<string>();
  readonly #totals = new Set<number>();
  /** Epoch ms of times that may be told. */
  readonly #moments = new Set<number>();

  constructor(incident: Incident, cites: readonly string[], context: readonly ContextFact[]) {
    this.ids = new Set([...knownIds(incident), ...context.map((fact) => fact.id)]);
    for (const fact of context) if (cites.includes(fact.id)) this.#sentence(fact.text);
    this.techniques = new Set(incident.techniques.map((technique) => technique.id));
    for (const host of [...incident.actors, ...incident.peers]) {
      this.#address(host.address);
      this.#address(host.mac);
    }
    for (const { address } of incident.peers) this.#peers.add(normalAddress(address));
    this.#totals.add(incident.peerCount);
    for (const detection of incident.detections) if (detection.port !== undefined) this.ports.add(detection.port);
    for (const value of [
      incident.actors.length,
      incident.peerCount,
      ...(incident.actors.length === 1 && incident.peerCount === 1 ? [2] : []),
      incident.flowCount,
      incident.recordCount ?? 0,
      incident.detections.length,
    ])
      this.#plain(value);
    this.#span(incident.firstMs, incident.lastMs);

    const cited = new Set(cites);
    for (const detection of incident.detections) if (cited.has(detection.id)) this.#detection(detection);
    for (const item of incident.evidence) {
      if (item.type === 'measure' && (cited.has(item.id) || cited.has(item.detection))) this.#measure(item);
      if (item.type === 'flow' && cited.has(item.id)) this.#flow(item.flow);
    }
    this.#sums(incident.evidence.flatMap((item) => (item.type === 'flow' && cited.has(item.id) ? [item.flow] : [])));
  }

  /** Whether it is how many peers are left when those that a sentence names are taken out. */
  isRest(value: number, named: ReadonlySet<string>): boolean {
    let known = 0;
    for (const address of named) if (this.#peers.has(address)) known++;
    return known > 0 && this.#totals.has(value + known);
  }

  /** Whether a number is a fact, or what the words before it make of one: 'about 9,600'. */
  bearsNumber(value: number, before: string): boolean {
    if (this.numbers.has(value)) return true;
    const lead = leadOf(before);
    return lead !== 'exact' && [...this.#plainValues].some((fact) => bearsCount(lead, value, fact));
  }

  /** The same of a number with a unit, as `quantityText` writes it. */
  bearsQuantity(quantity: string, before: string): boolean {
    if (this.quantities.has(quantity)) return true;
    const [, digits = '', unit = ''] = /^(-?[\d.,]+) (\S+)$/.exec(quantity) ?? [];
    const scale = SCALES[unit];
    if (scale === undefined) return false;
    const value = plainNumber(digits);
    const decimals = digits.split('.')[1]?.length ?? 0;
    const lead = leadOf(before);
    return [...this.#measured[scale[0]]].some((fact) => bearsMeasure(lead, value, fact / scale[1], decimals));
  }

  /** 'shortly before 01:00': whether a fact's time is within half an hour on the side that the words say. */
  isNearTime(time: string, before: string): boolean {
    const [, hour, minute] = /^(\d{2}):(\d{2})$/.exec(time) ?? [];
    const [, side] =
      /\b(shortly before|just before|shortly after|just after|around|about|close to|roughly at)\s*(?:at )?$/i.exec(
        before,
      ) ?? [];
    if (hour === undefined || minute === undefined || side === undefined) return false;
    const told = 60 * Number(hour) + Number(minute);
    return [...this.#moments].some((moment) => {
      const off = ((moment / 60_000 - told + 720) % 1440) - 720;
      if (/before/i.test(side)) return off <= 0 && off >= -30;
      return /after/i.test(side) ? off >= 0 && off <= 30 : Math.abs(off) <= 30;
    });
  }

  /** Of several cited flows: how many they are, and what each side, and both, sent in all of them. */
  #sums(flows: readonly FlowRecord[]): void {
    if (flows.length === 0) return;
    this.#plain(flows.length);
    for (const [what, unit] of SUMMED) {
      let both: number | undefined;
      for (const side of ['initiator', 'responder'] as const) {
        const values = flows.map((flow) => flow[`${side}${what}`]).filter((value) => value !== undefined);
        if (values.length === 0) continue;
        const sum = values.reduce((total, value) => total + value, 0);
        this.#value(sum, unit);
        both = (both ?? 0) + sum;
      }
      if (both !== undefined) this.#value(both, unit);
    }
  }

  #detection(detection: IncidentDetection): void {
    this.#totals.add(detection.peerCount);
    for (const address of [detection.actor, ...detection.peers]) this.#address(address);
    for (const value of [detection.peerCount, detection.flowCount, detection.recordCount ?? 0, detection.score])
      this.#plain(value);
    this.#span(detection.firstMs, detection.lastMs);
  }

  #measure(measure: Extract<Evidence, { type: 'measure' }>): void {
    const values = [measure.value, measure.threshold, measure.contribution];
    for (const value of values) if (typeof value === 'number') this.#value(value, measure.unit);
    // What did not fail was answered.
    if (measure.name.endsWith('.failed-ratio') && typeof measure.value === 'number')
      this.#value(1 - measure.value, 'ratio');
    if (typeof measure.value === 'string') this.#sentence(measure.value);
    this.#sentence(measure.sentence);
  }

  #flow(flow: FlowRecord): void {
    for (const address of [flow.initiator, flow.responder, flow.initiatorMac, flow.responderMac])
      this.#address(address);
    for (const port of [flow.initiatorPort, flow.responderPort]) if (port !== undefined) this.ports.add(port);
    const { startMs, endMs } = flow;
    if (startMs !== undefined) this.#span(startMs, endMs ?? startMs);
    for (const [name, value] of Object.entries(flow)) {
      if (typeof value !== 'number') continue;
      this.#value(value, name.endsWith('Ms') ? 'ms' : name.endsWith('Bytes') ? 'bytes' : '');
    }
  }

  #address(text: string | undefined): void {
    if (text !== undefined) this.addresses.add(normalAddress(text));
  }

  #span(firstMs: number, lastMs: number): void {
    this.#value(lastMs - firstMs, 'ms');
    for (const time of [firstMs, lastMs]) {
      const iso = isoTime(time);
      const at = iso.indexOf('T');
      if (at < 0) continue;
      const date = iso.slice(0, at);
      const clock = iso.slice(at + 1, -1);
      this.#moments.add(time);
      this.times.add(date);
      this.times.add(date.slice(5));
      for (const length of [5, 8, 12]) {
        this.times.add(clock.slice(0, length));
        for (const joint of [' ', 'T']) {
          this.times.add(`${date}${joint}${clock.slice(0, length)}`);
          this.times.add(`${date}${joint}${clock.slice(0, length)}Z`);
        }
      }
    }
  }

  #value(value: number, unit: string): void {
    if (!Number.isFinite(value)) return;
    this.#plain(value);
    if (unit === 'ms') {
      this.quantities.add(humanDuration(value));
      this.#measured.ms.add(value);
    }
    if (unit === 'bytes') {
      this.quantities.add(humanBytes(value));
      this.#measured.bytes.add(value);
    }
    if (/^ratio|^score|^share/.test(unit)) {
      for (const text of [`${Math.round(100 * value)} %`, percent(value)]) this.quantities.add(text);
      this.#measured.share.add(100 * value);
    }
  }

  #plain(value: number): void {
    if (!Number.isFinite(value)) return;
    this.#plainValues.add(value);
    for (const text of [
      humanCount(value),
      String(value),
      ...[1, 2, 3].map((n) => value.toFixed(n)),
      ...[2, 3, 4].map((n) => value.toPrecision(n)),
    ])
      this.numbers.add(plainNumber(text));
  }

  /** A quantity as code wrote it, which is rounded already. */
  #quantity(text: string): void {
    this.quantities.add(text);
    let sum = 0;
    let base: 'ms' | 'bytes' | 'share' | undefined;
    for (const [, digits = '', unit = ''] of text.matchAll(/(-?\d[\d.,]*) ([a-zA-Z%]+)/g)) {
      const scale = SCALES[unit];
      if (scale === undefined) return;
      base = scale[0];
      sum += plainNumber(digits) * scale[1];
    }
    if (base !== undefined) this.#measured[base].add(sum);
  }

  /** What the detector's own sentence says may be repeated. */
  #sentence(sentence: string): void {
    let text = ` ${plainFigures(sentence)} `;
    for (const ports of text.match(PORTS_PATTERN) ?? [])
      for (const number of ports.match(/\d+/g) ?? []) this.ports.add(Number(number));
    for (const pattern of [MAC_PATTERN, IPV6_PATTERN, IPV4_PATTERN]) {
      for (const token of text.match(pattern) ?? []) this.#address(token);
      text = text.replace(pattern, ' ');
    }
    for (const token of text.match(TIME_PATTERN) ?? []) this.times.add(token.trim());
    text = text.replace(TIME_PATTERN, ' ');
    for (const token of text.match(QUANTITY_PATTERN) ?? []) this.#quantity(quantityText(token));
    text = text.replace(QUANTITY_PATTERN, ' ');
    for (const token of text.match(NUMBER_PATTERN) ?? []) {
      this.numbers.add(plainNumber(token));
      this.#plainValues.add(plainNumber(token));
    }
    for (const token of text.match(NUMBER_WORD_PATTERN) ?? []) {
      const value = NUMBER_WORDS.indexOf(token.toLowerCase());
      if (value >= 0) this.numbers.add(value);
      else this.words.add(token.toLowerCase());
    }
  }
}

function knownIds(incident: Incident): ReadonlySet<string> {
  return new Set([
    ...incident.evidence.map((item) => item.id),
    ...incident.detections.map((detection) => detection.id),
  ]);
}

/** One form for all ways to write the same address. */
function normalAddress(text: string): string {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return `${parsed.isV6 ? 6 : 4} ${parsed.words.map((word) => word >>> 0).join(' ')}`;
  return text.toLowerCase().replaceAll('-', ':');
}

/** With exactly one blank before the unit. */
function quantityText(token: string): string {
  return token.trim().replace(/ *([a-zA-Z]+|%)$/, ' $1');
}

/** Units with what they measure, in ms, bytes and percent. */
const SCALES: Readonly<Record<string, readonly [base: 'ms' | 'bytes' | 'share', factor: number]>> = {
  ms: ['ms', 1],
  s: ['ms', 1000],
  min: ['ms', 60_000],
  h: ['ms', 3_600_000],
  d: ['ms', 86_400_000],
  B: ['bytes', 1],
  kB: ['bytes', 1e3],
  MB: ['bytes', 1e6],
  GB: ['bytes', 1e9],
  TB: ['bytes', 1e12],
  '%': ['share', 1],
};

const UNIT_NAMES: readonly (readonly [RegExp, string])[] = [
  [/(?:milliseconds?|msec)/, 'ms'],
  [/seconds?/, 's'],
  [/minutes?/, 'min'],
  [/hours?/, 'h'],
  [/days?/, 'd'],
  [/kilobytes?/, 'kB'],
  [/megabytes?/, 'MB'],
  [/gigabytes?/, 'GB'],
  [/(?:percent|per cent)/, '%'],
];

/** '38.4 s' for '38.4 seconds', '4 h 38 min' for '4 hours and 38 minutes': the form in which facts have it. Bytes in full count as plain numbers. */
function shortUnits(text: string): string {
  let short = text;
  for (const [name, unit] of UNIT_NAMES) short = short.replace(new RegExp(`(?<=\\d )${name.source}(?!\\w)`, 'g'), unit);
  return short.replace(/(?<=\d (?:d|h|min))(?:,| and|, and)(?= \d+ (?:h|min|s)(?!\w))/g, '');
}

function plainNumber(text: string): number {
  return Number(text.replaceAll(',', ''));
}
