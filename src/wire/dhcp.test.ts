import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import { decodeInside, expectHarmless } from '../../test/support/window.ts';
import { type DhcpMessage, decodeDhcp, encodeDhcp, summarizeDhcp } from './dhcp.ts';
import { decodeDhcpv6, encodeDhcpv6, encodeDuid, summarizeDhcpv6 } from './dhcpv6.ts';

const zeros = (n: number): string => '00'.repeat(n);

function decode(bytes: Uint8Array): DhcpMessage {
  const message = decodeInside(decodeDhcp, bytes);
  if (message === undefined) throw new Error('no DHCP message');
  return message;
}

/** A discover whose options are these bytes; `file` and `sname` are for overload. */
function raw(options: string, fields: { file?: string; sname?: string } = {}): Uint8Array {
  const { file = '', sname = '' } = fields;
  const fill = (hex: string, size: number): string => hex.padEnd(2 * size, '0');
  return hexBytes(
    `01010600 00000001 0000 0000 ${zeros(16)} 020000000001 ${zeros(10)} ${fill(sname, 64)} ${fill(file, 128)} 63825363 ${options}`,
  );
}

describe('DHCP', () => {
  // Both packets of tcpdump's tests/dhcp-mud.pcap; what is expected is what `tshark -r dhcp-mud.pcap -V` says of them.
  const REQUEST = `01010601068c4847000000003e0cad7b00000000000000003e0cad79b827ebb853c8${zeros(202)}638253633501033d0701b827ebb853c8390205c0a13668747470733a2f2f6d756463746c2e6578616d706c652e636f6d2f2e77656c6c2d6b6e6f776e2f6d75642f76312f72617362703130313c2d6468637063642d362e31312e353a4c696e75782d342e312e31382d76372b3a61726d76376c3a42434d323730390c0b7261737062657272797069910101371001792103060c0f1c2a33363a3b646577ff`;
  const ACK = `02010601068c4847000000003e0cad7b3e0cad7b3e0cad723e0cad79b827ebb853c8${zeros(202)}6382536335010536043e0cad723304000002580104fffffff803043e0cad7906043e0cad720f136f66636f75727365696d72696768742e636f6d650d4575726f70652f4265726c696eff`;

  it('a request through a relay', () => {
    const message = decode(hexBytes(REQUEST));
    expect(message).toEqual({
      isReply: false,
      type: 'request',
      transaction: 0x068c4847,
      seconds: 0,
      hops: 1,
      isBroadcast: false,
      clientMac: 'b8:27:eb:b8:53:c8',
      clientAddress: '62.12.173.123',
      yourAddress: '',
      nextServer: '',
      relayAddress: '62.12.173.121',
      hostname: 'raspberrypi',
      fqdn: '',
      vendorClass: 'dhcpcd-6.11.5:Linux-4.1.18-v7+:armv7l:BCM2709',
      userClass: '',
      clientId: 'b8:27:eb:b8:53:c8',
      clientIdMac: 'b8:27:eb:b8:53:c8',
      requestedAddress: '',
      serverId: '',
      leaseSeconds: undefined,
      parameterOrder: '1,121,33,3,6,12,15,28,42,51,54,58,59,100,101,119',
      optionOrder: '53,61,57,161,60,12,145,55',
      subnetMask: '',
      routers: [],
      dnsServers: [],
      ntpServers: [],
      domain: '',
      domainSearch: [],
      routes: [],
      bootServer: '',
      bootFile: '',
      proxyUrl: '',
      portalUrl: '',
      mudUrl: 'https://mudctl.example.com/.well-known/mud/v1/rasbp101',
      message: '',
      relayAgent: undefined,
      bytes: REQUEST.length / 2,
      state: 'complete',
    });
    expect(summarizeDhcp(message)).toBe('request b8:27:eb:b8:53:c8 "raspberrypi" 62.12.173.123');
  });

  it('an acknowledgement', () => {
    const message = decode(hexBytes(ACK));
    expect(message).toMatchObject({
      isReply: true,
      type: 'ack',
      yourAddress: '62.12.173.123',
      nextServer: '62.12.173.114',
      serverId: '62.12.173.114',
      leaseSeconds: 600,
      subnetMask: '255.255.255.248',
      routers: ['62.12.173.121'],
      dnsServers: ['62.12.173.114'],
      domain: 'ofcourseimright.com',
      optionOrder: '53,54,51,1,3,6,15,101',
    });
    expect(summarizeDhcp(message)).toBe('ack b8:27:eb:b8:53:c8 62.12.173.123 for 600 s from 62.12.173.114');
  });

  it('a long option is put together from its pieces, over all fields', () => {
    const message = decode(
      raw('350101 340103 0c02 6162 0c02 6364 ff', { file: '0c02 6566 ff'.replaceAll(' ', ''), sname: '0c0167ff' }),
    );
    expect(message).toMatchObject({ hostname: 'abcdefg', optionOrder: '53,52,12,12,12,12', state: 'complete' });
    expect([message.bootFile, message.bootServer]).toEqual(['', '']);
    const long = 'x'.repeat(600);
    expect(decode(encodeDhcp({ options: [{ code: 60, content: asciiBytes(long) }] }))).toMatchObject({
      vendorClass: `${'x'.repeat(255)}…`,
      optionOrder: '53,60,60,60',
    });
  });

  it('server name and file of the header count unless they hold options', () => {
    expect(decode(raw('350101ff', { file: '61', sname: '62' }))).toMatchObject({ bootFile: 'a', bootServer: 'b' });
    expect(decode(raw('350101 340101 ff', { file: '430178ff', sname: '62' }))).toMatchObject({
      bootFile: 'x',
      bootServer: 'b',
    });
  });

  it.each([
    ['a MAC', '3d07 01 020000000002', '02:00:00:00:00:02', '02:00:00:00:00:02'],
    [
      'a DUID of a MAC and a time',
      '3d13 ff 00000001 0001 0001 1e62770b b827ebb853c8',
      'iaid 00000001 duid 000100011e62770bb827ebb853c8',
      'b8:27:eb:b8:53:c8',
    ],
    ['text', '3d04 00 616263', 'abc', undefined],
    ['text without a type', '3d03 616263', 'abc', undefined],
    ['anything else', '3d03 07ff00', '07ff00', undefined],
    ['a DUID that is too short', '3d07 ff 00000001 0001', 'ff000000010001', undefined],
    ['nothing', '3d00', '', undefined],
  ])('a client identifier of %s', (_, hex, clientId, clientIdMac) => {
    expect(decode(raw(`350101 ${hex} ff`))).toMatchObject({ clientId, clientIdMac });
  });

  it.each([
    ['FQDN as text', '5107 01 0000 612e6263', { fqdn: 'a.bc' }],
    ['FQDN as labels', '510a 05 0000 0161 03 622e63 00', { fqdn: 'a.b.c' }],
    ['a partial FQDN', '5105 04 0000 0161', { fqdn: 'a' }],
    ['an FQDN whose label leaves it', '5105 04 0000 0561', { fqdn: '0561' }],
    ['hostname with an end mark', '0c03 616200', { hostname: 'ab' }],
    ['hostname with control bytes', '0c04 61 1b 5b 41', { hostname: 'a\\x1b[A' }],
    ['user class behind its length', '4d05 04 69505845', { userClass: 'iPXE' }],
    ['user class as text', '4d04 69505845', { userClass: 'iPXE' }],
    // RFC 3442: a default route, a network of 8 bits, one of 25.
    [
      'classless routes',
      '7915 00 0a000001 08 0a 0a000002 19 c0a80080 0a000003 05',
      { routes: ['0.0.0.0/0 via 10.0.0.1', '10.0.0.0/8 via 10.0.0.2', '192.168.0.128/25 via 10.0.0.3'] },
    ],
    ['a route of 33 bits', '790a 21 0a0a0a0a0a 0a000001', { routes: [] }],
    // RFC 3397 section 3: eng.apple.com and marketing.apple.com, the second with a pointer.
    [
      'search list with a pointer',
      '771b 03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004',
      { domainSearch: ['eng.apple.com', 'marketing.apple.com'] },
    ],
    ['search list with a pointer to itself', '7702 c000', { domainSearch: [] }],
    [
      'relay agent',
      '5213 0104 00040001 0206 0a0000000001 0603 616263',
      { relayAgent: { circuitId: '00040001', remoteId: '0a0000000001', subscriberId: 'abc' } },
    ],
    ['captive portal', '7203 613a62', { portalUrl: 'a:b' }],
    ['a type that has no name', '3501c8', { type: 'type 200' }],
  ])('%s', (_, hex, expected) => {
    const type = hex.startsWith('35') ? '' : '350101';
    expect(decode(raw(`${type} ${hex} ff`))).toMatchObject(expected);
  });

  it('BOOTP has no type, other hardware no MAC', () => {
    expect(decode(raw('ff')).type).toBe('bootp');
    const bytes = raw('350101ff');
    bytes[2] = 8;
    expect(decode(bytes).clientMac).toBeUndefined();
  });

  it('options that are cut keep what came before', () => {
    expect(decode(raw('350101 0c05 6162'))).toMatchObject({ state: 'cut', type: 'discover', hostname: '' });
    expect(decode(raw('350101 0c'))).toMatchObject({ state: 'cut' });
    expect(decode(raw('350101 340101 ff', { file: '0cff' }))).toMatchObject({
      state: 'malformed',
    });
  });

  it('is no message with another cookie, operation or length', () => {
    const bytes = raw('350101ff');
    for (const [at, value] of [
      [0, 3],
      [236, 0x64],
    ] as const) {
      const bad = bytes.slice();
      bad[at] = value;
      expect(decodeDhcp(bad, 0, bad.length)).toBeUndefined();
    }
    expect(decodeDhcp(bytes, 0, 239)).toBeUndefined();
  });

  it('encode, then decode, is identity', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ019-. é'), minLength: 1, maxLength: 30 });
    const mac = fc
      .uint8Array({ minLength: 6, maxLength: 6 })
      .map((b) => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join(':'));
    const address = fc.ipV4().filter((a) => a !== '0.0.0.0');
    const list = fc.array(address, { maxLength: 4 });
    const fields = fc.record({
      isReply: fc.boolean(),
      type: fc.constantFrom('bootp', 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform'),
      transaction: fc.nat(0xffffffff),
      seconds: fc.nat(65_535),
      hops: fc.nat(16),
      isBroadcast: fc.boolean(),
      clientMac: mac,
      clientAddress: address,
      yourAddress: address,
      nextServer: address,
      relayAddress: address,
      hostname: text,
      fqdn: fc.constantFrom('', 'host.example.org'),
      vendorClass: text,
      clientIdMac: mac,
      requestedAddress: address,
      serverId: address,
      leaseSeconds: fc.nat(0xffffffff),
      parameterOrder: fc.array(fc.nat(254), { maxLength: 20 }).map((codes) => codes.join(',')),
      subnetMask: address,
      routers: list,
      dnsServers: list,
      ntpServers: list,
      domain: text,
      proxyUrl: text,
      message: text,
      bootServer: text,
      bootFile: text,
    });
    fc.assert(
      fc.property(fields, (sent) => {
        expect(decode(encodeDhcp(sent))).toMatchObject({ ...sent, state: 'complete' });
      }),
      { numRuns: 200, seed: 1 },
    );
    expect(decode(encodeDhcp({ clientIdDuidMac: '02:00:00:00:00:09' }))).toMatchObject({
      clientIdMac: '02:00:00:00:00:09',
    });
  });

  it('no input throws, and no read leaves the message', () => {
    const full = raw(
      '350101 340103 5105040000 0161 7915 00 0a000001 08 0a 0a000002 19 c0a80080 0a000003 05 7702 c000 5204 01020304 3d07 ff 00000001 0001 ff',
    );
    expectHarmless(decodeDhcp, [hexBytes(REQUEST), hexBytes(ACK), full], 2);
  });
});

describe('DHCPv6', () => {
  // Frame 1 of tcpdump's tests/dhcpv6-mud.pcap and frame 4 of dhcpv6-ia-pd.pcap; what is expected is what `tshark -V` says of them.
  const RELAYED =
    '0c00200108a810060003022584fffedb2380fe80000000000000ba27ebfffeb853c8000900c60178244b0001000e000100011e62770bb827ebb853c80008000200000010003300009f08002d6468637063642d362e31312e353a4c696e75782d342e312e31382d76372b3a61726d76376c3a42434d32373039000e00000003000cebb853c800000000000000000027000d010b72617370626572727970690070003668747470733a2f2f6d756463746c2e6578616d706c652e636f6d2f2e77656c6c2d6b6e6f776e2f6d75642f76312f7261736270313031001400000006000c00170018001f0027005200530012000400000008';
  const DELEGATION =
    '0712b08a001900290203040500000e1000001518001a00190000119400001c20382a0000010001010000000000000000000001000a000300010001020304050002000e0001000118464999001122334455';

  it('a solicit in a relay', () => {
    const message = decodeInside(decodeDhcpv6, hexBytes(RELAYED))!;
    expect(message).toEqual({
      type: 'solicit',
      transaction: 0x78244b,
      relays: [
        {
          hops: 0,
          linkAddress: '2001:8a8:1006:3:225:84ff:fedb:2380',
          peerAddress: 'fe80::ba27:ebff:feb8:53c8',
          interfaceId: '00000008',
          remoteId: '',
        },
      ],
      clientDuid: {
        kind: 'link-layer and time',
        hex: '000100011e62770bb827ebb853c8',
        mac: 'b8:27:eb:b8:53:c8',
        enterprise: undefined,
      },
      serverDuid: undefined,
      clientMac: 'b8:27:eb:b8:53:c8',
      fqdn: 'raspberrypi',
      vendorClass: 'dhcpcd-6.11.5:Linux-4.1.18-v7+:armv7l:BCM2709',
      vendorEnterprise: 40_712,
      userClass: '',
      mudUrl: 'https://mudctl.example.com/.well-known/mud/v1/rasbp101',
      requestOrder: '23,24,31,39,82,83',
      optionOrder: '1,8,16,14,3,39,112,20,6',
      addresses: [],
      prefixes: [],
      dnsServers: [],
      domains: [],
      status: undefined,
      statusMessage: '',
      elapsedMs: 0,
      state: 'complete',
    });
    expect(summarizeDhcpv6(message)).toBe('solicit b8:27:eb:b8:53:c8 raspberrypi through 1 relay');
  });

  it('a delegated prefix', () => {
    const message = decodeInside(decodeDhcpv6, hexBytes(DELEGATION))!;
    expect(message).toMatchObject({
      type: 'reply',
      clientDuid: { kind: 'link-layer', mac: '00:01:02:03:04:05' },
      serverDuid: { kind: 'link-layer and time', mac: '00:11:22:33:44:55' },
      prefixes: [{ address: '2a00:1:1:100::/56', preferredSeconds: 4500, validSeconds: 7200 }],
    });
    expect(summarizeDhcpv6(message)).toBe('reply 00:01:02:03:04:05 2a00:1:1:100::/56');
  });

  it('a refusal inside an association', () => {
    // IA_NA with a status of 2 (NoAddrsAvail) and a text.
    const bytes = hexBytes('02 000001 0003 0014 00000001 00000000 00000000 000d 0004 0002 6e6f');
    const message = decodeInside(decodeDhcpv6, bytes)!;
    expect(message).toMatchObject({ status: 2, statusMessage: 'no', state: 'complete' });
    expect(summarizeDhcpv6(message)).toBe('advertise (no)');
  });

  it('DUIDs of other kinds', () => {
    const duid = (hex: string) =>
      decodeDhcpv6(encodeDhcpv6({ clientDuid: hexBytes(hex) }), 0, 4 + 4 + hexBytes(hex).length)?.clientDuid;
    expect(duid('0002 00000009 0102')).toMatchObject({ kind: 'enterprise', enterprise: 9, mac: undefined });
    expect(duid(`0004 ${'ab'.repeat(16)}`)).toMatchObject({ kind: 'uuid', mac: undefined });
    expect(duid('0003 0006 0102')).toMatchObject({ kind: 'link-layer', mac: undefined });
    expect(duid('0009 00')).toMatchObject({ kind: 'other', hex: '000900' });
    expect(duid('0009')).toBeUndefined();
  });

  it('what a relay saw of the link counts more than the DUID', () => {
    const inner = encodeDhcpv6({ clientDuid: encodeDuid({ mac: '02:00:00:00:00:01' }) });
    const relay = Uint8Array.of(
      12,
      0,
      ...new Uint8Array(32),
      0,
      79,
      0,
      8,
      0,
      1,
      2,
      0,
      0,
      0,
      0,
      2,
      0,
      9,
      0,
      inner.length,
      ...inner,
    );
    expect(decodeInside(decodeDhcpv6, relay)?.clientMac).toBe('02:00:00:00:00:02');
  });

  it.each([
    ['relays without end', `0c00${zeros(32)} 00090000`],
    ['a type that does not exist', '63000000 00080002 0000'],
    ['no options', '01000001'],
    ['a first option that does not fit', '01000001 0001 0005 0102'],
  ])('is no message: %s', (_, hex) => {
    expect(decodeDhcpv6(hexBytes(hex), 0, hexBytes(hex).length)).toBeUndefined();
  });

  it('nine relays are refused, eight are not', () => {
    const relays = Array.from({ length: 8 }, (_, hops) => ({ hops }));
    const bytes = encodeDhcpv6({ relays, elapsedMs: 0 });
    expect(decodeInside(decodeDhcpv6, bytes)?.relays).toHaveLength(8);
    const more = encodeDhcpv6({ relays: [...relays, { hops: 9 }], elapsedMs: 0 });
    expect(decodeDhcpv6(more, 0, more.length)).toBeUndefined();
  });

  it('an association that is too short or overfull is malformed, a message that is cut is cut', () => {
    expect(decodeInside(decodeDhcpv6, hexBytes('01000001 0003 0004 00000001'))?.state).toBe('malformed');
    expect(decodeInside(decodeDhcpv6, hexBytes('01000001 0003 0010 00000001 00000000 00000000 0005 0018'))?.state).toBe(
      'malformed',
    );
    expect(decodeInside(decodeDhcpv6, hexBytes('01000001 0008 0002 0000 0001 00'))?.state).toBe('cut');
  });

  it('encode, then decode, is identity', () => {
    const seconds = fc.nat(0xffffffff);
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ019-.'), minLength: 1, maxLength: 20 });
    const address = fc.constantFrom('2001:db8::1', 'fe80::1', '::', 'fd00:1:2:3:4:5:6:7');
    const fields = fc.record({
      type: fc.constantFrom('solicit', 'advertise', 'request', 'reply', 'information-request', 'decline'),
      transaction: fc.nat(0xffffff),
      relays: fc.array(
        fc.record({ hops: fc.nat(8), linkAddress: address, peerAddress: address, interfaceId: text, remoteId: text }),
        { maxLength: 3 },
      ),
      fqdn: fc.constantFrom('', 'host', 'host.example.org'),
      vendorClass: text,
      vendorEnterprise: seconds,
      userClass: text,
      requestOrder: fc.array(fc.nat(65_535), { minLength: 1, maxLength: 9 }).map((codes) => codes.join(',')),
      addresses: fc.array(fc.record({ address, preferredSeconds: seconds, validSeconds: seconds }), { maxLength: 3 }),
      prefixes: fc.array(
        fc.record({ address: fc.constant('2001:db8:1::/48'), preferredSeconds: seconds, validSeconds: seconds }),
        { maxLength: 3 },
      ),
      dnsServers: fc.array(address, { maxLength: 3 }),
      domains: fc.array(fc.constantFrom('example.org', 'a.b.c'), { maxLength: 3 }),
      status: fc.nat(9),
      statusMessage: text,
      elapsedMs: fc.nat(65_535).map((n) => 10 * n),
    });
    fc.assert(
      fc.property(fields, (sent) => {
        const bytes = encodeDhcpv6({ ...sent, clientDuid: encodeDuid({ mac: '02:00:00:00:00:01', time: 5 }) });
        expect(decodeInside(decodeDhcpv6, bytes)).toMatchObject({
          ...sent,
          clientMac: '02:00:00:00:00:01',
          state: 'complete',
        });
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('no input throws, and no read leaves the message', () => {
    expectHarmless(decodeDhcpv6, [hexBytes(RELAYED), hexBytes(DELEGATION)], 4);
  });
});
