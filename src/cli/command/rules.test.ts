import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ruleSet } from '../../detect/index.ts';
import { bindDefinitions } from '../../feature/index.ts';
import { FLOW_SCHEMA, type FlowRecord, flowTable } from '../../flow/index.ts';
import { readRules } from './rules.ts';

const folder = mkdtempSync(join(tmpdir(), 'rules-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A Monday. */
const DAY = Date.UTC(2024, 4, 13);
const HOUR = 3_600_000;

async function raised(flows: readonly FlowRecord[]): Promise<string[]> {
  const definitions = { ...(await readRules('classic', {})), time: 'startMs', entity: 'initiator' };
  const work = bindDefinitions(definitions, FLOW_SCHEMA).createRun();
  const table = flowTable(flows);
  work.observe(table);
  const { rows, order } = work.keep(table);
  work.measure(rows);
  work.flags(
    rows,
    Float64Array.from({ length: rows.rowCount }, (_, i) => 1 + (order?.[i] ?? i)),
  );
  return [...new Set(work.finish().flags.map(({ name }) => name))].sort();
}

function flow(more: FlowRecord = {}): FlowRecord {
  const startMs = more.startMs ?? DAY + 10 * HOUR;
  return {
    id: 1,
    startMs,
    endMs: startMs + 1000,
    durationMs: 1000,
    protocol: 'tcp',
    initiator: '192.168.1.5',
    initiatorPort: 9999,
    responder: '203.0.113.9',
    responderPort: 443,
    initiatorPackets: 10,
    responderPackets: 10,
    initiatorPayloadBytes: 700,
    responderPayloadBytes: 1500,
    service: 'tls',
    serviceBasis: 'content',
    outcome: 'answered',
    ...more,
  };
}

const many = (n: number, make: (i: number) => FlowRecord): FlowRecord[] =>
  Array.from({ length: n }, (_, i) => flow({ id: i + 1, startMs: DAY + 10 * HOUR + 1000 * i, ...make(i) }));
const night = { startMs: DAY + 22 * HOUR };
const CLEAR = { serviceBasis: 'port' } as const;

describe('the classic rules', () => {
  it('leave ordinary traffic alone, whatever the older tool made of it', async () => {
    const ordinary = [
      // By its own port alone; by SSH on TCP; by HTTP/3 on UDP; by the size of a QUIC packet; by two seconds.
      flow(),
      flow({ responderPort: 22, service: 'ssh' }),
      flow({ protocol: 'udp', service: 'quic', initiatorPayloadBytes: 12_000, durationMs: 2000 }),
      flow({ protocol: 'udp', responder: '192.168.1.1', responderPort: 53, service: 'dns', initiatorPayloadBytes: 40 }),
      flow({ ...night, initiatorPayloadBytes: 1600, responderPayloadBytes: 90_000 }),
      flow({ protocol: 'icmpv6', initiatorPayloadBytes: 320 }),
    ];
    expect(await raised(ordinary)).toEqual([]);
  });

  const rules: readonly (readonly [string, readonly FlowRecord[], readonly FlowRecord[]])[] = [
    [
      'suspicious port',
      [flow({ responderPort: 31337, ...CLEAR })],
      [flow({ responderPort: 31337, ...CLEAR, outcome: 'refused' })],
    ],
    [
      'large packets',
      [flow({ protocol: 'icmp', initiatorPackets: 5, initiatorPayloadBytes: 5001, ...CLEAR })],
      [flow({ protocol: 'icmp', initiatorPackets: 5, initiatorPayloadBytes: 5000, ...CLEAR })],
    ],
    [
      'long connection',
      [flow({ ...night, durationMs: HOUR })],
      [flow({ ...night, durationMs: HOUR - 1 }), flow({ durationMs: HOUR })],
    ],
    ['unknown protocol', [flow({ protocol: 'ip-253' })], [flow({ protocol: 'gre' })]],
    [
      'empty connections',
      many(30, () => ({ initiatorPayloadBytes: 0, responderPayloadBytes: 0 })),
      many(29, () => ({ initiatorPayloadBytes: 0, responderPayloadBytes: 0 })),
    ],
    [
      'potential command and control',
      many(20, () => ({})),
      [
        ...many(19, () => ({})),
        ...many(40, (i) => ({ responder: '203.0.113.8', initiatorPayloadBytes: 500 + 50 * i })),
      ],
    ],
    ['protocol and port mismatch', [flow({ service: 'ssh' })], [flow({ service: 'ssh', serviceBasis: 'port' })]],
    [
      'off-hours activity',
      [flow({ ...night, initiatorPayloadBytes: 51_000_000 })],
      [flow({ ...night, initiatorPayloadBytes: 49_000_000 }), flow({ initiatorPayloadBytes: 51_000_000 })],
    ],
    [
      'potential port scan',
      many(20, (i) => ({ responderPort: 1 + i, outcome: 'refused', ...CLEAR })),
      many(19, (i) => ({ responderPort: 1 + i, outcome: 'refused', ...CLEAR })),
    ],
  ];

  it.each(rules)('find what "%s" names, and nothing just below it', async (name, above, below) => {
    expect([await raised(above), await raised(below)]).toEqual([[name], []]);
  });

  it('are all of the set, and all tried here', async () => {
    expect((await readRules('classic', {})).flags.map(({ name }) => name)).toEqual(rules.map(([name]) => name));
    expect(ruleSet('classic')?.yaml.match(/^ {2}# Was/gm)).toHaveLength(rules.length);
  });
});

describe('--rules', () => {
  const file = (text: string): string => {
    const path = join(folder, 'mine.yaml');
    writeFileSync(path, text);
    return path;
  };

  it('takes a file of one’s own', async () => {
    const mine = file('flags:\n  - { name: telnet, when: responderPort == 23, severity: low, message: x }\n');
    expect((await readRules(mine, {})).flags).toHaveLength(1);
  });

  it('says what is wrong with a name or a file', async () => {
    await expect(readRules('clasic', {})).rejects.toMatchObject({
      message: "there is no set of rules 'clasic'",
      hint: "did you mean 'classic'?",
    });
    await expect(readRules(file('filters:\n  - { name: x, exclude: responderPort == 23 }\n'), {})).rejects.toThrow(
      'mine.yaml: there is no rule in it',
    );
    const wrong = file('flags:\n  - { name: x, when: responderPrt == 23, severity: low, message: x }\n');
    await expect(readRules(wrong, {})).rejects.toThrow(/mine\.yaml:2:\d+ flags\[0\]\.when: .*responderPrt/);
  });
});
