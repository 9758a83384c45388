/**
 * Logins as the protocols with names and passwords show them. A name is kept, the password is read only to find its end: no function of this floor returns
 * one, nor anything that was computed from it.
 */

/** 'unknown' where the answer was not seen. */
export type LoginOutcome = 'accepted' | 'refused' | 'unknown';

export interface Login {
  /** The name as it was sent; undefined when none was seen in full. */
  readonly user: string | undefined;
  /** How: 'PASS', 'APOP', 'LOGIN', 'PLAIN', 'CRAM-MD5', ...; 'other' for a mechanism that is not in our table. */
  readonly method: string;
  /** True when the password itself crossed the wire for anyone to read, base64 included. */
  readonly isCleartext: boolean;
  readonly outcome: LoginOutcome;
}

/** A login as the client's side alone shows it. */
export interface LoginAttempt {
  readonly user: string | undefined;
  readonly method: string;
  readonly isCleartext: boolean;
  /** Which of the commands of the client it was, from 0: the answer to it is the one with the same number. */
  readonly command: number;
}

/** No more logins of one connection are listed. */
export const MAX_LOGINS = 64;

/** What the two sides of a connection show together. */
export interface LoginSession {
  /** In order, at most 64. */
  readonly logins: readonly Login[];
  /** The connection went over to TLS; whatever came later is not readable. */
  readonly isTls: boolean;
}

/** Attempts with the outcome that `outcomeOf` says for each command number. */
export function withOutcomes(
  attempts: readonly LoginAttempt[],
  outcomeOf: (command: number, method: string) => LoginOutcome,
): Login[] {
  return attempts.map(({ user, method, isCleartext, command }) => ({
    user,
    method,
    isCleartext,
    outcome: outcomeOf(command, method),
  }));
}

/** 'login bob by PASS accepted'. */
export function summarizeLogin(login: Login | LoginAttempt): string {
  const outcome = 'outcome' in login ? ` ${login.outcome}` : '';
  return `login ${login.user ?? '(name not seen)'} by ${login.method}${login.isCleartext ? ' in the clear' : ''}${outcome}`;
}
