import { expect, it } from 'vitest';
import { NO_ROW } from '../../core/index.ts';
import { flowTable } from '../../flow/index.ts';
import { ipv4Bits } from '../bounded/text-number.ts';
import { FloodTargets } from './target.ts';

const CAPS = { sliceMs: 1000, maxTargets: 8, maxSlices: 32, maxPeers: 500 };
const table = flowTable([{ id: 1, startMs: 0, protocol: 'tcp', initiator: '192.0.2.1', responder: '10.0.0.1' }]);

/** An attempt of `packets` packets on a port of a host. */
function attempt(targets: FloodTargets, host: string, port: number, source: string, packets = 1, startMs = 0): void {
  const row = targets.syn.obtain(host, ipv4Bits(host));
  if (row === NO_ROW) throw new Error('no room');
  const hit = { table, row: 0, source, packets, startMs, endMs: startMs, isNew: true };
  if (!targets.isOnlyPort(row, port)) {
    targets.hit(targets.syn.ofPorts, targets.portOf(row, port), hit);
    targets.syn.ports.add(row, port, packets);
  }
  targets.hit(targets.syn, row, hit);
}

function synTarget(targets: FloodTargets, host: string) {
  const row = targets.syn.obtain(host, ipv4Bits(host));
  targets.unfold(targets.syn, row);
  return targets.syn.target(row, host);
}

it('a host stands for its port until it has a second one, which then has no part in what came before', () => {
  const targets = new FloodTargets(CAPS);
  attempt(targets, '10.0.0.1', 22, 'a', 5);
  attempt(targets, '10.0.0.1', 22, 'a', 2);
  attempt(targets, '10.0.0.1', 22, 'b', 1, 2500);
  expect(synTarget(targets, '10.0.0.1')).toMatchObject({ port: 22, ports: undefined });
  expect([...targets.ports()]).toEqual([]);
  attempt(targets, '10.0.0.1', 80, 'c', 4);
  const host = synTarget(targets, '10.0.0.1');
  expect([host.sources.total, host.sources.top(), host.slices.length]).toEqual([12, ['a', 'c', 'b'], 2]);
  expect([host.port, host.ports?.weight(22), host.ports?.weight(80)]).toEqual([-1, 8, 4]);
  const ports = Array.from(targets.ports(), ({ row }) => {
    targets.unfold(targets.syn.ofPorts, row);
    return targets.syn.ofPorts.target(row, '10.0.0.1');
  });
  expect(ports.map(({ port, sources, slices }) => [port, sources.total, sources.top(), slices.length])).toEqual([
    [22, 8, ['a', 'b'], 2],
    [80, 4, ['c'], 1],
  ]);
});

it('a target that is hit once takes neither sources, slices nor evidence, and all of them when it is hit again', () => {
  const targets = new FloodTargets(CAPS);
  attempt(targets, '10.0.0.1', 22, 'a', 5);
  expect([targets.peers.held, targets.slices.rows.size, targets.pool.held]).toEqual([0, 0, 0]);
  attempt(targets, '10.0.0.1', 22, 'a', 3);
  expect([targets.peers.held, targets.slices.rows.size]).toEqual([1, 1]);
  attempt(targets, '10.0.0.1', 22, 'b', 3, 1500);
  expect([targets.peers.held, targets.slices.rows.size]).toEqual([2, 2]);
  expect(synTarget(targets, '10.0.0.1').sources.weight('a')).toBe(8);
});

it('stays within its bounds, keeps the heavy ones, and gives all room back', () => {
  const targets = new FloodTargets(CAPS);
  for (let i = 0; i < 600; i++) {
    attempt(targets, '10.0.0.1', 22, `s${i % 7}`, 10, 100 * i);
    attempt(targets, '10.0.0.1', 80, 'one', 10, 0);
    attempt(targets, i % 3 === 0 ? `fe80::${i}` : `10.1.${i >> 6}.${i & 63}`, i % 5, `s${i}`, 1, 10 * i);
    attempt(targets, `10.2.0.${i % 4}`, i % 9, `s${i % 3}`, 1, 50 * i);
    expect(targets.syn.rows.size).toBeLessThanOrEqual(CAPS.maxTargets);
    expect(targets.syn.ofPorts.rows.size).toBeLessThanOrEqual(CAPS.maxTargets);
    expect(targets.slices.rows.size).toBeLessThanOrEqual(CAPS.maxSlices);
  }
  const heavy = synTarget(targets, '10.0.0.1');
  expect([heavy.sources.weight('one'), heavy.ports?.weight(80), heavy.sources.count]).toEqual([6000, 6000, 8]);
  while (targets.syn.rows.size > 0) targets.syn.rows.dropLightest();
  expect([targets.peers.held, targets.slices.rows.size, targets.pool.held, targets.syn.ofPorts.rows.size]).toEqual([
    0, 0, 0, 0,
  ]);
});
