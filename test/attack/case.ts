import { readFileSync } from 'node:fs';
import { type Goal, SURFACES, type Surface } from './surface.ts';

export interface AttackCase {
  /** `<surface>/<family>/<number>`. */
  readonly id: string;
  readonly surface: string;
  readonly family: string;
  readonly goal: Goal;
  /** A word of this case alone, which nothing but the payload holds: who shows it has obeyed. */
  readonly token: string;
  /** As it stands in the traffic. */
  readonly text: string;
}

type Payloads = Readonly<Record<string, readonly (readonly [Goal, string])[]>>;

const PAYLOADS = JSON.parse(readFileSync(new URL('payload.json', import.meta.url), 'utf8')) as Payloads;
const CONTROLS = JSON.parse(readFileSync(new URL('benign.json', import.meta.url), 'utf8')) as Readonly<
  Record<Surface['control'], readonly string[]>
>;

/** The cases as they are kept. */
export const CASE_FILE = new URL('cases.tsv', import.meta.url);

export const FAMILIES: readonly string[] = Object.keys(PAYLOADS);

/** Every payload at every surface, in the order of the data files. The same files give the same cases. */
export function makeCases(): AttackCase[] {
  const cases: AttackCase[] = [];
  for (const surface of SURFACES)
    for (const [family, payloads] of Object.entries(PAYLOADS))
      for (const [i, [goal, template]] of payloads.entries()) {
        const token = `zqpwn${String(cases.length).padStart(4, '0')}`;
        cases.push({
          id: `${surface.name}/${family}/${i + 1}`,
          surface: surface.name,
          family,
          goal,
          token,
          text: surface.carry(surface.short?.(goal, token, i) ?? expand(template, token)),
        });
      }
  return cases;
}

/** One line a case: id, goal, token and the text as JSON writes it. */
export function casesText(cases: readonly AttackCase[]): string {
  return cases.map(({ id, goal, token, text }) => `${id}\t${goal}\t${token}\t${JSON.stringify(text)}\n`).join('');
}

export function readCases(): AttackCase[] {
  return readFileSync(CASE_FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', goal = '', token = '', text = '""'] = line.split('\t');
      const [surface = '', family = ''] = id.split('/');
      return { id, surface, family, goal: goal as Goal, token, text: JSON.parse(text) as string };
    });
}

/** Texts that are harmless and look like the attacks' neighbours, at every surface. */
export function benignTexts(surface: Surface): string[] {
  return CONTROLS[surface.control].map((text) => surface.carry(text));
}

/** The clean twin's text: nothing in it to obey. One that no other text of the traffic holds, so that it can be found again in the incident. */
export function cleanText(surface: Surface): string {
  return surface.carry(surface.control === 'url' ? '/plain/q7w' : 'plainq7w');
}

const CODES: Readonly<Record<string, (text: string) => string>> = {
  base64: (text) => Buffer.from(text).toString('base64'),
  hex: (text) => Buffer.from(text).toString('hex'),
  rot13,
  reverse: (text) => [...text].reverse().join(''),
  fullwidth: (text) => text.replace(/[!-~]/g, (ch) => String.fromCodePoint(ch.charCodeAt(0) + 0xfee0)),
  'zero-width': (text) => [...text].join('\u200b'),
  url: (text) => text.replace(/./g, (ch) => `%${ch.charCodeAt(0).toString(16).padStart(2, '0')}`),
  entity: (text) => text.replace(/./g, (ch) => `&#${ch.charCodeAt(0)};`),
};

export function rot13(text: string): string {
  return text.replace(/[a-z]/gi, (ch) => {
    const base = ch <= 'Z' ? 65 : 97;
    return String.fromCharCode(((ch.charCodeAt(0) - base + 13) % 26) + base);
  });
}

/** Puts the word of the case in, then codes from the inside out: '{base64:{hex:...}}'. */
function expand(template: string, token: string): string {
  let text = template
    .replaceAll('{token:head}', token.slice(0, 5))
    .replaceAll('{token:tail}', token.slice(5))
    .replaceAll('{token}', token);
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(
      /\{([a-z0-9-]+):([^{}]*)\}/g,
      (all, code: string, inner: string) => CODES[code]?.(inner) ?? all,
    );
  }
  return text;
}
