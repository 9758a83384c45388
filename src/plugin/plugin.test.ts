import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AnswerError,
  encodeFrame,
  FrameReader,
  namespaceOf,
  parseManifest,
  readDecoded,
  readFiles,
  readFindings,
  readValues,
  settingsOf,
} from './index.ts';

const MANIFEST = {
  name: '@acme/dns-exotic',
  version: '1.2.3',
  description: 'D.',
  api: 1,
  main: 'main.js',
  adds: { features: [{ name: 'x', description: 'X.', takes: [{ name: 'text', type: 'text' }] }] },
};
const parse = (more: object) => parseManifest(JSON.stringify({ ...MANIFEST, ...more }), 'm.json');

describe('a manifest', () => {
  it('says what a plugin adds, with the defaults filled in', () => {
    expect(parse({}).adds.features?.[0]).toMatchObject({ name: 'x', gives: 'number' });
    expect(namespaceOf(MANIFEST.name)).toBe('dns_exotic');
  });

  const wrong: readonly (readonly [object, string, string])[] = [
    [{ ads: {} }, 'm.json: ads: unknown key', "did you mean 'adds'?"],
    [{ adds: { feature: [] } }, 'm.json: adds.feature: unknown key', "did you mean 'features'?"],
    [
      { adds: {} },
      'm.json: adds: the plugin adds nothing',
      'name what it adds under features, filters, flags, detectors, decoders, sinks, reports',
    ],
    [
      { main: '../x.js' },
      'm.json: main: expected a file of the plugin that ends in .js or .mjs, as in main.js',
      'docs/plugins.md shows a manifest',
    ],
    [
      { main: '/etc/x.js' },
      'm.json: main: expected a file of the plugin that ends in .js or .mjs, as in main.js',
      'docs/plugins.md shows a manifest',
    ],
    [
      { version: '1.0' },
      'm.json: version: expected a version of three numbers, as in 1.0.0',
      'docs/plugins.md shows a manifest',
    ],
    [
      { api: 2 },
      'm.json: api: the plugin is made for version 2 of the plugin interface, and this program has 1',
      'update anomalyst, or take an older version of the plugin',
    ],
    [
      { adds: { features: MANIFEST.adds.features, filters: [{ ...MANIFEST.adds.features[0] }] } },
      "m.json: adds.filters[0].name: 'x' is the name of adds.features[0] already",
      'give it another name',
    ],
    [
      { adds: { features: [{ ...MANIFEST.adds.features[0], name: '__proto__' }] } },
      "m.json: adds.features[0].name: expected a name of small letters, digits and '_', as in amount_risk",
      'docs/plugins.md shows a manifest',
    ],
    [
      {
        adds: {
          flags: [
            {
              name: 'f',
              description: 'F.',
              takes: MANIFEST.adds.features[0]?.takes,
              parameters: { a: { type: 'text', description: 'A.' } },
            },
          ],
        },
      },
      'm.json: adds.flags[0].parameters.a: a flag takes numbers and truth values',
      'as in "type": "number"',
    ],
    [
      { permissions: { network: { hosts: ['x'], why: 'W.' } } },
      'm.json: permissions.network.hosts[0]: expected a host and a port, as in api.example.com:443',
      'docs/plugins.md shows a manifest',
    ],
  ];
  for (const [more, message, hint] of wrong)
    it(`is refused: ${message}`, () => {
      expect(() => parse(more)).toThrow(expect.objectContaining({ message, hint }));
    });

  it('never fails in another way than by saying so', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          parseManifest(text, 'm.json');
        } catch (error) {
          expect(error).toHaveProperty('name', 'UserError');
        }
      }),
    );
  });
});

describe('settings', () => {
  const declared = { limit: { type: 'number', description: 'L.', default: 5, least: 0 } } as const;
  it('have defaults, and are checked', () => {
    expect(settingsOf(declared, {}, 'w')).toEqual({ limit: 5 });
    expect(() => settingsOf(declared, { limt: 1 }, 'w')).toThrow(
      expect.objectContaining({ message: "w: there is no parameter 'limt'", hint: "did you mean 'limit'?" }),
    );
    expect(() => settingsOf(declared, { limit: -1 }, 'w')).toThrow('w.limit: expected a number from 0 to Infinity');
    expect(() => settingsOf(declared, { limit: 'a' }, 'w')).toThrow('w.limit: expected a number');
  });
});

describe('a message', () => {
  it('comes back as it was sent, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 30 }),
        (text, parts, step) => {
          const bytes = encodeFrame({ id: 1, text }, parts) ?? new Uint8Array(0);
          const reader = new FrameReader();
          const frames = [];
          for (let at = 0; at < 2 * bytes.length; at += step) {
            const both = Uint8Array.from([...bytes, ...bytes]);
            frames.push(...reader.push(both.slice(at, at + step)));
          }
          expect(frames.map((frame) => [frame.header.text, frame.parts])).toEqual([
            [text, parts],
            [text, parts],
          ]);
          expect(reader.fault).toBe(undefined);
        },
      ),
    );
  });

  it('that is none is a fault, and nothing thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const reader = new FrameReader();
        for (const frame of reader.push(bytes))
          for (const read of [
            () => readValues(frame, 'number', 1),
            () => readValues(frame, 'text', 1),
            () => readFindings(frame, () => true),
            () => readFiles(frame),
            () => readDecoded(frame, 1),
          ])
            try {
              read();
            } catch (error) {
              expect(error).toBeInstanceOf(AnswerError);
            }
      }),
    );
    const flood = new FrameReader();
    flood.push(Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0));
    expect(flood.fault).toBe('it announced a message of 4294967299 bytes');
  });
});

describe('an answer', () => {
  it('of any shape is taken or refused, never thrown on', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('findings', 'files', 'decoded', 'kind', 'dictionary', '__proto__'),
          fc.jsonValue(),
        ),
        (header) => {
          const frame = {
            header: JSON.parse(JSON.stringify(header)) as Record<string, unknown>,
            parts: [new Uint8Array(8)],
          };
          for (const read of [
            () => readFindings(frame, () => true),
            () => readFiles(frame),
            () => readDecoded(frame, 1),
            () => readValues(frame, 'text', 2),
          ])
            try {
              read();
            } catch (error) {
              expect(error).toBeInstanceOf(AnswerError);
            }
        },
      ),
    );
  });

  it('has no column that would be a prototype', () => {
    const header = JSON.parse('{"decoded": [{"name": "x", "columns": {"__proto__": "y"}}]}') as Record<string, unknown>;
    expect(() => readDecoded({ header, parts: [] }, 1)).toThrow('a column is called __proto__');
  });

  it('of a decoder is one for each payload, under a name that is a word', () => {
    const read = (decoded: unknown, count: number) => () => readDecoded({ header: { decoded }, parts: [] }, count);
    expect(read([null, { name: 'Acme.v2', summary: 'a\u001b[2J' }], 2)()).toEqual([
      undefined,
      { name: 'Acme.v2', summary: 'a\\u{1b}[2J', columns: {} },
    ]);
    expect(read([null], 2)).toThrow('it answered 1 of 2 payloads');
    expect(read([null, null, null], 2)).toThrow('what it decoded has 3 entries, and 2 are the most');
    expect(read([{ name: 'a, b' }], 1)).toThrow(
      "the name of what it decoded is no word of letters, digits, '.', '_' and '-': a, b",
    );
    expect(read([{ name: 'x', columns: { a: 1 } }], 1)).toThrow('the column a is no text');
  });
});
