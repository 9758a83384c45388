import type { ByteSource } from './input.ts';
import type { TableOpenOptions, TableSource } from './table-source.ts';

/** An input that is opened when its turn comes. `open` may be called more than once, unless the input is a stream. */
export interface RowInput {
  readonly name: string;
  open(): Promise<ByteSource>;
}

/** One kind of input that gives rows and no packets: how it is told, and how it is opened. */
export interface RowFormat {
  /** As in `InputSummary.format` of what it reads: 'zeek', 'eve', 'csv' ... */
  readonly id: string;
  /** One line for `anomalyst formats`. */
  readonly title: string;
  /** Whether the rows are flows, or can be. */
  readonly flows: boolean;
  /**
   * Whether an input that begins like this is of the format. The first format of the table that says so has it, so those that many inputs could be come last.
   * @param head the first bytes, decompressed, at most 64 KiB; @param name as the user gave it, without the ending that a compression added
   */
  readonly looksLike: (head: Uint8Array, name: string) => boolean;
  /** Whether an input of the format that begins like this has flows; where nothing says so, all have. One that has none is a table, unless another of the run has some that it belongs to. */
  readonly givesFlows?: (head: Uint8Array, name: string) => boolean;
  /** Opens inputs as flows. `together` formats get all inputs of one run at once, because one tells what another lacks. */
  readonly openFlows?: (inputs: readonly RowInput[], options: TableOpenOptions) => Promise<TableSource>;
  readonly together?: boolean;
  /** Opens one input as a table with the columns that it has itself. */
  readonly openTable?: (source: ByteSource, options: TableOpenOptions) => Promise<TableSource>;
}

const CAPTURE_MAGICS = [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0xa1b2cd34, 0x34cdb2a1, 0x0a0d0d0a] as const;

/** Whether the bytes begin as a capture does: pcap in any byte order and resolution, or pcapng. */
export function looksLikeCapture(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  const magic = new DataView(head.buffer, head.byteOffset, 4).getUint32(0);
  return (CAPTURE_MAGICS as readonly number[]).includes(magic);
}

/** The name without the ending of a compression. */
export function plainName(name: string): string {
  return name.replace(/\.(gz|gzip|zst|zstd|lz4|Z)$/i, '');
}
