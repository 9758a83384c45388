import type { Random } from '../core/index.ts';
import { PROTO, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../wire/index.ts';
import { chance, exponential } from './chance.ts';
import type { Step } from './engine.ts';
import type { AddressWords } from './frame-maker.ts';
import type { Host } from './network.ts';
import { MS, type World } from './world.ts';

/**
 * A TCP connection as a tap in the office sees it (RFC 9293): handshake with the options of the two systems, segments in flights that grow (RFC 5681), acknowledgements for
 * every second segment or after the delayed-ACK timer (RFC 1122 section 4.2.3.2), a segment lost and sent again now and then (RFC 6298), an end by FIN or RST.
 */

const DELAYED_ACK_US = 40 * MS;
const NO_BYTES = new Uint8Array();
const MAX_FLIGHT = 40;

interface End {
  readonly host: Host;
  readonly port: number;
  readonly address: AddressWords;
  readonly mac: Uint8Array;
  readonly peerMac: Uint8Array;
  /** Next sequence number, and the next one that is expected of the peer. */
  next: number;
  expected: number;
  /** Segments of the peer that wait for an acknowledgement. */
  pending: number;
  /** Segments that it sends before it waits, and the most that the peer's window takes. */
  flight: number;
  readonly flightLimit: number;
  window: number;
  readonly synWindow: number;
  identification: number;
  readonly ttl: number;
  readonly timestampBase: number;
  /** The peer's latest time stamp. */
  echo: number;
}

export interface TalkOptions {
  readonly isV6?: boolean;
  /** Source port; the host's next when absent. */
  readonly port?: number;
  /** Share of flights across the Internet with a lost segment. */
  readonly lossRate?: number;
}

export class TcpTalk {
  readonly client: End;
  readonly server: End;
  isOpen = false;
  #world: World;
  #random: Random;
  #isV6: boolean;
  #timestamps: boolean;
  /** Both sides scale their windows (RFC 7323). */
  #scaled: boolean;
  #mss: number;
  #loss: number;
  #options = new Uint8Array(12);
  #view = new DataView(this.#options.buffer);

  constructor(world: World, client: Host, server: Host, serverPort: number, random: Random, options: TalkOptions = {}) {
    const { isV6 = false, port = world.port(client), lossRate = world.behavior.lossRate } = options;
    this.#world = world;
    this.#random = random;
    this.#isV6 = isV6;
    this.#timestamps = hasTimestamps(client) && hasTimestamps(server);
    this.#scaled = client.os !== 'embedded' && server.os !== 'embedded';
    this.#mss = (isV6 ? 1440 : 1460) - (this.#timestamps ? 12 : 0);
    this.#loss = client.isLocal && server.isLocal ? 0 : lossRate;
    const end = (host: Host, endPort: number, peer: Host): End => ({
      host,
      port: endPort,
      address: isV6 ? (host.v6 ?? host.linkLocal) : host.v4,
      mac: host.mac,
      peerMac: world.destinationMac(host, peer),
      next: random.uint32(),
      expected: 0,
      pending: 0,
      flight: Math.min(10, flightLimit(this.#scaled, peer)),
      flightLimit: flightLimit(this.#scaled, peer),
      window: this.#scaled ? windowOf(host) : host.os === 'embedded' ? 8192 : 64_240,
      synWindow: host.os === 'windows' || host.os === 'linux' || host.os === 'android' ? 64_240 : 65_535,
      identification: random.below(65_536),
      ttl: host.ttl,
      timestampBase: random.uint32(),
      echo: 0,
    });
    this.client = end(client, port, server);
    this.server = end(server, serverPort, client);
  }

  /** Shakes hands. */
  *open(): Step {
    const { client, server } = this;
    yield* this.#world.resolve(client.host, server.host, this.#random, this.#isV6);
    this.#control(client, server, TCP_SYN, true);
    yield this.#reach(server);
    this.#control(server, client, TCP_SYN | TCP_ACK, true);
    yield this.#reach(client);
    this.#control(client, server, TCP_ACK);
    this.isOpen = true;
    yield 30 + exponential(this.#random, 60);
  }

  /** A SYN that is refused by a RST, or by nothing at all: then it is sent `retries` times more. */
  *fail(kind: 'refused' | 'silent', retries = 2): Step {
    const { client, server } = this;
    yield* this.#world.resolve(client.host, server.host, this.#random, this.#isV6);
    const { next } = client;
    for (let i = 0; i <= (kind === 'silent' ? retries : 0); i++) {
      client.next = next;
      this.#control(client, server, TCP_SYN, true);
      if (kind === 'silent') yield 1000 * MS * 2 ** i;
    }
    if (kind === 'silent') return;
    yield this.#reach(server);
    server.next = 0;
    this.#control(server, client, TCP_RST | TCP_ACK, false, 0);
  }

  /** Application bytes from one side: those of `head`, then `filler` that nobody can read. */
  *send(fromClient: boolean, head: Uint8Array, filler = 0): Step {
    const from = fromClient ? this.client : this.server;
    const to = fromClient ? this.server : this.client;
    const total = head.length + filler;
    const isNear = to.host.isLocal;
    // Microseconds that a full segment takes on the slower of the two links.
    const segmentUs = Math.max(2, (this.#mss * 8) / Math.min(from.host.mbit, to.host.mbit));
    let sent = 0;
    while (sent < total) {
      const burst = Math.min(from.flight, Math.ceil((total - sent) / this.#mss));
      for (let i = 0; i < burst; i++) {
        const size = Math.min(this.#mss, total - sent);
        const headFrom = Math.min(sent, head.length);
        const headTo = Math.min(sent + size, head.length);
        sent += size;
        const isLast = i === burst - 1;
        this.#segment(
          from,
          to,
          TCP_ACK | (sent === total || isLast ? TCP_PSH : 0),
          head,
          headFrom,
          headTo,
          size - (headTo - headFrom),
        );
        if (isLast && this.#loss > 0 && chance(this.#random, this.#loss)) {
          yield Math.max(200 * MS, 1.5 * this.#reachMean(to));
          from.next = (from.next - size) >>> 0;
          this.#segment(from, to, TCP_ACK | TCP_PSH, head, headFrom, headTo, size - (headTo - headFrom));
        } else to.pending++;
        yield segmentUs * (0.9 + 0.3 * this.#random.float());
        if (isNear && to.pending >= 2) {
          yield 20 + exponential(this.#random, 30);
          this.#acknowledge(to, from);
        }
      }
      if (sent < total) {
        if (isNear) {
          if (to.pending > 0) this.#acknowledge(to, from);
          yield this.#reach(from);
        } else {
          yield this.#reach(to);
          yield* this.#acknowledgements(to, from, burst);
        }
        from.flight = Math.min(from.flightLimit, from.flight * 2);
      }
    }
    if (!isNear && to.pending >= 2) {
      yield this.#reach(to);
      this.#acknowledge(to, from);
    }
  }

  /** Silence of the application; what is not acknowledged by then is after the delayed-ACK timer. */
  *pause(us: number): Step {
    const waits = this.client.pending > 0 ? this.client : this.server.pending > 0 ? this.server : undefined;
    const delay = DELAYED_ACK_US + (waits === this.server ? this.#reachMean(this.server) : 0);
    if (waits === undefined || us <= delay) {
      yield us;
      return;
    }
    yield delay;
    this.#acknowledge(waits, waits === this.client ? this.server : this.client);
    yield us - delay;
  }

  /** Time until the other side's answer is here, its thought included. */
  *wait(forClient: boolean, thinkUs = 0): Step {
    yield* this.pause(this.#reach(forClient ? this.client : this.server) + thinkUs);
  }

  /** A keep-alive probe and its answer, RFC 9293 section 3.8.4. */
  *keepAlive(fromClient: boolean): Step {
    const from = fromClient ? this.client : this.server;
    const to = fromClient ? this.server : this.client;
    from.next = (from.next - 1) >>> 0;
    this.#control(from, to, TCP_ACK);
    from.next = (from.next + 1) >>> 0;
    yield this.#reach(to);
    this.#control(to, from, TCP_ACK);
  }

  *close(byClient = true): Step {
    const from = byClient ? this.client : this.server;
    const to = byClient ? this.server : this.client;
    this.#control(from, to, TCP_FIN | TCP_ACK);
    yield this.#reach(to);
    if (chance(this.#random, 0.3)) {
      this.#control(to, from, TCP_ACK);
      yield 100 + exponential(this.#random, 3000);
    }
    this.#control(to, from, TCP_FIN | TCP_ACK);
    yield this.#reach(from);
    this.#control(from, to, TCP_ACK);
    this.isOpen = false;
  }

  /** An end without ceremony. */
  reset(byClient = true): void {
    const from = byClient ? this.client : this.server;
    const to = byClient ? this.server : this.client;
    this.#control(from, to, TCP_RST | TCP_ACK);
    this.isOpen = false;
  }

  /** A lone segment with these flags, for scanners that speak no whole TCP. */
  bare(fromClient: boolean, flags: number): void {
    if (fromClient) this.#control(this.client, this.server, flags);
    else this.#control(this.server, this.client, flags);
  }

  #reachMean(end: End): number {
    return end.host.roundTripUs;
  }

  #reach(end: End): number {
    return this.#world.answerUs(end.host, this.#random);
  }

  *#acknowledgements(from: End, to: End, segments: number): Step {
    // Each covers two segments more; the last one covers all.
    const target = from.expected;
    for (let i = Math.floor((segments - 1) / 2); i > 0; i--) {
      from.expected = (target - Math.min(2 * i, segments - 1) * this.#mss) >>> 0;
      this.#control(from, to, TCP_ACK);
      yield 15 + exponential(this.#random, 25);
    }
    from.expected = target;
    this.#acknowledge(from, to);
  }

  #acknowledge(from: End, to: End): void {
    this.#control(from, to, TCP_ACK);
  }

  #segment(
    from: End,
    to: End,
    flags: number,
    head: Uint8Array,
    headFrom: number,
    headTo: number,
    filler: number,
  ): void {
    this.#put(from, to, flags, from.window, this.#stamp(from, to), head, headFrom, headTo, filler);
    from.next = (from.next + (headTo - headFrom) + filler) >>> 0;
    to.expected = from.next;
  }

  #control(from: End, to: End, flags: number, isSyn = false, window = isSyn ? from.synWindow : from.window): void {
    const options = isSyn
      ? this.#synOptions(from, to, (flags & TCP_ACK) !== 0)
      : (flags & TCP_RST) !== 0
        ? NO_BYTES
        : this.#stamp(from, to);
    this.#put(from, to, flags, window, options, NO_BYTES, 0, 0, 0);
    if ((flags & (TCP_SYN | TCP_FIN)) !== 0) from.next = (from.next + 1) >>> 0;
    to.expected = from.next;
  }

  #put(
    from: End,
    to: End,
    flags: number,
    window: number,
    options: Uint8Array,
    head: Uint8Array,
    headFrom: number,
    headTo: number,
    filler: number,
  ): void {
    const { wire, engine } = this.#world;
    from.identification = (from.identification + 1) & 0xffff;
    from.pending = 0;
    wire.ip(from.mac, from.peerMac, this.#isV6, from.address, to.address, PROTO.tcp, from.ttl, from.identification);
    const acknowledgement = (flags & TCP_ACK) !== 0 ? from.expected : 0;
    wire.tcp(
      engine.now,
      engine.origin,
      from.port,
      to.port,
      from.next,
      acknowledgement,
      flags,
      window,
      options,
      head,
      headFrom,
      headTo,
      filler,
    );
  }

  #clock(end: End): number {
    return (end.timestampBase + Math.floor(this.#world.engine.now / 1000)) >>> 0;
  }

  #stamp(from: End, to: End): Uint8Array {
    if (!this.#timestamps) return NO_BYTES;
    const view = this.#view;
    const value = this.#clock(from);
    view.setUint32(0, 0x0101080a);
    view.setUint32(4, value);
    view.setUint32(8, from.echo);
    to.echo = value;
    return this.#options;
  }

  /** Options of a SYN in the order in which the system writes them; fingerprinting tools go by it. */
  #synOptions(from: End, to: End, isAnswer: boolean): Uint8Array {
    const { os } = from.host;
    const mss = this.#isV6 ? 1440 : 1460;
    const size = [2, 4, mss >> 8, mss & 255];
    if (os === 'embedded' || (isAnswer && !this.#scaled)) return Uint8Array.from(size);
    if (os === 'windows' || (isAnswer && !this.#timestamps))
      return Uint8Array.from([...size, 1, 3, 3, shiftOf(from.host), 1, 1, 4, 2]);
    const value = this.#clock(from);
    to.echo = value;
    const stamp = [8, 10, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
    const echo = isAnswer ? from.echo : 0;
    stamp.push(echo >>> 24, (echo >>> 16) & 255, (echo >>> 8) & 255, echo & 255);
    if (os === 'macos' || os === 'ios') return Uint8Array.from([...size, 1, 3, 3, 6, 1, 1, ...stamp, 4, 2, 0, 0]);
    return Uint8Array.from([...size, 4, 2, ...stamp, 1, 3, 3, 7]);
  }
}

function hasTimestamps(host: Host): boolean {
  return host.os !== 'windows' && host.os !== 'embedded';
}

function shiftOf(host: Host): number {
  return host.os === 'windows' ? 8 : host.os === 'macos' || host.os === 'ios' ? 6 : 7;
}

/** Segments in flight at most: what the receiver's window holds. */
function flightLimit(scaled: boolean, receiver: Host): number {
  return scaled ? MAX_FLIGHT : receiver.os === 'embedded' ? 5 : 40;
}

/** The window after the handshake, in units of its scale. */
function windowOf(host: Host): number {
  switch (host.os) {
    case 'windows':
      return 1026;
    case 'macos':
    case 'ios':
      return 2058;
    default:
      return 502;
  }
}
