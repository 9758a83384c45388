import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes, ipFrame, toHex } from '../../test/support/frames.ts';
import {
  decodeFrame,
  encodeArp,
  encodeEthernet,
  encodeIcmp,
  encodeIpv4,
  encodeIpv6,
  encodeTcp,
  encodeUdp,
  Fragments,
  formatIpv4,
  formatIpv6,
  formatTcpFlags,
  OddityCounter,
  otherFrameKind,
  Packet,
  PROTO,
  protocolName,
  summarizeArp,
  summarizeIcmp,
  summarizeTcp,
  summarizeUdp,
} from './index.ts';

interface Decoded {
  readonly belongs: boolean;
  readonly packet: Packet;
  readonly oddities: string[];
  /** '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes', or what the frame is instead. */
  readonly summary: string;
}

function decode(
  bytes: Uint8Array,
  options: { linkType?: number; wireLength?: number; fragments?: Fragments } = {},
): Decoded {
  const { linkType = 1, wireLength = bytes.length, fragments = new Fragments() } = options;
  const packet = new Packet();
  const oddities = new OddityCounter();
  const held = new Uint8Array(bytes.length + 64).fill(0xee);
  held.set(bytes, 32);
  const belongs = decodeFrame(
    held,
    new DataView(held.buffer),
    32,
    bytes.length,
    wireLength,
    linkType,
    packet,
    fragments,
    oddities,
  );
  return {
    belongs,
    packet,
    oddities: oddities.list().map(({ name }) => name),
    summary: belongs ? summarize(packet) : otherFrameKind(packet.other),
  };
}

function summarize(p: Packet): string {
  const v6 = p.isV6 !== 0;
  const from = v6 ? formatIpv6(p.src0, p.src1, p.src2, p.src3) : formatIpv4(p.src0);
  const to = v6 ? formatIpv6(p.dst0, p.dst1, p.dst2, p.dst3) : formatIpv4(p.dst0);
  const vlan = p.vlan < 0 ? '' : `vlan ${p.vlan} `;
  const rest =
    p.protocol === PROTO.tcp
      ? summarizeTcp(p)
      : p.protocol === PROTO.udp
        ? summarizeUdp(p)
        : p.protocol === PROTO.icmp || p.protocol === PROTO.icmpv6
          ? summarizeIcmp(p)
          : p.protocol === PROTO.arp
            ? summarizeArp(p)
            : `${p.srcPort} > ${p.dstPort} ${p.payloadLength} bytes`;
  return `${vlan}${from} > ${to} ${protocolName(p.protocol)} ${rest}`;
}

// Real headers, from the captures of test/fixture and RFC examples.
const ETHERNET = '0050568e0001 0050568e0002';
const IPV4_UDP = '4500001f 00010000 40110000 0a000001 0a000002 1388003500 0b0000 616263';
const IPV6_TCP =
  '60000000 0018 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002 c3500050 00000064 00000000 50180400 00000000 61626364';

describe('frames', () => {
  it.each([
    ['UDP over IPv4', 1, `${ETHERNET} 0800 ${IPV4_UDP}`, '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes'],
    ['TCP over IPv6', 1, `${ETHERNET} 86dd ${IPV6_TCP}`, '2001:db8::1 > 2001:db8::2 tcp 50000 > 80 [AP] 4 bytes'],
    [
      'an 802.1Q tag',
      1,
      `${ETHERNET} 8100 6064 0800 ${IPV4_UDP}`,
      'vlan 100 10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes',
    ],
    [
      '802.1ad over 802.1Q',
      1,
      `${ETHERNET} 88a8 0007 8100 0008 0800 ${IPV4_UDP}`,
      'vlan 7 10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes',
    ],
    [
      'the old QinQ type',
      1,
      `${ETHERNET} 9100 0009 0800 ${IPV4_UDP}`,
      'vlan 9 10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes',
    ],
    [
      'Ethernet padding',
      1,
      `${ETHERNET} 0800 ${IPV4_UDP} 000000000000000000000000`,
      '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes',
    ],
    ['LLC/SNAP', 1, `${ETHERNET} 0027 aaaa03000000 0800 ${IPV4_UDP}`, '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes'],
    ['raw IPv4', 101, IPV4_UDP, '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes'],
    ['raw IPv6', 101, IPV6_TCP, '2001:db8::1 > 2001:db8::2 tcp 50000 > 80 [AP] 4 bytes'],
    ['raw, older numbers', 12, IPV4_UDP, '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes'],
    ['raw, older numbers', 14, IPV4_UDP, '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes'],
    ['loopback, little-endian', 0, `02000000 ${IPV4_UDP}`, '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes'],
    ['loopback, big-endian', 0, `00000002 ${IPV4_UDP}`, '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes'],
    ...['18', '1c', '1e', '0a'].map(
      (family) =>
        [
          'loopback IPv6',
          0,
          `${family}000000 ${IPV6_TCP}`,
          '2001:db8::1 > 2001:db8::2 tcp 50000 > 80 [AP] 4 bytes',
        ] as const,
    ),
    ['OpenBSD loopback', 108, `00000018 ${IPV6_TCP}`, '2001:db8::1 > 2001:db8::2 tcp 50000 > 80 [AP] 4 bytes'],
    [
      'Linux cooked',
      113,
      `0000 0001 0006 000000000000 0000 0800 ${IPV4_UDP}`,
      '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes',
    ],
    [
      'Linux cooked with a tag',
      113,
      `0000 0001 0006 000000000000 0000 8100 0005 0800 ${IPV4_UDP}`,
      'vlan 5 10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes',
    ],
    [
      'Linux cooked 2',
      276,
      `0800 0000 00000002 0001 00 06 0000000000000000 ${IPV4_UDP}`,
      '10.0.0.1 > 10.0.0.2 udp 5000 > 53 3 bytes',
    ],
    [
      'ARP',
      1,
      `ffffffffffff 0050568e0002 0806 0001080006040001 0050568e0002 0a000001 000000000000 0a000002`,
      '10.0.0.1 > 10.0.0.2 arp request',
    ],
    [
      'ICMP echo',
      1,
      `${ETHERNET} 0800 4500001e 00010000 40010000 0a000001 0a000002 08000000 1234 0001 6162`,
      '10.0.0.1 > 10.0.0.2 icmp type 8 code 0 2 bytes',
    ],
    [
      'an unknown protocol',
      101,
      '45000018 00000000 40fd0000 0a000001 0a000002 01020304',
      '10.0.0.1 > 10.0.0.2 ip-253 0 > 0 4 bytes',
    ],
    [
      'SCTP',
      101,
      '45000020 00000000 40840000 0a000001 0a000002 0007 0008 00000000 00000000',
      '10.0.0.1 > 10.0.0.2 sctp 7 > 8 12 bytes',
    ],
    ['LLDP', 1, `${ETHERNET} 88cc 0000`, 'LLDP'],
    ['spanning tree', 1, `${ETHERNET} 0026 424203000000`, 'spanning tree'],
    ['an unknown EtherType', 1, `${ETHERNET} 1234 00`, 'EtherType 0x1234'],
    ['802.15.4', 195, '0000', 'link type 195 (802.15.4)'],
    ['an unknown link type', 4242, '0000', 'link type 4242'],
    ['nothing', 1, '', 'frame too short'],
  ] as const)('%s (link type %i)', (_, linkType, hex, summary) => {
    const decoded = decode(hexBytes(hex), { linkType });
    expect(decoded.summary).toBe(summary);
    expect(decoded.oddities).toEqual(hex === '' ? ['ethernet.truncated-header'] : []);
  });

  it('kinds beyond those that are counted one by one have a name', () => {
    expect(otherFrameKind(-1)).toBe('further kinds');
  });
});

describe('odd frames', () => {
  const v4 = (hex: string): string => `${ETHERNET} 0800 ${hex}`;
  const v6 = (hex: string): string => `${ETHERNET} 86dd ${hex}`;
  const addresses6 = '20010db8000000000000000000000001 20010db8000000000000000000000002';
  it.each([
    ['ethernet.truncated-header', `${ETHERNET} 08`, false],
    ['ethernet.truncated-header', `${ETHERNET} 8100 00`, false],
    ['vlan.too-deep', `${ETHERNET} ${'81000001'.repeat(9)} 0800 ${IPV4_UDP}`, false],
    ['arp.truncated', `${ETHERNET} 0806 0001080006040001 0050568e0002 0a000001`, false],
    ['arp.truncated', `${ETHERNET} 0806 0001`, false],
    ['ipv4.truncated-header', v4('4500001f 0001'), false],
    ['ipv4.truncated-header', v4('4f00003c 00010000 40110000 0a000001 0a000002 0000'), true],
    ['ipv4.bad-version', v4(IPV4_UDP.replace('45', '55')), false],
    ['ipv4.bad-header-length', v4(IPV4_UDP.replace('45', '44')), false],
    ['ipv4.bad-total-length', v4(IPV4_UDP.replace('001f', '0013')), true],
    ['ipv4.total-length-beyond-frame', v4(IPV4_UDP.replace('001f', '00ff')), true],
    ['ipv6.truncated-header', v6('60000000 0018 06 40'), false],
    ['ipv6.bad-version', v6(IPV6_TCP.replace('60', '70')), false],
    ['ipv6.payload-length-beyond-frame', v6(IPV6_TCP.replace('0018', '0ff8')), true],
    ['ipv6.truncated-extension', v6(`60000000 0004 00 40 ${addresses6} 06000000`), true],
    ['ipv6.truncated-extension', v6(`60000000 0008 3c 40 ${addresses6} 06ff0000 00000000`), true],
    ['ipv6.too-many-extensions', v6(`60000000 0088 3c 40 ${addresses6} ${'3c00000000000000'.repeat(17)}`), true],
    ['tcp.truncated-header', v4('45000020 00010000 40060000 0a000001 0a000002 c3500050 00000000 00000000'), true],
    [
      'tcp.bad-data-offset',
      v4('45000028 00010000 40060000 0a000001 0a000002 c3500050 00000000 00000000 40100000 00000000'),
      true,
    ],
    [
      'tcp.bad-data-offset',
      v4('45000028 00010000 40060000 0a000001 0a000002 c3500050 00000000 00000000 f0100000 00000000'),
      true,
    ],
    ['udp.truncated-header', v4('45000018 00010000 40110000 0a000001 0a000002 13880035'), true],
    ['udp.bad-length', v4(IPV4_UDP.replace('00 0b', '00 05').replace('003500 0b', '003500 05')), true],
    ['udp.bad-length', v4(IPV4_UDP.replace('003500 0b', '003500 ff')), true],
    ['icmp.truncated', v4('45000018 00010000 40010000 0a000001 0a000002 08000000'), true],
    ['sctp.truncated-header', v4('45000018 00010000 40840000 0a000001 0a000002 00070008'), true],
  ] as const)('%s', (name, hex, belongs) => {
    const decoded = decode(hexBytes(hex));
    expect(decoded.oddities).toContain(name);
    expect(decoded.belongs).toBe(belongs);
  });

  it('a link header that is cut', () => {
    for (const [linkType, hex] of [
      [0, '0200'],
      [113, '000000010006'],
      [276, '0800'],
      [101, ''],
    ] as const)
      expect(decode(hexBytes(hex), { linkType }).oddities).toEqual(['link.truncated-header']);
  });

  it('a total length of 0 means all of the frame (segmentation offload)', () => {
    const frame = hexBytes(
      v4('45000000 00010000 40060000 0a000001 0a000002 c3500050 00000000 00000000 50100000 00000000 6162636465'),
    );
    expect(decode(frame).packet.payloadLength).toBe(5);
    expect(decode(frame, { wireLength: 70_000 }).packet).toMatchObject({
      payloadLength: 70_000 - 54,
      payloadCaptured: 5,
    });
    expect(decode(hexBytes(v6(IPV6_TCP.replace('0018', '0000')))).packet.payloadLength).toBe(4);
  });

  it('a snapped packet keeps its payload length, and of its header what is there', () => {
    const whole = ipFrame(
      '10.0.0.1',
      '10.0.0.2',
      PROTO.tcp,
      encodeTcp({ srcPort: 1, dstPort: 2, flags: 2, sequence: 77, payload: new Uint8Array(500) }),
    );
    expect(decode(whole.subarray(0, 60), { wireLength: whole.length }).packet).toMatchObject({
      payloadLength: 500,
      payloadCaptured: 6,
    });
    expect(decode(whole.subarray(0, 50), { wireLength: whole.length })).toMatchObject({
      packet: { srcPort: 1, dstPort: 2, tcpFlags: 2, tcpSequence: 77 },
      oddities: ['tcp.truncated-header'],
    });
    expect(decode(whole.subarray(0, 40), { wireLength: whole.length }).packet).toMatchObject({
      srcPort: 1,
      dstPort: 2,
      tcpFlags: 0,
    });
    expect(decode(whole.subarray(0, 36), { wireLength: whole.length }).packet).toMatchObject({
      srcPort: 0,
      dstPort: 0,
    });
  });

  it('an IPv6 chain of extension headers leads to the transport', () => {
    // Hop-by-hop, destination options, routing, authentication (length in words of 4), UDP.
    const chain = `3c000000 00000000 2b000000 00000000 33000000 00000000 1101000000000000 00000000 13880035 00080000`;
    const length = hexBytes(chain).length.toString(16).padStart(4, '0');
    expect(decode(hexBytes(v6(`60000000 ${length} 00 40 ${addresses6} ${chain}`)))).toMatchObject({
      summary: '2001:db8::1 > 2001:db8::2 udp 5000 > 53 0 bytes',
      oddities: [],
    });
  });

  it('an atomic IPv6 fragment is a whole packet', () => {
    const frame = hexBytes(v6(`60000000 0010 2c 40 ${addresses6} 11000000 00000001 13880035 00080000`));
    expect(decode(frame).packet).toMatchObject({ srcPort: 5000, isLaterFragment: 0 });
  });

  it('a later fragment finds the ports of its first, of the same packet only', () => {
    const fragments = new Fragments();
    const part = (identification: number, fragmentOffset: number): Uint8Array =>
      ipFrame('10.0.0.1', '10.0.0.2', PROTO.udp, encodeUdp(5000, 53, new Uint8Array(40)), {
        identification,
        fragmentOffset,
        moreFragments: fragmentOffset === 0,
      });
    expect(decode(part(7, 0), { fragments }).packet).toMatchObject({ srcPort: 5000, dstPort: 53 });
    expect(decode(part(7, 6), { fragments })).toMatchObject({
      packet: { srcPort: 5000, dstPort: 53, isLaterFragment: 1 },
      oddities: [],
    });
    expect(decode(part(8, 6), { fragments })).toMatchObject({
      packet: { srcPort: 0, dstPort: 0 },
      oddities: ['ipv4.fragment-without-first'],
    });
  });
});

describe('encode, then decode, is identity', () => {
  const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
  const port = fc.integer({ min: 0, max: 65_535 });
  const payload = fc.uint8Array({ maxLength: 300 });
  const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
  const words = fc.tuple(int32, int32, int32, int32);
  const network = fc.oneof(
    fc.tuple(int32, int32).map(([a, b]) => ({ isV6: 0, a: [a, 0, 0, 0] as const, b: [b, 0, 0, 0] as const })),
    fc.tuple(words, words).map(([a, b]) => ({ isV6: 1, a, b })),
  );

  function frame(
    net: { isV6: number; a: readonly [number, number, number, number]; b: readonly [number, number, number, number] },
    protocol: number,
    body: Uint8Array,
    macs: readonly [Uint8Array, Uint8Array],
    vlans: readonly number[],
  ): Uint8Array {
    return encodeEthernet({
      destination: macs[0],
      source: macs[1],
      etherType: net.isV6 ? 0x86dd : 0x0800,
      tags: vlans.map((vlan) => ({ vlan })),
      payload: net.isV6
        ? encodeIpv6({ source: net.a, destination: net.b, nextHeader: protocol, payload: body })
        : encodeIpv4({ source: net.a[0], destination: net.b[0], protocol, payload: body }),
    });
  }

  it('for TCP, UDP and ICMP over both kinds of IP, with any number of tags', () => {
    fc.assert(
      fc.property(
        network,
        port,
        port,
        payload,
        fc.tuple(mac, mac),
        fc.array(fc.integer({ min: 0, max: 4095 }), { maxLength: 8 }),
        fc.integer({ min: 0, max: 255 }),
        int32,
        (net, srcPort, dstPort, body, macs, vlans, flags, sequence) => {
          const common = {
            isV6: net.isV6,
            src0: net.a[0],
            src1: net.a[1],
            src2: net.a[2],
            src3: net.a[3],
            dst0: net.b[0],
            dst1: net.b[1],
            dst2: net.b[2],
            dst3: net.b[3],
            vlan: vlans[0] ?? -1,
            destinationMac: 32,
            sourceMac: 38,
            payloadLength: body.length,
            payloadCaptured: body.length,
          };
          const check = (protocol: number, message: Uint8Array, fields: Partial<Packet>): void => {
            const bytes = frame(net, protocol, message, macs, vlans);
            const decoded = decode(bytes);
            expect(decoded.oddities).toEqual([]);
            expect(decoded.packet).toMatchObject({ ...common, protocol, ...fields });
            expect(toHex(bytes.subarray(decoded.packet.payload - 32, decoded.packet.payload - 32 + body.length))).toBe(
              toHex(body),
            );
          };
          check(PROTO.tcp, encodeTcp({ srcPort, dstPort, flags, sequence, payload: body }), {
            srcPort,
            dstPort,
            tcpFlags: flags,
            tcpSequence: sequence,
          });
          check(PROTO.udp, encodeUdp(srcPort, dstPort, body), { srcPort, dstPort });
          const icmp = net.isV6 ? PROTO.icmpv6 : PROTO.icmp;
          check(icmp, encodeIcmp({ type: net.isV6 ? 128 : 8, identifier: srcPort, payload: body }), {
            srcPort,
            dstPort: srcPort,
            isReply: 0,
          });
          check(icmp, encodeIcmp({ type: 3, code: 1, payload: body }), {
            srcPort: 0x301,
            dstPort: 0x301,
            icmpType: 3,
            icmpCode: 1,
          });
        },
      ),
      { numRuns: 200, seed: 13 },
    );
  });

  it('for ARP', () => {
    fc.assert(
      fc.property(int32, int32, mac, fc.constantFrom(1, 2), (sender, target, senderMac, operation) => {
        const payload = encodeArp({ operation, senderMac, sender, target });
        const bytes = encodeEthernet({ destination: senderMac, source: senderMac, etherType: 0x0806, payload });
        expect(decode(bytes).packet).toMatchObject({
          protocol: PROTO.arp,
          src0: sender,
          dst0: target,
          isReply: operation - 1,
          icmpType: operation,
        });
      }),
      { numRuns: 100, seed: 17 },
    );
  });

  it('flags as letters', () => {
    expect([0, 2, 18, 255].map(formatTcpFlags)).toEqual(['', 'S', 'AS', 'CEUAPRSF']);
  });
});
