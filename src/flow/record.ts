import { FreeNumbers } from './free-numbers.ts';

/**
 * Layout of a live flow in the flow table: 192 bytes in one ArrayBuffer. Records lie next to each other, so that one packet touches few cache lines of one record
 * instead of one line of each of forty columns (measured: a struct of arrays costs more under churn); columns are made when a flow is written out. What every packet
 * of IPv4 looks at or changes is in the first 128 bytes, two lines. Fields in pairs are indexed by direction, `base + d`, where side 0 is the smaller of the two endpoints.
 * What few flows have is in a row of `RecordRests`.
 */
export const RECORD_BYTES = 192;
export const RECORD_F64 = RECORD_BYTES / 8;
export const RECORD_I32 = RECORD_BYTES / 4;

// float64 fields are F_, index within the record in units of 8 bytes; int32 fields are W_, uint32 fields U_, in units of 4 bytes.

// ---- first line ----
/** Latest packet time, ns since the TimeBase. */
export const F_END = 0;
/** Flow clock at the latest packet, and when this row was opened: what timeouts go by. */
export const F_CLOCK = 1;
export const F_OPENED = 2;
/** Time of the latest packet in order of arrival, for inter-arrival times. */
export const F_LAST = 3;
export const F_IAT_SUM = 4;
export const F_IAT_SQUARES = 5;
export const F_IAT_MIN = 6;
export const F_IAT_MAX = 7;

// ---- second line ----
export const W_PORTS = 16;
/** Protocol in the low 9 bits, bit 9 = IPv6. */
export const W_PROTOCOL = 17;
/** First word of each side's address: all of it, for IPv4. */
export const W_ADDRESS = 18;
export const W_PACKETS = 20;
/** TCP flags ever set: side 0 in bits 0-7, side 1 in 8-15. Bit 16 + d: side d sent SYN without ACK; 18 + d: SYN with ACK. */
export const W_FLAGS = 22;
export const W_STATE = 23;
/** The low 32 bits of both sums; what is above stands at R_CARRY. */
export const U_BYTES = 24;
export const U_PAYLOAD = 26;
/** Earliest packet time. */
export const F_START = 14;
export const W_HASH = 30;
/** Links free records. */
export const W_NEXT_FREE = 30;
/** Row of `RecordRests`; 0 for none. */
export const W_REST = 31;

// ---- third line ----
export const F_FIRST_FRAME = 16;
export const W_INPUT = 34;
export const W_SEQUENCE = 35;
/** Destination and source MAC of the first packet, 12 bytes as on the wire. */
export const W_MAC = 36;
/** First payload bytes, 16 for each side. */
export const W_FIRST_BYTES = 39;
/** Of the first packet: VLAN plus one in bits 16-31, 0 without; ICMP type in bits 8-15, code in 0-7, if there is STATE_ICMP. */
export const W_KINDS = 47;

// What few flows have, in a row of `RecordRests`.
const REST_WORDS = 12;
/** The other three words of each side's address, of IPv6; `base + 3 * d`. */
export const R_ADDRESS = 0;
/** ICMP errors that speak of the flow: how many, up to 65,535, in bits 16-31; type of the latest in 8-15 and its code in 0-7. */
export const R_ERRORS = 6;
/** What U_BYTES and U_PAYLOAD have in units of 2^32 beside, in their order: `base + U_... - U_BYTES + d`. */
export const R_CARRY = 7;
const CARRIES = 4;
/** Rows that there is room for at first. */
const FIRST_RESTS = 256;

/** What few flows have beside their record, in rows of 48 bytes; row 0 is of zeros and stands for all that have none. Memory grows with the most that there were at a time. */
export class RecordRests {
  /** All rows. Valid until the next `take`. */
  words = new Int32Array(FIRST_RESTS * REST_WORDS);
  #free = new FreeNumbers(1);

  /** @returns a row of zeros. */
  take(): number {
    const row = this.#free.take();
    if ((row + 1) * REST_WORDS > this.words.length) {
      const grown = new Int32Array(2 * this.words.length);
      grown.set(this.words);
      this.words = grown;
    }
    return row;
  }

  give(row: number): void {
    this.words.fill(0, row * REST_WORDS, (row + 1) * REST_WORDS);
    this.#free.give(row);
  }

  /** Zeroes what a row of the flow table counts. */
  resetCounts(row: number): void {
    const at = restAt(row);
    this.words[at + R_ERRORS] = 0;
    this.words.fill(0, at + R_CARRY, at + R_CARRY + CARRIES);
  }
}

/** Where a row begins in `words`. */
export function restAt(row: number): number {
  return row * REST_WORDS;
}

// Bits of W_STATE.
/** Which side is the initiator. */
export const STATE_INITIATOR = 1;
/** The initiator is a guess from ports or order, not from a SYN or a reply. */
export const STATE_GUESSED = 2;
export const STATE_CONTINUED = 4;
/** Finished or reset, lingering for stragglers. */
export const STATE_CLOSING = 8;
export const STATE_RESET = 16;
/** Has Ethernet addresses. */
export const STATE_MAC = 32;
/** Side of the source of the first packet, for the MACs. */
export const STATE_FIRST_SIDE = 64;
/** The first packet's ports were not to be seen: a later fragment without its first, or a header that is cut. */
export const STATE_NO_PORTS = 256;
/** Emptied by the active timeout, waiting for its next packet. */
export const STATE_DORMANT = 128;
/** Came in a tunnel. */
export const STATE_TUNNEL = 512;
/** The record is a live flow's. */
export const STATE_LIVE = 1024;
/** The first packet is of ICMP, and its type was to be seen. */
export const STATE_ICMP = 2048;
/** Number of first payload bytes of side 0 in five bits from this one, of side 1 six bits above. */
export const STATE_FIRST_BYTES = 16;
/** The bit above each of them: more of the side's payload is kept. */
export const KEEPS_PAYLOAD = 32;

/** How many first payload bytes side `d` has, and KEEPS_PAYLOAD: six bits of W_STATE. */
export function peekState(state: number, d: number): number {
  return (state >> (STATE_FIRST_BYTES + 6 * d)) & 63;
}

/** What a flow came in, by its first packet. */
export interface Tunnel {
  readonly kind: number;
  readonly id: number;
  /** Addresses of the outermost tunnel, undefined without one; from the sender of the first packet, and to. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}
