import { expect, test } from 'vitest';
import { parseStatistics } from './statistics.ts';

test("the last words of tcpdump are counted, also one packet and an interface's drops", () => {
  expect(
    parseStatistics(
      'tcpdump: listening on vb, link-type EN10MB (Ethernet), snapshot length 256 bytes\n461736 packets captured\n595000 packets received by filter\n133264 packets dropped by kernel\n',
    ),
  ).toEqual({ captured: 461736, received: 595000, kernelDropped: 133264, interfaceDropped: 0, programDropped: 0 });
  expect(
    parseStatistics(
      '1 packet captured\n3 packets received by filter\n1 packet dropped by kernel\n1 packet dropped by interface\n',
    ),
  ).toEqual({ captured: 1, received: 3, kernelDropped: 1, interfaceDropped: 1, programDropped: 0 });
});

test('of several running counts the last one is valid', () => {
  expect(
    parseStatistics(
      'tcpdump: 0 packets captured, 50 packets received by filter, 0 packets dropped by kernel\ntcpdump: 50 packets captured, 50 packets received by filter, 2 packets dropped by kernel\n',
    ),
  ).toEqual({ captured: 50, received: 50, kernelDropped: 2, interfaceDropped: 0, programDropped: 0 });
});

test('the last line of dumpcap tells drops of the kernel, of the card and of its own apart', () => {
  expect(
    parseStatistics(
      "Capturing on 'Loopback: lo'\nFile: -\nPackets captured: 90\nPackets received/dropped on interface 'Loopback: lo': 90/10 (pcap:4/dumpcap:3/flushed:2/ps_ifdrop:1) (90.0%)\n",
    ),
  ).toEqual({ captured: 90, received: undefined, kernelDropped: 4, interfaceDropped: 1, programDropped: 5 });
});

test('words without counters are no statistics', () => {
  expect(parseStatistics('')).toBeUndefined();
  expect(parseStatistics('tcpdump: nosuch: No such device exists\n')).toBeUndefined();
});
