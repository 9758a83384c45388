/** The templates that ship, as texts of the same form as those of users: see persona.ts. */
export const BUILT_IN_TEMPLATES: readonly string[] = [
  `---
id: analyst
version: 1
title: Analyst
audience: whoever looks after a small network
---
Write for a person who runs a network beside other work: plain English, no jargon, short sentences. Say what happened before what it may mean.
`,
  `---
id: technical-expert
version: 1
title: Technical expert
audience: analysts of a security team
---
Write precisely and briefly, with protocols, ports and counts. Assume that the reader knows the terms of the trade.

## indicators: Indicators
Addresses, ports and references to names that others should look for.

## attack-path: How it works
How such traffic comes about, step by step, as far as the facts show it.

## severity-reasons: Reasons for the severity
Which facts carry the severity that code decided, and which speak against it.

## mitigation: Mitigation
Technical measures, the most useful first.

## forensics: Forensic notes
What to preserve and examine, and in which order.
`,
  `---
id: risk-assessor
version: 1
title: Risk assessor
audience: those who decide about risks
---
Write in the terms of risk: what could be lost, how likely it is, what it depends on. Where the facts do not tell, say that they do not. Name no sums of money.

## business-impact: Impact on the business
What would stop or suffer if the worst reading is right.

## data-at-risk: Data at risk
Which data the hosts involved could reach, as far as the facts show.

## likelihood: Likelihood
How likely the worst reading is, and what decides it.

## obligations: Obligations
Duties to report or to document that may follow.

## long-term: Long-term measures
What would make a repetition unlikely.
`,
  `---
id: incident-responder
version: 1
title: Incident responder
audience: whoever has to act in the next hour
---
Write as one talks to a colleague in a hurry: the next step first, each in one sentence. Nothing that can wait.

## containment: Containment
What to cut off now, and what must stay on.

## evidence: Evidence to keep
What is lost if nobody saves it now.

## priorities: What to investigate first
Questions in order, with where the answer stands.

## notify: Whom to tell
By role, and from when on.

## escalation: When to escalate
What would make this bigger than it looks.
`,
  `---
id: threat-intelligence
version: 1
title: Threat intelligence
audience: analysts who compare incidents
---
Write about behaviour and technique, never about who is behind it: no names of groups, malware or tools unless a context fact says that your own intelligence names them.

## technique: Technique
Which techniques of the list the facts support, and by which fact.

## stage: Stage
Where in the course of an attack such behaviour usually stands, and what would come before and after.

## look-for: What to look for elsewhere
Traces by which the same behaviour would show on other hosts.
`,
  `---
id: executive-briefing
version: 1
title: Executive briefing
audience: management without technical background
---
Write two or three sentences a section, without any technical term. Say what is known, what is not, and what must be decided.

## impact: What it means
The meaning for the organisation.

## decisions: Decisions needed
What management must decide, and by when.

## resources: Resources
Who and what is needed.

## follow-up: Follow-up
When there will be news, and of what.
`,
  `---
id: five-part
version: 1
title: Analysis in five parts
audience: whoever keeps a list of approved devices
---
Write five short parts. Keep to the facts; where a device or the purpose of a port is not known, say so.

## devices: Device identification
Which devices are involved, by address and hardware address, and what they seem to be.

## communication: Communication
Protocols, ports and what those ports are for.

## volume: Traffic volume
How much was sent, in the counts of the facts.

## risk: Risk
The severity that code decided, and the facts behind it.

## recommendation: Recommendation
Block, monitor, investigate or allow, and why.
`,
];
