import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/**
 * A program that behaves like tcpdump as far as anyone can tell from outside: pcap on standard output, its words on standard error, counters on SIGUSR1, a last word on SIGINT. What it does in between is the
 * `body`, with these at hand: `listening()`, `header(linkType)`, `packet(n, at)` with n the number that it carries and `at` epoch seconds, `write(bytes)`, `say(text)`, `sleep(ms)`, `untilInterrupted()`,
 * `goodbye(dropped)`, `life` (1 for its first run, 2 for the next), `args`.
 */
export function fakeProgram(folder: string, body: string, name = 'tcpdump'): string {
  const home = fs.mkdtempSync(path.join(folder, 'program-'));
  const file = path.join(home, name);
  // Whatever a folder above says of modules, this one is a script.
  fs.writeFileSync(path.join(home, 'package.json'), '{ "type": "commonjs" }');
  fs.writeFileSync(file, `#!${process.execPath}\n${PRELUDE}\n(async () => {\n${body}\n})();\n`, { mode: 0o755 });
  return file;
}

const PRELUDE = `
const fs = require('node:fs');
const path = require('node:path');
const lives = path.join(__dirname, 'lives');
fs.appendFileSync(lives, 'x');
const life = fs.statSync(lives).size;
const args = process.argv.slice(2);
fs.writeFileSync(path.join(__dirname, 'args.json'), JSON.stringify(args));
fs.writeFileSync(path.join(__dirname, 'pid'), String(process.pid));
// What a failed test leaves behind goes by itself.
setTimeout(() => process.exit(9), 120000).unref();
let captured = 0;
let interrupted = false;
let wake = () => {};
process.on('SIGINT', () => { interrupted = true; wake(); });
process.stdout.on('error', () => process.exit(1));
const say = (text) => fs.writeSync(2, text);
process.on('SIGUSR1', () => say('tcpdump: ' + captured + ' packets captured, ' + captured + ' packets received by filter, 0 packets dropped by kernel\\n'));
const write = (bytes) => new Promise((resolve) => process.stdout.write(bytes, resolve));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const listening = () => say('tcpdump: listening on fake, link-type EN10MB (Ethernet), snapshot length 262144 bytes\\n');
const header = (linkType = 1) => {
  const out = Buffer.alloc(24);
  out.writeUInt32LE(0xa1b2c3d4, 0); out.writeUInt16LE(2, 4); out.writeUInt16LE(4, 6);
  out.writeUInt32LE(262144, 16); out.writeUInt32LE(linkType, 20);
  return write(out);
};
const packet = (n, at = 1700000000 + n / 1000, frame = Buffer.alloc(60)) => {
  captured++;
  const out = Buffer.alloc(16 + frame.length);
  out.writeUInt32LE(Math.floor(at), 0); out.writeUInt32LE(Math.round((at % 1) * 1e6), 4);
  out.writeUInt32LE(frame.length, 8); out.writeUInt32LE(frame.length, 12);
  frame.copy(out, 16);
  if (frame.length >= 18) out.writeUInt32BE(n, 16 + 14);
  return write(out);
};
const untilInterrupted = () => interrupted ? Promise.resolve() : new Promise((resolve) => { const keep = setInterval(() => {}, 1000); wake = () => { clearInterval(keep); resolve(); }; });
const goodbye = (dropped = 0) => { say(captured + ' packets captured\\n' + (captured + dropped) + ' packets received by filter\\n' + dropped + ' packets dropped by kernel\\n'); process.exit(0); };
`;

/** Waits until something is so; a test that waits in vain fails. */
export async function until(what: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!what()) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain for ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The loopback interface, which every machine has. */
export const LOOPBACK =
  Object.entries(os.networkInterfaces()).find(([, entries]) => entries?.[0]?.internal)?.[0] ?? 'lo';

/** The numbers that `packet(n)` wrote, from the bytes of a pcap file. */
export function packetNumbers(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: number[] = [];
  for (let at = 24; at < bytes.length; ) {
    const captured = view.getUint32(at + 8, true);
    if (at + 16 + captured > bytes.length) throw new Error(`a record at byte ${at} is cut`);
    found.push(view.getUint32(at + 16 + 14));
    at += 16 + captured;
  }
  return found;
}
