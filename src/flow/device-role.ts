import { counted } from '../core/index.ts';

/**
 * What a device probably is, from what it does: each sign gives points to a role and a sentence, and the role with most points comes first. It is a guess, and it shows its reasons; one sign of a vendor alone
 * is none, because a vendor makes many things.
 */
export interface RoleGuess {
  /** router, switch, dhcp server, domain controller, nas, server, printer, camera, voip, tv, iot, phone, computer, virtual machine. */
  readonly role: string;
  /** Sentences with fixed words and numbers; no text from the network. */
  readonly reasons: readonly string[];
  readonly points: number;
}

/** What the guess rests on. */
export interface RoleSigns {
  readonly vendor: string | undefined;
  readonly virtualOwner: string | undefined;
  readonly isRandomised: boolean;
  /** Addresses outside whose traffic its hardware address carried, counted up to a few; and home addresses that are not its own. */
  readonly carriedOutside: number;
  readonly carriedHome: number;
  /** Services it offers, as in 'ipp/631', 'tcp/9100'. */
  readonly offered: ReadonlySet<string>;
  /** Service types announced by mDNS, as in '_ipp._tcp.local'. */
  readonly announced: ReadonlySet<string>;
  /** Services that it uses. */
  readonly used: ReadonlySet<string>;
  readonly names: readonly string[];
  /** Software by its own word: user agents, vendor classes. */
  readonly software: readonly string[];
  /** Kinds of frames beside flows. */
  readonly frames: ReadonlySet<string>;
}

const LEAST_POINTS = 2;

/** Roles with enough points, most first. */
export function guessRoles(signs: RoleSigns): RoleGuess[] {
  const found = new Map<string, { points: number; reasons: string[] }>();
  const add = (role: string, points: number, reason: string): void => {
    const known = found.get(role) ?? { points: 0, reasons: [] };
    known.points += points;
    known.reasons.push(reason);
    found.set(role, known);
  };
  const ports = new Set([...signs.offered].map((text) => text.slice(text.indexOf('/') + 1)));
  const services = new Set([...signs.offered].map((text) => text.slice(0, text.indexOf('/'))));
  const announces = (...types: readonly string[]): string | undefined =>
    types.find((type) => signs.announced.has(`${type}._tcp.local`) || signs.announced.has(`${type}._udp.local`));
  const software = signs.software.join('\n').toLowerCase();
  const names = signs.names.join('\n').toLowerCase();
  const vendor = (signs.vendor ?? '').toLowerCase();

  if (signs.carriedOutside >= 2)
    add('router', 5, `Its hardware address carries traffic of ${atLeast(signs.carriedOutside)} outside.`);
  if (signs.carriedHome >= 3)
    add(
      'router',
      4,
      `Its hardware address carries traffic of ${counted(signs.carriedHome, 'other home address', 'other home addresses')}.`,
    );
  if (services.has('dhcp')) {
    add('dhcp server', 3, 'It gives addresses to others (DHCP).');
    add('router', 1, 'It gives addresses to others (DHCP).');
  }
  if (services.has('dns') && found.has('router')) add('router', 1, 'It answers DNS.');
  if (signs.frames.has('spanning tree')) add('switch', 3, 'It speaks the spanning tree protocol.');
  if (services.has('kerberos') && (services.has('ldap') || services.has('cldap')))
    add('domain controller', 6, 'It answers Kerberos and LDAP.');

  const printing = announces('_ipp', '_ipps', '_printer', '_pdl-datastream', '_scanner', '_uscan');
  if (printing !== undefined) add('printer', 3, 'It announces printing by mDNS.');
  // The port of raw printing is that of Prometheus' measures of a host, too, which are HTTP.
  const isRaw = services.has('printer') && !signs.offered.has('http/9100');
  if (services.has('ipp') || isRaw || services.has('lpd')) add('printer', 3, 'It takes print jobs.');
  if (PRINTER_VENDOR.test(vendor) && found.has('printer')) add('printer', 1, 'Its vendor makes printers.');

  if (services.has('rtsp')) add('camera', 3, 'It offers a video stream (RTSP).');
  if (CAMERA_VENDOR.test(vendor)) add('camera', 2, 'Its vendor makes cameras.');
  if (/(?:^|[^a-z])(?:ip)?cam(?:era)?(?:$|[^a-z])/m.test(names)) add('camera', 1, 'Its name speaks of a camera.');

  const shares = announces('_smb', '_afpovertcp', '_adisk', '_nfs');
  if (NAS_VENDOR.test(vendor)) add('nas', 3, 'Its vendor makes network storage.');
  if (
    shares !== undefined &&
    (services.has('smb') || services.has('afp') || NAS_VENDOR.test(vendor) || announces('_adisk') !== undefined)
  )
    add('nas', 2, 'It announces shared files by mDNS.');
  if (/(?:^|[^a-z])(?:nas|diskstation|synology|qnap|truenas)(?:$|[^a-z])/m.test(names))
    add('nas', 2, 'Its name speaks of storage.');

  const offers = SERVER_SERVICES.filter((service) => services.has(service));
  if (offers.length > 0)
    add(
      'server',
      offers.length === 1 ? 1.5 : 1 + Math.min(3, offers.length),
      `It answers on ${offers.slice(0, 5).join(', ')}.`,
    );

  if (services.has('sip') || signs.used.has('sip')) add('voip', 3, 'It speaks SIP.');
  if (VOIP_VENDOR.test(vendor)) add('voip', 2, 'Its vendor makes telephones.');

  const screen = announces(
    '_googlecast',
    '_airplay',
    '_raop',
    '_spotify-connect',
    '_androidtvremote2',
    '_amzn-wplay',
    '_sonos',
    '_viziocast',
  );
  if (screen !== undefined) add('tv', 2, 'It announces that it plays media for others.');
  if (TV_VENDOR.test(vendor)) add('tv', 2, 'Its vendor makes media players.');
  if (/(?:^|[^a-z])(?:tv|roku|chromecast|firetv|bravia|appletv)(?:$|[^a-z])/m.test(names))
    add('tv', 1, 'Its name speaks of a television.');

  const things = announces(
    '_hap',
    '_matter',
    '_matterc',
    '_hue',
    '_homekit',
    '_esphomelib',
    '_shelly',
    '_miio',
    '_wemo',
    '_tuya',
  );
  if (things !== undefined) add('iot', 3, 'It announces a service of smart things.');
  if (THING_VENDOR.test(vendor)) add('iot', 2, 'Its vendor makes smart things, or the radio modules in them.');
  if (/udhcp|lwip|esp-idf|tasmota|busybox|dhcpcd-(?:[0-5])\.|uip/.test(software))
    add('iot', 1, 'Its DHCP client is one of small devices.');
  if (
    services.has('modbus') ||
    services.has('s7comm') ||
    services.has('bacnet') ||
    services.has('enip') ||
    services.has('iec104') ||
    services.has('dnp3') ||
    services.has('opcua')
  )
    add('controller', 4, 'It answers a protocol of industrial controllers.');

  if (/android-dhcp/.test(software)) add('phone', 3, 'Its DHCP client is that of Android.');
  if (/iphone|ipad|\bandroid\b|okhttp|dalvik|cfnetwork.*mobile/.test(software))
    add('phone', 2, 'Its software names a system of phones.');
  if (/iphone|ipad|(?:^|[^a-z])(?:galaxy|pixel|redmi|oneplus|huawei|android)/m.test(names))
    add('phone', 2, 'Its name is one of a phone.');
  if (announces('_apple-mobdev2', '_remotepairing') !== undefined)
    add('phone', 2, 'It announces itself as a mobile device of Apple.');
  if (signs.isRandomised) add('phone', 0.5, 'Its hardware address is made up, as phones do.');

  if (/msft 5\.0|windows/.test(software)) add('computer', 3, 'Its software is that of Windows.');
  // An iPhone says 'like Mac OS X'.
  if (/macintosh|(?<!like )mac os x|\bmacos\b|x11; (?:linux|ubuntu|fedora)/.test(software))
    add('computer', 2, 'Its software names a system of computers.');
  if (/(?:^|[^a-z])(?:desktop-|laptop-|macbook|imac|win-|ws-?\d|pc-?\d|workstation|notebook|thinkpad)/m.test(names))
    add('computer', 2, 'Its name is one of a computer.');
  if (signs.used.has('smb') && signs.used.has('kerberos')) add('computer', 1, 'It logs in to a domain.');
  if (ports.has('3389') && !found.has('server')) add('computer', 1, 'It offers its desktop.');

  if (signs.virtualOwner !== undefined)
    add('virtual machine', 2, `Its hardware address is one of ${signs.virtualOwner}.`);

  return [...found]
    .filter(([, { points }]) => points >= LEAST_POINTS)
    .map(([role, { points, reasons }]): RoleGuess => ({ role, reasons, points }))
    .sort((a, b) => b.points - a.points || (a.role < b.role ? -1 : 1));
}

/** Services that a machine offers to others for a living. */
const SERVER_SERVICES = [
  'http',
  'tls',
  'ssh',
  'dns',
  'smb',
  'ldap',
  'smtp',
  'imap',
  'pop3',
  'ftp',
  'mysql',
  'postgresql',
  'mssql',
  'oracle',
  'mongodb',
  'redis',
  'elasticsearch',
  'nfs',
  'rdp',
  'vnc',
  'winrm',
  'mqtt',
  'amqp',
  'kafka',
  'ntp',
  'radius',
  'syslog',
  'http-proxy',
  'socks',
];

const PRINTER_VENDOR =
  /hewlett|\bhp inc|brother industries|canon|seiko epson|kyocera|lexmark|xerox|ricoh|konica|oki electric/;
const CAMERA_VENDOR = /axis communications|hikvision|dahua|reolink|amcrest|foscam|mobotix|vivotek|hanwha|ezviz|wyze/;
const NAS_VENDOR = /synology|qnap|western digital|asustor|drobo|buffalo|terra-?master/;
const VOIP_VENDOR = /polycom|yealink|snom|grandstream|gigaset|mitel|avaya|fanvil/;
const TV_VENDOR = /roku|sonos|vizio|tcl king|hisense|bose corporation|humax/;
const THING_VENDOR =
  /espressif|tuya|philips lighting|signify|shelly|allterco|itead|nest labs|ecobee|belkin|lifx|ikea|withings|fitbit|smart innovation|sonoff|texas instruments|murata|osram|netatmo|smarter applications|ring llc|irobot|xiaomi|lumi united|homematic|eq-3|ednet|edimax/;

function atLeast(count: number): string {
  return count >= MOST_CARRIED ? `${MOST_CARRIED} addresses or more` : counted(count, 'address', 'addresses');
}

/** Addresses outside that are counted for a hardware address. */
export const MOST_CARRIED = 8;
