import * as dgram from 'node:dgram';
import * as fs from 'node:fs';
import * as net from 'node:net';
import { counted, humanBytes, humanCount, nearest, type Table, UserError } from '../../core/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import type { OddityCounter } from '../../wire/index.ts';
import {
  COLLECTOR_KINDS,
  type CollectorKind,
  type CollectorStatus,
  NetflowDecoder,
  type NetflowOptions,
  type NetflowSource,
} from './netflow/index.ts';

/**
 * A UDP port that exporters send NetFlow, IPFIX and sFlow to, all on one, told apart datagram by datagram.
 *
 * UDP has no flow control: what comes while the rows of before are worked on waits in the kernel's buffer, and beyond it is dropped there, unseen but for a counter. So the buffer is
 * asked to be large, and the counter is read where the system shows it. Nothing is authenticated in these protocols: whoever can reach the port can invent flows, so it is bound to
 * loopback unless the operator names an address.
 */
export interface CollectorOptions extends NetflowOptions {
  readonly oddities: OddityCounter;
  /** Address to listen at. Default 127.0.0.1; '0.0.0.0' and '::' are all of the machine's. */
  readonly host?: string | undefined;
  /** 0 takes a free one; `CollectorSource.port` says which. Default 2055. */
  readonly port?: number | undefined;
  /** Names of `COLLECTOR_KINDS`. */
  readonly kinds?: readonly CollectorKind[] | undefined;
  /** Only datagrams of these addresses are taken; all when undefined. */
  readonly exporters?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Receive buffer that is asked of the kernel. Default 32 MiB; Linux gives at most net.core.rmem_max. */
  readonly bufferBytes?: number | undefined;
  /** Rows are given at the latest after this time. Default 1 s. */
  readonly batchMs?: number | undefined;
  /** Tables that wait for a reader, at most; datagrams beyond it are dropped and counted. Default 64. */
  readonly maxTables?: number | undefined;
  /** The clock of arrivals, epoch ms. */
  readonly now?: (() => number) | undefined;
}

export interface UdpCollectorStatus extends CollectorStatus {
  /** Datagrams that the kernel dropped because its buffer was full; undefined where the system does not say. */
  readonly kernelDrops: number | undefined;
  /** Datagrams that were dropped because nobody read the rows. */
  readonly unreadDrops: number;
  /** Datagrams of addresses that are not among `exporters`. */
  readonly foreign: number;
  readonly bufferBytes: number;
}

export interface CollectorSource extends NetflowSource {
  readonly host: string;
  readonly port: number;
  status(): UdpCollectorStatus;
  /** Ends the collector: what has arrived becomes rows, then the end. */
  stop(): Promise<void>;
}

export const DEFAULT_COLLECTOR_PORT = 2055;
const DEFAULT_BUFFER_BYTES = 32 << 20;
const DEFAULT_BATCH_MS = 1000;
const DEFAULT_MAX_TABLES = 64;

/** Opens the port. Rejects with a UserError when it can't be had. */
export async function openCollector(options: CollectorOptions): Promise<CollectorSource> {
  const { oddities, host = '127.0.0.1', port = DEFAULT_COLLECTOR_PORT, signal, now = Date.now } = options;
  const { batchMs = DEFAULT_BATCH_MS, maxTables = DEFAULT_MAX_TABLES, bufferBytes = DEFAULT_BUFFER_BYTES } = options;
  checkOptions(options, host, port);
  const family = net.isIPv6(host) ? 'udp6' : 'udp4';
  const socket = dgram.createSocket({ type: family, reuseAddr: false });
  await bind(socket, host, port);
  const bound = socket.address();
  const decoder = new NetflowDecoder(oddities, options);
  const taken = options.exporters === undefined ? undefined : new Set(options.exporters);
  const ready: Table[] = [];
  let waiting: (() => void) | undefined;
  let isOver = false;
  let bytes = 0;
  let unreadDrops = 0;
  let foreign = 0;
  let failure: UserError | undefined;
  let drops: number | undefined;
  const received = growBuffer(socket, bufferBytes);

  const wake = (): void => {
    const resolve = waiting;
    waiting = undefined;
    resolve?.();
  };
  const take = (): void => {
    const tables = decoder.takeTables();
    if (tables.length === 0) return;
    ready.push(...tables);
    wake();
  };
  socket.on('message', (message, from) => {
    if (isOver) return;
    bytes += message.length;
    const address = plainAddress(from.address);
    if (taken !== undefined && !taken.has(address)) {
      foreign++;
      return;
    }
    if (ready.length >= maxTables) {
      unreadDrops++;
      return;
    }
    decoder.datagram(message, address, now(), from.port);
    take();
  });
  const timer = setInterval(() => {
    if (ready.length >= maxTables) return;
    drops = kernelDrops(bound.address, bound.port) ?? drops;
    decoder.advance(now());
    decoder.flush();
    take();
  }, batchMs);

  const stop = async (): Promise<void> => {
    if (isOver) return;
    isOver = true;
    clearInterval(timer);
    signal?.removeEventListener('abort', onAbort);
    drops = kernelDrops(bound.address, bound.port) ?? drops;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    decoder.advance(now());
    decoder.finish();
    ready.push(...decoder.takeTables());
    wake();
  };
  const onAbort = (): void => void stop();
  socket.on('error', (error) => {
    failure = new UserError(`the collector on ${bound.address} port ${bound.port} failed: ${error.message}`);
    void stop();
  });
  if (signal?.aborted === true) await stop();
  else signal?.addEventListener('abort', onAbort, { once: true });

  return {
    name: `collect:${family === 'udp6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    host: bound.address,
    port: bound.port,
    get format() {
      return decoder.format();
    },
    compression: '',
    totalBytes: undefined,
    get rejectNoun() {
      return decoder.rejectNoun();
    },
    schema: FLOW_SCHEMA,
    get gives() {
      return decoder.gives();
    },
    async read() {
      for (;;) {
        const table = ready.shift();
        if (table !== undefined) return table;
        if (isOver) {
          // What had arrived was given first.
          if (failure !== undefined) throw failure;
          return undefined;
        }
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
      }
    },
    bytesTaken: () => bytes,
    status() {
      const status = decoder.status();
      const more = [
        failure?.message,
        drops !== undefined && drops > 0
          ? `the kernel dropped ${counted(drops, 'datagram')} because its buffer of ${humanBytes(received)} was full (raise net.core.rmem_max)`
          : undefined,
        unreadDrops > 0
          ? `${counted(unreadDrops, 'datagram')} dropped because the analysis did not keep up`
          : undefined,
        foreign > 0 ? `${counted(foreign, 'datagram')} of addresses that are no exporters of ours` : undefined,
        status.message,
      ].filter((part) => part !== undefined);
      return {
        ...status,
        state: failure === undefined ? 'whole' : 'cut',
        kernelDrops: drops,
        unreadDrops,
        foreign,
        bufferBytes: received,
        ...(more.length === 0 ? {} : { message: more.join('; ') }),
      };
    },
    stop,
    close: () => void stop(),
  };
}

function checkOptions(options: CollectorOptions, host: string, port: number): void {
  if (net.isIP(host) === 0)
    throw new UserError(
      `'${host}' is no address to listen at`,
      'give an IP address of this machine, as in 127.0.0.1 or 0.0.0.0',
    );
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UserError(`${port} is no UDP port`, 'give a number from 1 to 65535, or 0 for a free one');
  for (const kind of options.kinds ?? [])
    if (!COLLECTOR_KINDS.includes(kind)) {
      const near = nearest(kind, COLLECTOR_KINDS);
      throw new UserError(
        `there is no collector for '${kind}'`,
        `${near === undefined ? '' : `did you mean ${near}? `}there are ${COLLECTOR_KINDS.join(', ')}`,
      );
    }
  for (const exporter of options.exporters ?? [])
    if (net.isIP(exporter) === 0)
      throw new UserError(`'${exporter}' is no address of an exporter`, 'give IP addresses');
}

function bind(socket: dgram.Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      socket.close();
      reject(describeBindError(error, host, port));
    };
    socket.once('error', fail);
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeListener('error', fail);
      resolve();
    });
  });
}

function describeBindError(error: NodeJS.ErrnoException, host: string, port: number): UserError {
  const where = `${host} port ${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new UserError(
        `cannot listen on ${where}: another program has it`,
        `stop it (ss -lunp 'sport = :${port}' names it), or choose another port`,
      );
    case 'EACCES':
      return new UserError(
        `cannot listen on ${where}: permission denied`,
        'ports below 1024 need root; choose a higher one',
      );
    case 'EADDRNOTAVAIL':
      return new UserError(`cannot listen on ${where}: it is no address of this machine`, 'ip address lists them');
    default:
      return new UserError(`cannot listen on ${where}: ${error.message}`, 'choose another address or port');
  }
}

/** Asks for a large buffer, and for less where that is refused. Returns what was given. */
function growBuffer(socket: dgram.Socket, wanted: number): number {
  for (let bytes = wanted; bytes >= 65_536; bytes /= 2)
    try {
      socket.setRecvBufferSize(Math.floor(bytes));
      break;
    } catch {
      // Linux cuts it to its limit; others refuse what is more.
    }
  try {
    return socket.getRecvBufferSize();
  } catch {
    return 0;
  }
}

/** IPv4 as it is where it came through a socket of both families. */
function plainAddress(address: string): string {
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
  const zone = plain.indexOf('%');
  return zone < 0 ? plain : plain.slice(0, zone);
}

/** The drops column of /proc/net/udp for the socket of this address and port; undefined elsewhere than on Linux. */
export function kernelDrops(
  address: string,
  port: number,
  read: (file: string) => string = readProc,
): number | undefined {
  const isV6 = net.isIPv6(address);
  let text: string;
  try {
    text = read(isV6 ? '/proc/net/udp6' : '/proc/net/udp');
  } catch {
    return undefined;
  }
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  let drops: number | undefined;
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns[1]?.endsWith(`:${hexPort}`) !== true || columns[3] !== '07') continue;
    if (!isV6 && columns[1] !== `${hexAddress(address)}:${hexPort}`) continue;
    const n = Number(columns.at(-1));
    if (Number.isSafeInteger(n)) drops = (drops ?? 0) + n;
  }
  return drops;
}

/** As in /proc/net/udp: the word of the address in the machine's byte order, which is little-endian wherever Node runs on Linux but on s390x. */
function hexAddress(address: string): string {
  return address
    .split('.')
    .reverse()
    .map((octet) => Number(octet).toString(16).toUpperCase().padStart(2, '0'))
    .join('');
}

function readProc(file: string): string {
  return fs.readFileSync(file, 'latin1');
}

/** One line of what the collector has taken in so far, for people who watch it. */
export function describeCollector(status: UdpCollectorStatus): string {
  const exporters = new Set(status.domains.map((domain) => domain.exporter)).size;
  return `${counted(exporters, 'exporter')}, ${counted(status.datagrams, 'datagram')}, ${humanCount(status.records)} records, ${humanCount(status.rows)} flows`;
}
