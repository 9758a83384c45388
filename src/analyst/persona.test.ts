import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../core/index.ts';
import { builtInPersonas, parsePersona, personaById } from './persona.ts';

const GOOD = `---
id: night-shift
version: 2
title: Night shift
audience: whoever is awake
---
Be brief.
Be kind.

## calls: Whom to call
By role.
`;

function error(text: string): string {
  try {
    parsePersona(text, 'p.md');
  } catch (thrown) {
    if (thrown instanceof UserError) return `${thrown.message} ${thrown.hint}`;
    throw thrown;
  }
  return '';
}

describe('a template', () => {
  it('is read, with either line end and a byte order mark', () => {
    const persona = {
      id: 'night-shift',
      version: '2',
      title: 'Night shift',
      audience: 'whoever is awake',
      instructions: 'Be brief. Be kind.',
      sections: [{ id: 'calls', title: 'Whom to call', ask: 'By role.' }],
    };
    expect(parsePersona(GOOD, 'p.md')).toEqual(persona);
    expect(parsePersona(`\uFEFF${GOOD.replaceAll('\n', '\r\n')}`, 'p.md')).toEqual(persona);
  });

  it.each([
    [
      'Be brief.',
      'p.md:1: there is no head. A template begins with a line of three dashes, keys and values, and three dashes again.',
    ],
    [GOOD.replace('title:', 'titel:'), "p.md:4: 'titel' is no key of a template. Did you mean 'title'?"],
    [
      GOOD.replace('version: 2\n', ''),
      "p.md:1: the head lacks 'version'. The keys are id, version, title, audience, all of them needed.",
    ],
    [
      GOOD.replace('night-shift', 'Night Shift'),
      "p.md:1: 'Night Shift' is no id. An id has lower-case letters, digits and dashes, as in technical-expert.",
    ],
    [
      GOOD.replace('## calls: Whom', '## Whom'),
      "p.md:10: '## Whom to call' is no heading of a section. A heading is like '## indicators: Indicators'.",
    ],
    [`${GOOD}## calls: Again\n`, "p.md:12: the section 'calls' is there twice. Give each section an id of its own."],
    [
      GOOD.replace('Be brief.\nBe kind.', ''),
      'p.md:6: there are no instructions. Say in a few sentences how to write.',
    ],
    [GOOD + 'x'.repeat(6000), 'p.md:1: the template has 6133 characters. At most 6000 leave room for the facts.'],
  ])('that is wrong is told with its line (%#)', (text, message) => {
    expect(error(text)).toBe(message);
  });

  it('of any text is read or told to be wrong', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (noise) => void error(`---\n${noise}\n---\n${noise}`)));
  });
});

describe('the personas that ship', () => {
  it('are seven, with ids of their own', () => {
    expect(builtInPersonas().map(({ id, version, sections }) => `${id}/${version}: ${sections.length}`)).toEqual([
      'analyst/1: 0',
      'technical-expert/1: 5',
      'risk-assessor/1: 5',
      'incident-responder/1: 5',
      'threat-intelligence/1: 3',
      'executive-briefing/1: 4',
      'five-part/1: 5',
    ]);
  });

  it('are found by id', () => {
    expect(personaById('risk-assessor').title).toBe('Risk assessor');
    expect(() => personaById('risk-asessor')).toThrow("There is no persona 'risk-asessor'.");
  });
});
