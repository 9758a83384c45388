import type { Random } from '../../core/index.ts';
import { encodeRpc, LittleWriter } from '../../wire/index.ts';
import { exponential, integer, randomBytes } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { SECOND, type World } from '../world.ts';
import { type SmbLogin, SmbTalk } from './smb.ts';

/** Service control over SMB (MS-SCMR). */

const SVCCTL = '367abb81-9844-35f1-ad32-98f038001003';

/** A string of NDR: conformant and varying, UTF-16 with its zero (C706 section 14.3.4). */
function ndrString(out: LittleWriter, text: string): LittleWriter {
  const units = text.length + 1;
  out.u32(units).u32(0).u32(units).utf16(`${text}\0`);
  return out.align(4);
}

/** Installs and starts a service on another host, as remote execution over SMB does: copy by ADMIN$, then the service control manager. */
export function* remoteServiceDialog(
  world: World,
  client: Host,
  server: Host,
  random: Random,
  login: SmbLogin,
  service: string,
  bytes: number,
): Step {
  const tcp = new TcpTalk(world, client, server, 445, random);
  yield* tcp.open();
  const smb = new SmbTalk(tcp, random);
  if (!(yield* smb.login(world, client, server, login))) {
    tcp.reset();
    return;
  }
  yield* smb.connect(server, 'ADMIN$');
  yield* smb.open(`${service}.exe`, true);
  yield* smb.write(bytes);
  yield* smb.close();
  yield* smb.connect(server, 'IPC$');
  yield* smb.open('svcctl');
  yield* smb.pipe(
    encodeRpc({ type: 'bind', callId: 1, contexts: [{ id: 0, uuid: SVCCTL, version: 2 }] }),
    encodeRpc({
      type: 'bind_ack',
      callId: 1,
      contexts: [{ id: 0, uuid: SVCCTL, version: 2 }],
      secondaryAddress: '\\PIPE\\ntsvcs',
    }),
  );
  let callId = 2;
  const manager = randomBytes(random, 20);
  const handle = randomBytes(random, 20);
  const calls: readonly [number, Uint8Array, Uint8Array][] = [
    // OpenSCManagerW
    [
      15,
      ndrString(new LittleWriter().u32(0x20000), server.name).u32(0).u32(0xf003f).finish(),
      new LittleWriter().bytes(manager).u32(0).finish(),
    ],
    // CreateServiceW
    [
      12,
      ndrString(
        ndrString(ndrString(new LittleWriter().bytes(manager), service).u32(0x20004), service)
          .u32(0xf01ff)
          .u32(0x10)
          .u32(3)
          .u32(0),
        `%SystemRoot%\\${service}.exe`,
      )
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(0)
        .finish(),
      new LittleWriter().u32(0).bytes(handle).u32(0).finish(),
    ],
    // StartServiceW
    [19, new LittleWriter().bytes(handle).u32(0).u32(0).finish(), new LittleWriter().u32(0).finish()],
    // QueryServiceStatus
    [6, new LittleWriter().bytes(handle).finish(), new LittleWriter().u32(0x10).u32(4).zeros(20).u32(0).finish()],
    // CloseServiceHandle
    [0, new LittleWriter().bytes(handle).finish(), new LittleWriter().zeros(20).u32(0).finish()],
  ];
  for (const [operation, request, response] of calls) {
    yield* smb.pipe(
      encodeRpc({ type: 'request', callId, operation, stub: request }),
      encodeRpc({ type: 'response', callId, stub: response }),
    );
    callId++;
  }
  yield* smb.close();
  // What the service says comes over a pipe of its own.
  yield* smb.open(service);
  for (let i = integer(random, 2, 6); i > 0; i--) {
    yield* smb.write(integer(random, 40, 200));
    yield* smb.read(integer(random, 100, 4000));
    yield* tcp.pause(exponential(random, 3 * SECOND));
  }
  yield* smb.close();
  yield* smb.end();
}
