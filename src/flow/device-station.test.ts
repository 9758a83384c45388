import { expect, test } from 'vitest';
import { CARRIED, FRAMES, NAMES, NONE, nameNumber, OFFERS, PLACES, StationTable, USES } from './device-station.ts';

test('thousands of stations are found by both addresses, and come back in order with what was told of them', () => {
  const table = new StationTable();
  for (let i = 0; i < 3000; i++) {
    const mac = i % 3 === 0 ? NONE : table.addMac(`02:00:00:00:${i >> 8}:${i & 255}`);
    const station = table.add(mac, `10.0.${i >> 8}.${i & 255}`);
    if (mac !== NONE) table.add(mac, '');
    table.addFlow(station, i);
    table.see(station, i, Number.NaN);
    if (i % 7 === 0) table.claim(station);
    if (i % 5 === 0) table.noteMorePeers(station);
  }
  expect([table.size, table.macs.size]).toEqual([5000, 2000]);
  const mac = table.macs.find('02:00:00:00:7:210');
  const station = table.find(mac, '10.0.7.210');
  expect([mac, table.macOf(station), table.countOf(mac), table.address(station)]).toEqual([1334, mac, 2, '10.0.7.210']);
  expect([table.find(NONE, '10.0.7.210'), table.find(mac, '10.0.7.208'), table.find(mac, 'new')]).toEqual([
    NONE,
    NONE,
    NONE,
  ]);
  const records = table.records();
  expect(records.map(({ stations }) => stations.map(({ address }) => address))[1334]).toEqual(['10.0.7.210', '']);
  const lone = table.lone();
  expect([lone.length, lone[999]?.address, lone[999]?.flows, lone[999]?.bytes]).toEqual([1000, '10.0.11.181', 1, 2997]);
  expect([lone[7]?.claimed, lone[7]?.hasMorePeers, lone[35]?.hasMorePeers]).toEqual([true, false, true]);
  expect([lone[7]?.firstMs, lone[7]?.lastMs]).toEqual([21, Number.NEGATIVE_INFINITY]);
});

test('names keep where they were said, offers and uses are labels, and lists of the same texts are apart', () => {
  const table = new StationTable();
  const mac = table.addMac('02:00:00:00:00:01');
  const station = table.add(mac, '10.0.0.1');
  const name = table.texts.add('printer');
  table.lists.add(station, nameNumber(name, 'mDNS'), NAMES);
  table.lists.add(station, nameNumber(name, 'TLS'), NAMES);
  table.lists.raise(station, nameNumber(name, 'TLS'), NAMES);
  table.lists.add(station, name, PLACES);
  table.lists.add(station, table.labels.take(NONE, 'ipp', 631), OFFERS);
  table.lists.add(station, table.labels.take(NONE, 'dns', undefined), USES);
  const one = table.records()[0]?.stations[0];
  expect([NAMES, PLACES, OFFERS, USES].map((list) => [...(one?.counts(list) ?? [])])).toEqual([
    [
      ['mDNS\nprinter', 1],
      ['TLS\nprinter', 2],
    ],
    [['printer', 1]],
    [['ipp/631', 1]],
    [['dns', 1]],
  ]);
});

test('frames of a hardware address have times of their own, and what it carries is counted', () => {
  const table = new StationTable();
  const [a = NONE, b = NONE] = ['02:00:00:00:00:01', '02:00:00:00:00:02'].map((text) => table.addMac(text));
  table.seeFrame(a, 50);
  table.seeFrame(a, 20);
  table.macLists.add(a, table.texts.add('LLDP'), FRAMES);
  table.macLists.add(b, table.texts.add('203.0.113.9'), CARRIED);
  expect(table.records()).toEqual([
    { mac: '02:00:00:00:00:01', stations: [], carried: 0, frames: ['LLDP'], firstMs: 20, lastMs: 50 },
    { mac: '02:00:00:00:00:02', stations: [], carried: 1, frames: [], firstMs: undefined, lastMs: undefined },
  ]);
});
