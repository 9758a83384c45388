import { addressList } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** What threat lists name: their knowledge, not that of the traffic. */
export const THREAT_LIST_RULES: readonly Explanation[] = [
  {
    prefix: 'threat-list.',
    nature: (view) =>
      isInward(view) || isWeak(view) || ['asked', 'client', 'server'].includes(wayOf(view)) ? 'ambiguous' : 'hostile',
    hypothesis: () => 'contact with a listed host',
    whatHappened: (view) => [
      met(view),
      ...view.quote('threat-list.entry'),
      ...['lists', 'label', 'group', 'confidence', 'expired', 'early', 'old', 'answered', 'unanswered'].flatMap(
        (name) => view.quote(`threat-list.${name}`),
      ),
      view.began,
    ],
    whyItMatters: (view) => [
      isInward(view)
        ? claim(
            'Hosts on such lists knock at every address of the Internet. It matters where one of them got an answer from a service that should not be open.',
            view.cite('threat-list.answered', 'threat-list.unanswered'),
          )
        : claim(
            'Nobody calls a host that others know to be hostile without a reason: a program is there that was told to, or somebody followed a link.',
            view.cite('threat-list.entry', 'threat-list.way'),
          ),
    ],
    whatToDoFirst: (view) =>
      isInward(view)
        ? [
            claim('See which of your services answered it, and whether they have to be open to everybody.', [
              ...view.cite('threat-list.answered', 'threat-list.unanswered'),
              ...view.flows(),
            ]),
          ]
        : [
            claim(
              'Look the entry up at whoever publishes the list: why it is there, and since when.',
              view.cite('threat-list.entry'),
            ),
            claim(`On ${view.actor}, find the program that made these connections.`, [...view.cite(), ...view.flows()]),
            claim('Block the entry on your router or resolver until you know.', view.cite('threat-list.entry')),
          ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'Lists grow old: an address that hosted something bad may be anybody else today, and on shared hosting it always was somebody else as well.',
        view.cite('threat-list.old', 'threat-list.expired', 'threat-list.entry'),
      ),
      ...(wayOf(view) === 'asked'
        ? [
            claim(
              'A mail filter, a resolver or a security program may ask for such names to judge them.',
              view.cite('threat-list.way'),
            ),
          ]
        : []),
    ],
    inSupport: (view) => [met(view), ...view.quote('threat-list.entry')],
  },
];

function wayOf(view: View): string {
  return view.text('threat-list.way') ?? 'called';
}

function isInward(view: View): boolean {
  return wayOf(view) === 'came';
}

function isWeak(view: View): boolean {
  return view.has('threat-list.expired') || view.has('threat-list.early') || view.has('threat-list.old');
}

function met(view: View): Claim {
  const hosts = addressList(view.detection.peers, view.detection.peerCount);
  const cites = [...view.cite('threat-list.way', 'threat-list.entry'), ...view.flows(2)];
  switch (wayOf(view)) {
    case 'came':
      return claim(`${view.actorWithPlace} is on a threat list and came to ${hosts}.`, cites);
    case 'asked':
      return claim(`${view.actorWithPlace} asked ${hosts} for a name that is on a threat list.`, cites);
    case 'fetched':
      return claim(`${view.actorWithPlace} fetched a page that is on a threat list from ${hosts}.`, cites);
    case 'client':
      return claim(`${view.actorWithPlace} spoke TLS with ${hosts} like a program that is on a threat list.`, cites);
    case 'server':
      return claim(
        `${view.actorWithPlace} spoke TLS with ${hosts}, which answered like a server that is on a threat list.`,
        cites,
      );
    case 'named':
      return claim(`${view.actorWithPlace} called ${hosts} by a name that is on a threat list.`, cites);
    default:
      return claim(`${view.actorWithPlace} called ${hosts}, which a threat list names.`, cites);
  }
}
