import {
  dnsService,
  isDnsPort,
  type OddityCounter,
  type Packet,
  PROTO,
  SERVICE_NAMES,
  serviceByContent,
  serviceNumber,
  TCP_SYN,
} from '../../wire/index.ts';
import { NameBudget } from '../names.ts';
import { PLACE_ADD, PLACE_NONE, STITCH_USUAL, Stitcher } from '../stitch.ts';
import { PEEKS } from './index.ts';
import { PEEK_DONE, PEEK_FOREIGN, PEEK_MORE, type Peek, PeekContext } from './peek.ts';
import { noteTlsWithin } from './tls.ts';

/** Payloads of a side that are looked at where the peek doesn't say, and bytes of a TCP side. */
const MOST_PAYLOADS = 4;
const MOST_BYTES = 16_384;
/** Without a protocol known after so many bytes of a side, there is none. */
const RECOGNISED_WITHIN = 64;
/** Where the port has a guess that waits for the end, content is asked again until there are so many bytes of a side. */
const RECONSIDERED_WITHIN = 512;

/** How a flow's peek was chosen. */
const UNKNOWN = 0;
const BY_PORT = 1;
const BY_CONTENT = 2;

/**
 * Watches the payloads of live flows until their protocols have said what we want to know: finds out the service, by content before port, hands the first bytes of each
 * TCP side in order to its peek, and single payloads of everything else.
 *
 * What a packet costs once its side is done is one array read. Memory: the stitcher's pool and the name budget (see there), 12 bytes for each of `maxFlows`.
 */
export class PayloadObserver {
  readonly stitcher: Stitcher;
  readonly names: NameBudget;
  readonly context: PeekContext;
  /** Services by number: first those that have a port, under the number that `serviceNumber` gives; 0 stands for none. */
  #services: (string | undefined)[] = [...SERVICE_NAMES];
  #numbers = new Map(SERVICE_NAMES.map((service, number) => [service, number]));
  /** Number of the service by content; 0 unknown. */
  #service: Uint16Array;
  #basis: Uint8Array;
  /** Its place in `#peeks`; 0 for none. */
  #peek: Uint8Array;
  #peeks: readonly (Peek | undefined)[] = [undefined, ...PEEKS.values()];
  /** The place of each service's, and the same by the service's number. */
  #peekPlace: ReadonlyMap<string | undefined, number> = new Map(Array.from(PEEKS.keys(), (name, i) => [name, i + 1]));
  #peekPlaces = SERVICE_NAMES.map((service) => this.#peekPlace.get(service) ?? 0);
  /** Number of the service by port until the peek has judged. */
  #guessed: Uint16Array;
  /** Payloads or bytes looked at, for each side. */
  #looked: Uint16Array;
  /** Side of a session's initiator, as far as is known by now. */
  #initiator: Uint8Array;

  constructor(maxFlows: number, oddities: OddityCounter) {
    this.stitcher = new Stitcher(maxFlows);
    this.names = new NameBudget(maxFlows, oddities);
    this.context = new PeekContext(this.names, oddities);
    this.#service = new Uint16Array(maxFlows);
    this.#basis = new Uint8Array(maxFlows);
    this.#peek = new Uint8Array(maxFlows);
    this.#guessed = new Uint16Array(maxFlows);
    this.#looked = new Uint16Array(2 * maxFlows);
    this.#initiator = new Uint8Array(maxFlows);
    // A session that must give way is told by what there is of it.
    this.stitcher.onGiveUp = (ref) => {
      const { ref: current } = this.context;
      this.finish(ref, this.#initiator[ref]);
      this.context.ref = current;
    };
  }

  /** The record begins a new flow, or is free. */
  release(ref: number): void {
    if (this.#basis[ref] !== UNKNOWN) this.context.release(ref);
    this.stitcher.release(ref);
    this.#service[ref] = 0;
    this.#basis[ref] = UNKNOWN;
    this.#peek[ref] = 0;
    this.#looked[2 * ref] = this.#looked[2 * ref + 1] = 0;
  }

  /** The service by content, undefined while unknown. */
  service(ref: number): string | undefined {
    return this.#services[this.#service[ref]];
  }

  /** The number of the service by content, 0 while unknown: as `serviceNumber` has it for those that have a port, above them for others. */
  serviceNumber(ref: number): number {
    return this.#service[ref];
  }

  /** The service that has a number, which is not 0. */
  serviceName(number: number): string {
    return this.#services[number] ?? '';
  }

  #numberOf(service: string): number {
    const known = this.#numbers.get(service);
    if (known !== undefined) return known;
    const number = this.#services.push(service) - 1;
    this.#numbers.set(service, number);
    this.#peekPlaces.push(this.#peekPlace.get(service) ?? 0);
    return number;
  }

  /** Takes in a packet with captured payload. @param d side of its source. @param fromInitiator as far as is known by now. */
  payload(packet: Packet, ref: number, d: number, fromInitiator: boolean): void {
    // Of a fragmented datagram the whole is looked at, when it is there.
    if ((packet.isLaterFragment !== 0 || packet.isFirstFragment !== 0) && packet.isReassembled === 0) return;
    if (packet.protocol === PROTO.tcp) {
      const sequence = packet.tcpSequence + ((packet.tcpFlags & TCP_SYN) !== 0 ? 1 : 0);
      const skip = this.stitcher.place(ref, d, sequence | 0, packet.payloadCaptured);
      if (skip === PLACE_NONE) return;
      this.#aim(packet, ref, fromInitiator);
      this.#segment(packet, ref, d, sequence | 0, skip);
    } else if (packet.protocol === PROTO.udp) {
      const s = 2 * ref + d;
      if (this.#looked[s] === 0xffff) return;
      this.#aim(packet, ref, fromInitiator);
      this.#datagram(packet, ref, s);
    }
  }

  /** Before the flow's row is written: what waits for the end is looked at now. @param i side of the initiator. */
  finish(ref: number, i: number): void {
    const peek = this.#peeks[this.#peek[ref]];
    if (peek?.kind !== 'session') {
      if (peek?.finish === undefined) return;
      this.context.ref = ref;
      peek.finish(this.context);
      return;
    }
    const { stitcher, context } = this;
    context.ref = ref;
    context.protocol = PROTO.tcp;
    const client = stitcher.contiguous(ref, i);
    const server = stitcher.contiguous(ref, 1 - i);
    if (client.length + server.length > 0 && peek.finish(context, client, server)) this.#confirm(ref);
    noteTlsWithin(context, client, true);
    noteTlsWithin(context, server, false);
    this.#peek[ref] = 0;
    stitcher.finish(ref, 0);
    stitcher.finish(ref, 1);
  }

  #aim(packet: Packet, ref: number, fromInitiator: boolean): void {
    const { context } = this;
    context.ref = ref;
    context.protocol = packet.protocol;
    context.fromInitiator = fromInitiator;
    context.srcPort = packet.srcPort;
    context.dstPort = packet.dstPort;
    context.timeNs = packet.timeNs;
    context.isLast = packet.payloadCaptured < packet.payloadLength;
  }

  #datagram(packet: Packet, ref: number, s: number): void {
    const { context } = this;
    context.bytes = packet.bytes;
    context.at = packet.payload;
    context.end = packet.payload + packet.payloadCaptured;
    this.#recognise(ref);
    const peek = this.#peeks[this.#peek[ref]];
    this.#looked[s]++;
    if (peek?.kind !== 'stream') {
      // Nobody reads this; another payload or two may still show what it is.
      if (this.#basis[ref] === BY_CONTENT || this.#looked[s] >= MOST_PAYLOADS) this.#looked[s] = 0xffff;
      return;
    }
    let read = peek.look(context);
    this.#judge(ref, read);
    const shown = this.#peeks[this.#peek[ref]];
    if (read === PEEK_FOREIGN && shown?.kind === 'stream') {
      read = shown.look(context);
      this.#judge(ref, read);
    }
    if (read === PEEK_DONE || this.#looked[s] >= (peek.mostPayloads ?? peek.most ?? MOST_PAYLOADS))
      this.#looked[s] = 0xffff;
  }

  #segment(packet: Packet, ref: number, d: number, sequence: number, skip: number): void {
    const { stitcher, context } = this;
    const s = 2 * ref + d;
    const from = packet.payload;
    const end = from + packet.payloadCaptured;
    if (skip === PLACE_ADD && !stitcher.add(ref, d, sequence, packet.bytes, from, end)) return;
    let kept = skip === PLACE_ADD;
    if (kept) {
      context.bytes = stitcher.bytes;
      context.at = stitcher.at(ref, d);
      context.end = context.at + stitcher.length(ref, d);
    } else {
      context.bytes = packet.bytes;
      context.at = from + skip;
      context.end = end;
    }
    this.#recognise(ref);
    let peek = this.#peeks[this.#peek[ref]];
    if (peek === undefined) {
      if (this.#basis[ref] === BY_CONTENT || context.end - context.at >= RECOGNISED_WITHIN) {
        this.#end(ref, d);
        return;
      }
      // Too little to tell what it is: the next bytes together with these.
      if (!kept) stitcher.begin(ref, d, (sequence + skip) | 0, packet.bytes, context.at, context.end);
      return;
    }
    let at = sequence + skip;
    while (context.at < context.end) {
      if (peek.kind === 'session') {
        this.#initiator[ref] = context.fromInitiator ? d : 1 - d;
        if (!kept) stitcher.begin(ref, d, at | 0, packet.bytes, context.at, context.end, STITCH_USUAL);
        // Neither side can say more.
        if (stitcher.isFull(ref, d) && stitcher.isFull(ref, 1 - d)) this.finish(ref, this.#initiator[ref]);
        return;
      }
      const most = peek.most ?? MOST_BYTES;
      context.looked = STITCH_USUAL;
      const read = peek.look(context);
      this.#judge(ref, read);
      peek = this.#peeks[this.#peek[ref]];
      // The port was wrong, and these bytes have shown what is right.
      if (read === PEEK_FOREIGN && peek !== undefined) continue;
      if (read === PEEK_FOREIGN && this.#basis[ref] !== BY_CONTENT && context.end - context.at < RECOGNISED_WITHIN) {
        // The port was wrong, and there is too little yet to tell what is right.
        if (!kept) stitcher.begin(ref, d, at | 0, packet.bytes, context.at, context.end);
        return;
      }
      if (read === PEEK_DONE || read === PEEK_FOREIGN || peek?.kind !== 'stream') {
        this.#end(ref, d);
        return;
      }
      if (read === PEEK_MORE) {
        // What a short capture cut off never comes.
        if (packet.payloadCaptured < packet.payloadLength) this.#end(ref, d);
        else if (kept) {
          stitcher.allow(ref, d, peek.keep ?? STITCH_USUAL);
          if (stitcher.isFull(ref, d)) this.#end(ref, d);
        } else stitcher.begin(ref, d, at | 0, packet.bytes, context.at, context.end, peek.keep);
        return;
      }
      stitcher.consume(ref, d, read);
      // The body of a message that is stepped over was not looked at.
      const looked = Math.min(read, context.end - context.at, context.looked);
      this.#looked[s] = Math.min(0xfffe, this.#looked[s] + looked);
      if (this.#looked[s] >= most) {
        this.#end(ref, d);
        return;
      }
      at += read;
      if (!kept) {
        context.at += read;
        continue;
      }
      // What the buffer had no room for may have some now.
      stitcher.add(ref, d, sequence, packet.bytes, from, end);
      const length = stitcher.length(ref, d);
      if (length > 0) {
        context.at = stitcher.at(ref, d);
        context.end = context.at + length;
        continue;
      }
      const rest = stitcher.place(ref, d, sequence, packet.payloadCaptured);
      if (rest < 0) return;
      kept = false;
      at = sequence + rest;
      context.bytes = packet.bytes;
      context.at = from + rest;
      context.end = end;
    }
  }

  /** The side is done; with both done nobody asks for the decoder's state again. */
  #end(ref: number, d: number): void {
    this.stitcher.finish(ref, d);
    if (this.stitcher.isFinished(ref, 1 - d)) this.context.dropState(ref);
  }

  /** Chooses the flow's peek by what the bytes show, else by port, to be judged by the peek itself. */
  #recognise(ref: number): void {
    if (this.#basis[ref] === BY_CONTENT) return;
    const { context } = this;
    const { protocol, srcPort, dstPort, bytes, at, end, port } = context;
    if (end - at > RECONSIDERED_WITHIN && this.#peeks[this.#peek[ref]]?.kind === 'session') return;
    const isDns = isDnsPort(srcPort) || isDnsPort(dstPort);
    // On a DNS port the decoder itself is the judge.
    const byContent = isDns ? undefined : serviceByContent(protocol, port, bytes, at, end);
    if (byContent !== undefined) {
      this.#settle(ref, this.#numberOf(byContent));
      this.#peek[ref] = this.#peekPlaces[this.#service[ref]];
      return;
    }
    if (this.#basis[ref] === BY_PORT) return;
    const guess = isDns
      ? this.#numberOf(dnsService(srcPort, dstPort))
      : serviceNumber(protocol, port) || serviceNumber(protocol, context.fromInitiator ? srcPort : dstPort);
    const place = this.#peekPlaces[guess];
    if (place === 0 || (protocol !== PROTO.tcp && this.#peeks[place]?.kind === 'session')) return;
    this.#basis[ref] = BY_PORT;
    this.#peek[ref] = place;
    this.#guessed[ref] = guess;
  }

  #judge(ref: number, read: number): void {
    if (this.#basis[ref] !== BY_PORT) {
      if (read === PEEK_FOREIGN) this.#peek[ref] = 0;
      return;
    }
    if (read === PEEK_FOREIGN) {
      // Not what the port promises; it may yet show what it is.
      this.#peek[ref] = 0;
      const { protocol, port, bytes, at, end } = this.context;
      const service = serviceByContent(protocol, port, bytes, at, end);
      if (service === undefined || service === this.#services[this.#guessed[ref]]) return;
      this.#settle(ref, this.#numberOf(service));
      this.#peek[ref] = this.#peekPlaces[this.#service[ref]];
    } else if (read !== PEEK_MORE) this.#confirm(ref);
  }

  /** The peek has found what the port promised. */
  #confirm(ref: number): void {
    const guess = this.#guessed[ref];
    if (this.#basis[ref] === BY_PORT && guess !== 0) this.#settle(ref, guess);
  }

  #settle(ref: number, service: number): void {
    this.#service[ref] = service;
    this.#basis[ref] = BY_CONTENT;
    this.#guessed[ref] = 0;
  }
}
