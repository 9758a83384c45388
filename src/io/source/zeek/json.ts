import * as path from 'node:path';
import { epochUnitOf, parseTime, safeText, UserError } from '../../../core/index.ts';
import type { ByteSource } from '../input.ts';
import { JsonFeed, jsonLayout, plainHead } from '../json-feed.ts';
import {
  JsonScanner,
  LEAF_ARRAY,
  LEAF_ESCAPED,
  LEAF_FALSE,
  LEAF_NULL,
  LEAF_NUMBER,
  LEAF_TEXT,
  LEAF_TRUE,
  unescapeJson,
} from '../json-record.ts';
import { peekHead } from '../lines.ts';
import { MAX_REJECTS_SHOWN, type Reject, type TableSource } from '../table-source.ts';
import { openZeekFlows, type ZeekFlowOptions } from './flow.ts';
import { holdsConnections, type ZeekLog } from './log.ts';
import { looksLikeZeek } from './tsv.ts';

/**
 * Zeek's logs in JSON (Zeek documentation, LogAscii::use_json): one object to a line, unset fields left out, `ts` as epoch seconds, epoch milliseconds or ISO 8601. Which log it is stands in `_path`
 * (as the json-streaming-logs package writes it), in the name of the file, or is told from the fields.
 *
 * Each log is handed on as the same log in Zeek's own format, so that both formats become flows in one place, by one mapping, and may stand in one set. Fields that come only later get a new head, as
 * they do when Zeek starts again with another configuration.
 */

/** Records from which the first head is made. */
const SAMPLE_RECORDS = 500;
const SAMPLE_BYTES = 512 << 10;
/** Text that is made ahead. */
const CHUNK = 65_536;
/** Heads of one log; fields that come later are left out. */
const MAX_HEADS = 256;
const MAX_FIELDS = 1024;

/** Logs by what only they have: any of the fields in a group, all groups. */
const TELLING: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ['conn', [['conn_state', 'orig_ip_bytes', 'orig_pkts', 'missed_bytes']]],
  ['dns', [['query', 'qtype_name', 'rcode_name', 'qclass', 'trans_id'], ['uid'], ['id.orig_h']]],
  ['x509', [['certificate.subject', 'certificate.serial']]],
  [
    'ssl',
    [
      ['cipher', 'server_name', 'established', 'cert_chain_fps', 'cert_chain_fuids'],
      ['uid'],
      ['resumed', 'established', 'version'],
    ],
  ],
  ['http', [['uri', 'status_code', 'trans_depth', 'user_agent'], ['method', 'host', 'status_code', 'uri'], ['uid']]],
  ['ssh', [['hassh', 'hasshVersion', 'auth_attempts', 'host_key', 'kex_alg'], ['uid']]],
  ['kerberos', [['request_type', 'till', 'error_msg'], ['uid'], ['client', 'service']]],
  ['ntlm', [['domainname', 'server_nb_computer_name', 'server_dns_computer_name'], ['uid']]],
  ['smb_mapping', [['share_type', 'native_file_system'], ['uid']]],
  ['smb_files', [['action'], ['name', 'path'], ['uid']]],
  ['dce_rpc', [['endpoint'], ['operation'], ['uid']]],
  ['dhcp', [['msg_types', 'lease_time', 'assigned_addr', 'requested_addr']]],
  ['ftp', [['reply_code', 'reply_msg', 'cwd', 'command'], ['user', 'command'], ['uid']]],
  ['smtp', [['mailfrom', 'rcptto', 'helo', 'last_reply'], ['uid']]],
  ['rdp', [['cookie', 'security_protocol', 'keyboard_layout', 'client_build'], ['uid']]],
  ['rfb', [['client_major_version', 'authentication_method', 'desktop_name'], ['uid']]],
  ['sip', [['call_id', 'request_from', 'response_path'], ['uid']]],
  ['snmp', [['community', 'get_requests', 'set_requests'], ['uid']]],
  ['quic', [['client_initial_dcid', 'server_scid', 'client_protocol'], ['uid']]],
  ['tunnel', [['tunnel_type'], ['uid']]],
  ['ntp', [['stratum', 'ref_id', 'num_exts'], ['uid']]],
];

/** Every log whose name may be that of a file. */
const NAMED = new Set(
  'conn dns ssl http ssh ftp smtp dhcp kerberos ntlm smb_mapping smb_files dce_rpc rdp rfb sip snmp irc mysql postgresql ldap ldap_search socks radius syslog ntp tftp modbus dnp3 redis mqtt_connect mqtt_publish mqtt_subscribe tunnel quic x509 files weird notice pe software known_hosts known_services known_certs stats capture_loss packet_filter loaded_scripts intel ocsp analyzer reporter telemetry websocket'.split(
    ' ',
  ),
);

/** Those that hold no connections, and so neither. */
const UNCONNECTED = new Set(
  'x509 files weird notice pe software known_hosts known_services known_certs stats capture_loss packet_filter intel ocsp reporter telemetry'.split(
    ' ',
  ),
);

const DOCUMENT_HEAD = 8192;

/** Fields that Zeek's own scripts always log, and that a record leaves out where they are unset: they are columns from the first head on, as they are in Zeek's own format. */
const OPTIONAL: Readonly<Record<string, string>> = {
  conn: 'service duration orig_bytes resp_bytes history',
  dns: 'query qtype qtype_name rcode_name answers TTLs',
  ssl: 'version server_name next_protocol last_alert',
  http: 'method host uri user_agent username status_code',
  ssh: 'client server auth_success',
  ftp: 'user command arg reply_code',
  dhcp: 'mac host_name client_fqdn msg_types',
  kerberos: 'request_type client service success error_msg',
  ntlm: 'username hostname success',
  smb_mapping: 'path',
  smb_files: 'action name',
  dce_rpc: 'endpoint operation',
  rdp: 'cookie client_build client_name',
  sip: 'method user_agent',
};

/** Times in the logs beside `ts`, as far as flows have them. */
const TIMES = new Set([
  'ts',
  'not_valid_before',
  'not_valid_after',
  'certificate.not_valid_before',
  'certificate.not_valid_after',
]);

/** The log that a file is by its name: `dns` of `/logs/dns.00:00:00-01:00:00.log.gz`, `smb_files` of `smb_files_20230105.json`. */
function logOfName(name: string): string | undefined {
  const word = /^[a-z0-9_]+/.exec(path.basename(name).toLowerCase())?.[0] ?? '';
  for (let part = word; part !== ''; part = part.slice(0, Math.max(0, part.lastIndexOf('_'))))
    if (NAMED.has(part)) return part;
  return undefined;
}

function logOfFields(fields: ReadonlySet<string>): string | undefined {
  if (!fields.has('ts')) return undefined;
  return TELLING.find(([, groups]) => groups.every((group) => group.some((field) => fields.has(field))))?.[0];
}

/** The log that the JSON in a head is, undefined where it is none of Zeek's. */
export function zeekJsonPath(head: Uint8Array, name = ''): string | undefined {
  const layout = jsonLayout(head);
  if (layout === undefined) return undefined;
  const bytes = plainHead(head);
  const fields = new Set<string>();
  let path: string | undefined;
  if (layout === 'document') {
    // Zeek itself writes lines; of what others made of them the keys are enough.
    const text = Buffer.from(bytes.subarray(0, DOCUMENT_HEAD)).toString('latin1');
    for (const [, key = ''] of text.matchAll(/"([\w.]{1,64})"\s*:/g)) {
      fields.add(key);
      if (key === 'orig_h') fields.add('id.orig_h');
    }
    path = /"_path"\s*:\s*"([\w-]+)"/.exec(text)?.[1];
  } else {
    const scanner = new JsonScanner();
    const known: (string | undefined)[] = [];
    for (let at = 0, n = 0; at < bytes.length && n < 50; n++) {
      const lf = bytes.indexOf(NEWLINE, at);
      const end = lf < 0 ? bytes.length : lf;
      if (scanner.scan(bytes, at, end))
        for (let i = 0; i < scanner.leafCount; i++) {
          const node = scanner.leafNode[i]!;
          const field = known[node] ?? scanner.name(node);
          known[node] = field;
          fields.add(field);
          if (field === '_path' && scanner.leafKind[i] === LEAF_TEXT) path ??= scanner.text(bytes, i);
        }
      at = end + 1;
    }
  }
  if (!fields.has('ts')) return undefined;
  if (path !== undefined && /^[\w-]{1,64}$/.test(path)) return path;
  // A name alone does not make it Zeek's: uid and addresses as Zeek calls them do.
  const isZeeks = fields.has('id.orig_h') || fields.has('uid') || fields.has('uids');
  const named = logOfName(name);
  return (isZeeks || (named !== undefined && UNCONNECTED.has(named)) ? named : undefined) ?? logOfFields(fields);
}

/** True for a log of Zeek in JSON. `head` is the first 64 KiB; `name`, where it is known, that of the file. */
export function looksLikeZeekJson(head: Uint8Array, name = ''): boolean {
  return zeekJsonPath(head, name) !== undefined;
}

/** Whether a log of Zeek in JSON gives flows by itself. */
export function zeekJsonGivesFlows(head: Uint8Array, name = ''): boolean {
  const log = zeekJsonPath(head, name);
  // What is JSON of another kind is refused where it is opened.
  return log === undefined || holdsConnections(log);
}

/**
 * Opens logs of one Zeek as flows, in JSON or in its own format, in any order; see `openZeekFlows` for what becomes of them. Lines of what is rejected are those of the JSON.
 * Rejects with a UserError where one is no log of Zeek.
 */
export async function openZeekJsonFlows(logs: readonly ZeekLog[], options: ZeekFlowOptions): Promise<TableSource> {
  const set = new JsonLogs(options);
  const inner = await openZeekFlows(
    logs.map((log) => ({ name: log.name, open: async () => set.open(log.name, await log.open()) })),
    { ...options, onReject: (reject) => set.rejectOfRow(reject) },
  );
  return {
    name: inner.name,
    format: inner.format.replace(/^zeek/, 'zeek-json'),
    compression: inner.compression,
    totalBytes: inner.totalBytes,
    schema: inner.schema,
    gives: inner.gives,
    read: () => inner.read(),
    bytesTaken: () => inner.bytesTaken(),
    status: () => {
      const { rows, rejected, state, message } = inner.status();
      const { rejected: ofJson, notes, isCut } = set.status();
      const said = [...notes, ...(message === undefined ? [] : [message])];
      return {
        rows,
        rejected: rejected + ofJson,
        rejects: set.rejects,
        state: isCut ? 'cut' : state,
        ...(said.length === 0 ? {} : { message: said.join('; ') }),
      };
    },
    ...(inner.stop === undefined ? {} : { stop: async () => inner.stop?.() }),
    close: () => inner.close(),
  };
}

/** The JSON logs of a set, and what they rejected. */
class JsonLogs {
  readonly rejects: Reject[] = [];
  readonly #options: ZeekFlowOptions;
  readonly #logs = new Map<string, Transcoder>();
  /** Last line of each log that was told to be rejected: a log is opened twice, to see what it is and to read it. */
  readonly #told = new Map<string, number>();
  #current: Transcoder | undefined;

  constructor(options: ZeekFlowOptions) {
    this.#options = options;
  }

  async open(name: string, opened: ByteSource): Promise<ByteSource> {
    const { head, source } = await peekHead(opened).catch((error: unknown) => {
      opened.close();
      throw error;
    });
    if (head.length === 0 || looksLikeZeek(head)) return source;
    // In a folder of logs the name is enough for those that are left aside.
    const zeekPath = zeekJsonPath(head, name) ?? (jsonLayout(head) === undefined ? undefined : logOfName(name));
    if (zeekPath === undefined) {
      source.close();
      throw new UserError(
        `${name} is no Zeek log: it is neither JSON with a field 'ts' and fields of Zeek, nor does it begin with #separator`,
        'name the file as Zeek does (conn.log, dns.log ...), or keep the field _path',
      );
    }
    const transcoder = new Transcoder(source, zeekPath, jsonLayout(head) ?? 'lines', (reject) => {
      if (reject.line <= (this.#told.get(name) ?? 0)) return;
      this.#told.set(name, reject.line);
      this.#tell(reject);
    });
    this.#logs.set(name, transcoder);
    const read = transcoder.read.bind(transcoder);
    return {
      name,
      compression: source.compression,
      totalBytes: source.totalBytes,
      bytesTaken: source.bytesTaken,
      read: (into) => {
        this.#current = transcoder;
        return read(into);
      },
      ...(source.stop === undefined ? {} : { stop: async () => source.stop?.() }),
      close: () => source.close(),
    };
  }

  /** A row that is no connection: its line is that of the log in Zeek's format. */
  rejectOfRow(reject: Reject): void {
    this.#tell({ ...reject, line: this.#current?.lineOf(reject.line) ?? reject.line });
  }

  #tell(reject: Reject): void {
    if (this.rejects.length < MAX_REJECTS_SHOWN) this.rejects.push(reject);
    this.#options.onReject?.(reject);
  }

  status(): { rejected: number; notes: string[]; isCut: boolean } {
    const notes: string[] = [];
    let rejected = 0;
    let isCut = false;
    for (const [name, { feed }] of this.#logs) {
      const status = feed.status(0);
      rejected += status.rejected;
      isCut ||= status.state === 'cut';
      if (status.message !== undefined)
        notes.push(this.#logs.size > 1 ? `${safeText(path.basename(name), 100)}: ${status.message}` : status.message);
    }
    return { rejected, notes, isCut };
  }
}

const DASH = Buffer.from('-');
const EMPTY = Buffer.from('(empty)');
const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const HEX = Buffer.from('0123456789abcdef');

/** One JSON log as the same log in Zeek's own format. */
class Transcoder {
  readonly feed: JsonFeed;
  readonly #path: string;
  /** Columns of the head that was written last, by the node of the key; -1 for none. */
  #columnOf = new Int32Array(8192).fill(-1);
  #fields: string[] = [];
  #isTime: boolean[] = [];
  #heads = 0;
  #out = Buffer.alloc(2 * CHUNK);
  #from = 0;
  #to = 0;
  #sample: { record: Uint8Array; line: number }[] | undefined = [];
  #sampleBytes = 0;
  #ended = false;
  #scratch = new Uint8Array(4096);
  /** Leaf of each column in the record at hand. */
  #leaf = new Int32Array(MAX_FIELDS);
  /** Lines written so far; and, from each written line on, how many more there are than lines of the JSON. */
  #written = 0;
  #shifts: { from: number; by: number }[] = [];
  #recordPath = '';

  constructor(source: ByteSource, zeekPath: string, layout: 'lines' | 'document', onReject: (reject: Reject) => void) {
    this.feed = new JsonFeed(source, layout, { onReject });
    this.#path = zeekPath;
  }

  /** Line of the JSON that a written line came from. */
  lineOf(written: number): number {
    let by = 0;
    for (const shift of this.#shifts) {
      if (shift.from > written) break;
      by = shift.by;
    }
    return written - by;
  }

  async read(into: Uint8Array): Promise<number> {
    while (this.#from === this.#to && !this.#ended) await this.#make();
    const n = Math.min(into.length, this.#to - this.#from);
    into.set(this.#out.subarray(this.#from, this.#from + n));
    this.#from += n;
    return n;
  }

  async #make(): Promise<void> {
    this.#from = 0;
    this.#to = 0;
    const { feed } = this;
    const { scanner } = feed;
    const sample = this.#sample;
    if (sample !== undefined) {
      const optional = Object.hasOwn(OPTIONAL, this.#path) ? OPTIONAL[this.#path] : undefined;
      for (const name of optional?.split(' ') ?? []) this.#addField(name);
      let more = true;
      while (more) {
        while (sample.length < SAMPLE_RECORDS && this.#sampleBytes < SAMPLE_BYTES && feed.next()) {
          sample.push({ record: feed.bytes.slice(feed.recordFrom, feed.recordTo), line: feed.line });
          this.#sampleBytes += feed.recordTo - feed.recordFrom;
          this.#learn(scanner);
        }
        const isEnough = sample.length >= SAMPLE_RECORDS || this.#sampleBytes >= SAMPLE_BYTES;
        // A stream that waits does not wait for the sample.
        more = !isEnough && !(sample.length > 0 && feed.source.totalBytes === undefined) && (await feed.fill());
      }
      this.#sample = undefined;
      for (const { record, line } of sample) {
        const { duplicateKeys, refusedKeys } = scanner;
        scanner.scan(record, 0, record.length);
        scanner.duplicateKeys = duplicateKeys;
        scanner.refusedKeys = refusedKeys;
        this.#write(record, line);
      }
      if (this.#to > 0) return;
    }
    while (this.#to < CHUNK) {
      while (this.#to < CHUNK && feed.next()) this.#write(feed.bytes, feed.line);
      if (this.#to >= CHUNK) return;
      if (!(await feed.fill())) {
        this.#ended = true;
        return;
      }
      if (this.#to > 0 && feed.source.totalBytes === undefined) return;
    }
  }

  /** Takes in the keys of a record. @returns whether there was a new one. */
  #learn(scanner: JsonScanner): boolean {
    let isNew = false;
    for (let i = 0; i < scanner.leafCount; i++) {
      const node = scanner.leafNode[i]!;
      if (this.#columnOf[node] !== -1) continue;
      const name = scanner.name(node);
      const known = this.#fields.indexOf(name);
      if (known >= 0) this.#columnOf[node] = known;
      else if (this.#fields.length >= MAX_FIELDS || this.#heads >= MAX_HEADS || /[\t\n\r]/.test(name))
        this.#columnOf[node] = -2;
      else {
        this.#columnOf[node] = this.#fields.length;
        this.#addField(name);
        isNew = true;
      }
    }
    return isNew;
  }

  #addField(name: string): void {
    this.#fields.push(name);
    this.#isTime.push(TIMES.has(name));
  }

  #head(): void {
    this.#heads++;
    this.#text('#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n');
    this.#text(`#path\t${this.#recordPath || this.#path}\n#fields`);
    for (const name of this.#fields) this.#text(`\t${safeText(name, 200)}`);
    this.#text('\n');
    this.#written += 6;
  }

  #write(bytes: Uint8Array, line: number): void {
    const { scanner } = this.feed;
    // A stream of all logs says with each record of which it is.
    const recordPath = this.#pathOf(bytes);
    const isNew = this.#learn(scanner);
    if (this.#heads === 0 || (isNew && this.#heads < MAX_HEADS) || recordPath !== this.#recordPath) {
      this.#recordPath = recordPath;
      this.#head();
    }
    this.#written++;
    // Blank lines and records of several lines, too, make the numbers differ.
    const by = this.#written - line;
    if (this.#shifts.at(-1)?.by !== by) {
      if (this.#shifts.length >= 4096) this.#shifts.shift();
      this.#shifts.push({ from: this.#written, by });
    }
    const leaf = this.#leaf.fill(-1, 0, this.#fields.length);
    for (let i = 0; i < scanner.leafCount; i++) {
      const column = this.#columnOf[scanner.leafNode[i]!]!;
      if (column >= 0) leaf[column] = i;
    }
    for (let column = 0; column < this.#fields.length; column++) {
      if (column > 0) this.#byte(TAB);
      if (leaf[column]! < 0) this.#byte(0x2d);
      else this.#cell(bytes, leaf[column]!, this.#isTime[column] === true);
    }
    this.#byte(NEWLINE);
  }

  #pathNode = -1;
  #pathOf(bytes: Uint8Array): string {
    const { scanner } = this.feed;
    if (this.#pathNode < 0) this.#pathNode = scanner.node('_path');
    for (let i = 0; i < scanner.leafCount; i++)
      if (scanner.leafNode[i] === this.#pathNode && scanner.leafKind[i] === LEAF_TEXT) {
        const said = scanner.text(bytes, i);
        return /^[\w-]{1,64}$/.test(said) ? said : '';
      }
    return '';
  }

  #cell(bytes: Uint8Array, leaf: number, isTime: boolean): void {
    const { scanner } = this.feed;
    const from = scanner.leafFrom[leaf]!;
    const to = scanner.leafTo[leaf]!;
    const kind = scanner.leafKind[leaf]!;
    if (kind === LEAF_NULL) this.#raw(DASH, 0, 1);
    else if (kind === LEAF_TRUE) this.#byte(0x54);
    else if (kind === LEAF_FALSE) this.#byte(0x46);
    else if (kind === LEAF_NUMBER) {
      const unit = isTime ? epochUnitOf(scanner.leafNumber[leaf]!) : undefined;
      // LogAscii::json_timestamps may be milliseconds.
      if (unit === 'ms') this.#text((scanner.leafNumber[leaf]! / 1000).toFixed(6));
      else this.#raw(bytes, from, to);
    } else if (kind === LEAF_ARRAY) this.#array(bytes, from, to);
    else if (kind === LEAF_TEXT) {
      const time = isTime ? parseTime(bytes, from, to) : Number.NaN;
      if (Number.isNaN(time)) this.#field(bytes, from, to, -1);
      else this.#text((time / 1000).toFixed(6));
    } else if (kind === LEAF_ESCAPED) {
      if (this.#scratch.length < to - from) this.#scratch = new Uint8Array(2 * (to - from));
      this.#field(this.#scratch, 0, unescapeJson(bytes, from, to, this.#scratch), -1);
    } else this.#field(bytes, from, to, -1);
  }

  /** A text, with what separates, ends or means nothing in Zeek's format escaped. */
  #field(bytes: Uint8Array, from: number, to: number, separator: number): void {
    if (to === from) {
      this.#raw(EMPTY, 0, EMPTY.length);
      return;
    }
    // '-' and '(empty)' as texts, and '#' before the first column of a line, would be read as marks.
    const first = bytes[from]!;
    const isMark = (to - from === 1 && first === 0x2d) || (to - from === 7 && first === 0x28) || first === 0x23;
    this.#room(4 * (to - from));
    const out = this.#out;
    let n = this.#to;
    for (let at = from; at < to; at++) {
      const c = bytes[at]!;
      if (c === BACKSLASH) {
        out[n++] = BACKSLASH;
        out[n++] = BACKSLASH;
      } else if (c === TAB || c === NEWLINE || c === 0x0d || c === separator || (isMark && at === from)) {
        out[n++] = BACKSLASH;
        out[n++] = 0x78;
        out[n++] = HEX[c >> 4]!;
        out[n++] = HEX[c & 15]!;
      } else out[n++] = c;
    }
    this.#to = n;
  }

  #array(bytes: Uint8Array, from: number, to: number): void {
    let values: unknown;
    try {
      values = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString());
    } catch {
      // NaN, which the scanner lets pass: the list says nothing.
    }
    if (!Array.isArray(values)) {
      this.#raw(DASH, 0, 1);
      return;
    }
    if (values.length === 0) this.#raw(EMPTY, 0, EMPTY.length);
    let isFirst = true;
    for (const value of values) {
      if (!isFirst) this.#byte(COMMA);
      isFirst = false;
      const text =
        value === null
          ? '-'
          : typeof value === 'boolean'
            ? value
              ? 'T'
              : 'F'
            : typeof value === 'object'
              ? JSON.stringify(value).slice(0, 1024)
              : String(value);
      const plain = Buffer.from(text);
      if (typeof value === 'string') this.#field(plain, 0, plain.length, COMMA);
      else this.#raw(plain, 0, plain.length);
    }
  }

  #room(n: number): void {
    if (this.#to + n <= this.#out.length) return;
    const grown = Buffer.alloc(Math.max(2 * this.#out.length, this.#to + n));
    grown.set(this.#out.subarray(0, this.#to));
    this.#out = grown;
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#out[this.#to++] = byte;
  }

  #raw(bytes: Uint8Array, from: number, to: number): void {
    this.#room(to - from);
    this.#out.set(bytes.subarray(from, to), this.#to);
    this.#to += to - from;
  }

  #text(text: string): void {
    this.#room(3 * text.length);
    this.#to += this.#out.write(text, this.#to);
  }
}
