import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { hostileResult, NASTY } from '../../test/support/hostile.ts';
import { bigResult, quietResult, sampleResult } from '../../test/support/sample.ts';
import { escapeJson, renderJson, renderJsonParts, toDocument } from './json.ts';
import { incidentsDocument, incidentsJsonSchema } from './schema.ts';

const published = z.fromJSONSchema(JSON.parse(incidentsJsonSchema()));

/** The sample as a plain value with one thing changed at a path; undefined removes it. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const document: unknown = JSON.parse(renderJson(sampleResult()));
  let node: unknown = document;
  for (const key of path.slice(0, -1)) node = Reflect.get(Object(node), key);
  const last = path.at(-1) ?? '';
  if (value === undefined) Reflect.deleteProperty(Object(node), last);
  else Reflect.set(Object(node), last, value);
  return document;
}

test('the published schema file is what the definition gives (write it with: node scripts/schema.ts)', () => {
  expect(readFileSync(new URL('../../schema/incidents.schema.json', import.meta.url), 'utf8')).toBe(
    incidentsJsonSchema(),
  );
});

test('the published schema is of draft 2020-12 and asks for what every reader counts on', () => {
  const schema = JSON.parse(incidentsJsonSchema());
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  expect(schema.required).toEqual(['schemaVersion', 'run', 'oddities', 'incidents', 'hosts', 'timeline']);
  expect(schema.$defs.incident.required).toEqual([
    'id',
    'rank',
    'severity',
    'urgency',
    'severitySteps',
    'kind',
    'title',
    'actors',
    'peers',
    'peerCount',
    'techniques',
    'first',
    'last',
    'flowCount',
    'detections',
    'evidence',
    'verdict',
  ]);
  expect(schema.$defs.flow.properties.responderPort.description).toBe(
    'TCP, UDP or SCTP port of the responder; missing for other protocols. Unit: port.',
  );
});

test('what is written is valid under the definition and under the published schema', () => {
  for (const result of [sampleResult(), quietResult(), bigResult(30)]) {
    const document: unknown = JSON.parse(renderJson(result));
    expect(incidentsDocument.safeParse(document).error).toBeUndefined();
    expect(published.safeParse(document).success).toBe(true);
  }
});

test.each([
  ['no incidents', ['incidents'], undefined],
  ['another version', ['schemaVersion'], 2],
  ['an id that is none', ['incidents', 0, 'id'], 'inc-XYZ'],
  ['a rank below 1', ['incidents', 0, 'rank'], 0],
  ['an unknown severity', ['incidents', 0, 'severity'], 'terrible'],
  ['a missing verdict', ['incidents', 0, 'verdict'], undefined],
  ['a claim that cites nothing', ['incidents', 0, 'verdict', 'whatHappened', 0, 'cites'], []],
  ['a time that is a number', ['incidents', 0, 'first'], 1617292545785],
  ['a time without a zone', ['incidents', 0, 'first'], '2021-04-01T15:55:45.785'],
  ['a score above 1', ['incidents', 0, 'detections', 0, 'score'], 1.5],
  ['a technique that is none', ['incidents', 0, 'techniques', 0, 'id'], 'X1'],
  ['a member that nobody knows', ['incidents', 0, 'color'], 'red'],
  ['a flow column that nobody knows', ['incidents', 0, 'evidence', 5, 'flow', 'speed'], 3],
  ['a port that is text', ['incidents', 0, 'evidence', 5, 'flow', 'responderPort'], '443'],
])('a document with %s is refused', (_, path, value) => {
  const document = changed(path, value);
  expect(incidentsDocument.safeParse(document).success).toBe(false);
  expect(published.safeParse(document).success).toBe(false);
});

test('the text has a fixed order of members, two spaces of indent and a newline at its end', () => {
  const text = renderJson(sampleResult());
  expect(text.startsWith('{\n  "schemaVersion": 1,\n  "run": {\n    "tool": {\n      "name": "Anomalyst",\n')).toBe(
    true,
  );
  expect(text.endsWith('\n}\n')).toBe(true);
  const members = (value: object | undefined) => Object.keys(value ?? {});
  const [incident] = incidentsDocument.parse(JSON.parse(text)).incidents;
  expect(members(incident)).toEqual(members(JSON.parse(text).incidents[0]));
  expect(JSON.parse(text).incidents[0].first).toBe('2024-05-14T07:18:12.408Z');
});

test('a flow record gives the same bytes however it was put together', () => {
  const result = sampleResult();
  const turned = {
    ...result,
    incidents: result.incidents.map((incident) => ({
      ...incident,
      evidence: incident.evidence.map((item) =>
        item.type === 'flow' ? { ...item, flow: Object.fromEntries(Object.entries(item.flow).reverse()) } : item,
      ),
    })),
  };
  expect(renderJson(turned)).toBe(renderJson(result));
});

test('text from the network comes back as it was, but for surrogates that are alone', () => {
  for (const text of NASTY) {
    const json = renderJson(hostileResult(text));
    expect(json.replaceAll('\n', '')).not.toMatch(
      /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\ufeff]/,
    );
    expect(json.isWellFormed()).toBe(true);
    const document = incidentsDocument.parse(JSON.parse(json));
    expect(document.incidents[0]?.title).toBe(text.toWellFormed());
    expect(document.hosts[1]?.names[0]).toBe(text.toWellFormed());
  }
  expect(renderJson(hostileResult('a\u2028b\u009bc\ud800'))).toContain('"title": "a\\u2028b\\u009bc\ufffd"');
});

test('a time that does not fit a calendar of four digits is null', () => {
  const result = sampleResult();
  const [first, ...others] = result.incidents;
  if (first === undefined) throw new Error('the sample has incidents');
  const odd = { ...result, incidents: [{ ...first, firstMs: -1e15, lastMs: 9e15 }, ...others] };
  const document = incidentsDocument.parse(JSON.parse(renderJson(odd)));
  expect([document.incidents[0]?.first, document.incidents[0]?.last]).toEqual([null, null]);
});

test('a number that is not finite is our bug and stops the writing', () => {
  const result = sampleResult();
  expect(() => renderJson({ ...result, run: { ...result.run, bytes: Number.NaN } })).toThrow(
    "incidents.json cannot carry 'bytes': the number is not finite",
  );
});

test.each([
  ['many incidents', bigResult(7)],
  ['two incidents', sampleResult()],
  ['no incident', quietResult()],
  ['hostile text', hostileResult(NASTY.join(' '))],
  ['text that looks like the place of the incidents', hostileResult('\n  "incidents": []')],
])('written in parts, an incident each, it is what one writer makes of the whole document: %s', (_, result) => {
  const parts = [...renderJsonParts(result)];
  expect(parts).toHaveLength(result.incidents.length + 1);
  const wellFormed = (_key: string, value: unknown): unknown =>
    typeof value === 'string' ? value.toWellFormed() : value;
  expect(parts.join('')).toBe(`${escapeJson(JSON.stringify(toDocument(result), wellFormed, 2))}\n`);
});
