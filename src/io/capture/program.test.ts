import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { chooseInterfaces, defaultInterface, parseInterfaceList } from './interface.ts';
import { captureArguments, classifyFailure, describeFailure, findCapturePrograms, lastWords } from './program.ts';

const TCPDUMP = { kind: 'tcpdump', path: '/usr/bin/tcpdump' } as const;
const DUMPCAP = { kind: 'dumpcap', path: '/usr/bin/dumpcap' } as const;
const REQUEST = {
  interface: 'eth0',
  filter: 'tcp port 443',
  snapLength: 256,
  bufferKib: 65_536,
  promiscuous: true,
  unbuffered: false,
};

test('tcpdump is asked for pcap on standard output, with the filter as one argument behind the options', () => {
  expect(captureArguments(TCPDUMP, REQUEST)).toEqual([
    ...['-i', 'eth0', '-w', '-', '-s', '256', '-B', '65536', '-nn', '--', 'tcp port 443'],
  ]);
  expect(captureArguments(TCPDUMP, { ...REQUEST, filter: '', promiscuous: false, unbuffered: true })).toEqual([
    ...['-i', 'eth0', '-w', '-', '-s', '256', '-B', '65536', '-nn', '-p', '-U'],
  ]);
});

test('dumpcap is asked for pcap too, with its buffer in MiB', () => {
  expect(captureArguments(DUMPCAP, REQUEST)).toEqual([
    ...['-i', 'eth0', '-w', '-', '-P', '-q', '-s', '256', '-B', '64', '-f', 'tcp port 443'],
  ]);
});

test('a filter that looks like an option stays a filter', () => {
  expect(captureArguments(TCPDUMP, { ...REQUEST, filter: '-w /tmp/x' }).slice(-2)).toEqual(['--', '-w /tmp/x']);
  expect(captureArguments(DUMPCAP, { ...REQUEST, filter: '-w /tmp/x' }).slice(-2)).toEqual(['-f', '-w /tmp/x']);
});

test.each([
  [
    "tcpdump: eth0: You don't have permission to perform this capture on that device\n(socket: Operation not permitted)",
    'permission',
  ],
  ['dumpcap: cap_set_proc() fail return: Operation not permitted\n', 'permission'],
  ['tcpdump: nosuch: No such device exists\n(No such device exists)', 'no-interface'],
  ['dumpcap: There is no device named "nosuch".\n', 'no-interface'],
  ["tcpdump: can't parse filter expression: syntax error", 'filter'],
  ['dumpcap: Invalid capture filter "tcp prt 80" for interface \'lo\'.', 'filter'],
  ['tcpdump: pcap_loop: The interface disappeared', 'no-interface'],
  ['tcpdump: eth1: That device is not up', 'interface-down'],
  ['tcpdump: pcap_loop: The interface went down', 'interface-down'],
  ['Segmentation fault', 'other'],
])('%j means %s', (stderr, failure) => {
  expect(classifyFailure(stderr)).toBe(failure);
});

test('a program without the right to capture is told with what to type', () => {
  const refused = describeFailure(TCPDUMP, REQUEST, 'tcpdump: eth0: Operation not permitted');
  expect(refused.message).toBe('/usr/bin/tcpdump may not capture on eth0');
  expect(refused.hint).toBe(
    'allow a copy of it: sudo install -m 750 -g "$(id -gn)" /usr/bin/tcpdump /usr/local/bin/anomalyst-tcpdump && sudo setcap cap_net_raw,cap_net_admin=eip /usr/local/bin/anomalyst-tcpdump, then export ANOMALYST_CAPTURE_PROGRAM=/usr/local/bin/anomalyst-tcpdump; or run this command with sudo',
  );
  expect(describeFailure(DUMPCAP, REQUEST, 'Operation not permitted').hint).toContain('usermod -aG wireshark');
});

test("a filter's mistake comes back with what the program said, without escapes", () => {
  const wrong = describeFailure(
    TCPDUMP,
    { ...REQUEST, filter: 'tcp prt \u001b[31m' },
    "tcpdump: listening on eth0, x\ntcpdump: can't parse filter expression: syntax error\n",
  );
  expect(wrong.message).toBe("--filter tcp prt \\u{1b}[31m: can't parse filter expression: syntax error");
});

test('a program that ends without a word is said to have done so', () => {
  expect(lastWords('')).toBe('it said nothing');
});

test('the program given wins, then the one of the environment, and one that is not there is an error', () => {
  const folder = temporaryFolder();
  const make = (name: string, mode = 0o755): string => {
    fs.writeFileSync(path.join(folder, name), '#!/bin/sh\n', { mode });
    return path.join(folder, name);
  };
  const dumpcap = make('my-dumpcap');
  const tcpdump = make('anomalyst-tcpdump');
  const env = { PATH: folder, ANOMALYST_CAPTURE_PROGRAM: tcpdump };
  expect(findCapturePrograms(dumpcap, env)).toEqual([{ kind: 'dumpcap', path: dumpcap }]);
  expect(findCapturePrograms(undefined, env)).toEqual([{ kind: 'tcpdump', path: tcpdump }]);
  expect(findCapturePrograms('my-dumpcap', { PATH: folder })).toEqual([{ kind: 'dumpcap', path: dumpcap }]);
  expect(() => findCapturePrograms(make('no-program', 0o644), env)).toThrow('is not there or may not be run');
  make('tcpdump');
  make('dumpcap');
  expect(findCapturePrograms(undefined, { PATH: folder }).map((program) => program.path)).toEqual([
    path.join(folder, 'tcpdump'),
    path.join(folder, 'dumpcap'),
  ]);
});

test('the lists of tcpdump and dumpcap are read, with their flags where they have any', () => {
  const list = parseInterfaceList(
    '1.eth0 [Up, Running, Connected]\n2.any (Pseudo-device that captures on all interfaces) [Up, Running]\n3.lo [Up, Running, Loopback]\n4.ifb0 [none]\n',
  );
  expect(list.map(({ name, state, kind }) => `${name} ${state} ${kind}`)).toEqual([
    'eth0 up other',
    'any up any',
    'lo up loopback',
    'ifb0 down other',
  ]);
  expect(parseInterfaceList('1. eth0\n4. lo (Loopback)\n').map(({ name, state }) => `${name} ${state}`)).toEqual([
    'eth0 unknown',
    'lo unknown',
  ]);
});

const present = parseInterfaceList('1.lo [Up, Loopback]\n2.enp3s0 [Up]\n3.any [Up]\n');

test('a misspelt interface is answered with the nearest, and nothing that could be an option or a path passes', () => {
  expect(() => chooseInterfaces(['enp3s1'], present)).toThrow('there is no interface enp3s1 on this machine');
  try {
    chooseInterfaces(['enp3s1'], present);
  } catch (error) {
    expect((error as { hint?: string }).hint).toBe('did you mean enp3s0? There are: lo, enp3s0, any');
  }
  for (const name of ['-w', '--help', '../lo', 'lo;reboot', 'lo\n', '']) {
    expect(() => chooseInterfaces([name], [...present, { ...present[0], name } as (typeof present)[0]]), name).toThrow(
      'there is no interface',
    );
  }
});

test('an interface given twice is captured once, and any stands alone', () => {
  expect(chooseInterfaces(['lo', 'enp3s0', 'lo'], present).map((one) => one.name)).toEqual(['lo', 'enp3s0']);
  expect(() => chooseInterfaces(['lo', 'any'], present)).toThrow('any already is every interface');
  expect(() => chooseInterfaces([], present)).toThrow('no interface given');
  expect(defaultInterface(present)).toBe('enp3s0');
});
