/**
 * Writes schema/incidents.schema.json from its definition in src/report/schema.ts.
 *
 *     node scripts/schema.ts           write the file
 *     node scripts/schema.ts --check   exit 1 when the file is not what would be written
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { incidentsJsonSchema } from '../src/report/index.ts';

const path = fileURLToPath(new URL('../schema/incidents.schema.json', import.meta.url));
const wanted = incidentsJsonSchema();

if (process.argv.includes('--check')) {
  if (current() !== wanted) {
    console.error('schema/incidents.schema.json is out of date; run: node scripts/schema.ts');
    process.exitCode = 1;
  }
} else {
  mkdirSync(fileURLToPath(new URL('../schema', import.meta.url)), { recursive: true });
  writeFileSync(path, wanted);
}

/** What is there now; undefined when there is no file yet. */
function current(): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
