import type { Server } from 'node:http';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { safeText, UserError } from '../../../core/index.ts';
import { http, https } from '../../web.ts';
import { answerBroken, HttpIntake } from './http.ts';
import { Intake } from './intake.ts';
import {
  DEFAULT_HOST,
  LISTEN_TOKEN_VARIABLE,
  type ListenAddress,
  type ListenerOptions,
  type ListenerStatus,
  type RecordBatch,
  type RecordListener,
} from './option.ts';
import { isLoopback, peerOf } from './peer.ts';
import { serveTcp } from './tcp.ts';

/**
 * Takes JSON records from agents over TCP (one object a line) and HTTP (POST /records), and gives them as tables of event-time windows for each source (see `MicroBatcher`).
 *
 * It listens on the loopback alone unless ANOMALYST_LISTEN_TOKEN holds a token of 16 characters or more; then every agent has to show it: as `Authorization: Bearer ...`, or on TCP as the first line,
 * `{"token": "...", "source": "sensor-7"}`. Delivery is at least once: a record was taken when the 202 says so (HTTP) or when the connection was still open (TCP). Slow readers make TCP senders wait,
 * and HTTP senders come again (429). Throws UserError where it may not or cannot listen.
 */
export async function listenRecords(options: ListenerOptions): Promise<RecordListener> {
  const listener = new Listener(options);
  await listener.open();
  return listener;
}

class Listener implements RecordListener {
  tcp: { readonly host: string; readonly port: number } | undefined;
  http: { readonly host: string; readonly port: number } | undefined;
  readonly #intake: Intake;
  readonly #peerConnections = new Map<string, number>();
  readonly #servers: (net.Server | Server)[] = [];
  readonly #sockets = new Set<net.Socket>();
  #onAbort = (): void => void this.stop();

  constructor(options: ListenerOptions) {
    this.#intake = new Intake(options, () => void this.stop());
    checkAddresses(options, this.#intake.hasToken);
  }

  async open(): Promise<void> {
    const {
      tcp,
      http: place,
      tls: secure,
      signal,
      durationMs,
      requestMs = 30_000,
      maxConnections = 256,
    } = this.#intake.options;
    try {
      if (tcp !== undefined) {
        const server =
          secure === undefined ? net.createServer() : tls.createServer({ ...secure, handshakeTimeout: 10_000 });
        server.on('connection', (socket: net.Socket) => this.#register(socket));
        server.on(secure === undefined ? 'connection' : 'secureConnection', (socket: net.Socket) =>
          serveTcp(this.#intake, socket),
        );
        server.on('tlsClientError', (_error: Error, socket: net.Socket) => socket.destroy());
        server.maxConnections = maxConnections;
        server.on('drop', () => this.#intake.counts.connectionsRefused++);
        this.tcp = await this.#listen(server, tcp);
      }
      if (place !== undefined) {
        const settings = {
          headersTimeout: Math.min(10_000, requestMs),
          requestTimeout: requestMs,
          keepAliveTimeout: 5000,
          connectionsCheckingInterval: Math.min(1000, requestMs),
          maxHeaderSize: 16_384,
        };
        const server =
          secure === undefined
            ? http().createServer(settings)
            : https().createServer({ ...settings, ...secure, handshakeTimeout: 10_000 });
        const web = new HttpIntake(this.#intake);
        server.on('request', (request, response) => web.serve(request, response));
        // The token is looked at before the body is asked for.
        server.on('checkContinue', (request, response) => web.serve(request, response));
        server.on('clientError', (error: Error, socket) => answerBroken(error, socket));
        server.on('tlsClientError', (_error: Error, socket: net.Socket) => socket.destroy());
        server.on('connection', (socket: net.Socket) => this.#register(socket));
        server.maxConnections = maxConnections;
        server.on('drop', () => this.#intake.counts.connectionsRefused++);
        this.http = await this.#listen(server, place);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (signal?.aborted === true) await this.stop();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#intake.ended) return;
    if (durationMs !== undefined) this.#intake.after(durationMs, () => void this.stop());
    this.#intake.tick();
  }

  #listen(server: net.Server, address: ListenAddress): Promise<{ host: string; port: number }> {
    const { host = DEFAULT_HOST, port } = address;
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(describeListenError(error, host, port)));
      server.listen(port, host, () => {
        server.removeAllListeners('error');
        // A failed accept (too many open files) is the peer's loss, not the end of the listening.
        server.on('error', () => this.#intake.counts.connectionsRefused++);
        const taken = server.address();
        resolve({ host, port: typeof taken === 'object' && taken !== null ? taken.port : port });
      });
    });
  }

  /** Counts a connection against its peer; closes it where there are too many. */
  #register(socket: net.Socket): void {
    socket.on('error', () => undefined);
    const peer = peerOf(socket.remoteAddress);
    const open = this.#peerConnections.get(peer) ?? 0;
    if (open >= (this.#intake.options.maxPeerConnections ?? 32) || this.#intake.ended) {
      this.#intake.counts.connectionsRefused++;
      socket.destroy();
      return;
    }
    this.#intake.counts.connections++;
    this.#peerConnections.set(peer, open + 1);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#peerConnections.get(peer) ?? 1) - 1;
      if (left <= 0) this.#peerConnections.delete(peer);
      else this.#peerConnections.set(peer, left);
    });
  }

  next(): Promise<RecordBatch | undefined> {
    return this.#intake.next();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch> {
    for (let batch = await this.next(); batch !== undefined; batch = await this.next()) yield batch;
  }

  status(): ListenerStatus {
    return this.#intake.status();
  }

  async stop(): Promise<void> {
    if (!this.#intake.ended) {
      this.#intake.options.signal?.removeEventListener('abort', this.#onAbort);
      this.#intake.end();
      for (const socket of this.#sockets) socket.destroy();
    }
    await Promise.all(
      this.#servers.map(
        (server) => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
      ),
    );
  }
}

/** Refuses to listen where it may not: on an address that others reach, without a token. */
function checkAddresses(options: ListenerOptions, hasToken: boolean): void {
  if (options.tcp === undefined && options.http === undefined)
    throw new UserError('nothing to listen on', 'give an address for TCP, for HTTP, or both');
  for (const address of [options.tcp, options.http]) {
    if (address === undefined) continue;
    const host = address.host ?? DEFAULT_HOST;
    if (!Number.isInteger(address.port) || address.port < 0 || address.port > 65_535)
      throw new UserError(`port ${safeText(String(address.port))} is none`, 'a port is a number from 1 to 65535');
    if (!isLoopback(host) && !hasToken)
      throw new UserError(
        `${safeText(host)} can be reached from other machines, and there is no token`,
        `set ${LISTEN_TOKEN_VARIABLE} (openssl rand -hex 16), or listen on 127.0.0.1`,
      );
    if (!isLoopback(host) && options.tls === undefined)
      options.onNote?.(`${safeText(host)} is listened on without TLS: records and the token can be read on the way`);
  }
}

function describeListenError(error: Error, host: string, port: number): UserError {
  const code = 'code' in error ? String(error.code) : '';
  const known: Record<string, [string, string]> = {
    EADDRINUSE: ['the port is taken', 'choose another port, or stop the program that has it (ss -ltnp)'],
    EACCES: ['permission denied', 'choose a port above 1023'],
    EADDRNOTAVAIL: ['this machine has no such address', 'ip address shows those it has'],
    ENOTFOUND: ['no such host', 'give an address of this machine'],
  };
  const [what, hint] = known[code] ?? [error.message, 'check the address and the port'];
  return new UserError(`cannot listen on ${safeText(host)}:${port}: ${what}${code === '' ? '' : ` (${code})`}`, hint);
}
