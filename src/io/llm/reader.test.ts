import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerReader, Dialect } from './dialect.ts';
import { ollamaDialect } from './ollama.ts';
import { openaiDialect } from './openai.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const STREAMS: readonly (readonly [name: string, dialect: Dialect, stream: string])[] = [
  [
    'Ollama',
    ollamaDialect({ keepAlive: '10m' }),
    '{"message":{"role":"assistant","content":"{\\"a\\":"},"done":false}\n{"message":{"content":"\\"größe 🦊\\"}"},"done":false}\n' +
      '{"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":12,"eval_count":5,"eval_duration":250000000}\n',
  ],
  [
    'chat completions',
    openaiDialect(),
    ': hello\r\n\r\nevent: x\r\ndata: {"choices":[{"delta":{"role":"assistant","content":"{\\"a\\":"}}]}\r\n\r\n' +
      'data:{"choices":[{"delta":{"content":"\\"größe 🦊\\"}"},"finish_reason":null}]}\n\n' +
      'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5},"timings":{"predicted_n":5,"predicted_ms":250}}\n\ndata: [DONE]\n\n',
  ],
];

function read(reader: AnswerReader, stream: Uint8Array, cuts: readonly number[]): ReturnType<AnswerReader['end']> {
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    reader.push(stream.subarray(from, cut));
    from = cut;
  }
  reader.push(stream.subarray(from));
  return reader.end();
}

describe.each(STREAMS)('a stream of %s', (_, dialect, text) => {
  const stream = bytes(text);
  const whole = read(dialect.reader(), stream, []);

  test('gives text, reason and counts', () => {
    expect(whole).toMatchObject({
      text: '{"a":"größe 🦊"}',
      stop: 'end',
      promptTokens: 12,
      completionTokens: 5,
      answerMs: 250,
      error: undefined,
      isForeign: false,
    });
  });

  test('says the same wherever it is cut into pieces, in the middle of letters too', () => {
    for (let at = 0; at <= stream.length; at++)
      expect(read(dialect.reader(), stream, [at]), `cut at ${at}`).toEqual(whole);
    const everywhere = Array.from(stream, (_byte, i) => i);
    expect(read(dialect.reader(), stream, everywhere)).toEqual(whole);
  });

  test('that ends anywhere is never taken for one that came to its end before its reason did', () => {
    for (let at = 0; at < text.indexOf('"stop"'); at++) {
      const part = bytes(text.slice(0, at));
      expect(read(dialect.reader(), part, []).stop, `after ${at}`).toBeUndefined();
    }
  });

  test('of any bytes never throws, and invents nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(400), (noise, cut) => {
        const spoken = read(dialect.reader(), noise, [Math.min(cut, noise.length)]);
        expect(spoken.text).toBe('');
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.json(), { maxLength: 5 }), (values) => {
        const lines = values.flatMap((value) => [value, `data: ${value}`]).join('\n');
        expect(() => read(dialect.reader(), bytes(lines), [])).not.toThrow();
      }),
    );
    const deep = `${'['.repeat(200_000)}\n`;
    expect(() => read(dialect.reader(), bytes(deep), [])).not.toThrow();
  });
});
