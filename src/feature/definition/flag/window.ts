import {
  type Batch,
  type CompiledExpression,
  compileTree,
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
import { byFirstRow, Hit, MAX_FINDINGS, SHOWN_ROWS } from './hit.ts';
import { actorOf, entityPosition, keyRecord } from './key.ts';
import { Message } from './message.ts';
import type { Refused, RunFlag } from './run-flag.ts';

/** A condition on the rows of a key inside of a window: one finding per key, which begins when the condition first holds. */
export class WindowFlag implements RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[];
  #having: CompiledExpression;
  #count: CompiledExpression;
  #message: Message;
  #by: readonly Formula[];
  #keyNodes: readonly CompiledExpression[];
  #keys: KeyIndex;
  #recent: { rows: number[]; times: number[] }[] = [];
  #hits = new Map<number, Hit>();
  #position: number;
  #overMs: number;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #refusedAtSweep = 0;
  #timesOf: ((batch: Batch) => Float64Array) | undefined;
  #refused = 0;

  constructor(
    definition: FlagDefinition,
    { having, by }: GroupTest,
    overMs: number,
    { entity, source }: Definitions,
    scope: Scope,
  ) {
    this.definition = definition;
    if (scope.time === undefined)
      source.fail(
        [...definition.path, 'over'],
        "'over' needs to know which column is the time",
        'name it at the top, as in \'time: "@timestamp"\'',
        true,
      );
    const { limits = DEFAULT_AGGREGATE_LIMITS } = scope;
    this.#by = by;
    this.#keyNodes = by.map((key) => compiled(key, scope, { aggregates: { refused: 'a key is no aggregate' } }));
    const within = { over: overMs, by: by.map(({ tree }) => tree) };
    this.#having = compiled(having, scope, { gives: 'boolean', within });
    this.#count = compileTree({ kind: 'call', name: 'count', values: [], span: { from: 0, to: 0 } }, '', scope, {
      within,
    });
    this.#message = new Message(definition.message, scope, { within });
    this.expressions = [this.#having, this.#count, ...this.#message.expressions];
    this.#keys = new KeyIndex(limits.maxKeys);
    this.#position = entityPosition(by, entity);
    this.#overMs = overMs;
    this.#timesOf = timesOf(scope);
  }

  observe(batch: Batch, rowNumbers: ArrayLike<number>): void {
    const { values } = this.#having.evaluate(batch) as Vector & { type: 'boolean' };
    const counts = this.#count.evaluate(batch) as Vector & { type: 'number' };
    const message = this.#message.bind(batch);
    const times = this.#timesOf?.(batch);
    this.#keys.begin(
      this.#keyNodes.map((key) => key.evaluate(batch)),
      batch.rowCount,
    );
    for (let row = 0; row < batch.rowCount; row++) {
      const time = times?.[row] ?? Number.NaN;
      if (Number.isNaN(time)) continue;
      const group = this.#keys.group(row, () => this.#makeRoom(time));
      if (group < 0) continue;
      const recent = this.#remember(group, rowNumbers[row], time);
      if (values[row] !== TRUE) continue;
      let hit = this.#hits.get(group);
      if (hit !== undefined) {
        hit.add(rowNumbers[row], time);
        continue;
      }
      if (this.#hits.size >= MAX_FINDINGS) {
        this.#refused++;
        continue;
      }
      const key = this.#keys.values(group) ?? [];
      hit = new Hit(message(row), actorOf(key, this.#position), keyRecord(this.#by, key));
      for (const [i, earlier] of recent.rows.entries()) hit.add(earlier, recent.times[i]);
      hit.rowCount = Math.max(hit.rowCount, Number.isNaN(counts.values[row]) ? 0 : counts.values[row]);
      this.#hits.set(group, hit);
    }
  }

  /** The last rows of a key that can be in its window. */
  #remember(group: number, row: number, time: number): { rows: number[]; times: number[] } {
    let recent = this.#recent[group];
    if (recent === undefined) {
      recent = { rows: [], times: [] };
      this.#recent[group] = recent;
    }
    if (recent.rows.length >= SHOWN_ROWS) {
      recent.rows.shift();
      recent.times.shift();
    }
    recent.rows.push(row);
    recent.times.push(time);
    while (recent.times[0] <= time - this.#overMs) {
      recent.rows.shift();
      recent.times.shift();
    }
    return recent;
  }

  /** Keys that fell silent and were never reported are let go. */
  #makeRoom(now: number): boolean {
    // A look at all keys is worth its time when time has moved on, or when much was refused since the last.
    const { refused, maxKeys } = this.#keys;
    if (now >= this.#sweptAt && now < this.#sweptAt + this.#overMs / 8 && refused - this.#refusedAtSweep < maxKeys / 8)
      return false;
    this.#sweptAt = now;
    this.#refusedAtSweep = refused;
    return this.#keys.release((group) => {
      const last = this.#recent[group]?.times.at(-1);
      if (this.#hits.has(group) || (last !== undefined && last > now - this.#overMs)) return false;
      this.#recent[group] = { rows: [], times: [] };
      return true;
    });
  }

  finish(): FlagFinding[] {
    return byFirstRow(this.#hits.values(), this.definition);
  }

  refusals(): Refused[] {
    return [
      { what: 'keys', cap: this.#keys.maxKeys, refused: this.#keys.refused },
      { what: 'findings', cap: MAX_FINDINGS, refused: this.#refused },
    ].filter(({ refused }) => refused > 0);
  }
}
