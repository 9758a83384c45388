/**
 * Reads an ONNX file back and runs it, with as many operations as our graphs have: what the unit tests compare with. Slow and plain; that its arithmetic is that of
 * ONNX Runtime is shown by the fixture which that made (bench/onnx.ts).
 */

/** One field of a protocol buffer: a number, or bytes. */
type Field = { readonly number: number; readonly value: number | Uint8Array };

/** Takes a message apart. Throws for what is no message of numbers and lengths. */
export function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 56) throw new Error('a number does not end');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire !== 0 && wire !== 2) throw new Error(`wire type ${wire}`);
    if (wire === 0) fields.push({ number: tag >> 3, value: varint() });
    else {
      const length = varint();
      if (at + length > bytes.length) throw new Error('a field reaches beyond its message');
      fields.push({ number: tag >> 3, value: bytes.subarray(at, at + length) });
      at += length;
    }
  }
  return fields;
}

const bytesOf = (fields: readonly Field[], number: number): Uint8Array[] =>
  fields.flatMap((field) => (field.number === number && typeof field.value !== 'number' ? [field.value] : []));
const numbersOf = (fields: readonly Field[], number: number): number[] =>
  fields.flatMap((field) => (field.number === number && typeof field.value === 'number' ? [field.value] : []));
const textsOf = (fields: readonly Field[], number: number): string[] =>
  bytesOf(fields, number).map((bytes) => new TextDecoder('utf-8', { fatal: true }).decode(bytes));

/** An array with its shape; booleans are 0 and 1, whole numbers are doubles. */
export interface Value {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

interface Node {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, readonly number[]>;
}

export interface Graph {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly description: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Value>;
  /** Name, element type and shape of inputs and outputs. */
  readonly inputs: readonly [string, number, (number | string)[]][];
  readonly outputs: readonly [string, number, (number | string)[]][];
}

function tensorOf(bytes: Uint8Array): [string, Value] {
  const fields = fieldsOf(bytes);
  const raw = new Uint8Array(bytesOf(fields, 9)[0] ?? new Uint8Array()).buffer;
  const types: Record<number, (buffer: ArrayBuffer) => ArrayLike<number>> = {
    1: (buffer) => new Float32Array(buffer),
    6: (buffer) => new Int32Array(buffer),
    7: (buffer) => Array.from(new BigInt64Array(buffer), Number),
    9: (buffer) => new Uint8Array(buffer),
    11: (buffer) => new Float64Array(buffer),
  };
  const data = Float64Array.from(types[numbersOf(fields, 2)[0] ?? 0]?.(raw) ?? []);
  const shape = numbersOf(fields, 1);
  if (data.length !== shape.reduce((a, b) => a * b, 1)) throw new Error('a tensor is not as large as its shape');
  return [textsOf(fields, 8)[0] ?? '', { shape, data }];
}

function portOf(bytes: Uint8Array): [string, number, (number | string)[]] {
  const fields = fieldsOf(bytes);
  const type = fieldsOf(bytesOf(fields, 2)[0] ?? new Uint8Array());
  const tensor = fieldsOf(bytesOf(type, 1)[0] ?? new Uint8Array());
  const shape = bytesOf(fieldsOf(bytesOf(tensor, 2)[0] ?? new Uint8Array()), 1).map((dimension) => {
    const own = fieldsOf(dimension);
    return numbersOf(own, 1)[0] ?? textsOf(own, 2)[0] ?? '';
  });
  return [textsOf(fields, 1)[0] ?? '', numbersOf(tensor, 1)[0] ?? 0, shape];
}

function nodeOf(bytes: Uint8Array): Node {
  const fields = fieldsOf(bytes);
  const attributes = bytesOf(fields, 5).map((attribute): [string, number[]] => {
    const own = fieldsOf(attribute);
    return [textsOf(own, 1)[0] ?? '', [...numbersOf(own, 3), ...numbersOf(own, 8)]];
  });
  return {
    type: textsOf(fields, 4)[0] ?? '',
    inputs: textsOf(fields, 1),
    outputs: textsOf(fields, 2),
    attributes: new Map(attributes),
  };
}

/** Reads a ModelProto. */
export function readOnnx(bytes: Uint8Array): Graph {
  const model = fieldsOf(bytes);
  const graph = fieldsOf(bytesOf(model, 7)[0] ?? new Uint8Array());
  return {
    irVersion: numbersOf(model, 1)[0] ?? 0,
    opset: numbersOf(fieldsOf(bytesOf(model, 8)[0] ?? new Uint8Array()), 2)[0] ?? 0,
    producer: textsOf(model, 2)[0] ?? '',
    description: textsOf(model, 6)[0] ?? '',
    metadata: new Map(
      bytesOf(model, 14).map((entry): [string, string] => {
        const own = fieldsOf(entry);
        return [textsOf(own, 1)[0] ?? '', textsOf(own, 2)[0] ?? ''];
      }),
    ),
    nodes: bytesOf(graph, 1).map(nodeOf),
    constants: new Map(bytesOf(graph, 5).map(tensorOf)),
    inputs: bytesOf(graph, 11).map(portOf),
    outputs: bytesOf(graph, 12).map(portOf),
  };
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Shapes are aligned at their ends, and a length of 1 repeats itself. */
function broadcast(values: readonly Value[], apply: (operands: readonly number[]) => number): Value {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  const lengthAt = ({ shape }: Value, axis: number): number => shape[axis - rank + shape.length] ?? 1;
  const shape = Array.from({ length: rank }, (_, axis) => {
    const lengths = new Set(values.map((value) => lengthAt(value, axis)).filter((length) => length !== 1));
    if (lengths.size > 1) throw new Error(`lengths ${[...lengths].join(', ')} do not fit each other`);
    return [...lengths][0] ?? 1;
  });
  const data = new Float64Array(sizeOf(shape));
  const operands = values.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    values.forEach((value, v) => {
      let rest = i;
      let at = 0;
      let stride = 1;
      for (let axis = rank - 1; axis >= 0; axis--) {
        const length = shape[axis] ?? 1;
        const own = lengthAt(value, axis);
        if (own !== 1) at += (rest % length) * stride;
        stride *= own;
        rest = Math.floor(rest / length);
      }
      operands[v] = value.data[at] ?? Number.NaN;
    });
    data[i] = apply(operands);
  }
  return { shape, data };
}

const EACH: Record<string, (operands: readonly number[]) => number> = {
  Add: ([a = 0, b = 0]) => a + b,
  Sub: ([a = 0, b = 0]) => a - b,
  Mul: ([a = 0, b = 0]) => a * b,
  Div: ([a = 0, b = 0]) => a / b,
  Pow: ([a = 0, b = 0]) => a ** b,
  Max: (all) => Math.max(...all),
  Min: (all) => Math.min(...all),
  Clip: ([v = 0, low = 0, high = 0]) => Math.min(high, Math.max(low, v)),
  Where: ([condition = 0, a = 0, b = 0]) => (condition === 1 ? a : b),
  Or: ([a = 0, b = 0]) => (a === 1 || b === 1 ? 1 : 0),
  IsNaN: ([v = 0]) => (Number.isNaN(v) ? 1 : 0),
  Equal: ([a, b]) => (a === b ? 1 : 0),
  Greater: ([a = 0, b = 0]) => (a > b ? 1 : 0),
  GreaterOrEqual: ([a = 0, b = 0]) => (a >= b ? 1 : 0),
  Less: ([a = 0, b = 0]) => (a < b ? 1 : 0),
  LessOrEqual: ([a = 0, b = 0]) => (a <= b ? 1 : 0),
  Abs: ([v = 0]) => Math.abs(v),
  Neg: ([v = 0]) => -v,
  Sign: ([v = 0]) => Math.sign(v),
  Floor: ([v = 0]) => Math.floor(v),
  Sqrt: ([v = 0]) => Math.sqrt(v),
  Exp: ([v = 0]) => Math.exp(v),
  Log: ([v = 0]) => Math.log(v),
  Cos: ([v = 0]) => Math.cos(v),
  Identity: ([v = 0]) => v,
};

function reduce({ shape, data }: Value, axis: number, keep: boolean, apply: (values: number[]) => number): Value {
  const length = shape[axis] ?? 1;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const out = new Float64Array(outer * inner);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++)
      out[o * inner + i] = apply(Array.from({ length }, (_, k) => data[(o * length + k) * inner + i] ?? 0));
  return { shape: [...shape.slice(0, axis), ...(keep ? [1] : []), ...shape.slice(axis + 1)], data: out };
}

function gather({ shape, data }: Value, at: Value, axis: number): Value {
  const length = shape[axis] ?? 1;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const out = new Float64Array(outer * at.data.length * inner);
  for (let o = 0; o < outer; o++)
    at.data.forEach((place, k) => {
      if (!(place >= 0 && place < length)) throw new Error(`place ${place} of ${length}`);
      out.set(
        data.subarray((o * length + place) * inner, (o * length + place + 1) * inner),
        (o * at.data.length + k) * inner,
      );
    });
  return { shape: [...shape.slice(0, axis), ...at.shape, ...shape.slice(axis + 1)], data: out };
}

/** Along the last of two axes. */
function smallest({ shape, data }: Value, count: number): Value[] {
  const [rows = 0, width = 0] = shape;
  const value = new Float64Array(rows * count);
  const at = new Float64Array(rows * count);
  for (let row = 0; row < rows; row++) {
    const own = data.subarray(row * width, (row + 1) * width);
    const order = Array.from(own, (_, i) => i).sort((a, b) => (own[a] ?? 0) - (own[b] ?? 0) || a - b);
    for (let k = 0; k < count; k++) {
      at[row * count + k] = order[k] ?? -1;
      value[row * count + k] = own[order[k] ?? -1] ?? Number.NaN;
    }
  }
  return [
    { shape: [rows, count], data: value },
    { shape: [rows, count], data: at },
  ];
}

function run({ type, attributes }: Node, inputs: readonly Value[]): Value[] {
  const [a, b] = inputs;
  const attribute = (name: string): number => attributes.get(name)?.[0] ?? Number.NaN;
  if (a === undefined) throw new Error(`${type} without input`);
  const each = EACH[type];
  if (each !== undefined) return [broadcast(inputs, each)];
  if (type === 'Cast') {
    const to = attribute('to');
    const cast = to === 1 ? Math.fround : to === 6 || to === 7 ? Math.trunc : (v: number) => v;
    return [{ shape: a.shape, data: a.data.map(cast) }];
  }
  if (type === 'ReduceMax') return [reduce(a, attribute('axes'), attribute('keepdims') === 1, (v) => Math.max(...v))];
  if (type === 'Concat') {
    const widths = inputs.map(({ shape }) => shape[1] ?? 0);
    const rows = a.shape[0] ?? 0;
    const data = Array.from({ length: rows }, (_, row) =>
      inputs.flatMap(({ data: own }, i) => [...own.subarray(row * (widths[i] ?? 0), (row + 1) * (widths[i] ?? 0))]),
    ).flat();
    return [{ shape: [rows, widths.reduce((x, y) => x + y, 0)], data: Float64Array.from(data) }];
  }
  if (b === undefined) throw new Error(`${type} is not known, or lacks an input`);
  const axis = b.data[0] ?? 0;
  switch (type) {
    case 'ReduceSum':
      return [reduce(a, axis, attribute('keepdims') === 1, (v) => v.reduce((x, y) => x + y, 0))];
    case 'CumSum': {
      const [rows = 0, width = 0] = a.shape;
      const data = a.data.slice();
      for (let row = 0; row < rows; row++)
        for (let k = 1; k < width; k++)
          data[row * width + k] = (data[row * width + k] ?? 0) + (data[row * width + k - 1] ?? 0);
      return [{ shape: a.shape, data }];
    }
    case 'Gather':
      return [gather(a, b, attribute('axis'))];
    case 'GatherElements': {
      const [, width = 0] = a.shape;
      const [, wanted = 0] = b.shape;
      return [
        { shape: b.shape, data: b.data.map((at, i) => a.data[Math.floor(i / wanted) * width + at] ?? Number.NaN) },
      ];
    }
    case 'MatMul': {
      const [rows = 0, middle = 0] = a.shape;
      const [, columns = 0] = b.shape;
      const data = new Float64Array(rows * columns);
      for (let i = 0; i < rows; i++)
        for (let k = 0; k < middle; k++)
          for (let j = 0; j < columns; j++)
            data[i * columns + j] =
              (data[i * columns + j] ?? 0) + (a.data[i * middle + k] ?? 0) * (b.data[k * columns + j] ?? 0);
      return [{ shape: [rows, columns], data }];
    }
    case 'TopK':
      if (attribute('largest') !== 0 || attribute('sorted') !== 1) throw new Error('TopK of another kind');
      return smallest(a, axis);
    case 'Unsqueeze':
      return [{ shape: [...a.shape.slice(0, axis), 1, ...a.shape.slice(axis)], data: a.data }];
    case 'Squeeze':
      return [{ shape: [...a.shape.slice(0, axis), ...a.shape.slice(axis + 1)], data: a.data }];
    default:
      throw new Error(`${type} is not known`);
  }
}

/** Runs a graph on rows of features, and gives its outputs by name. */
export function runOnnx(graph: Graph, values: Float32Array): ReadonlyMap<string, Float64Array> {
  const [name, , shape] = graph.inputs[0] ?? ['', 0, []];
  const width = Number(shape[1]);
  const known = new Map<string, Value>(graph.constants);
  known.set(name, { shape: [values.length / width, width], data: Float64Array.from(values) });
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => {
      const value = known.get(input);
      if (value === undefined) throw new Error(`${node.type} needs ${input}, which nothing made`);
      return value;
    });
    run(node, inputs).forEach((value, i) => {
      known.set(node.outputs[i] ?? '', value);
    });
  }
  return new Map(graph.outputs.map(([output]) => [output, known.get(output)?.data ?? new Float64Array()]));
}
