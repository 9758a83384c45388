import { hash32, PackedTextColumn, Recent, type StringColumn } from '../core/index.ts';

/** Answers of which `homes` speaks: no flow tells more of them but by a log. */
const MOST_HOMES = 16;

/**
 * The answers of a flow of DNS, as the column `dnsAnswers` has them: 'A 192.0.2.1, CNAME x.example', or the data alone. One object stands for all rows with the same answers as long as
 * these come again and again.
 */
export class DnsAnswers {
  readonly text: string;
  /** `hash32` of the data of each. */
  readonly hashes: readonly number[];
  /** Who holds all of the hashes already, and so need not take them again: for whoever takes them to say. */
  heldBy: object | undefined;
  #isHome: ((address: string) => boolean) | undefined;
  #homes: readonly string[] = [];

  constructor(text: string) {
    this.text = text;
    this.hashes = hashesOf(text);
  }

  /** The data of those of the first 16 of which `isHome` holds, which must always say the same of the same. */
  homes(isHome: (address: string) => boolean): readonly string[] {
    if (this.#isHome !== isHome) {
      this.#homes = dataOf(this.text).filter(isHome);
      this.#isHome = isHome;
    }
    return this.#homes;
  }
}

function hashesOf(text: string): number[] {
  const hashes: number[] = [];
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? COMMA : text.charCodeAt(i);
    if (code === BLANK) from = i + 1;
    if (code !== COMMA) continue;
    hashes.push(hash32(text, from, i));
    from = i + 1;
  }
  // A copy has no room for more.
  return hashes.slice();
}

/** The data of the first 16 answers. */
export function dataOf(text: string): string[] {
  return text.split(',', MOST_HOMES).map((answer) => answerIn(answer, 0, answer.length));
}

/** The data of the answer that stands in `text[begin, end)`, without its type. */
function answerIn(text: string, begin: number, end: number): string {
  let from = begin;
  while (from < end && text.charCodeAt(from) === BLANK) from++;
  if (from < end && (isOdd(text.charCodeAt(from)) || isOdd(text.charCodeAt(end - 1))))
    return text
      .slice(from, end)
      .trim()
      .replace(/^[A-Z0-9]+ /, '');
  let at = from;
  while (at < end && isOfType(text.charCodeAt(at))) at++;
  return text.slice(at > from && text.charCodeAt(at) === BLANK && at < end ? at + 1 : from, end);
}

/** Whether a character may be white space. */
function isOdd(code: number): boolean {
  return code <= BLANK || code >= 0x80;
}

function isOfType(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39);
}

const COMMA = 0x2c;
const BLANK = 0x20;

const ANSWERS = new Recent(8192, (text) => new DnsAnswers(text));

/** The answers of the rows of a batch, each text looked for once, whoever asks. */
export class AnswersOf {
  readonly #column: StringColumn;
  readonly #known: (DnsAnswers | undefined)[];

  private constructor(column: StringColumn) {
    this.#column = column;
    const count = column instanceof PackedTextColumn ? column.ends.length : column.dictionary.length;
    this.#known = new Array<DnsAnswers | undefined>(count).fill(undefined);
  }

  /** The same ones for all who ask. */
  static column(column: StringColumn): AnswersOf {
    const known = BY_COLUMN.get(column);
    if (known !== undefined) return known;
    const made = new AnswersOf(column);
    BY_COLUMN.set(column, made);
    return made;
  }

  /** How many different texts there are, some perhaps more than once. */
  get count(): number {
    return this.#known.length;
  }

  at(row: number): DnsAnswers | undefined {
    const code = this.#column.codes[row];
    return code < 0 ? undefined : this.of(code);
  }

  /** Of a text of the dictionary. */
  of(code: number): DnsAnswers {
    let answers = this.#known[code];
    if (answers === undefined) {
      answers = ANSWERS.ofCode(this.#column, code);
      this.#known[code] = answers;
    }
    return answers;
  }
}

const BY_COLUMN = new WeakMap<StringColumn, AnswersOf>();
