import type * as net from 'node:net';
import { isObject, type JsonObject, LineSplitter, parseRecord } from '../record/index.ts';
import { MAX_LINE_BYTES } from '../table-source.ts';
import { type Intake, SOURCE_NAME } from './intake.ts';
import { peerOf } from './peer.ts';

/** JSON records over TCP, one a line. */

/** Takes the records of one connection. */
export function serveTcp(intake: Intake, socket: net.Socket): void {
  socket.on('error', () => undefined);
  if (socket.destroyed) return;
  const peer = peerOf(socket.remoteAddress);
  const { maxLineBytes = MAX_LINE_BYTES, authMs = 10_000, idleMs = 300_000 } = intake.options;
  let authorized = !intake.hasToken;
  let refused = false;
  let first = true;
  let source = peer;
  let taken = 0;
  const refuse = (error: string): void => {
    refused = true;
    intake.counts.unauthorized++;
    // What the peer still sends is read and dropped, so that the reason reaches it before the end.
    socket.end(`${JSON.stringify({ error })}\n`);
    intake.after(1000, () => socket.destroy());
  };
  const cancelAuth = authorized
    ? undefined
    : intake.after(authMs, () => {
        if (!authorized) refuse('no token in time');
      });
  let lastByte = intake.timing.now();
  let held = false;
  let cancelIdle: (() => void) | undefined;
  const watch = (waitMs: number): void => {
    cancelIdle = intake.after(waitMs, () => {
      const silent = intake.timing.now() - lastByte;
      if (held || silent < idleMs) watch(held ? idleMs : idleMs - silent);
      else socket.destroy();
    });
  };
  watch(idleMs);
  const lines = new LineSplitter(
    (line) => {
      if (refused) return;
      const record = parseRecord(line);
      if (record === undefined) return;
      if (first) {
        first = false;
        const auth = typeof record === 'string' ? undefined : authOf(record);
        if (intake.hasToken) {
          if (intake.wrong.lacks(peer, 1, intake.timing.now()) > 0)
            return refuse('too many wrong tokens, come back later');
          if (auth?.token === undefined) return refuse('the first line must be {"token": "..."}');
          if (!intake.matches(auth.token)) {
            intake.wrong.take(peer, 1, intake.timing.now());
            return refuse('wrong token');
          }
          authorized = true;
          cancelAuth?.();
        }
        if (auth !== undefined) {
          if (auth.source !== undefined) source = auth.source;
          return;
        }
      }
      taken++;
      if (typeof record === 'string') intake.reject(source, lines.line, line, record);
      else intake.take(source, record, line.length, lines.line);
    },
    (head) => {
      if (!authorized) {
        if (!refused) refuse('the first line must be {"token": "..."}');
        return;
      }
      first = false;
      taken++;
      intake.reject(source, lines.line, head, `line longer than ${maxLineBytes} bytes`);
    },
    maxLineBytes,
  );
  /** Bytes that came while the reader was behind: one read at most, because the socket is paused. */
  let kept: Buffer | undefined;
  const resume = (): void => {
    held = false;
    if (socket.destroyed) return;
    if (intake.full) {
      held = true;
      intake.waiting.add(resume);
      return;
    }
    const chunk = kept;
    kept = undefined;
    if (chunk !== undefined) take(chunk);
    if (!held) socket.resume();
  };
  const take = (chunk: Buffer): void => {
    const now = intake.timing.now();
    taken = 0;
    lines.push(chunk);
    if (intake.ended || socket.destroyed) return;
    const owed = intake.limiter.take(peer, taken, now);
    if (owed > 0) {
      intake.counts.throttled++;
      held = true;
      socket.pause();
      intake.after(owed, resume);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    lastByte = intake.timing.now();
    if (refused) return;
    intake.counts.bytes += chunk.length;
    // Before the token, a stranger may send one short line and nothing else.
    if (!authorized && lines.heldBytes + chunk.length > 4096 && chunk.indexOf(10) < 0) {
      refuse('the first line must be {"token": "..."}');
      return;
    }
    if (intake.full && authorized) {
      intake.counts.pauses++;
      kept = kept === undefined ? chunk : Buffer.concat([kept, chunk]);
      held = true;
      socket.pause();
      intake.waiting.add(resume);
      return;
    }
    take(chunk);
  });
  socket.on('end', () => {
    if (!intake.ended && !held) lines.end();
  });
  socket.on('close', () => {
    intake.waiting.delete(resume);
    // The peer sent it before it left.
    if (kept !== undefined && !intake.ended) lines.push(kept);
    kept = undefined;
    if (!intake.ended) lines.end();
    cancelAuth?.();
    cancelIdle?.();
  });
}

/** What a first line says of its sender: `{"token": "...", "source": "..."}` or `{"auth": {...}}` and nothing else; undefined for any other record. */
function authOf(record: JsonObject): { token: string | undefined; source: string | undefined } | undefined {
  const keys = Object.keys(record);
  const inner = keys.length === 1 && isObject(record.auth) ? record.auth : record;
  if (!Object.keys(inner).every((key) => key === 'token' || key === 'source')) return undefined;
  const { token, source } = inner;
  if (typeof token !== 'string') return undefined;
  return { token, source: typeof source === 'string' && SOURCE_NAME.test(source) ? source : undefined };
}
