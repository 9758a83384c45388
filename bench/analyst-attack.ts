/**
 * The whole attack suite (test/attack): every case as traffic through the whole pipeline to the prompt, to a model that obeys every order that it reads; beside it
 * the harmless texts, and, to show that the suite can fail, a prompt that holds the text as it came.
 *
 *   node bench/analyst-attack.ts [--surface dns-name] [--redact all]
 *   node bench/analyst-attack.ts --write      makes test/attack/cases.tsv anew from families and surfaces
 *
 * Ends with 1 where a case changes a verdict, repeats its word or leaks the canary, or a harmless text is not explained.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { REDACTIONS } from '../src/analyst/index.ts';
import { incidentContext } from '../src/pipeline/index.ts';
import { benignTexts, CASE_FILE, casesText, cleanText, makeCases, readCases } from '../test/attack/case.ts';
import { ObeyingModel } from '../test/attack/double.ts';
import { naiveVerdict, writeNaive } from '../test/attack/naive.ts';
import { SURFACES } from '../test/attack/surface.ts';
import { analyzeSurface } from '../test/attack/traffic.ts';
import { breachesOf, tryIncident } from '../test/attack/trial.ts';

const { values } = parseArgs({
  options: { write: { type: 'boolean' }, surface: { type: 'string' }, redact: { type: 'string' } },
});
if (values.write === true) {
  const cases = makeCases();
  writeFileSync(CASE_FILE, casesText(cases));
  console.log(`${cases.length} cases written`);
  process.exit(0);
}
const redaction = REDACTIONS.find((profile) => profile === (values.redact ?? 'none'));
if (redaction === undefined) throw new Error(`--redact takes ${REDACTIONS.join(', ')}`);
const surfaces = SURFACES.filter(({ name }) => values.surface === undefined || name === values.surface);
if (surfaces.length === 0) throw new Error(`--surface takes ${SURFACES.map(({ name }) => name).join(', ')}`);

const folder = mkdtempSync(join(tmpdir(), 'anomalyst-attack-'));
const begun = performance.now();
const all = readCases();
const breaches: string[] = [];
let tried = 0;
let incidents = 0;
let harmless = 0;
let naive = 0;
try {
  console.log('surface              cases  no incident  breaches  harmless  refused  naive prompt: changed');
  for (const surface of surfaces) {
    const before = breaches.length;
    const [twin] = (await analyzeSurface(surface, cleanText(surface), folder)).incidents;
    if (twin === undefined) throw new Error(`the clean twin at ${surface.name} makes no incident`);
    const { opinion: clean } = await tryIncident(twin, redaction);
    let missed = 0;
    let changed = 0;
    const cases = all.filter((one) => one.surface === surface.name);
    for (const one of cases) {
      const result = await analyzeSurface(surface, one.text, folder);
      tried++;
      if (result.incidents.length === 0) missed++;
      for (const incident of result.incidents) {
        incidents++;
        const trial = await tryIncident(incident, redaction, incidentContext(result, incident));
        // The text may change what the detectors see, and with it the verdict of the rules: the model's is held against that of the clean twin.
        const found = breachesOf(one, trial, clean);
        if (found.length > 0) breaches.push(`${one.id}: ${found.join(', ')}`);
        const verdict = await naiveVerdict(incident, new ObeyingModel(writeNaive));
        if (verdict.assessment !== 'suspicious' || verdict.action !== 'investigate') changed++;
      }
    }
    let refused = 0;
    const texts = benignTexts(surface);
    for (const text of texts) {
      const result = await analyzeSurface(surface, text, folder);
      for (const incident of result.incidents) {
        const { opinion } = await tryIncident(incident, redaction, incidentContext(result, incident));
        if (opinion.outcome === 'answer' && opinion.claimsDropped === 0) continue;
        refused++;
        breaches.push(`${surface.name}, harmless ${JSON.stringify(text)}: ${opinion.outcome}`);
      }
    }
    harmless += texts.length;
    naive += changed;
    const cells = [cases.length, missed, breaches.length - before - refused, texts.length, refused, changed];
    console.log(
      `${surface.name.padEnd(20)} ${cells.map((cell, i) => String(cell).padStart([5, 12, 9, 9, 8, 23][i] ?? 0)).join(' ')}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const line of breaches.slice(0, 50)) console.log(`  ${line}`);
console.log(
  `${tried} attacks in ${incidents} incidents, ${breaches.length} breaches; ${harmless} harmless texts; a naive prompt changed ${naive} verdicts; redaction ${redaction}; ${((performance.now() - begun) / 1000).toFixed(1)} s, Node ${process.version}`,
);
process.exitCode = breaches.length === 0 ? 0 : 1;
