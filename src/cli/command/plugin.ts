import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Command } from 'commander';
import { isMap, isSeq, parseDocument } from 'yaml';
import { EXIT, nearest, safeText, UserError } from '../../core/index.ts';
import {
  confinementFault,
  describeFileError,
  PluginHost,
  type PluginPackage,
  readPlugin,
  sampleSettings,
} from '../../io/index.ts';
import { parseConfig } from '../../pipeline/index.ts';
import { ADDED_KINDS, type AddedKind, type Manifest, namespaceOf } from '../../plugin/index.ts';
import { configOf } from '../option.ts';
import { pluginTemplate } from '../plugin-template.ts';
import { note, print } from '../terminal.ts';

/** `plugin new`, `check`, `lock` and `list`. Nothing here fetches or installs. */
export function addPluginCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('plugin')
    .summary('write, check, pin and list plugins')
    .description('Plugins add features, filters, flags, detectors, decoders, sinks and reports: docs/plugins.md.')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst plugin new my-plugin --adds features,flags\n  anomalyst plugin check my-plugin\n  anomalyst plugin lock ./my-plugin --config anomalyst.yaml',
    );
  command
    .command('new')
    .summary('write a working plugin with its test')
    .argument('<folder>', 'where to; its last part is the name')
    .option('--adds <kinds>', `what it adds, comma-separated: ${ADDED_KINDS.join(', ')}`, 'features')
    .action((folder: string, { adds }: { readonly adds: string }) => {
      writeNew(folder, adds);
      done(EXIT.done);
    });
  command
    .command('check')
    .summary('validate a plugin, and rehearse all that it adds in its confined process')
    .argument('<plugin>', 'folder, or name of an installed package')
    .action(async (use: string) => {
      done(await check(use));
    });
  command
    .command('lock')
    .summary('print the pinned lines of a plugin, or write them into a configuration')
    .argument('<plugin>', 'folder, or name of an installed package')
    .option('--config <yaml>', 'configuration to write them into; what else stands there stays')
    .action(async (use: string, { config }: { readonly config?: string }) => {
      await lock(use, config);
      done(EXIT.done);
    });
  command
    .command('list')
    .summary('the plugins of a configuration, and whether they are what was pinned')
    .requiredOption('--config <yaml>', 'configuration file')
    .option('--json', 'print as JSON')
    .action(async ({ config, json }: { readonly config: string; readonly json?: boolean }) => {
      done(await list(config, json === true));
    });
}

/** A word for what was typed is taken too: folder or ./folder. */
function found(use: string, from = '.'): PluginPackage {
  return readPlugin(
    from === '.' && fs.existsSync(path.join(use, 'anomalyst-plugin.json')) ? path.resolve(use) : use,
    from,
  );
}

function writeNew(folder: string, adds: string): void {
  const kinds = adds.split(',').map((word): AddedKind => {
    const typed = word.trim();
    const kind = ADDED_KINDS.find((one) => one === typed || one === `${typed}s`);
    if (kind !== undefined) return kind;
    const near = nearest(typed, ADDED_KINDS);
    throw new UserError(
      `--adds ${safeText(typed, 60)}: a plugin can't add that`,
      near === undefined ? `it can add ${ADDED_KINDS.join(', ')}` : `did you mean '${near}'?`,
    );
  });
  const name = path.basename(path.resolve(folder)).toLowerCase();
  if (!/^[a-z][a-z0-9._-]{0,100}$/.test(name))
    throw new UserError(
      `${safeText(folder)}: '${safeText(name, 60)}' is no name for a plugin`,
      'it begins with a letter and has letters, digits, - and _, as in my-plugin',
    );
  try {
    fs.mkdirSync(folder, { recursive: true });
    if (fs.readdirSync(folder).length > 0)
      throw new UserError(`${safeText(folder)}: the folder is not empty`, 'choose a new one');
    for (const [file, text] of pluginTemplate(name, kinds))
      fs.writeFileSync(path.join(folder, file), text, { flag: 'wx' });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw describeFileError(error, folder, 'write');
  }
  note(
    `wrote the plugin ${name} into ${safeText(folder, 500)}: run node --test there, then anomalyst plugin check ${safeText(folder, 500)}`,
  );
}

function itemsOf({ name, adds }: Manifest): string[] {
  return ADDED_KINDS.flatMap((kind) =>
    (adds[kind] ?? []).map(
      (item) => `  ${kind.slice(0, -1)} ${namespaceOf(name)}.${item.name}: ${safeText(item.description, 300)}`,
    ),
  );
}

function asksOf({ permissions = {} }: Manifest): string[] {
  const { files, writes, network } = permissions;
  return [
    ...(files === undefined ? [] : [`  asks to read files: ${safeText(files.why, 300)}`]),
    ...(writes === undefined ? [] : [`  asks to write files: ${safeText(writes.why, 300)}`]),
    ...(network === undefined
      ? []
      : [`  asks for the network (${network.hosts.join(', ')}): ${safeText(network.why, 300)}`]),
  ];
}

async function check(use: string): Promise<number> {
  const { manifest, folder, files, integrity } = found(use);
  const { name, version, adds } = manifest;
  const lines = [`${name} ${version}, ${files.size} files, ${integrity}`, ...itemsOf(manifest), ...asksOf(manifest)];
  await print(`${lines.join('\n')}\n`);
  const fault = confinementFault();
  if (fault !== undefined) throw new UserError(`it can't be rehearsed here: ${fault}`, 'use Node.js 24');
  if (asksOf(manifest).length > 0) {
    note('not rehearsed: it asks for permissions, which a configuration grants; run it with one');
    return EXIT.done;
  }
  const settings = Object.fromEntries(
    [...(adds.detectors ?? []), ...(adds.decoders ?? []), ...(adds.sinks ?? []), ...(adds.reports ?? [])].map(
      (item) => [item.name, sampleSettings(item.parameters)],
    ),
  );
  const host = await PluginHost.start([{ use: folder, settings }], { folder, unpinned: true });
  try {
    const done = await host.rehearse();
    for (const what of done) await print(`  works: ${what}\n`);
    const [failure] = host.failures();
    if (failure === undefined) return EXIT.done;
    throw new UserError(`${name} ${failure.reason}`, 'mend it, and check it again');
  } finally {
    await host.close();
  }
}

async function lock(use: string, config: string | undefined): Promise<void> {
  if (config === undefined) {
    const { manifest, integrity } = found(use);
    await print(
      `plugins:\n  - use: ${JSON.stringify(use)}\n    version: ${manifest.version}\n    integrity: ${integrity}\n`,
    );
    return;
  }
  const folder = path.dirname(path.resolve(config));
  // A folder is named from where the command runs, and written as seen from the configuration.
  const local = fs.existsSync(path.join(use, 'anomalyst-plugin.json'));
  const relative = path.relative(folder, path.resolve(use)).split(path.sep).join('/');
  const written = local ? (path.isAbsolute(relative) || relative.startsWith('.') ? relative : `./${relative}`) : use;
  const { manifest, integrity } = readPlugin(written, folder);
  let text = '';
  try {
    text = fs.existsSync(config) ? fs.readFileSync(config, 'utf8') : '';
  } catch (error) {
    throw describeFileError(error, config, 'read');
  }
  parseConfig(text, config);
  const document = parseDocument(text);
  const entries = document.get('plugins');
  const index = isSeq(entries) ? entries.items.findIndex((item) => isMap(item) && item.get('use') === written) : -1;
  if (index >= 0) {
    document.setIn(['plugins', index, 'version'], manifest.version);
    document.setIn(['plugins', index, 'integrity'], integrity);
  } else {
    const entry = document.createNode({ use: written, version: manifest.version, integrity });
    if (isSeq(entries)) entries.add(entry);
    else document.set('plugins', document.createNode([{ use: written, version: manifest.version, integrity }]));
  }
  const next = document.toString();
  parseConfig(next, config);
  try {
    fs.writeFileSync(config, next);
  } catch (error) {
    throw describeFileError(error, config, 'write');
  }
  const asks = asksOf(manifest);
  note(
    `${safeText(config, 500)}: ${manifest.name} ${manifest.version} is pinned${asks.length === 0 ? '' : `\n${asks.join('\n')}`}`,
  );
}

async function list(config: string, json: boolean): Promise<number> {
  const folder = path.dirname(path.resolve(config));
  const plugins = (configOf(config).plugins ?? []).map(({ use, version, integrity }) => {
    try {
      const { manifest, integrity: now } = readPlugin(use, folder);
      const state =
        version === undefined || integrity === undefined
          ? 'not pinned'
          : version === manifest.version && integrity === now
            ? 'as pinned'
            : 'changed since it was pinned';
      return { use, name: manifest.name, version: manifest.version, state, manifest };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { use, name: use, version: version ?? '', state: `not there: ${error.message}`, manifest: undefined };
    }
  });
  if (json)
    await print(
      `${JSON.stringify({ plugins: plugins.map(({ manifest, ...rest }) => ({ ...rest, adds: manifest?.adds ?? {}, permissions: manifest?.permissions ?? {} })) }, undefined, 2)}\n`,
    );
  else if (plugins.length === 0) note('the configuration names no plugins');
  else
    for (const { name, version, state, manifest } of plugins)
      await print(
        `${[`${safeText(name)} ${safeText(version)}: ${safeText(state, 500)}`, ...(manifest === undefined ? [] : [...itemsOf(manifest), ...asksOf(manifest)])].join('\n')}\n`,
      );
  return plugins.every(({ state }) => state === 'as pinned') ? EXIT.done : EXIT.yourMistake;
}
