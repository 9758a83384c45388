/** Floor 10: assembly from configuration: the batch analysis. */
export * from './analyze.ts';
export * from './baseline.ts';
export * from './classify.ts';
export * from './config.ts';
export * from './cut.ts';
export * from './device.ts';
export * from './drift.ts';
export * from './flows.ts';
export { LearningModel, type LearningOptions, parseRetrainEvery, type RetrainEvery } from './learning.ts';
export * from './live.ts';
export * from './model/index.ts';
export * from './parallel/index.ts';
export { pluginPlan } from './plugin.ts';
export * from './retrain.ts';
export * from './table/index.ts';
export * from './version.ts';
