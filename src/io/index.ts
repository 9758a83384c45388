/** Floor 9: the world: sources, sinks, scratch files. */
export * from './capture/index.ts';
export * from './scratch.ts';
export * from './sink/capture.ts';
export * from './sink/dead-letter.ts';
export * from './sink/file.ts';
export * from './source/agent-listener.ts';
export * from './source/follow.ts';
export * from './source/format.ts';
export * from './source/input.ts';
export * from './source/live.ts';
export * from './source/micro-batch.ts';
export * from './source/netflow.ts';
export * from './source/netflow-pairing.ts';
export * from './source/peek.ts';
export * from './source/record-stream.ts';
export * from './source/stream-client.ts';
export * from './source/table-source.ts';
export { ROW_FORMATS } from './source/formats.ts';
