/**
 * Times compiled expressions beside loops written by hand for the same columns, interleaved in one run, and prints the ratios.
 *
 *     node bench/expression.ts [--rows 1000000] [--rounds 9]
 *
 * Both sides read the same batches of 8,192 rows, know missing values, look at a text once per entry of a batch's dictionary, and write one column. The
 * values are compared before anything is timed. The target: at most twice the time of the loop.
 */
import { cpus } from 'node:os';
import {
  isValid,
  type NumberColumn,
  Random,
  type Schema,
  type StringColumn,
  type Table,
  TableBuilder,
} from '../src/core/index.ts';
import { Batch, ColumnBuffers, compileExpression, TRUE, UNKNOWN } from '../src/feature/index.ts';
import { shannonEntropy } from '../src/feature/text-shape.ts';

const SCHEMA: Schema = {
  name: 'bench',
  version: 1,
  columns: [
    { name: 'time', kind: 'float64', unit: 'ms since 1970 UTC', meaning: '' },
    { name: 'bytes', kind: 'float64', unit: 'bytes', meaning: '' },
    { name: 'packets', kind: 'int32', unit: '', meaning: '' },
    { name: 'took', kind: 'float64', unit: 'ms', meaning: '' },
    { name: 'src', kind: 'string', unit: 'address', meaning: '' },
    { name: 'name', kind: 'string', unit: '', meaning: '' },
  ],
};
const BATCH = 8192;

function argument(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

function makeTables(rows: number): Table[] {
  const random = new Random(1);
  const names = Array.from(
    { length: 5000 },
    (_, i) => `h${i.toString(36)}${random.below(1e6)}.example.${i % 3 === 0 ? 'com' : 'net'}`,
  );
  const tables: Table[] = [];
  let builder = new TableBuilder(SCHEMA, BATCH);
  let time = 1.7e12;
  for (let i = 0; i < rows; i++) {
    if (builder.full) tables.push(builder.finish());
    const row = builder.addRow();
    time += random.below(40);
    builder.setNumber(0, row, time);
    builder.setNumber(1, row, random.below(100_000));
    builder.setNumber(2, row, random.below(40));
    // One row in thirty has no duration.
    if (random.below(30) > 0) builder.setNumber(3, row, random.below(10_000));
    builder.setText(4, row, `10.0.${random.below(4)}.${random.below(200)}`);
    builder.setText(5, row, names[random.below(names.length)] ?? '');
  }
  tables.push(builder.finish());
  builder = new TableBuilder(SCHEMA, 1);
  return tables;
}

type Column = Float64Array | Uint8Array;

interface Case {
  readonly expression: string;
  /** Makes the loop, which writes the column of a batch; truth is 0, 1 (missing) and 3. */
  readonly hand: () => (table: Table) => Column;
}

const numbers = (table: Table, name: string): NumberColumn => table.numbers(name);

const CASES: readonly Case[] = [
  {
    expression: 'bytes / packets',
    hand: () => {
      const out = new Float64Array(BATCH);
      return (table) => {
        const bytes = numbers(table, 'bytes');
        const packets = numbers(table, 'packets');
        for (let i = 0; i < table.rowCount; i++) {
          const divisor = packets.values[i] as number;
          out[i] =
            isValid(bytes, i) && isValid(packets, i) && divisor !== 0
              ? (bytes.values[i] as number) / divisor
              : Number.NaN;
        }
        return out;
      };
    },
  },
  {
    expression: 'log1p(bytes) - log1p(took)',
    hand: () => {
      const out = new Float64Array(BATCH);
      return (table) => {
        const bytes = numbers(table, 'bytes');
        const took = numbers(table, 'took');
        for (let i = 0; i < table.rowCount; i++) {
          const a = bytes.values[i] as number;
          const b = took.values[i] as number;
          out[i] =
            isValid(bytes, i) && isValid(took, i) && a > -1 && b > -1 ? Math.log1p(a) - Math.log1p(b) : Number.NaN;
        }
        return out;
      };
    },
  },
  {
    expression: 'bytes > 10 kB and packets < 20 and not took > 5s',
    hand: () => {
      const out = new Uint8Array(BATCH);
      return (table) => {
        const bytes = numbers(table, 'bytes');
        const packets = numbers(table, 'packets');
        const took = numbers(table, 'took');
        for (let i = 0; i < table.rowCount; i++) {
          const known = isValid(bytes, i) && isValid(packets, i);
          const a = (bytes.values[i] as number) > 10_000;
          const b = (packets.values[i] as number) < 20;
          if ((isValid(bytes, i) && !a) || (isValid(packets, i) && !b)) out[i] = 0;
          else if (!isValid(took, i)) out[i] = 1;
          else if ((took.values[i] as number) > 5000) out[i] = 0;
          else out[i] = known ? 3 : 1;
        }
        return out;
      };
    },
  },
  {
    expression: 'if(took > 0, bytes / took * 1000, 0)',
    hand: () => {
      const out = new Float64Array(BATCH);
      return (table) => {
        const bytes = numbers(table, 'bytes');
        const took = numbers(table, 'took');
        for (let i = 0; i < table.rowCount; i++) {
          if (!isValid(took, i)) out[i] = Number.NaN;
          else if ((took.values[i] as number) <= 0) out[i] = 0;
          else
            out[i] = isValid(bytes, i) ? ((bytes.values[i] as number) / (took.values[i] as number)) * 1000 : Number.NaN;
        }
        return out;
      };
    },
  },
  {
    expression: 'entropy(name)',
    hand: () => {
      const out = new Float64Array(BATCH);
      return (table) => {
        const { codes, dictionary }: StringColumn = table.strings('name');
        const known = new Float64Array(dictionary.length).fill(-1);
        for (let i = 0; i < table.rowCount; i++) {
          const code = codes[i] as number;
          if (code < 0) {
            out[i] = Number.NaN;
            continue;
          }
          if (known[code] === -1) known[code] = shannonEntropy(dictionary[code] ?? '');
          out[i] = known[code] as number;
        }
        return out;
      };
    },
  },
  {
    expression: 'count() over 10m by src',
    hand: () => {
      const out = new Float64Array(BATCH);
      const queues = new Map<string, { times: number[]; head: number }>();
      return (table) => {
        const times = numbers(table, 'time').values;
        const { codes, dictionary }: StringColumn = table.strings('src');
        for (let i = 0; i < table.rowCount; i++) {
          const key = dictionary[codes[i] as number] ?? '';
          const time = times[i] as number;
          let queue = queues.get(key);
          if (queue === undefined) {
            queue = { times: [], head: 0 };
            queues.set(key, queue);
          }
          while (queue.head < queue.times.length && (queue.times[queue.head] as number) <= time - 600_000) queue.head++;
          if (queue.head > 1024 && queue.head * 2 > queue.times.length) {
            queue.times = queue.times.slice(queue.head);
            queue.head = 0;
          }
          queue.times.push(time);
          out[i] = queue.times.length - queue.head;
        }
        return out;
      };
    },
  },
];

function compiled(source: string): (table: Table) => Column {
  const expression = compileExpression(source, { schema: SCHEMA, time: 'time' });
  const buffers = new ColumnBuffers();
  return (table) => {
    const vector = expression.evaluate(new Batch(table, buffers));
    if (vector.type === 'text') throw new Error('no case gives text');
    return vector.values;
  };
}

function same(tables: readonly Table[], { expression, hand }: Case): void {
  const a = compiled(expression);
  const b = hand();
  for (const table of tables) {
    const x = a(table);
    const y = b(table);
    for (let i = 0; i < table.rowCount; i++)
      if (!Object.is(x[i], y[i]) && Math.abs((x[i] ?? 0) - (y[i] ?? 0)) > 1e-9)
        throw new Error(`${expression}: ${x[i]} and ${y[i]} in row ${i}`);
  }
}

function time(run: (table: Table) => Column, tables: readonly Table[]): number {
  const start = performance.now();
  for (const table of tables) run(table);
  return performance.now() - start;
}

const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function main(): void {
  const rows = argument('--rows', 1_000_000);
  const rounds = argument('--rounds', 9);
  if (TRUE !== 3 || UNKNOWN !== 1) throw new Error('the loops write other truth values');
  const tables = makeTables(rows);
  console.log(
    `Machine: ${cpus()[0]?.model ?? 'unknown processor'}; Node ${process.version}; ${rows} rows, ${rounds} rounds`,
  );
  console.log('ns per row at best: expression, by hand; median ratio');
  for (const one of CASES) {
    same(tables, one);
    const ours: number[] = [];
    const theirs: number[] = [];
    const ratios: number[] = [];
    for (let round = 0; round < rounds + 2; round++) {
      // State of windows starts anew each round; the first two rounds warm up. Ratios are of one round each: another process slows both sides of it.
      const a = time(compiled(one.expression), tables);
      const b = time(one.hand(), tables);
      if (round < 2) continue;
      ours.push(a);
      theirs.push(b);
      ratios.push(a / b);
    }
    const perRow = (ms: number[]): string => ((Math.min(...ms) * 1e6) / rows).toFixed(1).padStart(7);
    console.log(`${perRow(ours)} ${perRow(theirs)} ${middle(ratios).toFixed(2).padStart(6)}  ${one.expression}`);
  }
}

main();
