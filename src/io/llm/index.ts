/** Language models over HTTP: Ollama, and servers that are compatible with OpenAI. */
export * from './egress.ts';
export * from './language-queue.ts';
export { type Place, placeOfAddress, placeOfAddresses, type Resolver, systemResolver } from './place.ts';
export {
  type CallPolicy,
  type CallStatistics,
  DEFAULT_CALL_POLICY,
  type ModelList,
  ServedModel,
} from './served-model.ts';
export * from './settings.ts';
export { TokenEstimator } from './tokens.ts';
