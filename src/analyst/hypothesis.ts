/**
 * What an incident can look like: the fixed list from which every analyst chooses, with the ATT&CK techniques that go with it. An incident carries
 * those of them that its own facts support (`Incident.techniques`).
 */
export interface Hypothesis {
  readonly name: string;
  /** What the words mean, in one sentence. */
  readonly meaning: string;
  readonly techniques: readonly string[];
}

const HYPOTHESIS_LIST = [
  {
    name: 'port scan',
    meaning: 'Somebody looks for services that answer.',
    techniques: ['T1046', 'T1595', 'T1595.001'],
  },
  {
    name: 'search for hosts',
    meaning: 'Somebody looks for addresses that are in use.',
    techniques: ['T1018', 'T1595.001'],
  },
  { name: 'password guessing', meaning: 'Somebody tries many passwords on one host.', techniques: ['T1110.001'] },
  { name: 'password spraying', meaning: 'Somebody tries a few passwords on many hosts.', techniques: ['T1110.003'] },
  {
    name: 'denial of service',
    meaning: 'Somebody sends so much that the target may have no room for others.',
    techniques: ['T1498.001', 'T1498.002', 'T1499.001'],
  },
  {
    name: 'echo of a flood elsewhere',
    meaning: 'A host answers connections that were made in the name of others.',
    techniques: [],
  },
  {
    name: 'command and control',
    meaning: 'A program asks somebody outside for orders, or keeps a line open for them.',
    techniques: ['T1071', 'T1071.001', 'T1071.003', 'T1095', 'T1571', 'T1573'],
  },
  {
    name: 'regular service traffic',
    meaning: 'A program does its work on a timer or over a lasting connection.',
    techniques: [],
  },
  { name: 'unusual traffic', meaning: 'Traffic unlike the rest; nobody can say yet what it is.', techniques: [] },
] as const satisfies readonly Hypothesis[];

export type HypothesisName = (typeof HYPOTHESIS_LIST)[number]['name'];

export const HYPOTHESES: readonly Hypothesis[] = HYPOTHESIS_LIST;
