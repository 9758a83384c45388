import { parseAddress } from '../../../wire/index.ts';

/** Who sends, and how much of it is taken. */

/**
 * A bucket of tokens for each peer: `rate` a second flow in, `burst` fit. At most 4,096 peers are remembered, the latest; who was forgotten begins with a full bucket.
 */
export class PeerLimiter {
  readonly #rate: number;
  readonly #burst: number;
  readonly #maxPeers: number;
  #peers = new Map<string, { tokens: number; atMs: number }>();

  constructor(rate: number, burst: number, maxPeers = 4096) {
    this.#rate = rate;
    this.#burst = burst;
    this.#maxPeers = maxPeers;
  }

  get peers(): number {
    return this.#peers.size;
  }

  #bucket(peer: string, nowMs: number): { tokens: number; atMs: number } {
    const known = this.#peers.get(peer);
    const bucket = known ?? { tokens: this.#burst, atMs: nowMs };
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) * this.#rate) / 1000);
    bucket.atMs = nowMs;
    this.#peers.delete(peer);
    this.#peers.set(peer, bucket);
    if (this.#peers.size > this.#maxPeers) {
      const oldest = this.#peers.keys().next().value;
      if (oldest !== undefined) this.#peers.delete(oldest);
    }
    return bucket;
  }

  /** Takes `n` and goes into debt where there are fewer; returns ms until the debt is paid. */
  take(peer: string, n: number, nowMs: number): number {
    const bucket = this.#bucket(peer, nowMs);
    bucket.tokens -= n;
    return bucket.tokens >= 0 ? 0 : Math.ceil((-bucket.tokens * 1000) / this.#rate);
  }

  /** 0 where there are `n`, else ms until there are. Takes none. */
  lacks(peer: string, n: number, nowMs: number): number {
    const { tokens } = this.#bucket(peer, nowMs);
    return tokens >= n ? 0 : Math.ceil(((n - tokens) * 1000) / this.#rate);
  }

  /** Takes `n` where there are as many and returns 0; otherwise takes none and returns ms until there are. */
  tryTake(peer: string, n: number, nowMs: number): number {
    const bucket = this.#bucket(peer, nowMs);
    if (bucket.tokens >= n) {
      bucket.tokens -= n;
      return 0;
    }
    return Math.ceil(((n - bucket.tokens) * 1000) / this.#rate);
  }
}

/** Who a rate counts for: an IPv4 address, or the /64 of an IPv6 address, because one machine has all of that. */
export function peerOf(address: string | undefined): string {
  const text = (address ?? 'unknown').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  const parsed = parseAddress(text);
  if (parsed === undefined || !parsed.isV6) return text;
  const [a, b, c, d] = parsed.words;
  if (a === 0 && b === 0 && c === 0 && d === 1) return '::1';
  return `${((a ?? 0) >>> 0).toString(16)}:${((b ?? 0) >>> 0).toString(16)}::/64`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
