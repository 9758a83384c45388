import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { fingerprintOf, Ledger } from './ledger.ts';

const folder = temporaryFolder();
let n = 0;
const fresh = (): string => path.join(folder, `ledger-${n++}`);

describe('a ledger', () => {
  it('remembers across restarts', () => {
    const name = fresh();
    const first = new Ledger(name);
    first.set('a', 'begun', 1);
    first.set('a', 'done', 1);
    first.set('b', 'failed', 2);
    first.close();
    const second = new Ledger(name);
    expect(second.get('a')).toEqual({ state: 'done', attempts: 1 });
    expect(second.get('b')).toEqual({ state: 'failed', attempts: 2 });
    expect(second.get('c')).toBeUndefined();
    second.close();
    expect(fs.readFileSync(name, 'utf8')).toBe('["anomalyst-ledger",1]\n["a","done",1]\n["b","failed",2]\n');
  });

  it('loses nothing but the cut line, wherever a crash cut it', () => {
    const name = fresh();
    const whole = '["anomalyst-ledger",1]\n["a","done",1]\n["b","done",1]\n';
    for (let end = 23; end <= whole.length; end++) {
      fs.writeFileSync(name, whole.slice(0, end));
      const ledger = new Ledger(name);
      expect(ledger.size).toBe(end >= whole.length - 1 ? 2 : end >= 37 ? 1 : 0);
      ledger.close();
    }
  });

  it('is refused when it is something else, whatever it is', () => {
    const name = fresh();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        fs.writeFileSync(name, bytes);
        expect(() => new Ledger(name)).toThrow(`${name} is no ledger of anomalyst`);
      }),
    );
    fs.writeFileSync(name, '["anomalyst-ledger",9]\n');
    expect(() => new Ledger(name)).toThrow(`${name} is a ledger of version 9; this program knows 1`);
    expect(fs.existsSync(`${name}.lock`)).toBe(false);
  });

  it("is one process's at a time, and of a process that died anybody's", () => {
    const name = fresh();
    const first = new Ledger(name);
    expect(() => new Ledger(name)).toThrow(`${path.basename(name)} is in use by process ${process.pid}`);
    first.close();
    fs.writeFileSync(`${name}.lock`, '999999999\n');
    new Ledger(name).close();
    expect(fs.existsSync(`${name}.lock`)).toBe(false);
  });

  it('forgets what was not seen for longest, and its file stays small', () => {
    const name = fresh();
    const ledger = new Ledger(name, { maxEntries: 10, slackLines: 20 });
    for (let i = 0; i < 10; i++) ledger.set(`k${i}`, 'done', 1);
    ledger.touch('k0');
    for (let i = 10; i < 15; i++) ledger.set(`k${i}`, 'done', 1);
    expect([ledger.size, ledger.forgotten]).toEqual([10, 5]);
    expect([ledger.get('k0')?.state, ledger.get('k1')]).toEqual(['done', undefined]);
    for (let i = 0; i < 60; i++) ledger.set('k0', 'begun', i);
    ledger.close();
    expect(fs.readFileSync(name, 'utf8').split('\n').length).toBeLessThan(45);
  });
});

describe('the fingerprint of a file', () => {
  it('stays when it is renamed, and changes when it grows or is another file', () => {
    const a = fresh();
    fs.writeFileSync(a, 'x'.repeat(200_000));
    const print = fingerprintOf(a);
    const b = fresh();
    fs.renameSync(a, b);
    expect(fingerprintOf(b)).toBe(print);
    fs.copyFileSync(b, a);
    expect(fingerprintOf(a)).not.toBe(print);
    fs.appendFileSync(b, 'y');
    expect(fingerprintOf(b)).not.toBe(print);
  });
});
