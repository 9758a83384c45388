import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type StringColumn, UserError } from '../core/index.ts';
import { type NamedTexts, Vocabulary, VocabularyLearner } from './vocabulary.ts';

const column = (texts: readonly (string | undefined)[]): StringColumn => {
  const dictionary = [...new Set(texts.filter((text) => text !== undefined))];
  return {
    kind: 'string',
    codes: Int32Array.from(texts, (text) => (text === undefined ? -1 : dictionary.indexOf(text))),
    dictionary,
  };
};
const named = (name: string, texts: readonly (string | undefined)[]): NamedTexts => ({ name, column: column(texts) });
const LEARNED = [named('service', ['dns', 'dns', 'tls', undefined, 'dns', 'ssh'])];

test('a frequency is the share of the learned rows, an unknown value is rarer than any, a missing one stays missing', () => {
  const vocabulary = Vocabulary.learn(LEARNED);
  const { values, features } = vocabulary.encode([named('service', ['dns', 'ssh', 'gopher', undefined])]);
  expect(features.map((f) => f.name)).toEqual(['service.frequency']);
  expect([...values]).toEqual([0.6, 0.2, 1 / 6, Number.NaN].map(Math.fround));
});

test('one-hot has a place for each kept value and one for all others', () => {
  const vocabulary = Vocabulary.learn(LEARNED, { encoding: 'one-hot', maxValues: 2 });
  const { values, features } = vocabulary.encode([named('service', ['dns', 'ssh', 'tls', 'gopher', undefined])]);
  expect(features.map((f) => f.name)).toEqual(['service=dns', 'service=ssh', 'service=*']);
  expect([...values]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, Number.NaN, Number.NaN, Number.NaN]);
});

const texts = fc.array(fc.option(fc.constantFrom('a', 'b', 'c', '', '*', 'ä'.repeat(300)), { nil: undefined }), {
  maxLength: 30,
});

test('one record encodes like a million, whatever was learned', () => {
  fc.assert(
    fc.property(texts, texts, fc.constantFrom('frequency' as const, 'one-hot' as const), (learned, rows, encoding) => {
      const vocabulary = Vocabulary.learn([named('x', learned), named('y', [...learned].reverse())], {
        encoding,
        maxValues: 2,
      });
      const batch = vocabulary.encode([named('x', rows), named('y', rows)]);
      const width = batch.features.length;
      rows.forEach((row, i) => {
        const one = vocabulary.encode([named('x', [row]), named('y', [row])]);
        expect([...one.values]).toEqual([...batch.values.subarray(i * width, (i + 1) * width)]);
      });
    }),
  );
});

test('what was saved encodes the same, and the order of the rows that were learned plays no part', () => {
  fc.assert(
    fc.property(texts, texts, (learned, rows) => {
      const vocabulary = Vocabulary.learn([named('x', learned)], { maxValues: 2 });
      const again = Vocabulary.fromJSON(JSON.parse(JSON.stringify(vocabulary)));
      const turned = Vocabulary.learn([named('x', [...learned].reverse())], { maxValues: 2 });
      const want = [...vocabulary.encode([named('x', rows)]).values];
      expect([...again.encode([named('x', rows)]).values]).toEqual(want);
      expect(JSON.stringify(turned)).toBe(JSON.stringify(vocabulary));
    }),
  );
});

test('names of one-hot features are safe to show, and each is there once', () => {
  const values = ['*', '\u001b[31m', '\\u{1b}[31m', 'a', '*~2'];
  const { features } = Vocabulary.learn([named('x', values)], { encoding: 'one-hot' });
  expect(features.map((f) => f.name)).toEqual(['x=\\u{1b}[31m', 'x=*~2', 'x=*~2~2', 'x=\\u{1b}[31m~2', 'x=a', 'x=*']);
});

test('learning in batches is learning at once, and values beyond the bound are refused and counted', () => {
  const batches = new VocabularyLearner()
    .add([named('x', ['a', 'b'])])
    .add([named('x', ['b', undefined])])
    .finish();
  expect(batches.toJSON()).toEqual(Vocabulary.learn([named('x', ['a', 'b', 'b', undefined])]).toJSON());
  const flooded = new VocabularyLearner({ maxCounted: 10 });
  for (let i = 0; i < 1000; i++) flooded.add([named('x', [`v${i}`, 'v0'])]);
  const [learned] = flooded.finish().toJSON().columns;
  expect([learned.rows, learned.values.length, learned.refused, learned.counts[0]]).toEqual([2000, 10, 990, 1001]);
});

test('values that are longer than 256 characters are told apart by their beginning alone', () => {
  const long = 'x'.repeat(300);
  const vocabulary = Vocabulary.learn([named('x', [long, `${long}y`, 'z'])]);
  expect([...vocabulary.encode([named('x', [`${long}q`])]).values]).toEqual([Math.fround(2 / 3)]);
});

test('other columns than the learned ones are our bug', () => {
  const vocabulary = Vocabulary.learn(LEARNED);
  expect(() => vocabulary.encode([named('other', ['a'])])).toThrow(
    'a vocabulary encodes the columns that it was learned on',
  );
  expect(() => new VocabularyLearner().add(LEARNED).add([])).toThrow(
    'a vocabulary is learned on the same columns in every batch',
  );
});

test('damaged data is refused with what is wrong', () => {
  const good = JSON.parse(JSON.stringify(Vocabulary.learn(LEARNED)));
  const read = (change: (data: { columns: Record<string, unknown>[] }) => void): string | undefined => {
    const data = structuredClone(good);
    change(data);
    try {
      Vocabulary.fromJSON(data);
    } catch (error) {
      return error instanceof UserError ? error.message : undefined;
    }
    return undefined;
  };
  const first = (data: { columns: Record<string, unknown>[] }): Record<string, unknown> => data.columns[0];
  expect(read((d) => Object.assign(d, { version: 2 }))).toBe(
    'The vocabulary is damaged: it is not of the expected form.',
  );
  expect(read((d) => Object.assign(first(d), { counts: [1] }))).toBe(
    "The vocabulary is damaged: column 'service' has not as many counts as values.",
  );
  expect(read((d) => Object.assign(first(d), { values: ['a', 'a', 'b'] }))).toBe(
    "The vocabulary is damaged: column 'service' names a value twice.",
  );
  expect(read((d) => Object.assign(first(d), { rows: 4 }))).toBe(
    "The vocabulary is damaged: column 'service' counts more rows than it has.",
  );
  expect(read((d) => d.columns.push(first(d)))).toBe('The vocabulary is damaged: it names a column twice.');
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      expect(() => Vocabulary.fromJSON(json)).toThrow(UserError);
    }),
  );
});
