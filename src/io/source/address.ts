import { nearest, safeText, UserError } from '../../core/index.ts';
import type { OddityCounter } from '../../wire/index.ts';
import type { DeadLetterFile } from '../sink/dead-letter.ts';
import { listenerTable, listenRecords } from './agent/index.ts';
import { openSearchQuery } from './elasticsearch/index.ts';
import type { CollectorKind } from './netflow/index.ts';
import { connectStream } from './stream-client.ts';
import type { Reject, TableSource } from './table-source.ts';
import { openCollector } from './udp-collector.ts';

/** Inputs that are no files but places on the network, by the scheme of their address. */

export interface AddressForm {
  readonly scheme: string;
  /** How it is written. */
  readonly form: string;
  /** One line for `anomalyst formats`. */
  readonly title: string;
}

export const ADDRESS_FORMS: readonly AddressForm[] = [
  {
    scheme: 'netflow',
    form: 'netflow://127.0.0.1:2055',
    title: 'listen for NetFlow v1, v5, v7, v9, IPFIX and sFlow v5 on UDP',
  },
  { scheme: 'ipfix', form: 'ipfix://127.0.0.1:4739', title: 'the same, IPFIX alone' },
  { scheme: 'sflow', form: 'sflow://127.0.0.1:6343', title: 'the same, sFlow alone' },
  { scheme: 'tcp', form: 'tcp://host:9999', title: 'connect, and read JSON records, one a line' },
  { scheme: 'tls', form: 'tls://host:9999', title: 'the same over TLS' },
  {
    scheme: 'listen',
    form: 'listen://127.0.0.1:4141',
    title: 'listen for agents that send JSON records over TCP, one a line',
  },
  {
    scheme: 'listen+http',
    form: 'listen+http://127.0.0.1:8080',
    title: 'listen for agents that POST JSON records to /records',
  },
  {
    scheme: 'es+https',
    form: 'es+https://host:9200/index-*?q=...&from=now-1d&to=now',
    title: 'a query of Elasticsearch or OpenSearch (keys from ELASTICSEARCH_API_KEY or _USERNAME and _PASSWORD)',
  },
  { scheme: 'es+http', form: 'es+http://localhost:9200/index', title: 'the same without TLS' },
];

const ADDRESS = /^([a-z][a-z0-9+]*):\/\/(.*)$/i;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { netflow: 2055, ipfix: 4739, sflow: 6343 };
const KINDS: Readonly<Record<string, readonly CollectorKind[]>> = { ipfix: ['ipfix'], sflow: ['sflow'] };

/** Whether an input is written as an address of this kind. */
export function isAddressInput(name: string): boolean {
  return ADDRESS.test(name);
}

export interface AddressOptions {
  readonly oddities: OddityCounter;
  readonly signal?: AbortSignal | undefined;
  readonly onReject?: ((reject: Reject) => void) | undefined;
  /** Keeps whole what of a stream of records, or of agents, could not be taken. Closed by whoever made it. */
  readonly deadLetter?: DeadLetterFile | undefined;
  /** Told what the operator should know: where it listens, that a connection was lost. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Flows where the rows can be, their own columns otherwise; 'records' asks for the latter. */
  readonly as?: 'flows' | 'records' | undefined;
}

/** Opens it. Throws UserError for an address that is none, and rejects where the place can't be had. */
export async function openAddress(text: string, options: AddressOptions): Promise<TableSource> {
  const { oddities, signal, onReject, onNote, deadLetter } = options;
  const [, given = '', rest = ''] = ADDRESS.exec(text) ?? [];
  const scheme = given.toLowerCase();
  const form = ADDRESS_FORMS.find((known) => known.scheme === scheme);
  if (form === undefined) {
    const near = nearest(
      scheme,
      ADDRESS_FORMS.map((known) => known.scheme),
    );
    throw new UserError(
      `${shown(text)}: no such kind of address`,
      near === undefined
        ? 'anomalyst formats lists them'
        : `did you mean ${ADDRESS_FORMS.find((known) => known.scheme === near)?.form}?`,
    );
  }
  const { host, port, url } = parse(text, rest, form, DEFAULT_PORTS[scheme]);
  if (!scheme.startsWith('es+') && (url.pathname.length > 1 || url.search !== '' || url.hash !== ''))
    throw new UserError(
      `${shown(text)}: '${safeText(`${url.pathname.replace(/^\/$/, '')}${url.search}${url.hash}`, 60)}' behind the port means nothing here`,
      `it is written as ${form.form}`,
    );
  if (scheme === 'netflow' || scheme === 'ipfix' || scheme === 'sflow') {
    const kinds = KINDS[scheme];
    const source = await openCollector({ oddities, host, port, signal, ...(kinds === undefined ? {} : { kinds }) });
    onNote?.(`listening for flows on ${source.host}:${source.port} (UDP)`);
    return source;
  }
  if (scheme === 'tcp' || scheme === 'tls')
    return connectStream({ host, port, tls: scheme === 'tls', signal, onReject, onNote, deadLetter });
  if (scheme === 'listen' || scheme === 'listen+http') {
    const at = { host, port };
    const listener = await listenRecords({
      ...(scheme === 'listen' ? { tcp: at } : { http: at }),
      schemaOf: 'all',
      signal,
      onNote,
      deadLetter,
    });
    const bound = listener.tcp ?? listener.http;
    onNote?.(`listening for records on ${bound?.host}:${bound?.port}${scheme === 'listen' ? '' : ' (POST /records)'}`);
    return listenerTable(listener);
  }
  const index = decoded(text, url.pathname.replace(/^\/+/, ''), form);
  if (index === '') throw new UserError(`${shown(text)}: no index is named`, `for example ${form.form}`);
  const ask = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  for (const name of url.searchParams.keys())
    if (!SEARCH_KEYS.includes(name)) {
      const near = nearest(name, SEARCH_KEYS);
      throw new UserError(
        `${shown(text)}: unknown part '${safeText(name, 40)}'`,
        near === undefined ? `known ones: ${SEARCH_KEYS.join(', ')}` : `did you mean '${near}'?`,
      );
    }
  const size = ask('size');
  if (size !== undefined && !/^\d{1,5}$/.test(size))
    throw new UserError(`${shown(text)}: '${safeText(size, 40)}' hits are no page`, 'give 1 to 10000');
  return openSearchQuery({
    url: `${scheme === 'es+https' ? 'https' : 'http'}://${url.hostname}${port === 0 ? '' : `:${port}`}`,
    index,
    query: ask('q'),
    from: ask('from'),
    to: ask('to'),
    timeField: ask('time'),
    ...(size === undefined ? {} : { size: Number(size) }),
    as: options.as === 'records' ? 'records' : 'auto',
    signal,
    onReject,
    onNote,
  });
}

const LISTENING: ReadonlySet<string> = new Set(['netflow', 'ipfix', 'sflow', 'listen', 'listen+http']);
const SEARCH_KEYS = ['q', 'from', 'to', 'time', 'size'];

function parse(
  text: string,
  rest: string,
  form: AddressForm,
  defaultPort: number | undefined,
): { host: string; port: number; url: URL } {
  const [, typed] = /^(?:\[[^\]]*\]|[^:/?#]*):([^/?#]+)/.exec(rest.replace(/^[^/?#]*@/, '')) ?? [];
  // Who listens may leave the choice of the port to the system.
  const least = LISTENING.has(form.scheme) ? 0 : 1;
  if (typed !== undefined && (!/^\d{1,9}$/.test(typed) || Number(typed) < least || Number(typed) > 65_535))
    throw new UserError(
      `${shown(text)}: port '${safeText(typed, 20)}' is none`,
      `a port is a number from ${least} to 65535, as in ${form.form}`,
    );
  let url: URL;
  try {
    // The scheme is ours; the rest is read by the rules of http.
    url = new URL(`http://${rest}`);
  } catch {
    throw new UserError(`${shown(text)}: no address`, `it is written as ${form.form}`);
  }
  if (url.username !== '' || url.password !== '')
    throw new UserError(
      `${shown(text)}: an address holds no user name and no password`,
      'they are taken from the environment',
    );
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // For http, 80 is no port to speak of; for us it is one like any other.
  const port = url.port === '' ? (/^[^/?#]*:80(?=[/?#]|$)/.test(rest) ? 80 : defaultPort) : Number(url.port);
  if (host === '' || (port === undefined && !form.scheme.startsWith('es+')))
    throw new UserError(`${shown(text)}: no port`, `it is written as ${form.form}`);
  return { host, port: port ?? 0, url };
}

function decoded(text: string, part: string, form: AddressForm): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new UserError(`${shown(text)}: a % without two hex digits behind it`, `it is written as ${form.form}`);
  }
}

/** An address as a message may show it: without what could be a password. */
function shown(text: string): string {
  return safeText(text.replace(/\/\/[^/?#]*@/, '//'), 100);
}
