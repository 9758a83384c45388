import { safeText } from '../../../core/index.ts';
import type { Batch, CompiledExpression, Scope } from '../../expression/index.ts';
import type { Definitions, FlagDefinition, FunctionTest } from '../definition.ts';
import { columnHint } from '../formula.ts';
import type { FlagObserver } from '../function-table.ts';
import type { FlagFinding } from '../result.ts';
import { firstRowOrder, MAX_FINDINGS } from './hit.ts';
import type { Refused, RunFlag } from './run-flag.ts';

/** A flag that a function raises. */
export class FunctionFlag implements RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[] = [];
  #observer: FlagObserver;
  #refused = 0;

  constructor(definition: FlagDefinition, test: FunctionTest, { source }: Definitions, scope: Scope) {
    this.definition = definition;
    const { columns } = scope.schema;
    const params: Record<string, string | number | boolean | undefined> = {};
    for (const { name, type } of test.function.takes) {
      const value = test.params[name];
      params[name] = value as string | number | boolean | undefined;
      if (type !== 'column' || value === undefined) continue;
      const spec = columns.find((column) => column.name === value);
      if (spec === undefined) {
        source.fail(
          [...definition.path, 'params', name],
          `there is no column '${safeText(String(value), 60)}'`,
          columnHint(String(value), columns),
        );
      }
    }
    this.#observer = test.function.create(params, scope.schema);
  }

  observe(batch: Batch, rowNumbers: ArrayLike<number>): void {
    this.#observer.observe(batch.table, rowNumbers);
  }

  finish(): FlagFinding[] {
    const { name, severity, description, technique, message } = this.definition;
    const raised = this.#observer.finish();
    this.#refused = Math.max(0, raised.length - MAX_FINDINGS);
    return raised
      .slice(0, MAX_FINDINGS)
      .map(({ entity, keys, message: own, rows, rowCount, firstMs, lastMs }) => ({
        name,
        severity,
        description,
        technique,
        message: [...message.filter((part) => typeof part === 'string'), own].join(' '),
        entity,
        keys,
        rows: [...rows].sort((a, b) => a - b),
        rowCount,
        firstMs,
        lastMs,
      }))
      .sort(firstRowOrder);
  }

  refusals(): Refused[] {
    return [
      ...this.#observer.refusals(),
      ...(this.#refused === 0 ? [] : [{ what: 'findings', cap: MAX_FINDINGS, refused: this.#refused }]),
    ];
  }
}
