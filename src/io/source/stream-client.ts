import * as net from 'node:net';
import * as tls from 'node:tls';
import { humanDuration, type Schema, safeText, type Table, UserError } from '../../core/index.ts';
import type { DeadLetterFile } from '../sink/dead-letter.ts';
import { SYSTEM_TIMING, type Timing } from '../timing.ts';
import {
  LineSplitter,
  parseRecord,
  type RecordCounts,
  RecordIntake,
  type RecordTyperOptions,
  shallowJson,
} from './record/index.ts';
import { MAX_LINE_BYTES, MAX_REJECTS_SHOWN, type Reject, type TableSource } from './table-source.ts';

export interface StreamClientOptions extends RecordTyperOptions {
  readonly host: string;
  readonly port: number;
  /** TLS, with the system's authorities or `ca` (PEM), under the name `serverName` instead of the host's. Certificates are always checked. */
  readonly tls?: boolean | { readonly ca?: string; readonly serverName?: string } | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A longer line is rejected and never held whole. Default 1 MiB. */
  readonly maxLineBytes?: number | undefined;
  readonly batchRows?: number | undefined;
  readonly batchMs?: number | undefined;
  /** Without a byte for so long the connection is taken for dead and made anew. Default 5 minutes; 0 never. */
  readonly idleMs?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** First and longest pause between attempts. Defaults 500 ms and 60 s. */
  readonly backOffMs?: number | undefined;
  readonly maxBackOffMs?: number | undefined;
  /** Attempts to connect for the first time, before it is the operator's mistake. Default 3. */
  readonly firstAttempts?: number | undefined;
  /** Whether to connect again when the connection ends. Default true; with false the peer's end is the end of the source. */
  readonly reconnect?: boolean | undefined;
  /** Ends the source by itself after so long, or so many records. */
  readonly durationMs?: number | undefined;
  readonly maxRecords?: number | undefined;
  /** Keeps every line that could not be taken. Closed by whoever made it. */
  readonly deadLetter?: DeadLetterFile | undefined;
  readonly onReject?: ((reject: Reject) => void) | undefined;
  /** Told in a sentence of connections lost and made again. */
  readonly onNote?: ((text: string) => void) | undefined;
  readonly timing?: Timing | undefined;
}

export interface StreamStatistics extends RecordCounts {
  readonly connections: number;
  /** Connections given up because nothing came for `idleMs`. */
  readonly idle: number;
  /** Times that the sender was made to wait because the reader was slower. */
  readonly pauses: number;
}

export interface RecordStream extends TableSource {
  stop(): Promise<void>;
  statistics(): StreamStatistics;
}

/**
 * The pause before the n-th attempt in a row (from 1): between half and the whole of `firstMs` doubled n - 1 times, `maxMs` at most. The chance in it keeps clients that lost the same server from coming
 * back in step.
 */
export function backOffDelay(attempt: number, firstMs: number, maxMs: number, random: number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 40));
  return full / 2 + (random * full) / 2;
}

const RETRYABLE_HINT = 'check the host and the port, and that the sender runs and listens there';

/** An address as it stands in messages: brackets around IPv6. */
function placeOf(host: string, port: number): string {
  return host.includes(':') ? `[${safeText(host)}]:${port}` : `${safeText(host)}:${port}`;
}

/** What a failed connection means, in words. */
export function describeSocketError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset by the other side',
    ENOTFOUND: 'no such host',
    EAI_AGAIN: 'the name could not be looked up',
    ETIMEDOUT: 'no answer in time',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    EPIPE: 'the other side closed the connection',
    CERT_HAS_EXPIRED: 'its certificate has expired',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed and not among the trusted ones',
    SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an authority that is not among the trusted ones',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an authority that is not among the trusted ones',
    ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
    EPROTO: 'it does not speak TLS as expected',
    ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  };
  const what = known[code];
  if (what !== undefined) return `${what} (${code})`;
  const message = error instanceof Error ? error.message : String(error);
  return safeText(message === '' ? code || 'the connection failed' : message);
}

/**
 * Records of a TCP stream, one JSON object a line. Resolves when the first batch is there, because with it the schema is known (at once where `shape` is 'packet-records').
 *
 * It connects again when the connection ends, with pauses that grow (see `backOffDelay`) and begin anew once a record came; a half-sent line is taken if it is whole JSON and rejected otherwise. When the
 * reader is slower than the sender, the socket is paused, and TCP makes the sender wait. A line that is too long, no UTF-8, no JSON, no object, or against the schema is rejected, counted, handed to
 * `onReject` and kept in the dead-letter file. Rejects with UserError when the first connection can't be made in `firstAttempts`.
 */
export async function connectStream(options: StreamClientOptions): Promise<RecordStream> {
  const { host, port } = options;
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UserError(`port ${safeText(String(port))} is none`, 'a port is a number from 1 to 65535');
  if (host === '') throw new UserError('the stream has no host', 'give host:port, as in localhost:9999');
  const client = new StreamClient(options);
  await client.open();
  return client.source();
}

class StreamClient {
  readonly #options: StreamClientOptions;
  readonly #timing: Timing;
  readonly #name: string;
  readonly #intake: RecordIntake;
  readonly #rejects: Reject[] = [];
  #rejected = 0;
  #records = 0;
  #line = 0;
  #bytes = 0;
  #connections = 0;
  #idle = 0;
  #pauses = 0;
  #attempt = 0;
  #ended = false;
  #message: string | undefined;
  #state: 'whole' | 'cut' = 'whole';
  #socket: net.Socket | undefined;
  #paused = false;
  #failure: Error | undefined;
  #cancels = new Set<() => void>();
  #onAbort = (): void => this.#end();
  #wakePause: (() => void) | undefined;

  constructor(options: StreamClientOptions) {
    this.#options = options;
    this.#timing = options.timing ?? SYSTEM_TIMING;
    this.#name = `${options.tls === undefined || options.tls === false ? 'tcp' : 'tls'}://${placeOf(options.host, options.port)}`;
    this.#intake = new RecordIntake({
      ...options,
      timing: this.#timing,
      onFault: ({ record, line }, reason) => this.#reject(line, Buffer.from(shallowJson(record)), reason),
      onRoom: () => {
        if (!this.#paused) return;
        this.#paused = false;
        this.#socket?.resume();
      },
    });
  }

  async open(): Promise<void> {
    const { signal, durationMs } = this.#options;
    if (signal?.aborted === true) this.#end();
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (durationMs !== undefined) this.#after(durationMs, () => this.#end());
    const running = this.#run();
    await this.#intake.opened();
    if (this.#failure !== undefined) {
      await running;
      throw this.#failure;
    }
  }

  /** As `timing.after`, called off when the source ends. */
  #after(ms: number, run: () => void): () => void {
    const cancel = this.#timing.after(ms, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  async #run(): Promise<void> {
    const {
      firstAttempts = 3,
      reconnect = true,
      backOffMs = 500,
      maxBackOffMs = 60_000,
      onNote = (): void => undefined,
    } = this.#options;
    while (!this.#ended) {
      this.#attempt++;
      const { failure, connected } = await this.#connection();
      if (this.#ended) break;
      if (!connected && this.#connections === 0 && this.#attempt >= firstAttempts) {
        this.#failure = new UserError(
          `cannot connect to ${this.#name}: ${failure ?? 'the connection ended'}`,
          RETRYABLE_HINT,
        );
        this.#end();
        break;
      }
      if (connected && !reconnect) {
        if (failure !== undefined) this.#cut(`the connection failed: ${failure}`);
        this.#end();
        break;
      }
      const delay = backOffDelay(Math.max(1, this.#attempt), backOffMs, maxBackOffMs, this.#timing.random());
      onNote(
        `${this.#name}: ${failure ?? 'the sender closed the connection'}; trying again in ${humanDuration(delay)}`,
      );
      await new Promise<void>((resolve) => {
        const cancel = this.#after(delay, resolve);
        this.#wakePause = () => {
          cancel();
          resolve();
        };
      });
      this.#wakePause = undefined;
    }
  }

  #cut(message: string): void {
    this.#state = 'cut';
    this.#message ??= message;
  }

  /** One connection from beginning to end. */
  #connection(): Promise<{ failure: string | undefined; connected: boolean }> {
    const { host, port, idleMs = 300_000, connectTimeoutMs = 10_000, maxLineBytes = MAX_LINE_BYTES } = this.#options;
    return new Promise((resolve) => {
      let failure: string | undefined;
      let connected = false;
      let cancelIdle: (() => void) | undefined;
      const lines = new LineSplitter(
        (line) => this.#take(line),
        (head) => this.#reject(++this.#line, head, `line longer than ${maxLineBytes} bytes`),
        maxLineBytes,
      );
      const secure = this.#options.tls;
      const socket =
        secure === undefined || secure === false
          ? net.connect({ host, port })
          : tls.connect({
              host,
              port,
              ...(secure === true || secure.ca === undefined ? {} : { ca: secure.ca }),
              ...(secure === true || secure.serverName === undefined
                ? net.isIP(host) === 0
                  ? { servername: host }
                  : {}
                : { servername: secure.serverName }),
            });
      this.#socket = socket;
      this.#paused = false;
      const cancelConnect = this.#after(connectTimeoutMs, () => {
        failure = 'no answer in time (ETIMEDOUT)';
        socket.destroy();
      });
      // A clock that is asked at every read is cheap; a timer that is set anew at every read is not.
      let lastByte = this.#timing.now();
      const watch = (waitMs: number): void => {
        cancelIdle = this.#after(waitMs, () => {
          const silent = this.#timing.now() - lastByte;
          if (silent < idleMs || this.#paused) {
            watch(this.#paused ? idleMs : idleMs - silent);
            return;
          }
          this.#idle++;
          failure = `nothing came for ${humanDuration(idleMs)}`;
          socket.destroy();
        });
      };
      socket.on(secure === undefined || secure === false ? 'connect' : 'secureConnect', () => {
        cancelConnect();
        connected = true;
        this.#connections++;
        socket.setKeepAlive(true, 30_000);
        lastByte = this.#timing.now();
        if (idleMs > 0) watch(idleMs);
      });
      socket.on('data', (chunk: Buffer) => {
        this.#bytes += chunk.length;
        lastByte = this.#timing.now();
        lines.push(chunk);
        if (this.#ended) return;
        if (this.#intake.full) {
          this.#paused = true;
          this.#pauses++;
          socket.pause();
        }
      });
      socket.on('error', (error) => {
        failure ??= describeSocketError(error);
      });
      socket.on('close', () => {
        cancelConnect();
        cancelIdle?.();
        if (!this.#ended) {
          const before = this.#rejected;
          const open = lines.end();
          if (open && this.#rejected > before && this.#options.reconnect === false)
            this.#cut('the input ended within a record');
        }
        resolve({ failure, connected });
      });
    });
  }

  #take(line: Uint8Array): void {
    if (this.#ended) return;
    this.#line++;
    const record = parseRecord(line);
    if (record === undefined) return;
    if (typeof record === 'string') {
      this.#reject(this.#line, line, record);
      return;
    }
    this.#attempt = 0;
    this.#records++;
    this.#intake.add({ record, arrivalMs: this.#timing.now(), line: this.#line }, line.length);
    if (this.#records === this.#options.maxRecords) this.#end();
  }

  #reject(line: number, bytes: Uint8Array, reason: string): void {
    this.#rejected++;
    const reject = { line, reason, bytes: bytes.slice(0, 1024) };
    if (this.#rejects.length < MAX_REJECTS_SHOWN) this.#rejects.push(reject);
    this.#options.onReject?.(reject);
    try {
      this.#options.deadLetter?.add({
        timeMs: this.#timing.now(),
        source: this.#name,
        line,
        reason,
        bytes,
      });
    } catch (error) {
      // The file can't be made: better no run than one that loses what it promised to keep.
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#end();
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#wakePause?.();
    this.#socket?.destroy();
    this.#intake.end();
  }

  source(): RecordStream {
    const intake = this.#intake;
    const empty: Schema = { name: 'records', version: 1, columns: [] };
    const schema = intake.typer.schema ?? empty;
    return {
      name: this.#name,
      format: schema.name === 'packet-records' ? 'packet-records' : 'json-stream',
      compression: '',
      totalBytes: undefined,
      schema,
      gives: new Set(schema.columns.map(({ name }) => name).filter((name) => name !== 'agent')),
      read: async (): Promise<Table | undefined> => {
        const table = await intake.take();
        if (table === undefined && this.#failure !== undefined) throw this.#failure;
        return table;
      },
      bytesTaken: () => this.#bytes,
      status: () => ({
        rows: intake.rows,
        rejected: this.#rejected,
        rejects: this.#rejects,
        state: this.#state,
        ...(this.#message === undefined ? {} : { message: this.#message }),
      }),
      statistics: () => ({
        ...intake.typer.counts(),
        connections: this.#connections,
        idle: this.#idle,
        pauses: this.#pauses,
      }),
      stop: async () => this.#end(),
      close: () => this.#end(),
    };
  }
}
