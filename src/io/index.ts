/** Floor 9: the world: sources, sinks, scratch files. */
export * from './scratch.ts';
export * from './sink/file.ts';
export * from './source/input.ts';
