import * as wire from '../../../src/wire/index.ts';
import { type Encoded, FRAME, text, word } from './part.ts';

/** Datagrams of exporters of flows. */

/** A template of the fields that a biflow has, and one of options. */
const FLOW_TEMPLATE = wire.compileTemplate(256, 'ipfix', [
  ...[8, 12, 1, 2].map((element) => ({ enterprise: 0, element, length: 4 })),
  ...[7, 11].map((element) => ({ enterprise: 0, element, length: 2 })),
  { enterprise: 0, element: 4, length: 1 },
  { enterprise: wire.ENTERPRISE_REVERSE, element: 1, length: 4 },
  { enterprise: 0, element: 96, length: wire.VARIABLE_LENGTH },
]);

const V9_TEMPLATE = wire.compileTemplate(257, 'v9', [
  ...[8, 12, 1, 2, 21, 22].map((element) => ({ enterprise: 0, element, length: 4 })),
  { enterprise: 0, element: 4, length: 1 },
]);

const SAMPLER_TEMPLATE = wire.compileTemplate(
  258,
  'v9-options',
  [
    { enterprise: wire.ENTERPRISE_V9_SCOPE, element: 1, length: 4 },
    { enterprise: 0, element: 34, length: 4 },
  ],
  1,
);

const WORDS = [word('10.0.0.1'), word('10.0.0.2')].map((w) => w >>> 0);

export const FLOW_EXPORTS: Readonly<Record<string, Encoded>> = {
  encodeNetflow5: {
    udp: 2055,
    client: [
      wire.encodeNetflow5({
        uptimeMs: 100_000,
        exportMs: 1_700_000_000_000,
        sequence: 7,
        samplingInterval: 10,
        records: [
          {
            source: word('10.0.0.1'),
            destination: word('10.0.0.2'),
            protocol: 6,
            flags: 2,
            packets: 1,
            octets: 40,
            first: 9,
            last: 9,
          },
        ],
      }),
    ],
  },
  encodeNetflow9: {
    udp: 2055,
    client:
      V9_TEMPLATE === undefined || SAMPLER_TEMPLATE === undefined
        ? []
        : [
            wire.encodeNetflow9({
              uptimeMs: 100_000,
              exportMs: 1_700_000_000_000,
              sequence: 1,
              sets: [
                wire.encodeTemplates('v9', [V9_TEMPLATE]),
                wire.encodeTemplates('v9-options', [SAMPLER_TEMPLATE]),
                wire.encodeRecords(SAMPLER_TEMPLATE, [[0, 100]]),
                wire.encodeRecords(V9_TEMPLATE, [
                  [...WORDS, 1500, 3, 90_000, 80_000, 17],
                  [...WORDS, 150, 1, 90_000, 80_000, 1],
                ]),
              ],
            }),
          ],
  },
  encodeIpfix: {
    udp: 4739,
    client:
      FLOW_TEMPLATE === undefined
        ? []
        : [
            wire.encodeIpfix({
              exportMs: 1_700_000_000_000,
              sequence: 1,
              sets: [
                wire.encodeTemplates('ipfix', [FLOW_TEMPLATE]),
                wire.encodeRecords(FLOW_TEMPLATE, [[...WORDS, 1500, 3, 5000, 443, 6, 900, text('tls')]]),
              ],
            }),
          ],
  },
  encodeSflow: {
    udp: 6343,
    client: [
      wire.encodeSflow({
        agent: word('10.0.0.9'),
        sequence: 3,
        uptimeMs: 5000,
        counters: true,
        samples: [{ rate: 512, frame: FRAME }],
      }),
      wire.encodeSflow({
        agent: word('10.0.0.9'),
        sequence: 4,
        uptimeMs: 5000,
        expanded: true,
        samples: [{ rate: 512, frame: FRAME }],
      }),
    ],
  },
};
