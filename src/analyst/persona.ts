import { nearest, safeText, UserError } from '../core/index.ts';
import { BUILT_IN_TEMPLATES } from './template/index.ts';

/**
 * For whom a language model writes, and what it is asked for beyond the verdict. A persona is a Markdown text with a head:
 *
 *     ---
 *     id: technical-expert
 *     version: 1
 *     title: Technical expert
 *     audience: analysts of a security team
 *     ---
 *     How to write, in a few sentences.
 *
 *     ## indicators: Indicators
 *     What this section should hold.
 *
 * The version goes into what is remembered of answers: whoever changes a template gives it a new one.
 */
export interface Persona {
  /** Lower-case letters, digits and dashes. */
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly audience: string;
  readonly instructions: string;
  readonly sections: readonly PersonaSection[];
}

export interface PersonaSection {
  readonly id: string;
  readonly title: string;
  /** What the section should hold. */
  readonly ask: string;
}

const MAX_TEMPLATE = 6000;
const MAX_SECTIONS = 8;
const KEYS = ['id', 'version', 'title', 'audience'] as const;
const ID = /^[a-z][a-z0-9-]{0,40}$/;

/**
 * Reads a template.
 * @param file its name, for errors
 * @throws UserError with the line for a text that is no template
 */
export function parsePersona(text: string, file: string): Persona {
  const fail = (line: number, what: string, hint: string): never => {
    throw new UserError(`${file}:${line}: ${what}`, hint);
  };
  if (text.length > MAX_TEMPLATE)
    fail(1, `the template has ${text.length} characters.`, `At most ${MAX_TEMPLATE} leave room for the facts.`);
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const close = lines.indexOf('---', 1);
  if (lines[0] !== '---' || close < 0)
    fail(
      1,
      'there is no head.',
      'A template begins with a line of three dashes, keys and values, and three dashes again.',
    );
  const head = new Map<string, string>();
  lines.slice(1, close).forEach((line, i) => {
    if (line.trim() === '') return;
    const [, key = '', value = ''] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (!(KEYS as readonly string[]).includes(key)) {
      const near = nearest(key, KEYS);
      fail(
        i + 2,
        `'${safeText(key === '' ? line : key, 40)}' is no key of a template.`,
        near === undefined ? `The keys are ${KEYS.join(', ')}.` : `Did you mean '${near}'?`,
      );
    }
    head.set(key, value.trim());
  });
  for (const key of KEYS)
    if ((head.get(key) ?? '') === '')
      fail(1, `the head lacks '${key}'.`, `The keys are ${KEYS.join(', ')}, all of them needed.`);
  const id = head.get('id') ?? '';
  if (!ID.test(id))
    fail(
      1,
      `'${safeText(id, 40)}' is no id.`,
      'An id has lower-case letters, digits and dashes, as in technical-expert.',
    );

  const instructions: string[] = [];
  const sections: { id: string; title: string; ask: string[] }[] = [];
  lines.slice(close + 1).forEach((line, i) => {
    const number = close + 2 + i;
    if (line.startsWith('## ')) {
      const [, section = '', title = ''] = /^## ([^:]+):\s*(.+)$/.exec(line) ?? [];
      if (!ID.test(section))
        fail(
          number,
          `'${safeText(line, 60)}' is no heading of a section.`,
          "A heading is like '## indicators: Indicators'.",
        );
      if (sections.some((one) => one.id === section))
        fail(number, `the section '${section}' is there twice.`, 'Give each section an id of its own.');
      sections.push({ id: section, title: title.trim(), ask: [] });
      if (sections.length > MAX_SECTIONS)
        fail(number, `there are more than ${MAX_SECTIONS} sections.`, 'Ask for less, or make two templates of it.');
    } else (sections.at(-1)?.ask ?? instructions).push(line);
  });
  const whole = (text: readonly string[]): string => text.join(' ').replace(/\s+/g, ' ').trim();
  if (whole(instructions) === '') fail(close + 1, 'there are no instructions.', 'Say in a few sentences how to write.');
  return {
    id,
    version: head.get('version') ?? '',
    title: head.get('title') ?? '',
    audience: head.get('audience') ?? '',
    instructions: whole(instructions),
    sections: sections.map((section) => ({ id: section.id, title: section.title, ask: whole(section.ask) })),
  };
}

/** The personas that ship, the plain analyst first. */
export function builtInPersonas(): readonly Persona[] {
  return BUILT_IN_TEMPLATES.map((text, i) => parsePersona(text, `built-in template ${i + 1}`));
}

/**
 * A persona by its id, of those given or of those that ship.
 * @throws UserError with the nearest id where there is none
 */
export function personaById(id: string, personas: readonly Persona[] = builtInPersonas()): Persona {
  const found = personas.find((persona) => persona.id === id);
  if (found !== undefined) return found;
  const ids = personas.map((persona) => persona.id);
  const near = nearest(id, ids);
  throw new UserError(
    `There is no persona '${safeText(id, 40)}'.`,
    near === undefined ? `There are ${ids.join(', ')}.` : `Did you mean '${near}'?`,
  );
}
