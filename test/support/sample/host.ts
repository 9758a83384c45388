import { Random } from '../../../src/core/index.ts';
import type { AnalysisResult, HostSummary } from '../../../src/report/result.ts';
import { BEACONER, CAMERA, END, HOUR, MINUTE, SERVER, START, TUNNELER } from './draft.ts';

/** The hosts of the sample, and its traffic over the day. */

export function hosts(): HostSummary[] {
  const known: HostSummary[] = [
    {
      address: BEACONER.address,
      home: true,
      mac: BEACONER.mac ?? '',
      flowsOut: 9_120,
      flowsIn: 41,
      bytesOut: 1_954_200_110,
      bytesIn: 210_330_411,
      firstMs: START,
      lastMs: END,
      services: [],
      names: [],
    },
    {
      address: SERVER.address,
      home: true,
      mac: SERVER.mac ?? '',
      flowsOut: 812,
      flowsIn: 14_210,
      bytesOut: 402_118_200,
      bytesIn: 77_201_004,
      firstMs: START,
      lastMs: END,
      services: ['tls/443', 'ssh/22', 'smb/445'],
      names: ['intranet.example.com'],
    },
    {
      address: '198.51.100.14',
      home: false,
      flowsOut: 0,
      flowsIn: 4,
      bytesOut: 26_800_480,
      bytesIn: 1_891_401_380,
      firstMs: START + 185 * MINUTE,
      lastMs: START + 221 * MINUTE,
      services: ['tls/443'],
      names: ['files.example.org'],
    },
    {
      address: TUNNELER.address,
      home: true,
      mac: TUNNELER.mac ?? '',
      flowsOut: 4_004,
      flowsIn: 2,
      bytesOut: 9_220_100,
      bytesIn: 60_181_920,
      firstMs: START + 4 * MINUTE,
      lastMs: END,
      services: [],
      names: [],
    },
    {
      address: CAMERA.address,
      home: true,
      mac: CAMERA.mac ?? '',
      flowsOut: 211,
      flowsIn: 380,
      bytesOut: 80_442_100,
      bytesIn: 1_204_881,
      firstMs: START,
      lastMs: END,
      services: ['rtsp/554', 'http/80'],
      names: ['cam-yard.local'],
    },
    {
      address: '192.168.10.1',
      home: true,
      mac: '00:0d:b9:44:10:20',
      flowsOut: 120,
      flowsIn: 11_020,
      bytesOut: 3_120_400,
      bytesIn: 2_002_118,
      firstMs: START,
      lastMs: END,
      services: ['dns/53', 'ntp/123'],
      names: [],
    },
    {
      address: 'fd00:10::8c4:11ff:fe20:91aa',
      home: true,
      flowsOut: 88,
      flowsIn: 0,
      bytesOut: 220_118,
      bytesIn: 1_870_220,
      firstMs: START + 70 * MINUTE,
      lastMs: END - 20 * MINUTE,
      services: [],
      names: [],
    },
    {
      address: '203.0.113.77',
      home: false,
      flowsOut: 0,
      flowsIn: 278,
      bytesOut: 1_384_440,
      bytesIn: 392_536,
      firstMs: START + 20 * MINUTE,
      lastMs: START + 298 * MINUTE,
      services: ['tls/443'],
      names: ['cdn-metrics.example.net'],
    },
  ];
  const random = new Random(3);
  for (let i = 0; known.length < 70; i++) {
    const bytes = Math.round(1_200_000 / (i + 1));
    known.push({
      address: `192.168.10.${100 + i}`,
      home: true,
      flowsOut: 20 + random.below(80),
      flowsIn: random.below(12),
      bytesOut: bytes,
      bytesIn: bytes * (1 + random.below(5)),
      firstMs: START + random.below(HOUR),
      lastMs: END - random.below(HOUR),
      services: [],
      names: [],
    });
  }
  return known;
}

export function timeline(): AnalysisResult['timeline'] {
  const random = new Random(11);
  const bucketMs = 2 * MINUTE;
  const startMs = Math.floor(START / bucketMs) * bucketMs;
  const count = Math.ceil((END - startMs) / bucketMs);
  const bytes: number[] = [];
  const flows: number[] = [];
  for (let i = 0; i < count; i++) {
    const minute = (i * bucketMs) / MINUTE;
    const work = 0.4 + 0.6 * Math.sin((Math.PI * (minute + 20)) / 340) ** 2;
    let amount = work * (2_000_000 + random.below(3_500_000));
    let begun = work * (80 + random.below(120));
    if (minute >= 185 && minute < 221) amount += 100_000_000 + random.below(9_000_000);
    if (random.below(30) === 0) amount += 20_000_000 + random.below(30_000_000);
    if (minute >= 30 && minute < 33) begun += 110;
    if (minute >= 96 && minute < 157) begun += 62;
    if (minute >= 210 && minute < 222) begun += 57;
    bytes.push(Math.round(amount));
    flows.push(Math.round(begun));
  }
  return { startMs, bucketMs, bytes, flows };
}
