import { safeText, UserError } from '../../core/index.ts';
import { domainParts } from '../../feature/index.ts';
import { parseAddress } from '../../wire/index.ts';
import { type Indicator, type IndicatorKey, ThreatIndex } from './entries.ts';
import { stixValues } from './stix.ts';

/**
 * Threat lists that the user supplies, from the text of a file in any of these forms, told by content:
 *
 * - Lines: addresses, networks in CIDR form, `address:port`, domains (with everything below them; `*.` and a leading dot say the same), URLs, JA3 and JA4 fingerprints; hosts files and
 *   `||name^` of ad blockers; what follows on the line, after blanks, `;` or `#`, is what it is called. Defanged writing (`hxxp`, `[.]`) is read.
 * - CSV, tab or `|`, with or without a header (a header may be a comment, as abuse.ch writes it): columns of the usual names for the indicator, its confidence, dates, and what it is called.
 * - JSON lines, and arrays, of texts or objects with the same names as those columns.
 * - MISP events (one, a list, or an answer of its interface): attributes with `to_ids`, not deleted; galaxies of threat actors name the group.
 * - STIX 2.1 bundles: indicators with their validity, confidence and, by their relations, malware and groups (see `stixValues`).
 *
 * A URL that is only a host is that host. One with a path counts only where the request can be read: that a host serves one bad page says nothing about the rest. A name under which anybody may
 * have names (com, co.uk) is refused; one that is a company's suffix (github.io) is that name alone. Networks shorter than /8 (IPv6: /16) are refused: they would match half the world.
 */
export interface ThreatListProblem {
  /** Line of the file, or number of the object in it, from 1. */
  readonly line: number;
  readonly reason: string;
}

/** One list as it was read. */
export interface ThreatListInfo {
  readonly name: string;
  readonly form: 'lines' | 'json' | 'misp' | 'stix';
  /** Entries that were taken. */
  readonly entries: number;
  readonly repeated: number;
  /** Entries of kinds that flows do not show (hashes of files, e-mail addresses), or that their list says are not for detection or withdrawn. */
  readonly unseen: number;
  readonly wrongCount: number;
  /** The first wrong ones, at most 100. */
  readonly wrong: readonly ThreatListProblem[];
  /** For which there was no room. */
  readonly refused: number;
}

const MAX_PROBLEMS = 100;
const MAX_LINE = 10_000;
const MAX_LABEL = 80;
const MAX_LISTS = 1000;
/** Of a URL's path and query: as much as flows keep of a request with room for the method. */
export const MAX_TARGET = 240;
/** Entries of all lists together, about 60 bytes each. */
export const MAX_THREAT_ENTRIES = 4_000_000;

export class ThreatLists {
  readonly index: ThreatIndex;
  readonly #lists: ThreatListInfo[] = [];

  /** @param maxEntries of all lists together */
  constructor(maxEntries = MAX_THREAT_ENTRIES) {
    this.index = new ThreatIndex(maxEntries);
  }

  get lists(): readonly ThreatListInfo[] {
    return this.#lists;
  }

  /**
   * Reads a list.
   * @param name what it is called in reports and messages
   * @throws UserError where nothing in it can be used, and for JSON that is none.
   */
  add(text: string, name: string): ThreatListInfo {
    if (this.#lists.length >= MAX_LISTS)
      throw new UserError(`${name}: there are ${MAX_LISTS} lists already`, 'put lists together');
    const shown = safeText(name, 60);
    const reading = new Reading(this.index, this.#lists.length);
    const form = read(text, reading, shown);
    const info: ThreatListInfo = { name: shown, form, ...reading.told() };
    if (info.entries + info.repeated + info.refused === 0) {
      const [first] = info.wrong;
      throw new UserError(
        `${shown}: there is no entry in this list that flows could match${first === undefined ? '' : `; ${first.line}: ${first.reason}`}`,
        'a list has an address, a network, a domain, a URL or a JA3 on each line, or is a MISP event or a STIX 2.1 bundle',
      );
    }
    this.#lists.push(info);
    return info;
  }
}

type Facts = Omit<Indicator, 'key' | 'port'>;

class Reading {
  readonly #index: ThreatIndex;
  readonly #list: number;
  readonly #wrong: ThreatListProblem[] = [];
  #wrongCount = 0;
  #entries = 0;
  #repeated = 0;
  #refused = 0;
  unseen = 0;

  constructor(index: ThreatIndex, list: number) {
    this.#index = index;
    this.#list = list;
  }

  wrong(line: number, reason: string): void {
    if (this.#wrongCount++ < MAX_PROBLEMS) this.#wrong.push({ line, reason });
  }

  take(line: number, found: Found | string, facts: Facts): void {
    if (typeof found === 'string') {
      this.wrong(line, found);
      return;
    }
    if (found.key === undefined) {
      this.unseen++;
      return;
    }
    const indicator = { ...facts, key: found.key, ...(found.port === undefined ? {} : { port: found.port }) };
    const added = this.#index.add(indicator, this.#list, line);
    if (added === 'new') this.#entries++;
    else if (added === 'repeated') this.#repeated++;
    else this.#refused++;
  }

  told(): Omit<ThreatListInfo, 'name' | 'form'> {
    return {
      entries: this.#entries,
      repeated: this.#repeated,
      unseen: this.unseen,
      wrongCount: this.#wrongCount,
      wrong: this.#wrong,
      refused: this.#refused,
    };
  }
}

function read(text: string, reading: Reading, name: string): ThreatListInfo['form'] {
  const first = /^\uFEFF?\s*(\S)/.exec(text)?.[1];
  if (first === '{' || first === '[') {
    const whole = jsonOf(text);
    if (whole !== undefined) return readJson(whole, reading);
    // JSON lines, or a list whose first line is in brackets ([Adblock Plus 2.0]).
    if (first === '{' && jsonOf(text.slice(0, text.indexOf('\n') + 1)) === undefined)
      throw new UserError(`${name}: this is no JSON, though it begins like it`, 'export the list again');
  }
  readLines(text, reading);
  return 'lines';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

// --------------------------------------------------------------------------------------------------------------------------------- lines

/** Columns by what they hold; the names are those of abuse.ch, Spamhaus, OTX, MISP's CSV and their like, in lower case, with `_` between words. */
const INDICATOR_NAMES = [
  ...['ioc_value', 'indicator', 'value', 'ioc', 'observable', 'dst_ip', 'ip', 'ip_address', 'ipaddress', 'address'],
  ...['cidr', 'network', 'netblock', 'prefix', 'domain', 'hostname', 'host', 'fqdn', 'url', 'ja3_md5', 'ja3', 'ja4'],
];
const PORT_NAMES = ['dst_port', 'port', 'dstport'];
const LABEL_NAMES = [
  'malware_printable',
  'malware',
  'signature',
  'threat',
  'listingreason',
  'label',
  'name',
  'tags',
  'comment',
  'description',
  'category',
  'sblid',
];
const GROUP_NAMES = ['threat_actor', 'actor', 'group', 'apt', 'intrusion_set', 'attribution'];
const CONFIDENCE_NAMES = ['confidence_level', 'confidence', 'confidence_score'];
const FROM_NAMES = ['first_seen_utc', 'first_seen', 'firstseen', 'valid_from', 'dateadded', 'date_added', 'date'];
const UNTIL_NAMES = ['valid_until', 'expires', 'expiration', 'expiry'];
const SEEN_NAMES = ['last_seen_utc', 'last_seen', 'lastseen', 'last_online'];

interface Columns {
  readonly indicator: number;
  readonly port: number;
  readonly label: number;
  readonly group: number;
  readonly confidence: number;
  readonly from: number;
  readonly until: number;
  readonly seen: number;
}

function columnsOf(cells: readonly string[]): Columns | undefined {
  const names = cells.map((cell) =>
    cell
      .toLowerCase()
      .trim()
      .replace(/[\s-]+/g, '_'),
  );
  const place = (wanted: readonly string[]): number =>
    wanted.map((name) => names.indexOf(name)).find((at) => at >= 0) ?? -1;
  const indicator = place(INDICATOR_NAMES);
  if (indicator < 0) return undefined;
  return {
    indicator,
    port: place(PORT_NAMES),
    label: place(LABEL_NAMES),
    group: place(GROUP_NAMES),
    confidence: place(CONFIDENCE_NAMES),
    from: place(FROM_NAMES),
    until: place(UNTIL_NAMES),
    seen: place(SEEN_NAMES),
  };
}

function readLines(text: string, reading: Reading): void {
  let columns: Columns | undefined;
  let line = 0;
  let isFirst = true;
  for (let from = text.charCodeAt(0) === 0xfeff ? 1 : 0; from < text.length; ) {
    let to = text.indexOf('\n', from);
    if (to < 0) to = text.length;
    const entry = text.slice(from, to).trim();
    from = to + 1;
    line++;
    if (entry === '' || /^\[[^\]]*\]$/.test(entry)) continue;
    if (entry.length > MAX_LINE) {
      reading.wrong(line, `a line of ${entry.length} characters is no entry`);
      continue;
    }
    if (/^(?:#|;|\/\/|!)/.test(entry)) {
      // A header may be a comment.
      if (isFirst && /[,;\t|]/.test(entry)) columns = columnsOf(cellsOf(entry.replace(/^[#;/!\s]+/, ''))) ?? columns;
      continue;
    }
    if (isFirst) {
      isFirst = false;
      const cells = cellsOf(entry);
      const header = cells.length > 1 || INDICATOR_NAMES.includes(entry.toLowerCase()) ? columnsOf(cells) : undefined;
      if (header !== undefined && cells.every((cell) => typeof foundOf(cell) === 'string')) {
        columns = header;
        continue;
      }
    }
    if (entry.startsWith('{')) {
      const record = jsonOf(entry);
      if (isRecord(record)) takeRecord(reading, line, record);
      else reading.wrong(line, 'this line is no JSON');
    } else if (columns === undefined) takeLine(reading, line, entry);
    else takeCells(reading, line, cellsOf(entry), columns);
  }
}

/** Cells between commas, else between semicolons, tabs or bars; quotes as in RFC 4180. */
function cellsOf(line: string): string[] {
  const delimiter = [',', '\t', ';', '|'].find((mark) => line.includes(mark));
  if (delimiter === undefined) return [line.replace(/^"(.*)"$/, '$1').trim()];
  if (!line.includes('"')) return line.split(delimiter).map((cell) => cell.trim());
  const cells: string[] = [];
  let cell = '';
  let inQuotes = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? '';
    if (c === '"') {
      if (inQuotes && line[i + 1] === '"') {
        cell += '"';
        i++;
      } else inQuotes = !inQuotes;
    } else if (c === delimiter && !inQuotes) {
      cells.push(cell.trim());
      cell = '';
    } else cell += c;
  }
  return [...cells, cell.trim()];
}

function takeCells(reading: Reading, line: number, cells: readonly string[], columns: Columns): void {
  const cell = (at: number): string | undefined => (at < 0 ? undefined : cells[at]);
  const given = cell(columns.indicator);
  if (given === undefined || given === '') {
    reading.wrong(
      line,
      `there is nothing in column ${columns.indicator + 1}, where the header says that the indicator is`,
    );
    return;
  }
  reading.take(line, withPort(foundOf(given), cell(columns.port)), {
    ...labelOf(cell(columns.label)),
    ...groupOf(cell(columns.group)),
    ...confidenceOf(cell(columns.confidence)),
    ...timesOf(cell(columns.from), cell(columns.until), cell(columns.seen)),
  });
}

function takeLine(reading: Reading, line: number, entry: string): void {
  const [head = '', ...words] = entry.split(/\s+/);
  // A hosts file: the address is where the names shall lead to.
  if (/^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)$/.test(head) && words[0] !== undefined && !/^[#;]/.test(words[0])) {
    for (const name of words) {
      if (name.startsWith('#')) break;
      if (!/^(?:localhost|local|broadcasthost|ip6-\w+|0\.0\.0\.0)$|^localhost\./.test(name))
        reading.take(line, foundOf(name), {});
    }
    return;
  }
  const isUrl = /^h(?:tt|xx)ps?:/i.test(head);
  const cells = isUrl || !/[,\t;|]/.test(head.replace(/^\|\|/, '')) ? [head] : cellsOf(entry);
  const place = cells.findIndex((cell) => typeof foundOf(cell) !== 'string');
  const found = foundOf(cells[Math.max(0, place)] ?? '');
  const rest =
    cells.length > 1
      ? cells.find((cell, i) => i !== place && /[A-Za-z]{3}/.test(cell) && timeOf(cell) === undefined)
      : words.join(' ').replace(/^[#;,|/\s-]+/, '');
  reading.take(line, found, { ...labelOf(rest) });
}

// --------------------------------------------------------------------------------------------------------------------------- indicators

/** An indicator that was understood; without a key it is of a kind that flows do not show. */
interface Found {
  readonly key?: IndicatorKey;
  readonly port?: number;
}

const JA4 = /^[tqd](?:1[0-3]|s[123]|d[123]|00)[di]\d{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$/i;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** What a text names, or a sentence that says why it is nothing. */
export function foundOf(given: string): Found | string {
  const text = given
    .trim()
    .replace(/^["'`]+|["'`]+$/g, '')
    .replace(/^hxxp/i, 'http')
    .replace(/\[\.\]|\(\.\)|\[dot\]|\(dot\)/gi, '.')
    .replace(/\[:\]/g, ':')
    .replace(/^\|\|(.*?)\^?(?:\$.*)?$/, '$1');
  if (text === '') return 'there is nothing where an indicator should be';
  if (/^[0-9a-f]{32}$/i.test(text)) return { key: { type: 'ja3', text: text.toLowerCase() } };
  if (JA4.test(text)) return { key: { type: 'ja4', text: text.toLowerCase() } };
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/i.test(text) || /^[^\s@/]+@[^\s@/]+$/.test(text))
    return {};
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return urlOf(text);
  const network = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(text);
  if (network !== null && parseAddress(network[1] ?? '') !== undefined)
    return addressOf(network[1] ?? '', Number(network[2]));
  if (parseAddress(text) !== undefined) return addressOf(text, undefined);
  const withPort = /^(?:\[([0-9a-f:.]+)\]|([^:/]+)):(\d{1,5})$/i.exec(text);
  if (withPort !== null) return withPortOf(foundOf(withPort[1] ?? withPort[2] ?? ''), Number(withPort[3]));
  if (text.includes('/')) return urlOf(`http://${text}`);
  return nameOf(text);
}

function withPortOf(found: Found | string, port: number): Found | string {
  if (typeof found === 'string' || found.key === undefined) return found;
  if (port < 1 || port > 65_535) return `${port} is no port`;
  return found.key.type === 'address' || found.key.type === 'name' ? { ...found, port } : found;
}

function withPort(found: Found | string, port: string | undefined): Found | string {
  return port !== undefined && /^\d{1,5}$/.test(port) && Number(port) > 0 ? withPortOf(found, Number(port)) : found;
}

function addressOf(address: string, given: number | undefined): Found | string {
  const parsed = parseAddress(address);
  if (parsed === undefined) return `'${safeText(address, 60)}' is no address`;
  const { isV6, words } = parsed;
  const most = isV6 ? 128 : 32;
  const bits = given ?? most;
  if (bits > most) return `/${bits} is longer than an address`;
  const least = isV6 ? 16 : 8;
  if (bits < least) return `/${bits} would match too much of the Internet; /${least} is the shortest that is taken`;
  if (bits === most && words.every((word) => word === 0)) return 'this is no address of a host';
  return { key: { type: bits === most ? 'address' : 'network', isV6, words, bits } };
}

function nameOf(given: string): Found | string {
  const bare = given.replace(/^\*?\./, '').replace(/\.$/, '');
  const name = /^[!-~]+$/.test(bare) ? bare.toLowerCase() : punycode(bare);
  if (
    name === undefined ||
    name.length > 253 ||
    !name.includes('.') ||
    !name.split('.').every((label) => LABEL.test(label))
  )
    return `'${safeText(given, 60)}' is no address, network, domain, URL or fingerprint`;
  if (/^[\d.]+$/.test(name)) return `'${safeText(given, 60)}' is no address`;
  const parts = domainParts(name);
  if (parts?.domain === undefined) return `'${name}' is a suffix under which anybody may have names`;
  const isCompany = parts.domain === name && domainParts(name, { privateSuffixes: true })?.domain === undefined;
  return { key: { type: 'name', text: name, ...(isCompany ? { exact: true as const } : {}) } };
}

function punycode(name: string): string | undefined {
  try {
    return new URL(`http://${name}/`).hostname;
  } catch {
    return undefined;
  }
}

function urlOf(text: string): Found | string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return `'${safeText(text, 60)}' is no URL`;
  }
  if (!/^https?:$/.test(url.protocol)) return {};
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const target = `${url.pathname}${url.search}`;
  if (target !== '/') {
    const key = urlKey(url.port === '' ? host : `${host}:${url.port}`, target);
    return key === undefined ? `'${safeText(text, 60)}' is no URL` : { key: { type: 'url', text: key } };
  }
  const found = parseAddress(host) === undefined ? nameOf(host) : addressOf(host, undefined);
  return url.port === '' ? found : withPortOf(found, Number(url.port));
}

/** How a URL is looked up: host as in the Host header, the target as far as flows keep it. Undefined for what can be no such thing. */
export function urlKey(host: string, target: string): string | undefined {
  const name = host.toLowerCase().replace(/:80$|:443$/, '');
  const key = `${name}${target.replace(/#.*$/, '').slice(0, MAX_TARGET)}`;
  return name.length < 260 && /^[!-~]+$/.test(key) ? key : undefined;
}

// --------------------------------------------------------------------------------------------------------------------------------- facts

function labelOf(text: string | undefined): { label?: string } {
  const label = safeText((text ?? '').replace(/\s+/g, ' ').trim(), MAX_LABEL);
  return label === '' || /^(?:none|null|n\/a|-)$/i.test(label) ? {} : { label };
}

function groupOf(text: string | undefined): { group?: string } {
  const { label } = labelOf(text);
  return label === undefined ? {} : { group: label };
}

function confidenceOf(text: string | number | undefined): { confidence?: number } {
  const n =
    typeof text === 'number'
      ? text
      : /^\d{1,3}(?:\.\d+)?%?$/.test(text ?? '')
        ? Number.parseFloat(text ?? '')
        : Number.NaN;
  return n >= 0 && n <= 100 ? { confidence: Math.round(n) } : {};
}

function timesOf(from: unknown, until: unknown, seen: unknown): Pick<Indicator, 'fromMs' | 'untilMs' | 'seenMs'> {
  const [fromMs, untilMs, seenMs] = [timeOf(from), timeOf(until), timeOf(seen)];
  return {
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(seenMs === undefined ? {} : { seenMs }),
  };
}

/** Epoch ms of a date as lists write it; UTC where it has no zone; numbers are seconds. */
function timeOf(given: unknown): number | undefined {
  const text = typeof given === 'number' ? String(given) : typeof given === 'string' ? given.trim() : '';
  if (/^\d{9,10}$/.test(text)) return 1000 * Number(text);
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s*(Z|UTC|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (match === null) return undefined;
  const [, day = '', time = '00:00:00', zone = 'Z'] = match;
  const ms = Date.parse(
    `${day}T${time.replace(/(\.\d{3})\d+$/, '$1')}${zone === 'UTC' ? 'Z' : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`,
  );
  return Number.isFinite(ms) ? ms : undefined;
}

// ---------------------------------------------------------------------------------------------------------------------------------- JSON

type Json = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

function readJson(whole: unknown, reading: Reading): ThreatListInfo['form'] {
  if (isRecord(whole) && Array.isArray(whole.objects)) {
    readStix(whole.objects, reading);
    return 'stix';
  }
  const response = isRecord(whole) && whole.response !== undefined ? whole.response : whole;
  const events = Array.isArray(response) ? response : [response];
  if (events.some((event) => isRecord(event) && (isRecord(event.Event) || Array.isArray(event.Attribute)))) {
    const counter = { line: 0 };
    for (const event of events)
      if (isRecord(event)) readMisp(isRecord(event.Event) ? event.Event : event, reading, counter);
    return 'misp';
  }
  const inside = isRecord(whole) ? Object.values(whole).find((value) => Array.isArray(value)) : whole;
  const list = Array.isArray(inside) ? inside : [whole];
  for (const [i, value] of list.entries()) {
    const text = textOf(value);
    if (text !== undefined) reading.take(i + 1, foundOf(text), {});
    else if (isRecord(value)) takeRecord(reading, i + 1, value);
    else reading.wrong(i + 1, 'an entry is a text or an object');
  }
  return 'json';
}

function takeRecord(reading: Reading, line: number, record: Json): void {
  const names = Object.keys(record);
  const columns = columnsOf(names);
  if (columns === undefined) {
    // Lists end with a line about themselves.
    if (record.type === 'metadata') return;
    reading.wrong(line, `none of its keys is that of an indicator (${INDICATOR_NAMES.slice(0, 3).join(', ')} ...)`);
    return;
  }
  const values = names.map((name) => {
    const value = record[name];
    return Array.isArray(value) ? value.flatMap((one) => textOf(one) ?? []).join(', ') : (textOf(value) ?? '');
  });
  takeCells(reading, line, values, columns);
}

/** Types of MISP attributes (MISP core format, section 2.4) that flows show. */
const MISP_TYPES: ReadonlySet<string> = new Set([
  ...['ip-src', 'ip-dst', 'ip-src|port', 'ip-dst|port', 'domain', 'hostname', 'hostname|port', 'domain|ip'],
  ...['url', 'ja3-fingerprint-md5', 'ja4', 'ja4-plus', 'link-url'],
]);

function readMisp(event: Json, reading: Reading, counter: { line: number }): void {
  const info = textOf(event.info);
  const group = mispGroup(event);
  const attributes = [
    ...listOf(event.Attribute),
    ...listOf(event.Object).flatMap((object) => (isRecord(object) ? listOf(object.Attribute) : [])),
  ];
  for (const attribute of attributes) {
    const line = ++counter.line;
    const type = isRecord(attribute) ? (textOf(attribute.type) ?? '') : '';
    const value = isRecord(attribute) ? textOf(attribute.value) : undefined;
    if (!isRecord(attribute) || value === undefined) {
      reading.wrong(line, 'an attribute has a type and a value');
      continue;
    }
    if (attribute.deleted === true || attribute.to_ids !== true || !MISP_TYPES.has(type)) {
      reading.unseen++;
      continue;
    }
    const facts: Facts = {
      ...labelOf(info ?? textOf(attribute.comment)),
      ...groupOf(mispGroup(attribute) ?? group),
      ...timesOf(attribute.first_seen, undefined, attribute.last_seen ?? attribute.timestamp),
    };
    if (type.endsWith('|port')) {
      const [host = '', port] = value.split('|');
      reading.take(line, withPort(foundOf(host), port), facts);
    } else
      for (const part of type === 'domain|ip' ? value.split('|') : [value]) reading.take(line, foundOf(part), facts);
  }
}

/** The threat actor that the galaxies or the tags of an event or attribute name. */
function mispGroup(of: Json): string | undefined {
  for (const galaxy of listOf(of.Galaxy)) {
    if (!isRecord(galaxy) || !/threat-actor|intrusion-set/.test(textOf(galaxy.type) ?? '')) continue;
    const [cluster] = listOf(galaxy.GalaxyCluster);
    if (isRecord(cluster)) return textOf(cluster.value);
  }
  for (const tag of listOf(of.Tag)) {
    const name = isRecord(tag) ? (textOf(tag.name) ?? '') : '';
    const group = /^misp-galaxy:(?:threat-actor|[\w-]*intrusion-set)="([^"]*)"/.exec(name)?.[1];
    if (group !== undefined) return group;
  }
  return undefined;
}

const STIX_PATHS =
  /^(?:ipv[46]-addr:value|domain-name:value|url:value|network-traffic:(?:dst|src)_ref\.value|network-traffic:.*ja[34].*)$/i;

function readStix(objects: readonly unknown[], reading: Reading): void {
  const named = new Map<string, { name: string; isGroup: boolean }>();
  for (const object of objects) {
    const name = isRecord(object) ? textOf(object.name) : undefined;
    if (!isRecord(object) || name === undefined || typeof object.id !== 'string') continue;
    if (/^(?:threat-actor|intrusion-set|malware|campaign|tool)$/.test(textOf(object.type) ?? ''))
      named.set(object.id, { name, isGroup: /^(?:threat-actor|intrusion-set)$/.test(String(object.type)) });
  }
  const behind = new Map<string, { label?: string; group?: string }>();
  for (const object of objects) {
    if (!isRecord(object) || object.type !== 'relationship' || typeof object.source_ref !== 'string') continue;
    const target = named.get(textOf(object.target_ref) ?? '');
    if (target === undefined || !/^(?:indicates|attributed-to)$/.test(textOf(object.relationship_type) ?? '')) continue;
    const known = behind.get(object.source_ref) ?? {};
    behind.set(object.source_ref, {
      ...known,
      ...(target.isGroup ? groupOf(target.name) : labelOf(target.name)),
    });
  }
  for (const [i, object] of objects.entries()) {
    if (!isRecord(object) || object.type !== 'indicator') continue;
    const line = i + 1;
    const pattern = textOf(object.pattern);
    if (object.revoked === true) {
      reading.unseen++;
      continue;
    }
    if (pattern === undefined || (object.pattern_type !== undefined && object.pattern_type !== 'stix')) {
      reading.wrong(line, `a pattern of type '${safeText(textOf(object.pattern_type) ?? '', 20)}' is not read`);
      continue;
    }
    const values = stixValues(pattern);
    if (typeof values === 'string') {
      reading.wrong(line, values);
      continue;
    }
    const facts: Facts = {
      ...labelOf(textOf(object.name)),
      ...behind.get(textOf(object.id) ?? ''),
      ...confidenceOf(typeof object.confidence === 'number' ? object.confidence : undefined),
      ...timesOf(object.valid_from, object.valid_until, undefined),
    };
    for (const { path, value, port } of values) {
      if (STIX_PATHS.test(path))
        reading.take(line, withPort(foundOf(value), port === undefined ? undefined : String(port)), facts);
      else reading.unseen++;
    }
  }
}
