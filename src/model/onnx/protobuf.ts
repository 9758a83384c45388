import { utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * The few messages of ONNX (onnx/onnx.proto of the ONNX project, IR version 8), written as protocol buffers (protobuf.dev/programming-guides/encoding). The
 * generated code of the format is a megabyte, reading included; writing what models need takes the page below.
 */

/** Wire types. */
const VARINT = 0;
const LENGTH = 2;

/** Grows as it is written to. */
class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  #varint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** @param value a whole number, not below 0. */
  number(field: number, value: number): this {
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + LENGTH);
    this.#varint(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, utf8ToBytes(value));
  }

  message(field: number, value: Writer): this {
    return this.bytes(field, value.finish());
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Arrays that a graph may hold, and what ONNX calls their elements. */
export type OnnxData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** Numbers of TensorProto.DataType. A Uint8Array holds booleans. */
export const ELEMENT = { float: 1, int32: 6, int64: 7, bool: 9, double: 11 } as const;

function elementOf(data: OnnxData): number {
  if (data instanceof Float32Array) return ELEMENT.float;
  if (data instanceof Float64Array) return ELEMENT.double;
  if (data instanceof Int32Array) return ELEMENT.int32;
  return data instanceof Uint8Array ? ELEMENT.bool : ELEMENT.int64;
}

/** A constant of a graph. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: OnnxData;
}

/** One operation, of the default operator set. */
export interface OnnxNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole numbers, not below 0. */
  readonly attributes: { readonly [name: string]: number | readonly number[] };
}

/** An input or an output. A text stands for a length that is known when it runs. */
export interface OnnxValue {
  readonly name: string;
  readonly element: number;
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly name: string;
  readonly description: string;
  readonly metadata: { readonly [key: string]: string };
  readonly opset: number;
  readonly irVersion: number;
}

/** The bytes of the graph alone, in which nothing is that names where it came from. */
export function writeGraph({ nodes, tensors, inputs, outputs, name }: OnnxModel): Uint8Array {
  const graph = new Writer();
  for (const node of nodes) graph.message(1, nodeMessage(node));
  graph.text(2, name);
  for (const tensor of tensors) {
    const message = new Writer();
    for (const length of tensor.shape) message.number(1, length);
    const { data } = tensor;
    message.number(2, elementOf(data)).text(8, tensor.name);
    graph.message(5, message.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
  }
  for (const value of inputs) graph.message(11, valueMessage(value));
  for (const value of outputs) graph.message(12, valueMessage(value));
  return graph.finish();
}

/** A ModelProto. Equal models give equal bytes. */
export function writeOnnx(model: OnnxModel): Uint8Array {
  const { description, metadata, opset, irVersion } = model;
  const message = new Writer()
    .number(1, irVersion)
    .text(2, 'anomalyst')
    .text(6, description)
    .bytes(7, writeGraph(model))
    .message(8, new Writer().text(1, '').number(2, opset));
  for (const key of Object.keys(metadata).sort()) message.message(14, new Writer().text(1, key).text(2, metadata[key]));
  return message.finish();
}

const INT = 2;
const INTS = 7;

function nodeMessage({ type, inputs, outputs, attributes }: OnnxNode): Writer {
  const node = new Writer();
  for (const input of inputs) node.text(1, input);
  for (const output of outputs) node.text(2, output);
  node.text(3, `${type}.${outputs[0]}`).text(4, type);
  for (const [name, value] of Object.entries(attributes)) {
    const attribute = new Writer().text(1, name);
    if (typeof value === 'number') attribute.number(3, value).number(20, INT);
    else {
      for (const one of value) attribute.number(8, one);
      attribute.number(20, INTS);
    }
    node.message(5, attribute);
  }
  return node;
}

function valueMessage({ name, element, shape }: OnnxValue): Writer {
  const dimensions = new Writer();
  for (const length of shape)
    dimensions.message(1, typeof length === 'number' ? new Writer().number(1, length) : new Writer().text(2, length));
  const tensor = new Writer().number(1, element).message(2, dimensions);
  return new Writer().text(1, name).message(2, new Writer().message(1, tensor));
}
