import { type CallExpression, type Expression, nearest, safeText } from '../../core/index.ts';
import { AGGREGATE_KINDS, type AggregateKind } from './aggregate.ts';
import { aggregateCall } from './aggregate-call.ts';
import { applied, timeOf } from './apply.ts';
import { checkDimensions } from './arithmetic.ts';
import { coalesce, ifElse } from './choice.ts';
import type { Compiler } from './compiler.ts';
import { ArgumentError, type Parameter, type ScalarCall, TEXT_FUNCTIONS } from './function.ts';
import { greater, lesser, MEASURES, roundTo } from './loop.ts';
import { type Node, type NumberNode, numberNode } from './node.ts';
import { checkArity, FUNCTION_NAMES, findFunction, signatureOf } from './signature.ts';
import { NumberBuffer } from './vector.ts';

/** Calls of functions; those of aggregates are handed on. */

const KEEPS_DIMENSION = new Set(['abs', 'floor', 'ceil']);

export function call(compiler: Compiler, tree: CallExpression): Node {
  const name = tree.name.toLowerCase();
  const windowed = tree.over !== undefined || tree.by !== undefined;
  const single = tree.values.length <= 1;
  if (
    (AGGREGATE_KINDS as readonly string[]).includes(name) &&
    (windowed || single || (name !== 'min' && name !== 'max'))
  )
    return aggregateCall(compiler, tree, name as AggregateKind);
  if (windowed)
    compiler.fail(
      tree.span,
      `'${tree.over === undefined ? 'by' : 'over'}' belongs to an aggregate, and '${safeText(tree.name, 40)}' is none`,
      `aggregates: ${AGGREGATE_KINDS.join(', ')}`,
    );
  const { values } = tree;
  if (Object.hasOwn(MEASURES, name)) {
    checkArity(compiler, tree, 1, 1);
    const operand = compiler.number(values[0], name);
    const loop = MEASURES[name];
    const { faults } = compiler;
    const buffer = new NumberBuffer();
    return numberNode(KEEPS_DIMENSION.has(name) ? operand.dimension : 'plain', (batch) => {
      const out = buffer.take(batch.rowCount);
      loop(operand.evaluate(batch).values, out, faults);
      return out;
    });
  }
  switch (name) {
    case 'min':
    case 'max':
      return extreme(compiler, tree, name === 'min' ? lesser : greater);
    case 'clamp': {
      checkArity(compiler, tree, 3, 3);
      const [value, low, high] = values.map((one) => compiler.number(one, name));
      const buffer = new NumberBuffer();
      return numberNode(value.dimension, (batch) => {
        const out = buffer.take(batch.rowCount);
        greater(value.evaluate(batch).values, low.evaluate(batch).values, out);
        lesser(out, high.evaluate(batch).values, out);
        return out;
      });
    }
    case 'round': {
      checkArity(compiler, tree, 1, 2);
      const operand = compiler.number(values[0], name);
      const digits = values.length === 1 ? 0 : compiler.number(values[1], name).constant;
      if (typeof digits !== 'number' || !Number.isInteger(digits) || digits < 0 || digits > 12)
        compiler.fail(values[1]?.span ?? tree.span, 'the decimals of round are a whole number from 0 to 12');
      const buffer = new NumberBuffer();
      return numberNode(operand.dimension, (batch) => {
        const out = buffer.take(batch.rowCount);
        roundTo(operand.evaluate(batch).values, digits, out);
        return out;
      });
    }
    case 'pow':
      return power(compiler, tree);
    case 'if':
      return ifElse(compiler, tree);
    case 'coalesce':
      return coalesce(compiler, tree);
    default:
      return functionCall(compiler, tree, name);
  }
}

function extreme(
  compiler: Compiler,
  tree: CallExpression,
  loop: (a: Float64Array, b: Float64Array, out: Float64Array) => void,
): NumberNode {
  const operands = tree.values.map((one) => compiler.number(one, tree.name));
  const [first, ...rest] = operands;
  for (const one of rest) checkDimensions(compiler, first.dimension, one.dimension, false, tree.span);
  const buffer = new NumberBuffer();
  return numberNode(first.dimension, (batch) => {
    const out = buffer.take(batch.rowCount);
    let values = first.evaluate(batch).values;
    for (const operand of rest) {
      loop(values, operand.evaluate(batch).values, out);
      values = out;
    }
    return values;
  });
}

function power(compiler: Compiler, tree: CallExpression): NumberNode {
  checkArity(compiler, tree, 2, 2);
  const wanting = compiler.source.slice(tree.span.from, tree.span.from + 3).toLowerCase() === 'pow' ? 'pow' : '^';
  const a = compiler.number(tree.values[0], wanting);
  const b = compiler.number(tree.values[1], wanting);
  const { faults } = compiler;
  const buffer = new NumberBuffer();
  const exponent = b.constant;
  if (exponent === 2)
    return numberNode('plain', (batch) => {
      const out = buffer.take(batch.rowCount);
      const { values } = a.evaluate(batch);
      for (let i = 0; i < out.length; i++) out[i] = values[i] * values[i];
      return out;
    });
  return numberNode('plain', (batch) => {
    const out = buffer.take(batch.rowCount);
    const x = a.evaluate(batch).values;
    const y = b.evaluate(batch).values;
    for (let i = 0; i < out.length; i++) {
      // x ** 0 is 1 in IEEE 754 even for a missing x.
      const value = Number.isNaN(x[i]) ? Number.NaN : x[i] ** y[i];
      if (Number.isNaN(value) && !Number.isNaN(x[i]) && !Number.isNaN(y[i])) faults.domain++;
      out[i] = value;
    }
    return out;
  });
}

function functionCall(compiler: Compiler, tree: CallExpression, name: string): Node {
  const found = findFunction(compiler, name);
  if (found === undefined) {
    const { functions = {}, refused = {} } = compiler.scope;
    if (Object.hasOwn(refused, name))
      compiler.fail(tree.span, `'${safeText(tree.name, 40)}' ${refused[name].reason}`, refused[name].hint);
    const near = nearest(name, [...FUNCTION_NAMES, ...Object.keys(functions)]);
    compiler.fail(
      { from: tree.span.from, to: Math.min(tree.span.to, tree.span.from + tree.name.length) },
      `there is no function '${safeText(tree.name, 40)}'`,
      near === undefined ? 'docs/features.md lists them' : `did you mean '${near}'?`,
    );
  }
  const { takes } = found;
  const least = takes.filter((one) => one.optional !== true).length;
  checkArity(compiler, tree, least, takes.at(-1)?.repeated === true ? Number.POSITIVE_INFINITY : takes.length);
  const nodes = tree.values.map((one, i) => argumentOf(compiler, tree, one, takes[Math.min(i, takes.length - 1)]));
  let call: ScalarCall;
  try {
    call = found.prepare(
      nodes.map((node) => node.constant),
      { zone: compiler.scope.zone ?? 'UTC' },
    );
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    return compiler.fail(tree.values[error.index]?.span ?? tree.span, error.message, error.hint);
  }
  return applied(found, call, nodes, compiler.faults);
}

function argumentOf(compiler: Compiler, tree: CallExpression, value: Expression, parameter: Parameter): Node {
  const wanted = parameter.type === 'time' ? 'number' : parameter.type;
  let node = compiler.node(value);
  if (parameter.type === 'time' && node.type === 'text')
    node = applied(TEXT_FUNCTIONS.time, timeOf, [node], compiler.faults);
  if (wanted !== 'any' && node.type !== wanted) return compiler.wrong(value, node.type, tree.name, wanted);
  if (parameter.constant === true && node.constant === undefined)
    compiler.fail(
      value.span,
      `'${parameter.name}' of '${safeText(tree.name, 40)}' is a fixed value, not made of columns`,
      signatureOf(compiler, tree.name.toLowerCase()),
    );
  return node;
}
