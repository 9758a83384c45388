import { safeText, UserError } from '../../../core/index.ts';
import {
  decodeIpfix,
  decodeNetflow5,
  decodeNetflow9,
  decodeSflow,
  OddityCounter,
  walkIpfix,
  walkNetflow9,
} from '../../../wire/index.ts';

/** Which formats of flow exports there are, and which one bytes are. */

export const COLLECTOR_KINDS = ['netflow-v5', 'netflow-v9', 'ipfix', 'sflow'] as const;
/** 'netflow-v5' stands for versions 1 and 7 as well. */
export type CollectorKind = (typeof COLLECTOR_KINDS)[number];

/** Ports that exporters usually send to. */
export const COLLECTOR_PORTS: readonly number[] = [2055, 4739, 6343, 9995, 9996];

/** Why bytes are none of them. */
export function describeUnknown(bytes: Uint8Array): string {
  const version = bytes.length >= 2 ? (bytes[0]! << 8) | bytes[1]! : -1;
  if (version === 8) return 'NetFlow version 8 (aggregates) is not read';
  if (version === 0 && bytes.length >= 8) {
    const sflow = (bytes[2]! << 8) | bytes[3]!;
    if (sflow === 2 || sflow === 4) return `sFlow version ${sflow} is not read, only version 5`;
    if (sflow === 5) return 'sFlow that is cut short, not asked for, or without a time of its own';
  }
  if (version === 1 || version === 5 || version === 7 || version === 9)
    return `NetFlow version ${version} that is cut short or not asked for`;
  if (version === 10) return 'IPFIX that is cut short or not asked for';
  return `no NetFlow, IPFIX or sFlow: it begins with ${hexOf(bytes)}`;
}

function hexOf(bytes: Uint8Array): string {
  return bytes.length === 0
    ? 'nothing'
    : Array.from(bytes.subarray(0, 4), (b) => b.toString(16).padStart(2, '0')).join(' ');
}

/** Before it, no exporter had a clock that was set: 2000-01-01. */
const EARLIEST_EXPORT_MS = 946_684_800_000;

/** Whether a file begins like datagrams of NetFlow or IPFIX, one after the other. */
export function looksLikeNetflow(head: Uint8Array): boolean {
  const header =
    decodeNetflow5(head, 0, head.length) ?? decodeNetflow9(head, 0, head.length) ?? decodeIpfix(head, 0, head.length);
  return header !== undefined && header.exportMs >= EARLIEST_EXPORT_MS;
}

/** Whether [at, end) is a whole datagram of one of the formats, by its content alone: its lengths must come out even. */
export function isCollectorDatagram(bytes: Uint8Array, at: number, end: number): boolean {
  const v5 = decodeNetflow5(bytes, at, end);
  if (v5 !== undefined) return v5.length === end - at && v5.exportMs >= EARLIEST_EXPORT_MS;
  const v9 = decodeNetflow9(bytes, at, end);
  if (v9 !== undefined) {
    if (v9.exportMs < EARLIEST_EXPORT_MS || end - at < 24) return false;
    const oddities = new OddityCounter();
    walkNetflow9(bytes, at, end, oddities, () => undefined);
    return oddities.of('netflow.lying-length') === 0;
  }
  const ipfix = decodeIpfix(bytes, at, end);
  if (ipfix !== undefined) {
    if (ipfix.exportMs < EARLIEST_EXPORT_MS || ipfix.length !== end - at) return false;
    const oddities = new OddityCounter();
    walkIpfix(bytes, at, end, oddities, () => undefined);
    return oddities.of('netflow.lying-length') === 0;
  }
  const sflow = decodeSflow(bytes, at, end);
  return sflow !== undefined && sflow.samples > 0 && sflow.samples <= 512;
}

/** Magic number of nfcapd's files (nfdump, nffile.h), in either byte order, and a layout that exists. */
export function looksLikeNfcapd(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const [a, b, c, d] = head;
  return (
    (a === 0x0c && b === 0xa5 && (c === 1 || c === 2) && d === 0) ||
    (a === 0xa5 && b === 0x0c && c === 0 && (d === 1 || d === 2))
  );
}

/** What to do with a file of nfcapd. */
export function nfcapdError(name: string): UserError {
  return new UserError(
    `${safeText(name)} is a file of nfcapd, which only nfdump reads`,
    `nfdump -r ${safeText(name)} -o csv > flows.csv, then read flows.csv`,
  );
}
