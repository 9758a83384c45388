import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { hash32, type StringColumn } from '../core/index.ts';
import { AnswersOf, DnsAnswers } from './dns-answers.ts';

describe('DnsAnswers', () => {
  it.each([
    ['A 192.0.2.1, CNAME x.example', ['192.0.2.1', 'x.example']],
    ['192.0.2.1,host.example', ['192.0.2.1', 'host.example']],
    ['AAAA 2001:db8::1', ['2001:db8::1']],
    ['', ['']],
  ])('hashes the data of %s', (text, data) => {
    expect(new DnsAnswers(text).hashes).toEqual(data.map((one) => hash32(one)));
  });

  it('tells the home addresses among the first sixteen, each asked for once', () => {
    const isHome = vi.fn((address: string) => address.startsWith('10.'));
    const answers = new DnsAnswers('A 10.0.0.8, A 192.0.2.1, 10.0.0.9');
    expect(answers.homes(isHome)).toEqual(['10.0.0.8', '10.0.0.9']);
    expect(answers.homes(isHome)).toEqual(['10.0.0.8', '10.0.0.9']);
    expect(isHome).toHaveBeenCalledTimes(3);
    expect(answers.homes(() => false)).toEqual([]);
    expect(new DnsAnswers(Array.from({ length: 20 }, (_, i) => `A 10.0.0.${i}`).join(', ')).homes(isHome)).toHaveLength(
      16,
    );
  });

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        const answers = new DnsAnswers(text);
        expect(answers.hashes).toHaveLength(text.split(',').length);
        expect(answers.homes(() => true).length).toBeLessThanOrEqual(16);
      }),
    );
  });
});

describe('AnswersOf', () => {
  it('gives one object for all rows and columns with the same answers', () => {
    const column: StringColumn = {
      kind: 'string',
      codes: Int32Array.of(0, -1, 1, 0),
      dictionary: ['A 192.0.2.7', 'A 192.0.2.8'],
    };
    const answers = AnswersOf.column(column);
    expect(AnswersOf.column(column)).toBe(answers);
    expect(answers.count).toBe(2);
    expect(answers.at(1)).toBeUndefined();
    expect(answers.at(3)).toBe(answers.at(0));
    expect(answers.at(2)?.text).toBe('A 192.0.2.8');
    expect(AnswersOf.column({ ...column }).of(0)).toBe(answers.of(0));
  });
});
