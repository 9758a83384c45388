import * as fs from 'node:fs';
import * as path from 'node:path';
import { counted, EXIT, humanBytes, humanCount, type Json, safeText } from '../../core/index.ts';
import { describeFileError } from '../../io/index.ts';
import { describeRate, inspectModel, type ModelInspection } from '../../model/index.ts';
import { columns, scoreText } from '../columns.ts';
import { aboutFile } from '../model-input.ts';
import { print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';

/** The bytes of a file that an operator named. */
export function readWholeFile(file: string): Uint8Array {
  try {
    return fs.readFileSync(path.resolve(file));
  } catch (error) {
    throw describeFileError(error, file, 'read');
  }
}

/** `model inspect`. */
export async function runInspect(file: string, asJson: boolean): Promise<number> {
  const bytes = readWholeFile(file);
  const told = aboutFile(file, () => inspectModel(bytes));
  await print(asJson ? `${inspectionJson(file, told)}\n` : describeModel(file, told, terminalWidth(process.stdout)));
  return EXIT.done;
}

/** JSON has no infinities: the scale of a feature that was never seen is left out. */
function inspectionJson(file: string, told: ModelInspection): string {
  return JSON.stringify(
    { file, ...told },
    (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? null : value),
    2,
  );
}

/** A number as people read it: four digits that say something. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'endless' : '-';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return humanCount(value);
  if (size >= 1e7 || size < 1e-3) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

const METHODS = {
  'held-back': 'rows that were held back from the fit',
  'cross-fitted': 'rows, each scored by a part that was fitted without it',
  'in-sample': 'row that it was fitted on: its scores mean little',
} as const;

/** A value of a parameter, in one line: parts that say their kind as `knn (neighbours 20, points 1,024)`. */
export function jsonText(value: Json | undefined, max = 300): string {
  return safeText(plainText(value), max);
}

function plainText(value: Json | undefined): string {
  if (value === undefined || value === null) return 'none';
  if (Array.isArray(value)) return value.map((part: Json) => plainText(part)).join('; ');
  if (typeof value !== 'object') return typeof value === 'number' ? shortNumber(value) : String(value);
  const { kind, parameters, ...rest } = value as { readonly [key: string]: Json | undefined };
  // The tail of a part's calibration was learned, and is no choice.
  const { tail: _learned, ...own } = rest;
  const members = Object.entries({ ...own, ...(isObject(parameters) ? parameters : {}) });
  const text = members.map(([name, member]) => `${name} ${plainText(member)}`).join(', ');
  return typeof kind === 'string' ? `${kind}${text === '' ? '' : ` (${text})`}` : text;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describeModel(file: string, told: ModelInspection, width: number): string {
  const { training, calibration } = told;
  const facts: [string, string][] = [
    ['model', `${told.kind}, seed ${told.seed}, schema version ${safeText(told.schemaVersion, 60)}`],
    [
      'file',
      `${told.container}, format version ${told.formatVersion}${told.formatVersion < told.latestFormatVersion ? ` (written now: ${told.latestFormatVersion})` : ''}, ${humanBytes(told.bytes)}`,
    ],
    ['checksum', `${told.checksum}, verified`],
    ['fitted on', `${humanCount(training.fittedRows)} of ${counted(training.rows, 'row')}`],
    ['calibration', `${humanCount(calibration.rows)} ${METHODS[calibration.method]}`],
    [
      'tail',
      `scale ${shortNumber(calibration.tail.scale)}, shape ${shortNumber(calibration.tail.shape)}, tells up to ${describeRate(calibration.tail.floor)}`,
    ],
  ];
  const parameters = Object.entries(told.parameters).filter(([name]) => name !== 'transform');
  if (parameters.length > 0)
    facts.push([
      'parameters',
      // Transforms stand with the features.
      parameters.map(([name, value]) => `${safeText(name, 60)} ${jsonText(value)}`).join(', '),
    ]);
  if (told.encoding !== undefined) facts.push(['measured', encodingText(told.encoding)]);
  if (training.anchorRows > 0)
    facts.push([
      'keeps',
      `${counted(training.anchorRows, 'row')} of the training, as given; they can be read from the file`,
    ]);
  facts.push(['onnx', told.hasOnnx ? 'has a graph: anomalyst model convert --to onnx' : 'has no graph']);
  for (const caution of training.cautions) facts.push(['caution', caution]);
  const lines = facts.map(([name, text]) =>
    wrap(safeText(text, 2000), width, ' '.repeat(13)).replace(/^ {13}/, name.padEnd(13)),
  );
  const parts = [
    `${safeText(file, 300)}\n${lines.join('\n')}\n`,
    thresholdLines(told),
    histogramPicture(told.calibration, width),
    featureLines(told),
    arrayLines(told),
  ];
  return parts.join('\n');
}

/** What whoever measured the features saved, in one line: its kind, its rows, and what it knows. */
function encodingText(encoding: Json): string {
  if (typeof encoding !== 'object' || encoding === null || Array.isArray(encoding)) return jsonText(encoding);
  const members = encoding as { readonly [key: string]: Json | undefined };
  const { kind, recipe } = members;
  const rows = typeof recipe === 'object' && recipe !== null && 'rows' in recipe ? recipe.rows : undefined;
  const size = JSON.stringify(encoding).length;
  return [
    typeof kind === 'string' ? `kind ${safeText(kind, 40)}` : '',
    typeof rows === 'string' ? `of ${safeText(rows, 40)}` : '',
    `${humanBytes(size)} saved with it (${Object.keys(members)
      .slice(0, 6)
      .map((key) => safeText(key, 30))
      .join(', ')})`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function thresholdLines({ calibration }: ModelInspection): string {
  return columns(
    [
      ['false alarms', 'score', 'raw', ''],
      ...calibration.thresholds.map(({ rate, threshold }) => [
        describeRate(rate),
        threshold === undefined ? '-' : scoreText(threshold.score),
        threshold === undefined ? '-' : shortNumber(threshold.raw),
        threshold === undefined ? 'rarer than it can tell' : threshold.extrapolated ? 'beyond what was counted' : '',
      ]),
    ],
    ['left', 'left', 'right', 'left'],
  );
}

const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const PICTURE_ROWS = 5;

/** How the calibration rows lie on the model's own axis, with where the thresholds are. */
function histogramPicture({ histogram, thresholds }: ModelInspection['calibration'], width: number): string {
  const { from, to, counts } = histogram;
  const title = 'raw scores of the calibration rows';
  if (counts.length === 1) return `${title}\n  all ${humanCount(counts[0] ?? 0)} are ${shortNumber(from)}\n`;
  const most = Math.max(...counts);
  const columnsShown = Math.min(counts.length, Math.max(10, width - 4));
  const shown = Array.from({ length: columnsShown }, (_, k) => {
    const first = Math.floor((k * counts.length) / columnsShown);
    const last = Math.floor(((k + 1) * counts.length) / columnsShown);
    return Math.max(...counts.slice(first, Math.max(first + 1, last)));
  });
  const rows = Array.from({ length: PICTURE_ROWS }, (_, r) => {
    const base = PICTURE_ROWS - 1 - r;
    return `  ${shown
      .map((count) => {
        const height = (count / most) * PICTURE_ROWS * 8;
        const eighths = Math.max(0, Math.min(8, Math.round(height) - 8 * base));
        // What is there at all shows.
        return EIGHTHS[base === 0 && count > 0 ? Math.max(1, eighths) : eighths];
      })
      .join('')}`.trimEnd();
  });
  const axis = Array.from({ length: columnsShown }, () => '─');
  const marks: string[] = [];
  for (const { rate, threshold } of thresholds) {
    if (threshold === undefined || !(threshold.raw >= from && threshold.raw <= to)) continue;
    const at = Math.min(columnsShown - 1, Math.floor(((threshold.raw - from) / (to - from)) * columnsShown));
    axis[at] = '┴';
    marks.push(`${describeRate(rate)} above ${shortNumber(threshold.raw)}`);
  }
  const [left, right] = [shortNumber(from), shortNumber(to)];
  const gap = ' '.repeat(Math.max(1, columnsShown - left.length - right.length));
  return `${title}\n${rows.join('\n')}\n  ${axis.join('')}\n  ${left}${gap}${right}\n${marks.length === 0 ? '' : `  ${marks.join(', ')}\n`}`;
}

const MAX_FEATURE_LINES = 200;

function featureLines({ features, transforms }: ModelInspection): string {
  const isScaled = transforms.length > 0;
  const isLog = transforms.some(({ method }) => method === 'log scaled');
  const table = columns(
    [
      [
        'feature',
        'least',
        '5 %',
        'median',
        '95 %',
        'most',
        'missing',
        ...(isScaled ? ['transform', 'centre', 'scale'] : []),
      ],
      ...features.slice(0, MAX_FEATURE_LINES).map((feature, j) => {
        const { name, observed, missing, min, q05, median, q95, max } = feature;
        const transform = transforms[j];
        const known = [min, q05, median, q95, max].map((v) => (observed === 0 ? '-' : shortNumber(v)));
        const share = missing / (observed + missing);
        return [
          safeText(name, 60),
          ...known,
          missing === 0 ? '0' : `${shortNumber(Number((100 * share).toPrecision(3)))} %`,
          ...(transform === undefined
            ? []
            : [
                transform.method,
                ...(transform.method === 'none' ? [] : [shortNumber(transform.centre), shortNumber(transform.scale)]),
              ]),
        ];
      }),
    ],
    ['left', ...Array.from({ length: 8 }, () => 'right' as const)],
  );
  const more = features.length - MAX_FEATURE_LINES;
  const rest = more > 0 ? `... and ${counted(more, 'more feature')}; --json has them all\n` : '';
  const note = isLog ? 'centre and scale are of logarithms: sign(x) ln(1 + |x|)\n' : '';
  return `${table}${rest}${note}`;
}

function arrayLines({ arrays }: ModelInspection): string {
  return columns(
    [
      ['array', 'type', 'shape', 'least', 'most'],
      ...arrays.map(({ name, dtype, shape, min, max, missing }) => [
        safeText(name, 60),
        dtype,
        shape.join(' x '),
        min === undefined ? '-' : shortNumber(min),
        `${max === undefined ? '-' : shortNumber(max)}${missing > 0 ? `  (${humanCount(missing)} missing)` : ''}`,
      ]),
    ],
    ['left', 'left', 'left', 'right', 'left'],
  );
}
