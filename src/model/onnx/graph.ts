import { ELEMENT, type OnnxData, type OnnxNode, type OnnxTensor } from './protobuf.ts';

/** What stands for an array in a graph: its name. Shapes are said where it matters; n is the number of rows. */
export type Ref = string;

/** Numbers are constants without a shape. */
type Operand = Ref | number;

/**
 * A graph of ONNX operations while it is being written. Everything is computed in float64, as the models themselves compute, and with operations that
 * every runtime has since operator set 13 (2020).
 */
export class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  /** Bytes of all constants. */
  size = 0;
  readonly #scalars = new Map<string, Ref>();
  #count = 0;

  /** A constant. Its data is kept, not copied. */
  constant(data: OnnxData, shape: readonly number[] = [data.length]): Ref {
    const name = `c${this.tensors.length}`;
    this.tensors.push({ name, shape, data });
    this.size += data.byteLength;
    return name;
  }

  /** Whole numbers, as attributes in the form of inputs want them. */
  indices(...values: number[]): Ref {
    return this.#once(`i${values.join()}`, () => this.constant(BigInt64Array.from(values, BigInt)));
  }

  number(value: number): Ref {
    return this.#once(`f${Object.is(value, -0) ? '-0' : value}`, () => this.constant(Float64Array.of(value), []));
  }

  integer(value: number): Ref {
    return this.#once(`n${value}`, () => this.constant(Int32Array.of(value), []));
  }

  #once(key: string, make: () => Ref): Ref {
    const known = this.#scalars.get(key) ?? make();
    this.#scalars.set(key, known);
    return known;
  }

  /** @param output the name of the result; numbered where it is left out. */
  op(
    type: string,
    inputs: readonly Operand[],
    attributes: { readonly [name: string]: number | readonly number[] } = {},
    output = `v${this.#count++}`,
  ): Ref {
    this.#push(type, inputs, [output], attributes);
    return output;
  }

  /** An operation with several results. */
  ops(
    type: string,
    inputs: readonly Operand[],
    attributes: { readonly [name: string]: number | readonly number[] },
    results: number,
  ): Ref[] {
    const outputs = Array.from({ length: results }, () => `v${this.#count++}`);
    this.#push(type, inputs, outputs, attributes);
    return outputs;
  }

  #push(type: string, inputs: readonly Operand[], outputs: readonly Ref[], attributes: OnnxNode['attributes']): void {
    const names = inputs.map((input) => (typeof input === 'number' ? this.number(input) : input));
    this.nodes.push({ type, inputs: names, outputs, attributes });
  }

  add = (a: Operand, b: Operand): Ref => this.op('Add', [a, b]);
  sub = (a: Operand, b: Operand): Ref => this.op('Sub', [a, b]);
  mul = (a: Operand, b: Operand): Ref => this.op('Mul', [a, b]);
  div = (a: Operand, b: Operand): Ref => this.op('Div', [a, b]);
  max = (...of: Operand[]): Ref => this.op('Max', of);
  min = (...of: Operand[]): Ref => this.op('Min', of);
  where = (condition: Ref, a: Operand, b: Operand): Ref => this.op('Where', [condition, a, b]);
  greater = (a: Operand, b: Operand): Ref => this.op('Greater', [a, b]);
  less = (a: Operand, b: Operand): Ref => this.op('Less', [a, b]);
  square = (a: Ref): Ref => this.mul(a, a);
  matMul = (a: Ref, b: Ref): Ref => this.op('MatMul', [a, b]);
  gather = (from: Ref, at: Ref, axis = 0): Ref => this.op('Gather', [from, at], { axis });
  toDouble = (a: Ref): Ref => this.op('Cast', [a], { to: ELEMENT.double });
  toFloat = (a: Ref): Ref => this.op('Cast', [a], { to: ELEMENT.float });
  toInt = (a: Ref): Ref => this.op('Cast', [a], { to: ELEMENT.int32 });

  /** Sum along the last axis of two, the shape without it. */
  sum(a: Ref): Ref {
    return this.op('ReduceSum', [a, this.indices(1)], { keepdims: 0 });
  }

  /**
   * The same sum from the first to the last, each step rounded, as a plain loop does: sums that are equal there stay equal here, which `sum`, that adds in
   * any order, does not promise.
   */
  orderedSum(a: Ref, width: number): Ref {
    return this.gather(
      this.runningSum(a),
      this.#once(`at${width}`, () => this.constant(BigInt64Array.of(BigInt(width - 1)), [])),
      1,
    );
  }

  /** Each value with all before it in its row, from the first on. */
  runningSum(a: Ref): Ref {
    return this.op('CumSum', [a, this.#once('axis', () => this.constant(BigInt64Array.of(1n), []))]);
  }

  /** ln(1 + x), x above -1 and finite, also where 1 + x has lost digits of x (Kahan). */
  log1p(x: Ref): Ref {
    const one = this.add(x, 1);
    const kept = this.sub(one, 1);
    const lost = this.op('Equal', [kept, this.number(0)]);
    return this.where(lost, x, this.mul(this.op('Log', [one]), this.div(x, this.where(lost, 1, kept))));
  }

  /** -1, 0 or 1 times b. */
  withSign(a: Ref, b: Ref): Ref {
    return this.mul(this.op('Sign', [a]), b);
  }

  /**
   * How many of the ascending values of its row in a table are below each value, and how many at most as large, by looking through one block of the
   * table alone.
   * @param values float64 of shape [n, rows], finite.
   * @param table the ascending, different values of each row behind one another; row j from offset[j] to offset[j + 1], at least one each.
   * @returns int32 of shape [n, rows]. `below` is right only where a value is not below all in its row (there it is 0, as is `atMost`).
   */
  rank(
    values: Ref,
    table: ArrayLike<number>,
    offset: ArrayLike<number>,
  ): { readonly below: Ref; readonly atMost: Ref } {
    const rows = offset.length - 1;
    let longest = 1;
    for (let j = 0; j < rows; j++) longest = Math.max(longest, offset[j + 1] - offset[j]);
    const width = Math.ceil(Math.sqrt(longest));
    const blocks = Math.ceil(longest / width);
    const heads = new Float64Array(rows * blocks).fill(Number.POSITIVE_INFINITY);
    const padded = new Float64Array(rows * blocks * width).fill(Number.POSITIVE_INFINITY);
    for (let j = 0; j < rows; j++)
      for (let k = offset[j], i = 0; k < offset[j + 1]; k++, i++) {
        padded[j * blocks * width + i] = table[k];
        if (i % width === 0) heads[j * blocks + i / width] = table[k];
      }
    const column = this.op('Unsqueeze', [values, this.indices(2)]);
    const count = (holds: Ref): Ref => this.op('ReduceSum', [this.toInt(holds), this.indices(2)], { keepdims: 0 });
    const passed = count(this.op('GreaterOrEqual', [column, this.constant(heads, [rows, blocks])]));
    const block = this.op('Max', [this.op('Sub', [passed, this.integer(1)]), this.integer(0)]);
    const first = this.constant(
      Int32Array.from({ length: rows }, (_, j) => j * blocks),
      [rows],
    );
    const near = this.gather(this.constant(padded, [rows * blocks, width]), this.op('Add', [block, first]));
    const before = this.op('Mul', [block, this.integer(width)]);
    return {
      below: this.op('Add', [before, count(this.greater(column, near))]),
      atMost: this.op('Add', [before, count(this.op('GreaterOrEqual', [column, near]))]),
    };
  }
}
