import type { Random } from '../../core/index.ts';
import { ByteWriter, encodeSnmp } from '../../wire/index.ts';
import { between, chance, exponential, integer, logNormal, pick } from '../chance.ts';
import { utf8 } from '../dialog/bytes.ts';
import { fileName } from '../dialog/file-name.ts';
import { rdpDialog } from '../dialog/rdp.ts';
import { fileDialog } from '../dialog/smb.ts';
import { sshDialog } from '../dialog/ssh.ts';
import type { Process } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { HOUR, MINUTE, MS, SECOND, type World } from '../world.ts';
import { untilNext, untilWork } from './rhythm.ts';

/** Inside the office: files, printers, monitoring, backup, administration. */

export function* fileWork(world: World, host: Host, nas: Host, random: Random): Process {
  yield* untilWork(world, random);
  for (;;) {
    yield* untilNext(world, host, world.behavior.filesPerHour / 2, random);
    yield* world.lookup(host, nas.name, random);
    const files = Array.from({ length: 1 + Math.min(6, Math.floor(exponential(random, 1.2))) }, () => ({
      name: `${pick(random, ['Sales', 'Projects', 'Shared', 'Accounts'])}\\${fileName(random)}`,
      bytes: Math.round(Math.min(6e7, logNormal(random, world.behavior.fileBytes, 1.2))),
      isWrite: chance(random, 0.35),
    }));
    yield* fileDialog(world, host, nas, random, files);
  }
}

/** Prints by IPP over HTTP, RFC 8010. */
export function* printing(world: World, host: Host, printers: readonly Host[], random: Random): Process {
  yield* untilWork(world, random);
  const printer = pick(random, printers);
  for (;;) {
    yield* untilNext(world, host, world.behavior.printsPerHour, random);
    const talk = new TcpTalk(world, host, printer, 631, random);
    yield* talk.open();
    const attribute = (out: ByteWriter, tag: number, name: string, value: string): void => {
      out.u8(tag).u16(name.length).text(name).u16(value.length).text(value);
    };
    for (const operation of [0x000b, 0x0002]) {
      const out = new ByteWriter()
        .u16(0x0200)
        .u16(operation)
        .u32(integer(random, 1, 1e6))
        .u8(1);
      attribute(out, 0x47, 'attributes-charset', 'utf-8');
      attribute(out, 0x48, 'attributes-natural-language', 'en');
      attribute(out, 0x45, 'printer-uri', `ipp://${printer.address}/ipp/print`);
      if (operation === 2) attribute(out, 0x42, 'job-name', fileName(random));
      const body = out.u8(3).finish();
      const job = operation === 2 ? Math.round(Math.min(3e7, logNormal(random, 600_000, 1))) : 0;
      const head = utf8(
        `POST /ipp/print HTTP/1.1\r\nHost: ${printer.address}:631\r\nUser-Agent: Simulated-IPP/2.0\r\nContent-Type: application/ipp\r\nContent-Length: ${body.length + job}\r\n\r\n`,
      );
      yield* talk.send(true, new ByteWriter().bytes(head).bytes(body).finish(), job);
      yield* talk.wait(false, exponential(random, 30 * MS));
      const answer = new ByteWriter().u16(0x0200).u16(0).u32(1).u8(1);
      attribute(answer, 0x47, 'attributes-charset', 'utf-8');
      attribute(answer, 0x48, 'attributes-natural-language', 'en');
      const told = answer.u8(3).finish();
      yield* talk.send(
        false,
        new ByteWriter()
          .bytes(
            utf8(
              `HTTP/1.1 200 OK\r\nServer: simulated printer\r\nContent-Type: application/ipp\r\nContent-Length: ${told.length}\r\n\r\n`,
            ),
          )
          .bytes(told)
          .finish(),
      );
      yield* talk.wait(true);
    }
    yield* talk.close();
  }
}

/** A server looks whether another host is there: an echo request every minute, which is what a sweep is not. */
export function* echoMonitoring(world: World, monitor: Host, host: Host, random: Random): Process {
  for (;;) {
    yield* world.ping(monitor, host, 1, 0, random);
    yield world.behavior.monitorSeconds * SECOND * between(random, 0.999, 1.001);
  }
}

/** A server asks the printer every five minutes how it is, by SNMP version 2c (RFC 3416). */
export function* printerMonitoring(world: World, server: Host, printer: Host, random: Random): Process {
  let requestId = random.below(1 << 20);
  const oid = '1.3.6.1.2.1.25.3.5.1.1.1';
  for (;;) {
    yield* world.resolve(server, printer, random);
    const port = world.port(server);
    requestId++;
    world.udp(
      server,
      port,
      printer,
      161,
      encodeSnmp({ pdu: 'get', requestId, variables: [{ oid }] }),
      0,
      random.below(65_536),
    );
    yield world.answerUs(printer, random) + exponential(random, 4 * MS);
    world.udp(
      printer,
      161,
      server,
      port,
      encodeSnmp({ pdu: 'response', requestId, variables: [{ oid, value: 3 }] }),
      0,
      random.below(65_536),
    );
    yield 5 * world.behavior.monitorSeconds * SECOND * between(random, 0.999, 1.001);
  }
}

/** The nightly copy of a server to the NAS: bulk TCP over SSH. */
export function* backup(world: World, server: Host, nas: Host, random: Random): Process {
  for (;;) {
    const wait = world.untilMinute(world.engine.now, world.behavior.backupAt);
    yield wait + exponential(random, 3 * MINUTE);
    yield* sshDialog(world, server, nas, random, {
      failures: 0,
      succeeds: true,
      upload: Math.round(logNormal(random, world.behavior.backupBytes, 0.3)),
    });
    yield HOUR;
  }
}

export function* administration(world: World, admin: Host, server: Host, random: Random): Process {
  yield* untilWork(world, random);
  for (;;) {
    // Ten hours of an office day.
    yield* untilNext(world, admin, world.behavior.adminPerDay / 10, random);
    yield* world.lookup(admin, server.name, random);
    const seconds = Math.min(3600, logNormal(random, 240, 0.9));
    if (server.os === 'windows') yield* rdpDialog(world, admin, server, random, 'admin', seconds);
    else
      yield* sshDialog(world, admin, server, random, {
        failures: chance(random, 0.08) ? 1 : 0,
        succeeds: true,
        seconds,
      });
  }
}
