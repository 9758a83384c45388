/**
 * Reads every file under the robustness captures through reader and flow table in this process: damaged, fuzzed, odd and foreign files.
 * Each must end without an exception other than a UserError, and within 5 seconds. Prints the outcomes and fails when one breaks the rule.
 *
 *     node bench/robust.ts [folder of the captures]
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { gunzipSync } from 'node:zlib';
import { runCapture } from '../test/support/capture.ts';

const LIMIT_MS = 5000;
const FOLDERS = ['tcpdump-tests', 'pcapng-suite', 'zeek-traces', 'arkime', 'ipfixprobe'];
const data = process.argv[2] ?? new URL('../../shared/data', import.meta.url).pathname;

if (!existsSync(data)) {
  console.log(`skipped: the captures are not there (${data})`);
  process.exit(0);
}

let failed = 0;
let slowest = 0;
const counts = new Map<string, number>();
const details = new Map<string, string[]>();
for (const folder of FOLDERS) {
  if (!existsSync(join(data, folder))) {
    console.log(`skipped: ${folder} is not there`);
    continue;
  }
  for (const name of readdirSync(join(data, folder), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(pcap|pcapng|trace|cap|ntar|pcap\.gz)$/.test(name)) continue;
    const file = join(folder, name);
    const raw = readFileSync(join(data, file));
    const started = performance.now();
    let outcome: string;
    try {
      const run = runCapture(raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw);
      outcome = run.refused !== undefined ? 'refused' : run.status.state;
      const message = run.refused ?? run.status.message;
      if (message !== undefined) {
        const list = details.get(outcome) ?? [];
        list.push(`${file}: ${message}`);
        details.set(outcome, list);
      }
      const frames = run.table.packets + [...run.table.otherFrames.values()].reduce((a, b) => a + b, 0);
      if (frames !== run.status.packets) throw new Error(`${run.status.packets} packets read, ${frames} accounted for`);
    } catch (error) {
      outcome = 'failed';
      failed++;
      console.log(`FAILED ${file}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    const ms = performance.now() - started;
    slowest = Math.max(slowest, ms);
    if (ms > LIMIT_MS) {
      failed++;
      console.log(`SLOW ${file}: ${Math.round(ms)} ms`);
    }
    const key = `${folder}\t${outcome}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
}
for (const [outcome, lines] of [...details].sort()) {
  console.log(`\n${outcome}:`);
  for (const line of lines) console.log(`  ${line}`);
}
console.log('\nfolder          outcome    files');
for (const [key, n] of [...counts].sort()) {
  const [folder = '', outcome = ''] = key.split('\t');
  console.log(`${folder.padEnd(15)} ${outcome.padEnd(10)} ${n}`);
}
console.log(`slowest file: ${Math.round(slowest)} ms; Node ${process.version}`);
process.exitCode = failed > 0 ? 1 : 0;
