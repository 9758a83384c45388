import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { nearest, safeText, UserError } from '../../core/index.ts';
import { MANIFEST_FILE, type Manifest, parseManifest } from '../../plugin/index.ts';
import { describeFileError } from '../source/input.ts';

const MAX_FILES = 1000;
const MAX_BYTES = 32 * 1024 * 1024;
/** Nothing is loaded from these, so they count for nothing. */
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', '.git']);

/** A plugin as it lies on the disk, read whole. */
export interface PluginPackage {
  /** What the configuration calls it. */
  readonly use: string;
  readonly folder: string;
  readonly manifest: Manifest;
  /** By path in the folder, with forward slashes, in the order of the paths. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** 'sha256-' and base64. */
  readonly integrity: string;
}

/**
 * Finds and reads a plugin: a folder (`./fraud`, `/opt/plugin/fraud`), or a package under a `node_modules` that is seen from `from`. Nothing is fetched and nothing of it runs.
 * Throws UserError where it is not there, is no plugin, is too large, or holds links.
 */
export function readPlugin(use: string, from: string): PluginPackage {
  const folder = folderOf(use, from);
  const files = readFiles(folder, use);
  const manifest = files.get(MANIFEST_FILE);
  if (manifest === undefined)
    throw new UserError(
      `${safeText(use)}: there is no ${MANIFEST_FILE} in it`,
      'a plugin is a folder with that file: docs/plugins.md',
    );
  const parsed = parseManifest(new TextDecoder().decode(manifest), path.join(use, MANIFEST_FILE));
  if (!files.has(parsed.main)) {
    const near = nearest(parsed.main, [...files.keys()]);
    throw new UserError(
      `${path.join(use, MANIFEST_FILE)}: main: there is no file ${parsed.main} in the plugin`,
      near === undefined ? 'give the path from the folder of the plugin' : `did you mean '${near}'?`,
    );
  }
  return { use, folder, manifest: parsed, files, integrity: integrityOf(files) };
}

function folderOf(use: string, from: string): string {
  if (/^\.{0,2}[/\\]|^\.{1,2}$|^[A-Za-z]:[/\\]/.test(use)) {
    const folder = path.resolve(from, use);
    let stat: fs.Stats;
    try {
      stat = fs.statSync(folder);
    } catch (error) {
      throw describeFileError(error, use, 'read');
    }
    if (!stat.isDirectory()) throw new UserError(`${safeText(use)}: not a folder`, 'give the folder of a plugin');
    return fs.realpathSync(folder);
  }
  const places = createRequire(path.join(path.resolve(from), 'noop.js')).resolve.paths(use) ?? [];
  const found = /^(@[\w.-]+\/)?[\w-][\w.-]*$/.test(use)
    ? places.map((place) => path.join(place, use)).find((place) => fs.existsSync(path.join(place, MANIFEST_FILE)))
    : undefined;
  if (found === undefined)
    throw new UserError(
      `${safeText(use)}: no such plugin in a node_modules folder beside or above ${safeText(from)}`,
      `install it yourself (npm install --ignore-scripts ${safeText(use, 60)}), or name its folder, as in ./${safeText(use, 60)}`,
    );
  // The package itself may be a link, as package managers make them; inside of it none may be.
  return fs.realpathSync(found);
}

function readFiles(folder: string, use: string): Map<string, Uint8Array> {
  const files: [string, Uint8Array][] = [];
  let total = 0;
  const walk = (at: string): void => {
    for (const entry of fs.readdirSync(path.join(folder, at), { withFileTypes: true })) {
      const name = at === '' ? entry.name : `${at}/${entry.name}`;
      if (LEFT_OUT.has(entry.name)) continue;
      if (/[\0-\x1f\x7f\\]/.test(entry.name))
        throw new UserError(
          `${safeText(path.join(use, name))}: a name with a control character or a backslash`,
          'rename it',
        );
      if (entry.isDirectory()) walk(name);
      else if (!entry.isFile())
        throw new UserError(
          `${safeText(path.join(use, name))}: a link or a special file`,
          'a plugin is made of plain files and folders',
        );
      else {
        if (files.length >= MAX_FILES)
          throw new UserError(`${safeText(use)}: more than ${MAX_FILES} files`, 'is it the right folder?');
        total += fs.statSync(path.join(folder, name)).size;
        if (total > MAX_BYTES)
          throw new UserError(`${safeText(use)}: more than ${MAX_BYTES} bytes`, 'is it the right folder?');
        files.push([name, fs.readFileSync(path.join(folder, name))]);
      }
    }
  };
  try {
    walk('');
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw describeFileError(error, use, 'read');
  }
  return new Map(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * One hash over all files: SHA-256 of a line for each, `<hex SHA-256>  <path>\n`, in the order of the paths by UTF-16 units. So `sha256sum` of the files in
 * that order, hashed once more, is the same.
 */
export function integrityOf(files: ReadonlyMap<string, Uint8Array>): string {
  const whole = createHash('sha256');
  for (const [name, bytes] of files) whole.update(`${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`);
  return `sha256-${whole.digest('base64')}`;
}
