import { expect, it } from 'vitest';
import { models } from '../../model/index.ts';
import { defaultAlgorithm, recipeOf, withRecipe } from './recipe.ts';

it('a recipe goes into the encoding and comes out of it, beside what was learned', () => {
  const encoding = withRecipe({ kind: 'auto', rows: 3, features: [], texts: {} }, { rows: 'rows', without: ['class'] });
  expect(encoding).toMatchObject({ kind: 'auto', rows: 3 });
  expect(recipeOf({ encoding })).toEqual({ rows: 'rows', without: ['class'] });
  expect(recipeOf({ encoding: withRecipe(undefined, { rows: 'flows', homeNet: ['10.0.0.0/8'] }) })).toEqual({
    rows: 'flows',
    homeNet: ['10.0.0.0/8'],
  });
});

it('a model without a recipe is read by what its encoding is of', () => {
  expect(recipeOf({ encoding: undefined })).toEqual({ rows: 'flows' });
  expect(recipeOf({ encoding: { kind: 'auto' } })).toEqual({ rows: 'rows' });
  expect(() => recipeOf({ encoding: { kind: 'definitions' } })).toThrow(
    'the model was fitted with written definitions, which are not in its file',
  );
  expect(recipeOf({ encoding: { kind: 'definitions' } }, true)).toEqual({ rows: 'rows' });
});

it('a recipe that is not sound is a clear error', () => {
  for (const recipe of [
    null,
    7,
    [],
    { rows: 'other' },
    { rows: 'rows', without: [3] },
    { rows: 'rows', more: 1 },
    { rows: 'rows', types: { a: 'blob' } },
  ])
    expect(() => recipeOf({ encoding: { kind: 'auto', recipe } })).toThrow(
      'the model file is damaged: its recipe is not sound',
    );
});

it('the kind that is fitted by default is one of the kinds', () => {
  expect(models.map(({ kind }) => kind)).toContain(defaultAlgorithm());
});
