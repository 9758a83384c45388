import { ODDITY, type OddityCounter } from './oddity.ts';
import type { Packet } from './packet.ts';

/**
 * Puts the fragments of IP datagrams together (RFC 791 section 3.2, RFC 8200 section 4.5). Holes are kept as RFC 815 keeps them, by what has not come
 * yet, but in a bit per 8 bytes: fragments begin on multiples of 8, so the bits say everything, and no order of arrival costs more than another.
 *
 * Where fragments overlap the first wins. Hosts differ in this, and attackers choose the overlap so that the host sees other bytes than its guard; so an
 * overlap is counted, and one whose bytes differ is counted under a name of its own.
 *
 * Memory is fixed: 256 datagrams of 64 KiB at most, 4 MiB together and 290 KiB of books; once they are over 512 KiB stay for those to come. At the bound the oldest datagram gives way, since a flood of
 * fragments that never become whole would otherwise keep all others out for half a minute.
 */

const DATAGRAMS = 256;
const LARGEST_BYTES = 65_535;
const POOL_BYTES = 4 << 20;
/** As long as all buffers together have no more, a buffer waits for the next datagram in its slot; else it goes with its own. */
const IDLE_BYTES = 512 << 10;
/** Linux waits as long (`net.ipv4.ipfrag_time`); RFC 8200 allows 60 s. */
const LIFETIME_NS = 30e9;
/** A completed datagram begins here in its buffer; the MAC addresses of the fragment that completed it stand before it. */
export const REASSEMBLY_HEAD = 16;
const SMALLEST_BUFFER = 2048;
const MAP_WORDS = 256;
const KEY_WORDS = 12;

const FREE = 0;
const FILLING = 1;
/** Complete and being read: its buffer may be the source of further fragments, those of a packet inside of it. */
const DONE = 2;

export class Reassembly {
  /** What the last `add` that returned true has completed: `length` bytes from REASSEMBLY_HEAD, `protocol` as the first fragment had it. Valid until the next frame. */
  bytes: Uint8Array = new Uint8Array();
  view: DataView = new DataView(new ArrayBuffer(0));
  length = 0;
  protocol = 0;

  #state = new Uint8Array(DATAGRAMS);
  #keys = new Int32Array(DATAGRAMS * KEY_WORDS);
  #begun = new Float64Array(DATAGRAMS);
  /** Total length, -1 until the last fragment has come; end of the furthest byte; number of 8-byte blocks that are there; protocol of the first fragment. */
  #total = new Int32Array(DATAGRAMS);
  #furthest = new Int32Array(DATAGRAMS);
  #blocks = new Int32Array(DATAGRAMS);
  #protocol = new Int32Array(DATAGRAMS);
  #map = new Int32Array(DATAGRAMS * MAP_WORDS);
  #buffers = new Array<Uint8Array | undefined>(DATAGRAMS).fill(undefined);
  #views = new Array<DataView | undefined>(DATAGRAMS).fill(undefined);
  #held = 0;
  /** Slots from here on were never used. */
  #high = 0;
  #done = 0;

  /** Datagrams that wait for fragments, and the bytes of all buffers. */
  get waiting(): number {
    let n = 0;
    for (let slot = 0; slot < this.#high; slot++) if (this.#state[slot] === FILLING) n++;
    return n;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /**
   * Takes the fragment of `length` bytes at `at`, which stand at `offset` in the datagram; `more` unless it is the last. `packet` holds the addresses;
   * `keyProtocol` is the IPv4 protocol or 44 for IPv6, whose fragments belong together whatever they claim to carry. True when the datagram is complete.
   */
  add(
    bytes: Uint8Array,
    at: number,
    length: number,
    offset: number,
    more: boolean,
    packet: Packet,
    identification: number,
    keyProtocol: number,
    protocol: number,
    timeNs: number,
    oddities: OddityCounter,
  ): boolean {
    if (this.#done > 0) this.#releaseDone(bytes);
    if (length <= 0 || (more && (length & 7) !== 0)) {
      oddities.count(ODDITY['ip.fragment-bad-length']);
      return false;
    }
    const end = offset + length;
    if (end > LARGEST_BYTES) {
      oddities.count(ODDITY['ip.fragment-too-large']);
      return false;
    }
    let slot = this.#find(packet, identification, keyProtocol, timeNs, oddities);
    if (slot < 0) slot = this.#open(packet, identification, keyProtocol, timeNs, oddities);
    const total = this.#total[slot];
    if (total >= 0 ? end > total || (!more && end !== total) : !more && this.#furthest[slot] > end) {
      oddities.count(ODDITY['ip.fragment-inconsistent']);
      return false;
    }
    const buffer = this.#room(slot, end, oddities);
    this.#copy(slot, buffer, bytes, at, length, offset, oddities);
    if (!more) this.#total[slot] = end;
    if (end > this.#furthest[slot]) this.#furthest[slot] = end;
    if (offset === 0) this.#protocol[slot] = protocol;
    if (this.#total[slot] < 0 || this.#blocks[slot] !== (this.#total[slot] + 7) >> 3) return false;
    this.#state[slot] = DONE;
    this.#done++;
    this.bytes = buffer;
    this.view = this.#views[slot] ?? this.view;
    this.length = this.#total[slot];
    this.protocol = this.#protocol[slot];
    return true;
  }

  /** The input has ended: what is not complete never will be. */
  finish(oddities: OddityCounter): void {
    for (let slot = 0; slot < this.#high; slot++) {
      if (this.#state[slot] === FILLING) oddities.count(ODDITY['ip.fragment-incomplete']);
      this.#free(slot);
    }
    this.#done = 0;
  }

  /** Completed datagrams are free again when the next fragment does not come from inside one of them. */
  #releaseDone(source: Uint8Array): void {
    for (let slot = 0; slot < this.#high; slot++)
      if (this.#state[slot] === DONE && this.#buffers[slot] === source) return;
    for (let slot = 0; slot < this.#high; slot++) if (this.#state[slot] === DONE) this.#free(slot);
    this.#done = 0;
  }

  #free(slot: number): void {
    this.#state[slot] = FREE;
    if (this.#held > IDLE_BYTES) this.#drop(slot);
  }

  #find(packet: Packet, identification: number, keyProtocol: number, timeNs: number, oddities: OddityCounter): number {
    const k = this.#keys;
    let found = -1;
    for (let slot = 0; slot < this.#high; slot++) {
      if (this.#state[slot] !== FILLING) continue;
      if (Math.abs(timeNs - this.#begun[slot]) > LIFETIME_NS) {
        oddities.count(ODDITY['ip.fragment-incomplete']);
        this.#free(slot);
        continue;
      }
      const at = slot * KEY_WORDS;
      if (
        k[at] === identification &&
        k[at + 1] === packet.src0 &&
        k[at + 2] === packet.dst0 &&
        k[at + 3] === keyProtocol &&
        k[at + 4] === packet.isV6 &&
        k[at + 5] === packet.src1 &&
        k[at + 6] === packet.src2 &&
        k[at + 7] === packet.src3 &&
        k[at + 8] === packet.dst1 &&
        k[at + 9] === packet.dst2 &&
        k[at + 10] === packet.dst3
      )
        found = slot;
    }
    return found;
  }

  #open(packet: Packet, identification: number, keyProtocol: number, timeNs: number, oddities: OddityCounter): number {
    let slot = 0;
    while (slot < this.#high && this.#state[slot] !== FREE) slot++;
    if (slot === DATAGRAMS) slot = this.#giveWay(-1, oddities);
    else if (slot === this.#high) this.#high++;
    const k = this.#keys;
    const at = slot * KEY_WORDS;
    k[at] = identification;
    k[at + 1] = packet.src0;
    k[at + 2] = packet.dst0;
    k[at + 3] = keyProtocol;
    k[at + 4] = packet.isV6;
    k[at + 5] = packet.src1;
    k[at + 6] = packet.src2;
    k[at + 7] = packet.src3;
    k[at + 8] = packet.dst1;
    k[at + 9] = packet.dst2;
    k[at + 10] = packet.dst3;
    this.#state[slot] = FILLING;
    this.#begun[slot] = timeNs;
    this.#total[slot] = -1;
    this.#furthest[slot] = 0;
    this.#blocks[slot] = 0;
    this.#protocol[slot] = 0;
    this.#map.fill(0, slot * MAP_WORDS, (slot + 1) * MAP_WORDS);
    return slot;
  }

  /** Gives up the oldest datagram but `except`, and returns its slot. Never one that is being read: at most as many as tunnels can be nested are. */
  #giveWay(except: number, oddities: OddityCounter): number {
    let oldest = -1;
    for (let slot = 0; slot < this.#high; slot++)
      if (slot !== except && this.#state[slot] === FILLING && (oldest < 0 || this.#begun[slot] < this.#begun[oldest]))
        oldest = slot;
    if (oldest >= 0) {
      oddities.count(ODDITY['ip.fragment-pool-full']);
      this.#state[oldest] = FREE;
    }
    return oldest;
  }

  /** The slot's buffer, with room for `end` bytes. */
  #room(slot: number, end: number, oddities: OddityCounter): Uint8Array {
    const present = this.#buffers[slot];
    if (present !== undefined && present.length >= REASSEMBLY_HEAD + end) return present;
    let size = SMALLEST_BUFFER;
    while (size < end) size *= 4;
    if (size > LARGEST_BYTES) size = LARGEST_BYTES;
    size += REASSEMBLY_HEAD;
    const grown = size - (present?.length ?? 0);
    for (let other = 0; this.#held + grown > POOL_BYTES && other < this.#high; other++)
      if (this.#state[other] === FREE) this.#drop(other);
    while (this.#held + grown > POOL_BYTES) {
      const freed = this.#giveWay(slot, oddities);
      if (freed < 0) break;
      this.#drop(freed);
    }
    const buffer = new Uint8Array(size);
    if (present !== undefined) buffer.set(present);
    this.#held += grown;
    this.#buffers[slot] = buffer;
    this.#views[slot] = new DataView(buffer.buffer);
    return buffer;
  }

  #drop(slot: number): void {
    this.#held -= this.#buffers[slot]?.length ?? 0;
    this.#buffers[slot] = undefined;
    this.#views[slot] = undefined;
  }

  #copy(
    slot: number,
    buffer: Uint8Array,
    bytes: Uint8Array,
    at: number,
    length: number,
    offset: number,
    oddities: OddityCounter,
  ): void {
    const map = this.#map;
    const base = slot * MAP_WORDS;
    const first = offset >> 3;
    const beyond = (offset + length + 7) >> 3;
    let overlaps = false;
    for (let b = first; b < beyond && !overlaps; b++) overlaps = ((map[base + (b >> 5)] >> (b & 31)) & 1) !== 0;
    if (!overlaps) {
      buffer.set(bytes.subarray(at, at + length), REASSEMBLY_HEAD + offset);
      for (let b = first; b < beyond; b++) map[base + (b >> 5)] |= 1 << (b & 31);
      this.#blocks[slot] += beyond - first;
      return;
    }
    let differs = false;
    for (let b = first; b < beyond; b++) {
      const to = REASSEMBLY_HEAD + 8 * b;
      const from = at + 8 * b - offset;
      const stop = Math.min(8, at + length - from);
      if (((map[base + (b >> 5)] >> (b & 31)) & 1) !== 0) {
        for (let i = 0; i < stop; i++) if (buffer[to + i] !== bytes[from + i]) differs = true;
        continue;
      }
      for (let i = 0; i < stop; i++) buffer[to + i] = bytes[from + i];
      map[base + (b >> 5)] |= 1 << (b & 31);
      this.#blocks[slot]++;
    }
    oddities.count(differs ? ODDITY['ip.fragment-inconsistent'] : ODDITY['ip.fragment-overlap']);
  }
}
