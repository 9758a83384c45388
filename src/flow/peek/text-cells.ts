/** Bytes of a cell: a line of the processor's caches. */
const CELL_BITS = 6;
/** Of which so many are text; the number of the cell behind it in its chain, or among the free ones, is the last word, -1 at the end. */
const CELL = 60;
const NEXT = 15;
/** Cells that are taken from the system at once. */
const PIECE_BITS = 11;
const PIECE = 2 ** PIECE_BITS;

/**
 * Bytes in chains of cells of 64 bytes: texts that thousands of live flows keep for a minute each. As strings they would all outlive the young generation and be
 * copied on their way out of it; here they cost the copying of their bytes. Memory grows with the most that was held at a time, in pieces of 128 KiB, and is used again.
 */
export class TextCells {
  #bytes: Uint8Array[] = [];
  /** The same memory in words. */
  #words: Int32Array[] = [];
  #free = -1;
  #fresh = 0;

  /** Begins a text with `bytes[from, to)`, of at most 60 bytes. @returns its first cell, which is its last. */
  add(bytes: Uint8Array, from: number, to: number): number {
    return this.#write(this.#take(), 0, bytes, from, to);
  }

  /**
   * Makes a text longer by `bytes[from, to)`.
   * @param last its last cell. @param length its length so far, which is not 0. @returns the last cell from now on.
   */
  append(last: number, length: number, bytes: Uint8Array, from: number, to: number): number {
    const used = length % CELL;
    return this.#write(last, used === 0 ? CELL : used, bytes, from, to);
  }

  /** Writes from byte `used` of a cell on. @returns the last cell. */
  #write(cell: number, used: number, bytes: Uint8Array, from: number, to: number): number {
    let last = cell;
    let filled = used;
    for (let here = from; here < to; ) {
      if (filled === CELL) {
        const next = this.#take();
        this.#words[last >> PIECE_BITS][nextOf(last)] = next;
        last = next;
        filled = 0;
      }
      const piece = this.#bytes[last >> PIECE_BITS];
      const base = (last & (PIECE - 1)) << CELL_BITS;
      for (; filled < CELL && here < to; filled++) piece[base + filled] = bytes[here++];
    }
    return last;
  }

  /** Copies `n` bytes from byte `from` on of the text that begins in this cell to the front of `into`. */
  read(first: number, from: number, n: number, into: Uint8Array): void {
    let cell = first;
    let skip = from;
    for (; skip >= CELL; skip -= CELL) cell = this.#words[cell >> PIECE_BITS][nextOf(cell)];
    for (let at = 0; at < n; ) {
      const piece = this.#bytes[cell >> PIECE_BITS];
      const base = ((cell & (PIECE - 1)) << CELL_BITS) + skip;
      const here = n - at < CELL - skip ? n - at : CELL - skip;
      for (let i = 0; i < here; i++) into[at + i] = piece[base + i];
      at += here;
      skip = 0;
      cell = this.#words[cell >> PIECE_BITS][nextOf(cell)];
    }
  }

  /** Frees the cells of a text. */
  remove(first: number, last: number): void {
    this.#words[last >> PIECE_BITS][nextOf(last)] = this.#free;
    this.#free = first;
  }

  /** A cell that is the end of its chain. */
  #take(): number {
    let cell = this.#free;
    if (cell < 0) {
      cell = this.#fresh++;
      if ((cell & (PIECE - 1)) === 0) {
        const bytes = new Uint8Array(PIECE << CELL_BITS);
        this.#bytes.push(bytes);
        this.#words.push(new Int32Array(bytes.buffer));
      }
    } else this.#free = this.#words[cell >> PIECE_BITS][nextOf(cell)];
    this.#words[cell >> PIECE_BITS][nextOf(cell)] = -1;
    return cell;
  }
}

/** Where a cell's word for the next one is in its piece. */
function nextOf(cell: number): number {
  return ((cell & (PIECE - 1)) << (CELL_BITS - 2)) + NEXT;
}
