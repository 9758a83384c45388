import { describe, expect, it } from 'vitest';
import { arp, flowsFrom, icmp, ipFrame, type TestFrame, tcp, udp } from '../../test/support/frames.ts';
import { PROTO } from '../wire/index.ts';

function id(...frames: TestFrame[]): (string | undefined)[] {
  return flowsFrom(frames).map((flow) => flow.communityId);
}

// Expected values: baseline of the specification (corelight/community-id-spec) and the expectations that Arkime keeps beside its captures.
describe('community id', () => {
  it('is the published one for TCP and UDP, in both directions', () => {
    const a = '128.232.110.120:34855';
    const b = '66.35.250.204:80';
    expect(id(tcp(0, a, b, 'S'))).toEqual(['1:LQU9qZlK+B5F3KDmev6m5PMibrg=']);
    expect(id(tcp(0, b, a, 'A'))).toEqual(['1:LQU9qZlK+B5F3KDmev6m5PMibrg=']);
    expect(id(udp(0, '192.168.1.52:54585', '8.8.8.8:53'))).toEqual(['1:d/FP5EW3wiY1vCndhwleRRKHowQ=']);
    expect(id(udp(0, '8.8.8.8:53', '192.168.1.52:54585'))).toEqual(['1:d/FP5EW3wiY1vCndhwleRRKHowQ=']);
  });

  it('is the published one for a ping, whichever half was captured first', () => {
    const request = icmp(0, '192.168.0.89', '192.168.0.1', { type: 8, identifier: 1 });
    const reply = icmp(1, '192.168.0.1', '192.168.0.89', { type: 0, identifier: 1 });
    const expected = ['1:X0snYXpgwiv9TZtqg64sgzUn6Dk='];
    expect(id(request)).toEqual(expected);
    expect(id(reply)).toEqual(expected);
    expect(id(request, reply)).toEqual(expected);
    expect(id(reply, request)).toEqual(expected);
  });

  it.each([
    [PROTO.icmpv6, 'fe80::200:86ff:fe05:80da', 'fe80::260:97ff:fe07:69ea', 135, '1:dGHyGvjMfljg6Bppwm3bg0LO8TY='],
    [PROTO.icmpv6, 'fe80::260:97ff:fe07:69ea', 'fe80::200:86ff:fe05:80da', 136, '1:dGHyGvjMfljg6Bppwm3bg0LO8TY='],
    [PROTO.icmpv6, '3ffe:507:0:1:200:86ff:fe05:80da', '3ffe:501:0:1001::2', 128, '1:+TW+HtLHvV1xnGhV1lv7XoJrqQg='],
    [PROTO.icmpv6, '3ffe:501:0:1001::2', '3ffe:507:0:1:200:86ff:fe05:80da', 129, '1:+TW+HtLHvV1xnGhV1lv7XoJrqQg='],
    [PROTO.icmpv6, 'fe80::200:86ff:fe05:80da', 'ff02::2', 133, '1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0='],
    [PROTO.icmpv6, '3ffe:501:1800:2345::2', '3ffe:507:0:1:200:86ff:fe05:80da', 3, '1:2ObVBgIn28oZvibYZhZMBgh7WdQ='],
    [PROTO.icmp, '10.0.0.1', '10.0.0.2', 11, '1:YHxtAirCG//0OzkcVAukqKQN9xM='],
  ])('is the published one for message %i from %s to %s of type %i', (protocol, from, to, type, expected) => {
    const message = icmp(0, from, to, { type });
    expect(message.bytes).toHaveLength(protocol === PROTO.icmp ? 42 : 62);
    expect(id(message)).toEqual([expected]);
  });

  it('is the published one for SCTP and RSVP, in both directions', () => {
    const frame = (from: string, to: string, protocol: number, payload: Uint8Array): TestFrame => ({
      atMs: 0,
      bytes: ipFrame(from, to, protocol, payload),
    });
    const sctp = new Uint8Array(12);
    sctp.set([0, 7, 0, 7]);
    for (const [from, to] of [
      ['192.168.170.8', '192.168.170.56'],
      ['192.168.170.56', '192.168.170.8'],
    ] as const)
      expect(id(frame(from, to, PROTO.sctp, sctp))).toEqual(['1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=']);
    for (const [from, to] of [
      ['10.1.12.1', '10.1.12.2'],
      ['10.1.12.2', '10.1.12.1'],
    ] as const)
      expect(id(frame(from, to, 46, new Uint8Array(8)))).toEqual(['1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=']);
  });

  it('is the same for a reply-first ping over IPv6', () => {
    const request = icmp(0, 'fe80::1', 'fe80::2', { type: 128, identifier: 1 });
    const reply = icmp(1, 'fe80::2', 'fe80::1', { type: 129, identifier: 1 });
    expect(id(reply)).toEqual(id(request));
  });

  it('keeps the order of a message that has no counterpart', () => {
    const error = (from: string, to: string): TestFrame => icmp(0, from, to, { type: 3, code: 3 });
    expect(id(error('10.0.0.1', '10.0.0.2'))).not.toEqual(id(error('10.0.0.2', '10.0.0.1')));
  });

  it('leaves ports out for protocols without, and is missing for ARP', () => {
    const gre = (from: string, to: string): TestFrame => ({
      atMs: 0,
      bytes: ipFrame(from, to, PROTO.gre, new Uint8Array(4)),
    });
    const [there] = id(gre('10.0.0.1', '10.0.0.2'));
    expect(there).toMatch(/^1:[A-Za-z0-9+/]{27}=$/);
    expect(id(gre('10.0.0.2', '10.0.0.1'))).toEqual([there]);
    expect(id(arp(0, 1, '10.0.0.1', '10.0.0.2'))).toEqual([undefined]);
  });
});
