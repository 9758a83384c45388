import type { Random } from '../../core/index.ts';
import { encodeMqttConnack, encodeMqttConnect, encodeMqttPublish } from '../../wire/index.ts';
import { integer } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { SECOND, type World } from '../world.ts';
import { utf8 } from './bytes.ts';

/** MQTT (OASIS 3.1.1). */

/** A connection that publishes telemetry every so often until the simulation ends. */
export function* mqttDialog(world: World, client: Host, server: Host, random: Random, everySeconds: number): Step {
  const tcp = new TcpTalk(world, client, server, 1883, random);
  yield* tcp.open();
  yield* tcp.send(true, encodeMqttConnect({ clientId: client.name, keepAliveS: 60 }));
  yield* tcp.wait(false);
  yield* tcp.send(false, encodeMqttConnack(0));
  yield* tcp.wait(true);
  for (;;) {
    yield* tcp.pause(everySeconds * SECOND * (0.98 + 0.04 * random.float()));
    if (random.below(3) === 0) {
      const reading = `{"temperature":${(18 + 6 * random.float()).toFixed(1)},"humidity":${integer(random, 30, 60)}}`;
      yield* tcp.send(true, encodeMqttPublish(`site/${client.name}/state`, utf8(reading)));
    } else {
      yield* tcp.send(true, Uint8Array.of(0xc0, 0));
      yield* tcp.wait(false);
      yield* tcp.send(false, Uint8Array.of(0xd0, 0));
    }
  }
}
