import { numberAt, ownText, Recent, type StringColumn } from '../../core/index.ts';
import { ownerAndDomain } from '../../feature/index.ts';
import type { FlowBatch } from '../../flow/index.ts';
import { hash32 } from '../bounded/bounded.ts';
import { NO_PLACE, NumberIndex } from '../bounded/number-index.ts';
import { NumberSets } from '../bounded/owned-set.ts';
import { ipv4Bits, NO_NUMBER, TextNumbers } from '../bounded/text-number.ts';
import { poolName } from '../pool-name.ts';
import { codeCount } from '../told.ts';
import { isDynamicName } from './dynamic-dns.ts';
import { tellsAddress } from './public-address.ts';

/** Marks of a name: it lies below a domain of dynamic DNS; it is a public service that tells who asks by which address it is seen; what it says of mining (`poolOf`). */
export const IS_DYNAMIC = 1;
export const TELLS_ADDRESS = 2;
const POOL_SHIFT = 2;
/** Marks of a row that is not known yet are 0; of every name that is, they have this bit. */
const IS_MARKED = 1 << 7;

/** `domainHash` of names that say nothing, and of no others but one domain of four thousand million. */
export const NO_DOMAIN = hash32('') | 0;

/** What marks say of mining, as `poolName` does. */
export function poolOf(marks: number): number {
  return (marks >> POOL_SHIFT) & 3;
}

/**
 * What the detectors know of a name that was asked for; all parts are '' for a name that says nothing: a single label, the reverse tree, a service name. One object stands for all
 * questions for a name as long as it is asked for again and again. What is looked at most stands first, next to one another in memory.
 */
export class DnsName {
  /** `hash32` of both domains, as signed numbers. */
  readonly domainHash: number;
  readonly ownerHash: number;
  readonly marks: number;
  /** Characters of what stands before the owner's domain. */
  readonly length: number;
  /** `hash32` of these characters, as a signed number. */
  readonly subdomainHash: number;
  /** A text that begins with them: that of the question, where that is normal. */
  readonly before: string;
  /** The domain that somebody registered below what registries sell under, where what companies let their customers have names under counts as a suffix, too: d1.cloudfront.net. */
  readonly owner: string;
  /** The same without those of companies: example.co.uk, cloudfront.net. */
  readonly domain: string;
  /** As the question has it. */
  readonly text: string;

  constructor(text: string, domain: string, owner: string, subdomain: string) {
    const isOwn = owner === domain;
    this.domainHash = hash32(domain) | 0;
    this.ownerHash = isOwn ? this.domainHash : hash32(owner) | 0;
    this.marks =
      IS_MARKED |
      (isDynamicName(text) ? IS_DYNAMIC : 0) |
      (tellsAddress(text) ? TELLS_ADDRESS : 0) |
      (poolName(text) << POOL_SHIFT);
    this.length = subdomain.length;
    this.subdomainHash = hash32(subdomain) | 0;
    this.before = text.startsWith(subdomain) ? text : subdomain;
    this.domain = sharedText(domain, this.domainHash);
    this.owner = isOwn ? this.domain : sharedText(owner, this.ownerHash);
    this.text = text;
  }

  /** What stands before the owner's domain, '' where nothing does. */
  get subdomain(): string {
    return this.before.slice(0, this.length);
  }
}

/** One text for equal ones, as far as few came between them: it is held once, and to compare it with itself takes no look at its characters. */
function sharedText(text: string, hash: number): string {
  const place = hash & (SHARED.length - 1);
  const known = SHARED[place];
  if (known === text) return known;
  const own = ownText(text);
  SHARED[place] = own;
  return own;
}

const SHARED = new Array<string>(8192).fill('');

const NAMES = new Recent(32_768, takenApart);

/**
 * A name in its parts. Names that are no words of their asker are nothing, by mechanism: reverse look-ups (RFC 1035 section 3.5), service discovery (RFC 6763: labels that begin
 * with `_`), single labels.
 */
export function dnsNameOf(text: string): DnsName {
  return NAMES.of(text);
}

function takenApart(text: string): DnsName {
  const found = ownerAndDomain(text);
  if (found === undefined || found.name.endsWith('.arpa') || found.name.startsWith('_') || found.name.includes('._'))
    return new DnsName(text, '', '', '');
  const { owner, domain, subdomain } = found;
  if (domain === undefined) return new DnsName(text, '', '', '');
  // The name of a company's suffix itself is a domain that the company registered.
  return new DnsName(text, domain, owner ?? domain, subdomain);
}

/** The names of the texts of a column, each looked at once, when it is asked for; what several detectors ask of one batch is looked at once for all. */
export class DnsNames {
  readonly #column: StringColumn;
  readonly #names: (DnsName | undefined)[];
  /** Marks, hash of the domain and length by code, for those who need no more: a row that is looked at here takes no way to a name somewhere in memory. */
  readonly #marks: Uint8Array;
  readonly #hashes: Int32Array;
  readonly #lengths: Uint8Array;

  private constructor(column: StringColumn) {
    this.#column = column;
    const count = codeCount(column);
    this.#names = new Array<DnsName | undefined>(count).fill(undefined);
    this.#marks = new Uint8Array(count);
    this.#hashes = new Int32Array(count);
    this.#lengths = new Uint8Array(count);
  }

  /** The same ones for all who ask. */
  static of(column: StringColumn): DnsNames {
    const known = NAMES_OF.get(column);
    if (known !== undefined) return known;
    const made = new DnsNames(column);
    NAMES_OF.set(column, made);
    return made;
  }

  /** Of a row that has a text. */
  at(row: number): DnsName {
    const code = this.#column.codes[row] as number;
    return this.#names[code] ?? this.#look(code);
  }

  marksAt(row: number): number {
    const code = this.#column.codes[row] as number;
    return this.#marks[code] || this.#look(code).marks;
  }

  /** `domainHash`; `NO_DOMAIN` for a name that says nothing. */
  domainHashAt(row: number): number {
    const code = this.#column.codes[row] as number;
    return this.#marks[code] === 0 ? this.#look(code).domainHash : (this.#hashes[code] as number);
  }

  /** Characters before the owner's domain, 255 for more. */
  lengthAt(row: number): number {
    const code = this.#column.codes[row] as number;
    return this.#marks[code] === 0 ? this.#look(code).length : (this.#lengths[code] as number);
  }

  #look(code: number): DnsName {
    const name = NAMES.ofCode(this.#column, code);
    this.#names[code] = name;
    this.#marks[code] = name.marks;
    this.#hashes[code] = name.domainHash;
    this.#lengths[code] = Math.min(255, name.length);
    return name;
  }
}

const NAMES_OF = new WeakMap<StringColumn, DnsNames>();

/** The questions that a flow tells beside its first, in their order. Lists of the same length. */
export interface Questions {
  /** Of all of them, as the flow has it. */
  readonly text: string;
  readonly types: readonly string[];
  /** The names in their parts; of a name that was cut the middle is missing, which no domain reaches into. */
  readonly names: readonly DnsName[];
  /** `domainHash` and `length` of each name by turns, for those who need no more. */
  readonly numbers: readonly number[];
  /** The names as the flow has them, where one of them was cut; see `toldNames`. */
  readonly told: readonly string[] | undefined;
  /** Characters of all names. */
  readonly characters: number;
}

/** More operations than this a flow does not tell, so there may have been more questions. */
export const MOST_QUESTIONS_TOLD = 16;

const QUESTIONS = new Recent(8192, takenQuestions);

/** The further questions of the rows of a batch, each text taken apart once for all detectors. */
export class FurtherQuestions {
  readonly #column: StringColumn;
  readonly #known: (Questions | undefined)[];

  private constructor(column: StringColumn) {
    this.#column = column;
    this.#known = new Array<Questions | undefined>(codeCount(column)).fill(undefined);
  }

  /** The same ones for all who ask. */
  static of(column: StringColumn): FurtherQuestions {
    const known = QUESTIONS_OF.get(column);
    if (known !== undefined) return known;
    const made = new FurtherQuestions(column);
    QUESTIONS_OF.set(column, made);
    return made;
  }

  /** Of a row that has operations. */
  at(row: number): Questions {
    const code = this.#column.codes[row] as number;
    let questions = this.#known[code];
    if (questions === undefined) {
      questions = QUESTIONS.ofCode(this.#column, code);
      this.#known[code] = questions;
    }
    return questions;
  }
}

const QUESTIONS_OF = new WeakMap<StringColumn, FurtherQuestions>();

/** The questions in the operations of a DNS flow, the first one included where there are others: 'TXT a.example, A b.example'. */
export function furtherQuestions(operations: string): Questions {
  return QUESTIONS.of(operations);
}

function takenQuestions(operations: string): Questions {
  const types: string[] = [];
  const names: DnsName[] = [];
  const numbers: number[] = [];
  let told: string[] | undefined;
  let characters = 0;
  let from = 0;
  for (let part = 0; part < MOST_QUESTIONS_TOLD && from <= operations.length; part++) {
    const end = operations.indexOf(', ', from);
    const to = end < 0 ? operations.length : end;
    const blank = operations.indexOf(' ', from);
    const type = blank > from && blank < to ? typeIn(operations, from, blank) : undefined;
    const further = operations.indexOf(' ', blank + 1);
    if (type !== undefined && (further < 0 || further >= to)) {
      const name = nameIn(operations, blank + 1, to);
      types.push(type);
      if (name.text.length !== to - blank - 1) told ??= names.map(({ text }) => text);
      names.push(name);
      numbers.push(name.domainHash, name.length);
      told?.push(operations.slice(blank + 1, to));
      characters += to - blank - 1;
    }
    from = to + 2;
  }
  // Copies have no room for more.
  return { text: operations, types: types.slice(), names: names.slice(), numbers: numbers.slice(), told, characters };
}

/** The names of questions as the flow has them. */
export function toldNames({ names, told }: Questions): readonly string[] {
  return told ?? names.map(({ text }) => text);
}

const USUAL_TYPES = ['A', 'AAAA', 'HTTPS'] as const;

/** The type of a question; other operations of a DNS flow, such as 'update corp.example', are written in lower case: undefined. */
function typeIn(operations: string, from: number, to: number): string | undefined {
  for (const usual of USUAL_TYPES) if (to - from === usual.length && operations.startsWith(usual, from)) return usual;
  const type = operations.slice(from, to);
  return type === type.toUpperCase() ? type : undefined;
}

function nameIn(operations: string, from: number, to: number): DnsName {
  const cut = operations.indexOf('…', from);
  if (cut < 0 || cut >= to) return NAMES.ofPart(operations, from, to);
  return dnsNameOf(operations.slice(from, to).replace('…', ''));
}

/** Whether a row is a question to a DNS server: not to the whole network (mDNS, LLMNR), not NetBIOS. */
export function isDnsRow(batch: FlowBatch, row: number, isDnsService: readonly boolean[]): boolean {
  const service = batch.service.codes[row] ?? -1;
  return service < 0 ? numberAt(batch.responderPort, row) === 53 : isDnsService[service] === true;
}

/** Which texts of the service column are DNS to a server. */
export function dnsServices(batch: FlowBatch): boolean[] {
  return batch.service.dictionary.map((name) => name === 'dns' || name === 'dns-tls');
}

/**
 * Puts `hash32` of the addresses in the answers into `hashes`, at most as many as it has places, and tells how many. Answers are as flow sources write them:
 * 'A 192.0.2.1, AAAA 2001:db8::1' or '192.0.2.1,host.example'.
 */
export function answerAddressHashes(answers: string, hashes: Int32Array): number {
  let found = 0;
  for (let from = 0; from <= answers.length && found < hashes.length; ) {
    const comma = answers.indexOf(',', from);
    const to = comma < 0 ? answers.length : comma;
    const start = from + (answers.startsWith('A ', from) ? 2 : answers.startsWith('AAAA ', from) ? 5 : 0);
    if (isAddressIn(answers, start, to)) hashes[found++] = hash32(answers, start, to);
    from = to + (answers.startsWith(', ', to) ? 2 : 1);
  }
  return found;
}

/** Four numbers of one to three digits between dots, or 2 to 45 hexadecimal digits, dots and colons with a colon among them. */
function isAddressIn(text: string, from: number, to: number): boolean {
  if (to - from < 2 || to - from > 45) return false;
  let dots = 0;
  let colons = 0;
  let digits = 0;
  let isV4 = true;
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= DIGIT_0 && unit <= DIGIT_0 + 9) digits++;
    else if (unit === DOT) {
      isV4 &&= digits > 0 && digits <= 3;
      digits = 0;
      dots++;
    } else if (unit === COLON) colons++;
    else if ((unit | LOWER_CASE) >= LETTER_A && (unit | LOWER_CASE) <= LETTER_A + 5) isV4 = false;
    else return false;
  }
  return colons > 0 || (isV4 && dots === 3 && digits > 0 && digits <= 3);
}

const DOT = 0x2e;
const DIGIT_0 = 0x30;
const COLON = 0x3a;
const LETTER_A = 0x61;
const LOWER_CASE = 0x20;

/** A response code by which a name does not exist, or nobody could say that it does. */
export function isFailure(rcode: string | undefined): boolean {
  return rcode === 'NXDOMAIN' || rcode === 'SERVFAIL';
}

/**
 * Who asks the DNS for others: hosts that are themselves asked by others, or that ask many servers as a recursive resolver does. What they ask says nothing about programs
 * of their own.
 */
export class Resolvers {
  readonly #texts = new TextNumbers();
  readonly #asked = new NumberIndex();
  readonly #clients = new NumberIndex();
  /** By the place of the client. */
  readonly #servers = new NumberSets();
  readonly #most: number;

  /** @param most addresses told apart; those beyond count as hosts that ask for themselves. */
  constructor(most: number) {
    this.#most = most;
  }

  saw(client: string, server: string): void {
    const serverBits = ipv4Bits(server);
    const clientBits = ipv4Bits(client);
    const asked = this.#texts.find(server, serverBits);
    if (this.#asked.size < this.#most && (asked === NO_NUMBER || this.#asked.find(asked) === NO_PLACE))
      this.#asked.add(this.#texts.take(server, serverBits));
    const known = this.#texts.find(client, clientBits);
    let place = known === NO_NUMBER ? NO_PLACE : this.#clients.find(known);
    if (place === NO_PLACE) {
      if (this.#clients.size >= this.#most) return;
      place = this.#clients.add(this.#texts.take(client, clientBits));
      if (place === NO_PLACE) return;
    }
    if (this.#servers.size(place) > MANY_SERVERS) return;
    const number = this.#texts.find(server, serverBits);
    if (number === NO_NUMBER || !this.#servers.has(place, number))
      this.#servers.add(place, this.#texts.take(server, serverBits));
  }

  /** True for a host that others ask, and one that asks many servers. */
  isResolver(address: string): boolean {
    const number = this.#texts.find(address, ipv4Bits(address));
    if (number === NO_NUMBER) return false;
    if (this.#asked.find(number) !== NO_PLACE) return true;
    const place = this.#clients.find(number);
    return place !== NO_PLACE && this.#servers.size(place) > MANY_SERVERS;
  }
}

/** A host asks the few servers that it was given; a recursive resolver asks one or more of every domain. */
const MANY_SERVERS = 8;
