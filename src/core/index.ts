/** Floor 0: tables, time, seeded random, statistics, errors, canonical JSON. */
export * from './canonical.ts';
export * from './cell.ts';
export * from './column-writer.ts';
export * from './error.ts';
export * from './expression.ts';
export * from './few.ts';
export * from './module-file.ts';
export * from './random.ts';
export * from './sha1.ts';
export * from './stats.ts';
export * from './table.ts';
export * from './table-codec.ts';
export * from './table-join.ts';
export * from './text.ts';
export * from './text-dictionary.ts';
export * from './text-memo.ts';
export * from './time.ts';
