/**
 * The house rules that can be read off the source text: which folder may import which, that the lower floors touch nothing of the world
 * outside, and that nobody sends the type checker away. The checker reads tokens, not types: what it calls `process` is the bare identifier.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Folder of src to its floor. `''` is src itself: the package's front door, which may not lead to a face. */
const FLOOR: Readonly<Record<string, number>> = {
  core: 0,
  wire: 1,
  flow: 2,
  feature: 3,
  simulate: 3,
  model: 4,
  detect: 5,
  incident: 6,
  plugin: 6,
  analyst: 7,
  report: 8,
  io: 9,
  pipeline: 10,
  cli: 11,
  tui: 11,
  server: 11,
  '': 11,
};

/** Floors up to this one reach the world only through what they are handed. */
const LAST_PURE_FLOOR = 8;
const FACES = 11;

interface SourceFile {
  /** Relative to src, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** What a pure floor may not name, and why. */
const WORLD: readonly (readonly [RegExp, string])[] = [
  [/(?<![.\w$])process\b(?!\s*[:(])/g, 'process'],
  [/(?<![.\w$])Buffer\b(?!\s*:)/g, 'Buffer'],
  [/(?<![.\w$])globalThis\b/g, 'globalThis'],
  [/(?<![.\w$])require\s*\(/g, 'require()'],
  [/\bDate\s*\.\s*now\b/g, 'Date.now'],
  [/\bnew\s+Date\b(?!\s*\(\s*[^\s)])/g, 'new Date() without a time'],
  [/(?<![.\w$]|new\s)Date\s*\(/g, 'Date()'],
  [/(?<![.\w$])performance\b/g, 'performance'],
  [/\bMath\s*\.\s*random\b/g, 'Math.random'],
  [/(?<![\w$])(?:randomUUID|getRandomValues)\b/g, 'unseeded randomness'],
  [/(?<![.\w$])fetch\s*\(/g, 'fetch'],
  [/(?<![.\w$])set(?:Timeout|Interval|Immediate)\b/g, 'a timer'],
  [/\.\s*get(?:FullYear|Month|Date|Day|Hours|Minutes|TimezoneOffset)\s*\(/g, "the machine's time zone"],
  [/\.\s*toLocale(?:Date|Time)?String\s*\(\s*\)/g, "the machine's locale"],
  [/\.\s*localeCompare\s*\(/g, "the machine's locale"],
];

/** What nobody writes. */
const ESCAPES: readonly (readonly [RegExp, string])[] = [
  [/(?<![.\w$])eval\s*\(/g, 'eval'],
  [/(?<![.\w$])Function\s*\(/g, 'the Function constructor'],
  [/[:<,|&]\s*any\b(?!\s*[(.:=])/g, 'the type any'],
  [/\bas\s+any\b/g, 'as any'],
  [/\bas\s+unknown\s+as\b/g, 'as unknown as'],
];

const BUILTIN = new Set(builtinModules);

/** Every breach of the rules in these files, one line each, as `path:line: what`. */
function breaches(sources: readonly SourceFile[]): string[] {
  const found: string[] = [];
  for (const { path, text } of sources) {
    const parts = path.split('/');
    const folder = parts.length > 1 ? (parts[0] ?? '') : '';
    const floor = FLOOR[folder];
    const isTest = path.endsWith('.test.ts');
    const { code, comments } = scan(text);
    const report = (index: number, what: string) =>
      found.push(`${path}:${text.slice(0, index).split('\n').length}: ${what}`);
    if (floor === undefined) {
      report(0, `the folder ${folder} has no floor`);
      continue;
    }
    for (const name of parts) {
      if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*(\.test|\.d)?(\.ts)?$/.test(name)) report(0, `${name} is not kebab-case`);
    }
    for (const name of parts.slice(0, -1)) {
      if (isPlural(name)) report(0, `the folder ${name} is not singular`);
    }

    for (const { specifier, index } of imports(text, code)) {
      if (specifier.startsWith('.')) {
        const target = posix.normalize(posix.join(posix.dirname(path), specifier));
        if (target.startsWith('..')) {
          if (!isTest) report(index, `imports ${specifier}, which is outside src`);
          continue;
        }
        const [first = '', ...rest] = target.split('/');
        const other = rest.length > 0 ? first : '';
        if (other === folder) continue;
        const otherFloor = FLOOR[other] ?? Number.POSITIVE_INFINITY;
        if (otherFloor >= floor)
          report(index, `imports ${other || 'src'}, which is not a lower floor than ${folder || 'src'}`);
        else if (target !== `${other}/index.ts`) report(index, `imports ${specifier} past ${other}/index.ts`);
      } else if (floor <= LAST_PURE_FLOOR && !isTest) {
        const bare = specifier.split('/')[0] ?? '';
        if (specifier.startsWith('node:') || BUILTIN.has(bare))
          report(index, `imports ${specifier}, but floor ${floor} imports nothing from Node`);
      }
    }

    for (const [pattern, name] of floor <= LAST_PURE_FLOOR && !isTest ? WORLD : []) {
      for (const match of code.matchAll(pattern))
        report(match.index, `uses ${name}, but floor ${floor} touches no world`);
    }
    for (const [pattern, name] of ESCAPES) {
      for (const match of code.matchAll(pattern)) report(match.index, `uses ${name}`);
    }
    for (const comment of comments) {
      if (/@ts-(ignore|nocheck)/.test(comment.text)) report(comment.index, 'silences the type checker');
    }
  }

  const byPath = new Map(sources.map((source) => [source.path, source.text]));
  const folders = new Set(sources.flatMap(({ path }) => (path.includes('/') ? [path.split('/')[0] ?? ''] : [])));
  for (const folder of [...folders].sort()) {
    // A face is entered by its user, not imported: its front door may be main.ts.
    const doors = FLOOR[folder] === FACES ? ['index.ts', 'main.ts'] : ['index.ts'];
    const texts = doors.map((door) => byPath.get(posix.join(folder, door))).filter((text) => text !== undefined);
    if (texts.length === 0) found.push(`${folder}: has no ${doors.join(' or ')}`);
    else if (!texts.some((text) => /^(#![^\n]*\n)?\s*\/\*\*/.test(text)))
      found.push(`${folder}: its ${doors.join(' or ')} does not start with a doc comment`);
  }
  return found;
}

/** Ends in the s of a plural. Words in -ss, -us, -is and abbreviations without a vowel (dns, tls) are singular. */
function isPlural(name: string): boolean {
  const word = name.split('-').at(-1) ?? name;
  return /[^sui]s$/.test(word) && /[aeiou]/.test(word.slice(0, -1));
}

/** Specifiers of static imports, re-exports, dynamic imports and import types. Found in `code`, where strings are blank, and read from `text`. */
function* imports(text: string, code: string): Generator<{ specifier: string; index: number }> {
  const pattern = /(?<![.\w$])(?:(?:import|export)\b(?:[\w\s{},*$]*?\bfrom)?|import\s*\()\s*(['"])( *)\1/g;
  for (const match of code.matchAll(pattern)) {
    const end = match.index + match[0].length - 1;
    yield { specifier: text.slice(end - (match[2] ?? '').length, end), index: match.index };
  }
}

/**
 * The text with comments and the insides of strings, templates and regular expressions blanked out, at the same positions; and the comments.
 * A slash begins a regular expression where a value can't have just ended.
 */
function scan(text: string): { code: string; comments: { index: number; text: string }[] } {
  const comments: { index: number; text: string }[] = [];
  const out: string[] = [];
  // One entry per open template: the depth of braces inside its current ${}.
  const templates: number[] = [];
  let i = 0;
  const blank = (end: number) => {
    out.push(text.slice(i, end).replace(/[^\n]/g, ' '));
    i = end;
  };
  const keep = (count: number) => {
    out.push(text.slice(i, i + count));
    i += count;
  };
  const template = () => {
    let end = i;
    while (end < text.length && text[end] !== '`' && !(text[end] === '$' && text[end + 1] === '{'))
      end += text[end] === '\\' ? 2 : 1;
    blank(Math.min(end, text.length));
    if (text[i] === '`') keep(1);
    else if (i < text.length) {
      keep(2);
      templates.push(0);
    }
  };
  while (i < text.length) {
    const char = text[i] ?? '';
    const two = text.slice(i, i + 2);
    if (two === '//' || two === '/*') {
      const close = two === '//' ? text.indexOf('\n', i) : text.indexOf('*/', i + 2);
      const end = close < 0 ? text.length : two === '//' ? close : close + 2;
      comments.push({ index: i, text: text.slice(i, end) });
      blank(end);
    } else if (char === "'" || char === '"') {
      let end = i + 1;
      while (end < text.length && text[end] !== char && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
      keep(1);
      blank(Math.min(end, text.length));
      keep(1);
    } else if (char === '`') {
      keep(1);
      template();
    } else if (
      char === '/' &&
      /(?:^|[([{,;:=!&|?+\-*%~^<>]|\b(?:return|typeof|case|in|of|void|throw|await|yield|else))\s*$/.test(
        out.slice(-24).join('').slice(-40),
      )
    ) {
      let end = i + 1;
      let inClass = false;
      while (end < text.length && text[end] !== '\n' && (inClass || text[end] !== '/')) {
        if (text[end] === '[') inClass = true;
        else if (text[end] === ']') inClass = false;
        end += text[end] === '\\' ? 2 : 1;
      }
      keep(1);
      blank(Math.min(end, text.length));
      keep(1);
    } else if (templates.length > 0 && (char === '{' || char === '}')) {
      const depth = (templates.pop() ?? 0) + (char === '{' ? 1 : -1);
      keep(1);
      if (depth < 0) template();
      else templates.push(depth);
    } else {
      const word = /^[\w$\s]+/.exec(text.slice(i, i + 200))?.[0] ?? char;
      keep(word.length);
    }
  }
  return { code: out.join(''), comments };
}

function read(): SourceFile[] {
  const src = fileURLToPath(new URL('../src/', import.meta.url));
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(src + path, 'utf8') }));
}

test('every folder keeps to its floor, the lower floors to themselves, and all to the type checker', () => {
  const sources = read();
  expect(sources.length).toBeGreaterThan(20);
  expect(breaches(sources)).toEqual([]);
});

const INDEX = { path: 'flow/index.ts', text: '/** Floor 2. */\n' };
const inFlow = (text: string) => breaches([INDEX, { path: 'flow/x.ts', text }]);

test.each([
  ["import { a } from '../feature/index.ts';", 'flow/x.ts:1: imports feature, which is not a lower floor than flow'],
  [
    "import type { A } from '../feature/index.ts';",
    'flow/x.ts:1: imports feature, which is not a lower floor than flow',
  ],
  [
    "\nimport {\n  a,\n} from '../feature/index.ts';",
    'flow/x.ts:2: imports feature, which is not a lower floor than flow',
  ],
  ["export * from '../report/index.ts';", 'flow/x.ts:1: imports report, which is not a lower floor than flow'],
  ["const x = await import('../io/index.ts');", 'flow/x.ts:1: imports io, which is not a lower floor than flow'],
  ["type X = import('../io/index.ts').X;", 'flow/x.ts:1: imports io, which is not a lower floor than flow'],
  ["import '../index.ts';", 'flow/x.ts:1: imports src, which is not a lower floor than flow'],
  ["import { a } from '../core/table.ts';", 'flow/x.ts:1: imports ../core/table.ts past core/index.ts'],
  ["import { a } from '../../bench/a.ts';", 'flow/x.ts:1: imports ../../bench/a.ts, which is outside src'],
  ["import { readFileSync } from 'node:fs';", 'flow/x.ts:1: imports node:fs, but floor 2 imports nothing from Node'],
  ["import fs from 'fs/promises';", 'flow/x.ts:1: imports fs/promises, but floor 2 imports nothing from Node'],
])('the import %j is a breach', (text, breach) => {
  expect(inFlow(text)).toEqual([breach]);
});

test.each([
  ['const e = process.env;', 'process'],
  ['const { env } = process;', 'process'],
  ['const b = Buffer.from(x);', 'Buffer'],
  ['globalThis.crypto;', 'globalThis'],
  ["const fs = require('node:fs');", 'require()'],
  ['const t = Date.now();', 'Date.now'],
  ['const t = new Date();', 'new Date() without a time'],
  ['const t = new Date;', 'new Date() without a time'],
  ['const t = Date();', 'Date()'],
  ['performance.now();', 'performance'],
  ['const r = Math.random();', 'Math.random'],
  ['const r = crypto.randomUUID();', 'unseeded randomness'],
  ['const r = await fetch(url);', 'fetch'],
  ['setTimeout(f, 1);', 'a timer'],
  ['date.getHours();', "the machine's time zone"],
  ['n.toLocaleString();', "the machine's locale"],
  ['a.localeCompare(b);', "the machine's locale"],
  [`const s = \`\${Date.now()}\`;`, 'Date.now'],
])('%j is a breach on a lower floor', (text, name) => {
  expect(inFlow(text)).toEqual([`flow/x.ts:1: uses ${name}, but floor 2 touches no world`]);
});

test.each([
  ['eval(x);', 'uses eval'],
  ["const f = new Function('return 1');", 'uses the Function constructor'],
  ['function f(a: any) {}', 'uses the type any'],
  ['const m = new Map<string, any>();', 'uses the type any'],
  ['const a: any[] = [];', 'uses the type any'],
  ['const a = b as any;', 'uses as any'],
  ['const a = b as unknown as C;', 'uses as unknown as'],
  ['// @ts-ignore\nf();', 'silences the type checker'],
  ['/* @ts-nocheck */', 'silences the type checker'],
])('%j is a breach on every floor', (text, breach) => {
  expect(inFlow(text)).toEqual([`flow/x.ts:1: ${breach}`]);
  expect(breaches([{ path: 'cli/main.ts', text: `/** Face. */${text}` }])).toEqual([`cli/main.ts:1: ${breach}`]);
});

test('faces may use the world but never one another', () => {
  const main = { path: 'cli/main.ts', text: "/** Face. */ import 'node:fs'; process.exit(); Date.now();" };
  expect(breaches([main])).toEqual([]);
  const index = { path: 'server/index.ts', text: "/** Face. */\nimport '../cli/index.ts';\n" };
  expect(breaches([main, index])).toEqual(['server/index.ts:2: imports cli, which is not a lower floor than server']);
});

test('what only looks like a breach is none', () => {
  const innocent = [
    "import { t } from '../core/index.ts';",
    "import { xxhash } from '@noble/hashes/utils.js';",
    "import { decode } from '../wire/index.ts';",
    "import { near } from './near.ts';",
    "// process.env, Date.now() and import '../report/index.ts' in a comment",
    "const help = 'new Date(), Math.random, as any, eval(1)';",
    `const text = \`Buffer \${\`nested \${t} process.env\`} fetch(x)\`;`,
    'const pattern = /[/"\'`]eval\\(.*: any/g;',
    'const ratio = total / count / 2; // "',
    'const when = new Date(us / 1000).toISOString();',
    'const b = new ArrayBuffer(8);',
    "const n = count.toLocaleString('en-US');",
    'const o = { process: 1, any: 2 };',
    'o.process;',
    'class Step { process(row: number) { return row; } }',
  ].join('\n');
  expect(inFlow(innocent)).toEqual([]);
});

test('a test file may use Node and the clock, but may not climb', () => {
  const text = "import { readFileSync } from 'node:fs';\nimport '../cli/main.ts';\nDate.now();";
  expect(breaches([INDEX, { path: 'flow/x.test.ts', text }])).toEqual([
    'flow/x.test.ts:2: imports cli, which is not a lower floor than flow',
  ]);
});

test('names are kebab-case and folders singular, known, and begin with a doc comment', () => {
  const good = '/** Doc. */';
  expect(breaches([INDEX, { path: 'flow/flowTable.ts', text: '' }])).toEqual([
    'flow/flowTable.ts:1: flowTable.ts is not kebab-case',
  ]);
  expect(breaches([{ path: 'utils/index.ts', text: good }])).toEqual([
    'utils/index.ts:1: the folder utils has no floor',
  ]);
  expect(
    breaches([
      { path: 'io/index.ts', text: good },
      { path: 'io/sinks/index.ts', text: good },
    ]),
  ).toEqual(['io/sinks/index.ts:1: the folder sinks is not singular']);
  expect(breaches([{ path: 'io/dns/a.ts', text: good }])).toEqual(['io: has no index.ts']);
  expect(breaches([{ path: 'io/index.ts', text: '// no doc comment' }])).toEqual([
    'io: its index.ts does not start with a doc comment',
  ]);
  expect(breaches([{ path: 'cli/command.ts', text: good }])).toEqual(['cli: has no index.ts or main.ts']);
});
