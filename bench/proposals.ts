/**
 * Every rule that is proposed for the incidents of the evaluation (captures and logs of ../shared/data), of a simulated hour of attacks, and of one incident of each kind that tests have, put to the
 * tools themselves: `nft --check` in a network namespace of its own, and `suricata -T`. Nothing is put into force.
 *
 *     node bench/proposals.ts
 *
 * A tool that is not here is told as skipped; the check of the product itself (src/analyst/proposal-syntax.ts) always runs. Ends with 1 where a tool refuses a rule.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { draftRules, judgeByRules, type Proposal, proposalProblem } from '../src/analyst/index.ts';
import type { Incident } from '../src/incident/index.ts';
import { expandInputs } from '../src/io/index.ts';
import { analystFixtures, analyze } from '../src/pipeline/index.ts';
import { TOLD_INCIDENTS } from '../test/support/paraphrase.ts';
import { DATA, has } from './child.ts';
import { CAPTURES } from './evaluate-capture.ts';
import { LOGS, logInputs } from './evaluate-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'anomalyst-proposals-'));
/** Larger inputs are left to the evaluation itself. */
const inputs = [
  ...CAPTURES.map(({ path }) => [join(DATA, path)]),
  ...LOGS.map((log) => logInputs(log, join(DATA, log.path))),
].filter((files) => files.every((file) => existsSync(file) && !file.endsWith('.zip')));

let refused = 0;
try {
  const incidents: Incident[] = [...TOLD_INCIDENTS.values()];
  let failed = 0;
  for (const files of inputs) {
    try {
      const { result } = await analyze({ inputs: expandInputs(files, { rows: true }), scratchFolder: folder });
      incidents.push(...result.incidents);
    } catch (error) {
      failed++;
      console.log(`     ${files[0]} can't be analysed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  incidents.push(...(await analystFixtures(folder)).map(({ incident }) => incident));
  const rules = incidents.flatMap((incident) => {
    const verdict = judgeByRules(incident);
    // As advised, and as it would be were the advice to block: that gives every kind of rule.
    return [verdict.action, 'block' as const].flatMap((action) => draftRules(incident, { ...verdict, action }));
  });
  const unique = [...new Map(rules.map((rule) => [`${rule.tool} ${rule.text}`, rule])).values()];
  const counts = (['nftables', 'netsh', 'suricata'] as const)
    .map((tool) => `${unique.filter((rule) => rule.tool === tool).length} ${tool}`)
    .join(', ');
  console.log(
    `${incidents.length} incidents of ${inputs.length - failed} captures and logs, a simulated hour and the tests; ${unique.length} different rules: ${counts}`,
  );
  if (unique.length === 0) throw new Error('no rule was proposed at all');

  tell(
    'own check',
    unique.length,
    unique.flatMap((rule) => proposalProblem(rule) ?? []),
  );
  checkNftables(unique.filter(({ tool }) => tool === 'nftables'));
  checkSuricata(unique.filter(({ tool }) => tool === 'suricata'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = refused === 0 ? 0 : 1;

function tell(what: string, all: number, problems: readonly string[]): void {
  refused += problems.length;
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${what}: ${all - problems.length} of ${all} accepted`);
  for (const problem of problems.slice(0, 10)) console.log(`     ${problem}`);
}

function checkNftables(rules: readonly Proposal[]): void {
  if (!has('nft')) {
    console.log('skip nft --check: there is no nft here (Debian package nftables)');
    return;
  }
  // nft looks at the tables of its network namespace; in one of its own it needs no rights here and finds nothing.
  const wrapped = has('unshare') && spawnSync('unshare', ['-rn', 'nft', 'list', 'ruleset']).status === 0;
  if (!wrapped && process.getuid?.() !== 0) {
    console.log('skip nft --check: it needs a network namespace, and unshare -rn gives none here');
    return;
  }
  const refusal = (text: string): string | undefined => {
    const file = join(folder, 'rule.nft');
    writeFileSync(file, `${text}\n`);
    const [command = '', ...args] = [...(wrapped ? ['unshare', '-rn'] : []), 'nft', '--check', '--file', file];
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    return status === 0 ? undefined : (stderr.trim().split('\n')[0] ?? '');
  };
  const problems = rules.flatMap(({ text }) => {
    const why = refusal(text);
    return why === undefined ? [] : [`${text.split('\n')[3]?.trim()}: ${why}`];
  });
  // What accepts everything shows nothing.
  if (refusal((rules[0]?.text ?? '').replace('drop', 'dorp')) === undefined) problems.push('nft accepts a wrong rule');
  tell('nft --check', rules.length, problems);
}

function checkSuricata(rules: readonly Proposal[]): void {
  if (!has('suricata')) {
    console.log('skip suricata -T: there is no suricata here (Debian package suricata)');
    return;
  }
  const file = join(folder, 'anomalyst.rules');
  // Two incidents may share a number where a rule is made twice for one: each is put in once.
  writeFileSync(file, `${rules.map(({ text }, i) => text.replace(/sid:\d+/, `sid:${1_000_000 + i}`)).join('\n')}\n`);
  const { status, stdout, stderr } = spawnSync('suricata', ['-T', '-S', file, '-l', folder], { encoding: 'utf8' });
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => /error|SC_ERR|rules? failed/i.test(line));
  tell('suricata -T', rules.length, status === 0 ? [] : [lines.join(' | ').slice(0, 500) || `exit code ${status}`]);
}
