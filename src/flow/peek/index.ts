import { bittorrentPeek, modbusPeek, mqttPeek, sipPeek, stratumPeek, syslogPeek, tftpPeek } from './device.ts';
import { kerberosPeek, ldapPeek } from './directory.ts';
import {
  ftpPeek,
  imapPeek,
  ircPeek,
  mysqlPeek,
  pop3Peek,
  postgresqlPeek,
  redisPeek,
  smtpPeek,
  socksPeek,
  telnetPeek,
} from './login.ts';
import {
  dhcpPeek,
  dhcpv6Peek,
  dnsPeek,
  llmnrPeek,
  mdnsPeek,
  netbiosDatagramPeek,
  netbiosNamePeek,
  ntpPeek,
  snmpPeek,
  ssdpPeek,
} from './name.ts';
import type { Peek } from './peek.ts';
import { rdpPeek, vncPeek } from './remote.ts';
import { sshPeek } from './ssh.ts';
import { dtlsPeek, quicPeek, tlsPeek } from './tls.ts';
import { httpPeek, stunPeek } from './web.ts';
import { rpcPeek, smbPeek } from './windows.ts';

/** Peeks by service, as `serviceByContent` and `serviceByPort` name them. A new protocol is its file in `wire` and a line here. */
export const PEEKS: ReadonlyMap<string, Peek> = new Map<string, Peek>([
  ['dns', dnsPeek],
  ['mdns', mdnsPeek],
  ['llmnr', llmnrPeek],
  ['netbios-ns', netbiosNamePeek],
  ['netbios-dgm', netbiosDatagramPeek],
  ['dhcp', dhcpPeek],
  ['dhcpv6', dhcpv6Peek],
  ['ntp', ntpPeek],
  ['ssdp', ssdpPeek],
  ['snmp', snmpPeek],
  ['snmp-trap', snmpPeek],
  ['http', httpPeek],
  ['tls', tlsPeek],
  ['dtls', dtlsPeek],
  ['quic', quicPeek],
  ['stun', stunPeek],
  ['ssh', sshPeek],
  ['rdp', rdpPeek],
  ['vnc', vncPeek],
  ['ftp', ftpPeek],
  ['smtp', smtpPeek],
  ['imap', imapPeek],
  ['pop3', pop3Peek],
  ['telnet', telnetPeek],
  ['irc', ircPeek],
  ['redis', redisPeek],
  ['mysql', mysqlPeek],
  ['postgresql', postgresqlPeek],
  ['socks', socksPeek],
  ['mqtt', mqttPeek],
  ['modbus', modbusPeek],
  ['sip', sipPeek],
  ['tftp', tftpPeek],
  ['syslog', syslogPeek],
  ['bittorrent', bittorrentPeek],
  ['stratum', stratumPeek],
  ['smb', smbPeek],
  ['netbios-ssn', smbPeek],
  ['dcerpc', rpcPeek],
  ['kerberos', kerberosPeek],
  ['ldap', ldapPeek],
  ['ldap-gc', ldapPeek],
  ['cldap', ldapPeek],
]);

export * from './observer.ts';
export * from './peek.ts';
