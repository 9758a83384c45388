import { type Few, fewAdd, fewHas, fewSize } from '../core/index.ts';
import { operationsOf } from './case.ts';

/**
 * Tickets that are asked for to guess passwords from them elsewhere.
 *
 * A ticket is encrypted with the key of the account that it is for; whoever has one tries passwords on it at leisure. Two ways are known. "Kerberoasting" asks for tickets to services that run
 * under accounts of people (MSSQLSvc/..., HTTP/...), one after the other; "AS-REP roasting" begins logins under many names, to find those that are given an answer without pre-authentication. Both
 * want the cipher that is quickest to guess, RC4, before any other, which programs of our days do not: they want AES.
 */

/** Bits of what the operations of one flow of Kerberos tell. */
export const TICKET_NONE = 0;
/** A ticket to the service of an account, RC4 or DES wanted first. */
export const TICKET_WEAK = 1;
/** Any other ticket to a service. */
export const TICKET_STRONG = 2;
/** A login was begun, RC4 or DES wanted first, and no key was shown. */
export const TICKET_PROBE = 4;
/** A login in which a key was shown, right or wrong. */
export const TICKET_PROVED = 8;
/** The server gave nothing. */
export const TICKET_REFUSED = 16;

const WEAK = /^(rc4|des)-/;
/** Services of a machine run under its own account, whose password is 120 random characters. */
const OF_MACHINES =
  /^(host|cifs|ldap|gc|dns|rpcss|rpc|termsrv|wsman|restrictedkrbhost|dfsr|ntfrs|krbtgt|kadmin|protectedstorage|hyper-v|nfs|ftp|afs[^/]*|[0-9a-f]{8}-)/i;

/** What one flow of Kerberos tells, as bits. */
export function ticketsOf(text: string): number {
  if (!text.includes('AS ') && !text.includes('TGS ')) return TICKET_NONE;
  const operations = operationsOf(text);
  let told = TICKET_NONE;
  const errors = operations.filter((operation) => /^(KDC|KRB)_/.test(operation));
  const isDelegated = operations.some((operation) => operation.startsWith('S4U2'));
  for (const [i, operation] of operations.entries()) {
    const wantsWeak = WEAK.test(operations[i + 1] ?? '');
    if (operation.startsWith('TGS '))
      told |= wantsWeak && !isDelegated && isOfAccount(operation.slice(4)) ? TICKET_WEAK : TICKET_STRONG;
    else if (operation.startsWith('AS ') && wantsWeak) told |= TICKET_PROBE;
  }
  if (operations.some((operation) => operation.startsWith('AS '))) {
    const isOpen = operations.includes('AS-REP without pre-authentication');
    const isAsked = errors.length === 1 && errors[0] === 'KDC_ERR_PREAUTH_REQUIRED';
    if (!isOpen && !isAsked) told = (told & ~TICKET_PROBE) | TICKET_PROVED;
  }
  if (errors.length > 0) told |= TICKET_REFUSED;
  return told;
}

/** Whether a service is one of an account of a person: by its class, or named by the account itself, as tools do. */
function isOfAccount(service: string): boolean {
  if (service === '?' || OF_MACHINES.test(service)) return false;
  // Machines have a dollar at the end.
  return !service.endsWith('$');
}

/** Services of the weak tickets that were asked for. */
export function* weakServices(text: string): Generator<string> {
  const operations = operationsOf(text);
  for (const [i, operation] of operations.entries()) {
    if (!operation.startsWith('TGS ') || !WEAK.test(operations[i + 1] ?? '')) continue;
    const service = operation.slice(4);
    if (isOfAccount(service)) yield service;
  }
}

/** Names that are told apart. */
export const MOST_TICKET_NAMES = 32;

/** Different names within a time, of a run of flows: the most that were seen. */
export class NameBurst {
  readonly #windowMs: number;
  #names: Few<string>;
  #sinceMs = Number.NEGATIVE_INFINITY;
  most = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(name: string, startMs: number): void {
    if (Math.abs(startMs - this.#sinceMs) > this.#windowMs) {
      this.#names = undefined;
      this.#sinceMs = startMs;
    }
    if (fewHas(this.#names, name) || fewSize(this.#names) >= MOST_TICKET_NAMES) return;
    this.#names = fewAdd(this.#names, name);
    this.most = Math.max(this.most, fewSize(this.#names));
  }
}
