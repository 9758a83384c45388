import { UserError } from '../error.ts';
import { safeText } from '../text.ts';
import type { Span } from './tree.ts';

/** Longest text that is read: an expression is typed by a person. */
export const MAX_LENGTH = 10_000;
/** Columns of the text that an excerpt shows at most. */
const EXCERPT_WIDTH = 76;

/** A mistake in an expression. `message` says what and in which column, `excerpt` are the text and a line with carets below the place. */
export class ExpressionError extends UserError {
  readonly span: Span;
  /** From 1, in characters. */
  readonly column: number;
  readonly excerpt: readonly [string, string];
  /** The message without the place. */
  readonly reason: string;

  /** @param source the whole text. @param what how the message calls it, as in 'filter'. */
  constructor(source: string, span: Span, message: string, hint: string | undefined, what: string) {
    const column = [...source.slice(0, span.from)].length + 1;
    super(`${what}, column ${column}: ${message}`, hint);
    this.name = 'ExpressionError';
    this.reason = message;
    this.span = span;
    this.column = column;
    this.excerpt = excerptOf(source, span);
  }
}

/** The text around the place, one line, with what a terminal must not see made visible, and carets below it. */
function excerptOf(source: string, span: Span): [string, string] {
  let from = 0;
  let to = source.length;
  if (to > EXCERPT_WIDTH) {
    from = Math.max(0, Math.min(span.from - EXCERPT_WIDTH / 2, to - EXCERPT_WIDTH));
    to = Math.min(to, from + EXCERPT_WIDTH);
  }
  const flat = (text: string): string => safeText(text.replace(/\s/g, ' '), MAX_LENGTH);
  const start = Math.min(span.from, source.length);
  const before = `${from > 0 ? '…' : ''}${flat(source.slice(from, start))}`;
  const marked = flat(source.slice(start, Math.max(start, Math.min(span.to, to))));
  const after = flat(source.slice(Math.max(start, Math.min(span.to, to)), to));
  const line = `${before}${marked}${after}${to < source.length ? '…' : ''}`;
  return [line, `${' '.repeat([...before].length)}${'^'.repeat(Math.max(1, [...marked].length))}`];
}
