/**
 * The process of one plugin: it takes away what a plugin has no business with, loads the plugin, and answers questions until its input ends.
 *
 * It stands alone, without an import of this program, because nothing but this file and the plugin's own may be read here: Node is started with
 * `--permission`. What Node does not forbid (the network, until Node 25) the module hooks and the missing globals below make hard to reach. That is a
 * barrier and no jail: docs/plugins.md says what it does not promise. Messages are told in src/plugin/frame.ts: questions come on standard input,
 * answers leave on descriptor 3, and what the plugin prints goes to standard error, up to a limit.
 */
import * as fs from 'node:fs';
import { registerHooks } from 'node:module';
import * as net from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MAX_PRINTED = 65_536;
const MAX_FRAME = 64 * 1024 * 1024;

/** Modules of Node that touch nothing outside of the process. */
const HARMLESS = [
  'buffer',
  'crypto',
  'events',
  'path',
  'path/posix',
  'punycode',
  'querystring',
  'string_decoder',
  'timers',
  'url',
  'util',
  'zlib',
];
const FOR_FILES = ['fs', 'fs/promises'];
const FOR_NETWORK = ['net', 'tls', 'http', 'https', 'dns', 'dns/promises'];

type Plain = Record<string, unknown>;
type Call = (...values: unknown[]) => unknown;

interface Question {
  readonly header: Plain;
  readonly parts: readonly Uint8Array[];
}

const exit = process.exit.bind(process);
const version = process.versions.node;
const nextTick = process.nextTick.bind(process);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const { parse, stringify } = JSON;

let printed = 0;

function print(...values: readonly unknown[]): void {
  if (printed >= MAX_PRINTED) return;
  const text = `${values.map((value) => (typeof value === 'string' ? value : describe(value))).join(' ')}\n`.slice(
    0,
    MAX_PRINTED - printed,
  );
  printed += text.length;
  writeAll(2, encoder.encode(text));
}

function describe(value: unknown): string {
  if (value instanceof Error) return messageOf(value);
  try {
    return stringify(value) ?? String(value);
  } catch {
    return typeof value;
  }
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 500) : String(error).slice(0, 500);
  } catch {
    return 'something that has no text';
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += fs.writeSync(descriptor, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
        continue;
      }
      exit(70);
    }
  }
}

function send(header: Plain, parts: readonly Uint8Array[] = []): void {
  const text = encoder.encode(stringify({ ...header, parts: parts.map((part) => part.byteLength) }));
  let length = padded(8 + text.length);
  for (const part of parts) length += padded(part.byteLength);
  if (length > MAX_FRAME) {
    send({ id: header.id, error: `its answer would be ${length} bytes long` });
    return;
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length - 4, true);
  view.setUint32(4, text.length, true);
  bytes.set(text, 8);
  let at = padded(8 + text.length);
  for (const part of parts) {
    bytes.set(part, at);
    at += padded(part.byteLength);
  }
  writeAll(3, bytes);
}

function padded(length: number): number {
  return (length + 7) & ~7;
}

/** Questions out of the stream on standard input; `then` is called for each, one after the other. */
function listen(then: (question: Question) => Promise<void>): void {
  let held = new Uint8Array(0);
  const chunk = new Uint8Array(262_144);
  const more = (): void => fs.read(0, chunk, 0, chunk.length, null, taken);
  const taken = (error: NodeJS.ErrnoException | null, n: number): void => {
    if (error?.code === 'EAGAIN') {
      setTimeout(more, 2);
      return;
    }
    // The parent is gone, or done.
    if (error !== null || n === 0) exit(0);
    const all = new Uint8Array(held.length + n);
    all.set(held);
    all.set(chunk.subarray(0, n), held.length);
    held = all;
    void answer().then(more, (fault: unknown) => {
      print(fault);
      exit(71);
    });
  };
  const answer = async (): Promise<void> => {
    while (held.length >= 8) {
      const view = new DataView(held.buffer, held.byteOffset, held.length);
      const total = view.getUint32(0, true) + 4;
      if (held.length < total) {
        // A long message is read into one array instead of being joined chunk by chunk.
        if (total > 2 * chunk.length) await fill(total);
        else return;
      }
      const bytes = held.slice(0, total);
      held = held.slice(total);
      const headerLength = new DataView(bytes.buffer).getUint32(4, true);
      const header = parse(decoder.decode(bytes.subarray(8, 8 + headerLength))) as Plain;
      let at = padded(8 + headerLength);
      const parts = (header.parts as number[]).map((length) => {
        const part = bytes.slice(at, at + length);
        at += padded(length);
        return part;
      });
      await then({ header, parts });
    }
  };
  const fill = (total: number): Promise<void> =>
    new Promise((resolve) => {
      const whole = new Uint8Array(total);
      whole.set(held);
      let at = held.length;
      const next = (): void =>
        fs.read(0, whole, at, total - at, null, (error, n) => {
          if (error?.code === 'EAGAIN') {
            setTimeout(next, 2);
            return;
          }
          if (error !== null || n === 0) exit(0);
          at += n;
          if (at < total) next();
          else {
            held = whole;
            resolve();
          }
        });
      next();
    });
  more();
}

// ---------------------------------------------------------------------------------------------------------------------- what is taken away

function confine(folder: string, hosts: readonly string[], files: boolean): void {
  const allowed = new Set([...HARMLESS, ...(files ? FOR_FILES : []), ...(hosts.length > 0 ? FOR_NETWORK : [])]);
  registerHooks({
    resolve(specifier, context, next) {
      const bare = specifier.startsWith('node:') ? specifier.slice(5) : specifier;
      if (allowed.has(bare)) return next(`node:${bare}`, context);
      if (!specifier.startsWith('./') && !specifier.startsWith('../') && !specifier.startsWith('file:'))
        throw new Error(`the plugin may not import '${specifier}'`);
      const found = next(specifier, context);
      if (!found.url.startsWith(folder))
        throw new Error(`the plugin may not import '${specifier}', which is outside of its folder`);
      return found;
    },
    load(url, context, next) {
      if (url.startsWith('node:')) return next(url, context);
      if (!url.startsWith(folder) || !/\.(m?js|json)$/.test(url)) throw new Error(`the plugin may not load '${url}'`);
      // CommonJS has ways to other modules that go past these hooks.
      return next(url, { ...context, format: url.endsWith('.json') ? 'json' : 'module' });
    },
  });
  // Whoever finds a socket in some corner finds one that refuses.
  const connect = net.Socket.prototype.connect as (...values: unknown[]) => net.Socket;
  const granted = new Set(hosts.map((host) => host.toLowerCase()));
  net.Socket.prototype.connect = function (this: net.Socket, ...values: unknown[]): net.Socket {
    const first = Array.isArray(values[0]) ? (values[0] as unknown[])[0] : values[0];
    const options = typeof first === 'object' && first !== null ? (first as Plain) : { port: first, host: values[1] };
    const host = typeof options.host === 'string' ? options.host : 'localhost';
    const at = `${host}:${String(options.port)}`.toLowerCase();
    if (!granted.has(at)) throw new Error(`the plugin may not connect to ${at}`);
    if (options.lookup !== undefined) throw new Error('the plugin may not look up names by itself');
    return connect.apply(this, values);
  };
  net.Server.prototype.listen = (): never => {
    throw new Error('the plugin may not listen');
  };
  const gone = [
    'WebSocket',
    'EventSource',
    'navigator',
    'Worker',
    'BroadcastChannel',
    'localStorage',
    'sessionStorage',
    'XMLHttpRequest',
  ];
  if (hosts.length === 0) gone.push('fetch', 'Request', 'Response');
  for (const name of gone) Reflect.deleteProperty(globalThis, name);
  const console = Object.freeze(
    Object.fromEntries(
      ['log', 'info', 'warn', 'error', 'debug', 'trace'].map((name) => [
        name,
        (...values: unknown[]) => print(...values),
      ]),
    ),
  );
  // The process itself can signal others, find bindings and load native code; its streams lead to sockets.
  const small = Object.freeze({
    version: `v${version}`,
    versions: Object.freeze({ node: version }),
    platform: 'plugin',
    env: Object.freeze({}),
    argv: Object.freeze([]),
    nextTick,
  });
  for (const [name, value] of Object.entries({ console, process: small }))
    Object.defineProperty(globalThis, name, { value, writable: false, configurable: false, enumerable: false });
}

// ---------------------------------------------------------------------------------------------------------------------- what is asked

/** Columns as plugins see them: numbers as Float64Array with NaN for a missing one, others as arrays with undefined. */
function columnsOf({ header, parts }: Question): Plain {
  const columns = Object.create(null) as Plain;
  for (const one of header.columns as { name: string; kind: string; part: number; dictionary?: string[] }[]) {
    const part = parts[one.part] ?? new Uint8Array(0);
    if (one.kind === 'number') columns[one.name] = new Float64Array(part.buffer);
    else if (one.kind === 'boolean')
      columns[one.name] = Array.from(part, (value) => (value === 255 ? undefined : value === 1));
    else {
      const { dictionary = [] } = one;
      columns[one.name] = Array.from(new Int32Array(part.buffer), (code) => (code < 0 ? undefined : dictionary[code]));
    }
  }
  return columns;
}

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function sendValues(id: unknown, gives: unknown, values: unknown): void {
  if (!isArrayLike(values)) throw new TypeError('it gave no array of values');
  const n = values.length;
  if (gives === 'number') {
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const value = values[i];
      if (value !== undefined && value !== null && typeof value !== 'number')
        throw new TypeError(`it gave ${typeof value} where a number is wanted`);
      out[i] = value ?? Number.NaN;
    }
    send({ id, kind: 'number' }, [new Uint8Array(out.buffer)]);
  } else if (gives === 'boolean') {
    const out = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      const value = values[i];
      out[i] =
        value === undefined || value === null
          ? 255
          : value === true || value === 1
            ? 1
            : value === false || value === 0
              ? 0
              : 2;
    }
    send({ id, kind: 'boolean' }, [out]);
  } else {
    const known = new Map<string, number>();
    const out = new Int32Array(n).fill(-1);
    for (let i = 0; i < n; i++) {
      const value = values[i];
      if (value === undefined || value === null) continue;
      if (typeof value !== 'string') throw new TypeError(`it gave ${typeof value} where a text is wanted`);
      const text = value.slice(0, 1000);
      if (!known.has(text)) known.set(text, known.size);
      out[i] = known.get(text) ?? -1;
    }
    send({ id, kind: 'text', dictionary: [...known.keys()] }, [new Uint8Array(out.buffer)]);
  }
}

const instances = new Map<unknown, Plain>();
let added: Plain = {};

function member(kind: unknown, name: unknown): Call {
  const group = added[String(kind)] as Plain | undefined;
  const found =
    group !== undefined && group !== null && Object.hasOwn(group, String(name)) ? group[String(name)] : undefined;
  if (typeof found !== 'function') throw new TypeError(`its module has no function ${String(kind)}.${String(name)}`);
  return found as Call;
}

function method(instance: Plain | undefined, name: string): Call {
  const found = instance?.[name];
  if (typeof found !== 'function') throw new TypeError(`what it made has no ${name}()`);
  return (found as Call).bind(instance);
}

async function handle(question: Question): Promise<void> {
  const { header, parts } = question;
  const { id, op, kind, name, settings } = header;
  switch (op) {
    case 'load': {
      const { folder, main, hosts, files, wanted } = header as {
        folder: string;
        main: string;
        hosts: string[];
        files: boolean;
        wanted: [string, string][];
      };
      const at = pathToFileURL(folder).href;
      confine(at.endsWith('/') ? at : `${at}/`, hosts, files);
      const module = (await import(pathToFileURL(main).href)) as Plain;
      added = (module.default ?? module) as Plain;
      for (const [kindWanted, nameWanted] of wanted) member(kindWanted, nameWanted);
      send({ id });
      return;
    }
    case 'function':
      sendValues(id, header.gives, await member(kind, name)(columnsOf(question), settings, header.rowCount));
      return;
    case 'open': {
      const made = await member(kind, name)(settings);
      method(made as Plain, 'observe');
      method(made as Plain, 'finish');
      instances.set(header.instance, made as Plain);
      send({ id });
      return;
    }
    case 'observe': {
      const numbers = new Float64Array((parts[Number(header.rows)] ?? new Uint8Array(0)).buffer);
      await method(instances.get(header.instance), 'observe')(columnsOf(question), numbers, header.rowCount);
      send({ id });
      return;
    }
    case 'finish': {
      const findings = await method(instances.get(header.instance), 'finish')();
      instances.delete(header.instance);
      send({ id, findings: findings ?? [] });
      return;
    }
    case 'decode': {
      const decode = member(kind, name);
      const asked = header.payloads as { port: number; from: string }[];
      const decoded: unknown[] = [];
      for (let i = 0; i < asked.length; i++) {
        const { port, from } = asked[i] as { port: number; from: string };
        decoded.push((await decode(parts[i], { transport: header.transport, port, from }, settings)) ?? null);
      }
      send({ id, decoded });
      return;
    }
    case 'sink':
      await member(kind, name)(header.lines, settings);
      send({ id });
      return;
    case 'report': {
      const files = await member(kind, name)(parse(decoder.decode(parts[0])), settings);
      if (!Array.isArray(files)) throw new TypeError('it gave no list of files');
      const list = files as { file: unknown; content: unknown }[];
      send(
        { id, files: list.map(({ file }) => file) },
        list.map(({ content }) => {
          if (typeof content === 'string') return encoder.encode(content);
          if (content instanceof Uint8Array) return content;
          throw new TypeError('the content of a file is neither a text nor a Uint8Array');
        }),
      );
      return;
    }
    default:
      throw new TypeError(`nobody knows how to ${String(op)}`);
  }
}

// An import of this file by anything but Node itself, as the process of a plugin, does nothing.
if (
  process.argv[1] !== undefined &&
  fileURLToPath(import.meta.url) === process.argv[1] &&
  process.argv[2] === '--plugin'
) {
  const end = (error: unknown): void => {
    print(error);
    exit(72);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
  // A plugin that waits for what never comes runs into its time limit, instead of ending for want of work.
  setInterval(() => undefined, 2 ** 30);
  listen((question) =>
    handle(question).catch((error: unknown) => {
      send({ id: question.header.id, error: messageOf(error) });
    }),
  );
}
