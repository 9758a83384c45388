import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { nearest, safeText, UserError } from '../core/index.ts';
import { NetworkSet, parseAddress } from '../wire/index.ts';

/**
 * What a simulation is told: a scenario in YAML. Every key has a default, unknown keys are refused with the nearest one. The schema below is the only list of what there is:
 * types, checks and `anomalyst simulate --fields` derive from it.
 */

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1_048_576,
  gib: 1_073_741_824,
};

function timeMs(text: string | number): number | undefined {
  if (typeof text === 'number') return text >= 0 && text <= 1e9 ? text * 1000 : undefined;
  const match = /^\s*(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)\s*$/.exec(text);
  const ms = match === null ? Number.NaN : Number(match[1]) * (TIME_UNITS[match[2] ?? ''] ?? Number.NaN);
  return ms <= 366 * 86_400_000 ? ms : undefined;
}

function sizeBytes(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isInteger(text) && text >= 0 ? text : undefined;
  const match = /^\s*(\d{1,12}(?:\.\d{1,6})?)\s*([kmg]?i?b)\s*$/i.exec(text);
  const bytes =
    match === null
      ? Number.NaN
      : Math.round(Number(match[1]) * (SIZE_UNITS[(match[2] ?? '').toLowerCase()] ?? Number.NaN));
  return bytes <= 1e12 ? bytes : undefined;
}

/** '90s', '15m', '2h', '1d', or a number of seconds; in milliseconds. */
const duration = z.union([z.string(), z.number()]).transform((text, context) => {
  const ms = timeMs(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'expected a time such as 90s, 15m, 2h or 1d' });
  return z.NEVER;
});

/** '500kB', '20MB', or a number of bytes. */
const size = z.union([z.string(), z.number()]).transform((text, context) => {
  const bytes = sizeBytes(text);
  if (bytes !== undefined) return bytes;
  context.addIssue({ code: 'custom', message: 'expected a size such as 500kB, 20MB or 1GB' });
  return z.NEVER;
});

/** '14:30' as minutes since midnight. */
const clock = z
  .string()
  .regex(/^([01]?\d|2[0-4]):[0-5]\d$/, { error: "expected a time of day such as '08:30'" })
  .transform((text) => {
    const [hours = '0', minutes = '0'] = text.split(':');
    return Number(hours) * 60 + Number(minutes);
  });

/** Since the scenario's start ('2h'), or a time of day ('14:30': the first one after the start). */
const moment = z
  .union([z.string(), z.number()])
  .transform((text, context): { afterMs: number } | { minuteOfDay: number } => {
    const day = typeof text === 'string' ? /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) : null;
    if (day !== null) return { minuteOfDay: Number(day[1]) * 60 + Number(day[2]) };
    const ms = timeMs(text);
    if (ms !== undefined) return { afterMs: ms };
    context.addIssue({
      code: 'custom',
      message: "expected a time since the start, such as 2h, or a time of day, such as '14:30'",
    });
    return z.NEVER;
  });

const address4 = z
  .string()
  .refine((text) => parseAddress(text)?.isV6 === false, { error: 'expected an IPv4 address, as in 192.168.10.5' });
const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, { error: 'expected a MAC, as in 3c:52:82:01:02:03' });
const network4 = z
  .string()
  .refine((text) => /^\d+\.\d+\.\d+\.\d+\/(8|9|1\d|2\d|30)$/.test(text) && NetworkSet.parse([text]) !== undefined, {
    error: 'expected an IPv4 network of at least 4 addresses, as in 192.168.10.0/24',
  });
const network6 = z.string().refine((text) => /\/64$/.test(text) && NetworkSet.parse([text]) !== undefined, {
  error: 'expected an IPv6 network of 64 bits, as in 2001:db8:10::/64',
});
const fraction = z.number().min(0).max(1);
const count = (most: number) => z.int().min(1).max(most);
const rate = z.number().positive().max(1e6);
const port = z.int().min(1).max(65_535);

export const HOST_ROLES = [
  'workstation',
  'laptop',
  'phone',
  'server',
  'nas',
  'printer',
  'camera',
  'iot',
  'voip',
] as const;
export type HostRole = (typeof HOST_ROLES)[number];
export const OPERATING_SYSTEMS = ['windows', 'macos', 'linux', 'ios', 'android', 'embedded'] as const;
export type OperatingSystem = (typeof OPERATING_SYSTEMS)[number];

const host = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,30}$/i, { error: 'expected a host name of letters, digits and hyphens' })
    .optional()
    .describe('Host name; of a group, the part before the number.'),
  role: z.enum(HOST_ROLES).describe('What it does all day.'),
  count: count(500).default(1).describe('So many of them.'),
  os: z.enum(OPERATING_SYSTEMS).optional().describe('TTL, TCP options, TLS client and DHCP requests follow it.'),
  address: address4.optional(),
  mac: mac.optional(),
  subnet: z.string().optional().describe('Name of its subnet; the first when absent.'),
});

const subnet = z.strictObject({
  name: z.string().min(1).max(30).default('lan'),
  cidr: network4.default('192.168.10.0/24'),
  cidr6: network6.optional().describe('IPv6 network beside it; without one there is no IPv6 but link-local.'),
  gateway: address4.optional().describe('The first address of the network when absent.'),
});

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** Ordinary behaviour. A rate of 0 switches it off. */
const behavior = z.strictObject({
  intensity: z.number().min(0).max(100).default(1).describe('Multiplies all rates below.'),
  pagesPerHour: z.number().min(0).max(1000).default(24).describe('Web pages a person opens in an hour.'),
  quicShare: fraction.default(0.2).describe('Share of web sites that are visited by QUIC.'),
  ipv6Share: fraction.default(0.25).describe('Share of visits by IPv6, where host and site have it.'),
  mailPollSeconds: z.number().min(0).default(300).describe('IMAP over TLS, every so often.'),
  filesPerHour: z.number().min(0).max(1000).default(8).describe('Files opened or saved on the NAS by SMB, per person.'),
  fileBytes: size.default(400_000).describe('Median size of such a file.'),
  printsPerHour: z.number().min(0).max(100).default(0.6).describe('Print jobs by IPP, per person.'),
  callsPerDay: z.number().min(0).max(50).default(1).describe('Video calls in an office day, per person.'),
  callMinutes: z.number().positive().max(600).default(15).describe('Median length of a call.'),
  callPacketsPerSecond: z.number().positive().max(2000).default(60).describe('Media packets of a call, each way.'),
  updatesPerDay: z.number().min(0).max(100).default(2).describe('Downloads of updates, per computer.'),
  updateBytes: size.default(12_000_000).describe('Median size of such a download.'),
  backupAt: clock.default(22 * 60).describe('Time of the nightly backup of servers to the NAS.'),
  backupBytes: size.default(80_000_000).describe('Median size of one backup; 0 switches it off.'),
  ntpSeconds: z.number().min(0).default(1024),
  pushSeconds: z.number().min(0).default(60).describe('Keep-alives of push connections of phones and laptops.'),
  syncSeconds: z
    .number()
    .min(0)
    .default(300)
    .describe('Polls of a cloud drive or a chat, a new connection each: an innocent beacon.'),
  discoverySeconds: z.number().min(0).default(150).describe('mDNS and SSDP announcements and searches.'),
  monitorSeconds: z
    .number()
    .min(0)
    .default(60)
    .describe(
      'A server looks by ICMP echo whether the others are there, every so often; at printers by SNMP a fifth as often.',
    ),
  iotSeconds: z.number().min(0).default(60).describe('Telemetry of IoT devices by MQTT.'),
  clipsPerHour: z.number().min(0).max(1000).default(4).describe('Clips a camera uploads.'),
  adminPerDay: z.number().min(0).max(100).default(3).describe('SSH and RDP sessions to each server.'),
  lossRate: z
    .number()
    .min(0)
    .max(0.2)
    .default(0.004)
    .describe('Share of flights of segments across the Internet with one lost.'),
});

const target = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(10_000)]);
const common = {
  id: z
    .string()
    .regex(/^[\w.-]{1,40}$/, { error: 'expected up to 40 letters, digits, dots and hyphens' })
    .optional()
    .describe('Name in the labels; kind and number when absent.'),
  from: z.string().min(1).optional().describe('Host name or address of who does it.'),
  start: moment.optional().describe('A quarter into the scenario when absent.'),
  duration: duration
    .optional()
    .describe('It stops after that, whatever it is at; a flood or an amplification after a minute when absent.'),
  intensity: z.number().positive().max(1000).default(1).describe('Multiplies the rates below, or divides the periods.'),
};
const one = z.string().min(1).optional().describe('Host name, address or domain it is done to.');
const many = target.optional().describe('Host names, addresses or networks it is done to.');

/** The attacks. Each kind is the label of its flows. */
const ATTACK_SCHEMAS = [
  z.strictObject({
    kind: z.literal('scan'),
    ...common,
    to: many,
    technique: z.enum(['syn', 'connect', 'udp']).default('syn'),
    ports: z.array(port).min(1).max(65_535).optional().describe('Ports tried on every target.'),
    portCount: count(65_535).default(1000).describe('So many ports in place of a list, from 1; of one target.'),
    rate: rate.default(100).describe('Probes per second; 0.02 is a slow scan.'),
  }),
  z.strictObject({ kind: z.literal('arp-scan'), ...common, rate: rate.default(50).describe('Requests per second.') }),
  z.strictObject({
    kind: z.literal('icmp-sweep'),
    ...common,
    to: many,
    rate: rate.default(20).describe('Echo requests per second.'),
  }),
  z.strictObject({
    kind: z.literal('brute-force'),
    ...common,
    to: one,
    service: z.enum(['ssh', 'rdp', 'smb', 'ftp', 'http']).default('ssh'),
    attempts: count(1_000_000).default(200),
    rate: rate.default(2).describe('Attempts per second.'),
    success: z.boolean().default(false).describe('Whether the last attempt gets in.'),
  }),
  z.strictObject({
    kind: z.literal('beacon'),
    ...common,
    to: one,
    protocol: z.enum(['https', 'http', 'dns', 'tcp']).default('https'),
    port: port.optional(),
    period: duration.default(60_000),
    jitter: z.number().min(0).max(0.9).default(0.1).describe('Each interval is period × (1 ± jitter), uniform.'),
    bytes: size.default(700).describe('Bytes up at each check-in; the answer has about half.'),
  }),
  z.strictObject({
    kind: z.literal('dns-tunnel'),
    ...common,
    domain: z
      .string()
      .max(100)
      .regex(/^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/i, { error: 'expected a domain, as in cdn-sync.example' })
      .default('cdn-sync.example'),
    type: z.enum(['A', 'TXT', 'CNAME', 'NULL']).default('TXT'),
    bytesPerSecond: rate.default(2000).describe('What goes up, before encoding.'),
    labelBytes: count(63).default(60).describe('Length of a label.'),
  }),
  z.strictObject({
    kind: z.literal('dga'),
    ...common,
    namesPerMinute: rate.default(60),
    nameLength: z.int().min(6).max(40).default(14),
    resolves: fraction.default(0.01).describe('Share of the names that exist.'),
  }),
  z.strictObject({
    kind: z.literal('exfiltration'),
    ...common,
    to: one,
    mode: z.enum(['burst', 'slow']).default('burst'),
    bytes: size.default(50_000_000).describe('In all.'),
    chunk: size.default(256_000).describe('Of one upload, in mode slow.'),
    period: duration.default(120_000).describe('Between uploads, in mode slow.'),
  }),
  z.strictObject({
    kind: z.literal('flood'),
    ...common,
    to: one,
    technique: z.enum(['syn', 'udp', 'icmp']).default('syn'),
    port: port.default(443),
    rate: rate.default(2000).describe('Packets per second.'),
    spoofed: z.boolean().default(true).describe('A new source address for every packet.'),
    bytes: z.int().min(0).max(1400).default(512).describe('Payload of a packet of UDP or ICMP.'),
  }),
  z.strictObject({
    kind: z.literal('amplification'),
    ...common,
    to: one,
    service: z.enum(['dns', 'ntp']).default('dns'),
    reflectors: count(10_000).default(60),
    rate: rate.default(500).describe('Answers per second.'),
  }),
  z.strictObject({
    kind: z.literal('icmp-tunnel'),
    ...common,
    to: one,
    bytesPerSecond: rate.default(4000),
    chunk: z.int().min(16).max(1400).default(900),
  }),
  z.strictObject({
    kind: z.literal('mining'),
    ...common,
    to: one,
    port: port.default(3333),
    period: duration.default(25_000).describe('Between shares.'),
  }),
  z.strictObject({
    kind: z.literal('remote-control'),
    ...common,
    to: one,
    protocol: z.enum(['tls', 'tcp']).default('tls').describe('tcp: a protocol of its own.'),
    port: port.default(7707),
    period: duration.default(15_000).describe('Between signs of life.'),
    commands: z.number().min(0).max(10_000).default(20).describe('Commands of the operator per hour.'),
  }),
  z.strictObject({
    kind: z.literal('shell'),
    ...common,
    to: one,
    port: port.default(53),
    commands: count(10_000).default(40),
  }),
  z.strictObject({
    kind: z.literal('new-device'),
    ...common,
    mac: mac.optional(),
    name: z.string().min(1).max(30).default('kali'),
    scans: z.boolean().default(true).describe('Looks around when it has an address.'),
  }),
  z.strictObject({
    kind: z.literal('arp-spoof'),
    ...common,
    to: one,
    period: duration.default(2000).describe('Between false replies.'),
  }),
  z.strictObject({
    kind: z.literal('rogue-dhcp'),
    ...common,
    offers: count(10_000).default(12),
    period: duration.default(60_000),
  }),
  z.strictObject({
    kind: z.literal('lateral-movement'),
    ...common,
    to: many,
    via: z.enum(['smb', 'wmi', 'winrm', 'rdp']).default('smb'),
    targets: count(500).default(6),
    period: duration.default(45_000).describe('Between one host and the next.'),
  }),
  z.strictObject({
    kind: z.literal('cleartext-login'),
    ...common,
    to: one,
    service: z.enum(['ftp', 'http']).default('ftp'),
    logins: count(10_000).default(3),
    period: duration.default(300_000),
  }),
] as const;

const attack = z.discriminatedUnion('kind', ATTACK_SCHEMAS);
export const ATTACK_KINDS: readonly string[] = ATTACK_SCHEMAS.map((schema) => schema.shape.kind.value);

/** Records without a network: what system 002 streamed, its ranges and shares. */
const records = z.strictObject({
  count: count(10_000_000).default(1000).describe('Records that a file gets; a server goes on for ever.'),
  anomalyShare: fraction.default(0.2),
  classes: z
    .array(z.enum(['port', 'packet', 'duration', 'protocol']))
    .min(1)
    .default(['port', 'packet', 'duration', 'protocol'])
    .describe('Kinds of anomaly, equally often.'),
});

const scenarioSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,50}$/, { error: 'expected a name of small letters, digits and hyphens' })
    .default('scenario'),
  description: z.string().max(500).default(''),
  start: z.iso
    .datetime({ local: true, offset: true, error: 'expected a time such as 2026-03-02T06:00:00, of the time zone' })
    .default('2026-03-02T06:00:00'),
  timeZone: z
    .string()
    .default('UTC')
    .refine(isTimeZone, { error: 'expected a time zone such as Europe/Berlin or UTC' }),
  duration: duration.default(86_400_000),
  officeHours: z
    .strictObject({
      from: clock.default(8 * 60 + 30),
      to: clock.default(17 * 60 + 30),
      days: z.array(z.enum(DAYS)).default(['mon', 'tue', 'wed', 'thu', 'fri']),
    })
    .prefault({}),
  network: z
    .strictObject({
      domain: z
        .string()
        .max(100)
        .regex(/^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/, { error: 'expected a domain, as in office.example' })
        .default('office.example'),
      dns: address4.optional().describe('DNS server; the gateway when absent.'),
      subnets: z.array(subnet).min(1).max(50).prefault([{}]),
      hosts: z.array(host).max(1000).default([]),
    })
    .prefault({}),
  behavior: behavior.prefault({}),
  attacks: z.array(attack).max(200).default([]),
  records: records.optional().describe('Makes plain records in place of a network.'),
});

export type Scenario = z.infer<typeof scenarioSchema>;
export type Behavior = Scenario['behavior'];
export type Attack = Scenario['attacks'][number];
export type AttackOf<K extends Attack['kind']> = Extract<Attack, { kind: K }>;
export type HostGroup = Scenario['network']['hosts'][number];
export type RecordMix = NonNullable<Scenario['records']>;

/** Hosts in all at most. */
const MAX_HOSTS = 2000;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Minutes by which local time is ahead of UTC at a time, RFC 9557 zone names by the data that the runtime carries. */
export function zoneOffsetMinutes(timeZone: string, epochMs: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(new Date(epochMs));
  const value = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const local = Date.UTC(
    value('year'),
    value('month') - 1,
    value('day'),
    value('hour'),
    value('minute'),
    value('second'),
  );
  return Math.round((local - Math.floor(epochMs / 1000) * 1000) / 60_000);
}

/** Epoch seconds of a scenario's start. A time without an offset is local time of the scenario's zone. */
export function startSeconds(scenario: Scenario): number {
  const { start, timeZone } = scenario;
  if (/(Z|[+-]\d\d:\d\d)$/.test(start)) return Math.floor(Date.parse(start) / 1000);
  const naive = Date.parse(`${start}Z`);
  const guess = naive - zoneOffsetMinutes(timeZone, naive) * 60_000;
  return Math.floor((naive - zoneOffsetMinutes(timeZone, guess) * 60_000) / 1000);
}

/** An attack as the command line gives it, 'beacon:jitter=0.3,period=30s'; lists are separated by +, as in ports=22+80. */
export function parseAttackArgument(text: string): Record<string, unknown> {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const out: Record<string, unknown> = { kind };
  if (!ATTACK_KINDS.includes(kind)) {
    const near = nearest(kind, ATTACK_KINDS);
    throw new UserError(
      `--attack ${text}: unknown attack '${kind}'`,
      near === undefined ? `known attacks: ${ATTACK_KINDS.join(', ')}` : `did you mean '${near}'?`,
    );
  }
  if (colon < 0) return out;
  // A comma between an equals sign and the next: keys and values hold none.
  for (const part of text.slice(colon + 1).split(',')) {
    const equals = part.indexOf('=');
    if (equals < 1)
      throw new UserError(
        `--attack ${text}: '${part}' is no setting`,
        `for example --attack ${kind}:intensity=2,start=1h`,
      );
    const value = part.slice(equals + 1);
    const key = part.slice(0, equals).trim();
    out[key] = value.includes('+') || key === 'ports' ? value.split('+').map(scalar) : scalar(value);
  }
  return out;
}

function scalar(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/**
 * Reads a scenario. @param file its name for messages. @param attacks more of them, as `parseAttackArgument` gives them.
 * Throws UserError with file, line and column of the first mistake, its path, and the nearest valid name where there is one.
 */
export function parseScenario(text: string, file: string, attacks: readonly Record<string, unknown>[] = []): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'error',
  });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new UserError(`${file}:${line}:${col}: ${broken.message}`, 'mend the YAML there');
  }
  const value: unknown = plainValue(document, file) ?? {};
  const result = scenarioSchema.safeParse(value);
  if (!result.success) throw complain(result.error.issues[0], (path) => place(document, path, lines, file), value);
  const scenario = result.data;
  const added: Attack[] = attacks.map((given) => {
    const read = attack.safeParse(given);
    if (read.success) return read.data;
    throw complain(read.error.issues[0], () => `--attack ${String(given.kind)}`, given, attack);
  });
  checkHosts(scenario, (path) => place(document, path, lines, file));
  return { ...scenario, attacks: [...scenario.attacks, ...added] };
}

/** The document as plain values. An alias without its anchor, or too many of them, is found only here. */
function plainValue(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new UserError(
      `${file}: ${safeText(error.message)}`,
      'mend the YAML there, or write values out in place of aliases',
    );
  }
}

/** What the shape can't say. */
function checkHosts(scenario: Scenario, at: (path: readonly PropertyKey[]) => string): void {
  const { hosts, subnets } = scenario.network;
  const names = subnets.map((entry) => entry.name);
  const repeated = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (repeated >= 0)
    throw new UserError(
      `${at(['network', 'subnets', repeated, 'name'])}: two subnets have the name '${names[repeated]}'`,
      'give each a name of its own',
    );
  let total = 0;
  hosts.forEach((entry, i) => {
    total += entry.count;
    if (entry.subnet !== undefined && !names.includes(entry.subnet)) {
      const near = nearest(entry.subnet, names);
      throw new UserError(
        `${at(['network', 'hosts', i, 'subnet'])}: network.hosts.${i}.subnet: there is no subnet '${entry.subnet}'`,
        near === undefined ? `subnets here: ${names.join(', ')}` : `did you mean '${near}'?`,
      );
    }
    if (entry.count > 1 && (entry.address !== undefined || entry.mac !== undefined))
      throw new UserError(
        `${at(['network', 'hosts', i, 'count'])}: network.hosts.${i}: a group of ${entry.count} can't have one address or MAC`,
        'list the hosts one by one, or leave address and mac out',
      );
  });
  if (total > MAX_HOSTS)
    throw new UserError(
      `${at(['network', 'hosts'])}: network.hosts: ${total} hosts are more than the ${MAX_HOSTS} that a scenario may have`,
      'make fewer',
    );
}

function complain(
  issue: z.core.$ZodIssue | undefined,
  at: (path: readonly PropertyKey[]) => string,
  value: unknown,
  schema: z.ZodType = scenarioSchema,
): UserError {
  if (issue === undefined) throw new Error('a failed parse has an issue');
  const path = [...issue.path];
  const prefix = (): string => (path.length > 0 ? `${path.map(String).join('.')}: ` : '');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const known = knownKeys(schema, value, path);
    const near = nearest(key, known);
    return new UserError(
      `${at([...path, key])}: unknown key '${key}'`,
      near === undefined ? `known keys here: ${known.join(', ')}` : `did you mean '${near}'?`,
    );
  }
  if (issue.code === 'invalid_union' && path.at(-1) === 'kind') {
    const given = String(valueAt(value, path) ?? '');
    const near = nearest(given, ATTACK_KINDS);
    return new UserError(
      `${at(path)}: ${prefix()}${given === '' ? 'an attack needs a kind' : `unknown attack '${given}'`}`,
      near === undefined ? `known attacks: ${ATTACK_KINDS.join(', ')}` : `did you mean '${near}'?`,
    );
  }
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String);
    const given = String(valueAt(value, path) ?? '');
    const near = nearest(given, known);
    return new UserError(
      `${at(path)}: ${prefix()}${given === '' ? 'a value is missing' : `unknown value '${given}'`}`,
      near === undefined ? `one of: ${known.join(', ')}` : `did you mean '${near}'?`,
    );
  }
  return new UserError(`${at(path)}: ${prefix()}${issue.message}`, 'see docs/simulator.md');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let here: unknown = value;
  for (const key of path)
    here = typeof here === 'object' && here !== null ? (here as Record<PropertyKey, unknown>)[key] : undefined;
  return here;
}

/** Keys of the object at a path, from the schema itself. */
function knownKeys(schema: z.ZodType, value: unknown, path: readonly PropertyKey[]): string[] {
  let here: unknown = schema;
  const open = (): void => {
    while (here instanceof z.ZodOptional || here instanceof z.ZodDefault || here instanceof z.ZodPrefault)
      here = here.unwrap();
  };
  open();
  const resolve = (depth: number): void => {
    if (here instanceof z.ZodDiscriminatedUnion) {
      const given: unknown = valueAt(value, [...path.slice(0, depth), 'kind']);
      here = ATTACK_SCHEMAS.find((option) => option.shape.kind.value === given);
    }
  };
  resolve(0);
  path.forEach((key, i) => {
    if (here instanceof z.ZodArray) here = here.element;
    else if (here instanceof z.ZodObject) here = (here.shape as Record<PropertyKey, unknown>)[key];
    open();
    resolve(i + 1);
  });
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

/** 'file:line:column' of a key, or of the nearest thing around it that the text has. */
function place(
  document: ReturnType<typeof parseDocument>,
  path: readonly PropertyKey[],
  lines: LineCounter,
  file: string,
): string {
  for (let length = path.length; length > 0; length--) {
    const keys = path.slice(0, length).map((key) => (typeof key === 'symbol' ? key.toString() : key));
    const parent: unknown = length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true);
    const offset = keyOffset(parent, keys.at(-1)) ?? nodeOffset(document.getIn(keys, true));
    if (offset !== undefined) {
      const { line, col } = lines.linePos(offset);
      return `${file}:${line}:${col}`;
    }
  }
  return `${file}:1:1`;
}

function keyOffset(parent: unknown, key: PropertyKey | undefined): number | undefined {
  if (typeof parent !== 'object' || parent === null || !('items' in parent) || !Array.isArray(parent.items))
    return undefined;
  for (const item of parent.items as unknown[]) {
    if (typeof item !== 'object' || item === null || !('key' in item)) continue;
    const node = item.key;
    if (typeof node === 'object' && node !== null && 'value' in node && node.value === key) return nodeOffset(node);
  }
  return undefined;
}

function nodeOffset(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)
    ? Number(node.range[0])
    : undefined;
}

/** One line for each key of the schema, for help: path, default, meaning. */
export function scenarioFields(): string[] {
  const out: string[] = [];
  const visit = (schema: unknown, path: string): void => {
    let here = schema;
    let standard: unknown;
    let meaning = here instanceof z.ZodType ? (here.description ?? '') : '';
    while (here instanceof z.ZodOptional || here instanceof z.ZodDefault || here instanceof z.ZodPrefault) {
      if (here instanceof z.ZodDefault) standard = here.def.defaultValue;
      here = here.unwrap();
      if (meaning === '' && here instanceof z.ZodType) meaning = here.description ?? '';
    }
    if (
      here instanceof z.ZodArray &&
      (here.element instanceof z.ZodObject || here.element instanceof z.ZodDiscriminatedUnion)
    )
      visit(here.element, `${path}[]`);
    else if (here instanceof z.ZodObject)
      for (const [key, child] of Object.entries(here.shape)) visit(child, path === '' ? key : `${path}.${key}`);
    else if (here instanceof z.ZodDiscriminatedUnion)
      for (const option of ATTACK_SCHEMAS)
        for (const [key, child] of Object.entries(option.shape)) {
          if (key !== 'kind') visit(child, `${path}(${option.shape.kind.value}).${key}`);
        }
    else {
      const choices = here instanceof z.ZodEnum ? here.options.join(' | ') : '';
      out.push(
        [
          path,
          standard === undefined
            ? ''
            : `= ${typeof standard === 'object' ? JSON.stringify(standard) : String(standard)}`,
          choices === '' ? '' : `(${choices})`,
          meaning,
        ]
          .filter((part) => part !== '')
          .join('  '),
      );
    }
  };
  visit(scenarioSchema, '');
  return out;
}
