import { type Few, fewAdd, fewHas, fewSize, humanCount, textAt } from '../core/index.ts';
import type { FlowBatch } from '../flow/index.ts';
import { Judged, operationsOf } from './case.ts';
import type { LoginService } from './service.ts';
import { classesOf } from './told.ts';

/**
 * Which flows are logins to Kerberos that were refused for their name or their password. The key distribution center says so in plain text (RFC 4120 section 7.5.9), whatever the size of the
 * messages: PREAUTH_FAILED for a wrong password, C_PRINCIPAL_UNKNOWN for a name that does not exist, CLIENT_REVOKED for an account that is locked or disabled. Every other refusal (a clock that is
 * wrong, a cipher that nobody has, an expired password) is no guess, and neither is the question for pre-authentication that every login begins with.
 */
export const KERBEROS_LOGIN: LoginService = {
  name: 'kerberos',
  clientBytes: 8_000,
  serverBytes: 8_000,
  chatty: false,
};

/** From so many names on it is no single program with an old password. */
export const MIN_KERBEROS_NAMES = 3;

export const KERBEROS_NONE = 0;
export const KERBEROS_ACCEPTED = 1;
export const KERBEROS_WRONG = 2;
export const KERBEROS_UNKNOWN_NAME = 3;

/** The rows of a batch, each different list of operations looked at once. */
export class KerberosLogins {
  readonly #isKerberos: Uint8Array;
  readonly #services: ArrayLike<number>;
  readonly #outcomes: Judged<number>;
  readonly #logins: ArrayLike<number>;
  readonly #isAccepted: Uint8Array;

  constructor(batch: FlowBatch) {
    this.#isKerberos = classesOf(batch.service, (service) => service === 'kerberos');
    this.#services = batch.service.codes;
    this.#outcomes = new Judged(batch.operations, refusalOf, KERBEROS_NONE);
    this.#logins = batch.login.codes;
    this.#isAccepted = classesOf(batch.login, (outcome) => outcome === 'accepted');
  }

  is(row: number): boolean {
    return this.#isKerberos[(this.#services[row] as number) + 1] === 1;
  }

  /** Of a row that `is` one. A name or password that was corrected within the connection was accepted. */
  outcomeAt(row: number): number {
    if (this.#isAccepted[(this.#logins[row] as number) + 1] === 1) return KERBEROS_ACCEPTED;
    return this.#outcomes.at(row);
  }
}

function refusalOf(text: string): number {
  if (!text.includes('KDC_ERR_')) return KERBEROS_NONE;
  const operations = operationsOf(text);
  if (!operations.some((operation) => operation.startsWith('AS '))) return KERBEROS_NONE;
  if (operations.includes('KDC_ERR_PREAUTH_FAILED') || operations.includes('KDC_ERR_CLIENT_REVOKED'))
    return KERBEROS_WRONG;
  return operations.includes('KDC_ERR_C_PRINCIPAL_UNKNOWN') ? KERBEROS_UNKNOWN_NAME : KERBEROS_NONE;
}

/** Names that are told apart, of one client at one server. */
const MOST_NAMES = 32;

/** What is known of the refused logins of one client at one server, beside their number. */
export class KerberosTally {
  accepted = 0;
  wrong = 0;
  unknownNames = 0;
  isUdp = false;
  #names: Few<string>;
  moreNames = false;

  add(batch: FlowBatch, row: number, outcome: number): void {
    if (outcome === KERBEROS_WRONG) this.wrong++;
    else this.unknownNames++;
    this.isUdp = textAt(batch.protocol, row) === 'udp';
    const name = textAt(batch.user, row);
    if (name === undefined || fewHas(this.#names, name)) return;
    if (fewSize(this.#names) < MOST_NAMES) this.#names = fewAdd(this.#names, name);
    else this.moreNames = true;
  }

  get refused(): number {
    return this.wrong + this.unknownNames;
  }

  /** At most 32: there may be more where `moreNames`. */
  get names(): number {
    return fewSize(this.#names);
  }

  /** A server that logs in for its users is mostly right. */
  get isMostlyRefused(): boolean {
    return this.refused > this.accepted;
  }

  sentence(): string {
    const { names } = this;
    const told =
      names === 0
        ? ''
        : `, under ${this.moreNames ? 'more than ' : ''}${humanCount(names)} ${names === 1 ? 'name' : 'names'}`;
    const parts = [
      ...(this.unknownNames > 0 ? [`there was no such name (${humanCount(this.unknownNames)} times)`] : []),
      ...(this.wrong > 0 ? [`the password was wrong or the account locked (${humanCount(this.wrong)} times)`] : []),
    ];
    const after = this.accepted > 0 ? ` It accepted ${humanCount(this.accepted)} others since the first refusal.` : '';
    return `The server said no to every one of them${told}: ${parts.join(', or ')}.${after}`;
  }
}
