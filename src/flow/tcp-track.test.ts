import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../wire/index.ts';
import { SEGMENT, TCP_COUNT, TCP_HINT_READ, TCP_HINT_SACK, TcpTracker, tcpOptionHints } from './tcp-track.ts';

/** 'gap data' for SEGMENT.gap | SEGMENT.data, '' for nothing. */
const words = (is: number): string =>
  Object.entries(SEGMENT)
    .filter(([, bit]) => (is & bit) !== 0)
    .map(([name]) => name)
    .join(' ');

interface Fields {
  seq?: number;
  ack?: number;
  flags?: number;
  window?: number;
  length?: number;
  hints?: number;
}

/** One connection in record 1 of a tracker with three; `say` is a segment `afterMs` the last one. */
class Talk {
  tracker = new TcpTracker(3);
  timeNs = 5e9;
  /** Added to the sequence numbers of sides 0 and 1. */
  base: [number, number];
  constructor(base: [number, number] = [0, 0]) {
    this.base = base;
    this.tracker.open(1);
  }
  say(d: number, fields: Fields, afterMs = 10): string {
    const { seq = 0, ack, flags = ack === undefined ? 0 : TCP_ACK, window = 1000, length = 0, hints = 0 } = fields;
    this.timeNs += afterMs * 1e6;
    const own = this.base[d]!;
    const other = this.base[1 - d]!;
    return words(
      this.tracker.segment(
        1,
        d,
        this.timeNs,
        (seq + own) | 0,
        ack === undefined ? 0 : (ack + other) | 0,
        flags,
        window,
        length,
        hints,
      ),
    );
  }
  /** SYN at 100, SYN-ACK at 500, ACK; the next bytes are 101 and 501. */
  shake(hints: [number, number] = [TCP_HINT_READ, TCP_HINT_READ]): this {
    this.say(0, { seq: 100, flags: TCP_SYN, hints: hints[0] });
    this.say(1, { seq: 500, ack: 101, flags: TCP_SYN | TCP_ACK, hints: hints[1] }, 20);
    this.say(0, { seq: 101, ack: 501 }, 5);
    return this;
  }
  /** Counts of a side that are not zero. */
  counts(d: number): Record<string, number> {
    const all = Object.entries(TCP_COUNT).map(([name, i]) => [name, this.tracker.count(1, d, i)] as const);
    return Object.fromEntries(all.filter(([, n]) => n !== 0));
  }
}

describe('a connection without trouble', () => {
  it('shows data and nothing else, and the round trip of its handshake from both sides', () => {
    const talk = new Talk();
    expect(talk.say(0, { seq: 100, flags: TCP_SYN })).toBe('');
    expect(talk.tracker.handshakeNs(1, 0)).toBeNaN();
    expect(talk.say(1, { seq: 500, ack: 101, flags: TCP_SYN | TCP_ACK }, 20)).toBe('');
    expect(talk.say(0, { seq: 101, ack: 501 }, 5)).toBe('');
    expect(talk.tracker.handshakeNs(1, 0)).toBe(20e6);
    expect(talk.tracker.handshakeNs(1, 1)).toBe(5e6);
    expect(talk.tracker.roundTripNs(1)).toBe(25e6);
    expect(talk.say(0, { seq: 101, ack: 501, length: 300 })).toBe('data');
    expect(talk.say(1, { seq: 501, ack: 401, length: 1400 })).toBe('data');
    expect(talk.say(1, { seq: 1901, ack: 401, length: 100, flags: TCP_ACK | TCP_FIN })).toBe('data');
    expect(talk.say(0, { seq: 401, ack: 2002, flags: TCP_ACK | TCP_FIN })).toBe('');
    expect(talk.say(1, { seq: 2002, ack: 402 })).toBe('');
    expect(talk.counts(0)).toEqual({});
    expect(talk.counts(1)).toEqual({});
  });

  it('segments larger than any MTU, joined by the network card, are one segment each', () => {
    const talk = new Talk().shake();
    expect(talk.say(0, { seq: 101, ack: 501, length: 64_000 })).toBe('data');
    expect(talk.say(0, { seq: 64_101, ack: 501, length: 150_000 })).toBe('data');
    expect(talk.say(0, { seq: 64_101, ack: 501, length: 1460 }, 300)).toBe('data retransmission');
    expect(talk.counts(0)).toEqual({ retransmissions: 1, retransmittedBytes: 1460 });
  });

  it('that is met in the middle begins with its first segment, and has no round trip', () => {
    const talk = new Talk();
    expect(talk.say(1, { seq: 70_000, ack: 9000, length: 1000 })).toBe('data');
    expect(talk.say(0, { seq: 9000, ack: 71_000 })).toBe('');
    expect(talk.say(1, { seq: 71_000, ack: 9000, length: 1000 })).toBe('data');
    expect(talk.tracker.roundTripNs(1)).toBeNaN();
    expect(talk.counts(0)).toEqual({});
  });

  it('does not touch other records, and `open` forgets all', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 5000, ack: 501, length: 10 });
    expect(talk.counts(0)).toEqual({ gaps: 1, missingBytes: 4899 });
    for (const ref of [0, 2])
      for (const which of Object.values(TCP_COUNT)) expect(talk.tracker.count(ref, 0, which)).toBe(0);
    talk.tracker.open(1);
    expect(talk.counts(0)).toEqual({});
    expect(talk.tracker.handshakeNs(1, 0)).toBeNaN();
    expect(talk.say(0, { seq: 12, ack: 34, length: 5 })).toBe('data');
  });

  it('leaves its room to the next when its record is free, with nothing of it left', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 5000, ack: 501, length: 10 });
    talk.tracker.release(1);
    talk.tracker.release(1);
    expect(talk.counts(0)).toEqual({});
    expect(talk.tracker.roundTripNs(1)).toBeNaN();
    talk.tracker.open(2);
    talk.tracker.open(1);
    expect(talk.say(0, { seq: 12, ack: 34, length: 5 })).toBe('data');
    expect(talk.say(0, { seq: 12, ack: 34, length: 5 })).toBe('data retransmission');
    expect(talk.counts(0)).toEqual({ retransmissions: 1, retransmittedBytes: 5 });
    for (const which of Object.values(TCP_COUNT)) expect(talk.tracker.count(2, 0, which)).toBe(0);
  });

  it('has counts and holes of its own among as many as there may be', () => {
    const n = 1000;
    const tracker = new TcpTracker(n);
    const order = Array.from({ length: n }, (_, ref) => (ref * 7) % n);
    for (const round of [0, 1]) {
      for (const ref of order) {
        tracker.open(ref);
        tracker.segment(ref, 1, 0, 100, 0, 0, 1000, 10);
        tracker.segment(ref, 1, 1e9, 111 + ref + round, 0, 0, 1000, 10);
      }
      for (const ref of order) {
        expect(tracker.count(ref, 0, TCP_COUNT.missingBytes)).toBe(0);
        expect(tracker.count(ref, 1, TCP_COUNT.missingBytes)).toBe(ref + round + 1);
        expect(words(tracker.segment(ref, 1, 2e9, 110, 0, 0, 1000, ref + round + 1))).toBe('data retransmission');
        expect(tracker.count(ref, 1, TCP_COUNT.missingBytes)).toBe(0);
        if (round === 0 && ref % 2 === 0) tracker.release(ref);
      }
    }
  });

  it('that goes on in a new row keeps its state and counts from zero', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    talk.say(0, { seq: 301, ack: 501, length: 100 });
    talk.tracker.resetCounts(1);
    expect(talk.counts(0)).toEqual({});
    expect(talk.say(0, { seq: 201, ack: 501, length: 100 }, 500)).toBe('data retransmission');
    expect(talk.say(0, { seq: 401, ack: 501, length: 100 })).toBe('data');
    expect(talk.counts(0)).toEqual({ retransmissions: 1 });
    expect(talk.tracker.roundTripNs(1)).toBe(25e6);
  });
});

describe('what is sent again', () => {
  it('is a retransmission; the part that goes further is new', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    expect(talk.say(0, { seq: 101, ack: 501, length: 100 }, 300)).toBe('data retransmission');
    expect(talk.say(0, { seq: 151, ack: 501, length: 100 }, 300)).toBe('data retransmission');
    expect(talk.say(0, { seq: 251, ack: 501, length: 10 })).toBe('data');
    expect(talk.counts(0)).toEqual({ retransmissions: 2, retransmittedBytes: 150 });
  });

  it('is spurious when it was acknowledged before', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    talk.say(1, { seq: 501, ack: 201 });
    expect(talk.say(0, { seq: 101, ack: 501, length: 100 })).toBe('data retransmission spurious');
    expect(talk.counts(0)).toMatchObject({ retransmissions: 1, spuriousRetransmissions: 1 });
  });

  it('is fast when it follows two duplicate ACKs within 20 ms', () => {
    for (const [afterMs, expected] of [
      [5, 'data retransmission fast'],
      [25, 'data retransmission'],
    ] as const) {
      const talk = new Talk().shake();
      for (let i = 0; i < 5; i++) talk.say(0, { seq: 101 + 100 * i, ack: 501, length: 100 });
      expect(talk.say(1, { seq: 501, ack: 201 })).toBe('');
      expect(talk.say(1, { seq: 501, ack: 201 })).toBe('duplicateAck');
      expect(talk.say(1, { seq: 501, ack: 201 })).toBe('duplicateAck');
      expect(talk.say(0, { seq: 201, ack: 501, length: 100 }, afterMs)).toBe(expected);
      expect(talk.say(1, { seq: 501, ack: 601 })).toBe('');
      expect(talk.counts(1)).toEqual({ duplicateAcks: 2 });
    }
  });

  it('counts for SYN, SYN-ACK and FIN too', () => {
    const talk = new Talk();
    talk.say(0, { seq: 100, flags: TCP_SYN });
    expect(talk.say(0, { seq: 100, flags: TCP_SYN }, 1000)).toBe('retransmission');
    talk.say(1, { seq: 500, ack: 101, flags: TCP_SYN | TCP_ACK }, 30);
    expect(talk.say(1, { seq: 500, ack: 101, flags: TCP_SYN | TCP_ACK }, 1000)).toBe('retransmission');
    talk.say(0, { seq: 101, ack: 501 }, 1);
    talk.say(0, { seq: 101, ack: 501, flags: TCP_FIN | TCP_ACK });
    expect(talk.say(0, { seq: 101, ack: 501, flags: TCP_FIN | TCP_ACK }, 400)).toBe('retransmission');
    expect(talk.counts(0)).toEqual({ retransmissions: 2, synRetransmissions: 1 });
    expect(talk.counts(1)).toEqual({ retransmissions: 1, synRetransmissions: 1 });
    // From the latest SYN and the latest SYN-ACK: the waiting is not the network's.
    expect(talk.tracker.handshakeNs(1, 0)).toBe(30e6);
    expect(talk.tracker.handshakeNs(1, 1)).toBe(1e6);
  });
});

describe('what is missing', () => {
  it('is a gap, and no longer when it comes later', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    expect(talk.say(0, { seq: 301, ack: 501, length: 100 })).toBe('data gap');
    expect(talk.counts(0)).toEqual({ gaps: 1, missingBytes: 100 });
    expect(talk.say(0, { seq: 201, ack: 501, length: 40 }, 1)).toBe('data outOfOrder');
    expect(talk.say(0, { seq: 241, ack: 501, length: 60 }, 900)).toBe('data retransmission');
    expect(talk.counts(0)).toEqual({ gaps: 1, outOfOrder: 1, retransmissions: 1 });
  });

  it('is out of order when it comes within the round trip, or 3 ms where that is not known', () => {
    for (const [shaken, afterMs, expected] of [
      [true, 24, 'data outOfOrder'],
      [true, 26, 'data retransmission'],
      [false, 2, 'data outOfOrder'],
      [false, 4, 'data retransmission'],
    ] as const) {
      const talk = new Talk();
      if (shaken) talk.shake();
      talk.say(0, { seq: 101, ack: 501, length: 100 });
      talk.say(0, { seq: 301, ack: 501, length: 100 });
      expect(talk.say(0, { seq: 201, ack: 501, length: 100 }, afterMs)).toBe(expected);
    }
  });

  it('is sent again, however soon, when it ends where the stream ends or goes beyond', () => {
    for (const length of [100, 150]) {
      const talk = new Talk().shake();
      talk.say(0, { seq: 101, ack: 501, length: 100 });
      // A bare ACK shows that its sender had sent more.
      expect(talk.say(0, { seq: 301, ack: 501 })).toBe('gap');
      expect(talk.say(0, { seq: 201, ack: 501, length }, 1)).toBe('data retransmission');
      expect(talk.counts(0)).toEqual({ gaps: 1, retransmissions: 1 });
    }
  });

  it('once filled is filled: the same bytes again are a retransmission, however soon', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    talk.say(0, { seq: 301, ack: 501, length: 100 });
    expect(talk.say(0, { seq: 201, ack: 501, length: 100 }, 1)).toBe('data outOfOrder');
    expect(talk.say(0, { seq: 201, ack: 501, length: 100 }, 1)).toBe('data retransmission');
    expect(talk.counts(0)).toMatchObject({ retransmittedBytes: 100 });
  });

  it('and acknowledged all the same was missed by the capture', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    talk.say(0, { seq: 301, ack: 501, length: 100 });
    expect(talk.say(1, { seq: 501, ack: 401 })).toBe('ackUnseen');
    expect(talk.say(1, { seq: 501, ack: 401 })).toBe('duplicateAck');
    expect(talk.say(1, { seq: 501, ack: 900 })).toBe('ackUnseen');
    expect(talk.counts(1)).toEqual({ unseenAcks: 2, duplicateAcks: 1 });
  });

  it('is known of three holes at a time; the bytes of a fourth stay missing', () => {
    const talk = new Talk().shake();
    for (let i = 0; i < 5; i++) talk.say(0, { seq: 101 + 200 * i, ack: 501, length: 100 });
    expect(talk.counts(0)).toMatchObject({ gaps: 4, missingBytes: 400 });
    for (let i = 0; i < 4; i++) talk.say(0, { seq: 201 + 200 * i, ack: 501, length: 100 }, 1);
    expect(talk.counts(0)).toMatchObject({ missingBytes: 100, outOfOrder: 3, retransmissions: 1 });
  });

  it('far beyond the largest window is a gap without a size', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    expect(talk.say(0, { seq: 201 + 2 ** 30 + 1, ack: 501, length: 100 })).toBe('data gap');
    expect(talk.counts(0)).toEqual({ gaps: 1 });
  });

  it('is forgotten when the numbers come round again', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    talk.say(0, { seq: 301, ack: 501, length: 100 });
    // On to 4 GiB further, in steps of 1 MiB, then the old hole's numbers again: they are what was just sent.
    let seq = 401;
    for (let i = 0; i < 4096; i++, seq += 2 ** 20) talk.say(0, { seq, ack: 501, length: 2 ** 20 }, 0);
    expect(talk.say(0, { seq: 201, ack: 501, length: 100 }, 0)).toBe('data retransmission');
    expect(talk.counts(0)).toMatchObject({ missingBytes: 100, retransmittedBytes: 100 });
  });
});

describe('windows and keep-alives', () => {
  it('a keep-alive is one byte or none before what is next, and its answer no duplicate ACK', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    talk.say(1, { seq: 501, ack: 201 });
    expect(talk.say(0, { seq: 200, ack: 501, length: 1 }, 45_000)).toBe('data keepAlive');
    expect(talk.say(1, { seq: 501, ack: 201 })).toBe('keepAliveAck');
    expect(talk.say(0, { seq: 200, ack: 501 }, 45_000)).toBe('keepAlive');
    expect(talk.say(1, { seq: 501, ack: 201 })).toBe('keepAliveAck');
    expect(talk.say(1, { seq: 501, ack: 201 })).toBe('keepAliveAck');
    expect(talk.counts(0)).toEqual({ keepAlives: 2 });
    expect(talk.counts(1)).toEqual({});
  });

  it('a window of zero is probed, byte by byte, and the byte may be taken', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    expect(talk.say(1, { seq: 501, ack: 201, window: 0 })).toBe('zeroWindow');
    expect(talk.say(0, { seq: 201, ack: 501, length: 1 }, 5000)).toBe('data windowProbe');
    expect(talk.say(1, { seq: 501, ack: 201, window: 0 })).toBe('zeroWindow windowProbeAck');
    expect(talk.say(0, { seq: 201, ack: 501, length: 1 }, 5000)).toBe('data windowProbe');
    expect(talk.say(1, { seq: 501, ack: 202, window: 4000 })).toBe('');
    expect(talk.say(0, { seq: 202, ack: 501, length: 500 })).toBe('data');
    expect(talk.counts(0)).toEqual({ windowProbes: 2 });
    expect(talk.counts(1)).toEqual({ zeroWindows: 2 });
  });

  it('after a probe that was dropped, the whole segment is no retransmission', () => {
    const talk = new Talk().shake();
    talk.say(1, { seq: 501, ack: 101, window: 0 });
    expect(talk.say(0, { seq: 101, ack: 501, length: 1 }, 5000)).toBe('data windowProbe');
    talk.say(1, { seq: 501, ack: 101, window: 4000 });
    expect(talk.say(0, { seq: 101, ack: 501, length: 500 })).toBe('data');
  });

  it('an ACK that only changes the window is none twice, with SACK blocks it is', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    talk.say(1, { seq: 501, ack: 201, window: 100 });
    expect(talk.say(1, { seq: 501, ack: 201, window: 900 })).toBe('');
    expect(talk.say(1, { seq: 501, ack: 201, window: 950, hints: TCP_HINT_SACK })).toBe('duplicateAck');
  });

  it('a window is full to the byte by its scale, when both sides have one', () => {
    const scale = (shift: number) => TCP_HINT_READ | ((shift + 1) << 8);
    for (const [hints, length] of [
      [[scale(0), scale(3)], 8000],
      [[TCP_HINT_READ, scale(3)], 1000],
      [[scale(14), TCP_HINT_READ], 1000],
      [[scale(14), scale(14)], 16_384_000],
    ] as const) {
      const talk = new Talk().shake([...hints]);
      talk.say(1, { seq: 501, ack: 101 });
      expect(talk.say(0, { seq: 101, ack: 501, length: length - 1 })).toBe('data');
      expect(talk.say(0, { seq: 100 + length, ack: 501, length: 1 })).toBe('data windowFull');
    }
    // Whether there is a scale can't be known without the handshake's options.
    const talk = new Talk().shake([0, 0]);
    expect(talk.say(0, { seq: 101, ack: 501, length: 1000 })).toBe('data');
  });
});

describe('what does not belong', () => {
  it('a reset leaves the numbering alone, whatever number and payload it has', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    for (const seq of [0, 100, 201, 5000, 2 ** 31])
      expect(talk.say(0, { seq, flags: TCP_RST, length: 20, window: 0 })).toBe('');
    expect(talk.say(0, { seq: 201, ack: 501, length: 100 })).toBe('data');
    expect(talk.counts(0)).toEqual({ resets: 5 });
  });

  it('a SYN-ACK with another number begins another numbering: no gap, nothing sent again', () => {
    const talk = new Talk();
    for (const seq of [3_957_490_955, 12, 2_000_000_000])
      expect(talk.say(1, { seq, ack: 7, flags: TCP_SYN | TCP_ACK })).toBe('');
    expect(talk.say(1, { seq: 2_000_000_001, ack: 7, length: 5 })).toBe('data');
    expect(talk.counts(1)).toEqual({});
  });

  it('a forged SYN in the middle changes nothing', () => {
    const talk = new Talk().shake();
    talk.say(0, { seq: 101, ack: 501, length: 100 });
    talk.tracker.resetCounts(1);
    expect(talk.say(0, { seq: 900_000, flags: TCP_SYN })).toBe('');
    expect(talk.say(0, { seq: 201, ack: 501, length: 100 })).toBe('data');
    expect(talk.counts(0)).toEqual({});
  });

  it('a clock that runs backwards leaves the round trip unknown', () => {
    const talk = new Talk();
    talk.say(0, { seq: 100, flags: TCP_SYN });
    talk.say(1, { seq: 500, ack: 101, flags: TCP_SYN | TCP_ACK }, -20);
    expect(talk.tracker.handshakeNs(1, 0)).toBeNaN();
  });

  it('a SYN that is answered by a reset has no round trip', () => {
    const talk = new Talk();
    talk.say(0, { seq: 100, flags: TCP_SYN });
    talk.say(1, { seq: 0, ack: 101, flags: TCP_RST | TCP_ACK });
    expect(talk.tracker.roundTripNs(1)).toBeNaN();
    expect(talk.counts(1)).toEqual({ resets: 1 });
  });
});

describe('options', () => {
  const hints = (...bytes: number[]) => tcpOptionHints(Uint8Array.from([9, ...bytes, 9]), 1, 1 + bytes.length);

  it('tell of SACK blocks and of the window scale', () => {
    expect(hints()).toBe(TCP_HINT_READ);
    // MSS, SACK permitted, timestamps, NOP, window scale 7: a Linux SYN.
    expect(hints(2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7)).toBe(TCP_HINT_READ | (8 << 8));
    expect(hints(1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2)).toBe(TCP_HINT_READ | TCP_HINT_SACK);
    expect(hints(3, 3, 255)).toBe(TCP_HINT_READ | (15 << 8));
  });

  it('that are cut or contradict themselves end there', () => {
    expect(hints(1, 3, 3)).toBe(TCP_HINT_READ);
    expect(hints(3, 0, 7)).toBe(TCP_HINT_READ);
    expect(hints(0, 3, 3, 7)).toBe(TCP_HINT_READ);
    expect(hints(8)).toBe(TCP_HINT_READ);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 44 }), (bytes) => {
        const held = (fill: number) => Uint8Array.from([fill, ...bytes, ...new Array<number>(40).fill(fill)]);
        const found = tcpOptionHints(held(1), 1, 1 + bytes.length);
        expect(tcpOptionHints(held(3), 1, 1 + bytes.length)).toBe(found);
        expect(found >> 8).toBeLessThanOrEqual(15);
      }),
    );
  });
});

const segment = fc.record({
  d: fc.nat(1),
  seq: fc.oneof(fc.nat(3000), fc.integer()),
  ack: fc.option(fc.oneof(fc.nat(3000), fc.integer()), { nil: undefined }),
  extra: fc.constantFrom(0, 0, 0, TCP_PSH, TCP_SYN, TCP_FIN, TCP_RST, TCP_SYN | TCP_FIN),
  window: fc.constantFrom(0, 1, 1000, 65_535),
  length: fc.oneof(fc.nat(3), fc.nat(2000), fc.constant(65_535)),
  afterMs: fc.integer({ min: -5, max: 40 }),
  hints: fc.constantFrom(0, TCP_HINT_SACK, TCP_HINT_READ, TCP_HINT_READ | (15 << 8)),
});
type Segment = typeof segment extends fc.Arbitrary<infer T> ? T : never;

function play(segments: readonly Segment[], base: [number, number]): { said: string[]; talk: Talk } {
  const talk = new Talk(base);
  const said = segments.map(({ d, seq, ack, extra, window, length, afterMs, hints }) =>
    talk.say(
      d,
      {
        seq,
        ...(ack === undefined ? {} : { ack }),
        flags: extra | (ack === undefined ? 0 : TCP_ACK),
        window,
        length,
        hints,
      },
      afterMs,
    ),
  );
  return { said, talk };
}

describe('whatever the traffic', () => {
  it('sequence numbers wrap: where they begin makes no difference', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 60 }), fc.integer(), fc.integer(), (segments, a, b) => {
        const one = play(segments, [0, 0]);
        const other = play(segments, [a, b]);
        expect(other.said).toEqual(one.said);
        for (const d of [0, 1]) expect(other.talk.counts(d)).toEqual(one.talk.counts(d));
      }),
    );
  });

  it('counts are whole, bounded, and agree with what each segment was said to be', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 120 }), (segments) => {
        const { said, talk } = play(segments, [0, 0]);
        for (const d of [0, 1]) {
          const own = said.filter((_, i) => segments[i]!.d === d);
          const times = (word: string) => own.filter((s) => s.split(' ').includes(word)).length;
          const c = talk.counts(d);
          expect(c.retransmissions ?? 0).toBe(times('retransmission'));
          expect(c.fastRetransmissions ?? 0).toBe(times('fast'));
          expect(c.outOfOrder ?? 0).toBe(times('outOfOrder'));
          expect(c.gaps ?? 0).toBe(times('gap'));
          expect(c.duplicateAcks ?? 0).toBe(times('duplicateAck'));
          expect(c.unseenAcks ?? 0).toBe(times('ackUnseen'));
          for (const n of Object.values(c)) expect(Number.isInteger(n) && n >= 0 && n <= 0xffff_ffff).toBe(true);
        }
      }),
    );
  });

  it('missing and repeated bytes are those of a list of all bytes, as long as no more than three holes are open', () => {
    let compared = 0;
    for (let seed = 0; seed < 600; seed++) {
      const random = new Random(seed);
      const talk = new Talk([random.below(2 ** 31) * 2, 0]);
      const size = 400;
      const seen = new Uint8Array(size);
      let highest = 0;
      let repeated = 0;
      let mostHoles = 0;
      talk.say(0, { seq: 0, ack: 1 });
      for (let i = 0; i < 40; i++) {
        const ahead = random.below(3) === 0 ? random.below(30) - 60 + random.below(60) : 0;
        const from = Math.max(0, Math.min(size - 40, highest + ahead));
        const length = 2 + random.below(30);
        talk.say(0, { seq: from, ack: 1, length }, random.below(10));
        for (let at = from; at < from + length; at++) {
          if (seen[at] === 1) repeated++;
          seen[at] = 1;
        }
        highest = Math.max(highest, from + length);
        let holes = 0;
        for (let at = 1; at < highest; at++) if (seen[at] === 0 && seen[at - 1] === 1) holes++;
        if (seen[0] === 0) holes++;
        mostHoles = Math.max(mostHoles, holes);
      }
      if (mostHoles > 3) continue;
      compared++;
      const missing = highest - seen.subarray(0, highest).reduce((a, b) => a + b, 0);
      const c = talk.counts(0);
      expect(c.missingBytes ?? 0, `seed ${seed}`).toBe(missing);
      // A byte repeated just before the end looks like a keep-alive only when it is alone; the lengths here are two or more.
      expect(c.retransmittedBytes ?? 0, `seed ${seed}`).toBe(repeated);
    }
    expect(compared).toBeGreaterThan(200);
  });
});

describe("Wireshark's judgement of real connections", () => {
  /** Names of tshark's fields beside ours. */
  const NAMES: Record<string, string> = {
    retransmission: 'retransmission',
    fast: 'fast_retransmission',
    spurious: 'spurious_retransmission',
    outOfOrder: 'out_of_order',
    gap: 'lost_segment',
    keepAlive: 'keep_alive',
    keepAliveAck: 'keep_alive_ack',
    zeroWindow: 'zero_window',
    windowProbe: 'zero_window_probe',
    windowProbeAck: 'zero_window_probe_ack',
    duplicateAck: 'duplicate_ack',
    windowFull: 'window_full',
  };

  /** Plays a connection and lists where we say otherwise: 'line: ours, not theirs'. */
  function differences(name: string): { segments: number; flagged: number; differing: string[] } {
    const text = readFileSync(new URL(`../../test/fixture/tcp/${name}.txt`, import.meta.url), 'utf8');
    const lines = text.trimEnd().split('\n').slice(1);
    const tracker = new TcpTracker(1);
    tracker.open(0);
    const first = lines[0]!.split(' ')[1];
    const differing: string[] = [];
    let flagged = 0;
    lines.forEach((line, i) => {
      const [time, port, seq, ack, flags, window, length, options, theirs] = line.split(' ') as [string, ...string[]];
      const bytes = options === '-' ? new Uint8Array() : Uint8Array.from(Buffer.from(options!, 'hex'));
      const is = tracker.segment(
        0,
        port === first ? 0 : 1,
        Math.round(Number(time) * 1e9),
        Number(seq) | 0,
        Number(ack) | 0,
        Number(flags) & 255,
        Number(window),
        Number(length),
        tcpOptionHints(bytes, 0, bytes.length),
      );
      const ours = words(is)
        .split(' ')
        .flatMap((word) => NAMES[word] ?? []);
      const expected = theirs === '-' ? [] : theirs!.split(',');
      if (expected.length > 0) flagged++;
      if (ours.sort().join() !== expected.sort().join())
        differing.push(`${i + 1}: ${ours.join(' ')}, not ${expected.join(' ')}`);
    });
    return { segments: lines.length, flagged, differing };
  }

  it.each([
    ['keep-alive', 42, 23],
    ['zero-window', 288, 113],
  ])('%s: the same for every segment', (name, segments, flagged) => {
    expect(differences(name)).toEqual({ segments, flagged, differing: [] });
  });

  // Each of these begins with bytes that had been seen, so it was not overtaken on its way; Wireshark goes by the time alone.
  it('the same for all but what is sent again within a round trip', () => {
    expect(differences('retransmission')).toEqual({
      segments: 108,
      flagged: 76,
      differing: ['10: retransmission, not out_of_order'],
    });
    expect(differences('window-full')).toEqual({
      segments: 53,
      flagged: 6,
      differing: ['24: retransmission, not out_of_order'],
    });
    expect(differences('sack')).toEqual({
      segments: 120,
      flagged: 11,
      differing: ['29: retransmission, not out_of_order'],
    });
  });
});
