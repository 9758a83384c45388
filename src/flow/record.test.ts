import { describe, expect, it } from 'vitest';
import { FlowLab, type TestFrame, tcp, udp } from '../../test/support/frames.ts';
import { R_CARRY, R_ERRORS, RecordRests, restAt } from './record.ts';

describe('what few flows have', () => {
  it('is of zeros when it is taken, however often it was used before and however much there is', () => {
    const rests = new RecordRests();
    for (let round = 0; round < 2; round++) {
      const rows = Array.from({ length: 1000 }, () => rests.take());
      expect(new Set(rows).size).toBe(1000);
      expect(rows).not.toContain(0);
      for (const row of rows) {
        for (let i = restAt(row); i < restAt(row + 1); i++) {
          expect(rests.words[i]).toBe(0);
          rests.words[i] = row;
        }
      }
      expect(rests.words.subarray(0, restAt(1)).every((word) => word === 0)).toBe(true);
      for (const row of rows) expect(rests.words[restAt(row)]).toBe(row);
      for (const row of rows) rests.give(row);
    }
  });

  it('keeps its addresses when the counts begin again', () => {
    const rests = new RecordRests();
    const at = restAt(rests.take());
    rests.words.fill(7, at, restAt(2));
    rests.resetCounts(1);
    expect(Array.from(rests.words.subarray(at, at + R_ERRORS))).toEqual([7, 7, 7, 7, 7, 7]);
    expect(Array.from(rests.words.subarray(at + R_ERRORS, at + R_CARRY + 4))).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('sums beyond 32 bits', () => {
  const A = '10.0.0.1:4000';
  const B = '10.0.0.2:5000';
  /** The most that a frame may claim. */
  const MOST = 2 ** 31 - 1;
  const huge = (frame: TestFrame): TestFrame => ({ ...frame, wireLength: MOST });

  it('are exact, for each side by itself', () => {
    const lab = new FlowLab();
    lab.take([
      huge(udp(0, A, B)),
      huge(udp(1, A, B)),
      huge(udp(1, A, B)),
      huge(udp(1, A, B)),
      huge(udp(2, B, A)),
      huge(udp(3, A, B)),
    ]);
    lab.take([
      { ...udp(4, B, A), wireLength: 60 },
      { ...udp(5, A, B), wireLength: 65 },
    ]);
    expect(lab.finish()).toMatchObject([{ initiatorBytes: 5 * MOST + 65, responderBytes: MOST + 60 }]);
  });

  it('begin again from zero with the next row of the conversation, and with the next flow in the record', () => {
    const lab = new FlowLab({ activeTimeoutMs: 10_000, maxFlows: 1 });
    lab.take([
      huge(tcp(0, A, B, 'A')),
      huge(tcp(1, A, B, 'A')),
      huge(tcp(2, A, B, 'A')),
      huge(tcp(3, A, B, 'A')),
      { ...tcp(20_000, A, B, 'A'), wireLength: 60 },
    ]);
    lab.take([
      huge(udp(20_001, B, A)),
      huge(udp(20_001, B, A)),
      huge(udp(20_001, B, A)),
      { ...udp(20_002, B, A), wireLength: 60 },
    ]);
    lab.take([{ ...udp(20_003, A, '10.0.0.3:1'), wireLength: 60 }]);
    expect(lab.finish().map((flow) => flow.initiatorBytes)).toEqual([4 * MOST, 60, 3 * MOST + 60, 60]);
  });
});
