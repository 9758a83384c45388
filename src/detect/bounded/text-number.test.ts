import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpv4 } from '../../wire/index.ts';
import { ipv4Bits, NO_BITS, NO_NUMBER, TextNumbers } from './text-number.ts';

describe('ipv4Bits', () => {
  it('are those of an address that is written as this product writes it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xefffffff }), (word) => {
        expect(ipv4Bits(formatIpv4(word | 0))).toBe(word | 0);
      }),
    );
  });

  it('are none of any other text, so that every text comes back as it was', () => {
    const odd = ['', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.04', '256.1.1.1', '1..2.3', '1.2.3.', ' 1.2.3.4', '::1'];
    for (const text of [...odd, '240.0.0.1', '255.255.255.255']) expect(ipv4Bits(text), text).toBe(NO_BITS);
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9.]{0,16}$/), (text) => {
        const bits = ipv4Bits(text);
        if (bits !== NO_BITS) expect(formatIpv4(bits)).toBe(text);
      }),
    );
  });
});

describe('TextNumbers', () => {
  const take = (numbers: TextNumbers, text: string): number => numbers.take(text, ipv4Bits(text));

  it('give every text back', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), (texts) => {
        const numbers = new TextNumbers();
        const taken = texts.map((text) => take(numbers, text));
        expect(taken.map((number) => numbers.text(number))).toEqual(texts);
        expect(new Set(taken).size).toBe(new Set(texts).size);
        expect(taken).not.toContain(NO_NUMBER);
        for (const text of texts)
          expect(taken.map((number) => numbers.is(number, text))).toEqual(texts.map((t) => t === text));
      }),
    );
  });

  it('hold a text until it was dropped as often as it was taken, and use its number again', () => {
    const numbers = new TextNumbers();
    const first = take(numbers, 'fe80::1');
    expect(take(numbers, 'fe80::1')).toBe(first);
    numbers.drop(first);
    expect(numbers.find('fe80::1')).toBe(first);
    numbers.drop(first);
    expect([numbers.find('fe80::1'), numbers.size]).toEqual([NO_NUMBER, 0]);
    expect(take(numbers, 'fe80::2')).toBe(first);
    expect(numbers.text(first)).toBe('fe80::2');
  });

  it('hold a text that was taken again by its number as long', () => {
    const numbers = new TextNumbers();
    const number = numbers.takeAgain(take(numbers, 'fe80::1'));
    numbers.drop(number);
    expect(numbers.text(number)).toBe('fe80::1');
    for (const none of [number, NO_NUMBER, numbers.takeAgain(NO_NUMBER)]) numbers.drop(none);
    expect([numbers.size, numbers.takeAgain(take(numbers, '10.0.0.1'))]).toEqual([0, ipv4Bits('10.0.0.1')]);
  });

  it('hold a text for itself beside an equal one that others find', () => {
    const numbers = new TextNumbers();
    const alone = numbers.takeAlone('fe80::1');
    expect([numbers.find('fe80::1'), numbers.size]).toEqual([NO_NUMBER, 1]);
    const shared = take(numbers, 'fe80::1');
    expect(shared).not.toBe(alone);
    numbers.drop(numbers.takeAgain(alone));
    expect(numbers.is(alone, 'fe80::1')).toBe(true);
    numbers.drop(alone);
    expect([numbers.find('fe80::1'), numbers.text(shared), numbers.size]).toEqual([shared, 'fe80::1', 1]);
    expect(numbers.takeAlone('10.0.0.1', ipv4Bits('10.0.0.1'))).toBe(ipv4Bits('10.0.0.1'));
  });

  it('hold nothing for an address of IPv4', () => {
    const numbers = new TextNumbers();
    numbers.drop(take(numbers, '203.0.113.7'));
    take(numbers, '0.0.0.0');
    expect(numbers.size).toBe(0);
  });
});
