import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { hostileResult, NASTY } from '../../test/support/hostile.ts';
import { bigResult, quietResult, sampleResult } from '../../test/support/sample.ts';
import { escapeHtml } from './escape.ts';
import { renderHtml } from './html.ts';
import { DARK, LIGHT, STYLE } from './html-style.ts';
import { iconDataUrl } from './svg.ts';

interface Page {
  readonly tags: readonly { readonly name: string; readonly attributes: ReadonlyMap<string, string> }[];
  readonly ids: ReadonlySet<string>;
  readonly text: string;
}

const VOID = new Set(['meta', 'link', 'br']);
const TAGS = new Set(
  'html head meta title link style body a header nav main section article footer div p h1 h2 h3 h4 ul li dl dt dd b strong span small bdi figure figcaption table caption thead tbody tfoot tr th td details summary svg text tspan line rect path br'.split(
    ' ',
  ),
);
const ATTRIBUTES = new Set(
  'lang charset http-equiv content name rel href class id role tabindex scope open aria-label aria-labelledby aria-hidden viewBox preserveAspectRatio x y x1 x2 y1 y2 width height rx d text-anchor'.split(
    ' ',
  ),
);

/**
 * Reads the page as strictly as it was written: known elements and attributes alone, every value in double quotes, every element closed in order,
 * no bare `<` or `>` in text. What a hostile text managed to open would be an unknown tag, an unknown attribute or a broken nesting here.
 */
function readPage(html: string): Page {
  const doctype = '<!doctype html>\n';
  if (!html.startsWith(doctype)) throw new Error('no doctype');
  const tags: { name: string; attributes: Map<string, string> }[] = [];
  const ids = new Set<string>();
  const open: string[] = [];
  let text = '';
  let at = doctype.length;
  while (at < html.length) {
    const next = html.indexOf('<', at);
    const words = html.slice(at, next < 0 ? undefined : next);
    if (words.includes('>')) throw new Error(`a bare > in '${words.slice(0, 80)}'`);
    if (/&(?!(?:amp|lt|gt|quot|#39|#96);)/.test(words)) throw new Error(`a bare & in '${words.slice(0, 80)}'`);
    text += words;
    if (next < 0) break;
    const tag = /^<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z0-9-]+(?:="[^"<>]*")?)*)(\/?)>/.exec(
      html.slice(next, next + 100_000),
    );
    if (tag === null) throw new Error(`not a tag: '${html.slice(next, next + 80)}'`);
    const [whole, closing, name = '', rest = '', selfClosed] = tag;
    at = next + whole.length;
    if (!TAGS.has(name)) throw new Error(`unexpected <${name}>`);
    if (closing === '/') {
      const expected = open.pop();
      if (expected !== name) throw new Error(`</${name}> where </${expected}> was expected`);
      continue;
    }
    const attributes = new Map<string, string>();
    for (const [, attribute = '', value = ''] of rest.matchAll(/\s+([a-zA-Z0-9-]+)(?:="([^"]*)")?/g)) {
      if (!ATTRIBUTES.has(attribute)) throw new Error(`unexpected attribute ${attribute} in ${whole}`);
      if (attributes.has(attribute)) throw new Error(`${attribute} twice in ${whole}`);
      attributes.set(attribute, value);
    }
    const id = attributes.get('id');
    if (id !== undefined) {
      if (!/^[a-z0-9-]+$/.test(id)) throw new Error(`the id '${id}' was not made by code`);
      if (ids.has(id)) throw new Error(`the id '${id}' stands twice`);
      ids.add(id);
    }
    tags.push({ name, attributes });
    if (name === 'style') {
      const end = html.indexOf('</style>', at);
      if (html.slice(at, end) !== STYLE) throw new Error('the style sheet is not the one that was written');
      at = end + '</style>'.length;
    } else if (!VOID.has(name) && selfClosed !== '/') open.push(name);
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)}> is not closed`);
  return { tags, ids, text };
}

function checkSafe(html: string): Page {
  const page = readPage(html);
  expect(html.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2066-\u2069\ufeff]/);
  expect(html.isWellFormed()).toBe(true);
  for (const { name, attributes } of page.tags) {
    const href = attributes.get('href');
    if (href === undefined) continue;
    if (name === 'link') expect(href).toBe(escapeHtml(iconDataUrl()));
    else if (href.startsWith('#')) expect(page.ids, `${href} leads nowhere`).toContain(href.slice(1));
    else {
      expect(href).toMatch(/^https:\/\/attack\.mitre\.org\/techniques\/T\d{4}(\/\d{3})?\/$/);
      expect(attributes.get('rel')).toBe('noreferrer');
    }
  }
  return page;
}

test('the page reads strictly, and everything that is cited is there to jump to', () => {
  for (const result of [sampleResult(), quietResult()]) checkSafe(renderHtml(result));
  const cites = renderHtml(sampleResult()).match(/<a class="cite" href="#i1-[ed]\d+">/g) ?? [];
  expect(cites.length).toBe(14);
});

test('the policy allows the one style sheet by its hash and nothing that runs or loads', () => {
  const html = renderHtml(sampleResult());
  const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(html)?.[1];
  const hash = createHash('sha256').update(STYLE).digest('base64');
  expect(policy).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`,
  );
  expect(html.indexOf('Content-Security-Policy')).toBeLessThan(html.indexOf('<style>'));
  expect(html).not.toMatch(/<script|<iframe|<img| style=| on\w+=|javascript:|@import|url\(/i);
});

test.each(NASTY.map((text) => [JSON.stringify(text.slice(0, 24)), text]))(
  'hostile text is shown and does nothing: %s',
  (_, text) => {
    const html = renderHtml(hostileResult(text));
    const page = checkSafe(html);
    expect(page.tags.length).toBeGreaterThan(1000);
    expect(html).not.toMatch(/<script|<img|<svg on|<!--|href="javascript/i);
    expect(html).toContain("content=\"default-src 'none'; style-src 'sha256-");
    expect(html.length).toBeLessThan(4_000_000);
  },
);

test('markup in a name is shown as the characters that it is', () => {
  const html = renderHtml(hostileResult('<script>alert(1)</script>'));
  expect(html).toContain('<h3 id="incident-1-h">&lt;script&gt;alert(1)&lt;/script&gt;</h3>');
  expect(html).toContain('<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>');
});

test('a technique id that is not of ATT&CK is no link', () => {
  const result = sampleResult();
  const incidents = result.incidents.map((incident) => ({
    ...incident,
    techniques: [{ id: 'T1/../../evil', name: 'n', tactic: 't' }],
  }));
  const html = renderHtml({ ...result, incidents });
  expect(html).not.toContain('href="https://');
  expect(html).toContain('<li>T1/../../evil n ');
});

test('a cited id that the evidence lacks is named as such and is no link', () => {
  const result = sampleResult();
  const [first, ...others] = result.incidents;
  if (first === undefined) throw new Error('the sample has incidents');
  const broken = { ...first, verdict: { ...first.verdict, whatHappened: [{ text: 'It happened.', cites: ['f99'] }] } };
  const html = renderHtml({ ...result, incidents: [broken, ...others] });
  checkSafe(html);
  expect(html).toContain(
    '<p>It happened. <span class="cites"><span class="cite">f99 is not in the evidence</span></span></p>',
  );
});

test('an incident shows its four parts, its measures, its flows and the sum of its severity', () => {
  const html = renderHtml(sampleResult());
  const article = html.slice(html.indexOf('<article id="incident-2"'), html.indexOf('<article id="incident-3"'));
  for (const heading of ['What happened', 'Why it matters', 'What to do first', 'What would make it innocent'])
    expect(article).toContain(`<h4>${heading}</h4>`);
  expect(article).toContain(
    '<strong>malicious</strong>, confidence 90 %; looks like port scan; advice: <strong>investigate</strong>',
  );
  expect(article).toContain(
    '<a href="https://attack.mitre.org/techniques/T1021/002/" rel="noreferrer">T1021.002</a> Remote Services: SMB/Windows Admin Shares',
  );
  expect(article).toContain('1 detection, 3 measures, 20 of 212 flows');
  expect(article).toContain('<td class="r"><bdi>212 hosts</bdi></td><td class="r">25 hosts</td>');
  expect(article).toContain(
    '<bdi class="mono">192.168.10.23:50110</bdi><br>→ <bdi class="mono">192.168.10.100:445</bdi>',
  );
  expect(article).toContain(
    '<th scope="row">It lasted less than a minute</th><td class="r">−5</td><td class="r">70</td>',
  );
  expect(article).toContain('70 points make it high');
});

test('incidents of one host lead to each other, as far as they are written out', () => {
  const html = renderHtml(sampleResult());
  expect(html).toContain('<dt>The same host also</dt><dd>port scan (<a href="#incident-2">incident 2</a>)</dd>');
  expect(html).toContain(
    '<dt>The same host also</dt><dd>regular calls (<a href="#incident-1">incident 1</a>) and 3 more</dd>',
  );
  const base = sampleResult();
  const [first] = base.incidents;
  if (first === undefined) throw new Error('the sample has incidents');
  expect(renderHtml({ ...base, incidents: [first] })).toContain('<dd>port scan (incident 2)</dd>');
  expect(html.match(/The same hosts? also/g)).toHaveLength(2);
  expect(html).not.toContain('The same flows also');
  const related = [{ id: 'inc-0', rank: 7, label: 'new service', shares: 'flow' as const }];
  expect(renderHtml({ ...base, incidents: [{ ...first, related, relatedCount: 2 }] })).toContain(
    '<dt>The same flows also</dt><dd>new service (incident 7) and 1 more</dd>',
  );
});

test.each([
  ['target', '<dt>Target</dt>', '<dt>Source</dt>'],
  ['victim', '<dt>Target</dt>', '<dt>Peer</dt>'],
  ['source', '<dt>Actor</dt>', '<dt>Peer</dt>'],
])('the two sides are named after the role %s of the actor', (role, actor, peer) => {
  const base = sampleResult();
  const [first] = base.incidents;
  const [lead] = first?.detections ?? [];
  if (first === undefined || lead === undefined) throw new Error('the sample has incidents with detections');
  const said = { name: 'flood.role', value: role, unit: '', sentence: 'It is the one.' };
  const measure = { id: 'm99', type: 'measure' as const, detection: lead.id, ...said };
  const html = renderHtml({ ...base, incidents: [{ ...first, evidence: [...first.evidence, measure] }] });
  expect(html).toContain(actor);
  expect(html).toContain(peer);
});

test('the column of shares is there only where a score is a sum of shares', () => {
  const html = renderHtml(sampleResult());
  const article = (n: number) => html.slice(html.indexOf(`<article id="incident-${n}"`)).split('</article>')[0];
  expect(article(1)).toContain('<th scope="col">Share of the score</th>');
  expect(article(1)).toContain('<span class="r">0.38</span><svg class="bar"');
  expect(article(7)).not.toContain('Share of the score');
});

test('headings go down one level at a time, every table names its columns, and every region has a name', () => {
  for (const result of [sampleResult(), quietResult(), bigResult(230)]) {
    const { tags } = readPage(renderHtml(result));
    let level = 0;
    for (const { name, attributes } of tags) {
      const heading = /^h([1-4])$/.exec(name)?.[1];
      if (heading !== undefined) {
        expect(Number(heading)).toBeLessThanOrEqual(level + 1);
        level = Number(heading);
      }
      if (name === 'th') expect(['col', 'row']).toContain(attributes.get('scope'));
      if (attributes.get('role') === 'region' || attributes.get('role') === 'img' || name === 'nav')
        expect(attributes.get('aria-label')).not.toBe('');
    }
    expect(tags.filter((tag) => tag.name === 'h1').length).toBe(1);
    expect(tags.filter((tag) => tag.name === 'main').length).toBe(1);
  }
});

test('an empty result says why in the summary and in the place of the incidents', () => {
  const html = renderHtml(quietResult());
  expect(html.split('none of them reached its threshold').length - 1).toBe(2);
  expect(html).not.toContain('<article');
});

test('200 incidents are written out, those after them are listed up to 1,000, and the rest is counted', () => {
  const html = renderHtml(bigResult(2500));
  checkSafe(html);
  expect(html.match(/<article /g)?.length).toBe(200);
  expect(html).toContain(
    'The 2,300 incidents of lowest urgency, in short; incidents.json has all of them in full. The last 1,300 are not listed here.',
  );
  expect(renderHtml(bigResult(200)).length).toBeLessThan(2_000_000);
});

test('flows are left out of the incidents that come late, but never one that is cited', () => {
  const html = renderHtml(bigResult(200));
  const articles = html.split('<article ').slice(1);
  const last = articles.findLast((article) => article.includes('>scan.horizontal<')) ?? '';
  expect(last).toContain('Flows of 2024-05-14; 13 more are in incidents.json');
  expect(last).toContain('<th scope="row" class="mono">f20</th>');
  expect(articles.length).toBe(200);
});

test('the page says which hosts, inputs and oddities it knows of and how many more there are', () => {
  const html = renderHtml(sampleResult());
  expect(html).toContain('<caption>50 hosts with the most traffic; 1,233 more were seen.</caption>');
  expect(html).toContain('2 of 3 inputs could not be read to the end');
  expect(html).toContain(
    '<bdi class="mono">switch-port-7.pcap</bdi> (failed): <bdi>the file ends after its header</bdi>',
  );
  expect(html).toContain('<span class="mono">scan</span>: targets remembered per host, at most 4,096; 1,204 refused');
  expect(html).toContain('frame 90,122 of input 2');
  expect(html).toContain('<dt>Seed</dt><dd>42 ');
});

test('the same result gives the same bytes', () => {
  expect(renderHtml(sampleResult())).toBe(renderHtml(sampleResult()));
});

/** Relative luminance and contrast after WCAG 2.2. */
function contrast(a: string, b: string): number {
  const luminance = (color: string) => {
    const [r = 0, g = 0, blue = 0] = [1, 3, 5].map((i) => {
      const c = Number.parseInt(color.slice(i, i + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

test.each([
  ['light', LIGHT],
  ['dark', DARK],
])('in the %s scheme all text has a contrast of 4.5 and all marks have 3', (_, palette) => {
  for (const ground of [palette.paper, palette.card, palette.soft]) {
    for (const ink of [palette.ink, palette.muted, palette.link])
      expect(contrast(ink, ground)).toBeGreaterThanOrEqual(4.5);
  }
  for (const severity of [palette.critical, palette.high, palette.medium, palette.low, palette.info]) {
    expect(contrast(palette.onSeverity, severity)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(severity, palette.card)).toBeGreaterThanOrEqual(4.5);
  }
  for (const mark of [palette.mark, palette.markQuiet]) expect(contrast(mark, palette.card)).toBeGreaterThanOrEqual(3);
});
