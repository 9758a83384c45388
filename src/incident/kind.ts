import { counted, humanCount, humanDuration, safeText } from '../core/index.ts';
import { type Detection, UNLIKE_ITS_PORT } from '../detect/index.ts';
import { registrableDomain } from '../feature/index.ts';
import type { SeverityStep } from './incident.ts';
import { BASELINE_KINDS } from './kind-baseline.ts';
import { FLOOD_KINDS } from './kind-flood.ts';
import { MISUSE_KINDS } from './kind-misuse.ts';
import { OUTFLOW_KINDS } from './kind-outflow.ts';
import { RECORD_KINDS } from './kind-record.ts';
import { THREAT_LIST_KINDS } from './kind-threat-list.ts';
import { type Direction, hasReason, numberOf, roleOf, type Story } from './story.ts';
import type { TechniqueId } from './technique.ts';
import { measure, type Telling, targets } from './telling.ts';
import { addressLabel, knownService, nameLabel, portLabel, serviceLabel, spanText, usualService } from './words.ts';

/**
 * All that this floor knows of a kind of detection. A new kind is one entry of `KINDS`; a kind without an entry works too, as `fallback` says.
 */
export interface KindInfo {
  /** A kind as in `scan.arp`, or the beginning of several, ending in a dot, as in `beacon.`. The longest one that fits counts. */
  readonly prefix: string;
  /** Detections of one behaviour are joined, those of different behaviours are not. */
  readonly behaviour: string;
  /** Points that the kind alone gives, with the rule in words. */
  readonly base: number;
  readonly rule: string;
  /** Points for who stands where, with the rule in words; a direction that is absent gives none. */
  readonly direction: Readonly<Partial<Record<Direction, readonly [points: number, rule: string]>>>;
  /** The direction that counts for `direction`; by default the story's. */
  readonly place?: (story: Story) => Direction;
  /** Points from the kind's own measures. Every measure may be absent. */
  readonly steps?: (story: Story) => SeverityStep[];
  /** Points that it gives where the actor is a device of one purpose, for which this is ordinary; undefined where it is not. */
  readonly ofThings?: (story: Story) => number | undefined;
  /** True where talking to important devices is what anybody does, as a new device does with its router: the worth of the peers says nothing then. */
  readonly worthOfActors?: boolean;
  /** Points that an incident led by this kind can't exceed, with the rule in words. */
  readonly cap?: readonly [points: number, rule: string];
  /** True where the finding is a model's opinion about ordinary-looking traffic: it supports other findings, and alone it never weighs much. */
  readonly opinion?: boolean;
  /** The behaviour of one detection, where that is not the kind's: what a stranger does is part of what is said of the stranger. */
  readonly behaviourOf?: (detection: Detection) => string | undefined;
  /** What detections of one behaviour must share to be one story; by default the actor. */
  readonly links?: (detection: Detection) => string[];
  /** What the detection is aimed at, where many actors may aim at the same; undefined where that is not one thing. */
  readonly aim?: (detection: Detection) => string | undefined;
  /** True where many actors of one aim are one story however far apart in time: a rule of the user's own fires when it fires. */
  readonly timeless?: boolean;
  /** True where many actors of one aim are rather a sign of ordinary life than of an effort. */
  readonly manyAreOrdinary?: boolean;
  /** True where a story of one actor names the peers of all its detections of the kind: each has one. */
  readonly peersTogether?: boolean;
  /** False where detections that share a link are one story however far apart in time. */
  readonly silenceEndsIt?: boolean;
  readonly techniques?: (story: Story, detection: Detection) => TechniqueId[];
  /** What such an incident is called in a list, in a few words: 'port scan'. */
  readonly label: string;
  /** Who did it, where the actor is no host; by default its address. */
  readonly subject?: (detection: Detection) => string;
  /** What was done, without the subject and the full stop: 'tried 212 hosts on port 445'. It states the facts of one detection. */
  readonly deed: (told: Telling) => string;
  /** What follows the deed in a title; by default how long it took. */
  readonly end?: (told: Telling) => string;
}

const RECONNAISSANCE = 'reconnaissance';
const ACCESS = 'access';
const COMMAND_AND_CONTROL = 'command and control';

const SCAN_DIRECTION: KindInfo['direction'] = {
  inside: [15, 'A host inside searches the home network: it may be compromised'],
  outward: [15, 'A host inside searches networks outside: it may be compromised'],
  inward: [-20, 'The search comes from outside, as it does all day on the Internet'],
  outside: [5, 'Neither side is in the home network as configured'],
};

const CALL_DIRECTION: KindInfo['direction'] = {
  inside: [-15, 'Both hosts are inside, where regular and lasting connections are common'],
  inward: [-10, 'The connection was made from outside, so it is no call home'],
};

const KINDS: readonly KindInfo[] = [
  {
    prefix: 'scan.horizontal',
    behaviour: RECONNAISSANCE,
    base: 25,
    rule: 'A search for hosts that answer on a port',
    direction: SCAN_DIRECTION,
    steps: scanSteps,
    aim: networkAim,
    techniques: portScanTechniques,
    label: 'port scan',
    deed: (told) => {
      const { port, protocol } = told.detection;
      const where = port === undefined ? 'several ports' : portLabel(port, protocol);
      return `tried ${counted(targetCount(told), 'host')} on ${where}`;
    },
    end: (told) => withAnswers(told),
  },
  {
    prefix: 'scan.vertical',
    behaviour: RECONNAISSANCE,
    base: 25,
    rule: 'A search for open ports of one host',
    direction: SCAN_DIRECTION,
    steps: scanSteps,
    aim: hostAim,
    techniques: portScanTechniques,
    label: 'port scan',
    deed: portsDeed,
    end: (told) => withAnswers(told, 'port'),
  },
  {
    prefix: 'scan.block',
    behaviour: RECONNAISSANCE,
    base: 30,
    rule: 'A search for open ports of several hosts',
    direction: SCAN_DIRECTION,
    steps: scanSteps,
    aim: networkAim,
    techniques: portScanTechniques,
    label: 'port scan',
    deed: portsDeed,
    end: (told) => withAnswers(told, 'port'),
  },
  {
    prefix: 'scan.arp',
    behaviour: RECONNAISSANCE,
    base: 12,
    rule: 'A search for hosts on the local network by ARP',
    direction: SCAN_DIRECTION,
    steps: scanSteps,
    aim: networkAim,
    techniques: () => ['T1018'],
    label: 'search for hosts by ARP',
    deed: (told) => `asked for ${counted(targetCount(told), 'different address', 'different addresses')} by ARP`,
    end: (told) => withAnswers(told),
  },
  {
    prefix: 'scan.routed',
    behaviour: RECONNAISSANCE,
    base: 12,
    rule: 'A search for hosts through a router, which asks for them by ARP',
    direction: SCAN_DIRECTION,
    steps: scanSteps,
    aim: networkAim,
    techniques: (story) => (crossesBorder(story) ? ['T1595.001'] : ['T1018']),
    label: 'search for hosts through a router',
    deed: (told) => `searched ${counted(targetCount(told), 'address', 'addresses')} through a router`,
    end: (told) => `${within(told)}; ${humanCount(measure(told, 'scan.routed') ?? 0)} are in use`,
  },
  {
    prefix: 'scan.reverse-dns',
    behaviour: RECONNAISSANCE,
    base: 12,
    rule: 'A search for hosts by the names of all addresses of a network',
    direction: SCAN_DIRECTION,
    steps: scanSteps,
    aim: networkAim,
    techniques: (story) => (crossesBorder(story) ? ['T1595.001'] : ['T1018']),
    label: 'search for hosts by name',
    deed: (told) => `asked the DNS for the names of ${counted(targetCount(told), 'address', 'addresses')}`,
    end: (told) => `${within(told)}; ${humanCount(measure(told, 'scan.named') ?? 0)} have one`,
  },
  {
    prefix: 'scan.icmp',
    behaviour: RECONNAISSANCE,
    base: 12,
    rule: 'A search for hosts by echo requests (ping)',
    direction: SCAN_DIRECTION,
    steps: scanSteps,
    aim: networkAim,
    techniques: (story) => (crossesBorder(story) ? ['T1595.001'] : ['T1018']),
    label: 'search for hosts by ping',
    deed: (told) => `sent echo requests (ping) to ${counted(targetCount(told), 'host')}`,
    end: (told) => withAnswers(told),
  },
  {
    // What a scan detector may add: judged like the port scans.
    prefix: 'scan.',
    behaviour: RECONNAISSANCE,
    base: 20,
    rule: 'A search of the network',
    direction: SCAN_DIRECTION,
    steps: scanSteps,
    aim: networkAim,
    label: 'search of the network',
    deed: (told) => `searched ${counted(targetCount(told), 'host')}`,
    end: (told) => withAnswers(told),
  },
  {
    prefix: 'brute-force.',
    behaviour: ACCESS,
    base: 42,
    rule: 'Many tries at a login service, as password guessing makes',
    direction: {
      inside: [12, 'A host inside tries to log in to another one: it may be compromised'],
      outward: [12, 'A host inside tries to log in to hosts outside: it may be compromised'],
      inward: [-10, 'They come from outside, as they do all day on the Internet'],
      outside: [12, 'Neither side is in the home network as configured, so the source may be one of yours'],
    },
    steps: bruteForceSteps,
    aim: hostAim,
    techniques: bruteForceTechniques,
    label: 'password guessing',
    // Connections are what is counted: a server allows several guesses in one, and the traffic does not show how many were made.
    deed: (told) => {
      const { service, port } = told.detection;
      const attempts = measure(told, 'brute-force.attempts');
      const refusals = measure(told, 'brute-force.refusals');
      const label = serviceLabel(service);
      if (refusals !== undefined)
        return `had ${counted(refusals, label === undefined ? 'login' : `${label} login`)} refused by ${targets(told)}${port === undefined ? '' : ` on port ${port}`}`;
      const noun = label === undefined ? 'short connection' : `short ${label} connection`;
      const what = attempts === undefined ? `${noun}s again and again` : counted(attempts, noun);
      return `opened ${what} to ${targets(told)}${port === undefined ? '' : ` on port ${port}`}`;
    },
    end: (told) => {
      const accepted = measure(told, 'brute-force.accepted') ?? 0;
      const sessions = measure(told, 'brute-force.session') ?? 0;
      const known = accepted > 1 ? `; ${humanCount(accepted)} were accepted as well` : '; one was accepted as well';
      const outcome = accepted > 0 ? known : sessions > 0 ? '; a login may have worked' : '';
      return `${within(told)}, as password guessing does${outcome}`;
    },
  },
  {
    prefix: 'beacon.',
    behaviour: COMMAND_AND_CONTROL,
    base: 25,
    rule: 'Connections to the same place again and again',
    direction: CALL_DIRECTION,
    place: (story) => callDirection(story, story.lead),
    steps: beaconSteps,
    ofThings: makerPoints,
    links: callLinks,
    aim: placeAim,
    manyAreOrdinary: true,
    techniques: callTechniques,
    label: 'regular calls',
    deed: (told) => {
      const asked = told.direction === callDirection(told, told.detection) ? '' : nameOf(told.detection);
      const called = asked === '' ? 'called' : `called “${asked}” through`;
      return `${called} ${targets(told)}${onPort(told)}${rhythm(told)}`;
    },
  },
  {
    prefix: 'beacon.slow',
    behaviour: COMMAND_AND_CONTROL,
    base: 27,
    rule: 'A few even calls to a place that hardly anybody else inside calls',
    direction: CALL_DIRECTION,
    steps: beaconSteps,
    ofThings: makerPoints,
    links: callLinks,
    aim: placeAim,
    manyAreOrdinary: true,
    techniques: callTechniques,
    label: 'few regular calls',
    deed: (told) => `called ${targets(told)}${onPort(told)}${rhythm(told)}`,
  },
  {
    prefix: 'beacon.attempts',
    behaviour: COMMAND_AND_CONTROL,
    base: 20,
    rule: 'Attempts to connect to the same place again and again, where nobody answers',
    direction: CALL_DIRECTION,
    steps: beaconSteps,
    links: callLinks,
    aim: placeAim,
    manyAreOrdinary: true,
    techniques: callTechniques,
    label: 'regular attempts in vain',
    deed: (told) => `tried in vain to connect to ${targets(told)}${onPort(told)}${rhythm(told)}`,
  },
  {
    prefix: 'long-connection.',
    behaviour: COMMAND_AND_CONTROL,
    base: 25,
    rule: 'A connection that stayed open for long',
    direction: CALL_DIRECTION,
    place: (story) => callDirection(story, story.lead),
    steps: longConnectionSteps,
    links: callLinks,
    aim: hostAim,
    manyAreOrdinary: true,
    techniques: callTechniques,
    label: 'long connection',
    deed: (told) => {
      const open = measure(told, 'long-connection.open-time') ?? told.lastMs - told.firstMs;
      return `kept a connection to ${targets(told)}${onPort(told)} open for ${humanDuration(open)}`;
    },
    end: () => '',
  },
  {
    prefix: 'suspicious-tls.',
    behaviour: COMMAND_AND_CONTROL,
    base: 30,
    rule: 'TLS with a server that nobody vouches for, in a way in which no web page is fetched',
    direction: {},
    steps: privateServerSteps,
    links: callLinks,
    aim: hostAim,
    manyAreOrdinary: true,
    techniques: callTechniques,
    label: 'TLS with a certificate nobody vouches for',
    deed: (told) => {
      const tool = told.detection.reasons.find((reason) => reason.name === 'suspicious-tls.tool')?.value;
      const whose = typeof tool === 'string' ? `, as the tool ${safeText(tool, 30)} makes it` : '';
      return `spoke TLS with ${targets(told)}${onPort(told)}, whose certificate nobody vouches for${whose}`;
    },
    end: () => '',
  },
  {
    prefix: 'dynamic-name.',
    behaviour: COMMAND_AND_CONTROL,
    base: 24,
    rule: 'Connections that cannot be read to a host with a dynamic name',
    direction: {},
    links: callLinks,
    aim: hostAim,
    manyAreOrdinary: true,
    techniques: callTechniques,
    label: 'hidden contact under a dynamic name',
    deed: (told) =>
      `had ${counted(measure(told, 'dynamic-name.connections') ?? told.together.flows, 'connection')} that cannot be read with ${targets(told)}${onPort(told)}, reached by a dynamic name`,
  },
  {
    prefix: 'strange-flow.',
    behaviour: 'anomaly',
    base: 20,
    rule: 'A model finds the traffic strange, without a known pattern',
    direction: {},
    cap: [39, "Only a model's opinion, without a known pattern behind it: at most low"],
    opinion: true,
    label: 'unusual traffic',
    deed: (told) => {
      const flows = counted(told.detection.flowCount, 'flow');
      return `had ${flows} with ${targets(told)}${onPort(told)} unlike the other traffic`;
    },
    end: () => '',
  },
  ...FLOOD_KINDS,
  ...MISUSE_KINDS,
  ...OUTFLOW_KINDS,
  ...THREAT_LIST_KINDS,
  ...BASELINE_KINDS,
  ...RECORD_KINDS,
];

/** For a kind without an entry: its family, up to the first dot, is its behaviour. */
function fallback(kind: string): KindInfo {
  return {
    prefix: kind,
    behaviour: nameLabel(kind.split('.')[0] ?? kind),
    base: 20,
    rule: 'A detector found something that the severity rules have no entry for',
    direction: {},
    label: 'unusual behaviour',
    deed: (told) =>
      `behaved in an unusual way towards ${targets(told)}${onPort(told)}: ${nameLabel(told.detection.kind)}`,
    end: () => '',
  };
}

/** The entry for a kind, or the fallback. */
export function kindInfo(kind: string): KindInfo {
  let best: KindInfo | undefined;
  for (const info of KINDS) {
    const fits = info.prefix.endsWith('.') ? kind.startsWith(info.prefix) : kind === info.prefix;
    if (fits && info.prefix.length > (best?.prefix.length ?? 0)) best = info;
  }
  return best ?? fallback(kind);
}

// ------------------------------------------------------------------------------------------------------------------ words of titles

/**
 * One plain sentence with the facts of the leading detection alone: its hosts, its time, its answers. Where the same host shows a second kind of the
 * same behaviour, the strongest of these adds a clause with its own.
 */
export function titleOf(story: Story): string {
  const told = telling(story, story.lead);
  const info = kindInfo(story.lead.kind);
  return `${who(story, told)} ${info.deed(told)}${(info.end ?? within)(told)}${furtherClauses(story, told)}.`;
}

/** What is done to a host is told of that host alone, whoever else suffered the same. */
function telling(story: Story, detection: Detection): Telling {
  const role = roleOf(detection);
  const { direction } = story;
  const many = role === 'source' && story.actors.length > 1;
  const { peers, peerCount, firstMs, lastMs } = detection;
  const alike = story.detections.filter(({ kind }) => kind === detection.kind);
  const together = {
    flows: alike.reduce((sum, { flowCount }) => sum + flowCount, 0),
    records: alike.reduce((sum, { recordCount = 0 }) => sum + recordCount, 0),
    sum: (name: string) => alike.reduce((sum, one) => sum + (numberOf(one, name) ?? 0), 0),
  };
  if (!many && kindInfo(detection.kind).peersTogether === true) {
    const reached = [...new Set(alike.flatMap((one) => one.peers))].sort();
    const from = alike.reduce((least, one) => Math.min(least, one.firstMs), firstMs);
    const to = alike.reduce((most, one) => Math.max(most, one.lastMs), lastMs);
    return {
      detection,
      role,
      direction,
      many,
      peers: reached,
      peerCount: reached.length,
      firstMs: from,
      lastMs: to,
      together,
    };
  }
  if (!many) return { detection, role, direction, many, peers, peerCount, firstMs, lastMs, together };
  return {
    together,
    detection,
    role,
    direction,
    many,
    peers: story.peers.map((peer) => peer.address),
    peerCount: story.peerCount,
    firstMs: story.firstMs,
    lastMs: story.lastMs,
  };
}

/** The strongest finding of every further behaviour, at most two; where there is one behaviour, of the second kind. */
function furtherClauses(story: Story, { detection: lead, role, many }: Telling): string {
  if (many) return '';
  const others = story.detections.filter(
    (d) => d.kind !== lead.kind && d.actor === lead.actor && roleOf(d) === role && kindInfo(d.kind).opinion !== true,
  );
  const own = kindInfo(lead.kind).behaviour;
  const steps = new Map<string, Detection>();
  for (const d of others) {
    const { behaviour } = kindInfo(d.kind);
    if (behaviour !== own && !steps.has(behaviour)) steps.set(behaviour, d);
  }
  const further = steps.size > 0 ? [...steps.values()].slice(0, 2) : others.slice(0, 1);
  return further.map((d) => `; it also ${kindInfo(d.kind).deed(telling(story, d))}`).join('');
}

function who(story: Story, { detection, many }: Telling): string {
  const name = kindInfo(detection.kind).subject?.(detection) ?? addressLabel(detection.actor);
  return many
    ? `${counted(story.actors.length, kindInfo(detection.kind).subject === undefined ? 'host' : 'entity', kindInfo(detection.kind).subject === undefined ? 'hosts' : 'entities')} (${name} and others)`
    : name;
}

function onPort({ detection }: Telling): string {
  const { port, protocol, service } = detection;
  return port === undefined ? '' : ` on ${portLabel(port, protocol, knownService(service))}`;
}

/** ' in 10.2 s'. */
function within({ firstMs, lastMs }: Telling): string {
  return spanText(firstMs, lastMs);
}

/** ' in 10.2 s; none answered'; with a noun where a bare number would seem to count the hosts: '; 6 ports answered'. */
function withAnswers(told: Telling, noun?: string): string {
  const count = measure(told, 'scan.answered');
  if (count === undefined) return `${within(told)}${probesOf(told)}`;
  const number = noun === undefined ? humanCount(count) : counted(count, noun);
  return `${within(told)}; ${count === 0 ? 'none' : number} answered`;
}

/** ', with packets that begin no connection (fin)'. */
function probesOf({ detection, many }: Telling): string {
  const probes = many ? undefined : detection.reasons.find((reason) => reason.name === 'scan.probe')?.value;
  return probes === undefined ? '' : `, with packets that begin no connection (${probes})`;
}

/** ' about every 5 min, 24 times'; of many hosts together the number alone. */
function rhythm(told: Telling): string {
  const interval = measure(told, 'beacon.interval-median');
  const count = told.many
    ? told.together.sum('beacon.connections') || told.together.flows
    : (measure(told, 'beacon.connections') ?? told.detection.flowCount);
  const every =
    interval === undefined ? (told.many ? ' at even times,' : '') : ` about every ${humanDuration(interval)},`;
  return `${every} ${counted(count, 'time')}${told.many ? ' together' : ''}`;
}

/** The server name that a beacon asks for, made safe and short; '' where it shows none. */
function nameOf(detection: Detection): string {
  const value = detection.reasons.find((reason) => reason.name === 'beacon.name')?.value;
  return typeof value === 'string' ? safeText(value, 60) : '';
}

function targetCount(told: Telling): number {
  return measure(told, 'scan.targets') ?? told.peerCount;
}

function portsDeed(told: Telling): string {
  const ports = measure(told, 'scan.ports');
  const what = ports === undefined ? 'many ports' : counted(ports, 'different port');
  return `tried ${what} of ${targets(told)}`;
}

// ---------------------------------------------------------------------------------------------------------------- severity by kind

function scanSteps(story: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  const { lead, direction } = story;
  const one = story.actors.length === 1;
  const targeted = (one ? numberOf(lead, 'scan.targets') : undefined) ?? story.peerCount;
  const breadth = Math.max(targeted, numberOf(lead, 'scan.ports') ?? 0);
  if (breadth >= 100) steps.push({ rule: 'It tried 100 targets or more', points: 8 });
  else if (breadth >= 20) steps.push({ rule: 'It tried 20 targets or more', points: 4 });
  // That hosts on the same wire answer ARP or a ping is what they are for; that a service answers a search is a find.
  // Of a list of addresses most answer as a matter of course.
  const finds = story.detections.some(
    (d) =>
      d.kind !== 'scan.arp' &&
      d.kind !== 'scan.icmp' &&
      !hasReason(d, 'scan.names') &&
      (numberOf(d, 'scan.answered') ?? 0) > 0,
  );
  if (finds && direction === 'inward') steps.push({ rule: 'Something inside answered the search', points: 10 });
  else if (finds) steps.push({ rule: 'Something answered the search', points: 5 });
  if (hasReason(lead, 'scan.router'))
    steps.push({ rule: 'A router asks on behalf of others, so it is hardly the one who searches', points: -20 });
  if (hasReason(lead, 'scan.web-client'))
    steps.push({ rule: 'It looks like a web client that lost its way out', points: -30 });
  else if (direction === 'outward' && !finds && deadAddresses(lead))
    steps.push({
      rule: 'Nobody outside answered, on ports by which no worm spreads: peer-to-peer programs and miners with old lists of addresses do the same',
      points: -15,
    });
  return steps;
}

/** Services by which a program that spreads gets from one host to the next: remote control, shared files, databases. */
const SPREADING = new Set([
  'smb',
  'netbios-ssn',
  'dcerpc',
  'rdp',
  'vnc',
  'winrm',
  'ssh',
  'telnet',
  'ftp',
  'mssql',
  'mysql',
  'postgresql',
  'redis',
]);

/**
 * Whether a search of hosts outside reads as calls to addresses that are no longer in use: the detector says that nobody answered, and neither the port
 * nor the evidence is of a service by which worms spread. For those silence is no excuse: many providers and firewalls drop just these ports on the way out.
 */
function deadAddresses(detection: Detection): boolean {
  if (detection.kind === 'scan.icmp' || numberOf(detection, 'scan.answered') !== 0) return false;
  const ports = [detection.port, ...detection.flows.map((flow) => flow.responderPort)];
  return !ports.some((port) => SPREADING.has(usualService(port, detection.protocol ?? 'tcp') ?? ''));
}

function bruteForceSteps(story: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  const attempts = story.detections.reduce((most, d) => Math.max(most, numberOf(d, 'brute-force.attempts') ?? 0), 0);
  if (attempts >= 1000) steps.push({ rule: 'There were 1,000 such connections or more', points: 10 });
  else if (attempts >= 100) steps.push({ rule: 'There were 100 such connections or more', points: 7 });
  if (hasReason(story.lead, 'brute-force.chatty'))
    steps.push({ rule: 'Ordinary programs log in to this service again and again, too', points: -20 });
  if (story.detections.some((d) => (numberOf(d, 'brute-force.accepted') ?? 0) > 0))
    steps.push({
      rule: 'The server accepted a login of the same source: a password may have been found',
      points: story.direction === 'inward' ? 25 : 8,
    });
  else if (story.detections.some((d) => (numberOf(d, 'brute-force.session') ?? 0) > 0))
    steps.push({
      rule: 'A longer session between the same hosts: a login may have worked',
      points: story.direction === 'inward' ? 15 : 4,
    });
  return steps;
}

/** From so many connections on, and from this score on, a beacon weighs more: chance and short captures no longer make it. */
const MANY_CALLS = 100;
const STRONG_SCORE = 0.95;
/** RFC 7858, 3.1; systems that encrypt look-ups where they can try it at every name server that they are given. */
const DNS_OVER_TLS = 853;
/** Services of mail boxes, in clear and over TLS. */
const MAIL_BOXES: ReadonlySet<string> = new Set(['imap', 'imaps', 'pop3', 'pop3s']);
/** From this share of the hosts of the home network on, a place that is called is one that belongs to the network's life. The detector tells a share from five hosts on. */
const COMMON_SHARE = 0.5;

const SHORT_PART_MS = 7_200_000;

function beaconSteps(story: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  const { lead } = story;
  const count = numberOf(lead, 'beacon.connections') ?? lead.flowCount;
  const direction = callDirection(story, lead);
  const outward = direction === 'outward' || direction === 'outside';
  // A proxy is called by all, whatever is behind it.
  const proxied = direction !== story.direction;
  const share = proxied ? 0 : (numberOf(lead, 'beacon.prevalence') ?? 0);
  const isShared = !proxied && (share > 0 || hasReason(lead, 'beacon.callers') || story.actors.length > 1);
  if (direction === 'inside' && !isOddPort(lead))
    steps.push({
      rule: 'It is the port of a usual service, which programs of the house ask by the clock',
      points: -11,
    });
  if (lead.kind === 'beacon.attempts' && lead.port === DNS_OVER_TLS)
    steps.push({
      rule: 'It is the port of DNS over TLS, which hosts try first wherever they are, and go on trying',
      points: -15,
    });
  const isMail = outward && MAIL_BOXES.has(usualService(lead.port, lead.protocol) ?? '');
  // Programs that several hosts have, and those that ask for mail, keep time as well as any implant, for as long as they run.
  // Inside, what watches over services and asks them for news does so for as long as it runs.
  if (count >= MANY_CALLS && !isShared && !isMail && direction !== 'inside') {
    steps.push({ rule: 'There were 100 connections or more', points: 8 });
    if (outward && lead.score >= STRONG_SCORE)
      steps.push({ rule: 'The rhythm is nearly perfect, kept up over 100 connections to a host outside', points: 6 });
  }
  if (isMail)
    steps.push({ rule: 'It is the port of a service of mail boxes, which programs ask by the clock', points: -10 });
  if (share >= COMMON_SHARE)
    steps.push({ rule: 'Half of the hosts of the home network or more call the same place', points: -20 });
  else if (!proxied && (share > 0 || story.actors.length >= COMMON_CALLERS))
    steps.push({ rule: 'Five hosts of the home network or more call the same place', points: -12 });
  else if (isShared) steps.push({ rule: 'Other hosts of the home network call the same place', points: -6 });
  if (hasReason(lead, 'beacon.popular')) steps.push({ rule: 'The domain is on the list of popular ones', points: -10 });
  if ((numberOf(lead, 'beacon.window') ?? SHORT_PART_MS) < SHORT_PART_MS)
    steps.push({ rule: 'It went on for less than two hours of a longer time, as a page left open does', points: -5 });
  return [...steps, ...oddPortSteps(story)];
}

/** The port of the web, and that of MQTT over TLS: the ways to the cloud of a device's maker. */
const MAKER_PORTS: ReadonlySet<number> = new Set([443, 8883]);

/** What malware on such devices speaks is its own protocol or IRC or HTTP by address; it asks for no name in TLS. */
function makerPoints({ lead, direction }: Story): number | undefined {
  if (direction !== 'outward' || !hasReason(lead, 'beacon.name')) return undefined;
  return MAKER_PORTS.has(lead.port ?? 0) && (lead.service === 'tls' || lead.service === 'quic') ? -20 : undefined;
}

/** So many hosts that call one place alike are joined to one story (`MIN_DISTRIBUTED_ACTORS` of severity.ts). */
const COMMON_CALLERS = 5;

function longConnectionSteps(story: Story): SeverityStep[] {
  const steps = oddPortSteps(story);
  if (story.actors.length >= COMMON_CALLERS)
    steps.push({
      rule: 'Five hosts or more keep one open to the same place, as services of notifications have them',
      points: -10,
    });
  return steps;
}

function privateServerSteps({ lead }: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  if (hasReason(lead, 'suspicious-tls.tool'))
    steps.push({ rule: 'The certificate bears the name that a remote-control tool gives to its own', points: 20 });
  if (hasReason(lead, 'suspicious-tls.clients'))
    steps.push({ rule: 'Several hosts of the home network use the same server', points: -15 });
  return steps;
}

function oddPortSteps(story: Story): SeverityStep[] {
  const direction = callDirection(story, story.lead);
  if (direction !== 'outward' && direction !== 'outside') return [];
  return isOddPort(story.lead) ? [{ rule: 'It uses a port that no usual service has', points: 8 }] : [];
}

function isOddPort(detection: Detection): boolean {
  return detection.port !== undefined && usualService(detection.port, detection.protocol) === undefined;
}

/**
 * What passes a proxy inside goes to a host outside that the flow does not name, so it counts as outward.
 * A story of calls may have several detections; each has its own port.
 */
export function callDirection(
  story: Pick<Story, 'direction'>,
  detection: Pick<Detection, 'port' | 'protocol' | 'service'>,
): Direction {
  const service = knownService(detection.service) ?? usualService(detection.port, detection.protocol);
  const usual = usualService(detection.port, detection.protocol);
  const proxy = [service, usual].some((name) => name === 'http-proxy' || name === 'socks');
  return story.direction === 'inside' && proxy ? 'outward' : story.direction;
}

// ------------------------------------------------------------------------------------------------------------------------- joining

/**
 * One host that calls another: the same story whatever the detector and the port. So is one service that lives at several addresses: the same domain by
 * name, neighbours (/24, /64) on one port, or one port that no usual service has, as peers of one program use.
 */
function callLinks(detection: Detection): string[] {
  const { actor, peers, port, protocol = '' } = detection;
  if (peers.length === 0) return [`actor ${actor}`];
  const domain = domainOf(detection);
  return [
    ...peers.map((peer) => `pair ${actor} ${peer}`),
    ...(domain === undefined ? [] : [`name ${actor} ${domain}`]),
    ...(port === undefined
      ? []
      : [...new Set(peers.map((peer) => `network ${actor} ${networkOf(peer)} ${protocol} ${port}`))]),
    ...(isOddPort(detection) ? [`port ${actor} ${protocol} ${port}`] : []),
  ];
}

/** The registrable domain that is asked for, where all of the evidence asks for one and the same. */
function domainOf(detection: Detection): string | undefined {
  const named = nameOf(detection);
  const names = named === '' ? detection.flows.map((flow) => flow.serverName ?? flow.httpHost) : [named];
  const domains = new Set(names.map((name) => (name === undefined ? undefined : registrableDomain(name))));
  const [domain] = domains;
  return domains.size === 1 ? domain : undefined;
}

/** The name that is asked for, wherever it lives and through whatever proxy; else one host and port. */
function placeAim(detection: Detection): string | undefined {
  const name = nameOf(detection);
  return name === '' ? hostAim(detection) : `name ${name}`;
}

/** Everything against one target, and everything from one source, is one story; what a host suffers and what it does are two. */

function hostAim(detection: Detection): string | undefined {
  const [peer] = detection.peers;
  return peer !== undefined && detection.peerCount === 1 ? `${peer} ${detection.port ?? ''}` : undefined;
}

/** One host, or one network (/24, /64) in which all listed peers lie. */
function networkAim(detection: Detection): string | undefined {
  const networks = new Set(detection.peers.map(networkOf));
  const [network] = networks;
  if (detection.peerCount === 1) return hostAim(detection);
  return network !== undefined && networks.size === 1 ? `${network} ${detection.port ?? ''}` : undefined;
}

/** The network that an address lies in for the joining of detections: /24 of IPv4, /64 of IPv6. */
export function networkOf(address: string): string {
  return address.includes(':') ? expandedPrefix(address) : address.slice(0, address.lastIndexOf('.'));
}

/** The first four groups of an IPv6 address in RFC 5952 form. */
function expandedPrefix(address: string): string {
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...new Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':');
}

// ---------------------------------------------------------------------------------------------------------------------- techniques

function crossesBorder(story: Story): boolean {
  return story.direction === 'inward' || story.direction === 'outward';
}

/** Inside the home network a search is discovery; between home and the Internet, in either direction, it is active scanning. */
function portScanTechniques(story: Story, detection: Detection): TechniqueId[] {
  if (!crossesBorder(story)) return ['T1046'];
  return detection.kind === 'scan.vertical' ? ['T1595'] : ['T1595.001'];
}

const REMOTE_SERVICES: Readonly<Record<string, TechniqueId>> = {
  rdp: 'T1021.001',
  smb: 'T1021.002',
  ssh: 'T1021.004',
  vnc: 'T1021.005',
};

/** From so many user names on, guesses over Kerberos are sprayed over accounts. */
const MANY_NAMES = 3;

/** Many hosts mean spraying, and so do a few tries for each of many users. Use of a remote service is named only inside, and only where a session followed: before that there is nothing to name. */
function bruteForceTechniques(story: Story, detection: Detection): TechniqueId[] {
  const users = numberOf(detection, 'brute-force.users') ?? 0;
  const refusals = numberOf(detection, 'brute-force.refusals') ?? 0;
  const isSpray =
    detection.kind === 'brute-force.spray' ||
    detection.peerCount >= 3 ||
    (numberOf(detection, 'brute-force.names') ?? 0) >= MANY_NAMES ||
    (users >= 5 && refusals <= 3 * users);
  const ids: TechniqueId[] = [isSpray ? 'T1110.003' : 'T1110.001'];
  const remote = REMOTE_SERVICES[knownService(detection.service) ?? ''];
  if (remote !== undefined && story.direction === 'inside' && (numberOf(detection, 'brute-force.session') ?? 0) > 0)
    ids.push(remote);
  return ids;
}

const WEB = new Set(['http', 'tls', 'quic', 'http-proxy']);
const MAIL = new Set(['smtp', 'imap', 'pop3', 'smtps', 'imaps', 'pop3s']);
const ENCRYPTED = new Set([
  'tls',
  'quic',
  'ssh',
  'smtps',
  'imaps',
  'pop3s',
  'ldaps',
  'ftps',
  'dns-tls',
  'mqtt-tls',
  'wireguard',
  'openvpn',
]);
/** Services that wrap others, so that any of these ports is theirs by right. */
const CARRIED_BY_TLS = new Set([
  ...ENCRYPTED,
  'http',
  'rdp',
  'winrm-tls',
  'smtp',
  'imap',
  'pop3',
  'ldap',
  'ftp',
  'sips',
  'http-proxy',
]);

/**
 * Only for calls that leave the home network. The protocol is the one that the content shows, else the port's; where neither is known it is raw
 * TCP or UDP. A port is non-standard where the content shows a protocol that has another one.
 */
function callTechniques(story: Story, detection: Detection): TechniqueId[] {
  const direction = callDirection(story, detection);
  if (direction !== 'outward' && direction !== 'outside') return [];
  const usual = usualService(detection.port, detection.protocol);
  const service = knownService(detection.service) ?? usual;
  if (service === undefined) return detection.protocol === 'tcp' || detection.protocol === 'udp' ? ['T1095'] : [];
  if (service === UNLIKE_ITS_PORT) return ['T1095', 'T1571'];
  const ids: TechniqueId[] = [WEB.has(service) ? 'T1071.001' : MAIL.has(service) ? 'T1071.003' : 'T1071'];
  if (ENCRYPTED.has(service)) ids.push('T1573');
  const fits =
    usual === service ||
    (usual !== undefined && service === 'tls' && CARRIED_BY_TLS.has(usual)) ||
    (service === 'http' && usual === 'http-proxy');
  if (detection.port !== undefined && !fits) ids.push('T1571');
  return ids;
}
