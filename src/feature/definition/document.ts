import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type Expression, ExpressionError, nearest, parseExpression, safeText, UserError } from '../../core/index.ts';

/** Definitions are typed by people: longer files than this are something else. */
const MAX_TEXT = 1_048_576;
const MAX_ALIASES = 100;

export type Path = readonly (string | number)[];

/** An expression with the place where it stands, so that every mistake found in it later is told with file, line and column. */
export interface Formula {
  /** '' where it was made from names and parameters instead of being written. */
  readonly text: string;
  readonly tree: Expression;
  /** Throws the UserError for a mistake in it; any other error as it is. */
  readonly fail: (error: unknown) => never;
}

/** A YAML file with the places of everything in it. */
export class YamlFile {
  readonly file: string;
  readonly value: unknown;
  #text: string;
  #lines: LineCounter;
  #document: ReturnType<typeof parseDocument>;

  /** Throws UserError with file, line and column for what is no YAML, or more than a person writes. */
  constructor(text: string, file: string) {
    this.file = file;
    this.#text = text;
    this.#lines = new LineCounter();
    if (text.length > MAX_TEXT)
      throw new UserError(
        `${file}:1:1: the file is longer than ${MAX_TEXT} characters`,
        'definitions are written by hand; is it the right file?',
      );
    try {
      this.#document = parseDocument(text, {
        lineCounter: this.#lines,
        prettyErrors: false,
        uniqueKeys: true,
        logLevel: 'error',
      });
      const [broken] = this.#document.errors;
      // The reader itself tells of a stack that ran out as of any other mistake.
      if (broken?.message.includes('call stack') === true) throw new RangeError(broken.message);
      if (broken !== undefined) {
        const { line, col } = this.#lines.linePos(broken.pos[0]);
        throw new UserError(`${file}:${line}:${col}: ${safeText(broken.message, 300)}`, 'mend the YAML there');
      }
      this.value = this.#document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      if (error instanceof UserError) throw error;
      // The reader recurses, and it counts what aliases unfold to.
      if (error instanceof RangeError)
        throw new UserError(`${file}:1:1: the YAML is nested too deeply`, 'definitions need about five levels');
      if (error instanceof ReferenceError) {
        const at = text.search(/\*[\w-]/);
        const { line, col } = this.#lines.linePos(Math.max(0, at));
        throw new UserError(
          `${file}:${line}:${col}: aliases (*name) unfold to more than ${MAX_ALIASES} copies, or to nothing`,
          'write the values out',
        );
      }
      throw error;
    }
  }

  /** 'file:line:column path: ' for a message. `key` asks for the place of the last key itself rather than of its value. */
  prefix(path: Path, key = false): string {
    const { line, col } = this.#position(path, key);
    return `${this.file}:${line}:${col}${path.length === 0 ? '' : ` ${pathText(path)}`}: `;
  }

  fail(path: Path, message: string, hint?: string, key = false): never {
    throw new UserError(`${this.prefix(path, key)}${message}`, hint);
  }

  /** Reads the expression that stands at a path. */
  formula(path: Path, text: string): Formula {
    const fail = (error: unknown): never => {
      if (!(error instanceof ExpressionError)) throw error;
      const { line, col } = this.#lines.linePos(this.#offset(path, text, error.span.from));
      throw new UserError(`${this.file}:${line}:${col} ${pathText(path)}: ${error.reason}`, error.hint);
    };
    try {
      return { text, tree: parseExpression(text, { formula: true }), fail };
    } catch (error) {
      return fail(error);
    }
  }

  /** A tree that was made from what stands at a path. */
  made(path: Path, tree: Expression): Formula {
    return {
      text: '',
      tree,
      fail: (error) => {
        if (!(error instanceof ExpressionError)) throw error;
        return this.fail(path, error.reason, error.hint);
      },
    };
  }

  /** Checks the whole against a shape. `hint` says where the shape is told. */
  check<T>(shape: z.ZodType<T>, hint: string): T {
    const result = shape.safeParse(this.value ?? {});
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    if (issue === undefined) throw new Error('a failed parse has an issue');
    const path = issue.path.filter((part): part is string | number => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      const [key = ''] = issue.keys;
      const known = keysAt(shape, path);
      const near = nearest(key, known);
      this.fail(
        [...path, key],
        'unknown key',
        near === undefined ? `known keys here: ${known.join(', ')}` : `did you mean '${near}'?`,
        true,
      );
    }
    if (issue.code === 'invalid_type' && this.#document.getIn([...path]) === undefined && path.length > 0)
      this.fail(path.slice(0, -1), `the key '${String(path.at(-1))}' is missing`, hint);
    return this.fail(path, lowered(issue.message), hint);
  }

  #position(path: Path, key: boolean): { line: number; col: number } {
    for (let length = path.length; length > 0; length--) {
      const steps = path.slice(0, length);
      if (key || length < path.length) {
        const parent: unknown = length === 1 ? this.#document.contents : this.#document.getIn(steps.slice(0, -1), true);
        if (isMap(parent))
          for (const { key: node } of parent.items)
            if (isScalar(node) && node.value === steps.at(-1) && node.range) return this.#lines.linePos(node.range[0]);
      }
      const start = this.#startOf(steps);
      if (start !== undefined) return this.#lines.linePos(start);
    }
    return { line: 1, col: 1 };
  }

  #startOf(path: Path): number | undefined {
    const node: unknown = this.#document.getIn(path, true);
    if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
    return Number(node.range[0]);
  }

  /** Where a character of a scalar's value stands in the file. Its own blanks are laid out by YAML's rules (folded, indented), all else stands as it is. */
  #offset(path: Path, value: string, at: number): number {
    const node: unknown = this.#document.getIn(path, true);
    if (!isScalar(node) || !node.range) return this.#startOf(path) ?? 0;
    const [from, to] = node.range;
    let here = from;
    if (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE') here++;
    if (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED') {
      const line = this.#text.indexOf('\n', from);
      here = line < 0 || line >= to ? from : line + 1;
    }
    for (let i = 0; i <= at && i < value.length; i++) {
      const wanted = value[i] ?? '';
      if (/\s/.test(wanted)) continue;
      while (here < to && /\s/.test(this.#text[here] ?? '')) here++;
      // Inside of quotes some characters are written as two, blanks among them.
      while (node.type === 'QUOTE_DOUBLE' && /^\\[nrt ]/.test(this.#text.slice(here, here + 2))) {
        here += 2;
        while (here < to && /\s/.test(this.#text[here] ?? '')) here++;
      }
      if (this.#text[here] !== wanted && this.#text[here + 1] === wanted) here++;
      if (i === at) return here;
      here++;
    }
    return Math.min(here, to);
  }
}

/** features[2].expression */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${safeText(step, 60)}`;
  }
  return text;
}

function lowered(message: string): string {
  return safeText(
    message.replace(/^Invalid (?:input|option): /, '').replace(/^[A-Z]/, (letter) => letter.toLowerCase()),
    300,
  );
}

/** The keys that a shape knows at a path. */
function keysAt(shape: z.ZodType, path: Path): string[] {
  let at: z.ZodType | undefined = shape;
  for (const step of path) {
    at = unwrapped(at);
    if (at === undefined) return [];
    if (typeof step === 'number') at = 'element' in at ? (at.element as z.ZodType) : undefined;
    else at = 'shape' in at ? (at.shape as Record<string, z.ZodType>)[step] : undefined;
  }
  at = unwrapped(at);
  return at !== undefined && 'shape' in at ? Object.keys(at.shape as object) : [];
}

function unwrapped(shape: z.ZodType | undefined): z.ZodType | undefined {
  let at = shape;
  while (at !== undefined && 'unwrap' in at && typeof at.unwrap === 'function' && !('element' in at))
    at = at.unwrap() as z.ZodType;
  return at;
}
