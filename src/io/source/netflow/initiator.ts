import { PROTO, serviceByPort, TCP_ACK, TCP_RST, TCP_SYN } from '../../../wire/index.ts';
import type { Held } from './held.ts';

/** Who began a flow of which only records are known. */

const RANKS = new Map<number, Uint8Array>();

/**
 * How likely a port is the server's: 3 a known service, 2 a system port, 1 a registered one, 0 a dynamic one; undefined for other protocols than TCP and UDP. Made when it is first asked for, as most runs have no
 * need of it.
 */
function ranksOf(protocol: number): Uint8Array | undefined {
  if (protocol !== PROTO.tcp && protocol !== PROTO.udp) return undefined;
  let ranks = RANKS.get(protocol);
  if (ranks === undefined) {
    ranks = Uint8Array.from({ length: 65_536 }, (_, port) =>
      port === 0 ? 0 : serviceByPort(protocol, port) !== undefined ? 3 : port < 1024 ? 2 : port < 32_768 ? 1 : 0,
    );
    RANKS.set(protocol, ranks);
  }
  return ranks;
}

/** 0 or 1: which side of the flow is its initiator. */
export function initiatorOf(held: Held): number {
  if (held.initiator >= 0) return held.initiator;
  const { flags0, flags1, protocol } = held;
  const isTimeTold = !held.isSampled && held.seen0 && held.seen1 && held.start0 !== held.start1;
  if (protocol === PROTO.tcp) {
    const asks0 = isBareSyn(flags0);
    const asks1 = isBareSyn(flags1);
    if (asks0 !== asks1) return asks0 ? 0 : 1;
    // A side that resets and never set SYN has refused the other's.
    const refuses0 =
      flags0 >= 0 && (flags0 & (TCP_SYN | TCP_RST)) === TCP_RST && flags1 >= 0 && (flags1 & TCP_SYN) !== 0;
    const refuses1 =
      flags1 >= 0 && (flags1 & (TCP_SYN | TCP_RST)) === TCP_RST && flags0 >= 0 && (flags0 & TCP_SYN) !== 0;
    if (refuses0 !== refuses1) return refuses0 ? 1 : 0;
  }
  const earlier = held.start1 < held.start0 ? 1 : 0;
  const rank = ranksOf(protocol);
  if (rank === undefined) return isTimeTold ? earlier : 0;
  const rank0 = rank[held.port0] ?? 0;
  const rank1 = rank[held.port1] ?? 0;
  const beganSeen =
    protocol !== PROTO.tcp ||
    (flags0 < 0 && flags1 < 0) ||
    ((Math.max(0, flags0) | Math.max(0, flags1)) & TCP_SYN) !== 0;
  if (isTimeTold && beganSeen && !held.continued) return earlier;
  if (rank0 === rank1) return isTimeTold ? earlier : held.seen0 ? 0 : 1;
  // Of one direction alone, only a port that is known as a server's outweighs that it was the one that spoke.
  if (!(held.seen0 && held.seen1) && Math.max(rank0, rank1) < 2) return held.seen0 ? 0 : 1;
  return rank0 > rank1 ? 1 : 0;
}

function isBareSyn(flags: number): boolean {
  return flags >= 0 && (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
}
