import { describe, expect, it } from 'vitest';
import { NASTY } from '../../test/support/hostile.ts';
import { type Schema, TableBuilder } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { rowCsvHeader, rowCsvLines } from './row-csv.ts';

function schemaOf(...names: string[]): Schema {
  return { name: 't', version: 1, columns: names.map((name) => ({ name, kind: 'string', unit: '', meaning: '' })) };
}
const NO_FEATURES: FeatureMatrix = { features: [], rowCount: 1, values: new Float32Array(0) };
const named = (...names: string[]): { name: string }[] => names.map((name) => ({ name }));

describe('rows.csv', () => {
  it('has a name for each column that no other has, and the names of the table as they are', () => {
    expect(rowCsvHeader(schemaOf('a', 'b'), named('a', 'b.rarity'))).toBe('row,a,b,feature:a,b.rarity,score\n');
    expect(rowCsvHeader(schemaOf('row', 'score', 'feature:row'), named('row', 'score'))).toBe(
      'run:row,row,score,feature:row,feature:feature:row,feature:score,model:score\n',
    );
  });

  it('has one line for a row and no cell that is a formula, a line break or a control character, in names as in values', () => {
    for (const text of NASTY) {
      const schema = schemaOf(text);
      const builder = new TableBuilder(schema, 1);
      builder.setText(0, builder.addRow(), text);
      for (const line of [rowCsvHeader(schema, []), rowCsvLines(builder.finish(), NO_FEATURES, undefined, [1])]) {
        expect(line.match(/\n/g)).toHaveLength(1);
        expect(line.slice(0, -1)).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]|[,;|][\s"]*[=+\-@]/u);
      }
    }
  });

  it('leaves a cell empty where a value, a feature or a score is missing, and writes times in ISO 8601', () => {
    const schema: Schema = {
      name: 't',
      version: 1,
      columns: [
        { name: 'when', kind: 'float64', unit: 'ms since 1970 UTC', meaning: '' },
        { name: 'n', kind: 'float64', unit: '', meaning: '' },
      ],
    };
    const builder = new TableBuilder(schema, 2);
    builder.setNumber(0, builder.addRow(), 1500);
    builder.setNumber(1, builder.addRow(), 0.1);
    const feature = { name: 'f', unit: '', meaning: '' };
    const features = { features: [feature], rowCount: 2, values: Float32Array.of(Number.NaN, 0.1) };
    const table = builder.finish();
    expect(rowCsvLines(table, features, undefined, [7, 8])).toBe('7,1970-01-01T00:00:01.500Z,,,\n8,,0.1,0.1,\n');
    expect(rowCsvLines(table, features, Float64Array.of(0.5, 1), [7, 8])).toBe(
      '7,1970-01-01T00:00:01.500Z,,,0.5\n8,,0.1,0.1,1\n',
    );
  });
});
