import { utf8Bytes, wireText } from './bytes.ts';
import { decimal, skipSpace, wordEnd } from './line.ts';

/** Syslog: RFC 3164 (as found in the field) and RFC 5424; one message per UDP payload, framed by octet count or line end over TCP (RFC 6587). */

const FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'ntp',
  'audit',
  'alert',
  'clock',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;
const SEVERITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MAX_PRIORITY = 191;
const MAX_NAME = 64;

export interface SyslogMessage {
  /** 0 to 191: facility times 8 plus severity. */
  readonly priority: number;
  readonly facility: (typeof FACILITIES)[number];
  readonly severity: (typeof SEVERITIES)[number];
  readonly format: 'rfc3164' | 'rfc5424';
  /** As the sender calls itself; undefined where the header has none. */
  readonly host: string | undefined;
  /** APP-NAME, or the tag before ':' or '['. */
  readonly application: string | undefined;
}

/** The message at [at, end); undefined when it has no priority. What it says is not kept. */
export function decodeSyslog(bytes: Uint8Array, at: number, end: number): SyslogMessage | undefined {
  const stop = Math.min(end, bytes.length);
  let here = skipCount(bytes, at, stop);
  if (bytes[here] !== 0x3c || stop - here < 4) return undefined;
  const close = bytes.subarray(here, Math.min(stop, here + 5)).indexOf(0x3e);
  const priority = close < 2 ? -1 : decimal(bytes, here + 1, here + close);
  // No zeros in front (RFC 5424 section 6.2.1).
  if (priority < 0 || priority > MAX_PRIORITY || (bytes[here + 1] === 0x30 && close > 2)) return undefined;
  here += close + 1;
  const common = { priority, facility: FACILITIES[priority >> 3], severity: SEVERITIES[priority & 7] };
  if (bytes[here] === 0x31 && bytes[here + 1] === 0x20 && here + 1 < stop) {
    const time = wordEnd(bytes, here + 2, stop);
    const host = wordEnd(bytes, time + 1, stop);
    const application = wordEnd(bytes, host + 1, stop);
    return {
      ...common,
      format: 'rfc5424',
      host: field(bytes, time + 1, host),
      application: field(bytes, host + 1, application),
    };
  }
  const afterTime = skipTime(bytes, here, stop);
  // Local senders leave the host out: then the tag comes first.
  const first = wordEnd(bytes, afterTime, stop);
  const firstTag = tagEnd(bytes, afterTime, first);
  if (afterTime === here || firstTag >= 0)
    return { ...common, format: 'rfc3164', host: undefined, application: tag(bytes, afterTime, stop) };
  const second = skipSpace(bytes, first, stop);
  return {
    ...common,
    format: 'rfc3164',
    host: field(bytes, afterTime, first),
    application: tag(bytes, second, stop),
  };
}

/** '<34>' may have its octet count and a space in front (RFC 6587 section 3.4.1). */
function skipCount(bytes: Uint8Array, at: number, end: number): number {
  let here = at;
  while (here < end && here < at + 6 && bytes[here] >= 0x30 && bytes[here] <= 0x39) here++;
  return here > at && here < end && bytes[here] === 0x20 ? here + 1 : at;
}

/** Behind 'Oct 11 22:14:15 ' or '2013-09-12T19:16:34.5+04:00 ', or `at` when there is no time. */
function skipTime(bytes: Uint8Array, at: number, end: number): number {
  const text = wireText(bytes, at, Math.min(end, at + 40));
  const classic = /^([A-Z][a-z]{2}) [ 0-3]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?:? /.exec(text);
  if (classic !== null && MONTHS.includes(classic[1])) return at + classic[0].length;
  const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,16} /.exec(text);
  return iso === null ? at : at + iso[0].length;
}

/** Where a tag ends at ':' or '[' in [from, to), or -1. */
function tagEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < Math.min(to, from + MAX_NAME); i++)
    if (bytes[i] === 0x5b || (bytes[i] === 0x3a && i + 1 >= to)) return i > from ? i : -1;
  return -1;
}

function tag(bytes: Uint8Array, from: number, end: number): string | undefined {
  const stop = tagEnd(bytes, from, wordEnd(bytes, from, end));
  return stop < 0 ? undefined : wireText(bytes, from, stop, MAX_NAME);
}

/** A field of the header; '-' is none. */
function field(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (from >= to || (to - from === 1 && bytes[from] === 0x2d)) return undefined;
  return wireText(bytes, from, to, MAX_NAME);
}

/** True for a priority with a time, version 1, or a tag behind it. */
export function looksLikeSyslog(bytes: Uint8Array, at: number, end: number): boolean {
  const message = decodeSyslog(bytes, at, end);
  if (message === undefined) return false;
  const here = at + bytes.subarray(at, Math.min(end, at + 12)).indexOf(0x3e) + 1;
  if (message.format === 'rfc5424') {
    const time = wordEnd(bytes, here + 2, end);
    return (time - here === 3 && bytes[here + 2] === 0x2d) || skipTime(bytes, here + 2, end) > here + 2;
  }
  return skipTime(bytes, here, end) > here || message.application !== undefined;
}

/** A message in the form of RFC 5424 without structured data. */
export function encodeSyslog(fields: {
  priority: number;
  time?: string;
  host?: string;
  application?: string;
  message?: string;
}): Uint8Array {
  const { priority, time = '-', host = '-', application = '-', message = '' } = fields;
  return utf8Bytes(`<${priority}>1 ${time} ${host} ${application} - - - ${message}`);
}

export function summarizeSyslog(message: SyslogMessage): string {
  const from = message.host === undefined ? '' : ` from ${message.host}`;
  return `syslog ${message.facility}.${message.severity}${from}${message.application === undefined ? '' : ` by ${message.application}`}`;
}
