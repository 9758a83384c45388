import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes, toHex } from '../../test/support/frames.ts';
import { decodeInside, expectHarmless } from '../../test/support/window.ts';
import {
  type DnsFullMessage,
  type DnsMessageFields,
  decodeDns,
  decodeDnsMessage,
  decodeDnsStream,
  dnsLabels,
  dnsNameText,
  dnsRcodeName,
  dnsTypeName,
  dnsTypeNumber,
  encodeDnsMessage,
  encodeDnsStream,
  llmnrFlags,
  mdnsAnnouncement,
  summarizeDnsMessage,
  summarizeMdns,
} from './index.ts';

const type = (name: string): number => dnsTypeNumber(name) ?? Number.NaN;

function decode(source: string | Uint8Array): DnsFullMessage {
  const message = decodeInside(decodeDnsMessage, typeof source === 'string' ? hexBytes(source) : source);
  if (message === undefined) throw new Error('no DNS message');
  return message;
}

/** 'example.com 600 SVCB 0 foo.example.com' */
function lines(records: DnsFullMessage['answers']): string[] {
  return records.map((r) => `${r.name || '.'} ${r.ttl} ${dnsTypeName(r.type)} ${r.data}${r.isMalformed ? ' !' : ''}`);
}

// Payloads of real packets, from Arkime (dns-mx), Zeek (dns-https, dns-svcb, dns-caa, dns-tsig, dns_extended_rcode), tcpdump (edns-opts) and ipfixprobe (dnssd)
// tests; what is expected is what `tshark -r <file> -V` says of them.
const MX =
  '4c1781800001000200020002026d7803636f6d00000f0001c00c000f000100000e10001c000a08636c7573746572350275730b6d6573736167656c616273c00fc00c000f000100000e10000e001409636c75737465723561c02fc00c0002000100000e10001504646e73320d737461626c657472616e736974c00fc00c0002000100000e10000704646e7331c06bc06600010001000005160004413dbc04c0870001000100000de7000445145f04';
const HTTPS =
  'f29f818000010001000000010a636c6f7564666c61726503636f6d0000410001c00c0041000100000081004f000100000100180268330568332d32390568332d32380568332d323702683200040008681084e5681085e500060020260647000000000000000000681084e5260647000000000000000000681085e50000291000000000000000';
const SVCB =
  'c96481000001000100000000076578616d706c6503636f6d0000400001076578616d706c6503636f6d0000400001000002580013000003666f6f076578616d706c6503636f6d00';
const CAA =
  '355e8180000100010000000006676f6f676c6503636f6d0001010001c00c010100010000544900130005697373756573796d616e7465632e636f6d';
const TSIG =
  '25e701000001000000000001076578616d706c6503636f6d00000100010a7365637265742d6b65790000fa00ff00000000003a08686d61632d6d6435077369672d616c670372656703696e7400000054060ed2012c001046bdbf31ef0236b8ebae31752c87db7f25e700000000';
const BADVERS = '002a850000010000000000010474657374076578616d706c6503636f6d00000100010000290001010000000000';
const PROBE =
  '000000000004000000070000046a616a610b5f756469736b732d737368045f746370056c6f63616c0000ff0001046a616a61c02200ff0001013401310162013901360138016501660166016601360139013101310161013001300130013001300130013001300130013001300130013001300138016501660369703604617270610000ff0001186a616a61205b30383a31313a39363a38363a39623a31345d0c5f776f726b73746174696f6ec01d00ff0001c02d001c0001000000780010fe800000000000000a1196fffe869b14c038000c0001000000780002c02dc02d000d000100000078000d065838365f3634054c494e5558c08600210001000000780008000000000009c02dc0860010000100001194000100c00c00210001000000780008000000000016c02dc00c0010000100001194000100';

describe('whole DNS messages', () => {
  it('MX with compressed names in all sections', () => {
    const message = decode(MX);
    expect(message.questions).toEqual([
      { name: 'mx.com', written: 'mx.com', type: 15, class: 1, unicastResponse: false },
    ]);
    expect(lines(message.answers)).toEqual([
      'mx.com 3600 MX 10 cluster5.us.messagelabs.com',
      'mx.com 3600 MX 20 cluster5a.us.messagelabs.com',
    ]);
    expect(lines(message.authorities)).toEqual([
      'mx.com 3600 NS dns2.stabletransit.com',
      'mx.com 3600 NS dns1.stabletransit.com',
    ]);
    expect(lines(message.additionals)).toEqual([
      'dns2.stabletransit.com 1302 A 65.61.188.4',
      'dns1.stabletransit.com 3559 A 69.20.95.4',
    ]);
    // Data lengths 28, 14, 21, 7, 4 and 4.
    expect(message).toMatchObject({
      id: 0x4c17,
      isResponse: true,
      recursionDesired: true,
      recursionAvailable: true,
      isAuthoritative: false,
      dataBytes: 78,
      answerBytes: 42,
      bytes: MX.length / 2,
      unlisted: 0,
      state: 'complete',
    });
    expect(summarizeDnsMessage(message)).toBe(
      'response NOERROR MX mx.com: MX 10 cluster5.us.messagelabs.com, MX 20 cluster5a.us.messagelabs.com',
    );
  });

  it('HTTPS, SVCB, CAA and TSIG', () => {
    const https = decode(HTTPS);
    expect(lines(https.answers)).toEqual([
      'cloudflare.com 129 HTTPS 1 . alpn=h3,h3-29,h3-28,h3-27,h2 ipv4hint=104.16.132.229,104.16.133.229 ipv6hint=2606:4700::6810:84e5,2606:4700::6810:85e5',
    ]);
    expect(https.edns).toEqual({ version: 0, udpSize: 4096, dnssecOk: false, options: [] });
    expect(https.additionals).toEqual([]);
    expect(lines(decode(SVCB).answers)).toEqual(['example.com 600 SVCB 0 foo.example.com']);
    expect(lines(decode(CAA).answers)).toEqual(['google.com 21577 CAA 0 issue "symantec.com"']);
    expect(lines(decode(TSIG).additionals)).toEqual([
      'secret-key 0 TSIG hmac-md5.sig-alg.reg.int 1409683154 300 16 bytes 9703 0',
    ]);
  });

  it('the upper bits of the code come from EDNS', () => {
    const message = decode(BADVERS);
    expect([message.rcode, dnsRcodeName(message.rcode), message.edns?.udpSize]).toEqual([16, 'BADVERS', 1]);
  });

  it('EDNS options in text', () => {
    const option = (code: number, hex: string) => {
      const bytes = encodeDnsMessage({
        questions: [{ name: 'a' }],
        edns: { options: [{ code, content: hexBytes(hex) }], dnssecOk: true, udpSize: 512 },
      });
      const { edns, malformedRecords } = decode(bytes);
      expect(edns).toMatchObject({ dnssecOk: true, udpSize: 512, version: 0 });
      expect(malformedRecords).toBe(0);
      return edns?.options.map(({ name, text, bytes }) => `${name} ${text} ${bytes}`).join();
    };
    // The option of frame 5 of the edns-ecs-weirds capture, prefix 56: the rest of the address is not sent.
    expect(option(8, '00023800200104701f0b16')).toBe('ECS 2001:470:1f0b:1600::/56/0 11');
    expect(option(8, '00011800 c0a800')).toBe('ECS 192.168.0.0/24/0 7');
    expect(option(8, '00012100 c0a800')).toBe('ECS 00012100c0a800 7');
    expect(option(10, '0102030405060708')).toBe('COOKIE 0102030405060708 8');
    expect(option(15, '0012 6e6f')).toBe('EDE 18 no 4');
    expect(option(12, '000000')).toBe('PADDING  3');
    expect(option(12, '000100')).toBe('PADDING 000100 3');
    expect(option(3, '61621b')).toBe('NSID ab\\x1b 3');
    expect(option(77, 'ff')).toBe('OPTION77 ff 1');
    const short = decode('0000 0100 0001 0000 0000 0001 00 0001 0001 00 0029 1000 00000000 0006 0008 000a 0102');
    expect([short.edns?.options, short.malformedRecords]).toEqual([[], 1]);
  });

  it('encode, then decode, is identity, with and without compression', () => {
    const label = fc.oneof(
      fc.constantFrom('a', 'example', 'com', 'www', '_tcp', 'x'.repeat(63)),
      fc.constantFrom('a\\046b', '\\000\\255', '\\032'),
    );
    const name = fc.array(label, { maxLength: 4 }).map((labels) => labels.slice(0, 3).join('.'));
    const host = name.filter((text) => text !== '');
    const record = fc.oneof(
      fc.tuple(fc.constantFrom('A'), fc.ipV4()),
      fc.constantFrom(
        ['AAAA', '2001:db8::1'],
        ['AAAA', '::ffff:192.0.2.1'],
        ['TXT', '"v=spf1 -all" "a\\"b\\\\c\\000\\255"'],
        ['TXT', '""'],
        ['HINFO', '"X86_64" "LINUX"'],
        ['NULL', '00ff10'],
        ['TYPE65399', 'abcdef'],
        ['KEY', '512 3 5 0102ff'],
        ['DNSKEY', '257 3 13 aabb'],
        ['CAA', '128 issue "ca.example; policy=\\"x\\""'],
        ['URI', '10 1 "https://example.org/"'],
        [
          'SVCB',
          '16 foo.example.org mandatory=alpn,key667 alpn=h2,a\\044b no-default-alpn port=8443 key667=68656c6c6f',
        ],
        ['HTTPS', '1 . ipv4hint=192.0.2.1 ech=00ff ipv6hint=2001:db8::1,2001:db8::2 dohpath="/q{?dns}" ohttp'],
      ),
      fc.tuple(fc.constantFrom('NS', 'CNAME', 'PTR', 'DNAME'), host),
      fc.tuple(
        fc.constant('MX'),
        fc.tuple(fc.nat(65_535), host).map(([n, to]) => `${n} ${to}`),
      ),
      fc.tuple(
        fc.constant('SRV'),
        fc.tuple(fc.nat(65_535), host).map(([n, to]) => `${n} 5 ${65_535 - n} ${to}`),
      ),
      fc.tuple(
        fc.constant('SOA'),
        fc.tuple(host, host, fc.nat(0xffffffff)).map(([a, b, n]) => `${a} ${b} ${n} 1 2 3 4294967295`),
      ),
    );
    const records = fc.array(
      fc
        .tuple(name, record, fc.nat(0xffffffff), fc.nat(0x7fff), fc.boolean())
        .map(([owner, [kind, data], ttl, classNumber, cacheFlush]) => ({
          name: owner,
          type: type(kind!),
          class: classNumber,
          ttl,
          cacheFlush,
          data: data!,
        })),
      { maxLength: 5 },
    );
    const fields = fc.record({
      id: fc.nat(65_535),
      isResponse: fc.boolean(),
      opcode: fc.constantFrom(0, 4, 5),
      isAuthoritative: fc.boolean(),
      isTruncated: fc.boolean(),
      recursionDesired: fc.boolean(),
      recursionAvailable: fc.boolean(),
      authenticData: fc.boolean(),
      checkingDisabled: fc.boolean(),
      rcode: fc.nat(15),
      questions: fc.array(
        fc.record({ name, type: fc.nat(65_535), class: fc.nat(0x7fff), unicastResponse: fc.boolean() }),
        { minLength: 1, maxLength: 4 },
      ),
      answers: records,
      authorities: records,
      additionals: records,
      isCompressed: fc.boolean(),
    });
    fc.assert(
      fc.property(fields, (message) => {
        const bytes = encodeDnsMessage(message);
        const { isCompressed: _, ...sent } = message;
        const decoded = decode(bytes);
        expect(decoded).toMatchObject({ ...sent, state: 'complete', malformedRecords: 0, bytes: bytes.length });
        const quick = decodeDns(bytes, 0, bytes.length);
        if (quick !== undefined)
          expect(quick).toMatchObject({ name: decoded.questions[0]!.name, type: decoded.questions[0]!.type });
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  it('whatever the quick decoder takes for DNS, the whole one does too, and they agree', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 80 }), fc.boolean(), (bytes, isLikely) => {
        if (isLikely) bytes.set([0, 0, 1, 0, 0, 1, 0, 0, 0], 0);
        const quick = decodeDns(bytes, 0, bytes.length);
        if (quick === undefined) return;
        const whole = decodeDnsMessage(bytes, 0, bytes.length);
        expect(whole).toMatchObject({ isResponse: quick.isResponse, opcode: quick.opcode });
        if (quick.name !== undefined) expect(whole?.questions[0]).toMatchObject({ name: quick.name, type: quick.type });
      }),
      { numRuns: 2000, seed: 6 },
    );
  });

  it('names keep their case beside the lower one, and PTR data keep it too', () => {
    const message = decode(
      encodeDnsMessage({
        questions: [{ name: 'wWw.Example.ORG' }],
        answers: [
          { name: 'wWw.Example.ORG', type: type('CNAME'), data: 'Other.Example.ORG' },
          { name: '1.2.0.192.in-addr.arpa', type: type('PTR'), data: 'Host.Example.ORG' },
        ],
      }),
    );
    expect(message.questions[0]).toMatchObject({ name: 'www.example.org', written: 'wWw.Example.ORG' });
    expect(message.answers.map(({ data }) => data)).toEqual(['other.example.org', 'Host.Example.ORG']);
  });

  const HEADER = '0000 8180 0001 0001 0000 0000 01 61 00 0001 0001';
  it.each([
    ['a pointer to itself', `${HEADER} c013 0001 0001 00000000 0004 01020304`, 'malformed'],
    ['a pointer forwards', `${HEADER} c020 0001 0001 00000000 0004 01020304`, 'malformed'],
    ['a pointer into the header', `${HEADER} c004 0001 0001 00000000 0004 01020304`, 'malformed'],
    ['a label whose pointer leads to itself', `${HEADER} 0162 c013 0001 0001 00000000 0004 01020304`, 'malformed'],
    ['a label type that does not exist', `${HEADER} 80 0001 0001 00000000 0004 01020304`, 'malformed'],
    ['a record that is missing', HEADER, 'cut'],
    ['a record without its data', `${HEADER} c00c 0001 0001 00000000 0004 0102`, 'cut'],
    ['a name that is cut', `${HEADER} 05 6162`, 'cut'],
    ['a pointer that is cut', `${HEADER} c0`, 'cut'],
  ])('ends at %s and keeps the question', (_, hex, state) => {
    const message = decode(hex);
    expect(message).toMatchObject({ state, answers: [] });
    expect(message.questions).toHaveLength(1);
  });

  it('chains of pointers end, however long', () => {
    // Each of 40 answers is named by a pointer to the name before, which is a pointer again.
    let hex = `0000 8180 0001 0028 0000 0000 01 61 00 0001 0001`;
    let at = 12;
    for (let i = 0; i < 40; i++) {
      hex += ` 0162 ${(0xc000 | at).toString(16)} 0010 0001 00000000 0001 00`;
      at = 19 + i * 15;
    }
    const message = decode(hex);
    expect(message.state).toBe('complete');
    expect(message.answers.at(-1)?.name).toBe(`${'b.'.repeat(40)}a`);
  });

  it.each([
    ['an address of five bytes', 1, '0102030405'],
    ['a name that leaves the data', 5, '0361'],
    ['a text longer than the data', 16, '0561'],
    ['a service parameter longer than the data', 65, '0001 00 0001 0005 02'],
    ['a port of three bytes', 65, '0001 00 0003 0003 01bb00'],
    ['an SOA without its numbers', 6, '00 00 00000001'],
    ['a bitmap of no bytes', 47, '00 0000'],
  ])('data that contradict their type become hex: %s', (_, kind, hex) => {
    const data = hexBytes(hex);
    const message = decode(
      encodeDnsMessage({
        isResponse: true,
        questions: [{ name: 'a' }],
        answers: [
          { name: 'a', type: kind, data },
          { name: 'a', data: '192.0.2.1' },
        ],
      }),
    );
    expect(message).toMatchObject({ state: 'complete', malformedRecords: 1 });
    expect(message.answers.map((r) => [r.data, r.isMalformed])).toEqual([
      [toHex(data), true],
      ['192.0.2.1', false],
    ]);
  });

  it('NSEC, RRSIG, DS, NAPTR, RP, TLSA and SSHFP as text', () => {
    const text = (kind: string, hex: string) =>
      decode(
        encodeDnsMessage({ questions: [{ name: '' }], answers: [{ name: '', type: type(kind), data: hexBytes(hex) }] }),
      ).answers[0]?.data;
    // RFC 4034 section 4.3: alfa.example.com. NSEC host.example.com. ( A MX RRSIG NSEC TYPE1234 ).
    expect(
      text(
        'NSEC',
        '04686f7374076578616d706c6503636f6d00 0006 40010000 0003 041b 000000000000000000000000000000000000000000000000000020',
      ),
    ).toBe('host.example.com A MX RRSIG NSEC TYPE1234');
    expect(text('RRSIG', '0001 05 03 00015180 3e2b3c4f 3e03af4f 0a52 07 6578616d706c65 00 abcd')).toBe(
      'A 5 3 86400 1043020879 1040428879 2642 example abcd',
    );
    expect(text('DS', 'ec45 05 01 2bb183af')).toBe('60485 5 1 2bb183af');
    expect(text('NAPTR', '0064 000a 01 75 07 4532552b736970 00 0161 00')).toBe('100 10 "u" "E2U+sip" "" a');
    expect(text('RP', '0161 00 00')).toBe('a .');
    expect(text('TLSA', '030101 ff')).toBe('3 1 1 ff');
    expect(text('SSHFP', '0102 ff')).toBe('1 2 ff');
  });

  it('an update says "any data" with no data', () => {
    const message = decode(
      encodeDnsMessage({
        opcode: 5,
        questions: [{ name: 'a', type: 6 }],
        authorities: [{ name: 'b', class: 255, data: new Uint8Array() }],
      }),
    );
    expect(message).toMatchObject({ malformedRecords: 0, state: 'complete' });
    expect(message.authorities[0]).toMatchObject({ data: '', class: 255 });
    expect(summarizeDnsMessage(message)).toBe('update SOA a');
  });

  it('lists 64 questions and records and counts the rest', () => {
    const answers = Array.from({ length: 200 }, (_, i) => ({ name: 'a', data: `192.0.2.${i}` }));
    const message = decode(encodeDnsMessage({ isResponse: true, questions: [{ name: 'a' }], answers, edns: {} }));
    expect(message.answers).toHaveLength(63);
    expect(message).toMatchObject({ unlisted: 137, answerBytes: 800, counts: [1, 200, 0, 1], state: 'complete' });
    expect(message.edns?.udpSize).toBe(1232);
    expect(summarizeDnsMessage(message)).toBe(
      'response NOERROR A a: A 192.0.2.0, A 192.0.2.1, A 192.0.2.2, A 192.0.2.3, … of 200',
    );
    const questions = Array.from({ length: 70 }, () => ({ name: 'a' }));
    expect(decode(encodeDnsMessage({ questions, answers: answers.slice(0, 1) }))).toMatchObject({ unlisted: 7 });
  });

  it('long text is cut', () => {
    const data = `"${'x'.repeat(255)}" `.repeat(20).trim();
    const [record] = decode(
      encodeDnsMessage({ questions: [{ name: 'a' }], answers: [{ name: 'a', type: 16, data }] }),
    ).answers;
    expect(record?.dataBytes).toBe(5120);
    expect(record?.data.length).toBe(1025);
  });

  it('is no message where decodeDns finds none', () => {
    for (const hex of [
      '0000 0100 0001 0000 0000',
      '0000 7900 0001 0000 0000 0000 00 0001 0001',
      '0000 0100 0000 0000 0000 0000',
      '0000 0100 0001 0000 0000 0000 c00c 0001 0001',
      '0000 0100 0100 0000 0000 0000 00 0001 0001',
    ]) {
      expect(decodeDnsMessage(hexBytes(hex), 0, hexBytes(hex).length)).toBeUndefined();
      expect(decodeDns(hexBytes(hex), 0, hexBytes(hex).length)).toBeUndefined();
    }
  });

  it('names that no message can hold are refused by the encoder', () => {
    expect(() => encodeDnsMessage({ questions: [{ name: 'x'.repeat(64) }] })).toThrow(RangeError);
    expect(() => encodeDnsMessage({ questions: [{ name: `${'x'.repeat(63)}.`.repeat(4) }] })).toThrow(RangeError);
    expect(() => encodeDnsMessage({ answers: [{ name: 'a', data: '::1' }] })).toThrow(RangeError);
    expect(() => encodeDnsMessage({ answers: [{ name: 'a', type: 46, data: 'A 5' }] })).toThrow(RangeError);
  });

  it('no input throws, and no read leaves the message', () => {
    expectHarmless(decodeDnsMessage, [MX, HTTPS, TSIG, PROBE].map(hexBytes));
    expectHarmless(decodeDnsStreamShape, [encodeDnsStream([hexBytes(SVCB), hexBytes(CAA)])]);
  });
});

/** The stream without its position, which depends on where the bytes lie. */
function decodeDnsStreamShape(bytes: Uint8Array, at: number, end: number): unknown {
  const stream = decodeDnsStream(bytes, at, end);
  return stream === undefined ? undefined : { ...stream, next: stream.next - at };
}

describe('DNS over TCP', () => {
  const stream = encodeDnsStream([hexBytes(SVCB), hexBytes(CAA)]);

  it('several messages in one segment', () => {
    const { messages, next, cut } = decodeDnsStream(stream, 0, stream.length)!;
    expect(messages.map(({ questions }) => questions[0]?.name)).toEqual(['example.com', 'google.com']);
    expect([next, cut]).toEqual([stream.length, false]);
    expect(decodeDnsStream(stream, 0, stream.length, 1)).toMatchObject({ next: 2 + SVCB.length / 2, cut: false });
  });

  it('a message that goes on in the next segment is given as far as it goes, and can be read again', () => {
    const cut = decodeDnsStream(stream, 0, stream.length - 5)!;
    expect(cut).toMatchObject({ next: 2 + SVCB.length / 2, cut: true });
    expect(cut.messages.map(({ state }) => state)).toEqual(['complete', 'cut']);
    expect(decodeDnsStream(stream, cut.next, stream.length)?.messages[0]?.state).toBe('complete');
    expect(decodeDnsStream(stream, 0, SVCB.length / 2 + 3)).toMatchObject({ cut: true, next: 2 + SVCB.length / 2 });
  });

  it('what is no DNS gives nothing, or ends the list', () => {
    expect(decodeDnsStream(hexBytes('0004 01020304'), 0, 6)).toBeUndefined();
    expect(decodeDnsStream(hexBytes('00'), 0, 1)).toBeUndefined();
    const bad = encodeDnsStream([hexBytes(SVCB), hexBytes('0102')]);
    expect(decodeDnsStream(bad, 0, bad.length)).toMatchObject({ cut: false, next: 2 + SVCB.length / 2 });
  });
});

describe('LLMNR', () => {
  it('conflict and tentative are the bits of AA and RD', () => {
    // RFC 4795 section 2.1.1: QR, opcode, C, TC, T.
    expect(llmnrFlags(decode('0001 8400 0001 0000 0000 0000 04 77706164 00 0001 0001'))).toEqual({
      conflict: true,
      tentative: false,
    });
    expect(llmnrFlags(decode('0001 8100 0001 0000 0000 0000 04 77706164 00 0001 0001'))).toEqual({
      conflict: false,
      tentative: true,
    });
  });
});

describe('mDNS', () => {
  const announced = (fields: DnsMessageFields) =>
    mdnsAnnouncement(decode(encodeDnsMessage({ isResponse: true, isAuthoritative: true, ...fields })));

  it('a probe claims the names of its authority section', () => {
    const announcement = mdnsAnnouncement(decode(PROBE))!;
    expect(announcement).toEqual({
      isProbe: true,
      hosts: [{ name: 'jaja.local', addresses: ['fe80::a11:96ff:fe86:9b14'] }],
      instances: [
        {
          instance: 'jaja [08:11:96:86:9b:14]',
          service: '_workstation._tcp.local',
          host: 'jaja.local',
          port: 9,
          text: '""',
        },
        { instance: 'jaja', service: '_udisks-ssh._tcp.local', host: 'jaja.local', port: 22, text: '""' },
      ],
      services: [],
      goodbyes: [],
    });
    expect(summarizeMdns(announcement)).toBe(
      'probes jaja.local fe80::a11:96ff:fe86:9b14; jaja [08:11:96:86:9b:14] (_workstation._tcp.local); jaja (_udisks-ssh._tcp.local)',
    );
  });

  it('a response announces hosts, instances and service types; names are for people', () => {
    const instance = 'Bob\\226\\128\\153s\\032iPhone\\0462._airplay._tcp.local';
    expect(
      announced({
        answers: [
          { name: '_services._dns-sd._udp.local', type: type('PTR'), ttl: 10, data: '_airplay._tcp.local' },
          { name: '_airplay._tcp.local', type: type('PTR'), ttl: 10, data: instance },
          { name: '_printer._sub._http._tcp.local', type: type('PTR'), ttl: 10, data: 'P._http._tcp.local' },
          { name: '5.0.168.192.in-addr.arpa', type: type('PTR'), ttl: 10, data: 'bob.local' },
        ],
        additionals: [
          { name: instance, type: type('SRV'), ttl: 10, cacheFlush: true, data: '0 0 7000 Bob.local' },
          { name: instance, type: type('TXT'), ttl: 10, data: '"model=J96AP"' },
          { name: 'Bob.local', type: type('A'), ttl: 10, cacheFlush: true, data: '192.168.0.5' },
          { name: 'bob.local', type: type('A'), ttl: 10, data: '192.168.0.5' },
          { name: 'bob.local', type: type('AAAA'), ttl: 10, data: 'fe80::5' },
        ],
      }),
    ).toEqual({
      isProbe: false,
      hosts: [{ name: 'bob.local', addresses: ['192.168.0.5', 'fe80::5'] }],
      instances: [
        {
          instance: 'Bob’s iPhone.2',
          service: '_airplay._tcp.local',
          host: 'bob.local',
          port: 7000,
          text: '"model=J96AP"',
        },
        { instance: 'P', service: '_http._tcp.local', host: '', port: 0, text: '' },
      ],
      services: ['_airplay._tcp.local'],
      goodbyes: [],
    });
  });

  it('a record with TTL 0 is taken back', () => {
    const announcement = announced({
      answers: [
        { name: 'bob.local', data: '192.168.0.5' },
        { name: '_ipp._tcp.local', type: type('PTR'), data: 'P._ipp._tcp.local' },
      ],
    })!;
    expect(announcement).toMatchObject({ hosts: [], instances: [], goodbyes: ['bob.local', 'p._ipp._tcp.local'] });
    expect(summarizeMdns(announcement)).toBe('takes back bob.local; p._ipp._tcp.local');
  });

  it('known answers in a query claim nothing', () => {
    expect(
      announced({
        isResponse: false,
        questions: [{ name: '_ipp._tcp.local', type: 12, unicastResponse: true }],
        answers: [{ name: '_ipp._tcp.local', type: type('PTR'), ttl: 9, data: 'P._ipp._tcp.local' }],
      }),
    ).toBeUndefined();
  });

  it('names in presentation form', () => {
    expect(dnsLabels('a\\.b.c\\046d.e')).toEqual(['a\\.b', 'c\\046d', 'e']);
    expect([dnsLabels(''), dnsLabels('.'), dnsLabels('a.')]).toEqual([[], [], ['a']]);
    expect(dnsNameText('Bob\\226\\128\\153s\\032\\027[0m')).toBe('Bob’s \\x1b[0m');
  });
});
