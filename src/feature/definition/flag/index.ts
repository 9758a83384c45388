import type { Scope } from '../../expression/index.ts';
import type { Definitions, FlagDefinition } from '../definition.ts';
import { FunctionFlag } from './function.ts';
import { GroupFlag } from './group.ts';
import { RowFlag } from './row.ts';
import type { RunFlag } from './run-flag.ts';
import { WindowFlag } from './window.ts';

/** Flags at work: a condition on rows, on the rows of a key (in a window or in the whole table), or a function that raises them. */

export function makeFlag(definition: FlagDefinition, definitions: Definitions, scope: Scope): RunFlag {
  const { test } = definition;
  if (test.kind === 'row') return new RowFlag(definition, test, definitions, scope);
  if (test.kind === 'function') return new FunctionFlag(definition, test, definitions, scope);
  return test.overMs === undefined
    ? new GroupFlag(definition, test, definitions, scope)
    : new WindowFlag(definition, test, test.overMs, definitions, scope);
}
