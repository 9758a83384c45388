import type { ByteSource } from './input.ts';

/** Bytes at the beginning by which the kind of an input is told, at most. */
export const HEAD_BYTES = 65_536;

export interface PeekedSource {
  /** The first bytes, fewer where they told enough, the input has no more, or it failed behind them. */
  readonly head: Uint8Array;
  /** The same input from its beginning. */
  readonly source: ByteSource;
}

/**
 * Looks at the first bytes of a source without taking them away, until `told` says that they suffice, and at most `HEAD_BYTES`. Rejects as `read` does where there was nothing before the
 * failure; a failure behind what was read comes again when it is read.
 */
export async function peekSource(source: ByteSource, told: (head: Uint8Array) => boolean): Promise<PeekedSource> {
  const head = new Uint8Array(HEAD_BYTES);
  let filled = 0;
  let failure: unknown;
  while (filled < head.length) {
    try {
      const got = await source.read(head.subarray(filled));
      if (got === 0) break;
      filled += got;
    } catch (error) {
      if (filled === 0) throw error;
      failure = error;
      break;
    }
    if (told(head.subarray(0, filled))) break;
  }
  const kept = head.subarray(0, filled);
  let given = 0;
  const read = (into: Uint8Array): number | Promise<number> => {
    if (given >= filled) return failure === undefined ? source.read(into) : Promise.reject(failure);
    const part = kept.subarray(given, given + into.length);
    into.set(part);
    given += part.length;
    return part.length;
  };
  return { head: kept, source: new Replayed(source, read) };
}

class Replayed implements ByteSource {
  readonly name: string;
  readonly compression: ByteSource['compression'];
  readonly totalBytes: number | undefined;
  readonly read: ByteSource['read'];
  readonly stop?: () => Promise<void>;
  #source: ByteSource;

  constructor(source: ByteSource, read: ByteSource['read']) {
    this.name = source.name;
    this.compression = source.compression;
    this.totalBytes = source.totalBytes;
    this.read = read;
    this.#source = source;
    if (source.stop !== undefined) this.stop = () => source.stop?.() ?? Promise.resolve();
  }

  bytesTaken = (): number => this.#source.bytesTaken();
  growing = (): boolean => this.#source.growing?.() === true;
  successor = (): string | undefined => this.#source.successor?.();
  close(): void {
    this.#source.close();
  }
}
