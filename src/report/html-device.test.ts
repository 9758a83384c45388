import { expect, test } from 'vitest';
import { sampleResult } from '../../test/support/sample.ts';
import { type DeviceSummary, timesOfAddresses } from './device-summary.ts';
import { devicesSection } from './html-device.ts';

const PLAIN: DeviceSummary = {
  mac: '3c:52:82:00:00:08',
  macKind: 'vendor',
  addresses: [{ address: '10.0.0.8', firstMs: 0, lastMs: 1000, claimed: true }],
  names: [],
  roles: [],
  software: [],
  offers: [],
  uses: [],
  frames: [],
  joined: [],
  firstMs: 0,
  lastMs: 1000,
  flows: 3,
  bytes: 900,
};

function rowOf(device: DeviceSummary): string {
  const { text = '' } = devicesSection({ ...sampleResult(), devices: [device], deviceCount: 1 }) ?? {};
  return text.slice(text.indexOf('<tr><th scope="row">'));
}

test('what is not known of a device is an empty cell, which cards leave out', () => {
  expect(rowOf(PLAIN).split('<td></td>').length - 1).toBe(3);
  const known = rowOf({
    ...PLAIN,
    names: [{ name: 'desk-7', source: 'DHCP' }],
    roles: [{ role: 'computer', reasons: ['Its name is one of a computer.'] }],
    uses: ['dns'],
  });
  expect(known).not.toContain('<td></td>');
  expect(known).toContain('<td><span>computer<small>Its name is one of a computer.</small></span></td>');
  expect(known).toContain('<td><span>uses <bdi>dns</bdi></span></td>');
});

test('a device that had several addresses says when it had each', () => {
  const addresses = [
    { address: '10.0.0.9', firstMs: 86_400_000, lastMs: 86_460_000, claimed: true },
    { address: '10.0.0.8', firstMs: 0, lastMs: 90_000_000, claimed: false },
    { address: 'fe80::1', firstMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY, claimed: false },
  ];
  expect(timesOfAddresses({ addresses })).toEqual([
    '1970-01-02 00:00:00 to 00:01:00',
    '1970-01-01 00:00:00 to 1970-01-02 01:00:00',
    '',
  ]);
  expect(timesOfAddresses({ addresses: addresses.slice(1) })).toEqual(['', '']);
  expect(rowOf({ ...PLAIN, addresses })).toContain('<small>1970-01-02 00:00:00 to 00:01:00</small>');
});
