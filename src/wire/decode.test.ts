import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCapture } from '../../test/support/capture.ts';
import { asciiBytes, hexBytes, ipFrame } from '../../test/support/frames.ts';
import { Random } from '../core/index.ts';
import {
  decodeFrame,
  ETHERTYPE_ETHERNET,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_PPP,
  encodeAyiya,
  encodeCiscoHdlc,
  encodeErspan,
  encodeEthernet,
  encodeFrameRelay,
  encodeGeneve,
  encodeGre,
  encodeGtp,
  encodeIcmp,
  encodeIpv4,
  encodeIpv6,
  encodeL2tp,
  encodeLlc,
  encodeMpls,
  encodeNsh,
  encodePbb,
  encodePpi,
  encodePpp,
  encodePppoe,
  encodePptpGre,
  encodeRadiotap,
  encodeTcp,
  encodeTeredo,
  encodeUdp,
  encodeVxlan,
  encodeWlan,
  Fragments,
  formatIpv4,
  formatIpv6,
  formatMac,
  OddityCounter,
  otherFrameKind,
  Packet,
  PROTO,
  parseAddress,
  protocolName,
  summarizeTunnel,
  TUNNEL,
  tunnelName,
} from './index.ts';

interface Options {
  readonly linkType?: number;
  readonly wireLength?: number;
  readonly packet?: Packet;
  readonly fragments?: Fragments;
}

interface Decoded {
  readonly belongs: boolean;
  readonly packet: Packet;
  readonly oddities: string[];
  readonly summary: string;
}

function decode(frame: Uint8Array, options: Options = {}): Decoded {
  const { linkType = 1, wireLength = frame.length, packet = new Packet(), fragments = new Fragments() } = options;
  const held = new Uint8Array(frame.length + 64).fill(0xee);
  held.set(frame, 32);
  const oddities = new OddityCounter();
  const view = new DataView(held.buffer);
  const belongs = decodeFrame(held, view, 32, frame.length, wireLength, linkType, packet, fragments, oddities);
  return {
    belongs,
    packet,
    oddities: oddities.list().map(({ name }) => name),
    summary: belongs ? summarize(packet) : otherFrameKind(packet.other),
  };
}

/** 'udp 10.0.0.1:1 > 10.0.0.2:2, 3 bytes in 2 vxlan VNI 5 from 1.1.1.1 to 2.2.2.2'. */
function summarize(p: Packet): string {
  const v6 = p.isV6 !== 0;
  const from = v6 ? formatIpv6(p.src0, p.src1, p.src2, p.src3) : formatIpv4(p.src0);
  const to = v6 ? formatIpv6(p.dst0, p.dst1, p.dst2, p.dst3) : formatIpv4(p.dst0);
  const outer6 = p.outerIsV6 !== 0;
  const outerFrom = outer6 ? formatIpv6(p.outerSrc0, p.outerSrc1, p.outerSrc2, p.outerSrc3) : formatIpv4(p.outerSrc0);
  const outerTo = outer6 ? formatIpv6(p.outerDst0, p.outerDst1, p.outerDst2, p.outerDst3) : formatIpv4(p.outerDst0);
  const outer = p.hasOuter === 0 ? '' : ` from ${outerFrom} to ${outerTo}`;
  const tunnel = p.depth === 0 ? '' : ` in ${p.depth} ${summarizeTunnel(p.tunnel, p.tunnelId)}${outer}`;
  return `${p.vlan < 0 ? '' : `vlan ${p.vlan} `}${protocolName(p.protocol)} ${from}:${p.srcPort} > ${to}:${p.dstPort}, ${p.payloadLength} bytes${tunnel}`;
}

const word = (text: string): number => parseAddress(text)?.words[0] ?? 0;
const words = (text: string): [number, number, number, number] => parseAddress(text)?.words ?? [0, 0, 0, 0];
const ipv4 = (protocol: number, payload: Uint8Array, from = '1.1.1.1', to = '2.2.2.2'): Uint8Array =>
  encodeIpv4({ source: word(from), destination: word(to), protocol, payload });
const ipv6 = (nextHeader: number, payload: Uint8Array, from = 'fd00::1', to = 'fd00::2'): Uint8Array =>
  encodeIpv6({ source: words(from), destination: words(to), nextHeader, payload });
const MACS = { destination: hexBytes('020000000001'), source: hexBytes('020000000002') };
const ethernet = (etherType: number, payload: Uint8Array, vlan?: number): Uint8Array =>
  encodeEthernet({ ...MACS, etherType, payload, ...(vlan === undefined ? {} : { tags: [{ vlan }] }) });
const udpIn = (port: number, payload: Uint8Array, source = 50_000): Uint8Array =>
  ethernet(0x0800, ipv4(PROTO.udp, encodeUdp(source, port, payload)));

const INNER4 = ipv4(PROTO.udp, encodeUdp(4000, 53, asciiBytes('abc')), '10.0.0.1', '10.0.0.2');
const INNER6 = ipv6(PROTO.udp, encodeUdp(4000, 53, asciiBytes('abc')), '2001:db8::1', '2001:db8::2');
const FRAME4 = ethernet(0x0800, INNER4);
const FRAME6 = ethernet(0x86dd, INNER6, 7);
const U4 = 'udp 10.0.0.1:4000 > 10.0.0.2:53, 3 bytes';
const U6 = 'udp 2001:db8::1:4000 > 2001:db8::2:53, 3 bytes';
const OUTER = 'from 1.1.1.1 to 2.2.2.2';

describe('tunnels: the packet is the innermost, the outer addresses stay beside it', () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['IPv4 in IPv4', ethernet(0x0800, ipv4(PROTO.ipip, INNER4)), `${U4} in 1 ipip ${OUTER}`],
    ['IPv6 in IPv4', ethernet(0x0800, ipv4(PROTO.ipv6, INNER6)), `${U6} in 1 6in4 ${OUTER}`],
    ['IPv4 in IPv6', ethernet(0x86dd, ipv6(PROTO.ipip, INNER4)), `${U4} in 1 ipip from fd00::1 to fd00::2`],
    ['IPv6 in IPv6', ethernet(0x86dd, ipv6(PROTO.ipv6, INNER6)), `${U6} in 1 6in4 from fd00::1 to fd00::2`],
    [
      'GRE',
      ethernet(0x0800, ipv4(PROTO.gre, encodeGre({ protocol: ETHERTYPE_IPV4, payload: INNER4 }))),
      `${U4} in 1 gre ${OUTER}`,
    ],
    [
      'GRE with checksum, key and sequence number',
      ethernet(
        0x0800,
        ipv4(PROTO.gre, encodeGre({ protocol: ETHERTYPE_IPV6, payload: INNER6, checksum: true, key: 77, sequence: 3 })),
      ),
      `${U6} in 1 gre key 77 ${OUTER}`,
    ],
    [
      'GRE with a source route',
      // Flags C and R, protocol, checksum and offset, one route entry of 4 bytes, the empty one that ends the list.
      ethernet(0x0800, ipv4(PROTO.gre, concat(hexBytes('c000 0800 0000 0000 0800 0004 01020304 0000 0000'), INNER4))),
      `${U4} in 1 gre ${OUTER}`,
    ],
    [
      'GRE with Ethernet, tagged inside',
      ethernet(0x0800, ipv4(PROTO.gre, encodeGre({ protocol: ETHERTYPE_ETHERNET, payload: FRAME6 }))),
      `vlan 7 ${U6} in 1 gre ${OUTER}`,
    ],
    [
      'PPTP',
      ethernet(0x0800, ipv4(PROTO.gre, encodePptpGre({ callId: 9, sequence: 1, payload: encodePpp(0x21, INNER4) }))),
      `${U4} in 1 pptp call 9 ${OUTER}`,
    ],
    [
      'PPTP that acknowledges too, PPP unframed',
      ethernet(
        0x0800,
        ipv4(
          PROTO.gre,
          encodePptpGre({ callId: 9, sequence: 1, acknowledgement: 4, payload: encodePpp(0x57, INNER6, false) }),
        ),
      ),
      `${U6} in 1 pptp call 9 ${OUTER}`,
    ],
    [
      'ERSPAN I',
      ethernet(0x0800, ipv4(PROTO.gre, encodeGre({ protocol: 0x88be, payload: FRAME4 }))),
      `${U4} in 1 erspan session 0 ${OUTER}`,
    ],
    [
      'ERSPAN II',
      ethernet(
        0x0800,
        ipv4(PROTO.gre, encodeGre({ protocol: 0x88be, sequence: 1, payload: encodeErspan(2, 5, FRAME4) })),
      ),
      `${U4} in 1 erspan session 5 ${OUTER}`,
    ],
    [
      'ERSPAN III',
      ethernet(
        0x0800,
        ipv4(PROTO.gre, encodeGre({ protocol: 0x22eb, sequence: 1, payload: encodeErspan(3, 6, FRAME6) })),
      ),
      `vlan 7 ${U6} in 1 erspan session 6 ${OUTER}`,
    ],
    ['EtherIP', ethernet(0x0800, ipv4(PROTO.etherip, concat(hexBytes('3000'), FRAME4))), `${U4} in 1 etherip ${OUTER}`],
    ['MPLS, IPv4 below', ethernet(0x8847, encodeMpls([100, 200, 17], INNER4)), `${U4} in 1 mpls label 17`],
    ['MPLS, IPv6 below', ethernet(0x8848, encodeMpls([18], INNER6)), `${U6} in 1 mpls label 18`],
    ['MPLS, explicit null', ethernet(0x8847, encodeMpls([18, 2], INNER6)), `${U6} in 1 mpls label 2`],
    [
      'MPLS, Ethernet pseudowire with a control word',
      ethernet(0x8847, encodeMpls([18, 19], concat(hexBytes('00000000'), FRAME4))),
      `${U4} in 1 mpls label 19`,
    ],
    [
      'MPLS, Ethernet pseudowire without',
      ethernet(0x8847, encodeMpls([19], FRAME6)),
      `vlan 7 ${U6} in 1 mpls label 19`,
    ],
    [
      'MPLS, a MAC address that begins like IPv4',
      ethernet(0x8847, encodeMpls([19], concat(hexBytes('45cccccccccc 020000000002 0800'), INNER4))),
      `${U4} in 1 mpls label 19`,
    ],
    ['MPLS in IP', ethernet(0x0800, ipv4(PROTO.mpls, encodeMpls([20], INNER4))), `${U4} in 1 mpls label 20 ${OUTER}`],
    ['MPLS in UDP', udpIn(6635, encodeMpls([20], INNER4)), `${U4} in 1 mpls label 20 ${OUTER}`],
    ['GRE in UDP', udpIn(4754, encodeGre({ protocol: ETHERTYPE_IPV4, payload: INNER4 })), `${U4} in 1 gre ${OUTER}`],
    ['VXLAN', udpIn(4789, encodeVxlan(0xabcdef, FRAME4)), `${U4} in 1 vxlan VNI 11259375 ${OUTER}`],
    [
      'VXLAN with a group policy',
      udpIn(4789, concat(hexBytes('88001234 00000500'), FRAME4)),
      `${U4} in 1 vxlan VNI 5 ${OUTER}`,
    ],
    ['VXLAN-GPE', udpIn(4790, concat(hexBytes('0c000002 00000500'), INNER6)), `${U6} in 1 vxlan VNI 5 ${OUTER}`],
    [
      'NSH in VXLAN-GPE',
      udpIn(4790, concat(hexBytes('0c000004 00000500'), encodeNsh(9, 1, INNER4))),
      `${U4} in 2 nsh path 9 ${OUTER}`,
    ],
    [
      'GENEVE with options',
      udpIn(
        6081,
        encodeGeneve({ vni: 4242, protocol: ETHERTYPE_ETHERNET, payload: FRAME4, options: new Uint8Array(12) }),
      ),
      `${U4} in 1 geneve VNI 4242 ${OUTER}`,
    ],
    ['GTP-U', udpIn(2152, encodeGtp({ teid: 0x1234, payload: INNER4 })), `${U4} in 1 gtp TEID 0x00001234 ${OUTER}`],
    [
      'GTP-U with a sequence number and extension headers',
      udpIn(
        2152,
        encodeGtp({
          teid: -1,
          sequence: 5,
          extensions: [
            { type: 0x85, content: new Uint8Array(2) },
            { type: 0x40, content: new Uint8Array(6) },
          ],
          payload: INNER6,
        }),
      ),
      `${U6} in 1 gtp TEID 0xffffffff ${OUTER}`,
    ],
    ['Teredo', udpIn(3544, encodeTeredo(INNER6)), `${U6} in 1 teredo ${OUTER}`],
    [
      'Teredo from the server, with authentication and origin',
      udpIn(
        40_000,
        concat(hexBytes(`0001 0000 ${'00'.repeat(9)}`), encodeTeredo(INNER6, { port: 1, address: 2 })),
        3544,
      ),
      `${U6} in 1 teredo ${OUTER}`,
    ],
    ['AYIYA', udpIn(5072, encodeAyiya(INNER6)), `${U6} in 1 ayiya ${OUTER}`],
    ['L2TP', udpIn(1701, encodeL2tp(3, 4, encodePpp(0x21, INNER4))), `${U4} in 1 l2tp tunnel 3 session 4 ${OUTER}`],
    ['802.1ah', ethernet(0x88e7, encodePbb(1000, FRAME6)), `vlan 7 ${U6} in 1 pbb service 1000`],
    ['NSH', ethernet(0x894f, encodeNsh(9, 3, FRAME4)), `${U4} in 1 nsh path 9`],
    [
      'VXLAN in GTP-U in MPLS',
      ethernet(
        0x8847,
        encodeMpls(
          [7],
          ipv4(
            PROTO.udp,
            encodeUdp(
              2152,
              2152,
              encodeGtp({
                teid: 1,
                payload: ipv4(PROTO.udp, encodeUdp(9, 4789, encodeVxlan(3, FRAME4)), '3.3.3.3', '4.4.4.4'),
              }),
            ),
          ),
        ),
      ),
      `${U4} in 3 vxlan VNI 3 ${OUTER}`,
    ],
    [
      'Aruba: 802.11 in GRE',
      ethernet(
        0x0800,
        ipv4(
          PROTO.gre,
          encodeGre({
            protocol: 0x8200,
            payload: encodeWlan({ ...MACS, station: MACS.source, fromDs: true, payload: encodeLlc(0x0800, INNER4) }),
          }),
        ),
      ),
      `${U4} in 1 gre ${OUTER}`,
    ],
  ];

  it.each(cases)('%s', (_, frame, summary) => {
    const decoded = decode(frame);
    expect(decoded.summary).toBe(summary);
    expect(decoded.oddities).toEqual([]);
    const { bytes, payload, payloadCaptured } = decoded.packet;
    expect(String.fromCharCode(...bytes.subarray(payload, payload + payloadCaptured))).toBe('abc');
  });

  it('cut anywhere, they stay inside the frame, keep a flow from the outer IP header on, and never throw', () => {
    for (const [name, frame] of cases)
      for (let length = 0; length < frame.length; length++) {
        const { packet, belongs } = decode(frame.subarray(0, length), { wireLength: frame.length });
        const { payload, payloadCaptured, payloadLength } = packet;
        expect(payloadCaptured === 0 || (payload >= 32 && payload + payloadCaptured <= 32 + length), name).toBe(true);
        expect(payloadLength, name).toBeGreaterThanOrEqual(payloadCaptured);
        const etherType = (frame[12]! << 8) | frame[13]!;
        if ((etherType === 0x0800 && length >= 34) || (etherType === 0x86dd && length >= 54))
          expect(belongs, `${name} ${length}`).toBe(true);
      }
  });

  it('mutated, they stay inside the frame and never throw', () => {
    const packet = new Packet();
    for (let seed = 0; seed < 6000; seed++) {
      const random = new Random(seed);
      const frame = cases[random.below(cases.length)]![1].slice();
      for (let i = 1 + random.below(4); i > 0; i--) frame[random.below(frame.length)] = random.below(256);
      const { payload, payloadCaptured, payloadLength, depth } = decode(frame, { packet }).packet;
      const isInside = payloadCaptured === 0 || (payload >= 32 && payload + payloadCaptured <= 32 + frame.length);
      if (!isInside || payloadCaptured < 0 || payloadLength < payloadCaptured || depth > 8) expect.fail(`seed ${seed}`);
    }
  });

  it('the MAC addresses are those of the innermost frame', () => {
    const inner = encodeEthernet({
      destination: hexBytes('0a0000000001'),
      source: hexBytes('0a0000000002'),
      etherType: 0x0800,
      payload: INNER4,
    });
    const { bytes, destinationMac, sourceMac } = decode(udpIn(4789, encodeVxlan(1, inner))).packet;
    expect([formatMac(bytes, destinationMac), formatMac(bytes, sourceMac)]).toEqual([
      '0a:00:00:00:00:01',
      '0a:00:00:00:00:02',
    ]);
  });

  it('nothing of a tunnel is left in the next packet', () => {
    const packet = new Packet();
    expect(decode(cases[0]![1], { packet }).packet.depth).toBe(1);
    expect(decode(FRAME4, { packet }).packet).toMatchObject({
      depth: 0,
      tunnel: 0,
      tunnelId: 0,
      hasOuter: 0,
      outerSrc0: 0,
      outerDst0: 0,
    });
    expect(tunnelName(0)).toBe('');
    expect(Object.entries(TUNNEL).every(([name, number]) => number === 0 || tunnelName(number) === name)).toBe(true);
  });
});

describe('what only seems a tunnel stays what it is', () => {
  const plain = (port: number, bytes: number): string => `udp 1.1.1.1:50000 > 2.2.2.2:${port}, ${bytes} bytes`;
  it.each([
    ['VXLAN without its flag', 4789, concat(hexBytes('0000000000000500'), FRAME4)],
    ['VXLAN with a reserved byte set', 4789, concat(hexBytes('0800000000000501'), FRAME4)],
    ['GENEVE of another version', 6081, concat(hexBytes('4000655800000500'), FRAME4)],
    ['a GENEVE control packet', 6081, concat(hexBytes('0080655800000500'), FRAME4)],
    ['a GTP echo', 2152, hexBytes('3201000400000000000000000e00')],
    ['GTP of a user without IP', 2152, encodeGtp({ teid: 1, payload: asciiBytes('hello') })],
    ['GTP longer than its packet', 2152, hexBytes('30ff00ff00000001 4500001c0000000040110000')],
    ['Teredo that is no IPv6', 3544, asciiBytes('hello')],
    ['an L2TP control message', 1701, hexBytes('c8020014000100000000000080080000000000010000')],
    ['a DNS query on the port of L2TP', 1701, hexBytes('123401000001000000000000 0161 00 0001 0001')],
    ['LLDP inside of VXLAN', 4789, encodeVxlan(1, ethernet(0x88cc, new Uint8Array(20)))],
  ] as const)('%s', (_, port, payload) => {
    const decoded = decode(udpIn(port, payload));
    expect(decoded.summary).toBe(plain(port, payload.length));
    expect(decoded.oddities).toEqual([]);
    expect(decoded.packet).toMatchObject({ depth: 0, tunnel: 0, hasOuter: 0, vlan: -1, destinationMac: 32 });
  });

  it('random payloads on the ports of tunnels stay UDP or stay inside', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1701, 2152, 3544, 4754, 4789, 4790, 5072, 6081, 6635),
        fc.uint8Array({ maxLength: 120 }),
        (port, payload) => {
          const { packet } = decode(udpIn(port, payload));
          expect(packet.protocol).toBeGreaterThanOrEqual(0);
          expect(packet.payload + packet.payloadCaptured).toBeLessThanOrEqual(32 + 42 + payload.length);
        },
      ),
    );
  });

  it('a tunnel that does not hold the IP it promises is an oddity, and a flow of its own', () => {
    for (const [protocol, payload] of [
      [PROTO.ipip, hexBytes('6500')],
      [PROTO.ipv6, INNER4],
      [PROTO.gre, encodeGre({ protocol: ETHERTYPE_IPV4, payload: INNER6 })],
    ] as const) {
      const decoded = decode(ethernet(0x0800, ipv4(protocol, payload)));
      expect(decoded.summary).toBe(`${protocolName(protocol)} 1.1.1.1:0 > 2.2.2.2:0, ${payload.length} bytes`);
      expect(decoded.oddities).toEqual(['tunnel.unreadable']);
    }
  });

  it('GRE without payload, and PPP that is no network layer, are flows of GRE', () => {
    for (const payload of [
      encodeGre({ protocol: 0, payload: new Uint8Array() }),
      encodeGre({ protocol: ETHERTYPE_PPP, payload: encodePpp(0xc021, new Uint8Array(8)) }),
      hexBytes('2081880b 0000 0001 00000001'),
    ]) {
      const decoded = decode(ethernet(0x0800, ipv4(PROTO.gre, payload)));
      expect(decoded.summary).toBe(`gre 1.1.1.1:0 > 2.2.2.2:0, ${payload.length} bytes`);
      expect(decoded.oddities).toEqual([]);
    }
  });

  it('goes eight tunnels deep and no deeper', () => {
    const nested = (depth: number): Uint8Array => {
      let packet = INNER4;
      for (let i = 0; i < depth; i++) packet = ipv4(PROTO.ipip, packet, `1.0.0.${i}`, '2.2.2.2');
      return ethernet(0x0800, packet);
    };
    expect(decode(nested(8))).toMatchObject({ summary: `${U4} in 8 ipip from 1.0.0.7 to 2.2.2.2`, oddities: [] });
    expect(decode(nested(9))).toMatchObject({
      summary: 'ipip 1.0.0.0:0 > 2.2.2.2:0, 31 bytes in 8 ipip from 1.0.0.8 to 2.2.2.2',
      oddities: ['tunnel.too-deep'],
    });
    let stack = ethernet(0x0800, INNER4);
    for (let i = 0; i < 12; i++) stack = ethernet(0x88e7, encodePbb(i, stack));
    expect(decode(stack)).toMatchObject({
      belongs: false,
      summary: '802.1ah backbone bridging',
      oddities: ['tunnel.too-deep'],
    });
  });
});

describe('links', () => {
  const wlan = (fields: Partial<Parameters<typeof encodeWlan>[0]> = {}): Uint8Array =>
    encodeWlan({ ...MACS, station: hexBytes('02000000000a'), payload: encodeLlc(0x0800, INNER4), ...fields });
  it.each([
    ['802.11', 105, wlan(), U4],
    ['802.11 to the access point', 105, wlan({ toDs: true }), U4],
    ['802.11 from it', 105, wlan({ fromDs: true, payload: encodeLlc(0x86dd, INNER6) }), U6],
    ['802.11 relayed, with four addresses', 105, wlan({ toDs: true, fromDs: true }), U4],
    ['802.11 QoS', 105, wlan({ toDs: true, qos: 5 }), U4],
    [
      '802.11 decrypted, the initialization vector left',
      105,
      wlan({ isProtected: true, payload: concat(new Uint8Array(8), encodeLlc(0x0800, INNER4)) }),
      U4,
    ],
    ['radiotap', 127, encodeRadiotap(wlan({ qos: 0 })), U4],
    [
      'radiotap with a time stamp and two words of presence',
      127,
      // Version, length 33; TSFT, flags and a second word; padding to 8; the stamp; flags that say the header is padded.
      concat(
        hexBytes('00002100 03000080 00000000 00000000 0102030405060708 20 0000000000000000'),
        padded(wlan({ qos: 0 }), 26),
      ),
      U4,
    ],
    ['Prism', 119, concat(hexBytes('44000000 90000000'), new Uint8Array(136), wlan()), U4],
    ['AVS', 163, concat(hexBytes('80211001 00000040'), new Uint8Array(56), wlan()), U4],
    ['PPI', 192, encodePpi(wlan()), U4],
    ['PPI around Ethernet', 192, encodePpi(FRAME6, 1), `vlan 7 ${U6}`],
    ['PPP', 9, encodePpp(0x21, INNER4), U4],
    ['PPP unframed', 9, encodePpp(0x57, INNER6, false), U6],
    ['PPP, protocol compressed', 9, concat(hexBytes('21'), INNER4), U4],
    ['PPP with MPLS', 9, encodePpp(0x281, encodeMpls([5], INNER4)), `${U4} in 1 mpls label 5`],
    ['PPP serial', 50, encodePpp(0x21, INNER4), U4],
    ['PPP serial with Cisco HDLC', 50, encodeCiscoHdlc(0x0800, INNER4), U4],
    ['PPP with direction', 204, concat(hexBytes('01'), encodePpp(0x21, INNER4)), U4],
    ['Cisco HDLC', 104, encodeCiscoHdlc(0x86dd, INNER6), U6],
    ['PPPoE', 1, ethernet(0x8864, encodePppoe(1, encodePpp(0x21, INNER4, false)), 12), `vlan 12 ${U4}`],
    ['PPPoE alone', 51, encodePppoe(1, encodePpp(0x57, INNER6, false)), U6],
    ['Frame Relay', 107, encodeFrameRelay(100, 0xcc, INNER4), U4],
    ["Frame Relay, Cisco's encapsulation", 107, concat(hexBytes('1841 86dd'), INNER6), U6],
    ['Frame Relay, SNAP', 107, concat(hexBytes('1841 03 00 80 000000 0800'), INNER4), U4],
    ['ATM', 100, encodeLlc(0x0800, INNER4), U4],
    ['ATM, bridged', 100, encodeLlc(0x0007, concat(new Uint8Array(2), FRAME6), 0x0080c2), `vlan 7 ${U6}`],
    ['Solaris ATM', 123, concat(hexBytes('02 00 0001'), encodeLlc(0x0800, INNER4)), U4],
    ['FDDI', 10, concat(hexBytes('50 020000000001 020000000002'), encodeLlc(0x0800, INNER4)), U4],
    [
      'Token Ring with a source route',
      6,
      concat(hexBytes('1040 020000000001 820000000002 0630 00010020'), encodeLlc(0x0800, INNER4)),
      U4,
    ],
    ['SLIP', 8, concat(new Uint8Array(16), INNER4), U4],
    ['OpenBSD IPsec', 109, concat(hexBytes('02000000'), new Uint8Array(8), INNER4), U4],
    ['OpenBSD firewall log', 117, concat(hexBytes('3d020000'), new Uint8Array(60), INNER4), U4],
    ['NFLOG', 239, concat(hexBytes('0200 0005 0800 0100 08000001 0500 0a00 61000000 2f00 0900'), INNER4), U4],
    ['NFLOG, big-endian', 239, concat(hexBytes('0a00 0005 0008 0001 08000001 002f 0009'), INNER6), U6],
    ['Apple PKTAP', 258, concat(hexBytes('10000000 01000000 01000000 00000000'), FRAME4), U4],
    ['IP over InfiniBand', 242, concat(new Uint8Array(40), hexBytes('08000000'), INNER4), U4],
    ['IP over FireWire', 138, concat(new Uint8Array(16), hexBytes('0800'), INNER4), U4],
    [
      "a switch's tag",
      281,
      concat(MACS.destination, MACS.source, hexBytes('deadbeef 8100 0009 0800'), INNER4),
      `vlan 9 ${U4}`,
    ],
    ["a switch's long tag", 285, concat(MACS.destination, MACS.source, hexBytes('dada000000000000 86dd'), INNER6), U6],
    ["a switch's tag in front", 282, concat(hexBytes('deadbeef'), FRAME4), U4],
    ['netANALYZER', 240, concat(hexBytes('00000000'), FRAME4), U4],
    [
      'cooked, with a tag',
      276,
      concat(hexBytes('8100 0000 00000002 0001 00 06 0000000000000000 0064 0800'), INNER4),
      `vlan 100 ${U4}`,
    ],
    [
      'cooked, 802.11 with radiotap',
      113,
      concat(hexBytes('0000 0323 0006 000000000000 0000 0004'), encodeRadiotap(wlan())),
      U4,
    ],
    [
      'MACsec without encryption',
      1,
      ethernet(0x88e5, concat(hexBytes('20 00 00000001 0011223344550001 0800'), INNER4)),
      U4,
    ],
    [
      'VN-Tag, then a VLAN tag',
      1,
      ethernet(0x8926, concat(hexBytes('c0010002 8100 0016 0800'), INNER4)),
      `vlan 22 ${U4}`,
    ],
    ['VN-Tag', 1, ethernet(0x8926, concat(hexBytes('c0010002 0800'), INNER4)), U4],
    ['Cisco metadata', 1, ethernet(0x8909, concat(hexBytes('0101 0001 0002 0800'), INNER4)), U4],
    ['IP straight over LLC', 1, ethernet(3 + INNER4.length, concat(hexBytes('060603'), INNER4)), U4],
    ['the SNAP of bridge tunnels', 1, ethernet(8 + INNER4.length, encodeLlc(0x0800, INNER4, 0x0000f8)), U4],
  ] as const)('%s (link type %i)', (_, linkType, frame, summary) => {
    const decoded = decode(frame, { linkType });
    expect(decoded.summary).toBe(summary);
    expect(decoded.oddities).toEqual([]);
    for (let length = 0; length < frame.length; length++) {
      const { packet } = decode(frame.subarray(0, length), { linkType, wireLength: frame.length });
      expect(packet.payloadCaptured === 0 || packet.payload + packet.payloadCaptured <= 32 + length).toBe(true);
    }
  });

  it.each([
    ['802.11 beacon', 105, '8000'],
    ['802.11 deauthentication', 105, 'c000'],
    ['802.11 control', 105, 'd400'],
    ['802.11 data without payload', 105, '4801'],
    ['802.11 encrypted data', 105, `0841 0000 ${'02'.repeat(18)} 0000 ${'5a'.repeat(40)}`],
    ['802.11 later fragment', 105, `0801 0000 ${'02'.repeat(18)} 0100 ${'5a'.repeat(40)}`],
    ['802.11 damaged on the air', 127, `00000900 02000000 40 0801 ${'02'.repeat(40)}`],
    ['spanning tree', 1, '0180c2000000 020000000001 0026 424203 0000'],
    ['CDP', 1, '01000ccccccc 020000000001 0020 aaaa0300000c2000 01b4'],
    ['VTP', 1, '01000ccccccc 020000000001 0020 aaaa0300000c2003 01b4'],
    ['IPX', 1, 'ffffffffffff 020000000001 0020 ffff0022 0011'],
    ['NetBIOS over LLC', 1, '030000000001 020000000001 0020 f0f003 2c'],
    ['OSI (IS-IS, ES-IS, CLNP)', 1, '0180c2000014 020000000001 0020 fefe03 83'],
    ['PPP LCP', 9, 'ff03c021 01'],
    ['PPP CHAP', 1, '020000000001 020000000002 8864 11 00 0001 0004 c223 0101'],
    ['PPPoE session', 1, '020000000001 020000000002 8864 11 09 0001 0000'],
    ['PPPoE discovery', 1, '020000000001 020000000002 8863 1109'],
    ['MPLS', 1, '020000000001 020000000002 8847 00010040'],
    ['MACsec', 1, '020000000001 020000000002 88e5 0c00 00000001 0000000000000000'],
    ['link type 104 (Cisco HDLC)', 104, '8f00 8035 0000'],
    ['link type 107 (Frame Relay)', 107, '0001 03 08 00'],
    ['address family 7 (OSI)', 0, '07000000 00'],
    ['link type 189 (USB (Linux))', 189, '00'],
    ['link type 253 (netlink)', 113, '0004 0338 0000 0000000000000000 0000'],
  ] as const)('%s is named, and no oddity', (kind, linkType, hex) => {
    expect(decode(hexBytes(hex), { linkType })).toMatchObject({ belongs: false, summary: kind, oddities: [] });
  });

  it('802.11 addresses are source and destination, whichever way the frame goes', () => {
    for (const [toDs, fromDs] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      const { bytes, destinationMac, sourceMac } = decode(wlan({ toDs, fromDs }), { linkType: 105 }).packet;
      expect([formatMac(bytes, destinationMac), formatMac(bytes, sourceMac)]).toEqual([
        '02:00:00:00:00:01',
        '02:00:00:00:00:02',
      ]);
    }
  });

  it('of several 802.11 frames in one the first is read, and the others are counted', () => {
    const part = (payload: Uint8Array): Uint8Array =>
      concat(MACS.destination, MACS.source, hexBytes(payload.length.toString(16).padStart(4, '0')), payload);
    const first = part(encodeLlc(0x0800, INNER4));
    expect(decode(wlan({ qos: 0x80, payload: first }), { linkType: 105 })).toMatchObject({ summary: U4, oddities: [] });
    const two = concat(first, new Uint8Array(-first.length & 3), part(encodeLlc(0x86dd, INNER6)));
    expect(decode(wlan({ qos: 0x80, payload: two }), { linkType: 105 })).toMatchObject({
      summary: U4,
      oddities: ['wlan.aggregate'],
    });
  });

  it.each([
    [105, '08'],
    [105, '0801'],
    [127, '0000'],
    [127, '0000ffff 00000000'],
    [119, '44000000'],
    [163, '80211001 ffffffff 00'],
    [192, '00000800 c0000000'],
  ])('a damaged radio header is counted (link type %i, %s)', (linkType, hex) => {
    expect(decode(hexBytes(hex), { linkType })).toMatchObject({ belongs: false, oddities: ['wlan.truncated'] });
  });

  it.each([
    [239, '02000000 0200 0000'],
    [258, 'ffffff00 01000000 01000000'],
  ])('a link header that contradicts itself is counted (link type %i)', (linkType, hex) => {
    expect(decode(hexBytes(hex), { linkType })).toMatchObject({ belongs: false, oddities: ['link.malformed-header'] });
  });
});

describe('ICMP errors name the flow that they speak of', () => {
  const quotes = (p: Packet): string =>
    p.quoted === 0
      ? 'nothing'
      : `${protocolName(p.quotedProtocol)} ${
          p.quotedIsV6
            ? `${formatIpv6(p.quotedSrc0, p.quotedSrc1, p.quotedSrc2, p.quotedSrc3)}:${p.quotedSrcPort} > ${formatIpv6(p.quotedDst0, p.quotedDst1, p.quotedDst2, p.quotedDst3)}:${p.quotedDstPort}`
            : `${formatIpv4(p.quotedSrc0)}:${p.quotedSrcPort} > ${formatIpv4(p.quotedDst0)}:${p.quotedDstPort}`
        }`;
  const error4 = (type: number, quoted: Uint8Array): Uint8Array =>
    ipFrame('9.9.9.9', '10.0.0.1', PROTO.icmp, encodeIcmp({ type, payload: quoted }));
  const error6 = (type: number, quoted: Uint8Array): Uint8Array =>
    ipFrame('fd00::9', 'fd00::1', PROTO.icmpv6, encodeIcmp({ type, payload: quoted }));
  const Q4 = 'udp 10.0.0.1:4000 > 10.0.0.2:53';
  const Q6 = 'udp 2001:db8::1:4000 > 2001:db8::2:53';

  it.each([
    ['unreachable', error4(3, INNER4), Q4],
    ['source quench', error4(4, INNER4.subarray(0, 28)), Q4],
    ['redirect', error4(5, INNER4), Q4],
    ['time exceeded', error4(11, INNER4), Q4],
    ['parameter problem', error4(12, INNER4), Q4],
    [
      'a quoted ping',
      error4(11, ipv4(PROTO.icmp, encodeIcmp({ type: 8, identifier: 77 }))),
      'icmp 1.1.1.1:77 > 2.2.2.2:77',
    ],
    [
      'a quoted TCP segment, cut behind 8 bytes',
      error4(3, ipv4(PROTO.tcp, encodeTcp({ srcPort: 1, dstPort: 2, flags: 2 })).subarray(0, 28)),
      'tcp 1.1.1.1:1 > 2.2.2.2:2',
    ],
    ['a quoted protocol without ports', error4(3, ipv4(PROTO.esp, new Uint8Array(8))), 'esp 1.1.1.1:0 > 2.2.2.2:0'],
    ['a quote without ports', error4(3, INNER4.subarray(0, 20)), 'nothing'],
    [
      'a later fragment',
      error4(
        11,
        encodeIpv4({ source: 1, destination: 2, protocol: 17, payload: new Uint8Array(8), fragmentOffset: 9 }),
      ),
      'nothing',
    ],
    ['an echo request', error4(8, INNER4), 'nothing'],
    ['no IP', error4(3, INNER6), 'nothing'],
    ['ICMPv6 unreachable', error6(1, INNER6), Q6],
    ['ICMPv6 packet too big', error6(2, INNER6), Q6],
    ['ICMPv6 time exceeded', error6(3, INNER6), Q6],
    [
      'ICMPv6 parameter problem, options in the quote',
      error6(4, ipv6(60, concat(hexBytes('1100000000000000'), encodeUdp(5, 6, new Uint8Array())))),
      'udp fd00::1:5 > fd00::2:6',
    ],
    [
      'ICMPv6 redirect',
      error6(137, concat(new Uint8Array(32), hexBytes('0201020000000001 0408000000000000'), INNER6)),
      Q6,
    ],
    ['ICMPv6 neighbor solicitation', error6(135, INNER6), 'nothing'],
  ] as const)('%s', (_, frame, quoted) => {
    expect(quotes(decode(frame).packet)).toBe(quoted);
    for (let length = 0; length < frame.length; length++)
      decode(frame.subarray(0, length), { wireLength: frame.length });
  });

  it('nothing of a quote is left in the next packet', () => {
    const packet = new Packet();
    expect(decode(error4(3, INNER4), { packet }).packet.quoted).toBe(1);
    expect(decode(error4(3, INNER4.subarray(0, 20)), { packet }).packet.quoted).toBe(0);
    expect(decode(FRAME4, { packet }).packet).toMatchObject({ quoted: 0, quotedProtocol: 0, quotedSrcPort: 0 });
  });

  it('an error inside of a tunnel quotes a packet inside of it', () => {
    const inner = ipv4(PROTO.icmp, encodeIcmp({ type: 3, code: 3, payload: INNER4 }), '10.0.0.2', '10.0.0.1');
    const { packet } = decode(ethernet(0x0800, ipv4(PROTO.ipip, inner)));
    expect([packet.depth, quotes(packet)]).toEqual([1, Q4]);
  });
});

/**
 * What tshark 4.0.17 shows of the same frames, in our words: `tshark -n -o ip.defragment:FALSE -o ipv6.defragment:FALSE -r <capture> -T fields -E occurrence=a -e frame.protocols
 * -e ip.src -e ip.dst -e ipv6.src -e ipv6.dst -e udp.port -e tcp.port -e udp.length -e tcp.len`, and for the numbers of tunnels -e vxlan.vni -e gtp.teid -e gre.key.call_id
 * -e mpls.label -e ieee8021ah.isid -e erspan.spanid. Where tshark shows the length of UDP, ours is its payload's, 8 less.
 */
describe('real captures', () => {
  const PPTP = '2402:f000:1:8e01::5555';
  const PPTP_END = '2607:fcd0:100:2300::b108:2a6b';
  const CLIENT = '2001:470:1f11:81f:d138:5f55:6d4:1fe2';
  const PBB = 'in 1 pbb service 2014020';
  const [A, B] = ['10.199.249.11:49601', '10.199.249.12:49416'];
  it.each([
    ['6in6in6', [[1, 'udp dead::beef:30000 > cafe::babe:13000, 4 bytes in 2 6in4 from feed::beef to feed::cafe']]],
    [
      'HDLC',
      [
        [6, 'link type 104 (Cisco HDLC)'],
        [7, 'icmp 10.0.0.1:0 > 10.0.0.2:0, 72 bytes'],
      ],
    ],
    [
      'geneve-vxlan-dns-truncated',
      [
        [1, 'udp 172.16.11.201:36872 > 1.1.1.1:53, 54 bytes in 2 vxlan VNI 4242 from 127.0.0.1 to 127.0.0.1'],
        [2, 'udp 1.1.1.1:53 > 172.16.11.201:36872, 74 bytes in 2 vxlan VNI 4242 from 127.0.0.1 to 127.0.0.1'],
      ],
    ],
    [
      // Two frames in one; tshark shows 229 bytes of TCP in the first and 23 in the second.
      'gre-aruba-amsdu',
      [
        [
          1,
          'vlan 22 tcp 157.240.18.16:443 > 149.159.130.184:49392, 229 bytes in 1 gre from 10.226.22.9 to 10.102.16.187',
        ],
      ],
    ],
    [
      'gre-erspan3-dot1q',
      [
        [
          1,
          'vlan 10 icmp 172.31.10.31:43 > 172.31.10.2:43, 56 bytes in 1 erspan session 0 from 172.31.1.23 to 172.31.1.135',
        ],
      ],
    ],
    [
      'gre-pptp',
      [
        [1, `vlan 100 udp 172.16.44.3:40768 > 8.8.8.8:53, 71 bytes in 2 pptp call 6016 from ${PPTP} to ${PPTP_END}`],
        [2, `vlan 100 udp 8.8.8.8:53 > 172.16.44.3:40768, 146 bytes in 2 pptp call 17 from ${PPTP_END} to ${PPTP}`],
      ],
    ],
    [
      'gtp8_teredo',
      [
        [
          2,
          'icmpv6 2001:0:5ef5:79fb:38b8:1695:2b37:be8e:18621 > 2002:2571:c817::2571:c817:18621, 4 bytes in 2 teredo from 174.94.190.229 to 190.104.181.62',
        ],
        [
          6,
          'icmpv6 fe80::ffff:ffff:fffe:34048 > ff02::2:34048, 0 bytes in 2 teredo from 190.104.181.210 to 190.104.181.125',
        ],
      ],
    ],
    [
      // tshark, which does not put them together, shows TCP in the first fragment: 41511 > 6005, 1448 bytes.
      'gtp_ext_header',
      [
        [1, 'udp 10.155.148.149:9000 > 10.155.148.157:2152, 1472 bytes'],
        [
          2,
          'tcp 10.155.182.202:41511 > 10.155.186.57:6005, 1448 bytes in 1 gtp TEID 0x00100657 from 10.155.148.149 to 10.155.148.157',
        ],
      ],
    ],
    ['icmp-destunreach-udp', [[1, 'icmp 192.168.1.102:771 > 192.168.1.1:771, 148 bytes']]],
    ['icmp6-redirect-hdr-opt', [[1, 'icmpv6 fe80::dead:35072 > fe80::beef:35072, 96 bytes']]],
    [
      'ipoib',
      [
        [6, 'arp 192.168.56.10:0 > 192.168.56.24:0, 0 bytes'],
        [11, 'tcp 192.168.56.10:34170 > 192.168.56.24:22, 26 bytes'],
      ],
    ],
    [
      // The first arrives in the middle; with reassembly tshark shows 3,230 bytes of DNS in frame 8.
      'ipv6-fragmented-dns',
      [
        [5, `udp ${CLIENT}:51851 > 2607:f740:b::f93:53, 74 bytes`],
        [6, `udp 2607:f740:b::f93:53 > ${CLIENT}:51851, 1424 bytes`],
        [8, `udp 2607:f740:b::f93:53 > ${CLIENT}:51851, 374 bytes`],
      ],
    ],
    [
      'mpls-over-udp',
      [
        [1, 'icmp 10.3.0.10:42731 > 10.1.0.10:42731, 56 bytes in 1 mpls label 21 from 10.100.12.170 to 10.100.13.157'],
        [2, 'icmp 10.1.0.10:42731 > 10.3.0.10:42731, 56 bytes in 1 mpls label 46 from 10.100.13.157 to 10.100.12.170'],
      ],
    ],
    ['nflog', [[4, 'udp 74.82.42.42:53 > 10.0.0.20:48736, 61 bytes']]],
    [
      'pbb',
      [
        [1, 'EtherType 0x8102'],
        [3, 'vlan 4052 ospf 10.199.242.132:0 > 224.0.0.5:0, 56 bytes in 1 pbb service 2014029'],
        [8, `vlan 4020 tcp ${A} > ${B}, 209 bytes ${PBB}`],
      ],
    ],
    [
      'radiotap',
      [
        [1, 'udp 172.17.156.76:61738 > 208.67.220.220:53, 35 bytes'],
        [2, 'udp 208.67.220.220:53 > 172.17.156.76:61738, 128 bytes'],
        [3, 'udp fe80::a667:6ff:fef7:ec54:5353 > ff02::fb:5353, 280 bytes'],
      ],
    ],
    ['vxlan-triple-v2', [[1, 'udp 4.4.4.4:53 > 4.4.4.9:53, 29 bytes in 3 vxlan VNI 3 from 1.1.1.1 to 1.1.1.9']]],
  ] as const)('%s', (name, expected) => {
    const frames = decodeCapture(name);
    for (const [number, summary] of expected) expect(frames[number - 1]?.summary, `frame ${number}`).toBe(summary);
  });

  it('the fragments of an IPv6 answer show the whole of it when the last has come', () => {
    expect(decodeCapture('ipv6-fragmented-dns')[7]).toMatchObject({
      isReassembled: 1,
      payloadCaptured: 3230,
      dns: 51_851,
    });
  });

  it('errors quote the flow that tshark shows inside', () => {
    expect(decodeCapture('icmp-destunreach-udp')[0]?.quoted).toEqual([PROTO.udp, 53, 59_207]);
    expect(decodeCapture('icmp6-redirect-hdr-opt')[0]?.quoted).toEqual([PROTO.udp, 30_000, 13_000]);
  });
});

interface CapturedFrame {
  readonly summary: string;
  readonly isReassembled: number;
  readonly payloadCaptured: number;
  /** Port that a DNS answer goes to, when the payload is one: its response bit is set. */
  readonly dns: number;
  readonly quoted: readonly number[];
}

function decodeCapture(name: string): CapturedFrame[] {
  const found: CapturedFrame[] = [];
  const packet = new Packet();
  const fragments = new Fragments();
  const run = runCapture(readFileSync(new URL(`../../test/fixture/tunnel/${name}.pcap`, import.meta.url)), {
    onBatch: ({ batch: { bytes, view, count, offset, captureLength, wireLength, linkType, timeNs } }) => {
      for (let i = 0; i < count; i++) {
        fragments.timeNs = timeNs[i]!;
        const belongs = decodeFrame(
          bytes,
          view,
          offset[i]!,
          captureLength[i]!,
          wireLength[i]!,
          linkType[i]!,
          packet,
          fragments,
          new OddityCounter(),
        );
        found.push({
          summary: belongs ? summarize(packet) : otherFrameKind(packet.other),
          isReassembled: packet.isReassembled,
          payloadCaptured: packet.payloadCaptured,
          dns: (packet.bytes[packet.payload + 2]! & 0x80) !== 0 ? packet.dstPort : 0,
          quoted: [packet.quotedProtocol, packet.quotedSrcPort, packet.quotedDstPort],
        });
      }
    },
  });
  expect(run.refused).toBeUndefined();
  return found;
}

function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, { length }) => n + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The frame with its header of `headerBytes` padded to a multiple of 4. */
function padded(frame: Uint8Array, headerBytes: number): Uint8Array {
  return concat(frame.subarray(0, headerBytes), new Uint8Array(-headerBytes & 3), frame.subarray(headerBytes));
}
