import { safeText } from '../core/index.ts';

/** The block-structured capture file (draft-ietf-opsawg-pcapng): sections, interfaces, packets; byte order per section, time resolution per interface. */

export const BLOCK_SECTION = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
export const BLOCK_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_INTERFACE_STATISTICS = 5;
export const BLOCK_ENHANCED_PACKET = 6;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

const OPTION_END = 0;
const OPTION_COMMENT = 1;
const OPTION_SHB_HARDWARE = 2;
const OPTION_SHB_OS = 3;
const OPTION_SHB_APPLICATION = 4;
const OPTION_IF_NAME = 2;
const OPTION_IF_DESCRIPTION = 3;
const OPTION_TSRESOL = 9;
const OPTION_TSOFFSET = 14;
const OPTION_ISB_IFDROP = 5;
const OPTION_ISB_OSDROP = 7;

/** Longest text that an option is written with, in UTF-16 units: its length field has 16 bits for up to 3 bytes each. */
const MAX_OPTION_TEXT = 16_384;
/** Longest that is read of one, in characters. */
const MAX_OPTION_SHOWN = 256;

/** What a section header says of where the capture comes from; the text is safe to print. */
export interface PcapngSection {
  readonly comment?: string;
  readonly hardware?: string;
  readonly os?: string;
  readonly application?: string;
}

/** An interface of the current section. */
export interface PcapngInterface {
  /** Name and description as the capturing machine had them, safe to print; undefined where it did not say. */
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly linkType: number;
  /** 0 = no limit. */
  readonly snapLength: number;
  /** Time units per second: 10^n or 2^n. */
  readonly unitsPerSecond: bigint;
  /** Seconds to add to every time stamp. */
  readonly offsetSeconds: bigint;
  /** Nanoseconds per unit as a float64, and the reference point that keeps nanosecond stamps exact; set at its first packet. */
  readonly nsPerUnit: number;
  referenceHigh: number;
  referenceLow: number;
  referenceNs: number;
  hasReference: boolean;
}

/** Options of a Section Header Block whose body lies at [from, to). */
export function decodeSection(view: DataView, from: number, to: number, littleEndian: boolean): PcapngSection {
  const section: { comment?: string; hardware?: string; os?: string; application?: string } = {};
  forEachOption(view, from + 16, to, littleEndian, (code, at, length) => {
    if (code === OPTION_COMMENT) section.comment ??= optionText(view, at, length);
    else if (code === OPTION_SHB_HARDWARE) section.hardware ??= optionText(view, at, length);
    else if (code === OPTION_SHB_OS) section.os ??= optionText(view, at, length);
    else if (code === OPTION_SHB_APPLICATION) section.application ??= optionText(view, at, length);
  });
  return section;
}

/** Body of an Interface Description Block at [from, to) (without type and lengths), or undefined when it contradicts itself. */
export function decodeInterface(
  view: DataView,
  from: number,
  to: number,
  littleEndian: boolean,
): PcapngInterface | undefined {
  if (to - from < 8) return undefined;
  let unitsPerSecond = 1_000_000n;
  let offsetSeconds = 0n;
  let name: string | undefined;
  let description: string | undefined;
  forEachOption(view, from + 8, to, littleEndian, (code, at, length) => {
    if (code === OPTION_TSRESOL && length >= 1) {
      const resolution = view.getUint8(at);
      unitsPerSecond =
        resolution & 0x80 ? 2n ** BigInt(Math.min(resolution & 0x7f, 63)) : 10n ** BigInt(Math.min(resolution, 19));
    } else if (code === OPTION_TSOFFSET && length >= 8) {
      offsetSeconds = view.getBigInt64(at, littleEndian);
    } else if (code === OPTION_IF_NAME) name ??= optionText(view, at, length);
    else if (code === OPTION_IF_DESCRIPTION) description ??= optionText(view, at, length);
  });
  return {
    name,
    description,
    linkType: view.getUint16(from, littleEndian),
    snapLength: view.getUint32(from + 4, littleEndian),
    unitsPerSecond,
    offsetSeconds,
    nsPerUnit: 1e9 / Number(unitsPerSecond),
    referenceHigh: 0,
    referenceLow: 0,
    referenceNs: 0,
    hasReference: false,
  };
}

/** Packets dropped by the interface and by the operating system, from an Interface Statistics Block; 0 where it does not say. */
export function decodeInterfaceDrops(view: DataView, from: number, to: number, littleEndian: boolean): number {
  let dropped = 0;
  forEachOption(view, from + 12, to, littleEndian, (code, at, length) => {
    if ((code === OPTION_ISB_IFDROP || code === OPTION_ISB_OSDROP) && length >= 8) {
      const value = Number(view.getBigUint64(at, littleEndian));
      // An all-ones counter is how some writers say "unknown".
      if (value < 2 ** 53) dropped += value;
    }
  });
  return dropped;
}

function forEachOption(
  view: DataView,
  from: number,
  to: number,
  littleEndian: boolean,
  visit: (code: number, at: number, length: number) => void,
): void {
  let at = from;
  while (at + 4 <= to) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    if (code === OPTION_END || at + 4 + length > to) return;
    visit(code, at + 4, length);
    at += 4 + ((length + 3) & ~3);
  }
}

/** UTF-8 text of an option; a zero at its end, which some writers leave, is no part of it. */
function optionText(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, Math.min(length, 4 * MAX_OPTION_SHOWN));
  return safeText(DECODER.decode(bytes).replace(/\0+$/, ''), MAX_OPTION_SHOWN);
}

const DECODER = new TextDecoder();

/** Sets the interface's reference point from its first time stamp. Returns the time in ns since `baseSeconds`. */
export function referenceTime(iface: PcapngInterface, high: number, low: number, baseSeconds: number): number {
  const units = (BigInt(high) << 32n) | BigInt(low);
  const base = BigInt(baseSeconds) - iface.offsetSeconds;
  iface.referenceHigh = high;
  iface.referenceLow = low;
  iface.referenceNs = Number(((units - base * iface.unitsPerSecond) * 1_000_000_000n) / iface.unitsPerSecond);
  iface.hasReference = true;
  return iface.referenceNs;
}

/** Whole epoch seconds of a time stamp, for choosing a TimeBase. */
export function epochSeconds(iface: PcapngInterface, high: number, low: number): number {
  return Number(((BigInt(high) << 32n) | BigInt(low)) / iface.unitsPerSecond + iface.offsetSeconds);
}

/** A block with its lengths, little-endian; the body is padded to 32 bits. */
export function encodeBlock(type: number, body: Uint8Array): Uint8Array {
  const length = 12 + ((body.length + 3) & ~3);
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  out.set(body, 8);
  view.setUint32(length - 4, length, true);
  return out;
}

/** A Section Header Block of unknown section length. */
export function encodeSection(section: PcapngSection = {}): Uint8Array {
  const head = new Uint8Array(16);
  const view = new DataView(head.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  head.fill(0xff, 8);
  return encodeBlock(
    BLOCK_SECTION,
    withOptions(head, [
      [OPTION_COMMENT, section.comment],
      [OPTION_SHB_HARDWARE, section.hardware],
      [OPTION_SHB_OS, section.os],
      [OPTION_SHB_APPLICATION, section.application],
    ]),
  );
}

/** An Interface Description Block. `tsresol` is the raw option byte: 6 = microseconds, 9 = nanoseconds, 0x80|n = 2^-n. */
export function encodeInterface(
  options: {
    linkType?: number;
    snapLength?: number;
    name?: string | undefined;
    description?: string | undefined;
    tsresol?: number;
    tsoffset?: bigint;
  } = {},
): Uint8Array {
  const { linkType = 1, snapLength = 0, name, description, tsresol, tsoffset } = options;
  const head = new Uint8Array(8);
  const view = new DataView(head.buffer);
  view.setUint16(0, linkType, true);
  view.setUint32(4, snapLength, true);
  let offset: Uint8Array | undefined;
  if (tsoffset !== undefined) {
    offset = new Uint8Array(8);
    new DataView(offset.buffer).setBigInt64(0, tsoffset, true);
  }
  return encodeBlock(
    BLOCK_INTERFACE,
    withOptions(
      head,
      [
        [OPTION_IF_NAME, name],
        [OPTION_IF_DESCRIPTION, description],
        [OPTION_TSRESOL, tsresol === undefined ? undefined : Uint8Array.of(tsresol)],
        [OPTION_TSOFFSET, offset],
      ],
      true,
    ),
  );
}

/** The fixed part of a body, padded to 32 bits, and behind it the options that are given and the end of options; no end where there are none, unless asked for. */
function withOptions(
  head: Uint8Array,
  options: readonly (readonly [code: number, value: string | Uint8Array | undefined])[],
  alwaysEnd = false,
): Uint8Array {
  const given: { code: number; bytes: Uint8Array }[] = [];
  let length = (head.length + 3) & ~3;
  for (const [code, value] of options) {
    if (value === undefined || value === '') continue;
    const bytes = typeof value === 'string' ? ENCODER.encode(value.slice(0, MAX_OPTION_TEXT)) : value;
    given.push({ code, bytes });
    length += 4 + ((bytes.length + 3) & ~3);
  }
  if (given.length === 0 && !alwaysEnd) return head;
  const body = new Uint8Array(length + 4);
  const view = new DataView(body.buffer);
  body.set(head);
  let at = (head.length + 3) & ~3;
  for (const { code, bytes } of given) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, bytes.length, true);
    body.set(bytes, at + 4);
    at += 4 + ((bytes.length + 3) & ~3);
  }
  return body;
}

const ENCODER = new TextEncoder();

/** An Enhanced Packet Block. `units` is the time stamp in the interface's unit. */
export function encodeEnhancedPacket(
  interfaceId: number,
  units: bigint,
  frame: Uint8Array,
  wireLength = frame.length,
  comment?: string,
): Uint8Array {
  const body = new Uint8Array(20 + frame.length);
  const view = new DataView(body.buffer);
  view.setUint32(0, interfaceId, true);
  view.setUint32(4, Number(units >> 32n), true);
  view.setUint32(8, Number(units & 0xffffffffn), true);
  view.setUint32(12, frame.length, true);
  view.setUint32(16, wireLength, true);
  body.set(frame, 20);
  return encodeBlock(BLOCK_ENHANCED_PACKET, withOptions(body, [[OPTION_COMMENT, comment]]));
}

/** A Simple Packet Block: no time, first interface. */
export function encodeSimplePacket(frame: Uint8Array, wireLength = frame.length): Uint8Array {
  const body = new Uint8Array(4 + frame.length);
  new DataView(body.buffer).setUint32(0, wireLength, true);
  body.set(frame, 4);
  return encodeBlock(BLOCK_SIMPLE_PACKET, body);
}

/** 'eth0, link type 1, 1000000 units/s' for a person who looks at an interface. */
export function summarizeInterface(iface: PcapngInterface): string {
  return `${iface.name === undefined ? '' : `${iface.name}, `}link type ${iface.linkType}, ${iface.unitsPerSecond} units/s`;
}
