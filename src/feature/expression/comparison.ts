import {
  type CompareOperator,
  compileGlob,
  type Expression,
  type ListItem,
  plainText,
  type Span,
  safeText,
} from '../../core/index.ts';
import { NetworkSet } from '../../wire/index.ts';
import { checkDimensions } from './arithmetic.ts';
import type { Compiler } from './compiler.ts';
import { COMPARE_COLUMNS, COMPARE_CONSTANT, isOrder, MIRROR } from './loop.ts';
import {
  A_TYPE,
  type BooleanNode,
  booleanNode,
  constantNumber,
  type Node,
  type NumberNode,
  type TextNode,
} from './node.ts';
import { ByteBuffer, FALSE, TRUE, UNKNOWN } from './vector.ts';

/** Comparisons: numbers, texts, lists, patterns, and whether a value is there at all. */

export function comparison(
  compiler: Compiler,
  left: Expression,
  operator: CompareOperator,
  right: Expression,
  span: Span,
): BooleanNode {
  let a = compiler.node(left);
  let b = compiler.node(right);
  // A time in quotes is a time beside a time.
  if (a.type === 'number' && a.dimension === 'time' && right.kind === 'text')
    b = constantNumber(compiler.time(right), 'time');
  if (b.type === 'number' && b.dimension === 'time' && left.kind === 'text')
    a = constantNumber(compiler.time(left), 'time');
  if (!isOrder(operator)) {
    if (a.type !== 'text') return compiler.wrong(left, a.type, operator, 'text');
    if (b.type !== 'text') return compiler.wrong(right, b.type, operator, 'text');
    return searchText(compiler, a, operator, b, right);
  }
  if (a.type !== b.type) mismatch(compiler, left, a, right, b);
  if (a.type === 'number' && b.type === 'number') {
    checkDimensions(compiler, a.dimension, b.dimension, left.kind === 'number' || right.kind === 'number', span);
    return compareNumbers(a, operator, b);
  }
  if (operator !== '==' && operator !== '!=') return compiler.wrong(left, a.type, operator, 'number');
  if (a.type === 'text' && b.type === 'text') {
    const [one, other] = typeof a.constant === 'string' ? [b, a] : [a, b];
    const wanted = other.constant;
    if (typeof wanted === 'string')
      return dictionaryTest(one, operator === '==' ? (text) => text === wanted : (text) => text !== wanted);
    return compareTexts(a, operator, b);
  }
  const buffer = new ByteBuffer();
  return booleanNode((batch) => {
    const x = (a as BooleanNode).evaluate(batch).values;
    const y = (b as BooleanNode).evaluate(batch).values;
    const out = buffer.take(batch.rowCount);
    const same = operator === '==' ? TRUE : FALSE;
    for (let i = 0; i < out.length; i++)
      out[i] = x[i] === UNKNOWN || y[i] === UNKNOWN ? UNKNOWN : x[i] === y[i] ? same : TRUE - same;
    return out;
  });
}

function mismatch(compiler: Compiler, left: Expression, a: Node, right: Expression, b: Node): never {
  const [text, literal] =
    a.type === 'text' && right.kind === 'number'
      ? [left, right]
      : b.type === 'text' && left.kind === 'number'
        ? [right, left]
        : [undefined, undefined];
  compiler.fail(
    { from: left.span.from, to: right.span.to },
    `${compiler.subject(left)} is ${A_TYPE[a.type]}, and ${compiler.subject(right)} is ${A_TYPE[b.type]}`,
    text !== undefined && literal !== undefined
      ? `write the number in quotes, or read ${compiler.subject(text)} as a number: number(...)`
      : a.type === 'number' || b.type === 'number'
        ? 'number(...) reads a number from a text, text(...) makes one'
        : undefined,
  );
}

function searchText(
  compiler: Compiler,
  a: TextNode,
  operator: CompareOperator,
  b: TextNode,
  right: Expression,
): BooleanNode {
  const raw = right.kind === 'text' ? right.text : b.constant;
  if (typeof raw === 'string') {
    if (operator === 'matches') return dictionaryTest(a, compileGlob(raw));
    const wanted = plainText(raw).toLowerCase();
    const fits = SEARCH[operator];
    return dictionaryTest(a, (text) => fits(text.toLowerCase(), wanted));
  }
  if (operator === 'matches')
    compiler.fail(right.span, 'a pattern is a text in quotes', 'as in name matches "*.example.com"');
  const fits = SEARCH[operator];
  return rowTest(a, b, (text, wanted) => fits(text.toLowerCase(), wanted.toLowerCase()));
}

export function inList(compiler: Compiler, operand: Expression, items: readonly ListItem[]): BooleanNode {
  const a = compiler.node(operand);
  if (a.type === 'boolean') return compiler.wrong(operand, 'boolean', 'in', 'number');
  if (a.type === 'text') return dictionaryTest(a, textSet(compiler, operand, items));
  const single = new Set<number>();
  const ranges: { low: number; high: number }[] = [];
  for (const { from, to } of items) {
    const low = listedNumber(compiler, from, a, operand);
    if (to === undefined) {
      single.add(low);
      continue;
    }
    const high = listedNumber(compiler, to, a, operand);
    if (low > high)
      compiler.fail({ from: from.span.from, to: to.span.to }, 'the range ends before it begins', 'turn it round');
    ranges.push({ low, high });
  }
  const buffer = new ByteBuffer();
  return booleanNode((batch) => {
    const { values } = a.evaluate(batch);
    const out = buffer.take(batch.rowCount);
    for (let i = 0; i < out.length; i++) {
      const value = values[i];
      if (Number.isNaN(value)) out[i] = UNKNOWN;
      else out[i] = single.has(value) || ranges.some(({ low, high }) => value >= low && value <= high) ? TRUE : FALSE;
    }
    return out;
  });
}

function listedNumber(compiler: Compiler, tree: Expression, like: NumberNode, operand: Expression): number {
  const node =
    like.dimension === 'time' && tree.kind === 'text'
      ? constantNumber(compiler.time(tree), 'time')
      : compiler.node(tree);
  if (node.type === 'text')
    compiler.fail(
      tree.span,
      `${compiler.subject(operand)} is a number, and ${compiler.subject(tree)} is text`,
      'take the quotes away',
    );
  if (typeof node.constant !== 'number')
    compiler.fail(tree.span, 'a list holds values, not columns', "compare with 'or' instead");
  checkDimensions(compiler, like.dimension, node.dimension, tree.kind === 'number', tree.span);
  return node.constant;
}

function textSet(compiler: Compiler, operand: Expression, items: readonly ListItem[]): (text: string) => boolean {
  const words = new Set<string>();
  const networks: string[] = [];
  for (const { from, to } of items) {
    if (to !== undefined)
      compiler.fail(
        { from: from.span.from, to: to.span.to },
        `${compiler.subject(operand)} is text and has no ranges`,
        'list the values',
      );
    if (from.kind === 'address') {
      if (NetworkSet.parse([from.text]) === undefined)
        compiler.fail(
          from.span,
          `'${safeText(from.text, 60)}' is neither an address nor a network`,
          'as in 10.0.0.0/8',
        );
      networks.push(from.text);
      continue;
    }
    const node = compiler.node(from);
    if (node.type === 'number')
      compiler.fail(
        from.span,
        `${compiler.subject(operand)} is text, and ${compiler.subject(from)} is a number`,
        'write the number in quotes',
      );
    if (typeof node.constant !== 'string')
      compiler.fail(from.span, 'a list holds values, not columns', "compare with 'or' instead");
    words.add(node.constant);
  }
  const set = networks.length === 0 ? undefined : NetworkSet.parse(networks);
  return set === undefined ? (text) => words.has(text) : (text) => words.has(text) || set.has(text);
}

export function isMissing(compiler: Compiler, tree: Expression): BooleanNode {
  const operand = compiler.node(tree);
  const buffer = new ByteBuffer();
  return booleanNode((batch) => {
    const vector = operand.evaluate(batch);
    const out = buffer.take(batch.rowCount);
    if (vector.type === 'number')
      for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(vector.values[i]) ? TRUE : FALSE;
    else if (vector.type === 'text') for (let i = 0; i < out.length; i++) out[i] = vector.codes[i] < 0 ? TRUE : FALSE;
    else for (let i = 0; i < out.length; i++) out[i] = vector.values[i] === UNKNOWN ? TRUE : FALSE;
    return out;
  });
}

const SEARCH: Readonly<Record<'contains' | 'startswith' | 'endswith', (text: string, wanted: string) => boolean>> & {
  readonly [operator: string]: (text: string, wanted: string) => boolean;
} = {
  contains: (text, wanted) => text.includes(wanted),
  startswith: (text, wanted) => text.startsWith(wanted),
  endswith: (text, wanted) => text.endsWith(wanted),
};

function compareNumbers(a: NumberNode, operator: keyof typeof MIRROR, b: NumberNode): BooleanNode {
  const buffer = new ByteBuffer();
  const [one, other, order] = typeof a.constant === 'number' ? [b, a, MIRROR[operator]] : [a, b, operator];
  const bound = other.constant;
  if (typeof bound === 'number') {
    const loop = COMPARE_CONSTANT[order];
    return booleanNode((batch) => {
      const out = buffer.take(batch.rowCount);
      loop(one.evaluate(batch).values, bound, out);
      return out;
    });
  }
  const loop = COMPARE_COLUMNS[operator];
  return booleanNode((batch) => {
    const out = buffer.take(batch.rowCount);
    loop(a.evaluate(batch).values, b.evaluate(batch).values, out);
    return out;
  });
}

/** A test on texts, asked once for each entry of the batch's dictionary that a row has. */
function dictionaryTest(operand: TextNode, test: (text: string) => boolean): BooleanNode {
  const buffer = new ByteBuffer();
  let verdicts = new Uint8Array(0);
  return booleanNode((batch) => {
    const { codes, dictionary } = operand.evaluate(batch);
    const out = buffer.take(batch.rowCount);
    if (verdicts.length < dictionary.length) verdicts = new Uint8Array(dictionary.length);
    verdicts.fill(UNKNOWN, 0, dictionary.length);
    for (let i = 0; i < out.length; i++) {
      const code = codes[i];
      if (code < 0) {
        out[i] = UNKNOWN;
        continue;
      }
      let verdict = verdicts[code];
      if (verdict === UNKNOWN) {
        verdict = test(dictionary[code]) ? TRUE : FALSE;
        verdicts[code] = verdict;
      }
      out[i] = verdict;
    }
    return out;
  });
}

function rowTest(a: TextNode, b: TextNode, test: (one: string, other: string) => boolean): BooleanNode {
  const buffer = new ByteBuffer();
  return booleanNode((batch) => {
    const x = a.evaluate(batch);
    const y = b.evaluate(batch);
    const out = buffer.take(batch.rowCount);
    for (let i = 0; i < out.length; i++) {
      if (x.codes[i] < 0 || y.codes[i] < 0) out[i] = UNKNOWN;
      else out[i] = test(x.dictionary[x.codes[i]], y.dictionary[y.codes[i]]) ? TRUE : FALSE;
    }
    return out;
  });
}

function compareTexts(a: TextNode, operator: '==' | '!=', b: TextNode): BooleanNode {
  const equal = operator === '==';
  return rowTest(a, b, (one, other) => (one === other) === equal);
}
