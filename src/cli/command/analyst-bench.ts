import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { counted, EXIT, safeText } from '../../core/index.ts';
import { EgressLedger, writeOutput } from '../../io/index.ts';
import { analystFixtures, scoreModel } from '../../pipeline/index.ts';
import { comparisonTable, type ModelScore, rankScores, renderModelComparison } from '../../report/index.ts';
import { catchInterrupt, INTERRUPTED } from '../interrupt.ts';
import { languageModelOf, personasOf } from '../language-option.ts';
import { configOf } from '../option.ts';
import { note, print } from '../terminal.ts';

export interface AnalystBenchFlags {
  readonly models: string[];
  readonly templates?: string[];
  readonly llmUrl?: string;
  readonly config?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `analyst bench`: several models and personas over the same incidents with known truth. Returns the exit code. */
export async function runAnalystBench(flags: AnalystBenchFlags): Promise<number> {
  const config = configOf(flags.config);
  const personas = personasOf(flags.templates, config);
  const egress = new EgressLedger();
  const url = flags.llmUrl === undefined ? {} : { llmUrl: flags.llmUrl };
  const models = [];
  for (const name of flags.models) models.push(await languageModelOf({ llm: name, ...url }, config, egress));
  const interrupt = catchInterrupt('stopping: what was measured is shown');
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-'));
  try {
    const fixtures = await analystFixtures(scratch);
    note(`${counted(fixtures.length, 'simulated incident')} with known truth`);
    const settings = config.analyst ?? {};
    const scores: ModelScore[] = [];
    for (const model of models)
      for (const persona of personas) {
        if (interrupt.signal.aborted) break;
        note(`asking ${safeText(model.model, 100)} as ${persona.id}`);
        scores.push(
          await scoreModel(fixtures, model, persona, {
            maxOutputTokens: settings.maxOutputTokens,
            concurrency: settings.concurrency,
            budget: settings.budget,
            signal: interrupt.signal,
          }),
        );
      }
    const ranked = rankScores(scores);
    writeOutput(path.dirname(flags.out), path.basename(flags.out), renderModelComparison(ranked));
    await print(flags.json === true ? `${JSON.stringify(ranked, null, 2)}\n` : comparisonTable(ranked));
    for (const line of egress.lines(['addresses of simulated hosts'])) note(line);
    return interrupt.signal.aborted ? INTERRUPTED : EXIT.done;
  } finally {
    interrupt.end();
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
