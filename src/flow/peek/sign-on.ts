import type { GssToken, NtlmMessage } from '../../wire/index.ts';
import { FACT, type PeekContext } from './peek.ts';

/** Sign-ons by GSS-API tokens, as SMB, DCE-RPC and LDAP carry them: who signs on, from which computer, with what software; and how it went. */

/** A sign-on under way. */
export interface SignOn {
  /** 'ntlmv2', 'ntlm', 'kerberos cifs/dc1', 'anonymous', ... */
  readonly how: string;
  /** 'CORP\alice'; undefined where the name is hidden, as in Kerberos, or not sent. */
  readonly user: string | undefined;
  readonly isAnonymous: boolean;
}

/**
 * Reads a token of either side into the flow's facts: the computer's name and software of the client, the software of the server, the user.
 * @returns the sign-on when this is the token that shows who signs on, else undefined (the first and second of NTLM, mere mechanism lists).
 */
export function noteToken(context: PeekContext, token: GssToken | undefined): SignOn | undefined {
  if (token?.ntlm !== undefined) return noteNtlm(context, token.ntlm);
  if (token?.kerberos?.type !== 'AP-REQ') return undefined;
  const { service } = token.kerberos;
  return { how: service === undefined ? 'kerberos' : `kerberos ${service}`, user: undefined, isAnonymous: false };
}

function noteNtlm(context: PeekContext, ntlm: NtlmMessage): SignOn | undefined {
  if (ntlm.type === 'challenge') {
    context.note(FACT.server, softwareOf(ntlm));
    return undefined;
  }
  context.note(FACT.hostname, ntlm.workstation);
  context.note(FACT.client, softwareOf(ntlm));
  if (ntlm.type === 'negotiate') return undefined;
  if (ntlm.response === 'anonymous') return { how: 'anonymous', user: undefined, isAnonymous: true };
  const user = accountName(ntlm.domain, ntlm.user);
  context.note(FACT.user, user);
  return { how: ntlm.response ?? 'ntlm', user, isAnonymous: false };
}

/** Windows tells its build; others fill in the version of some Windows and leave the build 0. */
function softwareOf(ntlm: NtlmMessage): string | undefined {
  if (ntlm.osVersion === undefined) return undefined;
  return ntlm.osVersion.endsWith('.0') ? `NTLM ${ntlm.osVersion}` : `Windows ${ntlm.osVersion}`;
}

/** 'CORP\alice', or 'alice' without a domain. */
export function accountName(domain: string | undefined, user: string | undefined): string | undefined {
  if (user === undefined || user === '') return undefined;
  return domain === undefined || domain === '' ? user : `${domain}\\${user}`;
}

/**
 * Notes how a sign-on goes. The flow's `user` is the first that was tried, so the outcome of another one's sign-on is none of `login`; an anonymous session is
 * no login either.
 */
export function noteLogin(
  context: PeekContext,
  signOn: SignOn | undefined,
  outcome: 'accepted' | 'refused' | 'unknown',
): void {
  if (signOn === undefined || signOn.isAnonymous || !isFirstUser(context, signOn)) return;
  if (outcome !== 'unknown' || !context.has(FACT.login)) context.word(FACT.login, outcome);
}

/** Whether the sign-on is that of the flow's `user`. */
export function isFirstUser(context: PeekContext, signOn: SignOn): boolean {
  return context.text(FACT.user) === signOn.user;
}
