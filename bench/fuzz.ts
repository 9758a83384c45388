/**
 * Fuzzes the packet path and every decoder with so many inputs (see `test/fuzz/fuzz.ts`), always the same for a seed. Ends with 1 when one of them breaks what
 * must hold, and prints the seed, its number and its bytes: `--from <number> --inputs 1 --total <inputs of the run>` runs it again alone.
 *
 *     node bench/fuzz.ts [--inputs 1000000] [--seed 1] [--from 0] [--total <inputs>]
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { readCorpus } from '../test/fuzz/corpus.ts';
import { PAYLOAD_DECODERS } from '../test/fuzz/decoders.ts';
import { Fuzz } from '../test/fuzz/fuzz.ts';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    total: { type: 'string' },
  },
});
const [inputs, seed, from] = [Number(values.inputs), Number(values.seed), Number(values.from)];
const total = values.total === undefined ? from + inputs : Number(values.total);
if (![inputs, seed, from, total].every(Number.isSafeInteger) || inputs < 1) {
  console.error('--inputs, --seed, --from and --total are whole numbers');
  process.exit(2);
}
const corpus = readCorpus();
const frames = corpus.reduce((n, conversation) => n + conversation.frames.length, 0);
console.log(
  `seed ${seed}, ${inputs} inputs from number ${from} on, out of ${total}; corpus: ${corpus.length} conversations, ${frames} frames`,
);
const begun = performance.now();
const report = new Fuzz(corpus).run({
  seed,
  inputs,
  from,
  total,
  onProgress: (done) => {
    if (process.stderr.isTTY)
      process.stderr.write(`\r${done} inputs, ${Math.round((performance.now() - begun) / 1000)} s `);
  },
});
const seconds = (performance.now() - begun) / 1000;
console.log([...report.kinds].map(([kind, n]) => `${n} of kind ${kind}`).join(', '));
console.log(
  `${Math.round(report.inputs / seconds)} inputs a second; slowest: number ${report.slowest.number}, ${report.slowest.ms.toFixed(1)} ms; longest text: ${report.longestText} characters`,
);
console.log(`${report.oddities.size} oddities; services: ${[...report.services].sort().join(', ')}`);
console.log(
  `payloads that decoders took for theirs: ${Object.keys(PAYLOAD_DECODERS)
    .map((name) => `${name} ${report.accepted.get(name) ?? 0}`)
    .join(', ')}`,
);
for (const failure of report.failures) {
  console.log(`\nFAILED seed ${seed}, number ${failure.number} out of ${total} (${failure.kind}): ${failure.message}`);
  for (const { linkType, hex } of failure.frames)
    console.log(linkType < 0 ? `  file ${hex}` : `  link type ${linkType} ${hex}`);
}
console.log(
  `\n${report.failures.length} failures in ${Math.round(seconds)} s, seed ${seed}, Node ${process.version}, at most ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`,
);
process.exitCode = report.failures.length > 0 ? 1 : 0;
