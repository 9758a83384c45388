import { type Expression, ExpressionError, type NameExpression, type Span } from '../../core/index.ts';
import type { NetworkSet } from '../../wire/index.ts';
import { comparison, inList, isMissing } from './comparison.ts';
import { type Condition, negated } from './condition.ts';
import { type FlowField, flowField, nearestField } from './field.ts';
import { wordCondition } from './word.ts';

/** One filter while it is compiled: what `home` means, and the errors that name its text. */
export class Compiler {
  readonly source: string;
  readonly home: NetworkSet;
  #what: string;

  constructor(source: string, what: string, home: NetworkSet) {
    this.source = source;
    this.#what = what;
    this.home = home;
  }

  fail(span: Span, message: string, hint?: string): never {
    throw new ExpressionError(this.source, span, message, hint, this.#what);
  }

  condition(node: Expression): Condition {
    switch (node.kind) {
      case 'and':
      case 'or':
        return this.#junction(node);
      case 'not':
        return negated(this.condition(node.operand));
      case 'compare':
        return comparison(this, node.left, node.operator, node.right, node.span);
      case 'in':
        return inList(this, node.operand, node.items);
      case 'missing':
        return isMissing(this, node.operand);
      case 'name':
        return wordCondition(this, node);
      case 'number':
      case 'text':
      case 'address':
      case 'mac':
      case 'time':
        return this.fail(
          node.span,
          'a value alone is no condition',
          "say which field it belongs to; for one of several: 'port in (80, 443)'",
        );
      default:
        return this.fail(node.span, 'a number is no condition', "compare it, as in 'bytes > 10MB'");
    }
  }

  /** A chain of the same kind is tested in one loop rather than by nested calls. */
  #junction(node: Expression & { readonly kind: 'and' | 'or' }): Condition {
    const parts: Condition[] = [];
    let left: Expression = node;
    while (left.kind === node.kind) {
      parts.push(this.condition(left.right));
      left = left.left;
    }
    parts.push(this.condition(left));
    parts.reverse();
    const until = node.kind === 'or';
    if (parts.length === 2) {
      const [first, second] = parts;
      return (table) => {
        const a = first(table);
        const b = second(table);
        return until ? (row) => a(row) || b(row) : (row) => a(row) && b(row);
      };
    }
    return (table) => {
      const tests = parts.map((part) => part(table));
      return (row) => {
        for (const test of tests) if (test(row) === until) return until;
        return !until;
      };
    };
  }

  /** The field of a name; throws for what is none. */
  field(node: NameExpression): FlowField {
    const field = flowField(node.name);
    if (field !== undefined) return field;
    const near = nearestField(node.name);
    return this.fail(
      node.span,
      `there is no field '${node.name}'`,
      near === undefined ? 'anomalyst fields --filter lists them' : `did you mean '${near}'?`,
    );
  }
}
