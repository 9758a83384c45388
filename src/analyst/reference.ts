import { domainParts, looksBase32, looksBase64, looksHex, popularRank, shannonEntropy } from '../feature/index.ts';
import type { FlowRecord } from '../flow/index.ts';
import { type Incident, isAddress, WHOLE_TABLE } from '../incident/index.ts';

/**
 * Text from the network as typed references. A language model never sees such text: it sees `{{dns:3}}` with a description that code made of its shape
 * (length, characters, entropy, and the registered domain where that is on a list of known ones), and may write the reference into its answer. The
 * reference becomes text again where a report is written, and is escaped there like any text from outside.
 */

export const REFERENCE_KINDS = [
  'dns',
  'answer',
  'sni',
  'host',
  'request',
  'agent',
  'server',
  'user',
  'cert',
  'operation',
  'alert',
  'said',
  'threat',
  'name',
  'value',
] as const;
export type ReferenceKind = (typeof REFERENCE_KINDS)[number];

/** What the kinds are, in words for the model and for people. */
export const REFERENCE_MEANINGS: Readonly<Record<ReferenceKind, string>> = {
  dns: 'name asked of the DNS',
  answer: 'answer of the DNS',
  sni: 'server name in TLS or QUIC',
  host: 'host name',
  request: 'HTTP request',
  agent: 'software that a client names itself',
  server: 'software that a server names itself',
  user: 'user name',
  cert: 'name in a certificate',
  operation: 'commands or calls',
  alert: "name of another sensor's rule",
  said: 'message of a flag or a plugin',
  threat: 'what a threat list of yours calls it',
  name: 'name of a host or of who acts',
  value: 'text of a measure or of a row',
};

export interface NetworkReference {
  readonly kind: ReferenceKind;
  /** Number within its kind, from 1. */
  readonly number: number;
  /** As it came from outside: never for a prompt, and only escaped for people. */
  readonly text: string;
}

/** References of one incident; beyond this many, text is only said to be there. */
export const MAX_REFERENCES = 300;

/** Columns of a flow that hold text from outside. */
const FLOW_TEXTS: readonly (readonly [column: keyof FlowRecord, kind: ReferenceKind])[] = [
  ['dnsQuery', 'dns'],
  ['dnsAnswers', 'answer'],
  ['serverName', 'sni'],
  ['httpHost', 'host'],
  ['hostname', 'host'],
  ['httpRequest', 'request'],
  ['client', 'agent'],
  ['server', 'server'],
  ['user', 'user'],
  ['certificateSubject', 'cert'],
  ['certificateIssuer', 'cert'],
  ['operations', 'operation'],
];

/** Measures whose value is what somebody outside wrote, by what it is. */
const MEASURE_TEXTS: Readonly<Record<string, ReferenceKind>> = {
  'alert.signature': 'alert',
  'alert.category': 'alert',
  'flag.message': 'said',
  'plugin.message': 'said',
  'dns-tunnel.domain': 'dns',
  'dga.examples': 'dns',
  'threat-list.label': 'threat',
  'threat-list.group': 'threat',
};

/** Values of measures that code chose from a fixed list, and that so are no text from outside. */
const FIXED_VALUES: ReadonlySet<string> = new Set([
  'target',
  'victim',
  'source',
  'inside',
  'outside',
  'inside to inside',
  'inside to outside',
  'outside to inside',
  'outside to outside',
  'initiator',
  'responder',
  'yes',
  'no',
  'info',
  'low',
  'medium',
  'high',
  'critical',
]);

export function isFixedValue(value: string): boolean {
  return FIXED_VALUES.has(value);
}

/** The references of an incident: the same incident always gives the same ones, so they need not be kept beside it. */
export class References {
  readonly all: readonly NetworkReference[];
  #byText: ReadonlyMap<string, NetworkReference>;
  #byKey: ReadonlyMap<string, NetworkReference>;

  constructor(incident: Incident) {
    const byText = new Map<string, NetworkReference>();
    const counts = new Map<ReferenceKind, number>();
    const add = (kind: ReferenceKind, text: unknown): void => {
      if (typeof text !== 'string' || text === '' || byText.size >= MAX_REFERENCES) return;
      const key = `${kind} ${text}`;
      if (byText.has(key)) return;
      const number = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, number);
      byText.set(key, { kind, number, text });
    };
    const name = (address: string | undefined): void => {
      if (address !== undefined && address !== WHOLE_TABLE && !isAddress(address)) add('name', address);
    };
    for (const host of [...incident.actors, ...incident.peers]) name(host.address);
    for (const detection of incident.detections) {
      name(detection.actor);
      detection.peers.forEach(name);
    }
    for (const item of incident.evidence) {
      if (item.type === 'measure') {
        if (typeof item.value === 'string' && !isFixedValue(item.value) && !isAddress(item.value))
          add(MEASURE_TEXTS[item.name] ?? 'value', item.value);
      } else if (item.type === 'flow') {
        name(item.flow.initiator);
        name(item.flow.responder);
        for (const [column, kind] of FLOW_TEXTS) add(kind, item.flow[column]);
      } else for (const value of Object.values(item.values)) if (!isAddress(String(value))) add('value', value);
    }
    this.#byText = byText;
    this.all = [...byText.values()];
    this.#byKey = new Map(this.all.map((reference) => [referenceKey(reference), reference]));
  }

  /** By 'dns:3'. */
  get(key: string): NetworkReference | undefined {
    return this.#byKey.get(key);
  }

  of(kind: ReferenceKind, text: string | undefined): NetworkReference | undefined {
    return text === undefined ? undefined : this.#byText.get(`${kind} ${text}`);
  }

  /** Those of the text columns of a flow. */
  ofFlow(flow: FlowRecord): NetworkReference[] {
    return FLOW_TEXTS.flatMap(([column, kind]) => {
      const value = flow[column];
      return typeof value === 'string' ? (this.of(kind, value) ?? []) : [];
    });
  }

  ofMeasure(name: string, value: string): NetworkReference | undefined {
    return this.of(MEASURE_TEXTS[name] ?? 'value', value);
  }

  /** Of what stands where an address should. */
  ofHost(text: string | undefined): NetworkReference | undefined {
    return this.of('name', text);
  }
}

/** 'dns:3'. */
export function referenceKey({ kind, number }: NetworkReference): string {
  return `${kind}:${number}`;
}

/** '{{dns:3}}'. */
export function referenceMark(reference: NetworkReference): string {
  return `{{${referenceKey(reference)}}}`;
}

/** Anything that looks like a reference, the broken ones too. */
export const REFERENCE_PATTERN = /\{\{([^{}]*)\}\}/g;

/** A list of popular domains. */
export interface PopularDomains {
  /** From 1; undefined for a domain that is not on it. */
  rankOfDomain(domain: string): number | undefined;
}

export interface DescribeOptions {
  /** Registrable domains that may be named: the operator's own list. */
  readonly knownDomains?: ReadonlySet<string>;
  /** Those of the operator's threat lists. */
  readonly listedDomains?: ReadonlySet<string>;
  /** Default: the list that ships. */
  readonly popular?: PopularDomains;
  /** Leaves out what would tell the domain. */
  readonly hideDomains?: boolean;
}

/** Kinds whose text is a domain name. */
const DOMAIN_KINDS: ReadonlySet<ReferenceKind> = new Set(['dns', 'sni', 'host']);

/** What may be said of a text without saying the text: '34 characters, lower-case letters and digits, entropy 3.9 bits, 4 labels, no known domain'. */
export function describeReference({ kind, text }: NetworkReference, options: DescribeOptions = {}): string {
  const { hideDomains = false } = options;
  const entropy = shannonEntropy(text);
  const parts = [`${text.length} characters`, characterSet(text), `entropy ${entropy.toFixed(1)} bits`];
  const first = text.split('.', 1)[0] ?? '';
  if (looksHex(first)) parts.push('like hex data');
  else if (looksBase32(first)) parts.push('like Base32 data');
  else if (looksBase64(first)) parts.push('like Base64 data');
  if (DOMAIN_KINDS.has(kind)) {
    const found = domainParts(text);
    if (found !== undefined) {
      parts.push(`${text.split('.').length} labels`);
      if (text.toLowerCase().includes('xn--')) parts.push('Punycode');
      if (!hideDomains && found.domain !== undefined) parts.push(knownDomain(found.domain, options));
    }
  }
  return parts.join(', ');
}

function knownDomain(domain: string, { knownDomains, listedDomains, popular }: DescribeOptions): string {
  // Only a text that a list holds is repeated, and a list of names holds names alone.
  if (!/^[a-z0-9.-]{1,80}$/.test(domain)) return 'not a known domain';
  if (knownDomains?.has(domain) === true) return `under ${domain}, a domain of your list`;
  if (listedDomains?.has(domain) === true && isShortName(domain))
    return `under ${domain}, a domain of a threat list of yours`;
  const rank = popular === undefined ? popularRank(domain) : popular.rankOfDomain(domain);
  return rank === undefined ? 'not a popular domain' : `under ${domain}, popular (rank ${rank})`;
}

/** Whoever gets a domain onto a public list could write a sentence with it; what is as short as this says nothing. */
function isShortName(domain: string): boolean {
  return domain.length <= 32 && domain.split('-').length <= 2;
}

function characterSet(text: string): string {
  const has = [
    /[a-z]/.test(text) && 'lower-case letters',
    /[A-Z]/.test(text) && 'capitals',
    /[0-9]/.test(text) && 'digits',
    /[^a-zA-Z0-9.\-_]/.test(text) && 'other characters',
  ].filter((part) => part !== false);
  return has.length === 0 ? 'dots and dashes' : has.join(' and ');
}

/** A text with references, in pieces: own words, and references with what they stand for (undefined where the incident has none such). */
export type ResolvedPiece =
  | { readonly type: 'words'; readonly text: string }
  | { readonly type: 'reference'; readonly mark: string; readonly reference: NetworkReference | undefined };

export function resolveReferences(text: string, references: References): ResolvedPiece[] {
  const pieces: ResolvedPiece[] = [];
  let from = 0;
  for (const match of text.matchAll(REFERENCE_PATTERN)) {
    if (match.index > from) pieces.push({ type: 'words', text: text.slice(from, match.index) });
    pieces.push({ type: 'reference', mark: match[0], reference: references.get(match[1] ?? '') });
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push({ type: 'words', text: text.slice(from) });
  return pieces;
}
