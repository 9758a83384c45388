import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { decodeTable, type Schema, type Table, TableEncoder, UserError } from '../core/index.ts';
import type { SensorAlert } from '../detect/index.ts';
import { type ArpChange, ArpChanges, type ArpClaims, type ArpSnapshot, FLOW_SCHEMA } from '../flow/index.ts';
import { describeFileError } from '../io/index.ts';

/**
 * The records that an analysis was made of, as its detectors saw them: every batch of flows in its order, to the last bit, and what flows do not say (which columns their source gives, who
 * claims which address by ARP, alerts of other sensors, the model, baseline, lists and definitions that were given). `anomalyst replay` runs the detectors on them again.
 *
 * flows.csv would not do: it rounds, and does not tell where a batch ends.
 *
 * Parts one after another, each a u32 with its compressed length, a u32 with its length, and its bytes in zstd: a head (JSON), the batches (`TableEncoder`), a tail (JSON), the files. The archive
 * of the report holds how many there are and the SHA-256 of them all. Little-endian; bound to the columns of the version that wrote it.
 */
export const RECORDS_FILE = 'records.zst';
const FORMAT = 'anomalyst-records';
const VERSION = 2;
/** More than this is not kept; two to four million flows. */
export const MAX_RECORD_BYTES = 256 << 20;
/** Given files that are kept beside the records, together. */
const MAX_FILE_BYTES = 64 << 20;
/** Bytes of one part that are read back at most. */
const MAX_PART_BYTES = 1 << 28;
/** Of the levels the one with the fewest bytes for its time: on flows 70 ms for 100,000 of them, where 3 takes twice that for a tenth less. */
const LEVEL = 1;
/** Node.js asks the compressor again for each piece of its result; a batch should be one. */
const PIECE_BYTES = 1 << 20;
const COMPRESSION: zlib.ZstdOptions = {
  chunkSize: PIECE_BYTES,
  params: { [zlib.constants.ZSTD_c_compressionLevel]: LEVEL },
};

/** What was given to a run beside its inputs. */
export type GivenRole = 'model' | 'baseline' | 'threat-list' | 'definitions';

export interface GivenFile {
  readonly role: GivenRole;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What an archive says of its records. */
export type RecordsKept =
  | {
      readonly isKept: true;
      readonly rows: number;
      readonly batches: number;
      readonly bytes: number;
      readonly sha256: string;
      readonly files: readonly { readonly role: GivenRole; readonly name: string }[];
    }
  | {
      readonly isKept: false;
      /** A clause: 'they take more than 256 MB'. */
      readonly why: string;
    };

/** Where records are written to; `OutputFile` of io is one. */
export interface RecordSink {
  write(bytes: Uint8Array): void;
  finish(): void;
  discard(): void;
}

interface Tail {
  /** Columns that each source gives. */
  readonly sources: readonly (readonly string[])[];
  readonly alerts: readonly SensorAlert[];
  readonly arp?: ArpSnapshot;
  /** Of each batch. */
  readonly notes: readonly BatchNote[];
}

/** What flows do not say of the batch that they come in. */
interface BatchNote {
  /** Position in `Tail.sources`; absent for packets. */
  readonly source?: number;
  readonly arp?: readonly ArpChange[];
}

/** Keeps the records of one run: `note` in the first look at them, `add` for the same batches in the second, then `finish`. A disk that fails, and whatever else does not fit, costs the records alone. */
export class RecordKeeper {
  readonly #open: () => RecordSink;
  readonly #cap: number;
  readonly #digest = createHash('sha256');
  readonly #notes: BatchNote[] = [];
  readonly #sources = new Map<ReadonlySet<string>, number>();
  #arp: ArpChanges | undefined;
  #sink: RecordSink | undefined;
  #why: string | undefined;
  #rows = 0;
  #batches = 0;
  #bytes = 0;
  #encoder: TableEncoder | undefined;
  #alerts: readonly SensorAlert[] = [];
  #claims: ArpSnapshot | undefined;

  /** @param cap bytes in the file, at most */
  constructor(open: () => RecordSink, cap = MAX_RECORD_BYTES) {
    this.#open = open;
    this.#cap = cap;
    if (typeof zlib.zstdCompressSync !== 'function')
      this.#why = `Node.js ${process.versions.node} has no zstd; from 22.15 on it has`;
  }

  /** Notes of the next batch what its columns do not say. @param gives columns that its source gives; undefined for packets. */
  note(gives: ReadonlySet<string> | undefined, claims: ArpClaims | undefined): void {
    if (this.#why !== undefined) return;
    if (claims !== undefined) this.#arp ??= new ArpChanges(claims);
    const changes = this.#arp?.take() ?? [];
    let source: number | undefined;
    if (gives !== undefined) {
      source = this.#sources.get(gives) ?? this.#sources.size;
      this.#sources.set(gives, source);
    }
    this.#notes.push({
      ...(source === undefined ? {} : { source }),
      ...(changes.length === 0 ? {} : { arp: changes }),
    });
  }

  /** Takes what is known when all was read. */
  close(alerts: readonly SensorAlert[], claims: ArpClaims | undefined): void {
    this.#alerts = alerts;
    this.#claims = claims?.snapshot();
    this.#arp = undefined;
  }

  /** Keeps a batch. Its arrays are not held. @param encoded the same as `TableEncoder` wrote it, where it is there. */
  add(table: Table, encoded?: Uint8Array): void {
    if (this.#why !== undefined) return;
    this.#keep(() => {
      if (this.#batches >= this.#notes.length) throw new Error('a batch that nothing was noted of');
      if (this.#batches === 0) this.#part(headOf(table.schema));
      this.#batches++;
      this.#rows += table.rowCount;
      if (encoded === undefined) this.#encoder ??= new TableEncoder();
      this.#part(encoded ?? this.#encoder?.encode(table) ?? new Uint8Array());
    });
  }

  /** Leaves the records out for a reason. */
  refuse(why: string): void {
    this.#why ??= why;
  }

  /** @param given what was given to the run beside its inputs */
  finish(given: readonly GivenFile[]): RecordsKept {
    if (this.#batches < this.#notes.length) this.refuse('the disk had no room for all of them');
    if (given.reduce((sum, { bytes }) => sum + bytes.length, 0) > MAX_FILE_BYTES)
      this.refuse(`the model, baseline and lists that were given take more than ${MAX_FILE_BYTES >> 20} MB`);
    this.#keep(() => {
      if (this.#batches === 0) this.#part(headOf(FLOW_SCHEMA));
      const tail: Tail = {
        sources: [...this.#sources.keys()].map((gives) => [...gives]),
        alerts: this.#alerts,
        ...(this.#claims === undefined ? {} : { arp: this.#claims }),
        notes: this.#notes,
      };
      this.#part(encodeJson(tail));
      for (const { bytes } of given) this.#part(bytes);
      if (this.#why !== undefined) return;
      this.#sink?.finish();
      this.#sink = undefined;
    });
    if (this.#why !== undefined) {
      this.discard();
      return { isKept: false, why: this.#why };
    }
    return {
      isKept: true,
      rows: this.#rows,
      batches: this.#batches,
      bytes: this.#bytes,
      sha256: this.#digest.digest('hex'),
      files: given.map(({ role, name }) => ({ role, name })),
    };
  }

  /** Removes what was not finished. */
  discard(): void {
    this.#sink?.discard();
    this.#sink = undefined;
  }

  #keep(step: () => void): void {
    if (this.#why !== undefined) return;
    try {
      step();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#why = error.message;
      this.discard();
    }
  }

  #part(bytes: Uint8Array): void {
    if (this.#why !== undefined) return;
    const packed = zlib.zstdCompressSync(bytes, COMPRESSION);
    this.#bytes += 8 + packed.length;
    if (this.#bytes > this.#cap || bytes.length > MAX_PART_BYTES) {
      this.#why = `they take more than ${this.#cap >> 20} MB`;
      this.discard();
      return;
    }
    const lengths = new Uint8Array(8);
    new DataView(lengths.buffer).setUint32(0, packed.length, true);
    new DataView(lengths.buffer).setUint32(4, bytes.length, true);
    this.#sink ??= this.#open();
    for (const piece of [lengths, packed]) {
      this.#digest.update(piece);
      this.#sink.write(piece);
    }
    // A batch has a piece of its own. Until V8 looks for what is left it counts all of these, and looks the sooner, which takes longer than to compress them.
    if (packed.buffer.byteLength >= PIECE_BYTES) packed.buffer.transfer(0);
  }
}

function headOf({ name, version, columns }: Schema): Uint8Array {
  return encodeJson({ format: FORMAT, version: VERSION, schema: { name, version, columns } });
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** A batch as it was kept. */
export interface StoredBatch {
  readonly table: Table;
  /** Columns that its source gives; undefined for packets. */
  readonly source: { readonly gives: ReadonlySet<string> } | undefined;
  readonly arp: readonly ArpChange[];
}

/** The records of a report, looked through once for damage when they are opened. */
export class StoredRecords {
  readonly rows: number;
  readonly schema: Schema;
  readonly alerts: readonly SensorAlert[];
  readonly arp: ArpSnapshot | undefined;
  readonly given: readonly GivenFile[];
  readonly #file: string;
  readonly #batches: number;
  readonly #sources: readonly { readonly gives: ReadonlySet<string> }[];
  readonly #notes: readonly BatchNote[];

  /** Throws UserError where the file is missing, is not the one that the archive speaks of, or is of other columns than this version has. */
  constructor(folder: string, kept: Extract<RecordsKept, { isKept: true }>) {
    this.#file = path.join(folder, RECORDS_FILE);
    this.#batches = kept.batches;
    this.rows = kept.rows;
    if (digestOf(this.#file) !== kept.sha256)
      throw new UserError(`${this.#file} is not the one that this report was made of`, 'run anomalyst analyze again');
    if (typeof zlib.zstdDecompressSync !== 'function')
      throw new UserError(`${this.#file}: Node.js ${process.versions.node} has no zstd`, 'use Node.js 22.15 or later');
    // The digest holds: this is what we wrote ourselves, once it is of our version.
    const parts = [...this.#parts((i) => i === 0 || i > kept.batches)];
    const head = jsonOf(parts[0]) as { readonly format?: string; readonly version?: number; readonly schema?: Schema };
    const { schema } = head;
    if (head.format !== FORMAT || head.version !== VERSION || schema === undefined)
      throw new UserError(`${this.#file} is of another version of anomalyst`, 'use the version that wrote it');
    if (schema.name === FLOW_SCHEMA.name && columnsOf(schema) !== columnsOf(FLOW_SCHEMA))
      throw new UserError(
        `${this.#file} has other columns than the flows of this version`,
        'use the version of anomalyst that wrote it',
      );
    this.schema = schema.name === FLOW_SCHEMA.name ? FLOW_SCHEMA : schema;
    const { sources, alerts, arp, notes } = jsonOf(parts[1]) as Tail;
    this.#notes = notes;
    this.#sources = sources.map((gives) => ({ gives: new Set(gives) }));
    this.alerts = alerts;
    this.arp = arp;
    this.given = kept.files.map(({ role, name }, i) => ({ role, name, bytes: parts[2 + i] ?? new Uint8Array() }));
  }

  /** The batches in the order in which they were seen. Each has arrays of its own. */
  *batches(): Generator<StoredBatch> {
    let batch = 0;
    for (const bytes of this.#parts((i) => i > 0 && i <= this.#batches)) {
      const { source, arp = [] } = this.#notes[batch++] ?? {};
      yield {
        table: decodeTable(this.schema, bytes),
        source: source === undefined ? undefined : this.#sources[source],
        arp,
      };
    }
  }

  /** The parts whose numbers are wanted, one after another, each in a buffer of its own. */
  *#parts(isWanted: (part: number) => boolean): Generator<Uint8Array> {
    const fd = openFile(this.#file);
    try {
      let at = 0;
      const lengths = new Uint8Array(8);
      for (let i = 0; fs.readSync(fd, lengths, 0, 8, at) === 8; i++) {
        const view = new DataView(lengths.buffer);
        const packedLength = view.getUint32(0, true);
        const length = view.getUint32(4, true);
        at += 8;
        if (isWanted(i)) {
          const packed = new Uint8Array(packedLength);
          let got = 0;
          while (got < packedLength) {
            const n = fs.readSync(fd, packed, got, packedLength - got, at + got);
            if (n === 0) throw new UserError(`${this.#file} lost its end`, 'run anomalyst analyze again');
            got += n;
          }
          // Tables are read in place, which takes a buffer that begins where they expect it.
          const bytes = new Uint8Array(length);
          bytes.set(zlib.zstdDecompressSync(packed, { maxOutputLength: MAX_PART_BYTES }));
          yield bytes;
        }
        at += packedLength;
      }
    } finally {
      fs.closeSync(fd);
    }
  }
}

function openFile(file: string): number {
  try {
    return fs.openSync(file, 'r');
  } catch (error) {
    throw describeFileError(error, file, 'read');
  }
}

function digestOf(file: string): string {
  const fd = openFile(file);
  try {
    const digest = createHash('sha256');
    const buffer = new Uint8Array(1 << 20);
    for (let n = fs.readSync(fd, buffer); n > 0; n = fs.readSync(fd, buffer)) digest.update(buffer.subarray(0, n));
    return digest.digest('hex');
  } catch (error) {
    throw describeFileError(error, file, 'read');
  } finally {
    fs.closeSync(fd);
  }
}

function columnsOf({ version, columns }: Schema): string {
  return JSON.stringify([version, columns.map(({ name, kind }) => [name, kind])]);
}

function jsonOf(bytes: Uint8Array | undefined): unknown {
  return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
}
