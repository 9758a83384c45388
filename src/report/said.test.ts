import { expect, test } from 'vitest';
import { sampleResult } from '../../test/support/sample.ts';
import type { JudgedIncident } from '../analyst/index.ts';
import { renderHtml } from './html.ts';
import { saidOf } from './said.ts';
import { renderTerminal } from './terminal.ts';

function saying(...said: readonly (readonly [name: string, value: string | number])[]): JudgedIncident {
  const [incident] = sampleResult().incidents;
  if (incident === undefined) throw new Error('no incident');
  const evidence = said.map(
    ([name, value], i) =>
      ({ id: `m${i + 1}`, type: 'measure', detection: 'd1', name, value, unit: '', sentence: 'A.' }) as const,
  );
  return { ...incident, evidence: [...incident.evidence.filter(({ type }) => type !== 'measure'), ...evidence] };
}

test('what authors say is kept once each, in order, and no other measure', () => {
  const incident = saying(
    ['flag.name', 'many names'],
    ['flag.message', '10.0.0.2 asked 3 names'],
    ['alert.signature', 'ET SCAN x'],
    ['flag.message', '10.0.0.2 asked 3 names'],
    ['flag.rows', 3],
  );
  expect(saidOf(incident)).toEqual([
    { by: 'Flag', text: '10.0.0.2 asked 3 names' },
    { by: 'Rule', text: 'ET SCAN x' },
  ]);
});

test('the terminal shows the first and counts the rest, and text from outside can not steer it', () => {
  const incident = saying(['alert.signature', 'ET \u001b[31mred'], ['alert.signature', 'ET second']);
  const text = renderTerminal({ ...sampleResult(), incidents: [incident] }, { color: false, width: 100, top: 1 });
  expect(text).toContain('Rule: ET \\u{1b}[31mred (and 1 more)');
});

test('the page shows what each author says, five of a kind, as text', () => {
  const signatures = Array.from({ length: 7 }, (_, i) => ['alert.signature', `<b>rule ${i}</b>`] as const);
  const page = renderHtml({ ...sampleResult(), incidents: [saying(['flag.message', 'one'], ...signatures)] });
  expect(page).toMatch(/<dt>Flag<\/dt><dd><ul><li>.*one.*<\/li><\/ul><\/dd>/);
  expect(page).toContain('<dt>Rules</dt>');
  expect(page).toContain('&lt;b&gt;rule 4&lt;/b&gt;');
  expect(page).toContain('<li>and 2 more</li>');
  expect(page).not.toContain('<b>rule');
});
