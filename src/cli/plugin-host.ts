import * as path from 'node:path';
import { safeText } from '../core/index.ts';
import { PluginHost } from '../io/index.ts';
import type { Config } from '../pipeline/index.ts';
import type { AnalysisResult } from '../report/index.ts';
import { renderJson } from '../report/index.ts';
import { note } from './terminal.ts';

/** Starts the plugins of a configuration; undefined where it names none. @param file of the configuration: paths start from its folder. Rejects with UserError. */
export async function startPlugins(
  { plugins = [] }: Config,
  file: string | undefined,
): Promise<PluginHost | undefined> {
  if (plugins.length === 0) return undefined;
  return PluginHost.start(plugins, { folder: path.dirname(path.resolve(file ?? '.')) });
}

/** Hands a result to the sinks and reports of plugins. @param write told of every file, by a name without a path */
export async function givePlugins(
  host: PluginHost,
  result: AnalysisResult,
  write: (name: string, bytes: Uint8Array) => void,
): Promise<void> {
  const json = renderJson(result);
  if (host.hasSinks) {
    const { incidents } = JSON.parse(json) as { readonly incidents: readonly unknown[] };
    await host.sink(incidents.map((incident) => JSON.stringify(incident)));
  }
  for (const { name, bytes } of await host.reports(json)) write(name, bytes);
}

/** Names the plugins that stopped. */
export function tellPluginFailures(host: PluginHost): void {
  for (const { plugin, reason } of host.failures())
    note(`warning: the plugin ${safeText(plugin, 100)} ${safeText(reason, 600)}; the run went on without it`);
}
