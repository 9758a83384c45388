import type { StringColumn, Table } from '../../core/index.ts';
import type { FlowColumnName } from '../schema.ts';
import type { FlowField } from './field.ts';

/** Tests of rows, and what they are made of: a condition waits for the batch, so that nothing is looked up by name while rows are tested. */

export type RowTest = (row: number) => boolean;

/** A condition that waits for the batch. */
export type Condition = (table: Table) => RowTest;

/** A test on a text column, asked once for each entry of the batch's dictionary. */
export function texts(name: FlowColumnName, test: (text: string) => boolean): Condition {
  return (table) => {
    const { codes, dictionary }: StringColumn = table.strings(name);
    const verdicts = new Uint8Array(dictionary.length);
    return (row) => {
      const code = codes[row];
      if (code < 0) return false;
      if (verdicts[code] === 0) verdicts[code] = test(dictionary[code]) ? 2 : 1;
      return verdicts[code] === 2;
    };
  };
}

export function negated(condition: Condition): Condition {
  return (table) => {
    const test = condition(table);
    return (row) => !test(row);
  };
}

export function guardOf(field: FlowField): Condition | undefined {
  const { protocol } = field;
  return protocol === undefined ? undefined : texts('protocol', (text) => text === protocol);
}

export function isNumeric(field: FlowField): boolean {
  return field.kind !== 'address' && field.kind !== 'mac' && field.kind !== 'text';
}
