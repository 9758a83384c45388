import { expect, test } from 'vitest';
import { hostileResult, NASTY } from '../../../test/support/hostile.ts';
import { incidentsDocument, renderHtml, renderJson } from '../../report/index.ts';
import { storedResult } from './stored-result.ts';

test('what was read back from incidents.json is written as the same file again', () => {
  for (const nasty of ['plain', ...NASTY]) {
    const text = renderJson(hostileResult(nasty));
    const result = storedResult(incidentsDocument.parse(JSON.parse(text)));
    expect(renderJson(result)).toBe(text);
    expect(renderHtml(result)).toContain('<html');
  }
});
