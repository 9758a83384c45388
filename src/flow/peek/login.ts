import {
  decodeFtpClient,
  decodeFtpServer,
  decodeImapClient,
  decodeImapServer,
  decodeIrc,
  decodeMysqlClient,
  decodeMysqlServer,
  decodePop3Client,
  decodePop3Server,
  decodePostgresqlClient,
  decodePostgresqlServer,
  decodeRedisClient,
  decodeRedisServer,
  decodeSmtpClient,
  decodeSmtpServer,
  decodeSocksClient,
  decodeSocksServer,
  decodeTelnet,
  joinFtp,
  joinImap,
  joinIrc,
  joinMysql,
  joinPop3,
  joinPostgresql,
  joinRedis,
  joinSmtp,
  joinSocks,
  type Login,
  telnetLogins,
} from '../../wire/index.ts';
import { FACT, PASSWORD_IN_CLEAR, type PeekContext, type SessionPeek } from './peek.ts';

/**
 * Protocols in which somebody logs in and gives commands, each read whole from the first bytes of both sides, because only the answers tell how a login went.
 * What was asked for stands in `operations`: command names as the protocol writes them, with a file, domain, channel or target where there is one.
 */

type Decode<T> = (bytes: Uint8Array, at: number, end: number) => T | undefined;

/** A peek of two decoders: what they found is told, and where neither found anything the protocol is another. */
export function bothSides<C, S>(
  decodeClient: Decode<C>,
  decodeServer: Decode<S>,
  tell: (context: PeekContext, client: C | undefined, server: S | undefined) => void,
): SessionPeek {
  return {
    kind: 'session',
    finish(context: PeekContext, client: Uint8Array, server: Uint8Array): boolean {
      const up = decodeClient(client, 0, client.length);
      const down = decodeServer(server, 0, server.length);
      if (up === undefined && down === undefined) return false;
      tell(context, up, down);
      return true;
    },
  };
}

/** Of several logins the one that succeeded counts, else the first refused one with a name, else the first with a name. Two refused ones and more are counted: '15 logins refused'. */
export function tellLogin(context: PeekContext, logins: readonly (Login | undefined)[]): void {
  const told =
    logins.find((login) => login?.outcome === 'accepted') ??
    logins.find((login) => login?.outcome === 'refused' && login.user !== undefined) ??
    logins.find((login) => login?.user !== undefined) ??
    logins[0];
  if (told === undefined) return;
  context.note(FACT.user, told.user);
  context.word(FACT.login, told.outcome);
  if (logins.some((login) => login?.isCleartext === true)) context.operation(PASSWORD_IN_CLEAR);
  const refused = logins.reduce((n, login) => n + (login?.outcome === 'refused' ? 1 : 0), 0);
  if (refused > 1) context.operation(`${refused} logins refused`);
}

/** Commands by name; '?' is what the protocol does not have, and may be anything. @param detail what stands behind the first command of a name. */
function tellCommands(
  context: PeekContext,
  commands: readonly { readonly name: string }[] | undefined,
  detail: (name: string) => readonly string[] = () => [],
): void {
  for (const { name } of commands ?? []) {
    if (name === '?') continue;
    const details = detail(name);
    if (details.length === 0) context.operation(name);
    for (const text of details) context.operation(`${name} ${text}`);
  }
}

/** 'host:port', '[2001:db8::1]:port'. */
function target(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** FTP: banner, login, commands, files as in 'RETR secret.txt'. */
export const ftpPeek = bothSides(decodeFtpClient, decodeFtpServer, (context, client, server) => {
  context.note(FACT.server, server?.banner?.trim());
  tellLogin(context, joinFtp(client, server).logins);
  if (client === undefined) return;
  // Both lists are in order, so that each file belongs to the next command of its name.
  let next = 0;
  for (const { name, count } of client.commands) {
    if (name === '?') continue;
    if (client.files[next]?.command !== name) context.operation(name);
    for (let i = 0; i < count && client.files[next]?.command === name; i++)
      context.operation(`${name} ${client.files[next++].path}`.trimEnd());
  }
});

/** SMTP: banner, login, commands; EHLO with the name, MAIL and RCPT with the domains that the client said. */
export const smtpPeek = bothSides(decodeSmtpClient, decodeSmtpServer, (context, client, server) => {
  context.note(FACT.server, server?.banner?.trim());
  tellLogin(context, joinSmtp(client, server).logins);
  tellCommands(context, client?.commands, (name) => {
    if (name === 'MAIL') return (client?.senderDomains ?? []).map((domain) => domain || '<>');
    if (name === 'RCPT') return (client?.recipientDomains ?? []).filter((domain) => domain !== '');
    const isHello = name === 'EHLO' || name === 'HELO' || name === 'LHLO';
    return isHello && client?.helo !== undefined && client.helo !== '' ? [client.helo] : [];
  });
});

/** IMAP: banner, login, commands. */
export const imapPeek = bothSides(decodeImapClient, decodeImapServer, (context, client, server) => {
  context.note(FACT.server, server?.banner?.trim());
  tellLogin(context, joinImap(client, server).logins);
  tellCommands(context, client?.commands);
});

/** POP3: banner, login, commands. */
export const pop3Peek = bothSides(decodePop3Client, decodePop3Server, (context, client, server) => {
  context.note(FACT.server, server?.banner?.trim());
  tellLogin(context, joinPop3(client, server).logins);
  tellCommands(context, client?.commands);
});

/** Telnet: terminal type and login dialogue. What is typed behind it is not kept: it may be a password at any time. */
export const telnetPeek: SessionPeek = {
  kind: 'session',
  finish(context: PeekContext, client: Uint8Array, server: Uint8Array): boolean {
    const up = decodeTelnet(client, 0, client.length);
    const logins = telnetLogins(
      { bytes: client, at: 0, end: client.length },
      { bytes: server, at: 0, end: server.length },
    );
    if (up === undefined && logins.length === 0 && decodeTelnet(server, 0, server.length) === undefined) return false;
    context.note(FACT.client, up?.terminal);
    tellLogin(context, logins);
    return true;
  },
};

/** IRC: nick or account, the server as it names itself, commands, channels. What is said in them is not kept. */
export const ircPeek = bothSides(decodeIrc, decodeIrc, (context, client, server) => {
  context.note(FACT.server, server?.server);
  tellLogin(context, [joinIrc(client, server)]);
  tellCommands(context, client?.commands, (name) => (name === 'JOIN' ? (client?.channels ?? []) : []));
});

/** Redis: login and commands, with their subcommand as in 'CONFIG SET dir'. */
export const redisPeek = bothSides(decodeRedisClient, decodeRedisServer, (context, client, server) => {
  tellLogin(context, joinRedis(client, server).logins);
  tellCommands(context, client?.commands);
});

/** MySQL: version of the server, login, database. */
export const mysqlPeek = bothSides(decodeMysqlClient, decodeMysqlServer, (context, client, server) => {
  context.note(FACT.server, server?.version);
  tellLogin(context, [joinMysql(client, server)]);
  if (client?.database !== undefined) context.operation(`database ${client.database}`);
});

/** PostgreSQL: version of the server, application of the client, login, database. */
export const postgresqlPeek = bothSides(decodePostgresqlClient, decodePostgresqlServer, (context, client, server) => {
  context.note(FACT.server, server?.version);
  context.note(FACT.client, client?.application);
  tellLogin(context, [joinPostgresql(client, server)]);
  if (client?.database !== undefined) context.operation(`database ${client.database}`);
  if (client?.isCancel === true) context.operation('cancel');
});

/** SOCKS: login to the proxy, and where to: 'CONNECT example.org:443'. */
export const socksPeek = bothSides(decodeSocksClient, decodeSocksServer, (context, client, server) => {
  tellLogin(context, [joinSocks(client, server)]);
  if (client?.command === undefined) return;
  const { command, host, port } = client;
  context.operation(
    host === undefined || port === undefined ? command.toUpperCase() : `${command.toUpperCase()} ${target(host, port)}`,
  );
});
