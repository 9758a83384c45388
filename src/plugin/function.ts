import type { CallExpression, Expression, Schema, Table } from '../core/index.ts';
import { ExpressionError, UserError } from '../core/index.ts';
import {
  AGGREGATE_KINDS,
  ArgumentError,
  Batch,
  type CompiledExpression,
  compileTree,
  type Definitions,
  type ExpressionFunction,
  type Formula,
  type Parameter,
  type Value,
  valueAt,
} from '../feature/index.ts';
import type { AnswerValue } from './answer.ts';
import { type Manifest, type ManifestParameters, namespaceOf, type Setting, settingsOf } from './manifest.ts';

/**
 * Functions of plugins in expressions. An expression is evaluated at once, and a plugin answers from another process: so before a batch is evaluated,
 * `FunctionSites.prepare` finds every place where a plugin's function stands, computes its arguments, asks the plugin once for each distinct row of
 * them, and keeps the answers; the evaluation looks them up. What was not asked for, because the plugin failed, is missing.
 */

export interface FunctionQuestion {
  /** Name of the plugin, and of the function in it. */
  readonly plugin: string;
  readonly kind: 'features' | 'filters';
  readonly name: string;
  readonly settings: Readonly<Record<string, Setting>>;
  readonly gives: 'number' | 'text' | 'boolean';
  /** By the names that the manifest gives them; all of one length. None is missing. */
  readonly columns: readonly { readonly name: string; readonly values: readonly Value[] }[];
  readonly rowCount: number;
}

/** Answers one for one; undefined where the plugin can't, now or any more. */
export type Answerer = (question: FunctionQuestion) => Promise<readonly (AnswerValue | undefined)[] | undefined>;

type Memo = Map<Value, AnswerValue | undefined>;

interface PluginFunction {
  readonly plugin: string;
  readonly kind: 'features' | 'filters';
  readonly name: string;
  readonly gives: 'number' | 'text' | 'boolean';
  readonly takes: readonly { readonly name: string }[];
  readonly constants: readonly string[];
  readonly parameters: ManifestParameters;
  /** By the constants of a place, as canonical text. */
  readonly memos: Map<string, Memo>;
}

export class PluginFunctions {
  /** For a `FunctionTable`: `<namespace>.<name>`. */
  readonly functions: Readonly<Record<string, ExpressionFunction>>;
  #known = new Map<string, PluginFunction>();
  #answer: Answerer;

  constructor(manifests: readonly Manifest[], answer: Answerer) {
    this.#answer = answer;
    const functions: Record<string, ExpressionFunction> = {};
    for (const { name: plugin, adds } of manifests) {
      const both = [
        ...(adds.features ?? []).map((one) => ({ ...one, kind: 'features' as const })),
        ...(adds.filters ?? []).map((one) => ({ ...one, kind: 'filters' as const, gives: 'boolean' as const })),
      ];
      for (const { name, kind, description, takes, parameters, gives } of both) {
        const full = `${namespaceOf(plugin)}.${name}`;
        // Those that must be given stand before those that may be left away.
        const constants = Object.entries(parameters ?? {}).sort(
          ([, a], [, b]) => Number(a.default !== undefined) - Number(b.default !== undefined),
        );
        const known: PluginFunction = {
          plugin,
          kind,
          name,
          gives,
          takes,
          constants: constants.map(([key]) => key),
          parameters,
          memos: new Map(),
        };
        this.#known.set(full, known);
        functions[full] = {
          takes: [
            ...takes,
            ...constants.map(
              ([key, spec]): Parameter => ({
                name: key,
                type: spec.type,
                constant: true,
                optional: spec.default !== undefined,
              }),
            ),
          ],
          gives,
          meaning: description,
          prepare: (values) => {
            const memo = memoOf(known, this.#settings(known, values));
            const n = takes.length;
            return n === 1
              ? (value) => (value === undefined ? undefined : memo.get(value))
              : (...row) => memo.get(keyOf(row.slice(0, n)));
          },
        };
      }
    }
    this.functions = functions;
  }

  #settings(
    { takes, constants, parameters, name }: PluginFunction,
    values: readonly (Value | undefined)[],
  ): Record<string, Setting> {
    const given: Record<string, Setting> = {};
    for (const [i, key] of constants.entries()) {
      const value = values[takes.length + i];
      if (value !== undefined) given[key] = value;
    }
    try {
      return settingsOf(parameters, given, name);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const at = constants.findIndex((key) => error.message.startsWith(`${name}.${key}:`));
      throw new ArgumentError(Math.max(0, takes.length + at), error.message, error.hint);
    }
  }

  /** Where functions of plugins stand in definitions. Throws UserError, with the place, where one can't be asked there. */
  sites(definitions: Definitions, schema: Schema): FunctionSites {
    const sites = new Map<string, Site>();
    const scope = {
      schema,
      time: definitions.time,
      zone: definitions.zone,
      functions: definitions.functions.functions,
      refused: definitions.functions.refused,
    };
    const visit = (tree: unknown, formula: Formula, grouped: boolean): void => {
      if (Array.isArray(tree)) for (const one of tree) visit(one, formula, grouped);
      if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return;
      const call = isCall(tree) ? tree : undefined;
      const inner = grouped && !(call !== undefined && AGGREGATES.has(call.name.toLowerCase()));
      // What stands inside is asked first: it may be an argument.
      for (const [key, value] of Object.entries(tree)) if (key !== 'span') visit(value, formula, inner);
      const known = call === undefined ? undefined : this.#known.get(call.name.toLowerCase());
      if (call === undefined || known === undefined) return;
      const id = JSON.stringify(call, (key, value: unknown) => (key === 'span' ? undefined : value));
      if (sites.has(id)) return;
      try {
        if (grouped)
          throw new ExpressionError(
            formula.text,
            call.span,
            `'${call.name}' is asked row by row, and here is a whole group of them`,
            `put it into an aggregate, as in max(${call.name}(...)) > 1`,
            'expression',
          );
        const compiled = call.values.map((value) =>
          compileTree(value, formula.text, scope, {
            aggregates: { refused: `'${call.name}' is asked row by row: its arguments can't be aggregates` },
          }),
        );
        const rows = compiled.slice(0, known.takes.length);
        if (rows.every(({ constant }) => constant !== undefined))
          throw new ExpressionError(
            formula.text,
            call.span,
            `'${call.name}' wants a column`,
            'values that are the same in every row give it nothing to look at',
            'expression',
          );
        const settings = this.#settings(
          known,
          compiled.map(({ constant }) => constant),
        );
        sites.set(id, { known, settings, memo: memoOf(known, settings), rows });
      } catch (error) {
        formula.fail(error);
      }
    };
    for (const { formula } of definitions.features) if (formula !== undefined) visit(formula.tree, formula, false);
    for (const { formula } of definitions.filters) visit(formula.tree, formula, false);
    for (const { test, message } of definitions.flags) {
      const grouped = test.kind === 'group';
      if (test.kind === 'row') visit(test.when.tree, test.when, false);
      if (test.kind === 'group') {
        visit(test.having.tree, test.having, true);
        for (const key of test.by) visit(key.tree, key, false);
      }
      for (const part of message) if (typeof part !== 'string') visit(part.tree, part, grouped);
    }
    return new FunctionSites([...sites.values()], this.#answer);
  }
}

const AGGREGATES: ReadonlySet<string> = new Set(AGGREGATE_KINDS);

function isCall(tree: object): tree is CallExpression {
  return 'kind' in tree && (tree as Expression).kind === 'call';
}

function memoOf({ memos }: PluginFunction, settings: Readonly<Record<string, Setting>>): Memo {
  const key = JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
  let memo = memos.get(key);
  if (memo === undefined) {
    memo = new Map();
    memos.set(key, memo);
  }
  return memo;
}

/** One value for a row of arguments, alike for alike rows alone; undefined where one is missing. */
function keyOf(row: readonly (Value | undefined)[]): string {
  let key = '';
  for (const value of row) {
    const text = String(value);
    key += `${typeof value}${text.length}:${text}`;
  }
  return key;
}

interface Site {
  readonly known: PluginFunction;
  readonly settings: Readonly<Record<string, Setting>>;
  readonly memo: Memo;
  readonly rows: readonly CompiledExpression[];
}

/** The places where functions of plugins stand, inner ones before those around them. */
export class FunctionSites {
  readonly count: number;
  #sites: readonly Site[];
  #answer: Answerer;

  constructor(sites: readonly Site[], answer: Answerer) {
    this.count = sites.length;
    this.#sites = sites;
    this.#answer = answer;
  }

  /** Asks for all that the expressions will look up in this batch. Answers to the batch before are forgotten, so memory is that of one batch. */
  async prepare(table: Table): Promise<void> {
    for (const { memo } of this.#sites) memo.clear();
    for (const { known, settings, memo, rows } of this.#sites) {
      const batch = new Batch(table);
      const vectors = rows.map((row) => row.evaluate(batch));
      const asked: Value[] = [];
      const columns: Value[][] = rows.map(() => []);
      const seen = new Set<Value>();
      for (let at = 0; at < table.rowCount; at++) {
        const row = vectors.map((vector) => valueAt(vector, at));
        if (row.includes(undefined)) continue;
        const key = row.length === 1 ? (row[0] as Value) : keyOf(row);
        if (seen.has(key) || memo.has(key)) continue;
        seen.add(key);
        asked.push(key);
        for (const [i, value] of row.entries()) columns[i]?.push(value as Value);
      }
      if (asked.length === 0) continue;
      const answers = await this.#answer({
        plugin: known.plugin,
        kind: known.kind,
        name: known.name,
        settings,
        gives: known.gives,
        columns: known.takes.map(({ name }, i) => ({ name, values: columns[i] ?? [] })),
        rowCount: asked.length,
      });
      for (const [i, key] of asked.entries()) memo.set(key, answers?.[i]);
    }
  }
}
