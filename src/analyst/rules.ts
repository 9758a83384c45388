import { type Incident, kindInfo } from '../incident/index.ts';
import { CLAIM_SECTIONS, checkCitations } from './check.ts';
import { explanationOf, type Nature } from './rule/index.ts';
import type { Action, Analyst, Assessment, Claim, Verdict } from './verdict.ts';
import { View } from './view.ts';

/**
 * The analyst that always exists: written rules, no model, no network. The same incident gives the same verdict.
 *
 * The leading detection chooses the explanation (`rule/`); detections of other kinds add a sentence each, at most `MAX_SUPPORT`. The severity stays what
 * the severity rules made it; the verdict reads it:
 *
 *   nature of the pattern   critical     high         medium       low          info
 *   hostile                 malicious    malicious    suspicious   suspicious   unsure
 *   ambiguous               malicious    suspicious   suspicious   unsure       unsure
 *   opinion                 suspicious   suspicious   unsure       unsure       unsure
 *
 * An echo of a flood against somebody outside is benign. Action: benign is allowed; what is malicious is blocked where the actor is outside and
 * acts on the home network, or where a home host calls out at critical severity, and investigated otherwise (blocking a host inside, or the forged senders of a flood,
 * takes a person); what is suspicious is investigated, but monitored below medium; what is unsure is monitored.
 *
 * Confidence is that of the assessment: 0.4 + 0.5 x score of the leading detection, 0.05 more for each further detector (at most two), at most 0.95;
 * unsure means that no side is much likelier, so there it is at most 0.5.
 */
export function createRuleAnalyst(): Analyst {
  return { name: 'rules', judge: async (incident) => judgeByRules(incident) };
}

const MAX_SUPPORT = 3;

/** Throws where a claim cites nothing or what the incident does not have: a bug in a rule. */
export function judgeByRules(incident: Incident): Verdict {
  const [lead, ...others] = incident.detections;
  if (lead === undefined) throw new Error(`incident ${incident.id} has no detection`);
  const view = new View(incident, lead);
  const explanation = explanationOf(lead.kind);
  const assessment = assess(view, explanation.nature(view));
  const verdict: Verdict = {
    by: 'rules',
    assessment,
    confidence: confidence(incident, assessment),
    hypothesis: explanation.hypothesis(view),
    action: choose(view, assessment),
    whatHappened: [...explanation.whatHappened(view), ...support(incident, lead.kind, others)],
    whyItMatters: explanation.whyItMatters(view),
    whatToDoFirst: [...explanation.whatToDoFirst(view), ...furtherSteps(incident, lead.kind, others)],
    whatWouldMakeItInnocent: explanation.whatWouldMakeItInnocent(view),
  };
  for (const section of CLAIM_SECTIONS) {
    for (const [i, claim] of verdict[section].entries()) {
      const [problem] = checkCitations(incident, claim, `${section}[${i}]`);
      if (problem !== undefined) throw new Error(`${lead.kind}, ${problem.where}: ${problem.message}`);
    }
  }
  return verdict;
}

/** The first detection of every other kind speaks. */
function support(incident: Incident, leadKind: string, others: Incident['detections']): Claim[] {
  const kinds = new Set([leadKind]);
  const claims: Claim[] = [];
  for (const detection of others) {
    if (kinds.has(detection.kind) || kinds.size > MAX_SUPPORT) continue;
    kinds.add(detection.kind);
    claims.push(...explanationOf(detection.kind).inSupport(new View(incident, detection)));
  }
  return claims;
}

/** Of every further behaviour of the story its first step: where a search was followed by guessing, the login log waits too. */
function furtherSteps(incident: Incident, leadKind: string, others: Incident['detections']): Claim[] {
  const behaviours = new Set([kindInfo(leadKind).behaviour]);
  const claims: Claim[] = [];
  for (const detection of others) {
    const { behaviour, opinion } = kindInfo(detection.kind);
    if (opinion === true || behaviours.has(behaviour) || behaviours.size > MAX_SUPPORT) continue;
    behaviours.add(behaviour);
    claims.push(...explanationOf(detection.kind).whatToDoFirst(new View(incident, detection)).slice(0, 1));
  }
  return claims;
}

const ASSESSMENT: Readonly<Record<Nature, Readonly<Record<Incident['severity'], Assessment>>>> = {
  hostile: { critical: 'malicious', high: 'malicious', medium: 'suspicious', low: 'suspicious', info: 'unsure' },
  ambiguous: { critical: 'malicious', high: 'suspicious', medium: 'suspicious', low: 'unsure', info: 'unsure' },
  opinion: { critical: 'suspicious', high: 'suspicious', medium: 'unsure', low: 'unsure', info: 'unsure' },
};

function assess(view: View, nature: Nature): Assessment {
  if (view.role === 'victim' && view.direction === 'outside') return 'benign';
  return ASSESSMENT[nature][view.incident.severity];
}

function choose(view: View, assessment: Assessment): Action {
  const { direction, role, incident } = view;
  if (assessment === 'benign') return 'allow';
  if (assessment === 'unsure') return 'monitor';
  if (assessment === 'suspicious')
    return incident.severity === 'low' || incident.severity === 'info' ? 'monitor' : 'investigate';
  if (role === 'source' && direction === 'inward') return 'block';
  const calls = explanationOf(incident.kind).hypothesis(view) === 'command and control';
  return calls && direction !== 'inside' && incident.severity === 'critical' ? 'block' : 'investigate';
}

function confidence(incident: Incident, assessment: Assessment): number {
  const score = incident.detections[0]?.score ?? 0;
  const further = Math.min(2, new Set(incident.detections.map((detection) => detection.detector)).size - 1);
  const most = assessment === 'unsure' ? 0.5 : 0.95;
  return Number(Math.min(most, 0.4 + 0.5 * score + 0.05 * further).toFixed(2));
}
