/**
 * AUROC, average precision and TPR at 1 % FPR of models on labelled network data, measured as `analyze` and `train` measure a table: every column as it is, texts by rarity, pairs of columns by rarity.
 *
 *     node bench/intrusion.ts [--models ensemble,isolation-forest,knn] [--seeds 5] [--set nsl-kdd]
 *
 * **nsl-kdd**: fitted on the normal rows of the 20 % training file, asked about all of KDDTest+ (attacks there are not all in training).
 * **nsl-kdd, 5 %** and **zeek 001, 008, 010**: the test is mixed to 5 % attacks, drawn anew for each seed; `benign` is fitted on benign rows alone, `contaminated` on the same rows with 3 % attacks among them. Of
 * NSL-KDD both come of the training file. A Zeek day is cut in the middle of its time: the first half of the benign flows is fitted on, the second is the test; attacks likewise, so no flow of the test is older
 * than any that was learned. What is not labelled Malicious is benign. In 008 and 010 the attacks come from the Internet, and the addresses alone nearly tell them; columns that name a flow, its time and its label
 * are left out, and addresses are, too, in the rows marked so.
 * Data from ../shared/data; where it is absent, the script says so and ends.
 */
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Random, type Schema, type Table, TableBuilder } from '../src/core/index.ts';
import { AutoFeatures } from '../src/feature/index.ts';
import { fitModel, type RankingMeasures, rankingMeasures } from '../src/model/index.ts';
import { DATA, textTable } from './child.ts';
import { readZeek } from './evaluate-log.ts';

type Row = Readonly<Record<string, string>>;

/** What is fitted on and what is asked, drawn for a seed. */
interface Drawn {
  readonly training: readonly Row[];
  readonly test: readonly Row[];
  readonly labels: readonly boolean[];
}

export interface IntrusionSet {
  readonly name: string;
  /** Columns that are features; numbers where `numbers` names them. */
  readonly columns: readonly string[];
  readonly numbers: ReadonlySet<string>;
  /** Whether the fitted rows are benign, and the model is told so, as `train` does where labels say it. */
  readonly ordinary: boolean;
  readonly draw: (random: Random) => Drawn;
}

const NSL_COLUMNS =
  'duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot num_failed_logins logged_in num_compromised root_shell su_attempted num_root num_file_creations num_shells num_access_files num_outbound_cmds is_host_login is_guest_login count srv_count serror_rate srv_serror_rate rerror_rate srv_rerror_rate same_srv_rate diff_srv_rate srv_diff_host_rate dst_host_count dst_host_srv_count dst_host_same_srv_rate dst_host_diff_srv_rate dst_host_same_src_port_rate dst_host_srv_diff_host_rate dst_host_serror_rate dst_host_srv_serror_rate dst_host_rerror_rate dst_host_srv_rerror_rate'.split(
    ' ',
  );
const NSL_TEXTS = new Set(['protocol_type', 'service', 'flag']);
const ZEEK_NUMBERS = new Set([
  ...['id.orig_p', 'id.resp_p', 'duration', 'orig_bytes', 'resp_bytes', 'missed_bytes'],
  ...['orig_pkts', 'orig_ip_bytes', 'resp_pkts', 'resp_ip_bytes'],
]);
const ZEEK_COLUMNS = [...ZEEK_NUMBERS, 'proto', 'service', 'conn_state', 'history', 'local_orig', 'local_resp'];
const ZEEK_ADDRESSES = ['id.orig_h', 'id.resp_h'];
const ZEEK_DAYS = [
  ['001', 'strato-testing/001-zeek-scenario-malicious/labeled-conn.log'],
  ['008', 'strato-testing/008-zeek-mixed/data/conn.log.labeled'],
  ['010', 'strato-testing/010-zeek-mixed/data/conn.log.labeled'],
] as const;

/** Share of attacks in a mixed test, and in contaminated training. */
const TEST_SHARE = 0.05;
const TRAINING_SHARE = 0.03;

/** So many of the rows that they are `share` of all beside `others`, at least five where there are as many. */
function drawn(rows: readonly Row[], share: number, others: number, random: Random): Row[] {
  const wanted = Math.min(rows.length, Math.max(5, Math.round((others * share) / (1 - share))));
  const pool = [...rows];
  for (let i = 0; i < wanted; i++) {
    const j = i + random.below(pool.length - i);
    [pool[i], pool[j]] = [pool[j] ?? {}, pool[i] ?? {}];
  }
  return pool.slice(0, wanted);
}

function mixed(
  set: {
    readonly fit: readonly Row[];
    readonly fitAttacks: readonly Row[];
    readonly ask: readonly Row[];
    readonly askAttacks: readonly Row[];
  },
  isContaminated: boolean,
): (random: Random) => Drawn {
  return (random) => {
    const attacks = drawn(set.askAttacks, TEST_SHARE, set.ask.length, random);
    const training = isContaminated
      ? [...set.fit, ...drawn(set.fitAttacks, TRAINING_SHARE, set.fit.length, random)]
      : set.fit;
    return {
      training,
      test: [...set.ask, ...attacks],
      labels: [...set.ask.map(() => false), ...attacks.map(() => true)],
    };
  };
}

/** All sets whose files are there. */
export function intrusionSets(): IntrusionSet[] {
  return [...nslSets(), ...ZEEK_DAYS.flatMap(([day, path]) => zeekSets(day, join(DATA, path)))];
}

function nslSets(): IntrusionSet[] {
  const folder = join(DATA, 'nsl-kdd');
  if (!existsSync(folder)) return [];
  const read = (file: string): Row[] =>
    readFileSync(join(folder, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const cells = line.split(',');
        return Object.fromEntries([...NSL_COLUMNS, 'label'].map((name, i) => [name, cells[i] ?? '']));
      });
  const isAttack = (row: Row): boolean => row.label !== 'normal';
  const training = read('KDDTrain+_20Percent.txt');
  const test = read('KDDTest+.txt');
  const parts = {
    fit: training.filter((row) => !isAttack(row)),
    fitAttacks: training.filter(isAttack),
    ask: test.filter((row) => !isAttack(row)),
    askAttacks: test.filter(isAttack),
  };
  const numbers = new Set(NSL_COLUMNS.filter((name) => !NSL_TEXTS.has(name)));
  const base = { columns: NSL_COLUMNS, numbers, ordinary: true };
  return [
    { ...base, name: 'nsl-kdd', draw: () => ({ training: parts.fit, test, labels: test.map(isAttack) }) },
    { ...base, name: 'nsl-kdd, 5 %, benign', draw: mixed(parts, false) },
    { ...base, ordinary: false, name: 'nsl-kdd, 5 %, contaminated', draw: mixed(parts, true) },
  ];
}

function zeekSets(day: string, file: string): IntrusionSet[] {
  if (!existsSync(file)) return [];
  const rows = readZeek(file).sort((a, b) => Number(a.ts) - Number(b.ts));
  const isAttack = (row: Row): boolean => row.label === 'Malicious';
  const halves = (some: readonly Row[]): readonly [Row[], Row[]] => [
    some.slice(0, some.length >> 1),
    some.slice(some.length >> 1),
  ];
  const [fit, ask] = halves(rows.filter((row) => !isAttack(row)));
  const [fitAttacks, askAttacks] = halves(rows.filter(isAttack));
  const parts = { fit, fitAttacks, ask, askAttacks };
  return [true, false].flatMap((withAddresses) =>
    [false, true].map((isContaminated) => ({
      name: `zeek ${day}, ${isContaminated ? 'contaminated' : 'benign'}${withAddresses ? '' : ', no addresses'}`,
      columns: withAddresses ? [...ZEEK_COLUMNS, ...ZEEK_ADDRESSES] : ZEEK_COLUMNS,
      numbers: ZEEK_NUMBERS,
      ordinary: !isContaminated,
      draw: mixed(parts, isContaminated),
    })),
  );
}

function tableOf({ columns, numbers }: IntrusionSet, rows: readonly Row[]): Table {
  const schema: Schema = {
    name: 'rows',
    version: 1,
    columns: columns.map((name) => ({ name, kind: numbers.has(name) ? 'float64' : 'string', unit: '', meaning: '' })),
  };
  const builder = new TableBuilder(schema, rows.length);
  for (const values of rows) {
    const row = builder.addRow();
    columns.forEach((name, c) => {
      const value = values[name];
      if (value === undefined || value === '' || value === '(empty)') return;
      if (numbers.has(name)) builder.setNumber(c, row, Number(value));
      else builder.setText(c, row, value);
    });
  }
  return builder.finish();
}

/** One model on one set: the three numbers, means over the seeds. */
export function measureIntrusion(
  set: IntrusionSet,
  kind: string,
  seeds: number,
  options: object = {},
): RankingMeasures {
  const all: RankingMeasures[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const { training, test, labels } = set.draw(new Random(seed));
    const fitted = tableOf(set, training);
    const auto = new AutoFeatures(fitted.schema);
    auto.learn(fitted);
    const model = fitModel(kind, auto.measure(fitted), { ordinary: set.ordinary, ...options, seed });
    all.push(rankingMeasures(model.rawScore(auto.measure(tableOf(set, test))), labels));
  }
  const mean = (of: (one: RankingMeasures) => number): number =>
    all.reduce((sum, one) => sum + of(one), 0) / all.length;
  return {
    auroc: mean((one) => one.auroc),
    averagePrecision: mean((one) => one.averagePrecision),
    tprAtFpr: mean((one) => one.tprAtFpr),
  };
}

/** Three numbers in one cell. */
export const threeNumbers = ({ auroc, averagePrecision, tprAtFpr }: RankingMeasures): string =>
  [auroc, averagePrecision, tprAtFpr].map((value) => value.toFixed(3)).join(' / ');

function main(): void {
  const { values: args } = parseArgs({
    options: {
      models: { type: 'string', default: 'ensemble,isolation-forest,knn' },
      seeds: { type: 'string', default: '5' },
      set: { type: 'string', default: '' },
      option: { type: 'string', multiple: true, default: [] },
    },
  });
  const sets = intrusionSets().filter(({ name }) => name.includes(args.set));
  if (sets.length === 0) {
    console.log(`Skipped: there is no labelled network data at ${DATA}`);
    return;
  }
  const kinds = args.models.split(',');
  const options = Object.fromEntries(args.option.map((text) => text.split('=')));
  console.log(`node bench/intrusion.ts ${process.argv.slice(2).join(' ')}`);
  console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}`);
  console.log(`AUROC / average precision / TPR at 1 % FPR, mean over ${args.seeds} seeds`);
  const rows = sets.map((set) => [
    set.name,
    ...kinds.map((kind) => threeNumbers(measureIntrusion(set, kind, Number(args.seeds), options))),
  ]);
  console.log(textTable(['set', ...kinds], rows, [0]));
}

if (import.meta.main) main();
