import type { Random } from '../core/index.ts';
import { between, exponential } from './chance.ts';
import type { Process } from './engine.ts';
import type { Host } from './network.ts';
import { calls } from './ordinary/call.ts';
import { ntpClient } from './ordinary/clock.ts';
import { discovery } from './ordinary/discovery.ts';
import { administration, backup, echoMonitoring, fileWork, printerMonitoring, printing } from './ordinary/office.ts';
import { presence, routerAdvertisements } from './ordinary/presence.ts';
import { PERSONAL } from './ordinary/rhythm.ts';
import { clips, cloudSync, mail, push, telemetry, updates, voipKeepAlive } from './ordinary/service.ts';
import { browsing } from './ordinary/web.ts';
import { HOUR, MINUTE, SECOND, type World } from './world.ts';

/**
 * What an office does all day without anybody meaning harm. Much of it is periodic (time, mail, push, telemetry, cloud drives): whoever looks for beacons has to live with it.
 * Every behaviour of every host is an actor with a stream of chance of its own.
 */

const COMPUTERS: ReadonlySet<string> = new Set(['workstation', 'laptop', 'server']);

/** Starts all ordinary actors of the scenario. */
export function startOrdinary(world: World): void {
  const { network, engine, behavior } = world;
  const { intensity } = behavior;
  if (intensity === 0) return;
  const start = (
    host: Host,
    name: string,
    make: (random: Random) => Process,
    delay: (random: Random) => number = () => 0,
  ): void => {
    const random = world.stream(`${name} ${host.name}`);
    engine.spawn(make(random), delay(random), 0);
  };
  const files = network.withRole('nas', 'server');
  const nas = network.withRole('nas')[0] ?? network.withRole('server')[0];
  const printers = network.withRole('printer');
  for (const host of network.hosts) {
    if (host.role === 'gateway') {
      if (host.subnet.prefix6 !== undefined)
        start(
          host,
          'router',
          (random) => routerAdvertisements(world, host, random),
          (random) => between(random, 0, 200 * SECOND),
        );
      continue;
    }
    start(host, 'presence', (random) => presence(world, host, random));
    if (behavior.ntpSeconds > 0)
      start(
        host,
        'ntp',
        (random) => ntpClient(world, host, random),
        (random) => between(random, 0, behavior.ntpSeconds * SECOND),
      );
    if (behavior.discoverySeconds > 0)
      start(
        host,
        'discovery',
        (random) => discovery(world, host, random),
        (random) => between(random, 0, behavior.discoverySeconds * SECOND),
      );
    if (COMPUTERS.has(host.role) && behavior.updatesPerDay > 0)
      start(
        host,
        'updates',
        (random) => updates(world, host, random),
        (random) => exponential(random, HOUR),
      );
    if (PERSONAL.has(host.role)) {
      if (behavior.pagesPerHour > 0) start(host, 'browsing', (random) => browsing(world, host, random));
      if (behavior.mailPollSeconds > 0)
        start(
          host,
          'mail',
          (random) => mail(world, host, random),
          (random) => between(random, 0, behavior.mailPollSeconds * SECOND),
        );
      if (behavior.syncSeconds > 0)
        start(
          host,
          'sync',
          (random) => cloudSync(world, host, random),
          (random) => between(random, 0, behavior.syncSeconds * SECOND),
        );
      if (host.role !== 'workstation' && behavior.pushSeconds > 0)
        start(
          host,
          'push',
          (random) => push(world, host, random),
          (random) => between(random, 0, 5 * MINUTE),
        );
      if (host.role !== 'phone' && behavior.callsPerDay > 0)
        start(host, 'calls', (random) => calls(world, host, random));
      if (host.role !== 'phone' && nas !== undefined && behavior.filesPerHour > 0)
        start(host, 'files', (random) => fileWork(world, host, nas, random));
      if (host.role !== 'phone' && printers.length > 0 && behavior.printsPerHour > 0)
        start(host, 'printing', (random) => printing(world, host, printers, random));
    }
    if (host.role === 'server' && nas !== undefined && nas !== host && behavior.backupBytes > 0)
      start(host, 'backup', (random) => backup(world, host, nas, random));
    if (host.role === 'iot' && behavior.iotSeconds > 0)
      start(
        host,
        'telemetry',
        (random) => telemetry(world, host, random),
        (random) => between(random, 0, 90 * SECOND),
      );
    if (host.role === 'camera' && behavior.clipsPerHour > 0)
      start(
        host,
        'clips',
        (random) => clips(world, host, random),
        (random) => between(random, 0, 60 * SECOND),
      );
    if (host.role === 'voip' && behavior.pushSeconds > 0)
      start(
        host,
        'register',
        (random) => voipKeepAlive(world, host, random),
        (random) => between(random, 0, 60 * SECOND),
      );
  }
  const admin = network.withRole('workstation', 'laptop')[0];
  if (admin !== undefined && behavior.adminPerDay > 0)
    for (const server of files)
      if (server !== admin) start(server, 'admin', (random) => administration(world, admin, server, random));
  const [monitor] = network.withRole('server');
  if (monitor !== undefined && behavior.monitorSeconds > 0) {
    for (const host of network.hosts)
      if (
        host !== monitor &&
        (host.role === 'gateway' || host.role === 'server' || host.role === 'nas' || host.role === 'printer')
      )
        start(
          host,
          'echo',
          (random) => echoMonitoring(world, monitor, host, random),
          (random) => between(random, 0, behavior.monitorSeconds * SECOND),
        );
    for (const printer of printers)
      start(
        printer,
        'monitoring',
        (random) => printerMonitoring(world, monitor, printer, random),
        (random) => between(random, 0, 5 * MINUTE),
      );
  }
}
