import { safeText } from '../core/index.ts';

/**
 * Markup that is known to be well-formed: made by the `html` tag, or by `trusted` from text that this folder wrote itself.
 * A string is never markup, so forgetting to escape is not possible: what is forgotten is escaped.
 */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a hole of an `html` template. Strings and numbers are escaped; markup goes in as it is; undefined, null and false leave nothing. */
export type Part = Html | string | number | false | null | undefined | readonly Part[];

/** Longest run of text that one hole takes; call sites that show names from the network cut much earlier. */
const MAX_TEXT = 2000;

/**
 * Tagged template for HTML and SVG. Every string passes `safeText` (control characters, escapes, direction overrides and lone surrogates become
 * visible) and then loses its markup characters, so the result can stand in element content and in a quoted attribute. Attribute values are
 * always written in double quotes; names of elements and attributes are never interpolated.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let out = strings[0] ?? '';
  parts.forEach((part, i) => {
    out += render(part) + (strings[i + 1] ?? '');
  });
  return new Html(out);
}

/** Joins pieces of markup without anything between them. */
export function join(parts: readonly Part[]): Html {
  return new Html(render(parts));
}

/** Text that this program wrote itself (a style sheet, a path of coordinates), taken as markup. Never call it with anything that was read. */
export function trusted(text: string): Html {
  return new Html(text);
}

/** The escape itself: safe in element content and in attributes in either kind of quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (ch) => ENTITIES[ch] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

function render(part: Part): string {
  if (part === undefined || part === null || part === false) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'string') return escapeHtml(safeText(part, MAX_TEXT));
  if (typeof part === 'number') return String(part);
  let out = '';
  for (const piece of part) out += render(piece);
  return out;
}
