import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import { decodeStratum, encodeStratum, joinStratum, looksLikeStratum, summarizeStratum } from './stratum.ts';

const stratum = (messages: readonly object[]) => {
  const bytes = encodeStratum(messages);
  return decodeStratum(bytes, 0, bytes.length);
};

describe('mining', () => {
  it('Stratum: subscribe, authorize, submit, and the jobs of the pool', () => {
    const up = stratum([
      { id: 1, method: 'mining.subscribe', params: ['cgminer/4.9.0'] },
      { id: 2, method: 'mining.authorize', params: ['bob.rig1', 'secret'] },
      { id: 4, method: 'mining.submit', params: ['bob.rig1', 'bf', '00000001', '504e86ed', 'b2957c02'] },
    ])!;
    const down = stratum([
      { id: 1, result: [[['mining.notify', 'ae68']], '08000002', 4], error: null },
      { id: 2, result: true, error: null },
      { id: null, method: 'mining.set_difficulty', params: [2] },
      { id: null, method: 'mining.notify', params: ['bf'] },
      { id: 4, result: null, error: [23, 'Low difficulty share', null] },
    ])!;
    expect(up).toEqual({
      dialect: 'stratum',
      messages: ['mining.subscribe', 'mining.authorize', 'mining.submit'].map((name) => ({ name, count: 1 })),
      workers: ['bob.rig1'],
      agent: 'cgminer/4.9.0',
      submits: 1,
      jobs: 0,
      isAccepted: undefined,
    });
    expect(down).toMatchObject({ dialect: 'stratum', jobs: 1, isAccepted: true, workers: [] });
    expect(joinStratum(up, down)).toEqual({
      user: 'bob.rig1',
      method: 'stratum',
      isCleartext: true,
      outcome: 'accepted',
    });
    expect(summarizeStratum(up)).toBe(
      'mining (stratum) mining.subscribe, mining.authorize, mining.submit worker bob.rig1 agent cgminer/4.9.0',
    );
    expect(JSON.stringify(up)).not.toContain('secret');
  });

  it('CryptoNote: the login, and the job that comes with the answer', () => {
    // cryptomining/xmr.suprnova.cc.pcapng: tshark -q -z follow,tcp,ascii,0, its blob shortened.
    const up = decode(
      '{"method": "login", "params": {"login": "kvetak.worker1", "pass": "password", "agent": "xmr/1.0"}, "id": 1}\n' +
        '{"method": "submit", "params": {"id": "983336281753145", "job_id": "397367854346521", "nonce": "220c0000", "result": "9d"}, "id":1}\n',
    )!;
    const down = decode(
      '{"id":1,"jsonrpc":"2.0","error":null,"result":{"id":"983336281753145","job":{"blob":"0405c4","job_id":"3"},"status":"OK"}}\n' +
        '{"id":4,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}\n',
    )!;
    expect(up).toMatchObject({ dialect: 'cryptonote', workers: ['kvetak.worker1'], agent: 'xmr/1.0', submits: 1 });
    expect(JSON.stringify(up)).not.toContain('password');
    expect(down).toMatchObject({ dialect: 'cryptonote', jobs: 1, isAccepted: true });
    expect(joinStratum(up, down)?.outcome).toBe('accepted');
  });

  it('Ethereum: the login, hash rate and work', () => {
    const up = stratum([
      { id: 2, method: 'eth_submitLogin', params: ['0xabc', 'secret'], worker: 'rig' },
      { id: 3, method: 'eth_getWork', params: [] },
      { id: 4, method: 'eth_submitWork', params: ['0x01', '0x02', '0x03'] },
    ])!;
    expect(up).toMatchObject({ dialect: 'ethereum', workers: ['0xabc', 'rig'], submits: 1 });
    expect(JSON.stringify(up)).not.toContain('secret');
    const hash = `0x${'0'.repeat(64)}`;
    expect(stratum([{ id: 3, result: [hash, hash, hash] }])).toMatchObject({ dialect: 'ethereum', jobs: 1 });
  });

  it('a login that the pool refuses', () => {
    const down = stratum([
      { id: 1, result: [[], 'aa', 4] },
      { id: 2, result: null, error: [24, 'Unauthorized worker', null] },
    ]);
    expect(down?.isAccepted).toBe(false);
  });

  it('other JSON, cut and long lines are nothing', () => {
    for (const text of [
      '{"method":"login","params":{"user":"bob"}}\n',
      '{"jsonrpc":"2.0","method":"eth_blockNumber","params":[]}\n',
      '{"a":1}\n',
      '[1]\n',
      '{"method":"mining.subscribe"',
      `{"method":"mining.subscribe","params":["${'x'.repeat(9000)}"]}\n`,
      '{"method":"mining.subscribe",}\n',
      '{"__proto__":{"method":"mining.notify"}}\n',
      'null\n',
      '',
    ]) {
      expect(decode(text), text.slice(0, 60)).toBeUndefined();
      expect(looksLikeStratum(asciiBytes(text), 0, text.length)).toBe(false);
    }
  });

  it('shows itself by its first line alone', () => {
    const bytes = asciiBytes('{"id":0,"method":"mining.subscribe","params":[]}\n{"x":');
    expect(looksLikeStratum(bytes, 0, bytes.length)).toBe(true);
    const late = asciiBytes('{"x":1}\n{"id":0,"method":"mining.subscribe","params":[]}\n');
    expect(looksLikeStratum(late, 0, late.length)).toBe(false);
  });

  function decode(text: string) {
    const bytes = asciiBytes(text);
    return decodeStratum(bytes, 0, bytes.length);
  }
});
