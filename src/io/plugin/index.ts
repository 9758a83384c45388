/** Plugins: found, checked against what was pinned, and run each in a process of its own. docs/plugins.md. */
export {
  type AskedPayload,
  DEFAULT_PLUGIN_LIMITS,
  type PluginConfig,
  type PluginDecoder,
  PluginDetector,
  type PluginFault,
  PluginHost,
  type PluginHostOptions,
  sampleSettings,
} from './host.ts';
export { type PluginPackage, readPlugin } from './package.ts';
export { confinementFault, PluginFailure } from './process.ts';
