import type { FlowBatch } from '../flow/index.ts';
import type { LoginService } from './service.ts';
import { classesOf, Told } from './told.ts';

/**
 * Which flows are logins over HTTP: a form that is handed in where a web program takes logins (POST or PUT to a target that ends in login, signin, auth ...), or credentials of the protocol's own
 * (Basic, Digest, NTLM) that the server refused. Every other request is none, whatever its shape: pages, calls of programs to each other, and the question for credentials (401) that every
 * browser gets before it sends any.
 */
export const WEB_LOGIN: LoginService = { name: 'http', clientBytes: 4_000, serverBytes: 64_000, chatty: false };

/** Last part of a path, or a value in the query (`?action=login`), by which web programs take logins. */
const TAKES_LOGINS =
  /(?:[/=]|%2f)(?:[\w.-]{0,24}[-_.])?(?:log-?in|log-?on|sign-?in|sign_in|dologin|checklogin|userlogin|auth|authenticate|authentication|sessions?|j_security_check|j_spring_security_check)(?:[-_][\w-]{0,24})?(?:\.(?:php\d?|aspx?|jsp|do|action|cgi|html?|owa|cfm|json))?\/?(?=$|[?&#;])/i;
const HANDS_IN = /^(?:POST|PUT) /;

/** The rows of a batch, each different request looked at once. */
export class WebLogins {
  readonly #batch: FlowBatch;
  readonly #takes: Told;
  readonly #refused: Uint8Array;
  readonly #isHttp: Uint8Array;

  constructor(batch: FlowBatch) {
    this.#batch = batch;
    this.#takes = new Told(batch.httpRequest, takesLogin);
    this.#refused = classesOf(batch.login, (outcome) => outcome === 'refused');
    this.#isHttp = classesOf(batch.service, (service) => service === 'http');
  }

  isLogin(row: number): boolean {
    const { httpRequest, login, service } = this.#batch;
    if ((httpRequest.codes[row] as number) < 0 || this.#isHttp[(service.codes[row] as number) + 1] === 0) return false;
    return this.#refused[(login.codes[row] as number) + 1] === 1 || this.#takes.at(row);
  }

  /** Whether the server said no: 401, 403 and 407, or credentials that it did not take. */
  isRefused(row: number): boolean {
    const { httpStatus, login } = this.#batch;
    const status = httpStatus.values[row];
    return status === 401 || status === 403 || status === 407 || this.#refused[(login.codes[row] as number) + 1] === 1;
  }
}

/** @param request method and target, as the column `httpRequest` has them. */
export function takesLogin(request: string): boolean {
  return HANDS_IN.test(request) && TAKES_LOGINS.test(request.slice(request.indexOf(' ') + 1));
}
