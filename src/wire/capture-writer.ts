import { UserError } from '../core/index.ts';
import type { FrameBatch, TimeBase } from './frame.ts';
import { encodePcapHeader, MAX_CAPTURE_LENGTH, PCAP_CAPTURE_LENGTH, PCAP_FRACTION, PCAP_WIRE_LENGTH } from './pcap.ts';
import { BLOCK_ENHANCED_PACKET, encodeInterface, encodeSection, type PcapngSection } from './pcapng.ts';

/**
 * Makes the bytes of a capture file from frames, in the order in which they come. It touches no file: `take` hands over what was made since the last time, and
 * whoever asks writes it. Memory is what was not taken yet.
 */
export interface CaptureWriter {
  readonly format: 'pcap' | 'pcap (nanoseconds)' | 'pcapng';
  /** Frames written so far. */
  readonly frames: number;
  /** Bytes that wait to be taken. */
  readonly pending: number;
  /** Frames whose time the format can't hold (before 1970, after 2106 in pcap, after 2554 in pcapng); they carry the nearest time that it can. */
  readonly clampedTimes: number;
  /** Frames whose time lost digits: nanoseconds in a file of microseconds. */
  readonly coarsenedTimes: number;
  /** Frames of more bytes than any reader takes (262,144); the rest of them was left away, and the length on the wire says so. */
  readonly shortened: number;
  /** Adds frame `i` of a batch. Throws UserError when the format can't hold it beside those before. */
  add(batch: FrameBatch, i: number, base: TimeBase): void;
  /** Adds the frame at `bytes[at, at + captureLength)`. @param seconds epoch seconds, whole. @param timeNs nanoseconds since then; may be negative or more than a second. */
  frame(
    bytes: Uint8Array,
    at: number,
    captureLength: number,
    wireLength: number,
    linkType: number,
    seconds: number,
    timeNs: number,
  ): void;
  /** The bytes made since the last call, file header first. They belong to the writer and are valid until its next call. */
  take(): Uint8Array;
}

/** A name for a link type that a person may have seen; the number for all others. */
const LINK_NAMES: Readonly<Record<number, string>> = {
  0: 'BSD loopback',
  1: 'Ethernet',
  9: 'PPP',
  101: 'raw IP',
  105: '802.11',
  108: 'OpenBSD loopback',
  113: 'Linux cooked',
  127: '802.11 with radiotap',
  228: 'raw IPv4',
  229: 'raw IPv6',
  276: 'Linux cooked v2',
};

function linkName(linkType: number): string {
  const name = LINK_NAMES[linkType];
  return name === undefined ? `link type ${linkType}` : `${name} (link type ${linkType})`;
}

/** Grows by doubling; `take` empties it and keeps its memory. */
class Bytes {
  bytes = new Uint8Array(1 << 16);
  view = new DataView(this.bytes.buffer);
  length = 0;

  /** Room for `n` more; returns where they begin. */
  room(n: number): number {
    const at = this.length;
    if (at + n > this.bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.bytes.length, at + n));
      grown.set(this.bytes.subarray(0, at));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    this.length = at + n;
    return at;
  }

  append(part: Uint8Array): void {
    const at = this.room(part.length);
    this.bytes.set(part, at);
  }

  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    this.length = 0;
    return taken;
  }
}

/**
 * Splits a time into whole epoch seconds and nanoseconds 0 to 999,999,999. Further than 104 days from the run's first packet a float64 has lost its last nanoseconds:
 * there the time is rounded to the microsecond, which is exact for 146 years and all that most captures have.
 */
class Moment {
  seconds = 0;
  ns = 0;

  set(seconds: number, timeNs: number): void {
    const whole = Math.floor(timeNs / 1e9);
    this.seconds = seconds + whole;
    const ns = timeNs - whole * 1e9;
    this.ns = Math.abs(timeNs) < Number.MAX_SAFE_INTEGER ? Math.round(ns) : Math.round(ns / 1000) * 1000;
    if (this.ns >= 1e9) {
      this.seconds++;
      this.ns -= 1e9;
    }
  }

  /** Into 0 to `most` seconds; true when it had to be moved. What is no time at all becomes 0. */
  clamp(most: number): boolean {
    if (this.seconds >= 0 && this.seconds <= most) return false;
    const late = this.seconds > most;
    this.seconds = late ? most : 0;
    this.ns = late ? 999_999_999 : 0;
    return true;
  }
}

const MAX_PCAP_SECONDS = 0xffffffff;
/** 2^64 nanoseconds since 1970, less the last second that is not whole. */
const MAX_PCAPNG_SECONDS = 18_446_744_072;

/** Classic pcap, little-endian, version 2.4, in micro- or nanoseconds. It has one link type, the first frame's. */
export class CapturePcapWriter implements CaptureWriter {
  readonly format: 'pcap' | 'pcap (nanoseconds)';
  frames = 0;
  clampedTimes = 0;
  coarsenedTimes = 0;
  shortened = 0;
  #nanoseconds: boolean;
  #linkType: number | undefined;
  #headed = false;
  #out = new Bytes();
  #time = new Moment();

  /** @param options.linkType of a file that stays without frames; 1 (Ethernet) when it is not given. */
  constructor(options: { readonly nanoseconds?: boolean; readonly linkType?: number } = {}) {
    const { nanoseconds = false, linkType } = options;
    this.#nanoseconds = nanoseconds;
    this.#linkType = linkType;
    this.format = nanoseconds ? 'pcap (nanoseconds)' : 'pcap';
  }

  get pending(): number {
    return this.#out.length;
  }

  add(batch: FrameBatch, i: number, base: TimeBase): void {
    const { bytes, offset, captureLength, wireLength, linkType, timeNs } = batch;
    this.frame(bytes, offset[i], captureLength[i], wireLength[i], linkType[i], base.seconds, timeNs[i]);
  }

  frame(
    bytes: Uint8Array,
    at: number,
    captureLength: number,
    wireLength: number,
    linkType: number,
    seconds: number,
    timeNs: number,
  ): void {
    this.#linkType ??= linkType;
    if (linkType !== this.#linkType)
      throw new UserError(
        `a pcap file holds frames of one link type, and these are of ${linkName(this.#linkType)} and ${linkName(linkType)}`,
        'write a pcapng file: name it .pcapng',
      );
    this.#head();
    const length = captureLength > MAX_CAPTURE_LENGTH ? MAX_CAPTURE_LENGTH : captureLength;
    if (length < captureLength) this.shortened++;
    const time = this.#time;
    time.set(seconds, timeNs);
    if (time.clamp(MAX_PCAP_SECONDS)) this.clampedTimes++;
    else if (!this.#nanoseconds && time.ns % 1000 !== 0) this.coarsenedTimes++;
    const to = this.#out.room(16 + length);
    const { view } = this.#out;
    view.setUint32(to, time.seconds, true);
    view.setUint32(to + PCAP_FRACTION, this.#nanoseconds ? time.ns : Math.floor(time.ns / 1000), true);
    view.setUint32(to + PCAP_CAPTURE_LENGTH, length, true);
    view.setUint32(to + PCAP_WIRE_LENGTH, wireLength, true);
    copyBytes(bytes, at, length, this.#out.bytes, to + 16);
    this.frames++;
  }

  take(): Uint8Array {
    this.#head();
    return this.#out.take();
  }

  #head(): void {
    if (this.#headed) return;
    this.#headed = true;
    this.#out.append(encodePcapHeader({ linkType: this.#linkType ?? 1, nanoseconds: this.#nanoseconds }));
  }
}

/** What a pcapng file says of an interface; frames belong to it by their link type. */
export interface InterfaceDescription {
  readonly linkType: number;
  readonly name?: string;
  readonly description?: string;
  /** 0 = no limit. */
  readonly snapLength?: number;
}

export interface CapturePcapngOptions extends PcapngSection {
  /** Names for the interfaces of these link types; a link type that is not among them gets an interface without a name. */
  readonly interfaces?: readonly InterfaceDescription[];
}

/** pcapng, little-endian: one section, one interface for each link type, described before its first frame, times in nanoseconds. */
export class CapturePcapngWriter implements CaptureWriter {
  readonly format = 'pcapng';
  frames = 0;
  clampedTimes = 0;
  coarsenedTimes = 0;
  shortened = 0;
  #options: CapturePcapngOptions;
  #interfaces = new Map<number, number>();
  #headed = false;
  #out = new Bytes();
  #time = new Moment();

  constructor(options: CapturePcapngOptions = {}) {
    this.#options = options;
  }

  get pending(): number {
    return this.#out.length;
  }

  add(batch: FrameBatch, i: number, base: TimeBase): void {
    const { bytes, offset, captureLength, wireLength, linkType, timeNs } = batch;
    this.frame(bytes, offset[i], captureLength[i], wireLength[i], linkType[i], base.seconds, timeNs[i]);
  }

  frame(
    bytes: Uint8Array,
    at: number,
    captureLength: number,
    wireLength: number,
    linkType: number,
    seconds: number,
    timeNs: number,
  ): void {
    this.#head();
    const id = this.#interfaces.get(linkType) ?? this.#describe(linkType);
    const length = captureLength > MAX_CAPTURE_LENGTH ? MAX_CAPTURE_LENGTH : captureLength;
    if (length < captureLength) this.shortened++;
    const time = this.#time;
    time.set(seconds, timeNs);
    if (time.clamp(MAX_PCAPNG_SECONDS)) this.clampedTimes++;
    const padded = (length + 3) & ~3;
    const total = 32 + padded;
    const to = this.#out.room(total);
    const { view } = this.#out;
    view.setUint32(to, BLOCK_ENHANCED_PACKET, true);
    view.setUint32(to + 4, total, true);
    view.setUint32(to + 8, id, true);
    // seconds * 1e9 + ns in 64 bits without BigInt: the seconds in two halves, so that every product stays below 2^53.
    const upper = Math.floor(time.seconds / 65_536) * 1e9;
    const lower = (upper % 65_536) * 65_536 + (time.seconds % 65_536) * 1e9 + time.ns;
    view.setUint32(to + 12, Math.floor(upper / 65_536) + Math.floor(lower / 4_294_967_296), true);
    view.setUint32(to + 16, lower % 4_294_967_296, true);
    view.setUint32(to + 20, length, true);
    view.setUint32(to + 24, wireLength, true);
    copyBytes(bytes, at, length, this.#out.bytes, to + 28);
    // The buffer is used again and again: what pads a frame must not be what lay there before.
    for (let i = length; i < padded; i++) this.#out.bytes[to + 28 + i] = 0;
    view.setUint32(to + 28 + padded, total, true);
    this.frames++;
  }

  take(): Uint8Array {
    this.#head();
    return this.#out.take();
  }

  #head(): void {
    if (this.#headed) return;
    this.#headed = true;
    this.#out.append(encodeSection(this.#options));
    for (const { linkType } of this.#options.interfaces ?? [])
      if (!this.#interfaces.has(linkType)) this.#describe(linkType);
  }

  #describe(linkType: number): number {
    const id = this.#interfaces.size;
    const given = this.#options.interfaces?.find((iface) => iface.linkType === linkType);
    this.#out.append(
      encodeInterface({
        linkType,
        snapLength: given?.snapLength ?? 0,
        name: given?.name,
        description: given?.description,
        tsresol: 9,
      }),
    );
    this.#interfaces.set(linkType, id);
    return id;
  }
}

/** A loop beats the call for short frames. */
function copyBytes(from: Uint8Array, at: number, length: number, to: Uint8Array, offset: number): void {
  if (length > 96) to.set(from.subarray(at, at + length), offset);
  else for (let i = 0; i < length; i++) to[offset + i] = from[at + i];
}
