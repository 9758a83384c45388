import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { ManualTiming, until } from '../../../test/support/timing.ts';
import { type FolderWatch, type FolderWatchOptions, globPattern, watchFolder } from './folder-watch.ts';

const base = temporaryFolder();
const open: FolderWatch[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

interface Place {
  readonly folder: string;
  readonly failed: string;
  readonly timing: ManualTiming;
  readonly notes: string[];
  put(name: string, text: string): string;
  watch(options?: Partial<FolderWatchOptions>): FolderWatch;
}

let places = 0;
function place(): Place {
  const home = fs.realpathSync(fs.mkdtempSync(path.join(base, `p${places++}-`)));
  const folder = path.join(home, 'in');
  fs.mkdirSync(folder);
  const timing = new ManualTiming();
  const notes: string[] = [];
  const failed = path.join(home, 'failed');
  return {
    folder,
    failed,
    timing,
    notes,
    put(name, text) {
      fs.writeFileSync(path.join(folder, name), text);
      return path.join(folder, name);
    },
    watch(options = {}) {
      const watch = watchFolder({
        folder,
        stateFile: path.join(home, 'state'),
        failedFolder: failed,
        timing,
        onNote: (text) => notes.push(text),
        ...options,
      });
      open.push(watch);
      return watch;
    },
  };
}

/** Takes everything that is finished after so long, names only. */
async function takeAll(watch: FolderWatch, { timing }: Place, ms = 2500): Promise<string[]> {
  timing.advance(ms);
  const names: string[] = [];
  while (watch.status().queued > 0) {
    const file = await watch.next();
    if (file === undefined) break;
    names.push(path.basename(file));
    watch.done(file);
  }
  return names;
}

describe('a watched folder', () => {
  it('gives each file once it stands still, in order of their names', async () => {
    const p = place();
    p.put('x10.pcap', 'ten');
    p.put('x9.pcap', 'nine');
    p.put('other.txt', 'no');
    p.put('.hidden.pcap', 'no');
    const watch = p.watch({ pattern: '*.pcap' });
    expect(watch.status()).toMatchObject({ growing: 2, queued: 0 });
    p.timing.advance(1500);
    fs.appendFileSync(path.join(p.folder, 'x9.pcap'), 'more');
    expect(await takeAll(watch, p, 1000)).toEqual(['x10.pcap']);
    expect(await takeAll(watch, p)).toEqual(['x9.pcap']);
    expect(await takeAll(watch, p, 60_000)).toEqual([]);
    expect(watch.status()).toMatchObject({ given: 2, done: 2, growing: 0 });
  });

  it('remembers across restarts and renames, and takes what changed again', async () => {
    const p = place();
    const a = p.put('a', 'one');
    p.put('b', 'two');
    const first = p.watch();
    expect(await takeAll(first, p)).toEqual(['a', 'b']);
    first.close();
    fs.renameSync(a, path.join(p.folder, 'c'));
    fs.appendFileSync(path.join(p.folder, 'b'), 'more');
    p.put('d', 'new');
    expect(await takeAll(p.watch(), p)).toEqual(['b', 'd']);
  });

  it('takes a file at once that was renamed from an unfinished name', async () => {
    const p = place();
    p.put('x.pcap.part', 'growing');
    const watch = p.watch({ pattern: '*.pcap' });
    p.timing.advance(1000);
    fs.renameSync(path.join(p.folder, 'x.pcap.part'), path.join(p.folder, 'x.pcap'));
    watch.scan();
    expect(watch.status().queued).toBe(1);
  });

  it('is told of new files by the system', async () => {
    const p = place();
    const watch = p.watch({
      settleMs: 20,
      pollMs: 3_600_000,
      timing: {
        now: () => performance.now(),
        random: () => 0,
        after: (ms, run) => {
          const timer = setTimeout(run, ms);
          return () => clearTimeout(timer);
        },
      },
    });
    const next = watch.next();
    p.put('a', 'one');
    expect(path.basename((await next) ?? '')).toBe('a');
  });

  it('gives a file again that failed, behind the others, and sets it aside with the reason', async () => {
    const p = place();
    p.put('bad', 'x');
    p.put('good', 'y');
    const watch = p.watch({ maxAttempts: 2 });
    p.timing.advance(2500);
    const bad = (await watch.next()) ?? '';
    watch.failed(bad, 'not a capture \u001b[31m');
    watch.done((await watch.next()) ?? '');
    expect(await watch.next()).toBe(bad);
    watch.failed(bad, 'not a capture \u001b[31m');
    expect(fs.readdirSync(p.folder)).toEqual(['good']);
    expect(fs.readdirSync(p.failed).sort()).toEqual(['bad', 'bad.reason.txt']);
    expect(fs.readFileSync(path.join(p.failed, 'bad.reason.txt'), 'utf8')).toBe(
      `2023-11-14T22:13:22.500Z\n${bad}\nset aside after 2 attempts: not a capture \\u{1b}[31m\n`,
    );
    expect(watch.status()).toMatchObject({ failed: 2, setAside: 1, done: 1 });
    // Another of the same name does not overwrite it.
    p.put('bad', 'z');
    p.timing.advance(5000);
    for (let i = 0; i < 2; i++) watch.failed((await watch.next()) ?? '', 'again');
    expect(fs.readdirSync(p.failed).sort()).toEqual(['bad', 'bad.2', 'bad.2.reason.txt', 'bad.reason.txt']);
  });

  it('sets a file aside that ends the whole program each time', async () => {
    const p = place();
    p.put('deadly', 'x');
    for (let i = 0; i < 2; i++) {
      const watch = p.watch({ maxAttempts: 2 });
      p.timing.advance(2500);
      expect(path.basename((await watch.next()) ?? '')).toBe('deadly');
      // The process dies here: what it had in hand is not said to be done.
      watch.close();
      fs.rmSync(path.join(p.folder, '..', 'state.lock'), { force: true });
    }
    const watch = p.watch({ maxAttempts: 2 });
    p.timing.advance(2500);
    expect(watch.status()).toMatchObject({ setAside: 1, queued: 0 });
    expect(p.notes).toEqual(['deadly was set aside: it was begun and never finished: the program ended each time']);
  });

  it('follows no link out of the folder, and takes a file once under several names', async () => {
    const p = place();
    const outside = path.join(p.folder, '..', 'outside');
    fs.writeFileSync(outside, 'secret');
    fs.symlinkSync(outside, path.join(p.folder, 'out'));
    fs.symlinkSync('/nowhere/at/all', path.join(p.folder, 'dangling'));
    p.put('real', 'x');
    fs.symlinkSync('real', path.join(p.folder, 'inside'));
    const watch = p.watch();
    expect(await takeAll(watch, p)).toEqual(['real']);
    expect(watch.status().linksIgnored).toBe(2);
  });

  it('holds a bounded queue, and takes the rest later', async () => {
    const p = place();
    for (let i = 0; i < 20; i++) p.put(`f${i}`, String(i));
    const watch = p.watch({ maxQueued: 3, follow: false });
    p.timing.advance(2500);
    expect(watch.status()).toMatchObject({ queued: 3, deferred: 17 });
    const names: string[] = [];
    for await (const file of watch) {
      names.push(path.basename(file));
      watch.done(file);
    }
    expect(names).toEqual(Array.from({ length: 20 }, (_, i) => `f${i}`));
  });

  it('keeps its own state out of the way, and ends when it is told', async () => {
    const p = place();
    const stop = new AbortController();
    p.put('a', 'x');
    const watch = p.watch({ stateFile: path.join(p.folder, 'state'), signal: stop.signal });
    p.timing.advance(2500);
    const file = (await watch.next()) ?? '';
    expect(path.basename(file)).toBe('a');
    const end = watch.next();
    stop.abort();
    expect(await end).toBeUndefined();
    watch.done(file);
    const again = p.watch({ stateFile: path.join(p.folder, 'state') });
    expect(await takeAll(again, p)).toEqual([]);
  });

  it('ends with the reason when the folder goes away', async () => {
    const p = place();
    const watch = p.watch();
    fs.rmSync(p.folder, { recursive: true });
    p.timing.advance(2000);
    await until(() => watch.status().growing === 0);
    await expect(watch.next()).rejects.toThrow(`cannot read ${p.folder}: no such file or folder (ENOENT)`);
  });

  it('is refused where it cannot be', () => {
    const p = place();
    expect(() => p.watch({ folder: p.put('file', '') })).toThrow(`${path.join(p.folder, 'file')} is no folder`);
    expect(() => p.watch({ failedFolder: p.folder })).toThrow(`${p.folder}: failed files would be taken again there`);
    expect(() => p.watch({ folder: '/nowhere' })).toThrow('cannot read /nowhere: no such file or folder (ENOENT)');
  });
});

describe.skipIf(process.getuid?.() === 0)('a file that may not be read', () => {
  it('is named, holds nobody up, and is taken when it may', async () => {
    const p = place();
    const name = p.put('locked', 'x');
    fs.chmodSync(name, 0);
    p.put('open', 'y');
    const watch = p.watch();
    expect(await takeAll(watch, p)).toEqual(['open']);
    expect(p.notes).toEqual([`cannot read ${name}: permission denied (EACCES)`]);
    expect(await takeAll(watch, p, 30_000)).toEqual([]);
    fs.chmodSync(name, 0o600);
    expect(await takeAll(watch, p, 10_000)).toEqual(['locked']);
  });
});

describe('a pattern of names', () => {
  it.each([
    ['*', 'a', true],
    ['*', '.a', false],
    ['.*', '.a', true],
    ['*.{pcap,pcapng}', 'x.pcapng', true],
    ['*.{pcap,pcapng}', 'x.pcapn', false],
    ['conn?.log', 'conn1.log', true],
    ['a+b(c).log', 'a+b(c).log', true],
    ['a.log', 'aXlog', false],
  ])('%s takes %s: %s', (pattern, name, expected) => {
    expect(globPattern(pattern).test(name)).toBe(expected);
  });

  it.each(['a/b', '', '{a', '*a*a*a*a*a*a'])("refuses '%s'", (pattern) => {
    expect(() => globPattern(pattern)).toThrow('the pattern');
  });
});
