import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectHarmless } from '../../test/support/stream.ts';
import { dnsTypeName } from './dns.ts';
import { type DnsMessageFields, decodeDnsAnswers, decodeDnsMessage, encodeDnsMessage } from './dns-message.ts';
import { unescapeText } from './dns-name.ts';

const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const ttl = fc.nat({ max: 0xffffffff });
const record = fc.oneof(
  fc.record({ name: domain, type: fc.constant(1), ttl, data: fc.ipV4() }),
  fc.record({ name: domain, type: fc.constant(28), ttl, data: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
  fc.record({ name: domain, type: fc.constantFrom(2, 5, 12, 39), ttl, data: domain }),
  fc.record({ name: domain, type: fc.constant(15), ttl, data: domain.map((name) => `10 ${name}`) }),
  fc.record({
    name: domain,
    type: fc.constantFrom(43, 999),
    ttl,
    data: fc.uint8Array({ minLength: 4, maxLength: 90 }),
  }),
);

const response = (fields: DnsMessageFields): Uint8Array => encodeDnsMessage({ isResponse: true, ...fields });
const answersOf = (bytes: Uint8Array, name: string, type: string) =>
  decodeDnsAnswers(bytes, 0, bytes.length, name, type);

describe('answers alone', () => {
  it('are what the whole message has', () => {
    fc.assert(
      fc.property(domain, fc.array(record, { maxLength: 6 }), fc.nat({ max: 15 }), (name, answers, rcode) => {
        const bytes = response({ questions: [{ name, type: 1 }], answers, rcode });
        const whole = decodeDnsMessage(bytes, 0, bytes.length);
        const text = (whole?.answers ?? []).map(({ type, data }) => `${dnsTypeName(type)} ${data}`).join(', ');
        const least = (whole?.answers ?? []).map((answer) => answer.ttl);
        expect(answersOf(bytes, name, 'A')).toEqual({
          rcode,
          isAsked: true,
          text,
          isAscii: !text.includes('…'),
          leastTtl: least.length === 0 ? undefined : Math.min(...least),
        });
      }),
    );
  });

  it('belong to the question alone that is asked about, whatever its case', () => {
    const answers = [{ name: 'a.org', ttl: 5, data: '192.0.2.1' }];
    const bytes = response({ questions: [{ name: 'A.oRg', type: 1 }], answers });
    expect(answersOf(bytes, 'a.org', 'A')).toMatchObject({ isAsked: true, text: 'A 192.0.2.1' });
    for (const [name, type] of [
      ['a.org', 'AAAA'],
      ['a.orgg', 'A'],
      ['a.or', 'A'],
      ['aa.org', 'A'],
      ['a-org', 'A'],
      ['', 'A'],
    ] as const)
      expect(answersOf(bytes, name, type), name).toMatchObject({ isAsked: false, text: '', leastTtl: undefined });
  });

  it('are given as far as they go, behind more questions than one', () => {
    const fields: DnsMessageFields = {
      questions: [{ name: 'a.org' }, { name: 'b.org' }],
      answers: [
        { name: 'a.org', ttl: 5, data: '192.0.2.1' },
        { name: 'a.org', ttl: 3, data: '192.0.2.2' },
      ],
    };
    const bytes = response(fields);
    expect(answersOf(bytes, 'a.org', 'A')).toMatchObject({ text: 'A 192.0.2.1, A 192.0.2.2', leastTtl: 3 });
    expect(answersOf(bytes.slice(0, -1), 'a.org', 'A')).toMatchObject({ text: 'A 192.0.2.1', leastTtl: 5 });
    expect(answersOf(encodeDnsMessage(fields), 'a.org', 'A')).toBeUndefined();
  });

  it('stay bounded and harmless', () => {
    const data = new Uint8Array(20_000).fill(0x74);
    for (let i = 0; i < data.length; i += 200) data[i] = 199;
    const answers = Array.from({ length: 3 }, () => ({ name: 'a.org', type: 16, ttl: 1, data }));
    const bytes = response({ questions: [{ name: 'a.org', type: 16 }], answers });
    expect(answersOf(bytes, 'a.org', 'TXT')?.text.length).toBeLessThan(2300);
    const short = response({
      questions: [{ name: 'a.org', type: 5 }],
      answers: [
        { name: 'a.org', type: 5, ttl: 5, data: 'b.a.org' },
        { name: 'b.a.org', type: 28, ttl: 5, data: '2001:db8::1' },
      ],
    });
    expectHarmless(short, (held, at, end) => decodeDnsAnswers(held, at, end, 'a.org', 'CNAME'));
  });
});

it('escapes are undone as the presentation form has them', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '\\', '0', '4', '9', '.', 'é', '😀') }), (text) => {
      const expected: number[] = [];
      for (const [, decimal, plain] of text.matchAll(/\\(\d{3})|\\?(.)/gsu)) {
        if (decimal !== undefined) expected.push(Number(decimal) & 255);
        else expected.push(...Buffer.from(plain ?? ''));
      }
      expect([...unescapeText(text)]).toEqual(expected);
    }),
  );
});
