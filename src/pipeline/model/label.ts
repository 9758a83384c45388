import { counted, nearest, safeText, type Table, UserError } from '../../core/index.ts';
import { needColumn, type RowBatch, type RowSet } from './row-set.ts';

/** Which rows are known to be ordinary, and what the others are called. */
export interface LabelOptions {
  /** Column of the label. */
  readonly column: string;
  /** What ordinary rows are called there; told from the usual words where absent. */
  readonly normal?: readonly string[] | undefined;
}

/** Words that ordinary rows go by in public data sets and tools. */
const USUAL = ['normal', 'benign', 'background', 'legitimate', 'ordinary', 'clean', 'inlier', 'false', 'no', '0'];
/** A column of more different texts than this holds no labels. */
const MAX_NAMES = 10_000;

/** Where labels of rows come from: a column of the rows themselves, or a file beside them. */
export interface LabelSource {
  /** Label of a row; undefined where it has none. */
  of(table: Table, row: number): string | undefined;
  /** As messages begin: "--label-column attack". */
  readonly what: string;
}

/** The labels in a column of the table. Throws a UserError where there is no such column. */
export function columnLabels(set: Pick<RowSet, 'schema'>, column: string): LabelSource {
  const what = `--label-column ${safeText(column, 60)}`;
  needColumn(set.schema, column, what);
  const index = set.schema.columns.findIndex(({ name }) => name === column);
  return {
    what,
    of: (table, row) => {
      const value = table.value(index, row);
      return value === undefined ? undefined : String(value);
    },
  };
}

/** How many rows have each label, and which labels are ordinary. */
export class Labels {
  readonly #source: LabelSource;
  readonly #codes = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #counts: number[] = [];
  /** Rows without a label. */
  unlabelled = 0;
  #normal: ReadonlySet<number> = new Set();

  private constructor(source: LabelSource) {
    this.#source = source;
  }

  /** Looks at all rows. Throws a UserError where no row has a label, there are too many, or none is what is called ordinary. */
  static of(
    set: { readonly batches: () => Iterable<Pick<RowBatch, 'table'>> },
    source: LabelSource,
    normal: readonly string[] | undefined,
  ): Labels {
    const labels = new Labels(source);
    for (const { table } of set.batches()) labels.#observe(table);
    labels.#settle(normal);
    return labels;
  }

  #observe(table: Table): void {
    for (let row = 0; row < table.rowCount; row++) {
      const name = this.#source.of(table, row);
      if (name === undefined) {
        this.unlabelled++;
        continue;
      }
      let code = this.#codes.get(name);
      if (code === undefined) {
        if (this.#names.length >= MAX_NAMES)
          throw new UserError(
            `${this.#source.what}: more than ${MAX_NAMES} different values`,
            'give the column that says what a row is, such as normal or the name of an attack',
          );
        code = this.#names.length;
        this.#codes.set(name, code);
        this.#names.push(name);
        this.#counts.push(0);
      }
      this.#counts[code] = (this.#counts[code] ?? 0) + 1;
    }
  }

  #settle(normal: readonly string[] | undefined): void {
    if (this.#names.length === 0)
      throw new UserError(`${this.#source.what}: no row has a label`, 'give the column that says what a row is');
    const wanted = (normal ?? USUAL).map(fold);
    this.#normal = new Set(this.#names.flatMap((name, code) => (wanted.includes(fold(name)) ? [code] : [])));
    const unknown = normal?.find((name) => !this.#names.some((one) => fold(one) === fold(name)));
    if (unknown !== undefined) {
      const near = nearest(unknown, this.#names);
      throw new UserError(
        `--normal ${safeText(unknown, 60)}: no row has this label`,
        near === undefined ? `labels are ${this.describe()}` : `did you mean '${safeText(near, 60)}'?`,
      );
    }
    if (this.#normal.size === 0)
      throw new UserError(
        `${this.#source.what}: which label is the ordinary one can't be told`,
        `say it with --normal; labels are ${this.describe()}`,
      );
  }

  /** Code of a row's label; -1 where it has none. */
  code(table: Table, row: number): number {
    const name = this.#source.of(table, row);
    return name === undefined ? -1 : (this.#codes.get(name) ?? -1);
  }

  isNormal(code: number): boolean {
    return this.#normal.has(code);
  }

  name(code: number): string {
    return this.#names[code] ?? '';
  }

  /** Every label with its rows, the most frequent first. */
  get counts(): readonly { readonly name: string; readonly rows: number; readonly normal: boolean }[] {
    return this.#names
      .map((name, code) => ({ name, rows: this.#counts[code] ?? 0, normal: this.#normal.has(code) }))
      .sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1));
  }

  get normalRows(): number {
    return this.counts.reduce((n, { rows, normal }) => (normal ? n + rows : n), 0);
  }

  get strangeRows(): number {
    return this.counts.reduce((n, { rows, normal }) => (normal ? n : n + rows), 0);
  }

  /** 'normal (9,711 rows), neptune (4,657 rows) ...', a few of them. */
  describe(): string {
    const { counts } = this;
    const shown = counts.slice(0, 6).map(({ name, rows }) => `'${safeText(name, 40)}' (${counted(rows, 'row')})`);
    return `${shown.join(', ')}${counts.length > shown.length ? ' ...' : ''}`;
  }
}

/** KDD's own files end every label with a full stop. */
function fold(name: string): string {
  return name.trim().replace(/\.$/, '').toLowerCase();
}
