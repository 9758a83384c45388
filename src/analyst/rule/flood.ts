import { counted, humanCount } from '../../core/index.ts';
import { addressLabel, addressList, percent, portLabel, serviceLabel } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** Floods, told from the source where one source sends nearly all, else from the target; and the echoes of floods elsewhere. */

const PACKETS: Readonly<Record<string, string>> = {
  'flood.syn': 'connection attempts that never get further than the first packet',
  'flood.udp': 'UDP packets that nobody answers',
  'flood.icmp': 'ICMP packets',
  'flood.ack': 'TCP packets of no connection',
  'flood.ip': 'IP packets that nobody answers',
  'flood.slow': 'connections that keep a server waiting',
};

/** What looks like one and is none, by kind; a reflected one has its own. */
const INNOCENT: Readonly<Record<string, string>> = {
  'flood.udp':
    'A stream of sound, video or measurements that is sent one way looks the same; somebody set it up and knows it.',
  'flood.ack':
    'A firewall or server that was restarted has forgotten its connections: for a short while what is left of the old ones looks the same.',
  'flood.ip':
    'Tunnels to many places, of which the capture shows one direction, look the same; whoever runs them knows it.',
  'flood.slow':
    'A proxy that hands on the requests of many people to a server that hangs makes the same; the log of the server tells.',
};
const LOAD =
  'A load test that somebody runs on purpose does the same, and so does a crowd of real users at a server that has just failed.';

/** What a flood of packets and connections that keep a server waiting have in common. */
const ANY_FLOOD = {
  nature: (view) => (view.has('flood.few-flows') ? 'ambiguous' : 'hostile'),
  hypothesis: () => 'denial of service',
  whatHappened: (view) => [flood(view), view.began, ...extent(view)],
  whatWouldMakeItInnocent: (view) => [
    claim(
      view.has('flood.reflected')
        ? 'Where the capture shows one direction alone, answers look as if nobody had asked for them.'
        : (INNOCENT[view.detection.kind] ?? LOAD),
      view.cite('flood.few-flows', 'flood.half-open', 'flood.reflected'),
    ),
  ],
  inSupport: (view) => [flood(view)],
} satisfies Partial<Explanation>;

export const FLOOD_RULES: readonly Explanation[] = [
  {
    ...ANY_FLOOD,
    prefix: 'flood.slow',
    whyItMatters: (view) => [
      claim(
        `Each of these connections holds a place of ${target(view)}, which has only so many: while they last there may be none for real visitors. It costs the client hardly any traffic, so that no line is full and no counter of bytes shows it.`,
        view.cite('flood.packets'),
      ),
      ...own(view, 'connections'),
    ],
    whatToDoFirst: (view) => [
      ...(view.role === 'target' ? [] : [atSource(view, 'makes the connections')]),
      ...check(view),
      claim(
        'Set a limit of connections for each address, and of the time that a request may take, on the web server or a proxy before it.',
        view.cite('flood.rate', 'flood.role'),
      ),
    ],
  },
  {
    ...ANY_FLOOD,
    prefix: 'flood.',
    whyItMatters: (view) => [
      claim(
        `While it lasts, ${target(view)} may have no room for real visitors, and the line may be full for everybody.`,
        view.cite('flood.rate'),
      ),
      ...own(view, 'packets'),
    ],
    whatToDoFirst: (view) => {
      if (view.role !== 'target') return [atSource(view, 'sends the packets'), ...check(view)];
      return [
        ...check(view),
        view.has('flood.reflected')
          ? claim(
              'The senders are real servers that are misused, and there are always more of them: ask your Internet provider to filter what comes from them, by the port of their service where it has one.',
              view.cite('flood.reflected', 'flood.sources'),
            )
          : claim(
              'The sender addresses of such packets are often forged or rented, so blocking them one by one helps little: ask your Internet provider to filter, and switch on SYN cookies or rate limits where the target offers them.',
              view.cite('flood.sources', 'flood.role'),
            ),
      ];
    },
  },
  {
    prefix: 'flood.backscatter',
    nature: () => 'ambiguous',
    hypothesis: () => 'echo of a flood elsewhere',
    whatHappened: (view) => [
      claim(
        `${view.actorWithPlace} answered connections that ${counted(view.detection.peerCount, 'host')} never made.`,
        [...view.cite('flood.receivers'), ...view.flows(2)],
      ),
      view.began,
      ...view.quote('flood.answers'),
    ],
    whyItMatters: (view) => [
      claim(
        `Somebody floods ${view.actor} with connection attempts under forged addresses, and its answers go to the owners of these addresses. The hosts that receive them did nothing and are not attacked.`,
        view.cite('flood.role'),
      ),
      ...(view.incident.actors.some((actor) => actor.home)
        ? [
            claim(
              `As ${view.actor} is a host of your network, the flood itself reaches you, perhaps by a way that was not captured.`,
              view.cite('flood.role'),
            ),
          ]
        : []),
    ],
    whatToDoFirst: (view) => [
      view.incident.actors.some((actor) => actor.home)
        ? claim(
            `Check whether ${view.actor} still answers its users, and capture its traffic on the side of the Internet.`,
            view.cite('flood.role'),
          )
        : claim(
            'Nothing needs to be done here. Do not complain to the sender: it is the victim.',
            view.cite('flood.role'),
          ),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A capture that shows only one direction of ordinary connections looks the same.',
        view.cite('flood.receivers'),
      ),
    ],
    inSupport: (view) => [
      claim(
        `${view.actor} answered connections that ${counted(view.detection.peerCount, 'host')} never made.`,
        view.cite('flood.receivers'),
      ),
    ],
  },
];

/** What is said of a source inside. */
function own(view: View, what: string): Claim[] {
  if (view.role !== 'source' || !view.incident.actors.some((actor) => actor.home)) return [];
  return [
    claim(
      `The ${what} come from ${view.actor}, a host of your own network: it may be under somebody else's control.`,
      view.cite('flood.role'),
    ),
  ];
}

function atSource(view: View, deed: string): Claim {
  return claim(
    view.incident.actors.some((actor) => actor.home)
      ? `Take ${view.actor} off the network and look for the program that ${deed}.`
      : `Block ${view.actor} on your router or firewall, and tell your Internet provider.`,
    [...view.cite('flood.role'), ...view.flows()],
  );
}

/** Of a target outside nothing can be checked here. */
function check(view: View): Claim[] {
  return view.direction === 'outward'
    ? []
    : [claim(`Check whether ${target(view)} still answers its users${onPort(view)}.`, view.cite())];
}

function flood(view: View): Claim {
  const { detection } = view;
  const what = PACKETS[detection.kind] ?? 'packets';
  const rate = view.number('flood.rate');
  const speed = rate === undefined ? '' : `, at its busiest ${humanCount(rate)} a second`;
  const cites = [...view.cite('flood.rate', 'flood.role'), ...view.flows(2)];
  if (view.role === 'target') {
    const from = counted(detection.peerCount, 'address', 'addresses');
    return claim(
      `${addressLabel(detection.actor)} received ${what}${onPort(view)} from ${from}${view.within}${speed}.`,
      cites,
    );
  }
  const verb = detection.kind === 'flood.slow' ? 'made' : 'sent';
  return claim(
    `${view.actorWithPlace} ${verb} ${what} to ${target(view)}${onPort(view)}${view.within}${speed}.`,
    cites,
  );
}

function extent(view: View): Claim[] {
  const packets = view.number('flood.packets');
  const halfOpen = view.number('flood.half-open');
  const reflector = serviceLabel(view.text('flood.reflected'));
  return [
    ...(packets === undefined
      ? []
      : [
          claim(
            `That is ${counted(packets, view.detection.kind === 'flood.slow' ? 'connection' : 'packet')} in all.`,
            view.cite('flood.packets'),
          ),
        ]),
    ...(halfOpen === undefined
      ? []
      : [
          claim(
            `${percent(halfOpen)} of all connection attempts there were of this kind in that time.`,
            view.cite('flood.half-open'),
          ),
        ]),
    ...(reflector === undefined
      ? view.quote('flood.reflected')
      : [
          claim(
            `The packets are answers of ${reflector} servers to questions that somebody asked in the name of the target.`,
            view.cite('flood.reflected'),
          ),
        ]),
    ...view.quote('flood.few-flows'),
  ];
}

function target(view: View): string {
  if (view.role === 'target') return addressLabel(view.detection.actor);
  return addressList(view.detection.peers, view.detection.peerCount);
}

function onPort(view: View): string {
  const { port, protocol } = view.detection;
  return port === undefined ? '' : ` on ${portLabel(port, protocol)}`;
}
