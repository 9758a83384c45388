import { counted } from '../../core/index.ts';
import { addressList, knownService, nameLabel, portLabel } from '../../incident/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** A kind without rules of its own: the detector's sentences speak, and nothing is claimed beyond them. */
export const OTHER_RULE: Explanation = {
  prefix: '',
  nature: () => 'opinion',
  hypothesis: () => 'unusual traffic',
  whatHappened: (view) => [
    found(view),
    view.began,
    ...view.measureNames.slice(0, 4).flatMap((name) => view.quote(name)),
  ],
  whyItMatters: (view) => [
    claim(
      'A detector looks for this because attacks can show themselves in it. There is no written rule yet that says more.',
      view.cite(),
    ),
  ],
  whatToDoFirst: (view) => [
    claim(`Look at the flows that are listed, and ask who uses ${view.actor} whether they expect them.`, [
      ...view.cite(),
      ...view.flows(),
    ]),
  ],
  whatWouldMakeItInnocent: (view) => [
    claim('A program or a device that somebody set up on purpose may explain it.', view.cite()),
  ],
  inSupport: (view) => [found(view)],
};

function found(view: View): Claim {
  const { detection } = view;
  const { port, protocol, service } = detection;
  const on = port === undefined ? '' : ` on ${portLabel(port, protocol, knownService(service))}`;
  const towards = addressList(detection.peers, detection.peerCount);
  return claim(
    `${view.actorWithPlace} behaved in an unusual way towards ${towards}${on}: ${counted(detection.flowCount, 'flow')} of the kind ${nameLabel(detection.kind).replaceAll('.', ' ')}.`,
    [...view.cite(), ...view.flows(2)],
  );
}
