import { Table } from '../../../core/index.ts';
import { GroupTable } from '../../expression/group.ts';
import {
  Batch,
  type CompiledExpression,
  DEFAULT_AGGREGATE_LIMITS,
  type Scope,
  TRUE,
  type Vector,
} from '../../expression/index.ts';
import { KeyIndex } from '../../expression/key.ts';
import type { Definitions, FlagDefinition, GroupTest } from '../definition.ts';
import type { Formula } from '../document.ts';
import { compiled, timesOf } from '../formula.ts';
import type { FlagFinding } from '../result.ts';
import { findingOf, firstRowOrder, Hit, MAX_FINDINGS } from './hit.ts';
import { actorOf, entityPosition, keyRecord } from './key.ts';
import { Message } from './message.ts';
import type { Refused, RunFlag } from './run-flag.ts';

/** A condition on the rows of a key in the whole table, asked at its end. */
export class GroupFlag implements RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[];
  #having: CompiledExpression;
  #message: Message;
  #by: readonly Formula[];
  #table: GroupTable;
  #maxEntries: number;
  #position: number;
  #timesOf: ((batch: Batch) => Float64Array) | undefined;
  #groups: Hit[] = [];
  #refused = 0;

  constructor(definition: FlagDefinition, { having, by }: GroupTest, { entity }: Definitions, scope: Scope) {
    this.definition = definition;
    const { limits = DEFAULT_AGGREGATE_LIMITS } = scope;
    for (const key of by) compiled(key, scope, { aggregates: { refused: 'a key is no aggregate' } });
    this.#by = by;
    this.#maxEntries = limits.maxEntries;
    this.#table = new GroupTable(by, scope, new KeyIndex(limits.maxKeys));
    this.#having = compiled(having, scope, { gives: 'boolean', group: this.#table });
    this.#message = new Message(definition.message, scope, { group: this.#table });
    this.expressions = [this.#having, ...this.#message.expressions];
    this.#position = entityPosition(by, entity);
    this.#timesOf = timesOf(scope);
  }

  observe(batch: Batch, rowNumbers: ArrayLike<number>): void {
    const groups = this.#table.observe(batch);
    const times = this.#timesOf?.(batch);
    for (let row = 0; row < groups.length; row++) {
      const group = groups[row];
      if (group < 0) continue;
      let hit = this.#groups[group];
      if (hit === undefined) {
        hit = new Hit('', undefined, {});
        this.#groups[group] = hit;
      }
      hit.add(rowNumbers[row], times?.[row]);
    }
  }

  finish(): FlagFinding[] {
    const batch = new Batch(new Table({ name: 'groups', version: 1, columns: [] }, this.#groups.length, []));
    const { values } = this.#having.evaluate(batch) as Vector & { type: 'boolean' };
    if (!values.includes(TRUE)) return [];
    const message = this.#message.bind(batch);
    const findings: FlagFinding[] = [];
    for (const [group, rows] of this.#groups.entries()) {
      if (values[group] !== TRUE) continue;
      if (findings.length >= MAX_FINDINGS) {
        this.#refused++;
        continue;
      }
      const key = this.#table.keys.values(group) ?? [];
      const hit = new Hit(message(group), actorOf(key, this.#position), keyRecord(this.#by, key));
      findings.push({
        ...findingOf(this.definition, hit),
        rows: rows.rows,
        rowCount: rows.rowCount,
        firstMs: rows.firstMs,
        lastMs: rows.lastMs,
      });
    }
    return findings.sort(firstRowOrder);
  }

  refusals(): Refused[] {
    const { refusedKeys, refusedEntries } = this.#table.counts();
    return [
      { what: 'keys', cap: this.#table.keys.maxKeys, refused: refusedKeys },
      { what: 'values', cap: this.#maxEntries, refused: refusedEntries },
      { what: 'findings', cap: MAX_FINDINGS, refused: this.#refused },
    ].filter(({ refused }) => refused > 0);
  }
}
