import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CapturePcapngWriter, CapturePcapWriter, encodePcapHeader, encodeSection } from './index.ts';
import { isSimulated, markPcap, SIMULATED_APPLICATION, simulatedComment } from './simulated.ts';

const pcapng = (application: string, comment: string): Uint8Array =>
  new CapturePcapngWriter({ application, comment }).take().slice();

it('a pcapng says that it is simulated by its application or its comment', () => {
  expect(isSimulated(pcapng(SIMULATED_APPLICATION, ''))).toBe(true);
  expect(isSimulated(pcapng('editcap', simulatedComment('office-day', 7)))).toBe(true);
  expect(isSimulated(pcapng('dumpcap', 'traffic of the office'))).toBe(false);
  expect(isSimulated(encodeSection())).toBe(false);
});

it('a pcap says it in its reserved word, which readers ignore', () => {
  const head = new CapturePcapWriter({ linkType: 1 }).take().slice();
  expect(isSimulated(head)).toBe(false);
  markPcap(head);
  expect(isSimulated(head)).toBe(true);
  const nanoseconds = encodePcapHeader({ linkType: 1, nanoseconds: true });
  expect(isSimulated(nanoseconds)).toBe(false);
  markPcap(nanoseconds);
  expect(isSimulated(nanoseconds)).toBe(true);
});

it('a pcap in the other byte order is read as well', () => {
  const head = new Uint8Array(24);
  const view = new DataView(head.buffer);
  view.setUint32(0, 0xa1b2c3d4);
  view.setUint32(12, 0x53494d55);
  expect(isSimulated(head)).toBe(true);
});

it('every truncation and random bytes are no simulated capture, and break nothing', () => {
  const whole = pcapng(SIMULATED_APPLICATION, simulatedComment('office-day', 7));
  const section = new DataView(whole.buffer, whole.byteOffset).getUint32(4, true);
  for (let n = 0; n < section; n++) expect(typeof isSimulated(whole.subarray(0, n))).toBe('boolean');
  expect(isSimulated(whole.subarray(0, 20))).toBe(false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !isSimulated(bytes)),
    { numRuns: 300, seed: 1 },
  );
  fc.assert(
    fc.property(fc.nat(section - 1), fc.nat(255), (at, value) => {
      const damaged = whole.slice(0, section);
      damaged[at] = value;
      isSimulated(damaged);
    }),
    { numRuns: 300, seed: 2 },
  );
});
