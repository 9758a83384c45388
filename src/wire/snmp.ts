import { formatIpv4, formatMac } from './address.ts';
import {
  BER_INTEGER,
  BER_NULL,
  BER_OCTET_STRING,
  BER_OID,
  BER_SEQUENCE,
  type BerElement,
  berChildren,
  berInteger,
  berOid,
  berText,
  berUnsigned,
  encodeBer,
  encodeBerInteger,
  encodeBerOid,
  encodeBerText,
  expectBer,
  readBer,
} from './ber.ts';
import { hexToBytes, wireHex } from './bytes.ts';

/**
 * SNMP: version 1 (RFC 1157), 2c (RFC 1901, PDUs of RFC 3416), 3 with the user-based security model (RFC 3412, 3414). The community of versions 1 and 2c is a
 * password in clear text: it is compared with well-known ones and measured, and no function here returns it.
 */

/** Variables that are listed, and that are counted. */
const MAX_LISTED = 8;
const MAX_COUNTED = 1024;
const TAG_TRAP_V1 = 0xa4;
const TAG_ADDRESS = 0x40;

const PDUS = new Map<number, SnmpPduType>([
  [0xa0, 'get'],
  [0xa1, 'get-next'],
  [0xa2, 'response'],
  [0xa3, 'set'],
  [0xa4, 'trap'],
  [0xa5, 'get-bulk'],
  [0xa6, 'inform'],
  [0xa7, 'trap'],
  [0xa8, 'report'],
]);

export type SnmpPduType = 'get' | 'get-next' | 'response' | 'set' | 'trap' | 'get-bulk' | 'inform' | 'report';

/** RFC 3416 section 3. */
const ERRORS = [
  'noError',
  'tooBig',
  'noSuchName',
  'badValue',
  'readOnly',
  'genErr',
  'noAccess',
  'wrongType',
  'wrongLength',
  'wrongEncoding',
  'wrongValue',
  'noCreation',
  'inconsistentValue',
  'resourceUnavailable',
  'commitFailed',
  'undoFailed',
  'authorizationError',
  'notWritable',
  'inconsistentName',
];

/** Communities that devices come with or that are tried first. Compared in lower case. */
const WELL_KNOWN = new Set([
  'public',
  'private',
  'community',
  'manager',
  'monitor',
  'admin',
  'administrator',
  'security',
  'secret',
  'write',
  'read',
  'rw',
  'ro',
  'cisco',
  'snmp',
  'snmpd',
  'snmptrap',
  'trap',
  'default',
  'test',
  'guest',
  'password',
  'router',
  'switch',
  'system',
  'network',
  'internal',
  'ilmi',
  'all private',
  'all public',
  'cable-docsis',
  'rmon',
  'rmon_admin',
  'hp_admin',
  'netman',
  'openview',
  'tivoli',
  'proxy',
  'agent',
  'orig_equip_mfr',
  'apc',
  'cascade',
  'mngt',
  '0',
  '1234',
  '0392a0',
]);
const LONGEST_WELL_KNOWN = 16;

const SYSTEM_DESCRIPTION = '1.3.6.1.2.1.1.1.0';
const SYSTEM_NAME = '1.3.6.1.2.1.1.5.0';

/** The user-based security of version 3. */
export interface SnmpSecurity {
  readonly messageId: number;
  readonly isAuthenticated: boolean;
  readonly isEncrypted: boolean;
  /** 3 is the user-based model. */
  readonly model: number;
  /** Hex of the authoritative engine's id (RFC 3411 section 5); '' in discovery. */
  readonly engineId: string;
  /** The MAC in the engine's id, where it is made of one. */
  readonly engineMac: string | undefined;
  /** Private enterprise number of the engine's maker. */
  readonly enterprise: number | undefined;
  readonly engineBoots: number | undefined;
  readonly engineTime: number | undefined;
  /** User name, '' in discovery. */
  readonly user: string;
}

export interface SnmpMessage {
  readonly version: '1' | '2c' | '3';
  /** Bytes of the community; undefined in version 3. */
  readonly communityBytes: number | undefined;
  /** True for 'public', 'private' and others that everybody tries. */
  readonly isWellKnownCommunity: boolean;
  readonly security: SnmpSecurity | undefined;
  /** Undefined when it is encrypted or does not parse. */
  readonly pdu: SnmpPduType | undefined;
  readonly requestId: number | undefined;
  /** 'noError', 'noSuchName', ...; '' where the PDU has none. */
  readonly error: string;
  /** Rows wanted per variable by a get-bulk: what makes a small request bring a large answer. */
  readonly maxRepetitions: number | undefined;
  /** Names of the first 8 variables. */
  readonly oids: readonly string[];
  /** All variables, 1,024 at most. */
  readonly variables: number;
  /** What a device says of itself in a response (sysDescr.0, sysName.0), '' without. */
  readonly systemDescription: string;
  readonly systemName: string;
  /** Of a version 1 trap: the enterprise, the agent's address, the generic and specific number. */
  readonly trap:
    | { readonly enterprise: string; readonly agent: string; readonly generic: number; readonly specific: number }
    | undefined;
  /** Bytes of the whole message as it claims. */
  readonly bytes: number;
  /** 'cut' when the bytes end before the message does, 'malformed' when it contradicts itself. */
  readonly state: 'complete' | 'cut' | 'malformed';
}

interface Body {
  pdu: SnmpPduType | undefined;
  requestId: number | undefined;
  error: string;
  maxRepetitions: number | undefined;
  oids: string[];
  variables: number;
  systemDescription: string;
  systemName: string;
  trap: SnmpMessage['trap'];
  isBad: boolean;
}

/** The message at [at, end), or undefined when it is none: no sequence that begins with version 0, 1 or 3 and what must follow it. */
export function decodeSnmp(bytes: Uint8Array, at: number, end: number): SnmpMessage | undefined {
  const outer = expectBer(bytes, at, end, BER_SEQUENCE);
  if (outer === undefined) return undefined;
  const versionElement = expectBer(bytes, outer.from, outer.to, BER_INTEGER);
  const number = versionElement === undefined ? undefined : berInteger(bytes, versionElement);
  if (versionElement === undefined || (number !== 0 && number !== 1 && number !== 3)) return undefined;
  const body: Body = {
    pdu: undefined,
    requestId: undefined,
    error: '',
    maxRepetitions: undefined,
    oids: [],
    variables: 0,
    systemDescription: '',
    systemName: '',
    trap: undefined,
    isBad: false,
  };
  let communityBytes: number | undefined;
  let isWellKnownCommunity = false;
  let security: SnmpSecurity | undefined;
  if (number === 3) {
    security = decodeV3(bytes, versionElement.to, outer.to, body);
    if (security === undefined) return undefined;
  } else {
    const community = expectBer(bytes, versionElement.to, outer.to, BER_OCTET_STRING);
    if (community === undefined) return undefined;
    communityBytes = community.to - community.from;
    isWellKnownCommunity = isWellKnown(bytes, community);
    decodePdu(bytes, community.to, outer.to, body);
    if (body.pdu === undefined && !outer.cut) return undefined;
  }
  const { isBad, ...rest } = body;
  return {
    version: number === 0 ? '1' : number === 1 ? '2c' : '3',
    communityBytes,
    isWellKnownCommunity,
    security,
    ...rest,
    bytes: outer.cut ? claimedBytes(bytes, at) : outer.to - at,
    state: outer.cut ? 'cut' : isBad ? 'malformed' : 'complete',
  };
}

/** Header and content of the element at `at`, whose content goes on behind what was captured. */
function claimedBytes(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 1];
  if (first < 0x80) return 2 + first;
  let length = 0;
  for (let i = 0; i < (first & 127); i++) length = length * 256 + bytes[at + 2 + i];
  return 2 + (first & 127) + length;
}

function isWellKnown(bytes: Uint8Array, community: BerElement): boolean {
  const length = community.to - community.from;
  return !community.cut && length <= LONGEST_WELL_KNOWN && WELL_KNOWN.has(berText(bytes, community).toLowerCase());
}

/** Header, security parameters and scoped PDU, RFC 3412 section 6. */
function decodeV3(bytes: Uint8Array, at: number, end: number, body: Body): SnmpSecurity | undefined {
  const header = expectBer(bytes, at, end, BER_SEQUENCE);
  if (header === undefined) return undefined;
  const [id, size, flags, model] = berChildren(bytes, header, 4);
  if (id?.tag !== BER_INTEGER || size?.tag !== BER_INTEGER || flags?.tag !== BER_OCTET_STRING) return undefined;
  const bits = flags.from < flags.to ? bytes[flags.from] : 0;
  const wrapped = expectBer(bytes, header.to, end, BER_OCTET_STRING);
  const parameters = wrapped === undefined ? undefined : expectBer(bytes, wrapped.from, wrapped.to, BER_SEQUENCE);
  const [engine, boots, time, user] = parameters === undefined ? [] : berChildren(bytes, parameters, 4);
  if (wrapped !== undefined) {
    const scoped = expectBer(bytes, wrapped.to, end, BER_SEQUENCE);
    // Two strings, engine and context name, come before the PDU.
    const [contextEngine, contextName] = scoped === undefined ? [] : berChildren(bytes, scoped, 2);
    if (scoped !== undefined && contextEngine !== undefined && contextName !== undefined)
      decodePdu(bytes, contextName.to, scoped.to, body);
    else if ((bits & 2) === 0) body.isBad = true;
  } else body.isBad = true;
  const isEngine = engine?.tag === BER_OCTET_STRING && engine.to > engine.from;
  return {
    messageId: berInteger(bytes, id) ?? 0,
    isAuthenticated: (bits & 1) !== 0,
    isEncrypted: (bits & 2) !== 0,
    model: (model === undefined ? undefined : berInteger(bytes, model)) ?? 0,
    engineId: isEngine ? wireHex(bytes, engine.from, engine.to) : '',
    ...(isEngine ? engineParts(bytes, engine) : { engineMac: undefined, enterprise: undefined }),
    engineBoots: boots === undefined ? undefined : berUnsigned(bytes, boots),
    engineTime: time === undefined ? undefined : berUnsigned(bytes, time),
    user: user?.tag === BER_OCTET_STRING ? berText(bytes, user, 32) : '',
  };
}

/** RFC 3411 section 5, SnmpEngineID: the first bit set, 31 bits of enterprise, a format (3 is a MAC), the rest. */
function engineParts(bytes: Uint8Array, engine: BerElement): Pick<SnmpSecurity, 'engineMac' | 'enterprise'> {
  const { from, to } = engine;
  if (to - from < 5) return { engineMac: undefined, enterprise: undefined };
  const isNewForm = bytes[from] >= 0x80;
  return {
    enterprise: (bytes[from] & 0x7f) * 0x1000000 + ((bytes[from + 1] << 16) | (bytes[from + 2] << 8) | bytes[from + 3]),
    engineMac: isNewForm && bytes[from + 4] === 3 && to - from === 11 ? formatMac(bytes, from + 5) : undefined,
  };
}

function decodePdu(bytes: Uint8Array, at: number, end: number, body: Body): void {
  const pdu = readBer(bytes, at, end);
  const type = pdu === undefined ? undefined : PDUS.get(pdu.tag);
  if (pdu === undefined || type === undefined) {
    body.isBad = true;
    return;
  }
  body.pdu = type;
  const isTrapV1 = pdu.tag === TAG_TRAP_V1;
  const fields = berChildren(bytes, pdu, isTrapV1 ? 6 : 4);
  const number = (element: BerElement | undefined): number | undefined =>
    element === undefined ? undefined : berInteger(bytes, element);
  if (isTrapV1) {
    const [enterprise, agent, generic, specific] = fields;
    const isAddress = agent?.tag === TAG_ADDRESS && agent.to - agent.from === 4;
    body.trap = {
      enterprise: (enterprise === undefined ? undefined : berOid(bytes, enterprise)) ?? '',
      agent: isAddress
        ? formatIpv4(
            (bytes[agent.from] << 24) |
              (bytes[agent.from + 1] << 16) |
              (bytes[agent.from + 2] << 8) |
              bytes[agent.from + 3],
          )
        : '',
      generic: number(generic) ?? 0,
      specific: number(specific) ?? 0,
    };
  } else {
    body.requestId = number(fields[0]);
    const second = number(fields[1]) ?? 0;
    if (type === 'get-bulk') body.maxRepetitions = number(fields[2]);
    else body.error = ERRORS[second] ?? `error ${second}`;
  }
  const list = fields[isTrapV1 ? 5 : 3];
  if (list === undefined || list.tag !== BER_SEQUENCE || list.cut) body.isBad = true;
  if (list?.tag === BER_SEQUENCE) decodeVariables(bytes, list, body);
}

function decodeVariables(bytes: Uint8Array, list: BerElement, body: Body): void {
  for (let at = list.from; at < list.to && body.variables < MAX_COUNTED; ) {
    const variable = expectBer(bytes, at, list.to, BER_SEQUENCE);
    if (variable === undefined) {
      body.isBad = true;
      return;
    }
    at = variable.to;
    body.variables++;
    if (body.variables > MAX_LISTED) continue;
    const [name, value] = berChildren(bytes, variable, 2);
    const oid = name?.tag === BER_OID ? berOid(bytes, name) : undefined;
    if (oid === undefined) {
      body.isBad = true;
      continue;
    }
    body.oids.push(oid);
    if (body.pdu !== 'response' || value?.tag !== BER_OCTET_STRING) continue;
    if (oid === SYSTEM_DESCRIPTION) body.systemDescription = berText(bytes, value);
    else if (oid === SYSTEM_NAME) body.systemName = berText(bytes, value);
  }
}

export interface SnmpFields {
  readonly version?: '1' | '2c' | '3';
  /** Of versions 1 and 2c. */
  readonly community?: string;
  /** Of version 3; what is encrypted or signed is not made here. */
  readonly security?: {
    readonly messageId?: number;
    readonly isAuthenticated?: boolean;
    readonly engineId?: string;
    readonly engineBoots?: number;
    readonly engineTime?: number;
    readonly user?: string;
  };
  readonly pdu?: SnmpPduType;
  readonly requestId?: number;
  readonly error?: string;
  readonly maxRepetitions?: number;
  readonly variables?: readonly { readonly oid: string; readonly value?: string | number }[];
  /** Makes a version 1 trap. */
  readonly trap?: {
    readonly enterprise: string;
    readonly agent: string;
    readonly generic: number;
    readonly specific: number;
  };
}

/** A message in clear text; variables without a value carry NULL. */
export function encodeSnmp(fields: SnmpFields): Uint8Array {
  const { version = '2c', community = 'public', security = {}, pdu = 'get', requestId = 1, error = 'noError' } = fields;
  const { maxRepetitions = 0, variables = [], trap } = fields;
  const list = encodeBer(
    BER_SEQUENCE,
    ...variables.map(({ oid, value }) =>
      encodeBer(
        BER_SEQUENCE,
        encodeBerOid(oid),
        value === undefined
          ? encodeBer(BER_NULL)
          : typeof value === 'number'
            ? encodeBerInteger(value)
            : encodeBerText(value),
      ),
    ),
  );
  const body =
    trap === undefined
      ? encodeBer(
          [...PDUS].find(([tag, name]) => name === pdu && tag !== TAG_TRAP_V1)?.[0] ?? 0xa0,
          encodeBerInteger(requestId),
          encodeBerInteger(pdu === 'get-bulk' ? 0 : Math.max(0, ERRORS.indexOf(error))),
          encodeBerInteger(pdu === 'get-bulk' ? maxRepetitions : 0),
          list,
        )
      : encodeBer(
          TAG_TRAP_V1,
          encodeBerOid(trap.enterprise),
          encodeBer(TAG_ADDRESS, Uint8Array.from(trap.agent.split('.').map(Number))),
          encodeBerInteger(trap.generic),
          encodeBerInteger(trap.specific),
          encodeBerInteger(0, 0x43),
          list,
        );
  if (version !== '3')
    return encodeBer(BER_SEQUENCE, encodeBerInteger(version === '1' ? 0 : 1), encodeBerText(community), body);
  const {
    messageId = 1,
    isAuthenticated = false,
    engineId = '',
    engineBoots = 0,
    engineTime = 0,
    user = '',
  } = security;
  const engine = encodeBer(BER_OCTET_STRING, hexToBytes(engineId));
  const empty = encodeBer(BER_OCTET_STRING);
  return encodeBer(
    BER_SEQUENCE,
    encodeBerInteger(3),
    encodeBer(
      BER_SEQUENCE,
      encodeBerInteger(messageId),
      encodeBerInteger(65_507),
      encodeBer(BER_OCTET_STRING, Uint8Array.of(isAuthenticated ? 5 : 4)),
      encodeBerInteger(3),
    ),
    encodeBer(
      BER_OCTET_STRING,
      encodeBer(
        BER_SEQUENCE,
        engine,
        encodeBerInteger(engineBoots),
        encodeBerInteger(engineTime),
        encodeBerText(user),
        isAuthenticated ? encodeBer(BER_OCTET_STRING, new Uint8Array(12)) : empty,
        empty,
      ),
    ),
    encodeBer(BER_SEQUENCE, engine, empty, body),
  );
}

/** 'SNMPv2c get 1.3.6.1.2.1.1.1.0, well-known community', 'SNMPv3 encrypted, user "admin"'; at most two names of variables. */
export function summarizeSnmp(message: SnmpMessage): string {
  const { version, security, pdu, oids, variables, error, trap } = message;
  const parts = [`SNMPv${version} ${pdu ?? (security?.isEncrypted ? 'encrypted' : 'unknown')}`];
  if (trap !== undefined) parts[0] += ` ${trap.enterprise} ${trap.generic}/${trap.specific} from ${trap.agent}`;
  else if (oids.length > 0) parts[0] += ` ${oids.slice(0, 2).join(' ')}`;
  if (variables > 2) parts[0] += ` (${variables} variables)`;
  if (error !== '' && error !== 'noError') parts.push(error);
  if (message.isWellKnownCommunity) parts.push('well-known community');
  if (security !== undefined && security.user !== '') parts.push(`user "${security.user}"`);
  return parts.join(', ');
}
