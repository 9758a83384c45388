import { expect, test } from 'vitest';
import { hostileResult, NASTY } from '../../test/support/hostile.ts';
import { bigResult, quietResult, sampleResult } from '../../test/support/sample.ts';
import { painter, textWidth, wrapParts, wrapText } from './ansi.ts';
import { renderTerminal } from './terminal.ts';

const plain = { color: false, width: 80, top: 5 };

test('the ending says what was read, what could not be, what was found and where it lies', () => {
  const text = renderTerminal(sampleResult(), {
    ...plain,
    top: 2,
    elapsedMs: 4213,
    outDir: 'anomalyst-out/',
    files: ['flows.csv', 'report.html', 'incidents.json'],
  });
  expect(`\n${text}`).toBe(`
Read         office-morning.pcapng, office-noon.pcap.gz, switch-port-7.pcap
             2,214,553 packets, 2.7 GB, 48,312 flows, 1,283 hosts, in 4.2 s
Time         2024-05-14 06:58:12 to 12:10:12 UTC (5 h 12 min)
Failed       switch-port-7.pcap: the file ends after its header
Cut          office-noon.pcap.gz: the file ends inside packet 402,114, at byte
             310,200,118 of the decompressed stream; the packets before it were
             kept
Full         scan: targets remembered per host, 4,096 at most; 1,204 refused
Odd          18,220  ipv4.bad-checksum: The header checksum is wrong, most often
                     because the network card fills it in later.
              1,031  tcp.gap: Bytes of a stream were acknowledged but are not in
                     the capture.
                 17  dns.truncated-name: A name runs past the end of the
                     message.
                     and 1 more kind, 3 times
Not seen     No traffic between hosts on the same switch was captured except on
             port 7, so movement inside the network is mostly invisible here. (2
             more in the report)

Incidents    1 critical, 3 high, 3 medium, 1 low, 1 info

 1 CRITICAL  192.168.10.23 called 203.0.113.77 on port 443 every 60.0 s for 4 h
             38 min, 278 times.
             192.168.10.23 with 203.0.113.77
             07:18:12 to 11:56:12 UTC (4 h 38 min), inc-f1ef3490ee08
             Same host: port scan (incident 2)
             First: Take 192.168.10.23 off the network, or block 203.0.113.77 at
             the edge, then look for the process that owns the connections to
             port 443.

 2 HIGH      192.168.10.23 tried 212 hosts on port 445 within 38.4 s; 4
             answered.
             192.168.10.23 with 192.168.10.100, 192.168.10.101, 210 more
             07:29:12 to 07:29:50 UTC (38.4 s), inc-7196316424f9
             Same host: regular calls (incident 1), 3 more
             First: Check the 4 hosts that answered for new sessions from
             192.168.10.23 and for files that changed after 07:29 UTC.

             7 more: 2 high, 3 medium, 1 low, 1 info. --top 9 shows them all.

Report       anomalyst-out/report.html
             beside it flows.csv, incidents.json
`);
});

test('the other incidents of a host are named by what they are and their rank, three at most', () => {
  const base = sampleResult();
  const [first] = base.incidents;
  if (first === undefined) throw new Error('the sample has incidents');
  const related = ['password guessing', 'regular calls', 'port scan', 'flood'].map((label, i) => ({
    id: `inc-00000000000${i}`,
    rank: i + 2,
    label,
    shares: 'actor' as const,
  }));
  const text = renderTerminal({ ...base, incidents: [{ ...first, related, relatedCount: 12 }] }, plain);
  expect(text).toContain(`
             Same host: password guessing (incident 2), regular calls
             (incident 3), port scan (incident 4), 9 more
`);
});

test('incidents that rest on the same flows are named apart from those of the same host', () => {
  const base = sampleResult();
  const [first] = base.incidents;
  if (first === undefined) throw new Error('the sample has incidents');
  const other = (rank: number, label: string, shares: 'actor' | 'flow') => ({ id: 'inc-0', rank, label, shares });
  const told = (...related: ReturnType<typeof other>[]): string =>
    renderTerminal(
      { ...base, incidents: [{ ...first, related, relatedCount: related.length }] },
      { ...plain, width: 110 },
    );
  expect(told(other(2, 'port scan', 'actor'), other(3, 'new service', 'flow'))).toContain(
    '\n             Same host: port scan (incident 2); same flows: new service (incident 3)\n',
  );
  expect(told(other(3, 'new service', 'flow'))).toContain('\n             Same flows: new service (incident 3)\n');
});

test('an empty result says why it is empty', () => {
  const text = renderTerminal(quietResult(), plain);
  expect(`\n${text}`).toBe(`
Read         office-morning.pcapng
             2,214,553 packets, 2.7 GB, 48,312 flows, 1,283 hosts
Time         2024-05-14 06:58:12 to 12:10:12 UTC (5 h 12 min)
Not seen     No traffic between hosts on the same switch was captured except on
             port 7, so movement inside the network is mostly invisible here. (2
             more in the report)

Incidents    none
             All 14 detectors ran on 48,312 flows and none of them reached its
             threshold. The highest model score was 0.71; the threshold is 0.99.
`);
});

test('what was lost of a table that was read to its end is said', () => {
  const { run, ...quiet } = quietResult();
  const message = 'column v: 1,999 cells that are no number, taken as missing, the first on line 3,003';
  const inputs = run.inputs.map((input) => ({ ...input, packets: 0, rows: 5000, message }));
  const table = { rows: 5000, kept: 5000, columns: [], features: [], filters: [], flags: [], strangest: [] };
  const ofRows = { ...quiet, run: { ...run, flows: 0, packets: 0, inputs }, table };
  expect(renderTerminal(ofRows, plain)).toContain(
    `
Note         office-morning.pcapng: column v: 1,999 cells that are no number,
             taken as missing, the first on line 3,003
`,
  );
});

test('groups of a sample are called that', () => {
  const cluster = { label: 1, size: 12_000, silhouette: 0.5, medoid: 1, influence: [] };
  const cuts = [{ k: 2, silhouette: 0.5, clusters: [cluster, { ...cluster, label: 2, size: 8000 }] }];
  const map = { stress: 0, points: [] };
  const clusters = { rows: 20_000, measured: 2000, best: 2, cuts, map, tree: { leaves: [], joins: [] } };
  const rows = { columns: [], features: [], filters: [], flags: [], strangest: [], clusters };
  const told = (kept: number): string =>
    renderTerminal({ ...quietResult(), table: { ...rows, rows: kept, kept } }, { ...plain, width: 200 });
  expect(told(500_000)).toContain(`Rows in each, of 20,000 that were drawn by chance,
             by number of groups:
             2: 8000/12000
`);
  expect(told(20_000)).toContain(' Rows in each, by number of groups:\n');
});

test('colour adds escape sequences and changes no word', () => {
  const coloured = renderTerminal(sampleResult(), { ...plain, color: true });
  expect(coloured).toContain('\u001b[1;97;41m CRITICAL \u001b[0m');
  const words = (text: string) =>
    text
      .replace(/\u001b\[[0-9;]+m/g, '')
      .split(/[\s,]+/)
      .join(' ');
  expect(words(coloured)).toBe(words(renderTerminal(sampleResult(), plain)));
});

test('no line is wider than the terminal', () => {
  for (let width = 40; width <= 120; width += 4) {
    for (const result of [sampleResult(), quietResult()]) {
      const text = renderTerminal(result, {
        ...plain,
        width,
        outDir: '/a/rather/long/path/to/the/folder/of/the/report',
        files: ['report.html', 'incidents.json', 'incidents.csv', 'flows.csv'],
      });
      for (const line of text.split('\n')) expect(textWidth(line), line).toBeLessThanOrEqual(width);
    }
  }
});

test('a terminal of no known width gets 80 columns', () => {
  expect(renderTerminal(sampleResult(), { ...plain, width: 0 })).toBe(renderTerminal(sampleResult(), plain));
  expect(renderTerminal(sampleResult(), { ...plain, width: Number.NaN })).toBe(renderTerminal(sampleResult(), plain));
});

test('many inputs, oddities and limits are cut and counted', () => {
  const base = sampleResult();
  const [input] = base.run.inputs;
  if (input === undefined) throw new Error('the sample has inputs');
  const inputs = Array.from({ length: 1200 }, (_, i) => ({
    ...input,
    name: `part-${i}.pcap`,
    status: 'failed' as const,
    message: 'not a capture',
  }));
  const saturations = ['a', 'b', 'c', 'd'].map((detector) => ({ detector, what: 'hosts', cap: 10, refused: 1 }));
  const text = renderTerminal({ ...base, run: { ...base.run, inputs, saturations } }, { ...plain, top: 0 });
  expect(text).toContain('Read         part-0.pcap, part-1.pcap, part-2.pcap, 1,197 more\n');
  expect(text).toContain('             part-2.pcap: not a capture\n             and 1,197 more\n');
  expect(text).toContain('             and 2 more limits reached\n');
});

test('--top decides how many incidents are shown, and 2,500 of them fit a screen', () => {
  const text = renderTerminal(bigResult(2500), { ...plain, top: 3 });
  expect(text.split('\n').length).toBeLessThan(55);
  expect(text).toContain(
    '             2,497 more: 275 critical, 834 high, 833 medium, 278 low, 277 info.\n             --top 2500 shows them all.\n',
  );
});

test('text from the network can neither steer the terminal nor break a line', () => {
  for (const text of NASTY) {
    for (const width of [44, 80]) {
      const out = renderTerminal(hostileResult(text), {
        color: false,
        width,
        top: 9,
        outDir: text,
        files: [text, 'report.html'],
      });
      expect(out.replaceAll('\n', '')).not.toMatch(
        /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b\u2028\u2029]/,
      );
      expect(out.isWellFormed()).toBe(true);
      for (const line of out.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(width);
      const coloured = renderTerminal(hostileResult(text), { color: true, width, top: 9 });
      expect(coloured.replace(/\u001b\[[0-9;]+m/g, '')).not.toContain('\u001b');
    }
  }
});

test('wrapping breaks at blanks, never between a number and its unit, and inside a word only when it must', () => {
  expect(wrapText('one two three', 8)).toEqual(['one two', 'three']);
  expect(wrapText('it took 12.8 s in all', 12)).toEqual(['it took', '12.8 s in', 'all']);
  expect(wrapText('abcdefghij k', 4)).toEqual(['abcd', 'efgh', 'ij k']);
  expect(wrapText('', 10)).toEqual(['']);
  expect(wrapText('  ', 10)).toEqual(['']);
});

test('wide characters count two columns and marks none', () => {
  expect(textWidth('日本')).toBe(4);
  expect(textWidth('e\u0301')).toBe(1);
  expect(wrapText('日本語', 4)).toEqual(['日本', '語']);
});

test('painted parts are measured without their colour', () => {
  const paint = painter(true);
  expect(wrapParts([paint('high', 'aaa'), paint('low', 'bbb'), 'ccc'], ' ', 7)).toEqual([
    `${paint('high', 'aaa')} ${paint('low', 'bbb')}`,
    'ccc',
  ]);
  expect(painter(false)('high', 'aaa')).toBe('aaa');
});

test('a list that goes on in the next line says so with its comma, which fits the line too', () => {
  expect(wrapParts(['aaa', 'bbb', 'ccc'], ', ', 9)).toEqual(['aaa, bbb,', 'ccc']);
  expect(wrapParts(['aaa', 'bbb', 'ccc'], ', ', 8)).toEqual(['aaa,', 'bbb, ccc']);
});
