import { parse } from 'tldts';
import { shannonEntropy } from './text-shape.ts';

/**
 * Names of the DNS taken apart by the public suffix list (publicsuffix.org, as the package tldts carries it).
 *
 * The list has two parts. The ICANN part is what registries sell under: com, co.uk. The private part is what companies let their customers have names
 * under: cloudfront.net, github.io, duckdns.org. By default only the ICANN part counts, so `d3f8.cloudfront.net` belongs to `cloudfront.net`: whose
 * service it is, which is what popularity and a judgement of the name ask for. With `privateSuffixes` each customer is a domain of its own: who is
 * behind it, which is what counting the subdomains of one owner asks for.
 */
export interface DomainOptions {
  /** Count the private part of the list too. Default false. */
  readonly privateSuffixes?: boolean;
}

/** RFC 1035 section 2.3.4: a name is at most 253 characters as text. Longer texts are no names. */
const MAX_NAME = 253;

/** Lower case, without the root's dot and a port, as far as that is plain. Undefined for what is no name: empty, too long, an address, blanks or controls in it. */
export function normalName(name: string): string | undefined {
  let text = name.length > MAX_NAME + 7 ? name.slice(0, MAX_NAME + 7) : name;
  const colon = text.lastIndexOf(':');
  if (colon >= 0 && /^:\d{1,5}$/.test(text.slice(colon))) text = text.slice(0, colon);
  if (text.endsWith('.')) text = text.slice(0, -1);
  if (text.length === 0 || text.length > MAX_NAME) return undefined;
  const letters = lettersOf(text);
  if (letters === NO_NAME) return undefined;
  // A name that begins with a digit is an address now and then.
  if (isDigit(text.charCodeAt(0)) && /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return undefined;
  return letters === LOWER ? text : text.toLowerCase();
}

const NO_NAME = 0;
const LOWER = 1;
const OTHER = 2;

/** Whether a text can be a name (no label before the last is empty, no character is a blank, a control, or one of `/:@[]`), and if so whether it is in lower case as it stands. */
function lettersOf(text: string): number {
  let previous = DOT;
  let letters = LOWER;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT && previous === DOT) return NO_NAME;
    if (code <= 0x20 || code === 0x7f || code === 0x2f || code === 0x3a || code === 0x40) return NO_NAME;
    if (code === 0x5b || code === 0x5d) return NO_NAME;
    if (code > 0x7f || (code >= 0x41 && code <= 0x5a)) letters = OTHER;
    previous = code;
  }
  return letters;
}

const DOT = 0x2e;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** A name in its parts. */
export interface DomainParts {
  /** The whole name, normalised. */
  readonly name: string;
  /** com, co.uk; '' for a name of a single label. */
  readonly suffix: string;
  /** The label that was registered and the suffix: example.co.uk. Undefined where the name is a suffix itself or a single label. */
  readonly domain: string | undefined;
  /** The label that was registered alone: example. */
  readonly label: string | undefined;
  /** What stands before the domain: www, a.b; '' where nothing does. */
  readonly subdomain: string;
  /** True where the suffix is on the ICANN part of the list, so the name can exist on the Internet; false for .local, .lan and the like. */
  readonly known: boolean;
}

const PARSE = { validateHostname: false, extractHostname: false, detectIp: false, detectSpecialUse: false } as const;
const PARSE_WHOLE = { ...PARSE, allowPrivateDomains: true } as const;
const PARSE_ICANN = { ...PARSE, allowPrivateDomains: false } as const;

/** The parts of a name, or undefined where the text is no name (see `normalName`). */
export function domainParts(text: string, options: DomainOptions = {}): DomainParts | undefined {
  const { privateSuffixes = false } = options;
  const name = normalName(text);
  if (name === undefined) return undefined;
  const found = parse(name, privateSuffixes ? PARSE_WHOLE : PARSE_ICANN);
  const known = found.isIcann === true || found.isPrivate === true;
  const suffix = found.publicSuffix ?? '';
  if (found.domain === null || !name.includes('.'))
    return {
      name,
      suffix: name.includes('.') ? suffix : '',
      domain: undefined,
      label: undefined,
      subdomain: '',
      known,
    };
  return {
    name,
    suffix,
    domain: found.domain,
    label: found.domainWithoutSuffix ?? undefined,
    subdomain: found.subdomain ?? '',
    known,
  };
}

/** A name with its domains by both readings of the list. */
export interface OwnerAndDomain {
  /** The whole name, normalised. */
  readonly name: string;
  /** The domain by the whole list, where each customer of a provider is one of its own; undefined for a suffix or a single label. */
  readonly owner: string | undefined;
  /** The domain by its ICANN part alone. */
  readonly domain: string | undefined;
  /** What stands before the owner; '' where nothing does, or nobody owns it. */
  readonly subdomain: string;
}

/** Both readings of a name, by one look at the list for all names but those of customers; undefined where the text is no name (see `normalName`). */
export function ownerAndDomain(text: string): OwnerAndDomain | undefined {
  const name = normalName(text);
  if (name === undefined) return undefined;
  if (!name.includes('.')) return { name, owner: undefined, domain: undefined, subdomain: '' };
  const { domain: owner, subdomain, isPrivate } = parse(name, PARSE_WHOLE);
  // Where no rule of a company holds, those of the registries are the only ones.
  const domain = isPrivate === true ? parse(name, PARSE_ICANN).domain : owner;
  return { name, owner: owner ?? undefined, domain: domain ?? undefined, subdomain: subdomain ?? '' };
}

/** The domain that was registered, with its public suffix: example.co.uk for www.example.co.uk. Undefined for addresses, suffixes and single labels. */
export function registrableDomain(name: string, options: DomainOptions = {}): string | undefined {
  return domainParts(name, options)?.domain;
}

/** What stands before the registrable domain, '' where nothing does; undefined where there is no registrable domain. */
export function subdomainOf(name: string, options: DomainOptions = {}): string | undefined {
  const parts = domainParts(name, options);
  return parts?.domain === undefined ? undefined : parts.subdomain;
}

/** The public suffix: co.uk for www.example.co.uk. Undefined where the text is no name or one label only. */
export function publicSuffix(name: string, options: DomainOptions = {}): string | undefined {
  const suffix = domainParts(name, options)?.suffix;
  return suffix === '' ? undefined : suffix;
}

/** The labels of a name from left to right; empty for what is no name. */
export function labelsOf(name: string): string[] {
  return normalName(name)?.split('.') ?? [];
}

/**
 * The highest Shannon entropy among the labels of a name but those of its public suffix, bits per character. A tunnel hides in one label; the mean over
 * all would hide the tunnel. NaN where there is none.
 */
export function labelEntropy(name: string, options: DomainOptions = {}): number {
  const parts = domainParts(name, options);
  if (parts === undefined) return Number.NaN;
  return partsLabelEntropy(parts);
}

/** As `labelEntropy`, of a name that is already in its parts. */
export function partsLabelEntropy(parts: DomainParts): number {
  let most = Number.NaN;
  for (const label of ownLabels(parts)) {
    const bits = shannonEntropy(label);
    if (!(bits <= most)) most = bits;
  }
  return most;
}

/** The labels that are not of the public suffix. */
export function ownLabels(parts: DomainParts): string[] {
  if (parts.domain === undefined) return parts.suffix === '' ? [parts.name] : [];
  return parts.subdomain === '' ? [parts.label ?? ''] : [...parts.subdomain.split('.'), parts.label ?? ''];
}
