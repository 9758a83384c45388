import { counted, safeText, UserError } from '../core/index.ts';

/**
 * Who a hardware address was given to: the registries of the IEEE Registration Authority. Blocks of 24 bits (MA-L, formerly OUI), 28 (MA-M) and 36 (MA-S, IAB); the longest that fits counts, because the
 * small ones lie inside of large ones that belong to the IEEE itself. An address says who made the interface, not who made the device, and anyone may set another.
 *
 * The table that ships (`data/vendor-blocks.ts`, made by scripts/oui.ts) has the registries of its date; `anomalyst baseline oui update` makes a newer one of the IEEE's CSV files or of Wireshark's
 * manuf. Both have the same text form: names sorted, each as how many characters it has in common with the one before and the rest; blocks as differences, each with the number of its name.
 */

export interface Vendor {
  /** As registered; 'Private' where the owner asked the IEEE not to say. Text from outside. */
  readonly name: string;
  /** Bits of the block. */
  readonly bits: number;
}

/** What became of the lines of registries. */
export interface VendorReport {
  readonly lines: number;
  readonly added: number;
  /** Neither a block nor a comment, first of them with their numbers, at most 20. */
  readonly skipped: number;
  readonly examples: readonly string[];
  /** Blocks that were there already: the later line counts. */
  readonly duplicates: number;
}

const MAGIC = 'anomalyst vendors 1';
const MAX_TEXT = 64 << 20;
const MAX_BLOCKS = 1_000_000;
const MAX_NAME = 120;
const MAX_EXAMPLES = 20;
/** Every so many names the way to one begins. */
const STRIDE = 16;
/** Owner of the large blocks in which the small ones lie: nobody's vendor. */
const REGISTRAR = 'IEEE Registration Authority';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;
const COMMON = '0123456789abcdefghijklmnopqrstuvwxyz';

interface Blocks {
  readonly bits: number;
  /** First bits of the block, sorted. */
  readonly prefixes: Float64Array;
  readonly names: Int32Array;
}

export class VendorTable {
  /** Day of the registries, as in 2022-08-27; '' where nobody said. */
  readonly date: string;
  readonly #blocks: readonly Blocks[];
  readonly #text: string;
  /** Where every STRIDE-th name begins in the text. */
  readonly #marks: Int32Array;
  readonly #count: number;

  private constructor(date: string, blocks: readonly Blocks[], names: string) {
    this.date = date;
    this.#blocks = blocks.toSorted((a, b) => b.bits - a.bits);
    this.#text = names;
    const marks: number[] = [];
    let count = 0;
    for (let at = 0; at < names.length; count++) {
      if (count % STRIDE === 0) marks.push(at);
      const end = names.indexOf('\n', at);
      at = end < 0 ? names.length : end + 1;
    }
    this.#marks = Int32Array.from(marks);
    this.#count = count;
  }

  /** Blocks in it. */
  get size(): number {
    return this.#blocks.reduce((n, { prefixes }) => n + prefixes.length, 0);
  }

  /** Vendors in it. */
  get vendors(): number {
    return this.#count;
  }

  /** The vendor of a MAC in lower case with colons; undefined where no block fits, and for addresses of groups. */
  lookup(mac: string): Vendor | undefined {
    const value = macValue(mac);
    if (value === undefined || Math.floor(value / 2 ** 40) % 2 === 1) return undefined;
    for (const { bits, prefixes, names } of this.#blocks) {
      const prefix = Math.floor(value / 2 ** (48 - bits));
      let low = 0;
      let high = prefixes.length - 1;
      while (low <= high) {
        const mid = (low + high) >> 1;
        const found = prefixes[mid];
        if (found === prefix) return { name: this.#name(names[mid]), bits };
        if (found < prefix) low = mid + 1;
        else high = mid - 1;
      }
    }
    return undefined;
  }

  #name(which: number): string {
    let at = this.#marks[Math.floor(which / STRIDE)];
    let name = '';
    for (let i = which - (which % STRIDE); i <= which; i++) {
      const end = this.#text.indexOf('\n', at);
      const line = this.#text.slice(at, end < 0 ? undefined : end);
      name = name.slice(0, Math.max(0, COMMON.indexOf(line[0] ?? '0'))) + line.slice(1);
      at = end + 1;
    }
    return name;
  }

  /** The text form, which `parse` reads. */
  encode(): string {
    const lines = [MAGIC, `date ${this.date}`];
    for (const { bits, prefixes, names } of this.#blocks) {
      let text = '';
      let before = 0;
      for (let i = 0; i < prefixes.length; i++) {
        text += digitsOf(prefixes[i] - before) + digitsOf(names[i]);
        before = prefixes[i];
      }
      lines.push(`blocks ${bits} ${text}`);
    }
    return `${lines.join('\n')}\nnames\n${this.#text}`;
  }

  /** Reads the text form. Throws UserError for what is none, or is damaged. @param file its name, for the message. */
  static parse(text: string, file: string): VendorTable {
    const wrong = (what: string): never => {
      throw new UserError(`${file}: ${what}`, 'make it with anomalyst baseline oui update');
    };
    if (text.length > MAX_TEXT) wrong('too long for a table of vendors');
    if (!text.startsWith(`${MAGIC}\n`)) wrong('no table of vendors');
    const namesAt = text.indexOf('\nnames\n');
    if (namesAt < 0) wrong('the table of vendors is cut');
    const names = text.slice(namesAt + 7);
    const vendors = names === '' ? 0 : names.split('\n').length - (names.endsWith('\n') ? 1 : 0);
    const blocks: Blocks[] = [];
    let date = '';
    for (const line of text.slice(MAGIC.length + 1, namesAt).split('\n')) {
      const [word, bits = '', digits = ''] = line.split(' ');
      if (word === 'date') date = /^\d{4}-\d{2}-\d{2}$/.test(bits) ? bits : '';
      else if (word === 'blocks' && /^(?:[89]|[123]\d|4[0-8])$/.test(bits)) {
        const read = readBlocks(Number(bits), digits, vendors);
        blocks.push(read ?? wrong(`the blocks of ${bits} bits are damaged`));
      } else wrong('the table of vendors is damaged');
    }
    if (blocks.reduce((n, { prefixes }) => n + prefixes.length, 0) > MAX_BLOCKS) wrong('too many blocks');
    return new VendorTable(date, blocks, names);
  }

  /**
   * Makes a table of registries: the IEEE's CSV (`Registry,Assignment,Organization Name,Organization Address`) or Wireshark's manuf (block, short name, full name), any number of them; of equal blocks the
   * later line counts. Throws UserError where there is no block at all.
   */
  static fromRegistries(
    files: readonly { readonly name: string; readonly text: string }[],
    date: string,
  ): { readonly table: VendorTable; readonly report: VendorReport } {
    const found = new Map<number, Map<number, string>>();
    const examples: string[] = [];
    let lines = 0;
    let added = 0;
    let skipped = 0;
    let duplicates = 0;
    for (const { name, text } of files) {
      if (text.length > MAX_TEXT) throw new UserError(`${name}: too long for a registry`, 'is it the right file?');
      for (const { line, block } of registryLines(text)) {
        lines++;
        if (block === undefined) {
          skipped++;
          if (examples.length < MAX_EXAMPLES) examples.push(`${name}:${line}`);
          continue;
        }
        const of = found.get(block.bits) ?? new Map<number, string>();
        found.set(block.bits, of);
        if (of.has(block.prefix)) duplicates++;
        else added++;
        if (added > MAX_BLOCKS)
          throw new UserError(`${name}: more than ${counted(MAX_BLOCKS, 'block')}`, 'is it the right file?');
        of.set(block.prefix, block.name);
      }
    }
    if (added === 0)
      throw new UserError(
        `${files.map(({ name }) => name).join(', ')}: no block of addresses in it`,
        "give the IEEE's oui.csv, mam.csv or oui36.csv, or Wireshark's manuf",
      );
    // The blocks of the registrar itself would be found before nothing, and tell nothing.
    for (const of of found.values()) for (const [prefix, name] of of) if (name === REGISTRAR) of.delete(prefix);
    const names = [...new Set([...found.values()].flatMap((of) => [...of.values()]))].sort();
    const numbers = new Map(names.map((name, i) => [name, i]));
    const blocks = [...found]
      .filter(([, of]) => of.size > 0)
      .map(([bits, of]): Blocks => {
        const sorted = [...of].sort(([a], [b]) => a - b);
        return {
          bits,
          prefixes: Float64Array.from(sorted, ([prefix]) => prefix),
          names: Int32Array.from(sorted, ([, name]) => numbers.get(name) ?? 0),
        };
      });
    return {
      table: new VendorTable(date, blocks, frontCoded(names)),
      report: { lines, added, skipped, examples, duplicates },
    };
  }
}

let shipped: Promise<VendorTable> | undefined;

/** The table that ships; read when it is first asked for. */
export function shippedVendors(): Promise<VendorTable> {
  shipped ??= import('./data/vendor-blocks.ts').then(({ VENDOR_BLOCKS }) =>
    VendorTable.parse(VENDOR_BLOCKS, 'vendor-blocks.ts'),
  );
  return shipped;
}

function macValue(mac: string): number | undefined {
  if (mac.length !== 17) return undefined;
  const value = Number.parseInt(mac.replaceAll(':', ''), 16);
  return Number.isNaN(value) ? undefined : value;
}

/** Five bits a digit, the sixth says that another follows; lowest first. */
function digitsOf(value: number): string {
  let text = '';
  let rest = value;
  do {
    const part = rest % 32;
    rest = Math.floor(rest / 32);
    text += DIGITS[part + (rest > 0 ? 32 : 0)] ?? '';
  } while (rest > 0);
  return text;
}

function readBlocks(bits: number, digits: string, vendors: number): Blocks | undefined {
  const prefixes: number[] = [];
  const names: number[] = [];
  let at = 0;
  let prefix = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 32) {
      const digit = at < digits.length ? (VALUES[digits.charCodeAt(at++)] ?? -1) : -1;
      if (digit < 0) return -1;
      value += (digit & 31) * scale;
      if (digit < 32) return value;
    }
    return -1;
  };
  while (at < digits.length) {
    const step = number();
    const name = number();
    prefix += step;
    if (step < 0 || name < 0 || name >= vendors || prefix >= 2 ** bits || (step === 0 && prefixes.length > 0))
      return undefined;
    prefixes.push(prefix);
    names.push(name);
  }
  return { bits, prefixes: Float64Array.from(prefixes), names: Int32Array.from(names) };
}

function frontCoded(names: readonly string[]): string {
  let before = '';
  return names
    .map((name, i) => {
      let common = 0;
      if (i % STRIDE > 0)
        while (common < COMMON.length - 1 && common < name.length && name[common] === before[common]) common++;
      before = name;
      return `${COMMON[common]}${name.slice(common)}`;
    })
    .join('\n');
}

interface RegistryBlock {
  readonly prefix: number;
  readonly bits: number;
  readonly name: string;
}

/** Every line of a registry that is no comment, no header and not empty; without a block where it makes no sense. */
function* registryLines(text: string): Generator<{ readonly line: number; readonly block: RegistryBlock | undefined }> {
  const body = text.replace(/^\ufeff/, '');
  const isCsv = /^\s*"?Registry"?\s*,\s*"?Assignment"?\s*,/i.test(body);
  if (isCsv) {
    for (const { line, cells } of csvRows(body)) {
      if (line === 1 || cells.every((cell) => cell.trim() === '')) continue;
      yield { line, block: blockOf(cells[1] ?? '', undefined, cells[2] ?? '') };
    }
    return;
  }
  let line = 0;
  for (const raw of body.split(/\r\n|\r|\n/)) {
    line++;
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    // Tabs in the files of today, blanks in old ones, where the full name stood behind a '#'.
    const [place = '', short = '', full] = raw.includes('\t')
      ? trimmed.split(/\s*\t\s*/)
      : (/^(\S+)\s+(\S+)(?:\s+#\s*(.*))?$/.exec(trimmed)?.slice(1) ?? []);
    const [digits = '', bits] = place.split('/');
    yield { line, block: blockOf(digits, bits, full === undefined || full === '' ? short : full) };
  }
}

function blockOf(text: string, length: string | undefined, owner: string): RegistryBlock | undefined {
  const digits = text.trim().replace(/[:.-]/g, '');
  const name = safeText(owner.replace(/\s+/g, ' ').trim(), MAX_NAME);
  const bits = length === undefined ? 4 * digits.length : Number(length);
  if (!/^[0-9a-f]{2,12}$/i.test(digits) || name === '' || !(bits >= 8 && bits <= 48 && bits <= 4 * digits.length))
    return undefined;
  return { prefix: Math.floor(Number.parseInt(digits, 16) / 2 ** (4 * digits.length - bits)), bits, name };
}

/** Rows of RFC 4180, with the line each begins in. */
function* csvRows(text: string): Generator<{ readonly line: number; readonly cells: readonly string[] }> {
  let cells: string[] = [];
  let cell = '';
  let quoted = false;
  let line = 1;
  let begun = 1;
  for (let i = 0; i <= text.length; i++) {
    const ch = i < text.length ? text[i] : '\n';
    if (ch === '\n') line++;
    if (quoted && i < text.length) {
      if (ch !== '"') cell += ch;
      else if (text[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (ch === '"') quoted = true;
    else if (ch === ',') {
      cells.push(cell);
      cell = '';
    } else if (ch === '\n') {
      cells.push(cell);
      if (i < text.length || cells.length > 1 || cell !== '') yield { line: begun, cells };
      cells = [];
      cell = '';
      begun = line;
    } else if (ch !== '\r') cell += ch;
  }
}
