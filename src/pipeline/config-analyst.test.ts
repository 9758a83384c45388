import { expect, test } from 'vitest';
import { UserError } from '../core/index.ts';
import { parseConfig } from './config.ts';

function fault(text: string): readonly [string, string | undefined] {
  try {
    parseConfig(text, 'c.yaml');
  } catch (error) {
    if (error instanceof UserError) return [error.message, error.hint];
    throw error;
  }
  throw new Error('it was taken');
}

test('the settings of the language model are taken', () => {
  const text = `analyst:
  provider: openai-compatible
  url: https://api.together.xyz/v1
  model: meta-llama/Llama-3-70b-chat-hf
  allowRemote: true
  keyFrom: MY_KEY
  keepAlive: 1h
  timeouts: { firstTokenMs: 60000 }
  budget: { tokens: 100000, money: 2.5, inputPrice: 0.9, outputPrice: 0.9 }
`;
  expect(parseConfig(text, 'c.yaml').analyst).toMatchObject({
    provider: 'openai-compatible',
    keyFrom: 'MY_KEY',
    timeouts: { firstTokenMs: 60_000 },
    budget: { money: 2.5 },
  });
});

test.each([
  ['analyst:\n  modell: x\n', "c.yaml:2:3: unknown key 'modell'", "did you mean 'model'?"],
  ['analyst:\n  allow_remote: true\n', "c.yaml:2:3: unknown key 'allow_remote'", "did you mean 'allowRemote'?"],
  ['analyst:\n  budget:\n    token: 5\n', "c.yaml:3:5: unknown key 'token'", "did you mean 'tokens'?"],
  ['analyst:\n  timeouts:\n    idle: 5\n', "c.yaml:3:5: unknown key 'idle'", "did you mean 'idleMs'?"],
])('an unknown key is told with the nearest one: %j', (text, message, hint) => {
  expect(fault(text)).toEqual([message, hint]);
});

test('a key written into the configuration is refused', () => {
  expect(fault('analyst:\n  keyFrom: sk-8d1f-55\n')[0]).toBe(
    'c.yaml:2:3: analyst.keyFrom: expected the name of a variable of the environment, as in MY_SERVER_KEY; the key itself is never written here',
  );
  expect(fault('analyst:\n  keepAlive: forever\n')[0]).toBe(
    "c.yaml:2:3: analyst.keepAlive: expected a time as Ollama takes it: '10m', '1h', '0', '-1'",
  );
});
