import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tcp } from '../../test/support/frames.ts';
import { Fragments } from './fragment.ts';
import { ExportedFlow, summarizeExportedFlow } from './information-element.ts';
import { OddityCounter } from './oddity.ts';
import { Packet } from './packet.ts';
import { decodeSflow, encodeSflow, SflowSample, summarizeSflow, takeSflowSample, walkSflow } from './sflow.ts';

function read(
  bytes: Uint8Array,
  at = 0,
  end = bytes.length,
): { told: string[]; oddities: OddityCounter; skipped: object } {
  const oddities = new OddityCounter();
  const skipped = { counterSamples: 0, otherSamples: 0 };
  const told: string[] = [];
  const header = decodeSflow(bytes, at, end);
  if (header !== undefined) {
    told.push(summarizeSflow(header));
    const [flow, packet, fragments] = [new ExportedFlow(), new Packet(), new Fragments()];
    walkSflow(header, bytes, at, end, new SflowSample(), skipped, oddities, (sample) => {
      const isFlow = takeSflowSample(sample, flow, packet, fragments, new OddityCounter());
      told.push(
        `1 in ${sample.rate} from ${sample.input} to ${sample.output}: ${isFlow ? `${summarizeExportedFlow(flow)}, ${flow.layer2Octets} on the wire` : 'no flow'}`,
      );
    });
  }
  return { told, oddities, skipped };
}

const FRAME = tcp(0, '10.0.0.1:40000', '10.0.0.2:443', 'PA', { payload: new Uint8Array(600) }).bytes;
const AGENT = 0x0a000009;

describe('sFlow', () => {
  it('reads the sample of a real datagram as tshark does: 1 out of 1000, interface 29001 to 1285816721, a frame of 126 bytes', () => {
    const capture = new Uint8Array(
      readFileSync(new URL('../../test/fixture/netflow/sflow_expanded.pcap', import.meta.url)),
    );
    // File and record header, Ethernet, IP, UDP.
    const { told } = read(capture, 24 + 16 + 14 + 20 + 8);
    expect(told.slice(1)).toEqual([
      '1 in 1000 from 29001 to 1285816721: 52.52.52.52:22 > 53.53.53.53:52237 tcp 1 packets, 122 on the wire',
    ]);
    expect(told[0]).toMatch(/^sFlow datagram \d+ of 49\.49\.49\.49, 1 samples$/);
  });

  it.each([false, true])(
    'what is encoded is decoded again (expanded: %s), counter samples stepped over',
    (expanded) => {
      const bytes = encodeSflow({
        agent: AGENT,
        sequence: 5,
        uptimeMs: 1000,
        expanded,
        counters: true,
        samples: [{ rate: 512, frame: FRAME, input: 3, output: 4 }],
      });
      const { told, skipped, oddities } = read(bytes);
      expect(told).toEqual([
        'sFlow datagram 5 of 10.0.0.9, 2 samples',
        `1 in 512 from 3 to 4: 10.0.0.1:40000 > 10.0.0.2:443 tcp 1 packets, ${FRAME.length} on the wire`,
      ]);
      expect(skipped).toEqual({ counterSamples: 1, otherSamples: 0 });
      expect(oddities.list()).toEqual([]);
    },
  );

  it('a sample that claims more than the datagram holds is an oddity, and those before it are read', () => {
    const bytes = encodeSflow({
      agent: AGENT,
      sequence: 5,
      uptimeMs: 1000,
      samples: [
        { rate: 1, frame: FRAME },
        { rate: 2, frame: FRAME },
      ],
    });
    const { told, oddities } = read(bytes.subarray(0, bytes.length - 40));
    expect(told.length).toBe(2);
    expect(oddities.of('netflow.lying-length')).toBe(1);
  });

  it('every truncation and random bytes never throw', () => {
    const bytes = encodeSflow({
      agent: AGENT,
      sequence: 5,
      uptimeMs: 1000,
      counters: true,
      samples: [{ rate: 1, frame: FRAME }],
    });
    for (let n = 0; n <= bytes.length; n++) read(bytes.slice(0, n));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(bytes.length - 1), (noise, at) => {
        const broken = bytes.slice();
        broken.set(noise.subarray(0, broken.length - at), at);
        read(broken);
      }),
      { numRuns: 1000 },
    );
  });
});
