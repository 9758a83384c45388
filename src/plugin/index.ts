/** Floor 6: plugins as data: the manifest, the messages to and from their processes, and what is checked in an answer. */
export * from './answer.ts';
export * from './batch.ts';
export * from './frame.ts';
export * from './function.ts';
export * from './manifest.ts';
