import { fingerprint } from '../core/index.ts';
import { isAddress } from '../incident/index.ts';
import { parseAddress } from '../wire/index.ts';
import { type NetworkReference, referenceKey, referenceMark } from './reference.ts';

/**
 * What a language model is told of who is who. `none`: addresses and hardware addresses as they are, names as references with a description that may name
 * a popular domain; `addresses`: addresses as pseudonyms; `all`: addresses and names as pseudonyms, and no domain is named.
 */
export const REDACTIONS = ['none', 'addresses', 'all'] as const;
export type Redaction = (typeof REDACTIONS)[number];

/** HOST-3fa91c, MAC-..., NAME-...: what stands for an address, a hardware address, a name. */
export const PSEUDONYM_PATTERN = /(?<![\w-])(?:HOST|MAC|NAME)-[0-9a-f]{6,}(?![\w-])/gi;

/** A hardware address, an IPv4 address (a port or a colon may follow), or what may be an IPv6 address, with the colon of the sentence behind it. */
const ADDRESS_TOKEN =
  /(?<![\w.-])(?:(?<!:)[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![\w-]|:[0-9a-f])|(?<![0-9a-f:]:)\d+\.\d+\.\d+\.\d+(?![\w-]|\.\d)|(?<!:)(?=[0-9a-f:.]*:[0-9a-f]*:)[0-9a-f:][0-9a-f:.]*[0-9a-f:](?![\w-]))/gi;

/** Pseudonyms and addresses that are remembered at most; what comes after has a pseudonym that can't be turned back, which fails the check. */
const MAX_KNOWN = 100_000;

/**
 * Stable pseudonyms: made with a key of the run, so the same address has the same one in all incidents of the run, in whatever order they come, and nobody
 * without the key can compute it. Keep one instance for a run.
 */
export class Pseudonyms {
  readonly profile: Redaction;
  #key: string;
  #shown = new Map<string, string>();
  #meant = new Map<string, string>();

  constructor(profile: Redaction, key: string) {
    this.profile = profile;
    this.#key = key;
  }

  /** An address (IP or MAC) as the model may see it. What is no address comes back as it is. */
  address(text: string): string {
    if (this.profile === 'none' || !isAddress(text)) return text;
    return this.#of(parseAddress(text) === undefined ? 'MAC' : 'HOST', text.toLowerCase(), text);
  }

  /** A name's pseudonym, the same for the same text in every incident; undefined where names have none. */
  name(reference: NetworkReference): string | undefined {
    return this.profile === 'all' ? this.#of('NAME', `${reference.kind} ${reference.text}`, '') : undefined;
  }

  /** Every address in a text of our own. */
  hide(text: string): string {
    if (this.profile === 'none') return text;
    return text.replace(ADDRESS_TOKEN, (token) => {
      // Of 'fe80::1: 3 flows' the last colon is the sentence's; of 'fe80::' it is the address's.
      const end = isAddress(token) ? '' : (/[.:]+$/.exec(token)?.[0] ?? '');
      return this.address(token.slice(0, token.length - end.length)) + end;
    });
  }

  /** Pseudonyms back to addresses, and those of names back to the references of this incident; an unknown one stays as it is. */
  restore(text: string, references: readonly NetworkReference[] = []): string {
    if (this.profile === 'none') return text;
    const names = new Map(references.map((one) => [this.name(one)?.toLowerCase(), referenceMark(one)]));
    return text.replace(PSEUDONYM_PATTERN, (token) => {
      const key = token.toLowerCase();
      return names.get(key) ?? (this.#meant.get(key) || token);
    });
  }

  #of(kind: 'HOST' | 'MAC' | 'NAME', identity: string, meant: string): string {
    const known = this.#shown.get(`${kind} ${identity}`);
    if (known !== undefined) return known;
    const digits = fingerprint({ key: this.#key, kind, identity }, 32);
    let length = 6;
    while (length < digits.length && this.#meant.has(`${kind}-${digits.slice(0, length)}`.toLowerCase())) length++;
    const pseudonym = `${kind}-${digits.slice(0, length)}`;
    if (this.#shown.size < MAX_KNOWN) {
      this.#shown.set(`${kind} ${identity}`, pseudonym);
      this.#meant.set(pseudonym.toLowerCase(), meant);
    }
    return pseudonym;
  }
}

/** '{{dns:3}}', or '{{dns:3}} (NAME-3fa91c)' where names have pseudonyms. */
export function shownReference(reference: NetworkReference, pseudonyms: Pseudonyms): string {
  const name = pseudonyms.name(reference);
  return `{{${referenceKey(reference)}}}${name === undefined ? '' : ` (${name})`}`;
}
