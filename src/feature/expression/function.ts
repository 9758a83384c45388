import { parseTime } from '../../flow/index.ts';
import { NetworkSet, parseAddress } from '../../wire/index.ts';
import { labelEntropy, labelsOf, publicSuffix, registrableDomain, subdomainOf } from '../domain.ts';
import {
  digitRatio,
  levenshtein,
  longestConsonantRun,
  looksBase32,
  looksBase64,
  looksHex,
  shannonEntropy,
  vowelRatio,
} from '../text-shape.ts';
import { nearestZone, TIME_PARTS, zoneOf } from './time-part.ts';
import type { Value, ValueType } from './vector.ts';

/** A 'time' is a number of ms since 1970 UTC; a text in ISO 8601 is taken for one as well. 'any' takes what comes. */
export type ParameterType = ValueType | 'time' | 'any';

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly optional?: boolean;
  /** It must be written as a value, not be made of columns. */
  readonly constant?: boolean;
  /** May stand several times; only the last one. */
  readonly repeated?: boolean;
}

/**
 * A function of single values, for expressions and, by its name, for the metrics, filters and direct flags of definitions. It is asked once for each
 * distinct text of a batch where it takes one column of texts, else once per row. It must be pure and quick, and may not throw.
 */
export interface ExpressionFunction {
  readonly takes: readonly Parameter[];
  readonly gives: ValueType | 'time';
  /** One sentence. */
  readonly meaning: string;
  /** It is asked where a value is missing too; else what it gives is missing then. */
  readonly seesMissing?: boolean;
  /**
   * Makes the function for the constants of one place, by position; undefined where an argument is no constant or was left away. Throws ArgumentError
   * for a constant that won't do. The function returns undefined, or NaN where it gives numbers, for a missing result.
   */
  readonly prepare: (constants: readonly (Value | undefined)[], context: FunctionContext) => ScalarCall;
}

export type ScalarCall = (...values: readonly (Value | undefined)[]) => Value | undefined;

export interface FunctionContext {
  /** The zone of the definitions, 'UTC' where they state none. */
  readonly zone: string;
}

/** A constant argument that won't do; `index` is its position. */
export class ArgumentError extends Error {
  readonly index: number;
  readonly hint: string | undefined;

  constructor(index: number, message: string, hint?: string) {
    super(message);
    this.name = 'ArgumentError';
    this.index = index;
    this.hint = hint;
  }
}

const TEXT: Parameter = { name: 'text', type: 'text' };
const NAME: Parameter = { name: 'name', type: 'text' };

function ofText(gives: ValueType, meaning: string, call: (text: string) => Value | undefined): ExpressionFunction {
  return { takes: [TEXT], gives, meaning, prepare: () => (text) => call(text as string) };
}

function shape(meaning: string, test: (text: string, minLength?: number) => boolean): ExpressionFunction {
  return {
    takes: [TEXT, { name: 'minLength', type: 'number', constant: true, optional: true }],
    gives: 'boolean',
    meaning,
    prepare: ([, least]) => {
      const minLength = typeof least === 'number' ? least : undefined;
      return (text) => (minLength === undefined ? test(text as string) : test(text as string, minLength));
    },
  };
}

function timePart(meaning: string, of: (localMs: number) => number): ExpressionFunction {
  return {
    takes: [
      { name: 'time', type: 'time' },
      { name: 'zone', type: 'text', constant: true, optional: true },
    ],
    gives: 'number',
    meaning,
    prepare: ([, stated], { zone }) => {
      const name = typeof stated === 'string' ? stated : zone;
      const local = zoneOf(name);
      if (local === undefined) {
        const near = nearestZone(name);
        throw new ArgumentError(
          1,
          `'${name}' is no time zone`,
          near === undefined ? 'as in "Europe/Berlin", "+02:00" or "UTC"' : `did you mean '${near}'?`,
        );
      }
      return (ms) => of(local.localMs(ms as number));
    },
  };
}

function cycle(meaning: string, compute: (angle: number) => number): ExpressionFunction {
  return {
    takes: [
      { name: 'value', type: 'number' },
      { name: 'period', type: 'number', constant: true },
    ],
    gives: 'number',
    meaning,
    prepare: ([, period]) => {
      if (typeof period !== 'number' || !(period > 0))
        throw new ArgumentError(1, 'the period is not above 0', undefined);
      const scale = (2 * Math.PI) / period;
      return (value) => compute((value as number) * scale);
    },
  };
}

/** Longer texts are no numbers; the pattern that reads them looks back as far as they are long. */
const MAX_NUMBER_TEXT = 400;

/** Edit distances are counted up to this one: texts that differ more are merely different. */
const MAX_DISTANCE = 255;

/** The functions that every expression has, beside those of numbers, `if`, `coalesce` and the aggregates. */
export const TEXT_FUNCTIONS: Readonly<Record<string, ExpressionFunction>> = {
  length: ofText('number', 'Number of characters (UTF-16 units).', (text) => text.length),
  lower: ofText('text', 'In lower case.', (text) => text.toLowerCase()),
  upper: ofText('text', 'In upper case.', (text) => text.toUpperCase()),
  trim: ofText('text', 'Without blanks at both ends.', (text) => text.trim()),
  digits: ofText('number', 'How many of its characters are the digits 0 to 9.', countDigits),
  letters: ofText('number', 'How many of its characters are letters of any script.', countLetters),
  digit_ratio: ofText('number', 'Share of digits in its characters, 0 to 1.', digitRatio),
  vowel_ratio: ofText('number', 'Share of the vowels aeiou in its letters a to z, 0 to 1.', vowelRatio),
  consonant_run: ofText('number', 'Length of its longest run of consonants.', longestConsonantRun),
  entropy: ofText('number', 'Shannon entropy of its characters, in bits per character.', shannonEntropy),
  label_entropy: ofText(
    'number',
    'The highest entropy among the labels of a host name but those of its public suffix, in bits per character.',
    (name) => labelEntropy(name),
  ),
  labels: ofText('number', 'How many labels a host name has; missing for what is no name.', (text) => {
    const count = labelsOf(text).length;
    return count === 0 ? undefined : count;
  }),
  label: {
    takes: [NAME, { name: 'number', type: 'number', constant: true }],
    gives: 'text',
    meaning: 'One label of a host name: 1 is the first from the left, -1 the last.',
    prepare: ([, number]) => {
      if (typeof number !== 'number' || !Number.isInteger(number) || number === 0)
        throw new ArgumentError(1, 'a label is counted from 1, or from -1 at the end', 'as in label(name, 1)');
      return (name) => labelsOf(name as string).at(number > 0 ? number - 1 : number);
    },
  },
  registrable_domain: ofText(
    'text',
    'The domain that was registered, by the public suffix list: example.co.uk for www.example.co.uk.',
    (name) => registrableDomain(name),
  ),
  suffix: ofText('text', 'The public suffix of a host name: co.uk for www.example.co.uk.', (name) =>
    publicSuffix(name),
  ),
  subdomain: ofText('text', 'What stands before the registrable domain; missing where nothing does.', (name) => {
    const found = subdomainOf(name);
    return found === '' ? undefined : found;
  }),
  levenshtein: {
    takes: [TEXT, { name: 'other', type: 'text' }],
    gives: 'number',
    meaning: `Edit distance of two texts, counted up to ${MAX_DISTANCE}; above that ${MAX_DISTANCE + 1}. Only their first 1,024 characters count.`,
    prepare: () => (a, b) => levenshtein((a as string).slice(0, 1024), (b as string).slice(0, 1024), MAX_DISTANCE),
  },
  is_base64: shape('Whether it is data in Base64, 16 characters or more, or of the length given.', looksBase64),
  is_base32: shape('Whether it is data in Base32, 16 characters or more, or of the length given.', looksBase32),
  is_hex: shape('Whether it is data in hexadecimal, 16 characters or more, or of the length given.', looksHex),
  is_ip: ofText('boolean', 'Whether it is an IPv4 or IPv6 address.', (text) => parseAddress(text) !== undefined),
  in_network: {
    takes: [
      { name: 'address', type: 'text' },
      { name: 'network', type: 'text', constant: true, repeated: true },
    ],
    gives: 'boolean',
    meaning: 'Whether an address is in one of the networks; false for what is no address.',
    prepare: ([, ...networks]) => {
      const texts = networks.map(String);
      for (const [i, text] of texts.entries())
        if (NetworkSet.parse([text]) === undefined)
          throw new ArgumentError(i + 1, `'${text}' is neither an address nor a network`, 'as in "10.0.0.0/8"');
      const set = NetworkSet.parse(texts);
      return (address) => set?.has(address as string) === true;
    },
  },
  concat: {
    takes: [TEXT, { name: 'more', type: 'any', repeated: true }],
    gives: 'text',
    meaning: 'The texts and numbers one behind the other.',
    prepare:
      () =>
      (...values) =>
        values.map(String).join(''),
  },
  number: ofText('number', 'The number that it is; missing where it is none.', (text) =>
    text.length <= MAX_NUMBER_TEXT && /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/.test(text)
      ? Number(text)
      : undefined,
  ),
  text: {
    takes: [{ name: 'value', type: 'any' }],
    gives: 'text',
    meaning: 'A number or a truth value as text.',
    prepare: () => (value) => String(value),
  },
  time: {
    takes: [TEXT],
    gives: 'time',
    meaning: 'The time of a text in ISO 8601, UTC where it names no zone; missing where it is none.',
    prepare: () => (text) => parseTime(text as string),
  },
  cycle_sin: cycle('Sine of a value that comes round: cycle_sin(time_of_day(t), 24).', Math.sin),
  cycle_cos: cycle('Cosine of a value that comes round: cycle_cos(weekday(t), 7).', Math.cos),
  ...Object.fromEntries(Object.entries(TIME_PARTS).map(([name, { meaning, of }]) => [name, timePart(meaning, of)])),
};

function countDigits(text: string): number {
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) n++;
  }
  return n;
}

const LETTER = /\p{L}/u;

function countLetters(text: string): number {
  let n = 0;
  for (const ch of text) {
    const code = ch.codePointAt(0) ?? 0;
    if (code < 128 ? (code | 32) >= 97 && (code | 32) <= 122 : LETTER.test(ch)) n++;
  }
  return n;
}
