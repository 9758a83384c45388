import { ByteWriter, MAX_TEXT, wireText } from './bytes.ts';

/**
 * SSDP, the discovery of UPnP devices on UDP port 1900: UPnP Device Architecture 2.0 section 1, messages in the form of HTTP/1.1 without a body. A search goes to
 * everyone (M-SEARCH), answers go back to one (HTTP/1.1 200 OK), and devices announce themselves (NOTIFY).
 */

/** Header lines that are looked at; real messages have about ten. */
const MAX_HEADERS = 32;
/** Bytes that are looked at. */
const MAX_BYTES = 4096;

const KINDS = { 'M-SEARCH': 'search', NOTIFY: 'notify', 'HTTP/1': 'response' } as const;

export interface SsdpMessage {
  readonly kind: 'search' | 'notify' | 'response';
  /** 'M-SEARCH * HTTP/1.1', 'HTTP/1.1 200 OK'. */
  readonly startLine: string;
  /** Status of a response, 0 otherwise. */
  readonly status: number;
  /** 'ssdp:alive', 'ssdp:byebye', 'ssdp:update' of a notify; '' otherwise, as every text below that the message does not have. */
  readonly notification: string;
  /** What is searched, announced or found: ST, or NT of a notify. 'ssdp:all', 'upnp:rootdevice', 'urn:schemas-upnp-org:device:MediaRenderer:1'. */
  readonly target: string;
  /** Unique service name: 'uuid:...::upnp:rootdevice'. */
  readonly usn: string;
  /** URL of the description, which nothing here fetches. */
  readonly location: string;
  /** Operating system, UPnP version and product of a device. */
  readonly server: string;
  /** The same of whom searches. */
  readonly userAgent: string;
  /** Name for people of a control point (CPFN.UPNP.ORG). */
  readonly friendlyName: string;
  /** MAN: '"ssdp:discover"' in every search. */
  readonly man: string;
  /** Seconds within which devices shall answer; undefined without MX. */
  readonly maxWaitSeconds: number | undefined;
  /** Seconds that an announcement holds (CACHE-CONTROL: max-age); undefined without. */
  readonly maxAgeSeconds: number | undefined;
  /** 'cut' without the empty line at the end. Some devices leave it out. */
  readonly state: 'complete' | 'cut';
}

/** The message at [at, end), or undefined when its first line is none of SSDP's. Texts are at most 255 characters. */
export function decodeSsdp(bytes: Uint8Array, at: number, end: number): SsdpMessage | undefined {
  const stop = Math.min(end, at + MAX_BYTES);
  const first = lineEnd(bytes, at, stop);
  const startLine = wireText(bytes, at, first.to);
  const found = /^(?:(M-SEARCH|NOTIFY) \* HTTP\/1\.[01]|(HTTP\/1)\.[01] (\d{3})(?: .*)?)$/.exec(startLine);
  if (found === null) return undefined;
  const kind = KINDS[(found[1] ?? found[2]) as keyof typeof KINDS];
  const headers = new Map<string, string>();
  let state: SsdpMessage['state'] = 'cut';
  for (let here = first.next, lines = 0; here < stop && lines < MAX_HEADERS; lines++) {
    const line = lineEnd(bytes, here, stop);
    if (line.to === here && line.next > here) {
      state = 'complete';
      break;
    }
    let colon = here;
    while (colon < line.to && bytes[colon] !== 0x3a) colon++;
    if (colon < line.to) {
      const name = trimmed(bytes, here, colon).toUpperCase();
      // The first of a repeated header counts.
      if (!headers.has(name)) headers.set(name, trimmed(bytes, colon + 1, line.to));
    }
    here = line.next;
  }
  const text = (name: string): string => headers.get(name) ?? '';
  const age = /max-age\s*=\s*"?(\d{1,9})/i.exec(text('CACHE-CONTROL'));
  const wait = /^\d{1,6}$/.exec(text('MX'));
  return {
    kind,
    startLine,
    status: found[3] === undefined ? 0 : Number(found[3]),
    notification: text('NTS'),
    target: kind === 'notify' ? text('NT') : text('ST'),
    usn: text('USN'),
    location: text('LOCATION'),
    server: text('SERVER'),
    userAgent: text('USER-AGENT'),
    friendlyName: text('CPFN.UPNP.ORG'),
    man: text('MAN'),
    maxWaitSeconds: wait === null ? undefined : Number(wait[0]),
    maxAgeSeconds: age === null ? undefined : Number(age[1]),
    state,
  };
}

/** Where the line that begins at `from` ends and the next begins; lines end with CR LF or LF. `next` is `from` only when nothing is left. */
function lineEnd(bytes: Uint8Array, from: number, end: number): { to: number; next: number } {
  let to = from;
  while (to < end && bytes[to] !== 0x0a) to++;
  const next = to < end ? to + 1 : to;
  return { to: to > from && bytes[to - 1] === 0x0d ? to - 1 : to, next };
}

function trimmed(bytes: Uint8Array, from: number, to: number): string {
  const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09;
  let first = from;
  let last = to;
  while (first < last && isSpace(bytes[first])) first++;
  while (last > first && isSpace(bytes[last - 1])) last--;
  return wireText(bytes, first, last, MAX_TEXT);
}

/** A message: a search, a notify or a response with status 200. Headers come in the order of the architecture's examples, empty ones are left out. */
export function encodeSsdp(fields: Partial<Omit<SsdpMessage, 'startLine' | 'state'>>): Uint8Array {
  const { kind = 'search', status = 200, target = 'ssdp:all', maxWaitSeconds, maxAgeSeconds } = fields;
  const start =
    kind === 'search' ? 'M-SEARCH * HTTP/1.1' : kind === 'notify' ? 'NOTIFY * HTTP/1.1' : `HTTP/1.1 ${status} OK`;
  const headers: readonly (readonly [string, string | undefined])[] = [
    ['HOST', kind === 'response' ? '' : '239.255.255.250:1900'],
    ['MAN', fields.man],
    ['MX', maxWaitSeconds === undefined ? '' : String(maxWaitSeconds)],
    ['CACHE-CONTROL', maxAgeSeconds === undefined ? '' : `max-age=${maxAgeSeconds}`],
    ['LOCATION', fields.location],
    ['SERVER', fields.server],
    ['USER-AGENT', fields.userAgent],
    ['CPFN.UPNP.ORG', fields.friendlyName],
    [kind === 'notify' ? 'NT' : 'ST', target],
    ['NTS', fields.notification],
    ['USN', fields.usn],
  ];
  const out = new ByteWriter().text(`${start}\r\n`);
  for (const [name, value] of headers) if (value !== undefined && value !== '') out.text(`${name}: ${value}\r\n`);
  return out.text('\r\n').finish();
}

/** 'search ssdp:all', 'notify ssdp:alive upnp:rootdevice http://192.168.0.1/desc.xml "Linux UPnP/1.0 Sonos/29.3"'. */
export function summarizeSsdp(message: SsdpMessage): string {
  const { kind, notification, target, location, server, userAgent } = message;
  const product = server || userAgent;
  return [kind, notification, target, location, product === '' ? '' : `"${product}"`]
    .filter((word) => word !== '')
    .join(' ');
}
