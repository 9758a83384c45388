/** The packet path alone, as a process of its own: file to reader to flow table, rows thrown away. `node bench/packet-path.ts <capture>` */
import { closeSync, openSync, readSync } from 'node:fs';
import process from 'node:process';
import { FlowTable } from '../src/flow/index.ts';
import { CaptureReader, OddityCounter, TimeBase } from '../src/wire/index.ts';

const path = process.argv[2];
if (path === undefined) {
  console.error('usage: node bench/packet-path.ts <capture>');
  process.exit(2);
}
const base = new TimeBase();
const oddities = new OddityCounter();
const reader = new CaptureReader(base, oddities);
const table = new FlowTable(base, oddities);
const fd = openSync(path, 'r');
while (!reader.done) {
  reader.fill(readSync(fd, reader.space()));
  while (reader.next() > 0) {
    table.process(reader.batch);
    table.takeTables();
  }
}
closeSync(fd);
table.finish();
console.log(JSON.stringify({ packets: reader.status().packets, flows: table.rows, peakLive: table.peakLive }));
