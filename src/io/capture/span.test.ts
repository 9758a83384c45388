import { expect, test } from 'vitest';
import { judgeVisibility, VisibilityCounter } from './span.ts';

const OWN = '02fc00000001';
const A = '0a0000000001';
const B = '0a0000000002';
const frame = (destination: string, source: string): Uint8Array => Buffer.from(`${destination}${source}0800`, 'hex');

function count(frames: readonly Uint8Array[], linkType = 1): VisibilityCounter {
  const counter = new VisibilityCounter([OWN]);
  for (const bytes of frames) counter.observe(linkType, bytes, 0, bytes.length);
  return counter;
}

test('a frame between two others is foreign; one from us, to us, to a group or to all is not', () => {
  const counter = count([
    frame(A, B),
    frame(OWN, A),
    frame(A, OWN),
    frame('ffffffffffff', A),
    frame('01005e0000fb', A),
  ]);
  expect([counter.unicast, counter.foreign]).toEqual([3, 1]);
});

test('a frame that is cut inside its addresses is not counted, and nothing behind the end is read', () => {
  const counter = new VisibilityCounter([OWN]);
  const bytes = frame(A, B);
  for (let end = 0; end < 12; end++) counter.observe(1, bytes, 0, end);
  expect(counter.unicast).toBe(0);
  counter.observe(1, bytes, 0, 12);
  expect(counter.unicast).toBe(1);
});

test("Linux' cooked headers say by their packet type whose the frame is", () => {
  const cooked = (type: number): Uint8Array => Buffer.from(`000${type}00010006`.padEnd(32, '0'), 'hex');
  const first = count([0, 1, 2, 3, 4].map(cooked), 113);
  expect([first.unicast, first.foreign]).toEqual([3, 1]);
  const cooked2 = (type: number): Uint8Array =>
    Buffer.from(`08000000000000020001${`0${type}`}06`.padEnd(40, '0'), 'hex');
  const second = count([0, 1, 2, 3, 4].map(cooked2), 276);
  expect([second.unicast, second.foreign]).toEqual([3, 1]);
});

test('too few frames say nothing', () => {
  expect(judgeVisibility('eth0', { unicast: 999, foreign: 0 })).toEqual({
    state: 'unknown',
    sentence:
      "999 unicast frames seen on eth0: too few to say whether other hosts' traffic reaches it (it takes 1,000).",
  });
});

test("only one's own traffic, or no more than a switch floods, calls for a mirror port", () => {
  const { state, sentence } = judgeVisibility('eth0', { unicast: 1000, foreign: 5 });
  expect(state).toBe('own-only');
  expect(sentence).toBe(
    "Only this machine's own traffic is visible on eth0 (5 of 1,000 unicast frames are other hosts'): connect a mirror port (SPAN) or a tap to see the network.",
  );
});

test("more than a switch floods is other hosts' traffic", () => {
  expect(judgeVisibility('eth0', { unicast: 1000, foreign: 6 })).toEqual({
    state: 'others',
    sentence: "Other hosts' traffic is visible on eth0: 6 of 1,000 unicast frames are between others.",
  });
});
