import type { Random } from '../../core/index.ts';
import { ByteWriter, encodeHttpRequest, encodeHttpResponse } from '../../wire/index.ts';
import { exponential } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import type { TcpTalk } from '../tcp-talk.ts';
import { MS } from '../world.ts';
import { utf8 } from './bytes.ts';

/** HTTP, RFC 9110. */

const USER_AGENTS: Readonly<Record<string, string>> = {
  windows:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  macos:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
  linux: 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0',
  ios: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  android:
    'Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36',
  embedded: 'simulated-device/1.4',
};

export function userAgent(host: Host): string {
  return USER_AGENTS[host.os] ?? 'simulated';
}

export interface HttpExchange {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly agent: string;
  readonly status?: number;
  readonly reason?: string;
  /** Bytes of the two bodies that nobody looks into. */
  readonly up?: number;
  readonly down?: number;
  readonly type?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly thinkMs?: number;
  /** Texts of the two bodies, before the bytes. */
  readonly upText?: string;
  readonly downText?: string;
}

/** A request and its answer, RFC 9110. */
export function* httpExchange(talk: TcpTalk, random: Random, fields: HttpExchange): Step {
  const {
    method,
    target,
    host,
    agent,
    status = 200,
    reason = 'OK',
    up = 0,
    down = 0,
    type = 'text/html',
    headers = [],
    thinkMs = 12,
    upText = '',
    downText = '',
  } = fields;
  const upLength = up + upText.length;
  const request = encodeHttpRequest(method, target, [
    ['Host', host],
    ['User-Agent', agent],
    ['Accept', '*/*'],
    ...headers,
    ...(upLength > 0 ? ([['Content-Length', String(upLength)]] as const) : []),
  ]);
  yield* talk.send(true, upText === '' ? request : new ByteWriter().bytes(request).bytes(utf8(upText)).finish(), up);
  yield* talk.wait(false, exponential(random, thinkMs * MS));
  const response = encodeHttpResponse(status, reason, [
    ['Server', 'simulated'],
    ['Content-Type', type],
    ['Content-Length', String(down + downText.length)],
  ]);
  yield* talk.send(
    false,
    downText === '' ? response : new ByteWriter().bytes(response).bytes(utf8(downText)).finish(),
    down,
  );
  yield* talk.wait(true);
}
