export * from './answer-store.ts';
export * from './ask.ts';
export * from './compare.ts';
export * from './context.ts';
export * from './fixture.ts';
export * from './metrics.ts';
export * from './stored-report.ts';
export * from './stored-result.ts';
