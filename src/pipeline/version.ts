import * as fs from 'node:fs';

/** Version of the package, from its package.json: the same two floors up from src and from dist. */
export function productVersion(): string {
  const text = fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
