import { describe, expect, test } from 'vitest';
import type { LanguageModel, LanguageOutcome, LanguageRequest } from '../../analyst/index.ts';
import { UserError } from '../../core/index.ts';
import type { Severity } from '../../incident/index.ts';
import { LanguageBudget, type LanguageBudgetOptions, type LanguageJob, LanguageQueue } from './language-queue.ts';

const request = (name: string): LanguageRequest => ({
  system: 'judge',
  messages: [{ role: 'user', text: name }],
  schema: {},
  maxOutputTokens: 100,
  estimatedInputTokens: 900,
});

const job = (name: string, severity: Severity = 'low', more: Partial<LanguageJob> = {}): LanguageJob => ({
  request: request(name),
  severity,
  fingerprint: name,
  ...more,
});

/** A model that answers when it is told to, and notes what it was asked. */
class HeldModel implements LanguageModel {
  readonly provider = 'ollama';
  readonly model = 'held';
  readonly place = 'machine';
  readonly asked: string[] = [];
  readonly aborted: string[] = [];
  readonly #open = new Map<string, (outcome: LanguageOutcome) => void>();

  answer(asked: LanguageRequest, signal?: AbortSignal): Promise<LanguageOutcome> {
    const name = asked.messages[0]?.text ?? '';
    this.asked.push(name);
    return new Promise((resolve) => {
      this.#open.set(name, resolve);
      signal?.addEventListener('abort', () => {
        this.aborted.push(name);
        resolve({ kind: 'cancelled', message: 'x', usage: { durationMs: 1, attempts: 1 } });
      });
    });
  }

  async say(name: string, outcome: Partial<LanguageOutcome> = {}): Promise<void> {
    const open = this.#open.get(name);
    if (open === undefined) throw new Error(`${name} was not asked`);
    open({
      kind: 'answer',
      text: `{"name":"${name}"}`,
      usage: { durationMs: 5, attempts: 1, promptTokens: 500, completionTokens: 50 },
      ...outcome,
    } as LanguageOutcome);
    await turns();
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

describe('a queue of calls', () => {
  test('asks the severe first, then the higher score, then the earlier, so many at a time', async () => {
    const model = new HeldModel();
    const queue = new LanguageQueue({ model, concurrency: 2 });
    const all = [
      queue.submit(job('first', 'info')),
      queue.submit(job('second', 'low')),
      queue.submit(job('late low')),
      queue.submit(job('high a', 'high')),
      queue.submit(job('critical', 'critical')),
      queue.submit(job('high b', 'high', { score: 5 })),
    ];
    expect(model.asked).toEqual(['first', 'second']);
    for (const name of ['first', 'second', 'critical', 'high b', 'high a', 'late low']) await model.say(name);
    expect(model.asked).toEqual(['first', 'second', 'critical', 'high b', 'high a', 'late low']);
    expect((await Promise.all(all)).map(({ kind }) => kind)).toEqual(Array(6).fill('answer'));
    expect(queue.statistics()).toEqual({
      submitted: 6,
      joined: 0,
      asked: 6,
      turnedAway: 0,
      waiting: 0,
      running: 0,
      mostRunning: 2,
    });
  });

  test('asks equal ones once, for all who wait, with the urgency of the most urgent', async () => {
    const model = new HeldModel();
    const queue = new LanguageQueue({ model });
    const first = queue.submit(job('busy'));
    const other = queue.submit(job('other', 'medium'));
    const twin = queue.submit(job('twin', 'low'));
    const again = queue.submit(job('twin', 'critical'));
    await model.say('busy');
    await model.say('twin');
    await model.say('other');
    expect(model.asked).toEqual(['busy', 'twin', 'other']);
    expect(await twin).toEqual(await again);
    await Promise.all([first, other]);
    // Once it is answered, an equal one is a new call.
    const third = queue.submit(job('twin'));
    await model.say('twin');
    expect((await third).kind).toBe('answer');
    expect(queue.statistics()).toMatchObject({ submitted: 5, joined: 1, asked: 4 });
  });

  test('holds a bounded number, and turns the least urgent away', async () => {
    const model = new HeldModel();
    const queue = new LanguageQueue({ model, maxWaiting: 2 });
    void queue.submit(job('running'));
    const low = queue.submit(job('low', 'low'));
    const medium = queue.submit(job('medium', 'medium'));
    const high = queue.submit(job('high', 'high'));
    expect(await low).toEqual({
      kind: 'budget',
      message: 'more than 2 calls wait for the model, and this one was the least urgent',
      usage: { durationMs: 0, attempts: 0 },
    });
    expect((await queue.submit(job('info', 'info'))).kind).toBe('budget');
    expect(queue.statistics()).toMatchObject({ waiting: 2, turnedAway: 2 });
    await model.say('running');
    await model.say('high');
    await model.say('medium');
    expect((await medium).kind).toBe('answer');
    expect((await high).kind).toBe('answer');
  });

  test('a signal ends its own call alone; the model is stopped when nobody wants the answer any more', async () => {
    const model = new HeldModel();
    const queue = new LanguageQueue({ model });
    const [a, b, c] = [new AbortController(), new AbortController(), new AbortController()];
    const one = queue.submit(job('x', 'low', { signal: a.signal }));
    const two = queue.submit(job('x', 'low', { signal: b.signal }));
    const waiting = queue.submit(job('y', 'low', { signal: c.signal }));
    a.abort();
    expect((await one).kind).toBe('cancelled');
    expect(model.aborted).toEqual([]);
    c.abort();
    expect((await waiting).kind).toBe('cancelled');
    b.abort();
    expect((await two).kind).toBe('cancelled');
    expect(model.aborted).toEqual(['x']);
    await turns();
    expect(model.asked).toEqual(['x']);
    expect((await queue.submit(job('z', 'low', { signal: a.signal }))).kind).toBe('cancelled');
  });

  test('when it is closed, everything ends at once', async () => {
    const model = new HeldModel();
    const queue = new LanguageQueue({ model });
    const all = [queue.submit(job('a')), queue.submit(job('b'))];
    queue.close();
    expect((await Promise.all(all)).map(({ kind }) => kind)).toEqual(['cancelled', 'cancelled']);
    expect((await queue.submit(job('c'))).kind).toBe('cancelled');
    expect(model.aborted).toEqual(['a']);
  });

  test.each(['unauthorized', 'no-such-model'] as const)(
    '%s is true for all that wait: they are not asked',
    async (kind) => {
      const model = new HeldModel();
      const queue = new LanguageQueue({ model });
      const all = ['a', 'b', 'c'].map((name) => queue.submit(job(name)));
      await model.say('a', { kind, message: 'no', usage: { durationMs: 1, attempts: 1 } });
      expect((await Promise.all(all)).map((outcome) => outcome.kind)).toEqual([kind, kind, kind]);
      expect((await queue.submit(job('d'))).kind).toBe(kind);
      expect(model.asked).toEqual(['a']);
    },
  );

  test('another failure is that call’s own', async () => {
    const model = new HeldModel();
    const queue = new LanguageQueue({ model });
    const all = ['a', 'b'].map((name) => queue.submit(job(name)));
    await model.say('a', { kind: 'timeout', message: 'no', usage: { durationMs: 1, attempts: 1 } });
    await model.say('b');
    expect((await Promise.all(all)).map((outcome) => outcome.kind)).toEqual(['timeout', 'answer']);
  });

  test('a model that rejects, against its promise, leaves nobody waiting', async () => {
    const model: LanguageModel = {
      provider: 'ollama',
      model: 'm',
      place: 'machine',
      answer: () => Promise.reject(new Error('bug')),
    };
    const queue = new LanguageQueue({ model });
    expect(await queue.submit(job('a'))).toMatchObject({ kind: 'server-error', message: 'the call failed: bug' });
    expect(queue.statistics().running).toBe(0);
  });
});

describe('a budget', () => {
  const spend = (options: LanguageBudgetOptions, concurrency = 1) => {
    const model = new HeldModel();
    const budget = new LanguageBudget(options);
    return { model, budget, queue: new LanguageQueue({ model, budget, concurrency }) };
  };

  test('in tokens ends the calls before it is overdrawn, and says what was spent', async () => {
    const { model, budget, queue } = spend({ tokens: 2000 });
    const all = ['a', 'b', 'c', 'd'].map((name) => queue.submit(job(name)));
    await model.say('a');
    await model.say('b');
    const [, , c] = await Promise.all(all);
    expect(c).toEqual({
      kind: 'budget',
      message: 'the next call may take 1,000 tokens, and of the budget of 2,000 tokens 1,100 are spent',
      hint: 'raise analyst.budget.tokens',
      usage: { durationMs: 0, attempts: 0 },
    });
    expect(model.asked).toEqual(['a', 'b']);
    expect(budget.spent).toEqual({ promptTokens: 1000, completionTokens: 100, money: undefined, estimated: 0 });
  });

  test('is not overdrawn by calls side by side', async () => {
    const { model, queue } = spend({ tokens: 1999 }, 2);
    const [, b] = ['a', 'b'].map((name) => queue.submit(job(name)));
    expect(await b).toMatchObject({
      kind: 'budget',
      message:
        'the next call may take 1,000 tokens, and of the budget of 1,999 tokens 0 are spent, with 1,000 tokens set aside for calls that run',
    });
    expect(model.asked).toEqual(['a']);
  });

  test('in money goes by the prices', async () => {
    const { model, budget, queue } = spend({ money: 0.003, inputPrice: 2, outputPrice: 10 });
    const all = ['a', 'b'].map((name) => queue.submit(job(name)));
    await model.say('a');
    expect(await all[1]).toMatchObject({
      kind: 'budget',
      message: 'the next call may cost 0.0028, and of the budget of 0.003, 0.0015 is spent',
      hint: 'raise analyst.budget.money',
    });
    expect(budget.spent.money).toBeCloseTo(0.0015, 12);
  });

  test('counts the estimate where the server does not tell, and nothing where nothing was read', async () => {
    const { model, budget, queue } = spend({ tokens: 100_000 });
    const all = ['a', 'b', 'c'].map((name) => queue.submit(job(name)));
    await model.say('a', { usage: { durationMs: 1, attempts: 1 } });
    await model.say('b', { kind: 'unreachable', message: 'no', usage: { durationMs: 1, attempts: 1 } });
    await model.say('c', { kind: 'timeout', message: 'no', usage: { durationMs: 1, attempts: 2 } });
    await Promise.all(all);
    expect(budget.spent).toEqual({ promptTokens: 1800, completionTokens: 6, money: undefined, estimated: 2 });
  });

  test('in money needs prices', () => {
    expect(() => new LanguageBudget({ money: 5 })).toThrow(
      new UserError(
        'analyst.budget.money cannot be kept without prices',
        'set analyst.budget.inputPrice and outputPrice: the price of a million tokens',
      ),
    );
  });
});
