import * as wire from '../../../src/wire/index.ts';
import { hexBytes } from '../../support/frames.ts';
import { type Encoded, text } from './part.ts';

/** Messages of devices, calls, file transfer and mining. */

/** The SYN of a uTP connection (BEP 29): version 1, type 4, no extension. */
const UTP_SYN = hexBytes('4100 1234 00000001 00000000 00100000 0001 0000');

export const DEVICES: Readonly<Record<string, Encoded>> = {
  encodeBitTorrent: {
    tcp: 6881,
    client: [wire.encodeBitTorrent({ infoHash: 'ab'.repeat(20) })],
    server: [wire.encodeBitTorrent({ infoHash: 'ab'.repeat(20) })],
  },
  encodeDhtQuery: {
    udp: 6881,
    client: [wire.encodeDhtQuery('get_peers', 'ab'.repeat(20)), wire.encodeDhtQuery('ping'), UTP_SYN],
  },
  encodeModbus: {
    tcp: 502,
    client: [
      wire.encodeModbus({ function: 16, data: [0, 1, 0, 2, 4, 0, 1, 0, 2] }),
      wire.encodeModbus({ function: 3, data: [0, 0, 0, 9] }),
    ],
    server: [wire.encodeModbus({ function: 0x90, data: [2] })],
  },
  encodeMqttConnect: {
    tcp: 1883,
    client: [
      wire.encodeMqttConnect({ clientId: 'x', user: 'alice', password: 'secret', willTopic: 'w' }),
      wire.encodeMqttSubscribe(['a/#', 'b/+']),
    ],
    server: [wire.encodeMqttConnack(0)],
  },
  encodeMqttPublish: {
    tcp: 1883,
    client: [wire.encodeMqttConnect({ clientId: 'x', level: 5 }), wire.encodeMqttPublish('a/b', text('on'), 5)],
    server: [wire.encodeMqttConnack(5, 5)],
  },
  encodeSip: {
    udp: 5060,
    client: [
      wire.encodeSip('INVITE sip:100@example.org SIP/2.0', [
        ['Via', 'SIP/2.0/UDP a'],
        ['From', '<sip:a@b>'],
        ['To', '<sip:c@d>'],
        ['Call-ID', '1'],
        ['CSeq', '1 INVITE'],
        ['User-Agent', 'x'],
        ['Content-Length', '0'],
      ]),
    ],
    server: [
      wire.encodeSip('SIP/2.0 401 Unauthorized', [
        ['Via', 'SIP/2.0/UDP a'],
        ['CSeq', '1 INVITE'],
      ]),
    ],
  },
  encodeStratum: {
    tcp: 3333,
    client: [
      wire.encodeStratum([
        { id: 1, method: 'mining.subscribe', params: ['xmrig/6'] },
        { id: 2, method: 'login', params: { login: 'w', pass: 'x', agent: 'a' } },
      ]),
    ],
    server: [wire.encodeStratum([{ id: 1, result: [[], 'ab', 4], error: null }])],
  },
  encodeTftpRequest: {
    udp: 69,
    client: [wire.encodeTftpRequest({ operation: 'read', file: 'boot.bin', options: [['blksize', '1428']] })],
  },
};
