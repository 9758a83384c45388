import { type CallExpression, type Expression, safeText } from '../../core/index.ts';
import type { Compiler } from './compiler.ts';
import {
  A_TYPE,
  type BooleanNode,
  booleanNode,
  type Node,
  type NumberNode,
  numberNode,
  type TextNode,
  textNode,
} from './node.ts';
import { checkArity } from './signature.ts';
import { type Batch, ByteBuffer, CodeBuffer, FALSE, NumberBuffer, TRUE, UNKNOWN, type Vector } from './vector.ts';

/** Functions that choose between values of one type, row by row: if, coalesce. */

export function ifElse(compiler: Compiler, tree: CallExpression): Node {
  checkArity(compiler, tree, 3, 3);
  const condition = compiler.boolean(tree.values[0], 'if');
  const [a, b] = alike(compiler, [tree.values[1], tree.values[2]], tree.name);
  if (a.type === 'number' && b.type === 'number') {
    const buffer = new NumberBuffer();
    return numberNode(a.dimension === 'plain' ? b.dimension : a.dimension, (batch) => {
      const { values } = condition.evaluate(batch);
      const x = a.evaluate(batch).values;
      const y = b.evaluate(batch).values;
      const out = buffer.take(batch.rowCount);
      for (let i = 0; i < out.length; i++) {
        const truth = values[i];
        if (truth === TRUE) out[i] = x[i];
        else out[i] = truth === FALSE ? y[i] : Number.NaN;
      }
      return out;
    });
  }
  return choice([a, b], (batch, rows) => {
    const { values } = condition.evaluate(batch);
    for (let i = 0; i < rows.length; i++) rows[i] = values[i] === TRUE ? 0 : values[i] === FALSE ? 1 : -1;
  });
}

export function coalesce(compiler: Compiler, tree: CallExpression): Node {
  checkArity(compiler, tree, 1, Number.POSITIVE_INFINITY);
  const nodes = alike(compiler, tree.values, tree.name);
  return choice(nodes, (_batch, rows, vectors) => {
    rows.fill(-1);
    for (const [k, vector] of vectors.entries()) {
      for (let i = 0; i < rows.length; i++) if (rows[i] < 0 && isPresent(vector, i)) rows[i] = k;
    }
  });
}

/** Nodes of one type, else an error that names the first that differs. */
function alike(compiler: Compiler, trees: readonly Expression[], name: string): readonly Node[] {
  const nodes = trees.map((one) => compiler.node(one));
  const [first] = nodes;
  for (const [i, node] of nodes.entries()) {
    if (node.type !== first.type)
      compiler.fail(
        trees[i].span,
        `${compiler.subject(trees[0])} is ${A_TYPE[first.type]}, and ${compiler.subject(trees[i])} is ${A_TYPE[node.type]}: '${safeText(name, 20)}' gives one type`,
      );
  }
  return nodes;
}

function isPresent(vector: Vector, row: number): boolean {
  switch (vector.type) {
    case 'number':
      return !Number.isNaN(vector.values[row]);
    case 'text':
      return vector.codes[row] >= 0;
    case 'boolean':
      return vector.values[row] !== UNKNOWN;
  }
}

/**
 * Takes each row's value from one of the nodes, all of one type: `choose` writes its position, -1 for missing. Every node is evaluated once per batch,
 * chosen or not: the windows of aggregates move on with each evaluation.
 */
function choice(
  nodes: readonly Node[],
  choose: (batch: Batch, rows: Int32Array, vectors: readonly Vector[]) => void,
): Node {
  const picks = new CodeBuffer();
  const [first] = nodes;
  const dimension = nodes.every((node) => node.dimension === first.dimension)
    ? first.dimension
    : (nodes.find((node) => node.dimension !== 'plain')?.dimension ?? 'plain');
  if (first.type === 'number') {
    const buffer = new NumberBuffer();
    return numberNode(dimension, (batch) => {
      const rows = picks.take(batch.rowCount);
      const vectors = (nodes as readonly NumberNode[]).map((node) => node.evaluate(batch));
      choose(batch, rows, vectors);
      const out = buffer.take(batch.rowCount);
      for (let i = 0; i < out.length; i++) out[i] = rows[i] < 0 ? Number.NaN : vectors[rows[i]].values[i];
      return out;
    });
  }
  if (first.type === 'boolean') {
    const buffer = new ByteBuffer();
    return booleanNode((batch) => {
      const rows = picks.take(batch.rowCount);
      const vectors = (nodes as readonly BooleanNode[]).map((node) => node.evaluate(batch));
      choose(batch, rows, vectors);
      const out = buffer.take(batch.rowCount);
      for (let i = 0; i < out.length; i++) out[i] = rows[i] < 0 ? UNKNOWN : vectors[rows[i]].values[i];
      return out;
    });
  }
  const buffer = new CodeBuffer();
  return textNode((batch) => {
    const rows = picks.take(batch.rowCount);
    const vectors = (nodes as readonly TextNode[]).map((node) => node.evaluate(batch));
    choose(batch, rows, vectors);
    const starts: number[] = [];
    const dictionary: string[] = [];
    for (const vector of vectors) {
      starts.push(dictionary.length);
      for (const text of vector.dictionary) dictionary.push(text);
    }
    const codes = buffer.take(batch.rowCount);
    for (let i = 0; i < codes.length; i++) {
      const pick = rows[i];
      const code = pick < 0 ? -1 : vectors[pick].codes[i];
      codes[i] = code < 0 ? -1 : code + starts[pick];
    }
    return { type: 'text', codes, dictionary };
  });
}
