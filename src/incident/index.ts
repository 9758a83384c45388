/** Floor 6: detections to incidents. */
export * from './budget.ts';
export * from './evidence.ts';
export * from './feedback.ts';
export * from './group.ts';
export * from './incident.ts';
export * from './kind.ts';
export { WHOLE_TABLE } from './kind-record.ts';
export * from './reliability.ts';
export * from './severity.ts';
export * from './story.ts';
export * from './suppression.ts';
export * from './technique.ts';
export * from './words.ts';
