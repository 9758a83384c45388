export { NO_ROW, NumberSet, OwnedRows, widened } from '../core/index.ts';
