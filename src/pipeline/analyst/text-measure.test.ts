import { expect, test } from 'vitest';
import { measureText } from './text-measure.ts';

test('words, sentences, their lengths and the most frequent words are counted', () => {
  expect(measureText('Host 10.0.0.5 asked the server. The server did not answer the host! Why?')).toEqual({
    characters: 72,
    words: 13,
    sentences: 3,
    charactersPerWord: 57 / 13,
    wordsPerSentence: 13 / 3,
    vocabularyRichness: 9 / 13,
    topWords: [
      { word: 'host', count: 2 },
      { word: 'server', count: 2 },
      { word: '10.0.0.5', count: 1 },
      { word: 'answer', count: 1 },
      { word: 'asked', count: 1 },
    ],
  });
});

test('a dot inside of an address or a number ends no sentence, and a text without an end is one', () => {
  expect(measureText('10.0.0.5 sent 3.5 kB').sentences).toBe(1);
  expect(measureText('It is 10.0.0.5. It sent 3.5 kB.').sentences).toBe(2);
});

test('a text without words has no means', () => {
  expect(measureText(' ... \n')).toEqual({
    characters: 6,
    words: 0,
    sentences: 0,
    charactersPerWord: 0,
    wordsPerSentence: 0,
    vocabularyRichness: 0,
    topWords: [],
  });
});
