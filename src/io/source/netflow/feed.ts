import type { Table } from '../../../core/index.ts';
import { FLOW_SCHEMA } from '../../../flow/index.ts';
import type { OddityCounter } from '../../../wire/index.ts';
import type { ByteSource } from '../input.ts';
import type { TableSource } from '../table-source.ts';
import type { NetflowDecoder, NetflowOptions } from './decoder.ts';
import type { CollectorStatus } from './status.ts';

/** Sources of rows that decode datagrams: a decoder, and what feeds it. */

/** A source of rows that decodes datagrams. */
export interface NetflowSource extends TableSource {
  status(): CollectorStatus;
}

export interface NetflowFileOptions extends NetflowOptions {
  readonly oddities: OddityCounter;
  readonly signal?: AbortSignal | undefined;
}

export interface NetflowCaptureOptions extends NetflowFileOptions {
  /** UDP ports whose datagrams are taken; `COLLECTOR_PORTS` by default. Datagrams to other ports are taken when their content leaves no doubt. */
  readonly ports?: readonly number[] | undefined;
}

/** One input that is read into a decoder. */
export interface Feed {
  /** Reads on; false at the end. Rejects with a UserError where nothing of it can be read. */
  step(): Promise<boolean>;
  status(): { readonly state: 'whole' | 'cut'; readonly message?: string | undefined };
}

export type MakeFeed = (source: ByteSource, decoder: NetflowDecoder, options: NetflowCaptureOptions) => Feed;

/** Shared by the sources below: a decoder, and what feeds it until a table is there. */
export function netflowSource(
  source: Pick<ByteSource, 'name' | 'compression' | 'totalBytes' | 'bytesTaken' | 'close'>,
  decoder: NetflowDecoder,
  feed: Feed,
): NetflowSource {
  const ready: Table[] = [];
  let isOver = false;
  return {
    name: source.name,
    get format() {
      return decoder.format();
    },
    compression: source.compression,
    totalBytes: source.totalBytes,
    get rejectNoun() {
      return decoder.rejectNoun();
    },
    schema: FLOW_SCHEMA,
    get gives() {
      return decoder.gives();
    },
    async read() {
      while (ready.length === 0 && !isOver) {
        if (!(await feed.step())) {
          isOver = true;
          decoder.finish();
        }
        ready.push(...decoder.takeTables());
      }
      return ready.shift();
    },
    bytesTaken: () => source.bytesTaken(),
    status() {
      const status = decoder.status();
      const { state, message } = feed.status();
      const all = [message, status.message].filter((part) => part !== undefined).join('; ');
      return { ...status, state, ...(all === '' ? {} : { message: all }) };
    },
    close: () => source.close(),
  };
}

export const STOPPED = 'stopped by the operator; what came before was kept';
