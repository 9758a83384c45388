import { counted, humanCount, safeText } from '../core/index.ts';
import type { BudgetOutcome, FeedbackOutcome, Incident, RuleOutcome } from '../incident/index.ts';
import { day } from './words.ts';

/** What suppressions, labels and the alert budget did, in sentences that the text and the HTML report share. Reasons and names in them are the user's own words. */
export function feedbackSentences(feedback: FeedbackOutcome | undefined): string[] {
  if (feedback === undefined) return [];
  return [
    ...feedback.rules.filter(({ hidden, changed, expired }) => hidden + changed + expired > 0).map(ruleSentence),
    ...feedback.reliability.map(
      ({ detector, prior, now, malicious, benign }) =>
        `Detector ${safeText(detector, 40)}: reliability ${now.toFixed(2)} after ${counted(malicious + benign, 'label')} (${humanCount(malicious)} malicious, ${humanCount(benign)} benign); measured ${prior.toFixed(2)}.`,
    ),
  ];
}

function ruleSentence({ rule, createdMs, meaning, reason, hidden, incidents, changed, expired }: RuleOutcome): string {
  const of = createdMs === undefined ? '' : ` of ${day(createdMs)}`;
  const why = reason === undefined ? '' : `; ${safeText(reason, 120)}`;
  const what = [
    ...(hidden > 0
      ? [`hidden: ${counted(hidden, 'detection')}${incidents > 0 ? `, ${counted(incidents, 'incident')} whole` : ''}`]
      : []),
    ...(changed > 0 ? [`not hidden, because the behaviour has changed: ${counted(changed, 'detection')}`] : []),
    ...(expired > 0 ? [`not hidden, because the rule has expired: ${counted(expired, 'detection')}`] : []),
  ];
  return `Rule ${safeText(rule, 20)}${of} (${safeText(meaning, 200)}${why}): ${what.join('; ')}.`;
}

export function budgetSentence(alerts: BudgetOutcome | undefined): string | undefined {
  if (alerts === undefined) return undefined;
  const { budget, heldBack, leastShown, mostHeldBack, earlier = 0 } = alerts;
  const within = `${counted(alerts.alerts, 'alert')} within the budget of ${budget}${earlier === 0 ? '' : `, beside ${earlier} of earlier runs`}`;
  if (heldBack === 0) return `${within}; nothing was held back.`;
  return `${within}${leastShown === undefined ? '' : ` (urgency ${leastShown} and more)`}; ${counted(heldBack, 'incident')} of medium severity or more held back${mostHeldBack === undefined ? '' : ` (urgency ${mostHeldBack} and less)`}: listed, with their severity, and no alerts.`;
}

/** What is to be said of one incident: its label, rules that did not hide it, that it was held back. */
export function incidentRemarks({
  label,
  notHidden = [],
  heldBack,
}: {
  readonly [K in 'label' | 'notHidden' | 'heldBack']?: Incident[K] | undefined;
}): string[] {
  return [
    ...(label === undefined ? [] : [`Labelled ${label}.`]),
    ...notHidden.map(
      ({ rule, changes }) =>
        `Rule ${safeText(rule, 20)} speaks of it and does not hide it, because the behaviour has changed: ${changes.map((change) => safeText(change, 120)).join('; ')}.`,
    ),
    ...(heldBack === true ? ['Held back by the alert budget: it is no alert.'] : []),
  ];
}
