/** JSON records that come in a stream: lines, times, tables. */

export { EVENT_TIME_NAMES, eventTime, parseTime } from './event-time.ts';
export { flattenRecord, type RecordValue } from './flat.ts';
export { RecordIntake, type RecordIntakeOptions } from './intake.ts';
export { fieldOf, isObject, type JsonObject, kindOf, parseRecord, shallowJson } from './json.ts';
export { LineSplitter } from './line.ts';
export { PACKET_RECORD_SCHEMA } from './packet.ts';
export {
  type ArrivedRecord,
  type RecordCounts,
  type RecordShape,
  RecordTyper,
  type RecordTyperOptions,
} from './typer.ts';
