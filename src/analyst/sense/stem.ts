/** The stem of a word, roughly: what its forms have in common. */
export function stem(word: string): string {
  const lower = word.toLowerCase();
  const irregular = IRREGULAR[lower];
  if (irregular !== undefined) return irregular;
  return lower
    .replace(/(?:ies|ied)$/, 'y')
    .replace(/(?<=[a-z]{3})(?:ing|ed|es|e|s)$/, '')
    .replace(/([bdglmnprt])\1$/, '$1');
}

const IRREGULAR: Readonly<Record<string, string>> = {
  sent: 'send',
  spoke: 'speak',
  made: 'mak',
  told: 'tell',
  kept: 'keep',
  got: 'get',
  gave: 'giv',
  took: 'tak',
  stole: 'steal',
  stolen: 'steal',
  broke: 'break',
  broken: 'break',
  ran: 'run',
};
