/**
 * What a function of a plugin costs beside a built-in one: `node bench/plugin.ts`. Both measure names that are all distinct, which is the worst case: a plugin is
 * asked once for each distinct row of a batch. They take turns, so that other work on the machine weighs on both. Then what a decoder of a plugin takes in: the one that
 * `plugin new --adds decoder` writes, with payloads of 200 bytes.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pluginTemplate } from '../src/cli/plugin-template.ts';
import { type Schema, type Table, TableBuilder } from '../src/core/index.ts';
import { bindDefinitions, parseDefinitions, standardFunctions } from '../src/feature/index.ts';
import { PluginHost } from '../src/io/index.ts';
import { definitionPlan, pluginPlan } from '../src/pipeline/index.ts';

const ROWS = 8192;
const WARM = 5;
const ROUNDS = 30;
const EXOTIC = fileURLToPath(new URL('../plugin/dns-exotic', import.meta.url));
const SCHEMA: Schema = { name: 'rows', version: 1, columns: [{ name: 'name', kind: 'string', unit: '', meaning: '' }] };

function names(round: number): Table {
  const builder = new TableBuilder(SCHEMA, ROWS);
  for (let i = 0; i < ROWS; i++)
    builder.setText(0, builder.addRow(), `host${(i * 7919 + round) % ROWS}x${round}.example.com`);
  return builder.finish();
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-bench-'));
const greeter = path.join(scratch, 'greeter');
fs.mkdirSync(greeter);
for (const [file, text] of pluginTemplate('greeter', ['decoders'])) fs.writeFileSync(path.join(greeter, file), text);

const begun = performance.now();
const host = await PluginHost.start([{ use: EXOTIC }, { use: greeter }], { folder: '.', unpinned: true });
const startMs = performance.now() - begun;
try {
  const standard = standardFunctions();
  const functions = { ...standard, functions: { ...standard.functions, ...host.functions().functions } };
  const runs = [];
  for (const expression of ['dns_exotic.repetition(name)', 'entropy(name)']) {
    const text = `features: [{name: a, expression: '${expression}'}]`;
    const definitions = await parseDefinitions(text, 'bench', { functions });
    const plan = definitionPlan(bindDefinitions(definitions, SCHEMA));
    runs.push({ expression, plan: pluginPlan(plan, host, definitions, SCHEMA), ms: 0 });
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const run of runs) {
      const table = names(round);
      const start = performance.now();
      await run.plan.prepare?.(table);
      run.plan.measure(table);
      if (round >= WARM) run.ms += performance.now() - start;
    }
  console.log(`node ${process.version}; a plugin starts in ${Math.round(startMs)} ms`);
  for (const { expression, ms } of runs)
    console.log(`${expression}: ${Math.round((ROWS * (ROUNDS - WARM)) / ms)} thousand rows/s`);
  const decoder = host.decoders().find(({ id }) => id === 'greeter.greeting');
  const payloads = Array.from({ length: 2000 }, (_, i) => ({
    bytes: Buffer.from(`HELLO user${i} `.padEnd(200, 'x')),
    port: 4000,
    from: 'initiator' as const,
  }));
  let decodeMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await decoder?.decode(payloads);
    if (round >= WARM) decodeMs += performance.now() - start;
  }
  console.log(
    `${decoder?.id}: ${Math.round((payloads.length * (ROUNDS - WARM)) / decodeMs)} thousand payloads of 200 bytes/s`,
  );
  for (const { plugin, reason } of host.failures()) console.log(`${plugin} ${reason}`);
} finally {
  await host.close();
  fs.rmSync(scratch, { recursive: true, force: true });
}
