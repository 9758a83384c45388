import { counted, humanBytes, humanCount, humanDuration, numberAt, type Table, textAt } from '../core/index.ts';
import { type Feature, type FeatureMatrix, FLOW_FEATURES } from '../feature/index.ts';
import { bindFlows, FLOW_COLUMN } from '../flow/index.ts';
import {
  type Contribution,
  changeSentence,
  type Explanation,
  type Model,
  type StreamingModel,
  smallestChange,
  type TrainingSummary,
} from '../model/index.ts';
import { Cap, HeavyMap, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  type EvidenceFlow,
  MAX_EVIDENCE_FLOWS,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
} from './detection.ts';
import { EvidenceStore } from './evidence/store.ts';

/**
 * Single flows that look unlike the others: what the model (an isolation forest over the flow features) finds strange, whoever made it.
 *
 * It catches what nobody wrote a rule for, and it can't say that anything is wrong: strange is rare in shape, size, time or outcome. The threshold
 * is a false-positive budget: with a calibrated score, 0.999 lets one ordinary flow in a thousand through. In a capture that the model was
 * fitted on there are always such flows. What is worth a look is a host that has more of them than its share. So the detection's score is
 *
 *   0.5 x min(1, log10(1 / chance) / 3),   chance = min(1, hosts x P(at least k strange flows among n))
 *
 * with k the host's strange flows, n all its flows, and hosts the number of hosts that were looked at (Bonferroni's bound: among a thousand hosts
 * some have bad luck). 0.5 at most, reached at one in a thousand, because alone this is a hint; 0 for a busy host that has its thousandth.
 * The budget is itself only known as well as m calibration scores tell, of which m x budget lie above the threshold: the true rate is taken as
 * Gamma(m x budget + 1, m), which makes the number of strange flows negative binomial and not Poisson, and a model of few flows modest. The
 * chance takes flows as independent, which flows of one program are not: where alike flows come in series it is too small.
 * The strangest flow is explained: the smallest change that would have made it ordinary, and the features that carried its score, with its value and the usual one, their shares of the score, and one
 * remainder, so that the shares add up to the model's score, and with the last reason to the detection's.
 *
 * What fools it: an attack that looks like the traffic around it, or that is so frequent that it is the usual traffic. Innocent: the first backup, a new
 * device, an odd protocol. With fewer than 100 flows behind the model it says nothing (`silentBecause`): a thousandth of a hundred flows is nothing.
 *
 * Cost: one score per flow; explanations (some milliseconds each) only at the end, for the flow of each host that is reported. Bounds: hosts with
 * strange flows (at the cap the half with the least strange
 * flows is dropped), hosts that are counted (at the cap the half with the fewest flows is), ten flows per host, `maxActors` detections.
 */
export const strangeFlowInfo: DetectorInfo = {
  id: 'strange-flow',
  kinds: ['strange-flow.outlier'],
  needs: ['initiator', 'startMs'],
  sees: 'Flows unlike the rest in size, shape, timing or outcome, by host, as the model scores them.',
  fooledBy:
    'Attacks that look like the traffic around them or make up much of it. New devices, first backups and odd protocols are strange too.',
  cost: 'One model score per flow; one explanation per host that is reported.',
  source: 'Liu, Ting, Zhou: Isolation Forest, ICDM 2008; calibration by split conformal scores.',
};

export interface StrangeFlowOptions {
  /** Share of ordinary flows that may pass for strange, above 0 and below 1: the threshold is 1 minus this. */
  readonly budget: number;
  /** Hosts reported at most, the surest first. */
  readonly maxActors: number;
  /** Weaker findings are not reported. */
  readonly minScore: number;
  /** Rows behind the model and below which it is not asked. */
  readonly minRows: number;
  /** Hosts with strange flows that are kept. */
  readonly maxHosts: number;
  /** Hosts whose flows are counted. */
  readonly maxCounted: number;
}

export const DEFAULT_STRANGE_FLOW_OPTIONS: StrangeFlowOptions = {
  budget: 0.001,
  maxActors: 20,
  minScore: 0.3,
  minRows: 100,
  maxHosts: 1000,
  maxCounted: 65_536,
};

/** The most that a strange flow alone can say. */
const MOST = 0.5;
/** A chance with so many zeros after the point says it in full. */
const SURE_DIGITS = 3;
const KEPT_PER_HOST = 10;
const REASONS_SHOWN = 5;
/** Of 20 ordinary flows one looks as strange. */
const ORDINARY_SCORE = 0.95;
const CHANGE_OPTIONS = { score: ORDINARY_SCORE, maxFeatures: 3, maxScores: 4000 };

interface Kept {
  /** The model's own axis: tells apart what the calibrated score, near 1, no longer does. */
  readonly raw: number;
  readonly startMs: number;
  readonly id: number;
  readonly order: string;
  readonly flow: EvidenceFlow;
  /** By the model that scored the flow; only while the flow is the strangest of its host, which alone is explained. */
  explain: (() => Explanation) | undefined;
  /** As a sentence, what would have made the flow ordinary; undefined where nothing small would have, and of a stream. */
  ordinaryWith?: (() => string | undefined) | undefined;
}

class Host {
  /** The strangest raw score: what the host is kept for. */
  weight = Number.NEGATIVE_INFINITY;
  strange = 0;
  readonly span = new TimeSpan();
  /** Strangest first. */
  readonly kept: Kept[] = [];
}

export interface StrangeFlowDetector extends Detector {
  /** @param scores the model's scores of the rows, where the caller has them already. */
  observe(flows: Table, features: FeatureMatrix, scores?: Float64Array): void;
  /** The same with a model that learns the flows once they are scored; gives the scores. @param order the rows in the order of time */
  learn(flows: Table, features: FeatureMatrix, stream: StreamingModel, order?: Int32Array): Float64Array;
  /** Scores with another model of the same features from here on. */
  use(model: Model): void;
  /** Why the model was not asked, as a sentence for the report; undefined where it was. */
  silentBecause(): string | undefined;
}

/** Scores with the model given: fitted on this input, loaded, or learning. The features of `observe` must hold what the model was fitted on. */
export function createStrangeFlowDetector(
  _context: NetworkContext,
  model: Model | StreamingModel,
  options: Partial<StrangeFlowOptions> = {},
): StrangeFlowDetector {
  return new StrangeFlows(model, options);
}

class StrangeFlows implements StrangeFlowDetector {
  readonly id = strangeFlowInfo.id;
  #model: Model | undefined;
  #stream: StreamingModel | undefined;
  #options: StrangeFlowOptions;
  #hostCap: Cap;
  #hosts: HeavyMap<Host>;
  #counts: HeavyMap<{ weight: number }>;
  #features: readonly Feature[] = [];
  #evidence = new EvidenceStore();

  constructor(model: Model | StreamingModel, options: Partial<StrangeFlowOptions>) {
    if ('scoreThenLearn' in model) this.#stream = model;
    else this.#model = model;
    this.#options = { ...DEFAULT_STRANGE_FLOW_OPTIONS, ...options };
    this.#hostCap = new Cap('hosts with strange flows', this.#options.maxHosts);
    this.#hosts = new HeavyMap(this.#hostCap);
    this.#counts = new HeavyMap(new Cap('hosts whose flows are counted', this.#options.maxCounted));
  }

  use(model: Model): void {
    this.#model = model;
  }

  /** Of the model as it is now; undefined while a stream warms up. */
  #training(): TrainingSummary | undefined {
    if (this.#stream?.ready === true) return this.#stream.snapshot().training;
    return this.#model?.training;
  }

  silentBecause(): string | undefined {
    const rows = this.#stream?.seen ?? this.#model?.training.rows ?? 0;
    if (rows >= this.#options.minRows) return undefined;
    return `The model of the usual rests on ${counted(rows, 'flow')} only; it takes ${humanCount(this.#options.minRows)} to call a flow strange.`;
  }

  learn(flows: Table, features: FeatureMatrix, stream: StreamingModel, order?: Int32Array): Float64Array {
    this.#stream = stream;
    this.#features = features.features;
    this.#count(flows);
    const { initiator } = bindFlows(flows);
    return stream.scoreThenLearn(features, {
      order,
      from: 1 - this.#options.budget,
      row: (row, _score, raw, explain) => {
        const actor = textAt(initiator, row);
        if (actor === undefined) return;
        this.#keep(actor, flows, row, raw, () => ({ explain: undefined }));
        // A stream can explain a row only now, and only the strangest of a host is explained.
        const first = this.#hosts.get(actor)?.kept[0];
        if (first === undefined || first.explain !== undefined) return;
        first.explain = explainedBy(explain());
      },
    });
  }

  observe(flows: Table, features: FeatureMatrix, given?: Float64Array): void {
    const model = this.#model;
    if (model === undefined || flows.rowCount === 0 || this.silentBecause() !== undefined) return;
    const scores = given ?? model.score(features);
    this.#features = features.features;
    const batch = bindFlows(flows);
    this.#count(flows);
    const threshold = 1 - this.#options.budget;
    const rows: number[] = [];
    for (let row = 0; row < scores.length; row++) if ((scores[row] ?? 0) >= threshold) rows.push(row);
    if (rows.length === 0) return;
    const raw = model.rawScore(rowsOf(features, rows));
    rows.forEach((row, i) => {
      const initiator = textAt(batch.initiator, row);
      if (initiator === undefined) return;
      this.#keep(initiator, flows, row, raw[i] ?? 0, () => explainers(model, rowsOf(features, [row])));
    });
  }

  #count(flows: Table): void {
    const { initiator } = bindFlows(flows);
    const byCode = new Int32Array(initiator.dictionary.length);
    for (const code of initiator.codes) if (code >= 0) byCode[code] = (byCode[code] ?? 0) + 1;
    initiator.dictionary.forEach((address, code) => {
      const seen = byCode[code] ?? 0;
      if (seen === 0) return;
      this.#counts.obtain(address, () => ({ weight: 0 })).weight += seen;
    });
  }

  /** @param explainer asked only where the flow is the strangest of its host */
  #keep(
    initiator: string,
    flows: Table,
    row: number,
    raw: number,
    explainer: () => Pick<Kept, 'explain' | 'ordinaryWith'>,
  ): void {
    const host = this.#hosts.obtain(initiator, () => new Host());
    host.strange++;
    const batch = bindFlows(flows);
    const startMs = numberAt(batch.startMs, row) ?? Number.POSITIVE_INFINITY;
    host.span.add(startMs, numberAt(batch.endMs, row));
    if (raw > host.weight) host.weight = raw;
    const worst = host.kept[host.kept.length - 1];
    if (host.kept.length >= KEPT_PER_HOST && worst !== undefined && raw < worst.raw) return;
    const one: Kept = {
      raw,
      startMs,
      id: numberAt(batch.id, row) ?? Number.POSITIVE_INFINITY,
      order: [FLOW_COLUMN.responder, FLOW_COLUMN.responderPort, FLOW_COLUMN.initiatorPort]
        .map((column) => String(flows.value(column, row) ?? ''))
        .join(' '),
      flow: this.#evidence.add(flows, row),
      explain: undefined,
      ordinaryWith: undefined,
    };
    host.kept.push(one);
    host.kept.sort(compareKept);
    if (host.kept.length > KEPT_PER_HOST) host.kept.pop();
    const [first, second] = host.kept;
    if (first !== one) return;
    Object.assign(one, explainer());
    if (second === undefined) return;
    second.explain = undefined;
    second.ordinaryWith = undefined;
  }

  saturations(): ReturnType<Detector['saturations']> {
    return saturationsOf(this.id, [this.#hostCap, this.#counts.cap]);
  }

  finish(): Detection[] {
    const { budget, maxActors, minScore } = this.#options;
    const training = this.#training();
    if (training === undefined || this.silentBecause() !== undefined) return [];
    const rows = training.calibrationRows;
    return this.#hosts
      .sortedEntries()
      .map(([actor, host]) => {
        const flows = Math.max(host.strange, this.#counts.get(actor)?.weight ?? 0);
        const chance = Math.min(1, this.#counts.size * chanceOfSoMany(host.strange, flows, rows, budget));
        return {
          actor,
          host,
          flows,
          chance,
          score: MOST * Math.max(0, Math.min(1, -Math.log10(chance) / SURE_DIGITS)),
        };
      })
      .filter(({ score }) => score >= minScore)
      .sort((a, b) => b.score - a.score || b.host.weight - a.host.weight || (a.actor < b.actor ? -1 : 1))
      .slice(0, maxActors)
      .flatMap((found) => this.#detection(found, training));
  }

  #detection(
    found: { actor: string; host: Host; flows: number; chance: number; score: number },
    training: TrainingSummary,
  ): Detection[] {
    const { actor, host, score } = found;
    const strangest = host.kept[0];
    // Flows of which no time is known can't be placed anywhere.
    const explanation = strangest?.explain?.();
    if (strangest === undefined || explanation === undefined || !host.span.known) return [];
    const peers = [...new Set(host.kept.flatMap((k) => (k.flow.responder === undefined ? [] : [k.flow.responder])))];
    const { responderPort: port, protocol, service } = strangest.flow;
    return [
      {
        kind: 'strange-flow.outlier',
        detector: this.id,
        actor,
        peers: peers.slice(0, MAX_PEERS),
        peerCount: peers.length,
        ...(port === undefined ? {} : { port }),
        ...(protocol === undefined ? {} : { protocol }),
        ...(service === undefined ? {} : { service }),
        firstMs: host.span.firstMs,
        lastMs: host.span.lastMs,
        score,
        reasons: this.#reasons(found, explanation, training, strangest.ordinaryWith?.()),
        flows: host.kept
          .slice(0, MAX_EVIDENCE_FLOWS)
          .toSorted((a, b) => difference(a.startMs, b.startMs) || difference(a.id, b.id))
          .map((k) => k.flow),
        flowCount: host.strange,
      },
    ];
  }

  #reasons(
    { host, flows, chance, score }: { host: Host; flows: number; chance: number; score: number },
    explanation: Explanation,
    training: TrainingSummary,
    ordinary: string | undefined,
  ): Reason[] {
    const expected = flows * this.#options.budget;
    const shown = explanation.contributions.filter((c) => c.contribution > 0).slice(0, REASONS_SHOWN);
    const remainder = shown.reduce((rest, c) => rest - c.contribution, explanation.score);
    return [
      {
        name: 'strange-flow.count',
        value: host.strange,
        unit: 'flows',
        threshold: Number(expected.toPrecision(3)),
        sentence: `Of its ${counted(flows, 'flow')}, ${humanCount(host.strange)} ${host.strange === 1 ? 'is' : 'are'} strange to the model; by chance it would be about ${Number(expected.toPrecision(2))}.`,
      },
      ...shown.map((c) => this.#featureReason(c, training)),
      {
        name: 'strange-flow.remainder',
        value: explanation.contributions.length - shown.length,
        unit: 'features',
        contribution: remainder,
        sentence: `The other ${counted(explanation.contributions.length - shown.length, 'feature')} and the score of a flow of which nothing is known make up the rest.`,
      },
      {
        name: 'strange-flow.score',
        value: explanation.score,
        unit: 'score 0..1',
        threshold: 1 - this.#options.budget,
        sentence: `The strangest of them scores ${explanation.score.toFixed(5)}: of ${oneIn(1 - explanation.score)} ordinary flows one looks as strange${explanation.extrapolated ? '. That is rarer than the model could count, so it is an extrapolation' : ''}.`,
      },
      ...(ordinary === undefined
        ? []
        : [
            {
              name: 'strange-flow.smallest-change',
              value: ORDINARY_SCORE,
              unit: 'score 0..1',
              sentence: ordinary,
            },
          ]),
      {
        name: 'strange-flow.caution',
        value: Number(chance.toPrecision(3)),
        unit: 'probability',
        contribution: score - explanation.score,
        sentence: `That some host here has so many strange flows by chance alone has a probability of up to ${Number(chance.toPrecision(2))}; and a strange flow alone is a hint, which counts for a half at most.`,
      },
    ];
  }

  #featureReason({ feature, value, imputed, contribution }: Contribution, training: TrainingSummary): Reason {
    const known = FLOW_FEATURES.find((f) => f.name === feature) ?? this.#features.find((f) => f.name === feature);
    const usual = training.features.find((f) => f.name === feature);
    const meaning = known === undefined ? feature : known.meaning.replace(/\.$/, '');
    const words = (x: number): string => valueInWords(known, x);
    const plain = value ?? imputed;
    return {
      name: feature,
      value: plain === undefined ? 'missing' : plainValue(known, plain),
      unit: known === undefined ? '' : plainUnit(known),
      contribution,
      sentence:
        value === undefined
          ? `${meaning}: not known for this flow, which is unusual.`
          : usual === undefined
            ? `${meaning}: ${words(value)}.`
            : `${meaning}: ${words(value)}; usually ${usually(words(usual.q05), words(usual.q95), known?.unit === 'class')}.`,
    };
  }
}

/** How the row of a matrix of one row is explained. A function of its own, so that what waits for the end holds the row and not the tables that were at hand where it was seen. */
function explainers(model: Model, one: FeatureMatrix): Pick<Kept, 'explain' | 'ordinaryWith'> {
  return { explain: () => model.explain(one, 0), ordinaryWith: () => ordinaryWith(model, one) };
}

/** As `explainers`, of what is known already. */
function explainedBy(explanation: Explanation): () => Explanation {
  return () => explanation;
}

/** What would have made the strangest flow ordinary, where a change of few features would have. */
function ordinaryWith(model: Model, one: FeatureMatrix): string | undefined {
  const change = smallestChange(model, one, 0, CHANGE_OPTIONS);
  return change.found && change.changes.length > 0
    ? changeSentence(change, FLOW_FEATURES, (name, value) =>
        className(
          FLOW_FEATURES.find((feature) => feature.name === name),
          value,
        ),
      ).replace('it would', 'the strangest of them would')
    : undefined;
}

/** The matrix of some rows. */
function rowsOf(features: FeatureMatrix, rows: readonly number[]): FeatureMatrix {
  const width = features.features.length;
  const values = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    values.set(features.values.subarray(row * width, (row + 1) * width), i * width);
  });
  return { features: features.features, rowCount: rows.length, values };
}

/**
 * P(K >= k), k at least 1, of the number of strange flows among `flows`: Poisson with a rate that is Gamma(rows x budget + 1, rows), which is
 * negative binomial. Summed from the side that does not cancel.
 */
export function chanceOfSoMany(k: number, flows: number, rows: number, budget: number): number {
  const shape = rows * budget + 1;
  const ratio = flows / (rows + flows);
  let term = (rows / (rows + flows)) ** shape;
  let below = 0;
  for (let i = 0; i < k; i++) {
    below += term;
    term *= ((shape + i) / (i + 1)) * ratio;
  }
  if (below < 0.5) return 1 - below;
  let above = 0;
  for (let i = k; term > above * 1e-17; i++) {
    above += term;
    term *= ((shape + i) / (i + 1)) * ratio;
  }
  return Math.min(1, above);
}

/** A value with its ln undone, rounded to what a reader can use. */
function plainValue(feature: Feature | undefined, value: number): number | string {
  const name = className(feature, value);
  if (name !== undefined) return name;
  return Number((feature?.unit.startsWith('ln ') ? Math.expm1(value) : value).toPrecision(6));
}

function plainUnit(feature: Feature): string {
  if (feature.unit === 'class') return '';
  return feature.unit.startsWith('ln ') ? feature.unit.slice(3) : feature.unit;
}

function valueInWords(feature: Feature | undefined, value: number): string {
  const name = className(feature, value);
  if (name !== undefined) return name;
  const unit = feature === undefined ? '' : plainUnit(feature);
  const plain = feature?.unit.startsWith('ln ') ? Math.expm1(value) : value;
  if (unit === 'ms') return humanDuration(plain);
  if (unit === 'bytes') return humanBytes(plain);
  if (feature?.unit.startsWith('ln ')) return `${Number(plain.toPrecision(3))} ${unit}`;
  return unit === 'characters' ? counted(plain, 'character') : String(Number(plain.toPrecision(3)));
}

function className(feature: Feature | undefined, value: number): string | undefined {
  const classes = FLOW_FEATURES.find((f) => f.name === feature?.name)?.classes;
  return classes?.[Math.round(value)];
}

function usually(low: string, high: string, isClass: boolean): string {
  return low === high ? low : `${low} ${isClass ? 'or' : 'to'} ${high}`;
}

/** '1,000' for 0.001. */
function oneIn(p: number): string {
  return p > 0 ? humanCount(1 / p) : 'all';
}

function compareKept(a: Kept, b: Kept): number {
  return (
    b.raw - a.raw ||
    difference(a.startMs, b.startMs) ||
    difference(a.id, b.id) ||
    (a.order < b.order ? -1 : a.order > b.order ? 1 : 0)
  );
}

/** Like subtraction, but two infinities are equal. */
function difference(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
