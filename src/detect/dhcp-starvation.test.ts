import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { createDhcpStarvationDetector, type DhcpStarvationOptions } from './dhcp-starvation.ts';

const T0 = Date.UTC(2024, 0, 1);
const context = { isHome: (address: string) => address.startsWith('192.168.') };
const range = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

const client = (i: number, operations: string, fields: FlowRecord = {}): FlowRecord => ({
  startMs: T0 + i * 20,
  endMs: T0 + i * 20,
  protocol: 'udp',
  initiator: '0.0.0.0',
  initiatorPort: 68,
  initiatorMac: `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
  initiatorPackets: 1,
  responder: '255.255.255.255',
  responderPort: 67,
  service: 'dhcp',
  operations,
  ...fields,
});
const OFFER = client(0, 'OFFER, offered 192.168.1.70', {
  initiator: '192.168.1.1',
  initiatorPort: 67,
  responder: '255.255.255.255',
  responderPort: 68,
});

function detect(flows: readonly FlowRecord[], options: Partial<DhcpStarvationOptions> = {}): Detection[] {
  const detector = createDhcpStarvationDetector(context, options);
  detector.observe(flowTable(flows));
  return detector.finish();
}

describe('a pool of addresses that is used up', () => {
  it('is found by requests that nobody follows up, and names the server', () => {
    const [found, ...others] = detect([OFFER, ...range(240, (i) => client(i, 'DISCOVER'))]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'dhcp-starvation.pool',
      actor: '192.168.1.1',
      peerCount: 32,
      port: 67,
      score: 0.8,
      flowCount: 240,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      '240 requests for an address (DISCOVER) came within 4.8 s, up to 240 requests in a minute.',
      'None went on to take an address (REQUEST), as clients do at once.',
      'They came under more than 32 hardware addresses, none of which sent most of them: such addresses are made up.',
    ]);
  });

  it('names who sends them all under one hardware address', () => {
    const one = range(100, (i) => client(i, 'DISCOVER', { initiatorMac: '02:00:00:00:00:66' }));
    expect(detect([OFFER, ...one])).toMatchObject([{ actor: '02:00:00:00:00:66', peers: ['192.168.1.1'] }]);
  });

  it.each([
    ['fewer requests', [OFFER, ...range(59, (i) => client(i, 'DISCOVER'))]],
    [
      'an office in the morning, whose clients take what they are offered',
      [OFFER, ...range(300, (i) => client(i, 'DISCOVER, REQUEST'))],
    ],
    [
      'clients that take it in a flow of its own',
      [OFFER, ...range(300, (i) => client(i, i % 2 === 0 ? 'DISCOVER' : 'REQUEST'))],
    ],
    ['clients of a server that is down', range(500, (i) => client(i, 'DISCOVER'))],
    [
      'requests that are spread over hours',
      [OFFER, ...range(300, (i) => client(i, 'DISCOVER', { startMs: T0 + i * 30_000 }))],
    ],
  ])('leaves %s alone', (_what, flows) => {
    expect(detect(flows)).toEqual([]);
  });

  it('refuses minutes beyond the cap and counts them', () => {
    const detector = createDhcpStarvationDetector(context, { maxMinutes: 5 });
    detector.observe(flowTable(range(40, (i) => client(i, 'DISCOVER', { startMs: T0 + i * 60_000 }))));
    expect(detector.finish()).toEqual([]);
    expect(detector.saturations()).toEqual([
      { detector: 'dhcp-starvation', what: 'minutes with DHCP', cap: 5, refused: 35 },
    ]);
  });
});
