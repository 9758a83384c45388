import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { type FitOptions, fitModel, models } from './index.ts';
import {
  checkParameters,
  describeParameter,
  PARAMETERS,
  type Parameter,
  type Parameters,
  parametersOf,
  parseParameters,
} from './parameter.ts';

const random = new Random(8);
const matrix: FeatureMatrix = {
  features: ['a', 'b', 'c', 'd'].map((name) => ({ name, unit: '', meaning: '' })),
  rowCount: 90,
  values: Float32Array.from({ length: 360 }, () => random.float() ** 2),
};
const checksums = new Map<string, string>();
const checksumOf = (kind: string, parameters: Parameters): string => {
  const key = `${kind} ${JSON.stringify(parameters)}`;
  const options: FitOptions = { seed: 1, ...parameters };
  const checksum = checksums.get(key) ?? fitModel(kind, matrix, options).checksum;
  checksums.set(key, checksum);
  return checksum;
};

describe('the table of parameters', () => {
  it('has every kind of model and no other', () => {
    expect(Object.keys(PARAMETERS).sort()).toEqual(models.map(({ kind }) => kind).sort());
  });

  it.each(models.map(({ kind }) => kind))('of %s has the defaults that fitting takes by itself', (kind) => {
    const standard = Object.fromEntries(
      parametersOf(kind).flatMap(({ name, standard: value }) => (value === undefined ? [] : [[name, value]])),
    );
    expect(checksumOf(kind, standard)).toBe(checksumOf(kind, {}));
  });

  const numbers = models.flatMap(({ kind }) =>
    parametersOf(kind).flatMap((parameter) =>
      parameter.type === 'whole' || parameter.type === 'number' ? [{ kind, name: parameter.name, parameter }] : [],
    ),
  );
  it.each(numbers)('of $kind has the bounds of $name that fitting has', ({ kind, name, parameter }) => {
    const beyond = parameter.type === 'whole' ? 1 : 1e-6;
    const below = parameter.above === true ? parameter.min : parameter.min - beyond;
    for (const value of [below, parameter.max + beyond]) {
      expect(() => checksumOf(kind, { [name]: value })).toThrow();
      expect(() => checkParameters(kind, { [name]: value })).toThrow();
    }
    const least = parameter.above === true ? 1e-3 : parameter.min;
    expect(() => checksumOf(kind, { [name]: least })).not.toThrow();
  });

  it('says what each is in a sentence, with a search inside its range', () => {
    for (const parameter of Object.values(PARAMETERS).flat()) {
      expect(parameter.meaning).toMatch(/^[A-Z].*\.$/);
      expect(describeParameter(parameter).standard).not.toBe('');
      if ((parameter.type === 'whole' || parameter.type === 'number') && parameter.search !== undefined) {
        expect(parameter.search.min).toBeGreaterThanOrEqual(parameter.min);
        expect(parameter.search.max).toBeLessThanOrEqual(parameter.max);
        expect(parameter.search.min).toBeLessThan(parameter.search.max);
      }
    }
  });

  it('changes the model by every parameter', () => {
    // Nothing lies beyond the range of what was fitted, so the guard changes the file alone.
    for (const { kind } of models)
      for (const parameter of parametersOf(kind))
        expect(checksumOf(kind, { [parameter.name]: otherThan(parameter) }), `${kind} ${parameter.name}`).not.toBe(
          checksumOf(kind, {}),
        );
  });
});

function otherThan(parameter: Parameter): number | string | boolean {
  if (parameter.type === 'switch') return !parameter.standard;
  if (parameter.type === 'choice') return parameter.choices.find((one) => one !== parameter.standard) ?? '';
  const { name, standard, min, type } = parameter;
  if (name === 'components' || name === 'combined') return 1;
  if (name === 'groupSize') return 2;
  // Fewer rows than are kept make no difference.
  if (name === 'members' || name === 'subsample' || name === 'size' || name === 'window') return Math.max(min, 40);
  if (type === 'number') return name === 'support' ? 0.9 : 0.2;
  return (standard ?? 5) + 2;
}

describe('parameters that were given', () => {
  it('are read by their types', () => {
    expect(parseParameters('knn', ['neighbours=20', 'distance = largest', 'footing=log'])).toEqual({
      neighbours: 20,
      distance: 'largest',
      footing: 'log',
    });
    expect(parseParameters('isolation-forest', ['rangeGuard=false', 'trees=1_000'])).toEqual({
      rangeGuard: false,
      trees: 1000,
    });
    expect(checkParameters('ecod', { sides: 'whole' })).toEqual({ sides: 'whole' });
  });

  it.each([
    [
      'isolation-forest',
      'tres=3',
      "--set tres=3: a model of kind 'isolation-forest' has no 'tres'",
      "did you mean 'trees'?",
    ],
    [
      'isolation-forest',
      'zzz=3',
      "--set zzz=3: a model of kind 'isolation-forest' has no 'zzz'",
      'it has trees, subsample, rangeGuard, transform',
    ],
    ['isolation-forest', 'trees', '--set trees: expected name=value', 'for example --set trees=100'],
    [
      'isolation-forest',
      'trees=0',
      '--set trees=0: expected a whole number from 1 to 10000',
      'How many trees are grown.',
    ],
    [
      'isolation-forest',
      'trees=1.5',
      '--set trees=1.5: expected a whole number from 1 to 10000',
      'How many trees are grown.',
    ],
    [
      'isolation-forest',
      'trees=',
      '--set trees=: expected a whole number from 1 to 10000',
      'How many trees are grown.',
    ],
    [
      'isolation-forest',
      'rangeGuard=yes',
      '--set rangeGuard=yes: expected true or false',
      'Whether values beyond the fitted range add to the score.',
    ],
    [
      'hbos',
      'alpha=0',
      '--set alpha=0: expected a number from above 0 to 1',
      'What is added to each density, so that an empty bin is finite.',
    ],
    [
      'knn',
      'footing=robst',
      '--set footing=robst: expected one of robust, standard, log, none',
      "did you mean 'robust'?",
    ],
    [
      'knn',
      '__proto__=1',
      "--set __proto__=1: a model of kind 'knn' has no '__proto__'",
      'it has neighbours, members, distance, footing, transform',
    ],
  ])('of %s are refused where they are wrong: %s', (kind, pair, message, hint) => {
    try {
      parseParameters(kind, [pair]);
      expect.unreachable();
    } catch (error) {
      expect([(error as Error).message, (error as { hint?: string }).hint]).toEqual([message, hint]);
    }
  });

  it('are refused twice', () => {
    expect(() => parseParameters('knn', ['members=100', 'members=200'])).toThrow(
      "--set members=200: 'members' is set twice",
    );
  });
});
