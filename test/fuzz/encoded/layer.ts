import * as wire from '../../../src/wire/index.ts';
import { ipFrame } from '../../support/frames.ts';
import { type Encoded, ethernet, FRAME, INNER4, INNER6, inIp, inUdp, MACS, text, word } from './part.ts';

/** Frames of the layers below applications, and tunnels. */

export const LAYERS: Readonly<Record<string, Encoded>> = {
  encodeArp: {
    frames: [
      ethernet(
        0x0806,
        wire.encodeArp({ operation: 1, senderMac: MACS.source, sender: word('10.0.0.1'), target: word('10.0.0.2') }),
      ),
    ],
  },
  encodeAyiya: { frames: [inUdp(5072, wire.encodeAyiya(INNER6))] },
  encodeEthernet: { frames: [FRAME, ethernet(0x86dd, INNER6)] },
  encodeFrameRelay: { frames: [wire.encodeFrameRelay(100, 0xcc, INNER4)], linkType: 107 },
  encodeGeneve: {
    frames: [inUdp(6081, wire.encodeGeneve({ vni: 5, protocol: 0x6558, payload: FRAME, options: new Uint8Array(8) }))],
  },
  encodeGre: {
    frames: [
      inIp(47, wire.encodeGre({ protocol: 0x0800, payload: INNER4, checksum: true, key: 3, sequence: 9 })),
      inUdp(4754, wire.encodeGre({ protocol: 0x86dd, payload: INNER6 })),
    ],
  },
  encodePptpGre: {
    frames: [
      inIp(
        47,
        wire.encodePptpGre({ callId: 1, sequence: 1, acknowledgement: 1, payload: wire.encodePpp(0x21, INNER4) }),
      ),
    ],
  },
  encodeErspan: { frames: [inIp(47, wire.encodeErspan(2, 7, FRAME)), inIp(47, wire.encodeErspan(3, 7, FRAME))] },
  encodeGtp: {
    frames: [
      inUdp(
        2152,
        wire.encodeGtp({
          teid: 9,
          payload: INNER4,
          sequence: 1,
          extensions: [{ type: 0x85, content: new Uint8Array(2) }],
        }),
      ),
    ],
  },
  encodeIcmp: {
    frames: [
      inIp(1, wire.encodeIcmp({ type: 3, code: 3, payload: INNER4 })),
      inIp(1, wire.encodeIcmp({ type: 8, identifier: 1, payload: text('ping') })),
    ],
  },
  encodeIpv4: { frames: [inIp(4, INNER4), inIp(41, INNER6)] },
  encodeIpv6: {
    frames: [
      ethernet(0x86dd, INNER6),
      ipFrame(
        '2001:db8::1',
        '2001:db8::2',
        0,
        Uint8Array.of(
          60,
          0,
          1,
          4,
          0,
          0,
          0,
          0,
          44,
          0,
          1,
          4,
          0,
          0,
          0,
          0,
          17,
          0,
          0,
          1,
          0,
          0,
          0,
          9,
          ...wire.encodeUdp(1, 53, text('abc')),
        ),
      ),
    ],
  },
  encodeL2tp: { frames: [inUdp(1701, wire.encodeL2tp(1, 2, wire.encodePpp(0x21, INNER4)), 1701)] },
  encodeLlc: {
    frames: [wire.encodeEthernet({ ...MACS, etherType: INNER4.length + 8, payload: wire.encodeLlc(0x0800, INNER4) })],
  },
  encodeMpls: {
    frames: [ethernet(0x8847, wire.encodeMpls([16, 17], INNER4)), inUdp(6635, wire.encodeMpls([18], INNER6))],
  },
  encodeNsh: { frames: [ethernet(0x894f, wire.encodeNsh(5, 1, INNER4))] },
  encodePbb: { frames: [ethernet(0x88e7, wire.encodePbb(5, FRAME))] },
  encodeUdp: { udp: 9999, client: [text('hello')], server: [text('there')] },
  encodeTcp: { tcp: 9999, client: [text('hello')], server: [text('there')] },
  encodePpp: { frames: [wire.encodePpp(0x21, INNER4)], linkType: 9 },
  encodePppoe: { frames: [ethernet(0x8864, wire.encodePppoe(1, wire.encodePpp(0x57, INNER6, false)))] },
  encodeCiscoHdlc: { frames: [wire.encodeCiscoHdlc(0x0800, INNER4)], linkType: 104 },
  encodeTeredo: { frames: [inUdp(3544, wire.encodeTeredo(INNER6, { port: 5, address: 6 }))] },
  encodeVxlan: {
    frames: [
      inUdp(4789, wire.encodeVxlan(5, FRAME)),
      inUdp(4789, wire.encodeVxlan(6, inUdp(4789, wire.encodeVxlan(7, FRAME)))),
    ],
  },
  encodeWlan: {
    frames: [
      wire.encodeWlan({
        destination: MACS.destination,
        source: MACS.source,
        station: MACS.source,
        toDs: true,
        qos: 0,
        payload: wire.encodeLlc(0x0800, INNER4),
      }),
    ],
    linkType: 105,
  },
  encodeRadiotap: {
    frames: [
      wire.encodeRadiotap(
        wire.encodeWlan({
          destination: MACS.destination,
          source: MACS.source,
          station: MACS.source,
          fromDs: true,
          payload: wire.encodeLlc(0x86dd, INNER6),
        }),
      ),
    ],
    linkType: 127,
  },
  encodePpi: {
    frames: [
      wire.encodePpi(
        wire.encodeWlan({
          destination: MACS.destination,
          source: MACS.source,
          station: MACS.source,
          payload: wire.encodeLlc(0x0800, INNER4),
        }),
      ),
    ],
    linkType: 192,
  },
};
