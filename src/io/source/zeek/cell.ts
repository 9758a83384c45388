import { parseNumber } from '../../../core/index.ts';
import { decodeZeekText, isMark, type ZeekHeader, type ZeekReader } from './tsv.ts';

/** The cells of the line at hand. */

const MAX_TEXT = 1024;

/** Where the cells of a line begin and end in `bytes`, by field. Good until the next line is split. */
export class ZeekCells {
  bytes: Uint8Array = new Uint8Array();
  starts = new Int32Array(256);
  /** An unset or empty cell ends where it begins. */
  ends = new Int32Array(256);
  /** Field that was to be a number and is none, -1 for none such. */
  bad = -1;

  /** Where the fields are; an unset or empty one ends where it begins. Returns how many there are. */
  split(reader: ZeekReader, i: number, { separator, unset, empty, fields }: ZeekHeader): number {
    const { lines } = reader;
    const { bytes } = lines;
    this.bytes = bytes;
    const end = lines.ends[i] as number;
    if (this.starts.length < fields.length) {
      this.starts = new Int32Array(2 * fields.length);
      this.ends = new Int32Array(2 * fields.length);
    }
    const starts = this.starts;
    const ends = this.ends;
    const room = fields.length;
    const unsetFirst = unset.length > 0 ? (unset[0] as number) : -1;
    const emptyFirst = empty.length > 0 ? (empty[0] as number) : -1;
    let from = lines.starts[i] as number;
    let count = 0;
    let at = from;
    for (;;) {
      while (at < end && bytes[at] !== separator) at++;
      if (count < room) {
        const first = bytes[from] as number;
        const isMissing =
          (first === unsetFirst && isMark(bytes, from, at, unset)) ||
          (first === emptyFirst && isMark(bytes, from, at, empty));
        starts[count] = from;
        ends[count] = isMissing ? from : at;
      }
      count++;
      if (at >= end) return count;
      from = ++at;
    }
  }

  isSet(at: number): boolean {
    return at >= 0 && this.starts[at] !== this.ends[at];
  }

  text(at: number): string {
    const from = this.starts[at] as number;
    return decodeZeekText(this.bytes, from, Math.min(this.ends[at] as number, from + 4 * MAX_TEXT)).slice(0, MAX_TEXT);
  }

  /** Number of field `at`, NaN where it is unset; one that is none is remembered in `bad`. */
  number(at: number, scale = 0): number {
    if (!this.isSet(at)) return Number.NaN;
    const value = parseNumber(this.bytes, this.starts[at] as number, this.ends[at] as number, scale);
    if (Number.isNaN(value)) this.bad = at;
    return value;
  }
}
