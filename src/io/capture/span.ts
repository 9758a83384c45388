import { counted, humanCount } from '../../core/index.ts';

/** Ethernet, and Linux' two cooked headers, in the numbers of https://www.tcpdump.org/linktypes.html. */
const ETHERNET = 1;
const SLL = 113;
const SLL2 = 276;
/** PACKET_OTHERHOST of linux/if_packet.h: neither for us nor from us nor for all. */
const OTHER_HOST = 3;
const BROADCAST_OR_MULTICAST = [1, 2];

/**
 * Counts whose frames an interface sees. On a mirror (SPAN) port nearly all unicast is between other hosts; on an ordinary switch port the switch sends us only our own, and an
 * analysis of "the network" would silently be one of this machine.
 */
export class VisibilityCounter {
  /** Frames to one receiver. */
  unicast = 0;
  /** Unicast frames of which neither the sender nor the receiver is this machine. */
  foreign = 0;
  #own: Float64Array;

  /** @param own this machine's Ethernet addresses, 12 hex digits each. */
  constructor(own: Iterable<string>) {
    this.#own = Float64Array.from(own, (mac) => Number.parseInt(mac, 16));
  }

  /** Looks at the frame at [at, end). */
  observe(linkType: number, bytes: Uint8Array, at: number, end: number): void {
    if (linkType === ETHERNET) {
      if (end - at < 12 || ((bytes[at] ?? 0) & 1) === 1) return;
      this.unicast++;
      if (!this.#isOwn(bytes, at) && !this.#isOwn(bytes, at + 6)) this.foreign++;
    } else if (linkType === SLL || linkType === SLL2) {
      if (end - at < 16) return;
      const type = linkType === SLL ? ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0) : (bytes[at + 10] ?? 0);
      if (BROADCAST_OR_MULTICAST.includes(type)) return;
      this.unicast++;
      if (type === OTHER_HOST) this.foreign++;
    }
  }

  #isOwn(bytes: Uint8Array, at: number): boolean {
    const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const low =
      (bytes[at + 2] ?? 0) * 0x1000000 +
      ((bytes[at + 3] ?? 0) << 16) +
      ((bytes[at + 4] ?? 0) << 8) +
      (bytes[at + 5] ?? 0);
    return this.#own.includes(high * 0x100000000 + low);
  }
}

export interface Visibility {
  /** 'unknown' until enough was seen. */
  readonly state: 'unknown' | 'own-only' | 'others';
  readonly sentence: string;
}

/** So many unicast frames are looked at before anything is said. */
const LEAST_FRAMES = 1000;
/** Switches flood what they have not learned yet to every port, so a few foreign frames come to anybody: at most one in two hundred. */
const FLOODED_SHARE = 0.005;

/** Says from the counters whether other hosts' unicast reaches an interface. */
export function judgeVisibility(
  name: string,
  counters: { readonly unicast: number; readonly foreign: number },
  least = LEAST_FRAMES,
): Visibility {
  const { unicast, foreign } = counters;
  if (unicast < least)
    return {
      state: 'unknown',
      sentence: `${counted(unicast, 'unicast frame')} seen on ${name}: too few to say whether other hosts' traffic reaches it (it takes ${humanCount(least)}).`,
    };
  if (foreign <= unicast * FLOODED_SHARE)
    return {
      state: 'own-only',
      sentence: `Only this machine's own traffic is visible on ${name} (${humanCount(foreign)} of ${humanCount(unicast)} unicast frames are other hosts'): connect a mirror port (SPAN) or a tap to see the network.`,
    };
  return {
    state: 'others',
    sentence: `Other hosts' traffic is visible on ${name}: ${humanCount(foreign)} of ${humanCount(unicast)} unicast frames are between others.`,
  };
}
