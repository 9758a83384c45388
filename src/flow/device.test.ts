import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../core/index.ts';
import { DeviceTable } from './device.ts';
import type { DeviceFacts } from './device-fact.ts';
import { type JoinCandidate, joinRotations } from './device-join.ts';
import { derivedFrom, macKind, virtualOwner } from './device-mac.ts';
import { shippedVendors, VendorTable } from './device-vendor.ts';
import { type FlowRecord, flowTable } from './schema.ts';

const AT = 1_600_000_000_000;
const HOUR = 3_600_000;
const PC = '3c:52:82:00:00:08';
const GATE = '00:00:5e:00:01:01';

/** Fields of a flow; undefined takes one away. */
type Fields = { readonly [K in keyof FlowRecord]?: FlowRecord[K] | undefined };

function flow(fields: Fields): FlowRecord {
  const all: Fields = {
    startMs: AT,
    endMs: AT + 1000,
    protocol: 'tcp',
    initiator: '10.0.0.8',
    initiatorMac: PC,
    responder: '203.0.113.9',
    responderMac: GATE,
    responderPort: 443,
    service: 'tls',
    outcome: 'answered',
    initiatorPackets: 5,
    responderPackets: 4,
    initiatorBytes: 500,
    responderBytes: 400,
    ...fields,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function devices(rows: readonly FlowRecord[], look?: (table: DeviceTable) => void): DeviceFacts[] {
  const table = new DeviceTable({ isHome: (address) => address.startsWith('10.') || address.startsWith('fe80:') });
  table.observe(flowTable(rows));
  look?.(table);
  return table.finish();
}

const told = (list: readonly DeviceFacts[]): string[] =>
  list.map(({ mac, addresses }) =>
    `${mac ?? '-'} ${addresses
      .map(({ address }) => address)
      .sort()
      .join(' ')}`.trim(),
  );

test('a device is a hardware address with all its addresses, and its times', () => {
  const list = devices([
    flow({}),
    flow({ initiator: 'fe80::1', startMs: AT + HOUR, endMs: AT + HOUR }),
    flow({ initiator: '10.0.0.9', startMs: AT + 2 * HOUR, endMs: AT + 2 * HOUR }),
  ]);
  const pc = list.find(({ mac }) => mac === PC);
  expect(pc).toMatchObject({ flows: 3, bytes: 2700, firstMs: AT, lastMs: AT + 2 * HOUR });
  expect(pc?.addresses.map(({ address, firstMs }) => [address, firstMs])).toEqual([
    ['10.0.0.9', AT + 2 * HOUR],
    ['fe80::1', AT + HOUR],
    ['10.0.0.8', AT],
  ]);
});

test('a log without times and hardware addresses gives devices without them', () => {
  const [one] = devices([
    flow({ startMs: undefined, endMs: undefined, initiatorMac: undefined, responderMac: undefined }),
  ]);
  expect([one?.mac, one?.addresses[0]?.address, one?.firstMs, one?.lastMs]).toEqual([
    undefined,
    '10.0.0.8',
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ]);
});

test('what a router carries is not its own: addresses outside are no devices, home addresses behind it are', () => {
  const rows = [
    ...['203.0.113.9', '198.51.100.1', '192.0.2.1'].map((responder) => flow({ responder })),
    flow({
      protocol: 'arp',
      initiator: '10.0.0.1',
      initiatorMac: GATE,
      responder: '10.0.0.8',
      responderMac: PC,
      responderPackets: 1,
    }),
    ...[1, 2, 3].map((i) =>
      flow({ initiator: `10.9.0.${i}`, initiatorMac: GATE, responder: '10.0.0.8', responderMac: PC }),
    ),
  ];
  const list = devices(rows);
  expect(told(list)).toEqual([`${GATE} 10.0.0.1`, `${PC} 10.0.0.8`, '- 10.9.0.1', '- 10.9.0.2', '- 10.9.0.3']);
  expect(list[0]?.roles[0]).toEqual({
    role: 'router',
    reasons: [
      'Its hardware address carries traffic of 3 addresses outside.',
      'Its hardware address carries traffic of 3 other home addresses.',
    ],
    points: 9,
  });
  expect(list[2]?.behind).toBe(GATE);
  expect(list[1]?.addresses[0]?.claimed).toBe(true);
});

test('what DNS calls an address is the name of the hardware address that has most of it, unless they had it one after the other', () => {
  const CARD = 'b0:c0:90:57:d6:4e';
  const named = (later: number): (string | undefined)[][] =>
    devices([
      flow({}),
      flow({}),
      // A wireless card that puts its own hardware address on what a virtual machine sends.
      flow({ initiatorMac: CARD, startMs: AT + later, endMs: AT + later }),
      flow({ service: 'dns', responder: '10.0.0.1', dnsType: 'A', dnsQuery: 'pc.example', dnsAnswers: 'A 10.0.0.8' }),
    ])
      .filter(({ mac }) => mac === PC || mac === CARD)
      .map(({ mac, names: [first] }) => [mac, first?.name]);
  expect(named(500)).toEqual([
    [PC, 'pc.example'],
    [CARD, undefined],
  ]);
  // A lease that went from one to the other: nobody knows of whom the answer spoke.
  expect(named(HOUR)).toEqual([
    [PC, 'pc.example'],
    [CARD, 'pc.example'],
  ]);
});

test('who did not answer, groups, and 0.0.0.0 are no devices', () => {
  const list = devices([
    flow({ responder: '10.0.0.99', responderMac: '00:11:32:00:00:99', responderPackets: 0, outcome: 'unanswered' }),
    flow({
      initiator: '0.0.0.0',
      responder: '255.255.255.255',
      responderMac: 'ff:ff:ff:ff:ff:ff',
      protocol: 'udp',
      service: 'dhcp',
      responderPort: 67,
    }),
    flow({ responder: '239.1.1.1', responderMac: '01:00:5e:01:01:01' }),
  ]);
  expect(told(list)).toEqual([`${PC} 10.0.0.8`]);
});

test('an answer with a lease claims the address for the hardware address that asked for one, and not for a router behind which somebody renews', () => {
  const answer = flow({
    service: 'dhcp',
    protocol: 'udp',
    initiator: '10.0.0.1',
    initiatorMac: GATE,
    initiatorPort: 67,
    responder: '10.0.0.8',
    responderMac: PC,
    responderPort: 68,
    responderPackets: 0,
    operations: 'ACK, lease 10.0.0.8',
  });
  const asked = flow({
    service: 'dhcp',
    protocol: 'udp',
    initiator: '0.0.0.0',
    initiatorPort: 68,
    responder: '255.255.255.255',
    responderMac: 'ff:ff:ff:ff:ff:ff',
    responderPort: 67,
    responderPackets: 0,
    operations: 'REQUEST',
  });
  const claims = (rows: readonly FlowRecord[]): boolean | undefined =>
    devices([...rows, flow({})])
      .find(({ mac }) => mac === PC)
      ?.addresses.find(({ address }) => address === '10.0.0.8')?.claimed;
  expect([claims([asked, answer]), claims([answer, asked]), claims([answer]), claims([asked])]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  const server = devices([asked, answer]).find(({ mac }) => mac === GATE);
  expect([[...(server?.offers.keys() ?? [])], [...(server?.uses.keys() ?? [])]]).toEqual([['dhcp/67'], []]);
});

test('a telephone that says like Mac OS X is no computer', () => {
  const rolesOf = (client: string): (string | undefined)[] =>
    devices([flow({ client })])
      .find(({ mac }) => mac === PC)
      ?.roles.map(({ role }) => role) ?? [];
  expect(rolesOf('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)')).toEqual(['phone']);
  expect(rolesOf('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)')).toEqual(['computer']);
  expect(rolesOf('com.apple.trustd/2.0 (Mac OS X 14.1)')).toEqual(['computer']);
});

test('names come from DHCP, NetBIOS, mDNS and DNS, the own ones first, each once', () => {
  const [pc] = devices([
    flow({
      service: 'dhcp',
      protocol: 'udp',
      responderPort: 67,
      initiatorPort: 68,
      hostname: 'desk-7',
      client: 'MSFT 5.0',
      operations: 'DISCOVER, options 1,3,6',
    }),
    flow({
      service: 'mdns',
      protocol: 'udp',
      responderPort: 5353,
      hostname: 'desk-7.local',
      responder: '224.0.0.251',
      responderMac: '01:00:5e:00:00:fb',
    }),
    flow({ service: 'netbios-ns', protocol: 'udp', responderPort: 137, hostname: 'DESK-7' }),
    flow({
      service: 'dns',
      protocol: 'udp',
      responderPort: 53,
      dnsQuery: 'printer.office.example',
      dnsType: 'A',
      dnsAnswers: 'CNAME p.office.example, A 10.0.0.8',
      initiator: '10.0.0.7',
      initiatorMac: '3c:52:82:00:00:07',
    }),
    flow({
      service: 'dns',
      protocol: 'udp',
      responderPort: 53,
      dnsQuery: '8.0.0.10.in-addr.arpa',
      dnsType: 'PTR',
      dnsAnswers: 'PTR ptr.office.example',
    }),
  ]).filter(({ mac }) => mac === PC);
  expect(pc?.names).toEqual([
    { name: 'desk-7', source: 'DHCP' },
    { name: 'desk-7.local', source: 'mDNS' },
    { name: 'printer.office.example', source: 'DNS' },
    { name: 'ptr.office.example', source: 'DNS' },
  ]);
  expect(pc?.roles[0]?.role).toBe('computer');
});

test('what a log has in place of a hardware address is none', () => {
  const list = devices([flow({ initiatorMac: '\u001b[31mred', responderMac: '3C-52-82-00-00-08' })]);
  expect(told(list)).toEqual(['- 10.0.0.8']);
});

test('a relay tells nothing of itself by what it passes on', () => {
  const [relay] = devices([
    flow({
      service: 'dhcp',
      protocol: 'udp',
      responderPort: 67,
      hostname: 'someone',
      client: 'android-dhcp-13',
      operations: 'DISCOVER, relayed for someone',
    }),
  ]);
  expect([relay?.names, relay?.software]).toEqual([[], []]);
});

test('services are those that were answered, on ports that are not given to clients', () => {
  const offers = (fields: Fields): string[] =>
    devices([flow({ responder: '10.0.0.5', responderMac: '00:11:32:00:00:05', ...fields })])
      .filter(({ mac }) => mac === '00:11:32:00:00:05')
      .flatMap((device) => [...device.offers.keys()]);
  const unknown = { service: undefined };
  expect(offers({ service: 'ssh', responderPort: 22 })).toEqual(['ssh/22']);
  expect(offers({ ...unknown, responderPort: 32_767 })).toEqual(['tcp/32767']);
  expect(offers({ ...unknown, responderPort: 32_768 })).toEqual([]);
  expect(offers({ service: 'ssh', responderPort: 50_000 })).toEqual(['ssh/50000']);
  expect(offers({ service: 'ssh', outcome: 'refused' })).toEqual([]);
});

test('an open port is no service that was told by its port, and measures for Prometheus make no printer', () => {
  const rolesOf = (...fields: Fields[]): string[] =>
    devices(fields.map((more) => flow({ responder: '10.0.0.5', responderMac: '00:11:22:00:00:05', ...more })))
      .filter(({ mac }) => mac === '00:11:22:00:00:05')
      .flatMap(({ roles }) => roles.map(({ role }) => role));
  const raw = { service: 'printer', serviceBasis: 'port', responderPort: 9100 };
  const sizes = (sent: number, returned: number): Fields => ({
    ...raw,
    initiatorPayloadBytes: sent,
    responderPayloadBytes: returned,
  });
  expect(rolesOf(sizes(0, 0))).toEqual([]);
  expect(rolesOf(sizes(1, 0))).toEqual(['printer']);
  expect(rolesOf(sizes(0, 1))).toEqual(['printer']);
  expect(rolesOf(sizes(1, 0), { service: 'http', responderPort: 9100 })).toEqual([]);
  expect(rolesOf(sizes(1, 0), { service: 'http', responderPort: 80 })).toContain('printer');
});

test('a refused connection is no use of a service, and makes no telephone', () => {
  const [pc] = devices([
    flow({ service: 'sip', responderPort: 5060, outcome: 'refused' }),
    flow({ service: 'ssh', responderPort: 22, outcome: 'answered' }),
  ]);
  expect([...(pc?.uses.keys() ?? [])]).toEqual(['ssh']);
  expect(pc?.roles.map(({ role }) => role)).not.toContain('voip');
});

test('frames beside flows make a device too, and tell a switch', () => {
  const list = devices([], (table) => {
    table.observeFrame('00:1b:0c:00:00:01', 'spanning tree', AT);
    table.observeFrame('01:80:c2:00:00:00', 'spanning tree', AT);
  });
  expect(list.map(({ mac, frames, roles }) => [mac, frames, roles[0]?.role])).toEqual([
    ['00:1b:0c:00:00:01', ['spanning tree'], 'switch'],
  ]);
});

test('hardware addresses of virtual machines, derived and made-up ones are told apart', () => {
  const seen = new Set(['3c:52:82:00:00:08']);
  const kind = (mac: string, hasVendor = false): string => macKind(mac, hasVendor, (other) => seen.has(other));
  expect(kind('3c:52:82:00:00:08', true)).toBe('vendor');
  expect(kind('52:54:00:12:34:56')).toBe('virtual');
  expect(kind('02:42:ac:11:00:02')).toBe('virtual');
  expect(kind('08:00:27:11:00:02', true)).toBe('virtual');
  expect(kind('3e:52:82:00:00:09')).toBe('derived');
  expect(derivedFrom('3e:52:82:00:00:17', (mac) => seen.has(mac))).toBe('3c:52:82:00:00:08');
  // One further apart in the last byte is another device's.
  expect(kind('3e:52:82:00:00:18')).toBe('randomised');
  expect(kind('da:a1:19:00:00:01')).toBe('randomised');
  // Old vendors have local blocks.
  expect(kind('02:60:8c:00:00:01', true)).toBe('vendor');
  expect(virtualOwner('0a:00:27:00:00:01')).toBe("VirtualBox, the host's end");
});

const candidate = (mac: string, firstMs: number, fields: Partial<JoinCandidate> = {}): JoinCandidate => ({
  mac,
  firstMs,
  lastMs: firstMs + HOUR,
  names: new Set(['adas-iphone']),
  clientId: undefined,
  dhcpOptions: '1,121,3,6,15',
  vendorClass: undefined,
  fingerprints: new Set(),
  places: new Set(),
  ...fields,
});

test('made-up addresses are joined where name and habits agree and the one fell silent before the other', () => {
  const a = candidate('da:00:00:00:00:01', AT);
  const b = candidate('da:00:00:00:00:02', AT + 2 * HOUR);
  expect(joinRotations([b, a])).toEqual([
    {
      earlier: 1,
      later: 0,
      score: 0.6,
      evidence: [
        'Both give themselves the same name, which is no factory name.',
        'Both ask for the same DHCP options in the same order.',
        'The one fell silent before the other appeared.',
      ],
    },
  ]);
});

test.each([
  ['a name alone is not enough', { dhcpOptions: undefined }],
  ['a name from the factory is not enough', { names: new Set(['iphone']) }],
  ['both were there at the same time', { firstMs: AT + HOUR - 60_001 }],
  ['the client identifiers differ', { clientId: 'duid 2' }],
])('they are two devices where %s', (_why, fields: Partial<JoinCandidate>) => {
  const a = candidate('da:00:00:00:00:01', AT, {
    clientId: 'clientId' in fields ? 'duid 1' : undefined,
    ...('names' in fields ? { names: new Set(['iphone']) } : {}),
  });
  const b = { ...candidate('da:00:00:00:00:02', AT + 2 * HOUR), ...fields };
  expect(joinRotations([a, b])).toEqual([]);
});

test('a minute of overlap is that of the last answers, and an identifier that outlives the address is enough', () => {
  const a = candidate('da:00:00:00:00:01', AT, { names: new Set(), clientId: 'duid 1' });
  const b = candidate('da:00:00:00:00:02', AT + HOUR - 60_000, {
    names: new Set(),
    clientId: 'duid 1',
    dhcpOptions: '1,3',
  });
  expect(joinRotations([a, b]).map(({ score }) => score)).toEqual([0.9]);
});

test('a chain of rotations is one device with its latest address, and shows what says so', () => {
  const day = 24 * HOUR;
  const rows = [0, 1, 2].flatMap((i) => [
    flow({
      initiator: `10.0.0.${50 + i}`,
      initiatorMac: `da:00:00:00:00:0${i}`,
      startMs: AT + i * day,
      endMs: AT + i * day + HOUR,
      service: 'dhcp',
      protocol: 'udp',
      responderPort: 67,
      hostname: 'adas-iphone',
      operations: 'DISCOVER, options 1,121,3,6,15',
    }),
  ]);
  const list = devices(rows).filter(({ macKind: kind }) => kind === 'randomised');
  expect(list.map(({ mac, joined, flows }) => [mac, joined.map((one) => one.mac), flows])).toEqual([
    ['da:00:00:00:00:02', ['da:00:00:00:00:01', 'da:00:00:00:00:00'], 3],
  ]);
  expect(list[0]?.joined[0]?.evidence.length).toBe(3);
});

test('a hundred phones of one kind with factory names stay a hundred phones', () => {
  const candidates = Array.from({ length: 100 }, (_, i) =>
    candidate(`da:00:00:00:00:${i.toString(16).padStart(2, '0')}`, AT + 2 * i * HOUR, {
      names: new Set(['galaxy-s21']),
    }),
  );
  expect(joinRotations(candidates)).toEqual([]);
});

test('a flood of hardware and network addresses fills the table to its cap and no further', () => {
  const table = new DeviceTable({ isHome: () => true }, { capacity: 100, maxTexts: 200 });
  const sizes: number[] = [];
  for (let batch = 0; batch < 20; batch++) {
    table.observe(
      flowTable(
        Array.from({ length: 50 }, (_, i) => {
          const n = 50 * batch + i;
          return flow({
            initiator: `10.1.${n >> 8}.${n & 255}`,
            initiatorMac: `3c:52:82:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
            serverName: `n${n}.example`,
            service: `s${n}`,
          });
        }),
      ),
    );
    sizes.push(table.finish().length);
  }
  expect(sizes.slice(4).every((size) => size <= 100)).toBe(true);
  expect(table.refused).toBeGreaterThan(800);
  expect(table.finish().reduce((n, { uses, places }) => n + uses.size + places.length, 0)).toBeLessThanOrEqual(200);
});

test('whatever a flow holds, the inventory is made', () => {
  const text = fc.option(fc.string({ maxLength: 20 }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          initiator: text,
          responder: text,
          initiatorMac: text,
          responderMac: text,
          hostname: text,
          operations: text,
          dnsQuery: text,
          dnsAnswers: text,
          dnsType: fc.constantFrom('A', 'PTR'),
          service: fc.constantFrom('dhcp', 'mdns', 'dns'),
        }),
        { maxLength: 20 },
      ),
      (rows) => {
        const records = rows.map((row) =>
          Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)),
        );
        for (const { firstMs, lastMs } of devices(records as FlowRecord[]))
          expect(firstMs <= lastMs || Number.isNaN(firstMs) || firstMs === Number.POSITIVE_INFINITY).toBe(true);
      },
    ),
    { numRuns: 100 },
  );
});

// ---- vendors ----

test('the table that ships knows blocks of every size, the longest first, and says its date', async () => {
  const vendors = await shippedVendors();
  expect(vendors.date).toBe('2022-08-27');
  expect([vendors.size, vendors.vendors]).toEqual([46_231, 29_566]);
  const name = (mac: string): string | undefined => vendors.lookup(mac)?.name;
  expect(name('b8:27:eb:01:02:03')).toBe('Raspberry Pi Foundation');
  // 20:85:93 is the registrar's own block: the 28 bits below it are a vendor's.
  expect(vendors.lookup('20:85:93:bf:00:00')).toEqual({ name: 'IOG Products LLC', bits: 28 });
  expect(vendors.lookup('70:b3:d5:f2:f1:23')).toEqual({ name: 'TELEPLATFORMS', bits: 36 });
  expect([name('52:54:00:12:34:56'), name('ff:ff:ff:ff:ff:ff'), name('01:00:5e:00:00:fb'), name('no mac')]).toEqual(
    Array.from({ length: 4 }, () => undefined),
  );
});

test('the IEEE CSV and the manuf of Wireshark give the same table, and what is no block is counted', () => {
  const csv =
    'Registry,Assignment,Organization Name,Organization Address\r\nMA-L,AABBCC,"Acme, Inc.","1 Road\nTown"\r\nMA-M,AABBCD1,Small Ltd,\r\nMA-S,AABBCE123,Tiny GmbH,\r\nMA-L,XYZ,Wrong,\r\n';
  const manuf =
    '# comment\nAA:BB:CC\tAcme\tAcme, Inc.\nAA:BB:CD:10:00:00/28\tSmall\tSmall Ltd\nAA:BB:CE:12:30:00/36\tTiny\tTiny GmbH\nAA:BB:CC\tAcme\tAcme, Inc.\nnonsense line\n';
  const a = VendorTable.fromRegistries([{ name: 'oui.csv', text: csv }], '2026-03-01');
  const b = VendorTable.fromRegistries([{ name: 'manuf', text: manuf }], '2026-03-01');
  expect(a.table.encode()).toBe(b.table.encode());
  expect(a.report).toEqual({ lines: 4, added: 3, skipped: 1, examples: ['oui.csv:6'], duplicates: 0 });
  expect(b.report).toEqual({ lines: 5, added: 3, skipped: 1, examples: ['manuf:6'], duplicates: 1 });
  expect(a.table.lookup('aa:bb:cc:00:00:01')).toEqual({ name: 'Acme, Inc.', bits: 24 });
  expect(a.table.lookup('aa:bb:cd:1f:00:01')).toEqual({ name: 'Small Ltd', bits: 28 });
  expect(a.table.lookup('aa:bb:cd:2f:00:01')).toBeUndefined();
  expect(a.table.lookup('aa:bb:ce:12:3f:01')).toEqual({ name: 'Tiny GmbH', bits: 36 });
});

test('old manuf files with blanks and comments are read, too', () => {
  const { table } = VendorTable.fromRegistries(
    [{ name: 'manuf', text: '00:00:0C   Cisco   # Cisco Systems\n00-00-0D Fibronics\n' }],
    '',
  );
  expect([table.lookup('00:00:0c:01:02:03')?.name, table.lookup('00:00:0d:01:02:03')?.name]).toEqual([
    'Cisco Systems',
    'Fibronics',
  ]);
});

test('a name that a service called like a member of every object says comes from Windows as any other', () => {
  const [device] = devices([flow({ service: 'constructor', hostname: 'PC-8' })]);
  expect(device?.names).toEqual([{ name: 'PC-8', source: 'Windows' }]);
});

test('a table that is damaged is refused, wherever it is cut or changed', () => {
  const { table } = VendorTable.fromRegistries(
    [{ name: 'manuf', text: 'AA:BB:CC\tA\tAcme\nAA:BB:CD\tB\tAcorn\n' }],
    '2026-03-01',
  );
  const text = table.encode();
  expect(VendorTable.parse(text, 'v').encode()).toBe(text);
  for (let length = 0; length < text.length; length++) {
    try {
      VendorTable.parse(text.slice(0, length), 'v').lookup('aa:bb:cd:00:00:01');
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
    }
  }
  expect(() => VendorTable.parse('hello', 'v')).toThrow('v: no table of vendors');
  expect(() => VendorTable.parse(text.replace('blocks 24 ', 'blocks 24 !'), 'v')).toThrow(
    'v: the blocks of 24 bits are damaged',
  );
  expect(() => VendorTable.fromRegistries([{ name: 'x.csv', text: 'a,b\n' }], '')).toThrow(
    'x.csv: no block of addresses in it',
  );
});
