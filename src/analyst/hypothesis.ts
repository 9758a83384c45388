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
    name: 'contact with a listed host',
    meaning: 'A host or a name that somebody else calls hostile; what it was about is not known from here.',
    techniques: ['T1071', 'T1071.001', 'T1071.004'],
  },
  {
    name: 'cryptocurrency mining',
    meaning: 'A program computes for a pool, at the cost of whoever owns the machine.',
    techniques: ['T1496.001'],
  },
  {
    name: 'command shell over the network',
    meaning: 'Somebody gives commands to a machine through a connection in plain text.',
    techniques: ['T1059', 'T1095', 'T1571'],
  },
  {
    name: 'traffic on the wrong port',
    meaning: 'A protocol uses the port of another one.',
    techniques: ['T1571', 'T1572'],
  },
  {
    name: 'exposed password',
    meaning: 'A password crossed the network so that anyone on the way could read it.',
    techniques: [],
  },
  {
    name: 'lateral movement',
    meaning: 'Somebody goes from one machine inside to the next, or looks around for it.',
    techniques: [
      'T1021.001',
      'T1021.002',
      'T1021.003',
      'T1021.004',
      'T1021.005',
      'T1021.006',
      'T1047',
      'T1049',
      'T1053.005',
      'T1070.001',
      'T1087.002',
      'T1112',
      'T1135',
      'T1210',
      'T1569.002',
      'T1570',
    ],
  },
  {
    name: 'theft of credentials',
    meaning: 'Somebody takes passwords or their like from a machine or a domain.',
    techniques: ['T1003.002', 'T1003.003', 'T1003.004', 'T1003.006', 'T1187', 'T1207', 'T1558.003', 'T1558.004'],
  },
  {
    name: 'encryption of files',
    meaning: 'A machine makes the files of a share useless for everybody else, most often to ask for money.',
    techniques: ['T1486'],
  },
  {
    name: 'interception on the local network',
    meaning: 'A device draws the traffic of others to itself.',
    techniques: ['T1557.002', 'T1557.003'],
  },
  { name: 'address used twice', meaning: 'Two devices have one address, most often by mistake.', techniques: [] },
  {
    name: 'hidden tunnel',
    meaning: 'A program carries data in a protocol that is there for something else.',
    techniques: ['T1071.004', 'T1095', 'T1572'],
  },
  {
    name: 'search for an operator',
    meaning: 'A program tries made-up names until one of them answers.',
    techniques: ['T1568.002'],
  },
  {
    name: 'theft of data',
    meaning: 'Somebody sends data away that should have stayed.',
    techniques: ['T1048.002', 'T1048.003', 'T1071.002', 'T1071.003'],
  },
  {
    name: 'unknown device',
    meaning: 'A device is there that nobody has written down.',
    techniques: ['T1200'],
  },
  {
    name: 'change of behaviour',
    meaning: 'A known device does what nobody has written down for it.',
    techniques: ['T1021.001', 'T1021.002', 'T1021.004', 'T1021.005', 'T1095'],
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
