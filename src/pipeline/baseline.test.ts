import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Baseline, BaselineFile } from '../detect/index.ts';
import { type FlowRecord, flowTable, VendorTable } from '../flow/index.ts';
import { AnomalySheet, baselineBlindSpots, type Inventory, proposeBaseline, takeInventory } from './baseline.ts';
import { DeviceWatch } from './device.ts';

const AT = Date.parse('2026-03-02T08:30:00Z');
const DAY = 86_400_000;
const { table: VENDORS } = VendorTable.fromRegistries(
  [{ name: 'manuf', text: '3C:52:82\tHP\tHewlett Packard\n' }],
  '2026-03-01',
);

function flow(fields: FlowRecord): FlowRecord {
  return {
    startMs: AT,
    endMs: AT + 1000,
    protocol: 'tcp',
    initiator: '10.0.0.8',
    initiatorMac: '3c:52:82:00:00:08',
    responder: '10.0.0.5',
    responderMac: '00:11:32:00:00:05',
    responderPort: 445,
    service: 'smb',
    outcome: 'answered',
    initiatorPackets: 5,
    responderPackets: 4,
    ...fields,
  };
}

function inventory(rows: readonly FlowRecord[], days: number): Inventory {
  const watch = new DeviceWatch({
    isHome: (address) => address.startsWith('10.'),
    hourOfWeek: (epochMs) => (Math.floor(epochMs / 3_600_000) + 72) % 168,
  });
  watch.observe(flowTable(rows));
  const none = new Map<string, number>();
  return {
    devices: watch.finish(VENDORS),
    protocols: { link: none, network: none, transport: none, application: none },
    unanswered: new Set(),
    read: { inputs: [], packets: 0, flows: rows.length, shown: 0, evicted: 0, saturations: [], stopped: false },
    firstMs: AT,
    lastMs: AT + days * DAY,
    saturations: [],
  };
}

const devicesOf = (rows: readonly FlowRecord[], days = 1) => proposeBaseline(inventory(rows, days)).devices ?? [];

test('partners are named one by one up to sixteen, and by a word beyond', () => {
  const rows = (n: number): FlowRecord[] =>
    Array.from({ length: n }, (_, i) =>
      flow({
        responder: '203.0.113.9',
        responderMac: '00:00:5e:00:01:01',
        serverName: `www.site${i}.example`,
        service: 'tls',
      }),
    );
  const peers = (n: number) => devicesOf(rows(n)).find(({ mac }) => mac === '3c:52:82:00:00:08')?.peers;
  expect(peers(2)).toEqual(['*.site0.example', '*.site1.example']);
  expect(peers(16)?.length).toBe(16);
  expect(peers(17)).toEqual(['internet']);
});

test('hours are proposed from seven days of traffic on, with an hour on either side', () => {
  const rows = [0, 1, 2, 3, 4].map((day) => flow({ startMs: AT + day * DAY, hostname: 'pc' }));
  const hours = (days: number) => devicesOf(rows, days).find(({ mac }) => mac === '3c:52:82:00:00:08')?.hours;
  expect(hours(6.9)).toBeUndefined();
  expect(hours(7)).toEqual(['mon-fri 07:00-10:00']);
});

test('names are given once, words with a meaning of their own are none, and hostile ones are left out', () => {
  const rows = ['nas', 'NAS', 'home', 'a\u202eb', 'x'.repeat(70)].map((hostname, i) =>
    flow({ initiator: `10.0.0.${20 + i}`, initiatorMac: `3c:52:82:00:01:0${i}`, hostname }),
  );
  expect(devicesOf(rows).map(({ name }) => name)).toEqual([
    undefined,
    'nas',
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('a made-up hardware address is proposed without the address it had that day', () => {
  const rows = [flow({ initiatorMac: 'da:a1:19:00:00:01' })];
  expect(devicesOf(rows).find(({ mac }) => mac === 'da:a1:19:00:00:01')?.ip).toBeUndefined();
});

test('what is proposed is a file that reads as it was written, whatever the network said', () => {
  const text = BaselineFile.of(
    proposeBaseline(
      inventory(
        [
          flow({ hostname: 'null' }),
          flow({ initiatorMac: '00:00:00:12:34:56', hostname: '0x10' }),
          flow({ initiator: '10.0.0.7', initiatorMac: '3c:52:82:00:00:07', hostname: 'yes: no # x' }),
        ],
        1,
      ),
    ),
    'b.yaml',
  ).text;
  const { devices = [] } = BaselineFile.parse(text, 'b.yaml').content;
  expect(devices.map(({ name }) => name)).toEqual([undefined, undefined, '0x10', 'null']);
});

test('the sheet of anomalies has the ten columns of older tools, groups by pair, and with notes the conditions', () => {
  const baseline = new Baseline(
    { version: 1, devices: [{ mac: '00:11:32:00:00:05' }], protocols: { application: ['DNS'] } },
    'b.yaml',
  );
  const sheet = new AnomalySheet(baseline, { vendors: VENDORS, notes: true });
  sheet.add(
    flowTable([
      flow({ initiatorPort: 50_000 }),
      flow({
        initiator: '10.0.0.5',
        initiatorMac: '00:11:32:00:00:05',
        responder: '10.0.0.5',
        service: 'dns',
        protocol: 'udp',
        responderPort: 53,
      }),
    ]),
  );
  const { rows, groups } = sheet.finish();
  expect(groups).toBe(1);
  expect(rows.map(({ cells }) => cells.join(','))).toEqual([
    'PROTOCOL,SRCMAC,SRCMFG,SRCIP,SRCPORT,DSTMAC,DSTMFG,DSTIP,DSTPORT,CNT,NOTES',
    'TCP,3c:52:82:00:00:08,Hewlett Packard,10.0.0.8,EPH,00:11:32:00:00:05,UNKNOWN,10.0.0.5,445,5.0,protocol not allowed: SMB; source unknown',
    'TCP,00:11:32:00:00:05,UNKNOWN,10.0.0.5,445,3c:52:82:00:00:08,Hewlett Packard,10.0.0.8,EPH,4.0,destination unknown; protocol not allowed: SMB',
  ]);
  expect([sheet.flows, [...sheet.conditions]]).toEqual([
    1,
    [
      ['source unknown', 1],
      ['protocol not allowed: SMB', 1],
    ],
  ]);
});

test('what a baseline could not judge is said', () => {
  expect(baselineBlindSpots(undefined)).toEqual([]);
  expect(
    baselineBlindSpots(new Baseline({ version: 1, devices: [{ ip: '10.0.0.1', status: 'proposed' }] }, 'b.yaml')),
  ).toEqual([
    'No device is approved in the baseline b.yaml, so no device was judged by it.',
    'No protocol is approved in the baseline b.yaml, so no protocol was judged by it.',
    '1 device of the baseline b.yaml is only proposed and counts as unknown.',
  ]);
});

// ---- real captures ----

const SENTINEL = fileURLToPath(
  new URL('../../../shared/data/iot-sentinel/captures_IoT_Sentinel/captures_IoT-Sentinel/', import.meta.url),
);

test.skipIf(!existsSync(SENTINEL))(
  'devices that are set up are told with vendor, name and role (skipped without ../shared/data)',
  async () => {
    const told: Record<string, string> = {};
    for (const kind of ['Aria', 'D-LinkCam', 'EdimaxPlug1101W', 'TP-LinkPlugHS100', 'WeMoSwitch', 'Withings']) {
      const [first = ''] = readdirSync(`${SENTINEL}${kind}`).sort();
      const { devices } = await takeInventory({ inputs: [`${SENTINEL}${kind}/${first}`] });
      const thing = devices.find(
        ({ addresses, roles }) =>
          addresses.length > 0 &&
          roles[0]?.role !== 'router' &&
          roles[0]?.role !== 'dhcp server' &&
          roles[0]?.role !== 'phone',
      );
      told[kind] = [thing?.vendor?.name, thing?.names[0]?.name ?? '-', thing?.roles[0]?.role ?? '-'].join(' | ');
    }
    expect(told).toEqual({
      Aria: 'Delta Electronics | GainSpanca9152 | -',
      'D-LinkCam': 'D-Link International | DCS-935L | -',
      EdimaxPlug1101W: 'Edimax Technology Co. Ltd. | - | iot',
      'TP-LinkPlugHS100': 'TP-LINK TECHNOLOGIES CO.,LTD. | HS100(EU) | -',
      WeMoSwitch: 'Belkin International Inc. | - | iot',
      Withings: 'Withings | - | iot',
    });
  },
);

test('a protocol that was tried and never answered is proposed with that said', async () => {
  const office = fileURLToPath(new URL('../../test/fixture/demo/office.pcap', import.meta.url));
  const { protocols } = proposeBaseline(await takeInventory({ inputs: [office] }));
  const list = (protocols?.application ?? []).filter((item) => typeof item !== 'string');
  const tried = new Set(list.filter(({ reason }) => reason === 'tried, never answered').map(({ name }) => name));
  // One host tried a hundred ports of others.
  for (const name of ['Telnet', 'RDP', 'BGP']) expect(tried).toContain(name);
  for (const name of ['DNS', 'HTTP', 'SSH', 'TLS', 'DHCP']) expect(tried).not.toContain(name);
});
