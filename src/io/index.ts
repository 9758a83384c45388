/** Floor 9: the world: sources, sinks, scratch files. */
export * from './capture/index.ts';
export * from './llm/index.ts';
export * from './plugin/index.ts';
export * from './scratch.ts';
export * from './sink/capture.ts';
export * from './sink/connection-sheet.ts';
export * from './sink/dead-letter.ts';
export * from './sink/file.ts';
export * from './source/address.ts';
export * from './source/agent/index.ts';
export * from './source/binetflow.ts';
export {
  type ConnectionSheet,
  looksLikeConnectionSheet,
  type OtherSheet,
  openConnectionSheet,
  parseConnectionCsv,
  parseConnectionXlsx,
  readConnectionSheet,
  SHEET_COLUMNS,
  SHEET_NOTES,
  type SheetCell,
  type SheetColumn,
  type SheetConnection,
  type SheetEnd,
  type SheetPort,
  type SheetProblem,
  type SheetRow,
  sheetFlows,
} from './source/connection-sheet.ts';
export * from './source/csv/index.ts';
export * from './source/delimited.ts';
export * from './source/elasticsearch/index.ts';
export * from './source/flow-writer.ts';
export * from './source/folder-watch.ts';
export * from './source/follow.ts';
export * from './source/format.ts';
export { ROW_FORMATS } from './source/formats.ts';
export * from './source/input.ts';
export * from './source/ledger.ts';
export * from './source/lines.ts';
export * from './source/live.ts';
export * from './source/micro-batch.ts';
export * from './source/netflow/index.ts';
export * from './source/nfdump.ts';
export * from './source/peek.ts';
export {
  type ArrivedRecord,
  EVENT_TIME_NAMES,
  type JsonObject,
  PACKET_RECORD_SCHEMA,
  type RecordCounts,
  RecordIntake,
  type RecordIntakeOptions,
  type RecordShape,
  RecordTyper,
  type RecordTyperOptions,
} from './source/record/index.ts';
export * from './source/stream-client.ts';
export * from './source/table-source.ts';
export * from './source/threat-list.ts';
export * from './source/udp-collector.ts';
export * from './source/windows.ts';
export * from './source/zeek/index.ts';
export { SYSTEM_TIMING, type Timing } from './timing.ts';
