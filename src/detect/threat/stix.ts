/**
 * Patterns of STIX 2.1 (OASIS, section 9), as far as flows can answer them: `[ipv4-addr:value = '203.0.113.9']`, comparisons joined by OR, observations joined by OR, `IN (...)`,
 * `ISSUBSET`, and an address AND a port of `network-traffic`. Everything else (AND of other things, FOLLOWEDBY, negations, LIKE, MATCHES) can't be told from one flow and is refused
 * with the reason.
 */
export interface StixValue {
  /** 'ipv4-addr:value', 'domain-name:value', ... */
  readonly path: string;
  readonly value: string;
  readonly port?: number;
}

const TOKEN = /\s*(?:(')((?:[^'\\]|\\.)*)'|([[\]()=,])|(!=|[<>]=?)|([A-Za-z][\w:.'-]*|\d+))/y;
const MAX_PATTERN = 100_000;
const MAX_DEPTH = 50;

interface Token {
  readonly kind: 'text' | 'mark' | 'word';
  readonly text: string;
}

/** The values of a pattern any of which is a match, or a sentence that says why there are none. */
export function stixValues(pattern: string): StixValue[] | string {
  if (pattern.length > MAX_PATTERN) return `a pattern of ${pattern.length} characters is too long`;
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = pattern.trimEnd().length;
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(pattern);
    if (match === null) return `the pattern cannot be read at character ${at + 1}`;
    const [, quote, text = '', mark, comparison, word = ''] = match;
    if (quote !== undefined) tokens.push({ kind: 'text', text: text.replace(/\\(.)/g, '$1') });
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark });
    else tokens.push(comparison === undefined ? { kind: 'word', text: word } : { kind: 'mark', text: comparison });
  }
  return new Reader(tokens).observations();
}

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  observations(): StixValue[] | string {
    const found: StixValue[] = [];
    for (;;) {
      if (!this.#takes('[')) return 'an observation begins with [';
      const inside = this.#alternatives();
      if (typeof inside === 'string') return inside;
      if (!this.#takes(']')) return 'an observation ends with ]';
      found.push(...inside);
      const next = this.#next();
      if (next === undefined) return found;
      if (next.text.toUpperCase() !== 'OR') return `${next.text} joins what one flow cannot show`;
    }
  }

  /** Comparisons joined by OR, each of them AND of an address and a port at most. */
  #alternatives(): StixValue[] | string {
    const found: StixValue[] = [];
    for (;;) {
      const both = this.#conjunction();
      if (typeof both === 'string') return both;
      found.push(...both);
      if (!this.#takes('OR')) return found;
    }
  }

  #conjunction(): StixValue[] | string {
    const parts: StixValue[][] = [];
    do {
      const inBrackets = this.#takes('(');
      const part = inBrackets ? this.#nested() : this.#comparison();
      if (typeof part === 'string') return part;
      if (inBrackets && !this.#takes(')')) return 'a ( has no )';
      parts.push(part);
    } while (this.#takes('AND'));
    const isPort = (part: readonly StixValue[]): boolean => part.every(({ path }) => /:(dst|src)_port$/.test(path));
    const ports = parts.filter(isPort).flat();
    // A protocol beside them narrows nothing that matters.
    const others = parts.filter(
      (part) => !isPort(part) && !part.every(({ path }) => path.startsWith('network-traffic:protocols')),
    );
    const [only] = others;
    if (only === undefined) return 'a port or a protocol alone matches too much';
    if (others.length > 1) return 'AND of several things is more than one flow can show';
    if (ports.length === 0) return only;
    return only.flatMap((value) => ports.map(({ value: port }) => ({ ...value, port: Number(port) })));
  }

  /** Brackets in brackets, only so deep that nobody can exhaust the stack. */
  #nested(): StixValue[] | string {
    if (++this.#depth > MAX_DEPTH) return 'brackets are nested too deep';
    const found = this.#alternatives();
    this.#depth--;
    return found;
  }

  #comparison(): StixValue[] | string {
    const path = this.#next();
    if (path?.kind !== 'word') return 'a comparison begins with the path of an object';
    if (path.text.toUpperCase() === 'NOT') return 'NOT cannot be a match';
    const operator = this.#next()?.text.toUpperCase();
    if (operator === 'IN') {
      if (!this.#takes('(')) return 'IN is followed by values in brackets';
      const values: StixValue[] = [];
      do {
        const value = this.#next();
        if (value === undefined || value.kind === 'mark') return 'IN is followed by values in brackets';
        values.push({ path: path.text, value: value.text });
      } while (this.#takes(','));
      return this.#takes(')') ? values : 'IN is followed by values in brackets';
    }
    if (operator !== '=' && operator !== 'ISSUBSET')
      return `${operator ?? 'the end'} is a comparison that is not used here`;
    const value = this.#next();
    if (value === undefined || value.kind === 'mark') return 'a comparison ends with a value';
    return [{ path: path.text, value: value.text }];
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  #takes(text: string): boolean {
    const next = this.#peek();
    if (next === undefined || next.kind === 'text' || next.text.toUpperCase() !== text) return false;
    this.#at++;
    return true;
  }
}
