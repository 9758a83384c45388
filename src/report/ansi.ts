import { keepUnits } from './words.ts';

/** Laying text out on a terminal: how wide it is, where it breaks, and the few escape sequences that colour needs. */

/** SGR parameters of the styles in use; the sixteen basic colours, so that the user's own palette decides how they look. */
const STYLES = {
  strong: '1',
  quiet: '2',
  critical: '1;97;41',
  high: '1;31',
  medium: '1;33',
  low: '36',
  info: '2',
  warning: '33',
} as const;

export type Style = keyof typeof STYLES;

/** Wraps text in a style, or leaves it alone. The text must be safe already. */
export type Painter = (style: Style, text: string) => string;

export function painter(color: boolean): Painter {
  return color ? (style, text) => (text === '' ? '' : `\u001b[${STYLES[style]}m${text}\u001b[0m`) : (_, text) => text;
}

/**
 * Columns that text takes on a terminal: two for the wide characters of East Asia and for emoji, none for combining marks, else one
 * (after Unicode UAX #11, by blocks rather than by character). Expects text without control characters.
 */
export function textWidth(text: string): number {
  let width = 0;
  for (const ch of text) width += charWidth(ch);
  return width;
}

function charWidth(ch: string): number {
  const code = ch.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (/\p{Mark}/u.test(ch)) return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

/**
 * Breaks text at blanks into lines of at most `width` columns; a number stays with its unit, and a word that is wider than a line is broken inside.
 * Never returns an empty list.
 */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const word of keepUnits(text).split(' ')) {
    if (word === '') continue;
    const wordWidth = textWidth(word);
    if (line !== '' && used + 1 + wordWidth <= width) {
      line += ` ${word}`;
      used += 1 + wordWidth;
      continue;
    }
    if (line !== '') lines.push(line);
    line = '';
    used = 0;
    if (wordWidth <= width) {
      line = word;
      used = wordWidth;
      continue;
    }
    for (const ch of word) {
      const w = charWidth(ch);
      if (used + w > width && line !== '') {
        lines.push(line);
        line = '';
        used = 0;
      }
      line += ch;
      used += w;
    }
  }
  if (line !== '' || lines.length === 0) lines.push(line);
  return lines.map((finished) => finished.replaceAll('\u00a0', ' '));
}

/**
 * Joins parts with a separator into lines of at most `width` columns, breaking between parts where it can, after the separator without its blank.
 * Parts may be painted.
 */
export function wrapParts(parts: readonly string[], separator: string, width: number): string[] {
  const lines: string[] = [];
  const mark = separator.trimEnd();
  let line = '';
  for (const [i, part] of parts.entries()) {
    const after = i < parts.length - 1 ? mark : '';
    if (line === '') line = part;
    else if (paintedWidth(line + separator + part + after) <= width) line += separator + part;
    else {
      lines.push(line + mark);
      line = part;
    }
  }
  if (line !== '') lines.push(line);
  return lines.flatMap((finished) => (paintedWidth(finished) <= width ? [finished] : wrapText(finished, width)));
}

function paintedWidth(text: string): number {
  return textWidth(text.replace(/\u001b\[[0-9;]*m/g, ''));
}

/** Pads on the right to `width` columns. */
export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}
