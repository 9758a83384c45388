import * as net from 'node:net';
import { safeText, UserError } from '../../core/index.ts';

/** Streams lines to any number of clients on this machine, one every so often, as system 002's generator does over TCP. */

/** Clients at once at most; one more is turned away. */
const MAX_CLIENTS = 64;
/** A client that leaves so many bytes unread is dropped: it would hold them in our memory. */
const MAX_UNREAD = 1 << 20;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  /** Lines per second. */
  readonly rate: number;
  /** The next line with its end, undefined when there is none any more. */
  readonly next: () => string | undefined;
  /** Told when the server listens, and of what happens to clients. */
  readonly onNote: (text: string) => void;
  readonly signal: AbortSignal;
}

/** '127.0.0.1:9999' apart. Throws UserError for anything but a port of this machine. */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? (match?.[2] === '' ? '127.0.0.1' : match?.[2]);
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    throw new UserError(`--serve ${text}: expected an address and a port`, 'for example --serve 127.0.0.1:9999');
  if (!LOOPBACK.has(host))
    throw new UserError(
      `--serve ${text}: simulated records are served to this machine alone`,
      `for example --serve 127.0.0.1:${port}; others reach it through an SSH tunnel`,
    );
  return { host, port };
}

/** Serves until there is no next line, or the signal. Every client gets each line from when it came. Gives the number of lines. */
export async function serveLines({ host, port, rate, next, onNote, signal }: ServeOptions): Promise<number> {
  const clients = new Set<net.Socket>();
  let lines = 0;
  const server = net.createServer((socket) => {
    const name = `${socket.remoteAddress ?? 'client'}:${socket.remotePort ?? 0}`;
    if (clients.size >= MAX_CLIENTS) {
      onNote(`${name} turned away: ${MAX_CLIENTS} clients are served already`);
      socket.destroy();
      return;
    }
    clients.add(socket);
    onNote(`${name} connected (${clients.size} now)`);
    // What clients say is not read for; it must not pile up either.
    socket.resume();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (clients.delete(socket)) onNote(`${name} left (${clients.size} now)`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new UserError(
          `--serve ${host}:${port}: ${error.code === 'EADDRINUSE' ? 'the port is in use' : safeText(error.message)}`,
          'choose another port; 0 takes any that is free',
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  onNote(
    `serving simulated records on ${host}:${typeof address === 'object' && address !== null ? address.port : port}, ${rate} a second; Ctrl-C ends it`,
  );
  try {
    await new Promise<void>((resolve, reject) => {
      // What is due while nobody listens is not owed to who comes later; the first line comes at once.
      let owed = 1;
      let last = performance.now();
      let turn: NodeJS.Timeout | undefined;
      const end = (): void => {
        clearTimeout(turn);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const tick = (): void => {
        try {
          const now = performance.now();
          owed = clients.size === 0 ? 1 : owed + (rate * (now - last)) / 1000;
          last = now;
          // As many as are due: a timer has a millisecond's grain, a rate has none.
          for (; owed >= 1 && clients.size > 0; owed--) {
            const line = next();
            if (line === undefined) {
              end();
              return;
            }
            lines++;
            for (const socket of clients) {
              socket.write(line);
              if (socket.writableLength > MAX_UNREAD) {
                onNote(`${socket.remoteAddress ?? 'client'}:${socket.remotePort ?? 0} dropped: it does not read`);
                socket.destroy();
              }
            }
          }
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        turn = setTimeout(tick, Math.max(1, Math.min(100, 1000 / rate)));
      };
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      else tick();
    });
  } finally {
    for (const socket of clients) socket.end();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      // Who does not say goodbye in time is not waited for.
      setTimeout(() => {
        for (const socket of clients) socket.destroy();
      }, 200).unref();
    });
  }
  return lines;
}
