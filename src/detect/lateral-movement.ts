import {
  counted,
  type Few,
  fewAdd,
  fewMembers,
  fewSize,
  humanCount,
  humanDuration,
  numberAt,
  type Table,
  textAt,
  widened,
} from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { Cap, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import { HostIndex } from './bounded/host-index.ts';
import { moreRows } from './bounded/number-column.ts';
import { NO_PLACE } from './bounded/number-index.ts';
import { NO_PORT, pairHash, TextHashes } from './bounded/pair.ts';
import { AddressBits, ipv4Bits } from './bounded/text-number.ts';
import { byScore, Case, CaseBook, compareText, Judged, operationsOf } from './case.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
  type Saturation,
} from './detection.ts';
import { EvidencePool, mergeEvidence } from './evidence/pool.ts';
import {
  MOST_TICKET_NAMES,
  NameBurst,
  TICKET_NONE,
  TICKET_PROBE,
  TICKET_PROVED,
  TICKET_REFUSED,
  TICKET_STRONG,
  TICKET_WEAK,
  ticketsOf,
  weakServices,
} from './kerberos-ticket.ts';
import { SSH_GREETING_BYTES } from './service.ts';
import { type Edge, NO_EDGE, SessionEdges } from './session-edge.ts';
import { classesOf, toldOf } from './told.ts';

/**
 * Moving from one host inside to the next: what an intruder does after the first foothold, with the tools of administrators.
 *
 * What it sees, between two hosts of the home network.
 *
 * `lateral-movement.execution`: a remote procedure call that runs something on the other host: a service created or started (svcctl), a task registered (ITaskSchedulerService,
 * atsvc), a method called through WMI (IWbemServices ExecMethod) or DCOM, PowerShell remoting (POST /wsman?PSVersion=), a program written to an administrative share, the registry changed,
 * an event log cleared, the requests of SMB that exploits send (MS17-010, DoublePulsar).
 * `lateral-movement.credentials`: the domain's secrets asked for by a host that is no domain controller (drsuapi DsGetNCChanges, "DCSync"), hives of the registry saved
 * from afar, secrets of the local security authority, a domain controller registered ("DCShadow"), the directory's database or a hive read from an administrative share, a server made to sign on to a path that the caller names (coerced authentication).
 * Of Kerberos (`kerberos-ticket.ts`): tickets for RC4 to the services of at least `minTickets` accounts of people within ten minutes ("Kerberoasting"), and logins begun for RC4 under at least
 * `minProbes` names, most of them without a key ever shown ("AS-REP roasting"); neither where most clients of the network want RC4 first.
 * `lateral-movement.enumeration`: who is logged on where (NetrSessionEnum, NetrWkstaUserEnum), lists of accounts (SAMR), shares of many hosts.
 * One detection per host that acts and kind. Score: the weight of the strongest call (`FACTS`), 0.03 more for each further target, at most 0.98; times 0.7 where all calls
 * were refused; times 0.6 where the host is used to reaching many (see below).
 *
 * `lateral-movement.encryption`: at least ten documents of a share, in one connection, get one new ending behind that of a document (`report.docx.locked`), as ransomware leaves them. Endings that
 * programs put there (.tmp, .bak, .gz, numbers) do not count.
 *
 * `lateral-movement.fan-out`: sessions with payload both ways to at least 4 hosts by one service of remote control (SMB, RDP, WinRM, SSH, VNC, WMI, Telnet) that began within 30
 * minutes, none of which more than one other host uses: file servers and domain controllers, to which everybody goes, do not count. Score n / (n + 2) for n hosts; times 0.7 where the
 * host had not been seen for ten minutes before, so that nobody knows whether this is new.
 *
 * Times 0.6 where it has watched over half of them since before (pings, SNMP, Prometheus, greetings of SSH that are read): a server for management.
 *
 * Innocent, and left alone: domain controllers that replicate with one another; a server that half of its clients are reached from again and again, in rounds (management,
 * monitoring, a jump host at work): at least half of the hosts reached had been reached before or were again after the 30 minutes; event collection over WinRM; printers.
 * Innocent, and found: the one remote installation that an administrator makes by hand; a vulnerability scanner with passwords.
 * What fools it: SMB 3 and RPC that are encrypted hide the call (the fan-out still shows); one hop at a time over RDP or SSH, days apart; what runs between subnets that the
 * capture does not see.
 *
 * Cost: one look-up per flow in a small table, one comparison per flow for the first time of each host; 1 kB per acting host, 100 bytes per edge, capped.
 * Source: MITRE BZAR for the calls (ATT&CK T1021, T1047, T1053.005, T1569.002, T1003, T1049, T1087, T1135, T1187, T1570), the open specifications MS-SCMR, MS-TSCH, MS-WMI, MS-DRSR, MS-SRVS.
 */
export const lateralMovementInfo: DetectorInfo = {
  id: 'lateral-movement',
  kinds: [
    'lateral-movement.execution',
    'lateral-movement.credentials',
    'lateral-movement.enumeration',
    'lateral-movement.encryption',
    'lateral-movement.fan-out',
  ],
  needs: ['initiator', 'responder', 'responderPort', 'protocol', 'service', 'startMs'],
  sees: 'Remote procedure calls by which hosts inside run programs on others, take secrets or list who is where; many documents of a share renamed alike; many new sessions of remote control from one host.',
  fooledBy: 'Encrypted SMB and RPC hide the calls; single hops days apart. Administrators do the same by hand.',
  cost: 'One look-up per flow; about 1 kB per acting host and 100 bytes per edge.',
  source: 'Calls as in MITRE BZAR; ATT&CK T1021, T1047, T1569.002, T1003.006 and others.',
};

export interface LateralMovementOptions {
  /** Weaker findings are not reported. */
  readonly minScore: number;
  /** Hosts newly reached by one service within `windowMs`. */
  readonly minTargets: number;
  readonly windowMs: number;
  /** A host that more sources than this use by the same service is one that everybody goes to. */
  readonly maxSourcesOfTarget: number;
  /** Share of the hosts reached that were reached in another round, from which on the source is used to it. */
  readonly usualShare: number;
  /** How long a source must have been seen before, for what it reaches to be known as new. */
  readonly historyMs: number;
  /** Hosts whose shares are listed, from which on it is a search. */
  readonly minShareTargets: number;
  /** Services of accounts for which tickets in RC4 are asked for, within `historyMs`. */
  readonly minTickets: number;
  /** Names under which logins in RC4 are begun and no key is shown, within `historyMs`. */
  readonly minProbes: number;
  readonly maxActors: number;
  readonly maxEdges: number;
  readonly maxHosts: number;
}

export const DEFAULT_LATERAL_MOVEMENT_OPTIONS: LateralMovementOptions = {
  minScore: 0.45,
  minTargets: 4,
  windowMs: 1_800_000,
  maxSourcesOfTarget: 2,
  usualShare: 0.5,
  historyMs: 600_000,
  minShareTargets: 5,
  minTickets: 3,
  minProbes: 5,
  maxActors: 4096,
  maxEdges: 65_536,
  maxHosts: 16_384,
};

type Kind = 'execution' | 'credentials' | 'enumeration' | 'encryption' | 'tickets';

interface Fact {
  /** Behind 'lateral-movement.' the name of the reason. */
  readonly name: string;
  readonly kind: Kind;
  readonly weight: number;
  /** What was done, for 'It ... on 3 hosts.' */
  readonly did: string;
  readonly test: RegExp;
}

/**
 * What is told by one operation. A refused call ends in the name of its status: 'svcctl:CreateServiceW access_denied'. File names of SMB carry their share: 'write ADMIN$\x.exe'.
 * The order is that of the reasons.
 */
const FACTS: readonly Fact[] = [
  {
    name: 'service',
    kind: 'execution',
    weight: 0.9,
    did: 'created a service',
    test: /^svcctl:(CreateService(WOW64)?[AW]|CreateWowService)\b/,
  },
  {
    name: 'service-start',
    kind: 'execution',
    weight: 0.5,
    did: 'started or changed a service',
    test: /^svcctl:(StartService[AW]|ChangeServiceConfig2?[AW])\b/,
  },
  {
    name: 'task',
    kind: 'execution',
    weight: 0.85,
    did: 'planned a task',
    test: /^(ITaskSchedulerService:(SchRpcRegisterTask|SchRpcRun)|atsvc:NetrJobAdd)\b/,
  },
  {
    name: 'wmi',
    kind: 'execution',
    weight: 0.85,
    did: 'called a method through WMI',
    test: /^IWbemServices:ExecMethod(Async)?\b/,
  },
  {
    name: 'program',
    kind: 'execution',
    weight: 0.6,
    did: 'wrote a program to an administrative share',
    test: /^(create|write) (ADMIN|[A-Z])\$\\.*\.(exe|dll|bat|ps1|cmd|vbs|sys|scr|msi)\b/i,
  },
  {
    name: 'dcom',
    kind: 'execution',
    weight: 0.7,
    did: 'called methods of a program by DCOM',
    test: /^IDispatch:Invoke\b/,
  },
  {
    name: 'registry',
    kind: 'execution',
    weight: 0.6,
    did: 'changed the registry',
    test: /^winreg:BaseReg(SetValue|CreateKey)\b/,
  },
  {
    name: 'log',
    kind: 'execution',
    weight: 0.85,
    did: 'cleared an event log',
    test: /^(eventlog:ElfrClearELF[WA]|IEventService:EvtRpcClearLog)\b/,
  },
  {
    name: 'exploit',
    kind: 'execution',
    weight: 0.85,
    did: 'sent requests of SMB that only attacks on it send',
    test: /^TRANS(_PEEK_NMPIPE|2_SESSION_SETUP)\b/,
  },
  {
    name: 'dcshadow',
    kind: 'credentials',
    weight: 0.9,
    did: 'registered itself as a domain controller',
    test: /^drsuapi:DsReplicaAdd\b/,
  },
  {
    name: 'lsa-secrets',
    kind: 'credentials',
    weight: 0.8,
    did: 'asked for secrets of the local security authority',
    test: /^lsarpc:Lsar(RetrievePrivateData|QuerySecret)\b/,
  },
  {
    name: 'dcsync',
    kind: 'credentials',
    weight: 0.9,
    did: 'asked for the secrets of the domain as a domain controller does',
    test: /^drsuapi:DsGetNCChanges\b/,
  },
  {
    name: 'hive',
    kind: 'credentials',
    weight: 0.8,
    did: 'saved a hive of the registry',
    test: /^winreg:BaseRegSaveKey(Ex)?\b/,
  },
  {
    name: 'database',
    kind: 'credentials',
    weight: 0.85,
    did: 'reached for the database of accounts by file',
    test: /^(open|create) (ADMIN|[A-Z])\$\\(.*\\)?(ntds\.dit|system32\\config\\(sam|system|security))\b/i,
  },
  {
    name: 'coerced',
    kind: 'credentials',
    weight: 0.8,
    did: 'told a server to open a path of its choice, so that it signs on there',
    test: /^(efsrpc:EfsRpc\w+|fsrvp:IsPath\w+|netdfs:NetrDfs(Add|Remove)StdRoot\w*|spoolss:RpcRemoteFindFirstPrinterChangeNotification\w*)/,
  },
  {
    name: 'sessions',
    kind: 'enumeration',
    weight: 0.7,
    did: 'asked who is logged on',
    test: /^(srvsvc:NetrSessionEnum|wkssvc:NetrWkstaUserEnum)\b/,
  },
  {
    name: 'accounts',
    kind: 'enumeration',
    weight: 0.55,
    did: 'asked for lists of accounts',
    test: /^samr:Samr(Enumerate(Users|Groups|Aliases)InDomain|QueryDisplayInformation[23]?|GetMembersIn(Group|Alias))\b/,
  },
  {
    name: 'shares',
    kind: 'enumeration',
    weight: 0.6,
    did: 'asked for lists of shares',
    test: /^srvsvc:NetrShareEnum(Sticky)?\b/,
  },
  {
    name: 'endings',
    kind: 'encryption',
    weight: 0.9,
    did: 'gave ten documents or more one same new ending, as ransomware does,',
    test: /^ending \.\S* on \d+ files$/,
  },
];

/** What domain controllers do among themselves. */
const OF_CONTROLLERS: ReadonlySet<string> = new Set(['dcsync', 'dcshadow']);

const NO_FACTS = 0;
const SHARES = FACTS.findIndex(({ name }) => name === 'shares');
/** PowerShell remoting is told by its request. */
const POWERSHELL: Fact = {
  name: 'powershell',
  kind: 'execution',
  weight: 0.7,
  did: 'opened a PowerShell session',
  test: /^POST \/wsman\?PSVersion=/i,
};
/** Tickets are told by counts of names. They are a kind of their own here, so that ordinary tickets are no evidence of anything else; what is found is theft of secrets. */
const KERBEROAST: Fact = {
  name: 'kerberoast',
  kind: 'tickets',
  weight: 0.8,
  did: 'asked for tickets in RC4',
  test: /^$/,
};
const ASREP: Fact = {
  name: 'asrep',
  kind: 'tickets',
  weight: 0.75,
  did: 'began logins in RC4',
  test: /^$/,
};
const ALL_FACTS: readonly Fact[] = [...FACTS, POWERSHELL, KERBEROAST, ASREP];
const POWERSHELL_BIT = 1 << FACTS.length;
const KERBEROAST_FACT = FACTS.length + 1;
const ASREP_FACT = FACTS.length + 2;
/** From so many clients that want RC4 first on, it may be what all of them do. */
const MIN_WEAK_CLIENTS = 3;

const PER_TARGET = 0.03;
const MOST_SCORE = 0.98;
const REFUSED_FACTOR = 0.7;
const USUAL_FACTOR = 0.6;

const ANY_PORT = 1;
const ON_METRICS_PORT = 2;
/** Services by which one host sees whether another is well: on any port, or on the one on which hosts tell their measures to Prometheus. */
const WATCHING: ReadonlyMap<string, number> = new Map([
  ['snmp', ANY_PORT],
  ['http', ON_METRICS_PORT],
]);
const METRICS_PORT = 9100;
const NO_HISTORY_FACTOR = 0.7;
/** Sources of a target that are told apart. */
const MOST_SOURCES = 8;

/** Services of remote control, by what the content or the port says. */
const FAMILY: ReadonlyMap<string, string> = new Map([
  ['smb', 'smb'],
  ['netbios-ssn', 'smb'],
  ['rdp', 'rdp'],
  ['ssh', 'ssh'],
  ['vnc', 'vnc'],
  ['telnet', 'telnet'],
  ['winrm', 'winrm'],
  ['winrm-tls', 'winrm'],
  ['dcerpc', 'dcerpc'],
]);
function familyOfPort(port: number): string | undefined {
  if (port === 5985 || port === 5986) return 'winrm';
  return port === 3389 ? 'rdp' : undefined;
}

const FAMILY_LABELS: Readonly<Record<string, string>> = {
  smb: 'SMB',
  rdp: 'Remote Desktop',
  ssh: 'SSH',
  vnc: 'VNC',
  telnet: 'Telnet',
  winrm: 'WinRM',
  dcerpc: 'Windows RPC',
};

/** Services that a domain controller answers. */
const DIRECTORY: ReadonlySet<string> = new Set(['kerberos', 'ldap', 'ldaps', 'ldap-gc', 'ldaps-gc', 'cldap']);

/** Bits of the facts that some operations tell: those that were done, and those that were refused above them. */
function factsOf(text: string): number {
  let done = NO_FACTS;
  let refused = NO_FACTS;
  for (const operation of operationsOf(text)) {
    // Calls have a colon, files of administrative shares a dollar: the others need no further look.
    if (
      !operation.includes(':') &&
      !operation.includes('$') &&
      !operation.startsWith('TRANS') &&
      !operation.startsWith('ending ')
    )
      continue;
    const index = FACTS.findIndex(({ test }) => test.test(operation));
    if (index < 0) continue;
    // A call stands without a blank; a file operation has a path, and its refusal a status in capitals behind.
    const isCall = /^\w+:\w+/.test(operation);
    const isRefused = isCall ? operation.includes(' ') : /STATUS_\w+$/.test(operation);
    if (isRefused) refused |= 1 << index;
    else done |= 1 << index;
  }
  // A call is noted when it is asked for, and again with the status when that came back.
  return done === NO_FACTS && refused === NO_FACTS ? NO_FACTS : (done | refused) + refused * REFUSED_SHIFT;
}

/** Facts take fewer than 24 bits; those that were refused stand above. */
const REFUSED_SHIFT = 2 ** 24;

/** What was seen of one fact. */
interface Act {
  readonly fact: number;
  /** Bounded. */
  targets: Few<string>;
  flows: number;
  refusals: number;
}

class Acts extends Case {
  /** Few of all facts hold of one host. */
  readonly seen: Act[] = [];
  /** Of the kind 'tickets'. */
  services: NameBurst | undefined;
  probed: NameBurst | undefined;
  proved = 0;

  of(fact: number): Act | undefined {
    return this.seen.find((act) => act.fact === fact);
  }

  add(fact: number, target: string, isRefused: boolean): void {
    let act = this.of(fact);
    if (act === undefined) {
      act = { fact, targets: undefined, flows: 0, refusals: 0 };
      this.seen.push(act);
    }
    if (fewSize(act.targets) < MOST_TARGETS) act.targets = fewAdd(act.targets, target);
    act.flows++;
    if (isRefused) act.refusals++;
  }
}

const EVIDENCE_PER_EDGE = 2;
const MOST_TARGETS = 512;

export function createLateralMovementDetector(
  context: NetworkContext,
  options: Partial<LateralMovementOptions> = {},
): Detector {
  return new LateralMovementDetector(context, { ...DEFAULT_LATERAL_MOVEMENT_OPTIONS, ...options });
}

class LateralMovementDetector implements Detector {
  readonly id = lateralMovementInfo.id;
  readonly #context: NetworkContext;
  readonly #options: LateralMovementOptions;
  readonly #acts: CaseBook<Acts>;
  readonly #pool = new EvidencePool(20_000);
  readonly #edges: SessionEdges;
  readonly #edgeCap: Cap;
  /** Who watches over whom: pings, polls by SNMP, measures for Prometheus, greetings of SSH read. */
  readonly #watches: SessionEdges;
  readonly #watchCap: Cap;
  readonly #controllers: HostIndex;
  /** Clients that want RC4 first for a service, and those that want something else. */
  readonly #weakClients: HostIndex;
  readonly #strongClients: HostIndex;
  /** Start of the first flow of each initiator. */
  readonly #firstSeen: HostIndex;
  /** By what `#firstSeen` says. */
  #firstMs = new Float64Array(64);

  constructor(context: NetworkContext, options: LateralMovementOptions) {
    this.#context = context;
    this.#options = options;
    this.#acts = new CaseBook('hosts that call others to act', options.maxActors, Acts);
    this.#edges = new SessionEdges(options.windowMs);
    this.#edgeCap = new Cap('sessions of remote control by source and target', options.maxEdges);
    this.#watches = new SessionEdges(options.windowMs);
    this.#watchCap = new Cap('hosts that others watch over', options.maxHosts);
    this.#controllers = new HostIndex(new Cap('domain controllers', options.maxHosts));
    this.#weakClients = new HostIndex(new Cap('clients of Kerberos that want RC4', options.maxHosts));
    this.#strongClients = new HostIndex(new Cap('clients of Kerberos that want AES', options.maxHosts));
    this.#firstSeen = new HostIndex(new Cap('hosts that begin connections', options.maxHosts));
  }

  observe(table: Table): void {
    const flows = bindFlows(table);
    const isTcp = classesOf(flows.protocol, (protocol) => protocol === 'tcp');
    const isEcho = classesOf(flows.protocol, (protocol) => protocol === 'icmp' || protocol === 'icmpv6');
    const watching = classesOf(flows.service, (service) => WATCHING.get(service) ?? 0);
    const family = flows.service.dictionary.map((service) => FAMILY.get(service));
    const isDirectory = classesOf(flows.service, (service) => DIRECTORY.has(service));
    const protocols = flows.protocol.codes;
    const services = flows.service.codes;
    const facts = new Judged(flows.operations, factsOf, NO_FACTS);
    const isKerberos = classesOf(flows.service, (service) => service === 'kerberos');
    const tickets = new Judged(flows.operations, ticketsOf, TICKET_NONE);
    const isPowerShell = new Judged(flows.httpRequest, (text) => POWERSHELL.test.test(text), false);
    this.#noteFirst(flows);
    for (let row = 0; row < flows.rowCount; row++) {
      const service = services[row] as number;
      if (isDirectory[service + 1] === 1) {
        this.#noteController(flows, row);
        if (isKerberos[service + 1] === 1) this.#noteTickets(flows, row, tickets.at(row));
      }
      if (isEcho[(protocols[row] as number) + 1] === 1 || watching[service + 1] === ANY_PORT) {
        this.#watch(flows, row);
        continue;
      }
      if (isTcp[(protocols[row] as number) + 1] === 0) continue;
      // What a port is for counts only where the content is that of its carrier: HTTP and TLS of WinRM and RDP.
      const port = numberAt(flows.responderPort, row) ?? -1;
      const control = familyOfPort(port) ?? (service < 0 ? undefined : family[service]);
      if (control === undefined) {
        if (port === METRICS_PORT && watching[service + 1] === ON_METRICS_PORT) this.#watch(flows, row);
        continue;
      }
      if ((numberAt(flows.responderPayloadBytes, row) ?? 0) === 0) continue;
      // A monitor that reads the version of an SSH server opens no session.
      const sent = numberAt(flows.initiatorPayloadBytes, row) ?? 0;
      if (control === 'ssh' && sent <= SSH_GREETING_BYTES) this.#watch(flows, row);
      if (sent <= (control === 'ssh' ? SSH_GREETING_BYTES : 0)) continue;
      const told = facts.at(row) + (control === 'winrm' && isPowerShell.at(row) ? POWERSHELL_BIT : 0);
      this.#take(flows, row, control, told);
    }
  }

  /** One flow by which a host may see whether another is well. */
  #watch(flows: FlowBatch, row: number): void {
    if ((numberAt(flows.responderPackets, row) ?? 0) === 0) return;
    const source = textAt(flows.initiator, row);
    const target = textAt(flows.responder, row);
    const startMs = numberAt(flows.startMs, row);
    if (source === undefined || target === undefined || startMs === undefined || source === target) return;
    if (!this.#context.isHome(source) || !this.#context.isHome(target)) return;
    const hash = pairHash(new TextHashes(flows.initiator).at(row), new TextHashes(flows.responder).at(row), NO_PORT);
    let watch = this.#watches.find(hash, source, target, '');
    if (watch === NO_EDGE && this.#watches.size < this.#watchCap.cap)
      watch = this.#watches.add(hash, source, target, '');
    if (watch === NO_EDGE) this.#watchCap.refused++;
    else this.#watches.saw(watch, startMs, numberAt(flows.endMs, row) ?? startMs);
  }

  #noteFirst(flows: FlowBatch): void {
    const { codes, dictionary } = flows.initiator;
    const isHome = toldOf(flows.initiator, this.#context.isHome);
    const first = new Float64Array(dictionary.length).fill(Number.POSITIVE_INFINITY);
    const bits = AddressBits.of(flows.initiator);
    const { values } = flows.startMs;
    for (let row = 0; row < flows.rowCount; row++) {
      const code = codes[row] ?? -1;
      const startMs = values[row] ?? Number.NaN;
      if (code >= 0 && startMs < (first[code] ?? 0)) first[code] = startMs;
    }
    for (let code = 0; code < first.length; code++) {
      const ms = first[code] ?? Number.POSITIVE_INFINITY;
      if (!Number.isFinite(ms) || !isHome.of(code)) continue;
      const address = dictionary[code] ?? '';
      const known = this.#firstSeen.size;
      const host = this.#firstSeen.obtain(address, bits.of(code));
      if (host === NO_PLACE) continue;
      if (host >= this.#firstMs.length) this.#firstMs = widened(this.#firstMs, moreRows(host, this.#options.maxHosts));
      if (host === known || ms < (this.#firstMs[host] as number)) this.#firstMs[host] = ms;
    }
  }

  #noteController(flows: FlowBatch, row: number): void {
    const address = textAt(flows.responder, row);
    if (address === undefined || (numberAt(flows.responderPayloadBytes, row) ?? 0) === 0) return;
    if (this.#context.isHome(address)) this.#controllers.obtain(address, AddressBits.of(flows.responder).at(row));
  }

  #noteTickets(flows: FlowBatch, row: number, told: number): void {
    if (told === TICKET_NONE) return;
    const source = textAt(flows.initiator, row);
    const target = textAt(flows.responder, row);
    const startMs = numberAt(flows.startMs, row);
    if (source === undefined || target === undefined || startMs === undefined || source === target) return;
    if (!this.#context.isHome(source) || !this.#context.isHome(target)) return;
    const bits = AddressBits.of(flows.initiator).at(row);
    if ((told & TICKET_STRONG) !== 0) this.#strongClients.obtain(source, bits);
    if ((told & (TICKET_WEAK | TICKET_PROBE)) === 0) {
      if ((told & TICKET_PROVED) !== 0) {
        const known = this.#acts.find('tickets', source);
        if (known !== undefined) known.proved++;
      }
      return;
    }
    const acts = this.#acts.obtain('tickets', source);
    if (acts === undefined) return;
    const isRefused = (told & TICKET_REFUSED) !== 0;
    if ((told & TICKET_WEAK) !== 0) {
      this.#weakClients.obtain(source, bits);
      acts.services ??= new NameBurst(this.#options.historyMs);
      for (const service of weakServices(textAt(flows.operations, row) ?? '')) acts.services.add(service, startMs);
      acts.add(KERBEROAST_FACT, target, isRefused);
    }
    if ((told & TICKET_PROBE) !== 0) {
      const user = textAt(flows.user, row);
      acts.probed ??= new NameBurst(this.#options.historyMs);
      if (user !== undefined) acts.probed.add(user, startMs);
      acts.add(ASREP_FACT, target, isRefused);
    }
    const times = { peer: target, startMs, endMs: numberAt(flows.endMs, row) };
    // Tickets say more than logins that were begun, and what was given more than what was refused.
    const weight = ((told & TICKET_WEAK) !== 0 ? 2 : 1) + (isRefused ? 0 : 0.5);
    this.#acts.saw(acts, flows.table, row, times, -weight);
  }

  #take(flows: FlowBatch, row: number, family: string, told: number): void {
    const source = textAt(flows.initiator, row);
    const target = textAt(flows.responder, row);
    const startMs = numberAt(flows.startMs, row);
    if (source === undefined || target === undefined || startMs === undefined || source === target) return;
    if (!this.#context.isHome(source) || !this.#context.isHome(target)) return;
    const times = { peer: target, startMs, endMs: numberAt(flows.endMs, row) };
    if (told !== NO_FACTS) this.#act(flows, row, source, target, told, times);

    const edge = this.#edgeOf(flows, row, source, target, family);
    if (edge === NO_EDGE) return;
    this.#edges.saw(edge, startMs, times.endMs ?? startMs);
    this.#pool.offer(edge, flows.table, row);
  }

  /** Its number, which is that of its collector too. */
  #edgeOf(flows: FlowBatch, row: number, source: string, target: string, family: string): number {
    const hash = pairHash(new TextHashes(flows.initiator).at(row), new TextHashes(flows.responder).at(row), NO_PORT);
    const known = this.#edges.find(hash, source, target, family);
    if (known !== NO_EDGE) return known;
    const made = this.#edges.size >= this.#edgeCap.cap ? NO_EDGE : this.#edges.add(hash, source, target, family);
    if (made === NO_EDGE) this.#edgeCap.refused++;
    else this.#pool.collector(EVIDENCE_PER_EDGE);
    return made;
  }

  #act(
    flows: FlowBatch,
    row: number,
    source: string,
    target: string,
    told: number,
    times: { readonly peer: string; readonly startMs: number; readonly endMs: number | undefined },
  ): void {
    const bits = told % REFUSED_SHIFT;
    const refused = Math.floor(told / REFUSED_SHIFT);
    const kinds = new Set(ALL_FACTS.filter((_, i) => (bits & (1 << i)) !== 0).map(({ kind }) => kind));
    for (const kind of kinds) {
      const acts = this.#acts.obtain(kind, source);
      if (acts === undefined) continue;
      let weight = 0;
      for (const [i, fact] of ALL_FACTS.entries()) {
        if (fact.kind !== kind || (bits & (1 << i)) === 0) continue;
        acts.add(i, target, (refused & (1 << i)) !== 0);
        weight = Math.max(weight, fact.weight);
      }
      this.#acts.saw(acts, flows.table, row, times, -weight);
    }
  }

  saturations(): Saturation[] {
    return [
      ...this.#acts.saturations(this.id, [
        this.#edgeCap,
        this.#watchCap,
        this.#controllers.cap,
        this.#weakClients.cap,
        this.#strongClients.cap,
        this.#firstSeen.cap,
      ]),
      ...saturationsOf(this.id, [this.#pool.cap]),
    ];
  }

  finish(): Detection[] {
    const edges = this.#edges.sorted();
    const usual = this.#usualSources(edges);
    const found: Detection[] = [];
    for (const [key, acts] of this.#acts.entries()) {
      const [kind = '', source = ''] = key.split(' ');
      const one = this.#actDetection(kind as Kind, source, acts, usual.has(source));
      if (one !== undefined) found.push(one);
    }
    for (const group of groupEdges(edges).values()) {
      const one = this.#fanOut(group, edges);
      if (one !== undefined) found.push(one);
    }
    return found.sort((a, b) => byScore(a, b) || compareText(a.service ?? '', b.service ?? ''));
  }

  /** Sources that reach many hosts in rounds. */
  #usualSources(edges: readonly Edge[]): Set<string> {
    const { minTargets, usualShare } = this.#options;
    const usual = new Set<string>();
    for (const group of groupEdges(edges).values()) {
      const again = group.filter(({ hasRounds }) => hasRounds).length;
      const [first] = group;
      if (first !== undefined && group.length >= minTargets && again >= usualShare * group.length)
        usual.add(first.source);
    }
    return usual;
  }

  #actDetection(kind: Kind, source: string, acts: Acts, isUsual: boolean): Detection | undefined {
    const { minShareTargets, minScore, minTickets, minProbes } = this.#options;
    const present = ALL_FACTS.flatMap((fact, i) => {
      const act = acts.of(i);
      if (fact.kind !== kind || act === undefined) return [];
      // Everybody lists the shares of the server they work with.
      const counts =
        kind === 'tickets'
          ? this.#countsTickets(i, acts)
          : i === SHARES
            ? fewSize(act.targets) >= minShareTargets
            : !OF_CONTROLLERS.has(fact.name) || this.#controllers.find(source, ipv4Bits(source)) === NO_PLACE;
      return counts ? [{ fact, act }] : [];
    });
    if (present.length === 0) return undefined;
    const targets = new Set(present.flatMap(({ act }) => [...fewMembers(act.targets)]));
    const weight = present.reduce((most, { fact }) => Math.max(most, fact.weight), 0);
    const isRefused = present.every(({ act }) => act.refusals >= act.flows);
    const full = Math.min(MOST_SCORE, weight + PER_TARGET * (targets.size - 1));
    const score = Number((full * (isRefused ? REFUSED_FACTOR : 1) * (isUsual ? USUAL_FACTOR : 1)).toFixed(3));
    if (score < minScore) return undefined;
    const reasons: Reason[] = present.map(({ fact, act }) => {
      const count = fewSize(act.targets);
      const names = fact === KERBEROAST ? acts.services?.most : fact === ASREP ? acts.probed?.most : undefined;
      if (names !== undefined)
        return {
          name: `lateral-movement.${fact.name}`,
          value: names,
          unit: 'names',
          threshold: fact === KERBEROAST ? minTickets : minProbes,
          sentence:
            fact === KERBEROAST
              ? `It ${fact.did} to the services of ${atLeast(names)}${counted(names, 'account')} at ${counted(count, 'host')}, by ${counted(act.flows, 'connection')}: passwords can be guessed from such tickets elsewhere.`
              : `It ${fact.did} under ${atLeast(names)}${counted(names, 'name')} at ${counted(count, 'host')}, by ${counted(act.flows, 'connection')}, and mostly showed no key: accounts that need none are found so.`,
        };
      return {
        name: `lateral-movement.${fact.name}`,
        value: count,
        unit: 'hosts',
        sentence: `It ${fact.did} on ${counted(count, 'host')}, by ${counted(act.flows, 'connection')}.`,
      };
    });
    if (isRefused)
      reasons.push({
        name: 'lateral-movement.refused',
        value: REFUSED_FACTOR,
        unit: 'factor',
        sentence: 'All of it was refused, so that the score is lowered: it was tried and did not work.',
      });
    if (isUsual)
      reasons.push({
        name: 'lateral-movement.usual',
        value: USUAL_FACTOR,
        unit: 'factor',
        sentence:
          'This host reaches many others in rounds, as a server for management does: the score is lowered by that.',
      });
    const { span, peers: weights } = acts;
    const peers = [...targets].sort((a, b) => weights.weight(b) - weights.weight(a) || compareText(a, b));
    const { firstMs, lastMs } = span;
    return {
      kind: `lateral-movement.${kind === 'tickets' ? 'credentials' : kind}`,
      detector: this.id,
      actor: source,
      peers: peers.slice(0, MAX_PEERS),
      peerCount: peers.length,
      protocol: 'tcp',
      firstMs,
      lastMs,
      score,
      reasons,
      flows: this.#acts.flows(acts),
      flowCount: acts.flowCount,
    };
  }

  /** Whether there were enough names, and others do not the same: in old networks all clients want RC4. */
  #countsTickets(fact: number, acts: Acts): boolean {
    const { minTickets, minProbes } = this.#options;
    const weak = this.#weakClients.size;
    if (weak >= MIN_WEAK_CLIENTS && weak > this.#strongClients.size) return false;
    if (fact === KERBEROAST_FACT) return (acts.services?.most ?? 0) >= minTickets;
    const probed = acts.probed?.most ?? 0;
    return probed >= minProbes && 2 * acts.proved < (acts.of(ASREP_FACT)?.flows ?? 0);
  }

  #fanOut(group: readonly Edge[], all: readonly Edge[]): Detection | undefined {
    const { minTargets, windowMs, maxSourcesOfTarget, usualShare, historyMs, minScore } = this.#options;
    const [first] = group;
    if (first === undefined || group.length < minTargets) return undefined;
    const sources = this.#sourceCounts(all);
    const rare = group
      .filter((edge) => (sources.get(`${edge.target} ${edge.family}`) ?? 0) <= maxSourcesOfTarget)
      .sort((a, b) => a.firstStartMs - b.firstStartMs || compareText(a.target, b.target));
    const burst = busiest(rare, windowMs);
    const [opening] = burst;
    if (opening === undefined || burst.length < minTargets) return undefined;
    const again = burst.filter(({ hasRounds }) => hasRounds).length;
    if (again >= usualShare * burst.length) return undefined;
    const { source, family } = first;
    const seenMs = opening.firstStartMs - (this.#firstSeenMs(source) ?? opening.firstStartMs);
    const isNew = seenMs >= historyMs;
    const n = burst.length;
    const watched = this.#watchedFor(source, opening.firstStartMs - historyMs);
    const overseen = burst.filter(({ target }) => watched.has(target)).length;
    const isWatcher = overseen >= usualShare * n;
    const factor = isNew ? (isWatcher ? USUAL_FACTOR : 1) : NO_HISTORY_FACTOR;
    const score = Number(((n / (n + 2)) * factor).toFixed(3));
    if (score < minScore) return undefined;
    const span = new TimeSpan();
    for (const edge of burst) span.add(edge.firstMs, edge.lastMs);
    const label = FAMILY_LABELS[family] ?? family;
    const lastBegun = burst[n - 1]?.firstStartMs ?? opening.firstStartMs;
    const reasons: Reason[] = [
      {
        name: 'lateral-movement.targets',
        value: n,
        unit: 'hosts',
        threshold: minTargets,
        sentence: `It reached ${counted(n, 'host')} by ${label} within ${humanDuration(lastBegun - opening.firstStartMs)}; hardly anybody else reaches them so.`,
      },
      {
        name: 'lateral-movement.history',
        value: Math.max(0, seenMs),
        unit: 'ms',
        threshold: historyMs,
        sentence: isNew
          ? `It had been seen for ${humanDuration(seenMs)} before without reaching them.`
          : 'It was not seen long enough before to say whether this is new; the score is lowered by that.',
      },
    ];
    if (isNew && isWatcher)
      reasons.push({
        name: 'lateral-movement.watched',
        value: overseen,
        unit: 'hosts',
        threshold: usualShare * n,
        sentence: `It had watched over ${humanCount(overseen)} of them for ${humanDuration(historyMs)} and more, as a server for management does: the score is lowered by that.`,
      });
    const peers = burst.map((edge) => edge.target);
    return {
      kind: 'lateral-movement.fan-out',
      detector: this.id,
      actor: source,
      peers: peers.slice(0, MAX_PEERS),
      peerCount: n,
      protocol: 'tcp',
      service: family,
      firstMs: span.firstMs,
      lastMs: span.lastMs,
      score,
      reasons,
      flows: mergeEvidence(burst.map((edge) => this.#pool.flows(edge.number))),
      flowCount: burst.reduce((sum, edge) => sum + edge.flowCount, 0),
    };
  }

  /** Hosts that a source has watched over since a time or before, for as long as history takes. */
  #watchedFor(source: string, sinceMs: number): Set<string> {
    const { historyMs } = this.#options;
    const watched = new Set<string>();
    for (const watch of this.#watches.sorted())
      if (watch.source === source && watch.firstStartMs <= sinceMs && watch.lastMs - watch.firstStartMs >= historyMs)
        watched.add(watch.target);
    return watched;
  }

  #firstSeenMs(source: string): number | undefined {
    const host = this.#firstSeen.find(source, ipv4Bits(source));
    return host === NO_PLACE ? undefined : this.#firstMs[host];
  }

  #counts: ReadonlyMap<string, number> | undefined;

  /** How many sources use a target by a service. */
  #sourceCounts(edges: readonly Edge[]): ReadonlyMap<string, number> {
    if (this.#counts !== undefined) return this.#counts;
    const counts = new Map<string, number>();
    for (const { target, family } of edges) {
      const key = `${target} ${family}`;
      counts.set(key, Math.min(MOST_SOURCES, (counts.get(key) ?? 0) + 1));
    }
    this.#counts = counts;
    return counts;
  }
}

/** Where no more names are told apart. */
function atLeast(names: number): string {
  return names >= MOST_TICKET_NAMES ? 'at least ' : '';
}

function groupEdges(edges: readonly Edge[]): Map<string, Edge[]> {
  const groups = new Map<string, Edge[]>();
  for (const edge of edges) {
    const key = `${edge.source} ${edge.family}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [edge]);
    else group.push(edge);
  }
  return groups;
}

/** The most edges that began within the window, in order of their beginning. */
function busiest(edges: readonly Edge[], windowMs: number): readonly Edge[] {
  let from = 0;
  let best: readonly Edge[] = [];
  for (let to = 0; to < edges.length; to++) {
    while ((edges[to]?.firstStartMs ?? 0) - (edges[from]?.firstStartMs ?? 0) > windowMs) from++;
    if (to + 1 - from > best.length) best = edges.slice(from, to + 1);
  }
  return best;
}
