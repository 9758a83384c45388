import * as path from 'node:path';
import { counted, safeText, UserError } from '../../../core/index.ts';
import type { RowInput } from '../format.ts';
import type { ByteSource } from '../input.ts';
import { peekHead } from '../lines.ts';
import { NetflowDecoder } from './decoder.ts';
import { type Feed, type MakeFeed, type NetflowCaptureOptions, type NetflowSource, netflowSource } from './feed.ts';

/** Several inputs of datagrams as one source. */

/** An input of several, after a look at its beginning. */
interface LookedAt {
  readonly name: string;
  open(): Promise<ByteSource>;
  readonly size: number | undefined;
  readonly compression: ByteSource['compression'];
  /** Time of the first datagram or packet, epoch ms; infinite where there is none. */
  readonly firstMs: number;
  /** What can't be opened again. */
  readonly stream: ByteSource | undefined;
}

/**
 * Rows of several inputs, in order of their first times: one decoder for all of them, so that templates, sampling rates and sequence numbers of an exporter go on from file to file as its
 * exports do, and a flow may be told of by two files. An input that can't be read is named in the status, and the others go on; rejects with its UserError where none can be.
 */
export async function openTogether(
  inputs: readonly RowInput[],
  options: NetflowCaptureOptions,
  makeFeed: MakeFeed,
  timeOf: (head: Uint8Array) => number,
): Promise<NetflowSource> {
  const [first] = inputs;
  if (first === undefined) throw new Error('no input of datagrams');
  if (inputs.length === 1) {
    const decoder = new NetflowDecoder(options.oddities, options);
    const source = await first.open();
    return netflowSource(source, decoder, makeFeed(source, decoder, options));
  }
  const { onReject } = options;
  const decoder = new NetflowDecoder(options.oddities, {
    ...options,
    // Which of the files it is of; what waited for a template until the end is of none in hand.
    onReject: (reject) =>
      onReject?.(
        current === undefined
          ? reject
          : { ...reject, reason: `${safeText(path.basename(current.name), 100)}: ${reject.reason}` },
      ),
  });
  const queue: LookedAt[] = [];
  const notes: string[] = [];
  let failure: UserError | undefined;
  let isCut = false;
  const note = (name: string, text: string): void => {
    const said = text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
    if (notes.length < MAX_FILE_NOTES) notes.push(`${safeText(path.basename(name), 100)}: ${said}`);
    else if (notes.length === MAX_FILE_NOTES) notes.push('and more of the kind');
  };
  const failed = (name: string, error: unknown): void => {
    if (!(error instanceof UserError)) throw error;
    failure ??= error;
    isCut = true;
    note(name, error.message);
  };
  for (const { name, open } of inputs) {
    let opened: ByteSource | undefined;
    try {
      opened = await open();
      const { head, source } = await peekHead(opened);
      const { totalBytes: size, compression } = source;
      if (size !== undefined) source.close();
      queue.push({
        name,
        open,
        size,
        compression,
        firstMs: timeOf(head),
        stream: size === undefined ? source : undefined,
      });
    } catch (error) {
      opened?.close();
      failed(name, error);
    }
  }
  if (queue.length === 0 && failure !== undefined) throw failure;
  const totalBytes = queue.reduce<number | undefined>(
    (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
  const compression = queue.find((input) => input.compression !== '')?.compression ?? '';
  // Infinite ones keep the order in which they were given.
  queue.sort((a, b) => (a.firstMs === b.firstMs ? 0 : a.firstMs - b.firstMs));
  let current: { readonly name: string; readonly source: ByteSource; readonly feed: Feed } | undefined;
  let bytesDone = 0;
  const leave = (): void => {
    bytesDone += current?.source.bytesTaken() ?? 0;
    current?.source.close();
    current = undefined;
  };
  const step = async (): Promise<boolean> => {
    if (current === undefined) {
      const next = queue.shift();
      if (next === undefined) {
        if (decoder.datagrams === 0 && failure !== undefined) throw failure;
        return false;
      }
      try {
        const source = next.stream ?? (await next.open());
        current = { name: next.name, source, feed: makeFeed(source, decoder, options) };
      } catch (error) {
        failed(next.name, error);
        return true;
      }
    }
    const { name, feed } = current;
    try {
      if (await feed.step()) return true;
      const { state, message } = feed.status();
      isCut ||= state === 'cut';
      if (message !== undefined) note(name, message);
    } catch (error) {
      failed(name, error);
    }
    leave();
    return options.signal?.aborted !== true;
  };
  return netflowSource(
    {
      name: counted(inputs.length, 'export file'),
      compression,
      totalBytes,
      bytesTaken: () => bytesDone + (current?.source.bytesTaken() ?? 0),
      close: () => {
        leave();
        for (const { stream } of queue) stream?.close();
        queue.length = 0;
      },
    },
    decoder,
    {
      step,
      status: () => ({
        state: isCut ? 'cut' : 'whole',
        message: notes.length === 0 ? undefined : notes.join('; '),
      }),
    },
  );
}

const MAX_FILE_NOTES = 20;
