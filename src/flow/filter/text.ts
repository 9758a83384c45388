import {
  type CompareOperator,
  compileGlob,
  type Expression,
  type ListItem,
  nearest,
  plainText,
  type Span,
  textAt,
} from '../../core/index.ts';
import {
  compareAddresses,
  dnsRcodeName,
  dnsTypeName,
  NetworkSet,
  parseAddress,
  protocolName,
} from '../../wire/index.ts';
import type { Compiler } from './compiler.ts';
import { type Condition, guardOf, texts } from './condition.ts';
import { type FlowField, listedValue, listedValues, serviceSynonym } from './field.ts';
import { plainInteger } from './formula.ts';

/** What is asked of fields of text and of addresses. */

export function textField(field: FlowField, test: (text: string) => boolean, opposite: boolean): Condition {
  const wanted = opposite ? (text: string): boolean => !test(text) : test;
  const guard = guardOf(field);
  const parts = field.columns.map((name) => texts(name, wanted));
  if (parts.length === 1 && guard === undefined) return parts[0];
  const columns = field.columns;
  return (table) => {
    const tests = parts.map((part) => part(table));
    const allowed = guard?.(table);
    // Where both must differ, a column that is missing has no say, but one of them must be there.
    const present = columns.map((name) => table.strings(name).codes);
    return (row) => {
      if (allowed !== undefined && !allowed(row)) return false;
      if (!opposite) return tests.some((t) => t(row));
      return present.some((codes) => codes[row] >= 0) && tests.every((t, i) => present[i][row] < 0 || t(row));
    };
  };
}

/** What a value, or a range, asks of the text of a cell. */
export function textTest(
  compiler: Compiler,
  field: FlowField,
  operator: CompareOperator,
  item: ListItem,
): (text: string) => boolean {
  const { from, to } = item;
  if (operator === '==' && field.kind === 'address') return addressTest(compiler, field, from, to);
  const spanTo = to?.span.to ?? from.span.to;
  if (to !== undefined)
    compiler.fail({ from: from.span.from, to: spanTo }, `'${field.name}' is text and has no ranges`, 'list the values');
  const text = textValue(compiler, field, from);
  if (operator === 'matches') return compileGlob(text);
  const plain = plainText(text);
  const folded = plain.toLowerCase();
  switch (operator) {
    case 'contains':
      return (cell) => cell.toLowerCase().includes(folded);
    case 'startswith':
      return (cell) => cell.toLowerCase().startsWith(folded);
    case 'endswith':
      return (cell) => cell.toLowerCase().endsWith(folded);
    default:
      break;
  }
  if (field.kind === 'mac') {
    const mac = folded.replaceAll('-', ':');
    if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac))
      compiler.fail(from.span, `'${plain}' is no Ethernet address`, 'six pairs of hex digits, as in 00:1b:21:0a:0b:0c');
    return (cell) => cell === mac;
  }
  const [column] = field.columns;
  if (operator === '==' && (column === 'service' || column === 'portService')) {
    const service = serviceSynonym(folded);
    return (cell) => cell.toLowerCase() === service;
  }
  if (!listedValue(field, plain)) {
    const values = listedValues(field) ?? [];
    const near = nearest(plain, values);
    compiler.fail(
      from.span,
      `'${field.name}' is never '${plain}'`,
      near === undefined
        ? `it is one of ${values.join(', ')}`
        : `did you mean '${near}'? It is one of ${values.join(', ')}`,
    );
  }
  return field.fold ? (cell) => cell.toLowerCase() === folded : (cell) => cell === plain;
}

function textValue(compiler: Compiler, field: FlowField, node: Expression): string {
  switch (node.kind) {
    case 'text':
    case 'address':
    case 'mac':
    case 'time':
      return node.text;
    case 'name':
      return node.name;
    case 'number':
      if (field.columns[0] === 'protocol')
        return protocolName(plainInteger(compiler, node, 0, 256, 'a protocol number'));
      if (field.columns[0] === 'dnsRcode')
        return dnsRcodeName(plainInteger(compiler, node, 0, 65_535, 'a DNS response code'));
      if (field.columns[0] === 'dnsType') return dnsTypeName(plainInteger(compiler, node, 0, 65_535, 'a DNS type'));
      return compiler.source.slice(node.span.from, node.span.to);
    default:
      return compiler.fail(
        node.span,
        `'${field.name}' is text, and this is not`,
        'give a text, in quotes where it holds blanks',
      );
  }
}

function addressTest(
  compiler: Compiler,
  field: FlowField,
  from: Expression,
  to: Expression | undefined,
): (text: string) => boolean {
  if (from.kind === 'name' && from.name.toLowerCase() === 'home' && to === undefined) {
    const home = compiler.home;
    return (text) => home.has(text);
  }
  const first = addressValue(compiler, field, from);
  if (to === undefined) {
    const set = NetworkSet.parse([first]);
    if (set === undefined)
      return compiler.fail(
        from.span,
        `'${first}' is neither an address nor a network`,
        'as in 192.168.1.7, 192.168.0.0/16, fe80::1 or fd00::/8',
      );
    return (text) => set.has(text);
  }
  const last = addressValue(compiler, field, to);
  const low = parseAddress(first);
  const high = parseAddress(last);
  const span = { from: from.span.from, to: to.span.to };
  if (low === undefined || high === undefined || low.isV6 !== high.isV6)
    return compiler.fail(span, 'this is no range of addresses', 'as in 10.0.0.1..10.0.0.99, both of one family');
  if (compareAddresses(first, last) > 0) return compiler.fail(span, 'the range ends before it begins', 'turn it round');
  return (text) => {
    const address = parseAddress(text);
    return (
      address !== undefined &&
      address.isV6 === low.isV6 &&
      compareWords(address.words, low.words) >= 0 &&
      compareWords(address.words, high.words) <= 0
    );
  };
}

function addressValue(compiler: Compiler, field: FlowField, node: Expression): string {
  if (node.kind === 'address' || node.kind === 'text') return node.text;
  const text = compiler.source.slice(node.span.from, node.span.to);
  return compiler.fail(
    node.span,
    node.kind === 'mac'
      ? `'${field.name}' is an IP address, and this is an Ethernet address`
      : `'${text}' is no address`,
    node.kind === 'mac'
      ? "use 'mac', 'src.mac' or 'dst.mac'"
      : 'as in 192.168.1.7, 192.168.0.0/16, fe80::1 or home; for a name use sni, query or http.host',
  );
}

export function compareColumns(
  compiler: Compiler,
  left: FlowField,
  operator: CompareOperator,
  right: FlowField,
  span: Span,
): Condition {
  if (operator !== '==' && operator !== '!=')
    compiler.fail(span, 'two fields of text are compared with == or !=', undefined);
  if (left.columns.length > 1 || right.columns.length > 1)
    compiler.fail(
      span,
      `'${left.columns.length > 1 ? left.name : right.name}' stands for several columns`,
      'name one side, as in src or dst',
    );
  const equal = operator === '==';
  const [a] = left.columns;
  const [b] = right.columns;
  return (table) => {
    const x = table.strings(a);
    const y = table.strings(b);
    return (row) => {
      const one = textAt(x, row);
      const other = textAt(y, row);
      return one !== undefined && other !== undefined && (one === other) === equal;
    };
  };
}

function compareWords(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < 4; i++) {
    const difference = (a[i] >>> 0) - (b[i] >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
