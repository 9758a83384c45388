import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AllowListKind, allowListKind, baselineOfLists, parseAllowList } from './allow-list.ts';
import { BaselineFile } from './file.ts';

const DEVICES = `\ufeff# known devices of the plant\r
\r
B827EB  Raspberry Pi\r
DC:A6:32,Raspberry Pi
00-50-56\tVMware\tVMware, Inc.
00:1B:C5:00:00:00/36\tConverging\tConverging Systems Inc.   # the display
   3C:52:82:01:02:03   192.168.1.20   NAS  (cellar)
"F875A4": "Dell",  # example
192.168.10.0/24 = cameras
fe80::1
b8 27 ec spaced
; another comment
// and another
b827.ed dotted
`;

const PROTOCOLS = `allowed_protocols = {"TCP", "UDP",
  'ICMP', 'IPV6-ICMP', # both
}
arp
eth-0x88CC; dns; ETH-0x9999
spanning tree
tcp udp
`;

describe('a list of devices', () => {
  test('is read in every form that addresses and names have in it', () => {
    const list = parseAllowList(DEVICES, 'devices');
    expect(list.wrong).toEqual([]);
    expect(list.devices).toEqual([
      { name: 'Raspberry Pi', vendorPrefix: ['b8:27:eb', 'dc:a6:32'] },
      { name: 'VMware, Inc.', vendorPrefix: '00:50:56' },
      { name: 'Converging Systems Inc.', vendorPrefix: '00:1b:c5:00:00:00/36' },
      { name: 'NAS  (cellar)', mac: '3c:52:82:01:02:03', ip: '192.168.1.20' },
      { name: 'Dell', vendorPrefix: 'f8:75:a4' },
      { name: 'cameras', ip: '192.168.10.0/24' },
      { ip: 'fe80::1' },
      { name: 'spaced', vendorPrefix: 'b8:27:ec' },
      { name: 'dotted', vendorPrefix: 'b8:27:ed' },
    ]);
  });

  test('is a dictionary of a program, over several lines or in one', () => {
    const pairs = `"B827EB": "Raspberry Pi", 'DCA632': 'Pi (4)'`;
    const devices = [
      { name: 'Raspberry Pi', vendorPrefix: 'b8:27:eb' },
      { name: 'Pi (4)', vendorPrefix: 'dc:a6:32' },
    ];
    expect(parseAllowList(`known_ouis = {\n  ${pairs.replace(', ', ',\n  ')},\n}\n`, 'devices')).toMatchObject({
      devices,
      wrongCount: 0,
    });
    expect(parseAllowList(`known_ouis = {${pairs}}`, 'devices')).toMatchObject({ devices, wrongCount: 0 });
  });

  test('names its wrong and its repeated lines by number', () => {
    const list = parseAllowList(
      'B827EB Pi\nnonsense\nb8:27:eb again\n192.168.1.300\nff:ff:ff:ff:ff:ff all\n12:34\n\nDCA632 facade\n00:11:22 10.0.0.1 both\n',
      'devices',
    );
    expect(list.devices).toEqual([
      { name: 'Pi', vendorPrefix: 'b8:27:eb' },
      { name: 'facade', vendorPrefix: 'dc:a6:32' },
    ]);
    expect(list.repeated).toEqual([{ line: 3, reason: 'b8:27:eb is in line 1 already' }]);
    expect(list.wrong).toEqual([
      { line: 2, reason: "'nonsense' is no MAC, no beginning of one, no address and no network" },
      { line: 4, reason: "'192.168.1.300' is no MAC, no beginning of one, no address and no network" },
      { line: 5, reason: 'ff:ff:ff:ff:ff:ff is the address of a group, and no device has it' },
      { line: 6, reason: "'12:34' is no MAC, no beginning of one, no address and no network" },
      {
        line: 9,
        reason: 'a beginning of MACs stands beside an address: it is either any device of a vendor or one',
      },
    ]);
  });
});

describe('a list of protocols', () => {
  test('puts each name to its layer, under the name that it has here', () => {
    const list = parseAllowList(PROTOCOLS, 'protocols');
    expect(list.wrong).toEqual([]);
    expect(list.protocols).toEqual([
      { layer: 'transport', name: 'TCP' },
      { layer: 'transport', name: 'UDP' },
      { layer: 'network', name: 'ICMP' },
      { layer: 'network', name: 'ICMPv6' },
      { layer: 'link', name: 'ARP' },
      { layer: 'link', name: 'LLDP' },
      { layer: 'application', name: 'DNS' },
      { layer: 'link', name: '0x9999' },
      { layer: 'link', name: 'spanning tree' },
    ]);
    expect(list.repeated.map(({ line }) => line)).toEqual([7, 7]);
  });

  test('names what is no protocol, with the nearest that is', () => {
    const list = parseAllowList('TCP\nTPC\nwhatever-this-is\n', 'protocols');
    expect(list.protocols).toHaveLength(1);
    expect(list.wrong).toEqual([
      { line: 2, reason: "unknown protocol 'TPC'; did you mean 'TCP'?" },
      { line: 3, reason: "unknown protocol 'whatever-this-is'" },
    ]);
  });
});

test('the kind of a list is told from its lines, unless they could be of either', () => {
  expect(allowListKind(DEVICES)).toBe('devices');
  expect(allowListKind(PROTOCOLS)).toBe('protocols');
  expect(allowListKind('')).toBeUndefined();
  expect(allowListKind('# nothing\nfoo\nbar\n')).toBeUndefined();
});

test('lists make one baseline, which its reader takes', () => {
  const lists = [
    parseAllowList(DEVICES, 'devices'),
    parseAllowList(PROTOCOLS, 'protocols'),
    parseAllowList('b827eb\nigmp', 'devices'),
  ];
  const document = baselineOfLists(lists);
  expect(document.devices).toHaveLength(9);
  expect(document.protocols).toEqual({
    link: ['ARP', 'LLDP', '0x9999', 'spanning tree'],
    network: ['ICMP', 'ICMPv6'],
    transport: ['TCP', 'UDP'],
    application: ['DNS'],
  });
  const { text } = BaselineFile.of(document, 'baseline.yaml');
  expect(BaselineFile.parse(text, 'baseline.yaml').content).toEqual(document);
  const proposed = baselineOfLists(lists, 'proposed');
  expect(proposed.devices?.every(({ status }) => status === 'proposed')).toBe(true);
  expect(proposed.protocols?.transport?.[0]).toEqual({ name: 'TCP', status: 'proposed' });
  const again = BaselineFile.of(proposed, 'baseline.yaml').text;
  expect(BaselineFile.parse(again, 'baseline.yaml').content).toEqual(proposed);
  expect(baselineOfLists([])).toEqual({ version: 1, devices: [] });
});

test('any text is read, and what it makes is a baseline', () => {
  const words = fc.constantFrom(
    'B827EB',
    '10.0.0.1',
    'fe80::/64',
    'TCP',
    'x',
    '"',
    '{',
    ',',
    ':',
    '\t',
    '\n',
    '\r',
    '#',
    '\u202e',
    ' ',
    '/36',
    '70:b3:d5:7f:20:00',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words).map((parts) => parts.join('')),
      ),
      fc.constantFrom<AllowListKind>('devices', 'protocols'),
      (text, kind) => {
        allowListKind(text);
        const document = baselineOfLists([parseAllowList(text, kind)]);
        const file = BaselineFile.of(document, 'b.yaml');
        expect(BaselineFile.parse(file.text, 'b.yaml').content).toEqual(document);
      },
    ),
    { numRuns: 500 },
  );
});

test('a list without end is bounded', () => {
  const long = parseAllowList(`${'x'.repeat(20_000)}\n${'wrong one\n'.repeat(5000)}`, 'devices');
  expect(long.wrong[0]).toEqual({ line: 1, reason: 'a line of 20000 characters is no entry' });
  expect(long.wrong).toHaveLength(1000);
  expect(long.wrongCount).toBe(5001);
  const many = Array.from({ length: 50_010 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).join('\n');
  const list = parseAllowList(many, 'devices');
  expect(list.devices).toHaveLength(50_000);
  expect(list.wrong[0]).toEqual({ line: 50_001, reason: 'there is room for 50000 devices' });
});
