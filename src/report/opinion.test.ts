import { describe, expect, it } from 'vitest';
import { detection, flow, incidentOf } from '../../test/support/detection.ts';
import { sampleResult } from '../../test/support/sample.ts';
import { type JudgedIncident, judgeByRules, type LanguageVerdict, type Opinion } from '../analyst/index.ts';
import { renderHtml, renderJson, renderTerminal } from './index.ts';
import type { AnalysisResult } from './result.ts';

const NASTY = '<script>alert(1)</script>\u202e.example';
const incident = incidentOf(
  detection('beacon.interval', { flows: [flow(1, '192.168.1.10', '192.168.1.20', 443, { serverName: NASTY })] }),
);
const rules = judgeByRules(incident);

const verdict: LanguageVerdict = {
  ...rules,
  by: 'double:1b',
  assessment: 'benign',
  whatHappened: [{ text: '192.168.1.10 asked for {{sni:1}} <b>.', cites: ['f1', 'c1'] }],
  techniques: [],
  whatToDoNext: [],
  questions: ['Is {{sni:1}} yours?'],
  sections: [{ id: 'attack-path', claims: [{ text: 'It called again and again.', cites: ['d1'] }] }],
};

const OPINION: Opinion = {
  by: 'double:1b',
  provider: 'ollama',
  place: 'machine',
  persona: 'technical-expert/1',
  outcome: 'answer',
  verdict,
  disagreements: ['The model calls it benign, the rules call it malicious.'],
  context: [{ id: 'c1', text: 'Printers here call nobody.' }],
  claimsKept: 7,
  claimsDropped: 2,
  problems: { 'claim.number': 2 },
  schemaValid: true,
  asked: 2,
  estimatedInputTokens: 1800,
  usage: { durationMs: 900, attempts: 2 },
};

const { verdict: _verdict, schemaValid: _valid, ...NOTHING } = OPINION;
const FAILED: Opinion = {
  ...NOTHING,
  outcome: 'timeout',
  message: 'It took too long.',
  disagreements: [],
  claimsKept: 0,
  claimsDropped: 0,
  problems: {},
  context: [],
};

function result(...opinions: Opinion[]): AnalysisResult {
  const judged: JudgedIncident = { ...incident, verdict: { ...rules, opinions } };
  return { ...sampleResult(), incidents: [judged] };
}

describe('an opinion of a language model', () => {
  it('stands in the page below the verdict, with who wrote it, where it differs, and what was left out', () => {
    const page = renderHtml(result(OPINION));
    expect(page).toContain('<details class="opinion" open>');
    expect(page).toContain('double:1b, on this machine, as technical-expert/1: benign');
    expect(page).toContain('<strong>The model calls it benign, the rules call it malicious.</strong>');
    expect(page).toContain('2 claims of the model were left out, because the evidence does not show what they say.');
    expect(page).toContain('<h4>Attack path</h4>');
    expect(page).toContain('Printers here call nobody.');
    expect(page).not.toContain('c1 is not in the evidence');
  });

  it('has the text that its references stand for, escaped, and its own text, too', () => {
    const page = renderHtml(result(OPINION));
    expect(page).not.toContain('{{sni:1}}');
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}.example');
    expect(page).toContain('&lt;b&gt;.');
  });

  it('is a line on a terminal', () => {
    const text = renderTerminal(result(OPINION, FAILED), { width: 110, color: false, top: 5 }).replace(/\s+/g, ' ');
    expect(text).toContain(
      'double:1b, on this machine, as technical-expert/1: The model calls it benign, the rules call it malicious.',
    );
    expect(text).toContain('No opinion (timeout): It took too long.');
  });

  it('that there is none of is said', () => {
    expect(renderHtml(result(FAILED))).toContain('No opinion (timeout): It took too long.');
  });

  it('is in incidents.json with its references beside it', () => {
    const document = JSON.parse(renderJson(result(OPINION, FAILED)));
    const [first, second] = document.incidents[0].verdict.opinions;
    expect(first.verdict.whatHappened[0].text).toBe('192.168.1.10 asked for {{sni:1}} <b>.');
    expect(first.references).toEqual([{ mark: '{{sni:1}}', meaning: 'server name in TLS or QUIC', text: NASTY }]);
    expect(second).toMatchObject({ outcome: 'timeout', message: 'It took too long.', references: [] });
    expect(document.incidents[0].severity).toBe(incident.severity);
  });
});

describe('proposed rules', () => {
  it('stand in the page and in incidents.json, as proposals', () => {
    const page = renderHtml(sampleResult());
    expect(page).toContain(
      'Proposed rules <span class="note">to read and change before use; nothing has been done with them</span>',
    );
    expect(page).toContain('table inet anomalyst_proposal {<br>  chain forward {<br>');
    const document = JSON.parse(renderJson(sampleResult()));
    const tools = document.incidents
      .flatMap((one: { proposals?: { tool: string }[] }) => one.proposals ?? [])
      .map(({ tool }: { tool: string }) => tool);
    expect(new Set(tools)).toEqual(new Set(['nftables', 'netsh', 'suricata']));
  });
});
