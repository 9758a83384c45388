import type { Expression } from '../../core/index.ts';

/** Trees of expressions as they are told apart and measured, before anything is compiled. */

/** A tree as text, the same for trees that mean the same but for blanks and brackets. */
export function describe(tree: Expression): string {
  switch (tree.kind) {
    case 'number':
      return tree.parts.map(({ value, unit }) => `${value}${unit}`).join('');
    case 'text':
    case 'address':
    case 'mac':
    case 'time':
      return JSON.stringify(tree.text);
    case 'name':
      return tree.quoted === true && /[^\w.@]/.test(tree.name) ? `\`${tree.name}\`` : tree.name;
    case 'not':
    case 'negate':
    case 'missing':
      return `${tree.kind}(${describe(tree.operand)})`;
    case 'and':
    case 'or':
      return `(${describe(tree.left)} ${tree.kind} ${describe(tree.right)})`;
    case 'arithmetic':
    case 'compare':
      return `(${describe(tree.left)} ${tree.operator} ${describe(tree.right)})`;
    case 'in':
      return `${describe(tree.operand)} in (${tree.items.map(({ from, to }) => (to === undefined ? describe(from) : `${describe(from)}..${describe(to)}`)).join(', ')})`;
    case 'call': {
      const over = tree.over === undefined ? '' : ` over ${describe(tree.over)}`;
      const by = tree.by === undefined ? '' : ` by (${tree.by.map(describe).join(', ')})`;
      return `${tree.name.toLowerCase()}(${tree.values.map(describe).join(', ')})${over}${by}`;
    }
  }
}

export function childrenOf(tree: Expression): readonly Expression[] {
  switch (tree.kind) {
    case 'not':
    case 'negate':
    case 'missing':
      return [tree.operand];
    case 'and':
    case 'or':
    case 'arithmetic':
    case 'compare':
      return [tree.left, tree.right];
    case 'in':
      return [tree.operand, ...tree.items.flatMap(({ from, to }) => (to === undefined ? [from] : [from, to]))];
    case 'call':
      return [...tree.values, ...(tree.by ?? [])];
    default:
      return [];
  }
}
