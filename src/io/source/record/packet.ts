import type { ColumnSpec, Schema } from '../../../core/index.ts';
import type { JsonObject } from './json.ts';

/** The packet record, the one schema of records that is known beforehand. */

/** Columns that every table of records has in front: when it came, when it happened, and from whom. */
export const OWN_COLUMNS: readonly ColumnSpec[] = [
  { name: 'arrivalMs', kind: 'float64', unit: 'ms since 1970 UTC', meaning: 'When the record came in.' },
  {
    name: 'timeMs',
    kind: 'float64',
    unit: 'ms since 1970 UTC',
    meaning: 'Time of what the record tells, from the record itself; missing where it carries none.',
  },
  {
    name: 'agent',
    kind: 'string',
    unit: '',
    meaning: 'Who sent it: the name that the agent gave itself, else its address; missing for a stream of one sender.',
  },
];

/** One record per packet group, as simple simulators and sensors stream them: `{"src_port": 443, "dst_port": 51234, "packet_size": 1200, "duration_ms": 80, "protocol": "TCP"}`. */
export const PACKET_RECORD_SCHEMA: Schema = {
  name: 'packet-records',
  version: 1,
  columns: [
    ...OWN_COLUMNS,
    { name: 'src_port', kind: 'int32', unit: 'port', meaning: 'Port of the sender.' },
    { name: 'dst_port', kind: 'int32', unit: 'port', meaning: 'Port of the receiver.' },
    { name: 'packet_size', kind: 'float64', unit: 'bytes', meaning: 'Size of the packet.' },
    { name: 'duration_ms', kind: 'float64', unit: 'ms', meaning: 'How long it took.' },
    { name: 'protocol', kind: 'string', unit: '', meaning: 'TCP, UDP or UNKNOWN, as the sender wrote it.' },
  ],
};

export const PACKET_RECORD_KEYS = ['src_port', 'dst_port', 'packet_size', 'duration_ms', 'protocol'] as const;

/** Why a value does not belong into a packet record's field, undefined where it does. */
export function packetFieldFault(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (name === 'protocol')
    return typeof value === 'string' && value.length <= 64
      ? undefined
      : 'protocol: expected text of 1 to 64 characters';
  if (name.endsWith('_port'))
    return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535
      ? undefined
      : `${name}: expected an integer from 0 to 65535`;
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? undefined
    : `${name}: expected a number from 0`;
}

/** True where a record has what only packet records have: both ports, and a size or a duration, and no address. */
export function looksLikePacketRecord(record: JsonObject): boolean {
  return (
    Object.hasOwn(record, 'src_port') &&
    Object.hasOwn(record, 'dst_port') &&
    (Object.hasOwn(record, 'packet_size') || Object.hasOwn(record, 'duration_ms')) &&
    !Object.hasOwn(record, 'src_ip') &&
    !Object.hasOwn(record, 'dst_ip')
  );
}
