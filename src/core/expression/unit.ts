import { nearest } from '../error.ts';
import { safeText } from '../text.ts';
import type { NumberLiteral } from './tree.ts';

/** Units that numbers are written with: `10 MB`, `1h30m`. */

/** What a number measures. 'plain' goes with all others; a bare literal is plain. */
export type Dimension = 'plain' | 'bytes' | 'duration' | 'time';

const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
/** Units of durations in milliseconds. */
export const TIME_UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  sec: 1e3,
  m: 6e4,
  min: 6e4,
  h: 36e5,
  d: 864e5,
  w: 6048e5,
};

/**
 * A number as it was written, in bytes or in ms where it has such a unit. @param fail throws, with what is wrong and what would be right.
 * @param also what else an unknown unit may mean, for the hint.
 */
export function quantityOf(
  { parts }: NumberLiteral,
  fail: (message: string, hint: string) => never,
  also = '',
): { value: number; dimension: Dimension } {
  let value = 0;
  let dimension: Dimension = 'plain';
  for (const [i, part] of parts.entries()) {
    const byte = part.unit.toLowerCase();
    const bytes = Object.hasOwn(BYTE_UNITS, byte) ? BYTE_UNITS[byte] : undefined;
    const ms = Object.hasOwn(TIME_UNITS, part.unit) ? TIME_UNITS[part.unit] : undefined;
    const found: Dimension | undefined =
      part.unit === '' ? 'plain' : ms !== undefined ? 'duration' : bytes !== undefined ? 'bytes' : undefined;
    if (found === undefined) {
      const near = nearest(part.unit, ['ms', 'min', 'kB', 'MB', 'GB', 'KiB', 'MiB', 'GiB']);
      fail(
        `'${safeText(part.unit, 20)}' is no unit`,
        `${near === undefined ? '' : `did you mean '${near}'? `}Times: ns us ms s m h d w; sizes: B kB MB GB TB KiB MiB GiB TiB${also}`,
      );
    }
    if (i > 0 && (found !== 'duration' || dimension !== 'duration'))
      fail('this is no number', 'only durations have several parts, as in 1h30m');
    dimension = found;
    value += part.value * (ms ?? bytes ?? 1);
  }
  return { value, dimension };
}
