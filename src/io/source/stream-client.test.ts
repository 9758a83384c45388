import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import * as tls from 'node:tls';
import * as v8 from 'node:v8';
import * as vm from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../../test/support/certificate.ts';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { ManualTiming, until } from '../../../test/support/timing.ts';
import { DeadLetterFile } from '../sink/dead-letter.ts';
import { PACKET_RECORD_SCHEMA } from './record/index.ts';
import { backOffDelay, connectStream, type RecordStream, type StreamClientOptions } from './stream-client.ts';

const folder = temporaryFolder();
const clean: (() => void)[] = [];
afterEach(() => {
  for (const each of clean.splice(0)) each();
});

const RECORD = { src_port: 443, dst_port: 51_000, packet_size: 1200, duration_ms: 80, protocol: 'TCP' };
const LINE = `${JSON.stringify(RECORD)}\n`;

/** A server on a port of its own whose n-th connection (from 0) is handed to `serve`. */
function serve(handle: (socket: net.Socket, n: number) => void): Promise<number> {
  let n = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    handle(socket, n++);
  });
  clean.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
  });
}

async function connect(port: number, options: Partial<StreamClientOptions> = {}): Promise<RecordStream> {
  const stream = await connectStream({ host: '127.0.0.1', port, batchMs: 5, ...options });
  clean.push(() => stream.close());
  return stream;
}

async function all(stream: RecordStream): Promise<number> {
  let rows = 0;
  for (;;) {
    const table = await stream.read();
    if (table === undefined) return rows;
    rows += table.rowCount;
  }
}

describe('the pause before the next attempt', () => {
  it('doubles up to its bound, with chance in its upper half', () => {
    expect([1, 2, 3, 4, 99].map((n) => backOffDelay(n, 500, 3000, 1))).toEqual([500, 1000, 2000, 3000, 3000]);
    expect(backOffDelay(2, 500, 3000, 0)).toBe(500);
  });
});

describe('a stream of records', () => {
  it('is read as packet records with the time of arrival beside', async () => {
    const timing = new ManualTiming(5000);
    const port = await serve((socket) => socket.end(LINE.repeat(3)));
    const stream = await connect(port, { reconnect: false, timing });
    expect(stream).toMatchObject({ name: `tcp://127.0.0.1:${port}`, format: 'packet-records' });
    expect(stream.schema).toBe(PACKET_RECORD_SCHEMA);
    const table = await stream.read();
    expect(table?.rowCount).toBe(3);
    expect(table?.number('packet_size', 2)).toBe(1200);
    expect(table?.number('arrivalMs', 0)).toBe(5000);
    expect(await stream.read()).toBeUndefined();
    expect(stream.status()).toEqual({ rows: 3, rejected: 0, rejects: [], state: 'whole' });
    expect(stream.bytesTaken()).toBe(3 * LINE.length);
  });

  it('may cut a multi-byte character between two reads', async () => {
    const bytes = Buffer.from('{"name":"zażółć 😀"}\n');
    const port = await serve((socket) => {
      socket.setNoDelay(true);
      const send = (at: number): void => {
        if (at === bytes.length) socket.end();
        else socket.write(bytes.subarray(at, at + 1), () => setImmediate(() => send(at + 1)));
      };
      send(0);
    });
    const stream = await connect(port, { reconnect: false });
    expect((await stream.read())?.text('name', 0)).toBe('zażółć 😀');
  });

  it('survives bad lines and keeps them with the reason', async () => {
    const name = path.join(folder, 'dead.ndjson');
    const deadLetter = new DeadLetterFile(name);
    clean.push(() => deadLetter.close());
    const rejects: string[] = [];
    const port = await serve((socket) => {
      socket.end(
        Buffer.concat([
          Buffer.from(`${LINE}\n{"half":\n`),
          Buffer.from([0xff, 0xfe, 0x0a]),
          Buffer.from(`${'x'.repeat(300)}\n{"src_port":-1}\n${LINE}{"src_po`),
        ]),
      );
    });
    const stream = await connect(port, {
      reconnect: false,
      maxLineBytes: 200,
      deadLetter,
      onReject: ({ line, reason }) => rejects.push(`${line}: ${reason}`),
    });
    expect(await all(stream)).toBe(2);
    expect(rejects.sort()).toEqual([
      '3: not valid JSON',
      '4: not valid UTF-8',
      '5: line longer than 200 bytes',
      '6: src_port: expected an integer from 0 to 65535',
      '8: not valid JSON',
    ]);
    expect(stream.status()).toMatchObject({ rejected: 5, state: 'cut', message: 'the input ended within a record' });
    const letters = fs.readFileSync(name, 'utf8').trim().split('\n');
    expect(letters).toHaveLength(5);
    expect(JSON.parse(letters[0] ?? '')).toMatchObject({ line: 3, reason: 'not valid JSON', text: '{"half":' });
  });

  it('holds little of a line that never ends', async () => {
    v8.setFlagsFromString('--expose-gc');
    const collect: () => void = vm.runInNewContext('gc');
    const chunk = Buffer.alloc(1 << 20, 0x61);
    let goOn: (() => void) | undefined;
    const port = await serve((socket) => {
      let sent = 0;
      socket.write(LINE);
      const send = (): void => {
        sent++;
        if (sent === 100) goOn = send;
        else if (sent === 150) socket.end(`\n${LINE}`);
        else socket.write(chunk, send);
      };
      send();
    });
    const stream = await connect(port, { reconnect: false });
    collect();
    const before = process.memoryUsage().arrayBuffers;
    await until(() => goOn !== undefined && stream.bytesTaken() === LINE.length + 99 * chunk.length);
    // Buffers that were let go are given back by another thread, a moment after the collection.
    await until(() => {
      collect();
      return process.memoryUsage().arrayBuffers - before < 5_000_000;
    });
    goOn?.();
    expect(await all(stream)).toBe(2);
    expect(stream.status()).toMatchObject({ rejected: 1 });
    expect(stream.status().rejects[0]?.reason).toBe('line longer than 1048576 bytes');
  });

  it('takes a last record without a newline when it is whole', async () => {
    const port = await serve((socket) => socket.end(LINE.trim()));
    const stream = await connect(port, { reconnect: false });
    expect(await all(stream)).toBe(1);
    expect(stream.status().state).toBe('whole');
  });

  it('goes on after the connection was lost, with growing pauses that begin anew', async () => {
    const timing = new ManualTiming();
    const notes: string[] = [];
    // Two connections without a record, then one with, and so on.
    const port = await serve((socket, n) => (n % 3 === 2 ? socket.end(LINE) : socket.destroy()));
    const opened = connect(port, {
      timing,
      batchRows: 1,
      connectTimeoutMs: 1,
      idleMs: 0,
      backOffMs: 1000,
      onNote: (text) => notes.push(text),
    });
    const pauses = (): number[] => timing.asked.filter((ms) => ms >= 500);
    for (let n = 1; n <= 6; n++) {
      await until(() => pauses().length === n);
      timing.advance(10_000);
    }
    const stream = await opened;
    expect((await stream.read())?.rowCount).toBe(1);
    expect((await stream.read())?.rowCount).toBe(1);
    expect(pauses().slice(0, 6)).toEqual([750, 1500, 750, 750, 1500, 750]);
    expect(notes[2]).toBe(`tcp://127.0.0.1:${port}: the sender closed the connection; trying again in 750 ms`);
    expect(stream.statistics().connections).toBeGreaterThanOrEqual(6);
  });

  it('takes a silent connection for dead', async () => {
    const timing = new ManualTiming();
    const notes: string[] = [];
    let connections = 0;
    const port = await serve((socket) => {
      connections++;
      socket.write(LINE);
    });
    const stream = await connect(port, { timing, batchRows: 1, idleMs: 60_000, onNote: (text) => notes.push(text) });
    await stream.read();
    timing.advance(61_000);
    await until(() => notes.length > 0);
    expect(notes).toEqual([`tcp://127.0.0.1:${port}: nothing came for 1 min; trying again in 375 ms`]);
    timing.advance(400);
    await until(() => connections === 2);
    expect((await stream.read())?.rowCount).toBe(1);
    expect(stream.statistics().idle).toBe(1);
  });

  it('makes a fast sender wait for a slow reader, and loses nothing', async () => {
    const total = 30_000;
    const port = await serve((socket) => socket.end(LINE.repeat(total)));
    const stream = await connect(port, { reconnect: false, batchRows: 100 });
    await until(() => stream.statistics().pauses > 0);
    const taken = stream.bytesTaken();
    expect(taken).toBeLessThan((total * LINE.length) / 2);
    expect(await all(stream)).toBe(total);
  });

  it('ends after so many records, after so long, and when it is told to', async () => {
    const port = await serve((socket) => socket.write(LINE.repeat(100)));
    expect(await all(await connect(port, { maxRecords: 10, reconnect: false }))).toBe(10);
    const timing = new ManualTiming();
    const timed = await connect(port, { durationMs: 5000, timing, batchRows: 100 });
    timing.advance(5000);
    expect(await all(timed)).toBe(100);
    const stop = new AbortController();
    const stopped = await connect(port, { signal: stop.signal });
    const rest = all(stopped);
    stop.abort();
    expect(await rest).toBeGreaterThan(0);
  });

  it('says in words why the first connection failed', async () => {
    const port = await serve(() => undefined);
    for (const each of clean.splice(0)) each();
    await expect(connectStream({ host: '127.0.0.1', port, firstAttempts: 1 })).rejects.toMatchObject({
      name: 'UserError',
      message: `cannot connect to tcp://127.0.0.1:${port}: connection refused (ECONNREFUSED)`,
      hint: 'check the host and the port, and that the sender runs and listens there',
    });
    await expect(connectStream({ host: 'x', port: 0 })).rejects.toMatchObject({ message: 'port 0 is none' });
  });

  it('ends at once where the signal was given before', async () => {
    const stream = await connectStream({ host: '127.0.0.1', port: 1, signal: AbortSignal.abort() });
    expect(await stream.read()).toBeUndefined();
  });

  it('speaks TLS, and refuses a certificate that it cannot trust', async () => {
    const { cert, key } = selfSigned();
    const server = tls.createServer({ cert, key }, (socket) => {
      socket.on('error', () => undefined);
      socket.end(LINE);
    });
    server.on('tlsClientError', () => undefined);
    clean.push(() => server.close());
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
    });
    const stream = await connect(port, { host: 'localhost', tls: { ca: cert }, reconnect: false });
    expect(stream.name).toBe(`tls://localhost:${port}`);
    expect(await all(stream)).toBe(1);
    await expect(connectStream({ host: 'localhost', port, tls: true, firstAttempts: 1 })).rejects.toMatchObject({
      message: `cannot connect to tls://localhost:${port}: its certificate is self-signed and not among the trusted ones (DEPTH_ZERO_SELF_SIGNED_CERT)`,
    });
  });
});
