import { type Batch, type CompiledExpression, type Scope, TRUE, type Vector, valueAt } from '../../expression/index.ts';
import { keyText } from '../../expression/key.ts';
import type { Definitions, FlagDefinition, RowTest } from '../definition.ts';
import { compiled, readerOf, timesOf } from '../formula.ts';
import type { FlagFinding } from '../result.ts';
import { byFirstRow, Hit, MAX_FINDINGS } from './hit.ts';
import { Message } from './message.ts';
import type { Refused, RunFlag } from './run-flag.ts';

/** A condition on rows: one finding per entity. */
export class RowFlag implements RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[];
  #when: CompiledExpression;
  #message: Message;
  #entityOf: ((batch: Batch) => Vector) | undefined;
  #timesOf: ((batch: Batch) => Float64Array) | undefined;
  #hits = new Map<string | undefined, Hit>();
  #refused = 0;

  constructor(definition: FlagDefinition, { when }: RowTest, { entity }: Definitions, scope: Scope) {
    this.definition = definition;
    this.#when = compiled(when, scope, { gives: 'boolean' });
    this.#message = new Message(definition.message, scope, {});
    this.expressions = [this.#when, ...this.#message.expressions];
    this.#entityOf = readerOf(scope, entity);
    this.#timesOf = timesOf(scope);
  }

  observe(batch: Batch, rowNumbers: ArrayLike<number>): void {
    const { values } = this.#when.evaluate(batch) as Vector & { type: 'boolean' };
    let message = this.#message.hasWindows ? this.#message.bind(batch) : undefined;
    if (!values.includes(TRUE)) return;
    const entities = this.#entityOf?.(batch);
    const times = this.#timesOf?.(batch);
    for (let row = 0; row < batch.rowCount; row++) {
      if (values[row] !== TRUE) continue;
      const value = entities === undefined ? undefined : valueAt(entities, row);
      const entity = value === undefined ? undefined : keyText(value);
      let hit = this.#hits.get(entity);
      if (hit === undefined) {
        if (this.#hits.size >= MAX_FINDINGS) {
          this.#refused++;
          continue;
        }
        message ??= this.#message.bind(batch);
        hit = new Hit(message(row), entity, {});
        this.#hits.set(entity, hit);
      }
      hit.add(rowNumbers[row], times?.[row]);
    }
  }

  finish(): FlagFinding[] {
    return byFirstRow(this.#hits.values(), this.definition);
  }

  refusals(): Refused[] {
    return this.#refused === 0 ? [] : [{ what: 'entities', cap: MAX_FINDINGS, refused: this.#refused }];
  }
}
