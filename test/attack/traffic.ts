import * as fs from 'node:fs';
import * as path from 'node:path';
import { planOptions, readDefinitions } from '../../src/cli/definitions.ts';
import { analyze, analyzeTable, classifyInputs } from '../../src/pipeline/index.ts';
import type { AnalysisResult } from '../../src/report/index.ts';
import type { Surface } from './surface.ts';

/** Traffic with a text at a surface, through the whole pipeline. @param folder for the file and the scratch file. */
export async function analyzeSurface(surface: Surface, text: string, folder: string): Promise<AnalysisResult> {
  const { name, bytes } = surface.make(text);
  const file = path.join(folder, `${surface.name}-${name}`);
  fs.writeFileSync(file, bytes);
  const inputs = await classifyInputs([file], {});
  if (surface.definitions === undefined) {
    const { result } = await analyze({ inputs: [file], classified: inputs, scratchFolder: folder });
    return result;
  }
  const definitions = path.join(folder, `${surface.name}.yaml`);
  fs.writeFileSync(definitions, surface.definitions);
  const { result } = await analyzeTable({
    inputs,
    scratchFolder: folder,
    ...planOptions(await readDefinitions(definitions, {}), {}, undefined, undefined),
  });
  return result;
}

/** Another text in the place of one in everything that a result says, names of columns too: what the pipeline would have made of it in the same traffic. */
export function withText<T>(value: T, from: string, to: string): T {
  const replaced = (inner: unknown): unknown => {
    if (typeof inner === 'string') return inner.replaceAll(from, to);
    if (Array.isArray(inner)) return inner.map(replaced);
    if (typeof inner !== 'object' || inner === null) return inner;
    return Object.fromEntries(
      Object.entries(inner).map(([key, member]) => [key.replaceAll(from, to), replaced(member)]),
    );
  };
  return replaced(value) as T;
}
