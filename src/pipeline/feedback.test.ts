import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../core/index.ts';
import { FeedbackFile, suppressionsJsonSchemaText } from './feedback.ts';

const FULL = `# ours
version: 1
last: 4
rules:
  # the backup
  - id: s3
    incident: inc-26550e03ff93
    created: 2026-11-21
    expires: 2026-12-21
    reason: nightly backup
    scope: { detector: [beacon], source: [192.168.20.66], destination: [198.51.100.0/24], organisation: [example.com], port: [443], schedule: ["daily 22:00-06:00"] }
    limits: { flowsPerHour: 800, peers: 2, ports: [443], bytesPerFlow: 12000, severity: medium }
labels:
  - { incident: inc-26550e03ff93, label: benign, detectors: [beacon], at: 2026-11-21 }
`;

function complaint(text: string): string {
  try {
    new FeedbackFile(text, 'suppressions.yaml');
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.message} | ${error.hint ?? ''}`;
  }
  return 'none';
}

describe('suppressions.yaml', () => {
  it('is read whole: scope, limits, days as times, labels', () => {
    const file = new FeedbackFile(FULL, 'suppressions.yaml');
    const { feedback, last } = file;
    expect([last, file.nextId()]).toEqual([4, 's5']);
    expect(feedback.rules).toEqual([
      {
        id: 's3',
        incident: 'inc-26550e03ff93',
        createdMs: Date.UTC(2026, 10, 21),
        expiresMs: Date.UTC(2026, 11, 21),
        reason: 'nightly backup',
        scope: {
          detector: ['beacon'],
          source: ['192.168.20.66'],
          destination: ['198.51.100.0/24'],
          organisation: ['example.com'],
          port: [443],
          schedule: ['daily 22:00-06:00'],
        },
        limits: { flowsPerHour: 800, peers: 2, ports: [443], bytesPerFlow: 12000, severity: 'medium' },
      },
    ]);
    expect(feedback.labels).toEqual([
      { incident: 'inc-26550e03ff93', label: 'benign', detectors: ['beacon'], atMs: Date.UTC(2026, 10, 21) },
    ]);
  });

  it('keeps its comments when something is added, and never gives a number twice', () => {
    const before = new FeedbackFile(FULL, 'suppressions.yaml');
    const rule = { id: before.nextId(), incident: 'inc-aaaaaaaaaaaa', scope: { source: ['10.0.0.1'] }, limits: {} };
    const label = { incident: 'inc-aaaaaaaaaaaa', label: 'benign', detectors: ['scan'] } as const;
    const after = before.with(label, [rule, { ...rule, id: before.nextId(1) }]);
    expect(after.text()).toContain('# ours');
    expect(after.text()).toContain('# the backup');
    expect(after.feedback.rules.map(({ id }) => id)).toEqual(['s3', 's5', 's6']);
    const one = after.without('s6');
    expect(one?.feedback.labels.map(({ incident }) => incident)).toEqual(['inc-26550e03ff93', 'inc-aaaaaaaaaaaa']);
    const gone = one?.without('s5');
    expect(gone?.feedback.rules.map(({ id }) => id)).toEqual(['s3']);
    expect(gone?.feedback.labels.map(({ incident }) => incident)).toEqual(['inc-26550e03ff93']);
    expect(gone?.nextId()).toBe('s7');
    expect(before.without('s9')).toBeUndefined();
  });

  it('replaces the label of an incident, and the rule that came with it', () => {
    const before = new FeedbackFile(FULL, 'suppressions.yaml');
    const after = before.with({ incident: 'inc-26550e03ff93', label: 'malicious', detectors: ['beacon'] }, []);
    expect(after.feedback.rules).toEqual([]);
    expect(after.feedback.labels.map(({ label }) => label)).toEqual(['malicious']);
  });

  it('begins empty', () => {
    const empty = FeedbackFile.empty();
    expect(empty.feedback).toEqual({ rules: [], labels: [] });
    expect(empty.nextId()).toBe('s1');
    expect(new FeedbackFile('', 'x.yaml').feedback.rules).toEqual([]);
  });

  it('says where a mistake is and what would be right', () => {
    expect(complaint(FULL.replace('reason:', 'reasn:'))).toBe(
      "suppressions.yaml:10:5: unknown key 'reasn' | did you mean 'reason'?",
    );
    expect(complaint(FULL.replace('detector: [beacon], source', 'detector: [beacn], source'))).toBe(
      "suppressions.yaml:11:25: unknown detector 'beacn' | did you mean 'beacon'?",
    );
    expect(complaint(FULL.replace('ports: [443], bytes', 'ports: [443], kinds: [beacon, scan.blok], bytes'))).toBe(
      "suppressions.yaml:12:74: unknown kind 'scan.blok' | did you mean 'scan.block'?",
    );
    expect(complaint(FULL.replace('expires: 2026-12-21', 'expires: 2026-02-31'))).toBe(
      'suppressions.yaml:9:5: rules.0.expires: expected a day as in 2026-12-21, or a time as in 2026-12-21T08:00:00Z | see docs/incidents.md for what the file holds',
    );
    expect(complaint(FULL.replace('daily 22:00-06:00', 'nightly'))).toContain(
      'expected hours in UTC, as in mon-fri 22:00-06:00 or daily 02:00-04:00',
    );
    expect(complaint('version: 1\nrules:\n  - id: s1\n    scope: {}\n')).toBe(
      'suppressions.yaml:4:5: rule s1 has an empty scope and would hide everything | give at least one of detector, source, destination, organisation, port, schedule',
    );
    expect(
      complaint('version: 1\nrules:\n  - { id: s1, scope: { port: [1] } }\n  - { id: s1, scope: { port: [2] } }\n'),
    ).toBe('suppressions.yaml:4:7: there are two rules s1 | give one of them another number');
    expect(complaint('version: 2\n')).toContain('suppressions.yaml:1:1: version: ');
    expect(complaint('rules: [\n')).toContain('suppressions.yaml:');
    expect(complaint('version: 1\nrules: *nobody\n')).toContain('write the value out where the alias (*) stands');
  });

  it('never ends in anything but a UserError, whatever the text is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: FULL.length }),
        fc.string({ unit: 'binary', maxLength: 20 }),
        (at, junk) => {
          complaint(FULL.slice(0, at));
          complaint(`${FULL.slice(0, at)}${junk}${FULL.slice(at)}`);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the schema of suppressions.yaml', () => {
  const published = new URL('../../schema/suppressions.schema.json', import.meta.url);
  const schema = JSON.parse(fs.readFileSync(published, 'utf8')) as Record<string, unknown>;
  const allows = z.fromJSONSchema(schema);

  it('is the one that is published', () => {
    expect(fs.readFileSync(published, 'utf8')).toBe(suppressionsJsonSchemaText());
  });

  it('allows what is written, and refuses what the program refuses by its shape', () => {
    const at = (change: string, to: string): boolean => allows.safeParse(parse(FULL.replace(change, to))).success;
    expect(at('', '')).toBe(true);
    expect(allows.safeParse(parse(FeedbackFile.empty().text())).success).toBe(true);
    for (const [change, to] of [
      ['version: 1', 'version: 2'],
      ['scope:', 'scoop:'],
      ['{ detector: [beacon], source: [192.168.20.66]', '{ detector: [beacon], sauce: [192.168.20.66]'],
      ['id: s3', 'id: rule'],
      ['expires: 2026-12-21', 'expires: tomorrow'],
      ['label: benign', 'label: harmless'],
      ['severity: medium', 'severity: middling'],
      ['port: [443]', 'port: [70000]'],
      ['inc-26550e03ff93\n    created', 'incident-3\n    created'],
    ] as const) {
      expect([change, complaint(FULL.replace(change, to)) === 'none']).toEqual([change, false]);
      expect([change, at(change, to)]).toEqual([change, false]);
    }
    const empty = FULL.replace(/scope: .*/, 'scope: {}');
    expect(complaint(empty)).toContain('has an empty scope');
    expect((schema as { properties: { rules: unknown } }).properties.rules).toMatchObject({
      anyOf: [{ items: { properties: { scope: { minProperties: 1 } } } }, { type: 'null' }],
    });
  });

  it('is named in the first line of what is written, from where that stands', () => {
    const folder = path.join(path.dirname(fileURLToPath(published)), '..', 'a report');
    const [line] = FeedbackFile.empty(path.join(folder, 'suppressions.yaml')).text().split('\n');
    expect(line).toBe('# yaml-language-server: $schema=../schema/suppressions.schema.json');
    const rules = new FeedbackFile(FULL, 'suppressions.yaml').feedback.rules.slice(0, 1);
    const added = FeedbackFile.empty(path.join(folder, 'suppressions.yaml')).with(
      { incident: 'inc-26550e03ff93', label: 'benign', detectors: ['beacon'] },
      rules,
    );
    expect(added.text().split('\n')[0]).toBe(line);
  });
});
