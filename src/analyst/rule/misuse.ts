import {
  addressLabel,
  addressList,
  knownService,
  portLabel,
  serviceLabel,
  usualService,
} from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** What is done with a host, a port, a password or the local network that they are not there for: mining, shells, passwords in clear, moving on inside, interception. */

/** Explanations of one make: a sentence of one's own, then those of the detector, then what follows from them. Texts are sentences, with the measures that they rest on. */
interface Pattern {
  readonly prefix: string;
  readonly nature: Explanation['nature'];
  readonly hypothesis: Explanation['hypothesis'];
  readonly happened: (view: View) => string;
  /** Measures whose sentences follow, where the incident has them. */
  readonly quotes: readonly string[];
  readonly matters: (view: View) => readonly Told[];
  readonly first: (view: View) => readonly Told[];
  readonly innocent: (view: View) => readonly Told[];
}

/** A sentence and the measures that it rests on; the detection itself is always cited. */
type Told = readonly [text: string, ...measures: string[]];

function explanation(pattern: Pattern): Explanation {
  const claims = (view: View, told: readonly Told[]): Claim[] =>
    told.map(([text, ...measures]) => claim(text, view.cite(...measures)));
  const lead = (view: View): Claim => claim(pattern.happened(view), [...view.cite(), ...view.flows(2)]);
  return {
    prefix: pattern.prefix,
    nature: pattern.nature,
    hypothesis: pattern.hypothesis,
    whatHappened: (view) => [
      lead(view),
      view.began,
      ...(view.many ? [] : pattern.quotes.flatMap((name) => view.quote(name))),
    ],
    whyItMatters: (view) => claims(view, pattern.matters(view)),
    whatToDoFirst: (view) => claims(view, pattern.first(view)),
    whatWouldMakeItInnocent: (view) => claims(view, pattern.innocent(view)),
    inSupport: (view) => [lead(view)],
  };
}

const MINING: Pick<Pattern, 'hypothesis' | 'matters' | 'first'> = {
  hypothesis: () => 'cryptocurrency mining',
  matters: (view) => [
    [
      'Mining costs electricity and slows the machine down, and whoever could install a miner could have installed anything else.',
    ],
    ...(view.direction === 'inward'
      ? ([
          ['The miner is outside your network; what matters is why a host of yours serves it.', 'mining.scope'],
        ] as const)
      : []),
  ],
  first: (view) => [
    [
      `On ${view.actor}, find the program that owns these connections: it is often hidden under an ordinary name and uses most of the processor.`,
    ],
    [
      `If nobody put it there on purpose, treat ${view.actor} as taken over: find out how the program came in before you remove it.`,
    ],
    [`Block ${peers(view)} on your router or firewall.`],
  ],
};

const MOVEMENT: Pick<Pattern, 'first'> = {
  first: (view) => [
    [`Ask whoever administers ${view.actor} whether they did this at that time, and from that machine.`],
    [
      `Look in the Windows security log of ${peers(view)} for the logon that belongs to it (event 4624), and at what was started there after ${view.startText}.`,
    ],
    [
      `If nobody did it, take ${view.actor} off the network and change the passwords of the account that was used; the flows show its name where it could be read.`,
    ],
  ],
};

export const MISUSE_RULES: readonly Explanation[] = [
  explanation({
    ...MINING,
    prefix: 'mining.stratum',
    nature: () => 'hostile',
    happened: (view) =>
      `${view.actorWithPlace} spoke the protocol of mining pools with ${peers(view)}${onPort(view)}${view.within}.`,
    quotes: ['mining.shares', 'mining.accepted', 'mining.unanswered', 'mining.time'],
    innocent: (view) => [
      [
        `Somebody may mine on ${view.actor} on purpose and with leave; then the pool and the account are known to them.`,
      ],
    ],
  }),
  explanation({
    ...MINING,
    prefix: 'mining.pool',
    nature: () => 'ambiguous',
    happened: (view) =>
      `${view.actorWithPlace} talked to ${peers(view)}${onPort(view)} in a way that fits a miner of cryptocurrency; what was said cannot be read.`,
    quotes: ['mining.name', 'mining.port', 'mining.shape'],
    innocent: () => [
      [
        'Games, chats and devices that report to their maker may use such a port and keep such sessions; the name of the other side tells most.',
        'mining.shape',
        'mining.port',
      ],
    ],
  }),
  explanation({
    prefix: 'protocol-mismatch.shell',
    nature: () => 'hostile',
    hypothesis: () => 'command shell over the network',
    happened: (view) => {
      const isReverse = view.text('protocol-mismatch.shell-side') === 'initiator';
      return isReverse
        ? `${view.actorWithPlace} connected to ${peers(view)}${onPort(view)} and let it give commands, in plain text.`
        : `${view.actorWithPlace} gave commands to a shell of ${peers(view)}${onPort(view)}, in plain text.`;
    },
    quotes: [
      'protocol-mismatch.banner',
      'protocol-mismatch.command',
      'protocol-mismatch.pace',
      'protocol-mismatch.port',
      'protocol-mismatch.flows',
    ],
    matters: (view) => [
      [
        'Whoever has such a shell can do on that machine whatever its user can. No ordinary program opens one in plain text.',
        'protocol-mismatch.shell-side',
      ],
      ...(view.has('protocol-mismatch.port')
        ? ([
            ['The port of another service is chosen so that firewalls let it pass.', 'protocol-mismatch.port'],
          ] as const)
        : []),
    ],
    first: (view) => [
      [
        `Take the machine with the shell off the network before you look at it: ${shellHost(view)}.`,
        'protocol-mismatch.shell-side',
      ],
      [
        'The connections are readable: look in the capture at which commands were given and what they answered.',
        'protocol-mismatch.flows',
      ],
      [`Find the program that owned the connection since ${view.startText}, and how it came there.`],
    ],
    innocent: () => [
      [
        'A test of security that somebody ordered, or an exercise, looks the same; so do some very old devices that are managed in plain text on a port of their own.',
      ],
    ],
  }),
  explanation({
    prefix: 'protocol-mismatch.',
    nature: () => 'ambiguous',
    hypothesis: () => 'traffic on the wrong port',
    happened: (view) => {
      const label = serviceLabel(knownService(view.detection.service));
      const what = label === undefined ? 'something else than the port is for' : label;
      return `${view.actorWithPlace} spoke ${what} with ${peers(view)} on port ${view.detection.port ?? 0}.`;
    },
    quotes: ['protocol-mismatch.content', 'protocol-mismatch.text', 'protocol-mismatch.flows'],
    matters: () => [
      [
        'Whoever wants to leave a network unseen takes a port that firewalls let out and speaks another protocol there.',
        'protocol-mismatch.content',
        'protocol-mismatch.text',
      ],
    ],
    first: (view) => [
      [`Find the program on ${view.actor} that owns the connection, and ask its owner why it uses this port.`],
      [`Find out whom ${peers(view)} belongs to.`],
    ],
    innocent: () => [
      [
        'Administrators move services to other ports so that travellers get through the firewalls of hotels; some devices and games use any port.',
        'protocol-mismatch.content',
        'protocol-mismatch.text',
      ],
    ],
  }),
  explanation({
    prefix: 'cleartext-login.password',
    nature: () => 'ambiguous',
    hypothesis: () => 'exposed password',
    happened: (view) =>
      `${view.actorWithPlace} logged in to ${peers(view)}${byService(view)}${view.within}, and anyone on the way can read the password.`,
    quotes: ['cleartext-login.logins', 'cleartext-login.accepted', 'cleartext-login.users'],
    matters: (view) => [
      view.direction === 'inside'
        ? [
            'Whoever listens on the local network, from any taken-over machine or by false ARP claims, has this password.',
            'cleartext-login.scope',
          ]
        : [
            'The password crossed networks that are not yours. People use the same password in several places, so it may open more than this service.',
            'cleartext-login.scope',
          ],
    ],
    first: (view) => [
      [
        'Change the password, and everywhere else where it is used; the flows show the name of the account.',
        'cleartext-login.users',
      ],
      [
        `Change the service on ${peers(view)} to an encrypted one (SFTP or FTP over TLS, SSH in place of Telnet, mail and web with TLS), and switch the other off.`,
      ],
    ],
    innocent: () => [
      [
        'An account that everybody may use, or a closed laboratory network, loses nothing by it.',
        'cleartext-login.scope',
      ],
    ],
  }),
  explanation({
    prefix: 'cleartext-login.community',
    nature: () => 'ambiguous',
    hypothesis: () => 'exposed password',
    happened: (view) =>
      `${view.actorWithPlace} read ${peers(view)} by SNMP with a community that anyone on the way can read.`,
    quotes: ['cleartext-login.communities'],
    matters: () => [
      [
        'A community is a password. With one that may only read, others learn all about the device; with one that may write, they change it.',
        'cleartext-login.communities',
      ],
    ],
    first: (view) => [
      [
        `See that the community on ${peers(view)} is not the one it came with, that it may only read, and that only the monitoring may ask.`,
      ],
      ['Where the device can, use the version of SNMP that encrypts.'],
    ],
    innocent: () => [
      ['Monitoring and print drivers inside a network read devices like this all day.', 'cleartext-login.communities'],
    ],
  }),
  explanation({
    ...MOVEMENT,
    prefix: 'lateral-movement.execution',
    nature: () => 'ambiguous',
    hypothesis: () => 'lateral movement',
    happened: (view) => `${view.actorWithPlace} made ${peers(view)} run something by remote call${view.within}.`,
    quotes: [
      'lateral-movement.service',
      'lateral-movement.task',
      'lateral-movement.wmi',
      'lateral-movement.powershell',
      'lateral-movement.dcom',
      'lateral-movement.exploit',
      'lateral-movement.log',
      'lateral-movement.program',
      'lateral-movement.registry',
      'lateral-movement.service-start',
      'lateral-movement.refused',
      'lateral-movement.usual',
    ],
    matters: (view) => [
      [
        `Intruders use the tools of administrators to get from the first machine to the next. Whoever did this had rights on ${peers(view)}.`,
      ],
    ],
    innocent: () => [
      [
        'Administrators, software distribution and backup programs do the same; then somebody knows of it, and it comes from a machine that is there for it.',
      ],
    ],
  }),
  explanation({
    ...MOVEMENT,
    prefix: 'lateral-movement.credentials',
    nature: () => 'hostile',
    hypothesis: () => 'theft of credentials',
    happened: (view) => `${view.actorWithPlace} asked ${peers(view)} for what holds passwords${view.within}.`,
    quotes: [
      'lateral-movement.dcsync',
      'lateral-movement.dcshadow',
      'lateral-movement.lsa-secrets',
      'lateral-movement.database',
      'lateral-movement.hive',
      'lateral-movement.coerced',
      'lateral-movement.kerberoast',
      'lateral-movement.asrep',
      'lateral-movement.refused',
    ],
    matters: () => [
      [
        'With what such a call gives back, an intruder can take the place of any user, in a domain for as long as the passwords stay the same.',
      ],
    ],
    innocent: () => [
      [
        'A domain controller that the capture does not show as one, a directory that is synchronised to the cloud, or a backup of a server makes such calls; each comes from a known machine.',
      ],
    ],
  }),
  explanation({
    ...MOVEMENT,
    prefix: 'lateral-movement.enumeration',
    nature: () => 'ambiguous',
    hypothesis: () => 'lateral movement',
    happened: (view) =>
      `${view.actorWithPlace} asked ${peers(view)} by remote call who or what is there${view.within}.`,
    quotes: [
      'lateral-movement.sessions',
      'lateral-movement.accounts',
      'lateral-movement.shares',
      'lateral-movement.refused',
    ],
    matters: () => [
      [
        'Intruders ask where administrators are logged on and which accounts there are, to choose the machine that they go to next.',
      ],
    ],
    innocent: () => [
      ['Tools of administrators, inventories and file servers ask the same; programs of ordinary users hardly do.'],
    ],
  }),
  explanation({
    prefix: 'lateral-movement.encryption',
    nature: () => 'hostile',
    hypothesis: () => 'encryption of files',
    happened: (view) =>
      `${view.actorWithPlace} gave many documents on ${peers(view)} one same new ending${view.within}.`,
    quotes: ['lateral-movement.endings'],
    matters: () => [
      [
        'Ransomware encrypts file after file and puts its own ending behind the name. Shares are encrypted from one machine, with the rights of whoever is logged on there.',
        'lateral-movement.endings',
      ],
    ],
    first: (view) => [
      [`Take ${view.actor} off the network now, and leave it running for those who look at its memory.`],
      [
        `Close the shares of ${peers(view)} to writing, and look there for notes that demand money; keep the last backup from before ${view.startText} safe.`,
      ],
    ],
    innocent: () => [
      [
        'A program that encrypts or archives files for their owner puts an ending behind names as well; somebody started it.',
        'lateral-movement.endings',
      ],
    ],
  }),
  explanation({
    ...MOVEMENT,
    prefix: 'lateral-movement.fan-out',
    nature: () => 'ambiguous',
    hypothesis: () => 'lateral movement',
    happened: (view) =>
      `${view.actorWithPlace} began sessions${byService(view)} with ${peers(view)}, which hardly anybody else uses so.`,
    quotes: ['lateral-movement.targets', 'lateral-movement.history'],
    matters: () => [
      [
        'A machine that suddenly controls many others spreads something, or is used by somebody who looks around.',
        'lateral-movement.targets',
      ],
    ],
    innocent: () => [
      [
        'A roll-out of software, an inventory or a scan that somebody ordered does this once; a server for management does it every day.',
        'lateral-movement.history',
      ],
    ],
  }),
  explanation({
    prefix: 'arp-spoof.poisoning',
    nature: () => 'hostile',
    hypothesis: () => 'interception on the local network',
    happened: (view) =>
      `${view.actor} told others on the local network, by ARP and unasked, that ${addresses(view)} ${view.detection.peerCount === 1 ? 'is' : 'are'} its own${view.within}.`,
    quotes: ['arp-spoof.unasked', 'arp-spoof.changes', 'arp-spoof.gateway', 'arp-spoof.both', 'arp-spoof.mac'],
    matters: () => [
      [
        'Who answers for the address of another gets its traffic, can read what is not encrypted, change it or cut it off.',
        'arp-spoof.unasked',
      ],
    ],
    first: (view) => [
      [
        `Find the device: ${macText(view)}. The table of addresses of your switch shows the port that it is on.`,
        'arp-spoof.mac',
      ],
      ['Take it off the network, and change passwords that were sent without encryption since then.'],
      ['Switches that check ARP against DHCP (dynamic ARP inspection) stop this.'],
    ],
    innocent: () => [
      [
        'Pairs of routers that stand in for one another, some load balancers and tools that keep unknown devices out claim addresses like this; each of them is known to whoever set it up.',
      ],
    ],
  }),
  explanation({
    prefix: 'arp-spoof.conflict',
    nature: () => 'ambiguous',
    hypothesis: () => 'address used twice',
    happened: (view) => `${view.actor} and another device both use ${addresses(view)}${view.within}.`,
    quotes: ['arp-spoof.changes', 'arp-spoof.unasked', 'arp-spoof.mac'],
    matters: () => [
      ['Either loses its connections whenever the other speaks; and either may do it on purpose.', 'arp-spoof.changes'],
    ],
    first: (view) => [
      [
        `Find both devices by their hardware addresses, which the evidence names (${macText(view)}), and give one of them another address.`,
        'arp-spoof.mac',
      ],
    ],
    innocent: () => [
      [
        'An address that was given by hand inside the range of the DHCP server, or a machine with several network cards, is the usual reason.',
      ],
    ],
  }),
  explanation({
    prefix: 'name-poison.',
    nature: () => 'hostile',
    hypothesis: () => 'interception on the local network',
    happened: (view) =>
      `${view.actor} answered ${peers(view)} for names of others, as if it were whoever was looked for.`,
    quotes: ['name-poison.names', 'name-poison.clients', 'name-poison.looked-for'],
    matters: () => [
      [
        'Who asks goes on to log in to whoever answers. The answer of its login can be guessed offline, or passed on to a server that lets it in.',
        'name-poison.names',
      ],
    ],
    first: (view) => [
      [`Find the device with the address ${addressLabel(view.detection.actor)} and take it off the network.`],
      [
        `Look for logins of ${peers(view)} to it since then, and change the passwords of those users.`,
        'name-poison.clients',
      ],
      [
        'Switch LLMNR and NetBIOS name resolution off on your Windows machines, and require signing for file sharing: both are rarely needed.',
      ],
    ],
    innocent: () => [['A test of security that was agreed on does the same.']],
  }),
  explanation({
    prefix: 'dhcp-starvation.',
    nature: () => 'hostile',
    hypothesis: () => 'denial of service',
    happened: (view) =>
      view.has('dhcp-starvation.sender')
        ? `${view.actor} asked for one address after another by DHCP and took hardly any of them.`
        : `${view.actor} was asked for one address after another by DHCP, and hardly any was taken.`,
    quotes: [
      'dhcp-starvation.discovers',
      'dhcp-starvation.taken',
      'dhcp-starvation.hardware',
      'dhcp-starvation.sender',
    ],
    matters: () => [
      [
        'A server that has no addresses left gives none to devices that come; a second server can then answer in its place and send their traffic its own way.',
        'dhcp-starvation.discovers',
      ],
    ],
    first: () => [
      [
        'Find the port of the switch behind which these hardware addresses are: its table of addresses shows it.',
        'dhcp-starvation.hardware',
      ],
      ['Look whether the server has addresses left, and free those that were offered.'],
      ['A limit of hardware addresses per port of the switch (port security) and of DHCP messages stops this.'],
    ],
    innocent: () => [
      ['A test of the DHCP server under load looks the same; somebody knows of it.', 'dhcp-starvation.discovers'],
    ],
  }),
  explanation({
    prefix: 'rogue-dhcp.resolver',
    nature: (view) => (view.has('rogue-dhcp.local') ? 'hostile' : 'ambiguous'),
    hypothesis: () => 'interception on the local network',
    happened: (view) =>
      `${view.actor} answered ${peers(view)} by DHCPv6 and told ${view.detection.peerCount === 1 ? 'it' : 'them'} to ask ${view.actor} for names.`,
    quotes: ['rogue-dhcp.answers', 'rogue-dhcp.itself', 'rogue-dhcp.local', 'rogue-dhcp.stranger'],
    matters: () => [
      [
        'Computers prefer IPv6, and Windows asks for a DHCPv6 server also where nobody uses it. Whoever answers names decides where they connect, and can have them log in to itself.',
        'rogue-dhcp.itself',
      ],
    ],
    first: (view) => [
      [`Find the device with the address ${addressLabel(view.detection.actor)} and take it off the network.`],
      ['Restart the network of the clients that it answered; the flows show them.', 'rogue-dhcp.answers'],
      ['Switches that let only one port answer DHCPv6 and announce routers (DHCPv6 and RA guard) stop this.'],
    ],
    innocent: () => [
      [
        'A server of names that somebody set up beside the router looks alike; its owner knows of it.',
        'rogue-dhcp.itself',
      ],
    ],
  }),
  explanation({
    prefix: 'rogue-dhcp.',
    nature: () => 'hostile',
    hypothesis: () => 'interception on the local network',
    happened: (view) =>
      `${view.actor} answered DHCP on a network where ${peers(view)} does, and told clients another router or DNS server.`,
    quotes: [
      'rogue-dhcp.answers',
      'rogue-dhcp.router',
      'rogue-dhcp.dns',
      'rogue-dhcp.itself',
      'rogue-dhcp.first',
      'rogue-dhcp.gateway',
    ],
    matters: () => [
      [
        'A client takes the first answer. Whoever names router and DNS server decides where its traffic goes.',
        'rogue-dhcp.answers',
      ],
    ],
    first: (view) => [
      [`Find the device with the address ${addressLabel(view.detection.actor)} and take it off the network.`],
      ['Renew the addresses of the clients that it answered; the flows show them.', 'rogue-dhcp.answers'],
      ['Switches that let only one port answer DHCP (DHCP snooping) stop this.'],
    ],
    innocent: () => [
      [
        'Most often somebody plugged in a home router or a virtual machine with a DHCP server of its own; that breaks connections, and is no attack.',
      ],
    ],
  }),
];

function peers(view: View): string {
  return addressList(view.detection.peers, view.detection.peerCount);
}

function addresses(view: View): string {
  return addressList(view.detection.peers, view.detection.peerCount, 'address');
}

function onPort(view: View): string {
  const { port, protocol, service, kind } = view.detection;
  if (port === undefined) return '';
  if (!kind.startsWith('protocol-mismatch.')) return ` on ${portLabel(port, protocol, knownService(service))}`;
  const label = serviceLabel(usualService(port, protocol));
  return label === undefined ? ` on port ${port}` : ` on port ${port} (that of ${label})`;
}

function byService(view: View): string {
  const label = serviceLabel(knownService(view.detection.service));
  return label === undefined ? '' : ` by ${label}`;
}

/** The machine on which the commands run. */
function shellHost(view: View): string {
  return view.text('protocol-mismatch.shell-side') === 'initiator' ? view.actor : peers(view);
}

/** The hardware address as evidence has it. */
function macText(view: View): string {
  return addressLabel(view.text('arp-spoof.mac') ?? view.detection.actor);
}
