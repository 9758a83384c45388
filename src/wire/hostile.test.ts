import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CaptureRun, runCapture } from '../../test/support/capture.ts';
import { Random } from '../core/index.ts';
import { decodeFrame, Fragments, ODDITIES, OddityCounter, Packet } from './index.ts';

/** Damaged, cut and random input: nothing but a UserError may come of it, every frame is accounted for, and no decoder looks outside of its frame. */
const FOLDER = new URL('../../test/fixture/capture/', import.meta.url);
const FILES = readdirSync(FOLDER).sort();
const load = (name: string): Uint8Array => readFileSync(new URL(name, FOLDER));
const MESSAGE =
  /^(the input is empty \(0 bytes\)|of no known format: it begins with .*|the capture ends inside its file header \(\d+ of 24 bytes\)|ends in the middle of a (packet|packet record header|block), at byte \d+; .*|packet [\d,]+ at byte \d+ claims .*|the pcapng block at byte \d+ .*|the section header at byte \d+ .*)$/;

/** Runs the capture and checks what holds for any input. */
function check(bytes: Uint8Array, seed = 'none'): CaptureRun {
  let frames = 0;
  let wire = 0;
  const run = runCapture(bytes, {
    flow: { maxFlows: 1024, batchRows: 64 },
    onBatch: ({ batch }) => {
      for (let i = 0; i < batch.count; i++) {
        frames++;
        wire += batch.wireLength[i];
        expect(batch.offset[i] + batch.captureLength[i]).toBeLessThanOrEqual(batch.bytes.length);
      }
    },
  });
  const message = run.refused ?? run.status.message;
  if (message !== undefined) expect(message, `seed ${seed}`).toMatch(MESSAGE);
  const others = [...run.table.otherFrames.values()].reduce((a, b) => a + b, 0);
  expect(run.table.packets + others, `seed ${seed}`).toBe(frames);
  expect(run.table.wireBytes, `seed ${seed}`).toBe(wire);
  const packets = run.flows.reduce((n, f) => n + f.initiatorPackets! + f.responderPackets!, 0);
  expect(packets, `seed ${seed}`).toBe(run.table.packets);
  if (others === 0)
    expect(
      run.flows.reduce((n, f) => n + f.initiatorBytes! + f.responderBytes!, 0),
      `seed ${seed}`,
    ).toBe(wire);
  for (const flow of run.flows)
    for (const [name, value] of Object.entries(flow))
      if (typeof value === 'number' && !Number.isFinite(value)) expect.fail(`seed ${seed}: ${name} is ${value}`);
  return run;
}

describe('hostile input', () => {
  it.each(FILES)('%s is read whole, and at every truncation keeps what came before', (name) => {
    const bytes = load(name);
    const whole = check(bytes);
    expect(whole.refused).toBeUndefined();
    expect(whole.status.message).toBeUndefined();
    const headerBytes = whole.status.format === 'pcapng' ? 4 : 24;
    // Every length of the small ones and around the beginning, every eleventh of the others.
    const step = bytes.length < 650 ? 1 : 11;
    let last = 0;
    for (let n = 0; n < bytes.length; n += n < 120 ? 1 : step) {
      const run = check(bytes.subarray(0, n));
      expect(run.refused !== undefined, `${n} bytes`).toBe(n < headerBytes);
      expect(run.status.packets).toBeGreaterThanOrEqual(last);
      last = run.status.packets;
    }
    expect(last).toBeLessThanOrEqual(whole.status.packets);
  });

  it('mutated captures', () => {
    for (const name of FILES) {
      const original = load(name);
      for (let round = 0; round < 40; round++) {
        const random = new Random(round * 7919 + original.length);
        const bytes = original.slice();
        for (let i = 1 + random.below(8); i > 0; i--) {
          const at = random.below(bytes.length);
          bytes[at] = random.below(3) === 0 ? [0, 1, 0x7f, 0x80, 0xff][random.below(5)]! : random.below(256);
        }
        check(bytes, `${name} ${round}`);
      }
    }
  });

  it('random bytes behind a valid header, and alone', () => {
    const header = load('q-in-q.pcap').subarray(0, 24);
    const section = load('le-test018.pcapng').subarray(0, 28);
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const noise = Uint8Array.from({ length: random.below(400) }, () => random.below(256));
      for (const prefix of seed % 4 === 0 ? [new Uint8Array(), header, section] : [header, section]) {
        const bytes = new Uint8Array(prefix.length + noise.length);
        bytes.set(prefix);
        bytes.set(noise, prefix.length);
        check(bytes, `${seed}`);
      }
    }
  });

  it('random frames of every link type decode to the same whatever lies around them, with every oddity named', () => {
    // Every link type there is a decoder for, Ethernet as often as all others, and some that are only named.
    const others = [
      0, 6, 8, 9, 10, 12, 14, 50, 51, 100, 101, 104, 105, 107, 108, 109, 113, 117, 119, 123, 127, 138, 149, 163, 166,
      192, 204, 205, 206, 226, 228, 229, 239, 240, 241, 242, 258, 276, 281, 282, 284, 285, 189, 195, 4242,
    ];
    const links = [...others, ...others.map(() => 1)];
    const starts = [
      [],
      [0x08, 0x00, 0x45],
      [0x86, 0xdd, 0x60],
      [0x81, 0x00],
      [0x08, 0x06],
      [0x88, 0x47],
      [0x88, 0x64, 0x11, 0x00],
      [0x88, 0xe7],
      [0x89, 0x4f],
      [0x00, 0x20, 0xaa, 0xaa, 0x03, 0, 0, 0],
    ];
    const seen = new Set<string>();
    for (let seed = 0; seed < 10_000; seed++) {
      const random = new Random(seed);
      const length = random.below(120);
      const frame = Uint8Array.from({ length }, () => random.below(256));
      const linkType = links[random.below(links.length)]!;
      const start = starts[random.below(starts.length)]!;
      if (linkType === 1) frame.set(start.slice(0, Math.max(0, length - 12)), Math.min(12, length));
      const wireLength = length + (random.below(2) === 0 ? 0 : random.below(2000));
      const results = [0x00, 0xff].map((fill) => {
        const held = new Uint8Array(length + 256).fill(fill);
        held.set(frame, 128);
        const packet = new Packet();
        const oddities = new OddityCounter();
        const belongs = decodeFrame(
          held,
          new DataView(held.buffer),
          128,
          length,
          wireLength,
          linkType,
          packet,
          new Fragments(),
          oddities,
        );
        const { payload, payloadCaptured, payloadLength } = packet;
        const isInside = payloadCaptured === 0 || (payload >= 128 && payload + payloadCaptured <= 128 + length);
        if (!isInside || payloadCaptured < 0 || payloadLength < 0)
          expect.fail(`seed ${seed}: payload ${payload} ${payloadCaptured} ${payloadLength}`);
        const { bytes, view, ...fields } = packet;
        expect(bytes.length + view.byteLength).toBe(2 * held.length);
        return { belongs, packet: fields, oddities: oddities.list() };
      });
      if (JSON.stringify(results[0]) !== JSON.stringify(results[1]))
        expect(results[1], `seed ${seed}`).toEqual(results[0]);
      for (const { name } of results[0]!.oddities) seen.add(name);
    }
    const known = new Set<string>(ODDITIES.map(({ name }) => name));
    expect([...seen].filter((name) => !known.has(name))).toEqual([]);
    expect(seen.size).toBeGreaterThan(12);
  });
});
