/**
 * Oddities: what traffic or a capture file does that it should not. They are data: named, counted, attached to the first frame that showed them, never thrown.
 * The table is the only list of names; a name is stable once it has shipped.
 */
const ODDITY_LIST = [
  ['capture.cut-header', 'The capture ends in the middle of a packet record header.'],
  ['capture.cut-packet', 'The capture ends in the middle of a packet.'],
  ['capture.cut-block', 'The pcapng file ends in the middle of a block.'],
  ['capture.bad-length', 'A record or block claims a length that cannot be; reading stopped there.'],
  ['capture.bad-block', 'A pcapng block contradicts itself; it was skipped.'],
  ['capture.unknown-interface', 'A pcapng packet names an interface that was never described; it was skipped.'],
  ['capture.captured-more-than-wire', 'A record holds more bytes than the packet had on the wire.'],
  ['capture.snapped', 'The packet was cut at capture time (snap length); its later bytes are unknown.'],
  [
    'capture.impossible-wire-length',
    'A record says that its packet was longer than any link carries; what was captured of it is taken for all.',
  ],
  ['capture.dropped', 'The capture program itself reports packets that it dropped.'],
  ['time.backwards', 'The packet is older than one before it in the same run; flow clocks do not run backwards.'],
  ['time.clock-reset', 'Many packets in a row were far behind the clock, so the clock was set back to them.'],
  ['ethernet.truncated-header', 'The frame ends inside the Ethernet or VLAN header.'],
  ['link.truncated-header', 'The frame ends inside the link header (loopback, Linux cooked ...).'],
  [
    'link.malformed-header',
    'The link header contradicts its own lengths (NFLOG, PKTAP); the frame was not looked into.',
  ],
  ['wlan.truncated', 'The frame ends inside the 802.11 header, or the radio header before it contradicts itself.'],
  ['wlan.aggregate', 'An 802.11 frame holds several (A-MSDU); only the first was looked into.'],
  ['vlan.too-deep', 'More than 8 VLAN tags on one frame; it was not looked into.'],
  ['arp.truncated', 'The ARP packet is cut short or claims address lengths that it does not hold.'],
  ['ipv4.truncated-header', 'The frame ends inside the IPv4 header.'],
  ['ipv4.bad-version', 'The EtherType says IPv4, the header does not.'],
  ['ipv4.bad-header-length', 'The IPv4 header length is below 20 bytes.'],
  ['ipv4.bad-total-length', 'The IPv4 total length is shorter than its header.'],
  ['ipv4.total-length-beyond-frame', 'The IPv4 total length is larger than the frame that carries it.'],
  ['ipv4.fragment-without-first', 'A later IPv4 fragment came without its first, so its ports are unknown.'],
  ['ipv6.truncated-header', 'The frame ends inside the IPv6 header.'],
  ['ipv6.bad-version', 'The EtherType says IPv6, the header does not.'],
  ['ipv6.payload-length-beyond-frame', 'The IPv6 payload length is larger than the frame that carries it.'],
  ['ipv6.truncated-extension', 'The frame ends inside an IPv6 extension header.'],
  ['ipv6.too-many-extensions', 'More than 16 IPv6 extension headers; the rest was not looked into.'],
  ['ipv6.fragment-without-first', 'A later IPv6 fragment came without its first, so its ports are unknown.'],
  ['ipv6.nested-fragment', 'An IPv6 fragment inside of a fragmented packet; it was not looked into.'],
  ['ip.fragment-overlap', 'IP fragments overlap, with the same bytes; the first to come counts.'],
  [
    'ip.fragment-inconsistent',
    'IP fragments overlap with other bytes, or disagree on where the packet ends; the first to come counts. Senders do not do this, attackers do.',
  ],
  [
    'ip.fragment-bad-length',
    'An IP fragment is empty, or not the last and no multiple of 8 bytes long; it was left out.',
  ],
  ['ip.fragment-too-large', 'An IP fragment ends beyond 65,535 bytes; it was left out.'],
  ['ip.fragment-incomplete', 'The fragments of an IP packet did not all come within 30 seconds.'],
  ['ip.fragment-pool-full', 'Too many fragmented IP packets at once; the oldest was given up.'],
  ['tunnel.unreadable', 'What a tunnel header says is IP is cut or is none; the packet counts for the tunnel itself.'],
  ['tunnel.too-deep', 'More than 8 tunnels inside of each other; the innermost were not looked into.'],
  ['tcp.truncated-header', 'The packet ends inside the TCP header; flags may be unknown.'],
  ['tcp.bad-data-offset', 'The TCP data offset is below 20 bytes or beyond the segment.'],
  ['udp.truncated-header', 'The packet ends inside the UDP header.'],
  ['udp.bad-length', 'The UDP length is below 8 bytes or beyond the packet.'],
  ['icmp.truncated', 'The packet ends inside the ICMP header.'],
  ['sctp.truncated-header', 'The packet ends inside the SCTP header.'],
  ['dns.malformed', 'A packet on a DNS port does not parse as DNS.'],
  ['tls.malformed-hello', 'A TLS ClientHello contradicts its own lengths.'],
  [
    'tls.overlong-heartbeat',
    'A TLS heartbeat in the clear claims more payload than it has: whoever answers it gives away memory (Heartbleed, CVE-2014-0160).',
  ],
  ['netflow.lying-length', 'A NetFlow, IPFIX or sFlow datagram claims more than it holds; what was whole was read.'],
  ['netflow.bad-template', 'A NetFlow or IPFIX template contradicts itself; it was left out.'],
  [
    'netflow.no-template',
    'Records of NetFlow or IPFIX whose template never came, so nobody can say what stands in them.',
  ],
  ['netflow.unknown-format', 'A datagram for the collector is no NetFlow, IPFIX or sFlow that can be read.'],
  ['flow.evicted', 'The flow table was full, so a flow was written early to make room.'],
  ['flow.names-refused', 'The names of live flows had used up their memory, so a flow went on without a further name.'],
] as const;

export type OddityName = (typeof ODDITY_LIST)[number][0];

/** Number of each oddity, for the hot path. */
export const ODDITY: Readonly<Record<OddityName, number>> = Object.fromEntries(
  ODDITY_LIST.map(([name], i) => [name, i]),
) as Record<OddityName, number>;

/** All oddities with their sentences, in table order. */
export const ODDITIES: readonly { readonly name: OddityName; readonly meaning: string }[] = ODDITY_LIST.map(
  ([name, meaning]) => ({
    name,
    meaning,
  }),
);

export interface OddityCount {
  readonly name: OddityName;
  readonly count: number;
  readonly meaning: string;
  /** Frame number within its input, from 1; 0 where the oddity is not a frame's. */
  readonly firstFrame: number;
  /** Input number, from 1. */
  readonly firstInput: number;
}

/** Counts oddities. The reader sets `input` and `frame` to where it is; `count` notes the first place. */
export class OddityCounter {
  /** Number of the input that is being read, from 1. */
  input = 1;
  /** Number of the frame that is being decoded, from 1. */
  frame = 0;
  #counts = new Float64Array(ODDITY_LIST.length);
  #firstFrame = new Float64Array(ODDITY_LIST.length);
  #firstInput = new Int32Array(ODDITY_LIST.length);

  /** @param id one of `ODDITY`. */
  count(id: number, times = 1): void {
    if (this.#counts[id] === 0) {
      this.#firstFrame[id] = this.frame;
      this.#firstInput[id] = this.input;
    }
    this.#counts[id] += times;
  }

  of(name: OddityName): number {
    return this.#counts[ODDITY[name]];
  }

  /** What occurred, most frequent first, then by name. */
  list(): OddityCount[] {
    const found: OddityCount[] = [];
    ODDITIES.forEach(({ name, meaning }, i) => {
      if (this.#counts[i] > 0) {
        found.push({
          name,
          meaning,
          count: this.#counts[i],
          firstFrame: this.#firstFrame[i],
          firstInput: this.#firstInput[i],
        });
      }
    });
    return found.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  }
}
