/**
 * Every decoder of `wire` that takes the bytes of a payload, under the names of what it is made of, each with what is made of its result: summaries, joins,
 * fingerprints, walks. `decoders.test.ts` holds the list complete: a decoder that is exported and neither here nor on the road of `decodeFrame` fails it.
 */
import * as wire from '../../src/wire/index.ts';

/** Reads `bytes[at, end)` and gives everything that it makes of it, as plain data. Undefined or false where the bytes are no such protocol. */
export type PayloadDecoder = (bytes: Uint8Array, at: number, end: number) => unknown;

/** A decoder with the summary of its result. */
function told<T>(
  decode: (bytes: Uint8Array, at: number, end: number) => T | undefined,
  summarize: (found: T) => unknown,
): PayloadDecoder {
  return (bytes, at, end) => {
    const found = decode(bytes, at, end);
    return found === undefined ? undefined : [found, summarize(found)];
  };
}

/** Both sides of a protocol that has two, and what they say together, as if each had said the same bytes. */
function sides<C, S>(
  client: (bytes: Uint8Array, at: number, end: number) => C | undefined,
  server: (bytes: Uint8Array, at: number, end: number) => S | undefined,
  join: (client: C | undefined, server: S | undefined) => unknown,
  summarize: (side: C | S) => string,
): PayloadDecoder {
  return (bytes, at, end) => {
    const c = client(bytes, at, end);
    const s = server(bytes, at, end);
    if (c === undefined && s === undefined) return undefined;
    return [c, s, join(c, s), join(c, undefined), join(undefined, s), c && summarize(c), s && summarize(s)];
  };
}

/** Own data of an object that is moved from message to message. */
function copy(value: object): object {
  return { ...value };
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const none = (): undefined => undefined;

/** The sets of a NetFlow v9 or IPFIX datagram, with the templates in it and the records that they describe. */
function flowSets(isV9: boolean): PayloadDecoder {
  return (bytes, at, end) => {
    const header = isV9 ? wire.decodeNetflow9(bytes, at, end) : wire.decodeIpfix(bytes, at, end);
    if (header === undefined) return undefined;
    const oddities = new wire.OddityCounter();
    const templates = new Map<number, wire.FlowTemplate>();
    const flow = new wire.ExportedFlow();
    const told: unknown[] = [];
    const keep = (value: unknown): void => void (told.length < 64 && told.push(value));
    const walk = isV9 ? wire.walkNetflow9 : wire.walkIpfix;
    const next = walk(bytes, at, end, oddities, (id, from, to) => {
      if (id < (isV9 ? 2 : 4)) {
        const kind = isV9 ? (id === 0 ? 'v9' : 'v9-options') : id === 2 ? 'ipfix' : 'ipfix-options';
        wire.decodeTemplates(bytes, from, to, kind, oddities, {
          template: (template) => {
            templates.set(template.id, template);
            keep(wire.summarizeTemplate(template));
          },
          withdrawal: (withdrawn) => keep(withdrawn),
        });
        return;
      }
      const template = templates.get(id);
      if (template === undefined) return;
      const records = wire.decodeRecords(template, bytes, from, to, flow, oddities, () => {
        wire.settleTimes(flow, 0, 0);
        keep(wire.summarizeExportedFlow(flow));
        keep(flow.text(wire.ROLE.applicationName));
      });
      keep(records);
    });
    return told.length === 0 ? undefined : [next - at, told, oddities.list().map(({ name }) => name)];
  };
}

export const PAYLOAD_DECODERS: Readonly<Record<string, PayloadDecoder>> = {
  readBer: (b, at, end) => {
    const element = wire.readBer(b, at, end);
    if (element === undefined) return undefined;
    return [
      element,
      wire.berChildren(b, element),
      wire.berInteger(b, element),
      wire.berOid(b, element),
      wire.berText(b, element),
      wire.berBits(b, element),
      wire.berUnsigned(b, element),
    ];
  },
  decodeBitTorrent: told(wire.decodeBitTorrent, wire.summarizeBitTorrent),
  decodeDht: told(wire.decodeDht, wire.summarizeBitTorrent),
  decodeUtp: wire.decodeUtp,
  looksLikeUtp: wire.looksLikeUtp,
  looksLikeBitTorrent: wire.looksLikeBitTorrent,
  decodeTrackerAnnounce: (b, at, end) => {
    const request = wire.decodeHttpRequest(b, at, end);
    return request === undefined ? undefined : wire.decodeTrackerAnnounce(request.target);
  },
  looksLikeRpc: (b, at, end) => {
    if (!wire.looksLikeRpc(b, at, end)) return false;
    const told: unknown[] = [];
    const next = new wire.RpcConnection().walk(b, at, end, (message) => {
      if (told.length < 64) told.push(copy(message), wire.summarizeRpc(message), wire.rpcStrings(b, message));
    });
    return [next - at, told];
  },
  decodeDhcp: told(wire.decodeDhcp, wire.summarizeDhcp),
  decodeDhcpv6: told(wire.decodeDhcpv6, wire.summarizeDhcpv6),
  decodeDuid: wire.decodeDuid,
  decodeDnsMessage: told(wire.decodeDnsMessage, (message) => [
    wire.summarizeDnsMessage(message),
    wire.mdnsAnnouncement(message),
    wire.llmnrFlags(message),
  ]),
  decodeDnsAnswers: (b, at, end) => {
    const question = wire.decodeDns(b, at, end);
    const name = question?.name;
    if (question === undefined || name === undefined) return undefined;
    return wire.decodeDnsAnswers(b, at, end, name, wire.dnsTypeName(question.type));
  },
  decodeDnsStream: wire.decodeDnsStream,
  decodeDns: told(wire.decodeDns, wire.summarizeDns),
  decodeFtpClient: sides(wire.decodeFtpClient, wire.decodeFtpServer, wire.joinFtp, wire.summarizeFtp),
  looksLikeFtp: wire.looksLikeFtp,
  decodeGss: wire.decodeGss,
  decodeHttpAuthentication: wire.decodeHttpAuthentication,
  decodeHttpRequest: told(wire.decodeHttpRequest, wire.summarizeHttpRequest),
  looksLikeHttpResponse: wire.looksLikeHttpResponse,
  decodeHttpRequestHead: wire.decodeHttpRequestHead,
  decodeHttpResponseHead: told(wire.decodeHttpResponseHead, wire.summarizeHttpResponse),
  decodeImapClient: sides(wire.decodeImapClient, wire.decodeImapServer, wire.joinImap, wire.summarizeImap),
  looksLikeImap: wire.looksLikeImap,
  looksLikeIpv4: (b, at, end) => wire.looksLikeIpv4(b, view(b), at, end, end),
  looksLikeIpv6: (b, at, end) => wire.looksLikeIpv6(b, view(b), at, end, end),
  decodeIrc: told(wire.decodeIrc, (side) => [wire.summarizeIrc(side), wire.joinIrc(side, side)]),
  looksLikeIrc: wire.looksLikeIrc,
  looksLikeKerberos: wire.looksLikeKerberos,
  decodeKerberos: told(wire.decodeKerberos, wire.summarizeKerberos),
  walkKerberos: (b, at, end) => {
    const told: unknown[] = [];
    const next = wire.walkKerberos(b, at, end, (message) => told.push(message));
    return told.length === 0 ? undefined : [next - at, told];
  },
  decodeLdap: told(wire.decodeLdap, wire.summarizeLdap),
  walkLdap: (b, at, end) => {
    const told: unknown[] = [];
    const next = wire.walkLdap(b, at, end, (message) => told.push(message));
    return told.length === 0 ? undefined : [next - at, told];
  },
  decodeModbus: (b, at, end) => {
    const request = wire.decodeModbus(b, at, end, 'request');
    const response = wire.decodeModbus(b, at, end, 'response');
    return request === undefined && response === undefined
      ? undefined
      : [request, response, request?.messages.map(wire.summarizeModbus)];
  },
  looksLikeModbus: wire.looksLikeModbus,
  decodeMqtt: told(wire.decodeMqtt, (side) => [wire.summarizeMqtt(side), wire.joinMqtt(side, side)]),
  looksLikeMqtt: wire.looksLikeMqtt,
  decodeMysqlClient: sides(wire.decodeMysqlClient, wire.decodeMysqlServer, wire.joinMysql, wire.summarizeMysql),
  looksLikeMysql: wire.looksLikeMysql,
  decodeNetbiosName: told(wire.decodeNetbiosName, wire.summarizeNetbiosName),
  decodeNetbiosDatagram: told(wire.decodeNetbiosDatagram, wire.summarizeNetbiosDatagram),
  decodeNetflow5: told(wire.decodeNetflow5, wire.summarizeNetflow5),
  walkNetflow5: (b, at, end) => {
    const header = wire.decodeNetflow5(b, at, end);
    if (header === undefined) return undefined;
    const told: string[] = [];
    const flow = new wire.ExportedFlow();
    const n = wire.walkNetflow5(header, b, at, end, flow, new wire.OddityCounter(), () =>
      told.push(wire.summarizeExportedFlow(flow)),
    );
    return [n, told];
  },
  decodeNetflow9: told(wire.decodeNetflow9, wire.summarizeNetflow9),
  walkNetflow9: flowSets(true),
  decodeIpfix: told(wire.decodeIpfix, wire.summarizeIpfix),
  walkIpfix: flowSets(false),
  decodeSflow: told(wire.decodeSflow, wire.summarizeSflow),
  walkSflow: (b, at, end) => {
    const header = wire.decodeSflow(b, at, end);
    if (header === undefined) return undefined;
    const told: unknown[] = [];
    const skipped = { counterSamples: 0, otherSamples: 0 };
    const [flow, packet, fragments] = [new wire.ExportedFlow(), new wire.Packet(), new wire.Fragments()];
    const oddities = new wire.OddityCounter();
    const n = wire.walkSflow(header, b, at, end, new wire.SflowSample(), skipped, oddities, (sample) => {
      if (told.length >= 64) return;
      const isFlow = wire.takeSflowSample(sample, flow, packet, fragments, oddities);
      told.push([sample.rate, sample.input, sample.output, isFlow && wire.summarizeExportedFlow(flow)]);
    });
    return [n, told, skipped];
  },
  decodeNtlm: told(wire.decodeNtlm, wire.summarizeNtlm),
  decodeNtp: told(wire.decodeNtp, wire.summarizeNtp),
  decodePop3Client: sides(wire.decodePop3Client, wire.decodePop3Server, wire.joinPop3, wire.summarizePop3),
  looksLikePop3: wire.looksLikePop3,
  decodePostgresqlClient: sides(
    wire.decodePostgresqlClient,
    wire.decodePostgresqlServer,
    wire.joinPostgresql,
    wire.summarizePostgresql,
  ),
  looksLikePostgresql: wire.looksLikePostgresql,
  decodeQuic: told(
    (b, at, end) => {
      const packet = wire.decodeQuic(b, at, end);
      if (packet === undefined) return undefined;
      const handshake = new wire.QuicHandshake();
      const client = handshake.take(b, at, end, true);
      const server = handshake.take(b, at, end, false);
      return { packet, at, client, server, handshake };
    },
    ({ packet, handshake }) => [wire.summarizeQuic(packet), wire.summarizeQuicHandshake(handshake), handshake.ja4],
  ),
  decodeTpkt: wire.decodeTpkt,
  decodeRdpConnect: told(wire.decodeRdpConnect, wire.summarizeRdpConnect),
  decodeRdpClientCore: wire.decodeRdpClientCore,
  decodeRedisClient: sides(wire.decodeRedisClient, wire.decodeRedisServer, wire.joinRedis, wire.summarizeRedis),
  looksLikeRedis: wire.looksLikeRedis,
  serviceByContent: (b, at, end) => {
    const tcp = wire.serviceByContent(wire.PROTO.tcp, 40_000, b, at, end);
    const udp = [123, 162, 547, 40_000].map((port) => wire.serviceByContent(wire.PROTO.udp, port, b, at, end));
    return tcp === undefined && udp.every((name) => name === undefined) ? undefined : [tcp, ...udp];
  },
  decodeSip: told(wire.decodeSip, wire.summarizeSip),
  decodeSipStream: wire.decodeSipStream,
  looksLikeSip: wire.looksLikeSip,
  looksLikeSmb: wire.looksLikeSmb,
  walkSmb: (b, at, end) => {
    const told: unknown[] = [];
    const keep = (value: unknown): void => void (told.length < 64 && told.push(value));
    const next = new wire.SmbConnection().walk(b, at, end, {
      message: (message) => {
        keep(copy(message));
        keep(wire.summarizeSmb(message));
        keep(wire.smbStep(message));
      },
      rpc: (pdu) => keep(wire.summarizeRpc(pdu)),
    });
    return told.length === 0 ? undefined : [next - at, told];
  },
  decodeSmtpClient: sides(wire.decodeSmtpClient, wire.decodeSmtpServer, wire.joinSmtp, wire.summarizeSmtp),
  looksLikeSmtp: wire.looksLikeSmtp,
  decodeSnmp: told(wire.decodeSnmp, wire.summarizeSnmp),
  decodeSocksClient: sides(wire.decodeSocksClient, wire.decodeSocksServer, wire.joinSocks, wire.summarizeSocks),
  looksLikeSocks: wire.looksLikeSocks,
  decodeSsdp: told(wire.decodeSsdp, wire.summarizeSsdp),
  decodeSsh: told(wire.decodeSsh, wire.summarizeSsh),
  decodeSshBanner: wire.decodeSshBanner,
  decodeSshKexInit: told(wire.decodeSshKexInit, (init) => [wire.hassh(init), wire.hasshServer(init)]),
  decodeStratum: told(wire.decodeStratum, (side) => [wire.summarizeStratum(side), wire.joinStratum(side, side)]),
  looksLikeStratum: wire.looksLikeStratum,
  decodeStun: told(wire.decodeStun, wire.summarizeStun),
  decodeChannelData: wire.decodeChannelData,
  decodeSyslog: told(wire.decodeSyslog, wire.summarizeSyslog),
  looksLikeSyslog: wire.looksLikeSyslog,
  decodeTelnet: told(wire.decodeTelnet, (side) => wire.summarizeTelnet(side)),
  telnetLogins: (bytes, at, end) => {
    const side = { bytes, at, end };
    const logins = wire.telnetLogins(side, side);
    return logins.length === 0 ? undefined : [logins, logins.map(wire.summarizeLogin)];
  },
  looksLikeTelnet: wire.looksLikeTelnet,
  decodeTftp: told(wire.decodeTftp, wire.summarizeTftp),
  looksLikeTftp: wire.looksLikeTftp,
  decodeClientHello: told(wire.decodeClientHello, (hello) => [
    wire.ja3(hello),
    wire.ja3Text(hello)?.length,
    wire.ja4(hello),
    wire.summarizeClientHello(hello),
  ]),
  decodeTlsHandshake: wire.decodeTlsHandshake,
  decodeTls: told(
    wire.decodeTls,
    ({ serverHello }) => serverHello && [wire.ja3s(serverHello), wire.summarizeServerHello(serverHello)],
  ),
  looksLikeTls: wire.looksLikeTls,
  decodeDtls: wire.decodeDtls,
  decodeVnc: sides(
    (b, at, end) => wire.decodeVnc(b, at, end, false),
    (b, at, end) => wire.decodeVnc(b, at, end, true),
    none,
    wire.summarizeVnc,
  ),
  decodeX509: told(wire.decodeX509, wire.summarizeX509),
};

/** Decoders that `PAYLOAD_DECODERS` runs under the name of another, and those that `decodeFrame` runs on its way or a capture reader in front of it. */
export const DECODED_OTHERWISE: readonly string[] = [
  ...[
    'decodeFtpServer',
    'decodeImapServer',
    'decodeMysqlServer',
    'decodePop3Server',
    'decodePostgresqlServer',
    'decodeRedisServer',
    'decodeSmtpServer',
    'decodeSocksServer',
  ],
  ...[
    'decodeArp',
    'decodeAyiya',
    'decodeEthernet',
    'decodeEtherType',
    'decodeMacsec',
    'decodeFixedTag',
    'decodeFrame',
    'decodeFrameRelay',
    'decodeGeneve',
    'decodeGre',
    'decodeGtp',
    'decodeIcmp',
    'decodeIpv4',
    'decodeIpv6',
    'decodeL2tp',
    'decodeLink',
    'decodeLlc',
    'decodeMpls',
    'decodeNsh',
    'decodePbb',
    'decodePpp',
    'decodePppoe',
    'decodeCiscoHdlc',
    'decodePppOrHdlc',
    'decodeTcp',
    'decodeTeredo',
    'decodeTransport',
    'decodeUdp',
    'decodeVxlan',
    'decodeVxlanGpe',
    'decodeWlan',
    'decodeRadiotap',
    'decodePrism',
    'decodePpi',
  ],
  ...['decodeTemplates', 'decodeRecords'],
  ...['decodePcapHeader', 'decodeSection', 'decodeInterface', 'decodeInterfaceDrops'],
];
