/**
 * Makes src/flow/data/vendor-blocks.ts, the table of vendors that ships.
 *
 *     node scripts/oui.ts --date 2022-08-27 <registry...>
 *
 * Registries are the IEEE's files: oui.csv (MA-L), mam.csv (MA-M), oui36.csv (MA-S), iab.csv. The IEEE asserts no copyright in them and does not restrict their distribution. Those of ../shared/data/oui are
 * the state that Debian distributes as ieee-data 20220827.1.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { VendorTable } from '../src/flow/device-vendor.ts';

const args = process.argv.slice(2);
const date = args[0] === '--date' ? (args[1] ?? '') : '';
const files = args.slice(2);
if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || files.length === 0) {
  console.error('usage: node scripts/oui.ts --date 2022-08-27 <oui.csv> <mam.csv> <oui36.csv> <iab.csv>');
  process.exit(2);
}
const { table, report } = VendorTable.fromRegistries(
  files.map((name) => ({ name, text: readFileSync(name, 'utf8') })),
  date,
);
const text = table.encode();
const quoted = JSON.stringify(text).replaceAll("'", "\\'").replaceAll('\\"', '"');
writeFileSync(
  new URL('../src/flow/data/vendor-blocks.ts', import.meta.url),
  `/**
 * ${table.size.toLocaleString('en-US')} blocks of hardware addresses of ${table.vendors.toLocaleString('en-US')} vendors, as of ${date}; made by scripts/oui.ts, which says how. Not to be edited. From the registries of the IEEE Registration Authority, which
 * asserts no copyright in them and does not restrict their distribution.
 */
// biome-ignore format: data
export const VENDOR_BLOCKS = '${quoted.slice(1, -1)}';
`,
);
console.log(report);
