/** Measures of a text that a model wrote, for comparing models: how much it says and in how varied words. */
export interface TextMeasures {
  /** Code points. */
  readonly characters: number;
  readonly words: number;
  /** Words that a full stop, an exclamation or a question mark follows, at least 1 where there are words. */
  readonly sentences: number;
  readonly charactersPerWord: number;
  readonly wordsPerSentence: number;
  /** Different words by all words, 0 to 1, without regard to case. */
  readonly vocabularyRichness: number;
  /** The most frequent words that are no stop words, at most 5; equally frequent ones in order of the alphabet. */
  readonly topWords: readonly { readonly word: string; readonly count: number }[];
}

const STOP_WORDS: ReadonlySet<string> = new Set(
  'a an and are as at be by for from has have in is it its not of on or that the this to was were with'.split(' '),
);
const TOP = 5;

/** A word is letters, digits and what stands between them: an address and a number are one each. Of a text without words every mean is 0. */
export function measureText(text: string): TextMeasures {
  const words = text.match(/[\p{L}\p{N}](?:[\p{L}\p{N}'._:/-]*[\p{L}\p{N}])?/gu) ?? [];
  const ends = text.match(/[\p{L}\p{N})\]'"}][.!?](?=\s|$)/gu) ?? [];
  const counts = new Map<string, number>();
  let letters = 0;
  for (const word of words) {
    const folded = word.toLowerCase();
    letters += [...word].length;
    counts.set(folded, (counts.get(folded) ?? 0) + 1);
  }
  const sentences = words.length === 0 ? 0 : Math.max(1, ends.length);
  const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
  return {
    characters: [...text].length,
    words: words.length,
    sentences,
    charactersPerWord: ratio(letters, words.length),
    wordsPerSentence: ratio(words.length, sentences),
    vocabularyRichness: ratio(counts.size, words.length),
    topWords: [...counts]
      .filter(([word]) => !STOP_WORDS.has(word))
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .slice(0, TOP)
      .map(([word, count]) => ({ word, count })),
  };
}
