import { type Packet, PROTO, TCP_SYN } from '../wire/index.ts';
import { SECRET_HEADER, showableLength } from './first-bytes.ts';
import { Stitcher } from './stitch.ts';

/** Bytes that are kept of a side, at most. */
export const PAYLOAD_BYTES = 2048;
/** Live flows whose payload is kept, at most. Later ones are refused and counted until one of them ends: what came first is told whole. */
export const PAYLOAD_FLOWS = 2000;

/** A port whose flows are handed out. */
export interface PayloadPort {
  readonly transport: 'tcp' | 'udp';
  readonly port: number;
  /** Also flows whose protocol their content has told already. */
  readonly recognised: boolean;
}

/**
 * Told of a row that was just written.
 * @param id column `id` of the row. @param protocol IP protocol number. @param port of the responder.
 * @param initiator first payload bytes of that side, 0 to 2,048, and of the responder; the listener's own copies.
 * @param service what the content has told already; undefined where it told nothing
 */
export type PayloadListener = (
  id: number,
  protocol: number,
  port: number,
  initiator: Uint8Array,
  responder: Uint8Array,
  service: string | undefined,
) => void;

const PAGE_BYTES = 4096;

/**
 * Keeps the first payload bytes of flows on chosen ports, until their rows are written: of TCP the bytes of each side in order, up to the first gap; of UDP the first
 * datagram of each side, for its end is the message's. What would show a password is cut as in column `initiatorFirstBytes`, and so is what follows a header of HTTP
 * that carries credentials.
 *
 * Memory: 4 bytes for each of `maxFlows`, and 8 KiB for each of at most 2,000 flows, touched only when used.
 */
export class PayloadKeeper {
  /** Flows on the chosen ports that found no room. */
  refused = 0;
  readonly capacity: number;
  readonly onPayload: PayloadListener;
  /** By port, those of UDP behind those of TCP: 0 not chosen, 1 where nobody recognised the content, 2 always. */
  #chosen = new Uint8Array(2 * 65_536);
  /** By record number; -1 for none. */
  #slots: Int32Array;
  /** By slot: the larger choice of both ports, for which of them is the responder's may change yet. */
  #choices: Uint8Array;
  #free: Int32Array;
  #freeCount: number;
  #stitcher: Stitcher;

  /** @param maxFlows record numbers are below it */
  constructor(
    maxFlows: number,
    ports: readonly PayloadPort[],
    onPayload: PayloadListener,
    capacity: number = PAYLOAD_FLOWS,
  ) {
    this.onPayload = onPayload;
    this.capacity = capacity;
    for (const { transport, port, recognised } of ports) {
      const at = (transport === 'udp' ? 65_536 : 0) + port;
      this.#chosen[at] = Math.max(this.#chosen[at], recognised ? 2 : 1);
    }
    this.#slots = new Int32Array(maxFlows).fill(-1);
    this.#choices = new Uint8Array(capacity);
    this.#free = Int32Array.from({ length: capacity }, (_, i) => capacity - 1 - i);
    this.#freeCount = capacity;
    // A page for each side, so that no buffer ever has to give way.
    this.#stitcher = new Stitcher(capacity, {
      poolBytes: 2 * (capacity + 1) * PAGE_BYTES,
      leastBytes: PAGE_BYTES,
    });
  }

  #choice(protocol: number, port: number): number {
    if (protocol === PROTO.tcp) return this.#chosen[port];
    return protocol === PROTO.udp ? this.#chosen[65_536 + port] : 0;
  }

  /** A flow begins with this packet in the record. @returns whether its payload is kept. */
  open(ref: number, packet: Packet): boolean {
    this.release(ref);
    const choice = Math.max(
      this.#choice(packet.protocol, packet.dstPort),
      this.#choice(packet.protocol, packet.srcPort),
    );
    if (choice === 0) return false;
    if (this.#freeCount === 0) {
      this.refused++;
      return false;
    }
    const slot = this.#free[--this.#freeCount];
    this.#slots[ref] = slot;
    this.#choices[slot] = choice;
    return true;
  }

  /** A SYN or SYN-ACK of side `d`. */
  start(ref: number, d: number, sequence: number): void {
    const slot = this.#slots[ref];
    if (slot >= 0) this.#stitcher.start(slot, d, sequence);
  }

  /**
   * Takes in a packet with captured payload of side `d`.
   * @param recognised whether the content has told the protocol by now: a flow that is wanted for its strangeness alone makes room then
   * @returns whether there is nothing more to keep of the side
   */
  take(ref: number, d: number, packet: Packet, recognised: boolean): boolean {
    const slot = this.#slots[ref];
    if (slot < 0) return true;
    if (recognised && this.#choices[slot] === 1) {
      this.release(ref);
      return true;
    }
    // A part of a datagram is told by no decoder.
    if ((packet.isLaterFragment !== 0 || packet.isFirstFragment !== 0) && packet.isReassembled === 0) return false;
    const isTcp = packet.protocol === PROTO.tcp;
    const sequence = isTcp ? (packet.tcpSequence + ((packet.tcpFlags & TCP_SYN) !== 0 ? 1 : 0)) | 0 : 0;
    const end = packet.payload + packet.payloadCaptured;
    this.#stitcher.begin(slot, d, sequence, packet.bytes, packet.payload, end, PAYLOAD_BYTES);
    return !isTcp || this.#stitcher.isFull(slot, d);
  }

  /** The flow's row is written: hands out what there is. @param i side of the initiator. @param port of the responder. */
  give(ref: number, i: number, id: number, protocol: number, port: number, service: string | undefined): void {
    const slot = this.#slots[ref];
    if (slot < 0 || this.#choice(protocol, port) < (service === undefined ? 1 : 2)) return;
    const initiator = this.#side(slot, i);
    const responder = this.#side(slot, 1 - i);
    if (initiator.length + responder.length > 0) this.onPayload(id, protocol, port, initiator, responder, service);
  }

  #side(slot: number, d: number): Uint8Array {
    const kept = this.#stitcher.contiguous(slot, d);
    return kept.slice(0, showableLength(kept, 0, kept.length, SECRET_HEADER));
  }

  /** The record is free or begins anew. */
  release(ref: number): void {
    const slot = this.#slots[ref];
    if (slot < 0) return;
    this.#stitcher.release(slot);
    this.#slots[ref] = -1;
    this.#free[this.#freeCount++] = slot;
  }
}
