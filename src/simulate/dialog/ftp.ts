import type { Random } from '../../core/index.ts';
import { encodeFtpClient, encodeFtpServer } from '../../wire/index.ts';
import { exponential, integer } from '../chance.ts';
import type { Step } from '../engine.ts';
import type { Host } from '../network.ts';
import { TcpTalk } from '../tcp-talk.ts';
import { MS, type World } from '../world.ts';
import { NO_BYTES } from './bytes.ts';

/** FTP (RFC 959). */

/** A login in the clear, and a listing or a file when it succeeds. @param bytes of the file that is fetched. */
export function* ftpDialog(
  world: World,
  client: Host,
  server: Host,
  random: Random,
  user: string,
  password: string,
  succeeds: boolean,
  bytes = 0,
): Step {
  const tcp = new TcpTalk(world, client, server, 21, random);
  yield* tcp.open();
  const reply = function* (code: number, text: string, think = 2): Step {
    yield* tcp.wait(false, exponential(random, think * MS));
    yield* tcp.send(false, encodeFtpServer([[code, text]]));
    yield* tcp.wait(true);
  };
  const command = function* (name: string, argument: string | undefined, code: number, text: string, think = 2): Step {
    yield* tcp.send(true, encodeFtpClient([argument === undefined ? [name] : [name, argument]]));
    yield* reply(code, text, think);
  };
  yield* reply(220, 'simulated FTP server ready');
  yield* command('USER', user, 331, 'Password required');
  yield* command(
    'PASS',
    password,
    succeeds ? 230 : 530,
    succeeds ? 'Logged in' : 'Login incorrect',
    succeeds ? 5 : 900,
  );
  if (succeeds && bytes > 0) {
    const port = integer(random, 30_000, 32_000);
    yield* command('TYPE', 'I', 200, 'Type set to I');
    yield* command('EPSV', undefined, 229, `Entering Extended Passive Mode (|||${port}|)`);
    const data = new TcpTalk(world, client, server, port, random);
    yield* data.open();
    yield* tcp.send(true, encodeFtpClient([['RETR', 'report.zip']]));
    yield* reply(150, 'Opening data connection');
    yield* data.send(false, NO_BYTES, bytes);
    yield* data.close(false);
    yield* reply(226, 'Transfer complete');
  }
  yield* command('QUIT', undefined, 221, 'Goodbye');
  yield* tcp.close(false);
}
