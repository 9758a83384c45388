/**
 * Trains the DGA score and writes src/feature/data/dga-model.ts.
 *
 *     pip download --no-deps hstspreload==2025.1.1    and unzip it (BSD 3-clause): names of sites that asked for HTTPS alone
 *     npm pack third-party-web@0.30.0                 and unpack it (MIT): hosts that sites embed
 *     a word list such as Debian's wamerican (SCOWL, free of conditions but its notice), for the generators of names from words
 *     node scripts/dga.ts <hstspreload.bin> <domain-map.csv> <word list> [--evaluate]
 *
 * Honest: the registered labels of both lists, split by a hash into 60 % that the trigram table is counted on, 25 % that the network is trained on and 15 %
 * that it is measured on. Generated: the families of scripts/dga-family.ts with seeds 1 (training) and 2 (measuring). None of the names ships, only counts.
 *
 * With --evaluate the model stays as it is: every family in turn is left out of a shorter training wholly and then measured; that is what a family nobody has
 * seen would meet. AUROC and the true-positive rate at a false-positive rate of 1 % on the held-back honest labels go to scripts/dga-left-out.json, from
 * which the reference page takes them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Random } from '../src/core/index.ts';
import { BITS_PER_STEP, type DgaNetwork, dgaLabel, networkScore } from '../src/feature/dga.ts';
import { labelShape, SHAPE_NAMES, SYMBOLS, type SymbolTables, symbolOf } from '../src/feature/dga-shape.ts';
import { DGA_FAMILIES, type DgaFamily, generateLabels } from './dga-family.ts';

const [binary, hosts, dictionary] = process.argv.slice(2).filter((one) => !one.startsWith('--'));
const evaluate = process.argv.includes('--evaluate');
if (binary === undefined || hosts === undefined || dictionary === undefined) {
  console.error('usage: node scripts/dga.ts <hstspreload.bin> <domain-map.csv> <word list> [--evaluate]');
  process.exit(2);
}

const SEED = 20_240_501;
const PER_FAMILY = evaluate ? 1500 : 4000;
const UNITS = 12;
const EPOCHS = evaluate ? 6 : 12;
const BORDER = SYMBOLS - 1;

/** Entries of the preload list: one byte of flags, one of length, the name. Only whole names are leaves. */
function* preloaded(data: Uint8Array): Generator<string> {
  for (let at = 0; at + 2 <= data.length; ) {
    const length = data[at + 1] ?? 0;
    yield String.fromCharCode(...data.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 13)) >>> 0;
}

const honest = new Set<string>();
for (const name of preloaded(readFileSync(binary))) {
  const label = name.includes('.') ? dgaLabel(name) : undefined;
  if (label !== undefined && /^[a-z0-9-]+$/.test(label)) honest.add(label);
}
for (const line of readFileSync(hosts, 'utf8').split('\n')) {
  const label = dgaLabel(line.split(',')[0] ?? '');
  if (label !== undefined && /^[a-z0-9-]+$/.test(label)) honest.add(label);
}
const part = (from: number, to: number): string[] =>
  [...honest].filter((label) => hash(label) % 100 >= from && hash(label) % 100 < to);
const counted = part(0, 60);
const fitted = part(60, 85);
const heldBack = part(85, 100);
const words = readFileSync(dictionary, 'utf8')
  .split('\n')
  .filter((word) => /^[a-z]{3,10}$/.test(word));

const quantise = (value: number): number => Math.max(0, Math.min(63, Math.round(value / BITS_PER_STEP)));

/** Trigram information with interpolated backing off (Witten and Bell 1991, with a fixed weight): P(c|ab) = (n(abc) + k P(c|b)) / (n(ab) + k). */
function countHonest(labels: readonly string[]): Uint8Array {
  const n1 = new Float64Array(SYMBOLS);
  const n2 = new Float64Array(SYMBOLS ** 2);
  const n3 = new Float64Array(SYMBOLS ** 3);
  walk(labels, (a, b, c) => {
    n1[c] = (n1[c] ?? 0) + 1;
    n2[b * SYMBOLS + c] = (n2[b * SYMBOLS + c] ?? 0) + 1;
    n3[(a * SYMBOLS + b) * SYMBOLS + c] = (n3[(a * SYMBOLS + b) * SYMBOLS + c] ?? 0) + 1;
  });
  const p1 = smooth(n1, () => 1 / SYMBOLS, 10);
  const p2 = smooth(n2, (i) => p1[i % SYMBOLS] ?? 0, 20);
  const p3 = smooth(n3, (i) => p2[i % SYMBOLS ** 2] ?? 0, 20);
  return Uint8Array.from(p3, (p) => quantise(-Math.log2(p)));
}

function smooth(counts: Float64Array, lower: (i: number) => number, weight: number): Float64Array {
  const out = new Float64Array(counts.length);
  for (let row = 0; row < counts.length; row += SYMBOLS) {
    let total = 0;
    for (let c = 0; c < SYMBOLS; c++) total += counts[row + c] ?? 0;
    for (let c = 0; c < SYMBOLS; c++)
      out[row + c] = ((counts[row + c] ?? 0) + weight * lower(row + c)) / (total + weight);
  }
  return out;
}

function walk(labels: readonly string[], see: (a: number, b: number, c: number) => void): void {
  for (const label of labels) {
    let a = BORDER;
    let b = BORDER;
    for (let i = 0; i <= label.length; i++) {
      const c = i === label.length ? BORDER : symbolOf(label.charCodeAt(i));
      see(a, b, c);
      a = b;
      b = c;
    }
  }
}

/** Pair information over the families, each of the same weight. */
function countGenerated(sets: readonly (readonly string[])[]): Uint8Array {
  const p = new Float64Array(SYMBOLS ** 2);
  for (const labels of sets) {
    const n = new Float64Array(SYMBOLS ** 2);
    walk(labels, (_, b, c) => {
      n[b * SYMBOLS + c] = (n[b * SYMBOLS + c] ?? 0) + 1000 / labels.length;
    });
    n.forEach((value, i) => {
      p[i] = (p[i] ?? 0) + value;
    });
  }
  return Uint8Array.from(
    smooth(p, () => 1 / SYMBOLS, 20),
    (one) => quantise(-Math.log2(one)),
  );
}

const tablesOf = (a: Uint8Array, b: Uint8Array): SymbolTables => ({
  honest: Float32Array.from(a, (v) => v * BITS_PER_STEP),
  generated: Float32Array.from(b, (v) => v * BITS_PER_STEP),
});

function shapes(labels: readonly string[], tables: SymbolTables): Float64Array[] {
  return labels.map((label) => {
    const out = new Float64Array(SHAPE_NAMES.length);
    labelShape(label, tables, out);
    return out;
  });
}

/** Adam (Kingma and Ba 2015) on the cross-entropy, both classes of the same weight, with a little weight decay. */
function train(good: readonly Float64Array[], bad: readonly Float64Array[], seed: number): DgaNetwork {
  const random = new Random(seed);
  const d = SHAPE_NAMES.length;
  const all = [...good, ...bad];
  const mean = Array.from({ length: d }, (_, i) => all.reduce((sum, x) => sum + (x[i] ?? 0), 0) / all.length);
  const deviation = mean.map(
    (m, i) => Math.sqrt(all.reduce((sum, x) => sum + ((x[i] ?? 0) - m) ** 2, 0) / all.length) || 1,
  );
  const inputs = all.map((x) => x.map((v, i) => Math.max(-5, Math.min(5, (v - (mean[i] ?? 0)) / (deviation[i] ?? 1)))));
  const size = UNITS * d + UNITS + UNITS + 1;
  const w = new Float64Array(size);
  for (let i = 0; i < UNITS * d; i++) w[i] = ((random.float() - 0.5) * 2) / Math.sqrt(d);
  for (let u = 0; u < UNITS; u++) w[UNITS * d + UNITS + u] = random.float() - 0.5;
  const m = new Float64Array(size);
  const v = new Float64Array(size);
  const g = new Float64Array(size);
  const order = Int32Array.from(all.keys());
  const goodWeight = all.length / (2 * good.length);
  const badWeight = all.length / (2 * bad.length);
  const hidden = new Float64Array(UNITS);
  let step = 0;
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      const held = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = held;
    }
    const rate = 0.004 * (1 - epoch / EPOCHS) + 0.0004;
    for (let from = 0; from < order.length; from += 128) {
      g.fill(0);
      const to = Math.min(order.length, from + 128);
      for (let k = from; k < to; k++) {
        const row = order[k] ?? 0;
        const x = inputs[row] as Float64Array;
        const label = row < good.length ? 0 : 1;
        let z = w[size - 1] ?? 0;
        for (let u = 0; u < UNITS; u++) {
          let sum = w[UNITS * d + u] ?? 0;
          for (let i = 0; i < d; i++) sum += (w[u * d + i] ?? 0) * (x[i] ?? 0);
          hidden[u] = Math.tanh(sum);
          z += (w[UNITS * d + UNITS + u] ?? 0) * (hidden[u] ?? 0);
        }
        const error = (1 / (1 + Math.exp(-z)) - label) * (label === 0 ? goodWeight : badWeight);
        g[size - 1] = (g[size - 1] ?? 0) + error;
        for (let u = 0; u < UNITS; u++) {
          const h = hidden[u] ?? 0;
          const o = UNITS * d + UNITS + u;
          g[o] = (g[o] ?? 0) + error * h;
          const back = error * (w[o] ?? 0) * (1 - h * h);
          g[UNITS * d + u] = (g[UNITS * d + u] ?? 0) + back;
          for (let i = 0; i < d; i++) g[u * d + i] = (g[u * d + i] ?? 0) + back * (x[i] ?? 0);
        }
      }
      step++;
      const n = to - from;
      for (let i = 0; i < size; i++) {
        const gradient = (g[i] ?? 0) / n + 1e-5 * (w[i] ?? 0);
        m[i] = 0.9 * (m[i] ?? 0) + 0.1 * gradient;
        v[i] = 0.999 * (v[i] ?? 0) + 0.001 * gradient * gradient;
        w[i] =
          (w[i] ?? 0) -
          (rate * ((m[i] ?? 0) / (1 - 0.9 ** step))) / (Math.sqrt((v[i] ?? 0) / (1 - 0.999 ** step)) + 1e-8);
      }
    }
  }
  const short = (value: number): number => Number(value.toPrecision(5));
  return {
    mean: mean.map(short),
    deviation: deviation.map(short),
    hidden: Array.from({ length: UNITS }, (_, u) => [...w.subarray(u * d, (u + 1) * d)].map(short)),
    hiddenBias: [...w.subarray(UNITS * d, UNITS * d + UNITS)].map(short),
    output: [...w.subarray(UNITS * d + UNITS, UNITS * d + 2 * UNITS)].map(short),
    outputBias: short(w[size - 1] ?? 0),
  };
}

interface Measured {
  readonly auroc: number;
  readonly tpr: number;
}

/** AUROC by ranks with half for ties, and the share of `bad` above the value that 1 % of `good` exceed. */
function measure(good: readonly number[], bad: readonly number[]): Measured {
  const sorted = Float64Array.from(good).sort();
  const threshold = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 1;
  const position = (value: number, orEqual: boolean): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      const at = sorted[mid] ?? 0;
      if (orEqual ? at <= value : at < value) low = mid + 1;
      else high = mid;
    }
    return low;
  };
  let area = 0;
  for (const b of bad) area += (position(b, false) + position(b, true)) / 2 / sorted.length;
  return { auroc: area / bad.length, tpr: bad.filter((b) => b > threshold).length / bad.length };
}

const honestTable = countHonest(counted);
const trainSets = new Map(DGA_FAMILIES.map((family) => [family, generateLabels(family, PER_FAMILY, words, SEED + 1)]));
const testSets = new Map(DGA_FAMILIES.map((family) => [family, generateLabels(family, 2000, words, SEED + 2)]));

function fitFamilies(families: readonly DgaFamily[]): {
  tables: SymbolTables;
  generated: Uint8Array;
  network: DgaNetwork;
} {
  const sets = families.map((family) => trainSets.get(family) ?? []);
  const generated = countGenerated(sets);
  const tables = tablesOf(honestTable, generated);
  const good = evaluate ? fitted.filter((_, i) => i % 2 === 0) : fitted;
  return { tables, generated, network: train(shapes(good, tables), shapes(sets.flat(), tables), SEED) };
}
const scores = (labels: readonly string[], model: { tables: SymbolTables; network: DgaNetwork }): number[] =>
  shapes(labels, model.tables).map((x) => networkScore(model.network, x));
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;

console.log(
  `${honest.size} honest labels: ${counted.length} counted, ${fitted.length} trained on, ${heldBack.length} held back; ${DGA_FAMILIES.length} families of ${PER_FAMILY}`,
);
if (evaluate) {
  const leftOut = DGA_FAMILIES.map((family) => {
    const model = fitFamilies(DGA_FAMILIES.filter((one) => one !== family));
    const { auroc, tpr } = measure(scores(heldBack, model), scores(testSets.get(family) ?? [], model));
    console.log(
      `${family.name.padEnd(18)} ${family.kind.padEnd(10)} left out: AUROC ${auroc.toFixed(4)}, TPR ${percent(tpr)} at 1 % FPR`,
    );
    return { family: family.name, kind: family.kind, auroc: Number(auroc.toFixed(4)), tpr: Number(tpr.toFixed(3)) };
  });
  writeFileSync(new URL('dga-left-out.json', import.meta.url), `${JSON.stringify(leftOut, null, 2)}\n`);
} else {
  const whole = fitFamilies(DGA_FAMILIES);
  const raw = scores(heldBack, whole);
  const sorted = Float64Array.from(raw).sort();
  const threshold = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0.5;
  const network: DgaNetwork = {
    ...whole.network,
    outputBias: Number((whole.network.outputBias - Math.log(threshold / (1 - threshold))).toPrecision(6)),
  };
  const model = { ...whole, network };
  const good = scores(heldBack, model);
  const perFamily = DGA_FAMILIES.map((family) => {
    const { auroc, tpr } = measure(good, scores(testSets.get(family) ?? [], model));
    console.log(`${family.name.padEnd(18)} AUROC ${auroc.toFixed(4)}, TPR ${percent(tpr)} at 1 % FPR`);
    return { family: family.name, auroc: Number(auroc.toFixed(4)), tpr: Number(tpr.toFixed(3)) };
  });
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const text = (table: Uint8Array): string => Array.from(table, (v) => digits[v]).join('');
  const checksum = hash(text(honestTable) + text(model.generated) + JSON.stringify(network)).toString(16);
  writeFileSync(
    new URL('../src/feature/data/dga-model.ts', import.meta.url),
    `/**
 * The DGA model, made by scripts/dga.ts, which says how. Not to be edited. \`honest\` and \`generated\` hold bits in quarters, a Base64 digit each.
 * Counted on names of Chromium's HSTS preload list (hstspreload 2025.1.1, BSD 3-clause) and of third-party-web 0.30.0 (MIT); it holds none of them.
 * The figures in \`summary\` are of families that it was trained on, with other seeds; \`scripts/dga.ts --evaluate\` leaves each one out in turn.
 */
export const DGA_MODEL: {
  readonly checksum: string;
  readonly summary: {
    readonly seed: number;
    readonly honest: { readonly counted: number; readonly trained: number; readonly heldBack: number };
    readonly perFamily: number;
    readonly families: readonly { readonly family: string; readonly auroc: number; readonly tpr: number }[];
  };
  readonly network: {
    readonly mean: readonly number[];
    readonly deviation: readonly number[];
    readonly hidden: readonly (readonly number[])[];
    readonly hiddenBias: readonly number[];
    readonly output: readonly number[];
    readonly outputBias: number;
  };
  readonly generated: string;
  readonly honest: string;
} = ${JSON.stringify({
      checksum,
      summary: {
        seed: SEED,
        honest: { counted: counted.length, trained: fitted.length, heldBack: heldBack.length },
        perFamily: PER_FAMILY,
        families: perFamily,
      },
      network,
      generated: text(model.generated),
      honest: text(honestTable),
    })};
`,
  );
}
