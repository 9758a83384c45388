import { counted, safeText } from '../core/index.ts';
import type { Detection } from '../detect/index.ts';
import type { SeverityStep } from './incident.ts';
import type { KindInfo } from './kind.ts';
import type { Story } from './story.ts';
import type { Telling } from './telling.ts';
import { isAddress } from './words.ts';

/** The kinds of what rests on rows of tables, on a user's own flags, and on the alerts of another sensor. */

/** The actor of a detection that is about a whole table, because nobody said which column tells who acts. */
export const WHOLE_TABLE = '*';

/**
 * Points by the severity that the author of a flag, or of a sensor's rule, gave it. With the 20 points of a rule that is sure of itself they reach the level of that name,
 * and whoever agrees may carry it higher.
 */
const AUTHORED: Readonly<Record<string, number>> = { info: -10, low: 5, medium: 25, high: 50, critical: 68 };

function authored(story: Story, measure: string, author: string): SeverityStep[] {
  const value = story.lead.reasons.find((reason) => reason.name === measure)?.value;
  const points = typeof value === 'string' ? AUTHORED[value] : undefined;
  return points === undefined ? [] : [{ rule: `${author} calls it ${value}`, points }];
}

/** Who a row is about, as the table names it: an address as it is, other text in quotes, made safe and short. */
function entityOf({ actor }: Detection): string {
  if (actor === WHOLE_TABLE) return 'the table';
  return isAddress(actor) ? actor : `“${safeText(actor, 60)}”`;
}

/** Of one entity its own rows; of many those of all, for what one has says nothing of the others. */
function rowsOf({ detection: { recordCount, flowCount }, many, together }: Telling): string {
  const text =
    recordCount === undefined
      ? counted(many ? together.flows : flowCount, 'flow')
      : counted(many ? together.records : recordCount, 'row');
  return many ? `${text} together` : text;
}

function textOf(detection: Detection, name: string): string {
  const value = detection.reasons.find((reason) => reason.name === name)?.value;
  return typeof value === 'string' ? safeText(value, 60) : '';
}

export const RECORD_KINDS: readonly KindInfo[] = [
  {
    prefix: 'flag.',
    behaviour: 'flagged',
    base: 0,
    rule: 'A flag of the feature definitions fired',
    direction: {},
    steps: (story) => authored(story, 'flag.severity', 'Its author'),
    aim: (detection) => textOf(detection, 'flag.name'),
    timeless: true,
    label: 'flagged',
    subject: entityOf,
    deed: (told) => `${told.many ? 'have' : 'has'} ${rowsOf(told)} flagged “${textOf(told.detection, 'flag.name')}”`,
    end: () => '',
  },
  {
    prefix: 'plugin.',
    behaviour: 'found by a plugin',
    base: 20,
    rule: 'A detector of a plugin found it',
    direction: {},
    aim: ({ kind }) => kind,
    label: 'found by a plugin',
    subject: entityOf,
    deed: (told) =>
      `${told.many ? 'have' : 'has'} ${rowsOf(told)} that the plugin detector ${told.detection.kind.slice('plugin.'.length)} names`,
    end: () => '',
  },
  {
    prefix: 'alert.',
    behaviour: 'alerted',
    base: 0,
    rule: 'Another sensor raised an alert',
    direction: { inward: [-15, 'What set it off came from outside, as attempts do all day on the Internet'] },
    steps: (story) => authored(story, 'alert.severity', 'Its rule'),
    // Many senders that set off rules of one class are one story, as scans are.
    aim: (detection) => textOf(detection, 'alert.category'),
    label: 'alerts of another sensor',
    deed: ({ detection, together }) => {
      const what = textOf(detection, 'alert.category');
      return `set off ${counted(together.sum('alert.count'), 'alert')} of another sensor${what === '' ? '' : ` (${what})`}`;
    },
  },
  {
    prefix: 'strange-record.',
    behaviour: 'anomaly',
    base: 20,
    rule: 'A model finds the rows strange, without a known pattern',
    direction: {},
    cap: [39, "Only a model's opinion, without a known pattern behind it: at most low"],
    opinion: true,
    label: 'unusual rows',
    subject: entityOf,
    deed: (told) => `${told.many ? 'have' : 'has'} ${rowsOf(told)} unlike the others`,
    end: () => '',
  },
  {
    prefix: 'cluster.',
    behaviour: 'anomaly',
    base: 20,
    rule: 'A small group of rows lies apart from all others',
    direction: {},
    cap: [39, 'Only a distance, without a known pattern behind it: at most low'],
    opinion: true,
    label: 'rows that lie apart',
    subject: entityOf,
    deed: (told) => `${told.many ? 'have' : 'has'} ${rowsOf(told)} in the group that lies apart from all others`,
    end: () => '',
  },
];
