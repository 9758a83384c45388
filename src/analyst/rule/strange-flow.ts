import { counted } from '../../core/index.ts';
import { addressList, knownService, portLabel } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** A model's opinion: traffic unlike the rest, which may be anything. */
export const STRANGE_FLOW_RULES: readonly Explanation[] = [
  {
    prefix: 'strange-flow.',
    nature: () => 'opinion',
    hypothesis: () => 'unusual traffic',
    whatHappened: (view) => [strange(view), view.began, ...why(view)],
    whyItMatters: (view) => [
      claim(
        'A model that has learned what is usual here finds this unusual. That is a hint and no proof: new things are unusual, too, and attacks can look usual.',
        view.cite('strange-flow.score', 'strange-flow.caution'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim(`Look at the flows that are listed, and ask who uses ${view.actor} whether they expect them.`, [
        ...view.cite(),
        ...view.flows(),
      ]),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'A new device, a first backup, a big download or a program that is used for the first time explains most of these.',
        view.cite(),
      ),
    ],
    inSupport: (view) => [
      claim(
        `A model that has learned what is usual here also finds traffic of ${view.detection.actor === view.incident.actors[0]?.address ? 'this host' : 'one of these hosts'} unusual (${counted(view.detection.flowCount, 'flow')}).`,
        [...view.cite('strange-flow.count'), ...view.flows(2)],
      ),
    ],
  },
];

function strange(view: View): Claim {
  const { detection } = view;
  const { port, protocol, service } = detection;
  const on = port === undefined ? '' : `, the strangest on ${portLabel(port, protocol, knownService(service))}`;
  return claim(
    `${view.actorWithPlace} had ${counted(detection.flowCount, 'flow')} with ${addressList(detection.peers, detection.peerCount)} unlike the other traffic${on}.`,
    [...view.cite('strange-flow.count'), ...view.flows(2)],
  );
}

/** What carried the score: the detector puts it first, in falling order. */
function why(view: View): Claim[] {
  return view.measureNames.slice(0, 4).flatMap((name) => view.quote(name));
}
