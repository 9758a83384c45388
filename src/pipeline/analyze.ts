import { randomInt } from 'node:crypto';
import type { Analyst } from '../analyst/index.ts';
import { type Schema, type Table, UserError } from '../core/index.ts';
import {
  alertDetections,
  type Baseline,
  createStrangeFlowDetector,
  DETECTORS,
  type Detection,
  type Detector,
  EvidenceRows,
  type NetworkContext,
  type Saturation,
  type SensorAlert,
  type ThreatLists,
} from '../detect/index.ts';
import { FEATURE_PACKS, type Feature, type FeatureMatrix, type FeaturePack } from '../feature/index.ts';
import {
  ArpClaims,
  type DeviceFacts,
  FLOW_SCHEMA,
  FlowTable,
  type FlowTableOptions,
  type HostFacts,
  HostTable,
  mostFrequent,
  StoredArpClaims,
  shippedVendors,
  TimelineCounter,
  type VendorTable,
} from '../flow/index.ts';
import type { AlertKeeper, Feedback } from '../incident/index.ts';
import { type ByteSource, type PluginHost, type Reject, ScratchFile, type TableSource } from '../io/index.ts';
import { loadModel, type Model } from '../model/index.ts';
import type {
  AnalysisResult,
  DriftSummary,
  HostSummary,
  InputSummary,
  ModelSummary,
  Timeline,
} from '../report/index.ts';
import { MOST_DEVICES } from '../report/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet, OddityCounter, otherFrameKind, TimeBase } from '../wire/index.ts';
import { importanceKey } from './archive.ts';
import { assembleResult } from './assemble.ts';
import { baselineBlindSpots } from './baseline.ts';
import { describeBlindSpots, explainEmptiness, type IdleDetector } from './blind-spot.ts';
import { type CensusCounts, FlowCensus } from './census.ts';
import type { ClassifiedInput } from './classify.ts';
import type { Config } from './config.ts';
import { PluginDecoding } from './decoding.ts';
import { DeviceWatch, summarizeDevice } from './device.ts';
import { DriftMeter } from './drift.ts';
import { FitSample } from './fit-sample.ts';
import { Heap } from './heap.ts';
import { inPieces, type LearningBatch, type LearningModel } from './learning.ts';
import { PluginLooks, pluginBlindSpots } from './plugin.ts';
import { readInputs, wasStopped } from './read.ts';
import type { RecordKeeper, StoredRecords } from './record.ts';
import { type FlowChunk, FlowStore } from './store.ts';
import { ColumnCounts, findInRows, type TableFindings, type TablePlan } from './table/index.ts';
import { threatListBlindSpots } from './threat-list.ts';
import { nextTurn, TURN_MS } from './turn.ts';
import { productVersion } from './version.ts';

/** Where a run is, for a progress line. */
export interface Progress {
  readonly stage: 'reading' | 'scoring';
  readonly input: string;
  /** Bytes taken from all inputs so far, and of all inputs; the total is undefined when one is a stream. */
  readonly bytes: number;
  readonly totalBytes: number | undefined;
  readonly packets: number;
  readonly flows: number;
}

export interface AnalyzeOptions {
  /** Files, or '-' for standard input; folders are expanded before (see `expandInputs`). At least one. */
  readonly inputs: readonly string[];
  readonly homeNet?: readonly string[];
  /** Default 42. */
  readonly seed?: number;
  readonly flow?: Partial<FlowTableOptions>;
  readonly detect?: Config['detect'];
  /** The bytes of a saved model and the name to report it by; without, a model is fitted on the input itself. */
  readonly model?: { readonly name: string; readonly bytes: Uint8Array };
  /** How the model is chosen where none is given, and what it learns along the way; the same one for every window of an input without an end. */
  readonly learning?: LearningModel;
  readonly analyst?: Analyst;
  /** Folder for the scratch file that large inputs need. */
  readonly scratchFolder: string;
  /** Every flow once, in the order in which flows ended, with the model's score of each row where a model ran. */
  readonly onFlows?: (flows: Table, scores: Float64Array | undefined) => void;
  readonly onProgress?: (progress: Progress) => void;
  /** Stops the reading; what was read until then is analysed. */
  readonly signal?: AbortSignal;
  /** Opens inputs that are no files; for a name that it does not know it answers undefined. */
  readonly open?: (name: string) => ByteSource | undefined;
  /** The format of all inputs, where the user states it: one of `ROW_FORMATS`, or 'capture'. */
  readonly as?: string;
  /** What the inputs are, where the caller has looked already. */
  readonly classified?: readonly ClassifiedInput[];
  /** Definitions of features, filters and flags, asked of the flows beside the detectors. */
  readonly plan?: (schema: Schema, encoding: undefined) => TablePlan;
  /** Their decoders are shown the first payload of flows on their ports, and their detectors look at the flows. */
  readonly plugins?: PluginHost;
  /** Told of every line or record that could not be read. */
  readonly onReject?: (input: string, reject: Reject) => void;
  /** What the network is supposed to hold; without it nothing is judged by it. */
  readonly baseline?: Baseline;
  /** Lists of hostile addresses, names and the like; without any nothing is held against them. */
  readonly threats?: ThreatLists;
  /** Whose blocks hardware addresses are from; the table that ships where absent. */
  readonly vendors?: VendorTable;
  /** What a person said of incidents before: rules that hide, labels. */
  readonly feedback?: Feedback;
  /** Keeps the alert budget; the same one for every window of an input without an end. */
  readonly keeper?: AlertKeeper;
  /** Keeps what detectors see, so that they can be run on it again. */
  readonly records?: RecordKeeper;
  /** Records that were kept before: they are looked at in place of the inputs, and only detections and model come of it. */
  readonly stored?: StoredRecords;
}

export interface Analysis {
  readonly result: AnalysisResult;
  /** What the result was put together of: the archive keeps it. */
  readonly parts: AnalysisParts;
  /** The model that scored the flows; undefined when there were too few. */
  readonly model: Model | undefined;
}

/** A result before its incidents, and the detections that make them. */
export interface AnalysisParts {
  /** The result as it would be without any incident. */
  readonly base: AnalysisResult;
  readonly detections: readonly Detection[];
  /** Importance that a baseline gave, by `importanceKey`. */
  readonly importance?: ReadonlyMap<string, number>;
}

const DEFAULT_SEED = 42;
const HOSTS_SHOWN = 200;

/**
 * The main job: captures in, ranked and explained incidents out. Two passes: packets to flows, features and detectors; then the model's scores over the flows kept.
 * Memory is bounded whatever the input. Throws UserError when no input could be read at all.
 */
export async function analyze(options: AnalyzeOptions): Promise<Analysis> {
  const { homeNet = DEFAULT_HOME_NETWORKS, seed = DEFAULT_SEED, analyst } = options;
  const home = NetworkSet.parse(homeNet);
  if (home === undefined)
    throw new UserError(
      `--home-net ${homeNet.join(',')}: not all of these are networks`,
      'give networks in CIDR notation, as in 192.168.0.0/16,fd00::/8',
    );
  const isHome = homeTest(home);
  const { baseline, threats } = options;
  const context: NetworkContext = {
    isHome,
    ...(baseline === undefined ? {} : { baseline }),
    ...(threats === undefined ? {} : { threats }),
  };

  const pack = FEATURE_PACKS[0];
  if (pack === undefined) throw new Error('there is no feature pack');
  const oddities = new OddityCounter();
  const store = new FlowStore(pack.features, () => new ScratchFile(options.scratchFolder));
  const heap = new Heap();

  try {
    const pass = await readPass(options, pack, context, seed, oddities, store, heap);
    const { summaries, totals, hosts } = pass;
    const learning = options.learning?.goesOn === true ? options.learning : undefined;
    const { detections, detectors, model, drift, saturations } = await scorePass(
      options,
      context,
      seed,
      store,
      pass,
      learning,
    );
    saturations.push(...hosts.saturations);
    const defined = options.plan === undefined ? undefined : await findDefined(options.plan, store, options);
    if (defined !== undefined) {
      detections.push(...defined.detections);
      saturations.push(...defined.saturations);
    }

    const read = summaries.filter((input) => input.firstMs !== undefined);
    const run = {
      tool: { name: 'anomalyst', version: productVersion() },
      inputs: summaries,
      ...(read.length > 0
        ? { firstMs: Math.min(...read.map((i) => i.firstMs ?? 0)), lastMs: Math.max(...read.map((i) => i.lastMs ?? 0)) }
        : {}),
      packets: summaries.reduce((n, input) => n + input.packets, 0),
      bytes: totals.wireBytes,
      flows: totals.flows,
      hosts: hosts.count,
      otherFrames: [...totals.otherFrames]
        .map(([kind, packets]) => ({ kind: kind < 0 ? 'further kinds' : otherFrameKind(kind), packets }))
        .sort((a, b) => b.packets - a.packets || (a.kind < b.kind ? -1 : 1)),
      homeNet: [...homeNet],
      seed,
      ...(model === undefined ? {} : { model: summarizeModel(model, options.model?.name, learning) }),
      ...(drift === undefined ? {} : { drift }),
      saturations,
      severityCounts: { info: 0, low: 0, medium: 0, high: 0, critical: 0 },
    };
    const facts = {
      run,
      detectors,
      oddities,
      model: model !== undefined,
      store,
      stopped: wasStopped(summaries),
      flows: pass.census,
      cautions: model?.training.cautions ?? [],
      idle: pass.idle,
    };
    const base: AnalysisResult = {
      run: {
        ...run,
        emptyBecause: explainEmptiness(facts),
        blindSpots: [
          ...describeBlindSpots(facts),
          ...pluginBlindSpots(options.plugins, 'flows', FLOW_SCHEMA),
          ...(learning?.remarks('flow') ?? []),
          ...baselineBlindSpots(baseline),
          ...threatListBlindSpots(threats),
        ],
      },
      oddities: [
        ...oddities
          .list()
          .map(({ firstFrame, firstInput, ...oddity }) =>
            firstFrame > 0 ? { ...oddity, firstFrame, firstInput } : oddity,
          ),
        ...(defined?.oddities ?? []),
      ],
      incidents: [],
      hosts: summarizeHosts(hosts.shown, isHome),
      devices: pass.devices.shown.map((device) => summarizeDevice(device, baseline)),
      deviceCount: pass.devices.count,
      timeline: pass.timeline,
      ...(defined === undefined ? {} : { table: defined.table }),
    };
    const importance = new Map<string, number>();
    const importanceOf = (address: string, mac?: string): number | undefined => {
      const worth = baseline?.importanceOf(address, mac);
      if (worth !== undefined) importance.set(importanceKey(address, mac), worth);
      return worth;
    };
    // While incidents are put together and written V8 has little time to look for what the second pass left.
    if (store.isOnDisk) heap.collect();
    const result = await assembleResult(base, detections, {
      isHome,
      importanceOf: baseline === undefined ? undefined : importanceOf,
      feedback: options.feedback,
      keeper: options.keeper,
      analyst,
    });
    if (store.isOnDisk) heap.collect();
    return { result, parts: { base, detections, importance }, model };
  } finally {
    store.close();
  }
}

/** What the second pass makes of the first one's findings. */
interface SecondPass {
  /** All that was found but by written definitions, with whole evidence. */
  readonly detections: Detection[];
  /** Detectors that looked. */
  readonly detectors: number;
  /** The model as it is in the end. */
  readonly model: Model | undefined;
  readonly drift: DriftSummary | undefined;
  readonly saturations: Saturation[];
}

/**
 * The stored flows once more: scores, the flows that detections cite, rows for whoever writes them. A function of its own, so that what it remembers is gone before incidents are put together;
 * what the first pass found is taken from it for the same reason.
 */
async function scorePass(
  options: AnalyzeOptions,
  context: NetworkContext,
  seed: number,
  store: FlowStore,
  pass: FirstPass,
  learning: LearningModel | undefined,
): Promise<SecondPass> {
  const { detect = {}, onProgress } = options;
  const { totals } = pass;
  const found = pass.found.splice(0);
  learning?.begin({
    features: store.features,
    rows: totals.flows,
    seed,
    given: pass.model,
    batches: () => learningBatches(store, learning),
  });
  const scorer = learning === undefined ? pass.model : learning.scorer;
  const strange =
    scorer === undefined || detect['strange-flow'] === false
      ? undefined
      : createStrangeFlowDetector(context, scorer, thresholds(detect['strange-flow']));
  const ran = pass.detectors + (strange === undefined ? 0 : 1);
  const evidence = new EvidenceRows(found);
  const plugins =
    options.plugins === undefined ? undefined : new PluginLooks(options.plugins, 'flows', FLOW_SCHEMA, undefined);
  const given = options.model === undefined ? undefined : pass.model;
  const drift = given === undefined ? undefined : new DriftMeter(given);
  const stream = learning?.stream;
  let current = stream === undefined && scorer !== undefined && 'score' in scorer ? scorer : undefined;
  let scored = 0;
  let turn = performance.now();
  for (const { table, features } of flowPieces(store, learning, options.records)) {
    let scores: Float64Array | undefined;
    if (stream !== undefined) {
      const order = orderByEnd(table);
      scores = strange?.learn(table, features, stream, order) ?? stream.scoreThenLearn(features, { order });
      learning?.count(scores);
    } else {
      scores = current?.score(features);
      strange?.observe(table, features, scores);
    }
    drift?.observe(features, {
      scores: current === given ? scores : undefined,
      time: endOf(table),
      order: orderByEnd(table),
    });
    const anew = learning?.learn({ features, lastMs: latestEnd(table) });
    if (anew !== undefined) {
      current = anew;
      strange?.use(anew);
    }
    evidence.observe(table);
    options.onFlows?.(table, scores);
    await plugins?.observe(table);
    scored += table.rowCount;
    if (performance.now() - turn > TURN_MS) {
      onProgress?.({
        stage: 'scoring',
        input: '',
        bytes: scored,
        totalBytes: totals.flows,
        packets: totals.packets,
        flows: scored,
      });
      await nextTurn();
      turn = performance.now();
    }
  }
  const model = learning === undefined ? pass.model : learning.finished();
  return {
    detections: [...evidence.complete(found), ...(strange?.finish() ?? []), ...((await plugins?.finish(store)) ?? [])],
    detectors: ran,
    model,
    drift: drift?.finish(),
    saturations: [...pass.saturations, ...(strange?.saturations() ?? [])],
  };
}

/** What written definitions find in the flows that wait in the store. */
async function findDefined(
  makePlan: NonNullable<AnalyzeOptions['plan']>,
  store: FlowStore,
  { seed, scratchFolder, onProgress }: AnalyzeOptions,
): Promise<TableFindings> {
  const plan = makePlan(FLOW_SCHEMA, undefined);
  const columns = new ColumnCounts(FLOW_SCHEMA);
  for (const { table } of store.chunks()) {
    columns.observe(table);
    await plan.prepare?.(table);
    plan.learn(table);
  }
  return findInRows(store, plan, undefined, columns, FLOW_SCHEMA, {
    scratchFolder,
    ...(seed === undefined ? {} : { seed }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

/** What the first pass leaves behind, beside the rows in the store. */
interface FirstPass {
  readonly summaries: readonly InputSummary[];
  readonly model: Model | undefined;
  /** What the pattern detectors found, the evidence still in brief, and how many detectors that were. */
  readonly found: Detection[];
  readonly detectors: number;
  /** Detectors that saw nothing, because no input gave what they need. */
  readonly idle: readonly IdleDetector[];
  readonly saturations: readonly Saturation[];
  /** Devices of the home network: as many as are shown, and their number. */
  readonly devices: { readonly shown: readonly DeviceFacts[]; readonly count: number };
  /** What other sensors said in the inputs. */
  readonly alerts: readonly SensorAlert[];
  readonly census: CensusCounts;
  readonly timeline: Timeline;
  readonly totals: {
    readonly flows: number;
    readonly packets: number;
    readonly wireBytes: number;
    readonly otherFrames: ReadonlyMap<number, number>;
  };
  readonly hosts: {
    readonly count: number;
    readonly shown: readonly HostFacts[];
    readonly saturations: readonly Saturation[];
  };
}

/** What is there when all flows were seen once. */
type ReadFlows = Omit<FirstPass, 'model' | 'found' | 'detectors' | 'idle' | 'devices'> & {
  readonly devices: DeviceWatch;
};

/** What detectors are told of where flows come from: the columns that it gives. Undefined for packets, which give all. */
type FlowSource = Pick<TableSource, 'gives'>;

/**
 * Packets to flows, features and detections. This and `readFlows` are functions of their own so that live flows, windows and hosts are gone before the detectors look at what they
 * remember, and that is gone before the second pass and the report: together it is most of the memory of a run.
 */
async function readPass(
  options: AnalyzeOptions,
  pack: FeaturePack,
  context: NetworkContext,
  seed: number,
  oddities: OddityCounter,
  store: FlowStore,
  heap: Heap,
): Promise<FirstPass> {
  const { detect = {} } = options;
  const base = new TimeBase();
  const { stored } = options;
  const arp = new ArpClaims(base);
  const storedArp = stored?.arp === undefined ? undefined : new StoredArpClaims();
  const detectors = createDetectors({ ...context, arp: storedArp ?? arp }, detect);
  let looks: DetectorLooks | undefined = new DetectorLooks(detectors);
  const sample = new FitSample(pack.features, seed);
  const observe = (table: Table, features: FeatureMatrix, source: FlowSource | undefined): void => {
    for (const detector of looks?.of(source) ?? []) detector.observe(table, features);
    sample.offer(features);
  };
  const read =
    stored === undefined
      ? await readFlows(options, pack, context, oddities, store, observe, { base, arp })
      : await readStored(stored, pack, context, store, observe, storedArp);
  // The flow table is gone and much beside; V8 would find it only after as much again had come, when the detectors tell at length what they found.
  if (store.isOnDisk) heap.collect();
  const idle = looks.idle();
  const looked = detectors.length - idle.length;
  // One after the other, and each is gone before the next remembers: together they are half of the memory of a run.
  looks = undefined;
  const found: Detection[] = [];
  const saturations: Saturation[] = [];
  for (let detector = detectors.shift(); detector !== undefined; detector = detectors.shift()) {
    for (const detection of detector.finish()) found.push(detection);
    saturations.push(...detector.saturations());
  }
  const alerted = alertDetections(read.alerts);
  for (const detection of alerted.detections) found.push(detection);
  return {
    ...read,
    devices: read.devices.first(MOST_DEVICES, options.vendors ?? (await shippedVendors())),
    model: modelOf(options, pack, sample, seed),
    found,
    detectors: looked,
    idle,
    saturations: [...saturations, ...alerted.saturations, ...read.saturations],
  };
}

/** The model that is given, or one of this input; undefined where a model that learns along the way makes its own. */
function modelOf(
  { model, learning }: AnalyzeOptions,
  pack: FeaturePack,
  sample: FitSample,
  seed: number,
): Model | undefined {
  if (model !== undefined) return loadGiven(model, pack.features);
  return learning?.goesOn === true ? undefined : sample.fit(seed, undefined, learning?.kind);
}

/** Packets to flows with their features, which are put into the store and shown to `observe`. */
async function readFlows(
  options: AnalyzeOptions,
  pack: FeaturePack,
  context: NetworkContext,
  oddities: OddityCounter,
  store: FlowStore,
  observe: (table: Table, features: FeatureMatrix, source: FlowSource | undefined) => void,
  { base, arp }: { readonly base: TimeBase; readonly arp: ArpClaims },
): Promise<ReadFlows> {
  const { inputs, flow = {}, onProgress, signal } = options;
  // Chance from outside the seed: it decides where flows lie in the hash table, and nothing that anyone sees.
  const flowTable = new FlowTable(base, oddities, { hashSeed: randomInt(2 ** 31), ...flow });
  flowTable.arpClaims = arp;
  const measurer = pack.create({ isHome: context.isHome });
  const hosts = new HostTable();
  const devices = new DeviceWatch({ isHome: context.isHome });
  flowTable.onOther = devices.frames(base);
  const timeline = new TimelineCounter();
  const census = new FlowCensus();

  let values: Float32Array | undefined;
  const take = (table: Table, source: TableSource | undefined, made: Table): void => {
    const features = measurer.measure(table, orderByEnd(table), values);
    observe(table, features, source);
    hosts.observe(table);
    devices.observe(table);
    timeline.observe(table);
    census.observe(table);
    options.records?.note(source?.gives, arp);
    const copied = store.append({ table, features });
    if (copied) flowTable.recycle(made);
    if (copied && features.values.length > (values?.length ?? 0)) values = features.values;
    else if (!copied) values = undefined;
  };
  flowTable.onTable = (table) => take(table, undefined, table);
  const decoding = PluginDecoding.of(options.plugins, flowTable, (table, made) => take(table, undefined, made));

  let source: TableSource | undefined;
  const sources: TableSource[] = [];
  const summaries = await readInputs(inputs, base, oddities, flowTable, onProgress, signal, {
    open: options.open,
    settle: decoding === undefined ? undefined : (all) => decoding.settle(all),
    rows: {
      as: options.as,
      classified: options.classified,
      onReject: options.onReject,
      onSource: (opened) => {
        source = opened;
        sources.push(opened);
      },
      onFlows: (table) => take(table, source, table),
    },
  });
  flowTable.finish();
  await decoding?.settle(true);
  const alerts = sources.flatMap((one) => one.alerts?.() ?? []);
  options.records?.close(alerts, arp);
  return {
    summaries,
    alerts,
    saturations: [
      ...measurer.saturations().map((s) => ({ detector: 'features', ...s })),
      ...(decoding?.saturations() ?? []),
      ...devices.saturations(),
      ...(arp.refused === 0
        ? []
        : [{ detector: 'arp', what: 'addresses claimed by ARP', cap: arp.capacity, refused: arp.refused }]),
    ],
    devices,
    census: census.finish(),
    timeline: timeline.finish(),
    totals: {
      flows: flowTable.rows,
      packets: flowTable.packets,
      wireBytes: flowTable.wireBytes,
      otherFrames: new Map(flowTable.otherFrames),
    },
    hosts: {
      count: hosts.count,
      shown: hosts.finish(HOSTS_SHOWN),
      saturations: [
        { what: 'hosts in the host table', cap: hosts.capacity, refused: hosts.refused },
        { what: 'services and names of hosts', cap: hosts.texts.capacity, refused: hosts.texts.refused },
      ].flatMap((cap) => (cap.refused === 0 ? [] : [{ detector: 'hosts', ...cap }])),
    },
  };
}

/** Stored flows with their features, as `readFlows` shows flows that are read. What no detector asks for is not told again: the report has it. */
async function readStored(
  stored: StoredRecords,
  pack: FeaturePack,
  context: NetworkContext,
  store: FlowStore,
  observe: (table: Table, features: FeatureMatrix, source: FlowSource | undefined) => void,
  arp: StoredArpClaims | undefined,
): Promise<ReadFlows> {
  const measurer = pack.create({ isHome: context.isHome });
  let values: Float32Array | undefined;
  let turn = performance.now();
  for (const { table, source, arp: changes } of stored.batches()) {
    arp?.note(changes);
    const features = measurer.measure(table, orderByEnd(table), values);
    observe(table, features, source);
    const copied = store.append({ table, features });
    if (!copied) values = undefined;
    else if (features.values.length > (values?.length ?? 0)) values = features.values;
    if (performance.now() - turn > TURN_MS) {
      await nextTurn();
      turn = performance.now();
    }
  }
  if (stored.arp !== undefined) arp?.close(stored.arp);
  return {
    summaries: [],
    alerts: stored.alerts,
    saturations: [],
    devices: new DeviceWatch({ isHome: context.isHome }),
    census: new FlowCensus().finish(),
    timeline: new TimelineCounter().finish(),
    totals: { flows: stored.rows, packets: 0, wireBytes: 0, otherFrames: new Map() },
    hosts: { count: 0, shown: [], saturations: [] },
  };
}

/** Which detectors look at what: at the flows of packets all of them, at those of a log the ones that need nothing that it lacks. */
class DetectorLooks {
  readonly #detectors: readonly Detector[];
  readonly #looked = new Set<Detector>();
  /** Columns that no input gave so far, by detector. */
  readonly #lacking = new Map<Detector, readonly string[]>();
  readonly #known = new Map<FlowSource | undefined, readonly Detector[]>();

  constructor(detectors: readonly Detector[]) {
    this.#detectors = detectors;
  }

  of(source: FlowSource | undefined): readonly Detector[] {
    let able = this.#known.get(source);
    if (able === undefined) {
      able = this.#detectors.filter((detector) => {
        const lacking = source === undefined ? [] : lackingOf(detector, source);
        if (lacking.length === 0) this.#looked.add(detector);
        else this.#lacking.set(detector, lacking);
        return lacking.length === 0;
      });
      this.#known.set(source, able);
    }
    return able;
  }

  idle(): IdleDetector[] {
    return [...this.#lacking]
      .filter(([detector]) => !this.#looked.has(detector))
      .map(([{ id }, lacking]) => ({ id, lacking }));
  }
}

/** The columns that a detector needs and the source does not give; of those of which one is enough, the first where there is none. */
function lackingOf({ id }: Detector, { gives }: FlowSource): readonly string[] {
  const info = DETECTORS.find((entry) => entry.info.id === id)?.info;
  const { needs = [], needsOneOf = [] } = info ?? {};
  const lacking = needs.filter((name) => !gives.has(name));
  return needsOneOf.length === 0 || needsOneOf.some((name) => gives.has(name))
    ? lacking
    : [...lacking, ...needsOneOf.slice(0, 1)];
}

function createDetectors(context: NetworkContext, settings: NonNullable<Config['detect']>): Detector[] {
  return DETECTORS.flatMap((entry) => {
    const setting = settings[entry.info.id];
    if (entry.info.needsBaseline === true && context.baseline === undefined) return [];
    if (entry.info.needsLists === true && context.threats === undefined) return [];
    return setting === false || entry.create === undefined ? [] : [entry.create(context, thresholds(setting))];
  });
}

/** The thresholds of a `detect.<id>` setting; none for true, false and absent. */
function thresholds(
  setting: boolean | Readonly<Record<string, number | boolean | undefined>> | undefined,
): Record<string, number | boolean> {
  if (typeof setting !== 'object') return {};
  return Object.fromEntries(
    Object.entries(setting).filter((entry): entry is [string, number | boolean] => entry[1] !== undefined),
  );
}

/**
 * The order in which the flows of a table ended, so that windows over time see them as they happened: the flow table writes a flow when its timeout has passed, a silent one
 * minutes after a finished one. Across tables the order is only as good as that.
 */
export function orderByEnd(table: Table): Int32Array {
  const end = table.numbers('endMs').values;
  const n = table.rowCount;
  let earliest = Number.POSITIVE_INFINITY;
  for (let row = 0; row < n; row++) if ((end[row] ?? 0) < earliest) earliest = end[row] ?? 0;
  // One number for time and row sorts natively, without a call for each comparison. A float64 holds 2^32 steps of time beside 2^20 rows exactly: a
  // microsecond each for spans up to 71 minutes, coarser beyond.
  let latest = earliest;
  for (let row = 0; row < n; row++) if ((end[row] ?? 0) > latest) latest = end[row] ?? 0;
  const stepMs = Math.max(0.001, (latest - earliest) / 2 ** 32);
  const keys = new Float64Array(n);
  for (let row = 0; row < n; row++) keys[row] = Math.floor(((end[row] ?? 0) - earliest) / stepMs) * ROWS + row;
  keys.sort();
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = (keys[i] ?? 0) % ROWS;
  return order;
}

/** The flows that wait in the store: as they lie there, or in short pieces in the order of time where the model follows a schedule. */
function* flowPieces(
  store: FlowStore,
  learning: LearningModel | undefined,
  records?: RecordKeeper,
): Generator<FlowChunk> {
  const rows = learning?.pieceRows;
  for (const chunk of store.chunks()) {
    records?.add(chunk.table, chunk.encoded);
    yield* inPieces(chunk, rows, rows === undefined ? undefined : orderByEnd(chunk.table));
  }
}

/** The flows that wait in the store, for a first fit. */
function* learningBatches(store: FlowStore, learning: LearningModel): Generator<LearningBatch> {
  for (const { table, features } of flowPieces(store, learning)) yield { features, lastMs: latestEnd(table) };
}

function latestEnd(table: Table): number | undefined {
  let latest = Number.NEGATIVE_INFINITY;
  const { values } = table.numbers('endMs');
  for (let row = 0; row < table.rowCount; row++) latest = Math.max(latest, values[row] ?? latest);
  return Number.isFinite(latest) ? latest : undefined;
}

/** When a flow ended, epoch ms. */
function endOf(table: Table): (row: number) => number | undefined {
  const { values } = table.numbers('endMs');
  return (row) => values[row];
}

/** More rows than any batch has. */
const ROWS = 1 << 20;

function loadGiven(given: { readonly name: string; readonly bytes: Uint8Array }, features: readonly Feature[]): Model {
  try {
    return loadModel(given.bytes, { featureNames: features.map((feature) => feature.name) });
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${given.name}: ${error.message}`, error.hint);
    throw error;
  }
}

const MEMO_SIZE = 16_384;
/** Up to so many networks are held against an IPv4 address faster than a map is asked: 0.1 microseconds for the default ones, where a map takes 0.2 for what it has and 0.9 for what it has not. */
const FEW_NETWORKS = 32;

/** Whether an address is of the home network, for code that asks of every flow. */
export function homeTest(home: NetworkSet): (address: string) => boolean {
  const ask = (address: string): boolean => home.has(address);
  const known = new Map<string, boolean>();
  const hasFew = home.networks.length <= FEW_NETWORKS;
  return (address) => {
    if (hasFew && (isDotted(address) || !address.includes(':'))) return ask(address);
    let answer = known.get(address);
    if (answer === undefined) {
      if (known.size >= MEMO_SIZE) known.clear();
      answer = ask(address);
      known.set(address, answer);
    }
    return answer;
  };
}

/** True for every IPv4 address; a look at three characters. */
function isDotted(text: string): boolean {
  if (text.length < 4) return false;
  return text.charCodeAt(1) === DOT || text.charCodeAt(2) === DOT || text.charCodeAt(3) === DOT;
}

const DOT = 0x2e;

function summarizeModel(model: Model, given: string | undefined, learning: LearningModel | undefined): ModelSummary {
  return {
    kind: model.kind,
    fittedOn: given ?? 'this capture',
    rows: model.training.rows,
    features: [...model.featureNames],
    checksum: model.checksum,
    ...(learning === undefined ? {} : { learning: learning.summary() }),
  };
}

function summarizeHosts(hosts: readonly HostFacts[], isHome: (address: string) => boolean): HostSummary[] {
  return hosts.map((host) => ({
    address: host.address,
    home: isHome(host.address),
    ...(host.mac !== undefined && isHome(host.address) ? { mac: host.mac } : {}),
    flowsOut: host.flowsOut,
    flowsIn: host.flowsIn,
    bytesOut: host.bytesOut,
    bytesIn: host.bytesIn,
    firstMs: host.firstMs,
    lastMs: host.lastMs,
    services: mostFrequent(host.services, 8),
    names: mostFrequent(host.names, 5),
  }));
}
