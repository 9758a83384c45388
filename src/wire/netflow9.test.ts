import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpv4, formatIpv6 } from './address.ts';
import { ExportedFlow, settleTimes, summarizeExportedFlow, uptimeToMs } from './information-element.ts';
import { decodeIpfix, encodeIpfix, summarizeIpfix, walkIpfix } from './ipfix.ts';
import {
  compileTemplate,
  decodeRecords,
  decodeTemplates,
  encodeRecords,
  encodeSet,
  encodeTemplates,
  type FlowTemplate,
  summarizeTemplate,
  type TemplateKind,
  VARIABLE_LENGTH,
} from './netflow-template.ts';
import { decodeNetflow5, encodeNetflow5, summarizeNetflow5, walkNetflow5 } from './netflow5.ts';
import { decodeNetflow9, encodeNetflow9, summarizeNetflow9, walkNetflow9 } from './netflow9.ts';
import { OddityCounter } from './oddity.ts';

const FIXTURES = new URL('../../test/fixture/netflow/', import.meta.url);
const SHARED = new URL('../../../shared/data/netflow-samples/spec/codecs/', import.meta.url);

function listOf(folder: URL): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.dat'))
      .sort();
  } catch {
    return [];
  }
}

interface Read {
  readonly lines: string[];
  readonly oddities: OddityCounter;
  readonly templates: Map<number, FlowTemplate>;
  /** Where reading ended. */
  readonly end: number;
}

/** All records of datagrams that lie one after the other, in tshark's words: source, destination, ports, protocol, packets, bytes. */
function readAll(bytes: Uint8Array): Read {
  const oddities = new OddityCounter();
  const templates = new Map<number, FlowTemplate>();
  const flow = new ExportedFlow();
  const lines: string[] = [];
  const tell = (): void => {
    if (!flow.hasSrc || !flow.hasDst) return;
    const address = (w: Int32Array): string =>
      flow.isV6 === 1 ? formatIpv6(w[0] ?? 0, w[1] ?? 0, w[2] ?? 0, w[3] ?? 0) : formatIpv4(w[0] ?? 0);
    const number = (n: number): string => (n >= 0 ? `${n}` : '-');
    lines.push(
      [
        address(flow.src),
        address(flow.dst),
        number(flow.srcPort),
        number(flow.dstPort),
        number(flow.protocol),
        number(flow.isTotal ? Number.NaN : flow.packets),
        number(flow.isTotal ? Number.NaN : flow.octets),
      ].join(' '),
    );
  };
  const set = (isV9: boolean) => (id: number, at: number, end: number) => {
    const kinds: Readonly<Record<number, TemplateKind>> = isV9
      ? { 0: 'v9', 1: 'v9-options' }
      : { 2: 'ipfix', 3: 'ipfix-options' };
    const kind = kinds[id];
    if (kind !== undefined) {
      decodeTemplates(bytes, at, end, kind, oddities, {
        template: (template) => void templates.set(template.id, template),
        withdrawal: (gone) => void templates.delete(gone),
      });
      return;
    }
    const template = templates.get(id);
    if (template !== undefined)
      decodeRecords(template, bytes, at, end, flow, oddities, () => {
        if (!template.isOptions) tell();
      });
  };
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.length;
    const v5 = decodeNetflow5(bytes, at, end);
    if (v5 !== undefined) {
      walkNetflow5(v5, bytes, at, end, flow, oddities, tell);
      at = Math.min(end, at + v5.length);
    } else if (decodeNetflow9(bytes, at, end) !== undefined) at = walkNetflow9(bytes, at, end, oddities, set(true));
    else if (decodeIpfix(bytes, at, end) !== undefined) at = walkIpfix(bytes, at, end, oddities, set(false));
    else break;
  }
  return { lines, oddities, templates, end: at };
}

const word = (a: number, b: number, c: number, d: number): number => a * 2 ** 24 + b * 2 ** 16 + c * 256 + d;
const HERE = word(10, 0, 0, 1);
const THERE = word(10, 0, 0, 2);

function mustCompile(...args: Parameters<typeof compileTemplate>): FlowTemplate {
  const template = compileTemplate(...args);
  if (template === undefined) throw new Error('no template');
  return template;
}

const iana = (element: number, length: number): { enterprise: number; element: number; length: number } => ({
  enterprise: 0,
  element,
  length,
});
const TEMPLATE = mustCompile(300, 'ipfix', [iana(8, 4), iana(12, 4), iana(4, 1), iana(2, 8), iana(1, 8)]);

describe('NetFlow and IPFIX', () => {
  it.each(listOf(FIXTURES))('reads every record of %s as tshark does', (name) => {
    const expected = readFileSync(new URL(name.replace('.dat', '.txt'), FIXTURES), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    const bytes = new Uint8Array(readFileSync(new URL(name, FIXTURES)));
    const { lines, end } = readAll(bytes);
    expect(lines).toEqual(expected);
    expect(end).toBe(bytes.length);
  });

  const shared = listOf(SHARED);
  it.skipIf(shared.length === 0)(
    'every datagram of the 90 from devices is read to its end, or is none (../shared/data)',
    () => {
      const unread = shared.filter((name) => {
        const bytes = new Uint8Array(readFileSync(new URL(name, SHARED)));
        return readAll(bytes).end !== bytes.length;
      });
      // Two of them are random bytes behind a version number.
      expect(unread).toEqual(['netflow5_test_invalid01.dat', 'netflow5_test_invalid02.dat']);
    },
  );

  it('every truncation of a datagram gives a beginning of its records', () => {
    for (const name of listOf(FIXTURES)) {
      const bytes = new Uint8Array(readFileSync(new URL(name, FIXTURES)));
      const whole = readAll(bytes).lines;
      for (let n = 0; n < bytes.length; n += 7) {
        const { lines } = readAll(bytes.slice(0, n));
        expect(lines).toEqual(whole.slice(0, lines.length));
      }
    }
  });

  it('random bytes behind any header never throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 5, 7, 9, 10), fc.uint8Array({ maxLength: 300 }), (version, rest) => {
        readAll(Uint8Array.of(0, version, ...rest));
      }),
      { numRuns: 2000 },
    );
  });

  it('a version 5 header that claims more records than there are is an oddity, and the whole records are read', () => {
    const record = { source: HERE, destination: THERE, protocol: 17, packets: 3, octets: 300, first: 5, last: 9 };
    const bytes = encodeNetflow5({
      uptimeMs: 10_000,
      exportMs: 1_700_000_000_500,
      sequence: 4,
      count: 30,
      records: [record, record],
    });
    const { lines, oddities } = readAll(bytes);
    expect(lines).toEqual(['10.0.0.1 10.0.0.2 0 0 17 3 300', '10.0.0.1 10.0.0.2 0 0 17 3 300']);
    expect(oddities.of('netflow.lying-length')).toBe(1);
  });

  it('version 5 tells its times from the uptime, and its sampling', () => {
    const bytes = encodeNetflow5({
      uptimeMs: 100_000,
      exportMs: 1_700_000_000_500,
      sequence: 4,
      engine: 0x0102,
      samplingInterval: 64,
      records: [
        {
          source: HERE,
          destination: THERE,
          sourcePort: 40_000,
          destinationPort: 443,
          protocol: 6,
          flags: 0x12,
          packets: 3,
          octets: 300,
          first: 40_000,
          last: 90_000,
        },
      ],
    });
    const header = decodeNetflow5(bytes, 0, bytes.length);
    expect(header).toEqual({
      version: 5,
      count: 1,
      uptimeMs: 100_000,
      exportMs: 1_700_000_000_500,
      sequence: 4,
      engine: 0x0102,
      samplingInterval: 64,
      length: 72,
    });
    if (header === undefined) return;
    expect(summarizeNetflow5(header)).toBe('NetFlow v5 1 flows from 4 sampled 1 in 64');
    const flow = new ExportedFlow();
    walkNetflow5(header, bytes, 0, bytes.length, flow, new OddityCounter(), () => {
      expect([flow.startMs, flow.endMs, flow.tcpFlags]).toEqual([1_699_999_940_500, 1_699_999_990_500, 0x12]);
      expect(summarizeExportedFlow(flow)).toBe('10.0.0.1:40000 > 10.0.0.2:443 tcp 3 packets 300 bytes');
    });
  });

  it.each([
    ['in the middle of its life', 50_000, 60_000, 10_000],
    ['before the counter went round', 2 ** 32 - 1000, 4000, 5000],
    ['after the header was written', 60_500, 60_000, -500],
  ])('an uptime %s is told from that of the header', (_, uptime, header, agoMs) => {
    expect(uptimeToMs(uptime, header, 1e12)).toBe(1e12 - agoMs);
  });

  it('times come from whichever elements a record has', () => {
    const settled = (set: (flow: ExportedFlow) => void): number[] => {
      const flow = new ExportedFlow();
      set(flow);
      settleTimes(flow, 60_000, 1e12);
      return [flow.startMs, flow.endMs];
    };
    expect(settled((f) => Object.assign(f, { startUptime: 50_000, endUptime: 55_000 }))).toEqual([
      1e12 - 10_000,
      1e12 - 5000,
    ]);
    expect(settled((f) => Object.assign(f, { startUptime: 50_000, endUptime: 55_000, systemInitMs: 9e11 }))).toEqual([
      9e11 + 50_000,
      9e11 + 55_000,
    ]);
    expect(settled((f) => Object.assign(f, { startMs: 9e11, durationMs: 250 }))).toEqual([9e11, 9e11 + 250]);
    expect(settled((f) => Object.assign(f, { startDeltaMicros: 5_000_000, endDeltaMicros: 1_000_000 }))).toEqual([
      1e12 - 5000,
      1e12 - 1000,
    ]);
    expect(settled((f) => Object.assign(f, { observedMs: 9e11, durationMs: 100 }))).toEqual([9e11 - 100, 9e11]);
    expect(settled(() => undefined)).toEqual([Number.NaN, Number.NaN]);
  });

  it('what is encoded is decoded again, whatever the numbers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(255), fc.nat({ max: 2 ** 31 - 1 }), fc.nat({ max: 2 ** 31 - 1 })), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.boolean(),
        (rows, isV9) => {
          const records = rows.map(([protocol, packets, octets]) => [HERE, THERE, protocol, packets, octets]);
          const kind = isV9 ? 'v9' : 'ipfix';
          const sets = [encodeTemplates(kind, [TEMPLATE]), encodeRecords(TEMPLATE, records)];
          const bytes = isV9
            ? encodeNetflow9({ uptimeMs: 1, exportMs: 1e12, sequence: 1, sets })
            : encodeIpfix({ exportMs: 1e12, sequence: 1, sets });
          expect(readAll(bytes).lines).toEqual(
            rows.map(([protocol, packets, octets]) => `10.0.0.1 10.0.0.2 - - ${protocol} ${packets} ${octets}`),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  it('numbers shorter than their type, texts of variable length and enterprise elements are read in one record', () => {
    const template = mustCompile(256, 'ipfix', [
      iana(8, 4),
      iana(12, 4),
      iana(1, 3),
      { enterprise: 29305, element: 1, length: 2 },
      { enterprise: 12_345, element: 7, length: VARIABLE_LENGTH },
      iana(96, VARIABLE_LENGTH),
      // A list of RFC 6313: stepped over.
      iana(291, VARIABLE_LENGTH),
      iana(4, 1),
    ]);
    const long = new Uint8Array(300).fill(0x61);
    const bytes = encodeRecords(template, [
      [HERE, THERE, 70_000, 900, long, new TextEncoder().encode('tls'), Uint8Array.of(1, 2, 3), 6],
    ]);
    const flow = new ExportedFlow();
    const n = decodeRecords(template, bytes, 4, bytes.length, flow, new OddityCounter(), () => {
      expect(summarizeExportedFlow(flow)).toBe('10.0.0.1 > 10.0.0.2 tcp 70000 bytes 900 bytes back');
      expect(flow.text(70)).toBe('tls');
    });
    expect(n).toBe(1);
  });

  it('a variable length that leads out of its set ends the set, and the records before it stay', () => {
    const template = mustCompile(256, 'ipfix', [iana(8, 4), iana(12, 4), iana(4, 1), iana(96, VARIABLE_LENGTH)]);
    const bytes = encodeRecords(template, [
      [HERE, THERE, 6, Uint8Array.of(0x61)],
      [HERE, THERE, 17, Uint8Array.of(0x61)],
    ]);
    bytes[4 + 11 + 9] = 200;
    const oddities = new OddityCounter();
    expect(decodeRecords(template, bytes, 4, 4 + 22, new ExportedFlow(), oddities, () => undefined)).toBe(1);
    expect(oddities.of('netflow.lying-length')).toBe(1);
  });

  it('a set that claims more than its datagram is read as far as it goes', () => {
    const set = encodeRecords(TEMPLATE, [[HERE, THERE, 6, 1, 40]]);
    set[2] = 0xff;
    const sets = [encodeTemplates('v9', [TEMPLATE]), set];
    const { lines, oddities } = readAll(encodeNetflow9({ uptimeMs: 1, exportMs: 1e12, sequence: 1, sets }));
    expect(lines).toEqual(['10.0.0.1 10.0.0.2 - - 6 1 40']);
    expect(oddities.of('netflow.lying-length')).toBe(1);
  });

  it.each<[string, TemplateKind, number[]]>([
    ['a number that data can not have', 'v9', [0, 200, 0, 1, 0, 8, 0, 4]],
    ['records of no bytes', 'v9', [1, 0, 0, 1, 0, 8, 0, 0]],
    ['more fields than there are', 'ipfix', [1, 0, 0, 9, 0, 8, 0, 4]],
    ['more scope than fields', 'ipfix-options', [1, 0, 0, 1, 0, 2, 0, 8, 0, 4]],
    ['an enterprise that is cut off', 'ipfix', [1, 0, 0, 1, 0x80, 8, 0, 4]],
  ])('a template with %s is left out and counted', (_, kind, bytes) => {
    const oddities = new OddityCounter();
    decodeTemplates(Uint8Array.from(bytes), 0, bytes.length, kind, oddities, {
      template: () => expect.unreachable(),
      withdrawal: () => expect.unreachable(),
    });
    expect(oddities.of('netflow.bad-template')).toBe(1);
  });

  it('a template without fields withdraws one', () => {
    const gone: number[] = [];
    decodeTemplates(Uint8Array.of(1, 44, 0, 0), 0, 4, 'ipfix', new OddityCounter(), {
      template: () => expect.unreachable(),
      withdrawal: (id) => void gone.push(id),
    });
    expect(gone).toEqual([300]);
  });

  it('names what it has read', () => {
    const v9 = encodeNetflow9({
      uptimeMs: 1,
      exportMs: 1e12,
      sequence: 7,
      domain: 3,
      count: 2,
      sets: [encodeSet(300, new Uint8Array(4))],
    });
    const ipfix = encodeIpfix({ exportMs: 1e12, sequence: 7, domain: 3, sets: [encodeSet(300, new Uint8Array(4))] });
    const nine = decodeNetflow9(v9, 0, v9.length);
    const ten = decodeIpfix(ipfix, 0, ipfix.length);
    expect(nine && summarizeNetflow9(nine)).toBe('NetFlow v9 datagram 7 of domain 3, 2 records');
    expect(ten && summarizeIpfix(ten)).toBe('IPFIX message of domain 3, 24 bytes, 7 records before it');
    expect(summarizeTemplate(TEMPLATE)).toBe(
      'template 300: sourceIPv4Address 4, destinationIPv4Address 4, protocolIdentifier 1, packetDeltaCount 8, octetDeltaCount 8',
    );
  });
});
