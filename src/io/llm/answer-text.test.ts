import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findAnswer, isRefusal } from './answer-text.ts';

const GOOD = '{"a":1,"b":"} {"}';

test.each([
  ['as it is', GOOD],
  ['with space and a byte order mark', `\uFEFF \n${GOOD}\n`],
  ['in a code fence', `\`\`\`json\n${GOOD}\n\`\`\``],
  ['between words', `Here you are: ${GOOD} Have a nice day!`],
  ['behind loud thinking', `<think>maybe {"a":2,"b":"no"}?</think>\n${GOOD}`],
  ['behind a brace that begins nothing', `{ well, ${GOOD}`],
  ['beside an object of another shape', `{"note":1} ${GOOD}`],
  ['said twice', `${GOOD}\n${GOOD}`],
])('an answer is found %s', (_, text) => {
  expect(findAnswer(text, ['a', 'b'])).toBe(GOOD);
});

test.each([
  ['nothing', ''],
  ['words', 'It is a scan.'],
  ['a list', '[1,2]'],
  ['a cut object', '{"a":1,"b":"x'],
  ['an object that lacks a member', '{"a":1}'],
  ['two objects that could both be meant', '{"a":1,"b":2} {"a":1,"b":3}'],
  ['an object with a comma too much, which would have to be mended', '{"a":1,"b":2,}'],
])('no answer is found in %s', (_, text) => {
  expect(findAnswer(text, ['a', 'b'])).toBeUndefined();
});

test('whatever a model says, finding the answer ends, and what is found is a JSON object', () => {
  const piece = fc.constantFrom('{', '}', '"', '\\', '{"a":1}', '[', 'x', '```', '<think>', '</think>', '\n');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const found = findAnswer(pieces.join(''), []);
      if (found !== undefined) expect(JSON.parse(found)).toBeTypeOf('object');
    }),
  );
  const began = performance.now();
  expect(findAnswer('{'.repeat(1_000_000), [])).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(5000);
});

test('a refusal is told from other words', () => {
  expect(isRefusal("I'm sorry, but I can't help with that.")).toBe(true);
  expect(isRefusal('I cannot assist with analysing attacks.')).toBe(true);
  expect(isRefusal('<think>no</think> As an AI, I must not.')).toBe(true);
  expect(isRefusal('The host cannot reach the server.')).toBe(false);
});
