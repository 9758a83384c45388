/** The logs of Zeek, in its own format and in JSON, as flows. */

export { openZeekFlows, type ZeekFlowOptions } from './flow.ts';
export { holdsConnections, rotationOf, type ZeekLog, zeekGivesFlows } from './log.ts';
export * from './tsv.ts';
