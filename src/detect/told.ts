import { PackedTextColumn, type StringColumn } from '../core/index.ts';

/**
 * What is told of each text of a column with few of them, as small numbers from 0 to 255 by code + 1. The first stands for rows without a text and is 0, so that a row needs no test:
 * `classes[codes[row] + 1]`.
 */
export function classesOf(column: StringColumn, tell: (text: string) => number | boolean): Uint8Array {
  const { dictionary } = column;
  const classes = new Uint8Array(dictionary.length + 1);
  for (let code = 0; code < dictionary.length; code++) classes[code + 1] = Number(tell(dictionary[code] ?? ''));
  return classes;
}

/** The text of a code, without making the others of its column. */
export function textOf(column: StringColumn, code: number): string {
  return column instanceof PackedTextColumn ? column.text(code) : (column.dictionary[code] ?? '');
}

/** How many different codes a column has. */
export function codeCount(column: StringColumn): number {
  return column instanceof PackedTextColumn ? column.ends.length : column.dictionary.length;
}

const NOT_ASKED = 0;
const NO = 1;
const YES = 2;

/** Whether something holds of the texts of a column; each is judged once, when it is first asked for. Of a row without a text it does not hold. */
export class Told {
  readonly #column: StringColumn;
  readonly #codes: Int32Array;
  readonly #tell: (text: string) => boolean;
  readonly #answers: Uint8Array;

  constructor(column: StringColumn, tell: (text: string) => boolean) {
    this.#column = column;
    this.#codes = column.codes;
    this.#tell = tell;
    this.#answers = new Uint8Array(codeCount(column));
  }

  at(row: number): boolean {
    const code = this.#codes[row] as number;
    return code >= 0 && this.of(code);
  }

  of(code: number): boolean {
    const answer = this.#answers[code];
    return answer === NOT_ASKED ? this.#ask(code) : answer === YES;
  }

  #ask(code: number): boolean {
    const holds = this.#tell(textOf(this.#column, code));
    this.#answers[code] = holds ? YES : NO;
    return holds;
  }
}

/** As `new Told`, and the same one for all who ask the same question of a column. */
export function toldOf(column: StringColumn, tell: (text: string) => boolean): Told {
  let asked = ASKED.get(column);
  if (asked === undefined) {
    asked = new Map();
    ASKED.set(column, asked);
  }
  let told = asked.get(tell);
  if (told === undefined) {
    told = new Told(column, tell);
    asked.set(tell, told);
  }
  return told;
}

const ASKED = new WeakMap<StringColumn, Map<(text: string) => boolean, Told>>();
