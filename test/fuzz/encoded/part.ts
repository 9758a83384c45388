import * as wire from '../../../src/wire/index.ts';
import { addressWords, asciiBytes, hexBytes, ipFrame } from '../../support/frames.ts';

/** What many of the encoded messages are made of. */

/** Bytes of one client and, where there is one, one server message over TCP on a port, or of datagrams, or whole frames. */
export type Encoded =
  | { readonly tcp: number; readonly client?: readonly Uint8Array[]; readonly server?: readonly Uint8Array[] }
  | { readonly udp: number; readonly client?: readonly Uint8Array[]; readonly server?: readonly Uint8Array[] }
  | { readonly frames: readonly Uint8Array[]; readonly linkType?: number };

export const text = asciiBytes;
export const word = (address: string): number => addressWords(address).words[0];
export const MACS = { destination: hexBytes('020000000001'), source: hexBytes('020000000002') };
export const INNER4 = wire.encodeIpv4({
  source: word('10.0.0.1'),
  destination: word('10.0.0.2'),
  protocol: 17,
  payload: wire.encodeUdp(4000, 53, wire.encodeDns({ name: 'example.org' })),
});
export const INNER6 = wire.encodeIpv6({
  source: addressWords('2001:db8::1').words,
  destination: addressWords('2001:db8::2').words,
  nextHeader: 6,
  payload: wire.encodeTcp({
    srcPort: 4000,
    dstPort: 80,
    flags: 24,
    sequence: 1,
    payload: text('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  }),
});
export const FRAME = wire.encodeEthernet({ ...MACS, etherType: 0x0800, payload: INNER4, tags: [{ vlan: 7 }] });
export const ethernet = (etherType: number, payload: Uint8Array): Uint8Array =>
  wire.encodeEthernet({ ...MACS, etherType, payload });
export const inUdp = (port: number, payload: Uint8Array, source = 50_000): Uint8Array =>
  ethernet(
    0x0800,
    wire.encodeIpv4({
      source: word('1.1.1.1'),
      destination: word('2.2.2.2'),
      protocol: 17,
      payload: wire.encodeUdp(source, port, payload),
    }),
  );
export const inIp = (protocol: number, payload: Uint8Array): Uint8Array =>
  ipFrame('1.1.1.1', '2.2.2.2', protocol, payload);
