import { expect, it } from 'vitest';
import { Cap } from './bounded.ts';
import { HostIndex } from './host-index.ts';
import { NO_PLACE } from './number-index.ts';
import { ipv4Bits } from './text-number.ts';

it('gives every address its place, whatever its kind, refuses new ones at its cap and counts them', () => {
  const hosts = new HostIndex(new Cap('hosts', 1000));
  const addresses = Array.from({ length: 1200 }, (_, i) => (i % 4 === 0 ? `fe80::${i}` : `10.1.${i >> 8}.${i & 255}`));
  for (const address of addresses) expect(hosts.find(address, ipv4Bits(address))).toBe(NO_PLACE);
  const obtained = (): number[] => addresses.map((address) => hosts.obtain(address, ipv4Bits(address)));
  const places = addresses.map((_, i) => (i < 1000 ? i : NO_PLACE));
  expect(obtained()).toEqual(places);
  expect(obtained()).toEqual(places);
  expect([hosts.size, hosts.cap.refused]).toEqual([1000, 400]);
  expect(addresses.map((address) => hosts.find(address, ipv4Bits(address)))).toEqual(places);
});
