import { counted } from '../core/index.ts';
import type { Detection } from '../detect/index.ts';
import type { SeverityStep } from './incident.ts';
import type { KindInfo } from './kind.ts';
import { hasReason, numberOf, type Story } from './story.ts';
import type { TechniqueId } from './technique.ts';
import { type Telling, targets } from './telling.ts';
import { addressList, knownService, serviceLabel, spanText, usualService } from './words.ts';

/** The kinds of what is done with a host, a port, a password or the local network that they are not there for. */

const MISMATCH_DIRECTION: KindInfo['direction'] = {
  inside: [-5, 'Both hosts are inside, where services are moved to other ports more often'],
  outward: [5, 'It leaves the home network'],
};

export const MISUSE_KINDS: readonly KindInfo[] = [
  {
    prefix: 'mining.stratum',
    behaviour: 'mining',
    base: 42,
    rule: 'A program computes for a pool of a cryptocurrency',
    direction: { inward: [-10, 'The miner is outside; only its pool or proxy is inside'] },
    techniques: () => ['T1496.001'],
    label: 'cryptocurrency mining',
    deed: (told) =>
      `${hasReason(told.detection, 'mining.unanswered') ? 'tried to mine' : 'mined'} a cryptocurrency with ${targets(told)}${onPort(told)}`,
  },
  {
    prefix: 'mining.pool',
    behaviour: 'mining',
    base: 32,
    rule: 'A name, a port or a session as pools of a cryptocurrency have them',
    direction: { inside: [-10, 'Both hosts are inside'], inward: [-15, 'It was begun from outside'] },
    techniques: () => ['T1496.001'],
    label: 'possible cryptocurrency mining',
    deed: (told) => `kept up sessions with ${targets(told)}${onPort(told)} as a miner of a cryptocurrency does`,
  },
  {
    prefix: 'protocol-mismatch.shell',
    behaviour: 'mismatch',
    base: 50,
    rule: 'A command shell in plain text',
    direction: {
      inside: [10, 'A host inside gives commands to another one'],
      outward: [15, 'It goes between a host inside and one outside'],
      inward: [15, 'A host outside came in and found a shell'],
    },
    techniques: (_story, detection) => ['T1059', ...(isForeignPort(detection) ? (['T1571'] as const) : []), 'T1095'],
    label: 'command shell',
    deed: (told) =>
      textOf(told.detection, 'protocol-mismatch.shell-side') === 'initiator'
        ? `opened a command shell of its own to ${targets(told)}${onUsualPort(told)}`
        : `gave commands to a shell of ${targets(told)}${onUsualPort(told)}`,
  },
  {
    prefix: 'protocol-mismatch.service',
    behaviour: 'mismatch',
    base: 25,
    rule: 'A protocol on a port that is not its own',
    direction: MISMATCH_DIRECTION,
    techniques: (_story, { service }) => (service === 'ssh' ? ['T1571', 'T1572'] : ['T1571']),
    label: 'protocol on a strange port',
    deed: (told) =>
      `spoke ${serviceLabel(told.detection.service) ?? 'another protocol'} with ${targets(told)}${onUsualPort(told)}`,
  },
  {
    prefix: 'protocol-mismatch.plain-text',
    behaviour: 'mismatch',
    base: 20,
    rule: 'Readable text on a port where TLS belongs',
    direction: MISMATCH_DIRECTION,
    techniques: () => ['T1571'],
    label: 'plain text on a port of TLS',
    deed: (told) => `exchanged readable text with ${targets(told)}${onUsualPort(told)}`,
  },
  {
    prefix: 'cleartext-login.password',
    behaviour: 'exposed password',
    // Weighs less than what makes the other incidents of a host more urgent: it is a weakness, and nothing that the host does to anybody.
    base: 23,
    rule: 'A password that anyone on the way can read',
    direction: {
      inside: [-5, 'It stayed inside the home network'],
      outward: [12, 'It crossed the Internet'],
      inward: [12, 'It crossed the Internet, and opens a service inside'],
    },
    cap: [59, 'A password in clear is a weakness and no attack: at most medium'],
    links: serverLinks,
    silenceEndsIt: false,
    label: 'password in clear',
    deed: (told) => {
      const label = serviceLabel(knownService(told.detection.service));
      const logins = told.many ? told.together.flows : told.detection.flowCount;
      return `sent ${logins === 1 ? 'a password' : `passwords ${counted(logins, 'time')}`} in clear to ${targets(told)}${label === undefined ? '' : ` by ${label}`}`;
    },
    end: ({ detection, many }) =>
      !many && (numberOf(detection, 'cleartext-login.accepted') ?? 0) > 0 ? ', and the server accepted it' : '',
  },
  {
    prefix: 'cleartext-login.community',
    behaviour: 'exposed community',
    base: 15,
    rule: 'A community of SNMP, which is its password, that anyone on the way can read',
    direction: {
      outward: [20, 'It crossed the Internet'],
      inward: [30, 'It crossed the Internet, and a device inside answered'],
    },
    links: communityLinks,
    peersTogether: true,
    silenceEndsIt: false,
    label: 'SNMP community in clear',
    deed: (told) => `read ${targets(told)} by SNMP with a community in clear`,
  },
  {
    prefix: 'lateral-movement.execution',
    behaviour: 'lateral movement',
    base: 36,
    rule: 'A host runs something on another one by remote call',
    direction: { inside: [8, 'Both are inside: this is how intruders move on'] },
    steps: movementSteps,
    techniques: movementTechniques,
    label: 'remote execution',
    deed: (told) => `${deeds(told.detection, EXECUTION)} ${targets(told)}`,
    end: movementEnd,
  },
  {
    prefix: 'lateral-movement.credentials',
    behaviour: 'lateral movement',
    base: 42,
    rule: 'A host takes secrets from another one by remote call',
    direction: { inside: [8, 'Both are inside: this is how intruders move on'] },
    steps: movementSteps,
    techniques: movementTechniques,
    label: 'theft of secrets',
    deed: (told) => `${deeds(told.detection, CREDENTIALS)} ${targets(told)}`,
    end: movementEnd,
  },
  {
    prefix: 'lateral-movement.enumeration',
    behaviour: 'lateral movement',
    base: 25,
    rule: 'A host asks others who and what is there',
    direction: { inside: [8, 'Both are inside: intruders look around like this'] },
    techniques: movementTechniques,
    label: 'look around inside',
    deed: (told) => `${deeds(told.detection, ENUMERATION)} ${targets(told)}`,
    end: movementEnd,
  },
  {
    prefix: 'lateral-movement.encryption',
    behaviour: 'encryption of files',
    base: 46,
    rule: 'A host gives many documents of a share one same new ending, as ransomware does',
    direction: { inside: [8, 'Both are inside: files that others work with are lost'] },
    techniques: () => ['T1486', 'T1021.002'],
    label: 'documents renamed as by ransomware',
    deed: (told) => `gave documents on ${targets(told)} one same new ending`,
    end: (told) => `${spanText(told.firstMs, told.lastMs)}, as ransomware does`,
  },
  {
    prefix: 'lateral-movement.fan-out',
    behaviour: 'lateral movement',
    base: 30,
    rule: 'A host begins to control many others by one service',
    direction: { inside: [8, 'Both are inside: this is how intruders move on'] },
    steps: movementSteps,
    techniques: movementTechniques,
    label: 'many new remote sessions',
    deed: (told) => {
      const label = serviceLabel(knownService(told.detection.service));
      return `reached ${targets(told)}${label === undefined ? '' : ` by ${label}`}`;
    },
    end: (told) => `${spanText(told.firstMs, told.lastMs)}, which it had not before`,
  },
  {
    prefix: 'arp-spoof.poisoning',
    behaviour: 'interception',
    base: 48,
    rule: 'A host claims the addresses of others on the local network, again and again and unasked',
    direction: {},
    steps: (story) =>
      hasReason(story.lead, 'arp-spoof.gateway')
        ? [{ rule: 'One of them is the gateway, through which all traffic to the Internet goes', points: 12 }]
        : [],
    techniques: () => ['T1557.002'],
    label: 'false ARP claims',
    deed: ({ detection: { peers, peerCount } }) =>
      `claimed the ${peerCount === 1 ? 'address' : 'addresses'} ${addressList(peers, peerCount, 'address')} of others by ARP`,
  },
  {
    prefix: 'arp-spoof.conflict',
    behaviour: 'address conflict',
    base: 22,
    rule: 'Two devices use one address',
    direction: {},
    cap: [39, 'Most such conflicts are mistakes in set-up: at most low'],
    label: 'address used twice',
    deed: ({ detection: { peers, peerCount } }) =>
      `uses ${addressList(peers, peerCount, 'address')} while another device does`,
  },
  {
    prefix: 'name-poison.',
    behaviour: 'interception',
    base: 50,
    rule: 'A host answers its neighbours for names that cannot all be its own',
    direction: {},
    techniques: () => ['T1557.001'],
    label: 'false answers to names',
    deed: ({ detection }) => {
      const names = numberOf(detection, 'name-poison.names');
      return `answered ${addressList(detection.peers, detection.peerCount)} for ${names === undefined ? 'several names' : counted(names, 'different name')} by ${detection.service === 'llmnr' ? 'LLMNR' : 'NetBIOS'}`;
    },
  },
  {
    prefix: 'dhcp-starvation.',
    behaviour: 'denial of service',
    base: 42,
    rule: 'Far more requests for addresses than clients that take one',
    direction: {},
    techniques: () => ['T1499.002', 'T1557.003'],
    label: 'DHCP starvation',
    deed: ({ detection }) => {
      const count = numberOf(detection, 'dhcp-starvation.discovers');
      const what = count === undefined ? 'many addresses' : counted(count, 'address', 'addresses');
      return hasReason(detection, 'dhcp-starvation.sender')
        ? `asked ${addressList(detection.peers, detection.peerCount)} by DHCP for ${what} that it did not take`
        : `was asked by DHCP for ${what} that hardly anybody took`;
    },
  },
  {
    prefix: 'rogue-dhcp.server',
    behaviour: 'interception',
    base: 44,
    rule: 'A second DHCP server tells clients another way out than the first',
    direction: {},
    steps: (story) =>
      hasReason(story.lead, 'rogue-dhcp.itself')
        ? [{ rule: 'It names itself as router or DNS server, so that traffic comes to it', points: 8 }]
        : [],
    techniques: () => ['T1557.003'],
    label: 'second DHCP server',
    deed: ({ detection }) => {
      const clients = numberOf(detection, 'rogue-dhcp.answers');
      return `answers DHCP beside ${addressList(detection.peers, detection.peerCount)} and names another router or DNS server${clients === undefined ? '' : ` (${counted(clients, 'flow')})`}`;
    },
    end: () => '',
  },
  {
    prefix: 'rogue-dhcp.resolver',
    behaviour: 'interception',
    base: 48,
    rule: 'A DHCPv6 server makes itself the DNS server of computers',
    direction: {},
    steps: (story) =>
      hasReason(story.lead, 'rogue-dhcp.local')
        ? [{ rule: 'It gives addresses that no server gives, as a tool for interception does', points: 8 }]
        : [],
    techniques: () => ['T1557.003'],
    label: 'DHCPv6 server that draws names to itself',
    deed: ({ detection }) =>
      `answers ${addressList(detection.peers, detection.peerCount)} by DHCPv6 and makes itself ${detection.peerCount === 1 ? 'its' : 'their'} DNS server`,
    end: () => '',
  },
];

// ---------------------------------------------------------------------------------------------------------------------- lateral movement

const EXECUTION: readonly (readonly [reason: string, deed: string])[] = [
  ['service', 'created a service on'],
  ['task', 'planned a task on'],
  ['wmi', 'called methods through WMI on'],
  ['powershell', 'opened PowerShell sessions on'],
  ['exploit', 'sent SMB requests that only exploits send to'],
  ['log', 'cleared event logs of'],
  ['dcom', 'called methods of programs (DCOM) on'],
  ['program', 'wrote programs to administrative shares of'],
  ['registry', 'changed the registry of'],
  ['service-start', 'started or changed a service on'],
];
const CREDENTIALS: typeof EXECUTION = [
  ['dcsync', 'asked for the secrets of the domain (DCSync) at'],
  ['dcshadow', 'registered itself as a domain controller (DCShadow) at'],
  ['lsa-secrets', 'asked for secrets of the local security authority of'],
  ['database', 'reached for the database of accounts of'],
  ['hive', 'saved registry hives of'],
  ['coerced', 'tried to make servers sign on elsewhere:'],
  ['kerberoast', 'asked for tickets to guess passwords from (Kerberoasting) at'],
  ['asrep', 'searched for accounts without pre-authentication (AS-REP roasting) at'],
];
const ENUMERATION: typeof EXECUTION = [
  ['sessions', 'asked who is logged on at'],
  ['accounts', 'asked for lists of accounts at'],
  ['shares', 'asked for lists of shares at'],
];

function deeds(detection: Detection, table: typeof EXECUTION): string {
  const found = table.find(([reason]) => hasReason(detection, `lateral-movement.${reason}`));
  const deed = found?.[1] ?? 'made remote calls to';
  return isRefused(detection) ? deed.replace(/^\w+( or \w+)?/, attempted) : deed;
}

/** 'tried to create' of 'created'; what was asked was asked, whatever came back. */
function attempted(verbs: string): string {
  const words = verbs.split(' or ').map((verb) => INFINITIVES[verb]);
  return words.includes(undefined) ? verbs : `tried to ${words.join(' or ')}`;
}

const INFINITIVES: Readonly<Record<string, string>> = {
  created: 'create',
  planned: 'plan',
  called: 'call',
  opened: 'open',
  cleared: 'clear',
  wrote: 'write',
  changed: 'change',
  started: 'start',
  registered: 'register',
  saved: 'save',
};

/** All calls were refused. */
function isRefused(detection: Detection): boolean {
  return hasReason(detection, 'lateral-movement.refused');
}

/** How long it took, and how it ended. */
function movementEnd(told: Telling): string {
  return `${spanText(told.firstMs, told.lastMs)}${!told.many && isRefused(told.detection) ? ', and was refused' : ''}`;
}

function movementSteps(story: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  if (story.peerCount >= 10) steps.push({ rule: 'It reached ten hosts or more', points: 8 });
  else if (story.peerCount >= 3) steps.push({ rule: 'It reached three hosts or more', points: 4 });
  if (hasReason(story.lead, 'lateral-movement.usual'))
    steps.push({ rule: 'It does so in rounds, as a server for management does', points: -15 });
  return steps;
}

const TECHNIQUES_BY_REASON: Readonly<Record<string, readonly TechniqueId[]>> = {
  service: ['T1021.002', 'T1569.002'],
  'service-start': ['T1021.002', 'T1569.002'],
  task: ['T1053.005'],
  wmi: ['T1047'],
  powershell: ['T1021.006'],
  program: ['T1021.002', 'T1570'],
  dcom: ['T1021.003'],
  registry: ['T1112'],
  log: ['T1070.001'],
  exploit: ['T1210'],
  dcsync: ['T1003.006'],
  dcshadow: ['T1207'],
  'lsa-secrets': ['T1003.004'],
  hive: ['T1003.002'],
  database: ['T1003.003'],
  coerced: ['T1187'],
  kerberoast: ['T1558.003'],
  asrep: ['T1558.004'],
  sessions: ['T1049'],
  accounts: ['T1087.002'],
  shares: ['T1135'],
};

const TECHNIQUE_BY_SERVICE: Readonly<Record<string, TechniqueId>> = {
  rdp: 'T1021.001',
  smb: 'T1021.002',
  dcerpc: 'T1021.003',
  ssh: 'T1021.004',
  vnc: 'T1021.005',
  winrm: 'T1021.006',
};

/** By the calls that were seen; of a fan-out by its service. */
function movementTechniques(_story: Story, detection: Detection): TechniqueId[] {
  const ids = detection.reasons.flatMap(
    ({ name }) => TECHNIQUES_BY_REASON[name.replace('lateral-movement.', '')] ?? [],
  );
  const service =
    detection.kind === 'lateral-movement.fan-out' ? TECHNIQUE_BY_SERVICE[detection.service ?? ''] : undefined;
  return service === undefined ? ids : [...ids, service];
}

// ------------------------------------------------------------------------------------------------------------------------------- words

function textOf(detection: Detection, name: string): string {
  const value = detection.reasons.find((reason) => reason.name === name)?.value;
  return typeof value === 'string' ? value : '';
}

function onPort({ detection: { port } }: Telling): string {
  return port === undefined ? '' : ` on port ${port}`;
}

/** ' on port 53 (that of DNS)': of a port whose service this is not. */
function onUsualPort({ detection: { port, protocol } }: Telling): string {
  if (port === undefined) return '';
  const label = serviceLabel(usualService(port, protocol));
  return label === undefined ? ` on port ${port}` : ` on port ${port} (that of ${label})`;
}

function isForeignPort({ port, protocol }: Detection): boolean {
  return port !== undefined && usualService(port, protocol) !== 'telnet';
}

/** Whoever polls many devices is one story; so are all that ask one device. */
function communityLinks(detection: Detection): string[] {
  return [`client ${detection.actor}`, ...serverLinks(detection)];
}

/** All who log in to one server by one protocol are one story. */
function serverLinks(detection: Detection): string[] {
  return detection.peers.map((peer) => `server ${peer} ${detection.service ?? ''}`);
}
