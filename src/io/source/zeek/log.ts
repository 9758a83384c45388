import * as path from 'node:path';
import { UserError } from '../../../core/index.ts';
import type { FlowColumnName } from '../../../flow/index.ts';
import type { ByteSource } from '../input.ts';
import { peekHead, RowTally } from '../lines.ts';
import { PROTOCOLS } from './protocol.ts';
import { looksLikeZeek, ZeekReader, zeekPathOf } from './tsv.ts';

/** The logs of a set: what each of them is, where it belongs in the order of reading, and what it gives. */

/** One log of a set. `open` may be called twice unless the input is a stream: once to see what it is. */
export interface ZeekLog {
  readonly name: string;
  open(): Promise<ByteSource>;
}

/** What a log turned out to be. */
export interface SeenLog {
  readonly log: ZeekLog;
  readonly path: string;
  readonly fields: readonly string[];
  /** A stream can't be opened again, so it stays open. */
  source: ByteSource | undefined;
  readonly size: number | undefined;
  readonly compression: string;
  readonly rotation: string;
}

export async function look(log: ZeekLog): Promise<SeenLog> {
  const opened = await log.open();
  let peeked: { head: Uint8Array; source: ByteSource };
  try {
    peeked = await peekHead(opened);
  } catch (error) {
    opened.close();
    throw error;
  }
  const { head, source } = peeked;
  if (head.length > 0 && !looksLikeZeek(head)) {
    source.close();
    throw new UserError(
      `${log.name} is no Zeek log: it does not begin with #separator`,
      'give the logs of Zeek in its own format; JSON logs are read by themselves',
    );
  }
  // The first head alone: only what stands in it is promised.
  const tally = new RowTally();
  let given = false;
  const read = (into: Uint8Array): number => {
    if (given) return 0;
    given = true;
    into.set(head);
    return head.length;
  };
  const reader = new ZeekReader({ ...source, read, close: () => undefined }, tally);
  let row = -1;
  try {
    while (row < 0 && (await reader.load())) row = reader.row();
  } catch (error) {
    source.close();
    throw error;
  }
  const isStream = source.totalBytes === undefined;
  if (!isStream) source.close();
  return {
    log,
    path: reader.header?.path || logOfFile(log.name),
    fields: reader.header?.fields ?? [],
    source: isStream ? source : undefined,
    size: source.totalBytes,
    compression: source.compression,
    rotation: rotationOf(log.name),
  };
}

/** The log that a file without #path is by its name, '' where that is none of those that hold connections: `dns` of `dns.00:00:00-01:00:00.log.gz`. */
function logOfFile(name: string): string {
  const word = /^[a-z0-9_]+/.exec(path.basename(name).toLowerCase())?.[0] ?? '';
  return holdsConnections(word) ? word : '';
}

/** Whether the rows of a log of this #path are connections, or tell of some by themselves. A tunnel is none: it is told of beside the connections in it. */
export function holdsConnections(log: string): boolean {
  return log === 'conn' || (Object.hasOwn(PROTOCOLS, log) && log !== 'tunnel');
}

/** Whether a log in Zeek's own format gives flows by itself. `head` is its beginning, decompressed. */
export function zeekGivesFlows(head: Uint8Array, name: string): boolean {
  return holdsConnections(zeekPathOf(head) ?? logOfFile(name));
}

/** Folder and time of rotation of a log by its name, so that logs of one hour come together: 2023-01-05/ and 00:00:00-01:00:00 of 2023-01-05/conn.00:00:00-01:00:00.log.gz. */
export function rotationOf(name: string): string {
  const stamp = /^[^.]+[.](.*?\d.*?)[.]log(?:$|[.])/.exec(path.basename(name))?.[1] ?? '';
  return `${path.dirname(name)}/${stamp}`;
}

/** x509 before ssl, protocols before connections. */
export function rankOf(seen: SeenLog): number {
  return seen.path === 'x509' ? 0 : seen.path === 'conn' ? 2 : 1;
}

/** Columns that conn.log gives, by field. */
const CONN_GIVES: Readonly<Record<string, readonly FlowColumnName[]>> = {
  ts: ['startMs'],
  duration: ['durationMs', 'endMs'],
  'id.orig_p': ['initiatorPort', 'icmpType'],
  'id.resp_p': ['responderPort', 'icmpCode', 'service', 'serviceBasis', 'portService'],
  orig_bytes: ['initiatorPayloadBytes'],
  resp_bytes: ['responderPayloadBytes'],
  conn_state: ['tcpState', 'closeReason'],
  missed_bytes: ['initiatorMissingBytes', 'responderMissingBytes'],
  history: ['initiatorFlags', 'responderFlags'],
  orig_pkts: ['initiatorPackets'],
  resp_pkts: ['responderPackets'],
  orig_ip_bytes: ['initiatorBytes'],
  resp_ip_bytes: ['responderBytes'],
  orig_l2_addr: ['initiatorMac'],
  resp_l2_addr: ['responderMac'],
  vlan: ['vlan'],
  community_id: ['communityId'],
};

/** Flow columns that these logs have fields for. */
export function givenBy(logs: readonly SeenLog[]): Set<FlowColumnName> {
  const gives = new Set<FlowColumnName>();
  for (const { path: log, fields } of logs) {
    if (log === 'conn') {
      for (const field of fields)
        if (Object.hasOwn(CONN_GIVES, field)) for (const column of CONN_GIVES[field] ?? []) gives.add(column);
      continue;
    }
    const protocol = Object.hasOwn(PROTOCOLS, log) ? PROTOCOLS[log] : undefined;
    if (protocol === undefined) continue;
    for (const column of ['initiatorPort', 'responderPort', 'endMs', 'service', 'serviceBasis', 'portService'] as const)
      gives.add(column);
    for (const [field, column] of Object.entries(protocol.texts ?? {}))
      if (column !== undefined && fields.includes(field)) gives.add(column);
    for (const column of protocol.notes ?? []) gives.add(column);
    if (protocol.operation?.some((field) => fields.includes(field)) || protocol.further !== undefined)
      gives.add('operations');
    if (protocol.login !== undefined && fields.includes(protocol.login)) gives.add('login');
  }
  return gives;
}
