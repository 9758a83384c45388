import * as path from 'node:path';
import { nearest, UserError } from '../../core/index.ts';
import {
  CapturePcapngWriter,
  CapturePcapWriter,
  type CaptureWriter,
  type FrameBatch,
  type InterfaceDescription,
  type TimeBase,
} from '../../wire/index.ts';
import { OutputFile } from './file.ts';

export type CaptureFormat = 'pcap' | 'pcapng';

const EXTENSIONS: Readonly<Record<string, CaptureFormat>> = {
  '.pcap': 'pcap',
  '.cap': 'pcap',
  '.dmp': 'pcap',
  '.pcapng': 'pcapng',
  '.ntar': 'pcapng',
};

/** The format that a name asks for; '-' is pcapng, which every reader of a pipe takes. Throws UserError for a name that asks for none. */
export function captureFormatOf(name: string): CaptureFormat {
  if (name === '-') return 'pcapng';
  const extension = path.extname(name).toLowerCase();
  const format = Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
  if (format !== undefined) return format;
  const near = nearest(extension, Object.keys(EXTENSIONS));
  throw new UserError(
    `${name}: the name does not say which capture format it should have`,
    /^\.(gz|zst|lz4)$/.test(extension)
      ? 'captures are written without compression: name it .pcap or .pcapng and compress it behind'
      : `name it .pcap or .pcapng${near === undefined ? '' : `; did you mean '${near}'?`}`,
  );
}

export interface CaptureFileOptions {
  readonly format?: CaptureFormat;
  /** Times of pcap in nanoseconds rather than microseconds; pcapng has them always. */
  readonly nanoseconds?: boolean;
  /** For pcapng: the program that wrote the file, and what it says of it. */
  readonly application?: string;
  readonly comment?: string;
  readonly interfaces?: readonly InterfaceDescription[];
}

/** Where a capture's bytes go; see OutputFile. */
export interface CaptureOutput {
  write(bytes: Uint8Array): void;
  finish(): void;
  discard(): void;
}

const FLUSH_BYTES = 1 << 18;

/**
 * A capture on its way to the disk. The file has its name only when it is whole (see OutputFile), so nobody reads half a capture. Frames stay in the order in which
 * they are added.
 */
export class CaptureFile {
  readonly path: string;
  readonly writer: CaptureWriter;
  #output: CaptureOutput;

  /** @param output takes the bytes instead of a file. Throws UserError when the file can't be made, or its name asks for no format. */
  constructor(name: string, options: CaptureFileOptions = {}, output?: CaptureOutput) {
    const { format = captureFormatOf(name), nanoseconds = false, application, comment, interfaces = [] } = options;
    this.path = name;
    this.writer =
      format === 'pcap'
        ? new CapturePcapWriter({ nanoseconds })
        : new CapturePcapngWriter({
            interfaces,
            ...(application === undefined ? {} : { application }),
            ...(comment === undefined ? {} : { comment }),
          });
    this.#output = output ?? new OutputFile(path.dirname(name), path.basename(name));
  }

  /** Adds frame `i` of a batch. Throws UserError when the disk is full, or the format can't hold the frame beside those before; nothing is left behind then. */
  add(batch: FrameBatch, i: number, base: TimeBase): void {
    try {
      this.writer.add(batch, i, base);
    } catch (error) {
      this.discard();
      throw error;
    }
    if (this.writer.pending >= FLUSH_BYTES) this.#output.write(this.writer.take());
  }

  /** Writes the rest and gives the file its name. */
  finish(): void {
    this.#output.write(this.writer.take());
    this.#output.finish();
  }

  /** Leaves nothing behind. */
  discard(): void {
    this.#output.discard();
  }
}
