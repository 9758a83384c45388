import { safeText } from '../core/index.ts';
import { type Html, html, type Part } from './escape.ts';
import { CARD_TABLES } from './html-style.ts';

/** The small pieces that every section of the HTML report is made of. */

/** Text from the network or from the command line: safe, cut at `max` characters, and isolated, so that its writing direction moves nothing else. */
export function network(text: string, max = 100): Html {
  return html`<bdi>${safeText(text, max)}</bdi>`;
}

/** The same in the typeface of addresses and names. */
export function code(text: string, max = 100): Html {
  return html`<bdi class="mono">${safeText(text, max)}</bdi>`;
}

/** Parts with a separator between them. */
export function separated(parts: readonly Part[], separator: Part): Part[] {
  return parts.flatMap((part, i) => (i === 0 ? [part] : [separator, part]));
}

export interface CardTableOptions {
  /** Positions of the columns that hold numbers. */
  readonly right?: readonly number[];
  readonly caption?: Part;
  /** How many columns there are, where the last ones have nothing to show. */
  readonly columns?: number;
}

/** A table in a box of its own that scrolls when it must, and becomes a list of cards on a narrow screen. */
export function cardTable(
  kind: keyof typeof CARD_TABLES,
  label: string,
  rows: readonly Html[],
  options: CardTableOptions = {},
): Html {
  const { right = [], caption, columns } = options;
  const head = CARD_TABLES[kind]
    .slice(0, columns)
    .map((heading, i) => html`<th scope="col"${right.includes(i) && html` class="r"`}>${heading}</th>`);
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}"><table class="cards ${kind}">${caption !== undefined && html`<caption>${caption}</caption>`}
<thead><tr>${head}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
