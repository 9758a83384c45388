import { safeText, UserError } from '../core/index.ts';
import { compileFlowFilter, type FlowFilter, type FlowTableOptions } from '../flow/index.ts';
import { type Config, parseConfig } from '../pipeline/index.ts';
import type { InputSummary } from '../report/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../wire/index.ts';
import { note } from './terminal.ts';
import { readTextFile } from './text-file.ts';

/** Options that several commands take. */

/** `--home-net` given once or more, each a list. */
export function collectHomeNetworks(text: string, before: string[] | undefined): string[] {
  const networks = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (networks.length === 0)
    throw new UserError('--home-net: no network given', 'for example --home-net 192.168.0.0/16,fd00::/8');
  return [...(before ?? []), ...networks];
}

/** An option given once or more, each a list of files. */
export function collectFiles(option: string, text: string, before: string[] | undefined): string[] {
  const files = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (files.length === 0) throw new UserError(`${option}: no file given`, `for example ${option} list.txt`);
  return [...(before ?? []), ...files];
}

/** An option given once or more, each a list of names. */
export function collectNames(option: string, text: string, before: string[] | undefined): string[] {
  const names = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (names.length === 0) throw new UserError(`${option}: no name given`, 'give one, or several with commas');
  return [...new Set([...(before ?? []), ...names])];
}

/** The set that `--home-net`, the configuration or, without both, private addresses make. Throws UserError for what is no network. */
export function homeNetworks(given: readonly string[] | undefined, config: Config): NetworkSet {
  const networks = given ?? config.homeNet ?? DEFAULT_HOME_NETWORKS;
  const home = NetworkSet.parse(networks);
  if (home === undefined)
    throw new UserError(
      `--home-net ${networks.join(',')}: not all of these are networks`,
      'give networks in CIDR notation, as in 192.168.0.0/16,fd00::/8',
    );
  return home;
}

/** The configuration of `--config`, empty without one. */
export function configOf(file: string | undefined): Config {
  if (file === undefined) return {};
  return parseConfig(readTextFile(file), file);
}

/** The flow table's settings of a configuration. */
export function flowOptionsOf(config: Config): Partial<FlowTableOptions> {
  return Object.fromEntries(Object.entries(config.flow ?? {}).filter(([, value]) => value !== undefined));
}

/** The filter of `--filter`, undefined without one. */
export function filterOf(text: string | undefined, home: NetworkSet): FlowFilter | undefined {
  return text === undefined ? undefined : compileFlowFilter(text, { home, what: '--filter' });
}

/** Says on standard error which inputs could not be read, and unless `quiet` which were not read whole. */
export function tellInputs(inputs: readonly InputSummary[], quiet: boolean): void {
  for (const { name, status, message } of inputs) {
    const text = safeText(`${name}: ${message ?? 'no reason given'}`, 1000);
    if (status === 'failed') note(`error: ${text}`);
    else if (message !== undefined && !quiet) note(`note: ${text}`);
  }
}
