import { humanCount, UserError } from '../../../core/index.ts';
import { decodeIpfix, decodeNetflow5, decodeNetflow9 } from '../../../wire/index.ts';
import type { ByteSource } from '../input.ts';
import { NetflowDecoder } from './decoder.ts';
import { type Feed, type NetflowFileOptions, type NetflowSource, netflowSource, STOPPED } from './feed.ts';
import { describeUnknown } from './kind.ts';

/** Files of datagrams, one after the other. */

const MOST_DATAGRAM = 65_535;

/** Rows of a file that holds the payloads of NetFlow or IPFIX datagrams one after the other. All of them count as one exporter's; times are those of the headers. */
export function netflowFromFile(source: ByteSource, options: NetflowFileOptions): NetflowSource {
  const decoder = new NetflowDecoder(options.oddities, options);
  return netflowSource(source, decoder, fileFeed(source, decoder, options));
}

export function fileFeed(source: ByteSource, decoder: NetflowDecoder, { signal }: NetflowFileOptions): Feed {
  const buffer = new Uint8Array(1 << 18);
  let start = 0;
  let end = 0;
  let consumed = 0;
  let datagrams = 0;
  let isEnd = false;
  let cut: string | undefined;
  const step = async (): Promise<boolean> => {
    if (signal?.aborted === true) {
      cut = STOPPED;
      return false;
    }
    while (!isEnd && end - start < MOST_DATAGRAM) {
      buffer.copyWithin(0, start, end);
      consumed += start;
      end -= start;
      start = 0;
      const filled = source.read(buffer.subarray(end));
      let n: number;
      try {
        n = typeof filled === 'number' ? filled : await filled;
      } catch (error) {
        // Of damaged compression, what could be unpacked is data.
        if (!(error instanceof UserError) || datagrams === 0) throw error;
        cut = error.message.replace(`${source.name}: `, '');
        return false;
      }
      if (n === 0) isEnd = true;
      end += n;
    }
    if (start >= end) return false;
    const whole = buffer.subarray(start, Math.min(end, start + MOST_DATAGRAM));
    const header = decodeNetflow5(whole, 0, whole.length);
    const claimed = header?.length ?? decodeIpfix(whole, 0, whole.length)?.length ?? 0;
    decoder.datagrams++;
    datagrams++;
    const taken = decoder.message(whole, 0, whole.length, '', Number.NaN);
    if (taken === 0) {
      decoder.datagrams--;
      if (datagrams === 1)
        throw new UserError(
          `${source.name}: ${describeUnknown(whole)}`,
          'a file of datagrams holds NetFlow v5, v9 or IPFIX, one after the other; sFlow comes in a capture',
        );
      cut = `byte ${humanCount(consumed + start)} begins no datagram; what came before was kept`;
      return false;
    }
    if (claimed > whole.length) cut = 'the last datagram claims more than there is; what was whole was read';
    start += taken;
    return true;
  };
  return { step, status: () => ({ state: cut === undefined ? 'whole' : 'cut', message: cut }) };
}

/** When the first datagram of a file was exported. */
export function exportTimeOf(head: Uint8Array): number {
  const header =
    decodeNetflow5(head, 0, head.length) ?? decodeNetflow9(head, 0, head.length) ?? decodeIpfix(head, 0, head.length);
  return header === undefined || Number.isNaN(header.exportMs) ? Number.POSITIVE_INFINITY : header.exportMs;
}
