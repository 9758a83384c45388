import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeHtml, Html, html, join, trusted } from './escape.ts';

test('a string in a template can be neither an element nor the end of an attribute', () => {
  expect(html`<p title="${'"><b>'}">${"<i>'`&"}</p>`.text).toBe(
    '<p title="&quot;&gt;&lt;b&gt;">&lt;i&gt;&#39;&#96;&amp;</p>',
  );
});

test('markup goes in as it is, lists are joined, and what is absent leaves nothing', () => {
  expect(html`${html`<b>x</b>`}|${['a<', trusted('<br>')]}|${undefined}${null}${false}${7}`.text).toBe(
    '<b>x</b>|a&lt;<br>|7',
  );
  expect(join([html`<i>1</i>`, 'a&b']).text).toBe('<i>1</i>a&amp;b');
});

test('control characters, overrides and lone surrogates become visible', () => {
  expect(html`${'\u001b[31m\u202e\ud800'}`.text).toBe('\\u{1b}[31m\\u{202e}\\u{d800}');
});

test('text that is too long is cut', () => {
  expect(html`${'x'.repeat(3000)}`.text).toBe(`${'x'.repeat(2000)}…`);
});

test('no text whatever leaves a character that markup could begin with, and reading the escapes gives the text back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const escaped = escapeHtml(text);
      expect(escaped).not.toMatch(/[<>"'`]/);
      const names: Record<string, string> = {
        '&amp;': '&',
        '&lt;': '<',
        '&gt;': '>',
        '&quot;': '"',
        '&#39;': "'",
        '&#96;': '`',
      };
      expect(escaped.replace(/&[^;]*;/g, (entity) => names[entity] ?? '?')).toBe(text);
    }),
  );
});

test('an object that only looks like markup is not taken for it', () => {
  expect(new Html('<b>') instanceof Html).toBe(true);
  expect(html`${'[object Html]'}`.text).toBe('[object Html]');
});
