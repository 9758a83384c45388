/**
 * The fuzz of the packet path. Input number n of a seed is always the same, whatever ran before it: the first inputs are every truncation of every frame of the
 * corpus, the others are drawn by kind. Every input goes through `decodeFrame`, the flow table with all its peeks, and every payload decoder, twice: with zeros
 * around it and with ones. What holds of any input is said in `Failure`.
 */
import { numberAt, Random, type Table, textAt } from '../../src/core/index.ts';
import { FlowTable } from '../../src/flow/index.ts';
import * as wire from '../../src/wire/index.ts';
import { runCapture } from '../support/capture.ts';
import { toHex } from '../support/frames.ts';
import type { Conversation, CorpusFrame } from './corpus.ts';
import { PAYLOAD_DECODERS } from './decoders.ts';
import { mutate, splice } from './mutate.ts';

/** What did not hold: an exception; a result that depends on bytes outside of the input; a packet that is not counted; a text that is too long or has control characters; a number that is none; or too much time. */
export interface Failure {
  readonly number: number;
  readonly kind: string;
  readonly message: string;
  /** Link type and hex of every frame, or the capture file. */
  readonly frames: readonly { readonly linkType: number; readonly hex: string }[];
}

export interface FuzzReport {
  readonly inputs: number;
  readonly frames: number;
  readonly kinds: ReadonlyMap<string, number>;
  /** Payload decoders and how many payloads each of them took for its own. */
  readonly accepted: ReadonlyMap<string, number>;
  readonly services: ReadonlySet<string>;
  readonly oddities: ReadonlySet<string>;
  readonly slowest: { readonly number: number; readonly ms: number };
  readonly longestText: number;
  readonly failures: readonly Failure[];
}

export interface FuzzOptions {
  readonly seed: number;
  readonly inputs: number;
  /** First input; with `inputs` and `total` one runs a part of a larger fuzz. */
  readonly from?: number;
  /** Inputs of the whole fuzz that numbers are out of. */
  readonly total?: number;
  readonly mostFailures?: number;
  readonly onProgress?: (done: number) => void;
}

const GUARD = 128;
const FILLS = [0x00, 0xff] as const;
const MOST_MS = 100;
const RETRIED_MS = 10;
const MOST_TEXT = 8192;
const MOST_NODES = 100_000;
/** Inputs that share a flow table; each of them ends with a table that is empty. */
const GROUP = 512;
const GROUP_STEP_NS = 1000e9;
const MOST_TIME_NS = 900e9;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

interface Input {
  readonly kind: string;
  readonly frames: readonly CorpusFrame[];
  /** Numbers of the frames whose payloads the decoders are asked about. */
  readonly looked: readonly number[];
  /** A whole file instead of frames. */
  readonly capture: Uint8Array | undefined;
}

interface Frame extends CorpusFrame {
  readonly conversation: number;
  readonly index: number;
}

/** What a frame is decoded with, empty before each. */
interface Fresh {
  oddities: wire.OddityCounter;
  fragments: wire.Fragments;
}

class Broken extends Error {}

export class Fuzz {
  #corpus: readonly Conversation[];
  #frames: readonly Frame[];
  /** Truncations of the frames before each frame. */
  #before: readonly number[];
  #truncations: number;
  #seed = 0;
  #stride = 1;
  #listed = 0;
  #tables: [Side, Side] = [new Side(FILLS[0]), new Side(FILLS[1])];
  #inGroup = 0;
  #held = FILLS.map((fill) => new Uint8Array(2 * GUARD + 4096).fill(fill));
  #fresh: Fresh[] = FILLS.map(() => ({ oddities: new wire.OddityCounter(), fragments: new wire.Fragments() }));
  #dirty = 0;
  #longest = 0;
  #accepted = new Map<string, number>();
  #services = new Set<string>();
  #oddities = new Set<string>();

  constructor(corpus: readonly Conversation[]) {
    this.#corpus = corpus;
    this.#frames = corpus.flatMap(({ frames }, conversation) =>
      frames.map((frame, index) => ({ ...frame, conversation, index })),
    );
    let sum = 0;
    this.#before = this.#frames.map(({ bytes }) => {
      const before = sum;
      sum += bytes.length + 1;
      return before;
    });
    this.#truncations = sum;
  }

  /** Truncations that a fuzz of so many inputs begins with: all of them when they are no more than a third, else every n-th. */
  listed(total: number): number {
    this.#stride = Math.max(1, Math.ceil(this.#truncations / Math.max(1, Math.floor(total / 3))));
    return Math.ceil(this.#truncations / this.#stride);
  }

  run(options: FuzzOptions): FuzzReport {
    const { seed, inputs, from = 0, total = from + inputs, mostFailures = 20, onProgress } = options;
    this.#seed = seed;
    this.#listed = this.listed(total);
    const kinds = new Map<string, number>();
    const failures: Failure[] = [];
    let slowest = { number: 0, ms: 0 };
    let frames = 0;
    for (let number = from; number < from + inputs && failures.length < mostFailures; number++) {
      const input = this.#input(number);
      kinds.set(input.kind, (kinds.get(input.kind) ?? 0) + 1);
      frames += input.frames.length;
      const begun = performance.now();
      let message = this.#try(input);
      let ms = performance.now() - begun;
      // Somebody else may have had the processor: only what is slow three times is.
      for (let i = 0; i < 2 && ms > RETRIED_MS && message === undefined; i++) {
        const again = performance.now();
        message = this.#try(input);
        ms = Math.min(ms, performance.now() - again);
      }
      if (ms > slowest.ms) slowest = { number, ms };
      if (message === undefined && ms > MOST_MS) message = `takes ${Math.round(ms)} ms`;
      if (message !== undefined) failures.push(this.#failure(number, input, message));
      if (onProgress !== undefined && (number - from + 1) % 10_000 === 0) onProgress(number - from + 1);
    }
    return {
      inputs,
      frames,
      kinds,
      accepted: this.#accepted,
      services: this.#services,
      oddities: this.#oddities,
      slowest,
      longestText: this.#longest,
      failures,
    };
  }

  /** Frames that are given from outside, as those of a failure that is now a fixture. */
  check(frames: readonly CorpusFrame[]): string | undefined {
    return this.#try({ kind: 'given', frames, looked: frames.map((_, i) => i), capture: undefined });
  }

  #failure(number: number, { kind, frames, capture }: Input, message: string): Failure {
    const shown =
      capture === undefined
        ? frames.map(({ linkType, bytes }) => ({ linkType, hex: toHex(bytes) }))
        : [{ linkType: -1, hex: toHex(capture) }];
    return { number, kind, message, frames: shown };
  }

  #try(input: Input): string | undefined {
    try {
      if (input.capture !== undefined) this.#file(input.capture);
      else {
        for (const i of input.looked) {
          const frame = input.frames[i];
          if (frame !== undefined) this.#payload(frame);
        }
        this.#flows(input.frames);
      }
      return undefined;
    } catch (error) {
      this.#tables = [new Side(FILLS[0]), new Side(FILLS[1])];
      this.#fresh = FILLS.map(() => ({ oddities: new wire.OddityCounter(), fragments: new wire.Fragments() }));
      this.#inGroup = 0;
      if (error instanceof Broken) return error.message;
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }

  #input(number: number): Input {
    if (number < this.#listed) return this.#truncation(number * this.#stride);
    const random = new Random(Math.imul(this.#seed, 0x9e3779b1) ^ (number + 1));
    const kind = random.below(1000);
    if (kind < 480) return this.#oneFrame(random);
    if (kind < 940) return this.#exchange(random);
    if (kind < 985) return this.#noise(random);
    return this.#captureFile(random);
  }

  #truncation(n: number): Input {
    let low = 0;
    let high = this.#before.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#before[middle] ?? 0) <= n) low = middle;
      else high = middle - 1;
    }
    const frame = this.#frames[low] as Frame;
    const length = n - (this.#before[low] ?? 0);
    return {
      kind: 'truncation',
      frames: [{ ...frame, bytes: frame.bytes.subarray(0, length), timeNs: 0 }],
      looked: [0],
      capture: undefined,
    };
  }

  #any(random: Random): Frame {
    return this.#frames[random.below(this.#frames.length)] as Frame;
  }

  #oneFrame(random: Random): Input {
    const frame = this.#any(random);
    let bytes =
      random.below(2) === 0 ? this.#withPayload(frame, random) : mutate(frame.bytes, this.#any(random).bytes, random);
    if (random.below(4) === 0) bytes = mutate(bytes, this.#any(random).bytes, random);
    const linkType = random.below(50) === 0 ? this.#any(random).linkType : frame.linkType;
    return {
      kind: 'one frame',
      frames: [{ linkType, bytes, wireLength: wireLength(frame, bytes, random), timeNs: 0 }],
      looked: [0],
      capture: undefined,
    };
  }

  /** The conversation's own headers around a broken payload, with lengths that are right where the headers are plain IPv4 or IPv6. */
  #withPayload(frame: CorpusFrame, random: Random): Uint8Array {
    const packet = new wire.Packet();
    const { bytes, linkType } = frame;
    const belongs = wire.decodeFrame(
      bytes,
      new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      0,
      bytes.length,
      frame.wireLength,
      linkType,
      packet,
      new wire.Fragments(),
      new wire.OddityCounter(),
    );
    if (!belongs || packet.bytes !== bytes || packet.payloadCaptured === 0)
      return mutate(bytes, this.#any(random).bytes, random);
    const other = this.#any(random).bytes;
    const payload = mutate(
      bytes.subarray(packet.payload, packet.payload + packet.payloadCaptured),
      other.subarray(Math.min(54, other.length)),
      random,
    );
    const isTcp = packet.protocol === wire.PROTO.tcp;
    if (
      linkType !== 1 ||
      packet.depth > 0 ||
      packet.isFirstFragment + packet.isLaterFragment > 0 ||
      (!isTcp && packet.protocol !== wire.PROTO.udp)
    ) {
      const out = bytes.slice();
      out.set(payload.subarray(0, packet.payloadCaptured), packet.payload);
      return out;
    }
    const segment = isTcp
      ? wire.encodeTcp({
          srcPort: packet.srcPort,
          dstPort: packet.dstPort,
          flags: packet.tcpFlags,
          sequence: packet.tcpSequence >>> 0,
          payload,
        })
      : wire.encodeUdp(packet.srcPort, packet.dstPort, payload.subarray(0, 65_000));
    const ip =
      packet.isV6 !== 0
        ? wire.encodeIpv6({
            source: [packet.src0, packet.src1, packet.src2, packet.src3],
            destination: [packet.dst0, packet.dst1, packet.dst2, packet.dst3],
            nextHeader: packet.protocol,
            payload: segment,
          })
        : wire.encodeIpv4({
            source: packet.src0,
            destination: packet.dst0,
            protocol: packet.protocol,
            payload: segment,
          });
    const mac = (at: number): Uint8Array => (at < 0 ? new Uint8Array(6) : bytes.subarray(at, at + 6));
    return wire.encodeEthernet({
      destination: mac(packet.destinationMac),
      source: mac(packet.sourceMac),
      etherType: packet.isV6 !== 0 ? 0x86dd : 0x0800,
      payload: ip,
    });
  }

  /** A conversation of which some frames are broken, missing, there twice, in another order, or of another conversation. */
  #exchange(random: Random): Input {
    const conversation = this.#corpus[random.below(this.#corpus.length)] as Conversation;
    let frames = conversation.frames.slice();
    const looked = new Set<CorpusFrame>();
    for (let i = random.below(4); i > 0; i--) {
      const at = random.below(frames.length);
      const frame = frames[at] as CorpusFrame;
      const bytes =
        random.below(3) > 0 ? this.#withPayload(frame, random) : mutate(frame.bytes, this.#any(random).bytes, random);
      const broken = { ...frame, bytes, wireLength: wireLength(frame, bytes, random) };
      frames[at] = broken;
      looked.add(broken);
    }
    const frame = frames[random.below(frames.length)] as CorpusFrame;
    const to = random.below(frames.length + 1);
    switch (random.below(6)) {
      case 0:
        frames.splice(to, 0, ...new Array<CorpusFrame>(1 + random.below(3)).fill(frame));
        break;
      case 1:
        frames.splice(to, 1);
        break;
      case 2:
        frames = frames
          .map((item) => ({ item, place: random.below(1000) }))
          .sort((a, b) => a.place - b.place)
          .map(({ item }) => item);
        break;
      case 3: {
        const other = this.#corpus[random.below(this.#corpus.length)] as Conversation;
        frames = [...frames.slice(0, to), ...other.frames.slice(random.below(other.frames.length))];
        break;
      }
      default:
        break;
    }
    const final = frames;
    return {
      kind: 'conversation',
      frames: final,
      looked: [...looked].map((item) => final.indexOf(item)).filter((i) => i >= 0),
      capture: undefined,
    };
  }

  /** Random bytes, often behind the beginning of something, on the ports of a conversation. */
  #noise(random: Random): Input {
    const frame = this.#any(random);
    const start = this.#any(random).bytes;
    const noise = Uint8Array.from({ length: random.below(300) }, () => random.below(256));
    const kept = random.below(3) === 0 ? 0 : Math.min(start.length, random.below(90));
    const bytes = new Uint8Array(kept + noise.length);
    bytes.set(start.subarray(0, kept));
    bytes.set(noise, kept);
    return {
      kind: 'noise',
      frames: [{ bytes, linkType: frame.linkType, wireLength: bytes.length, timeNs: 0 }],
      looked: [0],
      capture: undefined,
    };
  }

  /** Records or blocks of one or two conversations in a file of either format, broken like anything else. */
  #captureFile(random: Random): Input {
    const made = [this.#file2(random), this.#file2(random)] as const;
    const whole = random.below(3) === 0 ? splice(made[0], made[1], random) : made[0];
    return { kind: 'capture file', frames: [], looked: [], capture: mutate(whole, made[1], random) };
  }

  #file2(random: Random): Uint8Array {
    const { frames } = this.#corpus[random.below(this.#corpus.length)] as Conversation;
    const linkType = frames[0]?.linkType ?? 1;
    const parts =
      random.below(2) === 0
        ? [
            wire.encodePcapHeader({ linkType, nanoseconds: random.below(2) === 0 }),
            ...frames.map(({ bytes, wireLength: wireBytes }, i) =>
              wire.encodePcapRecord(1_600_000_000 + i, 0, bytes, wireBytes),
            ),
          ]
        : [
            wire.encodeSection({ application: 'x' }),
            wire.encodeInterface({ linkType }),
            ...frames.map(({ bytes, wireLength: wireBytes }, i) =>
              random.below(5) === 0
                ? wire.encodeSimplePacket(bytes, wireBytes)
                : wire.encodeEnhancedPacket(0, BigInt(i), bytes, wireBytes),
            ),
          ];
    const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  #file(bytes: Uint8Array): void {
    let wireBytes = 0;
    const run = runCapture(bytes, {
      flow: { maxFlows: 64, batchRows: 64 },
      batchFrames: 64,
      onBatch: ({ batch }) => {
        for (let i = 0; i < batch.count; i++) wireBytes += batch.wireLength[i];
      },
    });
    const message = run.refused ?? run.status.message ?? '';
    if (message.length > 300 || CONTROL.test(message))
      throw new Broken(`a message that nobody should see: ${JSON.stringify(message)}`);
    const others = [...run.table.otherFrames.values()].reduce((a, b) => a + b, 0);
    if (run.table.packets + others !== run.status.packets)
      throw new Broken(
        `${run.status.packets} packets were read, ${run.table.packets} and ${others} others are counted`,
      );
    if (run.table.wireBytes !== wireBytes)
      throw new Broken(`${wireBytes} bytes on the wire, ${run.table.wireBytes} are counted`);
    const packets = run.flows.reduce((n, flow) => n + (flow.initiatorPackets ?? 0) + (flow.responderPackets ?? 0), 0);
    if (packets !== run.table.packets) throw new Broken(`flows have ${packets} of ${run.table.packets} packets`);
  }

  /** The frame in two surroundings, decoded; then what its packet carries, or the frame itself, in two surroundings through every decoder. */
  #payload(frame: CorpusFrame): void {
    const decoded = this.#surround(frame.bytes).map((held, i) => {
      const packet = new wire.Packet();
      const fresh = this.#fresh[i] as Fresh;
      const { oddities, fragments } = fresh;
      const view = new DataView(held.buffer);
      const belongs = wire.decodeFrame(
        held,
        view,
        GUARD,
        frame.bytes.length,
        frame.wireLength,
        frame.linkType,
        packet,
        fragments,
        oddities,
      );
      // The time is not the decoder's to say.
      const { bytes, view: _, timeNs: __, ...fields } = packet;
      const { payload, payloadCaptured, payloadLength } = fields;
      const isInside =
        payloadCaptured === 0 || (payload >= GUARD && payload + payloadCaptured <= GUARD + frame.bytes.length);
      if (bytes === held && (!isInside || payloadCaptured < 0 || payloadLength < 0))
        throw new Broken(
          `payload ${payload} ${payloadCaptured} ${payloadLength} of a frame at ${GUARD} of ${frame.bytes.length}`,
        );
      const content = bytes.slice(payload, payload + payloadCaptured);
      const found = oddities.list();
      // They cost more than all the rest to make.
      if (found.length > 0) fresh.oddities = new wire.OddityCounter();
      if (
        packet.isFirstFragment + packet.isLaterFragment + packet.depth > 0 ||
        found.some(({ name }) => name.includes('fragment'))
      )
        fresh.fragments = new wire.Fragments();
      return { belongs, fields, oddities: found, content };
    });
    const [a, b] = decoded as [(typeof decoded)[0], (typeof decoded)[0]];
    this.#same(a, b, 'packet');
    for (const { name } of a.oddities) this.#oddities.add(name);
    this.#decoders(a.belongs && a.content.length > 0 ? a.content : frame.bytes);
  }

  #decoders(content: Uint8Array): void {
    const [first, second] = this.#surround(content) as [Uint8Array, Uint8Array];
    const end = GUARD + content.length;
    for (const name in PAYLOAD_DECODERS) {
      const decode = PAYLOAD_DECODERS[name];
      if (decode === undefined) continue;
      let a: unknown;
      let b: unknown;
      try {
        a = decode(first, GUARD, end);
        b = decode(second, GUARD, end);
      } catch (error) {
        throw new Broken(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
      }
      if (a === undefined || a === false) {
        if (a !== b) throw new Broken(`${name}: ${a} with zeros around it, something else with ones`);
        continue;
      }
      this.#accepted.set(name, (this.#accepted.get(name) ?? 0) + 1);
      this.#same(a, b, name);
    }
  }

  #surround(content: Uint8Array): Uint8Array[] {
    const size = content.length + 2 * GUARD;
    if (size > (this.#held[0]?.length ?? 0)) {
      this.#held = FILLS.map((fill) => new Uint8Array(2 * size).fill(fill));
      this.#dirty = 0;
    }
    this.#held.forEach((held, i) => {
      if (this.#dirty > content.length) held.fill(FILLS[i] ?? 0, GUARD + content.length, GUARD + this.#dirty);
      held.set(content, GUARD);
    });
    this.#dirty = content.length;
    return this.#held;
  }

  #same(a: unknown, b: unknown, name: string): void {
    const found = new Comparison(name).compare(a, b, '');
    this.#longest = Math.max(this.#longest, found);
  }

  #flows(frames: readonly CorpusFrame[]): void {
    if (this.#inGroup >= GROUP) {
      this.#tables = [new Side(FILLS[0]), new Side(FILLS[1])];
      this.#inGroup = 0;
    }
    const at = this.#inGroup++ * GROUP_STEP_NS;
    const [a, b] = this.#tables.map((side) => side.take(frames, at)) as [Table[], Table[]];
    if (a.length !== b.length) throw new Broken('another number of flows with ones around the frames');
    a.forEach((table, t) => {
      const other = b[t] as Table;
      if (table.rowCount !== other.rowCount) throw new Broken('another number of flows with ones around the frames');
      for (let row = 0; row < table.rowCount; row++) this.#sameRow(table, other, row);
      const service = textAt(table.strings('service'), 0);
      if (service !== undefined) this.#services.add(service);
    });
    this.#tables.forEach((side, i) => {
      side.recycle(i === 0 ? a : b);
    });
  }

  #sameRow(a: Table, b: Table, row: number): void {
    const { columns } = a.schema;
    for (let c = 0; c < columns.length; c++) {
      const [x, y] = [a.columns[c], b.columns[c]];
      if (x === undefined || y === undefined) continue;
      const left = x.kind === 'string' ? textAt(x, row) : numberAt(x, row);
      const right = y.kind === 'string' ? textAt(y, row) : numberAt(y, row);
      if (!Object.is(left, right))
        throw new Broken(
          `column ${columns[c]?.name}: ${JSON.stringify(left)} with zeros around the frames, ${JSON.stringify(right)} with ones`,
        );
      if (typeof left === 'string') checkText(left, `column ${columns[c]?.name}`);
      else if (typeof left === 'number' && !Number.isFinite(left))
        throw new Broken(`column ${columns[c]?.name} is ${left}`);
    }
  }
}

/** A flow table, and a batch in which frames have guards between them. */
class Side {
  #fill: number;
  #oddities = new wire.OddityCounter();
  #table: FlowTable;
  #bytes: Uint8Array;
  #others = 0;

  constructor(fill: number) {
    this.#fill = fill;
    const base = new wire.TimeBase();
    base.seconds = 1_600_000_000;
    this.#table = new FlowTable(base, this.#oddities, { maxFlows: 256, batchRows: 64 });
    this.#bytes = new Uint8Array(64 * 1024);
  }

  /** All flows of the frames. */
  take(frames: readonly CorpusFrame[], startNs: number): Table[] {
    const size = frames.reduce((n, { bytes }) => n + bytes.length + GUARD, GUARD);
    if (size > this.#bytes.length) this.#bytes = new Uint8Array(2 * size);
    this.#bytes.fill(this.#fill, 0, size);
    const batch = new wire.FrameBatch(frames.length, this.#bytes);
    let at = GUARD;
    let wireBytes = 0;
    frames.forEach(({ bytes, linkType, wireLength: length, timeNs }, i) => {
      this.#bytes.set(bytes, at);
      batch.offset[i] = at;
      batch.captureLength[i] = bytes.length;
      batch.wireLength[i] = length;
      batch.linkType[i] = linkType;
      batch.timeNs[i] = startNs + Math.min(MOST_TIME_NS, Math.max(0, timeNs));
      at += bytes.length + GUARD;
      wireBytes += length;
    });
    batch.count = frames.length;
    const table = this.#table;
    const before = { packets: table.packets, wireBytes: table.wireBytes };
    table.process(batch);
    table.finish();
    let others = 0;
    for (const n of table.otherFrames.values()) others += n;
    const counted = table.packets - before.packets + others - this.#others;
    this.#others = others;
    if (counted !== frames.length) throw new Broken(`${counted} of ${frames.length} frames are counted`);
    if (table.wireBytes - before.wireBytes !== wireBytes)
      throw new Broken(`${table.wireBytes - before.wireBytes} of ${wireBytes} bytes are counted`);
    const tables = table.takeTables();
    let packets = 0;
    for (const rows of tables)
      for (let row = 0; row < rows.rowCount; row++)
        packets += (rows.number('initiatorPackets', row) ?? 0) + (rows.number('responderPackets', row) ?? 0);
    if (packets !== table.packets - before.packets)
      throw new Broken(`flows have ${packets} of ${table.packets - before.packets} packets`);
    return tables;
  }

  recycle(tables: readonly Table[]): void {
    for (const table of tables) this.#table.recycle(table);
  }
}

/** Two results that must be the same, walked together once. */
class Comparison {
  #name: string;
  #nodes = 0;
  #longest = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** @returns characters of the longest text. */
  compare(a: unknown, b: unknown, path: string): number {
    if (++this.#nodes > MOST_NODES) throw new Broken(`${this.#name}: a result of more than ${MOST_NODES} values`);
    if (typeof a === 'string' || typeof a === 'number' || a === null || typeof a !== 'object') {
      if (!Object.is(a, b))
        throw new Broken(
          `${this.#name}${path}: ${JSON.stringify(a)} with zeros around it, ${JSON.stringify(b)} with ones`,
        );
      if (typeof a === 'string') {
        // Bytes, as fingerprints need them; see ClientHello.
        if (!/\.alpn(\.\d+)?$/.test(path)) checkText(a, `${this.#name}${path}`);
        this.#longest = Math.max(this.#longest, a.length);
      } else if (typeof a === 'number' && !Number.isFinite(a)) throw new Broken(`${this.#name}${path} is ${a}`);
      return this.#longest;
    }
    if (typeof b !== 'object' || b === null)
      throw new Broken(`${this.#name}${path}: something with zeros around it, ${String(b)} with ones`);
    if (a instanceof Uint8Array && b instanceof Uint8Array) {
      if (a.length !== b.length || a.some((byte, i) => byte !== b[i]))
        throw new Broken(`${this.#name}${path}: other bytes with ones around it`);
    } else if (a instanceof Map && b instanceof Map) this.compare([...a], [...b], `${path}()`);
    else if (a instanceof Set && b instanceof Set) this.compare([...a], [...b], `${path}()`);
    else {
      const keys = Object.keys(a);
      if (keys.length !== Object.keys(b).length)
        throw new Broken(`${this.#name}${path}: other members with ones around it`);
      for (const key of keys)
        this.compare((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`);
    }
    return this.#longest;
  }
}

function checkText(text: string, name: string): void {
  if (text.length > MOST_TEXT) throw new Broken(`${name}: a text of ${text.length} characters`);
  if (CONTROL.test(text)) throw new Broken(`${name}: control characters in ${JSON.stringify(text.slice(0, 200))}`);
}

/** What the frame's record says it had on the wire: most often what it has now, else what it had, else a lie. */
function wireLength(frame: CorpusFrame, bytes: Uint8Array, random: Random): number {
  const kind = random.below(8);
  return Math.max(bytes.length, kind === 0 ? frame.wireLength : kind === 1 ? random.below(100_000) : bytes.length);
}
