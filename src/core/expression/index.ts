/** The syntax of conditions and formulas over a table: see ./parse.ts. */

export { ExpressionError } from './error.ts';
export { type ParseOptions, parseExpression } from './parse.ts';
export * from './tree.ts';
export * from './unit.ts';
