/**
 * A composed day: every benign capture moved to a moment of one day, all of them in one capture. No capture of a real office day is among the data; this one says how the alerts add up
 * when many things go on at once, and nothing else: devices are set up many times a day in it, captures of different networks overlap in their addresses, and most of the day is silence.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Random } from '../src/core/index.ts';
import { CaptureReader, OddityCounter, TimeBase } from '../src/wire/index.ts';
import { DATA } from './child.ts';
import { analyze, type Outcome } from './evaluate-case.ts';

const DAY_US = 86_400_000_000;
/** 2026-03-02, a Monday, 00:00 UTC. */
const DAY_START_US = Date.UTC(2026, 2, 2) * 1000;
const SEED = 7;
const LINKTYPE_ETHERNET = 1;
const HEADER = 24;
const RECORD = 16;
/** More incidents than this on such a day are too many. */
export const MOST_INCIDENTS_A_DAY = 3;

interface Packet {
  readonly us: number;
  readonly original: number;
  readonly bytes: Uint8Array;
}

export interface ComposedDay {
  readonly captures: number;
  readonly packets: number;
  /** Captures of other formats, left out. */
  readonly leftOut: readonly string[];
  readonly outcome: Outcome;
}

/** Composes the day and analyses it. @param paths below ../shared/data */
export async function evaluateDay(paths: readonly string[], work: string): Promise<ComposedDay> {
  const random = new Random(SEED);
  const packets: Packet[] = [];
  const leftOut: string[] = [];
  for (const path of paths) {
    const read = packetsOf(path);
    if (read === undefined) {
      leftOut.push(path);
      continue;
    }
    let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { us } of read) {
      first = Math.min(first, us);
      last = Math.max(last, us);
    }
    const begin = Math.floor(random.float() * Math.max(0, DAY_US - (last - first)));
    for (const packet of read) {
      // What is longer than a day is cut off at its end.
      const us = begin + packet.us - first;
      if (us < DAY_US) packets.push({ ...packet, us: DAY_START_US + us });
    }
  }
  packets.sort((a, b) => a.us - b.us);
  const file = join(work, 'composed-day.pcap');
  writeFileSync(file, encoded(packets));
  const outcome = await analyze([file], work);
  return { captures: paths.length - leftOut.length, packets: packets.length, leftOut, outcome };
}

/** The Ethernet frames of a capture, times in microseconds since the earliest one; undefined where it has none. */
function packetsOf(path: string): Packet[] | undefined {
  const raw = readFileSync(join(DATA, path));
  const file = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
  const base = new TimeBase();
  const reader = new CaptureReader(base, new OddityCounter());
  const packets: Packet[] = [];
  for (let given = 0; !reader.done; ) {
    if (reader.next() > 0) {
      const { batch } = reader;
      for (let i = 0; i < batch.count; i++) {
        const [offset = 0, length = 0] = [batch.offset[i], batch.captureLength[i]];
        if (batch.linkType[i] !== LINKTYPE_ETHERNET) continue;
        packets.push({
          us: Math.floor((batch.timeNs[i] ?? 0) / 1000),
          original: batch.wireLength[i] ?? length,
          bytes: batch.bytes.slice(offset, offset + length),
        });
      }
    } else if (!reader.done) {
      const space = reader.space();
      const n = Math.min(space.length, file.length - given);
      space.set(file.subarray(given, given + n));
      reader.fill(n);
      given += n;
    }
  }
  return packets.length === 0 ? undefined : packets;
}

function encoded(packets: readonly Packet[]): Uint8Array {
  const size = packets.reduce((sum, { bytes }) => sum + RECORD + bytes.length, HEADER);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 262_144, true);
  view.setUint32(20, LINKTYPE_ETHERNET, true);
  let at = HEADER;
  for (const { us, original, bytes } of packets) {
    view.setUint32(at, Math.floor(us / 1e6), true);
    view.setUint32(at + 4, us % 1e6, true);
    view.setUint32(at + 8, bytes.length, true);
    view.setUint32(at + 12, original, true);
    out.set(bytes, at + RECORD);
    at += RECORD + bytes.length;
  }
  return out;
}
