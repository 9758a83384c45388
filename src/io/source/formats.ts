import type { RowFormat } from './format.ts';

/** Every format of rows, the one that is told most surely first. A new one is a file and an entry here. */
export const ROW_FORMATS: readonly RowFormat[] = [];
