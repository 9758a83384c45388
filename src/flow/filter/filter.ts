import { parseExpression, type Table } from '../../core/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../../wire/index.ts';
import { Compiler } from './compiler.ts';
import type { Condition, RowTest } from './condition.ts';
import { joinFieldName } from './field.ts';

/**
 * The display filter on flows: `tcp and dst.port in (22, 3389) and not src in home`. The syntax is core/expression's, the fields are
 * ./field.ts's; ./compiler.ts checks them against each other and makes tests of rows of them. Nothing is looked up by name while rows are tested, and a
 * text is looked at once for each entry of its column's dictionary.
 *
 * A comparison with a missing value is false, whichever it is: `sni != "a"` holds only where there is an SNI; `not sni == "a"` holds where there is none too.
 * Of a field that stands for both sides (`host`, `port`, `mac`), one side is enough; with `!=` and `not in`, both must differ.
 */
export class FlowFilter {
  /** As it was written. */
  readonly source: string;
  #test: Condition;

  constructor(source: string, test: Condition) {
    this.source = source;
    this.#test = test;
  }

  /** Binds the filter to a batch: the returned test says of a row, 0 to rowCount - 1, whether it fits, and belongs to that batch alone. */
  bind(table: Table): RowTest {
    return this.#test(table);
  }

  /** One byte per row: 1 where it fits, 0 elsewhere. */
  mask(table: Table): Uint8Array {
    const test = this.#test(table);
    const mask = new Uint8Array(table.rowCount);
    for (let row = 0; row < mask.length; row++) if (test(row)) mask[row] = 1;
    return mask;
  }

  /** The rows that fit, in order. */
  rows(table: Table): Int32Array {
    const mask = this.mask(table);
    let n = 0;
    for (const fits of mask) n += fits;
    const rows = new Int32Array(n);
    for (let row = 0, i = 0; row < mask.length; row++) if (mask[row] === 1) rows[i++] = row;
    return rows;
  }
}

export interface FlowFilterOptions {
  /** What `home` means. Default: private addresses. */
  readonly home?: NetworkSet;
  /** How messages call the text. Default 'filter'. */
  readonly what?: string;
}

/** Reads and checks a filter. Throws ExpressionError, with column and excerpt, for what is no filter, no field, or a value of the wrong kind. */
export function compileFlowFilter(source: string, options: FlowFilterOptions = {}): FlowFilter {
  const { home = defaultHome(), what = 'filter' } = options;
  const tree = parseExpression(source, { what, join: joinFieldName });
  return new FlowFilter(source, new Compiler(source, what, home).condition(tree));
}

function defaultHome(): NetworkSet {
  const home = NetworkSet.parse(DEFAULT_HOME_NETWORKS);
  if (home === undefined) throw new Error('the default home networks are no networks');
  return home;
}
