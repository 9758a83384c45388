import {
  type CompareOperator,
  compileGlob,
  type Expression,
  ExpressionError,
  isoTime,
  type ListItem,
  type NameExpression,
  type NumberColumn,
  type NumberLiteral,
  nearest,
  numberAt,
  parseExpression,
  type Span,
  type StringColumn,
  Table,
  type TextLiteral,
  textAt,
} from '../core/index.ts';
import {
  compareAddresses,
  DEFAULT_HOME_NETWORKS,
  dnsRcodeName,
  dnsTypeName,
  NetworkSet,
  parseAddress,
  protocolName,
} from '../wire/index.ts';
import {
  type FlowField,
  flowField,
  flowWord,
  joinFieldName,
  listedValue,
  listedValues,
  nearestField,
  nearestWord,
  serviceSynonym,
  type WordMeaning,
} from './filter-field.ts';
import { FLOW_SCHEMA, type FlowColumnName } from './schema.ts';

/**
 * The display filter on flows: `tcp and dst.port in (22, 3389) and not src in home`. The syntax is core/expression.ts's, the fields are filter-field.ts's;
 * here they are checked against each other and made into tests of rows. Nothing is looked up by name while rows are tested, and a text is looked at once
 * for each entry of its column's dictionary.
 *
 * A comparison with a missing value is false, whichever it is: `sni != "a"` holds only where there is an SNI; `not sni == "a"` holds where there is none too.
 * Of a field that stands for both sides (`host`, `port`, `mac`), one side is enough; with `!=` and `not in`, both must differ.
 */
export class FlowFilter {
  /** As it was written. */
  readonly source: string;
  #test: Condition;

  constructor(source: string, test: Condition) {
    this.source = source;
    this.#test = test;
  }

  /** Binds the filter to a batch: the returned test says of a row, 0 to rowCount - 1, whether it fits, and belongs to that batch alone. */
  bind(table: Table): RowTest {
    return this.#test(table);
  }

  /** One byte per row: 1 where it fits, 0 elsewhere. */
  mask(table: Table): Uint8Array {
    const test = this.#test(table);
    const mask = new Uint8Array(table.rowCount);
    for (let row = 0; row < mask.length; row++) if (test(row)) mask[row] = 1;
    return mask;
  }

  /** The rows that fit, in order. */
  rows(table: Table): Int32Array {
    const mask = this.mask(table);
    let n = 0;
    for (const fits of mask) n += fits;
    const rows = new Int32Array(n);
    for (let row = 0, i = 0; row < mask.length; row++) if (mask[row] === 1) rows[i++] = row;
    return rows;
  }
}

export type RowTest = (row: number) => boolean;

/** A condition that waits for the batch. */
export type Condition = (table: Table) => RowTest;

export interface FlowFilterOptions {
  /** What `home` means. Default: private addresses. */
  readonly home?: NetworkSet;
  /** How messages call the text. Default 'filter'. */
  readonly what?: string;
}

/** Reads and checks a filter. Throws ExpressionError, with column and excerpt, for what is no filter, no field, or a value of the wrong kind. */
export function compileFlowFilter(source: string, options: FlowFilterOptions = {}): FlowFilter {
  const { home = defaultHome(), what = 'filter' } = options;
  const tree = parseExpression(source, { what, join: joinFieldName });
  return new FlowFilter(source, new Compiler(source, what, home).condition(tree));
}

function defaultHome(): NetworkSet {
  const home = NetworkSet.parse(DEFAULT_HOME_NETWORKS);
  if (home === undefined) throw new Error('the default home networks are no networks');
  return home;
}

/** What a number measures. */
type Dimension = 'plain' | 'bytes' | 'duration' | 'time';

interface Formula {
  readonly dimension: Dimension;
  /** A number without unit, which takes the dimension of what it meets. */
  readonly bareLiteral: boolean;
  /** Takes such numbers as they are; a field of times or durations may ask for a unit instead. */
  readonly takesBare: boolean;
  readonly span: Span;
  /** NaN where a value is missing. */
  readonly bind: (table: Table) => (row: number) => number;
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
/** Milliseconds. */
const TIME_UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  sec: 1e3,
  m: 6e4,
  min: 6e4,
  h: 36e5,
  d: 864e5,
  w: 6048e5,
};

class Compiler {
  #source: string;
  #what: string;
  #home: NetworkSet;

  constructor(source: string, what: string, home: NetworkSet) {
    this.#source = source;
    this.#what = what;
    this.#home = home;
  }

  #fail(span: Span, message: string, hint?: string): never {
    throw new ExpressionError(this.#source, span, message, hint, this.#what);
  }

  condition(node: Expression): Condition {
    switch (node.kind) {
      case 'and':
      case 'or':
        return this.#junction(node);
      case 'not': {
        const inner = this.condition(node.operand);
        return (table) => {
          const test = inner(table);
          return (row) => !test(row);
        };
      }
      case 'compare':
        return this.#compare(node.left, node.operator, node.right, node.span);
      case 'in':
        return this.#in(node.operand, node.items);
      case 'missing':
        return this.#missing(node.operand);
      case 'name':
        return this.#word(node);
      case 'number':
      case 'text':
      case 'address':
      case 'mac':
      case 'time':
        return this.#fail(
          node.span,
          'a value alone is no condition',
          "say which field it belongs to; for one of several: 'port in (80, 443)'",
        );
      default:
        return this.#fail(node.span, 'a number is no condition', "compare it, as in 'bytes > 10MB'");
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

  // ---- words ----

  #word(node: NameExpression): Condition {
    const meaning = flowWord(node.name);
    if (meaning === undefined) {
      if (node.name.toLowerCase() === 'home')
        this.#fail(
          node.span,
          "'home' is a set of addresses",
          "for example 'src in home', 'not dst in home', 'internal'",
        );
      const near = nearestWord(node.name);
      this.#fail(
        node.span,
        `'${node.name}' is no protocol, service, field or other word that is known here`,
        near === undefined
          ? 'anomalyst fields --filter lists them; for a service that is not on the list: service == "name"'
          : `did you mean '${near}'?`,
      );
    }
    return this.#meaning(meaning, node.span);
  }

  #meaning(meaning: WordMeaning, span: Span): Condition {
    switch (meaning.kind) {
      case 'value': {
        const { value } = meaning;
        return texts(meaning.column, (text) => text.toLowerCase() === value);
      }
      case 'field':
        return negated(this.#missing({ kind: 'name', name: meaning.field.name, span }));
      case 'family': {
        const { family } = meaning;
        const fits = texts('initiator', (text) => {
          const address = parseAddress(text);
          return address !== undefined && address.isV6 === (family === 6);
        });
        const arp = texts('protocol', (text) => text === 'arp');
        return (table) => {
          const isAddress = fits(table);
          const isArp = arp(table);
          return (row) => isAddress(row) && !isArp(row);
        };
      }
      case 'direction': {
        const { from, to } = meaning;
        const isHome = (text: string): boolean => this.#home.has(text);
        const source = texts('initiator', (text) => isHome(text) === from);
        const target = texts('responder', (text) => isHome(text) === to);
        return (table) => {
          const a = source(table);
          const b = target(table);
          return (row) => a(row) && b(row);
        };
      }
      case 'group': {
        const wanted = meaning.group;
        return texts('responder', (text) => groupOf(text) === wanted);
      }
    }
  }

  #missing(node: Expression): Condition {
    if (node.kind !== 'name')
      return this.#fail(node.span, 'only a field can be missing', "for example 'sni is missing'");
    const field = this.#field(node);
    const { columns } = field;
    const guard = guardOf(field);
    return (table) => {
      const bound = columns.map((name) => table.columns[table.indexOf(name)]);
      const allowed = guard?.(table);
      return (row) => {
        if (allowed !== undefined && !allowed(row)) return true;
        for (const column of bound) {
          if (column.kind === 'string' ? column.codes[row] >= 0 : numberAt(column, row) !== undefined) return false;
        }
        return true;
      };
    };
  }

  #field(node: NameExpression): FlowField {
    const field = flowField(node.name);
    if (field !== undefined) return field;
    const near = nearestField(node.name);
    return this.#fail(
      node.span,
      `there is no field '${node.name}'`,
      near === undefined ? 'anomalyst fields --filter lists them' : `did you mean '${near}'?`,
    );
  }

  // ---- comparisons ----

  #compare(left: Expression, operator: CompareOperator, right: Expression, span: Span): Condition {
    const field = left.kind === 'name' ? flowField(left.name) : undefined;
    if (field === undefined) {
      // `443 == port` and `10.0.0.1 == src` are as good the other way round.
      if (
        right.kind === 'name' &&
        left.kind !== 'name' &&
        flowField(right.name) !== undefined &&
        MIRROR[operator] !== undefined
      )
        return this.#compare(right, MIRROR[operator], left, span);
      if (left.kind === 'name') {
        if (flowWord(left.name) !== undefined)
          this.#fail(
            left.span,
            `'${left.name}' is a condition by itself, not a field`,
            `leave the comparison away, or name the field: service, proto, outcome`,
          );
        this.#field(left);
      }
      return this.#compareNumbers(left, operator, right, span);
    }
    if (isNumeric(field)) {
      if (operator === 'contains' || operator === 'startswith' || operator === 'endswith' || operator === 'matches')
        this.#fail(span, `'${field.name}' is a number, and '${operator}' is for text`, 'use == != < <= > >= or in');
      this.#checkPort(field, right);
      return field.columns.length > 1 && !field.sum
        ? this.#eachColumn(field, operator === '!=', (one) => this.#compareNumbers(one, operator, right, span))
        : this.#compareNumbers(left, operator, right, span);
    }
    if (right.kind === 'name') {
      const other = flowField(right.name);
      if (other !== undefined && !isNumeric(other) && (field.kind === 'text') === (other.kind === 'text'))
        return this.#compareColumns(field, operator, other, span);
    }
    if (operator === '<' || operator === '<=' || operator === '>' || operator === '>=')
      this.#fail(
        span,
        `'${field.name}' is no number, and '${operator}' is for numbers`,
        field.kind === 'address'
          ? 'for a range: src in (10.0.0.1..10.0.0.99)'
          : 'use == != contains startswith endswith or matches',
      );
    const opposite = operator === '!=';
    const test = this.#textTest(field, opposite ? '==' : operator, { from: right, to: undefined });
    return this.#textField(field, test, opposite);
  }

  #in(left: Expression, items: readonly ListItem[]): Condition {
    const field = left.kind === 'name' ? this.#field(left) : undefined;
    if (field === undefined || isNumeric(field)) {
      for (const { from, to } of field === undefined ? [] : items) {
        this.#checkPort(field, from);
        this.#checkPort(field, to);
      }
      if (field !== undefined && field.columns.length > 1 && !field.sum)
        return this.#eachColumn(field, false, (one) => this.#inNumbers(one, items));
      return this.#inNumbers(left, items);
    }
    const tests = items.map((item) => this.#textTest(field, '==', item));
    return this.#textField(field, (text) => tests.some((test) => test(text)), false);
  }

  /** A test on each column of a field that stands for several, joined by or; by and where all must differ. */
  #eachColumn(field: FlowField, all: boolean, make: (one: NameExpression) => Condition): Condition {
    const guard = guardOf(field);
    const parts = field.columns.map((name) => make({ kind: 'name', name, span: { from: 0, to: 0 } }));
    return (table) => {
      const tests = parts.map((part) => part(table));
      const allowed = guard?.(table);
      return (row) => {
        if (allowed !== undefined && !allowed(row)) return false;
        return all ? tests.every((test) => test(row)) : tests.some((test) => test(row));
      };
    };
  }

  #textField(field: FlowField, test: (text: string) => boolean, opposite: boolean): Condition {
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
  #textTest(field: FlowField, operator: CompareOperator, item: ListItem): (text: string) => boolean {
    const { from, to } = item;
    if (operator === '==' && field.kind === 'address') return this.#addressTest(field, from, to);
    const spanTo = to?.span.to ?? from.span.to;
    if (to !== undefined)
      this.#fail({ from: from.span.from, to: spanTo }, `'${field.name}' is text and has no ranges`, 'list the values');
    const text = this.#textValue(field, from);
    if (operator === 'matches') return compileGlob(text);
    const plain = text.replace(/\\([*?])/g, '$1');
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
        this.#fail(from.span, `'${plain}' is no Ethernet address`, 'six pairs of hex digits, as in 00:1b:21:0a:0b:0c');
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
      this.#fail(
        from.span,
        `'${field.name}' is never '${plain}'`,
        near === undefined
          ? `it is one of ${values.join(', ')}`
          : `did you mean '${near}'? It is one of ${values.join(', ')}`,
      );
    }
    return field.fold ? (cell) => cell.toLowerCase() === folded : (cell) => cell === plain;
  }

  #textValue(field: FlowField, node: Expression): string {
    switch (node.kind) {
      case 'text':
      case 'address':
      case 'mac':
      case 'time':
        return node.text;
      case 'name':
        return node.name;
      case 'number':
        if (field.columns[0] === 'protocol') return protocolName(this.#plainInteger(node, 0, 256, 'a protocol number'));
        if (field.columns[0] === 'dnsRcode')
          return dnsRcodeName(this.#plainInteger(node, 0, 65_535, 'a DNS response code'));
        if (field.columns[0] === 'dnsType') return dnsTypeName(this.#plainInteger(node, 0, 65_535, 'a DNS type'));
        return this.#source.slice(node.span.from, node.span.to);
      default:
        return this.#fail(
          node.span,
          `'${field.name}' is text, and this is not`,
          'give a text, in quotes where it holds blanks',
        );
    }
  }

  #addressTest(field: FlowField, from: Expression, to: Expression | undefined): (text: string) => boolean {
    if (from.kind === 'name' && from.name.toLowerCase() === 'home' && to === undefined) {
      const home = this.#home;
      return (text) => home.has(text);
    }
    const first = this.#addressValue(field, from);
    if (to === undefined) {
      const set = NetworkSet.parse([first]);
      if (set === undefined)
        return this.#fail(
          from.span,
          `'${first}' is neither an address nor a network`,
          'as in 192.168.1.7, 192.168.0.0/16, fe80::1 or fd00::/8',
        );
      return (text) => set.has(text);
    }
    const last = this.#addressValue(field, to);
    const low = parseAddress(first);
    const high = parseAddress(last);
    const span = { from: from.span.from, to: to.span.to };
    if (low === undefined || high === undefined || low.isV6 !== high.isV6)
      return this.#fail(span, 'this is no range of addresses', 'as in 10.0.0.1..10.0.0.99, both of one family');
    if (compareAddresses(first, last) > 0) return this.#fail(span, 'the range ends before it begins', 'turn it round');
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

  #addressValue(field: FlowField, node: Expression): string {
    if (node.kind === 'address' || node.kind === 'text') return node.text;
    const text = this.#source.slice(node.span.from, node.span.to);
    return this.#fail(
      node.span,
      node.kind === 'mac'
        ? `'${field.name}' is an IP address, and this is an Ethernet address`
        : `'${text}' is no address`,
      node.kind === 'mac'
        ? "use 'mac', 'src.mac' or 'dst.mac'"
        : 'as in 192.168.1.7, 192.168.0.0/16, fe80::1 or home; for a name use sni, query or http.host',
    );
  }

  #compareColumns(left: FlowField, operator: CompareOperator, right: FlowField, span: Span): Condition {
    if (operator !== '==' && operator !== '!=')
      this.#fail(span, 'two fields of text are compared with == or !=', undefined);
    if (left.columns.length > 1 || right.columns.length > 1)
      this.#fail(
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

  // ---- numbers ----

  #checkPort(field: FlowField | undefined, value: Expression | undefined): void {
    if (field?.kind !== 'port') return;
    if (value?.kind === 'number') this.#plainInteger(value, 0, 65_535, 'a port');
    if (value?.kind === 'name' && flowField(value.name) === undefined)
      this.#fail(
        value.span,
        `'${value.name}' is not a port`,
        `ports are numbers; for the service: service == ${value.name}`,
      );
  }

  #compareNumbers(left: Expression, operator: CompareOperator, right: Expression, span: Span): Condition {
    const a = this.#formula(left);
    const b = this.#formula(right);
    this.#agree(a, b, span);
    const test = NUMBER_TEST[operator];
    if (test === undefined) this.#fail(span, `'${operator}' is for text`, 'use == != < <= > >= or in');
    return (table) => {
      const x = a.bind(table);
      const y = b.bind(table);
      return (row) => test(x(row), y(row));
    };
  }

  #inNumbers(left: Expression, items: readonly ListItem[]): Condition {
    const value = this.#formula(left);
    const intervals: { low: number; high: number }[] = [];
    for (const { from, to } of items) {
      const low = this.#constant(from, value);
      const high = to === undefined ? low : this.#constant(to, value);
      if (low > high)
        this.#fail(
          { from: from.span.from, to: to?.span.to ?? from.span.to },
          'the range ends before it begins',
          'turn it round',
        );
      intervals.push({ low, high });
    }
    return (table) => {
      const x = value.bind(table);
      return (row) => {
        const v = x(row);
        for (const { low, high } of intervals) if (v >= low && v <= high) return true;
        return false;
      };
    };
  }

  #constant(node: Expression, like: Formula): number {
    if (node.kind === 'arithmetic' && node.operator === '-')
      this.#fail(node.span, 'this is a difference', 'a range is written with two dots, as in 8000..8010');
    if (containsName(node)) this.#fail(node.span, 'a list holds values, not fields', "compare with 'or' instead");
    const formula = this.#formula(node);
    this.#agree(like, formula, node.span);
    return formula.bind(EMPTY_TABLE)(0);
  }

  #agree(a: Formula, b: Formula, span: Span): void {
    if (a.dimension === b.dimension && !(a.bareLiteral !== b.bareLiteral && !(a.takesBare && b.takesBare))) return;
    const [bare, other] = a.bareLiteral ? [a, b] : [b, a];
    if (bare.bareLiteral) {
      if (other.takesBare) return;
      this.#fail(
        bare.span,
        other.dimension === 'time' ? 'this is no time' : 'the unit of this duration is missing',
        other.dimension === 'time'
          ? 'as in 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone it is UTC'
          : 'as in 500ms, 5s, 10m, 1h30m, 2d',
      );
    }
    this.#fail(span, `${DIMENSION[a.dimension]} and ${DIMENSION[b.dimension]} can't be compared`, undefined);
  }

  #formula(node: Expression): Formula {
    switch (node.kind) {
      case 'number':
        return this.#number(node);
      case 'time':
      case 'text':
        return this.#time(node);
      case 'name':
        return this.#numberField(node);
      case 'negate': {
        const inner = this.#formula(node.operand);
        if (inner.dimension === 'time') this.#fail(node.span, 'a time has no sign', undefined);
        return {
          ...inner,
          span: node.span,
          bind: (table) => {
            const x = inner.bind(table);
            return (row) => -x(row);
          },
        };
      }
      case 'arithmetic':
        return this.#arithmetic(node);
      case 'call':
        return this.#call(node);
      case 'address':
      case 'mac':
        return this.#fail(node.span, 'an address is no number', "use 'src', 'dst', 'host' or 'mac' for it");
      default:
        return this.#fail(node.span, 'a condition is no number', 'take the brackets or the comparison away');
    }
  }

  #number(node: NumberLiteral): Formula {
    let value = 0;
    let dimension: Dimension = 'plain';
    for (const [i, part] of node.parts.entries()) {
      const bytes = Object.hasOwn(BYTE_UNITS, part.unit.toLowerCase())
        ? BYTE_UNITS[part.unit.toLowerCase()]
        : undefined;
      const ms = Object.hasOwn(TIME_UNITS, part.unit) ? TIME_UNITS[part.unit] : undefined;
      const found =
        part.unit === '' ? 'plain' : ms !== undefined ? 'duration' : bytes !== undefined ? 'bytes' : undefined;
      if (found === undefined) {
        const near = nearest(part.unit, ['ms', 'min', 'kB', 'MB', 'GB', 'KiB', 'MiB', 'GiB']);
        this.#fail(
          node.span,
          `'${part.unit}' is no unit`,
          `${near === undefined ? '' : `did you mean '${near}'? `}Times: ns us ms s m h d w; sizes: B kB MB GB TB KiB MiB GiB TiB; text is put in quotes`,
        );
      }
      if (i > 0 && (found !== 'duration' || dimension !== 'duration'))
        this.#fail(node.span, 'this is no number', 'only durations have several parts, as in 1h30m');
      dimension = found;
      value += part.value * (ms ?? bytes ?? 1);
    }
    return {
      dimension,
      bareLiteral: dimension === 'plain',
      takesBare: true,
      span: node.span,
      bind: () => () => value,
    };
  }

  #plainInteger(node: NumberLiteral, least: number, most: number, what: string): number {
    const [part] = node.parts;
    if (
      node.parts.length !== 1 ||
      part.unit !== '' ||
      !Number.isInteger(part.value) ||
      part.value < least ||
      part.value > most
    )
      this.#fail(node.span, `this is not ${what}`, `a whole number from ${least} to ${most}`);
    return part.value;
  }

  #time(node: TextLiteral): Formula {
    const ms = parseTime(node.text);
    if (ms === undefined)
      this.#fail(
        node.span,
        `'${node.text}' is no ${node.kind === 'time' ? 'date that a calendar has' : 'number or time'}`,
        'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
      );
    return { dimension: 'time', bareLiteral: false, takesBare: false, span: node.span, bind: () => () => ms };
  }

  #numberField(node: NameExpression): Formula {
    const field = this.#field(node);
    if (!isNumeric(field))
      this.#fail(
        node.span,
        `'${field.name}' is ${field.kind === 'text' ? 'text' : 'an address'}, not a number`,
        field.kind === 'text' ? `its length is len(${node.name})` : undefined,
      );
    if (field.columns.length > 1 && !field.sum)
      this.#fail(
        node.span,
        `'${field.name}' stands for both sides`,
        `name one, as in src.${field.name} or dst.${field.name}`,
      );
    const { columns } = field;
    const guard = guardOf(field);
    return {
      dimension: DIMENSION_OF[field.kind],
      bareLiteral: false,
      takesBare: field.bare,
      span: node.span,
      bind: (table) => {
        const allowed = guard?.(table);
        const value =
          columns.length === 1 ? reader(table.numbers(columns[0])) : sum(columns.map((name) => table.numbers(name)));
        return allowed === undefined ? value : (row) => (allowed(row) ? value(row) : Number.NaN);
      },
    };
  }

  #arithmetic(node: Expression & { readonly kind: 'arithmetic' }): Formula {
    const a = this.#formula(node.left);
    const b = this.#formula(node.right);
    const dimension = this.#dimensionOf(a, node.operator, b, node.span);
    const compute = ARITHMETIC[node.operator];
    return {
      dimension,
      bareLiteral: a.bareLiteral && b.bareLiteral,
      takesBare: a.takesBare && b.takesBare,
      span: node.span,
      bind: (table) => {
        const x = a.bind(table);
        const y = b.bind(table);
        return (row) => compute(x(row), y(row));
      },
    };
  }

  #dimensionOf(a: Formula, operator: '+' | '-' | '*' | '/' | '%', b: Formula, span: Span): Dimension {
    const left = a.dimension;
    const right = b.dimension;
    if (operator === '*') {
      if (left === 'plain' && right !== 'time') return right;
      if (right === 'plain' && left !== 'time') return left;
    } else if (operator === '/' || operator === '%') {
      if (right === 'plain' && left !== 'time') return left;
      if (left === right && left !== 'time') return 'plain';
    } else {
      if (left === right)
        return operator === '-' && left === 'time'
          ? 'duration'
          : left === 'time'
            ? this.#fail(span, "two times can't be added")
            : left;
      if (left === 'time' && right === 'duration') return 'time';
      if (left === 'duration' && right === 'time' && operator === '+') return 'time';
      if (a.bareLiteral && b.takesBare) return right;
      if (b.bareLiteral && a.takesBare) return left;
    }
    return this.#fail(
      span,
      `${DIMENSION[left]} ${operator} ${DIMENSION[right]} means nothing`,
      left === 'bytes' && right === 'duration' ? 'bytes per second: bytes / (duration / 1s)' : undefined,
    );
  }

  #call(node: Expression & { readonly kind: 'call' }): Formula {
    const name = node.name.toLowerCase();
    if (name !== 'len') {
      const near = nearest(name, ['len']);
      this.#fail(
        { from: node.span.from, to: node.span.from + node.name.length },
        `there is no function '${node.name}'`,
        near === undefined ? 'there is len(field), the number of characters of a text' : `did you mean '${near}'?`,
      );
    }
    const [value] = node.values;
    const field = value?.kind === 'name' ? this.#field(value) : undefined;
    if (node.values.length !== 1 || field === undefined || isNumeric(field) || field.columns.length > 1)
      return this.#fail(node.span, 'len takes one field of text', 'as in len(sni) > 40');
    const [column] = field.columns;
    return {
      dimension: 'plain',
      bareLiteral: false,
      takesBare: true,
      span: node.span,
      bind: (table) => {
        const cells = table.strings(column);
        return (row) => {
          const text = textAt(cells, row);
          return text === undefined ? Number.NaN : text.length;
        };
      },
    };
  }
}

/** For formulas that read no column. */
const EMPTY_TABLE = new Table(FLOW_SCHEMA, 0, []);

const DIMENSION: Readonly<Record<Dimension, string>> = {
  plain: 'a number',
  bytes: 'bytes',
  duration: 'a duration',
  time: 'a time',
};

const DIMENSION_OF: Readonly<Record<FlowField['kind'], Dimension>> = {
  address: 'plain',
  mac: 'plain',
  text: 'plain',
  port: 'plain',
  number: 'plain',
  bytes: 'bytes',
  duration: 'duration',
  time: 'time',
};

const MIRROR: { readonly [K in CompareOperator]?: CompareOperator } = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** Every one of them is false for NaN, `!=` too: a missing value fits nothing. */
const NUMBER_TEST: { readonly [K in CompareOperator]?: (a: number, b: number) => boolean } = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a < b || a > b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** Division by zero leaves nothing to compare with. */
const ARITHMETIC: Readonly<Record<'+' | '-' | '*' | '/' | '%', (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0 ? Number.NaN : a / b),
  '%': (a, b) => (b === 0 ? Number.NaN : a % b),
};

function isNumeric(field: FlowField): boolean {
  return field.kind !== 'address' && field.kind !== 'mac' && field.kind !== 'text';
}

function containsName(node: Expression): boolean {
  switch (node.kind) {
    case 'name':
    case 'call':
      return true;
    case 'negate':
      return containsName(node.operand);
    case 'arithmetic':
      return containsName(node.left) || containsName(node.right);
    default:
      return false;
  }
}

function reader(column: NumberColumn): (row: number) => number {
  const { values, valid } = column;
  if (valid === undefined) return (row) => values[row];
  return (row) => ((valid[row >> 3] & (1 << (row & 7))) !== 0 ? values[row] : Number.NaN);
}

/** The sum of what is there; NaN where all are missing. */
function sum(columns: readonly NumberColumn[]): (row: number) => number {
  return (row) => {
    let total = Number.NaN;
    for (const column of columns) {
      const value = numberAt(column, row);
      if (value !== undefined) total = Number.isNaN(total) ? value : total + value;
    }
    return total;
  };
}

/** A test on a text column, asked once for each entry of the batch's dictionary. */
function texts(name: FlowColumnName, test: (text: string) => boolean): Condition {
  return (table) => {
    const { codes, dictionary }: StringColumn = table.strings(name);
    const verdicts = new Uint8Array(dictionary.length);
    return (row) => {
      const code = codes[row];
      if (code < 0) return false;
      if (verdicts[code] === 0) verdicts[code] = test(dictionary[code]) ? 2 : 1;
      return verdicts[code] === 2;
    };
  };
}

function negated(condition: Condition): Condition {
  return (table) => {
    const test = condition(table);
    return (row) => !test(row);
  };
}

function guardOf(field: FlowField): Condition | undefined {
  const { protocol } = field;
  return protocol === undefined ? undefined : texts('protocol', (text) => text === protocol);
}

function compareWords(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < 4; i++) {
    const difference = (a[i] >>> 0) - (b[i] >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Multicast (224.0.0.0/4, ff00::/8), or broadcast as far as an address shows it: 255.255.255.255 and a host part of all ones in /24. */
function groupOf(text: string): 'multicast' | 'broadcast' | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  const [word] = address.words;
  if (address.isV6) return word >>> 24 === 0xff ? 'multicast' : undefined;
  if (word >>> 28 === 0xe) return 'multicast';
  return (word & 0xff) === 0xff ? 'broadcast' : undefined;
}

/** Epoch ms of a date or time in ISO 8601, UTC where it names no zone; undefined for what no calendar has. */
export function parseTime(text: string): number | undefined {
  const match =
    /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?)?$/.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match;
  const days = Date.UTC(Number(year), Number(month) - 1, Number(day));
  if (!isoTime(days).startsWith(`${year}-${month}-${day}`)) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  let offsetMinutes = 0;
  if (zone !== 'Z' && zone !== 'z') {
    const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
    offsetMinutes = zone.startsWith('-') ? -minutes : minutes;
  }
  return (
    days +
    Number(hour) * 36e5 +
    (Number(minute) - offsetMinutes) * 6e4 +
    Number(second) * 1e3 +
    Number(`0.${fraction === '' ? '0' : fraction}`) * 1e3
  );
}
