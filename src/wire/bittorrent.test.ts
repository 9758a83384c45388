import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import {
  bitTorrentKind,
  decodeBitTorrent,
  decodeDht,
  decodeTrackerAnnounce,
  decodeUtp,
  encodeBitTorrent,
  encodeDhtQuery,
  looksLikeBitTorrent,
  summarizeBitTorrent,
} from './bittorrent.ts';

const HASH = '0123456789abcdef0123456789abcdef01234567';
const kind = (bytes: Uint8Array) => bitTorrentKind(bytes, 0, bytes.length);
const dht = (bytes: Uint8Array) => decodeDht(bytes, 0, bytes.length);

describe('BitTorrent', () => {
  it('encode, then decode, is identity', () => {
    const hash = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(hash, fc.boolean(), fc.boolean(), fc.boolean(), (infoHash, extended, isDht, fast) => {
        const extensions = { extended, dht: isDht, fast };
        const bytes = encodeBitTorrent({ infoHash, peerId: '-TR3000-', extensions });
        expect(decodeBitTorrent(bytes, 0, bytes.length)).toEqual({
          infoHash,
          client: 'Transmission 3.0.0.0',
          extensions,
        });
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  it.each([
    ['-qB4620-', 'qBittorrent 4.6.2.0'],
    ['-UT355W-', 'uTorrent 3.5.5.32'],
    ['-ZZ1000-', 'ZZ 1.0.0.0'],
    ['M7-10-5--', 'BitTorrent 7.10.5'],
    ['-q\x01', undefined],
    ['', undefined],
  ])('client of peer id %j', (peerId, client) => {
    const bytes = encodeBitTorrent({ infoHash: HASH, peerId });
    expect(decodeBitTorrent(bytes, 0, bytes.length)?.client).toBe(client);
  });

  it('a handshake that ends behind the info hash, or before', () => {
    // arkime's bt-tcp.pcap, frame 4: tshark -e bittorrent.info_hash.
    const bytes = hexBytes(
      `13426974546f7272656e742070726f746f636f6c0000000000100005${'aa'.repeat(20)}${'bb'.repeat(20)}`,
    );
    expect(decodeBitTorrent(bytes, 0, 48)).toEqual({
      infoHash: 'aa'.repeat(20),
      client: undefined,
      extensions: { extended: true, dht: true, fast: true },
    });
    expect(decodeBitTorrent(bytes, 0, 47)).toBeUndefined();
    expect(summarizeBitTorrent(decodeBitTorrent(bytes, 0, 68)!)).toBe(`BitTorrent handshake ${'aa'.repeat(20)}`);
  });

  it('DHT messages', () => {
    // arkime's bt-udp.pcap, frame 1: tshark -O bt-dht says find_node and version 'UT'.
    const real = hexBytes(
      '64313a6164323a696432303a5a68d3ec069f47fef50e79ddf086ac4d2e5e2622363a74617267657432303a5a794bf8d902c9446cfa18f9a0ca82abe44400c865313a71393a66696e645f6e6f6465313a74343a76fd8227313a76343a555473f2313a79313a7165',
    );
    expect(dht(real)).toEqual({ kind: 'query', query: 'find_node', infoHash: undefined, version: 'uTorrent' });
    const asked = encodeDhtQuery('get_peers', HASH);
    expect(dht(asked)).toEqual({ kind: 'query', query: 'get_peers', infoHash: HASH, version: 'uTorrent' });
    expect(summarizeBitTorrent(dht(asked)!)).toBe(`BitTorrent DHT query get_peers ${HASH}`);
    expect(dht(asked.subarray(0, asked.length - 8))).toMatchObject({ kind: 'query', query: 'get_peers' });
    expect(dht(asciiBytes('d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee'))?.kind).toBe('error');
    expect(dht(asciiBytes(`d1:rd2:id20:${'x'.repeat(20)}e1:t2:aa1:y1:re`))?.kind).toBe('response');
    expect(dht(asciiBytes('d1:y1:xe........'))).toBeUndefined();
    expect(dht(asciiBytes(`d1:a${'l'.repeat(500)}${'e'.repeat(500)}1:y1:qe`))).toBeUndefined();
  });

  it('uTP headers: a SYN, data with a selective acknowledgement, contradictions', () => {
    const syn = hexBytes('4100 1234 0000beef 00000000 00100000 0001 0000');
    expect(decodeUtp(syn, 0, 20)).toEqual({ type: 'syn', connection: 0x1234, sequence: 1, acknowledgement: 0 });
    expect(kind(syn)).toBe('utp');
    expect(decodeUtp(hexBytes('2101 1234 0000beef 00000000 00100000 0001 0002 0004 ffffffff'), 0, 26)?.type).toBe(
      'state',
    );
    for (const hex of [
      '5100 1234 0000beef 00000000 00100000 0001 0000',
      '4200 1234 0000beef 00000000 00100000 0001 0000',
      '4104 1234 0000beef 00000000 00100000 0001 0000',
      '4100 1234 0000beef 00000000 00100000 0001 0000 41',
    ])
      expect(decodeUtp(hexBytes(hex), 0, hexBytes(hex).length), hex).toBeUndefined();
    expect(kind(hexBytes('4100 1234 0000beef 00000001 00100000 0001 0000'))).toBeUndefined();
  });

  it('an announce to a tracker, without the passkey of its path', () => {
    const hash = '%01%23Eg%89%ab%cd%ef%01%23%45%67%89%AB%CD%EF%01%23%45%67';
    const found = decodeTrackerAnnounce(
      `/secretkey/announce?info_hash=${hash}&peer_id=-qB4620-abcdefghijkl&port=6881&event=started&key=secret`,
    );
    expect(found).toEqual({ infoHash: HASH, client: 'qBittorrent 4.6.2.0', event: 'started' });
    for (const target of ['/', '/announce?info_hash=short', '/announce', `/x?hash=${hash}`])
      expect(decodeTrackerAnnounce(target), target).toBeUndefined();
  });

  it('shows itself in five ways', () => {
    expect(kind(encodeBitTorrent({ infoHash: HASH }))).toBe('peer');
    expect(kind(encodeDhtQuery('ping'))).toBe('dht');
    expect(kind(asciiBytes('BT-SEARCH * HTTP/1.1\r\n'))).toBe('local-discovery');
    expect(kind(hexBytes('0000041727101980 00000000 12345678'))).toBe('udp-tracker');
    for (const text of ['\x13BitTorrent', 'd1:ad', 'd8:announce3:abce', ''])
      expect(looksLikeBitTorrent(asciiBytes(text), 0, text.length), text).toBe(false);
  });
});
