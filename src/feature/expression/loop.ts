/**
 * The inner loops of arithmetic and comparison, one per operator and per kind of operand (a column, or a constant), so that each compiles to plain
 * machine code. NaN is missing and comes through arithmetic by itself.
 */

type Numbers = Float64Array;

/** A division by zero or a value outside of a function's domain: the result is missing, and counted. */
export interface Faults {
  divisions: number;
  domain: number;
}

type Operator = '+' | '-' | '*' | '/' | '%';
type Order = '==' | '!=' | '<' | '<=' | '>' | '>=';

export const COLUMNS: Readonly<Record<Operator, (a: Numbers, b: Numbers, out: Numbers, faults: Faults) => void>> = {
  '+': (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] + b[i];
  },
  '-': (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] - b[i];
  },
  '*': (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] * b[i];
  },
  '/': (a, b, out, faults) => {
    let zeros = 0;
    for (let i = 0; i < out.length; i++) {
      const divisor = b[i];
      if (divisor !== 0) out[i] = a[i] / divisor;
      else {
        out[i] = Number.NaN;
        if (!Number.isNaN(a[i])) zeros++;
      }
    }
    faults.divisions += zeros;
  },
  '%': (a, b, out, faults) => {
    let zeros = 0;
    for (let i = 0; i < out.length; i++) {
      out[i] = a[i] % b[i];
      if (b[i] === 0 && !Number.isNaN(a[i])) zeros++;
    }
    faults.divisions += zeros;
  },
};

/** The right operand is a constant that is not 0 where it divides. */
export const COLUMN_CONSTANT: Readonly<Record<Operator, (a: Numbers, b: number, out: Numbers) => void>> = {
  '+': (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] + b;
  },
  '-': (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] - b;
  },
  '*': (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] * b;
  },
  '/': (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] / b;
  },
  '%': (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] % b;
  },
};

/** Both bits of a truth value: whether it is true, and whether it is not false. A comparison with NaN is neither. */
export const COMPARE_COLUMNS: Readonly<Record<Order, (a: Numbers, b: Numbers, out: Uint8Array) => void>> = {
  '==': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      const y = b[i];
      out[i] = (Number(x === y) << 1) | (Number(x < y !== x > y) ^ 1);
    }
  },
  '!=': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      const y = b[i];
      out[i] = (Number(x < y !== x > y) << 1) | (Number(x === y) ^ 1);
    }
  },
  '<': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      const y = b[i];
      out[i] = (Number(x < y) << 1) | (Number(x >= y) ^ 1);
    }
  },
  '<=': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      const y = b[i];
      out[i] = (Number(x <= y) << 1) | (Number(x > y) ^ 1);
    }
  },
  '>': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      const y = b[i];
      out[i] = (Number(x > y) << 1) | (Number(x <= y) ^ 1);
    }
  },
  '>=': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      const y = b[i];
      out[i] = (Number(x >= y) << 1) | (Number(x < y) ^ 1);
    }
  },
};

export const COMPARE_CONSTANT: Readonly<Record<Order, (a: Numbers, b: number, out: Uint8Array) => void>> = {
  '==': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      out[i] = (Number(x === b) << 1) | (Number(x < b !== x > b) ^ 1);
    }
  },
  '!=': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      out[i] = (Number(x < b !== x > b) << 1) | (Number(x === b) ^ 1);
    }
  },
  '<': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      out[i] = (Number(x < b) << 1) | (Number(x >= b) ^ 1);
    }
  },
  '<=': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      out[i] = (Number(x <= b) << 1) | (Number(x > b) ^ 1);
    }
  },
  '>': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      out[i] = (Number(x > b) << 1) | (Number(x <= b) ^ 1);
    }
  },
  '>=': (a, b, out) => {
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      out[i] = (Number(x >= b) << 1) | (Number(x < b) ^ 1);
    }
  },
};

/** `constant operator column` is `column MIRROR[operator] constant`. */
export const MIRROR: Readonly<Record<Order, Order>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

export function isOrder(operator: string): operator is Order {
  return Object.hasOwn(MIRROR, operator);
}

type Measure = (a: Numbers, out: Numbers, faults: Faults) => void;

/** Values at or below `bound` have no result. */
function above(bound: number, inclusive: boolean, compute: (x: number) => number): Measure {
  return (a, out, faults) => {
    let outside = 0;
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      if (x > bound || (inclusive && x === bound)) out[i] = compute(x);
      else {
        if (!Number.isNaN(x)) outside++;
        out[i] = Number.NaN;
      }
    }
    faults.domain += outside;
  };
}

/** Functions of one number; what is outside of their domain is missing, and counted. */
export const MEASURES: Readonly<Record<string, Measure>> = {
  log: above(0, false, Math.log),
  log2: above(0, false, Math.log2),
  log10: above(0, false, Math.log10),
  log1p: above(-1, false, Math.log1p),
  sqrt: (a, out, faults) => {
    let outside = 0;
    for (let i = 0; i < out.length; i++) {
      const x = a[i];
      if (x < 0) outside++;
      out[i] = Math.sqrt(x);
    }
    faults.domain += outside;
  },
  exp: (a, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.exp(a[i]);
  },
  abs: (a, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.abs(a[i]);
  },
  floor: (a, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.floor(a[i]);
  },
  ceil: (a, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.ceil(a[i]);
  },
  sign: (a, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.sign(a[i]);
  },
  sin: (a, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.sin(a[i]);
  },
  cos: (a, out) => {
    for (let i = 0; i < out.length; i++) out[i] = Math.cos(a[i]);
  },
};

/** The lesser of two columns; missing where one is. */
export function lesser(a: Numbers, b: Numbers, out: Numbers): void {
  for (let i = 0; i < out.length; i++) out[i] = Math.min(a[i], b[i]);
}

export function greater(a: Numbers, b: Numbers, out: Numbers): void {
  for (let i = 0; i < out.length; i++) out[i] = Math.max(a[i], b[i]);
}

/** Half away from zero, to `digits` decimals: round(2.5) is 3, round(-2.5) is -3. */
export function roundTo(a: Numbers, digits: number, out: Numbers): void {
  for (let i = 0; i < out.length; i++) out[i] = rounded(a[i], digits);
}

/** 1.005 lies a hair below its half as a double: with decimals, what is within the rounding error of the product counts as the half. */
export function rounded(x: number, digits: number): number {
  const scale = 10 ** digits;
  const size = Math.abs(x) * scale;
  const whole = Math.floor(size);
  const hair = digits === 0 ? 0 : size * Number.EPSILON;
  const result = (size - whole >= 0.5 - hair ? whole + 1 : whole) / scale;
  return x < 0 ? -result : result;
}

export function both(a: Uint8Array, b: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i] & b[i];
}

export function either(a: Uint8Array, b: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) out[i] = a[i] | b[i];
}

/** The bits change places, each turned round. */
export function opposite(a: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) out[i] = (((a[i] & 1) ^ 1) << 1) | ((a[i] >> 1) ^ 1);
}
