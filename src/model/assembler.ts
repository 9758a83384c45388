/**
 * The few instructions of WebAssembly from which the inner loops of some models are put together, and the module around them. What V8 makes of a
 * plain loop over typed arrays checks every index and takes one number at a time; these loops take two or four, and are several times as fast
 * (`node bench/model.ts`). Each has a plain twin that gives the same bits, for where WebAssembly is absent or forbidden.
 *
 * Encoding: WebAssembly core specification 2.0, section 5.4 (instructions) and 5.5 (modules).
 */

export const op = {
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  branchIf: 0x0d,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Load: 0x28,
  f32Load: 0x2a,
  f64Load: 0x2b,
  i32Store: 0x36,
  f64Store: 0x39,
  i32Const: 0x41,
  i32LessUnsigned: 0x49,
  f32Greater: 0x5e,
  f64Greater: 0x64,
  i32TrailingZeros: 0x68,
  i32Add: 0x6a,
  i32Subtract: 0x6b,
  i32Multiply: 0x6c,
  i32DivideUnsigned: 0x6e,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShiftRight: 0x76,
  f32Minimum: 0x96,
  f64SquareRoot: 0x9f,
  f64Add: 0xa0,
  f64Multiply: 0xa2,
  f32FromF64: 0xb6,
  f64FromF32: 0xbb,
} as const;

/** Behind the prefix 0xfd. A v128 is four 32-bit or two 64-bit values. */
export const vectorOp = {
  load: 0x00,
  load32Splat: 0x09,
  load64Splat: 0x0a,
  store: 0x0b,
  i32Splat: 0x11,
  f32Splat: 0x13,
  i32ExtractLane: 0x1b,
  f32ExtractLane: 0x1f,
  f32Unequal: 0x42,
  f32Greater: 0x44,
  f32LessOrEqual: 0x45,
  f64Greater: 0x4a,
  or: 0x50,
  bitSelect: 0x52,
  i32Bitmask: 0xa4,
  i32Shl: 0xab,
  i32Sub: 0xb1,
  f32Subtract: 0xe5,
  f32PseudoMinimum: 0xea,
  f32PseudoMaximum: 0xeb,
  f64Absolute: 0xec,
  f64Subtract: 0xf1,
  f64Divide: 0xf3,
  /** a b + c, rounded once or twice, as the machine likes: only for what is made exact afterwards. */
  f32RelaxedMultiplyAdd: 0x105,
} as const;

export const I32 = 0x7f;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const NO_RESULT = 0x40;

export const PAGE = 65_536;

/** Unsigned LEB128. */
export function unsigned(n: number): number[] {
  const out: number[] = [];
  let rest = n;
  do {
    const low = rest & 127;
    rest >>>= 7;
    out.push(rest === 0 ? low : low | 128);
  } while (rest !== 0);
  return out;
}

/** i32.const of a value 0 .. 2^31 - 1: signed LEB128, whose last byte must not have the sign bit set. */
export function constant(n: number): number[] {
  const bytes = unsigned(n);
  const last = bytes.length - 1;
  if ((bytes[last] & 0x40) !== 0) {
    bytes[last] |= 0x80;
    bytes.push(0);
  }
  return [op.i32Const, ...bytes];
}

export const get = (local: number): number[] => [op.localGet, ...unsigned(local)];
export const set = (local: number): number[] => [op.localSet, ...unsigned(local)];

/** A load or store at the address on the stack plus `offset`; `align` is the exponent of its natural alignment. */
export const access = (code: number, align: number, offset: number): number[] => [code, align, ...unsigned(offset)];
export const simd = (code: number, ...rest: number[]): number[] => [0xfd, ...unsigned(code), ...rest];
export const vectorAccess = (code: number, align: number, offset: number): number[] =>
  simd(code, align, ...unsigned(offset));

/** The memory of a module. */
export interface Memory {
  readonly buffer: ArrayBuffer;
}

/** The part of the WebAssembly interface that is used here. It is no part of ECMAScript, so it may be absent. */
declare const WebAssembly:
  | {
      readonly Memory: new (descriptor: { initial: number }) => Memory;
      readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
      readonly Instance: new (
        module: object,
        imports: { m: { m: Memory } },
      ) => { readonly exports: { readonly w: (...numbers: number[]) => void } };
    }
  | undefined;

/** A function of i32 parameters without result. */
export interface Routine {
  readonly parameters: number;
  /** How many locals of which type, in the order of their numbers, which go on behind those of the parameters. */
  readonly locals: readonly (readonly [count: number, type: number])[];
  /** Without the last `end`. */
  readonly body: readonly number[];
}

/** A compiled routine and its memory, of one page at first. `reserve` puts others in the place of both. */
export interface Assembled {
  readonly module: object;
  memory: Memory;
  run: (...numbers: number[]) => void;
}

/** Compiles a routine; undefined where WebAssembly is absent or may not be compiled, as a page's content security policy can say. */
export function assemble(routine: Routine): Assembled | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  let compiled: object;
  try {
    compiled = new WebAssembly.Module(moduleOf(routine));
  } catch {
    return undefined;
  }
  return { module: compiled, ...instantiate(WebAssembly, compiled, 1) };
}

function instantiate(
  { Memory, Instance }: NonNullable<typeof WebAssembly>,
  module: object,
  pages: number,
): Pick<Assembled, 'memory' | 'run'> {
  const memory = new Memory({ initial: pages });
  return { memory, run: new Instance(module, { m: { m: memory } }).exports.w };
}

/**
 * Makes the memory at least so large and keeps what is in it; `run` and views of the memory are to be taken afterwards. It is another memory then, for to grow the one that is there
 * would detach its buffer: V8 throws away all compiled code that reads typed arrays when that happens for the first time, and code made later asks of every array whether it is
 * detached.
 */
export function reserve(assembled: Assembled, bytes: number): void {
  const held = new Uint8Array(assembled.memory.buffer);
  if (typeof WebAssembly === 'undefined' || bytes <= held.length) return;
  const { memory, run } = instantiate(WebAssembly, assembled.module, Math.ceil(bytes / PAGE));
  new Uint8Array(memory.buffer).set(held);
  assembled.memory = memory;
  assembled.run = run;
}

const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, body: readonly number[]): number[] => [id, ...unsigned(body.length), ...body];

function moduleOf({ parameters, locals, body }: Routine): Uint8Array<ArrayBuffer> {
  const code = [...list(locals.map(([count, type]) => [...unsigned(count), type])), ...body, op.end];
  const name = 0x6d; // 'm'
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list([[0x60, ...list(Array.from({ length: parameters }, () => [I32])), 0]])),
    ...section(2, list([[1, name, 1, name, 0x02, 0x00, 1]])),
    ...section(3, list([[0]])),
    ...section(7, list([[1, 0x77, 0x00, 0]])), // 'w'
    ...section(10, list([[...unsigned(code.length), ...code]])),
  ]);
}
