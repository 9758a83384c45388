/**
 * Reads NumPy archives (.npz: a ZIP of .npy arrays, stored or deflated) of numbers, for benchmarks. Formats: NumPy's `numpy.lib.format` 1.0 to
 * 3.0, PKWARE APPNOTE 6.3.10 without ZIP64, encryption and split archives. Refuses what it does not read, with the reason.
 */
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

export interface NumpyArray {
  readonly shape: readonly number[];
  /** In C order. 64-bit integers are rounded to doubles. */
  readonly values: Float64Array;
}

/** The arrays of an archive by name without `.npy`. Throws an Error that says what is not as it should be. */
export function readNpz(file: string): Map<string, NumpyArray> {
  const bytes = readFileSync(file);
  const arrays = new Map<string, NumpyArray>();
  // End of central directory: 22 bytes and a comment of up to 65,535.
  let end = bytes.length - 22;
  while (end >= 0 && bytes.readUInt32LE(end) !== 0x06054b50) end--;
  if (end < 0) throw new Error(`${file} is not a ZIP archive`);
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  for (let i = 0; i < count; i++) {
    if (bytes.readUInt32LE(at) !== 0x02014b50) throw new Error(`${file}: its directory is damaged`);
    const method = bytes.readUInt16LE(at + 10);
    const packed = bytes.readUInt32LE(at + 20);
    const nameLength = bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const data = bytes.subarray(start, start + packed);
    if (method !== 0 && method !== 8) throw new Error(`${file}: ${name} is packed with method ${method}`);
    if (name.endsWith('.npy')) {
      arrays.set(name.slice(0, -4), readNpy(method === 0 ? data : inflateRawSync(data), `${file}: ${name}`));
    }
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return arrays;
}

const READERS: Record<string, { readonly width: number; readonly read: (view: DataView, at: number) => number }> = {
  '<f8': { width: 8, read: (view, at) => view.getFloat64(at, true) },
  '<f4': { width: 4, read: (view, at) => view.getFloat32(at, true) },
  '<i8': { width: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  '<u8': { width: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  '<i4': { width: 4, read: (view, at) => view.getInt32(at, true) },
  '<u4': { width: 4, read: (view, at) => view.getUint32(at, true) },
  '<i2': { width: 2, read: (view, at) => view.getInt16(at, true) },
  '<u2': { width: 2, read: (view, at) => view.getUint16(at, true) },
  '|i1': { width: 1, read: (view, at) => view.getInt8(at) },
  '|u1': { width: 1, read: (view, at) => view.getUint8(at) },
  '|b1': { width: 1, read: (view, at) => view.getUint8(at) },
};

function readNpy(bytes: Buffer, what: string): NumpyArray {
  if (bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw new Error(`${what} is not a NumPy array`);
  const wide = (bytes[6] ?? 0) >= 2;
  const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
  const start = (wide ? 12 : 10) + length;
  const header = bytes.toString('latin1', wide ? 12 : 10, start);
  const type = /'descr': *'([^']*)'/.exec(header)?.[1] ?? '';
  const fortran = /'fortran_order': *True/.test(header);
  const shape = (/'shape': *\(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const reader = READERS[type];
  if (reader === undefined) throw new Error(`${what} holds values of type '${type}'`);
  const total = shape.reduce((product, n) => product * n, 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
  if (view.byteLength !== total * reader.width) throw new Error(`${what} is shorter or longer than its header says`);
  const flat = new Float64Array(total);
  for (let i = 0; i < total; i++) flat[i] = reader.read(view, i * reader.width);
  if (!fortran || shape.length < 2) return { shape, values: flat };
  if (shape.length > 2) throw new Error(`${what} is in Fortran order with ${shape.length} axes`);
  const [rows = 0, columns = 0] = shape;
  const values = new Float64Array(total);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) values[i * columns + j] = flat[j * rows + i] ?? 0;
  return { shape, values };
}
