const JOINED = /\/dist\/app\/[^/]+\.js$/;

/**
 * Where a module of ours lies that is run by itself, as a thread or a process: beside the module at the address `from` (its import.meta.url), as TypeScript in the tree and as JavaScript in the package; or, where
 * the build has joined the modules into dist/app, in its `folder` of dist, where the compiler put it.
 */
export function moduleFile(from: string, folder: string, name: string): URL {
  if (JOINED.test(from)) return new URL(`../${folder}/${name}.js`, from);
  return new URL(`./${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from);
}
