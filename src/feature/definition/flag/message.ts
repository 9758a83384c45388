import { humanBytes, humanCount, humanDuration, isoTime, safeText } from '../../../core/index.ts';
import {
  type Batch,
  type CompiledExpression,
  type CompileOptions,
  type Dimension,
  type Scope,
  type Value,
  valueAt,
} from '../../expression/index.ts';
import type { Formula } from '../document.ts';
import { compiled } from '../formula.ts';

/** The sentence that a flag says of what it found. */

/** A message whose placeholders are compiled. */
export class Message {
  readonly expressions: readonly CompiledExpression[];
  #parts: readonly (string | CompiledExpression)[];

  constructor(parts: readonly (string | Formula)[], scope: Scope, options: CompileOptions) {
    this.#parts = parts.map((part) => (typeof part === 'string' ? part : compiled(part, scope, options)));
    this.expressions = this.#parts.filter((part) => typeof part !== 'string');
  }

  get hasWindows(): boolean {
    return this.expressions.some(({ hasWindows }) => hasWindows);
  }

  /** The message of each row of a batch, made where it is asked for. */
  bind(batch: Batch): (row: number) => string {
    const bound = this.#parts.map((part) =>
      typeof part === 'string' ? part : { vector: part.evaluate(batch), dimension: part.dimension },
    );
    return (row) =>
      bound
        .map((part) => (typeof part === 'string' ? part : shown(valueAt(part.vector, row), part.dimension)))
        .join('');
  }
}

/** A value for people. Text from outside is made safe here. */
function shown(value: Value | undefined, dimension: Dimension): string {
  if (value === undefined) return '(missing)';
  if (typeof value === 'string') return safeText(value, 100);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  switch (dimension) {
    case 'bytes':
      return humanBytes(value);
    case 'duration':
      return humanDuration(value);
    case 'time':
      return isoTime(value);
    default:
      return Number.isInteger(value) ? humanCount(value) : String(Number(value.toPrecision(4)));
  }
}
