import type { Random } from '../../core/index.ts';
import { encodeDnsMessage, encodeSsdp } from '../../wire/index.ts';
import { between, chance, exponential, pick } from '../chance.ts';
import type { Process } from '../engine.ts';
import type { Host } from '../network.ts';
import { formatWords, SECOND, type World } from '../world.ts';
import { PERSONAL } from './rhythm.ts';

/** Who is there: mDNS (RFC 6762) and SSDP (UPnP Device Architecture). */

const MDNS_GROUP = [0xe00000fb, 0, 0, 0] as const;
const MDNS_GROUP_6 = [0xff020000, 0, 0, 0xfb] as const;
const SSDP_GROUP = [0xeffffffa, 0, 0, 0] as const;

export function* discovery(world: World, host: Host, random: Random): Process {
  const period = world.behavior.discoverySeconds * SECOND;
  const local = `${host.name}.local`;
  for (;;) {
    if (!PERSONAL.has(host.role) || world.isOfficeTime(world.engine.now) || host.role === 'phone') {
      if (host.os === 'windows') {
        const port = world.port(host);
        for (let i = 0; i < 4; i++) {
          world.udpGroup(
            host,
            port,
            SSDP_GROUP,
            1900,
            encodeSsdp({
              kind: 'search',
              man: '"ssdp:discover"',
              maxWaitSeconds: 1,
              target: 'urn:dial-multiscreen-org:service:dial:1',
              userAgent: 'Simulated-Browser/131.0 Windows',
            }),
            2,
            random,
          );
          yield SECOND;
        }
      } else if (host.role === 'printer' || host.role === 'nas' || host.role === 'camera') {
        const service =
          host.role === 'printer' ? '_ipp._tcp.local' : host.role === 'nas' ? '_smb._tcp.local' : '_rtsp._tcp.local';
        world.udpGroup(
          host,
          5353,
          MDNS_GROUP,
          5353,
          encodeDnsMessage({
            isResponse: true,
            isAuthoritative: true,
            answers: [
              { name: service, type: 12, ttl: 4500, data: `${host.name}.${service}` },
              { name: local, type: 1, ttl: 120, cacheFlush: true, data: host.address },
            ],
          }),
          255,
          random,
        );
        if (host.role !== 'nas')
          world.udpGroup(
            host,
            1900,
            SSDP_GROUP,
            1900,
            encodeSsdp({
              kind: 'notify',
              maxAgeSeconds: 1800,
              location: `http://${host.address}:8080/description.xml`,
              server: 'Simulated/1.0 UPnP/1.1',
              notification: 'ssdp:alive',
              target: 'upnp:rootdevice',
              usn: `uuid:${host.macText.replaceAll(':', '')}::upnp:rootdevice`,
            }),
            4,
            random,
          );
      } else if (host.os !== 'embedded') {
        const question = pick(random, [
          '_ipp._tcp.local',
          '_airplay._tcp.local',
          '_companion-link._tcp.local',
          '_googlecast._tcp.local',
          '_smb._tcp.local',
        ]);
        const message = encodeDnsMessage({ questions: [{ name: question, type: 12 }] });
        world.udpGroup(host, 5353, MDNS_GROUP, 5353, message, 255, random);
        yield 300 + exponential(random, 500);
        world.udpGroup(host, 5353, MDNS_GROUP_6, 5353, message, 255, random, true);
        if (chance(random, 0.3)) {
          yield exponential(random, 2 * SECOND);
          const answers = [
            { name: local, type: 1, ttl: 120, cacheFlush: true, data: host.address },
            { name: local, type: 28, ttl: 120, cacheFlush: true, data: formatWords(host.linkLocal) },
          ];
          world.udpGroup(
            host,
            5353,
            MDNS_GROUP,
            5353,
            encodeDnsMessage({ isResponse: true, isAuthoritative: true, answers }),
            255,
            random,
          );
        }
      }
    }
    yield period * between(random, 0.9, 1.1);
  }
}
