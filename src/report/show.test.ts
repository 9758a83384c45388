import { expect, test } from 'vitest';
import { EXAMPLES, incidentOf } from '../../test/support/detection.ts';
import { judgeByRules } from '../analyst/index.ts';
import { incidentJson } from './json.ts';
import type { IncidentsDocument } from './schema.ts';
import { type ShownIncident, showIncident } from './show.ts';

function shown(...detections: Parameters<typeof incidentOf>): ShownIncident {
  const incident = incidentOf(...detections);
  return JSON.parse(incidentJson({ ...incident, verdict: judgeByRules(incident) })) as ShownIncident;
}

const report = (incident: ShownIncident): IncidentsDocument => ({ incidents: [incident] }) as IncidentsDocument;

const OPTIONS = { color: false, width: 100 };

test('an incident is shown with its sum, its techniques and every piece of its evidence', () => {
  const incident = shown(EXAMPLES['scan.horizontal']);
  const text = showIncident(incident, report(incident), OPTIONS);
  for (const { rule } of incident.severitySteps) expect(text).toContain(rule);
  expect(text).toContain(`=${incident.urgency}  ${incident.severity} (low from 20`);
  for (const { id } of [...incident.evidence, ...incident.detections])
    expect(text).toMatch(new RegExp(`^ {2}${id} {2}`, 'm'));
  expect(text.replace(/\s+/g, ' ')).toContain(
    'T1046 Network Service Discovery (Discovery): Ports are tried to see which services answer; found: a search for',
  );
});

test('lines are no wider than the terminal, and colour changes no word', () => {
  const incident = shown(EXAMPLES['beacon.interval'], EXAMPLES['long-connection.open']);
  for (const width of [40, 64, 100]) {
    const text = showIncident(incident, report(incident), { color: false, width });
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(width);
    const painted = showIncident(incident, report(incident), { color: true, width });
    expect(painted.replace(/\u001b\[[0-9;]*m/g, '').replace(/ +$/gm, '')).toBe(text);
  }
});

test('text from a report can not steer the terminal, whatever member it stands in', () => {
  const incident = shown(EXAMPLES['scan.horizontal']);
  const fixed = new Set(['first', 'last', 'severity', 'id', 'type', 'cites', 'evidence']);
  const hostile = JSON.parse(JSON.stringify(incident), function (key: string, value: unknown) {
    const inFixed = fixed.has(key) || (Array.isArray(this) && typeof value === 'string' && /^[fmrd]\d+$/.test(value));
    return typeof value === 'string' && !inFixed ? `\u001b]0;x\u0007\u009b2J\u202e\r\n${value}` : value;
  }) as ShownIncident;
  const text = showIncident(hostile, report(hostile), OPTIONS);
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
});
