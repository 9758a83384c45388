import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { decodeInside, expectHarmless } from '../../test/support/window.ts';
import {
  decodeNetbiosDatagram,
  decodeNetbiosName,
  encodeNetbiosDatagram,
  encodeNetbiosName,
  netbiosSuffix,
  summarizeNetbiosDatagram,
  summarizeNetbiosName,
} from './netbios.ts';

// Frames 45 and 7 of tcpdump's tests/eapon1.pcap; what is expected is what `tshark -r eapon1.pcap -V` says of them.
const REGISTRATION =
  '892e29100001000000000001204545454b4641444a444646444441454b434143414341434143414341434141410000200001c00c00200001000493e000066000a9fe43c2';
const LOCAL_MASTER =
  '110e8922c0a801f9008a00bb0000204545454b4641444a444646444441454b4341434143414341434143414341434100204542464345434546454a4645464445484643464646414641454643414341424f00ff534d422500000000000000000000000000000000000000000000000000000011000021000000000000000000e803000000000000000021005600030001000000020032005c4d41494c534c4f545c42524f575345000f0080fc0a00444a50393553304a000072006f0073000501031005000f0155aa00';

describe('NetBIOS name service', () => {
  it('a registration by broadcast', () => {
    const message = decodeInside(decodeNetbiosName, hexBytes(REGISTRATION))!;
    const name = { name: 'DJP95S0J', suffix: 0, scope: '' };
    expect(message).toEqual({
      id: 0x892e,
      isResponse: false,
      operation: 'registration',
      rcode: 0,
      isBroadcast: true,
      question: name,
      isStatusRequest: false,
      records: [{ name, ttl: 300_000, addresses: [{ address: '169.254.67.194', isGroup: false, nodeType: 'H' }] }],
      status: undefined,
      state: 'complete',
    });
    expect(summarizeNetbiosName(message)).toBe('registration DJP95S0J<00> 169.254.67.194');
  });

  it('a node status answer gives all names and the hardware address', () => {
    const status = {
      name: { name: '*', suffix: 0, scope: '' },
      names: [
        { name: 'OFFICE-PC', suffix: 0x20, isGroup: false, isActive: true, isConflict: false },
        { name: 'WORKGROUP', suffix: 0, isGroup: true, isActive: true, isConflict: true },
      ],
      mac: '08:00:27:2a:ba:35',
    };
    const bytes = encodeNetbiosName({ isResponse: true, status });
    // RFC 1002 section 4.2.18: type 0x21, length of 1 + 2 × 18 + 46, then the names; the address stands in front of the statistics.
    expect(bytes.length).toBe(12 + 34 + 10 + 83);
    const message = decodeInside(decodeNetbiosName, bytes)!;
    expect(message).toMatchObject({ isResponse: true, operation: 'query', question: undefined, records: [], status });
    expect(summarizeNetbiosName(message)).toBe(
      'status of 08:00:27:2a:ba:35: OFFICE-PC<20> file server, WORKGROUP<00> workgroup or domain',
    );
    const cut = decodeNetbiosName(bytes, 0, bytes.length - 42);
    expect(cut?.status).toMatchObject({ names: status.names, mac: undefined });
    expect(cut?.state).toBe('cut');
    const request = decodeNetbiosName(encodeNetbiosName({ question: { name: '*' }, isStatusRequest: true }), 0, 50)!;
    expect(summarizeNetbiosName(request)).toBe('status request *<00>');
  });

  it('encode, then decode, is identity', () => {
    const name = fc.record({
      name: fc.string({
        unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_$'),
        minLength: 1,
        maxLength: 15,
      }),
      suffix: fc.nat(255),
      scope: fc.constantFrom('', 'corp', 'a.example'),
    });
    const records = fc.array(
      fc.record({
        name,
        ttl: fc.nat(0xffffffff),
        addresses: fc.array(
          fc.record({
            address: fc.ipV4(),
            isGroup: fc.boolean(),
            nodeType: fc.constantFrom('B' as const, 'P' as const, 'M' as const, 'H' as const),
          }),
          { maxLength: 3 },
        ),
      }),
      { maxLength: 3 },
    );
    const operation = fc.constantFrom(
      'query',
      'registration',
      'release',
      'wait',
      'refresh',
      'multi-homed registration',
    );
    const fields = fc.record({
      id: fc.nat(65_535),
      isResponse: fc.boolean(),
      operation,
      rcode: fc.nat(7),
      isBroadcast: fc.boolean(),
      question: name,
      records,
    });
    fc.assert(
      fc.property(fields, (message) => {
        expect(decodeInside(decodeNetbiosName, encodeNetbiosName(message))).toEqual({
          ...message,
          isStatusRequest: false,
          status: undefined,
          state: 'complete',
        });
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('what suffixes mean depends on whether many hosts have the name', () => {
    expect([netbiosSuffix(0), netbiosSuffix(0, true), netbiosSuffix(0x1c, true), netbiosSuffix(0x99)]).toEqual([
      'workstation',
      'workgroup or domain',
      'domain controllers',
      'suffix 0x99',
    ]);
  });

  it.each([
    ['an operation that does not exist', REGISTRATION.replace('2910', '1110')],
    ['two questions', REGISTRATION.replace('00010000', '00020000')],
    ['a letter above P', REGISTRATION.replace('204545', '205145')],
    ['a name of another length', REGISTRATION.replace('204545', '104545')],
    ['DNS', '1234 0100 0001 0000 0000 0000 03777777 076578616d706c65 036f7267 00 0010 0001'],
  ])('is no message: %s', (_, hex) => {
    expect(decodeNetbiosName(hexBytes(hex), 0, hexBytes(hex).length)).toBeUndefined();
  });

  it('a pointer forwards or to itself ends the message', () => {
    for (const pointer of ['c032', 'c0ff', 'c000'])
      expect(decodeInside(decodeNetbiosName, hexBytes(REGISTRATION.replace('c00c', pointer)))).toMatchObject({
        records: [],
        state: 'malformed',
      });
    expect(decodeInside(decodeNetbiosName, hexBytes(REGISTRATION).subarray(0, 56))?.state).toBe('cut');
  });
});

describe('NetBIOS datagrams', () => {
  it('the announcement of a master browser', () => {
    const datagram = decodeInside(decodeNetbiosDatagram, hexBytes(LOCAL_MASTER))!;
    expect(datagram).toEqual({
      type: 'group',
      id: 35_106,
      sourceAddress: '192.168.1.249',
      source: { name: 'DJP95S0J', suffix: 0x20, scope: '' },
      destination: { name: 'ARBEITSGRUPPE', suffix: 0x1e, scope: '' },
      mailslot: '\\MAILSLOT\\BROWSE',
      announcement: {
        kind: 'local master',
        host: 'DJP95S0J',
        osVersion: '5.1',
        comment: '',
        roles: ['server', 'Windows NT', 'master browser'],
      },
    });
    expect(summarizeNetbiosDatagram(datagram)).toBe(
      'DJP95S0J<20> to ARBEITSGRUPPE<1e>: local master announcement DJP95S0J 5.1',
    );
  });

  it('encode, then decode, is identity', () => {
    const host = fc.string({ unit: fc.constantFrom(...'ABCDEFGH0123-'), minLength: 1, maxLength: 15 });
    const source = { name: 'A', suffix: 0x20, scope: '' };
    const full = fc.record({
      kind: fc.constantFrom('host', 'local master', 'domain'),
      host,
      osVersion: fc.constantFrom('10.0', '6.1', '4.9'),
      comment: fc.string({ unit: fc.constantFrom(...'abc é’'), maxLength: 20 }),
      roles: fc.subarray(['server', 'domain controller', 'print server', 'Unix', 'terminal server']),
    });
    const named = fc.record({
      kind: fc.constantFrom('request', 'election', 'master'),
      host,
      osVersion: fc.constant(''),
      comment: fc.constant(''),
      roles: fc.constant([]),
    });
    fc.assert(
      fc.property(
        fc.oneof(full, named),
        fc.constantFrom('direct' as const, 'group' as const, 'broadcast' as const),
        fc.ipV4(),
        (announcement, type, sourceAddress) => {
          const fields = { type, id: 7, sourceAddress, source, destination: { name: 'B', suffix: 0, scope: 'x' } };
          expect(decodeInside(decodeNetbiosDatagram, encodeNetbiosDatagram({ ...fields, announcement }))).toEqual({
            ...fields,
            mailslot: '\\MAILSLOT\\BROWSE',
            announcement,
          });
        },
      ),
      { numRuns: 200, seed: 2 },
    );
  });

  it('another mailslot is named and not looked into', () => {
    const bytes = encodeNetbiosDatagram({
      source: { name: 'A' },
      destination: { name: 'B', suffix: 0x1c },
      mailslot: '\\MAILSLOT\\NET\\NETLOGON',
      announcement: { host: 'A' },
    });
    const datagram = decodeInside(decodeNetbiosDatagram, bytes)!;
    expect(datagram).toMatchObject({ mailslot: '\\MAILSLOT\\NET\\NETLOGON', announcement: undefined });
    expect(summarizeNetbiosDatagram(datagram)).toBe('A<00> to B<1c>: \\MAILSLOT\\NET\\NETLOGON');
  });

  it('a command without a name of its own keeps its number', () => {
    const bytes = encodeNetbiosDatagram({
      source: { name: 'A' },
      destination: { name: 'B' },
      announcement: { kind: 'command 9', host: '' },
    });
    expect(decodeInside(decodeNetbiosDatagram, bytes)?.announcement?.kind).toBe('command 9');
  });

  it('no input throws, and no read leaves the message', () => {
    const status = encodeNetbiosName({
      isResponse: true,
      status: { name: { name: '*' }, names: [{ name: 'A' }, { name: 'B' }] },
    });
    expectHarmless(decodeNetbiosName, [hexBytes(REGISTRATION), status], 3);
    expectHarmless(decodeNetbiosDatagram, [hexBytes(LOCAL_MASTER)], 4);
  });
});
