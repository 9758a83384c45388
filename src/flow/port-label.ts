import { NO_ROW, type StringColumn, TextNumbering, TextTable } from '../core/index.ts';

/** The label has no number. */
export const NO_LABEL = -1;

/** Kinds that have a number of their own. */
const MOST_KINDS = 32_767;
/** Labels of a kind: one without a port and one for each port. */
const LABELS = 65_537;
/** The number of the first odd label; those after it are smaller. */
const FIRST_ODD = -2;

/**
 * Labels of a kind and most often a port, as in 'http/80', 'udp/5000' or 'dns', as 32-bit numbers: no text is made to count one. The kind is a service or a protocol; those that were
 * taken are held as long as the table is.
 */
export class PortLabels {
  readonly #kinds = new TextTable();
  /** Labels whose port is none, as a log may have it, or whose kind has no number, as texts. */
  readonly #odd = new TextTable();

  /** The labels of a batch. @param missing the kind where a row has none in both columns. */
  columns(first: StringColumn, second: StringColumn, missing: string): LabelColumns {
    return new LabelColumns(this, this.#kinds, first, second, missing);
  }

  /** The number of a label. @param kind the number of its kind, `NO_ROW` where that has none. */
  find(kind: number, text: string, port: number | undefined): number {
    if (kind >= 0 && isPort(port)) return kind * LABELS + (port ?? -1) + 1;
    if (kind === NO_ROW && this.#kinds.size < MOST_KINDS) return NO_LABEL;
    const odd = this.#odd.find(labelText(text, port));
    return odd === NO_ROW ? NO_LABEL : FIRST_ODD - odd;
  }

  /** The number of a label by its text. */
  of(kind: string, port?: number): number {
    return this.find(this.#kinds.find(kind), kind, port);
  }

  /** As `find`; a label that has no number gets one. `NO_LABEL` where texts were made to collide. */
  take(kind: number, text: string, port: number | undefined): number {
    const known = this.find(kind, text, port);
    if (known !== NO_LABEL) return known;
    if (kind === NO_ROW && this.#kinds.size < MOST_KINDS) {
      const added = this.#kinds.add(text);
      return added === NO_ROW ? NO_LABEL : this.take(added, text, port);
    }
    const odd = this.#odd.add(labelText(text, port));
    return odd === NO_ROW ? NO_LABEL : FIRST_ODD - odd;
  }

  text(label: number): string {
    if (label < 0) return this.#odd.text(FIRST_ODD - label);
    const port = (label % LABELS) - 1;
    return labelText(this.#kinds.text(Math.floor(label / LABELS)), port < 0 ? undefined : port);
  }
}

function isPort(port: number | undefined): boolean {
  return port === undefined || (port >= 0 && port <= 65_535 && Number.isInteger(port));
}

function labelText(kind: string, port: number | undefined): string {
  return port === undefined ? kind : `${kind}/${port}`;
}

/** The labels of the rows of a batch: their kind is the text of the first column, where that is missing of the second. */
export class LabelColumns {
  readonly #labels: PortLabels;
  readonly #kinds: TextTable;
  readonly #first: TextNumbering;
  readonly #second: TextNumbering;
  readonly #firstCodes: Int32Array;
  readonly #secondCodes: Int32Array;
  readonly #missing: string;

  constructor(labels: PortLabels, kinds: TextTable, first: StringColumn, second: StringColumn, missing: string) {
    this.#labels = labels;
    this.#kinds = kinds;
    this.#first = new TextNumbering(kinds, first);
    this.#second = new TextNumbering(kinds, second);
    this.#firstCodes = first.codes;
    this.#secondCodes = second.codes;
    this.#missing = missing;
  }

  /** See `PortLabels.find`. */
  find(row: number, port: number | undefined): number {
    const first = this.#firstCodes[row];
    const numbers = first >= 0 ? this.#first : this.#second;
    const code = first >= 0 ? first : this.#secondCodes[row];
    const kind = code >= 0 ? numbers.find(code) : this.#kinds.find(this.#missing);
    if (kind >= 0 && isPort(port)) return this.#labels.find(kind, '', port);
    return this.#labels.find(kind, code >= 0 ? numbers.text(code) : this.#missing, port);
  }

  /** See `PortLabels.take`. */
  take(row: number, port: number | undefined): number {
    const known = this.find(row, port);
    if (known !== NO_LABEL) return known;
    const first = this.#firstCodes[row];
    const numbers = first >= 0 ? this.#first : this.#second;
    const code = first >= 0 ? first : this.#secondCodes[row];
    const text = code >= 0 ? numbers.text(code) : this.#missing;
    return this.#labels.take(this.#kinds.find(text), text, port);
  }
}
