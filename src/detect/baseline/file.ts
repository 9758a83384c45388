import { Document, isMap, isScalar, isSeq, LineCounter, parseDocument, YAMLMap, YAMLSeq } from 'yaml';
import type { z } from 'zod';
import { nearest, safeText, UserError } from '../../core/index.ts';
import { compareAddresses } from '../../wire/index.ts';
import { Baseline, baselineFault, listOf, normalMac } from './baseline.ts';
import { protocolKey, protocolLabel } from './protocol.ts';
import {
  BASELINE_LAYERS,
  BASELINE_VERSION,
  type BaselineDevice,
  type BaselineDocument,
  type BaselineLayer,
  type BaselineProtocol,
  baselineSchema,
} from './schema.ts';

/**
 * Baseline files: YAML that a person edits and compares, read strictly and changed in place. What is not changed stays as it was written, comments and order included; what is added goes to the end of
 * its list, so that a version control system shows just that. (Brackets and braces are all written with a blank inside, or all without: as the file has the first.)
 */

const MAX_TEXT = 32 << 20;
const HINT = 'see docs/baseline.md';

type Path = readonly (string | number)[];

/** A baseline file with its text, to be read, added to and approved. */
export class BaselineFile {
  readonly file: string;
  #document: Document.Parsed | Document;
  /** Whether brackets and braces have a blank inside: the writer knows one way for all of them. */
  #padded: boolean;

  private constructor(document: Document.Parsed | Document, file: string, padded: boolean) {
    this.#document = document;
    this.file = file;
    this.#padded = padded;
  }

  /** Reads a file's text. Throws UserError with file, line and column of the first mistake, its path, and the nearest right name where there is one. */
  static parse(text: string, file: string): BaselineFile {
    if (text.length > MAX_TEXT)
      throw new UserError(`${file}: more than ${MAX_TEXT >> 20} MiB is no baseline`, 'is it the right file?');
    const lines = new LineCounter();
    let document: Document.Parsed;
    let value: unknown;
    try {
      document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, logLevel: 'error' });
      const [broken] = document.errors;
      if (broken !== undefined) {
        const { line, col } = lines.linePos(broken.pos[0]);
        throw new UserError(`${file}:${line}:${col}: ${safeText(broken.message, 300)}`, 'mend the YAML there');
      }
      value = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      if (error instanceof RangeError)
        throw new UserError(`${file}: the YAML is nested too deeply`, 'a baseline needs four levels');
      if (error instanceof ReferenceError)
        throw new UserError(`${file}: aliases (*name) unfold to too much, or to nothing`, 'write the values out');
      throw error;
    }
    const place = (path: Path, atKey: boolean): string => {
      const { line, col } = positionOf(document, path, lines, atKey);
      return `${file}:${line}:${col}`;
    };
    const result = baselineSchema.safeParse(value ?? {});
    if (!result.success) {
      const { path, message, hint, atKey } = explainIssue(result.error.issues[0], value);
      throw new UserError(`${place(path, atKey)}: ${pathText(path)}${message}`, hint);
    }
    const fault = baselineFault(result.data);
    if (fault !== undefined)
      throw new UserError(`${place(fault.path, false)}: ${pathText(fault.path)}${fault.message}`, fault.hint);
    return new BaselineFile(document, file, /[[{] /.test(text));
  }

  /** A new file of a document. Texts are quoted where YAML would read something else; lists stand in one line where they are short. */
  static of(content: BaselineDocument, file: string): BaselineFile {
    const document = new Document({ version: BASELINE_VERSION });
    const made = new BaselineFile(document, file, false);
    const { description, timeZone, learned, devices = [], protocols = {} } = content;
    if (description !== undefined) document.set('description', description);
    if (timeZone !== undefined) document.set('timeZone', timeZone);
    if (learned !== undefined) document.set('learned', document.createNode(learned));
    document.set('devices', document.createNode([]));
    for (const device of devices) made.#append(['devices'], device);
    for (const layer of BASELINE_LAYERS)
      for (const item of protocols[layer] ?? []) made.#append(['protocols', layer], item);
    return made;
  }

  /** The content as it is now. */
  get content(): BaselineDocument {
    return baselineSchema.parse(this.#document.toJS({ maxAliasCount: 100 }));
  }

  /** What detectors ask. */
  get baseline(): Baseline {
    return new Baseline(this.content, this.file);
  }

  /** The file's text. */
  get text(): string {
    return this.#document.toString({ lineWidth: 120, flowCollectionPadding: this.#padded, singleQuote: true });
  }

  /**
   * Adds what was learned, as proposals: devices that no entry knows, what known devices did beyond their entries, protocols that are not listed. Approved entries are not touched; a proposal of an
   * earlier run for the same device is widened. Returns how many entries were added and widened.
   */
  propose(learned: BaselineDocument): { readonly added: number; readonly widened: number } {
    let added = 0;
    let widened = 0;
    if (learned.learned !== undefined) this.#document.set('learned', this.#document.createNode(learned.learned));
    const content = this.content;
    const entries = [...(content.devices ?? [])].map((entry, index) => ({ entry, index }));
    for (const device of learned.devices ?? []) {
      const known = entries.filter(({ entry }) => isSame(entry, device));
      const approved = known.find(({ entry }) => entry.status !== 'proposed');
      const proposal = known.find(({ entry }) => entry.status === 'proposed');
      const wanted = approved === undefined ? device : beyond(approved.entry, device);
      if (wanted === undefined) continue;
      if (proposal === undefined) {
        this.#append(['devices'], { ...wanted, status: 'proposed' });
        added++;
      } else if (this.#widen(['devices', proposal.index], proposal.entry, wanted)) widened++;
    }
    for (const layer of BASELINE_LAYERS) {
      for (const item of learned.protocols?.[layer] ?? []) {
        const one = protocolOf(item);
        const known = (content.protocols?.[layer] ?? []).map(protocolOf);
        if (known.some(({ name }) => protocolKey(name) === protocolKey(one.name))) continue;
        this.#append(['protocols', layer], { ...one, status: 'proposed' });
        added++;
      }
    }
    return { added, widened };
  }

  /**
   * Approves proposals: all, or those that one of the texts names (name, MAC, address of a device; name of a protocol). A proposal for a device that is approved already is joined to that entry.
   * Throws UserError for a text that names no proposal. Returns what was approved, in words.
   */
  approve(names: readonly string[] | 'all'): string[] {
    const done: string[] = [];
    const { wants, unused } = choiceOf(names);
    const devices = this.content.devices ?? [];
    const removed: number[] = [];
    for (const [i, device] of devices.entries()) {
      if (device.status !== 'proposed' || !wants(namesOf(device))) continue;
      const into = devices.findIndex((entry, j) => j !== i && entry.status !== 'proposed' && isSame(entry, device));
      // As it is now: another proposal may have been joined to it.
      const base = into < 0 ? undefined : this.content.devices?.[into];
      if (base !== undefined) {
        this.#widen(['devices', into], base, device);
        removed.push(i);
      } else this.#document.deleteIn(['devices', i, 'status']);
      done.push(`device ${namesOf(device)[0] ?? ''}`);
    }
    for (const i of removed.reverse()) this.#document.deleteIn(['devices', i]);
    for (const layer of BASELINE_LAYERS) {
      for (const [i, item] of (this.content.protocols?.[layer] ?? []).entries()) {
        const one = protocolOf(item);
        if (one.status !== 'proposed' || !wants([one.name, `${layer}/${one.name}`])) continue;
        const { status: _approved, ...rest } = one;
        const path = ['protocols', layer, i];
        if (Object.keys(rest).length === 1) this.#document.setIn(path, one.name);
        else this.#document.deleteIn([...path, 'status']);
        done.push(`protocol ${one.name}`);
      }
    }
    this.#refuse(unused, 'approve');
    return done;
  }

  /** Takes proposals away; the same choice as for `approve`. Returns how many. Throws UserError for a name that nothing proposed has. */
  reject(names: readonly string[] | 'all'): number {
    const { wants: chosen, unused } = choiceOf(names);
    let count = 0;
    const devices = this.content.devices ?? [];
    for (let i = devices.length - 1; i >= 0; i--) {
      const device = devices[i];
      if (device?.status !== 'proposed' || !chosen(namesOf(device))) continue;
      this.#document.deleteIn(['devices', i]);
      count++;
    }
    for (const layer of BASELINE_LAYERS) {
      const items = (this.content.protocols?.[layer] ?? []).map(protocolOf);
      for (let i = items.length - 1; i >= 0; i--) {
        const one = items[i];
        if (one?.status !== 'proposed' || !chosen([one.name, `${layer}/${one.name}`])) continue;
        this.#document.deleteIn(['protocols', layer, i]);
        count++;
      }
    }
    this.#refuse(unused, 'reject');
    return count;
  }

  /** For the first of the names that no proposal has. */
  #refuse(unused: ReadonlySet<string>, what: 'approve' | 'reject'): void {
    for (const name of unused) {
      const shown = `'${safeText(name, 80)}'`;
      if (this.#approved().some((text) => isCalled(text, name)))
        throw new UserError(
          `${this.file}: ${shown} is approved, and nothing about it waits`,
          what === 'approve' ? 'there is nothing to do' : 'take its entry out of the file to forget it',
        );
      const near = nearest(name, this.#proposals());
      throw new UserError(
        `${this.file}: no proposal is called ${shown}`,
        near === undefined ? 'anomalyst baseline show --proposed lists them' : `did you mean '${near}'?`,
      );
    }
  }

  #approved(): string[] {
    const { devices = [], protocols = {} } = this.content;
    return [
      ...devices.filter(({ status }) => status !== 'proposed').flatMap(namesOf),
      ...BASELINE_LAYERS.flatMap((layer) =>
        (protocols[layer] ?? [])
          .map(protocolOf)
          .flatMap(({ name, status }) => (status === 'proposed' ? [] : [name, `${layer}/${name}`])),
      ),
    ];
  }

  #proposals(): string[] {
    const { devices = [], protocols = {} } = this.content;
    return [
      ...devices.filter(({ status }) => status === 'proposed').flatMap(namesOf),
      ...BASELINE_LAYERS.flatMap((layer) =>
        (protocols[layer] ?? []).map(protocolOf).flatMap(({ name, status }) => (status === 'proposed' ? [name] : [])),
      ),
    ];
  }

  /** Adds an item to the end of a list, which is made where there is none. */
  #append(path: Path, item: BaselineDevice | BaselineProtocol | string): void {
    const document = this.#document;
    const value =
      typeof item === 'object' && Object.keys(item).length === 1 && 'name' in item && path[0] === 'protocols'
        ? item.name
        : item;
    const node = document.createNode(value);
    if (isMap(node)) for (const pair of node.items) shorten(pair.value);
    const list: unknown = document.getIn(path, true);
    if (isSeq(list)) {
      // A new list is written over several lines: an item a line is what a person compares.
      if (path[0] === 'devices') list.flow = false;
      list.add(node);
      return;
    }
    const made = new YAMLSeq();
    made.add(node);
    if (path.length > 1 && !isMap(document.getIn(path.slice(0, -1), true)))
      document.setIn(path.slice(0, -1), new YAMLMap());
    document.setIn(path, made);
  }

  /** Joins lists of one entry with those of another; true where that changed something. */
  #widen(path: Path, entry: BaselineDevice, more: BaselineDevice): boolean {
    let changed = false;
    for (const key of ['mac', 'ip', 'services', 'uses', 'peers', 'hours'] as const) {
      const add = more[key];
      const own = entry[key];
      // What the approved entry does not say stays unsaid: it is not judged there.
      if (add === undefined || (own === undefined && entry.status !== 'proposed')) continue;
      const joined = union(listOf(own), listOf(add));
      if (joined.length === listOf(own).length) continue;
      const value = joined.length === 1 && key !== 'services' && key !== 'uses' && key !== 'peers' ? joined[0] : joined;
      const node = this.#document.createNode(value);
      shorten(node);
      this.#document.setIn([...path, key], node);
      changed = true;
    }
    return changed;
  }
}

/** A list of texts in one line, where it fits. */
function shorten(node: unknown): void {
  if (
    isSeq(node) &&
    node.items.reduce<number>((n, item) => n + (isScalar(item) ? String(item.value).length + 4 : 999), 0) <= 90
  )
    node.flow = true;
}

export function protocolOf(item: string | BaselineProtocol): BaselineProtocol {
  return typeof item === 'string' ? { name: item } : item;
}

/** Which of the names are meant by what they are held against, and which were not yet. */
function choiceOf(names: readonly string[] | 'all'): {
  readonly wants: (own: readonly string[]) => boolean;
  readonly unused: ReadonlySet<string>;
} {
  const unused = new Set(names === 'all' ? [] : names);
  return {
    unused,
    wants(own) {
      if (names === 'all') return true;
      const hit = names.filter((name) => own.some((text) => isCalled(text, name)));
      for (const name of hit) unused.delete(name);
      return hit.length > 0;
    },
  };
}

/** Case does not count, nor how a hardware address is written. */
function isCalled(text: string, name: string): boolean {
  return text.toLowerCase() === name.toLowerCase() || (normalMac(name) !== undefined && normalMac(name) === text);
}

/** What a person may call a device by. */
function namesOf(device: BaselineDevice): string[] {
  const macs = listOf(device.mac);
  return [
    ...(device.name === undefined ? [] : [device.name]),
    ...macs,
    ...macs.flatMap((text) => normalMac(text) ?? []),
    ...listOf(device.vendorPrefix),
    ...listOf(device.ip),
  ];
}

/** Whether two entries speak of one device: a hardware address in common; without any on both sides, the same addresses or prefixes. */
function isSame(a: BaselineDevice, b: BaselineDevice): boolean {
  const macs = new Set(listOf(a.mac).flatMap((text) => normalMac(text) ?? []));
  if (macs.size > 0 || b.mac !== undefined) return listOf(b.mac).some((text) => macs.has(normalMac(text) ?? ''));
  if (a.vendorPrefix !== undefined || b.vendorPrefix !== undefined)
    return sameTexts(a.vendorPrefix, b.vendorPrefix) && sameTexts(a.ip, b.ip);
  return listOf(b.ip).some((text) => listOf(a.ip).includes(text));
}

function sameTexts(a: string | readonly string[] | undefined, b: string | readonly string[] | undefined): boolean {
  return listOf(a).join(' ').toLowerCase() === listOf(b).join(' ').toLowerCase();
}

/** What a device did beyond its approved entry, where that entry is judged; undefined for nothing. */
function beyond(entry: BaselineDevice, seen: BaselineDevice): BaselineDevice | undefined {
  const more: { -readonly [K in keyof BaselineDevice]: BaselineDevice[K] } = {};
  for (const key of ['services', 'uses', 'peers'] as const) {
    const own = entry[key];
    if (own === undefined || own.includes('*')) continue;
    const known = new Set(own.map((text) => text.toLowerCase()));
    const rest = (seen[key] ?? []).filter((text) => !known.has(text.toLowerCase()));
    if (rest.length > 0) more[key] = rest;
  }
  if (Object.keys(more).length === 0) return undefined;
  return {
    ...(seen.name === undefined ? {} : { name: seen.name }),
    ...(seen.mac === undefined ? {} : { mac: seen.mac }),
    ...(seen.mac !== undefined || seen.ip === undefined ? {} : { ip: seen.ip }),
    ...more,
  };
}

function union(a: readonly string[], b: readonly string[]): string[] {
  const known = new Set(a.map((text) => text.toLowerCase()));
  return [...a, ...b.filter((text) => !known.has(text.toLowerCase()))];
}

// ------------------------------------------------------------------------------------------------------------------ difference

/** One difference between two baselines. */
export interface BaselineChange {
  readonly change: 'added' | 'removed' | 'changed';
  /** 'device nas', 'protocol LLDP (link)', 'timeZone'. */
  readonly what: string;
  /** For a change: 'services: ssh/22 added; http/80 removed', one text for each key. */
  readonly details: readonly string[];
}

/** What differs in meaning from `a` to `b`; order, comments and spelling of equal things do not count. Devices are the same by hardware address, else by name, address or prefix. */
export function diffBaselines(a: BaselineDocument, b: BaselineDocument): BaselineChange[] {
  const changes: BaselineChange[] = [];
  for (const key of ['description', 'timeZone'] as const)
    if (a[key] !== b[key])
      changes.push({ change: 'changed', what: key, details: [`${a[key] ?? 'none'} -> ${b[key] ?? 'none'}`] });
  const left = [...(a.devices ?? [])];
  const right = b.devices ?? [];
  const paired = new Set<BaselineDevice>();
  for (const device of right) {
    const twin =
      left.find((other) => !paired.has(other) && isSame(other, device) && isProposed(other) === isProposed(device)) ??
      left.find((other) => !paired.has(other) && isSame(other, device)) ??
      left.find((other) => !paired.has(other) && other.name !== undefined && other.name === device.name);
    if (twin === undefined) {
      changes.push({ change: 'added', what: `device ${deviceLabel(device)}`, details: [describeDevice(device)] });
      continue;
    }
    paired.add(twin);
    const details = deviceDetails(twin, device);
    if (details.length > 0) changes.push({ change: 'changed', what: `device ${deviceLabel(device)}`, details });
  }
  for (const device of left)
    if (!paired.has(device))
      changes.push({ change: 'removed', what: `device ${deviceLabel(device)}`, details: [describeDevice(device)] });
  for (const layer of BASELINE_LAYERS) changes.push(...protocolChanges(layer, a, b));
  return changes;
}

function isProposed({ status }: BaselineDevice): boolean {
  return status === 'proposed';
}

function deviceLabel(device: BaselineDevice): string {
  return safeText(namesOf(device)[0] ?? '', 100);
}

function describeDevice(device: BaselineDevice): string {
  const { owner, role, expires, status } = device;
  const parts = [
    ...listOf(device.mac),
    ...listOf(device.vendorPrefix).map((prefix) => `prefix ${prefix}`),
    ...listOf(device.ip),
    ...(owner === undefined ? [] : [`owner ${owner}`]),
    ...(role === undefined ? [] : [`role ${role}`]),
    ...(expires === undefined ? [] : [`until ${expires}`]),
    status ?? 'approved',
  ];
  return safeText(parts.join(', '), 300);
}

const DEVICE_LISTS = ['mac', 'vendorPrefix', 'ip', 'services', 'uses', 'peers', 'hours'] as const;
const DEVICE_TEXTS = ['name', 'owner', 'role', 'importance', 'expires', 'status', 'note'] as const;

function deviceDetails(a: BaselineDevice, b: BaselineDevice): string[] {
  const details: string[] = [];
  for (const key of DEVICE_TEXTS) {
    const standard = key === 'status' ? 'approved' : undefined;
    const from = a[key] ?? standard;
    const to = b[key] ?? standard;
    if (from !== to)
      details.push(`${key}: ${safeText(String(from ?? 'none'), 100)} -> ${safeText(String(to ?? 'none'), 100)}`);
  }
  for (const key of DEVICE_LISTS) {
    const plain = (text: string): string => (key === 'mac' ? (normalMac(text) ?? text) : text.toLowerCase());
    if ((a[key] === undefined) !== (b[key] === undefined) && listOf(a[key]).length + listOf(b[key]).length === 0)
      details.push(`${key}: ${a[key] === undefined ? 'not judged -> none' : 'none -> not judged'}`);
    const from = new Set(listOf(a[key]).map(plain));
    const to = new Set(listOf(b[key]).map(plain));
    const added = [...to].filter((text) => !from.has(text)).sort(compareAddresses);
    const removed = [...from].filter((text) => !to.has(text)).sort(compareAddresses);
    const parts = [
      ...(added.length > 0 ? [`${added.join(', ')} added`] : []),
      ...(removed.length > 0 ? [`${removed.join(', ')} removed`] : []),
    ];
    if (parts.length > 0) details.push(safeText(`${key}: ${parts.join('; ')}`, 500));
  }
  return details;
}

function protocolChanges(layer: BaselineLayer, a: BaselineDocument, b: BaselineDocument): BaselineChange[] {
  const byKey = (document: BaselineDocument): Map<string, BaselineProtocol> =>
    new Map((document.protocols?.[layer] ?? []).map(protocolOf).map((one) => [protocolKey(one.name), one]));
  const from = byKey(a);
  const to = byKey(b);
  const what = (key: string): string => `protocol ${safeText(protocolLabel(key), 60)} (${layer})`;
  const changes: BaselineChange[] = [];
  for (const [key, { status = 'approved', expires }] of to) {
    const before = from.get(key);
    if (before === undefined) changes.push({ change: 'added', what: what(key), details: [status] });
    else {
      const details = [
        ...((before.status ?? 'approved') === status ? [] : [`status: ${before.status ?? 'approved'} -> ${status}`]),
        ...(before.expires === expires ? [] : [`expires: ${before.expires ?? 'none'} -> ${expires ?? 'none'}`]),
      ];
      if (details.length > 0) changes.push({ change: 'changed', what: what(key), details });
    }
  }
  for (const key of from.keys()) if (!to.has(key)) changes.push({ change: 'removed', what: what(key), details: [] });
  return changes;
}

// -------------------------------------------------------------------------------------------------------------- mistakes in files

function explainIssue(
  issue: z.core.$ZodIssue | undefined,
  value: unknown,
): { readonly path: Path; readonly message: string; readonly hint: string; readonly atKey: boolean } {
  if (issue === undefined) throw new Error('a failed parse has an issue');
  const path = plainPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const known = keysAt(path);
    const near = nearest(key, known);
    const hint = near === undefined ? `known keys here: ${known.join(', ')}` : `did you mean '${near}'?`;
    return { path: [...path, key], message: 'unknown key', hint, atKey: true };
  }
  if (issue.code === 'invalid_union') {
    const there = valueAt(value, path);
    if (typeof there === 'number')
      return {
        path,
        message: 'expected text, and this is a number',
        hint: "put it in quotes, as in '001122334455'",
        atKey: false,
      };
    for (const branch of issue.errors)
      for (const inner of branch)
        if (inner.code === 'unrecognized_keys' || (inner.path.length > 0 && inner.code !== 'invalid_type'))
          return explainIssue({ ...inner, path: [...issue.path, ...inner.path] }, value);
    for (const inner of issue.errors.flat())
      if (inner.code !== 'invalid_type') return explainIssue({ ...inner, path: [...issue.path, ...inner.path] }, value);
    return { path, message: 'expected a text, or a list of them', hint: HINT, atKey: false };
  }
  if (
    (issue.code === 'invalid_type' || issue.code === 'invalid_value') &&
    valueAt(value, path) === undefined &&
    path.length > 0
  )
    return {
      path: path.slice(0, -1),
      message: `the key '${String(path.at(-1))}' is missing`,
      hint: HINT,
      atKey: false,
    };
  if (issue.code === 'invalid_type' && issue.expected === 'string' && typeof valueAt(value, path) === 'number')
    return {
      path,
      message: 'expected text, and this is a number',
      hint: "put it in quotes, as in '001122334455'",
      atKey: false,
    };
  const message = issue.message
    .replace(/^Invalid (?:input|option): /, '')
    .replace(/^[A-Z]/, (letter) => letter.toLowerCase());
  return { path, message: safeText(message, 300), hint: HINT, atKey: false };
}

function plainPath(path: readonly PropertyKey[]): (string | number)[] {
  return path.map((step) => (typeof step === 'symbol' ? step.toString() : step));
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

function keysAt(path: Path): string[] {
  const { shape } = baselineSchema;
  if (path.length === 0) return Object.keys(shape);
  if (path[0] === 'devices') return Object.keys(shape.devices.unwrap().element.shape);
  if (path[0] === 'learned') return Object.keys(shape.learned.unwrap().shape);
  if (path[0] === 'protocols' && path.length === 1) return [...BASELINE_LAYERS];
  return ['name', 'status', 'reason', 'expires'];
}

/** 'devices[3].mac: ' */
function pathText(path: Path): string {
  let text = '';
  for (const step of path)
    text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${safeText(step, 60)}`;
  return text === '' ? '' : `${text}: `;
}

function positionOf(document: Document, path: Path, lines: LineCounter, atKey: boolean): { line: number; col: number } {
  for (let length = path.length; length > 0; length--) {
    const steps = path.slice(0, length);
    if (atKey || length < path.length) {
      const parent: unknown = length === 1 ? document.contents : document.getIn(steps.slice(0, -1), true);
      if (isMap(parent))
        for (const { key } of parent.items)
          if (isScalar(key) && key.value === steps.at(-1) && key.range) return lines.linePos(key.range[0]);
    }
    const node: unknown = document.getIn(steps, true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return lines.linePos(Number(node.range[0]));
  }
  return { line: 1, col: 1 };
}
