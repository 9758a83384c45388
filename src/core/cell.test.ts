import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochUnitOf, parseInteger, parseNumber, parseTime, type TimeShape } from './cell.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const number = (text: string, scale?: number): number => parseNumber(bytesOf(text), 0, text.length, scale);
const integer = (text: string): number => parseInteger(bytesOf(text), 0, text.length);
const time = (text: string, shape?: TimeShape): number => parseTime(bytesOf(text), 0, text.length, shape);

describe('parseNumber', () => {
  it('reads every double exactly as Number does', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        for (const text of [String(value), value.toExponential(), value.toPrecision(19)])
          expect(number(text)).toBe(Number(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('scales by a power of ten without rounding twice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 }), fc.integer({ min: 0, max: 999_999 }), (s, us) => {
        const text = `${s}.${String(us).padStart(6, '0')}`;
        expect(number(text, 3)).toBe(Number(`${text}e3`));
      }),
    );
    expect(number('4.294967e+09', 3)).toBe(4_294_967_000_000);
    expect(number('123456789012345678901', -3)).toBe(Number('123456789012345678901e-3'));
  });

  it('reads nothing else', () => {
    for (const text of [
      '',
      '-',
      '.',
      '1,000',
      '0x10',
      'NaN',
      'Infinity',
      '1e',
      '1e+',
      ' 1',
      '1 ',
      '1.2.3',
      '1e400',
      'e5',
    ])
      expect(number(text), text).toBeNaN();
    expect(['+1', '1.', '.5', '-0.5', '00012', '1E3'].map((text) => number(text))).toEqual([1, 1, 0.5, -0.5, 12, 1000]);
    expect(number(`1${'0'.repeat(1000)}`)).toBeNaN();
  });
});

describe('parseInteger', () => {
  it('reads whole numbers up to 2^53 and nothing else', () => {
    expect(integer('-9007199254740991')).toBe(-(2 ** 53) + 1);
    for (const text of ['9007199254740992', '9007199254740993', '1.0', '1e3', '', '-', 'x'])
      expect(integer(text), text).toBeNaN();
  });
});

describe('parseTime', () => {
  it('reads what Date reads, for every date', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          expect(time(date.toISOString())).toBe(date.getTime());
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('reads fractions, zones and the separators that logs use', () => {
    const at = Date.UTC(2018, 4, 10, 10, 52, 47) + 283.479;
    for (const text of [
      '2018/05/10 10:52:47.283479',
      '2018-05-10T12:52:47,283479+02:00',
      '2018-05-10t10:52:47.283479z',
      '2018-05-10 10:52:47.283479 UTC',
      '2018-05-10 05:22:47.283479000-0530',
    ])
      expect(time(text), text).toBe(at);
    expect(time('2018-05-10')).toBe(Date.UTC(2018, 4, 10));
    expect(time('2018-05-10 10:52')).toBe(Date.UTC(2018, 4, 10, 10, 52));
    expect(time('2016-12-31T23:59:60Z')).toBe(Date.UTC(2017, 0, 1));
  });

  it('says when no zone was named', () => {
    const shape: TimeShape = { zoneless: false };
    time('2018-05-10 10:52:47Z', shape);
    expect(shape.zoneless).toBe(false);
    time('2018-05-10 10:52:47.5', shape);
    expect(shape.zoneless).toBe(true);
  });

  it('reads nothing else', () => {
    for (const text of [
      '2018-02-29',
      '2018-13-01',
      '2018-05/10',
      '2018-05-10 24:00:00',
      '2018-05-10 10',
      '2018-05-10 10:52:',
      '2018-05-10 10:52:47.',
      '2018-05-10 10:52:47 CET',
      '2018-05-10 10:52:47 ',
      '2018-05-10 10:52:47+2',
      '10/05/2018 10:52:47',
    ])
      expect(time(text), text).toBeNaN();
  });

  it('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        parseTime(bytes, 0, bytes.length);
        parseNumber(bytes, 0, bytes.length, 3);
        parseInteger(bytes, 0, bytes.length);
      }),
    );
  });
});

describe('epochUnitOf', () => {
  it('tells seconds, milliseconds, microseconds and nanoseconds apart by their size', () => {
    const s = 1_525_949_567;
    expect([s, s * 1e3, s * 1e6, s * 1e9, 12, 4e9 * 1e10].map(epochUnitOf)).toEqual([
      's',
      'ms',
      'us',
      'ns',
      undefined,
      undefined,
    ]);
  });
});
