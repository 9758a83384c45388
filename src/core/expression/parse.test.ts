import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Expression, ExpressionError, parseExpression } from '../index.ts';

/** The tree with all brackets written out. */
function show(node: Expression): string {
  switch (node.kind) {
    case 'number':
      return node.parts.map((part) => `${part.value}${part.unit}`).join('');
    case 'text':
      return JSON.stringify(node.text);
    case 'address':
    case 'mac':
    case 'time':
      return `${node.kind}:${node.text}`;
    case 'name':
      return node.name;
    case 'not':
    case 'negate':
    case 'missing':
      return `${node.kind}(${show(node.operand)})`;
    case 'and':
    case 'or':
      return `(${show(node.left)} ${node.kind} ${show(node.right)})`;
    case 'arithmetic':
    case 'compare':
      return `(${show(node.left)} ${node.operator} ${show(node.right)})`;
    case 'in':
      return `(${show(node.operand)} in [${node.items.map(({ from, to }) => (to === undefined ? show(from) : `${show(from)}..${show(to)}`)).join(', ')}])`;
    case 'call':
      return `${node.name}(${node.values.map(show).join(', ')})${node.over === undefined ? '' : ` over ${show(node.over)}`}${
        node.by === undefined ? '' : ` by ${node.by.map(show).join(' and ')}`
      }`;
  }
}

const parsed = (text: string): string => show(parseExpression(text));

function mistake(text: string): { message: string; hint: string | undefined; excerpt: readonly string[] } {
  try {
    parseExpression(text);
  } catch (error) {
    if (error instanceof ExpressionError) return { message: error.message, hint: error.hint, excerpt: error.excerpt };
    throw error;
  }
  throw new Error(`no mistake was found in ${text}`);
}

describe('the syntax of expressions', () => {
  it('binds or loosest, then and, not, comparisons, sums and products', () => {
    expect(parsed('a or b and not c == d + e * -f')).toBe('(a or (b and not((c == (d + (e * negate(f)))))))');
    expect(parsed('(a or b) and c')).toBe('((a or b) and c)');
    expect(parsed('a - b - c')).toBe('((a - b) - c)');
    expect(parsed('not src in home')).toBe('not((src in [home]))');
  });

  it('takes the operators of Wireshark, C and words alike', () => {
    for (const text of ['a == 1 && !b || c > 2', 'a = 1 and not b or c gt 2', 'A EQ 1 AND NOT b OR c > 2'])
      expect(parsed(text).toLowerCase()).toBe('(((a == 1) and not(b)) or (c > 2))');
    expect(parsed('a <> 1')).toBe('(a != 1)');
    expect(parsed('a ~ "x*"')).toBe('(a matches "x*")');
  });

  it('knows values by their form', () => {
    expect(parsed('a in (1..1024, 10.0.0.0/8, ::1, fe80::1..fe80::9, 2001:db8::/32, 10.0.0.1..10.0.0.9)')).toBe(
      '(a in [1..1024, address:10.0.0.0/8, address:::1, address:fe80::1..address:fe80::9, address:2001:db8::/32, address:10.0.0.1..address:10.0.0.9])',
    );
    expect(parsed('a == 00:1b:21:0a:0b:0c')).toBe('(a == mac:00:1b:21:0a:0b:0c)');
    expect(parsed('a == 00-1B-21-0A-0B-0C')).toBe('(a == mac:00-1B-21-0A-0B-0C)');
    expect(parsed('a in (2024-05-14..2024-05-15T07:30:00.5+02:00)')).toBe(
      '(a in [time:2024-05-14..time:2024-05-15T07:30:00.5+02:00])',
    );
    expect(parsed('a > 10MB and b > 1h30m and c == 0x1F and d > 1_000 and e > 1.5e3')).toBe(
      '(((((a > 10MB) and (b > 1h30m)) and (c == 31)) and (d > 1000)) and (e > 1500))',
    );
    expect(parsed('id == 1:LQU9qZlK+B5F3KDmev6m5PMibrg=')).toBe('(id == "1:LQU9qZlK+B5F3KDmev6m5PMibrg=")');
    expect(parsed('service == dns-tls or sni == www.example.com')).toBe(
      '((service == dns-tls) or (sni == www.example.com))',
    );
  });

  it('reads a name and a value side by side as equal, and two joined words as one name', () => {
    expect(parsed('port 443 and net 10.0.0.0/8')).toBe('((port == 443) and (net == address:10.0.0.0/8))');
    const join = (first: string, second: string): string | undefined => (first === 'src' ? `src.${second}` : undefined);
    expect(show(parseExpression('src port 53', { join }))).toBe('(src.port == 53)');
  });

  it('takes lists in any brackets, parted by commas or blanks', () => {
    for (const text of ['a in (1, 2)', 'a in {1 2}', 'a in [1, 2,]']) expect(parsed(text)).toBe('(a in [1, 2])');
    expect(parsed('a not in (1)')).toBe('not((a in [1]))');
  });

  it('asks for what is missing', () => {
    expect(parsed('a is missing')).toBe('missing(a)');
    expect(parsed('a is not missing')).toBe('not(missing(a))');
    expect(parsed('a is present')).toBe('not(missing(a))');
    expect(parsed('a is not present')).toBe('missing(a)');
  });

  it('reads quoted text with its escapes', () => {
    expect(parsed(String.raw`a == "x\"y\\z\x41\n"`)).toBe(String.raw`(a == "x\"y\\zA\n")`);
    expect(parsed(`a == 'it"s'`)).toBe(String.raw`(a == "it\"s")`);
  });

  it.each([
    ['', 'filter, column 1: it is empty', ['', '^']],
    ['a and', 'filter, column 6: it ends where a field or a value should stand', ['a and', '     ^']],
    ['a == == 3', "filter, column 6: expected a field or a value, found '=='", ['a == == 3', '     ^^']],
    ['a b', "filter, column 3: expected 'and', 'or' or an operator before 'b'", ['a b', '  ^']],
    ['1 < a < 3', 'filter, column 7: comparisons do not chain', ['1 < a < 3', '      ^']],
    ['(a or b', 'filter, column 1: the bracket is not closed', ['(a or b', '^']],
    ['a)', 'filter, column 2: there is no bracket that this ) closes', ['a)', ' ^']],
    ['a in (1, 2', 'filter, column 6: the list is not closed', ['a in (1, 2', '     ^']],
    ['a in ()', 'filter, column 6: the list is empty', ['a in ()', '     ^^']],
    ['a == "x', 'filter, column 6: the quote is not closed', ['a == "x', '     ^']],
    ['a == 1.2.3', 'filter, column 6: "1.2." is no number, address or time', ['a == 1.2.3', '     ^^^^']],
    ['a § b', 'filter, column 3: the character "§" means nothing here', ['a § b', '  ^']],
    [
      'a conatins b',
      "filter, column 3: expected 'and', 'or' or an operator before 'conatins'",
      ['a conatins b', '  ^^^^^^^^'],
    ],
  ])('says where %j is wrong', (text, message, excerpt) => {
    expect(mistake(text)).toMatchObject({ message, excerpt });
  });

  it('shows only the surroundings of a mistake in a long text, with the carets below it', () => {
    const text = `${'a or '.repeat(60)}b b${' or c'.repeat(60)}`;
    const { excerpt } = mistake(text);
    const [line = '', carets = ''] = excerpt;
    expect(line.length).toBeLessThan(80);
    expect(line.slice(carets.indexOf('^'), carets.indexOf('^') + 1)).toBe('b');
    expect(line.slice(carets.indexOf('^') - 2, carets.indexOf('^'))).toBe('b ');
  });

  it('refuses what is longer or deeper than a person writes, without running out of stack', () => {
    expect(mistake('('.repeat(5000)).message).toContain('nested deeper than 100 levels');
    expect(mistake('not '.repeat(2000)).message).toContain('nested deeper than 100 levels');
    expect(mistake('- '.repeat(2000)).message).toContain('nested deeper than 100 levels');
    expect(mistake('f('.repeat(2000)).message).toContain('nested deeper than 100 levels');
    expect(mistake(`a == "${'x'.repeat(10_000)}"`).message).toContain('longer than 10000 characters');
    expect(parsed(`${'a or '.repeat(1900)}a`)).toContain('a or a');
  });

  it('ends in a tree or in a mistake with a place inside the text, whatever it is given', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'and',
        'or',
        'not',
        'in',
        'is',
        '(',
        ')',
        '{',
        '}',
        ',',
        '..',
        '==',
        '<',
        '-',
        '"',
        '\\',
        '10.0.0.1',
      ),
      fc.constantFrom('a', 'src.port', '5MB', '1h', '2024-01-01', 'fe80::', '::', '1:', '0x', '1e999', 'matches', '*'),
      fc.string({ maxLength: 5, unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.constantFrom('', ' '), (pieces, glue) => {
        const text = pieces.join(glue);
        try {
          const { span } = parseExpression(text);
          expect(span.from).toBeGreaterThanOrEqual(0);
          expect(span.to).toBeLessThanOrEqual(text.length);
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
          expect(error.span.from).toBeGreaterThanOrEqual(0);
          expect(error.span.from).toBeLessThanOrEqual(text.length);
          expect(error.excerpt[1]).toMatch(/^ *\^+$/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the syntax of formulas', () => {
  const formula = (text: string): string => show(parseExpression(text, { formula: true, what: 'formula' }));

  it('has powers that bind tighter than a sign', () => {
    expect(formula('-a ^ 2 ^ -b * c')).toBe('(negate(pow(a, pow(2, negate(b)))) * c)');
  });

  it('has names in backticks and names that begin with an at sign', () => {
    expect(formula('`a b` + @timestamp - `and`')).toBe('((a b + @timestamp) - and)');
    expect(parseExpression('`true`', { formula: true })).toMatchObject({ kind: 'name', name: 'true', quoted: true });
  });

  it('takes a unit behind a blank, and conditions as arguments', () => {
    expect(formula('if(a > 5 MB and not b, c, 1h30m)')).toBe('if(((a > 5MB) and not(b)), c, 1h30m)');
  });

  it('takes a window and keys behind a call, in either order', () => {
    expect(formula('count_distinct(a) over 10m by b, f(c) / count() by d')).toBe(
      '(count_distinct(a) over 10m by b and f(c) / count() by d)',
    );
    expect(formula('count() by a over 10 m > 3')).toBe('(count() over 10m by a > 3)');
    expect(formula('max(count() by a, 5)')).toBe('max(count() by a, 5)');
    expect(formula('max(count() by (a), b)')).toBe('max(count() by a, b)');
    expect(formula('over + by')).toBe('(over + by)');
  });

  it.each([
    ['', 'formula, column 1: it is empty'],
    ['a 5', "formula, column 3: expected 'and', 'or' or an operator before '5'"],
    ['count() over b', "formula, column 14: expected a duration behind 'over', found 'b'"],
    ['count() over 1m over 2m', "formula, column 17: there are two 'over' behind count()"],
    ['count() by', 'formula, column 11: it ends where a field or a value should stand'],
    ['`a', 'formula, column 1: the backtick is not closed'],
    ['``', 'formula, column 1: the name in backticks is empty'],
  ])('says where %j is wrong', (text, message) => {
    expect(() => parseExpression(text, { formula: true, what: 'formula' })).toThrow(message);
  });

  it('leaves the display filter as it is', () => {
    expect(() => parseExpression('a ^ 2')).toThrow('filter, column 3: the character "^" means nothing here');
    expect(() => parseExpression('count() over 10m')).toThrow(
      "filter, column 9: expected 'and', 'or' or an operator before 'over'",
    );
  });

  it('ends in a tree or in a mistake with a place inside the text, whatever it is given', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'a',
        '`',
        '`b c`',
        '@t',
        'over',
        'by',
        'count()',
        'f(',
        ')',
        ',',
        '^',
        '-',
        '5',
        'MB',
        '10m',
        'and',
      ),
      fc.string({ maxLength: 4, unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.constantFrom('', ' '), (pieces, glue) => {
        const text = pieces.join(glue);
        try {
          const { span } = parseExpression(text, { formula: true });
          expect(span.to).toBeLessThanOrEqual(text.length);
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error;
          expect(error.span.from).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
