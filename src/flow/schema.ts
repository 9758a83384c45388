import {
  type NumberColumn,
  numberAt,
  type Schema,
  type StringColumn,
  type Table,
  TableBuilder,
  textAt,
} from '../core/index.ts';

/**
 * The flow table: one row per conversation, or per stretch of one that the active timeout cut. Every source maps to these columns;
 * what a source can't give is missing. The definition below is the only one: `anomalyst fields`, flows.csv and the reference page derive from it.
 */
const FLOW_COLUMN_LIST = [
  {
    name: 'id',
    kind: 'int32',
    unit: '',
    meaning: 'Number of the flow in this run, from 1, in the order in which flows ended.',
  },
  { name: 'startMs', kind: 'float64', unit: 'ms since 1970 UTC', meaning: 'Time of the earliest packet.' },
  { name: 'endMs', kind: 'float64', unit: 'ms since 1970 UTC', meaning: 'Time of the latest packet.' },
  { name: 'durationMs', kind: 'float64', unit: 'ms', meaning: 'endMs minus startMs; 0 for a single packet.' },
  {
    name: 'protocol',
    kind: 'string',
    unit: '',
    meaning:
      'tcp, udp, icmp, icmpv6, arp, or another IP protocol by name (igmp, sctp, gre, esp ...) or number (ip-253).',
  },
  {
    name: 'initiator',
    kind: 'string',
    unit: 'address',
    meaning:
      'Who started the conversation: sender of the first SYN, of the request, else of the first packet (see flow direction in docs/design.md).',
  },
  {
    name: 'initiatorPort',
    kind: 'int32',
    unit: 'port',
    meaning: 'TCP, UDP or SCTP port of the initiator; missing for other protocols.',
  },
  { name: 'responder', kind: 'string', unit: 'address', meaning: 'The other side. For ARP, the address asked for.' },
  {
    name: 'responderPort',
    kind: 'int32',
    unit: 'port',
    meaning: 'TCP, UDP or SCTP port of the responder; missing for other protocols.',
  },
  { name: 'icmpType', kind: 'int32', unit: '', meaning: 'ICMP or ICMPv6 type of the first packet.' },
  { name: 'icmpCode', kind: 'int32', unit: '', meaning: 'ICMP or ICMPv6 code of the first packet.' },
  { name: 'vlan', kind: 'int32', unit: 'VLAN id', meaning: 'Outermost 802.1Q or 802.1ad VLAN id of the first packet.' },
  {
    name: 'initiatorMac',
    kind: 'string',
    unit: 'MAC',
    meaning: 'Ethernet address on the initiator side, from the first packet.',
  },
  {
    name: 'responderMac',
    kind: 'string',
    unit: 'MAC',
    meaning:
      'Ethernet address on the responder side, from the first packet; it may be a router or a broadcast address.',
  },
  { name: 'initiatorPackets', kind: 'int32', unit: 'packets', meaning: 'Packets from the initiator.' },
  { name: 'responderPackets', kind: 'int32', unit: 'packets', meaning: 'Packets from the responder.' },
  {
    name: 'initiatorBytes',
    kind: 'float64',
    unit: 'bytes',
    meaning: 'Bytes of whole frames on the wire from the initiator, as tshark counts them.',
  },
  {
    name: 'responderBytes',
    kind: 'float64',
    unit: 'bytes',
    meaning: 'Bytes of whole frames on the wire from the responder.',
  },
  {
    name: 'initiatorPayloadBytes',
    kind: 'float64',
    unit: 'bytes',
    meaning: 'Transport payload bytes from the initiator, without headers and padding; retransmissions count again.',
  },
  {
    name: 'responderPayloadBytes',
    kind: 'float64',
    unit: 'bytes',
    meaning: 'Transport payload bytes from the responder.',
  },
  {
    name: 'iatMeanMs',
    kind: 'float64',
    unit: 'ms',
    meaning: 'Mean time between one packet and the next, both directions together; missing for a single packet.',
  },
  {
    name: 'iatSdMs',
    kind: 'float64',
    unit: 'ms',
    meaning: 'Population standard deviation of the times between packets.',
  },
  {
    name: 'iatMinMs',
    kind: 'float64',
    unit: 'ms',
    meaning: 'Shortest time between packets; 0 where the clock ran backwards.',
  },
  { name: 'iatMaxMs', kind: 'float64', unit: 'ms', meaning: 'Longest time between packets.' },
  {
    name: 'handshakeMs',
    kind: 'float64',
    unit: 'ms',
    meaning: 'Round-trip time of the TCP handshake, SYN to ACK; missing where it was not seen whole.',
  },
  {
    name: 'initiatorRetransmissions',
    kind: 'int32',
    unit: 'segments',
    meaning:
      "TCP segments that the initiator sent again, in the sense of Wireshark's tcp.analysis.retransmission; SYN and FIN included.",
  },
  {
    name: 'responderRetransmissions',
    kind: 'int32',
    unit: 'segments',
    meaning:
      "TCP segments that the responder sent again, in the sense of Wireshark's tcp.analysis.retransmission; SYN and FIN included.",
  },
  {
    name: 'initiatorOutOfOrder',
    kind: 'int32',
    unit: 'segments',
    meaning: 'TCP segments of the initiator that were overtaken on the way.',
  },
  {
    name: 'responderOutOfOrder',
    kind: 'int32',
    unit: 'segments',
    meaning: 'TCP segments of the responder that were overtaken on the way.',
  },
  {
    name: 'initiatorMissingBytes',
    kind: 'float64',
    unit: 'bytes',
    meaning: 'Bytes of the initiator that were never seen: lost on the way, or missed by the capture.',
  },
  {
    name: 'responderMissingBytes',
    kind: 'float64',
    unit: 'bytes',
    meaning: 'Bytes of the responder that were never seen: lost on the way, or missed by the capture.',
  },
  {
    name: 'initiatorKeepAlives',
    kind: 'int32',
    unit: 'segments',
    meaning: 'TCP keep-alives of the initiator.',
  },
  {
    name: 'responderKeepAlives',
    kind: 'int32',
    unit: 'segments',
    meaning: 'TCP keep-alives of the responder.',
  },
  {
    name: 'initiatorZeroWindows',
    kind: 'int32',
    unit: 'segments',
    meaning: 'TCP segments in which the initiator said that it has no room.',
  },
  {
    name: 'responderZeroWindows',
    kind: 'int32',
    unit: 'segments',
    meaning: 'TCP segments in which the responder said that it has no room.',
  },
  {
    name: 'initiatorResets',
    kind: 'int32',
    unit: 'segments',
    meaning: 'TCP resets of the initiator.',
  },
  {
    name: 'responderResets',
    kind: 'int32',
    unit: 'segments',
    meaning: 'TCP resets of the responder.',
  },
  {
    name: 'initiatorFlags',
    kind: 'string',
    unit: '',
    meaning: 'TCP flags that the initiator ever set, in the order CEUAPRSF; TCP only.',
  },
  {
    name: 'responderFlags',
    kind: 'string',
    unit: '',
    meaning: 'TCP flags that the responder ever set, in the order CEUAPRSF; TCP only.',
  },
  {
    name: 'tcpState',
    kind: 'string',
    unit: '',
    meaning:
      "State at the end in Zeek's conn_state letters: S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, OTH.",
  },
  {
    name: 'closeReason',
    kind: 'string',
    unit: '',
    meaning:
      'Why the row was written: fin, rst, idle, active (timeout cut it, it goes on), reuse (a new connection on the same ports), evicted (table full), end (of input).',
  },
  {
    name: 'continued',
    kind: 'int32',
    unit: '0 or 1',
    meaning:
      '1 where the active timeout had cut the same conversation before, so this row goes on from an earlier one.',
  },
  {
    name: 'outcome',
    kind: 'string',
    unit: '',
    meaning:
      'answered, refused (RST to a SYN), unanswered, or unknown (the beginning was not seen, or the protocol expects no answer).',
  },
  {
    name: 'icmpErrors',
    kind: 'int32',
    unit: 'packets',
    meaning:
      'ICMP errors that speak of this flow (RFC 792, RFC 4443); they are counted here and are flows of their own too.',
  },
  {
    name: 'icmpError',
    kind: 'string',
    unit: '',
    meaning: 'The latest of them: port-unreachable, host-unreachable, prohibited, time-exceeded, packet-too-big, ...',
  },
  {
    name: 'tunnel',
    kind: 'string',
    unit: '',
    meaning:
      'Innermost tunnel that the first packet came in: gre, vxlan, geneve, gtp, ipip, 6in4, teredo, mpls, ...; missing outside of tunnels.',
  },
  {
    name: 'tunnelId',
    kind: 'float64',
    unit: '',
    meaning: 'Number of that tunnel: VNI, key, label, TEID; missing where it has none.',
  },
  {
    name: 'outerInitiator',
    kind: 'string',
    unit: 'address',
    meaning: 'Address of the outermost tunnel on the initiator side; missing without an IP tunnel.',
  },
  {
    name: 'outerResponder',
    kind: 'string',
    unit: 'address',
    meaning: 'Address of the outermost tunnel on the responder side.',
  },
  {
    name: 'service',
    kind: 'string',
    unit: '',
    meaning: 'Application protocol: dns, tls, http, ssh, ...; missing where neither content nor port says.',
  },
  {
    name: 'serviceBasis',
    kind: 'string',
    unit: '',
    meaning: 'What the service rests on: content, or port (a guess from the responder port).',
  },
  {
    name: 'portService',
    kind: 'string',
    unit: '',
    meaning:
      'Service that usually has the responder port, whatever the content says; missing for ports that say nothing.',
  },
  {
    name: 'serverName',
    kind: 'string',
    unit: 'name',
    meaning: 'Server name (SNI) of the TLS ClientHello. Text from the network.',
  },
  {
    name: 'alpn',
    kind: 'string',
    unit: '',
    meaning:
      'Application protocols offered in the TLS ClientHello, comma-separated; where that was not seen, the one that the server chose. Text from the network.',
  },
  {
    name: 'tlsVersion',
    kind: 'string',
    unit: '',
    meaning: 'TLS version that the server chose, else the highest that the client offered: TLS 1.2, TLS 1.3, ...',
  },
  {
    name: 'ja3',
    kind: 'string',
    unit: '',
    meaning: 'JA3 fingerprint of the ClientHello, MD5 in hex.',
  },
  {
    name: 'ja3s',
    kind: 'string',
    unit: '',
    meaning: 'JA3S fingerprint of the ServerHello, MD5 in hex.',
  },
  {
    name: 'ja4',
    kind: 'string',
    unit: '',
    meaning: 'JA4 fingerprint of the ClientHello, over TCP, QUIC or DTLS.',
  },
  {
    name: 'certificateSubject',
    kind: 'string',
    unit: 'name',
    meaning:
      'Subject of the server certificate where it goes in clear (TLS 1.2 and below): common name, else organisation. Text from the network.',
  },
  {
    name: 'certificateIssuer',
    kind: 'string',
    unit: 'name',
    meaning: 'Issuer of the server certificate. Text from the network.',
  },
  {
    name: 'certificateFromMs',
    kind: 'float64',
    unit: 'ms since 1970 UTC',
    meaning: 'Beginning of the validity of the server certificate.',
  },
  {
    name: 'certificateToMs',
    kind: 'float64',
    unit: 'ms since 1970 UTC',
    meaning: 'End of the validity of the server certificate.',
  },
  {
    name: 'httpHost',
    kind: 'string',
    unit: 'name',
    meaning: 'Host header of the first HTTP/1 request. Text from the network.',
  },
  {
    name: 'httpRequest',
    kind: 'string',
    unit: '',
    meaning: 'Method and target of the first HTTP/1 request, at most 256 characters. Text from the network.',
  },
  {
    name: 'httpStatus',
    kind: 'int32',
    unit: '',
    meaning: 'Status code of the first HTTP/1 response, interim ones (100, 103) left aside.',
  },
  {
    name: 'dnsQuery',
    kind: 'string',
    unit: 'name',
    meaning: 'Name in the first DNS question, lower case. Text from the network.',
  },
  {
    name: 'dnsType',
    kind: 'string',
    unit: '',
    meaning: 'Type of the first DNS question: A, AAAA, TXT, ... or TYPE<n>.',
  },
  {
    name: 'dnsRcode',
    kind: 'string',
    unit: '',
    meaning: 'Response code of the first DNS answer: NOERROR, NXDOMAIN, ... or RCODE<n>.',
  },
  {
    name: 'dnsAnswers',
    kind: 'string',
    unit: '',
    meaning:
      'Answers to the first DNS question, as text, joined by commas; cut at 1,024 characters. Text from the network.',
  },
  {
    name: 'dnsTtl',
    kind: 'float64',
    unit: 's',
    meaning: 'Least time to live among those answers.',
  },
  {
    name: 'client',
    kind: 'string',
    unit: '',
    meaning:
      'Software of the initiator, as it says itself: User-Agent, SSH banner, DHCP vendor class, ... Text from the network.',
  },
  {
    name: 'server',
    kind: 'string',
    unit: '',
    meaning: 'Software of the responder, as it says itself: Server header, banner, ... Text from the network.',
  },
  {
    name: 'hostname',
    kind: 'string',
    unit: 'name',
    meaning: 'Name that the initiator gives itself: in DHCP, NetBIOS, mDNS, NTLM. Text from the network.',
  },
  {
    name: 'user',
    kind: 'string',
    unit: 'name',
    meaning: 'User name in a login that is readable on the wire; passwords are never kept. Text from the network.',
  },
  {
    name: 'login',
    kind: 'string',
    unit: '',
    meaning: 'How that login went: accepted, refused, or unknown; that of SSH by the lengths of encrypted answers.',
  },
  {
    name: 'operations',
    kind: 'string',
    unit: '',
    meaning:
      'What was asked for, in order, each once, at most 16: commands, remote procedure calls, shares, topics, ...; refusals, such as TLS alerts; and password in clear, where that of a login could be read. Text from the network.',
  },
  {
    name: 'initiatorFirstBytes',
    kind: 'string',
    unit: 'hex',
    meaning: 'First payload bytes of the initiator, at most 16, ending before a password or an SNMP community.',
  },
  {
    name: 'responderFirstBytes',
    kind: 'string',
    unit: 'hex',
    meaning: 'First payload bytes of the responder, at most 16, ending before a password or an SNMP community.',
  },
  {
    name: 'communityId',
    kind: 'string',
    unit: '',
    meaning:
      'Community ID 1.0 with seed 0, the same string that Zeek, Suricata and Arkime write; missing where the specification defines none.',
  },
  {
    name: 'firstFrame',
    kind: 'float64',
    unit: 'frame number',
    meaning: 'Number of the first packet of the row in its input, from 1, as Wireshark shows it.',
  },
  {
    name: 'input',
    kind: 'int32',
    unit: 'input number',
    meaning: 'Which input the first packet came from: its position, from 1, in the list under run.inputs.',
  },
] as const;

export type FlowColumnName = (typeof FLOW_COLUMN_LIST)[number]['name'];

export const FLOW_SCHEMA: Schema = { name: 'flows', version: 1, columns: FLOW_COLUMN_LIST };

/** Position of every flow column in the schema. */
export const FLOW_COLUMN: Readonly<Record<FlowColumnName, number>> = Object.fromEntries(
  FLOW_COLUMN_LIST.map((spec, i) => [spec.name, i]),
) as Record<FlowColumnName, number>;

type NumberColumnName = Extract<(typeof FLOW_COLUMN_LIST)[number], { kind: 'float64' | 'int32' }>['name'];
type StringColumnName = Extract<(typeof FLOW_COLUMN_LIST)[number], { kind: 'string' }>['name'];

/** One flow as an object, for evidence and for code that looks at few of them. A key is absent where the value is missing. */
export type FlowRecord = { readonly [K in NumberColumnName]?: number } & { readonly [K in StringColumnName]?: string };

/** The columns of a flow table by name, bound once per batch. */
export type FlowBatch = { readonly rowCount: number; readonly table: Table } & {
  readonly [K in NumberColumnName]: NumberColumn;
} & { readonly [K in StringColumnName]: StringColumn };

/** Binds the columns of a flow table, once for all who ask. Throws when the table is of another schema. */
export function bindFlows(table: Table): FlowBatch {
  const known = BOUND.get(table);
  if (known !== undefined) return known;
  const bound = bind(table);
  BOUND.set(table, bound);
  return bound;
}

const BOUND = new WeakMap<Table, FlowBatch>();

function bind(table: Table): FlowBatch {
  if (table.schema.name !== FLOW_SCHEMA.name) throw new Error(`expected a flow table, got '${table.schema.name}'`);
  // Not member by member: that ends in a hash table, and every look at a column of every row becomes a search in it.
  const columns = FLOW_COLUMN_LIST.map((spec, i): [string, unknown] => [spec.name, table.columns[i]]);
  return Object.fromEntries([['rowCount', table.rowCount], ['table', table], ...columns]) as FlowBatch;
}

/** One row as an object. */
export function flowRecord(table: Table, row: number): FlowRecord {
  const members: [string, number | string][] = [];
  for (let i = 0; i < FLOW_COLUMN_LIST.length; i++) {
    const column = table.columns[i];
    const value = column.kind === 'string' ? textAt(column, row) : numberAt(column, row);
    if (value !== undefined) members.push([FLOW_COLUMN_LIST[i].name, value]);
  }
  // As in `bindFlows`: of the two kinds of objects that V8 has, this is the small one.
  return Object.fromEntries(members) as FlowRecord;
}

/** A flow table from records, for sources that have rows rather than packets, and for tests. A key that is absent is missing. */
export function flowTable(records: readonly FlowRecord[]): Table {
  const builder = new TableBuilder(FLOW_SCHEMA, Math.max(1, records.length));
  for (const record of records) {
    const row = builder.addRow();
    for (const [name, value] of Object.entries(record)) {
      const column = FLOW_COLUMN[name as FlowColumnName];
      if (typeof value === 'number') builder.setNumber(column, row, value);
      else if (typeof value === 'string') builder.setText(column, row, value);
    }
  }
  return builder.finish();
}
