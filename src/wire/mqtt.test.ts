import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import {
  decodeMqtt,
  encodeMqttConnack,
  encodeMqttConnect,
  encodeMqttPublish,
  encodeMqttSubscribe,
  joinMqtt,
  looksLikeMqtt,
  summarizeMqtt,
} from './mqtt.ts';

const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const mqtt = (...parts: readonly Uint8Array[]) => {
  const bytes = join(...parts);
  return decodeMqtt(bytes, 0, bytes.length);
};

describe('MQTT', () => {
  it('a sensor with a password', () => {
    // arkime's mqtt_synthetic.pcap, frames 4, 6 and 8: tshark -T fields -e mqtt.clientid -e mqtt.username -e mqtt.topic says sensor-001, admin, sensors/#, commands/+, sensors/temperature.
    const side = mqtt(
      hexBytes('102800044d51545404c2003c000a73656e736f722d303031000561646d696e0009736563726574313233'),
      hexBytes('821b0001000973656e736f72732f2300000a636f6d6d616e64732f2b01'),
      hexBytes('3019001373656e736f72732f74656d706572617475726532352e35'),
    )!;
    expect(side).toEqual({
      packets: ['CONNECT', 'SUBSCRIBE', 'PUBLISH'].map((name) => ({ name, count: 1 })),
      connect: {
        level: 4,
        clientId: 'sensor-001',
        isClean: true,
        keepAliveS: 60,
        willTopic: undefined,
        user: 'admin',
        hasPassword: true,
      },
      connackCode: undefined,
      published: ['sensors/temperature'],
      subscribed: ['sensors/#', 'commands/+'],
    });
    expect(JSON.stringify(side)).not.toContain('secret123');
    expect(summarizeMqtt(side)).toBe(
      'MQTT CONNECT, SUBSCRIBE, PUBLISH client sensor-001 user admin topics sensors/temperature sensors/# commands/+',
    );
  });

  it('encode, then decode, is identity, in versions 3.1, 3.1.1 and 5', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcdefgh/0123456789-'), minLength: 1, maxLength: 40 });
    const maybe = fc.option(text, { nil: undefined });
    fc.assert(
      fc.property(
        fc.constantFrom(3, 4, 5),
        text,
        maybe,
        maybe,
        maybe,
        fc.boolean(),
        fc.integer({ min: 0, max: 65_535 }),
        fc.array(text, { minLength: 1, maxLength: 5 }),
        (level, clientId, willTopic, user, password, isClean, keepAliveS, topics) => {
          const side = mqtt(
            encodeMqttConnect({ level, clientId, willTopic, user, password, isClean, keepAliveS }),
            encodeMqttSubscribe(topics, level),
            encodeMqttPublish(topics[0]!, new Uint8Array(200), level),
          );
          expect(side).toEqual({
            packets: ['CONNECT', 'SUBSCRIBE', 'PUBLISH'].map((name) => ({ name, count: 1 })),
            connect: { level, clientId, isClean, keepAliveS, willTopic, user, hasPassword: password !== undefined },
            connackCode: undefined,
            published: [topics[0]],
            subscribed: [...new Set(topics)],
          });
        },
      ),
      { numRuns: 200, seed: 4 },
    );
  });

  it('CONNACK tells how it went', () => {
    const connect = mqtt(encodeMqttConnect({ clientId: 'a', user: 'bob', password: 'x' }));
    const login = (code: number, level = 4) => joinMqtt(connect, mqtt(encodeMqttConnack(code, level)));
    expect(login(0)).toEqual({ user: 'bob', method: 'CONNECT', isCleartext: true, outcome: 'accepted' });
    expect([login(5)?.outcome, login(0x86, 5)?.outcome]).toEqual(['refused', 'refused']);
    expect(joinMqtt(connect, undefined)?.outcome).toBe('unknown');
    expect(joinMqtt(undefined, undefined)).toBeUndefined();
  });

  it('topics are bounded in number and length', () => {
    const many = Array.from({ length: 300 }, (_, i) => encodeMqttPublish(`t/${i}`, new Uint8Array()));
    expect(mqtt(...many)?.published).toHaveLength(64);
    expect(mqtt(encodeMqttPublish('x'.repeat(5000), new Uint8Array()))?.published[0]).toHaveLength(201);
  });

  it('what contradicts itself ends the reading, what came before is kept', () => {
    const connect = encodeMqttConnect({ clientId: 'abc' });
    expect(mqtt(connect, hexBytes('00'))?.packets).toEqual([{ name: 'CONNECT', count: 1 }]);
    expect(mqtt(connect, hexBytes('3600'))?.packets).toEqual([{ name: 'CONNECT', count: 1 }]);
    expect(mqtt(connect, hexBytes('c0ffffffff7f'))?.packets).toEqual([{ name: 'CONNECT', count: 1 }]);
    expect(mqtt(hexBytes('1000'))).toBeUndefined();
    expect(mqtt(encodeMqttConnect({ clientId: 'abc', level: 9 }))).toBeUndefined();
  });

  it('shows itself by CONNECT or a CONNACK', () => {
    const looks = (bytes: Uint8Array) => looksLikeMqtt(bytes, 0, bytes.length);
    expect(looks(encodeMqttConnect({ clientId: '' }))).toBe(true);
    expect(looks(encodeMqttConnect({ clientId: 'x'.repeat(300) }).subarray(0, 40))).toBe(true);
    expect(looks(encodeMqttConnack(5))).toBe(true);
    expect(looks(join(encodeMqttConnack(0), encodeMqttPublish('a', new Uint8Array())))).toBe(true);
    for (const hex of ['20020006', '20030000', '2002000041414141', '10', '100400044d515454'])
      expect(looks(hexBytes(hex)), hex).toBe(false);
    expect(looks(asciiBytes('GET / HTTP/1.1\r\n'))).toBe(false);
  });
});
