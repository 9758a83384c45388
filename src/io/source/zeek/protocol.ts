import { parseNumber } from '../../../core/index.ts';
import type { FlowColumnName } from '../../../flow/index.ts';

/** The logs of protocols: which of their fields go into which columns of the flow table. */

const MAX_REQUEST = 256;

/** Cell of a row by the name of its field; undefined where unset. */
export type Cell = (field: string) => string | undefined;

export interface Protocol {
  /** Our name of the service; '' where the log alone does not say it. */
  readonly service: string;
  readonly transport: 'tcp' | 'udp' | '';
  /** Flow columns by field; the first row of a connection that has a value gives it. */
  readonly texts?: Readonly<Partial<Record<string, FlowColumnName>>>;
  /** Fields whose values together are one thing that was asked for. */
  readonly operation?: readonly string[];
  /** The first row of a connection speaks alone: a later one is another question or request. */
  readonly once?: true;
  /** Field that is T or F for a login that was accepted or refused. */
  readonly login?: string;
  /** What takes more than a copy. */
  readonly note?: (cell: Cell, set: (column: FlowColumnName, value: string | number | undefined) => void) => void;
  /** Columns that `note` sets. */
  readonly notes?: readonly FlowColumnName[];
  /** Operations that a further record of the connection tells, by what the first one said. */
  readonly further?: (cell: Cell, first: (column: FlowColumnName) => string) => string[];
}

/** Logs of protocols by #path. What is in none of them stays what it is: weird, notice, stats, software are no connections. */
export const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  dns: {
    service: 'dns',
    once: true,
    transport: 'udp',
    texts: { rcode_name: 'dnsRcode', answers: 'dnsAnswers' },
    notes: ['dnsQuery', 'dnsType', 'dnsTtl'],
    note: (cell, set) => {
      set('dnsQuery', cell('query')?.toLowerCase());
      const type = cell('qtype_name');
      set('dnsType', type === undefined || /^query-|^unknown-/i.test(type) ? typeNumber(cell('qtype')) : type);
      const ttls = cell('TTLs')?.split(',').map(Number).filter(Number.isFinite);
      if (ttls !== undefined && ttls.length > 0) set('dnsTtl', Math.min(...ttls.slice(0, 100)));
    },
    // A resolver, or a tunnel, that asks for many names from one port.
    further: (cell, first) => {
      // A name from the network must not look like another operation.
      const name = cell('query')?.toLowerCase().replace(/, +/g, ',');
      if (name === undefined || name === first('dnsQuery')) return [];
      return [`${first('dnsType')} ${first('dnsQuery') || '.'}`, `${cell('qtype_name') ?? '?'} ${name || '.'}`];
    },
  },
  ssl: {
    service: 'tls',
    transport: 'tcp',
    texts: { server_name: 'serverName', next_protocol: 'alpn', ja3: 'ja3', ja3s: 'ja3s', ja4: 'ja4' },
    notes: [
      'tlsVersion',
      'certificateSubject',
      'certificateIssuer',
      'certificateFromMs',
      'certificateToMs',
      'operations',
    ],
    note: (cell, set) => {
      set('tlsVersion', tlsVersion(cell('version')));
      set('certificateSubject', commonName(cell('subject')));
      set('certificateIssuer', commonName(cell('issuer') ?? cell('issuer_subject')));
      set('certificateFromMs', timeMs(cell('not_valid_before')));
      set('certificateToMs', timeMs(cell('not_valid_after')));
      const alert = cell('last_alert');
      if (alert !== undefined && alert !== 'close_notify') set('operations', `alert ${alert}`);
    },
  },
  quic: { service: 'quic', transport: 'udp', texts: { server_name: 'serverName', client_protocol: 'alpn' } },
  http: {
    service: 'http',
    once: true,
    transport: 'tcp',
    texts: { host: 'httpHost', user_agent: 'client', username: 'user' },
    notes: ['httpRequest', 'httpStatus'],
    note: (cell, set) => {
      const request = [cell('method'), cell('uri')].filter((part) => part !== undefined).join(' ');
      set('httpRequest', request === '' ? undefined : request.slice(0, MAX_REQUEST));
      set('httpStatus', numberOf(cell('status_code')));
    },
  },
  ssh: { service: 'ssh', transport: 'tcp', texts: { client: 'client', server: 'server' }, login: 'auth_success' },
  ftp: {
    service: 'ftp',
    transport: 'tcp',
    texts: { user: 'user' },
    operation: ['command', 'arg'],
    notes: ['login'],
    note: (cell, set) => {
      const code = cell('reply_code');
      if (cell('command')?.toUpperCase() === 'PASS' && code !== undefined)
        set('login', code === '230' ? 'accepted' : code === '530' ? 'refused' : undefined);
    },
  },
  smtp: { service: 'smtp', transport: 'tcp', texts: { user_agent: 'client' } },
  dhcp: {
    service: 'dhcp',
    transport: 'udp',
    texts: { host_name: 'hostname', client_fqdn: 'hostname', mac: 'initiatorMac', client_software: 'client' },
    operation: ['msg_types'],
  },
  kerberos: {
    service: 'kerberos',
    transport: '',
    texts: { client: 'user' },
    operation: ['request_type', 'service', 'error_msg'],
    login: 'success',
  },
  ntlm: { service: '', transport: 'tcp', texts: { username: 'user', hostname: 'hostname' }, login: 'success' },
  smb_mapping: { service: 'smb', transport: 'tcp', operation: ['path'] },
  smb_files: { service: 'smb', transport: 'tcp', operation: ['action', 'name'] },
  dce_rpc: { service: 'dcerpc', transport: 'tcp', operation: ['endpoint', 'operation'] },
  rdp: { service: 'rdp', transport: 'tcp', texts: { cookie: 'user', client_build: 'client', client_name: 'hostname' } },
  rfb: { service: 'vnc', transport: 'tcp', login: 'auth' },
  sip: { service: 'sip', transport: '', texts: { user_agent: 'client' }, operation: ['method'] },
  snmp: { service: 'snmp', transport: 'udp' },
  irc: { service: 'irc', transport: 'tcp', texts: { user: 'user' }, operation: ['command', 'value'] },
  mysql: { service: 'mysql', transport: 'tcp', operation: ['cmd', 'arg'], login: 'success' },
  postgresql: { service: 'postgresql', transport: 'tcp', texts: { user: 'user' }, login: 'success' },
  ldap: { service: 'ldap', transport: 'tcp', operation: ['opcode', 'object'] },
  ldap_search: { service: 'ldap', transport: 'tcp', operation: ['filter', 'base_object'] },
  socks: { service: 'socks', transport: 'tcp', texts: { user: 'user' }, operation: ['request.host', 'request.name'] },
  radius: { service: 'radius', transport: 'udp', texts: { username: 'user' }, operation: ['result'] },
  syslog: { service: 'syslog', transport: 'udp' },
  ntp: { service: 'ntp', transport: 'udp' },
  tftp: { service: 'tftp', transport: 'udp', operation: ['wrq', 'fname'] },
  modbus: { service: 'modbus', transport: 'tcp', operation: ['func'] },
  dnp3: { service: 'dnp3', transport: 'tcp', operation: ['fc_request'] },
  redis: { service: 'redis', transport: 'tcp', operation: ['cmd.name'] },
  mqtt_connect: { service: 'mqtt', transport: 'tcp', texts: { client_id: 'hostname' } },
  mqtt_publish: { service: 'mqtt', transport: 'tcp', operation: ['topic'] },
  mqtt_subscribe: { service: 'mqtt', transport: 'tcp', operation: ['topics'] },
  tunnel: {
    service: '',
    transport: '',
    notes: ['tunnel'],
    note: (cell, set) =>
      set(
        'tunnel',
        cell('tunnel_type')
          ?.replace(/^Tunnel::/, '')
          .toLowerCase(),
      ),
  },
};

function typeNumber(qtype: string | undefined): string | undefined {
  return qtype === undefined ? undefined : `TYPE${qtype}`;
}

export function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

export function timeMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text);
  const value = parseNumber(bytes, 0, bytes.length, 3);
  return Number.isNaN(value) ? undefined : value;
}

/** 'TLS 1.2' of Zeek's 'TLSv12', 'DTLS 1.0' of 'DTLSv10', 'SSL 3.0' of 'SSLv3'. */
function tlsVersion(text: string | undefined): string | undefined {
  const match = /^(D?TLS|SSL)v(\d)(\d?)$/.exec(text ?? '');
  return match === null ? undefined : `${match[1]} ${match[2]}.${match[3] || '0'}`;
}

/** Common name, else organisation, of a name as Zeek writes it (RFC 2253: the value may have escaped commas). */
export function commonName(subject: string | undefined): string | undefined {
  if (subject === undefined) return undefined;
  const part = (key: string): string | undefined =>
    new RegExp(`(?:^|,\\s*)${key}=((?:\\\\.|[^,\\\\])*)`).exec(subject)?.[1]?.replace(/\\(.)/g, '$1');
  return part('CN') ?? part('O');
}
