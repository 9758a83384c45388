import {
  decodeDns,
  dnsRcodeName,
  dnsTypeName,
  type ExportedFlow,
  isDnsPort,
  type Packet,
  PROTO,
  ROLE,
  serviceByContent,
  serviceByPort,
} from '../../../wire/index.ts';
import type { Exporter } from './exporter.ts';
import type { RecordFacts } from './held.ts';

/** What an exported record, or a sampled packet, says of its application. */

/** What exporters call it, and what we do. */
const APPLICATION_NAMES: ReadonlyMap<string, string> = new Map([
  ['ssl', 'tls'],
  ['https', 'tls'],
  ['secure-http', 'tls'],
  ['http/ssl', 'tls'],
  ['web-browsing', 'http'],
  ['ms-rpc', 'dcerpc'],
  ['netbios-ns', 'netbios'],
  ['microsoft-ds', 'smb'],
  ['ms-smb', 'smb'],
  ['cifs', 'smb'],
]);
const NO_APPLICATION = new Set([
  'unknown',
  'unclassified',
  'incomplete',
  'insufficient-data',
  'not-applicable',
  'none',
  '0',
]);

function applicationOf(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  // nDPI says protocol and application in one, as in 'TLS.Google'.
  const plain = name.trim().toLowerCase().split('.')[0] ?? '';
  if (!/^[a-z0-9][a-z0-9 _/+-]{0,63}$/.test(plain) || NO_APPLICATION.has(plain)) return undefined;
  return APPLICATION_NAMES.get(plain) ?? plain;
}

/** Classification engine 3 says the port (RFC 6759 section 4.2). */
const ENGINE_IANA_L4 = 3;

export function factsOf(flow: ExportedFlow, exporter: Exporter): RecordFacts {
  const { protocol, applicationId, applicationLabel } = flow;
  const byPort = (port: number): string | undefined =>
    serviceByPort(protocol, port) ?? serviceByPort(PROTO.tcp, port) ?? serviceByPort(PROTO.udp, port);
  const named =
    flow.text(ROLE.applicationName) ?? (applicationId > 0 ? exporter.applications.get(applicationId) : undefined);
  const isPortOnly = named === undefined && Math.floor(applicationId / 2 ** 24) === ENGINE_IANA_L4;
  const application =
    applicationOf(named) ??
    (applicationLabel > 0 && applicationLabel < 65_536 ? byPort(applicationLabel) : undefined) ??
    (isPortOnly ? byPort(applicationId & 0xffff) : undefined);
  const method = flow.text(ROLE.httpMethod);
  const target = flow.text(ROLE.httpTarget);
  const dnsQuery = flow.text(ROLE.dnsQuery)?.toLowerCase();
  const user = flow.text(ROLE.user);
  return {
    application,
    serverName: flow.text(ROLE.serverName),
    httpHost: flow.text(ROLE.httpHost),
    httpRequest: method !== undefined && target !== undefined ? `${method} ${target}`.slice(0, 256) : undefined,
    httpStatus: flow.httpStatus > 0 ? flow.httpStatus : undefined,
    client: flow.text(ROLE.userAgent),
    user: user === 'unknown' ? undefined : user,
    dnsQuery,
    dnsType: dnsQuery !== undefined && flow.dnsType > 0 ? dnsTypeName(flow.dnsType) : undefined,
    dnsRcode: dnsQuery !== undefined && flow.dnsRcode >= 0 ? dnsRcodeName(flow.dnsRcode) : undefined,
  };
}

/** What the payload of a sampled packet says of its protocol. */
export function sampleFacts(packet: Packet): RecordFacts | undefined {
  const { protocol, bytes, payload, payloadCaptured, srcPort, dstPort } = packet;
  if (payloadCaptured < 3 || packet.isLaterFragment !== 0) return undefined;
  const end = payload + payloadCaptured;
  if (protocol === PROTO.udp && (isDnsPort(srcPort) || isDnsPort(dstPort))) {
    const message = decodeDns(bytes, payload, end);
    if (message === undefined) return undefined;
    return {
      application: 'dns',
      dnsQuery: message.name === '' ? undefined : message.name,
      dnsType: message.name === undefined ? undefined : dnsTypeName(message.type),
      dnsRcode: message.isResponse ? dnsRcodeName(message.rcode) : undefined,
    };
  }
  if (protocol !== PROTO.tcp && protocol !== PROTO.udp) return undefined;
  const application = serviceByContent(protocol, dstPort, bytes, payload, end);
  return application === undefined ? undefined : { application };
}
