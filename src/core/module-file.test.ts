import { expect, test } from 'vitest';
import { moduleFile } from './module-file.ts';

test('a module that runs by itself is found from the tree, from the package and from the joined files', () => {
  const found = (from: string) => moduleFile(from, 'io/plugin', 'runner').href;
  expect(found('file:///a/src/io/plugin/process.ts')).toBe('file:///a/src/io/plugin/runner.ts');
  expect(found('file:///a/dist/io/plugin/process.js')).toBe('file:///a/dist/io/plugin/runner.js');
  expect(found('file:///a/dist/app/main.js')).toBe('file:///a/dist/io/plugin/runner.js');
});
