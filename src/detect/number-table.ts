export { NO_ROW, NumberSet, OwnedRows, Salt, widened } from '../core/index.ts';
