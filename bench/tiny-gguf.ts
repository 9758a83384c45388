/**
 * Writes a language model of a few hundred kilobytes that says nothing sensible: a transformer of the Llama kind with seeded random weights and one token a character, as GGUF version 3
 * (docs/gguf.md of ggml). A real server loads it as any other model, so that the way to a server can be tried without one.
 */
import { writeFileSync } from 'node:fs';
import { Random } from '../src/core/index.ts';

const WIDTH = 64;
const HEADS = 4;
const HIDDEN = 128;
const CONTEXT = 4096;
const ALIGNMENT = 32;

/** Types of values and tensors, as the format numbers them. */
const U32 = 4;
const I32 = 5;
const F32 = 6;
const TEXT = 8;
const LIST = 9;
const TENSOR_F32 = 0;

const TEMPLATE =
  "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

class Writer {
  readonly #parts: Buffer[] = [];
  length = 0;

  bytes(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  u32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.bytes(bytes);
  }

  u64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.bytes(bytes);
  }

  f32(values: readonly number[] | Float32Array): void {
    const view = Float32Array.from(values);
    this.bytes(Buffer.from(view.buffer));
  }

  text(value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    this.u64(bytes.length);
    this.bytes(bytes);
  }

  pad(): void {
    this.bytes(Buffer.alloc((ALIGNMENT - (this.length % ALIGNMENT)) % ALIGNMENT));
  }

  whole(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Token, score and type (1 a word, 2 unknown, 3 control, 6 a byte), as the tokenizer of Llama has them. */
function vocabulary(): readonly (readonly [token: string, score: number, type: number])[] {
  const bytes = Array.from(
    { length: 256 },
    (_, b) => [`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`, 0, 6] as const,
  );
  const letters = ['▁', ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))];
  return [
    ['<unk>', 0, 2],
    ['<s>', 0, 3],
    ['</s>', 0, 3],
    ...bytes,
    ...letters.map((letter, i) => [letter, -1 - i, 1] as const),
  ];
}

export function writeTinyModel(path: string, seed = 1): void {
  const random = new Random(seed);
  const tokens = vocabulary();
  const tensors: readonly (readonly [name: string, shape: readonly number[], isNorm: boolean])[] = [
    ['token_embd.weight', [WIDTH, tokens.length], false],
    ['blk.0.attn_norm.weight', [WIDTH], true],
    ['blk.0.attn_q.weight', [WIDTH, WIDTH], false],
    ['blk.0.attn_k.weight', [WIDTH, WIDTH], false],
    ['blk.0.attn_v.weight', [WIDTH, WIDTH], false],
    ['blk.0.attn_output.weight', [WIDTH, WIDTH], false],
    ['blk.0.ffn_norm.weight', [WIDTH], true],
    ['blk.0.ffn_gate.weight', [WIDTH, HIDDEN], false],
    ['blk.0.ffn_up.weight', [WIDTH, HIDDEN], false],
    ['blk.0.ffn_down.weight', [HIDDEN, WIDTH], false],
    ['output_norm.weight', [WIDTH], true],
    ['output.weight', [WIDTH, tokens.length], false],
  ];
  const members: [
    key: string,
    type: number,
    value: string | number | readonly string[] | readonly number[],
    of?: number,
  ][] = [
    ['general.architecture', TEXT, 'llama'],
    ['general.name', TEXT, 'tiny'],
    ['llama.context_length', U32, CONTEXT],
    ['llama.embedding_length', U32, WIDTH],
    ['llama.block_count', U32, 1],
    ['llama.feed_forward_length', U32, HIDDEN],
    ['llama.attention.head_count', U32, HEADS],
    ['llama.attention.head_count_kv', U32, HEADS],
    ['llama.attention.layer_norm_rms_epsilon', F32, 1e-5],
    ['llama.rope.dimension_count', U32, WIDTH / HEADS],
    ['tokenizer.ggml.model', TEXT, 'llama'],
    ['tokenizer.ggml.tokens', LIST, tokens.map(([token]) => token), TEXT],
    ['tokenizer.ggml.scores', LIST, tokens.map(([, score]) => score), F32],
    ['tokenizer.ggml.token_type', LIST, tokens.map(([, , type]) => type), I32],
    ['tokenizer.ggml.unknown_token_id', U32, 0],
    ['tokenizer.ggml.bos_token_id', U32, 1],
    ['tokenizer.ggml.eos_token_id', U32, 2],
    ['tokenizer.chat_template', TEXT, TEMPLATE],
  ];
  const out = new Writer();
  out.bytes(Buffer.from('GGUF', 'latin1'));
  out.u32(3);
  out.u64(tensors.length);
  out.u64(members.length);
  const put = (type: number, value: string | number): void => {
    if (type === F32) out.f32([Number(value)]);
    else if (type === TEXT) out.text(String(value));
    else out.u32(Number(value));
  };
  for (const [key, type, value, of = 0] of members) {
    out.text(key);
    out.u32(type);
    if (typeof value === 'string' || typeof value === 'number') put(type, value);
    else {
      out.u32(of);
      out.u64(value.length);
      for (const entry of value) put(of, entry);
    }
  }
  let offset = 0;
  for (const [name, shape] of tensors) {
    out.text(name);
    out.u32(shape.length);
    for (const size of shape) out.u64(size);
    out.u32(TENSOR_F32);
    out.u64(offset);
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    offset += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  }
  out.pad();
  for (const [, shape, isNorm] of tensors) {
    const size = shape.reduce((a, b) => a * b, 1);
    out.f32(Float32Array.from({ length: size }, () => (isNorm ? 1 : (random.float() - 0.5) * 0.25)));
    out.pad();
  }
  writeFileSync(path, out.whole());
}
