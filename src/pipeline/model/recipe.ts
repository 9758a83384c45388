import { z } from 'zod';
import { type Json, UserError } from '../../core/index.ts';
import type { ColumnType } from '../../io/index.ts';
import { type Model, models } from '../../model/index.ts';
import type { RowKind } from './row-set.ts';

/**
 * How the rows of a model were measured: saved with it, beside what was learned to measure them, so that the model file alone is enough to score another input.
 */
export interface Recipe {
  readonly rows: RowKind;
  /** Networks that were home, for flows. */
  readonly homeNet?: readonly string[] | undefined;
  /** Columns that were no features. */
  readonly without?: readonly string[] | undefined;
  /** Written definitions, whole, and the name of their file. */
  readonly definitions?: { readonly file: string; readonly text: string } | undefined;
  /** Types that were stated. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined;
  /** Zone of hours and weekdays. */
  readonly timeZone?: string | undefined;
}

const recipeSchema = z.strictObject({
  rows: z.enum(['flows', 'rows']),
  homeNet: z.array(z.string().max(100)).max(10_000).optional(),
  without: z.array(z.string().max(1000)).max(10_000).optional(),
  definitions: z.strictObject({ file: z.string().max(4096), text: z.string().max(4_000_000) }).optional(),
  types: z.record(z.string(), z.enum(['number', 'integer', 'text', 'time', 'boolean'])).optional(),
  timeZone: z.string().max(100).optional(),
});

/** What is saved as a model's encoding: what measuring learned, with the recipe beside it. */
export function withRecipe(encoding: Json | undefined, recipe: Recipe): Json {
  const learned = typeof encoding === 'object' && encoding !== null && !Array.isArray(encoding) ? encoding : {};
  const kind = encoding === undefined ? { kind: 'flow' } : {};
  const kept = Object.entries(recipe).filter(([, value]) => value !== undefined);
  return { ...kind, ...learned, recipe: Object.fromEntries(kept) as Json };
}

/**
 * The recipe of a model; of one that `analyze` made, which has none, it is told from the encoding. Throws a UserError for a recipe that is not sound, and for a model whose definitions are not in it.
 * @param hasDefinitions whether definitions are given beside the model
 */
export function recipeOf({ encoding }: Pick<Model, 'encoding'>, hasDefinitions = false): Recipe {
  if (encoding === undefined) return { rows: 'flows' };
  const fields = typeof encoding === 'object' && encoding !== null && !Array.isArray(encoding) ? encoding : {};
  const recipe = Object.hasOwn(fields, 'recipe') ? (fields as { readonly recipe?: Json }).recipe : undefined;
  const kind = (fields as { readonly kind?: Json }).kind;
  if (recipe === undefined) {
    if (kind === 'definitions' && !hasDefinitions)
      throw new UserError(
        'the model was fitted with written definitions, which are not in its file',
        'give them with --features, or fit it again with anomalyst train',
      );
    return { rows: kind === 'flow' ? 'flows' : 'rows' };
  }
  const read = recipeSchema.safeParse(recipe);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new UserError(
    `the model file is damaged: its recipe is not sound (${issue?.path.map(String).join('.') ?? ''})`,
    'copy the file again from where it was made, or fit a new model',
  );
}

/** Kinds in the order of preference; the first that there is, is what `train` fits when nobody says what. */
const PREFERRED = ['ensemble', 'isolation-forest'];

/** The kind of model that is fitted when none is named. */
export function defaultAlgorithm(): string {
  return PREFERRED.find((kind) => models.some((entry) => entry.kind === kind)) ?? models[0]?.kind ?? '';
}
