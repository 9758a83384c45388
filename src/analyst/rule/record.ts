import { counted } from '../../core/index.ts';
import type { Claim } from '../verdict.ts';
import { claim, type View } from '../view.ts';
import type { Explanation } from './rule.ts';

/** What rests on rows of a table or on what others decided: the user's own flags, the alerts of a sensor, a model's opinion of rows. */
export const RECORD_RULES: readonly Explanation[] = [
  {
    prefix: 'flag.',
    nature: () => 'ambiguous',
    hypothesis: () => 'unusual traffic',
    whatHappened: (view) => [
      claim(`A flag of the feature definitions fired for ${rows(view)}.`, [
        ...view.cite('flag.name', 'flag.rows'),
        ...view.flows(2),
      ]),
      ...began(view),
      ...view.measureNames
        .filter((name) => name !== 'flag.name' && name !== 'flag.rows')
        .slice(0, 5)
        .flatMap((name) => view.quote(name)),
    ],
    whyItMatters: (view) => [
      claim(
        'Whoever wrote the flag decided that this deserves a look. What it means stands in the description of the flag.',
        view.cite('flag.name', 'flag.severity'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim('Look at the rows that are listed, and judge them by what the flag is meant to find.', [
        ...view.cite(),
        ...view.flows(),
      ]),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim('The condition of the flag may be wider than what it is meant to find.', view.cite('flag.name')),
    ],
    inSupport: (view) => [
      claim(`A flag of the feature definitions fired, too, for ${rows(view)}.`, [
        ...view.cite('flag.name', 'flag.rows'),
        ...view.flows(2),
      ]),
    ],
  },
  {
    prefix: 'plugin.',
    nature: () => 'ambiguous',
    hypothesis: () => 'unusual traffic',
    whatHappened: (view) => [
      claim(`A detector of a plugin named ${rows(view)}.`, [
        ...view.cite('plugin.detector', 'plugin.rows'),
        ...view.flows(2),
      ]),
      ...began(view),
      ...view.quote('plugin.message'),
    ],
    whyItMatters: (view) => [
      claim(
        'Whoever chose the plugin decided that what it finds deserves a look. How often it is wrong is known to its author alone.',
        view.cite('plugin.detector'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim('Look at the rows that are listed, and judge them by what the plugin says that its detector finds.', [
        ...view.cite(),
        ...view.flows(),
      ]),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim('The detector of the plugin may be wider than what it is meant to find.', view.cite('plugin.detector')),
    ],
    inSupport: (view) => [
      claim('A detector of a plugin named it, too.', [
        ...view.cite('plugin.detector', 'plugin.rows'),
        ...view.flows(2),
      ]),
    ],
  },
  {
    prefix: 'alert.',
    nature: () => 'ambiguous',
    hypothesis: () => 'unusual traffic',
    whatHappened: (view) => [
      claim(
        `Another sensor that watched the same traffic raised ${counted(view.number('alert.count') ?? 0, 'alert')}.`,
        [...view.cite('alert.count'), ...view.flows(2)],
      ),
      ...began(view),
      ...view.measureNames
        .filter((name) => name !== 'alert.count')
        .slice(0, 5)
        .flatMap((name) => view.quote(name)),
    ],
    whyItMatters: (view) => [
      claim(
        'The rules of that sensor know particular attacks and tools; how often they are wrong depends on the rule.',
        view.cite('alert.severity'),
      ),
    ],
    whatToDoFirst: (view) => [
      claim('Look up the rule by its number, and look at the flows around the first alert.', [
        ...view.cite('alert.signature'),
        ...view.flows(),
      ]),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'Rules that match a short text or a port fire on harmless traffic, and so do tests by your own security scanner.',
        view.cite(),
      ),
    ],
    inSupport: (view) => [
      claim(`Another sensor raised ${counted(view.number('alert.count') ?? 0, 'alert')} about it.`, [
        ...view.cite('alert.count'),
        ...view.flows(2),
      ]),
    ],
  },
  opinion('strange-record.', 'A model that has learned what is usual in this table finds'),
  opinion('cluster.', 'Measured by the distance between rows, there are'),
];

function opinion(prefix: string, opening: string): Explanation {
  return {
    prefix,
    nature: () => 'opinion',
    hypothesis: () => 'unusual traffic',
    whatHappened: (view) => [
      claim(`${opening} ${rows(view)} unlike the others.`, [...view.cite(), ...view.flows(2)]),
      ...began(view),
      ...view.measureNames.slice(0, 4).flatMap((name) => view.quote(name)),
    ],
    whyItMatters: (view) => [
      claim(
        'That is a hint and no proof: new things are unusual, too, and attacks can look usual. The label says nothing about good or bad.',
        view.cite(),
      ),
    ],
    whatToDoFirst: (view) => [
      claim('Look at the rows that are listed, and at the features that set them apart.', [
        ...view.cite(),
        ...view.flows(),
      ]),
    ],
    whatWouldMakeItInnocent: (view) => [
      claim(
        'Rare but ordinary work, such as a first backup or a program used for the first time, looks like this.',
        view.cite(),
      ),
    ],
    inSupport: (view) => [
      claim(`${opening} ${rows(view)} of it unlike the others, too.`, [...view.cite(), ...view.flows(2)]),
    ],
  };
}

function rows({ detection }: View): string {
  return detection.recordCount === undefined
    ? counted(detection.flowCount, 'flow')
    : counted(detection.recordCount, 'row');
}

/** Where the rows have a time. */
function began(view: View): Claim[] {
  const { firstMs, lastMs } = view.span;
  return firstMs === 0 && lastMs === 0 ? [] : [view.began];
}
