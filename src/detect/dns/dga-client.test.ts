import { expect, it } from 'vitest';
import { Cap } from '../bounded/bounded.ts';
import { ipv4Bits } from '../bounded/text-number.ts';
import { DgaClients, type Leaving, NO_CLIENT } from './dga-client.ts';

function filled(cap: number): {
  readonly clients: DgaClients;
  readonly gone: Leaving[];
  readonly its: Cap;
  readonly obtain: (address: string) => number;
} {
  const gone: Leaving[] = [];
  const its = new Cap('clients', cap);
  const clients = new DgaClients(its, (leaving) => gone.push(leaving));
  let collectors = 100;
  const obtain = (address: string): number => clients.obtain(address, ipv4Bits(address), () => collectors++);
  return { clients, gone, its, obtain };
}

it('tells what was counted of a client, whether it has an address of four bytes or not', () => {
  const { clients, obtain } = filled(10);
  ['10.0.0.1', 'fe80::1'].forEach((address, i) => {
    const client = obtain(address);
    expect(obtain(address)).toBe(client);
    expect(clients.servers(client)).toEqual({ top: [], count: 0 });
    clients.asked(client, 'fe80::53', ipv4Bits('fe80::53'), undefined, 'udp');
    clients.asked(client, 'fe80::53', ipv4Bits('fe80::53'), 53, 'tcp');
    expect(clients.servers(client)).toEqual({ top: ['fe80::53'], count: 1 });
    clients.asked(client, '10.0.0.53', ipv4Bits('10.0.0.53'), 54, undefined);
    expect(clients.servers(client)).toEqual({ top: ['fe80::53', '10.0.0.53'], count: 2 });
    expect([clients.hasCodes(client), clients.first(client), clients.last(client)]).toEqual([false, -1, -1]);
    clients.setHasCodes(client);
    clients.addDomain(client, 8);
    clients.addDomain(client, 3);
    clients.addOdd(client);
    expect([clients.first(client), clients.last(client), clients.domains(client), clients.odd(client)]).toEqual([
      8, 3, 2, 1,
    ]);
    expect([clients.address(client), clients.port(client), clients.protocol(client), clients.hasCodes(client)]).toEqual(
      [address, 53, 'udp', true],
    );
    expect([clients.generated(client), clients.failing(client), clients.owner(client)]).toEqual([
      100 + 2 * i,
      101 + 2 * i,
      i,
    ]);
  });
});

it('drops the half with the fewest odd domains, of equal ones the first, and keeps the others whole', () => {
  const { clients, gone, its, obtain } = filled(6);
  for (let i = 0; i < 6; i++) {
    const client = obtain(`fe80::${i}`);
    clients.asked(client, `10.0.0.${i}`, ipv4Bits(`10.0.0.${i}`), 53, 'udp');
    clients.asked(client, 'fe80::53', ipv4Bits('fe80::53'), 53, 'udp');
    clients.addDomain(client, 10 * i);
    if (i % 2 === 0) clients.addOdd(client);
  }
  expect(clients.drops).toBe(0);
  const added = obtain('10.9.9.9');
  expect([clients.size, added, clients.drops, its.refused]).toEqual([4, 3, 1, 3]);
  expect(gone.map(({ first }) => first)).toEqual([10, 30, 50]);
  for (const i of [0, 2, 4]) {
    const client = obtain(`fe80::${i}`);
    expect(client).toBe(i / 2);
    expect([clients.owner(client), clients.first(client), clients.servers(client).top]).toEqual([
      i,
      10 * i,
      [`10.0.0.${i}`, 'fe80::53'],
    ]);
  }
  expect([clients.address(added), clients.owner(added), clients.odd(added), clients.first(added)]).toEqual([
    '10.9.9.9',
    6,
    0,
    -1,
  ]);
});

it('grows to as many clients as it may have', () => {
  const { clients, obtain } = filled(3000);
  for (let i = 0; i < 3000; i++) expect(obtain(`10.0.${i >> 8}.${i & 255}`)).toBe(i);
  expect([clients.size, obtain('10.0.0.77'), obtain('fe80::1') === NO_CLIENT]).toEqual([3000, 77, false]);
});
