import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Doing, type ModelDouble, startModelDouble } from '../../../test/double/model-server.ts';
import { runCli, temporaryFolder } from '../../../test/support/cli.ts';
import { honestAnswer } from '../../../test/support/honest-answer.ts';
import { stagedAnswer } from '../../../test/support/staged-answer.ts';
import { pcapOf, portSweep } from '../../../test/support/traffic.ts';

const folder = temporaryFolder();
const capture = path.join(folder, 'scan.pcap');
const OUT = path.join(folder, 'anomalyst-out');
const HONEST: Doing = {
  does: 'answer',
  text: ({ system, messages }) =>
    JSON.stringify(honestAnswer(system, messages.find(({ role }) => role === 'user')?.text ?? '')),
};
const doubles: ModelDouble[] = [];

async function double(script: Doing, more: { key?: string; isWebServer?: boolean; api?: 'ollama' | 'openai' } = {}) {
  const { api = 'ollama', ...options } = more;
  const started = await startModelDouble({ api, script, models: ['tiny:1b'], contextTokens: 100_000, ...options });
  doubles.push(started);
  return started;
}

/** As a person would type it, without whatever the machine's own environment says of models. */
function cli(args: readonly string[], env: Record<string, string> = {}) {
  const none = { OLLAMA_HOST: '', TOGETHER_API_URL: '', MODEL_NAME: '', MAX_TOKENS: '', TEMPERATURE: '' };
  return runCli(args, { cwd: folder, env: { ...none, ...env } });
}

interface Written {
  readonly incidents: readonly {
    readonly id: string;
    readonly severity: string;
    readonly verdict: {
      readonly by: string;
      readonly assessment: string;
      readonly opinions?: readonly { outcome: string }[];
    };
  }[];
}

function written(out = OUT): Written {
  return JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')) as Written;
}

beforeAll(async () => {
  fs.writeFileSync(capture, pcapOf(portSweep({ source: '192.168.1.5', network: '192.168.2', port: 445, count: 60 })));
  expect((await cli(['analyze', capture, '--quiet'])).code).toBe(0);
});

afterAll(async () => {
  for (const one of doubles) await one.close();
});

describe('analyst run', () => {
  test('writes the report anew with what the model thinks, and does not ask a second time', async () => {
    const server = await double(HONEST);
    const before = written();
    const args = ['analyst', 'run', '--llm', 'ollama:tiny:1b', '--llm-url', server.url];
    const first = await cli(args);
    expect([first.code, first.stdout]).toEqual([0, '']);
    expect(first.stderr).toMatch(/1 explanation of 1 question; \d+ claims kept, 0 left out; /);
    const { incidents } = written();
    expect(incidents[0]?.verdict.opinions?.map(({ outcome }) => outcome)).toEqual(['answer']);
    expect(incidents[0]?.severity).toBe(before.incidents[0]?.severity);
    expect(incidents[0]?.verdict.by).toBe('rules');
    expect(incidents[0]?.verdict.assessment).toBe(before.incidents[0]?.verdict.assessment);
    expect(fs.readFileSync(path.join(OUT, 'report.html'), 'utf8')).toContain('tiny:1b');
    expect(fs.readFileSync(path.join(OUT, 'analyst-metrics.csv'), 'utf8').split('\n')).toHaveLength(3);
    const metrics = fs.readFileSync(path.join(OUT, 'analyst-metrics.json'), 'utf8');

    const asked = server.asked.length;
    const report = fs.readFileSync(path.join(OUT, 'incidents.json'), 'utf8');
    const second = await cli(args);
    expect(second.stderr).toContain('1 explanation of 1 question (1 known from before)');
    expect(server.asked.length).toBe(asked);
    expect(fs.readFileSync(path.join(OUT, 'incidents.json'), 'utf8')).toBe(report);
    expect(fs.readFileSync(path.join(OUT, 'analyst-metrics.json'), 'utf8')).toBe(metrics);
    await cli([...args, '--again', '--quiet']);
    expect(server.asked.length).toBeGreaterThan(asked);
  });

  test('in stages it asks the store first, cites what it answered, and is not asked a second time', async () => {
    const server = await double({
      does: 'answer',
      text: ({ system, messages }) =>
        JSON.stringify(stagedAnswer(system, messages.find(({ role }) => role === 'user')?.text ?? '')),
    });
    const args = ['analyst', 'run', '--staged', '--llm', 'ollama:tiny:1b', '--llm-url', server.url];
    const first = await cli(args);
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/suspicious in .*, 4 queries \(top-peers, services, between, first-seen\)/);
    expect(server.asked).toHaveLength(3);
    expect(server.asked.at(-1)?.messages[0]?.text).toMatch(/^c1 Most bytes of 192\.168\.1\.5 in this run: /m);
    const text = fs.readFileSync(path.join(OUT, 'incidents.json'), 'utf8');
    expect(text).toContain('Most bytes of 192.168.1.5 in this run');
    const { calls } = JSON.parse(fs.readFileSync(path.join(OUT, 'analyst-metrics.json'), 'utf8')) as {
      readonly calls: readonly { readonly queries?: readonly string[]; readonly notesDropped?: number }[];
    };
    expect(calls[0]).toMatchObject({ plan: 'answer', queriesFailed: 0, notesKept: 1, notesDropped: 1 });
    await cli(args);
    expect(server.asked).toHaveLength(3);
  });

  test('takes one incident, several personas and pseudonyms for addresses', async () => {
    const server = await double(HONEST);
    const run = await cli([
      ...['analyst', 'run', OUT, '--incident', '1', '--persona', 'technical-expert,executive-briefing'],
      ...['--redact', 'addresses', '--llm', 'tiny:1b', '--llm-url', server.url, '--json'],
    ]);
    expect(run.code).toBe(0);
    const { totals } = JSON.parse(run.stdout) as { readonly totals: { readonly calls: number } };
    expect(totals.calls).toBe(2);
    const sent = server.asked.map(({ messages }) => messages.map(({ text }) => text).join('\n')).join('\n');
    expect(sent).toContain('HOST-');
    expect(sent).not.toContain('192.168.');
  });

  test('Ctrl-C ends within a second or so, keeps what was answered, and the next run asks for the rest', async () => {
    const out = path.join(folder, 'stopped');
    const many = path.join(folder, 'many.pcap');
    const sweeps = [11, 12, 13].flatMap((host, i) =>
      portSweep({
        source: `192.168.1.${host}`,
        network: `192.168.${20 + i}`,
        port: 445,
        count: 40,
        start: 1_700_000_000 + i * 9000,
      }),
    );
    fs.writeFileSync(many, pcapOf(sweeps));
    expect((await cli(['analyze', many, '--quiet', '--out', out])).code).toBe(0);
    const all = written(out).incidents.length;
    expect(all).toBeGreaterThan(1);
    const slow = await startModelDouble({
      api: 'ollama',
      script: [HONEST, { does: 'hang' }],
      models: ['tiny:1b'],
      contextTokens: 100_000,
    });
    doubles.push(slow);
    const entry = new URL('../../../test/support/cli-entry.ts', import.meta.url);
    const args = ['analyst', 'run', out, '--llm', 'ollama:tiny:1b', '--llm-url', slow.url];
    const child = spawn(process.execPath, ['--experimental-strip-types', '--no-warnings', entry.pathname, ...args], {
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    let stopped = 0;
    const code = await new Promise<number | null>((resolve) => {
      child.stderr.on('data', (chunk) => {
        stderr += String(chunk);
        // The first is answered and the second hangs.
        if (stopped === 0 && stderr.includes('1/')) {
          stopped = performance.now();
          child.kill('SIGINT');
        }
      });
      child.on('close', (ended) => resolve(ended));
    });
    expect(code).toBe(130);
    expect(performance.now() - stopped).toBeLessThan(10_000);
    expect(stderr).toContain('stopping: what was answered is kept');
    expect(stderr).toContain(`no explanation of ${all - 1} question${all > 2 ? 's' : ''} (cancelled)`);
    const answered = written(out).incidents.filter(({ verdict }) => verdict.opinions !== undefined);
    expect(answered).toHaveLength(1);
    const server = await double(HONEST);
    const rest = await cli(['analyst', 'run', out, '--llm', 'ollama:tiny:1b', '--llm-url', server.url]);
    expect(rest.stderr).toContain(`${all} explanations of ${all} questions (1 known from before)`);
    expect(server.asked).toHaveLength(all - 1);
  }, 180_000);

  test('an incident or a folder that is not there is a mistake in one line', async () => {
    const missing = await cli(['analyst', 'run', OUT, '--incident', '9', '--llm', 'tiny:1b']);
    expect([missing.code, missing.stderr.split('\n')[0]]).toEqual([2, `error: ${OUT} has no incident 9`]);
    const empty = path.join(folder, 'empty');
    fs.mkdirSync(empty);
    const none = await cli(['analyst', 'run', empty, '--llm', 'tiny:1b']);
    expect([none.code, none.stderr]).toEqual([
      2,
      `error: ${empty} has no incidents.json\n  run anomalyst analyze first, or name the folder that it wrote to with --out\n`,
    ]);
    const persona = await cli(['analyst', 'run', OUT, '--persona', 'technical-expart', '--llm', 'tiny:1b']);
    expect([persona.code, persona.stderr]).toEqual([
      2,
      "error: There is no persona 'technical-expart'.\n  Did you mean 'technical-expert'?\n",
    ]);
  });
});

describe('what was answered', () => {
  test('is compared between personas, and exported in the shapes of older tools', async () => {
    const server = await double(HONEST);
    const personas = 'technical-expert,risk-assessor,executive-briefing';
    await cli(['analyst', 'run', '--persona', personas, '--llm', 'tiny:1b', '--llm-url', server.url, '--quiet']);
    const text = await cli(['analyst', 'compare', '1']);
    expect(text.stdout).toMatch(
      /agreement 100 % over assessment, hypothesis and action\nall say: suspicious; unusual traffic; investigate/,
    );
    expect(text.stdout).toMatch(/^ {2}rules {2}/m);
    expect(text.stdout).toMatch(
      /^ {2}tiny:1b as risk-assessor\/1 {2}suspicious, unusual traffic, investigate, confidence 0.6, \d+ claims kept/m,
    );
    const json = JSON.parse((await cli(['analyst', 'compare', '1', '--json'])).stdout) as { answered: number };
    expect(json.answered).toBeGreaterThanOrEqual(3);

    const sessions = await cli(['analyst', 'export']);
    const first = JSON.parse(sessions.stdout.split('\n')[0] ?? '') as Record<string, unknown>;
    expect(first).toMatchObject({ by: 'rules', threat_type: 'Port Scan' });
    const five = await cli(['analyst', 'export', '--shape', 'five-part', '--incident', '1']);
    expect(five.stdout.split('\n').length).toBe(sessions.stdout.split('\n').length);
    expect(five.stdout).toContain('"risk_level":');
  });

  test('where nobody was asked, that is said', async () => {
    const out = path.join(folder, 'unasked');
    await cli(['analyze', capture, '--quiet', '--out', out]);
    const { code, stderr } = await cli(['analyst', 'compare', '1', '--report', out]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(
        /^error: no model was asked about inc-\w+\n {2}anomalyst analyst run --incident inc-\w+ --persona/,
      ),
    ]);
  });
});

describe('what fails is one line with what to type, and the report still comes', () => {
  const failing = async (
    args: readonly string[],
    out: string,
    env: Record<string, string> = {},
  ): Promise<{ code: number | null; stderr: string; outcome: string | undefined }> => {
    const run = await cli(['analyze', capture, '--quiet', '--out', path.join(folder, out), ...args], env);
    expect(fs.existsSync(path.join(folder, out, 'report.html'))).toBe(true);
    const { incidents } = written(path.join(folder, out));
    expect(incidents[0]?.verdict.by).toBe('rules');
    return { ...run, outcome: incidents[0]?.verdict.opinions?.[0]?.outcome };
  };

  test('no server', async () => {
    const run = await failing(['--llm', 'ollama:tiny:1b'], 'no-server', { OLLAMA_HOST: '127.0.0.1:9' });
    expect([run.code, run.outcome]).toEqual([0, 'unreachable']);
    expect(run.stderr).toBe(
      'no explanation of 1 question (unreachable): http://127.0.0.1:9: connection refused (ECONNREFUSED)\n  start it with: ollama serve\n',
    );
  });

  test('a model that the server does not have', async () => {
    const { url } = await double(HONEST);
    const run = await failing(['--llm', 'ollama:tinny:1b'], 'no-model', { OLLAMA_HOST: url });
    expect([run.code, run.outcome]).toEqual([0, 'no-such-model']);
    expect(run.stderr).toMatch(
      /^no explanation of 1 question \(no-such-model\): .*'tinny:1b'\n {2}ollama pull tinny:1b; or did you mean 'tiny:1b'\?\n$/,
    );
  });

  test('a wrong key', async () => {
    const { url } = await double(HONEST, { api: 'openai', key: 'right-key-123' });
    const config = path.join(folder, 'key.yaml');
    fs.writeFileSync(config, `analyst: { provider: openai-compatible, url: '${url}', model: 'tiny:1b' }\n`);
    const run = await failing(['--config', config], 'wrong-key', { ANOMALYST_LLM_KEY: 'wrong-key-456' });
    expect([run.code, run.outcome]).toEqual([0, 'unauthorized']);
    expect(run.stderr).toMatch(/^no explanation of 1 question \(unauthorized\): .+\n {2}.+\n$/);
    expect(run.stderr).not.toContain('wrong-key-456');
  });

  test('a server that answers with a web page', async () => {
    const { url } = await double(HONEST, { isWebServer: true });
    const run = await failing(['--llm', 'ollama:tiny:1b'], 'html', { OLLAMA_HOST: url });
    expect([run.code, run.outcome]).toEqual([0, 'server-error']);
    expect(run.stderr).toMatch(
      /^no explanation of 1 question \(server-error\): .* does not answer as Ollama does\n {2}.+\n$/,
    );
  });

  test('a model that writes no JSON', async () => {
    const { url } = await double({ does: 'nonsense' });
    const run = await failing(['--llm', 'ollama:tiny:1b'], 'nonsense', { OLLAMA_HOST: url });
    expect(run.code).toBe(0);
    expect(['not-json', 'invalid']).toContain(run.outcome);
  });
});

describe('before anything is sent', () => {
  test('brief shows what would be sent, with pseudonyms where they are wanted', async () => {
    const plain = await cli(['analyst', 'brief', '1']);
    expect([plain.code, plain.stderr]).toEqual([0, '']);
    expect(plain.stdout).toContain('--- system\nThe code word is ');
    expect(plain.stdout).toContain('192.168.1.5');
    const redacted = await cli(['analyst', 'brief', '1', '--redact', 'addresses', '--json']);
    expect(redacted.stdout).not.toContain('192.168.');
    expect(JSON.parse(redacted.stdout)).toMatchObject({ requests: [{ persona: 'analyst' }] });
  });

  test('tokens adds up prompts and answers, and money where there are prices', async () => {
    const config = path.join(folder, 'prices.yaml');
    fs.writeFileSync(config, 'analyst: { maxOutputTokens: 1000, budget: { inputPrice: 1, outputPrice: 2 } }\n');
    const { stdout } = await cli(['analyst', 'tokens', '--config', config, '--json']);
    const { incidents, total } = JSON.parse(stdout) as {
      readonly incidents: readonly unknown[];
      readonly total: { readonly prompt: number; readonly answer: number; readonly money: number };
    };
    expect(incidents).toHaveLength(1);
    expect(total.answer).toBe(1000);
    expect(total.prompt).toBeGreaterThan(1000);
    expect(total.money).toBeCloseTo((total.prompt + 2000) / 1e6, 12);
  });

  test('personas and models are listed', async () => {
    const personas = await cli(['analyst', 'personas']);
    expect(personas.stdout).toContain(
      'technical-expert (version 1): Technical expert, for analysts of a security team\n',
    );
    const { url } = await double(HONEST);
    expect((await cli(['analyst', 'models', '--llm-url', url])).stdout).toBe('ollama:tiny:1b\n');
    const nobody = await cli(['analyst', 'models', '--llm-url', 'http://127.0.0.1:9']);
    expect([nobody.code, nobody.stderr]).toEqual([
      2,
      'error: http://127.0.0.1:9: connection refused (ECONNREFUSED)\n  start it with: ollama serve\n',
    ]);
  });
});

test('bench holds models and personas against the truth, and draws the comparison', async () => {
  const { url } = await double(HONEST);
  const page = path.join(folder, 'compared.html');
  const run = await cli([
    ...['analyst', 'bench', '--models', 'tiny:1b,absent:1b', '--templates', 'analyst,executive-briefing'],
    ...['--llm-url', url, '--out', page, '--json'],
  ]);
  expect(run.code).toBe(0);
  const scores = JSON.parse(run.stdout) as readonly {
    readonly model: string;
    readonly template: string;
    readonly incidents: number;
    readonly answered: number;
    readonly assessmentRight: number;
    readonly failures: readonly string[];
  }[];
  expect(scores.map(({ model, template }) => `${model} ${template}`)).toEqual(
    ['tiny:1b analyst/1', 'tiny:1b executive-briefing/1', 'absent:1b analyst/1', 'absent:1b executive-briefing/1'].map(
      (_, i) => `${scores[i]?.model ?? ''} ${scores[i]?.template ?? ''}`,
    ),
  );
  const [best] = scores;
  expect(best).toMatchObject({ model: 'tiny:1b', failures: [] });
  expect(best?.answered).toBe(best?.incidents);
  // It calls everything suspicious: right for all attacks, wrong for all that is ordinary.
  expect(best?.assessmentRight).toBeGreaterThan(0.3);
  expect(best?.assessmentRight).toBeLessThan(1);
  const absent = scores.find(({ model }) => model === 'absent:1b');
  expect(absent).toMatchObject({
    answered: 0,
    assessmentRight: 0,
    failures: [`no-such-model ${absent?.incidents ?? 0}`],
  });
  expect(fs.readFileSync(page, 'utf8')).toContain('<svg');
});
