import { counted, humanBytes, humanDuration } from '../../core/index.ts';
import { addressList, callDirection, knownService, percent, portLabel, severityRank } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** Hosts that call the same place again and again, or keep a connection open: what implants do, and what half of all honest programs do too. */

const CALL: Pick<Explanation, 'nature' | 'hypothesis' | 'whyItMatters' | 'whatToDoFirst'> = {
  nature: () => 'ambiguous',
  hypothesis: (view) =>
    leaves(view) && severityRank(view.incident.severity) >= severityRank('medium')
      ? 'command and control'
      : 'regular service traffic',
  whyItMatters: (view) => {
    if (view.direction === 'inward')
      return [
        claim(
          'A program outside does this, and no host of yours calls out. It matters only if nobody knows why it does.',
          view.cite(),
        ),
      ];
    if (!leaves(view))
      return [
        claim(
          'Inside a network, programs talk to their servers like this all day. It matters only if nobody knows what these hosts have to do with each other.',
          view.cite(),
        ),
      ];
    return [
      claim(
        'Malware that waits for orders reports to its operator like this, day and night, whether or not anybody sits at the machine. Most programs that do so are honest: updates, mail, messages.',
        view.cite('beacon.jitter', 'long-connection.open-time'),
      ),
      ...aboutPort(view),
    ];
  },
  whatToDoFirst: (view) => {
    const { actor } = view;
    const program = claim(
      `On ${actor}, find the program that owns the connections to ${peers(view)}${onPort(view)}, and ask its owner what it is for.`,
      [...view.cite(), ...view.flows()],
    );
    if (!leaves(view)) return [program];
    return [
      program,
      claim(
        `Find out whom ${peers(view)} belongs to; the names that the connections show are with the evidence, and may be false.`,
        [...view.cite(), ...view.flows()],
      ),
      claim(
        `If nobody knows the program, block ${peers(view)} on your router or firewall and look at what else ${actor} did since ${view.startText}.`,
        view.cite(),
      ),
    ];
  },
};

export const CALL_RULES: readonly Explanation[] = [
  {
    ...CALL,
    prefix: 'beacon.',
    whatHappened: (view) => [calls(view), view.began, ...rhythm(view)],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'Software that looks for updates, mail and messages that are fetched on a timer, monitoring, and smart devices that report to their maker all do this.',
        view.cite(),
      ),
    ],
    inSupport: (view) => [calls(view)],
  },
  {
    ...CALL,
    prefix: 'beacon.slow',
    whatHappened: (view) => [calls(view), view.began, ...(view.many ? [] : view.quote('beacon.by-chance'))],
    whyItMatters: (view) => [
      claim(
        'A few calls are little to go by. Malware that wants to stay unseen calls seldom; so do most honest programs that look for news.',
        view.cite('beacon.connections', 'beacon.interval-median'),
      ),
      ...aboutPort(view),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'Software that looks for updates, a device that reports to its maker, a monitor of a host outside. A longer capture would show whether it goes on at night.',
        view.cite(),
      ),
    ],
    inSupport: (view) => [calls(view)],
  },
  {
    ...CALL,
    prefix: 'beacon.attempts',
    whatHappened: (view) => [calls(view), view.began, ...rhythm(view)],
    whyItMatters: (view) => [
      claim(
        leaves(view)
          ? 'Malware whose operator is gone goes on calling, at the times that it was given. So do honest programs whose server was shut down; a person would have given up.'
          : 'A program waits for a host of your network that is switched off, or has moved. It matters only if nobody knows why it asks.',
        view.cite('beacon.connections', 'beacon.jitter'),
      ),
      ...aboutPort(view),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A program whose server was shut down, a backup or a monitor whose target is switched off, a firewall of your own that stops what the program may not do.',
        view.cite(),
      ),
    ],
    inSupport: (view) => [calls(view)],
  },
  {
    ...CALL,
    prefix: 'long-connection.',
    whatHappened: (view) => [lasting(view), ...view.quote('long-connection.bytes'), view.began],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A VPN, a remote desktop, a video call, push messages or a smart device that waits for commands of its owner keeps connections open for hours.',
        view.cite(),
      ),
    ],
    inSupport: (view) => [lasting(view)],
  },
  {
    prefix: 'suspicious-tls.',
    nature: (view) => (view.text('suspicious-tls.tool') === undefined ? 'ambiguous' : 'hostile'),
    hypothesis: (view) =>
      severityRank(view.incident.severity) >= severityRank('medium')
        ? 'command and control'
        : 'regular service traffic',
    whatHappened: (view) => [
      spokeTls(view),
      view.began,
      ...(view.many ? [] : TLS_QUOTES.flatMap((name) => view.quote(`suspicious-tls.${name}`))),
    ],
    whyItMatters: (view) => [
      claim(
        'Tools by which somebody controls a machine from afar make a certificate of their own when they are set up, and hide their orders behind it. Nothing shows whom the server belongs to.',
        view.cite('suspicious-tls.tool', 'suspicious-tls.self-issued', 'suspicious-tls.lifetime'),
      ),
      ...aboutPort(view),
    ],
    whatToDoFirst: CALL.whatToDoFirst,
    whatWouldMakeItInnocent: (view) => [
      claim(
        'An appliance, a VPN gateway, a program for remote support or a smart device may come with a certificate that its maker issued; its owner then knows the server.',
        view.cite(),
      ),
      ...(view.text('suspicious-tls.browser') === undefined ? [] : view.quote('suspicious-tls.browser')),
    ],
    inSupport: (view) => [spokeTls(view)],
  },
  {
    ...CALL,
    prefix: 'dynamic-name.',
    whatHappened: (view) => [
      dynamicContact(view),
      view.began,
      ...(view.many ? [] : ['port', 'lasting'].flatMap((name) => view.quote(`dynamic-name.${name}`))),
    ],
    whyItMatters: (view) => [
      claim(
        'Whoever controls machines from afar often hides behind a name that costs nothing and moves from line to line. So do people who reach their own home.',
        view.cite('dynamic-name.connections'),
      ),
      ...aboutPort(view),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A game server of friends, a remote desktop or a device at home that somebody reaches under such a name: then that person knows it.',
        view.cite(),
      ),
    ],
    inSupport: (view) => [dynamicContact(view)],
  },
];

function dynamicContact(view: View): Claim {
  return claim(
    `${view.actorWithPlace} connected to ${peers(view)}${onPort(view)}, to which a name of dynamic DNS or of a tunnel led, and nobody can read what was said${view.within}.`,
    [...view.cite('dynamic-name.connections'), ...view.flows(2)],
  );
}

const TLS_QUOTES = [
  'tool',
  'self-issued',
  'lifetime',
  'port',
  'dynamic-name',
  'no-name',
  'subject',
  'version',
  'clients',
];

function spokeTls(view: View): Claim {
  return claim(
    `${view.actorWithPlace} connected to ${peers(view)}${onPort(view)}, and the server showed a certificate that no public authority vouches for${view.within}.`,
    [...view.cite('suspicious-tls.connections'), ...view.flows(2)],
  );
}

function calls(view: View): Claim {
  const { detection } = view;
  // What one of many hosts did says nothing of the others.
  const count = view.many ? view.incident.flowCount : view.number('beacon.connections');
  const times = counted(count ?? detection.flowCount, 'time');
  const interval = view.many ? undefined : view.number('beacon.interval-median');
  const every = interval === undefined ? '' : `, about every ${humanDuration(interval)}`;
  const did = detection.kind === 'beacon.attempts' ? 'tried in vain to connect' : 'connected';
  return claim(`${view.actorWithPlace} ${did} to ${peers(view)}${onPort(view)} ${times}${view.within}${every}.`, [
    ...view.cite('beacon.connections', 'beacon.interval-median'),
    ...view.flows(2),
  ]);
}

function rhythm(view: View): Claim[] {
  const jitter = view.number('beacon.jitter');
  const bytes = view.number('beacon.sizes');
  const score = view.number('beacon.score');
  return [
    ...(jitter === undefined
      ? []
      : [
          claim(
            `The times between the calls vary by ${percent(jitter)}; people and chance vary much more.`,
            view.cite('beacon.jitter'),
          ),
        ]),
    ...(bytes === undefined || bytes <= 0
      ? []
      : [claim(`It usually sent ${humanBytes(bytes)} at a time.`, view.cite('beacon.sizes'))]),
    ...(score === undefined
      ? []
      : [
          claim(
            `In times, sizes and spread taken together they score ${percent(score)} of what a perfect timer would.`,
            view.cite('beacon.score'),
          ),
        ]),
  ];
}

function lasting(view: View): Claim {
  const { firstMs, lastMs } = view.span;
  const open = view.number('long-connection.open-time') ?? lastMs - firstMs;
  return claim(
    `${view.actorWithPlace} kept a connection to ${peers(view)}${onPort(view)} open for ${humanDuration(open)}.`,
    [...view.cite('long-connection.open-time'), ...view.flows(2)],
  );
}

/** True where the call leaves the home network, or may. */
function leaves(view: View): boolean {
  const direction = callDirection(view, view.detection);
  return direction === 'outward' || direction === 'outside';
}

function aboutPort(view: View): Claim[] {
  if (!view.incident.techniques.some((technique) => technique.id === 'T1571' || technique.id === 'T1095')) return [];
  const { port } = view.detection;
  return port === undefined
    ? []
    : [
        claim(
          `No usual service is at home on port ${port} with this kind of traffic, which malware often chooses.`,
          view.cite(),
        ),
      ];
}

function peers(view: View): string {
  return addressList(view.detection.peers, view.detection.peerCount, 'address');
}

function onPort(view: View): string {
  const { port, protocol, service } = view.detection;
  return port === undefined ? '' : ` on ${portLabel(port, protocol, knownService(service))}`;
}
