import type { AnalysisResult } from '../../src/report/result.ts';
import { sampleResult } from './sample.ts';

/** Results in which every text that could come from a network is an attack; for the tests of the reports, like the sample they are made from. */

/** Each one wants something else to run, break or lie: markup, a formula, a terminal, a reader's eyes, a parser, the memory. */
export const NASTY: readonly string[] = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  '</style><script>alert(2)</script><style>',
  '</title></textarea>--><!--',
  'javascript:alert(1)',
  `\`\${alert(1)}\`{{7*7}}`,
  "=cmd|'/c calc'!A0",
  '+1+1',
  '-2+3',
  '@SUM(1+1)',
  '\t=1+1',
  '\r=1+1',
  '\uff1dcmd',
  ' =1+1',
  'a;=1+1',
  'a,"=1+1',
  '\u001b[31mred\u001b[0m\u001b]0;title\u0007\u009b2J',
  '\u202egnp.exe\u2066\u200b\ufeff',
  'nul\u0000middle\u0000',
  '\ud800lone\udc00',
  'line\u2028separator\u2029',
  'a\nb\r\nc',
  '&lt;already&amp;escaped&#60;',
  'x'.repeat(10_000),
  '\u001b'.repeat(10_000),
  '',
];

/** What code makes and checks before a report sees it; all other strings are replaced. */
const MADE_BY_CODE = new Set([
  'id',
  'severity',
  'shares',
  'type',
  'status',
  'assessment',
  'action',
  'cites',
  'detection',
]);

/** The sample with every other text replaced by `text`. */
export function hostileResult(text: string): AnalysisResult {
  const poison = <T>(value: T, key: string): T => {
    if (typeof value === 'string') return (MADE_BY_CODE.has(key) ? value : text) as T & string;
    if (Array.isArray(value)) {
      const made = key === 'cites' || (key === 'evidence' && typeof value[0] === 'string');
      return made ? value : (value.map((item) => poison(item, key)) as T & unknown[]);
    }
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, poison(member, name)])) as T &
      object;
  };
  return poison(sampleResult(), '');
}
