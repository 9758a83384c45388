import { type CallExpression, safeText } from '../../core/index.ts';
import { AGGREGATE_KINDS } from './aggregate.ts';
import type { Compiler } from './compiler.ts';
import { type ExpressionFunction, TEXT_FUNCTIONS } from './function.ts';
import { MEASURES } from './loop.ts';

/** The functions that expressions know, and what each takes. */

const NUMBER_FUNCTIONS = [...Object.keys(MEASURES), 'min', 'max', 'clamp', 'round', 'pow', 'if', 'coalesce'] as const;

/** Every function that expressions know by themselves, for help and for the nearest name. */
export const FUNCTION_NAMES: readonly string[] = [
  ...new Set([...NUMBER_FUNCTIONS, ...AGGREGATE_KINDS, ...Object.keys(TEXT_FUNCTIONS)]),
];

const SIGNATURES: Readonly<Record<string, string>> = {
  if: 'if(condition, then, else)',
  coalesce: 'coalesce(value, otherwise, ...)',
  clamp: 'clamp(value, least, most)',
  round: 'round(value, decimals?)',
  pow: 'pow(base, exponent), or base ^ exponent',
};

export function findFunction(compiler: Compiler, name: string): ExpressionFunction | undefined {
  const { functions = {} } = compiler.scope;
  if (Object.hasOwn(functions, name)) return functions[name];
  return Object.hasOwn(TEXT_FUNCTIONS, name) ? TEXT_FUNCTIONS[name] : undefined;
}

export function signatureOf(compiler: Compiler, name: string): string | undefined {
  const known = SIGNATURES[name];
  if (known !== undefined) return known;
  const found = findFunction(compiler, name);
  if (found === undefined) return undefined;
  return `${name}(${found.takes.map((one) => `${one.name}${one.optional === true ? '?' : ''}${one.repeated === true ? ', ...' : ''}`).join(', ')})`;
}

export function checkArity(compiler: Compiler, tree: CallExpression, least: number, most: number): void {
  const n = tree.values.length;
  if (n >= least && n <= most) return;
  const wanted =
    least === most ? String(least) : most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`;
  compiler.fail(
    tree.span,
    `'${safeText(tree.name, 40)}' takes ${wanted} ${wanted === '1' ? 'argument' : 'arguments'}, and here ${n === 1 ? 'is 1' : `are ${n}`}`,
    signatureOf(compiler, tree.name.toLowerCase()),
  );
}
