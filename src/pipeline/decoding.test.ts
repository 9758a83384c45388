import { describe, expect, it } from 'vitest';
import { FlowLab, type TestFrame, tcp, udp } from '../../test/support/frames.ts';
import type { Table } from '../core/index.ts';
import type { AskedPayload, PluginDecoder } from '../io/index.ts';
import { PluginDecoding } from './decoding.ts';

type Answers = Awaited<ReturnType<PluginDecoder['decode']>>;

function decoderOf(
  namespace: string,
  answer: (payload: AskedPayload, text: string) => Answers[number],
  more: Partial<PluginDecoder> = {},
): PluginDecoder & { readonly asked: string[][] } {
  const asked: string[][] = [];
  return {
    id: `${namespace}.d`,
    namespace,
    transport: 'udp',
    ports: [4000],
    recognised: false,
    decode: async (payloads) => {
      const texts = payloads.map(({ bytes }) => Buffer.from(bytes).toString('latin1'));
      asked.push(texts);
      return payloads.map((payload, i) => answer(payload, texts[i] ?? ''));
    },
    ...more,
    asked,
  };
}

const ECHO = (name: string) => (_: AskedPayload, text: string) => ({ name, summary: text, columns: {} });

interface Row {
  readonly id: number;
  readonly service: string | undefined;
  readonly operations: string | undefined;
}

function labOf(decoders: readonly PluginDecoder[], batchRows: number, mostHeldRows?: number) {
  const lab = new FlowLab({ batchRows, maxFlows: 8192 });
  const rows: Row[] = [];
  const take = (table: Table, made: Table): void => {
    for (let row = 0; row < table.rowCount; row++) {
      const id = table.number('id', row) ?? 0;
      rows.push({ id, service: table.text('service', row), operations: table.text('operations', row) });
    }
    lab.table.recycle(made);
  };
  return { lab, rows, decoding: new PluginDecoding(decoders, lab.table, take, mostHeldRows) };
}

/** One datagram each, from a host of its own. */
const flows = (count: number, port: (i: number) => number = () => 4000, atMs = 0): TestFrame[] =>
  Array.from({ length: count }, (_, i) =>
    udp(atMs + i / 100, `10.0.${Math.floor(i / 200)}.${i % 200}:50000`, `10.1.0.1:${port(i)}`, `m${i}`),
  );
const jump = udp(500_000, '192.0.2.1:9999', '192.0.2.2:9998');
const ids = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('tables that wait for decoders', () => {
  it('come in order with what was said, those behind the first that waits as well', async () => {
    const { lab, rows, decoding } = labOf([decoderOf('a', ECHO('p'))], 10);
    lab.take([...flows(100, (i) => (i < 50 ? 4000 : 4001)), jump]);
    // Those that fall silent together are written youngest first, and for these nothing waits.
    expect(rows.map(({ id }) => id)).toEqual(ids(50));
    await decoding.settle(false);
    lab.table.finish();
    await decoding.settle(true);
    expect(rows.map(({ id }) => id)).toEqual(ids(101));
    expect(rows.filter(({ service }) => service === 'a.p').map(({ operations }) => operations)).toEqual(
      Array.from({ length: 50 }, (_, i) => `m${49 - i}`),
    );
    expect(decoding.saturations()).toEqual([]);
  });

  it('are asked about together, and not before there is a table or many flows', async () => {
    const decoder = decoderOf('a', ECHO('p'));
    const { lab, decoding } = labOf([decoder], 1000);
    lab.take([...flows(200), jump]);
    expect(decoding.settle(false)).toBe(undefined);
    lab.take([...flows(100, undefined, 500_001), udp(1_000_000, '192.0.2.1:9999', '192.0.2.2:9998')]);
    await decoding.settle(false);
    expect(decoder.asked.map((payloads) => payloads.length)).toEqual([300]);
    expect(decoding.settle(true)).toBe(undefined);
  });

  it('go on without an answer when too many rows wait, the oldest first, and are counted', async () => {
    const { lab, rows, decoding } = labOf([decoderOf('a', ECHO('p'))], 10, 60);
    lab.take([...flows(100), jump]);
    expect(rows.map(({ id }) => id)).toEqual(ids(40));
    await decoding.settle(true);
    lab.table.finish();
    await decoding.settle(true);
    expect(rows.map(({ id }) => id)).toEqual(ids(101));
    expect(rows.map(({ service }) => service)).toEqual([
      ...Array<undefined>(40),
      ...Array<string>(60).fill('a.p'),
      undefined,
    ]);
    expect(decoding.saturations()).toEqual([
      { detector: 'decoders of plugins', what: 'flows that wait to be decoded', cap: 4000, refused: 40 },
    ]);
  });

  it('hold 4,000 payloads at most, and count the others', async () => {
    const { lab, rows, decoding } = labOf([decoderOf('a', ECHO('p'))], 4096);
    for (let round = 0; round < 3; round++) {
      lab.take([...flows(1800, undefined, round * 1_000_000), { ...jump, atMs: round * 1_000_000 + 500_000 }]);
    }
    expect(decoding.saturations()).toEqual([
      { detector: 'decoders of plugins', what: 'flows that wait to be decoded', cap: 4000, refused: 1400 },
    ]);
    lab.table.finish();
    await decoding.settle(true);
    expect(rows.map(({ id }) => id)).toEqual(ids(5403));
    expect(rows.filter(({ service }) => service === 'a.p').length).toBe(4000);
  });
});

describe('what decoders say', () => {
  it('is asked of each in turn, and the first that knows a flow has it', async () => {
    const first = decoderOf('a', (_, text) =>
      text === 'm1' ? { name: 'p', summary: 'mine', columns: {} } : undefined,
    );
    const second = decoderOf('b', ECHO('q'));
    const other = decoderOf('c', ECHO('r'), { transport: 'tcp' });
    const { lab, rows, decoding } = labOf([first, second, other], 10);
    lab.take(flows(3));
    lab.table.finish();
    await decoding.settle(true);
    expect(rows.map(({ service, operations }) => [service, operations])).toEqual([
      ['b.q', 'm0'],
      ['a.p', 'mine'],
      ['b.q', 'm2'],
    ]);
    expect([first.asked, second.asked, other.asked]).toEqual([[['m0', 'm1', 'm2']], [['m0', 'm2']], []]);
  });

  it('is of both sides of a TCP connection together, and the name that of the initiator', async () => {
    const decoder = decoderOf('a', ({ from }, text) => ({ name: from, summary: text, columns: {} }), {
      transport: 'tcp',
    });
    const { lab, rows, decoding } = labOf([decoder, decoderOf('b', ECHO('udp'))], 10);
    const [client, server] = ['10.0.0.1:50000', '10.1.0.1:4000'];
    lab.take([
      tcp(0, client, server, 'S', { sequence: 9 }),
      tcp(1, server, client, 'SA', { sequence: 19 }),
      tcp(2, server, client, 'PA', { sequence: 20, payload: 'ready' }),
      tcp(3, client, server, 'PA', { sequence: 10, payload: 'AC' }),
      tcp(4, client, server, 'PA', { sequence: 12, payload: 'ME' }),
    ]);
    lab.table.finish();
    await decoding.settle(true);
    expect(decoder.asked).toEqual([['ACME', 'ready']]);
    expect(rows).toEqual([{ id: 1, service: 'a.initiator', operations: 'ACME, ready' }]);
  });

  it('is at most 16 operations of 80 characters, each once, none of which looks like two', async () => {
    const long = 'x'.repeat(100);
    const columns = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`c${i}`, `${i}`]));
    const decoder = decoderOf('a', ({ from }) => ({
      name: 'p',
      summary: from === 'initiator' ? 'a,  b' : long,
      columns,
    }));
    const { lab, rows, decoding } = labOf([decoder], 10);
    lab.take([...flows(1), udp(5, '10.1.0.1:4000', '10.0.0.0:50000', 'answer')]);
    lab.table.finish();
    await decoding.settle(true);
    const operations = rows[0]?.operations?.split(', ') ?? [];
    expect(operations.length).toBe(16);
    expect(operations.slice(0, 3)).toEqual(['a,b', 'c0=0', 'c1=1']);
    const short = decoderOf('a', () => ({ name: 'p', summary: long, columns: {} }));
    const one = labOf([short], 10);
    one.lab.take(flows(1));
    one.lab.table.finish();
    await one.decoding.settle(true);
    expect(one.rows[0]?.operations).toBe(`${'x'.repeat(79)}…`);
  });

  it('takes the place of what the port made us guess, and leaves nothing where it says nothing', async () => {
    for (const [answer, expected] of [
      [ECHO('p'), 'a.p'],
      [() => undefined, 'syslog'],
    ] as const) {
      const { lab, rows, decoding } = labOf([decoderOf('a', answer, { ports: [514] })], 10);
      lab.take(flows(1, () => 514));
      lab.table.finish();
      await decoding.settle(true);
      expect(rows.map(({ service }) => service)).toEqual([expected]);
    }
  });
});
