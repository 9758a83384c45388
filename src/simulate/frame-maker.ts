import { Random } from '../core/index.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, encodeArp, FrameBatch } from '../wire/index.ts';

/** Writes whole frames with valid checksums straight into the buffer of a batch, and hands the batch over when it is full. */

const BUFFER_BYTES = 1 << 20;
const BATCH_FRAMES = 4096;
/** Longest frame that is made: a UDP datagram of one Ethernet frame, or a TCP segment of 1,460 bytes, with room. */
const MAX_FRAME = 2048;

/** One end of a link: where frames come from. */
export interface LinkEnd {
  readonly mac: Uint8Array;
}

export type AddressWords = readonly [number, number, number, number];

/** Random bytes that stand for what nobody can read: ciphertext, media, archives. Read at an even offset, so that their checksum is a difference of two sums. */
const POOL_BYTES = 1 << 16;

class Pool {
  readonly bytes: Uint8Array;
  /** Sum of the big-endian 16-bit words before word i. */
  readonly sums: Float64Array;

  constructor() {
    const random = new Random(0x706f6f6c);
    this.bytes = Uint8Array.from({ length: POOL_BYTES }, () => random.uint32() >>> 24);
    this.sums = new Float64Array(POOL_BYTES / 2 + 1);
    for (let i = 0; i < POOL_BYTES / 2; i++)
      this.sums[i + 1] = this.sums[i] + this.bytes[2 * i] * 256 + this.bytes[2 * i + 1];
  }
}

let pool: Pool | undefined;

/** Sum of 16-bit big-endian words of bytes[from, to), an odd last byte padded with zero. */
function wordSum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  let i = from;
  for (; i + 1 < to; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if (i < to) sum += bytes[i] << 8;
  return sum;
}

/** Folds a sum of 16-bit words to its one's complement, RFC 1071. */
function checksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 65_536) + Math.floor(folded / 65_536);
  return ~folded & 0xffff;
}

export class FrameMaker {
  readonly batch: FrameBatch;
  /** Frames made so far. */
  frames = 0;
  wireBytes = 0;
  /** Of frame i of the batch, on whose account it is. */
  readonly origins = new Int32Array(BATCH_FRAMES);
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;
  #snapLength: number;
  #onBatch: (batch: FrameBatch, origins: Int32Array) => void;
  #pool: Pool;
  /** Where the frame that is being written begins, and where its transport header does. */
  #start = 0;
  #transport = 0;
  #pseudo = 0;

  /** @param onBatch is given the batch, valid during the call. @param snapLength bytes kept of a frame. */
  constructor(onBatch: (batch: FrameBatch, origins: Int32Array) => void, snapLength = MAX_FRAME) {
    this.#bytes = new Uint8Array(BUFFER_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
    this.batch = new FrameBatch(BATCH_FRAMES, this.#bytes);
    this.#onBatch = onBatch;
    this.#snapLength = snapLength;
    pool ??= new Pool();
    this.#pool = pool;
  }

  /** Hands over what has been made since the last batch. */
  flush(): void {
    const { batch } = this;
    if (batch.count === 0) return;
    batch.firstFrame = this.frames - batch.count + 1;
    this.#onBatch(batch, this.origins);
    batch.count = 0;
    this.#at = 0;
  }

  /** Begins an IP packet in an Ethernet frame. */
  ip(
    sourceMac: Uint8Array,
    destinationMac: Uint8Array,
    isV6: boolean,
    source: AddressWords,
    destination: AddressWords,
    protocol: number,
    ttl: number,
    identification: number,
  ): void {
    if (this.batch.count === BATCH_FRAMES || this.#at + MAX_FRAME > BUFFER_BYTES) this.flush();
    const start = this.#at;
    this.#start = start;
    const bytes = this.#bytes;
    const view = this.#view;
    for (let i = 0; i < 6; i++) {
      bytes[start + i] = destinationMac[i];
      bytes[start + 6 + i] = sourceMac[i];
    }
    const at = start + 14;
    let pseudo = protocol;
    if (isV6) {
      view.setUint16(start + 12, ETHERTYPE_IPV6);
      view.setUint32(at, 0x60000000);
      bytes[at + 6] = protocol;
      bytes[at + 7] = ttl;
      for (let i = 0; i < 4; i++) {
        view.setUint32(at + 8 + 4 * i, source[i]);
        view.setUint32(at + 24 + 4 * i, destination[i]);
      }
      pseudo += wordSum(bytes, at + 8, at + 40);
      this.#transport = at + 40;
    } else {
      view.setUint16(start + 12, ETHERTYPE_IPV4);
      view.setUint16(at, 0x4500);
      view.setUint16(at + 4, identification);
      view.setUint16(at + 6, 0x4000);
      bytes[at + 8] = ttl;
      bytes[at + 9] = protocol;
      view.setUint16(at + 10, 0);
      view.setUint32(at + 12, source[0]);
      view.setUint32(at + 16, destination[0]);
      pseudo += wordSum(bytes, at + 12, at + 20);
      this.#transport = at + 20;
    }
    this.#pseudo = pseudo;
  }

  /** A TCP segment behind `ip`. `options` are whole 32-bit words. The payload is head[headFrom, headTo) and then `filler` bytes of the pool. */
  tcp(
    timeUs: number,
    origin: number,
    sourcePort: number,
    destinationPort: number,
    sequence: number,
    acknowledgement: number,
    flags: number,
    window: number,
    options: Uint8Array,
    head: Uint8Array,
    headFrom: number,
    headTo: number,
    filler: number,
  ): void {
    const at = this.#transport;
    const view = this.#view;
    const header = 20 + options.length;
    view.setUint16(at, sourcePort);
    view.setUint16(at + 2, destinationPort);
    view.setUint32(at + 4, sequence);
    view.setUint32(at + 8, acknowledgement);
    view.setUint16(at + 12, ((header / 4) << 12) | flags);
    view.setUint16(at + 14, window);
    view.setUint32(at + 16, 0);
    for (let i = 0; i < options.length; i++) this.#bytes[at + 20 + i] = options[i];
    const sum =
      wordSum(this.#bytes, at, at + header) + this.#payload(at + header, head, headFrom, headTo, filler, sequence);
    this.#finish(timeUs, origin, at + header + headTo - headFrom + filler, at + 16, sum, false);
  }

  /** A UDP datagram behind `ip`. */
  udp(
    timeUs: number,
    origin: number,
    sourcePort: number,
    destinationPort: number,
    head: Uint8Array,
    filler = 0,
    salt = 0,
  ): void {
    const at = this.#transport;
    const view = this.#view;
    const length = 8 + head.length + filler;
    view.setUint16(at, sourcePort);
    view.setUint16(at + 2, destinationPort);
    view.setUint16(at + 4, length);
    view.setUint16(at + 6, 0);
    const sum = wordSum(this.#bytes, at, at + 8) + this.#payload(at + 8, head, 0, head.length, filler, salt);
    this.#finish(timeUs, origin, at + length, at + 6, sum, true);
  }

  /** An ICMP or ICMPv6 message behind `ip`; its bytes come with an empty checksum. */
  icmp(timeUs: number, origin: number, message: Uint8Array, isV6: boolean): void {
    const at = this.#transport;
    this.#bytes.set(message, at);
    this.#bytes[at + 2] = 0;
    this.#bytes[at + 3] = 0;
    const sum = wordSum(message, 4, message.length) + (message[0] << 8) + message[1];
    // ICMP over IPv4 has no pseudo-header.
    if (!isV6) this.#pseudo = -message.length;
    this.#finish(timeUs, origin, at + message.length, at + 2, sum, false);
  }

  /** An ARP message on Ethernet, padded to the least size of a frame. */
  arp(
    timeUs: number,
    origin: number,
    operation: number,
    senderMac: Uint8Array,
    sender: number,
    targetMac: Uint8Array | undefined,
    target: number,
    frameDestination: Uint8Array,
  ): void {
    if (this.batch.count === BATCH_FRAMES || this.#at + MAX_FRAME > BUFFER_BYTES) this.flush();
    const start = this.#at;
    this.#start = start;
    const bytes = this.#bytes;
    bytes.set(frameDestination, start);
    bytes.set(senderMac, start + 6);
    this.#view.setUint16(start + 12, ETHERTYPE_ARP);
    const message = encodeArp({
      operation,
      senderMac,
      sender,
      target,
      ...(targetMac === undefined ? {} : { targetMac }),
    });
    bytes.set(message, start + 14);
    this.#end(timeUs, origin, start + 14 + message.length);
  }

  /** Writes a payload and gives the sum of its words; it begins at an even distance from the header. */
  #payload(at: number, head: Uint8Array, headFrom: number, headTo: number, filler: number, salt: number): number {
    const bytes = this.#bytes;
    const headLength = headTo - headFrom;
    let sum = 0;
    if (headLength > 0) {
      if (headLength > 64) bytes.set(head.subarray(headFrom, headTo), at);
      else for (let i = 0; i < headLength; i++) bytes[at + i] = head[headFrom + i];
      sum = wordSum(bytes, at, at + headLength);
    }
    if (filler > 0) {
      const from = ((Math.imul(salt, 0x9e3779b1) >>> 16) % (POOL_BYTES - MAX_FRAME)) & ~1;
      bytes.set(this.#pool.bytes.subarray(from, from + filler), at + headLength);
      if (headLength % 2 === 0) {
        const words = filler >> 1;
        sum += this.#pool.sums[from / 2 + words] - this.#pool.sums[from / 2];
        if (filler % 2 === 1) sum += bytes[at + headLength + filler - 1] << 8;
      } else sum = wordSum(bytes, at, at + headLength + filler);
    }
    return sum;
  }

  #finish(timeUs: number, origin: number, end: number, checksumAt: number, sum: number, isUdp: boolean): void {
    const view = this.#view;
    const ipAt = this.#start + 14;
    const transportBytes = end - this.#transport;
    const value = checksum(sum + this.#pseudo + transportBytes);
    // RFC 768: zero means that there is none.
    view.setUint16(checksumAt, isUdp && value === 0 ? 0xffff : value);
    if (this.#bytes[ipAt] >> 4 === 4) {
      view.setUint16(ipAt + 2, end - ipAt);
      view.setUint16(ipAt + 10, checksum(wordSum(this.#bytes, ipAt, ipAt + 20)));
    } else view.setUint16(ipAt + 4, transportBytes);
    this.#end(timeUs, origin, end);
  }

  #end(timeUs: number, origin: number, end: number): void {
    const { batch } = this;
    const start = this.#start;
    let to = end;
    // Short frames are padded before they go onto the wire.
    for (; to - start < 60; to++) this.#bytes[to] = 0;
    const i = batch.count++;
    batch.offset[i] = start;
    batch.captureLength[i] = Math.min(to - start, this.#snapLength);
    batch.wireLength[i] = to - start;
    batch.linkType[i] = 1;
    batch.timeNs[i] = timeUs * 1000;
    this.origins[i] = origin;
    this.frames++;
    this.wireBytes += to - start;
    this.#at = to;
  }
}
