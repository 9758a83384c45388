/**
 * A text pattern in which `*` stands for any run of characters, `?` for one, and `\*` and `\?` for themselves; the whole text must fit. Upper and lower case are
 * alike. Time is at most the length of the pattern times that of the text: there is nothing that backtracks further than to its last `*`.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const codes: number[] = [];
  const folded = pattern.toLowerCase();
  for (let i = 0; i < folded.length; i++) {
    const ch = folded[i];
    if (ch === '\\' && (folded[i + 1] === '*' || folded[i + 1] === '?')) codes.push(folded.charCodeAt(++i));
    else if (ch === '*') {
      if (codes.at(-1) !== ANY_RUN) codes.push(ANY_RUN);
    } else codes.push(ch === '?' ? ANY_ONE : folded.charCodeAt(i));
  }
  return (text) => globMatches(codes, text.toLowerCase());
}

const ANY_RUN = -1;
const ANY_ONE = -2;

function globMatches(pattern: readonly number[], text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    const wanted = pattern[p];
    if (p < pattern.length && wanted === ANY_RUN) {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (wanted === ANY_ONE || wanted === text.charCodeAt(t))) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (p < pattern.length && pattern[p] === ANY_RUN) p++;
  return p === pattern.length;
}

/** A text that is no pattern: `\*` and `\?`, which patterns need, are `*` and `?` in all others. */
export function plainText(text: string): string {
  return text.replace(/\\([*?])/g, '$1');
}
