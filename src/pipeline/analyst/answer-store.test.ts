import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { UserError } from '../../core/index.ts';
import { AnswerStore, questionKey } from './answer-store.ts';

const QUESTION = { prompt: 'p', promptVersion: 'technical 1', provider: 'ollama', model: 'tiny' };

test('another prompt, version, provider or model is another question', () => {
  const keys = [
    QUESTION,
    { ...QUESTION, prompt: 'q' },
    { ...QUESTION, promptVersion: 'technical 2' },
    { ...QUESTION, provider: 'openai-compatible' },
    { ...QUESTION, model: 'large' },
  ].map(questionKey);
  expect(new Set(keys).size).toBe(5);
  expect(questionKey({ ...QUESTION })).toBe(keys[0]);
});

test('an answer is kept under its key, alone and whole', () => {
  const store = new AnswerStore(path.join(temporaryFolder(), 'new', 'answers'));
  const key = questionKey(QUESTION);
  expect(store.read(key)).toBeUndefined();
  store.write(key, { text: 'first' });
  store.write(key, { text: 'second' });
  expect(store.read(key)).toEqual({ text: 'second' });
  expect(fs.readdirSync(store.folder)).toEqual([`${key}.json`]);
});

test('a file that is cut, of another version or another key counts as no answer', () => {
  const store = new AnswerStore(temporaryFolder());
  const key = questionKey(QUESTION);
  store.write(key, { text: 'x' });
  const file = path.join(store.folder, `${key}.json`);
  const text = fs.readFileSync(file, 'utf8');
  for (let length = 0; length < text.length - 1; length++) {
    fs.writeFileSync(file, text.slice(0, length));
    expect(store.read(key)).toBeUndefined();
  }
  fs.writeFileSync(file, text.replace('"version":1', '"version":2'));
  expect(store.read(key)).toBeUndefined();
  fs.writeFileSync(
    file,
    text.replace(
      key,
      key.replace(/^./, (first) => (first === '0' ? '1' : '0')),
    ),
  );
  expect(store.read(key)).toBeUndefined();
});

test('a disk that takes no file is one sentence', () => {
  const folder = temporaryFolder();
  fs.writeFileSync(path.join(folder, 'file'), '');
  const store = new AnswerStore(path.join(folder, 'file', 'answers'));
  const key = questionKey(QUESTION);
  expect(() => store.write(key, {})).toThrow(UserError);
});
