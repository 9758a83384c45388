import { counted } from '../../core/index.ts';
import { addressList, knownService, portLabel, serviceLabel } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** What a baseline finds: devices that nobody wrote down, and known ones that do what nobody wrote down. */

const INVENTORY =
  'The list of devices in the report shows what was seen of it: names, vendor, what it offers and uses.';

/** Strangers: the innocent explanations are many, and only a person can tell. */
const STRANGER: Omit<Explanation, 'prefix' | 'whatHappened' | 'inSupport'> = {
  nature: () => 'ambiguous',
  hypothesis: () => 'unknown device',
  whyItMatters: (view) => [
    claim(
      'Who can put a device on your network can listen in and reach what is meant for insiders. Most strangers are visitors or new purchases that nobody entered.',
      view.cite('new-device.known', 'policy.condition'),
    ),
    ...(view.has('new-device.offers')
      ? [claim('It offers services to others, which a visitor hardly does.', view.cite('new-device.offers'))]
      : []),
  ],
  whatToDoFirst: (view) => [
    claim(`Find out what ${view.actor} is and whose. ${INVENTORY}`, [
      ...view.cite('new-device.identity', 'policy.identity'),
      ...view.flows(),
    ]),
    claim(
      'Look up at the switch or access point where it is connected, by its hardware address.',
      view.cite('new-device.identity', 'policy.identity'),
    ),
    claim(
      'If it may be there, enter it in the baseline with an owner; if nobody knows it, take it off the network.',
      view.cite(),
    ),
  ],
  whatWouldMakeItInnocent: (view) => [
    claim(
      'A visitor, a new or repaired machine, a docking station with an address of its own, or a phone that changed its made-up address.',
      view.cite('new-device.identity', 'policy.identity'),
    ),
  ],
};

const CHANGE: Pick<Explanation, 'nature' | 'hypothesis'> = {
  nature: () => 'ambiguous',
  hypothesis: () => 'change of behaviour',
};

export const BASELINE_RULES: readonly Explanation[] = [
  {
    ...STRANGER,
    prefix: 'new-device.',
    whatHappened: (view) => [
      stranger(view),
      view.began,
      ...quotes(
        view,
        'new-device.known',
        'new-device.identity',
        'new-device.flows',
        'new-device.offers',
        'new-device.proposed',
      ),
    ],
    inSupport: (view) => [stranger(view)],
  },
  {
    ...STRANGER,
    prefix: 'policy.unknown-source',
    whatHappened: (view) => [
      source(view),
      view.began,
      ...quotes(view, 'policy.condition', 'policy.entry', 'policy.identity', 'policy.flows'),
    ],
    inSupport: (view) => [...view.quote('policy.condition'), ...view.quote('policy.entry')],
  },
  {
    ...STRANGER,
    prefix: 'policy.unknown-destination',
    whatHappened: (view) => [
      claim(`${peers(view)} sent to ${view.actor}.`, [...view.cite('policy.flows'), ...view.flows(2)]),
      view.began,
      ...quotes(view, 'policy.condition', 'policy.entry', 'policy.identity', 'policy.flows'),
    ],
    inSupport: (view) => [...view.quote('policy.condition')],
  },
  {
    prefix: 'policy.protocol',
    nature: () => 'ambiguous',
    hypothesis: () => 'change of behaviour',
    whatHappened: (view) => [
      protocol(view),
      view.began,
      ...quotes(view, 'policy.condition', 'policy.entry', 'policy.flows'),
    ],
    whyItMatters: (view) => [
      claim(
        'A protocol that the network does not need is a way in or out that nobody watches; whoever wrote the baseline thought so.',
        view.cite('policy.condition'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim(`On ${view.actor}, find the program that speaks it, and ask its owner what it is for.`, [
        ...view.cite('policy.protocol'),
        ...view.flows(),
      ]),
      claim(
        'If it may be, add it to the protocols of the baseline with a reason; else switch it off or block it.',
        view.cite('policy.protocol'),
      ),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'New software or a new device that needs the protocol, and a baseline that nobody has brought up to date.',
        view.cite('policy.condition'),
      ),
    ],
    inSupport: (view) => [protocol(view)],
  },
  {
    ...CHANGE,
    prefix: 'policy.hours',
    whatHappened: (view) => [
      claim(`${view.actorWithPlace} began ${counted(view.detection.flowCount, 'flow')} outside of its hours.`, [
        ...view.cite('policy.flows'),
        ...view.flows(2),
      ]),
      view.began,
      ...quotes(view, 'policy.entry', 'policy.flows'),
    ],
    whyItMatters: (view) => [
      claim(
        'Whoever uses a machine that is not theirs does it when nobody sits there. Updates and backups run at night as well.',
        view.cite('policy.condition'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim(
        `Look at the flows that are listed, and ask the owner of ${view.actor} whether the machine was in use then.`,
        [...view.cite(), ...view.flows()],
      ),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim('Somebody worked late, or an update, a backup or a report ran on a timer.', view.cite('policy.condition')),
    ],
    inSupport: (view) => view.quote('policy.condition'),
  },
  {
    ...CHANGE,
    prefix: 'new-service.',
    whatHappened: (view) => [
      offered(view),
      view.began,
      ...quotes(view, 'new-service.known', 'new-service.flows', 'new-service.outside'),
    ],
    whyItMatters: (view) => [
      claim(
        'A service that appears on a known machine may be how somebody keeps the way in open; more often it is new software or a switch that was turned.',
        view.cite('new-service.known'),
      ),
      ...(view.has('new-service.outside')
        ? [
            claim(
              'It can be reached from outside, where everybody looks for such things.',
              view.cite('new-service.outside'),
            ),
          ]
        : []),
    ],
    whatToDoFirst: (view) => [
      claim(`On ${view.actor}, find the program that listens${onPort(view)}, and since when.`, [
        ...view.cite(),
        ...view.flows(),
      ]),
      claim(
        'If it belongs there, add it to the services of the device in the baseline; else switch it off.',
        view.cite('new-service.known'),
      ),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'An update or a setting that brought a new service, known to the owner of the device.',
        view.cite('new-service.known'),
      ),
    ],
    inSupport: (view) => [offered(view)],
  },
  {
    ...CHANGE,
    prefix: 'new-edge.',
    whatHappened: (view) => [contacted(view), view.began, ...quotes(view, 'new-edge.known', 'new-edge.peers')],
    whyItMatters: (view) => [
      claim(
        view.detection.kind === 'new-edge.inside'
          ? 'Who moves through a network goes from a machine that was taken over to others that it never spoke to before.'
          : 'A device with few partners that finds a new one outside may report to somebody else than its maker.',
        view.cite('new-edge.known'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim(`On ${view.actor}, find the program that made the contacts, and ask its owner what it is for.`, [
        ...view.cite('new-edge.peers'),
        ...view.flows(),
      ]),
      claim('If the contact is right, add it to the peers of the device in the baseline.', view.cite('new-edge.known')),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A service that moved to other addresses, a new printer or server, an administrator at work.',
        view.cite('new-edge.known'),
      ),
    ],
    inSupport: (view) => [contacted(view)],
  },
];

function quotes(view: View, ...names: readonly string[]): Claim[] {
  return view.many ? [] : names.flatMap((name) => view.quote(name));
}

function stranger(view: View): Claim {
  return claim(`${view.actorWithPlace} is not in the baseline; it talked to ${peers(view)}.`, [
    ...view.cite('new-device.known'),
    ...view.flows(2),
  ]);
}

function source(view: View): Claim {
  return claim(`${view.actorWithPlace} sent to ${peers(view)}, and the baseline does not approve it.`, [
    ...view.cite('policy.condition'),
    ...view.flows(2),
  ]);
}

function protocol(view: View): Claim {
  const name = view.text('policy.protocol') ?? 'a protocol';
  return claim(`${view.actorWithPlace} spoke ${name} with ${peers(view)}.`, [
    ...view.cite('policy.protocol'),
    ...view.flows(2),
  ]);
}

function offered(view: View): Claim {
  return claim(`${view.actorWithPlace} answered ${peers(view)}${onPort(view)}.`, [
    ...view.cite('new-service.flows'),
    ...view.flows(2),
  ]);
}

function contacted(view: View): Claim {
  return claim(`${view.actorWithPlace} contacted ${peers(view)}${onPort(view)}.`, [
    ...view.cite('new-edge.peers'),
    ...view.flows(2),
  ]);
}

function peers(view: View): string {
  return addressList(view.detection.peers, view.detection.peerCount);
}

function onPort(view: View): string {
  const { port, protocol: transport, service } = view.detection;
  if (port === undefined) return '';
  return ` on ${serviceLabel(service) === undefined ? portLabel(port, transport) : portLabel(port, transport, knownService(service))}`;
}
