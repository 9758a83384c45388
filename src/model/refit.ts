import { FittedModel } from './fit.ts';
import { IsolationForest } from './isolation-forest.ts';
import type { FitOptions, Model } from './model.ts';

/**
 * What a model itself tells of how it was fitted, for fitting another one like it on other rows: how its features are transformed, by name. What a kind's own options were is not
 * in a model; they are the caller's to give again.
 */
export function refitOptions(model: Model): Pick<FitOptions, 'transform'> {
  if (!(model instanceof FittedModel || model instanceof IsolationForest)) return {};
  if (model.transforms === undefined) return { transform: 'none' };
  const methods = model.transforms
    .summaries(model.featureNames)
    .map(({ feature, method }) => [feature, method] as const);
  return { transform: Object.fromEntries(methods) };
}
