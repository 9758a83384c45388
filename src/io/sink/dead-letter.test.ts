import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { DeadLetterFile, encodeDeadLetter, MAX_LETTER_BYTES } from './dead-letter.ts';

const folder = temporaryFolder();
const letter = { timeMs: 1_700_000_000_000, source: 'tcp://localhost:9999', line: 7, reason: 'not valid JSON' };

describe('a dead letter', () => {
  it('says when, whence, which line, why and what', () => {
    expect(encodeDeadLetter({ ...letter, bytes: Buffer.from('{"a":') })).toBe(
      '{"time":"2023-11-14T22:13:20.000Z","source":"tcp://localhost:9999","line":7,"reason":"not valid JSON","text":"{\\"a\\":","bytes":5}\n',
    );
  });

  it('holds nothing that moves a terminal, and the very bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const line = encodeDeadLetter({ ...letter, bytes });
        expect(line).toMatch(/^[\x20-\x7e]*\n$/);
        const read = JSON.parse(line);
        expect(Buffer.from(read.text ?? read.base64, read.text === undefined ? 'base64' : 'utf8')).toEqual(
          Buffer.from(bytes),
        );
      }),
    );
  });

  it('is cut when it is long, and says so', () => {
    const read = JSON.parse(encodeDeadLetter({ ...letter, bytes: Buffer.alloc(100_000, 0x61) }));
    expect(read).toMatchObject({ bytes: 100_000, cut: true });
    expect(read.text).toHaveLength(MAX_LETTER_BYTES);
  });
});

describe('a dead-letter file', () => {
  it('is made at the first letter, for its owner alone, and appended to', () => {
    const name = path.join(folder, 'a.ndjson');
    const first = new DeadLetterFile(name);
    expect(fs.existsSync(name)).toBe(false);
    first.add({ ...letter, bytes: Buffer.from('x') });
    first.close();
    const second = new DeadLetterFile(name);
    second.add({ ...letter, bytes: Buffer.from('y') });
    second.close();
    expect(fs.statSync(name).mode & 0o777).toBe(0o600);
    expect(
      fs
        .readFileSync(name, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).text),
    ).toEqual(['x', 'y']);
  });

  it('grows no further than its bound, and counts what it lost', () => {
    const name = path.join(folder, 'b.ndjson');
    const file = new DeadLetterFile(name, { maxBytes: 1000 });
    for (let i = 0; i < 100; i++) file.add({ ...letter, bytes: Buffer.from('x') });
    file.close();
    expect(fs.statSync(name).size).toBeLessThanOrEqual(1000);
    expect(file.written + file.lost).toBe(100);
    expect(file.lost).toBeGreaterThan(0);
  });

  it('follows no symbolic link', () => {
    const target = path.join(folder, 'target');
    fs.writeFileSync(target, 'keep');
    fs.symlinkSync(target, path.join(folder, 'link.ndjson'));
    expect(() =>
      new DeadLetterFile(path.join(folder, 'link.ndjson')).add({ ...letter, bytes: Buffer.from('x') }),
    ).toThrow(`cannot write ${path.join(folder, 'link.ndjson')}: too many symbolic links (ELOOP)`);
    expect(fs.readFileSync(target, 'utf8')).toBe('keep');
  });
});
