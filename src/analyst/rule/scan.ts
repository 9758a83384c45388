import { counted } from '../../core/index.ts';
import { addressList, percent, portLabel, usualService } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** Searches of the network: for open ports, and for hosts at all. */

const PORT_SCAN: Omit<Explanation, 'prefix'> = {
  nature: () => 'hostile',
  hypothesis: () => 'port scan',
  whatHappened: (view) => [
    claim(`${searched(view)}.`, searchCites(view)),
    view.began,
    ...outcome(view),
    ...doubts(view),
  ],
  whyItMatters: (view) => [...purpose(view), ...aboutService(view)],
  whatToDoFirst: (view) => {
    const { actor, direction } = view;
    if (direction === 'inward') {
      return [
        claim(
          `On your router or firewall, check whether ${target(view)} should be reachable from outside${onPort(view)} at all, and close what nobody needs.`,
          view.cite(),
        ),
        ...(foundSomething(view)
          ? [
              claim(
                `Check the logs of the hosts that answered for logins or requests from ${actor} after ${view.startText}.`,
                view.cite('scan.answered'),
              ),
            ]
          : []),
        claim(`If ${actor} comes back again and again, block it on the router or firewall.`, view.cite()),
      ];
    }
    return [
      claim(
        `Find out who uses ${actor} and ask whether a network scanner, an inventory tool or a security check ran there at ${view.startText}.`,
        view.cite(),
      ),
      claim(
        `If nobody knows of one, take ${actor} off the network and look for the program that opened these connections.`,
        [...view.cite(), ...view.flows()],
      ),
      ...(foundSomething(view)
        ? [
            claim(
              `Then check the logs of the hosts that answered for logins from ${actor} after ${view.startText}. Start with ${peers(view)}.`,
              view.cite('scan.answered'),
            ),
          ]
        : []),
    ];
  },
  whatWouldMakeItInnocent: (view) => [
    view.direction === 'inward'
      ? claim(
          'Research projects and search engines for devices search the whole Internet like this, and do nothing more.',
          view.cite(),
        )
      : claim(
          'A vulnerability scanner, an inventory tool or a monitoring system that you run on purpose does exactly this.',
          view.cite(),
        ),
    ...(view.direction === 'outward' && view.number('scan.answered') === 0
      ? [
          claim(
            'A file-sharing program, a game or a miner with an old list of addresses also calls many hosts outside of which none answers.',
            view.cite('scan.answered'),
          ),
        ]
      : []),
    ...(view.has('scan.names')
      ? [
          claim(
            'A file-sharing program, a game or a miner has such a list of addresses, too, of which some are always gone.',
            view.cite('scan.names'),
          ),
        ]
      : []),
    ...(view.has('scan.web-client')
      ? [
          claim(
            'An ordinary computer whose way to the Internet was interrupted fails everywhere in the same manner.',
            view.cite('scan.web-client'),
          ),
        ]
      : []),
  ],
  inSupport: (view) => [claim(`${searched(view)}.`, searchCites(view))],
};

const HOST_SEARCH: Omit<Explanation, 'prefix'> = {
  ...PORT_SCAN,
  nature: (view) => (view.direction === 'inside' ? 'ambiguous' : 'hostile'),
  hypothesis: () => 'search for hosts',
  whyItMatters: (view) => {
    if (view.direction === 'inward')
      return [
        claim(
          'Hosts that can be reached from the Internet are counted like this all day. By itself it does no harm.',
          view.cite(),
        ),
      ];
    return [
      claim(
        `An attacker who has just got into a network first asks which hosts there are. If nobody did this on purpose, ${view.actor} may be under somebody else's control.`,
        view.cite(),
      ),
    ];
  },
  whatToDoFirst: (view) => {
    if (view.direction === 'inward')
      return [
        claim(`Check on your router or firewall whether hosts inside should answer ${view.actor} at all.`, view.cite()),
      ];
    return [
      claim(
        `Find out which device ${view.actor} is, and ask whether somebody searched for devices there at ${view.startText}.`,
        view.cite(),
      ),
      claim(
        `If nobody did, look at what else ${view.actor} sent after ${view.startText}: connections to the hosts that answered come next in an attack.`,
        [...view.cite(), ...view.flows()],
      ),
    ];
  },
  whatWouldMakeItInnocent: (view) => [
    claim(
      'A monitoring system, a phone app that lists the devices around it, a printer set-up or a router that keeps its tables fresh does the same.',
      view.cite(),
    ),
  ],
};

export const SCAN_RULES: readonly Explanation[] = [
  { prefix: 'scan.', ...PORT_SCAN },
  { prefix: 'scan.arp', ...HOST_SEARCH },
  { prefix: 'scan.icmp', ...HOST_SEARCH },
  { prefix: 'scan.routed', ...HOST_SEARCH },
  { prefix: 'scan.reverse-dns', ...HOST_SEARCH },
];

/** '10.0.0.5, a host of your network, tried 212 hosts on port 445 (Windows file sharing) within 38.4 s'. */
function searched(view: View): string {
  const { detection, actorWithPlace, within } = view;
  const hosts =
    (view.many ? undefined : view.number('scan.targets')) ??
    (view.many ? view.incident.peerCount : detection.peerCount);
  const ports = view.many ? undefined : view.number('scan.ports');
  switch (detection.kind) {
    case 'scan.arp':
      return `${actorWithPlace} asked for ${counted(hosts, 'different address', 'different addresses')} by ARP, the question "who has this address?" on the local network,${within}`;
    case 'scan.icmp':
      return `${actorWithPlace} sent echo requests (ping) to ${counted(hosts, 'different host')}${within}`;
    case 'scan.reverse-dns':
      return `${actorWithPlace} asked the DNS for the names of ${counted(hosts, 'different address', 'different addresses')}${within}`;
    case 'scan.routed':
      return `${actorWithPlace} turned to ${counted(hosts, 'different address', 'different addresses')} behind a router, which asked for them by ARP,${within}`;
    case 'scan.vertical':
    case 'scan.block': {
      const what = ports === undefined ? 'many ports' : counted(ports, 'different port');
      return `${actorWithPlace} tried ${what} of ${target(view)}${within}`;
    }
    default:
      return `${actorWithPlace} tried ${counted(hosts, 'different host')}${onPort(view)}${within}`;
  }
}

function searchCites(view: View): string[] {
  return [...view.cite('scan.targets', 'scan.ports'), ...view.flows(2)];
}

function onPort(view: View): string {
  const { port, protocol } = view.detection;
  return port === undefined ? '' : ` on ${portLabel(port, protocol)}`;
}

function target(view: View): string {
  const { peers: addresses, peerCount } = view.many ? incidentPeers(view) : view.detection;
  return addressList(addresses, peerCount);
}

function peers(view: View): string {
  const { peers: addresses } = view.detection;
  return addressList(addresses.slice(0, 2), Math.min(2, addresses.length));
}

function incidentPeers(view: View): { peers: readonly string[]; peerCount: number } {
  return { peers: view.incident.peers.map((peer) => peer.address), peerCount: view.incident.peerCount };
}

function foundSomething(view: View): boolean {
  return (view.number('scan.answered') ?? 0) > 0;
}

function outcome(view: View): Claim[] {
  if (view.many) return [];
  const claims: Claim[] = [];
  const failed = view.number('scan.failed-ratio');
  if (failed !== undefined) {
    const words =
      view.detection.kind === 'scan.arp'
        ? `${percent(failed)} of the questions stayed without an answer.`
        : `${percent(failed)} of these attempts failed: no answer, or a refusal.`;
    claims.push(claim(words, view.cite('scan.failed-ratio')));
  }
  const answered = view.number('scan.answered');
  if (answered !== undefined)
    claims.push(
      claim(
        answered === 0 ? 'None of the targets answered.' : `${counted(answered, answering(view))} answered.`,
        view.cite('scan.answered'),
      ),
    );
  return claims;
}

/** What answered: ports, each on its host, where ports were searched. */
function answering({ detection: { kind } }: View): string {
  if (kind === 'scan.vertical' || kind === 'scan.block') return 'port';
  return kind === 'scan.horizontal' || kind === 'scan.arp' || kind === 'scan.icmp' ? 'host' : 'target';
}

function doubts(view: View): Claim[] {
  const names = [
    'scan.probe',
    'scan.refused',
    'scan.forged',
    'scan.decoys',
    'scan.routed',
    'scan.named',
    'scan.router',
    'scan.one-way',
    'scan.focus',
    'scan.web-client',
    'scan.names',
  ];
  return names.flatMap((name) => view.quote(name));
}

function purpose(view: View): Claim[] {
  const cites = view.cite('scan.answered');
  switch (view.direction) {
    case 'inside':
      return [
        claim(
          `Somebody who wants to move from one machine to the next first looks for doors that open. As this search comes from inside, ${view.actor} itself may be under somebody else's control.`,
          cites,
        ),
      ];
    case 'outward':
      return [
        claim(
          `A computer that searches networks outside is often infected and looks for its next victims. Others will hold your network responsible for ${view.actor}.`,
          cites,
        ),
      ];
    case 'inward':
      return [
        claim(
          foundSomething(view)
            ? 'Networks are searched from the Internet all day. What counts is what answered: the searcher now knows of it.'
            : 'Networks are searched from the Internet all day. Nothing shows that the searcher found anything here.',
          cites,
        ),
      ];
    case 'outside':
      return [
        claim(
          'A search like this comes before an attack on what answers. Neither side is in the home network as configured; if one of them is yours, set the home network right.',
          cites,
        ),
      ];
  }
}

/** Why somebody would look for this very service. */
const SERVICE_MEANINGS: Readonly<Record<string, string>> = {
  smb: 'carries Windows file sharing, which malware uses to move from one machine to the next.',
  rdp: 'carries Remote Desktop; whoever guesses a password there controls the machine.',
  ssh: 'carries remote logins; whoever guesses a password there controls the machine.',
  telnet: 'carries remote logins without encryption; infected cameras and routers search for it to spread.',
  http: 'carries web pages; many devices have their set-up page there.',
  tls: 'carries encrypted web pages; many devices have their set-up page there.',
  mssql: 'carries a database, which is often the goal of an attack.',
  mysql: 'carries a database, which is often the goal of an attack.',
  postgresql: 'carries a database, which is often the goal of an attack.',
  redis: 'carries a data store that often asks for no password.',
  vnc: 'carries remote control of a screen, often with a weak password or none.',
  winrm: 'carries remote administration of Windows.',
};

function aboutService(view: View): Claim[] {
  const { port, protocol } = view.detection;
  const meaning = SERVICE_MEANINGS[usualService(port, protocol) ?? ''];
  return port === undefined || meaning === undefined ? [] : [claim(`Port ${port} ${meaning}`, view.cite())];
}
