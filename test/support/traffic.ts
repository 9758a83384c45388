import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  encodeArp,
  encodeEthernet,
  encodeIpv4,
  encodePcapHeader,
  encodePcapRecord,
  encodeTcp,
  PROTO,
  parseAddress,
  TCP_ACK,
  TCP_RST,
  TCP_SYN,
} from '../../src/wire/index.ts';

/** Made-up traffic for tests that need a story, not a protocol. */

export interface TimedFrame {
  readonly seconds: number;
  readonly frame: Uint8Array;
}

const MAC = (last: number): Uint8Array => Uint8Array.from([0x02, 0, 0, 0, 0, last & 255]);

function word(address: string): number {
  const parsed = parseAddress(address);
  if (parsed === undefined || parsed.isV6) throw new Error(`${address} is no IPv4 address`);
  return parsed.words[0];
}

export function tcpFrame(
  seconds: number,
  source: string,
  srcPort: number,
  destination: string,
  dstPort: number,
  flags: number,
  payload = new Uint8Array(),
): TimedFrame {
  const segment = encodeTcp({ srcPort, dstPort, flags, payload });
  const packet = encodeIpv4({
    source: word(source),
    destination: word(destination),
    protocol: PROTO.tcp,
    payload: segment,
  });
  return {
    seconds,
    frame: encodeEthernet({
      destination: MAC(word(destination)),
      source: MAC(word(source)),
      etherType: ETHERTYPE_IPV4,
      payload: packet,
    }),
  };
}

export function arpRequest(seconds: number, sender: string, target: string): TimedFrame {
  const payload = encodeArp({ operation: 1, senderMac: MAC(word(sender)), sender: word(sender), target: word(target) });
  return {
    seconds,
    frame: encodeEthernet({
      destination: new Uint8Array(6).fill(255),
      source: MAC(word(sender)),
      etherType: ETHERTYPE_ARP,
      payload,
    }),
  };
}

/** A SYN to each of `count` hosts of a /24, one every `gap` seconds, each refused with a RST. */
export function portSweep(options: {
  source: string;
  network: string;
  port: number;
  count: number;
  start?: number;
  gap?: number;
}): TimedFrame[] {
  const { source, network, port, count, start = 1_700_000_000, gap = 0.05 } = options;
  return Array.from({ length: count }, (_, i) => {
    const target = `${network}.${i + 1}`;
    const at = start + i * gap;
    return [
      tcpFrame(at, source, 40_000 + i, target, port, TCP_SYN),
      tcpFrame(at + 0.001, target, port, source, 40_000 + i, TCP_RST | TCP_ACK),
    ];
  }).flat();
}

/** The frames as a pcap file, in order of time. */
export function pcapOf(frames: readonly TimedFrame[]): Uint8Array {
  const records = [...frames]
    .sort((a, b) => a.seconds - b.seconds)
    .map(({ seconds, frame }) => encodePcapRecord(Math.floor(seconds), Math.round((seconds % 1) * 1e6), frame));
  return Buffer.concat([encodePcapHeader(), ...records]);
}
