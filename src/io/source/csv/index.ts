/** Delimited text as tables. */

export { type CsvOptions, looksLikeCsv, openCsv } from './source.ts';
