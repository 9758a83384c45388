import { describe, expect, it } from 'vitest';
import { UserError } from '../../core/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import { isAddressInput, openAddress } from './address.ts';

async function refusal(text: string): Promise<string> {
  try {
    (await openAddress(text, { oddities: new OddityCounter() })).close();
  } catch (error) {
    if (error instanceof UserError) return `${error.message} | ${error.hint}`;
    throw error;
  }
  return 'opened';
}

describe('an address', () => {
  it('is told by its scheme; a file and an interface are none', () => {
    expect(['tcp://a:1', 'NetFlow://0.0.0.0:1', 'es+https://a/b'].map(isAddressInput)).toEqual([true, true, true]);
    expect(['a.csv', 'live:eth0', '-', '/tmp/tcp://x', 'watch:in'].map(isAddressInput)).toEqual(
      Array.from({ length: 5 }, () => false),
    );
  });

  it('of an unknown kind is refused with the nearest one', async () => {
    expect(await refusal('netflw://127.0.0.1:2055')).toBe(
      'netflw://127.0.0.1:2055: no such kind of address | did you mean netflow://127.0.0.1:2055?',
    );
    expect(await refusal('gopher://a')).toBe('gopher://a: no such kind of address | anomalyst formats lists them');
  });

  it('without a port, or with one that is none, is refused with its form', async () => {
    expect(await refusal('tcp://host')).toBe('tcp://host: no port | it is written as tcp://host:9999');
    expect(await refusal('tcp://host:99999')).toBe(
      "tcp://host:99999: port '99999' is none | a port is a number from 1 to 65535, as in tcp://host:9999",
    );
    expect(await refusal('es+http://localhost:0/index')).toBe(
      "es+http://localhost:0/index: port '0' is none | a port is a number from 1 to 65535, as in es+http://localhost:9200/index",
    );
    expect(await refusal('listen://[::1]:http')).toBe(
      "listen://[::1]:http: port 'http' is none | a port is a number from 0 to 65535, as in listen://127.0.0.1:4141",
    );
    expect(await refusal('tcp://host/x:80')).toBe('tcp://host/x:80: no port | it is written as tcp://host:9999');
  });

  it('with something behind the port that nobody reads is refused', async () => {
    expect(await refusal('netflow://127.0.0.1:2055?kinds=v9')).toBe(
      "netflow://127.0.0.1:2055?kinds=v9: '?kinds=v9' behind the port means nothing here | it is written as netflow://127.0.0.1:2055",
    );
  });

  it('never shows a password, not even where it cannot be read', async () => {
    for (const text of [
      'es+https://me:secret@host:9200/index',
      'es+https://me:sec@secret@host:9200/index',
      'tcp://me:secret@host:99999',
      'tcp://me:secret@host',
      'nosuch://me:secret@host:1',
    ])
      expect(await refusal(text)).not.toContain('secret');
    expect(await refusal('es+https://me:secret@host:9200/index')).toBe(
      'es+https://host:9200/index: an address holds no user name and no password | they are taken from the environment',
    );
  });

  it('of a search engine names an index, and knows its parts', async () => {
    expect(await refusal('es+http://localhost:9200')).toBe(
      'es+http://localhost:9200: no index is named | for example es+http://localhost:9200/index',
    );
    expect(await refusal('es+http://localhost:9200/a?form=now-1d')).toBe(
      "es+http://localhost:9200/a?form=now-1d: unknown part 'form' | did you mean 'from'?",
    );
    expect(await refusal('es+http://localhost:9200/%zz')).toBe(
      'es+http://localhost:9200/%zz: a % without two hex digits behind it | it is written as es+http://localhost:9200/index',
    );
    expect(await refusal('es+http://localhost:9200/a?size=many')).toBe(
      "es+http://localhost:9200/a?size=many: 'many' hits are no page | give 1 to 10000",
    );
  });

  it('opens where it can be had, and says where', async () => {
    const notes: string[] = [];
    const source = await openAddress('NETFLOW://127.0.0.1:0', {
      oddities: new OddityCounter(),
      onNote: (text) => notes.push(text),
    });
    source.close();
    expect(notes).toEqual([expect.stringMatching(/^listening for flows on 127\.0\.0\.1:\d+ \(UDP\)$/)]);
  });
});
